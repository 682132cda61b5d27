//! What is remembered of a connection while it continues: enough to explain it, in bounded memory.

use super::entry::{Entry, EntryKind, Partner};
use crate::analysis::event::{Recognition, TcpState};
use crate::http::{Handshake, Head};
use crate::stream::{Direction, Origin, PerDirection, Span};
use crate::websocket::{Frame, Message, Opcode};

/// What happened on a connection so far.
#[derive(Clone, Debug, Default)]
pub struct ConnectionHistory {
    /// A CONNECT to an HTTP proxy.
    pub tunnel: Option<Exchange>,
    /// The latest request for a WebSocket.
    pub upgrade: Option<Exchange>,
    /// Requests for a WebSocket before that one, which were refused.
    pub refused_before: u64,
    /// How WebSocket was recognized without a handshake.
    pub recognized: Option<Recognition>,
    /// The first message with content.
    pub first: Option<FirstMessage>,
    /// Text and binary messages.
    pub data: PerDirection<Amount>,
    /// The last frame of each direction but a Close.
    pub latest: Option<Origin>,
    /// Pings of each side.
    pub pings: PerDirection<Pings>,
    /// The first Close of each side.
    pub closes: PerDirection<Option<CloseSeen>>,
    /// The first FIN or RST.
    pub ended: Option<TcpEnd>,
    /// An RST after a FIN.
    pub reset: Option<TcpEnd>,
    /// Bytes that the capture lacks.
    pub missing: u64,
    /// The packet at which the first of them were found to be missing.
    pub missing_from: Option<Origin>,
}

/// A request and its answer.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// The request; absent where the capture began after it.
    pub request: Option<Span>,
    /// Its method and target as sent, cut where they are long.
    pub line: Vec<u8>,
    /// The name in its Host.
    pub host: Vec<u8>,
    /// Whether it asks for a WebSocket, or was not captured; long polling of Engine.IO does not.
    pub asks: bool,
    /// What is remarkable about it.
    pub oddity: Option<&'static str>,
    /// The response; absent where none came.
    pub response: Option<Span>,
    /// Its status.
    pub status: Option<u16>,
    /// Its reason phrase, or what was agreed where it is a 101.
    pub answer: Vec<u8>,
}

/// The first message with content.
#[derive(Clone, Copy, Debug)]
pub struct FirstMessage {
    /// Who sent it.
    pub direction: Direction,
    /// What it is.
    pub opcode: Opcode,
    /// Its content, inflated, in bytes.
    pub length: u64,
    /// Where it is.
    pub span: Span,
}

/// Messages and their content.
#[derive(Clone, Copy, Debug, Default)]
pub struct Amount {
    /// Messages.
    pub messages: u64,
    /// Bytes, inflated.
    pub bytes: u64,
}

/// Pings of one side, and how they were answered.
#[derive(Clone, Debug, Default)]
pub struct Pings {
    /// The packets of the first.
    pub first: Option<Span>,
    /// How many there were.
    pub sent: u64,
    /// How many a Pong answered.
    pub answered: u64,
    /// Nanoseconds that the slowest answer took, of those that were measured.
    pub slowest: Option<u64>,
}

/// A Close.
#[derive(Clone, Debug)]
pub struct CloseSeen {
    /// Where it is.
    pub span: Span,
    /// `None` if it has none.
    pub code: Option<u16>,
    /// Its reason as sent, cut if it is long.
    pub reason: Vec<u8>,
}

/// A FIN or RST.
#[derive(Clone, Copy, Debug)]
pub struct TcpEnd {
    /// By which flag.
    pub how: How,
    /// Who sent it.
    pub by: Direction,
    /// Its packet.
    pub at: Origin,
}

/// How TCP was ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum How {
    /// The sender announces that it has sent everything.
    Fin,
    /// The sender gives the connection up.
    Rst,
}

impl How {
    /// The flag's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fin => "FIN",
            Self::Rst => "RST",
        }
    }
}

impl ConnectionHistory {
    /// Adds an entry.
    pub fn observe(&mut self, entry: &Entry<'_>) {
        match (entry.kind, entry.direction) {
            (EntryKind::Request(handshake), _) => self.upgrade(handshake),
            (EntryKind::Response(handshake) | EntryKind::NoResponse(handshake), _) => {
                self.upgrade = Some(Exchange::of(handshake));
            }
            (EntryKind::Tunnel(_, handshake), _) => self.tunnel = Some(Exchange::of(handshake)),
            (EntryKind::Recognized(recognition), _) => self.recognized = Some(recognition),
            (EntryKind::Message(message), Some(direction)) => {
                self.message(direction, message, entry.partner);
            }
            (EntryKind::Gap(gap), _) => {
                self.missing = self.missing.saturating_add(gap.length);
                self.missing_from.get_or_insert(entry.origin);
            }
            (EntryKind::Fin | EntryKind::Reset, _) => {
                if let Some(connection) = entry.connection {
                    self.state(connection.state, entry.origin);
                }
            }
            _ => {}
        }
    }

    /// Adds a frame whose header is complete.
    pub fn frame_started(&mut self, frame: &Frame) {
        if Opcode::from_wire(frame.header.opcode) != Some(Opcode::Close) {
            self.latest = Some(frame.span.last);
        }
    }

    /// Whether frames were, or could have been, exchanged: the upgrade was accepted, or the capture
    /// began after it.
    pub fn is_accepted(&self) -> bool {
        let status = self.upgrade.as_ref().and_then(|upgrade| upgrade.status);
        self.recognized.is_some() || status == Some(101)
    }

    /// Nanoseconds between the last frame other than a Close and a later packet.
    pub fn silence(&self, until: Origin) -> Option<u64> {
        until.time.measured_since(self.latest?.time)
    }

    /// The Close that came first.
    pub fn first_close(&self) -> Option<(Direction, &CloseSeen)> {
        let closes = Direction::BOTH
            .into_iter()
            .filter_map(|direction| Some((direction, self.closes.get(direction).as_ref()?)));
        closes.min_by_key(|(_, close)| (close.span.last.time, close.span.last.packet))
    }

    fn upgrade(&mut self, handshake: &Handshake) {
        let is_another = self.upgrade.as_ref().is_some_and(|before| before.response.is_some());
        if is_another {
            self.refused_before = self.refused_before.saturating_add(1);
        }
        self.upgrade = Some(Exchange::of(handshake));
        // A reset before was the answer to a void SYN-ACK.
        if self.ended.is_some_and(|end| end.how == How::Rst) {
            (self.ended, self.reset) = (None, None);
        }
    }

    fn message(&mut self, direction: Direction, message: &Message<'_>, partner: Option<Partner>) {
        match message.opcode {
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                let amount = self.data.get_mut(direction);
                amount.messages = amount.messages.saturating_add(1);
                amount.bytes = amount.bytes.saturating_add(message.length);
                self.first.get_or_insert(FirstMessage {
                    direction,
                    opcode: message.opcode,
                    length: message.length,
                    span: message.span,
                });
            }
            Opcode::Ping => {
                let pings = self.pings.get_mut(direction);
                pings.first.get_or_insert(message.span);
                pings.sent = pings.sent.saturating_add(1);
                // Its Pong came first if it had to wait for a hole to be filled.
                if let Some(pong) = partner {
                    pings.answer(message.span.last, pong.last);
                }
            }
            Opcode::Pong => {
                if let Some(ping) = partner {
                    let pings = self.pings.get_mut(direction.reverse());
                    pings.answer(ping.last, message.span.last);
                }
            }
            Opcode::Close => {
                let close = message.close;
                let seen = CloseSeen {
                    span: message.span,
                    code: close.and_then(|close| close.code),
                    reason: close.map(|close| cut(close.reason)).unwrap_or_default(),
                };
                self.closes.get_mut(direction).get_or_insert(seen);
            }
        }
    }

    fn state(&mut self, state: TcpState, at: Origin) {
        match state {
            TcpState::HalfClosed(by) | TcpState::Closed(by) => {
                self.ended.get_or_insert(TcpEnd { how: How::Fin, by, at });
            }
            TcpState::Reset(by) => {
                let end = TcpEnd { how: How::Rst, by, at };
                if self.ended.is_some() {
                    self.reset.get_or_insert(end);
                } else {
                    self.ended = Some(end);
                }
            }
            TcpState::SynSent | TcpState::Refused | TcpState::Established => {}
        }
    }
}

impl Pings {
    fn answer(&mut self, ping: Origin, pong: Origin) {
        self.answered = self.answered.saturating_add(1);
        self.slowest = self.slowest.max(pong.time.measured_since(ping.time));
    }
}

impl Exchange {
    fn of(handshake: &Handshake) -> Self {
        let request = handshake.request.as_ref();
        let response = handshake.response.as_ref();
        let mut line = Vec::new();
        for part in [handshake.method(), handshake.target()].into_iter().flatten() {
            if !line.is_empty() {
                line.push(b' ');
            }
            line.extend(cut(part));
        }
        let status = handshake.status();
        let answer = if status == Some(101) {
            let mut agreed = handshake.subprotocol().map(cut).unwrap_or_default();
            if let Some(extensions) = handshake.extensions_accepted() {
                if !agreed.is_empty() {
                    agreed.extend(b", ");
                }
                agreed.extend(cut(&extensions));
            }
            agreed
        } else {
            response.and_then(Head::reason).map(cut).unwrap_or_default()
        };
        Self {
            request: request.map(|head| head.span),
            line,
            host: handshake.host().map(cut).unwrap_or_default(),
            asks: request.is_none_or(asks),
            oddity: request.and_then(oddity),
            response: response.map(|head| head.span),
            status,
            answer,
        }
    }
}

/// Whether a request asks for a WebSocket, in whatever way.
fn asks(request: &Head) -> bool {
    request.has_token("Upgrade", "websocket")
        || request.method() == Some(b"CONNECT")
        || request.fields().any(|(name, _)| {
            name.get(..FIELDS.len()).is_some_and(|it| it.eq_ignore_ascii_case(FIELDS))
        })
}

/// What the names of all fields of WebSocket begin with.
const FIELDS: &[u8] = b"Sec-WebSocket-";

/// What is remarkable about a request that ought to ask for a WebSocket.
fn oddity(request: &Head) -> Option<&'static str> {
    let is_connect = request.method() == Some(b"CONNECT");
    if is_connect {
        None
    } else if request.version() == b"HTTP/1.0" {
        Some("HTTP/1.0")
    } else if !request.has_token("Upgrade", "websocket") {
        Some("no Upgrade")
    } else if !request.has_token("Connection", "Upgrade") {
        Some("no Connection: Upgrade")
    } else {
        None
    }
}

/// The beginning of bytes from the network that may be long.
fn cut(bytes: &[u8]) -> Vec<u8> {
    bytes.get(..LONGEST).unwrap_or(bytes).to_vec()
}

/// Nanoseconds of silence from which on it is worth a word.
pub const LONG_SILENCE: u64 = 1_000_000_000;

/// The longest piece of a head that is kept whole, in bytes.
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{PacketId, Timestamp};

    fn origin(packet: u64) -> Origin {
        Origin { packet: PacketId(packet), time: Timestamp(packet) }
    }

    #[test]
    fn handshake_is_kept_with_what_was_agreed() {
        let mut history = ConnectionHistory::default();
        let request = b"GET /feed HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\n\r\n";
        let response = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: mqtt\r\n\
            Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15\r\n\r\n";
        let handshake = Handshake {
            request: Some(Head::parse(request, Span::at(0, origin(1)))),
            response: Some(Head::parse(response, Span::at(0, origin(3)))),
            ..Handshake::default()
        };
        let kind = EntryKind::Response(&handshake);
        history.observe(&Entry::of_capture(origin(3), kind));
        let upgrade = history.upgrade.as_ref().unwrap();
        assert_eq!(upgrade.line, b"GET /feed");
        assert_eq!(upgrade.answer, b"mqtt, permessage-deflate; client_max_window_bits=15");
        assert_eq!((upgrade.status, history.is_accepted()), (Some(101), true));
    }

    #[test]
    fn requests_for_a_websocket_are_distinguished_from_others() {
        let rows: &[(&str, &str, bool)] = &[
            ("an upgrade", "GET / HTTP/1.1\r\nUpgrade: WebSocket\r\n\r\n", true),
            ("without its upgrade", "GET / HTTP/1.0\r\nsec-websocket-key: x\r\n\r\n", true),
            ("a tunnel", "CONNECT a:80 HTTP/1.1\r\n\r\n", true),
            ("long polling", "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n\r\n", false),
            ("another upgrade", "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", false),
        ];
        for (name, raw, expected) in rows {
            let head = Head::parse(raw.as_bytes(), Span::at(0, origin(1)));
            assert_eq!(asks(&head), *expected, "{name}");
        }
    }

    #[test]
    fn the_slowest_pong_is_known() {
        let mut pings = Pings { sent: 3, ..Pings::default() };
        pings.answer(origin(4), origin(9));
        pings.answer(origin(10), origin(12));
        assert_eq!((pings.answered, pings.slowest), (2, Some(5)));
    }
}
