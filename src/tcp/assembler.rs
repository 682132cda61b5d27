//! One direction of a connection: byte ranges in any order in, contiguous bytes out.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use crate::stream::{Chunk, Origin, Span, length_u64, length_usize};
use crate::tcp::seq::low_half;

/// Puts the bytes of one direction in order.
///
/// Invariant: the ranges that wait neither overlap nor touch anything below `next`. Of bytes that
/// come twice, the first win.
#[derive(Debug, Default)]
pub struct Assembler {
    /// Stream offset of the next byte to be handed over.
    next: u64,
    recent: Recent,
    /// What waits after a hole; absent while there is no hole, as nearly always.
    waiting: Option<Box<Waiting>>,
}

/// Bytes after holes.
#[derive(Debug, Default)]
struct Waiting {
    /// By their offset.
    kept: BTreeMap<u64, Kept>,
    /// The sum of their lengths.
    bytes: usize,
}

/// What became of inserted bytes.
#[derive(Clone, Copy, Debug)]
pub struct Inserted<'a> {
    /// Bytes that are next in the stream; the caller takes them now.
    pub ready: Option<Chunk<'a>>,
    /// How the bytes relate to those seen before.
    pub repetition: Repetition,
    /// A range that was seen before with other content.
    pub conflict: Option<Span>,
}

/// How inserted bytes relate to those seen before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Repetition {
    /// All are new.
    New,
    /// Some were seen before.
    Partial,
    /// All were seen before.
    Whole,
}

/// Bytes that waited for a hole to be filled.
#[derive(Debug)]
pub struct Kept {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Bytes after them that the snap length cut off.
    pub cut: u32,
    /// The packet that carried them.
    pub origin: Origin,
    /// Stream offset of the other direction that their sender had received.
    pub acknowledges: u64,
}

/// What a segment contains besides its payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct SegmentMeta {
    /// Bytes after the payload that were not captured.
    pub cut: u32,
    /// Stream offset of the other direction that the sender had received.
    pub acknowledges: u64,
}

impl Assembler {
    /// Stream offset of the next byte to be handed over.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether nothing is kept after holes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_none()
    }

    /// Memory taken by what is kept, in bytes: many tiny segments weigh more than their content.
    #[inline]
    pub fn buffered_bytes(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| {
            waiting.bytes.saturating_add(waiting.kept.len().saturating_mul(ENTRY_WEIGHT))
        })
    }

    /// Position of the bytes after the first hole.
    pub fn first_kept(&self) -> Option<u64> {
        self.waiting.as_ref()?.kept.first_key_value().map(|(offset, _)| *offset)
    }

    /// The packet with the bytes after the first hole.
    pub fn first_kept_origin(&self) -> Option<Origin> {
        self.waiting.as_ref()?.kept.first_key_value().map(|(_, kept)| kept.origin)
    }

    /// Takes bytes if they are the next of the stream and nothing waits after a hole: the common
    /// case. The caller takes them on.
    #[inline]
    pub fn advance(&mut self, chunk: Chunk<'_>) -> bool {
        let in_order = chunk.offset == self.next && self.waiting.is_none();
        if in_order {
            self.next = chunk.end();
            self.recent.remember(chunk);
        }
        in_order
    }

    /// Takes the payload of one segment.
    pub fn insert<'a>(&mut self, chunk: Chunk<'a>, meta: SegmentMeta) -> Inserted<'a> {
        if self.advance(chunk) {
            return Inserted { ready: Some(chunk), repetition: Repetition::New, conflict: None };
        }
        let end = chunk.end();
        if end <= self.next {
            let conflict = self.recent.conflict(chunk);
            return Inserted { ready: None, repetition: Repetition::Whole, conflict };
        }
        let old = self.next.saturating_sub(chunk.offset);
        let mut conflict =
            if old > 0 { self.recent.conflict(chunk.take(length_usize(old))) } else { None };
        let new = chunk.skip(length_usize(old));
        if self.waiting.is_none() && new.offset == self.next {
            self.recent.remember(new);
            self.next = end;
            return Inserted { ready: Some(new), repetition: Repetition::Partial, conflict };
        }
        let waiting = self.waiting.get_or_insert_default();
        let before = waiting.bytes;
        conflict = waiting.keep(new, meta).or(conflict);
        let added = waiting.bytes.saturating_sub(before);
        if waiting.kept.is_empty() {
            self.waiting = None;
        }
        let repetition = match added {
            0 => Repetition::Whole,
            _ if added == chunk.bytes.len() => Repetition::New,
            _ => Repetition::Partial,
        };
        Inserted { ready: None, repetition, conflict }
    }

    /// Takes the kept bytes that are next in the stream, if the hole before them is filled.
    pub fn pop(&mut self) -> Option<(u64, Kept)> {
        let waiting = self.waiting.as_mut()?;
        let entry = waiting.kept.first_entry()?;
        if *entry.key() != self.next {
            return None;
        }
        let (offset, kept) = entry.remove_entry();
        waiting.bytes = waiting.bytes.saturating_sub(kept.bytes.len());
        if waiting.kept.is_empty() {
            self.waiting = None;
        }
        let chunk = Chunk { offset, bytes: &kept.bytes, origin: kept.origin };
        self.recent.remember(chunk);
        self.next = chunk.end();
        Some((offset, kept))
    }

    /// Gives up the bytes from the next one to `offset`, or to the first kept one before it.
    ///
    /// Returns the offset reached.
    pub fn skip_to(&mut self, offset: u64) -> u64 {
        let reached = self.first_kept().map_or(offset, |first| first.min(offset));
        self.next = self.next.max(reached);
        self.next
    }

    /// From where to where bytes are kept after holes, as stream offsets.
    pub fn kept_ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        let kept = self.waiting.iter().flat_map(|waiting| waiting.kept.iter());
        kept.map(|(start, kept)| {
            let cut = u64::from(kept.cut);
            (*start, start.saturating_add(length_u64(kept.bytes.len())).saturating_add(cut))
        })
    }

    /// Forgets all kept bytes.
    pub fn clear(&mut self) {
        self.waiting = None;
        self.recent = Recent::default();
    }
}

impl Waiting {
    /// Keeps the parts of `chunk` that are not kept yet.
    fn keep(&mut self, chunk: Chunk<'_>, meta: SegmentMeta) -> Option<Span> {
        let end = chunk.end();
        let (mut at, mut conflict) = (chunk.offset, None);
        while at < end {
            let before = self.kept.range(..=at).next_back();
            let rest = chunk.skip(length_usize(at.saturating_sub(chunk.offset)));
            if let Some((offset, kept)) = before
                && offset.saturating_add(length_u64(kept.bytes.len())) > at
            {
                let kept_end = offset.saturating_add(length_u64(kept.bytes.len()));
                let skipped = length_usize(at.saturating_sub(*offset));
                let known = kept.bytes.get(skipped..).unwrap_or_default();
                let again = rest.take(length_usize(kept_end.saturating_sub(at))).bytes;
                if !known.starts_with(again) {
                    conflict = Some(Span {
                        start: at,
                        end: kept_end.min(end),
                        first: kept.origin,
                        last: chunk.origin,
                    });
                }
                at = kept_end;
                continue;
            }
            let until = self.kept.range(at..).next().map_or(end, |(offset, _)| (*offset).min(end));
            let part = rest.take(length_usize(until.saturating_sub(at)));
            let cut = if until == end { meta.cut } else { 0 };
            self.bytes = self.bytes.saturating_add(part.bytes.len());
            self.kept.insert(
                at,
                Kept {
                    bytes: part.bytes.to_vec(),
                    cut,
                    origin: chunk.origin,
                    acknowledges: meta.acknowledges,
                },
            );
            at = until;
        }
        conflict
    }
}

/// Fingerprints of the last ranges that were handed over, to distinguish a retransmission from a forgery.
///
/// The bytes themselves are gone. A repeated range is compared if its borders are those of
/// one or several earlier segments; otherwise nothing is reported.
///
/// Kept small, for every segment writes one: 12 bytes each, 192 for a direction.
#[derive(Debug, Default)]
struct Recent {
    ranges: Vec<Fingerprint>,
    /// Position of the oldest, once the vector is a full ring.
    oldest: usize,
}

#[derive(Clone, Copy, Debug)]
struct Fingerprint {
    /// The low half of the stream offset: compared ranges are within a window of it.
    offset: u32,
    length: u32,
    hash: u32,
}

impl Recent {
    #[inline]
    fn remember(&mut self, chunk: Chunk<'_>) {
        let Ok(length @ 1..) = u32::try_from(chunk.bytes.len()) else { return };
        let print = Fingerprint { offset: low_half(chunk.offset), length, hash: hash(chunk.bytes) };
        if let Some(place) = self.ranges.get_mut(self.oldest) {
            *place = print;
            self.oldest = self.oldest.saturating_add(1) % REMEMBERED;
        } else {
            self.ranges.push(print);
            self.oldest = self.ranges.len() % REMEMBERED;
        }
    }

    fn conflict(&self, chunk: Chunk<'_>) -> Option<Span> {
        self.ranges.iter().find_map(|print| {
            let skipped = u64::from(print.offset.wrapping_sub(low_half(chunk.offset)));
            let start = chunk.offset.saturating_add(skipped);
            let end = start.saturating_add(u64::from(print.length));
            if end > chunk.end() {
                return None;
            }
            let again =
                chunk.skip(length_usize(skipped)).take(length_usize(u64::from(print.length)));
            let mut span = Span::at(start, chunk.origin);
            span.extend(end, chunk.origin);
            (hash(again.bytes) != print.hash).then_some(span)
        })
    }
}

/// A fingerprint, the same in every run.
fn hash(bytes: &[u8]) -> u32 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write(bytes);
    low_half(hasher.finish())
}

/// What a kept range costs beside its bytes, roughly.
const ENTRY_WEIGHT: usize = 96;

/// Ranges whose fingerprint is kept, for each direction.
const REMEMBERED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{PacketId, Timestamp};

    fn origin(packet: u64) -> Origin {
        Origin { packet: PacketId(packet), time: Timestamp(0) }
    }

    /// Inserts `(offset, bytes)` in turn; returns what came out, and the ranges in conflict.
    fn assemble(segments: &[(u64, &[u8])]) -> (Vec<u8>, Vec<(u64, u64)>, Assembler) {
        let (mut assembler, mut out, mut conflicts) =
            (Assembler::default(), Vec::new(), Vec::new());
        for (number, (offset, bytes)) in (1..).zip(segments) {
            let chunk = Chunk { offset: *offset, bytes, origin: origin(number) };
            let inserted = assembler.insert(chunk, SegmentMeta::default());
            if let Some(ready) = inserted.ready {
                assert_eq!(ready.offset, length_u64(out.len()));
                out.extend_from_slice(ready.bytes);
            }
            conflicts.extend(inserted.conflict.map(|span| (span.start, span.end)));
            while let Some((offset, kept)) = assembler.pop() {
                assert_eq!(offset, length_u64(out.len()));
                out.extend_from_slice(&kept.bytes);
            }
            let waiting = assembler.waiting.as_deref();
            let sum = |w: &Waiting| w.kept.values().map(|kept| kept.bytes.len()).sum::<usize>();
            assert!(
                waiting.is_none_or(|waiting| waiting.bytes == sum(waiting) && sum(waiting) > 0)
            );
        }
        (out, conflicts, assembler)
    }

    /// Name, segments, what comes out, ranges in conflict.
    type AssemblerCase =
        (&'static str, &'static [(u64, &'static [u8])], &'static [u8], &'static [(u64, u64)]);

    #[rustfmt::skip]
    const CASES: &[AssemblerCase] = &[
        ("in order", &[(0, b"ab"), (2, b"cd")], b"abcd", &[]),
        ("swapped", &[(2, b"cd"), (0, b"ab")], b"abcd", &[]),
        ("twice", &[(0, b"ab"), (0, b"ab"), (2, b"c")], b"abc", &[]),
        ("retransmitted with more", &[(0, b"ab"), (0, b"abcd")], b"abcd", &[]),
        ("overlap from the end", &[(0, b"abc"), (2, b"cde")], b"abcde", &[]),
        ("hole", &[(0, b"ab"), (3, b"d")], b"ab", &[]),
        ("hole filled by one that covers more", &[(0, b"a"), (2, b"c"), (1, b"bcd")], b"abcd", &[]),
        ("several holes, filled backwards", &[(6, b"g"), (4, b"e"), (2, b"c"), (5, b"f"), (3, b"d"), (0, b"ab")], b"abcdefg", &[]),
        ("kept twice", &[(2, b"cd"), (2, b"cd"), (0, b"ab")], b"abcd", &[]),
        ("covers two kept ranges", &[(1, b"b"), (3, b"d"), (0, b"abcde")], b"abcde", &[]),
        ("keep-alive: one old byte", &[(0, b"ab"), (1, b"\0"), (2, b"c")], b"abc", &[]),
        ("the first bytes win", &[(0, b"abc"), (0, b"aXc"), (3, b"d")], b"abcd", &[(0, 3)]),
        ("the first bytes win after a hole", &[(2, b"cd"), (2, b"XX"), (0, b"ab")], b"abcd", &[(2, 4)]),
        ("two segments sent again as one, with other bytes", &[(0, b"ab"), (2, b"cd"), (0, b"abXd")], b"abcd", &[(2, 4)]),
    ];

    #[test]
    fn segments_are_put_in_order_and_the_first_bytes_win() {
        for (name, segments, expected, conflicts) in CASES {
            let (out, seen, _) = assemble(segments);
            assert_eq!(&out, expected, "{name}");
            assert_eq!(&seen, conflicts, "{name}");
        }
    }

    #[test]
    fn every_order_of_arrival_gives_the_same_stream() {
        let pieces: [(u64, &[u8]); 5] =
            [(0, b"ab"), (2, b"c"), (3, b"defg"), (5, b"fgh"), (8, b"i")];
        let mut order = [0, 1, 2, 3, 4];
        loop {
            let segments: Vec<_> = order.iter().map(|index| pieces[*index]).collect();
            let (out, conflicts, assembler) = assemble(&segments);
            assert_eq!((out.as_slice(), conflicts.len()), (&b"abcdefghi"[..], 0), "{order:?}");
            assert!(assembler.is_empty());
            // The next permutation in lexicographic order.
            let Some(i) = (0..4).rev().find(|i| order[*i] < order[i + 1]) else { break };
            let j = (0..5).rev().find(|j| order[*j] > order[i]).unwrap();
            order.swap(i, j);
            order[i + 1..].reverse();
        }
    }

    #[test]
    fn a_hole_can_be_given_up() {
        let (_, _, mut assembler) = assemble(&[(0, b"ab"), (5, b"f"), (8, b"i")]);
        assert_eq!(assembler.skip_to(7), 5, "stops at what is there");
        assert_eq!(assembler.pop().map(|(offset, _)| offset), Some(5));
        assert_eq!(assembler.skip_to(7), 7);
        assert_eq!(assembler.skip_to(9), 8);
        assert_eq!(assembler.pop().map(|(offset, _)| offset), Some(8));
    }
}
