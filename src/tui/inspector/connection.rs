//! The Connection tab: addresses, phases, the end, and what was sent each way.

use crate::analysis::event::{Intermediary, Outcome, TcpState};
use crate::capture::LocalSockets;
use crate::describe::outcome::ConnectionEnd;
use crate::describe::phases::{Phase, PhaseSource, phases, start};
use crate::describe::sockets as describe;
use crate::stream::{Direction, PerDirection, Timestamp, length_u64};
use crate::text::page::{PageLine, safe};
use crate::text::role::Role;
use crate::text::words;
use crate::timeline::{Bucket, ConnectionRow, RoundTrips, Timeline};
use crate::tui::inspector::context::InspectorContext;
use crate::tui::inspector::page::Page;
use crate::websocket::Compression;

/// The page of a connection.
pub(super) fn page(context: &InspectorContext<'_>) -> Page {
    let mut page = context.page();
    let connection = context.row.and_then(|row| context.timeline.connection(row.connection));
    let Some(connection) = connection else {
        page.paragraph(0, Role::Dim, "This row belongs to no connection.");
        return page;
    };
    about(&mut page, connection);
    timing(&mut page, context.timeline, connection);
    page.heading("End");
    if is_without_close(context.timeline, connection) {
        page.paragraph(1, Role::Text, "No Close was sent: applications see 1006.");
    }
    let end = connection.outcome.map(|outcome| ConnectionEnd::of_row(connection, outcome));
    let end = words::sentence(end.map_or("still open", ConnectionEnd::phrase));
    page.paragraph(1, Role::Text, &end);
    traffic(&mut page, connection);
    rates(&mut page, context.timeline, connection);
    round_trips(&mut page, connection);
    compression(&mut page, connection);
    page
}

/// Who talks with whom, about what.
fn about(page: &mut Page, connection: &ConnectionRow) {
    let mut line = PageLine::of(Role::Title, format!("Connection {}  ", connection.id.0));
    line.push(Role::Client, connection.client.to_string());
    line.push(Role::Dim, format!(" {} ", page.symbols().to_server));
    line.push(Role::Server, connection.server.to_string());
    if line.width() > page.width {
        page.paragraph(0, Role::Title, &line.text());
    } else {
        page.line(line);
    }
    if let Some(client) = connection.intermediaries.iter().rev().find_map(Intermediary::real_client)
    {
        page.entry("client", LABELS, Role::Text, &format!("{client}, named by a PROXY header"));
    }
    if let Some(target) = connection.intermediaries.iter().rev().find_map(Intermediary::target) {
        let target = safe(target.as_bytes(), LONGEST);
        page.entry("target", LABELS, Role::Text, &format!("{target}, through a proxy"));
    }
    if let Some(sockets) = connection.sockets.as_deref() {
        owners(page, connection, sockets);
    }
    if let Some(path) = &connection.path {
        page.entry("path", LABELS, Role::Text, &safe(path.as_bytes(), LONGEST));
    }
    if let Some(tls) = &connection.tls {
        let text = format!("{} {}", page.symbols().lock, safe(tls.as_bytes(), LONGEST));
        page.entry("TLS", LABELS, Role::Text, &text);
    }
    if let Some(name) = &connection.subprotocol {
        page.entry("subprotocol", LABELS, Role::Text, &safe(name.as_bytes(), LONGEST));
    }
    if let Some(status) = connection.status {
        page.entry("status", LABELS, Role::Text, &status.to_string());
    }
    if let Some((rule, severity)) = connection.worst {
        let role = crate::tui::inspector::findings::role(severity);
        let text = format!("{} {}", rule.id, rule.title);
        page.entry(if rule.is_cause() { "cause" } else { "worst" }, LABELS, role, &text);
    }
}

/// Whose processes they are and, if nobody accepted, who listens.
fn owners(page: &mut Page, connection: &ConnectionRow, sockets: &LocalSockets) {
    if let Some(process) = sockets.client.as_deref() {
        page.entry("client is", LABELS, Role::Text, &describe::process(process));
    }
    if let Some(process) = sockets.server.as_deref() {
        page.entry("server is", LABELS, Role::Text, &describe::process(process));
    }
    let is_accepted = !matches!(connection.state, TcpState::Refused | TcpState::SynSent);
    if let Some(text) = describe::listening(sockets, connection.server).filter(|_| !is_accepted) {
        page.entry("listening", LABELS, Role::Text, &text);
    }
}

/// The phases, how long each took, and bars for that.
fn timing(page: &mut Page, timeline: &Timeline, connection: &ConnectionRow) {
    page.heading("Phases");
    let Some(phases) = phases_of(timeline, connection) else {
        page.paragraph(1, Role::Dim, "Not kept of so many connections.");
        return;
    };
    let start = start(&phases);
    let longest = phases.iter().filter_map(|phase| phase.took).max().unwrap_or(0).max(1);
    for phase in &phases {
        let mut line = PageLine::default();
        line.push_to(
            TIMES,
            Role::Dim,
            &phase.since(start).map_or_else(|| "-".to_owned(), words::seconds),
        );
        line.push(Role::Good, format!("  {}", phase.label.heading()));
        let text = phase.text.replace('→', page.symbols().to_server);
        page.hanging(line, PHASES, Role::Text, &text);
        let took = phase.took.unwrap_or(0);
        let bar = u128::from(took).saturating_mul(BAR).div_ceil(u128::from(longest));
        let bar = page.symbols().done.repeat(usize::try_from(bar).unwrap_or(0));
        let width = page.width;
        if let Some(line) = page.lines.last_mut()
            && line.width().saturating_add(bar.chars().count()).saturating_add(2) <= width
        {
            line.push_to(width, Role::Note, &bar);
        }
    }
}

/// The phases of a connection; `None` if their source is no longer kept.
fn phases_of(timeline: &Timeline, connection: &ConnectionRow) -> Option<Vec<Phase>> {
    let story = timeline.story_of(connection.id)?;
    Some(phases(PhaseSource {
        connection: story.connection()?,
        history: story.history(),
        watched_until: story.watched_until().unwrap_or_else(|| timeline.times().range().1),
    }))
}

/// Whether a WebSocket has ended without a Close of either side.
fn is_without_close(timeline: &Timeline, connection: &ConnectionRow) -> bool {
    let has_ended = !matches!(connection.outcome, None | Some(Outcome::Open));
    let has_frames = connection.frames.client > 0 || connection.frames.server > 0;
    let story = timeline.story_of(connection.id);
    let is_closed = story.is_none_or(|story| story.history().first_close().is_some());
    has_ended && has_frames && !is_closed
}

/// What each side sent, in numbers.
fn traffic(page: &mut Page, connection: &ConnectionRow) {
    page.heading("Traffic");
    let mut line = PageLine::default();
    line.push_to(FIRST, Role::Client, "client");
    line.push_to(SECOND, Role::Server, "server");
    page.line(line);
    let rows: [(&str, PerDirection<u64>); 4] = [
        ("messages", connection.messages.map(|it| it.data)),
        ("control frames", connection.messages.map(|it| it.control)),
        ("frames", connection.frames),
        ("TCP bytes", connection.bytes),
    ];
    for (name, numbers) in rows {
        let mut line = PageLine::of(Role::Dim, format!(" {name}"));
        line.push_to(FIRST, Role::Text, &words::grouped(numbers.client));
        line.push_to(SECOND, Role::Text, &words::grouped(numbers.server));
        page.line(line);
    }
}

/// Messages and control frames over time, as columns of a chart for each side.
fn rates(page: &mut Page, timeline: &Timeline, connection: &ConnectionRow) {
    let columns = page.width.saturating_sub(LABELS).saturating_sub(1).min(MOST_COLUMNS);
    let (start, last) = timeline.times().usual(connection.first.time, connection.last.time);
    let end = Timestamp(last.0.saturating_add(1));
    let both = connection.messages.client.joined(connection.messages.server);
    if columns == 0 || both.all() == 0 {
        return;
    }
    page.heading("Messages and control frames over time");
    let of = [connection.id];
    let buckets = timeline.density(start..end, columns, Some(&of));
    let numbers = |of: fn(&Bucket) -> u32| -> Vec<u64> {
        buckets.iter().map(|bucket| u64::from(of(bucket))).collect()
    };
    let sides = [
        ("client", Role::Client, numbers(|bucket| bucket.entries.client)),
        ("server", Role::Server, numbers(|bucket| bucket.entries.server)),
    ];
    let each = end.since(start).checked_div(length_u64(columns)).unwrap_or(0);
    let mut most = 0;
    for (name, role, numbers) in &sides {
        most = most.max(numbers.iter().copied().max().unwrap_or(0));
        let mut line = PageLine::of(Role::Dim, format!(" {name}"));
        line.pad_to(LABELS);
        line.push(*role, chart(page.symbols().bars, numbers));
        page.line(line);
    }
    // Buckets of a long connection do not begin where columns do.
    let about = if timeline.counts_each(connection.id) { "" } else { "about " };
    let text = format!(
        "each column {}, the highest {about}{}",
        words::duration(each),
        words::grouped(most)
    );
    page.entry("", LABELS, Role::Dim, &text);
}

/// How long Pongs took.
fn round_trips(page: &mut Page, connection: &ConnectionRow) {
    let trips = connection.round_trips;
    if trips.client.count == 0 && trips.server.count == 0 {
        return;
    }
    page.heading("Round trips of Ping and Pong");
    for (name, role, trips, course) in [
        ("client asks", Role::Client, trips.client, &connection.courses.client),
        ("server asks", Role::Server, trips.server, &connection.courses.server),
    ] {
        let RoundTrips { count, least, most, .. } = trips;
        let Some(mean) = trips.mean() else { continue };
        let text = format!(
            "{count} answered, after {} at least, {} on average, {} at most",
            words::duration(least),
            words::duration(mean),
            words::duration(most)
        );
        page.entry(name, LABELS, Role::Text, &text);
        let columns = page.width.saturating_sub(LABELS).saturating_sub(1).min(MOST_COLUMNS);
        let (steps, each) = course.steps(columns);
        if count > 1 && columns > 0 {
            let mut line = PageLine::default();
            line.pad_to(LABELS);
            line.push(role, chart(page.symbols().bars, &steps));
            page.line(line);
        }
        if each > 1 {
            let text = format!("each column: the longest of {each}, in order");
            page.entry("", LABELS, Role::Dim, &text);
        }
    }
}

/// What was agreed on compression, and what it saved.
fn compression(page: &mut Page, connection: &ConnectionRow) {
    let of = connection.compression;
    if of.client == Compression::None && of.server == Compression::None {
        return;
    }
    page.heading("Compression");
    for direction in Direction::BOTH {
        let name = match direction {
            Direction::ClientToServer => "client",
            Direction::ServerToClient => "server",
        };
        let agreed = match of.get(direction) {
            Compression::None => "none".to_owned(),
            Compression::Unknown => "the handshake was not seen".to_owned(),
            Compression::Deflate(params) => {
                let window =
                    words::grouped(1_u64.checked_shl(params.window_bits.into()).unwrap_or(0));
                let context = if params.no_context_takeover {
                    "each message by itself"
                } else {
                    "messages refer to earlier ones"
                };
                format!("permessage-deflate, a window of {window} bytes, {context}")
            }
        };
        page.entry(name, LABELS, Role::Text, &agreed);
        let saved = connection.saved.get(direction);
        if saved.messages == 0 {
            continue;
        }
        let percent = words::percent(saved.wire, saved.content);
        let percent = percent.map(|percent| format!(" ({percent})")).unwrap_or_default();
        let text = format!(
            "{} compressed: {} were sent as {}{percent}",
            words::counted(saved.messages, "message"),
            words::size(saved.content),
            words::size(saved.wire),
        );
        page.entry("", LABELS, Role::Good, &text);
    }
}

/// Numbers as columns, the largest the highest; only nothing has no height.
fn chart(bars: &[&str], numbers: &[u64]) -> String {
    let most = u128::from(numbers.iter().copied().max().unwrap_or(0).max(1));
    let steps = u128::from(length_u64(bars.len().saturating_sub(1)));
    let bar = |number: &u64| {
        let step = u128::from(*number).saturating_mul(steps).div_ceil(most);
        bars.get(usize::try_from(step).unwrap_or(0)).copied().unwrap_or(" ")
    };
    numbers.iter().map(bar).collect()
}

/// Where values begin.
const LABELS: usize = 13;

/// Where the numbers of the two sides end.
const FIRST: usize = 25;
const SECOND: usize = 40;

/// Where times of phases end, and where what happened begins.
const TIMES: usize = 12;
const PHASES: usize = 24;

/// Columns of the longest bar.
const BAR: u128 = 12;

/// Columns of a chart at most.
const MOST_COLUMNS: usize = 100;

/// Columns of a text from the network.
const LONGEST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_grow_with_their_numbers() {
        let bars = [" ", "1", "2", "3", "4"];
        assert_eq!(chart(&bars, &[0, 1, 4, 8, u64::MAX]), " 1114");
        assert_eq!(chart(&bars, &[0, 1, 4, 8]), " 124");
        assert_eq!(chart(&bars, &[0, 0]), "  ");
        assert_eq!(chart(&bars, &[]), "");
    }
}
