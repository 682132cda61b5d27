//! What is kept to read a part of a conversation again.

use crate::stream::{Direction, PacketId};
use crate::tls::{SavedSession, Session};
use crate::websocket::{Compression, History};

/// A place in the TCP stream of a direction at which all layers that transform bytes can be entered.
///
/// A conversation whose layers hand on bytes as they are has none, and needs none.
#[derive(Clone, Debug)]
pub struct CarrierPoint {
    /// Its offset in the TCP stream.
    pub offset: u64,
    /// Its offset in the stream of the conversation.
    pub handed_on: u64,
    /// The lowest number of a packet with bytes after it, as far as is known.
    pub first: PacketId,
    /// The state of these layers, from TCP upwards.
    pub(super) layers: Vec<SavedLayer>,
}

/// How the stream of a conversation is read again.
#[derive(Clone, Copy, Debug)]
pub enum Reread<'a> {
    /// As frames, which begin where reading begins, with what the next message may refer to.
    Frames(Compression, History<'a>),
    /// Its bytes are wanted, and no more.
    Bytes,
}

/// The part of a stream that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct WantedPart {
    /// Who sent it.
    pub direction: Direction,
    /// Where reading begins, as an offset of the stream of the conversation.
    pub begin: u64,
    /// Offset of its first byte.
    pub start: u64,
    /// Bytes of content kept of each message from there on.
    pub keep: usize,
}

/// The state of a layer that carries another one, between two of its records.
#[derive(Clone, Debug)]
pub(super) enum SavedLayer {
    /// It hands on bytes as they are.
    #[cfg(test)]
    Tunnel,
    /// Records of TLS.
    Records(Box<RecordsState>),
    #[cfg(test)]
    Cipher(CipherState),
}

/// What is needed to resume between two records of TLS of a direction.
#[derive(Clone, Debug)]
pub(super) struct RecordsState {
    pub(super) session: SavedSession,
    /// Offset of the next byte that is handed on.
    pub(super) handed_on: u64,
}

impl SavedLayer {
    /// Whether the records of a direction use other keys by now.
    pub(super) fn differs(&self, session: &Session, direction: Direction) -> bool {
        match self {
            #[cfg(test)]
            Self::Tunnel | Self::Cipher(_) => false,
            Self::Records(state) => session.differs(direction, &state.session),
        }
    }
}

/// What is needed to resume between two records of a direction.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct CipherState {
    /// Records so far.
    pub(crate) records: u8,
    /// Offset of the next record.
    pub(super) offset: u64,
    /// Offset of the next byte that is handed on.
    pub(super) handed_on: u64,
}

#[cfg(test)]
impl CipherState {
    /// What each byte of the next record is combined with.
    pub(crate) fn key(self) -> u8 {
        self.records.wrapping_mul(37).wrapping_add(0x5a)
    }
}
