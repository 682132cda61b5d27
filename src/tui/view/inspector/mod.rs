//! The inspector: tabs, and one file for each of them.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::timeline::Timeline;
use crate::tui::app::App;

/// Draws the inside of the inspector; the border and the tabs' titles are drawn around it.
pub fn draw(frame: &mut Frame<'_>, area: Rect, app: &App, timeline: &Timeline) {
    let context = app.inspector_context(timeline);
    let text = format!("{:?} {:?}", app.inspector.tab, context.row.map(|row| row.kind));
    frame.render_widget(Paragraph::new(Line::from(text)), area);
}
