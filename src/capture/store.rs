//! Reading single packets again.

use std::fs::File;
use std::io;
use std::path::Path;

use super::compressed::recognize;
use super::error::{Error, printable};
use super::open::refusal;
use super::{LinkType, Packet};
use crate::stream::{PacketId, Timestamp, length_u64, length_usize};

/// Where the bytes of a packet can be read again, and how to decode them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PacketPlace {
    /// Its number in the capture.
    pub id: PacketId,
    /// Position of its bytes in the capture file or [`Spool`](super::Spool).
    pub offset: u64,
    /// How many bytes were captured.
    pub length: u32,
    /// How many there were on the wire.
    pub original_length: u32,
    /// How to decode the first of them.
    pub link_type: LinkType,
}

impl PacketPlace {
    /// The place of a packet in its file.
    pub fn of(packet: &Packet<'_>) -> Self {
        Self {
            id: packet.id,
            offset: packet.file_offset,
            length: u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX),
            original_length: packet.original_length,
            link_type: packet.link_type,
        }
    }

    /// The packet with `bytes` that were read again. Its time and interface are not known.
    pub fn packet<'a>(&self, bytes: &'a [u8]) -> Packet<'a> {
        Packet {
            id: self.id,
            time: Timestamp(0),
            link_type: self.link_type,
            interface: 0,
            bytes,
            original_length: self.original_length,
            file_offset: self.offset,
        }
    }
}

/// A store from which packets can be read again.
pub trait PacketStore {
    /// Replaces the content of `into` by the bytes of a packet.
    ///
    /// # Errors
    ///
    /// - [`Error::Io`] if they cannot be read, or no longer exist.
    /// - [`Error::NotSpooled`] if they were overwritten.
    fn read(&self, place: &PacketPlace, into: &mut Vec<u8>) -> Result<(), Error>;
}

/// Capture files that are not compressed: packets are read in place.
#[derive(Debug)]
pub struct FileStore {
    files: Vec<StoredFile>,
}

#[derive(Debug)]
struct StoredFile {
    file: Positional,
    name: String,
}

impl FileStore {
    /// Opens a capture for reading packets again; `None` for a compressed one, whose packets must be
    /// kept in a [`Spool`](super::Spool) while they are read.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::Permission`] and [`Error::Io`] for the path.
    pub fn open(path: &Path) -> Result<Option<Self>, Error> {
        Self::open_all(std::iter::once(path))
    }

    /// The same for files that are read as one; `None` if one of them is compressed.
    pub(super) fn open_all<'p>(
        paths: impl Iterator<Item = &'p Path>,
    ) -> Result<Option<Self>, Error> {
        let files: Option<Vec<StoredFile>> =
            paths.map(StoredFile::open).collect::<Result<_, _>>()?;
        Ok(files.map(|files| Self { files }))
    }

    /// The position of a packet among all files that are read as one: the upper bits are the number
    /// of its file, from 0.
    pub(super) fn joined_offset(file: usize, offset: u64) -> u64 {
        match length_u64(file).checked_shl(FILE_BITS) {
            Some(base) if offset < LONGEST_FILE => base | offset,
            // It cannot be read again.
            _ => u64::MAX,
        }
    }

    /// The file with this position, and the position in it.
    fn locate(&self, offset: u64) -> Option<(&StoredFile, u64)> {
        match self.files.as_slice() {
            [one] => Some((one, offset)),
            several => {
                let file = several.get(length_usize(offset >> FILE_BITS))?;
                Some((file, offset % LONGEST_FILE))
            }
        }
    }
}

impl StoredFile {
    /// Opens a file; `None` for a compressed one.
    #[expect(clippy::disallowed_methods, reason = "captures are opened here a second time")]
    fn open(path: &Path) -> Result<Option<Self>, Error> {
        let name = printable(&path.to_string_lossy());
        let file = File::open(path).map_err(|cause| refusal(name.clone(), cause))?;
        let store = Self { file: Positional::new(file), name };
        let mut first = [0; MAGIC_LENGTH];
        let plain = match store.file.read(&mut first, 0) {
            Ok(()) => recognize(&first).is_none(),
            // Too short to be a capture, or not a file that can be read at any position.
            Err(_) => false,
        };
        Ok(plain.then_some(store))
    }
}

impl PacketStore for FileStore {
    fn read(&self, place: &PacketPlace, into: &mut Vec<u8>) -> Result<(), Error> {
        into.clear();
        into.resize(length_usize(u64::from(place.length)), 0);
        let Some((StoredFile { file, name }, offset)) = self.locate(place.offset) else {
            let cause = io::ErrorKind::UnexpectedEof.into();
            return Err(Error::Io { name: format!("packet {}", place.id), cause });
        };
        let result = file.read(into, offset);
        result.map_err(|cause| Error::Io { name: name.clone(), cause })
    }
}

/// A file that several threads read and write at given positions.
#[derive(Debug)]
pub(super) struct Positional {
    #[cfg(unix)]
    file: File,
    #[cfg(not(unix))]
    file: std::sync::Mutex<File>,
}

#[cfg(unix)]
impl Positional {
    pub(super) fn new(file: File) -> Self {
        Self { file }
    }

    pub(super) fn read(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, into, offset)
    }

    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.file, bytes, offset)
    }
}

#[cfg(not(unix))]
impl Positional {
    pub(super) fn new(file: File) -> Self {
        Self { file: std::sync::Mutex::new(file) }
    }

    pub(super) fn read(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let mut file = self.seek(offset)?;
        io::Read::read_exact(&mut *file, into)
    }

    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut file = self.seek(offset)?;
        io::Write::write_all(&mut *file, bytes)
    }

    fn seek(&self, offset: u64) -> io::Result<std::sync::MutexGuard<'_, File>> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        io::Seek::seek(&mut *file, io::SeekFrom::Start(offset))?;
        Ok(file)
    }
}

/// Bits of a position that are the one in its file, if several files are read as one.
const FILE_BITS: u32 = 40;

/// The longest file whose packets can be read again if it is one of several, in bytes: 1 TiB.
const LONGEST_FILE: u64 = 1 << FILE_BITS;

/// Bytes needed to recognize a compressed file.
const MAGIC_LENGTH: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn place(offset: u64, length: u32) -> PacketPlace {
        PacketPlace {
            id: PacketId(1),
            offset,
            length,
            original_length: length,
            link_type: LinkType(1),
        }
    }

    #[test]
    fn packets_are_read_in_place() {
        let file = file(b"\xd4\xc3\xb2\xa1 some packets");
        let store = FileStore::open(file.path()).unwrap().unwrap();
        let mut bytes = b"something longer than what is read".to_vec();
        store.read(&place(5, 4), &mut bytes).unwrap();
        assert_eq!(bytes, b"some");
        store.read(&place(0, 0), &mut bytes).unwrap();
        assert_eq!(bytes, b"");
    }

    #[test]
    fn what_is_not_there_any_more_is_an_error() {
        let file = file(b"\xd4\xc3\xb2\xa1");
        let store = FileStore::open(file.path()).unwrap().unwrap();
        let error = store.read(&place(2, 10), &mut Vec::new()).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error:?}");
    }

    #[test]
    fn compressed_files_are_distinguished() {
        for content in [&b"\x1f\x8b\x08\0"[..], b"\x28\xb5\x2f\xfd", b""] {
            assert!(FileStore::open(file(content).path()).unwrap().is_none(), "{content:x?}");
        }
        let missing = FileStore::open(Path::new("no/such/file.pcap"));
        assert!(matches!(missing, Err(Error::Missing { .. })));
    }
}
