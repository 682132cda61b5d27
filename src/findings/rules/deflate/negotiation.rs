//! What a server answers to an offer of permessage-deflate.

use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::engine::violation::Violations;
use crate::findings::rules::deflate::fit::{Fit, NegotiationMisfit, fit};
use crate::findings::rules::handshake::fields_read::place;
use crate::http::Handshake;

/// PMD-05 to PMD-07.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "PMD-05",
        severity: Severity::Error,
        applies_to: AppliesTo::Server,
        title: "response has client_max_window_bits that was not offered",
        section: "RFC 7692 §7.1.2.2",
        explanation: "By offering client_max_window_bits, a client declares that it can limit its \
            window. If it was not offered, the response must not have the parameter: the client \
            cannot comply and fails the connection.",
        remedy: "Respond with client_max_window_bits only if the offer has it. Look for a server \
            that always writes its own limit, as old versions of some libraries do.",
        example: Example::Text(
            "client: permessage-deflate\nserver: permessage-deflate; client_max_window_bits=10",
        ),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            let Fit::Breaks(misfits) = fit(context.subject) else { return };
            for misfit in misfits {
                match misfit {
                    NegotiationMisfit::ClientWindowUnasked => {
                        add(context.subject, misfit.text(), violations);
                    }
                    NegotiationMisfit::ServerWindow { .. } | NegotiationMisfit::ServerTakeover => {}
                }
            }
        })],
    },
    Rule {
        id: "PMD-06",
        severity: Severity::Error,
        applies_to: AppliesTo::Server,
        title: "response raises or omits server_max_window_bits or server_no_context_takeover",
        section: "RFC 7692 §7.1",
        explanation: "With server_max_window_bits and server_no_context_takeover a client limits \
            how the server compresses. A server that accepts such an offer must confirm it: the \
            same or fewer bits, the same flag. Otherwise it must decline the offer. A client with \
            little memory could not inflate the messages.",
        remedy: "Put the parameters of the accepted offer into the response, and configure the \
            compressor accordingly. A server that cannot limit its window must decline the \
            offer.",
        example: Example::Text(
            "client: permessage-deflate; server_max_window_bits=10\nserver: permessage-deflate",
        ),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            let Fit::Breaks(misfits) = fit(context.subject) else { return };
            for misfit in misfits {
                match misfit {
                    NegotiationMisfit::ServerWindow { .. } | NegotiationMisfit::ServerTakeover => {
                        add(context.subject, misfit.text(), violations);
                    }
                    NegotiationMisfit::ClientWindowUnasked => {}
                }
            }
        })],
    },
    Rule {
        id: "PMD-07",
        severity: Severity::Error,
        applies_to: AppliesTo::Server,
        title: "response matches none of the offers",
        section: "RFC 7692 §5, §7.1",
        explanation: "A server accepts one of the offers as a whole, or none. If the response \
            matches none of them, the client cannot know which one was accepted, and fails the \
            connection.",
        remedy: "Go through the offers in order, decline those with parameters that are unknown, \
            invalid or cannot be met, and accept the first that is left. Do not mix parameters of \
            several offers.",
        example: Example::Text(
            "client: permessage-deflate; server_max_window_bits=10, permessage-deflate; server_no_context_takeover\n\
             server: permessage-deflate",
        ),
        explains: None,
        checks: &[Check::Response(|context, violations| {
            if let Fit::MatchesNone(reasons) = fit(context.subject) {
                add(context.subject, reasons, violations);
            }
        })],
    },
];

fn add(handshake: &Handshake, evidence: String, violations: &mut Violations) {
    let violation = violations.add(evidence);
    if let Some(response) = &handshake.response {
        violation.span(place(response, "Sec-WebSocket-Extensions"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check, masked};

    fn agreed(s: &mut Scenario, offers: &str, answer: &str) {
        let field = |value: &str| format!("Sec-WebSocket-Extensions: {value}\r\n");
        s.open().upgrade(&field(offers), &field(answer));
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "the usual offer of a browser, and an answer", near: &["PMD-05", "PMD-06", "PMD-07"], fires: &[], play: |s| agreed(s, "permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=15") },
        RuleCase { name: "what a server may say unasked", near: &["PMD-05", "PMD-06", "PMD-07"], fires: &[], play: |s| agreed(s, "permessage-deflate", "permessage-deflate; server_max_window_bits=10; server_no_context_takeover; client_no_context_takeover") },
        RuleCase { name: "client's window limited unasked", near: &["PMD-07"], fires: &["PMD-05 server"], play: |s| agreed(s, "permessage-deflate", "permessage-deflate; client_max_window_bits=10") },
        RuleCase { name: "server's window raised", near: &["PMD-07"], fires: &["PMD-06 server"], play: |s| agreed(s, "permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=12") },
        RuleCase { name: "server's window lowered", near: &["PMD-06"], fires: &[], play: |s| agreed(s, "permessage-deflate; server_max_window_bits=12", "permessage-deflate; server_max_window_bits=9") },
        RuleCase { name: "both of the server's limits omitted", near: &["PMD-07"], fires: &["PMD-06 server", "PMD-06 server"], play: |s| agreed(s, "permessage-deflate; server_max_window_bits=12; server_no_context_takeover", "permessage-deflate") },
        RuleCase { name: "client's hints omitted", near: &["PMD-06"], fires: &[], play: |s| agreed(s, "permessage-deflate; client_max_window_bits=9; client_no_context_takeover", "permessage-deflate") },
        RuleCase { name: "client's window raised", near: &["PMD-05", "PMD-07"], fires: &[], play: |s| agreed(s, "permessage-deflate; client_max_window_bits=9", "permessage-deflate; client_max_window_bits=10") },
        RuleCase { name: "fits neither of two", near: &["PMD-06"], fires: &["PMD-07 server"], play: |s| agreed(s, "permessage-deflate; server_max_window_bits=10, permessage-deflate; server_no_context_takeover", "permessage-deflate") },
        RuleCase { name: "fits the second of two", near: &["PMD-06", "PMD-07"], fires: &[], play: |s| agreed(s, "permessage-deflate; server_max_window_bits=10, permessage-deflate", "permessage-deflate") },
        RuleCase { name: "declined", near: &["PMD-06", "PMD-07"], fires: &[], play: |s| { s.open().upgrade("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n", ""); } },
        RuleCase { name: "accepted twice", near: &["HS-20"], fires: &["PMD-07 server"], play: |s| agreed(s, "permessage-deflate", "permessage-deflate, permessage-deflate") },
        RuleCase { name: "accepted though the offer had to be declined", near: &[], fires: &["PMD-01 client", "PMD-07 server"], play: |s| agreed(s, "permessage-deflate; level=1", "permessage-deflate") },
        RuleCase { name: "and the client goes on", near: &["HS-26"], fires: &["PMD-01 client", "PMD-07 server"], play: |s| {
            agreed(s, "permessage-deflate; level=1", "permessage-deflate");
            s.client(&masked(0x81, b"a"));
        }},
        RuleCase { name: "not offered at all", near: &["PMD-05", "PMD-07"], fires: &["HS-20 server"], play: |s| agreed(s, "x-other", "permessage-deflate; client_max_window_bits=10") },
    ];

    #[test]
    fn an_answer_must_fit_an_offer() {
        check(&[RULES], CASES);
    }
}
