//! What a row is, in words: the lines above its content.

use crate::describe::decoded_again;
use crate::describe::incident;
use crate::describe::outcome::ConnectionEnd;
use crate::describe::proxy;
use crate::describe::tls::tls_step;
use crate::findings::Severity;
use crate::stream::Direction;
use crate::text::escape::escape;
use crate::text::page::{PageLine, safe};
use crate::text::role::Role;
use crate::text::words;
use crate::text::words::sentence;
use crate::timeline::{MessageFacts, Opened, Row, RowKind, Timeline, TlsStep};
use crate::tui::inspector::context::InspectorContext;
use crate::tui::inspector::findings;
use crate::tui::inspector::frame::way;
use crate::tui::inspector::page::Page;
use crate::websocket::{CloseCode, Inflation, Opcode, Utf8};

/// Tells what the row is; `form` says how its content is shown.
pub(super) fn page(context: &InspectorContext<'_>, row: &Row, form: Option<&str>) -> Page {
    let mut page = context.page();
    let Some(opened) = context.opened else {
        let why = context.problem.map(|why| format!(": {why}")).unwrap_or_default();
        let text = format!("This row cannot be read again{why}.");
        page.paragraph(0, Role::Error, &safe(text.as_bytes(), usize::MAX));
        return page;
    };
    title(&mut page, row, opened, form);
    place(&mut page, row);
    if let Some(facts) = &opened.message {
        faults(&mut page, row, facts);
    } else if !row.complete && is_data(row.kind) {
        page.paragraph(0, Role::Warning, "Not all of it was captured.");
    }
    if opened.cut {
        page.paragraph(0, Role::Warning, "Only its beginning was read because it is long.");
    }
    again(&mut page, context, row);
    partner(&mut page, context, row);
    if row.kind == RowKind::Message(Opcode::Close) {
        close(&mut page, opened);
    } else if let Some(text) = meaning(context.timeline, row) {
        page.blank();
        page.paragraph(0, Role::Text, &text);
    }
    worst(&mut page, context, row);
    page
}

/// `JSON, 124 bytes, deflated to 78 (63 %), 2 frames`
fn title(page: &mut Page, row: &Row, opened: &Opened, form: Option<&str>) {
    let mut line = PageLine::of(Role::Title, name(row));
    let mut facts = Vec::new();
    facts.extend(form.map(str::to_owned));
    if is_data(row.kind) {
        facts.push(words::counted(row.length, "byte"));
        let is_inflated =
            opened.message.is_some_and(|message| message.inflation == Inflation::Done);
        if is_inflated {
            let percent = words::percent(row.wire_length, row.length);
            let percent = percent.map(|percent| format!(" ({percent})")).unwrap_or_default();
            facts.push(format!("deflated to {}{percent}", words::grouped(row.wire_length)));
        } else if row.compressed {
            facts.push(format!("{} compressed", words::counted(row.wire_length, "byte")));
        }
        if row.frames > 1 {
            facts.push(words::counted(row.frames, "frame"));
        }
    }
    for fact in facts {
        line.push(Role::Text, format!(", {fact}"));
    }
    page.line(line);
}

/// `client → server  packets 23-24  offset 412`
fn place(page: &mut Page, row: &Row) {
    let mut line = PageLine::default();
    if row.direction.is_some() {
        way(&mut line, page, row.direction);
        line.push(Role::Dim, "  ");
    }
    line.push(Role::Dim, words::packets(row.first, row.last));
    if row.direction.is_some() {
        line.push(Role::Dim, format!("  offset {}", words::grouped(row.offset)));
    }
    page.line(line);
}

/// What is wrong with the content.
fn faults(page: &mut Page, row: &Row, facts: &MessageFacts) {
    if !facts.complete {
        let text = match facts.inflation {
            Inflation::HistoryMissing => {
                "It cannot be inflated: it refers to earlier messages that were not captured."
            }
            Inflation::HistoryEvicted => {
                "It cannot be inflated: the earlier messages that it refers to were dropped at the \
                 memory limit."
            }
            Inflation::Invalid { .. } => "It cannot be inflated: the payload is not valid DEFLATE.",
            Inflation::TooLarge => "It is larger than the limit on inflated bytes.",
            Inflation::Forgotten { .. } => {
                "It cannot be inflated: it refers to earlier messages despite no_context_takeover."
            }
            Inflation::None | Inflation::Done | Inflation::Unfinished => {
                "Not all of it was captured: this is its captured beginning."
            }
        };
        page.paragraph(0, Role::Warning, text);
    }
    match facts.utf8 {
        Utf8::Invalid { byte } => {
            let at = words::grouped(byte);
            let text = format!("It is not UTF-8: invalid byte at offset {at}.");
            page.paragraph(0, Role::Error, &text);
        }
        Utf8::Valid | Utf8::NotText => {}
    }
    if row.compressed && facts.inflation == Inflation::None {
        page.paragraph(0, Role::Warning, "RSV1 marks it as compressed; it was not inflated.");
    }
}

/// What its bytes are under the cause that explains its connection.
fn again(page: &mut Page, context: &InspectorContext<'_>, row: &Row) {
    let cause = context.timeline.cause_of(row.connection);
    let Some((cause, direction)) = cause.zip(row.direction) else { return };
    let offsets = [row.offset, row.offset.saturating_add(row.wire_length.max(1))];
    let messages = cause.finding.decoded_again.iter();
    for line in decoded_again::lines(messages.filter(|it| it.is_from(direction, offsets))) {
        page.paragraph(0, Role::Good, &line);
    }
}

/// How long the answer took.
fn partner(page: &mut Page, context: &InspectorContext<'_>, row: &Row) {
    let Some(other) = context.partner.and_then(|partner| context.timeline.row(partner)) else {
        return;
    };
    let (text, time) = if other.id > row.id {
        ("answered", other.time.measured_since(row.time))
    } else {
        ("answers", row.time.measured_since(other.time))
    };
    let what = name(&other);
    let mut line = PageLine::of(Role::Text, text);
    if let Some(time) = time {
        line.push(Role::Text, " after ");
        line.push(Role::Good, words::duration(time));
    }
    line.push(Role::Dim, format!("  {what}, {}", words::packets(other.first, other.last)));
    page.line(line);
}

/// Code and reason of a Close, as a dictionary has them.
fn close(page: &mut Page, opened: &Opened) {
    page.blank();
    let Some(code) = opened.message.and_then(|message| message.close_code) else {
        let text = if opened.content.is_empty() {
            "It has no code: the receiver's application sees 1005 (no status received)."
        } else {
            "One byte is too little for a code: a Close has no payload at all, or two bytes of code and then a \
             reason."
        };
        page.paragraph(0, Role::Text, text);
        return;
    };
    let entry = CloseCode::of(code);
    page.paragraph(0, Role::Title, &format!("{code}: {}", entry.name));
    if let Some(reason) = opened.content.get(2..).filter(|reason| !reason.is_empty()) {
        let reason = safe(reason, usize::MAX);
        page.entry("reason", LABELS, Role::JsonString, &format!("\"{reason}\""));
    }
    page.entry("meaning", LABELS, Role::Text, entry.meaning);
    page.entry("when", LABELS, Role::Text, entry.cause);
    page.entry("do", LABELS, Role::Text, entry.remedy);
    page.entry("source", LABELS, Role::Dim, entry.source);
}

/// The worst findings about the row.
fn worst(page: &mut Page, context: &InspectorContext<'_>, row: &Row) {
    let found: Vec<_> = context.timeline.findings_of(row.id).collect();
    let (causes, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|it| it.finding.is_explaining_cause());
    for severity in Severity::ALL {
        let of_severity = causes.iter().chain(&others).filter(|it| it.finding.severity == severity);
        for finding in of_severity {
            let rule = finding.finding.rule;
            let mark = page.theme.mark(severity);
            let line = PageLine::of(findings::role(severity), format!("{mark} {}", rule.id));
            let column = line.width().saturating_add(2);
            page.hanging(line, column, Role::Text, rule.title);
        }
    }
}

/// What a row is called.
pub(super) fn name(row: &Row) -> String {
    let name = match row.kind {
        RowKind::Message(opcode) => match opcode {
            Opcode::Text => "Text",
            Opcode::Binary => "Binary",
            Opcode::Close => "Close",
            Opcode::Ping => "Ping",
            Opcode::Pong => "Pong",
            Opcode::Continuation => "Continuation",
        },
        RowKind::Frame { opcode, .. } => match Opcode::from_wire(opcode) {
            Some(opcode) => return format!("Frame: {}", opcode.name()),
            None => return format!("Frame: reserved opcode {opcode:X}"),
        },
        RowKind::Request => "Upgrade request",
        RowKind::Response(status) => return format!("Response {status}"),
        RowKind::NoResponse => "No response",
        RowKind::Tunnel(Some(status)) => return format!("Tunnel through a proxy: {status}"),
        RowKind::Tunnel(None) => "Tunnel through a proxy: no answer",
        RowKind::ProxyHeader => "PROXY header",
        RowKind::Socks(_) => "SOCKS proxy",
        RowKind::StrayBytes(_) => "Stray bytes",
        RowKind::Tls(step) => match step {
            TlsStep::ClientHello => "TLS ClientHello",
            TlsStep::ServerHello => "TLS ServerHello",
            TlsStep::HelloRetryRequest => "TLS HelloRetryRequest",
            TlsStep::Certificate => "TLS certificate",
            TlsStep::Alert(_) => "TLS alert",
            TlsStep::Established => "TLS established",
            TlsStep::Foreign => "No TLS",
            TlsStep::Renegotiation => "TLS renegotiation",
            TlsStep::Refused => "TLS record that does not open",
        },
        RowKind::Gap => "Gap",
        RowKind::SyncLost => "Frame boundaries lost",
        RowKind::SyncFound => "Frame boundaries found again",
        RowKind::NotAFrame => "No frame",
        RowKind::HeaderUnfinished => "Unfinished frame header",
        RowKind::Conflict => "Conflicting bytes",
        RowKind::Limit(_) => "Limit reached",
        RowKind::Recognized(_) => "WebSocket recognized",
        RowKind::Fin => "FIN",
        RowKind::Reset => "RST",
        RowKind::Ended(_) => "End",
    };
    name.to_owned()
}

/// Whether its length is that of a payload.
fn is_data(kind: RowKind) -> bool {
    matches!(kind, RowKind::Message(_) | RowKind::Frame { .. })
}

/// What it means, where its content does not say so.
fn meaning(timeline: &Timeline, row: &Row) -> Option<String> {
    let sender = match row.direction {
        Some(Direction::ClientToServer) => "The client",
        Some(Direction::ServerToClient) => "The server",
        None => "A peer",
    };
    let length = words::counted(row.length, "byte");
    Some(match row.kind {
        RowKind::Message(Opcode::Ping) if row.partner.is_none() => {
            "No Pong answered it in this capture.".to_owned()
        }
        RowKind::Message(Opcode::Pong) if row.partner.is_none() => {
            "It answers no Ping: an unsolicited heartbeat.".to_owned()
        }
        RowKind::Message(_) | RowKind::Request | RowKind::Response(_) | RowKind::Tunnel(_) => {
            return None;
        }
        RowKind::Frame { opcode, .. } => match Opcode::from_wire(opcode) {
            Some(_) => "One of the frames of a message: the Frame tab shows its bits.".to_owned(),
            None => "Its opcode is reserved; a receiver must fail the connection.".to_owned(),
        },
        RowKind::NoResponse => "No response came to the upgrade request.".to_owned(),
        RowKind::ProxyHeader | RowKind::Socks(_) | RowKind::StrayBytes(_) => {
            let words = match row.kind {
                RowKind::StrayBytes(_) => timeline.stray_bytes_of(row).map(proxy::stray_bytes),
                _ => timeline.intermediary_of(row).map(proxy::intermediary),
            }?;
            let mut text = words.name;
            escape(&words.details, usize::MAX, &mut text);
            text
        }
        RowKind::Tls(_) => {
            let tls = timeline.tls_of(row)?;
            let words = tls_step(&tls.seen, tls.duration, tls.session)?;
            let mut text = words.name;
            escape(&words.details, usize::MAX, &mut text);
            text
        }
        RowKind::Gap => {
            format!("{length} of what {} sent are not in the capture.", sender.to_lowercase())
        }
        RowKind::SyncLost => {
            "A frame header was not captured: from here on frames cannot be told apart, until \
                              a plausible header is found."
                .to_owned()
        }
        RowKind::SyncFound => {
            format!("{length} were skipped before frame boundaries were found again.")
        }
        RowKind::NotAFrame => {
            format!("{sender} sent text instead of a frame; nothing after it can be decoded.")
        }
        RowKind::HeaderUnfinished => "The stream ended within a frame header.".to_owned(),
        RowKind::Conflict => {
            "The same bytes came twice with different content; those that came first are \
                              shown."
                .to_owned()
        }
        RowKind::Limit(limit) => {
            sentence(&format!("data discarded: limit on {}", incident::limit(limit)))
        }
        RowKind::Recognized(how) => sentence(incident::recognized(how)),
        RowKind::Fin => {
            format!("{sender} closed its direction of TCP (FIN): it sends nothing more.")
        }
        RowKind::Reset => format!("{sender} reset the connection (RST): it ended at once."),
        RowKind::Ended(outcome) => {
            let connection = timeline.connection(row.connection)?;
            sentence(ConnectionEnd::of_row(connection, outcome).phrase())
        }
    })
}

/// The column of the text beside a label.
const LABELS: usize = 10;
