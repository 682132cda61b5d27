//! A menu in the middle of the screen.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use crate::text::role::Role;
use crate::tui::app::App;
use crate::tui::layout::{centered, inside};
use crate::tui::menu::Menu;
use crate::tui::view::pane;

/// Draws it.
pub fn draw(frame: &mut Frame<'_>, app: &App, menu: &Menu) {
    let theme = app.theme;
    let items = menu.kind.items();
    let height = u16::try_from(items.len()).unwrap_or(u16::MAX).saturating_add(2);
    let area = centered(app.layout.middle, WIDTH, height);
    pane::window(frame, theme, area, format!(" {} ", menu.kind.title()), "");
    for (index, (letter, _, words)) in items.iter().enumerate() {
        let line = Line::from(vec![
            Span::styled(format!(" {letter} "), theme.style(Role::Key)),
            Span::raw(*words),
        ]);
        let cursor = (index == menu.cursor).then(|| theme.style(Role::Selected));
        pane::line(frame, inside(area), index, &line, cursor);
    }
}

/// Columns of a menu, borders included.
const WIDTH: u16 = 44;
