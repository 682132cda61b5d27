//! The Findings tab: what breaks the rules in the row, and elsewhere on its connection.

use crate::analysis::event::ConnectionId;
use crate::describe::decoded_again;
use crate::findings::Severity;
use crate::text::page::{PageLine, safe};
use crate::text::role::Role;
use crate::text::words;
use crate::timeline::{FindingRow, Timeline};
use crate::tui::inspector::context::InspectorContext;
use crate::tui::inspector::page::Page;
use crate::tui::theme::Theme;

/// The page of a row's findings.
pub(super) fn page(context: &InspectorContext<'_>) -> Page {
    let mut page = context.page();
    let Some(row) = context.row else {
        page.paragraph(0, Role::Dim, "No row is selected.");
        return page;
    };
    let timeline = context.timeline;
    let cause = timeline.cause_of(row.connection);
    if let Some(cause) = cause {
        page.heading("The cause");
        page.blank();
        explain(&mut page, cause);
        consequences(&mut page, timeline, row.connection);
    }
    let is_here = |it: &&FindingRow| it.row == Some(row.id) || it.frame == Some(row.id);
    let is_cause = |it: &&FindingRow| cause.is_some_and(|cause| std::ptr::eq(cause, *it));
    let of_connection: Vec<&FindingRow> =
        timeline.found_on(row.connection).filter(|it| !is_cause(it)).collect();
    let here: Vec<&FindingRow> = of_connection.iter().copied().filter(|it| is_here(it)).collect();
    if here.is_empty() && cause.is_some_and(|cause| is_here(&cause)) {
        page.blank();
        page.paragraph(0, Role::Dim, "The cause is about this row.");
    } else if here.is_empty() {
        let mut line = PageLine::of(Role::Good, page.symbols().good);
        line.push(Role::Text, " This row breaks no rule.");
        page.line(line);
    } else {
        page.heading("In this row");
    }
    for finding in &here {
        page.blank();
        explain(&mut page, finding);
    }
    // What follows from the cause is listed below it.
    let is_other = |it: &&FindingRow| !is_here(it) && !timeline.is_explained(&it.finding);
    let others: Vec<&FindingRow> = of_connection.into_iter().filter(is_other).collect();
    if !others.is_empty() {
        page.heading("Elsewhere on this connection");
    }
    for (place, finding) in others.iter().take(MOST_OTHERS).enumerate() {
        let shown = others.get(..place).unwrap_or_default().iter().chain(&here);
        page.blank();
        if shown.into_iter().any(|other| other.finding.rule.id == finding.finding.rule.id) {
            title(&mut page, finding);
            evidence(&mut page, finding);
        } else {
            explain(&mut page, finding);
        }
    }
    if let Some(more) = others.len().checked_sub(MOST_OTHERS).filter(|more| *more > 0) {
        page.blank();
        let more = words::grouped(crate::stream::length_u64(more));
        page.paragraph(0, Role::Dim, &format!("The list of all findings has {more} more."));
    }
    for folded in
        context.timeline.folded_findings().iter().filter(|it| it.connection == row.connection)
    {
        page.blank();
        let more = words::grouped(folded.count);
        page.paragraph(0, Role::Dim, &format!("{} happened {more} more times.", folded.rule.id));
    }
    page
}

/// What follows from the cause of a connection, a line for each rule.
fn consequences(page: &mut Page, timeline: &Timeline, id: ConnectionId) {
    let mut found: Vec<(&FindingRow, u64)> = Vec::new();
    for row in timeline.found_on(id).filter(|it| timeline.is_explained(&it.finding)) {
        match found.iter_mut().find(|(first, _)| first.finding.rule.id == row.finding.rule.id) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => found.push((row, 1)),
        }
    }
    if found.is_empty() {
        return;
    }
    found.sort_by_key(|(row, _)| row.finding.first.packet);
    let mut line = PageLine::default();
    line.pad_to(2);
    line.push(Role::Key, "Consequences:");
    page.line(line);
    for (FindingRow { finding, .. }, count) in found {
        let mut line = PageLine::default();
        line.pad_to(CONSEQUENCE);
        line.push(Role::Dim, finding.rule.id);
        line.pad_to(CONSEQUENCE.saturating_add(RULE));
        let title = finding.rule.title;
        let packets = words::packets(finding.first.packet, finding.last.packet);
        let text = match (finding.first.packet.0, count) {
            (0, _) => title.to_owned(),
            (_, 1) => format!("{title} ({packets})"),
            _ => format!("{title} ({packets}, the first of {})", words::grouped(count)),
        };
        page.hanging(line, CONSEQUENCE.saturating_add(RULE), Role::Dim, &text);
    }
}

/// The details of a finding whose title is already shown.
pub fn details(row: &FindingRow, width: usize, theme: Theme) -> Page {
    let mut page = Page::new(width, theme);
    describe(&mut page, row);
    page
}

/// All that is known of a finding.
fn explain(page: &mut Page, row: &FindingRow) {
    title(page, row);
    describe(page, row);
}

fn describe(page: &mut Page, row: &FindingRow) {
    evidence(page, row);
    let rule = row.finding.rule;
    page.paragraph(2, Role::Text, rule.explanation);
    let mut line = PageLine::default();
    line.pad_to(2);
    line.push(Role::Key, "Do:");
    page.hanging(line, 6, Role::Text, row.finding.remedy);
    if !rule.section.is_empty() {
        page.paragraph(2, Role::Dim, rule.section);
    }
}

/// `✖ WS-F01  client frame is not masked`
fn title(page: &mut Page, row: &FindingRow) {
    let (rule, severity) = (row.finding.rule, row.finding.severity);
    let mut line = PageLine::default();
    line.push(role(severity), format!("{} {}", page.theme.mark(severity), rule.id));
    let column = line.width().saturating_add(2);
    page.hanging(line, column, Role::Title, rule.title);
}

/// What was seen, and where.
fn evidence(page: &mut Page, row: &FindingRow) {
    let finding = &row.finding;
    page.paragraph(2, Role::Text, &safe(finding.evidence.as_bytes(), usize::MAX));
    for line in decoded_again::lines(&finding.decoded_again) {
        page.paragraph(2, Role::Good, &line);
    }
    let mut place = Vec::new();
    place.extend(finding.side.map(|side| side.name().to_owned()));
    if finding.first.packet.0 > 0 {
        place.push(words::packets(finding.first.packet, finding.last.packet));
    }
    place.extend(finding.offset.map(|offset| format!("offset {}", words::grouped(offset))));
    place.extend(finding.bits.map(|bits| {
        let last = bits.start.saturating_add(bits.count).saturating_sub(1);
        let bits = if bits.count == 1 {
            format!("bit {last}")
        } else {
            format!("bits {}-{last}", bits.start)
        };
        format!("{bits} of the header (Frame tab)")
    }));
    if !place.is_empty() {
        page.paragraph(2, Role::Dim, &place.join(", "));
    }
}

/// What a severity is drawn with.
pub(super) fn role(severity: Severity) -> Role {
    match severity {
        Severity::Error => Role::Error,
        Severity::Warning => Role::Warning,
        Severity::Note => Role::Note,
    }
}

/// Where the rules that a cause explains begin.
const CONSEQUENCE: usize = 4;

/// Columns of the id of such a rule.
const RULE: usize = 8;

/// Findings elsewhere that are reported one by one.
const MOST_OTHERS: usize = 50;
