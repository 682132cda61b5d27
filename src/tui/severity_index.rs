//! Which rows have findings, so that a screen full of rows is drawn without looking at all findings.

use foldhash::{HashMap, HashMapExt};

use crate::timeline::{FindingRow, RowId, Timeline};

/// The worst finding of each row.
#[derive(Debug)]
pub struct Marks {
    worst: HashMap<RowId, usize>,
    /// How many findings were examined.
    seen: usize,
    /// Findings whose row was yet to come.
    waiting: Vec<usize>,
    /// How often findings had been revised.
    revisions: u64,
}

impl Default for Marks {
    fn default() -> Self {
        Self { worst: HashMap::new(), seen: 0, waiting: Vec::new(), revisions: 0 }
    }
}

impl Marks {
    /// The worst finding of a row.
    pub fn of<'a>(&self, timeline: &'a Timeline, row: RowId) -> Option<&'a FindingRow> {
        timeline.findings().get(*self.worst.get(&row)?)
    }

    /// Looks at the findings that are new.
    pub fn learn(&mut self, timeline: &Timeline) {
        let revisions = timeline.counts().revisions;
        if self.revisions != revisions {
            *self = Self { revisions, ..Self::default() };
        }
        let findings = timeline.findings();
        let waiting = std::mem::take(&mut self.waiting);
        for place in waiting.into_iter().chain(self.seen..findings.len()) {
            let Some(found) = findings.get(place) else { continue };
            if found.row.is_none() && found.finding.connection.is_some() {
                self.waiting.push(place);
            }
            for row in [found.row, found.frame].into_iter().flatten() {
                let worst = self.worst.entry(row).or_insert(place);
                let before = findings.get(*worst).map(|it| &it.finding);
                if before.is_none_or(|before| found.finding.outranks(before)) {
                    *worst = place;
                }
            }
        }
        self.seen = findings.len();
    }
}
