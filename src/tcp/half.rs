//! One direction of a TCP connection: what is known of its numbers, its holes and its end.

use std::collections::BTreeMap;

use crate::decode::{Flags, Segment};
use crate::stream::{Chunk, Gap, GapCause, Origin, length_u64};
use crate::tcp::assembler::Assembler;
use crate::tcp::seq;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub(super) assembler: Assembler,
    /// Stream offset that the receiver has acknowledged.
    pub(super) acknowledged: u64,
    /// Sequence number of stream offset 0.
    pub(super) start: Option<u32>,
    /// That of another SYN-ACK: which of them counts is known with the first byte.
    pub(super) rival: Option<u32>,
    /// A segment far from all that was expected.
    pub(super) jump: Option<Jump>,
    /// What was seen after holes, if nobody reads the content.
    pub(super) unread: Option<Box<UnreadRanges>>,
    /// Whether any packet of this direction was captured.
    pub(super) seen: bool,
    /// How far its sender had come, according to its packets: what they begin after or bring.
    pub(super) reached: u64,
    /// Stream offset of the FIN.
    pub(super) fin: Option<u64>,
    pub(super) last: Signature,
    /// Since when an acknowledged hole is known.
    pub(super) hole: Option<Box<Hole>>,
}

/// A segment far from all that was expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jump {
    /// The sequence number that follows it.
    pub(super) next: u32,
    /// Its payload, in bytes.
    pub(super) length: u64,
}

/// What was seen after holes: from a stream offset to another.
pub(super) type UnreadRanges = BTreeMap<u64, u64>;

/// An acknowledged hole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    pub(super) since: Origin,
    /// How often the hole was looked at since then: at least once a packet of the connection.
    pub(super) packets: u32,
}

/// What makes a packet recognisable when it is captured twice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signature {
    /// Everything in the TCP header that is the same in both captures; 0 for a packet that is not
    /// judged.
    header: u64,
    time: u64,
}

impl Half {
    /// Takes the payload of a segment if it is whole and the next of the stream.
    #[inline]
    pub(super) fn take_next<'a>(
        &mut self,
        segment: &Segment<'a>,
        origin: Origin,
    ) -> Option<Chunk<'a>> {
        let offset = self.assembler.next();
        let expected = self.start?.wrapping_add(seq::low_half(offset));
        if segment.sequence != expected || segment.missing > 0 {
            return None;
        }
        let chunk = Chunk { offset, bytes: segment.payload, origin };
        self.assembler.advance(chunk).then(|| {
            self.last = Signature::of(segment, origin);
            chunk
        })
    }

    /// Remembers how far the sender of a segment without payload had come.
    #[cold]
    pub(super) fn reach(&mut self, sequence: u32) {
        let Some(start) = self.start else { return };
        let offset = seq::offset(sequence, start, self.assembler.next());
        self.reached = self.reached.max(u64::try_from(offset).unwrap_or(0));
    }

    pub(super) fn is_patience_over(&self, now: Origin) -> bool {
        self.assembler.buffered_bytes() >= PATIENCE_BYTES
            || self.hole.as_deref().is_none_or(|hole| {
                let waited = now.time.since(hole.since.time);
                (waited >= PATIENCE_TIME && hole.packets >= PATIENCE_PACKETS)
                    || hole.packets >= PATIENCE_MOST_PACKETS
            })
    }

    /// The gap of `cut` bytes after what was just handed over, as far as no kept bytes fill it.
    pub(super) fn cut_gap(&mut self, cut: u32, origin: Origin) -> Option<Gap> {
        if cut == 0 {
            return None;
        }
        let offset = self.assembler.next();
        let end = self.assembler.skip_to(offset.saturating_add(u64::from(cut)));
        let length = end.saturating_sub(offset);
        (length > 0).then_some(Gap { offset, length, cause: GapCause::SnapLength, origin })
    }
}

impl Signature {
    /// Plain acknowledgements may well be sent twice and are not compared.
    pub(super) fn of(segment: &Segment<'_>, origin: Origin) -> Self {
        let telling = !segment.payload.is_empty()
            || segment.flags.has(Flags::SYN)
            || segment.flags.has(Flags::FIN);
        if !telling {
            return Self { header: 0, time: origin.time.0 };
        }
        let numbers = u64::from(segment.sequence) << 32 | u64::from(segment.acknowledgement);
        let rest = length_u64(segment.payload.len()) << 24
            | u64::from(segment.window) << 8
            | u64::from(segment.flags.0);
        // Two multiplications spread the bits, so that few pairs of headers are alike by accident.
        let mixed = numbers.wrapping_mul(SPREAD) ^ rest;
        Self { header: mixed.wrapping_mul(SPREAD) | 1, time: origin.time.0 }
    }

    /// Whether two packets in a row of one direction are one, captured at two places.
    pub(super) fn is_duplicate_of(self, earlier: Self) -> bool {
        self.header != 0
            && self.header == earlier.header
            && self.time.abs_diff(earlier.time) <= DUPLICATE_TIME
    }
}

/// An odd number with bits all over: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence number farther than this from the expected one is not the connection's: the largest
/// window of TCP (RFC 7323 §2.3), in bytes.
pub(super) const MAX_AHEAD: u64 = 1 << 30;

/// How long an acknowledged hole may still be filled by packets recorded late, in nanoseconds ...
const PATIENCE_TIME: u64 = 100_000_000;

/// ... and at least for so many packets of the connection ...
const PATIENCE_PACKETS: u32 = 16;

/// ... but never for more than this many, ...
const PATIENCE_MOST_PACKETS: u32 = 1024;

/// ... nor for more kept bytes than this.
const PATIENCE_BYTES: usize = 1 << 18;

/// Two captures of one packet are not farther apart than this, in nanoseconds. Retransmissions are:
/// the least timeout is 200 ms, and a fast retransmission takes a round trip.
const DUPLICATE_TIME: u64 = 1_000_000;
