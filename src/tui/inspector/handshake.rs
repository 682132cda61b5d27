//! The Handshake tab: both heads with what each line is for, and the accept value computed.

use crate::analysis::event::{Outcome, Transport};
use crate::describe::header_field::{FieldVerdict, HeaderField, REQUEST, RESPONSE, find, missing};
use crate::http::{Handshake, Head};
use crate::stream::Span;
use crate::text::page::{PageLine, safe};
use crate::text::role::Role;
use crate::text::words;
use crate::tui::inspector::accept_key;
use crate::tui::inspector::context::InspectorContext;
use crate::tui::inspector::page::Page;

/// The page of a handshake.
pub(super) fn page(context: &InspectorContext<'_>) -> Page {
    let mut page = context.page();
    let own = context.opened.and_then(|opened| opened.handshake.as_ref());
    let Some(handshake) = own.or(context.handshake) else {
        page.paragraph(0, Role::Dim, why_none(context));
        return page;
    };
    if let Some(request) = &handshake.request {
        heading(&mut page, "Request", request.span, None);
        request_line(&mut page, request);
        fields(&mut page, handshake, request, REQUEST);
    } else {
        page.heading("Request");
        page.paragraph(0, Role::Dim, "It is not in the capture.");
    }
    if let Some(response) = &handshake.response {
        page.blank();
        heading(&mut page, "Response", response.span, handshake.duration());
        status_line(&mut page, response);
        let judged = if response.status() == Some(101) { RESPONSE } else { &[] };
        fields(&mut page, handshake, response, judged);
    } else {
        page.heading("Response");
        page.paragraph(0, Role::Warning, "None came.");
    }
    accept_key::explain(&mut page, handshake);
    page
}

/// Why there is no handshake to show.
fn why_none(context: &InspectorContext<'_>) -> &'static str {
    let connection = context.row.and_then(|row| context.timeline.connection(row.connection));
    match connection.map(|it| (it.outcome, it.transport)) {
        Some((Some(Outcome::Refused | Outcome::Timeout), _)) => {
            "The connection was never established, so there was no handshake."
        }
        Some((_, Transport::Tls)) => {
            "This connection is encrypted. The Findings tab shows what is known of its secrets."
        }
        Some((_, Transport::Tcp | Transport::H2)) | None => {
            "The capture holds no opening handshake of this connection."
        }
    }
}

/// `Request  packet 4  offset 0`
fn heading(page: &mut Page, name: &str, span: Span, duration: Option<u64>) {
    let mut line = PageLine::of(Role::Title, name);
    let packets = words::packets(span.first.packet, span.last.packet);
    line.push(Role::Dim, format!("  {packets}  offset {}", words::grouped(span.start)));
    if let Some(duration) = duration {
        line.push(Role::Dim, "  after ");
        line.push(Role::Good, words::duration(duration));
    }
    page.line(line);
}

fn request_line(page: &mut Page, head: &Head) {
    let is_get = head.method() == Some(b"GET");
    let is_new = head.version() >= &b"HTTP/1.1"[..];
    let verdict = if !is_get {
        FieldVerdict::Wrong("the method must be GET".to_owned())
    } else if is_new {
        FieldVerdict::Right
    } else {
        FieldVerdict::Wrong("the version must be HTTP/1.1 or higher".to_owned())
    };
    start_line(page, head, &verdict, "asks for this resource with GET, in HTTP/1.1");
}

fn status_line(page: &mut Page, head: &Head) {
    let (verdict, purpose) = match head.status() {
        Some(101) => (FieldVerdict::Right, "the server agrees: frames follow this head"),
        Some(300..=399) => (
            FieldVerdict::Wrong(
                "the server sends the client elsewhere; browsers do not follow".to_owned(),
            ),
            "",
        ),
        Some(401 | 407) => {
            (FieldVerdict::Wrong("the server requires authentication first".to_owned()), "")
        }
        Some(_) | None => {
            (FieldVerdict::Wrong("only 101 opens a WebSocket: the server refused".to_owned()), "")
        }
    };
    start_line(page, head, &verdict, purpose);
}

fn start_line(page: &mut Page, head: &Head, verdict: &FieldVerdict, purpose: &str) {
    let line = head.raw.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let begun = marked(page, verdict);
    page.hanging(begun, NAMES, Role::Title, &safe(line, usize::MAX));
    remark(page, verdict, purpose);
}

/// The fields of a head, with what is known of each, and those that are missing.
fn fields(page: &mut Page, handshake: &Handshake, head: &Head, known: &'static [HeaderField]) {
    for (name, value) in head.fields() {
        let field = find(known, name);
        let verdict = field.map_or(FieldVerdict::Neutral, |field| (field.check)(handshake, value));
        let mut line = marked(page, &verdict);
        line.pad_to(NAMES);
        let role = if field.is_some() { Role::JsonKey } else { Role::Dim };
        line.foreign(role, name, LONGEST_NAME);
        line.push(role, ": ");
        let column = VALUES.min(line.width());
        let role = if field.is_some() { Role::Text } else { Role::Dim };
        value_lines(page, line, column, role, value);
        if let Some(field) = field {
            remark(page, &verdict, &format!("{}: {}", field.need.name(), field.purpose));
        }
    }
    for field in missing(known, head) {
        let verdict = FieldVerdict::Wrong("it is missing, and required".to_owned());
        let mut line = marked(page, &verdict);
        line.pad_to(NAMES);
        line.push(Role::Error, field.name);
        page.line(line);
        remark(page, &verdict, field.purpose);
    }
}

/// Adds a value after what was begun; what does not fit continues below.
fn value_lines(page: &mut Page, begun: PageLine, column: usize, role: Role, value: &[u8]) {
    let text = safe(value, LONGEST_VALUE);
    let room = page.width.saturating_sub(begun.width());
    if text.chars().count() <= room {
        let mut line = begun;
        line.push(role, text);
        page.line(line);
    } else {
        page.line(begun);
        page.paragraph(column, role, &text);
    }
}

/// A line that begins with the mark of a verdict.
fn marked(page: &Page, verdict: &FieldVerdict) -> PageLine {
    match verdict {
        FieldVerdict::Right => PageLine::of(Role::Good, page.symbols().good),
        FieldVerdict::Neutral => PageLine::default(),
        FieldVerdict::Wrong(_) => PageLine::of(Role::Error, page.symbols().error),
    }
}

/// Reports what a line is for, and what is wrong with it.
fn remark(page: &mut Page, verdict: &FieldVerdict, purpose: &str) {
    match verdict {
        FieldVerdict::Right | FieldVerdict::Neutral => {}
        FieldVerdict::Wrong(why) => page.paragraph(REMARKS, Role::Error, why),
    }
    if !purpose.is_empty() {
        page.paragraph(REMARKS, Role::Dim, purpose);
    }
}

/// Where names, remarks and values that continue below begin.
const NAMES: usize = 2;
const REMARKS: usize = 4;
const VALUES: usize = 6;

/// Columns of a name that is shown, and of a value.
const LONGEST_NAME: usize = 60;
const LONGEST_VALUE: usize = 4096;
