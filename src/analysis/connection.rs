//! One TCP connection: its two streams, and the stack that reads them. Moves bytes, and nothing else.

use crate::analysis::context::Context;
use crate::analysis::dns::DnsNames;
use crate::analysis::event::{
    Connection, ConnectionEvent, ConnectionId, Limit, StartedBy, Transport,
};
use crate::analysis::layers::{Carried, Change, Roles, SecretsNews, Stack, StackStart};
use crate::analysis::outcome;
use crate::analysis::sink::{PayloadPacket, Sink};
use crate::analysis::tcp_health::PacketSeen;
use crate::decode::{Endpoint, Flags, IcmpError, Segment};
use crate::stream::{Buffer, Chunk, Direction, Gap, Origin, length_u64};
use crate::tcp::{self, ArrivalKind, Piece, Pressure, TcpState, Watch};

/// One connection while it is followed.
#[derive(Debug)]
pub(super) struct Flow {
    client: Endpoint,
    server: Endpoint,
    pub(super) about: Connection,
    pub(super) tcp: tcp::Connection,
    stack: Stack,
    /// Chunks that precede in the capture what they answer: they wait for it.
    answers: Vec<Answer>,
    /// Used since the table's clock hand last passed.
    pub(super) used: bool,
}

/// A connection before a segment.
#[derive(Clone, Copy)]
pub(super) struct Before {
    pub(super) state: TcpState,
    pub(super) buffered_bytes: usize,
}

/// A chunk that precedes what it answers.
#[derive(Debug)]
struct Answer {
    direction: Direction,
    chunk: Buffer,
    /// How far its sender had received the other direction.
    acknowledges: u64,
}

impl Flow {
    /// Starts to follow a connection with its first packet.
    pub(super) fn new<S: Sink>(
        (id, slot): (ConnectionId, usize),
        names: &DnsNames,
        segment: &Segment<'_>,
        context: &mut Context<'_, S>,
    ) -> Self {
        let syn = segment.flags.has(Flags::SYN);
        let (source, destination) = (segment.source, segment.destination);
        // Without a SYN, the lower port is the server's, until frames or HTTP show otherwise.
        let from_server =
            if syn { segment.flags.has(Flags::ACK) } else { source.port() < destination.port() };
        let (client, server) =
            if from_server { (destination, source) } else { (source, destination) };
        let lookup = names.of(server.socket_address().ip());
        let mut about = Connection::new(
            id,
            [client.socket_address(), server.socket_address()],
            if syn { StartedBy::Syn } else { StartedBy::Midstream },
            context.now,
        );
        about.slot = slot;
        about.lookup = lookup;
        let ports = [source.port(), destination.port()];
        let stack = Stack::new(StackStart {
            roles: if syn { Roles::Known } else { Roles::Guessed },
            is_forced: context.options.decode_as.iter().any(|port| ports.contains(port)),
            depth: 0,
            is_decrypted: false,
        });
        let flow = Self {
            client,
            server,
            about,
            tcp: tcp::Connection::default(),
            stack,
            answers: Vec::new(),
            used: true,
        };
        flow.emit(context, ConnectionEvent::Opened);
        flow
    }

    /// The direction of a segment, if it belongs to this connection: it is between the same endpoints
    /// and does not open another connection.
    #[inline]
    pub(super) fn direction_of(&self, segment: &Segment<'_>) -> Option<Direction> {
        let direction = if segment.source == self.client {
            (segment.destination == self.server).then_some(Direction::ClientToServer)
        } else {
            (segment.source == self.server && segment.destination == self.client)
                .then_some(Direction::ServerToClient)
        };
        direction.filter(|_| !self.is_another(segment))
    }

    /// Whether this segment opens another connection between the same endpoints.
    fn is_another(&self, segment: &Segment<'_>) -> bool {
        segment.flags.has(Flags::SYN)
            && !segment.flags.has(Flags::ACK)
            && self.tcp.is_another(segment.sequence)
    }

    /// Takes one segment. Returns what was before, if the table has to look after what became of it.
    #[inline]
    pub(super) fn push<S: Sink>(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        context: &mut Context<'_, S>,
    ) -> Option<Before> {
        self.used = true;
        let carrier = &mut *self.about.carrier;
        carrier.clock_steps.observe(carrier.last, context.now);
        carrier.last = context.now;
        let packets = carrier.packets.get_mut(direction);
        *packets = packets.saturating_add(1);
        let is_plain = !self.about.network.is_told_by(segment, ArrivalKind::New);
        if is_plain && self.push_plain(direction, segment, context) {
            return None;
        }
        let before = Before { state: self.tcp.state(), buffered_bytes: self.tcp.buffered_bytes() };
        if self.stack.is_ignored() {
            self.push_ignored(direction, segment, context);
        } else {
            self.push_any(direction, segment, context);
        }
        let changed = self.tcp.state() != before.state
            || self.tcp.buffered_bytes() != before.buffered_bytes
            || self.tcp.is_finished();
        changed.then_some(before)
    }

    /// Takes a segment of which only the bytes matter, as of nearly all: a short way through TCP, where
    /// nothing waits and nothing changes. Tells whether it was one; if not, nothing was done.
    #[inline]
    fn push_plain<S: Sink>(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        context: &mut Context<'_, S>,
    ) -> bool {
        if self.stack.is_ignored() {
            let is_plain = self.tcp.skip_plain(direction, segment);
            if is_plain {
                self.count_bytes(direction, segment.payload);
            }
            return is_plain;
        }
        if self.stack.reads_in_turn() || !self.answers.is_empty() {
            return false;
        }
        let Some(offset) = self.tcp.push_plain(direction, segment, context.now) else {
            return false;
        };
        self.about.acknowledged = self.tcp.acknowledged();
        if !segment.payload.is_empty() {
            let chunk = Chunk { offset, bytes: segment.payload, origin: context.now };
            context.sink.payload_packet(PayloadPacket::Stream(&self.about, direction));
            self.count_bytes(direction, chunk.bytes);
            self.read(direction, chunk, context);
        }
        true
    }

    /// Takes a segment of a connection whose content is not needed.
    fn push_ignored<S: Sink>(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        context: &mut Context<'_, S>,
    ) {
        self.count_bytes(direction, segment.payload);
        if self.about.network.is_told_by(segment, ArrivalKind::New) {
            self.observe_network(direction, segment, ArrivalKind::New, context.now);
        }
        if self.tcp.push_ignored(direction, segment, context.now) {
            self.change_state(context);
        }
        if self.tcp.is_waiting(direction) || self.tcp.is_waiting(direction.reverse()) {
            self.drain_both(Pressure::None, context);
        }
    }

    /// Takes a segment of any kind.
    fn push_any<S: Sink>(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        context: &mut Context<'_, S>,
    ) {
        if !segment.payload.is_empty() {
            context.sink.payload_packet(PayloadPacket::Stream(&self.about, direction));
        }
        let arrival = self.tcp.push(direction, segment, context.now);
        self.about.acknowledged = self.tcp.acknowledged();
        self.about.first_sequences = self.tcp.first_sequences();
        let count = match arrival.kind {
            ArrivalKind::New | ArrivalKind::Late | ArrivalKind::Reopened | ArrivalKind::Stray => {
                None
            }
            ArrivalKind::Repeated | ArrivalKind::KeepAlive => Some(&mut self.about.repeated),
            ArrivalKind::Duplicate => Some(&mut self.about.duplicates),
        };
        if let Some(count) = count {
            *count = count.saturating_add(1);
        }
        if self.about.network.is_told_by(segment, arrival.kind) {
            self.observe_network(direction, segment, arrival.kind, context.now);
        }
        if let Some(span) = arrival.conflict {
            self.emit(context, ConnectionEvent::Conflict(direction, span));
        }
        if let Some(chunk) = arrival.ready {
            let acknowledges = if self.stack.reads_in_turn() {
                self.tcp.acknowledges(direction, segment)
            } else {
                0
            };
            self.deliver(direction, chunk, acknowledges, context);
        }
        if let Some(gap) = arrival.cut {
            self.gap(self.direction(segment), gap, context);
        }
        if self.tcp.is_waiting(direction) || self.tcp.is_waiting(direction.reverse()) {
            self.drain(self.direction(segment), Pressure::None, context);
            self.drain(self.direction(segment).reverse(), Pressure::None, context);
        }
        if !self.answers.is_empty() {
            self.read_answers(context);
        }
        if arrival.state_changed {
            self.change_state(context);
        }
    }

    /// Ends the connection: what was held back is handed over.
    pub(super) fn end<S: Sink>(&mut self, context: &mut Context<'_, S>) {
        let watched_until = context.now.time;
        context.now = self.about.last;
        self.drain_both(Pressure::End, context);
        self.give_up_questions(context);
        self.stack.finish(&mut self.about, context);
        self.look_up_secrets(context);
        let ending = outcome::ending(&self.about, watched_until);
        self.emit(context, ConnectionEvent::Ended(ending));
    }

    /// Gives up holes, so that less must be kept.
    pub(super) fn give_up_holes<S: Sink>(&mut self, context: &mut Context<'_, S>) {
        self.drain_both(Pressure::High, context);
    }

    /// Drops what is kept, to save memory.
    pub(super) fn evict<S: Sink>(&mut self, context: &mut Context<'_, S>) {
        self.give_up_questions(context);
        self.learn_secrets(SecretsNews::GivenUp, context);
        self.stack.evict(context);
    }

    /// Takes what became of secrets that are awaited.
    pub(super) fn learn_secrets<S: Sink>(
        &mut self,
        news: SecretsNews,
        context: &mut Context<'_, S>,
    ) {
        let change = self.stack.learn_secrets(news, &mut self.about, context);
        self.after(change);
    }

    /// Whether it keeps anything that can be dropped.
    pub(super) fn keeps_anything(&self) -> bool {
        self.stack.kept() > 0 || self.tcp.buffered_bytes() > 0 || !self.answers.is_empty()
    }

    /// Tells that a limit was reached.
    pub(super) fn limit<S: Sink>(&self, limit: Limit, context: &mut Context<'_, S>) {
        self.emit(context, ConnectionEvent::Limit(limit));
    }

    fn emit<S: Sink>(&self, context: &mut Context<'_, S>, event: ConnectionEvent<'_>) {
        context.emit(&self.about, event);
    }

    /// Hands the next bytes of a direction to the stack.
    #[inline]
    fn read<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        context: &mut Context<'_, S>,
    ) {
        let change = self.stack.push(direction, chunk, &mut self.about, context);
        self.after(change);
    }

    /// Does to TCP what the stack has found out, if it has.
    #[inline]
    fn after(&mut self, change: Change) {
        if change == Change::Layer {
            self.follow_stack();
        }
    }

    /// Does to TCP what the stack has found out.
    #[cold]
    fn follow_stack(&mut self) {
        if self.client.socket_address() != self.about.client {
            std::mem::swap(&mut self.client, &mut self.server);
            self.tcp.swap_directions();
            for answer in &mut self.answers {
                answer.direction = answer.direction.reverse();
            }
        }
        if self.stack.is_ignored() {
            self.tcp.ignore(match self.about.transport {
                Transport::Tcp => Watch::End,
                Transport::Tls | Transport::H2 => Watch::Gaps,
            });
        }
    }

    /// Looks for the secrets of its TLS, as far as it has some.
    fn look_up_secrets<S>(&mut self, context: &Context<'_, S>) {
        if let Some(tls) = &mut self.about.tls {
            tls.look_up(&context.options.keylog);
        }
    }

    pub(super) fn direction(&self, segment: &Segment<'_>) -> Direction {
        if segment.source == self.client {
            Direction::ClientToServer
        } else {
            Direction::ServerToClient
        }
    }

    /// What a direction is called now, if its name is from when `client` was the client: what is read may
    /// show that the roles are exchanged.
    fn current(&self, direction: Direction, client: Endpoint) -> Direction {
        if client == self.client { direction } else { direction.reverse() }
    }

    /// Takes an ICMP error that quotes one of its packets.
    pub(super) fn observe_error(&mut self, error: &IcmpError, now: Origin) {
        let quoted = if error.source == self.client {
            Direction::ClientToServer
        } else {
            Direction::ServerToClient
        };
        self.about.network.observe_error(quoted, error, now);
    }

    #[cold]
    fn observe_network(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        kind: ArrivalKind,
        origin: Origin,
    ) {
        let (other, acknowledged) = (direction.reverse(), self.tcp.acknowledged());
        let in_flight = self.tcp.next_offset(other).saturating_sub(*acknowledged.get(other));
        let seen = PacketSeen {
            direction,
            segment,
            kind,
            origin,
            acknowledged: *acknowledged.get(direction),
            sent: self.tcp.next_offset(direction),
            in_flight,
        };
        self.about.network.observe(seen);
    }

    fn change_state<S: Sink>(&mut self, context: &mut Context<'_, S>) {
        self.about.state = self.tcp.state();
        self.emit(context, ConnectionEvent::StateChanged);
    }

    /// Hands over all that can be forced by now.
    #[cold]
    fn drain_both<S: Sink>(&mut self, pressure: Pressure, context: &mut Context<'_, S>) {
        self.drain(Direction::ClientToServer, pressure, context);
        self.drain(Direction::ServerToClient, pressure, context);
    }

    /// Hands over all of a direction that can be forced by now.
    fn drain<S: Sink>(
        &mut self,
        mut direction: Direction,
        pressure: Pressure,
        context: &mut Context<'_, S>,
    ) {
        while let Some(piece) = self.tcp.poll(direction, context.now, pressure) {
            let client = self.client;
            match piece {
                Piece::Kept(offset, kept) => {
                    let chunk = Chunk { offset, bytes: &kept.bytes, origin: kept.origin };
                    self.deliver(direction, chunk, kept.acknowledges, context);
                    direction = self.current(direction, client);
                    if let Some(gap) = self.tcp.cut_after(direction, &kept) {
                        self.gap(direction, gap, context);
                    }
                }
                Piece::Gap(gap) => {
                    self.gap(direction, gap, context);
                }
            }
        }
    }

    /// `acknowledges` is how far the sender had received the other direction.
    fn deliver<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        acknowledges: u64,
        context: &mut Context<'_, S>,
    ) {
        self.count_bytes(direction, chunk.bytes);
        if self.stack.reads_in_turn() && self.is_early(direction, acknowledges) {
            let mut kept = Buffer::default();
            kept.push(chunk);
            context.budget().change(0, kept.memory());
            self.answers.push(Answer { direction, chunk: kept, acknowledges });
            return;
        }
        let client = self.client;
        if self.answers.iter().any(|answer| answer.direction == direction) {
            // No more may wait, or the stack no longer reads in turn: what came first is read first.
            self.give_up_questions(context);
        }
        let direction = self.current(direction, client);
        self.read(direction, chunk, context);
    }

    /// Whether bytes answer something that the other side has said and that was not read yet.
    ///
    /// Captures of several interfaces are merged by clocks that differ: an answer may come first.
    /// Frames do not mind, but a response must be read after its request.
    fn is_early(&self, direction: Direction, acknowledges: u64) -> bool {
        let other = direction.reverse();
        // If its beginning was captured, the other side may come late as a whole: clocks differ by more
        // than the connection lasts.
        let comes = self.tcp.is_seen(other) || self.about.started_by == StartedBy::Syn;
        let waits = comes && !self.has_read(other, acknowledges);
        let follows = self.answers.iter().any(|answer| answer.direction == direction);
        (waits || follows) && self.answers.len() < MAX_ANSWERS
    }

    /// Reads the chunks whose questions have come.
    fn read_answers<S: Sink>(&mut self, context: &mut Context<'_, S>) {
        let too_many = self.answers.len() >= MAX_ANSWERS;
        while let Some(at) = self.first_answers().into_iter().flatten().find(|at| {
            self.answers.get(*at).is_some_and(|answer| {
                too_many || self.has_read(answer.direction.reverse(), answer.acknowledges)
            })
        }) {
            let answer = self.answers.remove(at);
            self.read_answer(&answer, context);
        }
    }

    /// Whether all bytes of a direction up to an offset are here, and none of them waits itself.
    fn has_read(&self, direction: Direction, offset: u64) -> bool {
        let waits = |it: &Answer| it.direction == direction && it.chunk.span().start < offset;
        offset <= self.tcp.next_offset(direction) && !self.answers.iter().any(waits)
    }

    /// The places of the first answer of each direction: those that follow must wait for it, whatever they
    /// acknowledge.
    fn first_answers(&self) -> [Option<usize>; 2] {
        let first = |direction| self.answers.iter().position(|it| it.direction == direction);
        Direction::BOTH.map(first)
    }

    /// Reads the chunks whose questions will never come.
    fn give_up_questions<S: Sink>(&mut self, context: &mut Context<'_, S>) {
        while !self.answers.is_empty() {
            let answer = self.answers.remove(0);
            self.read_answer(&answer, context);
        }
    }

    fn read_answer<S: Sink>(&mut self, answer: &Answer, context: &mut Context<'_, S>) {
        context.budget().change(answer.chunk.memory(), 0);
        for chunk in answer.chunk.chunks() {
            self.read(answer.direction, chunk, context);
        }
    }

    fn gap<S: Sink>(&mut self, direction: Direction, gap: Gap, context: &mut Context<'_, S>) {
        let is_first = *self.about.bytes.get(direction) == 0;
        if is_first && self.about.started_by == StartedBy::Midstream {
            // Sent before the capture began.
            return;
        }
        self.emit(context, ConnectionEvent::Gap(direction, gap));
        let client = self.client;
        self.give_up_questions(context);
        let direction = self.current(direction, client);
        if self.stack.gap(direction, gap, &mut self.about, context) == Change::Layer {
            self.follow_stack();
        }
    }

    fn count_bytes(&mut self, direction: Direction, bytes: &[u8]) {
        let count = self.about.bytes.get_mut(direction);
        *count = count.saturating_add(length_u64(bytes.len()));
    }
}

/// Chunks that may wait for what they answer.
const MAX_ANSWERS: usize = 64;
