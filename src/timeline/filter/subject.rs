//! What a filter looks at: one row, with all that is known of it.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::analysis::event::{Connection, Outcome, TcpState};
use crate::findings::Finding;
use crate::http::Handshake;
use crate::stream::{Direction, Origin, Timestamp};
use crate::websocket::{Frame, Message};

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
    pub connection: Option<&'a Connection>,
    /// Who sent it.
    pub direction: Option<Direction>,
    /// The message.
    pub message: Option<&'a Message<'a>>,
    /// The frame; of a message, its first one.
    pub frame: Option<&'a Frame>,
    /// The opening handshake of the connection, as far as known.
    pub handshake: Option<&'a Handshake>,
    /// What became of the connection, if that is known.
    pub outcome: Option<Outcome>,
    /// The last state of its TCP, if that is known; otherwise it is that of `connection`.
    pub state: Option<TcpState>,
    /// What it breaks.
    pub findings: &'a [&'a Finding],
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
            message: None,
            frame: None,
            handshake: None,
            outcome: None,
            state: None,
            findings: &[],
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
    pub fn name(self) -> &'static str {
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
    /// The beginning of a text, the rest of which was not kept: it equals no text.
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
