//! The words: what a field's value means in its frame.

use super::{FieldKind, FrameField, HeaderFacts};
use crate::stream::Direction;
use crate::websocket::decoder::Compression;
use crate::websocket::frame::Opcode;

impl HeaderFacts {
    fn is_control(self) -> bool {
        self.opcode & 0x8 != 0
    }

    /// Reports what a field means that is complete.
    pub(super) fn explain(self, field: &mut FrameField) {
        let is_set = field.value != 0;
        match field.kind {
            FieldKind::Fin => self.fin(field),
            FieldKind::Rsv1 => self.rsv1(field),
            FieldKind::Rsv2 | FieldKind::Rsv3 => {
                field.words = if is_set { "set" } else { "not used" }.into();
                field.meaning = if is_set {
                    "Kept free for extensions, and none in use defines it: it must be 0, and the receiver \
                     must fail the connection."
                } else {
                    "Reserved for extensions; none in use defines it."
                }
                .into();
            }
            FieldKind::Opcode => self.opcode(field),
            FieldKind::Mask => self.mask(field),
            FieldKind::Length => self.length(field),
            FieldKind::ExtendedLength => extended_length(field),
            FieldKind::MaskingKey => {
                field.section = "RFC 6455 §5.3";
                let key = u32::try_from(field.value).unwrap_or(0).to_be_bytes();
                field.words = key.map(|byte| format!("{byte:02x}")).join(" ").into();
                field.meaning = match key {
                    [0, 0, 0, 0] => {
                        "Four bytes that the payload was XORed with, over and over. XOR with zero changes \
                         nothing, so this key hides nothing: a client ought to choose a new, unpredictable \
                         key for every frame."
                    }
                    _ => {
                        "Four bytes that the payload was XORed with, over and over: payload byte i with key \
                         byte i modulo 4. The client chooses a new, unpredictable key for every frame."
                    }
                }
                .into();
            }
        }
    }

    fn fin(self, field: &mut FrameField) {
        let (words, meaning) = match (self.fin, Opcode::from_wire(self.opcode)) {
            (true, Some(Opcode::Continuation)) => (
                "last frame of its message",
                "A message may be cut into several frames. This one continues a message (its opcode is 0), \
                 and ends it.",
            ),
            (false, Some(Opcode::Continuation)) => (
                "more frames follow",
                "A message may be cut into several frames. This one is in the middle: it continues a message \
                 (its opcode is 0), and does not end it.",
            ),
            (true, Some(Opcode::Text | Opcode::Binary)) => (
                "last frame of its message",
                "A message may be cut into several frames. This one begins a message (its opcode says what \
                 it is) and ends it, too: the whole message is in this frame.",
            ),
            (false, Some(Opcode::Text | Opcode::Binary)) => (
                "more frames follow",
                "A message may be cut into several frames. This one is the first: continuation frames follow, \
                 until one has FIN = 1.",
            ),
            (true, Some(Opcode::Close | Opcode::Ping | Opcode::Pong)) => {
                ("last frame of its message", "Close, Ping and Pong are never fragmented.")
            }
            (true, None) => ("last frame of its message", "This frame ends its message."),
            (false, _) if self.is_control() => (
                "more frames follow",
                "A control frame must not be fragmented: FIN must be 1 here.",
            ),
            (false, _) => ("more frames follow", "This frame does not end its message."),
        };
        field.words = words.into();
        field.meaning = meaning.into();
        field.section = "RFC 6455 §5.2, §5.4";
    }

    fn rsv1(self, field: &mut FrameField) {
        let is_set = field.value != 0;
        let starts_message =
            matches!(Opcode::from_wire(self.opcode), Some(Opcode::Text | Opcode::Binary));
        let (words, meaning) = match (is_set, self.context.compression) {
            (false, Compression::None) => (
                "not used",
                "Reserved for extensions: permessage-deflate marks compressed messages with it.",
            ),
            (false, Compression::Deflate(_) | Compression::Unknown) => (
                "not compressed",
                "permessage-deflate sets it on the first frame of a compressed message. Each message may be \
                 compressed or not, as its sender likes.",
            ),
            (true, Compression::None) if starts_message => (
                "set",
                "Kept free for extensions: without one it must be 0, and the receiver must fail the \
                 connection. With permessage-deflate it says that the message is compressed.",
            ),
            (true, Compression::None) => (
                "set",
                "Kept free for extensions: without one it must be 0, and the receiver must fail the \
                 connection.",
            ),
            (true, Compression::Deflate(_) | Compression::Unknown) if starts_message => (
                "compressed",
                "With permessage-deflate: the message that begins here is compressed with DEFLATE, all its \
                 frames together.",
            ),
            (true, Compression::Deflate(_) | Compression::Unknown) if self.is_control() => {
                ("set", "permessage-deflate does not compress control frames: it must be 0 here.")
            }
            (true, Compression::Deflate(_) | Compression::Unknown) => (
                "set",
                "permessage-deflate sets it on the first frame of a message only: it must be 0 here.",
            ),
        };
        field.words = words.into();
        field.meaning = meaning.into();
        field.section = match self.context.compression {
            Compression::None => "RFC 6455 §5.2",
            Compression::Deflate(_) | Compression::Unknown => "RFC 7692 §6",
        };
    }

    fn opcode(self, field: &mut FrameField) {
        let defined = Opcode::from_wire(self.opcode);
        field.words = match defined {
            Some(opcode) => opcode.name().into(),
            None if self.is_control() => "reserved for control frames".into(),
            None => "reserved for data frames".into(),
        };
        let (meaning, section) = match defined {
            Some(Opcode::Continuation) => (
                "The payload continues the open message. Its kind, text or binary, was said by its \
                 first frame.",
                "RFC 6455 §5.4",
            ),
            Some(Opcode::Text) => ("A text message: the payload is UTF-8.", "RFC 6455 §5.6"),
            Some(Opcode::Binary) => (
                "A binary message: the payload is bytes, and only the application knows what they mean.",
                "RFC 6455 §5.6",
            ),
            Some(Opcode::Close) => (
                "The sender will send nothing more. The payload may say why: two bytes with a code, then a \
                 reason in UTF-8. The other side answers with a Close of its own.",
                "RFC 6455 §5.5.1",
            ),
            Some(Opcode::Ping) => (
                "Are you there? The other side must answer soon, with a Pong that has the same payload.",
                "RFC 6455 §5.5.2",
            ),
            Some(Opcode::Pong) => (
                "The response to a Ping, with the same payload; or an unsolicited heartbeat.",
                "RFC 6455 §5.5.3",
            ),
            None if self.is_control() => (
                "Reserved for future control frames. A receiver of one must fail the connection.",
                "RFC 6455 §5.2",
            ),
            None => (
                "Reserved for future data frames. A receiver of one must fail the connection.",
                "RFC 6455 §5.2",
            ),
        };
        field.meaning = format!("{meaning} {OPCODES}").into();
        field.section = section;
    }

    fn mask(self, field: &mut FrameField) {
        field.section = "RFC 6455 §5.1, §5.3";
        field.words = if self.masked { "masked" } else { "not masked" }.into();
        let what = if self.masked {
            "A masking key follows, and the payload is XORed with it."
        } else {
            "There is no masking key: the payload is sent as it is."
        };
        let who = match (self.masked, self.context.direction) {
            (true, Some(Direction::ClientToServer)) => {
                "Every frame from a client is masked, so that its bytes cannot be chosen to fool a proxy on \
                 the way."
            }
            (false, Some(Direction::ClientToServer)) => {
                "This frame comes from the client, and a client must mask every frame: the server must close \
                 the connection."
            }
            (true, Some(Direction::ServerToClient)) => {
                "This frame comes from the server, and a server must not mask: the client must close the \
                 connection."
            }
            (false, Some(Direction::ServerToClient)) => "A server never masks its frames.",
            (true, None) => {
                "A client masks every frame, so that its bytes cannot be chosen to fool a proxy on the way; a \
                 server never does. So this frame ought to be from a client."
            }
            (false, None) => {
                "A client masks every frame, a server never does. So this frame should be from a server."
            }
        };
        field.meaning = format!("{what} {who}").into();
    }

    fn length(self, field: &mut FrameField) {
        let (words, meaning) = match self.short_length {
            126 => (
                "see the next 16 bits".into(),
                "7 bits hold a length of at most 125 bytes. 126 is not a length: it says that the length stands in \
                 the 16 bits that follow.",
            ),
            127 => (
                "see the next 64 bits".into(),
                "7 bits hold a length of at most 125 bytes. 127 is not a length: it means that the length is in \
                 the 64 bits that follow.",
            ),
            0 => (bytes(0), "There is no payload. That is legal for every kind of frame."),
            length => (
                bytes(u64::from(length)),
                "Up to 125 bytes the length is in these 7 bits. It counts the payload only, not the \
                 header.",
            ),
        };
        field.words = words.into();
        field.meaning = meaning.into();
        if self.is_control() && self.short_length > 125 {
            field
                .meaning
                .to_mut()
                .push_str(" A control frame must not be that long: 125 bytes is the maximum.");
            field.section = "RFC 6455 §5.2, §5.5";
        }
    }
}

/// The length in 16 or 64 bits, and whether it had to be there.
fn extended_length(field: &mut FrameField) {
    let length = field.value;
    field.words = bytes(length).into();
    field.meaning = match field.bits {
        16 if length <= 125 => {
            "The shortest form that holds the length must be used: up to 125 bytes fit into the 7 bits \
             before."
        }
        16 => "Most significant byte first. From 126 to 65,535 bytes the length is in these 16 bits.",
        _ if length >> 63 != 0 => {
            "The first of these 64 bits must be 0, but it is 1."
        }
        _ if length <= 125 => {
            "The shortest form that holds the length must be used: up to 125 bytes fit into the 7 bits \
             before."
        }
        _ if length <= 0xffff => {
            "The shortest form must be used: lengths up to 65,535 bytes fit into 16 bits."
        }
        _ => {
            "Most significant byte first. From 65,536 bytes on the length is in these 64 bits, of \
             which the first is always 0."
        }
    }
    .into();
}

/// Says of a field that not all of it is there.
pub(super) fn missing(field: &mut FrameField) {
    let bytes = (field.bits.saturating_sub(field.seen_bits)).div_ceil(8);
    field.words = if field.seen_bits == 0 { "missing".into() } else { "cut short".into() };
    field.meaning = match (field.kind, bytes) {
        (FieldKind::Mask | FieldKind::Length, _) => {
            "It is in the second byte of the header, which is missing.".into()
        }
        (_, 1) => "Its last byte is missing.".into(),
        (_, bytes) => format!("{bytes} of its {} bytes are missing.", field.bits / 8).into(),
    };
}

/// A length in words, with commas between groups of three digits.
fn bytes(length: u64) -> String {
    let digits = length.to_string();
    let mut grouped = String::new();
    for (place, digit) in (0..digits.len()).rev().zip(digits.chars()) {
        grouped.push(digit);
        if place > 0 && place.is_multiple_of(3) {
            grouped.push(',');
        }
    }
    grouped.push_str(if length == 1 { " byte" } else { " bytes" });
    grouped
}

/// All opcodes, beside the one at hand.
const OPCODES: &str = "Opcodes are 0 continuation, 1 text, 2 binary, 8 close, 9 ping, A pong; 3 to 7 and B to F are \
                       reserved.";
