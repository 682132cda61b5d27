//! Events become rows.

use crate::analysis::event::{
    Connection, ConnectionEvent, ConnectionId, Ending, Event, EventKind, Nature, StartedBy,
    TcpState,
};
use crate::analysis::{PayloadPacket, Sink};
use crate::stream::{Direction, Gap, Origin, PacketId, Span};
use crate::timeline::index::ResumeState;
use crate::timeline::packets::{PacketSender, Placed};
use crate::timeline::record::Timeline;
use crate::timeline::row::{Row, RowId, RowKind, RowScope};
use crate::websocket::{Compression, Frame, HistoryStart, Message, Opcode};

impl Sink for Timeline {
    fn event(&mut self, event: &Event<'_>) {
        let EventKind::Connection(connection, ref what) = event.kind else { return };
        if let Some(at) = self.place_of(connection, what) {
            self.observe(at, connection, event.origin, what);
        } else if let ConnectionEvent::Ended(_) = what {
            // It was never one to be shown.
            self.drafts.remove(&connection.id);
        } else if let ConnectionEvent::Gap(direction, gap) = what {
            self.drafts.entry(connection.id).or_default().hole(*direction, *gap);
        }
    }

    fn payload_packet(&mut self, packet: PayloadPacket<'_>) {
        let Some(place) = self.now else { return };
        match packet {
            PayloadPacket::Fragment => {
                self.fragments.push(&Placed { place, sender: PacketSender::Lower });
            }
            PayloadPacket::Stream(connection, direction) => {
                let sender = PacketSender::of(connection.client, connection.server, direction);
                let placed = Placed { place, sender };
                if let Some(at) = self.position(connection.id) {
                    if let Some(index) = self.indexes.get_mut(at) {
                        index.packets.push(&placed);
                    }
                    return;
                }
                let draft = self.drafts.entry(connection.id).or_default();
                draft.packets.push(&placed);
                if draft.packets.count() >= 2 * DRAFT_PACKETS {
                    draft.packets.keep_last(DRAFT_PACKETS);
                }
            }
        }
    }
}

impl Timeline {
    /// Where a connection is among those shown, if it is to be shown.
    fn place_of(&mut self, connection: &Connection, what: &ConnectionEvent<'_>) -> Option<usize> {
        let at = match self.position(connection.id) {
            Some(at) => at,
            None if is_shown(connection, what) => self.show(connection),
            None => return None,
        };
        self.turn(at, connection);
        Some(at)
    }

    fn observe(
        &mut self,
        at: usize,
        connection: &Connection,
        now: Origin,
        what: &ConnectionEvent<'_>,
    ) {
        // Most events are of these two, and few of them become rows.
        if let ConnectionEvent::FrameStarted(direction, frame) = *what {
            return self.frame_started(at, connection, direction, frame);
        }
        if let ConnectionEvent::FrameEnded(direction, frame) = *what {
            return self.frame_ended(at, connection, now, direction, frame);
        }
        if let (Some(row), Some(index)) = (self.connections.get_mut(at), self.indexes.get_mut(at)) {
            row.update(connection);
            index.update(connection);
        }
        let draft = Row { connection: connection.id, ..blank(now) };
        match *what {
            ConnectionEvent::Message(direction, message) => {
                self.message(at, draft, direction, message);
            }
            ConnectionEvent::UpgradeRequested(handshake) => self.request(at, draft, handshake),
            ConnectionEvent::HandshakeEnded(handshake) => self.response(at, draft, handshake),
            ConnectionEvent::TunnelOpened(handshake)
            | ConnectionEvent::TunnelRefused(handshake) => self.tunnel(at, draft, handshake),
            ConnectionEvent::Recognized(how) => {
                self.add(at, Row { kind: RowKind::Recognized(how), ..draft }, None);
            }
            ConnectionEvent::Gap(direction, gap) => self.gap(at, draft, direction, gap),
            ConnectionEvent::SyncLost(direction, span) => {
                self.lose_sync(at, direction);
                self.add_span(at, Row { kind: RowKind::SyncLost, ..draft }, direction, span);
            }
            ConnectionEvent::SyncFound(direction, span) => {
                self.add_span(at, Row { kind: RowKind::SyncFound, ..draft }, direction, span);
            }
            ConnectionEvent::NotAFrame(direction, _, span) => {
                self.add_span(at, Row { kind: RowKind::NotAFrame, ..draft }, direction, span);
            }
            ConnectionEvent::HeaderUnfinished(direction, _, span) => {
                let row = Row { kind: RowKind::HeaderUnfinished, complete: false, ..draft };
                self.add_span(at, row, direction, span);
            }
            ConnectionEvent::Conflict(direction, span) => {
                self.add_span(at, Row { kind: RowKind::Conflict, ..draft }, direction, span);
            }
            ConnectionEvent::Limit(limit) => {
                self.add(at, Row { kind: RowKind::Limit(limit), ..draft }, None);
            }
            ConnectionEvent::StateChanged => self.change_state(at, draft, connection.state),
            ConnectionEvent::Ended(ending) => self.end(at, draft, ending),
            ConnectionEvent::Tls(..) => {
                let row = self.connections.get_mut(at);
                if let Some((row, facts)) = row.zip(connection.tls.as_deref()) {
                    row.learn_tls(facts);
                }
            }
            ConnectionEvent::Opened
            | ConnectionEvent::FrameStarted(..)
            | ConnectionEvent::FrameEnded(..)
            | ConnectionEvent::InvalidUtf8 { .. } => {}
        }
    }

    /// Appends a row; `end` is where it ends in its stream, if it lies in one.
    pub(super) fn add(&mut self, at: usize, row: Row, end: Option<u64>) -> Option<RowId> {
        let Some(id) = self.rows.push(&row) else {
            self.counts.rows_let_go = self.counts.rows_let_go.saturating_add(1);
            return None;
        };
        let index = self.indexes.get_mut(at)?;
        index.rows.push(id);
        index.milestones.add(id, row.kind);
        if let (Some(direction), Some(end)) = (row.direction, end) {
            let progress = index.directions.get_mut(direction);
            progress.reached = progress.reached.max(end);
        }
        if let Some(connection) = self.connections.get_mut(at) {
            connection.first_row = connection.first_row.or(Some(id));
            connection.last_row = Some(id);
        }
        self.attach_pending(at, id, &row, end.unwrap_or(0));
        Some(id)
    }

    /// Appends a row about a stretch of a stream.
    pub(super) fn add_span(
        &mut self,
        at: usize,
        row: Row,
        direction: Direction,
        span: Span,
    ) -> Option<RowId> {
        let row = Row {
            direction: Some(direction),
            first: span.first.packet,
            last: span.last.packet,
            offset: span.start,
            length: span.length(),
            ..row
        };
        self.add(at, row, Some(span.end))
    }

    fn frame_started(
        &mut self,
        at: usize,
        connection: &Connection,
        direction: Direction,
        frame: &Frame,
    ) {
        let Some(index) = self.indexes.get_mut(at) else { return };
        let progress = index.directions.get_mut(direction);
        if let Some(Opcode::Text | Opcode::Binary) = Opcode::from_wire(frame.header.opcode) {
            progress.message = Some(frame.span.start);
        }
        let compression = *connection.compression.get(direction);
        if compression == Compression::None {
            return;
        }
        let resume_states = index.resume_states.get_mut(direction);
        if !progress.is_resumable {
            progress.is_resumable = true;
            progress.output = 0;
            let seen = compression != Compression::Unknown && !progress.was_lost;
            resume_states.push(ResumeState {
                offset: frame.span.start,
                first: frame.span.first.packet,
                output: Box::default(),
                start: if seen { HistoryStart::Seen } else { HistoryStart::Missed },
                earlier: 0,
            });
        }
        if let Some(state) = resume_states.last_mut() {
            state.first = state.first.min(frame.span.first.packet);
        }
    }

    fn frame_ended(
        &mut self,
        at: usize,
        connection: &Connection,
        now: Origin,
        direction: Direction,
        frame: &Frame,
    ) {
        let header = &frame.header;
        if let Some(index) = self.indexes.get_mut(at)
            && let Some(state) = index.resume_states.get_mut(direction).last_mut()
        {
            state.first = state.first.min(frame.span.first.packet);
        }
        let is_message = match Opcode::from_wire(header.opcode) {
            Some(Opcode::Close | Opcode::Ping | Opcode::Pong) => true,
            Some(Opcode::Text | Opcode::Binary) => header.fin,
            Some(Opcode::Continuation) | None => false,
        };
        if is_message {
            return;
        }
        let row = Row {
            kind: RowKind::Frame { fin: header.fin, rsv: header.rsv, opcode: header.opcode },
            connection: connection.id,
            wire_length: frame.received,
            frames: 1,
            complete: frame.is_complete(),
            scope: RowScope::Frames,
            ..blank(now)
        };
        let row = spanning(row, direction, frame.span, header.payload_length);
        self.add(at, row, Some(frame.span.end));
    }

    fn message(&mut self, at: usize, draft: Row, direction: Direction, message: &Message<'_>) {
        let row = Row {
            kind: RowKind::Message(message.opcode),
            wire_length: message.wire_length,
            frames: message.frames,
            close_code: message.close.and_then(|close| close.code),
            compressed: message.compressed,
            complete: message.complete,
            scope: RowScope::Both,
            ..draft
        };
        let mut row = spanning(row, direction, message.span, message.length);
        let is_data = matches!(message.opcode, Opcode::Text | Opcode::Binary);
        if let Some(index) = self.indexes.get_mut(at) {
            let progress = index.directions.get_mut(direction);
            let has_frame_rows = progress.reached > message.span.start && message.frames > 0;
            if is_data && (message.frames > 1 || has_frame_rows) {
                row.scope = RowScope::Messages;
            }
        }
        let id = self.add(at, row, Some(message.span.end));
        self.count_message(at, direction, row.time);
        if let Some(connection) = self.connections.get_mut(at) {
            connection.saved.get_mut(direction).add(&row);
        }
        if let Some(index) = self.indexes.get_mut(at) {
            let progress = index.directions.get_mut(direction);
            if is_data && progress.message == Some(message.span.start) {
                progress.message = None;
            }
        }
        if let Some(id) = id {
            self.pair(at, &Row { id, ..row }, direction, message);
        }
        self.enter(at, direction, message);
    }

    /// Makes a resume point behind a message, where the last one lies far back.
    fn enter(&mut self, at: usize, direction: Direction, message: &Message<'_>) {
        let Some(index) = self.indexes.get_mut(at) else { return };
        let progress = index.directions.get_mut(direction);
        if message.compressed {
            progress.output = progress.output.saturating_add(message.length);
        }
        let resume_states = index.resume_states.get_mut(direction);
        let Some(last) = resume_states.last() else { return };
        let distance = message.span.end.saturating_sub(last.offset);
        let is_far = distance >= RESUME_STREAM || progress.output >= RESUME_OUTPUT;
        if let Some(history) = message.history.filter(|_| is_far && message.complete) {
            progress.output = 0;
            resume_states.push(ResumeState {
                offset: message.span.end,
                first: PacketId(u64::MAX),
                output: history.output.into(),
                start: history.start,
                earlier: history.earlier,
            });
        }
    }

    fn lose_sync(&mut self, at: usize, direction: Direction) {
        if let Some(index) = self.indexes.get_mut(at) {
            let progress = index.directions.get_mut(direction);
            progress.is_resumable = false;
            progress.was_lost = true;
        }
    }

    fn gap(&mut self, at: usize, draft: Row, direction: Direction, gap: Gap) {
        if let Some(index) = self.indexes.get_mut(at) {
            index.hole(direction, gap);
        }
        let row = Row {
            kind: RowKind::Gap,
            direction: Some(direction),
            offset: gap.offset,
            length: gap.length,
            complete: false,
            ..draft
        };
        self.add(at, row, None);
    }

    fn change_state(&mut self, at: usize, draft: Row, state: TcpState) {
        let Some(index) = self.indexes.get_mut(at) else { return };
        let end = &mut index.live().end;
        let (kind, by, told) = match state {
            TcpState::SynSent | TcpState::Established => return,
            TcpState::HalfClosed(by) => (RowKind::Fin, by, end.fin.get_mut(by)),
            TcpState::Closed(first) => {
                let by = first.reverse();
                (RowKind::Fin, by, end.fin.get_mut(by))
            }
            TcpState::Reset(by) => (RowKind::Reset, by, &mut end.reset),
            TcpState::Refused => (RowKind::Reset, Direction::ServerToClient, &mut end.reset),
        };
        if !std::mem::replace(told, true) {
            self.add(at, Row { kind, direction: Some(by), ..draft }, None);
        }
    }

    fn end(&mut self, at: usize, draft: Row, ending: Ending) {
        self.add(at, Row { kind: RowKind::Ended(ending.outcome), ..draft }, None);
        if let Some(connection) = self.connections.get_mut(at) {
            connection.outcome = Some(ending.outcome);
        }
        if let Some(index) = self.indexes.get_mut(at) {
            index.end();
        }
    }

    /// Exchanges client and server of what was recorded, where the analyzer did so.
    fn turn(&mut self, at: usize, connection: &Connection) {
        let (Some(row), Some(index)) = (self.connections.get_mut(at), self.indexes.get_mut(at))
        else {
            return;
        };
        if row.client == connection.client || row.client == row.server {
            return;
        }
        row.update(connection);
        row.swap_directions();
        index.swap_directions();
        for id in &index.rows {
            if let Some(packed) = self.rows.packed_mut(*id) {
                packed.swap_direction();
            }
        }
    }
}

/// Whether a connection is one that people look for, as far as known by this event.
fn is_shown(connection: &Connection, what: &ConnectionEvent<'_>) -> bool {
    if let ConnectionEvent::Ended(ending) = what {
        return ending.relevant;
    }
    if let ConnectionEvent::TunnelOpened(_) | ConnectionEvent::TunnelRefused(_) = what {
        return true;
    }
    match connection.nature {
        Nature::UpgradeRequested | Nature::WebSocket | Nature::Unreadable => true,
        Nature::Unknown => {
            let is_over = matches!(connection.state, TcpState::Refused | TcpState::Reset(_));
            connection.started_by == StartedBy::Syn && is_over
        }
        Nature::Http | Nature::Other => false,
    }
}

/// A row about nothing yet.
fn blank(now: Origin) -> Row {
    Row {
        id: RowId(0),
        kind: RowKind::Gap,
        connection: ConnectionId::default(),
        direction: None,
        time: now.time,
        first: now.packet,
        last: now.packet,
        offset: 0,
        length: 0,
        wire_length: 0,
        frames: 0,
        close_code: None,
        compressed: false,
        complete: true,
        worst: None,
        partner: None,
        scope: RowScope::Both,
    }
}

fn spanning(row: Row, direction: Direction, span: Span, length: u64) -> Row {
    Row {
        direction: Some(direction),
        first: span.first.packet,
        last: span.last.packet,
        offset: span.start,
        length,
        ..row
    }
}

/// Packets of a connection that are kept at least while it is not clear whether it is of interest: an upgrade
/// request is not longer than they are.
const DRAFT_PACKETS: u64 = 256;

/// How far apart resume points are at most, but for a message that is longer: stream bytes ...
const RESUME_STREAM: u64 = 8 << 20;

/// ... and inflated bytes. a resume point of 32 KiB costs 0.2 % of these.
const RESUME_OUTPUT: u64 = 16 << 20;
