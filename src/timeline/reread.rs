//! Bytes of a stream, read again from the packets that carried them.

use std::ops::ControlFlow;

use crate::analysis::resume::CarrierPoint;
use crate::capture::PacketStore;
use crate::decode::{Decoded, Decoder, Flags, Reason, Segment};
use crate::stream::{Chunk, Direction, Gap, GapCause, Origin, PacketId, Timestamp};
use crate::tcp::assembler::{Assembler, SegmentMeta};
use crate::tcp::seq;
use crate::timeline::connection::ConnectionRow;
use crate::timeline::index::{ConnectionIndex, StreamHole};
use crate::timeline::open::OpenError;
use crate::timeline::packets::{PacketList, PacketSender, Placed};

/// One direction of a connection, to be read again.
pub(super) struct StreamReader<'t> {
    pub(super) connection: &'t ConnectionRow,
    pub(super) index: &'t ConnectionIndex,
    /// Packets of the capture that hold fragments of IP datagrams.
    pub(super) fragments: &'t PacketList,
    pub(super) direction: Direction,
    pub(super) stream: RowStream,
    pub(super) store: &'t dyn PacketStore,
}

/// The stream that the offsets of a row are about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RowStream {
    /// That of TCP.
    Tcp,
    /// That of the conversation.
    Conversation,
}

/// Which part of a stream to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamRange {
    /// Stream offset of the first byte.
    pub(super) offset: u64,
    /// No packet before this one has any of it.
    pub(super) first: PacketId,
    /// No packet after this one has any of it, ...
    pub(super) last: PacketId,
    /// ... unless packets were held back: then as many more may have.
    pub(super) late: u32,
}

/// What comes next in a stream.
#[derive(Clone, Copy, Debug)]
pub(super) enum StreamPart<'a> {
    Bytes(Chunk<'a>),
    Missing(Gap),
}

impl StreamReader<'_> {
    /// Hands over a stretch in its order, until `each` has enough or its last packet was read.
    pub(super) fn read(
        &self,
        range: StreamRange,
        each: &mut impl FnMut(StreamPart<'_>) -> ControlFlow<()>,
    ) -> Result<(), OpenError> {
        let Some(first_sequence) = self.index.first_sequence(self.direction, range.offset) else {
            return Ok(());
        };
        let mut order = SegmentOrder::new(self.index.holes.get(self.direction), range.offset);
        if order.pass_holes(Origin::default(), each).is_break() {
            return Ok(());
        }
        let sender = self.sender();
        let (mut decoder, mut bytes, mut late) = (Decoder::default(), Vec::new(), range.late);
        for placed in self.index.packets.since(range.first) {
            if placed.sender != sender {
                continue;
            }
            if placed.place.id > range.last {
                let Some(left) = late.checked_sub(1) else { break };
                late = left;
            }
            self.store.read(&placed.place, &mut bytes)?;
            let packet = placed.place.packet(&bytes);
            let origin = Origin { packet: placed.place.id, time: Timestamp(0) };
            let mut whole = Decoder::default();
            let decoded = match decoder.decode(&packet) {
                Decoded::Other(Reason::FragmentKept | Reason::FragmentLimit) => {
                    self.read_fragments(&placed, &mut whole)?;
                    whole.decode(&packet)
                }
                decoded @ (Decoded::Tcp(_)
                | Decoded::Dns(_)
                | Decoded::Icmp(_)
                | Decoded::Other(_)) => decoded,
            };
            let Decoded::Tcp(segment) = decoded else {
                return Err(OpenError::Changed(placed.place.id));
            };
            if order.push(&segment, first_sequence, origin, each).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The last place before an offset of the conversation at which the layers that transform its bytes can
    /// be entered.
    pub(super) fn carrier_point(&self, offset: u64) -> Option<&CarrierPoint> {
        if self.stream == RowStream::Tcp {
            return None;
        }
        let points = self.index.carrier_points.get(self.direction);
        let after = points.partition_point(|point| point.handed_on <= offset);
        after.checked_sub(1).and_then(|at| points.get(at))
    }

    /// The range of the TCP stream that holds a range of the conversation.
    pub(super) fn carried(&self, range: StreamRange) -> StreamRange {
        self.carrier_point(range.offset).map_or(range, |point| StreamRange {
            offset: point.offset,
            first: point.first.min(range.first),
            last: range.last,
            // The record with the last byte continues after it.
            late: range.late.max(RECORD_PACKETS),
        })
    }

    fn sender(&self) -> PacketSender {
        let connection = self.connection;
        PacketSender::of(connection.client, connection.server, self.direction)
    }

    /// Decodes the fragments that precede the last one of their datagram.
    fn read_fragments(&self, last: &Placed, decoder: &mut Decoder) -> Result<(), OpenError> {
        let first = PacketId(last.place.id.0.saturating_sub(FRAGMENT_REACH));
        let mut bytes = Vec::new();
        for fragment in self.fragments.since(first) {
            if fragment.place.id >= last.place.id {
                break;
            }
            self.store.read(&fragment.place, &mut bytes)?;
            decoder.decode(&fragment.place.packet(&bytes));
        }
        Ok(())
    }
}

/// Puts segments in order, and skips the bytes that the analyzer gave up as soon as it reaches them.
struct SegmentOrder<'t> {
    assembler: Assembler,
    /// What is missing, by offset, from the next byte on.
    holes: &'t [StreamHole],
}

impl<'t> SegmentOrder<'t> {
    fn new(holes: &'t [StreamHole], offset: u64) -> Self {
        let mut assembler = Assembler::default();
        assembler.skip_to(offset);
        let passed = holes.partition_point(|hole| hole.end <= offset);
        Self { assembler, holes: holes.get(passed..).unwrap_or_default() }
    }

    fn push(
        &mut self,
        segment: &Segment<'_>,
        first_sequence: u32,
        origin: Origin,
        each: &mut impl FnMut(StreamPart<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let syn = segment.flags.has(Flags::SYN);
        let sequence = if syn { segment.sequence.wrapping_add(1) } else { segment.sequence };
        let offset = seq::offset(sequence, first_sequence, self.assembler.next());
        let skipped = usize::try_from(offset.saturating_neg()).unwrap_or(0);
        let chunk = Chunk {
            offset: u64::try_from(offset).unwrap_or(0),
            bytes: segment.payload.get(skipped..).unwrap_or_default(),
            origin,
        };
        // Of bytes that come twice the first win, and those of a hole come too late, as they did.
        if !chunk.bytes.is_empty()
            && let Some(ready) = self.assembler.insert(chunk, SegmentMeta::default()).ready
        {
            each(StreamPart::Bytes(ready))?;
        }
        self.pass_holes(origin, each)
    }

    /// Hands over all that is next by now: bytes that were held back, and holes.
    fn pass_holes(
        &mut self,
        origin: Origin,
        each: &mut impl FnMut(StreamPart<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        loop {
            if let Some((offset, kept)) = self.assembler.pop() {
                let chunk = Chunk { offset, bytes: &kept.bytes, origin: kept.origin };
                each(StreamPart::Bytes(chunk))?;
                continue;
            }
            let offset = self.assembler.next();
            let Some((hole, rest)) = self.holes.split_first() else { break };
            if hole.start > offset {
                break;
            }
            self.holes = rest;
            let end = self.assembler.skip_to(hole.end);
            let length = end.saturating_sub(offset);
            if length > 0 {
                let cause = GapCause::Acknowledged;
                each(StreamPart::Missing(Gap { offset, length, cause, origin }))?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Packets that one record may be spread over.
const RECORD_PACKETS: u32 = 128;

/// Packets of the capture before the last fragment of a datagram among which the others are.
const FRAGMENT_REACH: u64 = 1 << 12;
