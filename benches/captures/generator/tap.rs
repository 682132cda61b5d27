//! The place on the wire where packets are written down: a classic pcap file.

use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;

use super::random::Random;
use super::truth::Truth;

/// Resolution of the time stamps.
#[derive(Clone, Copy, Debug)]
pub(super) enum Precision {
    Microseconds,
    Nanoseconds,
}

/// Writes packets, and keeps what all peers share.
pub(super) struct Tap {
    out: BufWriter<File>,
    precision: Precision,
    /// Of the last packet, in nanoseconds since the start of the capture.
    time: u64,
    written: u64,
    /// The first failure to write; told by [`Tap::finish`].
    failure: Option<io::Error>,
    pub(super) random: Random,
    pub(super) truth: Truth,
}

impl Tap {
    pub(super) fn create(path: &Path, precision: Precision) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let magic: u32 = match precision {
            Precision::Microseconds => 0xa1b2_c3d4,
            Precision::Nanoseconds => 0xa1b2_3c4d,
        };
        out.write_all(&magic.to_le_bytes())?;
        out.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
        out.write_all(&SNAP_LENGTH.to_le_bytes())?;
        out.write_all(&LINKTYPE_ETHERNET.to_le_bytes())?;
        Ok(Self {
            out,
            precision,
            time: 0,
            written: FILE_HEADER,
            failure: None,
            random: Random::new(0x77_736c_656e_7321),
            truth: Truth::default(),
        })
    }

    /// Bytes of the file so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Writes one packet made of `parts`, not before any that was written earlier.
    pub(super) fn packet(&mut self, now: u64, parts: [&[u8]; 2]) {
        self.time = now.max(self.time + 1_000);
        let seconds = START_SECONDS + (self.time / 1_000_000_000) as u32;
        let nanoseconds = (self.time % 1_000_000_000) as u32;
        let fraction = match self.precision {
            Precision::Microseconds => nanoseconds / 1_000,
            Precision::Nanoseconds => nanoseconds,
        };
        let length = (parts[0].len() + parts[1].len()) as u32;
        let mut header = [0; RECORD_HEADER];
        for (field, value) in header.chunks_exact_mut(4).zip([seconds, fraction, length, length]) {
            field.copy_from_slice(&value.to_le_bytes());
        }
        self.written += RECORD_HEADER as u64 + u64::from(length);
        self.truth.packets += 1;
        for part in [&header, parts[0], parts[1]] {
            if let Err(error) = self.out.write_all(part) {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// Ends the file; fails if anything could not be written.
    pub(super) fn finish(mut self) -> io::Result<Truth> {
        self.out.flush()?;
        self.failure.map_or(Ok(self.truth), Err)
    }
}

/// 2026-01-01 00:00:00 UTC.
const START_SECONDS: u32 = 1_767_225_600;
const SNAP_LENGTH: u32 = 262_144;
const LINKTYPE_ETHERNET: u32 = 1;
/// Bytes, as are all lengths here.
const FILE_HEADER: u64 = 24;
const RECORD_HEADER: usize = 16;
