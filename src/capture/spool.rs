//! Packets kept while they are read, for sources that cannot be read twice.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Packet;
use super::error::Error;
use super::store::{PacketPlace, PacketStore, Positional};
use crate::stream::{PacketId, length_u64, length_usize};

/// A temporary file of packets: those of standard input, of a compressed file, of an interface.
///
/// It never grows beyond its limit: the newest packets then overwrite the oldest. The file is
/// unlinked if the system allows it, and disappears with the last clone. One thread may write while
/// others read.
#[derive(Clone, Debug)]
pub struct Spool {
    shared: Arc<SpoolFile>,
    /// The largest size of the file, in bytes.
    limit: u64,
}

#[derive(Debug)]
struct SpoolFile {
    /// A ring buffer: position `p` among all bytes ever written is at `p` modulo the limit.
    file: Positional,
    tail: Mutex<SpoolTail>,
}

/// The last bytes, which are not in the file yet.
#[derive(Debug, Default)]
struct SpoolTail {
    /// Position of the first of them.
    start: u64,
    bytes: Vec<u8>,
    /// Some of the kept packets and the last one before them: `Spool::evicted` need not be exact.
    marks: VecDeque<Mark>,
}

/// The position of one packet in every [`MARK_INTERVAL`] bytes.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The packet's number.
    packet: PacketId,
    /// Its position.
    start: u64,
}

impl Spool {
    /// Creates an empty spool for the newest `limit` bytes, or for a few packets if that is more.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if no temporary file can be created.
    pub fn new(limit: u64) -> Result<Self, Error> {
        let file = tempfile::tempfile().map_err(failure)?;
        let shared = SpoolFile { file: Positional::new(file), tail: Mutex::default() };
        Ok(Self { shared: Arc::new(shared), limit: limit.max(SMALLEST) })
    }

    /// Keeps a packet; returns the position at which it can be read again, which replaces its
    /// [`Packet::file_offset`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn push(&self, packet: &Packet<'_>) -> Result<u64, Error> {
        let mut tail = self.tail();
        let offset = tail.start.saturating_add(length_u64(tail.bytes.len()));
        tail.bytes.extend_from_slice(packet.bytes);
        if tail.marks.back().is_none_or(|mark| offset.saturating_sub(mark.start) >= MARK_INTERVAL) {
            tail.marks.push_back(Mark { packet: packet.id, start: offset });
        }
        if tail.bytes.len() >= WRITE_LENGTH {
            self.write(&mut tail)?;
        }
        Ok(offset)
    }

    /// The default limit in bytes, enough for hours of heavy traffic.
    pub const LIMIT: u64 = 16 << 30;

    /// The most bytes that are kept.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The last packet that was overwritten; `None` while all are kept.
    pub fn evicted(&self) -> Option<PacketId> {
        let tail = self.tail();
        let oldest = self.oldest(&tail);
        if oldest == 0 {
            return None;
        }
        // The last one that starts before the kept bytes is incomplete itself.
        let mark = tail.marks.iter().take_while(|mark| mark.start < oldest).last();
        mark.map(|mark| mark.packet)
    }

    /// Moves the tail to the file.
    fn write(&self, tail: &mut SpoolTail) -> Result<(), Error> {
        let mut start = tail.start;
        let mut rest = tail.bytes.as_slice();
        while !rest.is_empty() {
            let place = start % self.limit;
            let room = length_usize(self.limit - place).min(rest.len());
            let (now, later) = rest.split_at(room);
            self.shared.file.write(now, place).map_err(failure)?;
            start = start.saturating_add(length_u64(room));
            rest = later;
        }
        tail.start = start;
        tail.bytes.clear();
        let oldest = self.oldest(tail);
        while tail.marks.get(1).is_some_and(|second| second.start < oldest) {
            tail.marks.pop_front();
        }
        Ok(())
    }

    /// Position of the oldest byte still kept.
    fn oldest(&self, tail: &SpoolTail) -> u64 {
        tail.start.saturating_sub(self.limit)
    }

    fn tail(&self) -> MutexGuard<'_, SpoolTail> {
        // A thread that panicked has written complete packets or nothing.
        self.shared.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PacketStore for Spool {
    fn read(&self, place: &PacketPlace, into: &mut Vec<u8>) -> Result<(), Error> {
        into.clear();
        let length = length_usize(u64::from(place.length));
        let tail = self.tail();
        if let Some(skipped) = place.offset.checked_sub(tail.start) {
            let rest = tail.bytes.get(length_usize(skipped)..).unwrap_or_default();
            into.extend_from_slice(rest.get(..length).unwrap_or(rest));
            return Ok(());
        }
        drop(tail);
        into.resize(length, 0);
        let place_in_file = place.offset % self.limit;
        let first = length_usize(self.limit - place_in_file).min(length);
        let (before, after) = into.split_at_mut(first);
        let mut outcome = self.shared.file.read(before, place_in_file);
        if outcome.is_ok() && !after.is_empty() {
            outcome = self.shared.file.read(after, 0);
        }
        // Checked after reading, because it may have been overwritten in the meantime.
        if place.offset < self.oldest(&self.tail()) {
            into.clear();
            return Err(Error::NotSpooled { packet: place.id, limit: self.limit });
        }
        outcome.map_err(failure)
    }
}

fn failure(cause: std::io::Error) -> Error {
    Error::Io { name: "the temporary file of packets".to_owned(), cause }
}

/// Bytes written at once.
const WRITE_LENGTH: usize = 256 << 10;

/// The smallest limit, in bytes: enough for one write and the longest packet.
const SMALLEST: u64 = 1 << 20;

/// Bytes from one marked packet to the next.
const MARK_INTERVAL: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;
    use crate::stream::Timestamp;

    fn packet(id: u64, bytes: &[u8]) -> Packet<'_> {
        Packet {
            id: PacketId(id),
            time: Timestamp(0),
            link_type: LinkType(1),
            interface: 0,
            bytes,
            original_length: u32::try_from(bytes.len()).unwrap(),
            file_offset: 0,
        }
    }

    #[test]
    fn packets_are_read_again_while_others_are_written() {
        let spool = Spool::new(Spool::LIMIT).unwrap();
        let content = |number: u64| {
            vec![number.to_le_bytes()[0]; 700 + usize::try_from(number % 800).unwrap()]
        };
        let mut places = Vec::new();
        for number in 0..1_000 {
            let bytes = content(number);
            let packet = packet(number, &bytes);
            let file_offset = spool.push(&packet).unwrap();
            places.push(PacketPlace::of(&Packet { file_offset, ..packet }));
            // The first is in the file by now, the last is not yet.
            for index in [0, number, number / 2] {
                let mut again = Vec::new();
                spool.clone().read(&places[usize::try_from(index).unwrap()], &mut again).unwrap();
                assert_eq!(again, content(index), "packet {index} after {number}");
            }
        }
    }

    #[test]
    fn the_oldest_make_room_for_the_newest() {
        let spool = Spool::new(1).unwrap();
        assert_eq!(spool.limit(), SMALLEST);
        let content = |number: u64| vec![number.to_le_bytes()[0]; 70_001];
        let mut places = Vec::new();
        for number in 1..=100 {
            let bytes = content(number);
            let packet = packet(number, &bytes);
            let file_offset = spool.push(&packet).unwrap();
            places.push(PacketPlace::of(&Packet { file_offset, ..packet }));
            let mut again = Vec::new();
            spool.read(places.last().unwrap(), &mut again).unwrap();
            assert_eq!(again, bytes, "packet {number}");
            if number < 10 {
                assert_eq!(spool.evicted(), None);
            }
        }
        let mut kept = 0;
        for place in &places {
            let mut again = Vec::new();
            match spool.read(place, &mut again) {
                Ok(()) => {
                    assert_eq!(again, content(place.id.0), "packet {}", place.id);
                    kept += 1;
                }
                Err(error) => {
                    assert_eq!(kept, 0, "the newest are kept");
                    assert_eq!(
                        error.to_string(),
                        format!(
                            "packet {} is no longer available: only the newest 1048576 bytes of \
                             packets are kept (--spool-limit)",
                            place.id
                        )
                    );
                }
            }
        }
        // 1 MiB holds 14 of 70,001 bytes; up to three are not written yet.
        assert!((14..=18).contains(&kept), "{kept}");
        let gone = spool.evicted().unwrap();
        assert!(gone.0 > 50 && gone.0 <= 100 - kept, "{gone}");
    }
}
