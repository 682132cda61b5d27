use super::*;
use crate::analysis::Totals;
use crate::analysis::event::{ConnectionEvent, Nature, Outcome, TcpState};
use crate::findings::{Finding, Findings, Reading};
use crate::journal::{Assembly, Builder};
use crate::report::fixture::{
    connection, ending, finding, frame, handshake, message, origin, send,
};
use crate::stream::Timestamp;
use crate::websocket::Close;

const CLIENT: Direction = Direction::ClientToServer;

fn options(selection: Selection, detail: Detail) -> NdjsonOptions {
    NdjsonOptions { selection, detail, findings: Listing::No, max_payload: 8 }
}

fn written(
    detail: Detail,
    feed: impl FnOnce(&mut Assembly<'_, Ndjson<&mut Vec<u8>>>),
) -> Vec<String> {
    let mut out = Vec::new();
    let options = options(Selection::default(), detail);
    let mut ndjson = Ndjson::new(&mut out, options);
    feed(&mut Builder::new().feeding(&mut ndjson));
    ndjson.flush().unwrap();
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

/// The line of a message from its `direction` on.
fn line(message: &Message<'_>) -> String {
    let event = ConnectionEvent::Message(CLIENT, message);
    let lines = written(Detail::Messages, |ndjson| send(ndjson, 5, &connection(3), event));
    let before = r#"{"type":"message","connection":3,"time":"2026-08-22T09:30:00.005000000Z","packets":[4,5],"direction":"client_to_server","#;
    lines[0].strip_prefix(before).unwrap().to_owned()
}

#[test]
fn content_is_text_or_base64() {
    let close = |code, reason, content| Message {
        close: Some(Close { code, reason }),
        ..message(Opcode::Close, content)
    };
    let many = message(Opcode::Text, b"grandios");
    #[rustfmt::skip]
    let cases = [
        ("text", message(Opcode::Text, b"hi\"\n"),
            r#""opcode":"text","frames":1,"compressed":false,"wire_length":4,"length":4,"complete":true,"text":"hi\"\n"}"#),
        ("empty text", message(Opcode::Text, b""),
            r#""opcode":"text","frames":1,"compressed":false,"wire_length":0,"length":0,"complete":true,"text":""}"#),
        ("not UTF-8", Message { utf8: Utf8::Invalid { byte: 1 }, ..message(Opcode::Text, b"a\xff") },
            r#""opcode":"text","frames":1,"compressed":false,"wire_length":2,"length":2,"complete":true,"base64":"Yf8="}"#),
        ("compressed and unreadable", Message { compressed: true, complete: false, ..message(Opcode::Text, b"\xaa\xbb") },
            r#""opcode":"text","frames":1,"compressed":true,"wire_length":2,"length":2,"complete":false,"base64":"qrs="}"#),
        ("truncated", Message { length: 20, sha256: Some([0xab; 32]), ..many },
            r#""opcode":"text","frames":1,"compressed":false,"wire_length":8,"length":20,"complete":true,"text":"grandios","truncated":true,"sha256":"abababababababababababababababababababababababababababababababab"}"#),
        ("truncated in a character", Message { length: 20, ..message(Opcode::Text, b"grandi\xe2\x82") },
            r#""opcode":"text","frames":1,"compressed":false,"wire_length":8,"length":20,"complete":true,"text":"grandi","truncated":true}"#),
        ("incomplete, ends in a character", Message { complete: false, length: 9, ..message(Opcode::Text, b"a\xc3") },
            r#""opcode":"text","frames":1,"compressed":false,"wire_length":2,"length":9,"complete":false,"text":"a"}"#),
        ("binary", message(Opcode::Binary, b"hi"),
            r#""opcode":"binary","frames":1,"compressed":false,"wire_length":2,"length":2,"complete":true,"base64":"aGk="}"#),
        ("ping", message(Opcode::Ping, b""),
            r#""opcode":"ping","frames":1,"compressed":false,"wire_length":0,"length":0,"complete":true,"base64":""}"#),
        ("close", close(Some(1000), &b"bye"[..], b"\x03\xe8bye"),
            r#""opcode":"close","frames":1,"compressed":false,"wire_length":5,"length":5,"complete":true,"close_code":1000,"close_reason":"bye"}"#),
        ("empty close", close(None, &b""[..], b""),
            r#""opcode":"close","frames":1,"compressed":false,"wire_length":0,"length":0,"complete":true,"close_code":null}"#),
        ("close of one byte", close(None, &b""[..], b"\x03"),
            r#""opcode":"close","frames":1,"compressed":false,"wire_length":1,"length":1,"complete":true,"base64":"Aw==","close_code":null}"#),
        ("close, reason not UTF-8", close(Some(1000), &b"\xff"[..], b"\x03\xe8\xff"),
            r#""opcode":"close","frames":1,"compressed":false,"wire_length":3,"length":3,"complete":true,"base64":"A+j/","close_code":1000}"#),
    ];
    for (name, message, expected) in cases {
        assert_eq!(line(&message), expected, "{name}");
    }
}

#[test]
fn frames_are_written_on_request() {
    let event = || {
        ConnectionEvent::FrameEnded(
            CLIENT,
            &const {
                Frame {
                    header: crate::websocket::FrameHeader {
                        fin: false,
                        rsv: 0,
                        opcode: 15,
                        mask: None,
                        payload_length: u64::MAX,
                        header_length: 10,
                    },
                    span: Span {
                        start: 0,
                        end: 0,
                        first: Origin { packet: crate::stream::PacketId(1), time: Timestamp(0) },
                        last: Origin { packet: crate::stream::PacketId(1), time: Timestamp(0) },
                    },
                    received: 0,
                    missing: 0,
                    index: 0,
                }
            },
        )
    };
    assert!(
        written(Detail::Messages, |ndjson| send(ndjson, 5, &connection(3), event())).is_empty()
    );
    let masked = frame(5);
    let lines = written(Detail::Frames, |ndjson| {
        send(ndjson, 5, &connection(3), event());
        send(ndjson, 5, &connection(3), ConnectionEvent::FrameEnded(CLIENT, &masked));
    });
    assert_eq!(
        lines,
        [
            r#"{"type":"frame","connection":3,"time":"2026-08-22T09:30:00.005000000Z","packets":[1,1],"direction":"client_to_server","fin":false,"rsv":0,"opcode":15,"masked":false,"mask":null,"length":18446744073709551615,"header_length":10,"offset":0,"complete":false}"#,
            r#"{"type":"frame","connection":3,"time":"2026-08-22T09:30:00.005000000Z","packets":[4,4],"direction":"client_to_server","fin":true,"rsv":4,"opcode":1,"masked":true,"mask":"37fa213d","length":5,"header_length":6,"offset":412,"complete":true}"#,
        ]
    );
}

#[test]
fn connection_handshake_and_summary_follow_the_contract() {
    let mut out = Vec::new();
    let options = options(Selection::default(), Detail::Messages);
    let mut ndjson = Ndjson::new(&mut out, options);
    let mut builder = Builder::new();
    let mut it = connection(3);
    send(&mut builder.feeding(&mut ndjson), 0, &it, ConnectionEvent::Opened);
    send(&mut builder.feeding(&mut ndjson), 3, &it, ConnectionEvent::HandshakeEnded(&handshake()));
    it.state = TcpState::Closed(CLIENT);
    send(&mut builder.feeding(&mut ndjson), 9, &it, ending(Outcome::Closed));
    let totals = Totals { packets: 10, bytes: 2500, connections: 1, ..Totals::default() };
    let reading = Reading { packets: 10, damage: Some("cut off"), ..Reading::default() };
    ndjson.finish(&builder.summary(totals, &reading)).unwrap();
    let whole = String::from_utf8(out).unwrap();
    assert_eq!(
        whole.lines().collect::<Vec<_>>(),
        [
            r#"{"type":"handshake","connection":3,"time":"2026-08-22T09:30:00.003000000Z","packets":[1,3],"method":"GET","target":"/feed\u001b[2J","host":"localhost:8080","status":101,"subprotocol":"mqtt","extensions":"permessage-deflate; client_max_window_bits=15","subprotocols_offered":"mqtt","extensions_offered":"permessage-deflate","duration_ms":2.0}"#,
            r#"{"type":"connection","connection":3,"time":"2026-08-22T09:30:00.009000000Z","packets":[0,9],"client":"127.0.0.1:50312","server":"[::1]:8080","state":"closed","started_by":"syn","transport":"tcp","opened":"2026-08-22T09:30:00.000000000Z","closed":"2026-08-22T09:30:00.009000000Z","outcome":"closed","frames":{"client_to_server":1,"server_to_client":2},"messages":{"client_to_server":1,"server_to_client":2},"control_frames":{"client_to_server":0,"server_to_client":1},"bytes":{"client_to_server":100,"server_to_client":2000}}"#,
            r#"{"type":"summary","packets":10,"bytes":2500,"connections":1,"websockets":1,"frames":0,"messages":0,"control_frames":0,"findings":{"error":0,"warning":0,"note":0},"notes":[{"rule":"CAP-08","count":1,"text":"cut off; 10 packets read"}],"causes":[],"consequences":{"error":0,"warning":0,"note":0}}"#,
        ]
    );
}

/// The end of a connection that is not a WebSocket.
fn irrelevant() -> ConnectionEvent<'static> {
    ConnectionEvent::Ended(Ending {
        outcome: Outcome::NotWebSocket,
        relevant: false,
        unseen: None,
        watched_until: origin(9).time,
    })
}

#[test]
fn what_was_not_asked_for_is_not_written() {
    let irrelevant = irrelevant();
    assert!(
        written(Detail::Messages, |ndjson| send(ndjson, 9, &connection(1), irrelevant)).is_empty()
    );
    let mut out = Vec::new();
    let selection = Selection { connections: vec![ConnectionId(2)], breadth: Breadth::All };
    let mut ndjson = Ndjson::new(&mut out, options(selection, Detail::Messages));
    for id in [1, 2] {
        send(&mut Builder::new().feeding(&mut ndjson), 9, &connection(id), irrelevant);
    }
    ndjson.flush().unwrap();
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), 1);
}

#[test]
fn findings_are_counted_and_written_on_request() {
    let feed = |findings, selection| {
        let mut out = Vec::new();
        let options = NdjsonOptions { findings, ..options(selection, Detail::Messages) };
        let mut ndjson = Ndjson::new(&mut out, options);
        let mut builder = Builder::new();
        let mut assembly = builder.feeding(&mut ndjson);
        assembly.finding(&finding("WS-F01", 3));
        assembly.finding(&Finding {
            connection: None,
            direction: None,
            side: None,
            first: Origin::default(),
            last: Origin::default(),
            offset: None,
            bits: None,
            ..finding("WS-F15", 3)
        });
        assembly.folded(crate::findings::rule("WS-F16").unwrap(), ConnectionId(3), 990);
        let mut about = connection(3);
        about.nature = Nature::Http;
        send(&mut assembly, 9, &about, irrelevant());
        ndjson.finish(&builder.summary(Totals::default(), &Reading::default())).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let listed = feed(Listing::Yes, Selection::default());
    assert_eq!(
        listed[..3],
        [
            r#"{"type":"finding","connection":3,"time":"2026-08-22T09:30:00.005000000Z","packets":[4,5],"rule":"WS-F01","severity":"error","direction":"client_to_server","side":"client","title":"client frame is not masked","evidence":"seen \u001b[2J, expected 1","offset":412,"section":"RFC 6455 §5.1, §5.3","bits":[8,1]}"#,
            r#"{"type":"finding","connection":null,"time":null,"packets":null,"rule":"WS-F15","severity":"warning","direction":null,"side":null,"title":"frame not finished when the connection ended","evidence":"seen \u001b[2J, expected 1","offset":null,"section":"RFC 6455 §5.2","bits":null}"#,
            r#"{"type":"folded","connection":3,"rule":"WS-F16","count":990}"#,
        ]
    );
    let summary = r#""findings":{"error":1,"warning":1,"note":990}"#;
    assert!(listed[3].contains(summary), "{}", listed[3]);
    let silent = feed(Listing::No, Selection::default());
    assert!(silent.len() == 1 && silent[0].contains(summary), "{silent:?}");
    let other = Selection { connections: vec![ConnectionId(1)], ..Selection::default() };
    assert_eq!(feed(Listing::Yes, other).len(), 2);
}
