//! Sizes and times as users write them.

use std::time::Duration;

/// Parses a size: `4GiB`, `500M`, `65536`. All units are powers of 1024, with and without `iB`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "k" | "kb" | "kib" => Some(1 << 10),
        "m" | "mb" | "mib" => Some(1 << 20),
        "g" | "gb" | "gib" => Some(1 << 30),
        "t" | "tb" | "tib" => Some(1 << 40),
        _ => None,
    };
    let bytes = number.parse::<u64>().ok().zip(factor).and_then(|(n, it)| n.checked_mul(it));
    bytes.ok_or_else(|| "a size is a number with K, M or G, such as 500M".to_owned())
}

/// Parses a time: `10s`, `500ms`, `2m`, `1h`; a number alone is seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let milliseconds = match unit {
        "ms" => Some(1),
        "" | "s" => Some(1_000),
        "m" | "min" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let whole = number.parse::<u64>().ok().zip(milliseconds).and_then(|(n, it)| n.checked_mul(it));
    whole
        .filter(|it| *it > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| "a time is a number with ms, s, m or h, such as 10s".to_owned())
}

/// The digits, and what follows them.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        #[rustfmt::skip]
        let cases = [
            ("65536", Some(65_536)), ("1K", Some(1_024)), ("500M", Some(524_288_000)), ("4 GiB", Some(4 << 30)),
            ("2gb", Some(2 << 30)), ("0", Some(0)),
            ("", None), ("M", None), ("1.5G", None), ("-1", None), ("1X", None), ("99999999999T", None),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn times_have_units() {
        #[rustfmt::skip]
        let cases = [
            ("10s", Some(10_000)), ("10", Some(10_000)), ("500ms", Some(500)), ("2m", Some(120_000)), ("1h", Some(3_600_000)),
            ("", None), ("0", None), ("s", None), ("1d", None), ("1.5s", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_millis), "{text}");
        }
    }
}
