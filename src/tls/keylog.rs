//! Key logs in the format of NSS (SSLKEYLOGFILE): secrets that clients or servers wrote down.

use std::fmt;
use std::sync::Arc;

use foldhash::HashMap;

use super::crypto::wipe;
use super::session_secrets::randoms;
use super::version::Version;

/// The secrets of many connections, found by the random of their `ClientHello`.
///
/// Its debug form shows no secret.
#[derive(Clone, Default)]
pub struct KeyLog {
    /// Shared by the clones, until one of them learns more.
    secrets: Arc<HashMap<[u8; 32], Vec<LoggedSecret>>>,
    /// How many there are.
    count: usize,
    /// Sessions that have secrets in a comment of the capture, which are not used.
    unused: Vec<[u8; 32]>,
    /// Whether anybody gave a log, with secrets in it or not.
    is_given: bool,
    /// Whether more secrets may come.
    is_growing: bool,
}

/// One secret of a connection.
#[derive(Clone, Eq, PartialEq)]
pub struct LoggedSecret {
    /// What it is, for example `CLIENT_TRAFFIC_SECRET_0`.
    pub label: &'static str,
    /// The secret itself.
    pub secret: Vec<u8>,
    /// Where it comes from.
    pub source: KeySource,
}

/// Where secrets come from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum KeySource {
    /// They are embedded in the capture.
    #[default]
    Capture,
    /// A key log, with the name that it was given by.
    File(Arc<str>),
    /// A key log that is read while packets are captured.
    Growing,
}

impl Drop for LoggedSecret {
    fn drop(&mut self) {
        wipe(&mut self.secret);
    }
}

impl KeySource {
    /// What people read: a file without its folder.
    pub fn name(&self) -> &str {
        match self {
            Self::Capture => "secrets in the capture",
            Self::Growing => "the key log",
            Self::File(name) => name.rsplit(['/', '\\']).next().unwrap_or(name),
        }
    }
}

/// Why a text is not a key log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyLogError {
    /// The first line that is neither a secret nor a comment, from 1.
    pub line: usize,
}

impl KeyLog {
    /// A log without secrets, to which some may be added at any time: sessions wait for theirs.
    pub fn growing() -> Self {
        Self { is_given: true, is_growing: true, ..Self::default() }
    }

    /// Whether more secrets may come.
    pub fn is_growing(&self) -> bool {
        self.is_growing
    }

    /// Adds secrets that are embedded in the capture, in the format of key logs: see [`KeyLog::add_from`].
    ///
    /// # Errors
    ///
    /// As [`KeyLog::add_from`].
    pub fn add(&mut self, text: &[u8]) -> Result<(), KeyLogError> {
        self.add_from(&KeySource::Capture, text)
    }

    /// Adds the secrets of a key log.
    ///
    /// Lines that cannot be parsed are skipped if others can: a log may be cut, or contain labels
    /// that came later than this program.
    ///
    /// # Errors
    ///
    /// When there are lines beside comments, and none of them is a secret.
    pub fn add_from(&mut self, source: &KeySource, text: &[u8]) -> Result<(), KeyLogError> {
        self.is_given = true;
        let mut understood = false;
        let mut first_bad = None;
        let secrets = Arc::make_mut(&mut self.secrets);
        for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            if let Some((random, secret)) = secret(line, source) {
                understood = true;
                let known = secrets.entry(random).or_default();
                if known.iter().all(|it| it.label != secret.label) {
                    known.push(secret);
                    self.count = self.count.saturating_add(1);
                }
            } else if first_bad.is_none() {
                first_bad = Some(at.saturating_add(1));
            }
        }
        match first_bad {
            Some(line) if !understood => Err(KeyLogError { line }),
            Some(_) | None => Ok(()),
        }
    }

    /// The secrets of the connection whose `ClientHello` has this random; empty if there are none.
    pub fn secrets(&self, client_random: &[u8; 32]) -> &[LoggedSecret] {
        self.secrets.get(client_random).map_or(&[], Vec::as_slice)
    }

    /// Where the secrets of that connection come from; the first of them, if there are several places.
    pub fn source(&self, client_random: &[u8; 32]) -> Option<&KeySource> {
        self.secrets(client_random).first().map(|secret| &secret.source)
    }

    /// Whether there is all that decrypting that connection needs.
    pub fn is_complete(&self, client_random: &[u8; 32]) -> bool {
        self.is_complete_for(client_random, None)
    }

    /// The same if its version is known.
    pub fn is_complete_for(&self, client_random: &[u8; 32], version: Option<Version>) -> bool {
        let has = |label| self.secret(client_random, label).is_some();
        let is_modern = |version| version >= Version::TLS_1_3;
        (version.is_none_or(|version| !is_modern(version)) && has(MASTER_SECRET))
            || (version.is_none_or(is_modern)
                && [CLIENT_HANDSHAKE, SERVER_HANDSHAKE, CLIENT_APPLICATION, SERVER_APPLICATION]
                    .into_iter()
                    .all(has))
    }

    /// The randoms of all sessions, in no order.
    pub fn sessions(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.secrets.keys()
    }

    /// The randoms of all sessions, in order; empty if there are more than `most`.
    pub(super) fn randoms(&self, most: usize) -> Vec<[u8; 32]> {
        if self.secrets.len() > most {
            return Vec::new();
        }
        let mut randoms: Vec<[u8; 32]> = self.secrets.keys().copied().collect();
        randoms.sort_unstable();
        randoms
    }

    /// One secret of that connection.
    pub(super) fn secret(&self, client_random: &[u8; 32], label: &str) -> Option<&[u8]> {
        let secrets = self.secrets(client_random).iter();
        secrets.filter(|it| it.label == label).map(|it| it.secret.as_slice()).next()
    }

    /// Whether anybody gave a log, with secrets in it or not.
    pub fn is_given(&self) -> bool {
        self.is_given
    }

    /// Notes which sessions have secrets in a text that is not used as a key log.
    pub(crate) fn note_unused(&mut self, text: &[u8]) {
        for random in randoms(text).take(MOST_UNUSED) {
            if !self.unused.contains(&random) && self.unused.len() < MOST_UNUSED {
                self.unused.push(random);
            }
        }
    }

    /// Whether a session has secrets in a text that is not used as a key log.
    pub fn has_unused(&self, client_random: &[u8; 32]) -> bool {
        self.unused.contains(client_random)
    }

    /// How many secrets there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Of how many connections there are secrets.
    pub fn connections(&self) -> usize {
        self.secrets.len()
    }
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLog")
            .field("connections", &self.secrets.len())
            .field("count", &self.count)
            .field("unused", &self.unused.len())
            .field("is_given", &self.is_given)
            .field("is_growing", &self.is_growing)
            .finish()
    }
}

impl fmt::Debug for LoggedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggedSecret").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Reads `LABEL RANDOM SECRET`.
fn secret(line: &[u8], source: &KeySource) -> Option<([u8; 32], LoggedSecret)> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (label, random, secret) = (words.next()?, words.next()?, words.next()?);
    let label = LABELS.iter().find(|known| known.as_bytes() == label)?;
    let random = hex_array(random)?;
    let secret = LoggedSecret { label, secret: hex(secret)?, source: source.clone() };
    let fits = (1..=MAX_SECRET).contains(&secret.secret.len()) && words.next().is_none();
    fits.then_some((random, secret))
}

/// Reads hexadecimal digits. What comes of them never moves, so that no part of it is left elsewhere in memory.
pub(super) fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len() / 2];
    read_hex(text, &mut bytes)?;
    Some(bytes)
}

/// Reads a known number of hexadecimal digits.
pub(super) fn hex_array<const LENGTH: usize>(text: &[u8]) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    read_hex(text, &mut bytes)?;
    Some(bytes)
}

/// Reads hexadecimal digits into as many bytes as they give.
fn read_hex(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    if text.len() != bytes.len().checked_mul(2)? {
        return None;
    }
    // Whether all are digits is asked once: which comes next cannot be predicted.
    let mut seen = 0;
    for (pair, byte) in text.chunks_exact(2).zip(bytes) {
        let [high, low] = pair else { return None };
        let (high, low) = (digit(*high), digit(*low));
        seen |= high | low;
        *byte = high << 4 | low;
    }
    (seen != NO_DIGIT).then_some(())
}

/// The value of a hexadecimal digit, or [`NO_DIGIT`].
fn digit(letter: u8) -> u8 {
    let (number, letter) = (letter.wrapping_sub(b'0'), (letter | 0x20).wrapping_sub(b'a'));
    if number < 10 {
        number
    } else if letter < 6 {
        letter.wrapping_add(10)
    } else {
        NO_DIGIT
    }
}

/// Has bits that no digit has.
const NO_DIGIT: u8 = 0xff;

/// What secrets are called (draft-ietf-tls-keylogfile): those of TLS 1.2, then those of TLS 1.3.
const LABELS: [&str; 8] = [
    MASTER_SECRET,
    CLIENT_EARLY,
    "EARLY_EXPORTER_SECRET",
    CLIENT_HANDSHAKE,
    SERVER_HANDSHAKE,
    CLIENT_APPLICATION,
    SERVER_APPLICATION,
    "EXPORTER_SECRET",
];

/// The master secret of TLS 1.2.
pub(super) const MASTER_SECRET: &str = "CLIENT_RANDOM";

/// Protects what a client sends before the server has answered.
pub(super) const CLIENT_EARLY: &str = "CLIENT_EARLY_TRAFFIC_SECRET";

/// Protects the client's part of the handshake.
pub(super) const CLIENT_HANDSHAKE: &str = "CLIENT_HANDSHAKE_TRAFFIC_SECRET";

/// Protects the server's part of the handshake.
pub(super) const SERVER_HANDSHAKE: &str = "SERVER_HANDSHAKE_TRAFFIC_SECRET";

/// Protects what the client sends after the handshake, until its first `KeyUpdate`.
pub(super) const CLIENT_APPLICATION: &str = "CLIENT_TRAFFIC_SECRET_0";

/// Protects what the server sends after the handshake, until its first `KeyUpdate`.
pub(super) const SERVER_APPLICATION: &str = "SERVER_TRAFFIC_SECRET_0";

/// Sessions with secrets in comments that are remembered.
const MOST_UNUSED: usize = 256;

/// The longest secret, in bytes; those of today have at most 48.
const MAX_SECRET: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn random() -> [u8; 32] {
        std::array::from_fn(|at| u8::try_from(at).unwrap())
    }

    #[test]
    fn secrets_are_found_by_the_client_random() {
        let mut log = KeyLog::default();
        let text = format!(
            "# a comment\r\nCLIENT_TRAFFIC_SECRET_0 {RANDOM} 0aFf\r\n\nSERVER_TRAFFIC_SECRET_0 {} 01\nCLIENT_TRAF",
            RANDOM.to_uppercase()
        );
        log.add(text.as_bytes()).unwrap();
        let labels: Vec<_> = log.secrets(&random()).iter().map(|it| it.label).collect();
        assert_eq!(labels, ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"]);
        assert_eq!(log.secrets(&random())[0].secret, [0x0a, 0xff]);
        assert_eq!((log.connections(), log.secrets(&[0; 32]).len()), (1, 0));
    }

    #[test]
    fn other_files_are_refused() {
        let whole = format!("CLIENT_RANDOM {RANDOM} 00ff");
        let rows: [(&str, &[u8], Result<(), usize>); 8] = [
            ("nothing", b"", Ok(())),
            ("a comment", b"# nothing yet\n", Ok(())),
            ("TLS 1.2", whole.as_bytes(), Ok(())),
            ("another text", b"# text\n-----BEGIN PRIVATE KEY-----\nMIG\n", Err(2)),
            ("bytes", b"\x00\xff\xfe", Err(1)),
            ("a short random", b"CLIENT_RANDOM 0001 00ff", Err(1)),
            ("no hexadecimal", b"CLIENT_RANDOM zz 00ff", Err(1)),
            ("no secret", b"CLIENT_RANDOM", Err(1)),
        ];
        for (name, text, expected) in rows {
            let outcome = KeyLog::default().add(text).map_err(|error| error.line);
            assert_eq!(outcome, expected, "{name}");
        }
    }

    #[test]
    fn secrets_are_not_in_the_debug_form() {
        let mut log = KeyLog::default();
        log.add(format!("CLIENT_RANDOM {RANDOM} deadbeef").as_bytes()).unwrap();
        let shown = format!("{log:?} {:?}", log.secrets(&random()));
        assert!(
            !shown.contains("deadbeef") && !shown.contains("222") && !shown.contains("190"),
            "{shown}"
        );
    }
}
