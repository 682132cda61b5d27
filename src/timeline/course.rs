//! How a time changed from its first measurement to its last, in a bounded number of steps.

/// The longest of each so many measurements in a row.
///
/// While there are few, each is a step of its own. Whenever there are too many steps, two each become
/// one: the longest of all of them, so that no peak is lost.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Course {
    steps: Vec<u64>,
    /// Base-2 logarithm of the measurements of a step.
    shift: u32,
    /// Measurements so far.
    count: u64,
}

impl Course {
    /// The longest of each step, in nanoseconds, in at most `most` steps; the last one may hold fewer
    /// measurements than the others. Behind them, how many measurements a step holds.
    pub fn steps(&self, most: usize) -> (Vec<u64>, u64) {
        let together = self.steps.len().div_ceil(most.max(1)).max(1);
        let longest = |steps: &[u64]| steps.iter().copied().max().unwrap_or(0);
        let each = u64::try_from(together).unwrap_or(u64::MAX).saturating_mul(self.width());
        (self.steps.chunks(together).map(longest).collect(), each)
    }

    /// Adds a measurement.
    pub(super) fn add(&mut self, time: u64) {
        if self.count.is_multiple_of(self.width()) {
            if self.steps.len() >= STEPS {
                let longest = |steps: &[u64]| steps.iter().copied().max().unwrap_or(0);
                self.steps = self.steps.chunks(2).map(longest).collect();
                self.shift = self.shift.saturating_add(1);
            }
            self.steps.push(time);
        } else if let Some(last) = self.steps.last_mut() {
            *last = time.max(*last);
        }
        self.count = self.count.saturating_add(1);
    }

    /// Memory taken beside the value itself, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.steps.capacity().saturating_mul(size_of::<u64>())
    }

    /// Measurements of a step.
    fn width(&self) -> u64 {
        1_u64.checked_shl(self.shift).unwrap_or(u64::MAX)
    }
}

/// Steps that are kept: more than a chart has columns, in 1 KiB. Even, so that two each become one.
const STEPS: usize = 1 << 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn course(times: impl IntoIterator<Item = u64>) -> Course {
        let mut course = Course::default();
        times.into_iter().for_each(|time| course.add(time));
        course
    }

    #[test]
    fn few_measurements_are_listed_or_summed_up_by_their_longest() {
        let course = course([3, 1, 4, 1, 5]);
        assert_eq!(course.steps(100), (vec![3, 1, 4, 1, 5], 1));
        assert_eq!(course.steps(3), (vec![3, 4, 5], 2));
        assert_eq!(course.steps(0), (vec![5], 5));
        assert_eq!(Course::default().steps(10), (vec![], 1));
    }

    #[test]
    fn many_measurements_take_bounded_memory_and_lose_no_peak() {
        let peaks = [0, 77_777, 500_000, 999_999];
        let times = (0..1_000_000_u64).map(|at| if peaks.contains(&at) { 1_000 + at } else { 1 });
        let course = course(times);
        assert!(course.memory() <= 2 * STEPS * size_of::<u64>(), "{}", course.memory());
        let (steps, each) = course.steps(100);
        assert!((50..=100).contains(&steps.len()), "{}", steps.len());
        assert_eq!(u64::try_from(steps.len()).unwrap(), 1_000_000_u64.div_ceil(each));
        for peak in peaks {
            let place = usize::try_from(peak / each).unwrap();
            assert_eq!(steps[place], 1_000 + peak, "{peak}");
        }
    }
}
