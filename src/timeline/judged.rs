//! Findings, and the rows that they are about.

use crate::analysis::event::ConnectionId;
use crate::findings::{Finding, Findings, Rule};
use crate::timeline::index::{ConnectionIndex, PendingFinding};
use crate::timeline::record::{FindingRow, Folded, Timeline};
use crate::timeline::row::{Row, RowId, RowKind, RowScope};

impl Findings for Timeline {
    fn finding(&mut self, finding: &Finding) {
        self.count_finding(finding.rule.severity, 1);
        let place = self.findings.len();
        let is_kept = place < MAX_FINDINGS;
        if is_kept {
            self.findings.push(FindingRow { finding: finding.clone(), row: None, frame: None });
        } else {
            self.counts.findings_let_go = self.counts.findings_let_go.saturating_add(1);
        }
        let Some(connection) = finding.connection else { return };
        let pending = PendingFinding {
            finding: is_kept.then_some(place),
            rule: finding.rule,
            direction: finding.direction,
            offset: finding.offset,
        };
        let Some(at) = self.position(connection) else {
            self.drafts.entry(connection).or_default().live().pending.push(pending);
            return;
        };
        self.count_on(at, finding.rule, 1);
        if self.attach_to_earlier(at, &pending) {
            return;
        }
        let end = self.connections.get(at).filter(|connection| connection.outcome.is_some());
        if let Some(last) = end.and_then(|connection| connection.last_row) {
            self.attach(at, &pending, last);
        } else if let Some(index) = self.indexes.get_mut(at) {
            index.live().pending.push(pending);
        }
    }

    fn folded(&mut self, rule: &'static Rule, connection: ConnectionId, count: u64) {
        self.count_finding(rule.severity, count);
        if self.folded.len() < MAX_FINDINGS {
            self.folded.push(Folded { rule, connection, count });
        }
        if let Some(at) = self.position(connection) {
            self.count_on(at, rule, count);
        }
    }
}

impl Timeline {
    /// Counts what was found on a connection before it was shown.
    pub(super) fn count_pending(&mut self, at: usize) {
        let pending = self.indexes.get_mut(at).map(|index| index.live().pending.clone());
        for pending in pending.unwrap_or_default() {
            self.count_on(at, pending.rule, 1);
        }
    }

    /// Tells a new row what was found of it; `end` is where it ends in its stream.
    pub(super) fn attach_pending(&mut self, at: usize, id: RowId, row: &Row, end: u64) {
        let Some(index) = self.indexes.get_mut(at) else { return };
        if index.live().pending.is_empty() {
            return;
        }
        let stays = is_frame_of_message(row, index);
        let (mut about, mut rest) = (Vec::new(), Vec::new());
        for pending in std::mem::take(&mut index.live().pending) {
            let matches = pending.is_about(row, end);
            if matches {
                about.push(pending);
            }
            if !matches || stays {
                rest.push(pending);
            }
        }
        index.live().pending = rest;
        for pending in about {
            self.attach(at, &pending, id);
        }
    }

    /// Tells an earlier row what was found of it only now; false when there is none.
    fn attach_to_earlier(&mut self, at: usize, pending: &PendingFinding) -> bool {
        let (Some(index), Some(direction), Some(offset)) =
            (self.indexes.get(at), pending.direction, pending.offset)
        else {
            return false;
        };
        if offset >= index.directions.get(direction).reached {
            return false;
        }
        let mut found: Vec<Row> = Vec::new();
        for row in index.rows.iter().rev().take(LOOK_BACK).filter_map(|id| self.rows.get(*id)) {
            if row.direction != Some(direction) || !lies_in_stream(row.kind) || row.offset > offset
            {
                continue;
            }
            match found.first().map(|best| best.offset.cmp(&row.offset)) {
                None | Some(std::cmp::Ordering::Less) => found = vec![row],
                Some(std::cmp::Ordering::Equal) => found.push(row),
                Some(std::cmp::Ordering::Greater) => {}
            }
        }
        for row in &found {
            self.attach(at, pending, row.id);
        }
        !found.is_empty()
    }

    fn attach(&mut self, at: usize, pending: &PendingFinding, id: RowId) {
        let Some(row) = self.rows.get(id) else { return };
        if let Some(finding) = pending.finding.and_then(|place| self.findings.get_mut(place)) {
            match row.scope {
                RowScope::Frames => {
                    finding.frame = Some(id);
                    finding.row = finding.row.or(Some(id));
                }
                RowScope::Messages | RowScope::Both => finding.row = Some(id),
            }
        }
        let severity = pending.rule.severity;
        if row.worst < Some(severity)
            && let Some(packed) = self.rows.packed_mut(id)
        {
            packed.set_worst(Some(severity));
        }
        self.density.mark(row.time, severity);
        if let Some(density) = self.indexes.get_mut(at).and_then(|index| index.density.as_mut()) {
            density.mark(row.time, severity);
        }
        if let Some(connection) = self.connections.get_mut(at)
            && connection.worst_severity() == Some(severity)
            && connection.worst_row.is_none()
        {
            connection.worst_row = Some(id);
        }
    }

    fn count_on(&mut self, at: usize, rule: &'static Rule, count: u64) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        connection.findings = connection.findings.saturating_add(count);
        let is_worse = connection.worst_severity() < Some(rule.severity);
        if connection.worst.is_none_or(|worst| rule.outranks(worst)) {
            connection.worst = Some(rule);
        }
        if is_worse {
            connection.worst_row = None;
        }
    }
}

impl PendingFinding {
    fn is_about(&self, row: &Row, end: u64) -> bool {
        if let RowKind::Ended(_) = row.kind {
            return true;
        }
        let Some(offset) = self.offset else { return true };
        let direction = self.direction.is_none() || self.direction == row.direction;
        direction
            && lies_in_stream(row.kind)
            && (offset == row.offset || (row.offset..end).contains(&offset))
    }
}

/// Whether a row is a frame whose message is yet to come: that is told the same.
fn is_frame_of_message(row: &Row, index: &ConnectionIndex) -> bool {
    let RowKind::Frame { opcode, .. } = row.kind else { return false };
    row.direction.is_some_and(|direction| {
        opcode <= LAST_DATA_OPCODE && index.directions.get(direction).message.is_some()
    })
}

fn lies_in_stream(kind: RowKind) -> bool {
    match kind {
        RowKind::Message(_)
        | RowKind::Frame { .. }
        | RowKind::Request
        | RowKind::Response(_)
        | RowKind::Tunnel(_)
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

/// Continuation, text and binary are the defined opcodes of data (RFC 6455 §5.2).
const LAST_DATA_OPCODE: u8 = 2;

/// Findings kept; further ones are counted.
const MAX_FINDINGS: usize = 1 << 16;

/// Rows of a connection that are searched for one that a late finding is about.
const LOOK_BACK: usize = 1 << 16;
