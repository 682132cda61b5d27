//! Both directions of a connection, and how far its handshake has come.

use super::alert::Alert;
use super::certificate::Certificate;
use super::hello::{ClientHello, ServerHello};
use super::message::{CERTIFICATE, CLIENT_HELLO, Message, SERVER_HELLO};
use super::record::ContentType;
use super::side::{Side, Step};
use super::version::Version;
use crate::stream::{Chunk, Direction, Gap, PerDirection, Span};

/// Reads the records of a connection, as long as something can be learned from them.
///
/// How the bytes were cut into chunks and records changes nothing but the spans of what is observed.
#[derive(Debug, Default)]
pub struct Session {
    sides: PerDirection<Side>,
    progress: PerDirection<Progress>,
    /// As chosen by the server.
    version: Option<Version>,
    /// Whether the server has answered for good.
    is_answered: bool,
    is_established: bool,
}

/// Something observed.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'a> {
    /// The first message of the client, or another one that the server asked for.
    ClientHello(&'a ClientHello, Span),
    /// The first message of the server, or that it asks for another `ClientHello`.
    ServerHello(&'a ServerHello, Span),
    /// The server's certificate, in TLS 1.2 and older.
    Certificate(&'a Certificate, Span),
    /// An alert in the clear.
    Alert(Alert, Span),
    /// The record that ends the handshake: both sides have finished.
    Established(Span),
    /// A record is whole.
    Record(RecordSeen),
    /// No TLS, but these bytes; told of every chunk of them.
    Foreign(&'a [u8], Span),
    /// Where the next record begins is not known: nothing more is read in this direction.
    Lost,
}

/// A record that is whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecordSeen {
    /// What it says that it carries.
    pub kind: ContentType,
    /// Bytes behind its header.
    pub length: u16,
    /// Whether it is encrypted.
    pub is_protected: bool,
    /// Whether it must be application data, as far as can be told.
    pub is_data: bool,
    /// Where it lies.
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
    /// Takes the next bytes of a direction.
    pub fn push(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        out: &mut impl FnMut(Observation<'_>),
    ) {
        let mut chunk = chunk;
        while !chunk.bytes.is_empty() || self.sides.get(direction).is_ready() {
            let (step, left) = self.sides.get_mut(direction).step(chunk);
            chunk = left;
            match step {
                Step::Nothing => {}
                Step::Message(message) => self.message(direction, &message, out),
                Step::Alert(alert, span) => out(Observation::Alert(alert, span)),
                Step::Record(record) => self.record(direction, record, out),
                Step::Foreign(held, chunk) => foreign(&held, chunk, out),
                Step::Lost => out(Observation::Lost),
            }
        }
    }

    /// Takes that bytes are missing.
    pub fn gap(&mut self, direction: Direction, gap: Gap, out: &mut impl FnMut(Observation<'_>)) {
        let side = self.sides.get_mut(direction);
        side.gap(gap);
        if side.is_over() {
            out(Observation::Lost);
        }
    }

    /// Whether nothing more is to be learned: the handshake is done, and both sides talk.
    pub fn is_settled(&self) -> bool {
        let Progress { has_data: client, .. } = self.progress.client;
        let Progress { has_data: server, .. } = self.progress.server;
        self.is_established && client && server
    }

    fn message(
        &mut self,
        direction: Direction,
        message: &Message,
        out: &mut impl FnMut(Observation<'_>),
    ) {
        let span = message.span;
        match (message.kind, direction) {
            (CLIENT_HELLO, Direction::ClientToServer) => {
                if let Some(hello) = ClientHello::parse(&message.body) {
                    out(Observation::ClientHello(&hello, span));
                }
            }
            (SERVER_HELLO, Direction::ServerToClient) => {
                if let Some(hello) = ServerHello::parse(&message.body) {
                    self.version = Some(hello.version);
                    self.is_answered |= !hello.retry;
                    out(Observation::ServerHello(&hello, span));
                }
            }
            (CERTIFICATE, Direction::ServerToClient) => {
                if let Some(certificate) = Certificate::parse_message(&message.body) {
                    out(Observation::Certificate(&certificate, span));
                }
            }
            _ => {}
        }
    }

    fn record(
        &mut self,
        direction: Direction,
        record: RecordSeen,
        out: &mut impl FnMut(Observation<'_>),
    ) {
        let is_modern = self.version.is_some_and(|version| version >= Version::TLS_1_3);
        if record.kind == ContentType::ChangeCipherSpec && !is_modern {
            self.sides.get_mut(direction).protect();
        }
        let is_data = if is_modern {
            self.progress_hidden(direction, record)
        } else {
            let progress = self.progress.get_mut(direction);
            progress.is_finished |= record.kind == ContentType::Handshake && record.is_protected;
            record.kind == ContentType::ApplicationData
        };
        self.progress.get_mut(direction).has_data |= is_data;
        out(Observation::Record(RecordSeen { is_data, ..record }));
        let is_finished = self.progress.client.is_finished && self.progress.server.is_finished;
        if is_finished && !self.is_established {
            self.is_established = true;
            out(Observation::Established(record.span));
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

fn foreign(held: &[u8], chunk: Chunk<'_>, out: &mut impl FnMut(Observation<'_>)) {
    let mut span = Span::at(chunk.offset, chunk.origin);
    span.extend(chunk.end(), chunk.origin);
    if held.is_empty() {
        return out(Observation::Foreign(chunk.bytes, span));
    }
    let bytes = [held, chunk.bytes].concat();
    out(Observation::Foreign(&bytes, span));
}

/// Bytes of an encrypted record of TLS 1.3 that holds an alert: 2, its type, and 16 of the cipher.
pub(super) const HIDDEN_ALERT: u16 = 2 + 1 + 16;

/// Bytes of the shortest encrypted record of TLS 1.3 that holds a Finished: a header of 4, 32 of SHA-256, its
/// type, and 16 of the cipher (8 where it is one of the rare CCM_8).
pub(super) const LEAST_FINISHED: u16 = 4 + 32 + 1 + 8;
