//! What becomes known later than the entry that it concerns.

use foldhash::{HashMap, HashMapExt};

use super::entry::{Entry, EntryKind, Found, Journal};
use crate::analysis::event::{ConnectionId, Outcome, TcpState};
use crate::findings::{Revision, Severity};
use crate::stream::{Direction, Span};

/// What a first pass over a capture learned that is known later than the entries that it concerns:
/// findings about earlier entries, and how each connection ended.
///
/// A [`Builder`](super::Builder) that has it gives those findings with their entries. Memory grows with
/// the connections of the capture.
#[derive(Debug, Default)]
pub struct Hindsight {
    late: HashMap<ConnectionId, Vec<Found>>,
    ends: HashMap<ConnectionId, FinalState>,
    /// Findings that turned out to be more or less bad than they seemed, by number.
    revised: HashMap<u64, Severity>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FinalState {
    /// The last state of TCP.
    pub state: TcpState,
    /// What became of it.
    pub outcome: Outcome,
}

impl Hindsight {
    /// Makes one that has seen nothing.
    pub fn new() -> Self {
        Self { late: HashMap::new(), ends: HashMap::new(), revised: HashMap::new() }
    }

    /// How a connection ended.
    pub fn end(&self, id: ConnectionId) -> Option<FinalState> {
        self.ends.get(&id).copied()
    }

    /// How bad a finding is, if that became known only after it was made.
    pub(super) fn severity(&self, number: u64) -> Option<Severity> {
        self.revised.get(&number).copied()
    }

    /// The findings about a part of a stream that were made after it was given.
    pub(super) fn late(
        &self,
        id: ConnectionId,
        direction: Direction,
        span: Span,
    ) -> impl Iterator<Item = &Found> {
        let within = move |found: &&Found| {
            let finding = &found.finding;
            finding.direction == Some(direction)
                && finding.offset.is_some_and(|offset| (span.start..span.end).contains(&offset))
        };
        self.late.get(&id).into_iter().flatten().filter(within)
    }
}

impl Journal for Hindsight {
    fn revised(&mut self, revision: Revision) {
        self.revised.insert(revision.number, revision.after);
    }

    fn entry(&mut self, entry: &Entry<'_>) {
        let Some(connection) = entry.connection else { return };
        match entry.kind {
            EntryKind::Finding => {
                self.late.entry(connection.id).or_default().extend_from_slice(entry.findings);
            }
            EntryKind::Ended { ending, .. } => {
                let (state, outcome) = (connection.state, ending.outcome);
                self.ends.insert(connection.id, FinalState { state, outcome });
            }
            _ => {}
        }
    }
}
