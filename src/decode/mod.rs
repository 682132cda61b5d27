//! One packet to at most one TCP segment.
//!
//! Link layers and tunnels are ours; IP, its fragments and TCP are read by etherparse. The one shape
//! that nearly all packets have (IPv4 without options, TCP) is tried first and takes a short cut.

mod ethertype;
mod fragments;
mod ip;
mod link;
mod tunnel;
mod wifi;
mod wire;

use std::mem;
use std::net::SocketAddr;

use etherparse::IpNumber;

pub use self::fragments::Limits;
pub use self::link::link_type_name;

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
        if let Some(segment) = link::plain_segment(packet) {
            return Decoded::Tcp(segment);
        }
        match self.segment(packet) {
            Ok(segment) => Decoded::Tcp(segment),
            Err(reason) => Decoded::Other(reason),
        }
    }

    /// IP datagrams that were given up because a limit was reached before all fragments came.
    pub fn dropped_datagrams(&self) -> u64 {
        self.fragments.dropped()
    }

    /// IP datagrams of which fragments are still missing.
    pub fn incomplete_datagrams(&self) -> usize {
        self.fragments.incomplete()
    }

    /// Reads header by header, through all tunnels.
    fn segment<'a>(&'a mut self, packet: &Packet<'a>) -> Result<Segment<'a>, Reason> {
        let original_length = length_usize(u64::from(packet.original_length));
        let missing = original_length.saturating_sub(packet.bytes.len());
        let wire = Wire { bytes: packet.bytes, missing };
        let (mut header, mut wire) = link::first_header(packet.link_type, wire)?;
        let mut buffers = self.whole.as_mut_slice();
        for _ in 0..MAX_IP_HEADERS {
            wire = header.read_to_ip(wire)?;
            if let Some(segment) = ip::plain_ipv4_segment(wire) {
                return Ok(segment);
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
            if datagram.protocol == IpNumber::TCP {
                return datagram.segment();
            }
            (header, wire) = tunnel::open(&datagram)?;
        }
        Err(Reason::TooDeep)
    }
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug)]
pub enum Decoded<'a> {
    /// A TCP segment, possibly inside tunnels or made of reassembled IP fragments.
    Tcp(Segment<'a>),
    /// Something else, or a fragment that does not complete its datagram yet.
    Other(Reason),
}

/// One TCP segment as captured.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Sender.
    pub source: SocketAddr,
    /// Receiver.
    pub destination: SocketAddr,
    /// Sequence number of the first payload byte (or of the SYN).
    pub sequence: u32,
    /// Acknowledgement number; meaningful when [`Flags::ACK`] is set.
    pub acknowledgement: u32,
    /// Control bits.
    pub flags: Flags,
    /// Receive window as sent, not scaled.
    pub window: u16,
    /// Captured payload.
    pub payload: &'a [u8],
    /// Payload bytes that were on the wire behind `payload` but were not captured (snap length).
    pub missing: u32,
}

/// TCP control bits, as in the low byte of the flags field.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// The acknowledgement field is significant.
    pub const ACK: Self = Self(0x10);

    /// Whether all bits of `other` are set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Why a packet gave no segment.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Reason {
    /// Not TCP (ARP, UDP, ICMP, an unknown `EtherType`, ...): none of our business.
    NotTcp,
    /// The link type is not supported; its number.
    LinkType(u32),
    /// TCP may be inside, but in a way that cannot be read (encrypted, compressed); its name.
    Encapsulation(&'static str),
    /// More tunnels, tags or labels inside one another than anybody uses.
    TooDeep,
    /// The packet is too short or contradicts itself, up to and including its TCP header.
    Malformed,
    /// The snap length cut the packet before the end of its TCP header.
    Cut,
    /// An IP fragment, kept until its datagram is whole.
    FragmentKept,
    /// An IP fragment; it was kept, but a limit on kept fragments was reached and the oldest
    /// incomplete datagram was given up. Given once for each, or at the next fragment that is kept.
    FragmentLimit,
}

/// IP headers accepted in one packet: seven tunnels.
const MAX_IP_HEADERS: usize = 8;
