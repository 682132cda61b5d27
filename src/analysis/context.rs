//! What all connections share while one of them is worked on.

use crate::analysis::event::{Connection, ConnectionEvent, Event, EventKind};
use crate::analysis::options::AnalyzerOptions;
use crate::analysis::sink::Sink;
use crate::stream::{Budget, Origin};
use crate::tls::Resumptions;
use crate::websocket;

/// What a connection and its layers work with, beside what is their own.
pub(super) struct Context<'w, S> {
    pub(super) options: &'w AnalyzerOptions,
    pub(super) shared: &'w mut websocket::Shared,
    /// Sessions of TLS that others may continue.
    pub(super) resumptions: &'w mut Resumptions,
    /// The packet being read.
    pub(super) now: Origin,
    pub(super) sink: &'w mut S,
}

impl<S> Context<'_, S> {
    /// Where all that is kept is accounted for.
    pub(super) fn budget(&mut self) -> &mut Budget {
        &mut self.shared.budget
    }
}

impl<S: Sink> Context<'_, S> {
    /// Reports what was observed on a connection with the packet being read.
    pub(super) fn emit(&mut self, connection: &Connection, event: ConnectionEvent<'_>) {
        self.emit_at(self.now, connection, event);
    }

    /// Reports what another packet brought: one that was held back.
    pub(super) fn emit_at(
        &mut self,
        origin: Origin,
        connection: &Connection,
        event: ConnectionEvent<'_>,
    ) {
        self.sink.event(&Event { origin, kind: EventKind::Connection(connection, event) });
    }
}
