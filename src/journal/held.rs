//! Findings that wait for the entry that they belong to.

use super::entry::Found;
use crate::analysis::event::ConnectionId;
use crate::stream::Direction;

/// Findings about messages that are not whole yet.
///
/// A rule may fire at a frame's header, long before the message is complete.
#[derive(Debug, Default)]
pub(super) struct HeldFindings {
    held: Vec<HeldFinding>,
}

/// A finding about a message that is not whole yet.
#[derive(Debug)]
pub(super) struct HeldFinding {
    connection: ConnectionId,
    direction: Direction,
    /// Stream offset of its frame.
    pub(super) offset: u64,
    /// Whether the frame ends its message; `None` for a finding about the content.
    pub(super) frame: Option<IsLast>,
    /// Whether an entry of the frame had it already.
    pub(super) given: bool,
    pub(super) found: Found,
}

/// Whether a frame ends its message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum IsLast {
    Yes,
    No,
}

impl HeldFindings {
    /// Whether nothing is held.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Memory taken, in bytes: a finding has some 100 bytes of evidence.
    pub(super) fn memory(&self) -> usize {
        self.held.len().saturating_mul(size_of::<HeldFinding>() + 100)
    }

    /// Holds a finding about the frame at an offset.
    pub(super) fn hold(
        &mut self,
        (connection, direction, offset): (ConnectionId, Direction, u64),
        frame: Option<IsLast>,
        found: Found,
    ) {
        let given = false;
        self.held.push(HeldFinding { connection, direction, offset, frame, given, found });
    }

    /// How many findings of the same rule are held of the same stream.
    pub(super) fn count(
        &self,
        connection: ConnectionId,
        direction: Direction,
        of: &Found,
    ) -> usize {
        let same = |held: &&HeldFinding| {
            (held.connection, held.direction) == (connection, direction)
                && held.found.finding.rule.id == of.finding.rule.id
        };
        self.held.iter().filter(same).count()
    }

    /// Takes those of a stream that are wanted.
    pub(super) fn extract(
        &mut self,
        connection: ConnectionId,
        direction: Direction,
        which: impl Fn(&HeldFinding) -> bool,
    ) -> Vec<HeldFinding> {
        let wanted = |held: &mut HeldFinding| {
            (held.connection, held.direction) == (connection, direction) && which(held)
        };
        self.held.extract_if(.., wanted).collect()
    }

    /// Copies those about the header of the frame at an offset, for the entry of the frame. They stay
    /// for the message.
    pub(super) fn copy_to_frame(
        &mut self,
        connection: ConnectionId,
        direction: Direction,
        offset: u64,
    ) -> Vec<Found> {
        let own = self.held.iter_mut().filter(|held| {
            (held.connection, held.direction) == (connection, direction)
                && held.offset == offset
                && held.frame.is_some()
        });
        own.map(|held| {
            held.given = true;
            held.found.clone()
        })
        .collect()
    }

    /// Takes all of a connection that no entry had.
    pub(super) fn end(&mut self, connection: ConnectionId) -> Vec<Found> {
        let unfinished = self.held.extract_if(.., |held| held.connection == connection);
        unfinished.filter(|held| !held.given).map(|held| held.found).collect()
    }
}
