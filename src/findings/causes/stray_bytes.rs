//! WHY-07: stray bytes between the head of the response and the first frame, or before the head.

use crate::analysis::event::{StrayBytes, StrayPlace};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::fields_read::shown;
use crate::findings::words::counted;
use crate::stream::{Direction, Side};
use crate::text::words::hex;

/// WHY-07.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-07",
    severity: Severity::Error,
    applies_to: AppliesTo::Server,
    title: "stray bytes before or after the head of the response",
    section: "RFC 6455 §4.2.2, RFC 9112 §2.2",
    explanation: "The head of the 101 ends with one empty line, and the next byte is the first of a \
        frame. Here, bytes that belong to neither come before the status line or between head and \
        frames. A client that reads them as the beginning of a frame sees an impossible opcode or \
        length (0d 0a would be opcode 13 with a length of 10), one that reads them as a status line \
        sees no HTTP. It is tested on the bytes: what follows them is a valid head, or valid frames.",
    remedy: "Find out where the server writes these bytes: a newline at the end of the base64 text of \
        Sec-WebSocket-Accept (a base64 function that ends its output with one), one CRLF too many \
        after the head, a byte order mark or blank line at the beginning of a script, a debugging \
        print to the same stream.",
    example: Example::Text(
        "server: HTTP/1.1 101 ... CRLF CRLF CRLF, then 81 05 ...\nclient: Close 1002",
    ),
    explains: Some(
        Cause::trouble(1_112, "stray bytes around the response")
            .explaining(&["WS-F", "WS-M", "WS-C", "NET-07", "HS-54", "HS-5", "OPS-"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let state = context.subject.state;
        let Some(stray) = context.connection.stray.iter().find(|it| is_around_response(it)) else {
            return;
        };
        if state.handshake.accepted.is_none() {
            return;
        }
        let place = match stray.place {
            StrayPlace::BeforeFrames => "between the head of the 101 and the first frame",
            _ => "before the status line of the 101",
        };
        let shown_bytes = stray.bytes.get(..MOST_SHOWN).unwrap_or(&stray.bytes);
        // A client that continued did not mind.
        let is_fatal = state.sides.client.data_frames == 0
            || state.sides.client.close.as_ref().is_some_and(|it| it.code.is_some_and(is_failure));
        let violation = violations.add(format!(
            "{} {place}: {}{}",
            counted(stray.span.length(), "stray byte"),
            hex(shown_bytes),
            meaning(&stray.bytes)
        ));
        violation.side(Side::Server).direction(Direction::ServerToClient).span(stray.span);
        if !is_fatal {
            violation.severity(Severity::Warning);
        }
    })],
}];

fn is_around_response(stray: &StrayBytes) -> bool {
    stray.direction == Direction::ServerToClient
        && matches!(stray.place, StrayPlace::BeforeFrames | StrayPlace::BeforeResponse)
}

/// Whether a close code says that what was received could not be read.
fn is_failure(code: u16) -> bool {
    matches!(code, 1002 | 1003 | 1006 | 1007)
}

/// What the bytes are, in words.
fn meaning(bytes: &[u8]) -> String {
    let what = match bytes {
        b"\r\n" => "a CRLF, that is an empty line",
        b"\n" => "a newline (LF)",
        b"\0" => "a NUL",
        [0xef, 0xbb, 0xbf, ..] => "a byte order mark (BOM) of UTF-8",
        _ if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) => "empty lines (CRLF)",
        _ if bytes.iter().all(u8::is_ascii_whitespace) => "blanks",
        _ if bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) => {
            return format!(", the text {}", shown(bytes));
        }
        _ => return String::new(),
    };
    format!(", {what}")
}

/// Bytes that are shown.
const MOST_SHOWN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check_causes, masked, plain};

    /// Is accepted with something before and after the head, and closes with 1002.
    fn accepted(s: &mut Scenario, before: &[u8], after: &[u8]) {
        let (_, accept) = s.ask("").fresh_key();
        let head = format!(
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        s.server(&[before, head.as_bytes(), after].concat());
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a CRLF before the first frame", near: &[], fires: &["WHY-07 server"], play: |s| {
            accepted(s, b"", &[&b"\r\n"[..], &plain(0x81, b"hello"), &plain(0x81, b"there")].concat());
            s.client(&masked(0x88, b"\x03\xea")).end(Side::Client);
        }},
        RuleCase { name: "a byte order mark before the head", near: &[], fires: &["WHY-07 server"], play: |s| {
            accepted(s, b"\xef\xbb\xbf", b"");
            s.end(Side::Client);
        }},
        RuleCase { name: "nothing but a frame after the head", near: &["WHY-07"], fires: &[], play: |s| {
            accepted(s, b"", &plain(0x81, b"hello"));
            s.client(&masked(0x81, b"hi")).close();
        }},
    ];

    #[test]
    fn bytes_around_the_response_are_named() {
        check_causes(&[RULES], CASES);
    }
}
