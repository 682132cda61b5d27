//! Requests and responses, until they agree on something else.

use super::cut_heads::{CutHeads, CutResponse, continues_head, is_whole_head, may_ask_for_upgrade};
use super::next::{Next, NextLayer, StackStart, Successor, ignore};
use super::stray;
use super::tls::{self, note_answer_in_tls};
use super::tunnel;
use super::websocket::{UNNEGOTIATED, WebSocket, is_convincing, negotiated};
use crate::analysis::context::Context;
use crate::analysis::event::{
    Connection, ConnectionEvent, Event, EventKind, Intermediary, Limit, Nature, Recognition,
    Refusal, StrayPlace,
};
use crate::analysis::sink::Sink;
use crate::http::{
    HeadStart, Http1Decoder, Match, Observation, OtherProtocol, Progress, begins_http2, find_head,
    is_text,
};
use crate::stream::{Buffer, Chunk, Direction, Gap, Origin};
use crate::tls::{begins_record, may_begin_record};
use crate::websocket::Start;

/// HTTP/1.x.
#[derive(Debug, Default)]
pub(super) struct Http {
    decoder: Http1Decoder,
    /// What the server sent where a response to a handshake should begin.
    answer: Buffer,
    /// Memory taken by what it holds back, as the budget knows it.
    kept: usize,
    cut: CutHeads,
}

impl Http {
    /// Begins to read requests and responses.
    pub(super) fn start(connection: &mut Connection) -> NextLayer {
        if connection.nature == Nature::Unknown {
            connection.nature = Nature::Http;
        }
        NextLayer::Http
    }

    pub(super) fn push<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        start: StackStart,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let awaits_response = self.decoder.awaiting_response().is_some();
        if awaits_response
            && direction == Direction::ClientToServer
            && connection.packets.server == 0
        {
            // The other direction is not in the capture: after the request, there must be frames.
            return self.take_for_frames(connection, context);
        }
        if self.cut == CutHeads::Request
            && let Some(next) = self.after_cut_request(direction, chunk)
        {
            return next;
        }
        let mut read = chunk;
        if direction == Direction::ServerToClient && self.decoder.awaits_head_of_response() {
            match self.answer(chunk, connection, context) {
                Answer::Head(rest) => read = rest,
                Answer::Waiting => {
                    self.account(context);
                    return Next::Stay;
                }
                Answer::Foreign => return self.leave(direction, chunk, start, connection, context),
            }
        }
        // Bytes of the chunk that were passed over.
        let strays = chunk.bytes.len().saturating_sub(read.bytes.len());
        let progress = self.decoder.push(direction, read, &mut |seen| {
            http_event(connection, chunk.origin, seen, context.sink);
        });
        self.account(context);
        if direction == Direction::ServerToClient
            && let Some(refusal) = &mut connection.refusal
        {
            refusal.add(chunk);
        }
        match progress {
            Progress::Continue => Next::Stay,
            Progress::Lost => {
                let are_frames = is_convincing(direction, chunk);
                if !awaits_response {
                    // Only frames are worth a second look: HTTP was looked for just now.
                    let consumed = if are_frames { 0 } else { chunk.bytes.len() };
                    let probe = NextLayer::Probe;
                    Successor { consumed, ..Successor::new(probe) }.into()
                } else if are_frames && direction == Direction::ServerToClient {
                    // The response was lost in a gap, and frames follow it.
                    self.take_for_frames(connection, context)
                } else {
                    Next::Stay
                }
            }
            Progress::Upgraded { consumed } => {
                let handshake = self.decoder.take_handshake();
                let compression = negotiated(handshake.as_ref());
                let frames = WebSocket::open(compression, Start::Boundary, connection);
                let (layer, held) = (NextLayer::FirstFrames(frames), vec![self.held_of_client()]);
                let consumed = consumed.saturating_add(strays);
                Successor { held, consumed, ..Successor::new(layer) }.into()
            }
            Progress::Tunnel { consumed } => {
                let handshake = self.decoder.take_handshake().unwrap_or_default();
                connection.nature = Nature::Unknown;
                let proxy = Intermediary::of_connect(&handshake);
                connection.carrier.add_intermediary(proxy);
                context.emit(connection, ConnectionEvent::TunnelOpened(&handshake));
                let Some(inner) = tunnel::enter(start) else {
                    return ignore(connection, Nature::Other);
                };
                let (layer, held) = (NextLayer::Tunnel(inner), vec![self.held_of_client()]);
                let consumed = consumed.saturating_add(strays);
                Successor { held, consumed, ..Successor::new(layer) }.into()
            }
            // HTTP/2, perhaps: what follows shows it.
            Progress::SwitchedOther { consumed } if start.depth < tunnel::MAX_TUNNELS => {
                let (layer, held) = (NextLayer::Opening, vec![self.held_of_client()]);
                let consumed = consumed.saturating_add(strays);
                Successor { held, consumed, ..Successor::new(layer) }.into()
            }
            Progress::SwitchedOther { .. } => ignore(connection, Nature::Other),
            Progress::NotHttp => self.leave(direction, chunk, start, connection, context),
        }
    }

    /// Drops what it holds back, to save memory.
    pub(super) fn evict<S>(&mut self, context: &mut Context<'_, S>) {
        self.decoder.evict();
        self.answer.evict();
        self.account(context);
    }

    /// Memory taken by what it holds back, in bytes, as the budget knows it.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Tells the budget what it holds back now.
    fn account<S>(&mut self, context: &mut Context<'_, S>) {
        let kept = self.decoder.memory().saturating_add(self.answer.memory());
        context.budget().account(&mut self.kept, kept);
    }

    pub(super) fn gap<S: Sink>(
        &mut self,
        direction: Direction,
        gap: Gap,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let beginning = self.decoder.beginning(direction);
        let asks = may_ask_for_upgrade(direction, beginning);
        let response = CutResponse::of(beginning);
        let may_switch = direction == Direction::ServerToClient
            && (self.cut == CutHeads::Request || self.decoder.awaiting_response().is_some());
        let is_lost = self.decoder.gap(direction, gap) == Progress::Lost;
        self.account(context);
        if is_lost && may_switch {
            match response {
                CutResponse::Switches => return self.follow_cut_heads(connection, context),
                CutResponse::Undecided if self.cut == CutHeads::Request => {
                    connection.nature = Nature::Unknown;
                    connection.is_undecided = true;
                    // Frame headers are not recorded either.
                    return Next::Ignore;
                }
                CutResponse::Undecided | CutResponse::Other => {}
            }
        }
        if is_lost && asks {
            self.cut = CutHeads::Request;
            return Next::Stay;
        }
        if is_lost && self.decoder.awaiting_response().is_none() {
            // A head was lost: what follows may be anything, frames included.
            return Next::become_layer(NextLayer::Probe);
        }
        Next::Stay
    }

    pub(super) fn finish<S: Sink>(
        &mut self,
        now: Origin,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        let answer = std::mem::take(&mut self.answer);
        let place = StrayPlace::InsteadOfResponse;
        stray::report(Direction::ServerToClient, place, &answer, connection, context);
        if self.decoder.awaiting_response().is_some() {
            let begun = self.decoder.take_held(Direction::ServerToClient);
            let place = StrayPlace::UnfinishedResponse;
            stray::report(Direction::ServerToClient, place, &begun, connection, context);
        }
        self.decoder.finish(&mut |seen| http_event(connection, now, seen, context.sink));
    }

    /// Takes what the server sends where a response to a handshake should begin: perhaps after bytes that
    /// it sent by mistake.
    fn answer<'c, S: Sink>(
        &mut self,
        chunk: Chunk<'c>,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Answer<'c> {
        let direction = Direction::ServerToClient;
        let before = self.answer.bytes().len();
        if before == 0 && find_head(direction, chunk.bytes) == HeadStart::At(0) {
            return Answer::Head(chunk);
        }
        self.answer.push(chunk);
        let bytes = self.answer.bytes();
        let strays = match find_head(direction, bytes) {
            HeadStart::At(strays) => strays,
            HeadStart::NeedMore if bytes.len() <= MOST_STRAYS => return Answer::Waiting,
            HeadStart::NeedMore | HeadStart::Nowhere => {
                let is_short = begins_http2(bytes) == Match::NeedMore || may_begin_record(bytes);
                // A greeting is quoted up to the end of its line.
                let is_known = OtherProtocol::of(bytes).is_some() && bytes.contains(&b'\n');
                let may_be_printed = is_text(bytes) && !is_known;
                let waits = is_short || (may_be_printed && bytes.len() <= MOST_STRAYS);
                return if waits { Answer::Waiting } else { Answer::Foreign };
            }
        };
        let mut held = std::mem::take(&mut self.answer);
        let mut head = held.split_off(strays);
        stray::report(direction, StrayPlace::BeforeResponse, &held, connection, context);
        // What comes before the chunk is the beginning of the status line. One packet may carry both.
        let earlier = head.bytes().len().saturating_sub(chunk.bytes.len());
        let _: bool = head.truncate(earlier);
        for piece in head.chunks() {
            self.decoder.push(direction, piece, &mut |_| {});
        }
        Answer::Head(chunk.skip(strays.saturating_sub(before)))
    }

    /// The stream does not begin with HTTP, or stopped being HTTP.
    fn leave<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        start: StackStart,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let held = Direction::BOTH.map(|direction| (direction, self.decoder.take_held(direction)));
        let beginning = if self.answer.is_empty() {
            let before = held.iter().find(|(other, _)| *other == direction);
            let before = before.map(|(_, held)| held.bytes()).unwrap_or_default();
            [before, chunk.bytes].concat()
        } else {
            self.answer.bytes().to_vec()
        };
        if direction == Direction::ServerToClient {
            // Known before the handshake is reported as failed: it is why.
            note_answer_in_tls(&beginning, chunk, connection, context);
        }
        self.finish(context.now, connection, context);
        if start.is_forced {
            let frames = WebSocket::open(UNNEGOTIATED, Start::Boundary, connection);
            context.emit(connection, ConnectionEvent::Recognized(Recognition::Forced));
            let layer = NextLayer::WebSocket(frames);
            return Successor { held: held.into(), ..Successor::new(layer) }.into();
        }
        if begins_record(&beginning) && direction == Direction::ClientToServer {
            return match tls::start(direction, &beginning, start, connection) {
                Next::Become(mut successor) => {
                    successor.held = held.into();
                    Next::Become(successor)
                }
                next @ (Next::Stay | Next::Ignore) => next,
            };
        }
        // An answer that is not HTTP refuses a handshake as well as any status.
        connection.is_rejected |= connection.nature == Nature::UpgradeRequested;
        ignore(connection, Nature::Other)
    }

    /// Takes what follows a request of which only the beginning was recorded; `None` for the beginning of
    /// a response, which is read as any other.
    fn after_cut_request(&self, direction: Direction, chunk: Chunk<'_>) -> Option<Next> {
        match direction {
            Direction::ClientToServer if continues_head(chunk.bytes) => Some(Next::Stay),
            Direction::ClientToServer => Some(Next::become_layer(NextLayer::Probe)),
            Direction::ServerToClient => match CutResponse::of(chunk.bytes) {
                // A response that is whole says more than its beginning.
                CutResponse::Switches if !is_whole_head(chunk.bytes) => None,
                CutResponse::Undecided => None,
                CutResponse::Other if !self.decoder.beginning(direction).is_empty() => None,
                CutResponse::Switches | CutResponse::Other => {
                    Some(Next::become_layer(NextLayer::Probe))
                }
            },
        }
    }

    /// Reads on as frames after a response that switched the protocol, as its recorded beginning says.
    fn follow_cut_heads<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        self.finish(context.now, connection, context);
        let frames = WebSocket::open(UNNEGOTIATED, Start::Boundary, connection);
        context.emit(connection, ConnectionEvent::Recognized(Recognition::Frames));
        let (layer, held) = (NextLayer::WebSocket(frames), vec![self.held_of_client()]);
        Successor { held, ..Successor::new(layer) }.into()
    }

    /// Reads on as frames though the response was not captured.
    fn take_for_frames<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        self.finish(context.now, connection, context);
        let frames = WebSocket::open_after_request(connection);
        context.emit(connection, ConnectionEvent::Recognized(Recognition::Frames));
        let (layer, held) = (NextLayer::WebSocket(frames), vec![self.held_of_client()]);
        Successor { held, ..Successor::new(layer) }.into()
    }

    fn held_of_client(&mut self) -> (Direction, Buffer) {
        let client = Direction::ClientToServer;
        (client, self.decoder.take_held(client))
    }
}

/// What the server sent where a response should begin.
enum Answer<'c> {
    /// The head begins, or goes on, with this.
    Head(Chunk<'c>),
    /// More bytes are needed.
    Waiting,
    /// Another protocol.
    Foreign,
}

/// Hands on what the decoder observed.
fn http_event<S: Sink>(
    connection: &mut Connection,
    now: Origin,
    seen: Observation<'_>,
    sink: &mut S,
) {
    let event = match seen {
        Observation::UpgradeRequested(handshake) => {
            connection.nature = Nature::UpgradeRequested;
            ConnectionEvent::UpgradeRequested(handshake)
        }
        Observation::HandshakeEnded(handshake) => {
            connection.nature = Nature::UpgradeRequested;
            let is_rejected = handshake.status().is_some_and(|it| it != SWITCHING_PROTOCOLS);
            connection.is_rejected = is_rejected;
            connection.refusal = handshake
                .response
                .as_ref()
                .filter(|_| is_rejected)
                .map(|head| Box::new(Refusal { offset: head.span.end, ..Refusal::default() }));
            ConnectionEvent::HandshakeEnded(handshake)
        }
        Observation::TunnelRefused(handshake) => {
            let proxy = Intermediary::of_connect(handshake);
            connection.carrier.add_intermediary(proxy);
            connection.nature = Nature::UpgradeRequested;
            connection.is_rejected = handshake.status().is_some();
            ConnectionEvent::TunnelRefused(handshake)
        }
        Observation::HeadTooLarge(_) => ConnectionEvent::Limit(Limit::HeadBytes),
        Observation::FromBrowser(browser) => {
            connection.carrier.browser = Some(browser);
            return;
        }
    };
    sink.event(&Event { origin: now, kind: EventKind::Connection(connection, event) });
}

/// Bytes before a response that are taken for such as were sent by mistake, at most.
const MOST_STRAYS: usize = 1 << 12;

/// The status that agrees to an upgrade (RFC 9110 §15.2.2).
const SWITCHING_PROTOCOLS: u16 = 101;
