//! Numbers, sizes and durations as people read them.

use std::fmt::Write;

use crate::stream::Timestamp;

/// Appends a number with commas between groups of three digits.
pub fn grouped(out: &mut String, number: u64) {
    let (high, low) = (number / GROUP, number % GROUP);
    if high == 0 {
        write!(out, "{low}").ok();
    } else {
        grouped(out, high);
        write!(out, ",{low:03}").ok();
    }
}

/// Columns that [`grouped`] takes.
pub fn grouped_width(number: u64) -> usize {
    let digits = number.checked_ilog10().map_or(1, |log| log.saturating_add(1));
    let commas = digits.saturating_sub(1) / 3;
    usize::try_from(digits.saturating_add(commas)).unwrap_or(0)
}

/// A number with its noun, in the plural unless it is one: `1 packet`, `1,200 packets`.
pub fn counted(out: &mut String, number: u64, noun: &str) {
    grouped(out, number);
    out.push(' ');
    out.push_str(noun);
    if number != 1 {
        out.push('s');
    }
}

/// Appends a size with a unit that suits it, rounded to one decimal: `812 B`, `3.2 kB`, `1.4 GB`
/// (powers of 1000).
pub fn size(out: &mut String, bytes: u64) {
    let mut unit = 1_u64;
    let mut name = "B";
    for next in ["kB", "MB", "GB", "TB"] {
        // What would be rounded up to 1000.0 has the next unit.
        if bytes.saturating_add(unit / 20) / unit < GROUP {
            break;
        }
        unit = unit.saturating_mul(GROUP);
        name = next;
    }
    if unit == 1 {
        write!(out, "{bytes} B").ok();
    } else {
        tenths(out, bytes, unit, name);
    }
}

/// Appends nanoseconds with a unit that suits them: `47 µs`, `0.3 ms`, `1.2 s`, `2m11s`, `3h05m`,
/// `4d06h`, `43.6 years`.
///
/// All durations that people read are written by this rule: rounded (half up) to microseconds, to tenths
/// of a millisecond or of a second, to seconds, minutes, hours, or tenths of a year. What rounds up to the next unit is written in
/// it: 999.96 ms is `1.0 s`. Minutes, days and years begin at two: timeouts of 60 or 100 s are known by their seconds.
pub fn duration(out: &mut String, nanoseconds: u64) {
    match nanoseconds {
        0..99_500 => {
            write!(out, "{} µs", rounded(nanoseconds, MICROSECOND)).ok();
        }
        99_500..999_950_000 => tenths(out, nanoseconds, MILLISECOND, "ms"),
        999_950_000..119_950_000_000 => tenths(out, nanoseconds, SECOND, "s"),
        119_950_000_000..3_599_500_000_000 => {
            let seconds = rounded(nanoseconds, SECOND);
            write!(out, "{}m{:02}s", seconds / 60, seconds % 60).ok();
        }
        3_599_500_000_000..172_770_000_000_000 => {
            let minutes = rounded(nanoseconds, MINUTE);
            write!(out, "{}h{:02}m", minutes / 60, minutes % 60).ok();
        }
        172_770_000_000_000..63_070_200_000_000_000 => {
            let hours = rounded(nanoseconds, HOUR);
            write!(out, "{}d{:02}h", hours / 24, hours % 24).ok();
        }
        63_070_200_000_000_000.. => tenths(out, nanoseconds, YEAR, "years"),
    }
}

/// Appends a number of units with one decimal, rounded.
fn tenths(out: &mut String, number: u64, unit: u64, name: &str) {
    let tenths = rounded(number, unit / 10);
    write!(out, "{}.{} {name}", tenths / 10, tenths % 10).ok();
}

/// How many units a number is, rounded half up.
fn rounded(number: u64, unit: u64) -> u64 {
    number.saturating_add(unit / 2).checked_div(unit).unwrap_or(number)
}

/// Appends nanoseconds as seconds with six decimals, cut off as in Wireshark: `0.001022`.
///
/// This is a place on the time axis, not an amount. A place that is years away, because a clock was
/// wrong, is written as a duration: columns have room for days of seconds.
pub fn seconds(out: &mut String, nanoseconds: u64) {
    if nanoseconds >= YEAR {
        return tenths(out, nanoseconds, YEAR, "years");
    }
    write!(out, "{}.", nanoseconds / 1_000_000_000).ok();
    let microseconds = nanoseconds / 1_000 % 1_000_000;
    for unit in [100_000, 10_000, 1_000, 100, 10, 1] {
        let digit = u8::try_from(microseconds / unit % 10).unwrap_or(0);
        out.push(char::from(b'0'.saturating_add(digit)));
    }
}

/// Appends the place of a time on the axis that begins at `start`, as [`seconds`]: negative before it.
pub fn relative_time(out: &mut String, start: Timestamp, time: Timestamp) {
    if time < start {
        out.push('-');
    }
    seconds(out, time.0.abs_diff(start.0));
}

/// Appends nanoseconds in seconds with six decimals and their unit, or in years: `0.001022 s`.
pub fn elapsed(out: &mut String, nanoseconds: u64) {
    seconds(out, nanoseconds);
    if nanoseconds < YEAR {
        out.push_str(" s");
    }
}

/// The step from one unit of size to the next, and from one comma to the next.
const GROUP: u64 = 1000;

/// Nanoseconds.
const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// Of 365 days.
const YEAR: u64 = 365 * 24 * HOUR;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn numbers_are_grouped_and_their_width_is_known() {
        let cases = [
            (0, "0"),
            (9, "9"),
            (10, "10"),
            (999, "999"),
            (1000, "1,000"),
            (65_536, "65,536"),
            (1_000_000, "1,000,000"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ];
        for (number, expected) in cases {
            assert_eq!(text(|out| grouped(out, number)), expected);
            assert_eq!(grouped_width(number), expected.len(), "{number}");
        }
        assert_eq!(text(|out| counted(out, 1, "frame")), "1 frame");
        assert_eq!(text(|out| counted(out, 2, "frame")), "2 frames");
    }

    #[test]
    fn sizes_and_durations_are_rounded_and_have_fitting_units() {
        let sizes = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_049, "1.0 kB"),
            (1_050, "1.1 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (1_449_999, "1.4 MB"),
            (3_210_000_000, "3.2 GB"),
            (18_446_744_000_000_000_000, "18446744.0 TB"),
        ];
        for (bytes, expected) in sizes {
            assert_eq!(text(|out| size(out, bytes)), expected);
        }
        let durations = [
            (0, "0 µs"),
            (499, "0 µs"),
            (47_900, "48 µs"),
            (99_499, "99 µs"),
            (99_500, "0.1 ms"),
            (312_000, "0.3 ms"),
            (1_550_000, "1.6 ms"),
            (999_949_999, "999.9 ms"),
            (999_950_000, "1.0 s"),
            (1_204_000_000, "1.2 s"),
            (61_240_000_000, "61.2 s"),
            (119_949_999_999, "119.9 s"),
            (119_950_000_000, "2m00s"),
            (131_000_000_000, "2m11s"),
            (3_599_499_999_999, "59m59s"),
            (3_599_500_000_000, "1h00m"),
            (11_100_000_000_000, "3h05m"),
            (172_769_999_999_999, "47h59m"),
            (172_770_000_000_000, "2d00h"),
            (367_200_000_000_000, "4d06h"),
            (63_070_199_999_999_999, "729d23h"),
            (63_072_000_000_000_000, "2.0 years"),
            (1_374_000_001_236_839_000, "43.6 years"),
            (u64::MAX, "584.9 years"),
        ];
        for (nanoseconds, expected) in durations {
            assert_eq!(text(|out| duration(out, nanoseconds)), expected);
        }
        assert_eq!(text(|out| seconds(out, 1_022_999)), "0.001022");
        assert_eq!(text(|out| seconds(out, 131_000_000_001)), "131.000000");
    }
}
