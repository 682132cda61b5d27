//! Rules about messages (WS-M).

use crate::findings::facts::{Fragmented, Open, SideFacts};
use crate::findings::fault::{Faults, Side};
use crate::findings::frame::has_ended;
use crate::findings::rule::{Bound, Check, Example, Rule, Severity};
use crate::findings::scene::MessageSeen;
use crate::findings::words::counted;
use crate::stream::Direction;

/// WS-M, by number.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "WS-M01",
        severity: Severity::Error,
        bound: Bound::Both,
        title: "text message is not valid UTF-8",
        section: "RFC 6455 §5.6, §8.1",
        explanation: "The payload of a text message must be UTF-8 as RFC 3629 defines it: no \
            overlong forms, no surrogates, nothing above U+10FFFF. A receiver must fail the \
            connection, with 1007. Fragments may cut a character in two: only the whole message \
            counts.",
        remedy: "Look for text in Latin-1 or UTF-16, for binary data sent as text (use opcode 2), \
            for strings cut at a number of bytes in the middle of a character, and for lone \
            surrogates from a language with UTF-16 strings.",
        example: Example::Server(b"\x81\x06caf\xe9 !"),
        checks: &[Check::BadText(|scene, faults| {
            let byte = scene.subject.byte;
            let frames = match scene.sender(scene.subject.direction).open {
                Open::Since(open) if open.frames > 1 => {
                    format!(" (of {} so far)", counted(open.frames, "fragment"))
                }
                Open::Since(_) | Open::No | Open::Unknown => String::new(),
            };
            faults.add(format!("byte {byte} of the message{frames} cannot stand there in UTF-8"));
        })],
    },
    Rule {
        id: "WS-M02",
        severity: Severity::Warning,
        bound: Bound::Both,
        title: "message left unfinished at Close or at the end of the connection",
        section: "RFC 6455 §5.4",
        explanation: "A fragmented message was begun, and the frame with FIN = 1 that ends it was \
            never sent. The receiver throws away what it has got of it.",
        remedy: "Look for a sender that closes while a stream is still being written, or that \
            forgets the last, perhaps empty, frame with FIN = 1.",
        example: Example::Server(b"\x01\x03Hel\x88\x02\x03\xe8"),
        checks: &[
            Check::Close(|scene, faults| {
                let direction = scene.subject.direction;
                let sender = scene.sender(direction);
                if let Some(open) = abandoned(sender) {
                    add_unfinished(open, "its sender closed", direction, faults);
                }
            }),
            Check::End(|scene, faults| {
                if !has_ended(scene.connection.state) {
                    return;
                }
                for direction in Direction::BOTH {
                    let sender = scene.sender(direction);
                    // WS-F15 speaks of a frame that is not whole.
                    if let Some(open) = abandoned(sender).filter(|_| sender.unfinished.is_none()) {
                        add_unfinished(open, "the connection ended", direction, faults);
                    }
                }
            }),
        ],
    },
    Rule {
        id: "WS-M03",
        severity: Severity::Note,
        bound: Bound::Both,
        title: "message does not parse as the negotiated subprotocol",
        section: "RFC 6455 §1.9",
        explanation: "Both peers agreed on a subprotocol in the handshake, and this message is not \
            what that subprotocol's messages look like. WebSocket itself does not mind; the \
            application at the other end will.",
        remedy: "Look for debug output or plain words sent on the connection, for text sent as \
            binary or the reverse, and for a server that agrees to any subprotocol and speaks its \
            own.",
        example: Example::Text(
            "Sec-WebSocket-Protocol: graphql-transport-ws, and then a text message `hello`",
        ),
        checks: &[Check::Data(|scene, faults| {
            let MessageSeen { direction, message } = scene.subject;
            let Some(misfit) = scene.sender(direction).misfit else { return };
            let name = scene.facts.subprotocol.unwrap_or("the subprotocol");
            faults.add(format!(
                "{} of {} is no {name}: {} (byte {})",
                message.opcode.name(),
                counted(message.length, "byte"),
                misfit.reason.text(),
                misfit.offset
            ));
        })],
    },
];

/// The message that a side has begun and will not finish, where no other rule has spoken of it.
fn abandoned(side: &SideFacts) -> Option<Fragmented> {
    match side.open {
        Open::Since(open) if side.lost.is_none() && !side.interrupted && side.close.is_none() => {
            Some(open)
        }
        Open::Since(_) | Open::No | Open::Unknown => None,
    }
}

fn add_unfinished(open: Fragmented, when: &str, direction: Direction, faults: &mut Faults) {
    faults
        .add(format!(
            "{} in {} and no end when {when}",
            counted(open.length, "byte"),
            counted(open.frames, "fragment")
        ))
        .direction(direction)
        .side(Side::sender(direction))
        .span(open.span);
}
