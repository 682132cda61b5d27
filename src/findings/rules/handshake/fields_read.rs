//! What rules read in the heads of an opening handshake.

use memchr::memchr2_iter;

use crate::http::{Handshake, Head, is_token};
use crate::stream::Span;

/// The request, where it tries to open a WebSocket. What merely stands near one does not: long
/// polling of engine.io, upgrades to other protocols.
pub(crate) fn attempt(handshake: &Handshake) -> Option<&Head> {
    let request = handshake.request.as_ref()?;
    let tries = request.has_token("Upgrade", "websocket")
        || ATTEMPT_FIELDS.iter().any(|name| request.header(name).is_some());
    tries.then_some(request)
}

/// The response, where it takes itself for the beginning of a WebSocket: a 101, unless it switches to
/// another protocol that the request asked for, too.
pub(crate) fn acceptance(handshake: &Handshake) -> Option<&Head> {
    let response = handshake.response.as_ref().filter(|head| head.status() == Some(101))?;
    let says_so = response.has_token("Upgrade", "websocket")
        || response.header("Sec-WebSocket-Accept").is_some();
    if says_so {
        return Some(response);
    }
    let request = attempt(handshake)?;
    let switches_elsewhere = response.tokens("Upgrade").any(|protocol| {
        !protocol.is_empty()
            && request.tokens("Upgrade").any(|asked| asked.eq_ignore_ascii_case(protocol))
    });
    (!switches_elsewhere).then_some(response)
}

/// The response, whatever its status, where a WebSocket was asked for.
pub(crate) fn answer(handshake: &Handshake) -> Option<&Head> {
    attempt(handshake).and(handshake.response.as_ref()).or_else(|| acceptance(handshake))
}

/// Whether a head has no field of this name for sure.
pub(crate) fn lacks(head: &Head, name: &str) -> bool {
    head.header(name).is_none() && head.oddities.over_limit.count == 0
}

/// Whether `token` is for sure no member of the list that all fields of this name make.
pub(crate) fn lacks_token(head: &Head, name: &str, token: &str) -> bool {
    !head.has_token(name, token) && head.oddities.over_limit.count == 0
}

/// A target up to its query or fragment, which may hold secrets.
pub(crate) fn path(target: &[u8]) -> &[u8] {
    target.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or(target)
}

/// Where the first field of this name is; the whole head where there is none.
pub(crate) fn place(head: &Head, name: &str) -> Span {
    let found = head.fields().position(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
    let Some(field) = found.and_then(|at| head.headers.get(at)) else { return head.span };
    let end = field.value.end.max(field.name.end);
    Span { start: head.offset_of(field.name.start), end: head.offset_of(end), ..head.span }
}

/// The fields of this name as they were sent, for evidence.
pub(crate) fn sent(head: &Head, name: &str) -> String {
    match head.joined(name) {
        Some(value) => format!("{name}: {}", shown(&value)),
        None => format!("no {name}"),
    }
}

/// Bytes from the network in quotes, cut where they are long.
pub(crate) fn shown(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN) {
        Some(beginning) if bytes.len() > SHOWN => {
            format!("{:?}... ({} bytes)", String::from_utf8_lossy(beginning), bytes.len())
        }
        Some(_) | None => format!("{:?}", String::from_utf8_lossy(bytes)),
    }
}

/// Whether bytes contain a text, in any letter case.
pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    let Some(first) = text.first() else { return true };
    let starts = memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), bytes);
    let mut candidates = starts.filter_map(|at| bytes.get(at..at.saturating_add(text.len())));
    candidates.any(|part| part.eq_ignore_ascii_case(text))
}

/// Whether bytes are a token (RFC 9110 §5.6.2).
pub(crate) fn is_whole_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token)
}

/// Fields that only a request for a WebSocket has; the third is that of hixie-76.
const ATTEMPT_FIELDS: [&str; 3] =
    ["Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Key1"];

/// Bytes of a value that evidence shows.
const SHOWN: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Origin, PacketId, Timestamp};

    fn head(raw: &str) -> Head {
        let origin = Origin { packet: PacketId(7), time: Timestamp(0) };
        Head::parse(raw.as_bytes(), Span { start: 100, end: 200, first: origin, last: origin })
    }

    #[test]
    fn only_what_tries_to_open_a_websocket_is_an_attempt() {
        #[rustfmt::skip]
        let rows: &[(&str, &str, bool)] = &[
            ("asked",         "Upgrade: WebSocket",                  true),
            ("one of two",    "Upgrade: h2c, websocket",             true),
            ("only the key",  "Sec-WebSocket-Key: x",                true),
            ("only version",  "Sec-WebSocket-Version: 13",           true),
            ("hixie-76",      "Sec-WebSocket-Key1: 4 @1  46546xW%0", true),
            ("page",          "Accept: text/html",                   false),
            ("h2c",           "Upgrade: h2c",                        false),
            ("protocol only", "Sec-WebSocket-Protocol: chat",        false),
        ];
        for (name, field, expected) in rows {
            let request = head(&format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n"));
            let handshake = Handshake { request: Some(request), ..Handshake::default() };
            assert_eq!(attempt(&handshake).is_some(), *expected, "{name}");
        }
    }

    #[test]
    fn a_101_to_another_protocol_is_no_acceptance() {
        #[rustfmt::skip]
        let rows: &[(&str, &str, &str, bool)] = &[
            ("usual",                "websocket",      "Upgrade: websocket",      true),
            ("says nothing",         "websocket",      "Server: x",               true),
            ("says nonsense",        "websocket",      "Upgrade: chat",           true),
            ("the other one of two", "h2c, websocket", "Upgrade: h2c",            false),
            ("not asked for",        "TLS/1.2",        "Upgrade: TLS/1.2",        false),
            ("answers all the same", "TLS/1.2",        "Sec-WebSocket-Accept: x", true),
        ];
        for (name, asked, says, expected) in rows {
            let request = head(&format!("GET / HTTP/1.1\r\nUpgrade: {asked}\r\n\r\n"));
            let response = head(&format!("HTTP/1.1 101 Switching Protocols\r\n{says}\r\n\r\n"));
            let handshake = Handshake {
                request: Some(request),
                response: Some(response),
                ..Handshake::default()
            };
            assert_eq!(acceptance(&handshake).is_some(), *expected, "{name}");
        }
    }

    #[test]
    fn a_field_is_found_in_its_stream() {
        let head = head("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n");
        let field = place(&head, "upgrade");
        assert_eq!((field.start, field.end, field.last.packet.0), (125, 143, 7));
        assert_eq!(place(&head, "Origin"), head.span);
        assert_eq!(sent(&head, "Upgrade"), "Upgrade: \"websocket\"");
        assert_eq!(sent(&head, "Origin"), "no Origin");
    }

    #[test]
    fn long_values_are_cut() {
        assert_eq!(shown(b"a\"\n"), r#""a\"\n""#);
        assert_eq!(shown(&[b'x'; SHOWN]), format!("\"{}\"", "x".repeat(SHOWN)));
        assert_eq!(shown(&[b'x'; 300]), format!("\"{}\"... (300 bytes)", "x".repeat(SHOWN)));
    }
}
