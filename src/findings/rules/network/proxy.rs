//! What a proxy did with CONNECT, or with a request of SOCKS.

use std::net::IpAddr;

use crate::analysis::event::{Connection, ConnectionEvent, SocksExchange, SocksOutcome, TcpState};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::shown;
use crate::findings::words::duration;
use crate::http::Handshake;
use crate::stream::{Direction, Span};

/// NET-12.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "NET-12",
    severity: Severity::Error,
    applies_to: AppliesTo::Nobody,
    title: "proxy refused a connection, or got a localhost address",
    section: "RFC 9110 §9.3.6, RFC 6455 §4.1, RFC 1928",
    explanation: "The client is configured to use a proxy, and asked it by CONNECT or SOCKS for a \
        connection to the server. The proxy refused, so the WebSocket handshake was never sent: 407 asks for \
        a user and password, 403 forbids the host or port (many allow only 443), 502 to 504 mean \
        that it did not reach the server. A SOCKS proxy names its reason by a code, or accepts none \
        of the client's methods of authentication. For a proxy, `localhost` is the proxy's own machine, \
        not yours.",
    remedy: "For a server on your own machine or network, bypass the proxy: \
        NO_PROXY=localhost,127.0.0.1,::1 or the browser's list of exceptions. For 407, supply \
        user and password (http://user:password@proxy:port); for 403, use wss:// on port 443 or \
        have the host and port allowed. A SOCKS proxy that accepts no method wants a user and \
        password (socks5://user:password@proxy:port). Check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY in the \
        client's environment.",
    example: Example::Text(
        "client: CONNECT example.com:8080 HTTP/1.1\n\
         server: HTTP/1.1 407 Proxy Authentication Required",
    ),
    explains: Some(Cause::failure(50, "proxy in the way")),
    checks: &[Check::Incident(|context, violations| {
        if let ConnectionEvent::Socks(socks, span) = *context.subject {
            if let Some(outcome) = socks_refusal(socks, context.connection) {
                let (version, proxy) = (socks.version.name(), context.connection.server);
                let target = socks.target().map_or_else(String::new, |target| {
                    format!(" {}", shown(target.to_string().as_bytes()))
                });
                violations
                    .add(format!("{version}{target}: the proxy {proxy} {outcome}"))
                    .direction(Direction::ClientToServer)
                    .side(None)
                    .span(span);
            }
            return;
        }
        let (handshake, outcome) =
            if let ConnectionEvent::TunnelOpened(handshake) = *context.subject {
                (handshake, Some("opened the tunnel".to_owned()))
            } else if let ConnectionEvent::TunnelRefused(handshake) = *context.subject {
                (handshake, refusal(handshake, context.connection))
            } else {
                return;
            };
        let Some((request, outcome)) = handshake.request.as_ref().zip(outcome) else { return };
        let target = handshake.target().unwrap_or_default();
        // A proxy on the client's own machine has the same localhost.
        let is_astray = is_localhost(target) && !context.connection.server.ip().is_loopback();
        let is_refused = handshake.status().is_none_or(|status| !(200..300).contains(&status));
        if !is_refused && !is_astray {
            return;
        }
        let astray = if is_astray { "; for the proxy, localhost is its own machine" } else { "" };
        let last = handshake.response.as_ref().map_or(request.span.last, |head| head.span.last);
        let proxy = context.connection.server;
        violations
            .add(format!("CONNECT {}: the proxy {proxy} {outcome}{astray}", shown(target)))
            .direction(Direction::ClientToServer)
            .side(None)
            .span(Span { last: last.max(request.span.last), ..request.span });
    })],
}];

/// What a proxy answered, or that it ended the connection without an answer; a reset is reported by NET-06.
fn refusal(handshake: &Handshake, connection: &Connection) -> Option<String> {
    if let Some(response) = &handshake.response {
        let status = response.status().unwrap_or_default();
        let reason = shown(response.reason().unwrap_or_default());
        let scheme = response
            .header("Proxy-Authenticate")
            .map_or_else(String::new, |value| format!(", Proxy-Authenticate: {}", shown(value)));
        return Some(format!("answered {status} {reason}{scheme}"));
    }
    let waited = connection.last.time.waited_since(handshake.request.as_ref()?.span.last.time);
    match connection.state {
        TcpState::HalfClosed(_) | TcpState::Closed(_) => {
            Some(format!("did not answer within {}", duration(waited)))
        }
        TcpState::SynSent | TcpState::Refused | TcpState::Established | TcpState::Reset(_) => None,
    }
}

/// Why a SOCKS proxy refused, or that it ended the connection without an answer.
fn socks_refusal(socks: &SocksExchange, connection: &Connection) -> Option<String> {
    if let Some(reason) = socks.reason() {
        return Some(format!("refused: {reason}"));
    }
    let is_closed = match connection.state {
        TcpState::HalfClosed(by) | TcpState::Closed(by) => by == Direction::ServerToClient,
        TcpState::SynSent | TcpState::Refused | TcpState::Established | TcpState::Reset(_) => false,
    };
    let is_unanswered = socks.outcome == SocksOutcome::Unfinished && socks.is_answered();
    (is_closed && is_unanswered).then(|| "closed the connection without an answer".to_owned())
}

/// Whether an authority (`host:port`) is the machine itself.
fn is_localhost(authority: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(authority) else { return false };
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check};
    use crate::stream::Side;

    fn connect(s: &mut Scenario, target: &str, answer: &str) {
        s.open().client(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").as_bytes());
        if !answer.is_empty() {
            s.server(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes());
        }
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "the proxy wants a password", near: &["NET-06"], fires: &["NET-12"], play: |s| connect(s, "a.example:80", "407 Proxy Authentication Required\r\nContent-Length: 0") },
        RuleCase { name: "the proxy says nothing, and closes", near: &["NET-06"], fires: &["NET-12"], play: |s| { connect(s, "a.example:80", ""); s.end(Side::Server); } },
        RuleCase { name: "the proxy resets", near: &["NET-12"], fires: &["NET-06 server"], play: |s| { connect(s, "a.example:80", ""); s.reset(Side::Server); } },
        RuleCase { name: "a tunnel", near: &["NET-12"], fires: &[], play: |s| { connect(s, "a.example:80", "200 OK"); s.upgrade("", "").close(); } },
        RuleCase { name: "a tunnel to the proxy itself", near: &[], fires: &["NET-12"], play: |s| { connect(s, "localhost:8080", "200 OK"); s.upgrade("", "").close(); } },
        RuleCase { name: "a SOCKS proxy accepts no method", near: &["NET-06"], fires: &["NET-12"], play: |s| { s.open().client(b"\x05\x01\0").server(b"\x05\xff").end(Side::Server); } },
        RuleCase { name: "a SOCKS proxy refuses the login", near: &[], fires: &["NET-12"], play: |s| { s.open().client(b"\x05\x01\x02").server(b"\x05\x02").client(b"\x01\x01a\x01b").server(b"\x01\x01").end(Side::Server); } },
        RuleCase { name: "a SOCKS proxy is refused by the target", near: &[], fires: &["NET-12"], play: |s| { s.open().client(b"\x04\x01\0\x50\x01\x02\x03\x04\0").server(b"\0\x5b\0\0\0\0\0\0").end(Side::Server); } },
        RuleCase { name: "a SOCKS proxy closes instead of an answer", near: &[], fires: &["NET-12"], play: |s| { s.open().client(b"\x05\x01\0").server(b"\x05\0").client(b"\x05\x01\0\x01\x01\x02\x03\x04\0\x50").end(Side::Server); } },
        RuleCase { name: "a connection through a SOCKS proxy", near: &["NET-12"], fires: &[], play: |s| {
            s.open().client(b"\x05\x01\0").server(b"\x05\0").client(b"\x05\x01\0\x03\x01a\0\x50").server(b"\x05\0\0\x01\0\0\0\0\0\0");
            s.upgrade("", "").close();
        }},
        RuleCase { name: "a proxy on the same machine", near: &["NET-12"], fires: &[], play: |s| {
            s.between("127.0.0.1", "127.0.0.1");
            connect(s, "[::1]:8080", "200 OK");
            s.upgrade("", "").close();
        }},
    ];

    #[test]
    fn a_proxy_that_refuses_a_tunnel_is_reported() {
        check(&[RULES], CASES);
    }

    #[test]
    fn the_machine_itself_has_several_names() {
        let rows = [
            ("localhost:80", true),
            ("LOCALHOST", true),
            ("a.localhost:1", true),
            ("127.0.0.1:80", true),
            ("127.1.2.3:80", true),
            ("[::1]:443", true),
            ("localhost.example:80", false),
            ("notlocalhost:80", false),
            ("10.0.0.1:80", false),
            ("", false),
        ];
        for (authority, expected) in rows {
            assert_eq!(is_localhost(authority.as_bytes()), expected, "{authority}");
        }
    }
}
