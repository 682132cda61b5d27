//! One connection: its TCP streams, and the layer that reads them. Moves bytes, and nothing else.

use crate::analysis::dns::DnsNames;
use crate::analysis::event::{
    ClockSteps, Connection, ConnectionEvent, ConnectionId, Ending, Event, EventKind, Limit, Nature,
    Outcome, StartedBy,
};
use crate::analysis::kept::KeptChunk;
use crate::analysis::layers::Layer;
use crate::analysis::layers::tls::is_failed;
use crate::analysis::tcp_health::PacketSeen;
use crate::analysis::{AnalyzerOptions, PayloadPacket, Sink};
use crate::decode::{Endpoint, Flags, IcmpError, Segment};
use crate::stream::{Chunk, Direction, Gap, Origin, Timestamp, length_u64};
use crate::tcp::{self, ArrivalKind, Piece, Pressure, TcpState};
use crate::websocket;

/// One connection while it is followed.
#[derive(Debug)]
pub(super) struct Flow {
    client: Endpoint,
    pub(super) about: Connection,
    pub(super) tcp: tcp::Connection,
    pub(super) layer: Layer,
    /// Whether its port was named by the user.
    pub(super) forced: bool,
    /// Whether the last answer to a handshake or CONNECT was a refusal.
    pub(super) rejected: bool,
    /// Chunks that stand before what they answer, in the capture: they wait for it.
    answers: Vec<Answer>,
    /// Used since the table's clock hand last passed.
    pub(super) used: bool,
}

/// A chunk that stands before what it answers.
#[derive(Debug)]
struct Answer {
    chunk: KeptChunk,
    /// How far its sender had received the other direction.
    acknowledges: u64,
}

/// What all connections share while one of them is worked on.
pub(super) struct Work<'w, S> {
    pub(super) options: &'w AnalyzerOptions,
    pub(super) shared: &'w mut websocket::Shared,
    /// The packet being read.
    pub(super) now: Origin,
    pub(super) sink: &'w mut S,
}

impl Flow {
    /// Starts to follow a connection with its first packet.
    pub(super) fn new<S: Sink>(
        (id, slot): (ConnectionId, usize),
        lookups: &DnsNames,
        segment: &Segment<'_>,
        work: &mut Work<'_, S>,
    ) -> Self {
        let syn = segment.flags.has(Flags::SYN);
        let (source, destination) = (segment.source, segment.destination);
        // Where no SYN tells, the lower port is the server's, until frames or HTTP say otherwise.
        let from_server =
            if syn { segment.flags.has(Flags::ACK) } else { source.port() < destination.port() };
        let (client, server) =
            if from_server { (destination, source) } else { (source, destination) };
        let lookup = lookups.of(server.socket_address().ip());
        let mut about = Connection::new(
            id,
            [client.socket_address(), server.socket_address()],
            if syn { StartedBy::Syn } else { StartedBy::Midstream },
            work.now,
        );
        about.slot = slot;
        about.lookup = lookup;
        let ports = [source.port(), destination.port()];
        let flow = Self {
            client,
            about,
            tcp: tcp::Connection::default(),
            layer: Layer::Start,
            forced: work.options.decode_as.iter().any(|port| ports.contains(port)),
            rejected: false,
            answers: Vec::new(),
            used: true,
        };
        flow.emit(work, ConnectionEvent::Opened);
        flow
    }

    /// Whether this segment opens another connection between the same endpoints.
    pub(super) fn is_another(&self, segment: &Segment<'_>) -> bool {
        segment.flags.has(Flags::SYN)
            && !segment.flags.has(Flags::ACK)
            && self.tcp.is_another(segment.sequence)
    }

    /// Takes one segment.
    pub(super) fn push<S: Sink>(&mut self, segment: &Segment<'_>, work: &mut Work<'_, S>) {
        self.used = true;
        let direction = self.direction(segment);
        self.about.clock_steps.observe(self.about.last, work.now);
        self.about.last = work.now;
        let packets = self.about.packets.get_mut(direction);
        *packets = packets.saturating_add(1);
        if let Layer::Ignored = self.layer {
            self.count_bytes(direction, segment.payload);
            if self.about.network.is_told_by(segment, ArrivalKind::New) {
                self.observe_network(direction, segment, ArrivalKind::New, work.now);
            }
            if self.tcp.push_ignored(direction, segment) {
                self.change_state(work);
            }
            return;
        }
        if !segment.payload.is_empty() {
            work.sink.payload_packet(PayloadPacket::Stream(&self.about, direction));
        }
        let arrival = self.tcp.push(direction, segment, work.now);
        self.about.acknowledged = self.tcp.acknowledged();
        self.about.first_sequences = self.tcp.first_sequences();
        let count = match arrival.kind {
            ArrivalKind::New | ArrivalKind::Late | ArrivalKind::Stray => None,
            ArrivalKind::Repeated | ArrivalKind::KeepAlive => Some(&mut self.about.repeated),
            ArrivalKind::Duplicate => Some(&mut self.about.duplicates),
        };
        if let Some(count) = count {
            *count = count.saturating_add(1);
        }
        if self.about.network.is_told_by(segment, arrival.kind) {
            self.observe_network(direction, segment, arrival.kind, work.now);
        }
        if let Some(span) = arrival.conflict {
            self.emit(work, ConnectionEvent::Conflict(direction, span));
        }
        if let Some(chunk) = arrival.ready {
            let acknowledges = match self.layer {
                Layer::Start | Layer::Http(_) | Layer::Tls(_) => {
                    self.tcp.acknowledges(direction, segment)
                }
                Layer::Probe(_) | Layer::WebSocket(_) | Layer::Ignored => 0,
            };
            self.deliver(direction, chunk, acknowledges, work);
        }
        if let Some(gap) = arrival.cut {
            self.gap(self.direction(segment), gap, work);
        }
        if self.tcp.is_waiting(direction) || self.tcp.is_waiting(direction.reverse()) {
            self.drain(self.direction(segment), Pressure::None, work);
            self.drain(self.direction(segment).reverse(), Pressure::None, work);
        }
        if !self.answers.is_empty() {
            self.read_answers(work);
        }
        if arrival.state_changed {
            self.change_state(work);
        }
    }

    /// Ends the connection: what was held back is handed over.
    pub(super) fn end<S: Sink>(&mut self, work: &mut Work<'_, S>) {
        let watched_until = work.now.time;
        work.now = self.about.last;
        self.drain(Direction::ClientToServer, Pressure::End, work);
        self.drain(Direction::ServerToClient, Pressure::End, work);
        self.give_up_questions(work);
        self.end_layer(work);
        let ending = self.ending(watched_until);
        self.emit(work, ConnectionEvent::Ended(ending));
    }

    /// Gives up holes, so that less must be kept.
    pub(super) fn give_up_holes<S: Sink>(&mut self, work: &mut Work<'_, S>) {
        self.drain(Direction::ClientToServer, Pressure::High, work);
        self.drain(Direction::ServerToClient, Pressure::High, work);
    }

    /// Tells that a limit was reached.
    pub(super) fn limit<S: Sink>(&self, limit: Limit, work: &mut Work<'_, S>) {
        self.emit(work, ConnectionEvent::Limit(limit));
    }

    pub(super) fn emit<S: Sink>(&self, work: &mut Work<'_, S>, event: ConnectionEvent<'_>) {
        work.sink
            .event(&Event { origin: work.now, kind: EventKind::Connection(&self.about, event) });
    }

    /// Exchanges client and server: evidence came that the first guess was wrong.
    pub(super) fn swap_roles(&mut self) {
        let about = &mut self.about;
        let server = about.server;
        self.client = Endpoint::new(server.ip(), server.port());
        std::mem::swap(&mut about.client, &mut about.server);
        std::mem::swap(&mut about.bytes.client, &mut about.bytes.server);
        std::mem::swap(&mut about.packets.client, &mut about.packets.server);
        std::mem::swap(&mut about.acknowledged.client, &mut about.acknowledged.server);
        std::mem::swap(&mut about.closes.client, &mut about.closes.server);
        about.network.swap_directions();
        std::mem::swap(&mut about.first_sequences.client, &mut about.first_sequences.server);
        self.tcp.swap_directions();
        about.state = self.tcp.state();
    }

    fn direction(&self, segment: &Segment<'_>) -> Direction {
        if segment.source == self.client {
            Direction::ClientToServer
        } else {
            Direction::ServerToClient
        }
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

    fn change_state<S: Sink>(&mut self, work: &mut Work<'_, S>) {
        self.about.state = self.tcp.state();
        self.emit(work, ConnectionEvent::StateChanged);
    }

    /// Hands over all of a direction that can be forced by now.
    fn drain<S: Sink>(
        &mut self,
        mut direction: Direction,
        pressure: Pressure,
        work: &mut Work<'_, S>,
    ) {
        while let Some(piece) = self.tcp.poll(direction, work.now, pressure) {
            let client = self.client;
            match piece {
                Piece::Kept(offset, kept) => {
                    let chunk = Chunk { offset, bytes: &kept.bytes, origin: kept.origin };
                    self.deliver(direction, chunk, kept.acknowledges, work);
                    if client != self.client {
                        direction = direction.reverse();
                    }
                    if let Some(gap) = self.tcp.cut_after(direction, &kept) {
                        self.gap(direction, gap, work);
                    }
                }
                Piece::Gap(gap) => {
                    self.gap(direction, gap, work);
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
        work: &mut Work<'_, S>,
    ) {
        self.count_bytes(direction, chunk.bytes);
        if matches!(self.layer, Layer::Start | Layer::Http(_) | Layer::Tls(_))
            && self.is_early(direction, acknowledges)
        {
            let chunk = KeptChunk::new(direction, chunk);
            self.answers.push(Answer { chunk, acknowledges });
        } else {
            self.read(direction, chunk, work);
        }
    }

    /// Whether bytes answer something that the other side has said and that was not read yet.
    ///
    /// Captures of several interfaces are merged by clocks that differ: an answer may come first.
    /// Frames do not mind, but a response must be read after its request.
    fn is_early(&self, direction: Direction, acknowledges: u64) -> bool {
        let other = direction.reverse();
        let waits = self.tcp.is_seen(other) && acknowledges > self.tcp.next_offset(other);
        let follows = self.answers.iter().any(|answer| answer.chunk.direction == direction);
        (waits || follows) && self.answers.len() < MAX_ANSWERS
    }

    /// Reads the chunks whose questions have come.
    fn read_answers<S: Sink>(&mut self, work: &mut Work<'_, S>) {
        let too_many = self.answers.len() >= MAX_ANSWERS;
        while let Some(at) = self.answers.iter().position(|answer| {
            let other = answer.chunk.direction.reverse();
            too_many || answer.acknowledges <= self.tcp.next_offset(other)
        }) {
            // Of one direction, the first comes first: what follows it acknowledges no less.
            let Answer { chunk, .. } = self.answers.remove(at);
            self.read(chunk.direction, chunk.chunk(), work);
        }
    }

    /// Reads the chunks whose questions will never come.
    fn give_up_questions<S: Sink>(&mut self, work: &mut Work<'_, S>) {
        for Answer { chunk, .. } in std::mem::take(&mut self.answers) {
            self.read(chunk.direction, chunk.chunk(), work);
        }
    }

    fn gap<S: Sink>(&mut self, direction: Direction, gap: Gap, work: &mut Work<'_, S>) {
        self.emit(work, ConnectionEvent::Gap(direction, gap));
        self.give_up_questions(work);
        self.read_gap(direction, gap, work);
    }

    fn count_bytes(&mut self, direction: Direction, bytes: &[u8]) {
        let count = self.about.bytes.get_mut(direction);
        *count = count.saturating_add(length_u64(bytes.len()));
    }

    fn ending(&self, watched_until: Timestamp) -> Ending {
        let packets = &self.about.packets;
        let unseen = match (packets.client, packets.server) {
            (0, _) => Some(Direction::ClientToServer),
            (_, 0) => Some(Direction::ServerToClient),
            _ => None,
        };
        // A SYN without answer is no capture of one direction.
        let unseen = unseen.filter(|_| self.about.state != TcpState::SynSent);
        let relevant = match self.about.nature {
            Nature::UpgradeRequested | Nature::WebSocket | Nature::Unreadable => true,
            Nature::Unknown => self.about.started_by == StartedBy::Syn,
            Nature::Http | Nature::Other => false,
        };
        Ending { outcome: self.outcome(), relevant, unseen, watched_until }
    }

    /// Whether each side that was captured has sent a Close.
    fn is_closed_cleanly(&self) -> bool {
        let (closes, packets) = (&self.about.closes, &self.about.packets);
        match (closes.client, closes.server) {
            (true, true) => true,
            (true, false) => packets.server == 0,
            (false, true) => packets.client == 0,
            (false, false) => false,
        }
    }

    fn outcome(&self) -> Outcome {
        match (self.about.nature, self.about.state) {
            (_, TcpState::Refused) => Outcome::Refused,
            (_, TcpState::SynSent) => Outcome::Timeout,
            (
                Nature::Unreadable,
                TcpState::Reset(_) | TcpState::HalfClosed(_) | TcpState::Closed(_),
            ) if is_failed(self.about.tls.as_deref()) => Outcome::Aborted,
            (Nature::Unreadable, _) => Outcome::Undecodable,
            (Nature::Http | Nature::Other, _) => Outcome::NotWebSocket,
            (Nature::UpgradeRequested, _) if self.rejected => Outcome::Rejected,
            (Nature::Unknown | Nature::WebSocket, TcpState::Established) => Outcome::Open,
            (Nature::WebSocket, _) if self.is_closed_cleanly() => Outcome::Closed,
            (_, TcpState::Reset(_))
            | (Nature::WebSocket, TcpState::HalfClosed(_) | TcpState::Closed(_)) => {
                Outcome::Aborted
            }
            (Nature::UpgradeRequested, _) => Outcome::Timeout,
            (Nature::Unknown, TcpState::HalfClosed(_) | TcpState::Closed(_)) => Outcome::Closed,
        }
    }
}

impl ClockSteps {
    #[inline]
    fn observe(&mut self, before: Origin, now: Origin) {
        if now.time < before.time {
            if self.count == 0 {
                self.first = now;
            }
            self.count = self.count.saturating_add(1);
            self.largest = self.largest.max(before.time.since(now.time));
        }
    }
}

/// Chunks that may wait for what they answer.
const MAX_ANSWERS: usize = 64;
