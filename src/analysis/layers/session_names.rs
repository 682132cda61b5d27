//! By which names sessions of TLS may be resumed, as the hellos and tickets of a connection show them.

use crate::analysis::context::Context;
use crate::analysis::event::Connection;
use crate::tls::{Observation, Resumptions, Session, Version};

/// The names of sessions that a step brought (TLS 1.2 and older).
#[derive(Debug, Default)]
pub(super) struct SessionNames {
    /// The random of the session that the client wants to resume, if it is known.
    wanted: Option<[u8; 32]>,
    /// What the server named the session.
    pub(super) given: Option<Vec<u8>>,
}

impl SessionNames {
    pub(super) fn observe(&mut self, seen: &Observation<'_>, known: &Resumptions) {
        match seen {
            Observation::ClientHello(hello, _) => {
                let names = [Some(&hello.session_id), hello.ticket.as_ref()];
                self.wanted = known.find(names.into_iter().flatten().map(Vec::as_slice));
            }
            Observation::ServerHello(hello, _) if hello.version < Version::TLS_1_3 => {
                self.given = Some(hello.session_id.clone());
            }
            _ => {}
        }
    }

    /// Has the session use the secret of the one that is resumed, and remembers by which names it may be.
    pub(super) fn note<S>(
        self,
        session: &mut Session,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        if let Some(random) = self.wanted {
            session.may_resume(random, &context.options.keylog);
        }
        if let Some(name) = self.given
            && let Some(original) = session.original()
        {
            context.resumptions.insert(&name, original);
            if session.resumed().is_some() {
                connection.tls.get_or_insert_default().add_random(original);
            }
        }
    }
}
