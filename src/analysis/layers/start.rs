//! What the first bytes of a stream are to be read as.

use super::http::Http;
use super::next::{Next, NextLayer, Roles, StackStart};
use super::opening::http2;
use super::tls;
use crate::analysis::event::Connection;
use crate::http::{HeadStart, Match, begins_http2, find_head};
use crate::stream::{Chunk, Direction};
use crate::tls::begins_record;

/// Chooses the layer that reads the first bytes.
pub(super) fn choose(
    direction: Direction,
    chunk: Chunk<'_>,
    start: StackStart,
    connection: &mut Connection,
) -> Next {
    #[cfg(test)]
    if chunk.bytes.first() == Some(&super::cipher::MARK) {
        return super::cipher::start(start, connection);
    }
    if begins_record(chunk.bytes) {
        return tls::start(direction, chunk.bytes, start, connection);
    }
    if begins_http2(chunk.bytes) == Match::Yes && start.roles == Roles::Guessed {
        return http2(connection);
    }
    Next::become_layer(match start.roles {
        // Nearly always, the first bytes are a whole head.
        Roles::Known if begins_head(direction, chunk.bytes) => Http::start(connection),
        Roles::Known => NextLayer::Opening,
        Roles::Guessed => NextLayer::Probe,
    })
}

/// Whether bytes begin with what `direction` sends, and with nothing before it.
fn begins_head(direction: Direction, bytes: &[u8]) -> bool {
    find_head(direction, bytes) == HeadStart::At(0)
}
