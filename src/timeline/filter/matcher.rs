//! Asks a filter about events, with what must be remembered for that.

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use crate::analysis::event::{
    Connection, ConnectionEvent, ConnectionId, Event, EventKind, TcpState,
};
use crate::findings::{Finding, Rule};
use crate::http::Handshake;
use crate::stream::{Direction, PerDirection, Span, Timestamp};
use crate::timeline::filter::fields::FilterNeed;
use crate::timeline::filter::subject::{EntryClass, FilterSubject};
use crate::timeline::filter::{Filter, Needs};
use crate::websocket::{Frame, Opcode};

/// Asks a filter about events.
///
/// Told of each finding before its event, as a checker gives them. Memory grows with open connections:
/// of each, its handshake and the first frame of the message under way are kept, where the filter asks
/// for them.
#[derive(Debug)]
pub struct Matcher {
    filter: Filter,
    needs: Needs,
    start: Timestamp,
    memories: HashMap<ConnectionId, Memory>,
    /// Open connections of which something matched.
    matched: HashSet<ConnectionId>,
    /// Findings about the event that comes next.
    fresh: Vec<Finding>,
}

/// What is remembered of an open connection.
#[derive(Debug, Default)]
struct Memory {
    handshake: Option<Handshake>,
    directions: PerDirection<UnderWay>,
}

/// What is remembered of a direction.
#[derive(Debug, Default)]
struct UnderWay {
    /// The first frame of the data message under way.
    data: Option<Frame>,
    /// The latest control frame.
    control: Option<Frame>,
    /// Findings about messages that are not whole yet, with the place of their frame.
    findings: Vec<(u64, Finding)>,
}

impl Matcher {
    /// Makes a matcher that has seen nothing.
    pub fn new(filter: Filter) -> Self {
        Self {
            needs: filter.needs(),
            filter,
            start: Timestamp::default(),
            memories: HashMap::new(),
            matched: HashSet::new(),
            fresh: Vec::new(),
        }
    }

    /// The filter that is asked.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Tells the time of the first packet.
    pub fn start(&mut self, first: Timestamp) {
        self.start = first;
    }

    /// Tells a finding; its event comes next.
    pub fn finding(&mut self, finding: &Finding) {
        if self.needs.has(FilterNeed::Findings) && finding.connection.is_some() {
            self.fresh.push(finding.clone());
        }
    }

    /// Remembers what later questions need; told each event before anything is asked about it.
    pub fn observe(&mut self, event: &Event<'_>) {
        let EventKind::Connection(connection, ref what) = event.kind else { return };
        match *what {
            ConnectionEvent::UpgradeRequested(handshake)
            | ConnectionEvent::HandshakeEnded(handshake) => {
                if self.needs.has(FilterNeed::Handshake) {
                    self.memory(connection.id).handshake = Some(handshake.clone());
                }
            }
            ConnectionEvent::FrameStarted(direction, frame) => {
                if self.needs.has(FilterNeed::Frames) {
                    let way = self.memory(connection.id).directions.get_mut(direction);
                    if frame.header.is_control() {
                        way.control = Some(*frame);
                    } else if frame.header.opcode != 0 {
                        way.data = Some(*frame);
                    }
                }
                self.keep_findings(connection.id, direction, frame.span);
            }
            ConnectionEvent::InvalidUtf8 { direction, span, .. } => {
                self.keep_findings(connection.id, direction, span);
            }
            ConnectionEvent::Opened
            | ConnectionEvent::TunnelOpened(_)
            | ConnectionEvent::TunnelRefused(_)
            | ConnectionEvent::Tls(..)
            | ConnectionEvent::Recognized(_)
            | ConnectionEvent::FrameEnded(..)
            | ConnectionEvent::Message(..)
            | ConnectionEvent::NotAFrame(..)
            | ConnectionEvent::HeaderUnfinished(..)
            | ConnectionEvent::Gap(..)
            | ConnectionEvent::SyncLost(..)
            | ConnectionEvent::SyncFound(..)
            | ConnectionEvent::Conflict(..)
            | ConnectionEvent::Limit(_)
            | ConnectionEvent::StateChanged
            | ConnectionEvent::Ended(_) => {}
        }
    }

    /// Whether an event matches. What is no row of its own does; the end of a connection does, too,
    /// where anything of it matched.
    pub fn passes(&mut self, event: &Event<'_>) -> bool {
        let Some(kind) = kind(event) else { return true };
        let found = self.found(event);
        let references: Vec<&Finding> = found.iter().collect();
        let subject = self.subject(kind, event);
        let passes = self.filter.matches(&FilterSubject { findings: &references, ..subject });
        let EventKind::Connection(connection, _) = event.kind else { return passes };
        if kind == EntryClass::End {
            return passes || self.matched.contains(&connection.id);
        }
        if passes {
            self.matched.insert(connection.id);
        }
        passes
    }

    /// Whether a finding matches for itself: with all that is known of its event, if it has one.
    pub fn chooses(&mut self, finding: &Finding, event: Option<&Event<'_>>) -> bool {
        let subject = match event {
            Some(event) => self.subject(EntryClass::Finding, event),
            None => FilterSubject::new(EntryClass::Finding, finding.last, self.start),
        };
        let subject = FilterSubject {
            kind: EntryClass::Finding,
            // The direction of the event that brought it, a connection's end perhaps, says nothing.
            direction: finding.direction,
            findings: &[finding],
            ..subject
        };
        let chooses = self.filter.matches(&subject);
        if let Some(id) = finding.connection.filter(|_| chooses) {
            self.matched.insert(id);
        }
        chooses
    }

    /// Whether further findings of a rule, of which only the number is known, match on an event's
    /// connection.
    pub fn chooses_rule(&mut self, rule: &'static Rule, event: &Event<'_>) -> bool {
        let connection = match event.kind {
            EventKind::Connection(connection, _) => Some(connection.id),
            EventKind::Capture(_) | EventKind::Dns(_) | EventKind::Icmp(_) => None,
        };
        let finding = Finding {
            rule,
            connection,
            direction: None,
            side: None,
            first: event.origin,
            last: event.origin,
            offset: None,
            bits: None,
            evidence: String::new(),
        };
        self.chooses(&finding, Some(event))
    }

    /// Forgets what no later question needs; told each event after everything was asked about it.
    pub fn forget(&mut self, event: &Event<'_>) {
        self.fresh.clear();
        let EventKind::Connection(connection, ref what) = event.kind else { return };
        if let ConnectionEvent::Ended(_) = what {
            self.memories.remove(&connection.id);
            self.matched.remove(&connection.id);
        }
        if !self.needs.has(FilterNeed::Findings) {
            return;
        }
        let Some(memory) = self.memories.get_mut(&connection.id) else { return };
        if let ConnectionEvent::FrameEnded(direction, frame) = *what {
            // No message comes for a frame with a reserved opcode.
            if Opcode::from_wire(frame.header.opcode).is_none() {
                let kept = &mut memory.directions.get_mut(direction).findings;
                kept.retain(|(place, _)| *place != frame.span.start);
            }
        } else if let ConnectionEvent::Message(direction, message) = *what
            && !is_control(message.opcode)
        {
            // What is left before it was about continuations of nothing.
            let kept = &mut memory.directions.get_mut(direction).findings;
            kept.retain(|(place, _)| *place >= message.span.end);
        }
    }

    fn memory(&mut self, id: ConnectionId) -> &mut Memory {
        self.memories.entry(id).or_default()
    }

    /// Keeps findings for the message that their frame is part of.
    fn keep_findings(&mut self, id: ConnectionId, direction: Direction, span: Span) {
        if self.fresh.is_empty() {
            return;
        }
        let fresh = self.fresh.clone();
        let kept = &mut self.memory(id).directions.get_mut(direction).findings;
        for finding in fresh {
            let same = kept.iter().filter(|(_, it)| it.rule.id == finding.rule.id).count();
            if same < EACH {
                kept.push((span.start, finding));
            }
        }
    }

    /// The findings that a row is about.
    fn found(&mut self, event: &Event<'_>) -> Vec<Finding> {
        let mut found = self.fresh.clone();
        if !self.needs.has(FilterNeed::Findings) {
            return found;
        }
        let EventKind::Connection(connection, what) = &event.kind else { return found };
        let Some(memory) = self.memories.get_mut(&connection.id) else { return found };
        if let ConnectionEvent::Message(direction, message) = *what {
            let kept = &mut memory.directions.get_mut(direction).findings;
            let within = message.span.start..message.span.end;
            let own = kept.extract_if(.., |(place, _)| within.contains(place));
            found.extend(own.map(|(_, finding)| finding));
        } else if let ConnectionEvent::FrameEnded(direction, frame) = *what {
            let kept = &memory.directions.get(direction).findings;
            let own = kept.iter().filter(|(place, _)| *place == frame.span.start);
            found.extend(own.map(|(_, finding)| finding.clone()));
        }
        found
    }

    fn subject<'a>(&'a self, kind: EntryClass, event: &'a Event<'_>) -> FilterSubject<'a> {
        let subject = FilterSubject::new(kind, event.origin, self.start);
        let EventKind::Connection(connection, what) = &event.kind else { return subject };
        let memory = self.memories.get(&connection.id);
        let subject = FilterSubject {
            connection: Some(connection),
            direction: direction(connection, what),
            handshake: memory.and_then(|memory| memory.handshake.as_ref()),
            ..subject
        };
        match *what {
            ConnectionEvent::Message(direction, message) => {
                let way = memory.map(|memory| memory.directions.get(direction));
                let mut frames =
                    way.into_iter().flat_map(|way| [&way.data, &way.control]).flatten();
                let frame = frames.find(|frame| frame.span.start == message.span.start);
                FilterSubject { message: Some(message), frame, ..subject }
            }
            ConnectionEvent::FrameStarted(_, frame) | ConnectionEvent::FrameEnded(_, frame) => {
                FilterSubject { frame: Some(frame), ..subject }
            }
            ConnectionEvent::UpgradeRequested(handshake)
            | ConnectionEvent::HandshakeEnded(handshake)
            | ConnectionEvent::TunnelOpened(handshake)
            | ConnectionEvent::TunnelRefused(handshake) => {
                FilterSubject { handshake: Some(handshake), ..subject }
            }
            ConnectionEvent::Ended(ending) => {
                FilterSubject { outcome: Some(ending.outcome), ..subject }
            }
            ConnectionEvent::Opened
            | ConnectionEvent::Tls(..)
            | ConnectionEvent::Recognized(_)
            | ConnectionEvent::InvalidUtf8 { .. }
            | ConnectionEvent::NotAFrame(..)
            | ConnectionEvent::HeaderUnfinished(..)
            | ConnectionEvent::Gap(..)
            | ConnectionEvent::SyncLost(..)
            | ConnectionEvent::SyncFound(..)
            | ConnectionEvent::Conflict(..)
            | ConnectionEvent::Limit(_)
            | ConnectionEvent::StateChanged => subject,
        }
    }
}

fn is_control(opcode: Opcode) -> bool {
    match opcode {
        Opcode::Continuation | Opcode::Text | Opcode::Binary => false,
        Opcode::Close | Opcode::Ping | Opcode::Pong => true,
    }
}

/// What kind of row an event is; `None` where it is none.
fn kind(event: &Event<'_>) -> Option<EntryClass> {
    let EventKind::Connection(_, what) = &event.kind else { return Some(EntryClass::Incident) };
    Some(match what {
        ConnectionEvent::Opened
        | ConnectionEvent::FrameStarted(..)
        | ConnectionEvent::InvalidUtf8 { .. } => return None,
        ConnectionEvent::Message(..) => EntryClass::Message,
        ConnectionEvent::FrameEnded(..) => EntryClass::Frame,
        ConnectionEvent::UpgradeRequested(_)
        | ConnectionEvent::HandshakeEnded(_)
        | ConnectionEvent::TunnelOpened(_)
        | ConnectionEvent::TunnelRefused(_) => EntryClass::Handshake,
        ConnectionEvent::Gap(..) => EntryClass::Gap,
        ConnectionEvent::Tls(..)
        | ConnectionEvent::Recognized(_)
        | ConnectionEvent::NotAFrame(..)
        | ConnectionEvent::HeaderUnfinished(..)
        | ConnectionEvent::SyncLost(..)
        | ConnectionEvent::SyncFound(..)
        | ConnectionEvent::Conflict(..)
        | ConnectionEvent::Limit(_)
        | ConnectionEvent::StateChanged => EntryClass::Incident,
        ConnectionEvent::Ended(_) => EntryClass::End,
    })
}

/// Who sent what an event is about.
fn direction(connection: &Connection, what: &ConnectionEvent<'_>) -> Option<Direction> {
    Some(match *what {
        ConnectionEvent::UpgradeRequested(_) => Direction::ClientToServer,
        ConnectionEvent::HandshakeEnded(_)
        | ConnectionEvent::TunnelOpened(_)
        | ConnectionEvent::TunnelRefused(_) => Direction::ServerToClient,
        ConnectionEvent::Tls(direction, _)
        | ConnectionEvent::FrameStarted(direction, _)
        | ConnectionEvent::FrameEnded(direction, _)
        | ConnectionEvent::InvalidUtf8 { direction, .. }
        | ConnectionEvent::Message(direction, _)
        | ConnectionEvent::NotAFrame(direction, ..)
        | ConnectionEvent::HeaderUnfinished(direction, ..)
        | ConnectionEvent::Gap(direction, _)
        | ConnectionEvent::SyncLost(direction, _)
        | ConnectionEvent::SyncFound(direction, _)
        | ConnectionEvent::Conflict(direction, _) => direction,
        ConnectionEvent::StateChanged => match connection.state {
            TcpState::HalfClosed(direction) | TcpState::Reset(direction) => direction,
            TcpState::Closed(first) => first.reverse(),
            TcpState::SynSent | TcpState::Refused | TcpState::Established => return None,
        },
        ConnectionEvent::Opened
        | ConnectionEvent::Recognized(_)
        | ConnectionEvent::Limit(_)
        | ConnectionEvent::Ended(_) => return None,
    })
}

/// Findings of one rule that are kept of a message under way: a filter asks whether there is one.
const EACH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::event::{Ending, Outcome};
    use crate::stream::Side;
    use crate::timeline::filter::fixture::{
        START, connection, finding, frame, handshake, message, origin,
    };
    use crate::websocket::Message;

    const CLIENT: Direction = Direction::ClientToServer;

    fn matcher(expression: &str) -> Matcher {
        let mut matcher = Matcher::new(Filter::parse(expression).unwrap());
        matcher.start(START);
        matcher
    }

    /// Tells an event of packet 9, and asks about it.
    fn passes(matcher: &mut Matcher, connection: &Connection, what: ConnectionEvent<'_>) -> bool {
        let event = Event { origin: origin(9), kind: EventKind::Connection(connection, what) };
        matcher.observe(&event);
        let passes = matcher.passes(&event);
        matcher.forget(&event);
        passes
    }

    fn ended<'a>() -> ConnectionEvent<'a> {
        ConnectionEvent::Ended(Ending {
            outcome: Outcome::Closed,
            relevant: true,
            unseen: None,
            watched_until: origin(9).time,
        })
    }

    /// A frame at an offset.
    fn frame_at(offset: u64, opcode: u8, fin: bool) -> Frame {
        let mut frame = frame();
        frame.header.opcode = opcode;
        frame.header.fin = fin;
        frame.span = Span { start: offset, end: offset + 11, ..frame.span };
        frame
    }

    /// A message that begins at an offset.
    fn message_at(offset: u64, end: u64, opcode: Opcode) -> Message<'static> {
        let message = message(opcode, b"Hello");
        Message { span: Span { start: offset, end, ..message.span }, ..message }
    }

    #[test]
    fn handshake_is_known_of_messages_until_its_connection_ends() {
        let (connection, handshake, hello) =
            (connection(), handshake(), message(Opcode::Text, b"Hello"));
        let mut matcher = matcher("path == \"/feed\"");
        let message = || ConnectionEvent::Message(CLIENT, &hello);
        assert!(!passes(&mut matcher, &connection, message()));
        assert!(passes(&mut matcher, &connection, ConnectionEvent::HandshakeEnded(&handshake)));
        assert!(passes(&mut matcher, &connection, message()));
        assert!(passes(&mut matcher, &connection, ended()));
        assert!(!passes(&mut matcher, &connection, message()));
        assert!(matcher.memories.is_empty() && matcher.matched.is_empty());
    }

    #[test]
    fn message_has_the_bits_of_its_first_frame_whatever_came_between() {
        let connection = connection();
        let mut matcher = matcher("fin == false");
        for frame in [
            frame_at(0, 1, false),
            frame_at(20, 9, true),
            frame_at(40, 0, false),
            frame_at(60, 0, true),
        ] {
            let started = ConnectionEvent::FrameStarted(CLIENT, &frame);
            assert!(passes(&mut matcher, &connection, started), "is no row");
        }
        let (ping, text) = (message_at(20, 31, Opcode::Ping), message_at(0, 71, Opcode::Text));
        assert!(!passes(&mut matcher, &connection, ConnectionEvent::Message(CLIENT, &ping)));
        assert!(passes(&mut matcher, &connection, ConnectionEvent::Message(CLIENT, &text)));
        // The first frame of this one was not seen.
        let late = message_at(80, 91, Opcode::Text);
        assert!(!passes(&mut matcher, &connection, ConnectionEvent::Message(CLIENT, &late)));
    }

    #[test]
    fn message_has_the_findings_of_its_frames_only() {
        let connection = connection();
        let mut matcher = matcher("rule == WS-F01");
        let (data, ping) = (frame_at(0, 1, false), frame_at(20, 9, true));
        matcher.finding(&finding("WS-F01", Some(Side::Client)));
        passes(&mut matcher, &connection, ConnectionEvent::FrameStarted(CLIENT, &data));
        passes(&mut matcher, &connection, ConnectionEvent::FrameStarted(CLIENT, &ping));
        assert!(passes(&mut matcher, &connection, ConnectionEvent::FrameEnded(CLIENT, &data)));
        assert!(!passes(&mut matcher, &connection, ConnectionEvent::FrameEnded(CLIENT, &ping)));
        let (ping, text) = (message_at(20, 31, Opcode::Ping), message_at(0, 71, Opcode::Text));
        assert!(!passes(&mut matcher, &connection, ConnectionEvent::Message(CLIENT, &ping)));
        let other = ConnectionEvent::Message(CLIENT.reverse(), &text);
        assert!(!passes(&mut matcher, &connection, other));
        assert!(passes(&mut matcher, &connection, ConnectionEvent::Message(CLIENT, &text)));
        assert!(!passes(&mut matcher, &connection, ConnectionEvent::Message(CLIENT, &text)));
    }

    #[test]
    fn findings_without_a_message_are_not_kept_for_ever() {
        let connection = connection();
        let mut matcher = matcher("rule == WS-F05");
        for number in 0..1000 {
            let reserved = frame_at(number * 20, 3, true);
            matcher.finding(&finding("WS-F05", Some(Side::Client)));
            passes(&mut matcher, &connection, ConnectionEvent::FrameStarted(CLIENT, &reserved));
            let end = ConnectionEvent::FrameEnded(CLIENT, &reserved);
            assert!(passes(&mut matcher, &connection, end), "{number}");
        }
        for number in 0..1000 {
            let lonely = frame_at(number * 20, 0, true);
            matcher.finding(&finding("WS-F11", Some(Side::Client)));
            passes(&mut matcher, &connection, ConnectionEvent::FrameStarted(CLIENT, &lonely));
        }
        let kept = &matcher.memories[&connection.id].directions.client.findings;
        assert_eq!(kept.len(), EACH);
        let text = message_at(50_000, 50_011, Opcode::Text);
        passes(&mut matcher, &connection, ConnectionEvent::Message(CLIENT, &text));
        assert!(matcher.memories[&connection.id].directions.client.findings.is_empty());
    }

    #[test]
    fn end_of_a_connection_passes_where_anything_of_it_did() {
        let (connection, hello) = (connection(), message(Opcode::Text, b"Hello"));
        for (opcode, expected) in [("text", true), ("ping", false)] {
            let mut matcher = matcher(&format!("opcode == {opcode}"));
            passes(&mut matcher, &connection, ConnectionEvent::Message(CLIENT, &hello));
            assert_eq!(passes(&mut matcher, &connection, ended()), expected, "{opcode}");
        }
        assert!(passes(&mut matcher("outcome == closed"), &connection, ended()));
        assert!(!passes(&mut matcher("outcome == open"), &connection, ended()));
    }

    #[test]
    fn finding_is_asked_with_what_it_is_about() {
        let (connection, hello) = (connection(), message(Opcode::Text, b"Hello"));
        let what = ConnectionEvent::Message(CLIENT, &hello);
        let event = Event { origin: origin(9), kind: EventKind::Connection(&connection, what) };
        let finding = finding("WS-F01", Some(Side::Client));
        #[rustfmt::skip]
        let cases = [
            ("kind == finding",            true,  true),
            ("rule == WS-F01",             true,  true),
            ("packet == 4",                true,  true),
            ("text contains \"Hello\"",  true,  false),
            ("port == 8080",               true,  false),
            ("from == client",             true,  true),
            ("opcode == ping",             false, false),
        ];
        for (expression, with_event, alone) in cases {
            let mut matcher = matcher(expression);
            let answer = matcher.chooses(&finding, Some(&event));
            assert_eq!(answer, with_event, "{expression}");
            assert_eq!(matcher.chooses(&finding, None), alone, "{expression}");
        }
        let mut matcher = matcher("severity == error and port == 8080");
        assert!(matcher.chooses_rule(finding.rule, &event));
        assert!(passes(&mut matcher, &connection, ended()), "its connection has a match");
    }
}
