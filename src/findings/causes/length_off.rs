//! WHY-05: a length that is off by a few bytes.

use super::derailed;
use super::derailed::{Certainty, Content, DerailedStream, Explained, FrameSlice, unmasked};
use crate::findings::decoded_again::DecodedAgain;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::engine::violation::Violations;
use crate::findings::state::recent_messages::RecentMessage;
use crate::findings::words::{counted, packets_in_words};
use crate::stream::{Direction, Side, length_u64};
use crate::text::words::hex;
use crate::websocket::Opcode;

/// WHY-05.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-05",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "the length of a frame is off by a few bytes",
    section: "RFC 6455 §5.2",
    explanation: "The next frame begins a few bytes before or after the declared end of this \
        one: the sender counts something that it does not send, or sends something that it does \
        not count. Usual are the NUL at the end of a C string, a line break, the header, or the \
        masking key. The receiver reads the bytes between as a header.",
    remedy: "Take the length of exactly the bytes that are written after the header: without a \
        NUL that ends a string, with every line break that is sent, without the header and the \
        masking key.",
    example: Example::Text("81 05 hello\\n: the newline after the 5 bytes is not counted"),
    explains: Some(
        Cause::of_stream(1_118, "length off by a few bytes").explaining(derailed::CONSEQUENCES),
    ),
    checks: &[Check::Cause(|context, violations| {
        derailed::test(context, violations, length_off);
        if violations.is_empty() {
            counted_nul(context, violations);
        }
    })],
}];

/// Reports a NUL that was sent as part of a text, and counted: the stream is intact, but most receivers cannot
/// read the text.
///
/// Only JSON shows that it was complete before. Protocols that end their messages with NUL (STOMP) do not
/// begin them with a bracket.
fn counted_nul(context: &CauseContext<'_>, violations: &mut Violations) {
    let value = |message: &RecentMessage| {
        let value = message.content.strip_suffix(b"\0")?;
        let is_ended = message.opcode == Opcode::Text && derailed::is_json(value);
        is_ended.then(|| value.to_vec())
    };
    for direction in Direction::BOTH {
        let recent = &context.subject.state.sides.get(direction).recent;
        let found = recent.backwards().find_map(|message| Some((message, value(message)?)));
        let Some((message, value)) = found else { continue };
        let offsets = [message.span.start, message.span.end];
        let again = DecodedAgain::new(direction, Opcode::Text, value, offsets);
        violations
            .add(format!(
                "the text of {} ends with a NUL after a complete JSON value",
                packets_in_words(message.span)
            ))
            .direction(direction)
            .side(Side::sender(direction))
            .span(message.span)
            .decoded_again(vec![again])
            .remedy(
                "The terminating NUL of a string is sent and counted. Send the text without it: its \
                 length is strlen(text), not sizeof or strlen + 1.",
            )
            .severity(derailed::severity(context, direction));
        return;
    }
}

/// Tests whether the next frame starts a few bytes before or after the declared end of a frame.
///
/// Both halves have to hold: the frames do not continue at the declared end, and they do there, with a
/// payload that can be read if it is a text.
pub(crate) fn length_off(stream: &DerailedStream<'_>) -> Option<Explained> {
    stream.frames.iter().find_map(|start| {
        let frame = stream.frame(*start)?;
        let opcode = frame.opcode()?;
        if frame.header.rsv & 0b011 != 0 || is_right(stream, &frame) {
            return None;
        }
        (1..=MOST).find_map(|distance| {
            let more = found(stream, &frame, opcode, Offset::More(distance));
            more.or_else(|| found(stream, &frame, opcode, Offset::Fewer(distance)))
        })
    })
}

/// Whether the length of a frame leads to the next one, and what is before it can be read.
fn is_right(stream: &DerailedStream<'_>, frame: &FrameSlice) -> bool {
    let is_misread = || {
        let payload = stream.payload(frame).filter(|_| frame.is_plain_text() && frame.header.fin);
        payload.is_some_and(|payload| Content::of(&payload).is_none())
    };
    stream.continues_after(frame) && !is_misread()
}

/// How many bytes were sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Offset {
    /// So many more than declared.
    More(u64),
    /// So many fewer.
    Fewer(u64),
}

fn found(
    stream: &DerailedStream<'_>,
    frame: &FrameSlice,
    opcode: Opcode,
    offset: Offset,
) -> Option<Explained> {
    let declared = frame.header.payload_length;
    let sent = match offset {
        Offset::More(more) => declared.checked_add(more)?,
        Offset::Fewer(fewer) => declared.checked_sub(fewer)?,
    };
    let end = frame.payload().checked_add(sent)?;
    // Most probably, what is wrong with this frame is wrong with all of them.
    let more = i64::try_from(sent).ok()?.checked_sub_unsigned(declared)?;
    let certainty = stream.frames_at(end).max(stream.frames_apart(end, more));
    if certainty < Certainty::SEARCHED {
        return None;
    }
    // Of a large frame, only the end may be there.
    let payload = match stream.bytes(frame.payload(), sent) {
        Some(wire) => Some(Payload::read(frame, wire, declared)?),
        None => None,
    };
    let extra = match (&payload, offset) {
        (Some(payload), Offset::More(_)) => payload.extra.clone(),
        _ => Vec::new(),
    };
    let remedy = remedy(&extra, offset, frame);
    let opcode = if frame.header.rsv1() { Opcode::Binary } else { opcode };
    Some(Explained {
        start: frame.start,
        end,
        evidence: evidence(declared, sent, &extra, offset),
        decoded_again: payload
            .map(|payload| stream.decoded_again(opcode, payload.content, [frame.start, end]))
            .into_iter()
            .collect(),
        remedy,
    })
}

/// A payload of another length than its frame declares.
struct Payload {
    /// Up to the declared end, or what there is of it.
    content: Vec<u8>,
    /// What follows it, up to the next frame.
    extra: Vec<u8>,
}

impl Payload {
    /// Reads a payload; `None` if it should be a text and is not.
    fn read(frame: &FrameSlice, wire: &[u8], declared: u64) -> Option<Self> {
        let declared = usize::try_from(declared).ok()?;
        let key = frame.header.mask;
        let (content, extra) = wire.split_at_checked(declared).unwrap_or((wire, &[]));
        let masked = unmasked(extra, key, length_u64(content.len()));
        let payload = Self { content: unmasked(content, key, 0), extra: masked };
        if !frame.is_plain_text() {
            return Some(payload);
        }
        // What is not counted may not be masked, either.
        let is_ending = |extra: &[u8]| extra.iter().all(|byte| matches!(byte, 0 | b'\r' | b'\n'));
        if !extra.is_empty() && is_ending(extra) {
            return payload.is_text(frame).then(|| Self { extra: extra.to_vec(), ..payload });
        }
        if is_ending(&payload.extra) {
            return payload.is_text(frame).then_some(payload);
        }
        let content = [&payload.content[..], &payload.extra[..]].concat();
        let joined = Self { content, extra: payload.extra };
        joined.is_text(frame).then_some(joined)
    }

    fn is_text(&self, frame: &FrameSlice) -> bool {
        let text = self.content.strip_suffix(b"\0").unwrap_or(&self.content);
        let content = if frame.header.fin { Content::of(text) } else { Content::of_fragment(text) };
        content.is_some()
    }
}

fn evidence(declared: u64, sent: u64, extra: &[u8], offset: Offset) -> String {
    let bytes = if extra.is_empty() { String::new() } else { format!(" ({})", hex(extra)) };
    let (declared, sent) = (counted(declared, "byte"), counted(sent, "byte"));
    match offset {
        Offset::More(more) => format!(
            "the frame declares {declared}, but {sent} follow up to the next frame: {} too \
             many{bytes}",
            counted(more, "byte")
        ),
        Offset::Fewer(fewer) => format!(
            "the frame declares {declared}, but the next frame begins after {sent}: {} too few",
            counted(fewer, "byte")
        ),
    }
}

/// What probably was miscounted.
fn remedy(extra: &[u8], offset: Offset, frame: &FrameSlice) -> Option<&'static str> {
    let header = u64::from(frame.header.header_length);
    match (offset, extra) {
        (Offset::More(_), [0]) => Some(
            "A terminating NUL was sent and not counted. Send exactly as many bytes as the header \
             declares: the text without its terminating NUL.",
        ),
        (Offset::More(_), [b'\n'] | [b'\r', b'\n']) => Some(
            "A line break (newline, 0a) after the text was sent and not counted. Count it, or do \
             not send it: frames need no separator. Look for a print or println to the socket.",
        ),
        (Offset::Fewer(1), _) => Some(
            "One byte was counted and not sent, for example a terminating NUL or a newline that the \
             writer removed. Take the length of exactly the bytes that are written.",
        ),
        (Offset::Fewer(4), _) if frame.header.mask.is_some() => Some(
            "The masking key was counted: the length in the header is that of the payload alone \
             (RFC 6455 §5.2).",
        ),
        (Offset::Fewer(fewer), _) if fewer == header => Some(
            "The header was counted: the length in the header is that of the payload alone (RFC \
             6455 §5.2).",
        ),
        (Offset::More(_) | Offset::Fewer(_), _) => None,
    }
}

/// Bytes by which a length may be off: a header with its masking key, and what ends a line.
const MOST: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::Scenario;
    use crate::stream::Direction::{ClientToServer as C, ServerToClient as S};
    use crate::testkit::frame::{masked, masked_with, plain};

    const KEY: [u8; 4] = [0x12, 0xf4, 0x56, 0x9a];

    fn frame(direction: Direction, first: u8, payload: &[u8]) -> Vec<u8> {
        match direction {
            C => masked_with(KEY, first, payload),
            S => plain(first, payload),
        }
    }

    /// A frame that declares another length than its payload has, and frames after it.
    fn stream(direction: Direction, first: u8, declared: usize, payload: &[u8]) -> Vec<u8> {
        let header = frame(direction, first, &vec![b'x'; declared]);
        let sent = frame(direction, first, payload);
        let next = match direction {
            C => masked(0x81, b"next"),
            S => plain(0x81, b"next"),
        };
        let payload = &sent[sent.len() - payload.len()..];
        [&header[..header.len() - declared], payload, &next, &next].concat()
    }

    fn found_in(direction: Direction, bytes: &[u8]) -> Option<Explained> {
        length_off(&DerailedStream::whole(bytes, direction, vec![0]))
    }

    #[test]
    fn the_next_frame_shows_by_how_much_it_is_off() {
        let text = b"{\"type\":\"hello\",\"from\":\"the other side\"}";
        for direction in Direction::BOTH {
            for declared in text.len() - 9..text.len() + 9 {
                let found = found_in(direction, &stream(direction, 0x81, declared, text));
                if declared == text.len() {
                    assert_eq!(found, None);
                    continue;
                }
                let found = found.expect("a frame after it");
                assert_eq!(found.decoded_again[0].content, text, "{declared}");
                let distance = text.len().abs_diff(declared);
                let words = counted(length_u64(distance), "byte");
                assert!(found.evidence.contains(&words), "{}", found.evidence);
            }
        }
    }

    #[test]
    fn all_frames_may_be_off() {
        for direction in Direction::BOTH {
            for (more, declared) in [(1, 10), (2, 9), (-1, 12), (-4, 15)] {
                let frame = stream(direction, 0x81, declared, b"some words\n");
                let next = match direction {
                    C => 2 * (6 + 4),
                    S => 2 * (2 + 4),
                };
                let frame = &frame[..frame.len() - next];
                let bytes = [frame, frame, frame].concat();
                assert!(found_in(direction, &bytes).is_some(), "{more}");
            }
        }
    }

    #[test]
    fn what_ends_a_line_or_a_string_is_named() {
        for direction in Direction::BOTH {
            for (ending, word) in [("\n", "newline"), ("\r\n", "newline"), ("\0", "NUL")] {
                let sent = ["some words", ending].concat();
                let bytes = stream(direction, 0x81, 10, sent.as_bytes());
                let found = found_in(direction, &bytes).unwrap();
                assert!(found.remedy.unwrap().contains(word));
                assert_eq!(found.decoded_again[0].content, b"some words");
            }
        }
    }

    #[test]
    fn a_counted_nul_is_trouble() {
        let rows: &[(&[u8], &[&str])] = &[
            (b"{\"a\":1}\0", &["WHY-05 server"]),
            (b"{\"a\":1}", &[]),
            (b"CONNECTED\nversion:1.2\n\n\0", &[]),
        ];
        for (text, causes) in rows {
            let mut scenario = Scenario::new();
            scenario.upgraded().server(&plain(0x81, text)).client(&masked(0x81, b"[]")).close();
            assert_eq!(scenario.causes(), *causes);
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        for direction in Direction::BOTH {
            let whole = frame(direction, 0x81, b"some words\n");
            assert_eq!(found_in(direction, &whole[..whole.len() - 1]), None, "a sender that died");
            let bytes = [&whole[..], b"\xf3\x7f\x05"].concat();
            assert_eq!(found_in(direction, &bytes), None, "something else");
            let text = frame(direction, 0x81, b"caf\xe9 au lait");
            let bytes = [text, frame(direction, 0x81, b"Hello"), whole].concat();
            assert_eq!(found_in(direction, &bytes), None, "a length that is right");
        }
    }
}
