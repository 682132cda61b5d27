//! Packet sources: capture files, compressed files, standard input, live interfaces.
//!
//! The only module below `tui` and `cli` that touches files, devices and the clock.

mod bytes;
// Not `pcap`: a path with that name makes the compiler load the crate, and the linker look for libpcap.
mod classic;
mod clock;
mod compressed;
mod error;
mod foreign;
mod growing;
mod input;
mod interface;
mod joined;
pub mod live;
mod local;
mod open;
mod output;
mod packet_log;
mod pcapng;
mod rewrite;
mod rotation;
mod secrets_ahead;
mod secrets_change;
mod spool;
mod store;
mod tee;
mod write;

pub use error::{
    CompressionFormat, Damage, Error, Flaw, Looks, SkippedBlock, SkippedBlocks, TruncatedPart,
};
pub use foreign::Remedy;
pub use growing::{GrowingFile, GrowingFiles};
pub use interface::{Interface, Losses};
pub use joined::{CaptureFiles, FilePackets};
pub use local::{ListeningSocket, ListeningSockets, LocalSockets, Process};
pub use open::{length, open, open_stream};
pub use output::{CaptureOutput, EmbeddedSecrets, Replacing, is_same_file};
pub use packet_log::{LoggedPacket, PacketLog, PacketLogReader};
pub use rewrite::{Rewritten, rewrite};
pub use rotation::Rotation;
pub use secrets_change::{EditComment, RewriteCounts, SecretsChange};
pub use spool::Spool;
pub use store::{FileStore, PacketPlace, PacketStore};
pub use tee::Tee;
pub use write::PcapngWriter;

use crate::stream::{PacketId, Timestamp};

/// A source of packets.
///
/// A packet borrows from the source until the next one is requested, so nothing is copied.
pub trait PacketSource {
    /// Returns the next packet; `None` at the end, and always after an end or an error.
    ///
    /// Waits if the packets are still being captured.
    ///
    /// # Errors
    ///
    /// - [`Error::Truncated`], [`Error::Damaged`] and [`Error::DamagedCompression`] after the last
    ///   complete packet; see [`Error::is_damage`].
    /// - [`Error::Io`] if the operating system fails, [`Error::Live`] if an interface does.
    fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Error>;

    /// The name of the source in messages: a path or an interface.
    fn name(&self) -> &str;

    /// How many bytes of the (compressed) file were read so far, for a progress bar.
    ///
    /// Runs a little ahead of the packets (256 KiB at a time); 0 for interfaces.
    fn position(&self) -> u64;

    /// The TLS secrets embedded in the capture before the last returned packet; if it is a file, before the first
    /// one as soon as it is opened.
    fn secrets(&self) -> &[Secrets];

    /// The comments of the sections met so far, as far as they may be key logs.
    fn comments(&self) -> &[Vec<u8>] {
        &[]
    }

    /// Whether its format has room for TLS secrets at all.
    fn embeds_secrets(&self) -> bool {
        true
    }

    /// The TLS secrets embedded anywhere in the capture, if it is a file and was not asked before: it is read
    /// once more for them.
    fn secrets_ahead(&mut self) -> Vec<Secrets> {
        Vec::new()
    }

    /// Whether secrets are to be written along with the packets.
    fn writes_secrets(&self) -> bool {
        false
    }

    /// Writes the secrets of a session of TLS, in the format of key logs, along with the packets; those of a
    /// session that goes on are written to each file. A failure is that of the next packet.
    fn write_secrets(&mut self, _session: [u8; 32], _key_log: &[u8]) {}

    /// Learns that a session has ended.
    fn end_session(&mut self, _session: [u8; 32]) {}

    /// The damaged blocks that were skipped so far.
    fn skipped_blocks(&self) -> &SkippedBlocks;

    /// How many packets the capturing machine reports as dropped so far.
    fn dropped(&mut self) -> u64;

    /// The files that are read as one, in the order of their first packets, with what was read of
    /// them so far; none for any other source.
    fn files(&self) -> &[FilePackets] {
        &[]
    }

    /// Whether the next packet is available, so that [`PacketSource::next_packet`] does not wait.
    ///
    /// True if only part of it is available, and for sources that do not know.
    fn is_ready(&self) -> bool {
        true
    }

    /// Ends reading, and completes the file that is written along with it. No more packets follow.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`] if that file cannot be written.
    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// How to decode the first bytes of a packet: a LINKTYPE value of the tcpdump.org registry.
///
/// The upper 16 bits of the classic file header's field (FCS length and flags) are masked off.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LinkType(pub u32);

/// One captured packet, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Its number in the capture, from 1.
    pub id: PacketId,
    /// When it was captured; 0 if the file has no time (Simple Packet Blocks).
    pub time: Timestamp,
    /// How to decode its first bytes.
    pub link_type: LinkType,
    /// Interface it was captured on, counted from 0 over all sections of the file.
    pub interface: u32,
    /// The captured bytes.
    pub bytes: &'a [u8],
    /// Length of the packet on the wire in bytes; larger than `bytes` if the snap length cut it.
    pub original_length: u32,
    /// Position of `bytes` in the (uncompressed) file.
    pub file_offset: u64,
}

/// Secrets embedded in a capture (pcapng's Decryption Secrets Block).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Secrets {
    /// What the data is: 0x544c534b is a TLS key log in NSS format.
    pub kind: u32,
    /// The secrets themselves.
    pub data: Vec<u8>,
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.data.fill(0);
        // What is never read is not left out of the program.
        std::hint::black_box(&self.data);
    }
}

impl Secrets {
    /// A TLS key log.
    pub fn key_log(text: &[u8]) -> Self {
        Self { kind: KEY_LOG, data: text.to_vec() }
    }

    /// Whether they are a TLS key log.
    pub fn is_key_log(&self) -> bool {
        self.kind == KEY_LOG
    }
}

/// The type of secrets that are a TLS key log: `TLSK` (draft-ietf-opsawg-pcapng, section 4.7).
const KEY_LOG: u32 = 0x544c_534b;

/// The longest plausible packet if the file does not announce longer ones, in bytes.
///
/// libpcap's largest snap length is 256 KiB; the rest is for headers that capture tools prepend.
const PACKET_LIMIT: u32 = (256 << 10) + (64 << 10);

/// The longest packet or block that is ever held in memory, in bytes.
const MEMORY_LIMIT: u32 = 16 << 20;

#[cfg(test)]
mod tests;
