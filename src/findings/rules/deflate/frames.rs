//! RSV1 where permessage-deflate does not put it.

use crate::findings::engine::context::{FrameSeen, RuleContext};
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::engine::violation::Bits;
use crate::findings::words::opcode_in_words;
use crate::websocket::Opcode;

/// PMD-08, PMD-09.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "PMD-08",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "RSV1 on a control frame",
        section: "RFC 7692 §6",
        explanation: "permessage-deflate compresses data messages only. Close, Ping and Pong are \
            never compressed, and must not have RSV1; a receiver must fail the connection.",
        remedy: "Set RSV1 only on the first frame of a compressed text or binary message. Look for \
            a sender that compresses every frame that it sends.",
        example: Example::Deflated(b"\xc9\x80\x37\xfa\x21\x3d"),
        explains: None,
        checks: &[Check::Header(|context, violations| {
            let header = &context.subject.frame.header;
            if is_rsv1_of_deflate(context) && header.is_control() {
                violations
                    .add(format!("{} with RSV1 = 1", opcode_in_words(header.opcode)))
                    .bits(Bits::RSV1);
            }
        })],
    },
    Rule {
        id: "PMD-09",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "RSV1 on a continuation frame",
        section: "RFC 7692 §6",
        explanation: "RSV1 on the first frame of a message marks the whole message as compressed. \
            Its continuation frames must not have RSV1; a receiver must fail the connection.",
        remedy: "Compress the message and then split it into frames, with RSV1 on the first one \
            only. Look for a sender that compresses each fragment by itself.",
        example: Example::Deflated(
            b"\x41\x83\x37\xfa\x21\x3d\xc5\xb2\xec\xc0\x84\x37\xfa\x21\x3d\xfe\x33\x26\x3d",
        ),
        explains: None,
        checks: &[Check::Header(|context, violations| {
            let FrameSeen { frame, .. } = context.subject;
            let opcode = Opcode::from_wire(frame.header.opcode);
            if is_rsv1_of_deflate(context) && opcode == Some(Opcode::Continuation) {
                violations.add("continuation with RSV1 = 1").bits(Bits::RSV1);
            }
        })],
    },
];

/// Whether RSV1 is set, and can only be permessage-deflate's.
fn is_rsv1_of_deflate(context: &RuleContext<'_, FrameSeen<'_>>) -> bool {
    context.subject.frame.header.rsv1()
        && context.state.handshake.deflate.is_some()
        && context.state.handshake.reserved_bits == Some(0b100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check, masked, plain};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "RFC 7692 §7.2.3.1: Hello in two frames", near: &["PMD-08", "PMD-09"], fires: &[], play: |s| {
            s.deflated("").server(&plain(0x41, b"\xf2\x48\xcd")).server(&plain(0x89, b"")).server(&plain(0x80, b"\xc9\xc9\x07\x00"));
        }},
        RuleCase { name: "Ping with RSV1", near: &["WS-F03"], fires: &["PMD-08 server"], play: |s| { s.deflated("").server(&plain(0xc9, b"")); } },
        RuleCase { name: "continuation with RSV1", near: &["WS-F03"], fires: &["PMD-09 client"], play: |s| {
            s.deflated("").client(&masked(0x41, b"\xf2\x48\xcd")).client(&masked(0xc0, b"\xc9\xc9\x07\x00"));
        }},
        RuleCase { name: "without permessage-deflate", near: &["PMD-08"], fires: &["WS-F03 server"], play: |s| { s.upgraded().server(&plain(0xc9, b"")); } },
        RuleCase { name: "with another extension, which may use RSV1", near: &["PMD-08", "PMD-09"], fires: &[], play: |s| {
            s.open().upgrade("Sec-WebSocket-Extensions: permessage-deflate, x-future\r\n", "Sec-WebSocket-Extensions: permessage-deflate, x-future\r\n");
            s.server(&plain(0xc9, b""));
        }},
    ];

    #[test]
    fn rsv1_stands_on_the_first_frame_only() {
        check(&[RULES], CASES);
    }
}
