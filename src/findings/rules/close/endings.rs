//! How a WebSocket ends: the closing handshake, and what TCP does around it.

use crate::analysis::event::{Connection, Ending, Nature, Recognition, TcpState};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::{ComparisonContext, EndSeen, FrameSeen, RuleContext};
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::engine::violation::Bits;
use crate::findings::rules::close::codes::is_failure;
use crate::findings::rules::close::end_advice::after_fin;
use crate::findings::rules::frame::has_ended;
use crate::findings::words::{
    around_last_frame, counted, duration, opcode_in_words, packets_in_words,
};
use crate::stream::{Direction, Side, Span};

/// WS-C07 to WS-C09, WS-C12, WS-C13, WS-C16, WS-C19.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "WS-C07",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "data frame after the sender's own Close",
        section: "RFC 6455 §5.5.1",
        explanation: "After its Close, a peer must not send any more data. The receiver may \
            ignore what follows, and this data is then lost.",
        remedy: "Look for a sender whose queue is written out after it called close(), or for two \
            tasks that share one connection.",
        example: Example::Server(b"\x88\x02\x03\xe8\x81\x04late"),
        explains: None,
        checks: &[Check::Late(|context, violations| {
            let FrameSeen { direction, frame } = context.subject;
            if let Some(close) = context.sender(direction).close.as_deref()
                && !frame.header.is_control()
            {
                let opcode = opcode_in_words(frame.header.opcode);
                violations
                    .add(format!(
                        "{opcode} frame of {} after the Close of {}",
                        counted(frame.header.payload_length, "byte"),
                        packets_in_words(close.span)
                    ))
                    .bits(Bits::OPCODE);
            }
        })],
    },
    Rule {
        id: "WS-C08",
        severity: Severity::Note,
        applies_to: AppliesTo::Both,
        title: "control frame after the sender's own Close",
        section: "RFC 6455 §5.5.1",
        explanation: "After a Close nothing more needs to be sent. Most receivers ignore a second \
            Close, a Ping or a Pong after it.",
        remedy: "Look for a timer that sends Pings and is not stopped by close(), or for a library \
            that closes on each of several errors.",
        example: Example::Server(b"\x88\x02\x03\xe8\x88\x02\x03\xe8"),
        explains: None,
        checks: &[Check::Late(|context, violations| {
            let FrameSeen { direction, frame } = context.subject;
            if let Some(close) = context.sender(direction).close.as_deref()
                && frame.header.is_control()
            {
                let opcode = opcode_in_words(frame.header.opcode);
                violations
                    .add(format!("{opcode} after the Close of {}", packets_in_words(close.span)))
                    .bits(Bits::OPCODE);
            }
        })],
    },
    Rule {
        id: "WS-C09",
        severity: Severity::Warning,
        applies_to: AppliesTo::Both,
        title: "Close not answered by a Close",
        section: "RFC 6455 §5.5.1",
        explanation: "A peer that receives a Close must answer with one, unless it has already \
            sent one. Without an answer the closing handshake is not clean: the side that closed \
            waits for its timeout, and may report 1006.",
        remedy: "Look at the side that did not answer: it had already gone, or it closes the \
            socket as soon as it reads a Close.",
        example: Example::Text("server: Close 1001; client: FIN, and no Close"),
        explains: Some(
            Cause::trouble(770, "Close not answered").unless(&["NET-07", "WS-C12", "WS-C17"]),
        ),
        checks: &[Check::End(|context, violations| {
            if !is_over(context) {
                return;
            }
            for direction in Direction::BOTH {
                let (closer, other) = (context.sender(direction), context.receiver(direction));
                let Some(close) = closer.close.as_deref().filter(|_| other.close.is_none()) else {
                    continue;
                };
                let seen = *context.connection.packets.get(direction.reverse()) > 0;
                // Who resets the connection right after its own Close waits for no answer.
                let left = context.connection.state == TcpState::Reset(direction);
                // Who ended TCP before the Close arrived left without one: that is WS-C12's.
                let receiver = Side::sender(direction.reverse());
                let was_gone = context.state.left_before(receiver, close);
                let may_answer = may_be_answer(context, direction);
                if other.lost.is_some() || !seen || left || was_gone || may_answer {
                    continue;
                }
                let Some((side, at)) = context.state.ended else { continue };
                let waited = at.time.waited_since(close.span.last.time);
                let is_own = side == Side::sender(direction);
                let did_not_wait = is_own && waited < ANSWER_TIME;
                if did_not_wait && close.code.is_some_and(is_failure) {
                    // RFC 6455 §7.1.7: who fails the connection may close TCP at once.
                    continue;
                }
                let guilty = if did_not_wait { direction } else { direction.reverse() };
                violations
                    .add(format!(
                        "the {}'s Close in {} got no answer in {}, until the {} ended TCP",
                        Side::sender(direction).name(),
                        packets_in_words(close.span),
                        duration(waited),
                        side.name()
                    ))
                    .direction(direction)
                    .side(Side::sender(guilty))
                    .span(close.span);
            }
        })],
    },
    Rule {
        id: "WS-C12",
        severity: Severity::Warning,
        applies_to: AppliesTo::Both,
        title: "connection ended without a Close frame: applications see 1006",
        section: "RFC 6455 §7.1.5",
        explanation: "TCP was closed before a Close was sent or received. Applications see code \
            1006 and no reason. Usual causes are a process that ended, a proxy or load \
            balancer that closed an idle connection, or a library that drops connections.",
        remedy: "Check who closed, and after how long a silence. If it was a round number of \
            seconds, a proxy's idle timeout is likely: send Pings more often than that. Otherwise \
            look at the log of the side that closed, and make it send a Close when it shuts \
            down.",
        example: Example::Text("server: FIN, and no Close before it"),
        explains: Some(Cause::dropped(680, "ended without Close").unless(&[
            "NET-07", "NET-13", "OPS-01", "WS-F15", "WS-F17", "HS-16", "HS-17", "HS-18", "HS-19",
            "HS-20", "HS-21", "PMD-05", "PMD-07", "TLS-",
        ])),
        checks: &[Check::CompareEnd(|context, violations| {
            let is_failed_at_once = failed_at_once(context);
            let context = &context.own();
            if !is_ended_by_fin(context.connection) || !is_over(context) || is_failed_at_once {
                return;
            }
            let sides = &context.state.sides;
            if sides.client.lost.is_some() || sides.server.lost.is_some() {
                return;
            }
            let Some((side, at)) = context.state.ended else { return };
            let late = context.receiver(side.direction()).close.as_deref();
            if context.sender(side.direction()).close.is_some()
                || late.is_some_and(|close| !context.state.left_before(side, close))
            {
                return;
            }
            let closes = match late {
                None => "neither side sent a Close".to_owned(),
                Some(close) => format!(
                    "the Close of the {} in {} came too late",
                    Side::sender(side.direction().reverse()).name(),
                    packets_in_words(close.span)
                ),
            };
            let silence =
                match [sides.client.latest, sides.server.latest].into_iter().flatten().max() {
                    Some(latest) => around_last_frame(at, latest),
                    None => "no frame was ever sent".to_owned(),
                };
            violations
                .add(format!("the {} sent FIN first, {silence}; {closes}", side.name()))
                .direction(side.direction())
                .span(Span { start: last_offset(context, side), end: 0, first: at, last: at })
                .remedy = after_fin(context, side, at);
        })],
    },
    Rule {
        id: "WS-C13",
        severity: Severity::Warning,
        applies_to: AppliesTo::Both,
        title: "TCP left open long after both Closes",
        section: "RFC 6455 §7.1.1",
        explanation: "Once both sides have sent a Close, the server must close TCP at once. Until \
            then the connection occupies a socket and a port on both machines for nothing.",
        remedy: "Look for a server that never closes the socket after the closing handshake, or \
            for a proxy in between that keeps its side open.",
        example: Example::Text("client: Close 1000; server: Close 1000, and no FIN for a minute"),
        explains: None,
        checks: &[Check::End(|context, violations| {
            let sides = &context.state.sides;
            let Some((client, server)) =
                sides.client.close.as_deref().zip(sides.server.close.as_deref())
            else {
                return;
            };
            let both = client.span.last.max(server.span.last);
            let until =
                context.state.ended.map_or(context.subject.watched_until, |(_, at)| at.time);
            let open = until.waited_since(both.time);
            if open > LONG_OPEN {
                violations
                    .add(format!("open for {} after both Closes", duration(open)))
                    .direction(None)
                    .side(Side::Server)
                    .span(server.span);
            }
        })],
    },
    Rule {
        id: "WS-C16",
        severity: Severity::Warning,
        applies_to: AppliesTo::Both,
        title: "a peer broke a rule and the receiver did not fail the connection",
        section: "RFC 6455 §7.1.7",
        explanation: "A receiver must fail the connection when its peer breaks a rule of the \
            framing: it sends a Close (usually 1002 or 1007) or closes TCP, and processes no \
            more. A receiver that continues lets errors, and attacks, through.",
        remedy: "Fix the peer that broke the rule first. Then check whether the receiver's \
            library is old, hand-written, or has its checks turned off.",
        example: Example::Text(
            "client: an unmasked text; server: an answer as if nothing had happened",
        ),
        explains: None,
        checks: &[Check::End(|context, violations| {
            for direction in Direction::BOTH {
                let (offender, receiver) = (context.sender(direction), context.receiver(direction));
                let Some(fatal_violation) = offender.fatal_violation.as_deref() else { continue };
                let silent = direction.reverse();
                let went_on = receiver.went_on.as_deref().copied();
                let went_on = match receiver.close.as_deref() {
                    Some(close) if close.code.is_some_and(is_failure) => continue,
                    Some(close) => went_on.or_else(|| {
                        (close.received >= fatal_violation.span.end).then_some(close.span)
                    }),
                    // Closing TCP is a way to fail a connection, too.
                    None if ended_by(context, silent) => continue,
                    None => went_on,
                };
                let Some(span) = went_on else { continue };
                violations
                    .add(format!(
                        "{} in {}; the {} continued in {}",
                        fatal_violation.rule.id,
                        packets_in_words(fatal_violation.span),
                        Side::sender(silent).name(),
                        packets_in_words(span)
                    ))
                    .direction(silent)
                    .side(Side::sender(silent))
                    .span(span);
            }
        })],
    },
    Rule {
        id: "WS-C19",
        severity: Severity::Note,
        applies_to: AppliesTo::Client,
        title: "client closed TCP before the server did, after a clean closing handshake",
        section: "RFC 6455 §7.1.1",
        explanation: "After both Closes the server should close TCP first, so that the TIME_WAIT \
            state is on its side and the client can reuse the same ports at once. Nothing is lost \
            if the client closes first.",
        remedy: "Nothing needs to be changed unless the client opens so many connections that it \
            runs out of ports.",
        example: Example::Text("client: Close 1000; server: Close 1000; client: FIN"),
        explains: None,
        checks: &[Check::End(|context, violations| {
            let sides = &context.state.sides;
            let closed = sides.client.close.as_deref().zip(sides.server.close.as_deref());
            let Some((Side::Client, at)) = context.state.ended else { return };
            if closed.is_some_and(|(client, server)| {
                at.packet >= client.span.last.packet && at.packet >= server.span.last.packet
            }) && matches!(
                context.connection.state,
                TcpState::HalfClosed(_) | TcpState::Closed(_)
            ) {
                let start = last_offset(context, Side::Client);
                violations
                    .add("the client's FIN came first")
                    .direction(Direction::ClientToServer)
                    .side(Side::Client)
                    .span(Span { start, end: start, first: at, last: at });
            }
        })],
    },
];

/// Whether a WebSocket has ended, and not only its capture.
fn is_over(context: &RuleContext<'_, Ending>) -> bool {
    context.connection.nature == Nature::WebSocket && has_ended(context.connection.state)
}

/// Whether TCP was ended by a FIN: an RST of a side that had sent FIN only discards what comes after it.
fn is_ended_by_fin(connection: &Connection) -> bool {
    match connection.state {
        TcpState::HalfClosed(_) | TcpState::Closed(_) => true,
        TcpState::Reset(by) => connection.network.fins.get(by).is_some(),
        TcpState::SynSent | TcpState::Refused | TcpState::Established => false,
    }
}

/// Whether a Close may answer one that was sent before the capture began.
fn may_be_answer(context: &RuleContext<'_, Ending>, direction: Direction) -> bool {
    let frames = *context.connection.frames.get(direction.reverse());
    context.state.recognized == Some(Recognition::Frames) && frames == 0
}

/// Whether the peers left at once because of a handshake that broke rules: those are reported.
fn failed_at_once(context: &ComparisonContext<'_, EndSeen<'_>>) -> bool {
    let frames = &context.connection.frames;
    let broken = context.across.broken_handshakes.response(context.connection.id);
    !broken.is_empty() && frames.client == 0 && frames.server == 0
}

/// Whether the sender of a direction was the first to end TCP.
fn ended_by(context: &RuleContext<'_, Ending>, direction: Direction) -> bool {
    context.state.ended.is_some_and(|(side, _)| side == Side::sender(direction))
}

/// The stream offset after the last byte that a side sent.
fn last_offset(context: &RuleContext<'_, Ending>, side: Side) -> u64 {
    *context.connection.bytes.get(side.direction())
}

/// Nanoseconds in which nobody can be blamed for not having answered a Close.
const ANSWER_TIME: u64 = 1_000_000_000;

/// Nanoseconds for which TCP may stay open after both Closes: the server's system may be slow to
/// close, but no network takes that long.
const LONG_OPEN: u64 = 10_000_000_000;
