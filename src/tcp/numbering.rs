//! Streams whose sequence numbers begin anew: a second SYN-ACK, a jump farther than any window.

use crate::decode::Segment;
use crate::tcp::half::{Half, Jump};
use crate::tcp::seq;

impl Half {
    /// Takes a SYN-ACK with another sequence number than the one before, if nothing of the stream was
    /// seen yet: its numbering begins anew.
    ///
    /// A server that had forgotten the connection, a load balancer that chose another server, or two
    /// servers with one address send such.
    #[cold]
    pub(super) fn reopen(&mut self, segment: &Segment<'_>) -> bool {
        let start = segment.sequence.wrapping_add(1);
        let is_another = self.start.is_some_and(|known| known != start);
        if !is_another || self.assembler.next() > 0 || !self.assembler.is_empty() {
            return false;
        }
        if self.rival == Some(start) {
            // A repetition of the first one.
            return false;
        }
        self.rival = self.start.replace(start);
        (self.acknowledged, self.fin, self.hole) = (0, None, None);
        true
    }

    /// Goes back to the numbering of the first SYN-ACK, if that is the one that is used.
    #[inline]
    pub(super) fn take_rival(&mut self, sequence: u32) -> bool {
        if self.rival.is_none_or(|rival| rival != sequence) || self.assembler.next() > 0 {
            return false;
        }
        std::mem::swap(&mut self.start, &mut self.rival);
        (self.acknowledged, self.fin, self.hole) = (0, None, None);
        true
    }

    /// Takes a segment whose number is farther from the expected one than any window reaches; returns its
    /// offset once a second one continues the first.
    ///
    /// How much is missing before them cannot be known: only the first segment itself, which was not read,
    /// leaves a gap.
    #[cold]
    pub(super) fn follow_jump(&mut self, sequence: u32, length: u64) -> Option<i64> {
        if length == 0 {
            return None;
        }
        let after = sequence.wrapping_add(seq::low_half(length));
        let before = self.jump.replace(Jump { next: after, length })?;
        if before.next != sequence || !self.assembler.is_empty() {
            return None;
        }
        let offset = self.assembler.next().saturating_add(before.length);
        self.start = Some(sequence.wrapping_sub(seq::low_half(offset)));
        (self.jump, self.fin, self.hole) = (None, None, None);
        self.acknowledged = self.acknowledged.min(self.assembler.next());
        Some(offset.cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::Flags;
    use crate::stream::Direction::{ClientToServer as C, ServerToClient as S};
    use crate::stream::{Direction, Gap, Origin, PacketId, Timestamp};
    use crate::tcp::fixture::segment;
    use crate::tcp::{ArrivalKind, Connection, Piece, Pressure, TcpState};

    const SYN: u8 = Flags::SYN.0;
    const ACK: u8 = Flags::ACK.0;
    const RST: u8 = Flags::RST.0;

    /// Sender, sequence number, acknowledgment number, flags, payload.
    type TestSegment = (Direction, u32, u32, u8, &'static [u8]);

    /// What the streams are after these segments, and all gaps.
    fn play(segments: &[TestSegment]) -> ([Vec<u8>; 2], Vec<Gap>, Connection) {
        let (mut connection, mut streams, mut gaps) =
            (Connection::default(), [Vec::new(), Vec::new()], Vec::new());
        for (number, (direction, sequence, acknowledgement, flags, payload)) in (1..).zip(segments)
        {
            let segment = segment(*flags, *sequence, *acknowledgement, payload);
            let origin =
                Origin { packet: PacketId(number), time: Timestamp(number * 1_000_000_000) };
            let arrival = connection.push(*direction, &segment, origin);
            streams[direction.index()].extend(arrival.ready.iter().flat_map(|chunk| chunk.bytes));
        }
        for direction in Direction::BOTH {
            while let Some(piece) = connection.poll(direction, Origin::default(), Pressure::End) {
                match piece {
                    Piece::Kept(_, kept) => streams[direction.index()].extend(kept.bytes),
                    Piece::Gap(gap) => gaps.push(gap),
                }
            }
        }
        (streams, gaps, connection)
    }

    #[test]
    fn the_syn_ack_counts_that_the_client_continues_with() {
        let first = [(C, 100, 0, SYN, &b""[..]), (S, 5_000, 101, SYN | ACK, b"")];
        let cases: &[(&str, &[TestSegment])] = &[
            ("only one", &[(S, 5_001, 101, ACK, b"ab")]),
            (
                "the second",
                &[
                    (S, 9_000_000, 101, SYN | ACK, b""),
                    (C, 101, 9_000_001, ACK, b""),
                    (S, 9_000_001, 101, ACK, b"ab"),
                ],
            ),
            (
                "the second, near the first",
                &[
                    (S, 5_777, 101, SYN | ACK, b""),
                    (C, 101, 5_778, ACK, b""),
                    (S, 5_778, 101, ACK, b"ab"),
                ],
            ),
            (
                "the second, before the first",
                &[
                    (S, 4_000, 101, SYN | ACK, b""),
                    (C, 101, 4_001, ACK, b""),
                    (S, 4_001, 101, ACK, b"ab"),
                ],
            ),
            (
                "the second, after a reset of the first",
                &[
                    (C, 5_001, 0, RST, b""),
                    (C, 100, 0, SYN, b""),
                    (S, 2_000_000_000, 101, SYN | ACK, b""),
                    (C, 101, 2_000_000_001, ACK, b""),
                    (S, 2_000_000_001, 101, ACK, b"ab"),
                ],
            ),
            (
                "the first, by its acknowledgment",
                &[
                    (S, 4_000, 101, SYN | ACK, b""),
                    (C, 101, 5_001, ACK, b""),
                    (S, 5_001, 101, ACK, b"ab"),
                ],
            ),
            (
                "the first, by its data",
                &[(S, 4_000_000_000, 101, SYN | ACK, b""), (S, 5_001, 101, ACK, b"ab")],
            ),
            (
                "both sent twice",
                &[
                    (S, 9_000, 101, SYN | ACK, b""),
                    (S, 5_000, 101, SYN | ACK, b""),
                    (S, 9_000, 101, SYN | ACK, b""),
                    (S, 9_001, 101, ACK, b"ab"),
                ],
            ),
        ];
        for (name, rest) in cases {
            let (streams, gaps, connection) = play(&[&first[..], rest].concat());
            assert_eq!((streams[1].as_slice(), gaps), (&b"ab"[..], vec![]), "{name}");
            assert_eq!(connection.state(), TcpState::Established, "{name}");
        }
    }

    #[test]
    fn a_syn_ack_after_data_changes_nothing() {
        let (streams, gaps, _) = play(&[
            (C, 100, 0, SYN, b""),
            (S, 5_000, 101, SYN | ACK, b""),
            (S, 5_001, 101, ACK, b"ab"),
            (S, 7_000, 101, SYN | ACK, b""),
            (S, 5_003, 101, ACK, b"cd"),
        ]);
        assert_eq!((streams[1].as_slice(), gaps), (&b"abcd"[..], vec![]));
    }

    #[test]
    fn a_jump_farther_than_any_window_is_followed_at_its_second_segment() {
        const FAR: u32 = 2_500_000_000;
        let (streams, gaps, connection) = play(&[
            (C, 100, 5_000, ACK, b"ab"),
            (C, FAR, 5_000, ACK, b"xyz"),
            (C, FAR + 3, 5_000, ACK, b"cd"),
            (C, FAR + 5, 5_000, ACK, b"ef"),
        ]);
        assert_eq!(streams[0], b"abcdef");
        let missing: Vec<_> = gaps.iter().map(|gap| (gap.offset, gap.length)).collect();
        assert_eq!(missing, [(2, 3)], "what was not read, and no more");
        assert_eq!(connection.next_offset(C), 9);
    }

    #[test]
    fn one_segment_from_elsewhere_is_passed_over() {
        let (streams, gaps, _) = play(&[
            (C, 100, 5_000, ACK, b"ab"),
            (C, 2_500_000_000, 5_000, ACK, b"xyz"),
            (C, 102, 5_000, ACK, b"cd"),
            (C, 3_500_000_000, 5_000, ACK, b"xyz"),
            (C, 104, 5_000, ACK, b"ef"),
        ]);
        assert_eq!((streams[0].as_slice(), gaps), (&b"abcdef"[..], vec![]));
    }

    #[test]
    fn a_reset_acknowledges_nothing_that_was_not_seen() {
        let (_, gaps, _) = play(&[
            (S, 5_000, 100, ACK, b"ab"),
            (C, 100, 5_002, ACK, b""),
            (C, 100, 900_000, RST | ACK, b""),
        ]);
        assert_eq!(gaps, []);
    }

    #[test]
    fn kinds_of_arrival_name_what_began_anew() {
        let mut connection = Connection::default();
        let mut push = |direction, sequence, flags| {
            connection.push(direction, &segment(flags, sequence, 0, b""), Origin::default()).kind
        };
        let kinds = [push(C, 1, SYN), push(S, 10, SYN | ACK), push(S, 20, SYN | ACK)];
        assert_eq!(kinds, [ArrivalKind::New, ArrivalKind::New, ArrivalKind::Reopened]);
    }
}
