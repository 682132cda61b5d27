//! Bytes around heads that belong to no protocol, and where the head begins that follows them.

use memchr::memmem;

use super::probe::{Match, looks_like_head};
use crate::stream::Direction;

/// Where the next head of a direction begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HeadStart {
    /// After so many other bytes; 0 if it begins at once.
    At(usize),
    /// Perhaps after these bytes.
    NeedMore,
    /// Nowhere in these bytes.
    Nowhere,
}

/// Finds the head of `direction` in bytes that should begin with it.
///
/// Before it there may be blanks, line ends, NULs and a byte order mark, which a peer sends by mistake; or
/// anything else, if the line of the head is whole (in a response, its version).
pub fn find_head(direction: Direction, bytes: &[u8]) -> HeadStart {
    let strays = stray_length(bytes);
    let rest = bytes.get(strays..).unwrap_or_default();
    if BYTE_ORDER_MARK.starts_with(rest) {
        return HeadStart::NeedMore;
    }
    match looks_like_head(direction, rest) {
        Match::Yes => return HeadStart::At(strays),
        Match::NeedMore => return HeadStart::NeedMore,
        Match::No => {}
    }
    let found = match direction {
        Direction::ClientToServer => request_line(bytes),
        Direction::ServerToClient => memmem::find_iter(bytes, b"HTTP/").find(|at| {
            let head = bytes.get(*at..).unwrap_or_default();
            looks_like_head(direction, head) == Match::Yes
        }),
    };
    found.map_or(HeadStart::Nowhere, HeadStart::At)
}

/// How many bytes at the beginning are blanks, line ends, NULs, or byte order marks of UTF-8.
pub fn stray_length(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    loop {
        rest = match rest {
            [b'\r' | b'\n' | b' ' | b'\t' | 0, after @ ..] => after,
            _ => match rest.strip_prefix(BYTE_ORDER_MARK) {
                Some(after) => after,
                None => return bytes.len().saturating_sub(rest.len()),
            },
        };
    }
}

/// Whether bytes are text that a program may have printed into the stream by mistake.
pub fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // Cut within a character.
        Err(error) if error.error_len().is_none() => {
            let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(whole).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.contains(|c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t'))
}

/// Where in other bytes a whole request line begins.
fn request_line(bytes: &[u8]) -> Option<usize> {
    memmem::find_iter(bytes, b" HTTP/1.").find_map(|version| {
        let before = bytes.get(..version)?;
        let line = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        (line..version).find(|at| {
            let is_word_start = at.checked_sub(1).and_then(|at| bytes.get(at));
            is_word_start.is_none_or(|byte| !byte.is_ascii_alphanumeric())
                && bytes.get(*at..).is_some_and(|head| {
                    looks_like_head(Direction::ClientToServer, head) == Match::Yes
                        && !matches!(head.first(), Some(b'\r' | b'\n'))
                })
        })
    })
}

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{ClientToServer as C, ServerToClient as S};

    #[test]
    fn heads_are_found_after_other_bytes() {
        use HeadStart::{At, NeedMore, Nowhere};
        #[rustfmt::skip]
        let rows: &[(Direction, &[u8], HeadStart)] = &[
            (S, b"HTTP/1.1 101", At(0)),
            (S, b"\r\n\r\nHTTP/1.1 101", At(4)),
            (S, b"\xef\xbb\xbfHTTP/1.1 101", At(3)),
            (S, b"\0HTTP/1.1 101", At(1)),
            (S, b"  \tHTTP/1.1 101", At(3)),
            (S, b"listening on 8080\nHTTP/1.1 101", At(18)),
            (S, b"\x01\x02\x03HTTP/1.1 101", At(3)),
            (S, b"", NeedMore),
            (S, b"\r\n", NeedMore),
            (S, b"\xef", NeedMore),
            (S, b"\xef\xbb", NeedMore),
            (S, b"\xef\xbb\xbf", NeedMore),
            (S, b"\xef\xbb\xbfHTT", NeedMore),
            (S, b"SSH-2.0-OpenSSH_9.2\r\n", Nowhere),
            (S, b"see HTTP/x", Nowhere),
            (C, b"GET / HTTP/1.1\r\n", At(0)),
            (C, b"\r\nGET / HTTP/1.1\r\n", At(2)),
            (C, b"\xef\xbb\xbfGET / HTTP/1.1\r\n", At(3)),
            (C, b"hello\r\nGET / HTTP/1.1\r\n", At(7)),
            (C, b"\x01\x02GET / HTTP/1.1\r\n", At(2)),
            (C, b"\x01\x02\x03", Nowhere),
        ];
        for (direction, bytes, expected) in rows {
            assert_eq!(find_head(*direction, bytes), *expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn printed_lines_are_text_and_binary_protocols_are_not() {
        let rows: &[(&[u8], bool)] = &[
            (b"listening\r\n", true),
            ("gr\u{fc}n\n".as_bytes(), true),
            (b"\xc3", true),
            (b"\x15\x03\x01\x00\x02", false),
            (b"\xff\xfd", false),
            (b"\x20\x02\x00\x01", false),
        ];
        for (bytes, expected) in rows {
            assert_eq!(is_text(bytes), *expected, "{}", bytes.escape_ascii());
        }
    }
}
