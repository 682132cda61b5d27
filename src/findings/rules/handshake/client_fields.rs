//! What is unwise in a handshake, or odd (HS-10, HS-28 to HS-30, HS-55).

use crate::findings::across::handshake_keys::KeyStage;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::engine::violation::Violations;
use crate::findings::rules::handshake::fields_read::{answer, attempt, lacks, place, shown};
use crate::findings::words::counted;
use crate::http::Head;
use crate::http::accept::{KEY_LENGTH, key_bytes};
use crate::stream::{Span, length_u64};

/// HS-10, HS-28 to HS-30, HS-55.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "HS-10",
        severity: Severity::Warning,
        applies_to: AppliesTo::Client,
        title: "Sec-WebSocket-Key reused on another connection, or all one byte",
        section: "RFC 6455 §4.1",
        explanation: "The key must be chosen at random for each connection. With a fixed key, the \
            right Sec-WebSocket-Accept proves nothing: a cache or an attacker can answer with an \
            old one.",
        remedy: "Generate 16 new random bytes for each connection. Look for a request that was \
            copied from an example or a recording, for a script, or for a random generator that \
            is seeded with a constant.",
        example: Example::Text(
            "connection 1: Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\
             connection 2: Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        explains: None,
        checks: &[Check::CompareRequest(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            let Some(key) = context.subject.key() else { return };
            let bytes = key_bytes(key).filter(|bytes| bytes.len() == KEY_LENGTH);
            let Some(bytes) = bytes else { return };
            // A proxy passes a handshake on with its key while it waits itself.
            let used = context.across.keys.used(key).filter(|used| {
                used.connection != context.connection.id
                    && used.stage == KeyStage::Answered
                    && (key == SAMPLE_KEY || !used.may_be_passed_on(context.connection))
            });
            let violation = match (used, bytes.split_first()) {
                (Some(used), _) => format!(
                    "was used by connection {} in packet {}",
                    used.connection.0, used.packet
                ),
                (None, Some((first, rest))) if rest.iter().all(|byte| byte == first) => {
                    format!("is {KEY_LENGTH} times the byte {first:#04x}")
                }
                (None, _) => return,
            };
            let origin =
                if key == SAMPLE_KEY { "; it is the example key of RFC 6455 §1.3" } else { "" };
            violations
                .add(format!("{} {violation}{origin}", shown(key)))
                .span(place(request, "Sec-WebSocket-Key"));
        })],
    },
    Rule {
        id: "HS-28",
        severity: Severity::Note,
        applies_to: AppliesTo::Client,
        title: "a browser sent no Origin",
        section: "RFC 6455 §4.1",
        explanation: "Browsers must name the page that opens the WebSocket in Origin, so that a \
            server can refuse foreign pages. A request with a browser's headers but no Origin \
            passed through something that drops it, or comes from a program that imitates a \
            browser.",
        remedy: "Look for a proxy or browser extension that drops Origin. On the server, do not \
            treat a missing Origin as trusted.",
        example: Example::Text(
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) ...\nAccept-Language: en\n\
             Sec-Fetch-Mode: websocket",
        ),
        explains: None,
        checks: &[Check::Request(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            if let Some(sign) = browser(request).filter(|_| lacks(request, "Origin")) {
                violations.add(format!("no Origin, but {sign}"));
            }
        })],
    },
    Rule {
        id: "HS-29",
        severity: Severity::Warning,
        applies_to: AppliesTo::Client,
        title: "credentials or tokens in the request target",
        section: "RFC 6455 §10.5, RFC 3986 §7.5",
        explanation: "Request targets are written to the logs of servers, proxies and monitoring, \
            and stay in histories. Anyone who reads those can use the secret; without TLS, so can \
            anyone on the path.",
        remedy: "Browsers cannot set headers on a WebSocket: send a cookie, or the token in the \
            first message, or put a ticket into the target that is valid for one connection and a \
            few seconds. Other clients can send Authorization. Remove the parameter from the \
            logs. Connections to a server on the same machine are not reported.",
        example: Example::Text("GET /chat?access_token=eyJhbGciOi... HTTP/1.1"),
        explains: None,
        checks: &[Check::Request(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            // What stays on one machine is a development server's.
            if context.connection.server.ip().to_canonical().is_loopback() {
                return;
            }
            let secrets = secrets(request.target().unwrap_or_default());
            if !secrets.is_empty() {
                violations.add(secrets.join("; "));
            }
        })],
    },
    Rule {
        id: "HS-30",
        severity: Severity::Warning,
        applies_to: AppliesTo::Both,
        title: "lines end with a bare LF",
        section: "RFC 9112 §2.2",
        explanation: "Lines of a head end with CR and LF. A receiver may accept a bare LF or \
            refuse it: strict servers, proxies and clients refuse it, since ambiguous line ends \
            help attackers.",
        remedy: "Write \\r\\n at the end of each line. Look for a head that is written by hand \
            with \\n, or is read from a text file.",
        example: Example::Text("GET /chat HTTP/1.1\\n\nHost: server.example.com\\n"),
        explains: None,
        checks: &[
            Check::Request(|context, violations| {
                let Some(request) = attempt(context.subject) else { return };
                add_bare_line_ends(request, violations);
            }),
            Check::Response(|context, violations| {
                let Some(response) = answer(context.subject) else { return };
                add_bare_line_ends(response, violations);
            }),
        ],
    },
    Rule {
        id: "HS-55",
        severity: Severity::Note,
        applies_to: AppliesTo::Both,
        title: "blank before the colon of a field",
        section: "RFC 9112 §5.1",
        explanation: "Between the name of a field and its colon there must not be a blank. \
            Servers must refuse such a request with 400, since receivers that read the name \
            differently help attackers; proxies must remove the blank from a response. wslens \
            reads the field as if the blank were not there, and so do lenient receivers.",
        remedy: "Write the colon directly after the name. Look for a head that is put together by \
            hand or with a format string such as `\"%s : %s\"`.",
        example: Example::Text("GET /chat HTTP/1.1\nUpgrade : websocket"),
        explains: None,
        checks: &[
            Check::Request(|context, violations| {
                let Some(request) = attempt(context.subject) else { return };
                add_blanks_before_colons(request, violations);
            }),
            Check::Response(|context, violations| {
                let Some(response) = answer(context.subject) else { return };
                add_blanks_before_colons(response, violations);
            }),
        ],
    },
];

/// What shows that a browser made a request.
fn browser(request: &Head) -> Option<String> {
    let fetch = ["Sec-Fetch-Mode", "Sec-Fetch-Dest"];
    if let Some(name) = fetch.into_iter().find(|name| request.header(name).is_some()) {
        return Some(name.to_owned());
    }
    let agent = request.header("User-Agent")?;
    let is_browser =
        agent.starts_with(b"Mozilla/5.0 (") && request.header("Accept-Language").is_some();
    is_browser.then(|| format!("User-Agent: {}", shown(agent)))
}

/// The secrets in a target, by name and length: their values are not for logs, and so not for findings.
fn secrets(target: &[u8]) -> Vec<String> {
    let before_fragment = target.split(|byte| *byte == b'#').next().unwrap_or_default();
    let mut parts = before_fragment.splitn(2, |byte| *byte == b'?');
    let mut secrets = Vec::new();
    if let Some(user) = parts.next().and_then(user_info) {
        let length = length_u64(user.len());
        secrets.push(format!("user information of {}", counted(length, "byte")));
    }
    let parameters = parts.next().unwrap_or_default().split(|byte| matches!(byte, b'&' | b';'));
    for parameter in parameters {
        let mut halves = parameter.splitn(2, |byte| *byte == b'=');
        let name = halves.next().unwrap_or_default();
        let value = halves.next().unwrap_or_default();
        if !value.is_empty() && is_secret(name) {
            let length = counted(length_u64(value.len()), "byte");
            secrets.push(format!("parameter {} of {length}", shown(name)));
        }
    }
    secrets
}

/// What precedes the `@` of an absolute URI's authority (RFC 3986 §3.2.1).
fn user_info(target: &[u8]) -> Option<&[u8]> {
    let at = target.windows(3).position(|part| part == b"://")?;
    let authority = target.get(at.saturating_add(3)..)?.split(|byte| *byte == b'/').next()?;
    let end = authority.iter().rposition(|byte| *byte == b'@')?;
    authority.get(..end).filter(|user| !user.is_empty())
}

/// Whether a parameter is called like a secret, whatever its letter case and whatever is between its words.
fn is_secret(name: &[u8]) -> bool {
    let letters = name.iter().filter(|byte| !matches!(byte, b'_' | b'-' | b'.'));
    let plain: Vec<u8> = letters.map(u8::to_ascii_lowercase).collect();
    SECRETS.iter().any(|secret| secret.as_bytes() == plain)
}

/// Says how many lines of a head end with LF alone.
fn add_bare_line_ends(head: &Head, violations: &mut Violations) {
    let bare = head.oddities.bare_lf;
    let Some(first) = bare.first else { return };
    let start = head.offset_of(first);
    let lines = counted(u64::from(bare.count), "line");
    violations
        .add(format!("{lines} with LF alone, the first at byte {first} of the head"))
        .span(Span { start, end: start.saturating_add(1), ..head.span });
}

/// Says how many fields of a head have a blank before their colon.
fn add_blanks_before_colons(head: &Head, violations: &mut Violations) {
    let blanks = head.oddities.space_before_colon;
    let Some(first) = blanks.first else { return };
    let field = head.fields().zip(&head.headers).find(|(_, place)| place.name.start >= first);
    let name = field
        .map_or_else(String::new, |((name, _), _)| format!(", the first after {}", shown(name)));
    let start = head.offset_of(first);
    let fields = counted(u64::from(blanks.count), "field");
    violations.add(format!("{fields} with a blank before the colon{name}")).span(Span {
        start,
        end: start.saturating_add(1),
        ..head.span
    });
}

/// The key of the example in RFC 6455 §1.3.
const SAMPLE_KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";

/// Names of parameters that hold secrets, without letter case and separators.
const SECRETS: [&str; 22] = [
    "accesstoken",
    "apikey",
    "apisecret",
    "apitoken",
    "auth",
    "authorization",
    "authtoken",
    "bearer",
    "bearertoken",
    "clientsecret",
    "credentials",
    "idtoken",
    "jwt",
    "jwttoken",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "refreshtoken",
    "secret",
    "sessiontoken",
    "token",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check};

    /// Asks with this key, and is refused.
    fn refused(s: &mut Scenario, key: &str) {
        asks(s, key);
        s.server(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    }

    fn asks(s: &mut Scenario, key: &str) {
        s.open().client(format!("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").as_bytes());
    }

    /// Asks for this target.
    fn asks_for(s: &mut Scenario, target: &str) {
        let (key, _) = s.open().fresh_key();
        s.client(format!("GET {target} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").as_bytes());
    }

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";
    const AGENT: &str =
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n";

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "the key of an earlier connection", near: &[], fires: &["HS-10 client", "HS-42", "HS-42"], play: |s| { refused(s, KEY); refused(s, KEY); } },
        RuleCase { name: "a key that is passed on while it waits", near: &["HS-10"], fires: &[], play: |s| { asks(s, KEY); asks(s, KEY); } },
        RuleCase { name: "a key that was passed on, by a clock that is late", near: &["HS-10"], fires: &["HS-42", "HS-42"], play: |s| {
            s.between("192.0.2.9", "10.0.0.2");
            refused(s, KEY);
            s.between("203.0.113.5", "192.0.2.9");
            refused(s, KEY);
        } },
        RuleCase { name: "a key that was used for another server", near: &[], fires: &["HS-10 client", "HS-42", "HS-42"], play: |s| {
            s.between("192.0.2.9", "10.0.0.2");
            refused(s, KEY);
            s.between("192.0.2.9", "10.0.0.3");
            refused(s, KEY);
        } },
        RuleCase { name: "asked again on the same connection", near: &["HS-10"], fires: &["HS-42"], play: |s| {
            refused(s, KEY);
            s.client(format!("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n").as_bytes());
        }},
        RuleCase { name: "keys that differ in letter case", near: &["HS-10"], fires: &["HS-42", "HS-42"], play: |s| { refused(s, KEY); refused(s, "aaECAwQFBgcICQoLDA0ODw=="); } },
        RuleCase { name: "sixteen zero bytes", near: &[], fires: &["HS-10 client", "HS-42"], play: |s| refused(s, "AAAAAAAAAAAAAAAAAAAAAA==") },
        RuleCase { name: "fifteen zero bytes and a one", near: &["HS-10"], fires: &["HS-42"], play: |s| refused(s, "AAAAAAAAAAAAAAAAAAAAAQ==") },
        RuleCase { name: "a browser of today without Origin", near: &[], fires: &["HS-28 client"], play: |s| { s.ask("Sec-Fetch-Mode: websocket\r\nSec-Fetch-Dest: empty\r\n"); } },
        RuleCase { name: "an older browser without Origin", near: &[], fires: &["HS-28 client"], play: |s| { s.ask(&format!("{AGENT}Accept-Language: de\r\n")); } },
        RuleCase { name: "a page from a file", near: &["HS-28"], fires: &[], play: |s| { s.ask(&format!("{AGENT}Accept-Language: de\r\nOrigin: null\r\n")); } },
        RuleCase { name: "a program that borrows a User-Agent", near: &["HS-28"], fires: &[], play: |s| { s.ask(AGENT); } },
        RuleCase { name: "a program", near: &["HS-28"], fires: &[], play: |s| { s.ask("User-Agent: Python/3.13 websockets/15.0\r\nAccept-Language: en\r\n"); } },
        RuleCase { name: "tokens in the query are reported at once", near: &[], fires: &["HS-29 client"], play: |s| asks_for(s, "/chat?a=1&access_token=abc&jwt=def") },
        RuleCase { name: "written with capitals and a dash", near: &[], fires: &["HS-29 client"], play: |s| asks_for(s, "/chat?Api-Key=abc") },
        RuleCase { name: "user information", near: &["HS-03"], fires: &["HS-29 client"], play: |s| asks_for(s, "ws://me:secret@server.example.com/chat") },
        RuleCase { name: "an engine.io session, an empty token, a page about tokens", near: &["HS-29"], fires: &[], play: |s| asks_for(s, "/socket.io/token/?EIO=4&transport=websocket&sid=x4z&token=&q=password&tokens=3") },
        RuleCase { name: "an @ in the path", near: &["HS-29"], fires: &[], play: |s| asks_for(s, "ws://server.example.com/@me?to=a@b.example") },
        RuleCase { name: "request with bare LF", near: &[], fires: &["HS-30 client"], play: |s| {
            s.open().client(format!("GET / HTTP/1.1\nHost: a\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Key: {KEY}\nSec-WebSocket-Version: 13\n\n").as_bytes());
        }},
        RuleCase { name: "response with one bare LF", near: &[], fires: &["HS-30 server", "HS-42"], play: |s| {
            s.ask("").server(b"HTTP/1.1 403 Forbidden\r\nServer: x\nContent-Length: 0\r\n\r\n");
        }},
        RuleCase { name: "an empty line of LF before the request", near: &["HS-30"], fires: &[], play: |s| {
            s.open().client(format!("\nGET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n").as_bytes());
        }},
        RuleCase { name: "a blank and a tab before colons of a request", near: &["HS-05", "HS-30"], fires: &["HS-55 client"], play: |s| {
            s.open().client(format!("GET / HTTP/1.1\r\nHost: a\r\nUpgrade : websocket\r\nConnection\t: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n").as_bytes());
        }},
        RuleCase { name: "a blank before a colon of a response", near: &[], fires: &["HS-55 server", "HS-42"], play: |s| {
            s.ask("").server(b"HTTP/1.1 403 Forbidden\r\nServer : x\r\nContent-Length: 0\r\n\r\n");
        }},
        RuleCase { name: "blanks around a value", near: &["HS-55"], fires: &[], play: |s| { s.ask("Cookie: \t a : b \r\n"); } },
        RuleCase { name: "a page with a blank before a colon", near: &["HS-55"], fires: &[], play: |s| {
            s.open().client(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n").server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }},
        RuleCase { name: "a token for a server on the same machine", near: &["HS-29"], fires: &[], play: |s| {
            s.between("127.0.0.1", "127.0.0.1");
            asks_for(s, "/chat?token=abc");
            s.between("::1", "::1");
            asks_for(s, "/chat?token=abc");
        }},
        RuleCase { name: "a page with bare LF", near: &["HS-30"], fires: &[], play: |s| {
            s.open().client(b"GET / HTTP/1.1\nHost: a\n\n").server(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n");
        }},
    ];

    #[test]
    fn unwise_and_odd_habits_are_reported() {
        check(&[RULES], CASES);
    }

    #[test]
    fn evidence_never_shows_a_secret() {
        let rows = [
            ("/?access_token=s3cret&x=1", "parameter \"access_token\" of 6 bytes"),
            ("/?TOKEN=s3cret#s3cret", "parameter \"TOKEN\" of 6 bytes"),
            ("ws://me:s3cret@a/", "user information of 9 bytes"),
        ];
        for (target, expected) in rows {
            assert_eq!(secrets(target.as_bytes()), [expected], "{target}");
        }
    }

    #[test]
    fn evidence_names_the_other_connection_and_the_sample_key() {
        let mut scenario = Scenario::new();
        let sample = std::str::from_utf8(SAMPLE_KEY).unwrap();
        refused(&mut scenario, sample);
        refused(&mut scenario, sample);
        let judged = scenario.judge(&crate::findings::Reading::default());
        let expected = "\"dGhlIHNhbXBsZSBub25jZQ==\" was used by connection 1 in packet 4; it is the example key of RFC 6455 §1.3";
        assert_eq!(judged.list[0].evidence, expected);
    }
}
