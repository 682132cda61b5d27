//! Bodies, which are skipped and not kept: their lengths and ends.

use memchr::memchr;

use super::Head;
use super::head_summary::{Coding, HeadSummary, Length};
use crate::stream::{length_u64, length_usize};

/// How much of a body is still to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Body {
    /// This many bytes.
    Length(u64),
    /// Chunks (RFC 9112 §7.1).
    Chunked(ChunkedState),
    /// All bytes until the connection closes.
    UntilClose,
}

/// What follows a head (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Framing {
    /// The next head.
    Nothing,
    /// A body.
    Body(Body),
    /// The head contradicts itself.
    Unknown,
}

/// Where the next byte is in a chunked body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ChunkedState {
    /// In the digits of a size; the value of those before it.
    Size(Option<u64>),
    /// In what follows the digits: a chunk extension, the line end.
    SizeEnd(u64),
    /// In the data of a chunk, with so many bytes to come.
    Data(u64),
    /// In the line end after the data.
    DataEnd,
    /// In a line of the trailer section that is empty so far.
    TrailerStart,
    /// In a line of the trailer section.
    Trailer,
}

/// What became of bytes that were offered to a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Passed {
    /// They all belong to it, and more may.
    All,
    /// So many belong to it, and it is whole.
    Whole(usize),
    /// They contradict its framing.
    Broken,
}

/// What became of a gap in a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Missing {
    /// It is inside the body.
    Inside,
    /// It ends with the body.
    Whole,
    /// It hides the end of the body; this many bytes follow the last known position.
    Beyond(u64),
}

impl Framing {
    /// What follows the head of a request.
    pub(super) fn of_request(summary: &HeadSummary) -> Self {
        match (summary.coding, summary.length) {
            (Coding::Chunked, _) => Self::Body(Body::Chunked(ChunkedState::Size(None))),
            (Coding::Other, _) | (Coding::Absent, Length::Bad) => Self::Unknown,
            (Coding::Absent, length) => Self::of_length(length).unwrap_or(Self::Nothing),
        }
    }

    /// What follows the head of a response that may have a body.
    pub(super) fn of_response(summary: &HeadSummary) -> Self {
        match (summary.coding, summary.length) {
            (Coding::Chunked, _) => Self::Body(Body::Chunked(ChunkedState::Size(None))),
            (Coding::Other, _) => Self::Body(Body::UntilClose),
            (Coding::Absent, Length::Bad) => Self::Unknown,
            (Coding::Absent, length) => {
                Self::of_length(length).unwrap_or(Self::Body(Body::UntilClose))
            }
        }
    }

    fn of_length(length: Length) -> Option<Self> {
        match length {
            Length::Bytes(0) => Some(Self::Nothing),
            Length::Bytes(bytes) => Some(Self::Body(Body::Length(bytes))),
            Length::Absent | Length::Bad => None,
        }
    }
}

impl Body {
    /// Skips the bytes of it that `bytes` begin with.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Passed {
        match self {
            Self::UntilClose => Passed::All,
            Self::Length(remaining) => match pass(remaining, bytes.len()) {
                taken if *remaining == 0 => Passed::Whole(taken),
                _ => Passed::All,
            },
            Self::Chunked(state) => state.push(bytes),
        }
    }

    /// Skips missing bytes.
    pub(super) fn gap(&mut self, length: u64) -> Missing {
        let (remaining, whole) = match self {
            Self::UntilClose => return Missing::Inside,
            Self::Length(remaining) => (remaining, Missing::Whole),
            Self::Chunked(ChunkedState::Data(remaining)) => (remaining, Missing::Inside),
            Self::Chunked(
                ChunkedState::Size(_)
                | ChunkedState::SizeEnd(_)
                | ChunkedState::DataEnd
                | ChunkedState::TrailerStart
                | ChunkedState::Trailer,
            ) => return Missing::Beyond(length),
        };
        let Some(rest) = remaining.checked_sub(length) else {
            return Missing::Beyond(length.saturating_sub(*remaining));
        };
        *remaining = rest;
        if rest > 0 {
            return Missing::Inside;
        }
        if let Self::Chunked(state) = self {
            *state = ChunkedState::DataEnd;
        }
        whole
    }
}

impl ChunkedState {
    fn push(&mut self, bytes: &[u8]) -> Passed {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let mut taken = 1;
            *self = match *self {
                Self::Size(before) => match (hex_digit(byte), before) {
                    (Some(digit), _) => match append(before.unwrap_or_default(), digit) {
                        Some(size) => Self::Size(Some(size)),
                        None => return Passed::Broken,
                    },
                    (None, Some(size)) => {
                        taken = 0;
                        Self::SizeEnd(size)
                    }
                    (None, None) => return Passed::Broken,
                },
                Self::SizeEnd(size) => match (memchr(b'\n', rest), size) {
                    (None, _) => return Passed::All,
                    (Some(end), size) => {
                        taken = end.saturating_add(1);
                        if size == 0 { Self::TrailerStart } else { Self::Data(size) }
                    }
                },
                Self::Data(mut remaining) => {
                    taken = pass(&mut remaining, rest.len());
                    if remaining == 0 { Self::DataEnd } else { Self::Data(remaining) }
                }
                Self::DataEnd => match byte {
                    b'\r' => Self::DataEnd,
                    b'\n' => Self::Size(None),
                    _ => return Passed::Broken,
                },
                Self::TrailerStart => match byte {
                    b'\r' => Self::TrailerStart,
                    b'\n' => {
                        let whole = bytes.len().saturating_sub(rest.len()).saturating_add(taken);
                        return Passed::Whole(whole);
                    }
                    _ => Self::Trailer,
                },
                Self::Trailer => match memchr(b'\n', rest) {
                    None => return Passed::All,
                    Some(end) => {
                        taken = end.saturating_add(1);
                        Self::TrailerStart
                    }
                },
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        Passed::All
    }
}

/// The beginning of a response's body without the framing of chunks (RFC 9112 §7.1), as its content coding left
/// it. `raw` is what followed the head, as far as it is known.
pub fn plain_body(response: &Head, raw: &[u8]) -> Vec<u8> {
    if response.has_token("Transfer-Encoding", "chunked") {
        return without_chunks(raw);
    }
    let length = response.header_text("Content-Length").and_then(|text| text.parse().ok());
    raw.get(..length.unwrap_or(usize::MAX)).unwrap_or(raw).to_vec()
}

fn without_chunks(raw: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut rest = raw;
    while let Some(end) = memchr(b'\n', rest) {
        let (line, after) = rest.split_at(end);
        let digits = line.iter().map_while(|byte| hex_digit(*byte));
        let size = digits.fold(0_usize, |size, digit| {
            size.saturating_mul(16).saturating_add(length_usize(digit))
        });
        let after = after.get(1..).unwrap_or_default();
        let (chunk, after) = after.split_at(size.min(after.len()));
        data.extend_from_slice(chunk);
        // The line end after the data.
        rest =
            after.strip_prefix(b"\r\n").or_else(|| after.strip_prefix(b"\n")).unwrap_or_default();
    }
    data
}

/// Takes up to `available` bytes off `remaining`; how many.
fn pass(remaining: &mut u64, available: usize) -> usize {
    let taken = length_u64(available).min(*remaining);
    *remaining = remaining.saturating_sub(taken);
    length_usize(taken)
}

fn hex_digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(HEXADECIMAL).map(u64::from)
}

fn append(size: u64, digit: u64) -> Option<u64> {
    size.checked_mul(u64::from(HEXADECIMAL))?.checked_add(digit)
}

/// Base of a chunk size (RFC 9112 §7.1).
const HEXADECIMAL: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: Body = Body::Chunked(ChunkedState::Size(None));

    #[test]
    fn bodies_end_where_their_framing_says() {
        #[rustfmt::skip]
        let rows: &[(&str, Body, &[u8], Passed)] = &[
            ("length",          Body::Length(3),  b"abcREST",                       Passed::Whole(3)),
            ("length, part",    Body::Length(9),  b"abc",                           Passed::All),
            ("until close",     Body::UntilClose, b"abc",                           Passed::All),
            ("one chunk",       CHUNKED,          b"3\r\nabc\r\n0\r\n\r\nREST",     Passed::Whole(13)),
            ("two chunks",      CHUNKED,          b"1\r\na\r\n0A\r\n0123456789\r\n0\r\n\r\n", Passed::Whole(27)),
            ("extension",       CHUNKED,          b"1;a=\"b\"\r\na\r\n0;c\r\n\r\n", Passed::Whole(19)),
            ("trailer",         CHUNKED,          b"0\r\nA: b\r\nC: d\r\n\r\nX",    Passed::Whole(17)),
            ("bare LF",         CHUNKED,          b"1\na\n0\n\n",                   Passed::Whole(7)),
            ("not whole",       CHUNKED,          b"5\r\nabc",                      Passed::All),
            ("no size",         CHUNKED,          b"\r\n",                          Passed::Broken),
            ("not hexadecimal", CHUNKED,          b"GET",                           Passed::Broken),
            ("size too large",  CHUNKED,          b"11111111111111111\r\n",         Passed::Broken),
            ("no line end",     CHUNKED,          b"1\r\nab\r\n",                   Passed::Broken),
        ];
        for (name, body, bytes, expected) in rows {
            let mut whole = *body;
            assert_eq!(whole.push(bytes), *expected, "{name}");
            let mut pieces = *body;
            let mut seen = Passed::All;
            for (at, byte) in bytes.iter().enumerate() {
                seen = match pieces.push(&[*byte]) {
                    Passed::Whole(taken) => Passed::Whole(at + taken),
                    other => other,
                };
                if seen != Passed::All {
                    break;
                }
            }
            assert_eq!(seen, *expected, "{name}, byte by byte");
        }
    }

    #[test]
    fn gaps_inside_a_known_length_keep_sync() {
        let data = Body::Chunked(ChunkedState::Data(10));
        #[rustfmt::skip]
        let rows: &[(&str, Body, u64, Missing)] = &[
            ("inside",               Body::Length(10),  9,  Missing::Inside),
            ("to the end",           Body::Length(10),  10, Missing::Whole),
            ("beyond",               Body::Length(10),  12, Missing::Beyond(2)),
            ("until close",          Body::UntilClose,  99, Missing::Inside),
            ("inside a chunk",       data,              9,  Missing::Inside),
            ("to the end of a chunk", data,             10, Missing::Inside),
            ("beyond a chunk",       data,              11, Missing::Beyond(1)),
            ("over a size",          CHUNKED,           1,  Missing::Beyond(1)),
        ];
        for (name, body, length, expected) in rows {
            let mut body = *body;
            assert_eq!(body.gap(*length), *expected, "{name}");
        }
    }
}
