//! The options that select a source of packets, and opening it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;

use super::glob;
use super::input::Input;
use super::join::{JoinArgs, one_capture};
use super::live::LiveArgs;
use super::record::{RecordArgs, recorded};
use super::run::LaunchedCommand;
use crate::analysis::CaptureTimes;
use crate::capture::live::{self, SocketOwners};
use crate::capture::{self, CaptureFiles, FileStore, GrowingFile, GrowingFiles, PacketSource};
use crate::stream::{Timestamp, length_u64};
use crate::text::amount::counted;
use crate::tls::{KeyLog, KeyLogError, KeySource, SecretText};

/// The one capture to read.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct CaptureArgs {
    /// Capture to read, or - for standard input; several files only with --join
    ///
    /// pcap or pcapng, optionally compressed with gzip or zstd; recognized by content, not by name.
    #[arg(value_name = "FILE", conflicts_with = "interface")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    join: JoinArgs,

    #[command(flatten)]
    source: SourceArgs,
}

impl CaptureArgs {
    /// Whether no source is given.
    pub(super) fn is_absent(&self) -> bool {
        self.files.is_empty() && !self.is_live()
    }

    /// Checks that the first of several words is a file, as it may be meant as a subcommand.
    ///
    /// # Errors
    ///
    /// If there is no such file.
    pub(super) fn is_no_subcommand(&self) -> anyhow::Result<()> {
        match self.files.as_slice() {
            [first, _, ..] if !first.exists() && !glob::is_pattern(first) => {
                anyhow::bail!("there is no subcommand and no file '{}'", first.display())
            }
            _ => Ok(()),
        }
    }

    /// How it captures live.
    ///
    /// # Errors
    ///
    /// If a file is named.
    pub(super) fn live_source(&mut self) -> anyhow::Result<&mut SourceArgs> {
        self.source.live(&self.files)
    }

    /// Whether the source is one or more interfaces.
    pub(super) fn is_live(&self) -> bool {
        !self.source.interfaces().is_empty()
    }

    /// Ports that are always decoded as WebSocket.
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

    /// Determines what to read; files that are joined are opened for the times of their first packets.
    ///
    /// # Errors
    ///
    /// As [`one_capture`].
    pub(super) fn selected(&self) -> anyhow::Result<SelectedCapture<'_>> {
        let input = match self.files.as_slice() {
            [] => None,
            named => Some(one_capture(named, self.join)?),
        };
        Ok(SelectedCapture { input, source: &self.source })
    }
}

/// The one capture of the command line: files, standard input, or interfaces.
pub(super) struct SelectedCapture<'a> {
    /// `None` for interfaces.
    input: Option<Input>,
    source: &'a SourceArgs,
}

impl SelectedCapture<'_> {
    /// The files, if they can be opened a second time.
    pub(super) fn files(&self) -> Option<&CaptureFiles> {
        let files = self.input.as_ref()?.files()?;
        files.paths().all(Path::is_file).then_some(files)
    }

    /// Where packets can be read again; `None` if they must be spooled while they are read.
    ///
    /// # Errors
    ///
    /// As [`CaptureFiles::store`].
    pub(super) fn store(
        &self,
        opened: &OpenedCapture,
    ) -> Result<Option<FileStore>, capture::Error> {
        match (self.files(), opened.kind) {
            (Some(files), SourceKind::File) => files.store(),
            (_, SourceKind::File | SourceKind::Stream | SourceKind::Live) => Ok(None),
        }
    }

    /// Opens the files once more, without recording them: see [`SourceArgs::open_again`].
    pub(super) fn open_again(&self) -> Option<OpenedCapture> {
        self.source.open_again(self.input.as_ref()?)
    }

    /// Opens the source.
    ///
    /// # Errors
    ///
    /// As [`SourceArgs::open_input`] and [`SourceArgs::open_live`].
    pub(super) fn open(&self) -> anyhow::Result<OpenedCapture> {
        match &self.input {
            Some(input) => self.source.open_input(input),
            None if !self.source.interfaces().is_empty() => self.source.open_live(),
            None => Err(no_capture()),
        }
    }
}

/// How to read captures from any source.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SourceArgs {
    /// Stop after this many packets
    #[arg(short, long, value_name = "NUMBER")]
    count: Option<u64>,

    /// Decode connections of this TCP port as WebSocket
    ///
    /// For captures that began after the handshake and have too few frames to recognize. Can be
    /// repeated.
    #[arg(long, value_name = "PORT")]
    decode_as: Vec<u16>,

    #[command(flatten)]
    live: LiveArgs,

    #[command(flatten)]
    record: RecordArgs,

    /// TLS secrets: a key log written by a client or server (SSLKEYLOGFILE)
    ///
    /// Decrypts the connections of TLS 1.2 and 1.3 whose secrets are in it. Can be repeated. Secrets
    /// embedded in a pcapng file are always used.
    #[arg(long, value_name = "FILE")]
    keylog: Vec<PathBuf>,
}

impl SourceArgs {
    /// The interfaces to capture on; none when reading a file.
    pub(super) fn interfaces(&self) -> &[String] {
        self.live.interfaces()
    }

    /// The same, to capture live.
    ///
    /// # Errors
    ///
    /// If a file is named.
    pub(super) fn live(&mut self, files: &[PathBuf]) -> anyhow::Result<&mut Self> {
        match files.first() {
            None => Ok(self),
            Some(file) => anyhow::bail!(
                "run captures live and does not read {}; the command and its arguments follow --",
                file.display()
            ),
        }
    }

    /// Captures while a command runs, on an interface if none is given.
    pub(super) fn run(&mut self, command: LaunchedCommand, interface: &str) {
        self.live.run(command, interface.to_owned());
    }

    /// Ports that are always decoded as WebSocket.
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
    /// If one cannot be read, is larger than any key log should be, or is not a key log.
    pub(super) fn keylog(&self) -> anyhow::Result<KeyLog> {
        let is_written = !self.keylog.is_empty() || self.live.command().is_some();
        if !self.interfaces().is_empty() && is_written {
            return Ok(KeyLog::growing());
        }
        let mut log = KeyLog::default();
        for path in &self.keylog {
            add_key_log(&mut log, path)?;
        }
        Ok(log)
    }

    /// Opens the key logs that are read while packets are captured. They need not exist yet.
    fn growing_keylogs(&self) -> anyhow::Result<GrowingFiles> {
        let mut growing = GrowingFiles::default();
        let user = self.live.user();
        if let Some(command) = self.live.command() {
            growing.push(command.create_key_log(user.as_ref())?);
        }
        for path in &self.keylog {
            let cannot = || format!("key log {} cannot be read", path.display());
            let mut file = GrowingFile::open(path).with_context(cannot)?;
            if file.is_missing() && user.as_ref().is_some_and(|user| !user.is_caller()) {
                // Nobody could open it once root's rights are dropped.
                file = GrowingFile::create(path).with_context(cannot)?;
            } else if file.is_missing() {
                let path = path.display();
                let text = "does not exist yet; it is read as soon as a program writes it";
                writeln!(io::stderr(), "wslens: key log {path} {text}").ok();
            } else {
                // Only to find out whether it is one.
                add_key_log(&mut KeyLog::default(), path)?;
            }
            growing.push(file);
        }
        Ok(growing)
    }

    /// Opens files or standard input.
    ///
    /// # Errors
    ///
    /// As [`capture::open`], and if an option is given that only live capture has.
    pub(super) fn open_input(&self, input: &Input) -> anyhow::Result<OpenedCapture> {
        if let Some(option) = self.live.first_live_only_option() {
            // Not left to clap, which drops this requirement if a file is named.
            anyhow::bail!("{option} is for live capture and needs --interface; see wslens --help");
        }
        let (source, kind, length) = match input {
            Input::Standard => {
                let source = capture::open_stream(Box::new(io::stdin()), "standard input")?;
                let kind = if is_a_file() { SourceKind::File } else { SourceKind::Stream };
                (source, kind, None)
            }
            Input::Files(files) => {
                let length = files.length();
                let kind = if length.is_some() { SourceKind::File } else { SourceKind::Stream };
                (files.open()?, kind, length)
            }
        };
        let source = recorded(source, Vec::new(), self.record.output(&input.paths())?)?;
        let (count, wanted) = (self.count(), Vec::new());
        let start = self.open_again(input).and_then(start);
        Ok(OpenedCapture {
            source,
            kind,
            length,
            count,
            stop: Arc::default(),
            ends_with_command: false,
            wanted,
            start,
            owners: None,
            keylogs: GrowingFiles::default(),
        })
    }

    /// Opens files once more, without recording them; `None` for what can be read only once. A file that
    /// cannot be opened is an error when it is opened to be reported.
    pub(super) fn open_again(&self, input: &Input) -> Option<OpenedCapture> {
        let files = input.files()?;
        let length = Some(files.length()?);
        let source = files.open().ok()?;
        let (count, wanted) = (self.count(), Vec::new());
        Some(OpenedCapture {
            source,
            kind: SourceKind::File,
            length,
            count,
            stop: Arc::default(),
            ends_with_command: false,
            wanted,
            start: None,
            owners: None,
            keylogs: GrowingFiles::default(),
        })
    }

    /// Opens the interfaces.
    ///
    /// # Errors
    ///
    /// As [`LiveArgs::open`].
    pub(super) fn open_live(&self) -> anyhow::Result<OpenedCapture> {
        let stop = Arc::default();
        // Before root privileges are dropped: a key log may be readable by root only.
        let keylogs = self.growing_keylogs()?;
        let (source, owners) = self.live.open(&self.record, &stop)?;
        Ok(OpenedCapture {
            source,
            kind: SourceKind::Live,
            length: None,
            count: self.count(),
            wanted: Vec::new(),
            start: None,
            owners,
            stop,
            ends_with_command: self.live.command().is_some(),
            keylogs,
        })
    }

    fn count(&self) -> u64 {
        self.count.unwrap_or(u64::MAX)
    }
}

/// Whether standard input is a regular file, as after `<`: the complete capture is available.
#[cfg(unix)]
fn is_a_file() -> bool {
    use std::os::fd::AsFd;

    let input = io::stdin().as_fd().try_clone_to_owned();
    input.map(File::from).and_then(|file| file.metadata()).is_ok_and(|about| about.is_file())
}

#[cfg(not(unix))]
fn is_a_file() -> bool {
    false
}

/// Reads a key log: its secrets and its text.
///
/// # Errors
///
/// As [`SourceArgs::keylog`].
pub(super) fn key_log(path: &Path) -> anyhow::Result<(KeyLog, SecretText)> {
    let mut log = KeyLog::default();
    let text = add_key_log(&mut log, path)?;
    Ok((log, text))
}

fn add_key_log(log: &mut KeyLog, path: &Path) -> anyhow::Result<SecretText> {
    let text = read_key_log(path)?;
    log.add_from(&key_source(path), text.bytes()).map_err(|error| is_no_key_log(path, error))?;
    Ok(text)
}

/// A key log as a source of secrets.
fn key_source(path: &Path) -> KeySource {
    KeySource::File(path.display().to_string().into())
}

fn is_no_key_log(path: &Path, error: KeyLogError) -> anyhow::Error {
    anyhow::anyhow!(
        "{} is not a TLS key log: line {} is not LABEL RANDOM SECRET, as in SSLKEYLOGFILE",
        path.display(),
        error.line
    )
}

#[expect(clippy::disallowed_methods, reason = "the command line names it; no capture is read here")]
fn read_key_log(path: &Path) -> anyhow::Result<SecretText> {
    let cannot = || format!("key log {} cannot be read", path.display());
    let file = File::open(path).with_context(cannot)?;
    let mut text = Vec::new();
    // A pipe has no length that could be checked first.
    file.take(LARGEST_KEY_LOG.saturating_add(1)).read_to_end(&mut text).with_context(cannot)?;
    if length_u64(text.len()) > LARGEST_KEY_LOG {
        anyhow::bail!(
            "key log {} is larger than {} MiB; keep only the lines of this capture's connections",
            path.display(),
            LARGEST_KEY_LOG >> 20
        );
    }
    Ok(SecretText::from(text))
}

/// The error for a command line without a source.
pub(super) fn no_capture() -> anyhow::Error {
    let loopback = live::loopback();
    anyhow::anyhow!(
        "no capture given: name a file, - for standard input, or an interface, for example \
         -i {loopback} -f 'tcp port 8080' for traffic within this machine; wslens interfaces lists \
         them"
    )
}

/// An open source of packets.
pub(super) struct OpenedCapture {
    /// Delivers the packets.
    pub(super) source: Box<dyn PacketSource + Send>,
    /// Whether reading it may wait for packets.
    pub(super) kind: SourceKind,
    /// Length of the file in bytes, if it is a file.
    pub(super) length: Option<u64>,
    /// How many packets to read at most.
    pub(super) count: u64,
    /// Ends the capture when set: immediately if live, at the next packet of a stream.
    pub(super) stop: Arc<AtomicBool>,
    /// Whether it ends with a command, which signals end.
    pub(super) ends_with_command: bool,
    /// The connections that the user asked for, by number; empty for all.
    pub(super) wanted: Vec<u64>,
    /// What times are relative to; `None` for the first packet.
    pub(super) start: Option<Timestamp>,
    /// Who owns the sockets of this machine, if it is captured live and the system tells.
    pub(super) owners: Option<SocketOwners>,
    /// Key logs that grow while packets are captured; none if all that they have was read before.
    pub(super) keylogs: GrowingFiles,
}

/// What times are relative to in a file, from its first packets: the very first one may have the time
/// of a clock that was wrong.
fn start(mut opened: OpenedCapture) -> Option<Timestamp> {
    let mut times = CaptureTimes::default();
    for _ in 0..FIRST_PACKETS {
        // Damage is reported when the capture is read.
        let Ok(Some(packet)) = opened.source.next_packet() else { break };
        times.observe(packet.time);
    }
    (!times.is_empty()).then(|| times.start())
}

/// Why nothing is shown of connections that the user asked for: the capture has fewer. `None` if it has
/// all of them.
pub(super) fn absent_connection(wanted: &[u64], found: u64, name: &str) -> Option<String> {
    let absent = wanted.iter().find(|number| **number == 0 || **number > found)?;
    let mut text = format!("there is no connection {absent}: ");
    counted(&mut text, found, "connection");
    text.push_str(" in ");
    text.push_str(name);
    Some(text)
}

/// Whether reading a source may wait for packets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SourceKind {
    /// The complete capture is available.
    File,
    /// It arrives through a pipe, perhaps slowly.
    Stream,
    /// It is captured now.
    Live,
}

/// Packets of a file among which the usual time is looked for.
const FIRST_PACKETS: usize = 32;

/// The largest key log that is read, in bytes: about 200,000 connections.
const LARGEST_KEY_LOG: u64 = 64 << 20;
