//! What precedes or carries a WebSocket is read, shown and passed through, however it is cut.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use serde_json::Value;
use wslens::analysis::{Analyzer, AnalyzerOptions};
use wslens::capture::{LinkType, Packet};
use wslens::findings::Reading;
use wslens::journal::Builder;
use wslens::report::ndjson::{Ndjson, NdjsonOptions};
use wslens::report::{Breadth, Detail, Listing, Report, Selection};
use wslens::stream::Direction::{self, ClientToServer as C, ServerToClient as S};
use wslens::stream::{PacketId, Timestamp};

use support::reopened;
use support::testkit::frame::{masked, plain};
use support::testkit::head;
use support::testkit::packet::ETHERNET;
use support::testkit::traffic::{TestLink, TestTraffic};

/// Who sends what, in turn, before and around an opening handshake.
type Turns = Vec<(Direction, Vec<u8>)>;

/// The turns, each cut into segments of `size` bytes.
fn traffic(turns: &Turns, size: usize) -> TestTraffic {
    let mut traffic = TestTraffic::new(TestLink::Ethernet);
    traffic.open();
    for (direction, bytes) in turns {
        for piece in bytes.chunks(size) {
            traffic.segment(*direction, piece).acknowledge(direction.reverse());
        }
    }
    traffic
}

/// What ndjson output shows: the line of the connection, and its messages with their offsets' packets.
fn shown(traffic: &TestTraffic) -> (Value, Vec<String>) {
    let selection = Selection { breadth: Breadth::All, ..Selection::default() };
    let options = NdjsonOptions {
        selection,
        detail: Detail::Messages,
        findings: Listing::No,
        max_payload: 100,
    };
    let mut out = Vec::new();
    let mut report = Ndjson::new(&mut out, options);
    let mut builder = Builder::new();
    let mut analyzer = Analyzer::new(AnalyzerOptions { keep: 100, ..AnalyzerOptions::default() });
    for (packet, number) in traffic.packets.iter().zip(1..) {
        let packet = Packet {
            id: PacketId(number),
            time: Timestamp(packet.time),
            link_type: LinkType(ETHERNET),
            interface: 0,
            original_length: u32::try_from(packet.original_length).unwrap(),
            bytes: &packet.bytes,
            file_offset: 0,
        };
        analyzer.push(&packet, &mut builder.feeding(&mut report));
    }
    analyzer.finish(&mut builder.feeding(&mut report));
    report.finish(&builder.summary(analyzer.totals(), &Reading::default())).unwrap();
    drop(report);
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let connection = lines.iter().find(|line| line["type"] == "connection").unwrap().clone();
    let messages = lines
        .iter()
        .filter(|line| line["type"] == "message")
        .map(|line| format!("{} {}", line["opcode"].as_str().unwrap(), line["length"]))
        .collect();
    (connection, messages)
}

const PROXY_V1: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.1 51820 80\r\n";

/// IPv4 from 192.0.2.7:51820, with an authority.
const PROXY_V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x1a\xc0\0\x02\x07\xc0\0\x02\x01\xca\x6c\0\x50\
    \x02\x00\x0bexample.org";

/// A handshake, a text of the client and its answer.
fn websocket() -> Turns {
    let key = "00001freshkeyofatestXA==";
    vec![
        (C, head::request(key, "")),
        (S, head::response(key, "")),
        (C, masked(0x81, b"Hello")),
        (S, plain(0x81, b"Hi")),
    ]
}

fn after(before: &[(Direction, &[u8])]) -> Turns {
    let before = before.iter().map(|(direction, bytes)| (*direction, bytes.to_vec()));
    before.chain(websocket()).collect()
}

/// The handshake with bytes before a turn: 1 is the response, 3 the first frame of the server.
fn with(turn: usize, bytes: &[u8]) -> Turns {
    let mut turns = websocket();
    let (_, sent) = turns.get_mut(turn).unwrap();
    sent.splice(0..0, bytes.iter().copied());
    turns
}

#[test]
fn a_websocket_is_read_after_whatever_precedes_it() {
    let socks5: &[(Direction, &[u8])] = &[
        (C, b"\x05\x02\0\x02"),
        (S, b"\x05\x02"),
        (C, b"\x01\x02me\x06secret"),
        (S, b"\x01\0"),
        (C, b"\x05\x01\0\x03\x0bexample.org\0\x50"),
        (S, b"\x05\0\0\x01\x7f\0\0\x01\x1f\x90"),
    ];
    let socks4a: &[(Direction, &[u8])] =
        &[(C, b"\x04\x01\0\x50\0\0\0\x01me\0example.org\0"), (S, b"\0\x5a\0\0\0\0\0\0")];
    let connect: &[(Direction, &[u8])] =
        &[(C, b"CONNECT example.org:80 HTTP/1.1\r\n\r\n"), (S, b"HTTP/1.1 200 OK\r\n\r\n")];
    let cases: Vec<(&str, Turns, &str, &str)> = vec![
        ("nothing", after(&[]), "", ""),
        ("PROXY 1", after(&[(C, PROXY_V1)]), "192.0.2.7:51820", ""),
        ("PROXY 2", after(&[(C, PROXY_V2)]), "192.0.2.7:51820", ""),
        ("LOCAL", after(&[(C, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")]), "", ""),
        ("SOCKS 4a", after(socks4a), "", "example.org:80"),
        ("SOCKS 5", after(socks5), "", "example.org:80"),
        ("CONNECT", after(connect), "", "example.org:80"),
        (
            "PROXY before SOCKS",
            after(&[&[(C, PROXY_V1)], socks5].concat()),
            "192.0.2.7:51820",
            "example.org:80",
        ),
        ("SOCKS in CONNECT", after(&[connect, socks4a].concat()), "", "example.org:80"),
        ("a greeting", after(&[(S, b"SSH-2.0-OpenSSH_9.2\r\n")]), "", ""),
        ("a line end before the request", with(0, b"\r\n"), "", ""),
        ("a byte order mark before the request", with(0, b"\xef\xbb\xbf"), "", ""),
        ("a byte order mark before the response", with(1, b"\xef\xbb\xbf"), "", ""),
        ("a line end before the response", with(1, b"\r\n"), "", ""),
        ("a printed line before the response", with(1, b"listening\n"), "", ""),
        ("a line end after the response", with(3, b"\r\n"), "", ""),
        ("a NUL after the response", with(3, b"\0"), "", ""),
        ("a line end of the client", with(2, b"\r\n"), "", ""),
    ];
    for (name, turns, real_client, target) in cases {
        for size in [1, 2, 3, 7, 1400] {
            let traffic = traffic(&turns, size);
            let (connection, messages) = shown(&traffic);
            assert_eq!(messages, ["text 5", "text 2"], "{name}, {size}: {connection}");
            let field = |name: &str| connection[name].as_str().unwrap_or_default().to_owned();
            assert_eq!(
                (field("real_client").as_str(), field("proxy_target").as_str()),
                (real_client, target),
                "{name}, {size}"
            );
            let both = reopened::record(
                &traffic.packets,
                AnalyzerOptions { keep: 100, ..AnalyzerOptions::default() },
            );
            reopened::assert_reopens(&both, &reopened::Memory::new(&traffic.packets), name);
        }
    }
}

#[test]
fn stray_bytes_are_quoted_with_their_place() {
    let cases: Vec<(&str, Turns, &str, &str)> = vec![
        (
            "a greeting",
            after(&[(S, b"SSH-2.0-OpenSSH_9.2\r\n")]),
            "greeting",
            "SSH-2.0-OpenSSH_9.2\r\n",
        ),
        ("before the request", with(0, b"\r\n"), "before_request", "\r\n"),
        ("before the response", with(1, b"\xef\xbb\xbf"), "before_response", "\u{feff}"),
        ("before the frames", with(3, b"\r\n"), "before_frames", "\r\n"),
        (
            "instead of a response",
            vec![websocket().swap_remove(0), (S, b"SSH-2.0-x\r\n".to_vec())],
            "instead_of_response",
            "SSH-2.0-x\r\n",
        ),
        (
            "an unfinished PROXY header",
            vec![(C, b"PROXY TCP4 192.0.2.7".to_vec())],
            "unfinished_proxy_header",
            "PROXY TCP4 192.0.2.7",
        ),
        (
            "AMQP to HTTP",
            vec![
                (C, b"AMQP\0\0\x09\x01".to_vec()),
                (S, b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
            ],
            "instead_of_request",
            "AMQP\0\0\t\u{1}",
        ),
    ];
    for (name, turns, place, text) in cases {
        for size in [1, 3, 1400] {
            let (connection, _) = shown(&traffic(&turns, size));
            let stray = &connection["stray_bytes"][0];
            assert_eq!(
                (stray["place"].as_str(), stray["text"].as_str()),
                (Some(place), Some(text)),
                "{name}, {size}: {connection}"
            );
        }
    }
}

#[test]
fn what_is_not_decoded_is_called_by_its_name() {
    let hello = support::testkit::tls::hello();
    let header = [PROXY_V1, &hello].concat();
    let cases: Vec<(&str, Turns, &str, &str)> = vec![
        ("TLS", vec![(C, hello)], "tls", "undecodable"),
        ("TLS after a PROXY header", vec![(C, header)], "tls", "undecodable"),
        ("HTTP/2", vec![(C, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec())], "h2", "undecodable"),
        ("HTTP/2 of the server", vec![(S, b"\0\0\0\x04\0\0\0\0\0".to_vec())], "h2", "undecodable"),
        ("HTTP/2 after h2c", vec![
            (C, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".to_vec()),
            (S, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()),
            (C, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ], "h2", "undecodable"),
        ("SMTP", vec![(S, b"220 mail.example.org ESMTP\r\n".to_vec()), (C, b"EHLO a\r\n".to_vec())], "tcp", "not_websocket"),
        ("lines", vec![(C, b"hello\r\n".to_vec()), (S, b"hello yourself\r\n".to_vec())], "tcp", "not_websocket"),
    ];
    for (name, turns, transport, outcome) in cases {
        for size in [1, 5, 1400] {
            let (connection, messages) = shown(&traffic(&turns, size));
            let seen = (connection["transport"].as_str(), connection["outcome"].as_str());
            assert_eq!(seen, (Some(transport), Some(outcome)), "{name}, {size}: {connection}");
            assert!(messages.is_empty(), "{name}, {size}");
        }
    }
}
