//! Which keys open the next record of each direction: they follow from the handshake and the key log.

use super::cipher_suite::CipherSuite;
use super::crypto::BLOCK_LENGTH;
use super::hello::{ClientHello, ServerHello};
use super::keylog::{
    CLIENT_APPLICATION, CLIENT_EARLY, CLIENT_HANDSHAKE, KeyLog, MASTER_SECRET, SERVER_APPLICATION,
    SERVER_HANDSHAKE,
};
use super::protection::{KeyBlockSource, MacOrder, OpenedRecord, Protection, most_records};
use super::record::RecordHeader;
use super::version::Version;
use crate::stream::{Direction, PerDirection};

/// Follows the keys of both directions of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Decryptor {
    client_random: Option<[u8; 32]>,
    /// The name by which the client wants to resume a session.
    session_id: Vec<u8>,
    /// The random of the `ClientHello` of the session that the client wants to resume.
    resumable: Option<[u8; 32]>,
    /// Whether the server resumes it, so that it has the same master secret.
    is_resumed: bool,
    server_random: [u8; 32],
    version: Option<Version>,
    suite: Option<&'static CipherSuite>,
    mac_order: MacOrder,
    halves: PerDirection<HalfKeys>,
    /// Whether the `ClientHello` is missing, so that all secrets of the key log are tried.
    is_midstream: bool,
}

/// The keys of one direction.
#[derive(Clone, Debug, Default)]
struct HalfKeys {
    stage: Stage,
    /// The keys of this stage; `None` until they are needed, or if the key log lacks them.
    current: Option<Protection>,
    /// The number of the record after the last one that was opened with them.
    next: u64,
    /// Records after that one which did not open.
    refused: u64,
    /// Records after that one which may be missing, at most.
    missing: u64,
    /// Records that were opened so far, with whatever keys.
    opened: u64,
    /// The last blocks of the latest record and of the one before it, where records depend on one another.
    blocks: [Option<[u8; BLOCK_LENGTH]>; 2],
    /// Records that may still be tried to be opened with an improbable number.
    tries: Tries,
}

/// How much work may be spent on searching.
#[derive(Clone, Copy, Debug)]
struct Tries(u64);

impl Default for Tries {
    fn default() -> Self {
        Self(MOST_TRIES)
    }
}

/// Which keys a direction uses; they change in this order.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Stage {
    /// It does not encrypt.
    #[default]
    Clear,
    /// Those for data that a client sends before the server has answered.
    Early,
    /// Those of the handshake of TLS 1.3.
    Handshake,
    /// Those of application data, and in TLS 1.2 of everything.
    Application,
}

/// What became of an encrypted record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Opening {
    /// It was opened, with the keys of this stage.
    Opened {
        record: OpenedRecord,
        stage: Stage,
        /// Records that were sent between the last one that was opened and this one; `None` if that is not
        /// known, because the keys have changed.
        skipped: Option<u64>,
    },
    /// There are keys, and none of them opens it.
    Refused,
    /// There are no keys.
    NoKeys,
}

impl Decryptor {
    /// One of a session whose `ClientHello` is missing, in the middle of its application data.
    pub(super) fn midstream() -> Self {
        let half = || HalfKeys {
            stage: Stage::Application,
            missing: MIDSTREAM_RECORDS,
            ..HalfKeys::default()
        };
        let halves = PerDirection { client: half(), server: half() };
        Self { halves, is_midstream: true, ..Self::default() }
    }

    /// Learns what a client offers.
    pub(super) fn client_hello(&mut self, hello: &ClientHello) {
        self.client_random = Some(hello.random);
        self.session_id.clone_from(&hello.session_id);
        (self.resumable, self.is_resumed) = (None, false);
        if hello.early_data && self.halves.client.stage == Stage::Clear {
            self.halves.client.stage = Stage::Early;
        }
    }

    /// Learns what a server chose. From here on TLS 1.3 encrypts.
    pub(super) fn server_hello(&mut self, hello: &ServerHello) {
        self.version = Some(hello.version);
        self.suite = CipherSuite::find(hello.suite);
        if hello.retry {
            return;
        }
        self.server_random = hello.random;
        let wanted = std::mem::take(&mut self.session_id);
        self.is_resumed =
            hello.version < Version::TLS_1_3 && !wanted.is_empty() && hello.session_id == wanted;
        self.mac_order = if hello.encrypts_then_macs {
            MacOrder::EncryptThenMac
        } else {
            MacOrder::MacThenEncrypt
        };
        if hello.version >= Version::TLS_1_3 {
            self.halves.server.enter(Stage::Handshake);
            if self.halves.client.stage == Stage::Clear {
                self.halves.client.enter(Stage::Handshake);
            }
        } else if self.halves.client.stage == Stage::Early {
            self.halves.client.enter(Stage::Clear);
        }
    }

    /// The sender of a direction uses the keys of another stage from its next record on.
    pub(super) fn enter(&mut self, direction: Direction, stage: Stage, log: &KeyLog) {
        let mut keys = match &self.client_random {
            Some(random) => self.derive(random, (direction, stage), log),
            None => Vec::new(),
        };
        let half = self.halves.get_mut(direction);
        half.enter(stage);
        half.current = keys.pop();
    }

    /// The sender of a direction uses the keys that follow the present ones from its next record on.
    pub(super) fn update(&mut self, direction: Direction) {
        let half = self.halves.get_mut(direction);
        let updated = half.current.as_ref().and_then(Protection::updated);
        half.enter(half.stage);
        half.current = updated;
    }

    /// The client wants to resume a session whose `ClientHello` had this random.
    pub(super) fn may_resume(&mut self, random: [u8; 32]) {
        self.resumable = Some(random);
    }

    /// The random of the `ClientHello` of the session whose master secret this one has, if it is known to be
    /// another one.
    pub(super) fn resumed(&self) -> Option<[u8; 32]> {
        self.resumable.filter(|_| self.is_resumed)
    }

    /// The master secret of a session of TLS 1.2 or older.
    fn master_secret<'a>(&self, random: &[u8; 32], log: &'a KeyLog) -> Option<&'a [u8]> {
        let own = log.secret(random, MASTER_SECRET);
        own.or_else(|| log.secret(&self.resumed()?, MASTER_SECRET))
    }

    /// Bytes of a direction are missing, and records with them.
    pub(super) fn miss(&mut self, direction: Direction, bytes: u64) {
        let half = self.halves.get_mut(direction);
        half.missing = half.missing.saturating_add(most_records(bytes));
    }

    /// Takes over how much was searched in vain by a copy.
    pub(super) fn tire(&mut self, direction: Direction, copy: &Self) {
        self.halves.get_mut(direction).tries = copy.halves.get(direction).tries;
    }

    /// The random by which a key log has its secrets.
    pub(super) fn client_random(&self) -> Option<[u8; 32]> {
        self.client_random
    }

    /// Whether its `ClientHello` is missing.
    pub(super) fn is_midstream(&self) -> bool {
        self.is_midstream
    }

    /// A record is missing, or cannot be used.
    pub(super) fn miss_record(&mut self, direction: Direction) {
        let half = self.halves.get_mut(direction);
        half.refused = half.refused.saturating_add(1);
    }

    /// Records that were opened so far.
    pub(super) fn opened(&self, direction: Direction) -> u64 {
        self.halves.get(direction).opened
    }

    /// As it was before the record of a direction that was opened last.
    pub(super) fn rewound(&self, direction: Direction) -> Self {
        let mut before = self.clone();
        let half = before.halves.get_mut(direction);
        half.next = half.next.saturating_sub(1);
        half.blocks = [half.blocks[1], None];
        before
    }

    /// Whether the keys that a direction uses are known.
    pub(super) fn has_keys(&self, direction: Direction) -> bool {
        self.halves.get(direction).current.is_some()
    }

    /// Which keys a direction uses.
    pub(super) fn stage(&self, direction: Direction) -> Stage {
        self.halves.get(direction).stage
    }

    /// Bytes that protection adds to a content without padding, if that is known.
    pub(super) fn overhead(&self, direction: Direction) -> Option<usize> {
        self.halves.get(direction).current.as_ref()?.overhead()
    }

    /// Whether a key log has secrets of this session.
    pub(super) fn has_secrets(&self, log: &KeyLog) -> bool {
        self.is_midstream
            || [self.client_random, self.resumable]
                .into_iter()
                .flatten()
                .any(|random| !log.secrets(&random).is_empty())
    }

    /// Whether a direction encrypts, with keys whose secrets are missing in a key log.
    pub(super) fn awaits_secrets(&self, direction: Direction, log: &KeyLog) -> bool {
        let half = self.halves.get(direction);
        let is_decryptable = self.suite.is_none_or(|suite| suite.cipher.is_some())
            && self.version.is_none_or(|version| version >= Version::TLS_1_0);
        half.stage > Stage::Clear
            && half.current.is_none()
            && is_decryptable
            && self.client_random.is_some()
            && !self.has_all_secrets(log)
    }

    /// Whether a key log has all secrets of this session.
    pub(super) fn has_all_secrets(&self, log: &KeyLog) -> bool {
        [self.client_random, self.resumed()]
            .into_iter()
            .flatten()
            .any(|random| log.is_complete(&random))
    }

    /// Decrypts an encrypted record in place, if it can be proven to be authentic.
    pub(super) fn open(
        &mut self,
        direction: Direction,
        header: RecordHeader,
        body: &mut [u8],
        log: &KeyLog,
    ) -> Opening {
        let half = self.halves.get_mut(direction);
        let (now, current) = (half.stage, half.current.take());
        let mut had_keys = current.is_some();
        if let Some(keys) = current {
            let opened = half.open(now, &keys, header, body);
            half.current = Some(keys);
            if let Some(opened) = opened {
                return opened;
            }
        }
        for stage in [Stage::Early, Stage::Handshake, Stage::Application] {
            if stage < now || (stage == now && had_keys) {
                continue;
            }
            for random in self.randoms(log) {
                for keys in self.derive(&random, (direction, stage), log) {
                    had_keys = true;
                    let half = self.halves.get_mut(direction);
                    if let Some(opened) = half.open(stage, &keys, header, body) {
                        self.suite = Some(keys.suite());
                        half.current = Some(keys);
                        self.client_random = Some(random);
                        return opened;
                    }
                }
            }
        }
        if !had_keys {
            return Opening::NoKeys;
        }
        self.miss_record(direction);
        Opening::Refused
    }

    /// The sessions of the key log that this one may be.
    fn randoms(&self, log: &KeyLog) -> Vec<[u8; 32]> {
        match self.client_random {
            Some(random) => vec![random],
            None if self.is_midstream => log.randoms(MOST_SESSIONS),
            None => Vec::new(),
        }
    }

    /// The keys of a stage that the key log gives: more than one if the cipher suite is not known yet.
    fn derive(
        &self,
        random: &[u8; 32],
        (direction, stage): (Direction, Stage),
        log: &KeyLog,
    ) -> Vec<Protection> {
        let is_modern = self.version.is_none_or(|version| version >= Version::TLS_1_3);
        if !is_modern {
            let (Stage::Application, Some(suite)) = (stage, self.suite) else { return Vec::new() };
            let version = self.version.unwrap_or(Version::TLS_1_2);
            let Some(master_secret) = self.master_secret(random, log) else { return Vec::new() };
            let source = KeyBlockSource {
                suite,
                version,
                master_secret,
                client_random: random,
                server_random: &self.server_random,
                mac_order: self.mac_order,
            };
            return Protection::of_key_block(source, direction).into_iter().collect();
        }
        let Some(secret) = label(direction, stage).and_then(|label| log.secret(random, label))
        else {
            return Vec::new();
        };
        match self.suite {
            Some(suite) => Protection::of_traffic_secret(suite, secret).into_iter().collect(),
            None => CipherSuite::with_secrets_of(secret.len())
                .filter_map(|suite| Protection::of_traffic_secret(suite, secret))
                .collect(),
        }
    }
}

impl HalfKeys {
    fn enter(&mut self, stage: Stage) {
        *self = Self { stage, opened: self.opened, tries: self.tries, ..Self::default() };
    }

    /// Opens a record with the keys of this stage or a later one.
    fn open(
        &mut self,
        stage: Stage,
        keys: &Protection,
        header: RecordHeader,
        body: &mut [u8],
    ) -> Option<Opening> {
        let tail = keys.last_block(body);
        let is_after_loss = self.refused > 0 || self.missing > 0;
        let opened = self.open_any(stage, keys, header, body);
        self.blocks = [tail, self.blocks[0]];
        if is_after_loss && keys.trusts_last_block() {
            return opened.map(|_| Opening::Refused);
        }
        opened
    }

    /// Opens a record with a number that it may have.
    fn open_any(
        &mut self,
        stage: Stage,
        keys: &Protection,
        header: RecordHeader,
        body: &mut [u8],
    ) -> Option<Opening> {
        let is_known = stage == self.stage;
        // Those of a later stage begin anew, somewhere in what is missing.
        let (first, expected) =
            if is_known { (self.next, self.next.saturating_add(self.refused)) } else { (0, 0) };
        let last = first.saturating_add(self.refused).saturating_add(self.missing);
        let mut number = expected;
        let mut record = self.attempt(keys, number, header, body, first < last);
        let mut others = (first..=last).filter(|other| *other != expected);
        while record.is_none() {
            number = others.next()?;
            self.tries.0 = self.tries.0.checked_sub(1)?;
            record = self.attempt(keys, number, header, body, true);
        }
        let record = record?;
        let skipped = is_known.then(|| number.saturating_sub(first));
        (self.stage, self.next) = (stage, number.saturating_add(1));
        (self.refused, self.missing, self.tries) = (0, 0, Tries::default());
        self.opened = self.opened.saturating_add(1);
        Some(Opening::Opened { record, stage, skipped })
    }

    /// Opens a record with a number that it may have.
    fn attempt(
        &self,
        keys: &Protection,
        number: u64,
        header: RecordHeader,
        body: &mut [u8],
        may_go_on: bool,
    ) -> Option<OpenedRecord> {
        let before = self.blocks[0].as_ref();
        // There may be other keys to come, too.
        let goes_on = may_go_on || self.stage < Stage::Application;
        if !goes_on || keys.spares_refused() {
            return keys.open(number, header, before, body);
        }
        let mut copy = body.to_vec();
        let record = keys.open(number, header, before, &mut copy)?;
        body.copy_from_slice(&copy);
        Some(record)
    }
}

/// The secret of TLS 1.3 that protects a stage of a direction.
fn label(direction: Direction, stage: Stage) -> Option<&'static str> {
    match (stage, direction) {
        (Stage::Early, Direction::ClientToServer) => Some(CLIENT_EARLY),
        (Stage::Handshake, Direction::ClientToServer) => Some(CLIENT_HANDSHAKE),
        (Stage::Handshake, Direction::ServerToClient) => Some(SERVER_HANDSHAKE),
        (Stage::Application, Direction::ClientToServer) => Some(CLIENT_APPLICATION),
        (Stage::Application, Direction::ServerToClient) => Some(SERVER_APPLICATION),
        (Stage::Early, Direction::ServerToClient) | (Stage::Clear, _) => None,
    }
}

/// How many improbable numbers of records are tried until one opens: less than a second of work.
const MOST_TRIES: u64 = 1 << 16;

/// Records that may precede the first one that was captured, where the `ClientHello` is missing.
const MIDSTREAM_RECORDS: u64 = 1 << 12;

/// Sessions of a key log that are tried where the `ClientHello` is missing.
const MOST_SESSIONS: usize = 64;
