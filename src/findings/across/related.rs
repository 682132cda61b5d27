//! Which connections have to do with WebSocket, and which are merely in the same capture.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use foldhash::{HashSet, HashSetExt};

use crate::analysis::event::{
    Connection, ConnectionEvent, ConnectionId, Lookup, Nature, Recognition, StartedBy,
};
use crate::findings::across::attempts::Attempt;
use crate::findings::across::well_known_ports::is_of_another_service;
use crate::findings::named::NamedConnections;

/// What is known of the servers of a capture, as far as it decides whether a connection is *related*: it
/// carried or asked for a WebSocket, goes to a server that another connection used for one, was named by
/// the user, serves a request for a WebSocket that a proxy passes on, or the capture contains nothing else.
///
/// An answer may change while a capture is read: then it is what is known so far.
#[derive(Clone, Debug)]
pub struct RelatedConnections {
    named: NamedConnections,
    /// Servers of which a WebSocket was asked.
    servers: HashSet<SocketAddr>,
    /// Names of such servers, with the port.
    names: BTreeSet<(String, u16)>,
    /// Ports of such servers on the machine itself.
    local_ports: BTreeSet<u16>,
    /// Requests for a WebSocket that have no response yet, with the host that was asked.
    waiting: VecDeque<(ConnectionId, IpAddr)>,
    /// Connections that such a host opened meanwhile: a proxy turns to its upstream server.
    upstream: BTreeSet<ConnectionId>,
    /// Connections that a page wanted, which its browser did not let it use.
    wanted: BTreeSet<ConnectionId>,
    destinations: Destinations,
    /// Whether a WebSocket was opened.
    websocket: Presence,
    /// Servers whose certificate a client has accepted, with the name that it requested.
    trusted: HashSet<(IpAddr, SocketAddr, Vec<u8>)>,
}

/// To how many hosts the connections of a capture go.
#[derive(Clone, Debug, Default)]
enum Destinations {
    #[default]
    None,
    One(Destination),
    Several,
}

/// The only host to which connections go.
#[derive(Clone, Debug)]
struct Destination {
    /// The first of these connections.
    first: Route,
    ports: BTreeSet<u16>,
    /// Whether one of them carried another protocol, or HTTP without an upgrade.
    other_protocol: Presence,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Presence {
    Seen,
    NotSeen,
}

/// Between whom a connection is, and how its server was looked up.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) id: ConnectionId,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) lookup: Option<Arc<Lookup>>,
}

/// Whether what is known about servers has changed, so that earlier answers may be outdated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Knowledge {
    Changed,
    Same,
}

impl Route {
    pub(crate) fn of(connection: &Connection) -> Self {
        Self {
            id: connection.id,
            client: connection.client,
            server: connection.server,
            lookup: connection.lookup.clone(),
        }
    }

    pub(crate) fn of_attempt(attempt: &Attempt) -> Self {
        let Attempt { id, client, server, .. } = *attempt;
        Self { id, client, server, lookup: attempt.lookup.clone() }
    }

    /// Whether both go to the same host, by address or by name.
    fn have_one_host(&self, other: &Self) -> bool {
        let (a, b) = (self.server, other.server);
        let names = self.lookup.as_ref().zip(other.lookup.as_ref());
        a.ip() == b.ip()
            || (is_local(a) && is_local(b))
            || names.is_some_and(|(one, other)| one.name == other.name)
    }
}

impl Destination {
    fn new(first: Route) -> Self {
        let ports = BTreeSet::from([first.server.port()]);
        Self { first, ports, other_protocol: Presence::NotSeen }
    }

    /// Whether nothing else is in the capture but attempts to reach it.
    fn is_alone(&self) -> bool {
        match self.other_protocol {
            Presence::Seen => self.ports.len() <= 1,
            Presence::NotSeen => self.ports.len() <= PORTS,
        }
    }
}

impl Default for RelatedConnections {
    fn default() -> Self {
        Self {
            named: NamedConnections::default(),
            servers: HashSet::new(),
            names: BTreeSet::new(),
            local_ports: BTreeSet::new(),
            waiting: VecDeque::new(),
            upstream: BTreeSet::new(),
            wanted: BTreeSet::new(),
            destinations: Destinations::default(),
            websocket: Presence::NotSeen,
            trusted: HashSet::new(),
        }
    }
}

impl RelatedConnections {
    /// Whether a connection has to do with WebSocket, as far as is known.
    pub fn has(&self, connection: &Connection) -> bool {
        self.has_route(&Route::of(connection))
    }

    /// Takes connections that the user named.
    pub(crate) fn name(&mut self, named: NamedConnections) {
        self.named = named;
    }

    pub(crate) fn has_route(&self, route: &Route) -> bool {
        let Route { id, client, server, lookup } = route;
        // Beside a WebSocket that works, only its server counts.
        let is_only = || match &self.destinations {
            _ if self.websocket == Presence::Seen => false,
            Destinations::None => true,
            Destinations::One(only) => only.is_alone() && only.first.have_one_host(route),
            Destinations::Several => false,
        };
        self.servers.contains(server)
            || (is_local(*server) && self.local_ports.contains(&server.port()))
            || lookup.as_ref().is_some_and(|it| self.has_name(&it.name, server.port()))
            || self.upstream.contains(id)
            || self.wanted.contains(id)
            || self.named.has(*id, [*client, *server])
            || (!is_of_another_service(server.port()) && is_only())
    }

    /// Takes a connection that a page wanted, as the rest of the capture shows.
    pub(crate) fn wanted(&mut self, id: ConnectionId) {
        self.wanted.insert(id);
    }

    /// Whether a client has accepted the certificate of a server on some connection.
    pub(crate) fn is_trusted(&self, route: &Route, name: &[u8]) -> bool {
        self.trusted.contains(&(route.client.ip(), route.server, name.to_vec()))
    }

    /// Remembers an event, before the rules are asked about it.
    pub(crate) fn observe(
        &mut self,
        connection: &Connection,
        event: &ConnectionEvent<'_>,
    ) -> Knowledge {
        match event {
            ConnectionEvent::Opened => {
                let host = connection.client.ip();
                let is_upstream = self.waiting.iter().any(|(_, asked)| *asked == host);
                if is_upstream && !is_of_another_service(connection.server.port()) {
                    self.upstream.insert(connection.id);
                    while self.upstream.len() > REMEMBERED {
                        self.upstream.pop_first();
                    }
                }
                // Of a connection that began earlier, it is not certain which peer the server is.
                if connection.started_by == StartedBy::Syn {
                    return self.goes_to(connection);
                }
                Knowledge::Same
            }
            ConnectionEvent::UpgradeRequested(_) => {
                if self.waiting.len() >= WAITING {
                    self.waiting.pop_front();
                }
                self.waiting.push_back((connection.id, connection.server.ip()));
                self.serves(connection)
            }
            ConnectionEvent::HandshakeEnded(handshake) => {
                self.waiting.retain(|(id, _)| *id != connection.id);
                self.works_if(handshake.status() == Some(SWITCHING_PROTOCOLS))
            }
            ConnectionEvent::TunnelRefused(_)
            | ConnectionEvent::Recognized(Recognition::Forced) => self.serves(connection),
            ConnectionEvent::Ended(_) => self.ended(connection),
            _ => Knowledge::Same,
        }
    }

    fn ended(&mut self, connection: &Connection) -> Knowledge {
        self.waiting.retain(|(id, _)| *id != connection.id);
        let mut knowledge = self.goes_to(connection);
        if let Nature::WebSocket | Nature::UpgradeRequested = connection.nature {
            knowledge = knowledge.or(self.serves(connection));
        }
        knowledge = knowledge.or(self.works_if(connection.nature == Nature::WebSocket));
        if let Some(tls) = connection.tls.as_deref()
            && tls.sides.client.data > 0
            && self.trusted.len() < REMEMBERED
        {
            let name = tls.server_name().unwrap_or_default().to_vec();
            if self.trusted.insert((connection.client.ip(), connection.server, name)) {
                knowledge = Knowledge::Changed;
            }
        }
        knowledge
    }

    /// Remembers to which server a connection goes.
    fn goes_to(&mut self, connection: &Connection) -> Knowledge {
        let is_other = matches!(connection.nature, Nature::Http | Nature::Other);
        let port = connection.server.port();
        match &mut self.destinations {
            Destinations::Several => return Knowledge::Same,
            Destinations::One(only)
                if only.first.server.ip() == connection.server.ip()
                    || only.first.have_one_host(&Route::of(connection)) =>
            {
                let is_new = only.ports.len() <= PORTS && only.ports.insert(port);
                let is_first = is_other && only.other_protocol == Presence::NotSeen;
                if is_first {
                    only.other_protocol = Presence::Seen;
                }
                return if is_new || is_first { Knowledge::Changed } else { Knowledge::Same };
            }
            Destinations::One(_) => self.destinations = Destinations::Several,
            Destinations::None => {
                let mut only = Destination::new(Route::of(connection));
                if is_other {
                    only.other_protocol = Presence::Seen;
                }
                self.destinations = Destinations::One(only);
            }
        }
        Knowledge::Changed
    }

    /// Remembers that a WebSocket was asked of the server of a connection.
    fn serves(&mut self, connection: &Connection) -> Knowledge {
        let server = connection.server;
        if self.servers.len() >= REMEMBERED || !self.servers.insert(server) {
            return Knowledge::Same;
        }
        if is_local(server) {
            self.local_ports.insert(server.port());
        }
        if let Some(lookup) = &connection.lookup {
            self.names.insert((lookup.name.clone(), server.port()));
        }
        Knowledge::Changed
    }

    /// Remembers that a WebSocket was opened, if one was.
    fn works_if(&mut self, is_open: bool) -> Knowledge {
        if !is_open || self.websocket == Presence::Seen {
            return Knowledge::Same;
        }
        self.websocket = Presence::Seen;
        Knowledge::Changed
    }

    fn has_name(&self, name: &str, port: u16) -> bool {
        self.names.iter().any(|(known, of)| *of == port && known == name)
    }
}

impl Knowledge {
    fn or(self, other: Self) -> Self {
        if self == Self::Changed { self } else { other }
    }
}

fn is_local(server: SocketAddr) -> bool {
    server.ip().to_canonical().is_loopback()
}

/// Servers, connections and certificates that are remembered, of each.
const REMEMBERED: usize = 1 << 12;

/// The status that agrees to an upgrade (RFC 9110 §15.2.2).
const SWITCHING_PROTOCOLS: u16 = 101;

/// Ports of one host that may all be tried for one WebSocket; who tries more scans for open ones.
const PORTS: usize = 16;

/// Requests without a response that are remembered.
const WAITING: usize = 1 << 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::Scenario;
    use crate::findings::{Reading, Severity};
    use crate::stream::Side;
    use crate::testkit::tls::{GOOD, finished, flight, hello, sealed};

    /// A refused connection to a port of a host.
    fn refused(s: &mut Scenario, host: &str, port: u16) {
        to(s, host, port);
        s.dial().refuse();
    }

    fn to(s: &mut Scenario, host: &str, port: u16) {
        let own = if host.starts_with("127.") { "127.0.0.1" } else { "10.0.0.1" };
        s.between(own, host).ports[1] = port;
    }

    fn websocket(s: &mut Scenario, host: &str, port: u16) {
        to(s, host, port);
        s.upgraded().close();
    }

    /// A TLS connection that the client leaves after the handshake, or uses.
    fn tls(s: &mut Scenario, host: &str, used: bool) {
        to(s, host, 443);
        s.open().client(&hello()).server(&flight(GOOD)).client(&finished()).server(&finished());
        if used {
            s.client(&sealed(300)).server(&sealed(900));
        }
        s.end(Side::Client);
    }

    const E: Severity = Severity::Error;
    const N: Severity = Severity::Note;

    #[test]
    fn failures_matter_on_connections_that_have_to_do_with_websocket() {
        type Row = (&'static str, fn(&mut Scenario), &'static [(&'static str, Severity)]);
        #[rustfmt::skip]
        let rows: &[Row] = &[
            ("nothing but a refused port", |s| refused(s, "10.0.0.2", 8080), &[("NET-01", E)]),
            ("nothing but a database", |s| refused(s, "10.0.0.2", 5432), &[("NET-01", N)]),
            ("a database beside a WebSocket", |s| { websocket(s, "10.0.0.2", 8080); refused(s, "10.0.0.2", 5432); }, &[("NET-01", N)]),
            ("another port beside a WebSocket", |s| { websocket(s, "10.0.0.2", 8080); refused(s, "10.0.0.3", 9001); }, &[("NET-01", N)]),
            ("the port of the WebSocket, before it is open", |s| { refused(s, "10.0.0.2", 8080); websocket(s, "10.0.0.2", 8080); }, &[("NET-01", E)]),
            ("another port, before anything is known", |s| { refused(s, "10.0.0.3", 9001); websocket(s, "10.0.0.2", 8080); }, &[("NET-01", N)]),
            ("the port, with others between", |s| { refused(s, "10.0.0.2", 8080); refused(s, "10.0.0.3", 9001); websocket(s, "10.0.0.2", 8080); }, &[("NET-01", E), ("NET-01", N)]),
            ("two ports of one host", |s| { refused(s, "10.0.0.2", 8080); refused(s, "10.0.0.2", 8081); }, &[("NET-01", E), ("NET-01", E)]),
            ("two hosts", |s| { refused(s, "10.0.0.2", 8080); refused(s, "10.0.0.3", 8080); }, &[("NET-01", N), ("NET-01", N)]),
            ("another port of a WebSocket's host", |s| { websocket(s, "10.0.0.2", 8080); refused(s, "10.0.0.2", 9001); }, &[("NET-01", N)]),
            ("a port beside a page of the same host", |s| {
                refused(s, "10.0.0.2", 8080);
                to(s, "10.0.0.2", 80);
                s.open().client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
            }, &[("NET-01", N)]),
            ("a server that answers, and then refuses", |s| {
                to(s, "10.0.0.2", 8080);
                s.open().client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
                refused(s, "10.0.0.2", 8080);
            }, &[("NET-01", E)]),
            ("a database port that serves WebSocket", |s| { refused(s, "10.0.0.2", 5432); websocket(s, "10.0.0.2", 5432); }, &[("NET-01", E)]),
            ("both families of localhost", |s| {
                s.between("::1", "::1").dial().refuse();
                websocket(s, "127.0.0.1", 8080);
            }, &[("NET-01", E), ("NET-04", E)]),
            ("a proxy's upstream server", |s| {
                to(s, "127.0.0.1", 8080);
                s.ask("");
                let client = s.next;
                let ports = s.ports;
                s.ports = [50_900, 9_001];
                s.dial().refuse();
                (s.next, s.ports) = (client, ports);
                s.server(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
            }, &[("NET-01", E), ("HS-46", E), ("WHY-28", E)]),
            ("TLS that the client leaves", |s| tls(s, "10.0.0.2", false), &[("TLS-08", E)]),
            ("spare TLS before one that is used", |s| { tls(s, "10.0.0.2", false); tls(s, "10.0.0.2", true); }, &[("TLS-08", N), ("TLS-05", N)]),
            ("spare TLS after one that is used", |s| { tls(s, "10.0.0.2", true); tls(s, "10.0.0.2", false); }, &[("TLS-05", N), ("TLS-08", N)]),
            ("TLS beside a WebSocket", |s| { tls(s, "10.0.0.3", false); websocket(s, "10.0.0.2", 8080); }, &[("TLS-08", N)]),
        ];
        let mut wrong = Vec::new();
        for (name, play, expected) in rows {
            let mut scenario = Scenario::new();
            play(&mut scenario);
            let judged = scenario.judge(&Reading::default());
            let seen: Vec<_> = judged.list.iter().map(|it| (it.rule.id, it.severity)).collect();
            if seen != *expected {
                wrong.push(format!("{name}: {seen:?}"));
            }
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }

    #[test]
    fn a_scan_of_ports_is_no_attempt_at_a_websocket() {
        let mut scenario = Scenario::new();
        for port in 8_001..=8_017 {
            refused(&mut scenario, "10.0.0.2", port);
        }
        let judged = scenario.judge(&Reading::default());
        assert_eq!(judged.list.len(), 17);
        assert!(judged.list.iter().all(|finding| finding.severity == N));
    }

    #[test]
    fn what_the_user_names_matters() {
        use crate::findings::named::ConnectionName;
        let route = Route {
            id: ConnectionId(4),
            client: "10.0.0.1:50000".parse().unwrap(),
            server: "10.0.0.2:5432".parse().unwrap(),
            lookup: None,
        };
        #[rustfmt::skip]
        let rows = [
            (ConnectionName::Port(5432), true),
            (ConnectionName::Port(5433), false),
            (ConnectionName::Number(ConnectionId(4)), true),
            (ConnectionName::Number(ConnectionId(5)), false),
            (ConnectionName::Peer("10.0.0.2".parse().unwrap(), None), true),
            (ConnectionName::Peer("10.0.0.2".parse().unwrap(), Some(80)), false),
        ];
        for (name, expected) in rows {
            let mut related = RelatedConnections::default();
            let mut named = NamedConnections::default();
            named.add(name);
            related.name(named);
            assert_eq!(related.has_route(&route), expected, "{name:?}");
        }
    }
}
