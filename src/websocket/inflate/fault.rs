//! What can be wrong with a DEFLATE stream.

/// Why a stream cannot be inflated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::websocket) enum Fault {
    /// It is not DEFLATE.
    Invalid(DeflateFault),
    /// It refers to output before the first, at this distance in bytes: 32,768 at most.
    TooFar(u16),
    /// It has more output than allowed.
    TooLarge,
}

/// What makes bytes no valid DEFLATE stream (RFC 1951).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DeflateFault {
    /// It begins with the header of a zlib stream (RFC 1950 §2.2) instead of raw DEFLATE.
    ZlibHeader,
    /// It begins with the header of a gzip file (RFC 1952 §2.3.1) instead of raw DEFLATE.
    GzipHeader,
    /// A block of type 3 (§3.2.3).
    BlockType,
    /// LEN and NLEN of a stored block are not complements (§3.2.4).
    StoredLength,
    /// A dynamic block has more than 286 literal and length codes, or 30 distance codes (§3.2.7).
    CodeCounts,
    /// The lengths of the code of code lengths make no code (§3.2.7).
    LengthCode,
    /// The first code length repeats one before it (§3.2.7).
    RepeatOfNothing,
    /// A repetition continues after the last code length (§3.2.7).
    RepeatTooLong,
    /// The end of the block has no code (§3.2.7).
    NoEndCode,
    /// The lengths of the literal and length codes make no code (§3.2.2).
    LiteralCode,
    /// The lengths of the distance codes make no code (§3.2.2).
    DistanceCode,
    /// Bits that are not a code, or the code of symbol 286 or 287 (§3.2.6).
    Symbol,
    /// Bits that are not a distance code, or the code of distance 30 or 31 (§3.2.6).
    Distance,
    /// A reference before the first byte that was ever put out (§2).
    BeforeStart,
}

impl DeflateFault {
    /// Every fault.
    pub const ALL: [Self; 14] = [
        Self::ZlibHeader,
        Self::GzipHeader,
        Self::BlockType,
        Self::StoredLength,
        Self::CodeCounts,
        Self::LengthCode,
        Self::RepeatOfNothing,
        Self::RepeatTooLong,
        Self::NoEndCode,
        Self::LiteralCode,
        Self::DistanceCode,
        Self::Symbol,
        Self::Distance,
        Self::BeforeStart,
    ];

    /// The fault in plain words: a clause without a full stop.
    pub fn text(self) -> &'static str {
        match self {
            Self::ZlibHeader => "it begins with a zlib header; raw DEFLATE has none",
            Self::GzipHeader => "it begins with a gzip header; raw DEFLATE has none",
            Self::BlockType => "block type 3 does not exist",
            Self::StoredLength => "the two lengths of a stored block do not fit each other",
            Self::CodeCounts => "a block announces more codes than exist",
            Self::LengthCode => "the code of a block's code lengths is not a Huffman code",
            Self::RepeatOfNothing => "the first code length repeats one before it",
            Self::RepeatTooLong => "a code length is repeated beyond the last code",
            Self::NoEndCode => "a block has no code for its end",
            Self::LiteralCode => "a block's literal and length code is not a Huffman code",
            Self::DistanceCode => "a block's distance code is not a Huffman code",
            Self::Symbol => "a literal or length code does not exist",
            Self::Distance => "a distance code does not exist",
            Self::BeforeStart => "a back-reference reaches before the first byte ever sent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_words_of_its_own() {
        for fault in DeflateFault::ALL {
            let same = DeflateFault::ALL.iter().filter(|other| other.text() == fault.text());
            assert_eq!(same.count(), 1, "{fault:?}");
            assert!(!fault.text().ends_with('.'), "{fault:?}");
        }
    }
}
