//! Which connection a packet belongs to.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::RandomState;

/// Both endpoints of a connection, the same for both directions.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FlowKey {
    low: (u128, u16),
    high: (u128, u16),
}

impl FlowKey {
    /// The key of packets between these two.
    pub fn new(a: SocketAddr, b: SocketAddr) -> Self {
        let (a, b) = (endpoint(a), endpoint(b));
        if a <= b { Self { low: a, high: b } } else { Self { low: b, high: a } }
    }
}

/// Values by endpoints, in slots that are reused.
#[derive(Debug)]
pub struct FlowTable<T> {
    /// Seeded at random, against captures made to collide. Never iterated: order is not defined.
    slots: HashMap<FlowKey, u32, RandomState>,
    values: Vec<Option<(FlowKey, T)>>,
    free: Vec<u32>,
}

impl<T> Default for FlowTable<T> {
    fn default() -> Self {
        Self { slots: HashMap::default(), values: Vec::new(), free: Vec::new() }
    }
}

/// Where a value stands in its table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SlotId(u32);

impl<T> FlowTable<T> {
    /// The slot of a key.
    pub fn find(&self, key: &FlowKey) -> Option<SlotId> {
        self.slots.get(key).copied().map(SlotId)
    }

    /// The value in a slot.
    pub fn get_mut(&mut self, slot: SlotId) -> Option<&mut T> {
        let index = usize::try_from(slot.0).ok()?;
        self.values.get_mut(index)?.as_mut().map(|(_, value)| value)
    }

    /// Adds a value; the key must not be there yet.
    pub fn insert(&mut self, key: FlowKey, value: T) -> SlotId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.values.push(None);
            u32::try_from(self.values.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        if let Some(place) = usize::try_from(slot).ok().and_then(|slot| self.values.get_mut(slot)) {
            *place = Some((key, value));
        }
        self.slots.insert(key, slot);
        SlotId(slot)
    }

    /// Takes a value out.
    pub fn remove(&mut self, slot: SlotId) -> Option<T> {
        let index = usize::try_from(slot.0).ok()?;
        let (key, value) = self.values.get_mut(index)?.take()?;
        self.slots.remove(&key);
        self.free.push(slot.0);
        Some(value)
    }

    /// All values, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (SlotId, &T)> {
        (0..)
            .zip(&self.values)
            .filter_map(|(slot, value)| value.as_ref().map(|(_, value)| (SlotId(slot), value)))
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Number of slots, free ones included; slots are numbered below it.
    pub fn slot_count(&self) -> usize {
        self.values.len()
    }

    /// The slot with this number, if a value stands in it.
    pub fn slot(&self, number: usize) -> Option<SlotId> {
        self.values.get(number)?.as_ref()?;
        u32::try_from(number).ok().map(SlotId)
    }
}

fn endpoint(address: SocketAddr) -> (u128, u16) {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    (ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
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
    fn slots_are_reused() {
        let mut table = FlowTable::default();
        let (a, b) = (address("[::1]:1"), address("[::1]:2"));
        let key = FlowKey::new(a, b);
        let slot = table.insert(key, 'x');
        assert_eq!(table.find(&key), Some(slot));
        assert_eq!(table.get_mut(slot), Some(&mut 'x'));
        assert_eq!(table.remove(slot), Some('x'));
        assert_eq!((table.find(&key), table.len()), (None, 0));
        assert_eq!(table.insert(key, 'y'), slot);
        assert_eq!(table.slot_count(), 1);
    }
}
