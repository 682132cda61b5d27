//! What is kept of a connection to tell its phases from.

use crate::analysis::event::Connection;
use crate::journal::history::ConnectionHistory;
use crate::journal::{Entry, EntryKind};
use crate::stream::Timestamp;
use crate::websocket::Frame;

/// What happened on a connection, and what is known of what carries it: some kilobytes at most.
#[derive(Debug, Default)]
pub struct ConnectionStory {
    history: ConnectionHistory,
    /// As it was at its last entry.
    connection: Option<Connection>,
    watched_until: Option<Timestamp>,
}

impl ConnectionStory {
    /// What happened.
    pub fn history(&self) -> &ConnectionHistory {
        &self.history
    }

    /// The connection as it was at its last entry, without what only decoding needs; `None` before it is
    /// shown.
    pub fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// The time up to which it was watched; `None` while it is open.
    pub fn watched_until(&self) -> Option<Timestamp> {
        self.watched_until
    }

    /// Takes an entry of a connection that may never be shown.
    pub(super) fn draft(&mut self, entry: &Entry<'_>) {
        self.history.observe(entry);
    }

    /// Takes an entry of a connection that is shown.
    pub(super) fn observe(&mut self, connection: &Connection, entry: &Entry<'_>) {
        self.history.observe(entry);
        let kept = self.connection.get_or_insert_with(|| {
            let peers = [connection.client, connection.server];
            Connection::new(connection.id, peers, connection.started_by, connection.first)
        });
        kept.client = connection.client;
        kept.server = connection.server;
        kept.state = connection.state;
        kept.last = connection.last;
        kept.network = connection.network.clone();
        // Neither changes by messages.
        if !matches!(entry.kind, EntryKind::Message(_) | EntryKind::Frame(_)) {
            kept.lookup.clone_from(&connection.lookup);
            kept.tls.clone_from(&connection.tls);
            kept.intermediaries.clone_from(&connection.intermediaries);
            kept.stray.clone_from(&connection.stray);
        }
        if let EntryKind::Ended { ending, .. } = entry.kind {
            self.watched_until = Some(ending.watched_until);
        }
    }

    /// Takes a frame whose header is whole.
    pub(super) fn frame_started(&mut self, frame: &Frame) {
        self.history.frame_started(frame);
    }

    /// Memory taken, in bytes, without what heads and certificates say.
    pub(super) fn memory(&self) -> usize {
        let connection = self.connection.as_ref();
        let carrier = connection.map_or(0, |connection| size_of_val(&*connection.carrier));
        size_of::<Self>().saturating_add(carrier)
    }
}
