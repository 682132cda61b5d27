//! Bytes that are kept, with the packets that carried them.

use std::ops::Range;

use super::{Chunk, Origin, Span, length_u64, length_usize};

/// Bytes of one direction of a stream, in its order, and which packet carried which.
///
/// Bytes that are missing from the capture leave a hole: no placeholder is stored for them.
#[derive(Clone, Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    pieces: Vec<BufferPiece>,
    dropped: u64,
}

/// Bytes of a buffer that one packet carried.
#[derive(Clone, Copy, Debug)]
struct BufferPiece {
    /// Stream offset of the first byte.
    offset: u64,
    /// Where in the buffer they end.
    end: usize,
    origin: Origin,
}

impl Buffer {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, to be replaced by as many others: decrypted where they are.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Memory taken, in bytes.
    pub fn memory(&self) -> usize {
        let pieces = self.pieces.capacity().saturating_mul(size_of::<BufferPiece>());
        self.bytes.capacity().saturating_add(pieces)
    }

    /// How many bytes directly after the kept ones were dropped: over the limit, or missing from the
    /// capture.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Drops all bytes, and keeps the memory for those to come.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
        self.dropped = 0;
    }

    /// Appends a chunk, which comes after all that is there. Adjacent bytes of one packet are one piece,
    /// whatever cut them.
    pub fn push(&mut self, chunk: Chunk<'_>) {
        if chunk.bytes.is_empty() {
            return;
        }
        let is_next = self.next_in_packet(chunk.origin) == Some(chunk.offset);
        self.bytes.extend_from_slice(chunk.bytes);
        let end = self.bytes.len();
        match self.pieces.last_mut() {
            Some(last) if is_next => last.end = end,
            _ => self.pieces.push(BufferPiece { offset: chunk.offset, end, origin: chunk.origin }),
        }
    }

    /// The stream offset after the last byte, if this packet carried it.
    fn next_in_packet(&self, origin: Origin) -> Option<u64> {
        let last = self.pieces.last().filter(|last| last.origin.packet == origin.packet)?;
        let before = self.pieces.len().checked_sub(2).and_then(|place| self.pieces.get(place));
        let start = before.map_or(0, |before| before.end);
        Some(last.offset.saturating_add(length_u64(last.end.saturating_sub(start))))
    }

    /// Appends as much of a chunk as `limit` allows. Once something was dropped, everything is.
    pub fn push_within(&mut self, chunk: Chunk<'_>, limit: usize) {
        let room = if self.dropped == 0 { limit.saturating_sub(self.bytes.len()) } else { 0 };
        let kept = chunk.take(room);
        self.push(kept);
        self.count_dropped(length_u64(chunk.bytes.len().saturating_sub(kept.bytes.len())));
    }

    /// Counts bytes that will not be kept.
    pub fn count_dropped(&mut self, length: u64) {
        self.dropped = self.dropped.saturating_add(length);
    }

    /// Drops all but the first `length` bytes; returns whether there were more.
    pub fn truncate(&mut self, length: usize) -> bool {
        self.dropped = 0;
        if self.bytes.len() <= length {
            return false;
        }
        self.bytes.truncate(length);
        let mut start = 0_usize;
        self.pieces.retain_mut(|piece| {
            let is_kept = start < length;
            start = piece.end;
            piece.end = piece.end.min(length);
            is_kept
        });
        true
    }

    /// Drops all but the first byte, whose offset shows where the others are missing.
    pub fn evict(&mut self) {
        let dropped = self.dropped.saturating_add(length_u64(self.bytes.len().saturating_sub(1)));
        self.truncate(1);
        self.bytes.shrink_to_fit();
        self.pieces.shrink_to_fit();
        self.dropped = dropped;
    }

    /// Takes away all but the first `length` bytes.
    #[must_use]
    pub fn split_off(&mut self, length: usize) -> Self {
        let mut rest = Self::default();
        for chunk in self.chunks().scan(0_usize, |at, chunk| {
            let before = length.saturating_sub(*at);
            *at = at.saturating_add(chunk.bytes.len());
            Some(chunk.skip(before))
        }) {
            rest.push(chunk);
        }
        self.truncate(length);
        rest
    }

    /// Drops what is at this stream offset or after it.
    pub fn truncate_at(&mut self, offset: u64) {
        self.truncate(self.index(offset));
    }

    /// The bytes as they came, to be pushed somewhere else.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'_>> {
        self.pieces().map(|(offset, range, origin)| {
            let bytes = self.bytes.get(range).unwrap_or_default();
            Chunk { offset, bytes, origin }
        })
    }

    /// Stream offset, place in the buffer and packet of each chunk.
    pub fn pieces(&self) -> impl Iterator<Item = (u64, Range<usize>, Origin)> {
        let mut at = 0_usize;
        self.pieces.iter().map(move |piece| {
            let range = at..piece.end;
            at = piece.end;
            (piece.offset, range, piece.origin)
        })
    }

    /// The position of the bytes in stream and capture.
    pub fn span(&self) -> Span {
        self.part(0, self.bytes.len())
    }

    /// The position of the bytes from `begin` to `end` in stream and capture.
    pub fn part(&self, begin: usize, end: usize) -> Span {
        let mut span: Option<Span> = None;
        let mut next = 0;
        for (offset, range, origin) in self.pieces() {
            next = offset.saturating_add(length_u64(range.len()));
            let (from, to) = (range.start.max(begin), range.end.min(end));
            if from >= to {
                continue;
            }
            let at = |index: usize| offset.saturating_add(length_u64(index - range.start));
            span.get_or_insert_with(|| Span::at(at(from), origin)).extend(at(to), origin);
        }
        span.unwrap_or_else(|| Span::at(next, Origin::default()))
    }

    /// Where in the buffer a part of the stream is.
    pub fn range(&self, start: u64, end: u64) -> Range<usize> {
        let start = self.index(start);
        start..self.index(end).max(start)
    }

    /// Where in the buffer the byte at a stream offset is, or the next one that is there.
    pub fn index(&self, offset: u64) -> usize {
        let after = self.pieces.partition_point(|piece| piece.offset <= offset);
        let Some(at) = after.checked_sub(1) else { return 0 };
        let start = at.checked_sub(1).and_then(|at| self.pieces.get(at)).map_or(0, |it| it.end);
        self.pieces.get(at).map_or(0, |piece| {
            let skipped = length_usize(offset.saturating_sub(piece.offset));
            start.saturating_add(skipped).min(piece.end)
        })
    }

    /// The bytes alone.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{PacketId, Timestamp};

    fn chunk(offset: u64, bytes: &[u8], packet: u64) -> Chunk<'_> {
        let origin = Origin { packet: PacketId(packet), time: Timestamp(packet) };
        Chunk { offset, bytes, origin }
    }

    fn buffer(chunks: &[(u64, &[u8], u64)]) -> Buffer {
        let mut buffer = Buffer::default();
        for (offset, bytes, packet) in chunks {
            buffer.push(chunk(*offset, bytes, *packet));
        }
        buffer
    }

    #[test]
    fn bytes_come_back_as_they_came() {
        let buffer = buffer(&[(10, b"abc", 4), (13, b"de", 7)]);
        let seen: Vec<_> =
            buffer.chunks().map(|c| (c.offset, c.bytes, c.origin.packet.0)).collect();
        assert_eq!(seen, [(10, &b"abc"[..], 4), (13, &b"de"[..], 7)]);
        assert_eq!((buffer.bytes(), buffer.dropped()), (&b"abcde"[..], 0));
        let span = buffer.span();
        assert_eq!((span.start, span.end), (10, 15));
        assert_eq!((span.first.packet.0, span.last.packet.0), (4, 7));
        let tail = buffer.part(3, 5);
        assert_eq!((tail.start, tail.end, tail.first.packet.0), (13, 15, 7));
        assert_eq!(buffer.part(5, 5).start, 15);
    }

    #[test]
    fn adjacent_bytes_of_one_packet_are_one_piece() {
        let buffer =
            buffer(&[(0, b"ab", 4), (2, b"c", 4), (4, b"e", 4), (5, b"f", 5), (6, b"", 5)]);
        let pieces: Vec<_> = buffer.pieces().map(|(start, range, _)| (start, range)).collect();
        assert_eq!(pieces, [(0, 0..3), (4, 3..4), (5, 4..5)]);
    }

    #[test]
    fn nothing_is_kept_after_what_was_dropped() {
        let mut buffer = Buffer::default();
        buffer.push_within(chunk(0, b"abc", 1), 2);
        buffer.push_within(chunk(3, b"d", 2), 100);
        assert_eq!((buffer.bytes(), buffer.dropped()), (&b"ab"[..], 2));
    }

    #[test]
    fn ranges_leave_out_what_is_missing() {
        // The ninth byte is missing.
        let buffer = buffer(&[(100, b"abcdefgh", 4), (109, b"jklmno", 6)]);
        let cases = [(100, 106, 0..6), (106, 111, 6..10), (108, 109, 8..8), (90, 95, 0..0)];
        for (start, end, expected) in cases {
            assert_eq!(buffer.range(start, end), expected, "{start} to {end}");
        }
    }

    #[test]
    fn what_is_cut_off_belongs_to_no_packet() {
        let whole = buffer(&[(100, b"abcdefgh", 4), (109, b"jklmno", 6)]);
        let mut cut = whole.clone();
        cut.truncate_at(110);
        let ranges: Vec<_> = cut.pieces().map(|(_, range, _)| range).collect();
        assert_eq!((cut.bytes().len(), ranges), (9, vec![0..8, 8..9]));
        let mut first = whole;
        assert!(first.truncate(3));
        assert_eq!(first.pieces().count(), 1);
        assert!(!first.truncate(3));
        let mut split = buffer(&[(100, b"abcdefgh", 4), (109, b"jklmno", 6)]);
        let rest = split.split_off(6);
        assert_eq!((split.bytes(), rest.bytes()), (&b"abcdef"[..], &b"ghjklmno"[..]));
        assert_eq!(rest.chunks().map(|it| it.offset).collect::<Vec<_>>(), [106, 109]);
    }
}
