//! What belongs together: Ping and Pong, request and response.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use foldhash::{HashMap, HashMapExt};

use super::entry::{EntryId, Partner};
use crate::analysis::event::ConnectionId;
use crate::stream::{Direction, PerDirection, Span};
use crate::websocket::{Message, Opcode};

/// Entries of open connections that may have a partner yet to come.
///
/// Memory grows with open connections that have some.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    open: HashMap<ConnectionId, OpenPairs>,
}

/// What waits for a partner on one connection.
#[derive(Debug, Default)]
struct OpenPairs {
    request: Option<Partner>,
    /// Pings that no Pong has answered, by sender.
    pings: PerDirection<VecDeque<UnpairedControl>>,
    /// Pongs that answer nothing known yet, by sender: their Pings may have to wait for a hole to be
    /// filled.
    pongs: PerDirection<VecDeque<UnpairedControl>>,
}

/// A Ping or Pong that waits for its partner.
#[derive(Clone, Copy, Debug)]
struct UnpairedControl {
    entry: Partner,
    span: Span,
    /// Fingerprint of its payload.
    payload: u64,
}

impl Pairs {
    pub(super) fn new() -> Self {
        Self { open: HashMap::new() }
    }

    /// Remembers a request.
    pub(super) fn request(&mut self, connection: ConnectionId, id: EntryId, span: Span) {
        let entry = Partner { id, last: span.last };
        self.open.entry(connection).or_default().request = Some(entry);
    }

    /// The request that a response, or the lack of one, belongs to.
    pub(super) fn response(&mut self, connection: ConnectionId) -> Option<Partner> {
        self.open.get_mut(&connection)?.request.take()
    }

    /// The partner of a message that is known already. A Ping or Pong without one is remembered.
    ///
    /// A Pong answers the oldest Ping with its payload; those before it need no answer any more (RFC
    /// 6455 §5.5.3).
    pub(super) fn message(
        &mut self,
        connection: ConnectionId,
        id: EntryId,
        direction: Direction,
        message: &Message<'_>,
    ) -> Option<Partner> {
        let is_ping = match message.opcode {
            Opcode::Ping => true,
            Opcode::Pong => false,
            Opcode::Continuation | Opcode::Text | Opcode::Binary | Opcode::Close => return None,
        };
        let payload = fingerprint(message.content);
        let open = self.open.entry(connection).or_default();
        let other = direction.reverse();
        let partner = if is_ping {
            let pongs = open.pongs.get_mut(other);
            let place = pongs.iter().position(|pong| {
                pong.payload == payload && pong.span.first.packet > message.span.last.packet
            });
            place.and_then(|place| pongs.remove(place))
        } else {
            let pings = open.pings.get_mut(other);
            let place = pings.iter().position(|ping| ping.payload == payload);
            place.and_then(|place| pings.drain(..=place).next_back())
        };
        if partner.is_none() {
            let waiting = if is_ping { &mut open.pings } else { &mut open.pongs };
            let waiting = waiting.get_mut(direction);
            if waiting.len() >= MAX_UNPAIRED {
                waiting.pop_front();
            }
            let entry = Partner { id, last: message.span.last };
            waiting.push_back(UnpairedControl { entry, span: message.span, payload });
        }
        partner.map(|control| control.entry)
    }

    /// Forgets a connection that has ended.
    pub(super) fn end(&mut self, connection: ConnectionId) {
        if !self.open.is_empty() {
            self.open.remove(&connection);
        }
    }
}

/// A fingerprint, the same in every run.
fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// Pings of one side that may wait for a Pong, and Pongs for a Ping.
const MAX_UNPAIRED: usize = 64;
