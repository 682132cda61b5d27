//! Frames of both directions.

use crate::analysis::context::Context;
use crate::analysis::event::{Connection, ConnectionEvent, Event, EventKind, Nature};
use crate::analysis::sink::Sink;
use crate::http::Handshake;
use crate::stream::{Chunk, Direction, Gap, Origin, PerDirection};
use crate::websocket::extension::{self, DeflateParams};
use crate::websocket::sync::{Expectation, Masked, Rsv1, holds_frames};
use crate::websocket::{Compression, Decoder, History, Observation, Opcode, Settings, Start};

/// Frames of both directions.
#[derive(Debug)]
pub(super) struct WebSocket {
    decoders: PerDirection<Decoder>,
}

impl WebSocket {
    /// Begins to read frames: the conversation is a WebSocket.
    pub(super) fn open(
        compression: PerDirection<Compression>,
        start: Start,
        connection: &mut Connection,
    ) -> Self {
        connection.nature = Nature::WebSocket;
        connection.compression = compression;
        Self {
            decoders: PerDirection {
                client: Decoder::new(compression.client, start),
                server: Decoder::new(compression.server, start),
            },
        }
    }

    /// As [`WebSocket::open`] where the handshake is missing: frames may begin anywhere, but for the boundaries
    /// that are known.
    pub(super) fn open_midstream(
        boundaries: PerDirection<Option<u64>>,
        connection: &mut Connection,
    ) -> Self {
        let mut frames = Self::open(UNNEGOTIATED, Start::Anywhere, connection);
        for direction in Direction::BOTH {
            let boundary = *boundaries.get(direction);
            frames.decoders.get_mut(direction).expect(masks_of(direction), boundary);
        }
        frames
    }

    /// As [`WebSocket::open`] where the response is missing: the server's frames may begin anywhere.
    pub(super) fn open_after_request(connection: &mut Connection) -> Self {
        let mut frames = Self::open(UNNEGOTIATED, Start::Boundary, connection);
        frames.decoders.server = Decoder::new(Compression::Unknown, Start::Anywhere);
        frames
    }

    /// Goes on between two messages of a direction, with what the next one may refer to.
    pub(super) fn resume(
        direction: Direction,
        compression: Compression,
        history: History<'_>,
        settings: Settings,
    ) -> Self {
        let fresh = || Decoder::new(Compression::None, Start::Boundary);
        let mut decoders = PerDirection { client: fresh(), server: fresh() };
        *decoders.get_mut(direction) = Decoder::resume(compression, history, settings);
        Self { decoders }
    }

    #[inline]
    pub(super) fn push<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        let Context { shared, sink, .. } = context;
        let decoder = self.decoders.get_mut(direction);
        sink.stream_bytes(connection, direction, chunk);
        let is_late = decoder.is_lost();
        decoder.push(chunk, shared, &mut |seen| {
            let origin = if is_late { seen.span().last } else { chunk.origin };
            frame_event(connection, direction, origin, seen, *sink);
        });
    }

    pub(super) fn gap<S: Sink>(
        &mut self,
        direction: Direction,
        gap: Gap,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        let Context { shared, sink, .. } = context;
        self.decoders.get_mut(direction).gap(gap, shared, &mut |seen| {
            frame_event(connection, direction, gap.origin, seen, *sink);
        });
    }

    /// Drops what is kept of messages, to save memory.
    pub(super) fn evict<S>(&mut self, context: &mut Context<'_, S>) {
        self.decoders.client.evict(context.shared);
        self.decoders.server.evict(context.shared);
    }

    /// Memory taken by what is kept of messages, in bytes, as the budget knows it.
    pub(super) fn kept(&self) -> usize {
        self.decoders.client.kept().saturating_add(self.decoders.server.kept())
    }

    pub(super) fn finish<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        for direction in Direction::BOTH {
            let decoder = self.decoders.get_mut(direction);
            let Context { shared, sink, now, .. } = context;
            let is_late = decoder.is_lost();
            decoder.finish(shared, &mut |seen| {
                let origin = if is_late && is_whole(seen) { seen.span().last } else { *now };
                frame_event(connection, direction, origin, seen, *sink);
            });
            if let Some((bytes, span)) = decoder.partial_header() {
                let event = ConnectionEvent::HeaderUnfinished(direction, bytes, span);
                context.emit(connection, event);
            }
        }
    }
}

/// What was negotiated, by whose side; unknown where the handshake was not seen.
pub(super) fn negotiated(handshake: Option<&Handshake>) -> PerDirection<Compression> {
    let Some(handshake) = handshake else {
        return UNNEGOTIATED;
    };
    let accepted = handshake.extensions_accepted().unwrap_or_default();
    match DeflateParams::from_accepted(&extension::parse(&accepted)) {
        None => PerDirection { client: Compression::None, server: Compression::None },
        Some(params) => PerDirection {
            client: Compression::Deflate(params.client),
            server: Compression::Deflate(params.server),
        },
    }
}

/// Whether a chunk holds frames as their sender must send them.
pub(super) fn is_convincing(direction: Direction, chunk: Chunk<'_>) -> bool {
    let masked = Some(masks_of(direction));
    holds_frames(chunk, Expectation { masked, rsv1: Rsv1::Allowed })
}

/// Whether frames of a direction are masked (RFC 6455 §5.1).
pub(super) fn masks_of(direction: Direction) -> Masked {
    match direction {
        Direction::ClientToServer => Masked::Yes,
        Direction::ServerToClient => Masked::No,
    }
}

/// Whether an observation was complete before the stream ended.
fn is_whole(seen: Observation<'_>) -> bool {
    match seen {
        Observation::FrameStarted(_) | Observation::SyncFound(_) => true,
        Observation::FrameEnded(frame) => frame.is_complete(),
        Observation::Message(message) => message.complete,
        Observation::InvalidUtf8 { .. } | Observation::SyncLost(_) | Observation::NotAFrame(..) => {
            false
        }
    }
}

/// Counts and hands on what a decoder observed.
fn frame_event<S: Sink>(
    connection: &mut Connection,
    direction: Direction,
    now: Origin,
    seen: Observation<'_>,
    sink: &mut S,
) {
    match seen {
        Observation::FrameStarted(_) => {
            let count = connection.frames.get_mut(direction);
            *count = count.saturating_add(1);
        }
        Observation::Message(message) => {
            connection.messages.get_mut(direction).add(message.opcode);
            *connection.closes.get_mut(direction) |= message.opcode == Opcode::Close;
        }
        Observation::FrameEnded(_)
        | Observation::InvalidUtf8 { .. }
        | Observation::SyncLost(_)
        | Observation::SyncFound(_)
        | Observation::NotAFrame(..) => {}
    }
    let event = ConnectionEvent::of_frames(direction, seen);
    sink.event(&Event { origin: now, kind: EventKind::Connection(connection, event) });
}

/// Compression where the handshake was not seen.
pub(super) const UNNEGOTIATED: PerDirection<Compression> =
    PerDirection { client: Compression::Unknown, server: Compression::Unknown };
