//! What is read of a packet: a TCP segment, or why there is none.

use super::endpoint::Endpoint;

/// One TCP segment as captured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Segment<'a> {
    /// Sender.
    pub source: Endpoint,
    /// Receiver.
    pub destination: Endpoint,
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
    /// Payload bytes that were on the wire after `payload` but were not captured (snap length).
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
    /// Neither TCP nor anything about it (ARP, most of UDP, an unknown `EtherType`, ...):
    /// none of our business.
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
