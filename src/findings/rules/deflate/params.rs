//! The parameters of permessage-deflate, each by itself.

use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::engine::violation::Violations;
use crate::findings::rules::handshake::fields_read::{acceptance, attempt, is_whole_token, place};
use crate::http::Handshake;
use crate::websocket::extension;
use crate::websocket::extension::{
    CLIENT_MAX_WINDOW_BITS, CLIENT_NO_CONTEXT_TAKEOVER, Extension, MAX_WINDOW_BITS,
    MIN_WINDOW_BITS, PERMESSAGE_DEFLATE, Param, SERVER_MAX_WINDOW_BITS, SERVER_NO_CONTEXT_TAKEOVER,
};

/// PMD-01 to PMD-04.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "PMD-01",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "unknown parameter",
        section: "RFC 7692 §7.1",
        explanation: "permessage-deflate has four parameters: server_no_context_takeover, \
            client_no_context_takeover, server_max_window_bits and client_max_window_bits. A \
            server must decline an offer with any other; a client must fail the connection if the \
            response has one.",
        remedy: "Look for a typo, or for a library option (level, threshold, memLevel) that was \
            written into the header. Separate parameters with semicolons: a comma begins another \
            extension.",
        example: Example::Text("Sec-WebSocket-Extensions: permessage-deflate; max_window_bits=10"),
        explains: None,
        checks: &[
            Check::Request(|context, violations| {
                judge_offers(context.subject, unknown, violations);
            }),
            Check::Response(|context, violations| {
                judge_answers(context.subject, unknown, violations);
            }),
        ],
    },
    Rule {
        id: "PMD-02",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "parameter repeated",
        section: "RFC 7692 §7.1",
        explanation: "Each parameter may appear once in an offer and once in a response. A server \
            must decline an offer that repeats one; a client must fail the connection if the \
            response does.",
        remedy: "Look for two places that add parameters, or for a default that is written in \
            addition to the configured value.",
        example: Example::Text(
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; client_max_window_bits=12",
        ),
        explains: None,
        checks: &[
            Check::Request(|context, violations| {
                judge_offers(context.subject, repeated, violations);
            }),
            Check::Response(|context, violations| {
                judge_answers(context.subject, repeated, violations);
            }),
        ],
    },
    Rule {
        id: "PMD-03",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "`*_no_context_takeover` with a value",
        section: "RFC 7692 §7.1.1",
        explanation: "server_no_context_takeover and client_no_context_takeover are flags without \
            a value. A server must decline an offer with a value; a client must fail the \
            connection if the response has one.",
        remedy: "Write the bare name, or leave it out. Look for code that writes `=true`, `=1` or \
            `=\"\"` after each parameter.",
        example: Example::Text(
            "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover=true",
        ),
        explains: None,
        checks: &[
            Check::Request(|context, violations| {
                judge_offers(context.subject, flag_with_value, violations);
            }),
            Check::Response(|context, violations| {
                judge_answers(context.subject, flag_with_value, violations);
            }),
        ],
    },
    Rule {
        id: "PMD-04",
        severity: Severity::Error,
        applies_to: AppliesTo::Both,
        title: "window bits missing where required, not 8-15, or with a leading zero",
        section: "RFC 7692 §7.1.2",
        explanation: "server_max_window_bits and client_max_window_bits are decimal numbers from \
            8 to 15 without leading zeros: the base-2 logarithm of the window's size. Only \
            client_max_window_bits in an offer may have no value. A server must decline an offer \
            with anything else; a client must fail the connection.",
        remedy: "Write a number from 8 to 15 (9 to 15 if zlib compresses, which does not support \
            8). Look for a size in bytes, or for a response that repeats client_max_window_bits \
            of the offer without giving it a value.",
        example: Example::Text(
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16",
        ),
        explains: None,
        checks: &[
            Check::Request(|context, violations| {
                judge_offers(context.subject, wrong_bits, violations);
            }),
            Check::Response(|context, violations| {
                judge_answers(context.subject, wrong_bits, violations);
            }),
        ],
    },
];

/// The position of a parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ParameterRole {
    Offer,
    Answer,
}

/// Whether all parameters of an extension are as they should be.
pub(super) fn is_valid(extension: &Extension, role: ParameterRole) -> bool {
    let violations = [unknown, repeated, flag_with_value, wrong_bits];
    let is_readable = |param: &Param| !has_unreadable_value(param);
    extension.params.iter().all(is_readable)
        && violations.iter().all(|violations| violations(extension, role).is_empty())
}

/// The window bits of a parameter: 8 to 15 without leading zeros (RFC 7692 §7.1.2).
pub(super) fn bits(param: &Param) -> Option<u8> {
    let value = param.value.as_deref()?;
    let bits = value.parse::<u8>().ok()?;
    let is_plain = (MIN_WINDOW_BITS..=MAX_WINDOW_BITS).contains(&bits) && bits.to_string() == value;
    is_plain.then_some(bits)
}

/// Tells what is wrong with each offer: one entry for each offence.
fn judge_offers(
    handshake: &Handshake,
    wrongs: fn(&Extension, ParameterRole) -> Vec<String>,
    violations: &mut Violations,
) {
    let Some(request) = attempt(handshake) else { return };
    let Some(value) = handshake.extensions_offered() else { return };
    let list = extension::parse(&value);
    let count = list.named(PERMESSAGE_DEFLATE).count();
    for (number, offer) in (1..).zip(list.named(PERMESSAGE_DEFLATE)) {
        for wrong in wrongs(offer, ParameterRole::Offer) {
            let which =
                if count > 1 { format!("offer {number} of {count}: ") } else { String::new() };
            violations.add(which + &wrong).span(place(request, "Sec-WebSocket-Extensions"));
        }
    }
}

/// Tells what is wrong with the answer, or with each where there are several.
fn judge_answers(
    handshake: &Handshake,
    wrongs: fn(&Extension, ParameterRole) -> Vec<String>,
    violations: &mut Violations,
) {
    let Some(response) = acceptance(handshake) else { return };
    let Some(value) = handshake.extensions_accepted() else { return };
    for answer in extension::parse(&value).named(PERMESSAGE_DEFLATE) {
        for wrong in wrongs(answer, ParameterRole::Answer) {
            violations.add(wrong).span(place(response, "Sec-WebSocket-Extensions"));
        }
    }
}

fn unknown(extension: &Extension, _: ParameterRole) -> Vec<String> {
    let is_known = |param: &&Param| is_one_of(param, &FLAGS) || is_one_of(param, &WINDOWS);
    let unknown = extension.params.iter().filter(|param| !is_known(param));
    unknown.map(|param| format!("{:?} is not one of its parameters", param.name)).collect()
}

fn repeated(extension: &Extension, _: ParameterRole) -> Vec<String> {
    let names = FLAGS.iter().chain(&WINDOWS);
    let count = |name: &str| {
        extension.params.iter().filter(|param| param.name.eq_ignore_ascii_case(name)).count()
    };
    names
        .filter(|name| count(name) > 1)
        .map(|name| format!("{name} appears {} times", count(name)))
        .collect()
}

fn flag_with_value(extension: &Extension, _: ParameterRole) -> Vec<String> {
    let flags = extension.params.iter().filter(|param| is_one_of(param, &FLAGS));
    flags
        .filter(|param| param.value.is_some() && !has_unreadable_value(param))
        .map(|param| format!("{} has a value", written(param)))
        .collect()
}

fn wrong_bits(extension: &Extension, role: ParameterRole) -> Vec<String> {
    let windows = extension.params.iter().filter(|param| is_one_of(param, &WINDOWS));
    let may_be_bare = |param: &Param| {
        role == ParameterRole::Offer && param.name.eq_ignore_ascii_case(CLIENT_MAX_WINDOW_BITS)
    };
    windows
        .filter(|param| !has_unreadable_value(param))
        .filter_map(|param| match (&param.value, bits(param)) {
            (None, _) if !may_be_bare(param) => Some(format!("{} has no value", written(param))),
            (Some(_), None) => Some(format!(
                "{} is not a number from 8 to 15 without leading zeros",
                written(param)
            )),
            (None | Some(_), _) => None,
        })
        .collect()
}

/// Whether a value is not a token, which HS-14 reports.
fn has_unreadable_value(param: &Param) -> bool {
    param.value.as_deref().is_some_and(|value| !is_whole_token(value.as_bytes()))
}

fn is_one_of(param: &Param, names: &[&str]) -> bool {
    names.iter().any(|name| param.name.eq_ignore_ascii_case(name))
}

fn written(param: &Param) -> String {
    match &param.value {
        Some(value) => format!("{}={value}", param.name),
        None => param.name.clone(),
    }
}

/// Parameters without a value.
const FLAGS: [&str; 2] = [SERVER_NO_CONTEXT_TAKEOVER, CLIENT_NO_CONTEXT_TAKEOVER];

/// Parameters that are window bits.
const WINDOWS: [&str; 2] = [SERVER_MAX_WINDOW_BITS, CLIENT_MAX_WINDOW_BITS];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check, masked};

    /// Offers this, and has it declined.
    fn offered(s: &mut Scenario, offer: &str) {
        s.open().upgrade(&format!("Sec-WebSocket-Extensions: {offer}\r\n"), "");
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "all four parameters", near: &["PMD-01", "PMD-02", "PMD-03", "PMD-04"], fires: &[], play: |s| {
            let params = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=15";
            s.open().upgrade(&format!("Sec-WebSocket-Extensions: {params}\r\n"), &format!("Sec-WebSocket-Extensions: {params}\r\n"));
        }},
        RuleCase { name: "other letter cases, and a quoted number", near: &["PMD-01", "PMD-04"], fires: &[], play: |s| offered(s, "Permessage-Deflate; Server_Max_Window_Bits=\"10\"") },
        RuleCase { name: "unknown parameter", near: &[], fires: &["PMD-01 client"], play: |s| offered(s, "permessage-deflate; level=9") },
        RuleCase { name: "two unknown parameters are two offences", near: &[], fires: &["PMD-01 client", "PMD-01 client"], play: |s| offered(s, "permessage-deflate; level=9; threshold=1024") },
        RuleCase { name: "parameters of other extensions", near: &["PMD-01", "PMD-02"], fires: &[], play: |s| offered(s, "x-deflate; level=9; level=8, permessage-deflate") },
        RuleCase { name: "unknown parameter in the answer", near: &["PMD-07"], fires: &["PMD-01 server"], play: |s| { s.deflated("; max_window_bits=10"); } },
        RuleCase { name: "repeated", near: &["PMD-01"], fires: &["PMD-02 client"], play: |s| offered(s, "permessage-deflate; client_max_window_bits; client_max_window_bits=10") },
        RuleCase { name: "the same in two offers", near: &["PMD-02"], fires: &[], play: |s| offered(s, "permessage-deflate; client_max_window_bits, permessage-deflate; client_max_window_bits") },
        RuleCase { name: "repeated in the answer", near: &["PMD-07"], fires: &["PMD-02 server"], play: |s| { s.deflated("; client_no_context_takeover; client_no_context_takeover"); } },
        RuleCase { name: "flag with a value", near: &[], fires: &["PMD-03 client"], play: |s| offered(s, "permessage-deflate; server_no_context_takeover=true") },
        RuleCase { name: "flag with a value in the answer", near: &["PMD-06", "PMD-07"], fires: &["PMD-03 server"], play: |s| { s.deflated("; server_no_context_takeover=1"); } },
        RuleCase { name: "flag with an empty value in quotes", near: &["PMD-03"], fires: &["HS-14 client"], play: |s| offered(s, "permessage-deflate; server_no_context_takeover=\"\"") },
        RuleCase { name: "seven bits", near: &[], fires: &["PMD-04 client"], play: |s| offered(s, "permessage-deflate; server_max_window_bits=7") },
        RuleCase { name: "sixteen bits in the answer", near: &["PMD-07"], fires: &["PMD-04 server"], play: |s| { s.deflated("; server_max_window_bits=16"); } },
        RuleCase { name: "leading zero", near: &[], fires: &["PMD-04 client"], play: |s| offered(s, "permessage-deflate; client_max_window_bits=09") },
        RuleCase { name: "with a sign", near: &[], fires: &["PMD-04 client"], play: |s| offered(s, "permessage-deflate; client_max_window_bits=+9") },
        RuleCase { name: "number missing in an offer for the server", near: &[], fires: &["PMD-04 client"], play: |s| offered(s, "permessage-deflate; server_max_window_bits") },
        RuleCase { name: "number missing in an offer for the client", near: &["PMD-04"], fires: &[], play: |s| offered(s, "permessage-deflate; client_max_window_bits") },
        RuleCase { name: "number missing in the answer", near: &["PMD-05"], fires: &["PMD-04 server"], play: |s| { s.deflated("; client_max_window_bits"); } },
        RuleCase { name: "the client goes on after such an answer", near: &[], fires: &["PMD-04 server", "HS-26 client"], play: |s| {
            s.deflated("; server_max_window_bits=16").client(&masked(0x81, b"a"));
        }},
        RuleCase { name: "in a refusal", near: &["PMD-01", "PMD-04"], fires: &["HS-42"], play: |s| {
            s.ask("").server(b"HTTP/1.1 403 Forbidden\r\nSec-WebSocket-Extensions: permessage-deflate; a; server_max_window_bits=99\r\nContent-Length: 0\r\n\r\n");
        }},
    ];

    #[test]
    fn each_parameter_is_checked_in_offers_and_answers() {
        check(&[RULES], CASES);
    }

    #[test]
    fn evidence_names_the_offer() {
        let mut scenario = Scenario::new();
        offered(
            &mut scenario,
            "permessage-deflate, permessage-deflate; server_max_window_bits=0x8",
        );
        let judged = scenario.judge(&crate::findings::Reading::default());
        let expected = "offer 2 of 2: server_max_window_bits=0x8 is not a number from 8 to 15 without leading zeros";
        assert_eq!(judged.list[0].evidence, expected);
    }
}
