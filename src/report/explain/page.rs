//! A page of text that is wrapped, and may be limited to ASCII.

use std::borrow::Cow;

use super::ExplainOptions;
use crate::describe::frame::drawing::Borders;
use crate::report::line::{Line, columns};
use crate::report::style::Role;
use crate::stream::length_u64;
use crate::text::amount::grouped;
use crate::text::escape::escape;

/// A page while it is written.
pub(super) struct Page {
    text: String,
    line: Line,
    charset: Borders,
    /// What is known of the frames.
    pub(super) options: ExplainOptions,
    /// Whether XOR was shown bit by bit already.
    pub(super) xor_was_shown: bool,
}

impl Page {
    pub(super) fn new(options: &ExplainOptions) -> Self {
        Self {
            text: String::new(),
            line: Line::new(options.style.clone()),
            charset: options.borders,
            options: options.clone(),
            xor_was_shown: false,
        }
    }

    /// Writes a heading.
    pub(super) fn heading(&mut self, text: &str) {
        self.words(Role::Strong, text);
        self.end_line();
    }

    /// Writes an empty line.
    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Writes a heading with the section of a standard to the right of it.
    pub(super) fn entry(&mut self, indent: usize, text: &str, section: &str) {
        self.line.spaces(indent);
        self.words(Role::Strong, text);
        let section = self.translated(section).into_owned();
        let width = columns(&section);
        if self.line.column().saturating_add(width).saturating_add(2) > WIDTH {
            self.end_line();
        }
        self.line.pad_to(WIDTH.saturating_sub(width));
        self.line.paint(Role::Dim, &section);
        self.end_line();
    }

    /// Writes our own words, wrapped and indented by `indent` blanks.
    pub(super) fn paragraph(&mut self, indent: usize, text: &str) {
        self.line.spaces(indent);
        self.wrapped(indent, text);
    }

    /// Writes our own words, wrapped, with a term before them.
    pub(super) fn term(&mut self, term: &str, column: usize, text: &str) {
        self.line.spaces(2);
        self.words(Role::Strong, term);
        self.line.pad_to(column);
        self.wrapped(column, text);
    }

    /// Appends our own words to the line.
    pub(super) fn push(&mut self, text: &str) {
        let text = self.translated(text).into_owned();
        self.line.push(&text);
    }

    /// Appends our own words to the line, in a color.
    pub(super) fn words(&mut self, role: Role, text: &str) {
        let text = self.translated(text).into_owned();
        self.line.paint(role, &text);
    }

    /// Appends foreign bytes, escaped, as far as they fit into the line together with `behind` more
    /// columns.
    pub(super) fn foreign(&mut self, bytes: &[u8], behind: usize) {
        let room = WIDTH.saturating_sub(self.line.column()).saturating_sub(behind);
        match self.charset {
            Borders::Lines => self.line.foreign(bytes, room),
            Borders::Ascii => {
                let mut ascii = Vec::new();
                for chunk in bytes.utf8_chunks() {
                    let letters = chunk.valid().chars();
                    ascii.extend(letters.map(|letter| {
                        u8::try_from(letter).ok().filter(u8::is_ascii).unwrap_or(b'?')
                    }));
                    ascii.extend_from_slice(chunk.invalid());
                }
                let mut text = String::new();
                // The ellipsis becomes two columns wider.
                escape(&ascii, room.saturating_sub(2), &mut text);
                let text = text.replace('…', "...");
                self.line.push(&text);
            }
        }
    }

    /// Appends blanks up to a column.
    pub(super) fn pad_to(&mut self, column: usize) {
        self.line.pad_to(column);
    }

    /// Ends the line.
    pub(super) fn end_line(&mut self) {
        let text = &mut self.text;
        self.line.finish(|line| text.push_str(&String::from_utf8_lossy(line)));
    }

    /// Gives the whole page.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn wrapped(&mut self, indent: usize, text: &str) {
        let text = self.translated(text).into_owned();
        for (place, paragraph) in text.split('\n').enumerate() {
            if place > 0 {
                self.line.spaces(indent);
            }
            if paragraph.starts_with(' ') {
                // To be copied as it is.
                self.line.push(paragraph);
                self.end_line();
            } else {
                self.wrapped_paragraph(indent, paragraph);
            }
        }
    }

    fn wrapped_paragraph(&mut self, indent: usize, text: &str) {
        let mut is_first = true;
        for word in text.split(' ') {
            let needed = columns(word).saturating_add(usize::from(!is_first));
            if !is_first && self.line.column().saturating_add(needed) > WIDTH {
                self.end_line();
                self.line.spaces(indent);
                is_first = true;
            }
            if !is_first {
                self.line.push(" ");
            }
            self.line.push(word);
            is_first = false;
        }
        self.end_line();
    }

    /// Our own words in the characters that are wanted.
    fn translated<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.charset {
            Borders::Ascii if !text.is_ascii() => {
                let mut ascii = text.to_owned();
                for (letter, words) in IN_ASCII {
                    ascii = ascii.replace(*letter, words);
                }
                ascii.into()
            }
            Borders::Lines | Borders::Ascii => text.into(),
        }
    }
}

/// A number with commas between groups of three digits.
pub(super) fn number(number: usize) -> String {
    number_u64(length_u64(number))
}

/// A number with commas between groups of three digits.
pub(super) fn number_u64(number: u64) -> String {
    let mut text = String::new();
    grouped(&mut text, number);
    text
}

/// A number of bytes.
pub(super) fn bytes(count: u64) -> String {
    format!("{} {}", number_u64(count), if count == 1 { "byte" } else { "bytes" })
}

/// Bytes in hexadecimal, with blanks between them.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Columns of the page.
pub(super) const WIDTH: usize = 100;

/// The characters beyond ASCII in our own words, and their replacements.
const IN_ASCII: &[(char, &str)] =
    &[('§', "section "), ('⊕', "^"), ('…', "..."), ('→', "->"), ('✖', "x"), ('▲', "!"), ('·', "-")];
