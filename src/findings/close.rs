//! Rules about Close, Ping and Pong, and about how a WebSocket ends (WS-C).

mod codes;
mod endings;
mod heartbeat;

use crate::findings::rule::Rule;

/// WS-C, by number.
pub(super) static RULES: &[&[Rule]] = &[codes::RULES, endings::RULES, heartbeat::RULES];
