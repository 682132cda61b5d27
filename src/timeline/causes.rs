//! Which cause explains a connection, and what follows from it.

use crate::analysis::event::ConnectionId;
use crate::findings::{Finding, Severity, first_cause};
use crate::timeline::record::{FindingRow, Timeline};

impl Timeline {
    /// The cause that explains what was found on a connection.
    pub fn cause_of(&self, id: ConnectionId) -> Option<&FindingRow> {
        self.findings.get(*self.causes.get(&id)?)
    }

    /// What was found on a connection, in the order in which it was.
    pub fn found_on(&self, id: ConnectionId) -> impl Iterator<Item = &FindingRow> {
        let places = self.found_on.get(&id).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.findings.get(*place))
    }

    /// Whether a finding follows from the cause of its connection.
    pub fn is_explained(&self, finding: &Finding) -> bool {
        let cause = finding.connection.and_then(|id| self.cause_of(id));
        cause.is_some_and(|cause| finding.is_consequence_of(&cause.finding))
    }

    /// Whether a finding is the cause of its connection.
    pub fn is_cause(&self, found: &FindingRow) -> bool {
        let cause = found.finding.connection.and_then(|id| self.cause_of(id));
        cause.is_some_and(|cause| std::ptr::eq(cause, found))
    }

    /// Notes that the finding at a place is about a connection.
    pub(super) fn note_place(&mut self, id: ConnectionId, place: usize) {
        self.found_on.entry(id).or_default().push(place);
        let finding = self.findings.get(place).map(|it| &it.finding);
        if finding.is_some_and(|it| it.rule.is_cause()) {
            self.explain(id);
        } else if finding.is_some_and(|it| self.is_explained(it)) {
            let severity = finding.map(|it| it.severity);
            self.count_explained(severity.into_iter(), Explained::More);
        }
    }

    /// Finds the cause of a connection once more, and counts what follows from it.
    pub(super) fn explain(&mut self, id: ConnectionId) {
        self.explain_nothing(id);
        let places = self.found_on.get(&id).map(Vec::as_slice).unwrap_or_default();
        let cause = first_cause(self.found_on(id).map(|it| &it.finding));
        let place = places.iter().copied().find(|place| {
            let found = self.findings.get(*place).map(|it| &it.finding);
            found.zip(cause).is_some_and(|(found, cause)| std::ptr::eq(found, cause))
        });
        if let Some(place) = place {
            self.causes.insert(id, place);
        }
        self.count_explained(self.explained_on(id).into_iter(), Explained::More);
        self.show_cause(id);
    }

    /// Forgets the cause of a connection: what followed from it counts in its own right.
    pub(super) fn explain_nothing(&mut self, id: ConnectionId) {
        self.count_explained(self.explained_on(id).into_iter(), Explained::Less);
        self.causes.remove(&id);
    }

    /// Names the cause where its connection is listed, if it is.
    pub(super) fn show_cause(&mut self, id: ConnectionId) {
        let cause = self.cause_of(id);
        let named = cause.map(|it| (it.finding.rule, it.finding.severity, it.row));
        let Some(at) = self.position(id) else { return };
        let Some(connection) = self.connections.get_mut(at) else { return };
        connection.cause = named.map(|(rule, ..)| rule);
        if let Some((rule, severity, row)) = named {
            connection.worst = Some((rule, severity));
            connection.worst_row = row;
        }
    }

    /// How bad each finding is that follows from the cause of a connection.
    fn explained_on(&self, id: ConnectionId) -> Vec<Severity> {
        let Some(cause) = self.cause_of(id) else { return Vec::new() };
        let explained = self.found_on(id).filter(|it| it.finding.is_consequence_of(&cause.finding));
        explained.map(|it| it.finding.severity).collect()
    }

    /// Moves findings from those that count in their own right to the consequences, or back.
    fn count_explained(&mut self, severities: impl Iterator<Item = Severity>, change: Explained) {
        for severity in severities {
            let (own, explained) = (*self.finding_counter(severity), self.counts.consequences);
            let (own, explained) = match change {
                Explained::More => (own.saturating_sub(1), explained.saturating_add(1)),
                Explained::Less => (own.saturating_add(1), explained.saturating_sub(1)),
            };
            *self.finding_counter(severity) = own;
            self.counts.consequences = explained;
        }
    }
}

/// Whether findings turn out to follow from a cause, or not to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Explained {
    More,
    Less,
}
