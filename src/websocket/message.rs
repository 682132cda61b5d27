//! Messages: what a message looks like to the layers above.

use crate::stream::Span;
use crate::websocket::close::Close;
use crate::websocket::frame::Opcode;

/// A message or control frame, as far as it was seen.
///
/// Borrows its content, which is valid only while the message is being handed over.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Text, binary, close, ping or pong; never continuation.
    pub opcode: Opcode,
    /// How many frames it was sent in.
    pub frames: u64,
    /// Whether it was marked as compressed (RSV1, RFC 7692 §6).
    pub compressed: bool,
    /// Payload bytes on the wire, as far as seen.
    pub wire_length: u64,
    /// Content bytes: after inflation where it is compressed, as far as it could be inflated.
    pub length: u64,
    /// Whether every byte of it was seen, its last frame included, and (where it is compressed) inflated.
    pub complete: bool,
    /// The first bytes of the content, unmasked and inflated: all of it up to the limit that the
    /// decoder was given. Of an incomplete message, what is contiguous from its start.
    pub content: &'a [u8],
    /// SHA-256 of the whole content, where the content is longer than `content` and a digest was asked for.
    pub sha256: Option<[u8; 32]>,
    /// How inflation went.
    pub inflation: Inflation,
    /// Whether a text is UTF-8.
    pub utf8: Utf8,
    /// Code and reason of a Close.
    pub close: Option<Close<'a>>,
    /// From the first header byte of its first frame to its last byte seen.
    pub span: Span,
}

/// How inflation of a message went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Inflation {
    /// It is not compressed, or nothing that could inflate it was negotiated.
    None,
    /// All of it is inflated.
    Done,
    /// Not all of its bytes were seen.
    Unfinished,
    /// It refers to bytes that were not captured (a gap, or a capture that began later).
    HistoryMissing,
    /// It is no valid DEFLATE stream; the offset counts compressed bytes from its start.
    Invalid {
        /// Where in the compressed message.
        offset: u64,
    },
    /// It is larger than the limit on inflated bytes; inflation was stopped.
    TooLarge,
}

/// Whether a text message is UTF-8, as far as judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Utf8 {
    /// Not a text.
    NotText,
    /// UTF-8 as far as it could be judged.
    Valid,
    /// The byte at this offset of the content cannot follow (or, at its very end, is missing).
    Invalid {
        /// Offset in the content, in bytes.
        byte: u64,
    },
}
