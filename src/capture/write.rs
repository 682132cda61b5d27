//! Writing packets as pcapng, the format that all capture tools read.
//!
//! Source: draft-ietf-opsawg-pcapng. Blocks are written in little-endian order.

use std::io::{self, Write};

use super::{LinkType, Packet};

/// Writes a pcapng file of one section.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// An interface for each link type, in the order of their numbers.
    interfaces: Vec<LinkType>,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn new(mut out: W) -> io::Result<Self> {
        let mut body = Vec::new();
        body.extend_from_slice(&BYTE_ORDER.to_le_bytes());
        body.extend_from_slice(&VERSION.map(u16::to_le_bytes).concat());
        // The section's length is not told.
        body.extend_from_slice(&u64::MAX.to_le_bytes());
        block(&mut out, SECTION_HEADER, &body)?;
        Ok(Self { out, interfaces: Vec::new() })
    }

    /// Writes a packet.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn push(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let known = self.interfaces.iter().position(|it| *it == packet.link_type);
        let interface = match known {
            Some(interface) => interface,
            None => self.describe(packet.link_type)?,
        };
        let mut body = Vec::with_capacity(packet.bytes.len().saturating_add(24));
        body.extend_from_slice(&number(interface).to_le_bytes());
        // The time as two halves, the high one first.
        body.extend_from_slice(&packet.time.0.rotate_left(32).to_le_bytes());
        body.extend_from_slice(&number(packet.bytes.len()).to_le_bytes());
        body.extend_from_slice(&packet.original_length.to_le_bytes());
        body.extend_from_slice(packet.bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        block(&mut self.out, ENHANCED_PACKET, &body)
    }

    /// Hands over what is buffered.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Writes an Interface Description Block; gives the interface's number.
    fn describe(&mut self, link_type: LinkType) -> io::Result<usize> {
        let mut body = Vec::new();
        body.extend_from_slice(&link_type.0.to_le_bytes());
        // No limit on the length of packets.
        body.extend_from_slice(&0_u32.to_le_bytes());
        // Times are in units of 10^-9 seconds.
        body.extend_from_slice(&[TIME_RESOLUTION, 0, 1, 0, 9, 0, 0, 0]);
        body.extend_from_slice(&END_OF_OPTIONS);
        block(&mut self.out, INTERFACE_DESCRIPTION, &body)?;
        self.interfaces.push(link_type);
        Ok(self.interfaces.len().saturating_sub(1))
    }
}

/// Writes a block, whose body is a multiple of four bytes.
fn block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let length = number(body.len()).saturating_add(BLOCK_FRAME).to_le_bytes();
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length)?;
    out.write_all(body)?;
    out.write_all(&length)
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

/// Tells the order of bytes.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// Major and minor version.
const VERSION: [u16; 2] = [1, 0];

/// `if_tsresol`.
const TIME_RESOLUTION: u8 = 9;

/// `opt_endofopt`, without a value.
const END_OF_OPTIONS: [u8; 4] = [0; 4];

/// Bytes of a block beside its body: its type, and its length twice.
const BLOCK_FRAME: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::open_stream;
    use crate::stream::{PacketId, Timestamp};

    #[test]
    fn what_is_written_is_read_again() {
        let packets: Vec<_> = [(1, &b"abc"[..], 3), (113, b"", 0), (1, &[7; 100], 1_500)]
            .into_iter()
            .zip(1..)
            .map(|((link_type, bytes, original_length), number)| Packet {
                id: PacketId(number),
                time: Timestamp(1_700_000_000_123_456_789 + number),
                link_type: LinkType(link_type),
                interface: 0,
                bytes,
                original_length,
                file_offset: 0,
            })
            .collect();
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file).unwrap();
        for packet in &packets {
            writer.push(packet).unwrap();
        }
        writer.finish().unwrap();
        let mut source = open_stream(Box::new(io::Cursor::new(file)), "file").unwrap();
        for packet in &packets {
            let again = source.next_packet().unwrap().unwrap();
            assert_eq!((again.id, again.time), (packet.id, packet.time));
            assert_eq!((again.link_type, again.bytes), (packet.link_type, packet.bytes));
            assert_eq!(again.original_length, packet.original_length);
        }
        assert!(source.next_packet().unwrap().is_none());
    }
}
