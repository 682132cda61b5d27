//! Collects findings by connection.

use std::collections::BTreeMap;
use std::io;

use foldhash::{HashMap, HashMapExt};

use super::{Checked, Extent, Suspect};
use crate::analysis::event::{Connection, ConnectionEvent, ConnectionId, Event, EventKind};
use crate::analysis::{Sink, Totals};
use crate::findings::{Finding, Findings, Reading, Rule, RuleName};
use crate::report::tally::{Note, Tally};
use crate::report::{Report, Selection};
use crate::stream::Timestamp;
use crate::timeline::filter::{Filter, Matcher};

/// Which findings count. All others are as if they had not been made.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Only these rules; all when empty.
    pub only: Vec<RuleName>,
    /// None of these.
    pub ignore: Vec<RuleName>,
    /// Which connections. What belongs to none always counts.
    pub selection: Selection,
    /// What findings have to match, one by one; all do where there is none.
    pub filter: Option<Filter>,
}

impl Choice {
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
pub struct Collector {
    choice: Choice,
    matcher: Option<Matcher>,
    tally: Tally,
    totals: Totals,
    notes: Vec<Note>,
    /// What open connections asked for.
    targets: HashMap<ConnectionId, Vec<u8>>,
    suspects: BTreeMap<ConnectionId, Suspect>,
    /// Of the connection whose event comes next.
    fresh: Vec<Finding>,
    /// Likewise.
    folded: Vec<(&'static Rule, u64)>,
    capture: Vec<Finding>,
}

impl Collector {
    /// Makes a collector that has seen nothing.
    pub fn new(choice: Choice) -> Self {
        Self {
            matcher: choice.filter.clone().map(Matcher::new),
            choice,
            tally: Tally::judged(),
            totals: Totals::default(),
            notes: Vec::new(),
            targets: HashMap::new(),
            suspects: BTreeMap::new(),
            fresh: Vec::new(),
            folded: Vec::new(),
            capture: Vec::new(),
        }
    }

    /// Takes out what was found so far on connections, so that it can be written at once.
    pub fn take(&mut self) -> impl Iterator<Item = Suspect> + use<> {
        std::mem::take(&mut self.suspects).into_values()
    }

    /// Ends the collection.
    pub fn into_checked(self, file: String, extent: Extent) -> Checked {
        let mut connections: Vec<Suspect> = self.suspects.into_values().collect();
        for suspect in &mut connections {
            suspect.findings.sort_by_key(|finding| finding.first.packet);
        }
        Checked {
            file,
            extent,
            connections,
            capture: self.capture,
            tally: self.tally,
            totals: self.totals,
            notes: self.notes,
        }
    }

    fn capture_finding(&mut self, finding: &Finding) {
        if self.matcher.as_mut().is_none_or(|matcher| matcher.chooses(finding, None)) {
            self.tally.found(finding.rule, 1);
            self.capture.push(finding.clone());
        }
    }

    fn connection(&mut self, connection: &Connection, event: &ConnectionEvent<'_>) {
        if let ConnectionEvent::UpgradeRequested(handshake) = event
            && let Some(target) = handshake.target()
        {
            self.targets
                .entry(connection.id)
                .or_insert_with(|| target.get(..LONGEST_TARGET).unwrap_or(target).to_vec());
        }
        if !self.fresh.is_empty() || !self.folded.is_empty() {
            for finding in &self.fresh {
                self.tally.found(finding.rule, 1);
            }
            for (rule, count) in &self.folded {
                self.tally.found(rule, *count);
            }
            let target = self.targets.get(&connection.id);
            let suspect = self.suspects.entry(connection.id).or_insert_with(|| Suspect {
                id: connection.id,
                client: connection.client,
                server: connection.server,
                target: target.cloned(),
                findings: Vec::new(),
                folded: Vec::new(),
            });
            suspect.findings.append(&mut self.fresh);
            suspect.folded.append(&mut self.folded);
        }
        if let ConnectionEvent::Ended(_) = event {
            self.targets.remove(&connection.id);
        }
    }
}

impl Collector {
    /// Takes an event that findings were told for.
    fn hand_over(&mut self, event: &Event<'_>) {
        if let Some(matcher) = &mut self.matcher {
            matcher.observe(event);
            self.fresh.retain(|finding| matcher.chooses(finding, Some(event)));
            self.folded.retain(|(rule, _)| matcher.chooses_rule(rule, event));
            matcher.forget(event);
        }
        match event.kind {
            EventKind::Connection(connection, ref what) => self.connection(connection, what),
            EventKind::Capture(_) | EventKind::Dns(_) | EventKind::Icmp(_) => {}
        }
    }
}

impl Sink for Collector {
    fn event(&mut self, event: &Event<'_>) {
        self.tally.observe(event);
        self.hand_over(event);
    }
}

impl Findings for Collector {
    fn finding(&mut self, finding: &Finding) {
        if self.choice.has(finding.rule, finding.connection) {
            match finding.connection {
                // It counts when its event has come.
                Some(_) => self.fresh.push(finding.clone()),
                None => self.capture_finding(finding),
            }
        }
    }

    fn late(&mut self, finding: &Finding, connection: &Connection) {
        self.finding(finding);
        // Any event will do: what is known of the connection, it tells.
        let kind = EventKind::Connection(connection, ConnectionEvent::StateChanged);
        self.hand_over(&Event { origin: finding.last, kind });
    }

    fn folded(&mut self, rule: &'static Rule, connection: ConnectionId, count: u64) {
        if self.choice.has(rule, Some(connection)) {
            self.folded.push((rule, count));
        }
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

/// The longest request target that is kept whole, in bytes.
const LONGEST_TARGET: usize = 1024;
