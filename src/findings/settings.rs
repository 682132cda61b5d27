//! What the user and the reader of the capture tell the rules.

use crate::analysis::limits::Limits;
use crate::capture::FilePackets;
use crate::stream::PacketId;

/// What the user chose.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Findings of one rule on one connection that are given one by one; further ones are counted.
    pub each: u64,
    /// Payload bytes from which on a frame or message is too large (WS-F14).
    pub message_bytes: u64,
    /// When it is reported what several connections show together.
    pub groups: GroupReports,
    /// The limits that the analyzer works with, which findings name.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            each: 10,
            message_bytes: 64 << 20,
            groups: GroupReports::AtEnd,
            limits: Limits::default(),
        }
    }
}

/// When it is reported what several connections show together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GroupReports {
    /// When the capture ends: all that it shows is known then.
    AtEnd,
    /// As soon as it is known, since the capture may continue for long; what is known later may take it back.
    Early,
}

/// What only the reader of a capture knows about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading<'a> {
    /// Packets read.
    pub packets: u64,
    /// Why nothing could be read after the last packet.
    pub damage: Option<&'a str>,
    /// Damaged blocks that were skipped, in words.
    pub skipped: &'a [String],
    /// Packets that the capturing machine lost.
    pub dropped: u64,
    /// The files that were read as one; none if there was only one.
    pub files: &'a [FilePackets],
    /// The last packet of those that were discarded, if there was no room to keep all of them.
    pub last_evicted: Option<PacketId>,
}
