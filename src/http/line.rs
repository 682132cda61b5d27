//! Lines of a head, read leniently and without copying.
//!
//! Nothing here can fail: whatever a line contains becomes some start line or some field, and
//! what was odd about it stays visible in the bytes.

use std::ops::Range;

use memchr::{memchr, memrchr};
use nom::bytes::complete::{tag, tag_no_case, take_till, take_while};
use nom::character::complete::space0;
use nom::combinator::{opt, peek, recognize, rest};
use nom::error::{Error, ErrorKind};
use nom::multi::many0_count;
use nom::{IResult, Parser};

/// A head that is still part of somebody else's buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadView<'a> {
    /// Its first line.
    pub(super) start: Start<'a>,
    /// Everything after the first line.
    fields: &'a [u8],
}

impl<'a> HeadView<'a> {
    /// Reads the first line of `raw`, which begins with it.
    pub(super) fn new(raw: &'a [u8]) -> Self {
        let (fields, first) = line(raw).unwrap_or((&[], raw));
        Self { start: Start::read(without_line_end(first)), fields }
    }

    /// The header fields in order, lines without a colon included.
    pub(super) fn fields(&self) -> Fields<'a> {
        Fields { input: self.fields }
    }
}

/// A start line (RFC 9112 §2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Start<'a> {
    /// RFC 9112 §3; parts that are missing are empty.
    Request { method: &'a [u8], target: &'a [u8], version: &'a [u8] },
    /// RFC 9112 §4; a status that is not three digits is 0.
    Response { version: &'a [u8], status: u16, reason: &'a [u8] },
}

impl<'a> Start<'a> {
    fn read(content: &'a [u8]) -> Self {
        status_line(content).map_or_else(|_| request_line(content), |(_, start)| start)
    }
}

/// One field line with its folded continuations (RFC 9112 §5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Field<'a> {
    /// All of it, without the line end.
    pub(super) line: &'a [u8],
    /// The name without whitespace around it; `None` if the line has no colon.
    pub(super) name: Option<&'a [u8]>,
    /// There is whitespace between name and colon (forbidden by RFC 9112 §5.1).
    pub(super) space_before_colon: bool,
    /// The value without whitespace around it; with line ends inside it if it is folded.
    pub(super) value: &'a [u8],
}

/// The fields of a head in order, up to the empty line.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    input: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        if without_line_end(line(self.input).ok()?.1).is_empty() {
            return None;
        }
        let (input, whole) = folded_line(self.input).ok()?;
        self.input = input;
        Some(field(without_line_end(whole)))
    }
}

/// Finds the end of a head that arrives in pieces, without looking at any byte twice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HeadEnd {
    line_start: usize,
    searched: usize,
    begin: Option<usize>,
}

impl HeadEnd {
    /// Looks on in `bytes`, which begin with all bytes of earlier calls. Gives the place of the
    /// head: from after empty lines (RFC 9112 §2.2) to after its own empty line.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        while let Some(at) = bytes.get(self.searched..).and_then(|rest| memchr(b'\n', rest)) {
            let end = self.searched.saturating_add(at);
            let content = bytes.get(self.line_start..end).unwrap_or_default();
            let begin = self.line_start;
            self.line_start = end.saturating_add(1);
            self.searched = self.line_start;
            match (is_blank(content), self.begin) {
                (true, Some(begin)) => return Some(begin..self.line_start),
                (true, None) => {}
                (false, _) => self.begin = self.begin.or(Some(begin)),
            }
        }
        self.searched = bytes.len();
        None
    }
}

/// Cuts whitespace and line ends off both sides (OWS of RFC 9110 §5.6.3, and folding).
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let start = bytes.iter().position(|byte| !is_space(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// Whether `byte` may occur in a token (RFC 9110 §5.6.2).
pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// One line with its line end; the last one may lack it.
fn line(input: &[u8]) -> IResult<&[u8], &[u8]> {
    if input.is_empty() {
        return Err(nom::Err::Error(Error::new(input, ErrorKind::Eof)));
    }
    let length = memchr(b'\n', input).map_or(input.len(), |at| at.saturating_add(1));
    let (line, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
    Ok((rest, line))
}

/// A line and those that continue it by beginning with whitespace (obs-fold, RFC 9112 §5.2).
fn folded_line(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let continuation = (peek(nom::branch::alt((tag(" "), tag("\t")))), line);
    recognize((line, many0_count(continuation))).parse(input)
}

fn status_line(content: &[u8]) -> IResult<&[u8], Start<'_>> {
    let version = recognize((tag_no_case("HTTP/"), take_till(is_space)));
    let status = take_while(|byte: u8| byte.is_ascii_digit());
    let (unread, (version, _, status, _, reason)) =
        (version, space0, status, space0, rest).parse(content)?;
    Ok((unread, Start::Response { version, status: status_code(status), reason: trim(reason) }))
}

fn request_line(content: &[u8]) -> Start<'_> {
    let parts = (take_till::<_, _, Error<&[u8]>>(is_space), space0, rest).parse(content);
    let (method, after) =
        parts.map_or((content, &[][..]), |(_, (method, _, after))| (method, after));
    let after = trim(after);
    let last_word = memrchr(b' ', after).map_or(0, |at| at.saturating_add(1));
    let (target, version) = after.split_at_checked(last_word).unwrap_or((after, &[]));
    if tag_no_case::<_, _, Error<&[u8]>>("HTTP/").parse(version).is_ok() {
        Start::Request { method, target: trim(target), version }
    } else {
        Start::Request { method, target: after, version: &[] }
    }
}

fn field(line: &[u8]) -> Field<'_> {
    let name = take_till::<_, _, Error<&[u8]>>(|byte| byte == b':');
    let Ok((_, (name, Some(_), value))) = (name, opt(tag(":")), rest).parse(line) else {
        return Field { line, name: None, space_before_colon: false, value: &[] };
    };
    let space_before_colon = name.last().copied().is_some_and(is_space);
    Field { line, name: Some(trim(name)), space_before_colon, value: trim(value) }
}

fn status_code(digits: &[u8]) -> u16 {
    let text = if digits.len() == STATUS_DIGITS { str::from_utf8(digits).ok() } else { None };
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_blank(content: &[u8]) -> bool {
    matches!(content, b"" | b"\r")
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Digits of a status code (RFC 9110 §15).
const STATUS_DIGITS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_lines_are_read_whatever_they_hold() {
        #[rustfmt::skip]
        let requests: &[(&str, &str, &str, &str)] = &[
            ("GET /chat HTTP/1.1",   "GET", "/chat", "HTTP/1.1"),
            ("GET /a b HTTP/1.0",    "GET", "/a b",  "HTTP/1.0"),
            ("GET  /   HTTP/1.1 ",   "GET", "/",     "HTTP/1.1"),
            ("GET /",                "GET", "/",     ""),
            ("GET HTTP/1.1",         "GET", "",      "HTTP/1.1"),
            ("get / http/1.1",       "get", "/",     "http/1.1"),
            ("nonsense",             "nonsense", "", ""),
        ];
        for (line, method, target, version) in requests {
            let expected = Start::Request {
                method: method.as_bytes(),
                target: target.as_bytes(),
                version: version.as_bytes(),
            };
            assert_eq!(HeadView::new(line.as_bytes()).start, expected, "{line}");
        }
        #[rustfmt::skip]
        let responses: &[(&str, &str, u16, &str)] = &[
            ("HTTP/1.1 101 Switching Protocols", "HTTP/1.1", 101, "Switching Protocols"),
            ("HTTP/1.1 101",                     "HTTP/1.1", 101, ""),
            ("HTTP/1.0  404  Not Found",         "HTTP/1.0", 404, "Not Found"),
            ("HTTP/1.1 abc",                     "HTTP/1.1", 0,   "abc"),
            ("HTTP/1.1 99999 many",              "HTTP/1.1", 0,   "many"),
            ("HTTP/1.1",                         "HTTP/1.1", 0,   ""),
        ];
        for (line, version, status, reason) in responses {
            let expected = Start::Response {
                version: version.as_bytes(),
                status: *status,
                reason: reason.as_bytes(),
            };
            assert_eq!(HeadView::new(line.as_bytes()).start, expected, "{line}");
        }
    }

    #[test]
    fn head_ends_at_its_empty_line_however_it_arrives() {
        type LineRow<'a> = (&'a str, &'a [u8], Option<Range<usize>>);
        #[rustfmt::skip]
        let rows: &[LineRow<'_>] = &[
            ("plain",               b"G\r\nA: b\r\n\r\nrest", Some(0..11)),
            ("bare LF",             b"G\nA: b\n\nrest",       Some(0..8)),
            ("mixed line ends",     b"G\r\nA: b\n\r\n",       Some(0..10)),
            ("empty lines before",  b"\r\n\nG\r\n\r\n",       Some(3..8)),
            ("line of one space",   b"G\r\n \r\n",            None),
            ("only empty lines",    b"\r\n\r\n\r\n",          None),
            ("no empty line",       b"G\r\nA: b\r\n",         None),
        ];
        for (name, bytes, expected) in rows {
            assert_eq!(HeadEnd::default().find(bytes), *expected, "{name}");
            let mut end = HeadEnd::default();
            let found = (0..=bytes.len()).find_map(|length| end.find(&bytes[..length]));
            assert_eq!(found, *expected, "{name}, byte by byte");
        }
    }
}
