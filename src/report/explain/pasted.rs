//! Heads of HTTP that were pasted: who sent them, and what follows them.

use crate::stream::{Direction, PerDirection};

/// What was pasted of a conversation that begins with HTTP.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct PastedHttp {
    pub(super) sides: PerDirection<PastedStream>,
}

/// What one peer sends.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct PastedStream {
    /// Empty if nothing of it was pasted. A head always has its end here.
    pub(super) bytes: Vec<u8>,
    pub(super) end: HeadEnd,
}

/// Whether the empty line at the end of a head was pasted, so that nothing of it is missing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum HeadEnd {
    Pasted,
    /// It was added.
    #[default]
    Missing,
}

impl PastedHttp {
    /// Finds out who sent what; `None` if the bytes do not begin with a head.
    ///
    /// - A request, a response, or one after the other, as bytes or as text. The lines of a text end with LF where
    ///   it was copied from; then that is not what was sent.
    /// - The output of `curl -v`: lines with `>` and `<` before them.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        if let Some(marked) = of_curl(bytes) {
            return Some(marked);
        }
        let is_text = !bytes.windows(2).any(|pair| pair == b"\r\n");
        let stray = bytes.iter().take(MOST_STRAY).take_while(|byte| STRAY.contains(byte)).count();
        let (before, rest) = bytes.split_at_checked(stray)?;
        let (client, server) = if is_status_line(rest) {
            (Vec::new(), if is_text { rest.to_vec() } else { [before, rest].concat() })
        } else if is_request_line(rest) || rest.starts_with(PROXY) {
            let (client, server) = rest.split_at_checked(response_in(rest, is_text))?;
            (client.to_vec(), server.to_vec())
        } else {
            return None;
        };
        let stream = |bytes: Vec<u8>| {
            if is_text { PastedStream::of_text(&bytes) } else { PastedStream::of_bytes(bytes) }
        };
        Some(Self { sides: PerDirection { client: stream(client), server: stream(server) } })
    }

    /// Who sent something that was pasted; `None` if both did.
    pub(super) fn only(&self) -> Option<Direction> {
        let has = |direction| !self.sides.get(direction).bytes.is_empty();
        let (client, server) = (has(Direction::ClientToServer), has(Direction::ServerToClient));
        (client != server).then_some(if client {
            Direction::ClientToServer
        } else {
            Direction::ServerToClient
        })
    }
}

impl PastedStream {
    /// Makes lines that end with CRLF of the head in a text; what follows it stays as it is.
    fn of_text(text: &[u8]) -> Self {
        let mut bytes = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            rest = after.get(1..).unwrap_or_default();
            bytes.extend_from_slice(line.trim_ascii_end());
            bytes.extend_from_slice(b"\r\n");
            if line.trim_ascii().is_empty() {
                let is_blank = rest.trim_ascii().is_empty();
                bytes.extend_from_slice(if is_blank { &[] } else { rest.trim_ascii_end() });
                return Self { bytes, end: HeadEnd::Pasted };
            }
        }
        if !bytes.is_empty() {
            bytes.extend_from_slice(b"\r\n");
        }
        Self { bytes, end: HeadEnd::Missing }
    }

    fn of_bytes(mut bytes: Vec<u8>) -> Self {
        if bytes.is_empty() || head_end(&bytes).is_some() {
            return Self { bytes, end: HeadEnd::Pasted };
        }
        bytes.extend_from_slice(if bytes.ends_with(b"\n") { b"\r\n" } else { b"\r\n\r\n" });
        Self { bytes, end: HeadEnd::Missing }
    }
}

/// Where a head begins, beside what precedes it, and where what follows it begins.
pub(super) fn head_of(bytes: &[u8]) -> Option<(usize, usize)> {
    let stray = bytes.iter().take(MOST_STRAY).take_while(|byte| STRAY.contains(byte)).count();
    let end = head_end(bytes.get(stray..)?)?;
    Some((stray, stray.saturating_add(end)))
}

/// The offset of what follows the empty line at the end of a head.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let mut start = 0_usize;
    while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        start = start.saturating_add(end).saturating_add(1);
        // The line before the first one, if it is empty, ends nothing.
        let is_first = start == end.saturating_add(1);
        if rest.get(..end).is_some_and(|line| line.trim_ascii().is_empty()) && !is_first {
            return Some(start);
        }
    }
    None
}

/// Where the response begins in bytes that begin with a request, with stray bytes before it; their end if there is
/// none.
fn response_in(bytes: &[u8], is_text: bool) -> usize {
    let lines = bytes.windows(1).enumerate().filter(|(_, byte)| *byte == b"\n");
    let starts = lines.map(|(place, _)| place.saturating_add(1));
    let status = |start: &usize| {
        let rest = bytes.get(*start..).unwrap_or_default();
        let stray = rest.iter().take(MOST_STRAY).take_while(|byte| STRAY.contains(byte)).count();
        rest.get(stray..).is_some_and(is_status_line)
    };
    let begin = |start: usize| bytes.get(start..).is_some_and(is_status_line);
    let end = head_end(bytes);
    match end.filter(|end| !is_text && status(end)) {
        Some(end) => end,
        None => starts.clone().find(|start| begin(*start)).unwrap_or(bytes.len()),
    }
}

/// The two sides of what `curl -v` writes.
fn of_curl(bytes: &[u8]) -> Option<PastedHttp> {
    let text = std::str::from_utf8(bytes).ok()?;
    let marked = |mark: &str, is_it: fn(&[u8]) -> bool| {
        text.lines().any(|line| line.strip_prefix(mark).is_some_and(|rest| is_it(rest.as_bytes())))
    };
    if !marked("> ", is_request_line) && !marked("< ", is_status_line) {
        return None;
    }
    let mut http = PastedHttp::default();
    let mut body = String::new();
    for line in text.lines().map(str::trim_end) {
        let stream = match line.chars().next() {
            Some('>') => &mut http.sides.client,
            Some('<') => &mut http.sides.server,
            _ => {
                let is_of_curl = OF_CURL.iter().any(|start| line.starts_with(start));
                if http.sides.server.end == HeadEnd::Pasted && !is_of_curl {
                    body.push_str(line);
                    body.push('\n');
                }
                continue;
            }
        };
        let content = line.get(1..).unwrap_or_default().trim_start();
        if content.is_empty() && !stream.bytes.is_empty() {
            stream.end = HeadEnd::Pasted;
        }
        stream.bytes.extend_from_slice(content.as_bytes());
        stream.bytes.extend_from_slice(b"\r\n");
    }
    for stream in [&mut http.sides.client, &mut http.sides.server] {
        if stream.end == HeadEnd::Missing && !stream.bytes.is_empty() {
            stream.bytes.extend_from_slice(b"\r\n");
        }
    }
    http.sides.server.bytes.extend_from_slice(body.trim_end().as_bytes());
    Some(http)
}

/// Whether bytes begin with `HTTP/1.1 101`.
fn is_status_line(bytes: &[u8]) -> bool {
    let rest = bytes.strip_prefix(b"HTTP/1.").unwrap_or_default();
    matches!(rest, [_, b' ', a, b, c, ..] if [a, b, c].iter().all(|it| it.is_ascii_digit()))
}

/// Whether bytes begin with `GET /path HTTP/1.1`.
fn is_request_line(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    let mut words = line.split(|byte| *byte == b' ');
    let method = words.next().unwrap_or_default();
    let is_method =
        (2..=MOST_METHOD).contains(&method.len()) && method.iter().all(u8::is_ascii_alphabetic);
    is_method && words.next_back().is_some_and(|version| version.starts_with(b"HTTP/"))
}

/// The most bytes before a head that are taken for stray ones.
const MOST_STRAY: usize = 16;

/// What precedes a head by mistake: line ends, blanks, NUL, and the three bytes of a byte order mark.
const STRAY: &[u8] = b"\r\n\t \0\xef\xbb\xbf";

/// What a header of the PROXY protocol begins with (version 1, §2.1).
const PROXY: &[u8] = b"PROXY TCP";

/// What lines of curl's own begin with.
const OF_CURL: &[&str] = &["* ", "{ [", "} [", "  % ", "  0 "];

/// The longest method.
const MOST_METHOD: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    const RESPONSE: &str = "HTTP/1.1 400 Bad Request\r\nA: b\r\n\r\n";

    /// What was pasted, the streams of client and server, and whether the end of each head was pasted.
    type Row = (&'static str, &'static [u8], &'static str, &'static str, [HeadEnd; 2]);

    #[test]
    fn heads_are_given_to_their_senders() {
        use HeadEnd::{Missing, Pasted};
        #[rustfmt::skip]
        let rows: &[Row] = &[
            ("a request", b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", REQUEST, "", [Pasted, Pasted]),
            ("a text", b"GET /a HTTP/1.1\nHost: a\n\n", REQUEST, "", [Pasted, Missing]),
            ("a text without its last line", b"GET /a HTTP/1.1\nHost: a", REQUEST, "", [Missing, Missing]),
            ("both", b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nHTTP/1.1 400 Bad Request\r\nA: b\r\n\r\n", REQUEST, RESPONSE, [Pasted, Pasted]),
            ("both as a text", b"\nGET /a HTTP/1.1\nHost: a\n\nHTTP/1.1 400 Bad Request\nA: b\n\nno\n", REQUEST, "HTTP/1.1 400 Bad Request\r\nA: b\r\n\r\nno", [Pasted, Pasted]),
            ("both, nothing between them", b"GET /a HTTP/1.1\nHost: a\nHTTP/1.1 400 Bad Request\nA: b", REQUEST, RESPONSE, [Missing, Missing]),
            ("a blank line before the response", b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n\r\nHTTP/1.1 400 Bad Request\r\nA: b\r\n\r\n", REQUEST, "\r\nHTTP/1.1 400 Bad Request\r\nA: b\r\n\r\n", [Pasted, Pasted]),
            ("a response", b"HTTP/1.1 400 Bad Request\r\nA: b\r\n\r\n", "", RESPONSE, [Pasted, Pasted]),
            ("curl -v", b"* Connected to a\n> GET /a HTTP/1.1\n> Host: a\n> \n< HTTP/1.1 400 Bad Request\n< A: b\n< \n{ [2 bytes data]\nno\n* Closing\n", REQUEST, "HTTP/1.1 400 Bad Request\r\nA: b\r\n\r\nno", [Pasted, Pasted]),
        ];
        for (name, bytes, client, server, ends) in rows {
            let http = PastedHttp::of(bytes).unwrap();
            let text = |stream: &PastedStream| String::from_utf8(stream.bytes.clone()).unwrap();
            let PerDirection { client: one, server: other } = &http.sides;
            assert_eq!((text(one).as_str(), text(other).as_str()), (*client, *server), "{name}");
            assert_eq!([one.end, other.end], *ends, "{name}");
        }
    }

    #[test]
    fn other_bytes_are_not_heads() {
        let rows: &[&[u8]] = &[
            b"",
            b"\x81\x05Hello",
            b"GET it",
            b"HTTP",
            b"\r\n\r\n",
            b"Host: a\r\n\r\n",
            b"HTTP/2 200\r\n",
        ];
        for bytes in rows {
            assert_eq!(PastedHttp::of(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn every_beginning_is_survived() {
        let bytes = format!("\u{feff}PROXY TCP4 a b 1 2\r\n{REQUEST}\0{RESPONSE}\x01\x02");
        for end in 0..=bytes.len() {
            let beginning = &bytes.as_bytes()[..end];
            PastedHttp::of(beginning);
            head_of(beginning);
        }
    }
}
