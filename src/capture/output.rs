//! The pcapng files that packets are written to while they are read.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::clock;
use super::error::printable;
use super::live::privileges::User;
use super::rotation::FileExtent;
use super::write::PROGRAM;
use super::{Error, Packet, PcapngWriter, Rotation};
use crate::stream::{Timestamp, length_u64};

/// Whether an existing file is replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Replacing {
    /// It is replaced.
    Yes,
    /// It is kept, and that is an error.
    No,
}

/// Whether TLS secrets are written along with packets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EmbeddedSecrets {
    /// Those of the sessions in the packets.
    Written,
    /// None.
    LeftOut,
}

/// The file being written, and the earlier ones.
#[derive(Debug)]
pub struct CaptureOutput {
    /// The name given by the user.
    base: PathBuf,
    rotation: Rotation,
    replacing: Replacing,
    pub(super) secrets: EmbeddedSecrets,
    writer: PcapngWriter<BufWriter<File>>,
    /// The file of `writer`.
    path: PathBuf,
    extent: FileExtent,
    /// The earlier files, oldest first.
    before: VecDeque<PathBuf>,
    /// How many files were started.
    begun: u64,
}

impl CaptureOutput {
    /// Creates the first file, so that a failure is known before packets are read.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] for a file that must not be replaced, else [`Error::Unwritable`].
    pub fn create(base: &Path, rotation: Rotation, replacing: Replacing) -> Result<Self, Error> {
        let path = rotation.path(base, 1, clock::wall());
        Ok(Self {
            base: base.to_owned(),
            rotation,
            replacing,
            secrets: EmbeddedSecrets::LeftOut,
            writer: begin(&path, replacing)?,
            path,
            extent: FileExtent::default(),
            before: VecDeque::new(),
            begun: 1,
        })
    }

    /// The same with secrets, or without.
    #[must_use]
    pub fn with_secrets(self, secrets: EmbeddedSecrets) -> Self {
        Self { secrets, ..self }
    }

    /// Gives the first file to a user, runs `switch_to`, and verifies that the user can create the
    /// further files.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`], and the errors of `switch_to`.
    pub fn hand_over(
        &self,
        user: &User,
        switch_to: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let file = self.writer.get_ref().get_ref();
        if file.metadata().is_ok_and(|facts| facts.is_file()) {
            user.own(file).map_err(|cause| unwritable(&self.path, cause))?;
        }
        switch_to()?;
        let folder = self.base.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or_else(|| Path::new("."));
        if self.rotation.is_on() && !user.may_write(folder) {
            let text = format!(
                "further files are created by {}, who has no write permission",
                user.display_name()
            );
            return Err(unwritable(folder, io::Error::new(io::ErrorKind::PermissionDenied, text)));
        }
        Ok(())
    }

    /// Whether a packet of this time belongs in the next file.
    pub(super) fn is_full(&self, time: Timestamp) -> bool {
        self.rotation.is_due(&self.extent, time)
    }

    /// Starts the next file, and removes the oldest if there are too many.
    pub(super) fn next_file(&mut self) -> Result<(), Error> {
        self.begun = self.begun.saturating_add(1);
        let path = self.rotation.path(&self.base, self.begun, clock::wall());
        self.writer = begin(&path, self.replacing)?;
        self.extent = FileExtent::default();
        self.before.push_back(std::mem::replace(&mut self.path, path));
        while self.rotation.files.is_some_and(|kept| length_u64(self.before.len()) >= kept) {
            let Some(oldest) = self.before.pop_front() else { break };
            match fs::remove_file(&oldest) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    return Err(unwritable(&oldest, cause));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Writes a packet.
    pub(super) fn push(&mut self, packet: &Packet<'_>) -> Result<(), Error> {
        self.write(|writer| writer.push(packet))?;
        self.extent.packets = self.extent.packets.saturating_add(1);
        self.extent.first.get_or_insert(packet.time);
        self.extent.bytes = self.writer.length();
        Ok(())
    }

    /// Writes anything else.
    pub(super) fn write(
        &mut self,
        work: impl FnOnce(&mut PcapngWriter<BufWriter<File>>) -> io::Result<()>,
    ) -> Result<(), Error> {
        work(&mut self.writer).map_err(|cause| unwritable(&self.path, cause))
    }
}

/// Creates a file and writes its header.
fn begin(path: &Path, replacing: Replacing) -> Result<PcapngWriter<BufWriter<File>>, Error> {
    let out = BufWriter::with_capacity(BUFFER_BYTES, create(path, replacing)?);
    let comment = format!("written by {PROGRAM}");
    PcapngWriter::with_comment(out, &comment).map_err(|cause| unwritable(path, cause))
}

/// Creates a file that only its owner can read, because captures contain private data.
pub(super) fn create(path: &Path, replacing: Replacing) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.write(true);
    match fs::metadata(path) {
        // A pipe or a device is opened as it is.
        Ok(facts) if !facts.is_file() && !facts.is_dir() => {}
        // Removed and not truncated, so that no other name of the file, and no link, is followed.
        Ok(facts) if facts.is_file() && replacing == Replacing::Yes => {
            fs::remove_file(path).map_err(|cause| unwritable(path, cause))?;
            options.create_new(true);
        }
        Ok(_) | Err(_) => {
            options.create_new(true);
        }
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, OWNER_ONLY);
    options.open(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { name: printable(&path.to_string_lossy()) },
        _ => unwritable(path, cause),
    })
}

/// Whether two paths name the same file, also by links.
pub fn is_same_file(input: &Path, output: &Path) -> bool {
    let canonical = input.canonicalize().ok().zip(output.canonicalize().ok());
    canonical.is_some_and(|(input, output)| input == output) || is_linked(input, output)
}

/// Whether two paths name the same file by hard links.
#[cfg(unix)]
fn is_linked(input: &Path, output: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let facts = input.metadata().ok().zip(output.metadata().ok());
    facts.is_some_and(|(input, output)| (input.dev(), input.ino()) == (output.dev(), output.ino()))
}

#[cfg(not(unix))]
fn is_linked(_: &Path, _: &Path) -> bool {
    false
}

fn unwritable(path: &Path, cause: io::Error) -> Error {
    Error::Unwritable { name: printable(&path.to_string_lossy()), cause }
}

/// Bytes that are written at once.
pub(super) const BUFFER_BYTES: usize = 256 << 10;

/// The mode of files.
#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "what was written is read again")]

    use super::*;

    #[test]
    fn files_are_replaced_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.pcapng");
        fs::write(&path, "something dear").unwrap();
        let create = |path: &Path, replacing| {
            CaptureOutput::create(path, Rotation::default(), replacing).map(|_| ())
        };
        let error = create(&path, Replacing::No).unwrap_err().to_string();
        assert!(error.ends_with("feed.pcapng exists; give another name, or --force to replace it"));
        assert_eq!(fs::read(&path).unwrap(), b"something dear");
        create(&path, Replacing::Yes).unwrap();
        assert_ne!(fs::read(&path).unwrap(), b"something dear");
        for path in [folder.path().to_owned(), folder.path().join("none").join("feed")] {
            let error = create(&path, Replacing::Yes).unwrap_err();
            assert!(matches!(error, Error::Exists { .. } | Error::Unwritable { .. }), "{error}");
        }
    }
}
