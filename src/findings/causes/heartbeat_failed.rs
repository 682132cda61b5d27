//! WHY-45: the heartbeat of the protocol on top failed.

use crate::findings::across::ended_websockets::{EndKind, WebSocketEnd, end_of};
use crate::findings::causes::heartbeat_limits::{BeatLimit, BeatLimits};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::state::app_heartbeat::{AppHeartbeat, BeatProtocol};
use crate::findings::words::{duration, packets_in_words};
use crate::stream::{Direction, Origin, Side, Span};

/// WHY-45.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-45",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "the heartbeat of the protocol on top failed",
    section: "Engine.IO protocol 4, MQTT 3.1.1 §3.1.2.10, STOMP 1.2",
    explanation: "Engine.IO, MQTT, STOMP, SignalR, GraphQL over WebSocket, Phoenix and Action Cable have \
        heartbeats of their own, in data messages: Pings and Pongs of WebSocket do not count. In \
        Engine.IO 3 the client sends 2 and the server answers 3; from version 4 on the server sends 2 \
        and the client answers 3. The connection ended because a heartbeat came from the wrong side, \
        was not answered, or was not sent.",
    remedy: "Use the client library of the protocol, in a version that fits the server's; a bare \
        WebSocket must send and answer the heartbeats of the protocol itself.",
    example: Example::Text("server: 2\nclient: nothing\nserver, after pingTimeout: FIN"),
    explains: Some(
        Cause::dropped(1_161, "the heartbeat of the protocol on top failed")
            .explaining(&["WS-C17", "WS-C12", "WS-C09", "NET-07", "WS-C19", "OPS-0"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let Some((end, failure)) = failure(context) else { return };
        let (by, how) = (end.by.name(), end.how.in_words());
        violations
            .add(format!("{}; the {by} ended the connection ({how})", failure.what))
            .side(failure.side)
            .direction(failure.direction)
            .span(failure.span)
            .remedy(failure.remedy);
    })],
}];

/// How a heartbeat failed.
struct BeatFailure {
    what: String,
    /// The side that should have sent something else.
    side: Side,
    direction: Direction,
    span: Span,
    remedy: &'static str,
}

/// Whether the heartbeat of the protocol on top explains the end of a connection.
pub(super) fn has_failed(context: &CauseContext<'_>) -> bool {
    failure(context).is_some()
}

fn failure(context: &CauseContext<'_>) -> Option<(WebSocketEnd, BeatFailure)> {
    let state = context.subject.state;
    let heartbeat = state.app_heartbeat.seen()?;
    let sides = &state.sides;
    let is_whole =
        !state.health.has_gap && sides.client.lost.is_none() && sides.server.lost.is_none();
    let end = end_of(context.connection, state).filter(|end| is_whole && !is_otherwise(end))?;
    let limits = BeatLimits::of(heartbeat, end.by);
    let failure = wrong_direction(heartbeat, &end)
        .or_else(|| unanswered(context, heartbeat, &end, limits.answer.as_ref()?))
        .or_else(|| silent(context, heartbeat, &end, limits.silence.as_ref()?))?;
    Some((end, failure))
}

/// Whether code or reason say that the connection ended for another reason.
fn is_otherwise(end: &WebSocketEnd) -> bool {
    let is_of_other_code = match end.how {
        EndKind::Fin | EndKind::Rst => false,
        EndKind::Close(code) => {
            code.is_some_and(|code| matches!(code, 1002 | 1003 | 1007 | 1009..=1015))
        }
    };
    let is_named = end.says_idle() || end.says_heartbeat();
    (is_of_other_code || !end.reason.is_empty()) && !is_named
}

/// A ping or a pong of Engine.IO from the side that must not send it, and an end at once.
fn wrong_direction(heartbeat: &AppHeartbeat, end: &WebSocketEnd) -> Option<BeatFailure> {
    let BeatProtocol::EngineIo { version: Some(version), interval, .. } = heartbeat.protocol else {
        return None;
    };
    let sender = end.by.direction().reverse();
    let beats = heartbeat.beats.get(sender);
    let pings = if version >= 4 { Direction::ServerToClient } else { Direction::ClientToServer };
    let side = Side::sender(sender);
    let name = side.name();
    let (span, what, instead) = if sender == pings {
        let instead = format!("the {name} pings and the other side answers");
        (beats.unasked?, "pong of Engine.IO (3", instead)
    } else {
        let pinger = Side::sender(pings).name();
        let instead = format!("only the {pinger} pings, each {}", duration(interval));
        (beats.first?, "ping of Engine.IO (2", instead)
    };
    let is_at_once =
        span.first.packet <= end.at.packet && end.at.time.since(span.last.time) <= AT_ONCE;
    is_at_once.then(|| BeatFailure {
        what: format!(
            "the {name} sent a {what}, {}), although in version {version} {instead}",
            packets_in_words(span)
        ),
        side,
        direction: sender,
        span,
        remedy: if version >= 4 { DIRECTION_4 } else { DIRECTION_3 },
    })
}

/// A heartbeat of the side that ended the connection that the other one had received and not answered in time.
fn unanswered(
    context: &CauseContext<'_>,
    heartbeat: &AppHeartbeat,
    end: &WebSocketEnd,
    limit: &BeatLimit,
) -> Option<BeatFailure> {
    let sender = end.by.direction();
    let span = heartbeat.beats.get(sender).unanswered?;
    let waited = end.at.time.since(span.last.time);
    let was_received = context.connection.received(sender) >= span.end;
    let side = Side::sender(sender.reverse());
    (was_received && limit.is_up(waited)).then(|| BeatFailure {
        what: format!(
            "the {} did not answer {} ({}) for {}{}",
            side.name(),
            limit.what,
            packets_in_words(span),
            duration(waited),
            limit.in_words()
        ),
        side,
        direction: sender,
        span,
        remedy: limit.remedy,
    })
}

/// A side that sent nothing for longer than it may, until the other one ended the connection.
fn silent(
    context: &CauseContext<'_>,
    heartbeat: &AppHeartbeat,
    end: &WebSocketEnd,
    limit: &BeatLimit,
) -> Option<BeatFailure> {
    let state = context.subject.state;
    let silent = end.by.direction().reverse();
    let recent = &state.sides.get(silent).recent;
    // A server of SockJS sends h by itself.
    let spoken = recent.backwards().find(|message| message.content != b"h");
    if spoken.is_some_and(|message| is_farewell(heartbeat.protocol, &message.content)) {
        return None;
    }
    let spoken: Option<Origin> = if limit.counts_beats_only {
        heartbeat.beats.get(silent).latest.map(|span| span.last)
    } else {
        spoken.map(|message| message.span.last)
    };
    let since = spoken.or_else(|| state.handshake.accepted.map(|response| response.last))?;
    let waited = end.at.time.since(since.time);
    let side = Side::sender(silent);
    let span = Span { first: since, last: end.at, ..Span::default() };
    limit.is_up(waited).then(|| BeatFailure {
        what: format!(
            "the {} sent {} for {} after {}{}",
            side.name(),
            limit.what,
            duration(waited),
            packets_in_words(Span { last: since, ..span }),
            limit.in_words()
        ),
        side,
        direction: end.by.direction(),
        span: Span { first: end.at, ..span },
        remedy: limit.remedy,
    })
}

/// Whether a message says that its sender is done.
fn is_farewell(protocol: BeatProtocol, content: &[u8]) -> bool {
    match protocol {
        BeatProtocol::Mqtt { .. } => matches!(content, [0xe0, ..]),
        BeatProtocol::Stomp(_) => {
            content.starts_with(b"DISCONNECT") || content.starts_with(b"[\"DISCONNECT")
        }
        BeatProtocol::EngineIo { .. } => matches!(content, b"1" | b"41"),
        BeatProtocol::SignalR
        | BeatProtocol::GraphQl
        | BeatProtocol::GraphQlKeepAlive
        | BeatProtocol::Phoenix
        | BeatProtocol::ActionCable => false,
    }
}

const DIRECTION_4: &str = "From Engine.IO 4 on, the direction of the ping is from the server to the client: \
    the server sends 2 and the client answers 3. Use a client of version 4 (socket.io-client 3 or later), or \
    let a bare client answer pings and send none of its own.";

const DIRECTION_3: &str = "In Engine.IO 3 the direction of the ping is from the client to the server: the \
    client sends 2 and the server answers 3. Use a client of the version that EIO names (socket.io-client 2 \
    for EIO=3), or join with EIO=4 if the server speaks it.";

/// Nanoseconds within which a side ends the connection after a ping in the wrong direction.
const AT_ONCE: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check_causes, masked, plain};
    use crate::testkit::traffic::TestTraffic;

    fn joined(s: &mut Scenario, version: u8) -> &mut TestTraffic {
        let (key, accept) = s.open().fresh_key();
        s.client(format!("GET /socket.io/?EIO={version}&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").as_bytes());
        s.server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes());
        s.server(&plain(0x81, b"0{\"sid\":\"a\",\"pingInterval\":5000,\"pingTimeout\":4000}"))
    }

    fn speaks<'t>(s: &'t mut Scenario, protocol: &str) -> &'t mut TestTraffic {
        let field = format!("Sec-WebSocket-Protocol: {protocol}\r\n");
        s.open().upgrade(&field, &field)
    }

    const CONNECT: &[u8] = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x0a\x00\x04cli1";
    const STOMP: &[u8] = b"CONNECT\naccept-version:1.2\nheart-beat:4000,4000\n\n\0";
    const STOMP_CONNECTED: &[u8] = b"CONNECTED\nversion:1.2\nheart-beat:4000,4000\n\n\0";
    const SIGNALR: &[u8] = b"{\"protocol\":\"json\",\"version\":1}\x1e";
    const PHOENIX: &[u8] = b"[null,\"5\",\"phoenix\",\"heartbeat\",{}]";

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a ping is not answered", near: &[], fires: &["WHY-45 client"], play: |s| {
            joined(s, 4).wait(5_000).server(&plain(0x81, b"2")).wait(4_000).end(Side::Server);
        }},
        RuleCase { name: "a client of version 4 pings", near: &[], fires: &["WHY-45 client"], play: |s| {
            joined(s, 4).client(&masked(0x81, b"2")).server(&plain(0x88, b"")).end(Side::Server);
        }},
        RuleCase { name: "a client of version 3 does not ping", near: &[], fires: &["WHY-45 client"], play: |s| {
            joined(s, 3).wait(9_050).end(Side::Server);
        }},
        RuleCase { name: "a server of version 4 does not ping", near: &[], fires: &["WHY-45 server"], play: |s| {
            joined(s, 4).client(&masked(0x81, b"40")).wait(9_050).client(&masked(0x88, b"")).end(Side::Client);
        }},
        RuleCase { name: "a server of version 3 does not answer", near: &[], fires: &["WHY-45 server"], play: |s| {
            joined(s, 3).wait(5_000).client(&masked(0x81, b"2")).wait(4_100).client(&masked(0x88, b"")).end(Side::Client);
        }},
        RuleCase { name: "a client of MQTT is silent", near: &[], fires: &["WHY-45 client"], play: |s| {
            speaks(s, "mqtt").client(&masked(0x82, CONNECT)).server(&plain(0x82, b"\x20\x02\0\0")).wait(15_200).end(Side::Server);
        }},
        RuleCase { name: "a client of STOMP is silent", near: &[], fires: &["WHY-45 client"], play: |s| {
            speaks(s, "v12.stomp").client(&masked(0x81, STOMP)).server(&plain(0x81, STOMP_CONNECTED)).wait(4_000).server(&plain(0x81, b"\n")).wait(4_100).end(Side::Server);
        }},
        RuleCase { name: "a client of SignalR is silent", near: &[], fires: &["WHY-45 client"], play: |s| {
            s.upgraded().client(&masked(0x81, SIGNALR)).server(&plain(0x81, b"{}\x1e")).wait(15_000).server(&plain(0x81, b"{\"type\":6}\x1e")).wait(15_000).end(Side::Server);
        }},
        RuleCase { name: "a ping of GraphQL is not answered", near: &[], fires: &["WHY-45 client"], play: |s| {
            speaks(s, "graphql-transport-ws").wait(1_000).server(&plain(0x81, b"{\"type\":\"ping\"}")).wait(5_000).end(Side::Server);
        }},
        RuleCase { name: "a server of Action Cable is silent", near: &[], fires: &["WHY-45 server"], play: |s| {
            speaks(s, "actioncable-v1-json").server(&plain(0x81, b"{\"type\":\"ping\",\"message\":1}")).wait(7_000).client(&masked(0x88, b"")).end(Side::Client);
        }},
        RuleCase { name: "a ping is answered", near: &["WHY-45"], fires: &[], play: |s| {
            joined(s, 4).wait(5_000).server(&plain(0x81, b"2")).client(&masked(0x81, b"3")).wait(4_000).end(Side::Server);
        }},
        RuleCase { name: "a client of version 3 pings", near: &["WHY-45"], fires: &[], play: |s| {
            joined(s, 3).wait(5_000).client(&masked(0x81, b"2")).server(&plain(0x81, b"3")).end(Side::Server);
        }},
        RuleCase { name: "it ends long before the time is up", near: &["WHY-45"], fires: &[], play: |s| {
            joined(s, 4).wait(5_000).server(&plain(0x81, b"2")).wait(100).end(Side::Server);
        }},
        RuleCase { name: "the ping did not arrive", near: &["WHY-45"], fires: &[], play: |s| {
            joined(s, 4).wait(5_000).unacknowledged(Direction::ServerToClient, &plain(0x81, b"2")).wait(4_000).reset(Side::Server);
        }},
        RuleCase { name: "the Close gives another reason", near: &["WHY-45"], fires: &[], play: |s| {
            joined(s, 4).wait(5_000).server(&plain(0x81, b"2")).wait(4_000).server(&plain(0x88, b"\x03\xf4restart")).end(Side::Server);
        }},
        RuleCase { name: "bytes of the client are missing", near: &["WHY-45"], fires: &[], play: |s| {
            joined(s, 4).missing(Direction::ClientToServer, 7).server(&plain(0x81, b"2")).wait(4_000).end(Side::Server);
        }},
        RuleCase { name: "a client of MQTT says that it is done", near: &["WHY-45"], fires: &[], play: |s| {
            speaks(s, "mqtt").client(&masked(0x82, CONNECT)).server(&plain(0x82, b"\x20\x02\0\0")).client(&masked(0x82, b"\xe0\0")).wait(15_200).end(Side::Server);
        }},
        RuleCase { name: "a client of MQTT pings", near: &["WHY-45"], fires: &[], play: |s| {
            speaks(s, "mqtt").client(&masked(0x82, CONNECT)).server(&plain(0x82, b"\x20\x02\0\0")).wait(8_000).client(&masked(0x82, b"\xc0\0")).server(&plain(0x82, b"\xd0\0")).wait(8_000).end(Side::Server);
        }},
        RuleCase { name: "a client of STOMP that promised no heartbeats is silent", near: &["WHY-45"], fires: &[], play: |s| {
            speaks(s, "v12.stomp").client(&masked(0x81, b"CONNECT\nheart-beat:0,4000\n\n\0")).server(&plain(0x81, STOMP_CONNECTED)).wait(8_100).end(Side::Server);
        }},
        RuleCase { name: "a heartbeat of Phoenix is answered", near: &["WHY-45"], fires: &[], play: |s| {
            let (key, accept) = s.open().fresh_key();
            s.client(format!("GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").as_bytes());
            s.server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes());
            s.client(&masked(0x81, PHOENIX)).server(&plain(0x81, b"[null,\"5\",\"phoenix\",\"phx_reply\",{\"response\":{},\"status\":\"ok\"}]")).wait(30_000).client(&masked(0x88, b"")).end(Side::Client);
        }},
    ];

    #[test]
    fn heartbeats_that_fail_are_named() {
        check_causes(&[RULES], CASES);
    }
}
