//! What to do about a connection that ended without a Close: what its last packets exclude is not suggested.

use crate::analysis::event::Ending;
use crate::findings::engine::context::RuleContext;
use crate::stream::{Origin, Side};

/// What to do about a FIN without a Close, if the remedy of the rule does not fit.
pub(super) fn after_fin(
    context: &RuleContext<'_, Ending>,
    by: Side,
    at: Origin,
) -> Option<&'static str> {
    match (was_in_use(context, at), by) {
        (false, _) => None,
        (true, Side::Client) => Some(CLIENT_LEFT),
        (true, Side::Server) => Some(SERVER_LEFT),
    }
}

/// What to do about an RST without a Close, if the remedy of the rule does not fit.
pub(crate) fn after_reset(
    context: &RuleContext<'_, Ending>,
    by: Side,
    at: Origin,
) -> Option<&'static str> {
    context.state.health.heard?;
    if was_forgotten(context, at) {
        return Some(FORGOTTEN);
    }
    Some(match (was_in_use(context, at), by) {
        (false, _) => IDLE_RESET,
        (true, Side::Client) => CLIENT_RESET,
        (true, Side::Server) => SERVER_RESET,
    })
}

/// Whether frames (Pings as well) were sent until shortly before the end, so that no timeout for silence has
/// passed.
fn was_in_use(context: &RuleContext<'_, Ending>, at: Origin) -> bool {
    let heard = context.state.health.heard;
    heard.is_some_and(|heard| at.time.waited_since(heard.time) < SHORTEST_TIMEOUT)
}

/// Whether the end answers the first frame after a long silence: whoever sent it does not know the connection.
fn was_forgotten(context: &RuleContext<'_, Ending>, at: Origin) -> bool {
    let silence = &context.state.health.latest;
    silence.length >= LONG_SILENCE && at.time.waited_since(silence.until.time) < AT_ONCE
}

const CLIENT_LEFT: &str = "Nothing was idle: frames were sent until shortly before the end, so Pings would not \
    have helped. Clients leave like this when their process or page ends, when the network changes, or when a \
    library drops the connection: look at the client's log, and let it call close() and wait for the Close of \
    the server before it exits. A server should treat such an end as usual.";

const SERVER_LEFT: &str = "Nothing was idle: frames were sent until shortly before the end, so Pings would not \
    have helped. Look at the server's log at that moment: an exception in the handler of the last message, a \
    process that was restarted or killed, or code that closes the socket instead of the WebSocket. A proxy in \
    front of it may have ended the connection, too (its reload, its own limit).";

const FORGOTTEN: &str = "The reset answers the first frame after a long silence: a device on the path (NAT, \
    firewall, load balancer) or the peer's system no longer knew the connection. Send Pings more often than \
    that silence, from the side that has to keep the connection, and reconnect after an error.";

const IDLE_RESET: &str = "Compare the silence before the reset with the idle timeouts on the path (proxy, load \
    balancer, NAT, firewall): if it is one of them, send Pings more often, or raise it. Otherwise look at the log \
    of the side that reset at that moment.";

const CLIENT_RESET: &str = "Nothing was idle, so Pings would not have helped. The client's system sends RST if \
    its process or page ends, or if its program closes the socket while data has not been read (terminate(), \
    destroy(), SO_LINGER 0): look at the client's log, and close with a Close frame.";

const SERVER_RESET: &str = "Nothing was idle, so Pings would not have helped. Look at the server at that moment: \
    did its process crash, was it killed or restarted, or did its program close the socket while data had not \
    been read? If its log shows none of these, a proxy or firewall in between reset the connection.";

/// Nanoseconds: hardly any timeout for silence is shorter.
const SHORTEST_TIMEOUT: u64 = 10_000_000_000;

/// Nanoseconds after which devices on the path forget connections, at the earliest.
const LONG_SILENCE: u64 = 30_000_000_000;

/// Nanoseconds within which a reset answers a frame.
const AT_ONCE: u64 = 2_000_000_000;
