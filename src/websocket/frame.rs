//! One frame header, literally as sent.

use nom::error::Error;
use nom::{IResult, Needed};

use crate::stream::Span;

/// A frame header exactly as sent; illegal combinations are representable on purpose.
///
/// RFC 6455 §5.2.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FrameHeader {
    /// FIN: this frame ends its message.
    pub fin: bool,
    /// RSV1 to RSV3 as the low three bits, RSV1 highest (4).
    pub rsv: u8,
    /// Opcode nibble, defined or not.
    pub opcode: u8,
    /// Masking key, if the MASK bit is set.
    pub mask: Option<[u8; 4]>,
    /// Declared payload length in bytes, the 64-bit form's top bit included.
    pub payload_length: u64,
    /// Bytes this header occupies on the wire, 2 to 14.
    pub header_length: u8,
}

impl FrameHeader {
    /// Whether RSV1 is set: with permessage-deflate, the message is compressed (RFC 7692 §6).
    pub fn rsv1(&self) -> bool {
        self.rsv & RSV1 != 0
    }

    /// Whether the opcode is one of a control frame, defined or reserved (8-F).
    pub fn is_control(&self) -> bool {
        self.opcode & 0x8 != 0
    }

    /// Whether a control frame is whole in one frame and not too long (RFC 6455 §5.5); a data frame may be
    /// anything.
    pub fn is_control_legal(&self) -> bool {
        !self.is_control() || (self.fin && self.payload_length <= MAX_CONTROL_PAYLOAD)
    }

    /// Width in bits of the length field that was used: 7, 16 or 64.
    pub fn length_bits(&self) -> u8 {
        match self.header_length.saturating_sub(if self.mask.is_some() { 4 } else { 0 }) {
            ..=3 => 7,
            4..=9 => 16,
            10.. => 64,
        }
    }

    /// Whether the length is in the shortest form that can hold it (RFC 6455 §5.2).
    pub fn is_length_minimal(&self) -> bool {
        match self.length_bits() {
            16 => self.payload_length > 125,
            64 => self.payload_length > 0xffff,
            _ => true,
        }
    }
}

/// RSV1 within [`FrameHeader::rsv`].
pub const RSV1: u8 = 0b100;

/// Payload bytes of a control frame at most (RFC 6455 §5.5).
pub const MAX_CONTROL_PAYLOAD: u64 = 125;

/// The longest possible header: 2 bytes, a 64-bit length, a masking key.
pub const MAX_HEADER_LENGTH: usize = 14;

/// Opcodes that RFC 6455 §5.2 defines.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Opcode {
    /// 0: continues the fragmented message that is open.
    Continuation,
    /// 1: UTF-8 text.
    Text,
    /// 2: arbitrary bytes.
    Binary,
    /// 8: the sender will send no more.
    Close,
    /// 9: are you there?
    Ping,
    /// A: answer to a Ping, or a heartbeat of its own.
    Pong,
}

impl Opcode {
    /// The defined opcode with this number; `None` for the reserved ones (3-7, B-F).
    pub fn from_wire(nibble: u8) -> Option<Self> {
        Some(match nibble {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    /// The name of an opcode on the wire, or its number if it is reserved: `text`, `opcode 0x3`.
    pub fn describe(nibble: u8) -> String {
        Self::from_wire(nibble)
            .map_or_else(|| format!("opcode {nibble:#x}"), |opcode| opcode.name().to_owned())
    }

    /// The name used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Continuation => "continuation",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
        }
    }
}

/// A frame as far as it was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame {
    /// Its header.
    pub header: FrameHeader,
    /// From the first header byte to the last payload byte seen so far.
    pub span: Span,
    /// Payload bytes seen so far; fewer than declared while it is unfinished or lost in gaps.
    pub received: u64,
    /// Payload bytes lost in gaps so far.
    pub missing: u64,
    /// Number of frames before it in its direction.
    pub index: u64,
}

impl Frame {
    /// Whether every payload byte was seen.
    pub fn is_complete(&self) -> bool {
        self.received == self.header.payload_length
    }

    /// Payload bytes that are still to come, neither seen nor lost.
    pub fn remaining(&self) -> u64 {
        let known = self.received.saturating_add(self.missing);
        self.header.payload_length.saturating_sub(known)
    }
}

/// Reads one frame header.
///
/// Every sequence of bytes is a header or the beginning of one, so the only failure is
/// [`nom::Err::Incomplete`]: a request for more input, never an error.
pub fn frame_header(input: &[u8]) -> IResult<&[u8], FrameHeader, Error<&[u8]>> {
    let (rest, [first, second]) = bytes(input)?;
    let (rest, payload_length) = match second & 0x7f {
        126 => bytes(rest).map(|(rest, length)| (rest, u64::from(u16::from_be_bytes(length))))?,
        127 => bytes(rest).map(|(rest, length)| (rest, u64::from_be_bytes(length)))?,
        length => (rest, u64::from(length)),
    };
    let (rest, mask) = if second & 0x80 != 0 {
        bytes(rest).map(|(rest, key)| (rest, Some(key)))?
    } else {
        (rest, None)
    };
    let header_length = u8::try_from(input.len().saturating_sub(rest.len())).unwrap_or(u8::MAX);
    let header = FrameHeader {
        fin: first & 0x80 != 0,
        rsv: first >> 4 & 7,
        opcode: first & 0xf,
        mask,
        payload_length,
        header_length,
    };
    Ok((rest, header))
}

/// A field of fixed length. This runs several times a frame: nom's own parsers of numbers take twice as
/// long, because they read byte by byte.
#[inline]
fn bytes<const LENGTH: usize>(input: &[u8]) -> IResult<&[u8], [u8; LENGTH], Error<&[u8]>> {
    match input.split_first_chunk() {
        Some((field, rest)) => Ok((rest, *field)),
        None => Err(nom::Err::Incomplete(Needed::Unknown)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct HeaderCase {
        name: &'static str,
        bytes: &'static [u8],
        header: FrameHeader,
        bits: u8,
        minimal: bool,
    }

    const PLAIN: FrameHeader = FrameHeader {
        fin: true,
        rsv: 0,
        opcode: 1,
        mask: None,
        payload_length: 5,
        header_length: 2,
    };

    #[rustfmt::skip]
    const CASES: &[HeaderCase] = &[
        // RFC 6455 §5.7
        HeaderCase { name: "unmasked text Hello", bytes: &[0x81, 0x05], header: PLAIN, bits: 7, minimal: true },
        HeaderCase { name: "masked text Hello", bytes: &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d],
               header: FrameHeader { mask: Some([0x37, 0xfa, 0x21, 0x3d]), header_length: 6, ..PLAIN }, bits: 7, minimal: true },
        HeaderCase { name: "first fragment", bytes: &[0x01, 0x03], header: FrameHeader { fin: false, payload_length: 3, ..PLAIN }, bits: 7, minimal: true },
        HeaderCase { name: "256 bytes binary", bytes: &[0x82, 0x7e, 0x01, 0x00],
               header: FrameHeader { opcode: 2, payload_length: 256, header_length: 4, ..PLAIN }, bits: 16, minimal: true },
        HeaderCase { name: "64 KiB binary", bytes: &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0],
               header: FrameHeader { opcode: 2, payload_length: 65_536, header_length: 10, ..PLAIN }, bits: 64, minimal: true },
        // Illegal, and still to be shown.
        HeaderCase { name: "5 bytes in 16 bits", bytes: &[0x81, 0x7e, 0x00, 0x05], header: FrameHeader { header_length: 4, ..PLAIN }, bits: 16, minimal: false },
        HeaderCase { name: "top bit of 64 set, masked, all RSV, opcode F", bytes: &[0xff, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
               header: FrameHeader { fin: true, rsv: 7, opcode: 15, mask: Some([1, 2, 3, 4]), payload_length: 1 << 63, header_length: 14 }, bits: 64, minimal: true },
    ];

    #[test]
    fn header_is_read_literally() {
        for case in CASES {
            let (rest, header) = frame_header(case.bytes).unwrap();
            assert!(rest.is_empty(), "{}", case.name);
            assert_eq!(header, case.header, "{}", case.name);
            assert_eq!(header.length_bits(), case.bits, "{}", case.name);
            assert_eq!(header.is_length_minimal(), case.minimal, "{}", case.name);
        }
    }

    #[test]
    fn every_shorter_prefix_asks_for_more() {
        for case in CASES {
            for end in 0..case.bytes.len() {
                let answer = frame_header(&case.bytes[..end]);
                assert!(matches!(answer, Err(nom::Err::Incomplete(_))), "{} at {end}", case.name);
            }
        }
    }

    #[test]
    fn reserved_opcodes_have_no_name() {
        let defined: Vec<_> = (0..16).filter(|n| Opcode::from_wire(*n).is_some()).collect();
        assert_eq!(defined, [0, 1, 2, 8, 9, 10]);
    }
}
