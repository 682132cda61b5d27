//! Sessions of TLS that begin and end, for those who look for their secrets.

use crate::analysis::event::{Connection, ConnectionEvent};
use crate::tls::Observation;

/// What is new about sessions.
#[derive(Debug, Default)]
pub(super) struct TlsSessions {
    /// The random of the latest `ClientHello`, until somebody asks.
    latest: Option<[u8; 32]>,
    /// What began and ended since somebody asked; `None` if nobody does.
    changes: Option<Vec<SessionChange>>,
}

/// What happened to a session, by the random of its `ClientHello`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SessionChange {
    /// It began, or was found to go on. May be repeated.
    Begun([u8; 32]),
    /// Its connection has ended.
    Ended([u8; 32]),
}

impl TlsSessions {
    /// Takes an event that is neither a frame nor a message.
    pub(super) fn observe(&mut self, connection: &Connection, event: &ConnectionEvent<'_>) {
        if let ConnectionEvent::Tls(_, Observation::ClientHello(hello, _)) = event {
            self.latest = Some(hello.random);
        }
        let (Some(changes), Some(tls)) = (&mut self.changes, &connection.tls) else { return };
        match event {
            ConnectionEvent::Ended(_) => {
                changes.extend(tls.randoms.iter().copied().map(SessionChange::Ended));
            }
            ConnectionEvent::Tls(_, Observation::ClientHello(hello, _)) => {
                changes.push(SessionChange::Begun(hello.random));
            }
            // The secrets that open it were found among all that are known.
            _ if tls.client_hello.is_none() => {
                changes.extend(tls.randoms.iter().copied().map(SessionChange::Begun));
            }
            _ => {}
        }
    }

    /// The random of the latest `ClientHello` since this was asked last.
    pub(super) fn take_latest(&mut self) -> Option<[u8; 32]> {
        self.latest.take()
    }

    /// What began and ended since this was asked first, or last.
    pub(super) fn take_changes(&mut self) -> Vec<SessionChange> {
        self.changes.replace(Vec::new()).unwrap_or_default()
    }
}
