//! Which connection a packet belongs to.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use foldhash::fast::RandomState;

use crate::decode::{Endpoint, Segment};

/// Both endpoints of a connection, the same for both directions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FlowKey {
    low: Endpoint,
    high: Endpoint,
}

impl FlowKey {
    /// The key of packets between these two.
    #[inline]
    pub fn new(a: Endpoint, b: Endpoint) -> Self {
        if a <= b { Self { low: a, high: b } } else { Self { low: b, high: a } }
    }

    /// The key of the connection of a segment.
    pub fn of(segment: &Segment<'_>) -> Self {
        Self::new(segment.source, segment.destination)
    }
}

impl Hash for FlowKey {
    /// Every packet is looked up: each bit goes in, in as few steps as can be.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let pair = |a: u64, b: u64| u128::from(a) << 64 | u128::from(b);
        state.write_u128(pair(self.low.host, self.high.host));
        if (self.low.network | self.high.network) != 0 {
            state.write_u128(pair(self.low.network, self.high.network));
        }
        state.write_u32(u32::from(self.low.port) << 16 | u32::from(self.high.port));
    }
}

/// Values by endpoints.
///
/// Seeded at random, against captures made to collide. Its order is not defined: whoever walks over
/// it must sort.
pub type FlowTable<T> = HashMap<FlowKey, T, RandomState>;

/// The slots of connections that had packets lately, for a look before the [`FlowTable`] is asked: nine of ten
/// packets of a thousand connections are spared a keyed hash and a probe.
///
/// A place that was taken by another connection, or a slot that was given up, does no harm: whoever asks
/// compares the endpoints. Captures made to collide are as slow as without it.
#[derive(Debug)]
pub struct RecentSlots(Box<[u32; RECENT_PLACES]>);

impl Default for RecentSlots {
    fn default() -> Self {
        Self(Box::new([0; RECENT_PLACES]))
    }
}

impl RecentSlots {
    /// The slot to try for a packet between these two.
    #[inline]
    pub fn get(&self, a: Endpoint, b: Endpoint) -> usize {
        let slot = self.0.get(Self::place(a, b)).copied().unwrap_or_default();
        usize::try_from(slot).unwrap_or(usize::MAX)
    }

    /// Remembers the slot of the connection between these two.
    pub fn set(&mut self, a: Endpoint, b: Endpoint, slot: usize) {
        if let (Some(place), Ok(slot)) = (self.0.get_mut(Self::place(a, b)), u32::try_from(slot)) {
            *place = slot;
        }
    }

    /// The same for both directions.
    #[inline]
    fn place(a: Endpoint, b: Endpoint) -> usize {
        let hosts = a.host.wrapping_add(b.host);
        let ports = u64::from(a.port).wrapping_add(u64::from(b.port));
        let mixed = (hosts ^ ports << 32).wrapping_mul(SPREAD);
        usize::try_from(mixed >> (u64::BITS - RECENT_BITS)).unwrap_or_default()
    }
}

/// Places for recent connections, as a power of two: 16 KiB.
const RECENT_BITS: u32 = 12;
const RECENT_PLACES: usize = 1 << RECENT_BITS;

/// An odd number with bits all over: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Endpoint {
        let address: std::net::SocketAddr = text.parse().unwrap();
        Endpoint::new(address.ip(), address.port())
    }

    #[test]
    fn both_directions_have_one_key() {
        let (a, b) = (address("10.0.0.1:4000"), address("10.0.0.2:80"));
        assert_eq!(FlowKey::new(a, b), FlowKey::new(b, a));
        assert_ne!(FlowKey::new(a, b), FlowKey::new(a, address("10.0.0.2:81")));
        let local = (address("127.0.0.1:80"), address("127.0.0.1:4000"));
        assert_eq!(FlowKey::new(local.0, local.1), FlowKey::new(local.1, local.0));
    }

    #[test]
    fn recent_slots_are_found_in_both_directions() {
        let server = address("10.0.0.1:443");
        let clients: Vec<_> = (0..1000_u16)
            .map(|n| address(&format!("10.{}.{}.7:{}", n % 7, n % 251, 40_000 + n)))
            .collect();
        let mut recent = RecentSlots::default();
        for (slot, client) in clients.iter().enumerate() {
            recent.set(*client, server, slot);
            assert_eq!(recent.get(*client, server), slot);
            assert_eq!(recent.get(server, *client), slot);
        }
        let hit = |(slot, client): &(usize, &Endpoint)| recent.get(**client, server) == *slot;
        let found = clients.iter().enumerate().filter(hit).count();
        assert!(found > 850, "of 1000 connections, {found} have a place of their own");
    }
}
