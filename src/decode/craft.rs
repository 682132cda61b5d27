//! Packets for the tests of this module, built from the inside out.

use super::{Decoded, Decoder, Reason};
use crate::capture::{LinkType, Packet};
use crate::stream::{PacketId, Timestamp};

/// What [`tcp`] segments carry in most tests.
pub(super) const PAYLOAD: &[u8] = b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n";

// IP protocol numbers.
pub(super) const IP_IN_IP: u8 = 4;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const IPV6_IN_IP: u8 = 41;
pub(super) const IPV6_FRAGMENT: u8 = 44;
pub(super) const GRE: u8 = 47;

/// Link type of Ethernet.
pub(super) const ETHERNET: u32 = 1;

/// Position of flags and fragment offset in an IPv4 header.
const IPV4_FRAGMENT: usize = 6;

pub(super) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap().to_be_bytes()
}

/// A segment from port 50000 to port 80.
pub(super) fn tcp(payload: &[u8]) -> Vec<u8> {
    let header = [0xc3, 0x50, 0, 80, 0, 0, 3, 232, 0, 0, 7, 208, 0x50, 0x18, 1, 0, 0, 0, 0, 0];
    join(&[&header, payload])
}

pub(super) fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let ports = [[0xc3, 0x50], port.to_be_bytes()].concat();
    join(&[&ports, &length(payload.len() + 8), &[0, 0], payload])
}

/// A datagram from 10.0.0.1 to 10.0.0.2.
pub(super) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let rest = [0, 7, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    join(&[&[0x45, 0], &length(payload.len() + 20), &rest, payload])
}

/// A datagram from `::1` to `::2`.
pub(super) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut addresses = [0; 32];
    addresses[15] = 1;
    addresses[31] = 2;
    join(&[&[0x60, 0, 0, 0], &length(payload.len()), &[next, 64], &addresses, payload])
}

/// A fragment of `range` of the payload of an IPv4 datagram.
pub(super) fn ipv4_fragment(
    protocol: u8,
    number: u16,
    payload: &[u8],
    range: std::ops::Range<usize>,
) -> Vec<u8> {
    let more = if range.end < payload.len() { 0x2000 } else { 0 };
    let field = u16::try_from(range.start / 8).unwrap() | more;
    let mut bytes = ipv4(protocol, &payload[range]);
    bytes[4..IPV4_FRAGMENT].copy_from_slice(&number.to_be_bytes());
    bytes[IPV4_FRAGMENT..IPV4_FRAGMENT + 2].copy_from_slice(&field.to_be_bytes());
    bytes
}

/// A fragment of `range` of the payload of an IPv6 datagram.
pub(super) fn ipv6_fragment(
    next: u8,
    number: u32,
    payload: &[u8],
    range: std::ops::Range<usize>,
) -> Vec<u8> {
    let more = u16::from(range.end < payload.len());
    let field = u16::try_from(range.start).unwrap() | more;
    let header = join(&[&[next, 0], &field.to_be_bytes(), &number.to_be_bytes()]);
    ipv6(IPV6_FRAGMENT, &join(&[&header, &payload[range]]))
}

/// A frame whose `EtherType` is `kind`.
pub(super) fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[2; 12], &kind.to_be_bytes(), payload])
}

/// A packet that was captured whole.
pub(super) fn packet(link_type: u32, bytes: &[u8]) -> Packet<'_> {
    Packet {
        id: PacketId(1),
        time: Timestamp(1),
        link_type: LinkType(link_type),
        interface: 0,
        bytes,
        original_length: u32::try_from(bytes.len()).unwrap(),
        file_offset: 0,
    }
}

/// The payload of the segment in a packet that was captured whole.
pub(super) fn decode(link_type: u32, bytes: &[u8]) -> Result<Vec<u8>, Reason> {
    match Decoder::default().decode(&packet(link_type, bytes)) {
        Decoded::Tcp(segment) => Ok(segment.payload.to_vec()),
        Decoded::Dns(_) | Decoded::Icmp(_) => Err(Reason::NotTcp),
        Decoded::Other(reason) => Err(reason),
    }
}
