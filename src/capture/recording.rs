//! Packets that are written to a pcapng file while they are read.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::clock;
use super::error::printable;
use super::live::rights::User;
use super::rotation::Extent;
use super::{Error, Interface, Notices, Packet, PacketSource, Rotation, Secrets, Writer};
use crate::stream::Timestamp;

/// Whether a file that is there already is replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Replacing {
    /// It is.
    Yes,
    /// It is not, and that is an error.
    No,
}

/// A source whose packets are also written to a file, or to several one after the other.
///
/// The file is whole after [`PacketSource::close`], and as far as packets came before.
pub struct Recording {
    source: Box<dyn PacketSource + Send>,
    interfaces: Vec<Interface>,
    output: Output,
    /// How many of the source's secrets were written to this file.
    secrets: usize,
    /// The packet that was given last.
    bytes: Vec<u8>,
    /// Times of the first packet of all and of the last.
    times: Option<(Timestamp, Timestamp)>,
    /// Nothing is written any more.
    ended: bool,
}

/// The file that is being written, and those before.
#[derive(Debug)]
pub struct Output {
    /// What the user called it.
    base: PathBuf,
    rotation: Rotation,
    replacing: Replacing,
    writer: Option<Writer<BufWriter<File>>>,
    extent: Extent,
    /// The newest files.
    paths: VecDeque<PathBuf>,
    /// How many files were begun.
    begun: u64,
}

impl Output {
    /// Makes the first file, so that it is known to be possible before packets are read.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] for a file that is not to be replaced, [`Error::Unwritable`] for all else.
    pub fn create(base: &Path, rotation: Rotation, replacing: Replacing) -> Result<Self, Error> {
        let mut output = Self {
            base: base.to_owned(),
            rotation,
            replacing,
            writer: None,
            extent: Extent::default(),
            paths: VecDeque::new(),
            begun: 0,
        };
        output.begin(clock::wall())?;
        Ok(output)
    }

    /// Gives the first file to a user, and sees that the others can be made once the process is
    /// that user (`take_over`).
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`].
    pub fn hand_over(
        &self,
        user: &User,
        take_over: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        if let (Some(writer), Some(path)) = (&self.writer, self.paths.back()) {
            let file = writer.get_ref().get_ref();
            if file.metadata().is_ok_and(|facts| facts.is_file()) {
                user.own(file).map_err(|cause| unwritable(path, cause))?;
            }
        }
        take_over()?;
        let folder = self.base.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        if self.rotation.is_on() && !user.may_write(folder) {
            let text = format!("the next files would be made by {}, who may not", user.words());
            return Err(unwritable(folder, io::Error::new(io::ErrorKind::PermissionDenied, text)));
        }
        Ok(())
    }

    /// Begins a file.
    fn begin(&mut self, time: Timestamp) -> Result<(), Error> {
        self.begun = self.begun.saturating_add(1);
        let path = self.rotation.path(&self.base, self.begun, time);
        let file = create(&path, self.replacing)?;
        let out = BufWriter::with_capacity(BUFFER_BYTES, file);
        let comment = format!("written by {}", super::write::PROGRAM);
        let writer =
            Writer::with_comment(out, &comment).map_err(|cause| unwritable(&path, cause))?;
        self.writer = Some(writer);
        self.extent = Extent::default();
        self.paths.push_back(path);
        let kept = self.rotation.files.filter(|_| self.rotation.is_on()).unwrap_or(u64::MAX);
        while crate::stream::length_u64(self.paths.len()) > kept.max(1) {
            if let Some(path) = self.paths.pop_front() {
                fs::remove_file(&path).map_err(|cause| unwritable(&path, cause))?;
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        work: impl FnOnce(&mut Writer<BufWriter<File>>) -> io::Result<()>,
    ) -> Result<(), Error> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        work(writer).map_err(|cause| {
            let path = self.paths.back().map_or(self.base.as_path(), PathBuf::as_path);
            unwritable(path, cause)
        })
    }
}

impl Recording {
    /// Writes what `source` gives. `interfaces` are those that it captures on; of other sources no more
    /// is known than their packets tell.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`].
    pub fn new(
        source: Box<dyn PacketSource + Send>,
        interfaces: Vec<Interface>,
        output: Output,
    ) -> Result<Self, Error> {
        let mut recording = Self {
            source,
            interfaces,
            output,
            secrets: 0,
            bytes: Vec::new(),
            times: None,
            ended: false,
        };
        recording.describe()?;
        Ok(recording)
    }

    fn describe(&mut self) -> Result<(), Error> {
        let interfaces = &self.interfaces;
        self.output.write(|writer| {
            (0..).zip(interfaces).try_for_each(|(number, it)| writer.interface(number, it))
        })
    }

    /// Ends the file: what was lost is written last.
    fn end_file(&mut self) -> Result<(), Error> {
        let times = self.times.unwrap_or_default();
        let interfaces = &self.interfaces;
        self.output.write(|writer| {
            for (number, interface) in (0..).zip(interfaces) {
                writer.statistics(number, &interface.losses, times)?;
            }
            writer.flush()
        })
    }

    /// Writes a packet whose bytes are in `self.bytes`.
    fn write(&mut self, packet: &Packet<'_>) -> Result<(), Error> {
        let first = self.times.map_or(packet.time, |(first, _)| first);
        if self.output.rotation.is_due(&self.output.extent, packet.time) {
            self.end_file()?;
            self.output.begin(clock::wall())?;
            self.describe()?;
            self.secrets = 0;
        }
        self.times = Some((first, packet.time));
        let secrets = self.source.secrets();
        let new = secrets.get(self.secrets..).unwrap_or_default();
        self.output.write(|writer| {
            new.iter().try_for_each(|secrets| writer.secrets(secrets))?;
            writer.push(packet)
        })?;
        self.secrets = secrets.len();
        let extent = &mut self.output.extent;
        extent.packets = extent.packets.saturating_add(1);
        extent.first.get_or_insert(packet.time);
        extent.bytes = self.output.writer.as_ref().map_or(0, Writer::length);
        if !self.source.is_ready() {
            // Whoever reads the file meanwhile gets what there is.
            self.output.write(Writer::flush)?;
        }
        Ok(())
    }
}

impl PacketSource for Recording {
    fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        // Copied, because the source must tell of its secrets before the packet is written.
        let next = self.source.next_packet().map(|next| {
            next.map(|packet| {
                bytes.clear();
                bytes.extend_from_slice(packet.bytes);
                Packet { bytes: &[], ..packet }
            })
        });
        let bare = match next {
            Ok(Some(bare)) => bare,
            Ok(None) => {
                self.close()?;
                return Ok(None);
            }
            Err(error) => {
                // What was wrong first is told.
                self.close().ok();
                return Err(error);
            }
        };
        let written = self.write(&Packet { bytes: &bytes, ..bare });
        self.bytes = bytes;
        if let Err(error) = written {
            self.ended = true;
            return Err(error);
        }
        Ok(Some(Packet { bytes: &self.bytes, ..bare }))
    }

    fn name(&self) -> &str {
        self.source.name()
    }

    fn position(&self) -> u64 {
        self.source.position()
    }

    fn secrets(&self) -> &[Secrets] {
        self.source.secrets()
    }

    fn notices(&self) -> &Notices {
        self.source.notices()
    }

    fn dropped(&mut self) -> u64 {
        self.source.dropped()
    }

    fn is_ready(&self) -> bool {
        self.source.is_ready()
    }

    fn close(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        self.source.close()?;
        self.end_file()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.close().ok();
    }
}

/// Makes a file that only its owner can read: captures hold what people said.
fn create(path: &Path, replacing: Replacing) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.write(true);
    match fs::metadata(path) {
        // A pipe or a device is written to as it is.
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

fn unwritable(path: &Path, cause: io::Error) -> Error {
    Error::Unwritable { name: printable(&path.to_string_lossy()), cause }
}

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 256 << 10;

/// The mode of files.
#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;
