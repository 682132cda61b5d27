//! WHY-10: a payload that is masked incorrectly.

use super::derailed;
use super::derailed::{
    Certainty, Content, DerailedStream, Explained, FrameSlice, MessageSlice, unmasked,
};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::text::words::hex;
use crate::websocket::Opcode;

/// WHY-10.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-10",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "a payload is not masked as its header says",
    section: "RFC 6455 §5.3",
    explanation: "Byte i of a payload is combined (exclusive or) with byte i modulo 4 of the key in \
        the header of its frame. With this key, the payload is not a text; without it, or with \
        its bytes in another order, it is. So the sender sets the bit and does not mask, masks \
        twice, or does not start with the first byte of the key in each frame.",
    remedy: "Mask each payload exactly once, with the key of its own frame, starting with key byte \
        0 in every frame (the position counts from the start of the payload, not of the message \
        or the stream).",
    example: Example::Text("81 85 37 fa 21 3d 48 65 6c 6c 6f: MASK is set, \"Hello\" is plain"),
    explains: Some(
        Cause::of_stream(1_120, "masked incorrectly").explaining(derailed::CONSEQUENCES),
    ),
    checks: &[Check::Cause(|context, violations| {
        derailed::test(context, violations, mask);
    })],
}];

/// Tests whether payloads are texts if they are unmasked in another way than their header says.
pub(crate) fn mask(stream: &DerailedStream<'_>) -> Option<Explained> {
    absent_key(stream).or_else(|| {
        let messages = stream.messages();
        OTHER_WAYS.iter().find_map(|way| way.holds(stream, &messages))
    })
}

/// How a payload may be masked in place of how it should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Masking {
    /// Not at all.
    None,
    /// Starting with this byte of the key.
    From(u8),
    /// With the bytes of the key in reverse order.
    Reversed,
}

const OTHER_WAYS: &[Masking] =
    &[Masking::None, Masking::From(1), Masking::From(2), Masking::From(3), Masking::Reversed];

impl Masking {
    fn read(self, frame: &FrameSlice, wire: &[u8]) -> Vec<u8> {
        match (self, frame.header.mask) {
            (Self::From(byte), key) => unmasked(wire, key, u64::from(byte)),
            (Self::Reversed, Some([a, b, c, d])) => unmasked(wire, Some([d, c, b, a]), 0),
            (Self::None, _) | (Self::Reversed, None) => wire.to_vec(),
        }
    }

    /// Tests it on the first message, and on those after it as long as the first one is too short.
    fn holds(self, stream: &DerailedStream<'_>, messages: &[MessageSlice]) -> Option<Explained> {
        let first = messages.first()?;
        let declared = first.payload(stream)?;
        if Content::of(&declared).is_some() {
            // It is a text as its header says.
            return None;
        }
        let mut seen = 0;
        let mut decoded_again = Vec::new();
        for message in messages {
            let is_masked =
                message.is_text() && !message.is_marked() && message.frames.iter().all(has_key);
            if !is_masked {
                break;
            }
            let content = message.payload_by(stream, |frame, wire| self.read(frame, wire))?;
            let kind = Content::of(&content)?;
            seen += content.len();
            let end = message.end();
            let again = stream.decoded_again(Opcode::Text, content, message.offsets());
            decoded_again.push(again);
            if seen >= CONVINCING || (kind == Content::Json && seen >= SHORTEST_JSON) {
                let key = first.frames.first()?.header.mask?;
                let evidence = self.evidence(key);
                let start = first.start();
                return Some(Explained { start, end, evidence, decoded_again, remedy: None });
            }
        }
        None
    }

    fn evidence(self, key: [u8; 4]) -> String {
        let key = hex(&key);
        match self {
            Self::None => format!(
                "unmasked with the key {key}, the payload is not a text; as it is, it is one: the MASK \
                 bit is set, but nothing is masked (or it is masked twice)"
            ),
            Self::From(byte) => format!(
                "unmasked with the key {key}, the payload is not a text; starting with byte {byte} of \
                 the key, it is one: the key does not start anew in this frame"
            ),
            Self::Reversed => format!(
                "unmasked with the key {key}, the payload is not a text; with the bytes of the key in \
                 reverse order, it is one"
            ),
        }
    }
}

/// A frame with the MASK bit and without a key: the text follows the length, and the next frame the text.
fn absent_key(stream: &DerailedStream<'_>) -> Option<Explained> {
    stream.frames.iter().find_map(|start| {
        let frame = stream.frame(*start)?;
        let key = frame.header.mask.filter(|_| frame.is_plain_text())?;
        if frame.header.rsv != 0 || stream.continues_after(&frame) {
            return None;
        }
        let payload = frame.payload().checked_sub(KEY_LENGTH)?;
        let end = frame.end().checked_sub(KEY_LENGTH)?;
        let content = stream.bytes(payload, frame.header.payload_length)?;
        let kind = Content::of(content)?;
        let is_repeated = || {
            let next = stream.bytes(end, 2).zip(stream.bytes(*start, 1));
            next.is_some_and(|(next, first)| next.starts_with(first) && next.ends_with_mask())
        };
        let ends = stream.frames_at(end) >= Certainty::CONFIRMED
            || is_repeated()
            || (stream.is_end(end) && kind == Content::Json);
        ends.then(|| Explained {
            start: *start,
            end,
            evidence: format!(
                "the MASK bit is set, but no key follows: {}, where it should be, is the beginning of \
                 the text, and {} at its end without a key",
                hex(&key),
                if stream.is_end(end) { "the stream ends" } else { "the next frame begins" },
            ),
            decoded_again: vec![stream.decoded_again(Opcode::Text, content, [*start, end])],
            remedy: Some(
                "Send the four bytes of the masking key after the length and mask the payload with \
                 them (a client), or leave the MASK bit 0 (a server).",
            ),
        })
    })
}

/// The first two bytes of a header.
trait HeaderBytes {
    fn ends_with_mask(&self) -> bool;
}

impl HeaderBytes for [u8] {
    fn ends_with_mask(&self) -> bool {
        self.last().is_some_and(|byte| byte & 0x80 != 0)
    }
}

/// Whether a frame has a key that changes something, and that another order of its bytes changes.
fn has_key(frame: &FrameSlice) -> bool {
    frame.header.mask.is_some_and(|key| key != [0; 4])
}

/// Bytes of a masking key (RFC 6455 §5.2).
const KEY_LENGTH: u64 = 4;

/// Bytes that are a text under one of a few other keys, but not by chance.
const CONVINCING: usize = 12;

/// The same of JSON.
const SHORTEST_JSON: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Direction::{self, ClientToServer as C, ServerToClient as S};
    use crate::testkit::frame::masked_with;

    const KEY: [u8; 4] = [0x92, 0xf4, 0x56, 0x9a];

    /// A frame whose payload is masked with another key than the one in its header.
    fn frame(first: u8, key: [u8; 4], text: &[u8]) -> Vec<u8> {
        let masked = masked_with(key, first, text);
        let header = masked_with(KEY, first, text);
        let length = header.len() - text.len();
        [&header[..length], &masked[length..]].concat()
    }

    fn found(direction: Direction, bytes: &[u8]) -> Option<Explained> {
        mask(&DerailedStream::whole(bytes, direction, vec![0]))
    }

    #[test]
    fn other_ways_of_masking_are_found() {
        let [a, b, c, d] = KEY;
        #[rustfmt::skip]
        let rows = [
            ([0; 4],       "nothing is masked"),
            ([b, c, d, a], "byte 1 of the key"),
            ([c, d, a, b], "byte 2 of the key"),
            ([d, a, b, c], "byte 3 of the key"),
            ([d, c, b, a], "reverse order"),
        ];
        for (key, evidence) in rows {
            for text in [&br#"{"type":"hello"}"#[..], b"just some words"] {
                let found = found(C, &frame(0x81, key, text)).expect(evidence);
                assert!(found.evidence.contains(evidence), "{}", found.evidence);
                assert_eq!(found.decoded_again[0].content, text);
            }
            // Two short ones.
            let short = frame(0x81, key, b"hello!");
            assert_eq!(found(C, &short), None);
            assert!(found(C, &short.repeat(2)).is_some(), "{evidence}");
        }
    }

    #[test]
    fn an_absent_key_is_found() {
        let text = br#"{"type":"hello"}"#;
        let bytes = [&[0x81, 0x80 | 16][..], text, &[0x81, 0x80 | 16], text].concat();
        for direction in [C, S] {
            let found = found(direction, &bytes).unwrap();
            assert!(found.evidence.contains("no key follows"), "{}", found.evidence);
            assert_eq!(found.decoded_again[0].content, text);
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        #[rustfmt::skip]
        let rows: &[(&str, Vec<u8>)] = &[
            ("Latin-1, masked as it should be", frame(0x81, KEY, b"caf\xe9 au lait, s'il vous pla\xeet")),
            ("binary", frame(0x82, [0; 4], b"just some words")),
            ("a key of zero", masked_with([0; 4], 0x81, b"just some words\xff")),
            ("another key", frame(0x81, [1, 2, 3, 0xf4], b"just some words")),
        ];
        for (name, bytes) in rows {
            assert_eq!(found(C, bytes), None, "{name}");
        }
    }
}
