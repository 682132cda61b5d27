//! What a Close says: its payload, code and reason.

use std::fmt::Write;

use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::{MessageSeen, RuleContext};
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::state::connection::PastViolation;
use crate::findings::words::packets_in_words;
use crate::stream::{Direction, Side};
use crate::websocket::close_code::CloseCode;

/// WS-C01 to WS-C06, WS-C10, WS-C11, WS-C17, WS-C18.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "WS-C01",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "Close payload of one byte",
        section: "RFC 6455 §5.5.1",
        explanation: "The payload of a Close is empty, or begins with a code of two bytes. A \
            single byte is neither; the receiver fails the connection with 1002.",
        remedy: "Write the code as two bytes, most significant first. Look for a code written as \
            one byte, or for a truncated frame.",
        example: Example::Server(b"\x88\x01\x03"),
        explains: None,
        checks: &[Check::Close(|context, violations| {
            if let [byte] = context.subject.message.content {
                violations.add(format!("payload {byte:#04x}; a code takes two bytes"));
            }
        })],
    },
    Rule {
        id: "WS-C02",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "Close reason is not valid UTF-8",
        section: "RFC 6455 §5.5.1, §8.1",
        explanation: "The code of a Close may be followed by a reason in UTF-8. A receiver may \
            fail the connection if it is not valid, and its application does not get the reason.",
        remedy: "Look for a reason in another encoding, or for one that was cut at 123 bytes in \
            the middle of a character.",
        example: Example::Server(b"\x88\x06\x03\xe8caf\xe9"),
        explains: None,
        checks: &[Check::Close(|context, violations| {
            let Some(close) = context.subject.message.close else { return };
            if let Err(error) = std::str::from_utf8(close.reason) {
                let at = error.valid_up_to();
                violations.add(format!("invalid UTF-8 at byte {at} of the reason"));
            }
        })],
    },
    Rule {
        id: "WS-C03",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "Close code 1005, 1006 or 1015 sent on the wire",
        section: "RFC 6455 §7.4.1",
        explanation: "These codes are what a library reports to its own application: 1005 if a \
            Close had no code, 1006 if no Close arrived, 1015 if TLS failed. They must not be \
            sent; receivers fail the connection with 1002.",
        remedy: "Look for code that passes the code of a close event on to another connection, as \
            proxies and bridges do. Send 1000 or 1001 instead of 1005, and 1011 or 1014 instead of \
            1006.",
        example: Example::Server(b"\x88\x02\x03\xee"),
        explains: None,
        checks: &[Check::Close(|context, violations| {
            if let Some(code @ (1005 | 1006 | 1015)) = code(context) {
                violations.add(format!("code {code} ({})", CloseCode::of(code).name));
            }
        })],
    },
    Rule {
        id: "WS-C04",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "Close code below 1000",
        section: "RFC 6455 §7.4.2",
        explanation: "Codes 0 to 999 are not used. Receivers fail the connection with 1002, and \
            the application at the other end does not learn why it was closed.",
        remedy: "Use a code from 4000 to 4999 for your own purposes, for example 4429 for an \
            HTTP-like 429, or 1008 (policy violation) or 1013 (try again later).",
        example: Example::Server(b"\x88\x02\x01\xad"),
        explains: None,
        checks: &[Check::Close(|context, violations| {
            let Some(code) = code(context).filter(|code| *code < 1000) else { return };
            violations.add(match code {
                100..=599 => {
                    format!("code {code} looks like an HTTP status; the lowest Close code is 1000")
                }
                _ => format!("code {code}; the lowest is 1000"),
            });
        })],
    },
    Rule {
        id: "WS-C05",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "Close code 1004, or unassigned in 1016-2999",
        section: "RFC 6455 §7.4.1, §7.4.2",
        explanation: "Codes 1000 to 2999 belong to the protocol: only registered ones may be sent, \
            and 1004 is reserved without a meaning. Receivers fail the connection with 1002.",
        remedy: "Use a registered code, one from 3000 to 3999 that a library has registered, or \
            one from 4000 to 4999 for your own purposes.",
        example: Example::Server(b"\x88\x02\x07\xd0"),
        explains: None,
        checks: &[Check::Close(|context, violations| {
            if let Some(code @ (1004 | 1016..=2999)) = code(context) {
                let what = if code == 1004 { "reserved" } else { "not registered" };
                violations.add(format!("code {code} is {what}"));
            }
        })],
    },
    Rule {
        id: "WS-C06",
        severity: Severity::Warning,
        applies_to: AppliesTo::Both,
        title: "Close code of 5000 or above: in no defined range",
        section: "RFC 6455 §7.4.2",
        explanation: "The standard defines ranges up to 4999 and nothing above. Some receivers \
            accept such a code, others fail the connection with 1002.",
        remedy: "Use a code from 4000 to 4999 for your own purposes.",
        example: Example::Server(b"\x88\x02\x13\x88"),
        explains: None,
        checks: &[Check::Close(|context, violations| {
            if let Some(code @ 5000..) = code(context) {
                violations.add(format!("code {code}; the highest range ends at 4999"));
            }
        })],
    },
    Rule {
        id: "WS-C10",
        severity: Severity::Note,
        applies_to: AppliesTo::Both,
        title: "Close answered with a different code",
        section: "RFC 6455 §5.5.1",
        explanation: "A peer that answers a Close typically sends back the code that it received. \
            A different code is legal, but the two applications see different reasons for the \
            end.",
        remedy: "If the code matters to your application, let the side that closes first decide, \
            and look at its code.",
        example: Example::Text("server: Close 1000, client: Close 1001"),
        explains: None,
        checks: &[Check::Close(|context, violations| {
            let direction = context.subject.direction;
            let Some(answer) = code(context).filter(|code| !is_failure(*code)) else { return };
            let Some(first) =
                answered(context).filter(|_| context.sender(direction).close.is_none())
            else {
                return;
            };
            if answer != first {
                violations.add(format!("code {answer} answers code {first}"));
            }
        })],
    },
    Rule {
        id: "WS-C11",
        severity: Severity::Warning,
        applies_to: AppliesTo::Server,
        title: "code 1010 sent by a server",
        section: "RFC 6455 §7.4.1",
        explanation: "1010 means that a client ends the connection because the server did not \
            agree to an extension that it needs. A server does not need this code: it can refuse \
            the handshake.",
        remedy: "If an extension is required, refuse the request with an HTTP status, or close \
            with 1008.",
        example: Example::Server(b"\x88\x02\x03\xf2"),
        explains: None,
        checks: &[Check::Close(|context, violations| {
            let is_servers = context.subject.direction == Direction::ServerToClient;
            if is_servers && code(context) == Some(1010) && answered(context) != Some(1010) {
                violations.add("code 1010 (mandatory extension) is for clients");
            }
        })],
    },
    Rule {
        id: "WS-C17",
        severity: Severity::Note,
        applies_to: AppliesTo::Both,
        title: "connection closed by the peer with an error code",
        section: "RFC 6455 §7.4.1",
        explanation: "A peer closed the connection because of something that it could not accept: \
            1002 protocol error, 1003 unsupported data, 1007 invalid UTF-8, 1008 policy, 1009 \
            message too big, 1011 internal error, 1012 restart, 1013 overload, 1014 bad gateway.",
        remedy: "Look at the reason in the Close, at the message before it, and at the log of the \
            peer that sent it. `wslens explain CODE` explains the code.",
        example: Example::Server(b"\x88\x11\x03\xf1message too big"),
        explains: Some(Cause::dropped(670, "closed by the peer with an error code")),
        checks: &[Check::Close(|context, violations| {
            let MessageSeen { direction, message } = context.subject;
            let Some(code) = code(context).filter(|code| is_failure(*code)) else { return };
            // Who sends back the code that it got has failed nothing.
            if answered(context) == Some(code) || context.sender(direction).close.is_some() {
                return;
            }
            let reason = message.close.map(|close| String::from_utf8_lossy(close.reason));
            let reason = reason.filter(|reason| !reason.is_empty());
            let mut evidence = format!("code {code} ({})", CloseCode::of(code).name);
            if let Some(reason) = reason {
                write!(evidence, ", reason {reason:?}").ok();
            }
            let cause = context.receiver(direction).latest_violation.as_deref().copied();
            match cause {
                Some(PastViolation { rule, span }) => {
                    write!(evidence, "; before it, {} in {}", rule.id, packets_in_words(span)).ok();
                    violations.add(evidence).side(Side::sender(direction.reverse()));
                }
                None => {
                    violations.add(evidence).side(None);
                }
            }
        })],
    },
    Rule {
        id: "WS-C18",
        severity: Severity::Note,
        applies_to: AppliesTo::Both,
        title: "closed with an application code (3000-4999)",
        section: "RFC 6455 §7.4.2",
        explanation: "Codes 3000 to 3999 are registered by libraries and frameworks, 4000 to 4999 \
            are for private use. Only the application or library that sent it defines its \
            meaning.",
        remedy: "Look the code up in the documentation of the service or library.",
        example: Example::Server(b"\x88\x02\x0f\xa0"),
        explains: None,
        checks: &[Check::Close(|context, violations| {
            if let Some(code @ 3000..=4999) = code(context)
                && answered(context) != Some(code)
                && context.sender(context.subject.direction).close.is_none()
            {
                violations.add(format!("code {code} ({})", CloseCode::of(code).name)).side(None);
            }
        })],
    },
];

/// The code of a Close, where it has one.
fn code(context: &RuleContext<'_, MessageSeen<'_>>) -> Option<u16> {
    context.subject.message.close.and_then(|close| close.code)
}

/// The code of the Close that a Close answers.
fn answered(context: &RuleContext<'_, MessageSeen<'_>>) -> Option<u16> {
    let direction = context.subject.direction;
    let other = context.receiver(direction).close.as_deref()?;
    // What its sender had not received yet, it does not answer.
    let is_received = context.connection.has_received(direction.reverse(), other.span.end);
    other.code.filter(|_| is_received)
}

/// Whether a code says that something failed.
pub(super) fn is_failure(code: u16) -> bool {
    CloseCode::is_failure(code)
}
