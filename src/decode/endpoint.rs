//! One end of a TCP connection, in a form that is quick to compare and to look up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An IP address and a port.
///
/// Every packet is compared and looked up by two of these: three integers take a fraction of the
/// time that the enum [`SocketAddr`] takes. An IPv4 address is kept as the IPv6 address that it is
/// mapped to (RFC 4291 §2.5.5.2), so that one comes back as the other.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Endpoint {
    pub(crate) network: u64,
    pub(crate) host: u64,
    pub(crate) port: u16,
}

impl Endpoint {
    /// An endpoint of IPv4; the address is in network byte order.
    #[inline]
    pub fn v4(address: [u8; 4], port: u16) -> Self {
        Self { network: 0, host: MAPPED | u64::from(u32::from_be_bytes(address)), port }
    }

    /// An endpoint of IPv6; the address is in network byte order.
    #[inline]
    pub fn v6(address: [u8; 16], port: u16) -> Self {
        let low_half = u128::from(u64::MAX);
        let half = |bits: u128| u64::try_from(bits & low_half).unwrap_or(0);
        let bits = u128::from_be_bytes(address);
        Self { network: half(bits >> 64), host: half(bits), port }
    }

    /// An endpoint of either kind.
    pub fn new(address: IpAddr, port: u16) -> Self {
        match address {
            IpAddr::V4(address) => Self::v4(address.octets(), port),
            IpAddr::V6(address) => Self::v6(address.octets(), port),
        }
    }

    /// The port.
    pub fn port(self) -> u16 {
        self.port
    }

    /// The endpoint in the form that people read.
    pub fn socket_address(self) -> SocketAddr {
        let address = if self.network == 0 && self.host >> 32 == MAPPED >> 32 {
            let [.., a, b, c, d] = self.host.to_be_bytes();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        } else {
            let bits = u128::from(self.network) << 64 | u128::from(self.host);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        };
        SocketAddr::new(address, self.port)
    }
}

/// The prefix `::ffff:0:0/96` of IPv4-mapped addresses, its lower half.
const MAPPED: u64 = 0xffff_0000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_come_back_as_they_were() {
        for text in ["127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:8080", "[::]:1"] {
            let address: SocketAddr = text.parse().unwrap();
            let endpoint = Endpoint::new(address.ip(), address.port());
            assert_eq!(endpoint.socket_address(), address, "{text}");
        }
        let long: SocketAddr = "[2001:db8:1:2:3:4:5:6]:443".parse().unwrap();
        assert_eq!(Endpoint::new(long.ip(), long.port()).socket_address(), long);
    }
}
