//! What text output says about states and outcomes.

use crate::analysis::event::{Connection, Outcome, Recognition};
use crate::describe::incident;
use crate::describe::outcome::{ConnectionEnd, is_failure};
use crate::journal::EntryKind;
use crate::stream::Direction;
use crate::text::role::Role;
use crate::websocket::Opcode;

/// How WebSocket was recognized without a handshake (CAP-03).
pub(super) fn recognized(recognition: Recognition) -> (Role, String) {
    (Role::Warning, format!("CAP-03 {}", incident::recognized(recognition)))
}

/// Only one direction is in the capture (CAP-05).
pub(super) fn one_sided() -> (Role, &'static str) {
    (Role::Warning, "CAP-05 only this direction was captured")
}

/// What FIN and RST say.
pub(super) fn closing(kind: &EntryKind<'_>, by: Option<Direction>) -> (Role, &'static str) {
    match kind {
        EntryKind::Reset => (Role::Error, incident::reset(by)),
        _ => (Role::Dim, incident::fin(by)),
    }
}

/// What became of a connection.
pub(super) fn outcome(connection: &Connection, outcome: Outcome) -> (Role, &'static str) {
    let role = if is_failure(outcome) { Role::Error } else { Role::Dim };
    (role, ConnectionEnd::of(connection, outcome).phrase())
}

/// The color of an opcode.
pub(super) fn opcode(opcode: Opcode) -> Role {
    match opcode {
        Opcode::Text | Opcode::Continuation => Role::TextMessage,
        Opcode::Binary => Role::BinaryMessage,
        Opcode::Close | Opcode::Ping | Opcode::Pong => Role::ControlFrame,
    }
}
