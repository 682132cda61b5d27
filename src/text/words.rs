//! Amounts as strings of their own, for sentences that are put together; [`amount`] has the rules.

use std::fmt::{Display, Write as _};

use crate::stream::{Span, Timestamp};
use crate::text::amount;

/// `1,448`
pub fn grouped(number: u64) -> String {
    written(|out| amount::grouped(out, number))
}

/// `1 byte`, `1,448 bytes`
pub fn counted(number: u64, noun: &str) -> String {
    written(|out| amount::counted(out, number, noun))
}

/// `1,448 bytes`, of a length in memory.
pub fn bytes(length: usize) -> String {
    counted(u64::try_from(length).unwrap_or(u64::MAX), "byte")
}

/// `3.2 kB`
pub fn size(bytes: u64) -> String {
    written(|out| amount::size(out, bytes))
}

/// `0.5 ms`
pub fn duration(nanoseconds: u64) -> String {
    written(|out| amount::duration(out, nanoseconds))
}

/// `0.001022`, or `-0.001022` before the start.
pub fn relative_time(start: Timestamp, time: Timestamp) -> String {
    written(|out| amount::relative_time(out, start, time))
}

/// `0.001022`
pub fn seconds(nanoseconds: u64) -> String {
    written(|out| amount::seconds(out, nanoseconds))
}

/// `62.9 %` of a whole, rounded; `None` of nothing.
pub fn percent(part: u64, whole: u64) -> Option<String> {
    let (part, whole) = (u128::from(part), u128::from(whole));
    let tenths = part.saturating_mul(1000).saturating_add(whole / 2).checked_div(whole)?;
    Some(format!("{}.{} %", tenths / 10, tenths % 10))
}

/// `packet 23`, `packets 23-24`
pub fn packets<Number: Copy + Display + PartialEq>(first: Number, last: Number) -> String {
    if first == last { format!("packet {first}") } else { format!("packets {first}-{last}") }
}

/// The packets of a span: `packets 23-24`.
pub fn packets_of(span: Span) -> String {
    packets(span.first.packet, span.last.packet)
}

/// `7f 9f 4d`
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// `7f9f4d`
pub fn hex_digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// A phrase of ours as a sentence: `Closed.`
pub fn sentence(phrase: &str) -> String {
    let mut letters = phrase.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}

/// The string that `write` appends to an empty one.
pub fn written(write: impl FnOnce(&mut String)) -> String {
    let mut out = String::new();
    write(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_whole_are_rounded_percents() {
        let rows = [(78, 124, "62.9 %"), (1, 3, "33.3 %"), (2, 3, "66.7 %"), (0, 9, "0.0 %")];
        for (part, whole, expected) in rows {
            assert_eq!(percent(part, whole).as_deref(), Some(expected));
        }
        assert_eq!(percent(5, 0), None);
        assert!(percent(u64::MAX, 1).is_some());
    }

    #[test]
    fn packets_and_bytes_are_named_briefly() {
        assert_eq!(
            (packets(23, 23), packets(23, 24)),
            ("packet 23".into(), "packets 23-24".into())
        );
        assert_eq!((bytes(1), bytes(1448)), ("1 byte".into(), "1,448 bytes".into()));
        assert_eq!(hex(&[0x7f, 0]), "7f 00");
        assert_eq!(sentence("closed"), "Closed.");
    }
}
