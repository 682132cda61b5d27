//! The HTTP/1.x conversation of one connection, up to the point where it becomes a WebSocket.

use super::Handshake;
use super::body::Framing;
use super::exchange::{Answer, Exchanges, Protocol, Refused};
use super::half::{Half, Read, Reading, Sync, Whole};
use super::head_summary::HeadSummary;
use super::line::{HeadView, Start};
use super::observation::Observation;
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
    /// While a handshake or CONNECT is among them, what the client sends is held back.
    exchanges: Exchanges,
    ended: Option<Box<Handshake>>,
    attention: Attention,
    early_limit: usize,
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

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Attention {
    Full,
    /// Requests and responses cannot be matched any more.
    Ignore,
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
            exchanges: Exchanges::default(),
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

    /// What was read of a head of `direction` that is not whole.
    pub fn beginning(&self, direction: Direction) -> &[u8] {
        let side = match direction {
            Direction::ClientToServer => &self.client,
            Direction::ServerToClient => &self.server,
        };
        if self.holds(direction) { &[] } else { side.held.bytes() }
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
        let Some(handshake) = self.exchanges.finish(sink) else { return };
        self.attention = Attention::Done;
        self.ended = Some(handshake);
    }

    /// The handshake whose response has not come yet.
    pub fn awaiting_response(&self) -> Option<&Handshake> {
        self.exchanges.awaiting_response()
    }

    /// Whether the server's next bytes should begin the head of the response to a handshake or CONNECT.
    pub fn awaits_head_of_response(&self) -> bool {
        self.exchanges.is_response_awaited()
            && self.server.held.is_empty()
            && matches!(self.server.reading, Reading::First | Reading::Head)
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

    /// Drops what it keeps, to save memory: a head that is not whole, the request that waits for its
    /// response, and all but the first byte of what waits with it, which shows where the others are missing.
    pub fn evict(&mut self) {
        self.exchanges.evict();
        for direction in Direction::BOTH {
            if self.holds(direction) {
                self.side(direction).held.evict();
            } else if !self.side(direction).held.is_empty() {
                self.lose(direction);
            }
        }
    }

    /// Memory taken by what it holds back, and by the request that waits for its response, in bytes.
    pub fn memory(&self) -> usize {
        let held = self.client.held.memory().saturating_add(self.server.held.memory());
        let ended = self.ended.as_ref().map_or(0, |handshake| handshake.memory());
        held.saturating_add(self.exchanges.memory()).saturating_add(ended)
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
            && self.exchanges.is_response_awaited()
            && !matches!(self.client.reading, Reading::Body(_))
    }

    fn lose(&mut self, direction: Direction) {
        *self.side(direction) = Half::lost();
        if direction == Direction::ServerToClient {
            // Responses to any of these may be among the bytes not read.
            self.exchanges.lose_response();
        }
    }

    fn missing(&mut self, direction: Direction, length: u64) -> Progress {
        let beyond = self.side(direction).gap(length);
        if beyond == 0 {
            return Progress::Continue;
        }
        if direction == Direction::ClientToServer && self.exchanges.is_response_awaited() {
            self.client.reading = Reading::Head;
            self.client.held.count_dropped(beyond);
            self.exchanges.count_early(beyond);
            return Progress::Continue;
        }
        self.lose(direction);
        Progress::Lost
    }

    fn step(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut dyn FnMut(Observation<'_>),
    ) -> Step {
        if self.holds(direction) {
            self.client.held.push_within(chunk, self.early_limit);
            self.exchanges.count_early(length_u64(chunk.bytes.len()));
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
        if let Some(browser) = summary.browser {
            sink(Observation::FromBrowser(browser));
        }
        let Some(framing) = self.exchanges.request(method, summary, whole, sink) else {
            self.attention = Attention::Ignore;
            return Step::Next(whole.consumed);
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
        match self.exchanges.response(status, summary, whole, sink) {
            Answer::Interim => {
                self.server.reading = Reading::Head;
                Step::Next(whole.consumed)
            }
            Answer::Switch(protocol, handshake) => {
                self.ended = handshake;
                Step::Switch(protocol, whole.consumed)
            }
            Answer::Final(framing, refused) => {
                let step = follow(&mut self.server, framing, whole.consumed);
                if refused == Refused::Yes {
                    self.release(sink);
                }
                step
            }
        }
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

fn follow(side: &mut Half, framing: Framing, consumed: usize) -> Step {
    match side.follow(framing) {
        Sync::Kept => Step::Next(consumed),
        Sync::Lost => Step::Lost,
    }
}

/// Bytes of the client that are held back while a response is pending, by default.
pub const EARLY_LIMIT: usize = 64 * 1024;

#[cfg(test)]
mod tests;
