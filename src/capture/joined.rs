//! Several capture files that are read as one, for example those of a ring.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::error::{Damage, Error, SkippedBlock, SkippedBlocks, printable};
use super::open::{length, open};
use super::pcapng::MAX_SECRETS;
use super::secrets_ahead::secrets_ahead;
use super::store::FileStore;
use super::{Packet, PacketSource, Secrets};
use crate::stream::{PacketId, Timestamp};

/// The files of one capture, in the order of their first packets.
#[derive(Clone, Debug)]
pub struct CaptureFiles {
    files: Vec<CaptureFile>,
}

#[derive(Clone, Debug)]
struct CaptureFile {
    path: PathBuf,
    /// Time of its first packet; the latest of all times if it has none.
    first: Timestamp,
}

/// Where the packets of one file are among those of all files that are read as one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FilePackets {
    /// The file.
    pub name: String,
    /// How many packets it has.
    pub packets: u64,
    /// The numbers of its first and last packet; 0 if it has none. Packets of other files are between
    /// them if the files overlap in time.
    pub range: (PacketId, PacketId),
}

impl CaptureFiles {
    /// One file, which is not opened yet.
    pub fn one(path: PathBuf) -> Self {
        Self { files: vec![CaptureFile { path, first: Timestamp(0) }] }
    }

    /// Several files. Reads the first packet of each.
    ///
    /// # Errors
    ///
    /// As [`open`], with the file that cannot be opened. One that is damaged from its first packet on
    /// can: the damage is reported when it is read.
    pub fn join(paths: Vec<PathBuf>) -> Result<Self, Error> {
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let first = match open(&path)?.next_packet() {
                Ok(Some(packet)) => packet.time,
                Ok(None) => LATEST,
                Err(error) if error.is_damage() => LATEST,
                Err(error) => return Err(error),
            };
            files.push(CaptureFile { path, first });
        }
        // Stable: files whose first packets have the same time stay as they were named.
        files.sort_by_key(|file| file.first);
        Ok(Self { files })
    }

    /// What they are called in titles and messages: several files by the name of the first, without
    /// its directory. A message about one of them has its path.
    pub fn name(&self) -> String {
        let mut paths = self.paths();
        let Some(path) = paths.next() else { return String::new() };
        let first = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        match paths.len() {
            0 => path.to_string_lossy().into_owned(),
            1 => format!("{first} and 1 more file"),
            more => format!("{first} and {more} more files"),
        }
    }

    /// The files, in the order in which they are read.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// Opens them.
    ///
    /// # Errors
    ///
    /// As [`open`]; an error of one of several files is returned after the packets of all.
    pub fn open(&self) -> Result<Box<dyn PacketSource + Send>, Error> {
        match self.files.as_slice() {
            [one] => open(&one.path),
            several => Ok(Box::new(JoinedSource::new(printable(&self.name()), several))),
        }
    }

    /// A store of their packets; `None` if one is compressed, so that packets must be kept in a
    /// [`Spool`](super::Spool) while they are read.
    ///
    /// # Errors
    ///
    /// As [`FileStore::open`].
    pub fn store(&self) -> Result<Option<FileStore>, Error> {
        FileStore::open_all(self.paths())
    }

    /// Their length in bytes, as [`PacketSource::position`] counts them; `None` if it is not known.
    pub fn length(&self) -> Option<u64> {
        self.paths().map(length).try_fold(0_u64, |sum, length| Some(sum.saturating_add(length?)))
    }
}

/// Packets of several files in the order of their times, as mergecap writes them.
///
/// A file is opened when its first packet is due, so that files that follow one another are open one
/// at a time. The packets of one file are never reordered.
struct JoinedSource {
    name: String,
    /// Files that are not open yet, the next one first.
    pending: VecDeque<(usize, CaptureFile)>,
    open: Vec<OpenFile>,
    /// Where the packet that was returned last is in `open`.
    returned: Option<usize>,
    packets: u64,
    files: Vec<FilePackets>,
    secrets: Vec<Secrets>,
    secrets_length: usize,
    /// Where secrets that come later can be looked for, until that was done.
    paths: Vec<PathBuf>,
    skipped_blocks: SkippedBlocks,
    /// Bytes of closed files.
    position: u64,
    /// Packets that were dropped according to closed files.
    dropped: u64,
    /// The first error of a file: reading continues with the others.
    failure: Option<Error>,
}

/// A file that is being read, and its next packet.
struct OpenFile {
    index: usize,
    source: Box<dyn PacketSource + Send>,
    /// The next packet without its bytes.
    next: Option<Packet<'static>>,
    bytes: Vec<u8>,
    /// How many secrets and damaged blocks were taken over.
    secrets: usize,
    skipped: usize,
}

impl JoinedSource {
    fn new(name: String, files: &[CaptureFile]) -> Self {
        let unread = |file: &CaptureFile| FilePackets {
            name: printable(&file.path.to_string_lossy()),
            packets: 0,
            range: (PacketId(0), PacketId(0)),
        };
        Self {
            name,
            pending: files.iter().cloned().enumerate().collect(),
            open: Vec::new(),
            returned: None,
            packets: 0,
            files: files.iter().map(unread).collect(),
            secrets: Vec::new(),
            secrets_length: 0,
            skipped_blocks: SkippedBlocks::default(),
            paths: files.iter().map(|file| file.path.clone()).collect(),
            position: 0,
            dropped: 0,
            failure: None,
        }
    }

    /// Opens the next file, unless nothing of it can be read.
    fn open_next(&mut self) {
        let Some((index, file)) = self.pending.pop_front() else { return };
        match open(&file.path) {
            Ok(source) => {
                let (next, bytes) = (None, Vec::new());
                self.open.push(OpenFile { index, source, next, bytes, secrets: 0, skipped: 0 });
                self.advance(self.open.len().saturating_sub(1));
            }
            Err(error) => self.fail(error),
        }
    }

    /// Reads the next packet of an open file, or closes it.
    fn advance(&mut self, place: usize) {
        let Some(file) = self.open.get_mut(place) else { return };
        file.bytes.clear();
        let next = match file.source.next_packet() {
            Ok(Some(packet)) => {
                file.bytes.extend_from_slice(packet.bytes);
                file.next = Some(Packet { bytes: &[], ..packet });
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) => Err(error),
        };
        self.take_over(place);
        match next {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => self.fail(error),
        }
        let mut closed = self.open.swap_remove(place);
        self.position = self.position.saturating_add(closed.source.position());
        self.dropped = self.dropped.saturating_add(closed.source.dropped());
    }

    /// Takes over what a file has besides packets.
    fn take_over(&mut self, place: usize) {
        let Some(file) = self.open.get_mut(place) else { return };
        let after = self.files.get(file.index).map_or(PacketId(0), |it| it.range.1);
        let known = file.source.skipped_blocks();
        for block in known.list().iter().skip(file.skipped) {
            self.skipped_blocks.add(SkippedBlock { after, ..*block });
        }
        file.skipped = known.list().len();
        for secrets in file.source.secrets().iter().skip(file.secrets) {
            // Each file of a ring repeats them.
            if self.secrets.contains(secrets) {
                continue;
            }
            let length = self.secrets_length.saturating_add(secrets.data.len());
            if length <= MAX_SECRETS {
                self.secrets_length = length;
                self.secrets.push(secrets.clone());
            } else {
                let damage = Damage::TooManySecrets;
                self.skipped_blocks.add(SkippedBlock { offset: 0, after, damage });
            }
        }
        file.secrets = file.source.secrets().len();
    }

    fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// The open file with the earliest packet.
    fn earliest(&self) -> Option<(Timestamp, usize)> {
        let times =
            self.open.iter().zip(0..).filter_map(|(file, place)| {
                file.next.map(|packet| (packet.time, file.index, place))
            });
        times.min().map(|(time, _, place)| (time, place))
    }

    /// The open file whose packet is next, after opening all files that may have an earlier one.
    fn next_file(&mut self) -> Option<usize> {
        loop {
            let earliest = self.earliest();
            let pending = self.pending.front().map(|(_, file)| file.first);
            match (earliest, pending) {
                (Some((time, _)), Some(first)) if first < time && self.open.len() < MAX_OPEN => {}
                (None, Some(_)) => {}
                (Some((_, place)), _) => return Some(place),
                (None, None) => return None,
            }
            self.open_next();
        }
    }
}

impl PacketSource for JoinedSource {
    fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Error> {
        if let Some(place) = self.returned.take() {
            self.advance(place);
        }
        let Some(place) = self.next_file() else {
            return self.failure.take().map_or(Ok(None), Err);
        };
        self.returned = Some(place);
        self.packets = self.packets.saturating_add(1);
        let id = PacketId(self.packets);
        let Some(file) = self.open.get_mut(place) else { return Ok(None) };
        let Some(packet) = file.next.take() else { return Ok(None) };
        if let Some(FilePackets { packets, range: (first, last), .. }) =
            self.files.get_mut(file.index)
        {
            if *packets == 0 {
                *first = id;
            }
            *packets = packets.saturating_add(1);
            *last = id;
        }
        let file_offset = FileStore::joined_offset(file.index, packet.file_offset);
        Ok(Some(Packet { id, file_offset, bytes: &file.bytes, ..packet }))
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn position(&self) -> u64 {
        let open = self.open.iter().map(|file| file.source.position());
        open.fold(self.position, u64::saturating_add)
    }

    fn secrets(&self) -> &[Secrets] {
        &self.secrets
    }

    fn secrets_ahead(&mut self) -> Vec<Secrets> {
        let paths = std::mem::take(&mut self.paths);
        paths.iter().flat_map(|path| secrets_ahead(path)).collect()
    }

    fn skipped_blocks(&self) -> &SkippedBlocks {
        &self.skipped_blocks
    }

    fn dropped(&mut self) -> u64 {
        let open = self.open.iter_mut().map(|file| file.source.dropped());
        open.fold(self.dropped, u64::saturating_add)
    }

    fn files(&self) -> &[FilePackets] {
        &self.files
    }
}

/// The time of a file without packets, which is read last.
const LATEST: Timestamp = Timestamp(u64::MAX);

/// How many files that overlap in time are open at once; each takes a file descriptor and 256 KiB.
///
/// If there are more, the others follow later than their times.
const MAX_OPEN: usize = 128;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::capture::store::{PacketPlace, PacketStore};
    use crate::capture::{LinkType, PcapngWriter};

    /// A capture of packets of three bytes at these seconds; the bytes are `mark` and their number.
    fn capture(mark: u8, seconds: &[u64]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = PcapngWriter::new(&mut file).unwrap();
        let secrets = Secrets { kind: 0x544c_534b, data: b"CLIENT_RANDOM 0 1".to_vec() };
        writer.secrets(&secrets).unwrap();
        for (number, second) in (1..).zip(seconds) {
            let packet = Packet {
                id: PacketId(u64::from(number)),
                time: Timestamp(second * 1_000_000_000),
                link_type: LinkType(1),
                interface: 0,
                bytes: &[mark, 0, number],
                original_length: 60,
                file_offset: 0,
            };
            writer.push(&packet).unwrap();
        }
        writer.finish().unwrap();
        file
    }

    struct Folder(tempfile::TempDir);

    impl Folder {
        /// Files with these contents.
        fn of(files: &[(&str, &[u8])]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (name, content) in files {
                fs::write(folder.path().join(name), content).unwrap();
            }
            Self(folder)
        }

        fn join(&self, names: &[&str]) -> CaptureFiles {
            let paths = names.iter().map(|name| self.0.path().join(name));
            CaptureFiles::join(paths.collect()).unwrap()
        }
    }

    /// Mark and number of each packet, which are read again from their places, and the error at the end.
    fn content(files: &CaptureFiles) -> (Vec<(char, u8)>, Option<String>) {
        let store = files.store().unwrap();
        let mut source = files.open().unwrap();
        let mut packets = Vec::new();
        loop {
            match source.next_packet() {
                Ok(Some(packet)) => {
                    packets.push((char::from(packet.bytes[0]), packet.bytes[2]));
                    assert_eq!(packet.id.0, u64::try_from(packets.len()).unwrap());
                    assert_eq!((packet.original_length, packet.interface), (60, 0));
                    let Some(store) = &store else { continue };
                    let mut again = Vec::new();
                    store.read(&PacketPlace::of(&packet), &mut again).unwrap();
                    assert_eq!(again, packet.bytes);
                }
                Ok(None) => return (packets, None),
                Err(error) => {
                    assert!(matches!(source.next_packet(), Ok(None)));
                    return (packets, Some(error.to_string()));
                }
            }
        }
    }

    #[test]
    fn files_follow_one_another_in_the_order_of_their_first_packets() {
        let folder = Folder::of(&[
            ("a", &capture(b'a', &[30, 31])),
            ("b", &capture(b'b', &[10, 11])),
            ("c", &capture(b'c', &[20])),
            ("none", &capture(b'n', &[])),
        ]);
        let files = folder.join(&["a", "none", "b", "c"]);
        let expected = vec![('b', 1), ('b', 2), ('c', 1), ('a', 1), ('a', 2)];
        assert_eq!(content(&files), (expected, None));
        let mut source = files.open().unwrap();
        while source.next_packet().unwrap().is_some() {}
        let ranges: Vec<_> = source
            .files()
            .iter()
            .map(|file| (file.packets, file.range.0.0, file.range.1.0))
            .collect();
        assert_eq!(ranges, [(2, 1, 2), (1, 3, 3), (2, 4, 5), (0, 0, 0)]);
        assert_eq!(source.secrets().len(), 1, "they are the same in all files");
        assert_eq!(source.position(), files.length().unwrap());
        assert_eq!(source.name(), "b and 3 more files");
    }

    #[test]
    fn files_that_overlap_are_merged_by_time() {
        let folder = Folder::of(&[
            ("a", &capture(b'a', &[10, 12, 12, 20])),
            ("b", &capture(b'b', &[11, 12, 13, 9, 30])),
        ]);
        let expected = "a1 b1 a2 a3 b2 b3 b4 a4 b5";
        let (packets, error) = content(&folder.join(&["b", "a"]));
        let found: Vec<String> = packets.iter().map(|(mark, n)| format!("{mark}{n}")).collect();
        assert_eq!((found.join(" ").as_str(), error), (expected, None));
    }

    #[test]
    fn damage_of_one_file_does_not_end_the_others() {
        let whole = capture(b'a', &[10, 11]);
        let folder = Folder::of(&[
            ("a", &whole[..whole.len() - 5]),
            ("b", &capture(b'b', &[20, 21])),
            ("c", &whole[..whole.len() - 120]),
        ]);
        let (packets, error) = content(&folder.join(&["a", "b", "c"]));
        assert_eq!(packets, [('a', 1), ('b', 1), ('b', 2)]);
        assert!(error.unwrap().contains("/a is cut off in packet 2"));
        let missing = CaptureFiles::join(vec!["no/such/file".into()]).unwrap_err();
        assert!(matches!(missing, Error::Missing { .. }));
    }

    #[test]
    fn compressed_files_are_read_but_have_no_store() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, &capture(b'b', &[20])).unwrap();
        let folder = Folder::of(&[("a", &capture(b'a', &[10])), ("b", &encoder.finish().unwrap())]);
        let files = folder.join(&["a", "b"]);
        assert!(files.store().unwrap().is_none());
        assert_eq!(content(&files).0, [('a', 1), ('b', 1)]);
    }
}
