//! Classic capture files, as tcpdump has written them since 1998, and its older versions.
//!
//! Files that were concatenated (`cat a.pcap b.pcap`) are read to their end: a file header where a
//! packet's header is expected starts the next part.
//!
//! Source: draft-ietf-opsawg-pcap; for versions before 2.4, libpcap's sf-pcap.c.

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{u16, u32};

use super::bytes::ByteOrder;
use super::error::{Damage, Error, Looks, SkippedBlocks, TruncatedPart};
use super::foreign::Remedy;
use super::input::Input;
use super::{LinkType, MEMORY_LIMIT, PACKET_LIMIT, Packet, PacketSource, Secrets};
use crate::stream::{PacketId, Timestamp, length_u64, length_usize};

/// A classic capture whose packets are being read.
pub(super) struct Pcap {
    input: Input,
    variant: PcapVariant,
    link_type: LinkType,
    snap_length: u32,
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
    /// Which length comes first in a packet's header.
    lengths: LengthOrder,
}

/// The order of the two lengths in a packet's header, which changed with version 2.3.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum LengthOrder {
    /// The captured length, then the original one: version 2.4.
    CapturedFirst,
    /// The original length, then the captured one: versions 2.0 to 2.2.
    OriginalFirst,
    /// Either, depending on the program that wrote the file: version 2.3. No more can be captured
    /// than there was, so the smaller length is that of the captured bytes.
    SmallerIsCaptured,
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
        Some(PcapVariant { order, unit, header_length, lengths: LengthOrder::CapturedFirst })
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
        let Some(lengths) = header.lengths() else {
            return Err(Error::Unsupported {
                name: input.name().to_owned(),
                format: "a pcap file of an unknown version",
                remedy: Remedy::Convert,
            });
        };
        input.consume(HEADER_LENGTH);
        Ok(Self {
            input,
            variant: PcapVariant { lengths, ..variant },
            link_type: header.link_type,
            snap_length: header.snap_length,
            packet_limit: header.packet_limit(),
            packets: 0,
            ended: false,
            skipped_blocks: SkippedBlocks::default(),
        })
    }

    /// How to decode its packets, until a part of the file begins with another type.
    pub(super) fn link_type(&self) -> LinkType {
        self.link_type
    }

    /// The longest part of a packet that was captured, in bytes, according to the file header.
    pub(super) fn snap_length(&self) -> u32 {
        self.snap_length
    }

    /// Reads the file header of the next part if there is one; false for anything else.
    #[cold]
    fn next_part(&mut self, variant: PcapVariant) -> Result<bool, Error> {
        if !self.input.ensure(HEADER_LENGTH)? {
            return Ok(false);
        }
        let header = file_header(self.input.available(), variant.order).ok();
        let Some((lengths, header)) = header.and_then(|(_, it)| Some((it.lengths()?, it))) else {
            return Ok(false);
        };
        self.input.consume(HEADER_LENGTH);
        self.variant = PcapVariant { lengths, ..variant };
        self.link_type = header.link_type;
        self.packet_limit = header.packet_limit();
        Ok(true)
    }

    /// The header of the next packet, if the buffer has all of it and nothing is special about it.
    #[inline]
    fn buffered_record(&self) -> Option<Record> {
        let available = self.input.available();
        let record = current_record(available, self.variant)?;
        let length = length_u64(self.variant.header_length) + u64::from(record.captured);
        (self.variant.lengths == LengthOrder::CapturedFirst
            && !record.may_start_part()
            && record.captured <= self.packet_limit
            && length <= length_u64(available.len()))
        .then_some(record)
    }

    /// Makes the next packet available, and reads its header.
    #[inline(never)]
    fn next_record(&mut self) -> Result<Option<Record>, Error> {
        loop {
            if !self.input.ensure(self.variant.header_length)? {
                return if self.input.available().is_empty() {
                    Ok(None)
                } else {
                    Err(self.truncated(length_u64(self.variant.header_length)))
                };
            }
            let Some(record) = record(self.input.available(), self.variant) else {
                return Ok(None);
            };
            // As a packet's time, a magic number is a second of 1998, 2011, 2055 or 2083: the version
            // after it decides.
            if record.may_start_part()
                && let Some(variant) = recognize(self.input.available())
                && self.next_part(variant)?
            {
                continue;
            }
            if record.captured > self.packet_limit {
                let (length, limit) = (record.captured, self.packet_limit);
                return Err(self.input.damaged(Damage::PacketLength { length, limit }));
            }
            let length = length_u64(self.variant.header_length) + u64::from(record.captured);
            return if self.input.ensure(length_usize(length))? {
                Ok(Some(record))
            } else {
                Err(self.truncated(length))
            };
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
        let record = match self.buffered_record() {
            Some(record) => record,
            None => match self.next_record() {
                Ok(Some(record)) => record,
                end => {
                    self.ended = true;
                    return end.map(|_| None);
                }
            },
        };
        self.packets += 1;
        let file_offset = self.input.offset() + length_u64(self.variant.header_length);
        let captured = length_usize(u64::from(record.captured));
        Ok(Some(Packet {
            id: PacketId(self.packets),
            time: record.time(self.variant.unit),
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

    fn embeds_secrets(&self) -> bool {
        false
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

impl FileHeader {
    /// The order of lengths in this version of the format; `None` for an unknown version.
    fn lengths(&self) -> Option<LengthOrder> {
        match (self.major, self.minor) {
            (2, 0..=2) => Some(LengthOrder::OriginalFirst),
            (2, 3) => Some(LengthOrder::SmallerIsCaptured),
            (2, 4) => Some(LengthOrder::CapturedFirst),
            _ => None,
        }
    }

    /// The longest plausible packet, in bytes.
    fn packet_limit(&self) -> u32 {
        self.snap_length.clamp(PACKET_LIMIT, MEMORY_LIMIT)
    }
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
    seconds: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

impl Record {
    fn time(self, unit: u64) -> Timestamp {
        // At most 2^32 * (10^9 + 1000), which fits for all values of the fields.
        let seconds = u64::from(self.seconds) * NANOSECONDS_PER_SECOND;
        Timestamp(seconds + u64::from(self.fraction) * unit)
    }

    /// Whether it looks like a magic number, in either byte order: a quick look that spares nearly all
    /// packets the rest.
    #[inline]
    fn may_start_part(self) -> bool {
        self.seconds >> 16 == 0xa1b2 || self.seconds & 0xffff == 0xb2a1
    }
}

/// The header of a packet in the order of lengths of its version.
fn record(input: &[u8], variant: PcapVariant) -> Option<Record> {
    let record = current_record(input, variant)?;
    let Record { captured: first, original: second, .. } = record;
    let (captured, original) = match variant.lengths {
        LengthOrder::CapturedFirst => (first, second),
        LengthOrder::OriginalFirst => (second, first),
        LengthOrder::SmallerIsCaptured => (first.min(second), first.max(second)),
    };
    Some(Record { captured, original, ..record })
}

/// The header of a packet of version 2.4. Plain slices instead of nom: this runs once per packet.
#[inline]
fn current_record(input: &[u8], variant: PcapVariant) -> Option<Record> {
    let (words, _) = input.first_chunk::<RECORD_LENGTH>()?.as_chunks::<4>();
    let &[seconds, fraction, captured, original] = words else { return None };
    let [seconds, fraction, captured, original] =
        [seconds, fraction, captured, original].map(|word| variant.order.u32(word));
    Some(Record { seconds, fraction, captured, original })
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

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::capture::open_stream;

    /// A file's header.
    fn header(magic: [u8; 4], minor: u8, network: u8) -> Vec<u8> {
        let version = [2, 0, minor, 0];
        [&magic[..], &version, &[0; 8], &[0xff, 0xff, 0, 0], &[network, 0, 0, 0]].concat()
    }

    /// A packet's header with two lengths, and its bytes.
    fn record_of(first: u8, second: u8, bytes: &[u8]) -> Vec<u8> {
        [&[1, 0, 0, 0, 2, 0, 0, 0, first, 0, 0, 0, second, 0, 0, 0][..], bytes].concat()
    }

    /// Link type, captured bytes and original length of a packet.
    type Found = (u32, Vec<u8>, u32);

    /// The packets of a file, and the error at its end.
    fn content(file: &[u8]) -> (Vec<Found>, Option<String>) {
        let file = file.to_vec();
        let reader = io::Cursor::new(file.clone());
        let mut source = open_stream(Box::new(reader), "old.pcap").unwrap();
        let mut packets = Vec::new();
        loop {
            match source.next_packet() {
                Ok(Some(packet)) => {
                    let place = length_usize(packet.file_offset);
                    assert_eq!(file.get(place..place + packet.bytes.len()), Some(packet.bytes));
                    assert_eq!(packet.id, PacketId(length_u64(packets.len()) + 1));
                    packets.push((
                        packet.link_type.0,
                        packet.bytes.to_vec(),
                        packet.original_length,
                    ));
                }
                Ok(None) => return (packets, None),
                Err(error) => return (packets, Some(error.to_string())),
            }
        }
    }

    const LITTLE: [u8; 4] = [0xd4, 0xc3, 0xb2, 0xa1];

    #[test]
    fn lengths_are_in_the_order_of_the_version() {
        // libpcap, sf-pcap.c: swapped before 2.3, perhaps swapped in 2.3.
        #[rustfmt::skip]
        let cases = [
            ("2.0",          0, (9, 3)),
            ("2.1",          1, (9, 3)),
            ("2.2",          2, (9, 3)),
            ("2.3, swapped", 3, (9, 3)),
            ("2.3",          3, (3, 9)),
            ("2.4",          4, (3, 9)),
        ];
        for (name, minor, (first, second)) in cases {
            let whole = record_of(4, 4, b"defg");
            let file = [header(LITTLE, minor, 1), record_of(first, second, b"abc"), whole].concat();
            let expected = vec![(1, b"abc".to_vec(), 9), (1, b"defg".to_vec(), 4)];
            assert_eq!(content(&file), (expected, None), "{name}");
        }
    }

    #[test]
    fn other_versions_are_refused() {
        for minor in [5, 9] {
            let file = header(LITTLE, minor, 1);
            let error = open_stream(Box::new(io::Cursor::new(file)), "new.pcap").err().unwrap();
            assert_eq!(
                error.to_string(),
                "new.pcap is a pcap file of an unknown version, which is not supported; \
                 convert it: editcap -F pcapng new.pcap new.pcap.pcapng"
            );
        }
    }

    #[test]
    fn concatenated_files_are_read_to_the_end() {
        let big = [
            &[0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &[0, 0, 0xff, 0xff, 0, 0, 0, 101, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2],
            b"hi",
        ]
        .concat();
        let file = [
            header(LITTLE, 4, 1),
            record_of(3, 9, b"abc"),
            header(LITTLE, 4, 1),
            big,
            header(LITTLE, 1, 113),
            record_of(9, 3, b"old"),
        ]
        .concat();
        let expected =
            vec![(1, b"abc".to_vec(), 9), (101, b"hi".to_vec(), 2), (113, b"old".to_vec(), 9)];
        assert_eq!(content(&file), (expected, None));
    }

    #[test]
    fn every_magic_number_is_noticed_where_a_time_is_expected() {
        let at = |seconds| Record { seconds, fraction: 0, captured: 0, original: 0 };
        for magic in [MICROSECONDS, NANOSECONDS, MODIFIED] {
            for seconds in [magic, magic.swap_bytes()] {
                assert!(at(seconds).may_start_part(), "{seconds:#x}");
            }
        }
        // 14 November 2023.
        assert!(!at(1_700_000_000).may_start_part());
    }

    #[test]
    fn a_magic_number_alone_starts_no_part() {
        // A packet of 19 December 2055, 16:41:56 UTC.
        let mut late = record_of(3, 3, b"abc");
        late[..4].copy_from_slice(&LITTLE);
        late[4] = 3;
        let file = [header(LITTLE, 4, 1), late, record_of(2, 2, b"de")].concat();
        let expected = vec![(1, b"abc".to_vec(), 3), (1, b"de".to_vec(), 2)];
        assert_eq!(content(&file), (expected, None));
        let cut = [header(LITTLE, 4, 1), record_of(3, 3, b"abc"), LITTLE.to_vec()].concat();
        let (packets, error) = content(&cut);
        assert_eq!(packets.len(), 1);
        assert!(error.unwrap().contains("cut off in packet 2"));
    }
}
