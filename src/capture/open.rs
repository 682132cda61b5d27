//! Opening a capture of any format, recognized by its first bytes, not by its name.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::compressed::{decompress, recognize};
use super::error::{Error, printable};
use super::foreign::{self, ForeignFormat, SAMPLE_LENGTH};
use super::input::{BytesRead, Counted, Input};
use super::{PacketSource, classic, pcapng};

/// Opens a capture file.
///
/// # Errors
///
/// - [`Error::Missing`], [`Error::Directory`], [`Error::Permission`] and [`Error::Io`] for the path.
/// - [`Error::Empty`], [`Error::NotCapture`] and [`Error::Unsupported`] for what is in the file.
/// - [`Error::Decompression`] if its beginning cannot be decompressed.
pub fn open(path: &Path) -> Result<Box<dyn PacketSource + Send>, Error> {
    let (file, name) = open_file(path)?;
    open_reader(Box::new(file), &name, Some(path))
}

/// Opens the bytes of a capture file, decompressed, of which as many are available as tell its format.
///
/// # Errors
///
/// As [`open`], without those for an unknown format.
pub(super) fn open_uncompressed(path: &Path) -> Result<Input, Error> {
    let (file, name) = open_file(path)?;
    uncompressed(Box::new(file), &name)
}

#[expect(clippy::disallowed_methods, reason = "this is where captures are opened")]
fn open_file(path: &Path) -> Result<(fs::File, String), Error> {
    let name = printable(&path.to_string_lossy());
    let file = fs::File::open(path).map_err(|cause| refusal(name.clone(), cause))?;
    // Opening a directory succeeds on Unix; only reading it fails.
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(Error::Directory { name }),
        Ok(_) => Ok((file, name)),
        Err(cause) => Err(refusal(name, cause)),
    }
}

/// Opens a capture that comes as a stream of bytes, for example from standard input.
///
/// `name` is its name in messages. Reads only as much as is needed to recognize the format.
///
/// # Errors
///
/// As [`open`], without those for the path.
pub fn open_stream(
    reader: Box<dyn Read + Send>,
    name: &str,
) -> Result<Box<dyn PacketSource + Send>, Error> {
    open_reader(reader, name, None)
}

fn open_reader(
    reader: Box<dyn Read + Send>,
    name: &str,
    path: Option<&Path>,
) -> Result<Box<dyn PacketSource + Send>, Error> {
    capture(uncompressed(reader, name)?, path).map_err(before_first_packet)
}

/// Makes available as many bytes as tell the format, decompressed.
fn uncompressed(reader: Box<dyn Read + Send>, name: &str) -> Result<Input, Error> {
    let progress = BytesRead::default();
    let counted = Counted { reader, progress: progress.clone() };
    let mut input = Input::new(Box::new(counted), printable(name), progress);
    input.ensure(MAGIC_LENGTH)?;
    if let Some(compression) = recognize(input.available()) {
        let (reader, name, progress) = input.into_reader();
        input = Input::new(decompress(compression, reader), name, progress);
        input.ensure(MAGIC_LENGTH).map_err(before_first_packet)?;
    }
    if input.available().is_empty() {
        return Err(Error::Empty { name: input.name().to_owned() });
    }
    Ok(input)
}

/// Returns the length of a file in bytes, as [`PacketSource::position`] counts them.
///
/// `None` for pipes, devices and files whose length is unknown.
pub fn length(path: &Path) -> Option<u64> {
    let metadata = fs::metadata(path).ok()?;
    metadata.is_file().then_some(metadata.len())
}

/// Reads the header of an uncompressed capture; what comes later can be looked for at `path`.
fn capture(input: Input, path: Option<&Path>) -> Result<Box<dyn PacketSource + Send>, Error> {
    if let Some(format) = classic::recognize(input.available()) {
        return Ok(Box::new(classic::Pcap::open(input, format)?));
    }
    if pcapng::recognize(input.available()) {
        return Ok(Box::new(pcapng::Pcapng::open(input, path)?));
    }
    Err(unknown_format(input))
}

/// The error for bytes that are not a capture of a known format.
pub(super) fn unknown_format(mut input: Input) -> Error {
    if let Err(error) = input.ensure(SAMPLE_LENGTH) {
        return error;
    }
    let first = input.available();
    let name = input.name().to_owned();
    let first = first.get(..SAMPLE_LENGTH).unwrap_or(first);
    match foreign::recognize(first) {
        Some(ForeignFormat { format, remedy }) => Error::Unsupported { name, format, remedy },
        None => Error::NotCapture { name, looks: foreign::looks(first) },
    }
}

/// An error of the file system, by kind if known.
pub(super) fn refusal(name: String, cause: io::Error) -> Error {
    match cause.kind() {
        io::ErrorKind::NotFound => Error::Missing { name },
        io::ErrorKind::PermissionDenied => Error::Permission { name },
        io::ErrorKind::IsADirectory => Error::Directory { name },
        _ => Error::Io { name, cause },
    }
}

/// Damage of compressed data before the capture's header is a failure to open it.
fn before_first_packet(error: Error) -> Error {
    match error {
        Error::DamagedCompression { name, flaw, position } => {
            Error::Decompression { name, flaw, position }
        }
        other => other,
    }
}

/// Bytes needed to recognize any format.
const MAGIC_LENGTH: usize = 4;
