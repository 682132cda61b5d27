//! Collects the stories of a capture's connections.

use std::io;

use foldhash::{HashMap, HashMapExt};

use super::sketch::Sketch;
use super::story::{Story, Verdict};
use super::unused::Names;
use super::{Diagnosis, Extent};
use crate::analysis::event::{Connection, ConnectionEvent, ConnectionId, Ending, Event, EventKind};
use crate::analysis::{Sink, Totals};
use crate::findings::{Finding, Findings, Reading, Rule};
use crate::report::tally::{Note, Tally};
use crate::report::{Breadth, Report};
use crate::stream::Timestamp;
use crate::timeline::filter::{Filter, Matcher};

/// Which connections have a story.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Whether those count that certainly are no WebSocket.
    pub breadth: Breadth,
    /// What something on a connection has to match; all count where there is none.
    pub filter: Option<Filter>,
}

/// Keeps what happened on connections until everything was read.
///
/// Of an open connection a sketch is kept, some kilobytes at most; of one that has ended well, a line's worth
/// once there are many of them.
#[derive(Debug)]
pub struct Collector {
    breadth: Breadth,
    matcher: Option<Matcher>,
    tally: Tally,
    totals: Totals,
    notes: Vec<Note>,
    /// Connections that go on.
    open: HashMap<ConnectionId, Open>,
    stories: Vec<Story>,
    /// Where the story of a connection stands.
    places: HashMap<ConnectionId, usize>,
    /// What was found about the event that comes next, for the filter.
    fresh: Vec<Finding>,
    /// What was found on none.
    capture: Vec<Finding>,
    names: Names,
}

/// What is kept of a connection that goes on.
#[derive(Debug, Default)]
struct Open {
    sketch: Sketch,
    findings: Vec<Finding>,
}

impl Collector {
    /// Makes a collector that has seen nothing.
    pub fn new(choice: Choice) -> Self {
        Self {
            breadth: choice.breadth,
            matcher: choice.filter.map(Matcher::new),
            tally: Tally::judged(),
            totals: Totals::default(),
            notes: Vec::new(),
            open: HashMap::new(),
            stories: Vec::new(),
            places: HashMap::new(),
            fresh: Vec::new(),
            capture: Vec::new(),
            names: Names::default(),
        }
    }

    /// Ends the collection.
    pub fn into_diagnosis(self, file: String, extent: Extent) -> Diagnosis {
        let mut stories: Vec<Story> =
            self.stories.into_iter().filter(|story| story.chosen).collect();
        stories.sort_by_key(|story| story.connection.id);
        let works = stories.iter().any(|story| match story.verdict {
            Verdict::Dropped | Verdict::Trouble | Verdict::Unseen | Verdict::Fine => true,
            Verdict::Failed | Verdict::Other => false,
        });
        let unused = if works { Vec::new() } else { self.names.unused() };
        Diagnosis {
            file,
            extent,
            stories,
            capture: self.capture,
            tally: self.tally,
            totals: self.totals,
            notes: self.notes,
            unused,
        }
    }

    /// Whether a filter chooses the connection of an event that is its last.
    fn sift(&mut self, event: &Event<'_>) -> bool {
        let Some(matcher) = &mut self.matcher else { return true };
        matcher.observe(event);
        for finding in &self.fresh {
            matcher.finding(finding);
            matcher.chooses(finding, Some(event));
        }
        self.fresh.clear();
        let passes = matcher.passes(event);
        matcher.forget(event);
        passes
    }

    fn ended(&mut self, connection: &Connection, ending: Ending, chosen: bool) {
        let Open { sketch, findings } = self.open.remove(&connection.id).unwrap_or_default();
        let is_shown = ending.relevant || self.breadth == Breadth::All;
        if !is_shown && findings.is_empty() {
            return;
        }
        let mut story = Story::new(connection, ending, sketch, findings);
        story.chosen = chosen;
        if self.stories.len() >= KEPT_WHOLE {
            story.shrink();
        }
        if self.stories.len() >= KEPT_AT_ALL {
            story.sketch = None;
        }
        self.places.insert(connection.id, self.stories.len());
        self.stories.push(story);
    }
}

impl Sink for Collector {
    fn event(&mut self, event: &Event<'_>) {
        self.tally.observe(event);
        let chosen = self.sift(event);
        if let EventKind::Dns(message) = event.kind {
            self.names.observe(message, event.origin);
        }
        let EventKind::Connection(connection, ref what) = event.kind else { return };
        if let ConnectionEvent::Opened = what {
            self.names.connected(connection.server.ip());
            return;
        }
        let open = self.open.entry(connection.id).or_default();
        open.sketch.observe(connection, event.origin, what);
        if let ConnectionEvent::Ended(ending) = *what {
            // By now it is sure which of the two the server is.
            self.names.connected(connection.server.ip());
            self.ended(connection, ending, chosen);
        }
    }
}

impl Findings for Collector {
    fn finding(&mut self, finding: &Finding) {
        self.tally.found(finding.rule, 1);
        let Some(id) = finding.connection else {
            self.capture.push(finding.clone());
            return;
        };
        let Some(place) = self.places.get(&id) else {
            self.open.entry(id).or_default().findings.push(finding.clone());
            if self.matcher.is_some() {
                self.fresh.push(finding.clone());
            }
            return;
        };
        // Told behind the connection's end.
        if let Some(story) = self.stories.get_mut(*place) {
            story.add(finding);
            story.chosen |=
                self.matcher.as_mut().is_none_or(|matcher| matcher.chooses(finding, None));
        }
    }

    fn folded(&mut self, rule: &'static Rule, _: ConnectionId, count: u64) {
        self.tally.found(rule, count);
    }
}

impl Report for Collector {
    fn start(&mut self, first: Timestamp) {
        if let Some(matcher) = &mut self.matcher {
            matcher.start(first);
        }
    }

    fn check(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn is_pending(&self) -> bool {
        false
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, totals: &Totals, reading: &Reading<'_>) -> io::Result<()> {
        self.totals = *totals;
        self.notes = self.tally.notes(reading);
        Ok(())
    }
}

/// Stories that are kept whole, those of connections without trouble included.
const KEPT_WHOLE: usize = 1 << 10;

/// Stories behind which only verdicts and findings are kept.
const KEPT_AT_ALL: usize = 1 << 15;
