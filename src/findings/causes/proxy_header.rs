//! WHY-23: the PROXY protocol is used by one side only.

use crate::analysis::event::{ConnectionId, StrayBytes, StrayPlace};
use crate::findings::across::handshake_keys::KeyUse;
use crate::findings::causes::no_response;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::http::Head;
use crate::stream::{Direction, Span};

/// WHY-23.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-23",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "PROXY protocol not agreed on",
    section: "The PROXY protocol, versions 1 and 2",
    explanation: "A proxy that uses the PROXY protocol sends the client's address in front of the request \
        (a line that begins with PROXY TCP4 or PROXY TCP6, or a binary header). A server that does not \
        expect it takes it for a malformed request; one that requires it refuses or closes a connection \
        without it.",
    remedy: "Use the PROXY protocol on both sides or on neither: remove `send-proxy` or `send-proxy-v2` \
        from the server line of HAProxy (nginx: `proxy_protocol on`; AWS: proxy protocol of the target \
        group), or make the server expect it (nginx: `listen ... proxy_protocol`; HAProxy: \
        `accept-proxy`; Traefik: proxyProtocol.trustedIPs).",
    example: Example::Text(
        "proxy: PROXY TCP4 192.0.2.7 10.0.0.1 51111 8080\nproxy: GET /chat HTTP/1.1 ...\n\
         server: HTTP/1.1 400 Bad Request",
    ),
    explains: Some(
        Cause::failure(1_103, "PROXY protocol not agreed on")
            .explaining(&["HS-4", "HS-54", "NET-06", "NET-07"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        if context.subject.state.handshake.accepted.is_some() {
            return;
        }
        let response = refusal(context);
        if let Some((other, request)) = required(context, response) {
            violations
                .add(missing(other))
                .direction(Direction::ClientToServer)
                .side(None)
                .span(request)
                .remedy(MISSING);
        } else if let Some(span) = sent(context) {
            let Some(how) = refused(context, response) else { return };
            violations
                .add(format!("a PROXY header precedes the request, and {how}"))
                .direction(Direction::ClientToServer)
                .side(None)
                .span(span);
        } else if let Some((passed_on, response)) = passed_on(context).zip(response) {
            let (id, packet) = (passed_on.connection.0, passed_on.proxy_header.unwrap_or_default());
            let status = response.status().unwrap_or_default();
            violations
                .add(format!(
                    "answered {status}: the proxy forwarded the request on connection {id} after a \
                     PROXY header (packet {packet}), which the server there does not expect"
                ))
                .direction(Direction::ServerToClient)
                .side(None)
                .span(response.span);
        }
    })],
}];

/// The response that refused the request.
fn refusal<'a>(context: &CauseContext<'a>) -> Option<&'a Head> {
    context.subject.state.handshake.refused.as_deref()?.response.as_ref()
}

/// The connection on which the server accepted a request after a header, and this one's request, if it was refused
/// without a header.
fn required(context: &CauseContext<'_>, response: Option<&Head>) -> Option<(ConnectionId, Span)> {
    let is_unread = response.is_some_and(is_unreadable) || no_response::waited(context).is_some();
    let compared = &context.across.compared_requests;
    let other = compared.accepted_after_proxy_header(context.connection.id);
    let request = context.subject.state.handshake.asked?.request;
    Some((other.filter(|_| is_unread)?, request))
}

/// The header that precedes the request, though its end may be missing.
fn sent(context: &CauseContext<'_>) -> Option<Span> {
    let is_unfinished = |stray: &&StrayBytes| stray.place == StrayPlace::UnfinishedProxyHeader;
    let unfinished = context.connection.stray.iter().find(is_unfinished);
    context.connection.proxy_header().or_else(|| Some(unfinished?.span))
}

/// How a server refused what it could not read, in words. What the application decides has nothing to do with the
/// header.
fn refused(context: &CauseContext<'_>, response: Option<&Head>) -> Option<String> {
    match (response, context.subject.state.ended) {
        (Some(response), _) => {
            let status = response.status().filter(|_| is_unreadable(response))?;
            Some(format!("the server answered {status}"))
        }
        (None, ended) => {
            ended.map(|_| "the server ended the connection without a response".to_owned())
        }
    }
}

/// What shows that a server requires a header, in words.
fn missing(other: ConnectionId) -> String {
    format!(
        "no PROXY header precedes the request, and the server refused it; it accepted the one of connection {}, which \
         begins with such a header, and none without",
        other.0
    )
}

/// Whether a response says that its server could not read the request.
fn is_unreadable(response: &Head) -> bool {
    response.status().is_some_and(|status| UNREADABLE.contains(&status))
}

const MISSING: &str = "Let the client, or the proxy that connected here, send the PROXY header (HAProxy: `send-proxy`; \
    nginx: `proxy_protocol on` in stream; AWS: proxy protocol of the target group), connect to a port of the server \
    that does not require it, or switch it off at the server (nginx: `listen` without `proxy_protocol`; HAProxy: bind \
    without `accept-proxy`). Health checks and direct tests need a port of their own.";

/// The same request on its way from a proxy to the server, if a PROXY header precedes it there.
fn passed_on(context: &CauseContext<'_>) -> Option<KeyUse> {
    let refused = context.subject.state.handshake.refused.as_deref()?;
    let status = refused.status()?;
    if !UNREADABLE.contains(&status) && !UNREACHABLE.contains(&status) {
        return None;
    }
    context.across.keys.used(refused.key()?).filter(|used| {
        used.connection != context.connection.id
            && used.server != context.connection.server
            && used.proxy_header.is_some()
    })
}

/// Statuses with which a server refuses what it cannot read.
const UNREADABLE: &[u16] = &[400, 405, 426, 500, 501, 505];

/// Statuses with which a proxy reports that the server closed without a response, or did not respond.
const UNREACHABLE: &[u16] = &[502, 503, 504];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes};
    use crate::stream::Side;

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a line that the server does not expect", near: &[], fires: &["WHY-23"], play: |s| {
            s.open().client(b"PROXY TCP4 192.0.2.7 10.0.0.1 51111 8080\r\nGET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
            s.server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
        RuleCase { name: "a request that is refused for another reason", near: &["WHY-23"], fires: &["WHY-27 server"], play: |s| {
            s.open().client(b"PROXY TCP4 192.0.2.7 10.0.0.1 51111 8080\r\nGET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
            s.server(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
        RuleCase { name: "both sides of the proxy", near: &[], fires: &["WHY-23", "WHY-23"], play: |s| {
            let request = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
            let refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            s.open().client(request);
            let ports = s.ports;
            s.beside(10, |t| {
                t.ports = [50_900, 9_001];
                t.open().client(b"PROXY TCP4 10.0.0.1 10.0.0.2 50000 80\r\n").client(request).server(refusal).end(Side::Server);
            });
            s.ports = ports;
            s.wait(100).server(refusal).end(Side::Server);
        }},
        RuleCase { name: "a server that requires it", near: &[], fires: &["WHY-23"], play: |s| {
            let (key, accept) = s.open().fresh_key();
            s.client(b"PROXY TCP4 192.0.2.7 10.0.0.1 51111 8080\r\n").client(format!("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").as_bytes());
            s.server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes()).close();
            s.ask("").end(Side::Server);
        }},
        RuleCase { name: "a server that accepts both, and closes another", near: &["WHY-23"], fires: &[], play: |s| {
            s.open().upgrade("", "").close();
            s.ask("").end(Side::Server);
        }},
        RuleCase { name: "no header", near: &["WHY-23"], fires: &[], play: |s| { s.open().upgrade("", "").close(); } },
    ];

    #[test]
    fn headers_that_are_not_expected_are_named() {
        check_causes(&[RULES], CASES);
    }
}
