//! What the request must say.

use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::{
    attempt, lacks, lacks_token, path, place, sent, shown,
};
use crate::findings::rules::handshake::proxies::passed_on;
use crate::findings::words::counted;
use crate::http::Head;
use crate::http::accept::{KEY_LENGTH, key_bytes};
use crate::stream::length_u64;

/// HS-01 to HS-08, HS-11, HS-12.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "HS-01",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "method is not GET",
        section: "RFC 6455 §4.1",
        explanation: "A WebSocket over HTTP/1.1 is opened with GET. Servers route other methods to \
            other handlers, and answer with 404, 405 or an ordinary page.",
        remedy: "Use GET. Look for an HTTP client that was given the upgrade headers by hand and \
            sends a body, or for a redirect or proxy rule that turns the request into POST.",
        example: Example::Text("POST /chat HTTP/1.1"),
        explains: None,
        checks: &[Check::Request(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            let method = request.method().unwrap_or_default();
            if method != b"GET" {
                violations.add(format!("method {}; GET is required", shown(method)));
            }
        })],
    },
    Rule {
        id: "HS-02",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "HTTP version below 1.1",
        section: "RFC 6455 §4.1",
        explanation: "The request must be HTTP/1.1 or higher: HTTP/1.0 has no Upgrade. A server \
            must refuse it, and many ignore Upgrade and answer with an ordinary page.",
        remedy: "If the sender is nginx, set `proxy_http_version 1.1;` and forward Upgrade and \
            Connection: for a long time nginx spoke HTTP/1.0 to its upstream servers by default. \
            Otherwise look for an old proxy or a hand-written client.",
        example: Example::Text("GET /chat HTTP/1.0"),
        explains: None,
        checks: &[Check::CompareRequest(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            // HS-49 says it better.
            if passed_on(context).is_some() {
                return;
            }
            let version = request.version();
            if !is_upgradable(version) {
                let seen =
                    if version.is_empty() { "no version".to_owned() } else { shown(version) };
                violations.add(format!("{seen}; HTTP/1.1 or higher is required"));
            }
        })],
    },
    Rule {
        id: "HS-03",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "request target has a fragment, or is not a resource name or absolute URI",
        section: "RFC 6455 §3, §4.1",
        explanation: "The target is the path and query of the URL, or the whole URL as an absolute \
            URI. A fragment (`#...`) must not be part of it: `#` in a WebSocket URL must be \
            written as %23. Servers find no such resource, or refuse the request.",
        remedy: "Remove the fragment, or escape `#` as %23 if it belongs to the name. Begin the \
            target with `/`; look for URLs that are assembled from parts without one, and escape \
            spaces as %20.",
        example: Example::Text("GET /chat#room-1 HTTP/1.1"),
        explains: None,
        checks: &[Check::Request(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            let target = request.target().unwrap_or_default();
            let violation = if target.contains(&b'#') {
                "has a fragment"
            } else if target.iter().any(u8::is_ascii_whitespace) {
                "has a space in it"
            } else if !target.starts_with(b"/") && !is_absolute(target) {
                "neither begins with / nor is an absolute URI"
            } else {
                return;
            };
            violations.add(format!("target {} {violation}", shown(path(target))));
        })],
    },
    Rule {
        id: "HS-04",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "Host missing or repeated",
        section: "RFC 6455 §4.1, RFC 9112 §3.2",
        explanation: "A request must have exactly one Host. Servers answer anything else with \
            400: if several sites share a server, it cannot know which one is meant.",
        remedy: "Send `Host: name` (with `:port` if it is not the default) once. Look for a proxy \
            that adds a second one, as `add_header` or a filter does, instead of replacing it.",
        example: Example::Text("GET /chat HTTP/1.1\nUpgrade: websocket"),
        explains: None,
        checks: &[Check::Request(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            let hosts: Vec<String> = request.all("Host").map(shown).collect();
            if hosts.len() > 1 {
                violations
                    .add(format!("{} Host fields: {}", hosts.len(), hosts.join(", ")))
                    .span(place(request, "Host"));
            } else if lacks(request, "Host") {
                violations.add("no Host");
            }
        })],
    },
    Rule {
        id: "HS-05",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "Upgrade does not contain `websocket`",
        section: "RFC 6455 §4.1",
        explanation: "The request must have an Upgrade field with `websocket` in it, in any letter \
            case. Without it the server sees an ordinary request and answers it, or refuses with \
            400 or 426.",
        remedy: "Upgrade applies to one hop only, so each proxy must send it itself: nginx \
            `proxy_set_header Upgrade $http_upgrade;`, Apache `ProxyPass ... upgrade=websocket`. \
            In a client written by hand, add `Upgrade: websocket`.",
        example: Example::Text(
            "GET /chat HTTP/1.1\nConnection: Upgrade\nSec-WebSocket-Version: 13",
        ),
        explains: None,
        checks: &[Check::CompareRequest(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            // HS-49 says it better.
            if passed_on(context).is_some() {
                return;
            }
            if lacks_token(request, "Upgrade", "websocket") {
                violations
                    .add(format!("{}; websocket is required", sent(request, "Upgrade")))
                    .span(place(request, "Upgrade"));
            }
        })],
    },
    Rule {
        id: "HS-06",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "Connection does not contain `Upgrade`",
        section: "RFC 6455 §4.1",
        explanation: "The request must have a Connection field with `Upgrade` in it, in any letter \
            case: it marks Upgrade as meant for the next hop. Without it servers and proxies \
            ignore Upgrade.",
        remedy: "Send `Connection: Upgrade`. If the sender is nginx, set `proxy_set_header \
            Connection \"upgrade\";` (its default is `close`); other proxies and load balancers \
            have an option for WebSocket.",
        example: Example::Text("GET /chat HTTP/1.1\nUpgrade: websocket\nConnection: keep-alive"),
        explains: None,
        checks: &[Check::CompareRequest(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            // HS-49 says it better.
            if passed_on(context).is_some() {
                return;
            }
            if lacks_token(request, "Connection", "Upgrade") {
                violations
                    .add(format!("{}; Upgrade is required", sent(request, "Connection")))
                    .span(place(request, "Connection"));
            }
        })],
    },
    Rule {
        id: "HS-07",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "Sec-WebSocket-Key missing",
        section: "RFC 6455 §4.1",
        explanation: "The request must have a Sec-WebSocket-Key, from which the server computes \
            its Sec-WebSocket-Accept. A server must refuse a request without it.",
        remedy: "Send 16 random bytes in base64 as Sec-WebSocket-Key. If a library made the \
            request, look for a proxy that drops unknown fields.",
        example: Example::Text(
            "GET /chat HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\n\
             Sec-WebSocket-Version: 13",
        ),
        explains: None,
        checks: &[Check::Request(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            if lacks(request, "Sec-WebSocket-Key") && !is_hixie(request) {
                violations.add("no Sec-WebSocket-Key");
            }
        })],
    },
    Rule {
        id: "HS-08",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "Sec-WebSocket-Key is not base64 of 16 bytes",
        section: "RFC 6455 §4.1",
        explanation: "The key is 16 random bytes in base64: 24 characters, of which the last two \
            are `=`. Strict servers answer anything else with 400; lenient ones accept it.",
        remedy: "Encode exactly 16 random bytes with the standard alphabet of base64, padding \
            included. Look for random text that was sent unencoded, for hexadecimal, or for a \
            UUID in text form.",
        example: Example::Text("Sec-WebSocket-Key: c2hvcnQta2V5"),
        explains: None,
        checks: &[Check::Request(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            let Some(key) = request.header("Sec-WebSocket-Key") else { return };
            if let Some(violation) = key_fault(key) {
                violations
                    .add(format!("Sec-WebSocket-Key: {} {violation}", shown(key)))
                    .span(place(request, "Sec-WebSocket-Key"));
            }
        })],
    },
    Rule {
        id: "HS-11",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "Sec-WebSocket-Version missing",
        section: "RFC 6455 §4.1",
        explanation: "The request must have `Sec-WebSocket-Version: 13`. A server must refuse a \
            request without it, with 400 or 426.",
        remedy: "Send `Sec-WebSocket-Version: 13`. If a library made the request, look for a \
            proxy that drops unknown fields.",
        example: Example::Text(
            "GET /chat HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        explains: None,
        checks: &[Check::Request(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            if lacks(request, "Sec-WebSocket-Version") && !is_hixie(request) {
                violations.add("no Sec-WebSocket-Version; 13 is required");
            }
        })],
    },
    Rule {
        id: "HS-12",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "Sec-WebSocket-Version is not 13",
        section: "RFC 6455 §4.1, §4.4",
        explanation: "13 is the version of RFC 6455, and the only one in use. Other numbers belong \
            to drafts of 2010 and 2011, which differ in handshake and frames; servers refuse them, \
            most with 400 or 426.",
        remedy: "Send `Sec-WebSocket-Version: 13`, alone. Replace a client that speaks an old \
            draft (browsers before 2012, libraries of that time).",
        example: Example::Text("Sec-WebSocket-Version: 8"),
        explains: Some(Cause::failure(130, "WebSocket version not supported")),
        checks: &[Check::Request(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            if is_hixie(request) {
                let key = place(request, "Sec-WebSocket-Key1");
                violations
                    .add("Sec-WebSocket-Key1 and no version: draft hixie-76 of 2010")
                    .span(key);
                return;
            }
            let name = "Sec-WebSocket-Version";
            let mut versions = request.all(name).peekable();
            let Some(first) = versions.peek().copied() else { return };
            if versions.all(|version| version != b"13") {
                let draft = draft(first).map(|draft| format!(" ({draft})")).unwrap_or_default();
                violations
                    .add(format!("{}{draft}; 13 is required", sent(request, name)))
                    .span(place(request, name));
            }
        })],
    },
];

/// Whether a version is `HTTP/1.1` or higher.
fn is_upgradable(version: &[u8]) -> bool {
    let number = std::str::from_utf8(version)
        .ok()
        .and_then(|version| version.get(5..))
        .and_then(|number| number.split_once('.'));
    let digits = number
        .and_then(|(major, minor)| Some((major.parse::<u8>().ok()?, minor.parse::<u8>().ok()?)));
    digits.is_some_and(|digits| digits >= (1, 1))
}

/// Whether a target is `scheme://...` (RFC 3986 §4.3).
fn is_absolute(target: &[u8]) -> bool {
    let scheme = target.windows(3).position(|part| part == b"://").and_then(|at| target.get(..at));
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    scheme.is_some_and(|scheme| {
        scheme.first().is_some_and(u8::is_ascii_alphabetic) && scheme.iter().all(is_scheme)
    })
}

/// What is wrong with a key.
fn key_fault(key: &[u8]) -> Option<String> {
    match key_bytes(key) {
        Some(bytes) if bytes.len() == KEY_LENGTH => None,
        Some(bytes) => Some(format!(
            "is base64 of {}; {KEY_LENGTH} are required",
            counted(length_u64(bytes.len()), "byte")
        )),
        None if has_shape_of_key(key) => None,
        None => Some(format!("is not base64, which it must be of {KEY_LENGTH} bytes")),
    }
}

/// Whether a key is as long as base64 of 16 bytes is, and has only its characters. The last one may
/// have bits to spare, which decoders may pass over (RFC 4648 §3.5).
fn has_shape_of_key(key: &[u8]) -> bool {
    let digits = key.strip_suffix(b"==").unwrap_or_default();
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    digits.len() == KEY_DIGITS && digits.iter().all(is_digit)
}

/// Whether a request is one of draft hixie-76: two keys of their own kind, and no version.
fn is_hixie(request: &Head) -> bool {
    let has = |name| request.header(name).is_some();
    has("Sec-WebSocket-Key1") && has("Sec-WebSocket-Key2") && !has("Sec-WebSocket-Version")
}

/// The draft to which a version belongs (IANA, WebSocket Version Number Registry).
fn draft(version: &[u8]) -> Option<&'static str> {
    DRAFTS.iter().find(|(number, _)| number.as_bytes() == version).map(|(_, name)| *name)
}

/// IANA, WebSocket Version Number Registry.
const DRAFTS: [(&str, &str); 9] = [
    ("0", "draft hybi-00, or hixie-76, of 2010"),
    ("1", "draft hybi-01 of 2010"),
    ("2", "draft hybi-02 of 2010"),
    ("3", "draft hybi-03 of 2010"),
    ("4", "draft hybi-04 of 2011"),
    ("5", "draft hybi-05 of 2011"),
    ("6", "draft hybi-06 of 2011"),
    ("7", "draft hybi-07 of 2011"),
    ("8", "drafts hybi-08 to hybi-12 of 2011"),
];

/// Characters of 16 bytes in base64, without padding.
const KEY_DIGITS: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check};

    /// A request with this first line, and these fields besides those that are right.
    fn asks(s: &mut Scenario, line: &str, fields: &[(&str, &str)]) {
        let (key, _) = s.open().fresh_key();
        let usual = [
            ("Host", "server.example.com"),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", key.as_str()),
            ("Sec-WebSocket-Version", "13"),
        ];
        let is_given = |name: &str| fields.iter().any(|(given, _)| *given == name);
        let usual = usual.iter().filter(|(name, _)| !is_given(name));
        let given = fields.iter().filter(|(_, value)| *value != ABSENT);
        let lines = usual.chain(given).map(|(name, value)| format!("{name}: {value}\r\n"));
        s.client(format!("{line}\r\n{}\r\n", lines.collect::<String>()).as_bytes());
    }

    const GET: &str = "GET /chat HTTP/1.1";
    const ABSENT: &str = "absent";

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "the example of RFC 6455 §1.2", near: &["HS-01", "HS-02", "HS-03", "HS-04", "HS-07", "HS-08", "HS-11", "HS-12"], fires: &[], play: |s| {
            s.open().client(b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n");
        }},
        RuleCase { name: "tokens in other letter cases and in lists", near: &["HS-05", "HS-06"], fires: &[], play: |s| {
            asks(s, GET, &[("Upgrade", "h2c, WebSocket"), ("Connection", "keep-alive,upgrade")]);
        }},
        RuleCase { name: "POST", near: &[], fires: &["HS-01 client"], play: |s| asks(s, "POST /chat HTTP/1.1", &[]) },
        RuleCase { name: "method in lower case", near: &[], fires: &["HS-01 client"], play: |s| asks(s, "get /chat HTTP/1.1", &[]) },
        RuleCase { name: "HTTP/1.0", near: &["HS-01"], fires: &["HS-02 client"], play: |s| asks(s, "GET /chat HTTP/1.0", &[]) },
        RuleCase { name: "HTTP/1.2", near: &["HS-02"], fires: &[], play: |s| asks(s, "GET /chat HTTP/1.2", &[]) },
        RuleCase { name: "no version of HTTP at all", near: &["HS-03"], fires: &["HS-02 client"], play: |s| asks(s, "GET /chat HTTP/x", &[]) },
        RuleCase { name: "fragment", near: &[], fires: &["HS-03 client"], play: |s| asks(s, "GET /chat#a HTTP/1.1", &[]) },
        RuleCase { name: "no slash", near: &[], fires: &["HS-03 client"], play: |s| asks(s, "GET chat HTTP/1.1", &[]) },
        RuleCase { name: "space in the target", near: &[], fires: &["HS-03 client"], play: |s| asks(s, "GET /a b HTTP/1.1", &[]) },
        RuleCase { name: "absolute URI", near: &["HS-03"], fires: &[], play: |s| asks(s, "GET ws://server.example.com/chat HTTP/1.1", &[]) },
        RuleCase { name: "escaped #, and colons in the query", near: &["HS-03"], fires: &[], play: |s| asks(s, "GET /chat%23a?b=c://d HTTP/1.1", &[]) },
        RuleCase { name: "no Host", near: &[], fires: &["HS-04 client"], play: |s| asks(s, GET, &[("Host", ABSENT)]) },
        RuleCase { name: "the same Host twice", near: &["HS-09"], fires: &["HS-04 client"], play: |s| asks(s, GET, &[("Host", "a"), ("Host", "a")]) },
        RuleCase { name: "X-Forwarded-Host beside Host", near: &["HS-04"], fires: &[], play: |s| asks(s, GET, &[("X-Forwarded-Host", "a")]) },
        RuleCase { name: "no Upgrade", near: &["HS-06"], fires: &["HS-05 client"], play: |s| asks(s, GET, &[("Upgrade", ABSENT)]) },
        RuleCase { name: "Upgrade to something like it", near: &["HS-06"], fires: &["HS-05 client"], play: |s| asks(s, GET, &[("Upgrade", "websockets")]) },
        RuleCase { name: "no Connection", near: &["HS-05"], fires: &["HS-06 client"], play: |s| asks(s, GET, &[("Connection", ABSENT)]) },
        RuleCase { name: "keep-alive only", near: &["HS-05"], fires: &["HS-06 client"], play: |s| asks(s, GET, &[("Connection", "keep-alive")]) },
        RuleCase { name: "what nginx makes of it", near: &["HS-07"], fires: &["HS-02 client", "HS-05 client", "HS-06 client"], play: |s| {
            asks(s, "GET /chat HTTP/1.0", &[("Upgrade", ABSENT), ("Connection", "close")]);
        }},
        RuleCase { name: "no key", near: &["HS-08"], fires: &["HS-07 client"], play: |s| asks(s, GET, &[("Sec-WebSocket-Key", ABSENT)]) },
        RuleCase { name: "empty key", near: &["HS-07"], fires: &["HS-08 client"], play: |s| asks(s, GET, &[("Sec-WebSocket-Key", "")]) },
        RuleCase { name: "key of nine bytes", near: &["HS-07"], fires: &["HS-08 client"], play: |s| asks(s, GET, &[("Sec-WebSocket-Key", "c2hvcnQta2V5")]) },
        RuleCase { name: "key in hexadecimal", near: &["HS-07"], fires: &["HS-08 client"], play: |s| asks(s, GET, &[("Sec-WebSocket-Key", "000102030405060708090a0b0c0d0e0f")]) },
        RuleCase { name: "key without padding", near: &[], fires: &["HS-08 client"], play: |s| asks(s, GET, &[("Sec-WebSocket-Key", "AAECAwQFBgcICQoLDA0ODw")]) },
        RuleCase { name: "key with bits to spare", near: &["HS-08"], fires: &[], play: |s| asks(s, GET, &[("Sec-WebSocket-Key", "AAECAwQFBgcICQoLDA0ODx==")]) },
        RuleCase { name: "no version", near: &["HS-12"], fires: &["HS-11 client"], play: |s| asks(s, GET, &[("Sec-WebSocket-Version", ABSENT)]) },
        RuleCase { name: "version 8", near: &["HS-11"], fires: &["HS-12 client"], play: |s| asks(s, GET, &[("Sec-WebSocket-Version", "8")]) },
        RuleCase { name: "several versions in one field", near: &["HS-11"], fires: &["HS-12 client"], play: |s| asks(s, GET, &[("Sec-WebSocket-Version", "13, 8")]) },
        RuleCase { name: "spaces around the version", near: &["HS-12"], fires: &[], play: |s| asks(s, GET, &[("Sec-WebSocket-Version", " \t13 ")]) },
        RuleCase { name: "draft hixie-76", near: &["HS-07", "HS-11"], fires: &["HS-12 client"], play: |s| {
            s.open().client(b"GET /demo HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nSec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\nSec-WebSocket-Protocol: sample\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nOrigin: http://example.com\r\n\r\n");
        }},
        RuleCase { name: "two fields are missing", near: &[], fires: &["HS-07 client", "HS-11 client"], play: |s| {
            asks(s, GET, &[("Sec-WebSocket-Key", ABSENT), ("Sec-WebSocket-Version", ABSENT)]);
        }},
        RuleCase { name: "long polling of engine.io", near: &["HS-05", "HS-06", "HS-07", "HS-11"], fires: &[], play: |s| {
            s.open().client(b"POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n40");
            s.server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }},
        RuleCase { name: "upgrade to HTTP/2", near: &["HS-05", "HS-07", "HS-11"], fires: &[], play: |s| {
            s.open().client(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
        }},
    ];

    #[test]
    fn each_part_of_a_request_is_checked() {
        check(&[RULES], CASES);
    }

    #[test]
    fn evidence_names_what_was_sent_and_the_draft() {
        #[rustfmt::skip]
        let rows: &[(&str, (&str, &str), &str)] = &[
            ("GET /a?token=b#c HTTP/1.1", ("X-Other", "1"), "target \"/a\" has a fragment"),
            (GET, ("Sec-WebSocket-Version", "7"), "Sec-WebSocket-Version: \"7\" (draft hybi-07 of 2011); 13 is required"),
            (GET, ("Sec-WebSocket-Key", "c2hvcnQta2V5"), "Sec-WebSocket-Key: \"c2hvcnQta2V5\" is base64 of 9 bytes; 16 are required"),
            (GET, ("Upgrade", ABSENT), "no Upgrade; websocket is required"),
        ];
        for (line, field, expected) in rows {
            let mut scenario = Scenario::new();
            asks(&mut scenario, line, &[*field]);
            let judged = scenario.judge(&crate::findings::Reading::default());
            assert_eq!(judged.list[0].evidence, *expected);
        }
    }
}
