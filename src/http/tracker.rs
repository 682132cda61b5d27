//! The HTTP/1.x conversation of one connection, up to the point where it becomes a WebSocket.

use std::collections::VecDeque;

use super::Handshake;
use super::body::{Body, Framing, Missing, Passed};
use super::glance::{Glance, OwnFields, Traces, Upgrade};
use super::head::{Head, MAX_HEAD};
use super::held::Held;
use super::line::{HeadEnd, HeadView, Start};
use super::probe::{Match, looks_like_head};
use crate::stream::{Chunk, Direction, Gap, Span, length_u64};

/// Follows requests and responses, and says when the connection stops being HTTP.
///
/// Heads without traces of a WebSocket are read where they lie and forgotten; bodies are passed
/// over. How the bytes were cut into chunks never changes what is observed.
#[derive(Debug)]
pub struct Tracker {
    client: Side,
    server: Side,
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
    /// The head of a request that asks for a WebSocket or bears traces of one is whole.
    UpgradeRequested(&'a Handshake),
    /// The head of its final response is whole, or none came. Without a request in it, a response
    /// bears traces of a WebSocket and its request was not captured.
    HandshakeEnded(&'a Handshake),
    /// A CONNECT was answered with something other than 2xx, or not at all.
    TunnelRefused(&'a Handshake),
    /// A head is larger than [`MAX_HEAD`]; it was let go.
    HeadTooLarge(Direction),
}

/// What became of a chunk or gap. `consumed` counts the bytes of this chunk that are HTTP's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// All of it was read or held.
    Continue,
    /// All of it was passed over: where the next head of this direction begins is not known. It is
    /// looked for at the beginning of each chunk.
    Lost,
    /// A WebSocket from here on (101). The tracker is done.
    Upgraded {
        /// Bytes of the chunk up to the end of the response's head.
        consumed: usize,
    },
    /// A tunnel from here on (2xx to CONNECT): both directions may be anything. The tracker is done.
    Tunnel {
        /// Bytes of the chunk up to the end of the response's head.
        consumed: usize,
    },
    /// Some other protocol from here on (101). The tracker is done.
    SwitchedOther {
        /// Bytes of the chunk up to the end of the response's head.
        consumed: usize,
    },
    /// This direction does not begin with HTTP. Nothing of the chunk was consumed; bytes before it
    /// are in [`Tracker::take_held`]. The tracker is done.
    NotHttp,
}

#[derive(Debug, Default)]
struct Side {
    reading: Reading,
    held: Held,
    end: HeadEnd,
}

/// What comes next on one side.
#[derive(Clone, Copy, Debug, Default)]
enum Reading {
    /// The first head, or something else than HTTP.
    #[default]
    First,
    /// A head.
    Head,
    /// The rest of a body.
    Body(Body),
    /// Unknown; a head may begin with any chunk.
    Lost,
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

/// Where reading stands after one step.
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

/// A whole head, wherever its bytes are.
#[derive(Clone, Copy, Debug)]
struct Whole<'a> {
    raw: &'a [u8],
    span: Span,
    /// Bytes of the current chunk up to its end.
    consumed: usize,
}

impl Default for Tracker {
    fn default() -> Self {
        Self::new(EARLY_LIMIT)
    }
}

impl Tracker {
    /// A tracker that holds back at most `early_limit` bytes of the client while a response is
    /// pending.
    pub fn new(early_limit: usize) -> Self {
        Self {
            client: Side::default(),
            server: Side::default(),
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
            if looks_like_head(direction, chunk.bytes) == Match::No {
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

    /// Passes over bytes of `direction` that the capture does not hold.
    ///
    /// After [`Progress::Lost`] of the server, the response that [`Tracker::awaiting_response`]
    /// waits for may have been among them.
    pub fn gap(&mut self, direction: Direction, gap: Gap) -> Progress {
        if self.attention != Attention::Full {
            return Progress::Continue;
        }
        let mut length = gap.length;
        if let Reading::Body(body) = &mut self.side(direction).reading {
            match body.gap(length) {
                Missing::Inside => return Progress::Continue,
                Missing::Whole => {
                    self.side(direction).reading = Reading::Head;
                    return Progress::Continue;
                }
                Missing::Beyond(beyond) => length = beyond,
            }
        }
        if direction == Direction::ClientToServer && self.exchange.is_some() {
            self.client.reading = Reading::Head;
            self.client.held.let_go(length);
            self.count_early(length);
            return Progress::Continue;
        }
        self.lose(direction);
        Progress::Lost
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

    /// The handshake (or CONNECT) that ended HTTP on this connection, for whoever goes on with it:
    /// after [`Progress::Upgraded`], [`Progress::SwitchedOther`], [`Progress::Tunnel`] or
    /// [`Tracker::finish`].
    pub fn take_handshake(&mut self) -> Option<Handshake> {
        self.ended.take().map(|handshake| *handshake)
    }

    /// The bytes of `direction` that were pushed before the current chunk and not read as HTTP.
    ///
    /// Of the client: what it sent behind a request whose response was pending. Of either: the
    /// beginning of what turned out not to be HTTP, or of a head that is not whole.
    pub fn take_held(&mut self, direction: Direction) -> Held {
        std::mem::take(&mut self.side(direction).held)
    }

    fn side(&mut self, direction: Direction) -> &mut Side {
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
        *self.side(direction) = Side { reading: Reading::Lost, ..Side::default() };
        if direction == Direction::ServerToClient {
            // Responses to any of these may be among the bytes not read.
            self.pending.retain(|pending| !pending.is_plain());
        }
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
            self.client.held.push(chunk, self.early_limit);
            self.count_early(length_u64(chunk.bytes.len()));
            return Step::Next(chunk.bytes.len());
        }
        let side = self.side(direction);
        if let Reading::Body(body) = &mut side.reading {
            return match body.push(chunk.bytes) {
                Passed::All => Step::Next(chunk.bytes.len()),
                Passed::Whole(length) => {
                    side.reading = Reading::Head;
                    Step::Next(length)
                }
                Passed::Broken => Step::Lost,
            };
        }
        if side.held.is_empty() {
            self.head_in_chunk(direction, chunk, sink)
        } else {
            self.head_in_pieces(direction, chunk, sink)
        }
    }

    /// The common case: the head begins in this chunk, and nothing is copied if it ends there.
    fn head_in_chunk(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut dyn FnMut(Observation<'_>),
    ) -> Step {
        let side = self.side(direction);
        if looks_like_head(direction, chunk.bytes) == Match::No {
            return side.mismatch();
        }
        let mut end = HeadEnd::default();
        match end.find(chunk.bytes) {
            Some((begin, consumed)) if consumed <= MAX_HEAD => {
                let raw = chunk.bytes.get(begin..consumed).unwrap_or_default();
                let head = chunk.skip(begin).take(raw.len());
                let mut span = Span::at(head.offset, chunk.origin);
                span.extend(head.end(), chunk.origin);
                self.head(direction, Whole { raw, span, consumed }, sink)
            }
            None if chunk.bytes.len() < MAX_HEAD => {
                side.held.push(chunk, MAX_HEAD);
                side.end = end;
                Step::Next(chunk.bytes.len())
            }
            Some(_) | None => {
                sink(Observation::HeadTooLarge(direction));
                Step::Lost
            }
        }
    }

    fn head_in_pieces(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut dyn FnMut(Observation<'_>),
    ) -> Step {
        let side = self.side(direction);
        let mut held = std::mem::take(&mut side.held);
        let before = held.bytes().len();
        held.push(chunk, MAX_HEAD);
        if looks_like_head(direction, held.bytes()) == Match::No {
            held.cut(before);
            side.held = held;
            return side.mismatch();
        }
        if let Some((begin, end)) = side.end.find(held.bytes()) {
            side.end = HeadEnd::default();
            let raw = held.bytes().get(begin..end).unwrap_or_default();
            let consumed = end.saturating_sub(before);
            let whole = Whole { raw, span: held.part(begin, end), consumed };
            return self.head(direction, whole, sink);
        }
        if held.bytes().len() < MAX_HEAD {
            side.held = held;
            return Step::Next(chunk.bytes.len());
        }
        sink(Observation::HeadTooLarge(direction));
        Step::Lost
    }

    fn head(
        &mut self,
        direction: Direction,
        whole: Whole<'_>,
        sink: &mut dyn FnMut(Observation<'_>),
    ) -> Step {
        let view = HeadView::new(whole.raw);
        let glance = Glance::of(&view);
        match view.start {
            Start::Request { method, .. } if direction == Direction::ClientToServer => {
                self.request(method, &glance, whole, sink)
            }
            Start::Response { status, .. } if direction == Direction::ServerToClient => {
                self.response(status, &glance, whole, sink)
            }
            Start::Request { .. } | Start::Response { .. } => Step::Lost,
        }
    }

    fn request(
        &mut self,
        method: &[u8],
        glance: &Glance,
        whole: Whole<'_>,
        sink: &mut dyn FnMut(Observation<'_>),
    ) -> Step {
        let pending = match (method, glance.traces()) {
            (b"CONNECT", _) => Pending::Connect,
            (_, Traces::Traces | Traces::Asked) => Pending::Handshake,
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
            let request = Some(Head::parse(whole.raw, whole.span));
            let exchange = Box::new(Handshake { request, ..Handshake::default() });
            if pending == Pending::Handshake {
                sink(Observation::UpgradeRequested(&exchange));
            }
            self.exchange = Some(exchange);
        }
        let framing = match pending {
            // RFC 9110 §9.3.6: what follows is the tunnel's.
            Pending::Connect => Framing::Nothing,
            Pending::Plain | Pending::PlainHead | Pending::Handshake => Framing::of_request(glance),
        };
        self.client.follow(framing, whole.consumed)
    }

    fn response(
        &mut self,
        status: u16,
        glance: &Glance,
        whole: Whole<'_>,
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
            // Only the last request can have asked for it.
            self.pending.retain(|pending| !pending.is_plain());
        }
        let answered = self.pending.pop_front();
        let mut exchange = match answered {
            Some(Pending::Handshake | Pending::Connect) => self.exchange.take(),
            Some(Pending::Plain | Pending::PlainHead) | None => None,
        };
        let protocol = protocol(status, glance, answered, exchange.as_deref());
        let unasked = match protocol {
            Some(Protocol::WebSocket) => exchange.is_none(),
            Some(Protocol::Tunnel | Protocol::Other) => false,
            None => answered.is_none() && glance.traces() != Traces::None,
        };
        if unasked {
            exchange = Some(Box::default());
        }
        if let Some(exchange) = &mut exchange {
            exchange.response = Some(Head::parse(whole.raw, whole.span));
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
            Framing::of_response(glance)
        };
        let step = self.server.follow(framing, whole.consumed);
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
        if held.dropped() > 0 && self.exchange.is_some() {
            self.client.held.let_go(held.dropped());
            self.count_early(held.dropped());
        } else if held.dropped() > 0 {
            self.lose(Direction::ClientToServer);
        }
    }
}

impl Side {
    fn mismatch(&self) -> Step {
        match self.reading {
            Reading::First => Step::NotHttp,
            Reading::Head | Reading::Body(_) | Reading::Lost => Step::Lost,
        }
    }

    fn follow(&mut self, framing: Framing, consumed: usize) -> Step {
        self.reading = match framing {
            Framing::Nothing => Reading::Head,
            Framing::Body(body) => Reading::Body(body),
            Framing::Unknown => return Step::Lost,
        };
        Step::Next(consumed)
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

/// The protocol that a response switches to.
fn protocol(
    status: u16,
    glance: &Glance,
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
    let says_websocket = glance.upgrade == Upgrade::WebSocket || glance.own == OwnFields::Accept;
    let says_nothing = glance.upgrade == Upgrade::Absent;
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

/// Bytes of the client that are held back while a response is pending, unless told otherwise.
pub const EARLY_LIMIT: usize = 64 * 1024;

/// Requests without a response; with more than that, the connection is passed over.
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
