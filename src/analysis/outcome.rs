//! What became of a conversation.

use crate::analysis::event::{Connection, Ending, Nature, Outcome, StartedBy};
use crate::analysis::layers::is_failed;
use crate::stream::{Direction, Timestamp};
use crate::tcp::TcpState;

/// What is known of a conversation that ends now.
pub(super) fn ending(connection: &Connection, watched_until: Timestamp) -> Ending {
    let unseen = match (connection.packets.client, connection.packets.server) {
        (0, _) => Some(Direction::ClientToServer),
        (_, 0) => Some(Direction::ServerToClient),
        _ => None,
    };
    // A SYN without answer does not mean that one direction was not captured.
    let unseen = unseen.filter(|_| connection.state != TcpState::SynSent);
    let relevant = match connection.nature {
        Nature::UpgradeRequested | Nature::WebSocket | Nature::Unreadable | Nature::Http2 => true,
        Nature::Unknown => connection.started_by == StartedBy::Syn,
        Nature::Http | Nature::Other => false,
    };
    Ending { outcome: outcome(connection), relevant, unseen, watched_until }
}

fn outcome(connection: &Connection) -> Outcome {
    match (connection.nature, connection.state) {
        (_, TcpState::Refused) => Outcome::Refused,
        (_, TcpState::SynSent) => Outcome::Timeout,
        (
            Nature::Unreadable,
            TcpState::Reset(_) | TcpState::HalfClosed(_) | TcpState::Closed(_),
        ) if is_failed(connection.tls.as_deref()) => Outcome::Aborted,
        (Nature::Unreadable | Nature::Http2, _) => Outcome::Undecodable,
        (Nature::Http | Nature::Other, _) => Outcome::NotWebSocket,
        (Nature::UpgradeRequested, _) if connection.is_rejected => Outcome::Rejected,
        (Nature::Unknown | Nature::WebSocket, TcpState::Established) => Outcome::Open,
        (Nature::WebSocket, _) if is_closed_cleanly(connection) => Outcome::Closed,
        (_, TcpState::Reset(_))
        | (Nature::WebSocket, TcpState::HalfClosed(_) | TcpState::Closed(_)) => Outcome::Aborted,
        (Nature::UpgradeRequested, _) => Outcome::Timeout,
        (Nature::Unknown, TcpState::HalfClosed(_) | TcpState::Closed(_)) => Outcome::Closed,
    }
}

/// Whether each side that was captured has sent a Close.
fn is_closed_cleanly(connection: &Connection) -> bool {
    let (closes, packets) = (&connection.closes, &connection.packets);
    match (closes.client, closes.server) {
        (true, true) => true,
        (true, false) => packets.server == 0,
        (false, true) => packets.client == 0,
        (false, false) => false,
    }
}
