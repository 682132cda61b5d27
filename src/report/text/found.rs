//! Findings at the end of the row that they belong to, or in lines of their own.

use std::fmt::Write as _;
use std::io::Write;

use super::rows::{ERROR, OPCODE_COLUMN, WARNING};
use super::{Listing, Text};
use crate::analysis::event::{Connection, ConnectionId};
use crate::describe::decoded_again;
use crate::findings::{Finding, Rule, Severity};
use crate::journal::{FoldedFindings, Found};
use crate::stream::PacketId;
use crate::text::amount::grouped;
use crate::text::escape::escape;
use crate::text::page::wrapped;
use crate::text::role::Role;

/// Whether the rows already show what a rule reports, as they do for all that the capture lacks.
pub(super) fn is_in_rows(rule: &Rule) -> bool {
    rule.group() == "CAP"
}

/// A finding, as far as lines show it.
#[derive(Clone, Debug)]
pub(super) struct TextFinding {
    pub(super) finding: Finding,
    /// Of a cause: the rules that were broken because of it.
    consequences: Vec<&'static str>,
}

impl From<&Found> for TextFinding {
    fn from(found: &Found) -> Self {
        let consequences = found.consequences.clone().unwrap_or_default();
        Self { finding: found.finding.clone(), consequences }
    }
}

impl From<Finding> for TextFinding {
    fn from(finding: Finding) -> Self {
        Self { finding, consequences: Vec::new() }
    }
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
    pub(super) fn tag(&mut self, found: &[TextFinding]) {
        let reserved = std::mem::take(&mut self.reserved);
        let Some(worst) = worst(found).filter(|_| reserved > 0) else { return };
        self.line.spaces(TAG_BLANKS);
        let room = self.columns().saturating_sub(self.line.column());
        self.line.begin(role(worst));
        self.line.push(&ids(found));
        if let [TextFinding { finding, .. }] = found
            && finding.rule.id.len().saturating_add(finding.rule.title.len()) < room
        {
            self.line.push(" ");
            self.line.push(finding.rule.title);
        }
        self.line.end();
    }

    /// Writes findings that no row is about.
    pub(super) fn alone(&mut self, connection: &Connection, found: &[TextFinding]) {
        for found in found {
            if self.lists(&found.finding) {
                self.introduce(found.finding.last, connection);
                self.listed(connection.id, found);
            }
        }
    }

    /// Whether a finding that no row is about has lines of its own.
    fn lists(&self, finding: &Finding) -> bool {
        self.options.findings == Listing::Yes || finding.severity > Severity::Note
    }

    /// Writes a finding as a line, and below a cause what was decoded again and what follows from it.
    pub(super) fn listed(&mut self, id: ConnectionId, found: &TextFinding) {
        let finding = &found.finding;
        self.beside(finding.last, id, finding.direction, sign(finding.severity));
        self.described(finding);
        let rules = Some(found.consequences.join(", ")).filter(|rules| !rules.is_empty());
        let consequences = rules.map(|rules| format!("consequences: {rules}"));
        for line in decoded_again::lines(&finding.decoded_again).into_iter().chain(consequences) {
            self.beside(finding.last, id, None, " ");
            self.finish_with(&line, (Role::Dim, 0));
        }
    }

    /// Writes a finding that was made after all connections have ended.
    pub(super) fn after_end(&mut self, found: &TextFinding) {
        let finding = &found.finding;
        if !self.lists(finding) {
            return;
        }
        match finding.connection.zip(finding.peers) {
            Some((id, peers)) if self.options.selection.has(id) => {
                self.introduce_peers(finding.last, finding.first.time, id, peers);
                self.listed(id, found);
            }
            Some(_) => {}
            None => {
                let severity = finding.severity;
                self.line.paint(role(severity), sign(severity));
                self.line.push(" ");
                self.described(finding);
            }
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

    /// Rule, title, evidence, and where it is, to the end of the line.
    fn described(&mut self, finding: &Finding) {
        let title = format!("{} {}", finding.rule.id, finding.rule.title);
        let mut text = format!("{title}: ");
        escape(finding.evidence.as_bytes(), LONGEST_EVIDENCE, &mut text);
        let packet = finding.first.packet;
        let packet = (packet != PacketId(0)).then(|| format!("packet {packet}"));
        let side = finding.side.map(|side| side.name().to_owned());
        let place: Vec<String> = side.into_iter().chain(packet).collect();
        if !place.is_empty() {
            // Nothing fails to be written into memory.
            write!(text, "  ({})", place.join(", ")).ok();
        }
        self.finish_with(&text, (role(finding.severity), title.chars().count()));
    }

    /// Ends the line with a text, so many characters of it in a color: the text continues below its beginning if
    /// the terminal is not wide enough.
    fn finish_with(&mut self, text: &str, (role, mut colored): (Role, usize)) {
        let indent = self.line.column();
        let columns = self.options.columns.map_or(usize::MAX, |it| it.saturating_sub(indent));
        for (number, line) in wrapped(text, columns.max(LEAST_CONTENT)).iter().enumerate() {
            if number > 0 {
                self.write_line();
                self.line.spaces(indent);
            }
            let split = line.char_indices().nth(colored).map_or(line.len(), |(place, _)| place);
            let (title, rest) = line.split_at_checked(split).unwrap_or((line, ""));
            if !title.is_empty() {
                self.line.paint(role, title);
            }
            self.line.push(rest);
            // With the blank between the lines.
            colored = colored.saturating_sub(line.chars().count().saturating_add(1));
        }
        self.write_line();
    }
}

/// The worst severity.
fn worst(found: &[TextFinding]) -> Option<Severity> {
    found.iter().map(|it| it.finding.severity).max()
}

/// The rules, each once.
fn ids(found: &[TextFinding]) -> String {
    let mut ids: Vec<&str> = Vec::new();
    for TextFinding { finding, .. } in found {
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

/// Columns of the evidence of one finding at most.
const LONGEST_EVIDENCE: usize = 1000;

/// The fewest columns for content that is followed by rules.
const LEAST_CONTENT: usize = 30;
