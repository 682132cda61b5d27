//! The content of one message while it arrives.

use sha2::{Digest, Sha256};

use crate::stream::{length_u64, length_usize};
use crate::websocket::message::Utf8;
use crate::websocket::utf8::Utf8Checker;

/// Collects what is needed of a message's content: its beginning, its digest, whether it is UTF-8.
///
/// A content that comes in one piece is never copied.
#[derive(Debug, Default)]
pub(super) struct Content {
    utf8: Option<Utf8Checker>,
    kept: Vec<u8>,
    keep: usize,
    digest: DigestState,
    length: u64,
    torn: bool,
}

/// Whether a content longer than what is kept gets a digest.
#[derive(Debug, Default)]
enum DigestState {
    #[default]
    Unwanted,
    Wanted,
    Running(Box<Sha256>),
}

impl Content {
    /// Starts a content of which `keep` bytes are kept, in `buffer` if they arrive in pieces.
    pub(super) fn new(keep: usize, wants: Wants, buffer: Vec<u8>) -> Self {
        Self {
            utf8: wants.utf8.then(Utf8Checker::default),
            kept: buffer,
            keep,
            digest: if wants.digest { DigestState::Wanted } else { DigestState::Unwanted },
            ..Self::default()
        }
    }

    /// Whether anything is needed of the bytes, so that they must be unmasked.
    pub(super) fn wants_bytes(&self) -> bool {
        self.keep > 0 || self.utf8.is_some() || !matches!(self.digest, DigestState::Unwanted)
    }

    /// Takes the next piece; returns the offset of the first byte that is not UTF-8, once.
    pub(super) fn push(&mut self, piece: &[u8]) -> Option<u64> {
        let invalid = self.judge(piece);
        if !self.torn {
            let room = self.keep.saturating_sub(self.kept.len());
            let (kept, over) = piece.split_at_checked(room).unwrap_or((piece, &[]));
            self.kept.extend_from_slice(kept);
            if !over.is_empty() {
                self.overflow(over);
            }
        }
        invalid
    }

    /// Counts bytes whose values are not needed.
    pub(super) fn skip(&mut self, length: u64) {
        self.length = self.length.saturating_add(length);
    }

    /// Bytes are missing here: what follows is counted, but no longer kept or validated.
    pub(super) fn tear(&mut self) {
        self.torn = true;
        self.utf8 = None;
        self.digest = DigestState::Unwanted;
    }

    /// Takes the last piece and ends the content. The result borrows the piece if possible.
    pub(super) fn finish<'a>(&'a mut self, last: &'a [u8]) -> Finished<'a> {
        let fits = last.len() <= self.keep || matches!(self.digest, DigestState::Unwanted);
        let whole = self.kept.is_empty() && self.length == 0 && !self.torn && fits;
        let mut invalid = if whole { self.judge(last) } else { self.push(last) };
        if let Some(checker) = &mut self.utf8 {
            invalid = invalid.or_else(|| checker.finish());
        }
        let digest = match std::mem::take(&mut self.digest) {
            DigestState::Running(hasher) => Some(hasher.finalize().into()),
            DigestState::Wanted | DigestState::Unwanted => None,
        };
        Finished {
            bytes: if whole { last.get(..self.keep).unwrap_or(last) } else { &self.kept },
            sha256: digest,
            length: self.length,
            utf8: self.verdict(),
            newly_invalid: invalid,
        }
    }

    /// What is known of an unfinished content.
    pub(super) fn unfinished(&self) -> Finished<'_> {
        Finished {
            bytes: &self.kept,
            sha256: None,
            length: self.length,
            utf8: self.verdict(),
            newly_invalid: None,
        }
    }

    /// Drops what is kept, to save memory. Counting, validation and the digest continue.
    pub(super) fn evict(&mut self) {
        if !self.kept.is_empty() {
            // Where a digest is wanted, it is computed from here on.
            self.overflow(&[]);
        }
        self.kept = Vec::new();
        self.keep = 0;
    }

    /// Gives back the memory that was taken for more content than there is.
    pub(super) fn shrink(&mut self) {
        self.kept.shrink_to_fit();
    }

    /// Memory taken, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.kept.capacity()
    }

    fn verdict(&self) -> Utf8 {
        match &self.utf8 {
            None => Utf8::NotText,
            Some(checker) => match checker.invalid() {
                None => Utf8::Valid,
                Some(byte) => Utf8::Invalid { byte },
            },
        }
    }

    fn judge(&mut self, piece: &[u8]) -> Option<u64> {
        self.length = self.length.saturating_add(length_u64(piece.len()));
        self.utf8.as_mut().and_then(|checker| checker.push(piece))
    }

    fn overflow(&mut self, over: &[u8]) {
        match &mut self.digest {
            DigestState::Unwanted => {}
            DigestState::Wanted => {
                let mut hasher = Box::new(Sha256::new());
                hasher.update(&self.kept);
                hasher.update(over);
                self.digest = DigestState::Running(hasher);
            }
            DigestState::Running(hasher) => hasher.update(over),
        }
    }

    /// Gives the buffer back, empty, for another content.
    pub(super) fn into_buffer(mut self) -> Vec<u8> {
        self.kept.clear();
        self.kept
    }

    /// Reserves room for a message of `length` bytes, as far as it will be kept.
    pub(super) fn reserve(&mut self, length: u64) {
        // A declared length is a claim: memory is taken in steps, as bytes arrive.
        let claim = length_usize(length).min(self.keep).min(FIRST_STEP);
        self.kept.reserve(claim);
    }
}

/// What is needed of a content besides its first bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wants {
    /// Whether it is UTF-8.
    pub(super) utf8: bool,
    /// A SHA-256, if not all of it is kept.
    pub(super) digest: bool,
}

/// What a content turned out to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finished<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) length: u64,
    pub(super) utf8: Utf8,
    /// Set if the last piece contained, or lacked, the byte that made the text invalid.
    pub(super) newly_invalid: Option<u64>,
}

/// Memory taken at once for a declared length, in bytes.
const FIRST_STEP: usize = 1 << 12;

/// The SHA-256 of a content.
pub(super) fn sha256(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Wants = Wants { utf8: true, digest: true };

    #[test]
    fn one_piece_is_borrowed() {
        let last = b"hello".to_vec();
        let mut content = Content::new(10, ALL, Vec::new());
        let finished = content.finish(&last);
        assert_eq!(finished.bytes.as_ptr(), last.as_ptr());
        assert_eq!((finished.length, finished.utf8, finished.sha256), (5, Utf8::Valid, None));
    }

    #[test]
    fn digest_covers_the_whole_however_it_is_cut() {
        let text = b"The quick brown fox jumps over the lazy dog";
        for cut in 0..text.len() {
            for keep in [0, 1, 20, 42] {
                let mut content = Content::new(keep, ALL, Vec::new());
                content.push(&text[..cut]);
                let finished = content.finish(&text[cut..]);
                assert_eq!(finished.bytes, &text[..keep], "cut {cut}, keep {keep}");
                let hex = finished.sha256.unwrap().map(|byte| format!("{byte:02x}")).concat();
                assert_eq!(hex, "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592");
            }
        }
    }

    #[test]
    fn evicted_content_is_still_counted_and_validated() {
        let mut content = Content::new(100, ALL, Vec::new());
        content.push(b"The quick brown fox");
        content.evict();
        assert_eq!((content.memory(), content.push(b" jumps over")), (0, None));
        let finished = content.finish(b" the lazy dog");
        assert_eq!((finished.bytes, finished.length, finished.utf8), (&b""[..], 43, Utf8::Valid));
        assert_eq!(finished.sha256, Some(sha256(b"The quick brown fox jumps over the lazy dog")));
        let mut content = Content::new(100, ALL, Vec::with_capacity(50));
        content.evict();
        let finished = content.finish(b"\xff");
        assert_eq!((finished.length, finished.newly_invalid), (1, Some(0)));
        assert_eq!((finished.bytes, finished.sha256), (&b""[..], Some(sha256(b"\xff"))));
    }

    #[test]
    fn after_a_gap_nothing_is_kept_or_validated() {
        let mut content = Content::new(10, ALL, Vec::new());
        content.push(b"ab");
        content.tear();
        assert_eq!(content.push(b"\xff"), None);
        let finished = content.finish(b"cd");
        assert_eq!((finished.bytes, finished.length), (&b"ab"[..], 5));
        assert_eq!(finished.utf8, Utf8::NotText);
    }

    #[test]
    fn text_that_ends_within_a_character_is_reported_at_its_end() {
        let mut content = Content::new(10, ALL, Vec::new());
        assert_eq!(content.push(b"a\xe2"), None);
        let finished = content.finish(b"\x82");
        assert_eq!(finished.newly_invalid, Some(3));
        assert_eq!(finished.utf8, Utf8::Invalid { byte: 3 });
    }
}
