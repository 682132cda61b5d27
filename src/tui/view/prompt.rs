//! The line that is being typed, and its hint or error.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use crate::text::role::Role;
use crate::timeline::filter::Completion;
use crate::tui::app::App;
use crate::tui::prompt::{Prompt, PromptPurpose};
use crate::tui::theme::Theme;
use crate::tui::view::pane::safe;

/// Draws it, with the cursor.
pub fn draw(frame: &mut Frame<'_>, app: &App, prompt: &Prompt) {
    let theme = app.theme;
    let area = app.layout.bottom;
    let label = format!(" {}", prompt.label());
    let from = u16::try_from(label.len()).unwrap_or(0);
    let width = usize::from(area.width.saturating_sub(from)).saturating_sub(1);
    let (text, scroll) = scrolled(prompt.text(), prompt.scroll(width));
    let line = Line::from(vec![
        Span::styled(label, theme.style(Role::Key)),
        Span::raw(safe(text.as_bytes(), width.saturating_add(1))),
    ]);
    frame.buffer_mut().set_line(area.x, area.y, &line, area.width);
    let column = u16::try_from(prompt.column().saturating_sub(scroll)).unwrap_or(u16::MAX);
    let x = area.x.saturating_add(from).saturating_add(column);
    frame.set_cursor_position(Position { x: x.min(area.right().saturating_sub(1)), y: area.y });
    if area.height > 1 {
        let below = Rect { y: area.y.saturating_add(1), height: 1, ..area };
        remark(frame, app, prompt, below, (from, scroll));
    }
}

/// A text without its first columns; and how many were left out, as wide characters are not cut.
fn scrolled(text: &str, columns: usize) -> (&str, usize) {
    let mut skipped = 0_usize;
    for (at, letter) in text.char_indices() {
        if skipped >= columns {
            return (text.get(at..).unwrap_or_default(), skipped);
        }
        skipped = skipped.saturating_add(Span::raw(letter.to_string()).width());
    }
    (if columns == 0 { text } else { "" }, skipped)
}

/// The error, under its position; else what is allowed there; else what can be typed.
fn remark(
    frame: &mut Frame<'_>,
    app: &App,
    prompt: &Prompt,
    area: Rect,
    (from, scroll): (u16, usize),
) {
    let theme = app.theme;
    let width = usize::from(area.width);
    let is_end = prompt.cursor() >= prompt.text().chars().count();
    let fault = prompt.fault.as_ref().filter(|_| prompt.candidates.is_empty() || !is_end);
    let line = if let Some(fault) = fault {
        let column = usize::from(from).saturating_add(fault.column.saturating_sub(scroll));
        let message = safe(fault.message.as_bytes(), width.saturating_sub(2));
        // Where the words do not fit after the place, they end before it.
        let needed = Line::raw(message.as_str()).width().saturating_add(2);
        let text = if column.saturating_add(needed) <= width || column < needed {
            format!("{}{} {message}", " ".repeat(column), theme.symbols().caret)
        } else {
            let before = column.saturating_sub(needed).saturating_add(1);
            format!("{}{message} {}", " ".repeat(before), theme.symbols().caret)
        };
        Line::styled(text, theme.style(Role::Error))
    } else if prompt.candidates.is_empty() {
        let help = match prompt.purpose {
            PromptPurpose::Search => {
                "text in any case, re:pattern, or 0x81 85; Enter searches, ↑ recalls"
            }
            PromptPurpose::Filter => {
                "opcode == text and length > 1000; Tab completes, empty shows all"
            }
            PromptPurpose::SearchContent
            | PromptPurpose::FilterConnections
            | PromptPurpose::Save(_)
            | PromptPurpose::Secrets { .. }
            | PromptPurpose::Overwrite { .. } => "",
        };
        Line::styled(format!(" {help}"), theme.style(Role::Dim))
    } else {
        candidates(&prompt.candidates, theme)
    };
    frame.buffer_mut().set_line(area.x, area.y, &line, area.width);
}

/// What may be at the cursor; what the first of it means.
fn candidates(candidates: &[Completion], theme: Theme) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    for (place, candidate) in candidates.iter().take(MOST_CANDIDATES).enumerate() {
        let role = if place == 0 { Role::Key } else { Role::Text };
        spans.push(Span::styled(candidate.text.clone(), theme.style(role)));
        if place == 0 && !candidate.help.is_empty() {
            spans.push(Span::styled(format!(" ({})", candidate.help), theme.style(Role::Dim)));
        }
        spans.push(Span::raw("  "));
    }
    Line::from(spans)
}

/// Candidates that are shown; a line has room for fewer.
const MOST_CANDIDATES: usize = 30;
