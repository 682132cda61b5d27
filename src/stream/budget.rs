//! The accountant of all bytes of the network that are kept.

/// Knows how much of the network is kept: every holder of such bytes reports how that changes.
///
/// Only changes are reported, so bytes that are read where they are cost nothing. What a holder drops
/// when the limit is exceeded is known to whoever owns the holders, and so is which of them comes first.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    limit: usize,
    total: usize,
    /// Of these, bytes that wait for holes to be filled.
    out_of_order: usize,
    /// The total above which something has to be dropped.
    threshold: usize,
    is_reported: bool,
}

impl Default for Budget {
    /// One without a limit.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl Budget {
    /// A budget of `limit` bytes, of which nothing is spent.
    pub fn new(limit: usize) -> Self {
        Self { limit, total: 0, out_of_order: 0, threshold: limit, is_reported: false }
    }

    /// A holder keeps `after` bytes, and no longer `before`.
    #[inline]
    pub fn change(&mut self, before: usize, after: usize) {
        self.total = self.total.saturating_sub(before).saturating_add(after);
    }

    /// A holder that had reported `counted` bytes keeps `kept` now.
    #[inline]
    pub fn account(&mut self, counted: &mut usize, kept: usize) {
        self.change(std::mem::replace(counted, kept), kept);
    }

    /// As [`Budget::change`], of bytes that wait for holes to be filled.
    pub fn change_out_of_order(&mut self, before: usize, after: usize) {
        self.out_of_order = self.out_of_order.saturating_sub(before).saturating_add(after);
        self.change(before, after);
    }

    /// All that is kept, in bytes.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Of these, bytes that wait for holes to be filled.
    pub fn out_of_order(&self) -> usize {
        self.out_of_order
    }

    /// Whether something has to be dropped.
    #[inline]
    pub fn is_exceeded(&self) -> bool {
        self.total > self.threshold
    }

    /// Whether enough was dropped: an eighth of the limit is free, so that it is not reached again at once.
    pub fn has_room(&self) -> bool {
        self.total <= self.limit.saturating_sub(self.step())
    }

    /// How many bytes must still be dropped until there is room; `None` if there is.
    pub fn excess(&self) -> Option<usize> {
        let excess = self.total.saturating_sub(self.limit.saturating_sub(self.step()));
        (excess > 0).then_some(excess)
    }

    /// All that could be dropped was. What is left is borne: it must have grown by an eighth of the limit
    /// before holders are asked again.
    pub fn settle(&mut self) {
        self.threshold = if self.has_room() {
            self.limit
        } else {
            self.limit.max(self.total.saturating_add(self.step()))
        };
    }

    /// Whether it must be reported that the limit was reached: the first time only.
    pub fn reports(&mut self) -> bool {
        !std::mem::replace(&mut self.is_reported, true)
    }

    fn step(&self) -> usize {
        self.limit / 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_follows_all_holders() {
        let mut budget = Budget::new(800);
        budget.change(0, 300);
        budget.change_out_of_order(0, 400);
        assert_eq!((budget.total(), budget.out_of_order()), (700, 400));
        budget.change(300, 100);
        budget.change_out_of_order(400, 50);
        assert_eq!((budget.total(), budget.out_of_order()), (150, 50));
        budget.change(100, 0);
        budget.change_out_of_order(50, 0);
        assert_eq!((budget.total(), budget.out_of_order()), (0, 0));
    }

    #[test]
    fn above_the_limit_an_eighth_of_it_is_made_free() {
        let mut budget = Budget::new(800);
        budget.change(0, 800);
        assert!(!budget.is_exceeded());
        budget.change(800, 801);
        assert!(budget.is_exceeded());
        budget.change(801, 701);
        assert!(!budget.is_exceeded() && !budget.has_room());
        budget.change(701, 700);
        assert!(budget.has_room());
    }

    #[test]
    fn what_nobody_can_let_go_is_borne_until_it_grows() {
        let mut budget = Budget::new(800);
        budget.change(0, 900);
        budget.settle();
        assert!(!budget.is_exceeded());
        budget.change(900, 1_000);
        assert!(!budget.is_exceeded());
        budget.change(1_000, 1_001);
        assert!(budget.is_exceeded());
        budget.change(1_001, 10);
        budget.settle();
        budget.change(10, 801);
        assert!(budget.is_exceeded(), "the limit is as it was");
    }

    #[test]
    fn the_limit_is_reported_once() {
        let mut budget = Budget::new(1);
        assert!(budget.reports());
        assert!(!budget.reports());
    }

    #[test]
    fn without_a_limit_nothing_is_exceeded() {
        let mut budget = Budget::default();
        budget.change(0, usize::MAX);
        assert!(!budget.is_exceeded());
    }
}
