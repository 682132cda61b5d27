//! Lines about TLS.

use std::io::Write;

use super::Text;
use super::rows::ERROR;
use crate::analysis::event::Connection;
use crate::describe::tls::{TlsTone, TlsWords, tls_step};
use crate::stream::{Direction, Origin};
use crate::text::role::Role;
use crate::tls::{Facts, Observation};

impl<W: Write> Text<W> {
    /// What TLS shows of itself.
    pub(super) fn tls(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        seen: &Observation<'_>,
    ) {
        let (after, session, direction) = match seen {
            Observation::Established(_) => {
                let tls = connection.tls.as_deref();
                let session = tls.map(Facts::in_words).unwrap_or_default();
                (tls.and_then(Facts::duration), session, None)
            }
            Observation::ClientHello(..)
            | Observation::ServerHello(..)
            | Observation::Certificate(..)
            | Observation::Alert(..)
            | Observation::Renegotiation(_)
            | Observation::Refused(_)
            | Observation::Protocol(..)
            | Observation::Record(_)
            | Observation::Foreign(..)
            | Observation::Lost => (None, String::new(), direction),
        };
        let Some(TlsWords { name, details, tone }) = tls_step(seen, after, &session) else {
            return;
        };
        let (mark, role) = match tone {
            TlsTone::Client => (" ", Role::Client),
            TlsTone::Server => (" ", Role::Server),
            TlsTone::Aside => (" ", Role::Dim),
            TlsTone::Failure => (ERROR, Role::Error),
        };
        self.aside(origin, connection, direction, mark);
        self.line.paint(role, &name);
        self.foreign(&details);
        self.write();
    }
}
