//! Which connections are the two sides of one that passes through a proxy.

use foldhash::{HashMap, HashMapExt};

use crate::analysis::event::ConnectionId;
use crate::findings::across::ended_websockets::EndedWebSocket;
use crate::stream::Direction;

/// Two connections, of which a proxy made one: what the client sent on the outer one, the server received on
/// the inner one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProxyLegs<'a> {
    /// Between the client and the proxy.
    pub(crate) outer: &'a EndedWebSocket,
    /// Between the proxy and the server.
    pub(crate) inner: &'a EndedWebSocket,
    /// How long the proxy kept the latest messages at most, in nanoseconds; `None` if none is in both.
    pub(crate) delay: Option<u64>,
}

impl ProxyLegs<'_> {
    /// Whether a connection is one of the two.
    pub(crate) fn has(&self, id: ConnectionId) -> bool {
        self.outer.id == id || self.inner.id == id
    }
}

/// Finds the pairs among connections, by the key of the handshake or by what was sent last; each WebSocket is
/// in one pair at most.
pub(crate) fn pairs<'a>(all: &[&'a EndedWebSocket]) -> Vec<ProxyLegs<'a>> {
    let mut by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
    for (place, ended) in all.iter().enumerate() {
        for hash in hashes(ended) {
            let places = by_hash.entry(hash).or_default();
            if places.len() < MOST_ALIKE && places.last() != Some(&place) {
                places.push(place);
            }
        }
    }
    let mut is_paired = vec![false; all.len()];
    let mut out = Vec::new();
    for (place, one) in all.iter().enumerate() {
        let candidates = hashes(one).filter_map(|hash| by_hash.get(&hash)).flatten().copied();
        let mut legs: Vec<(usize, ProxyLegs<'a>)> = candidates
            .filter(|other| *other != place && is_paired.get(*other) == Some(&false))
            .filter_map(|other| Some((other, legs(one, all.get(other)?)?)))
            .collect();
        legs.sort_by_key(|(_, legs)| legs.outer.first.time.since(legs.inner.first.time));
        if is_paired.get(place) == Some(&true) {
            continue;
        }
        let Some((other, legs)) = legs.into_iter().next() else { continue };
        for place in [place, other] {
            if let Some(is_paired) = is_paired.get_mut(place) {
                *is_paired = true;
            }
        }
        out.push(legs);
    }
    out
}

/// Two connections as the sides of a proxy; `None` if they are not.
fn legs<'a>(one: &'a EndedWebSocket, other: &'a EndedWebSocket) -> Option<ProxyLegs<'a>> {
    // Who opens the second one has been asked on the first one.
    let (outer, inner) = if one.first <= other.first { (one, other) } else { (other, one) };
    if outer.client == inner.client || outer.server == inner.server {
        return None;
    }
    let keys = outer.likeness.key.zip(inner.likeness.key);
    let has_same_key = keys.is_some_and(|(outer, inner)| outer == inner);
    let (common, delay) = common_messages(outer, inner);
    let has_same_messages = common >= LEAST_COMMON && is_at_the_same_host(outer, inner);
    (has_same_key || has_same_messages).then_some(ProxyLegs {
        outer,
        inner,
        delay: (common > 0).then_some(delay),
    })
}

/// Whether the proxy's address, if it has one only, is on both.
fn is_at_the_same_host(outer: &EndedWebSocket, inner: &EndedWebSocket) -> bool {
    outer.server.ip() == inner.client.ip() || outer.client.ip() != inner.client.ip()
}

/// How many of the latest messages are on both, each a moment later on the second, and the longest of these
/// moments in nanoseconds.
fn common_messages(outer: &EndedWebSocket, inner: &EndedWebSocket) -> (usize, u64) {
    let mut count = 0_usize;
    let mut longest = 0_u64;
    for direction in Direction::BOTH {
        let (earlier, later) = match direction {
            Direction::ClientToServer => (outer, inner),
            Direction::ServerToClient => (inner, outer),
        };
        let sent = earlier.likeness.messages.get(direction).iter().flatten();
        for (hash, time) in sent {
            let passed_on = later.likeness.messages.get(direction).iter().flatten().filter(|it| {
                it.0 == *hash && it.1 >= *time && it.1.since(*time) <= PASSED_ON_WITHIN
            });
            // One that is sent again and again is the next one.
            if let Some(delay) = passed_on.map(|(_, later)| later.since(*time)).min() {
                count = count.saturating_add(1);
                longest = longest.max(delay);
            }
        }
    }
    (count, longest)
}

fn hashes(ended: &EndedWebSocket) -> impl Iterator<Item = u64> + '_ {
    let messages = &ended.likeness.messages;
    let messages = messages.client.iter().chain(&messages.server).flatten().map(|(hash, _)| *hash);
    ended.likeness.key.into_iter().chain(messages)
}

/// Messages that two connections must have in common if their keys differ.
const LEAST_COMMON: usize = 2;

/// connections with one message that are compared: a broadcast is on all of them.
const MOST_ALIKE: usize = 64;

/// Nanoseconds within which a proxy passes a message on.
const PASSED_ON_WITHIN: u64 = 2_000_000_000;
