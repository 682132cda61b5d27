//! Collects the stories of a capture's connections.

use std::io;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use super::counts::{StoryResult, VerdictCounts};
use super::groups::KnownGroups;
use super::story::{Story, Verdict};
use super::unused::Names;
use super::{Diagnosis, Extent};
use crate::analysis::event::{Carrier, Connection, ConnectionId, Ending};
use crate::findings::{ExcludedCause, Finding, Rule};
use crate::journal::history::ConnectionHistory;
use crate::journal::{Entry, EntryKind, Found, Hindsight, Journal, Summary};
use crate::report::{Breadth, Report};
use crate::stream::{Direction, Timestamp};
use crate::timeline::filter::{Filter, Matcher};
use crate::websocket::Frame;

/// Which connections have a story.
#[derive(Clone, Debug, Default)]
pub struct DiagnoseChoice {
    /// Whether connections count that certainly are not a WebSocket.
    pub breadth: Breadth,
    /// What something on a connection has to match; all count where there is none.
    pub filter: Option<Filter>,
}

/// Keeps what happened on connections until everything was read.
///
/// Of an open connection a history is kept, some kilobytes at most; of one that has ended well, a line's worth
/// once there are many of them.
#[derive(Debug)]
pub struct DiagnoseCollector {
    breadth: Breadth,
    matcher: Option<Matcher>,
    summary: Summary,
    /// Open connections.
    open: HashMap<ConnectionId, OpenConnection>,
    stories: Vec<Story>,
    /// The index of a connection's story.
    places: HashMap<ConnectionId, usize>,
    /// What was found on none.
    capture: Vec<Finding>,
    names: Names,
    /// Memory taken by findings, in bytes.
    findings: usize,
}

/// What is kept of an open connection.
#[derive(Debug, Default)]
struct OpenConnection {
    history: ConnectionHistory,
    findings: Vec<Finding>,
    excluded: Vec<ExcludedCause>,
}

impl DiagnoseCollector {
    /// Makes a collector that has seen nothing.
    pub fn new(choice: DiagnoseChoice) -> Self {
        Self {
            breadth: choice.breadth,
            matcher: choice.filter.map(Matcher::new),
            summary: Summary::default(),
            open: HashMap::new(),
            stories: Vec::new(),
            places: HashMap::new(),
            capture: Vec::new(),
            names: Names::default(),
            findings: 0,
        }
    }

    /// Takes what an earlier pass over the same capture learned, for the filter.
    #[must_use]
    pub fn with_hindsight(mut self, hindsight: Option<Arc<Hindsight>>) -> Self {
        self.matcher = self.matcher.map(|matcher| matcher.with_hindsight(hindsight));
        self
    }

    /// Takes out the stories of connections that have ended so far, so that they can be written at once.
    pub(super) fn take(&mut self) -> Vec<Story> {
        self.places.clear();
        let stories = std::mem::take(&mut self.stories);
        let memory = stories.iter().map(Story::memory_of_findings).fold(0, usize::saturating_add);
        self.findings = self.findings.saturating_sub(memory);
        stories.into_iter().filter(|story| story.chosen).collect()
    }

    /// Whether a connection is open, or its story was not taken out yet.
    pub(super) fn knows(&self, id: ConnectionId) -> bool {
        self.places.contains_key(&id) || self.open.contains_key(&id)
    }

    /// Takes a cause back that does not hold.
    pub(super) fn withdraw(&mut self, id: ConnectionId, rule: &Rule) {
        if let Some(story) = self.places.get(&id).and_then(|place| self.stories.get_mut(*place)) {
            self.findings = self.findings.saturating_sub(story.withdraw(rule));
        }
    }

    /// Ends the collection.
    pub fn into_diagnosis(self, file: String, extent: Extent) -> Diagnosis {
        self.into_rest(file, extent, VerdictCounts::default())
    }

    /// Ends the collection; some stories were taken out and counted.
    pub(super) fn into_rest(
        self,
        file: String,
        extent: Extent,
        mut counts: VerdictCounts,
    ) -> Diagnosis {
        let related = &self.summary.related;
        let mut stories: Vec<Story> =
            self.stories.into_iter().filter(|story| story.chosen).collect();
        for story in &mut stories {
            story.relate(related);
        }
        stories.sort_by_key(|story| story.connection.id);
        for story in &stories {
            counts.add(StoryResult::of(story));
        }
        let works = Verdict::ALL.into_iter().any(|verdict| match verdict {
            Verdict::Dropped | Verdict::Trouble | Verdict::Unknown | Verdict::Fine => {
                counts.of(verdict).all > 0
            }
            Verdict::Failed | Verdict::Other => false,
        });
        let unused = if works { Vec::new() } else { self.names.unused() };
        let Self { capture, summary, .. } = self;
        let groups = KnownGroups::default();
        Diagnosis { file, extent, stories, counts, capture, summary, unused, groups }
    }

    /// Whether a filter chooses the connection of an entry that is its last.
    fn choose(&mut self, entry: &Entry<'_>) -> bool {
        let Some(matcher) = &mut self.matcher else { return true };
        matcher.observe(entry);
        for found in entry.findings {
            let is_chosen = matcher.chooses(&found.finding, entry);
            let place = found.finding.connection.and_then(|id| self.places.get(&id));
            // Found after its connection has ended.
            if let Some(story) = place.and_then(|place| self.stories.get_mut(*place)) {
                story.chosen |= is_chosen;
            }
        }
        let passes = matcher.passes(entry);
        matcher.forget(entry);
        passes
    }

    fn ended(&mut self, connection: &Connection, ending: Ending, chosen: bool) {
        let OpenConnection { history, findings, excluded } =
            self.open.remove(&connection.id).unwrap_or_default();
        let is_shown = ending.relevant || self.breadth == Breadth::All;
        if !is_shown && findings.is_empty() {
            return;
        }
        let mut story = Story::new(connection, ending, history, findings);
        story.chosen = chosen;
        story.excluded = excluded;
        if self.stories.len() >= KEPT_WHOLE {
            story.shrink();
        }
        if self.stories.len() >= KEPT_AT_ALL {
            story.history = None;
        }
        self.places.insert(connection.id, self.stories.len());
        self.stories.push(story);
    }
}

impl Journal for DiagnoseCollector {
    fn entry(&mut self, entry: &Entry<'_>) {
        let chosen = self.choose(entry);
        if let EntryKind::Dns(message) = entry.kind {
            self.names.observe(message, entry.origin);
        }
        let Some(connection) = entry.connection else { return };
        if let EntryKind::Opened = entry.kind {
            return self.names.connected(connection.server.ip());
        }
        self.open.entry(connection.id).or_default().history.observe(entry);
        if let EntryKind::Ended { ending, .. } = entry.kind {
            // By now it is sure which of the two the server is.
            self.names.connected(connection.server.ip());
            self.ended(connection, ending, chosen);
        }
    }

    /// A filter may ask for frames.
    fn takes_frame(&self, _: &Frame) -> bool {
        self.matcher.is_some()
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        if let Some(matcher) = &mut self.matcher {
            matcher.frame_started(connection, direction, frame);
        }
        self.open.entry(connection.id).or_default().history.frame_started(frame);
    }

    fn excluded(&mut self, connection: ConnectionId, excluded: &[ExcludedCause]) {
        self.open.entry(connection).or_default().excluded = excluded.to_vec();
    }

    fn kept(&self) -> usize {
        let open = self.open.len().saturating_mul(OPEN);
        let histories = self.stories.len().min(KEPT_AT_ALL).saturating_mul(HISTORY);
        let stories = self.stories.len().saturating_mul(STORY).saturating_add(histories);
        let matcher = self.matcher.as_ref().map_or(0, Matcher::kept);
        [open, stories, matcher].into_iter().fold(self.findings, usize::saturating_add)
    }

    fn finding(&mut self, found: &Found) {
        let finding = &found.finding;
        self.findings = self.findings.saturating_add(finding.memory());
        let Some(id) = finding.connection else {
            self.capture.push(finding.clone());
            return;
        };
        match self.places.get(&id).and_then(|place| self.stories.get_mut(*place)) {
            // It was found after its connection has ended.
            Some(story) => story.add(finding),
            None => self.open.entry(id).or_default().findings.push(finding.clone()),
        }
    }
}

impl Report for DiagnoseCollector {
    fn start(&mut self, first: Timestamp) {
        if let Some(matcher) = &mut self.matcher {
            matcher.start(first);
        }
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.summary = summary.clone();
        Ok(())
    }
}

/// Stories that are kept whole, those of connections without trouble included.
const KEPT_WHOLE: usize = 1 << 10;

/// Memory of an open connection, in bytes: most histories take less than their own size for the texts and
/// latencies in them.
const OPEN: usize = size_of::<OpenConnection>() + HISTORY;

/// Memory of what a history has in lists, in bytes: a line of a request, a host, some latencies.
const HISTORY: usize = 2 * size_of::<ConnectionHistory>();

/// Memory of a story without its history and findings, in bytes.
const STORY: usize = size_of::<Story>() + size_of::<Connection>() + size_of::<Carrier>();

/// Memory of a story with its history, without its findings, in bytes.
pub(super) const STORY_WITH_HISTORY: usize = STORY + HISTORY;

/// How many stories are kept whole; of further ones only verdicts and findings.
const KEPT_AT_ALL: usize = 1 << 15;
