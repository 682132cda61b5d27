//! A page of text before it has colors: lines of pieces that say what they are, and breaking text into
//! lines.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::escape::escape;
use crate::text::role::Role;

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
    /// It is not.
    #[default]
    None,
    /// The cursor is on it.
    Cursor,
    /// It was searched for.
    Match,
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
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let words = paragraph.trim_start_matches(' ');
        // Lines that are set in, as examples are, stay so.
        let indent = paragraph.len().saturating_sub(words.len()).min(columns / 2);
        let columns = columns.saturating_sub(indent);
        let first = lines.len();
        let (mut line, mut width) = (String::new(), 0_usize);
        for word in words.split(' ') {
            let added = word_width(word);
            if !line.is_empty() && width.saturating_add(1).saturating_add(added) > columns {
                lines.push(std::mem::take(&mut line));
                width = 0;
            } else if !line.is_empty() {
                line.push(' ');
                width = width.saturating_add(1);
            }
            if width.saturating_add(added) <= columns {
                line.push_str(word);
                width = width.saturating_add(added);
                continue;
            }
            for letter in word.chars() {
                if width.saturating_add(letter.width().unwrap_or(0)) > columns && !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(letter);
                width = line.width();
            }
        }
        lines.push(line);
        for line in lines.iter_mut().skip(first).filter(|_| indent > 0) {
            line.insert_str(0, &" ".repeat(indent));
        }
    }
    lines
}

/// Columns that a word takes: those of most words are their bytes.
fn word_width(word: &str) -> usize {
    if word.is_ascii() { word.len() } else { word.width() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_words_and_long_words_anywhere() {
        #[rustfmt::skip]
        let cases: &[(&str, usize, &[&str])] = &[
            ("one two three", 7,  &["one two", "three"]),
            ("one two three", 20, &["one two three"]),
            ("do:\n  one two",  7, &["do:", "  one", "  two"]),
            ("abcdefgh i",    3,  &["abc", "def", "gh", "i"]),
            ("abcdef g h",    4,  &["abcd", "ef g", "h"]),
            ("a  b c",        4,  &["a  b", "c"]),
            ("ab 👩‍👧 c",       5,  &["ab 👩‍👧", "c"]),
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
    fn pieces_of_one_kind_are_one_and_nothing_dangerous_passes() {
        let mut line = PageLine::of(Role::Dim, "a");
        line.push(Role::Dim, "b");
        line.foreign(Role::Text, b"\x1b[2J\xff", 20);
        line.push_to(20, Role::JsonNumber, "7");
        assert_eq!(line.text(), "ab\\x1b[2J\\xff      7");
        assert_eq!((line.pieces.len(), line.width()), (3, 20));
    }
}
