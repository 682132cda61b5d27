//! WHY-12: text in another encoding than UTF-8.

use crate::findings::causes::legacy_encoding;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::words::packets_in_words;
use crate::stream::{Direction, Side};
use crate::websocket::Opcode;

/// WHY-12.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-12",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "text sent in another encoding than UTF-8",
    section: "RFC 6455 §5.6, §8.1",
    explanation: "A text message must be UTF-8. The bytes of this one are not, but they are plausible text \
        in another encoding: words of letters, with the bytes above 7f where that encoding has letters \
        of one script.",
    remedy: "Encode the text as UTF-8 before it is sent (Java: getBytes(StandardCharsets.UTF_8); C#: \
        Encoding.UTF8; Python: str.encode(); PHP: mb_convert_encoding), or send the bytes as a binary \
        message if the receiver expects that encoding.",
    example: Example::Text("server: a text with the bytes 47 72 fc df 65"),
    explains: Some(
        Cause::of_stream(1_122, "text in another encoding")
            .explaining(&["WS-M01", "WS-C17", "WS-C16", "WS-C12", "NET-07", "WS-C09"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        for direction in Direction::BOTH {
            let sender = Side::sender(direction);
            let is_wrong = |past: &&_| is_invalid_text(past, direction);
            let Some(past) = context.subject.past.iter().find(is_wrong) else { continue };
            let recent = &context.subject.state.sides.get(direction).recent;
            let message = recent.backwards().find(|message| {
                let is_inside = past.span.is_some_and(|span| {
                    message.span.start <= span.start && span.start < message.span.end
                });
                let is_invalid = std::str::from_utf8(&message.content).is_err();
                message.opcode == Opcode::Text && (is_inside || is_invalid)
            });
            let Some(message) = message else { continue };
            let Some((encoding, text)) = legacy_encoding::read(&message.content) else { continue };
            violations
                .add(format!(
                    "read as {encoding}, the text of {} is {text:?}",
                    packets_in_words(message.span)
                ))
                .direction(direction)
                .side(sender)
                .span(past.span.unwrap_or(message.span));
            return;
        }
    })],
}];

/// Whether a finding is about a text in a direction that is not UTF-8.
fn is_invalid_text(
    past: &crate::findings::state::past_findings::PastFinding,
    direction: Direction,
) -> bool {
    past.rule.id == "WS-M01" && past.direction == Some(direction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes, masked, plain};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "German words in Latin-1", near: &[], fires: &["WHY-12 server"], play: |s| {
            s.upgraded().server(&plain(0x81, b"Sch\xf6ne Gr\xfc\xdfe aus K\xf6ln")).client(&masked(0x88, b"\x03\xef"));
        }},
        RuleCase { name: "Russian words in Windows-1251", near: &[], fires: &["WHY-12 client"], play: |s| {
            s.upgraded().client(&masked(0x81, b"\xcf\xf0\xe8\xe2\xe5\xf2, \xea\xe0\xea \xe4\xe5\xeb\xe0 \xf1\xe5\xe3\xee\xe4\xed\xff")).server(&plain(0x88, b"\x03\xef"));
        }},
        RuleCase { name: "Russian words in KOI8-R", near: &[], fires: &["WHY-12 server"], play: |s| {
            s.upgraded().server(&plain(0x81, b"\xf0\xd2\xc9\xd7\xc5\xd4, \xcb\xc1\xcb \xc4\xc5\xcc\xc1 \xd3\xc5\xc7\xcf\xc4\xce\xd1")).client(&masked(0x88, b"\x03\xef"));
        }},
        RuleCase { name: "bytes that are not text at all", near: &["WHY-12"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"\x91\xf3\x80\xc7\x1f\x00\xd9\xee\xfa\x82\x93\x07")).client(&masked(0x88, b"\x03\xef"));
        }},
        RuleCase { name: "UTF-8", near: &["WHY-12"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, "Schöne Grüße".as_bytes())).close();
        }},
    ];

    #[test]
    fn text_in_other_encodings_is_named() {
        check_causes(&[RULES], CASES);
    }
}
