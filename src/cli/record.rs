//! The options for writing packets to files while they are read.

use std::path::{Path, PathBuf};

use crate::capture::{
    CaptureOutput, EmbeddedSecrets, Error, Interface, PacketSource, Replacing, Rotation, Tee,
    is_same_file,
};

/// Where to write packets.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RecordArgs {
    /// Also write the packets to this file, as pcapng
    ///
    /// The file includes the interfaces and their losses, but no TLS secrets. Only its owner can read it.
    #[arg(short, long, value_name = "FILE", help_heading = WRITING)]
    write: Option<PathBuf>,

    /// Also write the TLS secrets of the connections in the file of -w
    ///
    /// From key logs and from the capture, as far as they are known when they are needed. Anyone who has
    /// the file can read these connections.
    #[arg(long, requires = "write", help_heading = WRITING)]
    with_secrets: bool,

    /// Start another file at a limit, as dumpcap does
    ///
    /// filesize:KB, duration:SECONDS (of packet time) and packets:NUMBER limit each file; files:NUMBER
    /// limits how many files are kept. Can be repeated. A number and the time (UTC) are appended to
    /// the name of -w.
    #[arg(short = 'b', long = "ring-buffer", value_name = "LIMIT", value_parser = limit)]
    #[arg(requires = "write", help_heading = WRITING)]
    limits: Vec<RotationLimit>,

    /// Replace the file of -w if it exists
    #[arg(long, requires = "write", help_heading = WRITING)]
    force: bool,
}

/// One limit of `-b`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum RotationLimit {
    /// Bytes of a file.
    Bytes(u64),
    /// Nanoseconds of a file.
    Nanoseconds(u64),
    /// Packets of a file.
    Packets(u64),
    /// Number of files kept.
    Files(u64),
}

impl RecordArgs {
    /// Whether packets are written.
    pub(super) fn is_on(&self) -> bool {
        self.write.is_some()
    }

    /// Creates the output file for packets read from files, if there are any; `None` without `-w`.
    ///
    /// # Errors
    ///
    /// As [`CaptureOutput::create`], and if it is the same file.
    pub(super) fn output(&self, inputs: &[PathBuf]) -> anyhow::Result<Option<CaptureOutput>> {
        let Some(path) = &self.write else { return Ok(None) };
        if path == Path::new("-") {
            anyhow::bail!(
                "-w - would mix packets with the report; write to a file or a named pipe"
            );
        }
        if inputs.iter().any(|input| is_same_file(input, path)) {
            anyhow::bail!("{} is the file being read; write to another file", path.display());
        }
        let replacing = if self.force { Replacing::Yes } else { Replacing::No };
        let secrets =
            if self.with_secrets { EmbeddedSecrets::Written } else { EmbeddedSecrets::LeftOut };
        let output = CaptureOutput::create(path, self.rotation()?, replacing)?;
        Ok(Some(output.with_secrets(secrets)))
    }

    fn rotation(&self) -> anyhow::Result<Rotation> {
        let mut rotation = Rotation::default();
        for limit in &self.limits {
            match *limit {
                RotationLimit::Bytes(bytes) => rotation.bytes = Some(bytes),
                RotationLimit::Nanoseconds(nanoseconds) => rotation.nanoseconds = Some(nanoseconds),
                RotationLimit::Packets(packets) => rotation.packets = Some(packets),
                RotationLimit::Files(files) => rotation.files = Some(files),
            }
        }
        if rotation.files.is_some() && !rotation.is_on() {
            anyhow::bail!(
                "-b files needs a limit for each file: add -b filesize:KB, duration:SECONDS or packets:NUMBER"
            );
        }
        Ok(rotation)
    }
}

/// The source, wrapped so that its packets are also written to `output`, if there is one.
///
/// # Errors
///
/// As [`Tee::new`].
pub(super) fn recorded(
    source: Box<dyn PacketSource + Send>,
    interfaces: Vec<Interface>,
    output: Option<CaptureOutput>,
) -> Result<Box<dyn PacketSource + Send>, Error> {
    Ok(match output {
        Some(output) => Box::new(Tee::new(source, interfaces, output)?),
        None => source,
    })
}

/// Parses a limit of `-b`.
fn limit(text: &str) -> Result<RotationLimit, String> {
    let wrong =
        || "expected filesize:KB, duration:SECONDS, packets:NUMBER or files:NUMBER".to_owned();
    let (name, number) = text.split_once(':').ok_or_else(wrong)?;
    let number = number.parse::<u64>().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
    Ok(match name {
        "filesize" => RotationLimit::Bytes(number.saturating_mul(KILOBYTE)),
        "duration" => RotationLimit::Nanoseconds(number.saturating_mul(SECOND)),
        "packets" => RotationLimit::Packets(number),
        "files" => RotationLimit::Files(number),
        _ => return Err(wrong()),
    })
}

/// The heading of these options in the help.
const WRITING: &str = "Writing a capture";

/// dumpcap's unit of file sizes, in bytes.
const KILOBYTE: u64 = 1_000;

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_dumpcap() {
        #[rustfmt::skip]
        let cases = [
            ("filesize:10",  Some(RotationLimit::Bytes(10_000))),
            ("duration:60",  Some(RotationLimit::Nanoseconds(60_000_000_000))),
            ("packets:7",    Some(RotationLimit::Packets(7))),
            ("files:3",      Some(RotationLimit::Files(3))),
            ("files:0",      None),
            ("files",        None),
            ("filesize:1M",  None),
            ("interval:5",   None),
        ];
        for (text, expected) in cases {
            assert_eq!(limit(text).ok(), expected, "{text}");
        }
    }
}
