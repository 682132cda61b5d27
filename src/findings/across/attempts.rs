//! Attempts to connect, of all connections: what one alone does not show.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::analysis::event::{
    Connection, ConnectionId, Ending, Lookup, Nature, StartedBy, TcpState,
};
use crate::findings::state::attempt_outcome::AttemptOutcome;
use crate::findings::state::unused::Unused;
use crate::http::Browser;
use crate::stream::{Origin, PacketId, Timestamp};

/// The latest attempts to connect, oldest first in the order in which they ended.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    list: VecDeque<Attempt>,
    /// Those that have not ended, if they are followed.
    open: BTreeMap<ConnectionId, Attempt>,
    /// Whether any connection was a WebSocket or asked for one.
    pub(crate) has_websocket: bool,
    /// Connections that have ended.
    count: u64,
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
    /// When its client left it, if it did not use it.
    pub(crate) unused: Option<Unused>,
    /// The browser that used it.
    pub(crate) browser: Option<Browser>,
}

impl Attempt {
    fn new(connection: &Connection, outcome: AttemptOutcome) -> Self {
        Self {
            id: connection.id,
            client: connection.client,
            server: connection.server,
            lookup: connection.lookup.clone(),
            first: connection.first,
            last: connection.last,
            outcome,
            unused: None,
            browser: connection.browser,
        }
    }

    /// Whether the servers of two are one name at one port, in both address families.
    pub(crate) fn is_twin_of(&self, other: &Self) -> bool {
        let (a, b) = (self.server, other.server);
        if a.port() != b.port() || a.is_ipv4() == b.is_ipv4() {
            return false;
        }
        let is_local = a.ip().is_loopback() && b.ip().is_loopback();
        let names = self.lookup.as_ref().zip(other.lookup.as_ref());
        is_local || names.is_some_and(|(one, other)| one.name == other.name)
    }
}

impl Attempts {
    /// Follows a connection that is open, as far as it is known by now.
    pub(crate) fn follow(&mut self, connection: &Connection) {
        if connection.started_by != StartedBy::Syn {
            return;
        }
        let outcome = match connection.state {
            TcpState::SynSent | TcpState::Refused => AttemptOutcome::Unanswered,
            TcpState::Established
            | TcpState::HalfClosed(_)
            | TcpState::Closed(_)
            | TcpState::Reset(_) => AttemptOutcome::Served,
        };
        let attempt = Attempt { last: LATEST, ..Attempt::new(connection, outcome) };
        self.open.insert(connection.id, attempt);
    }

    /// Remembers a connection that has ended.
    pub(crate) fn ended(
        &mut self,
        connection: &Connection,
        ending: Ending,
        outcome: AttemptOutcome,
    ) {
        self.count = self.count.saturating_add(1);
        self.open.remove(&connection.id);
        self.has_websocket |=
            matches!(connection.nature, Nature::WebSocket | Nature::UpgradeRequested);
        if connection.started_by != StartedBy::Syn || ending.unseen.is_some() {
            return;
        }
        if self.list.len() >= REMEMBERED {
            self.list.pop_front();
        }
        let unused = Unused::of(connection);
        self.list.push_back(Attempt { unused, ..Attempt::new(connection, outcome) });
    }

    /// Whether there was no connection at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// That of a connection.
    pub(crate) fn of(&self, id: ConnectionId) -> Option<&Attempt> {
        self.list.iter().rev().find(|attempt| attempt.id == id)
    }

    /// All of them, and those that are open, if they are followed.
    pub(crate) fn known(&self) -> impl Iterator<Item = &Attempt> {
        self.list.iter().chain(self.open.values())
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

/// When a connection that is still open ends.
const LATEST: Origin = Origin { packet: PacketId(u64::MAX), time: Timestamp(u64::MAX) };

/// Attempts that are remembered.
const REMEMBERED: usize = 1 << 12;
