//! Entries become rows.

use crate::analysis::PayloadPacket;
use crate::analysis::event::{Connection, Ending, Nature, StartedBy, TcpState};
use crate::findings::Revision;
use crate::http::Handshake;
use crate::journal::{Entry, EntryId, EntryKind, Found, Journal};
use crate::stream::{Direction, Gap, PacketId, Span};
use crate::timeline::found::UnplacedFinding;
use crate::timeline::index::ResumeState;
use crate::timeline::packets::{PacketSender, Placed};
use crate::timeline::record::Timeline;
use crate::timeline::row::{Row, RowId, RowKind, RowScope};
use crate::timeline::tls::TlsStep;
use crate::websocket::{Compression, Frame, HistoryStart, Message, Opcode};

impl Journal for Timeline {
    fn entry(&mut self, entry: &Entry<'_>) {
        if let EntryKind::Frame(frame) = entry.kind
            && !self.takes_frame(frame)
        {
            // Another journal beside this one wants it. Its message comes next.
            return;
        }
        let Some(connection) = entry.connection else {
            return self.find_afterwards(entry.findings);
        };
        if let Some(at) = self.place_of(connection, Some(entry)) {
            let row = self.record(at, connection, entry);
            self.attach_findings(at, row, entry);
        } else {
            self.draft(connection, entry);
        }
    }

    /// Frames that are not a message by themselves have rows.
    fn takes_frame(&self, frame: &Frame) -> bool {
        match Opcode::from_wire(frame.header.opcode) {
            Some(Opcode::Close | Opcode::Ping | Opcode::Pong) => false,
            Some(Opcode::Text | Opcode::Binary) => !frame.header.fin,
            Some(Opcode::Continuation) | None => true,
        }
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        if let Some(at) = self.place_of(connection, None) {
            if let Some(story) = self.indexes.get_mut(at).and_then(|index| index.story.as_mut()) {
                story.frame_started(frame);
            }
            self.make_resumable(at, connection, direction, frame);
        }
    }

    fn finding(&mut self, found: &Found) {
        self.keep_finding(&found.finding);
    }

    fn revised(&mut self, revision: Revision) {
        self.revise_finding(revision);
    }

    fn payload_packet(&mut self, packet: PayloadPacket<'_>) {
        let Some(place) = self.now else { return };
        match packet {
            PayloadPacket::Boundary(connection, direction, point) => {
                let index = match self.position(connection.id) {
                    Some(at) => self.indexes.get_mut(at),
                    None => Some(self.drafts.entry(connection.id).or_default()),
                };
                if let Some(index) = index {
                    index.carrier_point(direction, point);
                }
            }
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
    fn place_of(&mut self, connection: &Connection, entry: Option<&Entry<'_>>) -> Option<usize> {
        let at = match self.position(connection.id) {
            Some(at) => at,
            None if is_shown(connection, entry) => self.show(connection),
            None => return None,
        };
        self.turn(at, connection);
        Some(at)
    }

    /// Keeps what may be needed of a connection that is not shown so far.
    fn draft(&mut self, connection: &Connection, entry: &Entry<'_>) {
        if let EntryKind::Ended { .. } = entry.kind {
            // It was never one to be shown.
            self.drafts.remove(&connection.id);
            return;
        }
        if !matches!(entry.kind, EntryKind::Opened) {
            let draft = self.drafts.entry(connection.id).or_default();
            draft.story.get_or_insert_default().draft(entry);
        }
        if let (EntryKind::Gap(gap), Some(direction)) = (entry.kind, entry.direction) {
            self.drafts.entry(connection.id).or_default().hole(direction, gap);
        }
        if !entry.findings.is_empty() {
            let live = self.drafts.entry(connection.id).or_default().live();
            live.unplaced.extend(entry.findings.iter().map(UnplacedFinding::from));
        }
    }

    /// Records an entry; gives its row, if it has one.
    fn record(&mut self, at: usize, connection: &Connection, entry: &Entry<'_>) -> Option<RowId> {
        if let (Some(row), Some(index)) = (self.connections.get_mut(at), self.indexes.get_mut(at)) {
            row.update(connection);
            index.update(connection);
            index.story.get_or_insert_default().observe(connection, entry);
        }
        let row = draft_row(connection, entry);
        let of = |kind| Row { kind, ..row };
        let kind = match entry.kind {
            EntryKind::Message(message) => return self.message(at, row, entry, message),
            EntryKind::Frame(frame) => return self.frame(at, row, entry, frame),
            EntryKind::Gap(gap) => return self.gap(at, row, entry, gap),
            EntryKind::Request(handshake) => {
                self.learn(at, handshake);
                let id = self.add(at, of(RowKind::Request), entry);
                self.await_partner(at, entry.id, id);
                return id;
            }
            EntryKind::Response(handshake) => {
                self.learn(at, handshake);
                RowKind::Response(handshake.status().unwrap_or(0))
            }
            EntryKind::NoResponse(_) => RowKind::NoResponse,
            EntryKind::Tunnel(_, handshake) => {
                self.learn(at, handshake);
                RowKind::Tunnel(handshake.status())
            }
            EntryKind::ProxyHeader(_) => RowKind::ProxyHeader,
            EntryKind::Socks(socks) => RowKind::Socks(socks.outcome),
            EntryKind::StrayBytes(stray) => RowKind::StrayBytes(stray.place),
            EntryKind::Tls(seen) => {
                let step = TlsStep::of(seen)?;
                if let Some((row, facts)) =
                    self.connections.get_mut(at).zip(connection.tls.as_deref())
                {
                    row.learn_tls(facts);
                }
                let id = self.add(at, of(RowKind::Tls(step)), entry)?;
                self.tls.push(id, seen, connection);
                return Some(id);
            }
            EntryKind::Recognized(how) => RowKind::Recognized(how),
            EntryKind::SyncLost => {
                self.lose_sync(at, entry.direction?);
                RowKind::SyncLost
            }
            EntryKind::SyncFound => RowKind::SyncFound,
            EntryKind::NotAFrame(_) => RowKind::NotAFrame,
            EntryKind::HeaderUnfinished(_) => {
                return self.add(
                    at,
                    Row { complete: false, ..of(RowKind::HeaderUnfinished) },
                    entry,
                );
            }
            EntryKind::Conflict => RowKind::Conflict,
            EntryKind::Limit(limit) => RowKind::Limit(limit),
            EntryKind::Fin => RowKind::Fin,
            EntryKind::Reset => RowKind::Reset,
            EntryKind::Ended { ending, .. } => return self.end(at, row, entry, ending),
            _ => return None,
        };
        self.add(at, of(kind), entry)
    }

    /// Appends the row of an entry.
    fn add(&mut self, at: usize, row: Row, entry: &Entry<'_>) -> Option<RowId> {
        let Some(id) = self.rows.push(&row) else {
            self.counts.rows_dropped = self.counts.rows_dropped.saturating_add(1);
            return None;
        };
        let index = self.indexes.get_mut(at)?;
        index.rows.push(id);
        if let (Some(direction), Some(span)) = (entry.direction, entry.span)
            && row.kind != RowKind::Gap
        {
            let progress = index.directions.get_mut(direction);
            progress.reached = progress.reached.max(span.end);
        }
        if let Some(connection) = self.connections.get_mut(at) {
            connection.first_row = connection.first_row.or(Some(id));
            connection.last_row = Some(id);
        }
        self.set_partner(at, id, entry);
        Some(id)
    }

    /// Makes a row and its partner known to each other.
    fn set_partner(&mut self, at: usize, id: RowId, entry: &Entry<'_>) {
        let Some(partner) = entry.partner else { return };
        let Some(index) = self.indexes.get_mut(at) else { return };
        let Some(other) = index.live().take_partner(partner.id) else { return };
        for (row, partner) in [(id, other), (other, id)] {
            if let Some(packed) = self.rows.packed_mut(row) {
                packed.set_partner(partner);
            }
        }
        let (Some(row), Some(other)) = (self.rows.get(id), self.rows.get(other)) else { return };
        let (ping, pong) = match (row.opcode(), other.opcode()) {
            (Some(Opcode::Ping), Some(Opcode::Pong)) => (row, other),
            (Some(Opcode::Pong), Some(Opcode::Ping)) => (other, row),
            _ => return,
        };
        if let (Some(connection), Some(pinged_by)) = (self.connections.get_mut(at), ping.direction)
        {
            let Some(time) = pong.time.measured_since(ping.time) else { return };
            connection.round_trips.get_mut(pinged_by).add(time);
            connection.courses.get_mut(pinged_by).add(time);
        }
    }

    /// Remembers a row that another one may name as its partner.
    fn await_partner(&mut self, at: usize, entry: EntryId, row: Option<RowId>) {
        if let (Some(index), Some(row)) = (self.indexes.get_mut(at), row) {
            index.live().await_partner(entry, row);
        }
    }

    fn learn(&mut self, at: usize, handshake: &Handshake) {
        if let Some(connection) = self.connections.get_mut(at) {
            connection.learn(handshake);
        }
    }

    /// Makes a resume point of the first frame of a compressed stream.
    fn make_resumable(
        &mut self,
        at: usize,
        connection: &Connection,
        direction: Direction,
        frame: &Frame,
    ) {
        let Some(index) = self.indexes.get_mut(at) else { return };
        let progress = index.directions.get_mut(direction);
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

    /// Notes that packets as early as those of a span have bytes after the last resume point.
    fn reach_back(&mut self, at: usize, direction: Direction, span: Span) {
        if let Some(index) = self.indexes.get_mut(at)
            && let Some(state) = index.resume_states.get_mut(direction).last_mut()
        {
            state.first = state.first.min(span.first.packet);
        }
    }

    /// A frame that is not a message by itself.
    fn frame(&mut self, at: usize, row: Row, entry: &Entry<'_>, frame: &Frame) -> Option<RowId> {
        let direction = entry.direction?;
        self.reach_back(at, direction, frame.span);
        let header = &frame.header;
        let row = Row {
            kind: RowKind::Frame { fin: header.fin, rsv: header.rsv, opcode: header.opcode },
            length: header.payload_length,
            wire_length: frame.received,
            frames: 1,
            complete: frame.is_complete(),
            scope: RowScope::Frames,
            ..row
        };
        self.add(at, row, entry)
    }

    fn message(
        &mut self,
        at: usize,
        row: Row,
        entry: &Entry<'_>,
        message: &Message<'_>,
    ) -> Option<RowId> {
        let direction = entry.direction?;
        self.reach_back(at, direction, message.span);
        let is_data = matches!(message.opcode, Opcode::Text | Opcode::Binary);
        let has_frame_rows = self.indexes.get(at).is_some_and(|index| {
            index.directions.get(direction).reached > message.span.start && message.frames > 0
        });
        let has_several = is_data && (message.frames > 1 || has_frame_rows);
        let row = Row {
            kind: RowKind::Message(message.opcode),
            length: message.length,
            wire_length: message.wire_length,
            frames: message.frames,
            close_code: message.close.and_then(|close| close.code),
            compressed: message.compressed,
            complete: message.complete,
            scope: if has_several { RowScope::Messages } else { RowScope::Both },
            ..row
        };
        let id = self.add(at, row, entry);
        self.count_message(at, (direction, message.opcode), row.time);
        if let Some(connection) = self.connections.get_mut(at) {
            connection.saved.get_mut(direction).add(&row);
        }
        if let Opcode::Ping | Opcode::Pong = message.opcode
            && entry.partner.is_none()
        {
            self.await_partner(at, entry.id, id);
        }
        self.enter(at, direction, message);
        id
    }

    /// Makes a resume point after a message if the last one is far back.
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

    fn gap(&mut self, at: usize, row: Row, entry: &Entry<'_>, gap: Gap) -> Option<RowId> {
        if let (Some(index), Some(direction)) = (self.indexes.get_mut(at), entry.direction) {
            index.hole(direction, gap);
        }
        // The packets of the span brought none of it.
        let (first, last) = (entry.origin.packet, entry.origin.packet);
        let row = Row { kind: RowKind::Gap, first, last, complete: false, ..row };
        self.add(at, row, entry)
    }

    fn end(&mut self, at: usize, row: Row, entry: &Entry<'_>, ending: Ending) -> Option<RowId> {
        let id = self.add(at, Row { kind: RowKind::Ended(ending.outcome), ..row }, entry);
        if let EntryKind::Ended { folded, .. } = entry.kind {
            self.count_folded(at, folded);
        }
        if let Some(connection) = self.connections.get_mut(at) {
            connection.outcome = Some(ending.outcome);
        }
        if at >= STORIES
            && let Some(index) = self.indexes.get_mut(at)
        {
            index.story = None;
        }
        id
    }

    /// Exchanges client and server in what was recorded if the analyzer did so.
    fn turn(&mut self, at: usize, connection: &Connection) {
        let (Some(row), Some(index)) = (self.connections.get_mut(at), self.indexes.get_mut(at))
        else {
            return;
        };
        if row.client == connection.client || row.client == row.server {
            return;
        }
        row.swap_directions();
        row.update(connection);
        index.swap_directions();
        for id in &index.rows {
            if let Some(packed) = self.rows.packed_mut(*id) {
                packed.swap_direction();
            }
        }
    }
}

/// Whether a connection is one that people look for, as far as known by this entry.
fn is_shown(connection: &Connection, entry: Option<&Entry<'_>>) -> bool {
    match entry.map(|entry| entry.kind) {
        Some(EntryKind::Ended { ending, .. }) => return ending.relevant,
        // What precedes a request: print has a line for it, whatever follows.
        Some(
            EntryKind::Tunnel(..)
            | EntryKind::ProxyHeader(_)
            | EntryKind::Socks(_)
            | EntryKind::StrayBytes(_),
        ) => return true,
        _ => {}
    }
    match connection.nature {
        Nature::UpgradeRequested | Nature::WebSocket | Nature::Unreadable | Nature::Http2 => true,
        Nature::Unknown => {
            let is_over = matches!(connection.state, TcpState::Refused | TcpState::Reset(_));
            connection.started_by == StartedBy::Syn && is_over
        }
        Nature::Http | Nature::Other => false,
    }
}

/// What every row takes from its entry.
fn draft_row(connection: &Connection, entry: &Entry<'_>) -> Row {
    let origin = entry.origin;
    let span = entry.span.unwrap_or_else(|| Span::at(0, origin));
    Row {
        id: RowId(0),
        kind: RowKind::Gap,
        connection: connection.id,
        direction: entry.direction,
        time: origin.time,
        first: span.first.packet,
        last: span.last.packet,
        offset: span.start,
        length: span.length(),
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

/// Packets of a connection that are kept at least while it is not clear whether it is of interest: an upgrade
/// request is not longer than they are.
const DRAFT_PACKETS: u64 = 256;

/// Connections whose stories are kept once they have ended.
const STORIES: usize = 1 << 15;

/// How far apart resume points are at most, but for a message that is longer: stream bytes ...
const RESUME_STREAM: u64 = 8 << 20;

/// ... and inflated bytes. A resume point of 32 KiB costs 0.2 % of these.
const RESUME_OUTPUT: u64 = 16 << 20;
