//! UTF-8 validation as bytes arrive.

use crate::stream::length_u64;

/// Checks a text that comes in pieces (RFC 3629, RFC 6455 §8.1).
///
/// An impossible byte is known the moment it arrives, also in the middle of a character.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8Checker {
    /// The bytes of a character that is not whole yet.
    partial: [u8; 4],
    partial_length: u8,
    /// Bytes checked, those in `partial` included.
    checked: u64,
    /// Offset of the first impossible byte; nothing is checked any more once it is set.
    invalid: Option<u64>,
}

impl Utf8Checker {
    /// Checks the next bytes; returns the offset of the first impossible byte if it is among them.
    pub fn push(&mut self, bytes: &[u8]) -> Option<u64> {
        if self.invalid.is_some() {
            return None;
        }
        let mut rest = bytes;
        while self.partial_length > 0 {
            let (first, others) = rest.split_first()?;
            rest = others;
            self.push_partial(*first);
            if self.invalid.is_some() {
                return self.invalid;
            }
        }
        if rest.is_ascii() || simdutf8::basic::from_utf8(rest).is_ok() {
            self.checked = self.checked.saturating_add(length_u64(rest.len()));
            return None;
        }
        let Err(error) = simdutf8::compat::from_utf8(rest) else { return None };
        let (valid, tail) = rest.split_at_checked(error.valid_up_to()).unwrap_or((rest, &[]));
        self.checked = self.checked.saturating_add(length_u64(valid.len()));
        // Byte by byte from here: at most a few, and it gives the exact offset.
        for byte in tail {
            self.push_partial(*byte);
            if self.invalid.is_some() {
                return self.invalid;
            }
        }
        None
    }

    /// Ends the text; returns the offset of an incomplete last character, if there is one.
    pub fn finish(&mut self) -> Option<u64> {
        if self.invalid.is_none() && self.partial_length > 0 {
            self.invalid = Some(self.checked);
            return self.invalid;
        }
        None
    }

    /// Offset of the first impossible byte found so far.
    pub fn invalid(&self) -> Option<u64> {
        self.invalid
    }

    fn push_partial(&mut self, byte: u8) {
        let length = usize::from(self.partial_length);
        let Some(place) = self.partial.get_mut(length) else { return };
        *place = byte;
        let candidate = self.partial.get(..=length).unwrap_or_default();
        match std::str::from_utf8(candidate) {
            Ok(_) => self.partial_length = 0,
            Err(error) if error.error_len().is_some() => {
                self.invalid = Some(self.checked);
                return;
            }
            Err(_) => self.partial_length = self.partial_length.saturating_add(1),
        }
        self.checked = self.checked.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const CASES: &[(&str, &[u8], Option<u64>)] = &[
        ("empty", b"", None),
        ("ASCII", b"hello", None),
        ("two, three and four bytes", "aé€😀".as_bytes(), None),
        ("U+FFFE is a character", "\u{fffe}\u{fdd0}".as_bytes(), None),
        ("largest code point", "\u{10ffff}".as_bytes(), None),
        ("0xFF", b"ab\xff", Some(2)),
        ("lone continuation byte", b"a\x80", Some(1)),
        ("overlong C0 80", b"\xc0\x80", Some(0)),
        ("overlong E0 80", b"x\xe0\x80\x80", Some(2)),
        ("surrogate ED A0", b"\xed\xa0\x80", Some(1)),
        ("above U+10FFFF", b"\xf4\x90\x80\x80", Some(1)),
        ("bad byte after a good start", b"\xce\xba\xe1\xbd\x41", Some(4)),
        ("cut in a character", b"ab\xe2\x82", Some(4)),
    ];

    fn judge(pieces: &[&[u8]]) -> Option<u64> {
        let mut checker = Utf8Checker::default();
        let told: Vec<u64> = pieces.iter().filter_map(|piece| checker.push(piece)).collect();
        assert!(told.len() <= 1, "told once");
        let at_end = checker.finish();
        assert_eq!(told.first().copied().or(at_end), checker.invalid());
        checker.invalid()
    }

    #[test]
    fn texts_are_validated_alike_however_they_are_cut() {
        for (name, text, expected) in CASES {
            assert_eq!(judge(&[text]), *expected, "{name}");
            let bytes: Vec<&[u8]> = text.chunks(1).collect();
            assert_eq!(judge(&bytes), *expected, "{name}, byte by byte");
            for cut in 0..text.len() {
                let (a, b) = text.split_at(cut);
                assert_eq!(judge(&[a, b]), *expected, "{name}, cut at {cut}");
            }
        }
    }

    #[test]
    fn an_impossible_byte_is_reported_by_the_push_that_brings_it() {
        let mut checker = Utf8Checker::default();
        assert_eq!(checker.push(b"\xf4"), None);
        assert_eq!(checker.push(b"\x90"), Some(1));
        assert_eq!(checker.push(b"\xff"), None, "and only once");
    }
}
