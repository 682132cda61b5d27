//! WHY-28: a proxy could not reach its upstream server.

use std::fmt::Write;

use crate::findings::causes::known_refusal::{self, Conclusion, KnownRefusal};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::known_proxies::{AWS, CLOUDFLARE};
use crate::findings::rules::handshake::refusals::failed_upstream;
use crate::findings::rules::handshake::refused_request::RefusedRequest;
use crate::stream::Side;

/// WHY-28.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-28",
    severity: Severity::Error,
    applies_to: AppliesTo::Server,
    title: "a proxy could not reach its upstream server",
    section: "RFC 9110 §15.6.3, §15.6.5",
    explanation: "The response comes from a proxy or load balancer, not from the WebSocket server: \
        the request never reached a program that could accept it. The client and its request are \
        in order.",
    remedy: GENERAL,
    example: Example::Text("server: HTTP/1.1 502 Bad Gateway\nserver: Server: nginx"),
    explains: Some(
        Cause::failure(1_141, "proxy could not reach its upstream server").explaining(&["HS-4"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let Some(refusal) = known_refusal::refused(context) else { return };
        if lacks_trace(&refusal) {
            return;
        }
        let known = known_refusal::find(KNOWN, &refusal);
        if known.is_none() && !matches!(refusal.status, 502 | 504) {
            return;
        }
        let mut means = known
            .map_or("a proxy could not reach its upstream server", |known| known.means)
            .to_owned();
        if let Some(failed) = failed_upstream(context, &refusal) {
            let server = failed.server;
            let id = failed.id.0;
            write!(means, " (connection {id} from there to {server} failed meanwhile)").ok();
        }
        let fields: Vec<&str> = match known {
            Some(known) if !known.fields.is_empty() => {
                known.fields.iter().map(|(name, _)| *name).collect()
            }
            _ => vec!["Server"],
        };
        let side = Some(Side::Server);
        let conclusion = Conclusion { side, means: &means, fields: &fields };
        known_refusal::report(&refusal, conclusion, violations)
            .remedy(known.map_or(GENERAL, |known| known.remedy));
    })],
}];

/// Whether its status is one of a product that left no trace: HS-46 explains it without a name.
fn lacks_trace(refusal: &RefusedRequest<'_>) -> bool {
    match refusal.status {
        460..=464 => !AWS.is_in(refusal.response),
        520..=530 => !CLOUDFLARE.is_in(refusal.response),
        _ => false,
    }
}

const GENERAL: &str = "Start the upstream server, or correct its address in the proxy: the proxy's error \
    log names the address that it tried. Check whether the server listens there (`ss -ltnp`); in \
    containers, whether the proxy uses the right name for it (localhost is the proxy's own container), \
    and whether both speak plain HTTP or both TLS.";

const TIMED_OUT: &str = "The upstream server accepted the connection and did not answer the upgrade in \
    time: look for what blocks it (its log, a stack dump), or for a port that speaks another protocol. \
    The proxy's timeout for connecting or for the first response is the time that passed.";

const ORIGIN_SERVER: &str = "Cloudflare cannot talk to the origin server behind it. Check that the origin \
    server runs and listens on the port that the DNS record and SSL mode imply, and that its firewall \
    admits Cloudflare's addresses (https://www.cloudflare.com/ips/); `curl` to the origin's address, not to \
    the proxied name, shows whether it is reachable.";

const CLOUDFLARE_TLS: &str = "Match Cloudflare's SSL/TLS mode with the origin server: `Full` needs TLS on \
    port 443 of the origin, `Full (strict)` a valid or Cloudflare origin certificate for the name, \
    `Flexible` plain HTTP on port 80.";

const CLOUDFLARE_DNS: &str = "Correct the DNS record, tunnel or Worker behind this name: Cloudflare could \
    not resolve or use the origin (the body names an error 1xxx). For a tunnel, check that `cloudflared` \
    runs and is connected.";

const ALB: &str = "Look at the load balancer's access log (target_status_code and error_reason) and at \
    the health of its target group: the target must listen on the port of the group, answer its health \
    check with plain HTTP, and be admitted by its security group. WebSocket needs a target group of \
    protocol version HTTP1.";

const ALB_IDLE: &str = "The client closed the connection before the load balancer had an answer: raise \
    the client's timeout for connecting, or find out why the target needs longer.";

const ALB_VERSION: &str = "Set the protocol version of the target group to HTTP1: WebSocket cannot be \
    forwarded to targets of HTTP/2 or gRPC.";

const HEROKU: &str = "Look at `heroku logs --tail` for the code of the error (H10: the app crashed, H12: no \
    answer in 30 s, H14: no web dyno runs, H20: not started in time), and let the app listen on $PORT.";

const NO_TARGET: &str = "No healthy server is configured for this route: start one, or look at why its \
    health check fails (the check must be an ordinary HTTP request to a path that answers 200, not an \
    upgrade). Check port and name of the upstream server in the proxy's configuration.";

// Statuses of Cloudflare: <https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/>;
// of AWS: "HTTP errors" in the guide of the Application Load Balancer; bodies of Envoy: "upstream connect
// error", `no healthy upstream` in its router filter; of HAProxy: its default error files; of Heroku: the
// title of its error page; of http-proxy-middleware: its handler for errors; of Traefik, Caddy, Apache and IIS: their own error pages.
const KNOWN: &[KnownRefusal] = &[
    KnownRefusal {
        statuses: &[520],
        fields: &[],
        body: &[],
        means: "Cloudflare reached the origin server behind it and got an empty or unreadable answer",
        remedy: "Look at the origin server's log at that moment: it closed the connection, crashed, or answered with a head that is not HTTP or too large. An origin that does not accept upgrades on this path may do so, too.",
    },
    KnownRefusal {
        statuses: &[521],
        fields: &[],
        body: &[],
        means: "the origin server behind Cloudflare refused the connection",
        remedy: ORIGIN_SERVER,
    },
    KnownRefusal {
        statuses: &[522],
        fields: &[],
        body: &[],
        means: "the origin server behind Cloudflare is unreachable: it did not answer the connection in time",
        remedy: ORIGIN_SERVER,
    },
    KnownRefusal {
        statuses: &[523],
        fields: &[],
        body: &[],
        means: "the origin server behind Cloudflare is unreachable: there is no route to its address",
        remedy: ORIGIN_SERVER,
    },
    KnownRefusal {
        statuses: &[524],
        fields: &[],
        body: &[],
        means: "the origin server behind Cloudflare accepted the connection and did not answer in time",
        remedy: TIMED_OUT,
    },
    KnownRefusal {
        statuses: &[525],
        fields: &[],
        body: &[],
        means: "the TLS handshake between Cloudflare and the origin server failed",
        remedy: CLOUDFLARE_TLS,
    },
    KnownRefusal {
        statuses: &[526],
        fields: &[],
        body: &[],
        means: "Cloudflare does not accept the certificate of the origin server",
        remedy: CLOUDFLARE_TLS,
    },
    KnownRefusal {
        statuses: &[527],
        fields: &[],
        body: &[],
        means: "Cloudflare's Railgun could not reach the origin server behind it",
        remedy: ORIGIN_SERVER,
    },
    KnownRefusal {
        statuses: &[530],
        fields: &[],
        body: &[],
        means: "Cloudflare cannot resolve or use the origin server of this name",
        remedy: CLOUDFLARE_DNS,
    },
    KnownRefusal {
        statuses: &[460],
        fields: &[],
        body: &[],
        means: "the client closed its connection to the load balancer before the target had answered",
        remedy: ALB_IDLE,
    },
    KnownRefusal {
        statuses: &[461, 462, 463],
        fields: &[],
        body: &[],
        means: "the load balancer could not forward the request to a target",
        remedy: ALB,
    },
    KnownRefusal {
        statuses: &[464],
        fields: &[],
        body: &[],
        means: "the target group of the load balancer has a protocol version that cannot carry this request",
        remedy: ALB_VERSION,
    },
    KnownRefusal {
        statuses: &[502, 503, 504],
        fields: &[("Server", "awselb")],
        body: &[],
        means: "the AWS load balancer could not reach a target, or got no valid answer from it",
        remedy: ALB,
    },
    KnownRefusal {
        statuses: &[500, 502, 503, 504],
        fields: &[("Via", "vegur")],
        body: &[],
        means: "Heroku's router could not reach the app",
        remedy: HEROKU,
    },
    KnownRefusal {
        statuses: &[500, 502, 503, 504],
        fields: &[],
        body: &["herokucdn.com/error-pages", "<title>Application Error</title>"],
        means: "Heroku's router could not reach the app",
        remedy: HEROKU,
    },
    KnownRefusal {
        statuses: &[502, 503, 504],
        fields: &[("Ngrok-Error-Code", "")],
        body: &[],
        means: "ngrok could not reach the server behind its tunnel",
        remedy: "Start the server on the port that was given to ngrok, or correct this port: the tunnel is up, and nothing answers behind it.",
    },
    KnownRefusal {
        statuses: &[503, 504],
        fields: &[],
        body: &["no healthy upstream"],
        means: "Envoy has no healthy server for this route",
        remedy: NO_TARGET,
    },
    KnownRefusal {
        statuses: &[502, 503, 504],
        fields: &[],
        body: &["upstream connect error or disconnect", "upstream request timeout"],
        means: "Envoy could not connect to its upstream server, or got no answer from it",
        remedy: "Look at the reset reason in the body and at Envoy's response flags (UF: connection failed, UC: closed by the upstream server, URX: retries exhausted): start the upstream server, correct its port, and compare TLS on both sides of this hop (in a service mesh, mTLS).",
    },
    KnownRefusal {
        statuses: &[500, 502, 504],
        fields: &[],
        body: &["Error occurred while trying to proxy", "[HPM]"],
        means: "node's http-proxy-middleware could not reach its target",
        remedy: "Start the server that `target` of the development proxy names, and use the address on which it listens (127.0.0.1 or ::1, not localhost, if it listens on one family only); `ws: true` makes this proxy forward upgrades.",
    },
    KnownRefusal {
        statuses: &[503],
        fields: &[],
        body: &["No server is available to handle this request"],
        means: "HAProxy has no server for this request: none is up, or none in the chosen backend",
        remedy: NO_TARGET,
    },
    KnownRefusal {
        statuses: &[502],
        fields: &[],
        body: &["The server returned an invalid or incomplete response"],
        means: "HAProxy got no valid answer from its upstream server",
        remedy: GENERAL,
    },
    KnownRefusal {
        statuses: &[504],
        fields: &[],
        body: &["The server didn't respond in time"],
        means: "HAProxy got no answer from its upstream server within `timeout server`",
        remedy: TIMED_OUT,
    },
    KnownRefusal {
        statuses: &[503],
        fields: &[("Via", "varnish")],
        body: &[],
        means: "Varnish could not fetch from its backend",
        remedy: "Look at `varnishlog -g request -q 'RespStatus == 503'` for the FetchError, and at the health of the backend (`varnishadm backend.list`). For WebSocket, Varnish must pipe the request: in vcl_recv, `if (req.http.upgrade ~ \"(?i)websocket\") { return (pipe); }`.",
    },
    KnownRefusal {
        statuses: &[503],
        fields: &[],
        body: &["Backend fetch failed", "Error 503 Backend"],
        means: "Varnish could not fetch from its backend",
        remedy: NO_TARGET,
    },
    KnownRefusal {
        statuses: &[502, 503],
        fields: &[("Server", "Apache")],
        body: &[
            "The proxy server received an invalid response from an upstream server",
            "temporarily unable to service your request",
        ],
        means: "Apache could not reach the server to which it forwards this path",
        remedy: "Look at Apache's error log (AH00957, AH01114: connection refused; AH01102: no valid answer) and correct host and port in ProxyPass. For WebSocket: ProxyPass \"/path\" \"http://server:port/path\" upgrade=websocket, or ws:// with mod_proxy_wstunnel.",
    },
    KnownRefusal {
        statuses: &[503],
        fields: &[],
        body: &["Service Unavailable"],
        means: "a proxy or load balancer has no server for this request",
        remedy: NO_TARGET,
    },
    KnownRefusal {
        statuses: &[502],
        fields: &[("X-Azure-Ref", "")],
        body: &[],
        means: "Azure Front Door could not reach its origin",
        remedy: GENERAL,
    },
    KnownRefusal {
        statuses: &[502, 504],
        fields: &[("Server", "Microsoft-Azure-Application-Gateway")],
        body: &[],
        means: "Azure's Application Gateway could not reach its backend",
        remedy: "Look at the backend health of the gateway: the probe must succeed (plain HTTP, 200 to 399), the port and host name of the HTTP setting must be those of the server, and its network must admit the gateway.",
    },
    KnownRefusal {
        statuses: &[502],
        fields: &[("Via", "google")],
        body: &[],
        means: "Google's load balancer could not reach a healthy backend",
        remedy: "Look at the load balancer's log for statusDetails (failed_to_connect_to_backend, failed_to_pick_backend, backend_connection_closed_before_data_sent_to_client), and at the health check and firewall rules of the backend service.",
    },
    KnownRefusal {
        statuses: &[504],
        fields: &[("Server", "nginx")],
        body: &[],
        means: "nginx got no answer from its upstream server in time",
        remedy: TIMED_OUT,
    },
    KnownRefusal {
        statuses: &[502],
        fields: &[("Server", "nginx")],
        body: &[],
        means: "nginx could not reach its upstream server, or got no valid answer from it",
        remedy: "Look at nginx's error log: `connect() failed (111: Connection refused)` names the address on which nothing listens, `upstream prematurely closed connection` a server that closed, `no live upstreams` that all are marked as failed. Start the server there, or correct proxy_pass; in containers, use the name of the service instead of localhost.",
    },
    KnownRefusal {
        statuses: &[502, 503],
        fields: &[("Server", "Caddy")],
        body: &[],
        means: "Caddy could not reach its upstream server",
        remedy: "Look at Caddy's log (`dial tcp ...: connect: connection refused` names the address), start the server there, or correct the address after reverse_proxy.",
    },
    KnownRefusal {
        statuses: &[504],
        fields: &[],
        body: &[],
        means: "a proxy got no answer from its upstream server in time",
        remedy: TIMED_OUT,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check_causes};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "502 of nginx", near: &[], fires: &["WHY-28 server"], play: |s| s.refused("", "502 Bad Gateway", "Server: nginx/1.22.1\r\n", "<html>\r\n<head><title>502 Bad Gateway</title></head>") },
        RuleCase { name: "523 of Cloudflare", near: &[], fires: &["WHY-28 server"], play: |s| s.refused("", "523", "Server: cloudflare\r\n", "error code: 523") },
        RuleCase { name: "503 of Envoy", near: &[], fires: &["WHY-28 server"], play: |s| s.refused("", "503 Service Unavailable", "server: envoy\r\n", "no healthy upstream") },
        RuleCase { name: "503 of an application that is busy", near: &["WHY-28"], fires: &[], play: |s| s.refused("", "503 Service Unavailable", "Retry-After: 5\r\n", "too many players") },
        RuleCase { name: "400 by way of nginx", near: &["WHY-28"], fires: &[], play: |s| s.refused("", "400 Bad Request", "Server: nginx\r\n", "") },
    ];

    #[test]
    fn proxies_without_a_server_are_named() {
        check_causes(&[RULES], CASES);
    }

    #[test]
    fn what_a_status_means_is_in_the_evidence() {
        let mut scenario = Scenario::new();
        scenario.refused(
            "",
            "521",
            "Server: cloudflare\r\nCF-RAY: 8a0b-FRA\r\n",
            "error code: 521",
        );
        let judged = scenario.judge(&crate::findings::Reading::default());
        let cause = judged.list.iter().find(|finding| finding.rule.id == "WHY-28").unwrap();
        let expected = "the origin server behind Cloudflare refused the connection: 521, Server: \
            \"cloudflare\"; the body says \"error code: 521\"";
        assert_eq!(cause.evidence, expected);
    }
}
