//! Runs the rules: events in, findings out.

use crate::analysis::event::{
    Connection, ConnectionEvent, ConnectionId, Ending, Event, EventKind, Nature,
};
use crate::findings::across::attempts::Attempts;
use crate::findings::across::dns_names::DnsNames;
use crate::findings::across::handshake_keys::HandshakeKeys;
use crate::findings::across::proxied_requests::ProxiedRequests;
use crate::findings::across::server_restarts::ServerRestarts;
use crate::findings::across::tls_ports::TlsPorts;
use crate::findings::engine::context::{
    CaptureContext, FrameSeen, InvalidUtf8, MessageSeen, NotAFrame, RuleContext,
};
use crate::findings::engine::dispatch::{FrameRule, RULES_BY_TRIGGER, TriggeredRule};
use crate::findings::engine::header_class::HeaderClass;
use crate::findings::engine::partial_header;
use crate::findings::engine::rule::Rule;
use crate::findings::engine::violation::{Violation, ViolationPlace, Violations};
use crate::findings::finding::{Finding, Findings, Peers};
use crate::findings::settings::{Reading, Settings};
use crate::findings::state::capture::CaptureMemory;
use crate::findings::state::connection::{ConnectionState, OpenMessage};
use crate::http::Handshake;
use crate::stream::{Direction, Origin, Span};
use crate::tls::Observation;
use crate::websocket::{Frame, Opcode};

/// Asks the rules.
///
/// Does no I/O and reads no clock. Memory grows with open connections.
#[derive(Debug)]
pub struct Checker {
    settings: Settings,
    /// What is kept of each connection that is remembered, by its slot.
    slots: Vec<Option<Box<ConnectionSlot>>>,
    keys: HandshakeKeys,
    tls_ports: TlsPorts,
    proxied_requests: ProxiedRequests,
    capture: CaptureMemory,
    attempts: Attempts,
    names: DnsNames,
    restarts: ServerRestarts,
    violations: Violations,
    /// Rules that connections have broken.
    reported: Vec<&'static str>,
}

/// What is kept of a connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionSlot {
    pub(super) state: ConnectionState,
    /// Findings so far, by rule.
    counts: Vec<(&'static Rule, u64)>,
}

/// Something that rules are asked about.
#[derive(Clone, Copy)]
struct CheckSubject<'a, T> {
    connection: &'a Connection,
    origin: Origin,
    place: ViolationPlace,
    what: T,
}

impl Checker {
    /// Makes a checker that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            slots: Vec::new(),
            keys: HandshakeKeys::default(),
            tls_ports: TlsPorts::default(),
            proxied_requests: ProxiedRequests::default(),
            capture: CaptureMemory::default(),
            attempts: Attempts::default(),
            names: DnsNames::default(),
            restarts: ServerRestarts::default(),
            violations: Violations::default(),
            reported: Vec::new(),
        }
    }

    /// Asks the rules about an event, and remembers it.
    pub fn event(&mut self, event: &Event<'_>, out: &mut impl Findings) {
        match event.kind {
            EventKind::Capture(event) => self.capture.observe(event),
            EventKind::Dns(message) => self.names.observe(message, event.origin),
            EventKind::Icmp(_) => {}
            EventKind::Connection(connection, ref what) => {
                if is_plain_end(what) {
                    return;
                }
                let slot = connection.slot;
                if let ConnectionEvent::Ended(ending) = what {
                    self.ended(connection, *ending);
                }
                if self.slot(slot).is_none() {
                    if !begins_memory(what) {
                        return;
                    }
                    self.remember(slot);
                }
                if let ConnectionEvent::Message(direction, message) = what {
                    self.restarts.message(connection, *direction, message);
                    if let Some(slot) = self.slot(slot) {
                        slot.state.read(*direction, message);
                    }
                }
                self.ask_about(connection, event.origin, what, out);
                if let Some(slot) = self.slot(slot) {
                    slot.state.observe(connection, event.origin, what);
                }
                if let ConnectionEvent::UpgradeRequested(handshake) = what {
                    self.names.wanted(handshake);
                    self.asked_with_key(connection.id, handshake);
                    self.proxied_requests.asked(connection, handshake);
                } else if let ConnectionEvent::HandshakeEnded(handshake) = what {
                    if let Some(key) = handshake.key() {
                        self.keys.answered(key, connection.id);
                    }
                    self.proxied_requests.answered(connection.id, handshake);
                } else if let ConnectionEvent::Tls(_, Observation::ServerHello(..)) = what {
                    self.tls_ports.add(connection.server, connection.id);
                } else if let ConnectionEvent::Ended(_) = what {
                    self.forget(connection, out);
                }
            }
        }
    }

    /// Asks the rules about the capture as a whole, at its end.
    pub fn finish(&mut self, reading: &Reading<'_>, out: &mut impl Findings) {
        let context = CaptureContext {
            state: &self.capture,
            attempts: &self.attempts,
            names: &self.names,
            restarts: &self.restarts,
            reading,
            reported: &self.reported,
        };
        for (rule, check) in &RULES_BY_TRIGGER.capture {
            self.violations.set_place(ViolationPlace::default());
            check(&context, &mut self.violations);
            for violation in self.violations.take() {
                let attempt = violation.connection.and_then(|id| self.attempts.of(id));
                let peers =
                    attempt.map(|it| (it.id, Peers { client: it.client, server: it.server }));
                out.finding(&finding(rule, peers, Origin::default(), violation));
            }
        }
    }

    /// Remembers what a connection was for others.
    fn ended(&mut self, connection: &Connection, ending: Ending) {
        self.names.latest = self.names.latest.max(ending.watched_until);
        if let (Nature::WebSocket | Nature::UpgradeRequested, Some(lookup)) =
            (connection.nature, &connection.lookup)
        {
            self.names.used(&lookup.name);
        }
        let slot = self.slots.get(connection.slot).and_then(Option::as_deref);
        self.attempts.ended(connection, ending, slot.map(|slot| &slot.state));
    }

    fn ask_about(
        &mut self,
        connection: &Connection,
        origin: Origin,
        event: &ConnectionEvent<'_>,
        out: &mut impl Findings,
    ) {
        let at = |direction: Direction, span: Span| ViolationPlace {
            direction: Some(direction),
            span: Some(span),
        };
        let about = CheckEvent { connection, origin };
        match *event {
            ConnectionEvent::FrameStarted(direction, frame) => {
                let about = about.of(FrameSeen { direction, frame }, at(direction, frame.span));
                let shape = HeaderClass::of(&frame.header);
                if !self.is_silent(connection.slot, direction, shape)
                    && self.ask(&RULES_BY_TRIGGER.header, about, out) == CheckAnswer::Silence
                    && let Some(slot) = self.slot(connection.slot)
                {
                    slot.state.sides.get_mut(direction).silent.add(shape);
                }
                for rules in self.rules(connection.slot, direction, frame) {
                    self.ask(rules, about, out);
                }
            }
            ConnectionEvent::Message(direction, message) => {
                let what = MessageSeen { direction, message };
                let about = about.of(what, at(direction, message.span));
                match message.opcode {
                    Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                        if message.frames > 1 {
                            self.ask(&RULES_BY_TRIGGER.fragmented, about, out);
                        }
                        if self.reads(connection.slot, direction) {
                            self.ask(&RULES_BY_TRIGGER.content, about, out);
                        }
                        if message.compressed {
                            self.ask(&RULES_BY_TRIGGER.compressed, about, out);
                        }
                    }
                    Opcode::Close => {
                        self.ask(&RULES_BY_TRIGGER.close, about, out);
                    }
                    Opcode::Ping | Opcode::Pong => {}
                }
            }
            ConnectionEvent::InvalidUtf8 { direction, byte, span } => {
                let what = InvalidUtf8 { direction, byte };
                self.ask(&RULES_BY_TRIGGER.invalid_utf8, about.of(what, at(direction, span)), out);
            }
            ConnectionEvent::NotAFrame(direction, bytes, span) => {
                let what = NotAFrame { bytes };
                self.ask(&RULES_BY_TRIGGER.not_a_frame, about.of(what, at(direction, span)), out);
            }
            ConnectionEvent::UpgradeRequested(handshake) => {
                self.ask(
                    &RULES_BY_TRIGGER.request,
                    about.of(handshake, request_place(handshake)),
                    out,
                );
            }
            ConnectionEvent::HandshakeEnded(handshake) => {
                self.ask(
                    &RULES_BY_TRIGGER.response,
                    about.of(handshake, response_place(handshake)),
                    out,
                );
            }
            ConnectionEvent::Ended(ending) => {
                if ending.relevant {
                    self.ask(
                        &RULES_BY_TRIGGER.end,
                        about.of(ending, ViolationPlace::default()),
                        out,
                    );
                }
            }
            ConnectionEvent::Gap(..)
            | ConnectionEvent::SyncLost(..)
            | ConnectionEvent::SyncFound(..)
            | ConnectionEvent::Conflict(..)
            | ConnectionEvent::Limit(_)
            | ConnectionEvent::Tls(..)
            | ConnectionEvent::Recognized(_)
            | ConnectionEvent::TunnelOpened(_)
            | ConnectionEvent::TunnelRefused(_) => {
                self.ask(
                    &RULES_BY_TRIGGER.incident,
                    about.of(event, ViolationPlace::default()),
                    out,
                );
            }
            ConnectionEvent::HeaderUnfinished(direction, bytes, span) => {
                if let Some(frame) = partial_header::frame(bytes, span, direction) {
                    let what = FrameSeen { direction, frame: &frame };
                    let about = about.of(what, at(direction, span));
                    let more = self.rules(connection.slot, direction, &frame);
                    for rules in std::iter::once(RULES_BY_TRIGGER.header.as_slice()).chain(more) {
                        self.ask_where(rules, about, out, |violation| {
                            violation.bits.is_some_and(|bits| partial_header::is_seen(bits, bytes))
                        });
                    }
                }
            }
            ConnectionEvent::Opened
            | ConnectionEvent::FrameEnded(..)
            | ConnectionEvent::StateChanged => {}
        }
    }

    /// Asks one rule after the other; what one finds, the next can know.
    fn ask<T: Copy>(
        &mut self,
        rules: &[TriggeredRule<T>],
        about: CheckSubject<'_, T>,
        out: &mut impl Findings,
    ) -> CheckAnswer {
        self.ask_where(rules, about, out, |_| true)
    }

    /// Whether messages of a direction are read as their subprotocol.
    fn reads(&self, slot: usize, direction: Direction) -> bool {
        let slot = self.slots.get(slot).and_then(Option::as_deref);
        slot.is_some_and(|slot| slot.state.sides.get(direction).reader.is_some())
    }

    /// What is to be asked about a frame beside its header.
    fn rules(
        &self,
        slot: usize,
        direction: Direction,
        frame: &Frame,
    ) -> impl Iterator<Item = &'static [FrameRule]> + use<> {
        let slot = self.slots.get(slot).and_then(Option::as_deref);
        let side = slot.map(|slot| slot.state.sides.get(direction));
        let is_continuation = frame.header.opcode == 0;
        let is_within = side.is_some_and(|side| side.open != OpenMessage::No);
        let is_fragment = !frame.header.fin || is_continuation || is_within;
        let is_late = side.is_some_and(|side| side.close.is_some());
        [
            Some(RULES_BY_TRIGGER.frame.as_slice()),
            is_fragment.then_some(RULES_BY_TRIGGER.fragment.as_slice()),
            is_late.then_some(RULES_BY_TRIGGER.late.as_slice()),
        ]
        .into_iter()
        .flatten()
    }

    /// Whether the rules about headers had nothing to say of one like this.
    fn is_silent(&self, slot: usize, direction: Direction, shape: HeaderClass) -> bool {
        let slot = self.slots.get(slot).and_then(Option::as_deref);
        slot.is_some_and(|slot| slot.state.sides.get(direction).silent.has(shape))
    }

    /// The same, but only faults that `counts` count.
    fn ask_where<T: Copy>(
        &mut self,
        rules: &[TriggeredRule<T>],
        about: CheckSubject<'_, T>,
        out: &mut impl Findings,
        counts: impl Fn(&Violation) -> bool,
    ) -> CheckAnswer {
        let mut rules = rules.iter();
        let mut answer = CheckAnswer::Silence;
        loop {
            let Some(Some(slot)) = self.slots.get(about.connection.slot) else { return answer };
            let context = RuleContext {
                connection: about.connection,
                state: &slot.state,
                keys: &self.keys,
                tls_ports: &self.tls_ports,
                proxied_requests: &self.proxied_requests,
                attempts: &self.attempts,
                settings: &self.settings,
                subject: about.what,
            };
            self.violations.set_place(about.place);
            let violations = &mut self.violations;
            let found = rules.find(|(_, check)| {
                check(&context, violations);
                !violations.is_empty()
            });
            let Some((rule, _)) = found else { return answer };
            answer = CheckAnswer::Found;
            for violation in self.violations.take().into_iter().filter(&counts) {
                self.report(rule, about.connection, about.origin, violation, out);
            }
        }
    }

    fn report(
        &mut self,
        rule: &'static Rule,
        connection: &Connection,
        origin: Origin,
        violation: Violation,
        out: &mut impl Findings,
    ) {
        let id = connection.id;
        let Some(Some(slot)) = self.slots.get_mut(connection.slot) else { return };
        let span = violation.span.unwrap_or_else(|| Span::at(0, origin));
        slot.state.note(rule, violation.direction, span);
        let known = slot.counts.iter_mut().find(|(known, _)| known.id == rule.id);
        let count = if let Some((_, count)) = known {
            *count = count.saturating_add(1);
            *count
        } else {
            slot.counts.push((rule, 1));
            if !self.reported.contains(&rule.id) {
                self.reported.push(rule.id);
            }
            1
        };
        if count <= self.settings.each {
            let peers = Peers { client: connection.client, server: connection.server };
            out.finding(&finding(rule, Some((id, peers)), origin, violation));
        }
    }

    /// What is kept of a connection; `None` where nothing is.
    pub(super) fn slot(&mut self, slot: usize) -> Option<&mut ConnectionSlot> {
        self.slots.get_mut(slot)?.as_deref_mut()
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

    /// A connection has ended: tells what was only counted, and forgets it.
    fn forget(&mut self, connection: &Connection, out: &mut impl Findings) {
        let Some(slot) = self.slots.get_mut(connection.slot).and_then(Option::take) else { return };
        self.proxied_requests.ended(connection.id);
        let id = connection.id;
        for (rule, count) in slot.counts {
            let more = count.saturating_sub(self.settings.each);
            if more > 0 {
                out.folded(rule, id, more);
            }
        }
    }

    fn asked_with_key(&mut self, id: ConnectionId, handshake: &Handshake) {
        if let Some((key, request)) = handshake.key().zip(handshake.request.as_ref()) {
            self.keys.asked(key, id, request.span.first.packet);
        }
    }
}

/// What rules said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CheckAnswer {
    Silence,
    Found,
}

/// What a question is about, but for the subject.
#[derive(Clone, Copy)]
struct CheckEvent<'a> {
    connection: &'a Connection,
    origin: Origin,
}

impl<'a> CheckEvent<'a> {
    fn of<T>(self, what: T, place: ViolationPlace) -> CheckSubject<'a, T> {
        CheckSubject { connection: self.connection, origin: self.origin, place, what }
    }
}

fn finding(
    rule: &'static Rule,
    connection: Option<(ConnectionId, Peers)>,
    origin: Origin,
    violation: Violation,
) -> Finding {
    let place = violation.span.map_or([origin; 2], |span| [span.first, span.last]);
    let [first, last] = violation.packets.unwrap_or(place);
    Finding {
        rule,
        connection: violation.connection.or_else(|| connection.map(|(id, _)| id)),
        peers: connection.map(|(_, peers)| peers),
        direction: violation.direction,
        side: violation.side,
        first,
        last,
        offset: violation.span.map(|span| span.start),
        bits: violation.bits,
        evidence: violation.evidence,
    }
}

/// Whether an event is the end of a whole frame: the most frequent of all, and nothing follows from it.
fn is_plain_end(event: &ConnectionEvent<'_>) -> bool {
    matches!(event, ConnectionEvent::FrameEnded(_, frame) if frame.is_complete())
}

/// Whether an event is the first that a connection is remembered for. Most connections of a capture
/// are no WebSocket: nothing is kept of them.
fn begins_memory(event: &ConnectionEvent<'_>) -> bool {
    match event {
        ConnectionEvent::Opened | ConnectionEvent::StateChanged | ConnectionEvent::Gap(..) => false,
        ConnectionEvent::Ended(ending) => ending.relevant,
        ConnectionEvent::UpgradeRequested(_)
        | ConnectionEvent::HandshakeEnded(_)
        | ConnectionEvent::TunnelOpened(_)
        | ConnectionEvent::TunnelRefused(_)
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

fn request_place(handshake: &Handshake) -> ViolationPlace {
    ViolationPlace {
        direction: Some(Direction::ClientToServer),
        span: handshake.request.as_ref().map(|head| head.span),
    }
}

fn response_place(handshake: &Handshake) -> ViolationPlace {
    ViolationPlace {
        direction: Some(Direction::ServerToClient),
        span: handshake.response.as_ref().map(|head| head.span),
    }
}
