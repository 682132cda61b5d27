//! How fast a live capture grows.

use std::time::Duration;

use crate::timeline::Counts;

/// What came in a second.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rates {
    /// Packets.
    pub packets: u64,
    /// Messages, without control frames.
    pub messages: u64,
    /// Captured bytes.
    pub bytes: u64,
}

/// Measures rates over a second or a little more.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    /// When it was examined, and what had been counted by then.
    before: Option<(Duration, Rates)>,
    rates: Rates,
}

impl Meter {
    /// What came in the last second that has passed as a whole, at a time since any start.
    pub fn read(&mut self, now: Duration, counts: &Counts) -> Rates {
        let counted =
            Rates { packets: counts.packets, messages: counts.messages.data, bytes: counts.bytes };
        let Some((time, before)) = self.before else {
            self.before = Some((now, counted));
            return self.rates;
        };
        let passed = now.saturating_sub(time);
        if passed >= INTERVAL {
            let rate = |now: u64, before: u64| per_second(now.saturating_sub(before), passed);
            self.rates = Rates {
                packets: rate(counted.packets, before.packets),
                messages: rate(counted.messages, before.messages),
                bytes: rate(counted.bytes, before.bytes),
            };
            self.before = Some((now, counted));
        }
        self.rates
    }
}

fn per_second(count: u64, passed: Duration) -> u64 {
    let rate = u128::from(count).saturating_mul(1_000).checked_div(passed.as_millis());
    rate.and_then(|rate| u64::try_from(rate).ok()).unwrap_or(0)
}

/// The shortest time that is measured over.
const INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_second() {
        let mut meter = Meter::default();
        let mut counts = Counts::default();
        #[rustfmt::skip]
        let cases = [
            ("nothing yet",    0,     10,   0),
            ("within it",      500,   300,  0),
            ("one second",     1_000, 510,  500),
            ("within the next", 1_900, 900, 500),
            ("two seconds",    3_000, 1_510, 500),
            ("silence",        4_000, 1_510, 0),
        ];
        for (name, milliseconds, packets, expected) in cases {
            counts.packets = packets;
            counts.bytes = packets * 100;
            let rates = meter.read(Duration::from_millis(milliseconds), &counts);
            assert_eq!((rates.packets, rates.bytes), (expected, expected * 100), "{name}");
        }
    }
}
