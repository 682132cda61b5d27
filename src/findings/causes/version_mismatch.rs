//! WHY-21: versions of the protocol on top do not match.

use crate::findings::causes::application_protocols::{ApplicationProtocol, PROTOCOLS};
use crate::findings::causes::program_errors::said_in;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::{contains, sent, shown};
use crate::findings::rules::handshake::refused_request::RefusedRequest;
use crate::findings::state::app_heartbeat::BeatProtocol;
use crate::findings::state::connection::ConnectionState;
use crate::findings::state::recent_messages::RecentMessage;
use crate::findings::words::packets_in_words;
use crate::http::{Handshake, parameter};
use crate::stream::{Direction, Side, Span};
use crate::websocket::Opcode;

/// WHY-21.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-21",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "versions of the protocol on top do not match",
    section: "RFC 6455 §1.9; Engine.IO protocol 4",
    explanation: "Client and server agree on WebSocket, but not on the version of the protocol that \
        runs on it. Request, subprotocol or the server's own error show the version of each side.",
    remedy: "Bring both sides to the same version of the protocol, or switch the compatibility mode of \
        the newer one on.",
    example: Example::Text(
        "client: GET /socket.io/?EIO=3&transport=websocket\n\
         server: 400 {\"code\":5,\"message\":\"Unsupported protocol version\"}",
    ),
    explains: Some(
        Cause::failure(1_100, "versions of the protocol on top do not match").explaining(&[
            "HS-4", "HS-54", "HS-22", "HS-52", "WS-F17", "WS-C12", "WS-C17", "WS-C19", "NET-06",
            "NET-07",
        ]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let found = engine_io(context).or_else(|| not_chosen(context)).or_else(|| said(context));
        let Some(Mismatch { what, span, direction, remedy }) = found else { return };
        violations.add(what).side(None).direction(direction).span(span).remedy(remedy);
    })],
}];

/// Versions that differ.
struct Mismatch {
    what: String,
    span: Span,
    direction: Direction,
    remedy: &'static str,
}

/// Engine.IO's error 5, in a response or in place of the first frame.
fn engine_io(context: &CauseContext<'_>) -> Option<Mismatch> {
    let (connection, state) = (context.connection, context.subject.state);
    let facts = &state.handshake;
    let refusal = RefusedRequest::of(connection, facts)
        .or_else(|| RefusedRequest::of_polling(connection, facts));
    let (request, span) = match refusal {
        Some(refusal) if refusal.says(UNSUPPORTED) => (refusal.request, refusal.response.span),
        Some(_) => return None,
        None => {
            let text = state.sides.server.text.as_deref()?;
            let request = facts.accepted_heads.as_deref()?.request.as_ref()?;
            let is_it = contains(text, UNSUPPORTED) || contains(text, "\"code\":5");
            let lost = state.sides.server.lost.as_deref().copied();
            is_it.then(|| (request, lost.unwrap_or(request.span)))?
        }
    };
    let version = parameter(request.target()?, "EIO")?;
    let (version, remedy) = (String::from_utf8_lossy(version).into_owned(), ENGINE_IO);
    Some(Mismatch {
        what: format!(
            "the client speaks Engine.IO {version} (EIO={version}), and the server answers \
             \"{UNSUPPORTED}\""
        ),
        span,
        direction: Direction::ServerToClient,
        remedy,
    })
}

/// A server that chose none of the versions that the client offered, and a client that left or was closed.
fn not_chosen(context: &CauseContext<'_>) -> Option<Mismatch> {
    let state = context.subject.state;
    if let Some(handshake) = state.handshake.accepted_heads.as_deref() {
        let response = handshake.response.as_ref()?;
        let is_used = state.sides.client.data_frames > 0 && state.sides.server.data_frames > 0;
        let is_chosen = response.header("Sec-WebSocket-Protocol").is_some();
        if is_used || is_chosen || state.ended.is_none() {
            return None;
        }
        let protocol = offered(handshake)?;
        let close = state.sides.server.close.as_deref();
        // A client that leaves without a word of the server may refuse any choice but one of its own: WHY-14.
        let is_all_its = handshake.subprotocols_offered().all(|name| protocol.has_token(name));
        if close.is_none() && !is_all_its {
            return None;
        }
        let words =
            close.filter(|close| !close.reason.is_empty()).map_or_else(String::new, |close| {
                let code = close.code.map_or_else(String::new, |code| format!("{code} "));
                format!("; the server closed with {code}{}", shown(&close.reason))
            });
        return Some(mismatch(
            protocol,
            handshake,
            &format!("chose none of them{words}"),
            response.span,
        ));
    }
    let refusal = RefusedRequest::of(context.connection, &state.handshake)?;
    let handshake = state.handshake.refused.as_deref()?;
    let protocol = offered(handshake)?;
    let is_about_versions = [
        "subprotocol",
        "sub-protocol",
        "Sec-WebSocket-Protocol",
        "protocol version",
        "unsupported protocol",
    ]
    .iter()
    .any(|word| refusal.says(word))
        || names_other(protocol, handshake, &refusal);
    let words = refusal.words().unwrap_or_default();
    let how = format!("refused them: {}; the body says {words}", refusal.answer());
    is_about_versions.then(|| mismatch(protocol, handshake, &how, refusal.response.span))
}

/// The protocol of which the client offered some versions, but not all.
fn offered(handshake: &Handshake) -> Option<&'static ApplicationProtocol> {
    let request = handshake.request.as_ref()?;
    PROTOCOLS
        .iter()
        .find(|protocol| protocol.is_offered(request) && !others(protocol, handshake).is_empty())
}

/// The versions that the client did not offer.
fn others(protocol: &ApplicationProtocol, handshake: &Handshake) -> Vec<&'static str> {
    let is_offered = |token: &str| {
        handshake.subprotocols_offered().any(|name| name.eq_ignore_ascii_case(token.as_bytes()))
    };
    protocol.tokens.iter().copied().filter(|token| !is_offered(token)).collect()
}

/// Whether the body of a refusal names a version that the client did not offer.
fn names_other(
    protocol: &ApplicationProtocol,
    handshake: &Handshake,
    refusal: &RefusedRequest<'_>,
) -> bool {
    others(protocol, handshake).iter().any(|token| refusal.says(token))
}

fn mismatch(
    protocol: &'static ApplicationProtocol,
    handshake: &Handshake,
    how: &str,
    span: Span,
) -> Mismatch {
    let offered = handshake
        .request
        .as_ref()
        .map_or_else(String::new, |request| sent(request, "Sec-WebSocket-Protocol"));
    Mismatch {
        what: format!(
            "the client speaks {} as {offered}, and the server {how} (other versions: {})",
            protocol.name,
            others(protocol, handshake).join(", ")
        ),
        span,
        direction: Direction::ServerToClient,
        remedy: protocol.agree,
    }
}

/// A message in which a side says that it does not speak the other's version.
fn said(context: &CauseContext<'_>) -> Option<Mismatch> {
    let state = context.subject.state;
    old_graphql(state).or_else(|| {
        Direction::BOTH.into_iter().find_map(|direction| {
            let mut recent = state.sides.get(direction).recent.backwards();
            recent.find_map(|message| said_in_message(direction, message))
        })
    })
}

fn said_in_message(direction: Direction, message: &RecentMessage) -> Option<Mismatch> {
    let is_connack = message.opcode == Opcode::Binary
        && matches!(message.content.as_slice(), [0x20, 2, _, 1] | [0x20, _, _, 0x84, ..]);
    let place = || packets_in_words(message.span);
    if is_connack {
        let what =
            format!("the broker refuses the client's version of MQTT (CONNACK, {})", place());
        return Some(Mismatch { what, span: message.span, direction, remedy: MQTT });
    }
    if !TEXTS.iter().any(|(words, _)| contains(&message.content, words)) {
        return None;
    }
    let text = message.text()?;
    let (_, remedy) = TEXTS.iter().find(|(words, _)| contains(text.as_bytes(), words))?;
    let sender = Side::sender(direction).name();
    let what = format!("the {sender} says {} ({})", said_in(text.as_bytes()), place());
    Some(Mismatch { what, span: message.span, direction, remedy })
}

/// A server of graphql-transport-ws that closes with 4400 (its PROTOCOL.md, "Invalid message") after a message of
/// the older protocol.
fn old_graphql(state: &ConnectionState) -> Option<Mismatch> {
    let heartbeat = state.app_heartbeat.seen()?;
    let code = state.sides.server.close.as_deref()?.code;
    if heartbeat.protocol != BeatProtocol::GraphQl || code != Some(4400) {
        return None;
    }
    let message = state.sides.client.recent.backwards().next()?;
    let text = message.text()?;
    let compact: String = text.chars().filter(|it| !it.is_whitespace()).collect();
    let kind = ["start", "stop", "connection_terminate"]
        .into_iter()
        .find(|kind| compact.contains(&format!("\"type\":\"{kind}\"")))?;
    Some(Mismatch {
        what: format!(
            "the client sends {kind} ({}), a message of subscriptions-transport-ws, and the server speaks \
             graphql-transport-ws: it closed with 4400",
            packets_in_words(message.span)
        ),
        span: message.span,
        direction: Direction::ClientToServer,
        remedy: GRAPHQL,
    })
}

/// Engine.IO's error 5.
const UNSUPPORTED: &str = "Unsupported protocol version";

const ENGINE_IO: &str = "Bring socket.io to the same version on both sides: clients of version 1 and 2 speak Engine.IO \
    3 (EIO=3), those of 3 and 4 speak Engine.IO 4. Upgrade the client, or let the server accept old clients: \
    new Server({ allowEIO3: true }).";

const MQTT: &str = "Set the protocol version of the client to one that the broker speaks (mqtt.js: protocolVersion 4 \
    for 3.1.1, 5 for 5.0; Paho: protocol=MQTTv311), or update the broker.";

const SIGNALR: &str = "Use the client library that belongs to the server: @microsoft/signalr for ASP.NET Core, the jQuery \
    client for SignalR of ASP.NET; and register the hub protocol on both sides (AddMessagePackProtocol).";

const GRAPHQL: &str = "Use the same protocol on both sides: subscriptions-transport-ws (subprotocol graphql-ws, messages \
    start and data) or the library graphql-ws (subprotocol graphql-transport-ws, messages subscribe and next).";

const STOMP: &str = "List the versions that the server names in accept-version of CONNECT, and update the older side.";

// Texts with which libraries refuse a version: SignalR's handshake of ASP.NET Core, subscriptions-transport-ws,
// graphql-ws, STOMP 1.2 ("Protocol Negotiation").
const TEXTS: &[(&str, &str)] = &[
    ("The server does not support version", SIGNALR),
    ("{\"error\":\"The protocol '", SIGNALR),
    ("Invalid message type!", GRAPHQL),
    ("Supported protocol versions are", STOMP),
    ("Unsupported protocol version", ENGINE_IO),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check_causes, masked, plain};
    use crate::testkit::traffic::TestTraffic;

    fn old_client(s: &mut TestTraffic) -> &mut TestTraffic {
        let (key, _) = s.open().fresh_key();
        s.client(format!("GET /socket.io/?EIO=3&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").as_bytes())
    }

    const ERROR: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 51\r\n\r\n{\"code\":5,\"message\":\"Unsupported protocol version\"}";

    fn offers(s: &mut Scenario, protocol: &str) {
        s.open().upgrade(&format!("Sec-WebSocket-Protocol: {protocol}\r\n"), "").end(Side::Client);
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "an old client of socket.io", near: &[], fires: &["WHY-21"], play: |s| { old_client(s).server(ERROR).end(Side::Server); } },
        RuleCase { name: "the error on the upgraded socket", near: &[], fires: &["WHY-21"], play: |s| {
            let (_, accept) = old_client(s).fresh_key();
            s.server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes());
            s.server(ERROR).client(&masked(0x88, b"\x03\xea")).end(Side::Client);
        }},
        RuleCase { name: "another version of GraphQL's protocol", near: &[], fires: &["WHY-21"], play: |s| offers(s, "graphql-ws") },
        RuleCase { name: "a version of MQTT that the broker does not speak", near: &[], fires: &["WHY-21"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: mqtt\r\n", "Sec-WebSocket-Protocol: mqtt\r\n").client(&masked(0x82, b"\x10\x0c\x00\x04MQTT\x05\x02\x00\x3c\x00\x00"));
            s.server(&plain(0x82, b"\x20\x02\x00\x01")).end(Side::Server);
        }},
        RuleCase { name: "a message of GraphQL's older protocol", near: &[], fires: &["WHY-21"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: graphql-transport-ws\r\n", "Sec-WebSocket-Protocol: graphql-transport-ws\r\n");
            s.client(&masked(0x81, b"{\"id\":\"1\",\"type\":\"start\"}")).server(&plain(0x88, b"\x11\x30"));
        }},
        RuleCase { name: "a hub protocol that the server does not speak", near: &[], fires: &["WHY-21"], play: |s| {
            s.upgraded().client(&masked(0x81, b"{\"protocol\":\"messagepack\",\"version\":1}\x1e"));
            s.server(&plain(0x81, b"{\"error\":\"The protocol 'messagepack' is not supported.\"}\x1e")).server(&plain(0x88, b"\x03\xe8"));
        }},
        RuleCase { name: "a format that a program does not support", near: &["WHY-21"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"{\"note\":\"The format 'x' is not supported.\"}")).close();
        }},
        RuleCase { name: "another error of Engine.IO", near: &["WHY-21"], fires: &["WHY-20 server"], play: |s| {
            old_client(s).server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 41\r\n\r\n{\"code\":1,\"message\":\"Session ID unknown\"}").end(Side::Server);
        }},
        RuleCase { name: "a subprotocol of no known family", near: &["WHY-21"], fires: &["WHY-14 server"], play: |s| offers(s, "chat") },
        RuleCase { name: "a connection that is used all the same", near: &["WHY-21"], fires: &[], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: graphql-ws\r\n", "").client(&masked(0x81, b"{}")).server(&plain(0x81, b"{}")).end(Side::Client);
        }},
    ];

    #[test]
    fn versions_that_differ_are_named() {
        check_causes(&[RULES], CASES);
    }
}
