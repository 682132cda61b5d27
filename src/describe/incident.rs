//! What else happened on a connection, where printed output and the screen use the same words.

use crate::analysis::event::{Limit, Recognition};
use crate::stream::Direction;
use crate::websocket::Inflation;

/// How a WebSocket was recognized whose handshake was not captured (CAP-03).
pub fn recognized(recognition: Recognition) -> &'static str {
    match recognition {
        Recognition::Forced => "handshake not captured; read as WebSocket because of --decode-as",
        Recognition::Frames => "handshake not captured; recognized as WebSocket by its frames",
    }
}

/// The peer that sends in a direction; `a peer` if it is not known.
pub fn sender(direction: Option<Direction>) -> &'static str {
    match direction {
        Some(Direction::ClientToServer) => "client",
        Some(Direction::ServerToClient) => "server",
        None => "a peer",
    }
}

/// A FIN: `client closed TCP (FIN)`.
pub fn fin(by: Option<Direction>) -> &'static str {
    match by {
        Some(Direction::ServerToClient) => "server closed TCP (FIN)",
        Some(Direction::ClientToServer) | None => "client closed TCP (FIN)",
    }
}

/// An RST after the connection was open: `server reset the connection (RST)`.
pub fn reset(by: Option<Direction>) -> &'static str {
    match by {
        Some(Direction::ServerToClient) => "server reset the connection (RST)",
        Some(Direction::ClientToServer) | None => "client reset the connection (RST)",
    }
}

/// No response came to an upgrade request.
pub const NO_RESPONSE: &str = "no response to the upgrade request";

/// The decoder no longer knows where frames begin (CAP-04).
pub const SYNC_LOST: &str = "frame boundaries lost";

/// It found frames again (CAP-04); how many bytes were skipped is said beside it.
pub const SYNC_FOUND: &str = "frame boundaries found again";

/// The same bytes were captured twice, with different content (CAP-06).
pub const CONFLICT: &str = "received twice with different content; the first version was used";

/// Which limit discarded data (CAP-09).
pub fn limit(limit: Limit) -> &'static str {
    match limit {
        Limit::BufferedPerConnection => "out-of-order bytes kept for one connection",
        Limit::BufferedTotal => "out-of-order bytes kept for all connections",
        Limit::Connections => "open connections",
        Limit::HeadBytes => "bytes of an HTTP head",
        Limit::Memory => "memory for what is kept of all connections",
    }
}

/// Why a compressed message is not shown inflated; `None` if it is.
pub fn inflation(inflation: Inflation) -> Option<&'static str> {
    match inflation {
        Inflation::Done | Inflation::Unfinished => None,
        Inflation::None => Some("compressed, but nothing was negotiated"),
        Inflation::HistoryMissing => Some("cannot be inflated: earlier bytes were not captured"),
        Inflation::HistoryEvicted => {
            Some("cannot be inflated: earlier messages were dropped at the memory limit")
        }
        Inflation::Forgotten { .. } => {
            Some("cannot be inflated: refers to an earlier message despite no_context_takeover")
        }
        Inflation::Invalid { .. } => Some("not valid DEFLATE"),
        Inflation::TooLarge => Some("inflation stopped at its limit"),
    }
}
