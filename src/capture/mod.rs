//! Where packets come from: capture files, compressed files, standard input, live interfaces.
//!
//! The only module below `tui` and `cli` that touches files, devices and the clock.

use crate::stream::{PacketId, Timestamp};

/// How the first bytes of a packet are to be read: a LINKTYPE value of the tcpdump.org registry.
///
/// The upper 16 bits of the classic file header's field (FCS length and flags) are masked off.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LinkType(pub u32);

/// One captured packet, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Its number in the capture, from 1.
    pub id: PacketId,
    /// When it was captured; 0 where the file gives no time (Simple Packet Blocks).
    pub time: Timestamp,
    /// How to read its first bytes.
    pub link_type: LinkType,
    /// Interface it was captured on, counted from 0 over all sections of the file.
    pub interface: u32,
    /// The captured bytes.
    pub bytes: &'a [u8],
    /// Length of the packet on the wire in bytes; larger than `bytes` where the snap length cut it.
    pub original_length: u32,
    /// Position of `bytes` in the (uncompressed) file.
    pub file_offset: u64,
}
