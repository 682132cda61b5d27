//! WHY-06: a transfer or content coding applied to the bytes after the 101.

use super::derailed;
use super::derailed::{Certainty, DerailedStream, Explained, inflated_part, is_zlib, quoted};
use crate::findings::decoded_again;
use crate::findings::decoded_again::DecodedAgain;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::words::counted;
use crate::stream::{length_u64, length_usize};
use crate::websocket::Opcode;

/// WHY-06.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-06",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "a coding of HTTP is applied to the bytes after the 101",
    section: "RFC 9112 §6.1, RFC 9110 §8.4",
    explanation: "After a 101, the bytes are frames and nothing else: a transfer or content coding \
        cannot apply to them. Here, they are in chunks (sizes in hexadecimal digits, each with a \
        line end), or compressed with gzip. Something between the program and the network treats \
        the response as one with a body. The receiver reads the coding as a frame header.",
    remedy: "Send no Transfer-Encoding and no Content-Encoding with a 101, and write to the raw \
        connection after it: switch off the middleware that compresses or chunks responses for \
        this path, or write to the socket that the upgrade gives, not to the response.",
    example: Example::Text("after the 101: 37 0d 0a (\"7\"), then 81 05 48 65 6c 6c 6f 0d 0a"),
    explains: Some(
        Cause::of_stream(1_111, "a coding of HTTP around the frames")
            .explaining(derailed::CODING_CONSEQUENCES),
    ),
    checks: &[Check::Cause(|context, violations| {
        derailed::test(context, violations, coded_stream);
    })],
}];

/// Tests whether what follows the handshake are frames in a coding of HTTP.
pub(crate) fn coded_stream(stream: &DerailedStream<'_>) -> Option<Explained> {
    let start = stream.first.filter(|first| stream.frames.contains(first))?;
    chunked(stream, start).or_else(|| compressed(stream, start))
}

/// Chunks (RFC 9112 §7.1) with frames in them.
fn chunked(stream: &DerailedStream<'_>, start: u64) -> Option<Explained> {
    let mut rest = stream.from(start);
    let (mut content, mut chunks) = (Vec::new(), 0_u64);
    let line = rest.iter().position(|byte| *byte == b'\n').and_then(|end| rest.get(..end))?;
    while let Some((data, after)) = chunk(rest) {
        content.extend_from_slice(data);
        chunks = chunks.saturating_add(1);
        rest = after;
    }
    if chunks == 0 {
        return None;
    }
    let end = stream.end().saturating_sub(length_u64(rest.len()));
    let frames = frames_in(stream, &content, [start, end])?;
    Some(Explained {
        start,
        end,
        evidence: format!(
            "{} with sizes in hexadecimal digits (the first line is {}) enclose {}",
            counted(chunks, "chunk"),
            quoted(line.trim_ascii_end()),
            frames.in_words
        ),
        decoded_again: frames.decoded_again,
        remedy: None,
    })
}

/// The first chunk, and what follows it; `None` if there is none, or it is not whole.
fn chunk(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = bytes.iter().take(MOST_DIGITS).take_while(|it| it.is_ascii_hexdigit()).count();
    let (digits, rest) = bytes.split_at_checked(digits)?;
    let size = usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    // Chunk extensions (RFC 9112 §7.1.1) are rare, and short.
    let line_end = rest.iter().take(MOST_EXTENSION).position(|byte| *byte == b'\n')?;
    let is_extension = matches!(rest.first(), Some(b'\r' | b'\n' | b';' | b' '));
    let (data, rest) = rest.get(line_end.checked_add(1)?..)?.split_at_checked(size)?;
    let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"))?;
    (is_extension && size > 0).then_some((data, rest))
}

/// What gzip (RFC 1952) or zlib (RFC 1950) compressed, with frames in it.
fn compressed(stream: &DerailedStream<'_>, start: u64) -> Option<Explained> {
    let bytes = stream.from(start);
    let (name, deflated) = match bytes {
        // Magic, deflate, no flags; time, flags of the compressor and system follow.
        [0x1f, 0x8b, 0x08, 0x00, _, _, _, _, _, _, deflated @ ..] => (GZIP, deflated),
        // Deflate, a window of 32 KiB or less, and a check of both bytes.
        [first, second, deflated @ ..] if is_zlib(*first, *second) => (ZLIB, deflated),
        _ => return None,
    };
    let content = inflated_part(deflated);
    let end = start.saturating_add(length_u64(bytes.len()));
    let frames = frames_in(stream, &content, [start, end]);
    let (words, decoded_again) = match frames {
        Some(frames) => {
            (format!("; decompressed, it is {}", frames.in_words), frames.decoded_again)
        }
        // The first bytes of zlib are too few to show it by themselves.
        None if name == GZIP => (String::new(), Vec::new()),
        None => return None,
    };
    Some(Explained {
        start,
        end,
        evidence: format!("what follows the handshake begins with {name}{words}"),
        decoded_again,
        remedy: None,
    })
}

/// How a stream in gzip's format is recognized.
const GZIP: &str = "the magic bytes of gzip, 1f 8b 08";

/// How a stream in zlib's format is recognized: HTTP calls it deflate (RFC 9110 §8.4.1.2).
const ZLIB: &str = "the header of zlib (the content coding \"deflate\")";

/// Frames that were found within a coding.
struct CodedFrames {
    in_words: String,
    decoded_again: Vec<DecodedAgain>,
}

fn frames_in(
    stream: &DerailedStream<'_>,
    content: &[u8],
    offsets: [u64; 2],
) -> Option<CodedFrames> {
    let inner = DerailedStream::within(content, stream.direction);
    if inner.frames_at(0) < Certainty::CONFIRMED {
        return None;
    }
    let mut decoded_again = Vec::new();
    let mut next = 0;
    let mut count = 0_u64;
    while let Some(frame) = inner.legal_frame(next) {
        count = count.saturating_add(1);
        let opcode = frame.opcode().filter(|it| matches!(it, Opcode::Text | Opcode::Binary));
        if let (Some(opcode), Some(payload)) = (opcode, inner.payload(&frame))
            && !frame.header.rsv1()
            && decoded_again.len() < decoded_again::MOST
        {
            decoded_again.push(stream.decoded_again(opcode, payload, offsets));
        }
        next = frame.end();
        if length_usize(next) > content.len() {
            break;
        }
    }
    Some(CodedFrames { in_words: counted(count, "frame"), decoded_again })
}

/// Hexadecimal digits of a chunk size at most.
const MOST_DIGITS: usize = 8;

/// Bytes of a chunk extension at most.
const MOST_EXTENSION: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Direction;
    use crate::testkit::frame::{masked, plain, zlib};

    fn frame(direction: Direction, payload: &[u8]) -> Vec<u8> {
        match direction {
            Direction::ClientToServer => masked(0x81, payload),
            Direction::ServerToClient => plain(0x81, payload),
        }
    }

    fn found(direction: Direction, bytes: &[u8]) -> Option<Explained> {
        coded_stream(&DerailedStream::whole(bytes, direction, vec![0]))
    }

    #[test]
    fn frames_in_chunks_are_found() {
        for direction in Direction::BOTH {
            let mut bytes = Vec::new();
            for text in [&b"hello"[..], &b"a longer text ".repeat(30)] {
                let frame = frame(direction, text);
                bytes.extend(format!("{:x}\r\n", frame.len()).into_bytes());
                bytes.extend(frame);
                bytes.extend(b"\r\n");
            }
            let found = found(direction, &bytes).unwrap();
            assert_eq!(found.decoded_again[0].content, b"hello");
            assert_eq!(found.decoded_again.len(), 2);
            assert!(found.evidence.starts_with("2 chunks"), "{}", found.evidence);
        }
    }

    #[test]
    fn frames_in_gzip_are_found() {
        let frame = plain(0x81, b"hello hello hello");
        let mut gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
        let length = u16::try_from(frame.len()).unwrap();
        // A stored block (RFC 1951 §3.2.4).
        gzip.push(0);
        gzip.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        gzip.extend(frame);
        let found = found(Direction::ServerToClient, &gzip).unwrap();
        assert_eq!(found.decoded_again[0].content, b"hello hello hello");
    }

    #[test]
    fn frames_in_zlib_are_found() {
        let frame = plain(0x81, b"hello hello hello");
        let found = found(Direction::ServerToClient, &zlib(&frame)).unwrap();
        assert_eq!(found.decoded_again[0].content, b"hello hello hello");
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        for direction in Direction::BOTH {
            let rows: &[&[u8]] = &[
                b"5\r\nhello\r\n",
                b"login: \r\n",
                b"\x1f\x8b",
                b"\x78\x9c and other bytes",
                &[b"ff\r\n", &frame(direction, b"hello")[..]].concat(),
                &frame(direction, b"5\r\nhello\r\n"),
            ];
            for bytes in rows {
                assert_eq!(found(direction, bytes), None, "{}", quoted(bytes));
            }
        }
    }
}
