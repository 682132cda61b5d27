//! Rules about frames (WS-F): the header is judged as soon as it is whole.

use crate::analysis::event::TcpState;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::{FrameSeen, MessageSeen, NotAFrame, RuleContext};
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::engine::violation::Bits;
use crate::findings::state::connection::{OpenMessage, UnfinishedFrame, UnfinishedPart};
use crate::findings::state::masking_keys::Pattern;
use crate::findings::words::{counted, opcode_in_words, packets_in_words};
use crate::stream::{Direction, Side};
use crate::websocket::frame::{MAX_CONTROL_PAYLOAD, Opcode};

/// WS-F, by number.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "WS-F01",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "client frame is not masked",
        section: "RFC 6455 §5.1, §5.3",
        explanation: "A client must mask every frame with a fresh key, so that nobody can make it \
            write bytes of their choice that a proxy on the path mistakes for HTTP. A server must \
            close the connection when a frame arrives unmasked.",
        remedy: "Look for a hand-written client, a server library used as a client, or a proxy \
            that rewrites frames. In the client, set the MASK bit and XOR the payload with four \
            random bytes.",
        example: Example::Client(b"\x81\x05Hello"),
        explains: None,
        checks: &[Check::Header(|context, violations| {
            let FrameSeen { direction, frame } = context.subject;
            if direction == Direction::ClientToServer && frame.header.mask.is_none() {
                violations
                    .add(format!("{} with MASK = 0", frame_in_words(context)))
                    .bits(Bits::MASK);
            }
        })],
    },
    Rule {
        id: "WS-F02",
        severity: Severity::Error,
        applies_to: AppliesTo::Server,
        title: "server frame is masked",
        section: "RFC 6455 §5.1",
        explanation: "A server must not mask what it sends. A client must close the connection \
            when a masked frame arrives.",
        remedy: "Look for a server that sends with a client's library or role, or for a relay \
            that forwards a client's frames unchanged. Send with MASK = 0 and without a key.",
        example: Example::Server(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        explains: None,
        checks: &[Check::Header(|context, violations| {
            let FrameSeen { direction, frame } = context.subject;
            if direction == Direction::ServerToClient && frame.header.mask.is_some() {
                violations
                    .add(format!("{} with MASK = 1", frame_in_words(context)))
                    .bits(Bits::MASK);
            }
        })],
    },
    Rule {
        id: "WS-F03",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "RSV1 set, but no extension that defines it was negotiated",
        section: "RFC 6455 §5.2",
        explanation: "A reserved bit must be 0 unless an extension that gives it a meaning was \
            accepted in the handshake. permessage-deflate marks compressed messages with RSV1; a \
            peer that did not agree to it must fail the connection.",
        remedy: "Compare Sec-WebSocket-Extensions of request and response: a sender may compress \
            only if the response accepts permessage-deflate. A proxy that drops this header on \
            one hop also causes this. If the bytes look random, sender and receiver are out of \
            step: look for an earlier finding.",
        example: Example::Client(b"\xc1\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        explains: None,
        checks: &[Check::Header(|context, violations| {
            if unclaimed(context) & 0b100 != 0 {
                violations
                    .add(format!(
                        "{} with RSV1 = 1; accepted extensions: {}",
                        frame_in_words(context),
                        accepted(context)
                    ))
                    .bits(Bits::RSV1);
            }
        })],
    },
    Rule {
        id: "WS-F04",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "RSV2 or RSV3 set, but no extension that defines it was negotiated",
        section: "RFC 6455 §5.2",
        explanation: "A reserved bit must be 0 unless an extension that gives it a meaning was \
            accepted in the handshake. No extension in use today defines RSV2 or RSV3. The \
            receiver must fail the connection.",
        remedy: "Most often the sender and the receiver are out of step: the length of an earlier \
            frame was wrong, or two threads wrote to the socket at the same time. Compare the \
            bytes before this frame with its header.",
        example: Example::Server(b"\xa1\x05Hello"),
        explains: None,
        checks: &[Check::Header(|context, violations| {
            let (name, bits) = match unclaimed(context) & 0b011 {
                0b010 => ("RSV2", Bits::RSV2),
                0b001 => ("RSV3", Bits::RSV3),
                0b011 => ("RSV2 and RSV3", Bits::RSV2_AND_3),
                _ => return,
            };
            violations
                .add(format!(
                    "{} with {name} = 1; accepted extensions: {}",
                    frame_in_words(context),
                    accepted(context)
                ))
                .bits(bits);
        })],
    },
    Rule {
        id: "WS-F05",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "reserved data opcode (3-7)",
        section: "RFC 6455 §5.2",
        explanation: "Opcodes 3 to 7 are reserved for future data frames. A receiver must fail \
            the connection.",
        remedy: "Use 1 for text and 2 for binary data. If the sender is a well-known library, \
            sender and receiver are out of step: check the length of the previous frame.",
        example: Example::Client(b"\x83\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        explains: None,
        checks: &[Check::Header(|context, violations| {
            let opcode = context.subject.frame.header.opcode;
            if (0x3..=0x7).contains(&opcode) {
                violations
                    .add(format!("opcode {opcode:#x}; defined are 0x0, 0x1 and 0x2"))
                    .bits(Bits::OPCODE);
            }
        })],
    },
    Rule {
        id: "WS-F06",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "reserved control opcode (B-F)",
        section: "RFC 6455 §5.2",
        explanation: "Opcodes B to F are reserved for future control frames. A receiver must fail \
            the connection.",
        remedy: "Use 8 for Close, 9 for Ping and A for Pong. If the sender is a well-known \
            library, sender and receiver are out of step: check the length of the previous \
            frame.",
        example: Example::Server(b"\x8b\x00"),
        explains: None,
        checks: &[Check::Header(|context, violations| {
            let opcode = context.subject.frame.header.opcode;
            if opcode >= 0xb {
                violations
                    .add(format!("opcode {opcode:#x}; defined are 0x8, 0x9 and 0xa"))
                    .bits(Bits::OPCODE);
            }
        })],
    },
    Rule {
        id: "WS-F07",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "length not in its shortest form",
        section: "RFC 6455 §5.2",
        explanation: "A length up to 125 must be written in 7 bits, one up to 65,535 in 16, and \
            only larger ones in 64. Strict receivers fail the connection, since two encodings of \
            one frame help attackers to bypass filters.",
        remedy: "Look at how the sender chooses between the three forms; common mistakes are `<` \
            instead of `<=` at 125 and 65,535, and always using the 64-bit form.",
        example: Example::Client(b"\x81\xfe\x00\x05\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        explains: None,
        checks: &[Check::Header(|context, violations| {
            let header = &context.subject.frame.header;
            if !header.is_length_minimal() {
                let shortest = if header.payload_length <= 125 { 7 } else { 16 };
                violations
                    .add(format!(
                        "length {} written in {} bits; {shortest} are enough",
                        header.payload_length,
                        header.length_bits()
                    ))
                    .bits(Bits::extended_length(header.length_bits()));
            }
        })],
    },
    Rule {
        id: "WS-F08",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "64-bit length with its most significant bit set",
        section: "RFC 6455 §5.2",
        explanation: "The most significant bit of a 64-bit length must be 0, so that it fits in a \
            signed number. Such a frame can never be completed; the receiver must fail the \
            connection.",
        remedy: "Look for a negative number, or a length in the wrong byte order (it is big \
            endian), in the sender. If the sender is a well-known library, sender and receiver are \
            out of step.",
        example: Example::Client(b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x04\x37\xfa\x21\x3d"),
        explains: None,
        checks: &[Check::Header(|context, violations| {
            let length = context.subject.frame.header.payload_length;
            if length > LARGEST_LENGTH {
                violations
                    .add(format!("length {length:#018x}; at most {LARGEST_LENGTH:#x}"))
                    .bits(Bits::extended_length(64));
            }
        })],
    },
    Rule {
        id: "WS-F09",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "control frame with more than 125 payload bytes",
        section: "RFC 6455 §5.5",
        explanation: "Close, Ping and Pong must have a payload of at most 125 bytes, so that they \
            can be handled between the frames of a large message. A receiver must fail the \
            connection.",
        remedy: "Shorten the payload. The reason of a Close may have up to 123 bytes of UTF-8: \
            truncate long error texts.",
        example: Example::Server(b"\x89\x7e\x00\x7e"),
        explains: None,
        checks: &[Check::Header(|context, violations| {
            let header = &context.subject.frame.header;
            let is_known = Opcode::from_wire(header.opcode).is_some();
            if header.is_control()
                && is_known
                && header.payload_length > MAX_CONTROL_PAYLOAD
                && header.payload_length <= LARGEST_LENGTH
            {
                violations
                    .add(format!(
                        "{} with {} payload bytes; at most {MAX_CONTROL_PAYLOAD}",
                        opcode_in_words(header.opcode),
                        header.payload_length
                    ))
                    .bits(Bits::LENGTH);
            }
        })],
    },
    Rule {
        id: "WS-F10",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "fragmented control frame",
        section: "RFC 6455 §5.4, §5.5",
        explanation: "Close, Ping and Pong must not be fragmented: FIN must be 1. A receiver must \
            fail the connection.",
        remedy: "Send control frames unfragmented, with FIN = 1; they are short enough. Look for \
            a sender that applies its fragmentation to every opcode.",
        example: Example::Client(b"\x09\x82\x37\xfa\x21\x3d\x47\x93"),
        explains: None,
        checks: &[Check::Header(|context, violations| {
            let header = &context.subject.frame.header;
            if header.is_control() && Opcode::from_wire(header.opcode).is_some() && !header.fin {
                violations
                    .add(format!("{} with FIN = 0", opcode_in_words(header.opcode)))
                    .bits(Bits::FIN);
            }
        })],
    },
    Rule {
        id: "WS-F11",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "continuation frame with no message open",
        section: "RFC 6455 §5.4",
        explanation: "A continuation frame continues a message that a text or binary frame with \
            FIN = 0 has started. Without such a message there is nothing to continue, and the \
            receiver must fail the connection.",
        remedy: "Look at the previous frame: it had FIN = 1 although the message was to continue, \
            or the first fragment was sent with opcode 0. Two threads that send at the same time \
            also mix up fragments.",
        example: Example::Client(b"\x80\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        explains: None,
        checks: &[Check::Fragment(|context, violations| {
            let FrameSeen { direction, frame } = context.subject;
            let sender = context.sender(direction);
            let header = &frame.header;
            if Opcode::from_wire(header.opcode) == Some(Opcode::Continuation)
                && sender.open == OpenMessage::No
                && sender.close.is_none()
            {
                let fin = u8::from(header.fin);
                violations
                    .add(format!(
                        "continuation (FIN = {fin}, {} bytes), and no message is open",
                        header.payload_length
                    ))
                    .bits(Bits::OPCODE);
            }
        })],
    },
    Rule {
        id: "WS-F12",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "new data frame while a fragmented message is open",
        section: "RFC 6455 §5.4",
        explanation: "The fragments of one message must not be interleaved with those of another: \
            until FIN = 1, only continuation and control frames may follow. The receiver must fail \
            the connection.",
        remedy: "Look for two tasks that write messages to one connection without a lock, or for a \
            later fragment sent with opcode 1 or 2 instead of 0.",
        example: Example::Client(b"\x01\x81\x37\xfa\x21\x3d\x7f\x81\x81\x37\xfa\x21\x3d\x7f"),
        explains: None,
        checks: &[Check::Fragment(|context, violations| {
            let FrameSeen { direction, frame } = context.subject;
            let sender = context.sender(direction);
            let begins = matches!(
                Opcode::from_wire(frame.header.opcode),
                Some(Opcode::Text | Opcode::Binary)
            );
            if let OpenMessage::Since(open) = sender.open
                && begins
                && sender.close.is_none()
            {
                violations
                    .add(format!(
                        "{} while the message of {} is unfinished ({} so far)",
                        frame_in_words(context),
                        packets_in_words(open.span),
                        counted(open.frames, "fragment")
                    ))
                    .bits(Bits::OPCODE);
            }
        })],
    },
    Rule {
        id: "WS-F13",
        severity: Severity::Warning,
        applies_to: AppliesTo::Client,
        title: "masking key reused: repeated, a counter, or all zero",
        section: "RFC 6455 §5.3, §10.3",
        explanation: "Each frame needs a fresh masking key from a strong source of randomness. If \
            the keys can be guessed, a web page can choose the bytes on the wire and poison the \
            caches of proxies on the path: the attack that masking prevents.",
        remedy: "Draw four bytes from the system's secure random source for every frame. A key of \
            zero is often used to avoid the XOR: do this only on trusted networks.",
        example: Example::Client(b"\x81\x82\x00\x00\x00\x00Hi\x81\x82\x00\x00\x00\x00Hi"),
        explains: None,
        checks: &[Check::Frame(|context, violations| {
            let FrameSeen { direction, frame } = context.subject;
            let Some(key) = frame.header.mask.filter(|_| direction == Direction::ClientToServer)
            else {
                return;
            };
            let Some(pattern) = context.sender(direction).masking_keys.pattern(key) else { return };
            let shown = u32::from_be_bytes(key);
            violations
                .add(match pattern {
                    Pattern::Zero => {
                        "masking key 00000000: the payload is sent in the clear".to_owned()
                    }
                    Pattern::Same => format!("masking key {shown:08x}, as in the previous frame"),
                    Pattern::Counter => {
                        format!("masking key {shown:08x}: the keys count up or down")
                    }
                })
                .bits(Bits { start: 16 + length_field(frame.header.length_bits()), count: 32 });
        })],
    },
    Rule {
        id: "WS-F14",
        severity: Severity::Warning,
        applies_to: AppliesTo::Both,
        title: "frame or message larger than the configured limit",
        section: "RFC 6455 §10.4",
        explanation: "A receiver needs a limit on the size of frames and of reassembled messages, \
            or a peer can exhaust its memory. Most libraries have one (1 MiB in Python websockets, \
            100 MiB in node ws) and close with 1009 above it.",
        remedy: "Raise the receiver's limit if the size is intended, or send large data in several \
            messages. Raise the limit of this rule with --max-message.",
        example: Example::Client(b"\x82\xff\x00\x00\x01\x00\x00\x00\x00\x00\x37\xfa\x21\x3d"),
        explains: None,
        checks: &[Check::Frame(|context, violations| {
            let FrameSeen { direction, frame } = context.subject;
            let limit = context.settings.message_bytes;
            let length = frame.header.payload_length;
            if length > LARGEST_LENGTH {
                return;
            }
            if length > limit {
                let bits = match frame.header.length_bits() {
                    7 => Bits::LENGTH,
                    wide => Bits::extended_length(wide),
                };
                violations.add(format!("frame of {length} bytes; the limit is {limit}")).bits(bits);
            } else if let OpenMessage::Since(open) = context.sender(direction).open
                && !frame.header.is_control()
            {
                let whole = open.length.saturating_add(length);
                if open.length <= limit && whole > limit {
                    violations.add(format!(
                        "message of {whole} bytes in {} so far, unfinished; the limit is {limit}",
                        counted(open.frames.saturating_add(1), "fragment")
                    ));
                }
            }
        })],
    },
    Rule {
        id: "WS-F15",
        severity: Severity::Warning,
        applies_to: AppliesTo::Both,
        title: "frame not finished when the connection ended",
        section: "RFC 6455 §5.2",
        explanation: "The header announced more payload bytes than were sent before the \
            connection ended. The receiver loses the whole message.",
        remedy: "Look for a sender that crashed or was killed while sending, that closed the \
            socket without waiting for its send buffer, or that announced a wrong length.",
        example: Example::Server(b"\x82\x7e\xc3\x50\x00\x01\x02"),
        explains: Some(Cause::dropped(660, "cut in the middle of a frame")),
        checks: &[Check::End(|context, violations| {
            if !has_ended(context.connection.state) {
                return;
            }
            for direction in Direction::BOTH {
                let Some(&UnfinishedFrame { span, what }) =
                    context.sender(direction).unfinished.as_deref()
                else {
                    continue;
                };
                if context.sender(direction).lost.is_some() {
                    continue;
                }
                violations
                    .add(match what {
                        UnfinishedPart::Header(bytes) => {
                            format!("only {} of a frame header", counted(bytes, "byte"))
                        }
                        UnfinishedPart::Payload(received, length) => {
                            format!("{received} of {length} payload bytes were sent")
                        }
                    })
                    .direction(direction)
                    .side(Side::sender(direction))
                    .span(span);
            }
        })],
    },
    Rule {
        id: "WS-F16",
        severity: Severity::Note,
        applies_to: AppliesTo::Both,
        title: "many tiny fragments: pointless fragmentation",
        section: "RFC 6455 §5.4",
        explanation: "Each fragment costs a header of 2 to 14 bytes, often a packet, and work at \
            the receiver. Fragments are meant for messages whose length is not known at their \
            start.",
        remedy: "Send the message in one frame, or buffer some kilobytes for each fragment. Look \
            for a writer that is flushed after each small write.",
        example: Example::Server(b"\x01\x01H\x00\x01e\x00\x01l\x00\x01l\x80\x01o"),
        explains: None,
        checks: &[Check::Fragmented(|context, violations| {
            let MessageSeen { message, .. } = context.subject;
            let (frames, length) = (message.frames, message.wire_length);
            if message.complete && frames >= MANY_FRAGMENTS && length < frames.saturating_mul(TINY)
            {
                violations.add(format!(
                    "{length} bytes in {frames} fragments; a mean below {TINY} is wasteful"
                ));
            }
        })],
    },
    Rule {
        id: "WS-F17",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "HTTP or other text where a frame header should start",
        section: "RFC 6455 §5.2",
        explanation: "After the 101 response both peers may send nothing but frames. Text does \
            not form valid frames; the receiver fails the connection.",
        remedy: "Read the text: it is often an error page, a log line or a debug print that was \
            written to the socket, or it comes from a server that sent 101 and then continued \
            with HTTP.",
        example: Example::Server(b"HTTP/1.1 500 Internal Server Error\r\n\r\n"),
        explains: None,
        checks: &[Check::NotAFrame(|context, violations| {
            let NotAFrame { bytes, .. } = context.subject;
            let text = bytes.get(..SHOWN_TEXT).unwrap_or(bytes);
            let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
            violations
                .add(format!("{:?} instead of a frame", String::from_utf8_lossy(line).trim_end()));
        })],
    },
];

/// The RSV bits of a frame that no accepted extension accounts for, and no other rule.
fn unclaimed(context: &RuleContext<'_, FrameSeen<'_>>) -> u8 {
    let header = &context.subject.frame.header;
    let Some(claimed) = context.state.handshake.reserved_bits else { return 0 };
    header.rsv & !claimed
}

/// The extensions that were accepted, for evidence.
fn accepted(context: &RuleContext<'_, FrameSeen<'_>>) -> &'static str {
    if context.state.handshake.deflate.is_some() { "permessage-deflate" } else { "none" }
}

/// A frame in a few words.
fn frame_in_words(context: &RuleContext<'_, FrameSeen<'_>>) -> String {
    let header = &context.subject.frame.header;
    format!(
        "{} frame of {}",
        opcode_in_words(header.opcode),
        counted(header.payload_length, "byte")
    )
}

/// Whether a connection has ended, and not only the capture.
pub(super) fn has_ended(state: TcpState) -> bool {
    match state {
        TcpState::HalfClosed(_) | TcpState::Closed(_) | TcpState::Reset(_) => true,
        TcpState::SynSent | TcpState::Refused | TcpState::Established => false,
    }
}

/// Bits of the length after the first two bytes.
fn length_field(length_bits: u8) -> u8 {
    if length_bits == 7 { 0 } else { length_bits }
}

/// The largest length (RFC 6455 §5.2): 63 bits.
const LARGEST_LENGTH: u64 = i64::MAX.cast_unsigned();

/// From so many fragments on their size matters.
const MANY_FRAGMENTS: u64 = 10;

/// Payload bytes under which, in the mean, fragments are tiny: header and payload are of a size.
const TINY: u64 = 16;

/// Bytes of text that evidence looks at.
const SHOWN_TEXT: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check, masked, masked_with, plain};
    use crate::stream::Direction::{ClientToServer, ServerToClient};

    /// A frame of a client with this key and no payload but what is declared.
    fn declared(first: u8, length: &[u8]) -> Vec<u8> {
        [&[first], length, &[0x37, 0xfa, 0x21, 0x3d]].concat()
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a healthy conversation", near: &["WS-F01", "WS-F02", "WS-F03", "WS-F05", "WS-F06", "WS-F13", "WS-F15"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x81, b"Hello")).server(&plain(0x81, b"Hello")).client(&masked(0x89, b"")).server(&plain(0x8a, b"")).close();
        }},
        RuleCase { name: "unmasked client frame", near: &[], fires: &["WS-F01 client"], play: |s| {
            s.upgraded().client(&plain(0x81, b"Hello"));
        }},
        RuleCase { name: "masked server frame", near: &[], fires: &["WS-F02 server"], play: |s| {
            s.upgraded().server(&masked(0x81, b"Hello"));
        }},
        RuleCase { name: "RSV1 without extension", near: &["WS-F04"], fires: &["WS-F03 client"], play: |s| {
            s.upgraded().client(&masked(0xc1, b"Hello"));
        }},
        RuleCase { name: "RSV1 with permessage-deflate", near: &["WS-F03"], fires: &[], play: |s| {
            s.deflated("").client(&masked(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"));
        }},
        RuleCase { name: "RSV1 with an unknown extension", near: &["WS-F03", "WS-F04"], fires: &[], play: |s| {
            s.open().upgrade("Sec-WebSocket-Extensions: x-future\r\n", "Sec-WebSocket-Extensions: x-future\r\n");
            s.client(&masked(0xf1, b"Hello"));
        }},
        RuleCase { name: "RSV2 with permessage-deflate", near: &["WS-F03"], fires: &["WS-F04 server"], play: |s| {
            s.deflated("").server(&plain(0xa1, b"Hello"));
        }},
        RuleCase { name: "RSV1 and RSV3 are two offences", near: &[], fires: &["WS-F03 server", "WS-F04 server"], play: |s| {
            s.upgraded().server(&plain(0xd1, b"Hello"));
        }},
        RuleCase { name: "reserved opcodes", near: &["WS-F09", "WS-F10", "WS-F11"], fires: &["WS-F05 client", "WS-F06 server", "WS-C16 server"], play: |s| {
            s.upgraded().client(&masked(0x83, b"Hello")).server(&plain(0x8b, b""));
        }},
        RuleCase { name: "length 5 in 16 bits", near: &["WS-F08"], fires: &["WS-F07 server"], play: |s| {
            s.upgraded().server(b"\x81\x7e\x00\x05Hello");
        }},
        RuleCase { name: "126 bytes in 16 bits", near: &["WS-F07"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x82, &[1; 126])).server(&plain(0x82, &[1; 65_536]));
        }},
        RuleCase { name: "length with its top bit set", near: &["WS-F14", "WS-F07"], fires: &["WS-F08 client", "WS-F15 client", "WS-C12"], play: |s| {
            s.upgraded().client(&declared(0x82, b"\xff\x80\0\0\0\0\0\0\x04")).end(Side::Client);
        }},
        RuleCase { name: "the largest length", near: &["WS-F08"], fires: &["WS-F14 client"], play: |s| {
            s.upgraded().client(&declared(0x82, b"\xff\x7f\xff\xff\xff\xff\xff\xff\xff"));
        }},
        RuleCase { name: "Ping of 126 bytes", near: &["WS-F07"], fires: &["WS-F09 server", "WS-C16 client"], play: |s| {
            s.upgraded().server(&plain(0x89, &[7; 126])).client(&masked(0x8a, &[7; 125]));
        }},
        RuleCase { name: "Ping of 125 bytes", near: &["WS-F09"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x89, &[7; 125])).client(&masked(0x8a, &[7; 125]));
        }},
        RuleCase { name: "Ping in two frames", near: &["WS-F12"], fires: &["WS-F10 client", "WS-F11 client"], play: |s| {
            s.upgraded().client(&masked(0x09, b"pi")).client(&masked(0x80, b"ng"));
        }},
        RuleCase { name: "control frames between fragments", near: &["WS-F10", "WS-F11", "WS-F12", "WS-F16"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x01, b"")).client(&masked(0x89, b"x")).server(&plain(0x8a, b"x"));
            s.client(&masked(0x00, b"")).client(&masked(0x80, b"z"));
        }},
        RuleCase { name: "continuation first", near: &["WS-F12"], fires: &["WS-F11 server"], play: |s| {
            s.upgraded().server(&plain(0x80, b"z"));
        }},
        RuleCase { name: "text within a message, which goes on", near: &["WS-F11"], fires: &["WS-F12 client", "WS-C16 server"], play: |s| {
            s.upgraded().client(&masked(0x01, b"a")).client(&masked(0x81, b"b")).client(&masked(0x80, b"c")).close();
        }},
        RuleCase { name: "key of zero, then the same twice", near: &[], fires: &["WS-F13 client", "WS-F13 client"], play: |s| {
            s.upgraded().client(&masked_with([0; 4], 0x81, b"a")).client(&masked_with(*b"abcd", 0x81, b"b"));
            s.client(&masked_with(*b"abcd", 0x81, b"c")).client(&masked_with(*b"abcd", 0x81, b"d"));
        }},
        RuleCase { name: "equal keys of two connections", near: &["WS-F13"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x81, b"a")).close().upgraded().client(&masked(0x81, b"a"));
        }},
        RuleCase { name: "a frame over the limit", near: &[], fires: &["WS-F14 server"], play: |s| {
            s.settings.message_bytes = 1_000;
            s.upgraded().server(&plain(0x82, &[1; 1_001]));
        }},
        RuleCase { name: "a message over the limit is reported once", near: &[], fires: &["WS-F14 server"], play: |s| {
            s.settings.message_bytes = 1_000;
            s.upgraded().server(&plain(0x02, &[1; 600])).server(&plain(0x00, &[1; 600])).server(&plain(0x80, &[1; 600]));
        }},
        RuleCase { name: "messages at the limit", near: &["WS-F14"], fires: &[], play: |s| {
            s.settings.message_bytes = 1_000;
            s.upgraded().server(&plain(0x82, &[1; 1_000])).server(&plain(0x02, &[1; 500])).server(&plain(0x80, &[1; 500]));
        }},
        RuleCase { name: "server ends within a frame", near: &["WS-M02"], fires: &["WS-F15 server", "WS-C12"], play: |s| {
            s.upgraded().server(b"\x82\x7e\xc3\x50abc").end(Side::Server);
        }},
        RuleCase { name: "server ends within a header", near: &["WS-M02"], fires: &["WS-F15 server", "WS-C12"], play: |s| {
            s.upgraded().server(b"\x82").end(Side::Server);
        }},
        RuleCase { name: "the capture ends within a frame", near: &["WS-F15"], fires: &[], play: |s| {
            s.upgraded().server(b"\x82\x7e\xc3\x50abc");
        }},
        RuleCase { name: "a gap within a frame", near: &["WS-F15", "WS-C12"], fires: &["CAP-01"], play: |s| {
            s.upgraded().server(b"\x82\x7e\x00\xff01234567").missing(ServerToClient, 247).server(&plain(0x81, b"x")).close();
        }},
        RuleCase { name: "text in 40 fragments of a byte", near: &[], fires: &["WS-F16 server"], play: |s| {
            s.upgraded().server(&plain(0x01, b"x"));
            for _ in 0..38 { s.server(&plain(0x00, b"x")); }
            s.server(&plain(0x80, b"x"));
        }},
        RuleCase { name: "large fragments, and few small ones", near: &["WS-F16"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x01, &[b'x'; 100]));
            for _ in 0..38 { s.server(&plain(0x00, &[b'x'; 100])); }
            s.server(&plain(0x80, b"x"));
        }},
        RuleCase { name: "HTTP after the upgrade", near: &["WS-F01", "WS-F04", "WS-F05"], fires: &["WS-F17 server"], play: |s| {
            s.upgraded().server(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
        }},
        RuleCase { name: "a text frame of text", near: &["WS-F17"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"HTTP/1.1 500 Internal Server Error\r\n"));
        }},
    ];

    #[test]
    fn each_offence_is_found_once_and_nothing_else() {
        check(&[RULES], CASES);
    }

    #[test]
    fn wrong_bits_are_shown_in_the_header() {
        let bits = |play: fn(&mut Scenario)| {
            let mut scenario = Scenario::new();
            play(&mut scenario);
            let judged = scenario.judge(&crate::findings::Reading::default());
            let finding = judged.list.first().unwrap();
            (finding.rule.id, finding.bits.map(|bits| (bits.start, bits.count)))
        };
        // RFC 6455 §5.2 numbers the bits of the header from FIN.
        let mask = bits(|s| {
            s.upgraded().client(&plain(0x81, b"x"));
        });
        assert_eq!(mask, ("WS-F01", Some((8, 1))));
        let length = bits(|s| {
            s.upgraded().server(b"\x81\x7e\x00\x05Hello");
        });
        assert_eq!(length, ("WS-F07", Some((16, 16))));
        let key = bits(|s| {
            s.upgraded().client(&masked_with([0; 4], 0x82, &[1; 200]));
        });
        assert_eq!(key, ("WS-F13", Some((32, 32))));
    }

    #[test]
    fn a_header_is_checked_even_if_its_frame_never_ends() {
        let mut scenario = Scenario::new();
        scenario.upgraded().unacknowledged(ClientToServer, b"\xf3\x05");
        assert_eq!(
            scenario.found(),
            ["WS-F01 client", "WS-F03 client", "WS-F04 client", "WS-F05 client"]
        );
    }

    #[test]
    fn repeated_findings_are_counted() {
        let mut scenario = Scenario::new();
        scenario.settings.each = 2;
        scenario.upgraded();
        for _ in 0..5 {
            scenario.client(&plain(0x81, b"x"));
        }
        let judged = scenario.judge(&crate::findings::Reading::default());
        assert_eq!(judged.list.len(), 2);
        assert_eq!(judged.folded, [("WS-F01", 1, 3)]);
    }
}
