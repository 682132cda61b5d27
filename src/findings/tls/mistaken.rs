//! TLS where there is none, and none where there is (TLS-01, TLS-02).

use super::{Failure, Silence, failure, is_asked_in_the_clear};
use crate::analysis::event::Connection;
use crate::findings::heads::shown;
use crate::findings::rule::{Bound, Check, Example, Rule, Severity};
use crate::findings::words::{duration, packets_in_words};
use crate::stream::{Direction, Span};
use crate::tls::Facts;

/// TLS-01 and TLS-02.
pub(in crate::findings) const RULES: &[Rule] = &[
    Rule {
        id: "TLS-01",
        severity: Severity::Error,
        bound: Bound::Nobody,
        title: "TLS ClientHello sent to a plaintext port",
        section: "RFC 6455 §4.1; RFC 8446 §4.1",
        explanation: "The client used wss://, and the server at this port does not speak TLS. A server \
            of HTTP takes the ClientHello for a broken request and answers 400; others close the \
            connection, or wait for the rest of a line that never comes. Clients report an SSL error \
            such as `wrong version number`, and browsers close code 1006.",
        remedy: "Use ws:// for this port, or the port at which TLS is served. Where the page was loaded \
            over https, browsers allow wss:// only: let the server, or a proxy before it, speak TLS \
            here. A page with `upgrade-insecure-requests` in its Content-Security-Policy turns ws:// \
            into wss:// by itself: take that out for development.",
        example: Example::Text(
            "client: 16 03 01 ... (ClientHello); server: HTTP/1.1 400 Bad Request",
        ),
        checks: &[Check::End(|scene, faults| {
            let Some(hello) =
                scene.connection.tls.as_deref().and_then(|tls| tls.client_hello.as_ref())
            else {
                return;
            };
            let asked = packets_in_words(hello.span);
            let evidence = match failure(scene) {
                Some(Failure::Foreign(foreign)) => format!(
                    "the ClientHello of {asked} was answered in {} with {}, which is no TLS",
                    packets_in_words(foreign.span),
                    shown(first_line(&foreign.bytes))
                ),
                Some(Failure::Silence(Silence::Ended(at))) => format!(
                    "the server ended the connection in packet {}, {} after the ClientHello of {asked}, \
                     without a byte: one that speaks TLS would have sent an alert, unless it takes no \
                     connections at the moment",
                    at.packet,
                    duration(at.time.since(hello.span.last.time))
                ),
                Some(Failure::Silence(Silence::Waited(time))) => format!(
                    "the server had the ClientHello of {asked} for {} and said nothing: it waits for \
                     something else, or it hangs",
                    duration(time)
                ),
                Some(Failure::AskedInTheClear | Failure::Alert(..) | Failure::Left(_)) | None => {
                    return;
                }
            };
            faults.add(evidence).direction(Direction::ClientToServer).span(hello.span);
        })],
    },
    Rule {
        id: "TLS-02",
        severity: Severity::Error,
        bound: Bound::Nobody,
        title: "plain HTTP sent to a TLS port",
        section: "RFC 6455 §4.1; RFC 8446 §6",
        explanation: "The client used ws://, and the server at this port speaks TLS. It cannot make sense \
            of a request in the clear: it answers with an alert, with a page that says so, or closes \
            the connection.",
        remedy: "Use wss:// for this port, or the port at which the server speaks plain HTTP.",
        example: Example::Text(
            "client: GET /chat HTTP/1.1 ...; server: 15 03 01 00 02 02 46 (alert)",
        ),
        checks: &[Check::End(|scene, faults| {
            if let Some(words) = said_so(scene.connection) {
                let offset = scene.connection.refusal.as_ref().map_or(0, |it| it.offset);
                let at = scene.connection.last;
                faults
                    .add(format!("the server's answer says so: {}", shown(words.as_bytes())))
                    .direction(Direction::ServerToClient)
                    .side(None)
                    .span(Span { start: offset, end: offset, first: at, last: at });
                return;
            }
            if !is_asked_in_the_clear(scene.connection) {
                return;
            }
            let Some(tls) = scene.connection.tls.as_deref() else { return };
            let fault = faults.add(match &tls.alerts.server {
                Some(alert) => format!(
                    "the request in the clear was answered in {} with TLS: {}",
                    packets_in_words(alert.span),
                    alert.what
                ),
                None => "the request in the clear was answered with a record of TLS".to_owned(),
            });
            fault.direction(Direction::ServerToClient).side(None);
            if let Some(span) = answer_span(tls) {
                fault.span(span);
            }
        })],
    },
];

/// The words with which a server says that it was asked in the clear at a port of TLS, where it did.
pub(super) fn said_so(connection: &Connection) -> Option<&'static str> {
    let body = &connection.refusal.as_ref()?.body;
    let has = |words: &&&str| memchr::memmem::find(body, words.as_bytes()).is_some();
    SAID_SO.iter().find(has).copied()
}

fn answer_span(tls: &Facts) -> Option<Span> {
    let alert = tls.alerts.server.as_ref().map(|alert| alert.span);
    alert.or_else(|| tls.sides.server.last.map(|last| last.span))
}

/// Bytes up to the first end of a line.
fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or(bytes)
}

/// What servers answer to a request in the clear at a port of TLS.
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
    use crate::findings::fault::Side;
    use crate::findings::fixture::{Case, check};
    use crate::tls::hand_made::{GOOD, alert, flight, hello};

    #[rustfmt::skip]
    const CASES: &[Case] = &[
        Case { name: "HTTP answers a ClientHello", near: &["TLS-02"], fires: &["TLS-01"], play: |s| {
            s.open().client(&hello()).server(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").end(Side::Server);
        }},
        Case { name: "FIN answers a ClientHello", near: &[], fires: &["TLS-01"], play: |s| {
            s.open().client(&hello()).end(Side::Server);
        }},
        Case { name: "RST answers a ClientHello", near: &[], fires: &["TLS-01"], play: |s| {
            s.open().client(&hello()).reset(Side::Server);
        }},
        Case { name: "nothing answers a ClientHello for ten seconds", near: &[], fires: &["TLS-01"], play: |s| {
            s.open().client(&hello()).wait(10_000).end(Side::Client);
        }},
        Case { name: "a client that gives up at once", near: &["TLS-01"], fires: &[], play: |s| {
            s.open().client(&hello()).wait(200).end(Side::Client);
        }},
        Case { name: "a ClientHello that was not received", near: &["TLS-01"], fires: &[], play: |s| {
            s.open().unacknowledged(Direction::ClientToServer, &hello()).wait(10_000).reset(Side::Client);
        }},
        Case { name: "a handshake that goes on when the capture ends", near: &["TLS-01"], fires: &[], play: |s| {
            s.open().client(&hello()).server(&flight(GOOD));
        }},
        Case { name: "an alert answers HTTP", near: &["TLS-01"], fires: &["TLS-02"], play: |s| {
            s.ask("").server(&alert(2, 70)).end(Side::Server);
        }},
        Case { name: "a page says so", near: &["TLS-01"], fires: &["TLS-02"], play: |s| {
            s.ask("").server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 48\r\n\r\n")
                .server(b"Client sent an HTTP request ").server(b"to an HTTPS server.\n").end(Side::Server);
        }},
        Case { name: "HTTP answers HTTP", near: &["TLS-02"], fires: &["HS-40"], play: |s| {
            s.ask("").server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
    ];

    #[test]
    fn each_offence_is_found_once_and_nothing_else() {
        check(&[RULES], CASES);
    }
}
