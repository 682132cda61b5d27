//! The drawing of a frame that RFC 6455 §5.2 made famous, with the values of one frame.

mod border;

use std::fmt::Write;

use self::border::border;
use crate::describe::frame::{FieldKind, FrameField};

/// One line of a drawing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DrawnLine {
    /// What kind of line it is.
    pub kind: LineKind,
    /// Its text, cut where it belongs to different parts of the frame.
    pub pieces: Vec<DrawnPiece>,
}

/// What a line of a drawing shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LineKind {
    /// Numbers of the bits.
    Ruler,
    /// A border.
    Border,
    /// Values of bits.
    Bits,
    /// Names and values of fields.
    Labels,
}

/// A piece of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DrawnPiece {
    /// Its text.
    pub text: String,
    /// The part of the frame that it shows; `None` for borders and the ruler.
    pub part: Option<FramePart>,
}

/// A part of a frame.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FramePart {
    /// The field with this index.
    Field(usize),
    /// What follows the header.
    Payload,
}

/// What a drawing looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Look {
    /// What the borders are made of.
    pub borders: Borders,
    /// How much is in the cells.
    pub labels: Labels,
    /// How many bits are in a row.
    pub rows: BitsPerRow,
}

/// What borders are made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Borders {
    /// Lines: `┌─┬─┐`.
    Lines,
    /// ASCII, as in the RFC: `+-+-+`.
    Ascii,
}

/// How much is in the cells beside the bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Labels {
    /// One line: names, those of single bits by their first letter.
    Short,
    /// Whole names, and values; single bits have theirs from top to bottom.
    Tall,
}

/// How many bits are in a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BitsPerRow {
    /// 32, as in the RFC.
    Wide,
    /// 16, where the columns for 32 are not there.
    Narrow,
}

impl BitsPerRow {
    /// Bits in a row.
    fn bits(self) -> u16 {
        match self {
            Self::Wide => 32,
            Self::Narrow => 16,
        }
    }

    /// Columns of each line: a border, then a bit and a blank or a border, for each bit.
    pub fn columns(self) -> usize {
        usize::from(self.bits()).saturating_mul(2).saturating_add(1)
    }
}

impl DrawnLine {
    /// The whole line.
    pub fn text(&self) -> String {
        self.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    fn plain(kind: LineKind, text: String) -> Self {
        Self { kind, pieces: vec![DrawnPiece { text, part: None }] }
    }
}

/// Draws a header with these `fields`, and the beginning of its payload.
///
/// Each line is [`BitsPerRow::columns`] wide. Bits that are missing in a header
/// that is cut short are drawn as `?`. Without fields there is nothing to draw.
pub fn draw(fields: &[FrameField], look: Look) -> Vec<DrawnLine> {
    let rows = rows(fields, look.rows.bits());
    if rows.is_empty() {
        return Vec::new();
    }
    let mut lines = ruler(look.rows.bits());
    let mut above: Option<&DrawnRow> = None;
    for row in &rows {
        lines.push(border(above, Some(row), look));
        row.draw(fields, look, &mut lines);
        above = Some(row);
    }
    lines.push(border(above, None, look));
    lines
}

/// A row of bits.
#[derive(Debug, Default)]
struct DrawnRow {
    cells: Vec<Cell>,
}

/// The part of a field, or of the payload, that is in one row.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// `None` if nothing is known to be there: after a truncated header.
    part: Option<FramePart>,
    /// Its first bit within its field.
    from: u16,
    bits: u16,
}

/// Cuts fields and payload into rows.
fn rows(fields: &[FrameField], full: u16) -> Vec<DrawnRow> {
    let mut rows: Vec<DrawnRow> = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let mut from = 0;
        while from < field.bits {
            let start = field.start_bit.saturating_add(from);
            let room = full.saturating_sub(start % full);
            let bits = room.min(field.bits.saturating_sub(from));
            if start % full == 0 {
                rows.push(DrawnRow::default());
            }
            if let Some(row) = rows.last_mut() {
                row.cells.push(Cell { part: Some(FramePart::Field(index)), from, bits });
            }
            from = from.saturating_add(bits);
        }
    }
    let end = fields.last().map_or(0, |last| last.start_bit.saturating_add(last.bits));
    let is_whole = fields.iter().all(FrameField::is_whole);
    let part = is_whole.then_some(FramePart::Payload);
    match (full.saturating_sub(end % full), rows.last_mut()) {
        (bits, Some(_)) if bits == full && is_whole && !has_no_payload(fields) => {
            rows.push(DrawnRow { cells: vec![Cell { part, from: 0, bits }] });
        }
        (_, None) => {}
        (bits, _) if bits == full => {}
        (bits, Some(row)) => row.cells.push(Cell { part, from: 0, bits }),
    }
    rows
}

impl DrawnRow {
    /// The part that a bit belongs to, and whether another cell begins with it.
    fn at(&self, bit: usize) -> (Option<FramePart>, bool) {
        let mut start: usize = 0;
        for cell in &self.cells {
            let end = start.saturating_add(usize::from(cell.bits));
            if bit < end {
                return (cell.part, bit == start);
            }
            start = end;
        }
        (None, true)
    }

    fn draw(&self, fields: &[FrameField], look: Look, lines: &mut Vec<DrawnLine>) {
        lines.push(self.line(LineKind::Bits, look, |cell| cell.bits(fields)));
        let has_single_bits = self.cells.iter().any(|cell| cell.bits == 1);
        let labels = match (look.labels, has_single_bits) {
            (Labels::Short, _) => 1,
            (Labels::Tall, true) => 4,
            (Labels::Tall, false) => 2,
        };
        for line in 0..labels {
            lines.push(self.line(LineKind::Labels, look, |cell| {
                let label = cell.label(fields, line);
                match look.borders {
                    Borders::Lines => label,
                    Borders::Ascii => label.replace('…', "..."),
                }
            }));
        }
    }

    fn line(&self, kind: LineKind, look: Look, text: impl Fn(&Cell) -> String) -> DrawnLine {
        let bar = match look.borders {
            Borders::Lines => "│",
            Borders::Ascii => "|",
        };
        let border = || DrawnPiece { text: bar.to_owned(), part: None };
        let mut pieces = vec![border()];
        for cell in &self.cells {
            pieces
                .push(DrawnPiece { text: centered(&text(cell), cell.columns()), part: cell.part });
            pieces.push(border());
        }
        DrawnLine { kind, pieces }
    }
}

impl Cell {
    /// Columns between its borders.
    fn columns(&self) -> usize {
        usize::from(self.bits).saturating_mul(2).saturating_sub(1)
    }

    fn field<'a>(&self, fields: &'a [FrameField]) -> Option<&'a FrameField> {
        match self.part {
            Some(FramePart::Field(index)) => fields.get(index),
            Some(FramePart::Payload) | None => None,
        }
    }

    /// The values of its bits; the payload has a name instead.
    fn bits(&self, fields: &[FrameField]) -> String {
        let Some(field) = self.field(fields) else { return self.payload(fields, 0) };
        let mut text = String::new();
        for place in (self.from..).take(usize::from(self.bits)) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push(match field.bit(place) {
                Some(0) => '0',
                Some(_) => '1',
                None => '?',
            });
        }
        text
    }

    /// The label in this line below the bits.
    fn label(&self, fields: &[FrameField], line: usize) -> String {
        let Some(field) = self.field(fields) else {
            return self.payload(fields, line.saturating_add(1));
        };
        match field.kind {
            FieldKind::Fin
            | FieldKind::Rsv1
            | FieldKind::Rsv2
            | FieldKind::Rsv3
            | FieldKind::Mask => {
                field.kind.name().chars().nth(line).map(String::from).unwrap_or_default()
            }
            FieldKind::Opcode => match line {
                0 => "opcode".to_owned(),
                1 => format!("{:X}", field.value),
                2 => self.if_it_fits(&field.words),
                _ => String::new(),
            },
            FieldKind::Length => match line {
                0 => "length".to_owned(),
                1 if field.is_whole() => field.value.to_string(),
                _ => String::new(),
            },
            FieldKind::ExtendedLength | FieldKind::MaskingKey => match line {
                0 => self.name(field),
                1 if self.bits == field.bits => self.if_it_fits(&field.words),
                1 => self.bytes(field),
                _ => String::new(),
            },
        }
    }

    /// What takes the place of the payload.
    fn payload(&self, fields: &[FrameField], line: usize) -> String {
        if self.part.is_none() {
            return String::new();
        }
        let value = |kind| fields.iter().rfind(|field| field.kind == kind);
        let is_masked = value(FieldKind::Mask).is_some_and(|field| field.value != 0);
        let length = value(FieldKind::ExtendedLength).or_else(|| value(FieldKind::Length));
        match line {
            0 if has_no_payload(fields) => "no payload".to_owned(),
            0 if is_masked => "payload (masked)".to_owned(),
            0 => "payload".to_owned(),
            1 if !has_no_payload(fields) => {
                length.map(|field| self.if_it_fits(&field.words)).unwrap_or_default()
            }
            _ => String::new(),
        }
    }

    /// The name of a field that may continue in the next row.
    fn name(&self, field: &FrameField) -> String {
        let is_begun = self.from > 0;
        let goes_on = self.from.saturating_add(self.bits) < field.bits;
        let before = if is_begun { "… " } else { "" };
        let after = if goes_on { " …" } else { "" };
        format!("{before}{}{after}", field.kind.name())
    }

    /// The bytes of a field that are in this cell.
    fn bytes(&self, field: &FrameField) -> String {
        let mut text = String::new();
        for byte in (self.from..).step_by(8).take(usize::from(self.bits / 8)) {
            let mut bits = (byte..).take(8).map(|place| field.bit(place));
            let value = bits.try_fold(0_u8, |value, bit| Some(value << 1 | bit?));
            if !text.is_empty() {
                text.push(' ');
            }
            match value {
                Some(value) => write!(text, "{value:02x}").ok(),
                None => write!(text, "??").ok(),
            };
        }
        text
    }

    fn if_it_fits(&self, text: &str) -> String {
        if text.chars().count() <= self.columns() { text.to_owned() } else { String::new() }
    }
}

/// Whether the header announces no payload.
fn has_no_payload(fields: &[FrameField]) -> bool {
    let is_length =
        |field: &&FrameField| matches!(field.kind, FieldKind::Length | FieldKind::ExtendedLength);
    fields.iter().rfind(is_length).is_none_or(|field| field.value == 0)
}

/// Two lines with the numbers of the bits: tens above units.
fn ruler(bits: u16) -> Vec<DrawnLine> {
    let line = |digit: &dyn Fn(u16) -> String| {
        let numbers: Vec<String> = (0..bits).map(digit).collect();
        DrawnLine::plain(LineKind::Ruler, format!(" {} ", numbers.join(" ")))
    };
    let tens = |bit: u16| match bit % 10 {
        0 => (bit / 10).to_string(),
        _ => " ".to_owned(),
    };
    vec![line(&tens), line(&|bit| (bit % 10).to_string())]
}

/// Text in the middle of so many columns; what does not fit is cut.
fn centered(text: &str, columns: usize) -> String {
    let cut: String = text.chars().take(columns).collect();
    format!("{cut:^columns$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::frame::{FrameContext, anatomy};
    use crate::websocket::decoder::Compression;
    use crate::websocket::frame::frame_header;

    const LOOKS: [Look; 6] = [
        Look { borders: Borders::Lines, labels: Labels::Tall, rows: BitsPerRow::Wide },
        Look { borders: Borders::Lines, labels: Labels::Short, rows: BitsPerRow::Wide },
        Look { borders: Borders::Ascii, labels: Labels::Tall, rows: BitsPerRow::Wide },
        Look { borders: Borders::Ascii, labels: Labels::Short, rows: BitsPerRow::Wide },
        Look { borders: Borders::Lines, labels: Labels::Short, rows: BitsPerRow::Narrow },
        Look { borders: Borders::Ascii, labels: Labels::Tall, rows: BitsPerRow::Narrow },
    ];

    fn fields(header: &[u8]) -> Vec<FrameField> {
        anatomy(header, FrameContext { direction: None, compression: Compression::None })
    }

    fn drawn(header: &[u8], look: Look) -> String {
        let lines = draw(&fields(header), look);
        lines.iter().map(|line| line.text().trim_end().to_owned() + "\n").collect()
    }

    #[test]
    fn masked_hello_looks_as_in_the_standard() {
        let expected = "
 0                   1                   2                   3
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
┌─┬─┬─┬─┬───────┬─┬─────────────┬───────────────────────────────┐
│1│0│0│0│0 0 0 1│1│0 0 0 0 1 0 1│0 0 1 1 0 1 1 1 1 1 1 1 1 0 1 0│
│F│R│R│R│opcode │M│   length    │         masking key …         │
├─┴─┴─┴─┴───────┴─┴─────────────┼───────────────────────────────┤
│0 0 1 0 0 0 0 1 0 0 1 1 1 1 0 1│       payload (masked)        │
│         … masking key         │            5 bytes            │
└───────────────────────────────┴───────────────────────────────┘
";
        let header = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(format!("\n{}", drawn(header, LOOKS[1])), expected);
    }

    #[test]
    fn narrow_drawing_has_sixteen_bits_in_a_row() {
        let expected = "
 0                   1
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
┌─┬─┬─┬─┬───────┬─┬─────────────┐
│1│0│0│0│0 0 0 1│1│0 0 0 0 1 0 1│
│F│R│R│R│opcode │M│   length    │
├─┴─┴─┴─┴───────┴─┴─────────────┤
│0 0 1 1 0 1 1 1 1 1 1 1 1 0 1 0│
│         masking key …         │
├╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┤
│0 0 1 0 0 0 0 1 0 0 1 1 1 1 0 1│
│         … masking key         │
├───────────────────────────────┤
│       payload (masked)        │
│            5 bytes            │
└───────────────────────────────┘
";
        let header = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(format!("\n{}", drawn(header, LOOKS[4])), expected);
    }

    #[test]
    fn a_long_length_in_ascii_is_open_where_it_continues() {
        let expected = "
 0                   1                   2                   3
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
+-+-+-+-+-------+-+-------------+-------------------------------+
|1|0|0|0|0 0 1 0|0|1 1 1 1 1 1 1|0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0|
|F|R|R|R|opcode |M|   length    |  extended payload length ...  |
|I|S|S|S|   2   |A|     127     |             00 00             |
|N|V|V|V|binary |S|             |                               |
| |1|2|3|       |K|             |                               |
+-+-+-+-+-------+-+-------------+- - - - - - - - - - - - - - - -+
|0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1|
|                ... extended payload length ...                |
|                          00 00 00 01                          |
+- - - - - - - - - - - - - - - -+-------------------------------+
|0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0|            payload            |
|  ... extended payload length  |         65,536 bytes          |
|             00 00             |                               |
+-------------------------------+-------------------------------+
";
        let header = [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(format!("\n{}", drawn(&header, LOOKS[2])), expected);
    }

    #[test]
    fn header_that_is_cut_short_has_question_marks_and_no_payload() {
        let text = drawn(&[0x81, 0x85, 0x37], LOOKS[1]);
        assert!(text.contains("│0 0 1 1 0 1 1 1 ? ? ? ? ? ? ? ?│"), "{text}");
        assert!(
            text.contains("│? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ?│                               │"),
            "{text}"
        );
        assert!(!text.contains("payload"), "{text}");
        assert_eq!(drawn(&[], LOOKS[0]), "");
    }

    #[test]
    fn every_header_is_drawn_bit_by_bit_in_lines_of_one_width() {
        let mut headers: Vec<Vec<u8>> = Vec::new();
        for first in (0..=0xff_u8).step_by(51) {
            for second in 0..=0xff_u8 {
                let mut header = vec![first, second];
                header.extend((0..12_u8).map(|byte| byte.wrapping_mul(37) ^ first ^ second));
                let whole = usize::from(frame_header(&header).unwrap().1.header_length);
                headers.extend((1..=whole).map(|length| header[..length].to_vec()));
            }
        }
        for header in headers {
            let fields = fields(&header);
            for look in LOOKS {
                let lines = draw(&fields, look);
                let mut bits = vec![String::new(); fields.len()];
                for line in &lines {
                    let text = line.text();
                    assert_eq!(text.chars().count(), look.rows.columns(), "{header:02x?} {text}");
                    assert!(look.borders == Borders::Lines || text.is_ascii(), "{text}");
                    for piece in line.pieces.iter().filter(|_| line.kind == LineKind::Bits) {
                        if let Some(FramePart::Field(index)) = piece.part {
                            bits[index].extend(piece.text.chars().filter(|letter| *letter != ' '));
                        }
                    }
                }
                for (field, bits) in fields.iter().zip(&bits) {
                    let expected: String = (0..field.bits)
                        .map(|place| match field.bit(place) {
                            Some(bit) => char::from(b'0' + bit),
                            None => '?',
                        })
                        .collect();
                    assert_eq!(*bits, expected, "{header:02x?} {:?}", field.kind);
                }
            }
        }
    }
}
