//! Events made by hand, for tests of the formats.

use std::net::SocketAddr;

use crate::analysis::Sink;
use crate::analysis::event::{
    Connection, ConnectionEvent, ConnectionId, Ending, Event, EventKind, Nature, Outcome,
    StartedBy, TcpState,
};
use crate::findings::{Bits, Finding, Peers, rule};
use crate::http::{Handshake, Head};
use crate::stream::{Direction, Origin, PacketId, PerDirection, Side, Span, Timestamp};
use crate::websocket::{DeflateEnding, Frame, FrameHeader, Inflation, Message, Opcode, Utf8};

/// 2026-08-22T09:30:00Z, when the captures of the tests begin.
pub(super) const START: u64 = 1_787_391_000_000_000_000;

/// Packet `packet`, as many milliseconds after the start.
pub(super) fn origin(packet: u64) -> Origin {
    Origin { packet: PacketId(packet), time: Timestamp(START + packet * 1_000_000) }
}

/// A WebSocket connection from `127.0.0.1:50312` to `[::1]:8080`.
pub(super) fn connection(id: u64) -> Connection {
    let peers = [SocketAddr::from(([127, 0, 0, 1], 50312)), "[::1]:8080".parse().unwrap()];
    let mut connection = Connection::new(ConnectionId(id), peers, StartedBy::Syn, origin(0));
    connection.last = origin(9);
    connection.nature = Nature::WebSocket;
    connection.state = TcpState::Established;
    connection.bytes = PerDirection { client: 100, server: 2000 };
    connection.packets = PerDirection { client: 3, server: 4 };
    connection.frames = PerDirection { client: 1, server: 2 };
    connection.messages = PerDirection { client: 1, server: 2 };
    connection
}

/// Sends an event of packet `packet`.
pub(super) fn send(
    sink: &mut impl Sink,
    packet: u64,
    connection: &Connection,
    event: ConnectionEvent<'_>,
) {
    let kind = EventKind::Connection(connection, event);
    sink.event(&Event { origin: origin(packet), kind });
}

/// A whole message of packets 4 and 5.
pub(super) fn message(opcode: Opcode, content: &[u8]) -> Message<'_> {
    let length = u64::try_from(content.len()).unwrap();
    let mut span = Span::at(412, origin(4));
    span.extend(418 + length, origin(5));
    Message {
        opcode,
        frames: 1,
        compressed: false,
        wire_length: length,
        length,
        complete: true,
        content,
        sha256: None,
        inflation: Inflation::None,
        reach: 0,
        window_bits: None,
        ending: DeflateEnding::default(),
        utf8: if opcode == Opcode::Text { Utf8::Valid } else { Utf8::NotText },
        close: None,
        history: None,
        span,
    }
}

/// A masked text frame of 5 bytes, of which `received` were seen.
pub(super) fn frame(received: u64) -> Frame {
    let header = FrameHeader {
        fin: true,
        rsv: 4,
        opcode: 1,
        mask: Some([0x37, 0xfa, 0x21, 0x3d]),
        payload_length: 5,
        header_length: 6,
    };
    let mut span = Span::at(412, origin(4));
    span.extend(418 + received, origin(4));
    Frame { header, span, received, missing: 5 - received, index: 0 }
}

/// A handshake that was accepted after 2 ms.
pub(super) fn handshake() -> Handshake {
    let request = b"GET /feed\x1b[2J HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let response = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: mqtt\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15\r\n\r\n";
    Handshake {
        request: Some(Head::parse(request, Span::at(0, origin(1)))),
        response: Some(Head::parse(response, Span::at(0, origin(3)))),
        ..Handshake::default()
    }
}

/// The end of a connection that matters.
pub(super) fn ending(outcome: Outcome) -> ConnectionEvent<'static> {
    let watched_until = origin(9).time;
    ConnectionEvent::Ended(Ending { outcome, relevant: true, unseen: None, watched_until })
}

/// A finding about the frame of [`frame`], with an escape sequence in its evidence.
pub(super) fn finding(id: &str, connection: u64) -> Finding {
    Finding {
        rule: rule(id).unwrap(),
        connection: Some(ConnectionId(connection)),
        peers: Some(Peers {
            client: SocketAddr::from(([127, 0, 0, 1], 50312)),
            server: "[::1]:8080".parse().unwrap(),
        }),
        direction: Some(Direction::ClientToServer),
        side: Some(Side::Client),
        first: origin(4),
        last: origin(5),
        offset: Some(412),
        bits: Some(Bits { start: 8, count: 1 }),
        evidence: "seen \x1b[2J, expected 1".to_owned(),
        remedy: rule(id).unwrap().remedy,
    }
}
