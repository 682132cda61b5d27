//! A report that contains only the lines that a filter selects.

use std::io;

use super::{Detail, Report, Selection};
use crate::analysis::event::Connection;
use crate::findings::Revision;
use crate::journal::{Entry, EntryKind, FoldedFindings, Found, Journal, Matched, Summary};
use crate::stream::{Direction, Timestamp};
use crate::timeline::filter::Matcher;
use crate::websocket::{Digest, Frame};

/// What a report takes of a capture.
#[derive(Clone, Debug)]
pub struct Intake {
    /// The connections that are asked about at all.
    pub selection: Selection,
    /// Messages only, or frames as well.
    pub detail: Detail,
    /// How many bytes of each content; the filter may be given more.
    pub keep: usize,
    /// Whether a content that is longer gets a digest.
    pub digest: Digest,
}

/// Asks a filter about every entry, and gives a report those that match.
///
/// Findings are chosen one by one, each with its entry; a finding that matches although its entry does
/// not is an entry of its own.
#[derive(Debug)]
pub struct Filtered<'r, R> {
    report: &'r mut R,
    matcher: Matcher,
    intake: Intake,
    matched: Matched,
}

impl<'r, R: Report> Filtered<'r, R> {
    /// Puts a filter before a report that has seen nothing.
    pub fn new(report: &'r mut R, matcher: Matcher, intake: Intake) -> Self {
        Self { report, matcher, intake, matched: Matched::default() }
    }

    /// The findings of an entry that match for themselves.
    fn chosen(&mut self, entry: &Entry<'_>) -> Vec<Found> {
        // The entries of its frames had these.
        let shown = if self.intake.detail == Detail::Frames { entry.repeated } else { 0 };
        let wanted = |found: &&Found| self.matcher.chooses(&found.finding, entry);
        entry.findings.iter().skip(shown).filter(wanted).cloned().collect()
    }

    /// The rules with further findings that match.
    fn chosen_rules(&mut self, entry: &Entry<'_>) -> Vec<FoldedFindings> {
        let EntryKind::Ended { folded, .. } = entry.kind else { return Vec::new() };
        let wanted = |folded: &&FoldedFindings| self.matcher.chooses_rule(folded.rule, entry);
        folded.iter().filter(wanted).copied().collect()
    }

    /// Gives an entry that matches, with as much of a content as the report takes.
    fn give(&mut self, entry: &Entry<'_>, chosen: &[Found], folded: &[FoldedFindings]) {
        let Intake { keep, digest, .. } = self.intake;
        match entry.kind {
            EntryKind::Message(message) => {
                let message = &message.shortened(keep, digest);
                self.report.entry(&Entry { kind: EntryKind::Message(message), ..*entry });
            }
            EntryKind::Ended { ending, .. } => {
                let kind = EntryKind::Ended { ending, folded };
                // Most of them have a line of their own.
                self.report.entry(&Entry { kind, findings: chosen, ..*entry });
            }
            _ => self.report.entry(entry),
        }
    }

    /// Passes on an entry that does not match itself, but some of whose findings do.
    fn ignore(&mut self, entry: &Entry<'_>, chosen: &[Found]) {
        self.report.ignored(entry);
        for found in chosen {
            let direction = found.finding.direction;
            let findings = std::slice::from_ref(found);
            let kind = EntryKind::Finding;
            self.report.entry(&Entry { direction, kind, findings, ..*entry });
        }
    }

    fn count(&mut self, entry: &Entry<'_>) {
        let matched = &mut self.matched;
        let counter = match entry.kind {
            EntryKind::Message(message) => return matched.messages.add(message.opcode),
            EntryKind::Frame(..) => &mut matched.frames,
            EntryKind::Response(_) | EntryKind::NoResponse(_) => &mut matched.handshakes,
            _ => return,
        };
        *counter = counter.saturating_add(1);
    }
}

impl<R: Report> Journal for Filtered<'_, R> {
    fn entry(&mut self, entry: &Entry<'_>) {
        if let Some(connection) = entry.connection
            && !self.intake.selection.has(connection.id)
        {
            return self.report.ignored(entry);
        }
        if matches!(entry.kind, EntryKind::Frame(_)) && self.intake.detail != Detail::Frames {
            // No line is written of it.
            return self.report.entry(entry);
        }
        self.matcher.observe(entry);
        // Before the entry: a finding that matches is enough for its connection.
        let (chosen, folded) = (self.chosen(entry), self.chosen_rules(entry));
        for found in &chosen {
            self.report.finding(found);
        }
        if self.matcher.passes(entry) {
            self.count(entry);
            self.give(entry, &chosen, &folded);
        } else {
            self.ignore(entry, &chosen);
        }
        self.matcher.forget(entry);
    }

    fn kept(&self) -> usize {
        self.report.kept().saturating_add(self.matcher.kept())
    }

    fn takes_frame(&self, frame: &Frame) -> bool {
        self.report.takes_frame(frame)
    }

    fn revised(&mut self, revision: Revision) {
        self.report.revised(revision);
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        self.matcher.frame_started(connection, direction, frame);
        self.report.frame_started(connection, direction, frame);
    }
}

impl<R: Report> Report for Filtered<'_, R> {
    fn start(&mut self, first: Timestamp) {
        self.matcher.start(first);
        self.report.start(first);
    }

    fn check(&mut self) -> io::Result<()> {
        self.report.check()
    }

    fn is_pending(&self) -> bool {
        self.report.is_pending()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.report.flush()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.report.finish(&Summary { matched: Some(self.matched), ..summary.clone() })
    }
}
