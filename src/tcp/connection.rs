//! Both directions of one TCP connection, and how it opened and ended.

use crate::decode::{Flags, Segment};
use crate::stream::{Chunk, Direction, Gap, GapCause, Origin, PerDirection, Span, length_u64};
use crate::tcp::assembler::{Kept, Repetition, SegmentMeta};
use crate::tcp::half::{Half, Hole, MAX_AHEAD, Signature};
use crate::tcp::seq;

/// One TCP connection: segments in, pieces of its two streams out.
///
/// Gap policy: bytes after a hole are held back while the hole may still be filled. A hole is
/// declared a gap when the receiver has acknowledged it (so the bytes arrived, and the capture
/// missed them) and some time was given to packets that were recorded in another order; when a
/// limit on kept bytes is reached; or when the connection ends.
#[derive(Debug, Default)]
pub struct Connection {
    pub(super) halves: PerDirection<Half>,
    pub(super) state: TcpState,
    /// Whether missing bytes are looked for although nobody reads the content.
    pub(super) is_watched: bool,
}

/// State of a TCP connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TcpState {
    /// SYN seen, nothing came back.
    #[default]
    SynSent,
    /// RST answered the SYN.
    Refused,
    /// Data may flow.
    Established,
    /// This direction has sent FIN, the other has not.
    HalfClosed(Direction),
    /// Both directions have sent FIN; this one was first.
    Closed(Direction),
    /// This direction sent RST.
    Reset(Direction),
}

impl TcpState {
    /// The name used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SynSent => "syn_sent",
            Self::Refused => "refused",
            Self::Established => "established",
            Self::HalfClosed(_) => "half_closed",
            Self::Closed(_) => "closed",
            Self::Reset(_) => "reset",
        }
    }
}

impl TcpState {
    /// The same state with client and server swapped.
    #[must_use]
    pub fn swapped(self) -> Self {
        match self {
            Self::HalfClosed(by) => Self::HalfClosed(by.reverse()),
            Self::Closed(by) => Self::Closed(by.reverse()),
            Self::Reset(by) => Self::Reset(by.reverse()),
            state @ (Self::SynSent | Self::Refused | Self::Established) => state,
        }
    }
}

/// What one segment brought.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Bytes that are next in their stream.
    pub ready: Option<Chunk<'a>>,
    /// Bytes after `ready` that the snap length cut off.
    pub cut: Option<Gap>,
    /// Bytes seen before with other content.
    pub conflict: Option<Span>,
    /// How the segment relates to earlier ones.
    pub kind: ArrivalKind,
    /// Whether [`Connection::state`] changed.
    pub state_changed: bool,
}

impl Arrival<'_> {
    const NOTHING: Self = Self {
        ready: None,
        cut: None,
        conflict: None,
        kind: ArrivalKind::New,
        state_changed: false,
    };
}

/// How a segment relates to earlier ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ArrivalKind {
    /// Nothing special: new bytes, or no payload at all.
    New,
    /// Payload that was seen before, in part or whole: a retransmission.
    Repeated,
    /// One byte that was seen before, the last one: a keep-alive (RFC 9293 §3.8.4).
    KeepAlive,
    /// New bytes that fill a hole so long after the later bytes that they were not only overtaken:
    /// a retransmission of what was lost before it was captured.
    Late,
    /// The same packet, captured twice.
    Duplicate,
    /// A second SYN-ACK with another sequence number: the first one was void, and so is a reset that
    /// answered it.
    Reopened,
    /// A sequence number that cannot belong to this connection.
    Stray,
}

/// The next part of a stream.
#[derive(Debug)]
pub enum Piece {
    /// Bytes that had waited for a hole to be filled, at this stream offset.
    Kept(u64, Kept),
    /// Bytes that are missing.
    Gap(Gap),
}

/// How urgently memory is needed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pressure {
    /// Kept bytes may wait.
    None,
    /// A limit was reached: holes are given up.
    High,
    /// The connection has ended, or the capture: nothing will come any more.
    End,
}

impl Connection {
    /// The state of the connection.
    pub fn state(&self) -> TcpState {
        self.state
    }

    /// Exchanges the two directions: what was taken for the client is the server.
    pub fn swap_directions(&mut self) {
        std::mem::swap(&mut self.halves.client, &mut self.halves.server);
        self.state = self.state.swapped();
    }

    /// Whether any packet of this direction was captured.
    pub fn is_seen(&self, direction: Direction) -> bool {
        self.halves.get(direction).seen
    }

    /// Stream offset of the next byte of this direction.
    pub fn next_offset(&self, direction: Direction) -> u64 {
        self.halves.get(direction).assembler.next()
    }

    /// How far the receiver of each direction has acknowledged it, as a stream offset.
    pub fn acknowledged(&self) -> PerDirection<u64> {
        PerDirection {
            client: self.halves.client.acknowledged,
            server: self.halves.server.acknowledged,
        }
    }

    /// The sequence number of stream offset 0 of each direction, as far as known.
    #[inline]
    pub fn first_sequences(&self) -> PerDirection<Option<u32>> {
        PerDirection { client: self.halves.client.start, server: self.halves.server.start }
    }

    /// Stream offset of the other direction that the sender of a segment had received.
    pub fn acknowledges(&self, direction: Direction, segment: &Segment<'_>) -> u64 {
        let other = self.halves.get(direction.reverse());
        let next = other.assembler.next();
        let start = other.start.filter(|_| segment.flags.has(Flags::ACK));
        let offset = start.map_or(0, |start| seq::offset(segment.acknowledgement, start, next));
        u64::try_from(offset).unwrap_or(0)
    }

    /// Memory taken by bytes that wait for holes to be filled, in bytes.
    pub fn buffered_bytes(&self) -> usize {
        let (client, server) = (&self.halves.client.assembler, &self.halves.server.assembler);
        client.buffered_bytes().saturating_add(server.buffered_bytes())
    }

    /// Whether a SYN with this sequence number opens another connection between the same
    /// endpoints, rather than being a repetition of the one that opened this.
    pub fn is_another(&self, sequence: u32) -> bool {
        let first = sequence.wrapping_add(1);
        let known = [self.halves.client.start, self.halves.server.start];
        !known.contains(&Some(first))
    }

    /// The next sequence number expected of each direction.
    pub fn next_sequences(&self) -> PerDirection<Option<u32>> {
        let next = |half: &Half| {
            half.start.map(|start| start.wrapping_add(seq::low_half(half.assembler.next())))
        };
        PerDirection { client: next(&self.halves.client), server: next(&self.halves.server) }
    }

    /// Whether both directions have ended and every byte before their FINs was handed over.
    pub fn is_finished(&self) -> bool {
        let done = |half: &Half| half.fin.is_some_and(|fin| half.assembler.next() >= fin);
        done(&self.halves.client) && done(&self.halves.server)
    }

    /// Whether a segment leaves the state as it is: the connection is open, and this segment neither
    /// opens nor ends anything.
    #[inline]
    pub fn is_unchanged_by(&self, direction: Direction, segment: &Segment<'_>) -> bool {
        self.state == TcpState::Established
            && self.halves.get(direction).seen
            && changes_no_state(segment.flags)
    }

    /// Takes a segment of an open connection that acknowledges nothing but what was captured, and brings the
    /// next bytes or none, while nothing waits for a hole to be filled: nearly every segment.
    ///
    /// Returns the stream offset of its payload. `None` if it is not of this kind: then nothing has
    /// changed, and [`Connection::push`] must be used. It does the same with such segments (a test
    /// compares them), and costs about twice as much.
    #[inline]
    pub fn push_plain(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        origin: Origin,
    ) -> Option<u64> {
        if !self.is_unchanged_by(direction, segment)
            || segment.missing > 0
            || self.is_waiting(Direction::ClientToServer)
            || self.is_waiting(Direction::ServerToClient)
        {
            return None;
        }
        let acknowledged = self.acknowledges_captured(direction, segment)?;
        let sender = self.halves.get_mut(direction);
        let offset = sender.assembler.next();
        // Both starts are known by then, and stay what they are.
        sender.start?;
        if !segment.payload.is_empty() {
            sender.take_next(segment, origin)?;
        }
        let receiver = self.halves.get_mut(direction.reverse());
        receiver.acknowledged = receiver.acknowledged.max(acknowledged);
        Some(offset)
    }

    /// Stream offset of the other direction that the sender of a segment had received, if all before it was
    /// captured.
    #[inline]
    pub(super) fn acknowledges_captured(
        &self,
        direction: Direction,
        segment: &Segment<'_>,
    ) -> Option<u64> {
        let receiver = self.halves.get(direction.reverse());
        let next = receiver.assembler.next();
        let captured = receiver.start?.wrapping_add(seq::low_half(next));
        let behind = captured.wrapping_sub(segment.acknowledgement);
        // More than half of all numbers away is ahead, not behind.
        if behind.cast_signed() < 0 { None } else { next.checked_sub(u64::from(behind)) }
    }

    /// Takes one segment. Afterwards, [`Connection::poll`] has more of either direction, perhaps.
    #[inline]
    pub fn push<'a>(
        &mut self,
        direction: Direction,
        segment: &Segment<'a>,
        origin: Origin,
    ) -> Arrival<'a> {
        let before = self.state;
        let half = self.halves.get_mut(direction);
        if before == TcpState::Established && half.seen && changes_no_state(segment.flags) {
            // Most packets are one of these two.
            if segment.payload.is_empty() && segment.missing == 0 {
                if half.hole.is_some() {
                    half.reach(segment.sequence);
                }
                self.acknowledge(direction, segment, origin);
                return Arrival::NOTHING;
            }
            if let Some(chunk) = half.take_next(segment, origin) {
                self.acknowledge(direction, segment, origin);
                return Arrival { ready: Some(chunk), ..Arrival::NOTHING };
            }
        }
        let signature = Signature::of(segment, origin);
        let duplicate = signature.is_duplicate_of(half.last);
        half.last = signature;
        half.seen = true;
        if segment.flags.has(Flags::SYN) && segment.flags.has(Flags::ACK) && half.reopen(segment) {
            if matches!(before, TcpState::Reset(_)) {
                self.state = TcpState::Established;
            }
            let state_changed = self.state != before;
            return Arrival { kind: ArrivalKind::Reopened, state_changed, ..Arrival::NOTHING };
        }
        self.acknowledge(direction, segment, origin);
        let mut arrival = self.payload(direction, segment, origin);
        // The same header with other content is not a second copy.
        if duplicate && arrival.conflict.is_none() {
            arrival.kind = ArrivalKind::Duplicate;
        }
        if arrival.kind != ArrivalKind::Stray {
            self.control(direction, segment);
        }
        arrival.state_changed = self.state != before;
        arrival
    }

    /// Whether [`Connection::poll`] may have something of this direction. Nearly always it has not.
    #[inline]
    pub fn is_waiting(&self, direction: Direction) -> bool {
        let half = self.halves.get(direction);
        !half.assembler.is_empty()
            || half.acknowledged > half.assembler.next()
            || half.unread.is_some()
    }

    /// The next part of a direction's stream, if it is known already.
    pub fn poll(&mut self, direction: Direction, now: Origin, pressure: Pressure) -> Option<Piece> {
        let half = self.halves.get_mut(direction);
        if let Some((offset, kept)) = half.assembler.pop() {
            return Some(Piece::Kept(offset, kept));
        }
        let first_kept = match &half.unread {
            Some(_) => half.first_unread(),
            None => half.assembler.first_kept(),
        };
        let next = half.assembler.next();
        if let Some(hole) = &mut half.hole {
            hole.packets = hole.packets.saturating_add(1);
        }
        if !half.seen || (half.acknowledged <= next && first_kept.is_none()) {
            half.hole = None;
            if pressure != Pressure::End || !half.seen || half.fin.is_none_or(|fin| fin <= next) {
                return None;
            }
        }
        let acknowledged = half.acknowledged > next;
        if !acknowledged {
            half.hole = None;
        }
        let give_up = match pressure {
            Pressure::High | Pressure::End => true,
            // If the sender has not come past the hole, the capture has only its acknowledgements earlier
            // than its bytes: two capture points whose clocks differ.
            Pressure::None => {
                acknowledged
                    && (first_kept.is_some() || half.reached > next)
                    && half.is_patience_over(now)
            }
        };
        if !give_up {
            return None;
        }
        let target = match (first_kept, pressure) {
            (Some(first), _) => first,
            (None, Pressure::End) => half.acknowledged.max(half.fin.unwrap_or(0)),
            (None, Pressure::None | Pressure::High) => half.acknowledged,
        };
        let end = half.assembler.skip_to(target);
        half.hole = None;
        let cause = match pressure {
            _ if half.acknowledged >= end => GapCause::Acknowledged,
            Pressure::High => GapCause::Limit,
            Pressure::None | Pressure::End => GapCause::Ended,
        };
        (end > next).then(|| {
            let length = end.saturating_sub(next);
            Piece::Gap(Gap { offset: next, length, cause, origin: now })
        })
    }

    #[inline]
    pub(super) fn acknowledge(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        origin: Origin,
    ) {
        if !segment.flags.has(Flags::ACK) {
            return;
        }
        let other = self.halves.get_mut(direction.reverse());
        let next = other.assembler.next();
        let start = *other.start.get_or_insert(segment.acknowledgement);
        let offset = seq::offset(segment.acknowledgement, start, next);
        let Ok(offset) = u64::try_from(offset) else { return };
        if offset <= other.acknowledged || offset > next.saturating_add(MAX_AHEAD) {
            return;
        }
        // A FIN takes one number of its own.
        let acknowledged = other.fin.map_or(offset, |fin| offset.min(fin));
        if acknowledged > next && other.hole.is_none() {
            // What a reset acknowledges may be anything.
            if segment.flags.has(Flags::RST) || other.take_rival(segment.acknowledgement) {
                return;
            }
            other.hole = Some(Box::new(Hole { since: origin, packets: 0 }));
        }
        other.acknowledged = acknowledged;
    }

    #[inline]
    fn payload<'a>(
        &mut self,
        direction: Direction,
        segment: &Segment<'a>,
        origin: Origin,
    ) -> Arrival<'a> {
        let mut arrival = Arrival::NOTHING;
        let acknowledges = self.acknowledges(direction, segment);
        let half = self.halves.get_mut(direction);
        let syn = segment.flags.has(Flags::SYN);
        let sequence = if syn { segment.sequence.wrapping_add(1) } else { segment.sequence };
        half.start.get_or_insert(sequence);
        half.take_rival(sequence);
        let start = half.start.unwrap_or(sequence);
        let next = half.assembler.next();
        let mut offset = seq::offset(sequence, start, next);
        let distance = offset.saturating_sub(next.cast_signed()).unsigned_abs();
        let on_wire = length_u64(segment.payload.len()).saturating_add(u64::from(segment.missing));
        if distance > MAX_AHEAD {
            let Some(followed) = half.follow_jump(sequence, on_wire) else {
                arrival.kind = ArrivalKind::Stray;
                return arrival;
            };
            offset = followed;
        }
        let end = offset.saturating_add(on_wire.cast_signed());
        half.reached = half.reached.max(u64::try_from(end).unwrap_or(0));
        if segment.flags.has(Flags::FIN)
            && let Ok(fin) = u64::try_from(end)
        {
            let fin = *half.fin.get_or_insert(fin);
            // Its acknowledgement, recorded before it, counted the number that the FIN takes.
            half.acknowledged = half.acknowledged.min(fin);
        }
        if on_wire == 0 {
            return arrival;
        }
        // A keep-alive repeats one byte before the next, of any value (RFC 9293 §3.8.4).
        if on_wire == 1 && offset < next.cast_signed() {
            arrival.kind = ArrivalKind::KeepAlive;
            return arrival;
        }
        let skipped = usize::try_from(offset.saturating_neg()).unwrap_or(0);
        let chunk = Chunk {
            offset: u64::try_from(offset).unwrap_or(0),
            bytes: segment.payload.get(skipped..).unwrap_or_default(),
            origin,
        };
        if chunk.bytes.is_empty() && segment.missing == 0 {
            arrival.kind = ArrivalKind::Repeated;
            return arrival;
        }
        let overtaken = half.assembler.first_kept_origin().filter(|_| chunk.offset == next);
        let inserted =
            half.assembler.insert(chunk, SegmentMeta { cut: segment.missing, acknowledges });
        arrival.ready = inserted.ready;
        arrival.conflict = inserted.conflict;
        if inserted.repetition != Repetition::New {
            arrival.kind = ArrivalKind::Repeated;
        } else if overtaken.is_some_and(|by| origin.time.since(by.time) >= REORDERING_TIME) {
            arrival.kind = ArrivalKind::Late;
        }
        if inserted.ready.is_some() {
            arrival.cut = half.cut_gap(segment.missing, origin);
        }
        arrival
    }

    #[inline]
    pub(super) fn control(&mut self, direction: Direction, segment: &Segment<'_>) {
        let flags = segment.flags;
        if flags.has(Flags::RST) {
            self.state = match (self.state, direction) {
                (TcpState::SynSent, Direction::ServerToClient) => TcpState::Refused,
                (state @ (TcpState::Refused | TcpState::Reset(_) | TcpState::Closed(_)), _) => {
                    state
                }
                (
                    TcpState::SynSent | TcpState::Established | TcpState::HalfClosed(_),
                    direction,
                ) => TcpState::Reset(direction),
            };
            return;
        }
        let opens = flags.has(Flags::SYN) && !flags.has(Flags::ACK);
        if self.state == TcpState::SynSent && !opens {
            self.state = TcpState::Established;
        }
        if flags.has(Flags::FIN) {
            self.state = match self.state {
                TcpState::SynSent | TcpState::Established => TcpState::HalfClosed(direction),
                TcpState::HalfClosed(first) if first != direction => TcpState::Closed(first),
                state @ (TcpState::HalfClosed(_)
                | TcpState::Closed(_)
                | TcpState::Reset(_)
                | TcpState::Refused) => state,
            };
        }
    }
}

/// Whether these are the flags of a segment that neither opens nor ends anything.
pub(super) fn changes_no_state(flags: Flags) -> bool {
    let telling = Flags::FIN.0 | Flags::SYN.0 | Flags::RST.0 | Flags::ACK.0;
    flags.0 & telling == Flags::ACK.0
}

impl Connection {
    /// The gap after kept bytes that were cut by the snap length, after they were handed over.
    pub fn cut_after(&mut self, direction: Direction, kept: &Kept) -> Option<Gap> {
        self.halves.get_mut(direction).cut_gap(kept.cut, kept.origin)
    }
}

/// Packets overtake one another by less than this, in nanoseconds: a fast retransmission takes a round
/// trip, and the shortest ones of interest cross a network.
const REORDERING_TIME: u64 = 3_000_000;

#[cfg(test)]
mod tests;
