//! Findings, and the rows that they are about.

use std::io::Write;

use super::rows::{ERROR, OPCODE_COLUMN, WARNING};
use super::{Listing, Matching, Text};
use crate::analysis::event::{Connection, ConnectionEvent, ConnectionId};
use crate::findings::{Finding, Rule, Severity};
use crate::report::Detail;
use crate::report::style::Role;
use crate::stream::{Direction, PacketId, Span};
use crate::text::amount::grouped;
use crate::websocket::{Frame, Opcode};

/// A finding, and whether it is written where no row is about it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) finding: Finding,
    pub(super) matching: Matching,
}

/// Findings whose row is still to come.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// About the event that comes next.
    fresh: Vec<Found>,
    /// Rules of which further findings were only counted; the end of their connection comes next.
    folded: Vec<(&'static Rule, u64)>,
    /// About a message that is not whole yet.
    later: Vec<Later>,
}

/// A finding about a message that is not whole yet.
#[derive(Debug)]
struct Later {
    connection: ConnectionId,
    direction: Direction,
    /// Its frame; `None` where it is about the content.
    frame: Option<Frame>,
    /// Where it stands in the message.
    offset: u64,
    found: Found,
}

impl Waiting {
    /// Takes a finding; its event comes next.
    pub(super) fn push(&mut self, finding: &Finding, matching: Matching) {
        self.fresh.push(Found { finding: finding.clone(), matching });
    }

    /// Takes a number of findings that were only counted.
    pub(super) fn fold(&mut self, rule: &'static Rule, count: u64) {
        self.folded.push((rule, count));
    }

    /// Forgets the numbers of findings that were only counted.
    pub(super) fn drop_folded(&mut self) {
        self.folded.clear();
    }

    /// Gives the findings that the row of an event is about, if it has one.
    pub(super) fn take(
        &mut self,
        id: ConnectionId,
        event: &ConnectionEvent<'_>,
        detail: Detail,
        listing: Listing,
    ) -> Vec<Found> {
        match *event {
            ConnectionEvent::FrameStarted(direction, frame) => {
                // A continuation of nothing is part of no message, so that no row came for it.
                let rest = self.extract(|later| {
                    (later.connection, later.direction) == (id, direction)
                        && later.frame.is_some_and(|frame| frame.header.fin)
                });
                let is_data = !frame.header.is_control();
                for found in std::mem::take(&mut self.fresh) {
                    // The row of a message names each rule once: a thousand fragments need no more.
                    let is_known = listing == Listing::No
                        && is_data
                        && detail == Detail::Messages
                        && self.later.iter().any(|later| {
                            (later.connection, later.direction) == (id, direction)
                                && later.found.finding.rule.id == found.finding.rule.id
                        });
                    if !is_known {
                        self.keep(id, direction, frame.span, Some(*frame), found);
                    }
                }
                rest
            }
            ConnectionEvent::InvalidUtf8 { direction, span, .. } => {
                for found in std::mem::take(&mut self.fresh) {
                    self.keep(id, direction, span, None, found);
                }
                Vec::new()
            }
            ConnectionEvent::FrameEnded(direction, frame) => {
                self.frame(id, direction, frame, detail)
            }
            ConnectionEvent::Message(direction, message) => {
                let mut found = self.extract(|later| {
                    (later.connection, later.direction) == (id, direction)
                        && (message.span.start..message.span.end).contains(&later.offset)
                });
                found.append(&mut self.fresh);
                found
            }
            ConnectionEvent::Ended(_) => {
                let mut found = self.extract(|later| later.connection == id);
                found.append(&mut self.fresh);
                found
            }
            ConnectionEvent::Opened
            | ConnectionEvent::UpgradeRequested(_)
            | ConnectionEvent::HandshakeEnded(_)
            | ConnectionEvent::TunnelOpened(_)
            | ConnectionEvent::TunnelRefused(_)
            | ConnectionEvent::Tls(..)
            | ConnectionEvent::Recognized(_)
            | ConnectionEvent::NotAFrame(..)
            | ConnectionEvent::HeaderUnfinished(..)
            | ConnectionEvent::Gap(..)
            | ConnectionEvent::SyncLost(..)
            | ConnectionEvent::SyncFound(..)
            | ConnectionEvent::Conflict(..)
            | ConnectionEvent::Limit(_)
            | ConnectionEvent::StateChanged => std::mem::take(&mut self.fresh),
        }
    }

    /// Gives the findings about a frame, where no message will come for them.
    fn frame(
        &mut self,
        id: ConnectionId,
        direction: Direction,
        frame: &Frame,
        detail: Detail,
    ) -> Vec<Found> {
        let has_message = Opcode::from_wire(frame.header.opcode).is_some();
        let mut found = if detail == Detail::Frames || !has_message {
            self.extract(|later| {
                (later.connection, later.direction) == (id, direction)
                    && later.frame.is_some_and(|of| of.span.start == frame.span.start)
            })
        } else {
            Vec::new()
        };
        found.append(&mut self.fresh);
        found
    }

    fn keep(
        &mut self,
        connection: ConnectionId,
        direction: Direction,
        at: Span,
        frame: Option<Frame>,
        found: Found,
    ) {
        self.later.push(Later { connection, direction, frame, offset: at.start, found });
    }

    fn extract(&mut self, mut wanted: impl FnMut(&Later) -> bool) -> Vec<Found> {
        // Nearly always there is nothing.
        if self.later.is_empty() {
            return Vec::new();
        }
        self.later.extract_if(.., |later| wanted(later)).map(|later| later.found).collect()
    }
}

/// Whether the rows tell by themselves what a rule is about: all that the capture lacks.
pub(super) fn is_told(rule: &Rule) -> bool {
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
    pub(super) fn tag(&mut self, found: &[Found]) {
        let reserved = std::mem::take(&mut self.reserved);
        let Some(worst) = worst(found).filter(|_| reserved > 0) else { return };
        self.line.spaces(TAG_BLANKS);
        let room = self.columns().saturating_sub(self.line.column());
        self.line.begin(role(worst));
        self.line.push(&ids(found));
        if let [Found { finding, .. }] = found
            && finding.rule.id.len().saturating_add(finding.rule.title.len()) < room
        {
            self.line.push(" ");
            self.line.push(finding.rule.title);
        }
        self.line.end();
    }

    /// Writes findings that no row is about.
    pub(super) fn alone(&mut self, connection: &Connection, found: &[Found]) {
        for Found { finding, .. } in found.iter().filter(|it| it.matching == Matching::Yes) {
            if self.options.findings == Listing::Yes || finding.rule.severity > Severity::Note {
                self.introduce(finding.last, connection);
                self.listed(connection.id, finding);
            }
        }
    }

    /// Writes a finding about a connection that has ended.
    pub(super) fn listed_late(
        &mut self,
        connection: &Connection,
        finding: &Finding,
        matching: Matching,
    ) {
        self.waiting.push(finding, matching);
        let found = std::mem::take(&mut self.waiting.fresh);
        self.alone(connection, &found);
        self.forget(connection.id);
    }

    /// Writes a finding as a line.
    pub(super) fn listed(&mut self, id: ConnectionId, finding: &Finding) {
        let severity = finding.rule.severity;
        self.beside(finding.last, id, finding.direction, sign(severity));
        self.described(finding);
        self.write_line();
    }

    /// Writes a finding about no connection.
    pub(super) fn about_capture(&mut self, finding: &Finding) {
        let severity = finding.rule.severity;
        if self.options.findings == Listing::Yes || severity > Severity::Note {
            self.line.paint(role(severity), sign(severity));
            self.line.push(" ");
            self.described(finding);
            self.write_line();
        }
    }

    /// Tells how many findings were only counted.
    pub(super) fn told_folded(&mut self, connection: &Connection) {
        for (rule, count) in std::mem::take(&mut self.waiting.folded) {
            self.introduce(connection.last, connection);
            self.beside(connection.last, connection.id, None, sign(rule.severity));
            self.line.begin(role(rule.severity));
            self.line.push("… and ");
            self.line.with(|out| grouped(out, count));
            self.line.push(" more of ");
            self.line.push(rule.id);
            self.line.end();
            self.write_line();
        }
    }

    /// Rule, title, evidence, and where it is.
    fn described(&mut self, finding: &Finding) {
        let rule = finding.rule;
        self.line.begin(role(rule.severity));
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
fn worst(found: &[Found]) -> Option<Severity> {
    found.iter().map(|found| found.finding.rule.severity).max()
}

/// The rules, each once.
fn ids(found: &[Found]) -> String {
    let mut ids: Vec<&str> = Vec::new();
    for Found { finding, .. } in found {
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

/// Columns that content has at least where rules stand behind it.
const LEAST_CONTENT: usize = 30;
