//! A close code, as a dictionary has it.

use super::page::Page;
use crate::text::words::hex;
use crate::websocket::CloseCode;
use crate::websocket::close_code::{HttpStatus, Sender, Wire};

/// Explains a close code.
pub(super) fn explain(page: &mut Page, code: u16) {
    let entry = CloseCode::of(code);
    page.heading(&format!("Close code {code}: {}", entry.name));
    page.blank();
    page.term("Meaning", COLUMN, entry.meaning);
    if let Some(remark) = remark(code) {
        page.term("", COLUMN, &remark);
    }
    page.term("When", COLUMN, entry.cause);
    page.term("Sent by", COLUMN, sender(entry));
    page.term("On the wire", COLUMN, &wire(code, entry));
    page.term("What to do", COLUMN, entry.remedy);
    page.term("Source", COLUMN, &source(entry));
    if entry.wire == Wire::Undefined && matches!(code, 10..100 | 1000..10_000) {
        page.blank();
        page.paragraph(
            0,
            &format!(
                "Are these the first bytes of a frame? wslens explain 0x{code} reads them so."
            ),
        );
    }
}

/// What a code's number gives away.
pub(super) fn remark(code: u16) -> Option<String> {
    let named = |status: u16, http: HttpStatus| format!("{status} {}", http.name);
    if let Some(http) = HttpStatus::resembling(code) {
        let instead = http.close_code.map_or_else(
            || format!("Private codes start at 4000, for example {}.", code.saturating_add(4000)),
            |better| {
                format!("The close code for that is {better} ({}).", CloseCode::of(better).name)
            },
        );
        return Some(format!(
            "It looks like an HTTP status, {}, which is not a close code. {instead}",
            named(code, http)
        ));
    }
    let status = code.checked_sub(4000)?;
    let http = HttpStatus::resembling(status)?;
    Some(format!(
        "It may be an HTTP status with 4000 added, as many services do: {}.",
        named(status, http)
    ))
}

fn sender(entry: &CloseCode) -> &'static str {
    match (entry.sender, entry.wire) {
        (Sender::Either, _) => "Client or server.",
        (Sender::Client, _) => "A client only.",
        (Sender::Server, _) => "A server.",
        (Sender::Nobody, Wire::Forbidden) => {
            "Nobody. A browser or library hands it to its own application."
        }
        (Sender::Nobody, Wire::Allowed | Wire::Undefined) => "Nobody should.",
    }
}

fn wire(code: u16, entry: &CloseCode) -> String {
    let bytes = hex(&code.to_be_bytes());
    match (entry.wire, code) {
        (Wire::Allowed, _) => {
            format!("Allowed: {bytes} as the first two bytes of a Close frame's payload.")
        }
        (Wire::Forbidden, _) => {
            format!(
                "Never: a Close frame whose payload begins with {bytes} breaks a rule (WS-C03)."
            )
        }
        (Wire::Undefined, 0..1000) => {
            format!("Must not be used: {bytes} in a Close frame breaks a rule (WS-C04).")
        }
        (Wire::Undefined, 1000..5000) => {
            format!("Must not be used: {bytes} in a Close frame breaks a rule (WS-C05).")
        }
        (Wire::Undefined, 5000..) => {
            format!("Should not be used: {bytes} in a Close frame is a warning (WS-C06).")
        }
    }
}

fn source(entry: &CloseCode) -> String {
    if entry.is_registered() {
        let registry = if entry.source.contains("IANA") { "" } else { "; IANA registry" };
        format!("{}{registry} (WebSocket Close Code Number Registry).", entry.source)
    } else if entry.wire == Wire::Undefined && entry.last == u16::MAX {
        format!("{} defines no range above {}.", entry.source, entry.first.saturating_sub(1))
    } else {
        format!("{} defines the range from {} to {}.", entry.source, entry.first, entry.last)
    }
}

/// Where the explanations start.
const COLUMN: usize = 15;
