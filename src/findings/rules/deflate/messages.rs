//! Compressed messages: whether they inflate, and how.

use crate::findings::engine::context::MessageSeen;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::state::connection::Uninflated;
use crate::findings::words::{counted, packets_in_words};
use crate::stream::Direction;
use crate::websocket::message::Tail;
use crate::websocket::{Inflation, Message};

/// PMD-10 to PMD-15.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "PMD-10",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "payload does not inflate",
        section: "RFC 7692 §7.2.2",
        explanation: "A message with RSV1 must be raw DEFLATE (RFC 1951), over all of its frames, \
            once 00 00 ff ff is appended. Otherwise the receiver cannot read it and fails the \
            connection, usually with 1002 or 1007.",
        remedy: "Look for a sender that sets RSV1 on plain data, that writes zlib or gzip headers \
            (windowBits must be negative in zlib's interface), that continues a compressor that \
            the receiver has reset, or whose threads share one compressor.",
        example: Example::Deflated(b"\xc1\x81\x37\xfa\x21\x3d\x31"),
        explains: None,
        checks: &[Check::Compressed(|context, violations| {
            let message = context.subject.message;
            if let Some(CompressionProblem::Undecodable(what)) = fault(message) {
                let behind = if message.ending.after_final { ", after a final block" } else { "" };
                violations.add(format!("{what}{behind}"));
            }
        })],
    },
    Rule {
        id: "PMD-11",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "back-reference beyond the negotiated window",
        section: "RFC 7692 §7.1.2",
        explanation: "With client_max_window_bits or server_max_window_bits a peer agreed to \
            refer back no farther than its window. A receiver that keeps only that window cannot \
            inflate the message; one with a full window does not notice.",
        remedy: "Give the sender's compressor the window bits of the response (deflateInit2 in \
            zlib). Look for a library that writes the parameter and compresses with its default of \
            15.",
        example: Example::Text(
            "client_max_window_bits=9 was agreed: 512 bytes\n\
             client: a message that repeats what stood 600 bytes before",
        ),
        explains: None,
        checks: &[Check::Compressed(|context, violations| {
            if let Some(CompressionProblem::BeyondWindow { reach, window }) =
                fault(context.subject.message)
            {
                let window = counted(u64::from(window), "byte");
                violations.add(format!("reaches {reach} bytes back; the window has {window}"));
            }
        })],
    },
    Rule {
        id: "PMD-12",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "back-reference into an earlier message although no_context_takeover was agreed",
        section: "RFC 7692 §7.1.1",
        explanation: "With client_no_context_takeover or server_no_context_takeover a peer agreed \
            to begin each message with an empty window. The receiver has discarded the earlier \
            messages and cannot inflate this one.",
        remedy: "Reset the sender's compressor before each message (deflateReset in zlib, not only \
            a flush). Look for a compressor that is shared between connections.",
        example: Example::Text(
            "client_no_context_takeover was agreed\nclient: c1 .. f2 48 cd c9 c9 07 00 (Hello)\n\
             client: c1 .. f2 00 11 00 00 (Hello, by a reference to the first)",
        ),
        explains: None,
        checks: &[Check::Compressed(|context, violations| {
            let fault = fault(context.subject.message);
            if let Some(CompressionProblem::IntoEarlier { offset, distance, available }) = fault {
                let distance = counted(u64::from(distance), "byte");
                violations.add(format!(
                    "compressed byte {offset} refers {distance} back, but this message has \
                     only {available} before it"
                ));
            }
        })],
    },
    Rule {
        id: "PMD-13",
        severity: Severity::Warning,
        applies_to: AppliesTo::Both,
        title: "inflated size over the limit, or ratio over a threshold",
        section: "RFC 7692 §8",
        explanation: "A few bytes can inflate to a thousand times as many. A receiver without a \
            limit runs out of memory (a decompression bomb). It may also be harmless: a large \
            message with much repetition.",
        remedy: "Limit the size of messages after inflation, not only on the wire (`maxPayload` in \
            ws, `max_size` in Python's websockets). On the sender's side, look for empty or \
            repeated data.",
        example: Example::Text("client: 65,232 compressed bytes that inflate to 64 MiB of zeros"),
        explains: None,
        checks: &[Check::Compressed(|context, violations| {
            let message = context.subject.message;
            let (wire, length) = (message.wire_length, message.length);
            if message.inflation == Inflation::TooLarge {
                let limit = context.settings.limits.inflated_bytes;
                violations.add(format!(
                    "{wire} bytes inflate to more than {limit}, the limit of this analysis"
                ));
            } else if message.inflation == Inflation::Done
                && length >= BOMB_BYTES
                && length > wire.saturating_mul(BOMB_RATIO)
            {
                let ratio = length.checked_div(wire).unwrap_or(length);
                violations.add(format!(
                    "{wire} bytes inflate to {length}, {ratio} times as many; reported from \
                     {BOMB_RATIO} times and {BOMB_BYTES} bytes"
                ));
            }
        })],
    },
    Rule {
        id: "PMD-14",
        severity: Severity::Note,
        applies_to: AppliesTo::Both,
        title: "cannot inflate: the history is missing",
        section: "RFC 7692 §7.2.2",
        explanation: "Compressed messages may refer to earlier ones. If those were not captured, \
            messages cannot be shown until one arrives that does not refer to missing data. \
            Neither peer did anything wrong.",
        remedy: "Begin the capture before the connection, and look at the findings about missing \
            bytes (CAP-01, CAP-02). With no_context_takeover, each message can be inflated on its \
            own.",
        example: Example::Text(
            "the capture begins after the first message; the second one repeats parts of it",
        ),
        explains: None,
        checks: &[
            Check::Compressed(|context, violations| {
                let MessageSeen { direction, message } = context.subject;
                let Some(lost) = &context.sender(direction).uninflated else { return };
                if message.inflation == Inflation::Done {
                    let place = packets_in_words(message.span);
                    violations
                        .add(format!("{}; inflated again from {place}", lost_in_words(lost)))
                        .span(lost.span)
                        .side(None);
                }
            }),
            Check::End(|context, violations| {
                for direction in Direction::BOTH {
                    if let Some(lost) = &context.sender(direction).uninflated {
                        violations
                            .add(format!(
                                "{}, and no later message could be inflated",
                                lost_in_words(lost)
                            ))
                            .direction(direction)
                            .span(lost.span)
                            .side(None);
                    }
                }
            }),
        ],
    },
    Rule {
        id: "PMD-15",
        severity: Severity::Note,
        applies_to: AppliesTo::Both,
        title: "compressed message larger than its content, with its tail, or after a final block",
        section: "RFC 7692 §7.2.1",
        explanation: "The sender must remove 00 00 ff ff from the end of what it has compressed. \
            Receivers can read a message that keeps it, and one that compression made larger; but \
            receivers that leave inflation to zlib stop after a block with BFINAL = 1 and lose \
            the rest.",
        remedy: "Flush with Z_SYNC_FLUSH and remove the last four bytes. Do not compress short \
            messages or data that is already compressed: images, video, archives.",
        example: Example::Deflated(
            b"\xc1\x8b\x37\xfa\x21\x3d\xc5\xb2\xec\xf4\xfe\xfd\x21\x3d\x37\x05\xde",
        ),
        explains: None,
        checks: &[Check::Compressed(|context, violations| {
            let message = context.subject.message;
            if message.inflation != Inflation::Done || fault(message).is_some() {
                return;
            }
            let (wire, length) = (message.wire_length, message.length);
            let mut odd = Vec::new();
            if length > 0 && wire > length.saturating_add(BLOCK_COST) {
                odd.push(format!("{wire} compressed bytes for {length} bytes of content"));
            }
            if message.ending.tail == Tail::Kept {
                odd.push("00 00 ff ff at the end was not removed".to_owned());
            }
            if message.ending.after_final {
                odd.push("more data after a block with BFINAL = 1".to_owned());
            }
            if !odd.is_empty() {
                violations.add(odd.join("; "));
            }
        })],
    },
];

/// What is wrong with a compressed message: the most exact that can be said.
enum CompressionProblem {
    /// It refers to an earlier message.
    IntoEarlier { offset: u64, distance: u32, available: u32 },
    /// It refers farther back than the window, in bytes, that its sender agreed to.
    BeyondWindow { reach: u32, window: u32 },
    /// It is not DEFLATE, for this reason.
    Undecodable(String),
}

fn fault(message: &Message<'_>) -> Option<CompressionProblem> {
    let window = message.window_bits.and_then(|bits| 1_u32.checked_shl(u32::from(bits)));
    let beyond = window
        .filter(|window| message.reach > *window)
        .map(|window| CompressionProblem::BeyondWindow { reach: message.reach, window });
    match message.inflation {
        Inflation::Forgotten { offset, distance, available } => {
            Some(CompressionProblem::IntoEarlier { offset, distance, available })
        }
        Inflation::Invalid { offset, fault } => beyond.or_else(|| {
            Some(CompressionProblem::Undecodable(format!(
                "{}, at compressed byte {offset}",
                fault.text()
            )))
        }),
        // A compressed message of no bytes means an empty one, though it should be one byte 00.
        Inflation::Done if message.ending.tail == Tail::Torn && message.wire_length > 0 => beyond
            .or_else(|| Some(CompressionProblem::Undecodable("it ends inside a block".to_owned()))),
        Inflation::None
        | Inflation::Done
        | Inflation::Unfinished
        | Inflation::HistoryMissing
        | Inflation::HistoryEvicted
        | Inflation::TooLarge => beyond,
    }
}

fn lost_in_words(lost: &Uninflated) -> String {
    format!("{} could not be inflated", counted(lost.messages, "message"))
}

/// Inflated bytes under which no ratio does harm.
const BOMB_BYTES: u64 = 4 << 20;

/// How much text and tables shrink at most, as a rule; the most that DEFLATE can do is 1,032.
const BOMB_RATIO: u64 = 200;

/// Bytes that compression costs where it gains nothing: a block of its own and a flush (the examples
/// of RFC 7692 §7.2.3 need 2 to 8). Short messages cannot do with less.
const BLOCK_COST: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check, masked, plain};
    use crate::stream::Direction::ServerToClient;

    /// RFC 7692 §7.2.3.1 and §7.2.3.2.
    const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    const HELLO_AGAIN: &[u8] = b"\xf2\x00\x11\x00\x00";

    /// A block of 300 bytes, and a reference to its beginning.
    fn far() -> Vec<u8> {
        let mut bytes = b"\x00\x2c\x01\xd3\xfe".to_vec();
        bytes.extend([b'x'; 300]);
        bytes.extend(b"\x02\x86\x15\x00");
        bytes
    }

    /// 1,032 bytes of `a` for each zero byte, and little more: zlib inflates 4,064 to 4,194,823 bytes.
    fn bomb(zeros: usize) -> Vec<u8> {
        let mut bytes = b"\xec\xc0\x81\x00\x00\x00\x00\x80\x20\xd6\xfd\x25\x16\xa9".to_vec();
        bytes.extend(vec![0; zeros]);
        bytes.extend(b"\x80\x01");
        bytes
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "the examples of RFC 7692 §7.2.3", near: &["PMD-10", "PMD-12", "PMD-15"], fires: &[], play: |s| {
            s.deflated("").server(&plain(0xc1, HELLO)).server(&plain(0xc1, HELLO_AGAIN));
            // No compression; a block with BFINAL = 1; two blocks; an empty message.
            s.server(&plain(0xc1, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00")).server(&plain(0xc1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"));
            s.server(&plain(0xc1, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")).server(&plain(0xc1, b"\x00"));
        }},
        RuleCase { name: "plain messages between compressed ones", near: &["PMD-10", "PMD-12"], fires: &[], play: |s| {
            s.deflated("").server(&plain(0xc1, HELLO)).server(&plain(0x81, b"plain")).server(&plain(0xc1, HELLO_AGAIN));
        }},
        RuleCase { name: "a message of no bytes", near: &["PMD-10", "PMD-15"], fires: &[], play: |s| { s.deflated("").server(&plain(0xc1, b"")); } },
        RuleCase { name: "block type 3", near: &["PMD-15"], fires: &["PMD-10 client"], play: |s| { s.deflated("").client(&masked(0xc1, b"\x06")); } },
        RuleCase { name: "plain content marked as compressed", near: &["PMD-15"], fires: &["PMD-10 server"], play: |s| { s.deflated("").server(&plain(0xc2, b"{\"type\":\"hello\"}")); } },
        RuleCase { name: "ends within a block", near: &["PMD-15"], fires: &["PMD-10 server"], play: |s| { s.deflated("").server(&plain(0xc1, b"\xf2\x48\xcd")); } },
        RuleCase { name: "farther back than the window", near: &["PMD-10", "PMD-12"], fires: &["PMD-11 server"], play: |s| { s.deflated("; server_max_window_bits=8").server(&plain(0xc1, &far())); } },
        RuleCase { name: "as far back in a larger window", near: &["PMD-11"], fires: &[], play: |s| { s.deflated("; server_max_window_bits=9").server(&plain(0xc1, &far())); } },
        RuleCase { name: "the window of the other side", near: &["PMD-11"], fires: &[], play: |s| { s.deflated("; client_max_window_bits=8").server(&plain(0xc1, &far())); } },
        RuleCase { name: "refers to an earlier message against its word", near: &["PMD-10", "PMD-11", "PMD-14"], fires: &["PMD-12 server"], play: |s| {
            s.deflated("; server_no_context_takeover").server(&plain(0xc1, HELLO)).server(&plain(0xc1, HELLO_AGAIN));
        }},
        RuleCase { name: "each side's own word counts", near: &["PMD-12"], fires: &[], play: |s| {
            s.deflated("; client_no_context_takeover").server(&plain(0xc1, HELLO)).server(&plain(0xc1, HELLO_AGAIN));
        }},
        RuleCase { name: "over the limit", near: &["PMD-10"], fires: &["PMD-13 client"], play: |s| {
            s.options.limits.inflated_bytes = 1_000;
            s.deflated("").client(&masked(0xc1, &bomb(10)));
        }},
        RuleCase { name: "four megabytes of one letter", near: &["PMD-10"], fires: &["PMD-13 client"], play: |s| { s.deflated("").client(&masked(0xc1, &bomb(4_064))); } },
        RuleCase { name: "somewhat less", near: &["PMD-13"], fires: &[], play: |s| { s.deflated("").client(&masked(0xc1, &bomb(4_063))); } },
        RuleCase { name: "what it refers to was not captured, and then it refers to nothing", near: &["PMD-10", "PMD-12"], fires: &["CAP-01", "CAP-04", "PMD-14"], play: |s| {
            s.deflated("").server(&plain(0x81, b"x")).missing(ServerToClient, 9);
            s.server(&plain(0xc1, HELLO_AGAIN)).server(&plain(0xc1, HELLO_AGAIN)).server(&plain(0xc1, HELLO));
        }},
        RuleCase { name: "nothing refers to what was not captured", near: &["PMD-14"], fires: &["CAP-01", "CAP-04"], play: |s| {
            s.deflated("").server(&plain(0x81, b"x")).missing(ServerToClient, 9);
            s.server(&plain(0xc1, HELLO)).server(&plain(0xc1, HELLO_AGAIN));
        }},
        RuleCase { name: "tail not removed", near: &["PMD-10"], fires: &["PMD-15 server"], play: |s| { s.deflated("").server(&plain(0xc1, &[HELLO, b"\x00\x00\xff\xff"].concat())); } },
        RuleCase { name: "content after a final block", near: &["PMD-10"], fires: &["PMD-15 server"], play: |s| {
            s.deflated("").server(&plain(0xc1, &[b"\xf3\x48\xcd\xc9\xc9\x07\x00", HELLO].concat()));
        }},
        RuleCase { name: "an empty block after a final block", near: &["PMD-10"], fires: &["PMD-15 server"], play: |s| {
            s.deflated("").server(&plain(0xc1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00\x00\x00\xff\xff\x00"));
        }},
        RuleCase { name: "larger than its content", near: &["PMD-10"], fires: &["PMD-15 server"], play: |s| {
            let letters = b"abc".map(|letter| [0, 1, 0, 0xfe, 0xff, letter]).concat();
            s.deflated("").server(&plain(0xc1, &[&letters[..], b"\x00"].concat()));
        }},
    ];

    #[test]
    fn messages_are_checked_by_how_they_inflate() {
        check(&[RULES], CASES);
    }

    #[test]
    fn evidence_says_where_and_how_far() {
        let evidence = |id: &str, play: fn(&mut Scenario)| {
            let mut scenario = Scenario::new();
            play(&mut scenario);
            let judged = scenario.judge(&crate::findings::Reading::default());
            let finding = judged.list.iter().find(|finding| finding.rule.id == id);
            finding.map(|finding| finding.evidence.clone()).unwrap()
        };
        let invalid = evidence("PMD-10", |s| {
            s.deflated("").client(&masked(0xc1, b"\x06"));
        });
        assert_eq!(invalid, "block type 3 does not exist, at compressed byte 0");
        let beyond = evidence("PMD-11", |s| {
            s.deflated("; server_max_window_bits=8").server(&plain(0xc1, &far()));
        });
        assert_eq!(beyond, "reaches 300 bytes back; the window has 256 bytes");
        let earlier = evidence("PMD-12", |s| {
            s.deflated("; server_no_context_takeover").server(&plain(0xc1, HELLO));
            s.server(&plain(0xc1, HELLO_AGAIN));
        });
        let expected =
            "compressed byte 1 refers 5 bytes back, but this message has only 1 before it";
        assert_eq!(earlier, expected);
        let lost = evidence("PMD-14", |s| {
            s.deflated("").missing(ServerToClient, 9).server(&plain(0xc1, HELLO_AGAIN));
        });
        assert_eq!(lost, "1 message could not be inflated, and no later message could be inflated");
        let kept = evidence("PMD-15", |s| {
            let hello = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00\x00\x00\xff\xff";
            s.deflated("").server(&plain(0xc1, hello));
        });
        assert_eq!(kept, "00 00 ff ff at the end was not removed");
    }
}
