//! Lines for people: one per message, handshake, end of a connection, and whatever is amiss.

mod found;
mod message;
mod rows;
mod tls;
mod words;

use std::io::{self, Write};

use foldhash::{HashSet, HashSetExt};

use self::found::{Found, Waiting};
use super::filtered::{Matched, Matching, Selective};
use super::line::Line;
use super::output::Output;
use super::style::{Role, Style};
use super::tally::{self, Tally, summary};
use super::{Breadth, Detail, Listing, Report, Selection};
use crate::analysis::event::{
    CaptureEvent, Connection, ConnectionEvent, ConnectionId, Ending, Event, EventKind, Nature,
    Outcome,
};
use crate::analysis::{Sink, Totals};
use crate::findings::{Finding, Findings, Reading, Rule};
use crate::stream::{Direction, GapCause, Origin, Timestamp};
use crate::timeline::filter::Filter;

/// Writes text.
#[derive(Debug)]
pub struct Text<W> {
    out: Output<W>,
    options: TextOptions,
    line: Line,
    /// Time of the first packet.
    start: Timestamp,
    /// Numbered rows so far, shown or not.
    rows: u64,
    tally: Tally,
    /// Connections whose addresses were shown and which have not ended.
    introduced: HashSet<ConnectionId>,
    /// The one whose line came last: most lines need no look into the set.
    latest: Option<ConnectionId>,
    /// Bytes that the frames of the message under way lack.
    lack: Option<(ConnectionId, Direction, u64)>,
    /// Whether a packet cut by the snap length was told of.
    cut_told: bool,
    /// Columns of the widest remark behind a size so far, for alignment.
    remark_columns: usize,
    /// Findings whose row is still to come.
    waiting: Waiting,
    /// Findings that the row under way is about.
    found: Vec<Found>,
    /// Columns that are kept free for their rules at the end of the row.
    reserved: usize,
}

/// What the user chose.
#[derive(Clone, Debug)]
pub struct TextOptions {
    /// Which connections.
    pub selection: Selection,
    /// Messages only, or frames as well.
    pub detail: Detail,
    /// Whether findings have lines of their own.
    pub findings: Listing,
    /// Colors.
    pub style: Style,
    /// Columns of the terminal; `None` when the output is no terminal.
    pub columns: Option<usize>,
}

impl<W: Write> Text<W> {
    /// Makes a report that has seen nothing.
    pub fn new(writer: W, options: TextOptions) -> Self {
        Self {
            out: Output::new(writer),
            line: Line::new(options.style.clone()),
            options,
            start: Timestamp::default(),
            rows: 0,
            tally: Tally::judged(),
            introduced: HashSet::new(),
            latest: None,
            lack: None,
            cut_told: false,
            remark_columns: 0,
            waiting: Waiting::default(),
            found: Vec::new(),
            reserved: 0,
        }
    }

    fn connection(&mut self, origin: Origin, connection: &Connection, event: &ConnectionEvent<'_>) {
        self.number(event);
        if !self.options.selection.has(connection.id) {
            return;
        }
        let TextOptions { detail, findings, .. } = self.options;
        self.found = self.waiting.take(connection.id, event, detail, findings);
        self.row(origin, connection, event);
        // No row came for these.
        let rest = std::mem::take(&mut self.found);
        self.alone(connection, &rest);
    }

    /// Counts a row that has a number: numbers are those of the whole capture, whatever is shown of it.
    fn number(&mut self, event: &ConnectionEvent<'_>) {
        let numbered = match event {
            ConnectionEvent::Message(..)
            | ConnectionEvent::UpgradeRequested(_)
            | ConnectionEvent::HandshakeEnded(_) => true,
            ConnectionEvent::Opened
            | ConnectionEvent::TunnelOpened(_)
            | ConnectionEvent::TunnelRefused(_)
            | ConnectionEvent::Tls(..)
            | ConnectionEvent::NotAFrame(..)
            | ConnectionEvent::HeaderUnfinished(..)
            | ConnectionEvent::Recognized(_)
            | ConnectionEvent::FrameStarted(..)
            | ConnectionEvent::FrameEnded(..)
            | ConnectionEvent::InvalidUtf8 { .. }
            | ConnectionEvent::Gap(..)
            | ConnectionEvent::SyncLost(..)
            | ConnectionEvent::SyncFound(..)
            | ConnectionEvent::Conflict(..)
            | ConnectionEvent::Limit(_)
            | ConnectionEvent::StateChanged
            | ConnectionEvent::Ended(_) => false,
        };
        self.rows = self.rows.saturating_add(u64::from(numbered));
    }

    /// Writes the row of an event, if it has one.
    fn row(&mut self, origin: Origin, connection: &Connection, event: &ConnectionEvent<'_>) {
        let shown = self.shows(connection);
        match *event {
            ConnectionEvent::Message(direction, message) => {
                self.message(origin, connection, direction, message);
            }
            ConnectionEvent::FrameEnded(direction, frame) => {
                self.frame(origin, connection, direction, frame);
            }
            ConnectionEvent::UpgradeRequested(handshake) => {
                self.request(origin, connection, handshake);
            }
            ConnectionEvent::HandshakeEnded(handshake) => {
                self.response(origin, connection, handshake);
            }
            ConnectionEvent::Recognized(recognition) => {
                self.remark(origin, connection, None, words::recognised(recognition));
            }
            ConnectionEvent::TunnelOpened(handshake) => {
                self.tunnel(origin, connection, handshake, rows::Tunnel::Opened);
            }
            ConnectionEvent::TunnelRefused(handshake) => {
                self.tunnel(origin, connection, handshake, rows::Tunnel::Refused);
            }
            ConnectionEvent::Tls(direction, seen) => {
                self.tls(origin, connection, direction, seen);
            }
            ConnectionEvent::NotAFrame(direction, bytes, span) => {
                self.not_a_frame(origin, connection, direction, bytes, span);
            }
            ConnectionEvent::HeaderUnfinished(direction, bytes, span) => {
                self.header_unfinished(origin, connection, direction, bytes, span);
            }
            // With a short snap length every large packet is cut: once is enough.
            ConnectionEvent::Gap(direction, gap)
                if shown && !(gap.cause == GapCause::SnapLength && self.cut_told) =>
            {
                self.cut_told |= gap.cause == GapCause::SnapLength;
                self.gap(origin, connection, direction, &gap);
            }
            ConnectionEvent::SyncLost(direction, span) => {
                self.sync_lost(origin, connection, direction, span.start);
            }
            ConnectionEvent::SyncFound(direction, span) => {
                self.sync_found(origin, connection, direction, span);
            }
            ConnectionEvent::Conflict(direction, span) if shown => {
                self.conflict(origin, connection, direction, span);
            }
            ConnectionEvent::Limit(limit) => self.limit(origin, connection, limit),
            ConnectionEvent::StateChanged if shown => {
                if let Some((direction, role, text)) = words::state(connection.state) {
                    self.remark(origin, connection, Some(direction), (role, text));
                }
            }
            ConnectionEvent::Ended(ending) => self.ended(origin, connection, ending),
            // The message's own line says so.
            ConnectionEvent::InvalidUtf8 { .. }
            | ConnectionEvent::Opened
            | ConnectionEvent::FrameStarted(..)
            | ConnectionEvent::Gap(..)
            | ConnectionEvent::Conflict(..)
            | ConnectionEvent::StateChanged => {}
        }
    }

    /// Whether what happens below WebSocket is shown of a connection.
    fn shows(&self, connection: &Connection) -> bool {
        match connection.nature {
            Nature::WebSocket | Nature::UpgradeRequested => true,
            Nature::Unknown | Nature::Http | Nature::Unreadable | Nature::Other => {
                self.options.selection.breadth == Breadth::All
            }
        }
    }

    fn ended(&mut self, origin: Origin, connection: &Connection, ending: Ending) {
        let id = connection.id;
        let wanted = ending.relevant || self.options.selection.breadth == Breadth::All;
        // A close or an abort that was told by FIN or RST needs no second line.
        let told = match ending.outcome {
            Outcome::Aborted if connection.nature == Nature::Unreadable => false,
            Outcome::Closed | Outcome::Aborted | Outcome::Rejected | Outcome::NotWebSocket => {
                self.introduced.contains(&id)
            }
            Outcome::Open | Outcome::Refused | Outcome::Timeout | Outcome::Undecodable => false,
        };
        let (role, text) = words::outcome(connection, ending.outcome);
        let mut found = std::mem::take(&mut self.found);
        // What explains a failure stands behind it, everything else before the end.
        if !wanted || told || role != Role::Error {
            self.alone(connection, &found);
            found.clear();
        }
        self.told_folded(connection);
        if wanted {
            if let Some(seen) = ending.unseen.map(Direction::reverse) {
                self.remark(origin, connection, Some(seen), words::one_sided());
            }
            if !told {
                self.found = found;
                self.remark(origin, connection, None, (role, text));
            }
        }
        self.forget(id);
    }

    fn forget(&mut self, id: ConnectionId) {
        self.introduced.remove(&id);
        if self.latest == Some(id) {
            self.latest = None;
        }
    }

    fn capture(&mut self, origin: Origin, event: CaptureEvent) {
        match event {
            // The first one at its place; all are counted at the end.
            CaptureEvent::ClockBackwards(step) if self.tally.clock_steps() == 1 => {
                self.clock_step(origin, step);
            }
            CaptureEvent::ClockBackwards(_)
            | CaptureEvent::Undecoded(_)
            | CaptureEvent::CutPacket { .. } => {}
        }
    }

    /// Ends the row that was put together: with the rules that it breaks, or with a line for each.
    fn write(&mut self) {
        if self.found.is_empty() {
            return self.write_line();
        }
        let found = std::mem::take(&mut self.found);
        self.tag(&found);
        self.write_line();
        if self.options.findings == Listing::Yes {
            for Found { finding, .. } in &found {
                if let Some(id) = finding.connection {
                    self.listed(id, finding);
                }
            }
        }
    }

    /// Writes the line that was put together.
    fn write_line(&mut self) {
        let out = &mut self.out;
        self.line.finish(|line| out.line(line));
    }
}

impl<W: Write> Sink for Text<W> {
    fn event(&mut self, event: &Event<'_>) {
        self.tally.observe(event);
        match event.kind {
            EventKind::Connection(connection, ref what) => {
                self.connection(event.origin, connection, what);
            }
            EventKind::Capture(what) => self.capture(event.origin, what),
            EventKind::Dns(_) | EventKind::Icmp(_) => {}
        }
    }
}

impl<W: Write> Findings for Text<W> {
    fn finding(&mut self, finding: &Finding) {
        self.found(finding, Matching::Yes);
    }

    fn late(&mut self, finding: &Finding, connection: &Connection) {
        self.found_late(finding, connection, Matching::Yes);
    }

    fn folded(&mut self, rule: &'static Rule, connection: ConnectionId, count: u64) {
        self.found_more(rule, connection, count, Matching::Yes);
    }
}

impl<W: Write> Selective for Text<W> {
    fn filtered(&mut self, _: &Filter) {}

    fn pass_over(&mut self, event: &Event<'_>) {
        self.tally.observe(event);
        let EventKind::Connection(connection, ref what) = event.kind else { return };
        self.number(what);
        let TextOptions { detail, findings, .. } = self.options;
        let rest = self.waiting.take(connection.id, what, detail, findings);
        self.alone(connection, &rest);
        match *what {
            ConnectionEvent::FrameEnded(direction, frame) => {
                self.note_lack(connection.id, direction, frame);
            }
            ConnectionEvent::Ended(_) => {
                self.waiting.drop_folded();
                self.forget(connection.id);
            }
            ConnectionEvent::Opened
            | ConnectionEvent::UpgradeRequested(_)
            | ConnectionEvent::HandshakeEnded(_)
            | ConnectionEvent::TunnelOpened(_)
            | ConnectionEvent::TunnelRefused(_)
            | ConnectionEvent::Tls(..)
            | ConnectionEvent::Recognized(_)
            | ConnectionEvent::FrameStarted(..)
            | ConnectionEvent::InvalidUtf8 { .. }
            | ConnectionEvent::Message(..)
            | ConnectionEvent::NotAFrame(..)
            | ConnectionEvent::HeaderUnfinished(..)
            | ConnectionEvent::Gap(..)
            | ConnectionEvent::SyncLost(..)
            | ConnectionEvent::SyncFound(..)
            | ConnectionEvent::Conflict(..)
            | ConnectionEvent::Limit(_)
            | ConnectionEvent::StateChanged => {}
        }
    }

    fn found(&mut self, finding: &Finding, matching: Matching) {
        self.tally.found(finding.rule, 1);
        if found::is_told(finding.rule) {
            return;
        }
        match finding.connection {
            Some(id) if self.options.selection.has(id) => self.waiting.push(finding, matching),
            None if matching == Matching::Yes => self.about_capture(finding),
            Some(_) | None => {}
        }
    }

    fn found_late(&mut self, finding: &Finding, connection: &Connection, matching: Matching) {
        self.tally.found(finding.rule, 1);
        if self.options.selection.has(connection.id) {
            self.listed_late(connection, finding, matching);
        }
    }

    fn found_more(
        &mut self,
        rule: &'static Rule,
        connection: ConnectionId,
        count: u64,
        matching: Matching,
    ) {
        self.tally.found(rule, count);
        let listed = self.options.findings == Listing::Yes && !found::is_told(rule);
        if listed && matching == Matching::Yes && self.options.selection.has(connection) {
            self.waiting.fold(rule, count);
        }
    }

    fn matched(&mut self, matched: Matched) {
        self.tally.matched = Some(matched);
    }
}

impl<W: Write> Report for Text<W> {
    fn start(&mut self, first: Timestamp) {
        self.start = first;
    }

    fn check(&mut self) -> io::Result<()> {
        self.out.check()
    }

    fn is_pending(&self) -> bool {
        self.out.is_pending()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, totals: &Totals, reading: &Reading<'_>) -> io::Result<()> {
        for note in self.tally.notes(reading) {
            self.line.paint(Role::Warning, rows::WARNING);
            self.line.push(" ");
            self.line.push(note.rule);
            self.line.push("  ");
            // The reader of the capture names files, and file names are not ours.
            self.line.foreign(note.text.as_bytes(), usize::MAX);
            self.write();
        }
        self.line.begin(Role::Strong);
        self.line.with(|out| summary(&self.tally, totals, out));
        self.line.end();
        if let Some(matched) = self.tally.matched {
            self.line.push("; ");
            self.line.with(|out| tally::matched(matched, out));
        }
        self.write();
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
