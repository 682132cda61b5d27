//! One line of text while it is put together: its columns are counted, its colors are not.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::style::Style;
use crate::stream::{Direction, Timestamp};
use crate::text::amount::{grouped, grouped_width, relative_time};
use crate::text::escape::escape;
use crate::text::role::Role;

/// A reused buffer for one line.
#[derive(Debug)]
pub(super) struct Line {
    text: String,
    scratch: String,
    column: usize,
    style: Style,
}

impl Line {
    /// Makes an empty line.
    pub(super) fn new(style: Style) -> Self {
        Self { text: String::new(), scratch: String::new(), column: 0, style }
    }

    /// Terminal columns used so far.
    pub(super) fn column(&self) -> usize {
        self.column
    }

    /// Appends our own words.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column = self.column.saturating_add(columns(text));
    }

    /// Appends our own words in a color.
    pub(super) fn paint(&mut self, role: Role, text: &str) {
        self.begin(role);
        self.push(text);
        self.end();
    }

    /// Begins a color.
    pub(super) fn begin(&mut self, role: Role) {
        self.text.push_str(self.style.begin(role));
    }

    /// Ends a color.
    pub(super) fn end(&mut self) {
        self.text.push_str(self.style.end());
    }

    /// Appends what `write` writes.
    pub(super) fn with(&mut self, write: impl FnOnce(&mut String)) {
        let from = self.text.len();
        write(&mut self.text);
        let added = self.text.get(from..).map_or(0, columns);
        self.column = self.column.saturating_add(added);
    }

    /// Appends a value.
    pub(super) fn value(&mut self, value: impl std::fmt::Display) {
        self.with(|out| {
            write!(out, "{value}").ok();
        });
    }

    /// Appends a number with separators.
    pub(super) fn number(&mut self, number: u64) {
        self.with(|out| grouped(out, number));
    }

    /// Appends a number with separators, to the right of `width` columns.
    pub(super) fn number_right(&mut self, number: u64, width: usize) {
        self.spaces(width.saturating_sub(grouped_width(number)));
        self.number(number);
    }

    /// Appends the place of a time on the axis that begins at `start`, to the right of `width` columns.
    pub(super) fn relative_time_right(
        &mut self,
        (start, time): (Timestamp, Timestamp),
        width: usize,
    ) {
        self.scratch.clear();
        relative_time(&mut self.scratch, start, time);
        self.spaces(width.saturating_sub(self.scratch.len()));
        self.text.push_str(&self.scratch);
        self.column = self.column.saturating_add(self.scratch.len());
    }

    /// Appends bytes from the network, escaped, in at most `limit` columns.
    pub(super) fn foreign(&mut self, bytes: &[u8], limit: usize) {
        let used = escape(bytes, limit, &mut self.text);
        self.column = self.column.saturating_add(used);
    }

    /// Appends spaces.
    pub(super) fn spaces(&mut self, count: usize) {
        match BLANKS.get(..count) {
            Some(blanks) => self.text.push_str(blanks),
            None => self.text.extend(std::iter::repeat_n(' ', count)),
        }
        self.column = self.column.saturating_add(count);
    }

    /// Appends spaces up to a column.
    pub(super) fn pad_to(&mut self, column: usize) {
        self.spaces(column.saturating_sub(self.column));
    }

    /// Appends the arrow of a direction, or its blank place.
    pub(super) fn arrow(&mut self, direction: Option<Direction>) {
        match direction {
            None => self.push(" "),
            Some(direction @ Direction::ClientToServer) => self.paint(role(direction), "→"),
            Some(direction @ Direction::ServerToClient) => self.paint(role(direction), "←"),
        }
    }

    /// Gives the whole line with its line end, and empties the buffer when the guard is done.
    pub(super) fn finish(&mut self, write: impl FnOnce(&[u8])) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
        write(self.text.as_bytes());
        self.text.clear();
        self.column = 0;
    }
}

/// The color of a direction.
pub(super) fn role(direction: Direction) -> Role {
    match direction {
        Direction::ClientToServer => Role::Client,
        Direction::ServerToClient => Role::Server,
    }
}

/// Enough blanks for every column.
const BLANKS: &str = "                                                                ";

/// Columns of a text of ours.
pub(super) fn columns(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::style::Coloring;

    #[test]
    fn columns_are_counted_without_colors() {
        let mut line = Line::new(Style::new(Coloring::On));
        line.paint(Role::Error, "✖");
        line.arrow(Some(Direction::ServerToClient));
        line.number_right(1234, 7);
        line.foreign("日本\x1b".as_bytes(), 20);
        assert_eq!(line.column(), 2 + 7 + 8);
        line.pad_to(20);
        line.relative_time_right((Timestamp(0), Timestamp(1_500_000_000)), 10);
        assert_eq!(line.column(), 30);
        let mut whole = Vec::new();
        line.finish(|bytes| whole.extend_from_slice(bytes));
        assert!(whole.ends_with("日本\\x1b     1.500000\n".as_bytes()));
        assert_eq!(line.column(), 0);
    }
}
