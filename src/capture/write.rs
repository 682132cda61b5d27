//! Writing packets as pcapng, the format that all capture tools read.
//!
//! Source: draft-ietf-opsawg-pcapng. Blocks are written in little-endian order.

use std::io::{self, Write};

use super::{Interface, LinkType, Losses, Packet, Secrets};
use crate::stream::Timestamp;

/// Writes a pcapng file of one section.
#[derive(Debug)]
pub struct PcapngWriter<W> {
    out: W,
    /// The packets' number and link type of each interface, in the order of the file.
    interfaces: Vec<(u32, LinkType)>,
    /// Bytes written so far.
    length: u64,
}

impl<W: Write> PcapngWriter<W> {
    /// Starts a file.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn new(out: W) -> io::Result<Self> {
        Self::with_comment(out, "")
    }

    /// Starts a file with a comment, which capture tools show.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn with_comment(out: W, comment: &str) -> io::Result<Self> {
        let mut body = Vec::new();
        body.extend_from_slice(&BYTE_ORDER.to_le_bytes());
        body.extend_from_slice(&VERSION.map(u16::to_le_bytes).concat());
        // The section's length is not specified.
        body.extend_from_slice(&u64::MAX.to_le_bytes());
        if !comment.is_empty() {
            option(&mut body, COMMENT, comment.as_bytes());
        }
        option(&mut body, APPLICATION, PROGRAM.as_bytes());
        body.extend_from_slice(&END_OF_OPTIONS);
        let mut writer = Self { out, interfaces: Vec::new(), length: 0 };
        writer.block(SECTION_HEADER, &body)?;
        Ok(writer)
    }

    /// Describes an interface, whose packets have this number.
    ///
    /// An interface that was not described is described by its first packet.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn interface(&mut self, number: u32, interface: &Interface) -> io::Result<()> {
        let mut options = Vec::new();
        option(&mut options, INTERFACE_NAME, interface.name.as_bytes());
        if let Some(filter) = &interface.filter {
            // The first byte means that tcpdump's syntax follows.
            option(&mut options, INTERFACE_FILTER, &[&[0], filter.as_bytes()].concat());
        }
        self.describe(number, interface.link_type, interface.snap_length, &options)?;
        Ok(())
    }

    /// Writes how many packets an interface captured and lost between two times (an Interface
    /// Statistics Block).
    ///
    /// Writes nothing for an interface that was not described.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn statistics(
        &mut self,
        number: u32,
        losses: &Losses,
        (first, last): (Timestamp, Timestamp),
    ) -> io::Result<()> {
        let Some(place) = self.interfaces.iter().position(|(it, _)| *it == number) else {
            return Ok(());
        };
        let mut body = Vec::new();
        body.extend_from_slice(&number_of(place).to_le_bytes());
        body.extend_from_slice(&halves(last));
        option(&mut body, START_TIME, &halves(first));
        option(&mut body, END_TIME, &halves(last));
        option(&mut body, LOST_BY_INTERFACE, &losses.interface().to_le_bytes());
        option(&mut body, ACCEPTED, &losses.captured().to_le_bytes());
        option(&mut body, LOST_BY_SYSTEM, &losses.kernel().to_le_bytes());
        body.extend_from_slice(&END_OF_OPTIONS);
        self.block(INTERFACE_STATISTICS, &body)
    }

    /// Writes a packet.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn push(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let key = (packet.interface, packet.link_type);
        let known = self.interfaces.iter().position(|it| *it == key);
        let place = match known {
            Some(place) => place,
            None => self.describe(packet.interface, packet.link_type, 0, &[])?,
        };
        let mut body = Vec::with_capacity(packet.bytes.len().saturating_add(24));
        body.extend_from_slice(&number_of(place).to_le_bytes());
        body.extend_from_slice(&halves(packet.time));
        body.extend_from_slice(&number_of(packet.bytes.len()).to_le_bytes());
        body.extend_from_slice(&packet.original_length.to_le_bytes());
        body.extend_from_slice(packet.bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        self.block(ENHANCED_PACKET, &body)
    }

    /// Writes secrets for the packets that follow (a Decryption Secrets Block).
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn secrets(&mut self, secrets: &Secrets) -> io::Result<()> {
        let mut body = Vec::with_capacity(secrets.data.len().saturating_add(12));
        body.extend_from_slice(&secrets.kind.to_le_bytes());
        body.extend_from_slice(&number_of(secrets.data.len()).to_le_bytes());
        body.extend_from_slice(&secrets.data);
        body.resize(body.len().next_multiple_of(4), 0);
        self.block(DECRYPTION_SECRETS, &body)
    }

    /// Bytes written so far, including buffered ones.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The underlying writer.
    pub(super) fn get_ref(&self) -> &W {
        &self.out
    }

    /// Flushes buffered bytes.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// If buffered bytes cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()
    }

    /// Writes an Interface Description Block; returns the interface's number in the file.
    pub(super) fn describe(
        &mut self,
        number: u32,
        link_type: LinkType,
        snap_length: u32,
        options: &[u8],
    ) -> io::Result<usize> {
        let mut body = Vec::new();
        body.extend_from_slice(&link_type.0.to_le_bytes());
        // 0 means no limit on the length of packets.
        body.extend_from_slice(&snap_length.to_le_bytes());
        body.extend_from_slice(options);
        option(&mut body, TIME_RESOLUTION, &[NANOSECONDS]);
        body.extend_from_slice(&END_OF_OPTIONS);
        self.block(INTERFACE_DESCRIPTION, &body)?;
        self.interfaces.push((number, link_type));
        Ok(self.interfaces.len().saturating_sub(1))
    }

    /// Writes a block, whose body must be a multiple of four bytes long.
    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let length = number_of(body.len()).saturating_add(BLOCK_FRAME);
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(body)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.length = self.length.saturating_add(u64::from(length));
        Ok(())
    }
}

/// Appends an option of a block, cut to the longest possible length.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&length.to_le_bytes());
    body.extend_from_slice(value.get(..usize::from(length)).unwrap_or(value));
    body.resize(body.len().next_multiple_of(4), 0);
}

/// A time as two halves, the high one first.
fn halves(time: Timestamp) -> [u8; 8] {
    time.0.rotate_left(32).to_le_bytes()
}

fn number_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;

/// The byte-order magic.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// Major and minor version.
const VERSION: [u16; 2] = [1, 0];

/// `opt_comment`.
const COMMENT: u16 = 1;

/// `shb_userappl`.
const APPLICATION: u16 = 4;

/// `if_name`.
const INTERFACE_NAME: u16 = 2;

/// `if_tsresol`.
const TIME_RESOLUTION: u16 = 9;

/// Times are in units of 10^-9 seconds.
const NANOSECONDS: u8 = 9;

/// `if_filter`.
const INTERFACE_FILTER: u16 = 11;

/// `isb_starttime`.
const START_TIME: u16 = 2;

/// `isb_endtime`.
const END_TIME: u16 = 3;

/// `isb_ifdrop`.
const LOST_BY_INTERFACE: u16 = 5;

/// `isb_filteraccept`.
const ACCEPTED: u16 = 6;

/// `isb_osdrop`.
const LOST_BY_SYSTEM: u16 = 7;

/// The name and version of this program.
pub(super) const PROGRAM: &str = concat!("wslens ", env!("CARGO_PKG_VERSION"));

/// `opt_endofopt`, without a value.
const END_OF_OPTIONS: [u8; 4] = [0; 4];

/// Bytes of a block around its body: its type, and its length twice.
const BLOCK_FRAME: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::open_stream;
    use crate::stream::PacketId;

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
        let mut writer = PcapngWriter::new(&mut file).unwrap();
        let secrets = Secrets { kind: 0x544c_534b, data: b"CLIENT_RANDOM 0 1".to_vec() };
        writer.secrets(&secrets).unwrap();
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
        assert_eq!(source.secrets(), [secrets]);
    }

    #[test]
    fn interfaces_are_described_with_what_they_lost() {
        let losses = Losses::default();
        losses.add(5, 2, 1);
        let interface = Interface {
            name: "lo".to_owned(),
            link_type: LinkType(1),
            snap_length: 0x1234,
            filter: Some("tcp".to_owned()),
            losses: losses.clone(),
        };
        let mut file = Vec::new();
        let mut writer = PcapngWriter::with_comment(&mut file, "so").unwrap();
        writer.interface(3, &interface).unwrap();
        writer.statistics(3, &losses, (Timestamp(1 << 32), Timestamp(7))).unwrap();
        writer.statistics(4, &losses, (Timestamp(0), Timestamp(0))).unwrap();
        let length = writer.length();
        writer.finish().unwrap();
        assert_eq!(u64::try_from(file.len()).unwrap(), length);
        let mut expected =
            vec![0x0a, 0x0d, 0x0d, 0x0a, 56, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0];
        expected.extend_from_slice(&[0xff; 8]);
        expected.extend_from_slice(b"\x01\0\x02\0so\0\0\x04\0\x0c\0wslens 0.1.0\0\0\0\0\x38\0\0\0");
        expected.extend_from_slice(b"\x01\0\0\0\x30\0\0\0\x01\0\0\0\x34\x12\0\0");
        expected.extend_from_slice(
            b"\x02\0\x02\0lo\0\0\x0b\0\x04\0\0tcp\x09\0\x01\0\x09\0\0\0\0\0\0\0\x30\0\0\0",
        );
        expected.extend_from_slice(b"\x05\0\0\0\x58\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0");
        expected.extend_from_slice(b"\x02\0\x08\0\x01\0\0\0\0\0\0\0\x03\0\x08\0\0\0\0\0\x07\0\0\0");
        expected.extend_from_slice(b"\x05\0\x08\0\x01\0\0\0\0\0\0\0\x06\0\x08\0\x05\0\0\0\0\0\0\0");
        expected.extend_from_slice(b"\x07\0\x08\0\x02\0\0\0\0\0\0\0\0\0\0\0\x58\0\0\0");
        assert_eq!(file, expected);
    }
}
