//! What was seen of TCP itself on one connection: how it opened and ended, what was sent again, and
//! who stopped reading.

use std::net::IpAddr;

use crate::decode::{Flags, IcmpError, IcmpKind, Segment};
use crate::stream::{Direction, Origin, PerDirection, length_u64};
use crate::tcp::ArrivalKind;

/// What was seen of TCP itself, beside the bytes that it carried.
///
/// Packets that were captured twice count once.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// The three-way handshake (RFC 9293 §3.5).
    pub opening: Opening,
    /// The first RST.
    pub reset: Option<Reset>,
    /// The first FIN of each direction.
    pub fins: PerDirection<Option<Origin>>,
    /// What each direction sent again.
    pub resent: PerDirection<Resent>,
    /// When the sender of each direction could take nothing (zero window): the *other* direction
    /// had to wait.
    pub stalls: PerDirection<Stalls>,
    /// The first ICMP error that quotes a packet of this connection.
    pub unreachable: Option<Unreachable>,
    /// Whether the next packet may end something that is going on.
    watching: bool,
}

/// How a connection opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Opening {
    /// SYNs that the client sent; more than one are retransmissions.
    pub syns: u64,
    /// The first of them.
    pub first_syn: Option<Origin>,
    /// The latest of them.
    pub latest_syn: Option<Origin>,
    /// SYN-ACKs that the server sent.
    pub syn_acks: u64,
    /// The first of them.
    pub syn_ack: Option<Origin>,
    /// The client's first packet after the SYN-ACK: the connection is open.
    pub first_ack: Option<Origin>,
    /// The client's first packet with an acknowledgement, if it is in the capture before the SYN-ACK.
    pub early_ack: Option<Origin>,
}

/// The clocks of the two directions differ: they were recorded on two machines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClockDifference {
    /// The direction whose packets have later times than they should, compared with the other's.
    pub late: Direction,
    /// By how many nanoseconds at least.
    pub by: u64,
}

impl Opening {
    /// Nanoseconds from the first SYN to the client's acknowledgement of the answer.
    pub fn duration(&self) -> Option<u64> {
        self.first_ack?.time.measured_since(self.first_syn?.time)
    }

    /// How long an answer in a direction took that came `waited` nanoseconds later by the clocks: less
    /// if those of that direction are late.
    pub fn corrected(&self, answers: Direction, waited: u64) -> u64 {
        match self.clock_difference() {
            Some(clocks) if clocks.late == answers => waited.saturating_sub(clocks.by),
            Some(_) | None => waited,
        }
    }

    /// Whether the next packet may be a part of it.
    fn is_going_on(&self) -> bool {
        match self.syn_ack {
            Some(_) => self.first_ack.is_none(),
            None => self.first_syn.is_some() && self.early_ack.is_none(),
        }
    }

    /// What the handshake proves about the clocks: the client acknowledges a SYN-ACK after it was
    /// sent, and a server answers a SYN after that. `None` for less than a millisecond, by which
    /// packets overtake one another on their way into a capture.
    pub fn clock_difference(&self) -> Option<ClockDifference> {
        let answer = self.syn_ack?;
        let (late, by) = match (self.early_ack, self.first_syn) {
            // One that was repeated is not the one that was acknowledged.
            (Some(ack), _) if self.syn_acks == 1 => {
                (Direction::ServerToClient, answer.time.measured_since(ack.time)?)
            }
            (None, Some(syn)) if self.syns == 1 && syn.packet > answer.packet => {
                (Direction::ClientToServer, syn.time.measured_since(answer.time)?)
            }
            _ => return None,
        };
        (by >= LEAST_DIFFERENCE).then_some(ClockDifference { late, by })
    }
}

/// A RST.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reset {
    /// Who sent it.
    pub by: Direction,
    /// Its packet.
    pub origin: Origin,
}

/// What one direction sent again.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Resent {
    /// Packets whose payload had been sent before: seen twice, or filling a hole long after what
    /// follows it. Keep-alives are not among them.
    pub packets: u64,
    /// Their payload, in bytes.
    pub bytes: u64,
    /// Keep-alives with one byte (RFC 9293 §3.8.4).
    pub keep_alives: u64,
    /// The first of these packets, a keep-alive aside.
    pub first: Option<Origin>,
    /// Those since anything new was acknowledged.
    streak: Streak,
}

/// Retransmissions since anything new was acknowledged.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Streak {
    packets: u64,
    first: Origin,
    latest: Origin,
    /// How far the receiver had acknowledged the stream by then, as an offset.
    acknowledged: u64,
}

/// Retransmissions that nothing has answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unanswered {
    /// How many.
    pub packets: u64,
    /// The first.
    pub first: Origin,
    /// The latest.
    pub latest: Origin,
}

/// Times in which a receiver could take nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stalls {
    /// How often it began.
    pub count: u64,
    /// The longest one that has ended, in nanoseconds.
    pub longest: u64,
    /// Where that one began.
    pub longest_start: Origin,
    /// All that have ended together, in nanoseconds.
    pub total: u64,
    /// The start of the one that continues.
    pub open: Option<Origin>,
    /// The most bytes that were on their way to the receiver when it announced a zero window.
    pub in_flight: u64,
}

impl Stalls {
    /// The longest one with its start, where one that goes on is taken to last until `until`.
    pub fn longest_until(&self, until: Origin) -> (u64, Origin) {
        let open = self.open.map(|start| (until.time.waited_since(start.time), start));
        open.filter(|(length, _)| *length > self.longest)
            .unwrap_or((self.longest, self.longest_start))
    }
}

/// ICMP errors about a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unreachable {
    /// What the first one says.
    pub kind: IcmpKind,
    /// Who sent it.
    pub reporter: IpAddr,
    /// Its packet.
    pub origin: Origin,
    /// The direction of the packet that it quotes.
    pub quoted: Direction,
    /// How many came.
    pub count: u64,
}

/// A packet, and how far its connection is.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketSeen<'a> {
    pub(super) direction: Direction,
    pub(super) segment: &'a Segment<'a>,
    pub(super) kind: ArrivalKind,
    pub(super) origin: Origin,
    /// How far the receiver of its direction has acknowledged the stream, as an offset.
    pub(super) acknowledged: u64,
    /// How far the stream of its direction was seen, as an offset.
    pub(super) sent: u64,
    /// Bytes of the other direction that this packet does not acknowledge yet.
    pub(super) in_flight: u64,
}

impl Network {
    /// Whether a packet says anything that is kept here: nearly none does.
    #[inline]
    pub(super) fn is_told_by(&self, segment: &Segment<'_>, kind: ArrivalKind) -> bool {
        segment.flags.0 & TELLING != 0
            || segment.window == 0
            || kind != ArrivalKind::New
            || self.watching
    }

    /// Takes what a packet says.
    #[cold]
    pub(super) fn observe(&mut self, seen: PacketSeen<'_>) {
        let PacketSeen { direction, segment, kind, origin, .. } = seen;
        match kind {
            ArrivalKind::Duplicate | ArrivalKind::Stray => return,
            ArrivalKind::KeepAlive => {
                let resent = self.resent.get_mut(direction);
                resent.keep_alives = resent.keep_alives.saturating_add(1);
            }
            ArrivalKind::Repeated | ArrivalKind::Late => {
                self.resent.get_mut(direction).observe(seen);
            }
            // The reset answered the SYN-ACK before, which was void.
            ArrivalKind::Reopened => self.reset = None,
            ArrivalKind::New => {}
        }
        let flags = segment.flags;
        if flags.has(Flags::RST) {
            self.reset.get_or_insert(Reset { by: direction, origin });
        } else {
            self.opening.observe(direction, flags, origin);
            self.stalls.get_mut(direction).observe(seen);
        }
        if flags.has(Flags::FIN) {
            self.fins.get_mut(direction).get_or_insert(origin);
        }
        let opens = self.opening.is_going_on();
        let (client, server) = (&self.stalls.client, &self.stalls.server);
        self.watching = opens || client.open.is_some() || server.open.is_some();
    }

    /// Takes an ICMP error that quotes a packet of this direction.
    pub(super) fn observe_error(&mut self, quoted: Direction, error: &IcmpError, origin: Origin) {
        let (kind, reporter) = (error.kind, error.reporter);
        let known = self.unreachable.get_or_insert(Unreachable {
            kind,
            reporter,
            origin,
            quoted,
            count: 0,
        });
        known.count = known.count.saturating_add(1);
    }

    /// Exchanges the two directions.
    pub(super) fn swap_directions(&mut self) {
        std::mem::swap(&mut self.fins.client, &mut self.fins.server);
        std::mem::swap(&mut self.resent.client, &mut self.resent.server);
        std::mem::swap(&mut self.stalls.client, &mut self.stalls.server);
        if let Some(reset) = &mut self.reset {
            reset.by = reset.by.reverse();
        }
        if let Some(unreachable) = &mut self.unreachable {
            unreachable.quoted = unreachable.quoted.reverse();
        }
    }

    /// The latest retransmissions of a direction, if nothing new was acknowledged since the first of
    /// them. `acknowledged` is how far its receiver has acknowledged the stream by now.
    pub fn unanswered(&self, direction: Direction, acknowledged: u64) -> Option<Unanswered> {
        let streak = self.resent.get(direction).streak;
        let Streak { packets, first, latest, .. } = streak;
        (packets > 0 && acknowledged == streak.acknowledged).then_some(Unanswered {
            packets,
            first,
            latest,
        })
    }
}

impl Opening {
    fn observe(&mut self, direction: Direction, flags: Flags, origin: Origin) {
        match (direction, flags.has(Flags::SYN)) {
            (Direction::ClientToServer, true) => {
                self.syns = self.syns.saturating_add(1);
                self.first_syn.get_or_insert(origin);
                self.latest_syn = Some(origin);
            }
            (Direction::ServerToClient, true) => {
                self.syn_acks = self.syn_acks.saturating_add(1);
                self.syn_ack.get_or_insert(origin);
            }
            (Direction::ClientToServer, false) => {
                if self.syn_ack.is_some() {
                    self.first_ack.get_or_insert(origin);
                } else if self.first_syn.is_some() && flags.has(Flags::ACK) {
                    self.early_ack.get_or_insert(origin);
                }
            }
            (Direction::ServerToClient, false) => {}
        }
    }
}

impl Resent {
    fn observe(&mut self, seen: PacketSeen<'_>) {
        let PacketSeen { segment, origin, acknowledged, sent, .. } = seen;
        let bytes = length_u64(segment.payload.len()).saturating_add(u64::from(segment.missing));
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        self.first.get_or_insert(origin);
        if acknowledged >= sent {
            // Its receiver has it already: nothing waits for an answer.
            return;
        }
        if self.streak.packets == 0 || self.streak.acknowledged != acknowledged {
            self.streak = Streak { packets: 0, first: origin, latest: origin, acknowledged };
        }
        self.streak.packets = self.streak.packets.saturating_add(1);
        self.streak.latest = origin;
    }
}

impl Stalls {
    fn observe(&mut self, seen: PacketSeen<'_>) {
        let PacketSeen { segment, origin, in_flight, .. } = seen;
        if segment.window == 0 {
            self.in_flight = self.in_flight.max(in_flight);
            if self.open.is_none() {
                self.open = Some(origin);
                self.count = self.count.saturating_add(1);
            }
        } else if let Some(start) = self.open.take() {
            let length = origin.time.waited_since(start.time);
            self.total = self.total.saturating_add(length);
            if length >= self.longest {
                self.longest = length;
                self.longest_start = start;
            }
        }
    }
}

/// Flags that open or end something.
const TELLING: u8 = Flags::FIN.0 | Flags::SYN.0 | Flags::RST.0;

/// The least difference of two clocks that is one, in nanoseconds.
const LEAST_DIFFERENCE: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Endpoint, IcmpVersion};
    use crate::stream::Direction::{ClientToServer, ServerToClient};
    use crate::stream::{PacketId, Timestamp};
    use crate::tcp::fixture;

    fn at(packet: u64) -> Origin {
        Origin { packet: PacketId(packet), time: Timestamp(packet * 1_000) }
    }

    fn segment(flags: u8, window: u16, payload: &[u8]) -> Segment<'_> {
        Segment { window, ..fixture::segment(flags, 0, 0, payload) }
    }

    /// Takes a packet as the analyzer does; says whether it had to look at it.
    fn push(
        network: &mut Network,
        packet: u64,
        direction: Direction,
        segment: &Segment<'_>,
        kind: ArrivalKind,
    ) -> bool {
        let is_told = network.is_told_by(segment, kind);
        if is_told {
            let origin = at(packet);
            let seen = PacketSeen {
                direction,
                segment,
                kind,
                origin,
                acknowledged: 5,
                sent: 9,
                in_flight: 7,
            };
            network.observe(seen);
        }
        is_told
    }

    const SYN: u8 = Flags::SYN.0;
    const ACK: u8 = Flags::ACK.0;
    const RST: u8 = Flags::RST.0;
    const NEW: ArrivalKind = ArrivalKind::New;

    #[test]
    fn a_handshake_is_timed_from_its_first_packet_to_its_last() {
        let mut network = Network::default();
        let (syn, answer, ack) =
            (segment(SYN, 9, b""), segment(SYN | ACK, 9, b""), segment(ACK, 9, b""));
        push(&mut network, 1, ClientToServer, &syn, NEW);
        push(&mut network, 2, ClientToServer, &syn, ArrivalKind::Duplicate);
        push(&mut network, 3, ClientToServer, &syn, NEW);
        push(&mut network, 6, ServerToClient, &answer, NEW);
        assert!(push(&mut network, 9, ClientToServer, &ack, NEW), "it ends the handshake");
        assert!(!push(&mut network, 10, ClientToServer, &ack, NEW), "nothing waits for it");
        let opening = network.opening;
        assert_eq!((opening.syns, opening.latest_syn, opening.syn_acks), (2, Some(at(3)), 1));
        assert_eq!((opening.first_ack, opening.duration()), (Some(at(9)), Some(8_000)));
    }

    #[test]
    fn a_zero_window_lasts_until_there_is_another() {
        let mut network = Network::default();
        let (full, free) = (segment(ACK, 0, b""), segment(ACK, 9, b""));
        for (packet, segment) in
            [(1, &full), (3, &full), (4, &free), (5, &full), (6, &free), (8, &full)]
        {
            push(&mut network, packet, ServerToClient, segment, NEW);
        }
        let stalls = network.stalls.server;
        assert_eq!((stalls.count, stalls.longest, stalls.total), (3, 3_000, 4_000));
        assert_eq!((stalls.longest_start, stalls.open, stalls.in_flight), (at(1), Some(at(8)), 7));
        assert_eq!(stalls.longest_until(at(9)), (3_000, at(1)));
        assert_eq!(stalls.longest_until(at(20)), (12_000, at(8)));
        assert_eq!(network.stalls.client, Stalls::default());
        // RST announces no window.
        let mut network = Network::default();
        push(&mut network, 1, ServerToClient, &segment(RST, 0, b""), NEW);
        assert_eq!(network.stalls.server.count, 0);
        assert_eq!(network.reset, Some(Reset { by: ServerToClient, origin: at(1) }));
    }

    #[test]
    fn retransmissions_are_in_vain_until_something_new_is_acknowledged() {
        let mut network = Network::default();
        let data = segment(ACK, 9, b"abc");
        push(&mut network, 1, ClientToServer, &data, ArrivalKind::KeepAlive);
        push(&mut network, 2, ClientToServer, &data, ArrivalKind::Repeated);
        push(&mut network, 4, ClientToServer, &data, ArrivalKind::Late);
        let resent = network.resent.client;
        assert_eq!((resent.packets, resent.bytes, resent.keep_alives), (2, 6, 1));
        let expected = Unanswered { packets: 2, first: at(2), latest: at(4) };
        assert_eq!(network.unanswered(ClientToServer, 5), Some(expected));
        assert_eq!(network.unanswered(ClientToServer, 8), None);
        assert_eq!(network.unanswered(ServerToClient, 5), None);
        network.swap_directions();
        assert_eq!(network.unanswered(ServerToClient, 5), Some(expected));
    }

    #[test]
    fn the_first_icmp_error_is_kept_and_all_are_counted() {
        let mut network = Network::default();
        let end = Endpoint::v4([10, 0, 0, 1], 80);
        for (packet, code) in [(3, 13), (4, 1)] {
            let error = IcmpError {
                reporter: IpAddr::from([10, 0, 0, 254]),
                kind: IcmpKind { version: IcmpVersion::V4, number: 3, code },
                source: end,
                destination: end,
            };
            network.observe_error(ClientToServer, &error, at(packet));
        }
        let known = network.unreachable.unwrap();
        assert_eq!((known.kind.code, known.origin, known.count), (13, at(3), 2));
    }
}
