//! What a capture comes to, in one sentence.

use std::fmt::Write as _;

use super::story::Verdict;
use super::text::LONGEST_NAME;
use super::{Diagnosis, cause};
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
        let count = diagnosis.counts.of(verdict);
        if count.all == 0 {
            continue;
        }
        write!(text, "{separator}{} {}", count.all, summed(verdict)).ok();
        separator = ", ";
        let causes: Vec<String> =
            count.causes.iter().map(|(_, words, number)| format!("{words} {number}")).collect();
        if !causes.is_empty() && verdict != Verdict::Unknown {
            write!(text, " ({})", causes.join(", ")).ok();
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
