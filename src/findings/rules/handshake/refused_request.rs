//! A request for a WebSocket that was refused, with the response.

use memchr::{memchr2_iter, memmem};
use serde_json::Value;

use crate::analysis::event::Connection;
use crate::findings::engine::context::{ComparisonContext, EndSeen};
use crate::findings::engine::violation::Violations;
use crate::findings::rules::handshake::fields_read::{attempt, shown};
use crate::findings::state::handshake::HandshakeState;
use crate::http::{Handshake, Head, names_engine_io, plain_body};
use crate::stream::Direction;

/// A response that refused an upgrade, with what it answers.
pub(crate) struct RefusedRequest<'a> {
    pub(crate) request: &'a Head,
    pub(crate) response: &'a Head,
    pub(crate) status: u16,
    /// The beginning of its body, without chunks.
    pub(crate) body: Vec<u8>,
}

impl<'a> RefusedRequest<'a> {
    /// The upgrade request of a connection that was refused last, unless another one was accepted.
    pub(crate) fn of(connection: &Connection, facts: &'a HandshakeState) -> Option<Self> {
        let handshake = facts.refused.as_deref().filter(|_| facts.accepted.is_none())?;
        attempt(handshake)?;
        Self::answered(connection, handshake)
    }

    /// A request of Engine.IO's long polling that was refused last.
    pub(crate) fn of_polling(connection: &Connection, facts: &'a HandshakeState) -> Option<Self> {
        Self::answered(connection, facts.refused_polling.as_deref()?)
    }

    fn answered(connection: &Connection, handshake: &'a Handshake) -> Option<Self> {
        let (request, response) = handshake.request.as_ref().zip(handshake.response.as_ref())?;
        let status = response.status()?;
        let raw = connection.refusal.as_ref().map_or(&[][..], |refusal| &refusal.body);
        Some(Self { request, response, status, body: plain_body(response, raw) })
    }

    /// Status and reason: `403 Forbidden`.
    pub(crate) fn answer(&self) -> String {
        let reason = String::from_utf8_lossy(self.response.reason().unwrap_or_default());
        format!("{} {}", self.status, reason.trim()).trim_end().to_owned()
    }

    /// What the body says, quoted; `None` if it has no readable text.
    pub(crate) fn words(&self) -> Option<String> {
        words_of(&self.body).map(|words| shown(words.as_bytes()))
    }

    /// Whether the body contains a text, in any letter case.
    pub(crate) fn says(&self, text: &str) -> bool {
        contains(&self.body, text)
    }

    /// Whether the response has a field of this name that contains a text, in any letter case.
    pub(crate) fn has(&self, name: &str, text: &str) -> bool {
        self.response.all(name).any(|value| contains(value, text))
    }
}

impl RefusedRequest<'_> {
    pub(super) fn report(&self, violations: &mut Violations, why: &str) {
        let mut evidence = self.answer();
        evidence.push_str(": ");
        evidence.push_str(why);
        if let Some(words) = self.words() {
            evidence.push_str("; the body says ");
            evidence.push_str(&words);
        }
        violations
            .add(evidence)
            .direction(Direction::ServerToClient)
            .side(None)
            .span(self.response.span);
    }
}

/// Whether bytes contain a text, in any letter case.
pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    let Some(first) = text.first() else { return true };
    let starts = memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), bytes);
    let mut candidates = starts.filter_map(|at| bytes.get(at..at.saturating_add(text.len())));
    candidates.any(|part| part.eq_ignore_ascii_case(text))
}

/// What refused the upgrade of a connection.
pub(super) fn answered<'a>(
    context: &ComparisonContext<'a, EndSeen<'a>>,
) -> Option<RefusedRequest<'a>> {
    RefusedRequest::of(context.connection, &context.subject.state.handshake)
}

/// Whether a server of Engine.IO refused a request that is none of Engine.IO.
pub(crate) fn is_engine_io_missing(refusal: &RefusedRequest<'_>) -> bool {
    !names_engine_io(refusal.request.target().unwrap_or_default()) && is_of_engine_io(&refusal.body)
}

/// Whether a body is an error of Engine.IO.
pub(super) fn is_of_engine_io(body: &[u8]) -> bool {
    ERRORS.iter().any(|error| memmem::find(body, error.as_bytes()).is_some())
}

/// The messages of Engine.IO's errors 0 to 5.
const ERRORS: &[&str] = &[
    "Transport unknown",
    "Session ID unknown",
    "Bad handshake method",
    "Unsupported protocol version",
];

/// The words at the beginning of a body: its error if it is JSON, the title of a page, or its first text.
pub(crate) fn words_of(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = match (json_error(body), text.split_once("<title>")) {
        (Some(error), _) => error,
        (None, Some((_, after))) => after.split("</title>").next().unwrap_or(after).to_owned(),
        (None, None) => without_tags(&text),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let words = words.join(" ");
    let is_text = words.chars().filter(|it| it.is_control() || *it == '\u{fffd}').count() == 0;
    (is_text && !words.is_empty()).then_some(words)
}

/// The texts of the fields with which programs report an error in JSON (RFC 9457 §3.1, RFC 6749 §5.2, and what
/// frameworks use).
fn json_error(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let mut texts: Vec<&str> = Vec::new();
    let holders = [Some(&value), value.get("error")];
    for name in ERROR_FIELDS {
        for text in holders.iter().flatten().filter_map(|holder| holder.get(name)?.as_str()) {
            if !text.is_empty() && !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    (!texts.is_empty()).then(|| texts.join(": "))
}

const ERROR_FIELDS: [&str; 9] = [
    "error",
    "title",
    "message",
    "Message",
    "msg",
    "detail",
    "reason",
    "description",
    "error_description",
];

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
            ("{\"code\":1,\"message\":\"Session ID unknown\"}", Some("Session ID unknown")),
            ("{\"error\":{\"code\":403,\"message\":\"No ticket\"}}", Some("No ticket")),
            ("{\"ok\":false}", Some("{\"ok\":false}")),
            ("<!doctype html><h1>Not\n here</h1>", Some("Not here")),
            ("\u{1}\u{2}", None),
            ("", None),
        ];
        for (body, expected) in rows {
            assert_eq!(words_of(body.as_bytes()).as_deref(), *expected, "{body}");
        }
    }
}
