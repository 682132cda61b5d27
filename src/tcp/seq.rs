//! Sequence numbers: 32 bits on the wire, 64-bit offsets in a stream.

/// The stream offset of a sequence number.
///
/// `start` is the sequence number of offset 0, `near` an offset close to the wanted one: of all
/// offsets that have this number (they are 4 GiB apart), the one nearest to it is meant
/// (RFC 9293 §3.4). Negative if the number is before the start.
pub fn offset(sequence: u32, start: u32, near: u64) -> i64 {
    let expected = start.wrapping_add(low_half(near));
    let distance = sequence.wrapping_sub(expected).cast_signed();
    near.cast_signed().saturating_add(i64::from(distance))
}

/// The lower 32 bits of an offset: how far its sequence number is from the start's.
pub(super) fn low_half(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_offsets() {
        let cases: &[(&str, u32, u32, u64, i64)] = &[
            ("start", 1000, 1000, 0, 0),
            ("ahead", 1500, 1000, 0, 500),
            ("before the start (keep-alive)", 999, 1000, 0, -1),
            ("wrapped", 5, u32::MAX - 4, 0, 10),
            ("second round", 1000, 1000, 1 << 32, 1 << 32),
            ("retransmission after a wrap", u32::MAX, 0, 1 << 32, (1 << 32) - 1),
            ("far into the stream", 7, 3, (5 << 32) + 1, (5 << 32) + 4),
        ];
        for (name, sequence, start, near, expected) in cases {
            assert_eq!(offset(*sequence, *start, *near), *expected, "{name}");
        }
    }
}
