//! What is said about rows, connections and amounts.

use crate::analysis::event::{Limit, Outcome, Recognition, Transport};
use crate::stream::Direction;
use crate::timeline::ConnectionRow;
use crate::websocket::Opcode;

/// The badge of an opcode.
pub(super) fn badge(opcode: Opcode) -> &'static str {
    match opcode {
        Opcode::Continuation => "CONT",
        Opcode::Text => "TEXT",
        Opcode::Binary => "BIN",
        Opcode::Close => "CLOSE",
        Opcode::Ping => "PING",
        Opcode::Pong => "PONG",
    }
}

/// What became of a connection, and why, as far as that is known.
pub(super) fn ended(outcome: Outcome, connection: Option<&ConnectionRow>) -> String {
    let server = connection.map_or_else(|| "the server".to_owned(), |it| it.server.to_string());
    match outcome {
        Outcome::Open => "still open at the end of the capture".to_owned(),
        Outcome::Closed => "closed".to_owned(),
        Outcome::Aborted => "aborted: it ended without a Close from each side".to_owned(),
        Outcome::Refused => format!("refused: nothing listens on {server} (RST answered the SYN)"),
        Outcome::Timeout => format!("no answer from {server}: filtered, or not there"),
        Outcome::Rejected => match connection.and_then(|it| it.status) {
            Some(status) => format!("answered {status} instead of 101: not upgraded"),
            None => "not upgraded to a WebSocket".to_owned(),
        },
        Outcome::NotWebSocket => "not a WebSocket".to_owned(),
        Outcome::Undecodable => match connection.map(|it| it.transport) {
            Some(Transport::Tls) => "encrypted, and its secrets are not known".to_owned(),
            Some(Transport::Tcp | Transport::H2) | None => "not decodable".to_owned(),
        },
    }
}

/// How a WebSocket was recognized without its handshake.
pub(super) fn recognized(recognition: Recognition) -> &'static str {
    match recognition {
        Recognition::Forced => "read as WebSocket as told; its handshake was not captured",
        Recognition::Likely => "handshake not captured; recognized by its frames (likely)",
        Recognition::Possible => "handshake not captured; recognized by its frames (possible)",
    }
}

/// Which limit was reached.
pub(super) fn limit(limit: Limit) -> &'static str {
    match limit {
        Limit::BufferedPerConnection => "too many bytes held back for this connection",
        Limit::BufferedTotal => "too many bytes held back for all connections",
        Limit::Connections => "too many connections at a time",
        Limit::HeadBytes => "the HTTP head is too long",
    }
}

/// Who sends in a direction.
pub(super) fn sender(direction: Option<Direction>) -> &'static str {
    match direction {
        Some(Direction::ClientToServer) => "client",
        Some(Direction::ServerToClient) => "server",
        None => "a peer",
    }
}
