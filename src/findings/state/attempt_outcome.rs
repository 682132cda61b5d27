//! What became of an attempt to connect.

use crate::analysis::event::{Connection, Ending, Nature, Outcome, TcpState};
use crate::findings::state::connection::ConnectionState;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AttemptOutcome {
    /// RST answered the SYN.
    Refused,
    /// Nothing answered the SYN, or an ICMP error.
    Unanswered,
    /// TCP was open, and no WebSocket came of it.
    Failed,
    /// A WebSocket that was cut, or closed by the server for some reason, within a second.
    Short,
    /// TCP was open, and nothing is known against it.
    Served,
}

impl AttemptOutcome {
    /// Whether a client that wants a WebSocket would try again.
    pub(crate) fn is_failure(self) -> bool {
        match self {
            Self::Refused | Self::Unanswered | Self::Failed | Self::Short => true,
            Self::Served => false,
        }
    }

    /// Whether TCP was open.
    pub(crate) fn is_open(self) -> bool {
        match self {
            Self::Refused | Self::Unanswered => false,
            Self::Failed | Self::Short | Self::Served => true,
        }
    }

    /// What became of a connection that has ended.
    pub(crate) fn of(
        connection: &Connection,
        ending: Ending,
        state: Option<&ConnectionState>,
    ) -> Self {
        let is_short = connection.last.time.since(connection.first.time) < SHORT;
        match (ending.outcome, connection.nature) {
            (Outcome::Refused, _) => Self::Refused,
            (Outcome::Timeout, _) if connection.state == TcpState::SynSent => Self::Unanswered,
            (Outcome::Aborted, Nature::WebSocket) if is_short => Self::Short,
            (Outcome::Rejected, Nature::UpgradeRequested) if is_polling(connection, state) => {
                Self::Served
            }
            (Outcome::Timeout | Outcome::Rejected, Nature::UpgradeRequested)
            | (Outcome::Aborted, Nature::UpgradeRequested | Nature::Unknown) => Self::Failed,
            (Outcome::Closed, Nature::WebSocket) if is_short && state.is_some_and(is_expelled) => {
                Self::Short
            }
            (
                Outcome::Open
                | Outcome::Closed
                | Outcome::Aborted
                | Outcome::Timeout
                | Outcome::Rejected
                | Outcome::NotWebSocket
                | Outcome::Undecodable,
                _,
            ) => Self::Served,
        }
    }
}

/// Whether what was answered asked for no WebSocket: long polling of Engine.IO.
fn is_polling(connection: &Connection, state: Option<&ConnectionState>) -> bool {
    connection.refusal.is_some() && state.is_some_and(|state| state.handshake.refused.is_none())
}

/// Whether the server was the first to close, and had a reason.
fn is_expelled(state: &ConnectionState) -> bool {
    let Some(server) = state.sides.server.close.as_deref() else { return false };
    let client = state.sides.client.close.as_deref();
    let is_first = client.is_none_or(|client| server.span.first.packet < client.span.first.packet);
    is_first && server.code != Some(NORMAL)
}

/// Nanoseconds in which no connection was of use.
const SHORT: u64 = 1_000_000_000;

/// RFC 6455 §7.4.1.
const NORMAL: u16 = 1000;
