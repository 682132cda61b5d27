//! The HTTP/1.x conversation of one connection, up to the point where it becomes a WebSocket.

use std::collections::VecDeque;

use super::Handshake;
use super::body::Framing;
use super::half::{Half, Read, Reading, Sync, Whole};
use super::head::Head;
use super::head_summary::{HeadSummary, Traces, Upgrade, WebSocketFields};
use super::line::{HeadView, Start};
use super::probe::{Match, looks_like_head};
use crate::stream::{Buffer, Chunk, Direction, Gap, length_u64};

/// Follows requests and responses, and reports when the connection stops being HTTP.
///
/// Heads without traces of a WebSocket are parsed in place and dropped; bodies are passed
/// over. How the bytes were cut into chunks never changes what is observed.
#[derive(Debug)]
pub struct Http1Decoder {
    client: Half,
    server: Half,
    /// Requests without their final response, oldest first.
    pending: VecDeque<Pending>,
    /// The handshake or CONNECT that is the last of `pending`. While it is there, what the client
    /// sends is held back.
    exchange: Option<Box<Handshake>>,
    ended: Option<Box<Handshake>>,
    attention: Attention,
    early_limit: usize,
}

/// Something observed in the conversation.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'a> {
    /// The head of a request for a WebSocket, or with traces of one, is complete.
    UpgradeRequested(&'a Handshake),
    /// The head of its final response is whole, or none came. Without a request in it, a response
    /// bears traces of a WebSocket and its request was not captured.
    HandshakeEnded(&'a Handshake),
    /// A CONNECT was answered with something other than 2xx, or not at all.
    TunnelRefused(&'a Handshake),
    /// A head is larger than [`MAX_HEAD`](super::head::MAX_HEAD); it was dropped.
    HeadTooLarge(Direction),
}

/// What became of a chunk or gap. `consumed` counts the bytes of this chunk that are HTTP's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// All of it was read or held.
    Continue,
    /// All of it was skipped: the position of the next head of this direction is not known. It is
    /// looked for at the beginning of each chunk.
    Lost,
    /// A WebSocket from here on (101). The decoder is done.
    Upgraded {
        /// Bytes of the chunk up to the end of the response's head.
        consumed: usize,
    },
    /// A tunnel from here on (2xx to CONNECT): both directions may be anything. The decoder is done.
    Tunnel {
        /// Bytes of the chunk up to the end of the response's head.
        consumed: usize,
    },
    /// Some other protocol from here on (101). The decoder is done.
    SwitchedOther {
        /// Bytes of the chunk up to the end of the response's head.
        consumed: usize,
    },
    /// This direction does not begin with HTTP. Nothing of the chunk was consumed; bytes before it
    /// are in [`Http1Decoder::take_held`]. The decoder is done.
    NotHttp,
}

/// A request without its final response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pending {
    Plain,
    /// Its response has no body (RFC 9112 §6.3 item 1).
    PlainHead,
    Handshake,
    Connect,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Attention {
    Full,
    /// Requests and responses cannot be matched any more.
    PassOver,
    /// The connection is HTTP's no longer.
    Done,
}

/// The state of parsing after one step.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many bytes were consumed, and there may be more.
    Next(usize),
    Lost,
    NotHttp,
    /// So many bytes were consumed, and the connection changes its protocol.
    Switch(Protocol, usize),
}

#[derive(Clone, Copy, Debug)]
enum Protocol {
    WebSocket,
    Tunnel,
    Other,
}

impl Default for Http1Decoder {
    fn default() -> Self {
        Self::new(EARLY_LIMIT)
    }
}

impl Http1Decoder {
    /// A decoder that holds back at most `early_limit` bytes of the client while a response is
    /// pending.
    pub fn new(early_limit: usize) -> Self {
        Self {
            client: Half::default(),
            server: Half::default(),
            pending: VecDeque::new(),
            exchange: None,
            ended: None,
            attention: Attention::Full,
            early_limit,
        }
    }

    /// Reads the next in-order bytes of `direction`.
    pub fn push(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut dyn FnMut(Observation<'_>),
    ) -> Progress {
        if self.attention != Attention::Full {
            return Progress::Continue;
        }
        if matches!(self.side(direction).reading, Reading::Lost) && !self.holds(direction) {
            if looks_like_head(direction, chunk.bytes) != Match::Yes {
                return Progress::Lost;
            }
            self.side(direction).reading = Reading::Head;
        }
        let mut rest = chunk;
        while !rest.bytes.is_empty() {
            let before = chunk.bytes.len().saturating_sub(rest.bytes.len());
            match self.step(direction, rest, sink) {
                Step::Next(length) => rest = rest.skip(length),
                Step::Lost => {
                    self.lose(direction);
                    return Progress::Lost;
                }
                Step::NotHttp => {
                    self.attention = Attention::Done;
                    return Progress::NotHttp;
                }
                Step::Switch(protocol, length) => {
                    self.attention = Attention::Done;
                    let consumed = before.saturating_add(length);
                    return match protocol {
                        Protocol::WebSocket => Progress::Upgraded { consumed },
                        Protocol::Tunnel => Progress::Tunnel { consumed },
                        Protocol::Other => Progress::SwitchedOther { consumed },
                    };
                }
            }
        }
        Progress::Continue
    }

    /// Skips bytes of `direction` that are missing from the capture.
    ///
    /// After [`Progress::Lost`] of the server, the response that [`Http1Decoder::awaiting_response`]
    /// waits for may have been among them.
    pub fn gap(&mut self, direction: Direction, gap: Gap) -> Progress {
        if self.attention != Attention::Full {
            return Progress::Continue;
        }
        self.missing(direction, gap.length)
    }

    /// Ends the conversation: a handshake that still waits for its response never got one.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Observation<'_>)) {
        let pending = self.pending.pop_back();
        let Some(exchange) = self.exchange.take() else { return };
        if pending == Some(Pending::Connect) {
            sink(Observation::TunnelRefused(&exchange));
        } else {
            sink(Observation::HandshakeEnded(&exchange));
        }
        self.attention = Attention::Done;
        self.ended = Some(exchange);
    }

    /// The handshake whose response has not come yet.
    pub fn awaiting_response(&self) -> Option<&Handshake> {
        let last = self.pending.back();
        self.exchange.as_deref().filter(|_| last == Some(&Pending::Handshake))
    }

    /// The handshake (or CONNECT) that ended HTTP on this connection, for the layer that continues:
    /// after [`Progress::Upgraded`], [`Progress::SwitchedOther`], [`Progress::Tunnel`] or
    /// [`Http1Decoder::finish`].
    pub fn take_handshake(&mut self) -> Option<Handshake> {
        self.ended.take().map(|handshake| *handshake)
    }

    /// The bytes of `direction` that were pushed before the current chunk and not read as HTTP.
    ///
    /// For the client: what it sent after a request whose response was pending. For either: the
    /// beginning of what turned out not to be HTTP, or of a head that is not whole.
    pub fn take_held(&mut self, direction: Direction) -> Buffer {
        std::mem::take(&mut self.side(direction).held)
    }

    /// Lets go what it holds back, to save memory: a head that is not whole is given up, and of what waits
    /// for a response only the first byte is kept, which says where the others are missing.
    pub fn evict(&mut self) {
        for direction in Direction::BOTH {
            if self.holds(direction) {
                self.side(direction).held.evict();
            } else if !self.side(direction).held.is_empty() {
                self.lose(direction);
            }
        }
    }

    /// Memory taken by what it holds back, in bytes.
    pub fn memory(&self) -> usize {
        self.client.held.memory().saturating_add(self.server.held.memory())
    }

    fn side(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::ClientToServer => &mut self.client,
            Direction::ServerToClient => &mut self.server,
        }
    }

    /// Whether bytes of `direction` wait for the response to a handshake or CONNECT.
    fn holds(&self, direction: Direction) -> bool {
        direction == Direction::ClientToServer
            && self.exchange.is_some()
            && !matches!(self.client.reading, Reading::Body(_))
    }

    fn lose(&mut self, direction: Direction) {
        *self.side(direction) = Half::lost();
        if direction == Direction::ServerToClient {
            // Responses to any of these may be among the bytes not read.
            self.pending.retain(|pending| !pending.is_plain());
        }
    }

    fn missing(&mut self, direction: Direction, length: u64) -> Progress {
        let beyond = self.side(direction).gap(length);
        if beyond == 0 {
            return Progress::Continue;
        }
        if direction == Direction::ClientToServer && self.exchange.is_some() {
            self.client.reading = Reading::Head;
            self.client.held.count_dropped(beyond);
            self.count_early(beyond);
            return Progress::Continue;
        }
        self.lose(direction);
        Progress::Lost
    }

    fn count_early(&mut self, length: u64) {
        if let Some(exchange) = &mut self.exchange {
            exchange.early_bytes = exchange.early_bytes.saturating_add(length);
        }
    }

    fn step(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut dyn FnMut(Observation<'_>),
    ) -> Step {
        if self.holds(direction) {
            self.client.held.push_within(chunk, self.early_limit);
            self.count_early(length_u64(chunk.bytes.len()));
            return Step::Next(chunk.bytes.len());
        }
        match self.side(direction).read(direction, chunk) {
            Read::Next(length) => Step::Next(length),
            Read::Head(whole) => self.head(direction, &whole, sink),
            Read::TooLarge => {
                sink(Observation::HeadTooLarge(direction));
                Step::Lost
            }
            Read::Lost => Step::Lost,
            Read::NotHttp => Step::NotHttp,
        }
    }

    fn head(
        &mut self,
        direction: Direction,
        whole: &Whole<'_>,
        sink: &mut dyn FnMut(Observation<'_>),
    ) -> Step {
        let view = HeadView::new(&whole.raw);
        let summary = HeadSummary::of(&view);
        match view.start {
            Start::Request { method, .. } if direction == Direction::ClientToServer => {
                self.request(method, &summary, whole, sink)
            }
            Start::Response { status, .. } if direction == Direction::ServerToClient => {
                self.response(status, &summary, whole, sink)
            }
            Start::Request { .. } | Start::Response { .. } => Step::Lost,
        }
    }

    fn request(
        &mut self,
        method: &[u8],
        summary: &HeadSummary,
        whole: &Whole<'_>,
        sink: &mut dyn FnMut(Observation<'_>),
    ) -> Step {
        let pending = match (method, summary.traces()) {
            (b"CONNECT", _) => Pending::Connect,
            (_, Traces::Partial | Traces::UpgradeRequested) => Pending::Handshake,
            (b"HEAD", Traces::None) => Pending::PlainHead,
            (_, Traces::None) => Pending::Plain,
        };
        if self.pending.len() >= MAX_PIPELINED {
            self.attention = Attention::PassOver;
            self.pending.clear();
            return Step::Next(whole.consumed);
        }
        self.pending.push_back(pending);
        if !pending.is_plain() {
            let request = Some(Head::parse(&whole.raw, whole.span));
            let exchange = Box::new(Handshake { request, ..Handshake::default() });
            if pending == Pending::Handshake {
                sink(Observation::UpgradeRequested(&exchange));
            }
            self.exchange = Some(exchange);
        }
        let framing = match pending {
            // RFC 9110 §9.3.6: what follows is the tunnel's.
            Pending::Connect => Framing::Nothing,
            Pending::Plain | Pending::PlainHead | Pending::Handshake => {
                Framing::of_request(summary)
            }
        };
        follow(&mut self.client, framing, whole.consumed)
    }

    fn response(
        &mut self,
        status: u16,
        summary: &HeadSummary,
        whole: &Whole<'_>,
        sink: &mut dyn FnMut(Observation<'_>),
    ) -> Step {
        if (INTERIM..FINAL).contains(&status) && status != SWITCHING_PROTOCOLS {
            if self.pending.front() == Some(&Pending::Handshake)
                && let Some(exchange) = &mut self.exchange
            {
                exchange.interim = exchange.interim.saturating_add(1);
            }
            self.server.reading = Reading::Head;
            return Step::Next(whole.consumed);
        }
        if status == SWITCHING_PROTOCOLS && self.exchange.is_some() {
            // Only the last request can have requested it.
            self.pending.retain(|pending| !pending.is_plain());
        }
        let answered = self.pending.pop_front();
        let mut exchange = match answered {
            Some(Pending::Handshake | Pending::Connect) => self.exchange.take(),
            Some(Pending::Plain | Pending::PlainHead) | None => None,
        };
        let protocol = protocol(status, summary, answered, exchange.as_deref());
        let unasked = match protocol {
            Some(Protocol::WebSocket) => exchange.is_none(),
            Some(Protocol::Tunnel | Protocol::Other) => false,
            None => answered.is_none() && summary.traces() != Traces::None,
        };
        if unasked {
            exchange = Some(Box::default());
        }
        if let Some(exchange) = &mut exchange {
            exchange.response = Some(Head::parse(&whole.raw, whole.span));
            match (answered, protocol) {
                (Some(Pending::Connect), None) => sink(Observation::TunnelRefused(exchange)),
                (Some(Pending::Connect), Some(Protocol::Tunnel)) => {}
                _ => sink(Observation::HandshakeEnded(exchange)),
            }
        }
        if let Some(protocol) = protocol {
            self.ended = exchange;
            return Step::Switch(protocol, whole.consumed);
        }
        let framing = if has_no_body(status, answered, exchange.as_deref()) {
            Framing::Nothing
        } else {
            Framing::of_response(summary)
        };
        let step = follow(&mut self.server, framing, whole.consumed);
        if exchange.is_some() && !unasked {
            self.release(sink);
        }
        step
    }

    /// Reads as HTTP what the client sent while a response was pending that refused.
    fn release(&mut self, sink: &mut dyn FnMut(Observation<'_>)) {
        let held = self.take_held(Direction::ClientToServer);
        for chunk in held.chunks() {
            // The client's side neither switches protocols nor is at its first head here.
            self.push(Direction::ClientToServer, chunk, sink);
        }
        if held.dropped() > 0 {
            self.missing(Direction::ClientToServer, held.dropped());
        }
    }
}

impl Pending {
    fn is_plain(self) -> bool {
        match self {
            Self::Plain | Self::PlainHead => true,
            Self::Handshake | Self::Connect => false,
        }
    }
}

fn follow(side: &mut Half, framing: Framing, consumed: usize) -> Step {
    match side.follow(framing) {
        Sync::Kept => Step::Next(consumed),
        Sync::Lost => Step::Lost,
    }
}

/// The protocol that a response switches to.
fn protocol(
    status: u16,
    summary: &HeadSummary,
    answered: Option<Pending>,
    exchange: Option<&Handshake>,
) -> Option<Protocol> {
    if answered == Some(Pending::Connect) && SUCCESSFUL.contains(&status) {
        return Some(Protocol::Tunnel);
    }
    if status != SWITCHING_PROTOCOLS {
        return None;
    }
    let request = exchange.and_then(|exchange| exchange.request.as_ref());
    let asked_other = request.is_none_or(|head| {
        !head.has_token("Upgrade", "websocket") && head.has_other_token("Upgrade", "websocket")
    });
    let says_websocket =
        summary.upgrade == Upgrade::WebSocket || summary.own == WebSocketFields::Accept;
    let says_nothing = summary.upgrade == Upgrade::Absent;
    Some(if says_websocket || (says_nothing && !asked_other) {
        Protocol::WebSocket
    } else {
        Protocol::Other
    })
}

/// RFC 9112 §6.3 item 1.
fn has_no_body(status: u16, answered: Option<Pending>, exchange: Option<&Handshake>) -> bool {
    status == NO_CONTENT
        || status == NOT_MODIFIED
        || answered == Some(Pending::PlainHead)
        || exchange.and_then(Handshake::method) == Some(b"HEAD")
}

/// Bytes of the client that are held back while a response is pending, by default.
pub const EARLY_LIMIT: usize = 64 * 1024;

/// Requests without a response; with more than that, the connection is skipped.
const MAX_PIPELINED: usize = 256;

/// Interim responses are from here (RFC 9110 §15.2) ...
const INTERIM: u16 = 100;

/// ... to here, exclusively.
const FINAL: u16 = 200;

/// RFC 9110 §15.2.2.
const SWITCHING_PROTOCOLS: u16 = 101;

/// RFC 9110 §15.3.
const SUCCESSFUL: std::ops::RangeInclusive<u16> = 200..=299;

/// RFC 9110 §15.3.5.
const NO_CONTENT: u16 = 204;

/// RFC 9110 §15.4.5.
const NOT_MODIFIED: u16 = 304;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::MAX_HEAD;
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
                self.log.push(format!(
                    "held {} {}",
                    held.span().start,
                    held.bytes().escape_ascii()
                ));
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
    fn limits_are_said() {
        let mut session = Session::new();
        session.push(Client, ASK.as_bytes());
        session.push(Client, &vec![0; EARLY_LIMIT + 7]);
        session.push(Server, YES.as_bytes());
        let held = session.decoder.take_held(Client);
        assert_eq!((held.bytes().len(), held.dropped()), (EARLY_LIMIT, 7));
        for extra in [0, 1] {
            let padding =
                MAX_HEAD - "GET / HTTP/1.1\r\nUpgrade: websocket\r\nA:\r\n\r\n".len() + extra;
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
}
