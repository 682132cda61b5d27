//! A report of which a filter lets only some lines pass.

use std::io;

use super::{Detail, Report, Selection};
use crate::analysis::event::{Connection, ConnectionEvent, ConnectionId, Event, EventKind};
use crate::analysis::{Sink, Totals};
use crate::findings::{Finding, Findings, Reading, Rule};
use crate::stream::Timestamp;
use crate::timeline::filter::{Filter, Matcher};
use crate::websocket::Digest;

/// A report that can leave out lines and still counts everything.
pub trait Selective: Report + Findings {
    /// Tells the filter, before everything else.
    fn filtered(&mut self, filter: &Filter);

    /// Takes an event of which nothing is written.
    fn pass_over(&mut self, event: &Event<'_>);

    /// Takes a finding, and whether it matches for itself.
    fn found(&mut self, finding: &Finding, matching: Matching);

    /// Takes a finding about a connection that has ended, and whether it matches for itself.
    fn found_late(&mut self, finding: &Finding, _connection: &Connection, matching: Matching) {
        self.found(finding, matching);
    }

    /// Takes a number of findings that are not told one by one, and whether their rule matches.
    fn found_more(
        &mut self,
        rule: &'static Rule,
        connection: ConnectionId,
        count: u64,
        matching: Matching,
    );

    /// Tells how much matched, before the report is finished.
    fn matched(&mut self, matched: Matched);
}

/// Whether something is what the filter asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Matching {
    /// It is.
    Yes,
    /// It is not.
    No,
}

impl Matching {
    fn of(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }
}

/// How much of a capture a filter matches.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Matched {
    /// Messages.
    pub messages: u64,
    /// Frames, where they are asked about.
    pub frames: u64,
    /// Handshakes that have ended.
    pub handshakes: u64,
}

/// What a report takes of a capture.
#[derive(Clone, Debug)]
pub struct Intake {
    /// The connections that are asked about at all.
    pub selection: Selection,
    /// Messages only, or frames as well.
    pub detail: Detail,
    /// How many bytes of each content; the filter may be given more.
    pub keep: usize,
    /// Whether a content that is longer gets a digest.
    pub digest: Digest,
}

/// Asks a filter about everything, and gives a report what matches.
#[derive(Debug)]
pub struct Filtered<'r, R> {
    report: &'r mut R,
    matcher: Matcher,
    intake: Intake,
    matched: Matched,
    /// Findings whose event comes next.
    held: Vec<Finding>,
    /// Numbers of findings whose event comes next.
    folded: Vec<(&'static Rule, u64)>,
}

impl<'r, R: Selective> Filtered<'r, R> {
    /// Puts a filter before a report that has seen nothing.
    pub fn new(report: &'r mut R, filter: Filter, intake: Intake) -> Self {
        report.filtered(&filter);
        let matcher = Matcher::new(filter);
        Self {
            report,
            matcher,
            intake,
            matched: Matched::default(),
            held: Vec::new(),
            folded: Vec::new(),
        }
    }

    /// Hands on the findings that came before an event.
    fn hand_on_findings(&mut self, event: &Event<'_>) {
        for finding in std::mem::take(&mut self.held) {
            let matching = Matching::of(self.matcher.chooses(&finding, Some(event)));
            self.report.found(&finding, matching);
        }
        let EventKind::Connection(connection, _) = event.kind else { return };
        for (rule, count) in std::mem::take(&mut self.folded) {
            let matching = Matching::of(self.matcher.chooses_rule(rule, event));
            self.report.found_more(rule, connection.id, count, matching);
        }
    }

    /// Whether an event is handed on.
    fn passes(&mut self, event: &Event<'_>) -> bool {
        let EventKind::Connection(connection, what) = &event.kind else {
            return self.matcher.passes(event);
        };
        if !self.intake.selection.has(connection.id) {
            return false;
        }
        if matches!(what, ConnectionEvent::FrameEnded(..)) && self.intake.detail != Detail::Frames {
            // No line is written of it.
            return true;
        }
        let passes = self.matcher.passes(event);
        if passes {
            self.matched.count(what);
        }
        passes
    }

    /// Hands on an event, with as much of a content as the report takes.
    fn hand_on(&mut self, event: &Event<'_>) {
        let Intake { keep, digest, .. } = self.intake;
        if let EventKind::Connection(connection, ConnectionEvent::Message(direction, message)) =
            event.kind
        {
            let message = message.shortened(keep, digest);
            let what = ConnectionEvent::Message(direction, &message);
            self.report.event(&Event { kind: EventKind::Connection(connection, what), ..*event });
        } else {
            self.report.event(event);
        }
    }
}

impl Matched {
    fn count(&mut self, what: &ConnectionEvent<'_>) {
        let counter = match what {
            ConnectionEvent::Message(..) => &mut self.messages,
            ConnectionEvent::FrameEnded(..) => &mut self.frames,
            ConnectionEvent::HandshakeEnded(_) => &mut self.handshakes,
            ConnectionEvent::Opened
            | ConnectionEvent::UpgradeRequested(_)
            | ConnectionEvent::TunnelOpened(_)
            | ConnectionEvent::TunnelRefused(_)
            | ConnectionEvent::Tls(..)
            | ConnectionEvent::Recognized(_)
            | ConnectionEvent::FrameStarted(..)
            | ConnectionEvent::InvalidUtf8 { .. }
            | ConnectionEvent::NotAFrame(..)
            | ConnectionEvent::HeaderUnfinished(..)
            | ConnectionEvent::Gap(..)
            | ConnectionEvent::SyncLost(..)
            | ConnectionEvent::SyncFound(..)
            | ConnectionEvent::Conflict(..)
            | ConnectionEvent::Limit(_)
            | ConnectionEvent::StateChanged
            | ConnectionEvent::Ended(_) => return,
        };
        *counter = counter.saturating_add(1);
    }
}

impl<R: Selective> Sink for Filtered<'_, R> {
    fn event(&mut self, event: &Event<'_>) {
        self.matcher.observe(event);
        // Before the event is asked about: what matches for itself is enough for its connection.
        self.hand_on_findings(event);
        if self.passes(event) {
            self.hand_on(event);
        } else {
            self.report.pass_over(event);
        }
        self.matcher.forget(event);
    }
}

impl<R: Selective> Findings for Filtered<'_, R> {
    fn late(&mut self, finding: &Finding, connection: &Connection) {
        let kind = EventKind::Connection(connection, ConnectionEvent::StateChanged);
        let event = Event { origin: finding.last, kind };
        let matching = Matching::of(self.matcher.chooses(finding, Some(&event)));
        self.report.found_late(finding, connection, matching);
    }

    fn finding(&mut self, finding: &Finding) {
        if finding.connection.is_some() {
            self.matcher.finding(finding);
            self.held.push(finding.clone());
        } else {
            let matching = Matching::of(self.matcher.chooses(finding, None));
            self.report.found(finding, matching);
        }
    }

    fn folded(&mut self, rule: &'static Rule, _: ConnectionId, count: u64) {
        // The end of the connection comes next.
        self.folded.push((rule, count));
    }
}

impl<R: Selective> Report for Filtered<'_, R> {
    fn start(&mut self, first: Timestamp) {
        self.matcher.start(first);
        self.report.start(first);
    }

    fn check(&mut self) -> io::Result<()> {
        self.report.check()
    }

    fn is_pending(&self) -> bool {
        self.report.is_pending()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.report.flush()
    }

    fn finish(&mut self, totals: &Totals, reading: &Reading<'_>) -> io::Result<()> {
        self.report.matched(self.matched);
        self.report.finish(totals, reading)
    }
}
