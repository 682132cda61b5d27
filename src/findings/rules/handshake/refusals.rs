//! What a response that refuses an upgrade means (HS-40 to HS-48).
//!
//! Nobody breaks a rule by refusing: these explain why the connection failed.

use crate::findings::across::attempts::Attempt;
use crate::findings::engine::broken_rule::in_words;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::{ComparisonContext, EndSeen};
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::{path, sent, shown};
use crate::findings::rules::handshake::refusal_advice::{
    bad_request, forbidden, plain_response, upgrade_required,
};
use crate::findings::rules::handshake::refused_request::{
    RefusedRequest, answered, is_engine_io_missing,
};
use crate::findings::rules::tls::mistaken::explains;
use crate::findings::words::counted;
use crate::stream::length_u64;

/// HS-40 to HS-48.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "HS-40",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "400: the server considers the request malformed",
        section: "RFC 9110 §15.5.1, RFC 6455 §4.2.1",
        explanation: "The request lacks something that the server needs for a WebSocket: a field \
            is missing or altered, often by a proxy on the path, or the endpoint expects a \
            different request.",
        remedy: "Look at the fields named in the evidence, and at the server's log. If the client \
            sent them correctly and they are wrong here, a proxy in between has altered them: it \
            must speak HTTP/1.1 to the server and forward Upgrade and Connection. nginx, in the \
            location of this path:\n  proxy_http_version 1.1;\n  proxy_set_header Upgrade \
            $http_upgrade;\n  proxy_set_header Connection \"upgrade\";\nOther proxies: see \
            HS-49.",
        example: Example::Text("server: HTTP/1.1 400 Bad Request"),
        explains: Some(Cause::failure(580, "400: bad request").unless(&["TLS-02"])),
        checks: &[Check::CompareEnd(|context, violations| {
            let Some(refusal) = refusal(context, |status| status == 400) else { return };
            let broken = context.across.broken_handshakes.refused(context.connection.id);
            let why = if broken.is_empty() {
                "nothing that RFC 6455 requires is missing from the request".to_owned()
            } else {
                format!("the request broke {}", in_words(broken))
            };
            let violation = refusal.report(violations, &why);
            violation.remedy = bad_request(&refusal, broken);
        })],
    },
    Rule {
        id: "HS-41",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "401: authentication required",
        section: "RFC 9110 §15.5.2, RFC 6455 §10.5",
        explanation: "The server requires authentication before it upgrades. The WebSocket \
            interface of browsers cannot set fields such as Authorization; they send only the \
            cookies of that host.",
        remedy: "Send the credentials that the server names. In a browser: a cookie set \
            beforehand for this host, a short-lived ticket in the query, or a token in the first \
            message. Other clients: node `new WebSocket(url, { headers: { Authorization: ... } \
            })`, Python websockets `additional_headers=`. Also check whether a token has \
            expired.",
        example: Example::Text(
            "server: HTTP/1.1 401 Unauthorized\nserver: WWW-Authenticate: Basic",
        ),
        explains: Some(Cause::failure(510, "401: not authenticated")),
        checks: &[Check::CompareEnd(|context, violations| {
            let Some(refusal) = refusal(context, |status| matches!(status, 401 | 407)) else {
                return;
            };
            let given = match refusal.request.header("Authorization") {
                Some(value) => {
                    let scheme = value.split(|byte| *byte == b' ').next().unwrap_or(value);
                    format!("Authorization of scheme {} was sent", shown(scheme))
                }
                None => match refusal.request.header("Cookie") {
                    Some(_) => "a Cookie was sent, but no Authorization".to_owned(),
                    None => "neither Authorization nor Cookie was sent".to_owned(),
                },
            };
            let why = format!("{}; {given}", sent(refusal.response, "WWW-Authenticate"));
            refusal.report(violations, &why);
        })],
    },
    Rule {
        id: "HS-42",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "403: the server refuses the request",
        section: "RFC 9110 §15.5.4, RFC 6455 §4.2.2, §10.2",
        explanation: "The server understood the request and refuses it. For a page, the usual \
            reason is the server's list of allowed origins: the page has a different scheme, host or port \
            than the server expects. It may also be a web application firewall, or missing \
            permissions of the user.",
        remedy: "Compare Origin with what the server allows, including scheme and port \
            (http://localhost:3000 and http://127.0.0.1:3000 are two origins), and add it there. \
            Clients other than browsers can set Origin themselves. If the origin is allowed, \
            check permissions and firewalls on the path.",
        example: Example::Text(
            "client: Origin: http://localhost:3000\nserver: HTTP/1.1 403 Forbidden",
        ),
        explains: Some(Cause::failure(520, "403: not allowed")),
        checks: &[Check::CompareEnd(|context, violations| {
            let Some(refusal) = refusal(context, |status| status == 403) else { return };
            let (origin, host) = (sent(refusal.request, "Origin"), sent(refusal.request, "Host"));
            let violation = refusal.report(violations, &format!("{origin}; {host}"));
            violation.remedy = forbidden(&refusal);
        })],
    },
    Rule {
        id: "HS-43",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "404: no WebSocket endpoint at this path",
        section: "RFC 9110 §15.5.5, §15.5.11",
        explanation: "The server has nothing at this path, or nothing that accepts an upgrade \
            there. Paths are matched exactly: a missing prefix, an extra slash, or a proxy that \
            strips or adds a prefix is enough.",
        remedy: "Check whether this is the WebSocket server's port at all (`ss -ltnp`): another \
            HTTP server would answer like this, too. Then compare the path in the evidence with \
            the one that the server registers, letter by letter, including prefix and trailing \
            slash. With a proxy in between, check how it rewrites the path (nginx: a slash at the \
            end of proxy_pass replaces the location's prefix).",
        example: Example::Text("client: GET /sokcet HTTP/1.1\nserver: HTTP/1.1 404 Not Found"),
        explains: Some(Cause::failure(530, "404: wrong path")),
        checks: &[Check::CompareEnd(|context, violations| {
            let Some(refusal) = refusal(context, |status| matches!(status, 404 | 410)) else {
                return;
            };
            let asked = path(refusal.request.target().unwrap_or_default());
            let served = refusal
                .request
                .header("Host")
                .and_then(|host| context.across.proxied_requests.served(host));
            let mut why = format!("path {}; {}", shown(asked), sent(refusal.response, "Server"));
            if let Some(served) = served.filter(|served| *served.path != *asked) {
                let other = served.connection.0;
                why = format!("{why}; connection {other} was accepted at {}", shown(&served.path));
            }
            refusal.report(violations, &why);
        })],
    },
    Rule {
        id: "HS-44",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "426: version or protocol upgrade required",
        section: "RFC 9110 §15.5.22, RFC 6455 §4.4",
        explanation: "The server requires an upgrade and did not see one, or not to a version \
            that it speaks. WebSocket-only servers answer ordinary requests like this, including \
            those whose upgrade a proxy has dropped.",
        remedy: "If Sec-WebSocket-Version in the request is not 13, use a current client. If it \
            is, configure the proxy on the path to forward Upgrade and Connection. nginx, in the \
            location of this path:\n  proxy_http_version 1.1;\n  proxy_set_header Upgrade \
            $http_upgrade;\n  proxy_set_header Connection \"upgrade\";\nOther proxies: see \
            HS-49.",
        example: Example::Text(
            "server: HTTP/1.1 426 Upgrade Required\nserver: Sec-WebSocket-Version: 13",
        ),
        explains: Some(Cause::failure(570, "426: upgrade required")),
        checks: &[Check::CompareEnd(|context, violations| {
            let Some(refusal) = refusal(context, |status| status == 426) else { return };
            let (request, response) = (refusal.request, refusal.response);
            let why = format!(
                "request: {}, {}, {}; response: {}, {}, {}",
                sent(request, "Upgrade"),
                sent(request, "Connection"),
                sent(request, "Sec-WebSocket-Version"),
                sent(response, "Upgrade"),
                sent(response, "Sec-WebSocket-Version"),
                sent(response, "Server"),
            );
            refusal.report(violations, &why).remedy = upgrade_required(&refusal);
        })],
    },
    Rule {
        id: "HS-45",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "429, 431 or 503: refused because of load or a limit",
        section: "RFC 6585 §4, §5, RFC 9110 §15.6.4",
        explanation: "The server, or a proxy in front of it, accepts no more connections at the \
            moment: too many from this client, a connection limit, a deployment in progress, or \
            a load balancer without a healthy server. With 431, the limit is that of the request's \
            head: its fields are too large, usually because of cookies or tokens.",
        remedy: "For 431, send fewer and smaller cookies, or raise the limit (node \
            --max-http-header-size, nginx large_client_header_buffers). Otherwise wait before the next attempt as long as Retry-After says, longer each time and \
            with a random part (back-off with jitter). On the server check connection limits \
            (nginx limit_conn, limit_req), file descriptor limits, and health checks: they must \
            not request the WebSocket path with plain HTTP.",
        example: Example::Text("server: HTTP/1.1 503 Service Unavailable\nserver: Retry-After: 30"),
        explains: Some(Cause::failure(540, "refused by load or limit")),
        checks: &[Check::CompareEnd(|context, violations| {
            let Some(refusal) = refusal(context, |status| matches!(status, 429 | 431 | 503)) else {
                return;
            };
            let server = sent(refusal.response, "Server");
            let why = if refusal.status == 431 {
                let length = counted(length_u64(refusal.request.raw.len()), "byte");
                format!("the head of the request has {length}; {server}")
            } else {
                format!("{}; {server}", sent(refusal.response, "Retry-After"))
            };
            refusal.report(violations, &why);
        })],
    },
    Rule {
        id: "HS-46",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "502, 504 or a status of their own: a proxy could not reach its upstream server",
        section: "RFC 9110 §15.6.3, §15.6.5",
        explanation: "The response comes from the proxy itself: its upstream server refused the \
            connection, did not answer in time, closed it, or sent something that the proxy does \
            not understand, for example TLS. Load balancers of AWS have statuses of their own for \
            this (460 to 464), as has Cloudflare (520 to 527, and 530 if the name of the upstream \
            server does not resolve).",
        remedy: "Look at the proxy's error log: it names the address that it tried. Check whether \
            the server runs and listens there (`ss -ltnp`); in containers, whether the proxy uses \
            the right name for it (localhost is the proxy's own container), and whether both \
            speak plain HTTP or both TLS.",
        example: Example::Text("server: HTTP/1.1 502 Bad Gateway\nserver: Server: nginx"),
        explains: Some(Cause::failure(550, "proxy could not reach its upstream server")),
        checks: &[Check::CompareEnd(|context, violations| {
            let Some(refusal) = refusal(context, is_of_proxy) else { return };
            let mut why = sent(refusal.response, "Server");
            if let Some(failed) = failed_upstream(context, &refusal) {
                let Attempt { id, server, .. } = failed;
                why = format!("{why}; meanwhile connection {} from there to {server} failed", id.0);
            }
            refusal.report(violations, &why);
        })],
    },
    Rule {
        id: "HS-47",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "redirect: WebSocket clients do not follow it",
        section: "RFC 9110 §15.4, RFC 6455 §4.1",
        explanation: "The server redirects the client. A client may follow a redirect, but \
            browsers and most libraries do not. Redirects to https, to a path with a trailing \
            slash, to another host and to a login page are typical.",
        remedy: "Use the address in Location directly: wss:// if it says https://, with the same \
            path. If it leads to a login page, the session is missing (see HS-41). Or exempt this \
            path from the redirect.",
        example: Example::Text(
            "server: HTTP/1.1 301 Moved Permanently\nserver: Location: https://example.com/chat",
        ),
        explains: Some(Cause::failure(560, "redirected")),
        checks: &[Check::CompareEnd(|context, violations| {
            let Some(refusal) = refusal(context, |status| (300..400).contains(&status)) else {
                return;
            };
            let mut why = sent(refusal.response, "Location");
            if refusal.response.header("Location").is_some_and(|to| to.starts_with(b"https:")) {
                why.push_str(", so the client has to use wss://");
            }
            refusal.report(violations, &why);
        })],
    },
    Rule {
        id: "HS-48",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "a plain HTTP response, not a WebSocket endpoint",
        section: "RFC 6455 §4.1, §4.2.2",
        explanation: "The server answered like to any other request, with a page, an error, or a \
            status that has nothing to do with WebSocket. Either this path has no WebSocket \
            endpoint, or the upgrade request never reached the server.",
        remedy: "Check whether port and path are those of the WebSocket server: development \
            servers and single-page applications answer every path with their page. Attach the \
            WebSocket server to this HTTP server and path, or route the path to it; with a proxy \
            in between, see HS-49.",
        example: Example::Text("server: HTTP/1.1 200 OK\nserver: Content-Type: text/html"),
        explains: Some(Cause::failure(590, "plain HTTP response").unless(&["TLS-02", "HS-01"])),
        checks: &[Check::CompareEnd(|context, violations| {
            let Some(refusal) = refusal(context, is_unusual) else { return };
            let why = format!(
                "{}; {}",
                sent(refusal.response, "Content-Type"),
                sent(refusal.response, "Server")
            );
            refusal.report(violations, &why).remedy = plain_response(refusal.status);
        })],
    },
];

/// What refused the upgrade of a connection, where its status counts and nothing more exact says why.
fn refusal<'a>(
    context: &ComparisonContext<'a, EndSeen<'a>>,
    counts: fn(u16) -> bool,
) -> Option<RefusedRequest<'a>> {
    let refusal = answered(context)?;
    let broken = context.across.broken_handshakes.refused(context.connection.id);
    let has_own_rule = !counts(refusal.status)
        || broken.iter().any(|rule| rule.id == "HS-49")
        || context.across.proxied_requests.stripped(context.connection.id).is_some()
        || is_engine_io_missing(&refusal)
        || explains(context);
    (!has_own_rule).then_some(refusal)
}

/// A status that none of the other rules is about.
fn is_unusual(status: u16) -> bool {
    let is_known = matches!(status, 300..=401 | 403 | 404 | 407 | 410 | 426 | 429 | 431 | 503);
    !is_known && !is_of_proxy(status)
}

/// A status with which a proxy reports that it did not reach its upstream server: those of RFC 9110
/// §15.6, of the Application Load Balancer of AWS, and of Cloudflare.
fn is_of_proxy(status: u16) -> bool {
    matches!(status, 502 | 504 | 460..=464 | 520..=527 | 530)
}

/// An attempt of the proxy that failed while the client waited for this response.
pub(crate) fn failed_upstream<'a, T>(
    context: &ComparisonContext<'a, T>,
    refusal: &RefusedRequest<'_>,
) -> Option<&'a Attempt> {
    let proxy = context.connection.server.ip();
    let (from, to) = (refusal.request.span.first.time, refusal.response.span.last.time);
    context.across.attempts.all().find(|attempt| {
        attempt.client.ip() == proxy
            && attempt.id != context.connection.id
            && attempt.outcome.is_failure()
            && (from..=to).contains(&attempt.first.time)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check};
    use crate::stream::Side;

    /// Asks, is refused, and leaves.
    fn refused(s: &mut Scenario, status: &str, more: &str) {
        let head = format!("HTTP/1.1 {status}\r\n{more}Content-Length: 2\r\n\r\nno");
        s.ask("Origin: http://a.example\r\n").server(head.as_bytes()).end(Side::Server);
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "400", near: &["HS-41", "HS-48"], fires: &["HS-40"], play: |s| refused(s, "400 Bad Request", "") },
        RuleCase { name: "401", near: &["HS-40"], fires: &["HS-41"], play: |s| refused(s, "401 Unauthorized", "WWW-Authenticate: Basic\r\n") },
        RuleCase { name: "403", near: &["HS-43"], fires: &["HS-42"], play: |s| refused(s, "403 Forbidden", "") },
        RuleCase { name: "404", near: &["HS-42"], fires: &["HS-43"], play: |s| refused(s, "404 Not Found", "") },
        RuleCase { name: "426", near: &[], fires: &["HS-44"], play: |s| refused(s, "426 Upgrade Required", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n") },
        RuleCase { name: "429", near: &["HS-46"], fires: &["HS-45"], play: |s| refused(s, "429 Too Many Requests", "Retry-After: 3\r\n") },
        RuleCase { name: "503", near: &["HS-46", "HS-48"], fires: &["HS-45"], play: |s| refused(s, "503 Service Unavailable", "") },
        RuleCase { name: "431", near: &["HS-48"], fires: &["HS-45"], play: |s| refused(s, "431 Request Header Fields Too Large", "") },
        RuleCase { name: "522", near: &["HS-48"], fires: &["HS-46"], play: |s| refused(s, "522", "Server: cloudflare\r\n") },
        RuleCase { name: "530", near: &["HS-48"], fires: &["HS-46"], play: |s| refused(s, "530", "") },
        RuleCase { name: "464", near: &["HS-48"], fires: &["HS-46"], play: |s| refused(s, "464", "Server: awselb/2.0\r\n") },
        RuleCase { name: "528 and 465 are those of no proxy", near: &["HS-46"], fires: &["HS-48", "HS-48"], play: |s| {
            refused(s, "528", "");
            refused(s, "465", "");
        }},
        RuleCase { name: "502", near: &["HS-45"], fires: &["HS-46"], play: |s| refused(s, "502 Bad Gateway", "Server: nginx\r\n") },
        RuleCase { name: "307", near: &["HS-48"], fires: &["HS-47"], play: |s| refused(s, "307 Temporary Redirect", "Location: https://a.example/chat\r\n") },
        RuleCase { name: "200", near: &["HS-47"], fires: &["HS-48"], play: |s| refused(s, "200 OK", "Content-Type: text/html\r\n") },
        RuleCase { name: "405", near: &[], fires: &["HS-48"], play: |s| refused(s, "405 Method Not Allowed", "") },
        RuleCase { name: "a page beside it", near: &["HS-48"], fires: &[], play: |s| {
            s.open().client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
        RuleCase { name: "long polling", near: &["HS-40"], fires: &[], play: |s| {
            s.open().client(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n").server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
        RuleCase { name: "accepted at the second attempt", near: &["HS-41", "HS-44"], fires: &[], play: |s| {
            s.ask("").server(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").upgrade("", "").close();
        }},
    ];

    #[test]
    fn each_status_is_explained_once_and_nothing_else_is() {
        check(&[RULES], CASES);
    }
}
