//! Records of TLS: what they show of themselves goes into events and facts, the rest is ignored.

use super::next::{Next, NextLayer, Roles, Successor, ignore};
use crate::analysis::context::Context;
use crate::analysis::event::{Connection, ConnectionEvent, Event, EventKind, Nature, Transport};
use crate::analysis::sink::Sink;
use crate::stream::{Chunk, Direction, Gap, Origin, length_u64};
use crate::tls::{self, Observation, Session, begins_record, is_client_hello};

/// TLS without its secrets.
#[derive(Debug, Default)]
pub(super) struct Tls {
    session: Session,
    /// Memory taken by what it keeps, as the budget knows it.
    kept: usize,
}

impl Tls {
    /// Begins to read records, if their beginning was captured.
    pub(super) fn start(
        direction: Direction,
        beginning: &[u8],
        roles: Roles,
        connection: &mut Connection,
    ) -> Next {
        connection.transport = Transport::Tls;
        if roles == Roles::Guessed && !is_client_hello(beginning) {
            return ignore(connection, Nature::Unreadable);
        }
        if connection.nature != Nature::UpgradeRequested {
            connection.nature = Nature::Unreadable;
        }
        connection.tls = Some(Box::default());
        let swaps_roles = roles == Roles::Guessed && direction == Direction::ServerToClient;
        Successor { swaps_roles, ..Successor::new(NextLayer::Tls) }.into()
    }

    /// Reads the next bytes of a direction as records.
    ///
    /// Once the handshake is done and both sides talk, nothing more is to be learned without secrets: the
    /// rest is ignored.
    pub(super) fn push<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        self.session.push(direction, chunk, &mut |seen| {
            tls_event(connection, direction, chunk.origin, &seen, context.sink);
        });
        self.account(context);
        if self.session.is_settled() {
            return ignore(connection, Nature::Unreadable);
        }
        Next::Stay
    }

    /// Drops messages of the handshake that are not whole, to save memory.
    pub(super) fn evict<S>(&mut self, context: &mut Context<'_, S>) {
        self.session.evict();
        self.account(context);
    }

    /// Memory taken by what it keeps, in bytes, as the budget knows it.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Reports to the budget what it keeps now.
    fn account<S>(&mut self, context: &mut Context<'_, S>) {
        let kept = self.session.memory();
        context.budget().account(&mut self.kept, kept);
    }

    pub(super) fn gap<S: Sink>(
        &mut self,
        direction: Direction,
        gap: Gap,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        self.session.gap(direction, gap, &mut |seen| {
            tls_event(connection, direction, gap.origin, &seen, context.sink);
        });
        Next::Stay
    }
}

/// Remembers that a server answered with TLS what it was asked in the clear, if it did.
///
/// `beginning` is all that it has sent, up to the end of `chunk`.
pub(super) fn note_answer_in_tls<S: Sink>(
    beginning: &[u8],
    chunk: Chunk<'_>,
    connection: &mut Connection,
    context: &mut Context<'_, S>,
) {
    let direction = Direction::ServerToClient;
    if !begins_record(beginning) {
        return;
    }
    connection.tls = Some(Box::default());
    let start = chunk.end().saturating_sub(length_u64(beginning.len()));
    let whole = Chunk { offset: start, bytes: beginning, origin: chunk.origin };
    Session::default().push(direction, whole, &mut |seen| {
        tls_event(connection, direction, chunk.origin, &seen, context.sink);
    });
}

/// Remembers what was observed, and hands it on if it is worth an event.
fn tls_event<S: Sink>(
    connection: &mut Connection,
    direction: Direction,
    now: Origin,
    seen: &Observation<'_>,
    sink: &mut S,
) {
    let tls = connection.tls.get_or_insert_default();
    let is_shown = match seen {
        Observation::Record(_) => false,
        Observation::Foreign(..) => tls.foreign.is_none(),
        Observation::ClientHello(..)
        | Observation::ServerHello(..)
        | Observation::Certificate(..)
        | Observation::Alert(..)
        | Observation::Established(_)
        | Observation::Lost => true,
    };
    tls.observe(direction, seen);
    if is_shown {
        let event = ConnectionEvent::Tls(direction, seen);
        sink.event(&Event { origin: now, kind: EventKind::Connection(connection, event) });
    }
}

/// Whether a handshake came to nothing, as far as all of it was seen.
pub(in crate::analysis) fn is_failed(tls: Option<&tls::Facts>) -> bool {
    tls.is_some_and(|tls| {
        tls.established.is_none() && !tls.sides.client.is_lost && !tls.sides.server.is_lost
    })
}
