//! The kinds of traffic.

use super::Actor;
use super::tap::Tap;
use super::testkit::file::Precision;

mod bulk;
mod chat;
mod deflate;
mod lossy;
mod noise;
mod text;
mod wss;

/// A kind of traffic; README.md two folders above describes each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Profile {
    /// Small text frames on many connections.
    Chat,
    /// Large binary frames on few connections.
    Bulk,
    /// permessage-deflate with context takeover.
    Deflate,
    /// A little chat in much that is not WebSocket.
    Noise,
    /// Chat with reordered, repeated and missing segments.
    Lossy,
    /// Messages of one size over TLS 1.3.
    Wss,
}

impl Profile {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Chat, Self::Bulk, Self::Deflate, Self::Noise, Self::Lossy, Self::Wss];

    /// The name used on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Bulk => "bulk",
            Self::Deflate => "deflate",
            Self::Noise => "noise",
            Self::Lossy => "lossy",
            Self::Wss => "wss",
        }
    }

    /// The secrets of its connections, as a key log, if they are encrypted.
    pub(crate) fn key_log(self) -> Option<String> {
        (self == Self::Wss).then(wss::key_log)
    }

    pub(super) fn precision(self) -> Precision {
        match self {
            Self::Chat | Self::Noise | Self::Lossy => Precision::Microseconds,
            Self::Bulk | Self::Deflate | Self::Wss => Precision::Nanoseconds,
        }
    }

    /// Everyone who talks in a capture of `size` bytes.
    pub(super) fn actors(self, size: u64, tap: &mut Tap) -> Vec<Box<dyn Actor>> {
        match self {
            Self::Chat => chat::actors(size),
            Self::Bulk => bulk::actors(tap),
            Self::Deflate => deflate::actors(size),
            Self::Noise => noise::actors(size, tap),
            Self::Lossy => lossy::actors(size),
            Self::Wss => wss::actors(size),
        }
    }
}
