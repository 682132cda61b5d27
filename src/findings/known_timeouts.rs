//! Times after which products end connections by default, with the place where they are documented.
//!
//! A time that fits is a candidate, not a proof: many products have the same. One that left a trace in the
//! handshake comes first.

use crate::findings::rules::handshake::fields_read::contains;
use crate::http::{Handshake, Head};

/// A default after which connections are ended.
#[derive(Debug)]
pub(crate) struct KnownTimeout {
    pub(crate) seconds: u64,
    whose: &'static str,
    /// Where it is documented.
    source: &'static str,
    pub(crate) kind: TimeoutKind,
    /// What its product leaves in a handshake.
    trace: &'static [Trace],
}

/// What is measured, and what is done when the time is up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TimeoutKind {
    /// Time without any byte; TCP is ended.
    Idle,
    /// The same, but nothing is sent until the next packet comes: it is answered with RST.
    Forgets,
    /// Time without messages; Pings do not count.
    Data,
    /// Time without messages; a Close is sent.
    Close,
    /// Time since the handshake, whether the connection is in use or not.
    Age,
}

/// A part of a field of the handshake.
#[derive(Debug)]
enum Trace {
    /// A field of the response that contains this; empty if the field's presence is enough.
    Response(&'static str, &'static str),
    /// A field of the request.
    Request(&'static str, &'static str),
    /// The target of the request.
    Target(&'static str),
}

/// Which entries of [`KNOWN`] left a trace: a set of their positions.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Traces(u64);

impl Traces {
    /// Those of a handshake.
    pub(crate) fn of(handshake: Option<&Handshake>) -> Self {
        let Some(handshake) = handshake else { return Self::default() };
        let found = KNOWN
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.trace.iter().any(|trace| trace.is_in(handshake)));
        Self(found.fold(0, |all, (place, _)| all | bit(place)))
    }

    /// Those of either.
    pub(crate) fn joined(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, place: usize) -> bool {
        self.0 & bit(place) != 0
    }
}

/// The defaults that fit a time, those that left a trace first.
#[derive(Debug, Default)]
pub(crate) struct FittingTimeouts {
    traced: Vec<&'static KnownTimeout>,
    others: Vec<&'static KnownTimeout>,
}

impl FittingTimeouts {
    /// Those of the kinds for which `fits` holds.
    pub(crate) fn find(traces: Traces, fits: impl Fn(&KnownTimeout) -> bool) -> Self {
        let mut out = Self::default();
        for (place, entry) in KNOWN.iter().enumerate().filter(|(_, entry)| fits(entry)) {
            let list = if traces.has(place) { &mut out.traced } else { &mut out.others };
            list.push(entry);
        }
        out
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.traced.is_empty() && self.others.is_empty()
    }

    /// Whether one of them left a trace.
    pub(crate) fn is_traced(&self) -> bool {
        !self.traced.is_empty()
    }

    /// The first few, in words.
    pub(crate) fn names(&self) -> Vec<String> {
        let all = self.traced.iter().chain(&self.others);
        // Others are not worth a word if one was seen.
        let most = if self.is_traced() { self.traced.len().min(MOST_NAMES) } else { MOST_NAMES };
        all.take(most).map(|entry| entry.in_words()).collect()
    }

    /// `it fits 60 s of nginx's proxy_read_timeout (ngx_http_proxy_module)`
    pub(crate) fn in_words(&self) -> String {
        let names = self.names();
        match (names.is_empty(), self.is_traced()) {
            (true, _) => "it fits no known default".to_owned(),
            (false, true) => {
                format!("it fits {}, which left a trace in the handshake", names.join(" or "))
            }
            (false, false) => format!("it fits {}", names.join(" or ")),
        }
    }
}

impl KnownTimeout {
    fn in_words(&self) -> String {
        let Self { seconds, whose, source, .. } = self;
        let time = match *seconds {
            seconds if seconds >= 7_200 && seconds.is_multiple_of(3_600) => {
                format!("{} h", seconds / 3_600)
            }
            seconds if seconds >= 120 && seconds.is_multiple_of(60) => {
                format!("{} min", seconds / 60)
            }
            seconds => format!("{seconds} s"),
        };
        format!("{time} of {whose} ({source})")
    }

    /// The time in nanoseconds.
    pub(crate) fn nanoseconds(&self) -> u64 {
        self.seconds.saturating_mul(1_000_000_000)
    }
}

impl Trace {
    fn is_in(&self, handshake: &Handshake) -> bool {
        let is_in = |head: Option<&Head>, name: &str, part: &str| {
            head.is_some_and(|head| head.all(name).any(|value| contains(value, part)))
        };
        match self {
            Self::Response(name, part) => is_in(handshake.response.as_ref(), name, part),
            Self::Request(name, part) => is_in(handshake.request.as_ref(), name, part),
            Self::Target(part) => handshake.target().is_some_and(|target| contains(target, part)),
        }
    }
}

/// The limit that many products have for which `fits` holds, in nanoseconds.
pub(crate) fn common_limit(fits: impl Fn(u64) -> bool) -> Option<u64> {
    COMMON.iter().map(|seconds| seconds.saturating_mul(1_000_000_000)).find(|limit| fits(*limit))
}

fn bit(place: usize) -> u64 {
    u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or_default()
}

use self::TimeoutKind::{Age, Close, Data, Forgets, Idle};
use self::Trace::{Request, Response, Target};

/// Defaults that are widely met, shortest first; at most 64.
#[rustfmt::skip]
const KNOWN: &[KnownTimeout] = &[
    KnownTimeout { seconds: 15, whose: "Envoy's route timeout", source: "Envoy documentation", kind: Age, trace: &[Response("Server", "envoy"), Response("X-Envoy-Upstream-Service-Time", "")] },
    KnownTimeout { seconds: 30, whose: "the backend timeout of Google Cloud load balancers", source: "Cloud Load Balancing documentation", kind: Age, trace: &[Response("Via", "google")] },
    KnownTimeout { seconds: 30, whose: "the backend timeout of Google Cloud load balancers", source: "Cloud Load Balancing documentation", kind: Idle, trace: &[Response("Via", "google")] },
    KnownTimeout { seconds: 30, whose: "Jetty's idle timeout for WebSocket", source: "Jetty 12 documentation", kind: Close, trace: &[Response("Server", "jetty")] },
    KnownTimeout { seconds: 40, whose: "uvicorn or Python websockets (a Ping each 20 s, 20 s for its Pong)", source: "their documentation of keepalive", kind: Close, trace: &[Response("Server", "uvicorn"), Response("Server", "websockets")] },
    KnownTimeout { seconds: 50, whose: "HAProxy's timeout client as Debian sets it", source: "its haproxy.cfg", kind: Idle, trace: &[] },
    KnownTimeout { seconds: 55, whose: "Heroku's router", source: "Heroku documentation, error H15", kind: Idle, trace: &[Response("Via", "vegur"), Response("Via", "heroku"), Request("Host", "herokuapp.com")] },
    KnownTimeout { seconds: 55, whose: "Heroku's router", source: "Heroku documentation, error H15", kind: Age, trace: &[Response("Via", "vegur"), Response("Via", "heroku"), Request("Host", "herokuapp.com")] },
    KnownTimeout { seconds: 60, whose: "nginx's proxy_read_timeout", source: "ngx_http_proxy_module", kind: Idle, trace: &[Response("Server", "nginx"), Response("Server", "openresty")] },
    KnownTimeout { seconds: 60, whose: "Apache's ProxyTimeout", source: "mod_proxy, core Timeout", kind: Idle, trace: &[Response("Server", "apache")] },
    KnownTimeout { seconds: 60, whose: "an AWS Application Load Balancer", source: "Elastic Load Balancing documentation", kind: Idle, trace: &[Response("Server", "awselb"), Request("X-Amzn-Trace-Id", "")] },
    KnownTimeout { seconds: 60, whose: "Cowboy's idle_timeout", source: "cowboy_websocket", kind: Close, trace: &[Response("Server", "cowboy")] },
    KnownTimeout { seconds: 60, whose: "the timeout of Phoenix sockets", source: "Phoenix.Socket", kind: Close, trace: &[Target("/websocket?vsn="), Target("&vsn=")] },
    KnownTimeout { seconds: 60, whose: "Spring's limit for the first message", source: "SubProtocolWebSocketHandler", kind: Close, trace: &[] },
    KnownTimeout { seconds: 60, whose: "gorilla/websocket's examples (pongWait)", source: "their source", kind: Close, trace: &[] },
    KnownTimeout { seconds: 60, whose: "Traefik's readTimeout", source: "Traefik documentation, respondingTimeouts", kind: Age, trace: &[] },
    KnownTimeout { seconds: 100, whose: "Cloudflare", source: "its documentation of connection limits", kind: Idle, trace: &[Response("CF-RAY", ""), Response("Server", "cloudflare")] },
    KnownTimeout { seconds: 100, whose: "Cloudflare", source: "its documentation of connection limits", kind: Age, trace: &[Response("CF-RAY", ""), Response("Server", "cloudflare")] },
    KnownTimeout { seconds: 230, whose: "Azure App Service", source: "its documentation of request timeouts", kind: Age, trace: &[Response("X-Azure-Ref", ""), Request("Host", "azurewebsites.net")] },
    KnownTimeout { seconds: 240, whose: "an Azure Load Balancer", source: "Azure documentation", kind: Forgets, trace: &[] },
    KnownTimeout { seconds: 300, whose: "Envoy's stream_idle_timeout", source: "Envoy documentation", kind: Idle, trace: &[Response("Server", "envoy"), Response("X-Envoy-Upstream-Service-Time", "")] },
    KnownTimeout { seconds: 300, whose: "Azure Front Door", source: "its documentation of WebSocket", kind: Idle, trace: &[Response("X-Azure-Ref", "")] },
    KnownTimeout { seconds: 300, whose: "Cloud Run's request timeout", source: "Cloud Run documentation", kind: Age, trace: &[Response("Server", "Google Frontend"), Request("Host", ".run.app")] },
    KnownTimeout { seconds: 300, whose: "Jetty 9's idle timeout for WebSocket", source: "Jetty 9.4 documentation", kind: Close, trace: &[Response("Server", "jetty(9")] },
    KnownTimeout { seconds: 350, whose: "an AWS Network Load Balancer or NAT gateway", source: "AWS documentation", kind: Forgets, trace: &[] },
    KnownTimeout { seconds: 600, whose: "an AWS API Gateway", source: "its quotas", kind: Idle, trace: &[Request("Host", "execute-api")] },
    KnownTimeout { seconds: 600, whose: "an AWS API Gateway", source: "its quotas", kind: Data, trace: &[Request("Host", "execute-api")] },
    KnownTimeout { seconds: 600, whose: "an AWS API Gateway", source: "its quotas", kind: Close, trace: &[Request("Host", "execute-api")] },
    KnownTimeout { seconds: 600, whose: "Google Cloud's connection tracking", source: "VPC documentation", kind: Forgets, trace: &[] },
    KnownTimeout { seconds: 3_600, whose: "HAProxy's timeout tunnel as its documentation suggests", source: "HAProxy configuration manual", kind: Idle, trace: &[] },
    KnownTimeout { seconds: 3_600, whose: "Cloud Run's longest request timeout", source: "Cloud Run documentation", kind: Age, trace: &[Response("Server", "Google Frontend"), Request("Host", ".run.app")] },
    KnownTimeout { seconds: 7_200, whose: "an AWS API Gateway", source: "its quotas", kind: Age, trace: &[Request("Host", "execute-api")] },
    KnownTimeout { seconds: 14_400, whose: "Azure Front Door", source: "its documentation of WebSocket", kind: Age, trace: &[Response("X-Azure-Ref", "")] },
    KnownTimeout { seconds: 86_400, whose: "Binance's streams", source: "Binance API documentation", kind: Age, trace: &[Request("Host", "binance")] },
];

/// Limits that many products have, in seconds: a time that is one of these is not there by chance.
const COMMON: &[u64] = &[30, 55, 60, 100, 240, 300, 350, 600, 3_600, 7_200];

/// Names of products that are worth reading.
const MOST_NAMES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_fits_into_a_set() {
        assert!(KNOWN.is_sorted_by_key(|entry| entry.seconds));
        assert!(KNOWN.len() <= 64);
    }

    #[test]
    fn what_left_a_trace_is_named_alone() {
        let of = |traces| {
            FittingTimeouts::find(traces, |entry| entry.kind == Idle && entry.seconds == 60)
        };
        assert_eq!(of(Traces::default()).names().len(), 3);
        let nginx = KNOWN.iter().position(|entry| entry.whose.starts_with("nginx")).unwrap();
        let names = of(Traces(bit(nginx))).names();
        assert_eq!(names, ["60 s of nginx's proxy_read_timeout (ngx_http_proxy_module)"]);
        assert!(of(Traces(bit(nginx))).is_traced());
    }

    #[test]
    fn times_are_words() {
        let of = |seconds| KNOWN.iter().rfind(|entry| entry.seconds == seconds).unwrap().in_words();
        assert!(of(7_200).starts_with("2 h of an AWS API Gateway"));
        assert!(of(350).starts_with("350 s of"));
        assert!(of(240).starts_with("4 min of"));
    }
}
