//! What the first bytes of a stream are to be read as.

use super::http::Http;
use super::next::{Next, NextLayer, Roles, StackStart, ignore};
use super::probe::is_http2_preface;
use super::tls::Tls;
use super::websocket::{UNNEGOTIATED, WebSocket};
use crate::analysis::context::Context;
use crate::analysis::event::{Connection, ConnectionEvent, Nature, Recognition, Transport};
use crate::analysis::sink::Sink;
use crate::http::{Match, looks_like_request, looks_like_response};
use crate::stream::{Chunk, Direction};
use crate::tls::begins_record;
use crate::websocket::Start;

/// Chooses the layer that reads the first bytes.
pub(super) fn choose<S: Sink>(
    direction: Direction,
    chunk: Chunk<'_>,
    start: StackStart,
    connection: &mut Connection,
    context: &mut Context<'_, S>,
) -> Next {
    #[cfg(test)]
    if chunk.bytes.first() == Some(&super::cipher::MARK) {
        return super::cipher::start(start, connection);
    }
    if begins_record(chunk.bytes) {
        return Tls::start(direction, chunk.bytes, start.roles, connection);
    }
    if is_http2_preface(chunk.bytes) {
        connection.transport = Transport::H2;
        return ignore(connection, Nature::Unreadable);
    }
    Next::become_layer(match start.roles {
        Roles::Known => Http::start(connection),
        Roles::Guessed if start.is_forced && !is_http(chunk.bytes) => {
            let frames = WebSocket::open(UNNEGOTIATED, Start::Anywhere, connection);
            context.emit(connection, ConnectionEvent::Recognized(Recognition::Forced));
            NextLayer::WebSocket(frames)
        }
        Roles::Guessed => NextLayer::Probe,
    })
}

fn is_http(bytes: &[u8]) -> bool {
    looks_like_request(bytes) == Match::Yes || looks_like_response(bytes) == Match::Yes
}
