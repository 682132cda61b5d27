//! Connections that a client opened and left without a byte.

use crate::analysis::event::{Connection, Nature, TcpState, Transport};
use crate::stream::{Direction, Origin};

/// When a client opened a connection that it did not use, and left it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Unused {
    /// TCP was open.
    pub(crate) opened: Origin,
    pub(crate) left: Origin,
    pub(crate) by: Leave,
}

/// How a client left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Leave {
    Fin,
    Reset,
}

impl Unused {
    /// When the client of a connection left it, if it did so soon, and nothing was sent before.
    pub(crate) fn of(connection: &Connection) -> Option<Self> {
        let network = &connection.network;
        let by = match connection.state {
            TcpState::Reset(Direction::ClientToServer) => Leave::Reset,
            TcpState::HalfClosed(_) | TcpState::Closed(_) => Leave::Fin,
            TcpState::Reset(Direction::ServerToClient)
            | TcpState::SynSent
            | TcpState::Refused
            | TcpState::Established => return None,
        };
        let left = match by {
            Leave::Reset => network.reset.map(|reset| reset.origin),
            Leave::Fin => network.fins.client,
        }?;
        let is_first = network.fins.server.is_none_or(|server| left.packet < server.packet);
        let is_empty = connection.bytes.client == 0
            && connection.bytes.server == 0
            && Direction::BOTH.into_iter().all(|direction| connection.is_captured(direction));
        let opened = network.opening.first_ack.or(network.opening.syn_ack)?;
        let is_soon = left.time.waited_since(opened.time) <= SOON;
        let is_plain = connection.nature == Nature::Unknown
            && connection.transport == Transport::Tcp
            && !connection.is_undecided;
        (is_plain && is_first && is_empty && is_soon).then_some(Self { opened, left, by })
    }

    /// Nanoseconds for which it was open.
    pub(crate) fn lasted(&self) -> u64 {
        self.left.time.waited_since(self.opened.time)
    }
}

/// Nanoseconds after which a client that leaves has waited for something.
const SOON: u64 = 1_000_000_000;
