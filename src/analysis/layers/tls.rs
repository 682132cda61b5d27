//! Connections that speak TLS: what it shows of itself goes into events and facts, the rest is passed over.

use crate::analysis::Sink;
use crate::analysis::connection::{Flow, Work};
use crate::analysis::event::{
    Connection, ConnectionEvent, Event, EventKind, Nature, StartedBy, Transport,
};
use crate::analysis::layers::Layer;
use crate::stream::{Chunk, Direction, Gap, Origin};
use crate::tls::{self, Observation, Session, begins_record, is_client_hello};

impl Flow {
    /// Begins to read TLS with this chunk, or passes the connection over where its beginning was not
    /// captured. Gives the chunk's direction, now that the client is known.
    pub(in crate::analysis) fn start_tls(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
    ) -> Direction {
        let is_begun = self.about.started_by == StartedBy::Syn || is_client_hello(chunk.bytes);
        if !is_begun {
            self.ignore(Nature::Unreadable, Transport::Tls);
            return direction;
        }
        if self.about.nature != Nature::UpgradeRequested {
            self.about.nature = Nature::Unreadable;
        }
        self.about.transport = Transport::Tls;
        self.about.tls = Some(Box::default());
        self.layer = Layer::Tls(Box::default());
        if self.about.started_by == StartedBy::Midstream && direction == Direction::ServerToClient {
            self.swap_roles();
            return direction.reverse();
        }
        direction
    }

    /// Reads the next bytes of a direction as records.
    ///
    /// Once the handshake is done and both sides talk, nothing more is to be learned without secrets: the
    /// rest is passed over.
    pub(in crate::analysis) fn read_tls<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        work: &mut Work<'_, S>,
    ) {
        let Layer::Tls(session) = &mut self.layer else { return };
        session.push(direction, chunk, &mut |seen| {
            tls_event(&mut self.about, direction, chunk.origin, &seen, work.sink);
        });
        if session.is_settled() {
            self.ignore(Nature::Unreadable, Transport::Tls);
        }
    }

    /// Tells the session that bytes are missing.
    pub(in crate::analysis) fn read_tls_gap<S: Sink>(
        &mut self,
        direction: Direction,
        gap: Gap,
        work: &mut Work<'_, S>,
    ) {
        let Layer::Tls(session) = &mut self.layer else { return };
        session.gap(direction, gap, &mut |seen| {
            tls_event(&mut self.about, direction, gap.origin, &seen, work.sink);
        });
    }

    /// Remembers that a server answered with TLS what it was asked in the clear, if it did.
    ///
    /// `beginning` is all that it has said.
    pub(in crate::analysis) fn note_answer_in_tls<S: Sink>(
        &mut self,
        beginning: &[u8],
        chunk: Chunk<'_>,
        work: &mut Work<'_, S>,
    ) {
        let direction = Direction::ServerToClient;
        if !begins_record(beginning) {
            return;
        }
        self.about.tls = Some(Box::default());
        let start = chunk.end().saturating_sub(crate::stream::length_u64(beginning.len()));
        let whole = Chunk { offset: start, bytes: beginning, origin: chunk.origin };
        Session::default().push(direction, whole, &mut |seen| {
            tls_event(&mut self.about, direction, chunk.origin, &seen, work.sink);
        });
    }

    /// Looks for the secrets of the connection, as far as it has some.
    pub(in crate::analysis) fn look_up_secrets<S>(&mut self, work: &Work<'_, S>) {
        if let Some(tls) = &mut self.about.tls {
            tls.look_up(&work.options.keylog);
        }
    }
}

/// Remembers what was observed, and hands it on if it is worth an event.
fn tls_event<S: Sink>(
    about: &mut Connection,
    direction: Direction,
    now: Origin,
    seen: &Observation<'_>,
    sink: &mut S,
) {
    let tls = about.tls.get_or_insert_default();
    let is_told = match seen {
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
    if is_told {
        let event = ConnectionEvent::Tls(direction, seen);
        sink.event(&Event { origin: now, kind: EventKind::Connection(about, event) });
    }
}

/// Whether a handshake came to nothing, as far as all of it was seen.
pub(in crate::analysis) fn is_failed(tls: Option<&tls::Facts>) -> bool {
    tls.is_some_and(|tls| {
        tls.established.is_none() && !tls.sides.client.is_lost && !tls.sides.server.is_lost
    })
}
