//! WHY-16: a receiver refuses what is legal.

use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::shown;
use crate::findings::state::connection::CloseSent;
use crate::findings::state::recent_messages::{MessageTraits, RecentMessage};
use crate::findings::words::{duration, packets_in_words};
use crate::stream::{Direction, Origin, Side};

/// WHY-16.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-16",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "a receiver refused a message that breaks no rule",
    section: "RFC 6455 §7.4.1, RFC 7692 §7",
    explanation: "A side closed with 1002 (protocol error) or 1007 (invalid payload), or left at once without a Close, \
        but nothing that it had received by then breaks a rule. The fault is in the side that closed: its \
        library cannot read something that it must be able to read, or that it has agreed to. \
        The evidence names what is new about the last message that it received.",
    remedy: "Update the WebSocket library of the side that closed, or report the message to its \
        authors. Until then, let the other side avoid what is special about the message.",
    example: Example::Text(
        "server: 81 00 (an empty text)\nclient: Close 1007, although an empty text is UTF-8",
    ),
    explains: Some(
        Cause::dropped(1_165, "refused a legal message")
            .explaining(&["WS-C17", "WS-C12", "NET-07", "WS-C19", "WS-C09"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        for refuser in Direction::BOTH {
            let Some(refusal) = refusal(context, refuser).or_else(|| left(context, refuser)) else {
                continue;
            };
            let sender = refuser.reverse();
            if let Some(past) = context.first_violation(sender) {
                let Refusal::Close(..) = refusal else { continue };
                let place = past.span.map(packets_in_words).unwrap_or_default();
                return violations.exclude(format!("{} was broken in {place}", past.rule.id));
            }
            let recent = &context.subject.state.sides.get(sender).recent;
            let received: Vec<&RecentMessage> =
                recent.backwards().filter(|it| refusal.has_received(it)).collect();
            let Some(Special { message, what, remedy }) = special(context, &received) else {
                continue;
            };
            if !refusal.is_because_of(message) {
                continue;
            }
            let (side, other) = (Side::sender(refuser), Side::sender(sender));
            let place = packets_in_words(message.span);
            let quoted = message.text().filter(|text| !text.is_empty());
            let quoted = quoted.map(|text| format!(": {}", shown(text.as_bytes())));
            let violation = violations
                .add(format!(
                    "the {} {}; nothing that it had received breaks a rule. {what} ({place}, of the {}{})",
                    side.name(),
                    refusal.how(message),
                    other.name(),
                    quoted.unwrap_or_default()
                ))
                .side(side)
                .direction(refuser)
                .remedy(remedy);
            match refusal {
                Refusal::Close(_, close) => violation.span(close.span),
                Refusal::Fin(at) => violation.packets(at, at),
            };
            return;
        }
    })],
}];

/// How a side refused what it had received.
enum Refusal<'a> {
    /// With a Close, by its code.
    Close(u16, &'a CloseSent),
    /// By ending TCP.
    Fin(Origin),
}

impl Refusal<'_> {
    fn has_received(&self, message: &RecentMessage) -> bool {
        match self {
            Self::Close(_, close) => message.span.end <= close.received,
            Self::Fin(at) => message.span.last.packet < at.packet,
        }
    }

    /// Whether a message may be why. Many programs leave without a Close when they have what they want: only one that
    /// leaves at once, at a form of message that libraries are known to fail at, is suspected.
    fn is_because_of(&self, message: &RecentMessage) -> bool {
        match self {
            Self::Close(..) => true,
            Self::Fin(at) => {
                at.time.since(message.span.last.time) <= AT_ONCE
                    && SUSPECT.iter().any(|novelty| message.novel.has(*novelty))
            }
        }
    }

    /// What the side did, in words.
    fn how(&self, message: &RecentMessage) -> String {
        match self {
            Self::Close(code, close) if close.reason.is_empty() => format!("closed with {code}"),
            Self::Close(code, close) => {
                format!("closed with {code}, reason {}", shown(&close.reason))
            }
            Self::Fin(at) => format!(
                "ended TCP without a Close {} after this message",
                duration(at.time.since(message.span.last.time))
            ),
        }
    }
}

/// Nanoseconds within which a side that cannot read a message ends TCP.
const AT_ONCE: u64 = 50_000_000;

/// Forms of messages that libraries are known to fail at.
const SUSPECT: &[MessageTraits] = &[
    MessageTraits::NEEDS_CONTEXT,
    MessageTraits::COMPRESSED_FRAGMENTS,
    MessageTraits::FRAGMENTED,
    MessageTraits::EMPTY,
];

/// The end of TCP by a side that had sent no Close, nor received one.
fn left<'a>(context: &CauseContext<'a>, refuser: Direction) -> Option<Refusal<'a>> {
    let state = context.subject.state;
    let (_, at) = state.ended.filter(|(side, _)| side.direction() == refuser)?;
    let has_close = Direction::BOTH.iter().any(|it| state.sides.get(*it).close.is_some());
    let is_known = state.recognized.is_none() && !state.health.has_gap;
    (!has_close && is_known).then_some(Refusal::Fin(at))
}

/// The Close with which a side reports that it received something illegal.
fn refusal<'a>(context: &CauseContext<'a>, refuser: Direction) -> Option<Refusal<'a>> {
    let state = context.subject.state;
    let close = state.sides.get(refuser).close.as_deref()?;
    let code = close.code.filter(|code| matches!(code, 1002 | 1007))?;
    let is_answer = state.sides.get(refuser.reverse()).close.as_deref().is_some_and(|other| {
        other.span.last.packet < close.span.first.packet && other.span.end <= close.received
    });
    let is_known = state.recognized.is_none() && !state.health.has_gap;
    (!is_answer && is_known).then_some(Refusal::Close(code, close))
}

/// The message that a receiver may have refused.
struct Special<'a> {
    message: &'a RecentMessage,
    what: String,
    remedy: &'static str,
}

/// The message with which something new came, of the latest that a side received; the last one if there is none.
fn special<'a>(context: &CauseContext<'_>, received: &[&'a RecentMessage]) -> Option<Special<'a>> {
    let latest = received.first()?;
    let response = context.subject.state.handshake.accepted;
    if response.is_some_and(|response| response.last.packet == latest.span.first.packet) {
        let what = "The last message came in the same segment as the 101".to_owned();
        return Some(Special { message: latest, what, remedy: WITH_RESPONSE });
    }
    let new = SPECIAL.iter().find_map(|(novelty, what, remedy)| {
        let message = received.iter().find(|message| message.novel.has(*novelty))?;
        Some(Special { message, what: format!("This message was the first that {what}"), remedy })
    });
    new.or_else(|| {
        let remedy = RULES.first()?.remedy;
        Some(Special { message: latest, what: "Its last message".to_owned(), remedy })
    })
}

/// What may be new about a message, the most telling first.
const SPECIAL: &[(MessageTraits, &str, &str)] = &[
    (
        MessageTraits::NEEDS_CONTEXT,
        "refers to earlier messages (context takeover, as agreed)",
        CONTEXT,
    ),
    (MessageTraits::COMPRESSED_FRAGMENTS, "is compressed and fragmented", COMPRESSION),
    (MessageTraits::COMPRESSED, "is compressed, as agreed", COMPRESSION),
    (MessageTraits::FRAGMENTED, "is fragmented", FRAGMENTS),
    (MessageTraits::EMPTY, "is empty", EMPTY),
    (
        MessageTraits::LONGER_THAN_65535,
        "needs a length of 64 bits (more than 65,535 bytes)",
        LENGTH,
    ),
    (MessageTraits::BINARY, "is binary", BINARY),
    (MessageTraits::LONGER_THAN_125, "needs a length of 16 bits (more than 125 bytes)", LENGTH),
];

const CONTEXT: &str = "The side that closed inflates each message by itself, although context \
    takeover was agreed: update its library. Until then, do not offer permessage-deflate, or \
    agree on server_no_context_takeover and client_no_context_takeover, so that no message refers \
    to earlier ones.";

const COMPRESSION: &str = "The side that closed cannot inflate what it agreed to: update its \
    library, and turn permessage-deflate off until then.";

const FRAGMENTS: &str = "The side that closed cannot read fragmented messages, which every \
    receiver must be able to (RFC 6455 §5.4): update its library. Until then, send each message in \
    one frame.";

const EMPTY: &str = "The side that closed cannot read an empty message, which is legal: update its \
    library. Until then, do not send empty messages.";

const LENGTH: &str = "The side that closed cannot read this form of the length: update its \
    library. Until then, send shorter messages.";

const BINARY: &str = "The side that closed cannot read binary messages: update its library, or \
    register its handler for them. Until then, send text.";

const WITH_RESPONSE: &str = "The side that closed loses bytes that come in the same segment as the \
    response: its handshake code reads them and throws them away. Update its library. Until then, \
    let the server wait for the first message of the client.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes, masked, plain};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a client refuses an empty text", near: &[], fires: &["WHY-16 client"], play: |s| {
            s.upgraded().server(&plain(0x81, b"one")).server(&plain(0x81, b"")).client(&masked(0x88, b"\x03\xef")).server(&plain(0x88, b"\x03\xef"));
        }},
        RuleCase { name: "a server refuses a fragmented text", near: &[], fires: &["WHY-16 server"], play: |s| {
            s.upgraded().client(&masked(0x01, b"a")).client(&masked(0x80, b"b")).server(&plain(0x88, b"\x03\xea"));
        }},
        RuleCase { name: "the message is not UTF-8", near: &["WHY-16"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"\xff\xfe")).client(&masked(0x88, b"\x03\xef"));
        }},
        RuleCase { name: "a client leaves at an empty text", near: &[], fires: &["WHY-16 client"], play: |s| {
            s.upgraded().server(&plain(0x81, b"one")).server(&plain(0x81, b"")).end(Side::Client);
        }},
        RuleCase { name: "a client leaves when it has what it wants", near: &["WHY-16"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"one")).end(Side::Client);
        }},
        RuleCase { name: "a client leaves long after an empty text", near: &["WHY-16"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"one")).server(&plain(0x81, b"")).wait(1_000).end(Side::Client);
        }},
        RuleCase { name: "closed for a reason of its own", near: &["WHY-16"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"one")).client(&masked(0x88, b"\x03\xf0"));
        }},
        RuleCase { name: "it answers a Close with the same code", near: &["WHY-16"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x81, b"\xff")).server(&plain(0x88, b"\x03\xef")).client(&masked(0x88, b"\x03\xef"));
        }},
        RuleCase { name: "bytes before it are missing", near: &["WHY-16"], fires: &["WHY-50"], play: |s| {
            s.upgraded().missing(Direction::ServerToClient, 30).server(&plain(0x81, b"one")).client(&masked(0x88, b"\x03\xef"));
        }},
    ];

    #[test]
    fn receivers_that_refuse_what_is_legal_are_named() {
        check_causes(&[RULES], CASES);
    }
}
