//! The findings of the whole capture, by rule or by connection.

use crate::analysis::event::ConnectionId;
use crate::findings::{Rule, Severity};
use crate::timeline::{FindingRow, Timeline};

/// The list of findings.
#[derive(Debug, Default)]
pub struct FindingList {
    entries: Vec<FindingEntry>,
    /// How many findings there were when the list was made, and how often they had been revised.
    seen: Option<(usize, u64)>,
    groups: Groups,
    cursor: usize,
    top: usize,
    height: usize,
    /// How far the explanation of the finding under the cursor is scrolled.
    details_top: usize,
}

/// What findings are grouped by.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Groups {
    /// Their rule.
    #[default]
    Rule,
    /// Their connection.
    Connection,
}

/// One line of the list.
#[derive(Clone, Copy, Debug)]
pub enum FindingEntry {
    /// A rule, and how bad and how many findings of it there are.
    Rule(&'static Rule, Severity, usize),
    /// A connection, or the capture as a whole, and how many findings there are about it.
    Connection(Option<ConnectionId>, usize),
    /// A finding: its place in [`Timeline::findings`].
    Finding(usize),
}

impl FindingList {
    /// The lines that are visible, with their places.
    pub fn visible(&self) -> impl Iterator<Item = (usize, &FindingEntry)> {
        self.entries.iter().enumerate().skip(self.top).take(self.height)
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where the cursor is.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The first line that is visible.
    pub fn top(&self) -> usize {
        self.top
    }

    /// What they are grouped by.
    pub fn groups(&self) -> Groups {
        self.groups
    }

    /// Groups by the other one.
    pub fn toggle_groups(&mut self) {
        self.groups = match self.groups {
            Groups::Rule => Groups::Connection,
            Groups::Connection => Groups::Rule,
        };
        self.seen = None;
        self.go(0);
    }

    /// The finding under the cursor; of a heading, the first one below it.
    pub fn current<'a>(&self, timeline: &'a Timeline) -> Option<&'a FindingRow> {
        let finding = self.entries.iter().skip(self.cursor).find_map(|entry| match entry {
            FindingEntry::Finding(place) => Some(*place),
            FindingEntry::Rule(..) | FindingEntry::Connection(..) => None,
        })?;
        timeline.findings().get(finding)
    }

    /// Moves the cursor by some lines.
    pub fn move_by(&mut self, by: isize) {
        self.go(self.cursor.saturating_add_signed(by));
    }

    /// Moves the cursor to a line.
    pub fn go(&mut self, place: usize) {
        let place = place.min(self.entries.len().saturating_sub(1));
        if place != self.cursor {
            self.details_top = 0;
        }
        self.cursor = place;
        self.keep_visible();
    }

    /// How many lines of the explanation of the finding under the cursor are scrolled out of sight.
    pub fn details_top(&self) -> usize {
        self.details_top
    }

    /// Scrolls the explanation of the finding under the cursor, by `most` lines at most.
    pub fn scroll_details(&mut self, by: isize, most: usize) {
        self.details_top = self.details_top.saturating_add_signed(by).min(most);
    }

    /// Lines that are visible.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Takes the findings, where there are new ones.
    pub fn refresh(&mut self, timeline: &Timeline) {
        let findings = timeline.findings();
        let seen = (findings.len(), timeline.counts().revisions);
        if self.seen != Some(seen) {
            self.seen = Some(seen);
            self.entries = entries(timeline, self.groups);
            self.cursor = self.cursor.min(self.entries.len().saturating_sub(1));
        }
    }

    /// Takes the height of the list.
    pub fn show(&mut self, height: u16) {
        self.height = usize::from(height);
        self.keep_visible();
    }

    fn keep_visible(&mut self) {
        let lowest = self.cursor.saturating_add(1).saturating_sub(self.height);
        let last = self.entries.len().saturating_sub(self.height);
        self.top = self.top.clamp(lowest.min(self.cursor), self.cursor).min(last);
    }
}

/// Causes come first: those of all connections, or that of each connection, followed by its consequences.
fn entries(timeline: &Timeline, groups: Groups) -> Vec<FindingEntry> {
    let findings = timeline.findings();
    let mut places: Vec<usize> = (0..findings.len()).collect();
    let key = |place: &usize| {
        let finding = findings.get(*place).map(|it| &it.finding);
        let severity = finding.map(|it| std::cmp::Reverse(it.severity));
        let connection = finding.and_then(|it| it.connection);
        let is_cause = finding.is_some_and(|it| it.rule.is_cause());
        match groups {
            Groups::Rule => (!is_cause, severity, finding.map(|it| it.rule.id), None),
            Groups::Connection => (false, None, None, connection),
        }
    };
    let rank = |place: &usize| match findings.get(*place) {
        Some(found) if timeline.is_cause(found) => 0,
        Some(found) if timeline.is_explained(&found.finding) => 1,
        Some(_) | None => 2,
    };
    match groups {
        Groups::Rule => places.sort_by_key(key),
        Groups::Connection => places.sort_by_cached_key(|place| (key(place), rank(place))),
    }
    let mut entries = Vec::new();
    for group in places.chunk_by(|left, right| key(left) == key(right)) {
        let first = group.first().and_then(|place| findings.get(*place));
        let Some(first) = first else { continue };
        entries.push(match groups {
            Groups::Rule => {
                FindingEntry::Rule(first.finding.rule, first.finding.severity, group.len())
            }
            Groups::Connection => FindingEntry::Connection(first.finding.connection, group.len()),
        });
        entries.extend(group.iter().map(|place| FindingEntry::Finding(*place)));
    }
    entries
}
