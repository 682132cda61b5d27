//! One packet to at most one TCP segment.
//!
//! Link layer and tunnels are ours, IP and TCP are read by etherparse's lax slices, which decode as
//! far as the captured bytes reach.

use std::net::SocketAddr;

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
    /// Not TCP (ARP, UDP, ICMP, an unknown EtherType, ...): none of our business.
    NotTcp,
    /// The link type is not supported; its number.
    LinkType(u32),
    /// The packet is too short or contradicts itself below TCP.
    Malformed,
    /// An IP fragment, kept until its datagram is whole.
    FragmentKept,
    /// An IP fragment was dropped because a limit on kept fragments was reached.
    FragmentLimit,
}
