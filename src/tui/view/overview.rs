//! The overview: a bar for each stretch of time and direction, and marks where findings are.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::stream::Direction;
use crate::text::role::Role;
use crate::text::words;
use crate::timeline::{Bucket, Timeline};
use crate::tui::app::{App, Pane};
use crate::tui::layout::inside;
use crate::tui::theme::Symbols;
use crate::tui::view::pane::{self, Focused};

/// Draws it.
pub fn draw(frame: &mut Frame<'_>, app: &App, timeline: &Timeline) {
    let theme = app.theme;
    let area = app.layout.overview;
    let overview = &app.overview;
    let whole = overview.range().map_or(0, |range| range.end.since(range.start));
    let left = format!(" Overview  {} ", words::duration(whole));
    let right = format!(" a column is {} ", words::duration(overview.column_width()));
    let focused = Focused::of(app, Pane::Overview);
    frame.render_widget(pane::block(theme, focused, left, right), area);
    let inside = inside(area);
    let buckets = overview.buckets();
    let symbols = theme.symbols();
    let here = place(app, timeline);
    if inside.height >= 3 {
        let most = buckets.iter().flat_map(|it| [it.entries.client, it.entries.server]).max();
        for (line, direction) in Direction::BOTH.into_iter().enumerate() {
            let arrow = match direction {
                Direction::ClientToServer => symbols.to_server,
                Direction::ServerToClient => symbols.to_client,
            };
            let counts = buckets.iter().map(|it| *it.entries.get(direction));
            let bars = bars(counts, most.unwrap_or(0), symbols);
            bar_line(
                frame,
                inside,
                line,
                (arrow, bars),
                theme.direction(direction),
                theme.style(Role::Dim),
            );
        }
    } else {
        let sum = |it: &Bucket| it.entries.client.saturating_add(it.entries.server);
        let most = buckets.iter().map(sum).max().unwrap_or(0);
        let bars = bars(buckets.iter().map(sum), most, symbols);
        bar_line(frame, inside, 0, (" ", bars), theme.style(Role::Client), theme.style(Role::Dim));
    }
    let marks = usize::from(inside.height).saturating_sub(1);
    let mut spans = vec![Span::raw("  ")];
    for bucket in buckets {
        spans.push(match bucket.worst {
            Some(worst) => Span::styled(theme.mark(worst), theme.severity(worst)),
            None => Span::raw(" "),
        });
    }
    pane::line(frame, inside, marks, &Line::from(spans), None);
    let column = if focused == Focused::Yes { Some(overview.cursor) } else { here };
    if let Some(column) = column {
        let x =
            inside.x.saturating_add(2).saturating_add(u16::try_from(column).unwrap_or(u16::MAX));
        if x < inside.right() {
            let column = Rect { x, width: 1, ..inside };
            frame.buffer_mut().set_style(column, pane::cursor(theme, focused));
        }
    }
}

/// The column of the row under the cursor.
fn place(app: &App, timeline: &Timeline) -> Option<usize> {
    let row = timeline.row(app.current()?)?;
    app.overview.column_of(row.time)
}

fn bar_line(
    frame: &mut Frame<'_>,
    area: Rect,
    line: usize,
    (label, bars): (&'static str, String),
    style: Style,
    dim: Style,
) {
    let spans = [Span::styled(format!("{label} "), dim), Span::styled(bars, style)];
    pane::line(frame, area, line, &Line::from_iter(spans), None);
}

/// A bar for each count, as high as it is compared with the most; by its root, so that few are not
/// lost beside many.
fn bars(counts: impl Iterator<Item = u32>, most: u32, symbols: &Symbols) -> String {
    let steps = symbols.bars.len().saturating_sub(1);
    let most = u64::from(most).saturating_mul(PRECISION).isqrt();
    counts
        .map(|count| {
            let root = u64::from(count).saturating_mul(PRECISION).isqrt();
            let steps = u64::try_from(steps).unwrap_or(0);
            let height = root.saturating_mul(steps).div_ceil(most.max(1));
            let height = usize::try_from(height).unwrap_or(0);
            symbols.bars.get(height).copied().unwrap_or(" ")
        })
        .collect()
}

/// What counts are multiplied by before their root is taken.
const PRECISION: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Glyphs, Palette, Theme};

    #[test]
    fn one_message_is_seen_beside_thousands() {
        let theme = Theme { palette: Palette::Dark, glyphs: Glyphs::Unicode };
        let bars = bars([0, 1, 250, 1_000, 4_000].into_iter(), 4_000, theme.symbols());
        assert_eq!(bars, " ▁▂▄█");
    }
}
