//! The beginning of a row's content, in which what was searched for stands out.

use std::fmt::Write;
use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::Span;

use crate::timeline::{Row, RowKind};
use crate::tui::app::App;
use crate::tui::search::Needle;
use crate::tui::theme::Role;
use crate::tui::view::pane::safe;
use crate::websocket::Opcode;

/// The content in at most so many columns; where the first match does not fit, what is around that.
pub(super) fn spans(app: &App, row: &Row, bytes: &[u8], room: usize) -> Vec<Span<'static>> {
    let theme = app.theme;
    let (form, role) = match row.kind {
        RowKind::Message(Opcode::Binary) => (Form::Hex, Role::Dim),
        _ => (Form::Text, Role::Text),
    };
    let needle = app.search.needle();
    let found: Vec<Range<usize>> =
        needle.map(|needle: &Needle| needle.find_all(bytes).collect()).unwrap_or_default();
    let mut line = Line { spans: Vec::new(), room, form };
    let style = theme.style(role);
    let mut at = beginning(bytes, found.first(), room, form);
    if at > 0 {
        line.push(Piece::Ready(theme.symbols().ellipsis), style);
    }
    for place in &found {
        line.push(Piece::Bytes(bytes.get(at..place.start).unwrap_or_default()), style);
        let part = bytes.get(place.start.max(at)..place.end).unwrap_or_default();
        line.push(Piece::Bytes(part), style.patch(theme.style(Role::Match)));
        at = place.end.max(at);
    }
    line.push(Piece::Bytes(bytes.get(at..).unwrap_or_default()), style);
    line.spans
}

/// How bytes are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Text,
    Hex,
}

/// What is added to a line.
enum Piece<'a> {
    Bytes(&'a [u8]),
    Ready(&'static str),
}

struct Line {
    spans: Vec<Span<'static>>,
    room: usize,
    form: Form,
}

impl Line {
    fn push(&mut self, piece: Piece<'_>, style: Style) {
        let text = match (piece, self.form) {
            (Piece::Ready(text), _) => text.to_owned(),
            (Piece::Bytes([]), _) => return,
            (Piece::Bytes(bytes), Form::Text) => safe(bytes, self.room),
            (Piece::Bytes(bytes), Form::Hex) => safe(hex(bytes, self.room).as_bytes(), self.room),
        };
        if self.room == 0 || text.is_empty() {
            return;
        }
        let span = Span::styled(text, style);
        self.room = self.room.saturating_sub(span.width());
        self.spans.push(span);
    }
}

/// Where what is shown begins: at the start, or a little before a match that would not be seen.
fn beginning(bytes: &[u8], first: Option<&Range<usize>>, room: usize, form: Form) -> usize {
    let columns = match form {
        Form::Text => 1,
        Form::Hex => BYTE_COLUMNS,
    };
    let Some(first) = first.filter(|it| it.end.saturating_mul(columns) > room) else { return 0 };
    let mut start = first.start.saturating_sub(BEFORE / columns);
    // Not in the middle of a character.
    while form == Form::Text && bytes.get(start).is_some_and(|byte| byte & 0xc0 == 0x80) {
        start = start.saturating_add(1);
    }
    start.min(first.start)
}

/// Bytes in hexadecimal digits, as many as could be seen.
fn hex(bytes: &[u8], room: usize) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(room / BYTE_COLUMNS + 1) {
        // Nothing fails to be written into memory.
        write!(text, "{byte:02x} ").ok();
    }
    text
}

/// Columns of a byte in hexadecimal digits, with the blank behind it.
const BYTE_COLUMNS: usize = 3;

/// Columns that are shown before a match that lies far behind.
const BEFORE: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, content, where the match is, columns, how it is written, where it is to begin.
    struct Case(&'static str, &'static [u8], Range<usize>, usize, Form, usize);

    #[test]
    fn a_match_far_behind_is_brought_into_sight() {
        #[rustfmt::skip]
        let cases = [
            Case("near",               b"hello world",                6..11,  20, Form::Text, 0),
            Case("far",                &[b'a'; 100],                  80..84, 40, Form::Text, 68),
            Case("within a character", "aaaaaaé0123456789ab".as_bytes(), 19..20, 10, Form::Text, 8),
            Case("bytes near",         &[0; 20],                      4..6,   20, Form::Hex,  0),
            Case("bytes far",          &[0; 100],                     80..84, 40, Form::Hex,  76),
        ];
        for Case(name, bytes, found, room, form, expected) in cases {
            assert_eq!(beginning(bytes, Some(&found), room, form), expected, "{name}");
        }
        assert_eq!(beginning(b"hello", None, 3, Form::Text), 0);
    }
}
