//! Entries, and what receives them.

use crate::analysis::PayloadPacket;
use crate::analysis::event::{
    CaptureEvent, Connection, ConnectionId, DnsMessage, Ending, IcmpError, Limit, Recognition,
    SocksExchange, StrayBytes,
};
use crate::findings::{ExcludedCause, Finding, RelatedConnections, Revision, Rule};
use crate::http::Handshake;
use crate::proxy::ProxyHeader;
use crate::stream::{Direction, Gap, Origin, Span};
use crate::tls;
use crate::websocket::{Frame, Message};

/// Number of an entry, from 0 in the order in which things became known.
///
/// The same in every pass over the same capture, whatever the journal asks for: frames are numbered
/// even if no journal takes their entries.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EntryId(pub u64);

/// One thing that happened.
///
/// Borrows from the packet, or from what the layers keep: a journal that wants to keep something
/// copies it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its number.
    pub id: EntryId,
    /// The connection it is about; `None` for what is about the capture as a whole, and for findings
    /// of [`EntryKind::Finding`] whose connection has ended.
    pub connection: Option<&'a Connection>,
    /// The packet by which it became known. Its time is the entry's time.
    pub origin: Origin,
    /// Who sent it, or in which direction something is missing; `None` for what is about both.
    pub direction: Option<Direction>,
    /// Where it is in the stream of `direction`, and its packets; `None` if it is in no stream.
    pub span: Option<Span>,
    /// What it is.
    pub kind: EntryKind<'a>,
    /// What was found about it, in the order in which it was found.
    pub findings: &'a [Found],
    /// How many of `findings`, from the first, are in the entries of its frames as well, which this
    /// journal has taken. Only messages of several frames have some, unless a journal takes the
    /// frames of all messages.
    pub repeated: usize,
    /// What it answers, or what has answered it already: Ping and Pong, request and response.
    pub partner: Option<Partner>,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum EntryKind<'a> {
    /// The first packet of a connection.
    Opened,
    /// The head of a request that asks for a WebSocket or bears traces of one. The handshake has no
    /// response yet.
    Request(&'a Handshake),
    /// The head of the final response to one, whatever its status.
    Response(&'a Handshake),
    /// No response came before the connection or the capture ended.
    NoResponse(&'a Handshake),
    /// An HTTP proxy was asked for a tunnel. The entry is where the request is.
    Tunnel(TunnelAnswer, &'a Handshake),
    /// A proxy named the client for which it opened the connection.
    ProxyHeader(&'a ProxyHeader),
    /// A SOCKS proxy was asked for a connection; how that ended.
    Socks(&'a SocksExchange),
    /// Bytes that belong to no protocol that is read.
    StrayBytes(&'a StrayBytes),
    /// Something that TLS shows without its secrets.
    Tls(&'a tls::Observation<'a>),
    /// WebSocket without its handshake was recognized.
    Recognized(Recognition),
    /// A frame whose payload is whole or never will be. Precedes the message that it ends. Given
    /// only to journals that [take](Journal::takes_frame) it.
    Frame(&'a Frame),
    /// A message or control frame that is whole or never will be.
    Message(&'a Message<'a>),
    /// Bytes are missing. The span is that of the missing bytes.
    Gap(Gap),
    /// Frame boundaries are unknown from the start of the span.
    SyncLost,
    /// Frame boundaries were found again; the span is what was skipped.
    SyncFound,
    /// Text where a frame should start: these bytes of it. Nothing more of this direction is read.
    NotAFrame(&'a [u8]),
    /// The stream ended within a frame header; these bytes of it were seen.
    HeaderUnfinished(&'a [u8]),
    /// The bytes of the span were received twice with different content; the first version was used.
    Conflict,
    /// A limit was reached and data was dropped.
    Limit(Limit),
    /// A peer ended its direction of TCP.
    Fin,
    /// A peer reset the connection, or the server refused it: see
    /// [`Connection::state`](crate::analysis::event::Carrier::state).
    Reset,
    /// The last entry of a connection.
    Ended {
        /// What is known of its end.
        ending: Ending,
        /// Rules broken more often than findings are given one by one.
        folded: &'a [FoldedFindings],
    },
    /// The one finding of this entry concerns no entry that follows: it is about the capture as a
    /// whole, about an entry that was given before it was found (see [`Finding::direction`] and
    /// [`Finding::offset`]), about a frame that is part of no message and was not taken, or about a
    /// connection that has ended.
    Finding,
    /// A DNS message.
    Dns(&'a DnsMessage),
    /// An ICMP error about a TCP segment.
    Icmp(&'a IcmpError),
    /// Something about the capture as a whole.
    Capture(CaptureEvent),
}

/// What a proxy did about a tunnel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TunnelAnswer {
    /// It agreed; what follows is read anew.
    Opened,
    /// It refused, or did not answer.
    Refused,
}

/// Another entry that belongs to an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Partner {
    /// Its number. It precedes the entry, even if its packets do not.
    pub id: EntryId,
    /// Its last packet.
    pub last: Origin,
}

/// A finding with its number.
#[derive(Clone, Debug)]
pub struct Found {
    /// From 0 in the order in which findings were made, over the whole capture.
    pub number: u64,
    /// The finding.
    pub finding: Finding,
    /// Of the cause that explains its connection: the rules that were broken because of it, as far as is known.
    pub consequences: Option<Vec<&'static str>>,
}

/// Findings that were only counted.
#[derive(Clone, Copy, Debug)]
pub struct FoldedFindings {
    /// The rule.
    pub rule: &'static Rule,
    /// How many more there are than those given one by one.
    pub count: u64,
}

/// Receives what happened.
///
/// Only [`Journal::entry`] is required. A journal matches the kinds of entries that it shows and
/// ignores the others.
pub trait Journal {
    /// Takes one entry, complete with its findings.
    fn entry(&mut self, entry: &Entry<'_>);

    /// Whether the entry of this frame is wanted. No frame is unless a journal says so.
    fn takes_frame(&self, _frame: &Frame) -> bool {
        false
    }

    /// Takes a frame whose header is whole: before its entry, and before that of its message.
    fn frame_started(&mut self, _connection: &Connection, _direction: Direction, _frame: &Frame) {}

    /// Takes a finding as soon as it is made: before the entry that it belongs to, which may be a
    /// message that is not complete for a long time. Every finding is given here once.
    fn finding(&mut self, _found: &Found) {}

    /// Learns that a finding, which was given before, is more or less bad than it seemed.
    fn revised(&mut self, _revision: Revision) {}

    /// Learns which connections have to do with WebSocket, as far as is known: after the entries of each
    /// packet that brings some, if rules are checked.
    fn related(&mut self, _related: &RelatedConnections) {}

    /// Takes the causes that what was captured of a connection excludes, before the entry of its end.
    fn excluded(&mut self, _connection: ConnectionId, _excluded: &[ExcludedCause]) {}

    /// Memory taken by what it keeps of the network, in bytes, for the budget.
    fn kept(&self) -> usize {
        0
    }

    /// Learns what the packet being read carries, before the entries that it brings.
    fn payload_packet(&mut self, _packet: PayloadPacket<'_>) {}
}

impl<J: Journal> Journal for &mut J {
    fn entry(&mut self, entry: &Entry<'_>) {
        (**self).entry(entry);
    }

    fn takes_frame(&self, frame: &Frame) -> bool {
        (**self).takes_frame(frame)
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        (**self).frame_started(connection, direction, frame);
    }

    fn revised(&mut self, revision: Revision) {
        (**self).revised(revision);
    }

    fn excluded(&mut self, connection: ConnectionId, excluded: &[ExcludedCause]) {
        (**self).excluded(connection, excluded);
    }

    fn finding(&mut self, found: &Found) {
        (**self).finding(found);
    }

    fn related(&mut self, related: &RelatedConnections) {
        (**self).related(related);
    }

    fn kept(&self) -> usize {
        (**self).kept()
    }

    fn payload_packet(&mut self, packet: PayloadPacket<'_>) {
        (**self).payload_packet(packet);
    }
}

impl<'a> Entry<'a> {
    /// An entry about a connection, without findings and in no stream.
    pub fn new(connection: &'a Connection, origin: Origin, kind: EntryKind<'a>) -> Self {
        Self { connection: Some(connection), ..Self::of_capture(origin, kind) }
    }

    /// An entry about no connection.
    pub fn of_capture(origin: Origin, kind: EntryKind<'a>) -> Self {
        Self {
            id: EntryId::default(),
            connection: None,
            origin,
            direction: None,
            span: None,
            kind,
            findings: &[],
            repeated: 0,
            partner: None,
        }
    }

    /// The same entry within the stream of a direction.
    #[must_use]
    pub fn within(self, direction: Direction, span: Span) -> Self {
        Self { direction: Some(direction), span: Some(span), ..self }
    }
}
