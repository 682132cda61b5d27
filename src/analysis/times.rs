//! When a capture took place, although a few packets may carry the time of a clock that was wrong.

use crate::stream::Timestamp;

/// The times of a capture's packets, without those that are far from most of them.
#[derive(Debug, Default)]
pub(super) struct CaptureTimes {
    /// Where most packets are.
    main: Period,
    /// Others, each far from all the rest.
    others: Vec<Period>,
}

/// Times that are close to one another.
#[derive(Clone, Copy, Debug, Default)]
struct Period {
    first: Timestamp,
    last: Timestamp,
    packets: u64,
}

impl CaptureTimes {
    /// Takes the time of a packet.
    #[inline]
    pub(super) fn observe(&mut self, time: Timestamp) {
        if !self.main.take(time) {
            self.distant(time);
        }
    }

    /// The first and last time of the period with most packets.
    pub(super) fn range(&self) -> (Timestamp, Timestamp) {
        (self.main.first, self.main.last)
    }

    #[cold]
    fn distant(&mut self, time: Timestamp) {
        if self.main.packets == 0 {
            self.main = Period::at(time);
            return;
        }
        match self.others.iter_mut().position(|period| period.take(time)) {
            Some(place) => {
                if let Some(other) = self.others.get_mut(place)
                    && other.packets > self.main.packets
                {
                    std::mem::swap(other, &mut self.main);
                }
            }
            None if self.others.len() < MOST_PERIODS => self.others.push(Period::at(time)),
            None => {}
        }
    }
}

impl Period {
    fn at(time: Timestamp) -> Self {
        Self { first: time, last: time, packets: 1 }
    }

    /// Takes a time if it is close.
    #[inline]
    fn take(&mut self, time: Timestamp) -> bool {
        let is_close = time.0 >= self.first.0.saturating_sub(FAR)
            && time.0 <= self.last.0.saturating_add(FAR)
            && self.packets > 0;
        if is_close {
            self.first = self.first.min(time);
            self.last = self.last.max(time);
            self.packets = self.packets.saturating_add(1);
        }
        is_close
    }
}

/// How far the time of a clock that is wrong is from the others, in nanoseconds: 365 days.
const FAR: u64 = 365 * 86_400 * 1_000_000_000;

/// Periods beside the main one that are kept; packets of further ones are left out.
const MOST_PERIODS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_wrong_are_left_out() {
        const YEAR: u64 = 365 * 86_400;
        const NOW: u64 = 54 * YEAR;
        #[rustfmt::skip]
        let cases: &[(&str, &[u64], (u64, u64))] = &[
            ("ordinary",               &[NOW, NOW + 5, NOW + 3],                         (NOW, NOW + 5)),
            ("outliers in between",    &[NOW, 12 * YEAR, 12 * YEAR, NOW + 9, NOW + 8],   (NOW, NOW + 9)),
            ("an outlier first",       &[0, NOW, NOW + 1],                               (NOW, NOW + 1)),
            ("an outlier last",        &[NOW, NOW + 1, 136 * YEAR],                      (NOW, NOW + 1)),
            ("months",                 &[NOW, NOW + YEAR / 2, NOW + YEAR],               (NOW, NOW + YEAR)),
            ("one packet",             &[7],                                             (7, 7)),
            ("none",                   &[],                                              (0, 0)),
        ];
        for (name, seconds, (first, last)) in cases {
            let mut times = CaptureTimes::default();
            for second in *seconds {
                times.observe(Timestamp(second * 1_000_000_000));
            }
            let expected = (Timestamp(first * 1_000_000_000), Timestamp(last * 1_000_000_000));
            assert_eq!(times.range(), expected, "{name}");
        }
        let mut times = CaptureTimes::default();
        for second in 0..20 {
            times.observe(Timestamp(second * 2 * YEAR * 1_000_000_000));
        }
        assert_eq!(times.others.len(), MOST_PERIODS);
    }
}
