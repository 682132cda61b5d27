//! The page that opens a WebSocket (HS-57).

use std::net::IpAddr;

use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::{acceptance, attempt, shown};

/// HS-57.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "HS-57",
    severity: Severity::Note,
    applies_to: AppliesTo::Server,
    title: "a foreign Origin was accepted",
    section: "RFC 6455 §10.2",
    explanation: "The page that opened this WebSocket belongs to another site than the server, \
        and the server accepted it. Browsers send the server's cookies along whatever page asks, \
        so that a server which relies on cookies and does not check Origin lets any page act for \
        its users (cross-site WebSocket hijacking). If the page is one of yours, or the server \
        serves everybody, nothing is wrong.",
    remedy: "Compare Origin with a list of allowed origins before the 101, and refuse all others \
        with 403; or authenticate with a token in the first message instead of a cookie. Cookies \
        with SameSite=Lax or Strict are not sent by pages of other sites.",
    example: Example::Text(
        "client: Host: chat.example.com\nclient: Origin: https://other.example.net\n\
         client: Cookie: session=...\nserver: HTTP/1.1 101 Switching Protocols",
    ),
    explains: None,
    checks: &[Check::Response(|context, violations| {
        let handshake = context.subject;
        let Some(request) = attempt(handshake).filter(|_| acceptance(handshake).is_some()) else {
            return;
        };
        let Some((origin, host)) = request.header("Origin").zip(handshake.host()) else { return };
        let is_foreign =
            host_of_origin(origin).zip(host_name(host)).is_some_and(|(a, b)| is_foreign(a, b));
        if is_foreign {
            let cookie = match request.header("Cookie") {
                Some(_) => "a Cookie was sent",
                None => "no Cookie was sent",
            };
            violations.add(format!("Origin: {}; Host: {}; {cookie}", shown(origin), shown(host)));
        }
    })],
}];

/// The host of an origin (RFC 6454 §6.2) that is a web page's.
pub(crate) fn host_of_origin(origin: &[u8]) -> Option<&str> {
    let origin = std::str::from_utf8(origin).ok()?;
    let (scheme, authority) = origin.split_once("://")?;
    let is_page = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    host_name(authority.as_bytes()).filter(|_| is_page)
}

/// A host without its port and the final dot of its name.
pub(crate) fn host_name(host: &[u8]) -> Option<&str> {
    let host = std::str::from_utf8(host).ok()?;
    let name = match host.strip_prefix('[') {
        Some(address) => address.split(']').next()?,
        None => host.split(':').next()?,
    };
    Some(name.trim_end_matches('.')).filter(|name| !name.is_empty())
}

/// Whether two hosts belong to different sites, as far as names show it: neither is part of the other,
/// and they are not neighbors in a domain. Names of one machine are one site.
fn is_foreign(page: &str, server: &str) -> bool {
    if page.eq_ignore_ascii_case(server) || (is_local(page) && is_local(server)) {
        return false;
    }
    let [page, server] = [page, server].map(str::to_ascii_lowercase);
    let addresses = [&page, &server].map(|host| host.parse::<IpAddr>().is_ok());
    if addresses.contains(&true) {
        return true;
    }
    let is_within = |inner: &str, outer: &str| {
        inner.strip_suffix(outer).is_some_and(|before| before.ends_with('.'))
    };
    !is_within(&page, &server) && !is_within(&server, &page) && parent(&page) != parent(&server)
}

/// Whether a host is the machine itself (RFC 6761 §6.3).
fn is_local(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    last.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The domain that a name is in, if it has at least two labels; otherwise the name.
fn parent(name: &str) -> &str {
    name.split_once('.').map(|(_, domain)| domain).filter(|it| it.contains('.')).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check};

    /// Is accepted with this Origin.
    fn accepted(s: &mut Scenario, origin: &str) {
        s.open().upgrade(&format!("Origin: {origin}\r\nCookie: a=b\r\n"), "").close();
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a page of another site", near: &["HS-28"], fires: &["HS-57 server"], play: |s| accepted(s, "https://other.test") },
        RuleCase { name: "the same site at another port", near: &["HS-57"], fires: &[], play: |s| accepted(s, "https://ws.example.com:8443") },
        RuleCase { name: "a neighbor", near: &["HS-57"], fires: &[], play: |s| accepted(s, "https://www.example.com") },
        RuleCase { name: "a page from a file, and a program's own scheme", near: &["HS-57"], fires: &[], play: |s| { accepted(s, "null"); accepted(s, "app://other.test"); } },
        RuleCase { name: "refused", near: &["HS-57"], fires: &["HS-42"], play: |s| {
            s.ask("Origin: https://other.test\r\n").server(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        }},
        RuleCase { name: "no Origin", near: &["HS-57"], fires: &[], play: |s| { s.upgraded().close(); } },
    ];

    #[test]
    fn pages_of_other_sites_are_noted_if_they_are_accepted() {
        check(&[RULES], CASES);
    }

    #[test]
    fn sites_are_compared_by_their_names() {
        #[rustfmt::skip]
        let rows: &[(&str, &str, bool)] = &[
            ("http://localhost:3000",    "127.0.0.1:8080",      false),
            ("http://app.localhost",     "[::1]:8080",          false),
            ("https://other.example",    "localhost:8080",      true),
            ("http://localhost:3000",    "chat.example.com",    true),
            ("https://example.com",      "chat.example.com",    false),
            ("https://a.example.com.",   "B.EXAMPLE.COM:443",   false),
            ("https://example.com",      "example.org",         true),
            ("https://notexample.com",   "example.com",         true),
            ("http://10.0.0.7",          "10.0.0.7:9000",       false),
            ("http://10.0.0.7",          "10.0.0.8",            true),
            ("http://[fd00::1]:80",      "[fd00::1]",           false),
            ("null",                     "example.com",         false),
            ("file://",                  "example.com",         false),
        ];
        for (origin, host, expected) in rows {
            let hosts = host_of_origin(origin.as_bytes()).zip(host_name(host.as_bytes()));
            let seen = hosts.is_some_and(|(page, server)| is_foreign(page, server));
            assert_eq!(seen, *expected, "{origin} at {host}");
        }
    }
}
