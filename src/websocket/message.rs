//! Messages: what a message looks like to the layers above.

use crate::stream::{Span, length_u64};
use crate::websocket::close::Close;
use crate::websocket::content::sha256;
use crate::websocket::deflate::{DeflateFault, History};
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
    /// Content bytes: after inflation if compressed, as far as it could be inflated.
    pub length: u64,
    /// Whether every byte of it, including its last frame, was captured and, if compressed, inflated.
    pub complete: bool,
    /// The first bytes of the content, unmasked and inflated: all of it up to the limit that the
    /// decoder was given. Of an incomplete message, what is contiguous from its start.
    pub content: &'a [u8],
    /// SHA-256 of the whole content, if the content is longer than `content` and a digest was requested.
    pub sha256: Option<[u8; 32]>,
    /// How inflation went.
    pub inflation: Inflation,
    /// The largest distance at which it repeats earlier output, in bytes; 0 if it is not
    /// compressed or repeats nothing. A reference that could not be followed does not count.
    pub reach: u32,
    /// Base-2 logarithm of the LZ77 window, in bytes, that its sender agreed to (RFC 7692 §7.1.2),
    /// 15 if no parameter limits it; `None` if it is not compressed, or the negotiation was
    /// not seen.
    pub window_bits: Option<u8>,
    /// How its compressed payload ends.
    pub ending: DeflateEnding,
    /// Whether a text is UTF-8.
    pub utf8: Utf8,
    /// Code and reason of a Close.
    pub close: Option<Close<'a>>,
    /// What compressed messages after this one may refer to; `None` if no message was compressed
    /// so far, if another message is still open, and if this one was given up.
    pub history: Option<History<'a>>,
    /// From the first header byte of its first frame to its last byte seen.
    pub span: Span,
}

impl Message<'_> {
    /// The message as it would be if no more than the first `keep` bytes of its content had been kept.
    ///
    /// With `digest`, a whole content that is cut by that gets its SHA-256. Control frames are short, and kept
    /// whole.
    #[must_use]
    pub fn shortened(self, keep: usize, digest: Digest) -> Self {
        if let Opcode::Close | Opcode::Ping | Opcode::Pong = self.opcode {
            return self;
        }
        let Some((content, rest)) = self.content.split_at_checked(keep) else { return self };
        let whole = self.complete && length_u64(self.content.len()) == self.length;
        let sha256 = match digest {
            Digest::Wanted if whole && !rest.is_empty() => Some(sha256(self.content)),
            Digest::Wanted | Digest::Unwanted => self.sha256,
        };
        Self { content, sha256, ..self }
    }
}

/// Whether a content that is not kept whole gets a digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Digest {
    /// It gets one.
    Wanted,
    /// It needs none.
    Unwanted,
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
    /// It refers to bytes that were captured, but dropped at the memory limit.
    HistoryEvicted,
    /// It refers to an earlier message, though its sender agreed to `no_context_takeover` (RFC 7692
    /// §7.1.1): a receiver that believes this has forgotten those.
    Forgotten {
        /// The compressed byte that holds the reference, counted from the message's start.
        offset: u64,
        /// How far back it refers, in bytes of output.
        distance: u32,
        /// How many bytes of the message had come out before it: less than `distance`.
        available: u32,
    },
    /// It is not a valid DEFLATE stream; the offset counts compressed bytes from its start.
    Invalid {
        /// Where in the compressed message.
        offset: u64,
        /// What is wrong there.
        fault: DeflateFault,
    },
    /// It is larger than the limit on inflated bytes; inflation was stopped.
    TooLarge,
}

/// How the compressed payload of a message ends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DeflateEnding {
    /// What became of the 00 00 ff ff at its end.
    pub tail: Tail,
    /// Whether another block, or what is not DEFLATE, came after a block with BFINAL = 1: receivers
    /// that leave inflation to zlib stop at that block. The byte 00 that has to follow such a block
    /// (RFC 7692 §7.2.3.4) is neither.
    pub after_final: bool,
}

/// What became of the 00 00 ff ff at the end of a compressed payload (RFC 7692 §7.2.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Tail {
    /// Unknown: nothing was inflated, or not to the end.
    #[default]
    Unknown,
    /// It was removed: with it appended again, the last block is whole.
    Removed,
    /// It is still there: the payload ends with a whole empty stored block.
    Kept,
    /// The payload ends with a block with BFINAL = 1, without the byte 00 that has to follow it
    /// (§7.2.3.4).
    Final,
    /// The payload ends within a block, which is not whole with 00 00 ff ff appended, either: what
    /// came out may be less than what was meant.
    Torn,
}

/// Whether a text message is UTF-8, as far as validated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Utf8 {
    /// Not a text.
    NotText,
    /// UTF-8 as far as it could be validated.
    Valid,
    /// The byte at this offset of the content cannot follow (or, at its very end, is missing).
    Invalid {
        /// Offset in the content, in bytes.
        byte: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content: &[u8]) -> Message<'_> {
        Message {
            opcode: Opcode::Text,
            frames: 1,
            compressed: false,
            wire_length: length_u64(content.len()),
            length: length_u64(content.len()),
            complete: true,
            content,
            sha256: None,
            inflation: Inflation::None,
            reach: 0,
            window_bits: None,
            ending: DeflateEnding::default(),
            utf8: Utf8::Valid,
            close: None,
            history: None,
            span: Span::default(),
        }
    }

    #[test]
    fn shortened_content_has_the_digest_of_the_whole() {
        // FIPS 180-2, appendix B.1.
        let abc = [0xba, 0x78, 0x16, 0xbf];
        let given = Message { sha256: Some([7; 32]), length: 100, ..text(b"abc") };
        let close = Message { opcode: Opcode::Close, ..text(b"abc") };
        let torn = Message { complete: false, ..text(b"abc") };
        #[rustfmt::skip]
        let cases = [
            ("cut",               text(b"abc"), 2, Digest::Wanted,   &b"ab"[..], Some(abc)),
            ("to nothing",        text(b"abc"), 0, Digest::Wanted,   b"",        Some(abc)),
            ("cut, no digest",    text(b"abc"), 2, Digest::Unwanted, b"ab",      None),
            ("fits exactly",      text(b"abc"), 3, Digest::Wanted,   b"abc",     None),
            ("fits",              text(b"abc"), 9, Digest::Wanted,   b"abc",     None),
            ("was cut before",    given,        2, Digest::Wanted,   b"ab",      Some([7; 4])),
            ("is incomplete",     torn,         2, Digest::Wanted,   b"ab",      None),
            ("a control frame",   close,        2, Digest::Wanted,   b"abc",     None),
        ];
        for (name, message, keep, digest, content, sha256) in cases {
            let short = message.shortened(keep, digest);
            assert_eq!(short.content, content, "{name}");
            assert_eq!(short.sha256.map(|it| [it[0], it[1], it[2], it[3]]), sha256, "{name}");
            assert_eq!(short.length, message.length, "{name}");
        }
    }
}
