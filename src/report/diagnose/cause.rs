//! Which findings explain what became of a connection, and which of them explains most.

use std::fmt::Write;

use crate::findings::{Cause, Explains, Finding, Rule, rules};

/// A cause in a few words, for a verdict and for the summary.
pub(super) fn words(rule: &'static Rule) -> &'static str {
    rule.explains.map_or(rule.title, |cause| cause.words)
}

/// Sorts findings so that the one that explains most is first; removes those that are only a consequence of
/// another one. What the receiver tolerated comes after what ended the connection.
pub(super) fn sort<'f>(
    findings: impl Iterator<Item = &'f Finding>,
    is_tolerated: impl Fn(&Finding) -> bool,
) -> Vec<&'f Finding> {
    let mut sorted: Vec<&Finding> = findings.collect();
    let rank = |finding: &Finding| {
        if is_tolerated(finding) { Cause::TOLERATED_VIOLATION } else { finding.rank() }
    };
    sorted.sort_by_key(|finding| (!finding.rule.is_cause(), rank(finding), finding.first.packet));
    let ids: Vec<&str> = sorted.iter().map(|finding| finding.rule.id).collect();
    sorted.retain(|finding| {
        let unless = finding.rule.explains.map_or(&[][..], |cause| cause.unless);
        !ids.iter().any(|other| unless.iter().any(|start| other.starts_with(start)))
    });
    sorted
}

/// What rules explain, in Markdown: the one that explains most first. Causes precede all of them.
pub fn table() -> String {
    let mut out = "| rule | cause | what it explains |\n| --- | --- | --- |\n".to_owned();
    let mut causes: Vec<(&Rule, Cause)> = rules()
        .filter(|rule| !rule.is_cause())
        .filter_map(|rule| Some((rule, rule.explains?)))
        .collect();
    causes.sort_by_key(|(_, cause)| cause.rank);
    for (rule, cause) in causes {
        if cause.explains == Explains::Nothing {
            continue;
        }
        let what = cause.explains.question();
        writeln!(out, "| {} | {} | {what} |", rule.id, cause.words).ok();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::finding;

    #[test]
    fn no_two_causes_have_the_same_rank_and_all_name_rules_that_exist() {
        let causes: Vec<Cause> = rules().filter_map(|rule| rule.explains).collect();
        let mut ranks: Vec<u16> = causes.iter().map(|cause| cause.rank).collect();
        ranks.extend([Cause::BROKEN_RULE, Cause::TOLERATED_VIOLATION]);
        ranks.sort_unstable();
        assert!(ranks.is_sorted_by(|one, other| one < other), "{ranks:?}");
        for start in causes.iter().flat_map(|cause| cause.unless) {
            assert!(rules().any(|rule| rule.id.starts_with(start)), "{start}");
        }
    }

    #[test]
    fn the_most_exact_cause_is_first_and_consequences_are_left_out() {
        let cases: &[(&[&str], &[&str])] = &[
            (&["WS-C12", "NET-07"], &["NET-07"]),
            (&["WS-C12", "WS-F01"], &["WS-F01", "WS-C12"]),
            (&["WS-C17", "WS-M01"], &["WS-M01", "WS-C17"]),
            (&["WS-C12"], &["WS-C12"]),
        ];
        for (found, expected) in cases {
            let list: Vec<Finding> = found.iter().map(|id| finding(id, 1)).collect();
            let ids: Vec<&str> = sort(list.iter(), |_| false).iter().map(|it| it.rule.id).collect();
            assert_eq!(ids, *expected, "{found:?}");
        }
    }

    #[test]
    fn rules_without_a_cause_explain_a_failure_if_they_are_errors() {
        let explained_by = |id| finding(id, 1).rule.explains();
        assert_eq!(explained_by("WS-F01"), Explains::BrokenRule);
        assert_eq!(explained_by("WS-F13"), Explains::Nothing);
        assert_eq!(explained_by("WS-C12"), Explains::Drop);
    }
}
