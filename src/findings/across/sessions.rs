//! Sessions of Engine.IO: which server issued which session id.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::analysis::event::{Connection, ConnectionId};
use crate::http::session_of;

/// The latest session ids that servers of Engine.IO issued by long polling, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    issued: VecDeque<IssuedSession>,
}

/// A session id, and who issued it.
#[derive(Clone, Debug)]
pub(crate) struct IssuedSession {
    id: Box<[u8]>,
    pub(crate) server: SocketAddr,
    pub(crate) connection: ConnectionId,
}

impl Sessions {
    /// Remembers the session id in the latest response of a connection, if there is one.
    pub(crate) fn learn(&mut self, connection: &Connection) {
        let Some(body) = connection.refusal.as_ref().map(|refusal| &refusal.body) else { return };
        let Some(id) = session_of(body).filter(|id| id.len() <= LONGEST) else { return };
        let is_known = |it: &IssuedSession| it.server == connection.server && *it.id == *id;
        if self.issued.iter().any(is_known) {
            return;
        }
        if self.issued.len() >= REMEMBERED {
            self.issued.pop_front();
        }
        let (server, connection) = (connection.server, connection.id);
        self.issued.push_back(IssuedSession { id: id.into(), server, connection });
    }

    /// Who issued a session id, in the order of the capture: also a proxy that passes it on.
    pub(crate) fn issuers(&self, id: &[u8]) -> impl Iterator<Item = &IssuedSession> {
        self.issued.iter().filter(move |it| *it.id == *id)
    }
}

/// Session ids that are remembered.
const REMEMBERED: usize = 256;

/// The longest id that is remembered, in bytes: theirs have 20.
const LONGEST: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::event::{Refusal, StartedBy};
    use crate::stream::Origin;

    #[test]
    fn the_oldest_session_is_forgotten_first() {
        let mut sessions = Sessions::default();
        let peers = ["10.0.0.1:50000".parse().unwrap(), "10.0.0.2:80".parse().unwrap()];
        let mut about = Connection::new(ConnectionId(1), peers, StartedBy::Syn, Origin::default());
        for number in 0..=REMEMBERED {
            let body = format!("0{{\"sid\":\"s{number}\",\"upgrades\":[]}}").into_bytes();
            about.refusal = Some(Box::new(Refusal { offset: 0, body }));
            sessions.learn(&about);
            sessions.learn(&about);
        }
        assert_eq!((sessions.issuers(b"s0").count(), sessions.issuers(b"s256").count()), (0, 1));
    }
}
