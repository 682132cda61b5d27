//! Addresses and networks as expressions write them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// All addresses that begin with the same bits, with a port or any.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct AddressRange {
    address: IpAddr,
    /// How many of its first bits count: 32 or 128 for a single address.
    prefix: u8,
    port: Option<u16>,
}

impl AddressRange {
    /// Reads `10.0.0.1`, `10.0.0.0/8`, `10.0.0.1:80`, `::1`, `[::1]`, `[::1]:80`, `fe80::/10`.
    pub(super) fn read(word: &str) -> Option<Self> {
        if let Ok(peer) = word.parse::<SocketAddr>() {
            let address = peer.ip();
            return Some(Self { address, prefix: bits(address), port: Some(peer.port()) });
        }
        let (address, prefix) = match word.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
            None => (word, None),
        };
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = bare.unwrap_or(address).parse::<IpAddr>().ok()?;
        let prefix = prefix.unwrap_or_else(|| bits(address));
        (prefix <= bits(address)).then_some(Self { address, prefix, port: None })
    }

    /// Whether it has a port.
    pub(super) fn has_port(&self) -> bool {
        self.port.is_some()
    }

    /// The address, and the port if it has one, unless it is a network.
    pub(super) fn single(&self) -> Option<(IpAddr, Option<u16>)> {
        (self.prefix == bits(self.address)).then_some((self.address, self.port))
    }

    /// Whether an address is one of them; one without a port never is where a port counts.
    pub(super) fn contains(&self, ip: IpAddr, port: Option<u16>) -> bool {
        let same = match (self.address, ip) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = u32::from(bits(ip).saturating_sub(self.prefix));
                let (own, other) = (u32::from(own), u32::from(other));
                own.checked_shr(shift).unwrap_or(0) == other.checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = u32::from(bits(ip).saturating_sub(self.prefix));
                let (own, other) = (u128::from(own), u128::from(other));
                own.checked_shr(shift).unwrap_or(0) == other.checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        };
        same && (self.port.is_none() || self.port == port)
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.address, port).fmt(f),
            None if self.prefix == bits(self.address) => self.address.fmt(f),
            None => write!(f, "{}/{}", self.address, self.prefix),
        }
    }
}

/// How many bits an address has.
fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_holds_the_addresses_that_begin_alike() {
        #[rustfmt::skip]
        let cases = [
            ("10.0.0.1",      "10.0.0.1:80",    true),
            ("10.0.0.1",      "10.0.0.2:80",    false),
            ("10.0.0.0/8",    "10.200.3.4:80",  true),
            ("10.0.0.0/8",    "11.0.0.1:80",    false),
            ("0.0.0.0/0",     "11.0.0.1:80",    true),
            ("0.0.0.0/0",     "[::1]:80",       false),
            ("10.0.0.1:80",   "10.0.0.1:80",    true),
            ("10.0.0.1:80",   "10.0.0.1:81",    false),
            ("::1",           "[::1]:80",       true),
            ("[::1]",         "[::1]:80",       true),
            ("[::1]:80",      "[::1]:80",       true),
            ("[::1]:80",      "[::1]:81",       false),
            ("fe80::/10",     "[fe9f::1]:80",   true),
            ("fe80::/10",     "[fec0::1]:80",   false),
            ("::/0",          "[fec0::1]:80",   true),
        ];
        for (network, address, expected) in cases {
            let peer: SocketAddr = address.parse().unwrap();
            let network = AddressRange::read(network).unwrap();
            assert_eq!(
                network.contains(peer.ip(), Some(peer.port())),
                expected,
                "{network} {address}"
            );
        }
        let address = "10.0.0.1".parse().unwrap();
        assert!(!AddressRange::read("10.0.0.1:80").unwrap().contains(address, None));
    }

    #[test]
    fn other_texts_are_not_read_as_addresses() {
        for word in [
            "",
            "localhost",
            "10.0.0",
            "10.0.0.1/33",
            "::/129",
            "10.0.0.1:",
            "10.0.0.1:99999",
            "[::1",
            "/8",
        ] {
            assert_eq!(AddressRange::read(word), None, "{word}");
        }
    }
}
