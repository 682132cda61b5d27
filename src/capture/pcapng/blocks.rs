//! The fields of the blocks, given the bytes between a block's two lengths.

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{i64, u16, u32, u64};

use super::clock::InterfaceClock;
use crate::capture::bytes::ByteOrder;
use crate::capture::{LinkType, Secrets};
use crate::stream::{length_u64, length_usize};

/// The header of a section, without its options.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct SectionHeader {
    pub(super) major: u16,
    pub(super) minor: u16,
}

/// Parses a Section Header Block (4.1), after the byte order mark.
pub(super) fn section(input: &[u8], order: ByteOrder) -> IResult<&[u8], SectionHeader> {
    let order = order.endianness();
    let (input, (major, minor)) = (u16(order), u16(order)).parse(input)?;
    Ok((input, SectionHeader { major, minor }))
}

/// An interface of a section.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct InterfaceDescription {
    pub(super) link_type: LinkType,
    /// The longest part of a packet that was captured, in bytes; 0 for no limit.
    pub(super) snap_length: u32,
    pub(super) clock: InterfaceClock,
    /// How many packets were lost according to the last statistics.
    pub(super) dropped: u64,
}

/// Reads an Interface Description Block (4.2).
pub(super) fn interface(input: &[u8], order: ByteOrder) -> IResult<&[u8], InterfaceDescription> {
    let endianness = order.endianness();
    let (input, (link_type, _reserved)) = (u16(endianness), u16(endianness)).parse(input)?;
    let (options, snap_length) = u32(endianness).parse(input)?;
    let (mut resolution, mut offset) = (MICROSECONDS, 0);
    for (code, value) in BlockOptions::new(options, order) {
        match (code, value) {
            (IF_TSRESOL, &[value, ..]) => resolution = value,
            (IF_TSOFFSET, value) => {
                offset = seconds(value, order).map_or(offset, |(_, seconds)| seconds);
            }
            _ => {}
        }
    }
    let link_type = LinkType(u32::from(link_type));
    let clock = InterfaceClock::new(resolution, offset);
    Ok((&[], InterfaceDescription { link_type, snap_length, clock, dropped: 0 }))
}

fn seconds(input: &[u8], order: ByteOrder) -> IResult<&[u8], i64> {
    i64(order.endianness()).parse(input)
}

/// The fields of a packet's block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PacketFields {
    /// Its number in the section.
    pub(super) interface: u32,
    pub(super) ticks: u64,
    pub(super) captured: u32,
    pub(super) original: u32,
}

/// Reads the start of an Enhanced Packet Block (4.3).
///
/// Plain slices instead of nom: this runs once per packet.
#[inline]
pub(super) fn enhanced_packet(input: &[u8], order: ByteOrder) -> Option<PacketFields> {
    let (words, _) = input.first_chunk::<PACKET_FIELDS>()?.as_chunks::<4>();
    let &[interface, high, low, captured, original] = words else { return None };
    let [interface, high, low] = [interface, high, low].map(|word| order.u32(word));
    Some(PacketFields {
        interface,
        ticks: u64::from(high) << 32 | u64::from(low),
        captured: order.u32(captured),
        original: order.u32(original),
    })
}

/// Reads the start of a Packet Block (appendix A, obsolete).
pub(super) fn old_packet(input: &[u8], order: ByteOrder) -> Option<PacketFields> {
    let fields = enhanced_packet(input, order)?;
    // The same, but the interface has 16 bits, and a count of drops follows it.
    let interface = u32::from(order.u16(*input.first_chunk::<2>()?));
    Some(PacketFields { interface, ..fields })
}

/// Reads the start of a Simple Packet Block (4.4): the packet's length on the wire.
pub(super) fn simple_packet(input: &[u8], order: ByteOrder) -> Option<u32> {
    Some(order.u32(*input.first_chunk::<4>()?))
}

/// The comments of a Section Header Block (4.1).
pub(super) fn comments(input: &[u8], order: ByteOrder) -> impl Iterator<Item = &[u8]> {
    let options = input.get(SECTION_OPTIONS..).unwrap_or_default();
    BlockOptions::new(options, order).filter(|(code, _)| *code == COMMENT).map(|(_, value)| value)
}

/// Reads an Interface Statistics Block (4.6): an interface, and how many packets it lost.
pub(super) fn statistics(input: &[u8], order: ByteOrder) -> IResult<&[u8], (u32, u64)> {
    let (input, interface) = u32(order.endianness()).parse(input)?;
    let (options, _time) = take(8_usize)(input)?;
    let mut dropped = 0_u64;
    for (code, value) in BlockOptions::new(options, order) {
        if code == ISB_IFDROP || code == ISB_OSDROP {
            let count = counter(value, order).map_or(0, |(_, count)| count);
            dropped = dropped.saturating_add(count);
        }
    }
    Ok((&[], (interface, dropped)))
}

fn counter(input: &[u8], order: ByteOrder) -> IResult<&[u8], u64> {
    u64(order.endianness()).parse(input)
}

/// Reads a Decryption Secrets Block (4.7).
pub(super) fn secrets(input: &[u8], order: ByteOrder) -> IResult<&[u8], Secrets> {
    let order = order.endianness();
    let (input, (kind, length)) = (u32(order), u32(order)).parse(input)?;
    let (input, data) = take(length)(input)?;
    Ok((input, Secrets { kind, data: data.to_vec() }))
}

/// The options of a block (3.5), up to the end mark or the first truncated one.
struct BlockOptions<'a> {
    rest: &'a [u8],
    order: ByteOrder,
}

impl<'a> BlockOptions<'a> {
    fn new(rest: &'a [u8], order: ByteOrder) -> Self {
        Self { rest, order }
    }
}

impl<'a> Iterator for BlockOptions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (rest, (code, value)) = option(self.rest, self.order).ok()?;
        let padding = padded(length_u64(value.len())) - length_u64(value.len());
        self.rest = rest.get(length_usize(padding)..).unwrap_or_default();
        (code != END_OF_OPTIONS).then_some((code, value))
    }
}

/// Reads the code and value of an option.
pub(super) fn option(input: &[u8], order: ByteOrder) -> IResult<&[u8], (u16, &[u8])> {
    let order = order.endianness();
    let (input, (code, length)) = (u16(order), u16(order)).parse(input)?;
    let (input, value) = take(length)(input)?;
    Ok((input, (code, value)))
}

/// A length with the padding to 32 bits.
#[inline]
pub(super) fn padded(length: u64) -> u64 {
    length.saturating_add(3) & !3
}

/// Length of the fields that [`enhanced_packet`] and [`old_packet`] read, in bytes.
pub(super) const PACKET_FIELDS: usize = 20;

/// Length of the field that [`simple_packet`] reads, in bytes.
pub(super) const SIMPLE_PACKET_FIELDS: usize = 4;

/// `opt_comment`.
pub(super) const COMMENT: u16 = 1;

/// Where the options of a section's header begin: after byte order mark, version and length.
pub(super) const SECTION_OPTIONS: usize = 16;

/// `opt_endofopt`.
pub(super) const END_OF_OPTIONS: u16 = 0;

/// `if_tsresol`: the unit of time.
const IF_TSRESOL: u16 = 9;

/// `if_tsoffset`: seconds to be added to the time.
const IF_TSOFFSET: u16 = 14;

/// The default unit of time of an interface: 10^-6 seconds.
const MICROSECONDS: u8 = 6;

/// `isb_ifdrop`: packets lost by the interface.
const ISB_IFDROP: u16 = 5;

/// `isb_osdrop`: packets lost by the operating system.
const ISB_OSDROP: u16 = 7;
