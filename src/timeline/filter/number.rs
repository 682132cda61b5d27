//! Numbers as expressions write them: with units, in hexadecimal, with decimals.

use std::fmt;

use crate::timeline::filter::fields::MILLION;

/// An integer: decimal, or hexadecimal with `0x`; `_` may separate digits.
pub(super) fn integer(word: &str) -> Option<u64> {
    let (digits, radix) = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (word, 10),
    };
    let plain = without_separators(digits)?;
    // The sign that the standard library would take is not a digit.
    if plain.starts_with('+') {
        return None;
    }
    u64::from_str_radix(&plain, radix).ok()
}

/// A number of bytes, for example `1_000`, `64k` (64,000), `64Ki` (65,536), `1.5MB`.
pub(super) fn size(word: &str) -> Option<u64> {
    if let Some(bytes) = integer(word) {
        return Some(bytes);
    }
    let digits = word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = word.get(digits.len()..)?;
    let unit = unit.strip_suffix('B').unwrap_or(unit);
    let factor = SIZES.iter().find(|row| row.0 == unit)?.1;
    decimal(digits, factor)
}

/// A time in nanoseconds, for example `2.5s`, `300ms`, `1m`.
pub(super) fn duration(word: &str) -> Option<u64> {
    let digits = word.trim_end_matches(char::is_alphabetic);
    let unit = word.get(digits.len()..)?;
    let factor = DURATIONS.iter().find(|row| row.0 == unit)?.1;
    decimal(digits, factor)
}

/// A ratio in millionths, for example `0.5`, `2`, `50%`.
pub(super) fn ratio(word: &str) -> Option<u64> {
    match word.strip_suffix('%') {
        Some(percent) => decimal(percent, MILLION / 100),
        None => decimal(word, MILLION),
    }
}

/// Bytes as hexadecimal digits; spaces, colons and dashes may separate bytes.
pub(super) fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut digits = text.iter().copied().peekable();
    while let Some(first) = digits.next() {
        if matches!(first, b' ' | b':' | b'-' | b'\t' | b'\n') {
            continue;
        }
        let high = char::from(first).to_digit(16)?;
        let low = char::from(digits.next()?).to_digit(16)?;
        bytes.push(u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?);
    }
    Some(bytes)
}

/// A number with decimals, times `factor`; `None` if that is not an integer, or too large.
fn decimal(digits: &str, factor: u64) -> Option<u64> {
    let plain = without_separators(digits)?;
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let some = !whole.is_empty() && (!fraction.is_empty() || !plain.contains('.'));
    if !some || !is_digits(whole) || !is_digits(fraction) || fraction.len() > MOST_DECIMALS {
        return None;
    }
    let mut number = whole.parse::<u128>().ok()?.checked_mul(u128::from(factor))?;
    if !fraction.is_empty() {
        let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let part = fraction.parse::<u128>().ok()?.checked_mul(u128::from(factor))?;
        if part.checked_rem(scale)? != 0 {
            return None;
        }
        number = number.checked_add(part.checked_div(scale)?)?;
    }
    u64::try_from(number).ok()
}

/// Digits without the `_` between them; `None` if one is anywhere else.
fn without_separators(digits: &str) -> Option<String> {
    let misplaced = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    (!misplaced && !digits.is_empty()).then(|| digits.replace('_', ""))
}

/// Writes a time in the largest unit that it reaches: `2.5s`, `300ms`.
pub(super) fn write_duration(nanoseconds: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let shown = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)];
    let (unit, factor) = shown.into_iter().find(|row| nanoseconds >= row.1).unwrap_or(("ns", 1));
    let (unit, factor) = if nanoseconds == 0 { ("s", 1) } else { (unit, factor) };
    write_decimal(nanoseconds, factor, f)?;
    f.write_str(unit)
}

/// Writes `number / scale`, which is a power of ten, with as many decimals as it needs.
pub(super) fn write_decimal(number: u64, scale: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let whole = number.checked_div(scale).unwrap_or(0);
    let rest = number.checked_rem(scale).unwrap_or(0);
    if rest == 0 {
        return write!(f, "{whole}");
    }
    let width = usize::try_from(scale.checked_ilog10().unwrap_or(0)).unwrap_or(0);
    let decimals = format!("{rest:0width$}");
    write!(f, "{whole}.{}", decimals.trim_end_matches('0'))
}

/// Units of sizes, without the `B` that may follow.
const SIZES: &[(&str, u64)] = &[
    ("", 1),
    ("k", 1_000),
    ("K", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
];

/// Units of durations, in nanoseconds.
const DURATIONS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Decimals beyond which a number is not read.
const MOST_DECIMALS: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_their_units() {
        type ReadNumber = fn(&str) -> Option<u64>;
        #[rustfmt::skip]
        let cases: &[(&str, ReadNumber, Option<u64>)] = &[
            ("1000",        integer,  Some(1000)),
            ("1_000_000",   integer,  Some(1_000_000)),
            ("0x3e8",       integer,  Some(1000)),
            ("0XFF",        integer,  Some(255)),
            ("18446744073709551615", integer, Some(u64::MAX)),
            ("18446744073709551616", integer, None),
            ("_1",          integer,  None),
            ("1__0",        integer,  None),
            ("+1",          integer,  None),
            ("-1",          integer,  None),
            ("0x",          integer,  None),
            ("1.5",         integer,  None),
            ("64k",         size,     Some(64_000)),
            ("64KB",        size,     Some(64_000)),
            ("64Ki",        size,     Some(65_536)),
            ("1.5M",        size,     Some(1_500_000)),
            ("1GiB",        size,     Some(1 << 30)),
            ("5B",          size,     Some(5)),
            ("0.5",         size,     None),
            ("5x",          size,     None),
            ("99999999999G", size,    None),
            ("2.5s",        duration, Some(2_500_000_000)),
            ("300ms",       duration, Some(300_000_000)),
            ("1m",          duration, Some(60_000_000_000)),
            ("47µs",        duration, Some(47_000)),
            ("1h",          duration, Some(3_600_000_000_000)),
            ("0s",          duration, Some(0)),
            ("2.5",         duration, None),
            ("0.5ns",       duration, None),
            ("s",           duration, None),
            (".5s",         duration, None),
            ("1.s",         duration, None),
            ("0.5",         ratio,    Some(500_000)),
            ("50%",         ratio,    Some(500_000)),
            ("2",           ratio,    Some(2_000_000)),
            ("0.0000001",   ratio,    None),
            ("1.2.3",       ratio,    None),
        ];
        for (word, read, expected) in cases {
            assert_eq!(read(word), *expected, "{word}");
        }
    }

    #[test]
    fn bytes_are_pairs_of_digits() {
        #[rustfmt::skip]
        let cases: &[(&str, Option<&[u8]>)] = &[
            ("81 85",    Some(&[0x81, 0x85])),
            ("81:85",    Some(&[0x81, 0x85])),
            ("8185FF",   Some(&[0x81, 0x85, 0xff])),
            ("",         Some(&[])),
            ("8",        None),
            ("8 1",      None),
            ("0x81",     None),
        ];
        for (text, expected) in cases {
            assert_eq!(hexadecimal(text.as_bytes()).as_deref(), *expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_as_the_same() {
        struct Written(u64);
        impl fmt::Display for Written {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_duration(self.0, f)
            }
        }
        #[rustfmt::skip]
        let cases = [
            (0, "0s"), (1, "1ns"), (1_500, "1.5us"), (300_000_000, "300ms"), (2_500_000_000, "2.5s"),
            (60_000_000_000, "60s"), (1_000_000_001, "1.000000001s"),
        ];
        for (nanoseconds, expected) in cases {
            assert_eq!(Written(nanoseconds).to_string(), expected);
            assert_eq!(duration(expected), Some(nanoseconds));
        }
    }
}
