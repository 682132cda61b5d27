//! The beginning of a stream that does not show at once what it carries: PROXY headers, greetings, stray
//! bytes, or too few bytes.

use super::http::Http;
use super::next::{Next, NextLayer, StackStart, ignore};
use super::stray;
use super::tls;
use super::websocket::{UNNEGOTIATED, WebSocket};
use crate::analysis::context::Context;
use crate::analysis::event::{
    Connection, ConnectionEvent, Intermediary, IntermediaryKind, Nature, Recognition, StrayPlace,
    Transport,
};
use crate::analysis::sink::Sink;
use crate::http::{
    HeadStart, Match, OtherProtocol, begins_http2, find_head, is_text, looks_like_response,
};
use crate::proxy::{
    MAX_PROXY_HEADER, Parsed, ProxyHeader, SocksVersion, methods, proxy_header, socks4_request,
};
use crate::stream::{Buffer, Chunk, Direction, PerDirection};
use crate::tls::{begins_record, may_begin_record};
use crate::websocket::Start;

/// What both sides have sent so far.
#[derive(Debug, Default)]
pub(super) struct Opening {
    held: PerDirection<Buffer>,
    /// Chunks since the last PROXY header.
    chunks: PerDirection<u32>,
    /// PROXY headers that were read.
    headers: u8,
    /// Whether something was dropped to save memory.
    is_evicted: bool,
    /// Memory taken by the bytes, as the budget knows it.
    kept: usize,
}

/// What the bytes of a direction begin with.
enum Beginning {
    Tls,
    /// HTTP/1.x, after so many stray bytes.
    Http(usize),
    Http2,
    ProxyHeader(ProxyHeader, usize),
    Socks(SocksVersion),
    /// More bytes are needed.
    NeedMore,
    /// None of these, so far.
    Foreign,
}

impl Opening {
    pub(super) fn push<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        start: StackStart,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        if self.is_evicted {
            return Next::become_layer(NextLayer::Probe);
        }
        self.held.get_mut(direction).push(chunk);
        if chunk.bytes.len() > 1 {
            let chunks = self.chunks.get_mut(direction);
            *chunks = chunks.saturating_add(1);
        }
        let next = match direction {
            Direction::ClientToServer => self.client(chunk, start, connection, context),
            Direction::ServerToClient => self.server(chunk, start, connection, context),
        };
        self.account(context);
        next
    }

    /// Ends the stream: what it began with is reported, if it is the beginning of something.
    pub(super) fn finish<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        let client = &self.held.client;
        if client.is_empty() && self.held.server.is_empty() {
            return;
        }
        let is_header = proxy_header(client.bytes()) == Parsed::Short
            && client.bytes().len() >= LEAST_PROXY_HEADER;
        if is_header {
            let place = StrayPlace::UnfinishedProxyHeader;
            stray::report(Direction::ClientToServer, place, client, connection, context);
            return;
        }
        if begins_http2(self.held.server.bytes()) == Match::Yes {
            http2(connection);
        } else if connection.nature == Nature::Unknown {
            let head = find_head(Direction::ClientToServer, client.bytes());
            let is_head = head == HeadStart::NeedMore && !client.is_empty();
            connection.nature = if is_head { Nature::Http } else { Nature::Other };
        }
    }

    /// Drops the bytes, to save memory: something known is looked for instead.
    pub(super) fn evict<S>(&mut self, context: &mut Context<'_, S>) {
        self.held = PerDirection::default();
        self.is_evicted = true;
        self.account(context);
    }

    /// Memory taken by the bytes, as the budget knows it.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    fn client<S: Sink>(
        &mut self,
        chunk: Chunk<'_>,
        start: StackStart,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let direction = Direction::ClientToServer;
        loop {
            let bytes = self.held.client.bytes();
            if bytes.is_empty() {
                return Next::Stay;
            }
            match client_beginning(bytes) {
                Beginning::ProxyHeader(header, length) => {
                    self.proxy_header(&header, length, connection, context);
                    if self.headers > MOST_HEADERS {
                        return ignore(connection, Nature::Other);
                    }
                }
                Beginning::Tls => {
                    let next = tls::start(direction, bytes, start, connection);
                    self.report_greeting(connection, context);
                    return self.hand_over(next, chunk);
                }
                Beginning::Http(strays) => {
                    self.report_greeting(connection, context);
                    self.strip(strays, connection, context);
                    let next = Next::become_layer(Http::start(connection));
                    return self.hand_over(next, chunk);
                }
                Beginning::Http2 => return http2(connection),
                Beginning::Socks(version) => {
                    return self.hand_over(Next::become_layer(NextLayer::Socks(version)), chunk);
                }
                Beginning::NeedMore if bytes.len() <= MAX_PROXY_HEADER => return Next::Stay,
                Beginning::Foreign if start.is_forced => {
                    return self.forced(chunk, connection, context);
                }
                // A request may still follow, or a response.
                Beginning::Foreign if self.is_worth_waiting() => return Next::Stay,
                Beginning::NeedMore | Beginning::Foreign => return self.give_up(connection),
            }
        }
    }

    fn server<S: Sink>(
        &mut self,
        chunk: Chunk<'_>,
        start: StackStart,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let bytes = self.held.server.bytes();
        if begins_record(bytes) {
            let next = tls::start(Direction::ServerToClient, bytes, start, connection);
            return self.hand_over(next, chunk);
        }
        let is_response = looks_like_response(bytes) == Match::Yes;
        let client = &self.held.client;
        if is_response && !client.is_empty() {
            let place = StrayPlace::InsteadOfRequest;
            stray::report(Direction::ClientToServer, place, client, connection, context);
            return ignore(connection, Nature::Other);
        }
        if is_response {
            return self.hand_over(Next::become_layer(Http::start(connection)), chunk);
        }
        if start.is_forced && begins_http2(bytes) == Match::No && !is_text(bytes) {
            return self.forced(chunk, connection, context);
        }
        if self.is_worth_waiting() { Next::Stay } else { self.give_up(connection) }
    }

    /// Reads frames, because the user said so.
    fn forced<S: Sink>(
        &mut self,
        chunk: Chunk<'_>,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let frames = WebSocket::open(UNNEGOTIATED, Start::Boundary, connection);
        context.emit(connection, ConnectionEvent::Recognized(Recognition::Forced));
        self.hand_over(Next::become_layer(NextLayer::WebSocket(frames)), chunk)
    }

    /// It is something else.
    fn give_up(&self, connection: &mut Connection) -> Next {
        if begins_http2(self.held.server.bytes()) == Match::Yes {
            return http2(connection);
        }
        ignore(connection, Nature::Other)
    }

    /// Takes a PROXY header away, and reports it.
    fn proxy_header<S: Sink>(
        &mut self,
        header: &ProxyHeader,
        length: usize,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        let rest = self.held.client.split_off(length);
        let span = std::mem::replace(&mut self.held.client, rest).span();
        self.headers = self.headers.saturating_add(1);
        self.chunks.client = 1;
        let kind = IntermediaryKind::Header(header.clone());
        connection.carrier.add_intermediary(Intermediary { kind, span });
        context.emit(connection, ConnectionEvent::ProxyHeader(header, span));
    }

    /// Takes stray bytes before a request away, and reports them.
    fn strip<S: Sink>(
        &mut self,
        length: usize,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        let rest = self.held.client.split_off(length);
        let strays = std::mem::replace(&mut self.held.client, rest);
        let (direction, place) = (Direction::ClientToServer, StrayPlace::BeforeRequest);
        stray::report(direction, place, &strays, connection, context);
    }

    /// Reports what the server said before the client.
    fn report_greeting<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        let greeting = std::mem::take(&mut self.held.server);
        let (direction, place) = (Direction::ServerToClient, StrayPlace::Greeting);
        stray::report(direction, place, &greeting, connection, context);
    }

    /// Gives another layer all that is held, the chunk among it.
    fn hand_over(&mut self, next: Next, chunk: Chunk<'_>) -> Next {
        let Next::Become(mut successor) = next else { return next };
        successor.held = Direction::BOTH
            .map(|direction| (direction, std::mem::take(self.held.get_mut(direction))))
            .into();
        successor.consumed = chunk.bytes.len();
        Next::Become(successor)
    }

    /// Whether HTTP may still come after what nothing is known of, or instead of it.
    fn is_worth_waiting(&self) -> bool {
        let (client, server) = (self.held.client.bytes(), self.held.server.bytes());
        let is_known = OtherProtocol::of(client).is_some();
        let chunks = self.chunks.client.max(self.chunks.server);
        let length = client.len().max(server.len());
        length <= MOST_STRAYS
            && (chunks <= MOST_CHUNKS || length <= FEW_BYTES)
            && (!is_known || looks_like_response(server) == Match::NeedMore)
    }

    fn account<S>(&mut self, context: &mut Context<'_, S>) {
        let kept = self.held.client.memory().saturating_add(self.held.server.memory());
        context.budget().account(&mut self.kept, kept);
    }
}

/// HTTP/2 in the clear, which is not decoded.
pub(super) fn http2(connection: &mut Connection) -> Next {
    connection.transport = Transport::H2;
    ignore(connection, Nature::Http2)
}

/// What the client's bytes begin with.
fn client_beginning(bytes: &[u8]) -> Beginning {
    if begins_record(bytes) {
        return Beginning::Tls;
    }
    // A header may be followed by the request in the same segment.
    let header = proxy_header(bytes);
    if let Parsed::Whole(header, length) = header {
        return Beginning::ProxyHeader(header, length);
    }
    let head = find_head(Direction::ClientToServer, bytes);
    if let HeadStart::At(strays) = head {
        return Beginning::Http(strays);
    }
    let http2 = begins_http2(bytes);
    if http2 == Match::Yes {
        return Beginning::Http2;
    }
    let socks = [
        (SocksVersion::V5, read_whole(bytes, &methods(bytes))),
        (SocksVersion::V4, read_whole(bytes, &socks4_request(bytes))),
    ];
    if let Some((version, _)) = socks.iter().find(|(_, found)| *found == Match::Yes) {
        return Beginning::Socks(*version);
    }
    let needs_more = head == HeadStart::NeedMore
        || http2 == Match::NeedMore
        || header == Parsed::Short
        || may_begin_record(bytes)
        || socks.iter().any(|(_, found)| *found == Match::NeedMore);
    if needs_more { Beginning::NeedMore } else { Beginning::Foreign }
}

/// Whether bytes are what was read from them: a client waits for the answer, or sends its next step.
fn read_whole<T>(bytes: &[u8], parsed: &Parsed<T>) -> Match {
    match parsed {
        Parsed::Whole(_, length) => {
            let next = bytes.get(*length);
            // The next step begins with its version: of a request, or of a login.
            if next.is_none_or(|next| matches!(next, 5 | 1)) { Match::Yes } else { Match::No }
        }
        Parsed::Short => Match::NeedMore,
        Parsed::Foreign => Match::No,
    }
}

/// Bytes of a PROXY header that cannot be the beginning of something else: the word and its blank.
const LEAST_PROXY_HEADER: usize = 6;

/// PROXY headers in a row: one of each proxy on the way.
const MOST_HEADERS: u8 = 16;

/// Bytes of a side that nothing is known of, before the connection is passed over.
const MOST_STRAYS: usize = 1 << 11;

/// Bytes of a side that may come in any number of chunks.
const FEW_BYTES: usize = 64;

/// Chunks of a side that nothing is known of, before the connection is passed over.
const MOST_CHUNKS: u32 = 8;
