//! Bytes in hexadecimal: those of a row packet by packet, with the fields of their frames in color; of a
//! decrypted row, the records that carried it as well.

mod records;

use std::ops::Range;

use crate::stream::length_u64;
use crate::text::page::{PageLine, Stress};
use crate::text::role::Role;
use crate::text::words;
use crate::timeline::{Opened, OpenedFrame, WirePiece};
use crate::tui::inspector::context::InspectorContext;
use crate::tui::inspector::context::Shown;
use crate::tui::inspector::frame_parts::Parts;
use crate::tui::inspector::hexdump::records::RecordDump;
use crate::tui::theme::Symbols;

/// How bytes are in lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Grid {
    /// Bytes of a line.
    pub(super) bytes: usize,
    /// Digits of the number before it.
    digits: usize,
}

impl Grid {
    /// As many bytes as fit into so many columns: 4 to 32; numbers that go up to `length`.
    pub(super) fn new(width: usize, length: usize) -> Self {
        let digits = if length > 0xffff { 8 } else { 4 };
        // Number, two blanks, three columns for each byte, a blank, a column for each byte.
        let room = width.saturating_sub(digits).saturating_sub(3) / 4;
        let bytes = match room {
            32.. => 32,
            4.. => room / 4 * 4,
            _ => 4,
        };
        Self {
            bytes: if bytes == 20 || bytes == 28 { bytes.saturating_sub(4) } else { bytes },
            digits,
        }
    }

    /// Lines that so many bytes take.
    pub(super) fn lines(self, length: usize) -> usize {
        length.div_ceil(self.bytes.max(1))
    }

    /// One line: its number, the bytes, the bytes as text.
    pub(super) fn line(
        self,
        number: u64,
        bytes: &[u8],
        ink: impl Fn(usize) -> (Role, Stress),
    ) -> PageLine {
        let digits = self.digits;
        let mut line = PageLine::of(Role::Dim, format!("{number:0digits$x} "));
        for (place, byte) in bytes.iter().enumerate() {
            let (role, stress) = ink(place);
            // The blank between two bytes belongs to both, or to neither.
            let before = place.checked_sub(1).map(&ink);
            let is_joined = before == Some((role, stress));
            line.stressed(
                if is_joined { role } else { Role::Text },
                if is_joined { stress } else { Stress::None },
                " ",
            );
            line.stressed(role, stress, format!("{byte:02x}"));
        }
        let column = digits.saturating_add(1).saturating_add(self.bytes.saturating_mul(3));
        line.pad_to(column.saturating_add(2));
        for (place, byte) in bytes.iter().enumerate() {
            let (role, stress) = ink(place);
            let letter = char::from(*byte);
            let is_printable = matches!(letter, ' '..='~');
            let role = if is_printable { role } else { Role::Dim };
            line.stressed(role, stress, if is_printable { letter } else { '.' }.to_string());
        }
        line
    }
}

/// The bytes of the row as they were sent, packet by packet.
struct Dump<'a> {
    opened: &'a Opened,
    grid: Grid,
    /// The first line of each packet's bytes: its heading.
    headings: Vec<usize>,
    /// The lines before the encrypted records.
    plain: usize,
    records: RecordDump<'a>,
    total: usize,
}

impl<'a> Dump<'a> {
    fn new(opened: &'a Opened, width: usize) -> Self {
        let grid = Grid::new(width, opened.wire.len());
        let records = RecordDump::new(&opened.carried, width);
        // Where there are records, a title says what precedes them.
        let mut total = usize::from(records.total > 0);
        let mut headings = Vec::with_capacity(opened.pieces.len());
        for piece in &opened.pieces {
            headings.push(total);
            total = total.saturating_add(grid.lines(piece.range.len())).saturating_add(1);
        }
        if opened.cut {
            total = total.saturating_add(1);
        }
        let (plain, total) = (total, total.saturating_add(records.total));
        Self { opened, grid, headings, plain, records, total }
    }

    fn line(&self, number: usize, parts: Option<&Parts<'_>>, symbols: &Symbols) -> PageLine {
        if let Some(number) = number.checked_sub(self.plain) {
            return self.records.line(number, symbols);
        }
        let place = self.headings.partition_point(|first| *first <= number).checked_sub(1);
        let piece = place.and_then(|place| self.opened.pieces.get(place));
        let first = place.and_then(|place| self.headings.get(place));
        let (Some(piece), Some(first), Some(place)) = (piece, first, place) else {
            let length = words::bytes(self.opened.wire.len());
            return PageLine::of(Role::Title, format!("Decrypted: {length}"));
        };
        let Some(row) = number.saturating_sub(*first).checked_sub(1) else {
            return self.heading(place, piece, symbols);
        };
        let start = piece.range.start.saturating_add(row.saturating_mul(self.grid.bytes));
        let end = start.saturating_add(self.grid.bytes).min(piece.range.end);
        if start >= end {
            return PageLine::of(Role::Warning, UNREAD);
        }
        let bytes = self.opened.wire.get(start..end).unwrap_or_default();
        let selected = parts.map(Parts::selected_range).unwrap_or_default();
        let roles: Vec<Role> = (start..end).map(|at| self.role(at)).collect();
        let number = length_u64(start);
        self.grid.line(number, bytes, |place| {
            let at = start.saturating_add(place);
            let stress = if selected.contains(&at) { Stress::Cursor } else { Stress::None };
            (roles.get(place).copied().unwrap_or(Role::Text), stress)
        })
    }

    /// `─── packet 24, 1,448 bytes at offset 412; 20 bytes are missing before it`
    fn heading(&self, place: usize, piece: &WirePiece, symbols: &Symbols) -> PageLine {
        let mut line = PageLine::of(Role::Border, symbols.line.repeat(3));
        line.push(Role::Title, format!(" packet {}", piece.packet));
        let length = words::bytes(piece.range.len());
        let offset = words::grouped(piece.offset);
        line.push(Role::Dim, format!(" {} {length} at offset {offset}", symbols.dot));
        let before = place.checked_sub(1).and_then(|before| self.opened.pieces.get(before));
        if let Some(before) = before {
            let end = before.offset.saturating_add(length_u64(before.range.len()));
            let missing = piece.offset.saturating_sub(end);
            if missing > 0 {
                let missing = words::counted(missing, "byte");
                line.push(Role::Warning, format!(" {} {missing} missing before it", symbols.dot));
            }
        }
        line
    }

    /// What a byte is drawn with.
    fn role(&self, at: usize) -> Role {
        let frames = &self.opened.frames;
        let Some(frame) = frame_of(frames, at) else {
            // Of a frame that belongs to another row, or of no frame at all.
            return if frames.is_empty() { Role::Text } else { Role::Dim };
        };
        if frame.header_range.contains(&at) {
            let place = at.saturating_sub(frame.header_range.start);
            let extended = usize::from(frame.header.length_bits() / 8) & 0xe;
            return match place {
                0 => Role::HeaderOpcode,
                1 => Role::HeaderLength,
                _ if place < extended.saturating_add(2) => Role::HeaderLength,
                _ => Role::HeaderMask,
            };
        }
        Role::Payload
    }

    /// The lines that hold bytes of a range.
    fn lines_of(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let line = |at: usize| {
            let pieces = &self.opened.pieces;
            let place = pieces.partition_point(|piece| piece.range.end <= at);
            let (piece, first) = pieces.get(place).zip(self.headings.get(place))?;
            let row = at.saturating_sub(piece.range.start).checked_div(self.grid.bytes)?;
            Some(first.saturating_add(1).saturating_add(row))
        };
        let first = line(range.start)?;
        Some(first..line(range.start.max(range.end.saturating_sub(1)))?.saturating_add(1))
    }
}

/// The lines that are seen: bytes, and below them what the part is that is examined.
pub(super) fn shown(
    context: &InspectorContext<'_>,
    parts: Option<&Parts<'_>>,
    top: usize,
) -> Shown {
    let symbols = context.theme.symbols();
    let Some(opened) = context.opened.filter(|opened| !opened.wire.is_empty()) else {
        let mut page = context.page();
        page.paragraph(0, Role::Dim, "This row has no bytes.");
        return Shown::of(page, 0, context.height());
    };
    let dump = Dump::new(opened, usize::from(context.area.width));
    let height = height(context);
    let top = top.min(dump.total.saturating_sub(height));
    let end = top.saturating_add(height).min(dump.total);
    let mut lines: Vec<PageLine> = (top..end).map(|line| dump.line(line, parts, symbols)).collect();
    if let Some(parts) = parts
        && height < context.height()
    {
        lines.resize(height, PageLine::default());
        lines.extend(footer(context, parts));
        lines.truncate(context.height());
    }
    Shown { lines, top, total: dump.total, visible: height, pinned: 0 }
}

/// The lines that hold the part that is examined.
pub(super) fn focus(context: &InspectorContext<'_>, parts: &Parts<'_>) -> Option<Range<usize>> {
    let dump = Dump::new(context.opened?, usize::from(context.area.width));
    let range = parts.selected_range();
    if range.is_empty() {
        return None;
    }
    let lines = dump.lines_of(&range)?;
    // With the heading, where it is the line before.
    let start = if dump.headings.contains(&lines.start.saturating_sub(1)) {
        lines.start.saturating_sub(1)
    } else {
        lines.start
    };
    // Of a long payload, the beginning.
    Some(start..lines.end.min(start.saturating_add(height(context))))
}

/// Lines for bytes.
pub(super) fn height(context: &InspectorContext<'_>) -> usize {
    let has_frame = context.opened.is_some_and(|opened| !opened.frames.is_empty());
    let height = context.height();
    if has_frame && height > FOOTER.saturating_mul(3) {
        height.saturating_sub(FOOTER)
    } else {
        height
    }
}

/// The last line that can be the first.
pub(super) fn last_top(context: &InspectorContext<'_>) -> usize {
    let Some(opened) = context.opened else { return 0 };
    let dump = Dump::new(opened, usize::from(context.area.width));
    dump.total.saturating_sub(height(context))
}

/// Reports what the part is that is examined.
fn footer(context: &InspectorContext<'_>, parts: &Parts<'_>) -> Vec<PageLine> {
    let symbols = context.theme.symbols();
    let mut page = context.page();
    page.line(PageLine::of(Role::Border, symbols.line.repeat(page.width)));
    let mut line = PageLine::default();
    if parts.of > 1 {
        let number = parts.number.saturating_add(1);
        line.push(Role::Dim, format!("frame {number} of {}  ", parts.of));
    }
    let section = if let Some(field) = parts.field() {
        let role = parts.role(field);
        line.push(role, field.kind.name());
        line.push(Role::Text, format!("{}{}", field.assignment(), field.gloss()));
        field.section
    } else {
        line.push(Role::Payload, "payload");
        let length = parts.frame.map_or(0, |frame| frame.header.payload_length);
        line.push(Role::Text, format!(": {}", words::counted(length, "byte")));
        "RFC 6455 §5.2, §5.3"
    };
    let width = page.width;
    page.line(line);
    let place = parts.field().map_or_else(
        || "as sent (masked if there is a key)".to_owned(),
        |field| {
            let last = field.start_bit.saturating_add(field.bits).saturating_sub(1);
            if field.start_bit == last {
                format!("bit {last} of the header")
            } else {
                format!("bits {}-{last} of the header", field.start_bit)
            }
        },
    );
    let mut line = PageLine::of(Role::Dim, place);
    line.push_to(width, Role::Dim, section);
    page.line(line);
    page.lines
}

/// The frame that a byte of the row belongs to.
fn frame_of(frames: &[OpenedFrame], at: usize) -> Option<&OpenedFrame> {
    let behind = frames.partition_point(|frame| frame.header_range.start <= at);
    let frame = frames.get(behind.checked_sub(1)?)?;
    let holds = frame.header_range.contains(&at) || frame.payload_range.contains(&at);
    holds.then_some(frame)
}

/// What follows bytes of which there are more.
const UNREAD: &str = "The rest was not read because it is too long.";

/// Lines at the bottom that say what is examined.
const FOOTER: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_bytes_stand_in_a_line_as_fit() {
        let cases = [
            (78, 100, 16),
            (58, 100, 12),
            (60, 0x1_0000, 12),
            (40, 100, 8),
            (10, 100, 4),
            (0, 0, 4),
            (200, 9, 32),
            (110, 9, 24),
        ];
        for (width, length, bytes) in cases {
            let grid = Grid::new(width, length);
            assert_eq!(grid.bytes, bytes, "{width}");
            let line = grid.line(0, &vec![b'a'; bytes], |_| (Role::Text, Stress::None));
            assert!(line.width() <= width.max(24), "{width}: {}", line.width());
        }
    }

    #[test]
    fn bytes_are_numbered_and_shown_as_text() {
        let line = Grid::new(40, 9).line(8, b"Hi\x1b\xff", |_| (Role::Text, Stress::None));
        assert_eq!(line.text(), "0008  48 69 1b ff              Hi..");
    }
}
