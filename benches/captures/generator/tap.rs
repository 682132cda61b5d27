//! The place on the wire where packets are written down: a classic pcap file.

use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;

use super::testkit::file::Precision;
use super::testkit::file::pcap_header_with;
use super::testkit::file::pcap_record;
use super::testkit::packet::ETHERNET;
use super::testkit::random::Random;
use super::truth::Truth;

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
        let header = pcap_header_with(precision, ETHERNET);
        out.write_all(&header)?;
        Ok(Self {
            out,
            precision,
            time: 0,
            written: header.len() as u64,
            failure: None,
            random: Random(0x77_736c_656e_7321),
            truth: Truth::default(),
        })
    }

    /// Bytes of the file so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Writes one packet, not before any that was written earlier.
    pub(super) fn packet(&mut self, now: u64, packet: &[u8]) {
        self.time = now.max(self.time + 1_000);
        let record = pcap_record(self.precision, START + self.time, packet.len());
        self.truth.packets += 1;
        for part in [&record, packet] {
            self.written += part.len() as u64;
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

/// 2026-01-01 00:00:00 UTC, in nanoseconds since 1970.
const START: u64 = 1_767_225_600_000_000_000;
