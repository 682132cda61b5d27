//! Fields that both heads have: lists, and what may be there only once.

use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::engine::violation::Violations;
use crate::findings::rules::handshake::fields_read::{
    acceptance, attempt, is_whole_token, place, shown,
};
use crate::http::Head;
use crate::websocket::extension;

/// HS-09, HS-13, HS-14, HS-27.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "HS-09",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "a header that may appear only once is repeated",
        section: "RFC 6455 §11.3",
        explanation: "Sec-WebSocket-Key and Sec-WebSocket-Version must not appear more than once \
            in a request, nor Sec-WebSocket-Accept and Sec-WebSocket-Protocol in a response. \
            Receivers differ: they refuse the handshake, or use the first value, the last one or \
            both joined.",
        remedy: "Look for two places that set the field: a framework and the application, or a \
            proxy that adds it instead of replacing it.",
        example: Example::Text(
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ),
        explains: None,
        checks: &[
            Check::Request(|context, violations| {
                let Some(request) = attempt(context.subject) else { return };
                add_repeated(request, ["Sec-WebSocket-Key", "Sec-WebSocket-Version"], violations);
            }),
            Check::Response(|context, violations| {
                let Some(response) = acceptance(context.subject) else { return };
                add_repeated(
                    response,
                    ["Sec-WebSocket-Accept", "Sec-WebSocket-Protocol"],
                    violations,
                );
            }),
        ],
    },
    Rule {
        id: "HS-13",
        severity: Severity::Error,
        applies_to: AppliesTo::Client,
        title: "offered subprotocols: empty, repeated or not tokens",
        section: "RFC 6455 §4.1",
        explanation: "Sec-WebSocket-Protocol lists subprotocol names that are not empty, all \
            different, and tokens: no spaces, quotes, slashes, colons or the like. Strict servers \
            answer with 400; browsers throw a SyntaxError before they send such names.",
        remedy: "Look at the list that the client gives to its library. Omit the field if there \
            is nothing to offer. If an application sends a secret in it, encode it in base64url \
            without padding.",
        example: Example::Text("Sec-WebSocket-Protocol: chat, chat"),
        explains: None,
        checks: &[Check::Request(|context, violations| {
            let Some(request) = attempt(context.subject) else { return };
            let name = "Sec-WebSocket-Protocol";
            let offered: Vec<&[u8]> = request.tokens(name).collect();
            let mut wrong = Vec::new();
            for (at, subprotocol) in offered.iter().enumerate() {
                let is_repeated = offered.iter().take(at).any(|earlier| earlier == subprotocol);
                if subprotocol.is_empty() {
                    wrong.push("an empty name".to_owned());
                } else if is_repeated {
                    wrong.push(format!("{} repeated", shown(subprotocol)));
                } else if !is_whole_token(subprotocol) {
                    wrong.push(format!("{}, which is not a token", shown(subprotocol)));
                }
            }
            wrong.dedup();
            if !wrong.is_empty() {
                violations.add(format!("offered: {}", wrong.join("; "))).span(place(request, name));
            }
        })],
    },
    Rule {
        id: "HS-14",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "Sec-WebSocket-Extensions does not match the grammar",
        section: "RFC 6455 §9.1",
        explanation: "The field is a comma-separated list of extensions; each is a token, \
            followed by parameters of the form `; name` or `; name=value`. A value is a token, \
            even in quotes. A receiver must fail or refuse a handshake with anything else.",
        remedy: "Write it like `permessage-deflate; client_max_window_bits`. Look for a value \
            that was assembled by hand: a trailing semicolon, an `=` without a value, an unclosed \
            quote, an empty field.",
        example: Example::Text(
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=",
        ),
        explains: None,
        checks: &[
            Check::Request(|context, violations| {
                let Some(request) = attempt(context.subject) else { return };
                add_malformed(request, violations);
            }),
            Check::Response(|context, violations| {
                let Some(response) = acceptance(context.subject) else { return };
                add_malformed(response, violations);
            }),
        ],
    },
    Rule {
        id: "HS-27",
        severity: Severity::Warning,
        applies_to: AppliesTo::Server,
        title: "Sec-WebSocket-Extensions repeated in a response",
        section: "RFC 6455 §11.3.2",
        explanation: "Section 11.3.2 says that this field must not appear more than once in a \
            response, section 4.2.2 that it may. Clients differ: some read all of them, some only \
            one, some fail the connection.",
        remedy: "List all accepted extensions in one field, separated by commas.",
        example: Example::Text(
            "Sec-WebSocket-Extensions: permessage-deflate\nSec-WebSocket-Extensions: x-trace",
        ),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            let Some(response) = acceptance(context.subject) else { return };
            add_repeated(response, ["Sec-WebSocket-Extensions"], violations);
        })],
    },
];

/// Says which of these fields are there more than once.
fn add_repeated<const N: usize>(head: &Head, names: [&str; N], violations: &mut Violations) {
    for name in names {
        let values: Vec<String> = head.all(name).map(shown).collect();
        if values.len() > 1 {
            violations
                .add(format!("{} times {name}: {}", values.len(), values.join(", ")))
                .span(place(head, name));
        }
    }
}

/// Says where the extensions of a head do not match the grammar.
fn add_malformed(head: &Head, violations: &mut Violations) {
    let name = "Sec-WebSocket-Extensions";
    let Some(value) = head.joined(name) else { return };
    let list = extension::parse(&value);
    let params = list.extensions.iter().flat_map(|extension| &extension.params);
    // RFC 6455 §9.1: the value after quoted-string unescaping MUST conform to the 'token' ABNF.
    let mut values = params.filter_map(|param| param.value.as_deref());
    let violation = if let Some(at) = list.malformed {
        match value.get(at..).unwrap_or_default() {
            [] => "ends too early".to_owned(),
            rest => format!("cannot be parsed from {} on", shown(rest)),
        }
    } else if let Some(value) = values.find(|value| !is_whole_token(value.as_bytes())) {
        format!("has the value {value:?}, which is not a token")
    } else {
        return;
    };
    violations.add(format!("{} {violation}", shown(&value))).span(place(head, name));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "each field once", near: &["HS-09", "HS-13", "HS-14", "HS-27"], fires: &[], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Extensions: a; b=1, c\r\n", "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: a; b, c\r\n");
        }},
        RuleCase { name: "the version twice", near: &["HS-12"], fires: &["HS-09 client"], play: |s| {
            s.ask("Sec-WebSocket-Version: 13\r\n");
        }},
        RuleCase { name: "another key", near: &["HS-08"], fires: &["HS-09 client"], play: |s| {
            s.ask("Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n");
        }},
        RuleCase { name: "the answer twice", near: &["HS-19"], fires: &["HS-09 server"], play: |s| {
            let (_, accept) = s.open().fresh_key();
            s.upgrade("", &format!("Sec-WebSocket-Accept: {accept}\r\n"));
        }},
        RuleCase { name: "two chosen subprotocols in two fields", near: &["HS-21"], fires: &["HS-09 server"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: a, b\r\n", "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n");
        }},
        RuleCase { name: "fields that may be repeated", near: &["HS-09", "HS-13", "HS-14"], fires: &[], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b, A\r\nSec-WebSocket-Extensions: x\r\nSec-WebSocket-Extensions: y\r\n", "Sec-WebSocket-Protocol: A\r\nSec-WebSocket-Extensions: x, y\r\n");
        }},
        RuleCase { name: "repeated in a refusal", near: &["HS-09", "HS-27"], fires: &["HS-42"], play: |s| {
            s.ask("").server(b"HTTP/1.1 403 Forbidden\r\nSec-WebSocket-Accept: a\r\nSec-WebSocket-Accept: b\r\nContent-Length: 0\r\n\r\n");
        }},
        RuleCase { name: "nothing offered in a field for it", near: &[], fires: &["HS-13 client"], play: |s| { s.ask("Sec-WebSocket-Protocol:\r\n"); }},
        RuleCase { name: "an empty name among others", near: &[], fires: &["HS-13 client"], play: |s| { s.ask("Sec-WebSocket-Protocol: a,,b\r\n"); }},
        RuleCase { name: "offered twice", near: &[], fires: &["HS-13 client"], play: |s| { s.ask("Sec-WebSocket-Protocol: a, b, a\r\n"); }},
        RuleCase { name: "offered twice in two fields", near: &[], fires: &["HS-13 client"], play: |s| { s.ask("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n"); }},
        RuleCase { name: "names that are not tokens are reported at once", near: &[], fires: &["HS-13 client"], play: |s| { s.ask("Sec-WebSocket-Protocol: my chat, http://a, \"b\"\r\n"); }},
        RuleCase { name: "every mark of a token", near: &["HS-13"], fires: &[], play: |s| { s.ask("Sec-WebSocket-Protocol: !#$%&'*+-.^_`|~09azAZ, v2.b\r\n"); }},
        RuleCase { name: "value missing", near: &[], fires: &["HS-14 client"], play: |s| { s.ask("Sec-WebSocket-Extensions: a; b=\r\n"); }},
        RuleCase { name: "no extension at all", near: &[], fires: &["HS-14 client"], play: |s| { s.ask("Sec-WebSocket-Extensions:\r\n"); }},
        RuleCase { name: "quoted value with a space", near: &[], fires: &["HS-14 client"], play: |s| { s.ask("Sec-WebSocket-Extensions: a; b=\"c d\"\r\n"); }},
        RuleCase { name: "quoted token with an escape", near: &["HS-14"], fires: &[], play: |s| { s.ask("Sec-WebSocket-Extensions: a; b=\"c\\d\"\r\n"); }},
        RuleCase { name: "empty members", near: &["HS-14"], fires: &[], play: |s| { s.ask("Sec-WebSocket-Extensions: , a,, b\r\n"); }},
        RuleCase { name: "the answer ends too early", near: &["HS-20"], fires: &["HS-14 server"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Extensions: a\r\n", "Sec-WebSocket-Extensions: a;\r\n");
        }},
        RuleCase { name: "accepted in two fields", near: &["HS-09", "HS-14", "HS-20"], fires: &["HS-27 server"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Extensions: a, b\r\n", "Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b\r\n");
        }},
    ];

    #[test]
    fn lists_and_repetitions_are_checked_in_both_heads() {
        check(&[RULES], CASES);
    }

    #[test]
    fn evidence_says_where_the_grammar_was_left() {
        #[rustfmt::skip]
        let rows: &[(&str, &str)] = &[
            ("a b, c", "\"a b, c\" cannot be parsed from \"b, c\" on"),
            ("a; b=", "\"a; b=\" ends too early"),
            ("a; b=\"\"", "\"a; b=\\\"\\\"\" has the value \"\", which is not a token"),
        ];
        for (value, expected) in rows {
            let mut scenario = Scenario::new();
            scenario.ask(&format!("Sec-WebSocket-Extensions: {value}\r\n"));
            let judged = scenario.judge(&crate::findings::Reading::default());
            assert_eq!(judged.list[0].evidence, *expected);
        }
    }
}
