//! Packets from the inside out: what TCP or UDP, IP and Ethernet put before a payload.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::ops::Range;

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestSegment<'a> {
    /// Of its source and its destination.
    pub(crate) ports: [u16; 2],
    pub(crate) sequence: u32,
    pub(crate) acknowledgment: u32,
    /// See [`SYN`] and the others.
    pub(crate) flags: u8,
    pub(crate) window: u16,
    /// Padded to a multiple of four bytes.
    pub(crate) options: &'a [u8],
    pub(crate) payload: &'a [u8],
}

impl TestSegment<'_> {
    /// Appends header and payload; the checksum is 0, as where it is left to the network card.
    pub(crate) fn push_to(&self, to: &mut Vec<u8>) {
        to.extend(self.ports[0].to_be_bytes());
        to.extend(self.ports[1].to_be_bytes());
        to.extend(self.sequence.to_be_bytes());
        to.extend(self.acknowledgment.to_be_bytes());
        to.extend([((self.header_length() / 4) << 4) as u8, self.flags]);
        to.extend(self.window.to_be_bytes());
        to.extend([0; 4]);
        to.extend(self.options);
        to.extend(self.payload);
    }

    /// Bytes of header and payload.
    pub(crate) fn length(&self) -> usize {
        self.header_length() + self.payload.len()
    }

    fn header_length(&self) -> usize {
        20 + self.options.len()
    }
}

/// A segment from port 50000 to port 80.
pub(crate) fn tcp(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    TestSegment {
        ports: [50_000, 80],
        sequence: 1_000,
        acknowledgment: 2_000,
        flags: PSH | ACK,
        window: 256,
        options: &[],
        payload,
    }
    .push_to(&mut bytes);
    bytes
}

/// A datagram from port 50000 to `port`.
pub(crate) fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    udp_between([50_000, port], payload)
}

pub(crate) fn udp_between(ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let mut bytes = ports.map(u16::to_be_bytes).concat();
    bytes.extend(length(payload.len() + 8));
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

/// A datagram from 10.0.0.1 to 10.0.0.2.
pub(crate) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ip([[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from), protocol, payload)
}

/// A datagram from `::1` to `::2`.
pub(crate) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    ip([1, 2].map(|it| IpAddr::from(Ipv6Addr::from_bits(it))), next, payload)
}

/// A datagram of IP between two hosts, which must be of one version.
pub(crate) fn ip(hosts: [IpAddr; 2], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_ip_header(&mut bytes, hosts, protocol, payload.len());
    bytes.extend(payload);
    bytes
}

/// Appends the header of a datagram with `payload` bytes; its checksum is 0.
pub(crate) fn push_ip_header(to: &mut Vec<u8>, hosts: [IpAddr; 2], protocol: u8, payload: usize) {
    if hosts[0].is_ipv4() {
        to.extend([0x45, 0]);
        to.extend(length(payload + 20));
        // Identification, don't fragment, time to live.
        to.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
    } else {
        to.extend([0x60, 0, 0, 0]);
        to.extend(length(payload));
        to.extend([protocol, 64]);
    }
    for host in hosts {
        assert_eq!(host.is_ipv4(), hosts[0].is_ipv4(), "{hosts:?} do not speak the same protocol");
        push_address(to, host);
    }
}

/// A fragment of `range` of the payload of an IPv4 datagram.
pub(crate) fn ipv4_fragment(
    protocol: u8,
    number: u16,
    payload: &[u8],
    range: Range<usize>,
) -> Vec<u8> {
    let more = if range.end < payload.len() { 0x2000 } else { 0 };
    let field = (range.start / 8) as u16 | more;
    let mut bytes = ipv4(protocol, &payload[range]);
    bytes[4..6].copy_from_slice(&number.to_be_bytes());
    bytes[6..8].copy_from_slice(&field.to_be_bytes());
    bytes
}

/// A fragment of `range` of the payload of an IPv6 datagram.
pub(crate) fn ipv6_fragment(next: u8, number: u32, payload: &[u8], range: Range<usize>) -> Vec<u8> {
    let field = range.start as u16 | u16::from(range.end < payload.len());
    let header = join(&[&[next, 0], &field.to_be_bytes(), &number.to_be_bytes()]);
    ipv6(IPV6_FRAGMENT, &join(&[&header, &payload[range]]))
}

/// A frame whose `EtherType` is `kind`.
pub(crate) fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[2; 12], &kind.to_be_bytes(), payload])
}

/// Appends the header of a frame between two hosts.
pub(crate) fn push_ethernet_header(to: &mut Vec<u8>, [from, destination]: [IpAddr; 2]) {
    to.extend(mac(destination));
    to.extend(mac(from));
    to.extend(if from.is_ipv4() { [0x08, 0x00] } else { [0x86, 0xdd] });
}

/// A locally administered address made from the last bytes of `host`; loopback has zeros.
fn mac(host: IpAddr) -> [u8; 6] {
    if host.is_loopback() {
        return [0; 6];
    }
    let mut octets = Vec::new();
    push_address(&mut octets, host);
    let mut mac = [0x02, 0x42, 0, 0, 0, 0];
    mac[2..].copy_from_slice(&octets[octets.len() - 4..]);
    mac
}

/// How the checksum of TCP or UDP is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Checksum {
    /// As it goes over a wire.
    Right,
    /// As seen on the sending machine: left to the network card, which the loopback device has not.
    Offloaded,
}

/// Writes the checksums of an IP datagram and of the TCP or UDP in it (RFC 1071).
pub(crate) fn fill_checksums(datagram: &mut [u8], checksum: Checksum) {
    let is_ipv4 = datagram[0] >> 4 == 4;
    let (header, protocol, addresses) = if is_ipv4 { (20, 9, 12) } else { (40, 6, 8) };
    if is_ipv4 {
        datagram[10..12].fill(0);
        let sum = !fold(sum(&datagram[..header]));
        datagram[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    let protocol = datagram[protocol];
    let (ip, transport) = datagram.split_at_mut(header);
    let at = if protocol == TCP { 16 } else { 6 };
    transport[at..at + 2].fill(0);
    let pseudo = sum(&ip[addresses..]) + u64::from(protocol) + transport.len() as u64;
    let sum = match checksum {
        Checksum::Right => !fold(pseudo + sum(transport)),
        Checksum::Offloaded => fold(pseudo),
    };
    transport[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// Sum of 16-bit words, not folded.
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

fn push_address(to: &mut Vec<u8>, host: IpAddr) {
    match host {
        IpAddr::V4(host) => to.extend(host.octets()),
        IpAddr::V6(host) => to.extend(host.octets()),
    }
}

pub(crate) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap().to_be_bytes()
}

/// Host `number` of the network 10.0.0.0.
pub(crate) fn host(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, number))
}

// IP protocol numbers.
pub(crate) const ICMP: u8 = 1;
pub(crate) const IP_IN_IP: u8 = 4;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const IPV6_IN_IP: u8 = 41;
pub(crate) const IPV6_FRAGMENT: u8 = 44;
pub(crate) const GRE: u8 = 47;
pub(crate) const ICMPV6: u8 = 58;

// Flags of TCP.
pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;

// Link types.
pub(crate) const ETHERNET: u32 = 1;
/// The packet begins with its IP header.
pub(crate) const RAW_IP: u32 = 101;
