//! What becomes of findings, and which entries belong together.

use std::fmt::Write;

use super::*;
use crate::analysis::event::{Outcome, Recognition, StartedBy, TcpState};
use crate::findings::rule;
use crate::http::{Handshake, Head};
use crate::journal::fixture::{self, finding_in, origin};
use crate::stream::PerDirection;
use crate::websocket::FrameHeader;

use PlayedStep::{End, Ends, Finds, Folds, Says, Starts};

const CLIENT: Direction = Direction::ClientToServer;
const SERVER: Direction = Direction::ServerToClient;

/// Writes a line for each entry: its number and kind, the rules found, and its partner.
#[derive(Debug, Default)]
struct EntryLines {
    text: Vec<String>,
    /// Rules in the order in which they were found.
    found: Vec<&'static str>,
    frames: TakenFrames,
}

/// Which frames a journal of the tests takes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum TakenFrames {
    #[default]
    None,
    All,
}

impl Journal for EntryLines {
    fn entry(&mut self, entry: &Entry<'_>) {
        let kind = match entry.kind {
            EntryKind::Message(message) => message.opcode.name(),
            EntryKind::Frame(_) => "frame",
            EntryKind::Finding => "finding",
            EntryKind::Ended { .. } => "end",
            EntryKind::Request(_) => "request",
            EntryKind::NoResponse(_) => "no response",
            EntryKind::Reset => "RST",
            _ => "other",
        };
        let mut line = format!("{} {kind}", entry.id.0);
        for found in entry.findings {
            write!(line, " {}", found.finding.rule.id).unwrap();
        }
        if entry.repeated > 0 {
            write!(line, ", {} repeated", entry.repeated).unwrap();
        }
        if let Some(partner) = entry.partner {
            write!(line, " with {}", partner.id.0).unwrap();
        }
        if let EntryKind::Ended { folded, .. } = entry.kind {
            for FoldedFindings { rule, count } in folded {
                write!(line, " and {count} of {}", rule.id).unwrap();
            }
        }
        self.text.push(line);
    }

    fn takes_frame(&self, _: &Frame) -> bool {
        self.frames == TakenFrames::All
    }

    fn finding(&mut self, found: &Found) {
        assert_eq!(found.number, u64::try_from(self.found.len()).unwrap());
        self.found.push(found.finding.rule.id);
    }
}

/// A name, what is played, and the entries without and with those of frames.
type ExpectedEntries<'a> = (&'a str, &'a [PlayedStep], &'a [&'a str], &'a [&'a str]);

/// What is played to a builder.
#[derive(Clone, Copy, Debug)]
enum PlayedStep {
    /// A finding of a rule about a byte of a stream.
    Finds(&'static str, Direction, u64),
    /// The header of a frame of ten bytes at an offset.
    Starts(Direction, u64, FrameHeader),
    /// Its end.
    Ends(Direction, u64, FrameHeader),
    /// A message from one offset to another.
    Says(Direction, Opcode, u64, u64),
    /// Findings that were only counted.
    Folds(&'static str, u64),
    /// The end of the connection.
    End,
}

const TEXT: FrameHeader = header(1, true);
const BEGINNING: FrameHeader = header(1, false);
const LAST: FrameHeader = header(0, true);
const RESERVED: FrameHeader = header(3, true);

const fn header(opcode: u8, fin: bool) -> FrameHeader {
    FrameHeader { fin, rsv: 0, opcode, mask: None, payload_length: 8, header_length: 2 }
}

/// Offsets of the tests are numbers of packets as well.
fn span(start: u64, end: u64) -> Span {
    Span { start, end, first: origin(start), last: origin(end) }
}

fn connection() -> Connection {
    let peers = ["10.0.0.1:50312".parse().unwrap(), "10.0.0.2:8080".parse().unwrap()];
    let mut connection = Connection::new(ConnectionId(3), peers, StartedBy::Syn, origin(1));
    connection.bytes = PerDirection { client: 30, server: 30 };
    connection
}

fn message(opcode: Opcode, start: u64, end: u64) -> Message<'static> {
    Message { span: span(start, end), ..fixture::message(opcode, b"the same") }
}

fn play(frames: TakenFrames, steps: &[PlayedStep]) -> EntryLines {
    let mut lines = EntryLines { frames, ..EntryLines::default() };
    play_to(&mut Builder::new(), &mut lines, steps);
    lines
}

fn play_to(builder: &mut Builder, journal: &mut impl Journal, steps: &[PlayedStep]) {
    let connection = connection();
    for step in steps {
        let mut assembly = builder.feeding(journal);
        let mut send = |what: ConnectionEvent<'_>| {
            assembly.event(&Event {
                origin: origin(9),
                kind: EventKind::Connection(&connection, what),
            });
        };
        let frame = |start, header| Frame {
            header,
            span: span(start, start + 10),
            received: 8,
            ..Frame::default()
        };
        match *step {
            Finds(id, direction, offset) => assembly.finding(&Finding {
                direction: Some(direction),
                first: origin(offset),
                last: origin(offset),
                offset: Some(offset),
                ..finding_in(id, connection.id.0)
            }),
            Starts(direction, start, header) => {
                send(ConnectionEvent::FrameStarted(direction, &frame(start, header)));
            }
            Ends(direction, start, header) => {
                send(ConnectionEvent::FrameEnded(direction, &frame(start, header)));
            }
            Says(direction, opcode, start, end) => {
                send(ConnectionEvent::Message(direction, &message(opcode, start, end)));
            }
            Folds(id, count) => assembly.folded(rule(id).unwrap(), connection.id, count),
            End => send(fixture::ending(Outcome::Open)),
        }
    }
}

#[test]
fn findings_are_given_with_the_entry_that_they_belong_to() {
    let text = Opcode::Text;
    #[rustfmt::skip]
    let cases: &[ExpectedEntries<'_>] = &[
        ("of a header, with the message",
            &[Finds("WS-F01", CLIENT, 20), Starts(CLIENT, 20, TEXT), Ends(CLIENT, 20, TEXT), Says(CLIENT, text, 20, 30)],
            &["1 text WS-F01"],
            &["0 frame WS-F01", "1 text WS-F01, 1 repeated"]),
        ("of the message itself, after those of its frames",
            &[Finds("WS-F01", CLIENT, 30), Starts(CLIENT, 20, BEGINNING), Ends(CLIENT, 20, BEGINNING),
              Starts(CLIENT, 30, LAST), Ends(CLIENT, 30, LAST), Finds("WS-M01", CLIENT, 20), Says(CLIENT, text, 20, 40)],
            &["2 text WS-F01 WS-M01"],
            &["0 frame WS-F01", "1 frame", "2 text WS-F01 WS-M01, 1 repeated"]),
        ("not with what the other side sends meanwhile",
            &[Finds("WS-F01", CLIENT, 20), Starts(CLIENT, 20, BEGINNING), Says(SERVER, text, 20, 30), Says(CLIENT, text, 20, 40)],
            &["0 text", "1 text WS-F01"],
            &["0 text", "1 text WS-F01"]),
        ("of a control frame, not with the message around it",
            &[Starts(CLIENT, 20, BEGINNING), Finds("WS-F06", CLIENT, 30), Starts(CLIENT, 30, header(9, true)),
              Ends(CLIENT, 30, header(9, true)), Says(CLIENT, Opcode::Ping, 30, 40), Says(CLIENT, text, 20, 50)],
            &["1 ping WS-F06", "2 text"],
            &["0 frame WS-F06", "1 ping WS-F06, 1 repeated", "2 text"]),
        ("of a reserved opcode, alone or with the frame",
            &[Finds("WS-F05", CLIENT, 20), Starts(CLIENT, 20, RESERVED), Ends(CLIENT, 20, RESERVED)],
            &["1 finding WS-F05"],
            &["0 frame WS-F05"]),
        ("of a continuation of nothing, alone or with the frame",
            &[Finds("WS-F11", CLIENT, 20), Starts(CLIENT, 20, LAST), Ends(CLIENT, 20, LAST), Starts(CLIENT, 30, TEXT)],
            &["1 finding WS-F11"],
            &["0 frame WS-F11"]),
        ("of what is past, before the end",
            &[Ends(SERVER, 20, TEXT), Says(SERVER, text, 20, 30), Finds("WS-C16", SERVER, 20), End],
            &["1 text", "2 finding WS-C16", "3 end"],
            &["0 frame", "1 text", "2 finding WS-C16", "3 end"]),
        ("of the end, with it",
            &[Ends(SERVER, 20, TEXT), Finds("WS-C12", SERVER, 30), Folds("WS-F01", 7), End],
            &["1 end WS-C12 and 7 of WS-F01"],
            &["0 frame", "1 end WS-C12 and 7 of WS-F01"]),
        ("of a message that never comes, with the end",
            &[Finds("WS-F01", CLIENT, 20), Starts(CLIENT, 20, BEGINNING), End],
            &["0 end WS-F01"],
            &["0 end WS-F01"]),
    ];
    for (name, steps, without, with) in cases {
        assert_eq!(play(TakenFrames::None, steps).text, *without, "{name}");
        assert_eq!(play(TakenFrames::All, steps).text, *with, "{name}, with frames");
    }
}

#[test]
fn findings_are_given_at_once_too() {
    let mut steps = vec![Starts(CLIENT, 0, BEGINNING)];
    for number in 1..=100 {
        steps.push(Finds("WS-F01", CLIENT, number * 10));
        steps.push(Starts(CLIENT, number * 10, header(0, false)));
    }
    let lines = play(TakenFrames::None, &steps);
    assert_eq!((lines.found.len(), lines.text.len()), (100, 0));
    // A row needs no more, and memory is bounded.
    steps.push(Says(CLIENT, Opcode::Text, 0, 2_000));
    let lines = play(TakenFrames::None, &steps);
    assert_eq!(lines.text[0].matches("WS-F01").count(), MOST_HELD);
}

#[test]
fn pings_and_pongs_are_partners() {
    let lines = play(
        TakenFrames::None,
        &[
            Says(CLIENT, Opcode::Ping, 10, 12),
            Says(SERVER, Opcode::Pong, 10, 12),
            // One that nobody needs, and one whose Ping had to wait.
            Says(SERVER, Opcode::Pong, 14, 16),
            Says(CLIENT, Opcode::Ping, 12, 13),
        ],
    );
    assert_eq!(lines.text, ["0 ping", "1 pong with 0", "2 pong", "3 ping with 2"]);
}

/// Plays a request without a response to a builder: what comes after it, and findings before the last event.
fn unanswered(then: &[ConnectionEvent<'_>], found: &[(&str, Direction, u64)]) -> Vec<String> {
    let mut lines = EntryLines::default();
    let mut builder = Builder::new();
    let mut connection = connection();
    connection.bytes.server = 20;
    let handshake = Handshake {
        request: Some(Head::parse(b"GET / HTTP/1.1\r\n\r\n", span(0, 18))),
        ..Handshake::default()
    };
    connection.state = TcpState::Reset(SERVER);
    let request = ConnectionEvent::UpgradeRequested(&handshake);
    let mut events = vec![request, ConnectionEvent::HandshakeEnded(&handshake)];
    events.extend(then);
    let last = events.len() - 1;
    for (number, what) in events.into_iter().enumerate() {
        let mut assembly = builder.feeding(&mut lines);
        for (id, direction, offset) in found.iter().filter(|_| number == last) {
            assembly.finding(&Finding {
                direction: Some(*direction),
                offset: Some(*offset),
                ..finding_in(id, connection.id.0)
            });
        }
        assembly
            .event(&Event { origin: origin(9), kind: EventKind::Connection(&connection, what) });
    }
    lines.text
}

#[test]
fn a_response_that_never_came_carries_what_the_end_shows_about_it() {
    let (state, end) = (ConnectionEvent::StateChanged, fixture::ending(Outcome::Open));
    let about = [("HS-50", CLIENT, 0), ("HS-54", SERVER, 20), ("WS-C16", SERVER, 10)];
    assert_eq!(
        unanswered(&[state, end], &about),
        ["0 request", "1 RST", "2 no response HS-50 HS-54 with 0", "3 finding WS-C16", "4 end"]
    );
    assert_eq!(unanswered(&[end], &[]), ["0 request", "1 no response with 0", "2 end"]);
    // Frames were recognized: the connection goes on.
    let frames = ConnectionEvent::Recognized(Recognition::Frames);
    assert_eq!(
        unanswered(&[frames], &[("CAP-03", SERVER, 20)]),
        ["0 request", "1 no response with 0", "2 other CAP-03"]
    );
}

#[test]
fn what_an_earlier_pass_found_late_comes_with_its_entry() {
    let steps = [
        Starts(SERVER, 20, TEXT),
        Ends(SERVER, 20, TEXT),
        Says(SERVER, Opcode::Text, 20, 30),
        Finds("WS-C16", SERVER, 20),
        End,
    ];
    let mut hindsight = Hindsight::new();
    play_to(&mut Builder::new(), &mut hindsight, &steps);
    let end = hindsight.end(connection().id).unwrap();
    assert_eq!((end.outcome, end.state), (Outcome::Open, TcpState::SynSent));
    let hindsight = Arc::new(hindsight);
    for (frames, expected) in [
        (TakenFrames::None, vec!["1 text WS-C16", "2 end"]),
        (TakenFrames::All, vec!["0 frame WS-C16", "1 text WS-C16, 1 repeated", "2 end"]),
    ] {
        let mut lines = EntryLines { frames, ..EntryLines::default() };
        let mut builder = Builder::new();
        builder.set_hindsight(Arc::clone(&hindsight));
        play_to(&mut builder, &mut lines, &steps);
        assert_eq!(lines.text, expected);
        assert_eq!(lines.found, ["WS-C16"], "given at once as well");
    }
}
