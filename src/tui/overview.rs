//! The overview: how many messages there were when, over the whole capture.

use std::ops::Range;

use crate::analysis::event::ConnectionId;
use crate::stream::Timestamp;
use crate::timeline::{Bucket, Timeline};
use crate::tui::world::LoadStage;

/// The overview, a column of the screen for each stretch of time.
#[derive(Debug, Default)]
pub struct Overview {
    buckets: Vec<Bucket>,
    /// What the buckets were made of: rows, findings, columns, connections.
    made_of: Option<(u32, u64, usize, Vec<ConnectionId>)>,
    range: Option<Range<Timestamp>>,
    /// The column under the cursor.
    pub cursor: usize,
}

impl Overview {
    /// The columns.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// The time span of all columns; its end is excluded.
    pub fn range(&self) -> Option<&Range<Timestamp>> {
        self.range.as_ref()
    }

    /// Nanoseconds of one column.
    pub fn column_width(&self) -> u64 {
        let columns = u64::try_from(self.buckets.len()).unwrap_or(u64::MAX);
        let whole = self.range.as_ref().map_or(0, |range| range.end.since(range.start));
        whole.checked_div(columns).unwrap_or(0)
    }

    /// The time at which a column begins.
    pub fn time_of(&self, column: usize) -> Option<Timestamp> {
        let range = self.range.as_ref()?;
        let columns = u128::try_from(self.buckets.len()).ok()?;
        let whole = u128::from(range.end.since(range.start));
        let passed = whole.checked_mul(u128::try_from(column).ok()?)?.checked_div(columns)?;
        Some(Timestamp(range.start.0.saturating_add(u64::try_from(passed).ok()?)))
    }

    /// The column of a time.
    pub fn column_of(&self, time: Timestamp) -> Option<usize> {
        let range = self.range.as_ref().filter(|range| range.contains(&time))?;
        let columns = u128::try_from(self.buckets.len()).ok()?;
        let whole = u128::from(range.end.since(range.start));
        let passed = u128::from(time.since(range.start));
        usize::try_from(passed.checked_mul(columns)?.checked_div(whole)?).ok()
    }

    /// Whether the columns are so many, and of these connections.
    pub fn is_of(&self, columns: u16, picked: &[ConnectionId]) -> bool {
        let columns = usize::from(columns.saturating_sub(LABEL));
        self.made_of.as_ref().is_some_and(|(_, _, width, of)| *width == columns && of == picked)
    }

    /// Makes the columns, where something has changed.
    pub fn prepare(
        &mut self,
        columns: u16,
        picked: &[ConnectionId],
        timeline: &Timeline,
        stage: &LoadStage,
    ) {
        let columns = usize::from(columns.saturating_sub(LABEL));
        let counts = timeline.counts();
        let findings = counts.findings();
        if let Some((rows, found, width, of)) = &self.made_of
            && *width == columns
            && of == picked
        {
            // While many rows come, a few more change nothing that can be seen.
            let more = timeline.rows().saturating_sub(*rows);
            let enough = if stage.goes_on() { rows / LEAST_SHARE } else { 0 };
            if more <= enough && (*found == findings || stage.goes_on()) {
                return;
            }
        }
        let (start, last) = timeline.times().range();
        let end = Timestamp(last.0.saturating_add(1));
        let of = (!picked.is_empty()).then_some(picked);
        self.buckets = timeline.density(start..end, columns, of);
        self.range = (counts.packets > 0).then_some(start..end);
        if of.is_none() {
            self.mark_rowless(timeline);
        }
        self.cursor = self.cursor.min(columns.saturating_sub(1));
        self.made_of = Some((timeline.rows(), findings, columns, picked.to_vec()));
    }

    /// Marks the findings that are about no row, such as a name that was not resolved.
    fn mark_rowless(&mut self, timeline: &Timeline) {
        for found in timeline.findings().iter().filter(|it| it.row.is_none()) {
            let place = found.finding.first;
            let column = self.column_of(place.time).filter(|_| place.packet.0 > 0);
            if let Some(bucket) = column.and_then(|column| self.buckets.get_mut(column)) {
                bucket.worst = bucket.worst.max(Some(found.finding.severity));
            }
        }
    }
}

/// Columns before the bars, for the arrows.
pub const LABEL: u16 = 2;

/// The share of rows by which their number must grow to be counted anew, while they come.
const LEAST_SHARE: u32 = 200;
