//! Packet times as RFC 3339 text.

use std::time::{Duration, UNIX_EPOCH};

use crate::stream::Timestamp;

/// Writes times as RFC 3339 with nine decimals, in UTC: `2026-08-22T09:30:00.000312000Z`.
///
/// Keeps the text of the last second: times come in order, so the calendar is seldom needed.
#[derive(Debug, Default)]
pub struct Rfc3339 {
    /// The second whose date is in `text`.
    second: Option<u64>,
    text: String,
}

impl Rfc3339 {
    /// The text of a time, valid until the next one is requested.
    pub fn text(&mut self, time: Timestamp) -> &str {
        let (second, nanosecond) = (time.0 / SECOND, time.0 % SECOND);
        if self.second != Some(second) {
            self.second = Some(second);
            self.text = date(second);
        }
        let mut tail = *b".000000000Z";
        let mut rest = nanosecond;
        if let Some(digits) = tail.get_mut(1..=DECIMALS) {
            for digit in digits.iter_mut().rev() {
                *digit = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or(0));
                rest /= 10;
            }
        }
        self.text.truncate(DATE_LENGTH);
        self.text.push_str(std::str::from_utf8(&tail).unwrap_or_default());
        &self.text
    }
}

/// The date and the time of day, without decimals and zone.
fn date(second: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(second)).unwrap_or(UNIX_EPOCH);
    let mut text = humantime::format_rfc3339_seconds(time).to_string();
    text.truncate(DATE_LENGTH);
    text
}

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// Digits after the point.
const DECIMALS: usize = 9;

/// Length of `2026-08-22T09:30:00`.
const DATE_LENGTH: usize = 19;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        let mut clock = Rfc3339::default();
        let cases = [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1, "1970-01-01T00:00:00.000000001Z"),
            (951_782_400_000_312_000, "2000-02-29T00:00:00.000312000Z"),
            (951_782_400_999_999_999, "2000-02-29T00:00:00.999999999Z"),
            (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
            (1, "1970-01-01T00:00:00.000000001Z"),
        ];
        for (nanoseconds, expected) in cases {
            assert_eq!(clock.text(Timestamp(nanoseconds)), expected);
        }
    }
}
