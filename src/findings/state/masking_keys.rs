//! The masking keys of one client: they must be fresh and hard to guess (RFC 6455 §5.3).

/// What is remembered of the keys so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MaskingKeys {
    latest: Option<[u8; 4]>,
    /// The difference between the latest two, and how many equal ones there were in a row.
    step: KeyStep,
    steps: u32,
    /// What was seen already, so that each is reported once.
    reported: [bool; 3],
}

/// The difference between two keys, if it is a small one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum KeyStep {
    #[default]
    None,
    BigEndian(i32),
    LittleEndian(i32),
}

/// How a key can be guessed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pattern {
    /// All its bits are zero.
    Zero,
    /// It is the one of the frame before.
    Same,
    /// It is as much larger than the one before as that one was, again and again.
    Counter,
}

impl MaskingKeys {
    /// The pattern that the next key shows, if it is the first of its kind.
    pub(crate) fn pattern(&self, key: [u8; 4]) -> Option<Pattern> {
        let pattern = self.pattern_of(key)?;
        let reported = self.reported.get(pattern.place()).copied().unwrap_or_default();
        (!reported).then_some(pattern)
    }

    /// Remembers a key.
    pub(crate) fn observe(&mut self, key: [u8; 4]) {
        if let Some(reported) =
            self.pattern_of(key).and_then(|it| self.reported.get_mut(it.place()))
        {
            *reported = true;
        }
        let step = self.step_to(key);
        self.steps = if step != KeyStep::None && step == self.step {
            self.steps.saturating_add(1)
        } else {
            u32::from(step != KeyStep::None)
        };
        self.step = step;
        self.latest = Some(key);
    }

    fn pattern_of(&self, key: [u8; 4]) -> Option<Pattern> {
        if key == [0; 4] {
            return Some(Pattern::Zero);
        }
        if self.latest == Some(key) {
            return Some(Pattern::Same);
        }
        let step = self.step_to(key);
        let counts = step != KeyStep::None && step == self.step;
        (counts && self.steps.saturating_add(1) >= EQUAL_STEPS).then_some(Pattern::Counter)
    }

    fn step_to(&self, key: [u8; 4]) -> KeyStep {
        let Some(latest) = self.latest else { return KeyStep::None };
        let small = |step: i32| step != 0 && step.unsigned_abs() <= SMALL_STEP;
        let difference =
            |a: u32, b: u32| Some(a.wrapping_sub(b).cast_signed()).filter(|step| small(*step));
        let big = difference(u32::from_be_bytes(key), u32::from_be_bytes(latest));
        let little = difference(u32::from_le_bytes(key), u32::from_le_bytes(latest));
        big.map(KeyStep::BigEndian)
            .or_else(|| little.map(KeyStep::LittleEndian))
            .unwrap_or_default()
    }
}

impl Pattern {
    fn place(self) -> usize {
        match self {
            Self::Zero => 0,
            Self::Same => 1,
            Self::Counter => 2,
        }
    }
}

/// A difference up to which keys may be counted, not drawn.
const SMALL_STEP: u32 = 256;

/// How many equal small differences in a row are not a coincidence.
const EQUAL_STEPS: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(keys: &[u32]) -> Vec<Option<Pattern>> {
        let mut memory = MaskingKeys::default();
        keys.iter()
            .map(|key| {
                let pattern = memory.pattern(key.to_be_bytes());
                memory.observe(key.to_be_bytes());
                pattern
            })
            .collect()
    }

    #[test]
    fn guessable_keys_are_reported_once_for_each_kind() {
        use Pattern::{Counter, Same, Zero};
        type PatternRow = (&'static str, &'static [u32], &'static [Option<Pattern>]);
        #[rustfmt::skip]
        let rows: &[PatternRow] = &[
            ("drawn", &[0x37fa_213d, 0x9a10_2b3c, 0x0000_0001], &[None, None, None]),
            ("zero", &[0, 0, 5, 0], &[Some(Zero), None, None, None]),
            ("same", &[7, 7, 7], &[None, Some(Same), None]),
            ("same, but not in a row", &[7, 8_000, 7], &[None, None, None]),
            ("counter", &[0x37fa_2100, 0x37fa_2101, 0x37fa_2102, 0x37fa_2103, 0x37fa_2104], &[None, None, None, Some(Counter), None]),
            ("counter, other byte order", &[0x0100_0000, 0x0200_0000, 0x0300_0000, 0x0400_0000], &[None, None, None, Some(Counter)]),
            ("backwards", &[40, 30, 20, 10], &[None, None, None, Some(Counter)]),
            ("two near ones", &[1000, 1001, 9_000_000, 9_000_001], &[None, None, None, None]),
            ("equal large steps", &[0x9e37_79b9, 0x3c6e_f372, 0xdaa6_6d2b, 0x78dd_e6e4], &[None, None, None, None]),
        ];
        for (name, keys, expected) in rows {
            assert_eq!(patterns(keys), *expected, "{name}");
        }
    }
}
