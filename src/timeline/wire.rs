//! Bytes of a stream as they were sent, and which packet carried which.

use std::ops::Range;

use crate::stream::{Chunk, length_u64, length_usize};
use crate::timeline::open::WirePiece;
use crate::websocket::mask::unmask;

/// Bytes in the order of their stream, with nothing where some are missing.
#[derive(Debug, Default)]
pub(super) struct WireBytes {
    bytes: Vec<u8>,
    pieces: Vec<WirePiece>,
}

impl WireBytes {
    /// Appends what comes next in the stream.
    pub(super) fn push(&mut self, chunk: Chunk<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(chunk.bytes);
        let range = start..self.bytes.len();
        self.pieces.push(WirePiece { packet: chunk.origin.packet, offset: chunk.offset, range });
    }

    /// How many bytes there are.
    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Drops what lies at this stream offset or behind it.
    pub(super) fn end_at(&mut self, offset: u64) {
        self.cut(self.index(offset));
    }

    /// Drops all but the first bytes; returns whether there were more.
    pub(super) fn cut(&mut self, length: usize) -> bool {
        let is_longer = self.bytes.len() > length;
        if is_longer {
            self.bytes.truncate(length);
            self.pieces.retain_mut(|piece| {
                piece.range.end = piece.range.end.min(length);
                piece.range.start < piece.range.end
            });
        }
        is_longer
    }

    /// Where the bytes of a part of the stream are.
    pub(super) fn range(&self, start: u64, end: u64) -> Range<usize> {
        let start = self.index(start);
        start..self.index(end).max(start)
    }

    /// The bytes of a frame's payload, unmasked.
    pub(super) fn unmasked(&self, start: u64, end: u64, mask: Option<[u8; 4]>) -> Vec<u8> {
        let range = self.range(start, end);
        let mut plain = self.bytes.get(range.clone()).unwrap_or_default().to_vec();
        let Some(key) = mask else { return plain };
        for piece in &self.pieces {
            let from = piece.range.start.max(range.start);
            let until = piece.range.end.min(range.end);
            let skipped = length_u64(from.saturating_sub(piece.range.start));
            // The key goes on over bytes that are missing.
            let phase = piece.offset.saturating_add(skipped).saturating_sub(start);
            let place = from.saturating_sub(range.start)..until.saturating_sub(range.start);
            if from < until
                && let Some(part) = plain.get_mut(place)
            {
                unmask(part, key, phase);
            }
        }
        plain
    }

    pub(super) fn into_parts(self) -> (Vec<u8>, Vec<WirePiece>) {
        (self.bytes, self.pieces)
    }

    /// Where the byte at a stream offset is, or the next one that is there.
    fn index(&self, offset: u64) -> usize {
        let behind = self.pieces.partition_point(|piece| piece.offset <= offset);
        let piece = behind.checked_sub(1).and_then(|at| self.pieces.get(at));
        piece.map_or(0, |piece| {
            let skipped = length_usize(offset.saturating_sub(piece.offset));
            piece.range.start.saturating_add(skipped).min(piece.range.end)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Origin, PacketId, Timestamp};

    /// "Hello" as RFC 6455 section 5.7 masks it, in two packets, the third byte of its payload missing.
    fn wire() -> WireBytes {
        let mut wire = WireBytes::default();
        for (packet, offset, bytes) in
            [(4, 100, &b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f"[..]), (6, 109, b"\x51\x58next")]
        {
            let origin = Origin { packet: PacketId(packet), time: Timestamp(0) };
            wire.push(Chunk { offset, bytes, origin });
        }
        wire
    }

    #[test]
    fn unmasking_goes_on_behind_what_is_missing() {
        assert_eq!(wire().unmasked(106, 111, Some([0x37, 0xfa, 0x21, 0x3d])), b"Helo");
        assert_eq!(wire().unmasked(111, 115, None), b"next");
    }

    #[test]
    fn ranges_leave_out_what_is_missing() {
        let cases = [(100, 106, 0..6), (106, 111, 6..10), (108, 109, 8..8), (90, 95, 0..0)];
        for (start, end, expected) in cases {
            assert_eq!(wire().range(start, end), expected, "{start} to {end}");
        }
    }

    #[test]
    fn what_is_cut_off_belongs_to_no_packet() {
        let mut cut = wire();
        cut.end_at(110);
        let (bytes, pieces) = cut.into_parts();
        assert_eq!(bytes.len(), 9);
        assert_eq!(
            pieces.iter().map(|piece| piece.range.clone()).collect::<Vec<_>>(),
            [0..8, 8..9]
        );
        let mut first = wire();
        assert!(first.cut(3));
        assert_eq!(first.into_parts().1.len(), 1);
    }
}
