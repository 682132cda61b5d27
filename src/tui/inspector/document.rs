//! Content as lines of tokens, folded or not, and as rows of a screen: only those that are seen are made.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::text::escape::escape;
use crate::text::page::{PageLine, Stress};
use crate::text::role::Role;

/// Content that was cut into lines.
///
/// Holds places in the content only, so that a content of megabytes costs little more than itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Document {
    /// All tokens, in the order of the content.
    pub(super) tokens: Vec<DocumentToken>,
    /// The lines, each of tokens that follow one another.
    pub(super) lines: Vec<DocumentLine>,
}

/// Bytes of one kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct DocumentToken {
    /// Which kind.
    pub(super) kind: DocumentTokenKind,
    /// Where in the content it starts.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
}

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum DocumentTokenKind {
    /// `{` or `[`.
    Open,
    /// `}` or `]`.
    Close,
    /// `,`.
    Comma,
    /// `:`.
    Colon,
    /// The name of a member.
    Name,
    /// A string.
    String,
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Literal,
    /// What is not JSON.
    Bad,
    /// Text that is not JSON at all.
    Text,
}

/// One line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct DocumentLine {
    /// Its depth.
    pub(super) depth: usize,
    /// Its first token.
    pub(super) first: usize,
    /// One past its last token.
    pub(super) end: usize,
    /// What can be folded into it.
    pub(super) fold: Option<Fold>,
}

/// An object or array over several lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Fold {
    /// The line of its end; one past the last line where it has none.
    pub(super) close: usize,
    /// How many members or elements it has.
    pub(super) members: usize,
    /// Stands for the names and indices that lead to it: the same in messages that are alike.
    pub(super) path: u64,
}

/// Where a row of a screen begins.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct RowStart {
    /// The line that it shows, or a part of.
    pub(super) line: usize,
    /// The token that it begins with.
    pub(super) token: usize,
    /// Where in the content it begins.
    pub(super) at: usize,
    /// Whether it continues a line that did not fit into the row before.
    pub(super) goes_on: bool,
}

impl Document {
    /// Cuts a text into its lines.
    pub(super) fn of_text(content: &[u8]) -> Self {
        let mut document = Self::default();
        let mut start: usize = 0;
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            let shown = line.strip_suffix(b"\n").unwrap_or(line);
            let shown = shown.strip_suffix(b"\r").unwrap_or(shown);
            let first = document.tokens.len();
            let end = start.saturating_add(shown.len());
            document.tokens.push(DocumentToken { kind: DocumentTokenKind::Text, start, end });
            let end = document.tokens.len();
            document.lines.push(DocumentLine { depth: 0, first, end, fold: None });
            start = start.saturating_add(line.len());
        }
        document
    }

    /// The rows of a screen of so many columns, without those that are folded.
    pub(super) fn rows(
        &self,
        content: &[u8],
        width: usize,
        folded: &BTreeSet<u64>,
    ) -> Vec<RowStart> {
        let mut rows = Vec::new();
        let mut number = 0;
        while let Some(line) = self.lines.get(number) {
            let at = self.tokens.get(line.first).map_or(0, |token| token.start);
            let mut start = RowStart { line: number, token: line.first, at, goes_on: false };
            loop {
                rows.push(start);
                match self.fill(content, start, width, &mut |_, _, _| {}) {
                    Some(next) => start = next,
                    None => break,
                }
            }
            number = match line.fold {
                Some(fold) if folded.contains(&fold.path) => fold.close,
                Some(_) | None => number,
            }
            .saturating_add(1);
        }
        rows
    }

    /// Draws a row; bytes of `matches`, which are in order, are highlighted.
    pub(super) fn draw(
        &self,
        content: &[u8],
        row: RowStart,
        width: usize,
        matches: &[Range<usize>],
    ) -> PageLine {
        let mut line = PageLine::default();
        let indent = self.indent(row, width);
        line.pad_to(indent);
        self.fill(content, row, width, &mut |text, kind, range| {
            let mut at = range.start;
            let mut rest = text;
            // Where each byte is a column, only those that were found are highlighted.
            while text.len() == range.len()
                && let Some((end, stress)) = stretch(matches, at, range.end)
                && let Some((part, after)) = rest.split_at_checked(end.saturating_sub(at))
            {
                line.stressed(kind.role(), stress, part);
                (at, rest) = (end, after);
            }
            let stress = stretch(matches, at, range.end).map_or(Stress::None, |(_, it)| it);
            line.stressed(kind.role(), stress, rest);
        });
        line
    }

    /// The row that shows a place of the content.
    pub(super) fn row_of(rows: &[RowStart], at: usize) -> usize {
        rows.partition_point(|row| row.at <= at).saturating_sub(1)
    }

    /// Unfolds all that hides a place of the content.
    pub(super) fn reveal(&self, at: usize, folded: &mut BTreeSet<u64>) {
        let shown = |token: usize| self.tokens.get(token);
        for (number, line) in self.lines.iter().enumerate() {
            if shown(line.first).is_none_or(|token| token.start > at) {
                break;
            }
            let Some(fold) = line.fold.filter(|fold| fold.close > number) else { continue };
            let end = self.lines.get(fold.close).and_then(|line| shown(line.end.checked_sub(1)?));
            if end.is_none_or(|token| token.end > at) {
                folded.remove(&fold.path);
            }
        }
    }

    /// The object or array that a line begins, or else the innermost around it, with its line.
    pub(super) fn fold_at(&self, line: usize) -> Option<(usize, Fold)> {
        let lines = self.lines.get(..=line)?;
        lines.iter().enumerate().rev().find_map(|(number, candidate)| {
            let fold = candidate.fold?;
            (number == line || fold.close >= line).then_some((number, fold))
        })
    }

    /// Columns left of a row.
    fn indent(&self, row: RowStart, width: usize) -> usize {
        let depth = self.lines.get(row.line).map_or(0, |line| line.depth);
        let more = usize::from(row.goes_on && self.is_laid_out(row.line));
        depth.saturating_add(more).saturating_mul(INDENT).min(width / 2)
    }

    fn is_laid_out(&self, line: usize) -> bool {
        let first = self.lines.get(line).and_then(|line| self.tokens.get(line.first));
        first.is_some_and(|token| token.kind != DocumentTokenKind::Text)
    }

    /// Hands over the pieces of a row, with their kinds and places; gives the start of the next one
    /// of the same line.
    fn fill(
        &self,
        content: &[u8],
        row: RowStart,
        width: usize,
        out: &mut impl FnMut(&str, DocumentTokenKind, Range<usize>),
    ) -> Option<RowStart> {
        let line = self.lines.get(row.line)?;
        let mut room = width.saturating_sub(self.indent(row, width)).max(1);
        let (mut is_empty, mut marks) = (true, 0_usize);
        for number in row.token..line.end {
            let token = self.tokens.get(number)?;
            let mut at = token.start.max(if number == row.token { row.at } else { 0 });
            let next = |at: usize| RowStart { line: row.line, token: number, at, goes_on: true };
            if !is_empty && self.follows_mark(number) {
                if room == 0 {
                    return Some(next(at));
                }
                out(" ", DocumentTokenKind::Comma, at..at);
                room = room.saturating_sub(1);
            }
            while at < token.end {
                let rest = content.get(at..token.end).unwrap_or_default();
                let (mut text, length, mut columns) = glyphs(rest, room, token.kind);
                marks = if columns == 0 { marks.saturating_add(1) } else { 0 };
                if marks > MOST_MARKS {
                    text = text.escape_unicode().to_string();
                    columns = text.len();
                }
                if columns > room && !is_empty {
                    return Some(next(at));
                }
                let end = at.saturating_add(length);
                out(&text, token.kind, at..end);
                at = end;
                room = room.saturating_sub(columns);
                is_empty = false;
            }
        }
        None
    }

    /// Whether a token follows a colon or a comma of its line.
    fn follows_mark(&self, token: usize) -> bool {
        let before = token.checked_sub(1).and_then(|before| self.tokens.get(before));
        before.is_some_and(|before| {
            matches!(before.kind, DocumentTokenKind::Colon | DocumentTokenKind::Comma)
        })
    }
}

impl DocumentTokenKind {
    /// What it is drawn with.
    pub(super) fn role(self) -> Role {
        match self {
            Self::Open | Self::Close | Self::Comma | Self::Colon => Role::Dim,
            Self::Name => Role::JsonKey,
            Self::String => Role::JsonString,
            Self::Number => Role::JsonNumber,
            Self::Literal => Role::JsonLiteral,
            Self::Bad => Role::Error,
            Self::Text => Role::Text,
        }
    }
}

/// How far from a place on bytes were found, or were not; `None` at the end.
fn stretch(matches: &[Range<usize>], at: usize, end: usize) -> Option<(usize, Stress)> {
    if at >= end {
        return None;
    }
    let next = matches.partition_point(|found| found.end <= at);
    Some(match matches.get(next) {
        Some(found) if found.start <= at => (found.end.min(end), Stress::Match),
        Some(found) => (found.start.min(end), Stress::None),
        None => (end, Stress::None),
    })
}

/// As much of some bytes as can be shown in one piece: its text, its bytes, its columns. A single
/// character may take more columns than there is room for.
fn glyphs(bytes: &[u8], room: usize, kind: DocumentTokenKind) -> (String, usize, usize) {
    let near = bytes.get(..room).unwrap_or(bytes);
    let run = near.iter().take_while(|byte| matches!(byte, b' '..=b'~')).count();
    if run > 0 {
        let plain = near.get(..run).unwrap_or_default();
        return (String::from_utf8_lossy(plain).into_owned(), run, run);
    }
    let (character, length) = first_character(bytes);
    if kind == DocumentTokenKind::Text && character == b"\t" {
        return (" ".repeat(TAB), length, TAB);
    }
    let mut text = String::new();
    let columns = escape(character, usize::MAX, &mut text);
    (text, length, columns)
}

/// The first character, or the first byte that is none.
fn first_character(bytes: &[u8]) -> (&[u8], usize) {
    let near = bytes.get(..LONGEST_CHARACTER).unwrap_or(bytes);
    let valid = near.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let length = valid.chars().next().map_or(1, char::len_utf8).min(bytes.len());
    (bytes.get(..length).unwrap_or_default(), length)
}

/// Columns that a level of depth takes.
const INDENT: usize = 2;

/// Marks upon one character that are shown as they are.
const MOST_MARKS: usize = 3;

/// Columns that a tab takes.
const TAB: usize = 4;

/// Bytes of a character in UTF-8 at most.
const LONGEST_CHARACTER: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content: &[u8], width: usize) -> Vec<String> {
        let document = Document::of_text(content);
        let rows = document.rows(content, width, &BTreeSet::new());
        rows.iter().map(|row| document.draw(content, *row, width, &[]).text()).collect()
    }

    #[test]
    fn text_is_shown_in_rows_of_the_width() {
        #[rustfmt::skip]
        let cases: &[(&str, &[u8], usize, &[&str])] = &[
            ("short",                b"hello",              9, &["hello"]),
            ("exactly full",         b"hello",              5, &["hello"]),
            ("cut",                  b"hello world",        5, &["hello", " worl", "d"]),
            ("lines",                b"a\r\nb\n\nc",        5, &["a", "b", "", "c"]),
            ("line end at the end",  b"a\n",                5, &["a"]),
            ("control bytes",        b"\x1b[2J",            9, &["\\x1b[2J"]),
            ("never split",          b"ab\x1bc",            5, &["ab", "\\x1bc"]),
            ("wider than the row",   b"\x1b",               2, &["\\x1b"]),
            ("no UTF-8",             b"\xff\xe2\x82",       20, &["\\xff\\xe2\\x82"]),
            ("wide characters",      "漢字漢".as_bytes(),     5, &["漢字", "漢"]),
            ("marks stay together",  "e\u{301}e".as_bytes(), 9, &["e\u{301}e"]),
            ("right-to-left mark",   "a\u{202e}b".as_bytes(), 12, &["a\\u{202e}b"]),
            ("tab",                  b"\ta",                9, &["    a"]),
            ("nothing",              b"",                   5, &[]),
        ];
        for (name, content, width, expected) in cases {
            assert_eq!(shown(content, *width), *expected, "{name}");
        }
    }

    #[test]
    fn every_byte_is_shown_in_one_row_at_any_width() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let content: Vec<u8> = (0..3_000)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[0]
            })
            .collect();
        let document = Document::of_text(&content);
        for width in 0..12 {
            let rows = document.rows(&content, width, &BTreeSet::new());
            let mut seen = 0;
            for row in &rows {
                document.fill(&content, *row, width, &mut |_, _, range| seen += range.len());
            }
            let ends = content.split(|byte| *byte == b'\n').count() - 1;
            let returns = content.windows(2).filter(|pair| *pair == b"\r\n").count();
            assert_eq!(seen, content.len() - ends - returns, "{width}");
            for (number, row) in rows.iter().enumerate() {
                let bytes = content.get(row.at);
                if bytes.is_some_and(|byte| *byte != b'\n') && row.at > 0 {
                    let found = Document::row_of(&rows, row.at);
                    assert!(found >= number, "{width}: {number}");
                }
            }
        }
    }

    #[test]
    fn matches_are_highlighted() {
        let document = Document::of_text(b"hello");
        let row = document.rows(b"hello", 9, &BTreeSet::new())[0];
        let line = document.draw(b"hello", row, 9, &[0..1, 3..5]);
        let pieces: Vec<_> =
            line.pieces.iter().map(|piece| (piece.text.as_str(), piece.stress)).collect();
        assert_eq!(pieces, [("h", Stress::Match), ("el", Stress::None), ("lo", Stress::Match)]);
        let line = document.draw(b"hello", row, 9, &[7..8, 8..9]);
        assert_eq!(line.pieces[0].stress, Stress::None);
    }
}
