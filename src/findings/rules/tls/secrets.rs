//! What cannot be seen without secrets (TLS-05, TLS-06), and records that do not open (TLS-09).

use crate::analysis::event::{ConnectionEvent, Ending, Nature, Transport};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::RuleContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::tls::failure::failure;
use crate::stream::Span;
use crate::text::words::hex_digits;
use crate::tls::{Facts, Known, Observation, Version, suite_name};

/// TLS-05, TLS-06 and TLS-09.
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
            server. Or record again while one side writes a key log, and supply it with --keylog FILE. \
            Chromium, Firefox \
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
                        "the capture begins after the TLS handshake, and no secrets were supplied that \
                         open its records",
                    )
                    .remedy(FROM_THE_START),
                Some(Known::NoLog) => {
                    violations.add(format!("{}; no secrets were supplied", described(tls)))
                }
                Some(Known::InComment) => violations
                    .add(format!(
                        "{}; no secrets were supplied, but a comment of the capture has some",
                        described(tls)
                    ))
                    .remedy(FROM_COMMENT),
                Some(Known::Present(_)) if tls.is_some_and(|tls| !tls.is_decryptable()) => {
                    violations.add(not_decrypted(tls)).remedy(WITHOUT_TLS)
                }
                Some(Known::Present(_) | Known::Absent) => return,
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
        explanation: "A key log identifies a connection by the random of its ClientHello. Either none of its \
            lines has the one of this connection: it was written by another program or at another time, or \
            the client of this connection does not write a key log. Or there are such lines, but no record \
            of application data opens with them: they were altered, or lines are missing.",
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
            let Some(facts) = tls.filter(|_| is_hidden(context)) else { return };
            if let Known::Present(labels) = &facts.known
                && facts.is_decryptable()
            {
                let labels = labels.join(", ");
                let violation = violations.add(if facts.gave_up_secrets.is_some() {
                    format!("{}; its secrets ({labels}) came too late", described(tls))
                } else {
                    format!(
                        "{}; its secrets were supplied ({labels}), but they do not open its records",
                        described(tls),
                    )
                });
                if let Some(span) = hello_span(tls) {
                    violation.span(span);
                }
            }
            if facts.known != Known::Absent {
                return;
            }
            let random = tls.and_then(|tls| tls.client_hello.as_ref()).map(|it| it.what.random);
            let violation = violations.add(match random {
                Some(random) => format!(
                    "{}; no secret was supplied for its client random {}",
                    described(tls),
                    hex_digits(&random)
                ),
                None => "its ClientHello was not captured, and secrets are found by its random"
                    .to_owned(),
            });
            if let Some(span) = hello_span(tls) {
                violation.span(span);
            }
        })],
    },
    Rule {
        id: "TLS-09",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "a record cannot be decrypted although its neighbors can",
        section: "RFC 8446 §5.2; RFC 5246 §6.2.3",
        explanation: "Each record has a code that proves that nobody has altered it, and that of this record is \
            wrong. It was damaged, altered or forged on its way, or wrongly captured. Its content is not shown. \
            A receiver that gets such a record ends the connection with the alert bad_record_mac.",
        remedy: "If the connection went on, the record was damaged in the capture only: check how it was \
            recorded and edited. If the receiver ended it, look for a device on the path that alters packets.",
        example: Example::Text("client: 17 03 03 00 21 ... (one bit of it was flipped)"),
        explains: None,
        checks: &[Check::Incident(|context, violations| {
            let ConnectionEvent::Tls(direction, Observation::Refused(span)) = context.subject
            else {
                return;
            };
            violations
                .add(format!("the code of a record of {} bytes is wrong", span.length()))
                .direction(*direction)
                .span(*span);
        })],
    },
];

/// What to do about a connection whose TLS handshake was not captured.
const FROM_THE_START: &str = "Start the capture before the connection is opened, or reconnect while \
    capturing: secrets are found by the ClientHello.";

/// What to do about a connection whose secrets are in a comment.
const FROM_COMMENT: &str = "Copy these lines of the comment (capinfos shows it) to a file, and supply \
    it with --keylog FILE; or wslens keys inject CAPTURE FILE -o NEW embeds them where programs look \
    for them.";

/// What to do about a connection whose secrets were supplied.
const WITHOUT_TLS: &str = "To see the messages, capture where there is no TLS, for example \
    between the proxy that terminates it and the server.";

/// Why the secrets of a connection are of no use.
fn not_decrypted(tls: Option<&Facts>) -> String {
    let hello = tls.and_then(|tls| tls.server_hello.as_ref()).map(|hello| &hello.what);
    let what = match hello {
        Some(hello) if hello.version < Version::TLS_1_0 => hello.version.to_string(),
        Some(hello) => suite_name(hello.suite)
            .map_or_else(|| format!("cipher suite {:#06x}", hello.suite), str::to_owned),
        None => "a session without its ServerHello".to_owned(),
    };
    format!("{}; its secrets were supplied, but {what} is not decrypted", described(tls))
}

/// Whether a connection speaks inside TLS, so that something is hidden.
fn is_hidden(context: &RuleContext<'_, Ending>) -> bool {
    let connection = context.connection;
    connection.transport == Transport::Tls
        && connection.nature == Nature::Unreadable
        && failure(context).is_none()
        && connection
            .tls
            .as_deref()
            .is_none_or(|tls| tls.established.is_some() && !tls.is_decrypted)
}

/// What is known of the connection, in one line.
fn described(tls: Option<&Facts>) -> String {
    tls.map_or_else(|| "TLS".to_owned(), Facts::in_words)
}

fn hello_span(tls: Option<&Facts>) -> Option<Span> {
    tls.and_then(|tls| tls.client_hello.as_ref()).map(|hello| hello.span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check};
    use crate::stream::Direction::{ClientToServer as C, ServerToClient as S};
    use crate::stream::Side;
    use crate::testkit::frame::{masked, plain};
    use crate::testkit::head;
    use crate::testkit::secure::{Resumption, TestSession};
    use crate::testkit::tls::{finished, hello, sealed, server_hello, server_hello_with};
    use crate::testkit::traffic::TestTraffic;

    /// The random of the `ClientHello`, as it is in a key log.
    const RANDOM: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn plays<'a>(s: &'a mut Scenario, log: &str) -> &'a mut TestTraffic {
        s.options.keylog.add(log.as_bytes()).unwrap();
        speaks(s)
    }

    /// A WebSocket inside TLS, of whose messages one may be damaged.
    fn says_inside(s: &mut Scenario, damage: bool) {
        let session = TestSession::new((0x1301, false));
        s.options.keylog.add(session.key_log().as_bytes()).unwrap();
        s.open();
        says(s, session, "00001freshkeyofatestXA==", damage);
    }

    fn says(s: &mut Scenario, mut session: TestSession, key: &str, damage: bool) {
        for (direction, bytes) in session.handshake() {
            s.segment(direction, &bytes);
        }
        s.client(&session.data(C, &head::request(key, "")));
        s.server(&session.data(S, &head::response(key, "")));
        let mut record = session.data(C, &masked(0x81, b"Hello"));
        if damage {
            record[9] ^= 1;
        }
        s.client(&record).client(&session.data(C, &masked(0x88, b"\x03\xe8")));
        s.server(&session.data(S, &plain(0x88, b"\x03\xe8"))).end(Side::Server);
    }

    /// A session of TLS 1.2 whose secret is known, and one that wants to resume it, whose secret is not.
    fn continues(s: &mut Scenario, (id, ticket): (&[u8], &[u8]), how: Resumption) {
        let first = TestSession::resumable(if ticket.is_empty() { id } else { b"" }, ticket);
        s.options.keylog.add(first.key_log().as_bytes()).unwrap();
        let second = TestSession::resuming(5, id, ticket, how);
        for (session, key) in
            [(first, "00001freshkeyofatestXA=="), (second, "00002freshkeyofatestXA==")]
        {
            s.open();
            says(s, session, key, false);
        }
    }

    fn speaks(s: &mut TestTraffic) -> &mut TestTraffic {
        s.open().client(&hello()).server(&server_hello(0x0304)).server(&sealed(900));
        s.client(&sealed(53)).client(&sealed(300)).server(&sealed(200)).end(Side::Client)
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "no secrets", near: &["TLS-06"], fires: &["TLS-05"], play: |s| { speaks(s); } },
        RuleCase { name: "secrets that do not fit", near: &["TLS-05"], fires: &["TLS-06"], play: |s| {
            plays(s, &format!("CLIENT_TRAFFIC_SECRET_0 {RANDOM} {}", "00".repeat(32)));
        }},
        RuleCase { name: "secrets of a suite that is not decrypted", near: &["TLS-06"], fires: &["TLS-05"], play: |s| {
            s.options.keylog.add(format!("CLIENT_RANDOM {RANDOM} {}", "00".repeat(48)).as_bytes()).unwrap();
            let answer = server_hello_with(0x0303, 0x0005);
            s.open().client(&hello()).server(&answer).client(&finished()).server(&finished());
            s.client(&sealed(300)).server(&sealed(200)).end(Side::Client);
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
        RuleCase { name: "decrypted", near: &["TLS-05", "TLS-06", "TLS-09"], fires: &[], play: |s| says_inside(s, false) },
        RuleCase { name: "a damaged record", near: &["TLS-06"], fires: &["TLS-09", "CAP-04"], play: |s| says_inside(s, true) },
        RuleCase { name: "resumed by its id", near: &["TLS-05", "TLS-06"], fires: &[], play: |s| {
            continues(s, (&[3; 32], b""), Resumption::Accepted);
        }},
        RuleCase { name: "resumed with a ticket", near: &["TLS-05", "TLS-06"], fires: &[], play: |s| {
            continues(s, (&[4; 32], &[5; 200]), Resumption::Accepted);
        }},
        RuleCase { name: "not resumed, though the client wants to", near: &["TLS-05"], fires: &["TLS-06"], play: |s| {
            continues(s, (&[3; 32], b""), Resumption::Refused);
        }},
        RuleCase { name: "resumed, of a session that nobody knows", near: &["TLS-05"], fires: &["TLS-06"], play: |s| {
            s.options.keylog.add(TestSession::new((0xc02f, false)).key_log().as_bytes()).unwrap();
            s.open();
            says(s, TestSession::resuming(5, &[3; 32], b"", Resumption::Accepted), "00001freshkeyofatestXA==", false);
        }},
        RuleCase { name: "in the clear", near: &["TLS-05", "TLS-06"], fires: &[], play: |s| { s.upgraded().close(); } },
    ];

    #[test]
    fn each_offence_is_found_once_and_nothing_else() {
        check(&[RULES], CASES);
    }
}
