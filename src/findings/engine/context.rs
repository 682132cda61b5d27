//! What a rule is shown: the event, and what is remembered.

use crate::analysis::event::Connection;
use crate::findings::across::attempts::Attempts;
use crate::findings::across::dns_names::DnsNames;
use crate::findings::across::handshake_keys::HandshakeKeys;
use crate::findings::across::proxied_requests::ProxiedRequests;
use crate::findings::across::server_restarts::ServerRestarts;
use crate::findings::across::tls_ports::TlsPorts;
use crate::findings::settings::{Reading, Settings};
use crate::findings::state::capture::CaptureMemory;
use crate::findings::state::connection::{ConnectionState, PeerState};
use crate::stream::Direction;
use crate::websocket::{Frame, Message};

/// An event on a connection, before it is remembered, and all that was remembered before it.
#[derive(Debug)]
pub(crate) struct RuleContext<'a, T> {
    pub(crate) connection: &'a Connection,
    /// What is remembered of this connection.
    pub(crate) state: &'a ConnectionState,
    /// What is remembered of the handshakes of all connections.
    pub(crate) keys: &'a HandshakeKeys,
    /// Where TLS is spoken.
    pub(crate) tls_ports: &'a TlsPorts,
    /// What is remembered of requests that go through proxies.
    pub(crate) proxied_requests: &'a ProxiedRequests,
    /// Attempts to connect that have ended.
    pub(crate) attempts: &'a Attempts,
    pub(crate) settings: &'a Settings,
    pub(crate) subject: T,
}

/// The whole capture, at its end.
#[derive(Debug)]
pub(crate) struct CaptureContext<'a> {
    pub(crate) state: &'a CaptureMemory,
    /// Attempts to connect.
    pub(crate) attempts: &'a Attempts,
    /// Names that were asked for.
    pub(crate) names: &'a DnsNames,
    /// Closes of servers that went away.
    pub(crate) restarts: &'a ServerRestarts,
    /// What only the reader of the capture knows.
    pub(crate) reading: &'a Reading<'a>,
    /// Rules that connections have broken.
    pub(crate) reported: &'a [&'static str],
}

impl CaptureContext<'_> {
    /// Whether a connection has this finding, so that it needs not be told of the whole capture.
    pub(crate) fn is_reported(&self, id: &str) -> bool {
        self.reported.contains(&id)
    }
}

/// A frame, and who sent it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameSeen<'a> {
    pub(crate) direction: Direction,
    pub(crate) frame: &'a Frame,
}

/// A message, and who sent it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageSeen<'a> {
    pub(crate) direction: Direction,
    pub(crate) message: &'a Message<'a>,
}

/// A text that stopped being UTF-8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InvalidUtf8 {
    pub(crate) direction: Direction,
    /// Offset of the first impossible byte in the (inflated) message.
    pub(crate) byte: u64,
}

/// Text where a frame should start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotAFrame<'a> {
    pub(crate) bytes: &'a [u8],
}

impl<T> RuleContext<'_, T> {
    /// What is remembered of the sender of a direction.
    pub(crate) fn sender(&self, direction: Direction) -> &PeerState {
        self.state.sides.get(direction)
    }

    /// What is remembered of the receiver of a direction.
    pub(crate) fn receiver(&self, direction: Direction) -> &PeerState {
        self.state.sides.get(direction.reverse())
    }
}
