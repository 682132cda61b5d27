//! Responses that never came, until it is known why.

use super::entry::{Entry, EntryKind, Found};
use super::pairs::OpenRequest;
use crate::analysis::event::{Connection, ConnectionEvent, ConnectionId};
use crate::http::Handshake;
use crate::stream::{Direction, Origin};

/// Requests whose response never came.
///
/// Only the end of the connection shows why, so their entries are held until then. Heads are kept, so
/// only a few are held; further ones are given at once.
#[derive(Debug, Default)]
pub(super) struct UnansweredRequests {
    held: Vec<UnansweredRequest>,
}

/// A request whose response never came.
#[derive(Debug)]
pub(super) struct UnansweredRequest {
    connection: ConnectionId,
    /// The packet by which it became known.
    origin: Origin,
    handshake: Handshake,
    request: OpenRequest,
    /// What was found about it.
    findings: Vec<Found>,
}

impl UnansweredRequests {
    /// Whether none is held.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Holds an entry with its findings, if it is [`EntryKind::NoResponse`] and there is room for it.
    pub(super) fn hold(
        &mut self,
        entry: &Entry<'_>,
        request: OpenRequest,
        findings: &mut Vec<Found>,
    ) -> Holding {
        let (EntryKind::NoResponse(handshake), Some(connection)) = (entry.kind, entry.connection)
        else {
            return Holding::Nothing;
        };
        if self.held.len() >= MOST_UNANSWERED {
            return Holding::Nothing;
        }
        let (connection, origin) = (connection.id, entry.origin);
        let (handshake, findings) = (handshake.clone(), std::mem::take(findings));
        self.held.push(UnansweredRequest { connection, origin, handshake, request, findings });
        Holding::Entry
    }

    /// Memory taken, in bytes.
    pub(super) fn memory(&self) -> usize {
        let heads = self.held.iter().map(|held| held.handshake.memory());
        let entries = self.held.len().saturating_mul(size_of::<UnansweredRequest>());
        heads.fold(entries, usize::saturating_add)
    }

    /// Takes that of a connection.
    pub(super) fn take(&mut self, connection: ConnectionId) -> Option<UnansweredRequest> {
        let place = self.held.iter().position(|held| held.connection == connection)?;
        Some(self.held.swap_remove(place))
    }
}

/// Whether an entry is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Holding {
    Entry,
    Nothing,
}

impl UnansweredRequest {
    /// Adds those of some findings, made at the end of the connection, that are about the response.
    pub(super) fn add(&mut self, findings: &mut Vec<Found>) {
        self.findings.extend(findings.extract_if(.., |found| self.request.has(found)));
    }

    /// Its entry, without its number.
    pub(super) fn entry<'a>(&'a self, connection: &'a Connection) -> Entry<'a> {
        Entry {
            direction: Some(Direction::ServerToClient),
            partner: Some(self.request.entry),
            findings: &self.findings,
            ..Entry::new(connection, self.origin, EntryKind::NoResponse(&self.handshake))
        }
    }
}

/// Whether an event may precede the end of a connection on which nobody sends anything readable any more.
pub(super) fn is_part_of_end(event: &ConnectionEvent<'_>) -> bool {
    match event {
        ConnectionEvent::Gap(..)
        | ConnectionEvent::StrayBytes(_)
        | ConnectionEvent::Conflict(..)
        | ConnectionEvent::Limit(_)
        | ConnectionEvent::StateChanged
        | ConnectionEvent::Ended(_) => true,
        ConnectionEvent::Opened
        | ConnectionEvent::ProxyHeader(..)
        | ConnectionEvent::Socks(..)
        | ConnectionEvent::UpgradeRequested(_)
        | ConnectionEvent::HandshakeEnded(_)
        | ConnectionEvent::TunnelOpened(_)
        | ConnectionEvent::TunnelRefused(_)
        | ConnectionEvent::Tls(..)
        | ConnectionEvent::Recognized(_)
        | ConnectionEvent::FrameStarted(..)
        | ConnectionEvent::FrameEnded(..)
        | ConnectionEvent::InvalidUtf8 { .. }
        | ConnectionEvent::Message(..)
        | ConnectionEvent::NotAFrame(..)
        | ConnectionEvent::HeaderUnfinished(..)
        | ConnectionEvent::SyncLost(..)
        | ConnectionEvent::SyncFound(..) => false,
    }
}

/// Entries that are held at a time. A head has at most 64 KiB.
const MOST_UNANSWERED: usize = 64;
