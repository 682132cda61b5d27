use super::*;
use crate::stream::{PacketId, Timestamp};
use crate::tcp::Watch;
use crate::tcp::fixture::segment;
use crate::testkit::random::Random;

const PAYLOAD: [u8; 64] = *b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/";

/// The sequence number that each direction sends next.
struct Peers([u32; 2]);

impl Peers {
    /// A segment that most of the time is what a peer should send next.
    fn segment(&mut self, direction: Direction, random: &mut Random) -> Segment<'static> {
        let (sender, receiver) = (direction.index(), direction.reverse().index());
        let jump = |random: &mut Random| seq::low_half(random.between(0, 200));
        let length = if random.below(3) == 0 { 0 } else { random.below(PAYLOAD.len()) };
        let missing = if random.below(40) == 0 { jump(random) } else { 0 };
        let flags = match random.below(1000) {
            0 => Flags::FIN.0 | Flags::ACK.0,
            1 => Flags::RST.0,
            2 => Flags::SYN.0,
            3 => 0,
            _ => Flags::ACK.0,
        };
        let sequence = match random.below(100) {
            0 => self.0[sender].wrapping_sub(jump(random)),
            1 => self.0[sender].wrapping_add(jump(random)),
            2 => seq::low_half(random.next()),
            _ => self.0[sender],
        };
        let acknowledgement = match random.below(50) {
            0 => self.0[receiver].wrapping_add(jump(random)),
            1 => seq::low_half(random.next()),
            2..12 => self.0[receiver].wrapping_sub(jump(random)),
            _ => self.0[receiver],
        };
        if random.below(50) > 0 {
            self.0[sender] = sequence.wrapping_add(seq::low_half(length_u64(length)) + missing);
        }
        Segment { missing, ..segment(flags, sequence, acknowledgement, &PAYLOAD[..length]) }
    }
}

fn drain(connection: &mut Connection, now: Origin) -> Vec<String> {
    let mut pieces = Vec::new();
    for direction in Direction::BOTH {
        while let Some(piece) = connection.poll(direction, now, Pressure::None) {
            pieces.push(format!("{direction:?} {piece:?}"));
        }
    }
    pieces
}

#[test]
fn plain_segments_have_the_same_effect_on_both_ways() {
    let (mut random, mut plain) = (Random(7), 0);
    for _ in 0..200 {
        let (mut short, mut long) = (Connection::default(), Connection::default());
        let mut peers = Peers([u32::MAX - 500, 1 << 20]);
        for number in 1..=100 {
            let direction = Direction::BOTH[random.below(2)];
            let segment = peers.segment(direction, &mut random);
            let time = Timestamp(number * random.between(1, 10_000_000));
            let now = Origin { packet: PacketId(number), time };
            let expected = long.push(direction, &segment, now);
            let before = format!("{short:?}");
            if let Some(offset) = short.push_plain(direction, &segment, now) {
                plain += 1;
                let (bytes, origin) = (segment.payload, now);
                let ready = (!bytes.is_empty()).then_some(Chunk { offset, bytes, origin });
                let arrival = Arrival { ready, ..Arrival::NOTHING };
                assert_eq!(format!("{arrival:?}"), format!("{expected:?}"));
                assert!(Direction::BOTH.iter().all(|direction| !long.is_waiting(*direction)));
            } else {
                assert_eq!(format!("{short:?}"), before, "{segment:?}");
                let arrival = short.push(direction, &segment, now);
                assert_eq!(format!("{arrival:?}"), format!("{expected:?}"));
            }
            assert_eq!(drain(&mut short, now), drain(&mut long, now));
            assert_eq!(format!("{short:?}"), format!("{long:?}"), "after {segment:?}");
        }
    }
    assert!(plain > 2_000, "{plain} of 20,000 segments are plain");
}

#[test]
fn bytes_that_come_after_their_acknowledgement_are_not_a_gap() {
    use Direction::{ClientToServer as C, ServerToClient as S};
    let (syn, ack) = (Flags::SYN.0, Flags::ACK.0);
    let mut connection = Connection::default();
    let mut number = 0;
    let mut push = |direction, segment: Segment<'static>| {
        number += 1;
        let now = Origin { packet: PacketId(number), time: Timestamp(number * 20_000_000) };
        let ready = connection.push(direction, &segment, now).ready.map(|chunk| chunk.offset);
        (ready, drain(&mut connection, now))
    };
    push(S, segment(syn | ack, 500, 1000, b""));
    push(C, segment(syn, 999, 0, b""));
    // The server's clock is ahead: it has acknowledged what the client sends later in the capture.
    for _ in 0..60 {
        assert_eq!(push(S, segment(ack, 501, 1010, b"")), (None, Vec::new()));
        assert_eq!(push(C, segment(ack, 1000, 501, b"")), (None, Vec::new()));
    }
    assert_eq!(push(C, segment(ack, 1000, 501, &PAYLOAD[..10])), (Some(0), Vec::new()));
    // Here the client goes on beyond what was acknowledged: the capture lacks it.
    let mut pieces = Vec::new();
    for _ in 0..60 {
        pieces.extend(push(S, segment(ack, 501, 1020, b"")).1);
        pieces.extend(push(C, segment(ack, 1020, 501, b"")).1);
    }
    assert_eq!(pieces.len(), 1, "{pieces:?}");
    assert!(pieces[0].contains("offset: 10, length: 10"), "{pieces:?}");
}

/// Takes a segment of an ignored connection the long way: whether the state changed, and the pieces that
/// can be forced by now.
fn push_ignored(
    connection: &mut Connection,
    direction: Direction,
    segment: &Segment<'_>,
    now: Origin,
) -> (bool, Vec<String>) {
    let changed = connection.push_ignored(direction, segment, now);
    let is_waiting = Direction::BOTH.iter().any(|direction| connection.is_waiting(*direction));
    (changed, if is_waiting { drain(connection, now) } else { Vec::new() })
}

#[test]
fn plain_ignored_segments_have_the_same_effect_on_both_ways() {
    let mut random = Random(11);
    for watch in [Watch::Gaps, Watch::End] {
        let (mut plain, mut pieces) = (0, 0);
        for _ in 0..200 {
            let (mut short, mut long) = (Connection::default(), Connection::default());
            let mut peers = Peers([u32::MAX - 500, 1 << 20]);
            let ignored = random.between(1, 30);
            for number in 1..=100 {
                let direction = Direction::BOTH[random.below(2)];
                let segment = peers.segment(direction, &mut random);
                let time = Timestamp(number * random.between(1, 10_000_000));
                let now = Origin { packet: PacketId(number), time };
                if number == ignored {
                    short.ignore(watch);
                    long.ignore(watch);
                }
                if number < ignored {
                    for connection in [&mut short, &mut long] {
                        connection.push(direction, &segment, now);
                        drain(connection, now);
                    }
                    continue;
                }
                let expected = push_ignored(&mut long, direction, &segment, now);
                pieces += expected.1.len();
                let before = format!("{short:?}");
                if short.skip_plain(direction, &segment) {
                    plain += 1;
                    assert_eq!(expected, (false, Vec::new()), "{segment:?}");
                } else {
                    assert_eq!(format!("{short:?}"), before, "{segment:?}");
                    assert_eq!(push_ignored(&mut short, direction, &segment, now), expected);
                }
                assert_eq!(format!("{short:?}"), format!("{long:?}"), "after {segment:?}");
            }
        }
        assert!(plain > 2_000, "{watch:?}: {plain} of 17,000 segments are plain");
        assert_eq!(pieces > 100, watch == Watch::Gaps, "{watch:?}: {pieces} pieces");
    }
}
