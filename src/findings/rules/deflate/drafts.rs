//! Compression as it was before permessage-deflate.

use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::{acceptance, place};
use crate::websocket::extension;

/// PMD-16.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "PMD-16",
    severity: Severity::Note,
    applies_to: AppliesTo::Server,
    title: "x-webkit-deflate-frame or another old compression draft",
    section: "",
    explanation: "Before RFC 7692 there were other compression extensions: deflate-frame (with \
        prefix in WebKit), perframe-deflate, permessage-compress and more. Their formats differ; \
        their messages are shown as they were sent.",
    remedy: "Use permessage-deflate: update the peer that supports only the draft, or make the \
        server prefer permessage-deflate if both are offered. Without either, messages are sent \
        uncompressed, which works everywhere.",
    example: Example::Text("Sec-WebSocket-Extensions: x-webkit-deflate-frame"),
    explains: None,
    checks: &[Check::Response(|context, violations| {
        let Some(response) = acceptance(context.subject) else { return };
        let accepted = context.subject.extensions_accepted().unwrap_or_default();
        let list = extension::parse(&accepted);
        for name in DRAFTS.into_iter().filter(|name| list.named(name).next().is_some()) {
            violations
                .add(format!("{name} was accepted"))
                .span(place(response, "Sec-WebSocket-Extensions"));
        }
    })],
}];

/// The names that drafts gave to compression.
const DRAFTS: [&str; 9] = [
    "deflate-frame",
    "x-webkit-deflate-frame",
    "perframe-compress",
    "perframe-deflate",
    "x-webkit-perframe-deflate",
    "permessage-compress",
    "x-webkit-permessage-compress",
    "permessage-bzip2",
    "permessage-snappy",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check, plain};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "WebKit's draft", near: &[], fires: &["PMD-16 server"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Extensions: x-webkit-deflate-frame\r\n", "Sec-WebSocket-Extensions: x-webkit-deflate-frame\r\n");
        }},
        RuleCase { name: "permessage-compress with its parameter", near: &[], fires: &["PMD-16 server"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Extensions: permessage-compress; method=deflate\r\n", "Sec-WebSocket-Extensions: Permessage-Compress; method=deflate\r\n");
        }},
        RuleCase { name: "messages that a draft has compressed", near: &["WS-F03", "WS-M01"], fires: &["PMD-16 server"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Extensions: x-webkit-deflate-frame\r\n", "Sec-WebSocket-Extensions: x-webkit-deflate-frame\r\n");
            s.server(&plain(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"));
        }},
        RuleCase { name: "a draft offered, and not taken", near: &["PMD-16"], fires: &[], play: |s| {
            s.open().upgrade("Sec-WebSocket-Extensions: permessage-deflate, x-webkit-deflate-frame\r\n", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
        }},
    ];

    #[test]
    fn drafts_are_reported_if_they_are_accepted() {
        check(&[RULES], CASES);
    }
}
