//! Both directions of a connection, and how far its handshake has come.

mod renegotiation;
mod resumed;
mod sealed;
#[cfg(test)]
mod tests;

use self::renegotiation::Renegotiation;
use super::alert::Alert;
use super::certificate::Certificate;
use super::decryptor::{Decryptor, Stage};
use super::early_data::EarlyData;
use super::half::{Half, Step};
use super::hello::{ClientHello, EncryptedExtensions, ServerHello, session_ticket};
use super::keylog::KeyLog;
use super::message::{
    CERTIFICATE, CLIENT_HELLO, ENCRYPTED_EXTENSIONS, END_OF_EARLY_DATA, FINISHED, KEY_UPDATE,
    Message, NEW_SESSION_TICKET, SERVER_HELLO,
};
use super::plaintext::PlainRecord;
use super::record::ContentType;
use super::version::Version;
use crate::stream::{Chunk, Direction, Gap, PerDirection, Span};

/// Reads the records of a connection, as long as something can be learned from them, and decrypts them if their
/// secrets are known.
///
/// How the bytes were cut into chunks and records changes nothing but the spans of what is observed.
#[derive(Debug, Default)]
pub struct Session {
    sides: PerDirection<Half>,
    progress: PerDirection<Progress>,
    /// As chosen by the server.
    version: Option<Version>,
    /// Whether the server has answered for good.
    is_answered: bool,
    is_established: bool,
    decryptor: Decryptor,
    early: EarlyData,
    lost: PerDirection<LostRecords>,
    /// The handshake after the first one that is under way.
    renegotiation: Option<Renegotiation>,
}

/// What of a direction could not be decrypted since the last application data.
#[derive(Clone, Copy, Debug, Default)]
struct LostRecords {
    /// Bytes of its stream.
    bytes: u64,
    /// Whether lengths of contents are hidden.
    is_padded: bool,
    /// Whether there was any application data.
    has_data: bool,
}

/// What becomes known.
#[derive(Clone, Copy, Debug)]
pub enum SessionEvent<'a> {
    /// Something that TLS itself says.
    Seen(Observation<'a>),
    /// What a direction carries.
    Data(Direction, &'a PlainRecord),
    /// The name of a ticket by which the session may be resumed (TLS 1.2).
    Ticket(&'a [u8]),
}

/// What is needed to read on between two records of a direction.
#[derive(Clone, Debug)]
pub struct SavedSession {
    decryptor: Decryptor,
    version: Option<Version>,
    lost: LostRecords,
    stage: Stage,
}

/// Something observed.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'a> {
    /// The first message of the client, or another one requested by the server.
    ClientHello(&'a ClientHello, Span),
    /// The first message of the server, or its request for another `ClientHello`.
    ServerHello(&'a ServerHello, Span),
    /// The server's certificate; in TLS 1.3 it is encrypted.
    Certificate(&'a Certificate, Span),
    /// The application protocol that the server chose, where that is encrypted.
    Protocol(&'a [u8], Span),
    /// An alert that is not encrypted, or was decrypted.
    Alert(Alert, Span),
    /// The record that ends the handshake: both sides have finished.
    Established(Span),
    /// A side begins a handshake inside an established session, or asks for one (TLS 1.2 and older).
    Renegotiation(Span),
    /// A record is whole.
    Record(RecordSeen),
    /// A record does not open, though others did: it was damaged, altered or forged.
    Refused(Span),
    /// Not TLS, but these bytes; reported for every chunk of them.
    Foreign(&'a [u8], Span),
    /// Where the next record begins is not known: nothing more is read in this direction.
    Lost,
}

impl Observation<'_> {
    /// Where it is in the stream of its direction, if it is in it.
    pub fn span(&self) -> Option<Span> {
        Some(match *self {
            Self::ClientHello(_, span)
            | Self::ServerHello(_, span)
            | Self::Certificate(_, span)
            | Self::Protocol(_, span)
            | Self::Refused(span)
            | Self::Renegotiation(span)
            | Self::Alert(_, span)
            | Self::Established(span)
            | Self::Foreign(_, span) => span,
            Self::Record(record) => record.span,
            Self::Lost => return None,
        })
    }
}

/// A record that is whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecordSeen {
    /// The content type that it declares.
    pub kind: ContentType,
    /// Bytes after its header.
    pub length: u16,
    /// Whether it is encrypted.
    pub is_protected: bool,
    /// Whether it must be application data, as far as is known.
    pub is_data: bool,
    /// Whether it was decrypted.
    pub is_opened: bool,
    /// Its position.
    pub span: Span,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Progress {
    /// Its sender has finished the handshake.
    is_finished: bool,
    /// Its sender has sent application data.
    has_data: bool,
}

impl Session {
    /// Reads on between two records of a direction, as it was saved.
    pub fn resume(direction: Direction, saved: &SavedSession) -> Self {
        let mut session = Self {
            version: saved.version,
            is_answered: true,
            is_established: true,
            decryptor: saved.decryptor.clone(),
            early: EarlyData::Accepted,
            ..Self::default()
        };
        *session.lost.get_mut(direction) = saved.lost;
        session.sides.get_mut(direction).resume();
        session
    }

    /// Takes the next bytes of a direction.
    pub fn push(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        log: &KeyLog,
        out: &mut impl FnMut(SessionEvent<'_>),
    ) {
        let mut chunk = chunk;
        while self.is_ready(direction, chunk) {
            chunk = self.step(direction, chunk, log, out);
        }
    }

    /// Whether a chunk has bytes that were not read, or what was read is yet to be processed.
    pub fn is_ready(&self, direction: Direction, chunk: Chunk<'_>) -> bool {
        !chunk.bytes.is_empty() || self.sides.get(direction).is_ready()
    }

    /// Reads no further than to the end of a record; gives what is left of the chunk.
    pub fn step<'a>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'a>,
        log: &KeyLog,
        out: &mut impl FnMut(SessionEvent<'_>),
    ) -> Chunk<'a> {
        let (step, left) = self.sides.get_mut(direction).step(chunk);
        match step {
            Step::Nothing => {}
            Step::Message(message) => self.message(direction, &message, log, out),
            Step::Alert(alert, span) => see(out, Observation::Alert(alert, span)),
            Step::Record(record) => {
                if record.is_protected {
                    self.decryptor.miss_record(direction);
                    self.lose(direction, record.span);
                }
                self.record(direction, record, log, out);
            }
            Step::Sealed(header, record) => self.sealed(direction, header, record, log, out),
            Step::Foreign(held, chunk) => foreign(&held, chunk, out),
            Step::Lost => see(out, Observation::Lost),
            Step::Search => self.search(direction, log, out),
        }
        left
    }

    /// Whether a direction is between two records that are decrypted.
    pub fn is_between(&self, direction: Direction) -> bool {
        self.decryptor.has_keys(direction) && self.sides.get(direction).is_between()
    }

    /// Whether other keys are used than when it was saved.
    pub fn differs(&self, direction: Direction, saved: &SavedSession) -> bool {
        self.decryptor.stage(direction) != saved.stage
    }

    /// What is needed to read on here, between two records of a direction.
    pub fn save(&self, direction: Direction) -> SavedSession {
        SavedSession {
            decryptor: self.decryptor.clone(),
            version: self.version,
            lost: *self.lost.get(direction),
            stage: self.decryptor.stage(direction),
        }
    }

    /// Takes that bytes are missing.
    pub fn gap(
        &mut self,
        direction: Direction,
        gap: Gap,
        log: &KeyLog,
        out: &mut impl FnMut(SessionEvent<'_>),
    ) {
        if let Some(hello) = self.sides.get_mut(direction).gap(gap) {
            self.message(direction, &hello, log, out);
        }
        if self.sides.get(direction).is_over() {
            see(out, Observation::Lost);
        }
    }

    /// Whether a direction goes on with encrypted records, of which not all secrets are known.
    pub fn awaits_secrets(&self, direction: Direction, log: &KeyLog) -> bool {
        self.sides.get(direction).is_between() && self.decryptor.awaits_secrets(direction, log)
    }

    /// Whether a key log has all secrets of it.
    pub fn has_all_secrets(&self, log: &KeyLog) -> bool {
        self.decryptor.has_all_secrets(log)
    }

    /// Takes that a key log has grown.
    pub fn learn_secrets(&mut self, log: &KeyLog) {
        self.collect(log);
    }

    /// One whose `ClientHello` was not captured: the secrets of the key log are tried.
    pub fn midstream() -> Self {
        let mut session = Self { decryptor: Decryptor::midstream(), ..Self::default() };
        session.sides.client.begin_midstream();
        session.sides.server.begin_midstream();
        session
    }

    /// Whether its `ClientHello` was not captured.
    pub fn is_midstream(&self) -> bool {
        self.decryptor.is_midstream()
    }

    /// The random of its latest `ClientHello`, or of the session of the key log whose secrets open its records.
    pub fn client_random(&self) -> Option<[u8; 32]> {
        self.decryptor.client_random()
    }

    /// Whether anything of it was decrypted.
    pub fn is_open(&self) -> bool {
        Direction::BOTH.into_iter().any(|direction| self.decryptor.opened(direction) > 0)
    }

    /// Whether these are certainly records: their beginning was seen, or one of them was decrypted.
    pub fn is_certain(&self) -> bool {
        !self.is_midstream() || self.is_open()
    }

    /// Memory taken by what is not whole yet, in bytes.
    pub fn memory(&self) -> usize {
        let sides = self.sides.client.memory().saturating_add(self.sides.server.memory());
        sides.saturating_add(self.early.memory())
    }

    /// Gives up what is not whole yet, to save memory. Records are followed as before.
    pub fn evict(&mut self) {
        self.sides.client.evict();
        self.sides.server.evict();
    }

    /// Whether nothing more is to be learned: the handshake is done, and both sides talk; or nothing of it can
    /// be decrypted.
    pub fn is_settled(&self) -> bool {
        let Progress { has_data: client, .. } = self.progress.client;
        let Progress { has_data: server, .. } = self.progress.server;
        self.is_established && client && server && !self.is_open()
    }

    /// Whether a side must be read after what it answers: until both have finished the handshake.
    pub fn reads_in_turn(&self) -> bool {
        !self.is_established
    }

    fn message(
        &mut self,
        direction: Direction,
        message: &Message,
        log: &KeyLog,
        out: &mut impl FnMut(SessionEvent<'_>),
    ) {
        let span = message.span;
        let is_modern = self.is_modern();
        match (message.kind, direction) {
            (CLIENT_HELLO, Direction::ClientToServer) => {
                if let Some(hello) = ClientHello::parse(&message.body) {
                    self.decryptor.client_hello(&hello);
                    self.collect(log);
                    see(out, Observation::ClientHello(&hello, span));
                }
            }
            (SERVER_HELLO, Direction::ServerToClient) => {
                if let Some(hello) = ServerHello::parse(&message.body) {
                    self.server_hello(&hello, log);
                    see(out, Observation::ServerHello(&hello, span));
                }
            }
            (NEW_SESSION_TICKET, Direction::ServerToClient) if !is_modern => {
                if let Some(name) = session_ticket(&message.body) {
                    out(SessionEvent::Ticket(name));
                }
            }
            (ENCRYPTED_EXTENSIONS, Direction::ServerToClient) if is_modern => {
                let extensions = EncryptedExtensions::parse(&message.body);
                if let Some(protocol) = &extensions.protocol {
                    see(out, Observation::Protocol(protocol, span));
                }
                self.early.decide(extensions.early_data, out);
            }
            (CERTIFICATE, Direction::ServerToClient) => {
                let parse = if is_modern {
                    Certificate::parse_modern_message
                } else {
                    Certificate::parse_message
                };
                if let Some(certificate) = parse(&message.body) {
                    see(out, Observation::Certificate(&certificate, span));
                }
            }
            (END_OF_EARLY_DATA, Direction::ClientToServer) if is_modern => {
                self.early.decide(true, out);
                self.decryptor.enter(direction, Stage::Handshake, log);
            }
            (FINISHED, _) => {
                self.progress.get_mut(direction).is_finished = true;
                // After the handshake, it ends an authentication that the server has asked for.
                if is_modern && self.decryptor.stage(direction) < Stage::Application {
                    self.decryptor.enter(direction, Stage::Application, log);
                }
            }
            (KEY_UPDATE, _) if is_modern => self.decryptor.update(direction),
            _ => {}
        }
    }

    fn server_hello(&mut self, hello: &ServerHello, log: &KeyLog) {
        self.version = Some(hello.version);
        self.is_answered |= !hello.retry;
        self.decryptor.server_hello(hello);
        self.collect(log);
        if hello.retry || !self.is_modern() {
            self.early.refuse();
        }
    }

    /// Keeps encrypted records as a whole if there are secrets to open them with.
    fn collect(&mut self, log: &KeyLog) {
        let has_secrets = self.decryptor.has_secrets(log);
        self.sides.client.collect(has_secrets);
        self.sides.server.collect(has_secrets);
    }

    fn is_modern(&self) -> bool {
        self.version.is_some_and(|version| version >= Version::TLS_1_3)
    }

    fn record(
        &mut self,
        direction: Direction,
        record: RecordSeen,
        log: &KeyLog,
        out: &mut impl FnMut(SessionEvent<'_>),
    ) {
        self.renegotiate(direction, record, out);
        let is_modern = self.is_modern();
        if record.kind == ContentType::ChangeCipherSpec && !is_modern {
            self.sides.get_mut(direction).protect();
            // Before the server's answer, it only accompanies early data of TLS 1.3.
            if self.version.is_some() {
                self.decryptor.enter(direction, Stage::Application, log);
            }
        }
        let is_data = if is_modern {
            self.progress_hidden(direction, record)
        } else {
            let progress = self.progress.get_mut(direction);
            progress.is_finished |= record.kind == ContentType::Handshake && record.is_protected;
            record.kind == ContentType::ApplicationData
        };
        self.progress.get_mut(direction).has_data |= is_data;
        see(out, Observation::Record(RecordSeen { is_data, ..record }));
        self.establish(record.span, out);
    }

    /// Reports that the handshake is over, once.
    fn establish(&mut self, span: Span, out: &mut impl FnMut(SessionEvent<'_>)) {
        let is_finished = self.progress.client.is_finished && self.progress.server.is_finished;
        if is_finished && !self.is_established {
            self.is_established = true;
            see(out, Observation::Established(span));
        }
    }

    /// TLS 1.3 hides what a record carries, but not its length. Says whether it is application data.
    fn progress_hidden(&mut self, direction: Direction, record: RecordSeen) -> bool {
        if record.kind != ContentType::ApplicationData || !self.is_answered {
            return false;
        }
        match direction {
            Direction::ClientToServer if !self.progress.client.is_finished => {
                // Who has finished has received what the other one finished with.
                let has_finished = record.length >= LEAST_FINISHED;
                self.progress.client.is_finished = has_finished;
                self.progress.server.is_finished = has_finished;
                false
            }
            Direction::ClientToServer => record.length > HIDDEN_ALERT,
            // Before, it may be the handshake, and tickets.
            Direction::ServerToClient => self.progress.client.has_data,
        }
    }
}

/// Reports what TLS itself says.
fn see(out: &mut impl FnMut(SessionEvent<'_>), seen: Observation<'_>) {
    out(SessionEvent::Seen(seen));
}

fn foreign(held: &[u8], chunk: Chunk<'_>, out: &mut impl FnMut(SessionEvent<'_>)) {
    let mut span = Span::at(chunk.offset, chunk.origin);
    span.extend(chunk.end(), chunk.origin);
    if held.is_empty() {
        return see(out, Observation::Foreign(chunk.bytes, span));
    }
    let bytes = [held, chunk.bytes].concat();
    see(out, Observation::Foreign(&bytes, span));
}

/// Bytes of an encrypted record of TLS 1.3 that holds an alert: 2, its type, and 16 of the cipher.
pub(super) const HIDDEN_ALERT: u16 = 2 + 1 + 16;

/// Bytes of the shortest encrypted record of TLS 1.3 that holds a Finished: a header of 4, 32 of SHA-256, its
/// type, and 16 of the cipher (8 for the rare `CCM_8`).
pub(super) const LEAST_FINISHED: u16 = 4 + 32 + 1 + 8;
