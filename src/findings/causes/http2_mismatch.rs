//! WHY-22: HTTP/2 used where HTTP/1.1 is spoken, or the reverse.

use crate::analysis::event::{Nature, StrayPlace, TcpState, Transport};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::words::{counted, duration};
use crate::http::OtherProtocol;
use crate::stream::{Direction, Span};
use crate::text::words::hex;

/// WHY-22.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-22",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "HTTP/2 used where HTTP/1.1 is spoken, or the reverse",
    section: "RFC 9113 §3, RFC 8441, RFC 7301 §3.2",
    explanation: "An upgrade to WebSocket exists in HTTP/1.1 only; over HTTP/2 a WebSocket is opened by an \
        extended CONNECT (RFC 8441). Here one side speaks HTTP/2 and the other HTTP/1.1: the server \
        answers with frames of HTTP/2 (SETTINGS, GOAWAY), or ALPN chose h2 and the client sends an \
        HTTP/1.1 request all the same.",
    remedy: "Let both sides use HTTP/1.1 for WebSocket: the client offers only http/1.1 by ALPN (no h2), \
        and the server or proxy has a listener for HTTP/1.1. Or use RFC 8441 on both sides: the server \
        sends SETTINGS_ENABLE_CONNECT_PROTOCOL, and the client supports WebSocket over HTTP/2.",
    example: Example::Text("client: GET /chat HTTP/1.1 ...\nserver: 00 00 12 04 ... (SETTINGS)"),
    explains: Some(
        Cause::failure(1_101, "HTTP/2 where HTTP/1.1 is spoken")
            .explaining(&["HS-", "NET-06", "NET-07", "TLS-05", "TLS-03", "TLS-08"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        if context.subject.state.handshake.accepted.is_some()
            || context.connection.nature == Nature::WebSocket
        {
            return;
        }
        let stray = context.connection.stray.iter().find(|stray| {
            stray.protocol == Some(OtherProtocol::Http2)
                && stray.direction == Direction::ServerToClient
                && matches!(stray.place, StrayPlace::Greeting | StrayPlace::InsteadOfResponse)
        });
        let asked = context.subject.state.handshake.asked.is_some();
        if let Some(stray) = stray.filter(|_| asked) {
            violations
                .add(format!(
                    "the server speaks HTTP/2 (a frame {}) to a request of HTTP/1.1",
                    hex(stray.bytes.get(..FRAME_HEADER).unwrap_or(&stray.bytes))
                ))
                .direction(Direction::ServerToClient)
                .side(None)
                .span(stray.span);
        } else if let Some((evidence, span)) = alpn(context) {
            violations.add(evidence).direction(None).side(None).span(span);
        }
    })],
}];

/// Whether ALPN chose h2, and the server ended the connection at once after the client's first request.
///
/// A client of HTTP/2 goes on: its preface is answered by SETTINGS, and the connection stays open.
fn alpn(context: &CauseContext<'_>) -> Option<(String, Span)> {
    let connection = context.connection;
    let tls = connection.tls.as_deref().filter(|_| connection.transport == Transport::Tls)?;
    let hello = tls.server_hello.as_ref()?;
    let is_chosen = hello.what.protocol.as_deref() == Some(b"h2");
    let established = tls.established?;
    let is_by_server = matches!(
        connection.state,
        TcpState::HalfClosed(Direction::ServerToClient)
            | TcpState::Closed(Direction::ServerToClient)
            | TcpState::Reset(Direction::ServerToClient)
    );
    let lasted = connection.last.time.waited_since(established.last.time);
    let exchanged = connection.bytes.client.saturating_add(connection.bytes.server);
    let is_short = lasted <= SHORT && exchanged <= LITTLE;
    (is_chosen && is_by_server && is_short).then(|| {
        let evidence = format!(
            "ALPN chose h2, and the server ended the connection {} after the handshake, when it had \
             received the client's first request ({} in all): it is not one of HTTP/2",
            duration(lasted),
            counted(exchanged, "byte")
        );
        (evidence, hello.span)
    })
}

/// Bytes of the header of a frame (RFC 9113 §4.1).
const FRAME_HEADER: usize = 9;

/// Nanoseconds within which a server ends a connection whose first bytes are not HTTP/2.
const SHORT: u64 = 2_000_000_000;

/// Bytes of both sides that a handshake, a request and its refusal take at most.
const LITTLE: u64 = 12_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes};
    use crate::stream::Side;

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "SETTINGS in place of a response", near: &[], fires: &["WHY-22"], play: |s| {
            s.ask("").server(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01").end(Side::Server);
        }},
        RuleCase { name: "an upgrade that is accepted", near: &["WHY-22"], fires: &[], play: |s| { s.open().upgrade("", "").close(); } },
        RuleCase { name: "an upgrade that is refused", near: &["WHY-22"], fires: &[], play: |s| {
            s.ask("").server(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
    ];

    #[test]
    fn versions_of_http_that_differ_are_named() {
        check_causes(&[RULES], CASES);
    }
}
