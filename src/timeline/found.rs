//! Findings, and the rows that they are about.

use std::cmp::Ordering;

use crate::analysis::event::ConnectionId;
use crate::findings::{Finding, Revision, Rule, Severity};
use crate::journal::{self, Entry, EntryKind, Found};
use crate::stream::Direction;
use crate::timeline::record::{FindingRow, Folded, Timeline};
use crate::timeline::row::{Row, RowId, RowKind, RowScope};

/// A finding that has no row so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnplacedFinding {
    /// Its number among all findings.
    number: u64,
    severity: Severity,
}

impl From<&Found> for UnplacedFinding {
    fn from(found: &Found) -> Self {
        Self { number: found.number, severity: found.finding.severity }
    }
}

impl Timeline {
    /// Keeps and counts a finding as soon as it is made; its row comes later.
    pub(super) fn keep_finding(&mut self, finding: &Finding) {
        self.count_finding(finding.severity, 1);
        let place = self.findings.len();
        if place < MAX_FINDINGS {
            self.findings.push(FindingRow { finding: finding.clone(), row: None, frame: None });
        } else {
            self.counts.findings_dropped = self.counts.findings_dropped.saturating_add(1);
        }
        let Some(connection) = finding.connection else { return };
        if place < MAX_FINDINGS {
            self.note_place(connection, place);
        }
        if let Some(at) = self.position(connection) {
            self.count_on(at, (finding.rule, finding.severity), 1);
        } else {
            let live = self.drafts.entry(connection).or_default().live();
            live.uncounted.push((finding.rule, finding.severity));
        }
    }

    /// Marks a finding as more or less bad than it was.
    pub(super) fn revise_finding(&mut self, revision: Revision) {
        let Revision { number, before, after, withdrawn, .. } = revision;
        self.counts.revisions = self.counts.revisions.saturating_add(1);
        let place = usize::try_from(number).ok();
        let found = place.and_then(|place| self.findings.get(place));
        let connection = found.and_then(|found| found.finding.connection);
        if let Some(id) = connection {
            self.explain_nothing(id);
        }
        let counter = self.finding_counter(before);
        *counter = counter.saturating_sub(1);
        self.count_finding(after, 1);
        let Some(found) = place.and_then(|place| self.findings.get_mut(place)) else { return };
        if withdrawn.is_some() {
            found.finding.withdraw();
        }
        found.finding.severity = after;
        let rows = [found.row, found.frame];
        if let Some(id) = connection {
            self.explain(id);
        }
        for id in rows.into_iter().flatten() {
            let worst = self.findings_of(id).map(|it| it.finding.severity).max();
            if let Some(packed) = self.rows.packed_mut(id) {
                packed.set_worst(worst);
            }
        }
        self.mark_anew();
        let Some(connection) = connection else { return };
        if let Some(at) = self.position(connection) {
            return self.rank_anew(at, connection);
        }
        let own = self.found_on(connection).map(|it| &it.finding);
        let uncounted = own.map(|it| (it.rule, it.severity)).collect();
        self.drafts.entry(connection).or_default().live().uncounted = uncounted;
    }

    /// Finds the worst finding of a connection once more.
    fn rank_anew(&mut self, at: usize, id: ConnectionId) {
        if self.cause_of(id).is_some() {
            return self.show_cause(id);
        }
        let own: Vec<&FindingRow> = self.found_on(id).collect();
        let folded = self.folded.iter().filter(|it| it.connection == id);
        let all = own
            .iter()
            .map(|it| (it.finding.rule, it.finding.severity))
            .chain(folded.map(|it| (it.rule, it.rule.severity)));
        let worst = all.fold(None, |known, found| Some(worse(known, found)));
        let is_worst =
            |it: &&&FindingRow| worst.is_some_and(|(_, worst)| it.finding.severity == worst);
        let worst_row = own.iter().filter(is_worst).find_map(|it| it.row);
        if let Some(connection) = self.connections.get_mut(at) {
            (connection.worst, connection.worst_row) = (worst, worst_row);
        }
    }

    /// Notes once more in the overviews which findings there are.
    fn mark_anew(&mut self) {
        self.density.clear_marks();
        for density in self.indexes.iter_mut().filter_map(|index| index.density.as_mut()) {
            density.clear_marks();
        }
        for found in &self.findings {
            let severity = found.finding.severity;
            for row in [found.row, found.frame].into_iter().flatten() {
                let Some(row) = self.rows.get(row) else { continue };
                self.density.mark(row.time, severity);
                let at = found.finding.connection.and_then(|id| self.positions.get(&id));
                let index = at.and_then(|at| self.indexes.get_mut(*at));
                if let Some(density) = index.and_then(|index| index.density.as_mut()) {
                    density.mark(row.time, severity);
                }
            }
        }
    }

    /// Counts what was found on a connection before it was shown.
    pub(super) fn count_uncounted(&mut self, at: usize) {
        let Some(index) = self.indexes.get_mut(at) else { return };
        for found in std::mem::take(&mut index.live().uncounted) {
            self.count_on(at, found, 1);
        }
    }

    /// Counts findings that are only known by their number.
    pub(super) fn count_folded(&mut self, at: usize, folded: &[journal::FoldedFindings]) {
        let Some(connection) = self.connections.get(at).map(|connection| connection.id) else {
            return;
        };
        for &journal::FoldedFindings { rule, count } in folded {
            self.count_finding(rule.severity, count);
            if self.folded.len() < MAX_FINDINGS {
                self.folded.push(Folded { rule, connection, count });
            }
            self.count_on(at, (rule, rule.severity), count);
        }
    }

    /// Marks the row of an entry with what was found about it.
    ///
    /// What was found about something past marks the rows of that. Findings about the connection,
    /// and those whose entry has no row, mark the end of the connection.
    pub(super) fn attach_findings(&mut self, at: usize, row: Option<RowId>, entry: &Entry<'_>) {
        let is_end = matches!(entry.kind, EntryKind::Ended { .. });
        let is_alone = matches!(entry.kind, EntryKind::Finding);
        for found in entry.findings {
            let unplaced = UnplacedFinding::from(found);
            if let Some(row) = row {
                self.attach(at, unplaced, row);
            } else if (!is_alone || !self.attach_to_earlier(at, found))
                && let Some(index) = self.indexes.get_mut(at)
            {
                index.live().unplaced.push(unplaced);
            }
        }
        if is_end && let Some(index) = self.indexes.get_mut(at) {
            let unplaced = std::mem::take(&mut index.live().unplaced);
            index.end();
            if let Some(row) = row {
                for unplaced in unplaced {
                    self.attach(at, unplaced, row);
                }
            }
        }
    }

    /// Marks the last row of connections that have ended with what was found of them afterwards.
    pub(super) fn find_afterwards(&mut self, findings: &[Found]) {
        for found in findings {
            let Some(at) = found.finding.connection.and_then(|id| self.position(id)) else {
                continue;
            };
            if let Some(last) = self.connections.get(at).and_then(|connection| connection.last_row)
            {
                self.attach(at, found.into(), last);
            }
        }
    }

    /// Marks earlier rows with what was found of them only now; false if there are none.
    fn attach_to_earlier(&mut self, at: usize, found: &Found) -> bool {
        let (Some(index), Some(direction), Some(offset)) =
            (self.indexes.get(at), found.finding.direction, found.finding.offset)
        else {
            return false;
        };
        if offset >= index.directions.get(direction).reached {
            return false;
        }
        let mut rows: Vec<Row> = Vec::new();
        for row in index.rows.iter().rev().take(LOOK_BACK).filter_map(|id| self.rows.get(*id)) {
            if !is_in_stream(&row, direction) || row.offset > offset {
                continue;
            }
            match rows.first().map(|best| best.offset.cmp(&row.offset)) {
                None | Some(Ordering::Less) => rows = vec![row],
                Some(Ordering::Equal) => rows.push(row),
                Some(Ordering::Greater) => {}
            }
        }
        for row in &rows {
            self.attach(at, found.into(), row.id);
        }
        !rows.is_empty()
    }

    fn attach(&mut self, at: usize, unplaced: UnplacedFinding, id: RowId) {
        let Some(row) = self.rows.get(id) else { return };
        let place = usize::try_from(unplaced.number).ok();
        let mut severity = unplaced.severity;
        if let Some(finding) = place.and_then(|place| self.findings.get_mut(place)) {
            // It may have been revised since.
            severity = finding.finding.severity;
            match row.scope {
                RowScope::Frames => {
                    finding.frame = Some(id);
                    finding.row = finding.row.or(Some(id));
                }
                RowScope::Messages | RowScope::Both => finding.row = Some(id),
            }
        }
        if row.worst < Some(severity)
            && let Some(packed) = self.rows.packed_mut(id)
        {
            packed.set_worst(Some(severity));
        }
        self.density.mark(row.time, severity);
        if let Some(density) = self.indexes.get_mut(at).and_then(|index| index.density.as_mut()) {
            density.mark(row.time, severity);
        }
        let Some(connection) = self.connections.get_mut(at) else { return };
        let is_cause = place.is_some() && self.causes.get(&connection.id).copied() == place;
        if is_cause
            || (connection.worst_severity() == Some(severity) && connection.worst_row.is_none())
        {
            connection.worst_row = Some(id);
        }
    }

    fn count_on(&mut self, at: usize, found: (&'static Rule, Severity), count: u64) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        connection.findings = connection.findings.saturating_add(count);
        if connection.cause.is_some() {
            return;
        }
        let is_worse = connection.worst_severity() < Some(found.1);
        connection.worst = Some(worse(connection.worst, found));
        if is_worse {
            connection.worst_row = None;
        }
    }
}

/// That of two findings which is to be named if only one can be.
fn worse(
    known: Option<(&'static Rule, Severity)>,
    found: (&'static Rule, Severity),
) -> (&'static Rule, Severity) {
    known
        .filter(|known| known.1 > found.1 || (known.1 == found.1 && !found.0.outranks(known.0)))
        .unwrap_or(found)
}

/// Whether a row is in the stream of a direction.
fn is_in_stream(row: &Row, direction: Direction) -> bool {
    row.direction == Some(direction)
        && match row.kind {
            RowKind::Message(_)
            | RowKind::Frame { .. }
            | RowKind::Request
            | RowKind::Response(_)
            | RowKind::Tunnel(_)
            | RowKind::ProxyHeader
            | RowKind::Socks(_)
            | RowKind::StrayBytes(_)
            | RowKind::Tls(_)
            | RowKind::Gap
            | RowKind::SyncLost
            | RowKind::SyncFound
            | RowKind::NotAFrame
            | RowKind::HeaderUnfinished
            | RowKind::Conflict => true,
            RowKind::NoResponse
            | RowKind::Limit(_)
            | RowKind::Recognized(_)
            | RowKind::Fin
            | RowKind::Reset
            | RowKind::Ended(_) => false,
        }
}

/// Findings kept; further ones are counted.
const MAX_FINDINGS: usize = 1 << 16;

/// Rows of a connection that are searched for one that a late finding is about.
const LOOK_BACK: usize = 1 << 16;
