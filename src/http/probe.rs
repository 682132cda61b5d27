//! Whether bytes can be the beginning of HTTP/1.x.

use memchr::{memchr, memmem};

use super::line::is_token;
use crate::stream::Direction;

/// Whether bytes are the beginning of something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Match {
    /// They are; more bytes will not change that.
    Yes,
    /// They are not; more bytes will not change that.
    No,
    /// Too few bytes to decide.
    NeedMore,
}

/// Whether `bytes` begin with a request line, perhaps after empty lines (RFC 9112 §2.2).
///
/// A common method with a path is enough. Anything else must be a token and a line with a version
/// of HTTP, because other protocols have commands such as `GET key` or `OPTIONS rtsp://...`.
pub fn looks_like_request(bytes: &[u8]) -> Match {
    let bytes = skip_empty_lines(bytes);
    let word = bytes.iter().take(MAX_METHOD + 1).position(|byte| !is_token(*byte));
    let Some(length) = word else {
        return if bytes.len() > MAX_METHOD { Match::No } else { Match::NeedMore };
    };
    let (method, after) = bytes.split_at_checked(length).unwrap_or_default();
    if method.is_empty() || method == HTTP2_PREFACE || after.first() != Some(&b' ') {
        return Match::No;
    }
    if KNOWN_METHODS.contains(&method) && after.starts_with(b" /") {
        return Match::Yes;
    }
    let limited = bytes.get(..MAX_LINE).unwrap_or(bytes);
    match memchr(b'\n', limited).and_then(|end| limited.get(length..end)) {
        Some(line) if memmem::find(line, b" HTTP/").is_some() => Match::Yes,
        Some(_) => Match::No,
        None if bytes.len() >= MAX_LINE => Match::No,
        None => Match::NeedMore,
    }
}

/// Whether `bytes` begin with a status line, perhaps after empty lines.
pub fn looks_like_response(bytes: &[u8]) -> Match {
    let bytes = skip_empty_lines(bytes);
    let agrees = bytes.iter().zip(STATUS_LINE).all(|(seen, wanted)| seen == wanted);
    match (agrees, bytes.get(STATUS_LINE.len())) {
        (true, Some(digit)) if digit.is_ascii_digit() => Match::Yes,
        (true, None) => Match::NeedMore,
        (true | false, _) => Match::No,
    }
}

/// Whether `bytes` begin with what `direction` sends.
pub(super) fn looks_like_head(direction: Direction, bytes: &[u8]) -> Match {
    match direction {
        Direction::ClientToServer => looks_like_request(bytes),
        Direction::ServerToClient => looks_like_response(bytes),
    }
}

fn skip_empty_lines(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    start.and_then(|start| bytes.get(start..)).unwrap_or_default()
}

/// Longest method that is taken for one. The longest registered is `UPDATEREDIRECTREF`.
const MAX_METHOD: usize = 24;

/// Longest request line that is examined if the method and target alone are not enough.
const MAX_LINE: usize = 4096;

/// Methods that with a path make a request: RFC 9110 §9 and RFC 5789.
const KNOWN_METHODS: [&[u8]; 8] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"PATCH"];

/// First word of the connection preface of HTTP/2 (RFC 9113 §3.4).
const HTTP2_PREFACE: &[u8] = b"PRI";

/// How a status line begins (RFC 9112 §4).
const STATUS_LINE: &[u8] = b"HTTP/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_distinguished_from_other_protocols() {
        #[rustfmt::skip]
        let rows: &[(&[u8], Match)] = &[
            (b"GET / HTTP/1.1\r\n",              Match::Yes),
            (b"GET /",                           Match::Yes),
            (b"\r\n\nGET /",                     Match::Yes),
            (b"get / HTTP/1.1\r\n",              Match::Yes),
            (b"CONNECT a:443 HTTP/1.1\r\n",      Match::Yes),
            (b"OPTIONS * HTTP/1.1\r\n",          Match::Yes),
            (b"GET http://a/ HTTP/1.1\r\n",      Match::Yes),
            (b"PROPFIND /a HTTP/1.1\n",          Match::Yes),
            (b"",                                Match::NeedMore),
            (b"\r\n",                            Match::NeedMore),
            (b"G",                               Match::NeedMore),
            (b"GET ",                            Match::NeedMore),
            (b"CONNECT a:443",                   Match::NeedMore),
            (b"\x16\x03\x01\x02\x00",            Match::No),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Match::No),
            (b"HTTP/1.1 101 Switching\r\n",      Match::No),
            (b"SSH-2.0-OpenSSH_9.2\r\n",         Match::No),
            (b"GET key\r\n",                     Match::No),
            (b"*1\r\n$4\r\nPING\r\n",            Match::No),
            (b"OPTIONS rtsp://a RTSP/1.0\r\n",   Match::No),
            (b"INVITE sip:a SIP/2.0\r\n",        Match::No),
            (b"\x81\x05Hello",                   Match::No),
            (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",      Match::No),
            (b" GET / HTTP/1.1\r\n",             Match::No),
        ];
        for (bytes, expected) in rows {
            assert_eq!(looks_like_request(bytes), *expected, "{}", bytes.escape_ascii());
            if *expected == Match::Yes {
                let early = (0..bytes.len()).any(|n| looks_like_request(&bytes[..n]) == Match::No);
                assert!(!early, "{}: a prefix was rejected", bytes.escape_ascii());
            }
        }
        let long = [b"CONNECT ".to_vec(), vec![b'a'; MAX_LINE]].concat();
        assert_eq!(looks_like_request(&long), Match::No);
    }

    #[test]
    fn responses_are_distinguished_from_other_protocols() {
        #[rustfmt::skip]
        let rows: &[(&[u8], Match)] = &[
            (b"HTTP/1.1 101 Switching Protocols\r\n", Match::Yes),
            (b"HTTP/1",                          Match::Yes),
            (b"\r\nHTTP/1",                      Match::Yes),
            (b"",                                Match::NeedMore),
            (b"HTTP/",                           Match::NeedMore),
            (b"HTTP/x",                          Match::No),
            (b"http/1.1 200",                    Match::No),
            (b"\x15\x03\x01\x00\x02",            Match::No),
            (b"220 mail ready\r\n",              Match::No),
        ];
        for (bytes, expected) in rows {
            assert_eq!(looks_like_response(bytes), *expected, "{}", bytes.escape_ascii());
        }
    }
}
