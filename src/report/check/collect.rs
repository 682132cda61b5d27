//! Collects findings by connection.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use super::{ConnectionFindings, Extent, FileFindings};
use crate::analysis::event::{Connection, ConnectionId};
use crate::findings::{Finding, Peers, Revision, Rule, RuleName};
use crate::journal::{
    Entry, EntryKind, ExplainedCounts, FoldedFindings, Found, Hindsight, Journal, Severities,
    Summary,
};
use crate::report::{Report, Selection};
use crate::stream::{Direction, Timestamp};
use crate::timeline::filter::{Filter, Matcher};
use crate::websocket::Frame;

/// Which findings count. All others are as if they had not been made.
#[derive(Clone, Debug, Default)]
pub struct CheckChoice {
    /// Only these rules; all when empty.
    pub only: Vec<RuleName>,
    /// None of these.
    pub ignore: Vec<RuleName>,
    /// Which connections. What belongs to none always counts.
    pub selection: Selection,
    /// What findings have to match, one by one; all do if there is none.
    pub filter: Option<Filter>,
}

impl CheckChoice {
    fn has(&self, rule: &Rule, connection: Option<ConnectionId>) -> bool {
        let named = |names: &[RuleName]| names.iter().any(|name| name.covers(rule));
        (self.only.is_empty() || named(&self.only))
            && !named(&self.ignore)
            && connection.is_none_or(|id| self.selection.has(id))
    }
}

/// Keeps what was found until everything was read.
///
/// Memory grows with the connections that have findings; of each, as many of a rule are kept as the
/// checker gives one by one.
#[derive(Debug)]
pub struct CheckCollector {
    choice: CheckChoice,
    matcher: Option<Matcher>,
    found: Severities,
    summary: Summary,
    /// What open connections asked for.
    targets: HashMap<ConnectionId, Vec<u8>>,
    suspects: BTreeMap<ConnectionId, CollectedFindings>,
    capture: Vec<Finding>,
    /// How much of what was taken out follows from causes.
    counts: ExplainedCounts,
    written: WrittenFindings,
    /// Memory taken by findings and targets, in bytes.
    kept: usize,
}

/// What was found on a connection so far.
#[derive(Debug)]
struct CollectedFindings {
    of_connection: ConnectionFindings,
    /// The number of each finding, in the order in which they were made.
    numbers: Vec<u64>,
}

impl CheckCollector {
    /// Makes a collector that has seen nothing.
    pub fn new(choice: CheckChoice) -> Self {
        Self {
            matcher: choice.filter.clone().map(Matcher::new),
            choice,
            found: Severities::default(),
            summary: Summary::default(),
            targets: HashMap::new(),
            suspects: BTreeMap::new(),
            capture: Vec::new(),
            counts: ExplainedCounts::default(),
            written: WrittenFindings::default(),
            kept: 0,
        }
    }

    /// Takes what an earlier pass over the same capture learned, for the filter.
    #[must_use]
    pub fn with_hindsight(mut self, hindsight: Option<Arc<Hindsight>>) -> Self {
        self.matcher = self.matcher.map(|matcher| matcher.with_hindsight(hindsight));
        self
    }

    /// Takes out what was found so far on connections, so that it can be written at once.
    pub fn take(&mut self) -> impl Iterator<Item = ConnectionFindings> + use<> {
        let taken = std::mem::take(&mut self.suspects);
        let findings = taken.values().flat_map(|suspect| &suspect.of_connection.findings);
        let memory = findings.map(Finding::memory).fold(0, usize::saturating_add);
        self.kept = self.kept.saturating_sub(memory);
        let taken: Vec<ConnectionFindings> = taken
            .into_values()
            .map(|it| {
                let mut of = it.of_connection;
                of.written = self.written.before(of.id);
                self.written.remember(&of);
                self.counts.add(&of.findings, &of.written, &of.folded);
                of
            })
            .collect();
        taken.into_iter()
    }

    /// Ends the collection.
    pub fn into_checked(mut self, file: String, extent: Extent) -> FileFindings {
        let mut connections = Vec::new();
        for it in std::mem::take(&mut self.suspects).into_values() {
            let mut of = it.of_connection;
            of.written = self.written.before(of.id);
            of.findings.sort_by_key(|finding| finding.first.packet);
            self.counts.add(&of.findings, &of.written, &of.folded);
            connections.push(of);
        }
        let summary = Summary { found: Some(self.found), explained: self.counts, ..self.summary };
        FileFindings { file, extent, connections, capture: self.capture, summary }
    }

    fn keep(&mut self, found: &Found) {
        let finding = &found.finding;
        if !self.choice.has(finding.rule, finding.connection) {
            return;
        }
        if !finding.rule.is_cause() {
            self.found.add(finding.severity, 1);
        }
        self.kept = self.kept.saturating_add(finding.memory());
        match (finding.connection, finding.peers) {
            (Some(id), Some(Peers { client, server })) => {
                let suspect = self.suspect(id, [client, server]);
                suspect.of_connection.findings.push(finding.clone());
                suspect.numbers.push(found.number);
            }
            _ => self.capture.push(finding.clone()),
        }
    }

    fn fold(&mut self, connection: &Connection, folded: FoldedFindings) {
        if self.choice.has(folded.rule, Some(connection.id)) {
            self.found.add(folded.rule.severity, folded.count);
            let peers = [connection.client, connection.server];
            self.suspect(connection.id, peers)
                .of_connection
                .folded
                .push((folded.rule, folded.count));
        }
    }

    fn suspect(
        &mut self,
        id: ConnectionId,
        [client, server]: [SocketAddr; 2],
    ) -> &mut CollectedFindings {
        let target = self.targets.get(&id);
        self.suspects.entry(id).or_insert_with(|| CollectedFindings {
            of_connection: ConnectionFindings {
                id,
                client,
                server,
                target: target.cloned(),
                findings: Vec::new(),
                written: Vec::new(),
                folded: Vec::new(),
            },
            numbers: Vec::new(),
        })
    }

    /// Keeps the findings of an entry that a filter chooses.
    fn choose(&mut self, entry: &Entry<'_>) {
        let Some(matcher) = &mut self.matcher else { return };
        matcher.observe(entry);
        let wanted = |found: &&Found| matcher.chooses(&found.finding, entry);
        let chosen: Vec<&Found> = entry.findings.iter().filter(wanted).collect();
        for found in chosen {
            self.keep(found);
        }
    }
}

impl Journal for CheckCollector {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.choose(entry);
        let Some(connection) = entry.connection else { return };
        match entry.kind {
            EntryKind::Request(handshake) => {
                if let Some(target) = handshake.target() {
                    let cut = target.get(..LONGEST_TARGET).unwrap_or(target);
                    let target = self.targets.entry(connection.id).or_insert_with(|| {
                        self.kept = self.kept.saturating_add(cut.len());
                        cut.to_vec()
                    });
                    // What was found about the request itself came before.
                    if let Some(suspect) = self.suspects.get_mut(&connection.id) {
                        suspect.of_connection.target.get_or_insert_with(|| target.clone());
                    }
                }
            }
            EntryKind::Ended { folded, .. } => {
                for folded in folded {
                    let chooses = |it: &mut Matcher| it.chooses_rule(folded.rule, entry);
                    if self.matcher.as_mut().is_none_or(chooses) {
                        self.fold(connection, *folded);
                    }
                }
                if let Some(target) = self.targets.remove(&connection.id) {
                    self.kept = self.kept.saturating_sub(target.len());
                }
            }
            _ => {}
        }
        if let Some(matcher) = &mut self.matcher {
            matcher.forget(entry);
        }
    }

    fn kept(&self) -> usize {
        let matcher = self.matcher.as_ref().map_or(0, Matcher::kept);
        self.kept.saturating_add(matcher).saturating_add(self.written.memory())
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        if let Some(matcher) = &mut self.matcher {
            matcher.frame_started(connection, direction, frame);
        }
    }

    /// What was written already remains as it seemed.
    fn revised(&mut self, revision: Revision) {
        for CollectedFindings { of_connection, numbers } in self.suspects.values_mut() {
            let Some(place) = numbers.iter().position(|it| *it == revision.number) else {
                continue;
            };
            if let Some(finding) = of_connection.findings.get_mut(place) {
                if revision.withdrawn.is_some() {
                    finding.withdraw();
                }
                finding.severity = revision.after;
                if !revision.is_cause {
                    self.found.move_one(revision.before, revision.after);
                }
            }
            return;
        }
    }

    /// Without a filter, nothing has to be known of the entry.
    fn finding(&mut self, found: &Found) {
        if self.matcher.is_none() {
            self.keep(found);
        }
    }
}

impl Report for CheckCollector {
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

/// What was taken out on connections, without its evidence: a cause that is found later may explain it.
#[derive(Debug, Default)]
struct WrittenFindings {
    of: BTreeMap<ConnectionId, Vec<Finding>>,
}

impl WrittenFindings {
    /// What was taken out on a connection.
    fn before(&self, id: ConnectionId) -> Vec<Finding> {
        self.of.get(&id).cloned().unwrap_or_default()
    }

    fn remember(&mut self, of: &ConnectionFindings) {
        self.of.entry(of.id).or_default().extend(of.findings.iter().map(Finding::without_words));
        if self.of.len() > MOST_WRITTEN {
            self.of.pop_first();
        }
    }

    /// Memory taken, in bytes.
    fn memory(&self) -> usize {
        let findings: usize = self.of.values().map(Vec::len).sum();
        findings.saturating_mul(size_of::<Finding>())
    }
}

/// Connections of which is remembered what was taken out; that with the lowest number is forgotten first.
const MOST_WRITTEN: usize = 1024;

/// The longest request target that is kept whole, in bytes.
const LONGEST_TARGET: usize = 1024;
