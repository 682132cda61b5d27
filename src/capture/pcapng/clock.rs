//! From an interface's ticks to nanoseconds since 1970.

use crate::stream::Timestamp;

/// How an interface counts time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct InterfaceClock {
    scale: Scale,
    /// Nanoseconds to be added.
    offset: i128,
}

/// How to convert ticks to nanoseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scale {
    Multiply(u64),
    Divide(u128),
    /// Ticks are fractions of a second by this power of two.
    Shift(u32),
}

impl Default for InterfaceClock {
    /// Microseconds since 1970: the default of an interface.
    fn default() -> Self {
        Self::new(6, 0)
    }
}

impl InterfaceClock {
    /// A clock of `resolution` as encoded in the option `if_tsresol`, set by `offset` seconds.
    pub(super) fn new(resolution: u8, offset: i64) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        let scale = if resolution & 0x80 != 0 {
            Scale::Shift(exponent)
        } else if exponent <= 9 {
            Scale::Multiply(10_u64.pow(9 - exponent))
        } else {
            // Beyond 10^-47 even the largest count of ticks is less than a nanosecond.
            Scale::Divide(10_u128.checked_pow(exponent - 9).unwrap_or(u128::MAX))
        };
        Self { scale, offset: i128::from(offset) * NANOSECONDS_PER_SECOND }
    }

    /// The time after `ticks`, clamped to what a timestamp can hold.
    #[inline]
    pub(super) fn time(self, ticks: u64) -> Timestamp {
        match self.scale {
            Scale::Multiply(factor) if self.offset == 0 => Timestamp(ticks.saturating_mul(factor)),
            scale => self.slow_time(scale, ticks),
        }
    }

    fn slow_time(self, scale: Scale, ticks: u64) -> Timestamp {
        let ticks = u128::from(ticks);
        let nanoseconds = match scale {
            // 64 bits times 30 bits.
            Scale::Multiply(factor) => ticks * u128::from(factor),
            Scale::Divide(divisor) => ticks / divisor,
            Scale::Shift(exponent) => (ticks * NANOSECONDS_PER_SECOND.unsigned_abs()) >> exponent,
        };
        let total = i128::try_from(nanoseconds).unwrap_or(i128::MAX).saturating_add(self.offset);
        Timestamp(u64::try_from(total.max(0)).unwrap_or(u64::MAX))
    }
}

const NANOSECONDS_PER_SECOND: i128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_nanoseconds() {
        #[rustfmt::skip]
        let cases: &[(&str, u8, i64, u64, u64)] = &[
            ("microseconds",            6,    0,                1_500_000,     1_500_000_000),
            ("nanoseconds",             9,    0,                1_500_000,     1_500_000),
            ("seconds",                 0,    0,                2,             2_000_000_000),
            ("picoseconds",             12,   0,                1_999,         1),
            ("far too fine",            127,  0,                u64::MAX,      0),
            ("quarters of a second",    0x82, 0,                5,             1_250_000_000),
            ("2^-20 seconds",           0x94, 0,                1 << 19,       500_000_000),
            ("2^-127 seconds",          0xff, 0,                u64::MAX,      0),
            ("2^0 seconds",             0x80, 0,                3,             3_000_000_000),
            ("offset",                  6,    10,               1,             10_000_001_000),
            ("negative offset",         9,    -1,               1_000_000_005, 5),
            ("before 1970",             9,    -2,               1_000_000_005, 0),
            ("after 2554",              0,    0,                u64::MAX,      u64::MAX),
            ("extreme offset",          0,    i64::MAX,         u64::MAX,      u64::MAX),
            ("extreme negative offset", 0,    i64::MIN,         0,             0),
        ];
        for &(name, resolution, offset, ticks, expected) in cases {
            assert_eq!(
                InterfaceClock::new(resolution, offset).time(ticks),
                Timestamp(expected),
                "{name}"
            );
        }
    }
}
