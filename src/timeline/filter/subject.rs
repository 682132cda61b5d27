//! What a filter looks at: one row, with all that is known of it.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use crate::analysis::event::{ConnectionId, Intermediary, Outcome, TcpState, Transport};
use crate::findings::{Finding, Rule};
use crate::http::Handshake;
use crate::stream::{Direction, Origin, Span, Timestamp};
use crate::websocket::{Close, Opcode};

/// One row, with all that is known of it; what is absent matches nothing.
#[derive(Clone, Copy, Debug)]
pub struct FilterSubject<'a> {
    /// What kind of row it is.
    pub kind: EntryClass,
    /// The packet that completed it, and its time.
    pub origin: Origin,
    /// The time of the capture's first packet.
    pub start: Timestamp,
    /// Its connection.
    pub connection: Option<FilterConnection>,
    /// Who sent it.
    pub direction: Option<Direction>,
    /// The position of a message or frame in its stream.
    pub span: Option<Span>,
    /// The message.
    pub message: Option<FilterMessage<'a>>,
    /// The frame; of a message, its first one.
    pub frame: Option<FilterFrame>,
    /// The opening handshake of the connection, as far as known.
    pub handshake: Option<&'a Handshake>,
    /// What became of the connection, if that is known.
    pub outcome: Option<Outcome>,
    /// The cause that explains the connection, if that is known.
    pub cause: Option<&'static Rule>,
    /// What it breaks.
    pub findings: &'a [&'a Finding],
    /// Proxies on the way of the connection.
    pub intermediaries: &'a [Intermediary],
}

/// What filters ask of a connection.
#[derive(Clone, Copy, Debug)]
pub struct FilterConnection {
    /// Its number.
    pub id: ConnectionId,
    /// The peer that opened it.
    pub client: SocketAddr,
    /// The peer that accepted it.
    pub server: SocketAddr,
    /// The last state of its TCP, if that is known.
    pub state: Option<TcpState>,
    /// What carries it, if that is known.
    pub transport: Option<Transport>,
}

/// What filters ask of a message.
#[derive(Clone, Copy, Debug)]
pub struct FilterMessage<'a> {
    /// Its opcode.
    pub opcode: Opcode,
    /// How many frames it was sent in.
    pub frames: u64,
    /// Whether it is marked as compressed.
    pub compressed: bool,
    /// Whether every byte of it was seen, and inflated where it is compressed.
    pub complete: bool,
    /// Payload bytes on the wire.
    pub wire_length: u64,
    /// Content bytes, after inflation.
    pub length: u64,
    /// What was kept, or read again, of its content.
    pub content: &'a [u8],
    /// Of a Close, what it says.
    pub close: Option<Close<'a>>,
}

/// What filters ask of a frame.
#[derive(Clone, Copy, Debug)]
pub struct FilterFrame {
    /// FIN.
    pub fin: bool,
    /// RSV1 to RSV3 as three bits, RSV1 highest.
    pub rsv: u8,
    /// Opcode nibble, defined or not.
    pub opcode: u8,
    /// The masking key, if there is one.
    pub mask: Option<[u8; 4]>,
    /// Payload bytes that the header promises.
    pub payload_length: u64,
    /// Whether every payload byte was seen.
    pub complete: bool,
}

impl FilterSubject<'_> {
    /// A row of a kind, about which nothing else is known.
    pub fn new(kind: EntryClass, origin: Origin, start: Timestamp) -> Self {
        Self {
            kind,
            origin,
            start,
            connection: None,
            direction: None,
            span: None,
            message: None,
            frame: None,
            handshake: None,
            outcome: None,
            cause: None,
            findings: &[],
            intermediaries: &[],
        }
    }
}

/// What kind of row it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EntryClass {
    /// A message or control frame.
    Message,
    /// A frame, where frames are shown.
    Frame,
    /// The request or response of an opening handshake, or that of a tunnel.
    Handshake,
    /// Missing bytes.
    Gap,
    /// Anything else that happened on a connection.
    Incident,
    /// The end of a connection.
    End,
    /// A finding that belongs to no row.
    Finding,
}

impl EntryClass {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Message,
        Self::Frame,
        Self::Handshake,
        Self::Gap,
        Self::Incident,
        Self::End,
        Self::Finding,
    ];

    /// The name that expressions use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Frame => "frame",
            Self::Handshake => "handshake",
            Self::Gap => "gap",
            Self::Incident => "incident",
            Self::End => "end",
            Self::Finding => "finding",
        }
    }
}

/// What a field has in a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum FieldValue<'a> {
    /// All numbers from `low` to `high`; nearly always one.
    Number { low: u64, high: u64 },
    /// Bytes that are all there are.
    Text(Cow<'a, [u8]>),
    /// The beginning of a text whose rest was not kept: it is not equal to any text.
    Beginning(&'a [u8]),
    /// An address, with a port where the field has one.
    Address { ip: IpAddr, port: Option<u16> },
    /// The id of a rule.
    Rule(&'static str),
}

impl<'a> FieldValue<'a> {
    pub(super) fn number(number: impl Into<u64>) -> Self {
        let number = number.into();
        Self::Number { low: number, high: number }
    }

    pub(super) fn text(text: &'a [u8]) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}
