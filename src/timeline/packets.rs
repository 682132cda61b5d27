//! Where packets are in the capture: a few bytes each.

use std::net::SocketAddr;

use crate::capture::{LinkType, PacketPlace};
use crate::stream::{Direction, PacketId};

/// Places of packets in the order of their numbers, coded as differences.
///
/// An entry point of the coding every [`STRIDE`] packets.
#[derive(Clone, Debug, Default)]
pub(super) struct PacketList {
    data: Vec<u8>,
    entries: Vec<PacketEntry>,
    count: u64,
    last: Position,
}

/// Where the coding can be entered.
#[derive(Clone, Copy, Debug)]
struct PacketEntry {
    /// Of the packet before, or 0.
    before: Position,
    /// Number of the packet that is coded there.
    number: u64,
    /// Where in the data.
    at: usize,
}

/// What the next packet is coded relative to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Position {
    number: u64,
    /// Where in the file the packet ends.
    end: u64,
    /// Its link type.
    link: u32,
}

/// The place of a packet, and which of two endpoints sent it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Placed {
    pub(super) place: PacketPlace,
    pub(super) sender: PacketSender,
}

/// The endpoint that sent a packet: by the order of addresses, so that it stays true when client and
/// server are exchanged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PacketSender {
    Lower,
    Higher,
}

impl PacketSender {
    /// Who sends in a direction.
    pub(super) fn of(client: SocketAddr, server: SocketAddr, direction: Direction) -> Self {
        let (sender, receiver) = match direction {
            Direction::ClientToServer => (client, server),
            Direction::ServerToClient => (server, client),
        };
        if sender <= receiver { Self::Lower } else { Self::Higher }
    }
}

impl PacketList {
    /// Appends a packet.
    pub(super) fn push(&mut self, placed: &Placed) {
        let place = &placed.place;
        if self.count.is_multiple_of(STRIDE) {
            let (before, number, at) = (self.last, place.id.0, self.data.len());
            self.entries.push(PacketEntry { before, number, at });
        }
        self.count = self.count.saturating_add(1);
        let number = place.id.0.wrapping_sub(self.last.number);
        let sender = match placed.sender {
            PacketSender::Lower => 0,
            PacketSender::Higher => 1,
        };
        self.number(u128::from(number) << 1 | sender);
        // Zigzag: files need not keep packets in the order of their numbers.
        let distance = place.offset.wrapping_sub(self.last.end).cast_signed();
        let zigzag = (distance << 1 ^ distance >> 63).cast_unsigned();
        self.number(u128::from(zigzag));
        let missing = place.original_length.saturating_sub(place.length);
        let is_special = missing > 0 || place.link_type.0 != self.last.link;
        self.number(u128::from(place.length) << 1 | u128::from(is_special));
        if is_special {
            self.number(u128::from(missing));
            self.number(u128::from(place.link_type.0));
        }
        self.last = Position {
            number: place.id.0,
            end: place.offset.wrapping_add(u64::from(place.length)),
            link: place.link_type.0,
        };
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The packets from a number on.
    pub(super) fn since(&self, first: PacketId) -> impl Iterator<Item = Placed> {
        let behind = self.entries.partition_point(|entry| entry.number <= first.0);
        let entry = self.entries.get(behind.saturating_sub(1));
        let mut reader = PacketListReader {
            rest: entry.and_then(|entry| self.data.get(entry.at..)).unwrap_or_default(),
            last: entry.map_or_else(Position::default, |entry| entry.before),
        };
        std::iter::from_fn(move || reader.next()).skip_while(move |placed| placed.place.id < first)
    }

    /// Forgets all but the last `count` packets, roughly.
    pub(super) fn keep_last(&mut self, count: u64) {
        let strides = usize::try_from(count.div_ceil(STRIDE)).unwrap_or(usize::MAX);
        let dropped = self.entries.len().saturating_sub(strides.saturating_add(1));
        let Some(entry) = self.entries.get(dropped).copied() else { return };
        self.entries.drain(..dropped);
        self.data.drain(..entry.at);
        for entry_left in &mut self.entries {
            entry_left.at = entry_left.at.saturating_sub(entry.at);
        }
        let gone = u64::try_from(dropped).unwrap_or(0).saturating_mul(STRIDE);
        self.count = self.count.saturating_sub(gone);
    }

    /// Gives back memory that no packet needs.
    pub(super) fn shrink(&mut self) {
        self.data.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    /// Memory taken, in bytes.
    pub(super) fn memory(&self) -> usize {
        let entries = self.entries.capacity().saturating_mul(size_of::<PacketEntry>());
        self.data.capacity().saturating_add(entries)
    }

    /// Seven bits a byte, the lowest first; the top bit means that more follow.
    fn number(&mut self, mut number: u128) {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                self.data.push(low & 0x7f);
                return;
            }
            self.data.push(low | 0x80);
        }
    }
}

/// Decodes packets one after the other.
struct PacketListReader<'a> {
    rest: &'a [u8],
    last: Position,
}

impl PacketListReader<'_> {
    fn next(&mut self) -> Option<Placed> {
        let (number, sender) = split(self.number()?);
        let zigzag = u64::try_from(self.number()?).ok()?;
        let (length, special) = split(self.number()?);
        let (missing, link) = if special == 1 {
            (self.number()?, u32::try_from(self.number()?).ok()?)
        } else {
            (0, self.last.link)
        };
        let id = self.last.number.wrapping_add(u64::try_from(number).ok()?);
        let distance = (zigzag >> 1).cast_signed() ^ (zigzag & 1).cast_signed().wrapping_neg();
        let offset = self.last.end.wrapping_add(distance.cast_unsigned());
        let length = u32::try_from(length).ok()?;
        self.last = Position { number: id, end: offset.wrapping_add(u64::from(length)), link };
        Some(Placed {
            place: PacketPlace {
                id: PacketId(id),
                offset,
                length,
                original_length: length.saturating_add(u32::try_from(missing).ok()?),
                link_type: LinkType(link),
            },
            sender: if sender == 0 { PacketSender::Lower } else { PacketSender::Higher },
        })
    }

    fn number(&mut self) -> Option<u128> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u128::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift = shift.checked_add(7)?;
        }
    }
}

/// A number, and the bit that was put below it.
fn split(number: u128) -> (u128, u128) {
    (number >> 1, number & 1)
}

/// Packets between two places where the coding can be entered.
const STRIDE: u64 = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::length_u64;

    fn placed(number: u64, offset: u64, length: u32) -> Placed {
        let place = PacketPlace {
            id: PacketId(number),
            offset,
            length,
            original_length: length,
            link_type: LinkType(1),
        };
        let sender =
            if number.is_multiple_of(3) { PacketSender::Lower } else { PacketSender::Higher };
        Placed { place, sender }
    }

    fn list(packets: &[Placed]) -> PacketList {
        let mut list = PacketList::default();
        for packet in packets {
            list.push(packet);
        }
        list
    }

    #[test]
    fn packets_come_out_as_they_were_from_any_number_on() {
        let packets: Vec<_> = (0..1_000)
            .map(|n| placed(5 + n * 3, 40 + n * 1_000, 60 + u32::try_from(n % 7).unwrap()))
            .collect();
        let list = list(&packets);
        for first in [0, 5, 6, 388, 389, 390, 1_000, 3_002, 3_003] {
            let expected: Vec<_> =
                packets.iter().copied().filter(|packet| packet.place.id.0 >= first).collect();
            assert_eq!(list.since(PacketId(first)).collect::<Vec<_>>(), expected, "since {first}");
        }
        assert_eq!(list.count(), 1_000);
    }

    #[test]
    fn odd_packets_come_out_too() {
        let mut cut = placed(9, 5_000, 100);
        cut.place.original_length = 1_500;
        let mut other = placed(10, 20, 100);
        other.place.link_type = LinkType(276);
        let packets = [
            placed(1, u64::MAX, 0),
            placed(2, 0, 262_144),
            cut,
            other,
            placed(u64::MAX, 1 << 50, u32::MAX),
        ];
        assert_eq!(list(&packets).since(PacketId(0)).collect::<Vec<_>>(), packets);
    }

    #[test]
    fn a_packet_of_an_ordinary_capture_takes_less_than_six_bytes() {
        let packets: Vec<_> = (1..=10_000).map(|n| placed(n * 4, n * 4 * 900, 800)).collect();
        let mut list = list(&packets);
        list.shrink();
        assert!(list.memory() < 10_000 * 6, "{} bytes", list.memory());
    }

    #[test]
    fn the_oldest_can_be_forgotten() {
        let packets: Vec<_> = (1..=1_000).map(|n| placed(n, n * 100, 84)).collect();
        let mut list = list(&packets);
        list.keep_last(256);
        let left: Vec<_> = list.since(PacketId(0)).collect();
        assert!((256..=512).contains(&left.len()), "{}", left.len());
        assert!(packets.ends_with(&left));
        assert_eq!(list.count(), length_u64(left.len()));
        list.push(&placed(1_001, 100_100, 84));
        assert_eq!(list.since(PacketId(1_001)).count(), 1);
    }
}
