//! The first line, with what was counted, and the last one, with what can be done.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use crate::findings::Severity;
use crate::text::role::Role;
use crate::text::words::{counted, grouped, size};
use crate::timeline::Timeline;
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::keymap::{Focus, key_of};
use crate::tui::layout::{InspectorPane, WIDE};
use crate::tui::rates::Rates;
use crate::tui::rows::{Following, Holding, RowDetail};
use crate::tui::theme::Theme;
use crate::tui::view::pane::safe;
use crate::tui::world::{LoadProgress, LoadStage, StatusNotice, Tone};

/// Draws the first line.
pub fn title(frame: &mut Frame<'_>, app: &App, timeline: &Timeline) {
    let area = app.layout.title;
    let theme = app.theme;
    let mut right = progress(&app.reading, theme);
    if app.reading.dropped > 0 {
        let symbol = theme.mark(Severity::Warning);
        let text = format!("{symbol} {} dropped  ", grouped(app.reading.dropped));
        right.spans.insert(0, Span::styled(text, theme.style(Role::Warning)));
    }
    let counts = timeline.counts();
    let connections = u64::try_from(timeline.connections().len()).unwrap_or(u64::MAX);
    let mut rest = vec![
        Span::styled(format!("  {}", counted(counts.packets, "packet")), theme.style(Role::Dim)),
        Span::styled(format!("  {}", counted(connections, "connection")), theme.style(Role::Dim)),
        Span::raw(format!("  {}", counted(counts.messages.data, "message"))),
    ];
    let severities = [
        (Severity::Error, counts.errors),
        (Severity::Warning, counts.warnings),
        (Severity::Note, counts.notes),
    ];
    for (severity, count) in severities {
        if count > 0 {
            let text = format!("{} {}", theme.mark(severity), grouped(count));
            let style = theme.severity(severity);
            let is_new = app.news.fresh() == Some(severity);
            let style = if is_new { style.add_modifier(Modifier::REVERSED) } else { style };
            rest.push(Span::styled("  ", theme.severity(severity)));
            rest.push(Span::styled(text, style));
        }
    }
    if counts.consequences > 0 {
        let text = format!(" (+{})", grouped(counts.consequences));
        rest.push(Span::styled(text, theme.style(Role::Dim)));
    }
    let width_of =
        |rest: &[Span<'_>]| -> usize { rest.iter().chain(&right.spans).map(Span::width).sum() };
    // Findings and progress matter most; connections are counted above their list as well.
    for _ in 0..MOST_LEFT_OUT {
        if width_of(&rest).saturating_add(NAME_AND_GAPS) > usize::from(area.width) {
            rest.remove(0);
        }
    }
    let room = usize::from(area.width).saturating_sub(width_of(&rest)).saturating_sub(12);
    let mut spans = vec![
        Span::styled(" wslens", theme.style(Role::Focused)),
        Span::styled(format!("  {}", file_name(&app.name, room)), theme.style(Role::Title)),
    ];
    spans.append(&mut rest);
    frame.buffer_mut().set_line(area.x, area.y, &Line::from(spans), area.width);
    at_right(frame, area, &right);
}

/// How many of the counts of packets and connections are left out if there is no room.
const MOST_LEFT_OUT: usize = 2;

/// Columns for the program's name, the shortest form of the file's, and what is between them.
const NAME_AND_GAPS: usize = 22;

/// The name without its directories if there is no room for them.
fn file_name(name: &str, room: usize) -> String {
    let short = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let name = if name.len() > room { short } else { name };
    safe(name.as_bytes(), room.max(12))
}

fn progress(reading: &LoadProgress, theme: Theme) -> Line<'static> {
    match &reading.stage {
        LoadStage::Loading => {
            let symbols = theme.symbols();
            let percent = reading
                .length
                .and_then(|length| reading.position.saturating_mul(100).checked_div(length));
            let Some(percent) = percent.map(|percent| percent.min(100)) else {
                return Line::styled("reading ", theme.style(Role::Focused));
            };
            let done = usize::try_from(percent / 10).unwrap_or(0);
            Line::from(vec![
                Span::styled(format!("reading {percent:>3} % "), theme.style(Role::Focused)),
                Span::styled(symbols.done.repeat(done), theme.style(Role::Focused)),
                Span::styled(
                    symbols.undone.repeat(10_usize.saturating_sub(done)),
                    theme.style(Role::Border),
                ),
                Span::raw(" "),
            ])
        }
        LoadStage::Live => {
            Line::styled(format!("{} live ", theme.symbols().open), theme.style(Role::Good))
        }
        LoadStage::Stopped => Line::styled("stopped ", theme.style(Role::Dim)),
        LoadStage::Whole => Line::default(),
        LoadStage::Cancelled => Line::styled("reading stopped ", theme.style(Role::Warning)),
        LoadStage::Broken(_) => Line::styled("damaged ", theme.style(Role::Error)),
    }
}

/// Draws the last line: something to say, or the keys of the pane that has the focus.
pub fn hints(frame: &mut Frame<'_>, app: &App, timeline: &Timeline) {
    let area = app.layout.bottom;
    let theme = app.theme;
    let right = state(app, timeline);
    let room = usize::from(area.width).saturating_sub(right.width().saturating_add(1));
    let line = match &app.notice {
        Some(StatusNotice { text, tone }) => {
            let role = match tone {
                Tone::Done => Role::Good,
                Tone::Failed => Role::Warning,
            };
            let text = safe(text.as_bytes(), room.saturating_sub(2));
            Line::styled(format!(" {text}"), theme.style(role))
        }
        None => keys(app, room),
    };
    frame.buffer_mut().set_line(area.x, area.y, &line, area.width);
    at_right(frame, area, &right);
}

fn keys(app: &App, room: usize) -> Line<'static> {
    let theme = app.theme;
    let focus = app.focus();
    let mut spans = Vec::new();
    let mut used = 0_usize;
    // Help comes last, and must always fit.
    let (last, others) = ((Action::Help, "help"), hinted(focus, &app.reading.stage));
    let reserve = "  ? help".len();
    for (action, word) in others.iter().chain([&last]) {
        let Some(key) = key_of(focus, *action) else { continue };
        let key = format!(" {}", key.name(theme.glyphs));
        let word = format!(" {word} ");
        let width = key.chars().count().saturating_add(word.chars().count());
        let limit = if *action == last.0 { room } else { room.saturating_sub(reserve) };
        if used.saturating_add(width) > limit {
            continue;
        }
        used = used.saturating_add(width);
        spans.push(Span::styled(key, theme.style(Role::Key)));
        spans.push(Span::styled(word, theme.style(Role::Dim)));
    }
    Line::from(spans)
}

/// The keys that are shown while a pane has the focus, the most wanted first.
fn hinted(focus: Focus, stage: &LoadStage) -> &'static [(Action, &'static str)] {
    match focus {
        Focus::Anywhere | Focus::Timeline if *stage == LoadStage::Live => &[
            (Action::Open, "inspect"),
            (Action::Pause, "pause"),
            (Action::Last, "follow"),
            (Action::Stop, "stop"),
            (Action::NextError, "next error"),
            (Action::Filter, "filter"),
            (Action::Search, "search"),
            (Action::Findings, "findings"),
            (Action::NextPane, "pane"),
        ],
        Focus::Anywhere | Focus::Timeline => &[
            (Action::Open, "inspect"),
            (Action::NextError, "next error"),
            (Action::Search, "search"),
            (Action::Filter, "filter"),
            (Action::ToggleFrames, "frames"),
            (Action::CycleTime, "time"),
            (Action::Findings, "findings"),
            (Action::NextPane, "pane"),
            (Action::Copy, "copy"),
            (Action::Save, "save"),
            (Action::Quit, "quit"),
        ],
        Focus::Connections => &[
            (Action::Open, "show only it"),
            (Action::Mark, "show it, too"),
            (Action::ShowAll, "show all"),
            (Action::NextError, "its first error"),
            (Action::NextSort, "sort"),
            (Action::ReverseSort, "reverse"),
            (Action::Filter, "filter"),
            (Action::NextPane, "pane"),
        ],
        Focus::Overview => &[
            (Action::Left, "earlier"),
            (Action::Right, "later"),
            (Action::Open, "go there"),
            (Action::NextError, "next error"),
            (Action::NextPane, "pane"),
        ],
        Focus::Inspector => &[
            (Action::Back, "back"),
            (Action::NextTab, "tab"),
            (Action::NextRow, "next row"),
            (Action::Fold, "fold"),
            (Action::Search, "search"),
            (Action::FilterValue, "filter for value"),
            (Action::NextFrame, "next frame"),
            (Action::NextError, "next error"),
            (Action::Copy, "copy"),
            (Action::Save, "save"),
        ],
        Focus::Findings => &[
            (Action::Open, "go there"),
            (Action::ToggleGroups, "by rule or connection"),
            (Action::NextRow, "scroll below"),
            (Action::Back, "close"),
        ],
        Focus::Help | Focus::Menu | Focus::Prompt => &[(Action::Back, "close")],
    }
}

/// What is not as it is at the start.
fn state(app: &App, timeline: &Timeline) -> Line<'static> {
    let theme = app.theme;
    let mut words: Vec<String> = Vec::new();
    if let Some(place) = app.search.place() {
        let (at, all) = (place.saturating_add(1), app.rows.len());
        words.push(format!("searching {at} of {all}, Esc stops"));
    }
    if app.rows.detail() == RowDetail::Frames {
        words.push("FRAMES".to_owned());
    }
    let is_live = app.reading.stage == LoadStage::Live;
    if is_live {
        let is_roomy = app.notice.is_none() || app.screen.width >= WIDE;
        words.push(speed(&app.reading.rates, if is_roomy { Speed::Whole } else { Speed::Short }));
    }
    if app.rows.holding() == Holding::Yes {
        words.push(format!("PAUSED +{}", grouped(app.rows.waiting(timeline).into())));
    } else if is_live && app.rows.following() == Following::Yes {
        words.push("FOLLOWING".to_owned());
    } else if is_live {
        words.push("G follows".to_owned());
    }
    if app.inspecting == InspectorPane::Open && app.layout.timeline.is_empty() {
        let (at, all) = (app.rows.cursor().saturating_add(1), app.rows.len());
        words.push(format!("row {at} of {all}"));
    }
    Line::styled(format!("{} ", words.join("  ")), theme.style(Role::Focused))
}

/// How much detail the packet rate has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Speed {
    Whole,
    /// Messages only.
    Short,
}

/// How fast packets come.
fn speed(rates: &Rates, speed: Speed) -> String {
    let (packets, messages) = (grouped(rates.packets), grouped(rates.messages));
    match speed {
        Speed::Whole => format!("{packets} pkt/s {messages} msg/s {}/s", size(rates.bytes)),
        Speed::Short => format!("{messages} msg/s"),
    }
}

/// Draws a line at the right end of another one.
fn at_right(frame: &mut Frame<'_>, area: Rect, line: &Line<'_>) {
    let width = u16::try_from(line.width()).unwrap_or(u16::MAX).min(area.width);
    let x = area.right().saturating_sub(width);
    frame.buffer_mut().set_line(x, area.y, line, width);
}
