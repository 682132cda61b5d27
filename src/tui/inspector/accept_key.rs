//! How Sec-WebSocket-Accept is computed from Sec-WebSocket-Key, step by step.

use crate::http::Handshake;
use crate::http::accept::{GUID, accept, accept_digest, key_bytes, mistake};
use crate::text::page::{PageLine, safe};
use crate::text::role::Role;
use crate::text::words;
use crate::tui::inspector::page::Page;

/// Adds the steps, and compares with what the server sent (RFC 6455 §4.2.2).
pub(super) fn explain(page: &mut Page, handshake: &Handshake) {
    let Some(key) = handshake.key() else { return };
    page.heading("Sec-WebSocket-Accept, step by step");
    page.entry("key", COLUMN, Role::JsonString, &safe(key, usize::MAX));
    if let Some(bytes) = key_bytes(key) {
        page.entry("", COLUMN, Role::Dim, &format!("= {}", words::hex(&bytes)));
    }
    page.entry("+ GUID", COLUMN, Role::Text, &safe(GUID, usize::MAX));
    page.entry("SHA-1", COLUMN, Role::Text, &words::hex(&accept_digest(key)));
    page.entry("base64", COLUMN, Role::JsonString, &accept(key));
    let Some(seen) = handshake.seen_accept() else {
        if handshake.response.is_some() {
            page.entry("server", COLUMN, Role::Dim, "sent none");
        }
        return;
    };
    let is_same = seen == accept(key).as_bytes();
    let role = if is_same { Role::JsonString } else { Role::Error };
    page.entry("server", COLUMN, role, &safe(seen, usize::MAX));
    let (mark, role, text) = if is_same {
        (
            page.symbols().good,
            Role::Good,
            "The server sent the same value: it supports WebSocket.".to_owned(),
        )
    } else {
        let why = mistake(key, seen).map(|why| format!(": {why}")).unwrap_or_default();
        (page.symbols().error, Role::Error, format!("The server sent another value{why}."))
    };
    page.hanging(PageLine::of(role, mark), 2, Role::Text, &text);
    page.paragraph(2, Role::Dim, "RFC 6455 §4.2.2");
}

/// Where values begin.
const COLUMN: usize = 10;
