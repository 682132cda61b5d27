//! Findings at the end of the row that they belong to, or in lines of their own.

use std::io::Write;

use super::rows::{ERROR, OPCODE_COLUMN, WARNING};
use super::{Listing, Text};
use crate::analysis::event::{Connection, ConnectionId};
use crate::describe::decoded_again;
use crate::findings::{Finding, Rule, Severity};
use crate::journal::FoldedFindings;
use crate::stream::PacketId;
use crate::text::amount::grouped;
use crate::text::role::Role;

/// Whether the rows already show what a rule reports, as they do for all that the capture lacks.
pub(super) fn is_in_rows(rule: &Rule) -> bool {
    rule.group() == "CAP"
}

impl<W: Write> Text<W> {
    /// Prepares the row that `self.found` is about: gives its mark, and leaves room for the rules.
    pub(super) fn marked<'m>(&mut self, mark: &'m str) -> &'m str {
        self.reserved = 0;
        let Some(worst) = worst(&self.found) else { return mark };
        if self.options.findings == Listing::No {
            let ids = ids(&self.found).len().saturating_add(TAG_BLANKS);
            if self.columns() >= OPCODE_COLUMN.saturating_add(LEAST_CONTENT).saturating_add(ids) {
                self.reserved = ids;
            }
        }
        match worst {
            Severity::Error => ERROR,
            Severity::Warning if mark == " " => WARNING,
            Severity::Warning | Severity::Note => mark,
        }
    }

    /// Ends the row with the rules that it breaks, as far as there is room.
    pub(super) fn tag(&mut self, found: &[Finding]) {
        let reserved = std::mem::take(&mut self.reserved);
        let Some(worst) = worst(found).filter(|_| reserved > 0) else { return };
        self.line.spaces(TAG_BLANKS);
        let room = self.columns().saturating_sub(self.line.column());
        self.line.begin(role(worst));
        self.line.push(&ids(found));
        if let [finding] = found
            && finding.rule.id.len().saturating_add(finding.rule.title.len()) < room
        {
            self.line.push(" ");
            self.line.push(finding.rule.title);
        }
        self.line.end();
    }

    /// Writes findings that no row is about.
    pub(super) fn alone(&mut self, connection: &Connection, found: &[Finding]) {
        for finding in found {
            if self.options.findings == Listing::Yes || finding.severity > Severity::Note {
                self.introduce(finding.last, connection);
                self.listed(connection.id, finding);
            }
        }
    }

    /// Writes a finding as a line.
    pub(super) fn listed(&mut self, id: ConnectionId, finding: &Finding) {
        let severity = finding.severity;
        self.beside(finding.last, id, finding.direction, sign(severity));
        self.described(finding);
        self.write_line();
        for line in decoded_again::lines(&finding.decoded_again) {
            self.beside(finding.last, id, None, " ");
            self.line.push(&line);
            self.write_line();
        }
    }

    /// Writes a finding that was made after all connections have ended.
    pub(super) fn after_end(&mut self, finding: &Finding) {
        let Some((id, peers)) = finding.connection.zip(finding.peers) else {
            return self.about_capture(finding);
        };
        let is_listed = self.options.findings == Listing::Yes || finding.severity > Severity::Note;
        if is_listed && self.options.selection.has(id) {
            self.introduce_peers(finding.last, finding.first.time, id, peers);
            self.listed(id, finding);
        }
    }

    /// Writes a finding about no connection.
    fn about_capture(&mut self, finding: &Finding) {
        let severity = finding.severity;
        if self.options.findings == Listing::Yes || severity > Severity::Note {
            self.line.paint(role(severity), sign(severity));
            self.line.push(" ");
            self.described(finding);
            self.write_line();
        }
    }

    /// Writes how many findings were only counted.
    pub(super) fn write_folded(&mut self, connection: &Connection, folded: &[FoldedFindings]) {
        if self.options.findings == Listing::No {
            return;
        }
        for FoldedFindings { rule, count } in folded.iter().filter(|it| !is_in_rows(it.rule)) {
            self.introduce(connection.last, connection);
            self.beside(connection.last, connection.id, None, sign(rule.severity));
            self.line.begin(role(rule.severity));
            self.line.push("… and ");
            self.line.with(|out| grouped(out, *count));
            self.line.push(" more of ");
            self.line.push(rule.id);
            self.line.end();
            self.write_line();
        }
    }

    /// Rule, title, evidence, and where it is.
    fn described(&mut self, finding: &Finding) {
        let rule = finding.rule;
        self.line.begin(role(finding.severity));
        self.line.push(rule.id);
        self.line.push(" ");
        self.line.push(rule.title);
        self.line.end();
        let mut place = String::new();
        let mut separator = "  (";
        if let Some(side) = finding.side {
            place.push_str(separator);
            place.push_str(side.name());
            separator = ", ";
        }
        if finding.first.packet != PacketId(0) {
            place.push_str(separator);
            place.push_str("packet ");
            place.push_str(&finding.first.packet.to_string());
            separator = ", ";
        }
        if separator == ", " {
            place.push(')');
        }
        self.line.push(": ");
        let room = self.room().saturating_sub(place.len());
        self.line.foreign(finding.evidence.as_bytes(), room.max(LEAST_CONTENT));
        self.line.begin(Role::Dim);
        self.line.push(&place);
        self.line.end();
    }
}

/// The worst severity.
fn worst(found: &[Finding]) -> Option<Severity> {
    found.iter().map(|finding| finding.severity).max()
}

/// The rules, each once.
fn ids(found: &[Finding]) -> String {
    let mut ids: Vec<&str> = Vec::new();
    for finding in found {
        if !ids.contains(&finding.rule.id) {
            ids.push(finding.rule.id);
        }
    }
    ids.join(", ")
}

/// The mark of a severity.
fn sign(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => ERROR,
        Severity::Warning => WARNING,
        Severity::Note => " ",
    }
}

/// The color of a severity.
fn role(severity: Severity) -> Role {
    match severity {
        Severity::Error => Role::Error,
        Severity::Warning => Role::Warning,
        Severity::Note => Role::Dim,
    }
}

/// Blanks before the rules at the end of a row.
const TAG_BLANKS: usize = 2;

/// The fewest columns for content that is followed by rules.
const LEAST_CONTENT: usize = 30;
