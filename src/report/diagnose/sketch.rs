//! What is remembered of a connection while it goes on: enough for its story, in bounded memory.

use crate::analysis::event::{Connection, ConnectionEvent, Recognition, TcpState};
use crate::http::{Handshake, Head};
use crate::stream::{Direction, Origin, PerDirection, Span, Timestamp};
use crate::websocket::{Message, Opcode};

/// What happened on a connection so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Sketch {
    /// A CONNECT to an HTTP proxy.
    pub(super) tunnel: Option<Exchange>,
    /// The latest request for a WebSocket.
    pub(super) upgrade: Option<Exchange>,
    /// Requests for a WebSocket before that one, which were refused.
    pub(super) refused_before: u64,
    /// How WebSocket was recognized without a handshake.
    pub(super) recognized: Option<Recognition>,
    /// The first message with content.
    pub(super) first: Option<FirstMessage>,
    /// Text and binary messages.
    pub(super) data: PerDirection<Amount>,
    /// The last frame of each direction but a Close.
    pub(super) latest: Option<Origin>,
    /// Pings of each side.
    pub(super) pings: PerDirection<Pings>,
    /// The first Close of each side.
    pub(super) closes: PerDirection<Option<CloseSeen>>,
    /// The first FIN or RST.
    pub(super) ended: Option<End>,
    /// An RST after a FIN.
    pub(super) reset: Option<End>,
    /// Bytes that the capture lacks.
    pub(super) missing: u64,
}

/// A request and its answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    /// The request; absent where the capture began after it.
    pub(super) request: Option<Span>,
    /// Its method and target as sent, cut where they are long.
    pub(super) line: Vec<u8>,
    /// The name in its Host.
    pub(super) host: Vec<u8>,
    /// Whether it asks for a WebSocket, or was not captured; long polling of Engine.IO does not.
    pub(super) asks: bool,
    /// What is remarkable about it.
    pub(super) oddity: Option<&'static str>,
    /// The response; absent where none came.
    pub(super) response: Option<Span>,
    /// Its status.
    pub(super) status: Option<u16>,
    /// Its reason phrase, or what was agreed where it is a 101.
    pub(super) answer: Vec<u8>,
}

/// The first message with content.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstMessage {
    pub(super) direction: Direction,
    pub(super) opcode: Opcode,
    pub(super) length: u64,
    pub(super) span: Span,
}

/// Messages and their content.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Amount {
    pub(super) messages: u64,
    /// Bytes, inflated.
    pub(super) bytes: u64,
}

/// Pings of one side, and how they were answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Pings {
    /// The packets of the first.
    pub(super) first: Option<Span>,
    pub(super) sent: u64,
    pub(super) answered: u64,
    /// Nanoseconds that the slowest answer took.
    pub(super) slowest: u64,
    /// The latest Ping, while it has no answer.
    waiting: Option<(Timestamp, Vec<u8>)>,
}

/// A Close.
#[derive(Clone, Debug)]
pub(super) struct CloseSeen {
    pub(super) span: Span,
    /// `None` where it has none.
    pub(super) code: Option<u16>,
    pub(super) reason: Vec<u8>,
}

/// A FIN or RST.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) how: How,
    pub(super) by: Direction,
    pub(super) at: Origin,
}

/// How TCP was ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum How {
    Fin,
    Rst,
}

impl How {
    /// The flag's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fin => "FIN",
            Self::Rst => "RST",
        }
    }
}

impl Sketch {
    /// Adds an event.
    pub(super) fn observe(
        &mut self,
        connection: &Connection,
        origin: Origin,
        event: &ConnectionEvent<'_>,
    ) {
        match *event {
            ConnectionEvent::UpgradeRequested(handshake) => self.upgrade(handshake),
            ConnectionEvent::HandshakeEnded(handshake) => {
                self.upgrade = Some(Exchange::of(handshake));
            }
            ConnectionEvent::TunnelOpened(handshake)
            | ConnectionEvent::TunnelRefused(handshake) => {
                self.tunnel = Some(Exchange::of(handshake));
            }
            ConnectionEvent::Recognized(recognition) => self.recognized = Some(recognition),
            ConnectionEvent::Message(direction, message) => self.message(direction, message),
            ConnectionEvent::Gap(_, gap) => self.missing = self.missing.saturating_add(gap.length),
            ConnectionEvent::StateChanged => self.state(connection.state, origin),
            ConnectionEvent::FrameStarted(_, frame) => {
                if Opcode::from_wire(frame.header.opcode) != Some(Opcode::Close) {
                    self.latest = Some(origin);
                }
            }
            ConnectionEvent::Opened
            | ConnectionEvent::FrameEnded(..)
            | ConnectionEvent::InvalidUtf8 { .. }
            | ConnectionEvent::NotAFrame(..)
            | ConnectionEvent::HeaderUnfinished(..)
            | ConnectionEvent::SyncLost(..)
            | ConnectionEvent::SyncFound(..)
            | ConnectionEvent::Conflict(..)
            | ConnectionEvent::Limit(_)
            // Kept by the connection itself.
            | ConnectionEvent::Tls(..)
            | ConnectionEvent::Ended(_) => {}
        }
    }

    /// Whether frames were, or could have been, exchanged: the upgrade was accepted, or the capture
    /// began behind it.
    pub(super) fn is_accepted(&self) -> bool {
        let status = self.upgrade.as_ref().and_then(|upgrade| upgrade.status);
        self.recognized.is_some() || status == Some(101)
    }

    fn upgrade(&mut self, handshake: &Handshake) {
        let is_another = self.upgrade.as_ref().is_some_and(|before| before.response.is_some());
        if is_another {
            self.refused_before = self.refused_before.saturating_add(1);
        }
        self.upgrade = Some(Exchange::of(handshake));
    }

    fn message(&mut self, direction: Direction, message: &Message<'_>) {
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
                pings.waiting = Some((message.span.last.time, message.content.to_vec()));
            }
            Opcode::Pong => self.pings.get_mut(direction.reverse()).answer(message),
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
                self.ended.get_or_insert(End { how: How::Fin, by, at });
            }
            TcpState::Reset(by) => {
                let end = End { how: How::Rst, by, at };
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
    fn answer(&mut self, pong: &Message<'_>) {
        if let Some((since, _)) = self.waiting.take_if(|(_, payload)| *payload == pong.content) {
            self.answered = self.answered.saturating_add(1);
            self.slowest = self.slowest.max(pong.span.last.time.since(since));
        }
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

/// The longest piece of a head that is kept whole, in bytes.
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{connection, handshake, message, origin};

    #[test]
    fn handshake_is_kept_with_what_was_agreed() {
        let mut sketch = Sketch::default();
        let whole = handshake();
        sketch.observe(&connection(1), origin(3), &ConnectionEvent::HandshakeEnded(&whole));
        let upgrade = sketch.upgrade.as_ref().unwrap();
        assert_eq!(upgrade.line, b"GET /feed\x1b[2J");
        assert_eq!(upgrade.answer, b"mqtt, permessage-deflate; client_max_window_bits=15");
        assert_eq!((upgrade.status, sketch.is_accepted()), (Some(101), true));
    }

    #[test]
    fn requests_that_ask_for_a_websocket_are_told_from_others() {
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
    fn pings_are_paired_with_their_pongs() {
        let mut sketch = Sketch::default();
        let (about, from_server) = (connection(1), Direction::ServerToClient);
        for (direction, opcode, content) in [
            (from_server, Opcode::Ping, &b"1"[..]),
            (from_server.reverse(), Opcode::Pong, b"1"),
            (from_server, Opcode::Ping, b"2"),
            (from_server.reverse(), Opcode::Pong, b"other"),
        ] {
            let event = ConnectionEvent::Message(direction, &message(opcode, content));
            sketch.observe(&about, origin(4), &event);
        }
        assert_eq!((sketch.pings.server.sent, sketch.pings.server.answered), (2, 1));
    }
}
