//! All keys, from the one table of them.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use crate::text::role::Role;
use crate::tui::app::App;
use crate::tui::keymap::{BINDINGS, Focus, KeyBinding};
use crate::tui::layout::{centered, inside};
use crate::tui::theme::{Glyphs, Theme};
use crate::tui::view::pane;

/// Draws the help over the panes.
pub fn draw(frame: &mut Frame<'_>, app: &App) {
    let theme = app.theme;
    let lines = lines(theme);
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2);
    let area = centered(app.layout.middle, WIDTH, height);
    let inside = inside(area);
    let visible = usize::from(inside.height);
    let top = app.help_scroll.min(lines.len().saturating_sub(visible));
    pane::window(frame, theme, area, " Keys ", " Esc closes ");
    for (index, line) in lines.iter().skip(top).take(visible).enumerate() {
        pane::line(frame, inside, index, line, None);
    }
    pane::scroll_bar(frame, theme, inside, (top, visible, lines.len()));
}

/// The help as lines: for each pane its keys, those that do the same on one line.
fn lines(theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for focus in Focus::ALL {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::styled(format!(" {}", focus.title()), theme.style(Role::Title)));
        for (keys, help) in rows(focus, theme.glyphs) {
            lines.push(Line::from(vec![
                Span::styled(format!("  {}", pane::left(&keys, KEYS)), theme.style(Role::Key)),
                Span::raw(help),
            ]));
        }
    }
    lines.push(Line::default());
    lines.push(Line::styled(" Mouse", theme.style(Role::Title)));
    for (what, help) in MOUSE {
        lines.push(Line::from(vec![
            Span::styled(format!("  {}", pane::left(what, KEYS)), theme.style(Role::Key)),
            Span::raw(*help),
        ]));
    }
    lines
}

/// The keys of a focus and what they do; keys with the same meaning together.
pub fn rows(focus: Focus, glyphs: Glyphs) -> Vec<(String, &'static str)> {
    let mut rows: Vec<(String, &'static KeyBinding)> = Vec::new();
    for binding in BINDINGS.iter().filter(|it| it.focus == focus) {
        let name = binding.name(glyphs);
        match rows.iter_mut().find(|(_, it)| it.action == binding.action) {
            Some((keys, _)) => {
                keys.push_str("  ");
                keys.push_str(&name);
            }
            None => rows.push((name, binding)),
        }
    }
    rows.into_iter().map(|(keys, binding)| (keys, binding.help)).collect()
}

/// What the mouse does.
const MOUSE: &[(&str, &str)] = &[
    ("wheel", "scroll"),
    ("click", "choose; a second time: open; on a heading: sort"),
    ("drag a border", "resize panes"),
];

/// Columns of the window, and of the keys in it.
const WIDTH: u16 = 72;
const KEYS: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_the_same_meaning_stand_together() {
        let rows = rows(Focus::Anywhere, Glyphs::Unicode);
        assert_eq!(rows.first().map(|(keys, help)| (keys.as_str(), *help)), Some(("↑  k", "up")));
        assert!(rows.contains(&("q  Ctrl-c".to_owned(), "quit")));
    }
}
