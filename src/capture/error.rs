//! Why a capture cannot be read, or cannot be read any further.

use std::fmt;
use std::io;

use thiserror::Error;

use super::foreign::Remedy;
use crate::stream::PacketId;

/// Why packets cannot be read.
///
/// Each message is one line that says what is wrong, where, and what to do.
#[derive(Debug, Error)]
pub enum Error {
    /// The path does not exist.
    #[error("{name}: no such file; check the path")]
    Missing {
        /// The file.
        name: String,
    },
    /// The path is a directory.
    #[error("{name} is a directory; name a capture file in it")]
    Directory {
        /// The directory.
        name: String,
    },
    /// This user is not allowed to read the file.
    #[error("{name}: permission denied; make the file readable (chmod +r) or run as its owner")]
    Permission {
        /// The file.
        name: String,
    },
    /// The file has no bytes.
    #[error("{name} is empty, without even the header of a capture; record it again")]
    Empty {
        /// The file.
        name: String,
    },
    /// The bytes are not a capture of any known format.
    #[error("{name} is not a capture: {looks}; expected a pcap or pcapng file{}", looks.hint(name))]
    NotCapture {
        /// The file.
        name: String,
        /// What the bytes look like.
        looks: Looks,
    },
    /// A known format that is not supported.
    #[error("{name} is {format}, which is not supported; {}", remedy.advice(name))]
    Unsupported {
        /// The file.
        name: String,
        /// What it is, with its article.
        format: &'static str,
        /// How to make a capture of it.
        remedy: Remedy,
    },
    /// A compressed file that cannot be decompressed as far as the capture's header.
    #[error("{name} cannot be decompressed: {flaw} at byte {position}; copy the file again")]
    Decompression {
        /// The file.
        name: String,
        /// What is wrong with the compressed data.
        flaw: Flaw,
        /// Bytes of the compressed file that were read.
        position: u64,
    },
    /// A compressed capture that cannot be decompressed to its end.
    #[error("{name} is damaged: {flaw} at byte {position}; only packets before that are read")]
    DamagedCompression {
        /// The file.
        name: String,
        /// What is wrong with the compressed data.
        flaw: Flaw,
        /// Bytes of the compressed file that were read.
        position: u64,
    },
    /// The capture ends too early.
    #[error(
        "{name} is cut off in {piece} at byte {offset}: {missing} more bytes are missing; \
         only packets before that are read"
    )]
    Truncated {
        /// The file.
        name: String,
        /// What is incomplete.
        piece: TruncatedPart,
        /// Where that starts in the (uncompressed) file.
        offset: u64,
        /// How many bytes are missing: of its header, if that is incomplete.
        missing: u64,
    },
    /// Bytes from which the next packet cannot be found.
    #[error("{name} is damaged at byte {offset}: {damage}; only packets before that are read")]
    Damaged {
        /// The file.
        name: String,
        /// Where the record or block starts in the (uncompressed) file.
        offset: u64,
        /// What is wrong there.
        damage: Damage,
    },
    /// The operating system failed.
    #[error("{name} cannot be read: {cause}")]
    Io {
        /// The file.
        name: String,
        /// The operating system's error.
        cause: io::Error,
    },
    /// A file that is written along with reading cannot be written.
    #[error("{name} cannot be written: {cause}")]
    Unwritable {
        /// The file.
        name: String,
        /// The operating system's error.
        cause: io::Error,
    },
    /// A file to be written exists already.
    #[error("{name} exists; give another name, or --force to replace it")]
    Exists {
        /// The file.
        name: String,
    },
    /// A packet to be read again was overwritten by newer ones.
    #[error(
        "packet {packet} is no longer available: only the newest {limit} bytes of packets are kept \
         (--spool-limit)"
    )]
    NotSpooled {
        /// Its number.
        packet: PacketId,
        /// The limit of the [`Spool`](super::Spool), in bytes.
        limit: u64,
    },
    /// Live capture is not possible, or no longer possible.
    #[error("{problem}; {remedy}")]
    Live {
        /// What is wrong, with the interface's name.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
}

impl Error {
    /// Whether a capture was opened and then turned out to be damaged.
    ///
    /// Every complete packet before the damage has been returned by then, so the caller reports the
    /// damage (CAP-08) and continues with those packets. All other errors mean that we failed.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::DamagedCompression { .. } | Self::Truncated { .. } | Self::Damaged { .. } => true,
            Self::Missing { .. }
            | Self::Directory { .. }
            | Self::Permission { .. }
            | Self::Empty { .. }
            | Self::NotCapture { .. }
            | Self::Unsupported { .. }
            | Self::Decompression { .. }
            | Self::Io { .. }
            | Self::Unwritable { .. }
            | Self::Exists { .. }
            | Self::NotSpooled { .. }
            | Self::Live { .. } => false,
        }
    }
}

/// What a file that is not a capture looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Looks {
    /// Readable characters.
    Text,
    /// Anything else.
    Noise,
    /// The beginning of a capture, without the rest of its header.
    Short {
        /// How many bytes there are.
        length: u64,
    },
    /// A compressed file in a compressed file.
    CompressedTwice,
}

impl Looks {
    /// What may help beyond naming another file.
    fn hint(self, name: &str) -> String {
        match self {
            Self::Noise => format!("; if Wireshark opens it, {}", Remedy::Convert.advice(name)),
            Self::Text | Self::Short { .. } | Self::CompressedTwice => String::new(),
        }
    }
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("it looks like a text file"),
            Self::Noise => f.write_str("it does not start like one"),
            Self::Short { length: 1 } => f.write_str("it ends after 1 byte"),
            Self::Short { length } => write!(f, "it ends after {length} bytes"),
            Self::CompressedTwice => f.write_str("it is compressed more than once"),
        }
    }
}

/// What is wrong with compressed data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// The data ends before its end mark.
    CutShort(CompressionFormat),
    /// The data contradicts itself or its checksum.
    Corrupt(CompressionFormat),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutShort(compression) => write!(f, "its {compression} data ends too early"),
            Self::Corrupt(compression) => write!(f, "its {compression} data is corrupt"),
        }
    }
}

/// A compressed format around a capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CompressionFormat {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl fmt::Display for CompressionFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// What a capture may be cut off in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TruncatedPart {
    /// The packet that would have had this number.
    Packet(PacketId),
    /// A pcapng block without a packet, or whose type is cut off.
    Block,
}

impl fmt::Display for TruncatedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packet(id) => write!(f, "packet {id}"),
            Self::Block => f.write_str("a block"),
        }
    }
}

/// What is wrong with a record of a classic capture, or with a pcapng block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Damage {
    /// More bytes than a packet can have.
    PacketLength {
        /// The length given, in bytes.
        length: u32,
        /// The longest plausible length, in bytes.
        limit: u32,
    },
    /// A length that no block can have.
    BlockLength {
        /// The length given, in bytes.
        length: u32,
    },
    /// The length at the end of a block differs from that at its start.
    BlockEnd {
        /// At the start, in bytes.
        length: u32,
        /// At the end, in bytes.
        trailer: u32,
    },
    /// A section without a valid byte order mark.
    ByteOrder {
        /// The mark as found, read as big-endian.
        mark: u32,
    },
    /// A section of an unknown version.
    SectionVersion {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// A packet of an interface that the section does not describe.
    UnknownInterface {
        /// The interface as numbered in its section.
        interface: u32,
    },
    /// A packet that would not fit into its block.
    CapturedLength {
        /// The length given, in bytes.
        captured: u32,
        /// How much the block contains, in bytes.
        room: u64,
    },
    /// A block that is too short for the fields of its type.
    ShortBlock {
        /// Its type.
        block_type: u32,
    },
    /// A block that is too large to be read.
    LargeBlock {
        /// Its type.
        block_type: u32,
        /// Its length in bytes.
        length: u32,
    },
    /// More interfaces in a section than are kept.
    TooManyInterfaces,
    /// More TLS secrets than are kept.
    TooManySecrets,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PacketLength { length, limit } => {
                write!(f, "a packet of {length} bytes is impossible (limit {limit})")
            }
            Self::BlockLength { length } => write!(f, "a block of {length} bytes is impossible"),
            Self::BlockEnd { length, trailer } => {
                write!(f, "a block's length is {length} at its start and {trailer} at its end")
            }
            Self::ByteOrder { mark } => write!(f, "{mark:#010x} is not a byte order mark"),
            Self::SectionVersion { major, minor } => {
                write!(f, "a section of the unknown version {major}.{minor}")
            }
            Self::UnknownInterface { interface } => {
                write!(f, "a packet of interface {interface}, which is not described")
            }
            Self::CapturedLength { captured, room } => {
                write!(f, "a packet of {captured} bytes in a block with room for {room}")
            }
            Self::ShortBlock { block_type } => {
                write!(f, "a block of type {block_type:#x} is too short")
            }
            Self::LargeBlock { block_type, length } => {
                write!(f, "a block of type {block_type:#x} is too large ({length} bytes)")
            }
            Self::TooManyInterfaces => f.write_str("more interfaces than can be kept"),
            Self::TooManySecrets => f.write_str("more TLS secrets than can be kept"),
        }
    }
}

/// A damaged block that was skipped; reading continued after it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SkippedBlock {
    /// Where the block starts in the (uncompressed) file.
    pub offset: u64,
    /// The last packet before it; 0 if there was none.
    pub after: PacketId,
    /// What is wrong with it.
    pub damage: Damage,
}

/// The blocks skipped so far, up to a limit.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SkippedBlocks {
    list: Vec<SkippedBlock>,
    omitted: u64,
}

impl SkippedBlocks {
    /// The first skipped blocks, in the order of the file.
    pub fn list(&self) -> &[SkippedBlock] {
        &self.list
    }

    /// How many more were skipped than [`SkippedBlocks::list`] contains.
    pub fn omitted(&self) -> u64 {
        self.omitted
    }

    pub(super) fn add(&mut self, block: SkippedBlock) {
        if self.list.len() < MAX_NOTICES {
            self.list.push(block);
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }
}

/// A name that is safe in a one-line message, whatever characters it has.
pub(super) fn printable(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Skipped blocks kept for one capture, so that a file of damaged blocks does not fill the memory.
const MAX_NOTICES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    fn cases() -> Vec<(&'static str, Error)> {
        let name = || "a.pcap".to_owned();
        vec![
            ("a.pcap: no such file; check the path", Error::Missing { name: name() }),
            ("a.pcap is not a capture: it looks like a text file; expected a pcap or pcapng file",
                Error::NotCapture { name: name(), looks: Looks::Text }),
            ("a.pcap is not a capture: it ends after 3 bytes; expected a pcap or pcapng file",
                Error::NotCapture { name: name(), looks: Looks::Short { length: 3 } }),
            ("a.pcap is cut off in packet 7 at byte 99: 5 more bytes are missing; only packets before that are read",
                Error::Truncated { name: name(), piece: TruncatedPart::Packet(PacketId(7)), offset: 99, missing: 5 }),
            ("a.pcap is damaged at byte 24: a packet of 4294967295 bytes is impossible (limit 262144); only packets before that are read",
                Error::Damaged { name: name(), offset: 24, damage: Damage::PacketLength { length: u32::MAX, limit: 262_144 } }),
            ("a.pcap is damaged: its gzip data ends too early at byte 40; only packets before that are read",
                Error::DamagedCompression { name: name(), flaw: Flaw::CutShort(CompressionFormat::Gzip), position: 40 }),
        ]
    }

    #[test]
    fn messages_say_what_and_where_and_what_to_do() {
        for (expected, error) in cases() {
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn only_opened_captures_are_damaged() {
        let damaged = cases().into_iter().filter(|(_, error)| error.is_damage()).count();
        assert_eq!(damaged, 3);
    }

    #[test]
    fn names_never_break_the_line() {
        assert_eq!(printable("a\nb\u{1b}[1m é.pcap"), "a\\nb\\u{1b}[1m é.pcap");
    }
}
