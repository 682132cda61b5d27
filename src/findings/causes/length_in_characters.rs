//! WHY-02: a length that counts characters instead of bytes.

use super::derailed;
use super::derailed::{Certainty, DerailedStream, Explained, FrameSlice, is_text, unmasked};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::stream::length_u64;
use crate::websocket::Opcode;

/// WHY-02.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-02",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "the length of a frame counts characters instead of bytes",
    section: "RFC 6455 §5.2",
    explanation: "The payload length is the number of bytes. The sender took the number of \
        characters (or of UTF-16 code units) of its text, which is the same only as long as all \
        of them are ASCII. With the first other character, the payload is longer than declared, \
        and the receiver reads the rest of the text as a header.",
    remedy: "Encode the text as UTF-8 first, and take the length of the encoded bytes for the \
        header: for example Buffer.byteLength(text), len(text.encode()), \
        text.getBytes(UTF_8).length, strlen of the UTF-8 bytes; never the length of the string \
        in characters.",
    example: Example::Text("81 05 47 72 c3 bc c3 9f 65: 5 characters in 7 bytes"),
    explains: Some(
        Cause::of_stream(1_115, "length in characters, not bytes")
            .explaining(derailed::CONSEQUENCES),
    ),
    checks: &[Check::Cause(|context, violations| {
        derailed::test(context, violations, length_in_characters);
    })],
}];

/// Tests whether a frame declares the number of characters of its text.
///
/// Both halves have to hold: the text continues after the declared end up to the next frame, and has as many
/// characters, or UTF-16 code units, as its frame declares bytes.
pub(crate) fn length_in_characters(stream: &DerailedStream<'_>) -> Option<Explained> {
    stream.frames.iter().find_map(|start| {
        let frame = stream.frame(*start)?;
        let is_text = matches!(frame.opcode(), Some(Opcode::Text | Opcode::Continuation));
        if !is_text || frame.header.rsv != 0 || stream.continues_after(&frame) {
            return None;
        }
        UNITS.iter().find_map(|unit| counted_in(*unit, &frame, stream))
    })
}

/// What may be counted instead of bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Unit {
    Characters,
    Utf16,
}

/// Characters first: in most texts, both are the same.
const UNITS: &[Unit] = &[Unit::Characters, Unit::Utf16];

impl Unit {
    fn count(self, character: char) -> u64 {
        match self {
            Self::Characters => 1,
            Self::Utf16 => length_u64(character.len_utf16()),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Utf16 => "UTF-16 code units",
        }
    }
}

fn counted_in(unit: Unit, frame: &FrameSlice, stream: &DerailedStream<'_>) -> Option<Explained> {
    let declared = frame.header.payload_length;
    // A character takes four bytes at most.
    let wire = stream.from(frame.payload());
    let most = usize::try_from(declared.saturating_mul(4)).ok()?.min(wire.len());
    let plain = unmasked(wire.get(..most)?, frame.header.mask, 0);
    let text = match std::str::from_utf8(&plain) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(plain.get(..error.valid_up_to())?).ok()?,
    };
    let mut units = 0_u64;
    let mut length = 0_usize;
    for character in text.chars() {
        if units >= declared {
            break;
        }
        units = units.saturating_add(unit.count(character));
        length = length.saturating_add(character.len_utf8());
    }
    let text = text.get(..length)?;
    let end = frame.payload().saturating_add(length_u64(length));
    let holds = units == declared
        && length_u64(length) > declared
        && is_text(text.as_bytes())
        && stream.ends_frame(end, Certainty::CONFIRMED);
    holds.then(|| Explained {
        start: frame.start,
        end,
        evidence: format!(
            "the frame declares {declared} bytes; its text has {declared} {} in {length} bytes, and \
             ends where {}",
            unit.name(),
            if stream.is_end(end) { "the stream ends" } else { "the next frame begins" },
        ),
        decoded_again: vec![stream.decoded_again(Opcode::Text, text, [frame.start, end])],
        remedy: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Direction::{self, ClientToServer as C, ServerToClient as S};
    use crate::testkit::frame::{masked, masked_with, plain};

    /// A frame whose header declares the length of another payload.
    pub(in crate::findings::causes) fn declared(
        direction: Direction,
        first: u8,
        declared: usize,
        payload: &[u8],
    ) -> Vec<u8> {
        let key = [0x12, 0xf4, 0x56, 0x9a];
        let frame = |payload: &[u8]| match direction {
            C => masked_with(key, first, payload),
            S => plain(first, payload),
        };
        let (header, sent) = (frame(&vec![b'x'; declared]), frame(payload));
        let header = &header[..header.len() - declared];
        [header, &sent[sent.len() - payload.len()..]].concat()
    }

    fn found(direction: Direction, bytes: &[u8], wrong: usize) -> Option<Explained> {
        let frames = vec![length_u64(wrong), 0];
        length_in_characters(&DerailedStream::whole(bytes, direction, frames))
    }

    #[test]
    fn characters_and_code_units_are_counted() {
        #[rustfmt::skip]
        let rows = [
            ("Gr\u{fc}\u{df}e aus K\u{f6}ln",       14, "14 characters in 17 bytes"),
            ("\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}, \u{43c}\u{438}\u{440}", 11, "11 characters in 20 bytes"),
            ("{\"t\":\"20 \u{b0}C\"}",             13, "13 characters in 14 bytes"),
            ("\u{1f600} smile \u{1f600}",              9, "9 characters in 15 bytes"),
            ("\u{1f600} smile \u{1f600}",             11, "11 UTF-16 code units in 15 bytes"),
        ];
        for direction in Direction::BOTH {
            for (text, length, evidence) in rows {
                let frame = declared(direction, 0x81, length, text.as_bytes());
                let wrong = frame.len() - (text.len() - length);
                let next = match direction {
                    C => masked(0x81, b"next"),
                    S => plain(0x81, b"next"),
                };
                for bytes in [[frame.clone(), next].concat(), frame] {
                    let found = found(direction, &bytes, wrong).expect(evidence);
                    assert!(found.evidence.contains(evidence), "{}", found.evidence);
                    assert_eq!(found.decoded_again[0].content, text.as_bytes());
                }
            }
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        let text = "Gr\u{fc}\u{df}e aus K\u{f6}ln".as_bytes();
        // Neither characters nor code units.
        let bytes = [declared(S, 0x81, 15, text), plain(0x81, b"next")].concat();
        assert_eq!(found(S, &bytes, 17), None);
        // Characters, but no frame at their end.
        let bytes = [&declared(S, 0x81, 14, text)[..], b"and more"].concat();
        assert_eq!(found(S, &bytes, 16), None);
        // A length that is right, and a frame with a reserved bit.
        let bytes = [plain(0x81, text), plain(0xb1, b"next")].concat();
        assert_eq!(found(S, &bytes, 19), None);
    }
}
