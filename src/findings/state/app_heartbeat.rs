//! The heartbeat of the protocol on top of WebSocket: who must send it, how often, and whether it was
//! answered.

use memchr::memmem;

use crate::http::{Handshake, names_engine_io, parameter};
use crate::stream::{Direction, PerDirection, Span};
use crate::websocket::{Message, Opcode};

/// Whether the heartbeat of the protocol on top is followed.
#[derive(Debug, Default)]
pub(crate) enum AppHeartbeatState {
    /// Its protocol has none, or is unknown.
    #[default]
    Untracked,
    /// The client's first message may show which protocol it is.
    AwaitsClient,
    Tracked(Box<AppHeartbeat>),
}

/// The heartbeat of the protocol on top, as far as a connection shows it.
#[derive(Debug)]
pub(crate) struct AppHeartbeat {
    pub(crate) protocol: BeatProtocol,
    /// What each side sent of it.
    pub(crate) beats: PerDirection<SideBeats>,
}

/// The heartbeats of a side.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SideBeats {
    pub(crate) first: Option<Span>,
    pub(crate) latest: Option<Span>,
    /// The first one that the other side has not answered since.
    pub(crate) unanswered: Option<Span>,
    /// The first answer to none of the other side's.
    pub(crate) unasked: Option<Span>,
    /// Nanoseconds between the latest two.
    pub(crate) interval: Option<u64>,
}

/// A protocol that has a heartbeat, and what its first messages say of it; times are in nanoseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BeatProtocol {
    /// In version 3 the client sends `2` and the server answers `3`; from version 4 on it is the other way
    /// round. The open packet has the times (Engine.IO protocol, "Heartbeat").
    EngineIo { version: Option<u64>, interval: u64, timeout: u64 },
    /// What each side can send and wants to receive, as its first frame says (STOMP 1.2, "Heart-beating").
    Stomp(PerDirection<Option<(u64, u64)>>),
    /// After how long a time the client sends at the latest (MQTT 3.1.1 §3.1.2.10), unless the server says
    /// another one (MQTT 5.0 §3.2.2.3.14).
    Mqtt { keep_alive: Option<u64> },
    /// Each side sends `{"type":6}`.
    SignalR,
    /// Either side sends `{"type":"ping"}`, the other one answers `{"type":"pong"}` (graphql-transport-ws).
    GraphQl,
    /// The server sends `{"type":"ka"}` (graphql-ws of subscriptions-transport-ws).
    GraphQlKeepAlive,
    /// The client sends `heartbeat` to the topic `phoenix`, the server answers `phx_reply`.
    Phoenix,
    /// The server sends `{"type":"ping"}`.
    ActionCable,
}

/// What a message is to the heartbeat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum BeatPart {
    Beat,
    Answer,
}

impl AppHeartbeatState {
    /// That of a connection that was accepted: its request or its subprotocol may name the protocol.
    pub(crate) fn accepted(handshake: &Handshake) -> Self {
        let target = handshake.target().unwrap_or_default();
        let name = handshake.subprotocol().unwrap_or_default();
        let protocol = match name {
            b"graphql-transport-ws" => Some(BeatProtocol::GraphQl),
            b"graphql-ws" => Some(BeatProtocol::GraphQlKeepAlive),
            b"actioncable-v1-json" => Some(BeatProtocol::ActionCable),
            _ if names_engine_io(target) => Some(engine_io(target)),
            _ if parameter(target, "vsn").is_some() => Some(BeatProtocol::Phoenix),
            _ => None,
        };
        protocol.map_or(Self::AwaitsClient, Self::tracked)
    }

    fn tracked(protocol: BeatProtocol) -> Self {
        Self::Tracked(Box::new(AppHeartbeat { protocol, beats: PerDirection::default() }))
    }

    /// Remembers a data message.
    #[inline]
    pub(crate) fn message(&mut self, direction: Direction, message: &Message<'_>) {
        match self {
            Self::Untracked => {}
            Self::AwaitsClient if direction == Direction::ServerToClient => {}
            Self::AwaitsClient => {
                *self = of_first_message(message.content).map_or(Self::Untracked, Self::tracked);
                if let Self::Tracked(heartbeat) = self {
                    heartbeat.message(direction, message);
                }
            }
            Self::Tracked(heartbeat) => heartbeat.message(direction, message),
        }
    }

    /// What was seen of it.
    pub(crate) fn seen(&self) -> Option<&AppHeartbeat> {
        match self {
            Self::Untracked | Self::AwaitsClient => None,
            Self::Tracked(heartbeat) => Some(heartbeat),
        }
    }
}

impl AppHeartbeat {
    fn message(&mut self, direction: Direction, message: &Message<'_>) {
        let content = message.content;
        match self.protocol.part(direction, message) {
            Some(BeatPart::Beat) => self.beats.get_mut(direction).beat(message.span),
            Some(BeatPart::Answer) => {
                let asked = self.beats.get_mut(direction.reverse()).unanswered.take();
                if asked.is_none() {
                    self.beats.get_mut(direction).unasked.get_or_insert(message.span);
                }
            }
            None => self.protocol.learn(direction, content),
        }
    }
}

impl SideBeats {
    fn beat(&mut self, span: Span) {
        self.interval = self.latest.map(|it| span.first.time.since(it.first.time));
        self.latest = Some(span);
        self.first.get_or_insert(span);
        self.unanswered.get_or_insert(span);
    }
}

impl BeatProtocol {
    /// What a message is to the heartbeat; `None` for most of them, and their length shows that.
    fn part(self, direction: Direction, message: &Message<'_>) -> Option<BeatPart> {
        let content = message.content;
        let is_client = direction == Direction::ClientToServer;
        match self {
            Self::EngineIo { .. } => match content {
                b"2" => Some(BeatPart::Beat),
                b"3" => Some(BeatPart::Answer),
                _ => None,
            },
            Self::Mqtt { .. } if is_client => (content == [0xc0, 0]).then_some(BeatPart::Beat),
            // Packets may be sent together in one message (MQTT 3.1.1 §6).
            Self::Mqtt { .. } => (content.starts_with(&[0xd0, 0]) || content.ends_with(&[0xd0, 0]))
                .then_some(BeatPart::Answer),
            _ if content.len() > LONGEST_BEAT || message.opcode != Opcode::Text => None,
            Self::Stomp(_) => is_line(content).then_some(BeatPart::Beat),
            Self::SignalR => (content == b"{\"type\":6}\x1e").then_some(BeatPart::Beat),
            Self::GraphQl if is_of_type(content, b"\"ping\"") => Some(BeatPart::Beat),
            Self::GraphQl => is_of_type(content, b"\"pong\"").then_some(BeatPart::Answer),
            Self::GraphQlKeepAlive => is_of_type(content, b"\"ka\"").then_some(BeatPart::Beat),
            Self::ActionCable => is_of_type(content, b"\"ping\"").then_some(BeatPart::Beat),
            Self::Phoenix if !has(content, b"\"phoenix\"") => None,
            Self::Phoenix if is_client => has(content, b"\"heartbeat\"").then_some(BeatPart::Beat),
            Self::Phoenix => has(content, b"\"phx_reply\"").then_some(BeatPart::Answer),
        }
    }

    /// Reads the times that the first messages agree on.
    fn learn(&mut self, direction: Direction, content: &[u8]) {
        match self {
            Self::EngineIo { interval, timeout, .. } => {
                if direction == Direction::ServerToClient && content.starts_with(b"0{") {
                    let time = |name| number_after(content, name).map(from_millis);
                    *interval = time(b"\"pingInterval\"").unwrap_or(*interval);
                    *timeout = time(b"\"pingTimeout\"").unwrap_or(*timeout);
                }
            }
            Self::Stomp(times) => {
                let known = times.get_mut(direction);
                let is_first = known.is_none() && has(content, b"CONNECT");
                if is_first {
                    *known = Some(stomp_times(content));
                }
            }
            Self::Mqtt { keep_alive } => match (direction, content) {
                (Direction::ClientToServer, [0x10, ..]) => *keep_alive = mqtt_keep_alive(content),
                (Direction::ServerToClient, [0x20, ..]) => {
                    *keep_alive = server_keep_alive(content).or(*keep_alive);
                }
                _ => {}
            },
            Self::SignalR
            | Self::GraphQl
            | Self::GraphQlKeepAlive
            | Self::Phoenix
            | Self::ActionCable => {}
        }
    }
}

/// Engine.IO in the version that a target names.
fn engine_io(target: &[u8]) -> BeatProtocol {
    let (interval, timeout) = ENGINE_IO_TIMES;
    BeatProtocol::EngineIo { version: number_after(target, b"EIO"), interval, timeout }
}

/// The protocol that the client's first message shows.
fn of_first_message(content: &[u8]) -> Option<BeatProtocol> {
    let starts = |start: &[u8]| content.starts_with(start);
    if ["CONNECT\n", "CONNECT\r\n", "STOMP\n", "STOMP\r\n"].iter().any(|it| starts(it.as_bytes()))
        || starts(b"[\"CONNECT\\n")
        || starts(b"[\"STOMP\\n")
    {
        Some(BeatProtocol::Stomp(PerDirection::default()))
    } else if starts(b"{\"protocol\":") && content.contains(&0x1e) {
        Some(BeatProtocol::SignalR)
    } else if starts(b"\x10") && content.get(2..12).is_some_and(|it| has(it, b"MQ")) {
        Some(BeatProtocol::Mqtt { keep_alive: None })
    } else {
        None
    }
}

/// Whether a text is a heartbeat of STOMP, perhaps in a message of `SockJS`.
fn is_line(content: &[u8]) -> bool {
    matches!(content, b"\n" | b"\r\n" | b"[\"\\n\"]" | b"a[\"\\n\"]")
}

/// Whether the first field of a JSON object is its type, and this.
fn is_of_type(content: &[u8], value: &[u8]) -> bool {
    let mut rest = content;
    for part in [b"{".as_slice(), b"\"type\"", b":", value] {
        let Some(after) = rest.trim_ascii_start().strip_prefix(part) else { return false };
        rest = after;
    }
    true
}

fn has(content: &[u8], part: &[u8]) -> bool {
    memmem::find(content, part).is_some()
}

/// What a side can send and wants to receive: `heart-beat:10000,20000`.
fn stomp_times(content: &[u8]) -> (u64, u64) {
    let name = b"heart-beat";
    let sends = number_after(content, name).unwrap_or_default();
    let place = memmem::find(content, name);
    let value = place.and_then(|place| content.get(place..));
    let wants = value.and_then(|value| number_after(value, b",")).unwrap_or_default();
    (from_millis(sends), from_millis(wants))
}

/// The variable header of a packet of MQTT, after the fixed one (MQTT 3.1.1 §2.2).
fn variable_header(packet: &[u8]) -> Option<&[u8]> {
    let rest = packet.get(1..)?;
    let length = rest.iter().take_while(|byte| **byte & 0x80 != 0).count();
    rest.get(length.checked_add(1)?..)
}

/// A length of two bytes, and what follows it.
fn two_bytes(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*length), rest))
}

/// The keep-alive time of a CONNECT packet (MQTT 3.1.1 §3.1.2.10); `None` if it is 0 or cut.
fn mqtt_keep_alive(packet: &[u8]) -> Option<u64> {
    let (name, rest) = two_bytes(variable_header(packet)?)?;
    // Protocol level and connect flags precede it.
    let (seconds, _) = two_bytes(rest.get(usize::from(name).checked_add(2)?..)?)?;
    (seconds > 0).then(|| from_seconds(seconds))
}

/// The keep-alive time that a CONNACK demands (MQTT 5.0 §3.2.2.3.14).
fn server_keep_alive(packet: &[u8]) -> Option<u64> {
    // Flags, reason code and the length of the properties, which is one byte if there are few.
    let mut rest = variable_header(packet)?.get(3..)?;
    while let Some((identifier, value)) = rest.split_first() {
        let length = match identifier {
            0x13 => return two_bytes(value).map(|(seconds, _)| from_seconds(seconds)),
            0x24 | 0x25 | 0x28 | 0x29 | 0x2a => 1,
            0x21 | 0x22 => 2,
            0x11 | 0x27 => 4,
            0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => {
                usize::from(two_bytes(value)?.0).saturating_add(2)
            }
            _ => return None,
        };
        rest = value.get(length..)?;
    }
    None
}

/// The decimal number after a name, with nothing but punctuation between them.
fn number_after(content: &[u8], name: &[u8]) -> Option<u64> {
    let place = memmem::find(content, name)?;
    let rest = content.get(place.checked_add(name.len())?..)?;
    let rest = rest.iter().skip_while(|byte| matches!(byte, b' ' | b':' | b'='));
    let mut number = None;
    for digit in rest.take_while(|it| it.is_ascii_digit()) {
        let value = u64::from(digit.saturating_sub(b'0'));
        number = Some(number.unwrap_or(0_u64).checked_mul(10)?.checked_add(value)?);
    }
    number
}

fn from_millis(milliseconds: u64) -> u64 {
    milliseconds.saturating_mul(1_000_000)
}

fn from_seconds(seconds: u16) -> u64 {
    u64::from(seconds).saturating_mul(1_000_000_000)
}

/// The time between pings and the time for their answer that Engine.IO has by default, in nanoseconds
/// (Socket.IO, "Server options", pingInterval and pingTimeout).
const ENGINE_IO_TIMES: (u64, u64) = (25_000_000_000, 20_000_000_000);

/// Bytes that no heartbeat is longer than: one of Phoenix, with its answer.
const LONGEST_BEAT: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_from_the_first_frames() {
        let connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04abcd";
        assert_eq!(mqtt_keep_alive(connect), Some(60_000_000_000));
        assert_eq!(mqtt_keep_alive(&connect[..9]), None);
        assert_eq!(mqtt_keep_alive(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04abcd"), None);
        let accepted = b"\x20\x0b\x00\x00\x08\x21\x00\x14\x13\x00\x1e\x24\x01";
        assert_eq!(server_keep_alive(accepted), Some(30_000_000_000));
        assert_eq!(server_keep_alive(b"\x20\x02\x00\x00"), None);
        let stomp = b"CONNECT\naccept-version:1.2\nheart-beat:10000,20000\n\n\0";
        assert_eq!(stomp_times(stomp), (10_000_000_000, 20_000_000_000));
        assert_eq!(stomp_times(b"CONNECTED\nversion:1.2\n\n\0"), (0, 0));
        let open = b"0{\"sid\":\"a\",\"pingInterval\":25000,\"pingTimeout\": 5000}";
        assert_eq!(number_after(open, b"\"pingTimeout\""), Some(5_000));
        assert_eq!(number_after(open, b"\"maxPayload\""), None);
    }

    #[test]
    fn first_messages_show_the_protocol() {
        #[rustfmt::skip]
        let rows: &[(&[u8], bool)] = &[
            (b"CONNECT\nhost:a\n\n\0",                      true),
            (b"[\"CONNECT\\nhost:a\\n\\n\\u0000\"]",        true),
            (b"{\"protocol\":\"json\",\"version\":1}\x1e",  true),
            (b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\0\0",   true),
            (b"{\"protocol\":\"json\"}",                    false),
            (b"CONNECTED",                                  false),
            (b"",                                           false),
        ];
        for (content, expected) in rows {
            assert_eq!(of_first_message(content).is_some(), *expected, "{content:?}");
        }
    }

    #[test]
    fn types_are_read_with_and_without_spaces() {
        assert!(is_of_type(b"{ \"type\": \"ping\" }", b"\"ping\""));
        assert!(is_of_type(b"{\"type\":\"ping\",\"message\":1}", b"\"ping\""));
        assert!(!is_of_type(b"{\"type\":\"pinged\"}", b"\"ping\""));
        assert!(!is_of_type(b"[\"type\",\"ping\"]", b"\"ping\""));
    }
}
