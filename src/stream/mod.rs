//! The vocabulary that every layer shares: where and when bytes were seen.
//!
//! Nothing here knows a protocol. All types are small and `Copy`, because they travel with every
//! record, frame, message and finding.

mod budget;
mod buffer;

use std::fmt;

pub use self::budget::Budget;
pub use self::buffer::Buffer;

/// Number of a packet in its capture, counted from 1 as Wireshark does.
///
/// 0 is used by [`Origin::default`] only and means "no packet".
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PacketId(pub u64);

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Nanoseconds since 1970-01-01 00:00:00 UTC, as stamped by whoever captured the packet.
///
/// Reaches the year 2554; times outside that are clamped by the capture readers.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Nanoseconds from `earlier` to `self`; 0 when the clock went backwards.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Nanoseconds from `earlier` to `self`, if they were measured: `None` if the clock went
    /// backwards or jumped by [`DISTANT`], and for packets whose capture has no times (they are all 0).
    pub fn measured_since(self, earlier: Self) -> Option<u64> {
        self.0.checked_sub(earlier.0).filter(|passed| self.0 > 0 && *passed < DISTANT)
    }

    /// The same, and 0 if they were not measured: what a rule compares with a limit.
    pub fn waited_since(self, earlier: Self) -> u64 {
        self.measured_since(earlier).unwrap_or(0)
    }
}

/// How far the time of a clock that is wrong is from the others, in nanoseconds: 365 days.
pub const DISTANT: u64 = 365 * 86_400 * 1_000_000_000;

/// Who sent it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Direction {
    /// From the peer that opened the connection.
    ClientToServer,
    /// From the peer that accepted it.
    ServerToClient,
}

impl Direction {
    /// Both directions, in the order of [`Direction::index`].
    pub const BOTH: [Self; 2] = [Self::ClientToServer, Self::ServerToClient];

    /// 0 for client to server, 1 for server to client.
    pub fn index(self) -> usize {
        match self {
            Self::ClientToServer => 0,
            Self::ServerToClient => 1,
        }
    }

    /// The other direction.
    #[must_use]
    pub fn reverse(self) -> Self {
        match self {
            Self::ClientToServer => Self::ServerToClient,
            Self::ServerToClient => Self::ClientToServer,
        }
    }

    /// The name used in machine-readable output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientToServer => "client_to_server",
            Self::ServerToClient => "server_to_client",
        }
    }
}

/// A peer.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// The one that opened the connection.
    Client,
    /// The one that accepted it.
    Server,
}

impl Side {
    /// Who sends in a direction.
    pub fn sender(direction: Direction) -> Self {
        match direction {
            Direction::ClientToServer => Self::Client,
            Direction::ServerToClient => Self::Server,
        }
    }

    /// The direction in which a peer sends.
    pub fn direction(self) -> Direction {
        match self {
            Self::Client => Direction::ClientToServer,
            Self::Server => Direction::ServerToClient,
        }
    }

    /// The name used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// One value for each direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PerDirection<T> {
    /// Client to server.
    pub client: T,
    /// Server to client.
    pub server: T,
}

impl<T> PerDirection<T> {
    /// The value of `direction`.
    pub fn get(&self, direction: Direction) -> &T {
        match direction {
            Direction::ClientToServer => &self.client,
            Direction::ServerToClient => &self.server,
        }
    }

    /// Exchanges the two.
    pub fn swap(&mut self) {
        std::mem::swap(&mut self.client, &mut self.server);
    }

    /// The value of `direction`, to be changed.
    pub fn get_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::ClientToServer => &mut self.client,
            Direction::ServerToClient => &mut self.server,
        }
    }

    /// Something of each of the two.
    pub fn map<U>(self, of: impl Fn(T) -> U) -> PerDirection<U> {
        PerDirection { client: of(self.client), server: of(self.server) }
    }
}

/// The packet that carried something, and when.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Origin {
    /// Number of the packet.
    pub packet: PacketId,
    /// Its time.
    pub time: Timestamp,
}

/// The position of an observation in its stream and in the capture.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Span {
    /// Stream offset of its first byte.
    pub start: u64,
    /// Stream offset one past its last byte.
    pub end: u64,
    /// The packet with the lowest number that contributed a byte.
    pub first: Origin,
    /// The packet with the highest number that contributed a byte.
    pub last: Origin,
}

impl Span {
    /// An empty span at `offset`, in the packet that reached it.
    pub fn at(offset: u64, origin: Origin) -> Self {
        Self { start: offset, end: offset, first: origin, last: origin }
    }

    /// Grows the span to `end`, whose bytes were carried by `origin`.
    pub fn extend(&mut self, end: u64, origin: Origin) {
        self.end = self.end.max(end);
        if origin.packet < self.first.packet {
            self.first = origin;
        }
        if origin.packet > self.last.packet {
            self.last = origin;
        }
    }

    /// Number of stream bytes.
    pub fn length(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// Contiguous bytes of one direction of a stream, all carried by one packet.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// Stream offset of the first byte.
    pub offset: u64,
    /// The bytes.
    pub bytes: &'a [u8],
    /// The packet that carried them.
    pub origin: Origin,
}

impl Chunk<'_> {
    /// The chunk without its first `length` bytes; empty when it has no more than that.
    #[must_use]
    pub fn skip(self, length: usize) -> Self {
        Self {
            offset: self.offset.saturating_add(length_u64(length)),
            bytes: self.bytes.get(length..).unwrap_or_default(),
            origin: self.origin,
        }
    }

    /// The first `length` bytes of the chunk, or all of it.
    #[must_use]
    pub fn take(self, length: usize) -> Self {
        Self { bytes: self.bytes.get(..length).unwrap_or(self.bytes), ..self }
    }

    /// Stream offset one past the last byte.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(length_u64(self.bytes.len()))
    }
}

/// A length in memory as a length in a stream.
pub fn length_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A length in a stream as a length in memory; saturates where memory could not hold it anyway.
pub fn length_usize(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// Bytes of one direction of a stream that are missing from the capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gap {
    /// Stream offset of the first missing byte.
    pub offset: u64,
    /// How many bytes are missing.
    pub length: u64,
    /// Why they are missing.
    pub cause: GapCause,
    /// The packet at which it was decided.
    pub origin: Origin,
}

impl Gap {
    /// Stream offset one past the last missing byte.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }
}

/// Why bytes of a stream are missing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum GapCause {
    /// The receiver acknowledged bytes that the capture does not hold.
    Acknowledged,
    /// The packet was captured, but cut by the snap length.
    SnapLength,
    /// Still missing when the connection or the capture ended.
    Ended,
    /// A limit on buffered bytes was reached before the hole was filled.
    Limit,
    /// They could not be decrypted, and may be fewer: their number cannot be told from that of what was captured.
    UnknownLength,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(packet: u64) -> Origin {
        Origin { packet: PacketId(packet), time: Timestamp(packet * 1000) }
    }

    #[test]
    fn span_keeps_lowest_and_highest_packet() {
        let mut span = Span::at(10, origin(5));
        span.extend(20, origin(9));
        span.extend(30, origin(3));
        assert_eq!((span.start, span.end), (10, 30));
        assert_eq!((span.first.packet, span.last.packet), (PacketId(3), PacketId(9)));
        assert_eq!(span.length(), 20);
    }

    #[test]
    fn chunk_cuts_never_leave_its_bytes() {
        let chunk = Chunk { offset: 7, bytes: b"abc", origin: origin(1) };
        assert_eq!((chunk.skip(1).offset, chunk.skip(1).bytes), (8, &b"bc"[..]));
        assert_eq!((chunk.skip(9).bytes, chunk.take(9).bytes), (&b""[..], &b"abc"[..]));
        assert_eq!(chunk.take(2).end(), 9);
    }

    #[test]
    fn clock_running_backwards_gives_zero() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), 0);
        #[rustfmt::skip]
        let cases = [
            ("later",            5,           9,           Some(4)),
            ("at once",          5,           5,           Some(0)),
            ("backwards",        9,           5,           None),
            ("without times",    0,           0,           None),
            ("from no time",     0,           DISTANT,     None),
            ("a year",           7,           7 + DISTANT, None),
            ("just below that",  7,           6 + DISTANT, Some(DISTANT - 1)),
        ];
        for (name, earlier, later, passed) in cases {
            let (earlier, later) = (Timestamp(earlier), Timestamp(later));
            assert_eq!(later.measured_since(earlier), passed, "{name}");
            assert_eq!(later.waited_since(earlier), passed.unwrap_or(0), "{name}");
        }
    }
}
