//! Events and findings become entries.

use std::sync::Arc;

use foldhash::{HashSet, HashSetExt};

use super::entry::{Entry, EntryId, EntryKind, FoldedFindings, Found, Journal};
use super::event::entry_of;
use super::held::{HeldFinding, HeldFindings, IsLast};
use super::hindsight::Hindsight;
use super::pairs::Pairs;
use super::sessions::{SessionChange, TlsSessions};
use super::summary::{Summary, Tally};
use super::unanswered::{Holding, UnansweredRequest, UnansweredRequests, is_part_of_end};
use crate::analysis::event::{Connection, ConnectionEvent, ConnectionId, Event, EventKind};
use crate::analysis::{PayloadPacket, Sink, Totals};
use crate::findings::{ExcludedCause, Finding, Findings, Reading, Revision, Rule};
use crate::stream::{Direction, Origin, Span};
use crate::websocket::{Frame, Message, Opcode};

/// Assembles entries.
///
/// This is the only place that decides which entry a finding belongs to. A finding precedes its
/// event; one about a frame's header is held back until the message is complete, or until it is clear
/// that the frame is part of none. One about something that was given before is an entry of its own
/// ([`EntryKind::Finding`]).
///
/// Memory grows with open connections. As long as nothing is found, nothing is kept of messages.
#[derive(Debug)]
pub struct Builder {
    /// The number of the next entry.
    next: u64,
    /// How many findings there were.
    found: u64,
    /// Findings about the event that comes next.
    fresh: Vec<Found>,
    /// Rules that were broken more often than findings are given; the end of their connection comes
    /// next.
    folded: Vec<FoldedFindings>,
    /// Findings about messages that are not whole yet.
    held: HeldFindings,
    pairs: Pairs,
    unanswered: UnansweredRequests,
    tally: Tally,
    stage: Stage,
    /// What an earlier pass over the capture learned.
    hindsight: Option<Arc<Hindsight>>,
    /// Numbers of its findings that were given with their entry.
    attached: HashSet<u64>,
    sessions: TlsSessions,
}

/// Whether events are still to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Events,
    Over,
}

/// A builder, and the journal that its entries are given to.
#[derive(Debug)]
pub struct Assembly<'a, J> {
    builder: &'a mut Builder,
    journal: &'a mut J,
    has_taken: bool,
}

impl<J> Assembly<'_, J> {
    /// Whether it has taken any event: otherwise, neither builder nor journal keeps anything new.
    #[inline]
    pub fn has_taken(&self) -> bool {
        self.has_taken
    }
}

impl<J: Journal> Sink for Assembly<'_, J> {
    /// Small enough to become part of the code that makes the event. Nearly all events are those of a
    /// message without findings in one frame: nothing but the entry of the message is made of them.
    #[inline]
    fn event(&mut self, event: &Event<'_>) {
        self.has_taken = true;
        if self.builder.is_plain()
            && let EventKind::Connection(connection, ref what) = event.kind
        {
            match *what {
                ConnectionEvent::FrameStarted(direction, frame) => {
                    return self.journal.frame_started(connection, direction, frame);
                }
                ConnectionEvent::FrameEnded(_, frame)
                    if self.builder.hindsight.is_none() && !self.journal.takes_frame(frame) =>
                {
                    return self.builder.count_frame();
                }
                ConnectionEvent::Message(direction, message)
                    if !matches!(message.opcode, Opcode::Ping | Opcode::Pong) =>
                {
                    let seen = (connection, direction, message);
                    return self.builder.plain_message(event.origin, seen, self.journal);
                }
                _ => {}
            }
        }
        self.builder.event(event, self.journal);
    }

    fn payload_packet(&mut self, packet: PayloadPacket<'_>) {
        self.journal.payload_packet(packet);
    }
}

impl<J: Journal> Findings for Assembly<'_, J> {
    fn finding(&mut self, finding: &Finding) {
        if finding.connection.is_none() || self.builder.stage == Stage::Over {
            return self.found_later(finding);
        }
        let found = self.builder.number(finding);
        self.journal.finding(&found);
        self.builder.fresh.push(found);
    }

    fn found_later(&mut self, finding: &Finding) {
        let found = self.builder.number(finding);
        self.journal.finding(&found);
        let entry = Entry::of_capture(finding.last, EntryKind::Finding);
        self.builder.alone(found, entry, self.journal);
    }

    fn folded(&mut self, rule: &'static Rule, id: ConnectionId, count: u64) {
        self.builder.tally.found(rule.severity, count);
        self.builder.tally.found_on.fold(id, rule, count);
        self.builder.folded.push(FoldedFindings { rule, count });
    }

    fn excluded(&mut self, connection: ConnectionId, excluded: Vec<ExcludedCause>) {
        self.journal.excluded(connection, &excluded);
    }

    fn revised(&mut self, revision: Revision) {
        // What an earlier pass has learned is final.
        if self.builder.hindsight.is_none() {
            self.builder.tally.revised(revision);
            self.journal.revised(revision);
        }
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// Makes a builder that has seen nothing.
    pub fn new() -> Self {
        Self {
            next: 0,
            found: 0,
            fresh: Vec::new(),
            folded: Vec::new(),
            held: HeldFindings::default(),
            pairs: Pairs::new(),
            unanswered: UnansweredRequests::default(),
            tally: Tally::default(),
            stage: Stage::Events,
            hindsight: None,
            attached: HashSet::new(),
            sessions: TlsSessions::default(),
        }
    }

    /// Learns that no event is to come: all findings from now on are entries of their own.
    pub fn end_events(&mut self) {
        self.stage = Stage::Over;
    }

    /// Memory taken by what waits for an entry or partner to come, and by findings that a cause may explain, in
    /// bytes.
    pub fn kept(&self) -> usize {
        let waiting = self.held.memory().saturating_add(self.pairs.memory());
        let found = self.tally.found_on.memory();
        waiting.saturating_add(self.unanswered.memory()).saturating_add(found)
    }

    /// What was counted so far, at the end of the capture.
    pub fn summary(&self, totals: Totals, reading: &Reading<'_>) -> Summary {
        self.tally.summary(totals, reading)
    }

    /// Takes what an earlier pass over the same capture learned, before any event: findings that are
    /// made late come with the entry that they belong to.
    pub fn set_hindsight(&mut self, hindsight: Arc<Hindsight>) {
        self.hindsight = Some(hindsight);
    }

    /// The random of the latest `ClientHello` since this was asked last.
    pub fn take_client_hello(&mut self) -> Option<[u8; 32]> {
        self.sessions.take_latest()
    }

    /// The sessions of TLS that began and ended since this was asked first, or last.
    pub fn take_sessions(&mut self) -> Vec<SessionChange> {
        self.sessions.take_changes()
    }

    /// Receives events, each after the findings about it, and gives entries to a journal.
    pub fn feeding<'a, J: Journal>(&'a mut self, journal: &'a mut J) -> Assembly<'a, J> {
        Assembly { builder: self, journal, has_taken: false }
    }

    /// Takes an event of any kind.
    #[inline(never)]
    fn event(&mut self, event: &Event<'_>, out: &mut impl Journal) {
        let origin = event.origin;
        match event.kind {
            EventKind::Connection(connection, ref what) => {
                self.connection(origin, connection, what, out);
            }
            EventKind::Dns(message) => {
                self.give(Entry::of_capture(origin, EntryKind::Dns(message)), out);
            }
            EventKind::Icmp(error) => {
                self.give(Entry::of_capture(origin, EntryKind::Icmp(error)), out);
            }
            EventKind::Capture(event) => {
                self.tally.capture(event);
                self.give(Entry::of_capture(origin, EntryKind::Capture(event)), out);
            }
        }
    }

    fn connection(
        &mut self,
        origin: Origin,
        connection: &Connection,
        event: &ConnectionEvent<'_>,
        out: &mut impl Journal,
    ) {
        match *event {
            ConnectionEvent::FrameStarted(direction, frame) => {
                out.frame_started(connection, direction, frame);
                if !self.is_plain() {
                    self.frame_started(origin, connection, direction, frame, out);
                }
            }
            ConnectionEvent::FrameEnded(direction, frame) => {
                self.tally.frames = self.tally.frames.saturating_add(1);
                self.frame_ended(origin, connection, direction, frame, out);
            }
            ConnectionEvent::Message(direction, message) => {
                self.tally.messages.add(message.opcode);
                self.message(origin, (connection, direction, message), out);
            }
            _ => self.rare(origin, connection, event, out),
        }
    }

    /// Counts a frame of which no journal wants the entry.
    #[inline]
    fn count_frame(&mut self) {
        self.tally.frames = self.tally.frames.saturating_add(1);
        self.take_id();
    }

    /// Gives the entry of a message without findings and partner.
    #[inline(never)]
    fn plain_message(
        &mut self,
        origin: Origin,
        (connection, direction, message): (&Connection, Direction, &Message<'_>),
        out: &mut impl Journal,
    ) {
        self.tally.messages.add(message.opcode);
        let id = self.take_id();
        let entry = Entry::new(connection, origin, EntryKind::Message(message));
        out.entry(&Entry { id, ..entry.within(direction, message.span) });
    }

    /// Everything else.
    #[inline(never)]
    fn rare(
        &mut self,
        origin: Origin,
        connection: &Connection,
        event: &ConnectionEvent<'_>,
        out: &mut impl Journal,
    ) {
        self.tally.connection(connection, event);
        self.sessions.observe(connection, event);
        if !self.unanswered.is_empty() && !is_part_of_end(event) {
            let unanswered = self.unanswered.take(connection.id);
            self.no_response(unanswered, connection, out);
        }
        let Some(mut entry) = entry_of(origin, connection, event) else {
            if let ConnectionEvent::InvalidUtf8 { direction, span, .. } = *event {
                self.hold(connection.id, direction, span, None);
            }
            return;
        };
        match entry.kind {
            EntryKind::Request(_) => {
                if let Some(span) = entry.span {
                    self.pairs.request(connection, EntryId(self.next), span);
                }
                self.head(entry, out);
            }
            EntryKind::Response(_) | EntryKind::NoResponse(_) => {
                let request = self.pairs.response(connection.id);
                entry.partner = request.map(|request| request.entry);
                let holding =
                    request.map(|request| self.unanswered.hold(&entry, request, &mut self.fresh));
                if holding != Some(Holding::Entry) {
                    self.head(entry, out);
                }
            }
            EntryKind::Tunnel(..) => self.head(entry, out),
            EntryKind::Ended { ending, .. } => {
                let folded = std::mem::take(&mut self.folded);
                let kind = EntryKind::Ended { ending, folded: &folded };
                self.end(Entry { kind, ..entry }, connection, out);
            }
            _ => self.give(entry, out),
        }
    }

    /// Whether there is nothing but the event itself.
    fn is_plain(&self) -> bool {
        self.fresh.is_empty() && self.held.is_empty()
    }

    fn take_id(&mut self) -> EntryId {
        let id = EntryId(self.next);
        self.next = self.next.saturating_add(1);
        id
    }

    fn number(&mut self, finding: &Finding) -> Found {
        let number = self.found;
        self.found = self.found.saturating_add(1);
        let revised = self.hindsight.as_ref().and_then(|hindsight| hindsight.severity(number));
        let severity = revised.unwrap_or(finding.severity);
        if !finding.rule.is_cause() {
            self.tally.found(severity, 1);
        }
        let finding = Finding { severity, ..finding.clone() };
        let consequences = self.tally.found_on.add(number, &finding);
        Found { number, finding, consequences }
    }

    /// Gives an entry with the findings about its event.
    #[inline]
    fn give(&mut self, mut entry: Entry<'_>, out: &mut impl Journal) {
        entry.id = self.take_id();
        if self.fresh.is_empty() {
            return out.entry(&entry);
        }
        self.give_with_findings(entry, out);
    }

    #[inline(never)]
    fn give_with_findings(&mut self, entry: Entry<'_>, out: &mut impl Journal) {
        let fresh = std::mem::take(&mut self.fresh);
        out.entry(&Entry { findings: &fresh, ..entry });
    }

    /// Gives a finding that concerns no entry yet to come.
    fn alone(&mut self, found: Found, entry: Entry<'_>, out: &mut impl Journal) {
        let (id, direction) = (self.take_id(), found.finding.direction);
        out.entry(&Entry { id, direction, findings: &[found], ..entry });
    }

    /// Holds the findings about a frame back, and gives those about continuations of nothing.
    #[inline(never)]
    fn frame_started(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Direction,
        frame: &Frame,
        out: &mut impl Journal,
    ) {
        // The message that a frame ended would have come by now.
        let lonely = |held: &HeldFinding| held.frame == Some(IsLast::Yes);
        self.release(origin, connection, direction, lonely, out);
        let is_last = if frame.header.fin { IsLast::Yes } else { IsLast::No };
        self.hold(connection.id, direction, frame.span, Some(is_last));
    }

    /// Holds the findings about an event back.
    fn hold(&mut self, id: ConnectionId, direction: Direction, at: Span, frame: Option<IsLast>) {
        for found in std::mem::take(&mut self.fresh) {
            if self.held.count(id, direction, &found) < MOST_HELD {
                self.held.hold((id, direction, at.start), frame, found);
            }
        }
    }

    /// Gives held findings that no message will come for, unless the entry of their frame had them.
    fn release(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Direction,
        which: impl Fn(&HeldFinding) -> bool,
        out: &mut impl Journal,
    ) {
        for held in self.held.extract(connection.id, direction, which) {
            if !held.given {
                let entry = Entry::new(connection, origin, EntryKind::Finding);
                self.alone(held.found, entry, out);
            }
        }
    }

    /// Takes a frame that has findings, or that a journal wants.
    #[inline(never)]
    fn frame_ended(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Direction,
        frame: &Frame,
        out: &mut impl Journal,
    ) {
        if self.hindsight.is_some() {
            self.foresee_frame(connection.id, direction, frame);
        }
        let (wants, is_plain) = (out.takes_frame(frame), self.is_plain());
        if !wants && is_plain {
            self.take_id();
            return;
        }
        let kind = EntryKind::Frame(frame);
        let entry = Entry::new(connection, origin, kind).within(direction, frame.span);
        let wants = if wants { FrameInterest::Entry } else { FrameInterest::Nothing };
        self.frame(entry, (connection, direction, frame), wants, out);
    }

    /// Gives the entry of a frame to a journal that wants it.
    fn frame(
        &mut self,
        entry: Entry<'_>,
        (connection, direction, frame): (&Connection, Direction, &Frame),
        wants: FrameInterest,
        out: &mut impl Journal,
    ) {
        if self.is_plain() {
            return self.give(entry, out);
        }
        let mut about = Vec::new();
        let (id, start) = (connection.id, frame.span.start);
        let has_message = Opcode::from_wire(frame.header.opcode).is_some();
        if !has_message {
            let own = self.held.extract(id, direction, |held| held.offset == start);
            about = own.into_iter().map(|held| held.found).collect();
        } else if wants == FrameInterest::Entry {
            about = self.held.copy_to_frame(id, direction, start);
        }
        about.append(&mut self.fresh);
        match wants {
            FrameInterest::Entry => {
                let id = self.take_id();
                out.entry(&Entry { id, findings: &about, ..entry });
            }
            FrameInterest::Nothing => {
                self.take_id();
                for found in about {
                    let entry = Entry::new(connection, entry.origin, EntryKind::Finding);
                    self.alone(found, entry, out);
                }
            }
        }
    }

    /// Gives the entry of a message that has findings or may have a partner.
    #[inline(never)]
    fn message(
        &mut self,
        origin: Origin,
        (connection, direction, message): (&Connection, Direction, &Message<'_>),
        out: &mut impl Journal,
    ) {
        let kind = EntryKind::Message(message);
        let mut entry = Entry::new(connection, origin, kind).within(direction, message.span);
        if let Opcode::Ping | Opcode::Pong = message.opcode {
            let id = EntryId(self.next);
            entry.partner = self.pairs.message(connection.id, id, direction, message);
        }
        if self.held.is_empty() {
            return self.give(entry, out);
        }
        self.message_with_held(entry, (connection, direction, message), out);
    }

    /// The same if something is held back.
    #[inline(never)]
    fn message_with_held(
        &mut self,
        entry: Entry<'_>,
        (connection, direction, message): (&Connection, Direction, &Message<'_>),
        out: &mut impl Journal,
    ) {
        let within = message.span.start..message.span.end;
        let mut own =
            self.held.extract(connection.id, direction, |held| within.contains(&held.offset));
        if matches!(message.opcode, Opcode::Text | Opcode::Binary) {
            // What is left before it was about continuations of nothing.
            let is_before = |held: &HeldFinding| held.offset < message.span.end;
            self.release(entry.origin, connection, direction, is_before, out);
        }
        own.sort_by_key(|held| !held.given);
        let repeated = own.iter().filter(|held| held.given).count();
        let mut about: Vec<Found> = own.into_iter().map(|held| held.found).collect();
        about.append(&mut self.fresh);
        let id = self.take_id();
        out.entry(&Entry { id, findings: &about, repeated, ..entry });
    }

    /// Gives an entry that is where a head is, if there is one.
    fn head(&mut self, entry: Entry<'_>, out: &mut impl Journal) {
        if let (Some(connection), Some(direction), Some(span)) =
            (entry.connection, entry.direction, entry.span)
        {
            let late = self.foresee(connection.id, direction, span);
            self.fresh.extend(late);
        }
        self.give(entry, out);
    }

    /// Gives the held entry of a response that never came.
    fn no_response(
        &mut self,
        unanswered: Option<UnansweredRequest>,
        connection: &Connection,
        out: &mut impl Journal,
    ) {
        let Some(unanswered) = unanswered else { return };
        let id = self.take_id();
        out.entry(&Entry { id, ..unanswered.entry(connection) });
    }

    /// Gives the end of a connection, after the findings about what was given before.
    fn end(&mut self, entry: Entry<'_>, connection: &Connection, out: &mut impl Journal) {
        let id = connection.id;
        self.pairs.end(id);
        let mut unanswered = self.unanswered.take(id);
        if let Some(unanswered) = &mut unanswered {
            unanswered.add(&mut self.fresh);
        }
        self.no_response(unanswered, connection, out);
        if !self.is_plain() {
            let mut about = self.held.end(id);
            for found in std::mem::take(&mut self.fresh) {
                let place = found.finding.direction.zip(found.finding.offset);
                // What the end itself breaks names the end of the stream; everything before has its entry.
                let is_past = place.is_some_and(|(of, offset)| offset != *connection.bytes.get(of));
                if is_past && self.attached.remove(&found.number) {
                    continue;
                }
                if is_past {
                    let entry = Entry::new(connection, entry.origin, EntryKind::Finding);
                    self.alone(found, entry, out);
                } else {
                    about.push(found);
                }
            }
            self.fresh = about;
        }
        self.give(entry, out);
    }

    /// The findings about a part of a stream that will be made later.
    fn foresee(&mut self, id: ConnectionId, direction: Direction, span: Span) -> Vec<Found> {
        let Some(hindsight) = &self.hindsight else { return Vec::new() };
        // What was made already has its entry.
        let is_late = |found: &&Found| found.number >= self.found;
        let late = hindsight.late(id, direction, span).filter(is_late);
        let mut late: Vec<Found> = late.cloned().collect();
        for found in &mut late {
            if let Some(severity) = hindsight.severity(found.number) {
                found.finding.severity = severity;
            }
        }
        self.attached.extend(late.iter().map(|found| found.number));
        late
    }

    /// Holds those about a frame as if they had been made at its header.
    fn foresee_frame(&mut self, id: ConnectionId, direction: Direction, frame: &Frame) {
        let is_last = if frame.header.fin { IsLast::Yes } else { IsLast::No };
        for found in self.foresee(id, direction, frame.span) {
            self.held.hold((id, direction, frame.span.start), Some(is_last), found);
        }
    }
}

/// Whether a journal wants the entry of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum FrameInterest {
    Entry,
    Nothing,
}

/// Findings of one rule that are held back for one message: a filter asks whether there is one, and
/// a row names each rule once. All are given to [`Journal::finding`].
const MOST_HELD: usize = 64;

#[cfg(test)]
mod tests;
