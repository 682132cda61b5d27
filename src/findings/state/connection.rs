//! What the rules remember of a connection.

use crate::analysis::event::{Connection, ConnectionEvent, Recognition, TcpState};
use crate::findings::engine::broken_rule::BrokenRule;
use crate::findings::engine::header_class::HeaderClasses;
use crate::findings::state::app_heartbeat::AppHeartbeatState;
use crate::findings::state::handshake::HandshakeState;
use crate::findings::state::health::HealthState;
use crate::findings::state::masking_keys::MaskingKeys;
use crate::findings::state::recent_messages::RecentMessages;
use crate::http::{Handshake, names_engine_io};
use crate::stream::{Direction, Gap, GapCause, Origin, PerDirection, Side, Span, length_u64};
use crate::websocket::subprotocol::{Misfit, REGISTRY, Reader};
use crate::websocket::{AnsweredPing, Frame, Inflation, Message, Opcode, UnpairedControls};

/// What the rules remember of a connection.
#[derive(Debug, Default)]
pub(crate) struct ConnectionState {
    pub(crate) handshake: HandshakeState,
    /// How WebSocket was recognized if its handshake was not seen.
    pub(crate) recognized: Option<Recognition>,
    /// What each side sent.
    pub(crate) sides: PerDirection<PeerState>,
    /// The name of the subprotocol that was agreed, if it is one that can be read.
    pub(crate) subprotocol: Option<&'static str>,
    /// The first FIN or RST.
    pub(crate) ended: Option<(Side, Origin)>,
    /// How far its sender had received the other side's stream by then, as an offset.
    received_at_end: u64,
    /// Whether a client of Engine.IO was accepted, and waits for the server's first message.
    awaits_open: bool,
    /// The server's first message to a client of Engine.IO, if it is not one of that protocol.
    pub(crate) unopened: Option<Span>,
    /// The heartbeat of the protocol on top.
    pub(crate) app_heartbeat: AppHeartbeatState,
    /// Silences, heartbeats, round trips, pace.
    pub(crate) health: Box<HealthState>,
}

/// What the rules remember of what one side sent.
#[derive(Debug, Default)]
pub(crate) struct PeerState {
    /// The fragmented message that is open.
    pub(crate) open: OpenMessage,
    /// Its first Close.
    pub(crate) close: Option<Box<CloseSent>>,
    pub(crate) masking_keys: MaskingKeys,
    /// Headers that no rule about headers has anything to say of.
    pub(crate) silent: HeaderClasses,
    /// Its Pings that have no Pong yet.
    pub(crate) pings: UnpairedControls<OpenPing>,
    /// A Pong of its that answers none of the Pings that were open, the first since the last one that did.
    pub(crate) stray_pong: Option<Box<StrayPong>>,
    /// Its first breach of a rule for which the receiver must fail the connection.
    pub(crate) fatal_violation: Option<Box<PastViolation>>,
    /// The latest finding about what it sent, a note aside: the reason where the other side then fails the
    /// connection.
    pub(crate) latest_violation: Option<Box<PastViolation>>,
    /// Whether its latest data message bears a reserved bit that nothing accounts for, or an extension
    /// that we do not know: what its payload is made of, we cannot tell.
    pub(crate) is_obscure: bool,
    /// Whether its latest control frame broke a rule, so that nobody must answer it.
    pub(crate) is_bad_control: bool,
    /// Its first frame after it had received such an offence of the other side.
    pub(crate) went_on: Option<Box<Span>>,
    /// The frame that was not whole when its stream ended.
    pub(crate) unfinished: Option<Box<UnfinishedFrame>>,
    /// Where frame boundaries were lost, while they are.
    pub(crate) lost: Option<Box<Span>>,
    /// How the text in place of a frame begins, if there is one: the rest of its stream is ignored.
    pub(crate) text: Option<Box<[u8]>>,
    /// Bytes that the snap length cut off of what it sent.
    pub(crate) cut: Option<Box<CutBytes>>,
    /// Messages that could not be inflated since history is missing.
    pub(crate) uninflated: Option<Box<Uninflated>>,
    /// The packet of its latest frame.
    pub(crate) latest: Option<Origin>,
    /// The packet of its latest Ping or Pong.
    pub(crate) latest_beat: Option<Origin>,
    /// Whether a message with an inserted one (WS-F12) is open, so that no second rule is about it.
    pub(crate) interrupted: bool,
    /// Reads its messages as the subprotocol that was agreed.
    pub(crate) reader: Option<Reader>,
    /// What does not fit the subprotocol in the message that the rules are asked about.
    pub(crate) misfit: Option<Misfit>,
    /// Data frames since the handshake.
    pub(crate) data_frames: u64,
    /// What it said at first and lately.
    pub(crate) recent: RecentMessages,
}

/// Whether a fragmented message is open.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum OpenMessage {
    #[default]
    No,
    /// It began here.
    Since(FragmentedMessage),
    /// The capture does not show it.
    Unknown,
}

/// A fragmented message that is open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct FragmentedMessage {
    /// Its frames so far.
    pub(crate) span: Span,
    /// Their number.
    pub(crate) frames: u64,
    /// Their payload bytes as declared.
    pub(crate) length: u64,
}

/// A Close as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct CloseSent {
    pub(crate) span: Span,
    /// `None` if it had none.
    pub(crate) code: Option<u16>,
    /// Its reason, as bytes.
    pub(crate) reason: Box<[u8]>,
    /// How far its sender had received the other side's stream, as an offset.
    pub(crate) received: u64,
}

/// A Ping without its Pong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenPing {
    pub(crate) span: Span,
    payload: [u8; MAX_CONTROL],
    length: u8,
    /// Whether the other side continued after it had received the Ping.
    pub(crate) passed_over: bool,
    /// Whether a Pong with another payload came for it.
    pub(crate) misanswered: bool,
}

/// A Pong that answers none of the open Pings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StrayPong {
    pub(crate) span: Span,
    payload: [u8; MAX_CONTROL],
    length: u8,
    /// The latest Ping that was open.
    pub(crate) open: OpenPing,
}

/// A breach of a rule for which the receiver must fail the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PastViolation {
    pub(crate) rule: BrokenRule,
    pub(crate) span: Span,
}

/// A frame that is not whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnfinishedFrame {
    pub(crate) span: Span,
    pub(crate) what: UnfinishedPart,
}

/// What there is of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) enum UnfinishedPart {
    /// As many bytes of its header.
    Header(u64),
    /// As many of so many payload bytes.
    Payload(u64, u64),
}

/// Bytes that the snap length cut off.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CutBytes {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Where it was first.
    pub(crate) first: Span,
}

/// Messages that could not be inflated since history is missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uninflated {
    /// The first of them.
    pub(crate) span: Span,
    pub(crate) messages: u64,
}

impl ConnectionState {
    /// Reads a message as the subprotocol that was agreed, before the rules are asked.
    pub(crate) fn read(&mut self, direction: Direction, message: &Message<'_>) {
        let side = self.sides.get_mut(direction);
        let Some(reader) = &mut side.reader else { return };
        side.misfit = if message.complete {
            reader.read(message.opcode, message.content, message.length)
        } else {
            reader.lose();
            None
        };
    }

    /// Remembers an event, after the rules were asked.
    pub(crate) fn observe(
        &mut self,
        connection: &Connection,
        origin: Origin,
        event: &ConnectionEvent<'_>,
    ) {
        match *event {
            ConnectionEvent::FrameStarted(direction, frame) => {
                self.health.frame(frame);
                self.frame(connection, direction, frame);
            }
            ConnectionEvent::FrameEnded(direction, frame) => {
                let side = self.sides.get_mut(direction);
                let seen = frame.received.saturating_add(frame.missing);
                side.unfinished = (seen < frame.header.payload_length).then(|| {
                    Box::new(UnfinishedFrame {
                        span: frame.span,
                        what: UnfinishedPart::Payload(frame.received, frame.header.payload_length),
                    })
                });
            }
            ConnectionEvent::Message(direction, message) => {
                self.health.message(direction, message);
                self.message(connection, direction, message);
            }
            ConnectionEvent::HeaderUnfinished(direction, bytes, span) => {
                let length = length_u64(bytes.len());
                self.sides.get_mut(direction).unfinished =
                    Some(Box::new(UnfinishedFrame { span, what: UnfinishedPart::Header(length) }));
            }
            ConnectionEvent::Gap(direction, gap) => {
                let side = self.sides.get_mut(direction);
                self.health.has_gap = true;
                if gap.cause == GapCause::SnapLength {
                    side.cut.get_or_insert_default().add(&gap);
                }
                self.forget_pings(direction);
            }
            ConnectionEvent::SyncLost(direction, span) => {
                let side = self.sides.get_mut(direction);
                side.lost = Some(Box::new(span));
                side.open = OpenMessage::Unknown;
                side.unfinished = None;
                side.interrupted = false;
                if let Some(reader) = &mut side.reader {
                    reader.lose();
                }
                self.forget_pings(direction);
            }
            ConnectionEvent::SyncFound(direction, _) => self.sides.get_mut(direction).lost = None,
            ConnectionEvent::NotAFrame(direction, bytes, span) => {
                let side = self.sides.get_mut(direction);
                side.lost = Some(Box::new(span));
                let beginning = bytes.get(..MOST_TEXT).unwrap_or(bytes);
                side.text.get_or_insert_with(|| beginning.into());
            }
            ConnectionEvent::Recognized(recognition) => {
                self.recognized = Some(recognition);
                for direction in Direction::BOTH {
                    self.sides.get_mut(direction).open = OpenMessage::Unknown;
                }
            }
            ConnectionEvent::StateChanged => {
                match ending_side(connection) {
                    Some(side) if self.ended.is_none() => {
                        self.ended = Some((side, origin));
                        self.received_at_end = connection.received(side.direction().reverse());
                    }
                    Some(_) => {}
                    // Open, or open once more after a void SYN-ACK was reset.
                    None => self.ended = None,
                }
            }
            ConnectionEvent::HandshakeEnded(handshake) => {
                self.handshake.ended(handshake);
                for direction in Direction::BOTH {
                    self.sides.get_mut(direction).silent = HeaderClasses::default();
                }
                if self.handshake.accepted.is_some() {
                    self.read_as(handshake);
                    self.health.accepted(handshake);
                    self.awaits_open = handshake.target().is_some_and(names_engine_io);
                    self.app_heartbeat = AppHeartbeatState::accepted(handshake);
                }
            }
            ConnectionEvent::UpgradeRequested(handshake) => {
                self.handshake.asked(connection, handshake);
            }
            ConnectionEvent::Opened
            | ConnectionEvent::ProxyHeader(..)
            | ConnectionEvent::Socks(..)
            | ConnectionEvent::StrayBytes(_)
            | ConnectionEvent::TunnelOpened(_)
            | ConnectionEvent::Tls(..)
            | ConnectionEvent::TunnelRefused(_)
            | ConnectionEvent::InvalidUtf8 { .. }
            | ConnectionEvent::Conflict(..)
            | ConnectionEvent::Limit(_)
            | ConnectionEvent::Ended(_) => {}
        }
    }

    /// Remembers a broken rule, where others ask for it.
    pub(crate) fn note(&mut self, rule: BrokenRule, direction: Option<Direction>, span: Span) {
        self.handshake.note(rule, direction);
        if !rule.blames {
            return;
        }
        let Some(direction) = direction else { return };
        let side = self.sides.get_mut(direction);
        side.latest_violation = Some(Box::new(PastViolation { rule, span }));
        // Behind its own Close nobody has to mind what it sends.
        if rule.is_fatal && side.close.is_none() {
            side.fatal_violation.get_or_insert_with(|| Box::new(PastViolation { rule, span }));
        }
    }

    /// Whether a side was the first to end TCP, and had not received this Close of the other side by then:
    /// it could not answer it any more.
    pub(crate) fn left_before(&self, side: Side, close: &CloseSent) -> bool {
        self.ended.is_some_and(|(first, _)| first == side) && self.received_at_end < close.span.end
    }

    /// Makes readers for the subprotocol of an accepted handshake.
    fn read_as(&mut self, handshake: &Handshake) {
        let name = handshake.subprotocol().and_then(|name| std::str::from_utf8(name).ok());
        let entry = REGISTRY.iter().find(|entry| Some(entry.name) == name);
        self.subprotocol = entry.map(|entry| entry.name);
        for direction in Direction::BOTH {
            self.sides.get_mut(direction).reader = self.subprotocol.and_then(Reader::for_name);
        }
    }

    /// Looks at the server's first message to a client of Engine.IO: its packets begin with a digit.
    fn opened(&mut self, message: &Message<'_>) {
        self.awaits_open = false;
        let is_packet = message.content.first().is_none_or(|first| (b'0'..=b'6').contains(first));
        if !is_packet && message.opcode == Opcode::Text && message.complete {
            self.unopened = Some(message.span);
        }
    }

    fn frame(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        let received = connection.received(direction.reverse());
        let other = self.sides.get_mut(direction.reverse());
        let header = &frame.header;
        let opcode = Opcode::from_wire(header.opcode);
        for ping in other.pings.iter_mut() {
            let waited = frame.span.first.time.waited_since(ping.span.last.time);
            let waited = connection.network.opening.corrected(direction, waited);
            ping.passed_over |= received >= ping.span.end
                && waited >= PROMPT
                && !matches!(opcode, Some(Opcode::Close | Opcode::Pong));
        }
        let has_received_offence = other
            .fatal_violation
            .as_ref()
            .is_some_and(|fatal_violation| received >= fatal_violation.span.end);
        let side = self.sides.get_mut(direction);
        side.latest = Some(frame.span.last);
        if has_received_offence && opcode != Some(Opcode::Close) {
            side.went_on.get_or_insert_with(|| Box::new(frame.span));
        }
        if let Some(key) = header.mask {
            side.masking_keys.observe(key);
        }
        if header.is_control() {
            side.is_bad_control = !header.is_control_legal();
            if opcode != Some(Opcode::Close) {
                side.latest_beat = Some(frame.span.last);
            }
        }
        if header.is_control() || side.close.is_some() {
            return;
        }
        side.data_frames = side.data_frames.saturating_add(1);
        let begins = match opcode {
            Some(Opcode::Text | Opcode::Binary) => {
                side.is_obscure = header.rsv & !self.handshake.readable_bits() != 0;
                true
            }
            Some(Opcode::Continuation) => false,
            Some(Opcode::Close | Opcode::Ping | Opcode::Pong) | None => return,
        };
        side.open = match (side.open, begins, header.fin) {
            (OpenMessage::Since(open), true, true) => {
                // Inserted into another message, which may still continue.
                side.interrupted = true;
                OpenMessage::Since(open)
            }
            (OpenMessage::Since(_), true, false) => {
                side.interrupted = true;
                OpenMessage::Since(FragmentedMessage::begin(frame))
            }
            (OpenMessage::No | OpenMessage::Unknown, true, false) => {
                side.interrupted = false;
                OpenMessage::Since(FragmentedMessage::begin(frame))
            }
            (OpenMessage::No | OpenMessage::Unknown, true, true) | (OpenMessage::No, false, _) => {
                OpenMessage::No
            }
            (OpenMessage::Since(open), false, false) => OpenMessage::Since(open.add(frame)),
            (OpenMessage::Unknown, false, false) => OpenMessage::Unknown,
            (OpenMessage::Since(_) | OpenMessage::Unknown, false, true) => {
                side.interrupted = false;
                OpenMessage::No
            }
        };
    }

    fn message(&mut self, connection: &Connection, direction: Direction, message: &Message<'_>) {
        match message.opcode {
            Opcode::Close => {
                let received = connection.received(direction.reverse());
                let code = message.close.and_then(|close| close.code);
                let reason = message.close.map(|close| close.reason.into()).unwrap_or_default();
                let side = self.sides.get_mut(direction);
                let close = CloseSent { span: message.span, code, reason, received };
                side.close.get_or_insert_with(|| Box::new(close));
                // What was open will never be finished, and WS-M02 has said so.
                side.open = OpenMessage::No;
            }
            Opcode::Ping => {
                let side = self.sides.get_mut(direction);
                if message.complete && !side.is_bad_control {
                    side.pings.push(OpenPing::new(message));
                }
            }
            Opcode::Pong => self.pong(connection, direction, message),
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                self.sides.get_mut(direction).recent.add(message);
                if self.awaits_open && direction == Direction::ServerToClient {
                    self.opened(message);
                }
                self.app_heartbeat.message(direction, message);
                let side = self.sides.get_mut(direction);
                match message.inflation {
                    Inflation::HistoryMissing => {
                        let lost = side.uninflated.get_or_insert_with(|| {
                            Box::new(Uninflated { span: message.span, messages: 0 })
                        });
                        lost.messages = lost.messages.saturating_add(1);
                    }
                    Inflation::Done => side.uninflated = None,
                    // The limit is reported once, where it was reached.
                    Inflation::HistoryEvicted
                    | Inflation::None
                    | Inflation::Unfinished
                    | Inflation::Forgotten { .. }
                    | Inflation::Invalid { .. }
                    | Inflation::TooLarge => {}
                }
            }
        }
    }

    fn pong(&mut self, connection: &Connection, direction: Direction, message: &Message<'_>) {
        if !message.complete {
            return self.forget_pings(direction);
        }
        let other = self.sides.get_mut(direction.reverse());
        let (payload, length) = payload(message);
        let is_same = |ping: &OpenPing| (ping.payload, ping.length) == (payload, length);
        // Nobody is blamed for a Ping that need not be answered.
        if let Some(ping) = other.pings.answer(AnsweredPing::Latest, is_same) {
            self.health.answered(direction, (ping.span.last, message.span.last), |waited| {
                connection.network.opening.corrected(direction, waited)
            });
            // What had looked wrong was sent unasked.
            self.sides.get_mut(direction).stray_pong = None;
        } else if let Some(latest) = other.pings.latest_mut() {
            latest.misanswered = true;
            let open = *latest;
            let stray = StrayPong { span: message.span, payload, length, open };
            self.sides.get_mut(direction).stray_pong.get_or_insert_with(|| Box::new(stray));
        }
    }

    /// Pongs of a direction may be among bytes that are missing: no Ping to it is unanswered for sure.
    fn forget_pings(&mut self, pongs: Direction) {
        self.sides.get_mut(pongs.reverse()).pings.clear();
        self.sides.get_mut(pongs).stray_pong = None;
    }
}

impl CutBytes {
    fn add(&mut self, gap: &Gap) {
        if self.packets == 0 {
            self.first = Span::at(gap.offset, gap.origin);
        }
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(gap.length);
    }
}

impl FragmentedMessage {
    fn begin(frame: &Frame) -> Self {
        Self { span: frame.span, frames: 1, length: frame.header.payload_length }
    }

    fn add(self, frame: &Frame) -> Self {
        let mut span = self.span;
        span.extend(frame.span.end, frame.span.last);
        Self {
            span,
            frames: self.frames.saturating_add(1),
            length: self.length.saturating_add(frame.header.payload_length),
        }
    }
}

impl OpenPing {
    fn new(message: &Message<'_>) -> Self {
        let (payload, length) = payload(message);
        Self { span: message.span, payload, length, passed_over: false, misanswered: false }
    }

    /// Its payload.
    pub(crate) fn payload(&self) -> &[u8] {
        self.payload.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl StrayPong {
    /// Its payload.
    pub(crate) fn payload(&self) -> &[u8] {
        self.payload.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// Who sent the first FIN or RST.
fn ending_side(connection: &Connection) -> Option<Side> {
    match connection.state {
        TcpState::HalfClosed(by) | TcpState::Closed(by) | TcpState::Reset(by) => {
            Some(Side::sender(by))
        }
        TcpState::SynSent | TcpState::Refused | TcpState::Established => None,
    }
}

/// The payload of a control frame, as far as it is allowed to be long.
fn payload(message: &Message<'_>) -> ([u8; MAX_CONTROL], u8) {
    let mut bytes = [0; MAX_CONTROL];
    for (place, byte) in bytes.iter_mut().zip(message.content) {
        *place = *byte;
    }
    (bytes, u8::try_from(message.content.len().min(MAX_CONTROL)).unwrap_or(u8::MAX))
}

/// The most payload that a control frame may have, in bytes (RFC 6455 §5.5).
pub(crate) const MAX_CONTROL: usize = 125;

/// Nanoseconds within which a peer need not have seen a Ping that its system has received.
const PROMPT: u64 = 2_000_000;

/// Bytes that are kept of text in place of a frame: the head of a response, and the beginning of its body.
const MOST_TEXT: usize = 512;
