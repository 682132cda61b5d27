//! WHY-23: the PROXY protocol is used by one side only.

use crate::analysis::event::{IntermediaryKind, StrayPlace};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::stream::Direction;

/// WHY-23.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-23",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "PROXY protocol not agreed on",
    section: "The PROXY protocol, versions 1 and 2",
    explanation: "A proxy that uses the PROXY protocol sends the client's address in front of the request \
        (a line that begins with PROXY TCP4 or PROXY TCP6, or a binary header). A server that does not \
        expect it takes it for a malformed request.",
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
        let facts = &context.subject.state.handshake;
        let header = context.connection.intermediaries.iter().find_map(|it| match &it.kind {
            IntermediaryKind::Header(_) => Some(it.span),
            IntermediaryKind::Socks(_) | IntermediaryKind::Connect { .. } => None,
        });
        let unfinished = context
            .connection
            .stray
            .iter()
            .find(|stray| stray.place == StrayPlace::UnfinishedProxyHeader)
            .map(|stray| stray.span);
        let Some(span) = header.or(unfinished).filter(|_| facts.accepted.is_none()) else { return };
        let refused = facts.refused.as_deref().and_then(|it| it.response.as_ref());
        let how = match (refused, context.subject.state.ended) {
            (Some(response), _) => match response.status() {
                // What the application decides has nothing to do with the header.
                Some(400 | 405 | 426 | 500 | 501 | 505) => {
                    format!("the server answered {}", response.status().unwrap_or_default())
                }
                _ => return,
            },
            (None, Some(_)) => "the server ended the connection without a response".to_owned(),
            (None, None) => return,
        };
        violations
            .add(format!("a PROXY header precedes the request, and {how}"))
            .direction(Direction::ClientToServer)
            .side(None)
            .span(span);
    })],
}];

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
        RuleCase { name: "no header", near: &["WHY-23"], fires: &[], play: |s| { s.open().upgrade("", "").close(); } },
    ];

    #[test]
    fn headers_that_are_not_expected_are_named() {
        check_causes(&[RULES], CASES);
    }
}
