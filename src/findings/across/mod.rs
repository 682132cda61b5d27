//! What is remembered of several connections, in packet order.
//!
//! Rules that compare connections see this; what is remembered of one connection (`state`) never does.

pub(crate) mod attempts;
pub(crate) mod broken_handshakes;
pub(crate) mod compared_requests;
pub(crate) mod dns_names;
pub(crate) mod ended_websockets;
pub(crate) mod ending_groups;
pub(crate) mod handshake_keys;
pub(crate) mod proxied_requests;
pub(crate) mod proxy_legs;
pub(crate) mod related;
pub(crate) mod server_restarts;
pub(crate) mod sessions;
pub(crate) mod tls_ports;
pub(crate) mod unused_connections;
mod well_known_ports;

use crate::analysis::event::{Connection, ConnectionEvent, ConnectionId, Ending, Nature};
use crate::findings::across::attempts::Attempts;
use crate::findings::across::broken_handshakes::BrokenHandshakes;
use crate::findings::across::compared_requests::ComparedRequests;
use crate::findings::across::dns_names::QueriedNames;
use crate::findings::across::ended_websockets::EndedWebSockets;
use crate::findings::across::handshake_keys::{HandshakeKeys, KeyUse};
use crate::findings::across::proxied_requests::ProxiedRequests;
use crate::findings::across::related::{RelatedConnections, Route};
use crate::findings::across::server_restarts::ServerRestarts;
use crate::findings::across::sessions::Sessions;
use crate::findings::across::tls_ports::TlsPorts;
use crate::findings::across::unused_connections::{UnusedConnection, UnusedReason};
use crate::findings::engine::broken_rule::BrokenRule;
use crate::findings::state::attempt_outcome::AttemptOutcome;
use crate::stream::Direction;
use crate::tls::Observation;

/// What is remembered of all connections.
#[derive(Debug, Default)]
pub(crate) struct Across {
    /// Attempts to connect that have ended.
    pub(crate) attempts: Attempts,
    /// Rules that handshakes have broken.
    pub(crate) broken_handshakes: BrokenHandshakes,
    /// Connections that have ended.
    pub(crate) ended: EndedWebSockets,
    /// Upgrade requests by their outcome.
    pub(crate) compared_requests: ComparedRequests,
    /// Names that were looked up.
    pub(crate) names: QueriedNames,
    /// The keys of handshakes.
    pub(crate) keys: HandshakeKeys,
    /// Requests that pass through proxies.
    pub(crate) proxied_requests: ProxiedRequests,
    /// Which connections have to do with WebSocket.
    pub(crate) related: RelatedConnections,
    /// Closes of servers that go away.
    pub(crate) restarts: ServerRestarts,
    /// Which server issued which session id.
    pub(crate) sessions: Sessions,
    /// Servers that speak TLS.
    pub(crate) tls_ports: TlsPorts,
    /// Connections that their clients did not use, as far as they are looked at; all at the end of the capture.
    pub(crate) unused: Vec<UnusedConnection>,
    /// Ids of all rules that were broken, on any connection.
    reported: Vec<&'static str>,
}

impl Across {
    /// Remembers the end of a connection, before the rules are asked about it.
    pub(crate) fn ending(
        &mut self,
        connection: &Connection,
        ending: Ending,
        outcome: AttemptOutcome,
    ) {
        self.names.latest = self.names.latest.max(ending.watched_until);
        if let (Nature::WebSocket | Nature::UpgradeRequested, Some(lookup)) =
            (connection.nature, &connection.lookup)
        {
            self.names.used(&lookup.name);
        }
        self.attempts.ended(connection, ending, outcome);
    }

    /// Finds out what only all connections together show, at the end of the capture.
    pub(crate) fn finish(&mut self) {
        self.unused = unused_connections::judge(&self.attempts);
        self.relate_unused();
    }

    /// Finds out why a client did not use a connection, as far as is known.
    pub(crate) fn judge_unused(&mut self, id: ConnectionId) {
        self.unused = unused_connections::judge_one(&self.attempts, id).into_iter().collect();
        self.relate_unused();
    }

    /// Learns which connections were wanted, and drops those that have nothing to do with WebSocket.
    fn relate_unused(&mut self) {
        for it in &self.unused {
            if let UnusedReason::LocalNetwork(..) = it.reason {
                self.related.wanted(it.id);
            }
        }
        let (attempts, related) = (&self.attempts, &self.related);
        self.unused.retain(|it| {
            let route = attempts.of(it.id).map(Route::of_attempt);
            route.is_some_and(|route| related.has_route(&route))
        });
    }

    /// Remembers an event, after the rules were asked about it.
    pub(crate) fn observe(&mut self, connection: &Connection, event: &ConnectionEvent<'_>) {
        let id = connection.id;
        match event {
            ConnectionEvent::UpgradeRequested(handshake) => {
                self.sessions.learn(connection);
                self.names.wanted(handshake);
                if let Some((key, request)) = handshake.key().zip(handshake.request.as_ref()) {
                    self.keys.asked(key, KeyUse::new(connection, request.span.first.packet));
                }
                self.proxied_requests.asked(connection, handshake);
            }
            ConnectionEvent::HandshakeEnded(handshake) => {
                if let Some(key) = handshake.key() {
                    self.keys.answered(key, id);
                }
                self.proxied_requests.answered(id, handshake);
                self.broken_handshakes.answered(id, handshake);
                self.compared_requests.answered(connection, handshake);
            }
            ConnectionEvent::Message(direction, message) => {
                self.restarts.message(connection, *direction, message);
            }
            ConnectionEvent::Tls(_, Observation::ServerHello(..)) => {
                self.tls_ports.add(connection.server, id);
            }
            ConnectionEvent::Ended(_) => {
                self.sessions.learn(connection);
                self.proxied_requests.ended(id);
                self.broken_handshakes.ended(id);
            }
            _ => {}
        }
    }

    /// Remembers that a connection has broken a rule.
    pub(crate) fn note(
        &mut self,
        connection: ConnectionId,
        rule: BrokenRule,
        direction: Option<Direction>,
    ) {
        if !self.reported.contains(&rule.id) {
            self.reported.push(rule.id);
        }
        self.broken_handshakes.note(connection, rule, direction);
    }

    /// Whether a rule was broken on any connection, so that it need not be reported for the whole capture.
    pub(crate) fn is_reported(&self, id: &str) -> bool {
        self.reported.contains(&id)
    }
}
