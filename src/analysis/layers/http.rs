//! Requests and responses, until they agree on something else.

use super::next::{Next, NextLayer, StackStart, Successor, ignore};
use super::tls::{Tls, note_answer_in_tls};
use super::tunnel;
use super::websocket::{UNNEGOTIATED, WebSocket, is_convincing, negotiated};
use crate::analysis::context::Context;
use crate::analysis::event::{
    Connection, ConnectionEvent, Event, EventKind, Limit, Nature, Recognition, Refusal,
};
use crate::analysis::sink::Sink;
use crate::http::{Http1Decoder, Observation, Progress};
use crate::stream::{Buffer, Chunk, Direction, Gap, Origin};
use crate::tls::begins_record;
use crate::websocket::Start;

/// HTTP/1.x.
#[derive(Debug, Default)]
pub(super) struct Http {
    decoder: Http1Decoder,
    /// Memory taken by what it holds back, as the budget knows it.
    kept: usize,
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
        let progress = self.decoder.push(direction, chunk, &mut |seen| {
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
                let are_frames = is_convincing(direction, chunk.bytes);
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
                let (layer, held) = (NextLayer::WebSocket(frames), vec![self.held_of_client()]);
                Successor { held, consumed, ..Successor::new(layer) }.into()
            }
            Progress::Tunnel { consumed } => {
                let handshake = self.decoder.take_handshake().unwrap_or_default();
                connection.nature = Nature::Unknown;
                context.emit(connection, ConnectionEvent::TunnelOpened(&handshake));
                let Some(inner) = tunnel::enter(start) else {
                    return ignore(connection, Nature::Other);
                };
                let (layer, held) = (NextLayer::Tunnel(inner), vec![self.held_of_client()]);
                Successor { held, consumed, ..Successor::new(layer) }.into()
            }
            Progress::SwitchedOther { .. } => ignore(connection, Nature::Other),
            Progress::NotHttp => self.leave(direction, chunk, start, connection, context),
        }
    }

    /// Drops what it holds back, to save memory.
    pub(super) fn evict<S>(&mut self, context: &mut Context<'_, S>) {
        self.decoder.evict();
        self.account(context);
    }

    /// Memory taken by what it holds back, in bytes, as the budget knows it.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Tells the budget what it holds back now.
    fn account<S>(&mut self, context: &mut Context<'_, S>) {
        let kept = self.decoder.memory();
        if kept != self.kept {
            context.budget().change(self.kept, kept);
            self.kept = kept;
        }
    }

    pub(super) fn gap<S>(
        &mut self,
        direction: Direction,
        gap: Gap,
        context: &mut Context<'_, S>,
    ) -> Next {
        let is_lost = self.decoder.gap(direction, gap) == Progress::Lost;
        self.account(context);
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
        self.decoder.finish(&mut |seen| http_event(connection, now, seen, context.sink));
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
        let mut beginning = held
            .iter()
            .find(|(other, _)| *other == direction)
            .map(|(_, held)| held.bytes().to_vec())
            .unwrap_or_default();
        beginning.extend_from_slice(chunk.bytes);
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
            return match Tls::start(direction, &beginning, start.roles, connection) {
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

    /// Reads on as frames though the response was not captured.
    fn take_for_frames<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        self.finish(context.now, connection, context);
        let frames = WebSocket::open_after_request(connection);
        context.emit(connection, ConnectionEvent::Recognized(Recognition::Likely));
        let (layer, held) = (NextLayer::WebSocket(frames), vec![self.held_of_client()]);
        Successor { held, ..Successor::new(layer) }.into()
    }

    fn held_of_client(&mut self) -> (Direction, Buffer) {
        let client = Direction::ClientToServer;
        (client, self.decoder.take_held(client))
    }
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
            connection.nature = Nature::UpgradeRequested;
            connection.is_rejected = handshake.status().is_some();
            ConnectionEvent::TunnelRefused(handshake)
        }
        Observation::HeadTooLarge(_) => ConnectionEvent::Limit(Limit::HeadBytes),
    };
    sink.event(&Event { origin: now, kind: EventKind::Connection(connection, event) });
}

/// The status that agrees to an upgrade (RFC 9110 §15.2.2).
const SWITCHING_PROTOCOLS: u16 = 101;
