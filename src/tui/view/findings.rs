//! The findings of the whole capture, over the panes.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::text::role::Role;
use crate::text::words;
use crate::timeline::{FindingRow, Timeline};
use crate::tui::app::App;
use crate::tui::findings::{FindingEntry, Groups};
use crate::tui::inspector::details;
use crate::tui::layout;
use crate::tui::view::inspector;
use crate::tui::view::pane;
use crate::tui::view::timeline::direction_symbol;

/// Draws the list.
pub fn draw(frame: &mut Frame<'_>, app: &App, timeline: &Timeline) {
    let theme = app.theme;
    let list = &app.findings;
    let area = app.layout.middle;
    let by = match list.groups() {
        Groups::Rule => "by rule",
        Groups::Connection => "by connection",
    };
    let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
    let causes = timeline.findings().iter().filter(|it| it.finding.rule.is_cause()).count();
    let found = count(timeline.findings().len().saturating_sub(causes));
    let causes = match causes {
        0 => String::new(),
        causes => format!("{}, ", words::counted(count(causes), "cause")),
    };
    let folded: u64 = timeline.folded_findings().iter().map(|it| it.count).sum();
    let more = match folded {
        0 => String::new(),
        folded => format!(", {} more alike", words::grouped(folded)),
    };
    let left = format!(" Findings {by}  {causes}{}{more} ", words::counted(found, "finding"));
    pane::window(frame, theme, area, left, " Tab groups  Esc closes ");
    let (inside, below) = layout::findings(area, list.len());
    if list.is_empty() {
        let text =
            if app.reading.stage.goes_on() { " nothing so far" } else { " no rule is broken" };
        pane::line(frame, inside, 0, &Line::styled(text, theme.style(Role::Good)), None);
    }
    let width = usize::from(inside.width);
    for (index, (place, entry)) in list.visible().enumerate() {
        let line = match entry {
            FindingEntry::Rule(rule, severity, count) => Line::from(vec![
                Span::styled(
                    format!(" {} {}", theme.mark(*severity), pane::left(rule.id, 8)),
                    theme.severity(*severity),
                ),
                Span::styled(rule.title, theme.style(Role::Title)),
                Span::styled(
                    format!("  {count}{}  {}", theme.symbols().times, rule.section),
                    theme.style(Role::Dim),
                ),
            ]),
            FindingEntry::Connection(Some(id), count) => {
                let ends = timeline.connection(*id).map_or_else(String::new, |it| {
                    format!("  {} {} {}", it.client, theme.symbols().to_server, it.server)
                });
                Line::from(vec![
                    Span::styled(format!(" Connection {}{ends}", id.0), theme.style(Role::Title)),
                    Span::styled(format!("  {count}"), theme.style(Role::Dim)),
                ])
            }
            FindingEntry::Connection(None, count) => Line::from(vec![
                Span::styled(" The capture", theme.style(Role::Title)),
                Span::styled(format!("  {count}"), theme.style(Role::Dim)),
            ]),
            FindingEntry::Finding(found) => {
                let Some(found) = timeline.findings().get(*found) else { continue };
                finding(app, timeline, found, width)
            }
        };
        let cursor = (place == list.cursor()).then(|| theme.style(Role::Selected));
        pane::line(frame, inside, index, &line, cursor);
    }
    pane::scroll_bar(frame, theme, inside, (list.top(), list.height(), list.len()));
    if let Some(found) = list.current(timeline) {
        detail(frame, app, found, below);
    }
}

/// What the finding under the cursor means, and what to do about it.
fn detail(frame: &mut Frame<'_>, app: &App, found: &FindingRow, area: Rect) {
    let theme = app.theme;
    let rule = found.finding.rule;
    let rest = usize::from(area.width).saturating_sub(rule.id.len()).saturating_sub(4);
    let head = Line::from(vec![
        Span::styled(format!("{} ", theme.symbols().line), theme.style(Role::Border)),
        Span::styled(rule.id, theme.severity(found.finding.severity)),
        Span::styled(format!(" {}", theme.symbols().line.repeat(rest)), theme.style(Role::Border)),
    ]);
    pane::line(frame, area, 0, &head, None);
    let area = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
    let page = details(found, usize::from(area.width), theme);
    let (height, total) = (usize::from(area.height), page.lines.len());
    let top = app.findings.details_top().min(total.saturating_sub(height));
    for (index, line) in page.lines.iter().skip(top).take(height).enumerate() {
        pane::line(frame, area, index, &inspector::painted(line, theme, Style::default()), None);
    }
    pane::scroll_bar(frame, theme, area, (top, height, total));
}

fn finding(app: &App, timeline: &Timeline, found: &FindingRow, width: usize) -> Line<'static> {
    let theme = app.theme;
    let finding = &found.finding;
    let dim = theme.style(Role::Dim);
    let connection = finding.connection.map_or_else(String::new, |id| format!("#{}", id.0));
    let time = if finding.first.packet.0 == 0 {
        String::new()
    } else {
        App::since_start(timeline, finding.first.time)
    };
    let mut spans = vec![
        Span::styled(pane::right(&time, 14), dim),
        Span::styled(pane::right(&connection, 6), dim),
        Span::raw(format!(" {} ", direction_symbol(finding.direction, theme))),
    ];
    if app.findings.groups() == Groups::Connection {
        let rule = finding.rule;
        let mark = format!("{} {} ", theme.mark(finding.severity), pane::left(rule.id, 7));
        spans.push(Span::styled(mark, theme.severity(finding.severity)));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    let mut evidence = finding.evidence.clone();
    let cause = finding.connection.and_then(|id| timeline.cause_of(id));
    let explaining = cause.filter(|it| finding.is_consequence_of(&it.finding));
    if let Some(cause) = explaining {
        // Where it can be seen however long the evidence is.
        evidence.insert_str(0, &format!("({}) ", cause.finding.rule.id));
    }
    let text = pane::safe(evidence.as_bytes(), width.saturating_sub(used));
    spans.push(if explaining.is_some() { Span::styled(text, dim) } else { Span::raw(text) });
    Line::from(spans)
}
