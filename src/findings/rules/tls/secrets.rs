//! What cannot be seen without secrets (TLS-05, TLS-06).

use std::fmt::Write;

use crate::analysis::event::{Ending, Nature, Transport};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::RuleContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::tls::failure::failure;
use crate::stream::Span;
use crate::tls::{Facts, Known};

/// TLS-05 and TLS-06.
pub(in crate::findings) const RULES: &[Rule] = &[
    Rule {
        id: "TLS-05",
        severity: Severity::Note,
        applies_to: AppliesTo::Nobody,
        title: "encrypted: the WebSocket inside cannot be decoded",
        section: "RFC 8446 §5.2",
        explanation: "TLS hides the contents of a connection. Only its handshake can be read without the \
            secrets of the connection, which clients and servers can write to a key log.",
        remedy: "Capture where there is no TLS, for example between the proxy that terminates it and the \
            server. Or record again while one side writes a key log, and supply it with --keylog FILE \
            (this version of wslens reports whether it fits, but does not decrypt yet). Chromium, Firefox \
            and curl: set SSLKEYLOGFILE=FILE before they start (close a browser that is already running \
            first). node: `node --tls-keylog=FILE app.js`. Python: SSLKEYLOGFILE=FILE for contexts made by \
            ssl.create_default_context(), or context.keylog_filename = FILE. Anyone who has the file can \
            read the connections: delete it afterwards.",
        example: Example::Text(
            "client: ClientHello; server: ServerHello; and then encrypted records only",
        ),
        explains: Some(Cause::undecodable(820, "encrypted")),
        checks: &[Check::End(|context, violations| {
            if !is_hidden(context) {
                return;
            }
            let tls = context.connection.tls.as_deref();
            let violation = match tls.map(|tls| &tls.known) {
                None => violations
                    .add(
                        "the capture begins after the TLS handshake: even with its secrets, the \
                         connection could not be decrypted",
                    )
                    .remedy(FROM_THE_START),
                Some(Known::NoLog) => {
                    violations.add(format!("{}; no secrets were supplied", described(tls)))
                }
                Some(Known::Present(labels)) => violations
                    .add(format!(
                        "{}; its secrets were supplied ({}), but this version of wslens does not \
                         decrypt yet",
                        described(tls),
                        labels.join(", ")
                    ))
                    .remedy(WITHOUT_TLS),
                Some(Known::Absent) => return,
            };
            if let Some(span) = hello_span(tls) {
                violation.span(span);
            }
        })],
    },
    Rule {
        id: "TLS-06",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "secrets were supplied but do not match this connection",
        section: "RFC 8446 §4.1.2",
        explanation: "A key log identifies a connection by the random of its ClientHello, and \
            none of its lines has the one of this connection. It was written by another program \
            or at another time, or the client of this connection does not write a key log.",
        remedy: "Check whether the program that wrote the key log is the one that made this \
            connection: a browser that was already running ignores SSLKEYLOGFILE, and each \
            process has to be configured. If other programs connect as well, only the connections \
            of the one that logs can be read.",
        example: Example::Text(
            "client: ClientHello with random 9f 01 ...; no line of the key log has it",
        ),
        explains: Some(Cause::undecodable(810, "encrypted; the key log does not fit")),
        checks: &[Check::End(|context, violations| {
            let tls = context.connection.tls.as_deref();
            if !is_hidden(context) || tls.is_none_or(|tls| tls.known != Known::Absent) {
                return;
            }
            let random = tls.and_then(|tls| tls.client_hello.as_ref()).map(|it| it.what.random);
            let violation = violations.add(match random {
                Some(random) => format!(
                    "{}; no secret was supplied for its client random {}",
                    described(tls),
                    hex(&random)
                ),
                None => "its ClientHello was not captured, and secrets are found by its random"
                    .to_owned(),
            });
            if let Some(span) = hello_span(tls) {
                violation.span(span);
            }
        })],
    },
];

/// What to do about a connection whose TLS handshake was not captured.
const FROM_THE_START: &str = "Start the capture before the connection is opened, or reconnect while \
    capturing: secrets are found by the ClientHello.";

/// What to do about a connection whose secrets were supplied.
const WITHOUT_TLS: &str = "To see the messages, capture where there is no TLS, for example \
    between the proxy that terminates it and the server.";

/// Whether a connection speaks inside TLS, so that something is hidden.
fn is_hidden(context: &RuleContext<'_, Ending>) -> bool {
    let connection = context.connection;
    connection.transport == Transport::Tls
        && connection.nature == Nature::Unreadable
        && failure(context).is_none()
        && connection.tls.as_deref().is_none_or(|tls| tls.established.is_some())
}

/// What is known of the connection, in one line.
fn described(tls: Option<&Facts>) -> String {
    tls.map_or_else(|| "TLS".to_owned(), Facts::in_words)
}

fn hello_span(tls: Option<&Facts>) -> Option<Span> {
    tls.and_then(|tls| tls.client_hello.as_ref()).map(|hello| hello.span)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check};
    use crate::stream::Side;
    use crate::testkit::tls::{hello, sealed, server_hello};
    use crate::testkit::traffic::TestTraffic;

    /// The random of the `ClientHello`, as it is in a key log.
    const RANDOM: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn plays<'a>(s: &'a mut Scenario, log: &str) -> &'a mut TestTraffic {
        s.options.keylog.add(log.as_bytes()).unwrap();
        speaks(s)
    }

    fn speaks(s: &mut TestTraffic) -> &mut TestTraffic {
        s.open().client(&hello()).server(&server_hello(0x0304)).server(&sealed(900));
        s.client(&sealed(53)).client(&sealed(300)).server(&sealed(200)).end(Side::Client)
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "no secrets", near: &["TLS-06"], fires: &["TLS-05"], play: |s| { speaks(s); } },
        RuleCase { name: "its secrets", near: &["TLS-06"], fires: &["TLS-05"], play: |s| {
            plays(s, &format!("CLIENT_TRAFFIC_SECRET_0 {RANDOM} 00"));
        }},
        RuleCase { name: "those of another connection", near: &["TLS-05"], fires: &["TLS-06"], play: |s| {
            plays(s, &format!("CLIENT_TRAFFIC_SECRET_0 {} 00", RANDOM.replace('0', "f")));
        }},
        RuleCase { name: "an empty key log", near: &["TLS-05"], fires: &["TLS-06"], play: |s| { plays(s, ""); } },
        RuleCase { name: "a capture that begins later", near: &[], fires: &["TLS-05"], play: |s| {
            s.midstream().client(&sealed(300)).server(&sealed(200));
        }},
        RuleCase { name: "a handshake under way", near: &["TLS-05"], fires: &[], play: |s| {
            s.open().client(&hello()).server(&server_hello(0x0304)).server(&sealed(900));
        }},
        RuleCase { name: "in the clear", near: &["TLS-05", "TLS-06"], fires: &[], play: |s| { s.upgraded().close(); } },
    ];

    #[test]
    fn each_offence_is_found_once_and_nothing_else() {
        check(&[RULES], CASES);
    }
}
