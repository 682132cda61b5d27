//! Connections that a client opened and left without a byte, and what the rest of the capture shows about why.

use std::net::{IpAddr, SocketAddr};

use crate::analysis::event::ConnectionId;
use crate::findings::across::attempts::{Attempt, Attempts};
use crate::findings::state::unused::{Leave, Unused};
use crate::http::Browser;

/// A connection that was not used, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnusedConnection {
    pub(crate) id: ConnectionId,
    pub(crate) unused: Unused,
    pub(crate) reason: UnusedReason,
}

/// Why a client did not use a connection, as far as the capture shows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum UnusedReason {
    /// It used another one: to the other address of a name, or to the same server.
    Spare(ConnectionId),
    /// It closed it while connecting, and opened another one so many nanoseconds later.
    OpenedAgain(ConnectionId, u64),
    /// A page of a browser that needs permission for the local network; that connection shows it.
    LocalNetwork(Browser, ConnectionId),
    /// Something looks whether the server is there, so many times.
    Probe(usize),
    /// Nothing is conclusive.
    Unknown,
}

/// Finds out why connections were not used.
pub(crate) fn judge(attempts: &Attempts) -> Vec<UnusedConnection> {
    let unused = attempts.all().filter_map(|attempt| Some((attempt, attempt.unused?)));
    unused
        .take(REPORTED)
        .map(|(attempt, unused)| {
            let reason = reason(attempts, attempt, unused);
            UnusedConnection { id: attempt.id, unused, reason }
        })
        .collect()
}

/// The same for one connection; `None` if it was used.
pub(crate) fn judge_one(attempts: &Attempts, id: ConnectionId) -> Option<UnusedConnection> {
    let attempt = attempts.of(id)?;
    let unused = attempt.unused?;
    Some(UnusedConnection { id, unused, reason: reason(attempts, attempt, unused) })
}

fn reason(attempts: &Attempts, attempt: &Attempt, unused: Unused) -> UnusedReason {
    if let Some(reason) = used_instead(attempts, attempt, unused) {
        return reason;
    }
    let is_at_once = unused.by == Leave::Fin && unused.lasted() <= AT_ONCE;
    if is_at_once
        && is_local_network(attempt.server)
        && let Some((browser, id)) = page(attempts, attempt)
    {
        return UnusedReason::LocalNetwork(browser, id);
    }
    let same_server = || attempts.known().filter(|other| other.server == attempt.server);
    if unused.by == Leave::Reset || same_server().any(is_used) {
        let times = same_server().filter(|other| is_same_host(attempt, other) && !is_used(other));
        return UnusedReason::Probe(times.count());
    }
    UnusedReason::Unknown
}

/// Another connection that the client used, if it did.
fn used_instead(attempts: &Attempts, attempt: &Attempt, unused: Unused) -> Option<UnusedReason> {
    let used = || attempts.known().filter(|other| is_used(other) && is_same_host(attempt, other));
    let beside = used().find(|other| {
        let is_beside =
            other.first.packet < unused.left.packet && other.last.packet > attempt.first.packet;
        is_beside && (other.server == attempt.server || attempt.is_twin_of(other))
    });
    if let Some(other) = beside {
        return Some(UnusedReason::Spare(other.id));
    }
    let same_server = || used().filter(|other| other.server == attempt.server);
    let after = |other: &Attempt| other.first.time.waited_since(unused.left.time);
    let again = same_server()
        .find(|other| other.first.packet > unused.left.packet && after(other) <= AGAIN);
    match again {
        Some(other) => Some(UnusedReason::OpenedAgain(other.id, after(other))),
        None => same_server().next().map(|other| UnusedReason::Spare(other.id)),
    }
}

/// A browser that asks for permission before a page may reach the local network, if the client runs one, and where
/// it shows.
fn page(attempts: &Attempts, attempt: &Attempt) -> Option<(Browser, ConnectionId)> {
    let elsewhere = attempts
        .known()
        .filter(|other| other.server != attempt.server && is_same_host(attempt, other));
    elsewhere
        .filter_map(|other| Some((other.browser?, other.id)))
        .find(|(browser, _)| browser.guards_local_network())
}

/// Whether a connection was open, and something was sent on it.
fn is_used(attempt: &Attempt) -> bool {
    attempt.unused.is_none() && attempt.outcome.is_open()
}

/// Whether two connections were opened by one machine: whoever reaches a server on the loopback interface is where
/// the capture was made.
fn is_same_host(one: &Attempt, other: &Attempt) -> bool {
    let (a, b) = (one.client.ip().to_canonical(), other.client.ip().to_canonical());
    a == b || (a.is_loopback() && b.is_loopback())
}

/// Whether an address is one of the local network or the machine itself: a page of a public address needs
/// permission to reach it.
fn is_local_network(server: SocketAddr) -> bool {
    match server.ip().to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Nanoseconds within which a browser that asks for permission leaves.
const AT_ONCE: u64 = 200_000_000;

/// Nanoseconds within which a client that opens another connection wanted this one.
pub(crate) const AGAIN: u64 = 1_000_000_000;

/// Connections that are reported, at most.
pub(crate) const REPORTED: usize = 256;
