//! The meaning of each field of a frame header, for people who read it bit by bit.

pub mod dissection;
pub mod drawing;
mod meaning;

use std::borrow::Cow;

use crate::stream::Direction;
use crate::websocket::decoder::Compression;
use crate::websocket::frame::FrameHeader;

/// One field of a frame header (RFC 6455 §5.2), with its value and what it means there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FrameField {
    /// Which one.
    pub kind: FieldKind,
    /// Number of bits of the header before it.
    pub start_bit: u16,
    /// Its width in bits: 1 to 64.
    pub bits: u16,
    /// How many of its bits are there; fewer than `bits` in a header that is cut short.
    pub seen_bits: u16,
    /// Its value, most significant bit first; if it is cut short, that of the bits present.
    pub value: u64,
    /// The value in a few words: `text`.
    pub words: Cow<'static, str>,
    /// What it means in this frame, in one or a few sentences.
    pub meaning: Cow<'static, str>,
    /// The section of the standard: `RFC 6455 §5.2`.
    pub section: &'static str,
}

/// The fields of a frame header.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FieldKind {
    /// Whether this frame ends its message.
    Fin,
    /// The first bit for extensions; permessage-deflate uses it.
    Rsv1,
    /// The second bit for extensions.
    Rsv2,
    /// The third bit for extensions.
    Rsv3,
    /// What the payload is.
    Opcode,
    /// Whether there is a masking key.
    Mask,
    /// The length, or which extended length follows.
    Length,
    /// The length in 16 or 64 bits.
    ExtendedLength,
    /// Four bytes that hide the payload: it was combined with them by XOR.
    MaskingKey,
}

/// What must be known beside a header to say what its fields mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FrameContext {
    /// Which way the frame goes, where that is known.
    pub direction: Option<Direction>,
    /// Whether permessage-deflate was negotiated.
    pub compression: Compression,
}

impl FrameField {
    /// Whether all of it is there.
    pub fn is_whole(&self) -> bool {
        self.seen_bits == self.bits
    }

    /// Its bits in wire order; `None` for those that are missing.
    pub fn bit(&self, place: u16) -> Option<u8> {
        let behind = self.seen_bits.checked_sub(place.checked_add(1)?)?;
        u8::try_from(self.value.checked_shr(u32::from(behind))? & 1).ok()
    }
}

impl FieldKind {
    /// Its name in the standard.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fin => "FIN",
            Self::Rsv1 => "RSV1",
            Self::Rsv2 => "RSV2",
            Self::Rsv3 => "RSV3",
            Self::Opcode => "opcode",
            Self::Mask => "MASK",
            Self::Length => "payload length",
            Self::ExtendedLength => "extended payload length",
            Self::MaskingKey => "masking key",
        }
    }
}

/// Reports the fields that `header` begins with, in wire order.
///
/// `header` are the bytes as sent; those after the header do not matter. Of a header that is cut
/// short all fields are given that it must have, with as many bits as are there: with one byte, that
/// is the first two bytes' fields; with none, nothing.
pub fn anatomy(header: &[u8], context: FrameContext) -> Vec<FrameField> {
    let Some(first) = header.first() else { return Vec::new() };
    let mut fields = Vec::new();
    let facts = HeaderFacts::read(*first, header, context);
    let mut start_bit = 0;
    for (kind, bits) in facts.layout().into_iter().flatten() {
        let (value, seen_bits) = bits_at(header, start_bit, bits);
        let mut field = FrameField {
            kind,
            start_bit,
            bits,
            seen_bits,
            value,
            words: Cow::Borrowed(""),
            meaning: Cow::Borrowed(""),
            section: "RFC 6455 §5.2",
        };
        if field.is_whole() {
            facts.explain(&mut field);
        } else {
            meaning::missing(&mut field);
        }
        fields.push(field);
        start_bit = start_bit.saturating_add(bits);
    }
    fields
}

/// The bytes of a header that was read, as they were sent.
pub fn wire(header: &FrameHeader) -> Vec<u8> {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    let (short, extended) = match header.length_bits() {
        16 => (126, header.payload_length.to_be_bytes().get(6..).map(<[u8]>::to_vec)),
        64 => (127, Some(header.payload_length.to_be_bytes().to_vec())),
        _ => (u8::try_from(header.payload_length & 0x7f).unwrap_or(0), None),
    };
    let first = flag(header.fin, 0x80) | (header.rsv & 7) << 4 | header.opcode & 0xf;
    let mut bytes = vec![first, flag(header.mask.is_some(), 0x80) | short];
    bytes.extend(extended.unwrap_or_default());
    bytes.extend(header.mask.iter().flatten());
    bytes
}

/// The value of `count` bits that begin `start` bits into `bytes`, and how many of them are there.
fn bits_at(bytes: &[u8], start: u16, count: u16) -> (u64, u16) {
    let mut value = 0;
    let mut seen: u16 = 0;
    for place in (start..).take(usize::from(count)) {
        let Some(byte) = bytes.get(usize::from(place / 8)) else { break };
        value = value << 1 | u64::from(byte >> (7 - place % 8) & 1);
        seen = seen.saturating_add(1);
    }
    (value, seen)
}

/// What the first two bytes say, and what follows from it for the other fields.
#[derive(Clone, Copy)]
struct HeaderFacts {
    fin: bool,
    opcode: u8,
    masked: bool,
    short_length: u8,
    context: FrameContext,
}

impl HeaderFacts {
    fn read(first: u8, header: &[u8], context: FrameContext) -> Self {
        let second = header.get(1).copied().unwrap_or(0);
        Self {
            fin: first & 0x80 != 0,
            opcode: first & 0xf,
            masked: second & 0x80 != 0,
            short_length: second & 0x7f,
            context,
        }
    }

    /// The fields that this header has, and their widths in bits.
    fn layout(self) -> [Option<(FieldKind, u16)>; 9] {
        [
            Some((FieldKind::Fin, 1)),
            Some((FieldKind::Rsv1, 1)),
            Some((FieldKind::Rsv2, 1)),
            Some((FieldKind::Rsv3, 1)),
            Some((FieldKind::Opcode, 4)),
            Some((FieldKind::Mask, 1)),
            Some((FieldKind::Length, 7)),
            match self.short_length {
                126 => Some((FieldKind::ExtendedLength, 16)),
                127 => Some((FieldKind::ExtendedLength, 64)),
                _ => None,
            },
            self.masked.then_some((FieldKind::MaskingKey, 32)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::extension::SideParams;
    use crate::websocket::frame::frame_header;

    const NONE: FrameContext = FrameContext { direction: None, compression: Compression::None };
    const CLIENT: FrameContext =
        FrameContext { direction: Some(Direction::ClientToServer), ..NONE };
    const SERVER: FrameContext =
        FrameContext { direction: Some(Direction::ServerToClient), ..NONE };
    const DEFLATE: FrameContext = FrameContext {
        compression: Compression::Deflate(SideParams {
            no_context_takeover: false,
            window_bits: 15,
        }),
        ..NONE
    };

    /// Name, first bit, bits seen of bits, value.
    fn told(header: &[u8]) -> String {
        let told = |field: &FrameField| {
            let FrameField { kind, start_bit, bits, seen_bits, value, .. } = field;
            format!("{} {start_bit}+{seen_bits}/{bits}={value:x}", kind.name())
        };
        anatomy(header, NONE).iter().map(told).collect::<Vec<_>>().join(", ")
    }

    const FLAGS: &str = "FIN 0+1/1=1, RSV1 1+1/1=0, RSV2 2+1/1=0, RSV3 3+1/1=0";

    #[rustfmt::skip]
    const CASES: &[(&str, &[u8], &str)] = &[
        // RFC 6455 §5.7
        ("unmasked text", &[0x81, 0x05],
         "opcode 4+4/4=1, MASK 8+1/1=0, payload length 9+7/7=5"),
        ("masked text, its payload after it", b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
         "opcode 4+4/4=1, MASK 8+1/1=1, payload length 9+7/7=5, masking key 16+32/32=37fa213d"),
        ("256 bytes binary", &[0x82, 0x7e, 0x01, 0x00],
         "opcode 4+4/4=2, MASK 8+1/1=0, payload length 9+7/7=7e, extended payload length 16+16/16=100"),
        ("64 KiB binary", &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0],
         "opcode 4+4/4=2, MASK 8+1/1=0, payload length 9+7/7=7f, extended payload length 16+64/64=10000"),
        ("the longest header", &[0x8f, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5],
         "opcode 4+4/4=f, MASK 8+1/1=1, payload length 9+7/7=7f, extended payload length 16+64/64=8000000000000001, \
          masking key 80+32/32=2030405"),
        // Cut short.
        ("one byte", &[0x81],
         "opcode 4+4/4=1, MASK 8+0/1=0, payload length 9+0/7=0"),
        ("half a length", &[0x82, 0x7e, 0x01],
         "opcode 4+4/4=2, MASK 8+1/1=0, payload length 9+7/7=7e, extended payload length 16+8/16=1"),
        ("key without its last byte", &[0x81, 0x85, 0x37, 0xfa, 0x21],
         "opcode 4+4/4=1, MASK 8+1/1=1, payload length 9+7/7=5, masking key 16+24/32=37fa21"),
        ("key missing", &[0x81, 0x85],
         "opcode 4+4/4=1, MASK 8+1/1=1, payload length 9+7/7=5, masking key 16+0/32=0"),
    ];

    #[test]
    fn fields_are_described_in_wire_order() {
        for (name, header, expected) in CASES {
            assert_eq!(told(header), format!("{FLAGS}, {expected}"), "{name}");
        }
        assert_eq!(told(&[]), "");
    }

    #[test]
    fn every_bit_of_a_header_belongs_to_one_field() {
        for (name, header, _) in CASES {
            let bits: Vec<Option<u8>> = anatomy(header, NONE)
                .iter()
                .flat_map(|field| (0..field.bits).map(|place| field.bit(place)))
                .collect();
            let length = frame_header(header)
                .map_or(header.len(), |(_, header)| usize::from(header.header_length));
            let sent: Vec<u8> = bits.iter().flatten().copied().collect();
            let expected: Vec<u8> = header[..length]
                .iter()
                .flat_map(|byte| (0..8).map(move |place| byte >> (7 - place) & 1))
                .collect();
            assert_eq!(sent, expected, "{name}");
            assert!(bits.iter().skip_while(|bit| bit.is_some()).all(Option::is_none), "{name}");
        }
    }

    #[test]
    fn headers_go_back_to_their_bytes() {
        for (name, bytes, _) in CASES {
            if let Ok((_, header)) = frame_header(bytes) {
                assert_eq!(wire(&header), bytes[..usize::from(header.header_length)], "{name}");
            }
        }
        let (_, header) = frame_header(&[0x81, 0x7e, 0x00, 0x05]).unwrap();
        assert_eq!(wire(&header), [0x81, 0x7e, 0x00, 0x05], "not the shortest form");
    }

    type AnatomyCase =
        (&'static str, &'static [u8], FrameContext, FieldKind, &'static str, &'static str);

    #[test]
    fn meaning_fits_the_frame_and_what_is_known_of_it() {
        use FieldKind::{ExtendedLength, Fin, Length, Mask, MaskingKey, Opcode, Rsv1, Rsv2};
        #[rustfmt::skip]
        let cases: &[AnatomyCase] = &[
            ("whole message",        &[0x81, 0x00], NONE, Fin, "last frame of its message", "whole message is in this frame"),
            ("first fragment",       &[0x01, 0x00], NONE, Fin, "more frames follow", "the first"),
            ("middle fragment",      &[0x00, 0x00], NONE, Fin, "more frames follow", "in the middle"),
            ("last fragment",        &[0x80, 0x00], NONE, Fin, "last frame of its message", "and ends it"),
            ("ping",                 &[0x89, 0x00], NONE, Fin, "last frame of its message", "never fragmented"),
            ("fragmented ping",      &[0x09, 0x00], NONE, Fin, "more frames follow", "must be 1 here"),
            ("fragmented reserved",  &[0x0b, 0x00], NONE, Fin, "more frames follow", "must be 1 here"),
            ("text",                 &[0x81, 0x00], NONE, Opcode, "text", "UTF-8"),
            ("reserved data",        &[0x83, 0x00], NONE, Opcode, "reserved for data frames", "future data frames"),
            ("reserved control",     &[0x8b, 0x00], NONE, Opcode, "reserved for control frames", "future control frames"),
            ("RSV1, nothing known",  &[0xc1, 0x00], NONE, Rsv1, "set", "must be 0"),
            ("RSV1, compressed",     &[0xc1, 0x00], DEFLATE, Rsv1, "compressed", "DEFLATE"),
            ("RSV1, not compressed", &[0x81, 0x00], DEFLATE, Rsv1, "not compressed", "as its sender likes"),
            ("RSV1 on continuation", &[0xc0, 0x00], DEFLATE, Rsv1, "set", "first frame of a message only"),
            ("RSV1 on ping",         &[0xc9, 0x00], DEFLATE, Rsv1, "set", "does not compress control frames"),
            ("RSV2",                 &[0xa1, 0x00], DEFLATE, Rsv2, "set", "must be 0"),
            ("masked",               &[0x81, 0x80, 1, 2, 3, 4], NONE, Mask, "masked", "from a client"),
            ("unmasked",             &[0x81, 0x00], NONE, Mask, "not masked", "from a server"),
            ("client, unmasked",     &[0x81, 0x00], CLIENT, Mask, "not masked", "must mask every frame"),
            ("server, masked",       &[0x81, 0x80, 1, 2, 3, 4], SERVER, Mask, "masked", "must not mask"),
            ("server, unmasked",     &[0x81, 0x00], SERVER, Mask, "not masked", "never masks"),
            ("no payload",           &[0x81, 0x00], NONE, Length, "0 bytes", "no payload"),
            ("one byte",             &[0x81, 0x01], NONE, Length, "1 byte", "7 bits"),
            ("16 bits follow",       &[0x81, 0x7e, 0x01, 0x00], NONE, Length, "see the next 16 bits", "126 is not a length"),
            ("long ping",            &[0x89, 0x7e, 0x01, 0x00], NONE, Length, "see the next 16 bits", "125 bytes is the maximum"),
            ("16 bits",              &[0x81, 0x7e, 0xff, 0xff], NONE, ExtendedLength, "65,535 bytes", "16 bits"),
            ("16 bits for 5",        &[0x81, 0x7e, 0x00, 0x05], NONE, ExtendedLength, "5 bytes", "shortest form"),
            ("64 bits for 65,535",   &[0x81, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff], NONE, ExtendedLength, "65,535 bytes", "fit into 16 bits"),
            ("64 bits",              &[0x81, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0], NONE, ExtendedLength, "65,536 bytes", "64 bits"),
            ("2^63",                 &[0x81, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0], NONE, ExtendedLength, "9,223,372,036,854,775,808 bytes", "must be 0"),
            ("length cut short",     &[0x81, 0x7f, 0, 0], NONE, ExtendedLength, "cut short", "6 of its 8 bytes"),
            ("second byte missing",  &[0x81], NONE, Mask, "missing", "second byte"),
            ("key",                  &[0x81, 0x80, 0x37, 0xfa, 0x21, 0x3d], NONE, MaskingKey, "37 fa 21 3d", "modulo 4"),
            ("key of zeros",         &[0x81, 0x80, 0, 0, 0, 0], NONE, MaskingKey, "00 00 00 00", "hides nothing"),
        ];
        for (name, header, context, kind, words, part) in cases {
            let fields = anatomy(header, *context);
            let field = fields.iter().find(|field| field.kind == *kind).unwrap();
            assert_eq!(field.words, *words, "{name}");
            assert!(field.meaning.contains(part), "{name}: {}", field.meaning);
        }
    }
}
