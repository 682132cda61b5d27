//! WHY-08: a second HTTP response on the upgraded socket.

use super::derailed;
use super::derailed::{DerailedStream, Explained, quoted};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::stream::{Direction, length_u64};

/// WHY-08.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-08",
    severity: Severity::Error,
    applies_to: AppliesTo::Server,
    title: "a second HTTP response was written to the upgraded connection",
    section: "RFC 6455 §4.2.2",
    explanation: "After the 101 the connection carries frames, but a status line of HTTP begins \
        where a frame should start: two handlers of the server answered the same upgrade request. \
        Usual are two WebSocket servers that listen to the upgrade events of one HTTP server, and \
        a proxy or development server that takes all upgrades. The client reads the status line \
        as a frame header (\"Invalid frame header\") and fails the connection.",
    remedy: "Let exactly one handler answer each upgrade: one upgrade listener that chooses the \
        WebSocket server by the path (with `ws`: noServer and handleUpgrade, not two servers with \
        the option `server`), and no second proxy or catch-all for the same path.",
    example: Example::Text(
        "server: HTTP/1.1 101 Switching Protocols ...\nserver: HTTP/1.1 400 Bad Request ...",
    ),
    explains: Some(
        Cause::of_stream(1_110, "a second HTTP response").explaining(derailed::CONSEQUENCES),
    ),
    checks: &[Check::Cause(|context, violations| {
        derailed::test(context, violations, second_response);
    })],
}];

/// Tests whether a status line is where a frame should start.
pub(crate) fn second_response(stream: &DerailedStream<'_>) -> Option<Explained> {
    if stream.direction != Direction::ServerToClient {
        return None;
    }
    stream.frames.iter().find_map(|start| {
        let bytes = stream.from(*start);
        // An empty line may precede it.
        let response = bytes.trim_ascii_start();
        let line = response.split(|byte| *byte == b'\n').next()?.trim_ascii_end();
        let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', b' ', status @ ..] = line
        else {
            return None;
        };
        let code = status.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit))?;
        let end = response.windows(4).position(|part| part == b"\r\n\r\n");
        let head = end.map_or(response, |end| response.get(..end).unwrap_or(response));
        let what = if code == b"101" {
            "a second 101: another handler accepted the same request"
        } else {
            "another handler refused the request that was accepted"
        };
        let body = body(response, end)
            .map_or_else(String::new, |body| format!("; its body begins {}", quoted(body)));
        Some(Explained {
            start: *start,
            end: start.saturating_add(length_u64(bytes.len().min(head.len()))),
            evidence: format!("{} begins where a frame should start: {what}{body}", quoted(line)),
            decoded_again: Vec::new(),
            remedy: None,
        })
    })
}

/// What follows a head, if it is something that can be read.
fn body(response: &[u8], head: Option<usize>) -> Option<&[u8]> {
    let body = response.get(head?.checked_add(4)?..)?;
    let is_text = body.first().is_some_and(u8::is_ascii_graphic);
    is_text.then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::frame::plain;

    fn found(direction: Direction, bytes: &[u8], wrong: u64) -> Option<Explained> {
        second_response(&DerailedStream::whole(bytes, direction, vec![wrong]))
    }

    #[test]
    fn a_status_line_in_place_of_a_frame_is_found() {
        let server = Direction::ServerToClient;
        let response = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nInvalid Frame Header";
        let first = found(server, response, 0).unwrap();
        assert!(first.evidence.contains("400 Bad Request"), "{}", first.evidence);
        assert!(first.evidence.contains("refused the request"), "{}", first.evidence);
        let bytes =
            [&plain(0x81, b"welcome")[..], b"HTTP/1.1 101 Switching Protocols\r\n"].concat();
        let later = found(server, &bytes, 9).unwrap();
        assert!(later.evidence.contains("second 101"), "{}", later.evidence);
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        let server = Direction::ServerToClient;
        let inside = plain(0x81, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!(found(server, &inside, 0), None);
        assert_eq!(found(server, b"HTTP is a protocol", 0), None);
        assert_eq!(found(server, b"GET / HTTP/1.1\r\n\r\n", 0), None);
        assert_eq!(found(Direction::ClientToServer, b"HTTP/1.1 200 OK\r\n\r\n", 0), None);
    }
}
