//! Where packets come from: the options, and opening it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::capture::{self, PacketSource, live};

/// What to read.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct CaptureArgs {
    /// Capture to read, or - for standard input
    ///
    /// pcap or pcapng, also compressed with gzip or zstd, told by its content and not by its name.
    #[arg(value_name = "FILE", conflicts_with = "interface")]
    file: Option<PathBuf>,

    /// Capture live on this network interface
    ///
    /// wslens interfaces lists them. Usually needs privileges (sudo).
    #[arg(short, long, value_name = "INTERFACE")]
    interface: Option<String>,

    /// Capture only what matches, in tcpdump's syntax
    ///
    /// For example 'tcp port 8080'. Only with -i.
    #[arg(short, long, value_name = "FILTER")]
    filter: Option<String>,

    /// Stop after this many packets
    #[arg(short, long, value_name = "NUMBER")]
    count: Option<u64>,

    /// Read connections of this TCP port as WebSocket
    ///
    /// For captures that began after the handshake, where the frames alone are not clear enough.
    /// May be given several times.
    #[arg(long, value_name = "PORT")]
    decode_as: Vec<u16>,
}

impl CaptureArgs {
    /// Whether nothing is to be read.
    pub(super) fn is_absent(&self) -> bool {
        self.file.is_none() && self.interface.is_none()
    }

    /// How many packets are to be read.
    pub(super) fn count(&self) -> u64 {
        self.count.unwrap_or(u64::MAX)
    }

    /// Ports that are WebSocket in any case.
    pub(super) fn decode_as(&self) -> &[u16] {
        &self.decode_as
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// As the functions of [`capture`].
    pub(super) fn open(&self) -> anyhow::Result<Opened> {
        if self.filter.is_some() && self.interface.is_none() && !self.is_absent() {
            // Not left to clap, which gives up this demand where a file is named.
            anyhow::bail!("--filter is for live capture: it needs --interface; see wslens --help");
        }
        if let Some(interface) = &self.interface {
            let options = live::Options { filter: self.filter.clone(), ..live::Options::default() };
            // Ctrl-C ends the process; every line has been handed over by then.
            let source = live::open(interface, &options, Arc::new(AtomicBool::new(false)))?;
            return Ok(Opened { source, kind: Kind::Live, length: None });
        }
        match self.file.as_deref() {
            Some(path) if path == Path::new("-") => {
                let source = capture::open_stream(Box::new(io::stdin()), "standard input")?;
                Ok(Opened { source, kind: Kind::Stream, length: None })
            }
            Some(path) => {
                let source = capture::open(path)?;
                let length = capture::length(path);
                let kind = if length.is_some() { Kind::File } else { Kind::Stream };
                Ok(Opened { source, kind, length })
            }
            None => anyhow::bail!(
                "no capture given: name a file, - for standard input, or -i INTERFACE; see wslens --help"
            ),
        }
    }
}

/// An open source of packets.
pub(super) struct Opened {
    /// Gives the packets.
    pub(super) source: Box<dyn PacketSource + Send>,
    /// Whether it may make us wait.
    pub(super) kind: Kind,
    /// Bytes of the file, where it is one.
    pub(super) length: Option<u64>,
}

/// Whether a source may make us wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// All of it is there.
    File,
    /// It comes through a pipe, perhaps slowly.
    Stream,
    /// It comes as it happens.
    Live,
}
