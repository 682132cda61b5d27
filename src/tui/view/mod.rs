//! What is drawn: pure functions of the state and the timeline, one file for each panel.

mod ascii;
pub mod connections;
pub mod findings;
pub mod help;
pub mod inspector;
mod matches;
pub mod menu;
pub mod overview;
mod pane;
pub mod prompt;
mod row;
pub mod status;
pub mod timeline;
pub mod too_small;

use ratatui::Frame;

pub use self::connections::column_at;
pub use self::pane::{Focused, inspector_tab_at, safe};

use crate::timeline::Timeline;
use crate::tui::app::{App, Overlay};
use crate::tui::layout;
use crate::tui::theme::Glyphs;

/// Draws the whole screen.
pub fn draw(frame: &mut Frame<'_>, app: &App, timeline: &Timeline) {
    if layout::is_too_small(frame.area()) {
        return too_small::draw(frame, app);
    }
    panes(frame, app, timeline);
    match &app.overlay {
        Overlay::None => status::hints(frame, app, timeline),
        Overlay::Help => {
            help::draw(frame, app);
            status::hints(frame, app, timeline);
        }
        Overlay::Findings => {
            findings::draw(frame, app, timeline);
            status::hints(frame, app, timeline);
        }
        Overlay::Menu(menu) => {
            menu::draw(frame, app, menu);
            status::hints(frame, app, timeline);
        }
        Overlay::Prompt(prompt) => prompt::draw(frame, app, prompt),
    }
    if app.theme.glyphs == Glyphs::Ascii {
        ascii::reduce(frame.buffer_mut());
    }
}

fn panes(frame: &mut Frame<'_>, app: &App, timeline: &Timeline) {
    status::title(frame, app, timeline);
    let layout = app.layout;
    if !layout.connections.is_empty() {
        connections::draw(frame, app, timeline);
        overview::draw(frame, app, timeline);
    }
    if !layout.timeline.is_empty() {
        timeline::draw(frame, app, timeline);
    }
    if !layout.inspector.is_empty() {
        pane::inspector(frame, app, timeline);
    }
}
