//! Rows made by hand, for tests.

use crate::analysis::event::{Connection, ConnectionId, StartedBy};
use crate::findings::{Finding, rule};
use crate::http::{Handshake, Head};
use crate::stream::{Direction, Origin, PacketId, Side, Span, Timestamp};
use crate::websocket::close::close_payload;
use crate::websocket::{DeflateEnding, Frame, FrameHeader, Inflation, Message, Opcode, Utf8};

/// Time of the first packet.
pub(super) const START: Timestamp = Timestamp(1_787_391_000_000_000_000);

/// Packet `packet`, as many milliseconds after the start.
pub(super) fn origin(packet: u64) -> Origin {
    Origin { packet: PacketId(packet), time: Timestamp(START.0 + packet * 1_000_000) }
}

/// Connection 3, from `10.0.0.1:50312` to `[2001:db8::2]:8080`.
pub(super) fn connection() -> Connection {
    let peers = ["10.0.0.1:50312".parse().unwrap(), "[2001:db8::2]:8080".parse().unwrap()];
    Connection::new(ConnectionId(3), peers, StartedBy::Syn, origin(1))
}

/// A whole message in packets 4 to 6, at offset 412.
pub(super) fn message(opcode: Opcode, content: &[u8]) -> Message<'_> {
    let length = u64::try_from(content.len()).unwrap();
    let mut span = Span::at(412, origin(4));
    span.extend(418 + length, origin(6));
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
        close: (opcode == Opcode::Close).then(|| close_payload(content)),
        history: None,
        span,
    }
}

/// The masked text frame of RFC 6455 §5.7, with RSV1.
pub(super) fn frame() -> Frame {
    Frame {
        header: FrameHeader {
            fin: true,
            rsv: 4,
            opcode: 1,
            mask: Some([0x37, 0xfa, 0x21, 0x3d]),
            payload_length: 5,
            header_length: 6,
        },
        span: Span::at(412, origin(4)),
        received: 5,
        missing: 0,
        index: 0,
    }
}

/// A handshake for the subprotocol chat.
pub(super) fn handshake() -> Handshake {
    let request =
        b"GET /feed?token=1 HTTP/1.1\r\nHost: example.com\r\nOrigin: http://a.example\r\n\
        User-Agent: tests\r\n\r\n";
    let response = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: chat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    Handshake {
        request: Some(Head::parse(request, Span::at(0, origin(2)))),
        response: Some(Head::parse(response, Span::at(0, origin(3)))),
        ..Handshake::default()
    }
}

/// What a rule finds in packet 4.
pub(super) fn finding(id: &str, side: Option<Side>) -> Finding {
    Finding {
        rule: rule(id).unwrap(),
        connection: Some(ConnectionId(3)),
        peers: None,
        direction: Some(Direction::ClientToServer),
        side,
        first: origin(4),
        last: origin(4),
        offset: Some(412),
        bits: None,
        evidence: "MASK = 0".to_owned(),
        remedy: rule(id).unwrap().remedy,
    }
}
