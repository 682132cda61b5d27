//! Merges the packets of all captured interfaces in the order of their times.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::queue::{Batch, BatchHeader, Queue, Taken};
use crate::capture::clock;
use crate::capture::{Error, Interface, Packet, PacketSource, Secrets, SkippedBlocks};
use crate::stream::{PacketId, Timestamp, length_u64};

/// Returns the packets captured by the threads.
///
/// With a single interface they are returned as they arrive; with several, a packet waits briefly
/// for earlier ones of the others.
pub(super) struct Merged {
    queue: Arc<Queue>,
    name: String,
    interfaces: Vec<Interface>,
    lanes: Vec<Lane>,
    /// No more batches follow.
    ended: bool,
    packets: u64,
    /// Bytes of all returned packets.
    captured: u64,
    skipped_blocks: SkippedBlocks,
}

/// Batches taken from the queue for one interface.
#[derive(Default)]
struct Lane {
    batches: VecDeque<Batch>,
    /// Index of the next packet in the first batch.
    next: usize,
    /// Time of the last returned packet.
    latest: Timestamp,
}

/// Whether a packet can be returned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    /// The packet of this interface.
    Of(usize),
    /// The packet of this interface, which has waited long enough: only queued packets can be earlier.
    Late(usize),
    /// None before another batch arrives, or this time has passed.
    Wait(Option<Duration>),
}

impl Merged {
    pub(super) fn new(queue: Arc<Queue>, interfaces: Vec<Interface>) -> Self {
        let names: Vec<&str> = interfaces.iter().map(|it| it.name.as_str()).collect();
        Self {
            queue,
            name: names.join(", "),
            lanes: interfaces.iter().map(|_| Lane::default()).collect(),
            interfaces,
            ended: false,
            packets: 0,
            captured: 0,
            skipped_blocks: SkippedBlocks::default(),
        }
    }

    /// Which packet is next at the clock's time.
    fn turn(&self, clock: impl FnOnce() -> Timestamp) -> Turn {
        let heads = self
            .lanes
            .iter()
            .enumerate()
            .filter_map(|(at, lane)| lane.head().map(|header| (header.time, at)));
        let Some((time, first)) = heads.min() else { return Turn::Wait(None) };
        let certain = self.ended
            || self
                .lanes
                .iter()
                .enumerate()
                .all(|(at, lane)| at == first || lane.head().is_some() || lane.latest >= time);
        if certain {
            return Turn::Of(first);
        }
        let (now, release) = (clock().0, time.0.saturating_add(REORDERING_DELAY));
        // A time in the future is the clock's fault: it was set back.
        if now >= release || time.0 > now.saturating_add(FUTURE) {
            return Turn::Late(first);
        }
        Turn::Wait(Some(Duration::from_nanos(release.saturating_sub(now))))
    }

    /// How many taken batches are not read yet.
    fn held(&self) -> usize {
        self.lanes.iter().map(|lane| lane.batches.len()).sum()
    }

    /// The interface of the next packet; `None` at the end.
    fn next_lane(&mut self) -> Option<usize> {
        loop {
            let turn = self.turn(clock::wall);
            let timeout = match turn {
                Turn::Of(lane) => return Some(lane),
                Turn::Late(lane) if self.held() >= HELD_BATCHES => return Some(lane),
                Turn::Late(_) => Some(Duration::ZERO),
                Turn::Wait(_) if self.ended => return None,
                Turn::Wait(timeout) => timeout,
            };
            match self.queue.take(timeout) {
                Taken::Batch(batch) => {
                    if let Some(lane) = self.lanes.get_mut(batch.source) {
                        lane.batches.push_back(batch);
                    }
                }
                Taken::Nothing => {
                    if let Turn::Late(lane) = turn {
                        return Some(lane);
                    }
                }
                Taken::End => self.ended = true,
            }
        }
    }
}

impl Lane {
    /// The next packet.
    fn head(&self) -> Option<BatchHeader> {
        self.batches.front()?.header(self.next)
    }
}

impl PacketSource for Merged {
    fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Error> {
        // The last returned packet borrowed from its batch until now.
        for lane in &mut self.lanes {
            if lane.batches.front().is_some_and(|batch| lane.next >= batch.len()) {
                lane.next = 0;
                lane.batches.pop_front().into_iter().for_each(|batch| self.queue.give_back(batch));
            }
        }
        let Some(index) = self.next_lane() else {
            return self.queue.take_failure().map_or(Ok(None), Err);
        };
        let (Some(lane), Some(interface)) = (self.lanes.get_mut(index), self.interfaces.get(index))
        else {
            return Ok(None);
        };
        let Some(header) = lane.head() else { return Ok(None) };
        lane.next += 1;
        lane.latest = header.time;
        let Some(batch) = lane.batches.front() else { return Ok(None) };
        let bytes = batch.content(header);
        self.packets += 1;
        let file_offset = self.captured;
        self.captured += length_u64(bytes.len());
        Ok(Some(Packet {
            id: PacketId(self.packets),
            time: header.time,
            link_type: interface.link_type,
            interface: u32::try_from(index).unwrap_or(u32::MAX),
            bytes,
            original_length: header.original_length,
            file_offset,
        }))
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn position(&self) -> u64 {
        0
    }

    fn secrets(&self) -> &[Secrets] {
        &[]
    }

    fn skipped_blocks(&self) -> &SkippedBlocks {
        &self.skipped_blocks
    }

    fn dropped(&mut self) -> u64 {
        self.interfaces.iter().map(|it| it.losses.total()).fold(0, u64::saturating_add)
    }

    fn is_ready(&self) -> bool {
        let rest = |lane: &Lane| lane.batches.front().is_some_and(|it| lane.next < it.len());
        self.lanes.iter().any(rest) || self.queue.is_ready()
    }
}

impl Drop for Merged {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// How long a packet waits for earlier ones of other interfaces, in nanoseconds: a little longer
/// than the kernel may hold those back.
const REORDERING_DELAY: u64 = 25_000_000;

/// The most batches taken from the queue to look for earlier packets.
const HELD_BATCHES: usize = 64;

/// A packet whose time is further in the future does not wait, in nanoseconds.
const FUTURE: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{LinkType, Losses};

    fn interface(name: &str, link_type: u32) -> Interface {
        Interface {
            name: name.to_owned(),
            link_type: LinkType(link_type),
            snap_length: 0,
            filter: None,
            losses: Losses::default(),
        }
    }

    fn batch(source: usize, times: &[u64]) -> Batch {
        let mut batch = Batch::default();
        batch.source = source;
        for time in times {
            batch.push(Timestamp(*time), 4, &time.to_le_bytes()[..1]);
        }
        batch
    }

    fn merged(batches: Vec<Batch>) -> Merged {
        let queue = Arc::new(Queue::new(2));
        for batch in batches {
            assert!(queue.push(batch));
        }
        queue.end(None);
        queue.end(None);
        Merged::new(queue, vec![interface("lo", 1), interface("any", 276)])
    }

    #[test]
    fn packets_of_several_interfaces_come_in_the_order_of_their_times() {
        let mut source = merged(vec![batch(0, &[1, 4]), batch(0, &[6]), batch(1, &[2, 3, 7])]);
        assert_eq!(source.name(), "lo, any");
        let mut given = Vec::new();
        while let Some(packet) = source.next_packet().unwrap() {
            assert_eq!(u64::from(packet.bytes[0]), packet.time.0);
            given.push((packet.id.0, packet.time.0, packet.interface, packet.link_type.0));
        }
        assert_eq!(
            given,
            [
                (1, 1, 0, 1),
                (2, 2, 1, 276),
                (3, 3, 1, 276),
                (4, 4, 0, 1),
                (5, 6, 0, 1),
                (6, 7, 1, 276)
            ]
        );
        assert!(source.next_packet().unwrap().is_none());
    }

    #[test]
    fn a_packet_waits_for_silent_interfaces_but_not_for_long() {
        let at = 10 * FUTURE;
        let mut source =
            Merged::new(Arc::new(Queue::new(2)), vec![interface("lo", 1), interface("eth0", 1)]);
        assert_eq!(source.turn(|| Timestamp(at)), Turn::Wait(None));
        source.lanes[0].batches.push_back(batch(0, &[at]));
        let wait = |nanoseconds| Turn::Wait(Some(Duration::from_nanos(nanoseconds)));
        assert_eq!(source.turn(|| Timestamp(at + 1)), wait(REORDERING_DELAY - 1));
        assert_eq!(source.turn(|| Timestamp(at + REORDERING_DELAY)), Turn::Late(0));
        assert_eq!(source.turn(|| Timestamp(at - 2 * FUTURE)), Turn::Late(0), "the clock was set");
        source.lanes[1].batches.push_back(batch(1, &[at - 1]));
        assert_eq!(source.turn(|| Timestamp(at)), Turn::Of(1));
    }

    #[test]
    fn failures_come_after_the_packets() {
        let queue = Arc::new(Queue::new(1));
        assert!(queue.push(batch(0, &[1])));
        queue.end(Some(Error::Missing { name: "lo".to_owned() }));
        let mut source = Merged::new(queue, vec![interface("lo", 1)]);
        assert!(source.is_ready());
        assert!(source.next_packet().unwrap().is_some());
        assert!(source.is_ready(), "nobody has to wait for the failure");
        assert!(source.next_packet().is_err());
        assert!(source.next_packet().unwrap().is_none());
    }
}
