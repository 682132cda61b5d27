//! Runs the rules that see one connection only.

use crate::analysis::event::{Connection, ConnectionEvent};
use crate::findings::engine::context::{
    FrameSeen, InvalidUtf8, MessageSeen, NotAFrame, RuleContext,
};
use crate::findings::engine::dispatch::{RULES_BY_TRIGGER, TriggeredRule};
use crate::findings::engine::header_class::HeaderClass;
use crate::findings::engine::partial_header;
use crate::findings::engine::violation::{Violation, ViolationPlace, Violations};
use crate::findings::settings::Settings;
use crate::findings::state::connection::{ConnectionState, OpenMessage};
use crate::http::Handshake;
use crate::stream::{Direction, Origin, Span};
use crate::websocket::{Frame, Opcode};

/// The rules of one connection, with what they remember of it. Knows nothing of other connections.
#[derive(Debug, Default)]
pub(crate) struct ConnectionChecker {
    pub(crate) state: ConnectionState,
}

/// A rule, and how it was broken.
#[derive(Debug)]
pub(crate) struct Breach {
    pub(crate) by: TriggeredRule,
    pub(crate) violation: Violation,
}

/// What checks report while they run, and where it is collected.
#[derive(Debug, Default)]
pub(crate) struct Breaches {
    pub(crate) violations: Violations,
    pub(crate) list: Vec<Breach>,
}

/// The checks of a trigger.
type Checks<'a, T> = &'a [(TriggeredRule, fn(&RuleContext<'_, T>, &mut Violations))];

/// The checks of a trigger that is about frames.
type FrameChecks =
    &'static [(TriggeredRule, fn(&RuleContext<'_, FrameSeen<'_>>, &mut Violations))];

/// An event on a connection, and what its checks need beside it.
struct Checking<'a> {
    connection: &'a Connection,
    origin: Origin,
    settings: &'a Settings,
    state: &'a mut ConnectionState,
    found: &'a mut Breaches,
}

impl ConnectionChecker {
    /// Asks the rules about an event; [`ConnectionState::observe`] comes after that.
    pub(crate) fn check(
        &mut self,
        connection: &Connection,
        origin: Origin,
        event: &ConnectionEvent<'_>,
        settings: &Settings,
        found: &mut Breaches,
    ) {
        let state = &mut self.state;
        let mut checking = Checking { connection, origin, settings, state, found };
        let rules = &*RULES_BY_TRIGGER;
        let everywhere = ViolationPlace::default();
        match *event {
            ConnectionEvent::FrameStarted(direction, frame) => checking.frame(direction, frame),
            ConnectionEvent::Message(direction, message) => {
                checking.message(MessageSeen { direction, message });
            }
            ConnectionEvent::InvalidUtf8 { direction, byte, span } => {
                let subject = InvalidUtf8 { direction, byte };
                checking.run(&rules.invalid_utf8, subject, place(direction, span));
            }
            ConnectionEvent::NotAFrame(direction, bytes, span) => {
                checking.run(&rules.not_a_frame, NotAFrame { bytes }, place(direction, span));
            }
            ConnectionEvent::UpgradeRequested(handshake) => {
                checking.run(&rules.request, handshake, request_place(handshake));
            }
            ConnectionEvent::HandshakeEnded(handshake) => {
                checking.run(&rules.response, handshake, response_place(handshake));
            }
            ConnectionEvent::Ended(ending) => {
                if ending.relevant {
                    checking.run(&rules.end, ending, everywhere);
                }
            }
            ConnectionEvent::Gap(..)
            | ConnectionEvent::SyncLost(..)
            | ConnectionEvent::SyncFound(..)
            | ConnectionEvent::Conflict(..)
            | ConnectionEvent::Limit(_)
            | ConnectionEvent::ProxyHeader(..)
            | ConnectionEvent::Socks(..)
            | ConnectionEvent::StrayBytes(_)
            | ConnectionEvent::Tls(..)
            | ConnectionEvent::Recognized(_)
            | ConnectionEvent::TunnelOpened(_)
            | ConnectionEvent::TunnelRefused(_) => {
                checking.run(&rules.incident, event, everywhere);
            }
            ConnectionEvent::HeaderUnfinished(direction, bytes, span) => {
                checking.partial_header(direction, bytes, span);
            }
            ConnectionEvent::Opened
            | ConnectionEvent::FrameEnded(..)
            | ConnectionEvent::StateChanged => {}
        }
    }
}

impl Checking<'_> {
    fn frame(&mut self, direction: Direction, frame: &Frame) {
        let (subject, place) = (FrameSeen { direction, frame }, place(direction, frame.span));
        let class = HeaderClass::of(&frame.header);
        if !self.state.sides.get(direction).silent.has(class)
            && !self.run(&RULES_BY_TRIGGER.header, subject, place)
        {
            self.state.sides.get_mut(direction).silent.add(class);
        }
        for checks in self.beside_header(direction, frame) {
            self.run(checks, subject, place);
        }
    }

    fn message(&mut self, subject: MessageSeen<'_>) {
        let rules = &*RULES_BY_TRIGGER;
        let MessageSeen { direction, message } = subject;
        let place = place(direction, message.span);
        match message.opcode {
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                if message.frames > 1 {
                    self.run(&rules.fragmented, subject, place);
                }
                if self.state.sides.get(direction).reader.is_some() {
                    self.run(&rules.content, subject, place);
                }
                if message.compressed {
                    self.run(&rules.compressed, subject, place);
                }
            }
            Opcode::Close => {
                self.run(&rules.close, subject, place);
            }
            Opcode::Ping | Opcode::Pong => {}
        }
    }

    /// A header within which its stream ends: only what is there of it counts.
    fn partial_header(&mut self, direction: Direction, bytes: &[u8], span: Span) {
        let Some(frame) = partial_header::frame(bytes, span, direction) else { return };
        let (subject, place) = (FrameSeen { direction, frame: &frame }, place(direction, span));
        let header = RULES_BY_TRIGGER.header.as_slice();
        for checks in std::iter::once(header).chain(self.beside_header(direction, &frame)) {
            self.run_if(checks, subject, place, |violation| {
                violation.bits.is_some_and(|bits| partial_header::is_seen(bits, bytes))
            });
        }
    }

    /// The checks of a frame beside those of its header.
    fn beside_header(
        &self,
        direction: Direction,
        frame: &Frame,
    ) -> impl Iterator<Item = FrameChecks> + use<> {
        let rules = &*RULES_BY_TRIGGER;
        let side = self.state.sides.get(direction);
        let is_continuation = frame.header.opcode == 0;
        let is_within = side.open != OpenMessage::No;
        let is_fragment = !frame.header.fin || is_continuation || is_within;
        [
            Some(rules.frame.as_slice()),
            is_fragment.then_some(rules.fragment.as_slice()),
            side.close.is_some().then_some(rules.late.as_slice()),
        ]
        .into_iter()
        .flatten()
    }

    /// Runs one check after the other; what one finds, the next can know. Returns whether one found something.
    fn run<T: Copy>(&mut self, checks: Checks<'_, T>, subject: T, place: ViolationPlace) -> bool {
        self.run_if(checks, subject, place, |_| true)
    }

    /// The same, but only violations that `counts` accepts are kept.
    fn run_if<T: Copy>(
        &mut self,
        checks: Checks<'_, T>,
        subject: T,
        place: ViolationPlace,
        counts: impl Fn(&Violation) -> bool,
    ) -> bool {
        let mut checks = checks.iter();
        let mut has_found = false;
        loop {
            let context = RuleContext {
                connection: self.connection,
                state: self.state,
                settings: self.settings,
                subject,
            };
            let violations = &mut self.found.violations;
            violations.set_place(place);
            let found = checks.find(|(_, check)| {
                check(&context, violations);
                !violations.is_empty()
            });
            let Some((by, _)) = found else { return has_found };
            has_found = true;
            for violation in violations.take().into_iter().filter(&counts) {
                let span = violation.span.unwrap_or_else(|| Span::at(0, self.origin));
                self.state.note(by.rule.broken(), violation.direction, span);
                self.found.list.push(Breach { by: *by, violation });
            }
        }
    }
}

/// Where something in a stream is, and who sent it.
fn place(direction: Direction, span: Span) -> ViolationPlace {
    ViolationPlace { direction: Some(direction), span: Some(span) }
}

/// Where the request of a handshake is.
pub(crate) fn request_place(handshake: &Handshake) -> ViolationPlace {
    ViolationPlace {
        direction: Some(Direction::ClientToServer),
        span: handshake.request.as_ref().map(|head| head.span),
    }
}

/// Where the response of a handshake is.
pub(crate) fn response_place(handshake: &Handshake) -> ViolationPlace {
    ViolationPlace {
        direction: Some(Direction::ServerToClient),
        span: handshake.response.as_ref().map(|head| head.span),
    }
}
