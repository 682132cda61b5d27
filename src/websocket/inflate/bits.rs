//! Bits of a DEFLATE stream, least significant first (RFC 1951 §3.1.1).

/// Bits that were taken from the input and are not used yet.
///
/// Above its `count` bits, the buffer holds zeros or bits that are yet to be taken: never others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bits {
    buffer: u64,
    count: u32,
}

impl Bits {
    /// How many bits are there.
    #[inline]
    pub(super) fn count(self) -> u32 {
        self.count
    }

    /// The bits that are there, the next one lowest.
    #[inline]
    pub(super) fn peek(self) -> u64 {
        self.buffer
    }

    /// The next `count` bits, up to 32, without those of the `skipped` before them.
    #[inline]
    pub(super) fn field(self, skipped: u32, count: u32) -> u64 {
        (self.buffer >> (skipped & 63)) & !(u64::MAX << (count & 63))
    }

    /// Takes at least 56 bits from the input, or all that it has.
    #[inline]
    pub(super) fn refill(&mut self, input: &mut &[u8]) {
        if let Some(word) = input.first_chunk() {
            self.buffer |= u64::from_le_bytes(*word) << (self.count & 63);
            // Whole bytes for which there is room: 7 at most, and then 56 bits or more are there.
            let taken = (63_u32.wrapping_sub(self.count) >> 3) & 7;
            *input = input.get(usize::from(taken.to_le_bytes()[0])..).unwrap_or_default();
            self.count |= 0x38;
        } else {
            while self.count < 56
                && let Some((byte, rest)) = input.split_first()
            {
                self.buffer |= u64::from(*byte) << self.count;
                self.count += 8;
                *input = rest;
            }
        }
    }

    /// Drops bits that are there.
    #[inline]
    pub(super) fn drop(&mut self, count: u32) {
        self.buffer >>= count & 63;
        self.count = self.count.wrapping_sub(count);
    }

    /// Drops bits up to the next byte boundary.
    pub(super) fn align(&mut self) {
        self.drop(self.count & 7);
    }

    /// Takes `count` bits, up to 32, if they are there.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> Option<u64> {
        (count <= self.count).then(|| {
            let field = self.field(0, count);
            self.drop(count);
            field
        })
    }

    /// Takes a byte, if it is there. Without one, nothing of what is yet to be taken stays.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = self.take(8);
        if byte.is_none() {
            *self = Self::default();
        }
        byte.map(|byte| byte.to_le_bytes()[0])
    }

    /// Bytes that the bits there are in, a begun one included.
    pub(super) fn bytes(self) -> u64 {
        u64::from(self.count.div_ceil(8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_in_the_order_of_the_standard_however_they_are_taken() {
        let bytes: Vec<u8> = (0..64_u8).map(|n| n.wrapping_mul(73) ^ 0x5a).collect();
        for step in 1..=14_u32 {
            let (mut bits, mut input) = (Bits::default(), bytes.as_slice());
            let mut at = 0;
            loop {
                bits.refill(&mut input);
                assert!(bits.count() >= 56 || input.is_empty());
                let Some(field) = bits.take(step) else { break };
                for bit in 0..u64::from(step) {
                    let byte = bytes[usize::try_from((at + bit) / 8).unwrap()];
                    assert_eq!(field >> bit & 1, u64::from(byte >> ((at + bit) % 8) & 1));
                }
                at += u64::from(step);
            }
            assert_eq!(at, 64 * 8 / u64::from(step) * u64::from(step));
        }
    }
}
