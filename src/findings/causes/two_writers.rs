//! WHY-01: two writers on one socket.

use super::derailed;
use super::derailed::{Certainty, Content, DerailedStream, Explained, FrameSlice, unmasked};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::words::{counted, opcode_in_words};
use crate::stream::length_usize;
use crate::text::words::hex;
use crate::websocket::Opcode;

/// WHY-01.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-01",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "two writers on one socket: a frame was written into another",
    section: "RFC 6455 §5.4",
    explanation: "Two threads, tasks or callbacks of the sender wrote to the same connection at \
        the same time, and the bytes of their frames are mixed: a whole frame is in the payload \
        of another, or both headers come first and both payloads after them. With the frames \
        taken apart, both messages can be read, and the next frame begins where they end. The \
        receiver reads payload as headers and fails the connection.",
    remedy: "Let one writer at a time send whole frames: a lock around the function that sends, \
        or a queue with one task that writes. Look up what the library promises: most allow only \
        one thread to write at a time, and a Ping from a timer is a writer, too.",
    example: Example::Text("81 0a {\"a\": 81 02 hi 12345} -> 81 0a {\"a\":12345} and 81 02 hi"),
    explains: Some(
        Cause::of_stream(1_114, "two writers on one socket").explaining(derailed::CONSEQUENCES),
    ),
    checks: &[Check::Cause(|context, violations| {
        derailed::test(context, violations, two_writers);
    })],
}];

/// Tests whether other frames were written into a frame.
///
/// Both halves have to hold: without them, the content of the frame can be read and the next frame starts at
/// its end; and what was written into it are whole frames, or one whose payload comes later.
pub(crate) fn two_writers(stream: &DerailedStream<'_>) -> Option<Explained> {
    stream.frames.iter().find_map(|start| {
        let outer = stream.legal_frame(*start)?;
        let is_possible = outer.header.payload_length > 0
            && outer.end() < stream.end()
            && !stream.continues_after(&outer);
        if !is_possible {
            return None;
        }
        let mut search = InsertionSearch { stream, outer, inserted: Vec::new(), work: MOST_WORK };
        let found = search.run(outer.payload(), outer.header.payload_length)?;
        Some(found.explained(&search))
    })
}

/// The search for frames in the payload of another.
struct InsertionSearch<'a, 'b> {
    stream: &'a DerailedStream<'b>,
    outer: FrameSlice,
    /// Whole frames in its payload so far.
    inserted: Vec<FrameSlice>,
    /// Bytes that may still be tried as the start of a frame.
    work: usize,
}

/// How the bytes of two frames follow one another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum WriteOrder {
    /// The inner frame is whole.
    Whole,
    /// After the inner header, first the rest of the outer payload, then the inner payload.
    HeadersFirst,
    /// The inner payload has the rest of the outer one in it.
    Alternating,
}

/// What the payloads are if the frames in them are taken apart.
struct Separated {
    order: WriteOrder,
    outer: Vec<u8>,
    inner: Vec<u8>,
    /// Payloads that are known to be what they should be, and how many of them are JSON.
    read: usize,
    json: usize,
    end: u64,
}

impl InsertionSearch<'_, '_> {
    /// Looks for the next frame in the outer payload, of which `left` bytes from an offset on are to be found.
    fn run(&mut self, offset: u64, left: u64) -> Option<Separated> {
        for before in 0..left {
            self.work = self.work.checked_sub(1)?;
            let Some(inner) = self.stream.legal_frame(offset.saturating_add(before)) else {
                continue;
            };
            if !inner.header.fin || inner.header.opcode == 0 {
                continue;
            }
            let rest = left.saturating_sub(before);
            let end = inner.end().saturating_add(rest);
            self.inserted.push(inner);
            if let Some(separated) = self.separated(&inner, rest, end) {
                return Some(separated);
            }
            let may_have_more = self.inserted.len() < MOST_INSERTED
                && end <= self.stream.end()
                && self.stream.frame_certainty(&inner) >= Certainty::CONFIRMED;
            if may_have_more && let Some(found) = self.run(inner.end(), rest) {
                return Some(found);
            }
            self.inserted.pop();
        }
        None
    }

    /// Takes the frames apart, if `inner` is the last one that was written into the outer frame.
    fn separated(&self, inner: &FrameSlice, rest: u64, end: u64) -> Option<Separated> {
        let certainty = self.stream.frames_at(end);
        if !self.stream.is_end(end) && certainty < Certainty::CONFIRMED {
            return None;
        }
        let after = self.stream.bytes(inner.payload(), end.checked_sub(inner.payload())?)?;
        let (rest, length) = (length_usize(rest), length_usize(inner.header.payload_length));
        let orders = [(WriteOrder::Whole, length), (WriteOrder::HeadersFirst, 0)];
        let read = |(order, cut)| self.read(inner, after, (order, cut, rest), end);
        let mut best = orders.into_iter().filter_map(read).reduce(better);
        if best.as_ref().is_none_or(|best| best.json < 2) && self.may_alternate(inner, length) {
            let alternating = (1..length).map(|cut| (WriteOrder::Alternating, cut));
            let found = alternating.filter_map(read).find(|it| it.json == 2);
            best = found.or(best);
        }
        best.filter(|best| self.is_convincing(best, inner, certainty))
    }

    /// Whether the inner payload may have been written in two pieces, which only JSON shows.
    fn may_alternate(&self, inner: &FrameSlice, length: usize) -> bool {
        self.outer.is_plain_text() && inner.is_plain_text() && length <= MOST_ALTERNATING
    }

    /// Whether what was taken apart cannot be so by chance.
    fn is_convincing(&self, best: &Separated, inner: &FrameSlice, after: Certainty) -> bool {
        let texts = usize::from(self.outer.is_plain_text()) + usize::from(inner.is_plain_text());
        let is_like_json = best.outer.starts_with(b"{") || best.outer.starts_with(b"[");
        let is_json_missing = self.outer.header.fin && is_like_json && best.json == 0;
        let is_strong = after >= Certainty::SEARCHED;
        match (self.outer.is_plain_text(), best.read) {
            (true, read) if read == texts => is_strong || !is_json_missing,
            (false, 1) if best.inner.len() >= SHORTEST_TEXT => true,
            (false, _) => {
                is_strong
                    && best.read == texts
                    && self.stream.frame_certainty(inner) >= Certainty::CONFIRMED
            }
            (true, _) => false,
        }
    }

    /// The payloads if the first `cut` bytes after the inner header belong to it, then `rest` to the outer one.
    fn read(
        &self,
        inner: &FrameSlice,
        after: &[u8],
        (order, cut, rest): (WriteOrder, usize, usize),
        end: u64,
    ) -> Option<Separated> {
        let (first, others) = after.split_at_checked(cut)?;
        let (middle, last) = others.split_at_checked(rest)?;
        let outer = [self.before(inner)?.as_slice(), middle].concat();
        let outer = unmasked(&outer, self.outer.header.mask, 0);
        let inner_payload = unmasked(&[first, last].concat(), inner.header.mask, 0);
        let contents = [content(&self.outer, &outer), content(inner, &inner_payload)];
        if contents.contains(&PayloadContent::NotText) {
            return None;
        }
        let is_read = |content: &&PayloadContent| matches!(content, PayloadContent::Text(_));
        let read = contents.iter().filter(is_read).count();
        let json = PayloadContent::Text(Content::Json);
        let json = contents.iter().filter(|content| **content == json).count();
        Some(Separated { order, outer, inner: inner_payload, read, json, end })
    }

    /// What there is of the outer payload before a frame, the other frames in it left out.
    fn before(&self, inner: &FrameSlice) -> Option<Vec<u8>> {
        let mut payload = Vec::new();
        let mut next = self.outer.payload();
        for frame in &self.inserted {
            let length = frame.start.checked_sub(next)?;
            payload.extend_from_slice(self.stream.bytes(next, length)?);
            next = frame.end();
            if frame.start == inner.start {
                break;
            }
        }
        Some(payload)
    }
}

impl Separated {
    fn explained(self, search: &InsertionSearch<'_, '_>) -> Explained {
        let outer = &search.outer;
        let again = |frame: &FrameSlice, content: Vec<u8>, end: u64| {
            search.stream.decoded_again(opcode(frame), content, [frame.start, end])
        };
        let mut decoded_again = vec![again(outer, self.outer.clone(), self.end)];
        let others = search.inserted.iter().rev().skip(1).rev();
        let payload = |frame: &FrameSlice| search.stream.payload(frame).unwrap_or_default();
        decoded_again.extend(others.map(|frame| again(frame, payload(frame), frame.end())));
        decoded_again.extend(search.inserted.last().map(|last| {
            let end = if self.order == WriteOrder::Whole { last.end() } else { self.end };
            again(last, self.inner.clone(), end)
        }));
        Explained {
            start: outer.start,
            end: self.end,
            evidence: self.evidence(search),
            decoded_again,
            remedy: None,
        }
    }

    fn evidence(&self, search: &InsertionSearch<'_, '_>) -> String {
        let Some((first, last)) = search.inserted.first().zip(search.inserted.last()) else {
            return String::new();
        };
        let outer = &search.outer;
        let place = first.start.saturating_sub(outer.payload());
        let outer_header = header_in_words(search.stream, outer);
        let ending = match self.json {
            2 => "both are valid JSON and the next frame begins where they end",
            _ if self.read == 2 => "both are valid texts and the next frame begins where they end",
            _ => "the next frame begins where it ends",
        };
        let inner_header = header_in_words(search.stream, last);
        match (self.order, search.inserted.len()) {
            (WriteOrder::Whole, 1) => format!(
                "a whole frame ({inner_header}) begins at byte {place} of the payload of another \
                 ({outer_header}); without it, {ending}"
            ),
            (WriteOrder::Whole, count) => format!(
                "{count} whole frames (the last: {inner_header}), the first of them at byte {place}, \
                 are in the payload of another ({outer_header}); without them, {ending}"
            ),
            (WriteOrder::HeadersFirst | WriteOrder::Alternating, _) => format!(
                "a second header ({inner_header}) comes at byte {} of the payload of another frame \
                 ({outer_header}), and its own payload later; taken apart, {ending}",
                last.start.saturating_sub(outer.payload())
            ),
        }
    }
}

/// The better of two ways to take frames apart; the first one if they are equally good.
fn better(first: Separated, second: Separated) -> Separated {
    if (second.read, second.json) > (first.read, first.json) { second } else { first }
}

/// What a payload is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum PayloadContent {
    /// Binary data, or compressed: anything.
    Any,
    Text(Content),
    /// It should be a text.
    NotText,
}

fn content(frame: &FrameSlice, payload: &[u8]) -> PayloadContent {
    if !frame.is_plain_text() {
        return PayloadContent::Any;
    }
    let content =
        if frame.header.fin { Content::of(payload) } else { Content::of_fragment(payload) };
    content.map_or(PayloadContent::NotText, PayloadContent::Text)
}

/// What is in a frame as it is: compressed data is not inflated.
fn opcode(frame: &FrameSlice) -> Opcode {
    frame.opcode().filter(|_| !frame.header.rsv1()).unwrap_or(Opcode::Binary)
}

/// A frame by the first bytes of its header: `81 2c, text, 44 bytes`.
fn header_in_words(stream: &DerailedStream<'_>, frame: &FrameSlice) -> String {
    let length = if frame.header.length_bits() == 7 { 2 } else { 4 };
    let bytes = stream.bytes(frame.start, length).unwrap_or_default();
    let (opcode, length) = (opcode_in_words(frame.header.opcode), frame.header.payload_length);
    format!("{}, {opcode}, {}", hex(bytes), counted(length, "byte"))
}

/// Frames in the payload of one frame at most.
const MOST_INSERTED: usize = 8;

/// Bytes that are tried as the start of a frame, for one outer frame.
const MOST_WORK: usize = 1 << 20;

/// Bytes of an inner payload that may have been written in two pieces at most.
const MOST_ALTERNATING: usize = 2 << 10;

/// Bytes of a text that shows by itself that its frame is one.
const SHORTEST_TEXT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Direction::{self, ClientToServer as C, ServerToClient as S};
    use crate::stream::length_u64;
    use crate::testkit::frame::{masked_with, plain};

    fn frame(direction: Direction, first: u8, payload: &[u8]) -> Vec<u8> {
        match direction {
            C => masked_with([0x12, 0xf4, 0x56, 0x9a], first, payload),
            S => plain(first, payload),
        }
    }

    /// What is found in a frame into which others were written at a place, followed by two more frames.
    fn found(
        direction: Direction,
        outer: &[u8],
        place: usize,
        inner: &[&[u8]],
    ) -> Option<Explained> {
        let mut bytes = frame(direction, 0x81, b"before");
        let start = length_u64(bytes.len());
        bytes.extend_from_slice(&outer[..place]);
        bytes.extend(inner.concat());
        bytes.extend_from_slice(&outer[place..]);
        bytes.extend(frame(direction, 0x81, b"after"));
        two_writers(&DerailedStream::whole(&bytes, direction, vec![start, 0]))
    }

    fn texts(explained: &Explained) -> Vec<&[u8]> {
        explained.decoded_again.iter().map(|it| it.content.as_slice()).collect()
    }

    #[test]
    fn frames_within_a_payload_are_found() {
        for direction in Direction::BOTH {
            let json = br#"{"type":"tick","price":101.25,"symbol":"ABC"}"#;
            let (outer, inner) = (frame(direction, 0x81, json), frame(direction, 0x81, b"[1,2,3]"));
            for place in outer.len() - json.len()..outer.len() {
                let found = found(direction, &outer, place, &[&inner]).unwrap();
                assert_eq!(texts(&found), [&json[..], b"[1,2,3]"], "{place}");
                assert!(found.evidence.contains("both are valid JSON"), "{}", found.evidence);
            }
            let ping = frame(direction, 0x89, b"");
            let found = found(direction, &outer, 20, &[&ping, &inner, &ping]).unwrap();
            assert_eq!(texts(&found), [&json[..], b"", b"[1,2,3]", b""]);
        }
    }

    #[test]
    fn payloads_after_both_headers_are_taken_apart() {
        for direction in Direction::BOTH {
            let (one, two) = (br#"{"a":"one of two"}"#, br#"{"b":[2,2,2,2,2,2]}"#);
            let (first, second) = (frame(direction, 0x81, one), frame(direction, 0x81, two));
            let header = first.len() - one.len();
            let inner = [&second[..header], &first[header..], &second[header..]];
            let found = found(direction, &first[..header], header, &inner).unwrap();
            assert_eq!(texts(&found), [&one[..], two]);
            assert!(found.evidence.contains("a second header"), "{}", found.evidence);
        }
    }

    #[test]
    fn binary_frames_are_found_by_what_follows() {
        let payload: Vec<u8> = (0..120_u8).map(|byte| byte.wrapping_mul(37)).collect();
        for direction in Direction::BOTH {
            let outer = frame(direction, 0x82, &payload);
            let inner = frame(direction, 0x81, b"a text of another thread");
            let found = found(direction, &outer, 40, &[&inner]).unwrap();
            assert_eq!(texts(&found), [&payload[..], b"a text of another thread"]);
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        for direction in Direction::BOTH {
            let inner = frame(direction, 0x81, b"Hello");
            // The bytes of a frame as a text's own content, cut short: its sender died.
            let outer =
                frame(direction, 0x82, &[b"some bytes ", &inner[..], b" and more bytes"].concat());
            let cut = &outer[..outer.len() - 6];
            assert_eq!(two_writers(&DerailedStream::whole(cut, direction, vec![0])), None);
            // Something else is wrong after it.
            let bytes = [&outer[..], b"\xf3\x7f\x05"].concat();
            assert_eq!(two_writers(&DerailedStream::whole(&bytes, direction, vec![0])), None);
            // A text that is not UTF-8, and then other frames.
            let text = frame(direction, 0x81, b"caf\xe9 au lait");
            let bytes = [text, frame(direction, 0x81, b"Hello"), inner].concat();
            assert_eq!(two_writers(&DerailedStream::whole(&bytes, direction, vec![0])), None);
        }
    }
}
