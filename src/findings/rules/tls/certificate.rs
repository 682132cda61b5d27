//! Certificates that are not encrypted or were decrypted, and old versions (TLS-04, TLS-07).

use crate::analysis::event::{Connection, ConnectionEvent, Ending};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::RuleContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::shown;
use crate::findings::rules::tls::failure::{failure, is_accepted};
use crate::stream::{Direction, Side, Timestamp};
use crate::text::clock::Rfc3339;
use crate::tls::{Certificate, Facts, Observation, Seen, Version};

/// TLS-04 and TLS-07.
pub(in crate::findings) const RULES: &[Rule] = &[
    Rule {
        id: "TLS-04",
        severity: Severity::Warning,
        applies_to: AppliesTo::Server,
        title: "certificate self-signed, expired, or not valid for the name asked",
        section: "RFC 5280 §4.1.2.5, §6.1; RFC 9525 §6",
        explanation: "Clients that verify certificates refuse this one. Its validity period is \
            compared with the time of its packet, its names with the name that the client \
            requested (SNI). A self-signed certificate is reported only if the client did not \
            continue: it may be configured to trust it. TLS 1.3 encrypts certificates: they are \
            compared if the connection is decrypted (--keylog); if it is not, TLS-08 reports \
            clients that leave.",
        remedy: "Renew an expired certificate, and find out why it was not renewed automatically \
            (certbot renew, and a reload of the server). Put every name and address that clients \
            use into subjectAltName; the common name does not count. For development, mkcert \
            creates an authority that the machine trusts, and certificates signed by it.",
        example: Example::Text(
            "client: SNI example.org; server: a certificate for www.example.org only",
        ),
        explains: Some(Cause::trouble(790, "certificate cannot be trusted")),
        checks: &[Check::End(|context, violations| {
            let Some(tls) = context.connection.tls.as_deref() else { return };
            let Some(certificate) = &tls.certificate else { return };
            let troubles = troubles(context, tls, certificate);
            if !troubles.is_empty() {
                violations
                    .add(troubles.join("; "))
                    .direction(Direction::ServerToClient)
                    .side(Side::Server)
                    .span(certificate.span);
            }
        })],
    },
    Rule {
        id: "TLS-07",
        severity: Severity::Warning,
        applies_to: AppliesTo::Both,
        title: "protocol version below TLS 1.2",
        section: "RFC 8996 §4, §5",
        explanation: "TLS 1.0 and 1.1 must not be used any more. Current browsers and libraries \
            refuse them, so other clients cannot connect at all.",
        remedy: "Let the server accept TLS 1.2 and 1.3 (nginx: `ssl_protocols TLSv1.2 TLSv1.3;`), or update \
            the side whose library has no newer version.",
        example: Example::Text(
            "client: up to TLS 1.2; server: 16 03 01 ... (ServerHello with TLS 1.0)",
        ),
        explains: Some(Cause::trouble(800, "outdated TLS version")),
        checks: &[Check::Incident(|context, violations| {
            let ConnectionEvent::Tls(_, Observation::ServerHello(hello, span)) = context.subject
            else {
                return;
            };
            if hello.version >= Version::TLS_1_2 {
                return;
            }
            let tls = context.connection.tls.as_deref();
            let offered = tls.and_then(|tls| tls.client_hello.as_ref());
            let offered = offered.map(|hello| hello.what.highest_version());
            let side = match offered {
                Some(offered) if offered < Version::TLS_1_2 => Side::Client,
                Some(_) | None => Side::Server,
            };
            let offer = offered
                .map_or_else(String::new, |offered| format!("; the client offers up to {offered}"));
            violations
                .add(format!("the server chose {}{offer}", hello.version))
                .direction(Direction::ServerToClient)
                .side(side)
                .span(*span);
        })],
    },
];

/// What is wrong with the certificate of a server.
pub(super) fn troubles(
    context: &RuleContext<'_, Ending>,
    tls: &Facts,
    certificate: &Seen<Certificate>,
) -> Vec<String> {
    let is_refused = failure(context).is_some() && !is_accepted(tls);
    let troubles = [
        is_refused.then(|| self_signed(&certificate.what)).flatten(),
        times(certificate),
        names(context.connection, tls, &certificate.what).filter(|_| {
            // Without a name, only the client's leaving says that the address was meant. Clients that continued
            // may be of those that look at the common name.
            is_refused || tls.server_name().is_some_and(|name| !is_common(&certificate.what, name))
        }),
    ];
    troubles.into_iter().flatten().collect()
}

fn self_signed(certificate: &Certificate) -> Option<String> {
    certificate.is_self_signed.then(|| {
        format!(
            "the certificate is self-signed: {} is its own issuer",
            shown(certificate.subject.as_bytes())
        )
    })
}

fn times(certificate: &Seen<Certificate>) -> Option<String> {
    let Certificate { not_before, not_after, .. } = certificate.what;
    let now = certificate.span.last.time;
    if now > not_after {
        Some(format!("the certificate expired at {}", date(not_after)))
    } else if now < not_before {
        Some(format!(
            "the certificate is not valid before {}; the capture's clock said {}",
            date(not_before),
            date(now)
        ))
    } else {
        None
    }
}

fn names(connection: &Connection, tls: &Facts, certificate: &Certificate) -> Option<String> {
    let asked = match tls.server_name() {
        Some(name) => String::from_utf8_lossy(name).into_owned(),
        None => connection.server.ip().to_string(),
    };
    if certificate.is_for(&asked) {
        return None;
    }
    let valid: Vec<String> =
        certificate.names.iter().take(NAMES_SHOWN).map(ToString::to_string).collect();
    let more = certificate.names.len().saturating_sub(valid.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let valid = if valid.is_empty() {
        format!("it has no subjectAltName ({})", shown(certificate.subject.as_bytes()))
    } else {
        format!("it is for {}{more}", shown(valid.join(", ").as_bytes()))
    };
    Some(format!("the certificate is not valid for {}: {valid}", shown(asked.as_bytes())))
}

/// Whether a certificate without names has this one as its common name.
fn is_common(certificate: &Certificate, name: &[u8]) -> bool {
    let mut parts = certificate.subject.split(',').filter_map(|part| part.strip_prefix("CN="));
    certificate.names.is_empty() && parts.any(|part| part.as_bytes().eq_ignore_ascii_case(name))
}

/// A time without its decimals.
fn date(time: Timestamp) -> String {
    let mut clock = Rfc3339::default();
    let text = clock.text(time);
    text.split('.').next().map_or_else(String::new, |text| format!("{text}Z"))
}

/// Names of a certificate that evidence shows.
const NAMES_SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check};
    use crate::testkit::frame::{masked, plain};
    use crate::testkit::head;
    use crate::testkit::secure::TestSession;
    use crate::testkit::tls::{
        EARLY, GOOD, NAMELESS, OLD, OTHER, OWN, client_hello, finished, flight, hello,
        modern_certificate, sealed, server_hello,
    };
    use crate::testkit::traffic::TestTraffic;

    /// The whole handshake, a request and its answer.
    fn works<'a>(s: &'a mut TestTraffic, certificate: &str) -> &'a mut TestTraffic {
        s.open()
            .client(&hello())
            .server(&flight(certificate))
            .client(&finished())
            .server(&finished());
        s.client(&sealed(300)).server(&sealed(200)).end(Side::Client)
    }

    /// The client leaves when it has the certificate.
    fn refuses<'a>(s: &'a mut TestTraffic, certificate: &str) -> &'a mut TestTraffic {
        s.open().client(&hello()).server(&flight(certificate)).end(Side::Client)
    }

    /// A session of TLS 1.3 whose secrets are known.
    fn session(s: &mut Scenario) -> TestSession {
        let session = TestSession::new((0x1301, false));
        s.options.keylog.add(session.key_log().as_bytes()).unwrap();
        session
    }

    fn plays(s: &mut Scenario, turns: Vec<(Direction, Vec<u8>)>) -> &mut TestTraffic {
        s.open();
        for (direction, bytes) in turns {
            s.segment(direction, &bytes);
        }
        s
    }

    /// A WebSocket inside TLS 1.3, in which the server shows a certificate.
    fn speaks_inside<'a>(s: &'a mut Scenario, certificate: &str) -> &'a mut TestTraffic {
        let mut session = session(s);
        let turns = session.handshake_with(&modern_certificate(certificate));
        plays(s, turns);
        let key = "00001freshkeyofatestXA==";
        s.client(&session.data(Direction::ClientToServer, &head::request(key, "")));
        s.server(&session.data(Direction::ServerToClient, &head::response(key, "")));
        s.client(&session.data(Direction::ClientToServer, &masked(0x88, b"\x03\xe8")));
        s.server(&session.data(Direction::ServerToClient, &plain(0x88, b"\x03\xe8")));
        s.end(Side::Server)
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a good certificate", near: &["TLS-04"], fires: &["TLS-05"], play: |s| { works(s, GOOD); } },
        RuleCase { name: "self-signed, and trusted", near: &["TLS-04"], fires: &["TLS-05"], play: |s| { works(s, OWN); } },
        RuleCase { name: "self-signed, and refused", near: &[], fires: &["TLS-04 server", "TLS-08"], play: |s| { refuses(s, OWN); } },
        RuleCase { name: "good, and refused", near: &["TLS-04"], fires: &["TLS-08"], play: |s| { refuses(s, GOOD); } },
        RuleCase { name: "expired", near: &[], fires: &["TLS-04 server", "TLS-05"], play: |s| { works(s, OLD); } },
        RuleCase { name: "not valid yet", near: &[], fires: &["TLS-04 server", "TLS-05"], play: |s| { works(s, EARLY); } },
        RuleCase { name: "for other names", near: &[], fires: &["TLS-04 server", "TLS-05"], play: |s| { works(s, OTHER); } },
        RuleCase { name: "without names, and refused", near: &[], fires: &["TLS-04 server", "TLS-08"], play: |s| { refuses(s, NAMELESS); } },
        RuleCase { name: "without names, and trusted", near: &["TLS-04"], fires: &["TLS-05"], play: |s| { works(s, NAMELESS); } },
        RuleCase { name: "a name that the wildcard covers", near: &["TLS-04"], fires: &["TLS-08"], play: |s| {
            s.open().client(&client_hello(&[], Some("www.example.org"))).server(&flight(GOOD)).end(Side::Client);
        }},
        RuleCase { name: "no name, and a certificate for the address", near: &["TLS-04"], fires: &["TLS-08"], play: |s| {
            s.open().client(&client_hello(&[], None)).server(&flight(GOOD)).end(Side::Client);
        }},
        RuleCase { name: "no name, and none for the address", near: &[], fires: &["TLS-04 server", "TLS-08"], play: |s| {
            s.open().client(&client_hello(&[], None)).server(&flight(OLD)).end(Side::Client);
        }},
        RuleCase { name: "decrypted, and good", near: &["TLS-04"], fires: &[], play: |s| { speaks_inside(s, GOOD); } },
        RuleCase { name: "decrypted, and expired", near: &[], fires: &["TLS-04 server"], play: |s| { speaks_inside(s, OLD); } },
        RuleCase { name: "decrypted, for other names", near: &[], fires: &["TLS-04 server"], play: |s| { speaks_inside(s, OTHER); } },
        RuleCase { name: "decrypted, self-signed, and refused", near: &["TLS-08"], fires: &["TLS-03", "TLS-04 server"], play: |s| {
            let mut session = session(s);
            let turns = session.refused(&modern_certificate(OWN), 48);
            plays(s, turns).end(Side::Client);
        }},
        RuleCase { name: "an old server", near: &[], fires: &["TLS-07 server"], play: |s| {
            s.open().client(&hello()).server(&server_hello(0x0301));
        }},
        RuleCase { name: "TLS 1.2", near: &["TLS-07"], fires: &[], play: |s| {
            s.open().client(&hello()).server(&server_hello(0x0303));
        }},
        RuleCase { name: "TLS 1.3, which calls itself 1.2", near: &["TLS-07"], fires: &[], play: |s| {
            s.open().client(&hello()).server(&server_hello(0x0304));
        }},
    ];

    #[test]
    fn each_offence_is_found_once_and_nothing_else() {
        check(&[RULES], CASES);
    }
}
