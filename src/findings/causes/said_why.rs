//! WHY-44: the program said why it ended the connection.

use crate::findings::across::ended_websockets::{EndKind, WebSocketEnd, end_of, names_heartbeat};
use crate::findings::causes::heartbeat_failed::has_failed;
use crate::findings::causes::program_errors::{ErrorForm, ProgramError};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::shown;
use crate::findings::state::app_heartbeat::BeatProtocol;
use crate::findings::state::connection::CloseSent;
use crate::findings::state::recent_messages::RecentMessage;
use crate::findings::words::{duration, packets_in_words};
use crate::stream::{Direction, Side};

/// WHY-44.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-44",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "the program said why it ended the connection",
    section: "RFC 6455 §7.1.6, STOMP 1.2, MQTT 5.0 §4.13",
    explanation: "The last message before the end reports an error, in the form of the protocol on \
        top of WebSocket, in JSON or as a text; or the server closed before its first message, with \
        a reason. WebSocket itself works: the program ended the connection, and these words are its own.",
    remedy: "Follow what the words say, and look for them in the log of the side that sent them: \
        the connection ended on purpose, and neither the network nor a proxy is why.",
    example: Example::Text(
        "server: ERROR\\nmessage:Access refused for user guest\nserver: Close 1002",
    ),
    explains: Some(
        Cause::dropped(1_160, "the program said why")
            .explaining(&["WS-C17", "WS-C12", "NET-07", "WS-C19", "OPS-0"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let state = context.subject.state;
        let Some(end) = end_of(context.connection, state) else { return };
        if let Some((sender, message, error)) = last_error(context, &end) {
            let ProgramError { what, words, remedy, .. } = error;
            let before = duration(end.at.time.since(message.span.last.time));
            let (side, place) = (Side::sender(sender), packets_in_words(message.span));
            let (by, how) = (end.by.name(), end.how.in_words());
            violations
                .add(format!(
                    "the last message of the {} was {what} that says {words} ({place}); {before} \
                     later the {by} ended the connection ({how})",
                    side.name(),
                ))
                .side(None)
                .direction(sender)
                .span(message.span)
                .remedy(remedy);
            return;
        }
        let Some(close) = refusal(context, &end) else { return };
        let how = end.how.in_words();
        let graphql = graphql_code(context, &end);
        let when = if graphql.is_some() {
            "the server ended the connection with a code of graphql-transport-ws and its reason"
        } else if context.subject.state.sides.server.data_frames == 0 {
            "the server accepted the connection, sent no message and gave its reason"
        } else {
            "the server ended the connection right after the client's first messages, and gave its reason"
        };
        let violation = violations
            .add(format!("{when}: {how}, {}", shown(&close.reason)))
            .side(None)
            .direction(Direction::ServerToClient)
            .span(close.span);
        if let Some(remedy) = graphql {
            violation.remedy(remedy);
        }
    })],
}];

/// The error that one side reported right before the end.
fn last_error<'a>(
    context: &CauseContext<'a>,
    end: &WebSocketEnd,
) -> Option<(Direction, &'a RecentMessage, ProgramError)> {
    let of_ender = end.by.direction();
    let (sender, message) = [of_ender, of_ender.reverse()].into_iter().find_map(|sender| {
        let sides = &context.subject.state.sides;
        let message = sides.get(sender).recent.backwards().next()?;
        ProgramError::of(message).map(|error| (sender, (message, error)))
    })?;
    let (message, error) = message;
    let before = end.at.time.since(message.span.last.time);
    let is_prompt = message.span.first.packet <= end.at.packet
        && match error.form {
            ErrorForm::Protocol => before <= AFTER_PROTOCOL_ERROR,
            ErrorForm::Json => before <= AFTER_ERROR && sender == of_ender,
            ErrorForm::Text => before <= AFTER_ERROR && sender == of_ender && !end.code_is_normal(),
        };
    // How the heartbeat failed says more than that it did.
    let is_vague = names_heartbeat(&error.words) || error.words.contains(CLOSED_BY_SIGNALR);
    let is_of_heartbeat = is_prompt && is_vague && has_failed(context);
    (is_prompt && !is_of_heartbeat).then_some((sender, message, error))
}

/// The Close with which a server refused a connection that it had accepted, if its reason says why. Silence,
/// restarts and messages that a receiver refuses have causes of their own; a session that worked before its Close
/// is reported by the code alone (WS-C17).
fn refusal<'a>(context: &CauseContext<'a>, end: &WebSocketEnd) -> Option<&'a CloseSent> {
    let state = context.subject.state;
    let is_such = match end.how {
        EndKind::Fin | EndKind::Rst => false,
        // 1009 and 1010 are about a message and the extensions (WS-C17).
        EndKind::Close(code) => code.is_some_and(|code| matches!(code, 1008 | 1011 | 1013..=4999)),
    };
    let is_of_graphql = graphql_code(context, end).is_some();
    let is_first = state.recognized.is_none() && state.sides.server.data_frames == 0;
    let says_why = !end.reason.is_empty() && (is_of_graphql || !end.says_idle());
    let is_known = is_of_graphql || is_first || is_refused_login(context, end);
    let is_refusal = is_such && is_known && says_why && end.by == Side::Server;
    // A server that complains about a broken rule is right, and the rule is why.
    let is_blameless = context.first_violation(Direction::ClientToServer).is_none();
    state.sides.server.close.as_deref().filter(|_| is_refusal && is_blameless)
}

/// Whether a server closed with a code of its own right after one of the client's first two messages, for a reason that
/// is about credentials.
fn is_refused_login(context: &CauseContext<'_>, end: &WebSocketEnd) -> bool {
    let sides = &context.subject.state.sides;
    let is_own_code = matches!(end.how, EndKind::Close(Some(4000..=4999)));
    let is_beginning = sides.client.data_frames.max(sides.server.data_frames) <= 2;
    let is_prompt = sides.client.recent.backwards().next().is_some_and(|message| {
        message.span.last.packet < end.at.packet
            && end.at.time.since(message.span.last.time) <= AFTER_ERROR
    });
    let words = String::from_utf8_lossy(&end.reason).to_ascii_lowercase();
    let is_about_login = LOGIN.iter().any(|word| words.contains(word));
    context.subject.state.recognized.is_none()
        && is_own_code
        && is_beginning
        && is_prompt
        && is_about_login
}

/// What reasons say that are about credentials.
const LOGIN: &[&str] = &[
    "auth",
    "token",
    "credential",
    "login",
    "denied",
    "forbidden",
    "permission",
    "api key",
    "signature",
    "expired",
];

/// What to do about the code with which a connection ended, if graphql-transport-ws defines it.
fn graphql_code(context: &CauseContext<'_>, end: &WebSocketEnd) -> Option<&'static str> {
    let state = context.subject.state;
    let heartbeat = state.app_heartbeat.seen();
    let accepted = state.handshake.accepted_heads.as_deref();
    let response = accepted.and_then(|handshake| handshake.response.as_ref());
    let is_graphql = heartbeat.is_some_and(|it| it.protocol == BeatProtocol::GraphQl)
        || response
            .is_some_and(|it| it.has_token("Sec-WebSocket-Protocol", "graphql-transport-ws"));
    let EndKind::Close(Some(code)) = end.how else { return None };
    let known = GRAPHQL_CODES.iter().find(|(it, _)| *it == code);
    known.filter(|_| is_graphql).map(|(_, remedy)| *remedy)
}

/// Codes of graphql-transport-ws (its PROTOCOL.md), and what to do about them.
const GRAPHQL_CODES: &[(u16, &str)] = &[
    (
        4400,
        "Correct the client's last message: it is not one that graphql-transport-ws defines, or lacks a \
            field. A client of subscriptions-transport-ws (messages start and stop) does not fit.",
    ),
    (4401, "Let the client wait for connection_ack before it sends subscribe."),
    (
        4403,
        "Correct the payload of the client's connection_init (connectionParams), usually its token: the \
            server's onConnect refused it.",
    ),
    (4406, "Offer a subprotocol that the server speaks: graphql-transport-ws."),
    (
        4408,
        "Let the client send connection_init right after the handshake, or raise the server's \
            connectionInitWaitTimeout.",
    ),
    (4409, "Give each subscribe an id of its own that no open subscription has."),
    (4429, "Send connection_init once for each connection."),
    (4500, "Look at the server's log: an exception in its handler ended the connection."),
];

/// What `SignalR`'s server says whatever ended the connection, unless it may tell more (ASP.NET Core,
/// `EnableDetailedErrors`).
const CLOSED_BY_SIGNALR: &str = "Connection closed with an error";

/// Nanoseconds within which a connection ends after an error that its protocol defines.
const AFTER_PROTOCOL_ERROR: u64 = 5_000_000_000;

/// Nanoseconds within which the side that reported any other error ends the connection because of it.
const AFTER_ERROR: u64 = 2_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes, masked, plain};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "an ERROR of STOMP", near: &[], fires: &["WHY-44"], play: |s| {
            s.upgraded().client(&masked(0x81, b"CONNECT\n\n\0")).server(&plain(0x81, b"ERROR\nmessage:no\n\n\0")).server(&plain(0x88, b"\x03\xea"));
        }},
        RuleCase { name: "an error in JSON, and FIN", near: &[], fires: &["WHY-44"], play: |s| {
            s.upgraded().server(&plain(0x81, b"{\"error\":\"login failed\"}")).end(Side::Server);
        }},
        RuleCase { name: "a reason", near: &[], fires: &["WHY-44"], play: |s| {
            s.upgraded().client(&masked(0x81, b"hello")).server(&plain(0x88, b"\x03\xf0token expired"));
        }},
        RuleCase { name: "a code that GraphQL's protocol defines", near: &[], fires: &["WHY-44"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: graphql-transport-ws\r\n", "Sec-WebSocket-Protocol: graphql-transport-ws\r\n");
            s.server(&plain(0x81, b"{\"type\":\"connection_ack\"}")).server(&plain(0x88, b"\x11\x4dToo many initialisation requests"));
        }},
        RuleCase { name: "a reason after it worked", near: &["WHY-44"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"one")).server(&plain(0x88, b"\x0f\xa1token expired"));
        }},
        RuleCase { name: "a server that refuses a login", near: &[], fires: &["WHY-44"], play: |s| {
            s.upgraded().server(&plain(0x81, b"{\"op\":10}")).client(&masked(0x81, b"{\"op\":2}")).server(&plain(0x88, b"\x0f\xa4Authentication failed."));
        }},
        RuleCase { name: "GraphQL's client never says connection_init", near: &[], fires: &["WHY-44"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: graphql-transport-ws\r\n", "Sec-WebSocket-Protocol: graphql-transport-ws\r\n");
            s.wait(3_000).server(&plain(0x88, b"\x11\x38Connection initialisation timeout"));
        }},
        RuleCase { name: "a message that is too big", near: &["WHY-44"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x81, b"hello")).server(&plain(0x88, b"\x03\xf1message too big"));
        }},
        RuleCase { name: "an error long before", near: &["WHY-44"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"{\"error\":\"login failed\"}")).wait(9_000).end(Side::Server);
        }},
        RuleCase { name: "an error, and on", near: &["WHY-44"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"{\"error\":\"bad\"}")).server(&plain(0x81, b"one")).end(Side::Server);
        }},
        RuleCase { name: "a client leaves after an error of its request", near: &["WHY-44"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"{\"error\":\"bad\"}")).client(&masked(0x88, b"\x03\xe8"));
        }},
        RuleCase { name: "a log line, and a normal Close", near: &["WHY-44"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"12:00 error: disk")).server(&plain(0x88, b"\x03\xe8"));
        }},
    ];

    #[test]
    fn programs_that_say_why_are_quoted() {
        check_causes(&[RULES], CASES);
    }
}
