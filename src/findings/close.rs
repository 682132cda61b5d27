//! Rules about Close, Ping and Pong, and about how a WebSocket ends (WS-C).

mod codes;
mod endings;
mod heartbeat;

use crate::findings::rule::Rule;

/// WS-C.
pub(super) const TABLES: &[&[Rule]] = &[codes::RULES, endings::RULES, heartbeat::RULES];
