use super::*;
use crate::http::exchange::MAX_PIPELINED;
use crate::http::head::{Head, MAX_HEAD};
use crate::stream::Direction::{ClientToServer as Client, ServerToClient as Server};
use crate::stream::{GapCause, Origin, PacketId, Timestamp};

const ASK: &str =
    "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n";
const YES: &str =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n";
const BARE_YES: &str = "HTTP/1.1 101\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A conversation in order; everything observed, as words.
struct Session {
    decoder: Http1Decoder,
    offsets: [u64; 2],
    packet: u64,
    log: Vec<String>,
    done: bool,
}

impl Session {
    fn new() -> Self {
        let decoder = Http1Decoder::default();
        Self { decoder, offsets: [0; 2], packet: 0, log: Vec::new(), done: false }
    }

    fn push(&mut self, direction: Direction, bytes: &[u8]) {
        let offset = &mut self.offsets[direction.index()];
        self.packet += 1;
        let origin = Origin { packet: PacketId(self.packet), time: Timestamp(self.packet) };
        let chunk = Chunk { offset: *offset, bytes, origin };
        *offset += length_u64(bytes.len());
        if self.done {
            return;
        }
        let log = &mut self.log;
        let start = chunk.offset;
        let progress = self.decoder.push(direction, chunk, &mut |seen| log.push(word(&seen)));
        let end = |consumed: usize| start + length_u64(consumed);
        let last = match progress {
            Progress::Continue => return,
            Progress::Lost => return self.log.push(format!("lost {}", direction.index())),
            Progress::Upgraded { consumed } => format!("upgraded at {}", end(consumed)),
            Progress::Tunnel { consumed } => format!("tunnel at {}", end(consumed)),
            Progress::SwitchedOther { consumed } => format!("other at {}", end(consumed)),
            Progress::NotHttp => "not http".to_string(),
        };
        self.log.push(last);
        self.done = true;
    }

    fn gap(&mut self, direction: Direction, length: u64) -> Progress {
        let offset = &mut self.offsets[direction.index()];
        let origin = Origin::default();
        let gap = Gap { offset: *offset, length, cause: GapCause::Acknowledged, origin };
        *offset += length;
        self.decoder.gap(direction, gap)
    }

    /// The log, with what the client's held bytes are at the end.
    fn finish(mut self) -> Vec<String> {
        let log = &mut self.log;
        self.decoder.finish(&mut |seen| log.push(word(&seen)));
        let held = self.decoder.take_held(Client);
        if !held.is_empty() {
            self.log.push(format!("held {} {}", held.span().start, held.bytes().escape_ascii()));
        }
        self.log
    }
}

fn word(seen: &Observation<'_>) -> String {
    let shown = |handshake: &Handshake| {
        let target = String::from_utf8_lossy(handshake.target().unwrap_or(b"-")).into_owned();
        let at = |head: &Option<Head>| head.as_ref().map_or(0, |head| head.span.start);
        let heads = (at(&handshake.request), at(&handshake.response));
        let status =
            handshake.status().map_or_else(|| "-".to_string(), |status| status.to_string());
        let (interim, early) = (handshake.interim, handshake.early_bytes);
        format!("{target} {status} @{}/{} interim {interim} early {early}", heads.0, heads.1)
    };
    match seen {
        Observation::UpgradeRequested(handshake) => format!("asked {}", shown(handshake)),
        Observation::HandshakeEnded(handshake) => format!("ended {}", shown(handshake)),
        Observation::TunnelRefused(handshake) => format!("refused {}", shown(handshake)),
        Observation::HeadTooLarge(direction) => format!("too large {}", direction.index()),
        Observation::FromBrowser(browser) => format!("from {}", browser.name()),
    }
}

type Turns<'a> = &'a [(Direction, &'a str)];

#[rustfmt::skip]
const CONVERSATIONS: &[(&str, Turns<'static>, &[&str])] = &[
    ("upgrade", &[(Client, ASK), (Server, YES)],
        &["asked /chat - @0/0 interim 0 early 0", "ended /chat 101 @0/0 interim 0 early 0", "upgraded at 81"]),
    ("frames after the 101", &[(Client, ASK), (Server, YES), (Server, "\u{1}\u{2}")],
        &["asked /chat - @0/0 interim 0 early 0", "ended /chat 101 @0/0 interim 0 early 0", "upgraded at 81"]),
    ("early bytes", &[(Client, ASK), (Client, "early"), (Server, YES)],
        &["asked /chat - @0/0 interim 0 early 0", "ended /chat 101 @0/0 interim 0 early 5", "upgraded at 81", "held 73 early"]),
    ("101 without fields", &[(Client, ASK), (Server, BARE_YES)],
        &["asked /chat - @0/0 interim 0 early 0", "ended /chat 101 @0/0 interim 0 early 0", "upgraded at 16"]),
    ("interim responses", &[(Client, ASK), (Server, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nLink: x\r\n\r\n"), (Server, YES)],
        &["asked /chat - @0/0 interim 0 early 0", "ended /chat 101 @0/50 interim 2 early 0", "upgraded at 131"]),
    ("page first", &[(Client, GET), (Server, OK), (Client, ASK), (Server, YES)],
        &["asked /chat - @27/0 interim 0 early 0", "ended /chat 101 @27/43 interim 0 early 0", "upgraded at 124"]),
    ("pipelined", &[(Client, GET), (Client, GET), (Client, ASK), (Server, OK), (Server, OK), (Server, YES)],
        &["asked /chat - @54/0 interim 0 early 0", "ended /chat 101 @54/86 interim 0 early 0", "upgraded at 167"]),
    ("refused, then accepted", &[(Client, ASK), (Server, "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno"), (Client, ASK), (Server, YES)],
        &["asked /chat - @0/0 interim 0 early 0", "ended /chat 401 @0/0 interim 0 early 0",
          "asked /chat - @73/0 interim 0 early 0", "ended /chat 101 @73/40 interim 0 early 0", "upgraded at 121"]),
    ("second request before the refusal", &[(Client, ASK), (Client, ASK), (Server, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"), (Server, YES)],
        &["asked /chat - @0/0 interim 0 early 0", "ended /chat 401 @0/0 interim 0 early 73",
          "asked /chat - @73/0 interim 0 early 0", "ended /chat 101 @73/38 interim 0 early 0", "upgraded at 119"]),
    ("chunked bodies", &[(Client, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nGET\r\n0\r\n\r\n"),
        (Server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nH\r\n0\r\nA: b\r\n\r\n"), (Client, ASK), (Server, YES)],
        &["asked /chat - @62/0 interim 0 early 0", "ended /chat 101 @62/70 interim 0 early 0", "upgraded at 151"]),
    ("HEAD, 204 and 304 have no body", &[(Client, "HEAD / HTTP/1.1\r\n\r\n"), (Server, "HTTP/1.1 200\r\nContent-Length: 9\r\n\r\n"),
        (Client, GET), (Server, "HTTP/1.1 204\r\n\r\n"), (Client, GET), (Server, "HTTP/1.1 304\r\nContent-Length: 9\r\n\r\n"), (Client, ASK), (Server, YES)],
        &["asked /chat - @73/0 interim 0 early 0", "ended /chat 101 @73/86 interim 0 early 0", "upgraded at 167"]),
    ("body until close", &[(Client, GET), (Server, "HTTP/1.0 200 OK\r\n\r\n"), (Server, YES)], &[]),
    ("no response", &[(Client, ASK), (Client, "x")],
        &["asked /chat - @0/0 interim 0 early 0", "ended /chat - @0/0 interim 0 early 1", "held 73 x"]),
    ("response without request", &[(Server, YES), (Server, "x")],
        &["ended - 101 @0/0 interim 0 early 0", "upgraded at 81"]),
    ("refusal without request", &[(Server, "HTTP/1.1 426 No\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n")],
        &["ended - 426 @0/0 interim 0 early 0"]),
    ("plain response without request", &[(Server, OK), (Client, ASK), (Server, YES)],
        &["asked /chat - @0/0 interim 0 early 0", "ended /chat 101 @0/43 interim 0 early 0", "upgraded at 124"]),
    ("engine.io polling", &[(Client, "GET /socket.io/?EIO=4 HTTP/1.1\r\n\r\n"), (Server, OK)],
        &["asked /socket.io/?EIO=4 - @0/0 interim 0 early 0", "ended /socket.io/?EIO=4 200 @0/0 interim 0 early 0"]),
    ("h2c", &[(Client, "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"), (Server, "HTTP/1.1 101\r\nUpgrade: h2c\r\n\r\n")], &["other at 30"]),
    ("other protocol", &[(Client, "GET / HTTP/1.1\r\nUpgrade: irc\r\n\r\n"), (Server, BARE_YES)],
        &["asked / - @0/0 interim 0 early 0", "ended / 101 @0/0 interim 0 early 0", "other at 16"]),
    ("tunnel", &[(Client, "CONNECT a:80 HTTP/1.1\r\n\r\n"), (Client, "x"), (Server, "HTTP/1.1 200 OK\r\n\r\n"), (Server, "y")],
        &["tunnel at 19", "held 25 x"]),
    ("tunnel refused", &[(Client, "CONNECT a:80 HTTP/1.1\r\n\r\n"), (Server, "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")],
        &["refused a:80 407 @0/0 interim 0 early 0"]),
    ("empty lines between requests", &[(Client, GET), (Server, OK), (Client, "\r\n\r\n"), (Client, ASK), (Server, YES)],
        &["asked /chat - @31/0 interim 0 early 0", "ended /chat 101 @31/43 interim 0 early 0", "upgraded at 124"]),
    ("server is not HTTP", &[(Client, ASK), (Server, "\u{15}\u{3}\u{1}")],
        &["asked /chat - @0/0 interim 0 early 0", "not http", "ended /chat - @0/0 interim 0 early 0"]),
    ("client is not HTTP", &[(Client, "SSH-2.0-x\r\n")], &["not http"]),
];

#[test]
fn conversations_are_observed_the_same_however_they_are_cut() {
    for (name, turns, expected) in CONVERSATIONS {
        let length = turns.iter().map(|(_, text)| text.len()).max().unwrap_or_default();
        for cut in (0..=length).rev().chain([usize::MAX]) {
            let mut session = Session::new();
            for (direction, text) in *turns {
                // usize::MAX means byte by byte.
                let cuts = text.as_bytes().chunks(if cut == usize::MAX { 1 } else { length });
                for piece in cuts {
                    let (head, tail) = piece.split_at(cut.min(piece.len()));
                    session.push(*direction, head);
                    session.push(*direction, tail);
                }
            }
            let mut log = session.finish();
            if *name == "client is not HTTP" {
                log.truncate(1);
            }
            assert_eq!(log, *expected, "{name}, cut at {cut}");
        }
    }
}

#[test]
fn bytes_of_another_protocol_are_handed_back() {
    let mut session = Session::new();
    for byte in ["H", "T", "T", "P", "X"] {
        session.push(Server, byte.as_bytes());
    }
    session.push(Client, b"y");
    assert_eq!(session.log, ["not http"]);
    let held = session.decoder.take_held(Server);
    assert_eq!((held.bytes(), held.chunks().count()), (&b"HTTP"[..], 4));
}

#[test]
fn gaps_keep_sync_where_the_length_is_known() {
    let mut session = Session::new();
    session.push(Client, GET.as_bytes());
    session.push(Server, b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n");
    assert_eq!(session.gap(Server, 50), Progress::Continue);
    session.push(Client, ASK.as_bytes());
    assert_eq!(session.gap(Client, 3), Progress::Continue);
    assert!(session.decoder.awaiting_response().is_some());
    session.push(Server, YES.as_bytes());
    assert_eq!(session.log.last().map(String::as_str), Some("upgraded at 170"));
    assert_eq!(session.decoder.take_held(Client).dropped(), 3);
    let handshake = session.decoder.take_handshake().unwrap();
    assert_eq!((handshake.early_bytes, handshake.duration()), (3, Some(1)));
    assert!(!handshake.response_came_first());
}

#[test]
fn gaps_elsewhere_lose_sync_until_a_head_begins_a_chunk() {
    let mut session = Session::new();
    session.push(Client, GET.as_bytes());
    assert_eq!(session.gap(Client, 9), Progress::Lost);
    session.push(Client, b"tail of a body");
    session.push(Client, ASK.as_bytes());
    assert_eq!(session.gap(Server, 9), Progress::Lost);
    assert!(session.decoder.awaiting_response().is_some());
    session.push(Server, b"hello");
    session.push(Server, YES.as_bytes());
    let expected = [
        "lost 0",
        "asked /chat - @50/0 interim 0 early 0",
        "lost 1",
        "ended /chat 101 @50/14 interim 0 early 0",
        "upgraded at 95",
    ];
    assert_eq!(session.log, expected);
}

#[test]
fn limits_are_reported() {
    let mut session = Session::new();
    session.push(Client, ASK.as_bytes());
    session.push(Client, &vec![0; EARLY_LIMIT + 7]);
    session.push(Server, YES.as_bytes());
    let held = session.decoder.take_held(Client);
    assert_eq!((held.bytes().len(), held.dropped()), (EARLY_LIMIT, 7));
    for extra in [0, 1] {
        let padding = MAX_HEAD - "GET / HTTP/1.1\r\nUpgrade: websocket\r\nA:\r\n\r\n".len() + extra;
        let padding = "b".repeat(padding);
        let head = format!("GET / HTTP/1.1\r\nUpgrade: websocket\r\nA:{padding}\r\n\r\n");
        for size in [head.len(), 1000] {
            let mut session = Session::new();
            head.as_bytes().chunks(size).for_each(|piece| session.push(Client, piece));
            let first = session.log.first().map(String::as_str);
            let expected = ["asked / - @0/0 interim 0 early 0", "too large 0"][extra];
            assert_eq!(first, Some(expected), "{extra} over, pieces of {size}");
        }
    }
    let mut session = Session::new();
    session.push(Client, GET.repeat(MAX_PIPELINED + 1).as_bytes());
    session.push(Client, ASK.as_bytes());
    assert!(session.log.is_empty());
}

#[test]
fn random_bytes_and_changed_bytes_are_survived() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % length_u64(below)).unwrap()
    };
    for _ in 0..300 {
        for (_, turns, _) in CONVERSATIONS {
            let mut session = Session::new();
            for (direction, text) in *turns {
                let mut bytes = text.as_bytes().to_vec();
                for _ in 0..random(4) {
                    let at = random(bytes.len());
                    bytes[at] = u8::try_from(random(256)).unwrap();
                }
                bytes.chunks(1 + random(40)).for_each(|piece| session.push(*direction, piece));
                if random(8) == 0 {
                    session.gap(*direction, length_u64(random(60)));
                }
            }
            session.finish();
        }
    }
}
