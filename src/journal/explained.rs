//! How many findings follow from causes, so that they are not counted in their own right.

use super::severities::Severities;
use crate::findings::{Finding, Rule, Severity, first_cause};
use crate::text::amount::{counted, grouped};

/// How many causes were found, and how many findings follow from them.
#[derive(Clone, Debug, Default)]
pub struct ExplainedCounts {
    /// Causes by severity, those included that are only worth knowing.
    causes: Severities,
    /// Those that explain something, and what follows from them.
    by_cause: Vec<CauseCount>,
}

/// How often a cause was found, and what follows from it.
#[derive(Clone, Debug)]
struct CauseCount {
    rule: &'static Rule,
    count: u64,
    consequences: Severities,
}

impl ExplainedCounts {
    /// Counts what was found on a connection, beside what was counted of it before: without that, what follows
    /// from a cause that is new is counted now.
    pub fn add(
        &mut self,
        findings: &[Finding],
        before: &[Finding],
        folded: &[(&'static Rule, u64)],
    ) {
        for cause in findings.iter().filter(|it| it.rule.is_cause()) {
            self.causes.add(cause.severity, 1);
        }
        let Some(cause) = first_cause(before.iter().chain(findings)) else { return };
        let is_new = findings.iter().any(|new| std::ptr::eq(new, cause));
        let follows = |it: &&Finding| it.is_consequence_of(cause);
        let mut consequences = Severities::default();
        let again = before.iter().filter(|_| is_new);
        for finding in again.chain(findings).filter(follows) {
            consequences.add(finding.severity, 1);
        }
        for (rule, count) in folded.iter().filter(|(rule, _)| rule.follows_from(cause.rule)) {
            consequences.add(rule.severity, *count);
        }
        self.count(cause.rule, u64::from(is_new), consequences);
    }

    fn count(&mut self, rule: &'static Rule, count: u64, consequences: Severities) {
        match self.by_cause.iter_mut().find(|known| known.rule.id == rule.id) {
            Some(known) => {
                known.count = known.count.saturating_add(count);
                known.consequences.join(consequences);
            }
            None => self.by_cause.push(CauseCount { rule, count, consequences }),
        }
    }

    /// Adds those of another capture.
    pub fn join(&mut self, other: &Self) {
        self.causes.join(other.causes);
        for CauseCount { rule, count, consequences } in &other.by_cause {
            self.count(rule, *count, *consequences);
        }
    }

    /// The causes that explain something, by their ids, and how often each was found.
    pub fn causes(&self) -> Vec<(&'static Rule, u64)> {
        let found = self.by_cause.iter().filter(|it| it.count > 0);
        let mut causes: Vec<(&Rule, u64)> = found.map(|it| (it.rule, it.count)).collect();
        causes.sort_by_key(|(rule, _)| rule.id);
        causes
    }

    /// Whether nothing was found, no cause either.
    pub fn is_nothing(&self, found: Severities) -> bool {
        found.is_empty() && self.causes.is_empty()
    }

    /// What follows from causes, by severity.
    pub fn consequences(&self) -> Severities {
        let mut all = Severities::default();
        self.by_cause.iter().for_each(|it| all.join(it.consequences));
        all
    }

    /// What counts in its own right: causes, and findings that do not follow from one.
    fn own(&self, found: Severities) -> Severities {
        let mut own = found.without(self.consequences());
        own.join(self.causes);
        own
    }

    /// The worst severity of findings and causes.
    pub fn worst(&self, found: Severities) -> Option<Severity> {
        let has = |severity: &Severity| found.of(*severity) > 0 || self.causes.of(*severity) > 0;
        Severity::ALL.into_iter().find(has)
    }

    /// Appends what was found: `1 error, 2 notes (and 5 consequences of WHY-01)`.
    pub fn write(&self, found: Severities, out: &mut String) {
        let own = self.own(found);
        if own.is_empty() {
            out.push_str("nothing found");
        } else {
            own.write(out);
        }
        let mut by_cause: Vec<&CauseCount> = self.by_cause.iter().collect();
        by_cause.sort_by_key(|it| it.rule.id);
        let mut is_first = true;
        for CauseCount { rule, consequences, .. } in by_cause {
            let count = consequences.all();
            if count == 0 {
                continue;
            }
            if is_first {
                out.push_str(" (and ");
                counted(out, count, "consequence");
            } else {
                out.push_str(", ");
                grouped(out, count);
            }
            out.push_str(" of ");
            out.push_str(rule.id);
            is_first = false;
        }
        if !is_first {
            out.push(')');
        }
    }
}

/// The rules of findings that follow from a cause, and of those that were only counted, each once, in the order of
/// the packets.
pub fn consequence_rules<'f>(
    consequences: impl IntoIterator<Item = &'f Finding>,
    counted: impl IntoIterator<Item = &'static Rule>,
) -> Vec<&'static str> {
    let mut found: Vec<&Finding> = consequences.into_iter().collect();
    found.sort_by_key(|finding| finding.first.packet);
    let mut rules: Vec<&'static str> = Vec::new();
    for rule in found.into_iter().map(|finding| finding.rule).chain(counted) {
        if !rules.contains(&rule.id) {
            rules.push(rule.id);
        }
    }
    rules
}
