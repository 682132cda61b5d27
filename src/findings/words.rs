//! The words that evidence is made of.

use crate::stream::Span;
use crate::websocket::Opcode;

/// The name of an opcode, or its number.
pub(super) fn opcode_in_words(opcode: u8) -> String {
    Opcode::from_wire(opcode)
        .map_or_else(|| format!("opcode {opcode:#x}"), |it| it.name().to_owned())
}

/// A number and what it counts.
pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The packets of another place.
pub(super) fn packets_in_words(span: Span) -> String {
    let (first, last) = (span.first.packet, span.last.packet);
    if first == last { format!("packet {first}") } else { format!("packets {first} to {last}") }
}

/// A part of a whole in percent.
pub(super) fn share(part: u64, whole: u64) -> String {
    let permille = part.saturating_mul(1000).checked_div(whole).unwrap_or_default();
    format!("{}.{} %", permille / 10, permille % 10)
}

/// How long after something else it was.
pub(super) fn after(nanoseconds: u64) -> String {
    if nanoseconds < 50_000 {
        "at once".to_owned()
    } else {
        format!("after {}", duration(nanoseconds))
    }
}

/// Nanoseconds in words.
pub(super) fn duration(nanoseconds: u64) -> String {
    let tenths = nanoseconds.saturating_add(50_000) / 100_000;
    if tenths < 10_000 {
        return format!("{}.{} ms", tenths / 10, tenths % 10);
    }
    let tenths = nanoseconds.saturating_add(50_000_000) / 100_000_000;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_decimal() {
        let rows = [
            (0, "0.0 ms"),
            (49_999, "0.0 ms"),
            (1_550_000, "1.6 ms"),
            (999_900_000, "999.9 ms"),
            (1_000_000_000, "1.0 s"),
            (61_240_000_000, "61.2 s"),
        ];
        for (nanoseconds, expected) in rows {
            assert_eq!(duration(nanoseconds), expected);
        }
    }
}
