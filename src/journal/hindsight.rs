//! What becomes known later than the entry that it concerns.

use foldhash::{HashMap, HashMapExt};

use super::entry::{Entry, EntryKind, Found, Journal};
use crate::analysis::event::{ConnectionId, Outcome, TcpState};
use crate::findings::{Revision, Rule, Severity, rank_of};
use crate::stream::{Direction, PacketId, Span};

/// What a first pass over a capture learned that is known later than the entries that it concerns:
/// findings about earlier entries, and how each connection ended.
///
/// A [`Builder`](super::Builder) that has it gives those findings with their entries. Memory grows with
/// the connections of the capture.
#[derive(Debug, Default)]
pub struct Hindsight {
    late: HashMap<ConnectionId, Vec<Found>>,
    ends: HashMap<ConnectionId, FinalState>,
    /// The causes found on each connection.
    causes: HashMap<ConnectionId, Vec<FoundCause>>,
    /// Findings that turned out to be more or less bad than they seemed, by number.
    revised: HashMap<u64, Severity>,
}

/// A cause that was found on a connection, without its evidence.
#[derive(Clone, Copy, Debug)]
struct FoundCause {
    number: u64,
    rule: &'static Rule,
    severity: Severity,
    first: PacketId,
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
        Self {
            late: HashMap::new(),
            ends: HashMap::new(),
            causes: HashMap::new(),
            revised: HashMap::new(),
        }
    }

    /// How a connection ended.
    pub fn end(&self, id: ConnectionId) -> Option<FinalState> {
        self.ends.get(&id).copied()
    }

    /// The cause that explains a connection.
    pub fn cause(&self, id: ConnectionId) -> Option<&'static Rule> {
        let severity = |cause: &FoundCause| self.severity(cause.number).unwrap_or(cause.severity);
        let causes = self.causes.get(&id)?.iter().filter(|cause| severity(cause) > Severity::Note);
        let first = causes.min_by_key(|cause| (rank_of(cause.rule, severity(cause)), cause.first));
        first.map(|cause| cause.rule)
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

    fn finding(&mut self, found: &Found) {
        let Found { number, finding, .. } = found;
        if let Some(id) = finding.connection.filter(|_| finding.rule.is_cause()) {
            let (rule, severity, first) = (finding.rule, finding.severity, finding.first.packet);
            let cause = FoundCause { number: *number, rule, severity, first };
            self.causes.entry(id).or_default().push(cause);
        }
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
