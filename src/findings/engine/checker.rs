//! Runs the rules: events in, findings out.
//!
//! For each event, the rules that see its connection only are asked first, then those that compare it with
//! others.

use std::net::SocketAddr;

use crate::analysis::event::{
    Connection, ConnectionEvent, ConnectionId, Ending, Event, EventKind, Outcome,
};
use crate::findings::across::Across;
use crate::findings::across::ended_websockets::ServerLife;
use crate::findings::across::related::{Knowledge, RelatedConnections};
use crate::findings::decoded_again::DecodedAgainBudget;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::causes::{self, is_refused};
use crate::findings::engine::connection::{
    Breach, Breaches, ConnectionChecker, request_place, response_place,
};
use crate::findings::engine::context::{CaptureContext, CauseSeen, ComparisonContext, EndSeen};
use crate::findings::engine::dispatch::{RULES_BY_TRIGGER, TriggeredRule};
use crate::findings::engine::found::{finding, peers};
use crate::findings::engine::groups::{EarlyReports, Grouping};
use crate::findings::engine::revisions::{FindingConnection, RevisableFindings};
use crate::findings::engine::rule::Rule;
use crate::findings::engine::severity::Severity;
use crate::findings::engine::violation::{Violation, ViolationPlace, Violations};
use crate::findings::finding::{Findings, Peers};
use crate::findings::named::NamedConnections;
use crate::findings::settings::{GroupReports, Reading, Settings};
use crate::findings::state::attempt_outcome::AttemptOutcome;
use crate::findings::state::capture::CaptureMemory;
use crate::findings::state::past_findings::{MOST_PAST_FINDINGS, PastFinding};
use crate::findings::state::stream_window::{StreamWindow, WindowBudget};
use crate::stream::{Chunk, Direction, Origin, PerDirection, Timestamp};
use crate::websocket::Opcode;

/// Asks the rules.
///
/// Does no I/O and reads no clock. Memory grows with open connections.
#[derive(Debug)]
pub struct Checker {
    settings: Settings,
    /// What is kept of each connection that is remembered, by its slot.
    slots: Vec<Option<Box<ConnectionSlot>>>,
    across: Across,
    capture: CaptureMemory,
    found: Breaches,
    /// Memory taken by heads that are kept, in bytes.
    heads: usize,
    windows: WindowBudget,
    decoded_again: DecodedAgainBudget,
    revisable: RevisableFindings,
    early: EarlyReports,
}

/// What is kept of a connection.
#[derive(Debug, Default)]
struct ConnectionSlot {
    checker: ConnectionChecker,
    /// The latest bytes of each direction, or those around what is wrong with it.
    windows: PerDirection<StreamWindow>,
    /// Findings so far, by rule.
    counts: Vec<(&'static Rule, u64)>,
    /// The first of them, for causes.
    past: Vec<PastFinding>,
    /// Its number, server and first packet, if it is compared with others before the end of the capture.
    about: Option<(ConnectionId, SocketAddr, Origin)>,
}

impl Checker {
    /// Makes a checker that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            slots: Vec::new(),
            across: Across::default(),
            capture: CaptureMemory::default(),
            found: Breaches::default(),
            heads: 0,
            windows: WindowBudget::new(settings.limits.memory / WINDOWS),
            decoded_again: DecodedAgainBudget::new(settings.limits.memory / WINDOWS),
            revisable: RevisableFindings::default(),
            early: EarlyReports::default(),
        }
    }

    /// Takes connections that the user named: they matter whatever they carry.
    #[must_use]
    pub fn with_named(mut self, named: NamedConnections) -> Self {
        self.across.related.name(named);
        self
    }

    /// Memory taken by heads and bytes of streams that the rules keep, in bytes.
    pub fn kept(&self) -> usize {
        self.heads.saturating_add(self.windows.kept())
    }

    /// Takes bytes of a direction that are about to be read as frames.
    pub fn stream_bytes(
        &mut self,
        connection: &Connection,
        direction: Direction,
        chunk: Chunk<'_>,
    ) {
        if let Some(Some(slot)) = self.slots.get_mut(connection.slot) {
            slot.windows.get_mut(direction).push(chunk, &mut self.windows);
        }
    }

    /// Which connections have to do with WebSocket, as far as is known.
    pub fn related(&self) -> &RelatedConnections {
        &self.across.related
    }

    /// Asks the rules about an event, and remembers it.
    pub fn event(&mut self, event: &Event<'_>, out: &mut impl Findings) {
        match event.kind {
            EventKind::Capture(event) => self.capture.observe(event),
            EventKind::Dns(message) => self.across.names.observe(message, event.origin),
            EventKind::Icmp(_) => {}
            EventKind::Connection(connection, ref what) => {
                if !is_plain_end(what) {
                    self.connection_event(connection, event.origin, what, out);
                }
            }
        }
    }

    fn connection_event(
        &mut self,
        connection: &Connection,
        origin: Origin,
        event: &ConnectionEvent<'_>,
        out: &mut impl Findings,
    ) {
        if is_frequent(event)
            && let Some(Some(slot)) = self.slots.get_mut(connection.slot)
        {
            slot.observe_bytes(event, &mut self.windows);
            let checker = &mut slot.checker;
            if let ConnectionEvent::Message(direction, message) = event {
                checker.state.read(*direction, message);
            }
            checker.check(connection, origin, event, &self.settings, &mut self.found);
            if self.found.list.is_empty() {
                checker.state.observe(connection, origin, event);
                return;
            }
            self.report(connection, origin, out);
            self.observe(connection, origin, event);
            return;
        }
        self.rare_event(connection, origin, event, out);
    }

    #[inline(never)]
    fn rare_event(
        &mut self,
        connection: &Connection,
        origin: Origin,
        event: &ConnectionEvent<'_>,
        out: &mut impl Findings,
    ) {
        if self.across.related.observe(connection, event) == Knowledge::Changed {
            let report = &mut |revision| out.revised(revision);
            self.revisable.revise(&self.across.related, report);
        }
        if let ConnectionEvent::Ended(ending) = event {
            let slot = self.slots.get(connection.slot).and_then(Option::as_deref);
            let outcome =
                AttemptOutcome::of(connection, *ending, slot.map(|slot| &slot.checker.state));
            self.across.ending(connection, *ending, outcome);
        }
        if self.slots.get(connection.slot).is_none_or(Option::is_none) {
            if !begins_memory(event) {
                return;
            }
            self.remember(connection.slot);
        }
        let Some(Some(slot)) = self.slots.get_mut(connection.slot) else { return };
        slot.observe_bytes(event, &mut self.windows);
        let checker = &mut slot.checker;
        if let ConnectionEvent::Message(direction, message) = event {
            checker.state.read(*direction, message);
        }
        checker.check(connection, origin, event, &self.settings, &mut self.found);
        let own = self.found.list.len();
        compare(connection, event, slot, &self.across, &self.settings, &mut self.found);
        if self.found.list.len() > own {
            self.found.list.sort_by_key(|breach| breach.by.position);
        }
        self.report(connection, origin, out);
        if let ConnectionEvent::Ended(ending) = event {
            self.find_cause(connection, *ending, origin, out);
        }
        self.observe(connection, origin, event);
        self.across.observe(connection, event);
        if self.settings.groups == GroupReports::Early {
            self.grouping().follow(connection, event, out);
            if let Some(Some(slot)) = self.slots.get_mut(connection.slot) {
                slot.about = Some((connection.id, connection.server, connection.first));
            }
        }
        if let ConnectionEvent::Ended(_) = event {
            self.forget(connection, out);
        }
    }

    /// Tests all causes on a connection that has ended, and reports the one that explains most.
    fn find_cause(
        &mut self,
        connection: &Connection,
        ending: Ending,
        origin: Origin,
        out: &mut impl Findings,
    ) {
        let Some(Some(slot)) = self.slots.get(connection.slot) else { return };
        let state = &slot.checker.state;
        let subject = CauseSeen { ending, state, past: &slot.past, windows: &slot.windows };
        let (across, settings) = (&self.across, &self.settings);
        let context = ComparisonContext { connection, across, settings, subject };
        let tested = causes::test(&context, &mut self.found);
        let is_explained =
            tested.rank.is_some_and(|rank| rank < Cause::OF_SEVERAL) || is_refused(&context);
        self.across.ended.add(connection, ending, &slot.checker.state, is_explained);
        self.report(connection, origin, out);
        if !tested.excluded.is_empty() {
            out.excluded(connection.id, tested.excluded);
        }
        if self.settings.groups == GroupReports::Early {
            let (server, now) = (connection.server, origin.time);
            let Self { slots, across, revisable, early, found, settings, .. } = self;
            let violations = &mut found.violations;
            Grouping { across, revisable, early, violations, when: settings.groups }.ended(
                connection,
                || life_of_open(slots, server, now),
                out,
            );
        }
    }

    /// Tests the causes that bytes show by themselves on a connection of which nothing else is known, and reports
    /// the one that explains most.
    pub(super) fn find_cause_of_stream(
        &mut self,
        connection: &Connection,
        out: &mut impl Findings,
    ) {
        let Some(Some(slot)) = self.slots.get(connection.slot) else { return };
        let ending = Ending {
            outcome: Outcome::Aborted,
            relevant: true,
            unseen: Some(Direction::ClientToServer),
            watched_until: Timestamp::default(),
        };
        let state = &slot.checker.state;
        let subject = CauseSeen { ending, state, past: &slot.past, windows: &slot.windows };
        let (across, settings) = (&self.across, &self.settings);
        let context = ComparisonContext { connection, across, settings, subject };
        causes::test_of_streams(&context, &mut self.found);
        self.report(connection, Origin::default(), out);
    }

    /// Gives the findings about an event, or counts them if their rule has been broken often.
    fn report(&mut self, connection: &Connection, origin: Origin, out: &mut impl Findings) {
        let Some(Some(slot)) = self.slots.get_mut(connection.slot) else { return };
        let mut of_connection = None;
        for Breach { by, mut violation } in self.found.list.drain(..) {
            let rule = by.rule;
            self.across.note(connection.id, rule.broken(), violation.direction);
            slot.derail(rule, &violation);
            if slot.count(rule) <= self.settings.each {
                slot.remember(rule, &violation);
                let peers = Peers { client: connection.client, server: connection.server };
                let full = violation.severity.unwrap_or(rule.severity);
                if rule.is_about_any_connection() && of_connection.is_none() {
                    of_connection = Some(FindingConnection::of(connection));
                }
                let related = &self.across.related;
                let severity = self.revisable.judge(rule, full, of_connection.as_ref(), related);
                let about = Some((connection.id, peers));
                self.decoded_again.fit(&mut violation.decoded_again);
                out.finding(&finding((rule, severity), about, origin, violation));
            }
        }
    }

    /// Remembers an event of a connection, after the rules were asked about it.
    fn observe(&mut self, connection: &Connection, origin: Origin, event: &ConnectionEvent<'_>) {
        if let Some(Some(slot)) = self.slots.get_mut(connection.slot) {
            let state = &mut slot.checker.state;
            let before = state.handshake.memory();
            state.observe(connection, origin, event);
            self.heads = self.heads.saturating_sub(before).saturating_add(state.handshake.memory());
        }
    }

    /// Whether something that several connections show has become clear by now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.early.is_due(now)
    }

    /// Reports what several connections show and has become clear by now.
    pub fn report_due(&mut self, now: Timestamp, out: &mut impl Findings) {
        self.grouping().report_due(now, out);
    }

    /// Learns that no packet is to come: the connections that are left end now.
    pub fn end_packets(&mut self) {
        self.early.end();
    }

    fn grouping(&mut self) -> Grouping<'_> {
        let Self { across, revisable, early, found, settings, .. } = self;
        let violations = &mut found.violations;
        Grouping { across, revisable, early, violations, when: settings.groups }
    }

    /// Asks the rules about the capture as a whole, at its end.
    pub fn finish(&mut self, reading: &Reading<'_>, out: &mut impl Findings) {
        self.across.finish();
        let context = CaptureContext { state: &self.capture, across: &self.across, reading };
        for (TriggeredRule { rule, .. }, check) in &RULES_BY_TRIGGER.capture {
            self.found.violations.set_place(ViolationPlace::default());
            check(&context, &mut self.found.violations);
            for violation in self.found.violations.take() {
                let attempt = violation.connection.and_then(|id| self.across.attempts.of(id));
                let peers =
                    violation.connection.and_then(|id| Some((id, peers(&self.across, id)?)));
                let of_connection = attempt.map(FindingConnection::of_attempt);
                let full = violation.severity.unwrap_or(rule.severity);
                let related = &self.across.related;
                let severity = self.revisable.judge(rule, full, of_connection.as_ref(), related);
                out.finding(&finding((rule, severity), peers, Origin::default(), violation));
            }
        }
        self.grouping().finish(out);
    }

    /// The rules of one connection; `None` if nothing is kept of it.
    pub(super) fn of_connection(&mut self, slot: usize) -> Option<&mut ConnectionChecker> {
        Some(&mut self.slots.get_mut(slot)?.as_deref_mut()?.checker)
    }

    /// Begins to remember a connection, if it is not yet.
    pub(super) fn remember(&mut self, slot: usize) {
        if self.slots.len() <= slot {
            self.slots.resize_with(slot.saturating_add(1), || None);
        }
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.get_or_insert_default();
        }
    }

    /// A connection has ended: reports what was only counted, and forgets it.
    fn forget(&mut self, connection: &Connection, out: &mut impl Findings) {
        let Some(mut slot) = self.slots.get_mut(connection.slot).and_then(Option::take) else {
            return;
        };
        slot.windows.client.free(&mut self.windows);
        slot.windows.server.free(&mut self.windows);
        self.heads = self.heads.saturating_sub(slot.checker.state.handshake.memory());
        for (rule, count) in slot.counts {
            let more = count.saturating_sub(self.settings.each);
            if more > 0 {
                out.folded(rule, connection.id, more);
            }
        }
    }
}

impl ConnectionSlot {
    /// Learns from an event what the bytes around it are.
    #[inline]
    fn observe_bytes(&mut self, event: &ConnectionEvent<'_>, budget: &mut WindowBudget) {
        match event {
            ConnectionEvent::FrameStarted(direction, frame) => {
                self.windows.get_mut(*direction).frame(frame);
            }
            ConnectionEvent::Message(direction, message) => {
                let window = self.windows.get_mut(*direction);
                if window.wants_history()
                    && let Some(history) = message.history
                {
                    window.keep_history(history, budget);
                }
            }
            ConnectionEvent::Gap(direction, _) | ConnectionEvent::SyncLost(direction, _) => {
                self.windows.get_mut(*direction).gap();
            }
            ConnectionEvent::FrameEnded(direction, _)
            | ConnectionEvent::HeaderUnfinished(direction, ..) => {
                self.windows.get_mut(*direction).end_unfinished();
            }
            _ => {}
        }
    }

    /// Keeps the bytes around a violation, if it may show that what was sent are not the frames that its
    /// sender meant.
    fn derail(&mut self, rule: &Rule, violation: &Violation) {
        let is_about_frames = DERAILING.iter().any(|group| rule.id.starts_with(group));
        if is_about_frames
            && rule.severity == Severity::Error
            && let (Some(direction), Some(span)) = (violation.direction, violation.span)
        {
            self.windows.get_mut(direction).derail(span.start);
        }
    }

    /// Remembers a finding for causes.
    fn remember(&mut self, rule: &'static Rule, violation: &Violation) {
        if self.past.len() < MOST_PAST_FINDINGS {
            self.past.push(PastFinding {
                rule: rule.broken(),
                severity: violation.severity.unwrap_or(rule.severity),
                direction: violation.direction,
                side: violation.side,
                span: violation.span,
            });
        }
    }

    /// Counts one more finding of a rule, and returns how many there are.
    fn count(&mut self, rule: &'static Rule) -> u64 {
        if let Some((_, count)) = self.counts.iter_mut().find(|(known, _)| known.id == rule.id) {
            *count = count.saturating_add(1);
            *count
        } else {
            self.counts.push((rule, 1));
            1
        }
    }
}

/// What is known of the connections to a server that are open.
fn life_of_open(
    slots: &[Option<Box<ConnectionSlot>>],
    server: SocketAddr,
    now: Timestamp,
) -> ServerLife {
    let mut life = ServerLife::default();
    for slot in slots.iter().flatten() {
        let state = &slot.checker.state;
        let is_websocket = state.handshake.accepted.is_some() || state.health.heard.is_some();
        if let Some((id, of, first)) = slot.about
            && of == server
            && is_websocket
        {
            life = life.joined(ServerLife::of_one(id, first, state, now));
        }
    }
    life
}

/// The groups of rules that are about frames and what is in them.
const DERAILING: &[&str] = &["WS-F", "WS-M", "PMD"];

/// The part of the memory for all that is kept which bytes around violations may take, and so many those that
/// were decoded again: a 16th.
const WINDOWS: usize = 16;

/// Asks the rules that compare a connection with others.
fn compare(
    connection: &Connection,
    event: &ConnectionEvent<'_>,
    slot: &ConnectionSlot,
    across: &Across,
    settings: &Settings,
    found: &mut Breaches,
) {
    let rules = &*RULES_BY_TRIGGER;
    match *event {
        ConnectionEvent::UpgradeRequested(subject) => {
            let context = ComparisonContext { connection, across, settings, subject };
            run(&rules.compare_request, &context, request_place(subject), found);
        }
        ConnectionEvent::HandshakeEnded(subject) => {
            let context = ComparisonContext { connection, across, settings, subject };
            run(&rules.compare_response, &context, response_place(subject), found);
        }
        ConnectionEvent::Ended(ending) if ending.relevant => {
            let subject = EndSeen { ending, state: &slot.checker.state };
            let context = ComparisonContext { connection, across, settings, subject };
            run(&rules.compare_end, &context, ViolationPlace::default(), found);
        }
        _ => {}
    }
}

/// The checks of a trigger.
type Comparisons<'a, T> = &'a [(TriggeredRule, fn(&ComparisonContext<'_, T>, &mut Violations))];

/// Runs all checks of a trigger.
fn run<T>(
    checks: Comparisons<'_, T>,
    context: &ComparisonContext<'_, T>,
    place: ViolationPlace,
    found: &mut Breaches,
) {
    found.violations.set_place(place);
    for (by, check) in checks {
        check(context, &mut found.violations);
        if !found.violations.is_empty() {
            let violations = found.violations.take();
            found
                .list
                .extend(violations.into_iter().map(|violation| Breach { by: *by, violation }));
        }
    }
}

/// Whether an event is one of those that most of a capture consists of; rules that compare connections
/// are not asked about it, and nothing about it is remembered for them.
fn is_frequent(event: &ConnectionEvent<'_>) -> bool {
    match event {
        ConnectionEvent::FrameStarted(..) => true,
        ConnectionEvent::Message(_, message) => message.opcode != Opcode::Close,
        _ => false,
    }
}

/// Whether an event is the end of a whole frame: the most frequent of all, and nothing follows from it.
fn is_plain_end(event: &ConnectionEvent<'_>) -> bool {
    matches!(event, ConnectionEvent::FrameEnded(_, frame) if frame.is_complete())
}

/// Whether an event is the first that a connection is remembered for. Most connections of a capture
/// are not WebSocket: nothing is kept of them.
fn begins_memory(event: &ConnectionEvent<'_>) -> bool {
    match event {
        ConnectionEvent::Opened | ConnectionEvent::StateChanged | ConnectionEvent::Gap(..) => false,
        ConnectionEvent::Ended(ending) => ending.relevant,
        ConnectionEvent::UpgradeRequested(_)
        | ConnectionEvent::HandshakeEnded(_)
        | ConnectionEvent::TunnelOpened(_)
        | ConnectionEvent::TunnelRefused(_)
        | ConnectionEvent::ProxyHeader(..)
        | ConnectionEvent::Socks(..)
        | ConnectionEvent::StrayBytes(_)
        | ConnectionEvent::Tls(..)
        | ConnectionEvent::Recognized(_)
        | ConnectionEvent::FrameStarted(..)
        | ConnectionEvent::FrameEnded(..)
        | ConnectionEvent::InvalidUtf8 { .. }
        | ConnectionEvent::Message(..)
        | ConnectionEvent::NotAFrame(..)
        | ConnectionEvent::HeaderUnfinished(..)
        | ConnectionEvent::SyncLost(..)
        | ConnectionEvent::SyncFound(..)
        | ConnectionEvent::Conflict(..)
        | ConnectionEvent::Limit(_) => true,
    }
}
