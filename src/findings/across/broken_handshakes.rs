//! Rules that requests and responses have broken, also those that only a comparison with other connections shows.

use foldhash::{HashMap, HashMapExt};

use crate::analysis::event::ConnectionId;
use crate::findings::engine::broken_rule::BrokenRule;
use crate::http::Handshake;
use crate::stream::Direction;

/// The broken rules of open connections; most connections break none and are not in it.
#[derive(Debug)]
pub(crate) struct BrokenHandshakes {
    of: HashMap<ConnectionId, BrokenHandshake>,
}

/// What was wrong with the handshakes of a connection.
#[derive(Debug, Default)]
struct BrokenHandshake {
    /// Of the request of the handshake under way, or of the one that was accepted.
    request: Vec<BrokenRule>,
    /// Of its response.
    response: Vec<BrokenRule>,
    /// Of the request of the latest handshake that was refused.
    refused: Vec<BrokenRule>,
}

impl Default for BrokenHandshakes {
    fn default() -> Self {
        Self { of: HashMap::new() }
    }
}

impl BrokenHandshakes {
    /// What the request of the handshake under way broke, or that of the one that was accepted.
    pub(crate) fn request(&self, connection: ConnectionId) -> &[BrokenRule] {
        self.of.get(&connection).map_or(&[], |broken| &broken.request)
    }

    /// What its response broke.
    pub(crate) fn response(&self, connection: ConnectionId) -> &[BrokenRule] {
        self.of.get(&connection).map_or(&[], |broken| &broken.response)
    }

    /// What the request broke that was refused last.
    pub(crate) fn refused(&self, connection: ConnectionId) -> &[BrokenRule] {
        self.of.get(&connection).map_or(&[], |broken| &broken.refused)
    }

    /// Remembers a broken rule, if it is one about requests or responses.
    pub(crate) fn note(
        &mut self,
        connection: ConnectionId,
        rule: BrokenRule,
        direction: Option<Direction>,
    ) {
        let Some(direction) = direction.filter(|it| *rule.is_about_heads.get(*it)) else { return };
        let broken = self.of.entry(connection).or_default();
        let list = match direction {
            Direction::ClientToServer => &mut broken.request,
            Direction::ServerToClient => &mut broken.response,
        };
        if !list.contains(&rule) {
            list.push(rule);
        }
    }

    /// Remembers how a handshake ended: after a refusal, another may follow on the same connection.
    pub(crate) fn answered(&mut self, connection: ConnectionId, handshake: &Handshake) {
        let is_refused = handshake.response.is_some() && handshake.status() != Some(101);
        if let Some(broken) = self.of.get_mut(&connection).filter(|_| is_refused) {
            let refused = std::mem::take(&mut broken.request);
            *broken = BrokenHandshake { refused, ..BrokenHandshake::default() };
        }
    }

    /// Forgets a connection that has ended.
    pub(crate) fn ended(&mut self, connection: ConnectionId) {
        self.of.remove(&connection);
    }
}
