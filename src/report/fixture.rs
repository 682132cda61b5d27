//! Events made by hand, for tests of the formats.

use std::net::SocketAddr;

use crate::analysis::Sink;
use crate::analysis::event::{
    Connection, ConnectionEvent, ConnectionId, Event, EventKind, Nature, StartedBy, TcpState,
};
use crate::findings::{Bits, Finding, Peers};
use crate::http::Handshake;
pub(super) use crate::journal::fixture::{START, ending, frame, message, origin};
use crate::journal::fixture::{finding_in, handshake_of};
use crate::stream::{PerDirection, Side};
use crate::websocket::MessageCounts;

/// A WebSocket connection from `127.0.0.1:50312` to `[::1]:8080`.
pub(super) fn connection(id: u64) -> Connection {
    let mut connection = Connection::new(ConnectionId(id), peers(), StartedBy::Syn, origin(0));
    connection.last = origin(9);
    connection.nature = Nature::WebSocket;
    connection.state = TcpState::Established;
    connection.bytes = PerDirection { client: 100, server: 2000 };
    connection.packets = PerDirection { client: 3, server: 4 };
    connection.frames = PerDirection { client: 1, server: 2 };
    connection.messages = PerDirection {
        client: MessageCounts { data: 1, control: 0 },
        server: MessageCounts { data: 1, control: 1 },
    };
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

/// A handshake that was accepted after 2 ms.
pub(super) fn handshake() -> Handshake {
    let request = b"GET /feed\x1b[2J HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let response = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: mqtt\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15\r\n\r\n";
    handshake_of([request, response], [1, 3])
}

/// A finding about the frame of [`frame`], with an escape sequence in its evidence.
pub(super) fn finding(id: &str, connection: u64) -> Finding {
    let [client, server] = peers();
    Finding {
        peers: Some(Peers { client, server }),
        side: Some(Side::Client),
        last: origin(5),
        bits: Some(Bits { start: 8, count: 1 }),
        evidence: "seen \x1b[2J, expected 1".to_owned(),
        ..finding_in(id, connection)
    }
}

fn peers() -> [SocketAddr; 2] {
    [SocketAddr::from(([127, 0, 0, 1], 50312)), "[::1]:8080".parse().unwrap()]
}
