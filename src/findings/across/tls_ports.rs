//! Where TLS is spoken.

use std::net::SocketAddr;

use foldhash::HashMap;

use crate::analysis::event::ConnectionId;

/// Servers that have answered with TLS, and on which connection first.
#[derive(Debug, Default)]
pub(crate) struct TlsPorts {
    seen: HashMap<SocketAddr, ConnectionId>,
}

impl TlsPorts {
    /// Remembers that a server spoke TLS.
    pub(crate) fn add(&mut self, server: SocketAddr, connection: ConnectionId) {
        if self.seen.len() < MOST {
            self.seen.entry(server).or_insert(connection);
        }
    }

    /// A connection on which this server spoke TLS.
    pub(crate) fn connection(&self, server: SocketAddr) -> Option<ConnectionId> {
        self.seen.get(&server).copied()
    }
}

/// Servers that are remembered.
const MOST: usize = 4096;
