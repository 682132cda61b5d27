//! Which connection a packet belongs to.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::RandomState;

/// Both endpoints of a connection, the same for both directions.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FlowKey {
    low: [u64; 2],
    high: [u64; 2],
    /// Port of `low`, then that of `high`.
    ports: [u16; 2],
}

impl FlowKey {
    /// The key of packets between these two.
    #[inline]
    pub fn new(a: SocketAddr, b: SocketAddr) -> Self {
        let (a, b) = (endpoint(a), endpoint(b));
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        Self { low: low.0, high: high.0, ports: [low.1, high.1] }
    }
}

/// Values by endpoints.
///
/// Seeded at random, against captures made to collide. Its order is not defined: whoever walks over
/// it must sort.
pub type FlowTable<T> = HashMap<FlowKey, T, RandomState>;

#[inline]
fn endpoint(address: SocketAddr) -> ([u64; 2], u16) {
    let ip = match address.ip() {
        // As an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2).
        IpAddr::V4(ip) => [0, 0xffff_0000_0000 | u64::from(ip.to_bits())],
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, h, tail @ ..] = ip.octets();
            [u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes(tail)]
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
