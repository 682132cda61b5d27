//! What the response must say, and must not.

use std::collections::BTreeSet;

use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::after_response::MUST_REFUSE;
use crate::findings::rules::handshake::fields_read::{
    acceptance, attempt, lacks, lacks_token, place, sent, shown,
};
use crate::http::accept::{accept, mistake};
use crate::websocket::extension;

/// HS-16 to HS-24, HS-31, HS-56.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "HS-16",
        severity: Severity::Error,
        applies_to: AppliesTo::Server,
        title: "101 without `Upgrade: websocket`, or not alone",
        section: "RFC 6455 §4.1, §4.2.2",
        explanation: "A 101 must name the protocol that it switches to: it must have an Upgrade \
            field with the value `websocket`, in any letter case, and nothing else. A client must \
            fail the connection.",
        remedy: "Send `Upgrade: websocket` in the response, once and without other protocols. If the server sends it, look for a \
            proxy that drops hop-by-hop fields: each proxy must forward Upgrade and Connection \
            itself.",
        example: Example::Text(
            "HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            let Some(response) = acceptance(context.subject) else { return };
            let seen = sent(response, "Upgrade");
            let evidence = if lacks_token(response, "Upgrade", "websocket") {
                format!("{seen}; websocket is required")
            } else if response.tokens("Upgrade").filter(|name| !name.is_empty()).count() > 1 {
                format!("{seen}; websocket must be the only value")
            } else {
                return;
            };
            violations.add(evidence).span(place(response, "Upgrade"));
        })],
    },
    Rule {
        id: "HS-17",
        severity: Severity::Error,
        applies_to: AppliesTo::Server,
        title: "101 without `Connection: Upgrade`",
        section: "RFC 6455 §4.1, §4.2.2",
        explanation: "A 101 must have a Connection field with `Upgrade` in it, in any letter case. \
            A client must fail the connection.",
        remedy: "Send `Connection: Upgrade` in the response. Look for a framework or proxy that \
            replaces the field with `keep-alive` or `close`.",
        example: Example::Text(
            "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: keep-alive",
        ),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            let Some(response) = acceptance(context.subject) else { return };
            if lacks_token(response, "Connection", "Upgrade") {
                violations
                    .add(format!("{}; Upgrade is required", sent(response, "Connection")))
                    .span(place(response, "Connection"));
            }
        })],
    },
    Rule {
        id: "HS-18",
        severity: Severity::Error,
        applies_to: AppliesTo::Server,
        title: "Sec-WebSocket-Accept missing",
        section: "RFC 6455 §4.2.2",
        explanation: "A 101 must prove with Sec-WebSocket-Accept that the server has read the key \
            and speaks WebSocket. A client must fail the connection without it.",
        remedy: "Send base64(SHA-1(key + GUID)) with the GUID of RFC 6455 §1.3, or let a library \
            do the handshake. If the server sends it, look for a proxy that drops the field.",
        example: Example::Text(
            "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade",
        ),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            let Some(response) = acceptance(context.subject) else { return };
            let key1 =
                context.subject.request.as_ref().and_then(|it| it.header("Sec-WebSocket-Key1"));
            // Draft hixie-76, which HS-12 has named, answers otherwise.
            let is_old = key1.is_some() && context.subject.key().is_none();
            if lacks(response, "Sec-WebSocket-Accept") && !is_old {
                violations.add(match context.subject.expected_accept() {
                    Some(expected) => format!("no Sec-WebSocket-Accept; expected {expected}"),
                    None => "no Sec-WebSocket-Accept".to_owned(),
                });
            }
        })],
    },
    Rule {
        id: "HS-19",
        severity: Severity::Error,
        applies_to: AppliesTo::Server,
        title: "Sec-WebSocket-Accept is wrong",
        section: "RFC 6455 §4.2.2",
        explanation: "Sec-WebSocket-Accept must be base64(SHA-1(key + GUID)): the key as it was \
            sent, still in base64, followed by 258EAFA5-E914-47DA-95CA-C5AB0DC85B11. A client \
            must fail the connection if it is anything else; browsers report `Incorrect \
            'Sec-WebSocket-Accept' header value`.",
        remedy: "Compute it anew for each request, from the bytes of Sec-WebSocket-Key without \
            whitespace around them, with the GUID in upper case; hash to 20 bytes, and encode \
            those in base64. Look for a cache that answers with the response to another request.",
        example: Example::Text(
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\
             Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            let Some(response) = acceptance(context.subject) else { return };
            let values = context.subject.key().zip(context.subject.seen_accept());
            let Some((key, seen)) = values else { return };
            let expected = accept(key);
            if seen != expected.as_bytes() {
                let known = mistake(key, seen).map(|it| format!(": {it}")).unwrap_or_default();
                violations
                    .add(format!("expected {expected}, seen {}{known}", shown(seen)))
                    .span(place(response, "Sec-WebSocket-Accept"));
            }
        })],
    },
    Rule {
        id: "HS-20",
        severity: Severity::Error,
        applies_to: AppliesTo::Server,
        title: "extension accepted that was not offered",
        section: "RFC 6455 §4.1, §9.1",
        explanation: "A server may accept only extensions that the client has offered. A client \
            must fail the connection if it gets another one.",
        remedy: "Look for a server that always responds with `permessage-deflate`, or for a proxy \
            that drops Sec-WebSocket-Extensions from the request, but not from the response.",
        example: Example::Text(
            "client: no Sec-WebSocket-Extensions\n\
             server: Sec-WebSocket-Extensions: permessage-deflate",
        ),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            let Some(response) = acceptance(context.subject) else { return };
            if context.subject.request.is_none() {
                return;
            }
            let accepted = context.subject.extensions_accepted().unwrap_or_default();
            let offered = context.subject.extensions_offered();
            let offers = extension::parse(offered.as_deref().unwrap_or_default());
            let accepted = extension::parse(&accepted).extensions;
            let unasked: BTreeSet<String> = accepted
                .iter()
                .filter(|it| offers.named(&it.name).next().is_none())
                .map(|it| it.name.to_ascii_lowercase())
                .collect();
            for name in unasked {
                let offered = match &offered {
                    Some(offered) => format!("offered were {}", shown(offered)),
                    None => "nothing was offered".to_owned(),
                };
                violations
                    .add(format!("{} was accepted; {offered}", shown(name.as_bytes())))
                    .span(place(response, "Sec-WebSocket-Extensions"));
            }
        })],
    },
    Rule {
        id: "HS-21",
        severity: Severity::Error,
        applies_to: AppliesTo::Server,
        title: "subprotocol chosen that was not offered, or more than one",
        section: "RFC 6455 §4.1, §4.2.2",
        explanation: "A server may choose one of the subprotocols that the client has offered, \
            spelled exactly the same, or none: then it omits the field. A client must fail the \
            connection if it gets anything else.",
        remedy: "Let the server choose from the list of the request, and omit \
            Sec-WebSocket-Protocol if nothing matches; letter case matters. Look for a server or \
            proxy that always adds the field, or for a client that forgets to offer its \
            subprotocol.",
        example: Example::Text(
            "client: Sec-WebSocket-Protocol: chat, superchat\n\
             server: Sec-WebSocket-Protocol: soap",
        ),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            let Some(response) = acceptance(context.subject) else { return };
            if context.subject.request.is_none() {
                return;
            }
            let name = "Sec-WebSocket-Protocol";
            let offered: Vec<&[u8]> = context.subject.subprotocols_offered().collect();
            let fits = |chosen: &[u8]| !chosen.is_empty() && offered.contains(&chosen);
            // Repeated fields are HS-09's.
            let is_list = |value: &[u8]| value.contains(&b',');
            let wrong = response.all(name).find(|value| is_list(value) || !fits(value));
            if let Some(chosen) = wrong {
                let offered = match offered.as_slice() {
                    [] => "nothing was offered".to_owned(),
                    offered => format!("offered were {}", shown(&offered.join(&b", "[..]))),
                };
                violations
                    .add(format!("{} was chosen; {offered}", shown(chosen)))
                    .span(place(response, name));
            }
        })],
    },
    Rule {
        id: "HS-22",
        severity: Severity::Note,
        applies_to: AppliesTo::Server,
        title: "subprotocols were offered and none was chosen",
        section: "RFC 6455 §4.2.2",
        explanation: "This is legal: the connection continues without a subprotocol. Clients that \
            need one fail the connection; Chromium and the ws library of Node.js do so whenever \
            one was offered.",
        remedy: "If the client leaves, configure the server for one of the offered subprotocols \
            (`handleProtocols` in ws, `subprotocols=` in Python's websockets), or do not offer \
            any. Look for a difference in letter case or version (graphql-ws, \
            graphql-transport-ws).",
        example: Example::Text(
            "client: Sec-WebSocket-Protocol: chat\nserver: no Sec-WebSocket-Protocol",
        ),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            let Some(response) = acceptance(context.subject) else { return };
            let offered: Vec<&[u8]> =
                context.subject.subprotocols_offered().filter(|name| !name.is_empty()).collect();
            if !offered.is_empty() && lacks(response, "Sec-WebSocket-Protocol") {
                let offered = shown(&offered.join(&b", "[..]));
                violations.add(format!("no Sec-WebSocket-Protocol; offered were {offered}"));
            }
        })],
    },
    Rule {
        id: "HS-23",
        severity: Severity::Warning,
        applies_to: AppliesTo::Server,
        title: "101 with Content-Length, Transfer-Encoding or Content-Encoding",
        section: "RFC 9110 §8.6, RFC 9112 §6",
        explanation: "A 101 has no body, so it must not announce one: frames begin directly after \
            it. Some clients and proxies wait for the body, or mistake the first frames for it.",
        remedy: "Remove the field from the response. Look for a framework that adds \
            `Content-Length: 0` or `Transfer-Encoding: chunked` to every response, or for \
            compression that is enabled for all of them.",
        example: Example::Text(
            "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nContent-Length: 0",
        ),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            let Some(response) = acceptance(context.subject) else { return };
            let found: Vec<&str> =
                BODY_FIELDS.into_iter().filter(|name| response.header(name).is_some()).collect();
            if let Some(first) = found.first() {
                let fields: Vec<String> = found.iter().map(|name| sent(response, name)).collect();
                violations.add(fields.join("; ")).span(place(response, first));
            }
        })],
    },
    Rule {
        id: "HS-24",
        severity: Severity::Error,
        applies_to: AppliesTo::Server,
        title: "426 without Upgrade",
        section: "RFC 9110 §15.5.22",
        explanation: "426 (Upgrade Required) must name the required protocol in Upgrade; \
            otherwise the client does not know what to do.",
        remedy: "Add `Upgrade: websocket` and `Connection: Upgrade` to the 426, and \
            `Sec-WebSocket-Version: 13` if the version was the reason.",
        example: Example::Text("HTTP/1.1 426 Upgrade Required\nSec-WebSocket-Version: 13"),
        explains: Some(Cause::nothing(830, "426 without Upgrade")),
        checks: &[Check::Response(|context, violations| {
            let refusal =
                context.subject.response.as_ref().filter(|_| attempt(context.subject).is_some());
            if let Some(response) = refusal.filter(|head| head.status() == Some(UPGRADE_REQUIRED))
                && lacks(response, "Upgrade")
            {
                violations.add("426 without an Upgrade field");
            }
        })],
    },
    Rule {
        id: "HS-31",
        severity: Severity::Error,
        applies_to: AppliesTo::Server,
        title: "unsupported version refused without Sec-WebSocket-Version",
        section: "RFC 6455 §4.2.2, §4.4",
        explanation: "A server that does not speak the version of the request must name those \
            that it speaks in Sec-WebSocket-Version, so that the client can retry with one of \
            them.",
        remedy: "Answer with 426 and `Sec-WebSocket-Version: 13`.",
        example: Example::Text(
            "client: Sec-WebSocket-Version: 8\nserver: HTTP/1.1 426 Upgrade Required\n\
             server: Upgrade: websocket",
        ),
        explains: Some(Cause::nothing(840, "426 without the versions")),
        checks: &[Check::CompareResponse(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            let Some(response) = context.subject.response.as_ref() else { return };
            let name = "Sec-WebSocket-Version";
            let mut versions = request.all(name).peekable();
            let asks_for_another =
                versions.peek().is_some() && versions.all(|version| version != b"13");
            let is_refusal = match response.status() {
                Some(UPGRADE_REQUIRED) => true,
                // It may have other reasons.
                Some(BAD_REQUEST) => {
                    let broken =
                        context.across.broken_handshakes.request(context.connection.id).iter();
                    broken
                        .filter(|rule| MUST_REFUSE.contains(&rule.id))
                        .all(|rule| rule.id == "HS-12")
                }
                Some(_) | None => false,
            };
            if asks_for_another && is_refusal && lacks(response, name) {
                let status = response.status().unwrap_or_default();
                let asked = sent(request, name);
                violations.add(format!("{asked} was refused with {status} but without {name}"));
            }
        })],
    },
    Rule {
        id: "HS-56",
        severity: Severity::Note,
        applies_to: AppliesTo::Server,
        title: "the 101 is sent as HTTP/1.0",
        section: "RFC 6455 §4.2.2, RFC 9110 §7.8",
        explanation: "The response must begin with `HTTP/1.1 101`: HTTP/1.0 has neither Upgrade \
            nor status 101. Most clients ignore the version of the response; strict clients and \
            proxies fail the connection.",
        remedy: "Write `HTTP/1.1` into the status line. Look for a server that answers with the \
            default version of an old HTTP library (Python's `http.server` sends HTTP/1.0 unless \
            `protocol_version` is set).",
        example: Example::Text("HTTP/1.0 101 Switching Protocols\nUpgrade: websocket"),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            let Some(response) = acceptance(context.subject) else { return };
            if response.version() == b"HTTP/1.0" {
                violations.add("the status line begins with HTTP/1.0 101");
            }
        })],
    },
];

/// Fields that speak of a body.
const BODY_FIELDS: [&str; 3] = ["Content-Length", "Transfer-Encoding", "Content-Encoding"];

/// RFC 9110 §15.5.1.
const BAD_REQUEST: u16 = 400;

/// RFC 9110 §15.5.22.
const UPGRADE_REQUIRED: u16 = 426;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check};

    /// Asks correctly, but for these additional lines, and is answered with 101 and these lines; `ACCEPT`
    /// is replaced by the right answer to the key.
    fn answered(s: &mut Scenario, request: &str, response: &str) {
        let (_, accept) = s.ask(request).fresh_key();
        let response = response.replace("ACCEPT", &accept);
        s.server(format!("HTTP/1.1 101 Switching Protocols\r\n{response}\r\n").as_bytes());
    }

    /// Asks for another version, and is refused with this head.
    fn refused(s: &mut Scenario, version: &str, response: &str) {
        let (key, _) = s.open().fresh_key();
        s.client(format!("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {version}\r\n\r\n").as_bytes());
        s.server(format!("HTTP/1.1 {response}\r\nContent-Length: 0\r\n\r\n").as_bytes());
    }

    const OK: &str =
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n";

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "the example of RFC 6455 §1.3", near: &["HS-18", "HS-19", "HS-20"], fires: &[], play: |s| {
            s.open().client(b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n");
            s.server(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
        }},
        RuleCase { name: "other letter cases, and lists", near: &["HS-16", "HS-17"], fires: &[], play: |s| answered(s, "", "upgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\nsec-websocket-accept: ACCEPT\r\n") },
        RuleCase { name: "101 without Upgrade", near: &["HS-17", "HS-18"], fires: &["HS-16 server"], play: |s| answered(s, "", "Connection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n") },
        RuleCase { name: "101 to another protocol than asked for", near: &["HS-17"], fires: &["HS-16 server"], play: |s| answered(s, "", "Upgrade: chat\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n") },
        RuleCase { name: "101 to two protocols", near: &["HS-17"], fires: &["HS-16 server"], play: |s| answered(s, "", "Upgrade: websocket, h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n") },
        RuleCase { name: "101 with two fields", near: &["HS-09"], fires: &["HS-16 server"], play: |s| answered(s, "", "Upgrade: websocket\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n") },
        RuleCase { name: "101 with an empty member", near: &["HS-16"], fires: &[], play: |s| answered(s, "", "Upgrade: websocket,\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n") },
        RuleCase { name: "101 with keep-alive", near: &["HS-16"], fires: &["HS-17 server"], play: |s| answered(s, "", "Upgrade: websocket\r\nConnection: keep-alive\r\nSec-WebSocket-Accept: ACCEPT\r\n") },
        RuleCase { name: "101 without an answer to the key", near: &["HS-19"], fires: &["HS-18 server"], play: |s| answered(s, "", "Upgrade: websocket\r\nConnection: Upgrade\r\n") },
        RuleCase { name: "an empty answer", near: &["HS-18"], fires: &["HS-19 server"], play: |s| answered(s, "", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept:\r\n") },
        RuleCase { name: "the answer to another key", near: &["HS-18"], fires: &["HS-19 server"], play: |s| answered(s, "", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\n") },
        RuleCase { name: "the answer to a draft", near: &["HS-18"], fires: &["HS-12 client", "HS-25 server"], play: |s| {
            s.open().client(b"GET /demo HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nSec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nOrigin: http://example.com\r\n\r\n");
            s.server(b"HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Origin: http://example.com\r\nSec-WebSocket-Location: ws://example.com/demo\r\n\r\n");
        }},
        RuleCase { name: "an extension nobody offered", near: &["PMD-05", "PMD-07"], fires: &["HS-20 server"], play: |s| answered(s, "", &format!("{OK}Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10\r\n")) },
        RuleCase { name: "one of two was not offered", near: &["HS-27"], fires: &["HS-20 server"], play: |s| answered(s, "Sec-WebSocket-Extensions: a\r\n", &format!("{OK}Sec-WebSocket-Extensions: a, b, B\r\n")) },
        RuleCase { name: "an extension in another letter case", near: &["HS-20"], fires: &[], play: |s| answered(s, "Sec-WebSocket-Extensions: x-A\r\n", &format!("{OK}Sec-WebSocket-Extensions: X-a\r\n")) },
        RuleCase { name: "a subprotocol nobody offered", near: &["HS-22"], fires: &["HS-21 server"], play: |s| answered(s, "", &format!("{OK}Sec-WebSocket-Protocol: soap\r\n")) },
        RuleCase { name: "a subprotocol in another letter case", near: &["HS-22"], fires: &["HS-21 server"], play: |s| answered(s, "Sec-WebSocket-Protocol: chat\r\n", &format!("{OK}Sec-WebSocket-Protocol: Chat\r\n")) },
        RuleCase { name: "two subprotocols", near: &["HS-09"], fires: &["HS-21 server"], play: |s| answered(s, "Sec-WebSocket-Protocol: a, b\r\n", &format!("{OK}Sec-WebSocket-Protocol: a, b\r\n")) },
        RuleCase { name: "an empty subprotocol", near: &["HS-22"], fires: &["HS-21 server"], play: |s| answered(s, "Sec-WebSocket-Protocol: a, b\r\n", &format!("{OK}Sec-WebSocket-Protocol:\r\n")) },
        RuleCase { name: "the second of two offered in two fields", near: &["HS-21", "HS-22"], fires: &[], play: |s| answered(s, "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n", &format!("{OK}Sec-WebSocket-Protocol: b\r\n")) },
        RuleCase { name: "no subprotocol", near: &["HS-21"], fires: &["HS-22 server"], play: |s| answered(s, "Sec-WebSocket-Protocol: a, b\r\n", OK) },
        RuleCase { name: "101 that speaks of a body", near: &[], fires: &["HS-23 server"], play: |s| answered(s, "", &format!("{OK}Content-Length: 0\r\nContent-Encoding: gzip\r\n")) },
        RuleCase { name: "fields about content that say nothing of a body", near: &["HS-23"], fires: &[], play: |s| answered(s, "", &format!("{OK}Content-Type: text/plain\r\nContent-Language: en\r\n")) },
        RuleCase { name: "426 that says nothing", near: &[], fires: &["HS-12 client", "HS-24 server", "HS-31 server", "HS-44"], play: |s| refused(s, "8", "426 Upgrade Required") },
        RuleCase { name: "426 without version", near: &["HS-24"], fires: &["HS-12 client", "HS-31 server", "HS-44"], play: |s| refused(s, "8", "426 Upgrade Required\r\nUpgrade: websocket") },
        RuleCase { name: "426 for another reason", near: &["HS-31"], fires: &["HS-24 server", "HS-44"], play: |s| refused(s, "13", "426 Upgrade Required") },
        RuleCase { name: "400 without version", near: &["HS-24"], fires: &["HS-12 client", "HS-31 server", "HS-40"], play: |s| refused(s, "8", "400 Bad Request") },
        RuleCase { name: "400, where the key is missing, too", near: &["HS-31"], fires: &["HS-07 client", "HS-12 client", "HS-40"], play: |s| {
            s.open().client(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n\r\n");
            s.server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }},
        RuleCase { name: "a version refused as it should be", near: &["HS-24", "HS-31"], fires: &["HS-12 client", "HS-44"], play: |s| refused(s, "8", "426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13") },
        RuleCase { name: "401, whatever the version", near: &["HS-18", "HS-24", "HS-31"], fires: &["HS-12 client", "HS-41"], play: |s| refused(s, "8", "401 Unauthorized") },
        RuleCase { name: "no response", near: &["HS-16", "HS-17", "HS-18", "HS-22"], fires: &[], play: |s| { s.ask("Sec-WebSocket-Protocol: a\r\n"); } },
        RuleCase { name: "a response without its request", near: &["HS-19", "HS-20", "HS-21"], fires: &[], play: |s| {
            s.open().server(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: abc\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Extensions: x\r\n\r\n");
        }},
        RuleCase { name: "101 of HTTP/1.0", near: &["HS-02"], fires: &["HS-56 server"], play: |s| {
            let (_, accept) = s.ask("").fresh_key();
            s.server(format!("HTTP/1.0 101 Switching Protocols\r\n{}\r\n", OK.replace("ACCEPT", &accept)).as_bytes());
        }},
        RuleCase { name: "a refusal in HTTP/1.0", near: &["HS-56"], fires: &["HS-42"], play: |s| {
            s.ask("").server(b"HTTP/1.0 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        }},
        RuleCase { name: "101 to HTTP/2", near: &["HS-16", "HS-18"], fires: &[], play: |s| {
            s.open().client(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
            s.server(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
        }},
    ];

    #[test]
    fn each_part_of_a_response_is_checked() {
        check(&[RULES], CASES);
    }

    #[test]
    fn evidence_names_the_mistake_in_the_answer() {
        let mut scenario = Scenario::new();
        let (key, accept) = scenario.ask("").fresh_key();
        let answer =
            format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {key}\r\n");
        scenario.server(format!("HTTP/1.1 101 x\r\n{answer}\r\n").as_bytes());
        let judged = scenario.judge(&crate::findings::Reading::default());
        let expected = format!("expected {accept}, seen {key:?}: the key was sent back unchanged");
        assert_eq!(judged.list[0].evidence, expected);
    }
}
