//! Bytes that wait for what the other side will say, or for the rest of a head.

use crate::stream::{Chunk, Origin, Span, length_u64};

/// Bytes of one direction that were held back, with the packets that carried them.
///
/// They are contiguous. What did not fit, or was missing from the capture, lies behind them.
#[derive(Debug, Default)]
pub struct Held {
    bytes: Vec<u8>,
    start: u64,
    pieces: Vec<Piece>,
    dropped: u64,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    length: usize,
    origin: Origin,
}

impl Held {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes directly behind the held ones were let go: over the limit, or missing from
    /// the capture.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Where the held bytes lie.
    pub fn span(&self) -> Span {
        self.part(0, self.bytes.len())
    }

    /// The held bytes as they came, to be pushed somewhere else.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'_>> {
        let mut at = 0_usize;
        self.pieces.iter().map(move |piece| {
            let end = at.saturating_add(piece.length);
            let bytes = self.bytes.get(at..end).unwrap_or_default();
            let offset = self.start.saturating_add(length_u64(at));
            at = end;
            Chunk { offset, bytes, origin: piece.origin }
        })
    }

    /// Where the held bytes from `begin` to `end` lie.
    pub(super) fn part(&self, begin: usize, end: usize) -> Span {
        let from = self.start.saturating_add(length_u64(begin));
        let to = self.start.saturating_add(length_u64(end));
        let mut parts = self.chunks().filter(|chunk| chunk.end() > from && chunk.offset < to);
        let Some(first) = parts.next() else { return Span::at(from, Origin::default()) };
        let mut span = Span::at(from, first.origin);
        span.extend(first.end().min(to), first.origin);
        parts.for_each(|chunk| span.extend(chunk.end().min(to), chunk.origin));
        span
    }

    /// Appends as much of `chunk` as `limit` allows. Once something was dropped, everything is.
    pub(super) fn push(&mut self, chunk: Chunk<'_>, limit: usize) {
        let room = if self.dropped == 0 { limit.saturating_sub(self.bytes.len()) } else { 0 };
        let kept = chunk.take(room).bytes;
        if !kept.is_empty() {
            if self.bytes.is_empty() {
                self.start = chunk.offset;
            }
            self.bytes.extend_from_slice(kept);
            self.pieces.push(Piece { length: kept.len(), origin: chunk.origin });
        }
        self.let_go(length_u64(chunk.bytes.len().saturating_sub(kept.len())));
    }

    /// Counts bytes that will not be held.
    pub(super) fn let_go(&mut self, length: u64) {
        self.dropped = self.dropped.saturating_add(length);
    }

    /// Takes back everything behind the first `length` bytes.
    pub(super) fn cut(&mut self, length: usize) {
        self.dropped = 0;
        self.bytes.truncate(length);
        let mut room = self.bytes.len();
        for piece in &mut self.pieces {
            piece.length = piece.length.min(room);
            room = room.saturating_sub(piece.length);
        }
        self.pieces.retain(|piece| piece.length > 0);
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

    #[test]
    fn held_bytes_come_back_as_they_came() {
        let mut held = Held::default();
        held.push(chunk(10, b"abc", 4), 100);
        held.push(chunk(13, b"de", 7), 100);
        let seen: Vec<_> = held.chunks().map(|c| (c.offset, c.bytes, c.origin.packet.0)).collect();
        assert_eq!(seen, [(10, &b"abc"[..], 4), (13, &b"de"[..], 7)]);
        assert_eq!((held.bytes(), held.dropped()), (&b"abcde"[..], 0));
        let span = held.span();
        assert_eq!((span.start, span.end), (10, 15));
        assert_eq!((span.first.packet.0, span.last.packet.0), (4, 7));
        let tail = held.part(3, 5);
        assert_eq!((tail.start, tail.end, tail.first.packet.0), (13, 15, 7));
    }

    #[test]
    fn nothing_is_held_behind_what_was_dropped() {
        let mut held = Held::default();
        held.push(chunk(0, b"abc", 1), 2);
        held.push(chunk(3, b"d", 2), 100);
        assert_eq!((held.bytes(), held.dropped()), (&b"ab"[..], 2));
    }
}
