//! Connections that the user asks about by name.

use std::net::{IpAddr, SocketAddr};

use crate::analysis::event::ConnectionId;

/// Connections that the user named, by number, port or address: whatever they carry, they matter.
#[derive(Clone, Debug, Default)]
pub struct NamedConnections(Vec<ConnectionName>);

/// How connections are named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConnectionName {
    /// By number.
    Number(ConnectionId),
    /// By the port of either peer.
    Port(u16),
    /// By the address of either peer, and the port if there is one.
    Peer(IpAddr, Option<u16>),
}

impl NamedConnections {
    /// Adds a name.
    pub fn add(&mut self, name: ConnectionName) {
        self.0.push(name);
    }

    /// Whether a connection between client and server is named.
    pub(crate) fn has(&self, id: ConnectionId, peers: [SocketAddr; 2]) -> bool {
        self.0.iter().any(|name| match *name {
            ConnectionName::Number(number) => number == id,
            ConnectionName::Port(port) => peers.iter().any(|peer| peer.port() == port),
            ConnectionName::Peer(ip, port) => peers
                .iter()
                .any(|peer| peer.ip() == ip && port.is_none_or(|port| peer.port() == port)),
        })
    }
}
