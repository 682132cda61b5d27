//! The TLS sessions of a capture, and the secrets that there are for them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::Remark;
use super::super::capture::{OpenedCapture, SourceKind, key_log};
use super::super::drive::drive;
use super::super::progress::Scrolling;
use super::check_capture;
use crate::analysis::AnalyzerOptions;
use crate::analysis::event::{Connection, Transport};
use crate::capture::{self, GrowingFiles, Secrets};
use crate::journal::{Entry, EntryKind, Journal, Summary};
use crate::pipeline::Pipeline;
use crate::report::Report;
use crate::stream::PacketId;
use crate::tls::{KeyLog, SecretText, Version};

/// A connection that speaks TLS.
#[derive(Clone, Debug)]
pub(super) struct TlsSession {
    /// Its number.
    pub(super) number: u64,
    /// The peer that opened it.
    pub(super) client: SocketAddr,
    /// The peer that accepted it.
    pub(super) server: SocketAddr,
    /// As chosen by the server.
    pub(super) version: Option<Version>,
    /// As chosen by the server.
    pub(super) suite: Option<u16>,
    /// As requested by the client.
    pub(super) server_name: Option<Vec<u8>>,
    /// The randoms by which key logs have its secrets: the first is that of its first `ClientHello`, or of the
    /// session whose secrets open its records.
    pub(super) randoms: Vec<[u8; 32]>,
    /// Whether any record is encrypted.
    pub(super) is_encrypted: bool,
}

/// How many of its secrets are known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Completeness {
    /// All that decrypting it needs.
    Complete,
    /// Only some.
    Partial,
    /// None.
    None,
    /// None, and nothing is encrypted: the handshake ended before that.
    Unneeded,
}

/// Secrets and where they are from.
pub(super) struct SecretSource {
    /// The key log; `None` for what is embedded in the capture.
    pub(super) path: Option<PathBuf>,
    /// Its secrets.
    pub(super) log: KeyLog,
    /// Its text, part by part.
    pub(super) texts: Vec<SecretText>,
}

impl SecretSource {
    /// What it is called.
    pub(super) fn name(&self) -> &str {
        match &self.path {
            Some(path) => path.to_str().unwrap_or("a key log"),
            None => "embedded",
        }
    }
}

/// What is known of the sessions and secrets of a capture.
pub(super) struct Survey {
    /// By number.
    pub(super) sessions: Vec<TlsSession>,
    /// What is embedded comes first.
    pub(super) sources: Vec<SecretSource>,
    /// The secrets of all sources.
    pub(super) all: KeyLog,
    /// Why the capture was not read to its end, or a [`Remark`] about it.
    pub(super) failure: Option<anyhow::Error>,
}

impl Survey {
    /// Reads a capture and key logs.
    ///
    /// # Errors
    ///
    /// If one of them cannot be opened, or is something else.
    pub(super) fn of(path: &Path, keylogs: &[PathBuf]) -> anyhow::Result<Self> {
        check_capture(path)?;
        let mut capture = capture::open(path)?;
        let mut sources = vec![embedded(&capture.secrets_ahead())];
        for path in keylogs {
            let (log, text) = key_log(path)?;
            sources.push(SecretSource { path: Some(path.clone()), log, texts: vec![text] });
        }
        let mut all = KeyLog::default();
        for text in sources.iter().flat_map(|source| &source.texts) {
            // Whether it is a key log was checked before.
            all.add(text.bytes()).ok();
        }
        capture.comments().iter().for_each(|comment| all.note_unused(comment));
        let mut found = Collector::default();
        let options =
            AnalyzerOptions { keep: 0, keylog: all.clone(), ..AnalyzerOptions::default() };
        let failure = drive(
            OpenedCapture {
                source: capture::open(path)?,
                kind: SourceKind::File,
                length: capture::length(path),
                count: u64::MAX,
                stop: Arc::default(),
                wanted: Vec::new(),
                start: None,
                owners: None,
                keylogs: GrowingFiles::default(),
                ends_with_command: false,
            },
            Pipeline::without_rules(options),
            Scrolling::No,
            &mut found,
        )
        .err();
        found.sessions.sort_by_key(|session| session.number);
        Ok(Self { sessions: found.sessions, sources, all, failure })
    }

    /// How many secrets of a session are known.
    pub(super) fn completeness(&self, session: &TlsSession) -> Completeness {
        let Some(random) = session.randoms.first() else { return Completeness::None };
        if self.all.is_complete_for(random, session.version) {
            Completeness::Complete
        } else if !self.all.secrets(random).is_empty() {
            Completeness::Partial
        } else if session.is_encrypted {
            Completeness::None
        } else {
            Completeness::Unneeded
        }
    }

    /// Whether a comment of the capture has secrets of a session, which are not used.
    pub(super) fn is_in_comment(&self, session: &TlsSession) -> bool {
        session.randoms.iter().any(|random| self.all.has_unused(random))
    }

    /// The randoms of all sessions.
    pub(super) fn randoms(&self) -> BTreeSet<[u8; 32]> {
        self.sessions.iter().flat_map(|session| &session.randoms).copied().collect()
    }

    /// How many sessions that are not in the capture there are secrets of.
    pub(super) fn foreign(&self) -> usize {
        let here = self.randoms();
        self.all.sessions().filter(|random| !here.contains(*random)).count()
    }

    /// The end of a command: what was written is valid, but the capture may be damaged.
    pub(super) fn end(self) -> anyhow::Result<()> {
        match self.failure {
            Some(error) if !error.is::<Remark>() => Err(error),
            Some(_) | None => Ok(()),
        }
    }
}

/// The secrets that a capture brings along.
fn embedded(secrets: &[Secrets]) -> SecretSource {
    let mut log = KeyLog::default();
    let logs = secrets.iter().filter(|secrets| secrets.is_key_log());
    let texts: Vec<SecretText> = logs.map(|it| SecretText::from(it.data.clone())).collect();
    for text in &texts {
        // What cannot be read in it is of no use.
        log.add(text.bytes()).ok();
    }
    SecretSource { path: None, log, texts }
}

/// Collects the sessions of a capture.
#[derive(Default)]
struct Collector {
    sessions: Vec<TlsSession>,
    /// The carriers of several conversations that are among them.
    carriers: BTreeSet<(PacketId, SocketAddr)>,
}

/// What tells carriers apart.
fn carrier(connection: &Connection) -> (PacketId, SocketAddr) {
    (connection.first.packet, connection.client)
}

impl Journal for Collector {
    fn entry(&mut self, entry: &Entry<'_>) {
        if let EntryKind::Ended { .. } = entry.kind
            && let Some(connection) = entry.connection
            // Several conversations may share a session.
            && connection.stream.is_none_or(|_| self.carriers.insert(carrier(connection)))
        {
            self.sessions.extend(TlsSession::of(connection));
        }
    }
}

impl Report for Collector {
    fn finish(&mut self, _: &Summary) -> std::io::Result<()> {
        Ok(())
    }
}

impl TlsSession {
    /// What is known of a connection that has ended; `None` if it does not speak TLS.
    fn of(connection: &Connection) -> Option<Self> {
        let tls = connection.tls.as_deref();
        let is_begun = tls.is_some_and(|tls| !tls.randoms.is_empty());
        if connection.transport != Transport::Tls && !is_begun {
            return None;
        }
        let hello = tls.and_then(|tls| tls.server_hello.as_ref()).map(|hello| &hello.what);
        Some(Self {
            number: connection.id.0,
            client: connection.client,
            server: connection.server,
            version: hello.map(|hello| hello.version),
            suite: hello.map(|hello| hello.suite),
            server_name: tls.and_then(|tls| tls.server_name()).map(<[u8]>::to_vec),
            randoms: tls.map_or_else(Vec::new, |tls| tls.randoms.clone()),
            is_encrypted: tls
                .is_none_or(|tls| tls.sides.client.protected > 0 || tls.sides.server.protected > 0),
        })
    }
}
