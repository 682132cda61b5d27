//! What a capture comes to, in one sentence.

use std::fmt::Write as _;

use super::counts::Count;
use super::story::Verdict;
use super::text::LONGEST_NAME;
use super::{Diagnosis, cause};
use crate::findings::{Rule, rule};
use crate::report::check::{Extent, Files};
use crate::text::amount::counted;
use crate::text::escape::escape;

/// `12 connections: 9 fine, 3 failed (connection refused 1, wrong scheme 2)`
pub(super) fn summary(diagnosis: &Diagnosis, files: Files) -> String {
    let mut text = String::new();
    if files == Files::Several {
        escape(diagnosis.file.as_bytes(), LONGEST_NAME, &mut text);
        text.push_str(": ");
    }
    counted(&mut text, diagnosis.counts.all(), "connection");
    let mut separator = ": ";
    for verdict in [
        Verdict::Fine,
        Verdict::Failed,
        Verdict::Dropped,
        Verdict::Trouble,
        Verdict::Unknown,
        Verdict::Other,
    ] {
        for part in parts(verdict, &diagnosis.counts.of(verdict)) {
            write!(text, "{separator}{} {}", part.number, part.words).ok();
            separator = ", ";
            if !part.causes.is_empty() {
                write!(text, " ({})", part.causes.join(", ")).ok();
            }
        }
    }
    let mut separator = "; before there was one: ";
    for (words, number) in before_connections(diagnosis) {
        write!(text, "{separator}{words} {number}").ok();
        separator = ", ";
    }
    match diagnosis.extent {
        Extent::Whole | Extent::Unread(_) => {}
        Extent::Partly(_) => text.push_str("; not read to its end"),
    }
    text
}

/// Connections of which the same is said.
#[derive(Debug, Eq, PartialEq)]
struct SummaryPart {
    /// How many there are; never 0.
    number: u64,
    words: &'static str,
    /// What explains them, with numbers.
    causes: Vec<String>,
}

/// What is said of the connections of a verdict. Of those whose verdict is unknown, what a cause leaves undecided
/// was seen; what is in the others was not.
fn parts(verdict: Verdict, count: &Count) -> Vec<SummaryPart> {
    let is_undecided = |id: &str| rule(id).is_some_and(Rule::is_cause);
    let is_named = |id: &str| verdict != Verdict::Unknown || is_undecided(id);
    let named = count.causes.iter().filter(|(id, ..)| is_named(id));
    let causes = named.clone().map(|(_, words, number)| format!("{words} {number}")).collect();
    let of_named: u64 = named.map(|(.., number)| *number).sum();
    let all = |number, causes| SummaryPart { number, words: summed(verdict), causes };
    let parts = if verdict == Verdict::Unknown {
        let undecided = SummaryPart { number: of_named, words: "undecided", causes };
        [undecided, all(count.all.saturating_sub(of_named), Vec::new())]
    } else {
        [all(count.all, causes), all(0, Vec::new())]
    };
    parts.into_iter().filter(|part| part.number > 0).collect()
}

/// What failed before there was a connection, and how often.
fn before_connections(diagnosis: &Diagnosis) -> Vec<(&'static str, u64)> {
    let mut failures: Vec<(&str, u64)> = Vec::new();
    for finding in diagnosis.failures() {
        let words = cause::words(finding.rule);
        match failures.iter_mut().find(|(known, _)| *known == words) {
            Some((_, number)) => *number = number.saturating_add(1),
            None => failures.push((words, 1)),
        }
    }
    failures
}

/// What the summary calls connections of a verdict.
fn summed(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Failed => "failed",
        Verdict::Dropped => "dropped",
        Verdict::Trouble => "with trouble",
        Verdict::Unknown => "encrypted or unknown",
        Verdict::Fine => "fine",
        Verdict::Other => "no WebSocket",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cause_leaves_undecided_is_not_called_encrypted() {
        let count = |all, causes: &[(&'static str, &'static str, u64)]| Count {
            all,
            causes: causes.to_vec(),
        };
        let said = |verdict, count: Count| -> Vec<String> {
            let parts = parts(verdict, &count).into_iter();
            parts.map(|it| format!("{} {} {:?}", it.number, it.words, it.causes)).collect()
        };
        let empty = ("WHY-32", "opened and closed without a byte", 1);
        #[rustfmt::skip]
        let rows: &[(Verdict, Count, &[&str])] = &[
            (Verdict::Fine, count(0, &[]), &[]),
            (Verdict::Fine, count(2, &[]), &["2 fine []"]),
            (Verdict::Failed, count(2, &[("NET-01", "connection refused", 2)]), &["2 failed [\"connection refused 2\"]"]),
            (Verdict::Unknown, count(2, &[]), &["2 encrypted or unknown []"]),
            (Verdict::Unknown, count(1, &[empty]), &["1 undecided [\"opened and closed without a byte 1\"]"]),
            (Verdict::Unknown, count(3, &[empty, ("TLS-13", "no secrets", 2)]), &["1 undecided [\"opened and closed without a byte 1\"]", "2 encrypted or unknown []"]),
        ];
        for (verdict, count, expected) in rows {
            assert_eq!(said(*verdict, count.clone()), *expected, "{verdict:?}");
        }
    }
}
