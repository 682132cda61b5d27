//! What became of a connection, for printed output, the list of connections, the timeline and the inspector.

use crate::analysis::event::{Connection, Nature, Outcome, StartedBy, TcpState, Transport};
use crate::timeline::ConnectionRow;

/// What the words about the end of a connection depend on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ConnectionEnd {
    /// What became of it.
    pub outcome: Outcome,
    /// What it had turned out to be.
    pub nature: Nature,
    /// Whether its SYN was captured.
    pub started_by: StartedBy,
    /// What carries it.
    pub transport: Transport,
}

impl ConnectionEnd {
    /// The end of a connection that an event is about.
    pub fn of(connection: &Connection, outcome: Outcome) -> Self {
        let Connection { nature, transport, .. } = *connection;
        Self { outcome, nature, started_by: connection.started_by, transport }
    }

    /// The end of a connection of the timeline.
    pub fn of_row(connection: &ConnectionRow, outcome: Outcome) -> Self {
        let ConnectionRow { nature, started_by, transport, .. } = *connection;
        Self { outcome, nature, started_by, transport }
    }

    /// What became of the connection, in a phrase without a subject: `refused: RST answered the SYN`.
    pub fn phrase(self) -> &'static str {
        let is_asked = self.nature == Nature::UpgradeRequested;
        match self.outcome {
            Outcome::Open => "still open at the end of the capture",
            Outcome::Closed => "closed",
            Outcome::Aborted => match self.nature {
                Nature::UpgradeRequested => "aborted before the upgrade request was answered",
                Nature::Unreadable => "TLS handshake failed",
                Nature::WebSocket => "aborted without a Close from each side",
                Nature::Unknown | Nature::Http | Nature::Http2 | Nature::Other => "aborted",
            },
            Outcome::Refused => "refused: RST answered the SYN",
            Outcome::Timeout if is_asked => "no answer to the upgrade request",
            Outcome::Timeout if self.started_by == StartedBy::Syn => "no answer to the SYN",
            Outcome::Timeout => "no answer",
            Outcome::Rejected => "not upgraded to a WebSocket",
            Outcome::NotWebSocket => "not a WebSocket",
            Outcome::Undecodable => match self.transport {
                Transport::Tls => "TLS: encrypted, not decoded",
                Transport::H2 => "HTTP/2: not decoded",
                Transport::Tcp => "not decodable: too little data, or an unknown protocol",
            },
        }
    }
}

/// Whether a connection that ended so did not serve its purpose.
pub fn is_failure(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Aborted | Outcome::Refused | Outcome::Timeout | Outcome::Rejected => true,
        Outcome::Open | Outcome::Closed | Outcome::NotWebSocket | Outcome::Undecodable => false,
    }
}

/// The status of a connection, in a word or two for a column; `outcome` is unknown while it is open.
pub fn status(outcome: Option<Outcome>, state: TcpState, nature: Nature) -> &'static str {
    match outcome {
        Some(Outcome::Open) => "open",
        Some(Outcome::Closed) => "closed",
        Some(Outcome::Aborted) => "aborted",
        Some(Outcome::Refused) => "refused",
        Some(Outcome::Timeout) => "no answer",
        Some(Outcome::Rejected) => "rejected",
        Some(Outcome::NotWebSocket) => "no WebSocket",
        Some(Outcome::Undecodable) => "not decoded",
        // An outcome is only known once late packets can no longer come.
        None => match (state, nature) {
            (TcpState::Refused, _) => "refused",
            (TcpState::Reset(_), _) => "reset",
            (TcpState::Closed(_), _) => "closed",
            (TcpState::HalfClosed(_), _) => "closing",
            (TcpState::SynSent | TcpState::Established, nature) => match nature {
                Nature::Unknown => "opening",
                Nature::Http | Nature::UpgradeRequested => "upgrading",
                Nature::WebSocket => "open",
                Nature::Unreadable | Nature::Http2 => "not decoded",
                Nature::Other => "no WebSocket",
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_outcome_has_the_meaning_that_the_connection_gives_it() {
        use Nature::{Http, Http2, Unknown, Unreadable, UpgradeRequested, WebSocket};
        use StartedBy::{Midstream, Syn};
        use Transport::{H2, Tcp, Tls};
        #[rustfmt::skip]
        let rows = [
            (Outcome::Timeout,     Unknown,          Syn,       Tcp, "no answer to the SYN"),
            (Outcome::Timeout,     UpgradeRequested, Syn,       Tcp, "no answer to the upgrade request"),
            (Outcome::Timeout,     UpgradeRequested, Midstream, Tcp, "no answer to the upgrade request"),
            (Outcome::Timeout,     Unknown,          Midstream, Tcp, "no answer"),
            (Outcome::Aborted,     UpgradeRequested, Syn,       Tcp, "aborted before the upgrade request was answered"),
            (Outcome::Aborted,     Unreadable,       Syn,       Tls, "TLS handshake failed"),
            (Outcome::Aborted,     WebSocket,        Syn,       Tcp, "aborted without a Close from each side"),
            (Outcome::Aborted,     Http,             Syn,       Tcp, "aborted"),
            (Outcome::Refused,     Unknown,          Syn,       Tcp, "refused: RST answered the SYN"),
            (Outcome::Rejected,    UpgradeRequested, Syn,       Tcp, "not upgraded to a WebSocket"),
            (Outcome::Closed,      WebSocket,        Syn,       Tcp, "closed"),
            (Outcome::Undecodable, Unreadable,       Syn,       Tls, "TLS: encrypted, not decoded"),
            (Outcome::Undecodable, Http2,            Syn,       H2,  "HTTP/2: not decoded"),
        ];
        for (outcome, nature, started_by, transport, expected) in rows {
            let end = ConnectionEnd { outcome, nature, started_by, transport };
            assert_eq!(end.phrase(), expected);
        }
    }
}
