//! Connections whose content nobody reads: only their end counts, and bytes that are missing.

use crate::decode::{Flags, Segment};
use crate::stream::{Direction, Origin, length_u64};
use crate::tcp::connection::{Connection, TcpState, changes_no_state};
use crate::tcp::half::{Half, MAX_AHEAD, UnreadRanges};
use crate::tcp::seq;

/// Whether missing bytes matter although nobody reads the content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Watch {
    /// They are reported.
    Gaps,
    /// Nothing but the end of the connection counts.
    End,
}

impl Connection {
    /// Drops all kept bytes, because this connection's content is not needed.
    pub fn ignore(&mut self, watch: Watch) {
        self.is_watched = watch == Watch::Gaps;
        for half in [&mut self.halves.client, &mut self.halves.server] {
            match watch {
                Watch::Gaps => {
                    let ranges: UnreadRanges = half.assembler.kept_ranges().collect();
                    half.unread = (!ranges.is_empty()).then(|| Box::new(ranges));
                }
                Watch::End => half.acknowledged = half.acknowledged.min(half.assembler.next()),
            }
            half.assembler.clear();
        }
    }

    /// Takes a segment of a connection whose content is not needed, if it is the next of its direction and
    /// changes nothing else, while no bytes are missing: nearly every segment.
    ///
    /// Tells whether it was of this kind. If not, nothing has changed, and
    /// [`Connection::push_ignored`] must be used. It does the same with such segments (a test compares
    /// them).
    #[inline]
    pub fn skip_plain(&mut self, direction: Direction, segment: &Segment<'_>) -> bool {
        self.is_unchanged_by(direction, segment)
            && !self.is_waiting(Direction::ClientToServer)
            && !self.is_waiting(Direction::ServerToClient)
            && (!self.is_watched || self.skip_next(direction, segment).is_some())
    }

    /// Passes over a segment that changes no state; `None` if it is not the next one.
    #[inline]
    fn skip_next(&mut self, direction: Direction, segment: &Segment<'_>) -> Option<()> {
        let acknowledged = self.acknowledges_captured(direction, segment)?;
        let sender = self.halves.get_mut(direction);
        let next = sender.assembler.next();
        let expected = sender.start?.wrapping_add(seq::low_half(next));
        let length = length_on_wire(segment);
        if length > 0 {
            if segment.sequence != expected {
                return None;
            }
            sender.assembler.skip_to(next.saturating_add(length));
        }
        let receiver = self.halves.get_mut(direction.reverse());
        receiver.acknowledged = receiver.acknowledged.max(acknowledged);
        Some(())
    }

    /// Takes one segment of a connection whose content is not needed: only its end counts, and whether
    /// bytes are missing.
    ///
    /// Returns whether the state changed.
    pub fn push_ignored(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        origin: Origin,
    ) -> bool {
        let before = self.state;
        let half = self.halves.get_mut(direction);
        let is_plain =
            before == TcpState::Established && half.seen && changes_no_state(segment.flags);
        if self.is_watched {
            half.skip(segment);
            self.acknowledge(direction, segment, origin);
        }
        if is_plain {
            return false;
        }
        let half = self.halves.get_mut(direction);
        half.seen = true;
        if segment.flags.has(Flags::FIN) {
            half.fin = Some(half.assembler.next());
        }
        self.control(direction, segment);
        self.state != before
    }
}

impl Half {
    /// Passes over the payload of a segment.
    #[inline]
    fn skip(&mut self, segment: &Segment<'_>) {
        let length = length_on_wire(segment);
        let next = self.assembler.next();
        let start = *self.start.get_or_insert(segment.sequence);
        if segment.sequence == start.wrapping_add(seq::low_half(next)) && self.unread.is_none() {
            self.assembler.skip_to(next.saturating_add(length));
        } else if length > 0 {
            self.skip_out_of_order(seq::offset(segment.sequence, start, next), length);
        }
    }

    /// Passes over payload that was seen before, or that comes after a hole.
    #[cold]
    fn skip_out_of_order(&mut self, offset: i64, length: u64) {
        let next = self.assembler.next();
        let end = offset.saturating_add_unsigned(length);
        let (Ok(start), Ok(end)) = (u64::try_from(offset.max(0)), u64::try_from(end)) else {
            return;
        };
        if end <= next || start.saturating_sub(next) > MAX_AHEAD {
            return;
        }
        if start <= next {
            self.assembler.skip_to(end);
        } else {
            let ranges = self.unread.get_or_insert_default();
            if ranges.len() < MAX_RANGES {
                let known = ranges.entry(start).or_default();
                *known = end.max(*known);
            }
        }
        self.first_unread();
    }

    /// Where what was seen after the first hole begins, after holes that were filled are forgotten.
    pub(super) fn first_unread(&mut self) -> Option<u64> {
        let ranges = self.unread.as_mut()?;
        while let Some(first) = ranges.first_entry() {
            if *first.key() > self.assembler.next() {
                return Some(*first.key());
            }
            let end = first.remove();
            self.assembler.skip_to(end);
        }
        self.unread = None;
        None
    }
}

/// Length of a segment's payload before the snap length cut it, in bytes.
#[inline]
fn length_on_wire(segment: &Segment<'_>) -> u64 {
    length_u64(segment.payload.len()).saturating_add(u64::from(segment.missing))
}

/// Ranges after holes that are remembered for each direction: a window has far fewer.
const MAX_RANGES: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Direction::ServerToClient as S;
    use crate::stream::{PacketId, Timestamp};
    use crate::tcp::fixture::segment;
    use crate::tcp::{Piece, Pressure};

    /// The gaps of a direction, if these ranges of its stream arrive in this order, all is
    /// acknowledged after the packet `acknowledged`, and the stream is ignored from the packet `ignored` on.
    fn gaps(ranges: &[(u32, u32)], watch: Watch, ignored: usize) -> Vec<(u64, u64)> {
        let bytes = vec![7; 4_000];
        let end = ranges.iter().map(|(_, end)| *end).max().unwrap();
        let mut connection = Connection::default();
        for (number, (from, to)) in ranges.iter().enumerate() {
            let time = Timestamp(u64::try_from(number).unwrap());
            let origin = Origin { packet: PacketId(time.0 + 1), time };
            let payload = &bytes[..usize::try_from(to - from).unwrap()];
            let segment = segment(Flags::ACK.0, u32::MAX.wrapping_add(*from), 900, payload);
            if number == ignored {
                connection.ignore(watch);
            }
            if number < ignored {
                connection.push(S, &segment, origin);
            } else {
                connection.push_ignored(S, &segment, origin);
            }
        }
        let acknowledgment = segment(Flags::ACK.0, 900, u32::MAX.wrapping_add(end), b"");
        let mut found = Vec::new();
        for packet in 0..40 {
            let time = Timestamp(1_000_000_000 + packet);
            let origin = Origin { packet: PacketId(100 + packet), time };
            connection.push_ignored(S.reverse(), &acknowledgment, origin);
            let now = Origin { time: Timestamp(time.0 + 200_000_000), ..origin };
            while let Some(piece) = connection.poll(S, now, Pressure::None) {
                let Piece::Gap(gap) = piece else { panic!("{piece:?}: nothing is kept") };
                found.push((gap.offset, gap.length));
            }
        }
        found
    }

    /// Name, ranges in the order of their arrival, gaps.
    type UnreadCase = (&'static str, &'static [(u32, u32)], &'static [(u64, u64)]);

    const CASES: &[UnreadCase] = &[
        ("in order", &[(0, 10), (10, 20), (20, 30)], &[]),
        ("swapped", &[(0, 10), (20, 30), (10, 20)], &[]),
        ("sent again, cut otherwise", &[(0, 10), (10, 20), (5, 15), (15, 30)], &[]),
        ("one is missing", &[(0, 10), (20, 30)], &[(10, 10)]),
        ("two are missing", &[(0, 10), (20, 30), (50, 60)], &[(10, 10), (30, 20)]),
        ("a part comes late", &[(0, 10), (20, 30), (50, 60), (30, 50)], &[(10, 10)]),
        ("ranges after a hole overlap", &[(0, 10), (20, 30), (20, 40), (25, 35)], &[(10, 10)]),
    ];

    #[test]
    fn bytes_that_never_came_are_gaps_and_others_are_not() {
        for (name, ranges, expected) in CASES {
            for ignored in 1..ranges.len() {
                assert_eq!(gaps(ranges, Watch::Gaps, ignored), *expected, "{name}, {ignored}");
            }
        }
    }

    #[test]
    fn nothing_is_missing_that_nobody_looks_for() {
        for (name, ranges, _) in CASES {
            for ignored in 1..ranges.len() {
                assert_eq!(gaps(ranges, Watch::End, ignored), [], "{name}, {ignored}");
            }
        }
    }

    #[test]
    fn what_comes_after_holes_takes_bounded_memory() {
        let mut half = Half { start: Some(0), ..Half::default() };
        for number in 1..100_000_i64 {
            half.skip_out_of_order(number * 10, 1);
        }
        assert_eq!(half.unread.map(|ranges| ranges.len()), Some(MAX_RANGES));
    }
}
