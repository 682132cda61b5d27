//! One row of the timeline: its arrow between client and server, and what it says.

use ratatui::style::Style;
use ratatui::text::Span;

use crate::analysis::event::{SocksOutcome, StartedBy};
use crate::describe::incident;
use crate::describe::outcome::{ConnectionEnd, is_failure};
use crate::describe::proxy::{self, ProxyTone, ProxyWords};
use crate::describe::tls::{TlsTone, TlsWords, tls_step};
use crate::stream::Direction;
use crate::text::role::Role;
use crate::text::words::{counted, duration, grouped, size};
use crate::timeline::{Row, RowKind, Timeline, TlsStep};
use crate::tui::app::App;
use crate::tui::preview::Preview;
use crate::tui::view::matches;
use crate::tui::view::pane::{left, right, safe};
use crate::websocket::Opcode;

/// The arrow from the sender to the other side, with what it carries at its beginning.
pub(super) fn arrow(app: &App, timeline: &Timeline, row: &Row, width: usize) -> Vec<Span<'static>> {
    let theme = app.theme;
    let symbols = theme.symbols();
    let (label, style) = label(app, timeline, row);
    let shaft = width.saturating_sub(LABEL).saturating_sub(2);
    let line = symbols.line.repeat(shaft);
    let Some(direction) = row.direction else {
        let dotted = symbols.gap.repeat(width.saturating_sub(LABEL).saturating_sub(1));
        return vec![
            Span::styled(left(&label, LABEL), style),
            Span::raw(" "),
            Span::styled(dotted, theme.style(Role::Border)),
        ];
    };
    let sender = theme.direction(direction);
    let line = if matches!(row.kind, RowKind::Gap | RowKind::SyncLost | RowKind::SyncFound) {
        symbols.gap.repeat(shaft)
    } else {
        line
    };
    let blank = Span::raw(" ");
    match direction {
        Direction::ClientToServer => vec![
            Span::styled(left(&label, LABEL), style),
            blank,
            Span::styled(format!("{line}{}", symbols.head_right), sender),
        ],
        Direction::ServerToClient => vec![
            Span::styled(format!("{}{line}", symbols.head_left), sender),
            blank,
            Span::styled(left(&label, LABEL), style),
        ],
    }
}

/// What an arrow carries: a badge, and how much.
fn label(app: &App, timeline: &Timeline, row: &Row) -> (String, Style) {
    let theme = app.theme;
    let sized = |badge: &str| format!("{}{}", left(badge, BADGE), right(&size(row.length), SIZE));
    match row.kind {
        RowKind::Message(opcode) => {
            let role = match opcode {
                Opcode::Text | Opcode::Continuation => Role::TextMessage,
                Opcode::Binary => Role::BinaryMessage,
                Opcode::Close | Opcode::Ping | Opcode::Pong => Role::ControlFrame,
            };
            let text = if let (Opcode::Close, Some(code)) = (opcode, row.close_code) {
                format!("{}{}", left("CLOSE", BADGE), right(&code.to_string(), SIZE))
            } else {
                sized(badge(opcode))
            };
            (text, theme.style(role))
        }
        RowKind::Frame { opcode, .. } => {
            let name = Opcode::from_wire(opcode)
                .map_or_else(|| format!("OP {opcode:X}"), |it| badge(it).to_owned());
            (sized(&name), theme.style(Role::TextMessage))
        }
        RowKind::Request => (method(app, row), theme.style(Role::Handshake)),
        RowKind::Response(status) => {
            let role = if status == 101 { Role::Handshake } else { Role::Error };
            (format!("{status}"), theme.style(role))
        }
        RowKind::NoResponse => ("no answer".to_owned(), theme.style(Role::Error)),
        RowKind::Tunnel(_) => ("CONNECT".to_owned(), theme.style(Role::Handshake)),
        RowKind::ProxyHeader => ("PROXY".to_owned(), theme.style(Role::Handshake)),
        RowKind::Socks(outcome) => {
            let is_opened = outcome == SocksOutcome::Opened;
            let role = if is_opened { Role::Handshake } else { Role::Error };
            ("SOCKS".to_owned(), theme.style(role))
        }
        RowKind::StrayBytes(_) => (sized("stray"), theme.style(Role::Warning)),
        RowKind::Tls(step) => {
            let role = match tls_words(timeline, row).map(|words| words.tone) {
                Some(TlsTone::Failure) => Role::Error,
                Some(TlsTone::Aside) => Role::Dim,
                Some(TlsTone::Client | TlsTone::Server) | None => Role::Handshake,
            };
            (tls_label(step).to_owned(), theme.style(role))
        }
        RowKind::Gap => (sized("gap"), theme.style(Role::Warning)),
        RowKind::SyncLost => ("lost".to_owned(), theme.style(Role::Warning)),
        RowKind::SyncFound => ("found".to_owned(), theme.style(Role::Good)),
        RowKind::NotAFrame => (sized("text?"), theme.style(Role::Error)),
        RowKind::HeaderUnfinished => ("header cut".to_owned(), theme.style(Role::Warning)),
        RowKind::Conflict => ("conflict".to_owned(), theme.style(Role::Warning)),
        RowKind::Limit(_) => ("limit".to_owned(), theme.style(Role::Warning)),
        RowKind::Recognized(_) => ("midstream".to_owned(), theme.style(Role::Note)),
        RowKind::Fin => ("FIN".to_owned(), theme.style(Role::Dim)),
        RowKind::Reset => ("RST".to_owned(), theme.style(Role::Error)),
        RowKind::Ended(_) => ("end".to_owned(), theme.style(Role::Dim)),
    }
}

/// The method of a request: mostly GET, but not always.
fn method(app: &App, row: &Row) -> String {
    let Some(Preview::Heads(request, _)) = app.previews.get(row.id) else {
        return "HTTP".to_owned();
    };
    let word = request.split(|byte| *byte == b' ').next().unwrap_or_default();
    let is_method = !word.is_empty() && word.len() < LABEL && word.iter().all(u8::is_ascii_graphic);
    if is_method { safe(word, LABEL) } else { "HTTP".to_owned() }
}

/// What a row says: the rules it breaks, how it relates to others, and the beginning of its content.
pub(super) fn story(app: &App, timeline: &Timeline, row: &Row, width: usize) -> Vec<Span<'static>> {
    let theme = app.theme;
    let dim = theme.style(Role::Dim);
    let mut spans = Vec::new();
    let mut room = width;
    let mut say = |text: String, style: Style| {
        let text = safe(text.as_bytes(), room);
        let span = Span::styled(text, style);
        room = room.saturating_sub(span.width());
        spans.push(span);
    };
    if let Some(found) = app.marks.of(timeline, row.id) {
        let rule = found.finding.rule;
        let text = if width >= WITH_TITLE {
            format!("{} {}  ", rule.id, rule.title)
        } else {
            format!("{}  ", rule.id)
        };
        say(text, theme.severity(found.finding.severity));
    }
    if let Some(answer) = answered(app, timeline, row) {
        say(format!("{answer}  "), theme.style(Role::Good));
    }
    if row.compressed {
        let ratio = row.wire_length.saturating_mul(100).checked_div(row.length);
        say(ratio.map_or_else(|| "deflated  ".to_owned(), |ratio| format!("{ratio}%  ")), dim);
    }
    if !row.complete && row.is_message() {
        say("incomplete  ".to_owned(), theme.style(Role::Warning));
    }
    if row.frames > 1 && row.is_message() {
        say(format!("{} frames  ", grouped(row.frames)), dim);
    }
    let excerpt = app.previews.get(row.id).and_then(|preview| excerpt(row, preview));
    if let Some(bytes) = excerpt {
        spans.extend(matches::spans(app, row, bytes, room));
    } else {
        let (text, style) = said(app, timeline, row);
        say(text, style);
    }
    spans
}

/// The badge of an opcode.
fn badge(opcode: Opcode) -> &'static str {
    match opcode {
        Opcode::Continuation => "CONT",
        Opcode::Text => "TEXT",
        Opcode::Binary => "BIN",
        Opcode::Close => "CLOSE",
        Opcode::Ping => "PING",
        Opcode::Pong => "PONG",
    }
}

/// The content of a row, if matches of a search can be highlighted in it.
fn excerpt<'a>(row: &Row, preview: &'a Preview) -> Option<&'a [u8]> {
    match (row.kind, preview) {
        // Code and reason of a Close.
        (RowKind::Message(Opcode::Close), Preview::Content(bytes)) => bytes.get(2..),
        (RowKind::Message(_), Preview::Content(bytes)) => Some(bytes),
        (_, Preview::Content(_) | Preview::Heads(..) | Preview::Unreadable(_)) => None,
    }
}

/// How long after its partner a row came.
fn answered(app: &App, timeline: &Timeline, row: &Row) -> Option<String> {
    let request = match row.kind {
        RowKind::Message(Opcode::Pong) | RowKind::Response(_) | RowKind::Tunnel(_) => row.partner,
        _ => app.answers.request(row.id),
    };
    let partner = timeline.row(request?)?;
    row.time.measured_since(partner.time).map(|passed| format!("after {}", duration(passed)))
}

fn said(app: &App, timeline: &Timeline, row: &Row) -> (String, Style) {
    let theme = app.theme;
    let dim = theme.style(Role::Dim);
    let text = theme.style(Role::Text);
    match row.kind {
        RowKind::Tls(_) => match tls_words(timeline, row) {
            Some(TlsWords { name, details, tone }) => {
                let style = if tone == TlsTone::Failure { theme.style(Role::Error) } else { text };
                (name + &safe(&details, LONGEST), style)
            }
            None => (String::new(), dim),
        },
        RowKind::ProxyHeader | RowKind::Socks(_) | RowKind::StrayBytes(_) => {
            match proxy_words(timeline, row) {
                Some(ProxyWords { name, details, tone }) => {
                    let role = match tone {
                        ProxyTone::Good => Role::Text,
                        ProxyTone::Strange => Role::Warning,
                        ProxyTone::Failure => Role::Error,
                    };
                    (name + &safe(&details, LONGEST), theme.style(role))
                }
                None => (String::new(), dim),
            }
        }
        RowKind::Gap => {
            let missing = format!("{} missing", counted(row.length, "byte"));
            (missing, theme.style(Role::Warning))
        }
        RowKind::SyncLost => (incident::SYNC_LOST.to_owned(), dim),
        RowKind::SyncFound => {
            (format!("{}, {} skipped", incident::SYNC_FOUND, counted(row.length, "byte")), dim)
        }
        RowKind::NoResponse => (incident::NO_RESPONSE.to_owned(), dim),
        RowKind::Conflict => {
            (format!("{} {}", counted(row.length, "byte"), incident::CONFLICT), dim)
        }
        RowKind::Limit(limit) => {
            (format!("data discarded: limit on {}", incident::limit(limit)), dim)
        }
        RowKind::Recognized(how) => (incident::recognized(how).to_owned(), dim),
        RowKind::Fin => (incident::fin(row.direction).to_owned(), dim),
        RowKind::Reset => (reset(timeline, row), theme.style(Role::Error)),
        RowKind::Ended(outcome) => {
            let style = if is_failure(outcome) { theme.style(Role::Error) } else { dim };
            let connection = timeline.connection(row.connection);
            let end = connection.map(|it| ConnectionEnd::of_row(it, outcome));
            (end.map_or_else(|| outcome.name(), ConnectionEnd::phrase).to_owned(), style)
        }
        RowKind::Message(_)
        | RowKind::Frame { .. }
        | RowKind::Request
        | RowKind::Response(_)
        | RowKind::Tunnel(_)
        | RowKind::NotAFrame
        | RowKind::HeaderUnfinished => match app.previews.get(row.id) {
            Some(preview) => content(row, preview, (text, dim)),
            None => (app.theme.symbols().ellipsis.to_owned(), dim),
        },
    }
}

/// What a proxy did, or what stray bytes are, in the words of printed lines.
pub(in crate::tui) fn proxy_words(timeline: &Timeline, row: &Row) -> Option<ProxyWords> {
    if let RowKind::StrayBytes(_) = row.kind {
        return timeline.stray_bytes_of(row).map(proxy::stray_bytes);
    }
    timeline.intermediary_of(row).map(proxy::intermediary)
}

/// A step of TLS in the words of printed lines.
fn tls_words(timeline: &Timeline, row: &Row) -> Option<TlsWords> {
    let tls = timeline.tls_of(row)?;
    tls_step(&tls.seen, tls.duration, tls.session)
}

fn tls_label(step: TlsStep) -> &'static str {
    match step {
        TlsStep::ClientHello => "ClientHello",
        TlsStep::ServerHello => "ServerHello",
        TlsStep::HelloRetryRequest => "HelloRetry",
        TlsStep::Certificate => "certificate",
        TlsStep::Alert(_) => "alert",
        TlsStep::Established => "TLS",
        TlsStep::Foreign => "no TLS",
        TlsStep::Renegotiation => "renegotiation",
        TlsStep::Refused => "unopened",
    }
}

/// Who reset the connection, or refused it: then nothing was sent on it before.
fn reset(timeline: &Timeline, row: &Row) -> String {
    let connection = timeline.connection(row.connection);
    let is_refused = connection.is_some_and(|it| {
        it.started_by == StartedBy::Syn
            && it.bytes.client == 0
            && it.bytes.server == 0
            && row.direction == Some(Direction::ServerToClient)
            && it.first_row == Some(row.id)
    });
    let sender = incident::sender(row.direction);
    if is_refused {
        format!("{sender} refused the connection")
    } else {
        incident::reset(row.direction).to_owned()
    }
}

/// The text of a row that is not a message.
fn content(row: &Row, preview: &Preview, (text, dim): (Style, Style)) -> (String, Style) {
    match preview {
        Preview::Unreadable(why) => (why.clone(), dim),
        Preview::Heads(request, response) => {
            let head = if matches!(row.kind, RowKind::Response(_)) { response } else { request };
            (safe(head, LONGEST), text)
        }
        Preview::Content(bytes) => (safe(bytes, LONGEST), text),
    }
}

/// Columns of the label on an arrow: its badge, and its size.
const LABEL: usize = 14;
const BADGE: usize = 6;
const SIZE: usize = 8;

/// Columns of content that are made ready; a screen has fewer.
const LONGEST: usize = 300;

/// From this many columns on, the title of a broken rule follows its id.
const WITH_TITLE: usize = 50;
