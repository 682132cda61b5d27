//! The records of TLS that carried a row, as they were captured.

use std::ops::Range;

use crate::stream::{Buffer, Chunk, Span, length_usize};
use crate::timeline::open::WirePiece;

/// Encrypted records, as they were captured.
#[derive(Clone, Debug, Default)]
pub struct CarriedRecords {
    /// Their bytes, one record after the other, headers included. Missing bytes are left out.
    pub bytes: Vec<u8>,
    /// Each of them, in the order of the stream.
    pub records: Vec<CarriedRecord>,
    /// Whether there were more than was wanted.
    pub cut: bool,
}

/// An encrypted record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CarriedRecord {
    /// Where in [`CarriedRecords::bytes`] it is, with its header.
    pub range: Range<usize>,
    /// Which packet carried which of its bytes, with offsets of the TCP stream.
    pub pieces: Vec<WirePiece>,
}

/// Collects the records that carry a row, while its stream is read again.
#[derive(Debug, Default)]
pub(super) struct RecordCollector {
    /// Where the row begins in the stream that is handed on.
    offset: u64,
    /// How many bytes are wanted.
    limit: usize,
    bytes: Buffer,
    /// Positions in the TCP stream, and of what they carry in the stream that is handed on.
    records: Vec<(Range<u64>, Range<u64>)>,
}

impl RecordCollector {
    /// Makes one for a row that starts at `offset`, of whose records `limit` bytes are wanted.
    pub(super) fn new(offset: u64, limit: usize) -> Self {
        Self { offset, limit, ..Self::default() }
    }

    /// Takes bytes of the TCP stream.
    pub(super) fn push(&mut self, chunk: Chunk<'_>) {
        if self.limit > 0 {
            self.bytes.push_within(chunk, self.limit);
        }
    }

    /// Takes the position of a record, and that of what it carries.
    pub(super) fn record(&mut self, record: Span, data: Range<u64>) {
        if self.limit == 0 || data.is_empty() {
            return;
        }
        if data.end <= self.offset {
            self.bytes = self.bytes.split_off(self.bytes.index(record.end));
        } else {
            self.records.push((record.start..record.end, data));
        }
    }

    /// The records of a row that ends at an offset of the stream that is handed on.
    pub(super) fn finish(self, end: u64) -> CarriedRecords {
        let mut carried = CarriedRecords::default();
        for (record, data) in &self.records {
            if data.start >= end {
                break;
            }
            let range = self.bytes.range(record.start, record.end);
            let length = length_usize(record.end.saturating_sub(record.start));
            carried.cut |= range.len() < length;
            carried.push(&self.bytes, range);
        }
        carried
    }
}

impl CarriedRecords {
    fn push(&mut self, from: &Buffer, range: Range<usize>) {
        let start = self.bytes.len();
        let mut pieces = Vec::new();
        for (offset, piece, origin) in from.pieces() {
            let (first, last) = (piece.start.max(range.start), piece.end.min(range.end));
            if first >= last {
                continue;
            }
            let at = |place: usize| start.saturating_add(place.saturating_sub(range.start));
            let skipped = u64::try_from(first.saturating_sub(piece.start)).unwrap_or(0);
            pieces.push(WirePiece {
                packet: origin.packet,
                offset: offset.saturating_add(skipped),
                range: at(first)..at(last),
            });
        }
        if pieces.is_empty() {
            return;
        }
        self.bytes.extend_from_slice(from.bytes().get(range).unwrap_or_default());
        self.records.push(CarriedRecord { range: start..self.bytes.len(), pieces });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Origin, PacketId, Timestamp};

    fn origin(packet: u64) -> Origin {
        Origin { packet: PacketId(packet), time: Timestamp(0) }
    }

    /// Three records of eight bytes with three bytes of data each, in packets of five bytes.
    fn collected(offset: u64, limit: usize, end: u64) -> CarriedRecords {
        let bytes: Vec<u8> = (0..24).collect();
        let mut collector = RecordCollector::new(offset, limit);
        let mut record = 0;
        for (chunk, packet) in bytes.chunks(5).zip(0..) {
            let at = 100 + packet * 5;
            collector.push(Chunk { offset: at, bytes: chunk, origin: origin(packet) });
            while 100 + (record + 1) * 8 <= at + 5 {
                let mut span = Span::at(100 + record * 8, origin(0));
                span.extend(108 + record * 8, origin(packet));
                collector.record(span, 50 + record * 3..53 + record * 3);
                record += 1;
            }
        }
        collector.finish(end)
    }

    #[test]
    fn records_of_a_row_are_those_that_carry_a_byte_of_it() {
        let rows: [(u64, u64, &[u8]); 5] =
            [(50, 53, &[0]), (52, 54, &[0, 8]), (53, 56, &[8]), (55, 59, &[8, 16]), (59, 60, &[])];
        for (start, end, expected) in rows {
            let carried = collected(start, 1_000, end);
            let firsts: Vec<u8> =
                carried.records.iter().map(|it| carried.bytes[it.range.start]).collect();
            assert_eq!((firsts.as_slice(), carried.cut), (expected, false), "{start} to {end}");
            assert_eq!(carried.bytes.len(), expected.len() * 8);
        }
        let second = &collected(53, 1_000, 56).records[0];
        let pieces: Vec<_> =
            second.pieces.iter().map(|it| (it.packet.0, it.offset, it.range.clone())).collect();
        assert_eq!(pieces, [(1, 108, 0..2), (2, 110, 2..7), (3, 115, 7..8)]);
    }

    #[test]
    fn no_more_is_kept_than_is_wanted() {
        assert!(collected(50, 0, 59).records.is_empty());
        let carried = collected(50, 12, 59);
        assert!(carried.cut && carried.bytes.len() == 12);
        // What precedes the row does not count.
        let carried = collected(56, 12, 59);
        assert_eq!((carried.bytes.len(), carried.cut), (8, false));
    }
}
