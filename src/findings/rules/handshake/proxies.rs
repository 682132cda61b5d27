//! Proxies that pass an upgrade request on without what makes it one (HS-49).

use crate::findings::across::proxied_requests::Proxied;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::ComparisonContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::known_proxies::KnownProxy;
use crate::findings::rules::handshake::fields_read::{attempt, lacks_token, sent, shown};
use crate::findings::rules::handshake::refusal_advice::dropped_by;
use crate::http::{Handshake, Head};
use crate::stream::{Direction, Side};

/// HS-49.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "HS-49",
    severity: Severity::Error,
    applies_to: AppliesTo::Nobody,
    title: "a proxy dropped the upgrade",
    section: "RFC 9110 §7.6.1, §7.8",
    explanation: "Upgrade and Connection apply to one hop only. A proxy that is not configured \
        for WebSocket does not forward them, or speaks HTTP/1.0 to the server, so that the server \
        sees an ordinary request: it answers with 400, 404, 426 or a page, and the proxy forwards \
        that to the client, which has done nothing wrong.",
    remedy: "Configure the proxy to forward the upgrade. nginx, in the location of this path:\n  \
        proxy_http_version 1.1;\n  proxy_set_header Upgrade $http_upgrade;\n  proxy_set_header \
        Connection \"upgrade\";\nApache, with mod_proxy 2.4.47 or later:\n  ProxyPass \"/path\" \
        \"http://server:port/path\" upgrade=websocket\nVarnish: `return (pipe)`. HAProxy, Caddy and Traefik \
        forward it by default: look for rules that delete or set Connection and Upgrade. A load balancer must \
        use HTTP/1.1 or TCP for this path.",
    example: Example::Text(
        "client to proxy: Upgrade: websocket, HTTP/1.1\nproxy to server: Connection: close, HTTP/1.0",
    ),
    explains: Some(Cause::failure(110, "proxy dropped the upgrade")),
    checks: &[
        Check::CompareRequest(|context, violations| {
            let Some((request, proxied)) = passed_on(context) else { return };
            let before = match proxied {
                Proxied::Of(request) => format!(
                    "the request of connection {} (packet {}) reached this server without its upgrade",
                    request.connection.0, request.request.packet
                ),
                Proxied::Says(name) => {
                    format!("a proxy sent this request ({})", sent(request, name))
                }
            };
            let proxy = dropped_by(None, Some(request));
            violations.add(format!("{before}: {}{}", lost(request), named(proxy))).remedy =
                proxy.map(|proxy| proxy.remedy);
        }),
        Check::CompareEnd(|context, violations| {
            let Some(refused) = context.subject.state.handshake.refused.as_deref() else { return };
            let Some(stripped) = context.across.proxied_requests.stripped(context.connection.id)
            else {
                return;
            };
            let status = refused.status().unwrap_or_default();
            let span = refused.response.as_ref().map(|head| head.span).unwrap_or_default();
            let proxy = dropped_by(Some(stripped), refused.response.as_ref());
            let violation = violations.add(format!(
                "answered {status}: the proxy forwarded the request as packet {} of \
                 connection {}, without the upgrade{}",
                stripped.packet,
                stripped.connection.0,
                named(proxy)
            ));
            violation.direction(Direction::ServerToClient).side(Side::Server).span(span);
            violation.remedy = proxy.map(|proxy| proxy.remedy);
        }),
    ],
}];

/// The request, where a proxy has passed it on without the upgrade, and how that is known.
pub(super) fn passed_on<'a>(
    context: &ComparisonContext<'a, &'a Handshake>,
) -> Option<(&'a Head, Proxied<'a>)> {
    let request = attempt(context.subject)?;
    Some((request, context.across.proxied_requests.proxied(context.connection, request)?))
}

/// The proxy, if it left a trace, in words.
fn named(proxy: Option<&KnownProxy>) -> String {
    proxy.map_or_else(String::new, |proxy| format!("; the fields are those of {}", proxy.name))
}

/// What a request has lost, in words.
fn lost(request: &Head) -> String {
    let mut lost = Vec::new();
    if request.version() == b"HTTP/1.0" {
        lost.push(shown(request.version()));
    }
    if lacks_token(request, "Upgrade", "websocket") {
        lost.push(sent(request, "Upgrade"));
    }
    if lacks_token(request, "Connection", "Upgrade") {
        lost.push(sent(request, "Connection"));
    }
    lost.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a field says that a proxy sent it", near: &[], fires: &["HS-49 client"], play: |s| {
            s.open().client(b"GET /chat HTTP/1.0\r\nHost: a\r\nConnection: close\r\nX-Forwarded-For: 10.0.0.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
                .server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
        RuleCase { name: "a proxy that passes the upgrade on", near: &["HS-49"], fires: &[], play: |s| {
            s.open().upgrade("X-Forwarded-For: 10.0.0.1\r\n", "").close();
        }},
        RuleCase { name: "a client of its own making", near: &["HS-49"], fires: &["HS-05 client", "HS-40"], play: |s| {
            s.open().client(b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
                .server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
    ];

    #[test]
    fn each_offence_is_found_once_and_nothing_else() {
        check(&[RULES], CASES);
    }
}
