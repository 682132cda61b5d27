//! Whether rows match a filter expression: what it needs of a row is read again.

use crate::analysis::event::{Connection, ConnectionId};
use crate::findings::Finding;
use crate::http::Handshake;
use crate::stream::{Origin, Span};
use crate::timeline::filter::{EntryClass, Filter, FilterNeed, FilterSubject, Needs};
use crate::timeline::{ConnectionRow, OpenLimits, Opened, Opener, ResumePoints, Row, RowKind};
use crate::tui::world::World;
use crate::websocket::{
    DeflateEnding, Digest, Frame, FrameHeader, Inflation, Message, Opcode, Utf8, close_payload,
};

/// A filter, and what it remembers of connections.
#[derive(Debug)]
pub struct Chooser {
    filter: Filter,
    /// The handshake of the connection that was asked about last.
    handshake: Option<(ConnectionId, Option<Handshake>)>,
    /// Where rows were read last.
    pub(super) resume_points: ResumePoints,
}

impl Chooser {
    /// Makes one.
    pub fn new(filter: Filter) -> Self {
        Self { filter, handshake: None, resume_points: ResumePoints::new(STREAMS) }
    }

    /// The filter.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Whether rows must be read again for it, which takes its time.
    pub fn reads(&self) -> bool {
        let needs = self.filter.needs();
        needs.has(FilterNeed::Content) || needs.has(FilterNeed::Frames)
    }

    /// Whether a row matches; `None` where reading it is to go on later.
    pub fn matches(
        &mut self,
        row: &Row,
        world: World<'_>,
        opener: &mut Opener<'_>,
    ) -> Option<bool> {
        let Some(about) = world.timeline.connection(row.connection) else { return Some(false) };
        let needs = self.filter.needs();
        let opened = if carries_frames(row) && self.reads() {
            match opener.try_open(world.timeline, row.id) {
                Ok(Some(opened)) => Some(opened),
                Ok(None) => return None,
                Err(_) => None,
            }
        } else {
            None
        };
        if needs.has(FilterNeed::Handshake) {
            self.learn_handshake(about, world);
        }
        let findings: Vec<&Finding> = match row.worst.filter(|_| needs.has(FilterNeed::Findings)) {
            Some(_) => world.timeline.findings_of(row.id).map(|it| &it.finding).collect(),
            None => Vec::new(),
        };
        let origin = Origin { packet: row.last, time: row.time };
        let connection = connection(about);
        let message = message(row, opened.as_ref());
        let frame = frame(row, opened.as_ref(), needs);
        let handshake = self.handshake.as_ref().filter(|(id, _)| *id == row.connection);
        let subject = FilterSubject {
            connection: Some(&connection),
            direction: row.direction,
            message: message.as_ref(),
            frame: frame.as_ref(),
            handshake: handshake.and_then(|(_, it)| it.as_ref()),
            outcome: about.outcome,
            findings: &findings,
            ..FilterSubject::new(kind(row), origin, world.timeline.start())
        };
        Some(self.filter.matches(&subject))
    }

    fn learn_handshake(&mut self, about: &ConnectionRow, world: World<'_>) {
        if self.handshake.as_ref().is_some_and(|(id, _)| *id == about.id) {
            return;
        }
        let rows = world.timeline.rows_of(about.id).iter().take(FIRST_ROWS);
        let mut heads = rows.filter_map(|id| world.timeline.row(*id)).filter(|row| {
            matches!(row.kind, RowKind::Request | RowKind::Response(_) | RowKind::NoResponse)
        });
        // The response knows both heads.
        let handshake = heads.next_back().and_then(|row| {
            let limits = OpenLimits::default();
            let opened = Opener::new(world.store, limits).open(world.timeline, row.id);
            opened.ok()?.handshake
        });
        self.handshake = Some((about.id, handshake));
    }
}

fn carries_frames(row: &Row) -> bool {
    matches!(row.kind, RowKind::Message(_) | RowKind::Frame { .. })
}

/// What of a connection a filter may ask for.
fn connection(about: &ConnectionRow) -> Connection {
    let peers = [about.client, about.server];
    let mut connection = Connection::new(about.id, peers, about.started_by, about.first);
    connection.last = about.last;
    connection.transport = about.transport;
    connection.nature = about.nature;
    connection.state = about.state;
    connection.bytes = about.bytes;
    connection.frames = about.frames;
    connection.messages = about.messages;
    connection
}

/// The message of a row, as far as it was read again.
pub(super) fn message<'a>(row: &Row, opened: Option<&'a Opened>) -> Option<Message<'a>> {
    let RowKind::Message(opcode) = row.kind else { return None };
    let content = opened.map(|it| it.content.as_slice()).unwrap_or_default();
    let facts = opened.and_then(|it| it.message);
    let mut close = (opcode == Opcode::Close).then(|| close_payload(content));
    if let Some(close) = &mut close {
        close.code = row.close_code;
    }
    Some(Message {
        opcode,
        frames: row.frames,
        compressed: row.compressed,
        wire_length: row.wire_length,
        length: row.length,
        complete: row.complete,
        content,
        sha256: facts.and_then(|facts| facts.sha256),
        inflation: Inflation::None,
        reach: 0,
        window_bits: None,
        ending: DeflateEnding::default(),
        utf8: facts.map_or(Utf8::NotText, |facts| facts.utf8),
        close,
        history: None,
        span: span(row),
    })
}

fn frame(row: &Row, opened: Option<&Opened>, needs: Needs) -> Option<Frame> {
    let first = opened.and_then(|it| it.frames.first()).filter(|_| needs.has(FilterNeed::Frames));
    let header = if let Some(first) = first {
        first.header
    } else if let RowKind::Frame { fin, rsv, opcode } = row.kind {
        FrameHeader { fin, rsv, opcode, payload_length: row.length, ..FrameHeader::default() }
    } else {
        return None;
    };
    let received = if row.complete { header.payload_length } else { row.wire_length };
    Some(Frame { header, span: span(row), received, missing: 0, index: 0 })
}

fn span(row: &Row) -> Span {
    let at = |packet| Origin { packet, time: row.time };
    Span {
        start: row.offset,
        end: row.offset.saturating_add(row.wire_length),
        first: at(row.first),
        last: at(row.last),
    }
}

fn kind(row: &Row) -> EntryClass {
    match row.kind {
        RowKind::Message(_) => EntryClass::Message,
        RowKind::Frame { .. } => EntryClass::Frame,
        RowKind::Request | RowKind::Response(_) | RowKind::NoResponse | RowKind::Tunnel(_) => {
            EntryClass::Handshake
        }
        RowKind::Gap => EntryClass::Gap,
        RowKind::Ended(_) => EntryClass::End,
        RowKind::Tls(_)
        | RowKind::SyncLost
        | RowKind::SyncFound
        | RowKind::NotAFrame
        | RowKind::HeaderUnfinished
        | RowKind::Conflict
        | RowKind::Limit(_)
        | RowKind::Recognized(_)
        | RowKind::Fin
        | RowKind::Reset => EntryClass::Incident,
    }
}

/// What is read of a message to be matched: longer ones are matched by their beginning.
pub const LIMITS: OpenLimits = OpenLimits {
    content: 1 << 20,
    wire: 2 << 20,
    inflated_bytes: 64 << 20,
    digest: Digest::Unwanted,
};

/// Bytes that are decoded to find rows before keys are looked at: some milliseconds.
pub const WORK: u64 = 1 << 20;

/// Streams in which it is remembered how far they were read while all rows of a capture are: 64 MiB
/// where all of them are compressed.
pub const STREAMS: usize = 1 << 11;

/// Rows of a connection among which its handshake is looked for.
const FIRST_ROWS: usize = 16;
