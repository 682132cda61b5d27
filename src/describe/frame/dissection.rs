//! One frame taken apart: the fields of its header, those that break a rule, and how its payload is
//! unmasked.

use crate::describe::frame::drawing::{DrawnPiece, FramePart, LineKind};
use crate::describe::frame::{FieldKind, FrameContext, FrameField, anatomy};
use crate::findings::Bits;

/// The header of a frame, field by field.
#[derive(Clone, Debug)]
pub struct Dissection {
    /// The fields, in wire order.
    pub fields: Vec<FrameField>,
    broken: Vec<Bits>,
}

/// What a piece of the drawing shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DrawnContent<'a> {
    /// A border or the ruler.
    Line,
    /// A field that is as it should be.
    Field(&'a FrameField),
    /// A field that breaks a rule.
    BrokenField(&'a FrameField),
    /// The payload.
    Payload,
}

impl Dissection {
    /// Takes a header apart; `broken` are its bits that break a rule.
    ///
    /// `header` may be followed by other bytes, and may be cut short, as in [`anatomy`].
    pub fn new(header: &[u8], context: FrameContext, broken: Vec<Bits>) -> Self {
        Self { fields: anatomy(header, context), broken }
    }

    /// Whether bits of a field break a rule.
    pub fn is_broken(&self, field: &FrameField) -> bool {
        self.broken.iter().any(|bits| {
            let start = u16::from(bits.start);
            let end = start.saturating_add(bits.count.into());
            start < field.start_bit.saturating_add(field.bits) && field.start_bit < end
        })
    }

    /// The place of the first field that breaks a rule.
    pub fn first_broken(&self) -> Option<usize> {
        self.fields.iter().position(|field| self.is_broken(field))
    }

    /// The fields in runs with the same explanation.
    pub fn runs(&self) -> impl Iterator<Item = &[FrameField]> {
        self.fields.chunk_by(|left, right| left.meaning == right.meaning)
    }

    /// Bytes that a header that is cut short lacks.
    pub fn missing_bytes(&self) -> u64 {
        let missing = |field: &FrameField| u64::from(field.bits.saturating_sub(field.seen_bits));
        self.fields.iter().map(missing).sum::<u64>().div_ceil(8)
    }

    /// What a piece of the drawing of these fields shows, in a line of this kind.
    pub fn content(&self, kind: LineKind, piece: &DrawnPiece) -> DrawnContent<'_> {
        match (kind, piece.part) {
            (LineKind::Ruler | LineKind::Border, _) | (_, None) => DrawnContent::Line,
            (LineKind::Bits | LineKind::Labels, Some(FramePart::Payload)) => DrawnContent::Payload,
            (LineKind::Bits | LineKind::Labels, Some(FramePart::Field(index))) => {
                match self.fields.get(index) {
                    Some(field) if self.is_broken(field) => DrawnContent::BrokenField(field),
                    Some(field) => DrawnContent::Field(field),
                    None => DrawnContent::Line,
                }
            }
        }
    }
}

impl FrameField {
    /// Its value as a number, the opcode and the masking key in hexadecimal; `?` if it is cut short.
    pub fn number(&self) -> String {
        if !self.is_whole() {
            return "?".to_owned();
        }
        match self.kind {
            FieldKind::Opcode => format!("{:X}", self.value),
            FieldKind::MaskingKey => format!("{:#010x}", self.value),
            FieldKind::Fin
            | FieldKind::Rsv1
            | FieldKind::Rsv2
            | FieldKind::Rsv3
            | FieldKind::Mask
            | FieldKind::Length
            | FieldKind::ExtendedLength => self.value.to_string(),
        }
    }

    /// What follows its name: ` = 5 bytes`; nothing if it is cut short.
    ///
    /// Lengths and the masking key are given in [words](FrameField::words), others as numbers.
    pub fn assignment(&self) -> String {
        match (self.is_whole(), self.is_in_words()) {
            (false, _) => String::new(),
            (true, true) => format!(" = {}", self.words),
            (true, false) => format!(" = {}", self.number()),
        }
    }

    /// What follows the assignment: `: text`; nothing where that has these words already.
    pub fn gloss(&self) -> String {
        if self.is_whole() && self.is_in_words() {
            String::new()
        } else {
            format!(": {}", self.words)
        }
    }

    /// Whether its words are its value, not what that means.
    fn is_in_words(&self) -> bool {
        match self.kind {
            FieldKind::Length => self.value < FIRST_EXTENDED,
            FieldKind::ExtendedLength | FieldKind::MaskingKey => true,
            FieldKind::Fin
            | FieldKind::Rsv1
            | FieldKind::Rsv2
            | FieldKind::Rsv3
            | FieldKind::Opcode
            | FieldKind::Mask => false,
        }
    }
}

/// How one byte is unmasked (RFC 6455 §5.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnmaskedByte {
    /// As sent.
    pub masked: u8,
    /// The byte of the masking key.
    pub key: u8,
    /// The payload's byte.
    pub plain: u8,
}

impl UnmaskedByte {
    /// `7f⊕37=48 'H'`, with `xor` as the sign.
    pub fn equation(self, xor: &str) -> String {
        let Self { masked, key, plain } = self;
        format!("{masked:02x}{xor}{key:02x}={plain:02x}{}", quoted(plain))
    }
}

/// How the first bytes of a payload are unmasked: as many as are worth showing.
pub fn unmasking(masked: &[u8], key: [u8; 4]) -> impl Iterator<Item = UnmaskedByte> {
    let bytes = masked.iter().copied().zip(key.into_iter().cycle());
    bytes.map(|(masked, key)| UnmaskedByte { masked, key, plain: masked ^ key }).take(STEPS)
}

/// How unmasking works, with `xor` as the name or sign of the operation.
pub fn masking_rule(xor: &str) -> String {
    format!(
        "Each byte was combined with a byte of the masking key by {xor}: the first with the first, the second \
         with the second, and after the fourth the key starts again. Doing the same once more gives the byte \
         back."
    )
}

/// A printable character in quotes, after a space: ` 'H'`; nothing for other bytes.
pub fn quoted(byte: u8) -> String {
    match byte {
        b' '..=b'~' => format!(" '{}'", char::from(byte)),
        _ => String::new(),
    }
}

/// Bytes as ASCII, with dots for those that are not printable: the right column of a dump.
pub fn printable(bytes: &[u8]) -> String {
    let letter = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' };
    bytes.iter().map(letter).collect()
}

/// The first value of the length field that refers to an extended length (RFC 6455 §5.2).
const FIRST_EXTENDED: u64 = 126;

/// Bytes of which unmasking is shown: two rounds of the key.
pub const STEPS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::frame::drawing::{BitsPerRow, Borders, Labels, Look, draw};
    use crate::websocket::Compression;

    const CONTEXT: FrameContext = FrameContext { direction: None, compression: Compression::None };

    fn stated(header: &[u8], kind: FieldKind) -> String {
        let dissection = Dissection::new(header, CONTEXT, Vec::new());
        let field = dissection.fields.iter().find(|field| field.kind == kind).unwrap();
        format!("{}{}{}", kind.name(), field.assignment(), field.gloss())
    }

    #[test]
    fn fields_are_stated_without_repeating_their_value() {
        use FieldKind::{ExtendedLength, Length, Mask, MaskingKey, Opcode};
        #[rustfmt::skip]
        let cases: &[(&[u8], FieldKind, &str)] = &[
            (&[0x81, 0x05],             Opcode,         "opcode = 1: text"),
            (&[0x8a, 0x00],             Opcode,         "opcode = A: pong"),
            (&[0x81, 0x05],             Mask,           "MASK = 0: not masked"),
            (&[0x81, 0x05],             Length,         "payload length = 5 bytes"),
            (&[0x82, 0x7e, 1, 0],       Length,         "payload length = 126: see the next 16 bits"),
            (&[0x82, 0x7e, 1, 0],       ExtendedLength, "extended payload length = 256 bytes"),
            (&[0x82, 0x7e, 1],          ExtendedLength, "extended payload length: cut short"),
            (&[0x81, 0x80, 1, 2, 3, 4], MaskingKey,     "masking key = 01 02 03 04"),
            (&[0x81],                   Mask,           "MASK: missing"),
        ];
        for (header, kind, expected) in cases {
            assert_eq!(stated(header, *kind), *expected);
        }
    }

    #[test]
    fn fields_with_broken_bits_are_marked_in_the_drawing() {
        let rsv2 = Bits { start: 2, count: 1 };
        let dissection = Dissection::new(&[0xa1, 0x00], CONTEXT, vec![rsv2]);
        assert_eq!(dissection.first_broken(), Some(2));
        let look = Look { borders: Borders::Lines, labels: Labels::Short, rows: BitsPerRow::Wide };
        let lines = draw(&dissection.fields, look);
        let mut broken = lines.iter().flat_map(|line| {
            let pieces = line.pieces.iter().map(|piece| dissection.content(line.kind, piece));
            pieces.filter(|content| matches!(content, DrawnContent::BrokenField(_)))
        });
        let field = &dissection.fields[2];
        assert_eq!(broken.next(), Some(DrawnContent::BrokenField(field)), "its bit");
        assert_eq!(broken.next(), Some(DrawnContent::BrokenField(field)), "its label");
        assert_eq!(broken.next(), None);
        assert_eq!(Dissection::new(&[0x81, 0x00], CONTEXT, Vec::new()).first_broken(), None);
    }

    #[test]
    fn missing_bytes_are_those_that_the_header_must_have() {
        let rows: &[(&[u8], u64)] = &[
            (&[0x81, 0x05], 0),
            (&[0x81], 1),
            (&[0x82, 0x7f, 0, 0], 6),
            (&[0x81, 0x85, 0x37, 0xfa, 0x21], 1),
        ];
        for (header, missing) in rows {
            let dissection = Dissection::new(header, CONTEXT, Vec::new());
            assert_eq!(dissection.missing_bytes(), *missing, "{header:02x?}");
        }
    }

    #[test]
    fn hello_of_the_standard_is_unmasked() {
        // RFC 6455 §5.7
        let steps: Vec<_> = unmasking(b"\x7f\x9f\x4d\x51\x58", [0x37, 0xfa, 0x21, 0x3d]).collect();
        assert_eq!(steps[0].equation("⊕"), "7f⊕37=48 'H'");
        assert_eq!(steps.iter().map(|step| step.plain).collect::<Vec<_>>(), b"Hello");
        assert_eq!(unmasking(&[0; 100], [0; 4]).count(), STEPS);
        assert_eq!(printable(b"Hi\0\xff"), "Hi..");
        assert_eq!((quoted(b'H'), quoted(0)), (" 'H'".to_owned(), String::new()));
    }
}
