//! A server that ends a connection as soon as it has the request, without a response.

use crate::findings::engine::context::CauseContext;
use crate::stream::Side;

/// Nanoseconds after which a server ended the connection without a byte, if it did so as soon as it had the request
/// and all of this was captured.
pub(super) fn waited(context: &CauseContext<'_>) -> Option<u64> {
    let state = context.subject.state;
    let request = state.handshake.asked?.request;
    let (_, at) = state.ended.filter(|(side, _)| *side == Side::Server)?;
    let waited = at.time.since(request.last.time);
    let is_silent = context.connection.bytes.server == 0 && context.subject.ending.unseen.is_none();
    (is_silent && waited <= AT_ONCE).then_some(waited)
}

/// Nanoseconds within which a server that cannot read a request, or does not want it, ends the connection.
const AT_ONCE: u64 = 2_000_000_000;
