//! WHY-25: the same server accepted another request.

use crate::findings::across::Across;
use crate::findings::across::compared_requests::RequestDifference;
use crate::findings::causes::known_refusal;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::GroupScope;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::stream::Direction;

/// WHY-25.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-25",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "the same server accepted a request that differs in little",
    section: "RFC 6455 §4.2.1, RFC 9110 §5.1",
    explanation: "The server refused this request, or never answered it, and accepted another one to the \
        same path. Both are compared field by field: what differs between them is what the server objects \
        to, whatever its answer says.",
    remedy: "Make the request like the accepted one in what the evidence names. If that is legal as it is \
        (the letter case of a name or token, the size or order of fields), the parser of the server, or \
        of a proxy in front of it, is at fault: update it, or report it.",
    example: Example::Text(
        "client: Connection: upgrade\nserver: HTTP/1.1 400 Bad Request\nclient: Connection: Upgrade\n\
         server: HTTP/1.1 101 Switching Protocols",
    ),
    explains: Some(
        Cause::failure(1_146, "the server accepts a request that differs in little")
            .explaining(&["HS-4", "HS-50", "HS-51", "HS-54", "NET-06", "NET-07"]),
    ),
    checks: &[
        Check::Cause(|context, violations| {
            let facts = &context.subject.state.handshake;
            if facts.accepted.is_some() || !known_refusal::is_whole(context) {
                return;
            }
            let id = context.connection.id;
            // Without a response, the rules about that say whether the server had its time for one.
            if facts.refused.is_none() && !UNANSWERED.iter().any(|id| context.found(id).is_some()) {
                return;
            }
            let Some(difference) = context.across.compared_requests.difference(id) else { return };
            let request = facts.refused.as_deref().and_then(|it| it.request.as_ref());
            let span = request.map(|head| head.span).or_else(|| Some(facts.asked?.request));
            let violation = violations.add(words(&difference, "before"));
            violation.side(None).direction(Direction::ClientToServer);
            if let Some(span) = span {
                violation.span(span);
            }
        }),
        Check::Group(|context, violations| {
            let Across { compared_requests, attempts, .. } = context.across;
            let (refused, accepted) = match context.scope {
                GroupScope::All => (compared_requests.refused().collect(), None),
                GroupScope::Accepted { id, server } => {
                    (compared_requests.refused_by(server), Some(id))
                }
                GroupScope::Ended { .. } | GroupScope::Unused => return,
            };
            for refused in refused {
                let id = refused.connection;
                let attempt = attempts.of(id);
                if accepted.is_some() && attempt.is_none() {
                    // It has not ended: then it will be compared.
                    continue;
                }
                let lasted = attempt.map_or(0, |it| it.last.time.waited_since(it.first.time));
                if !refused.is_answered && lasted < LEAST_WAIT {
                    continue;
                }
                let difference = compared_requests.difference_from(id, accepted);
                let Some(difference) = difference else { continue };
                // The other case was known when its connection ended.
                if difference.accepted > id {
                    violations
                        .add(words(&difference, "later"))
                        .side(None)
                        .direction(Direction::ClientToServer)
                        .connection(id);
                }
            }
        }),
    ],
}];

/// The rules about requests that were not answered.
const UNANSWERED: &[&str] = &["HS-50", "HS-54", "NET-06", "NET-07"];

/// Nanoseconds that a connection lasts at least if its request was not answered.
const LEAST_WAIT: u64 = 1_000_000_000;

fn words(difference: &RequestDifference, when: &str) -> String {
    format!(
        "the same server accepted the request of connection {} {when}; this one differs: {}",
        difference.accepted.0, difference.words
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check_causes};
    use crate::stream::Side;

    /// A request of the usual form with one more field, which is long.
    fn long(s: &mut Scenario) {
        s.ask(&format!("X-Field: {}\r\nX-Other: a\r\nX-Third: b\r\n", "v".repeat(500)));
    }

    fn asks(s: &mut Scenario, connection: &str, more: &str, is_accepted: bool) {
        let (key, accept) = s.open().fresh_key();
        s.client(format!("GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: {connection}\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n").as_bytes());
        if is_accepted {
            s.server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes()).close();
        } else {
            s.server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "letter case", near: &[], fires: &["WHY-25"], play: |s| {
            asks(s, "Upgrade", "", true);
            asks(s, "upgrade", "", false);
        }},
        RuleCase { name: "the accepted one comes later", near: &[], fires: &["WHY-25"], play: |s| {
            asks(s, "Upgrade", "X-A: b\r\n", false);
            asks(s, "Upgrade", "", true);
        }},
        RuleCase { name: "a much longer one is never answered", near: &[], fires: &["WHY-25"], play: |s| {
            s.open().upgrade("", "").close();
            long(s);
            s.wait(5_000).end(Side::Client);
        }},
        RuleCase { name: "a much longer one is never answered, and others are accepted later", near: &[], fires: &["WHY-25"], play: |s| {
            long(s);
            s.wait(5_000).end(Side::Client).open().upgrade("", "").close();
        }},
        RuleCase { name: "a much longer one, and nobody waits for the answer", near: &["WHY-25"], fires: &[], play: |s| {
            s.open().upgrade("", "").close();
            long(s);
        }},
        RuleCase { name: "one that is as long is never answered", near: &["WHY-25"], fires: &[], play: |s| {
            s.open().upgrade("", "").close();
            s.ask("").wait(5_000).end(Side::Client);
        }},
        RuleCase { name: "the same request, both accepted", near: &["WHY-25"], fires: &[], play: |s| {
            asks(s, "Upgrade", "", true);
            asks(s, "Upgrade", "", true);
        }},
        RuleCase { name: "the same request, refused once", near: &["WHY-25"], fires: &[], play: |s| {
            asks(s, "Upgrade", "", true);
            asks(s, "Upgrade", "", false);
        }},
    ];

    #[test]
    fn requests_that_differ_in_little_are_compared() {
        check_causes(&[RULES], CASES);
    }
}
