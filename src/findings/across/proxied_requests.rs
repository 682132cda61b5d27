//! The legs of connections through a proxy: an upgrade request may be seen on its way to the proxy,
//! and again on its way from there to the server.

use std::collections::VecDeque;

use crate::analysis::event::{Connection, ConnectionId};
use crate::findings::known_proxies::{KnownProxy, forwarded_field};
use crate::findings::rules::handshake::fields_read::{attempt, lacks_token, path};
use crate::http::{Handshake, Head};
use crate::stream::{Origin, PacketId};

/// The latest upgrade requests as clients sent them, oldest first.
#[derive(Debug, Default)]
pub(crate) struct ProxiedRequests {
    list: VecDeque<ProxiedRequest>,
    /// Targets at which a WebSocket was accepted, oldest first.
    served: VecDeque<Served>,
}

/// A request that asked for a WebSocket as it should.
#[derive(Clone, Debug)]
pub(crate) struct ProxiedRequest {
    pub(crate) connection: ConnectionId,
    key: Box<[u8]>,
    target: Box<[u8]>,
    pub(crate) request: Origin,
    stage: RequestStage,
    /// Where it was seen again without the upgrade.
    pub(crate) stripped: Option<Stripped>,
}

/// A request that a proxy made of another one, without the upgrade.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stripped {
    pub(crate) connection: ConnectionId,
    pub(crate) packet: PacketId,
    /// The proxy, if it left a trace in it.
    pub(crate) proxy: Option<&'static KnownProxy>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum RequestStage {
    Waiting,
    Answered,
}

/// Where a WebSocket was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) connection: ConnectionId,
    host: Box<[u8]>,
    pub(crate) path: Box<[u8]>,
}

/// Why a request is taken for one that a proxy has made of another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proxied<'a> {
    /// The other one is in the capture.
    Of(&'a ProxiedRequest),
    /// A field that proxies add says so.
    Says(&'static str),
}

impl ProxiedRequests {
    /// Whether a request was an upgrade before a proxy passed it on without what makes it one.
    pub(crate) fn proxied(&self, connection: &Connection, request: &Head) -> Option<Proxied<'_>> {
        if !is_stripped(request) {
            return None;
        }
        let now = request.span.first;
        let key = request.header("Sec-WebSocket-Key").unwrap_or_default();
        let target = request.target().unwrap_or_default();
        let original = self.list.iter().rev().find(|original| {
            let is_near = now.time.since(original.request.time) <= PASSED_ON_WITHIN;
            let is_same =
                if key.is_empty() { *original.target == *target } else { *original.key == *key };
            original.connection != connection.id
                && original.stage == RequestStage::Waiting
                && is_near
                && is_same
        });
        original.map(Proxied::Of).or_else(|| forwarded_field(request).map(Proxied::Says))
    }

    /// Where the upgrade of a connection's request was lost, if that was seen.
    pub(crate) fn stripped(&self, connection: ConnectionId) -> Option<Stripped> {
        self.list.iter().find(|request| request.connection == connection)?.stripped
    }

    /// A target at the same host where a WebSocket was accepted.
    pub(crate) fn served(&self, host: &[u8]) -> Option<&Served> {
        self.served.iter().rev().find(|served| served.host.eq_ignore_ascii_case(host))
    }

    /// Remembers a request.
    pub(crate) fn asked(&mut self, connection: &Connection, handshake: &Handshake) {
        let Some(request) = attempt(handshake) else { return };
        if let Some(Proxied::Of(original)) = self.proxied(connection, request) {
            let (of, packet) = (original.connection, request.span.first.packet);
            if let Some(original) = self.list.iter_mut().find(|it| it.connection == of) {
                original.stripped = Some(Stripped {
                    connection: connection.id,
                    packet,
                    proxy: KnownProxy::of(request),
                });
            }
        }
        let target = request.target().unwrap_or_default();
        if is_stripped(request) || target.len() > LONGEST {
            return;
        }
        if self.list.len() >= REMEMBERED {
            self.list.pop_front();
        }
        self.list.push_back(ProxiedRequest {
            connection: connection.id,
            key: request.header("Sec-WebSocket-Key").unwrap_or_default().into(),
            target: target.into(),
            request: request.span.first,
            stage: RequestStage::Waiting,
            stripped: None,
        });
    }

    /// Remembers that a request has its answer.
    pub(crate) fn answered(&mut self, connection: ConnectionId, handshake: &Handshake) {
        if let Some(request) = self.list.iter_mut().find(|request| request.connection == connection)
        {
            request.stage = RequestStage::Answered;
        }
        let Some((host, target)) = handshake.host().zip(handshake.target()) else { return };
        let path = path(target);
        let is_known = |served: &Served| *served.host == *host && *served.path == *path;
        if handshake.status() != Some(101)
            || host.len().max(path.len()) > LONGEST
            || self.served.iter().any(is_known)
        {
            return;
        }
        if self.served.len() >= SERVED {
            self.served.pop_front();
        }
        self.served.push_back(Served { connection, host: host.into(), path: path.into() });
    }

    /// Forgets the request of a connection that has ended.
    pub(crate) fn ended(&mut self, connection: ConnectionId) {
        self.list.retain(|request| request.connection != connection);
    }
}

/// Whether a request has lost what makes it an upgrade.
fn is_stripped(request: &Head) -> bool {
    request.version() == b"HTTP/1.0"
        || lacks_token(request, "Upgrade", "websocket")
        || lacks_token(request, "Connection", "Upgrade")
}

/// Requests that are remembered: those without an answer, of a busy proxy.
const REMEMBERED: usize = 256;

/// Targets that are remembered.
const SERVED: usize = 64;

/// The longest target or host that is remembered, in bytes.
const LONGEST: usize = 1024;

/// Nanoseconds within which a proxy passes a request on, also where it had to look for its server.
const PASSED_ON_WITHIN: u64 = 5_000_000_000;
