//! WHY-30: another protocol is served at this port, or spoken by this client.

use crate::analysis::event::{Nature, StrayBytes, StrayPlace};
use crate::findings::causes::known_refusal::{self, KnownRefusal};
use crate::findings::causes::no_response;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::shown;
use crate::findings::words::duration;
use crate::http::OtherProtocol;
use crate::stream::{Direction, Side};

/// WHY-30.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-30",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "wrong port: client and server speak different protocols",
    section: "RFC 6455 §4.1",
    explanation: "A WebSocket begins with an HTTP request. Here one side speaks another protocol, as its \
        first bytes show: a greeting, an error in that protocol's own form, or a client of it that \
        reached a port of HTTP.",
    remedy: SERVER,
    example: Example::Text("client: GET /chat HTTP/1.1 ...\nserver: SSH-2.0-OpenSSH_9.2"),
    explains: Some(
        Cause::failure(1_143, "wrong port: another protocol")
            .explaining(&["HS-4", "HS-5", "NET-06", "NET-07", "TLS-"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let connection = context.connection;
        let is_refused = context.subject.state.handshake.accepted.is_none()
            && connection.nature != Nature::WebSocket;
        if !is_refused {
            return;
        }
        if let Some((stray, protocol)) = connection.stray.iter().find_map(telling) {
            let remedy = remedy(protocol, stray.direction);
            let (who, name) = (Side::sender(stray.direction).name(), protocol.name());
            violations
                .add(format!("the {who} speaks {name}: {}", shown(&stray.bytes)))
                .direction(stray.direction)
                .side(None)
                .span(stray.span)
                .remedy(remedy);
        } else if let Some((protocol, evidence)) = silent_mqtt(context) {
            let remedy = remedy(protocol, Direction::ServerToClient);
            violations.add(evidence).direction(Direction::ServerToClient).side(None).remedy(remedy);
        } else if let Some(refusal) = known_refusal::refused(context)
            && let Some(known) = known_refusal::find(IN_HTTP, &refusal)
        {
            known.report(&refusal, None, violations);
        }
    })],
}];

// Servers of other protocols that recognize HTTP, and answer in it: MongoDB, the transport port of Elasticsearch and
// OpenSearch, ClickHouse's native port, the port of a cluster of etcd.
const IN_HTTP: &[KnownRefusal] = &[
    KnownRefusal {
        statuses: &[],
        fields: &[],
        body: &["trying to access MongoDB over HTTP"],
        means: "the server speaks MongoDB's wire protocol",
        remedy: SERVER,
    },
    KnownRefusal {
        statuses: &[],
        fields: &[],
        body: &["This is not a HTTP port", "This is not an HTTP port"],
        means: "the server speaks the transport protocol of Elasticsearch",
        remedy: SERVER,
    },
    KnownRefusal {
        statuses: &[],
        fields: &[],
        body: &["is for clickhouse-client program"],
        means: "the server speaks ClickHouse's native protocol",
        remedy: SERVER,
    },
];

/// Bytes that show another protocol.
fn telling(stray: &StrayBytes) -> Option<(&StrayBytes, OtherProtocol)> {
    let is_instead = match stray.place {
        StrayPlace::Greeting | StrayPlace::InsteadOfRequest | StrayPlace::InsteadOfResponse => true,
        StrayPlace::BeforeRequest
        | StrayPlace::BeforeResponse
        | StrayPlace::BeforeFrames
        | StrayPlace::UnfinishedProxyHeader
        | StrayPlace::UnfinishedResponse => false,
    };
    // HTTP/2 has a cause of its own, TLS rules of its own.
    let protocol =
        stray.protocol.filter(|it| !matches!(it, OtherProtocol::Http2 | OtherProtocol::Tls))?;
    is_instead.then_some((stray, protocol))
}

/// A broker that ends a connection without a word at once when it reads HTTP, asked for MQTT over WebSocket.
fn silent_mqtt(context: &CauseContext<'_>) -> Option<(OtherProtocol, String)> {
    let at = no_response::waited(context)?;
    let request = context.subject.state.handshake.asked?;
    let protocol = request.over.filter(|it| *it == OtherProtocol::Mqtt)?;
    let evidence = format!(
        "a WebSocket with the subprotocol mqtt was asked for, and the server ended TCP without a byte \
         {} later: a broker does so at its port for plain MQTT (usually 1883)",
        duration(at)
    );
    Some((protocol, evidence))
}

/// What to do about a protocol, and who speaks it.
fn remedy(protocol: OtherProtocol, direction: Direction) -> &'static str {
    match (protocol, direction) {
        (OtherProtocol::Mqtt, Direction::ServerToClient) => MQTT_SERVER,
        (OtherProtocol::Mqtt, Direction::ClientToServer) => MQTT_CLIENT,
        (OtherProtocol::Amqp, _) => AMQP,
        (OtherProtocol::Socks, _) => SOCKS,
        (_, Direction::ClientToServer) => CLIENT,
        (_, Direction::ServerToClient) => SERVER,
    }
}

const SERVER: &str = "Connect to the port of the WebSocket server: `ss -ltnp` on the server shows which \
    program listens where.";

const MQTT_SERVER: &str = "This is the broker's port for plain MQTT. Use its port for MQTT over WebSocket: \
    add one to the broker (mosquitto: `listener 9001` with `protocol websockets`; EMQX 8083, HiveMQ 8000), \
    and connect to ws://host:that-port/mqtt.";

const MQTT_CLIENT: &str = "The client speaks plain MQTT to a port of HTTP or WebSocket. Use a URL that \
    begins with ws:// in the client (mqtt.js: ws://host:port/mqtt), or the broker's port for plain MQTT \
    (usually 1883).";

const AMQP: &str = "The client speaks AMQP to a port of HTTP or WebSocket. Use the broker's port for plain \
    AMQP (usually 5672), or a client that speaks AMQP over WebSocket.";

const SOCKS: &str = "The client takes this server for a SOCKS proxy. Check its proxy settings (ALL_PROXY, \
    the browser's), and exclude local servers from them.";

const CLIENT: &str = "The client speaks another protocol to a port of HTTP or WebSocket. Check the scheme \
    and the port that it uses.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "an SSH server", near: &[], fires: &["WHY-30"], play: |s| {
            s.open().server(b"SSH-2.0-dropbear_2022.83\r\n").client(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").end(Side::Server);
        }},
        RuleCase { name: "MongoDB, which recognizes HTTP", near: &["HS-53"], fires: &["WHY-30"], play: |s| {
            s.ask("").server(b"HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 85\r\n\r\nIt looks like you are trying to access MongoDB over HTTP on the native driver port.\r\n").end(Side::Server);
        }},
        RuleCase { name: "a broker for plain MQTT", near: &[], fires: &["WHY-30"], play: |s| {
            s.ask("Sec-WebSocket-Protocol: mqtt\r\n").reset(Side::Server);
        }},
        RuleCase { name: "another server that resets", near: &["WHY-30"], fires: &[], play: |s| {
            s.ask("").reset(Side::Server);
        }},
        RuleCase { name: "a WebSocket that works", near: &["WHY-30"], fires: &[], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: mqtt\r\n", "Sec-WebSocket-Protocol: mqtt\r\n").close();
        }},
    ];

    #[test]
    fn other_protocols_are_named() {
        check_causes(&[RULES], CASES);
    }
}
