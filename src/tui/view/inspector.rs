//! The inside of the inspector: lines of the tab that is shown, in the colors of the theme.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::text::page::{PageLine, Piece, Stress};
use crate::text::role::Role;
use crate::timeline::Timeline;
use crate::tui::app::{App, Pane};
use crate::tui::inspector::{InspectorContext, InspectorState, shown};
use crate::tui::theme::Theme;
use crate::tui::view::pane::{Focused, cursor, scroll_bar};

/// Draws the inside of the inspector; the border and the tabs' titles are drawn around it.
pub fn draw(frame: &mut Frame<'_>, area: Rect, app: &App, timeline: &Timeline) {
    let context = app.inspector_context(timeline);
    lines(frame, area, &app.inspector, &context, Focused::of(app, Pane::Inspector));
}

/// Draws the lines of the tab that is shown.
pub fn lines(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &InspectorState,
    context: &InspectorContext<'_>,
    focused: Focused,
) {
    let shown = shown(state, context);
    let under_cursor = cursor(context.theme, focused);
    for (y, line) in (area.top()..area.bottom()).zip(&shown.lines) {
        let line = painted(line, context.theme, under_cursor);
        frame.buffer_mut().set_line(area.x, y, &line, area.width);
    }
    let pinned = u16::try_from(shown.pinned).unwrap_or(u16::MAX).min(area.height);
    let visible = u16::try_from(shown.visible).unwrap_or(u16::MAX);
    let scrolls = Rect {
        y: area.y.saturating_add(pinned),
        height: area.height.saturating_sub(pinned).min(visible),
        ..area
    };
    scroll_bar(frame, context.theme, scrolls, (shown.top, shown.visible, shown.total));
}

/// A line in colors.
pub(super) fn painted<'a>(line: &'a PageLine, theme: Theme, under_cursor: Style) -> Line<'a> {
    let span = |piece: &'a Piece| {
        let style = theme.style(piece.role);
        let style = match piece.stress {
            Stress::None => style,
            Stress::Cursor => style.patch(under_cursor),
            Stress::Match => style.patch(theme.style(Role::Match)),
        };
        Span::styled(piece.text.as_str(), style)
    };
    line.pieces.iter().map(span).collect()
}
