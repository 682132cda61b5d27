//! A page of a tab before it has colors: lines of pieces that say what they are.

use std::ops::Range;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::escape::escape;
use crate::tui::theme::{Role, Symbols, Theme};

/// Lines, from top to bottom.
#[derive(Clone, Debug)]
pub struct Page {
    /// What is on it.
    pub lines: Vec<PageLine>,
    /// The lines that ought to be seen: those that the cursor is about.
    pub focus: Option<Range<usize>>,
    /// Columns that it may take.
    pub width: usize,
    /// What marks look like.
    pub theme: Theme,
}

/// One line.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PageLine {
    /// Its pieces, from left to right.
    pub pieces: Vec<Piece>,
}

/// Text of one kind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Piece {
    /// The text; nothing in it that a terminal obeys.
    pub text: String,
    /// What it is.
    pub role: Role,
    /// Whether it is highlighted.
    pub stress: Stress,
}

/// Whether a piece is highlighted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Stress {
    /// It does not.
    #[default]
    None,
    /// The cursor is on it.
    Cursor,
    /// It was searched for.
    Match,
}

impl Page {
    /// Makes an empty one.
    pub fn new(width: usize, theme: Theme) -> Self {
        Self { lines: Vec::new(), focus: None, width, theme }
    }

    /// The marks.
    pub fn symbols(&self) -> &'static Symbols {
        self.theme.symbols()
    }

    /// Adds an empty line.
    pub fn blank(&mut self) {
        self.lines.push(PageLine::default());
    }

    /// Adds a line.
    pub fn line(&mut self, line: PageLine) {
        self.lines.push(line);
    }

    /// Adds a heading, after an empty line unless it is the first.
    pub fn heading(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.blank();
        }
        self.paragraph(0, Role::Title, text);
    }

    /// Adds text of ours, cut into lines between words.
    pub fn paragraph(&mut self, indent: usize, role: Role, text: &str) {
        self.hanging(PageLine::default(), indent, role, text);
    }

    /// Adds a label with text of ours next to it, whose lines begin in a column.
    pub fn entry(&mut self, label: &str, column: usize, role: Role, text: &str) {
        self.hanging(PageLine::of(Role::Dim, format!(" {label}")), column, role, text);
    }

    /// Adds text whose first line continues one that was begun.
    pub fn hanging(&mut self, begun: PageLine, column: usize, role: Role, text: &str) {
        // If there is hardly room beside the label, the text begins near the left.
        let column = if column.saturating_add(NARROWEST) > self.width {
            self.width.min(column).min(1)
        } else {
            column
        };
        let mut line = begun;
        if column < line.width() {
            line.push(Role::Text, " ");
        } else {
            line.pad_to(column);
        }
        for row in wrapped(text, self.width.saturating_sub(column).max(1)) {
            if line.width() > column.saturating_add(1)
                && line.width().saturating_add(row.width()) > self.width
            {
                self.lines.push(std::mem::take(&mut line));
            }
            line.pad_to(column);
            line.push(role, row);
            self.lines.push(std::mem::take(&mut line));
        }
    }

    /// The text of all lines.
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| line.text().trim_end().to_owned() + "\n").collect()
    }
}

impl PageLine {
    /// A line of one piece.
    pub fn of(role: Role, text: impl AsRef<str>) -> Self {
        let mut line = Self::default();
        line.push(role, text);
        line
    }

    /// Adds text of ours.
    pub fn push(&mut self, role: Role, text: impl AsRef<str>) {
        self.stressed(role, Stress::None, text);
    }

    /// Adds text that may be highlighted.
    pub fn stressed(&mut self, role: Role, stress: Stress, text: impl AsRef<str>) {
        let text = text.as_ref();
        if text.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(last) if last.role == role && last.stress == stress => last.text.push_str(text),
            Some(_) | None => self.pieces.push(Piece { text: text.to_owned(), role, stress }),
        }
    }

    /// Adds bytes from the network, in at most so many columns.
    pub fn foreign(&mut self, role: Role, bytes: &[u8], columns: usize) {
        self.push(role, safe(bytes, columns));
    }

    /// Fills up with blanks to a column.
    pub fn pad_to(&mut self, column: usize) {
        let missing = column.saturating_sub(self.width());
        self.push(Role::Text, " ".repeat(missing));
    }

    /// Adds text that ends in a column; after a blank where that is passed already.
    pub fn push_to(&mut self, column: usize, role: Role, text: &str) {
        let start = column.saturating_sub(text.width());
        self.pad_to(start.max(self.width().saturating_add(1)));
        self.push(role, text);
    }

    /// Columns that it takes.
    pub fn width(&self) -> usize {
        self.pieces.iter().map(|piece| piece.text.width()).sum()
    }

    /// The whole line.
    pub fn text(&self) -> String {
        self.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }
}

/// Bytes from the network as text that no terminal obeys, in at most so many columns.
pub fn safe(bytes: &[u8], columns: usize) -> String {
    let mut text = String::new();
    escape(bytes, columns, &mut text);
    text
}

/// Text in lines of at most so many columns, cut between words; a longer word is cut as well.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let words = paragraph.trim_start_matches(' ');
        // Lines that are set in, as examples are, stay so.
        let indent = paragraph.len().saturating_sub(words.len()).min(columns / 2);
        let columns = columns.saturating_sub(indent);
        let first = lines.len();
        let mut line = String::new();
        for word in words.split(' ') {
            let room = columns.saturating_sub(line.width());
            if !line.is_empty() && word.width().saturating_add(1) > room {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            for letter in word.chars() {
                if line.width().saturating_add(letter.width().unwrap_or(0)) > columns
                    && !line.is_empty()
                {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(letter);
            }
        }
        lines.push(line);
        for line in lines.iter_mut().skip(first).filter(|_| indent > 0) {
            line.insert_str(0, &" ".repeat(indent));
        }
    }
    lines
}

/// Columns below which text is not next to a label.
const NARROWEST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Glyphs, Palette};

    const UNICODE: Theme = Theme { palette: Palette::Dark, glyphs: Glyphs::Unicode };

    #[test]
    fn text_is_cut_between_words_and_long_words_anywhere() {
        #[rustfmt::skip]
        let cases: &[(&str, usize, &[&str])] = &[
            ("one two three", 7,  &["one two", "three"]),
            ("one two three", 20, &["one two three"]),
            ("do:\n  one two",  7, &["do:", "  one", "  two"]),
            ("abcdefgh i",    3,  &["abc", "def", "gh", "i"]),
            ("a\nb",          9,  &["a", "b"]),
            ("漢字漢字",        5,  &["漢字", "漢字"]),
            ("漢",             1,  &["漢"]),
            ("",              5,  &[]),
        ];
        for (text, columns, expected) in cases {
            assert_eq!(wrapped(text, *columns), *expected, "{text}");
        }
    }

    #[test]
    fn entries_hang_beside_their_labels_where_there_is_room() {
        let mut page = Page::new(30, UNICODE);
        page.heading("Title");
        page.entry("label", 10, Role::Text, "text that goes on in a second line");
        page.heading("More");
        assert_eq!(
            page.text(),
            "Title\n label    text that goes on in\n          a second line\n\nMore\n"
        );
        let mut page = Page::new(12, UNICODE);
        page.entry("label", 10, Role::Text, "a text that goes on");
        assert_eq!(page.text(), " label\n a text that\n goes on\n");
    }

    #[test]
    fn pieces_of_one_kind_are_one_and_nothing_dangerous_passes() {
        let mut line = PageLine::of(Role::Dim, "a");
        line.push(Role::Dim, "b");
        line.foreign(Role::Text, b"\x1b[2J\xff", 20);
        line.push_to(20, Role::JsonNumber, "7");
        assert_eq!(line.text(), "ab\\x1b[2J\\xff      7");
        assert_eq!((line.pieces.len(), line.width()), (3, 20));
    }
}
