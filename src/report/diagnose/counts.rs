//! How many connections there are of each verdict, and what explains them.

use super::cause;
use super::story::{Story, Verdict};
use crate::findings::{Rule, Severity};

/// Connections, counted by what became of them.
#[derive(Clone, Debug, Default)]
pub(super) struct VerdictCounts {
    /// In the order in which they came first.
    list: Vec<(StoryResult, u64)>,
}

/// What a story comes to, as far as it is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoryResult {
    pub(super) verdict: Verdict,
    /// The rule that explains most.
    cause: Option<&'static Rule>,
    /// How bad that is.
    severity: Option<Severity>,
}

impl PartialEq for StoryResult {
    fn eq(&self, other: &Self) -> bool {
        let id = |result: &Self| result.cause.map(|rule| rule.id);
        self.verdict == other.verdict && id(self) == id(other) && self.severity == other.severity
    }
}

impl StoryResult {
    pub(super) fn of(story: &Story) -> Self {
        Self {
            verdict: story.verdict,
            cause: story.causes().first().map(|finding| finding.rule),
            severity: story.severity(),
        }
    }
}

impl VerdictCounts {
    /// Counts a story.
    pub(super) fn add(&mut self, result: StoryResult) {
        match self.list.iter_mut().find(|(known, _)| *known == result) {
            Some((_, number)) => *number = number.saturating_add(1),
            None => self.list.push((result, 1)),
        }
    }

    /// Takes back a story that was counted.
    pub(super) fn remove(&mut self, result: StoryResult) {
        if let Some((_, number)) = self.list.iter_mut().find(|(known, _)| *known == result) {
            *number = number.saturating_sub(1);
        }
    }

    /// All connections.
    pub(super) fn all(&self) -> u64 {
        self.counted().map(|(_, number)| number).fold(0, u64::saturating_add)
    }

    /// How many connections there are of a verdict, and by what.
    pub(super) fn of(&self, verdict: Verdict) -> Count {
        let mut count = Count::default();
        for (result, number) in self.counted().filter(|(result, _)| result.verdict == verdict) {
            count.all = count.all.saturating_add(number);
            let Some(rule) = result.cause else { continue };
            match count.causes.iter_mut().find(|(id, ..)| *id == rule.id) {
                Some((.., known)) => *known = known.saturating_add(number),
                None => count.causes.push((rule.id, cause::words(rule), number)),
            }
        }
        count
    }

    /// How bad the worst outcome is; `None` if nothing is wrong.
    pub(super) fn worst(&self) -> Option<Severity> {
        self.counted().filter_map(|(result, _)| result.severity).max()
    }

    fn counted(&self) -> impl Iterator<Item = (&StoryResult, u64)> {
        self.list.iter().filter(|(_, number)| *number > 0).map(|(result, number)| (result, *number))
    }
}

/// Connections of a verdict.
#[derive(Clone, Debug, Default)]
pub(super) struct Count {
    pub(super) all: u64,
    /// The rule that explains most, in a few words, and how many it explains.
    pub(super) causes: Vec<(&'static str, &'static str, u64)>,
}
