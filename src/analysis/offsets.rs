//! The positions of the bytes that a layer passes on in the stream that carries them.

use std::collections::VecDeque;

use crate::stream::{Direction, PerDirection};

/// Offsets of a stream that was made from another one: decrypted from records, or taken out of frames.
///
/// Remembers the records of each direction that its receiver has not acknowledged: the last few thousand of them, if
/// there are more.
#[derive(Clone, Debug, Default)]
pub(super) struct OffsetMap {
    records: PerDirection<VecDeque<RecordEnd>>,
    /// Up to where the offsets of both streams are the same.
    begins: PerDirection<u64>,
}

/// Where a record ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct RecordEnd {
    /// In the stream that is handed on.
    plain: u64,
    /// In the stream that carries it.
    carried: u64,
}

impl OffsetMap {
    /// One of a stream that continues another, whose offsets are the same until it begins.
    pub(super) fn continuing() -> Self {
        let begins = PerDirection { client: u64::MAX, server: u64::MAX };
        Self { begins, ..Self::default() }
    }

    /// Notes that what is handed on begins at an offset of the stream that carries it, and has this offset.
    pub(super) fn begin(&mut self, direction: Direction, offset: u64) {
        let begins = self.begins.get_mut(direction);
        *begins = offset.min(*begins);
    }

    /// Notes that the bytes handed on up to `plain` are those of records that end at `carried`.
    pub(super) fn record(&mut self, direction: Direction, plain: u64, carried: u64) {
        let records = self.records.get_mut(direction);
        if records.len() >= MOST_RECORDS {
            records.pop_front();
        }
        records.push_back(RecordEnd { plain, carried });
    }

    /// Forgets what is before the last record that ends at or before an offset of the stream that carries it: up to
    /// there, the receiver has acknowledged all.
    pub(super) fn acknowledge(&mut self, direction: Direction, carried: u64) {
        let records = self.records.get_mut(direction);
        while records.get(1).is_some_and(|second| second.carried <= carried) {
            records.pop_front();
        }
    }

    /// The end, in the stream that is passed on, of the last record before an offset of the stream
    /// that carries it: a part of a record cannot be used.
    pub(super) fn handed_on(&self, direction: Direction, carried: u64) -> u64 {
        let records = self.records.get(direction);
        let after = records.partition_point(|record| record.carried <= carried);
        let last = after.checked_sub(1).and_then(|at| records.get(at));
        let before = carried.min(*self.begins.get(direction));
        last.map_or(before, |record| record.plain)
    }

    pub(super) fn swap_directions(&mut self) {
        std::mem::swap(&mut self.records.client, &mut self.records.server);
        self.begins.swap();
    }
}

/// Records of a direction whose ends are remembered.
const MOST_RECORDS: usize = 1 << 12;

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::ClientToServer as C;

    #[test]
    fn only_whole_records_are_handed_on() {
        let mut map = OffsetMap::default();
        map.record(C, 10, 100);
        map.record(C, 15, 200);
        let ends = [0, 99, 100, 199, 200, 300].map(|carried| map.handed_on(C, carried));
        assert_eq!(ends, [0, 0, 10, 10, 15, 15]);
        map.swap_directions();
        assert_eq!(map.handed_on(C, 100), 0);
    }

    #[test]
    fn offsets_are_the_same_until_a_stream_begins() {
        let mut map = OffsetMap::continuing();
        assert_eq!(map.handed_on(C, 700), 700);
        map.begin(C, 600);
        map.record(C, 610, 632);
        let ends = [500, 600, 631, 632].map(|carried| map.handed_on(C, carried));
        assert_eq!(ends, [500, 600, 600, 610]);
    }

    #[test]
    fn what_was_acknowledged_is_forgotten() {
        let mut map = OffsetMap::default();
        for number in 1..=10 {
            map.record(C, number * 10, number * 50);
        }
        map.acknowledge(C, 320);
        assert_eq!(map.records.client.len(), 5, "the last of them is kept");
        let ends = [320, 349, 350, 999].map(|carried| map.handed_on(C, carried));
        assert_eq!(ends, [60, 60, 70, 100]);
        map.acknowledge(C, 999);
        assert_eq!((map.records.client.len(), map.handed_on(C, 999)), (1, 100));
    }

    #[test]
    fn few_records_are_remembered() {
        let mut map = OffsetMap::default();
        for number in 1..=10_000 {
            map.record(C, number * 10, number * 50);
        }
        assert_eq!(map.records.client.len(), MOST_RECORDS);
        assert_eq!(map.handed_on(C, 499_999), 99_990);
        assert_eq!(map.handed_on(C, 50), 0, "so old that it was forgotten");
    }
}
