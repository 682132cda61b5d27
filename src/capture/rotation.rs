//! Rotation of output files: when the next one is started, and the names of files.

use std::path::{Path, PathBuf};

use crate::stream::Timestamp;
use crate::text::clock::Rfc3339;

/// When the next file is started, and how many are kept. Without any limit there is one file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rotation {
    /// The size of a file from which the next one is started, in bytes.
    pub bytes: Option<u64>,
    /// Nanoseconds since the first packet of a file.
    pub nanoseconds: Option<u64>,
    /// Packets of a file.
    pub packets: Option<u64>,
    /// How many files are kept; the oldest are removed.
    pub files: Option<u64>,
}

/// What is in a file so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct FileExtent {
    /// Its bytes.
    pub(super) bytes: u64,
    /// Its packets.
    pub(super) packets: u64,
    /// Time of the first of them.
    pub(super) first: Option<Timestamp>,
}

impl Rotation {
    /// Whether there will be more than one file.
    pub fn is_on(&self) -> bool {
        self.bytes.is_some() || self.nanoseconds.is_some() || self.packets.is_some()
    }

    /// Whether a packet of this time belongs in the next file.
    pub(super) fn is_due(&self, extent: &FileExtent, time: Timestamp) -> bool {
        // A file has at least one packet, or there would be an endless number of files.
        let Some(first) = extent.first else { return false };
        self.bytes.is_some_and(|limit| extent.bytes >= limit)
            || self.packets.is_some_and(|limit| extent.packets >= limit)
            || self.nanoseconds.is_some_and(|limit| time.0.saturating_sub(first.0) >= limit)
    }

    /// The name of a file by number, as in dumpcap: `NAME_00001_20260822093000.pcapng`, in UTC.
    pub(super) fn path(&self, base: &Path, number: u64, time: Timestamp) -> PathBuf {
        if !self.is_on() {
            return base.to_owned();
        }
        let mut name = base.file_stem().unwrap_or_default().to_owned();
        let mut clock = Rfc3339::default();
        let digits: String =
            clock.text(time).chars().filter(char::is_ascii_digit).take(DATE_DIGITS).collect();
        name.push(format!("_{number:05}_{digits}"));
        if let Some(extension) = base.extension() {
            name.push(".");
            name.push(extension);
        }
        base.with_file_name(name)
    }
}

/// Year, month, day, hour, minute and second.
const DATE_DIGITS: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_end_when_a_limit_is_reached() {
        let none = Rotation::default();
        let bytes = Rotation { bytes: Some(1_000), ..none };
        let packets = Rotation { packets: Some(3), ..none };
        let seconds = Rotation { nanoseconds: Some(50), ..none };
        let extent = |bytes, packets| FileExtent { bytes, packets, first: Some(Timestamp(100)) };
        #[rustfmt::skip]
        let cases = [
            ("one file",            none,    extent(u64::MAX, u64::MAX), u64::MAX, false),
            ("under the size",      bytes,   extent(999, 9),             100,      false),
            ("at the size",         bytes,   extent(1_000, 9),           100,      true),
            ("only a header yet",   bytes,   FileExtent { bytes: 2_000, packets: 0, first: None }, 100, false),
            ("packets to come",     packets, extent(9, 2),               100,      false),
            ("enough packets",      packets, extent(9, 3),               100,      true),
            ("within the time",     seconds, extent(9, 9),               149,      false),
            ("after the time",     seconds, extent(9, 9),               150,      true),
            ("a clock set back",    seconds, extent(9, 9),               1,        false),
        ];
        for (name, rotation, extent, time, expected) in cases {
            assert_eq!(rotation.is_due(&extent, Timestamp(time)), expected, "{name}");
        }
    }

    #[test]
    fn files_are_numbered_and_dated() {
        let time = Timestamp(1_787_391_000_000_312_000);
        let sizes = Rotation { bytes: Some(1), ..Rotation::default() };
        #[rustfmt::skip]
        let cases = [
            (sizes, "out/feed.pcapng", 1,       "out/feed_00001_20260822093000.pcapng"),
            (sizes, "feed",            123_456, "feed_123456_20260822093000"),
            (Rotation { files: Some(3), ..Rotation::default() }, "feed.pcapng", 1, "feed.pcapng"),
        ];
        for (rotation, base, number, expected) in cases {
            assert_eq!(rotation.path(Path::new(base), number, time), Path::new(expected));
        }
    }
}
