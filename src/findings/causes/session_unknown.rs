//! WHY-20: the server that received the request does not know its session.

use crate::findings::causes::known_refusal::{self, Conclusion};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::shown;
use crate::findings::rules::handshake::refused_request::RefusedRequest;
use crate::http::parameter;
use crate::stream::Side;

/// WHY-20.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-20",
    severity: Severity::Error,
    applies_to: AppliesTo::Server,
    title: "session unknown to the server that received the request",
    section: "Engine.IO protocol 4; ASP.NET Core SignalR, transport protocols",
    explanation: "The protocol on top begins with ordinary HTTP requests, in which a server issues \
        a session id, and only then asks for a WebSocket with that id. The id exists in the memory \
        of that one server: if a load balancer gives the next request to another server, process \
        or worker, it is unknown there. The same happens after a restart, or if the client waits \
        for too long.",
    remedy: STICKY,
    example: Example::Text(
        "client: GET /socket.io/?EIO=4&transport=websocket&sid=lv_VI97HAXpY6yYWAAAC\n\
         server: 400 {\"code\":1,\"message\":\"Session ID unknown\"}",
    ),
    explains: Some(
        Cause::failure(1_104, "session unknown to this server")
            .explaining(&["HS-4", "WS-F17", "WS-C17", "WS-C12"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let facts = &context.subject.state.handshake;
        let Some(refusal) = known_refusal::refused(context)
            .or_else(|| RefusedRequest::of_polling(context.connection, facts))
        else {
            return;
        };
        let target = refusal.request.target().unwrap_or_default();
        let id = PARAMETERS.iter().find_map(|name| parameter(target, name));
        let elsewhere = id.and_then(|id| issued(context, id));
        let known = KNOWN.iter().find(|(_, texts)| texts.iter().any(|text| refusal.says(text)));
        let remedy = match (known, &elsewhere) {
            (Some((remedy, _)), _) => *remedy,
            (None, Some(Issuer::Other(_))) if (400..500).contains(&refusal.status) => STICKY,
            _ => return,
        };
        let what =
            id.map_or_else(|| "the session".to_owned(), |id| format!("the session {}", shown(id)));
        let server = context.connection.server;
        let means = match elsewhere {
            Some(Issuer::Other(words)) => format!("{what} is unknown to {server}: {words}"),
            Some(Issuer::Same(words)) => format!(
                "{what} is unknown to the server that received the request, although {words}"
            ),
            None => format!("{what} is unknown to the server that received the request"),
        };
        let conclusion = Conclusion { side: Some(Side::Server), means: &means, fields: &[] };
        known_refusal::report(&refusal, conclusion, violations).remedy(remedy);
    })],
}];

/// Who issued a session id, in words.
enum Issuer {
    /// Another server than the one that was asked.
    Other(String),
    /// The address that was asked, whatever is there.
    Same(String),
}

fn issued(context: &CauseContext<'_>, id: &[u8]) -> Option<Issuer> {
    let server = context.connection.server;
    let sessions = &context.across.sessions;
    if let Some(same) = sessions.issuers(id).find(|it| it.server == server) {
        let other = sessions.issuers(id).find(|it| it.server != server);
        let via = other.map_or_else(String::new, |it| format!(", by way of {}", it.server));
        return Some(Issuer::Same(format!(
            "this address issued it (connection {}{via})",
            same.connection.0
        )));
    }
    let other = sessions.issuers(id).next()?;
    Some(Issuer::Other(format!("{} issued it (connection {})", other.server, other.connection.0)))
}

// Parameters of the query that hold a session id: those of Engine.IO, ASP.NET Core SignalR, SignalR for ASP.NET.
const PARAMETERS: [&str; 4] = ["sid", "id", "connectionToken", "session"];

const STICKY: &str = "Send all requests of a client to the same server: sticky sessions (session affinity) in \
    the load balancer (nginx: ip_hash or hash; Kubernetes ingress: the affinity cookie; AWS: stickiness of \
    the target group; a cluster of Node.js: @socket.io/sticky), or let the client begin with WebSocket at once: \
    transports: [\"websocket\"]. With a single server, look for a restart, several workers, or a client that \
    reconnects with an old id.";

const SIGNALR: &str = "Send all requests of a client to the same server: sticky sessions (ARR affinity in \
    Azure, ip_hash in nginx, affinity in the load balancer), or the Azure SignalR Service; or let the client \
    skip negotiation: { skipNegotiation: true, transport: HttpTransportType.WebSockets }. With a single server, \
    look for a restart or several workers between negotiate and the upgrade.";

// What servers answer: engine.io (`Server.errors`), python-engineio, the dispatcher of connections of ASP.NET Core,
// SignalR for ASP.NET (`Resources.Error_ConnectionIdIncorrectFormat`), SockJS.
const KNOWN: &[(&str, &[&str])] = &[
    (
        STICKY,
        &[
            "Session ID unknown",
            "Invalid session",
            "Unknown session",
            "session not found",
            "unknown sid",
        ],
    ),
    (
        SIGNALR,
        &[
            "No Connection with that ID",
            "The connection id is in the incorrect format",
            "ConnectionId is in the incorrect format",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check_causes};

    fn answered(s: &mut Scenario, target: &str, more: &str, status: &str, body: &str) {
        let length = body.len();
        s.open().client(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{more}\r\n").as_bytes());
        s.server(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes())
            .end(Side::Server);
    }

    const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    const UNKNOWN: &str = "{\"code\":1,\"message\":\"Session ID unknown\"}";

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "at the upgrade", near: &[], fires: &["WHY-20 server"], play: |s| answered(s, "/socket.io/?EIO=4&transport=websocket&sid=abc", UPGRADE, "400 Bad Request", UNKNOWN) },
        RuleCase { name: "by long polling", near: &[], fires: &["WHY-20 server"], play: |s| answered(s, "/socket.io/?EIO=4&transport=polling&sid=abc", "", "400 Bad Request", UNKNOWN) },
        RuleCase { name: "SignalR", near: &[], fires: &["WHY-20 server"], play: |s| answered(s, "/hub?id=abc", UPGRADE, "404 Not Found", "No Connection with that ID") },
        RuleCase { name: "another error of Engine.IO", near: &["WHY-20"], fires: &[], play: |s| answered(s, "/socket.io/?EIO=4&transport=polling&sid=abc", "", "400 Bad Request", "{\"code\":3,\"message\":\"Bad request\"}") },
        RuleCase { name: "long polling that works", near: &["WHY-20"], fires: &[], play: |s| answered(s, "/socket.io/?EIO=4&transport=polling&sid=abc", "", "200 OK", "40") },
    ];

    #[test]
    fn unknown_sessions_are_named() {
        check_causes(&[RULES], CASES);
    }

    #[test]
    fn the_server_that_issued_the_session_is_named() {
        let mut scenario = Scenario::new();
        answered(
            &mut scenario,
            "/socket.io/?EIO=4&transport=polling",
            "",
            "200 OK",
            "0{\"sid\":\"abc\",\"upgrades\":[]}",
        );
        scenario.ports[1] = 8081;
        answered(
            &mut scenario,
            "/socket.io/?EIO=4&transport=websocket&sid=abc",
            UPGRADE,
            "400 Bad Request",
            UNKNOWN,
        );
        let judged = scenario.judge(&crate::findings::Reading::default());
        let cause = judged.list.iter().find(|finding| finding.rule.id == "WHY-20").unwrap();
        let expected = "the session \"abc\" is unknown to 10.0.0.2:8081: 10.0.0.2:8080 issued it (connection 1): \
            400 Bad Request; the body says \"Session ID unknown\"";
        assert_eq!(cause.evidence, expected);
    }
}
