//! Both ends of a TCP connection: sequence numbers, acknowledgements, and what may go wrong.

use std::net::SocketAddr;

use wslens::decode::Flags;
use wslens::stream::Direction;

use super::sender::Sender;
use super::tap::Tap;
use super::testkit::packet::Checksum;
use super::testkit::packet::TestSegment;

/// What happens to a segment on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// It arrives, and the tap sees it.
    Delivered,
    /// It arrives, but the tap misses it: a hole in the capture.
    Unseen,
    /// The tap sees it twice, as where it is plugged in at two places.
    Doubled,
    /// It is overtaken, or lost and sent again: comes so many nanoseconds later.
    Late(u64),
    /// It arrives, and is sent once more so many nanoseconds later.
    Repeated(u64),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Tcp {
    sides: [Side; 2],
    /// Largest payload of a segment.
    segment_size: usize,
    /// At most one segment is late or to be repeated.
    held: Option<Held>,
}

/// One direction of it.
#[derive(Debug)]
struct Side {
    sender: Sender,
    /// Sequence number of the next byte to be sent.
    next: u32,
    /// What the receiver has got without a hole, as a sequence number.
    received: u32,
    /// Segments that the receiver has not acknowledged.
    unacknowledged: u8,
    /// When the receiver will acknowledge them at last.
    due: Option<u64>,
    /// Last value of the sender's timestamp option.
    stamp: u32,
}

#[derive(Debug)]
struct Held {
    release: u64,
    direction: Direction,
    sequence: u32,
    payload: Vec<u8>,
}

impl Tcp {
    /// Opens a connection with its three packets.
    pub(super) fn open(tap: &mut Tap, now: u64, client: SocketAddr, server: SocketAddr) -> Self {
        let loopback = client.ip().is_loopback();
        let checksum = if loopback { Checksum::Offloaded } else { Checksum::Right };
        let mut side = |source: SocketAddr, destination: SocketAddr| {
            let first = tap.random.next() as u32;
            let sender = Sender::new(source, destination, checksum);
            Side { sender, next: first, received: first, unacknowledged: 0, due: None, stamp: 0 }
        };
        let sides = [side(client, server), side(server, client)];
        let segment_size = match (loopback, client.is_ipv6()) {
            (true, _) => LOOPBACK_SEGMENT,
            (false, true) => ETHERNET_SEGMENT - 20,
            (false, false) => ETHERNET_SEGMENT,
        };
        let mut tcp = Self { sides, segment_size, held: None };
        tap.truth.connections += 1;
        tcp.control(tap, now, Direction::ClientToServer, Flags::SYN.0);
        tcp.control(tap, now + 60_000, Direction::ServerToClient, Flags::SYN.0 | Flags::ACK.0);
        tcp.acknowledge(tap, now + 90_000, Direction::ServerToClient);
        tcp
    }

    /// Sends `bytes` in as many segments as they need.
    pub(super) fn send(&mut self, tap: &mut Tap, now: u64, direction: Direction, bytes: &[u8]) {
        let mut segments = bytes.chunks(self.segment_size).peekable();
        while let Some(segment) = segments.next() {
            let push = if segments.peek().is_none() { PSH } else { 0 };
            self.segment(tap, now, direction, segment, push, Fate::Delivered);
        }
    }

    /// Sends one segment, to which `fate` happens unless another is still held up; returns what did.
    pub(super) fn send_with(
        &mut self,
        tap: &mut Tap,
        now: u64,
        direction: Direction,
        bytes: &[u8],
        fate: Fate,
    ) -> Fate {
        let fate = if self.held.is_some() { Fate::Delivered } else { fate };
        self.segment(tap, now, direction, bytes, PSH, fate);
        fate
    }

    /// Sends what has become due: a delayed acknowledgement, a late segment.
    pub(super) fn wake(&mut self, tap: &mut Tap, now: u64) {
        if let Some(held) = self.held.take_if(|held| held.release <= now) {
            let Held { direction, sequence, payload, .. } = held;
            self.write(tap, now, direction, Flags::ACK.0 | PSH, sequence, &payload);
            let side = &mut self.sides[direction.index()];
            side.received = side.next;
            self.acknowledge(tap, now + 20_000, direction);
        }
        for direction in Direction::BOTH {
            if self.sides[direction.index()].due.is_some_and(|due| due <= now) {
                self.acknowledge(tap, now, direction);
            }
        }
    }

    /// When it must be woken.
    pub(super) fn due(&self) -> u64 {
        let held = self.held.as_ref().map(|held| held.release);
        let [client, server] = &self.sides;
        held.into_iter().chain(client.due).chain(server.due).min().unwrap_or(u64::MAX)
    }

    /// Closes the connection, `first` before the other.
    pub(super) fn close(&mut self, tap: &mut Tap, now: u64, first: Direction) {
        if let Some(held) = &mut self.held {
            held.release = now;
        }
        self.wake(tap, now);
        self.control(tap, now, first, Flags::FIN.0 | Flags::ACK.0);
        self.control(tap, now + 70_000, first.reverse(), Flags::FIN.0 | Flags::ACK.0);
        self.acknowledge(tap, now + 100_000, first.reverse());
    }

    fn segment(
        &mut self,
        tap: &mut Tap,
        now: u64,
        direction: Direction,
        payload: &[u8],
        push: u8,
        fate: Fate,
    ) {
        let flags = Flags::ACK.0 | push;
        let side = &mut self.sides[direction.index()];
        let sequence = side.next;
        side.next = sequence.wrapping_add(payload.len() as u32);
        match fate {
            Fate::Unseen | Fate::Late(_) => {}
            Fate::Doubled => {
                self.write(tap, now, direction, flags, sequence, payload);
                self.write(tap, now, direction, flags, sequence, payload);
            }
            Fate::Delivered | Fate::Repeated(_) => {
                self.write(tap, now, direction, flags, sequence, payload);
            }
        }
        let late = matches!(&self.held, Some(held) if held.direction == direction && held.late(&self.sides));
        if let Fate::Late(after) | Fate::Repeated(after) = fate {
            self.held =
                Some(Held { release: now + after, direction, sequence, payload: payload.to_vec() });
        }
        let side = &mut self.sides[direction.index()];
        if matches!(fate, Fate::Late(_)) {
            return;
        }
        if late {
            // A duplicate acknowledgement for every segment after the hole.
            self.acknowledge(tap, now + 20_000, direction);
            return;
        }
        side.received = side.next;
        side.unacknowledged += 1;
        if side.unacknowledged >= 2 {
            self.acknowledge(tap, now + 20_000, direction);
        } else {
            side.due = Some(now + DELAYED_ACK);
        }
    }

    /// Sends a segment that takes one sequence number (SYN or FIN).
    fn control(&mut self, tap: &mut Tap, now: u64, direction: Direction, flags: u8) {
        let sequence = self.sides[direction.index()].next;
        self.write(tap, now, direction, flags, sequence, &[]);
        let side = &mut self.sides[direction.index()];
        side.next = sequence.wrapping_add(1);
        side.received = side.next;
    }

    /// The receiver of `direction` acknowledges what it has.
    fn acknowledge(&mut self, tap: &mut Tap, now: u64, direction: Direction) {
        let sequence = self.sides[direction.reverse().index()].next;
        self.write(tap, now, direction.reverse(), Flags::ACK.0, sequence, &[]);
    }

    fn write(
        &mut self,
        tap: &mut Tap,
        now: u64,
        direction: Direction,
        flags: u8,
        sequence: u32,
        payload: &[u8],
    ) {
        let [client, server] = &mut self.sides;
        let (sender, receiver) = match direction {
            Direction::ClientToServer => (client, server),
            Direction::ServerToClient => (server, client),
        };
        // The RFC 7323 clock counts milliseconds, as Linux does.
        sender.stamp = sender.stamp.max((now / 1_000_000) as u32 + 1);
        let syn = flags & Flags::SYN.0 != 0;
        let mut options = if syn { SYN_OPTIONS } else { OPTIONS };
        let at = if syn { SYN_STAMP } else { STAMP };
        options[at..at + 4].copy_from_slice(&sender.stamp.to_be_bytes());
        options[at + 4..at + 8].copy_from_slice(&receiver.stamp.to_be_bytes());
        let acknowledging = flags & Flags::ACK.0 != 0;
        let segment = TestSegment {
            ports: sender.sender.ports,
            sequence,
            acknowledgment: if acknowledging { receiver.received } else { 0 },
            flags,
            window: WINDOW,
            options: if syn { &options } else { &options[..12] },
            payload,
        };
        tap.packet(now, sender.sender.tcp(&segment));
        receiver.unacknowledged = 0;
        receiver.due = None;
    }
}

impl Held {
    /// Whether the receiver still waits for it, that is, it is not a repetition.
    fn late(&self, sides: &[Side; 2]) -> bool {
        sides[self.direction.index()].received == self.sequence
    }
}

const PSH: u8 = 0x08;
/// Scaled by 2^7, as negotiated: 4 MiB, so that no burst here fills it.
const WINDOW: u16 = 32_768;
/// Payload of a segment in bytes: 1,500 less IP and TCP headers with timestamps.
const ETHERNET_SEGMENT: usize = 1_448;
/// The same for the loopback device, whose packets reach 65,535 bytes with their IP header.
const LOOPBACK_SEGMENT: usize = 65_483;
/// Nanoseconds; Linux's least delay.
const DELAYED_ACK: u64 = 40_000_000;
/// Maximum segment size 1460, no SACK, timestamps, window scale 7.
const SYN_OPTIONS: [u8; 20] = [2, 4, 0x05, 0xb4, 1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7];
const SYN_STAMP: usize = 8;
/// Timestamps; the last eight bytes are not sent.
const OPTIONS: [u8; 20] = [1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const STAMP: usize = 4;
