//! Upgrade requests that got no answer, or a late one, and a WebSocket that was never used
//! (HS-50 to HS-52, HS-54).

use crate::analysis::event::{Connection, Ending, Nature, StrayPlace, TcpState};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::{ComparisonContext, EndSeen, RuleContext};
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::after_response::MUST_FAIL;
use crate::findings::rules::handshake::fields_read::{acceptance, shown};
use crate::findings::rules::tls::mistaken::explains;
use crate::findings::state::handshake::PendingRequest;
use crate::findings::words::{counted, duration};
use crate::http::OtherProtocol;
use crate::stream::{Direction, Origin, Side, Span};

/// HS-50 to HS-52, HS-54.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "HS-50",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "no answer to the upgrade request before the client gave up",
        section: "RFC 6455 §4.1",
        explanation: "TCP was open and the server's system received the request, but the program \
            did not answer it. Its event loop is blocked, it waits for something (a database, an \
            authentication), it accepted the connection and never read from it, or it speaks \
            another protocol and waits for more bytes from the client.",
        remedy: "Check what the server is doing at that moment: its log, a stack dump (`py-spy \
            dump`, node's inspector, `jstack`), the queue of unread bytes in `ss -tn` (Recv-Q). \
            Set a time limit for handshakes on the server, too, and answer 503 when it is \
            reached.",
        example: Example::Text("client: GET /chat HTTP/1.1 ...\nclient, 10 s later: FIN"),
        explains: Some(
            Cause::failure(600, "upgrade request not answered").unless(&["TLS-0", "NET-13"]),
        ),
        checks: &[Check::CompareEnd(|context, violations| {
            let Some(PendingRequest { request, said, .. }) = unanswered(context) else { return };
            let context = &context.own();
            let (who, at) = match context.connection.state {
                TcpState::HalfClosed(Direction::ClientToServer)
                | TcpState::Closed(Direction::ClientToServer)
                | TcpState::Reset(Direction::ClientToServer) => {
                    (Some(Side::Client), context.state.ended.map(|(_, at)| at))
                }
                TcpState::Established => (None, None),
                TcpState::SynSent
                | TcpState::Refused
                | TcpState::HalfClosed(Direction::ServerToClient)
                | TcpState::Closed(Direction::ServerToClient)
                | TcpState::Reset(Direction::ServerToClient) => return,
            };
            if context.connection.bytes.server > said {
                return;
            }
            let until = at.map_or(context.subject.watched_until, |at| at.time);
            let waited = until.waited_since(request.last.time);
            let evidence = match who {
                Some(_) => {
                    format!("the client gave up after {} without a response", duration(waited))
                }
                None if waited >= LONG => format!(
                    "no response {} after the request, when the capture ended",
                    duration(waited)
                ),
                None => return,
            };
            violations
                .add(evidence)
                .direction(Direction::ClientToServer)
                .side(None)
                .span(Span { last: at.unwrap_or(request.last), ..request })
                .remedy = (who.is_some() && waited < IMPATIENT).then_some(WAIT_LONGER);
        })],
    },
    Rule {
        id: "HS-51",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "slow handshake: the server took more than a second to answer",
        section: "RFC 6455 §4.2.2",
        explanation: "The network was fast, the server was not: it looked something up, called \
            another service, or was busy with other connections. Clients give up after some \
            seconds; when all of them reconnect at once, they wait even longer.",
        remedy: "Look at what the server does before it answers with 101: authentication, \
            database lookups, calls to other services. Answer first and authenticate with the \
            first message, or cache it; look for blocking calls in the event loop.",
        example: Example::Text("client: GET /chat HTTP/1.1 ...\nserver, 3 s later: HTTP/1.1 101"),
        explains: Some(Cause::trouble(730, "slow handshake")),
        checks: &[Check::Response(|context, violations| {
            let handshake = context.subject;
            let opening = &context.connection.network.opening;
            let corrected = |waited| opening.corrected(Direction::ServerToClient, waited);
            let Some(waited) = handshake.duration().map(corrected).filter(|it| *it > SLOW) else {
                return;
            };
            if acceptance(handshake).is_none() || handshake.response_came_first() {
                return;
            }
            let tcp = context.connection.network.opening.duration();
            let tcp = tcp.map_or_else(String::new, |tcp| format!(", TCP took {}", duration(tcp)));
            violations.add(format!("{} from the request to the 101{tcp}", duration(waited)));
        })],
    },
    Rule {
        id: "HS-52",
        severity: Severity::Note,
        applies_to: AppliesTo::Nobody,
        title: "101, but no frame ever followed",
        section: "RFC 6455 §4.1",
        explanation: "The handshake was complete but neither side sent anything. The client may \
            have refused the response silently, client and server may be waiting for each other's \
            first message, or the client opens connections that it does not use.",
        remedy: "Look at the client's error event or exception: clients check subprotocol and \
            extensions after the 101. Otherwise check which side sends first in the protocol on \
            top.",
        example: Example::Text("server: HTTP/1.1 101 Switching Protocols\nclient: FIN"),
        explains: None,
        checks: &[Check::End(|context, violations| {
            let connection = context.connection;
            let Some(response) = context.state.handshake.accepted else { return };
            let watched = context.subject.watched_until.waited_since(response.last.time);
            let goes_on = match connection.state {
                TcpState::Established => watched < LONG,
                TcpState::SynSent
                | TcpState::Refused
                | TcpState::HalfClosed(_)
                | TcpState::Closed(_)
                | TcpState::Reset(_) => false,
            };
            let bytes = connection.bytes.server.saturating_sub(response.end);
            if goes_on
                || connection.frames.client.saturating_add(connection.frames.server) > 0
                || connection.nature != Nature::WebSocket
                || context.subject.unseen.is_some()
                || bytes > 0
                || context
                    .state
                    .handshake
                    .response_violations
                    .iter()
                    .any(|rule| MUST_FAIL.contains(&rule.id))
            {
                return;
            }
            let how = match context.state.ended {
                Some((side, at)) if at.packet < response.last.packet => {
                    format!("the {} had ended the connection before it", side.name())
                }
                Some((side, at)) => format!(
                    "the {} ended the connection {} after it",
                    side.name(),
                    duration(at.time.waited_since(response.last.time))
                ),
                None => format!("the capture ended {} later", duration(watched)),
            };
            violations
                .add(format!("no frame after the 101; {how}"))
                .direction(Direction::ServerToClient)
                .side(None)
                .span(response);
        })],
    },
    Rule {
        id: "HS-54",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "server closed without answering the upgrade request",
        section: "RFC 6455 §4.2.2, RFC 9112 §9.6",
        explanation: "The server's program received the request and closed the connection without \
            an HTTP response. The port may belong to another protocol or to TLS, the program may \
            have crashed on the request, or it silently closes requests that it does not accept.",
        remedy: "Check what listens on this port (`ss -ltnp`), and try `curl -v \
            http://host:port/` and `curl -vk https://host:port/` against it: if the second works, \
            use wss:// for this port. Look at the server's log for a crash or an exception while \
            it handles upgrades.",
        example: Example::Text("client: GET /chat HTTP/1.1 ...\nserver: FIN"),
        explains: Some(
            Cause::failure(610, "closed without a response").unless(&["TLS-0", "HS-50", "NET-06"]),
        ),
        checks: &[Check::CompareEnd(|context, violations| {
            let Some(PendingRequest { request, said, .. }) = unanswered(context) else { return };
            let context = &context.own();
            let bytes = context.connection.bytes.server.saturating_sub(said);
            let closed = match context.connection.state {
                TcpState::HalfClosed(Direction::ServerToClient)
                | TcpState::Closed(Direction::ServerToClient) => context.state.ended,
                TcpState::SynSent
                | TcpState::Refused
                | TcpState::Established
                | TcpState::HalfClosed(Direction::ClientToServer)
                | TcpState::Closed(Direction::ClientToServer)
                | TcpState::Reset(_) => None,
            };
            // A client that leaves first waits for no response, and what is HTTP so far is the
            // beginning of one.
            let has_left = context.state.ended.is_some_and(|(side, _)| side == Side::Client);
            if has_left || (bytes > 0 && !context.connection.is_rejected) {
                return;
            }
            let (evidence, at) = match (bytes, closed) {
                (0, None) => return,
                (0, Some((_, at))) => {
                    let waited = duration(at.time.waited_since(request.last.time));
                    let before = greeting(context.connection).map_or_else(
                        || "nothing before it".to_owned(),
                        |quoted| format!("before the request, {quoted}"),
                    );
                    (format!("the server sent FIN {waited} after the request, and {before}"), at)
                }
                (bytes, _) => {
                    let at = latest_of(context);
                    let sent = counted(bytes, "byte");
                    (format!("the server sent {sent} that are not an HTTP response"), at)
                }
            };
            let violation = violations.add(evidence);
            violation.direction(Direction::ServerToClient).side(None).span(Span {
                start: said,
                end: said.saturating_add(bytes),
                first: at,
                last: at,
            });
            // What has spoken HTTP before, or waits for long, does not wait for TLS.
            violation.remedy = if context.state.handshake.refused.is_some() {
                Some(SPEAKS_HTTP)
            } else {
                (bytes == 0 && at.time.waited_since(request.last.time) >= LONG).then_some(TIMED_OUT)
            };
        })],
    },
];

/// The request for a WebSocket that got no response, where the server has received it and nothing more
/// exact says why.
fn unanswered(compared: &ComparisonContext<'_, EndSeen<'_>>) -> Option<PendingRequest> {
    let context = &compared.own();
    let connection = context.connection;
    let asked = context.state.handshake.asked?;
    let is_received = connection.has_received(Direction::ClientToServer, asked.request.end);
    let is_whole = connection.is_captured(Direction::ServerToClient);
    let is_open = context.state.handshake.accepted.is_some()
        || matches!(connection.nature, Nature::WebSocket | Nature::Unreadable);
    (is_received
        && is_whole
        && !is_open
        && context.subject.unseen.is_none()
        && context.state.recognized.is_none()
        && !explains(compared))
    .then_some(asked)
}

fn latest_of(context: &RuleContext<'_, Ending>) -> Origin {
    context.state.ended.map_or(context.connection.last, |(_, at)| at)
}

/// What the server said before the request, quoted, if it is not HTTP.
fn greeting(connection: &Connection) -> Option<String> {
    let stray = connection.stray.iter().find(|stray| stray.place == StrayPlace::Greeting)?;
    let name = stray.protocol.map_or("something else", OtherProtocol::name);
    Some(format!("{name}: {}", shown(&stray.bytes)))
}

const WAIT_LONGER: &str = "Let the client wait longer: it left within a second, before most servers answer \
    under load. Look at its timeout for connecting, and for code that closes the socket while it opens (a \
    page that is left, a component that is unmounted, a retry that does not wait for the first attempt).";

const SPEAKS_HTTP: &str = "This port speaks HTTP: it answered an earlier request of this connection. Look at the \
    server's log for a crash or an exception while it handles the upgrade, and for an `upgrade` handler that \
    destroys the socket without a response (an unknown path, a failed check of the token or origin).";

const TIMED_OUT: &str = "Something on the server's side waited and gave up: look at its log for what the \
    upgrade waits for (a database, an authentication, another service), and at its limit for handshakes or \
    requests. A server or proxy that reaches it should answer 503 or 504.";

/// Nanoseconds within which a client that leaves has not really waited.
const IMPATIENT: u64 = 1_000_000_000;

/// Nanoseconds from request to response from which on a handshake is slow.
const SLOW: u64 = 1_000_000_000;

/// Nanoseconds after which silence at the end of a capture says something.
const LONG: u64 = 5_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check, masked};
    use crate::testkit::packet::{ACK, FIN};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "the client gives up", near: &["HS-54", "HS-52"], fires: &["HS-50"], play: |s| {
            s.ask("").wait(2_000).end(Side::Client);
        }},
        RuleCase { name: "the client gives up with RST", near: &[], fires: &["HS-50"], play: |s| {
            s.ask("").wait(2_000).reset(Side::Client);
        }},
        RuleCase { name: "the capture ends before anybody gave up", near: &["HS-50"], fires: &[], play: |s| {
            s.ask("").wait(2_000).acknowledge(Direction::ClientToServer);
        }},
        RuleCase { name: "the capture ends long after the request", near: &[], fires: &["HS-50"], play: |s| {
            s.ask("").wait(7_000).acknowledge(Direction::ClientToServer);
        }},
        RuleCase { name: "an answer after three seconds", near: &["HS-50"], fires: &["HS-51 server"], play: |s| {
            s.ask("").wait(3_000);
            let (_, accept) = s.fresh_key();
            s.server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes()).close();
        }},
        RuleCase { name: "an answer in less than a second", near: &["HS-51"], fires: &[], play: |s| {
            s.ask("").wait(900);
            let (_, accept) = s.fresh_key();
            s.server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes()).close();
        }},
        RuleCase { name: "nothing after the 101", near: &[], fires: &["WS-C12", "HS-52"], play: |s| {
            s.upgraded().end(Side::Client);
        }},
        RuleCase { name: "a frame after the 101", near: &["HS-52"], fires: &["WS-C12"], play: |s| {
            s.upgraded().client(&masked(0x81, b"a")).end(Side::Client);
        }},
        RuleCase { name: "the server closes", near: &["HS-50"], fires: &["HS-54"], play: |s| {
            s.ask("").end(Side::Server);
        }},
        RuleCase { name: "another protocol", near: &[], fires: &["HS-54"], play: |s| {
            s.ask("").server(b"SSH-2.0-OpenSSH_9.2\r\n").end(Side::Server);
        }},
        RuleCase { name: "another protocol, and the client leaves first", near: &["HS-54", "HS-50"], fires: &[], play: |s| {
            s.ask("").server(b"SSH-2.0-OpenSSH_9.2\r\n").end(Side::Client);
        }},
        RuleCase { name: "a part of a response, and the server closes", near: &["HS-54", "HS-50"], fires: &[], play: |s| {
            s.ask("").server(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n").end(Side::Server);
        }},
        RuleCase { name: "the client leaves first, and the server closes", near: &["HS-54"], fires: &["HS-50"], play: |s| {
            s.ask("").flagged(Direction::ClientToServer, FIN | ACK).wait(20).end(Side::Server);
        }},
        RuleCase { name: "the server closes an idle connection", near: &["HS-54"], fires: &[], play: |s| {
            s.open().end(Side::Server);
        }},
    ];

    #[test]
    fn requests_without_a_timely_answer_are_reported() {
        check(&[RULES], CASES);
    }
}
