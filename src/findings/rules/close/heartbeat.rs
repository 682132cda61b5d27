//! Pings and their Pongs.

use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::words::{duration, packets_in_words};
use crate::stream::{Direction, Side};

/// WS-C14 and WS-C15.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "WS-C14",
        severity: Severity::Warning,
        applies_to: AppliesTo::Both,
        title: "Ping never answered although the connection continued",
        section: "RFC 6455 §5.5.2",
        explanation: "A Ping must be answered with a Pong as soon as is practical; of several \
            Pings, only the latest needs an answer. The side that waits for it assumes that its \
            peer is dead and closes, often with 1011 or without a Close.",
        remedy: "Look for a peer whose event loop is blocked, or whose library leaves Pings to \
            the application. Browsers and all common libraries answer automatically.",
        example: Example::Server(b"\x89\x02hi"),
        explains: Some(Cause::trouble(760, "Ping not answered")),
        checks: &[Check::End(|context, violations| {
            let until =
                context.state.ended.map_or(context.subject.watched_until, |(_, at)| at.time);
            for direction in Direction::BOTH {
                let received = context.connection.received(direction);
                for ping in context.sender(direction).pings.iter() {
                    let waited = until.waited_since(ping.span.last.time);
                    let opening = &context.connection.network.opening;
                    let waited = opening.corrected(direction.reverse(), waited);
                    let ignored = waited >= PATIENCE && received >= ping.span.end;
                    if ping.misanswered || !(ping.passed_over || ignored) {
                        continue;
                    }
                    let silent = direction.reverse();
                    violations
                        .add(format!(
                            "the Ping {} in {} got no Pong within {}",
                            payload_in_words(ping.payload()),
                            packets_in_words(ping.span),
                            duration(waited)
                        ))
                        .direction(silent)
                        .side(Side::sender(silent))
                        .span(ping.span);
                }
            }
        })],
    },
    Rule {
        id: "WS-C15",
        severity: Severity::Warning,
        applies_to: AppliesTo::Both,
        title: "Pong matches no Ping: its payload differs from that of every outstanding Ping",
        section: "RFC 6455 §5.5.3",
        explanation: "A Pong that answers a Ping must have the same payload. An unsolicited Pong \
            may have any payload, but here a Ping was outstanding and never got its own answer: \
            the side that waits for it may close.",
        remedy: "Look for a hand-written Pong with a payload of its own, or for one that is built \
            from the payload before it was unmasked.",
        example: Example::Server(b"\x8a\x06ping-B"),
        explains: None,
        checks: &[Check::End(|context, violations| {
            // A Pong may be in the capture before the Ping that it answers.
            if context.connection.network.opening.clock_difference().is_some() {
                return;
            }
            for direction in Direction::BOTH {
                let Some(pong) = context.sender(direction).stray_pong.as_deref() else { continue };
                violations
                    .add(format!(
                        "payload {}; the outstanding Ping of {} has {}",
                        payload_in_words(pong.payload()),
                        packets_in_words(pong.open.span),
                        payload_in_words(pong.open.payload())
                    ))
                    .direction(direction)
                    .side(Side::sender(direction))
                    .span(pong.span);
            }
        })],
    },
];

/// The payload of a Ping or Pong, quoted and shortened.
fn payload_in_words(payload: &[u8]) -> String {
    let shown = payload.get(..SHOWN).unwrap_or(payload);
    let more = if shown.len() < payload.len() { "…" } else { "" };
    match std::str::from_utf8(shown) {
        Ok(text) if !text.chars().any(char::is_control) => format!("{text:?}{more}"),
        Ok(_) | Err(_) => {
            let hex: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}{more}", hex.join(" "))
        }
    }
}

/// Bytes of a payload that evidence shows.
const SHOWN: usize = 16;

/// Nanoseconds in which a Ping that was received must be answered also by a peer that sends nothing
/// else.
const PATIENCE: u64 = 5_000_000_000;
