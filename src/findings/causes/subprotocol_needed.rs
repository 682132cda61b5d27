//! WHY-24: the server needs a subprotocol that was not offered.

use crate::findings::causes::application_protocols::{ApplicationProtocol, PROTOCOLS};
use crate::findings::causes::{known_refusal, no_response};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::{contains, path, sent, shown};
use crate::findings::words::duration;
use crate::http::Head;
use crate::stream::{Direction, Side, Span};

/// WHY-24.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-24",
    severity: Severity::Error,
    applies_to: AppliesTo::Client,
    title: "the server needs a subprotocol that was not offered",
    section: "RFC 6455 §1.9, §4.1, §11.3.4",
    explanation: "A server for one protocol on top of WebSocket may require that the client names \
        it in Sec-WebSocket-Protocol, and refuse or close the connection otherwise. The path, the \
        server or its own words show which protocol this is; the request offers none of its names.",
    remedy: "Let the client offer the subprotocol that the server's documentation names: the second \
        argument of `new WebSocket(url, [\"name\"])`, `subprotocols=` in Python's websockets, \
        `Subprotocols` in Go's gorilla.",
    example: Example::Text(
        "client: GET /OCPP/CP-7 HTTP/1.1, no Sec-WebSocket-Protocol\nserver: HTTP/1.1 400 Bad Request",
    ),
    explains: Some(
        Cause::failure(1_102, "a subprotocol is needed")
            .explaining(&["HS-4", "HS-54", "WS-C17", "WS-C12", "NET-07", "NET-06", "HS-52"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let seen = refused(context).or_else(|| closed(context)).or_else(|| unanswered(context));
        let Some(seen) = seen else { return };
        let offered = sent(seen.request, "Sec-WebSocket-Protocol");
        let Some((what, remedy)) = needed(&seen) else { return };
        violations
            .add(format!(
                "{what}, and none of its subprotocols was offered ({offered}): {}",
                seen.outcome
            ))
            .side(Side::Client)
            .direction(Direction::ClientToServer)
            .span(seen.span)
            .remedy(remedy);
    })],
}];

/// How a server refused a request, or closed the connection after it had accepted.
struct Refusal<'a> {
    request: &'a Head,
    response: Option<&'a Head>,
    /// What the server said: a body, or the reason of a Close.
    words: Vec<u8>,
    outcome: String,
    span: Span,
}

fn refused<'a>(context: &CauseContext<'a>) -> Option<Refusal<'a>> {
    let refusal = known_refusal::refused_though_whole(context)?;
    let may_be_it = match refusal.status {
        400 | 403 | 404 | 406 | 412 | 415 | 426 | 500 | 501 => true,
        _ => says_subprotocol(&refusal.body),
    };
    let words =
        refusal.words().map_or_else(String::new, |words| format!("; the body says {words}"));
    // A path without a route is more often why.
    let is_plain_404 = matches!(refusal.status, 404) && !says_subprotocol(&refusal.body);
    (may_be_it && !is_plain_404).then(|| Refusal {
        request: refusal.request,
        response: Some(refusal.response),
        outcome: format!("{}{words}", refusal.answer()),
        span: refusal.request.span,
        words: refusal.body,
    })
}

/// A server that accepted, and closed before it had sent a message.
fn closed<'a>(context: &CauseContext<'a>) -> Option<Refusal<'a>> {
    let state = context.subject.state;
    let handshake = state.handshake.accepted_heads.as_deref()?;
    let (request, response) = handshake.request.as_ref().zip(handshake.response.as_ref())?;
    if response.header("Sec-WebSocket-Protocol").is_some() || state.sides.server.data_frames > 0 {
        return None;
    }
    let close = state.sides.server.close.as_deref();
    let is_answer = close
        .zip(state.sides.client.close.as_deref())
        .is_some_and(|(server, client)| client.span.first.packet < server.span.first.packet);
    let (at, words, outcome) = if let Some(close) = close.filter(|_| !is_answer) {
        let code = close.code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
        let reason = if close.reason.is_empty() {
            String::new()
        } else {
            format!(", reason {}", shown(&close.reason))
        };
        (close.span.first, close.reason.to_vec(), format!("Close with {code}{reason}"))
    } else {
        let (_, at) = state.ended.filter(|(side, _)| *side == Side::Server)?;
        (at, Vec::new(), "the server ended TCP".to_owned())
    };
    let waited = at.time.since(response.span.last.time);
    let is_refusal =
        close.and_then(|close| close.code).is_none_or(|code| code != 1000 && code != 1001);
    let is_at_once = waited <= AT_ONCE && is_refusal && !is_answer;
    (says_subprotocol(&words) || is_at_once).then(|| Refusal {
        request,
        response: Some(response),
        words,
        outcome: format!("{outcome}, {} after the 101", duration(waited)),
        span: request.span,
    })
}

/// A server that ended the connection as soon as it had the request, without a response.
fn unanswered<'a>(context: &CauseContext<'a>) -> Option<Refusal<'a>> {
    let waited = no_response::waited(context)?;
    let request = context.across.compared_requests.refused_on(context.connection.id)?;
    Some(Refusal {
        request,
        response: None,
        words: Vec::new(),
        outcome: format!("the server ended TCP without a response after {}", duration(waited)),
        span: request.span,
    })
}

/// Which protocol a server needs, in words, and what to do; `None` if nothing shows it, or it was offered.
fn needed(refusal: &Refusal<'_>) -> Option<(String, &'static str)> {
    let Refusal { request, response, words, .. } = refusal;
    let is_meant = |protocol: &&ApplicationProtocol| {
        protocol.is_named(request)
            || response.is_some_and(|response| protocol.is_served(response))
            || (says_subprotocol(words)
                && protocol.tokens.iter().any(|token| contains(words, token)))
    };
    let protocol = PROTOCOLS.iter().find(is_meant);
    match protocol {
        Some(protocol) if protocol.is_offered(request) => None,
        Some(protocol) => {
            let path = shown(path(request.target().unwrap_or_default()));
            let names = protocol.tokens.join(", ");
            let sign = if protocol.is_named(request) {
                format!("the path {path} is one of {}", protocol.name)
            } else {
                format!("the server is one of {}", protocol.name)
            };
            Some((format!("{sign}, which needs a subprotocol ({names})"), protocol.offer))
        }
        None if says_subprotocol(words) && request.header("Sec-WebSocket-Protocol").is_none() => {
            let what = "the server asks for a subprotocol".to_owned();
            Some((what, RULES.first()?.remedy))
        }
        None => None,
    }
}

/// Whether words are about subprotocols.
fn says_subprotocol(words: &[u8]) -> bool {
    ["subprotocol", "sub-protocol", "sub protocol", "Sec-WebSocket-Protocol"]
        .iter()
        .any(|word| contains(words, word))
}

/// Nanoseconds within which a server closes that looks at nothing but the request.
const AT_ONCE: u64 = 2_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes, plain};
    use crate::testkit::traffic::TestTraffic;

    fn asked<'t>(s: &'t mut TestTraffic, target: &str, more: &str) -> &'t mut TestTraffic {
        let (key, _) = s.open().fresh_key();
        s.client(format!("GET {target} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n").as_bytes())
    }

    fn accepted<'t>(s: &'t mut TestTraffic, target: &str, more: &str) -> &'t mut TestTraffic {
        let (_, accept) = asked(s, target, more).fresh_key();
        s.server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes())
    }

    const BAD: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a charging station without a subprotocol", near: &[], fires: &["WHY-24 client"], play: |s| { asked(s, "/OCPP/CP-7", "").server(BAD).end(Side::Server); } },
        RuleCase { name: "the body asks for one", near: &[], fires: &["WHY-24 client"], play: |s| { asked(s, "/x", "").server(b"HTTP/1.1 400 x\r\nContent-Length: 20\r\n\r\nmissing subprotocol!").end(Side::Server); } },
        RuleCase { name: "accepted, and closed for it", near: &[], fires: &["WHY-24 client"], play: |s| { accepted(s, "/graphql", "").server(&plain(0x88, b"\x11\x36Subprotocol not acceptable")).end(Side::Server); } },
        RuleCase { name: "accepted, and ended at once", near: &[], fires: &["WHY-24 client"], play: |s| { accepted(s, "/mqtt", "").end(Side::Server); } },
        RuleCase { name: "ended at once, without a response", near: &[], fires: &["WHY-24 client"], play: |s| { asked(s, "/ocpp/CP-7", "").end(Side::Server); } },
        RuleCase { name: "ended at once, at a path of no protocol", near: &["WHY-24"], fires: &[], play: |s| { asked(s, "/chat", "").end(Side::Server); } },
        RuleCase { name: "it is offered", near: &["WHY-24"], fires: &[], play: |s| { asked(s, "/OCPP/CP-7", "Sec-WebSocket-Protocol: ocpp1.6\r\n").server(BAD).end(Side::Server); } },
        RuleCase { name: "a path of no protocol", near: &["WHY-24"], fires: &[], play: |s| { asked(s, "/chat", "").server(BAD).end(Side::Server); } },
        RuleCase { name: "accepted, and it talks", near: &["WHY-24"], fires: &[], play: |s| { accepted(s, "/graphql", "").server(&plain(0x81, b"{}")).server(&plain(0x88, b"\x03\xe8")).end(Side::Server); } },
    ];

    #[test]
    fn subprotocols_that_are_missing_are_named() {
        check_causes(&[RULES], CASES);
    }
}
