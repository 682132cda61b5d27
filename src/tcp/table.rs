//! Which connection a packet belongs to.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use foldhash::fast::RandomState;

use crate::decode::Endpoint;

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
}
