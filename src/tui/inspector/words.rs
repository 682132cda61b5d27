//! Numbers in words, for lines of pages.

use crate::stream::{PacketId, length_u64};
use crate::text::amount;

/// `1 byte`, `1,448 bytes`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    made(|out| amount::counted(out, number, noun))
}

/// `1,448 bytes`, of a length in memory.
pub(super) fn bytes(length: usize) -> String {
    counted(length_u64(length), "byte")
}

/// `1,448`
pub(super) fn grouped(number: u64) -> String {
    made(|out| amount::grouped(out, number))
}

/// `3.2 kB`
pub(super) fn size(bytes: u64) -> String {
    made(|out| amount::size(out, bytes))
}

/// `0.47 ms`
pub(super) fn duration(nanoseconds: u64) -> String {
    made(|out| amount::duration(out, nanoseconds))
}

/// `0.001022`
pub(super) fn seconds(nanoseconds: u64) -> String {
    made(|out| amount::seconds(out, nanoseconds))
}

/// `packet 23`, `packets 23-24`
pub(super) fn packets(first: PacketId, last: PacketId) -> String {
    if first == last { format!("packet {first}") } else { format!("packets {first}-{last}") }
}

/// `63 %` of a whole; `None` of nothing.
pub(super) fn percent(part: u64, whole: u64) -> Option<u64> {
    u64::try_from(u128::from(part).saturating_mul(100).checked_div(u128::from(whole))?).ok()
}

/// `7f 9f 4d`
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn made(write: impl FnOnce(&mut String)) -> String {
    let mut text = String::new();
    write(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_whole_are_percents() {
        assert_eq!((percent(78, 124), percent(5, 0)), (Some(62), None));
        assert_eq!(percent(u64::MAX, 1), None);
        assert_eq!(packets(PacketId(23), PacketId(24)), "packets 23-24");
        assert_eq!(hex(&[0x7f, 0]), "7f 00");
    }
}
