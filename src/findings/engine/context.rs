//! What a rule is shown: the event, and what is remembered.

use crate::analysis::event::Connection;
use crate::findings::across::attempts::Attempts;
use crate::findings::across::dns_names::Names;
use crate::findings::across::handshake_keys::Keys;
use crate::findings::across::proxied_requests::Legs;
use crate::findings::across::server_restarts::Restarts;
use crate::findings::across::tls_ports::TlsPorts;
use crate::findings::settings::{Reading, Settings};
use crate::findings::state::capture::CaptureFacts;
use crate::findings::state::connection::{Facts, SideFacts};
use crate::stream::Direction;
use crate::websocket::{Frame, Message};

/// An event on a connection, before it is remembered, and all that was remembered before it.
#[derive(Debug)]
pub(crate) struct Scene<'a, T> {
    pub(crate) connection: &'a Connection,
    /// What is remembered of this connection.
    pub(crate) facts: &'a Facts,
    /// What is remembered of the handshakes of all connections.
    pub(crate) keys: &'a Keys,
    /// Where TLS is spoken.
    pub(crate) tls_ports: &'a TlsPorts,
    /// What is remembered of requests that go through proxies.
    pub(crate) legs: &'a Legs,
    /// Attempts to connect that have ended.
    pub(crate) attempts: &'a Attempts,
    pub(crate) settings: &'a Settings,
    pub(crate) subject: T,
}

/// The whole capture, at its end.
#[derive(Debug)]
pub(crate) struct CaptureScene<'a> {
    pub(crate) facts: &'a CaptureFacts,
    /// Attempts to connect.
    pub(crate) attempts: &'a Attempts,
    /// Names that were asked for.
    pub(crate) names: &'a Names,
    /// Closes of servers that went away.
    pub(crate) restarts: &'a Restarts,
    /// What only the reader of the capture knows.
    pub(crate) reading: &'a Reading<'a>,
    /// Rules that connections have broken.
    pub(crate) told: &'a [&'static str],
}

impl CaptureScene<'_> {
    /// Whether a connection has this finding, so that it needs not be told of the whole capture.
    pub(crate) fn has_told(&self, id: &str) -> bool {
        self.told.contains(&id)
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
pub(crate) struct BadText {
    pub(crate) direction: Direction,
    /// Offset of the first impossible byte in the (inflated) message.
    pub(crate) byte: u64,
}

/// Text where a frame should start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nonsense<'a> {
    pub(crate) bytes: &'a [u8],
}

impl<T> Scene<'_, T> {
    /// What is remembered of the sender of a direction.
    pub(crate) fn sender(&self, direction: Direction) -> &SideFacts {
        self.facts.sides.get(direction)
    }

    /// What is remembered of the receiver of a direction.
    pub(crate) fn receiver(&self, direction: Direction) -> &SideFacts {
        self.facts.sides.get(direction.reverse())
    }
}
