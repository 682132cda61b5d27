//! Classic capture files, as tcpdump has written them since 1998.
//!
//! Source: draft-ietf-opsawg-pcap.

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{u16, u32};

use super::bytes::ByteOrder;
use super::error::{Damage, Error, Looks, SkippedBlocks, TruncatedPart};
use super::input::Input;
use super::{LinkType, MEMORY_LIMIT, PACKET_LIMIT, Packet, PacketSource, Secrets};
use crate::stream::{PacketId, Timestamp, length_u64, length_usize};

/// A classic capture whose packets are being read.
pub(super) struct Pcap {
    input: Input,
    variant: PcapVariant,
    link_type: LinkType,
    packet_limit: u32,
    packets: u64,
    /// No more packets follow.
    ended: bool,
    skipped_blocks: SkippedBlocks,
}

/// The properties given by the magic number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PcapVariant {
    order: ByteOrder,
    /// Nanoseconds of one unit of a packet's time fraction.
    unit: u64,
    /// Length of a packet's header in bytes.
    header_length: usize,
}

/// Recognizes the variant of a classic capture by its first four bytes.
pub(super) fn recognize(first: &[u8]) -> Option<PcapVariant> {
    let magic = *first.first_chunk::<4>()?;
    [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| {
        let (unit, header_length) = match order.u32(magic) {
            MICROSECONDS => (1000, RECORD_LENGTH),
            NANOSECONDS => (1, RECORD_LENGTH),
            MODIFIED => (1000, MODIFIED_RECORD_LENGTH),
            _ => return None,
        };
        Some(PcapVariant { order, unit, header_length })
    })
}

impl Pcap {
    /// Reads the file header, whose magic number is known.
    pub(super) fn open(mut input: Input, variant: PcapVariant) -> Result<Self, Error> {
        if !input.ensure(HEADER_LENGTH)? {
            let looks = Looks::Short { length: length_u64(input.available().len()) };
            return Err(Error::NotCapture { name: input.name().to_owned(), looks });
        }
        let Ok((_, header)) = file_header(input.available(), variant.order) else {
            return Err(Error::NotCapture { name: input.name().to_owned(), looks: Looks::Noise });
        };
        // Before 2.3 the two lengths of a packet were swapped; no other version was ever written.
        if header.major != 2 || header.minor < 3 {
            return Err(Error::Unsupported {
                name: input.name().to_owned(),
                format: "a pcap file of an unknown version",
                remedy: "convert it with editcap -F pcapng",
            });
        }
        input.consume(HEADER_LENGTH);
        Ok(Self {
            input,
            variant,
            link_type: header.link_type,
            packet_limit: header.snap_length.clamp(PACKET_LIMIT, MEMORY_LIMIT),
            packets: 0,
            ended: false,
            skipped_blocks: SkippedBlocks::default(),
        })
    }

    /// Makes the next packet available, and reads its header.
    #[inline]
    fn next_record(&mut self) -> Result<Option<Record>, Error> {
        if !self.input.ensure(self.variant.header_length)? {
            return if self.input.available().is_empty() {
                Ok(None)
            } else {
                Err(self.truncated(length_u64(self.variant.header_length)))
            };
        }
        let Some(record) = record(self.input.available(), self.variant) else { return Ok(None) };
        if record.captured > self.packet_limit {
            let damage = Damage::PacketLength { length: record.captured, limit: self.packet_limit };
            return Err(self.input.damaged(damage));
        }
        let length = length_u64(self.variant.header_length) + u64::from(record.captured);
        if self.input.ensure(length_usize(length))? {
            Ok(Some(record))
        } else {
            Err(self.truncated(length))
        }
    }

    #[cold]
    fn truncated(&self, length: u64) -> Error {
        self.input.truncated(TruncatedPart::Packet(PacketId(self.packets + 1)), length)
    }
}

impl PacketSource for Pcap {
    #[inline]
    fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let record = match self.next_record() {
            Ok(Some(record)) => record,
            end => {
                self.ended = true;
                return end.map(|_| None);
            }
        };
        self.packets += 1;
        let file_offset = self.input.offset() + length_u64(self.variant.header_length);
        let captured = length_usize(u64::from(record.captured));
        Ok(Some(Packet {
            id: PacketId(self.packets),
            time: record.time,
            link_type: self.link_type,
            interface: 0,
            bytes: self.input.take(self.variant.header_length, captured, 0),
            original_length: record.original,
            file_offset,
        }))
    }

    fn name(&self) -> &str {
        self.input.name()
    }

    fn position(&self) -> u64 {
        self.input.position()
    }

    fn secrets(&self) -> &[Secrets] {
        &[]
    }

    fn skipped_blocks(&self) -> &SkippedBlocks {
        &self.skipped_blocks
    }

    fn is_ready(&self) -> bool {
        !self.input.available().is_empty()
    }

    fn dropped(&mut self) -> u64 {
        0
    }
}

/// The header of a file, after its magic number.
struct FileHeader {
    major: u16,
    minor: u16,
    snap_length: u32,
    link_type: LinkType,
}

fn file_header(input: &[u8], order: ByteOrder) -> IResult<&[u8], FileHeader> {
    let order = order.endianness();
    let (input, _magic) = u32(order).parse(input)?;
    let (input, (major, minor)) = (u16(order), u16(order)).parse(input)?;
    let (input, _time_zone_and_accuracy) = take(8_usize)(input)?;
    let (input, (snap_length, network)) = (u32(order), u32(order)).parse(input)?;
    // The upper half states whether packets end with a frame check sequence.
    let link_type = LinkType(network & 0xffff);
    Ok((input, FileHeader { major, minor, snap_length, link_type }))
}

/// The header of a packet.
#[derive(Clone, Copy)]
struct Record {
    time: Timestamp,
    captured: u32,
    original: u32,
}

/// Plain slices instead of nom: this runs once per packet.
#[inline]
fn record(input: &[u8], variant: PcapVariant) -> Option<Record> {
    let (words, _) = input.first_chunk::<RECORD_LENGTH>()?.as_chunks::<4>();
    let &[seconds, fraction, captured, original] = words else { return None };
    let [seconds, fraction] = [seconds, fraction].map(|word| u64::from(variant.order.u32(word)));
    Some(Record {
        // At most 2^32 * (10^9 + 1000), which fits for all values of the fields.
        time: Timestamp(seconds * NANOSECONDS_PER_SECOND + fraction * variant.unit),
        captured: variant.order.u32(captured),
        original: variant.order.u32(original),
    })
}

/// Times in microseconds.
const MICROSECONDS: u32 = 0xa1b2_c3d4;

/// Times in nanoseconds.
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// Alexey Kuznetsov's variant for Linux: longer packet headers.
const MODIFIED: u32 = 0xa1b2_cd34;

/// Length of a file's header in bytes.
const HEADER_LENGTH: usize = 24;

/// Length of a packet's header in bytes.
const RECORD_LENGTH: usize = 16;

/// The same with interface index, protocol and packet type.
const MODIFIED_RECORD_LENGTH: usize = 24;

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;
