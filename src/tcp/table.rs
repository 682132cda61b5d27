//! Which connection a packet belongs to.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::RandomState;

/// Both endpoints of a connection, the same for both directions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FlowKey {
    low: Address,
    high: Address,
    /// Port of `low`, then that of `high`.
    ports: u32,
}

/// An IPv6 address, or an IPv4 address mapped to one (RFC 4291 §2.5.5.2), in two halves.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Address {
    network: u64,
    host: u64,
}

impl Hash for FlowKey {
    /// Every packet is looked up: each bit goes in, in as few steps as can be.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let pair = |a: u64, b: u64| u128::from(a) << 64 | u128::from(b);
        state.write_u128(pair(self.low.host, self.high.host));
        if (self.low.network | self.high.network) != 0 {
            state.write_u128(pair(self.low.network, self.high.network));
        }
        state.write_u32(self.ports);
    }
}

impl FlowKey {
    /// The key of packets between these two.
    #[inline]
    pub fn new(a: SocketAddr, b: SocketAddr) -> Self {
        let (a, b) = (endpoint(a), endpoint(b));
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        Self { low: low.0, high: high.0, ports: u32::from(low.1) << 16 | u32::from(high.1) }
    }
}

/// Values by endpoints.
///
/// Seeded at random, against captures made to collide. Its order is not defined: whoever walks over
/// it must sort.
pub type FlowTable<T> = HashMap<FlowKey, T, RandomState>;

#[inline]
fn endpoint(address: SocketAddr) -> (Address, u16) {
    let ip = match address.ip() {
        IpAddr::V4(ip) => Address { network: 0, host: 0xffff_0000_0000 | u64::from(ip.to_bits()) },
        IpAddr::V6(ip) => {
            let low_half = u128::from(u64::MAX);
            let half = |bits: u128| u64::try_from(bits & low_half).unwrap_or(0);
            Address { network: half(ip.to_bits() >> 64), host: half(ip.to_bits()) }
        }
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
}
