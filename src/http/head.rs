//! One whole head of a request or response, kept as it came.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr_iter;
use nom::Offset;

use super::line::{Field, HeadView, Start, is_token, trim};
use crate::stream::{Span, length_u64};

/// The head of an HTTP/1.x request or response (RFC 9112 §2.1), legal or not.
///
/// All text in it is bytes from the network; the accessors named `_text` replace what is not UTF-8.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The bytes from the start line to the empty line, both included.
    pub raw: Vec<u8>,
    /// Its position in its stream.
    pub span: Span,
    /// Its first line.
    pub start: StartLine,
    /// Its fields in order, repetitions included; at most [`MAX_HEADERS`].
    pub headers: Vec<Header>,
    /// What a strict parser would not have accepted.
    pub oddities: Oddities,
}

/// A start line, as ranges of [`Head::raw`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StartLine {
    /// RFC 9112 §3.
    Request {
        /// The first word.
        method: Range<usize>,
        /// Everything between method and version, including inner spaces.
        target: Range<usize>,
        /// The last word if it begins with `HTTP/`, else empty (HTTP/0.9).
        version: Range<usize>,
    },
    /// RFC 9112 §4.
    Response {
        /// The first word, which begins with `HTTP/`.
        version: Range<usize>,
        /// The status code; 0 if it is not three digits.
        status: u16,
        /// The reason phrase, often empty.
        reason: Range<usize>,
    },
}

impl Default for StartLine {
    fn default() -> Self {
        Self::Request { method: 0..0, target: 0..0, version: 0..0 }
    }
}

/// A field of a head, as ranges of [`Head::raw`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Header {
    /// Its name as sent.
    pub name: Range<usize>,
    /// Its value without whitespace around it; a folded value has its line ends inside.
    pub value: Range<usize>,
}

/// What a strict parser would not have accepted in a head, with the first place of each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Oddities {
    /// Lines that end with LF alone (RFC 9112 §2.2).
    pub bare_lf: Occurrences,
    /// Fields folded over several lines (obs-fold, RFC 9112 §5.2).
    pub folded: Occurrences,
    /// Fields with whitespace before the colon (RFC 9112 §5.1).
    pub space_before_colon: Occurrences,
    /// Lines without a colon; they are in [`Head::raw`] only.
    pub without_colon: Occurrences,
    /// Fields with a name that is not a token, or with control bytes in the value (RFC 9110 §5).
    pub odd_bytes: Occurrences,
    /// Fields beyond [`MAX_HEADERS`]; they are in [`Head::raw`] only.
    pub over_limit: Occurrences,
}

/// How often something occurred, and its first position.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Occurrences {
    /// How often.
    pub count: u32,
    /// Offset in [`Head::raw`] of the first; `None` when it never occurred.
    pub first: Option<usize>,
}

impl Occurrences {
    fn add(&mut self, offset: usize) {
        self.count = self.count.saturating_add(1);
        self.first = self.first.or(Some(offset));
    }
}

impl Head {
    /// Memory taken by its bytes and the list of its fields, in bytes.
    pub fn memory(&self) -> usize {
        let fields = self.headers.capacity().saturating_mul(size_of::<Header>());
        self.raw.capacity().saturating_add(fields)
    }

    /// Reads a whole head: `raw` begins with the start line and ends with the empty line.
    pub fn parse(raw: &[u8], span: Span) -> Self {
        let view = HeadView::new(raw);
        let range = |part: &[u8]| range_in(raw, part);
        let start = match view.start {
            Start::Request { method, target, version } => StartLine::Request {
                method: range(method),
                target: range(target),
                version: range(version),
            },
            Start::Response { version, status, reason } => {
                StartLine::Response { version: range(version), status, reason: range(reason) }
            }
        };
        let mut head = Self { raw: raw.to_vec(), span, start, ..Self::default() };
        for at in memchr_iter(b'\n', raw) {
            if at.checked_sub(1).and_then(|before| raw.get(before)) != Some(&b'\r') {
                head.oddities.bare_lf.add(at);
            }
        }
        for field in view.fields() {
            head.add(raw, &field);
        }
        head
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&[u8]> {
        match &self.start {
            StartLine::Request { method, .. } => Some(self.part(method)),
            StartLine::Response { .. } => None,
        }
    }

    /// The target of a request.
    pub fn target(&self) -> Option<&[u8]> {
        match &self.start {
            StartLine::Request { target, .. } => Some(self.part(target)),
            StartLine::Response { .. } => None,
        }
    }

    /// The version, for example `HTTP/1.1`; empty if there is none.
    pub fn version(&self) -> &[u8] {
        match &self.start {
            StartLine::Request { version, .. } | StartLine::Response { version, .. } => {
                self.part(version)
            }
        }
    }

    /// The status of a response; 0 if it is not three digits.
    pub fn status(&self) -> Option<u16> {
        match &self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { status, .. } => Some(*status),
        }
    }

    /// The reason phrase of a response.
    pub fn reason(&self) -> Option<&[u8]> {
        match &self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { reason, .. } => Some(self.part(reason)),
        }
    }

    /// All fields in order, as name and value.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.iter().map(|header| (self.part(&header.name), self.part(&header.value)))
    }

    /// The value of the first field called `name`, in any letter case.
    pub fn header<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// [`Head::header`] as text.
    pub fn header_text<'a>(&'a self, name: &'a str) -> Option<Cow<'a, str>> {
        self.header(name).map(String::from_utf8_lossy)
    }

    /// The values of all fields called `name`, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let wanted = name.as_bytes();
        self.fields().filter_map(|(name, value)| is_same(name, wanted).then_some(value))
    }

    /// The values of all fields called `name` joined with `, ` (RFC 9110 §5.3); `None` if
    /// there is no such field.
    pub fn joined(&self, name: &str) -> Option<Vec<u8>> {
        let values: Vec<&[u8]> = self.all(name).collect();
        if values.is_empty() { None } else { Some(values.join(&b", "[..])) }
    }

    /// The members of the comma-separated list that all fields called `name` make together,
    /// trimmed; empty members are kept. Commas within quotes separate too.
    pub fn tokens<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.all(name).flat_map(|value| value.split(|byte| *byte == b',').map(trim))
    }

    /// Whether `token` is a member of that list, in any letter case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        let token = token.as_bytes();
        let is_in = |value: &[u8]| {
            is_same(value, token)
                || value.len() > token.len()
                    && value.split(|byte| *byte == b',').any(|member| is_same(trim(member), token))
        };
        self.all(name).any(is_in)
    }

    /// Whether a list member other than `token` is there.
    pub(super) fn has_other_token(&self, name: &str, token: &str) -> bool {
        let other = |member: &[u8]| !member.eq_ignore_ascii_case(token.as_bytes());
        self.tokens(name).any(|member| !member.is_empty() && other(member))
    }

    /// Stream offset of a place in [`Head::raw`].
    pub fn offset_of(&self, place: usize) -> u64 {
        self.span.start.saturating_add(length_u64(place))
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.raw.get(range.clone()).unwrap_or_default()
    }

    fn add(&mut self, raw: &[u8], field: &Field<'_>) {
        let at = raw.offset(field.line);
        if field.line.contains(&b'\n') {
            self.oddities.folded.add(at);
        }
        let Some(name) = field.name else {
            self.oddities.without_colon.add(at);
            return;
        };
        if self.headers.len() >= MAX_HEADERS {
            self.oddities.over_limit.add(at);
            return;
        }
        if field.space_before_colon {
            self.oddities.space_before_colon.add(at);
        }
        let is_odd = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r');
        let bare_cr = has_bare_cr(field.value);
        let odd_name = name.is_empty() || !name.iter().copied().all(is_token);
        if odd_name || bare_cr || field.value.iter().any(is_odd) {
            self.oddities.odd_bytes.add(at);
        }
        self.headers.push(Header { name: range_in(raw, name), value: range_in(raw, field.value) });
    }
}

/// Whether both are the same in any letter case; nearly always they are the same in theirs.
#[inline]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one == other || one.eq_ignore_ascii_case(other)
}

fn range_in(raw: &[u8], part: &[u8]) -> Range<usize> {
    if part.is_empty() {
        return 0..0;
    }
    let start = raw.offset(part);
    start..start.saturating_add(part.len())
}

fn has_bare_cr(value: &[u8]) -> bool {
    memchr_iter(b'\r', value).any(|at| value.get(at.saturating_add(1)) != Some(&b'\n'))
}

/// Bytes of the largest head that is read. Servers commonly refuse more than 8 to 64 KiB.
pub const MAX_HEAD: usize = 64 * 1024;

/// Fields of a head that are kept; those after them are counted.
pub const MAX_HEADERS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn head(raw: &str) -> Head {
        Head::parse(raw.as_bytes(), Span::default())
    }

    #[test]
    fn fields_keep_order_repetitions_and_letter_case() {
        let head = head(
            "GET /chat HTTP/1.1\r\nHost: a\r\nX-One:1\r\nx-one: \t 2 \r\nEmpty:\r\nUpgrade: h2c, WebSocket\r\n\r\n",
        );
        assert_eq!(head.method(), Some(&b"GET"[..]));
        assert_eq!(head.target(), Some(&b"/chat"[..]));
        assert_eq!((head.version(), head.status()), (&b"HTTP/1.1"[..], None));
        assert_eq!(head.headers.len(), 5);
        assert_eq!(head.all("X-ONE").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(head.joined("x-one"), Some(b"1, 2".to_vec()));
        assert_eq!(head.header("empty"), Some(&b""[..]));
        assert_eq!((head.header("absent"), head.joined("absent")), (None, None));
        assert!(head.has_token("upgrade", "websocket"));
        assert!(!head.has_token("upgrade", "web"));
        assert_eq!(head.oddities, Oddities::default());
    }

    #[test]
    fn oddities_are_counted_where_they_stand() {
        #[rustfmt::skip]
        let rows: &[(&str, &str, [u32; 5])] = &[
            // name, head, [bare LF, folded, space before colon, without colon, odd bytes]
            ("clean",              "G / HTTP/1.1\r\nA: b\r\n\r\n",           [0, 0, 0, 0, 0]),
            ("high bytes are text", "G / HTTP/1.1\r\nA: \u{e9}\r\n\r\n",     [0, 0, 0, 0, 0]),
            ("bare LF",            "G / HTTP/1.1\nA: b\n\n",                 [3, 0, 0, 0, 0]),
            ("folded",             "G / HTTP/1.1\r\nA: b\r\n  c\r\n\r\n",    [0, 1, 0, 0, 0]),
            ("space before colon", "G / HTTP/1.1\r\nA : b\r\n\r\n",          [0, 0, 1, 0, 0]),
            ("no colon",           "G / HTTP/1.1\r\nnonsense\r\n\r\n",       [0, 0, 0, 1, 0]),
            ("name not a token",   "G / HTTP/1.1\r\nA(b: c\r\n: d\r\n\r\n",  [0, 0, 0, 0, 2]),
            ("NUL in a value",     "G / HTTP/1.1\r\nA: b\0c\r\n\r\n",        [0, 0, 0, 0, 1]),
            ("bare CR",            "G / HTTP/1.1\r\nA: b\rc\r\n\r\n",        [0, 0, 0, 0, 1]),
        ];
        for (name, raw, expected) in rows {
            let odd = head(raw).oddities;
            let seen =
                [odd.bare_lf, odd.folded, odd.space_before_colon, odd.without_colon, odd.odd_bytes];
            assert_eq!(seen.map(|kind| kind.count), *expected, "{name}");
            assert!(seen.iter().all(|kind| (kind.count > 0) == kind.first.is_some()), "{name}");
        }
    }

    #[test]
    fn folded_values_are_one_value() {
        let head = head("GET / HTTP/1.1\r\nConnection: keep-alive,\r\n Upgrade\r\nHost: a\r\n\r\n");
        assert!(head.has_token("connection", "upgrade"));
        assert_eq!(head.header("host"), Some(&b"a"[..]));
        assert_eq!(head.oddities.folded, Occurrences { count: 1, first: Some(16) });
    }

    #[test]
    fn too_many_fields_are_counted() {
        let raw = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 7));
        let head = head(&raw);
        assert_eq!((head.headers.len(), head.oddities.over_limit.count), (MAX_HEADERS, 7));
    }

    #[test]
    fn agrees_with_httparse_on_valid_heads() {
        let heads = [
            "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\r\n",
            "OPTIONS * HTTP/1.0\r\n\r\n",
            "GET http://a/b?c=d&e HTTP/1.1\r\nA:b\r\nA:   c  \r\nX_y!z: , ,\r\nB:\r\n\r\n",
            "M-SEARCH * HTTP/1.1\r\nST: \"ssdp:all\"\r\n\r\n",
        ];
        for raw in heads {
            let mut fields = [httparse::EMPTY_HEADER; 16];
            let mut theirs = httparse::Request::new(&mut fields);
            assert!(theirs.parse(raw.as_bytes()).unwrap().is_complete());
            let ours = head(raw);
            assert_eq!(ours.method(), theirs.method.map(str::as_bytes), "{raw}");
            assert_eq!(ours.target(), theirs.path.map(str::as_bytes), "{raw}");
            let expected = theirs.headers.iter().map(|field| (field.name.as_bytes(), field.value));
            assert!(ours.fields().eq(expected), "{raw}");
        }
        let heads = [
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.0 404\r\nServer: x\r\n\r\n",
            "HTTP/1.1 200 \r\nA: b\r\n\r\n",
        ];
        for raw in heads {
            let mut fields = [httparse::EMPTY_HEADER; 16];
            let mut theirs = httparse::Response::new(&mut fields);
            assert!(theirs.parse(raw.as_bytes()).unwrap().is_complete());
            let ours = head(raw);
            assert_eq!(ours.status(), theirs.code, "{raw}");
            assert_eq!(ours.reason(), theirs.reason.map(str::as_bytes), "{raw}");
            let expected = theirs.headers.iter().map(|field| (field.name.as_bytes(), field.value));
            assert!(ours.fields().eq(expected), "{raw}");
        }
    }

    #[test]
    fn every_prefix_and_random_bytes_are_survived() {
        let raw = b"GET /a HTTP/1.1\r\nHost: b\r\n folded\r\nX : y\nnonsense\r\n\r\n";
        for length in 0..=raw.len() {
            let head = Head::parse(&raw[..length], Span::default());
            assert!(head.fields().all(|(name, _)| !name.is_empty()));
        }
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for _ in 0..5_000 {
            let bytes: Vec<u8> = (0..60)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    b"HTTP/1 :\r\n\t,\xffa"[usize::try_from(state % 14).unwrap()]
                })
                .collect();
            let head = Head::parse(&bytes, Span::default());
            assert_eq!(head.fields().count(), head.headers.len());
            assert_eq!(head.tokens("a").count(), head.tokens("A").count());
        }
    }
}
