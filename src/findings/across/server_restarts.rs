//! Connections that a server closed since it goes away: many together are a restart.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::analysis::event::{Connection, ConnectionId};
use crate::stream::{Direction, Origin};
use crate::websocket::{Message, Opcode};

/// The latest Closes of servers with a code that says that they go away, oldest first.
#[derive(Debug, Default)]
pub(crate) struct ServerRestarts {
    list: VecDeque<GoingAway>,
}

/// A Close of a server that goes away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct GoingAway {
    pub(crate) connection: ConnectionId,
    pub(crate) server: SocketAddr,
    pub(crate) at: Origin,
    pub(crate) code: u16,
}

impl ServerRestarts {
    /// Remembers a message, if it is such a Close.
    pub(crate) fn message(
        &mut self,
        connection: &Connection,
        direction: Direction,
        message: &Message<'_>,
    ) {
        if message.opcode != Opcode::Close
            || direction == Direction::ClientToServer
            || connection.closes.client
        {
            return;
        }
        let Some(code) = message.close.and_then(|close| close.code) else { return };
        if !CODES.contains(&code) {
            return;
        }
        if self.list.len() >= REMEMBERED {
            self.list.pop_front();
        }
        let (id, server) = (connection.id, connection.server);
        self.list.push_back(GoingAway { connection: id, server, at: message.span.last, code });
    }

    /// Closes of one server that came one after the other at short intervals, if they are many.
    pub(crate) fn groups(&self) -> Vec<Vec<GoingAway>> {
        let mut sorted: Vec<GoingAway> = self.list.iter().copied().collect();
        sorted.sort_by_key(|going_away| (going_away.server, going_away.at));
        let together = |one: &GoingAway, next: &GoingAway| {
            one.server == next.server && next.at.time.since(one.at.time) <= TOGETHER
        };
        let groups = sorted.chunk_by(together).map(<[GoingAway]>::to_vec);
        let mut groups: Vec<_> = groups.filter(|group| group.len() >= MANY).collect();
        groups.sort_by_key(|group| group.first().map(|going_away| going_away.at));
        groups
    }
}

/// Going away, and service restart (RFC 6455 §7.4.1; IANA, WebSocket Close Code Number Registry).
const CODES: [u16; 2] = [1001, 1012];

/// Closes that are remembered.
const REMEMBERED: usize = 4_096;

/// Nanoseconds between two Closes that belong together.
const TOGETHER: u64 = 2_000_000_000;

/// Connections that make a restart.
const MANY: usize = 3;
