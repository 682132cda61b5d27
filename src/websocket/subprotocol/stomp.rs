//! STOMP (1.0, 1.1, 1.2): a message holds frames, heart-beats, or a piece of a long frame.

use crate::stream::length_u64;
use crate::websocket::subprotocol::{Misfit, Reason};

/// The frames of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frames {
    next: StompNext,
}

/// What the next message begins with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum StompNext {
    /// A frame or a heart-beat.
    #[default]
    Frame,
    /// The next piece of a long frame.
    Piece,
    /// Either: what came before was not seen whole.
    Unknown,
}

/// How a message ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum StompEnd {
    /// After a frame or a heart-beat.
    Whole,
    /// Within a frame.
    Within,
}

impl Frames {
    /// Says that messages are missing.
    pub(super) fn lose(&mut self) {
        self.next = StompNext::Unknown;
    }

    /// Reads a message of which `unseen` bytes follow `content`.
    pub(super) fn read(&mut self, content: &[u8], unseen: u64) -> Option<Misfit> {
        let is_long = length_u64(content.len()).saturating_add(unseen) >= SHORTEST_PIECE;
        if unseen > 0 {
            if is_long || self.next == StompNext::Piece {
                self.next = StompNext::Unknown;
            }
            return None;
        }
        let next = std::mem::take(&mut self.next);
        let known =
            next == StompNext::Frame || (next == StompNext::Unknown && begins_a_frame(content));
        let end = if known {
            match frames(content) {
                Ok(end) => end,
                Err(misfit) => return Some(misfit),
            }
        } else if ends_a_frame(content) {
            StompEnd::Whole
        } else {
            StompEnd::Within
        };
        match end {
            StompEnd::Whole => None,
            StompEnd::Within if !known && next == StompNext::Unknown => {
                self.next = StompNext::Unknown;
                None
            }
            StompEnd::Within if is_long => {
                self.next = StompNext::Piece;
                None
            }
            StompEnd::Within => Some(Misfit::at(content.len(), Reason::StompNul)),
        }
    }
}

/// Reads frames and heart-beats (STOMP 1.2, "STOMP Frames" and "Augmented BNF").
fn frames(content: &[u8]) -> Result<StompEnd, Misfit> {
    let mut rest = content;
    let offset = |rest: &[u8]| content.len().saturating_sub(rest.len());
    loop {
        rest = skip_line_ends(rest);
        if rest.is_empty() {
            return Ok(StompEnd::Whole);
        }
        let (command, after) = line(rest);
        if !COMMANDS.contains(&command) {
            return Err(Misfit::at(offset(rest), Reason::StompCommand));
        }
        let Some(mut headers) = after else { return Ok(StompEnd::Within) };
        let mut length = None;
        let body = loop {
            let (header, after) = line(headers);
            if let Some(at) = header.iter().position(|byte| *byte == 0) {
                let offset = offset(headers).saturating_add(at);
                return Err(Misfit::at(offset, Reason::StompHeaders));
            }
            let Some(after) = after else { return Ok(StompEnd::Within) };
            if header.is_empty() {
                break after;
            }
            let Some(colon) = header.iter().position(|byte| *byte == b':') else {
                return Err(Misfit::at(offset(headers), Reason::StompHeader));
            };
            let (name, value) = header.split_at_checked(colon).unwrap_or_default();
            // STOMP 1.2, "Repeated Header Entries": only the first one counts.
            if name == b"content-length" && length.is_none() {
                let number = number(value.get(1..).unwrap_or_default());
                let fault = Misfit::at(offset(headers), Reason::StompLength);
                length = Some(number.ok_or(fault)?);
            }
            headers = after;
        };
        let end = length.or_else(|| body.iter().position(|byte| *byte == 0));
        let Some(end) = end else { return Ok(StompEnd::Within) };
        match body.get(end) {
            None => return Ok(StompEnd::Within),
            Some(0) => rest = body.get(end.saturating_add(1)..).unwrap_or_default(),
            Some(_) => {
                let offset = offset(body).saturating_add(end);
                return Err(Misfit::at(offset, Reason::StompBody));
            }
        }
    }
}

/// The first line without its end, and what is after it; `None` without a line end.
///
/// Lines end with LF, and since STOMP 1.2 with CR LF as well; before that a CR is not part of a line end.
fn line(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some(at) = bytes.iter().position(|byte| *byte == b'\n') else {
        return (bytes, None);
    };
    let (line, rest) = bytes.split_at_checked(at).unwrap_or_default();
    (line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..))
}

fn skip_line_ends(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(b"\n").or_else(|| bytes.strip_prefix(b"\r\n")) {
        bytes = rest;
    }
    bytes
}

/// Whether a message begins as frames do.
fn begins_a_frame(content: &[u8]) -> bool {
    let rest = skip_line_ends(content);
    rest.is_empty() || COMMANDS.contains(&line(rest).0)
}

/// Whether a message ends as frames do: with a NUL, and line ends after it.
fn ends_a_frame(content: &[u8]) -> bool {
    content.iter().rfind(|byte| !matches!(byte, b'\r' | b'\n')) == Some(&0)
}

/// A content-length, with the spaces around it that STOMP 1.0 allowed.
fn number(value: &[u8]) -> Option<usize> {
    let value = value.trim_ascii();
    let digits = value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| digits)?;
    text.parse().ok()
}

/// Commands of clients and servers (STOMP 1.2, "Client Frames" and "Server Frames").
#[rustfmt::skip]
const COMMANDS: &[&[u8]] = &[
    b"CONNECT", b"STOMP", b"SEND", b"SUBSCRIBE", b"UNSUBSCRIBE", b"ACK", b"NACK", b"BEGIN", b"COMMIT",
    b"ABORT", b"DISCONNECT", b"CONNECTED", b"MESSAGE", b"RECEIPT", b"ERROR",
];

/// The shortest piece, in bytes, that clients cut a long frame into when it takes several messages:
/// 8 KiB (@stomp/stompjs), 16 KiB (its predecessor). The standard does not specify this.
const SHORTEST_PIECE: u64 = 1 << 13;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Option<Misfit> {
        Frames::default().read(content, 0)
    }

    #[test]
    fn frames_and_heart_beats_fit() {
        #[rustfmt::skip]
        let rows: &[(&str, &[u8])] = &[
            // STOMP 1.2, "Connecting", "SEND", "MESSAGE"
            ("CONNECT",                     b"CONNECT\naccept-version:1.2\nhost:stomp.github.org\n\n\0"),
            ("SEND",                        b"SEND\ndestination:/queue/a\ncontent-type:text/plain\n\nhello queue a\n\0"),
            ("MESSAGE with CR LF",          b"MESSAGE\r\nsubscription:0\r\nmessage-id:007\r\n\r\nhello\0\r\n"),
            ("no headers",                  b"DISCONNECT\n\n\0"),
            ("a heart-beat",                b"\n"),
            ("a heart-beat of 1.2",         b"\r\n"),
            ("no bytes",                    b""),
            ("heart-beats before a frame",  b"\n\nRECEIPT\nreceipt-id:1\n\n\0\n"),
            ("two frames",                  b"BEGIN\ntransaction:1\n\n\0COMMIT\ntransaction:1\n\n\0"),
            ("NUL within a body",           b"SEND\ncontent-length:3\n\na\0b\0"),
            ("an empty body of length 0",   b"SEND\ncontent-length:0\n\n\0"),
            ("content-length of 1.0",       b"SEND\ncontent-length: 2\n\nhi\0"),
            ("repeated content-length",     b"SEND\ncontent-length:2\ncontent-length:x\n\nhi\0"),
            ("an empty header",             b"ERROR\n:\n\n\0"),
            ("a colon within a value",      b"SEND\na:b:c\n\n\0"),
        ];
        for (name, content) in rows {
            assert_eq!(read(content), None, "{name}");
        }
    }

    #[test]
    fn invalid_frames_are_reported() {
        use Reason::{StompBody, StompCommand, StompHeader, StompHeaders, StompLength, StompNul};
        #[rustfmt::skip]
        let rows: &[(&str, &[u8], usize, Reason)] = &[
            ("JSON",                        b"{\"a\":1}",                         0,  StompCommand),
            ("a command in lower case",     b"send\n\n\0",                        0,  StompCommand),
            ("a space after a command",    b"SEND \n\n\0",                       0,  StompCommand),
            ("a NUL only",                  b"\0",                                0,  StompCommand),
            ("a second NUL",                b"ACK\nid:1\n\n\0\0",                 11, StompCommand),
            ("a header without a colon",    b"SEND\na:1\nbcd\n\n\0",              9,  StompHeader),
            ("no empty line",               b"SEND\na:1\0",                       8,  StompHeaders),
            ("content-length in words",     b"SEND\ncontent-length:two\n\nhi\0",  5,  StompLength),
            ("a negative content-length",   b"SEND\ncontent-length:-1\n\nhi\0",   5,  StompLength),
            ("no content-length",           b"SEND\ncontent-length:\n\nhi\0",     5,  StompLength),
            ("counted characters, not bytes", "SEND\ncontent-length:2\n\nhé\0".as_bytes(), 25, StompBody),
            ("a body longer than its length",  b"SEND\ncontent-length:1\n\nhi\0",    24, StompBody),
            ("a body shorter than its length", b"SEND\ncontent-length:9\n\nhi\0",    26, StompNul),
            ("no NUL",                      b"SEND\na:1\n\nhi",                   12, StompNul),
            ("a line end for a NUL",        b"SEND\na:1\n\nhi\n",                 13, StompNul),
            ("a command only",              b"SEND\n",                            5,  StompNul),
            ("headers only",                b"SEND\na:1\n",                       9,  StompNul),
            ("no NUL after the second",    b"ACK\nid:1\n\n\0ACK\nid:2\n\n",      21, StompNul),
        ];
        for (name, content, offset, reason) in rows {
            assert_eq!(read(content), Some(Misfit::at(*offset, *reason)), "{name}");
        }
    }

    #[test]
    fn a_long_frame_may_take_several_messages() {
        let mut frame = b"SEND\ncontent-type:text/plain\n\n".to_vec();
        frame.resize(40_000, b'x');
        frame.push(0);
        for size in [8_192, 16_384, 20_000] {
            let mut frames = Frames::default();
            for content in frame.chunks(size) {
                assert_eq!(frames.read(content, 0), None, "in pieces of {size}");
            }
            assert_eq!(frames.next, StompNext::Frame, "in pieces of {size}");
        }
        let mut frames = Frames::default();
        assert_eq!(frames.read(&frame[..20_000], 0), None);
        let misfit = Some(Misfit::at(2, Reason::StompNul));
        assert_eq!(frames.read(b"xx", 0), misfit, "the last piece has no NUL");
        assert_eq!(frames.read(b"\n", 0), None, "and the next message is read anew");
        assert!(read(&frame[..8_000]).is_some(), "no library cuts such short pieces");
    }

    #[test]
    fn incomplete_content_is_not_checked() {
        let mut frames = Frames::default();
        assert_eq!(frames.read(b"{", 1), None);
        assert_eq!(frames.read(b"{}", 0), Some(Misfit::at(0, Reason::StompCommand)));
        assert_eq!(frames.read(b"SEND\n", 1 << 20), None, "the first piece of a frame, perhaps");
        for piece in [&b"{}"[..], b"more", b"the last\0", b"SEND\n\nhi\0"] {
            assert_eq!(frames.read(piece, 0), None, "{}", piece.escape_ascii());
        }
        assert_eq!(frames.read(b"{}", 0), Some(Misfit::at(0, Reason::StompCommand)));
        frames.lose();
        assert_eq!(frames.read(b"{}", 0), None);
        assert_eq!(frames.read(b"SEND\n\nhi", 0), Some(Misfit::at(8, Reason::StompNul)));
    }
}
