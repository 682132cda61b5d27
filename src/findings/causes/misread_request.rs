//! WHY-18: the server misreads a legal request.

use crate::findings::causes::known_refusal::{self, Conclusion};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::{sent, shown};
use crate::findings::rules::handshake::refused_request::RefusedRequest;
use crate::http::Head;
use crate::stream::Side;

/// WHY-18.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-18",
    severity: Severity::Error,
    applies_to: AppliesTo::Server,
    title: "the server misreads a request that is legal",
    section: "RFC 9110 §5.1, §5.3, §7.6.1, RFC 6455 §4.2.1",
    explanation: "The request has everything that RFC 6455 requires, in a form that is legal but unusual, \
        and the server refused it as malformed or as no upgrade. Names of fields, the value of Upgrade \
        and the options of Connection are compared without regard to letter case; a list may be spread \
        over several fields of one name, and its members may have any order. A parser that compares \
        whole values, or reads one of the fields only, does not find what it looks for. The form is \
        named only if neither status nor body say anything else, and no accepted request shows more.",
    remedy: USUAL,
    example: Example::Text(
        "client: Connection: keep-alive\nclient: Connection: Upgrade\nserver: HTTP/1.1 400 Bad Request",
    ),
    explains: Some(
        Cause::failure(1_151, "the server misreads a legal request")
            .explaining(&["HS-4", "HS-3", "NET-06", "NET-07"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let Some(refusal) = known_refusal::refused_though_whole(context) else { return };
        if !MALFORMED.contains(&refusal.status) || says_something_else(&refusal) {
            return;
        }
        let forms = unusual(refusal.request);
        let Some((_, remedy)) = forms.first() else { return };
        let words: Vec<&str> = forms.iter().map(|(words, _)| words.as_str()).collect();
        let means = format!(
            "nothing is missing from the request, but its form is unusual, though legal: {}",
            words.join("; ")
        );
        let conclusion =
            Conclusion { side: Some(Side::Server), means: &means, fields: &["Server"] };
        known_refusal::report(&refusal, conclusion, violations).remedy(remedy);
    })],
}];

/// Whether the body has a text about something other than the upgrade.
fn says_something_else(refusal: &RefusedRequest<'_>) -> bool {
    let reason = refusal.response.reason().unwrap_or_default();
    let is_about_form = || {
        let reason = String::from_utf8_lossy(reason);
        let reason = reason.trim();
        (!reason.is_empty() && refusal.says(reason))
            || ABOUT_FORM.iter().any(|word| refusal.says(word))
    };
    refusal.words().is_some() && !is_about_form()
}

/// What is unusual about the form of a request that is legal, the most telling first, and what to do about it.
fn unusual(request: &Head) -> Vec<(String, &'static str)> {
    let mut out = Vec::new();
    for (name, remedy) in [("Connection", TWO_CONNECTIONS), ("Upgrade", TWO_UPGRADES)] {
        let values: Vec<String> = request.all(name).map(shown).collect();
        if values.len() > 1 {
            out.push((
                format!("{} {name} fields ({})", values.len(), values.join(" and ")),
                remedy,
            ));
        }
    }
    if request.target().is_some_and(|target| !target.starts_with(b"/")) {
        let target = shown(request.target().unwrap_or_default());
        out.push((format!("its target has the absolute form ({target})"), ABSOLUTE));
    }
    let length = request.span.length();
    if length > LARGE {
        out.push((format!("its head is large: {length} bytes"), SIZE));
    }
    tokens(request, &mut out);
    out.extend(names(request).map(|words| (words, CASE)));
    if has_no_blank(request) {
        out.push(("no blank follows the colons of its fields".to_owned(), BLANKS));
    }
    out
}

/// Values of Connection and Upgrade that are not `Upgrade` and `websocket`, letter by letter.
fn tokens(request: &Head, out: &mut Vec<(String, &'static str)>) {
    for (name, usual) in [("Connection", "Upgrade"), ("Upgrade", "websocket")] {
        let mut members = request.tokens(name).filter(|it| !it.is_empty());
        let first = members.next().unwrap_or_default();
        let is_alone = members.next().is_none();
        let is_usual = request.tokens(name).any(|it| it == usual.as_bytes());
        if request.all(name).count() > 1 {
            continue;
        }
        if !is_alone {
            let order = if first.eq_ignore_ascii_case(usual.as_bytes()) {
                "is followed by another member"
            } else {
                "is not the first member"
            };
            out.push((format!("{usual} {order} of {}", sent(request, name)), ORDER));
        } else if !is_usual {
            out.push((
                format!("the letter case of {} (usual: {usual})", sent(request, name)),
                CASE,
            ));
        }
    }
}

/// Names of fields that are not written as in RFC 6455.
fn names(request: &Head) -> Option<String> {
    let odd: Vec<String> = request
        .fields()
        .filter(|(name, _)| {
            USUAL_NAMES.iter().any(|usual| {
                usual.as_bytes().eq_ignore_ascii_case(name) && usual.as_bytes() != *name
            })
        })
        .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
        .collect();
    (!odd.is_empty()).then(|| format!("the letter case of the names {}", odd.join(", ")))
}

/// Whether the fields of a handshake have no blank after their colons.
fn has_no_blank(request: &Head) -> bool {
    let mut fields = request.headers.iter().filter(|field| !field.value.is_empty()).peekable();
    fields.peek().is_some()
        && fields.all(|field| field.value.start == field.name.end.saturating_add(1))
}

/// Statuses with which a server says that it could not read the request, or saw no upgrade in it.
const MALFORMED: &[u16] = &[400, 405, 413, 414, 426, 431, 500, 501, 505];

/// What the body of a refusal is about if a server does not find the upgrade.
const ABOUT_FORM: &[&str] = &[
    "upgrade",
    "websocket",
    "web socket",
    "connection",
    "handshake",
    "header",
    "malformed",
    "bad request",
    "invalid request",
    "hybi",
    "too large",
    "too long",
];

/// The names of the fields of a handshake as RFC 6455 writes them.
const USUAL_NAMES: &[&str] = &[
    "Host",
    "Upgrade",
    "Connection",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
];

/// Bytes of a head that no ordinary server refuses, and small ones do: the smallest buffers for a head in common use
/// have 4 KiB (Node.js had 8, later 16; embedded servers have less).
const LARGE: u64 = 4_096;

const TWO_CONNECTIONS: &str = "The server, or a proxy in front of it, reads only the first Connection field, \
    or expects one: two Connection fields are one list (RFC 9110 §5.3). Update its HTTP parser or report \
    it. Until then, let the client or the proxy on the path send one field, `Connection: Upgrade`.";

const TWO_UPGRADES: &str = "The server, or a proxy in front of it, expects one Upgrade field: several are one \
    list (RFC 9110 §5.3). Update its HTTP parser or report it. Until then, send one field, \
    `Upgrade: websocket`.";

const ABSOLUTE: &str = "Every server must accept the absolute form of a target (RFC 9112 §3.2.2): update its \
    HTTP parser or report it. Until then, find out why the client sends it: it takes the server for a proxy \
    if a proxy is configured.";

const SIZE: &str = "Raise the server's limit for the size of a head (nginx: large_client_header_buffers; \
    Node.js: --max-http-header-size), or send less: cookies of the same domain and tokens are what makes \
    heads large.";

const ORDER: &str = "The server, or a proxy in front of it, compares the whole value of the field instead of \
    looking for one member of the list (RFC 9110 §7.6.1): update its HTTP parser or report it. Firefox, for \
    example, sends `Connection: keep-alive, Upgrade`. Until then, send the field with one member, if the \
    client allows that.";

const CASE: &str = "The server, or a proxy in front of it, compares letter case, which it must not (RFC 9110 \
    §5.1, RFC 6455 §4.2.1): update its HTTP parser or report it. Until then, send names and values as RFC \
    6455 writes them: `Upgrade: websocket`, `Connection: Upgrade`.";

const BLANKS: &str = "A blank after the colon is optional (RFC 9112 §5): update the server's HTTP parser or \
    report it. Until then, send one.";

const USUAL: &str = "Update the HTTP parser of the server, or of a proxy in front of it, or report what the \
    evidence names. Until then, send the usual form: one field `Upgrade: websocket`, one field `Connection: \
    Upgrade`.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check_causes};

    fn asks(s: &mut Scenario, target: &str, fields: &str, response: &str) {
        let (key, _) = s.open().fresh_key();
        s.client(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").as_bytes());
        s.server(format!("HTTP/1.1 {response}").as_bytes()).end(Side::Server);
    }

    const PLAIN: &str = "400 Bad Request\r\nContent-Length: 0\r\n\r\n";

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "two Connection fields", near: &[], fires: &["WHY-18 server"], play: |s| {
            asks(s, "/", "Connection: keep-alive\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", PLAIN);
        }},
        RuleCase { name: "Upgrade is not the first member", near: &[], fires: &["WHY-18 server"], play: |s| {
            asks(s, "/", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", "426 Upgrade Required\r\nContent-Length: 16\r\n\r\nUpgrade Required");
        }},
        RuleCase { name: "letter case", near: &[], fires: &["WHY-18 server"], play: |s| {
            asks(s, "/", "Connection: Upgrade\r\nUpgrade: WebSocket\r\n", PLAIN);
        }},
        RuleCase { name: "the absolute form", near: &[], fires: &["WHY-18 server"], play: |s| {
            asks(s, "http://a/", "Connection: Upgrade\r\nUpgrade: websocket\r\n", PLAIN);
        }},
        RuleCase { name: "the usual form", near: &["WHY-18"], fires: &[], play: |s| {
            asks(s, "/", "Connection: Upgrade\r\nUpgrade: websocket\r\n", PLAIN);
        }},
        RuleCase { name: "a body about something else", near: &["WHY-18"], fires: &[], play: |s| {
            asks(s, "/", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", "400 Bad Request\r\nContent-Length: 17\r\n\r\nunknown room name");
        }},
        RuleCase { name: "not a question of form", near: &["WHY-18"], fires: &[], play: |s| {
            asks(s, "/", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", "404 Not Found\r\nContent-Length: 0\r\n\r\n");
        }},
        RuleCase { name: "something is missing, too", near: &["WHY-18"], fires: &[], play: |s| {
            asks(s, "/", "Connection: keep-alive\r\nUpgrade: WebSocket\r\n", PLAIN);
        }},
    ];

    #[test]
    fn legal_forms_that_a_server_refuses_are_named() {
        check_causes(&[RULES], CASES);
    }
}
