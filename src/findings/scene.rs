//! What a rule is shown: the event, and what is remembered.

use crate::analysis::event::Connection;
use crate::findings::Settings;
use crate::findings::attempts::Attempts;
use crate::findings::capture_facts::CaptureFacts;
use crate::findings::facts::{Facts, SideFacts};
use crate::findings::keys::Keys;
use crate::findings::legs::Legs;
use crate::findings::names::Names;
use crate::findings::restarts::Restarts;
use crate::findings::tls::TlsPorts;
use crate::stream::{Direction, PacketId};
use crate::websocket::{Frame, Message};

/// An event on a connection, before it is remembered, and all that was remembered before it.
#[derive(Debug)]
pub(super) struct Scene<'a, T> {
    pub(super) connection: &'a Connection,
    /// What is remembered of this connection.
    pub(super) facts: &'a Facts,
    /// What is remembered of the handshakes of all connections.
    pub(super) keys: &'a Keys,
    /// Where TLS is spoken.
    pub(super) tls_ports: &'a TlsPorts,
    /// What is remembered of requests that go through proxies.
    pub(super) legs: &'a Legs,
    /// Attempts to connect that have ended.
    pub(super) attempts: &'a Attempts,
    pub(super) settings: &'a Settings,
    pub(super) subject: T,
}

/// The whole capture, at its end.
#[derive(Debug)]
pub(super) struct CaptureScene<'a> {
    pub(super) facts: &'a CaptureFacts,
    /// Attempts to connect.
    pub(super) attempts: &'a Attempts,
    /// Names that were asked for.
    pub(super) names: &'a Names,
    /// Closes of servers that went away.
    pub(super) restarts: &'a Restarts,
    /// What only the reader of the capture knows.
    pub(super) reading: &'a Reading<'a>,
    /// Rules that connections have broken.
    pub(super) told: &'a [&'static str],
}

impl CaptureScene<'_> {
    /// Whether a connection has this finding, so that it needs not be told of the whole capture.
    pub(super) fn has_told(&self, id: &str) -> bool {
        self.told.contains(&id)
    }
}

/// What only the reader of a capture knows about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading<'a> {
    /// Packets read.
    pub packets: u64,
    /// Why nothing could be read behind the last packet.
    pub damage: Option<&'a str>,
    /// Damaged blocks that were skipped, in words.
    pub skipped: &'a [String],
    /// Packets that the capturing machine lost.
    pub dropped: u64,
    /// The last packet of those that were let go, where there was no room to keep all for looking at them again.
    pub let_go: Option<PacketId>,
}

/// A frame, and who sent it.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameSeen<'a> {
    pub(super) direction: Direction,
    pub(super) frame: &'a Frame,
}

/// A message, and who sent it.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageSeen<'a> {
    pub(super) direction: Direction,
    pub(super) message: &'a Message<'a>,
}

/// A text that stopped being UTF-8.
#[derive(Clone, Copy, Debug)]
pub(super) struct BadText {
    pub(super) direction: Direction,
    /// Offset of the first impossible byte in the (inflated) message.
    pub(super) byte: u64,
}

/// Text where a frame should start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nonsense<'a> {
    pub(super) bytes: &'a [u8],
}

impl<T> Scene<'_, T> {
    /// What is remembered of the sender of a direction.
    pub(super) fn sender(&self, direction: Direction) -> &SideFacts {
        self.facts.sides.get(direction)
    }

    /// What is remembered of the receiver of a direction.
    pub(super) fn receiver(&self, direction: Direction) -> &SideFacts {
        self.facts.sides.get(direction.reverse())
    }
}
