//! Everything that leaves the analyzer.
//!
//! Events are emitted in the order in which they become known, which is packet order but for bytes
//! that had to wait for a hole to be filled. They *borrow*: a consumer that wants to keep something
//! copies it.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

pub use crate::analysis::carrier::{Carrier, ClockSteps, StartedBy};
pub use crate::analysis::dns::Lookup;
pub use crate::analysis::intermediary::{
    Intermediary, IntermediaryKind, SocksExchange, SocksOutcome, StrayBytes, StrayPlace,
};
pub use crate::analysis::tcp_health::{
    Network, Opening, Resent, Reset, Stalls, Unanswered, Unreachable,
};
pub use crate::decode::{DnsMessage, IcmpError};

use crate::decode::Reason;
use crate::http::Handshake;
use crate::proxy::ProxyHeader;
use crate::stream::{
    Chunk, Direction, Gap, Origin, PerDirection, Span, Timestamp, length_u64, length_usize,
};
pub use crate::tcp::TcpState;
use crate::tls;
use crate::websocket::{Compression, Frame, Message, MessageCounts, Observation};

/// Number of a connection, from 1 in order of its first packet, over all TCP connections.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConnectionId(pub u64);

/// Something observed, and the packet that brought it.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The packet that carried the last byte of what the event reports; for the end of a connection,
    /// its last packet. Its time is the event's time.
    pub origin: Origin,
    /// What was observed.
    pub kind: EventKind<'a>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug)]
pub enum EventKind<'a> {
    /// Something on one TCP connection.
    Connection(&'a Connection, ConnectionEvent<'a>),
    /// Something about the capture as a whole.
    Capture(CaptureEvent),
    /// A name was asked for, or an answer came.
    Dns(&'a DnsMessage),
    /// An ICMP error about a TCP segment. If the connection that it quotes is followed, its
    /// [`Network::unreachable`] knows of it already.
    Icmp(&'a IcmpError),
}

/// One conversation, and what is known of it at any time: a WebSocket, or what may become one, whatever
/// carries it.
///
/// What is known of its carrier is reached through it: `connection.state` is the state of its TCP.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its number.
    pub id: ConnectionId,
    /// A small number that no other connection has at the same time; taken again once it has ended.
    pub slot: usize,
    /// Its number among the conversations of its carrier, where that may have several.
    pub stream: Option<u64>,
    /// What carries the WebSocket, as far as known.
    pub transport: Transport,
    /// What it turned out to be so far.
    pub nature: Nature,
    /// How messages are compressed; meaningful once it is a WebSocket.
    pub compression: PerDirection<Compression>,
    /// WebSocket frames begun.
    pub frames: PerDirection<u64>,
    /// WebSocket messages and control frames.
    pub messages: PerDirection<MessageCounts>,
    /// Whether a Close frame was seen.
    pub closes: PerDirection<bool>,
    /// Whether the last answer to a handshake or CONNECT was a refusal.
    pub is_rejected: bool,
    /// Whether it cannot be known whether it was to be a WebSocket: a short snap length cut its heads, and
    /// nothing that was recorded decides.
    pub is_undecided: bool,
    /// What followed the head of the latest response that refused an upgrade.
    pub refusal: Option<Box<Refusal>>,
    /// What carries it.
    pub carrier: Box<Carrier>,
}

impl Connection {
    /// A connection between client and server (in this order) before its first packet.
    pub fn new(
        id: ConnectionId,
        peers: [SocketAddr; 2],
        started_by: StartedBy,
        first: Origin,
    ) -> Self {
        Self {
            id,
            slot: 0,
            stream: None,
            transport: Transport::Tcp,
            nature: Nature::Unknown,
            compression: PerDirection { client: Compression::None, server: Compression::None },
            frames: PerDirection::default(),
            messages: PerDirection::default(),
            closes: PerDirection::default(),
            is_rejected: false,
            is_undecided: false,
            refusal: None,
            carrier: Box::new(Carrier::new(peers, started_by, first)),
        }
    }

    /// Exchanges client and server: evidence came that the first guess was wrong.
    pub(super) fn swap_roles(&mut self) {
        self.carrier.swap_roles();
        self.closes.swap();
    }
}

impl Deref for Connection {
    type Target = Carrier;

    #[inline]
    fn deref(&self) -> &Carrier {
        &self.carrier
    }
}

impl DerefMut for Connection {
    #[inline]
    fn deref_mut(&mut self) -> &mut Carrier {
        &mut self.carrier
    }
}

/// What followed the head of a response that refused an upgrade: servers and proxies explain why there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Refusal {
    /// Stream offset of its first byte.
    pub offset: u64,
    /// Its beginning as it was sent, perhaps in chunks or compressed; at most [`Refusal::MOST`] bytes.
    pub body: Vec<u8>,
}

impl Refusal {
    /// Bytes that are kept.
    pub const MOST: usize = 512;

    /// Takes what belongs to it of a chunk of the server.
    pub(super) fn add(&mut self, chunk: Chunk<'_>) {
        let next = self.offset.saturating_add(length_u64(self.body.len()));
        let room = Self::MOST.saturating_sub(self.body.len());
        if chunk.offset <= next {
            let part = chunk.skip(length_usize(next.saturating_sub(chunk.offset))).take(room);
            self.body.extend_from_slice(part.bytes);
        }
    }
}

/// What carries the WebSocket bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// TCP in the clear.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// A stream of HTTP/2.
    H2,
}

/// What a connection turned out to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Nature {
    /// Nothing is known yet: no payload, or too little of it.
    Unknown,
    /// HTTP/1.x, and nothing of WebSocket so far.
    Http,
    /// HTTP/1.x that asked for a WebSocket or bears traces of one; not (yet) accepted.
    UpgradeRequested,
    /// A WebSocket.
    WebSocket,
    /// Bytes that cannot be read without more knowledge (TLS without keys).
    Unreadable,
    /// HTTP/2 in the clear, which is not decoded.
    Http2,
    /// Some other protocol.
    Other,
}

/// What became of a connection, for the `outcome` field.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// Still open when the capture ended.
    Open,
    /// A WebSocket with a Close from each side that was captured (RFC 6455 §7.1.4: closed cleanly),
    /// or a connection without payload that ended with FIN.
    Closed,
    /// A WebSocket that ended without a Close from each side, or a connection that was reset before
    /// it was one, or whose TLS handshake came to nothing.
    Aborted,
    /// RST answered the SYN.
    Refused,
    /// No answer to the SYN, or none to the upgrade request.
    Timeout,
    /// The upgrade request was answered with something else than 101.
    Rejected,
    /// Not a WebSocket.
    NotWebSocket,
    /// Encrypted without secrets, or a protocol that is not decoded.
    Undecodable,
}

impl Transport {
    /// The name used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::H2 => "h2",
        }
    }
}

impl Outcome {
    /// The name used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Aborted => "aborted",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
            Self::NotWebSocket => "not_websocket",
            Self::Undecodable => "undecodable",
        }
    }
}

/// Something on one connection.
#[derive(Clone, Copy, Debug)]
pub enum ConnectionEvent<'a> {
    /// Its first packet.
    Opened,
    /// The head of a request that asks for a WebSocket, or bears traces of one, is whole. The
    /// handshake has no response yet.
    UpgradeRequested(&'a Handshake),
    /// The final response to such a request is whole (whatever its status), or, with no response
    /// in it, none came before the connection or the capture ended.
    HandshakeEnded(&'a Handshake),
    /// A proxy named the client for which it opened the connection; the span is that of its header.
    ProxyHeader(&'a ProxyHeader, Span),
    /// The dialog with a SOCKS proxy is over, or the connection ended in it; the span is what the client
    /// sent in it. If the proxy agreed, what follows is read anew.
    Socks(&'a SocksExchange, Span),
    /// Bytes that belong to no protocol that is read, before, after or instead of what was expected.
    StrayBytes(&'a StrayBytes),
    /// An HTTP proxy was asked for a tunnel and agreed; what follows is read anew.
    TunnelOpened(&'a Handshake),
    /// An HTTP proxy was asked for a tunnel and refused, or did not answer.
    TunnelRefused(&'a Handshake),
    /// A part of TLS that is visible without secrets, and who sent it. Records are not reported
    /// individually; of data that is not TLS, only the beginning is.
    Tls(Direction, &'a tls::Observation<'a>),
    /// WebSocket without its handshake: recognised by its frames, or declared by the user.
    Recognized(Recognition),
    /// A frame header is whole.
    FrameStarted(Direction, &'a Frame),
    /// A frame's payload is whole, or never will be.
    FrameEnded(Direction, &'a Frame),
    /// A text message or a Close reason stopped being UTF-8. The stream offset of the frame that
    /// carries the first impossible byte is in `span`; `byte` counts from the message's start.
    InvalidUtf8 {
        /// Who sent it.
        direction: Direction,
        /// Offset of the impossible byte within the (inflated) message, in bytes.
        byte: u64,
        /// The frame that carries it.
        span: Span,
    },
    /// A message or control frame is whole, or never will be.
    Message(Direction, &'a Message<'a>),
    /// Text was sent instead of a frame: nothing more of this direction can be decoded.
    NotAFrame(Direction, &'a [u8], Span),
    /// The stream ended within a frame header; these bytes of it were seen.
    HeaderUnfinished(Direction, &'a [u8], Span),
    /// Bytes are missing.
    Gap(Direction, Gap),
    /// A gap or invalid data hid a frame header: frame boundaries are lost.
    SyncLost(Direction, Span),
    /// Frame boundaries were found again; the span covers what was skipped.
    SyncFound(Direction, Span),
    /// The same stream bytes came twice with different content; those of the first were used.
    Conflict(Direction, Span),
    /// A limit was reached and data was let go.
    Limit(Limit),
    /// The peers' FIN or RST: the state changed.
    StateChanged,
    /// The last event of a connection.
    Ended(Ending),
}

impl<'a> ConnectionEvent<'a> {
    /// What the decoder of a direction observed.
    pub fn of_frames(direction: Direction, seen: Observation<'a>) -> Self {
        match seen {
            Observation::FrameStarted(frame) => Self::FrameStarted(direction, frame),
            Observation::FrameEnded(frame) => Self::FrameEnded(direction, frame),
            Observation::InvalidUtf8 { byte, span } => Self::InvalidUtf8 { direction, byte, span },
            Observation::Message(message) => Self::Message(direction, message),
            Observation::SyncLost(span) => Self::SyncLost(direction, span),
            Observation::SyncFound(span) => Self::SyncFound(direction, span),
            Observation::NotAFrame(bytes, span) => Self::NotAFrame(direction, bytes, span),
        }
    }
}

/// How WebSocket was recognised without a handshake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Recognition {
    /// The user said so (`--decode-as`).
    Forced,
    /// Its frames fit together too well for anything else.
    Frames,
}

/// A limit that was reached.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Limit {
    /// Out-of-order bytes kept for one connection.
    BufferedPerConnection,
    /// Out-of-order bytes kept for all connections together.
    BufferedTotal,
    /// Open connections.
    Connections,
    /// Bytes of an HTTP head.
    HeadBytes,
    /// Bytes of the network kept for all connections together, for whatever reason; reported of the first
    /// connection that had to let something go.
    Memory,
}

/// What is known when a connection ends.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// What became of it.
    pub outcome: Outcome,
    /// Whether it carried WebSocket, requested it, shows traces of it, or ended too early to know.
    pub relevant: bool,
    /// The direction without any packet in the capture, although the other one shows that it had
    /// some.
    pub unseen: Option<Direction>,
    /// The time up to which the connection was watched: that of its last packet, or, where the capture
    /// ended first, of the capture's last packet.
    pub watched_until: Timestamp,
}

/// Something about the capture as a whole.
#[derive(Clone, Copy, Debug)]
pub enum CaptureEvent {
    /// The packet gave no segment and counts: unsupported link type, malformed, fragment limit.
    Undecoded(Reason),
    /// A packet was cut by the snap length.
    CutPacket {
        /// Captured bytes.
        captured: u32,
        /// Bytes on the wire.
        original: u32,
    },
    /// A packet has an earlier time than the packet before it, by so many nanoseconds.
    ClockBackwards(u64),
}
