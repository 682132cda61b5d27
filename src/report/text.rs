//! Lines for people: one per message, handshake, end of a connection, and whatever is amiss.

mod found;
mod message;
mod proxies;
mod rows;
mod tls;
mod words;

use std::io::{self, Write};

use foldhash::{HashSet, HashSetExt};

use self::found::TextFinding;
use super::line::Line;
use super::output::Output;
use super::style::Style;
use super::{Breadth, Detail, Listing, Report, Selection};
use crate::analysis::event::{
    CaptureEvent, Connection, ConnectionId, Ending, Nature, Outcome, TcpState,
};
use crate::describe::proxy;
use crate::findings::Peers;
use crate::journal::{Entry, EntryKind, FoldedFindings, Journal, Summary};
use crate::stream::{Direction, GapCause, Origin, Timestamp};
use crate::text::role::Role;
use crate::websocket::Frame;

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
    /// Connections whose addresses were shown and which have not ended.
    introduced: HashSet<ConnectionId>,
    /// The one whose line came last: most lines need no look into the set.
    latest: Option<ConnectionId>,
    /// Bytes that the frames of the message under way lack.
    lack: Option<(ConnectionId, Option<Direction>, u64)>,
    /// Whether a packet cut by the snap length was reported.
    cut_reported: bool,
    /// Whether a clock that went backwards was reported.
    clock_reported: bool,
    /// Columns of the widest remark after a size so far, for alignment.
    remark_columns: usize,
    /// Findings that the row under way is about.
    found: Vec<TextFinding>,
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
    /// Columns of the terminal; `None` if the output is not a terminal.
    pub columns: Option<usize>,
}

/// What a line says of a connection before the first one about it.
#[derive(Clone, Copy, Debug)]
pub struct TextConnection {
    /// Its number.
    pub id: ConnectionId,
    /// Its peers.
    pub peers: Peers,
    /// The time of its first packet.
    pub opened: Timestamp,
}

impl Text<Vec<u8>> {
    /// Takes the lines that were written since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        self.out.take()
    }
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
            introduced: HashSet::new(),
            latest: None,
            lack: None,
            cut_reported: false,
            clock_reported: false,
            remark_columns: 0,
            found: Vec::new(),
            reserved: 0,
        }
    }

    fn connection(&mut self, connection: &Connection, entry: &Entry<'_>) {
        if !self.options.selection.has(connection.id) {
            return;
        }
        // The rows of its frames have shown them.
        let shown = match self.options.detail {
            Detail::Messages => 0,
            Detail::Frames => entry.repeated,
        };
        let found = entry.findings.iter().skip(shown);
        let found = found.filter(|it| !found::is_in_rows(it.finding.rule));
        self.found.extend(found.map(TextFinding::from));
        self.row(connection, entry);
        // No row came for these.
        if !self.found.is_empty() {
            let rest = std::mem::take(&mut self.found);
            self.alone(connection, &rest);
        }
    }

    /// Counts a row that has a number: numbers are those of the whole capture, whatever is shown of it.
    fn number(&mut self, kind: &EntryKind<'_>) {
        if let EntryKind::Message(_)
        | EntryKind::Request(_)
        | EntryKind::Response(_)
        | EntryKind::NoResponse(_) = kind
        {
            self.rows = self.rows.saturating_add(1);
        }
    }

    /// Writes the row of an entry, if it has one.
    fn row(&mut self, connection: &Connection, entry: &Entry<'_>) {
        let Entry { origin, direction, .. } = *entry;
        let span = entry.span.unwrap_or_default();
        match entry.kind {
            EntryKind::Message(message) => self.message(origin, connection, direction, message),
            EntryKind::Frame(frame) => self.frame(origin, connection, direction, frame),
            EntryKind::Request(handshake) => self.request(origin, connection, handshake),
            EntryKind::Response(handshake) | EntryKind::NoResponse(handshake) => {
                self.response(origin, connection, handshake);
            }
            EntryKind::Recognized(recognition) => {
                let (role, text) = words::recognized(recognition);
                self.remark(origin, connection, None, (role, &text));
            }
            EntryKind::Tunnel(tunnel, handshake) => {
                self.tunnel(origin, connection, handshake, tunnel);
            }
            EntryKind::Tls(seen) => self.tls(origin, connection, direction, seen),
            EntryKind::NotAFrame(bytes) => {
                self.not_a_frame(origin, connection, direction, bytes, span);
            }
            EntryKind::HeaderUnfinished(bytes) => {
                self.header_unfinished(origin, connection, direction, bytes, span);
            }
            EntryKind::ProxyHeader(header) => {
                self.proxy_words(origin, connection, direction, &proxy::proxy_header(header));
            }
            EntryKind::Socks(socks) => {
                self.proxy_words(origin, connection, direction, &proxy::socks(socks));
            }
            EntryKind::StrayBytes(stray) => {
                self.proxy_words(origin, connection, direction, &proxy::stray_bytes(stray));
            }
            EntryKind::Gap(gap)
                if self.shows(connection) || connection.nature == Nature::Unreadable =>
            {
                // With a short snap length every large packet is cut: once is enough.
                let is_cut = gap.cause == GapCause::SnapLength;
                if !(is_cut && self.cut_reported) {
                    self.cut_reported |= is_cut;
                    self.gap(origin, connection, direction, &gap);
                }
            }
            EntryKind::SyncLost => self.sync_lost(origin, connection, direction, span.start),
            EntryKind::SyncFound => self.sync_found(origin, connection, direction, span),
            EntryKind::Conflict if self.shows(connection) => {
                self.conflict(origin, connection, direction, span);
            }
            EntryKind::Limit(limit) => self.limit(origin, connection, limit),
            // A refusal is reported when the connection ends, like every other failed attempt.
            EntryKind::Fin | EntryKind::Reset
                if self.shows(connection) && connection.state != TcpState::Refused =>
            {
                let words = words::closing(&entry.kind, direction);
                self.remark(origin, connection, direction, words);
            }
            EntryKind::Ended { ending, folded } => self.ended(origin, connection, ending, folded),
            _ => {}
        }
    }

    /// Whether what happens below WebSocket is shown of a connection.
    fn shows(&self, connection: &Connection) -> bool {
        match connection.nature {
            Nature::WebSocket | Nature::UpgradeRequested => true,
            Nature::Unknown | Nature::Http | Nature::Http2 | Nature::Unreadable | Nature::Other => {
                self.options.selection.breadth == Breadth::All
            }
        }
    }

    fn ended(
        &mut self,
        origin: Origin,
        connection: &Connection,
        ending: Ending,
        folded: &[FoldedFindings],
    ) {
        let id = connection.id;
        let wanted = ending.relevant || self.options.selection.breadth == Breadth::All;
        // What a line before reported needs no second one: FIN or RST, or that no response came.
        let is_reported = match ending.outcome {
            Outcome::Aborted if connection.nature == Nature::Unreadable => false,
            Outcome::Closed | Outcome::Aborted | Outcome::Rejected | Outcome::NotWebSocket => {
                self.introduced.contains(&id)
            }
            Outcome::Timeout if connection.nature == Nature::UpgradeRequested => {
                self.introduced.contains(&id)
            }
            Outcome::Open | Outcome::Refused | Outcome::Timeout | Outcome::Undecodable => false,
        };
        let (role, text) = words::outcome(connection, ending.outcome);
        let mut found = std::mem::take(&mut self.found);
        // What explains a failure follows it; everything else precedes the end.
        if !wanted || is_reported || role != Role::Error {
            self.alone(connection, &found);
            found.clear();
        }
        self.write_folded(connection, folded);
        if wanted {
            if let Some(seen) = ending.unseen.map(Direction::reverse) {
                self.remark(origin, connection, Some(seen), words::one_sided());
            }
            if !is_reported {
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

    /// An entry about no connection, or about one that has ended.
    fn capture(&mut self, entry: &Entry<'_>) {
        match entry.kind {
            // The first one at its place; all are counted at the end.
            EntryKind::Capture(CaptureEvent::ClockBackwards(step)) if !self.clock_reported => {
                self.clock_reported = true;
                self.clock_step(entry.origin, step);
            }
            EntryKind::Finding => {
                for found in entry.findings.iter().filter(|it| !found::is_in_rows(it.finding.rule))
                {
                    self.after_end(&TextFinding::from(found));
                }
            }
            _ => {}
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
            for found in &found {
                if let Some(id) = found.finding.connection {
                    self.listed(id, found);
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

impl<W: Write> Journal for Text<W> {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.number(&entry.kind);
        match entry.connection {
            Some(connection) => self.connection(connection, entry),
            None => self.capture(entry),
        }
    }

    /// The row of a message says what its frames lack.
    fn takes_frame(&self, frame: &Frame) -> bool {
        self.options.detail == Detail::Frames || !frame.is_complete()
    }
}

impl<W: Write> Report for Text<W> {
    fn start(&mut self, first: Timestamp) {
        self.start = first;
    }

    fn ignored(&mut self, entry: &Entry<'_>) {
        self.number(&entry.kind);
        let Some(connection) = entry.connection else { return };
        match entry.kind {
            EntryKind::Frame(frame) => {
                self.note_lack(connection.id, entry.direction, frame);
            }
            EntryKind::Ended { .. } => self.forget(connection.id),
            _ => {}
        }
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

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        for file in summary.files_in_words() {
            self.line.foreign(file.as_bytes(), usize::MAX);
            self.write();
        }
        for note in &summary.notes {
            self.line.paint(Role::Warning, rows::WARNING);
            self.line.push(" ");
            self.line.push(note.rule);
            self.line.push("  ");
            // The reader of the capture names files, and file names are not ours.
            self.line.foreign(note.text.as_bytes(), usize::MAX);
            self.write();
        }
        self.line.begin(Role::Title);
        self.line.with(|out| summary.write(out));
        self.line.end();
        self.write();
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
