//! WHY-14: the client refused a response that is allowed, or almost.

use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::after_response::MUST_FAIL;
use crate::findings::rules::handshake::fields_read::{sent, shown};
use crate::findings::words::duration;
use crate::http::{Handshake, Head};
use crate::stream::{Origin, Side};

/// WHY-14.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-14",
    severity: Severity::Error,
    applies_to: AppliesTo::Server,
    title: "the client refused the response",
    section: "RFC 6455 §4.1",
    explanation: "The server accepted the upgrade, and the client left without sending a frame. \
        The response contains something that this client, or some clients, do not accept, although \
        no rule forbids it. It is tested on the response: what it lacks or has too much, and that \
        the client left before anything else went wrong.",
    remedy: "Change what the evidence names in the server's response. The client's own log names \
        it, too (in a browser: the console).",
    example: Example::Text(
        "client: Sec-WebSocket-Protocol: chat\nserver: HTTP/1.1 101, no Sec-WebSocket-Protocol\n\
         client: FIN",
    ),
    explains: Some(Cause::failure(1_132, "the client refused the response").explaining(&[
        "HS-22", "HS-23", "HS-30", "HS-52", "HS-55", "HS-56", "WS-C12", "WS-C17", "WS-C19",
        "NET-07", "OPS-01",
    ])),
    checks: &[Check::Cause(|context, violations| {
        let Some((handshake, left)) = refused(context) else { return };
        let Some(response) = &handshake.response else { return };
        let Some((what, remedy)) =
            OBJECTIONS.iter().find_map(|object| object(context, handshake, response))
        else {
            return;
        };
        let waited = duration(left.time.since(response.span.last.time));
        violations
            .add(format!("{what}; the client left {waited} after the response, without a frame"))
            .side(Side::Server)
            .direction(Side::Server.direction())
            .span(response.span)
            .remedy(remedy);
    })],
}];

/// The handshake that a client accepted by no frame, and when it left; `None` if a rule names exactly what was
/// wrong with the response, or the client used the connection.
fn refused<'a>(context: &CauseContext<'a>) -> Option<(&'a Handshake, Origin)> {
    let state = context.subject.state;
    let handshake = state.handshake.accepted_heads.as_deref()?;
    let client = &state.sides.client;
    let (_, left) = state.ended.filter(|(side, _)| *side == Side::Client).or_else(|| {
        let close = client.close.as_ref()?;
        Some((Side::Client, close.span.first))
    })?;
    let is_named = MUST_FAIL.iter().any(|id| context.found(id).is_some());
    let came_first = handshake.response.as_ref()?.span.last.time <= left.time;
    let is_unused = client.data_frames == 0 && client.latest.is_none_or(|_| client.close.is_some());
    (is_unused && came_first && !is_named && context.subject.ending.unseen.is_none())
        .then_some((handshake, left))
}

/// What a client may object to: what it is, and what to do about it.
type Objection = fn(&CauseContext<'_>, &Handshake, &Head) -> Option<(String, &'static str)>;

/// What clients object to, that which most of them do first.
const OBJECTIONS: &[Objection] = &[
    |_, handshake, response| {
        let offered: Vec<&[u8]> =
            handshake.subprotocols_offered().filter(|name| !name.is_empty()).collect();
        let is_missing = !offered.is_empty() && response.header("Sec-WebSocket-Protocol").is_none();
        is_missing.then(|| {
            let offered = shown(&offered.join(&b", "[..]));
            let what = format!(
                "no Sec-WebSocket-Protocol, although the client offered the subprotocols \
                 {offered}; browsers and Node.js (ws, undici) refuse such a response"
            );
            (what, NO_SUBPROTOCOL)
        })
    },
    |_, _, response| {
        let is_old = response.version() == b"HTTP/1.0";
        let what = "HTTP/1.0 in the status line; clients expect HTTP/1.1".to_owned();
        is_old.then_some((what, OLD_VERSION))
    },
    |_, _, response| {
        let field = ["Transfer-Encoding", "Content-Encoding"];
        let name = field.into_iter().find(|name| response.header(name).is_some())?;
        let what = format!(
            "{} in the 101; clients may wait for a body, or decode the frames as one",
            sent(response, name)
        );
        Some((what, BODY))
    },
    |context, _, _| {
        let (id, what) = FORMS.iter().find(|(id, _)| {
            let direction = Some(Side::Server.direction());
            context.found(id).is_some_and(|past| past.direction == direction)
        })?;
        Some((format!("{what} ({id})"), FORM))
    },
];

/// Rules about the form of a head, and who refuses a response that breaks them.
const FORMS: &[(&str, &str)] = &[
    ("HS-55", "a blank before the colon of a field; Node.js and Go refuse such a response"),
    (
        "HS-30",
        "lines that end with a bare LF; Node.js and Python's websockets refuse such a response",
    ),
];

const NO_SUBPROTOCOL: &str = "Choose one of the offered subprotocols in the server's response \
    (`handleProtocols` in ws, `subprotocols=` in Python's websockets, `Subprotocols` in Go's \
    gorilla), or do not offer any in the client. Compare the names letter by letter, including \
    their versions.";

const OLD_VERSION: &str = "Let the server or the proxy in front of it answer with HTTP/1.1 101 (nginx: \
    proxy_http_version 1.1).";

const FORM: &str = "Let an HTTP library write the response, or correct the code that writes it by hand: each line ends \
    with CR LF, and a field is its name, a colon, and its value.";

const BODY: &str = "Remove Transfer-Encoding and Content-Encoding from the 101: switch off \
    compression and chunking for upgrades in the framework or proxy that adds the field.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes, masked, plain};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "no subprotocol, and the client leaves", near: &[], fires: &["WHY-14 server"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: chat\r\n", "").end(Side::Client);
        }},
        RuleCase { name: "no subprotocol, and the client says so in a Close", near: &[], fires: &["WHY-14 server"], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: chat\r\n", "").client(&masked(0x88, b"\x03\xf2")).end(Side::Client);
        }},
        RuleCase { name: "no subprotocol, and the client does not care", near: &["WHY-14"], fires: &[], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: chat\r\n", "").client(&masked(0x81, b"hi")).server(&plain(0x81, b"ho")).end(Side::Client);
        }},
        RuleCase { name: "bare LF, and the client leaves", near: &[], fires: &["WHY-14 server"], play: |s| {
            let (_, accept) = s.ask("").fresh_key();
            s.server(format!("HTTP/1.1 101 x\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: {accept}\n\n").as_bytes()).end(Side::Client);
        }},
        RuleCase { name: "nothing to object to", near: &["WHY-14"], fires: &[], play: |s| {
            s.open().upgrade("", "").end(Side::Client);
        }},
        RuleCase { name: "the server leaves", near: &["WHY-14"], fires: &[], play: |s| {
            s.open().upgrade("Sec-WebSocket-Protocol: chat\r\n", "").end(Side::Server);
        }},
    ];

    #[test]
    fn responses_that_clients_refuse_are_named() {
        check_causes(&[RULES], CASES);
    }
}
