//! The list of connections.

use std::net::SocketAddr;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::analysis::event::{Outcome, TcpState};
use crate::capture::Process;
use crate::stream::PerDirection;
use crate::text::role::Role;
use crate::text::words;
use crate::timeline::{ConnectionRow, Timeline};
use crate::tui::app::{App, Pane};
use crate::tui::connections::{Backwards, Column, ConnectionList, cause, duration, state};
use crate::tui::layout::{connection_lines, inside};
use crate::tui::theme::Theme;
use crate::tui::view::pane::{self, Focused};

/// Draws it.
pub fn draw(frame: &mut Frame<'_>, app: &App, timeline: &Timeline) {
    let theme = app.theme;
    let list = &app.connections;
    let area = app.layout.connections;
    let focused = Focused::of(app, Pane::Connections);
    frame.render_widget(pane::block(theme, focused, title(app, timeline), order(app)), area);
    let inside = inside(area);
    let columns = columns(list, inside.width);
    headings(frame, app, inside, &columns);
    let lines = connection_lines(area);
    if list.is_empty() {
        pane::line(
            frame,
            lines,
            0,
            &Line::styled(nothing(app, timeline), theme.style(Role::Dim)),
            None,
        );
    }
    let picked = app.rows.picked();
    let of_row = app.current().and_then(|id| timeline.row(id)).map(|row| row.connection);
    for (index, (place, connection)) in list.visible(timeline).enumerate() {
        let mark = if picked.contains(&connection.id) {
            Span::styled(theme.symbols().shown, theme.style(Role::Focused))
        } else if picked.is_empty() && of_row == Some(connection.id) {
            Span::styled(theme.symbols().dot, theme.style(Role::Dim))
        } else {
            Span::raw(" ")
        };
        let mut spans = vec![mark];
        for (column, width) in &columns {
            spans.push(cell(*column, *width, connection, theme));
            spans.push(Span::raw(" "));
        }
        let cursor = (place == list.cursor()).then(|| pane::cursor(theme, focused));
        pane::line(frame, lines, index, &Line::from(spans), cursor);
    }
    pane::scroll_bar(frame, theme, lines, (list.top(), list.height(), list.len()));
}

/// Why no connection is listed.
fn nothing(app: &App, timeline: &Timeline) -> &'static str {
    if !timeline.connections().is_empty() {
        " no connection contains this text: f changes it"
    } else if app.reading.stage.goes_on() {
        " no WebSocket connections so far"
    } else if timeline.counts().packets == 0 {
        " no packets"
    } else {
        " no WebSocket connections, and no attempts at one: wslens print --all lists the others"
    }
}

fn title(app: &App, timeline: &Timeline) -> String {
    let all = timeline.connections().len();
    let shown = app.connections.len();
    if app.connections.filter().is_empty() {
        format!(" Connections ({all}) ")
    } else {
        let filter = pane::safe(app.connections.filter().as_bytes(), 30);
        format!(" Connections ({shown} of {all} with \"{filter}\") ")
    }
}

fn order(app: &App) -> String {
    let (column, backwards) = app.connections.sorting();
    let symbols = app.theme.symbols();
    let arrow = match backwards {
        Backwards::No => symbols.ascending,
        Backwards::Yes => symbols.descending,
    };
    let name = match column {
        Column::Number => "first packet",
        other => other.title(),
    };
    format!(" sort: {name} {arrow} ")
}

fn headings(frame: &mut Frame<'_>, app: &App, area: Rect, columns: &[(Column, usize)]) {
    let (sorted, _) = app.connections.sorting();
    let theme = app.theme;
    let mut spans = vec![Span::raw(" ")];
    for (column, width) in columns {
        let text = if is_number(*column) {
            pane::right(column.title(), *width)
        } else {
            pane::left(column.title(), *width)
        };
        let role = if *column == sorted { Role::Title } else { Role::Dim };
        spans.push(Span::styled(text, theme.style(role)));
        spans.push(Span::raw(" "));
    }
    pane::line(frame, area, 0, &Line::from(spans), None);
}

fn cell(column: Column, width: usize, it: &ConnectionRow, theme: Theme) -> Span<'static> {
    let sum = |of: &PerDirection<u64>| of.client.saturating_add(of.server);
    let dim = theme.style(Role::Dim);
    match column {
        Column::Number => Span::styled(pane::right(&it.id.0.to_string(), width), dim),
        Column::Client => {
            let owner = it.sockets.as_ref().and_then(|sockets| sockets.client.as_deref());
            let text = peer(it.client, owner, width);
            Span::styled(pane::left(&text, width), theme.style(Role::Client))
        }
        Column::Server => {
            let owner = it.sockets.as_ref().and_then(|sockets| sockets.server.as_deref());
            let text = peer(it.server, owner, width);
            Span::styled(pane::left(&text, width), theme.style(Role::Server))
        }
        Column::Path => {
            let text = it.path.as_deref().or(it.tls.as_deref()).unwrap_or("-");
            let lock = theme.symbols().lock;
            let locked = it.tls.as_ref().map(|_| format!("{lock} {text}"));
            Span::raw(pane::left(locked.as_deref().unwrap_or(text), width))
        }
        Column::Protocol => Span::raw(pane::left(it.subprotocol.as_deref().unwrap_or("-"), width)),
        Column::State => {
            let (symbol, role) = standing(it, theme);
            // A cause says more than how the connection ended, if there is room for more than its beginning.
            let words = cause(it).filter(|_| width >= LEAST_CAUSE);
            let words = words.map_or_else(|| standing_words(it), str::to_owned);
            let text = pane::left(&format!("{symbol} {words}"), width);
            Span::styled(text, theme.style(role))
        }
        Column::Messages => match sum(&it.messages.map(|it| it.data)) {
            0 => Span::styled(pane::right("-", width), dim),
            count => Span::raw(pane::right(&words::grouped(count), width)),
        },
        Column::Bytes => match sum(&it.bytes) {
            0 => Span::styled(pane::right("-", width), dim),
            bytes => Span::raw(pane::right(&words::size(bytes), width)),
        },
        Column::Duration => {
            let Some(nanoseconds) = duration(it) else {
                return Span::styled(pane::right("-", width), dim);
            };
            let text = words::duration(nanoseconds);
            let text = if text.chars().count() > width { whole(&text) } else { text };
            Span::raw(pane::right(&text, width))
        }
        Column::Worst => match it.worst {
            Some((rule, severity)) => {
                let text = format!("{} {}", theme.mark(severity), rule.id);
                Span::styled(pane::left(&text, width), theme.severity(severity))
            }
            None => Span::styled(pane::left("-", width), dim),
        },
    }
}

/// `127.0.0.1:8080 node`, without the program if there is little room for it.
fn peer(address: SocketAddr, owner: Option<&Process>, width: usize) -> String {
    let mut text = address.to_string();
    let room = width.saturating_sub(text.len());
    let program = owner.map(Process::program).filter(|program| room > program.len().min(LEAST));
    if let Some(program) = program {
        text.push(' ');
        text.push_str(program);
    }
    text
}

/// A number with its unit, without decimals.
fn whole(text: &str) -> String {
    match text.split_once('.') {
        Some((whole, rest)) => {
            let unit = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
            format!("{whole}{unit}")
        }
        None => text.to_owned(),
    }
}

/// The symbol and the color of a connection's outcome.
fn standing(connection: &ConnectionRow, theme: Theme) -> (&'static str, Role) {
    let symbols = theme.symbols();
    match connection.outcome {
        None => match connection.state {
            TcpState::SynSent | TcpState::Established => (symbols.open, Role::Good),
            TcpState::HalfClosed(_) | TcpState::Closed(_) => (symbols.closed, Role::Dim),
            TcpState::Refused | TcpState::Reset(_) => (symbols.error, Role::Error),
        },
        Some(Outcome::Open) => (symbols.open, Role::Good),
        Some(Outcome::Closed | Outcome::NotWebSocket | Outcome::Undecodable) => {
            (symbols.closed, Role::Dim)
        }
        Some(Outcome::Aborted | Outcome::Refused | Outcome::Timeout | Outcome::Rejected) => {
            (symbols.error, Role::Error)
        }
    }
}

/// What became of a connection; of one that was answered with something else than 101, the status.
fn standing_words(connection: &ConnectionRow) -> String {
    if let (Some(Outcome::Rejected), Some(status)) = (connection.outcome, connection.status) {
        format!("HTTP {status}")
    } else {
        state(connection).to_owned()
    }
}

fn is_number(column: Column) -> bool {
    matches!(column, Column::Number | Column::Messages | Column::Bytes | Column::Duration)
}

/// The column whose heading is at a column of the screen.
pub fn column_at(list: &ConnectionList, inside: Rect, x: u16) -> Option<Column> {
    let mut from = usize::from(inside.x).saturating_add(1);
    for (column, width) in columns(list, inside.width) {
        let to = from.saturating_add(width).saturating_add(1);
        if (from..to).contains(&usize::from(x)) {
            return Some(column);
        }
        from = to;
    }
    None
}

/// Which columns are shown, and how wide they are: what is left goes to names that are often cut.
fn columns(list: &ConnectionList, width: u16) -> Vec<(Column, usize)> {
    let table = if width < ROOMY { NARROW } else { WIDE };
    let mut columns = table.to_vec();
    let cause = list.cause_columns().min(MOST_CAUSE);
    // The words of a cause are worth more than a column without content.
    if cause > STATE_WORDS && !list.has_subprotocols() {
        columns.retain(|(column, _)| *column != Column::Protocol);
    }
    let fixed: usize = columns.iter().map(|(_, width)| width.saturating_add(1)).sum();
    let mut left = usize::from(width).saturating_sub(1).saturating_sub(fixed);
    // The longest address, IPv6 with its port, has 47 columns; more than this is seldom needed.
    let (few, more) = if list.has_processes() { (3, 7) } else { (0, 0) };
    for (wanting, most) in [
        (Column::State, cause.saturating_sub(STATE_WORDS)),
        (Column::Path, 8),
        (Column::Client, 7),
        (Column::Server, 7),
        // Addresses of IPv4 are followed by names of programs then.
        (Column::Client, few),
        (Column::Server, few),
        (Column::Server, more),
        (Column::Client, more),
        (Column::Protocol, 8),
        (Column::Path, 99),
    ] {
        let given = left.min(most);
        left = left.saturating_sub(given);
        for (_, width) in columns.iter_mut().filter(|(column, _)| *column == wanting) {
            *width = width.saturating_add(given);
        }
    }
    columns
}

/// Columns that the words for a cause have at least to be shown.
const LEAST_CAUSE: usize = 20;

/// Columns that they have at most.
const MOST_CAUSE: usize = 44;

/// Columns of the words for a state, without the symbol before them.
const STATE_WORDS: usize = 12;

/// Letters of a program's name that are shown at least.
const LEAST: usize = 6;

/// Columns from which on all is shown.
const ROOMY: u16 = 104;

const NARROW: &[(Column, usize)] = &[
    (Column::Number, 3),
    (Column::Client, 15),
    (Column::Server, 14),
    (Column::Path, 7),
    (Column::State, 10),
    (Column::Messages, 5),
    (Column::Duration, 7),
    (Column::Worst, 8),
];

const WIDE: &[(Column, usize)] = &[
    (Column::Number, 3),
    (Column::Client, 15),
    (Column::Server, 15),
    (Column::Path, 10),
    (Column::Protocol, 8),
    (Column::State, 14),
    (Column::Messages, 7),
    (Column::Bytes, 8),
    (Column::Duration, 8),
    (Column::Worst, 9),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_little_room_numbers_lose_their_decimals_and_keep_their_unit() {
        for (text, expected) in [("432.7 ms", "432 ms"), ("1.2 s", "1 s"), ("11 µs", "11 µs")] {
            assert_eq!(whole(text), expected, "{text}");
        }
    }
}
