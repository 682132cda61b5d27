//! A page of text that is wrapped, and may be limited to ASCII.

use std::borrow::Cow;

use super::ExplainOptions;
use crate::describe::frame::drawing::Borders;
use crate::stream::length_u64;
use crate::text::page::{PageLine, safe, wrapped};
use crate::text::role::Role;
use crate::text::words;

/// A page while it is written.
pub(super) struct Page {
    lines: Vec<PageLine>,
    line: PageLine,
    /// What is known of the frames.
    pub(super) options: ExplainOptions,
    /// Whether XOR was shown bit by bit already.
    pub(super) xor_was_shown: bool,
}

impl Page {
    pub(super) fn new(options: &ExplainOptions) -> Self {
        Self {
            lines: Vec::new(),
            line: PageLine::default(),
            options: options.clone(),
            xor_was_shown: false,
        }
    }

    /// Writes a heading.
    pub(super) fn heading(&mut self, text: &str) {
        self.words(Role::Title, text);
        self.end_line();
    }

    /// Writes an empty line.
    pub(super) fn blank(&mut self) {
        self.lines.push(PageLine::default());
    }

    /// Writes a heading with the section of a standard to the right of it.
    pub(super) fn entry(&mut self, indent: usize, text: &str, section: &str) {
        self.line.pad_to(indent);
        self.words(Role::Title, text);
        let section = self.translated(section).into_owned();
        let width = PageLine::of(Role::Dim, &section).width();
        if self.line.width().saturating_add(width).saturating_add(2) > WIDTH {
            self.end_line();
        }
        self.line.push_to(WIDTH, Role::Dim, &section);
        self.end_line();
    }

    /// Writes our own words, wrapped and indented by `indent` blanks.
    pub(super) fn paragraph(&mut self, indent: usize, text: &str) {
        self.wrapped(indent, text);
    }

    /// Writes our own words, wrapped, with a term before them.
    pub(super) fn term(&mut self, term: &str, column: usize, text: &str) {
        self.line.pad_to(2);
        self.words(Role::Title, term);
        self.wrapped(column, text);
    }

    /// Appends our own words to the line.
    pub(super) fn push(&mut self, text: &str) {
        self.words(Role::Text, text);
    }

    /// Appends our own words to the line, in a color.
    pub(super) fn words(&mut self, role: Role, text: &str) {
        let text = self.translated(text).into_owned();
        self.line.push(role, text);
    }

    /// Appends foreign bytes, escaped, as far as they fit into the line together with `after` more
    /// columns.
    pub(super) fn foreign(&mut self, bytes: &[u8], after: usize) {
        let room = WIDTH.saturating_sub(self.line.width()).saturating_sub(after);
        match self.options.borders {
            Borders::Lines => self.line.foreign(Role::Text, bytes, room),
            Borders::Ascii => {
                let mut ascii = Vec::new();
                for chunk in bytes.utf8_chunks() {
                    let letters = chunk.valid().chars();
                    ascii.extend(letters.map(|letter| {
                        u8::try_from(letter).ok().filter(u8::is_ascii).unwrap_or(b'?')
                    }));
                    ascii.extend_from_slice(chunk.invalid());
                }
                let text = safe(&ascii, room.saturating_sub(2)).replace('…', "...");
                self.line.push(Role::Text, text);
            }
        }
    }

    /// Appends blanks up to a column.
    pub(super) fn pad_to(&mut self, column: usize) {
        self.line.pad_to(column);
    }

    /// Ends the line.
    pub(super) fn end_line(&mut self) {
        self.lines.push(std::mem::take(&mut self.line));
    }

    /// Gives the whole page, in colors.
    pub(super) fn finish(self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            self.options.style.write(line, &mut text);
        }
        text
    }

    /// Writes our own words from a column on, in lines of at most [`WIDTH`].
    fn wrapped(&mut self, column: usize, text: &str) {
        let text = self.translated(text).into_owned();
        let room = WIDTH.saturating_sub(column);
        for paragraph in text.split('\n') {
            // What is set in is to be copied as it is.
            let lines = if paragraph.is_empty() || paragraph.starts_with(' ') {
                vec![paragraph.to_owned()]
            } else {
                wrapped(paragraph, room)
            };
            for line in lines {
                self.line.pad_to(column);
                self.line.push(Role::Text, line);
                self.end_line();
            }
        }
    }

    /// Our own words in the characters that are wanted.
    fn translated<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.options.borders {
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
    words::grouped(length_u64(number))
}

/// A number of bytes.
pub(super) fn bytes(count: u64) -> String {
    words::counted(count, "byte")
}

/// Columns of the page.
pub(super) const WIDTH: usize = 100;

/// The characters beyond ASCII in our own words, and their replacements.
const IN_ASCII: &[(char, &str)] =
    &[('§', "section "), ('⊕', "^"), ('…', "..."), ('→', "->"), ('✖', "x"), ('▲', "!"), ('·', "-")];
