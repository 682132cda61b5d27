//! How many messages and control frames there were when: counts in buckets of time, for an overview of the whole capture.

use std::ops::Range;

use crate::findings::Severity;
use crate::stream::{DISTANT, Direction, PerDirection, Timestamp, length_u64};

/// What happened in a stretch of time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Bucket {
    /// Messages and control frames that became whole in it.
    pub entries: PerDirection<u32>,
    /// The worst finding about a row in it.
    pub worst: Option<Severity>,
}

impl Bucket {
    pub(super) fn count(&mut self, direction: Direction) {
        let count = self.entries.get_mut(direction);
        *count = count.saturating_add(1);
    }

    pub(super) fn mark(&mut self, worst: Option<Severity>) {
        self.worst = self.worst.max(worst);
    }

    fn add(&mut self, other: &Self) {
        let (mine, more) = (&mut self.entries, other.entries);
        mine.client = mine.client.saturating_add(more.client);
        mine.server = mine.server.saturating_add(more.server);
        self.mark(other.worst);
    }
}

/// Counts over time. Those of clocks that were wrong by years are counted apart, so that the buckets
/// of all others stay narrow.
#[derive(Clone, Debug)]
pub(super) struct Density {
    periods: Vec<PeriodDensity>,
    most: usize,
}

impl Density {
    /// Makes one of at most `most` buckets.
    pub(super) fn new(most: usize) -> Self {
        Self { periods: Vec::new(), most }
    }

    /// Counts a message or control frame.
    pub(super) fn count(&mut self, time: Timestamp, direction: Direction) {
        if let Some(bucket) = self.bucket(time) {
            bucket.count(direction);
        }
    }

    /// Notes a finding.
    pub(super) fn mark(&mut self, time: Timestamp, severity: Severity) {
        if let Some(bucket) = self.bucket(time) {
            bucket.mark(Some(severity));
        }
    }

    /// Forgets which findings there were.
    pub(super) fn clear_marks(&mut self) {
        for bucket in self.periods.iter_mut().flat_map(|period| &mut period.buckets) {
            bucket.worst = None;
        }
    }

    /// Adds what is in `range` to buckets that divide it evenly.
    pub(super) fn add_to(&self, range: &Range<Timestamp>, buckets: &mut [Bucket]) {
        for period in &self.periods {
            period.add_to(range, buckets);
        }
    }

    pub(super) fn memory(&self) -> usize {
        let buckets: usize = self.periods.iter().map(|period| period.buckets.capacity()).sum();
        let periods = self.periods.capacity().saturating_mul(size_of::<PeriodDensity>());
        buckets.saturating_mul(size_of::<Bucket>()).saturating_add(periods)
    }

    fn bucket(&mut self, time: Timestamp) -> Option<&mut Bucket> {
        let place = match self.periods.iter().position(|period| period.is_near(time)) {
            Some(place) => place,
            None if self.periods.len() < MOST_PERIODS => {
                self.periods.push(PeriodDensity::at(time));
                self.periods.len().saturating_sub(1)
            }
            None => return None,
        };
        self.periods.get_mut(place)?.bucket(time, self.most)
    }
}

/// Counts in buckets of equal width, which doubles whenever time outgrows them.
///
/// The borders of buckets are multiples of their width, so that those of several of these can be
/// compared. What is earlier than the first bucket (a clock that stepped back) counts in it.
#[derive(Clone, Debug)]
struct PeriodDensity {
    /// Base-2 logarithm of a bucket's nanoseconds.
    shift: u32,
    /// The first bucket begins after so many widths.
    base: u64,
    buckets: Vec<Bucket>,
}

impl PeriodDensity {
    fn at(time: Timestamp) -> Self {
        Self { shift: FINEST, base: time.0 >> FINEST, buckets: Vec::new() }
    }

    /// Whether a time is less than [`DISTANT`] from the buckets.
    fn is_near(&self, time: Timestamp) -> bool {
        let width = 1_u64 << self.shift;
        let start = self.base << self.shift;
        let end = start.saturating_add(width.saturating_mul(length_u64(self.buckets.len())));
        time.0 >= start.saturating_sub(DISTANT) && time.0 <= end.saturating_add(DISTANT)
    }

    /// Adds what is in `range` to buckets that divide it evenly.
    fn add_to(&self, range: &Range<Timestamp>, buckets: &mut [Bucket]) {
        for (index, bucket) in (self.base..).zip(&self.buckets) {
            let start = Timestamp(index << self.shift);
            let end = Timestamp(start.0.saturating_add(1 << self.shift));
            if start >= range.end || end <= range.start {
                continue;
            }
            // One that is in the range only in part is reported at its edge.
            let last = Timestamp(range.end.0.saturating_sub(1));
            let middle = Timestamp(start.0.midpoint(end.0)).clamp(range.start, last);
            if let Some(place) = place(middle, range, buckets.len())
                && let Some(sum) = buckets.get_mut(place)
            {
                sum.add(bucket);
            }
        }
    }

    fn bucket(&mut self, time: Timestamp, most: usize) -> Option<&mut Bucket> {
        let mut index = self.index(time);
        while index >= most && self.shift < COARSEST {
            self.widen();
            index = self.index(time);
        }
        if index >= self.buckets.len() {
            self.buckets.resize(index.saturating_add(1).min(most), Bucket::default());
        }
        self.buckets.get_mut(index)
    }

    fn index(&self, time: Timestamp) -> usize {
        let index = (time.0 >> self.shift).saturating_sub(self.base);
        usize::try_from(index).unwrap_or(usize::MAX)
    }

    /// Joins two buckets each into one.
    fn widen(&mut self) {
        let before = std::mem::take(&mut self.buckets);
        let base = self.base >> 1;
        for (index, bucket) in (self.base..).zip(&before) {
            let place = usize::try_from((index >> 1).saturating_sub(base)).unwrap_or(usize::MAX);
            match self.buckets.get_mut(place) {
                Some(sum) => sum.add(bucket),
                None => self.buckets.push(*bucket),
            }
        }
        self.base = base;
        self.shift = self.shift.saturating_add(1);
    }
}

/// Which of `count` equal parts of `range` contains a time; `None` outside.
pub(super) fn place(time: Timestamp, range: &Range<Timestamp>, count: usize) -> Option<usize> {
    if !range.contains(&time) {
        return None;
    }
    let (passed, whole) = (time.since(range.start), range.end.since(range.start));
    let count = u128::try_from(count).ok()?;
    let place = u128::from(passed).checked_mul(count)?.checked_div(u128::from(whole))?;
    usize::try_from(place).ok()
}

/// The narrowest and the widest bucket: about a microsecond, and more than all time.
const FINEST: u32 = 10;
const COARSEST: u32 = 63;

/// Periods that are counted, each years away from the others; further ones are left out.
const MOST_PERIODS: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{ClientToServer as C, ServerToClient as S};

    #[test]
    fn nothing_is_lost_however_long_the_capture_becomes() {
        let mut density = Density::new(16);
        let start = 1_700_000_000_000_000_000_u64;
        // Steps that grow: from a microsecond to hours.
        let times: Vec<_> = (0..45).map(|power| Timestamp(start + (1 << power))).collect();
        for time in &times {
            density.count(*time, C);
            density.count(*time, S);
        }
        density.mark(times[40], Severity::Warning);
        density.mark(times[44], Severity::Note);
        assert!(density.periods.iter().all(|period| period.buckets.len() <= 16));
        let mut all = [Bucket::default()];
        density.add_to(&(Timestamp(0)..Timestamp(u64::MAX)), &mut all);
        assert_eq!(all[0].entries, PerDirection { client: 45, server: 45 });
        assert_eq!(all[0].worst, Some(Severity::Warning));
        let mut halves = [Bucket::default(); 2];
        density.add_to(&(Timestamp(start)..Timestamp(start + (1 << 44) + 1)), &mut halves);
        assert_eq!(halves[1].worst, Some(Severity::Note), "the last one is in the second half");
    }

    #[test]
    fn a_clock_that_steps_back_counts_at_the_start() {
        let mut density = Density::new(4);
        density.count(Timestamp(1 << 20), C);
        density.count(Timestamp(0), C);
        assert_eq!(density.periods[0].buckets[0].entries.client, 2);
    }

    #[test]
    fn clocks_that_are_wrong_by_years_do_not_widen_the_buckets() {
        const NOW: u64 = 1_700_000_000_000_000_000;
        for outliers in [[0, 4_102_444_800_000_000_000], [4_102_444_800_000_000_000, 0]] {
            let mut density = Density::new(1 << 10);
            density.count(Timestamp(outliers[0]), S);
            for second in 0..100 {
                density.count(Timestamp(NOW + second * 1_000_000_000), C);
            }
            density.mark(Timestamp(NOW + 99_000_000_000), Severity::Error);
            density.count(Timestamp(outliers[1]), S);
            let mut buckets = [Bucket::default(); 10];
            density.add_to(&(Timestamp(NOW)..Timestamp(NOW + 100_000_000_000)), &mut buckets);
            let clients = buckets.map(|bucket| bucket.entries.client);
            assert!(clients.iter().all(|count| (9..=11).contains(count)), "{clients:?}");
            assert!(buckets.iter().all(|bucket| bucket.entries.server == 0));
            assert_eq!(buckets[9].worst, Some(Severity::Error));
        }
    }

    #[test]
    fn a_range_is_divided_evenly() {
        let range = Timestamp(100)..Timestamp(200);
        let places = [99, 100, 149, 150, 199, 200].map(|time| place(Timestamp(time), &range, 2));
        assert_eq!(places, [None, Some(0), Some(0), Some(1), Some(1), None]);
        assert_eq!(place(Timestamp(100), &range, 0), Some(0), "of no parts: there is none to find");
    }
}
