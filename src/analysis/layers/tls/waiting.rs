//! Records that wait for their secrets, as long as a key log grows.

use crate::stream::{Buffer, Chunk, Direction, Gap, Timestamp};

/// What came of a connection while its secrets were not known yet, in its order.
#[derive(Debug)]
pub(super) struct WaitingRecords {
    parts: Vec<(Direction, Part)>,
    /// Bytes of the stream that wait.
    bytes: usize,
    /// Time of the first of them.
    since: Timestamp,
}

/// A part of what waits.
#[derive(Debug)]
pub(super) enum Part {
    /// Bytes without a hole.
    Bytes(Buffer),
    /// Bytes that are missing.
    Gap(Gap),
}

impl WaitingRecords {
    /// Starts to wait.
    pub(super) fn new(since: Timestamp) -> Self {
        Self { parts: Vec::new(), bytes: 0, since }
    }

    /// Keeps the next bytes of a direction.
    pub(super) fn push(&mut self, direction: Direction, chunk: Chunk<'_>) {
        self.bytes = self.bytes.saturating_add(chunk.bytes.len());
        if let Some((last, Part::Bytes(buffer))) = self.parts.last_mut()
            && *last == direction
        {
            return buffer.push(chunk);
        }
        let mut buffer = Buffer::default();
        buffer.push(chunk);
        self.parts.push((direction, Part::Bytes(buffer)));
    }

    /// Keeps that bytes of a direction are missing.
    pub(super) fn gap(&mut self, direction: Direction, gap: Gap) {
        self.parts.push((direction, Part::Gap(gap)));
    }

    /// Whether it has waited long enough: too much was kept, or for too long.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.bytes > MOST_BYTES
            || self.parts.len() > MOST_PARTS
            || now.since(self.since) > MOST_NANOSECONDS
    }

    /// Memory taken, in bytes.
    pub(super) fn memory(&self) -> usize {
        let parts = self.parts.capacity().saturating_mul(size_of::<(Direction, Part)>());
        self.parts.iter().fold(parts, |sum, (_, part)| match part {
            Part::Bytes(buffer) => sum.saturating_add(buffer.memory()),
            Part::Gap(_) => sum,
        })
    }

    /// What has waited.
    pub(super) fn into_parts(self) -> Vec<(Direction, Part)> {
        self.parts
    }
}

/// Bytes of one connection that may wait for its secrets.
const MOST_BYTES: usize = 4 << 20;

/// Changes of direction, and gaps, in what waits.
const MOST_PARTS: usize = 1 << 14;

/// How long they may wait, in nanoseconds: programs write secrets to a key log before they use them.
const MOST_NANOSECONDS: u64 = 10_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Origin, PacketId};

    fn chunk(offset: u64, bytes: &[u8], packet: u64) -> Chunk<'_> {
        let origin = Origin { packet: PacketId(packet), time: Timestamp(packet) };
        Chunk { offset, bytes, origin }
    }

    #[test]
    fn what_waits_keeps_its_order_and_is_bounded() {
        let (client, server) = (Direction::ClientToServer, Direction::ServerToClient);
        let mut waiting = WaitingRecords::new(Timestamp(1));
        waiting.push(client, chunk(0, b"ab", 1));
        waiting.push(client, chunk(2, b"c", 2));
        waiting.push(server, chunk(0, b"d", 3));
        waiting.push(client, chunk(3, b"e", 4));
        assert!(waiting.memory() >= 5 && !waiting.is_over(Timestamp(MOST_NANOSECONDS)));
        assert!(waiting.is_over(Timestamp(MOST_NANOSECONDS + 2)));
        waiting.push(server, chunk(1, &vec![0; MOST_BYTES], 5));
        assert!(waiting.is_over(Timestamp(1)));
        let order: Vec<_> = waiting
            .into_parts()
            .into_iter()
            .map(|(direction, part)| match part {
                Part::Bytes(buffer) => (direction, buffer.bytes().len()),
                Part::Gap(_) => panic!("there is no gap"),
            })
            .collect();
        assert_eq!(order, [(client, 3), (server, 1), (client, 1), (server, MOST_BYTES)]);
    }

    #[test]
    fn many_small_parts_are_bounded() {
        let mut waiting = WaitingRecords::new(Timestamp(1));
        for round in 0..=MOST_PARTS {
            let direction = Direction::BOTH[round % 2];
            waiting.push(direction, chunk(u64::try_from(round).unwrap(), b"x", 1));
        }
        assert!(waiting.is_over(Timestamp(1)));
    }
}
