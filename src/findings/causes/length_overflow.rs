//! WHY-03: a length of 126 or more written into the 7-bit field.

use super::derailed;
use super::derailed::{Certainty, Content, DerailedStream, Explained, FrameSlice, unmasked};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::stream::length_u64;
use crate::text::words::hex;
use crate::websocket::Opcode;

/// WHY-03.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-03",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "a length of 126 or more was written into the 7-bit field",
    section: "RFC 6455 §5.2",
    explanation: "The second byte of a header has 7 bits for the length, up to 125. Longer \
        payloads need 126 there and the length in the next 16 bits, or 127 and 64 bits. The \
        sender wrote the length itself: its upper bits are lost, or set the MASK bit, and the \
        payload is taken for a masking key or an extended length.",
    remedy: "Write lengths of 126 to 65535 as 126 and 16 bits, longer ones as 127 and 64 bits, \
        in network byte order (RFC 6455 §5.2). Tests with messages of 125, 126, 65535 and 65536 \
        bytes find it.",
    example: Example::Text("81 84 and a text of 132 bytes: 84 is 132, read as MASK and 4"),
    explains: Some(
        Cause::of_stream(1_116, "length of 126 or more in 7 bits")
            .explaining(derailed::CONSEQUENCES),
    ),
    checks: &[Check::Cause(|context, violations| {
        derailed::test(context, violations, length_overflow);
    })],
}];

/// Tests whether a frame has the low bits of its length in the field for lengths up to 125.
///
/// Both halves have to hold: the payload continues over what would be an extended length or a masking key and
/// after what would be the end, and the next frame starts where a length leads whose low bits are those.
pub(crate) fn length_overflow(stream: &DerailedStream<'_>) -> Option<Explained> {
    stream.frames.iter().find_map(|start| {
        let frame = stream.frame(*start)?;
        let opcode = frame.opcode().filter(|opcode| !matches!(opcode, Opcode::Close))?;
        if frame.header.rsv != 0 || frame.header.is_control() || stream.continues_after(&frame) {
            return None;
        }
        let [_, second, ..] = stream.from(*start) else { return None };
        let payload = Payload::after_two_bytes(stream, &frame)?;
        lengths(*second, stream.must_mask())
            .take_while(|length| payload.may_have(*length))
            .find(|length| payload.ends_after(*length, opcode, stream, &frame))
            .map(|length| payload.explained(length, *second, opcode, stream, &frame))
    })
}

/// What follows the first two bytes of a frame, if they are all of its header but a masking key.
struct Payload<'a> {
    /// Stream offset.
    start: u64,
    /// As sent.
    wire: &'a [u8],
    key: Option<[u8; 4]>,
}

impl<'a> Payload<'a> {
    fn after_two_bytes(stream: &DerailedStream<'a>, frame: &FrameSlice) -> Option<Self> {
        let start = frame.start.saturating_add(2);
        let wire = stream.from(start);
        if !stream.must_mask() {
            return Some(Self { start, wire, key: None });
        }
        let (key, wire) = wire.split_first_chunk()?;
        Some(Self { start: start.saturating_add(4), wire, key: Some(*key) })
    }

    fn may_have(&self, length: usize) -> bool {
        length <= self.wire.len()
    }

    fn content(&self, length: usize) -> Vec<u8> {
        unmasked(self.wire.get(..length).unwrap_or_default(), self.key, 0)
    }

    fn ends_after(
        &self,
        length: usize,
        opcode: Opcode,
        stream: &DerailedStream<'_>,
        frame: &FrameSlice,
    ) -> bool {
        let end = self.start.saturating_add(length_u64(length));
        if opcode != Opcode::Text {
            return stream.frames_at(end) >= Certainty::SEARCHED;
        }
        let content = || {
            let content = self.content(length);
            if frame.header.fin { Content::of(&content) } else { Content::of_fragment(&content) }
        };
        if stream.is_end(end) {
            return content() == Some(Content::Json);
        }
        let leads_on =
            stream.frames_at(end) >= Certainty::CONFIRMED || is_repeated(stream, frame, end);
        leads_on && content().is_some()
    }

    fn explained(
        &self,
        length: usize,
        second: u8,
        opcode: Opcode,
        stream: &DerailedStream<'_>,
        frame: &FrameSlice,
    ) -> Explained {
        let end = self.start.saturating_add(length_u64(length));
        let ending = if stream.is_end(end) { "the stream ends" } else { "the next frame begins" };
        let misread = if stream.must_mask() || second & MASK == 0 {
            String::new()
        } else {
            format!(
                ": it sets the MASK bit, and the \"masking key\" {} is the beginning of the payload",
                hex(self.wire.get(..4).unwrap_or(self.wire)),
            )
        };
        Explained {
            start: frame.start,
            end,
            evidence: format!(
                "the second byte of the frame, {second:02x}, is the end of the length {length} \
                 ({length:#x}), which does not fit into 7 bits{misread}; {ending} after {length} bytes"
            ),
            decoded_again: vec![stream.decoded_again(
                opcode,
                self.content(length),
                [frame.start, end],
            )],
            remedy: None,
        }
    }
}

/// Whether a frame of the same kind starts at an offset, whose length is not the true one, either.
fn is_repeated(stream: &DerailedStream<'_>, frame: &FrameSlice, offset: u64) -> bool {
    let is_same = stream.bytes(offset, 1) == stream.bytes(frame.start, 1);
    let next = FrameSlice { start: offset, ..*frame };
    let Some(payload) = Payload::after_two_bytes(stream, &next).filter(|_| is_same) else {
        return false;
    };
    let beginning = payload.content(payload.wire.len().min(BEGINNING));
    beginning.len() == BEGINNING && Content::of_fragment(&beginning).is_some()
}

/// The lengths whose low bits a second byte may be, from 126 on: those that were cut to 7 or 8 bits, or
/// added to the MASK bit.
fn lengths(second: u8, masks: bool) -> impl Iterator<Item = usize> {
    let low = usize::from(second & !MASK);
    let step = usize::from(MASK);
    (0..MOST / step).map(move |times| low + times * step).filter(move |length| {
        // Without a mask, the eighth bit is one of the length, unless it was cut to seven.
        *length >= 126 && (masks || second & MASK == 0 || length & step != 0)
    })
}

/// The MASK bit of the second byte (RFC 6455 §5.2).
const MASK: u8 = 0x80;

/// Bytes of the next payload that have to be readable, if its header is as wrong.
const BEGINNING: usize = 24;

/// Lengths that are tried, in bytes: those of 16 bits.
const MOST: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Direction::{self, ClientToServer as C, ServerToClient as S};
    use crate::testkit::frame::{masked, masked_with, plain};

    /// A frame with this second byte, whatever the length of its payload, and what follows it.
    fn stream(direction: Direction, second: u8, payload: &[u8]) -> Vec<u8> {
        let key = [0x12, 0xf4, 0x56, 0x9a];
        let (masked_bytes, next) = (masked_with(key, 0x81, payload), masked(0x81, b"next"));
        let wire = &masked_bytes[masked_bytes.len() - payload.len()..];
        match direction {
            C => [&[0x81, second][..], &key, wire, &next].concat(),
            S => [&[0x81, second], payload, &plain(0x81, b"next")].concat(),
        }
    }

    fn found(direction: Direction, bytes: &[u8]) -> Option<Explained> {
        length_overflow(&DerailedStream::whole(bytes, direction, vec![0]))
    }

    #[test]
    fn lengths_are_found_by_their_low_bits() {
        let words = "the quick brown fox jumps over the lazy dog; ".repeat(50);
        for length in [126, 127, 128, 132, 200, 253, 254, 255, 256, 300, 500, 1_000, 2_000] {
            let text = &words.as_bytes()[..length];
            let low = length.to_le_bytes()[0];
            #[rustfmt::skip]
            let rows = [(S, low), (S, low & 0x7f), (C, low | 0x80), (C, low.wrapping_add(0x80))];
            for (direction, second) in rows {
                let bytes = stream(direction, second, text);
                let Some(found) = found(direction, &bytes) else {
                    panic!("{length} as {second:02x} {direction:?}")
                };
                assert_eq!(found.decoded_again[0].content, text, "{length} as {second:02x}");
            }
        }
    }

    #[test]
    fn all_frames_may_be_wrong() {
        let words = "the quick brown fox jumps over the lazy dog; ".repeat(50);
        for direction in Direction::BOTH {
            let frame = stream(direction, 0x84, &words.as_bytes()[..132]);
            let bytes = [&frame[..frame.len() - if direction == C { 10 } else { 6 }]; 3].concat();
            assert!(found(direction, &bytes).is_some());
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        let words = "the quick brown fox jumps over the lazy dog; ".repeat(4);
        let text = &words.as_bytes()[..132];
        // One byte more or less than the length leads to.
        for more in [&words.as_bytes()[..131], &words.as_bytes()[..133]] {
            assert_eq!(found(S, &stream(S, 0x84, more)), None);
        }
        // A server that masks.
        let bytes = [masked(0x81, text), masked(0x81, b"next")].concat();
        assert_eq!(found(S, &bytes), None);
        // A sender that died.
        let bytes = &plain(0x81, text)[..90];
        assert_eq!(found(S, bytes), None);
        assert_eq!(found(C, &masked(0x81, text)[..90]), None);
    }
}
