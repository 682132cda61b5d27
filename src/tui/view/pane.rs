//! The frame around a pane, and the scroll bar in it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};

use crate::text::escape::escape;
use crate::text::role::Role;
use crate::timeline::Timeline;
use crate::tui::app::{App, Pane};
use crate::tui::inspector::Tab;
use crate::tui::layout::inside;
use crate::tui::theme::{Glyphs, Theme};
use crate::tui::view::inspector;

/// Whether a pane has the focus.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Focused {
    /// It has.
    Yes,
    /// It has not.
    No,
}

impl Focused {
    /// Whether this pane has the focus.
    pub(super) fn of(app: &App, pane: Pane) -> Self {
        if app.pane == pane { Self::Yes } else { Self::No }
    }
}

/// A frame with titles on the left and on the right.
pub(super) fn block<'a>(
    theme: Theme,
    focused: Focused,
    left: impl Into<Line<'a>>,
    right: impl Into<Line<'a>>,
) -> Block<'a> {
    let role = match focused {
        Focused::Yes => Role::Focused,
        Focused::No => Role::Border,
    };
    let set = match theme.glyphs {
        Glyphs::Unicode => border::ROUNDED,
        Glyphs::Ascii => ASCII_BORDER,
    };
    Block::bordered()
        .border_set(set)
        .border_style(theme.style(role))
        .title_top(left.into())
        .title_top(right.into().right_aligned())
}

/// A frame over what is there, emptied.
pub(super) fn window<'a>(
    frame: &mut Frame<'_>,
    theme: Theme,
    area: Rect,
    left: impl Into<Line<'a>>,
    right: impl Into<Line<'a>>,
) {
    frame.render_widget(Clear, area);
    frame.render_widget(block(theme, Focused::Yes, left, right), area);
}

/// The inspector with its tabs.
pub(super) fn inspector(frame: &mut Frame<'_>, app: &App, timeline: &Timeline) {
    let theme = app.theme;
    let area = app.layout.inspector;
    let mut spans = vec![Span::raw(" ")];
    for (place, tab) in Tab::ALL.iter().enumerate() {
        let style = if *tab == app.inspector.tab {
            theme.style(Role::Title).patch(theme.style(Role::Chosen))
        } else {
            theme.style(Role::Dim)
        };
        if place > 0 {
            spans.push(Span::styled(theme.symbols().vertical, theme.style(Role::Border)));
        }
        spans.push(Span::styled(tab.title(), style));
    }
    spans.push(Span::raw(" "));
    let focused = Focused::of(app, Pane::Inspector);
    frame.render_widget(block(theme, focused, Line::from(spans), ""), area);
    inspector::draw(frame, inside(area), app, timeline);
}

/// The tab whose title is at a column of the inspector's first line.
pub fn inspector_tab_at(pane: Rect, column: u16) -> Option<Tab> {
    // After the corner and a space; a line separates titles.
    let mut from = pane.x.saturating_add(2);
    for tab in Tab::ALL {
        let width = u16::try_from(tab.title().len()).unwrap_or(0);
        let to = from.saturating_add(width);
        if (from..to).contains(&column) {
            return Some(tab);
        }
        from = to.saturating_add(1);
    }
    None
}

/// Draws how much of a list is visible, over the right border.
pub(super) fn scroll_bar(
    frame: &mut Frame<'_>,
    theme: Theme,
    area: Rect,
    (top, visible, all): (usize, usize, usize),
) {
    if all <= visible || area.height == 0 {
        return;
    }
    let height = usize::from(area.height);
    let share = |lines: usize| lines.saturating_mul(height).checked_div(all).unwrap_or(0);
    let length = share(visible).max(1);
    let hidden = all.saturating_sub(visible);
    let room = height.saturating_sub(length);
    let from = top.saturating_mul(room).checked_div(hidden).unwrap_or(0).min(room);
    let symbol = match theme.glyphs {
        Glyphs::Unicode => "┃",
        Glyphs::Ascii => "#",
    };
    for line in from..from.saturating_add(length) {
        let y = area.y.saturating_add(u16::try_from(line).unwrap_or(u16::MAX));
        if let Some(cell) = frame.buffer_mut().cell_mut((area.right(), y)) {
            cell.set_symbol(symbol).set_style(theme.style(Role::Dim));
        }
    }
}

/// Bytes from the network as text that is safe to be shown, in at most so many columns.
pub fn safe(bytes: &[u8], columns: usize) -> String {
    let mut text = String::new();
    escape(bytes, columns, &mut text);
    text
}

/// Text to the left of so many columns.
pub(super) fn left(text: &str, columns: usize) -> String {
    let text = safe(text.as_bytes(), columns);
    let used = Line::raw(text.as_str()).width();
    format!("{text}{}", " ".repeat(columns.saturating_sub(used)))
}

/// Text to the right of so many columns.
pub(super) fn right(text: &str, columns: usize) -> String {
    let text = safe(text.as_bytes(), columns);
    let used = Line::raw(text.as_str()).width();
    format!("{}{text}", " ".repeat(columns.saturating_sub(used)))
}

/// Draws a line, and its background where it is the one under the cursor.
pub(super) fn line(
    frame: &mut Frame<'_>,
    area: Rect,
    index: usize,
    line: &Line<'_>,
    cursor: Option<Style>,
) {
    let y = area.y.saturating_add(u16::try_from(index).unwrap_or(u16::MAX));
    if y >= area.bottom() {
        return;
    }
    let area = Rect { y, height: 1, ..area };
    frame.buffer_mut().set_line(area.x, y, line, area.width);
    if let Some(style) = cursor {
        frame.buffer_mut().set_style(area, style);
    }
}

/// The style of the line under a cursor.
pub(super) fn cursor(theme: Theme, focused: Focused) -> Style {
    theme.style(match focused {
        Focused::Yes => Role::Selected,
        Focused::No => Role::Chosen,
    })
}

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};
