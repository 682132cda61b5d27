//! The Sec-WebSocket-Keys of all connections: a key is for one handshake only (RFC 6455 §4.1).

use std::collections::VecDeque;

use foldhash::{HashMap, HashMapExt};

use crate::analysis::event::ConnectionId;
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
    pub(crate) fn asked(&mut self, key: &[u8], connection: ConnectionId, packet: PacketId) {
        if key.len() > LONGEST_KEY {
            return;
        }
        let now = KeyUse { connection, packet, stage: KeyStage::Pending };
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

    #[test]
    fn the_oldest_key_is_forgotten_first() {
        let mut keys = HandshakeKeys::default();
        let key = |number: usize| number.to_string().into_bytes();
        for number in 0..=REMEMBERED {
            keys.asked(&key(number), ConnectionId(1), PacketId(1));
        }
        assert_eq!(keys.used(&key(0)), None);
        assert!(keys.used(&key(1)).is_some() && keys.used(&key(REMEMBERED)).is_some());
        assert_eq!((keys.uses.len(), keys.order.len()), (REMEMBERED, REMEMBERED));
    }

    #[test]
    fn an_answer_counts_for_its_own_connection() {
        let mut keys = HandshakeKeys::default();
        keys.asked(b"k", ConnectionId(1), PacketId(4));
        keys.answered(b"k", ConnectionId(2));
        assert_eq!(keys.used(b"k").map(|used| used.stage), Some(KeyStage::Pending));
        keys.answered(b"k", ConnectionId(1));
        assert_eq!(keys.used(b"k").map(|used| used.stage), Some(KeyStage::Answered));
    }
}
