//! A row decoded again from the capture: its frames, its content, its bytes.

use std::ops::Range;

use thiserror::Error;

use crate::analysis::limits::Limits;
use crate::capture;
use crate::http::Handshake;
use crate::stream::{Origin, PacketId, Span};
use crate::timeline::carried::CarriedRecords;
use crate::timeline::row::{Row, RowId};
use crate::websocket::{
    DeflateEnding, Digest, FrameHeader, Inflation, Message, Opcode, Utf8, close_payload,
};

/// A row with all that the capture holds of it.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// The stream bytes of the row as sent, headers included, but decrypted; control frames between the frames of a
    /// message are among them. Missing bytes are left out.
    pub wire: Vec<u8>,
    /// Which packet carried which of them, in the order of the stream.
    pub pieces: Vec<WirePiece>,
    /// Its frames, without those between them that belong to other rows; none for a row that is
    /// neither message nor frame.
    pub frames: Vec<OpenedFrame>,
    /// The content of a message, unmasked and inflated, or of an incomplete one what is contiguous
    /// from its start; the unmasked payload of a frame.
    pub content: Vec<u8>,
    /// What its decoding found; `None` for what is not a message.
    pub message: Option<MessageFacts>,
    /// Both heads, for a row of a handshake.
    pub handshake: Option<Handshake>,
    /// The encrypted records that carried the row, if it was decrypted.
    pub carried: CarriedRecords,
    /// Whether a limit of [`OpenLimits`] cut `wire` or `content`.
    pub cut: bool,
}

impl Opened {
    /// The message that a row is, as far as it was read; `None` for a row that is none.
    pub fn message(&self, row: &Row) -> Option<Message<'_>> {
        let opcode = row.opcode()?;
        let facts = self.message;
        let mut close = (opcode == Opcode::Close).then(|| close_payload(&self.content));
        if let Some(close) = &mut close {
            close.code = row.close_code;
        }
        let at = |packet| Origin { packet, time: row.time };
        Some(Message {
            opcode,
            frames: row.frames,
            compressed: row.compressed,
            wire_length: row.wire_length,
            length: row.length,
            complete: row.complete,
            content: &self.content,
            sha256: facts.and_then(|facts| facts.sha256),
            inflation: facts.map_or(Inflation::None, |facts| facts.inflation),
            reach: 0,
            window_bits: None,
            ending: facts.map_or_else(DeflateEnding::default, |facts| facts.ending),
            utf8: facts.map_or(Utf8::NotText, |facts| facts.utf8),
            close,
            history: None,
            span: Span {
                start: row.offset,
                end: row.offset.saturating_add(row.wire_length),
                first: at(row.first),
                last: at(row.last),
            },
        })
    }
}

/// Bytes of a row that one packet carried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WirePiece {
    /// The packet.
    pub packet: PacketId,
    /// Stream offset of the first byte. Where it is not the end of the piece before, bytes are missing.
    pub offset: u64,
    /// Where in [`Opened::wire`] they are.
    pub range: Range<usize>,
}

/// One frame.
#[derive(Clone, Debug)]
pub struct OpenedFrame {
    /// Its header.
    pub header: FrameHeader,
    /// Stream offset of its header.
    pub offset: u64,
    /// The packet with the lowest number that carried a byte of it.
    pub first: PacketId,
    /// The packet with the highest number that carried a byte of it.
    pub last: PacketId,
    /// Whether every payload byte was seen.
    pub complete: bool,
    /// Where in [`Opened::wire`] its header is.
    pub header_range: Range<usize>,
    /// Where in [`Opened::wire`] its payload is, as sent: masked, compressed.
    pub payload_range: Range<usize>,
    /// Its payload, unmasked, and still compressed if it is.
    pub unmasked: Vec<u8>,
}

/// What decoding a message found besides its content.
#[derive(Clone, Copy, Debug)]
pub struct MessageFacts {
    /// Content bytes, after inflation.
    pub length: u64,
    /// Whether all of it was seen, and inflated where it is compressed; false where a limit cut the
    /// reading short.
    pub complete: bool,
    /// How inflation went.
    pub inflation: Inflation,
    /// How its compressed payload ends.
    pub ending: DeflateEnding,
    /// Whether a text is UTF-8.
    pub utf8: Utf8,
    /// Code of a Close; its reason is [`Opened::content`] after the first two bytes.
    pub close_code: Option<u16>,
    /// The SHA-256 of the whole content, if it is longer than what was kept and that was asked for.
    pub sha256: Option<[u8; 32]>,
}

/// How much of a row is wanted.
#[derive(Clone, Copy, Debug)]
pub struct OpenLimits {
    /// Bytes of content.
    pub content: usize,
    /// Stream bytes: of a longer row, only the first packets are read.
    pub wire: usize,
    /// Bytes of the encrypted records that carried it; 0 if they are of no interest.
    pub carried: usize,
    /// The limit on the inflated bytes of a message that the analyzer worked with.
    pub inflated_bytes: u64,
    /// Whether a content that is longer gets a digest.
    pub digest: Digest,
}

impl Default for OpenLimits {
    fn default() -> Self {
        Self {
            content: 4 << 20,
            wire: 8 << 20,
            carried: 8 << 20,
            inflated_bytes: Limits::default().inflated_bytes,
            digest: Digest::Unwanted,
        }
    }
}

/// Why a row cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// There is no such row.
    #[error("there is no row {}", .0.0)]
    NoRow(RowId),
    /// A packet cannot be read again.
    #[error(transparent)]
    Capture(#[from] capture::Error),
    /// What is read now is not what was read before: the capture has changed.
    #[error("packet {0} has changed: the capture file was modified while open")]
    Changed(PacketId),
}
