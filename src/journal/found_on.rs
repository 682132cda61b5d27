//! What was found on each connection, as far as it shows what follows from causes.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt};

use super::explained::{ExplainedCounts, consequence_rules};
use crate::analysis::event::ConnectionId;
use crate::findings::{Finding, Revision, Rule, Settings, first_cause};

/// What was found on connections, without evidence.
///
/// A cause is found when its connection has ended, or the capture. So the findings of many connections are
/// remembered until then; if they are too many, those of the connection with the lowest number are counted and
/// forgotten.
#[derive(Debug)]
pub(super) struct FoundOnConnections {
    of: BTreeMap<ConnectionId, FoundOnConnection>,
    /// The connection of each finding, by its number.
    places: HashMap<u64, ConnectionId>,
    forgotten: ExplainedCounts,
}

/// What was found on a connection.
#[derive(Debug, Default)]
struct FoundOnConnection {
    findings: Vec<Finding>,
    /// The number of each.
    numbers: Vec<u64>,
    /// Rules that were broken more often than is remembered one by one.
    folded: Vec<(&'static Rule, u64)>,
}

impl Default for FoundOnConnections {
    fn default() -> Self {
        Self { of: BTreeMap::new(), places: HashMap::new(), forgotten: ExplainedCounts::default() }
    }
}

impl FoundOnConnections {
    /// Remembers a finding. If it is the cause that explains its connection, gives the rules that were broken
    /// because of it.
    pub(super) fn add(&mut self, number: u64, finding: &Finding) -> Option<Vec<&'static str>> {
        let id = finding.connection?;
        let found = self.of.entry(id).or_default();
        let rule = finding.rule;
        let same = found.findings.iter().filter(|it| it.rule.id == rule.id).count();
        if crate::stream::length_u64(same) >= Settings::default().each {
            found.fold(rule, 1);
            return None;
        }
        // Most connections have few findings.
        found.findings.reserve_exact(1);
        found.findings.push(finding.without_words());
        found.numbers.reserve_exact(1);
        found.numbers.push(number);
        self.places.insert(number, id);
        let consequences = if rule.is_cause() { found.consequences_of(number) } else { None };
        while self.places.len() > MOST_FINDINGS {
            self.forget_first();
        }
        consequences
    }

    /// Remembers findings of a rule that were only counted.
    pub(super) fn fold(&mut self, id: ConnectionId, rule: &'static Rule, count: u64) {
        if let Some(found) = self.of.get_mut(&id) {
            found.fold(rule, count);
        }
    }

    /// Takes a change of a finding.
    pub(super) fn revise(&mut self, revision: Revision) {
        let id = self.places.get(&revision.number);
        let Some(found) = id.and_then(|id| self.of.get_mut(id)) else { return };
        let place = found.numbers.iter().position(|number| *number == revision.number);
        if let Some(finding) = place.and_then(|place| found.findings.get_mut(place)) {
            finding.severity = revision.after;
        }
    }

    /// How much of all that was found follows from causes.
    pub(super) fn counts(&self) -> ExplainedCounts {
        let mut counts = self.forgotten.clone();
        self.of.values().for_each(|found| found.count(&mut counts));
        counts
    }

    /// Memory taken, in bytes.
    pub(super) fn memory(&self) -> usize {
        let connections = self.of.len().saturating_mul(OF_CONNECTION);
        self.places.len().saturating_mul(OF_FINDING).saturating_add(connections)
    }

    fn forget_first(&mut self) {
        let Some((_, found)) = self.of.pop_first() else {
            self.places.clear();
            return;
        };
        found.count(&mut self.forgotten);
        for number in &found.numbers {
            self.places.remove(number);
        }
    }
}

impl FoundOnConnection {
    fn fold(&mut self, rule: &'static Rule, count: u64) {
        match self.folded.iter_mut().find(|(known, _)| known.id == rule.id) {
            Some((_, known)) => *known = known.saturating_add(count),
            None => self.folded.push((rule, count)),
        }
    }

    fn count(&self, counts: &mut ExplainedCounts) {
        counts.add(&self.findings, &[], &self.folded);
    }

    /// The rules that were broken because of the finding with this number, if it explains the connection.
    fn consequences_of(&self, number: u64) -> Option<Vec<&'static str>> {
        let place = self.numbers.iter().position(|it| *it == number)?;
        let own = self.findings.get(place)?;
        let cause = first_cause(&self.findings).filter(|cause| std::ptr::eq(*cause, own))?;
        let found = self.findings.iter().filter(|it| it.is_consequence_of(cause));
        let folded = self.folded.iter().map(|(rule, _)| *rule);
        Some(consequence_rules(found, folded.filter(|rule| rule.follows_from(cause.rule))))
    }
}

/// Bytes that a finding takes: itself, its number, and its place, for which there is twice the room.
const OF_FINDING: usize = size_of::<Finding>() + size_of::<u64>() + 2 * size_of::<(u64, u64)>();

/// Bytes that a connection takes beside its findings: nodes of the tree are half full at least.
const OF_CONNECTION: usize = 2 * size_of::<(ConnectionId, FoundOnConnection)>();

/// Findings that are remembered at most.
const MOST_FINDINGS: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Severity;
    use crate::journal::fixture::finding_in;

    /// The counts in words, of findings that are all counted.
    fn words(found: &FoundOnConnections, all: &[&Finding]) -> String {
        let mut severities = crate::journal::Severities::default();
        for finding in all.iter().filter(|it| !it.rule.is_cause()) {
            severities.add(finding.severity, 1);
        }
        let mut out = String::new();
        found.counts().write(severities, &mut out);
        out
    }

    fn all_of(findings: &[Finding]) -> (FoundOnConnections, Vec<Option<Vec<&'static str>>>) {
        let mut found = FoundOnConnections::default();
        let given = (0..).zip(findings).map(|(number, it)| found.add(number, it)).collect();
        (found, given)
    }

    #[test]
    fn a_cause_comes_with_what_follows_from_it() {
        let findings = [
            finding_in("HS-22", 1),
            finding_in("WS-C12", 1),
            finding_in("WS-C12", 2),
            finding_in("WS-F13", 1),
            finding_in("WHY-14", 1),
        ];
        let (found, given) = all_of(&findings);
        let all: Vec<&Finding> = findings.iter().collect();
        assert_eq!(given, [None, None, None, None, Some(vec!["HS-22", "WS-C12"])]);
        let rest = "1 error, 2 warnings (and 2 consequences of WHY-14)";
        assert_eq!(words(&found, &all), rest);
    }

    #[test]
    fn what_is_revised_explains_or_does_not() {
        let findings = [finding_in("WS-C12", 1), finding_in("WHY-14", 1)];
        let (mut found, _) = all_of(&findings);
        assert_eq!(found.counts().consequences().all(), 1);
        let (number, before, after) = (1, Severity::Error, Severity::Note);
        let withdrawn = None;
        found.revise(Revision { number, before, after, is_cause: true, withdrawn });
        assert_eq!(found.counts().consequences().all(), 0);
    }

    #[test]
    fn little_is_remembered_and_all_is_counted() {
        let mut found = FoundOnConnections::default();
        let mut number = 0;
        for connection in 1..=5_000 {
            for _ in 0..30 {
                found.add(number, &finding_in("WS-C12", connection));
                number += 1;
            }
            found.add(number, &finding_in("WHY-14", connection));
            number += 1;
        }
        assert!((MOST_FINDINGS - 11..=MOST_FINDINGS).contains(&found.places.len()));
        assert_eq!(found.counts().consequences().all(), 150_000);
    }
}
