//! Heads of HTTP that were pasted: line by line, with what each field is for.

use super::conversation::JudgedHttp;
use super::page::{Page, bytes, number};
use super::pasted::{HeadEnd, PastedHttp, PastedStream, head_of};
use crate::describe::header_field::{FieldVerdict, HeaderField, REQUEST, RESPONSE, find, missing};
use crate::http::{Handshake, Head};
use crate::stream::{Direction, length_u64};
use crate::text::role::Role;
use crate::text::words::hex;

/// Explains the heads, in the order in which they are sent.
pub(super) fn explain(page: &mut Page, http: &PastedHttp, judged: &JudgedHttp) {
    let handshake = &judged.handshake;
    let parts = [
        (
            Direction::ClientToServer,
            "What the client sends: a request",
            &handshake.request,
            REQUEST,
        ),
        (
            Direction::ServerToClient,
            "What the server sends: a response",
            &handshake.response,
            RESPONSE,
        ),
    ];
    let mut is_first = true;
    for (direction, title, head, fields) in parts {
        let stream = http.sides.get(direction);
        let Some(head) = head else { continue };
        if !is_first {
            page.blank();
        }
        is_first = false;
        page.heading(title);
        page.blank();
        let is_accepted = handshake.response.as_ref().is_none_or(|it| it.status() == Some(101));
        // Of a refusal, nothing is required.
        let fields =
            if direction == Direction::ClientToServer || is_accepted { fields } else { &[] };
        one(page, head, fields, (handshake, stream));
    }
}

fn one(
    page: &mut Page,
    head: &Head,
    fields: &'static [HeaderField],
    (handshake, stream): (&Handshake, &PastedStream),
) {
    let (start, end) = head_of(&stream.bytes).unwrap_or_default();
    if let Some(stray) = stream.bytes.get(..start).filter(|stray| !stray.is_empty()) {
        let count = bytes(length_u64(stray.len()));
        page.paragraph(2, &format!("{count} before it: {}", hex(stray)));
    }
    let lines = stream.bytes.get(start..end).unwrap_or_default();
    page.push("  ");
    page.foreign(
        lines.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default(),
        0,
    );
    page.end_line();
    for (name, value) in head.fields() {
        page.push("  ");
        page.foreign(name, 0);
        page.push(": ");
        page.foreign(value, 0);
        page.end_line();
        let Some(field) = find(fields, name) else { continue };
        page.paragraph(6, field.purpose);
        if let FieldVerdict::Wrong(why) = (field.check)(handshake, value) {
            page.push("      ");
            page.words(Role::Error, &format!("✖ {why}"));
            page.end_line();
        }
    }
    for field in missing(fields, head) {
        page.push("  ");
        let verb = if stream.end == HeadEnd::Pasted { "is missing" } else { "was not pasted" };
        page.words(Role::Warning, &format!("{} {verb}; it is required", field.name));
        page.end_line();
        page.paragraph(6, field.purpose);
    }
    if stream.end == HeadEnd::Missing {
        page.paragraph(2, NO_END);
    }
}

/// Says what is between the head of the response and the frames, or what is its body.
pub(super) fn after(page: &mut Page, http: &PastedHttp, judged: &JudgedHttp) {
    let server = &http.sides.server.bytes;
    let Some((_, end)) = head_of(server) else { return };
    let rest = server.get(end..).unwrap_or_default();
    if rest.is_empty() {
        return;
    }
    if judged.is_accepted() {
        let until = judged.frames_at.map_or(0, |at| super::length_usize(at).saturating_sub(end));
        if let Some(stray) = rest.get(..until).filter(|stray| !stray.is_empty()) {
            let count = bytes(length_u64(stray.len()));
            let shown = hex(stray.get(..MOST_SHOWN).unwrap_or(stray));
            page.blank();
            page.paragraph(0, &format!("{count} between the head and the first frame: {shown}"));
        }
        return;
    }
    page.blank();
    page.heading(&format!("Its body, {} bytes", number(rest.len())));
    page.blank();
    for line in rest.split(|byte| *byte == b'\n').take(MOST_LINES) {
        page.push("  ");
        page.foreign(line.trim_ascii_end(), 0);
        page.end_line();
    }
}

/// What is said of a head whose end was not pasted.
const NO_END: &str = "The empty line that ends a head was not pasted. Fields may follow, so none counts as \
    missing. If it was not sent either, its receiver waits for it until it gives up (WHY-17 for a response).";

/// Bytes that are shown between head and frames.
const MOST_SHOWN: usize = 32;

/// Lines of a body that are shown.
const MOST_LINES: usize = 20;
