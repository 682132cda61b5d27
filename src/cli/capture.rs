//! Where packets come from: the options, and opening it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;

use super::live::LiveArgs;
use super::record::{RecordArgs, recorded};
use crate::capture::{self, FileStore, PacketSource, live};
use crate::stream::length_u64;
use crate::tls::KeyLog;

/// The one capture to read.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct CaptureArgs {
    /// Capture to read, or - for standard input
    ///
    /// pcap or pcapng, also compressed with gzip or zstd, told by its content and not by its name.
    #[arg(value_name = "FILE", conflicts_with = "interface")]
    file: Option<PathBuf>,

    #[command(flatten)]
    source: SourceArgs,
}

impl CaptureArgs {
    /// Whether nothing is to be read.
    pub(super) fn is_absent(&self) -> bool {
        self.file.is_none() && !self.is_live()
    }

    /// Whether interfaces are captured on.
    pub(super) fn is_live(&self) -> bool {
        !self.source.interfaces().is_empty()
    }

    /// Ports that are WebSocket in any case.
    pub(super) fn decode_as(&self) -> &[u16] {
        self.source.decode_as()
    }

    /// Reads the key logs.
    ///
    /// # Errors
    ///
    /// As [`SourceArgs::keylog`].
    pub(super) fn keylog(&self) -> anyhow::Result<KeyLog> {
        self.source.keylog()
    }

    /// The file, where it is one that can be opened once more.
    pub(super) fn path(&self) -> Option<&Path> {
        self.file.as_deref().filter(|path| path.is_file())
    }

    /// Where its packets can be read again; `None` where they have to be kept while they are read.
    ///
    /// # Errors
    ///
    /// As [`FileStore::open`].
    pub(super) fn store(
        &self,
        opened: &OpenedCapture,
    ) -> Result<Option<FileStore>, capture::Error> {
        match (&self.file, opened.kind) {
            (Some(path), SourceKind::File) => FileStore::open(path),
            (_, SourceKind::File | SourceKind::Stream | SourceKind::Live) => Ok(None),
        }
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// As [`SourceArgs::open_file`] and [`SourceArgs::open_live`].
    pub(super) fn open(&self) -> anyhow::Result<OpenedCapture> {
        match &self.file {
            Some(path) => self.source.open_file(path),
            None if self.is_live() => self.source.open_live(),
            None => Err(no_capture()),
        }
    }
}

/// How to read captures, wherever they come from.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SourceArgs {
    /// Stop after this many packets
    #[arg(short, long, value_name = "NUMBER")]
    count: Option<u64>,

    /// Read connections of this TCP port as WebSocket
    ///
    /// For captures that began after the handshake, where the frames alone are not clear enough.
    /// May be given several times.
    #[arg(long, value_name = "PORT")]
    decode_as: Vec<u16>,

    #[command(flatten)]
    live: LiveArgs,

    #[command(flatten)]
    record: RecordArgs,

    /// TLS secrets: a key log that a client or server wrote (SSLKEYLOGFILE)
    ///
    /// Says of each TLS connection whether its secrets are there. May be given several times; those that a
    /// pcapng file brings along are used in any case.
    #[arg(long, value_name = "FILE")]
    keylog: Vec<PathBuf>,
}

impl SourceArgs {
    /// The interfaces to capture on; none where a file is read.
    pub(super) fn interfaces(&self) -> &[String] {
        self.live.interfaces()
    }

    /// Ports that are WebSocket in any case.
    pub(super) fn decode_as(&self) -> &[u16] {
        &self.decode_as
    }

    /// Whether packets are also written to a file.
    pub(super) fn is_recorded(&self) -> bool {
        self.record.is_on()
    }

    /// Reads the key logs.
    ///
    /// # Errors
    ///
    /// When one cannot be read, is larger than any key log should be, or is none.
    pub(super) fn keylog(&self) -> anyhow::Result<KeyLog> {
        let mut log = KeyLog::default();
        for path in &self.keylog {
            let text = read_key_log(path)?;
            if let Err(error) = log.add(&text) {
                anyhow::bail!(
                    "{}: no TLS key log: line {} is not LABEL RANDOM SECRET, as in SSLKEYLOGFILE",
                    path.display(),
                    error.line
                );
            }
        }
        Ok(log)
    }

    /// Opens a file, or standard input where its name is `-`.
    ///
    /// # Errors
    ///
    /// As [`capture::open`], and when there is an option that only live capture has.
    pub(super) fn open_file(&self, path: &Path) -> anyhow::Result<OpenedCapture> {
        if let Some(option) = self.live.alien() {
            // Not left to clap, which gives up this demand where a file is named.
            anyhow::bail!("{option} is for live capture: it needs --interface; see wslens --help");
        }
        let (source, kind, length) = if path == Path::new("-") {
            let source = capture::open_stream(Box::new(io::stdin()), "standard input")?;
            (source, SourceKind::Stream, None)
        } else {
            let source = capture::open(path)?;
            let length = capture::length(path);
            let kind = if length.is_some() { SourceKind::File } else { SourceKind::Stream };
            (source, kind, length)
        };
        let source = recorded(source, Vec::new(), self.record.output(Some(path))?)?;
        Ok(OpenedCapture { source, kind, length, count: self.count(), stop: Arc::default() })
    }

    /// Opens the interfaces.
    ///
    /// # Errors
    ///
    /// As [`LiveArgs::open`].
    pub(super) fn open_live(&self) -> anyhow::Result<OpenedCapture> {
        let stop = Arc::default();
        let source = self.live.open(&self.record, &stop)?;
        Ok(OpenedCapture {
            source,
            kind: SourceKind::Live,
            length: None,
            count: self.count(),
            stop,
        })
    }

    fn count(&self) -> u64 {
        self.count.unwrap_or(u64::MAX)
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line names it; no capture is read here")]
fn read_key_log(path: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("key log {} cannot be read", path.display());
    let file = File::open(path).with_context(cannot)?;
    let mut text = Vec::new();
    // A pipe has no length to ask for.
    file.take(LARGEST_KEY_LOG.saturating_add(1)).read_to_end(&mut text).with_context(cannot)?;
    if length_u64(text.len()) > LARGEST_KEY_LOG {
        anyhow::bail!(
            "key log {} is larger than {} MiB; keep only the lines of this capture's connections",
            path.display(),
            LARGEST_KEY_LOG >> 20
        );
    }
    Ok(text)
}

/// Says that nothing was named to be read, and what could be.
pub(super) fn no_capture() -> anyhow::Error {
    let loopback = live::loopback();
    anyhow::anyhow!(
        "no capture given: name a file, - for standard input, or an interface: -i {loopback} is \
         what passes within this machine, for example -i {loopback} -f 'tcp port 8080'; wslens \
         interfaces lists all"
    )
}

/// An open source of packets.
pub(super) struct OpenedCapture {
    /// Gives the packets.
    pub(super) source: Box<dyn PacketSource + Send>,
    /// Whether it may make us wait.
    pub(super) kind: SourceKind,
    /// Bytes of the file, where it is one.
    pub(super) length: Option<u64>,
    /// How many packets are to be read.
    pub(super) count: u64,
    /// Ends the capture when it is set: at once where it is live, with the next packet of a stream.
    pub(super) stop: Arc<AtomicBool>,
}

/// Whether a source may make us wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SourceKind {
    /// All of it is there.
    File,
    /// It comes through a pipe, perhaps slowly.
    Stream,
    /// It comes as it happens.
    Live,
}

/// Bytes of the largest key log that is read: some 200,000 connections.
const LARGEST_KEY_LOG: u64 = 64 << 20;
