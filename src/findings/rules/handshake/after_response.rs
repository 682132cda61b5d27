//! What one side does though the other has not answered, or has answered wrongly.

use crate::findings::engine::broken_rule::{BrokenRule, in_words};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::FrameSeen;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::acceptance;
use crate::findings::words::{counted, packets_in_words};
use crate::stream::{Direction, Side, Span};

/// HS-15, HS-25, HS-26.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "HS-15",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "client sent bytes before the response",
        section: "RFC 6455 §4.1",
        explanation: "A client must wait for the response before it sends anything more. Anything \
            sent earlier may be lost, or be mistaken for another request by a proxy or server \
            that still speaks HTTP.",
        remedy: "Send the first message in the handler of the open event (`onopen`), or after the \
            call that opens the connection has returned. Look for a client that does not read the \
            response at all.",
        example: Example::Text(
            "client: GET /chat HTTP/1.1 ...\nclient: 81 85 37 fa 21 3d ...\n\
             server: HTTP/1.1 101 Switching Protocols",
        ),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            let handshake = context.subject;
            let Some(request) = &handshake.request else { return };
            if acceptance(handshake).is_none()
                || handshake.early_bytes == 0
                || handshake.response_came_first()
            {
                return;
            }
            let sent = counted(handshake.early_bytes, "byte");
            violations
                .add(format!("{sent} between the request and the response"))
                .direction(Direction::ClientToServer)
                .side(Side::Client)
                .span(Span::at(request.span.end, request.span.last));
        })],
    },
    Rule {
        id: "HS-25",
        severity: Severity::Error,
        applies_to: AppliesTo::Server,
        title: "server accepted a request it was required to refuse",
        section: "RFC 6455 §4.2.1",
        explanation: "A server must refuse a request that does not meet section 4.2.1, for \
            example with 400. If it accepts one, the client's mistakes stay hidden until the \
            client meets another server.",
        remedy: "Let a library handle the server's side of the handshake. In your own code, check \
            method, version, Host, Upgrade, Connection, Sec-WebSocket-Key and \
            Sec-WebSocket-Version before answering with 101.",
        example: Example::Text(
            "client: Sec-WebSocket-Key: c2hvcnQta2V5\nserver: HTTP/1.1 101 Switching Protocols",
        ),
        explains: Some(Cause::nothing(850, "accepted what it was required to refuse")),
        checks: &[Check::CompareResponse(|context, violations| {
            let request = context.across.broken_handshakes.request(context.connection.id);
            let broken = grave(request, &MUST_REFUSE);
            if acceptance(context.subject).is_some() && !broken.is_empty() {
                let broken = in_words(&broken);
                violations.add(format!("101 although the request broke {broken}"));
            }
        })],
    },
    Rule {
        id: "HS-26",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "client continued after a response it was required to refuse",
        section: "RFC 6455 §4.1",
        explanation: "A client must check the response and fail the connection if it is wrong. A \
            client that does not may be talking to something that is not a WebSocket server, and \
            hides the server's mistake.",
        remedy: "Let a library handle the client's side of the handshake. In your own code, check \
            status, Upgrade, Connection, Sec-WebSocket-Accept, Sec-WebSocket-Extensions and \
            Sec-WebSocket-Protocol before sending the first frame.",
        example: Example::Text(
            "server: HTTP/1.1 101 Switching Protocols, no Sec-WebSocket-Accept\n\
             client: 81 85 37 fa 21 3d ...",
        ),
        explains: Some(Cause::nothing(860, "continued after what it was required to refuse")),
        checks: &[Check::Frame(|context, violations| {
            let FrameSeen { direction, frame } = context.subject;
            let facts = &context.state.handshake;
            let sender = context.sender(direction);
            if direction == Direction::ServerToClient
                || facts.response_violations.is_empty()
                || frame.header.is_control()
                || sender.data_frames > 0
                || sender.close.is_some()
            {
                return;
            }
            let Some(response) = facts.accepted else { return };
            let mut broken = grave(&facts.response_violations, &MUST_FAIL);
            // Who makes no valid offer has no better answer to expect.
            if facts.request_violations.iter().any(|rule| rule.id.starts_with("PMD-")) {
                broken.retain(|rule| rule.id != "PMD-07");
            }
            if context.connection.has_received(Direction::ServerToClient, response.end)
                && frame.span.first.packet > response.last.packet
                && !broken.is_empty()
            {
                let (place, broken) = (packets_in_words(response), in_words(&broken));
                violations.add(format!("data although the response ({place}) broke {broken}"));
            }
        })],
    },
];

/// Those of the broken rules that are in a list.
fn grave(broken: &[BrokenRule], list: &[&str]) -> Vec<BrokenRule> {
    broken.iter().copied().filter(|rule| list.contains(&rule.id)).collect()
}

/// What a server must refuse (RFC 6455 §4.2.1): method, target, version, Host, Upgrade, Connection,
/// key, WebSocket version.
pub(crate) const MUST_REFUSE: [&str; 11] = [
    "HS-01", "HS-02", "HS-03", "HS-04", "HS-05", "HS-06", "HS-07", "HS-08", "HS-09", "HS-11",
    "HS-12",
];

/// What a client must refuse in a response (RFC 6455 §4.1, §9.1; RFC 7692 §7.1).
pub(crate) const MUST_FAIL: [&str; 15] = [
    "HS-09", "HS-14", "HS-16", "HS-17", "HS-18", "HS-19", "HS-20", "HS-21", "PMD-01", "PMD-02",
    "PMD-03", "PMD-04", "PMD-05", "PMD-06", "PMD-07",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check, masked, plain};
    use crate::testkit::traffic::TestTraffic;

    /// Is answered with 101 and a wrong Sec-WebSocket-Accept.
    fn misled(s: &mut TestTraffic) -> &mut TestTraffic {
        s.ask("").server(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\n\r\n")
    }

    /// Asks with another version, and is accepted.
    fn humored(s: &mut TestTraffic, version: &str) {
        let (key, accept) = s.open().fresh_key();
        s.client(format!("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {version}\r\n\r\n").as_bytes());
        s.server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes());
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a frame before the response", near: &[], fires: &["HS-15 client"], play: |s| {
            let (_, accept) = s.ask("").fresh_key();
            s.client(&masked(0x81, b"Hello"));
            s.server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes());
        }},
        RuleCase { name: "frames as soon as the response is there, in its packet too", near: &["HS-15", "HS-25", "HS-26"], fires: &[], play: |s| {
            let (_, accept) = s.ask("").fresh_key();
            let head = format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
            s.server(&[head.as_bytes(), &plain(0x81, b"Hello")].concat()).client(&masked(0x81, b"Hello"));
        }},
        RuleCase { name: "another request after one that is refused", near: &["HS-15"], fires: &["HS-42"], play: |s| {
            s.ask("").client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").server(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        }},
        RuleCase { name: "accepted with another version", near: &["HS-26"], fires: &["HS-12 client", "HS-25 server"], play: |s| humored(s, "8") },
        RuleCase { name: "refused, and accepted on the same connection", near: &["HS-25"], fires: &["HS-12 client"], play: |s| {
            let (key, accept) = s.open().fresh_key();
            let request = |version| format!("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {version}\r\n\r\n");
            s.client(request("8").as_bytes()).server(b"HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n");
            s.client(request("13").as_bytes()).server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes());
        }},
        RuleCase { name: "continues after a wrong answer, which is reported once", near: &[], fires: &["HS-19 server", "HS-26 client"], play: |s| {
            misled(s).client(&masked(0x81, b"a")).client(&masked(0x81, b"b"));
        }},
        RuleCase { name: "closes after a wrong answer", near: &["HS-26"], fires: &["HS-19 server"], play: |s| {
            misled(s).server(&plain(0x81, b"a")).client(&masked(0x88, b""));
        }},
        RuleCase { name: "sent before a wrong answer", near: &["HS-26"], fires: &["HS-15 client", "HS-19 server"], play: |s| {
            s.ask("").client(&masked(0x81, b"a"));
            s.server(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\n\r\n");
        }},
        RuleCase { name: "goes on where it may", near: &["HS-26"], fires: &["HS-22 server", "HS-23 server"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: a\r\n", "Content-Length: 0\r\n").client(&masked(0x81, b"a"));
        }},
    ];

    #[test]
    fn peers_that_continue_too_early_or_too_long_are_reported() {
        check(&[RULES], CASES);
    }

    #[test]
    fn evidence_names_what_should_have_been_refused() {
        let mut scenario = Scenario::new();
        humored(&mut scenario, "7");
        let judged = scenario.judge(&crate::findings::Reading::default());
        let expected = "101 although the request broke HS-12 (Sec-WebSocket-Version is not 13)";
        assert_eq!(judged.list[1].evidence, expected);
    }
}
