//! Both directions of a connection, and how far its handshake has come.

use super::alert::Alert;
use super::certificate::Certificate;
use super::half::{Half, Step};
use super::hello::{ClientHello, ServerHello};
use super::message::{CERTIFICATE, CLIENT_HELLO, Message, SERVER_HELLO};
use super::record::ContentType;
use super::version::Version;
use crate::stream::{Chunk, Direction, Gap, PerDirection, Span};

/// Reads the records of a connection, as long as something can be learned from them.
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
}

/// Something observed.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'a> {
    /// The first message of the client, or another one requested by the server.
    ClientHello(&'a ClientHello, Span),
    /// The first message of the server, or its request for another `ClientHello`.
    ServerHello(&'a ServerHello, Span),
    /// The server's certificate, in TLS 1.2 and older.
    Certificate(&'a Certificate, Span),
    /// An alert in the clear.
    Alert(Alert, Span),
    /// The record that ends the handshake: both sides have finished.
    Established(Span),
    /// A record is whole.
    Record(RecordSeen),
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

    /// Memory taken by messages of the handshake that are not whole yet, in bytes.
    pub fn memory(&self) -> usize {
        self.sides.client.memory().saturating_add(self.sides.server.memory())
    }

    /// Gives up messages of the handshake that are not whole yet, to save memory. Records are followed as
    /// before.
    pub fn evict(&mut self) {
        self.sides.client.evict();
        self.sides.server.evict();
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
/// type, and 16 of the cipher (8 for the rare `CCM_8`).
pub(super) const LEAST_FINISHED: u16 = 4 + 32 + 1 + 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{GapCause, Origin, PacketId, Timestamp, length_u64};
    use crate::testkit::tls::{
        GOOD, alert, client_hello, finished, flight, hello, record, retry_request, sealed,
        server_hello,
    };
    use Direction::{ClientToServer as C, ServerToClient as S};

    /// Feeds the bytes of each side, in pieces of at most `size`, and returns what is observed.
    fn feed(session: &mut Session, said: &[(Direction, Vec<u8>)], size: usize) -> Vec<String> {
        let mut seen = Vec::new();
        let mut offsets = PerDirection::<u64>::default();
        let mut foreign = false;
        for (packet, (direction, bytes)) in (1..).zip(said) {
            for piece in bytes.chunks(size) {
                let offset = offsets.get_mut(*direction);
                let origin = Origin { packet: PacketId(packet), time: Timestamp(packet) };
                let chunk = Chunk { offset: *offset, bytes: piece, origin };
                *offset += length_u64(piece.len());
                session.push(*direction, chunk, &mut |observed| match observed {
                    Observation::ClientHello(hello, span) => {
                        seen.push(format!(
                            "ClientHello {} at {}",
                            hello.highest_version(),
                            span.start
                        ));
                    }
                    Observation::ServerHello(hello, _) => {
                        let name = if hello.retry { "HelloRetryRequest" } else { "ServerHello" };
                        seen.push(format!("{name} {}", hello.version));
                    }
                    Observation::Certificate(certificate, _) => {
                        seen.push(format!("Certificate {}", certificate.subject));
                    }
                    Observation::Alert(alert, _) => seen.push(alert.to_string()),
                    Observation::Established(span) => {
                        seen.push(format!("established in {}", span.last.packet));
                    }
                    Observation::Record(record) if record.is_data => {
                        seen.push(format!("data of {}", record.length));
                    }
                    Observation::Record(_) => {}
                    Observation::Foreign(..) if foreign => {}
                    Observation::Foreign(..) => {
                        foreign = true;
                        seen.push("foreign".to_owned());
                    }
                    Observation::Lost => seen.push("lost".to_owned()),
                });
            }
        }
        seen
    }

    type SessionRow = (&'static str, fn() -> Vec<(Direction, Vec<u8>)>, &'static [&'static str]);

    #[rustfmt::skip]
    const ROWS: &[SessionRow] = &[
        ("TLS 1.2", || vec![
            (C, hello()), (S, flight(GOOD)), (C, finished()), (S, finished()), (C, sealed(300)), (S, sealed(200)),
        ], &["ClientHello TLS 1.3 at 5", "ServerHello TLS 1.2", "Certificate CN=example.org", "established in 4",
            "data of 300", "data of 200"]),
        ("TLS 1.3", || vec![
            (C, hello()), (S, [server_hello(0x0304), record(20, &[1]), sealed(900)].concat()),
            (C, [record(20, &[1]), sealed(53)].concat()), (S, sealed(250)), (C, sealed(300)), (S, sealed(200)),
        ], &["ClientHello TLS 1.3 at 5", "ServerHello TLS 1.3", "established in 3", "data of 300", "data of 200"]),
        ("a hello that the server requests again", || vec![
            (C, hello()), (S, [retry_request(), record(20, &[1])].concat()), (C, [record(20, &[1]), client_hello(&[0x0304], None)].concat()),
            (S, [server_hello(0x0304), sealed(900)].concat()), (C, sealed(53)),
        ], &["ClientHello TLS 1.3 at 5", "HelloRetryRequest TLS 1.3", "ClientHello TLS 1.3 at 120", "ServerHello TLS 1.3", "established in 5"]),
        ("an alert that hides", || vec![
            (C, hello()), (S, [server_hello(0x0304), sealed(900)].concat()), (C, sealed(19)),
        ], &["ClientHello TLS 1.3 at 5", "ServerHello TLS 1.3"]),
        ("an alert in the clear", || vec![(C, hello()), (S, alert(2, 70))],
            &["ClientHello TLS 1.3 at 5", "fatal alert protocol_version (70)"]),
        ("HTTP", || vec![(C, hello()), (S, b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())],
            &["ClientHello TLS 1.3 at 5", "foreign"]),
        ("nonsense after a record", || vec![(C, [hello(), b"GET / HTTP/1.1".to_vec()].concat())],
            &["ClientHello TLS 1.3 at 5", "lost"]),
    ];

    #[test]
    fn handshakes_are_followed_however_they_are_cut() {
        for (name, said, expected) in ROWS {
            for size in [1, 2, 3, 7, 100, usize::MAX] {
                let seen = feed(&mut Session::default(), &said(), size);
                assert_eq!(seen, *expected, "{name}, pieces of {size}");
            }
        }
    }

    #[test]
    fn messages_may_be_cut_into_records() {
        let whole = flight(GOOD);
        let cut: Vec<u8> = whole[5..].chunks(100).flat_map(|part| record(22, part)).collect();
        let seen = feed(&mut Session::default(), &[(C, hello()), (S, cut)], 64);
        assert_eq!(seen[1..], ["ServerHello TLS 1.2", "Certificate CN=example.org"]);
    }

    #[test]
    fn a_session_is_settled_when_both_sides_talk() {
        let mut session = Session::default();
        let said = ROWS[0].1();
        feed(&mut session, &said[..5], 1000);
        assert!(!session.is_settled(), "the server has sent nothing");
        feed(&mut session, &said[5..], 1000);
        assert!(session.is_settled());
    }

    #[test]
    fn a_gap_within_a_record_is_passed_over() {
        let origin = Origin::default();
        let gap = |offset, length| Gap { offset, length, cause: GapCause::Ended, origin };
        for (missing, expected) in [(90, "fatal alert unknown_ca (48)"), (101, "lost")] {
            let mut session = Session::default();
            let mut seen = Vec::new();
            let mut take = |observed: Observation<'_>| match observed {
                Observation::Alert(alert, _) => seen.push(alert.to_string()),
                Observation::Lost => seen.push("lost".to_owned()),
                _ => {}
            };
            let bytes = [sealed(100), alert(2, 48)].concat();
            session.push(S, Chunk { offset: 0, bytes: &bytes[..5], origin }, &mut take);
            session.gap(S, gap(5, missing), &mut take);
            let rest = 5 + usize::try_from(missing).unwrap();
            session.push(
                S,
                Chunk { offset: 5 + missing, bytes: &bytes[rest..], origin },
                &mut take,
            );
            assert_eq!(seen, [expected], "{missing} bytes missing");
        }
    }

    #[test]
    fn damaged_bytes_do_no_harm() {
        for (_, said, _) in ROWS {
            let said = said();
            for at in 0..said.len() {
                for byte in 0..said[at].1.len() {
                    for flip in [0x01, 0x80, 0xff] {
                        let mut damaged = said.clone();
                        damaged[at].1[byte] ^= flip;
                        feed(&mut Session::default(), &damaged, 97);
                    }
                }
            }
        }
    }
}
