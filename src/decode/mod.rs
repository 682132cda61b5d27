//! Decodes one packet to at most one TCP segment, or a DNS message or ICMP error about connections.
//!
//! Link layers and tunnels are ours; IP, its fragments and TCP are read by etherparse. The one shape
//! that nearly all packets have (IP without options, TCP) is tried first and takes a short cut.

#[cfg(test)]
mod craft;
mod dns;
mod endpoint;
mod ethertype;
mod fragments;
mod icmp;
mod ip;
mod link;
mod segment;
mod tunnel;
mod wifi;
mod wire;

use std::mem;

use etherparse::IpNumber;

pub use self::dns::{DnsAddress, DnsCode, DnsExtent, DnsKind, DnsMessage, DnsQuestion, DnsRole};
pub use self::endpoint::Endpoint;
pub use self::fragments::Limits;
pub use self::icmp::{IcmpError, IcmpKind, IcmpMeaning, IcmpVersion};
pub use self::link::link_type_name;
pub use self::segment::{Flags, Reason, Segment};

use self::fragments::Fragments;
use self::ip::Datagram;
use self::wire::Wire;
use crate::capture::Packet;
use crate::stream::length_usize;

/// Decodes the packets of one capture.
///
/// It remembers nothing but IP fragments, within [`Limits`].
#[derive(Debug, Default)]
pub struct Decoder {
    fragments: Fragments,
    /// Reassembled payloads of the latest packet, from the outermost IP header inwards.
    whole: [Vec<u8>; MAX_IP_HEADERS],
}

impl Decoder {
    /// A decoder that keeps IP fragments within `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { fragments: Fragments::new(limits), ..Self::default() }
    }

    /// Decodes one packet.
    ///
    /// The segment borrows from the packet, or from the decoder if it had been fragmented.
    #[inline]
    pub fn decode<'a>(&'a mut self, packet: &Packet<'a>) -> Decoded<'a> {
        if let Some(segment) = plain_segment(packet) {
            return Decoded::Tcp(segment);
        }
        self.read(packet).unwrap_or_else(Decoded::Other)
    }

    /// IP datagrams that were given up because a limit was reached before all fragments came.
    pub fn dropped_datagrams(&self) -> u64 {
        self.fragments.dropped()
    }

    /// Memory taken by IP fragments that wait for others, in bytes.
    pub fn kept(&self) -> usize {
        self.fragments.memory()
    }

    /// Drops the oldest incomplete IP datagrams, to save memory, until at most this much is taken.
    pub fn evict(&mut self, memory: usize) {
        self.fragments.evict(memory);
    }

    /// IP datagrams of which fragments are still missing.
    pub fn incomplete_datagrams(&self) -> usize {
        self.fragments.incomplete()
    }

    /// Reads header by header, through all tunnels.
    fn read<'a>(&'a mut self, packet: &Packet<'a>) -> Result<Decoded<'a>, Reason> {
        let original_length = length_usize(u64::from(packet.original_length));
        let missing = original_length.saturating_sub(packet.bytes.len());
        let wire = Wire { bytes: packet.bytes, missing };
        let (mut header, mut wire) = link::first_header(packet.link_type, wire)?;
        let mut buffers = self.whole.as_mut_slice();
        for _ in 0..MAX_IP_HEADERS {
            wire = header.read_to_ip(wire)?;
            if let Some(segment) = ip::plain_segment(wire) {
                return Ok(Decoded::Tcp(segment));
            }
            let mut datagram = Datagram::read(wire)?;
            if let Some(fragment) = datagram.fragment {
                let whole = self.fragments.insert(&datagram, fragment, packet.time)?;
                let Some((buffer, rest)) = mem::take(&mut buffers).split_first_mut() else {
                    return Err(Reason::TooDeep);
                };
                buffers = rest;
                *buffer = whole.bytes;
                datagram = datagram.reassembled(Wire { bytes: buffer, missing: whole.missing })?;
            }
            match datagram.protocol {
                IpNumber::TCP => return datagram.segment().map(Decoded::Tcp),
                IpNumber::ICMP | IpNumber::IPV6_ICMP => {
                    return icmp::error(&datagram).map(Decoded::Icmp);
                }
                IpNumber::UDP => {
                    if let Some(message) = tunnel::dns(&datagram) {
                        return Ok(Decoded::Dns(Box::new(message)));
                    }
                }
                _ => {}
            }
            (header, wire) = tunnel::open(&datagram)?;
        }
        Err(Reason::TooDeep)
    }
}

/// The TCP segment of a packet that has nothing special about it: Ethernet, IP without options or
/// fragments, TCP, nothing cut. `None` for all others, which [`Decoder::decode`] knows how to read.
#[inline]
pub fn plain_segment<'a>(packet: &Packet<'a>) -> Option<Segment<'a>> {
    link::plain_segment(packet)
}

/// What a packet turned out to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decoded<'a> {
    /// A TCP segment, possibly inside tunnels or made of reassembled IP fragments.
    Tcp(Segment<'a>),
    /// A DNS message in a UDP datagram.
    Dns(Box<DnsMessage>),
    /// An ICMP error about a TCP segment.
    Icmp(IcmpError),
    /// Something else, or a fragment that does not complete its datagram yet.
    Other(Reason),
}

/// IP headers accepted in one packet: seven tunnels.
const MAX_IP_HEADERS: usize = 8;

#[cfg(test)]
mod tests {
    use super::craft::{PAYLOAD, packet};
    use super::*;
    use crate::testkit::packet::{
        ETHERNET, GRE, IP_IN_IP, TCP, UDP, ethernet, ipv4, ipv4_fragment, ipv6, join, tcp, udp,
    };

    fn samples() -> [(&'static str, u32, Vec<u8>); 6] {
        let over_4 = ipv4(TCP, &tcp(PAYLOAD));
        let frame = ethernet(0x0800, &over_4);
        let vxlan = udp(4789, &join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &frame]));
        let gre = join(&[&[0xb0, 0, 0x65, 0x58], &[0; 12], &frame]);
        let fragmented = join(&[&[TCP, 0, 0, 1, 0, 0, 0, 9], &tcp(&PAYLOAD[..36])]);
        [
            ("IPv4", ETHERNET, frame),
            ("IPv6", ETHERNET, ethernet(0x86dd, &ipv6(TCP, &tcp(PAYLOAD)))),
            ("IPv6 fragment", ETHERNET, ethernet(0x86dd, &ipv6(44, &fragmented))),
            ("VXLAN", ETHERNET, ethernet(0x0800, &ipv4(UDP, &vxlan))),
            ("GRE", ETHERNET, ethernet(0x0800, &ipv4(GRE, &gre))),
            ("802.11", 127, join(&[&[0, 0, 9, 0, 2, 0, 0, 0, 0, 0x88, 1], &[0; 24], &over_4])),
        ]
    }

    #[test]
    fn cut_packets_give_the_captured_part_and_count_the_rest() {
        for (name, link_type, bytes) in samples() {
            let mut decoder = Decoder::default();
            let whole = packet(link_type, &bytes);
            for length in 0..=bytes.len() {
                let cut = Packet { bytes: &bytes[..length], ..whole };
                match decoder.decode(&cut) {
                    Decoded::Tcp(segment) => {
                        assert!(PAYLOAD.starts_with(segment.payload), "{name}, {length} bytes");
                        let missing = length_usize(u64::from(segment.missing));
                        assert_eq!(segment.payload.len() + missing, PAYLOAD.len(), "{name}");
                    }
                    Decoded::Dns(_) | Decoded::Icmp(_) => panic!("{name} is neither"),
                    Decoded::Other(reason) => {
                        let expected = [Reason::Cut, Reason::FragmentKept, Reason::NotTcp];
                        assert!(expected.contains(&reason), "{name}, {length} bytes: {reason:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn damaged_packets_never_panic() {
        let mut decoder = Decoder::new(Limits { datagrams: 3, ..Limits::default() });
        for (_, link_type, bytes) in samples() {
            for at in 0..bytes.len() {
                for value in 0..=u8::MAX {
                    let mut damaged = bytes.clone();
                    damaged[at] = value;
                    for length in [bytes.len(), at + 1, (at + 20).min(bytes.len())] {
                        let cut = packet(link_type, &damaged[..length]);
                        if let Decoded::Tcp(segment) = decoder.decode(&cut) {
                            assert!(segment.payload.len() <= bytes.len());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn tunnels_are_opened_up_to_their_limit() {
        let mut datagram = ipv4(TCP, &tcp(PAYLOAD));
        for depth in 1..=MAX_IP_HEADERS + 1 {
            let bytes = ethernet(0x0800, &datagram);
            let mut decoder = Decoder::default();
            let decoded = decoder.decode(&packet(ETHERNET, &bytes));
            if depth <= MAX_IP_HEADERS {
                assert!(matches!(decoded, Decoded::Tcp(_)), "{depth}");
            } else {
                assert_eq!(decoded, Decoded::Other(Reason::TooDeep));
            }
            datagram = ipv4(IP_IN_IP, &datagram);
        }
    }

    #[test]
    fn dropped_and_incomplete_datagrams_are_counted() {
        let mut decoder = Decoder::new(Limits { datagrams: 1, ..Limits::default() });
        for number in 0..3 {
            let fragment = ipv4_fragment(TCP, number, &tcp(PAYLOAD), 0..32);
            let bytes = ethernet(0x0800, &fragment);
            assert!(matches!(decoder.decode(&packet(ETHERNET, &bytes)), Decoded::Other(_)));
        }
        assert_eq!((decoder.dropped_datagrams(), decoder.incomplete_datagrams()), (2, 1));
    }

    #[test]
    fn fragments_inside_a_fragmented_tunnel_are_put_together() {
        let segment = tcp(PAYLOAD);
        let mut decoder = Decoder::default();
        let mut payload = Vec::new();
        let mut reasons = Vec::new();
        let whole = ipv4(TCP, &segment);
        for (number, range) in [(1, 0..24), (2, 24..segment.len())] {
            let inner = ethernet(0x0800, &ipv4_fragment(TCP, 7, &segment, range));
            let outer = udp(4789, &join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &inner]));
            for range in [40..outer.len(), 0..40] {
                let bytes = ethernet(0x0800, &ipv4_fragment(UDP, number, &outer, range));
                match decoder.decode(&packet(ETHERNET, &bytes)) {
                    Decoded::Tcp(segment) => payload.extend_from_slice(segment.payload),
                    Decoded::Dns(_) | Decoded::Icmp(_) => {}
                    Decoded::Other(reason) => reasons.push(reason),
                }
            }
        }
        assert_eq!(payload, PAYLOAD);
        assert_eq!(reasons, [Reason::FragmentKept; 3]);
        let bytes = ethernet(0x0800, &whole);
        assert!(matches!(decoder.decode(&packet(ETHERNET, &bytes)), Decoded::Tcp(_)));
    }
}
