//! Attempts to connect, of all connections: what one alone does not show.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::analysis::event::{
    Connection, ConnectionId, Ending, Lookup, Nature, Outcome, StartedBy, TcpState,
};
use crate::findings::state::connection::ConnectionState;
use crate::stream::Origin;

/// The latest attempts to connect, oldest first in the order in which they ended.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    list: VecDeque<Attempt>,
    /// Whether any connection was a WebSocket or asked for one.
    pub(crate) has_websocket: bool,
}

/// An attempt to connect whose beginning was captured.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) id: ConnectionId,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// How the server's address was looked up.
    pub(crate) lookup: Option<Arc<Lookup>>,
    pub(crate) first: Origin,
    pub(crate) last: Origin,
    pub(crate) outcome: AttemptOutcome,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AttemptOutcome {
    /// RST answered the SYN.
    Refused,
    /// Nothing answered the SYN, or an ICMP error.
    Unanswered,
    /// TCP was open, and no WebSocket came of it.
    Failed,
    /// A WebSocket that was cut, or closed by the server for some reason, within a second.
    Short,
    /// TCP was open, and nothing is known against it.
    Served,
}

impl AttemptOutcome {
    /// Whether a client that wants a WebSocket would try again.
    pub(crate) fn is_failure(self) -> bool {
        match self {
            Self::Refused | Self::Unanswered | Self::Failed | Self::Short => true,
            Self::Served => false,
        }
    }
}

impl Attempts {
    /// Remembers a connection that has ended.
    pub(crate) fn ended(
        &mut self,
        connection: &Connection,
        ending: Ending,
        state: Option<&ConnectionState>,
    ) {
        self.has_websocket |=
            matches!(connection.nature, Nature::WebSocket | Nature::UpgradeRequested);
        if connection.started_by != StartedBy::Syn || ending.unseen.is_some() {
            return;
        }
        if self.list.len() >= REMEMBERED {
            self.list.pop_front();
        }
        self.list.push_back(Attempt {
            id: connection.id,
            client: connection.client,
            server: connection.server,
            lookup: connection.lookup.clone(),
            first: connection.first,
            last: connection.last,
            outcome: outcome(connection, ending, state),
        });
    }

    /// That of a connection.
    pub(crate) fn of(&self, id: ConnectionId) -> Option<&Attempt> {
        self.list.iter().find(|attempt| attempt.id == id)
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Attempt> {
        self.list.iter()
    }

    /// Those that one client made to one server, in the order in which they began; pairs by the first
    /// attempt.
    pub(crate) fn series(&self) -> Vec<Vec<&Attempt>> {
        let mut series: BTreeMap<(IpAddr, SocketAddr), Vec<&Attempt>> = BTreeMap::new();
        for attempt in &self.list {
            series.entry((attempt.client.ip(), attempt.server)).or_default().push(attempt);
        }
        let mut series: Vec<Vec<&Attempt>> = series.into_values().collect();
        for attempts in &mut series {
            attempts.sort_by_key(|attempt| attempt.first);
        }
        series.sort_by_key(|attempts| attempts.first().map(|attempt| attempt.first));
        series
    }
}

fn outcome(
    connection: &Connection,
    ending: Ending,
    state: Option<&ConnectionState>,
) -> AttemptOutcome {
    let is_short = connection.last.time.since(connection.first.time) < SHORT;
    match (ending.outcome, connection.nature) {
        (Outcome::Refused, _) => AttemptOutcome::Refused,
        (Outcome::Timeout, _) if connection.state == TcpState::SynSent => {
            AttemptOutcome::Unanswered
        }
        (Outcome::Aborted, Nature::WebSocket) if is_short => AttemptOutcome::Short,
        (Outcome::Rejected, Nature::UpgradeRequested) if is_polling(connection, state) => {
            AttemptOutcome::Served
        }
        (Outcome::Timeout | Outcome::Rejected, Nature::UpgradeRequested)
        | (Outcome::Aborted, Nature::UpgradeRequested | Nature::Unknown) => AttemptOutcome::Failed,
        (Outcome::Closed, Nature::WebSocket) if is_short && state.is_some_and(is_expelled) => {
            AttemptOutcome::Short
        }
        (
            Outcome::Open
            | Outcome::Closed
            | Outcome::Aborted
            | Outcome::Timeout
            | Outcome::Rejected
            | Outcome::NotWebSocket
            | Outcome::Undecodable,
            _,
        ) => AttemptOutcome::Served,
    }
}

/// Whether what was answered asked for no WebSocket: long polling of Engine.IO.
fn is_polling(connection: &Connection, state: Option<&ConnectionState>) -> bool {
    connection.refusal.is_some() && state.is_some_and(|state| state.handshake.refused.is_none())
}

/// Whether the server was the first to close, and had a reason.
fn is_expelled(state: &ConnectionState) -> bool {
    let Some(server) = state.sides.server.close.as_deref() else { return false };
    let client = state.sides.client.close.as_deref();
    let is_first = client.is_none_or(|client| server.span.first.packet < client.span.first.packet);
    is_first && server.code != Some(NORMAL)
}

/// Attempts that are remembered.
const REMEMBERED: usize = 1 << 12;

/// Nanoseconds in which no connection was of use.
const SHORT: u64 = 1_000_000_000;

/// RFC 6455 §7.4.1.
const NORMAL: u16 = 1000;
