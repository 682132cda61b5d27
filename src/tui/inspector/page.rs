//! A page of a tab before it has colors: lines of pieces that say what they are.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use crate::text::page::{PageLine, wrapped};
use crate::text::role::Role;
use crate::tui::theme::{Symbols, Theme};

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

/// Columns below which text is not next to a label.
const NARROWEST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Glyphs, Palette};

    const UNICODE: Theme = Theme { palette: Palette::Dark, glyphs: Glyphs::Unicode };

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
}
