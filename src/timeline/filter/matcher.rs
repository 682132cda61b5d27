//! Asks a filter about entries, with what must be remembered for that.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use crate::analysis::event::{Connection, ConnectionId};
use crate::findings::{Finding, Peers, Rule, first_cause};
use crate::http::Handshake;
use crate::journal::{Entry, EntryKind, Hindsight};
use crate::stream::{Direction, PerDirection, Timestamp};
use crate::timeline::filter::fields::FilterNeed;
use crate::timeline::filter::subject::{EntryClass, FilterConnection, FilterFrame, FilterSubject};
use crate::timeline::filter::{Filter, Needs};
use crate::websocket::{Frame, Opcode};

/// Asks a filter about entries.
///
/// Memory grows with open connections: of each, its handshake and the first frame of the message under
/// way are kept, if the filter asks for them.
#[derive(Debug)]
pub struct Matcher {
    filter: Filter,
    needs: Needs,
    start: Timestamp,
    memories: HashMap<ConnectionId, Memory>,
    /// Memory taken by their handshakes, in bytes.
    heads: usize,
    /// Open connections with a match.
    matched: HashSet<ConnectionId>,
    /// What an earlier pass over the capture learned.
    hindsight: Option<Arc<Hindsight>>,
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
    /// That of the one before: it may be given up only when the next one starts.
    previous: Option<Frame>,
    /// The latest control frame.
    control: Option<Frame>,
}

impl Matcher {
    /// Makes a matcher that has seen nothing.
    pub fn new(filter: Filter) -> Self {
        Self {
            needs: filter.needs(),
            filter,
            start: Timestamp::default(),
            memories: HashMap::new(),
            heads: 0,
            matched: HashSet::new(),
            hindsight: None,
        }
    }

    /// Takes what an earlier pass over the same capture learned: rows have the final state and outcome of
    /// their connection.
    #[must_use]
    pub fn with_hindsight(self, hindsight: Option<Arc<Hindsight>>) -> Self {
        Self { hindsight, ..self }
    }

    /// The filter.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Takes the time of the first packet.
    pub fn start(&mut self, first: Timestamp) {
        self.start = first;
    }

    /// Remembers the first frame of a message, for the entry of that message.
    pub fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        if self.needs.has(FilterNeed::Frames) {
            let way = self.memory(connection.id).directions.get_mut(direction);
            match Opcode::from_wire(frame.header.opcode) {
                Some(Opcode::Close | Opcode::Ping | Opcode::Pong) => way.control = Some(*frame),
                Some(Opcode::Text | Opcode::Binary) => way.previous = way.data.replace(*frame),
                // No message begins with one of these.
                Some(Opcode::Continuation) | None => {}
            }
        }
    }

    /// Keeps what later tests need; called with each entry before it is tested.
    pub fn observe(&mut self, entry: &Entry<'_>) {
        if let EntryKind::Request(handshake)
        | EntryKind::Response(handshake)
        | EntryKind::NoResponse(handshake) = entry.kind
            && let Some(connection) = entry.connection
            && self.needs.has(FilterNeed::Handshake)
        {
            let before = self.memory(connection.id).handshake.replace(handshake.clone());
            self.change_heads(before.as_ref(), Some(handshake));
        }
    }

    /// Whether an entry matches. One that is not a row does; the end of a connection does as well, if
    /// anything of it matched.
    pub fn passes(&mut self, entry: &Entry<'_>) -> bool {
        let Some(kind) = EntryClass::of_entry(entry) else { return true };
        if let (EntryKind::Finding, [found]) = (entry.kind, entry.findings) {
            return self.chooses(&found.finding, entry);
        }
        let findings: Vec<&Finding> = entry.findings.iter().map(|found| &found.finding).collect();
        let subject = self.subject(kind, entry);
        let passes = self.filter.matches(&FilterSubject { findings: &findings, ..subject });
        let Some(connection) = entry.connection else { return passes };
        if kind == EntryClass::End {
            return passes || self.matched.contains(&connection.id);
        }
        if passes {
            self.matched.insert(connection.id);
        }
        passes
    }

    /// Whether a finding matches for itself: with all that is known of its entry.
    pub fn chooses(&mut self, finding: &Finding, entry: &Entry<'_>) -> bool {
        let subject = self.subject(EntryClass::Finding, entry);
        // A finding may be about a connection that has ended.
        let ended = || {
            let (id, Peers { client, server }) = finding.connection.zip(finding.peers)?;
            Some(FilterConnection { id, client, server, state: None, transport: None })
        };
        let subject = FilterSubject {
            connection: subject.connection.or_else(ended),
            // The direction of the entry that it came with, a connection's end perhaps, does not matter.
            direction: finding.direction,
            findings: &[finding],
            cause: subject.cause.or_else(|| match &self.hindsight {
                Some(hindsight) => hindsight.cause(finding.connection?),
                None => first_cause([finding]).map(|it| it.rule),
            }),
            ..subject
        };
        let chooses = self.filter.matches(&subject);
        if let Some(id) = finding.connection.filter(|_| chooses && entry.connection.is_some()) {
            self.matched.insert(id);
        }
        chooses
    }

    /// Whether further findings of a rule, which are only counted, match on the connection of an
    /// entry.
    pub fn chooses_rule(&mut self, rule: &'static Rule, entry: &Entry<'_>) -> bool {
        let finding = Finding {
            rule,
            severity: rule.severity,
            full: rule.severity,
            connection: entry.connection.map(|connection| connection.id),
            peers: None,
            group: None,
            direction: None,
            side: None,
            first: entry.origin,
            last: entry.origin,
            offset: None,
            bits: None,
            evidence: String::new(),
            remedy: rule.remedy,
            decoded_again: Vec::new(),
        };
        self.chooses(&finding, entry)
    }

    /// Drops what no later test needs; called with each entry after it was tested.
    pub fn forget(&mut self, entry: &Entry<'_>) {
        if let (EntryKind::Ended { .. }, Some(connection)) = (entry.kind, entry.connection) {
            let memory = self.memories.remove(&connection.id);
            self.change_heads(memory.and_then(|memory| memory.handshake).as_ref(), None);
            self.matched.remove(&connection.id);
        }
    }

    /// Memory taken by what is remembered of open connections, in bytes.
    pub fn kept(&self) -> usize {
        let memories = self.memories.len().saturating_mul(size_of::<(ConnectionId, Memory)>());
        self.heads.saturating_add(memories)
    }

    fn change_heads(&mut self, before: Option<&Handshake>, after: Option<&Handshake>) {
        let [before, after] = [before, after].map(|it| it.map_or(0, Handshake::memory));
        self.heads = self.heads.saturating_sub(before).saturating_add(after);
    }

    fn memory(&mut self, id: ConnectionId) -> &mut Memory {
        self.memories.entry(id).or_default()
    }

    /// An entry, with what is remembered of its connection.
    fn subject<'a>(&'a self, kind: EntryClass, entry: &Entry<'a>) -> FilterSubject<'a> {
        let mut subject = FilterSubject::of_entry(kind, entry, self.start);
        let Some(connection) = &mut subject.connection else { return subject };
        if let Some(end) = self.hindsight.as_ref().and_then(|it| it.end(connection.id)) {
            connection.state = Some(end.state);
            subject.outcome = subject.outcome.or(Some(end.outcome));
        }
        subject.cause = match &self.hindsight {
            Some(hindsight) => hindsight.cause(connection.id),
            None => first_cause(entry.findings.iter().map(|it| &it.finding)).map(|it| it.rule),
        };
        let Some(memory) = self.memories.get(&connection.id) else { return subject };
        subject.handshake = subject.handshake.or(memory.handshake.as_ref());
        if let (EntryKind::Message(message), Some(direction)) = (entry.kind, entry.direction) {
            let way = memory.directions.get(direction);
            let mut frames = [&way.data, &way.previous, &way.control].into_iter().flatten();
            let first = frames.find(|frame| frame.span.start == message.span.start);
            subject.frame = first.map(FilterFrame::from);
        }
        subject
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Sink;
    use crate::analysis::event::{ConnectionEvent, Ending, Event, EventKind, Outcome};
    use crate::findings::Findings;
    use crate::journal::{Builder, Journal};
    use crate::stream::Side;
    use crate::stream::Span;
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

    /// A matcher after a builder, and its result for the latest entry.
    struct Asked<'a> {
        matcher: &'a mut Matcher,
        passes: bool,
    }

    impl Journal for Asked<'_> {
        fn entry(&mut self, entry: &Entry<'_>) {
            self.matcher.observe(entry);
            self.passes = self.matcher.passes(entry);
            self.matcher.forget(entry);
        }

        fn takes_frame(&self, _: &Frame) -> bool {
            true
        }

        fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
            self.matcher.frame_started(connection, direction, frame);
        }
    }

    /// Sends an event of packet 9, and asks about its entry.
    fn passes(matcher: &mut Matcher, connection: &Connection, what: ConnectionEvent<'_>) -> bool {
        passes_with(matcher, connection, None, what)
    }

    fn passes_with(
        matcher: &mut Matcher,
        connection: &Connection,
        finding: Option<&Finding>,
        what: ConnectionEvent<'_>,
    ) -> bool {
        let mut asked = Asked { matcher, passes: true };
        let (mut builder, origin) = (Builder::new(), origin(9));
        let mut assembly = builder.feeding(&mut asked);
        if let Some(finding) = finding {
            assembly.finding(finding);
        }
        assembly.event(&Event { origin, kind: EventKind::Connection(connection, what) });
        asked.passes
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
            assert!(passes(&mut matcher, &connection, started), "is not a row");
        }
        let (ping, text) = (message_at(20, 31, Opcode::Ping), message_at(0, 71, Opcode::Text));
        assert!(!passes(&mut matcher, &connection, ConnectionEvent::Message(CLIENT, &ping)));
        assert!(passes(&mut matcher, &connection, ConnectionEvent::Message(CLIENT, &text)));
        // The first frame of this one was not seen.
        let late = message_at(80, 91, Opcode::Text);
        assert!(!passes(&mut matcher, &connection, ConnectionEvent::Message(CLIENT, &late)));
    }

    #[test]
    fn rows_match_by_their_findings() {
        let (connection, text) = (connection(), message_at(0, 71, Opcode::Text));
        let mut matcher = matcher("rule == WS-F01");
        let (finding, what) = (finding("WS-F01", None), ConnectionEvent::Message(CLIENT, &text));
        assert!(!passes(&mut matcher, &connection, what));
        assert!(passes_with(&mut matcher, &connection, Some(&finding), what));
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
        let entry = Entry::new(&connection, origin(9), EntryKind::Message(&hello));
        let about_capture = Entry::of_capture(origin(4), EntryKind::Finding);
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
        for (expression, with_entry, alone) in cases {
            let mut matcher = matcher(expression);
            let answer = matcher.chooses(&finding, &entry);
            assert_eq!(answer, with_entry, "{expression}");
            assert_eq!(matcher.chooses(&finding, &about_capture), alone, "{expression}");
        }
        let mut matcher = matcher("severity == error and port == 8080");
        assert!(matcher.chooses_rule(finding.rule, &entry));
        assert!(passes(&mut matcher, &connection, ended()), "its connection has a match");
    }
}
