//! Rules about messages (WS-M).

use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::MessageSeen;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::engine::violation::Violations;
use crate::findings::rules::frame::has_ended;
use crate::findings::state::connection::{FragmentedMessage, OpenMessage, PeerState};
use crate::findings::words::counted;
use crate::stream::{Direction, Side};

/// WS-M, by number.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "WS-M01",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "text message is not valid UTF-8",
        section: "RFC 6455 §5.6, §8.1",
        explanation: "The payload of a text message must be UTF-8 as RFC 3629 defines it: no \
            overlong forms, no surrogates, nothing above U+10FFFF. A receiver must fail the \
            connection with 1007. Fragments may split a character: only the whole message \
            counts.",
        remedy: "Look for text in Latin-1 or UTF-16, for binary data sent as text (use opcode 2), \
            for strings truncated by bytes in the middle of a character, and for lone surrogates \
            from a language with UTF-16 strings.",
        example: Example::Server(b"\x81\x06caf\xe9 !"),
        explains: None,
        checks: &[Check::InvalidUtf8(|context, violations| {
            let byte = context.subject.byte;
            // WS-F03 or WS-F04 has spoken of it.
            if context.sender(context.subject.direction).is_obscure {
                return;
            }
            let frames = match context.sender(context.subject.direction).open {
                OpenMessage::Since(open) if open.frames > 1 => {
                    format!(" (of {} so far)", counted(open.frames, "fragment"))
                }
                OpenMessage::Since(_) | OpenMessage::No | OpenMessage::Unknown => String::new(),
            };
            violations.add(format!("invalid UTF-8 at byte {byte} of the message{frames}"));
        })],
    },
    Rule {
        id: "WS-M02",
        severity: Severity::Warning,
        applies_to: AppliesTo::Both,
        title: "message left unfinished at Close or at the end of the connection",
        section: "RFC 6455 §5.4",
        explanation: "A fragmented message was started, but the frame with FIN = 1 that ends it \
            was never sent. The receiver discards what it has received of it.",
        remedy: "Look for a sender that closes while a stream is still being written, or that \
            forgets the last, perhaps empty, frame with FIN = 1.",
        example: Example::Server(b"\x01\x03Hel\x88\x02\x03\xe8"),
        explains: Some(
            Cause::trouble(780, "message left unfinished").unless(&["WS-F15", "NET-07"]),
        ),
        checks: &[
            Check::Close(|context, violations| {
                let direction = context.subject.direction;
                let sender = context.sender(direction);
                if let Some(open) = abandoned(sender) {
                    add_unfinished(open, "its sender closed", direction, violations);
                }
            }),
            Check::End(|context, violations| {
                if !has_ended(context.connection.state) {
                    return;
                }
                for direction in Direction::BOTH {
                    let sender = context.sender(direction);
                    // WS-F15 is about a frame that is not whole.
                    if let Some(open) = abandoned(sender).filter(|_| sender.unfinished.is_none()) {
                        add_unfinished(open, "the connection ended", direction, violations);
                    }
                }
            }),
        ],
    },
    Rule {
        id: "WS-M03",
        severity: Severity::Note,
        applies_to: AppliesTo::Both,
        title: "payload does not parse as the negotiated subprotocol",
        section: "RFC 6455 §1.9",
        explanation: "Both peers agreed on a subprotocol in the handshake, but this message does \
            not follow it. WebSocket itself is not affected; the application at the other end \
            will probably fail.",
        remedy: "Look for debug output or plain text sent on the connection, for text sent as \
            binary or the reverse, and for a server that agrees to any subprotocol and speaks its \
            own.",
        example: Example::Text(
            "Sec-WebSocket-Protocol: graphql-transport-ws, and then a text message `hello`",
        ),
        explains: None,
        checks: &[Check::Content(|context, violations| {
            let MessageSeen { direction, message } = context.subject;
            let Some(misfit) = context.sender(direction).misfit else { return };
            let name = context.state.subprotocol.unwrap_or("the subprotocol");
            violations.add(format!(
                "{} of {} is not {name}: {} (byte {})",
                message.opcode.name(),
                counted(message.length, "byte"),
                misfit.reason.text(),
                misfit.offset
            ));
        })],
    },
];

/// The message that a side has begun and will not finish, where no other rule has spoken of it.
fn abandoned(side: &PeerState) -> Option<FragmentedMessage> {
    match side.open {
        OpenMessage::Since(open)
            if side.lost.is_none() && !side.interrupted && side.close.is_none() =>
        {
            Some(open)
        }
        OpenMessage::Since(_) | OpenMessage::No | OpenMessage::Unknown => None,
    }
}

fn add_unfinished(
    open: FragmentedMessage,
    when: &str,
    direction: Direction,
    violations: &mut Violations,
) {
    violations
        .add(format!(
            "{} in {}, unfinished when {when}",
            counted(open.length, "byte"),
            counted(open.frames, "fragment")
        ))
        .direction(direction)
        .side(Side::sender(direction))
        .span(open.span);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check, masked, plain};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "text in many scripts", near: &["WS-M01"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x81, "é€😀 \u{fffe}\u{fdd0} \u{10ffff}".as_bytes()));
        }},
        RuleCase { name: "binary that is no text", near: &["WS-M01"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x82, b"\xff\xfe"));
        }},
        RuleCase { name: "Latin-1", near: &[], fires: &["WS-M01 client"], play: |s| {
            s.upgraded().client(&masked(0x81, b"caf\xe9 au lait"));
        }},
        RuleCase { name: "a character cut by fragments", near: &["WS-M01"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x01, b"\xe2\x82")).server(&plain(0x80, b"\xac"));
        }},
        RuleCase { name: "impossible in the second fragment, reported before the last", near: &["WS-M02"], fires: &["WS-M01 server"], play: |s| {
            s.upgraded().server(&plain(0x01, b"\xe2\x82")).server(&plain(0x00, b"z"));
        }},
        RuleCase { name: "impossible byte of a frame that never ends", near: &["WS-F15"], fires: &["WS-M01 server"], play: |s| {
            s.upgraded().server(b"\x81\x10ab\xff");
        }},
        RuleCase { name: "compressed, and nobody agreed to it", near: &["WS-M01"], fires: &["WS-F03 client"], play: |s| {
            s.upgraded().client(&masked(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"));
        }},
        RuleCase { name: "not UTF-8 once inflated", near: &["PMD-10"], fires: &["WS-M01 server"], play: |s| {
            // A stored block (RFC 1951 §3.2.4) of two bytes.
            s.deflated("").server(&plain(0xc1, b"\x00\x02\x00\xfd\xff\xc3\x28\x00"));
        }},
        RuleCase { name: "closed within a message", near: &["WS-F12", "WS-C12"], fires: &["WS-M02 server"], play: |s| {
            s.upgraded().server(&plain(0x01, b"Hel")).server(&plain(0x00, b"lo")).close();
        }},
        RuleCase { name: "ended within a message, between frames", near: &["WS-F15"], fires: &["WS-M02 client", "WS-C12"], play: |s| {
            s.upgraded().client(&masked(0x02, b"Hel")).end(Side::Client);
        }},
        RuleCase { name: "the capture ends within a message", near: &["WS-M02"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x02, b"Hel"));
        }},
        RuleCase { name: "the last fragment is empty", near: &["WS-M02"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x02, b"Hel")).client(&masked(0x80, b"")).close();
        }},
        RuleCase { name: "no JSON where JSON was agreed", near: &[], fires: &["WS-M03 server"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: graphql-transport-ws\r\n", "Sec-WebSocket-Protocol: graphql-transport-ws\r\n");
            s.client(&masked(0x81, br#"{"type":"connection_init"}"#)).server(&plain(0x81, b"hello"));
        }},
        RuleCase { name: "any text where an unknown subprotocol was agreed", near: &["WS-M03"], fires: &[], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: chat\r\n", "Sec-WebSocket-Protocol: chat\r\n");
            s.client(&masked(0x81, b"hello"));
        }},
        RuleCase { name: "an MQTT packet in two messages", near: &["WS-M03"], fires: &[], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: mqtt\r\n", "Sec-WebSocket-Protocol: mqtt\r\n");
            s.client(&masked(0x82, b"\xc0")).client(&masked(0x82, b"\x00"));
        }},
    ];

    #[test]
    fn each_offence_is_found_once_and_nothing_else() {
        check(&[RULES], CASES);
    }
}
