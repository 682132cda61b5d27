//! What to do about a refusal, by what its request and response show: what they exclude is not suggested.

use crate::findings::across::proxied_requests::Stripped;
use crate::findings::engine::broken_rule::BrokenRule;
use crate::findings::known_proxies::{KnownProxy, forwarded_field};
use crate::findings::rules::handshake::fields_read::{contains, lacks_token};
use crate::findings::rules::handshake::refused_request::RefusedRequest;
use crate::http::Head;

/// What to do about HS-40, if the remedy of the rule does not fit: that a proxy dropped the upgrade is not
/// suggested to one whose request has it.
pub(super) fn bad_request(
    refusal: &RefusedRequest<'_>,
    broken: &[BrokenRule],
) -> Option<&'static str> {
    if broken.iter().any(|rule| OF_UPGRADE.contains(&rule.id)) {
        return KnownProxy::of(refusal.response).map(|proxy| proxy.remedy);
    }
    if !broken.is_empty() {
        return Some(FIX_CLIENT);
    }
    Some(match forwarded_field(refusal.request) {
        Some(_) => WHOLE_AND_FORWARDED,
        None => WHOLE,
    })
}

/// What to do about HS-42, if the remedy of the rule does not fit: a request without Origin was not refused
/// for it.
pub(super) fn forbidden(refusal: &RefusedRequest<'_>) -> Option<&'static str> {
    refusal.request.header("Origin").is_none().then_some(FORBIDDEN)
}

/// What to do about HS-44, if the remedy of the rule does not fit.
pub(super) fn upgrade_required(refusal: &RefusedRequest<'_>) -> Option<&'static str> {
    let (request, response) = (refusal.request, refusal.response);
    if lacks_token(request, "Upgrade", "websocket") || lacks_token(request, "Connection", "Upgrade")
    {
        return None;
    }
    if request.header("Sec-WebSocket-Version").is_some_and(|version| version != b"13") {
        return Some(VERSION);
    }
    if response.header("Upgrade").is_some() && !response.has_token("Upgrade", "websocket") {
        return Some(OTHER_UPGRADE);
    }
    Some(KnownProxy::of(response).map_or(LOST_LATER, |proxy| proxy.remedy))
}

/// What to do about HS-48, if the remedy of the rule does not fit.
pub(super) fn plain_response(status: u16) -> Option<&'static str> {
    match status {
        405 => Some(METHOD),
        408 => Some(TOO_SLOW),
        413 | 414 => Some(TOO_LARGE),
        421 => Some(MISDIRECTED),
        500 | 501 | 505..=599 => Some(HANDLER),
        402 | 406..=499 => Some(OTHER_STATUS),
        _ => None,
    }
}

/// What to do about HS-49, if the proxy left a trace in the request that it made or in the response.
pub(super) fn dropped_by(
    stripped: Option<Stripped>,
    head: Option<&Head>,
) -> Option<&'static KnownProxy> {
    stripped.and_then(|stripped| stripped.proxy).or_else(|| head.and_then(KnownProxy::of))
}

/// The application server that answered, as its Server field or X-Powered-By names it; `None` if this is a web server or
/// proxy, which may have answered for itself, or unknown.
pub(crate) fn application_server(response: &Head) -> Option<&'static str> {
    let named = |name: &str, text: &str| response.all(name).any(|value| contains(value, text));
    let known = SERVERS.iter().find(|(text, _)| named("Server", text));
    let powered = || POWERED.iter().find(|(text, _)| named("X-Powered-By", text));
    known.or_else(powered).map(|(_, name)| *name)
}

/// Texts of the Server field of application servers, and their names.
const SERVERS: &[(&str, &str)] = &[
    ("uvicorn", "uvicorn"),
    ("hypercorn", "Hypercorn"),
    ("daphne", "Daphne"),
    ("gunicorn", "gunicorn"),
    ("Werkzeug", "Werkzeug"),
    ("TornadoServer", "Tornado"),
    ("aiohttp", "aiohttp"),
    ("websockets/", "Python websockets"),
    ("Kestrel", "Kestrel"),
    ("Cowboy", "Cowboy"),
    ("Jetty", "Jetty"),
    ("akka-http", "Akka HTTP"),
    ("pekko-http", "Pekko HTTP"),
    ("Puma", "Puma"),
    ("WEBrick", "WEBrick"),
    ("Microsoft-HTTPAPI", "HTTP.sys"),
];

/// Texts of X-Powered-By, and what they name.
const POWERED: &[(&str, &str)] =
    &[("Express", "Express"), ("PHP", "PHP"), ("ASP.NET", "ASP.NET"), ("Next.js", "Next.js")];

/// Rules that a request breaks if a proxy passed it on without its upgrade.
const OF_UPGRADE: &[&str] = &["HS-02", "HS-05", "HS-06"];

const WHOLE: &str = "The request has everything that RFC 6455 requires, so look for what this server requires \
    besides: its log at that moment, the text of the body, query parameters, cookies and a subprotocol that it \
    expects. Send the request of a client that works (`curl -i -N` with the same fields) and compare the two.";

const WHOLE_AND_FORWARDED: &str = "The request has everything that RFC 6455 requires and came through a proxy: \
    look at the server's log for what it rejects, in particular the proxy's address (trusted proxies), the name \
    in Host (allowed hosts) and the fields that the proxy adds. The same request sent directly to the server \
    shows whether the proxy matters.";

const FIX_CLIENT: &str = "Correct the client: the rules named in the evidence say what is missing or wrong in \
    the request that arrived here. Let a WebSocket library make the request instead of setting its fields.";

pub(crate) const FORBIDDEN: &str = "Check in this order: whether the server has a WebSocket route for exactly \
    this path (frameworks of ASGI such as FastAPI, Starlette and Django Channels answer 403 to a WebSocket \
    without a route), whether a dependency, middleware or handler closes it before accept(), and whether it \
    needs a token or cookie. The server's log names which.";

const VERSION: &str = "Use a current client: the only version of the protocol is 13 (RFC 6455). \
    Sec-WebSocket-Version in the response lists what the server speaks.";

const OTHER_UPGRADE: &str = "The server requires the protocol named by Upgrade in the response, not WebSocket: \
    check host, port and path, and whether it expects wss:// (Upgrade: TLS/1.2) or HTTP/2.";

const LOST_LATER: &str = "The request has its upgrade here, and the server did not see it or does not handle \
    it at this path: attach the WebSocket server to this HTTP server and path; if a proxy answered, or passed \
    the request on, let it forward Upgrade and Connection (see HS-49). A capture on the server's side shows \
    which.";

pub(crate) const METHOD: &str = "Register the WebSocket handler for GET on this path (Allow in the response \
    lists what is accepted now), or correct the path: it may be that of a POST interface beside the WebSocket.";

const TOO_SLOW: &str = "The server waited for the rest of the request and gave up: look for what delayed the \
    client (a connection opened long before it is used), and raise the server's limit (nginx \
    client_header_timeout, HAProxy timeout http-request, Apache RequestReadTimeout).";

const TOO_LARGE: &str = "Shorten the request: move tokens from the query to a cookie or the first message, or \
    raise the server's limit (node --max-http-header-size, nginx large_client_header_buffers).";

const MISDIRECTED: &str = "The server does not serve the name in Host on this connection: correct the name, add \
    it to the server's virtual hosts and certificate, or let the proxy send the name that the server expects.";

pub(crate) const HANDLER: &str = "Read the server's log at that moment: the handler, or a middleware before it, \
    raised an error. Call the same path with `curl -i -N -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H \
    'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='` to repeat it.";

const OTHER_STATUS: &str = "Look up what this server means by this status (the body, its log and its \
    documentation): it is none that WebSocket or a proxy in its usual form uses to refuse an upgrade.";
