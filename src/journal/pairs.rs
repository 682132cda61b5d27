//! What belongs together: Ping and Pong, request and response.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use foldhash::{HashMap, HashMapExt};

use super::entry::{EntryId, Found, Partner};
use crate::analysis::event::{Connection, ConnectionId};
use crate::stream::{Direction, PerDirection, Span};
use crate::websocket::{AnsweredPing, Message, Opcode, UnpairedControls};

/// Entries of open connections that may have a partner yet to come.
///
/// Memory grows with open connections that have some.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    open: HashMap<ConnectionId, OpenPairs>,
    /// Pings and Pongs that wait for their partner.
    waiting: usize,
}

/// What waits for a partner on one connection.
#[derive(Debug, Default)]
struct OpenPairs {
    request: Option<OpenRequest>,
    /// Pings that no Pong has answered, by sender.
    pings: PerDirection<UnpairedControls<UnpairedControl>>,
    /// Pongs that answer nothing known yet, by sender: their Pings may have to wait for a hole to be
    /// filled.
    pongs: PerDirection<UnpairedControls<UnpairedControl>>,
}

/// A request that waits for its response.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenRequest {
    pub(super) entry: Partner,
    /// Stream offset of its head.
    pub(super) start: u64,
    /// Stream offset at which its response is expected: all that the server had sent before.
    pub(super) answer: u64,
}

/// A Ping or Pong that waits for its partner.
#[derive(Clone, Copy, Debug)]
struct UnpairedControl {
    entry: Partner,
    span: Span,
    /// Fingerprint of its payload.
    payload: u64,
}

impl OpenPairs {
    /// Pings and Pongs that wait.
    fn waiting(&self) -> usize {
        let controls = Direction::BOTH.map(|direction| {
            self.pings.get(direction).len().saturating_add(self.pongs.get(direction).len())
        });
        controls.into_iter().fold(0, usize::saturating_add)
    }
}

impl OpenRequest {
    /// Whether a finding made at the end of the connection is about the response that never came: it names
    /// the request, or what the server sent or did from the place of the response on.
    pub(super) fn has(&self, found: &Found) -> bool {
        match (found.finding.direction, found.finding.offset) {
            (Some(Direction::ClientToServer), Some(offset)) => offset == self.start,
            (Some(Direction::ServerToClient), offset) => {
                offset.is_none_or(|offset| offset >= self.answer)
            }
            (None, _) | (Some(Direction::ClientToServer), None) => false,
        }
    }
}

impl Pairs {
    pub(super) fn new() -> Self {
        Self { open: HashMap::new(), waiting: 0 }
    }

    /// Remembers a request.
    pub(super) fn request(&mut self, connection: &Connection, id: EntryId, span: Span) {
        let entry = Partner { id, last: span.last };
        let request = OpenRequest { entry, start: span.start, answer: connection.bytes.server };
        self.open.entry(connection.id).or_default().request = Some(request);
    }

    /// The request that a response, or the lack of one, belongs to.
    pub(super) fn response(&mut self, connection: ConnectionId) -> Option<OpenRequest> {
        self.open.get_mut(&connection)?.request.take()
    }

    /// The partner of a message that is known already. A Ping or Pong without one is remembered.
    ///
    /// Of several Pings with the same payload, a Pong answers the oldest.
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
        let (other, before) = (direction.reverse(), open.waiting());
        let partner = if is_ping {
            open.pongs.get_mut(other).take(|pong| {
                pong.payload == payload && pong.span.first.packet > message.span.last.packet
            })
        } else {
            let is_same = |ping: &UnpairedControl| ping.payload == payload;
            open.pings.get_mut(other).answer(AnsweredPing::Oldest, is_same)
        };
        if partner.is_none() {
            let waiting = if is_ping { &mut open.pings } else { &mut open.pongs };
            let entry = Partner { id, last: message.span.last };
            waiting.get_mut(direction).push(UnpairedControl { entry, span: message.span, payload });
        }
        self.waiting = self.waiting.saturating_sub(before).saturating_add(open.waiting());
        partner.map(|control| control.entry)
    }

    /// Forgets a connection that has ended.
    pub(super) fn end(&mut self, connection: ConnectionId) {
        if self.open.is_empty() {
            return;
        }
        if let Some(open) = self.open.remove(&connection) {
            self.waiting = self.waiting.saturating_sub(open.waiting());
        }
    }

    /// Memory taken, in bytes.
    pub(super) fn memory(&self) -> usize {
        let open = self.open.len().saturating_mul(size_of::<(ConnectionId, OpenPairs)>());
        open.saturating_add(self.waiting.saturating_mul(size_of::<UnpairedControl>()))
    }
}

/// A fingerprint, the same in every run.
fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write(bytes);
    hasher.finish()
}
