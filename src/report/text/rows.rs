//! The lines of one connection, column by column.

use std::io::Write;

use super::Text;
use crate::analysis::event::{Connection, ConnectionId, Limit};
use crate::describe::incident;
use crate::findings::Peers;
use crate::http::Handshake;
use crate::journal::TunnelAnswer;
use crate::report::handshake::{HandshakeFacts, ResponseSeen};
use crate::report::line::role;
use crate::stream::{Direction, Gap, GapCause, Origin, Span, Timestamp};
use crate::text::amount::{counted, duration};
use crate::text::role::Role;
use crate::websocket::frame::MAX_HEADER_LENGTH;

impl<W: Write> Text<W> {
    /// The request of a handshake.
    pub(super) fn request(
        &mut self,
        origin: Origin,
        connection: &Connection,
        handshake: &Handshake,
    ) {
        let facts = HandshakeFacts::of(handshake);
        self.numbered(origin, connection, Some(Direction::ClientToServer), " ");
        self.line.begin(Role::Client);
        self.foreign(facts.method.unwrap_or(b"?"));
        self.line.push(" ");
        self.foreign(facts.target.unwrap_or(b"?"));
        self.line.end();
        if let Some(host) = facts.host {
            self.line.push("  Host: ");
            self.foreign(host);
        }
        let extensions = facts.extensions_offered.as_deref().unwrap_or_default();
        let mut separator = "  (";
        for offered in [facts.subprotocols_offered.as_slice(), extensions] {
            if !offered.is_empty() {
                self.line.push(separator);
                let room = self.room().saturating_sub(OFFERED.len()).max(LEAST_ROOM);
                self.line.foreign(offered, room);
                self.line.push(OFFERED);
                separator = "; ";
            }
        }
        if separator == "; " {
            self.line.push(")");
        }
        self.write();
    }

    /// The response of a handshake, or that none came.
    pub(super) fn response(
        &mut self,
        origin: Origin,
        connection: &Connection,
        handshake: &Handshake,
    ) {
        let facts = HandshakeFacts::of(handshake);
        let good = facts.status == Some(SWITCHING_PROTOCOLS);
        let mark = if good { " " } else { ERROR };
        self.numbered(origin, connection, Some(Direction::ServerToClient), mark);
        if facts.answered == ResponseSeen::No {
            self.line.paint(Role::Error, incident::NO_RESPONSE);
            return self.write();
        }
        self.line.begin(if good { Role::Server } else { Role::Error });
        match facts.status {
            Some(status) => self.line.value(format_args!("{status:03}")),
            None => self.line.push("no status"),
        }
        self.line.end();
        if !good {
            self.line.paint(Role::Error, " instead of 101");
        }
        for part in [facts.subprotocol, facts.extensions.as_deref()].into_iter().flatten() {
            self.line.push("  ");
            self.foreign(part);
        }
        if let Some(time) = facts.duration {
            self.line.push("  ");
            self.line.begin(Role::Dim);
            self.line.push("after ");
            self.line.with(|out| duration(out, time));
            self.line.end();
        }
        self.write();
    }

    /// What a proxy answered when it was asked for a tunnel.
    pub(super) fn tunnel(
        &mut self,
        origin: Origin,
        connection: &Connection,
        handshake: &Handshake,
        tunnel: TunnelAnswer,
    ) {
        let facts = HandshakeFacts::of(handshake);
        let (mark, role, answer) = match (tunnel, facts.answered) {
            (TunnelAnswer::Opened, _) => (" ", Role::Server, "proxy opened a tunnel to "),
            (TunnelAnswer::Refused, ResponseSeen::Yes) => {
                (ERROR, Role::Error, "proxy refused a tunnel to ")
            }
            (TunnelAnswer::Refused, ResponseSeen::No) => {
                (ERROR, Role::Error, "no response from the proxy about a tunnel to ")
            }
        };
        self.aside(origin, connection, Some(Direction::ServerToClient), mark);
        self.line.begin(role);
        self.line.push(answer);
        self.foreign(facts.target.unwrap_or(b"?"));
        if let Some(status) = facts.status.filter(|_| tunnel == TunnelAnswer::Refused) {
            self.line.value(format_args!(" ({status:03})"));
        }
        self.line.end();
        self.write();
    }

    /// Text where a frame should start.
    pub(super) fn not_a_frame(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        bytes: &[u8],
        span: Span,
    ) {
        self.aside(origin, connection, direction, ERROR);
        self.line.begin(Role::Error);
        self.line.push("text instead of a frame at offset ");
        self.line.number(span.start);
        self.line.end();
        self.line.push("  ");
        self.foreign(bytes);
        self.write();
    }

    /// The stream ends in a frame header.
    pub(super) fn header_unfinished(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        bytes: &[u8],
        span: Span,
    ) {
        self.aside(origin, connection, direction, WARNING);
        self.line.begin(Role::Warning);
        self.line.push("ends within a frame header at offset ");
        self.line.number(span.start);
        self.line.push(": only");
        for byte in bytes.iter().take(MAX_HEADER_LENGTH) {
            self.line.value(format_args!(" {byte:02x}"));
        }
        self.line.end();
        self.write();
    }

    /// Missing bytes (CAP-01).
    pub(super) fn gap(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        gap: &Gap,
    ) {
        let cause = match gap.cause {
            GapCause::Acknowledged => "acknowledged, but not captured",
            GapCause::SnapLength => "cut by the snap length; more of these are only counted",
            GapCause::Ended => "still missing at the end",
            GapCause::Limit => "CAP-09 too much data waited for them",
            GapCause::UnknownLength => "not decrypted",
        };
        self.aside(origin, connection, direction, WARNING);
        self.line.begin(Role::Warning);
        self.line.push(if gap.cause == GapCause::SnapLength { "CAP-02 " } else { "CAP-01 gap: " });
        self.line.with(|out| counted(out, gap.length, "byte"));
        self.line.push(" missing at offset ");
        self.line.number(gap.offset);
        self.line.push(": ");
        self.line.push(cause);
        self.line.end();
        self.write();
    }

    /// Frame boundaries are unknown from here (CAP-04).
    pub(super) fn sync_lost(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        offset: u64,
    ) {
        self.aside(origin, connection, direction, WARNING);
        self.line.begin(Role::Warning);
        self.line.push("CAP-04 frame boundaries lost at offset ");
        self.line.number(offset);
        self.line.end();
        self.write();
    }

    /// Frame boundaries are known again (CAP-04).
    pub(super) fn sync_found(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        skipped: Span,
    ) {
        self.aside(origin, connection, direction, " ");
        self.line.begin(Role::Warning);
        self.line.push("CAP-04 frame boundaries found again at offset ");
        self.line.number(skipped.end);
        self.line.push(", ");
        self.line.with(|out| counted(out, skipped.length(), "byte"));
        self.line.push(" skipped");
        self.line.end();
        self.write();
    }

    /// The same stream bytes with other content (CAP-06).
    pub(super) fn conflict(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        span: Span,
    ) {
        self.aside(origin, connection, direction, WARNING);
        self.line.begin(Role::Warning);
        self.line.push("CAP-06 ");
        self.line.with(|out| counted(out, span.length(), "byte"));
        self.line.push(" at offset ");
        self.line.number(span.start);
        self.line.push(" received twice with different content; the first version was used");
        self.line.end();
        self.write();
    }

    /// Data was let go (CAP-09).
    pub(super) fn limit(&mut self, origin: Origin, connection: &Connection, limit: Limit) {
        self.aside(origin, connection, None, WARNING);
        self.line.begin(Role::Warning);
        self.line.push("CAP-09 data discarded: limit on ");
        self.line.push(incident::limit(limit));
        self.line.end();
        self.write();
    }

    /// The capture's clock went backwards (CAP-07).
    pub(super) fn clock_step(&mut self, origin: Origin, step: u64) {
        self.line.paint(Role::Warning, WARNING);
        self.line.pad_to(NUMBER_WIDTH.saturating_sub(1));
        self.line.push("-");
        self.stamp(origin, None);
        self.line.pad_to(OPCODE_COLUMN);
        self.line.begin(Role::Warning);
        self.line.push("CAP-07 packet ");
        self.line.value(origin.packet);
        self.line.push(" is ");
        self.line.with(|out| duration(out, step));
        self.line.push(" earlier than the packet before it");
        self.line.end();
        self.write();
    }

    /// A line that only says something.
    pub(super) fn remark(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        (role, text): (Role, &str),
    ) {
        let mark = if role == Role::Error {
            ERROR
        } else if role == Role::Warning {
            WARNING
        } else {
            " "
        };
        self.aside(origin, connection, direction, mark);
        self.line.paint(role, text);
        self.write();
    }

    /// Begins a line with a running number.
    pub(super) fn numbered(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        mark: &str,
    ) {
        self.introduce(origin, connection);
        self.number_line(origin, connection.id, direction, mark);
    }

    /// Begins a line with a running number, on a connection that was introduced.
    pub(super) fn number_line(
        &mut self,
        origin: Origin,
        id: ConnectionId,
        direction: Option<Direction>,
        mark: &str,
    ) {
        let mark = self.marked(mark);
        self.mark(mark);
        self.line.begin(Role::Dim);
        self.line.number_right(self.rows, NUMBER_WIDTH.saturating_sub(1));
        self.line.end();
        self.stamp(origin, Some(id));
        self.line.push("  ");
        self.line.arrow(direction);
        self.line.push("  ");
    }

    /// Begins a line without a number.
    pub(super) fn aside(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        mark: &str,
    ) {
        self.introduce(origin, connection);
        let mark = self.marked(mark);
        self.beside(origin, connection.id, direction, mark);
    }

    /// Begins a line without a number, on a connection that was introduced.
    pub(super) fn beside(
        &mut self,
        origin: Origin,
        id: ConnectionId,
        direction: Option<Direction>,
        mark: &str,
    ) {
        self.mark(mark);
        self.line.spaces(NUMBER_WIDTH.saturating_sub(2));
        self.line.push("-");
        self.stamp(origin, Some(id));
        self.line.push("  ");
        self.line.arrow(direction);
        self.line.push("  ");
    }

    /// Before the first line of a connection, a line with its addresses.
    pub(super) fn introduce(&mut self, origin: Origin, connection: &Connection) {
        if self.latest != Some(connection.id) {
            let peers = Peers { client: connection.client, server: connection.server };
            self.introduce_peers(origin, connection.first.time, connection.id, peers);
        }
    }

    /// The same for a connection about which nothing more is known.
    pub(super) fn introduce_peers(
        &mut self,
        origin: Origin,
        opened: Timestamp,
        id: ConnectionId,
        peers: Peers,
    ) {
        self.latest = Some(id);
        if !self.introduced.insert(id) {
            return;
        }
        self.line.spaces(NUMBER_WIDTH.saturating_sub(1));
        self.line.push("-");
        // Its first packet may be older than lines already written: its protocol was not yet known.
        self.stamp(Origin { time: opened.min(origin.time), ..origin }, Some(id));
        self.line.pad_to(OPCODE_COLUMN);
        self.line.begin(role(Direction::ClientToServer));
        self.line.value(peers.client);
        self.line.end();
        self.line.push(" → ");
        self.line.begin(role(Direction::ServerToClient));
        self.line.value(peers.server);
        self.line.end();
        self.write_line();
    }

    /// Writes the margin.
    pub(super) fn mark(&mut self, mark: &str) {
        let role = if mark == ERROR { Role::Error } else { Role::Warning };
        match mark {
            " " => self.line.push(mark),
            _ => self.line.paint(role, mark),
        }
    }

    /// Time and connection.
    pub(super) fn stamp(&mut self, origin: Origin, connection: Option<ConnectionId>) {
        self.line.begin(Role::Dim);
        self.line.relative_time_right((self.start, origin.time), TIME_WIDTH);
        self.line.push("  ");
        self.line.end();
        let from = self.line.column();
        if let Some(id) = connection {
            self.line.push("#");
            self.line.value(id.0);
        }
        self.line.pad_to(from.saturating_add(CONNECTION_WIDTH));
    }

    pub(super) fn foreign(&mut self, bytes: &[u8]) {
        let room = self.room();
        self.line.foreign(bytes, room);
    }

    /// Columns a line may have.
    pub(super) fn columns(&self) -> usize {
        self.options.columns.unwrap_or(WIDTH_WITHOUT_TERMINAL)
    }

    /// Columns that are left of the line, and a few in any case.
    pub(super) fn room(&self) -> usize {
        let used = self.line.column().saturating_add(self.reserved);
        self.columns().saturating_sub(used).max(LEAST_ROOM)
    }
}

/// Marks a line with something to be aware of.
pub(super) const WARNING: &str = "▲";

/// Marks a line with something wrong.
pub(super) const ERROR: &str = "✖";

/// Columns of the mark and the running number.
pub(super) const NUMBER_WIDTH: usize = 6;

/// Columns of the time, the blanks before it included: up to 9999 s stay aligned.
const TIME_WIDTH: usize = 12;

/// Columns of the connection.
const CONNECTION_WIDTH: usize = 4;

/// The column where opcodes begin: after number, time, connection and arrow.
pub(super) const OPCODE_COLUMN: usize =
    NUMBER_WIDTH + TIME_WIDTH + 2 + CONNECTION_WIDTH + 2 + 1 + 2;

/// Follows what a client offered.
const OFFERED: &str = " offered";

/// Columns of a line if the output is not a terminal.
const WIDTH_WITHOUT_TERMINAL: usize = 200;

/// Columns that content from the network has in any case.
const LEAST_ROOM: usize = 12;

/// The status that accepts an upgrade (RFC 6455 §4.2.2).
const SWITCHING_PROTOCOLS: u16 = 101;
