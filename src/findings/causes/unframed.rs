//! WHY-13: bytes written to the socket without any frame.

use super::derailed;
use super::derailed::{Certainty, DerailedStream, Explained, quoted};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::words::counted;
use crate::stream::length_u64;

/// WHY-13.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-13",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "data is written to the socket without any frame",
    section: "RFC 6455 §5.1",
    explanation: "After the handshake, every message must be sent in frames. This side sends plain \
        data from the first byte on: it completed the handshake, but then its program writes to \
        the socket itself, or relays the bytes of another protocol as they are. The receiver reads \
        the first characters as a frame header and fails the connection.",
    remedy: "Send with the WebSocket library's own function (send, write_message, WriteMessage ...), \
        never with that of the raw socket below it. If another program's output is relayed, put \
        each piece of it into a frame (websockify and similar bridges do this).",
    example: Example::Text("server: HTTP/1.1 101 ...\nserver: login as: (without a frame)"),
    explains: Some(
        Cause::of_stream(1_113, "data without frames").explaining(derailed::CONSEQUENCES),
    ),
    checks: &[Check::Cause(|context, violations| {
        derailed::test(context, violations, unframed);
    })],
}];

/// Tests whether what follows the handshake is plain data from its first byte on.
pub(crate) fn unframed(stream: &DerailedStream<'_>) -> Option<Explained> {
    let start = stream.first.filter(|first| stream.frames.contains(first))?;
    let bytes = stream.from(start);
    let beginning = bytes.get(..bytes.len().min(LOOKED_AT))?;
    let is_http = beginning.trim_ascii_start().starts_with(b"HTTP/");
    let holds = beginning.len() >= SHORTEST
        && !is_http
        && is_readable(beginning)
        && stream.frames_at(start) < Certainty::SEARCHED;
    holds.then(|| Explained {
        start,
        end: start.saturating_add(length_u64(bytes.len())),
        evidence: format!(
            "{} after the handshake {} the first bytes of the {}, which are not a frame",
            quoted(beginning),
            if stream.reaches_end && bytes.len() <= LOOKED_AT { "are all of" } else { "are" },
            counted(length_u64(bytes.len()), "byte"),
        ),
        decoded_again: Vec::new(),
        remedy: None,
    })
}

/// Whether nearly all bytes are those of a text; a NUL, a bell or the like may be among them.
fn is_readable(bytes: &[u8]) -> bool {
    let mut readable = 0_usize;
    for chunk in bytes.utf8_chunks() {
        let is_shown = |it: &char| !it.is_control() || matches!(it, '\t' | '\n' | '\r' | '\x1b');
        let shown = chunk.valid().chars().filter(is_shown).map(char::len_utf8);
        readable = readable.saturating_add(shown.sum());
    }
    // A character may be cut at the end.
    readable.saturating_add(3).saturating_mul(10) >= bytes.len().saturating_mul(9)
        && bytes
            .first()
            .is_some_and(|first| *first >= b' ' || first.is_ascii_whitespace() || *first == 0x1b)
        && bytes.first().is_some_and(|first| *first < 0x80 || std::str::from_utf8(bytes).is_ok())
}

/// Bytes that are looked at.
const LOOKED_AT: usize = 512;

/// Fewer bytes do not show what they are.
const SHORTEST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Direction;
    use crate::testkit::frame::{masked, plain};

    fn found(direction: Direction, bytes: &[u8], wrong: u64) -> Option<Explained> {
        unframed(&DerailedStream::whole(bytes, direction, vec![wrong]))
    }

    #[test]
    fn plain_data_from_the_first_byte_is_found() {
        #[rustfmt::skip]
        let rows: &[&[u8]] = &[
            b"login as: ", b"220 mail.example.org ESMTP ready\r\n", b"{\"type\":\"hello\"}\n",
            b"\x1b[2J\x1b[HWelcome to the console\r\n", b"RFB 003.008\n", b"ping\0", b"<stream:stream>",
            "Gr\u{fc}\u{df}e\n".as_bytes(), b"\r\nlogin: ", &b"a line of text\n".repeat(100),
        ];
        for direction in Direction::BOTH {
            for bytes in rows {
                assert!(found(direction, bytes, 0).is_some(), "{}", quoted(bytes));
            }
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        for direction in Direction::BOTH {
            assert_eq!(found(direction, b"HTTP/1.1 400 Bad Request\r\n\r\n", 0), None);
            assert_eq!(found(direction, b"hi", 0), None, "too short");
            assert_eq!(found(direction, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0), None);
            assert_eq!(found(direction, &plain(0xb1, b"a text of a frame"), 0), None);
            assert_eq!(found(direction, &masked(0xb1, b"a text of a frame"), 0), None);
            // After a frame.
            let bytes = [&plain(0x81, b"welcome")[..], b"login as: "].concat();
            assert_eq!(found(direction, &bytes, 9), None);
        }
    }
}
