//! A request for a WebSocket that was refused, with the response.

use crate::findings::engine::context::{ComparisonContext, EndSeen};
use crate::findings::engine::violation::Violations;
use crate::findings::rules::handshake::fields_read::{attempt, shown};
use crate::http::{Head, names_engine_io, plain_body};
use crate::stream::Direction;

/// A response that refused an upgrade, with what it answers.
pub(super) struct RefusedRequest<'a> {
    pub(super) request: &'a Head,
    pub(super) response: &'a Head,
    pub(super) status: u16,
    /// The beginning of its body, without chunks.
    pub(super) body: Vec<u8>,
}

impl RefusedRequest<'_> {
    pub(super) fn report(&self, violations: &mut Violations, why: &str) {
        let reason = self.response.reason().unwrap_or_default();
        let reason = String::from_utf8_lossy(reason);
        let mut evidence = format!("{} {}", self.status, reason.trim()).trim_end().to_owned();
        evidence.push_str(": ");
        evidence.push_str(why);
        if let Some(words) = words_of(&self.body) {
            evidence.push_str("; the body says ");
            evidence.push_str(&shown(words.as_bytes()));
        }
        violations
            .add(evidence)
            .direction(Direction::ServerToClient)
            .side(None)
            .span(self.response.span);
    }
}

/// What refused the upgrade of a connection.
pub(super) fn answered<'a>(
    context: &ComparisonContext<'a, EndSeen<'a>>,
) -> Option<RefusedRequest<'a>> {
    let facts = &context.subject.state.handshake;
    let handshake = facts.refused.as_deref().filter(|_| facts.accepted.is_none())?;
    let (request, response) = attempt(handshake).zip(handshake.response.as_ref())?;
    let status = response.status()?;
    let raw = context.connection.refusal.as_ref().map_or(&[][..], |refusal| &refusal.body);
    Some(RefusedRequest { request, response, status, body: plain_body(response, raw) })
}

/// Whether a server of Engine.IO refused a request that is none of Engine.IO.
pub(super) fn is_engine_io_missing(refusal: &RefusedRequest<'_>) -> bool {
    !names_engine_io(refusal.request.target().unwrap_or_default()) && is_of_engine_io(&refusal.body)
}

/// Whether a body is an error of Engine.IO.
pub(super) fn is_of_engine_io(body: &[u8]) -> bool {
    ERRORS.iter().any(|error| memchr::memmem::find(body, error.as_bytes()).is_some())
}

/// The messages of Engine.IO's errors 0 to 5.
const ERRORS: &[&str] = &[
    "Transport unknown",
    "Session ID unknown",
    "Bad handshake method",
    "Unsupported protocol version",
];

/// The words at the beginning of a body: the title of a page, or its first text.
fn words_of(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = match text.split_once("<title>") {
        Some((_, after)) => after.split("</title>").next().unwrap_or(after).to_owned(),
        None => without_tags(&text),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let words = words.join(" ");
    let is_text = words.chars().filter(|it| it.is_control() || *it == '\u{fffd}').count() == 0;
    (is_text && !words.is_empty()).then_some(words)
}

fn without_tags(text: &str) -> String {
    let mut out = String::new();
    for (place, part) in text.split('<').enumerate() {
        let part = if place == 0 { Some(part) } else { part.split_once('>').map(|(_, text)| text) };
        out.push_str(part.unwrap_or_default());
        out.push(' ');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_body_are_found() {
        #[rustfmt::skip]
        let rows: &[(&str, Option<&str>)] = &[
            ("Unauthorized", Some("Unauthorized")),
            ("<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>", Some("400 Bad Request")),
            ("<!doctype html><h1>Not\n here</h1>", Some("Not here")),
            ("\u{1}\u{2}", None),
            ("", None),
        ];
        for (body, expected) in rows {
            assert_eq!(words_of(body.as_bytes()).as_deref(), *expected, "{body}");
        }
    }
}
