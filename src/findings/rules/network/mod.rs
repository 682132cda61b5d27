//! Rules about the network below the WebSocket (NET).

mod across_connections;
mod proxy;
mod tcp_open;
mod tcp_stream;

use crate::findings::engine::rule::Rule;

/// NET-01 to NET-13.
pub(super) const TABLES: &[&[Rule]] =
    &[tcp_open::RULES, tcp_stream::RULES, across_connections::RULES, proxy::RULES];
