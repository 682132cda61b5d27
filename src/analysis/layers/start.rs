//! What the first bytes of a stream are to be read as.

use super::http::Http;
use super::next::{Next, NextLayer, Roles, StackStart};
use super::opening::http2;
use super::tls::Tls;
use super::websocket::{UNNEGOTIATED, WebSocket};
use crate::analysis::context::Context;
use crate::analysis::event::{Connection, ConnectionEvent, Recognition};
use crate::analysis::sink::Sink;
use crate::http::{
    HeadStart, Match, begins_http2, find_head, looks_like_request, looks_like_response,
};
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
    if begins_http2(chunk.bytes) == Match::Yes && start.roles == Roles::Guessed {
        return http2(connection);
    }
    Next::become_layer(match start.roles {
        // Nearly always, the first bytes are a whole head.
        Roles::Known if begins_head(direction, chunk.bytes) => Http::start(connection),
        Roles::Known => NextLayer::Opening,
        Roles::Guessed if start.is_forced && !is_http(chunk.bytes) => {
            let frames = WebSocket::open(UNNEGOTIATED, Start::Anywhere, connection);
            context.emit(connection, ConnectionEvent::Recognized(Recognition::Forced));
            NextLayer::WebSocket(frames)
        }
        Roles::Guessed => NextLayer::Probe,
    })
}

/// Whether bytes begin with what `direction` sends, and with nothing before it.
fn begins_head(direction: Direction, bytes: &[u8]) -> bool {
    find_head(direction, bytes) == HeadStart::At(0)
}

fn is_http(bytes: &[u8]) -> bool {
    looks_like_request(bytes) == Match::Yes || looks_like_response(bytes) == Match::Yes
}
