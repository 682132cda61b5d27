//! Packets kept while they are read, where the source cannot be read twice.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Packet;
use super::error::Error;
use super::store::{PacketPlace, PacketStore, Positional};
use crate::stream::{length_u64, length_usize};

/// A temporary file of packets: those of standard input, of a compressed file, of an interface.
///
/// It has no name in the file system where that is possible, and is gone with the last clone of this. One
/// thread may write while others read.
#[derive(Clone, Debug)]
pub struct Spool {
    shared: Arc<Shared>,
    limit: u64,
}

#[derive(Debug)]
struct Shared {
    file: Positional,
    tail: Mutex<Tail>,
}

/// The last bytes, which are not in the file yet.
#[derive(Debug, Default)]
struct Tail {
    /// Position of the first of them.
    start: u64,
    bytes: Vec<u8>,
}

impl Spool {
    /// Makes an empty one that takes up to `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when no temporary file can be made.
    pub fn new(limit: u64) -> Result<Self, Error> {
        let file = tempfile::tempfile().map_err(failure)?;
        let shared = Shared { file: Positional::new(file), tail: Mutex::default() };
        Ok(Self { shared: Arc::new(shared), limit })
    }

    /// Keeps a packet; returns the position at which it can be read again, which takes the place of
    /// its [`Packet::file_offset`].
    ///
    /// Once the limit is reached nothing more is kept, and [`Spool::NOT_KEPT`] is returned.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the file cannot be written.
    pub fn push(&self, packet: &Packet<'_>) -> Result<u64, Error> {
        let mut tail = self.tail();
        let offset = tail.start.saturating_add(length_u64(tail.bytes.len()));
        if offset.saturating_add(length_u64(packet.bytes.len())) > self.limit {
            return Ok(Self::NOT_KEPT);
        }
        tail.bytes.extend_from_slice(packet.bytes);
        if tail.bytes.len() >= WRITE_LENGTH {
            self.shared.file.write(&tail.bytes, tail.start).map_err(failure)?;
            tail.start = tail.start.saturating_add(length_u64(tail.bytes.len()));
            tail.bytes.clear();
        }
        Ok(offset)
    }

    /// The position of a packet that was not kept.
    pub const NOT_KEPT: u64 = u64::MAX;

    /// The limit that is not reached but by hours of heavy traffic, in bytes.
    pub const LIMIT: u64 = 16 << 30;

    fn tail(&self) -> MutexGuard<'_, Tail> {
        // A thread that panicked has written whole packets or nothing.
        self.shared.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PacketStore for Spool {
    fn read(&self, place: &PacketPlace, into: &mut Vec<u8>) -> Result<(), Error> {
        into.clear();
        if place.offset == Self::NOT_KEPT {
            return Err(Error::NotSpooled { packet: place.id, limit: self.limit });
        }
        let length = length_usize(u64::from(place.length));
        let tail = self.tail();
        if let Some(skipped) = place.offset.checked_sub(tail.start) {
            let rest = tail.bytes.get(length_usize(skipped)..).unwrap_or_default();
            into.extend_from_slice(rest.get(..length).unwrap_or(rest));
            return Ok(());
        }
        drop(tail);
        into.resize(length, 0);
        self.shared.file.read(into, place.offset).map_err(failure)
    }
}

fn failure(cause: std::io::Error) -> Error {
    Error::Io { name: "the temporary file of packets".to_owned(), cause }
}

/// Bytes written at once.
const WRITE_LENGTH: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;
    use crate::stream::{PacketId, Timestamp};

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
    fn behind_the_limit_nothing_is_kept() {
        let spool = Spool::new(10).unwrap();
        assert_eq!(spool.push(&packet(1, b"12345678")).unwrap(), 0);
        assert_eq!(spool.push(&packet(2, b"123")).unwrap(), Spool::NOT_KEPT);
        let lost = Packet { file_offset: Spool::NOT_KEPT, ..packet(2, b"123") };
        let error = spool.read(&PacketPlace::of(&lost), &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "packet 2 was not kept: the limit is 10 bytes");
    }
}
