//! WHY-50: the bytes that decide were not captured.

use crate::analysis::event::{Nature, Outcome, TcpState};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::words::{counted, packets_in_words};
use crate::stream::{Direction, Side, Span};

/// WHY-50.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-50",
    severity: Severity::Error,
    applies_to: AppliesTo::Nobody,
    title: "the capture does not show why: the bytes that decide are missing",
    section: "RFC 6455 §7.1.7",
    explanation: "The connection failed, and no cause is found in what was captured. The bytes in which \
        it would be are not in the capture: the snap length cut them off, packets were lost, only one \
        direction was recorded, or the recording began too late. It is reported only if the missing bytes \
        precede the failure and come from the side that it depends on: what a side received before it \
        closed with 1002 or 1007, the end of the stream of a side that left without a Close, the response \
        to a request, the body of a refusal whose status does not say why, all that was sent before a \
        reset.",
    remedy: LOSS,
    example: Example::Text(
        "client: a text of 400 bytes, of which tcpdump -s 96 recorded 30\nserver: Close 1007",
    ),
    explains: Some(
        Cause::dropped(1_190, "the capture does not show why")
            .explaining(&["WS-C12", "WS-C17", "WS-C19", "HS-4", "HS-5", "NET-06", "NET-07"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        if !lacks_bytes(context) || is_known(context) {
            return;
        }
        if let Some(by) = reset_unseen(context) {
            let last = context.connection.last;
            violations
                .add(format!(
                    "the {} reset the connection, and why is in what was sent before: too little of each \
                     packet was recorded to see whether it was a WebSocket",
                    by.name()
                ))
                .side(None)
                .direction(None)
                .packets(last, last)
                .severity(Severity::Warning)
                .remedy(SNAP_LENGTH);
            return;
        }
        let Some(Undecided { what, missing, span }) = undecided(context) else { return };
        violations
            .add(format!("{what}; {}", missing.words))
            .side(None)
            .direction(None)
            .span(span)
            .remedy(missing.remedy);
    })],
}];

/// What failed, and what is missing to know why.
struct Undecided {
    what: String,
    missing: Missing,
    span: Span,
}

/// What is missing of a direction, and what to record instead.
struct Missing {
    words: String,
    remedy: &'static str,
}

/// Whether anything of the connection is missing: the cheap question first.
fn lacks_bytes(context: &CauseContext<'_>) -> bool {
    let state = context.subject.state;
    let is_undecided = context.connection.is_undecided;
    let lacks = state.health.has_gap || state.recognized.is_some() || is_undecided;
    lacks || context.subject.ending.unseen.is_some()
}

/// Whether a rule names what is wrong, and not only how the connection ended.
fn is_known(context: &CauseContext<'_>) -> bool {
    let is_exact = |id: &str| !SYMPTOMS.iter().any(|start| id.starts_with(start));
    context
        .subject
        .past
        .iter()
        .any(|past| past.severity == Severity::Error && is_exact(past.rule.id))
}

fn undecided(context: &CauseContext<'_>) -> Option<Undecided> {
    Direction::BOTH
        .into_iter()
        .find_map(|refuser| refused(context, refuser))
        .or_else(|| left(context))
        .or_else(|| unanswered(context))
        .or_else(|| refused_without_words(context))
}

/// Who reset a connection of which the snap length left too little to see what it was.
fn reset_unseen(context: &CauseContext<'_>) -> Option<Side> {
    let TcpState::Reset(by) = context.connection.state else { return None };
    let is_unseen = context.connection.is_undecided && context.connection.nature == Nature::Unknown;
    is_unseen.then_some(Side::sender(by))
}

/// A side that closed since something that it received was wrong.
fn refused(context: &CauseContext<'_>, refuser: Direction) -> Option<Undecided> {
    let close = context.subject.state.sides.get(refuser).close.as_deref()?;
    let code = close.code.filter(|code| matches!(code, 1002 | 1007))?;
    let sender = refuser.reverse();
    context.found("WS-C17").filter(|found| found.direction == Some(refuser))?;
    let missing = missing(context, sender, close.received)?;
    let what = format!(
        "the {} closed with {code} because of something that it received",
        Side::sender(refuser).name()
    );
    Some(Undecided { what, missing, span: close.span })
}

/// A side that ended TCP, and whose last frames are not known.
fn left(context: &CauseContext<'_>) -> Option<Undecided> {
    let state = context.subject.state;
    let (side, at) = state.ended?;
    let is_drop = context.found("WS-C12").is_some() || context.found("NET-07").is_some();
    let own = state.sides.get(side.direction());
    if state.handshake.accepted.is_none() && state.recognized.is_none()
        || !is_drop
        || own.lost.is_none() && context.subject.ending.unseen != Some(side.direction())
    {
        return None;
    }
    let missing = missing(context, side.direction(), u64::MAX)?;
    let what = format!("whether the {} sent a Close before it ended TCP is not known", side.name());
    Some(Undecided { what, missing, span: Span { first: at, last: at, ..Span::default() } })
}

/// A request whose response is not in the capture, although there was one.
fn unanswered(context: &CauseContext<'_>) -> Option<Undecided> {
    let handshake = &context.subject.state.handshake;
    let has_failed = match context.subject.ending.outcome {
        Outcome::Aborted | Outcome::Timeout | Outcome::Rejected => true,
        Outcome::Open
        | Outcome::Closed
        | Outcome::Refused
        | Outcome::NotWebSocket
        | Outcome::Undecodable => false,
    };
    let asked = handshake.asked.filter(|_| handshake.accepted.is_none() && has_failed)?;
    context.subject.state.ended?;
    let missing = missing(context, Direction::ServerToClient, u64::MAX)?;
    let what = "what the server answered to the upgrade request is not known".to_owned();
    Some(Undecided { what, missing, span: asked.request })
}

/// A refusal whose status does not say why, and whose body was not captured.
fn refused_without_words(context: &CauseContext<'_>) -> Option<Undecided> {
    let response = context.subject.state.handshake.refused.as_deref()?.response.as_ref()?;
    let status = response.status().filter(|status| matches!(status, 400 | 500))?;
    let has_words = context.connection.refusal.as_ref().is_some_and(|it| !it.body.is_empty());
    if has_words {
        return None;
    }
    let missing = missing(context, Direction::ServerToClient, u64::MAX)?;
    let what = format!("the server answered {status}, and why is in a body that is not known");
    Some(Undecided { what, missing, span: response.span })
}

/// What is missing of what a side sent, before an offset.
fn missing(context: &CauseContext<'_>, sender: Direction, before: u64) -> Option<Missing> {
    let state = context.subject.state;
    let side = state.sides.get(sender);
    let name = Side::sender(sender).name();
    if context.subject.ending.unseen == Some(sender) {
        let words = format!("nothing that the {name} sent was captured");
        return Some(Missing { words, remedy: ONE_SIDED });
    }
    if let Some(cut) = side.cut.as_deref().filter(|cut| cut.first.start < before) {
        let words = format!(
            "{} of what the {name} sent were cut off by the snap length, in {} (first {})",
            counted(cut.bytes, "byte"),
            counted(cut.packets, "packet"),
            packets_in_words(cut.first)
        );
        return Some(Missing { words, remedy: SNAP_LENGTH });
    }
    let lost = context.subject.past.iter().find(|past| {
        past.rule.id == "CAP-01"
            && past.direction == Some(sender)
            && past.span.is_some_and(|span| span.start < before)
    });
    if let Some(span) = lost.and_then(|past| past.span) {
        let words = format!(
            "{} of what the {name} sent are not in the capture, before {}",
            counted(span.length(), "byte"),
            packets_in_words(span)
        );
        return Some(Missing { words, remedy: LOSS });
    }
    if state.recognized.is_some() {
        let words = "the capture begins after the handshake: what was agreed, and what was sent \
            before, are not known"
            .to_owned();
        return Some(Missing { words, remedy: TOO_LATE });
    }
    None
}

/// Starts of the ids of rules that report only how a connection ended.
const SYMPTOMS: &[&str] = &["WS-C12", "WS-C17", "WS-C19", "HS-4", "HS-5", "NET-06", "NET-07"];

const SNAP_LENGTH: &str = "Record whole packets: `tcpdump -s 0` (on loopback `-s 262144`), dumpcap \
    without `-s`. Then let it fail again.";

const ONE_SIDED: &str = "Record both directions: on one of the two machines, on the interface that \
    both directions pass (`-i any` if in doubt), with a filter like `port 8080` instead of `dst port \
    8080`. If each direction is in a file of its own, read both with `--join`.";

const LOSS: &str = "Record without loss: on one of the two machines, with a larger buffer (`tcpdump -B \
    65536`) and a filter on the port; look at the number of packets that tcpdump reports as dropped by \
    the kernel. If this is one file of a ring, read all its files together with `--join`.";

const TOO_LATE: &str = "Start recording before the connection is opened. If this is one file of a ring, \
    read all its files together with `--join`.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes, masked, plain};
    use crate::stream::Direction::{ClientToServer, ServerToClient};

    const CLOSE_1007: &[u8] = b"\x03\xef";
    const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
    const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "closed for what the snap length cut off", near: &[], fires: &["WHY-50"], play: |s| {
            let text = masked(0x81, &[b'a'; 100]);
            s.upgraded().cut(ClientToServer, &text, 20);
            s.server(&plain(0x88, CLOSE_1007)).end(Side::Server);
        }},
        RuleCase { name: "closed for what was lost", near: &[], fires: &["WHY-50"], play: |s| {
            s.upgraded().client(&masked(0x81, b"one")).missing(ClientToServer, 200);
            s.server(&plain(0x88, CLOSE_1007)).end(Side::Server);
        }},
        RuleCase { name: "cut off, and closed in the usual way", near: &["WHY-50"], fires: &[], play: |s| {
            let text = masked(0x81, &[b'a'; 100]);
            s.upgraded().cut(ClientToServer, &text, 20);
            s.close();
        }},
        RuleCase { name: "only the other direction was cut off", near: &["WHY-50"], fires: &[], play: |s| {
            let text = plain(0x81, &[b'a'; 100]);
            s.upgraded().cut(ServerToClient, &text, 20);
            s.client(&masked(0x81, b"one")).server(&plain(0x88, CLOSE_1007)).end(Side::Server);
        }},
        RuleCase { name: "a refusal whose body was cut off", near: &[], fires: &["WHY-50"], play: |s| {
            let head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 30\r\n\r\n";
            let whole = [&head[..], &[b'x'; 30]].concat();
            s.ask("").cut(ServerToClient, &whole, head.len()).end(Side::Server);
        }},
        RuleCase { name: "reset after packets of which six bytes were recorded", near: &[], fires: &["WHY-50"], play: |s| {
            s.open().cut(ClientToServer, REQUEST, 6).cut(ServerToClient, RESPONSE, 6).reset(Side::Server);
        }},
        RuleCase { name: "six bytes of each packet, and closed with FIN", near: &["WHY-50"], fires: &[], play: |s| {
            s.open().cut(ClientToServer, REQUEST, 6).cut(ServerToClient, RESPONSE, 6).end(Side::Client);
        }},
        RuleCase { name: "a refusal without a body", near: &["WHY-50"], fires: &[], play: |s| {
            s.ask("").server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
    ];

    #[test]
    fn what_decides_and_is_missing_is_named() {
        check_causes(&[RULES], CASES);
    }
}
