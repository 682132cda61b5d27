//! The beginning of a row's content, with what was searched for highlighted.

use std::fmt::Write;
use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::Span;

use crate::text::role::Role;
use crate::timeline::{Row, RowKind};
use crate::tui::app::App;
use crate::tui::search::Needle;
use crate::tui::view::pane::safe;
use crate::websocket::Opcode;

/// The content in at most so many columns; where the first match does not fit, what is around that.
pub(super) fn spans(app: &App, row: &Row, bytes: &[u8], room: usize) -> Vec<Span<'static>> {
    let theme = app.theme;
    let (form, role) = match row.kind {
        RowKind::Message(Opcode::Binary) => (MatchForm::Hex, Role::Dim),
        _ => (MatchForm::Text, Role::Text),
    };
    let needle = app.search.needle();
    let found: Vec<Range<usize>> =
        needle.map(|needle: &Needle| needle.find_all(bytes).collect()).unwrap_or_default();
    let mut line = MatchLine { spans: Vec::new(), room, form };
    let style = theme.style(role);
    let mut at = beginning(bytes, found.first(), room, form);
    if at > 0 {
        line.push(MatchPiece::Ready(theme.symbols().ellipsis), style);
    }
    for place in &found {
        line.push(MatchPiece::Bytes(bytes.get(at..place.start).unwrap_or_default()), style);
        let part = bytes.get(place.start.max(at)..place.end).unwrap_or_default();
        line.push(MatchPiece::Bytes(part), style.patch(theme.style(Role::Match)));
        at = place.end.max(at);
    }
    line.push(MatchPiece::Bytes(bytes.get(at..).unwrap_or_default()), style);
    line.spans
}

/// How bytes are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum MatchForm {
    Text,
    Hex,
}

/// What is added to a line.
enum MatchPiece<'a> {
    Bytes(&'a [u8]),
    Ready(&'static str),
}

struct MatchLine {
    spans: Vec<Span<'static>>,
    room: usize,
    form: MatchForm,
}

impl MatchLine {
    fn push(&mut self, piece: MatchPiece<'_>, style: Style) {
        let text = match (piece, self.form) {
            (MatchPiece::Ready(text), _) => text.to_owned(),
            (MatchPiece::Bytes([]), _) => return,
            (MatchPiece::Bytes(bytes), MatchForm::Text) => safe(bytes, self.room),
            (MatchPiece::Bytes(bytes), MatchForm::Hex) => {
                safe(hex(bytes, self.room).as_bytes(), self.room)
            }
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
fn beginning(bytes: &[u8], first: Option<&Range<usize>>, room: usize, form: MatchForm) -> usize {
    let columns = match form {
        MatchForm::Text => 1,
        MatchForm::Hex => BYTE_COLUMNS,
    };
    let Some(first) = first.filter(|it| it.end.saturating_mul(columns) > room) else { return 0 };
    let mut start = first.start.saturating_sub(BEFORE / columns);
    // Not in the middle of a character.
    while form == MatchForm::Text && bytes.get(start).is_some_and(|byte| byte & 0xc0 == 0x80) {
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

/// Columns of a byte in hexadecimal digits, with the blank after it.
const BYTE_COLUMNS: usize = 3;

/// Columns that are shown before a match that is far after.
const BEFORE: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, content, where the match is, columns, how it is written, where it is to begin.
    struct PreviewCase(&'static str, &'static [u8], Range<usize>, usize, MatchForm, usize);

    #[test]
    fn a_match_far_to_the_right_is_scrolled_into_view() {
        #[rustfmt::skip]
        let cases = [
            PreviewCase("near",               b"hello world",                6..11,  20, MatchForm::Text, 0),
            PreviewCase("far",                &[b'a'; 100],                  80..84, 40, MatchForm::Text, 68),
            PreviewCase("within a character", "aaaaaaé0123456789ab".as_bytes(), 19..20, 10, MatchForm::Text, 8),
            PreviewCase("bytes near",         &[0; 20],                      4..6,   20, MatchForm::Hex,  0),
            PreviewCase("bytes far",          &[0; 100],                     80..84, 40, MatchForm::Hex,  76),
        ];
        for PreviewCase(name, bytes, found, room, form, expected) in cases {
            assert_eq!(beginning(bytes, Some(&found), room, form), expected, "{name}");
        }
        assert_eq!(beginning(b"hello", None, 3, MatchForm::Text), 0);
    }
}
