//! Numbers, sizes and durations as people read them.

use std::fmt::Write;

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

/// Appends a size with a unit that suits it: `812 B`, `3.2 kB`, `1.4 GB` (powers of 1000).
pub fn size(out: &mut String, bytes: u64) {
    let mut unit = 1_u64;
    let mut name = "B";
    for next in ["kB", "MB", "GB", "TB"] {
        if bytes / unit < GROUP {
            break;
        }
        unit = unit.saturating_mul(GROUP);
        name = next;
    }
    if unit == 1 {
        write!(out, "{bytes} B").ok();
    } else {
        write!(out, "{}.{} {name}", bytes / unit, bytes % unit / (unit / 10)).ok();
    }
}

/// Appends nanoseconds with a unit that suits them: `47 µs`, `0.3 ms`, `1.2 s`, `2m11s`.
pub fn duration(out: &mut String, nanoseconds: u64) {
    const MICROSECOND: u64 = 1_000;
    const MILLISECOND: u64 = 1_000_000;
    const SECOND: u64 = 1_000_000_000;
    const MINUTE: u64 = 60 * SECOND;
    match nanoseconds {
        0..100_000 => write!(out, "{} µs", nanoseconds / MICROSECOND),
        100_000..SECOND => {
            write!(out, "{}.{} ms", nanoseconds / MILLISECOND, nanoseconds / 100_000 % 10)
        }
        SECOND..MINUTE => {
            write!(out, "{}.{} s", nanoseconds / SECOND, nanoseconds / 100_000_000 % 10)
        }
        MINUTE.. => {
            write!(out, "{}m{:02}s", nanoseconds / MINUTE, nanoseconds % MINUTE / SECOND)
        }
    }
    .ok();
}

/// Appends nanoseconds as seconds with six decimals: `0.001022`.
pub fn seconds(out: &mut String, nanoseconds: u64) {
    write!(out, "{}.", nanoseconds / 1_000_000_000).ok();
    let microseconds = nanoseconds / 1_000 % 1_000_000;
    for unit in [100_000, 10_000, 1_000, 100, 10, 1] {
        let digit = u8::try_from(microseconds / unit % 10).unwrap_or(0);
        out.push(char::from(b'0'.saturating_add(digit)));
    }
}

/// What the commas stand between.
const GROUP: u64 = 1000;

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
    fn sizes_and_durations_have_fitting_units() {
        let sizes = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_449_999, "1.4 MB"),
            (3_210_000_000, "3.2 GB"),
        ];
        for (bytes, expected) in sizes {
            assert_eq!(text(|out| size(out, bytes)), expected);
        }
        let durations = [
            (0, "0 µs"),
            (47_900, "47 µs"),
            (312_000, "0.3 ms"),
            (1_204_000_000, "1.2 s"),
            (131_000_000_000, "2m11s"),
        ];
        for (nanoseconds, expected) in durations {
            assert_eq!(text(|out| duration(out, nanoseconds)), expected);
        }
        assert_eq!(text(|out| seconds(out, 1_022_999)), "0.001022");
        assert_eq!(text(|out| seconds(out, 131_000_000_001)), "131.000000");
    }
}
