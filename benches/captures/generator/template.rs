//! Ethernet, IP and TCP or UDP headers of one direction, of which only a few fields change.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

/// How the transport checksum is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Checksum {
    /// As it goes over a wire.
    Right,
    /// As seen on the sending machine: left to the network card, which the loopback device has not.
    Offloaded,
}

/// What differs from one segment of a direction to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    pub(super) sequence: u32,
    pub(super) acknowledgement: u32,
    pub(super) flags: u8,
    pub(super) window: u16,
    pub(super) options: &'a [u8],
}

/// The headers of one direction.
#[derive(Debug)]
pub(super) struct Template {
    /// Ethernet and IP, then room for the transport header.
    bytes: Vec<u8>,
    version_6: bool,
    checksum: Checksum,
    /// Sum of the pseudo header, without the length.
    pseudo: u64,
    identification: u16,
}

impl Template {
    pub(super) fn new(source: SocketAddr, destination: SocketAddr, checksum: Checksum) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend(mac(destination.ip()));
        bytes.extend(mac(source.ip()));
        let (source_ip, destination_ip) = (octets(source.ip()), octets(destination.ip()));
        if source.is_ipv6() {
            bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 0, 64]);
        } else {
            bytes.extend([0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 0, 0, 0]);
        }
        bytes.extend(&source_ip);
        bytes.extend(&destination_ip);
        bytes.extend(source.port().to_be_bytes());
        bytes.extend(destination.port().to_be_bytes());
        let pseudo = sum(&source_ip) + sum(&destination_ip);
        let identification = source.port() ^ destination.port().rotate_left(5);
        Self { bytes, version_6: source.is_ipv6(), checksum, pseudo, identification }
    }

    /// The headers of a TCP segment with `payload`.
    pub(super) fn tcp(&mut self, fields: Fields<'_>, payload: &[u8]) -> &[u8] {
        let start = self.transport();
        self.bytes.truncate(start + 4);
        self.bytes.extend(fields.sequence.to_be_bytes());
        self.bytes.extend(fields.acknowledgement.to_be_bytes());
        self.bytes.push((((20 + fields.options.len()) / 4) << 4) as u8);
        self.bytes.push(fields.flags);
        self.bytes.extend(fields.window.to_be_bytes());
        self.bytes.extend([0; 4]);
        self.bytes.extend(fields.options);
        self.complete(PROTOCOL_TCP, start + 16, payload)
    }

    /// The headers of a UDP datagram with `payload`.
    pub(super) fn udp(&mut self, payload: &[u8]) -> &[u8] {
        let start = self.transport();
        self.bytes.truncate(start + 4);
        self.bytes.extend((8 + payload.len() as u16).to_be_bytes());
        self.bytes.extend([0; 2]);
        self.complete(PROTOCOL_UDP, start + 6, payload)
    }

    /// Where the transport header starts.
    fn transport(&self) -> usize {
        if self.version_6 { ETHERNET + 40 } else { ETHERNET + 20 }
    }

    /// Fills in lengths, protocol and checksums.
    fn complete(&mut self, protocol: u8, checksum_at: usize, payload: &[u8]) -> &[u8] {
        let start = self.transport();
        let length = self.bytes.len() - start + payload.len();
        let ip = &mut self.bytes[ETHERNET..start];
        if self.version_6 {
            ip[4..6].copy_from_slice(&(length as u16).to_be_bytes());
            ip[6] = protocol;
        } else {
            self.identification = self.identification.wrapping_add(1);
            ip[2..4].copy_from_slice(&(length as u16 + 20).to_be_bytes());
            ip[4..6].copy_from_slice(&self.identification.to_be_bytes());
            ip[9] = protocol;
            ip[10..12].fill(0);
            let checksum = !fold(sum(ip));
            ip[10..12].copy_from_slice(&checksum.to_be_bytes());
        }
        let pseudo = self.pseudo + u64::from(protocol) + length as u64;
        let checksum = match self.checksum {
            Checksum::Right => !fold(pseudo + sum(&self.bytes[start..]) + sum(payload)),
            Checksum::Offloaded => fold(pseudo),
        };
        self.bytes[checksum_at..checksum_at + 2].copy_from_slice(&checksum.to_be_bytes());
        &self.bytes
    }
}

/// Sum of 16-bit words (RFC 1071), not folded; headers are even, so only a payload may end with half of one.
fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(2);
    let last = words.remainder().first().map_or(0, |byte| u64::from(*byte) << 8);
    words.map(|word| u64::from(u16::from_be_bytes([word[0], word[1]]))).sum::<u64>() + last
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// A locally administered address made from the last bytes of `ip`; loopback has zeros.
fn mac(ip: IpAddr) -> [u8; 6] {
    if ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST {
        return [0; 6];
    }
    let octets = octets(ip);
    let mut mac = [0x02, 0x42, 0, 0, 0, 0];
    mac[2..].copy_from_slice(&octets[octets.len() - 4..]);
    mac
}

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
