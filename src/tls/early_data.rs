//! What a client sends before the server has answered (0-RTT, RFC 8446 §2.3).

use super::plaintext::PlainRecord;
use super::session::SessionEvent;
use crate::stream::{Buffer, Direction};

/// Application data that waits until the server has accepted it: what it refuses is sent again.
#[derive(Clone, Debug)]
pub(super) enum EarlyData {
    /// The server has not answered yet.
    Waiting(Vec<PlainRecord>),
    /// It reads the data.
    Accepted,
    /// It passes the data over.
    Refused,
}

impl Default for EarlyData {
    fn default() -> Self {
        Self::Waiting(Vec::new())
    }
}

impl EarlyData {
    /// Takes data, and hands it out if it was accepted. Gives back the bytes that need not be kept.
    pub(super) fn take(
        &mut self,
        record: PlainRecord,
        out: &mut impl FnMut(SessionEvent<'_>),
    ) -> Buffer {
        match self {
            // More than servers allow is not kept, as if it had been refused.
            Self::Waiting(records) if records.len() < MOST_RECORDS => {
                records.push(record);
                return Buffer::default();
            }
            Self::Accepted => out(SessionEvent::Data(Direction::ClientToServer, &record)),
            Self::Waiting(_) | Self::Refused => {}
        }
        record.body
    }

    /// Learns whether the server accepts the data; decided once.
    pub(super) fn decide(&mut self, is_accepted: bool, out: &mut impl FnMut(SessionEvent<'_>)) {
        if !is_accepted {
            return self.refuse();
        }
        if let Self::Waiting(records) = self {
            let records = std::mem::take(records);
            *self = Self::Accepted;
            for record in &records {
                out(SessionEvent::Data(Direction::ClientToServer, record));
            }
        }
    }

    /// Learns that the server refuses the data.
    pub(super) fn refuse(&mut self) {
        if let Self::Waiting(_) = self {
            *self = Self::Refused;
        }
    }

    /// Memory taken by data that waits, in bytes.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Waiting(records) => records.iter().map(|record| record.body.memory()).sum(),
            Self::Accepted | Self::Refused => 0,
        }
    }
}

/// Records that wait at most: 256 KiB, several times what servers usually allow.
const MOST_RECORDS: usize = 16;
