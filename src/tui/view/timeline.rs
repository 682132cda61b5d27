//! The timeline: client on the left, server on the right, time downwards.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use crate::stream::{Direction, Timestamp};
use crate::text::clock::Rfc3339;
use crate::text::role::Role;
use crate::text::words;
use crate::timeline::{Row, RowKind, Timeline};
use crate::tui::app::{App, Pane};
use crate::tui::layout::inside;
use crate::tui::rows::RowDetail;
use crate::tui::theme::Theme;
use crate::tui::view::pane::{self, Focused};
use crate::tui::view::row::{arrow, story};
use crate::tui::world::TimeDisplay;

/// Draws it: only the rows that are visible.
pub fn draw(frame: &mut Frame<'_>, app: &App, timeline: &Timeline) {
    let theme = app.theme;
    let area = app.layout.timeline;
    let focused = Focused::of(app, Pane::Timeline);
    let block = pane::block(theme, focused, title(app), position(app, timeline));
    frame.render_widget(block, area);
    let inside = inside(area);
    let list = &app.rows;
    if list.is_empty() {
        let text = match (timeline.rows(), app.reading.stage.goes_on()) {
            (0, true) => " nothing yet",
            (0, false) if timeline.findings().is_empty() => " nothing to show",
            (0, false) => " nothing to show; F lists what was found",
            (_, _) => " no row to show here: Esc removes the filter",
        };
        pane::line(frame, inside, 0, &Line::styled(text, theme.style(Role::Dim)), None);
    }
    let widths = Widths::of(inside.width, app, timeline);
    let mut before =
        list.top().checked_sub(1).and_then(|at| list.at(at)).and_then(|id| timeline.row(id));
    for (index, id) in list.visible().enumerate() {
        let Some(row) = timeline.row(id) else { continue };
        let line = line(app, timeline, &row, before.as_ref(), &widths);
        let is_current = list.top().saturating_add(index) == list.cursor();
        let cursor = is_current.then(|| pane::cursor(theme, focused));
        pane::line(frame, inside, index, &line, cursor);
        before = Some(row);
    }
    pane::scroll_bar(frame, theme, inside, (list.top(), list.height(), list.len()));
}

fn title(app: &App) -> String {
    let what = match app.rows.detail() {
        RowDetail::Messages => "Timeline",
        RowDetail::Frames => "Timeline: frames",
    };
    let of = match app.rows.picked() {
        [] => "all connections".to_owned(),
        [one] => format!("connection {}", one.0),
        several => format!("{} connections", several.len()),
    };
    match app.rows.filter() {
        Some(filter) => {
            let filter = pane::safe(filter.to_string().as_bytes(), LONGEST_FILTER);
            format!(" {what}  {of}  filter: {filter} ")
        }
        None => format!(" {what}  {of} "),
    }
}

fn position(app: &App, timeline: &Timeline) -> String {
    let all = app.rows.len();
    let at = app.rows.cursor().saturating_add(1).min(all);
    let percent = app.rows.percent(timeline);
    let looked = if percent < 100 { format!("  {percent} % searched") } else { String::new() };
    let number = |count: usize| words::grouped(u64::try_from(count).unwrap_or(u64::MAX));
    format!(" {} of {}{looked} ", number(at), number(all))
}

/// How wide the columns are.
struct Widths {
    time: usize,
    delta: usize,
    connection: usize,
    lanes: usize,
    rest: usize,
}

impl Widths {
    fn of(width: u16, app: &App, timeline: &Timeline) -> Self {
        let width = usize::from(width);
        let time: usize = match app.clock {
            TimeDisplay::Relative => place_width(timeline),
            TimeDisplay::Absolute => 15,
            TimeDisplay::Delta => 9,
        };
        let delta = if width >= WITH_DELTA && app.clock != TimeDisplay::Delta { 9 } else { 0 };
        let is_one = app.rows.picked().len() == 1 || timeline.connections().len() <= 1;
        let connection = if is_one { 0 } else { 5 };
        let lanes = if width >= WITH_DELTA { 32 } else { 26 };
        let used = time.saturating_add(delta).saturating_add(connection).saturating_add(lanes);
        // Two marks before, two blanks before the words.
        let rest = width.saturating_sub(used).saturating_sub(5);
        Self { time, delta, connection, lanes, rest }
    }
}

/// Columns for times since the capture's start, those of clocks that were wrong included.
fn place_width(timeline: &Timeline) -> usize {
    let (first, last) = timeline.times().extremes();
    let widths = [first, last].map(|time| App::since_start(timeline, time).len());
    widths.into_iter().fold(LEAST_TIME, usize::max)
}

fn line(
    app: &App,
    timeline: &Timeline,
    row: &Row,
    before: Option<&Row>,
    widths: &Widths,
) -> Line<'static> {
    let theme = app.theme;
    let dim = theme.style(Role::Dim);
    let since = before.map_or_else(String::new, |it| passed(it.time, row.time));
    let mut spans = vec![marker(row, theme), bookmark(app, row)];
    let time = match app.clock {
        TimeDisplay::Relative => App::since_start(timeline, row.time),
        TimeDisplay::Absolute => time_of_day(row.time),
        TimeDisplay::Delta => since.clone(),
    };
    spans.push(Span::styled(pane::right(&time, widths.time), dim));
    if widths.delta > 0 {
        spans.push(Span::styled(pane::right(&since, widths.delta), dim));
    }
    if widths.connection > 0 {
        let number = format!("#{}", row.connection.0);
        spans.push(Span::styled(pane::right(&number, widths.connection), dim));
    }
    spans.push(Span::raw(" "));
    spans.extend(arrow(app, timeline, row, widths.lanes));
    spans.push(Span::raw("  "));
    spans.extend(story(app, timeline, row, widths.rest));
    Line::from(spans)
}

/// The time from one row to the next, which is negative where the next one had to wait for something
/// that was missing; nothing is measured by a clock that was wrong by years.
fn passed(before: Timestamp, time: Timestamp) -> String {
    match (time.measured_since(before), before.measured_since(time)) {
        (Some(passed), _) => words::duration(passed),
        (None, Some(passed)) => format!("-{}", words::duration(passed)),
        (None, None) => "-".to_owned(),
    }
}

/// The worst finding, in the margin.
fn marker(row: &Row, theme: Theme) -> Span<'static> {
    match row.worst {
        Some(worst) => Span::styled(theme.mark(worst), theme.severity(worst)),
        None if matches!(row.kind, RowKind::Gap | RowKind::SyncLost) => {
            Span::styled(theme.symbols().gap, theme.style(Role::Warning))
        }
        None => Span::raw(" "),
    }
}

fn bookmark(app: &App, row: &Row) -> Span<'static> {
    if app.bookmarks.contains(&row.id) {
        Span::styled(app.theme.symbols().bookmark, app.theme.style(Role::Focused))
    } else {
        Span::raw(" ")
    }
}

/// The time of day in UTC, with microseconds.
fn time_of_day(time: Timestamp) -> String {
    let mut clock = Rfc3339::default();
    let text = clock.text(time);
    text.get(DAY_LENGTH..DAY_LENGTH.saturating_add(TIME_LENGTH)).unwrap_or_default().to_owned()
}

/// The arrow that a direction has in words.
pub(super) fn direction_symbol(direction: Option<Direction>, theme: Theme) -> &'static str {
    match direction {
        Some(Direction::ClientToServer) => theme.symbols().to_server,
        Some(Direction::ServerToClient) => theme.symbols().to_client,
        None => " ",
    }
}

/// Columns of a filter that are shown.
const LONGEST_FILTER: usize = 50;

/// Length of `2026-08-22T`, and of `09:30:00.000312`.
const DAY_LENGTH: usize = 11;
const TIME_LENGTH: usize = 15;

/// Columns of a time since the capture's start at least: `99.999999` has so many.
const LEAST_TIME: usize = 9;

/// Columns from which on the time since the row before has a column of its own.
const WITH_DELTA: usize = 88;
