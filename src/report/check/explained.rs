//! What was found on a connection, divided into its cause, what follows from that, and the rest.

use std::net::SocketAddr;

use crate::analysis::event::ConnectionId;
use crate::findings::{Finding, Rule, Severity, first_cause};
use crate::journal::consequence_rules;

/// A connection with findings.
#[derive(Debug)]
pub struct ConnectionFindings {
    pub(super) id: ConnectionId,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    /// What its first upgrade request asked for, as sent.
    pub(super) target: Option<Vec<u8>>,
    /// In the order of the packets.
    pub(super) findings: Vec<Finding>,
    /// What was written before `findings` were known, in a live capture: without its evidence.
    pub(super) written: Vec<Finding>,
    /// Rules that were broken more often than is reported individually, and how often.
    pub(super) folded: Vec<(&'static Rule, u64)>,
}

/// The findings of a connection, divided by whether a cause explains them.
#[derive(Debug)]
pub(super) struct ExplainedFindings<'f> {
    /// The cause that explains most; `None` if none was found, or it is not written.
    pub(super) cause: Option<&'f Finding>,
    /// What follows from it, in the order of the packets.
    pub(super) consequences: Vec<&'f Finding>,
    /// What follows from it and was only counted.
    pub(super) counted: Vec<(&'static Rule, u64)>,
    /// All others.
    pub(super) others: Vec<&'f Finding>,
    written: &'f [Finding],
}

impl ConnectionFindings {
    /// Whether nothing is wrong with it but what does not matter, because it has nothing to do with
    /// WebSocket.
    pub(super) fn is_aside(&self) -> bool {
        let is_less = |finding: &Finding| finding.severity < finding.full;
        let is_note = |finding: &Finding| finding.severity == Severity::Note;
        self.findings.iter().any(is_less) && self.findings.iter().all(is_note)
    }

    /// The rules that were broken more often than is reported, if severe enough to be written.
    pub(super) fn folded(&self, least: Severity) -> impl Iterator<Item = (&'static Rule, u64)> {
        self.folded.iter().copied().filter(move |(rule, _)| rule.severity >= least)
    }

    /// Divides what is written of it: findings of at least a severity. A cause that is not written explains
    /// nothing.
    pub(super) fn explained(&self, least: Severity) -> ExplainedFindings<'_> {
        let shows = |finding: &&Finding| finding.severity >= least;
        let all = self.written.iter().chain(&self.findings);
        let cause = first_cause(all.clone().filter(shows));
        let follows = |it: &Finding| cause.is_some_and(|cause| it.is_consequence_of(cause));
        // What was written before is listed again only below a cause that is new.
        let is_new = cause.is_some_and(|it| self.findings.iter().any(|new| std::ptr::eq(new, it)));
        let again = self.written.iter().filter(|_| is_new);
        let listed = again.chain(&self.findings).filter(shows).filter(|it| follows(it));
        let mut consequences: Vec<&Finding> = listed.collect();
        consequences.sort_by_key(|finding| finding.first.packet);
        let is_counted =
            |(rule, _): &(&Rule, u64)| cause.is_some_and(|it| rule.follows_from(it.rule));
        let is_other =
            |it: &&Finding| !follows(it) && !cause.is_some_and(|cause| std::ptr::eq(*it, cause));
        ExplainedFindings {
            cause,
            consequences,
            counted: self.folded(least).filter(is_counted).collect(),
            others: self.findings.iter().filter(shows).filter(is_other).collect(),
            written: &self.written,
        }
    }
}

impl ExplainedFindings<'_> {
    /// Whether a finding was written before, in a live capture.
    pub(super) fn is_written(&self, finding: &Finding) -> bool {
        self.written.iter().any(|it| std::ptr::eq(it, finding))
    }

    /// The rules that were broken because of the cause, each once.
    pub(super) fn rules(&self) -> Vec<&'static str> {
        let found = self.consequences.iter().copied();
        consequence_rules(found, self.counted.iter().map(|(rule, _)| *rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::finding;

    #[test]
    fn the_first_cause_explains_most_and_only_what_it_names() {
        let rows: &[(&[&str], Option<&str>, &[&str])] = &[
            (&["WS-C12", "NET-07"], None, &[]),
            (&["HS-22", "WHY-14", "WS-C12", "WS-F13"], Some("WHY-14"), &["HS-22", "WS-C12"]),
            (&["NET-06", "WHY-15", "WHY-14"], Some("WHY-15"), &["NET-06"]),
        ];
        for (ids, expected, consequences) in rows {
            let all: Vec<Finding> = ids.iter().map(|id| finding(id, 1)).collect();
            let cause = first_cause(&all);
            assert_eq!(cause.map(|it| it.rule.id), *expected, "{ids:?}");
            let follows = |it: &&Finding| cause.is_some_and(|cause| it.is_consequence_of(cause));
            let following: Vec<&str> = all.iter().filter(follows).map(|it| it.rule.id).collect();
            assert_eq!(following, *consequences, "{ids:?}");
        }
    }

    #[test]
    fn nothing_follows_from_a_cause_elsewhere_or_from_one_that_comes_later() {
        let cause = finding("WHY-16", 1);
        let at = |offset| Finding { offset: Some(offset), ..finding("WS-C17", 1) };
        let place = cause.offset.unwrap();
        assert!(at(place).is_consequence_of(&cause));
        assert!(!at(place - 1).is_consequence_of(&cause));
        assert!(!finding("WS-C17", 2).is_consequence_of(&cause));
        let note = Finding { severity: Severity::Note, ..cause };
        assert!(first_cause([&note]).is_none(), "what is only worth knowing explains nothing");
    }
}
