//! Proxies and load balancers that leave a trace in a head, and how each is made to forward an upgrade.
//!
//! A product is named only if its trace was captured.

use crate::findings::rules::handshake::fields_read::{contains, shown};
use crate::http::Head;

/// A proxy or load balancer.
#[derive(Debug)]
pub(crate) struct KnownProxy {
    pub(crate) name: &'static str,
    /// Fields of which one shows it, and a text that the value contains; empty if the field is enough.
    trace: &'static [(&'static str, &'static str)],
    /// A field that must be there as well; empty if there is none.
    with: &'static str,
    /// How to make it forward an upgrade.
    pub(crate) remedy: &'static str,
}

impl KnownProxy {
    /// One that left a trace in a head: what it adds to Via precedes the Server field, which it may only have
    /// passed on.
    pub(crate) fn of(head: &Head) -> Option<&'static Self> {
        let traced = KNOWN.iter().find(|known| known.is_in(head));
        traced.or_else(|| is_default_of_nginx(head).then_some(&NGINX))
    }

    /// Whether it left a trace in a head.
    pub(crate) fn is_in(&self, head: &Head) -> bool {
        let is_sent =
            |(name, text): &(&str, &str)| head.all(name).any(|value| contains(value, text));
        self.trace.iter().any(is_sent) && (self.with.is_empty() || head.header(self.with).is_some())
    }
}

/// The field of a request that shows that a proxy passed it on, as it was sent.
pub(crate) fn forwarded(request: &Head) -> Option<String> {
    let name = forwarded_field(request)?;
    Some(format!("{name}: {}", shown(request.header(name).unwrap_or_default())))
}

/// The name of a field that only proxies add to a request.
pub(crate) fn forwarded_field(request: &Head) -> Option<&'static str> {
    FORWARDED.iter().copied().find(|name| request.header(name).is_some())
}

/// Whether a request is as nginx sends it without further settings: HTTP/1.0 and `Connection: close`
/// (its documented defaults of `proxy_http_version` and `proxy_set_header`; newer versions use HTTP/1.1).
fn is_default_of_nginx(request: &Head) -> bool {
    request.status().is_none()
        && request.version() == b"HTTP/1.0"
        && request.has_token("Connection", "close")
}

/// Fields that proxies add to requests (RFC 7239, RFC 9110 §7.6.3, and those in use before).
const FORWARDED: &[&str] = &[
    "X-Forwarded-For",
    "Forwarded",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Server",
    "X-Real-IP",
    "Via",
    "CF-Connecting-IP",
    "True-Client-IP",
];

/// Cloudflare.
pub(crate) const CLOUDFLARE: KnownProxy = KnownProxy {
    name: "Cloudflare",
    trace: &[("CF-RAY", ""), ("Server", "cloudflare"), ("CF-Connecting-IP", "")],
    with: "",
    remedy: "Cloudflare: switch WebSockets on for the zone (Network), and look for a Worker or \
        transform rule that removes Upgrade or Connection. What follows Cloudflare (a tunnel, another \
        proxy) must forward the upgrade, too.",
};

/// The Application Load Balancer and the classic one of AWS.
pub(crate) const AWS: KnownProxy = KnownProxy {
    name: "a load balancer of AWS",
    trace: &[("Server", "awselb"), ("X-Amzn-Trace-Id", "")],
    with: "",
    remedy: "AWS: WebSocket needs an Application Load Balancer with a target group of protocol version \
        HTTP1, or a Network Load Balancer or TCP listener. The Classic Load Balancer with an HTTP \
        listener removes the upgrade.",
};

const NGINX: KnownProxy = KnownProxy {
    name: "nginx",
    trace: &[("Server", "nginx"), ("Server", "openresty"), ("Via", "nginx")],
    with: "",
    remedy: "nginx, in the location of this path:\n  proxy_http_version 1.1;\n  proxy_set_header Upgrade \
        $http_upgrade;\n  proxy_set_header Connection \"upgrade\";\nA location inherits proxy_set_header only \
        if it sets none of its own.",
};

// Traces as documented: Via (RFC 9110 §7.6.3) of Varnish, Apache, Caddy, Squid, CloudFront, Google and Fastly;
// X-Varnish (Varnish); X-Forwarded-Server (mod_proxy, and Traefik beside X-Forwarded-Port); X-Envoy-* (Envoy);
// CF-RAY (Cloudflare); X-Amzn-Trace-Id (AWS load balancers); X-ARR-LOG-ID (IIS Application Request Routing);
// X-Azure-Ref (Azure Front Door); X-Cloud-Trace-Context (Google Cloud); Akamai-Origin-Hop (Akamai).
const KNOWN: &[KnownProxy] = &[
    KnownProxy {
        name: "Fastly",
        trace: &[("Fastly-FF", ""), ("X-Served-By", "cache-")],
        with: "",
        remedy: "Fastly passes WebSocket on only if it is enabled for the service, by `return (upgrade)` in \
            vcl_recv for requests with `Upgrade: websocket`; it does not forward the upgrade otherwise.",
    },
    KnownProxy {
        name: "Varnish",
        trace: &[("Via", "varnish"), ("X-Varnish", "")],
        with: "",
        remedy: "Let Varnish pipe upgrades, in vcl_recv:\n  if (req.http.Upgrade ~ \"(?i)websocket\") {\n    \
            return (pipe);\n  }\nand copy the fields, in vcl_pipe:\n  if (req.http.upgrade) {\n    set \
            bereq.http.upgrade = req.http.upgrade;\n    set bereq.http.connection = \
            req.http.connection;\n  }",
    },
    CLOUDFLARE,
    KnownProxy {
        name: "CloudFront",
        trace: &[("Via", "CloudFront"), ("X-Amz-Cf-Id", "")],
        with: "",
        remedy: "CloudFront: let the origin request policy of this path forward all viewer fields, or at least \
            Sec-WebSocket-Key, Sec-WebSocket-Version, Sec-WebSocket-Protocol and Sec-WebSocket-Extensions \
            (policy AllViewer), and forbid caching there.",
    },
    AWS,
    KnownProxy {
        name: "Envoy",
        trace: &[
            ("Server", "envoy"),
            ("X-Envoy-External-Address", ""),
            ("X-Envoy-Expected-Rq-Timeout-Ms", ""),
            ("X-Envoy-Upstream-Service-Time", ""),
        ],
        with: "",
        remedy: "Envoy: allow the upgrade in the HTTP connection manager or on the route:\n  \
            upgrade_configs:\n  - upgrade_type: websocket",
    },
    KnownProxy {
        name: "Azure Front Door",
        trace: &[("X-Azure-Ref", ""), ("X-Azure-FDID", "")],
        with: "",
        remedy: "Azure Front Door: only the Standard and Premium tiers forward WebSocket, without caching on \
            this route; Application Gateway forwards it by default.",
    },
    KnownProxy {
        name: "IIS with Application Request Routing",
        trace: &[("X-ARR-LOG-ID", ""), ("X-Powered-By", "ARR/"), ("Server", "Microsoft-IIS")],
        with: "",
        remedy: "IIS: install the WebSocket Protocol feature and leave `<webSocket enabled=\"true\">` in \
            web.config; Application Request Routing 3.0 then forwards upgrades. Remove rewrite rules that set \
            HTTP_CONNECTION or HTTP_UPGRADE.",
    },
    KnownProxy {
        name: "Caddy",
        trace: &[("Via", "Caddy"), ("Server", "Caddy")],
        with: "",
        remedy: "Caddy's reverse_proxy forwards upgrades by default: remove `header_up` lines for Connection \
            and Upgrade, and `transport http { versions 2 }` for this path.",
    },
    KnownProxy {
        name: "Traefik",
        trace: &[("X-Forwarded-Server", "")],
        with: "X-Forwarded-Port",
        remedy: "Traefik forwards upgrades by default: remove a `headers` middleware that sets Connection or \
            Upgrade (customRequestHeaders) from this router, and look for the next proxy on the path.",
    },
    KnownProxy {
        name: "Squid",
        trace: &[("Via", "squid"), ("X-Squid-Error", "")],
        with: "",
        remedy: "Squid: allow the upgrade with `http_upgrade_request_protocols websocket allow all` (Squid 5 \
            or later), or let the client reach the server without it.",
    },
    KnownProxy {
        name: "Google Cloud's load balancer",
        trace: &[("Via", "google"), ("X-Cloud-Trace-Context", "")],
        with: "",
        remedy: "Google Cloud's load balancers forward WebSocket without any setting: look for the next proxy \
            on the path, and set the protocol of the backend service to HTTP or HTTPS, not HTTP/2.",
    },
    KnownProxy {
        name: "Akamai",
        trace: &[("Akamai-Origin-Hop", ""), ("Via", "akamai"), ("Server", "AkamaiGHost")],
        with: "",
        remedy: "Akamai: add the WebSockets behavior to the property for this path.",
    },
    NGINX,
    KnownProxy {
        name: "HAProxy",
        trace: &[("Server", "haproxy"), ("Via", "haproxy")],
        with: "",
        remedy: "HAProxy forwards upgrades by default: remove rules that delete or set Connection and Upgrade \
            (http-request del-header), and `option httpclose` or `forceclose` of old versions.",
    },
    KnownProxy {
        name: "Apache",
        trace: &[("Via", "Apache"), ("Server", "Apache"), ("X-Forwarded-Server", "")],
        with: "",
        remedy: "Apache, with mod_proxy 2.4.47 or later:\n  ProxyPass \"/path\" \"http://server:port/path\" \
            upgrade=websocket\nBefore, with mod_proxy_wstunnel:\n  ProxyPass \"/path\" \
            \"ws://server:port/path\"",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Span;

    #[test]
    fn a_proxy_is_named_by_its_trace_only() {
        #[rustfmt::skip]
        let rows: &[(&str, Option<&str>)] = &[
            ("GET / HTTP/1.1\r\nVia: 1.1 varnish (Varnish/7.1)", Some("Varnish")),
            ("HTTP/1.1 426 x\r\nServer: nginx\r\nVia: 1.1 host (Varnish/7.1)", Some("Varnish")),
            ("GET / HTTP/1.1\r\nX-Forwarded-Server: www\r\nX-Forwarded-Port: 80", Some("Traefik")),
            ("GET / HTTP/1.1\r\nX-Forwarded-Server: www", Some("Apache")),
            ("GET / HTTP/1.0\r\nConnection: close", Some("nginx")),
            ("HTTP/1.0 400 x\r\nConnection: close", None),
            ("GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1", None),
        ];
        for (raw, expected) in rows {
            let head = Head::parse(format!("{raw}\r\n\r\n").as_bytes(), Span::default());
            assert_eq!(KnownProxy::of(&head).map(|known| known.name), *expected, "{raw}");
        }
    }
}
