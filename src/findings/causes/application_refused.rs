//! WHY-27: refused by the application or its framework before it accepted.

use crate::findings::causes::known_refusal::{self, Conclusion, KnownRefusal};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::engine::violation::Violations;
use crate::findings::rules::handshake::fields_read::{path, sent, shown};
use crate::findings::rules::handshake::origin::host_of_origin;
use crate::findings::rules::handshake::refusal_advice::{FORBIDDEN, application_server};
use crate::findings::rules::handshake::refused_request::RefusedRequest;
use crate::stream::Side;

/// WHY-27.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-27",
    severity: Severity::Error,
    applies_to: AppliesTo::Server,
    title: "refused by the application before it accepted",
    section: "RFC 6455 §4.2.2",
    explanation: "The request is in order and reached a program that decided not to accept it: a \
        route, a check of credentials or of the page's origin, or a rule of a proxy. What the \
        request rules out is not among the candidates.",
    remedy: ROUTE,
    example: Example::Text(
        "client: GET /wss HTTP/1.1, no Origin\nserver: HTTP/1.1 403 Forbidden, no body",
    ),
    explains: Some(Cause::failure(1_150, "refused by the application").explaining(&["HS-4"])),
    checks: &[Check::Cause(|context, violations| {
        let Some(refusal) = known_refusal::refused_though_whole(context) else { return };
        if !matches!(refusal.status, 400..=499) || matches!(refusal.status, 408 | 426 | 429 | 431) {
            return;
        }
        let has_origin = refusal.request.header("Origin").is_some();
        let known = KNOWN.iter().filter(|it| has_origin || it.remedy != ORIGIN);
        let known = known_refusal::first(known, &refusal);
        match known {
            Some(known) => known.report(&refusal, Some(Side::Server), violations),
            None => judge(context, &refusal, violations),
        }
        if !has_origin {
            violations.exclude("no Origin was sent: it was not refused for its origin");
        }
    })],
}];

/// Draws a conclusion from the words of the body, and from what the request has and lacks.
fn judge(context: &CauseContext<'_>, refusal: &RefusedRequest<'_>, violations: &mut Violations) {
    let has_origin = refusal.request.header("Origin").is_some();
    if let Some(known) = FOREIGN.iter().find(|it| it.is(refusal) && has_foreign_origin(refusal)) {
        let (origin, host) = (sent(refusal.request, "Origin"), sent(refusal.request, "Host"));
        let means = format!("{}: {origin} is another host or port than {host}", known.means);
        let conclusion =
            Conclusion { side: Some(Side::Server), means: &means, fields: &["Server"] };
        known_refusal::report(refusal, conclusion, violations).remedy(known.remedy);
        return;
    }
    let topic = WORDS.iter().find(|(_, remedy, words)| {
        let fits = has_origin || *remedy != ORIGIN;
        fits && refusal.says_more() && words.iter().any(|word| refusal.says(word))
    });
    let (means, remedy) = match (topic, refusal.status) {
        (Some((means, remedy, _)), 400 | 401 | 403) => ((*means).to_owned(), *remedy),
        (_, 403)
            if let Some(server) = application_server(refusal.response)
                && is_same_origin(refusal) =>
        {
            let path = shown(path(refusal.request.target().unwrap_or_default()));
            let means = format!(
                "the application on {server}, or its route for {path}, refused the request before accepting it \
                 (the page comes from this very host and port, so this is not about origins)"
            );
            (means, FORBIDDEN)
        }
        // HS-41 says what is asked for; of a page's origin, HS-42 says what it is compared with.
        (_, status) if matches!(status, 401 | 407) || (status == 403 && has_origin) => return,
        (_, 403) => {
            let path = shown(path(refusal.request.target().unwrap_or_default()));
            let means = format!(
                "the application, or its route for {path}, refused the request before accepting \
                 it (no Origin was sent, so this is not about origins)"
            );
            (means, FORBIDDEN)
        }
        (Some((means, remedy, _)), 404) if *remedy == CREDENTIALS => ((*means).to_owned(), *remedy),
        (_, 404 | 410) => {
            let Some(served) = served_elsewhere(context, refusal) else { return };
            (served, ROUTE)
        }
        _ => return,
    };
    let conclusion = Conclusion { side: Some(Side::Server), means: &means, fields: &["Server"] };
    known_refusal::report(refusal, conclusion, violations).remedy(remedy);
}

/// Whether the page came from another host or port than the one that it asks.
fn has_foreign_origin(refusal: &RefusedRequest<'_>) -> bool {
    let page = refusal.request.header("Origin").and_then(host_of_origin);
    page.is_some() && !is_same_origin(refusal)
}

/// Whether the page came from the very host and port that it asks.
fn is_same_origin(refusal: &RefusedRequest<'_>) -> bool {
    let origin_and_host = refusal.request.header("Origin").zip(refusal.request.header("Host"));
    origin_and_host.is_some_and(|(origin, host)| {
        origin.strip_suffix(host).is_some_and(|scheme| scheme.ends_with(b"://"))
    })
}

/// Whether the same host accepted a WebSocket at a path that is nearly this one.
fn served_elsewhere(context: &CauseContext<'_>, refusal: &RefusedRequest<'_>) -> Option<String> {
    let asked = path(refusal.request.target()?);
    let served = context.across.proxied_requests.served(refusal.request.header("Host")?)?;
    (*served.path != *asked).then(|| {
        format!(
            "no route for {}; connection {} was accepted at {}",
            shown(asked),
            served.connection.0,
            shown(&served.path)
        )
    })
}

/// What words in the body of a refusal are about, and what to do; the more exact first.
const WORDS: &[(&str, &str, &[&str])] = &[
    ("the application does not allow the page's origin", ORIGIN, &["origin", "CORS"]),
    (
        "the application refused the credentials of the request",
        CREDENTIALS,
        &[
            "token",
            "ticket",
            "jwt",
            "expired",
            "unauthori",
            "authenticat",
            "authoriz",
            "credential",
            "login",
            "log in",
            "sign in",
            "signature",
            "api key",
            "api-key",
            "apikey",
            "api_key",
            "password",
            "session",
            "csrf",
            "cookie",
            "not logged",
            "permission",
            "privilege",
            "access denied",
        ],
    ),
    (
        "a firewall or security rule refused the request",
        FIREWALL,
        &["firewall", "blocked", "security", "banned", "blacklist"],
    ),
    (
        "the application limits connections",
        LIMIT,
        &["limit", "quota", "too many", "maximum", "already connected"],
    ),
];

const ROUTE: &str = "Correct the path, or register the WebSocket route for it: compare the path in the \
    evidence with the server's routes letter by letter, including prefix, doubled slashes, blanks (%20) and \
    a slash at the end; a proxy may strip or add a prefix. The route must be one for WebSocket, not only one \
    for GET.";

const CREDENTIALS: &str = "Send valid credentials with the upgrade request: renew the token, ticket or \
    session that the body names and connect again. Browsers cannot set Authorization on a WebSocket: use a \
    cookie of this host, a short-lived ticket in the query, or a subprotocol that carries the token.";

const ORIGIN: &str = "Add the page's origin (scheme, host and port, as in the Origin field of the request) \
    to the server's allowed origins; or, if a proxy changes Host, let it pass the original one on \
    (nginx: proxy_set_header Host $host).";

const ASGI: &str = "Add the page's origin (scheme, host and port) to the origins that the application allows. If \
    it allows it, check whether there is a WebSocket route for exactly this path, and whether a dependency closes \
    it before accept(): uvicorn answers 403 to each of them.";

const CHANNELS: &str = "Add the page's host to ALLOWED_HOSTS of the Django project (AllowedHostsOriginValidator), \
    or its origin to the list of the OriginValidator in asgi.py. If the origin is allowed, look for the route of \
    this path and for a consumer that closes in connect(): daphne answers 403 to each of them.";

const TORNADO: &str = "Override check_origin of the WebSocketHandler so that it allows the page's origin: Tornado compares \
    its host and port with Host, which a proxy may change (Jupyter: c.ServerApp.allow_origin, or let the proxy pass Host \
    on). If the origin is allowed, look at what prepare() or open() checks.";

const PHOENIX: &str = "Add the page's origin to check_origin of the endpoint, or set `url: [host: ...]` to the \
    public host; the log says `Could not check origin for Phoenix.Socket transport`. If it does not, connect/3 of \
    the socket returned :error: Phoenix answers 403 to that, too.";

const FIREWALL: &str = "Ask for an exception for this path and client in the firewall or security rule \
    that answered: its log has the rule's id.";

const LIMIT: &str =
    "Close connections that are no longer needed, and raise the limit that the body names.";

const GATEWAY: &str = "Connect to the stage's address with exactly its path \
    (wss://ID.execute-api.REGION.amazonaws.com/STAGE; a custom domain has its own mapping), check that the \
    $connect route is deployed, and look at its authorizer: what it needs must be in the query or in the \
    fields of the upgrade request.";

const PROXY_ROUTE: &str = "The proxy itself answered: its configuration has no route for this host and path. \
    Add the route to the WebSocket server there (nginx: a location with proxy_pass and the upgrade fields; \
    Traefik: a router whose rule matches host and path; Envoy: a route with upgrade_configs), and check Host \
    and path of the request.";

const ENVOY_UPGRADE: &str = "Allow the upgrade in Envoy: upgrade_configs with upgrade_type: websocket in the \
    HTTP connection manager or on the route. Without it, Envoy answers upgrades with 403.";

const CLOUDFLARE: &str = "Look at the security events of the Cloudflare zone at that moment (the CF-RAY value \
    finds the request): a firewall rule, bot protection or a challenge refused it. Exempt the WebSocket path, \
    and check that WebSockets are switched on (Network).";

const ALLOW_REQUEST: &str = "The server's `allowRequest` (or `cors.origin` with credentials) refused the \
    request: look at what it checks, and send that.";

/// What frameworks answer whose check of the origin leaves no word in the response.
// daphne and Django Channels (OriginValidator closes before accepting, which is 403); Phoenix
// (Phoenix.Socket.Transport.check_origin answers 403 without a body, at a path with `vsn`, on Cowboy).
const FOREIGN: &[KnownRefusal] = &[
    KnownRefusal {
        statuses: &[403],
        fields: &[("Server", "daphne")],
        body: &[],
        means: "Django Channels does not allow the page's origin, or its consumer refused",
        remedy: CHANNELS,
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[("Server", "Cowboy")],
        body: &[],
        means: "the application on Cowboy does not allow the page's origin, or its socket refused",
        remedy: PHOENIX,
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[("Server", "uvicorn")],
        body: &[],
        means: "the application does not allow the page's origin, or it has no such route",
        remedy: ASGI,
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[("Server", "hypercorn")],
        body: &[],
        means: "the application does not allow the page's origin, or it has no such route",
        remedy: ASGI,
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[("Server", "TornadoServer")],
        body: &[],
        means: "the handler on Tornado does not allow the page's origin, or refused",
        remedy: TORNADO,
    },
];

// Bodies and fields of: gorilla/websocket and coder/websocket (origin checks); Engine.IO's error 4; websockets of
// Python; Rails' Action Cable (404 `Page not found` if the origin is not allowed); AWS API Gateway
// (x-amzn-ErrorType); Cloudflare (cf-mitigated, error 10xx); Envoy (403 to an upgrade that is not configured);
// Tornado and Jupyter; Spring (`Invalid CORS request`); default pages of nginx, HAProxy, Traefik, Kubernetes.
const KNOWN: &[KnownRefusal] = &[
    KnownRefusal {
        statuses: &[],
        fields: &[("x-amzn-ErrorType", "")],
        body: &[],
        means: "AWS API Gateway refused the request: its path or stage, or the authorizer of $connect",
        remedy: GATEWAY,
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[("Apigw-Requestid", "")],
        body: &[],
        means: "AWS API Gateway refused the request: its path or stage, or the authorizer of $connect",
        remedy: GATEWAY,
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[],
        body: &["Missing Authentication Token"],
        means: "AWS API Gateway has no route at this path or stage",
        remedy: GATEWAY,
    },
    KnownRefusal {
        statuses: &[403, 503],
        fields: &[("cf-mitigated", "")],
        body: &[],
        means: "Cloudflare challenged or blocked the request",
        remedy: CLOUDFLARE,
    },
    KnownRefusal {
        statuses: &[403, 429],
        fields: &[("Server", "cloudflare")],
        body: &["error code: 10", "Attention Required", "Just a moment", "cf-error"],
        means: "a security rule of Cloudflare refused the request",
        remedy: CLOUDFLARE,
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[("Server", "envoy")],
        body: &[],
        means: "Envoy refused the upgrade: WebSocket is not enabled on this route",
        remedy: ENVOY_UPGRADE,
    },
    KnownRefusal {
        statuses: &[404],
        fields: &[("Server", "envoy")],
        body: &[],
        means: "Envoy has no route for this host and path",
        remedy: PROXY_ROUTE,
    },
    KnownRefusal {
        statuses: &[400, 403],
        fields: &[],
        body: &["\"code\":4,\"message\":\"Forbidden\""],
        means: "the Engine.IO server's allowRequest refused the client",
        remedy: ALLOW_REQUEST,
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[],
        body: &[
            "invalid Origin header",
            "is not authorized for Host",
            "Cross origin websockets not allowed",
            "Invalid CORS request",
            "origin not allowed",
        ],
        means: "the server does not allow the page's origin",
        remedy: ORIGIN,
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[],
        body: &["Rejected an incoming WebSocket connection from the"],
        means: "Chrome's debugging port does not allow the client's origin",
        remedy: "Send no Origin (Python websocket-client: suppress_origin=True), or start Chrome with --remote-allow-origins=ORIGIN.",
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[],
        body: &["is forbidden: User"],
        means: "Kubernetes does not grant this user access (RBAC)",
        remedy: "Grant the user or service account that the body names the verb and resource in it (for a shell: get and create on pods/exec) by a Role and RoleBinding in that namespace.",
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[],
        body: &[
            "You don't have permission to access",
            "You do not have permission to view this directory",
        ],
        means: "the web server itself refused the path, before any application",
        remedy: "Look at the web server's rules for this path (Apache: Require, Directory and Location; IIS: authorization and request filtering), and pass the path on to the WebSocket server there.",
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[("Sec-WebSocket-Version", "13")],
        body: &["Forbidden"],
        means: "the server's upgrader refused the page's origin",
        remedy: ORIGIN,
    },
    KnownRefusal {
        statuses: &[404],
        fields: &[("X-Runtime", "")],
        body: &["Page not found"],
        means: "Action Cable does not allow the page's origin",
        remedy: "Add the origin to config.action_cable.allowed_request_origins (a string or a regular expression, with scheme and port), or set config.action_cable.allow_same_origin_as_host and let the proxy pass Host on.",
    },
    KnownRefusal {
        statuses: &[403, 404],
        fields: &[],
        body: &["<center>nginx", "<hr><center>openresty"],
        means: "nginx itself refused the request: none of its locations passes this path on",
        remedy: PROXY_ROUTE,
    },
    KnownRefusal {
        statuses: &[404],
        fields: &[],
        body: &["default backend - 404"],
        means: "the Kubernetes ingress has no rule for this host and path",
        remedy: PROXY_ROUTE,
    },
    KnownRefusal {
        statuses: &[404],
        fields: &[],
        body: &["404 page not found"],
        means: "no route for this host and path (the default answer of Go's router, and of Traefik)",
        remedy: PROXY_ROUTE,
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[],
        body: &["Request forbidden by administrative rules"],
        means: "a rule of HAProxy refused the request",
        remedy: "Look for the `http-request deny` rule of HAProxy that matches this request, and exempt the WebSocket path.",
    },
    KnownRefusal {
        statuses: &[404],
        fields: &[("Ngrok-Error-Code", "")],
        body: &[],
        means: "ngrok has no tunnel of this name",
        remedy: "Start the tunnel, or use its present address: the name of a free tunnel changes with each start.",
    },
    KnownRefusal {
        statuses: &[404],
        fields: &[],
        body: &["herokucdn.com/error-pages/no-such-app"],
        means: "Heroku has no app of this name",
        remedy: "Correct the host name: Heroku has no app for it (a renamed or deleted app, or a custom domain that was not added).",
    },
    KnownRefusal {
        statuses: &[403],
        fields: &[],
        body: &["web app is stopped", "Web App - Unavailable"],
        means: "the Azure web app is stopped",
        remedy: "Start the web app, and switch Web sockets on in its configuration.",
    },
    KnownRefusal {
        statuses: &[404],
        fields: &[],
        body: &[
            "No route matches",
            "Whitelabel Error Page",
            "\"error\":\"Not Found\",\"path\"",
            "No static resource",
            "Kernel does not exist",
            "no route",
        ],
        means: "the application has no WebSocket route at this path",
        remedy: ROUTE,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "403 without a word, to a request without Origin", near: &[], fires: &["WHY-27 server"], play: |s| s.refused("", "403 Forbidden", "", "") },
        RuleCase { name: "403 without a word, to a page", near: &["WHY-27"], fires: &[], play: |s| s.refused("Origin: http://a.example\r\n", "403 Forbidden", "", "") },
        RuleCase { name: "403 that names the origin, to a page", near: &[], fires: &["WHY-27 server"], play: |s| s.refused("Origin: http://a.example\r\n", "403 Forbidden", "", "{\"message\":\"origin not in list\"}") },
        RuleCase { name: "Django Channels, to a page of another host", near: &[], fires: &["WHY-27 server"], play: |s| s.refused("Origin: http://evil.example\r\n", "403 Forbidden", "Server: daphne\r\n", "") },
        RuleCase { name: "daphne, to a page of another port of its host", near: &[], fires: &["WHY-27 server"], play: |s| s.refused("Origin: http://server.example.com:3000\r\n", "403 Forbidden", "Server: daphne\r\n", "") },
        RuleCase { name: "uvicorn, to a page of its own", near: &[], fires: &["WHY-27 server"], play: |s| s.refused("Origin: http://server.example.com\r\n", "403 Forbidden", "Server: uvicorn\r\n", "") },
        RuleCase { name: "401 that says why", near: &[], fires: &["WHY-27 server"], play: |s| s.refused("", "401 Unauthorized", "", "{\"error\":\"jwt expired\"}") },
        RuleCase { name: "401 that asks for a password", near: &["WHY-27"], fires: &[], play: |s| s.refused("", "401 Unauthorized", "", "") },
        RuleCase { name: "a page of nginx", near: &[], fires: &["WHY-27 server"], play: |s| s.refused("", "404 Not Found", "", "<html>\r\n<hr><center>nginx/1.22.1</center>") },
        RuleCase { name: "404 without a sign of who answered", near: &["WHY-27"], fires: &[], play: |s| s.refused("", "404 Not Found", "", "") },
        RuleCase { name: "429", near: &["WHY-27"], fires: &[], play: |s| s.refused("", "429 Too Many Requests", "", "token bucket empty") },
    ];

    #[test]
    fn applications_that_refuse_are_named() {
        check_causes(&[RULES], CASES);
    }
}
