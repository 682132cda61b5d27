//! TLS where there is none, and none where there is (TLS-01, TLS-02).

use crate::analysis::event::{Connection, ConnectionId, Nature, Transport};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::{ComparisonContext, EndSeen};
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::shown;
use crate::findings::rules::tls::failure::{ServerSilence, TlsFailure, failure};
use crate::findings::words::{duration, packets_in_words};
use crate::stream::{Direction, Origin, Side, Span};
use crate::tls::Facts;

/// TLS-01 and TLS-02.
pub(in crate::findings) const RULES: &[Rule] = &[
    Rule {
        id: "TLS-01",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "TLS ClientHello sent to a plaintext port",
        section: "RFC 6455 §4.1; RFC 8446 §4.1",
        explanation: "The client used wss://, and the server at this port does not speak TLS. An \
            HTTP server treats the ClientHello as a malformed request and answers 400; others \
            close the connection, or wait for the rest of a line that never arrives. Clients \
            report an SSL error such as `wrong version number`, and browsers close code 1006.",
        remedy: "Use ws:// for this port, or the port at which TLS is served. If the page was \
            loaded over https, browsers allow only wss://: let the server, or a proxy in front of \
            it, speak TLS here. A page with `upgrade-insecure-requests` in its \
            Content-Security-Policy turns ws:// into wss://: remove that for development.",
        example: Example::Text(
            "client: 16 03 01 ... (ClientHello); server: HTTP/1.1 400 Bad Request",
        ),
        explains: Some(Cause::failure(10, "wrong scheme: wss:// to a ws:// port")),
        checks: &[Check::End(|context, violations| {
            let Some(hello) =
                context.connection.tls.as_deref().and_then(|tls| tls.client_hello.as_ref())
            else {
                return;
            };
            let asked = packets_in_words(hello.span);
            let evidence = match failure(context) {
                Some(TlsFailure::Foreign(foreign)) => format!(
                    "the ClientHello of {asked} was answered in {} with {}, which is not TLS",
                    packets_in_words(foreign.span),
                    shown(first_line(&foreign.bytes))
                ),
                Some(TlsFailure::Silence(ServerSilence::Ended(at))) => format!(
                    "the server ended the connection in packet {}, {} after the ClientHello of \
                     {asked}, without sending a byte: a TLS server would have sent an alert, \
                     unless it accepts no connections at the moment",
                    at.packet,
                    duration(at.time.waited_since(hello.span.last.time))
                ),
                Some(TlsFailure::Silence(ServerSilence::Waited(time))) => format!(
                    "the server had received the ClientHello of {asked} and sent nothing for {}: \
                     it waits for something else, or it hangs",
                    duration(time)
                ),
                Some(TlsFailure::Alert(..) | TlsFailure::HiddenAlert(..) | TlsFailure::Left(_))
                | None => return,
            };
            violations.add(evidence).direction(Direction::ClientToServer).span(hello.span);
        })],
    },
    Rule {
        id: "TLS-02",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "plain HTTP sent to a TLS port",
        section: "RFC 6455 §4.1; RFC 8446 §6",
        explanation: "The client used ws://, and the server at this port speaks TLS. It cannot \
            read a plain HTTP request: it answers with an alert, with a page that says so, or \
            closes the connection.",
        remedy: "Use wss:// for this port, or the port at which the server speaks plain HTTP.",
        example: Example::Text(
            "client: GET /chat HTTP/1.1 ...; server: 15 03 01 00 02 02 46 (alert)",
        ),
        explains: Some(Cause::failure(20, "wrong scheme: ws:// to a wss:// port")),
        checks: &[Check::CompareEnd(|context, violations| {
            let connection = context.connection;
            let (evidence, span) = match proof(context) {
                Some(Proof::Words(words)) => {
                    let offset = connection.refusal.as_ref().map_or(0, |it| it.offset);
                    let refused = context.subject.state.handshake.refused.as_deref();
                    let answer = refused.and_then(|handshake| handshake.response.as_ref());
                    let at = answer.map_or(connection.last, |head| head.span.last);
                    let span = Span { start: offset, end: offset, first: at, last: at };
                    (format!("the server's answer says so: {}", shown(words.as_bytes())), span)
                }
                Some(Proof::Tls(tls)) => {
                    let last = tls.sides.server.last.map(|last| last.span);
                    let Some(span) = last else { return };
                    let alert = tls.alerts.server.as_ref();
                    let alert = alert.map_or_else(String::new, |it| format!(", {}", it.what));
                    let packets = packets_in_words(span);
                    (
                        format!(
                            "the plain HTTP request was answered in {packets} with a TLS \
                             record{alert}"
                        ),
                        span,
                    )
                }
                Some(Proof::Elsewhere(other, at)) => (
                    format!(
                        "the server ended the connection in packet {} without sending a byte; it \
                         speaks TLS on this port, on connection {}",
                        at.packet, other.0
                    ),
                    Span::at(0, at),
                ),
                None => return,
            };
            violations.add(evidence).direction(Direction::ServerToClient).side(None).span(span);
        })],
    },
];

/// Whether a rule about TLS says why a connection failed, so that no general rule needs to.
pub(in crate::findings) fn explains(context: &ComparisonContext<'_, EndSeen<'_>>) -> bool {
    proof(context).is_some() || failure(&context.own()).is_some()
}

/// What shows that a server which was asked without TLS speaks TLS.
enum Proof<'a> {
    /// It says so.
    Words(&'static str),
    /// It answered with TLS.
    Tls(&'a Facts),
    /// It ended the connection here, and speaks TLS on another one.
    Elsewhere(ConnectionId, Origin),
}

/// What shows that a server speaks TLS, where it was asked without TLS.
fn proof<'a>(context: &ComparisonContext<'a, EndSeen<'a>>) -> Option<Proof<'a>> {
    let connection = context.connection;
    if connection.transport != Transport::Tcp || connection.nature != Nature::UpgradeRequested {
        return None;
    }
    if let Some(tls) = connection.tls.as_deref().filter(|tls| tls.has_answer()) {
        return Some(Proof::Tls(tls));
    }
    if let Some(words) = said_so(connection) {
        return Some(Proof::Words(words));
    }
    let (side, at) = context.subject.state.ended?;
    let other = context.across.tls_ports.connection(connection.server)?;
    let is_silent = side == Side::Server && connection.bytes.server == 0;
    is_silent.then_some(Proof::Elsewhere(other, at))
}

/// The words with which a server says that it was asked without TLS, where it did.
fn said_so(connection: &Connection) -> Option<&'static str> {
    let body = &connection.refusal.as_ref()?.body;
    let has = |words: &&&str| memchr::memmem::find(body, words.as_bytes()).is_some();
    SAID_SO.iter().find(has).copied()
}

/// Bytes up to the first end of a line.
fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or(bytes)
}

/// What servers answer to a request without TLS at a port of TLS.
const SAID_SO: &[&str] = &[
    // nginx, and load balancers made of it
    "The plain HTTP request was sent to HTTPS port",
    // Go's net/http, and so Caddy and Traefik
    "Client sent an HTTP request to an HTTPS server",
    // Apache
    "speaking plain HTTP to an SSL-enabled server port",
    // Tomcat
    "This combination of host and port requires TLS",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check};
    use crate::testkit::tls::{GOOD, alert, finished, flight, hello, sealed};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "HTTP answers a ClientHello", near: &["TLS-02"], fires: &["TLS-01"], play: |s| {
            s.open().client(&hello()).server(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").end(Side::Server);
        }},
        RuleCase { name: "FIN answers a ClientHello", near: &[], fires: &["TLS-01"], play: |s| {
            s.open().client(&hello()).end(Side::Server);
        }},
        RuleCase { name: "RST answers a ClientHello", near: &[], fires: &["TLS-01"], play: |s| {
            s.open().client(&hello()).reset(Side::Server);
        }},
        RuleCase { name: "nothing answers a ClientHello for ten seconds", near: &[], fires: &["TLS-01"], play: |s| {
            s.open().client(&hello()).wait(10_000).end(Side::Client);
        }},
        RuleCase { name: "a client that gives up at once", near: &["TLS-01"], fires: &[], play: |s| {
            s.open().client(&hello()).wait(200).end(Side::Client);
        }},
        RuleCase { name: "a ClientHello that was not received", near: &["TLS-01"], fires: &[], play: |s| {
            s.open().unacknowledged(Direction::ClientToServer, &hello()).wait(10_000).reset(Side::Client);
        }},
        RuleCase { name: "a handshake that goes on when the capture ends", near: &["TLS-01"], fires: &[], play: |s| {
            s.open().client(&hello()).server(&flight(GOOD));
        }},
        RuleCase { name: "an alert answers HTTP", near: &["TLS-01"], fires: &["TLS-02"], play: |s| {
            s.ask("").server(&alert(2, 70)).end(Side::Server);
        }},
        RuleCase { name: "a page says so", near: &["TLS-01"], fires: &["TLS-02"], play: |s| {
            s.ask("").server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 48\r\n\r\n")
                .server(b"Client sent an HTTP request ").server(b"to an HTTPS server.\n").end(Side::Server);
        }},
        RuleCase { name: "no answer where another connection speaks TLS", near: &[], fires: &["TLS-02", "TLS-05"], play: |s| {
            s.open().client(&hello()).server(&flight(GOOD)).client(&finished()).server(&finished());
            s.client(&sealed(300)).server(&sealed(300)).ask("").end(Side::Server);
        }},
        RuleCase { name: "no answer where nobody knows", near: &["TLS-02"], fires: &["HS-54"], play: |s| {
            s.ask("").end(Side::Server);
        }},
        RuleCase { name: "HTTP answers HTTP", near: &["TLS-02"], fires: &["HS-40"], play: |s| {
            s.ask("").server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
    ];

    #[test]
    fn each_offence_is_found_once_and_nothing_else() {
        check(&[RULES], CASES);
    }
}
