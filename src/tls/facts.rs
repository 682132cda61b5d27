//! What is remembered of the TLS of a connection.

use std::borrow::Cow;

use super::alert::Alert;
use super::certificate::Certificate;
use super::cipher_suite::{CipherSuite, suite_name};
use super::hello::{ClientHello, ServerHello};
use super::keylog::{KeyLog, KeySource};
use super::record::ContentType;
use super::session::{HIDDEN_ALERT, Observation};
use super::version::Version;
use crate::stream::{Direction, Origin, PerDirection, Span, length_u64};

/// What is remembered of the TLS of a connection.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What the client offered at first.
    pub client_hello: Option<Seen<ClientHello>>,
    /// What the server chose; a `HelloRetryRequest` if nothing else followed.
    pub server_hello: Option<Seen<ServerHello>>,
    /// The server's certificate, if it was not encrypted, or was decrypted.
    pub certificate: Option<Seen<Certificate>>,
    /// The first alert of each side that was not encrypted or was decrypted, other than a mere goodbye.
    pub alerts: PerDirection<Option<Seen<Alert>>>,
    /// Who said goodbye with an alert that was not encrypted or was decrypted.
    pub goodbyes: PerDirection<bool>,
    /// How often a handshake began inside the established session.
    pub renegotiations: u64,
    /// The record that ended the handshake.
    pub established: Option<Span>,
    /// What each side sent.
    pub sides: PerDirection<SideFacts>,
    /// What a side sent instead of TLS.
    pub foreign: Option<Foreign>,
    /// What is known of its secrets, when the connection ends.
    pub known: Known,
    /// The randoms by which key logs have its secrets: of each `ClientHello`, as a session may be renegotiated,
    /// or of the session whose secrets open its records. At most `MOST_SESSIONS`, without repetitions.
    pub randoms: Vec<[u8; 32]>,
    /// Whether any application data was decrypted.
    pub is_decrypted: bool,
    /// When its secrets were given up.
    pub gave_up_secrets: Option<Origin>,
    /// Where the secrets come from that decrypt it.
    pub key_source: Option<KeySource>,
}

/// An observation and its position.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen<T> {
    /// What it is.
    pub what: T,
    /// Its position.
    pub span: Span,
}

/// What one side sent, as long as records are read: until the handshake is done and both sides talk.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SideFacts {
    /// Records.
    pub records: u64,
    /// Their bytes, without headers.
    pub bytes: u64,
    /// Records that are encrypted.
    pub protected: u64,
    /// Records that do not open, though others did.
    pub refused: u64,
    /// Records that must be application data.
    pub data: u64,
    /// The first of these.
    pub first_data: Option<Origin>,
    /// The latest record.
    pub last: Option<LastRecord>,
    /// Whether bytes are missing, so that not all of it was read.
    pub is_lost: bool,
}

/// The latest record of a side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LastRecord {
    /// The content type that it declares.
    pub kind: ContentType,
    /// Bytes after its header.
    pub length: u16,
    /// Whether it is encrypted.
    pub is_protected: bool,
    /// Its position.
    pub span: Span,
}

/// What a side sent instead of TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Foreign {
    /// Who sent it.
    pub direction: Direction,
    /// Its beginning: at most [`MOST_FOREIGN`] bytes.
    pub bytes: Vec<u8>,
    /// The position of that.
    pub span: Span,
}

/// What is known of the secrets of a connection.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Known {
    /// Nobody gave any secrets.
    #[default]
    NoLog,
    /// Secrets were given, but none of this connection.
    Absent,
    /// None were given, but a comment of the capture has some.
    InComment,
    /// These are there, by the labels of the key log.
    Present(Vec<&'static str>),
}

impl Facts {
    /// Remembers what was observed.
    pub fn observe(&mut self, direction: Direction, seen: &Observation<'_>) {
        let side = self.sides.get_mut(direction);
        match *seen {
            Observation::ClientHello(hello, span) => {
                self.add_random(hello.random);
                self.client_hello.get_or_insert_with(|| Seen { what: hello.clone(), span });
            }
            Observation::ServerHello(hello, span) => {
                self.server_hello = Some(Seen { what: hello.clone(), span });
            }
            Observation::Certificate(certificate, span) => {
                self.certificate.get_or_insert_with(|| Seen { what: certificate.clone(), span });
            }
            Observation::Protocol(protocol, _) => {
                if let Some(hello) = &mut self.server_hello {
                    hello.what.protocol = Some(protocol.to_vec());
                }
            }
            Observation::Refused(_) => side.refused = side.refused.saturating_add(1),
            Observation::Alert(alert, span) => {
                if alert.is_closure() {
                    *self.goodbyes.get_mut(direction) = true;
                } else {
                    let first = self.alerts.get_mut(direction);
                    first.get_or_insert(Seen { what: alert, span });
                }
            }
            Observation::Established(span) => self.established = Some(span),
            Observation::Renegotiation(_) => {
                self.renegotiations = self.renegotiations.saturating_add(1);
            }
            Observation::Record(record) => {
                side.records = side.records.saturating_add(1);
                side.bytes = side.bytes.saturating_add(u64::from(record.length));
                side.protected = side.protected.saturating_add(u64::from(record.is_protected));
                if record.is_data {
                    side.data = side.data.saturating_add(1);
                    side.first_data.get_or_insert(record.span.last);
                }
                side.last = Some(LastRecord {
                    kind: record.kind,
                    length: record.length,
                    is_protected: record.is_protected,
                    span: record.span,
                });
            }
            Observation::Foreign(bytes, span) => self.add_foreign(direction, bytes, span),
            Observation::Lost => side.is_lost = true,
        }
    }

    /// Remembers by which random key logs have its secrets.
    pub fn add_random(&mut self, random: [u8; 32]) {
        if self.randoms.len() < MOST_SESSIONS && !self.randoms.contains(&random) {
            self.randoms.push(random);
        }
    }

    /// Whether records of its version and cipher suite are decrypted if its secrets are known.
    pub fn is_decryptable(&self) -> bool {
        self.server_hello.as_ref().is_some_and(|hello| {
            let suite = CipherSuite::find(hello.what.suite);
            hello.what.version >= Version::TLS_1_0
                && suite.is_some_and(|suite| suite.cipher.is_some())
        })
    }

    /// Notes where the secrets come from that open its records.
    pub fn note_source(&mut self, log: &KeyLog) {
        if self.key_source.is_none() {
            self.key_source = self.randoms.iter().find_map(|random| log.source(random)).cloned();
        }
    }

    /// Looks for the secrets of this connection.
    pub fn look_up(&mut self, log: &KeyLog) {
        let random = self.client_hello.as_ref().map(|hello| &hello.what.random);
        let is_known = random.is_some_and(|random| !log.secrets(random).is_empty());
        if !is_known && random.is_some_and(|random| log.has_unused(random)) {
            self.known = Known::InComment;
            return;
        }
        if !log.is_given() {
            return;
        }
        let secrets = random.map_or(&[][..], |random| log.secrets(random));
        self.known = if secrets.is_empty() {
            Known::Absent
        } else {
            Known::Present(secrets.iter().map(|secret| secret.label).collect())
        };
    }

    /// How long the handshake took, in nanoseconds, if it was done and its beginning was captured.
    pub fn duration(&self) -> Option<u64> {
        let (hello, end) = self.client_hello.as_ref().zip(self.established)?;
        end.last.time.measured_since(hello.span.first.time)
    }

    /// The negotiated version, once the server has chosen it.
    pub fn version(&self) -> Option<Version> {
        self.server_hello.as_ref().map(|hello| hello.what.version)
    }

    /// The server name requested by the client.
    pub fn server_name(&self) -> Option<&[u8]> {
        self.client_hello.as_ref()?.what.server_name.as_deref()
    }

    /// The name of the cipher suite that the server chose, or its number.
    pub fn suite(&self) -> Option<Cow<'static, str>> {
        let suite = self.server_hello.as_ref()?.what.suite;
        Some(suite_name(suite).map_or_else(|| format!("{suite:#06x}").into(), Cow::Borrowed))
    }

    /// What is known of it in one line: `TLS 1.3, TLS_AES_128_GCM_SHA256, SNI example.org, ALPN http/1.1, decrypted with
    /// keys.log`. Bytes from the network may be in it.
    pub fn in_words(&self) -> String {
        let mut words = match (self.version(), &self.client_hello) {
            (Some(version), _) => version.to_string(),
            (None, Some(hello)) => format!("TLS, up to {} offered", hello.what.highest_version()),
            (None, None) => "TLS".to_owned(),
        };
        if let Some(suite) = self.suite() {
            words.push_str(", ");
            words.push_str(&suite);
        }
        if let Some(name) = self.server_name() {
            words.push_str(", SNI ");
            words.push_str(&String::from_utf8_lossy(name));
        }
        let chosen = self.server_hello.as_ref().and_then(|hello| hello.what.protocol.as_deref());
        if let Some(protocol) = chosen {
            words.push_str(", ALPN ");
            words.push_str(&String::from_utf8_lossy(protocol));
        }
        if let Some(source) = &self.key_source {
            words.push_str(", decrypted with ");
            words.push_str(source.name());
        }
        words
    }

    /// Whether the server has answered with records of TLS.
    pub fn has_answer(&self) -> bool {
        self.sides.server.records > 0 || self.server_hello.is_some() || self.alerts.server.is_some()
    }

    /// Whether what a side sent last is an alert: in TLS 1.3 by the length of the record.
    pub fn ends_with_hidden_alert(&self, direction: Direction) -> bool {
        let is_modern = self.version().is_some_and(|version| version >= Version::TLS_1_3);
        self.sides.get(direction).last.is_some_and(|last| match last.kind {
            ContentType::Alert => last.is_protected,
            ContentType::ApplicationData => is_modern && last.length == HIDDEN_ALERT,
            ContentType::ChangeCipherSpec | ContentType::Handshake | ContentType::Heartbeat => {
                false
            }
        })
    }

    fn add_foreign(&mut self, direction: Direction, bytes: &[u8], span: Span) {
        let begin = || Foreign { direction, bytes: Vec::new(), span };
        let foreign = self.foreign.get_or_insert_with(begin);
        let room = MOST_FOREIGN.saturating_sub(foreign.bytes.len());
        if foreign.direction == direction && room > 0 {
            let taken = bytes.get(..room).unwrap_or(bytes);
            foreign.bytes.extend_from_slice(taken);
            let end = span.end.saturating_sub(length_u64(bytes.len().saturating_sub(taken.len())));
            foreign.span.extend(end, span.last);
        }
    }
}

/// Bytes that are kept of what a side sent instead of TLS.
pub const MOST_FOREIGN: usize = 256;

/// Sessions of a connection that are remembered: it begins with one, and renegotiates hardly ever.
const MOST_SESSIONS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn log(random: &str) -> KeyLog {
        let mut log = KeyLog::default();
        log.add(format!("CLIENT_RANDOM {random} 00").as_bytes()).unwrap();
        log
    }

    #[test]
    fn secrets_are_looked_up_by_the_client_random() {
        let what = ClientHello { random: [7; 32], ..ClientHello::default() };
        let hello = Some(Seen { what, span: Span::default() });
        let rows = [
            ("no log", hello.clone(), KeyLog::default(), Known::NoLog),
            (
                "its own",
                hello.clone(),
                log(&"07".repeat(32)),
                Known::Present(vec!["CLIENT_RANDOM"]),
            ),
            ("another's", hello, log(&"08".repeat(32)), Known::Absent),
            ("no hello", None, log(&"07".repeat(32)), Known::Absent),
        ];
        for (name, client_hello, log, expected) in rows {
            let mut facts = Facts { client_hello, ..Facts::default() };
            facts.look_up(&log);
            assert_eq!(facts.known, expected, "{name}");
        }
    }

    #[test]
    fn the_beginning_of_other_protocols_is_kept() {
        let mut facts = Facts::default();
        for start in [0, 200, 400] {
            let span = Span { start, end: start + 200, ..Span::default() };
            let seen = Observation::Foreign(&[b'x'; 200], span);
            facts.observe(Direction::ServerToClient, &seen);
        }
        let foreign = facts.foreign.unwrap();
        assert_eq!((foreign.bytes.len(), foreign.span.start, foreign.span.end), (256, 0, 256));
    }

    #[test]
    fn goodbyes_are_not_failures() {
        let mut facts = Facts::default();
        for description in [0, 48, 42] {
            let seen = Observation::Alert(Alert { level: 2, description }, Span::default());
            facts.observe(Direction::ClientToServer, &seen);
        }
        let first = facts.alerts.client.map(|alert| alert.what.description);
        assert_eq!((first, facts.alerts.server), (Some(48), None));
    }
}
