//! What text output says about states and outcomes.

use crate::analysis::event::{
    Connection, Nature, Outcome, Recognition, StartedBy, TcpState, Transport,
};
use crate::journal::EntryKind;
use crate::report::style::Role;
use crate::stream::Direction;
use crate::websocket::{Inflation, Opcode};

/// How WebSocket was recognised without a handshake (CAP-03).
pub(super) fn recognised(recognition: Recognition) -> (Role, &'static str) {
    let text = match recognition {
        Recognition::Forced => "CAP-03 read as WebSocket as told; its handshake was not captured",
        Recognition::Likely => {
            "CAP-03 handshake not captured; recognized as WebSocket by its frames (likely)"
        }
        Recognition::Possible => {
            "CAP-03 handshake not captured; recognized as WebSocket by its frames (possible)"
        }
    };
    (Role::Warning, text)
}

/// Only one direction is in the capture (CAP-05).
pub(super) fn one_sided() -> (Role, &'static str) {
    (Role::Warning, "CAP-05 only this direction was captured")
}

/// What FIN and RST say.
pub(super) fn closing(
    kind: &EntryKind<'_>,
    by: Option<Direction>,
    state: TcpState,
) -> (Role, &'static str) {
    use Direction::{ClientToServer, ServerToClient};
    let is_second = matches!(state, TcpState::Closed(_));
    match (kind, by) {
        (EntryKind::Reset, Some(ServerToClient)) => {
            (Role::Error, "server reset the connection (RST)")
        }
        (EntryKind::Reset, Some(ClientToServer) | None) => {
            (Role::Error, "client reset the connection (RST)")
        }
        (_, Some(ServerToClient)) if is_second => (Role::Dim, "server closed TCP too (FIN)"),
        (_, Some(ServerToClient)) => (Role::Dim, "server closed TCP (FIN)"),
        (_, Some(ClientToServer) | None) if is_second => (Role::Dim, "client closed TCP too (FIN)"),
        (_, Some(ClientToServer) | None) => (Role::Dim, "client closed TCP (FIN)"),
    }
}

/// What became of a connection.
pub(super) fn outcome(connection: &Connection, outcome: Outcome) -> (Role, &'static str) {
    let asked = matches!(connection.nature, Nature::UpgradeRequested);
    match outcome {
        Outcome::Open => (Role::Dim, "still open at the end of the capture"),
        Outcome::Closed => (Role::Dim, "closed"),
        Outcome::Aborted if asked => (Role::Error, "given up before the upgrade was answered"),
        Outcome::Aborted if connection.nature == Nature::Unreadable => {
            (Role::Error, "TLS handshake failed")
        }
        Outcome::Aborted => (Role::Error, "aborted"),
        Outcome::Refused => (Role::Error, "refused: RST answered the SYN"),
        Outcome::Timeout if asked => (Role::Error, "no answer to the upgrade request"),
        Outcome::Timeout if connection.started_by == StartedBy::Syn => {
            (Role::Error, "no answer to the SYN")
        }
        Outcome::Timeout => (Role::Error, "no answer"),
        Outcome::Rejected => (Role::Error, "not upgraded to a WebSocket"),
        Outcome::NotWebSocket => (Role::Dim, "not a WebSocket"),
        Outcome::Undecodable => match connection.transport {
            Transport::Tls => (Role::Dim, "TLS: encrypted, not decodable without its secrets"),
            Transport::H2 => (Role::Dim, "HTTP/2: not decodable"),
            Transport::Tcp => {
                (Role::Dim, "not decodable: too little of it, or an unknown protocol")
            }
        },
    }
}

/// Why a compressed message is not shown inflated.
pub(super) fn inflation(inflation: Inflation) -> Option<&'static str> {
    match inflation {
        Inflation::Done | Inflation::Unfinished => None,
        Inflation::None => Some("compressed, but nothing was negotiated"),
        Inflation::HistoryMissing => Some("not inflatable: earlier bytes were not captured"),
        Inflation::Forgotten { .. } => {
            Some("not inflatable: refers to an earlier message despite no_context_takeover")
        }
        Inflation::Invalid { .. } => Some("not valid DEFLATE"),
        Inflation::TooLarge => Some("CAP-09 inflation stopped at its limit"),
    }
}

/// The color of an opcode.
pub(super) fn opcode(opcode: Opcode) -> Role {
    match opcode {
        Opcode::Text | Opcode::Continuation => Role::Text,
        Opcode::Binary => Role::Binary,
        Opcode::Close | Opcode::Ping | Opcode::Pong => Role::Control,
    }
}
