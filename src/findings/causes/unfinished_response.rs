//! WHY-17: the head of the response never ends.

use crate::analysis::event::{StrayBytes, StrayPlace};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::shown;
use crate::findings::words::{counted, duration};
use crate::stream::{Direction, Side};

/// WHY-17.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-17",
    severity: Severity::Error,
    applies_to: AppliesTo::Server,
    title: "the head of the response never ends",
    section: "RFC 9112 §2.1",
    explanation: "The server began its response, but the empty line at the end of its head is missing: \
        the client waits for more fields until it gives up. It is tested on the bytes: they begin with a \
        status line, all that was sent was captured, and nothing follows them; if the server itself ends \
        the connection, it has sent Sec-WebSocket-Accept before, so that it was not interrupted.",
    remedy: "End the head of the response with an empty line: each line ends with CRLF, and after the last \
        field comes one more (`\"...\\r\\n\\r\\n\"`). In PHP and shells, `\\r\\n` between single quotes is \
        text, not CRLF. If the response is complete in the program, look for a write that is cut, or a \
        buffer that is not flushed.",
    example: Example::Text(
        "server: HTTP/1.1 101 ... CRLF Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n\
         client, 3 s later: FIN",
    ),
    explains: Some(
        Cause::failure(1_130, "the head of the response never ends")
            .explaining(&["HS-5", "NET-06", "NET-07", "WS-C12", "WS-C19"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let Some((stray, waited)) = unfinished(context) else { return };
        let sent = counted(stray.span.length(), "byte");
        let wait = match context.subject.state.ended {
            Some((side, _)) => format!("the {} ended the connection {waited} later", side.name()),
            None => format!("nothing followed in {waited}"),
        };
        violations
            .add(format!(
                "{sent} of a response that has no empty line at its end{}; {wait}",
                last_line(stray)
            ))
            .side(Side::Server)
            .direction(Direction::ServerToClient)
            .span(stray.span);
    })],
}];

/// The response that did not end, and how long nothing followed it.
fn unfinished<'a>(context: &CauseContext<'a>) -> Option<(&'a StrayBytes, String)> {
    let connection = context.connection;
    let stray =
        connection.stray.iter().find(|stray| stray.place == StrayPlace::UnfinishedResponse)?;
    let ending = context.subject.ending;
    let server = Direction::ServerToClient;
    let is_whole = connection.is_captured(server)
        && connection.has_received(server, stray.span.end)
        && ending.unseen.is_none();
    if !is_whole || !stray.bytes.starts_with(b"HTTP/") {
        return None;
    }
    let last = stray.span.last;
    let ended = context.subject.state.ended;
    let until = ended.map_or(ending.watched_until, |(_, at)| at.time);
    let waited = until.waited_since(last.time);
    let is_convincing = match ended {
        // What comes after a client has left may be cut.
        Some((Side::Client, at)) if at.packet < last.packet => false,
        Some((Side::Client, _)) => waited >= SILENCE || has_accept(&stray.bytes),
        Some((Side::Server, _)) => has_accept(&stray.bytes),
        None => waited >= SILENCE,
    };
    is_convincing.then(|| (stray, duration(waited)))
}

/// Whether the beginning of a head has a whole Sec-WebSocket-Accept, which servers send as one of the last fields.
fn has_accept(head: &[u8]) -> bool {
    let name = b"sec-websocket-accept:";
    head.windows(name.len()).position(|it| it.eq_ignore_ascii_case(name)).is_some_and(|at| {
        let value = head.get(at + name.len()..).unwrap_or_default().trim_ascii_start();
        value.len() >= ACCEPT
    })
}

/// The last line of a head, quoted, if all of it is known.
fn last_line(stray: &StrayBytes) -> String {
    if stray.span.length() > crate::stream::length_u64(stray.bytes.len()) {
        return String::new();
    }
    let lines = stray.bytes.trim_ascii_end().rsplit(|byte| *byte == b'\n');
    let line = lines.map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
    line.map_or_else(String::new, |line| format!(": it stops after {}", shown(line)))
}

/// Nanoseconds without another byte after which a head is not merely slow.
const SILENCE: u64 = 1_000_000_000;

/// Characters of a Sec-WebSocket-Accept (RFC 6455 §4.2.2).
const ACCEPT: usize = 28;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check_causes};

    /// The head of a 101 with something at its end.
    fn begun(s: &mut Scenario, end: &str) {
        let (_, accept) = s.ask("").fresh_key();
        s.server(format!("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}{end}").as_bytes());
        s.acknowledge(Direction::ClientToServer);
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "one CRLF at the end, and the client gives up", near: &[], fires: &["WHY-17 server"], play: |s| {
            begun(s, "\r\n");
            s.wait(3_000).end(Side::Client);
        }},
        RuleCase { name: "none at the end, and the client leaves at once", near: &[], fires: &["WHY-17 server"], play: |s| {
            begun(s, "");
            s.wait(20).reset(Side::Client);
        }},
        RuleCase { name: "CRLF as text", near: &[], fires: &["WHY-17 server"], play: |s| {
            begun(s, "\\r\\n\\r\\n");
            s.wait(5_000).acknowledge(Direction::ServerToClient);
        }},
        RuleCase { name: "the server leaves after all of it", near: &[], fires: &["WHY-17 server"], play: |s| {
            begun(s, "\r\n");
            s.wait(3).end(Side::Server);
        }},
        RuleCase { name: "the server dies within its head", near: &["WHY-17"], fires: &[], play: |s| {
            s.ask("").server(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs").end(Side::Server);
        }},
        RuleCase { name: "the capture ends within the head", near: &["WHY-17"], fires: &[], play: |s| begun(s, "\r\n") },
        RuleCase { name: "the rest of the head was not captured", near: &["WHY-17"], fires: &["WHY-50"], play: |s| {
            begun(s, "\r\n");
            s.skip(Direction::ServerToClient, 40).wait(3_000).end(Side::Client);
        }},
        RuleCase { name: "a head that ends", near: &["WHY-17"], fires: &[], play: |s| {
            begun(s, "\r\n\r\n");
            s.wait(3_000).end(Side::Client);
        }},
    ];

    #[test]
    fn heads_without_an_end_are_named() {
        check_causes(&[RULES], CASES);
    }
}
