//! Key logs that grow while packets are captured.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::PacketSource;
use crate::stream::length_u64;

/// Text files to which lines are appended while they are read: key logs.
#[derive(Debug, Default)]
pub struct GrowingFiles {
    files: Vec<GrowingFile>,
    /// Whether what they had at first was read.
    has_begun: bool,
}

/// A text file to which lines are appended while it is read.
#[derive(Debug)]
pub struct GrowingFile {
    path: PathBuf,
    /// `None` until it exists.
    file: Option<File>,
    /// Bytes that were read of it.
    position: u64,
    /// The line that has begun.
    line: Vec<u8>,
}

impl GrowingFiles {
    /// Takes another file.
    pub fn push(&mut self, file: GrowingFile) {
        self.files.push(file);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// All lines that were completed since this was called last. What cannot be read is of no use, and no failure
    /// of ours.
    fn read_lines(&mut self) -> Vec<u8> {
        self.has_begun = true;
        let files = self.files.iter_mut();
        files.flat_map(|file| file.read_lines().unwrap_or_default()).collect()
    }

    /// The same at the end of a capture: a line need not be complete.
    pub fn read_rest(&mut self) -> Vec<u8> {
        let mut lines = self.read_lines();
        for file in &mut self.files {
            lines.append(&mut file.line);
            lines.push(b'\n');
        }
        lines
    }

    /// Looks for new lines until packets come or nobody waits for lines any more: `learn` takes lines, if there
    /// are any, and says whether somebody does.
    pub fn follow(&mut self, source: &dyn PacketSource, mut learn: impl FnMut(&[u8]) -> bool) {
        if !learn(&[]) && self.has_begun {
            return;
        }
        while learn(&self.read_lines()) && !source.is_ready() {
            thread::sleep(INTERVAL);
        }
    }
}

impl GrowingFile {
    /// Opens a file; it need not exist yet.
    ///
    /// # Errors
    ///
    /// If it exists and cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = Self { path: path.to_owned(), file: None, position: 0, line: Vec::new() };
        file.reopen()?;
        Ok(file)
    }

    /// Creates a file that only its owner can read, and reads it as lines come.
    ///
    /// # Errors
    ///
    /// If it exists or cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut options = File::options();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)?;
        Self::open(path)
    }

    /// Whether it did not exist when it was looked at last.
    pub fn is_missing(&self) -> bool {
        self.file.is_none()
    }

    /// The lines that were completed since this was called last.
    ///
    /// # Errors
    ///
    /// If it cannot be opened or read.
    pub fn read_lines(&mut self) -> io::Result<Vec<u8>> {
        if self.file.is_none() {
            self.reopen()?;
        }
        let Some(file) = &mut self.file else { return Ok(Vec::new()) };
        if file.metadata()?.len() < self.position {
            // It was emptied, and begins anew.
            self.position = file.seek(SeekFrom::Start(0))?;
            self.line.clear();
        }
        let start = self.line.len();
        let room = LARGEST.saturating_sub(self.position);
        file.take(room).read_to_end(&mut self.line)?;
        let added = self.line.len().saturating_sub(start);
        self.position = self.position.saturating_add(length_u64(added));
        let whole =
            self.line.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        Ok(self.line.drain(..whole).collect())
    }

    #[expect(clippy::disallowed_methods, reason = "the command line names it; it is not a capture")]
    fn reopen(&mut self) -> io::Result<()> {
        match File::open(&self.path) {
            Ok(file) => self.file = Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Time between two looks at the files.
const INTERVAL: Duration = Duration::from_millis(5);

/// The most that is read of a file, in bytes.
const LARGEST: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_whole_lines_are_read_and_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.log");
        let mut growing = GrowingFile::open(&path).unwrap();
        assert!(growing.is_missing() && growing.read_lines().unwrap().is_empty());
        let mut file = File::create(&path).unwrap();
        let mut append = |text: &[u8]| {
            file.write_all(text).unwrap();
            growing.read_lines().unwrap()
        };
        assert_eq!(append(b"one\ntw"), b"one\n");
        assert_eq!(append(b"o"), b"");
        assert_eq!(append(b"\nthree\n"), b"two\nthree\n");
        assert_eq!(append(b""), b"");
    }

    #[test]
    fn a_file_that_was_emptied_is_read_from_its_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.log");
        std::fs::write(&path, "first line\nbegun").unwrap();
        let mut growing = GrowingFile::open(&path).unwrap();
        assert_eq!(growing.read_lines().unwrap(), b"first line\n");
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(growing.read_lines().unwrap(), b"new\n");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(GrowingFile::open(folder.path()).unwrap().read_lines().is_err());
    }
}
