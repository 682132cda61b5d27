//! Rows made by hand, for tests.

use crate::analysis::event::{Connection, ConnectionId, StartedBy};
use crate::findings::Finding;
use crate::http::Handshake;
use crate::journal::fixture;
pub(super) use crate::journal::fixture::origin;
use crate::stream::{Side, Timestamp};
use crate::websocket::close::close_payload;
use crate::websocket::{Frame, Message, Opcode};

/// Time of the first packet.
pub(super) const START: Timestamp = Timestamp(fixture::START);

/// Connection 3, from `10.0.0.1:50312` to `[2001:db8::2]:8080`.
pub(super) fn connection() -> Connection {
    let peers = ["10.0.0.1:50312".parse().unwrap(), "[2001:db8::2]:8080".parse().unwrap()];
    Connection::new(ConnectionId(3), peers, StartedBy::Syn, origin(1))
}

/// A whole message in packets 4 to 6, at offset 412.
pub(super) fn message(opcode: Opcode, content: &[u8]) -> Message<'_> {
    let mut message = fixture::message(opcode, content);
    message.span.last = origin(6);
    message.close = (opcode == Opcode::Close).then(|| close_payload(content));
    message
}

/// The masked text frame of RFC 6455 §5.7, with RSV1.
pub(super) fn frame() -> Frame {
    fixture::frame(5)
}

/// A handshake for the subprotocol chat.
pub(super) fn handshake() -> Handshake {
    let request =
        b"GET /feed?token=1 HTTP/1.1\r\nHost: example.com\r\nOrigin: http://a.example\r\n\
        User-Agent: tests\r\n\r\n";
    let response = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: chat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    fixture::handshake_of([request, response], [2, 3])
}

/// What a rule finds in packet 4.
pub(super) fn finding(id: &str, side: Option<Side>) -> Finding {
    Finding { side, evidence: "MASK = 0".to_owned(), ..fixture::finding_in(id, 3) }
}
