//! When a capture took place, although a few packets may carry the time of a clock that was wrong.

use crate::stream::{DISTANT, Timestamp};

/// The times of a capture's packets, without those that are far from most of them.
#[derive(Clone, Debug, Default)]
pub struct CaptureTimes {
    /// Where most packets are.
    main: Period,
    /// Others, each far from all the rest.
    others: Vec<Period>,
}

/// Times that are close to one another.
#[derive(Clone, Copy, Debug, Default)]
struct Period {
    /// Time of the first packet in the order of the capture.
    opening: Timestamp,
    first: Timestamp,
    last: Timestamp,
    packets: u64,
}

impl CaptureTimes {
    /// Takes the time of a packet.
    #[inline]
    pub fn observe(&mut self, time: Timestamp) {
        if !self.main.take(time) {
            self.distant(time);
        }
    }

    /// Whether no packet was seen.
    pub fn is_empty(&self) -> bool {
        self.main.packets == 0
    }

    /// The first and last time of the period with most packets.
    pub fn range(&self) -> (Timestamp, Timestamp) {
        (self.main.first, self.main.last)
    }

    /// What times are shown relative to: the first packet of that period, which is not the earliest
    /// one if the clock stepped back or packets were recorded out of order.
    pub fn start(&self) -> Timestamp {
        self.main.opening
    }

    /// The part of a connection's time that is in the period with most packets; all of it if none is.
    pub fn usual(&self, opened: Timestamp, ended: Timestamp) -> (Timestamp, Timestamp) {
        let (opened, ended) = (opened.min(ended), opened.max(ended));
        let part = (opened.max(self.main.first), ended.min(self.main.last));
        if part.0 <= part.1 { part } else { (opened, ended) }
    }

    /// The earliest and the latest time of all periods.
    pub fn extremes(&self) -> (Timestamp, Timestamp) {
        self.others.iter().fold(self.range(), |(first, last), other| {
            (first.min(other.first), last.max(other.last))
        })
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
        Self { opening: time, first: time, last: time, packets: 1 }
    }

    /// Takes a time if it is close.
    #[inline]
    fn take(&mut self, time: Timestamp) -> bool {
        let is_close = time.0 >= self.first.0.saturating_sub(DISTANT)
            && time.0 <= self.last.0.saturating_add(DISTANT)
            && self.packets > 0;
        if is_close {
            self.first = self.first.min(time);
            self.last = self.last.max(time);
            self.packets = self.packets.saturating_add(1);
        }
        is_close
    }
}

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
            let earliest = seconds.iter().min().map_or(0, |it| it * 1_000_000_000);
            assert_eq!(times.extremes().0, Timestamp(earliest), "{name}");
            let is_inside = |second: &&u64| (first..=last).contains(second);
            let opening = seconds.iter().find(is_inside).map_or(0, |it| it * 1_000_000_000);
            assert_eq!(times.start(), Timestamp(opening), "{name}");
        }
        let mut times = CaptureTimes::default();
        for second in 0..20 {
            times.observe(Timestamp(second * 2 * YEAR * 1_000_000_000));
        }
        assert_eq!(times.others.len(), MOST_PERIODS);
    }
}
