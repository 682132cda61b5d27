//! Records of TLS: what they show of themselves goes into events and facts; what they carry, if it can be
//! decrypted, into a stack of its own.

mod waiting;

use self::waiting::{Part, WaitingRecords};
use super::carried::{Carried, SecretsNews};
use super::next::{Change, Next, NextLayer, Roles, StackStart, Successor, ignore};
use super::session_names::SessionNames;
use crate::analysis::context::Context;
use crate::analysis::event::{Connection, ConnectionEvent, Event, EventKind, Nature, Transport};
use crate::analysis::offsets::OffsetMap;
use crate::analysis::saved::{CarrierPoint, RecordsState, SavedLayer};
use crate::analysis::sink::{PayloadPacket, Sink};
use crate::stream::{Chunk, Direction, Gap, GapCause, Origin, PacketId, PerDirection, length_u64};
use crate::tls::{
    self, KeyLog, Missing, Observation, PlainRecord, SavedSession, Session, SessionEvent,
    begins_record, is_client_hello,
};

/// Records of TLS, and what they carry.
#[derive(Debug)]
pub(super) struct Tls<C> {
    session: Session,
    content: Content<C>,
    /// What waits for its secrets, as long as a key log grows.
    waiting: Option<WaitingRecords>,
    /// Whether it no longer waits, because they did not come.
    has_given_up: bool,
    /// Memory taken by what it keeps, as the budget knows it.
    kept: usize,
}

/// What the records carry, and its positions.
#[derive(Debug)]
struct Content<C> {
    inner: C,
    halves: PerDirection<PlainHalf>,
    /// Its place in the offsets of the carrier, once something was decrypted.
    map: Option<usize>,
}

/// What was decrypted of a direction.
#[derive(Debug, Default)]
struct PlainHalf {
    /// Offset of the next byte of what is carried: the first has that of the record that it was in.
    next: Option<u64>,
    /// Where reading can be resumed, as it was saved last.
    point: Option<CarrierPoint>,
}

/// Begins to read records, if their beginning was captured.
pub(super) fn start(
    direction: Direction,
    beginning: &[u8],
    outer: StackStart,
    connection: &mut Connection,
) -> Next {
    connection.transport = Transport::Tls;
    if outer.is_decrypted {
        // TLS in TLS is not followed.
        return ignore(connection, Nature::Unreadable);
    }
    if connection.nature != Nature::UpgradeRequested {
        connection.nature = Nature::Unreadable;
    }
    let depth = outer.depth.saturating_add(1);
    let inner = StackStart { depth, is_decrypted: true, ..outer };
    if outer.roles == Roles::Guessed && !is_client_hello(beginning) {
        // Nothing is known of it before a record opens.
        return Next::become_layer(NextLayer::Tls(inner));
    }
    connection.tls = Some(Box::default());
    let swaps_roles = outer.roles == Roles::Guessed && direction == Direction::ServerToClient;
    let inner = StackStart { roles: Roles::Known, ..inner };
    Successor { swaps_roles, ..Successor::new(NextLayer::Tls(inner)) }.into()
}

impl<C: Carried> Tls<C> {
    /// Begins with the first record of each direction: with a `ClientHello` if the roles are known.
    pub(super) fn new(roles: Roles, inner: C) -> Self {
        let content = Content { inner, halves: PerDirection::default(), map: None };
        let session = match roles {
            Roles::Known => Session::default(),
            Roles::Guessed => Session::midstream(),
        };
        Self { session, content, waiting: None, has_given_up: false, kept: 0 }
    }

    /// Resumes between two records of a direction.
    pub(super) fn resume(direction: Direction, state: &RecordsState, inner: C) -> Self {
        let mut tls = Self::new(Roles::Known, inner);
        tls.session = Session::resume(direction, &state.session);
        tls.content.halves.get_mut(direction).next = Some(state.handed_on);
        tls
    }

    /// Reads the next bytes of a direction as records.
    ///
    /// If nothing can be decrypted, nothing more is to be learned once the handshake is done and both sides talk:
    /// the rest is ignored.
    pub(super) fn push<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let log = &context.options.keylog;
        if self.session.is_midstream() && log.connections() == 0 {
            return ignore(connection, Nature::Unreadable);
        }
        if self.waiting.is_none() {
            return self.read(direction, chunk, connection, context);
        }
        self.wait(direction, chunk, context);
        self.resume_if_due(connection, context)
    }

    /// Reads the next bytes of a direction as records, up to one whose secrets are yet to come.
    fn read<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let log = &context.options.keylog;
        let may_wait = log.is_growing() && !self.has_given_up;
        let mut left = chunk;
        self.content.note_packet(direction, chunk.origin.packet, connection, context);
        while self.session.is_ready(direction, left) {
            if may_wait && self.session.awaits_secrets(direction, log) {
                self.wait(direction, left, context);
                break;
            }
            let Self { session, content, .. } = self;
            if session.is_between(direction) {
                content.save_point(session, direction, left, connection, context);
            }
            let is_shown = session.is_certain();
            let mut names = SessionNames::default();
            left = session.step(direction, left, log, &mut |event| match event {
                SessionEvent::Seen(seen) => {
                    names.observe(&seen, context.resumptions);
                    if is_shown {
                        tls_event(connection, (direction, chunk.origin), &seen, log, context.sink);
                    }
                }
                SessionEvent::Data(direction, record) => {
                    content.push(direction, record, connection, context);
                }
                SessionEvent::Ticket(name) => names.given = Some(name.to_vec()),
            });
            names.note(session, connection, context);
        }
        if self.session.is_midstream()
            && let Some(random) = self.session.client_random()
        {
            let tls = connection.tls.get_or_insert_default();
            tls.add_random(random);
            tls.note_source(log);
        }
        self.account(context);
        if self.session.is_settled() {
            return ignore(connection, Nature::Unreadable);
        }
        if self.content.inner.is_ignored() { Next::Ignore } else { Next::Stay }
    }

    pub(super) fn gap<S: Sink>(
        &mut self,
        direction: Direction,
        gap: Gap,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        if let Some(waiting) = &mut self.waiting {
            waiting.gap(direction, gap);
            return Next::Stay;
        }
        let log = &context.options.keylog;
        let is_shown = self.session.is_certain();
        self.session.gap(direction, gap, log, &mut |event| {
            if let SessionEvent::Seen(seen) = event
                && is_shown
            {
                tls_event(connection, (direction, gap.origin), &seen, log, context.sink);
            }
        });
        Next::Stay
    }

    pub(super) fn finish<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        // What of its secrets has come is used; the rest is not awaited.
        self.give_up_secrets(connection, context);
        self.content.inner.finish(connection, context);
    }

    /// Keeps bytes until the secrets of the session have come.
    fn wait<S>(&mut self, direction: Direction, chunk: Chunk<'_>, context: &mut Context<'_, S>) {
        let waiting = self.waiting.get_or_insert_with(|| WaitingRecords::new(chunk.origin.time));
        waiting.push(direction, chunk);
        self.account(context);
    }

    /// Takes what became of secrets that are awaited.
    pub(super) fn learn_secrets<S: Sink>(
        &mut self,
        news: SecretsNews,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        if news == SecretsNews::GivenUp {
            return self.give_up_secrets(connection, context);
        }
        if !self.session.is_midstream() {
            self.session.learn_secrets(&context.options.keylog);
        }
        self.resume_if_due(connection, context)
    }

    /// Reads what has waited, if its secrets have come, or were awaited in vain for long enough.
    fn resume_if_due<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let Some(waiting) = &self.waiting else { return Next::Stay };
        if !self.session.has_all_secrets(&context.options.keylog) {
            if !waiting.is_over(context.now.time) {
                return Next::Stay;
            }
            return self.give_up_secrets(connection, context);
        }
        self.resume_waiting(connection, context)
    }

    /// Reads what has waited, and waits no more: its secrets did not come.
    fn give_up_secrets<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        if self.waiting.is_none() {
            return Next::Stay;
        }
        self.has_given_up = true;
        connection.tls.get_or_insert_default().gave_up_secrets = Some(context.now);
        self.resume_waiting(connection, context)
    }

    /// Reads what has waited.
    fn resume_waiting<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let Some(waiting) = self.waiting.take() else { return Next::Stay };
        for (direction, part) in waiting.into_parts() {
            let next = match part {
                Part::Bytes(buffer) => buffer.chunks().fold(Next::Stay, |next, chunk| match next {
                    Next::Stay => self.read(direction, chunk, connection, context),
                    Next::Become(_) | Next::Ignore => next,
                }),
                Part::Gap(gap) => self.gap(direction, gap, connection, context),
            };
            if !matches!(next, Next::Stay) {
                return next;
            }
        }
        self.account(context);
        Next::Stay
    }

    /// Drops what is not whole, to save memory.
    pub(super) fn evict<S>(&mut self, context: &mut Context<'_, S>) {
        self.session.evict();
        self.content.inner.evict(context);
        self.account(context);
    }

    /// Memory taken by what it keeps, in bytes, as the budget knows it.
    pub(super) fn kept(&self) -> usize {
        self.kept.saturating_add(self.content.inner.kept())
    }

    pub(super) fn reads_in_turn(&self) -> bool {
        self.session.reads_in_turn() || self.content.inner.reads_in_turn()
    }

    /// Reports to the budget what it keeps now.
    fn account<S>(&mut self, context: &mut Context<'_, S>) {
        let waiting = self.waiting.as_ref().map_or(0, WaitingRecords::memory);
        let kept = self.session.memory().saturating_add(waiting);
        context.budget().account(&mut self.kept, kept);
    }
}

impl<C: Carried> Content<C> {
    /// Hands on what was decrypted.
    fn push<S: Sink>(
        &mut self,
        direction: Direction,
        record: &PlainRecord,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        let map = *self.map.get_or_insert_with(|| add_map(connection));
        let tls = connection.tls.get_or_insert_default();
        if !std::mem::replace(&mut tls.is_decrypted, true)
            && connection.nature == Nature::Unreadable
        {
            connection.nature = Nature::Unknown;
        }
        let half = self.halves.get_mut(direction);
        let span = record.span();
        if half.next.is_none()
            && let Some(before) = record.before()
        {
            half.save(before.clone(), (span.start, span.start), span.first.packet);
            half.report(direction, connection, context);
        }
        let next = *half.next.get_or_insert(span.start);
        let (missing, cause) = match record.missing() {
            Missing::Nothing => (0, GapCause::Acknowledged),
            Missing::Bytes(length) => (length, GapCause::Acknowledged),
            Missing::UpTo(length) => (length, GapCause::UnknownLength),
        };
        let offset = next.saturating_add(missing);
        let end = offset.saturating_add(length_u64(record.length()));
        half.next = Some(end);
        if missing > 0 {
            let gap = Gap { offset: next, length: missing, cause, origin: span.first };
            let _: Change = self.inner.gap(direction, gap, connection, context);
        }
        if let Some(map) = connection.carrier.offsets.get_mut(map) {
            map.begin(direction, next);
        }
        connection.carrier.note_record(map, direction, (end, span.end));
        context.sink.carrying_record(span, offset..end);
        record.for_each(offset, |chunk| {
            self.inner.push(direction, chunk, connection, context);
        });
    }

    /// Saves the place before a record, now and then.
    fn save_point<S: Sink>(
        &mut self,
        session: &Session,
        direction: Direction,
        chunk: Chunk<'_>,
        connection: &Connection,
        context: &mut Context<'_, S>,
    ) {
        let half = self.halves.get_mut(direction);
        let (Some(next), Some(point)) = (half.next, &half.point) else { return };
        let is_due = chunk.offset >= point.offset.saturating_add(POINT_DISTANCE)
            || point.layers.first().is_none_or(|layer| layer.differs(session, direction));
        if is_due {
            half.save(session.save(direction), (chunk.offset, next), chunk.origin.packet);
            half.report(direction, connection, context);
        }
    }

    /// Notes that a packet has bytes after the place that was saved last.
    fn note_packet<S: Sink>(
        &mut self,
        direction: Direction,
        packet: PacketId,
        connection: &Connection,
        context: &mut Context<'_, S>,
    ) {
        let half = self.halves.get_mut(direction);
        if let Some(point) = &mut half.point
            && packet < point.first
        {
            point.first = packet;
            half.report(direction, connection, context);
        }
    }
}

impl PlainHalf {
    /// Notes a place at which reading can be resumed: its offset, and that in what is carried.
    fn save(&mut self, session: SavedSession, (offset, handed_on): (u64, u64), first: PacketId) {
        let state = RecordsState { session, handed_on };
        let layers = vec![SavedLayer::Records(Box::new(state))];
        self.point = Some(CarrierPoint { offset, handed_on, first, layers });
    }

    /// Hands on that place.
    fn report<S: Sink>(
        &self,
        direction: Direction,
        connection: &Connection,
        context: &mut Context<'_, S>,
    ) {
        if let Some(point) = &self.point {
            let boundary = PayloadPacket::Boundary(connection, direction, point);
            context.sink.payload_packet(boundary);
        }
    }
}

/// Begins to note the positions of what is carried. Gives the place of the map.
fn add_map(connection: &mut Connection) -> usize {
    let offsets = &mut connection.carrier.offsets;
    offsets.push(OffsetMap::continuing());
    offsets.len().saturating_sub(1)
}

/// Remembers that a server answered with TLS what it was asked in the clear, if it did.
///
/// `beginning` is all that it has sent, up to the end of `chunk`.
pub(super) fn note_answer_in_tls<S: Sink>(
    beginning: &[u8],
    chunk: Chunk<'_>,
    connection: &mut Connection,
    context: &mut Context<'_, S>,
) {
    let direction = Direction::ServerToClient;
    if !begins_record(beginning) {
        return;
    }
    connection.tls = Some(Box::default());
    let start = chunk.end().saturating_sub(length_u64(beginning.len()));
    let whole = Chunk { offset: start, bytes: beginning, origin: chunk.origin };
    Session::default().push(direction, whole, &KeyLog::default(), &mut |event| {
        if let SessionEvent::Seen(seen) = event {
            let log = &context.options.keylog;
            tls_event(connection, (direction, chunk.origin), &seen, log, context.sink);
        }
    });
}

/// Remembers what was observed, and hands it on if it is worth an event.
fn tls_event<S: Sink>(
    connection: &mut Connection,
    (direction, now): (Direction, Origin),
    seen: &Observation<'_>,
    log: &KeyLog,
    sink: &mut S,
) {
    let tls = connection.tls.get_or_insert_default();
    let is_shown = match seen {
        Observation::Record(_) | Observation::Protocol(..) => false,
        Observation::Foreign(..) => tls.foreign.is_none(),
        Observation::ClientHello(..)
        | Observation::ServerHello(..)
        | Observation::Certificate(..)
        | Observation::Alert(..)
        | Observation::Established(_)
        | Observation::Renegotiation(_)
        | Observation::Refused(_)
        | Observation::Lost => true,
    };
    tls.observe(direction, seen);
    if let Observation::Record(record) = seen
        && record.is_opened
    {
        tls.note_source(log);
    }
    if is_shown {
        let event = ConnectionEvent::Tls(direction, seen);
        sink.event(&Event { origin: now, kind: EventKind::Connection(connection, event) });
    }
}

/// Whether a handshake came to nothing, as far as all of it was seen.
pub(in crate::analysis) fn is_failed(tls: Option<&tls::Facts>) -> bool {
    tls.is_some_and(|tls| {
        tls.established.is_none() && !tls.sides.client.is_lost && !tls.sides.server.is_lost
    })
}

/// Bytes of a direction between two places that are saved: reading on from there takes less than a millisecond.
const POINT_DISTANCE: u64 = 1 << 16;
