//! What a screen shows that is too small for anything else.

use ratatui::Frame;
use ratatui::layout::Alignment;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use crate::text::role::Role;
use crate::tui::app::App;
use crate::tui::layout::{LEAST_HEIGHT, LEAST_WIDTH, centered};

/// Reports how large the screen should be.
pub fn draw(frame: &mut Frame<'_>, app: &App) {
    let area = frame.area();
    let text = vec![
        Line::styled("This terminal is too small.", app.theme.style(Role::Title)),
        Line::raw(format!(
            "It is {}x{}; wslens needs {LEAST_WIDTH}x{LEAST_HEIGHT}.",
            area.width, area.height
        )),
        Line::raw("Make it larger, or press q to quit."),
    ];
    let message = Paragraph::new(text).alignment(Alignment::Center).wrap(Wrap { trim: true });
    frame.render_widget(message, centered(area, area.width, 6));
}
