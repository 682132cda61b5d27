//! WHY-29: the application does not trust the proxy, or does not know the host.

use crate::findings::causes::known_refusal::{self, Conclusion, KnownRefusal};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::known_proxies::forwarded;
use crate::findings::rules::handshake::fields_read::{contains, path, sent, shown};
use crate::findings::rules::handshake::origin::{host_name, host_of_origin};
use crate::findings::rules::handshake::refused_request::RefusedRequest;
use crate::stream::Side;

/// WHY-29.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-29",
    severity: Severity::Error,
    applies_to: AppliesTo::Server,
    title: "proxy or host not trusted by the application",
    section: "RFC 9110 §7.2, §15.5.20, RFC 7239",
    explanation: "The request has everything that a WebSocket needs. What distinguishes it from a \
        direct one is that a proxy passed it on, or the name under which the server is addressed: \
        frameworks refuse forwarded requests of proxies that are not on their list, and host names \
        that are not on another.",
    remedy: PROXIES,
    example: Example::Text(
        "client: X-Forwarded-For: 198.51.100.20\nserver: 400 Bad Request, \"400: Bad Request\"",
    ),
    explains: Some(
        Cause::failure(1_144, "proxy or host not trusted by the application").explaining(&["HS-4"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let Some(refusal) = known_refusal::refused_though_whole(context) else { return };
        if !matches!(refusal.status, 400 | 403 | 421 | 500) {
            return;
        }
        if let Some(known) = known_refusal::find(HOSTS, &refusal) {
            let host = sent(refusal.request, "Host");
            let means = format!("{} ({host})", known.means);
            let conclusion = Conclusion { side: Some(Side::Server), means: &means, fields: &[] };
            known_refusal::report(&refusal, conclusion, violations).remedy(known.remedy);
            return;
        }
        let trace = match forwarded(refusal.request) {
            Some(trace) => format!("a proxy passed it on ({trace})"),
            None if refusal.status == 421 => "no field of the request shows a proxy".to_owned(),
            None => return violations.exclude("no field of the request shows a proxy"),
        };
        let (means, remedy) = match (changed_host(&refusal), refusal.status) {
            (Some(changed), 400 | 403) => (changed, PASS_HOST),
            (None, 400) if says_nothing_else(&refusal) => (
                format!(
                    "nothing is missing from the request, and {trace}: the application does not \
                     trust this proxy"
                ),
                if is_home_assistant(&refusal) { HOME_ASSISTANT } else { PROXIES },
            ),
            (_, 421) => (
                format!(
                    "the server does not serve the host of this request ({}); {trace}",
                    sent(refusal.request, "Host")
                ),
                HOST_NAMES,
            ),
            _ => return,
        };
        let conclusion =
            Conclusion { side: Some(Side::Server), means: &means, fields: &["Server"] };
        known_refusal::report(&refusal, conclusion, violations).remedy(remedy);
    })],
}];

/// That a proxy put its upstream server's name in place of the one that the page used, in words.
fn changed_host(refusal: &RefusedRequest<'_>) -> Option<String> {
    let request = refusal.request;
    let origin = request.header("Origin")?;
    let (page, server) = (host_of_origin(origin)?, host_name(request.header("Host")?)?);
    let forwarded = request.header("X-Forwarded-Host").and_then(host_name);
    let is_same_site = forwarded.is_some_and(|original| original.eq_ignore_ascii_case(page));
    (is_same_site && !server.eq_ignore_ascii_case(page)).then(|| {
        format!(
            "a proxy replaced Host: the page at {} asked {}, and the server saw {}, so that Origin and \
             Host differ",
            shown(origin),
            sent(request, "X-Forwarded-Host"),
            sent(request, "Host")
        )
    })
}

/// Whether the body says no more than the status does, or speaks of proxies.
fn says_nothing_else(refusal: &RefusedRequest<'_>) -> bool {
    let Some(words) = refusal.words() else { return true };
    let general = words.to_ascii_lowercase();
    let general = general.trim_matches(|it: char| !it.is_ascii_alphabetic());
    contains(words.as_bytes(), "proxy")
        || contains(words.as_bytes(), "forwarded")
        || general == "bad request"
        || general.is_empty()
}

/// Whether it is the interface of Home Assistant: its path, and the library that serves it.
fn is_home_assistant(refusal: &RefusedRequest<'_>) -> bool {
    path(refusal.request.target().unwrap_or_default()) == b"/api/websocket"
        && refusal.has("Server", "aiohttp")
}

const PROXIES: &str = "Add the address of the proxy, as the application sees it, to its list of trusted proxies \
    (Home Assistant: use_x_forwarded_for and trusted_proxies; Express: trust proxy; ASP.NET Core: KnownProxies; \
    uvicorn: --forwarded-allow-ips; Django: ALLOWED_HOSTS and CSRF_TRUSTED_ORIGINS; Rails: \
    config.action_dispatch.trusted_proxies), or let the proxy not send the X-Forwarded fields. The application's \
    log names the address that it refused.";

const HOME_ASSISTANT: &str = "Add the proxy to Home Assistant's configuration.yaml and restart it:\n  http:\n    \
    use_x_forwarded_for: true\n    trusted_proxies:\n      - ADDRESS_OF_THE_PROXY\nIts log names the address: \
    `A request from a reverse proxy was received from ...`.";

const HOST_NAMES: &str = "Add the name in Host to the names that the server accepts (its virtual hosts, \
    certificate names or allowed hosts), or let the proxy send the name that the server expects.";

const PASS_HOST: &str = "Let the proxy pass the original Host on (nginx: proxy_set_header Host $host; Apache: \
    ProxyPreserveHost On), so that it equals the host in Origin; or add the page's origin to the application's \
    allowed origins.";

const VITE: &str = "Add the name to `server.allowedHosts` in vite.config (`preview.allowedHosts` for \
    `vite preview`).";

// Answers to host names that are not on a list: Starlette's TrustedHostMiddleware, webpack-dev-server, Vite, Rails'
// HostAuthorization, the debugging port of Chrome, Django's DisallowedHost, the host filter of ASP.NET Core and HTTP.sys, Apache and others.
const HOSTS: &[KnownRefusal] = &[
    KnownRefusal {
        statuses: &[403],
        fields: &[],
        body: &["Blocked request. This host"],
        means: "Vite's development server does not know the host of this request",
        remedy: VITE,
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[],
        body: &["Blocked host"],
        means: "Rails does not know the host of this request",
        remedy: "Add the name to config.hosts of the Rails application (config.hosts << \"name\").",
    },
    KnownRefusal {
        statuses: &[400],
        fields: &[],
        body: &["DisallowedHost", "Invalid HTTP_HOST header", "Bad Request (400)"],
        means: "Django does not know the host of this request",
        remedy: "Add the name in Host to ALLOWED_HOSTS of the Django project; its log says `Invalid HTTP_HOST header`.",
    },
    KnownRefusal {
        statuses: &[400],
        fields: &[],
        body: &["Invalid Hostname"],
        means: "the server does not know the host of this request",
        remedy: "Add the name in Host to AllowedHosts in appsettings.json (ASP.NET Core), or to the bindings of the site (IIS, HTTP.sys).",
    },
    KnownRefusal {
        statuses: &[500],
        fields: &[],
        body: &["Host header is specified and is not an IP address or localhost"],
        means: "Chrome's debugging port accepts an address or localhost in Host, and no other name",
        remedy: "Connect to the address of this machine instead of its name (or to localhost through a tunnel), or let the proxy send Host: localhost.",
    },
    KnownRefusal {
        statuses: &[400, 403],
        fields: &[],
        body: &[
            "Invalid host",
            "host not allowed",
            "host is not allowed",
            "unknown host",
            "Host header",
        ],
        means: "the server does not know the host of this request",
        remedy: "Add the name in Host to the server's allowed hosts (Starlette: allowed_hosts of TrustedHostMiddleware; webpack-dev-server: allowedHosts), or let the proxy send a name that is on the list.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "400 to a forwarded request", near: &[], fires: &["WHY-29 server"], play: |s| s.refused("X-Forwarded-For: 198.51.100.20\r\n", "400 Bad Request", "", "400: Bad Request") },
        RuleCase { name: "an unknown host", near: &[], fires: &["WHY-29 server"], play: |s| s.refused("", "400 Bad Request", "", "Invalid host header") },
        RuleCase { name: "the proxy replaced Host", near: &[], fires: &["WHY-29 server"], play: |s| s.refused("Origin: https://chat.example\r\nX-Forwarded-Host: chat.example\r\n", "403 Forbidden", "", "") },
        RuleCase { name: "400 to a direct request", near: &["WHY-29"], fires: &[], play: |s| s.refused("", "400 Bad Request", "", "") },
        RuleCase { name: "400 to a forwarded request, for another reason", near: &["WHY-29"], fires: &[], play: |s| s.refused("X-Real-IP: 198.51.100.20\r\n", "400 Bad Request", "", "room is full") },
        RuleCase { name: "421", near: &[], fires: &["WHY-29 server"], play: |s| s.refused("", "421 Misdirected Request", "", "") },
        RuleCase { name: "a debugging port", near: &[], fires: &["WHY-29 server"], play: |s| s.refused("", "500 Internal Server Error", "", "Host header is specified and is not an IP address or localhost.") },
        RuleCase { name: "404 to a forwarded request", near: &["WHY-29"], fires: &[], play: |s| s.refused("X-Forwarded-For: 198.51.100.20\r\n", "404 Not Found", "", "") },
    ];

    #[test]
    fn applications_that_distrust_proxies_are_named() {
        check_causes(&[RULES], CASES);
    }
}
