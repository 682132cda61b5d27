//! Handshakes that one side gave up (TLS-03, TLS-08).

use crate::analysis::event::Ending;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::RuleContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::shown;
use crate::findings::rules::tls::certificate::troubles;
use crate::findings::rules::tls::failure::{TlsFailure, failure};
use crate::findings::words::{duration, packets_in_words};
use crate::stream::{Direction, Side, Span};
use crate::tls::{Alert, Certificate, Facts, alert as alerts};

/// TLS-03 and TLS-08.
pub(in crate::findings) const RULES: &[Rule] = &[
    Rule {
        id: "TLS-03",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "TLS handshake failed by alert",
        section: "RFC 8446 §6.2; RFC 5246 §7.2.2",
        explanation: "One side cannot continue the handshake and says why. An alert from the \
            client is usually about the server's certificate; an alert from the server is about \
            what the client offered: versions, algorithms, a name. The other side reports it as \
            an SSL error, browsers as close code 1006.",
        remedy: "The evidence explains this alert. For unknown_ca, make the server send its whole \
            chain (fullchain.pem, not cert.pem), or add the authority to the client's trusted \
            ones: NODE_EXTRA_CA_CERTS for node, SSL_CERT_FILE or cafile= for Python, --cacert for \
            curl, the system's store for browsers. For certificate_expired, renew it. For \
            protocol_version and handshake_failure, update the side that is older. For \
            unrecognized_name, use a name that the server is configured for.",
        example: Example::Text(
            "server: ServerHello, Certificate; client: 15 03 03 00 02 02 30 (unknown_ca)",
        ),
        explains: Some(Cause::failure(30, "TLS handshake failed")),
        checks: &[Check::End(|context, violations| {
            let Some(tls) = context.connection.tls.as_deref() else { return };
            match failure(context) {
                Some(TlsFailure::Alert(direction, alert)) => {
                    violations
                        .add(format!(
                            "the {} sent {}: {}",
                            Side::sender(direction).name(),
                            alert.what,
                            meaning(direction, alert.what, tls)
                        ))
                        .direction(direction)
                        .span(alert.span);
                }
                Some(TlsFailure::HiddenAlert(span, after)) => {
                    violations
                        .add(format!(
                            "the server's last record, {} after the handshake, has the length of \
                             an encrypted alert: it probably refused the client, for example \
                             because it requires a client certificate",
                            duration(after)
                        ))
                        .direction(Direction::ServerToClient)
                        .span(span);
                }
                Some(TlsFailure::Foreign(_) | TlsFailure::Silence(_) | TlsFailure::Left(_))
                | None => {}
            }
        })],
    },
    Rule {
        id: "TLS-08",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "client left during or right after the TLS handshake without an alert",
        section: "RFC 8446 §4.4.2.4, §6.1",
        explanation: "The client had received the server's certificate, and ended the connection \
            without sending a request. Clients that check the certificate after the handshake \
            behave like this (node does), and in TLS 1.3 an alert is encrypted and cannot be \
            seen without the secrets of the connection. Usually they refuse the certificate: it is self-signed, expired, or for another \
            name. A health check that only opens TLS looks the same.",
        remedy: "Look at the error that the client reports. Make it trust the authority that \
            signed the certificate (NODE_EXTRA_CA_CERTS, SSL_CERT_FILE, --cacert, the system's \
            store); for development, one of mkcert that the machine trusts. Connect to a name \
            that is in the certificate. Do not turn off verification in production.",
        example: Example::Text("server: ServerHello, Certificate, Finished; client: Finished, FIN"),
        explains: Some(Cause::failure(40, "client left the TLS handshake")),
        checks: &[Check::End(|context, violations| {
            let Some(TlsFailure::Left(left)) = failure(context) else { return };
            let Some(tls) = context.connection.tls.as_deref() else { return };
            let when = if tls.established.is_some() {
                format!("{} after the end of the handshake", duration(left.after))
            } else {
                format!(
                    "during the handshake, {} after the server's latest record",
                    duration(left.after)
                )
            };
            let alerted = if tls.goodbyes.client {
                "; it said goodbye (close_notify)"
            } else if tls.key_source.is_none()
                && tls.ends_with_hidden_alert(Direction::ClientToServer)
            {
                "; its last record has the length of an encrypted alert"
            } else {
                ""
            };
            let offset = context.connection.bytes.client;
            let evidence = format!(
                "the client left {when} (packet {}) without sending a request: it probably \
                 refused the certificate{}{alerted}{}",
                left.at.packet,
                certificate_in_words(tls),
                why_refused(context, tls),
            );
            violations.add(evidence).direction(Direction::ClientToServer).span(Span {
                start: offset,
                end: offset,
                first: left.at,
                last: left.at,
            });
        })],
    },
];

/// What the certificate is, where it was seen.
fn certificate_in_words(tls: &Facts) -> String {
    let Some(certificate) = &tls.certificate else { return String::new() };
    let what = &certificate.what;
    let kind = if what.is_self_signed { "self-signed, " } else { "" };
    format!(" of {} ({kind}{})", packets_in_words(certificate.span), shown(what.subject.as_bytes()))
}

/// Why a client may have refused a certificate, unless something is wrong with it that TLS-04 reports.
fn why_refused(context: &RuleContext<'_, Ending>, tls: &Facts) -> String {
    let Some(certificate) = &tls.certificate else {
        return "; TLS 1.3 encrypts the certificate: with the secrets of the connection (--keylog), its \
            names and times are checked"
            .to_owned();
    };
    if !troubles(context, tls, certificate).is_empty() {
        return String::new();
    }
    let what = &certificate.what;
    format!(
        "; its names and times are right, so the client may not know its issuer ({}){}",
        shown(what.issuer.as_bytes()),
        chain_in_words(what)
    )
}

/// What a server sent besides its certificate.
fn chain_in_words(certificate: &Certificate) -> String {
    match certificate.chain {
        _ if certificate.is_self_signed => String::new(),
        0 | 1 => ", whose own certificate the server did not send".to_owned(),
        chain => format!("; the server sent a chain of {chain} certificates"),
    }
}

/// What an alert means to people.
fn meaning(direction: Direction, alert: Alert, tls: &Facts) -> String {
    match (alert.description, direction) {
        (alerts::UNKNOWN_CA, Direction::ClientToServer) => {
            let authority = "it does not know the authority that signed the server's certificate";
            let certificate = tls.certificate.as_ref().map(|certificate| &certificate.what);
            match certificate {
                Some(what) => format!(
                    "{authority} ({}){}",
                    shown(what.issuer.as_bytes()),
                    chain_in_words(what)
                ),
                None => {
                    format!("{authority}, or the server did not send the intermediate certificates")
                }
            }
        }
        (alerts::PROTOCOL_VERSION, Direction::ServerToClient) => {
            let highest = tls.client_hello.as_ref().map(|hello| hello.what.highest_version());
            let offered = highest.map_or_else(String::new, |it| format!(", at most {it}"));
            format!("it accepts none of the versions that the client offers{offered}")
        }
        (alerts::UNRECOGNIZED_NAME, Direction::ServerToClient) => {
            let name = tls.server_name().map_or_else(|| "no name".to_owned(), shown);
            format!("it is not configured for the name that the client requested ({name})")
        }
        (alerts::HANDSHAKE_FAILURE | alerts::INSUFFICIENT_SECURITY, _) => {
            "the two sides have no cipher suite, curve or signature algorithm in common; or, from some \
             servers, a client certificate is missing"
                .to_owned()
        }
        (alerts::NO_APPLICATION_PROTOCOL, _) => {
            let offered = tls.client_hello.as_ref().map_or_else(Vec::new, |hello| {
                hello.what.protocols.iter().map(|it| shown(it)).collect()
            });
            format!("it speaks none of the protocols that the client offers by ALPN ({})", offered.join(", "))
        }
        (alerts::CERTIFICATE_EXPIRED, _) => {
            "the certificate has expired or is not valid yet, or the sender's clock is wrong".to_owned()
        }
        (alerts::BAD_CERTIFICATE | alerts::CERTIFICATE_UNKNOWN, _) => {
            "it refuses the certificate, often because it is self-signed or for another name".to_owned()
        }
        (alerts::CERTIFICATE_REVOKED, _) => "the certificate was revoked".to_owned(),
        (alerts::UNSUPPORTED_CERTIFICATE, _) => {
            "it cannot use a certificate of this kind, such as one for another purpose".to_owned()
        }
        (alerts::CERTIFICATE_REQUIRED, _) => {
            "it requires a client certificate and got none".to_owned()
        }
        (alerts::INTERNAL_ERROR, _) => {
            "it had an internal error: see its log; a server without a certificate does this".to_owned()
        }
        (_, Direction::ClientToServer) => "it cannot process what the server sent".to_owned(),
        (_, Direction::ServerToClient) => "it cannot process what the client sent".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check};
    use crate::stream::Direction::{ClientToServer, ServerToClient};
    use crate::testkit::head;
    use crate::testkit::packet::{ACK, FIN};
    use crate::testkit::secure::TestSession;
    use crate::testkit::tls::{
        GOOD, alert, finished, flight, hello, modern_certificate, record, resuming_hello, sealed,
        server_hello,
    };

    /// A handshake of TLS 1.3 whose secrets are known, with a good certificate.
    fn shakes_hands(s: &mut Scenario) -> TestSession {
        let mut session = TestSession::new((0x1301, false));
        s.options.keylog.add(session.key_log().as_bytes()).unwrap();
        s.open();
        for (direction, bytes) in session.handshake_with(&modern_certificate(GOOD)) {
            s.segment(direction, &bytes);
        }
        session
    }

    #[test]
    #[rustfmt::skip]
    fn a_refusal_says_what_is_known_of_the_certificate() {
        type Row = (&'static str, fn(&mut Scenario), &'static str);
        let rows: [Row; 3] = [
            ("decrypted", |s| { let mut session = shakes_hands(s); s.client(&session.alert(ClientToServer, 0)).end(Side::Client); },
                "its names and times are right"),
            ("hidden", |s| { s.open().client(&hello()).server(&server_hello(0x0304)).server(&sealed(900)).client(&sealed(53)).end(Side::Client); },
                "TLS 1.3 encrypts the certificate"),
            ("in the clear", |s| { s.open().client(&hello()).server(&flight(GOOD)).end(Side::Client); },
                "the client may not know its issuer (\"CN=Test CA\"), whose own certificate the server did not send"),
        ];
        for (name, play, expected) in rows {
            let mut scenario = Scenario::new();
            play(&mut scenario);
            let judged = scenario.judge(&crate::findings::Reading::default());
            let finding = judged.list.iter().find(|finding| finding.rule.id == "TLS-08");
            let evidence = &finding.unwrap().evidence;
            assert!(evidence.contains(expected), "{name}: {evidence}");
        }
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "the server refuses", near: &["TLS-08"], fires: &["TLS-03"], play: |s| {
            s.open().client(&hello()).server(&alert(2, 70)).end(Side::Server);
        }},
        RuleCase { name: "the client refuses", near: &["TLS-08"], fires: &["TLS-03"], play: |s| {
            s.open().client(&hello()).server(&flight(GOOD)).client(&alert(2, 48)).end(Side::Client);
        }},
        RuleCase { name: "a server that wants a certificate, in TLS 1.3", near: &["TLS-08"], fires: &["TLS-03"], play: |s| {
            s.open().client(&hello()).server(&server_hello(0x0304)).server(&sealed(900))
                .client(&sealed(25)).client(&sealed(53)).client(&sealed(300)).server(&sealed(19)).end(Side::Server);
        }},
        RuleCase { name: "a server that wants a certificate, decrypted", near: &["TLS-08"], fires: &["TLS-03"], play: |s| {
            let mut session = shakes_hands(s);
            s.client(&session.data(ClientToServer, &head::request("00001freshkeyofatestXA==", "")));
            s.server(&session.alert(ServerToClient, 116)).end(Side::Server);
        }},
        RuleCase { name: "a goodbye, decrypted, without a request", near: &["TLS-03"], fires: &["TLS-08"], play: |s| {
            let mut session = shakes_hands(s);
            s.client(&session.alert(ClientToServer, 0)).end(Side::Client);
        }},
        RuleCase { name: "a damaged record after the handshake", near: &["TLS-03", "TLS-08"], fires: &[], play: |s| {
            let mut session = shakes_hands(s);
            s.client(&session.data(ClientToServer, &head::request("00001freshkeyofatestXA==", "")));
            s.server(&session.alert(ServerToClient, 20)).end(Side::Server);
        }},
        RuleCase { name: "goodbyes of TLS 1.2, without a request", near: &["TLS-03"], fires: &["TLS-08"], play: |s| {
            s.open().client(&hello()).server(&flight(GOOD)).client(&finished()).server(&finished())
                .client(&record(21, &[0xee; 26])).server(&record(21, &[0xee; 26])).end(Side::Client);
        }},
        RuleCase { name: "goodbyes of TLS 1.3, without a request", near: &["TLS-03"], fires: &["TLS-08"], play: |s| {
            s.open().client(&hello()).server(&server_hello(0x0304)).server(&sealed(900))
                .client(&sealed(53)).client(&sealed(19)).server(&sealed(19)).end(Side::Client);
        }},
        RuleCase { name: "a server that answers, and leaves", near: &["TLS-03"], fires: &["TLS-05"], play: |s| {
            s.open().client(&hello()).server(&server_hello(0x0304)).server(&sealed(900))
                .client(&sealed(53)).client(&sealed(300)).server(&sealed(200)).server(&sealed(19)).end(Side::Server);
        }},
        RuleCase { name: "the client says goodbye at once", near: &["TLS-03"], fires: &[], play: |s| {
            s.open().client(&hello()).client(&alert(1, 0)).end(Side::Client);
        }},
        RuleCase { name: "TLS 1.2, and no request", near: &[], fires: &["TLS-08"], play: |s| {
            s.open().client(&hello()).server(&flight(GOOD)).client(&finished()).server(&finished()).end(Side::Client);
        }},
        RuleCase { name: "TLS 1.3, and an encrypted alert", near: &["TLS-03"], fires: &["TLS-08"], play: |s| {
            s.open().client(&hello()).server(&server_hello(0x0304)).server(&sealed(900)).client(&sealed(19)).end(Side::Client);
        }},
        RuleCase { name: "TLS 1.3, finished, and an encrypted alert", near: &[], fires: &["TLS-08"], play: |s| {
            s.open().client(&hello()).server(&server_hello(0x0304)).server(&sealed(900))
                .client(&sealed(53)).client(&sealed(19)).reset(Side::Client);
        }},
        RuleCase { name: "left before the certificate", near: &["TLS-08", "TLS-03"], fires: &[], play: |s| {
            s.open().client(&hello()).flagged(ClientToServer, FIN | ACK).server(&flight(GOOD)).flagged(ServerToClient, FIN | ACK);
        }},
        RuleCase { name: "left before the hidden certificate", near: &["TLS-08"], fires: &[], play: |s| {
            s.open().client(&hello()).flagged(ClientToServer, FIN | ACK).server(&server_hello(0x0304)).server(&sealed(900)).flagged(ServerToClient, FIN | ACK);
        }},
        RuleCase { name: "a resumed session of TLS 1.2, not used", near: &["TLS-08"], fires: &["TLS-05"], play: |s| {
            let hello_again = server_hello(0x0303);
            s.open().client(&hello()).server(&[hello_again, finished()].concat()).client(&finished()).end(Side::Client);
        }},
        RuleCase { name: "a resumed session of TLS 1.3, not used", near: &["TLS-08"], fires: &["TLS-05"], play: |s| {
            s.open().client(&hello()).server(&resuming_hello()).server(&sealed(90)).client(&sealed(53)).client(&sealed(19)).end(Side::Client);
        }},
        RuleCase { name: "a server that leaves a resumed session", near: &["TLS-03"], fires: &["TLS-05"], play: |s| {
            s.open().client(&hello()).server(&resuming_hello()).server(&sealed(90))
                .client(&sealed(53)).client(&sealed(300)).server(&sealed(19)).end(Side::Server);
        }},
        RuleCase { name: "a connection opened in advance", near: &["TLS-08"], fires: &["TLS-05"], play: |s| {
            s.open().client(&hello()).server(&server_hello(0x0304)).server(&sealed(900))
                .client(&sealed(53)).wait(10_000).client(&sealed(19)).end(Side::Client);
        }},
        RuleCase { name: "a request", near: &["TLS-08"], fires: &["TLS-05"], play: |s| {
            s.open().client(&hello()).server(&server_hello(0x0304)).server(&sealed(900))
                .client(&sealed(53)).client(&sealed(300)).end(Side::Client);
        }},
        RuleCase { name: "an answer", near: &["TLS-08"], fires: &["TLS-05"], play: |s| {
            s.open().client(&hello()).server(&flight(GOOD)).client(&finished()).server(&finished())
                .client(&sealed(300)).server(&sealed(300)).end(Side::Client);
        }},
    ];

    #[test]
    fn each_offence_is_found_once_and_nothing_else() {
        check(&[RULES], CASES);
    }
}
