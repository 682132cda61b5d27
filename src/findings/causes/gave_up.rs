//! WHY-15: the client gave up before the response.

use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::words::{duration, packets_in_words};
use crate::stream::{Side, Span};

/// WHY-15.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-15",
    severity: Severity::Error,
    applies_to: AppliesTo::Client,
    title: "the client gave up before the response",
    section: "RFC 6455 §4.1",
    explanation: "The client closed the connection while it waited for the response, and the \
        server accepted the upgrade after that. A reset that follows is only the reaction of the \
        client's TCP to a response that nobody waits for. Either the client has a timeout that is \
        too short for this server, or its program closed the WebSocket while it was connecting: a \
        page that was left, or a component that opens its socket twice.",
    remedy: "If it happens when a page or component is shown: in its clean-up, close the WebSocket \
        only if it is open (`readyState === WebSocket.OPEN`), or make sure that it is created once \
        (React's StrictMode runs effects twice during development). Otherwise compare the time in \
        the evidence with the client's timeout for connecting, and find out why the server needs \
        so long.",
    example: Example::Text(
        "client: GET /chat HTTP/1.1 ...\nclient: FIN\nserver: HTTP/1.1 101 Switching Protocols",
    ),
    explains: Some(
        Cause::failure(1_131, "the client gave up before the response").explaining(&[
            "WS-C12", "WS-C19", "NET-06", "NET-07", "HS-50", "HS-51", "HS-52", "HS-54",
        ]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let state = context.subject.state;
        let Some((Side::Client, left)) = state.ended else { return };
        let handshake = state.handshake.accepted_heads.as_deref();
        let Some((request, response)) =
            handshake.and_then(|it| it.request.as_ref().zip(it.response.as_ref()))
        else {
            return;
        };
        let came_late =
            response.span.first.time > left.time && response.span.first.packet > left.packet;
        if came_late && state.sides.client.latest.is_none() {
            let waited = duration(left.time.since(request.span.last.time));
            let late = duration(response.span.first.time.since(left.time));
            let place = packets_in_words(response.span);
            violations
                .add(format!(
                    "the client closed TCP {waited} after its request (packet {}); the 101 came \
                     {late} later ({place})",
                    left.packet.0
                ))
                .side(Side::Client)
                .direction(Side::Client.direction())
                .span(Span { first: left, last: left, ..request.span });
        }
    })],
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes};
    use crate::stream::Direction;

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "leaves, and is accepted then", near: &[], fires: &["WHY-15 client"], play: |s| {
            let (_, accept) = s.ask("").fresh_key();
            s.flagged(Direction::ClientToServer, 0x11).wait(30);
            s.server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes());
        }},
        RuleCase { name: "leaves after the response", near: &["WHY-15"], fires: &[], play: |s| {
            s.open().upgrade("", "").end(Side::Client);
        }},
        RuleCase { name: "leaves, and nobody answers", near: &["WHY-15"], fires: &[], play: |s| {
            s.ask("").end(Side::Client);
        }},
    ];

    #[test]
    fn clients_that_do_not_wait_are_named() {
        check_causes(&[RULES], CASES);
    }
}
