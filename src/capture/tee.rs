//! Packets that are written to pcapng files while they are read.

use std::collections::BTreeMap;

use super::output::{CaptureOutput, EmbeddedSecrets};
use super::{
    Error, FilePackets, Interface, Packet, PacketSource, PcapngWriter, Secrets, SkippedBlocks,
};
use crate::stream::Timestamp;

/// A source whose packets are also written to one or more files. Secrets of the source are not, unless they are
/// [given](PacketSource::write_secrets) for that.
///
/// The file is complete after [`PacketSource::close`]; before that, it contains the packets so far.
pub struct Tee {
    source: Box<dyn PacketSource + Send>,
    interfaces: Vec<Interface>,
    output: CaptureOutput,
    /// Secrets of the sessions that go on.
    secrets: BTreeMap<[u8; 32], Secrets>,
    /// Why they could not be written.
    failure: Option<Error>,
    /// The packet returned last.
    bytes: Vec<u8>,
    /// Times of the first packet of all and of the last.
    times: Option<(Timestamp, Timestamp)>,
    /// Nothing more is written.
    ended: bool,
}

impl Tee {
    /// Writes the packets of `source`. `interfaces` are those that it captures on, if it is live.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`].
    pub fn new(
        source: Box<dyn PacketSource + Send>,
        interfaces: Vec<Interface>,
        output: CaptureOutput,
    ) -> Result<Self, Error> {
        let mut tee = Self {
            source,
            interfaces,
            output,
            secrets: BTreeMap::new(),
            failure: None,
            bytes: Vec::new(),
            times: None,
            ended: false,
        };
        tee.describe()?;
        Ok(tee)
    }

    fn describe(&mut self) -> Result<(), Error> {
        let (interfaces, secrets) = (&self.interfaces, &self.secrets);
        self.output.write(|writer| {
            (0..).zip(interfaces).try_for_each(|(number, it)| writer.interface(number, it))?;
            secrets.values().try_for_each(|secrets| writer.secrets(secrets))
        })
    }

    /// Ends the file with the statistics of the interfaces.
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

    /// Writes a packet, to the next file if a limit is reached.
    fn write(&mut self, packet: &Packet<'_>) -> Result<(), Error> {
        if self.output.is_full(packet.time) {
            self.end_file()?;
            self.output.next_file()?;
            self.describe()?;
        }
        let first = self.times.map_or(packet.time, |(first, _)| first);
        self.times = Some((first, packet.time));
        self.output.push(packet)?;
        if !self.source.is_ready() {
            // Another program may be reading the file.
            self.output.write(PcapngWriter::flush)?;
        }
        Ok(())
    }
}

impl PacketSource for Tee {
    fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Error> {
        if let Some(failure) = self.failure.take() {
            self.ended = true;
            return Err(failure);
        }
        if self.ended {
            return Ok(None);
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        // Copied, because the source is asked whether more has come before the packet is returned.
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
                // The first error is reported.
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

    fn comments(&self) -> &[Vec<u8>] {
        self.source.comments()
    }

    fn secrets_ahead(&mut self) -> Vec<Secrets> {
        self.source.secrets_ahead()
    }

    fn writes_secrets(&self) -> bool {
        self.output.secrets == EmbeddedSecrets::Written
    }

    fn write_secrets(&mut self, session: [u8; 32], key_log: &[u8]) {
        if self.ended || !self.writes_secrets() {
            return;
        }
        let secrets = Secrets::key_log(key_log);
        if let Err(error) = self.output.write(|writer| writer.secrets(&secrets)) {
            self.failure.get_or_insert(error);
        }
        self.secrets.insert(session, secrets);
    }

    fn end_session(&mut self, session: [u8; 32]) {
        self.secrets.remove(&session);
    }

    fn skipped_blocks(&self) -> &SkippedBlocks {
        self.source.skipped_blocks()
    }

    fn dropped(&mut self) -> u64 {
        self.source.dropped()
    }

    fn files(&self) -> &[FilePackets] {
        self.source.files()
    }

    fn is_ready(&self) -> bool {
        self.source.is_ready()
    }

    fn close(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        self.source.close()?;
        self.failure.take().map_or(Ok(()), Err)?;
        self.end_file()
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        self.close().ok();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "what was written is read again")]

    use std::path::{Path, PathBuf};
    use std::{fs, io};

    use super::*;
    use crate::capture::{LinkType, Losses, Replacing, Rotation, open, open_stream};
    use crate::stream::PacketId;

    /// A capture of so many packets, of ten bytes and a second apart, with secrets after the second.
    fn capture(packets: u64) -> Box<dyn PacketSource + Send> {
        let mut file = Vec::new();
        let mut writer = PcapngWriter::new(&mut file).unwrap();
        for number in 1..=packets {
            if number == 3 {
                let secrets = Secrets { kind: 0x544c_534b, data: b"CLIENT_RANDOM 0 1".to_vec() };
                writer.secrets(&secrets).unwrap();
            }
            let packet = Packet {
                id: PacketId(number),
                time: Timestamp(number * 1_000_000_000),
                link_type: LinkType(1),
                interface: 0,
                bytes: &[u8::try_from(number).unwrap(); 10],
                original_length: 60,
                file_offset: 0,
            };
            writer.push(&packet).unwrap();
        }
        writer.finish().unwrap();
        open_stream(Box::new(io::Cursor::new(file)), "feed").unwrap()
    }

    /// First bytes of the packets, and how many secrets come with them.
    fn content(source: &mut dyn PacketSource) -> (Vec<u8>, usize) {
        let mut firsts = Vec::new();
        while let Some(packet) = source.next_packet().unwrap() {
            assert_eq!((packet.bytes.len(), packet.original_length), (10, 60));
            assert_eq!(packet.time.0, u64::from(packet.bytes[0]) * 1_000_000_000);
            firsts.push(packet.bytes[0]);
        }
        (firsts, source.secrets().len())
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    #[test]
    fn what_is_read_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.pcapng");
        let output = CaptureOutput::create(&path, Rotation::default(), Replacing::No).unwrap();
        let mut tee = Tee::new(capture(5), Vec::new(), output).unwrap();
        assert_eq!(tee.name(), "feed");
        let mut given = Vec::new();
        while let Some(packet) = tee.next_packet().unwrap() {
            given.push((packet.id.0, packet.bytes.to_vec()));
        }
        let expected: Vec<_> = (1..=5).map(|it| (u64::from(it), vec![it; 10])).collect();
        assert_eq!(given, expected);
        assert!(tee.next_packet().unwrap().is_none());
        let copy = folder.path().join("copy");
        let output = CaptureOutput::create(&copy, Rotation::default(), Replacing::No).unwrap();
        let mut again = Tee::new(open(&path).unwrap(), Vec::new(), output).unwrap();
        let again = content(&mut again);
        assert_eq!(again, (vec![1, 2, 3, 4, 5], 0), "secrets are written only if they are given");
    }

    #[test]
    fn secrets_are_written_if_they_are_given_and_wanted() {
        for (secrets, expected) in [
            (EmbeddedSecrets::LeftOut, [vec![], vec![], vec![]]),
            // Those of the session that goes on are in each file, and precede its packets.
            (EmbeddedSecrets::Written, [vec!["a", "b"], vec!["a"], vec!["a"]]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let base = folder.path().join("feed.pcapng");
            let rotation = Rotation { packets: Some(2), ..Rotation::default() };
            let output = CaptureOutput::create(&base, rotation, Replacing::No).unwrap();
            let mut tee = Tee::new(capture(5), Vec::new(), output.with_secrets(secrets)).unwrap();
            let mut number = 0;
            while tee.next_packet().unwrap().is_some() {
                number += 1;
                match number {
                    1 => ["a", "b"].iter().zip(1..).for_each(|(text, session)| {
                        tee.write_secrets([session; 32], text.as_bytes());
                    }),
                    2 => tee.end_session([2; 32]),
                    _ => {}
                }
            }
            let paths = files(folder.path());
            for (path, expected) in paths.iter().zip(expected) {
                let mut source = open(path).unwrap();
                let before = source.secrets().len();
                content(source.as_mut());
                let texts: Vec<_> = source.secrets().iter().map(|it| it.data.clone()).collect();
                let expected: Vec<_> = expected.iter().map(|it| it.as_bytes().to_vec()).collect();
                assert_eq!(texts, expected, "{secrets:?} {}", path.display());
                let is_first = path == &paths[0];
                assert_eq!(before, if is_first { 0 } else { texts.len() });
            }
        }
    }

    #[test]
    fn files_follow_one_another_and_the_oldest_are_removed() {
        let two = Rotation { packets: Some(2), ..Rotation::default() };
        #[rustfmt::skip]
        let cases = [
            ("by packets",  two,                                                                vec![vec![1, 2], vec![3, 4], vec![5]]),
            ("two kept",    Rotation { files: Some(2), ..two },                                 vec![vec![3, 4], vec![5]]),
            ("by time",     Rotation { nanoseconds: Some(3_000_000_000), ..Rotation::default() }, vec![vec![1, 2, 3], vec![4, 5]]),
            ("by size",     Rotation { bytes: Some(1), ..Rotation::default() },                 vec![vec![1], vec![2], vec![3], vec![4], vec![5]]),
        ];
        for (name, rotation, expected) in cases {
            let folder = tempfile::tempdir().unwrap();
            let base = folder.path().join("feed.pcapng");
            let output = CaptureOutput::create(&base, rotation, Replacing::No).unwrap();
            content(&mut Tee::new(capture(5), Vec::new(), output).unwrap());
            let paths = files(folder.path());
            let found: Vec<_> =
                paths.iter().map(|path| content(open(path).unwrap().as_mut()).0).collect();
            assert_eq!(found, expected, "{name}: {paths:?}");
        }
    }

    #[test]
    fn a_recording_that_is_let_go_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.pcapng");
        let losses = Losses::default();
        let interface = Interface {
            name: "lo".to_owned(),
            link_type: LinkType(1),
            snap_length: 0,
            filter: None,
            losses: losses.clone(),
        };
        let output = CaptureOutput::create(&path, Rotation::default(), Replacing::No).unwrap();
        let mut tee = Tee::new(capture(5), vec![interface], output).unwrap();
        assert!(tee.next_packet().unwrap().is_some());
        losses.add(1, 0x0708_090a, 0);
        drop(tee);
        assert_eq!(content(open(&path).unwrap().as_mut()).0, [1]);
        let bytes = fs::read(&path).unwrap();
        let lost = [7, 0, 8, 0, 0x0a, 9, 8, 7, 0, 0, 0, 0];
        assert!(bytes.windows(lost.len()).any(|it| it == lost), "isb_osdrop is written");
    }
}
