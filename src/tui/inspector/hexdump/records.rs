//! The encrypted records that carried a row, as they were captured, with their headers marked.

use crate::stream::length_u64;
use crate::text::page::{PageLine, Stress};
use crate::text::role::Role;
use crate::text::words;
use crate::timeline::{CarriedRecord, CarriedRecords};
use crate::tui::inspector::hexdump::{Grid, UNREAD};
use crate::tui::theme::Symbols;

/// The records, in lines.
pub(super) struct RecordDump<'a> {
    carried: &'a CarriedRecords,
    grid: Grid,
    /// The first line of each record.
    firsts: Vec<usize>,
    /// How many lines there are; none if the row was not encrypted.
    pub(super) total: usize,
}

impl<'a> RecordDump<'a> {
    pub(super) fn new(carried: &'a CarriedRecords, width: usize) -> Self {
        let grid = Grid::new(width, carried.bytes.len());
        let (mut total, mut firsts) = (TITLE, Vec::with_capacity(carried.records.len()));
        for record in &carried.records {
            firsts.push(total);
            let body = record.range.len().saturating_sub(HEADER);
            total = total.saturating_add(ABOVE).saturating_add(grid.lines(body));
        }
        if carried.cut {
            total = total.saturating_add(1);
        }
        let total = if carried.records.is_empty() { 0 } else { total };
        Self { carried, grid, firsts, total }
    }

    /// One line.
    pub(super) fn line(&self, number: usize, symbols: &Symbols) -> PageLine {
        let Some(place) = self.firsts.partition_point(|first| *first <= number).checked_sub(1)
        else {
            return if number.saturating_add(1) == TITLE {
                self.title()
            } else {
                PageLine::default()
            };
        };
        let (Some(record), Some(first)) = (self.carried.records.get(place), self.firsts.get(place))
        else {
            return PageLine::default();
        };
        let number = number.saturating_sub(*first);
        let header = record.range.start.saturating_add(HEADER).min(record.range.end);
        match number.checked_sub(ABOVE) {
            None if number == 0 => heading(place, record, symbols),
            None if number == 1 => {
                let bytes = self.bytes(record.range.start, header);
                let start = length_u64(record.range.start);
                self.grid.line(start, bytes, |at| (header_role(at), Stress::None))
            }
            None => explained(self.bytes(record.range.start, header), symbols),
            Some(row) => {
                let start = header.saturating_add(row.saturating_mul(self.grid.bytes));
                let end = start.saturating_add(self.grid.bytes).min(record.range.end);
                if start >= end {
                    return PageLine::of(Role::Warning, UNREAD);
                }
                let bytes = self.bytes(start, end);
                self.grid.line(length_u64(start), bytes, |_| (Role::Dim, Stress::None))
            }
        }
    }

    fn bytes(&self, start: usize, end: usize) -> &[u8] {
        self.carried.bytes.get(start..end).unwrap_or_default()
    }

    /// `As captured: 2 encrypted records`
    fn title(&self) -> PageLine {
        let count = words::counted(length_u64(self.carried.records.len()), "encrypted record");
        PageLine::of(Role::Title, format!("As captured: {count}"))
    }
}

/// `─── record 1 · packets 24-25 · 1,448 bytes at offset 412 of TCP`
fn heading(place: usize, record: &CarriedRecord, symbols: &Symbols) -> PageLine {
    let dot = symbols.dot;
    let mut line = PageLine::of(Role::Border, symbols.line.repeat(3));
    line.push(Role::Title, format!(" record {}", place.saturating_add(1)));
    let numbers = || record.pieces.iter().map(|piece| piece.packet);
    if let Some((first, last)) = numbers().min().zip(numbers().max()) {
        line.push(Role::Title, format!(" {dot} {}", words::packets(first, last)));
    }
    let length = words::bytes(record.range.len());
    let offset = record.pieces.first().map_or(0, |piece| piece.offset);
    let offset = words::grouped(offset);
    line.push(Role::Dim, format!(" {dot} {length} at offset {offset} of TCP"));
    line
}

/// `header: application data (23) · version 0x0303 · length 86`
fn explained(header: &[u8], symbols: &Symbols) -> PageLine {
    let mut line = PageLine::of(Role::Dim, "header: ");
    let &[kind, major, minor, high, low] = header else {
        line.push(Role::Warning, "not whole");
        return line;
    };
    let [version, length] = [[major, minor], [high, low]].map(u16::from_be_bytes);
    let name = if kind == APPLICATION_DATA { "application data" } else { "record" };
    let dot = format!(" {} ", symbols.dot);
    line.push(header_role(0), format!("{name} ({kind})"));
    line.push(Role::Dim, &dot);
    line.push(header_role(1), format!("version {version:#06x}"));
    line.push(Role::Dim, &dot);
    line.push(header_role(3), format!("length {length}"));
    line
}

/// What a byte of a record's header is drawn with.
fn header_role(at: usize) -> Role {
    match at {
        0 => Role::HeaderOpcode,
        1 | 2 => Role::HeaderFlags,
        _ => Role::HeaderLength,
    }
}

/// Lines above the first record: a blank one, and the title.
const TITLE: usize = 2;

/// Lines of a record above what is encrypted: its heading, its header, and what that says.
const ABOVE: usize = 3;

/// Length of a record's header, in bytes (RFC 8446 §5.1).
const HEADER: usize = 5;

/// The content type of application data.
const APPLICATION_DATA: u8 = 23;
