//! The rest of a packet while its headers are parsed one by one.

use super::Reason;

/// Captured bytes from some header on, and how much of the packet was not captured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Wire<'a> {
    /// What was captured.
    pub(super) bytes: &'a [u8],
    /// Bytes that followed on the wire but were not captured (snap length).
    pub(super) missing: usize,
}

impl<'a> Wire<'a> {
    /// Splits off a header of fixed length.
    #[inline]
    pub(super) fn header<const LENGTH: usize>(self) -> Result<(&'a [u8; LENGTH], Self), Reason> {
        match self.bytes.split_first_chunk() {
            Some((header, bytes)) => Ok((header, Self { bytes, ..self })),
            None => Err(self.too_short()),
        }
    }

    /// The bytes after the first `length` ones.
    #[inline]
    pub(super) fn skip(self, length: usize) -> Result<Self, Reason> {
        match self.bytes.get(length..) {
            Some(bytes) => Ok(Self { bytes, ..self }),
            None => Err(self.too_short()),
        }
    }

    /// Cuts to the `length` bytes that a header announces, captured or not.
    ///
    /// This removes the padding of short Ethernet frames.
    #[inline]
    pub(super) fn limit(self, length: usize) -> Self {
        match self.bytes.get(..length) {
            Some(bytes) => Self { bytes, missing: 0 },
            None => Self { missing: length.saturating_sub(self.bytes.len()), ..self },
        }
    }

    /// Why a header does not fit into the captured bytes.
    pub(super) fn too_short(self) -> Reason {
        if self.missing > 0 { Reason::Cut } else { Reason::Malformed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_divide_bytes_into_captured_and_missing() {
        let wire = Wire { bytes: b"abcdef", missing: 4 };
        for (name, length, bytes, missing) in [
            ("padding is removed", 3, &b"abc"[..], 0),
            ("all that was captured", 6, b"abcdef", 0),
            ("part of what is missing", 8, b"abcdef", 2),
            ("more than was on the wire", 20, b"abcdef", 14),
        ] {
            assert_eq!(wire.limit(length), Wire { bytes, missing }, "{name}");
        }
    }

    #[test]
    fn a_header_that_does_not_fit_was_cut_or_is_malformed() {
        let whole = Wire { bytes: b"abc", missing: 0 };
        assert_eq!(whole.header::<2>(), Ok((b"ab", Wire { bytes: b"c", missing: 0 })));
        assert_eq!(whole.header::<4>(), Err(Reason::Malformed));
        assert_eq!(whole.skip(4), Err(Reason::Malformed));
        assert_eq!(Wire { missing: 1, ..whole }.header::<4>(), Err(Reason::Cut));
        assert_eq!(whole.skip(3), Ok(Wire { bytes: b"", missing: 0 }));
    }
}
