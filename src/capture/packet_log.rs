//! Packets kept with everything needed to save them again, including their times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::Error;
use super::store::{PacketPlace, PacketStore};
use super::{LinkType, Packet, Spool};
use crate::stream::{PacketId, Timestamp, length_u64};

/// Keeps packets in a [`Spool`], each after a header with its fields and the previous packet's position.
#[derive(Debug)]
pub struct PacketLog {
    spool: Spool,
    /// Position of the last packet's header; [`NOTHING`] if there is none.
    last: Arc<AtomicU64>,
    record: Vec<u8>,
}

impl PacketLog {
    /// Creates a log in a spool.
    pub fn new(spool: Spool) -> Self {
        Self { spool, last: Arc::new(AtomicU64::new(NOTHING)), record: Vec::new() }
    }

    /// The spool that contains the packets.
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// A reader of the kept packets, usable while more are added.
    pub fn reader(&self) -> PacketLogReader {
        PacketLogReader { spool: self.spool.clone(), last: Arc::clone(&self.last) }
    }

    /// Keeps a packet; returns the position of its bytes, which replaces its
    /// [`Packet::file_offset`], or `u64::MAX` if it was not kept.
    ///
    /// # Errors
    ///
    /// As [`Spool::push`].
    pub fn push(&mut self, packet: &Packet<'_>) -> Result<u64, Error> {
        let head = LogHeader {
            before: self.last.load(Ordering::Acquire),
            id: packet.id.0,
            time: packet.time.0,
            link_type: packet.link_type.0,
            length: u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX),
            original_length: packet.original_length,
        };
        self.record.clear();
        head.write(&mut self.record);
        self.record.extend_from_slice(packet.bytes);
        let at = self.spool.push(&Packet { bytes: &self.record, ..*packet })?;
        if at == NOTHING {
            return Ok(at);
        }
        self.last.store(at, Ordering::Release);
        Ok(at.saturating_add(length_u64(HEAD_LENGTH)))
    }
}

/// Reads the packets of a [`PacketLog`], the latest first.
#[derive(Clone, Debug)]
pub struct PacketLogReader {
    spool: Spool,
    last: Arc<AtomicU64>,
}

/// A packet of a [`PacketLog`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoggedPacket {
    /// Where its bytes are, in [`PacketLogReader::store`].
    pub place: PacketPlace,
    /// When it was captured.
    pub time: Timestamp,
    before: u64,
}

impl PacketLogReader {
    /// The spool from which packets are read.
    pub fn store(&self) -> &Spool {
        &self.spool
    }

    /// The packet that was kept last; `None` if there is none.
    ///
    /// # Errors
    ///
    /// As [`PacketStore::read`].
    pub fn latest(&self) -> Result<Option<LoggedPacket>, Error> {
        self.at(self.last.load(Ordering::Acquire))
    }

    /// The packet that was kept before another one; `None` if there is none.
    ///
    /// # Errors
    ///
    /// As [`PacketStore::read`].
    pub fn before(&self, later: &LoggedPacket) -> Result<Option<LoggedPacket>, Error> {
        self.at(later.before)
    }

    fn at(&self, position: u64) -> Result<Option<LoggedPacket>, Error> {
        if position == NOTHING {
            return Ok(None);
        }
        let length = u32::try_from(HEAD_LENGTH).unwrap_or(0);
        let place = PacketPlace {
            id: PacketId(0),
            offset: position,
            length,
            original_length: length,
            link_type: LinkType(0),
        };
        let mut bytes = Vec::new();
        self.spool.read(&place, &mut bytes)?;
        Ok(LogHeader::read(&bytes).map(|head| LoggedPacket {
            place: PacketPlace {
                id: PacketId(head.id),
                offset: position.saturating_add(length_u64(HEAD_LENGTH)),
                length: head.length,
                original_length: head.original_length,
                link_type: LinkType(head.link_type),
            },
            time: Timestamp(head.time),
            before: head.before,
        }))
    }
}

/// The header before the bytes of a packet.
struct LogHeader {
    before: u64,
    id: u64,
    time: u64,
    link_type: u32,
    length: u32,
    original_length: u32,
}

impl LogHeader {
    fn write(&self, out: &mut Vec<u8>) {
        for number in [self.before, self.id, self.time] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.link_type, self.length, self.original_length] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (long, short) = bytes.split_at_checked(3 * size_of::<u64>())?;
        let mut long = long.as_chunks().0.iter().map(|it| u64::from_le_bytes(*it));
        let mut short = short.as_chunks().0.iter().map(|it| u32::from_le_bytes(*it));
        Some(Self {
            before: long.next()?,
            id: long.next()?,
            time: long.next()?,
            link_type: short.next()?,
            length: short.next()?,
            original_length: short.next()?,
        })
    }
}

/// The position of a packet that does not exist.
const NOTHING: u64 = u64::MAX;

/// Bytes of a [`LogHeader`].
const HEAD_LENGTH: usize = 3 * size_of::<u64>() + 3 * size_of::<u32>();

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(id: u64, bytes: &[u8]) -> Packet<'_> {
        Packet {
            id: PacketId(id),
            time: Timestamp(id * 1_000),
            link_type: LinkType(if id.is_multiple_of(2) { 1 } else { 276 }),
            interface: 0,
            bytes,
            original_length: 9_000,
            file_offset: 0,
        }
    }

    #[test]
    fn packets_come_back_with_all_that_was_known_of_them() {
        let spool = Spool::new(Spool::LIMIT).unwrap();
        let mut log = PacketLog::new(spool.clone());
        let reader = log.reader();
        assert_eq!(reader.latest().unwrap(), None);
        for id in 1..=50 {
            let bytes = vec![u8::try_from(id).unwrap(); 20_000];
            let packet = packet(id, &bytes);
            let file_offset = log.push(&packet).unwrap();
            let mut again = Vec::new();
            spool.read(&PacketPlace::of(&Packet { file_offset, ..packet }), &mut again).unwrap();
            assert_eq!(again, bytes, "packet {id} by its place");
        }
        let mut next = reader.latest().unwrap();
        for id in (1..=50).rev() {
            let kept = next.unwrap();
            let mut bytes = Vec::new();
            reader.store().read(&kept.place, &mut bytes).unwrap();
            let again = Packet { time: kept.time, ..kept.place.packet(&bytes) };
            let content = vec![u8::try_from(id).unwrap(); 20_000];
            let expected = packet(id, &content);
            assert_eq!(
                (again.id, again.time, again.link_type, again.bytes, again.original_length),
                (expected.id, expected.time, expected.link_type, expected.bytes, 9_000)
            );
            next = reader.before(&kept).unwrap();
        }
        assert_eq!(next, None);
    }
}
