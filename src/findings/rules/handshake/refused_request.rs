//! A request for a WebSocket that was refused, with the response.

use memchr::{memchr, memmem};
use serde_json::Value;

use crate::analysis::event::Connection;
use crate::findings::causes::derailed::content::{inflated_part, is_zlib};
use crate::findings::engine::context::{ComparisonContext, EndSeen};
use crate::findings::engine::violation::{Violation, Violations};
use crate::findings::rules::handshake::fields_read::{attempt, contains, shown};
use crate::findings::state::handshake::HandshakeState;
use crate::http::{Handshake, Head, names_engine_io, plain_body};
use crate::stream::Direction;

/// A response that refused an upgrade, with what it answers.
pub(crate) struct RefusedRequest<'a> {
    pub(crate) request: &'a Head,
    pub(crate) response: &'a Head,
    pub(crate) status: u16,
    /// The beginning of its body, without chunks and inflated.
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
        let body = decoded(response, plain_body(response, raw));
        Some(Self { request, response, status, body })
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

    /// Whether the body says more than the status and its reason phrase do.
    pub(crate) fn says_more(&self) -> bool {
        let letters = |bytes: &[u8]| -> Vec<u8> {
            let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic());
            letters.map(u8::to_ascii_lowercase).collect()
        };
        let Some(words) = words_of(&self.body) else { return false };
        let words = letters(words.as_bytes());
        let reason = letters(self.response.reason().unwrap_or_default());
        words != reason && !PHRASES.contains(&words.as_slice())
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
    pub(super) fn report<'v>(
        &self,
        violations: &'v mut Violations,
        why: &str,
    ) -> &'v mut Violation {
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
            .span(self.response.span)
    }
}

/// A body without its content coding (RFC 9110 §8.4.1), as far as it goes; empty if the coding is another one than
/// gzip and deflate, or if there are several.
fn decoded(response: &Head, body: Vec<u8>) -> Vec<u8> {
    let is_plain = |coding: &[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    let mut codings = response.tokens("Content-Encoding").filter(|coding| !is_plain(coding));
    let (first, second) = (codings.next(), codings.next());
    let deflated = match (first, second) {
        (None, _) => return body,
        (Some(b"gzip" | b"x-gzip"), None) => without_gzip_header(&body),
        // The standard means the format of zlib (RFC 1950); some send DEFLATE without it.
        (Some(b"deflate"), None) => match body.as_slice() {
            [method, flags, data @ ..] if is_zlib(*method, *flags) => Some(data),
            raw => Some(raw),
        },
        (Some(_), _) => None,
    };
    let mut content = deflated.map(inflated_part).unwrap_or_default();
    content.truncate(MOST_DECODED);
    content
}

/// What follows the header of gzip (RFC 1952 §2.3).
fn without_gzip_header(body: &[u8]) -> Option<&[u8]> {
    let [0x1f, 0x8b, 8, flags, _, _, _, _, _, _, rest @ ..] = body else { return None };
    let mut rest = rest;
    if flags & FEXTRA != 0 {
        let (length, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for text in [FNAME, FCOMMENT] {
        if flags & text != 0 {
            rest = rest.get(memchr(0, rest)?.saturating_add(1)..)?;
        }
    }
    if flags & FHCRC != 0 { rest.get(2..) } else { Some(rest) }
}

/// Flags of gzip (RFC 1952 §2.3.1).
const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;

/// Bytes of a compressed body that are read at most: as many as texts of errors need.
const MOST_DECODED: usize = 4_096;

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

/// What bodies say that repeat the status (the letters of RFC 9110's reason phrases, and of what frameworks put in
/// their place).
const PHRASES: &[&[u8]] = &[
    b"",
    b"error",
    b"badrequest",
    b"unauthorized",
    b"forbidden",
    b"accessdenied",
    b"notfound",
    b"methodnotallowed",
    b"internalservererror",
    b"internalservererrorinternalservererror",
    b"servererror",
    b"notimplemented",
    b"serviceunavailable",
];

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
    use crate::stream::Span;

    #[test]
    fn compressed_bodies_are_read() {
        // `printf 'token expired' | gzip -n`, and zlib.compress(b"token expired") of Python.
        const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x2b\xc9\xcf\x4e\xcd\x53\x48\xad\x28\xc8\x2c\x4a\x4d\x01\x00\xf4\x77\x30\x82\x0d\x00\x00\x00";
        const ZLIB: &[u8] =
            b"\x78\x9c\x2b\xc9\xcf\x4e\xcd\x53\x48\xad\x28\xc8\x2c\x4a\x4d\x01\x00\x24\x79\x05\x33";
        #[rustfmt::skip]
        let rows: &[(&str, &[u8], &[u8])] = &[
            ("gzip", GZIP, b"token expired"),
            ("x-gzip", GZIP, b"token expired"),
            ("deflate", ZLIB, b"token expired"),
            ("deflate", ZLIB.get(2..).unwrap(), b"token expired"),
            ("br", GZIP, b""),
            ("gzip, br", GZIP, b""),
            ("gzip", b"token expired", b""),
            ("identity", b"token expired", b"token expired"),
        ];
        for (coding, body, expected) in rows {
            let head = format!("HTTP/1.1 401 x\r\nContent-Encoding: {coding}\r\n\r\n");
            let head = Head::parse(head.as_bytes(), Span::default());
            assert_eq!(decoded(&head, body.to_vec()), *expected, "{coding}");
        }
    }

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
