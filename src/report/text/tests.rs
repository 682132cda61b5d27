use super::*;
use crate::analysis::event::{ConnectionEvent, Event, EventKind, Limit, Recognition};
use crate::analysis::{Sink, Totals};
use crate::decode::Reason;
use crate::findings::{DecodedAgain, Finding, Findings, Peers, Reading};
use crate::journal::{Assembly, Builder};
use crate::report::fixture::{
    START, connection, ending, finding, frame, handshake, message, origin, send,
};
use crate::report::style::Coloring;
use crate::stream::{Gap, GapCause, Span};
use crate::websocket::{Close, Inflation, Message, Opcode, Utf8};

fn options(detail: Detail) -> TextOptions {
    TextOptions {
        selection: Selection::default(),
        detail,
        findings: Listing::No,
        style: Style::new(Coloring::Off),
        columns: Some(100),
    }
}

/// What is written of the events that `feed` sends, without the summary.
fn written(
    options: TextOptions,
    feed: impl FnOnce(&mut Assembly<'_, Text<&mut Vec<u8>>>),
) -> Vec<String> {
    let mut out = Vec::new();
    let mut text = Text::new(&mut out, options);
    text.start(Timestamp(START));
    feed(&mut Builder::new().feeding(&mut text));
    text.flush().unwrap();
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

/// The line of one event, after the line with the addresses.
fn line(event: ConnectionEvent<'_>) -> String {
    let lines = written(options(Detail::Messages), |text| send(text, 5, &connection(3), event));
    assert_eq!(lines[0], "     -    0.000000  #3       127.0.0.1:50312 → [::1]:8080");
    assert_eq!(lines.len(), 2, "{lines:?}");
    lines[1].clone()
}

#[test]
fn messages_are_one_line_each() {
    let whole = message(Opcode::Text, b"{\"type\":\"subscribe\"}");
    let long = "x".repeat(500);
    let close = |code, reason| Message {
        close: Some(Close { code, reason }),
        ..message(Opcode::Close, b"..")
    };
    #[rustfmt::skip]
    let cases = [
        ("text",            whole, "     1    0.005000  #3    →  text       20 B  {\"type\":\"subscribe\"}"),
        ("escape sequence", message(Opcode::Text, b"\x1b]0;x\x07"),
                                   "     1    0.005000  #3    →  text        6 B  \\x1b]0;x\\x07"),
        ("too long",        message(Opcode::Text, long.as_bytes()),
                                   "     1    0.005000  #3    →  text      500 B  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"),
        ("compressed",      Message { compressed: true, wire_length: 8, inflation: Inflation::Done, ..whole },
                                   "     1    0.005000  #3    →  text       20 B (8 on the wire)  {\"type\":\"subscribe\"}"),
        ("in three frames", Message { frames: 3, ..whole },
                                   "     1    0.005000  #3    →  text       20 B (3 frames)  {\"type\":\"subscribe\"}"),
        ("not negotiated",  Message { compressed: true, ..message(Opcode::Binary, b"\xaa\xbb") },
                                   "     1    0.005000  #3    →  binary      2 B (2 on the wire)  compressed, but nothing was negotiated  aa bb"),
        ("incomplete",      Message { complete: false, length: 5, ..message(Opcode::Text, b"he") },
                                   "▲    1    0.005000  #3    →  text        5 B (2 on the wire)  incomplete  he…"),
        ("not UTF-8",       Message { utf8: Utf8::Invalid { byte: 1 }, ..message(Opcode::Text, b"a\xff") },
                                   "▲    1    0.005000  #3    →  text        2 B  not UTF-8 from byte 1  a\\xff"),
        ("binary",          message(Opcode::Binary, &[0, 1, 0xfe]),
                                   "     1    0.005000  #3    →  binary      3 B  00 01 fe"),
        ("readable ping",   message(Opcode::Ping, b"hb"),
                                   "     1    0.005000  #3    →  ping        2 B  \"hb\""),
        ("empty pong",      message(Opcode::Pong, b""),
                                   "     1    0.005000  #3    →  pong        0 B"),
        ("close",           close(Some(1002), &b"mask required"[..]),
                                   "     1    0.005000  #3    →  close   1002 protocol error  \"mask required\""),
        ("close of one byte", close(None, &b""[..]),
                                   "     1    0.005000  #3    →  close   without a code, but with a byte"),
        ("empty close",     Message { close: Some(Close { code: None, reason: b"" }), ..message(Opcode::Close, b"") },
                                   "     1    0.005000  #3    →  close   without a code"),
    ];
    for (name, message, expected) in cases {
        let event = ConnectionEvent::Message(Direction::ClientToServer, &message);
        assert_eq!(line(event), expected, "{name}");
    }
}

#[test]
fn what_happens_to_a_connection_has_lines_of_its_own() {
    let server = Direction::ServerToClient;
    let mut skipped = Span::at(100, origin(5));
    skipped.extend(1548, origin(5));
    let gap = Gap { offset: 1000, length: 1448, cause: GapCause::Acknowledged, origin: origin(5) };
    #[rustfmt::skip]
    let cases = [
        (ConnectionEvent::Gap(server, gap), "▲    -    0.005000  #3    ←  CAP-01 gap: 1,448 bytes missing at offset 1,000: acknowledged, but not captured"),
        (ConnectionEvent::SyncLost(server, skipped), "▲    -    0.005000  #3    ←  CAP-04 frame boundaries lost at offset 100"),
        (ConnectionEvent::SyncFound(server, skipped), "     -    0.005000  #3    ←  CAP-04 frame boundaries found again at offset 1,548, 1,448 bytes skipped"),
        (ConnectionEvent::Conflict(server, skipped), "▲    -    0.005000  #3    ←  CAP-06 1,448 bytes at offset 100 received twice with different content; the first version was used"),
        (ConnectionEvent::Limit(Limit::HeadBytes), "▲    -    0.005000  #3       CAP-09 data discarded: limit on bytes of an HTTP head"),
        (ConnectionEvent::Recognized(Recognition::Frames), "▲    -    0.005000  #3       CAP-03 handshake not captured; recognized as WebSocket by its frames"),
        (ConnectionEvent::NotAFrame(server, b"HTTP/1.1 500\r\n", skipped), "✖    -    0.005000  #3    ←  text instead of a frame at offset 100  HTTP/1.1 500\\r\\n"),
        (ConnectionEvent::HeaderUnfinished(server, b"\x81\x7e", skipped), "▲    -    0.005000  #3    ←  ends within a frame header at offset 100: only 81 7e"),
        (ending(Outcome::Refused), "✖    -    0.005000  #3       refused: RST answered the SYN"),
        (ending(Outcome::Timeout), "✖    -    0.005000  #3       no answer to the SYN"),
        (ending(Outcome::Open), "     -    0.005000  #3       still open at the end of the capture"),
    ];
    for (event, expected) in cases {
        assert_eq!(line(event), expected);
    }
}

#[test]
fn handshake_and_ends_of_tcp_are_shown_once() {
    let wide = TextOptions { columns: None, ..options(Detail::Messages) };
    let lines = written(wide, |text| {
        let mut it = connection(3);
        send(text, 0, &it, ConnectionEvent::Opened);
        let handshake = handshake();
        send(text, 1, &it, ConnectionEvent::UpgradeRequested(&handshake));
        send(text, 3, &it, ConnectionEvent::HandshakeEnded(&handshake));
        it.state = TcpState::HalfClosed(Direction::ServerToClient);
        send(text, 7, &it, ConnectionEvent::StateChanged);
        it.state = TcpState::Closed(Direction::ServerToClient);
        send(text, 8, &it, ConnectionEvent::StateChanged);
        send(text, 8, &it, ending(Outcome::Closed));
    });
    assert_eq!(
        lines[1..],
        [
            "     1    0.001000  #3    →  GET /feed\\x1b[2J  Host: localhost:8080  (mqtt offered; permessage-deflate offered)",
            "     2    0.003000  #3    ←  101  mqtt  permessage-deflate; client_max_window_bits=15  after 2.0 ms",
            "     -    0.007000  #3    ←  server closed TCP (FIN)",
            "     -    0.008000  #3    →  client closed TCP (FIN)",
        ]
    );
}

#[test]
fn frames_stand_before_their_message_and_say_what_it_lacks() {
    let lines = written(options(Detail::Frames), |text| {
        let it = connection(3);
        let (frame, message) =
            (frame(2), Message { complete: false, length: 2, ..message(Opcode::Text, b"he") });
        send(text, 5, &it, ConnectionEvent::FrameEnded(Direction::ClientToServer, &frame));
        send(text, 5, &it, ConnectionEvent::Message(Direction::ClientToServer, &message));
    });
    assert_eq!(
        lines[1..],
        [
            "          0.005000  #3    →    frame FIN RSV1 text  mask 37fa213d  length 5  header 6  offset 412  packet 4  3 bytes missing",
            "▲    1    0.005000  #3    →  text        2 B  incomplete: 3 bytes missing  he",
        ]
    );
}

#[test]
fn other_connections_are_hidden_and_keep_their_numbers() {
    let selection = Selection { connections: vec![ConnectionId(2)], ..Selection::default() };
    let chosen = TextOptions { selection, ..options(Detail::Messages) };
    let lines = written(chosen, |text| {
        let message = message(Opcode::Text, b"hi");
        for id in [1, 2] {
            let event = ConnectionEvent::Message(Direction::ServerToClient, &message);
            send(text, 5, &connection(id), event);
        }
    });
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1], "     2    0.005000  #2    ←  text        2 B  hi");
}

#[test]
fn connections_without_websocket_are_shown_on_request_only() {
    let feed = |text: &mut Assembly<'_, Text<&mut Vec<u8>>>| {
        let mut it = connection(1);
        it.nature = Nature::Http;
        it.state = TcpState::HalfClosed(Direction::ClientToServer);
        send(text, 1, &it, ConnectionEvent::StateChanged);
        let ending = Ending {
            outcome: Outcome::NotWebSocket,
            relevant: false,
            unseen: None,
            watched_until: origin(9).time,
        };
        send(text, 2, &it, ConnectionEvent::Ended(ending));
    };
    assert!(written(options(Detail::Messages), feed).is_empty());
    let selection = Selection { breadth: Breadth::All, ..Selection::default() };
    assert_eq!(written(TextOptions { selection, ..options(Detail::Messages) }, feed).len(), 2);
}

#[test]
fn findings_after_the_end_of_a_connection_follow_its_addresses() {
    let about = connection(3);
    let peers = Some(Peers { client: about.client, server: about.server });
    let found = Finding { peers, ..finding("WS-C12", 3) };
    let mut out = Vec::new();
    let mut text = Text::new(&mut out, options(Detail::Messages));
    let mut builder = Builder::new();
    text.start(Timestamp(START));
    send(&mut builder.feeding(&mut text), 5, &about, ending(Outcome::Open));
    builder.end_events();
    builder.feeding(&mut text).finding(&found);
    text.flush().unwrap();
    let lines: Vec<String> = String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
    assert!(lines[2].ends_with("#3       127.0.0.1:50312 → [::1]:8080"), "{lines:?}");
    assert!(lines[3].contains("#3") && lines[3].contains("WS-C12"), "{lines:?}");
    // The place continues on a line of its own.
    assert_eq!(lines.len(), 5, "{lines:?}");
}

#[test]
fn a_cause_is_shown_whole_with_what_was_meant_and_what_follows_from_it() {
    let meant = DecodedAgain {
        direction: Direction::ServerToClient,
        opcode: Opcode::Text,
        content: b"{\"a\":1}".to_vec(),
        length: 7,
        offsets: [412, 430],
    };
    let cause = Finding {
        evidence: "a whole frame \x1b begins in the payload of another".to_owned(),
        decoded_again: vec![meant],
        ..finding("WHY-01", 3)
    };
    let feed = |text: &mut Assembly<'_, Text<&mut Vec<u8>>>| {
        text.finding(&finding("WS-F15", 3));
        text.finding(&cause);
        send(text, 5, &connection(3), ending(Outcome::Aborted));
    };
    let whole = [
        "WHY-01 two writers on one socket: a frame was written into another: a whole frame \\x1b begins in the \
         payload of another  (client, packet 4)",
        "decoded again, server: text of 7 bytes, \"{\"a\":1}\"",
        "consequences: WS-F15",
    ];
    for columns in [None, Some(90), Some(10)] {
        let lines = written(TextOptions { columns, ..options(Detail::Messages) }, feed);
        let below = lines.iter().skip_while(|line| !line.contains("WHY-01"));
        let is_blank = |letter: char| letter.is_whitespace();
        let joined: String = below.flat_map(|line| line.chars().skip(29)).collect();
        let joined = joined.replace(is_blank, "");
        for text in whole {
            let at = joined.find(&text.replace(is_blank, ""));
            assert!(at.is_some(), "{columns:?}: {text} is not in {lines:?}");
        }
        let most = columns.unwrap_or(usize::MAX).max(70);
        assert!(lines.iter().all(|line| line.chars().count() <= most), "{lines:#?}");
    }
}

#[test]
fn notes_about_the_capture_stand_before_the_summary() {
    let mut out = Vec::new();
    let mut text = Text::new(&mut out, options(Detail::Messages));
    let mut builder = Builder::new();
    text.start(Timestamp(START));
    for event in
        [CaptureEvent::ClockBackwards(2_000_000), CaptureEvent::Undecoded(Reason::LinkType(147))]
    {
        let event = Event { origin: origin(5), kind: EventKind::Capture(event) };
        builder.feeding(&mut text).event(&event);
    }
    let totals = Totals {
        packets: 1200,
        bytes: 64_000,
        first: Timestamp(START),
        last: Timestamp(START + 1_500_000_000),
        ..Totals::default()
    };
    let reading = Reading { packets: 1200, damage: Some("x\x1b is cut off"), ..Reading::default() };
    text.finish(&builder.summary(totals, &reading)).unwrap();
    let whole = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(
        lines[0],
        "▲    -    0.005000           CAP-07 packet 5 is 2.0 ms earlier than the packet before it"
    );
    assert_eq!(lines[1], "▲ CAP-07  timestamps go backwards 1 time, by 2.0 ms at most");
    assert_eq!(lines[2], "▲ CAP-08  x\\x1b is cut off; 1,200 packets read");
    assert!(lines[3].starts_with("▲ CAP-10  link type 147"));
    assert_eq!(
        lines[4],
        "1,200 packets (64.0 kB), 0 connections (0 WebSocket), 0 messages, 0 frames in 1.500000 s"
    );
}

/// A frame that breaks two rules, a Ping between, and its message.
fn feed_findings(text: &mut Assembly<'_, Text<&mut Vec<u8>>>) {
    let client = Direction::ClientToServer;
    let it = connection(3);
    let (text_frame, whole) = (frame(5), message(Opcode::Text, b"hello"));
    let ping = Message { span: Span::at(420, origin(4)), ..message(Opcode::Ping, b"") };
    text.finding(&finding("WS-F11", 3));
    send(text, 4, &it, ConnectionEvent::FrameStarted(client, &text_frame));
    send(text, 4, &it, ConnectionEvent::FrameEnded(client, &text_frame));
    for id in ["WS-F01", "WS-F01", "WS-F16"] {
        text.finding(&finding(id, 3));
    }
    send(text, 4, &it, ConnectionEvent::FrameStarted(client, &text_frame));
    send(text, 4, &it, ConnectionEvent::Message(client.reverse(), &whole));
    send(text, 4, &it, ConnectionEvent::Message(client, &ping));
    send(text, 5, &it, ConnectionEvent::FrameEnded(client, &text_frame));
    send(text, 5, &it, ConnectionEvent::Message(client, &whole));
    text.finding(&finding("WS-F15", 3));
    text.finding(&finding("WS-F16", 3));
    text.folded(crate::findings::rule("WS-F01").unwrap(), ConnectionId(3), 990);
    send(text, 9, &it, ending(Outcome::Open));
}

#[test]
fn findings_mark_their_row() {
    let wide = TextOptions { columns: Some(140), ..options(Detail::Messages) };
    let lines = written(wide, feed_findings);
    assert_eq!(
        lines[1..],
        [
            "✖    -    0.005000  #3    →  WS-F11 continuation frame with no message open: seen \\x1b[2J, expected 1  (client, packet 4)",
            "     1    0.004000  #3    ←  text        5 B  hello",
            "     2    0.004000  #3    →  ping        0 B",
            "✖    3    0.005000  #3    →  text        5 B  hello  WS-F01, WS-F16",
            "▲    -    0.005000  #3    →  WS-F15 frame not finished when the connection ended: seen \\x1b[2J, expected 1  (client, packet 4)",
            "     -    0.009000  #3       still open at the end of the capture",
        ]
    );
}

#[test]
fn findings_are_lines_on_request() {
    let chosen =
        TextOptions { findings: Listing::Yes, columns: Some(140), ..options(Detail::Frames) };
    let lines = written(chosen, feed_findings);
    assert_eq!(
        lines[5..],
        [
            "✖         0.005000  #3    →    frame FIN RSV1 text  mask 37fa213d  length 5  header 6  offset 412  packet 4",
            "✖    -    0.005000  #3    →  WS-F01 client frame is not masked: seen \\x1b[2J, expected 1  (client, packet 4)",
            "✖    -    0.005000  #3    →  WS-F01 client frame is not masked: seen \\x1b[2J, expected 1  (client, packet 4)",
            "     -    0.005000  #3    →  WS-F16 many tiny fragments: pointless fragmentation: seen \\x1b[2J, expected 1  (client, packet 4)",
            "     3    0.005000  #3    →  text        5 B  hello",
            "▲    -    0.005000  #3    →  WS-F15 frame not finished when the connection ended: seen \\x1b[2J, expected 1  (client, packet 4)",
            "     -    0.005000  #3    →  WS-F16 many tiny fragments: pointless fragmentation: seen \\x1b[2J, expected 1  (client, packet 4)",
            "✖    -    0.009000  #3       … and 990 more of WS-F01",
            "     -    0.009000  #3       still open at the end of the capture",
        ]
    );
}

#[test]
fn a_narrow_terminal_has_marks_and_no_rules() {
    let lines = written(TextOptions { columns: Some(60), ..options(Detail::Messages) }, |text| {
        text.finding(&finding("WS-F01", 3));
        let message = message(Opcode::Text, b"hello");
        let event = ConnectionEvent::Message(Direction::ClientToServer, &message);
        send(text, 5, &connection(3), event);
    });
    assert_eq!(lines[1], "✖    1    0.005000  #3    →  text        5 B  hello");
}
