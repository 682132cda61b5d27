//! WHY-31: a proxy on the path refused.

use crate::analysis::event::IntermediaryKind;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::words::packets_in_words;

/// WHY-31.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-31",
    severity: Severity::Error,
    applies_to: AppliesTo::Nobody,
    title: "a proxy on the path refused the connection",
    section: "RFC 1928, RFC 9110 §9.3.6",
    explanation: "The client does not connect to the server itself, but asks a proxy (SOCKS, or HTTP with \
        CONNECT) to do so. The proxy refused: the server never saw the connection.",
    remedy: "Check the client's proxy settings (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, the browser's), and \
        exclude local servers from them (NO_PROXY=localhost,127.0.0.1,::1). If the proxy is wanted: supply \
        user and password (socks5://user:password@proxy:port), or have host and port allowed there.",
    example: Example::Text("client: SOCKS5, no authentication\nproxy: no acceptable methods"),
    explains: Some(
        Cause::failure(1_142, "a proxy on the path refused").explaining(&["NET-12", "NET-07"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let Some(past) = context.found("NET-12") else { return };
        if context.subject.state.handshake.accepted.is_some() {
            return;
        }
        let proxy = context.connection.server;
        let socks = context.connection.intermediaries.iter().find_map(|it| match &it.kind {
            IntermediaryKind::Socks(socks) => Some((socks, it.span)),
            IntermediaryKind::Header(_) | IntermediaryKind::Connect { .. } => None,
        });
        let (how, span) = if let Some((socks, span)) = socks {
            let reason = socks.reason().unwrap_or_else(|| "no answer".to_owned());
            (format!("the {} proxy {proxy} refused: {reason}", socks.version.name()), span)
        } else {
            let Some(span) = past.span else { return };
            let place = packets_in_words(span);
            (format!("the proxy {proxy} did not open the tunnel ({place})"), span)
        };
        violations.add(how).side(None).direction(past.direction).span(span);
    })],
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes};
    use crate::stream::Side;

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "CONNECT is refused", near: &[], fires: &["WHY-31"], play: |s| {
            s.open().client(b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n").server(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
        RuleCase { name: "no proxy", near: &["WHY-31"], fires: &[], play: |s| { s.open().upgrade("", "").close(); } },
    ];

    #[test]
    fn proxies_that_refuse_are_named() {
        check_causes(&[RULES], CASES);
    }
}
