//! What sessions observe, with and without their secrets.

use super::*;
use crate::stream::{GapCause, Origin, PacketId, Timestamp, length_u64};
use crate::testkit::tls::{
    GOOD, alert, client_hello, finished, flight, hello, record, retry_request, sealed, server_hello,
};
use Direction::{ClientToServer as C, ServerToClient as S};

/// What TLS itself says: without secrets, nothing else comes.
fn observed(event: SessionEvent<'_>) -> Observation<'_> {
    match event {
        SessionEvent::Seen(seen) => seen,
        SessionEvent::Data(..) | SessionEvent::Ticket(_) => unreachable!("there are no secrets"),
    }
}

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
            session.push(
                *direction,
                chunk,
                &KeyLog::default(),
                &mut |event| match observed(event) {
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
                    Observation::Renegotiation(span) => {
                        seen.push(format!("renegotiation in {}", span.first.packet));
                    }
                    Observation::Record(record) if record.is_data => {
                        seen.push(format!("data of {}", record.length));
                    }
                    Observation::Record(_)
                    | Observation::Protocol(..)
                    | Observation::Refused(_) => {}
                    Observation::Foreign(..) if foreign => {}
                    Observation::Foreign(..) => {
                        foreign = true;
                        seen.push("foreign".to_owned());
                    }
                    Observation::Lost => seen.push("lost".to_owned()),
                },
            );
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
    ("TLS 1.2, renegotiated twice before the answer", || vec![
        (C, hello()), (S, flight(GOOD)), (C, finished()), (S, finished()), (C, sealed(300)),
        (S, record(22, &[0xee; 24])), (C, record(22, &[0xee; 90])), (S, record(22, &[0xee; 90])), (C, finished()),
        (S, finished()), (C, sealed(10)), (C, record(22, &[0xee; 90])), (S, sealed(200)),
    ], &["ClientHello TLS 1.3 at 5", "ServerHello TLS 1.2", "Certificate CN=example.org", "established in 4",
        "data of 300", "renegotiation in 6", "data of 10", "renegotiation in 12", "data of 200"]),
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
        let log = KeyLog::default();
        let mut take = |event: SessionEvent<'_>| match observed(event) {
            Observation::Alert(alert, _) => seen.push(alert.to_string()),
            Observation::Lost => seen.push("lost".to_owned()),
            _ => {}
        };
        let bytes = [sealed(100), alert(2, 48)].concat();
        session.push(S, Chunk { offset: 0, bytes: &bytes[..5], origin }, &log, &mut take);
        session.gap(S, gap(5, missing), &log, &mut take);
        let rest = 5 + usize::try_from(missing).unwrap();
        session.push(
            S,
            Chunk { offset: 5 + missing, bytes: &bytes[rest..], origin },
            &log,
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
