//! WHY-04: an extended length in the wrong byte order.

use super::derailed;
use super::derailed::{Certainty, Content, DerailedStream, Explained, FrameSlice, unmasked};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::text::words::hex;
use crate::websocket::Opcode;

/// WHY-04.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-04",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "the extended length is in the wrong byte order",
    section: "RFC 6455 §5.2",
    explanation: "Extended lengths are in network byte order: the most significant byte comes \
        first. Those of the sender are in the order of its processor (little endian). The \
        receiver waits for a payload of another length, takes the frames that follow for a part \
        of it, or the payload for a header.",
    remedy: "Convert the length to network byte order (big endian) before it is written: htons \
        for 16 bits, htobe64 for 64 bits, to_be_bytes, writeUInt16BE and the like.",
    example: Example::Text("81 7e f0 00 and a text of 240 bytes: f0 00 is 61440, 00 f0 is 240"),
    explains: Some(
        Cause::of_stream(1_117, "length in the wrong byte order")
            .explaining(derailed::CONSEQUENCES),
    ),
    checks: &[Check::Cause(|context, violations| {
        derailed::test(context, violations, length_byte_order);
    })],
}];

/// Tests whether the extended length of a frame leads to the next one if its bytes are reversed.
///
/// Both halves have to hold: the declared length does not lead to a frame, and the reversed one does, with
/// a payload that can be read if it is a text.
pub(crate) fn length_byte_order(stream: &DerailedStream<'_>) -> Option<Explained> {
    stream.frames.iter().find_map(|start| {
        let frame = stream.frame(*start)?;
        let opcode = frame.opcode()?;
        let declared = frame.header.payload_length;
        let reversed = match frame.header.length_bits() {
            16 => u64::from(u16::try_from(declared).ok()?.swap_bytes()),
            64 => declared.swap_bytes(),
            _ => return None,
        };
        let is_misread = reversed != declared && reversed > 0 && !stream.continues_after(&frame);
        if !is_misread || frame.header.rsv & 0b011 != 0 || frame.header.is_control() {
            return None;
        }
        let end = frame.payload().checked_add(reversed)?;
        let wire = stream.bytes(frame.payload(), reversed)?;
        let payload = unmasked(wire, frame.header.mask, 0);
        leads_on(stream, &frame, &payload, end).then(|| {
            let bytes = length_bytes(stream, &frame);
            let ending = if stream.is_end(end) { "the stream ends" } else { "the next frame begins" };
            let opcode = if frame.header.rsv1() { Opcode::Binary } else { opcode };
            Explained {
                start: frame.start,
                end,
                evidence: format!(
                    "the extended length {} is {declared} in network byte order, and {reversed} with \
                     its bytes reversed; {ending} after {reversed} bytes",
                    hex(bytes)
                ),
                decoded_again: vec![stream.decoded_again(opcode, payload, [frame.start, end])],
                remedy: None,
            }
        })
    })
}

/// Whether the payload ends at an offset.
fn leads_on(stream: &DerailedStream<'_>, frame: &FrameSlice, payload: &[u8], end: u64) -> bool {
    if !frame.is_plain_text() {
        return stream.frames_at(end) >= Certainty::SEARCHED;
    }
    let content =
        if frame.header.fin { Content::of(payload) } else { Content::of_fragment(payload) };
    match content {
        Some(Content::Json) => {
            stream.ends_frame(end, Certainty::CONFIRMED) || is_repeated(stream, frame, end)
        }
        Some(Content::Text) => {
            stream.frames_at(end) >= Certainty::CONFIRMED || is_repeated(stream, frame, end)
        }
        None => false,
    }
}

/// Whether a frame of the same kind starts at an offset, with a length that is as wrong.
fn is_repeated(stream: &DerailedStream<'_>, frame: &FrameSlice, offset: u64) -> bool {
    let [first, header] = [frame.header, stream.frame(offset).map_or(frame.header, |it| it.header)];
    let length = match header.length_bits() {
        16 => u16::try_from(header.payload_length).map_or(0, |it| u64::from(it.swap_bytes())),
        64 => header.payload_length.swap_bytes(),
        _ => 0,
    };
    stream.frame(offset).is_some()
        && (header.fin, header.rsv, header.opcode) == (first.fin, first.rsv, first.opcode)
        && header.mask.is_some() == first.mask.is_some()
        && (126..LONGEST).contains(&length)
}

/// A reversed length that is still wrong, in bytes.
const LONGEST: u64 = 1 << 32;

/// The bytes of the extended length.
fn length_bytes<'a>(stream: &DerailedStream<'a>, frame: &FrameSlice) -> &'a [u8] {
    let length = u64::from(frame.header.length_bits() / 8);
    stream.bytes(frame.start.saturating_add(2), length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Direction::{self, ClientToServer as C, ServerToClient as S};
    use crate::testkit::frame::{masked, plain};

    fn frame(direction: Direction, first: u8, payload: &[u8]) -> Vec<u8> {
        match direction {
            C => masked(first, payload),
            S => plain(first, payload),
        }
    }

    /// A frame with its extended length reversed.
    fn reversed(direction: Direction, first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = frame(direction, first, payload);
        match frame[1] & 0x7f {
            0x7e => frame[2..4].reverse(),
            _ => frame[2..10].reverse(),
        }
        frame
    }

    fn found(direction: Direction, bytes: &[u8]) -> Option<Explained> {
        length_byte_order(&DerailedStream::whole(bytes, direction, vec![0]))
    }

    #[test]
    fn reversed_lengths_lead_to_the_next_frame() {
        for direction in Direction::BOTH {
            for length in [126_usize, 240, 258, 999, 5_000, 65_535, 70_000] {
                let text = b"abc ".repeat(length.div_ceil(4));
                let text = &text[..length];
                let next = frame(direction, 0x81, b"next");
                let bytes = [reversed(direction, 0x81, text), next.clone()].concat();
                let Some(found_text) = found(direction, &bytes) else {
                    // A palindrome is not misread.
                    assert_eq!(length.swap_bytes() >> 48, length, "{length}");
                    continue;
                };
                assert_eq!(found_text.decoded_again[0].content, text, "{length}");
                let bytes = [reversed(direction, 0x82, text), next.clone(), next].concat();
                assert!(found(direction, &bytes).is_some(), "binary, {length}");
                // The next one is as wrong as this one.
                let again = reversed(direction, 0x81, &text[..text.len() - 1]);
                let bytes = [reversed(direction, 0x81, text), again].concat();
                assert!(found(direction, &bytes).is_some(), "again, {length}");
            }
        }
    }

    #[test]
    fn a_sender_that_died_is_not_misread() {
        for direction in Direction::BOTH {
            let whole = frame(direction, 0x81, &b"abc ".repeat(200));
            for cut in 8..whole.len() {
                assert_eq!(found(direction, &whole[..cut]), None, "{cut}");
            }
            // A length that is right, and something else that is wrong after it.
            let bytes = [&whole[..], b"\xf3\x7f\x05"].concat();
            assert_eq!(found(direction, &bytes), None);
        }
    }
}
