//! socket.io and plain WebSocket, mixed up (HS-53).

use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::{path, sent, shown};
use crate::findings::rules::handshake::refused_request::{
    answered, is_engine_io_missing, is_of_engine_io,
};
use crate::findings::rules::tls::mistaken::explains;
use crate::http::names_engine_io;
use crate::stream::Direction;

/// HS-53.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "HS-53",
    severity: Severity::Warning,
    applies_to: AppliesTo::Nobody,
    title: "plain WebSocket client used with a socket.io endpoint, or the reverse",
    section: "RFC 6455 §1.9; Engine.IO protocol 4",
    explanation: "socket.io is a separate protocol (Engine.IO) on top of WebSocket: its servers \
        require `EIO` and `transport` in the query and answer plain WebSocket clients with 400, \
        and plain WebSocket servers do not understand its clients.",
    remedy: "Use the same on both sides: socket.io-client with a socket.io server (path /socket.io/ \
        unless set otherwise), or a plain WebSocket (`new WebSocket(url)`, ws, websockets) with a \
        plain WebSocket server.",
    example: Example::Text(
        "client: GET /socket.io/ HTTP/1.1\nserver: HTTP/1.1 400 Bad Request\nserver: \
         {\"code\":0,\"message\":\"Transport unknown\"}",
    ),
    explains: Some(Cause::failure(120, "socket.io and plain WebSocket mixed up")),
    checks: &[Check::CompareEnd(|context, violations| {
        if let Some(refusal) = answered(context).filter(|_| !explains(context)) {
            let target = refusal.request.target().unwrap_or_default();
            let evidence = if is_engine_io_missing(&refusal) {
                format!(
                    "a request without EIO to {}, and an Engine.IO error in response: {}",
                    shown(path(target)),
                    shown(&refusal.body)
                )
            } else if names_engine_io(target)
                && is_of_foreign_server(refusal.status)
                && !is_of_engine_io(&refusal.body)
            {
                let kind = sent(refusal.response, "Content-Type");
                format!(
                    "a socket.io client requested {}, and the response ({kind}) is not from \
                     Engine.IO",
                    shown(path(target))
                )
            } else {
                return;
            };
            violations
                .add(evidence)
                .direction(Direction::ServerToClient)
                .side(None)
                .span(refusal.response.span);
            return;
        }
        let state = context.subject.state;
        let Some((accepted, first)) = state.handshake.accepted.zip(state.unopened) else { return };
        violations
            .add(format!(
                "a socket.io client was accepted, but the server's first message ({}) is not an \
                 Engine.IO open packet",
                crate::findings::words::packets_in_words(first)
            ))
            .direction(Direction::ServerToClient)
            .side(None)
            .span(accepted);
    })],
}];

/// Whether a server that does not know Engine.IO answers with this status. Others are those of a proxy, of a check of
/// credentials, or of a handler that failed.
fn is_of_foreign_server(status: u16) -> bool {
    matches!(status, 200..=299 | 400 | 404 | 405 | 426 | 501)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check, plain};
    use crate::stream::Side;
    use crate::testkit::traffic::TestTraffic;

    const UNKNOWN: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 17\r\n\r\nTransport unknown";

    fn socket_io(s: &mut TestTraffic) -> &mut TestTraffic {
        let (key, _) = s.open().fresh_key();
        s.client(format!("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").as_bytes())
    }

    fn accepted(s: &mut TestTraffic) -> &mut TestTraffic {
        let (_, accept) = socket_io(s).fresh_key();
        s.server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes())
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a plain client at a socket.io server", near: &[], fires: &["HS-53"], play: |s| {
            s.ask("").server(UNKNOWN).end(Side::Server);
        }},
        RuleCase { name: "a socket.io client at a server that has never heard of it", near: &[], fires: &["HS-43", "HS-53"], play: |s| {
            socket_io(s).server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
        RuleCase { name: "a handler of a socket.io server that fails", near: &["HS-53"], fires: &["HS-48"], play: |s| {
            socket_io(s).server(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
        RuleCase { name: "a socket.io client that is refused by a socket.io server", near: &["HS-53"], fires: &["HS-40"], play: |s| {
            socket_io(s).server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 41\r\n\r\n{\"code\":1,\"message\":\"Session ID unknown\"}").end(Side::Server);
        }},
        RuleCase { name: "a socket.io client accepted by a plain server", near: &[], fires: &["HS-53"], play: |s| {
            accepted(s).server(&plain(0x81, b"hello")).close();
        }},
        RuleCase { name: "a socket.io client accepted by a socket.io server", near: &["HS-53"], fires: &[], play: |s| {
            accepted(s).server(&plain(0x81, b"0{\"sid\":\"a\"}")).server(&plain(0x81, b"2")).close();
        }},
        RuleCase { name: "a probe of socket.io after long polling", near: &["HS-53"], fires: &[], play: |s| {
            accepted(s).server(&plain(0x81, b"3probe")).close();
        }},
    ];

    #[test]
    fn mixed_up_protocols_are_reported() {
        check(&[RULES], CASES);
    }
}
