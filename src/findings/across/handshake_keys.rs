//! The Sec-WebSocket-Keys of all connections: a key is for one handshake only (RFC 6455 §4.1).

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use foldhash::{HashMap, HashMapExt};

use crate::analysis::event::{Connection, ConnectionId};
use crate::stream::PacketId;

/// Remembers which connection used which key.
#[derive(Debug)]
pub(crate) struct HandshakeKeys {
    uses: HashMap<Box<[u8]>, KeyUse>,
    /// The keys in the order in which they came: the oldest is forgotten first.
    order: VecDeque<Box<[u8]>>,
}

/// The latest handshake that used a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct KeyUse {
    pub(crate) connection: ConnectionId,
    /// The packet of its request.
    pub(crate) packet: PacketId,
    pub(crate) stage: KeyStage,
    /// Where a PROXY header precedes it.
    pub(crate) proxy_header: Option<PacketId>,
    client: IpAddr,
    pub(crate) server: SocketAddr,
}

impl KeyUse {
    /// Makes one of a request in a packet, which has no answer so far.
    pub(crate) fn new(connection: &Connection, packet: PacketId) -> Self {
        Self {
            connection: connection.id,
            packet,
            stage: KeyStage::Pending,
            proxy_header: connection.proxy_header().map(|span| span.last.packet),
            client: connection.client.ip(),
            server: connection.server,
        }
    }

    /// Whether two connections may be two legs of one: a proxy passed the handshake on, to another
    /// server than the one that it is itself. If their clocks differ, either may come first; within one machine
    /// there is one clock.
    pub(crate) fn may_be_passed_on(&self, other: &Connection) -> bool {
        let (client, server) = (other.client.ip(), other.server);
        let meets = self.server.ip() == client || server.ip() == self.client;
        self.server != server && meets && !client.is_loopback()
    }
}

/// Whether a handshake has its answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyStage {
    /// It waits: a proxy that passes the handshake on does so now, with the same key.
    Pending,
    Answered,
}

impl Default for HandshakeKeys {
    fn default() -> Self {
        Self { uses: HashMap::new(), order: VecDeque::new() }
    }
}

impl HandshakeKeys {
    /// The latest use of a key.
    pub(crate) fn used(&self, key: &[u8]) -> Option<KeyUse> {
        self.uses.get(key).copied()
    }

    /// Remembers a request.
    pub(crate) fn asked(&mut self, key: &[u8], now: KeyUse) {
        if key.len() > LONGEST_KEY {
            return;
        }
        if let Some(known) = self.uses.get_mut(key) {
            *known = now;
            return;
        }
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.uses.remove(&oldest);
        }
        self.uses.insert(key.into(), now);
        self.order.push_back(key.into());
    }

    /// Remembers that a request has its answer.
    pub(crate) fn answered(&mut self, key: &[u8], connection: ConnectionId) {
        if let Some(known) = self.uses.get_mut(key)
            && known.connection == connection
        {
            known.stage = KeyStage::Answered;
        }
    }
}

/// Keys that are remembered: the handshakes of the last minutes, also of a busy server.
const REMEMBERED: usize = 1 << 16;

/// A longer one is not a key (24 are right), and not worth remembering.
const LONGEST_KEY: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn used(connection: u64) -> KeyUse {
        KeyUse {
            connection: ConnectionId(connection),
            packet: PacketId(4),
            stage: KeyStage::Pending,
            proxy_header: None,
            client: IpAddr::from([192, 0, 2, 1]),
            server: SocketAddr::from(([192, 0, 2, 2], 80)),
        }
    }

    #[test]
    fn the_oldest_key_is_forgotten_first() {
        let mut keys = HandshakeKeys::default();
        let key = |number: usize| number.to_string().into_bytes();
        for number in 0..=REMEMBERED {
            keys.asked(&key(number), used(1));
        }
        assert_eq!(keys.used(&key(0)), None);
        assert!(keys.used(&key(1)).is_some() && keys.used(&key(REMEMBERED)).is_some());
        assert_eq!((keys.uses.len(), keys.order.len()), (REMEMBERED, REMEMBERED));
    }

    #[test]
    fn an_answer_counts_for_its_own_connection() {
        let mut keys = HandshakeKeys::default();
        keys.asked(b"k", used(1));
        keys.answered(b"k", ConnectionId(2));
        assert_eq!(keys.used(b"k").map(|used| used.stage), Some(KeyStage::Pending));
        keys.answered(b"k", ConnectionId(1));
        assert_eq!(keys.used(b"k").map(|used| used.stage), Some(KeyStage::Answered));
    }
}
