//! Opens rows: finds where decoding can start, and decodes until the row is whole.

use crate::analysis::AnalyzerOptions;
use crate::analysis::event::Connection;
use crate::analysis::resume::{self, Reread, WantedPart};
use crate::capture::PacketStore;
use crate::http::{Handshake, Head};
use crate::stream::{Direction, Origin, PacketId, Span};
use crate::timeline::collect::{RawBytes, RowCollector, Wanted};
use crate::timeline::index::ConnectionIndex;
use crate::timeline::open::{OpenError, OpenLimits, Opened};
use crate::timeline::record::Timeline;
use crate::timeline::reread::{RowStream, StreamPart, StreamRange, StreamReader};
use crate::timeline::resume_points::{ResumePoint, ResumePoints};
use crate::timeline::row::{Row, RowId, RowKind};
use crate::websocket::{Compression, Digest, History, HistoryStart, Opcode};

/// Decodes a row again.
///
/// Reads the packets of its connection between its first and its last one; for a compressed message, from
/// the last resume point before it. A row that carries no bytes (a gap, an end) gives an empty answer.
///
/// # Errors
///
/// - [`OpenError::NoRow`] for a number that no row has.
/// - [`OpenError::Capture`] when packets cannot be read again.
/// - [`OpenError::Changed`] when they are not the same any more.
pub fn open(
    timeline: &Timeline,
    row: RowId,
    store: &dyn PacketStore,
    limits: OpenLimits,
) -> Result<Opened, OpenError> {
    Opener::new(store, limits).open(timeline, row)
}

/// Opens one row after the other.
///
/// Remembers where it stopped in some streams ([`ResumePoints`]), so that rows opened in their order, as a screen
/// shows them, are decoded once each.
pub struct Opener<'s> {
    store: &'s dyn PacketStore,
    limits: OpenLimits,
    resume_points: ResumePoints,
    /// Bytes that may still be decoded.
    work: u64,
}

/// Where decoding starts.
struct Beginning<'a> {
    range: StreamRange,
    history: History<'a>,
}

impl<'s> Opener<'s> {
    /// Makes one that reads packets from `store`.
    pub fn new(store: &'s dyn PacketStore, limits: OpenLimits) -> Self {
        Self::resume(store, limits, ResumePoints::default(), u64::MAX)
    }

    /// Makes one that goes on where another one stopped, and is tired after decoding some bytes: those
    /// of streams and those inflated from them count.
    pub fn resume(
        store: &'s dyn PacketStore,
        limits: OpenLimits,
        resume_points: ResumePoints,
        work: u64,
    ) -> Self {
        Self { store, limits, resume_points, work }
    }

    /// Where it stopped.
    pub fn into_resume_points(self) -> ResumePoints {
        self.resume_points
    }

    /// Decodes a row again, however much work that is.
    ///
    /// # Errors
    ///
    /// As [`open`](super::open()).
    pub fn open(&mut self, timeline: &Timeline, id: RowId) -> Result<Opened, OpenError> {
        loop {
            if let Some(opened) = self.try_open(timeline, id)? {
                return Ok(opened);
            }
        }
    }

    /// Decodes a row again; `None` if the earlier messages that it refers to are more work than is left.
    /// The caller then asks again; at least one of those messages has been done. The row itself is
    /// never interrupted: the limits bound its work.
    ///
    /// # Errors
    ///
    /// As [`open`](super::open()).
    pub fn try_open(
        &mut self,
        timeline: &Timeline,
        id: RowId,
    ) -> Result<Option<Opened>, OpenError> {
        let row = timeline.row(id).ok_or(OpenError::NoRow(id))?;
        match row.kind {
            RowKind::Message(_) => return self.message(timeline, &row),
            RowKind::Frame { .. } => self.frame(timeline, &row),
            RowKind::Request | RowKind::Response(_) | RowKind::NoResponse | RowKind::Tunnel(_) => {
                self.handshake(timeline, &row)
            }
            RowKind::Tls(_)
            | RowKind::ProxyHeader
            | RowKind::Socks(_)
            | RowKind::StrayBytes(_)
            | RowKind::SyncLost
            | RowKind::SyncFound
            | RowKind::NotAFrame
            | RowKind::HeaderUnfinished
            | RowKind::Conflict => self.bytes(timeline, &row),
            RowKind::Gap
            | RowKind::Limit(_)
            | RowKind::Recognized(_)
            | RowKind::Fin
            | RowKind::Reset
            | RowKind::Ended(_) => Ok(Opened::default()),
        }
        .map(Some)
    }

    /// Whether it has decoded as much as it may.
    pub fn is_out_of_budget(&self) -> bool {
        self.work == 0
    }

    fn reader<'t>(&self, timeline: &'t Timeline, row: &Row) -> Option<StreamReader<'t>>
    where
        's: 't,
    {
        Some(StreamReader {
            connection: timeline.connection(row.connection)?,
            index: timeline.index(row.connection)?,
            fragments: &timeline.fragments,
            direction: row.direction?,
            stream: stream_of(row.kind),
            store: self.store,
        })
    }

    fn message(&mut self, timeline: &Timeline, row: &Row) -> Result<Option<Opened>, OpenError> {
        let (Some(reader), Some(direction)) = (self.reader(timeline, row), row.direction) else {
            return Ok(Some(Opened::default()));
        };
        let compression = *reader.connection.compression.get(direction);
        let beginning = self.beginning(timeline, &reader, row, compression);
        let how = Reread::Frames(compression, beginning.history);
        let limits = self.limits_of(&reader, &beginning.range);
        let collector = RowCollector::new(row.offset, wanted_of(row), limits, self.work);
        let mut collector = self.decode(&reader, row, beginning.range, how, collector)?;
        self.work = collector.work();
        let connection = row.connection;
        if let Some(state) = collector.take_pause() {
            let before = row_before(timeline, reader.index, row, state.offset);
            self.resume_points.remember(ResumePoint { connection, direction, row: before, state });
            return Ok(None);
        }
        if let Some(state) = collector.resume_state().filter(|_| row.compressed) {
            self.resume_points.remember(ResumePoint { connection, direction, row: row.id, state });
        }
        Ok(Some(collector.finish()))
    }

    fn frame(&mut self, timeline: &Timeline, row: &Row) -> Result<Opened, OpenError> {
        let Some(reader) = self.reader(timeline, row) else { return Ok(Opened::default()) };
        // Of one frame, nothing is inflated.
        let how = Reread::Frames(Compression::None, NOTHING);
        let limits = self.limits_of(&reader, &of_row(row));
        let collector = RowCollector::new(row.offset, wanted_of(row), limits, self.work);
        let collector = self.decode(&reader, row, of_row(row), how, collector)?;
        self.work = collector.work();
        Ok(collector.finish())
    }

    /// What is wanted of a row: no records if nothing transforms the bytes of its stream.
    fn limits_of(&self, reader: &StreamReader<'_>, range: &StreamRange) -> OpenLimits {
        let is_transformed = reader.carrier_point(range.offset).is_some();
        OpenLimits { carried: if is_transformed { self.limits.carried } else { 0 }, ..self.limits }
    }

    /// Decodes until the collector has what it wants.
    fn decode(
        &self,
        reader: &StreamReader<'_>,
        row: &Row,
        range: StreamRange,
        how: Reread<'_>,
        mut collector: RowCollector,
    ) -> Result<RowCollector, OpenError> {
        let mut stack = self.stack(reader, row, &range, how);
        reader.read(reader.carried(range), &mut |part| {
            match part {
                StreamPart::Bytes(chunk) => {
                    collector.carrying(chunk);
                    stack.push(chunk, &mut collector);
                }
                StreamPart::Missing(gap) => stack.gap(gap, &mut collector),
            }
            collector.progress()
        })?;
        if !collector.is_done() && !collector.is_paused() {
            stack.finish(&mut collector);
        }
        Ok(collector)
    }

    /// The stack that reads a range of a row's stream as the analyzer did.
    fn stack(
        &self,
        reader: &StreamReader<'_>,
        row: &Row,
        range: &StreamRange,
        how: Reread<'_>,
    ) -> resume::ResumedStack {
        let about = reader.connection;
        let peers = [about.client, about.server];
        let connection = Connection::new(about.id, peers, about.started_by, about.first);
        let part = WantedPart {
            direction: reader.direction,
            begin: range.offset,
            start: row.offset,
            keep: self.limits.content,
        };
        let mut options = AnalyzerOptions::default();
        options.limits.inflated_bytes = self.limits.inflated_bytes;
        options.digest = self.limits.digest == Digest::Wanted;
        resume::ResumedStack::new(
            connection,
            reader.carrier_point(range.offset),
            how,
            part,
            options,
        )
    }

    /// Where to start, so that a message comes out as it did.
    fn beginning<'a>(
        &'a self,
        timeline: &Timeline,
        reader: &StreamReader<'a>,
        row: &Row,
        compression: Compression,
    ) -> Beginning<'a> {
        let alone = Beginning { range: of_row(row), history: NOTHING };
        let takeover = match compression {
            Compression::None => false,
            Compression::Deflate(params) => !params.no_context_takeover,
            Compression::Unknown => true,
        };
        if !row.compressed || (!takeover && row.complete) {
            return alone;
        }
        let index: &'a ConnectionIndex = reader.index;
        let resume_states = index.resume_states.get(reader.direction);
        let after = resume_states.partition_point(|state| state.offset <= row.offset);
        let Some(state) = after.checked_sub(1).and_then(|at| resume_states.get(at)) else {
            return alone;
        };
        let point = self
            .resume_points
            .before(row, reader.direction)
            .filter(|point| point.state.offset > state.offset);
        let (offset, first, history) = match point {
            Some(point) => {
                let first = first_between(timeline, index, reader.direction, point.row, row);
                (point.state.offset, first, point.state.history())
            }
            None => (state.offset, state.first.min(row.first), state.history()),
        };
        let late = if offset == row.offset { 0 } else { LATE_PACKETS };
        Beginning { range: StreamRange { offset, first, last: row.last, late }, history }
    }

    fn handshake(&self, timeline: &Timeline, row: &Row) -> Result<Opened, OpenError> {
        let mut opened = Opened::default();
        let mut handshake = Handshake::default();
        if row.kind != RowKind::NoResponse {
            opened = self.bytes(timeline, row)?;
            set_head(&mut handshake, row, &opened.wire);
        }
        if let Some(partner) = row.partner.and_then(|id| timeline.row(id))
            && partner.kind != RowKind::NoResponse
        {
            let other = self.bytes(timeline, &partner)?;
            set_head(&mut handshake, &partner, &other.wire);
        }
        opened.handshake = Some(handshake);
        Ok(opened)
    }

    /// The bytes of a row that is not decoded any further.
    fn bytes(&self, timeline: &Timeline, row: &Row) -> Result<Opened, OpenError> {
        let Some(reader) = self.reader(timeline, row) else { return Ok(Opened::default()) };
        let end = row.offset.saturating_add(row.length);
        let range = of_row(row);
        let mut raw = RawBytes::new(row.offset, self.limits_of(&reader, &range));
        let mut stack = self.stack(&reader, row, &range, Reread::Bytes);
        reader.read(reader.carried(range), &mut |part| {
            match part {
                StreamPart::Bytes(chunk) => {
                    raw.carrying(chunk);
                    stack.push(chunk, &mut raw);
                }
                StreamPart::Missing(gap) => stack.gap(gap, &mut raw),
            }
            raw.progress(end, self.limits.wire)
        })?;
        Ok(raw.finish(end, self.limits.wire))
    }
}

impl std::fmt::Debug for Opener<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The stream that the offsets of a row are about.
fn stream_of(kind: RowKind) -> RowStream {
    match kind {
        RowKind::Tls(_) | RowKind::Conflict | RowKind::Gap => RowStream::Tcp,
        _ => RowStream::Conversation,
    }
}

/// The part of a stream that a row covers.
fn of_row(row: &Row) -> StreamRange {
    StreamRange { offset: row.offset, first: row.first, last: row.last, late: 0 }
}

/// What a message row is made of.
fn wanted_of(row: &Row) -> Wanted {
    let RowKind::Message(opcode) = row.kind else { return Wanted::Frame };
    match opcode {
        Opcode::Close | Opcode::Ping | Opcode::Pong => Wanted::Control,
        Opcode::Text | Opcode::Binary | Opcode::Continuation => Wanted::Data,
    }
}

/// The last message or frame before another that starts before an offset of its stream.
fn row_before(timeline: &Timeline, index: &ConnectionIndex, row: &Row, offset: u64) -> RowId {
    let end = index.rows.partition_point(|id| *id < row.id);
    let rows = index.rows.get(..end).unwrap_or_default().iter().rev();
    let before = rows.filter_map(|id| timeline.row(*id));
    let mut before = before.filter(|it| {
        let is_frame = matches!(it.kind, RowKind::Message(_) | RowKind::Frame { .. });
        is_frame && it.direction == row.direction && it.offset < offset
    });
    before.next().map_or(RowId(0), |it| it.id)
}

/// The lowest number of a packet with bytes after one row, up to the end of another.
fn first_between(
    timeline: &Timeline,
    index: &ConnectionIndex,
    direction: Direction,
    after: RowId,
    until: &Row,
) -> PacketId {
    let start = index.rows.partition_point(|id| *id <= after);
    let rows = index.rows.iter().skip(start).take_while(|id| **id <= until.id);
    let rows = rows.filter_map(|id| timeline.row(*id));
    let firsts = rows.filter(|row| row.direction == Some(direction)).map(|row| row.first);
    firsts.min().unwrap_or(until.first).min(until.first)
}

/// Reads the head of a request or response row.
fn set_head(handshake: &mut Handshake, row: &Row, raw: &[u8]) {
    let at = |packet| Origin { packet, time: row.time };
    let span = Span {
        start: row.offset,
        end: row.offset.saturating_add(row.length),
        first: at(row.first),
        last: at(row.last),
    };
    if raw.is_empty() {
        return;
    }
    let head = Some(Head::parse(raw, span));
    match row.direction {
        Some(Direction::ClientToServer) => handshake.request = head,
        Some(Direction::ServerToClient) => handshake.response = head,
        None => {}
    }
}

/// What a message knows that refers to none before it.
const NOTHING: History<'_> = History { output: &[], start: HistoryStart::Seen, earlier: 0 };

/// How many packets of a direction after the last one of a row may fill a hole before it: as many
/// as the analyzer waits for.
const LATE_PACKETS: u32 = 1 << 10;
