//! The id by which an answer is known to belong to its request.

use crate::tui::inspector::document::{DocumentToken, DocumentTokenKind};
use crate::tui::inspector::json::read;

/// The id that a message bears, as it is there: the member `id` of an object (JSON-RPC, GraphQL), the
/// second element of an array that begins with a number (OCPP, WAMP) or of Phoenix, or the number that
/// socket.io puts before its array.
///
/// The content may be the beginning of a longer one.
pub fn identity(content: &[u8]) -> Option<&[u8]> {
    let json = read(content)?;
    let tokens = json.document.tokens.as_slice();
    match tokens {
        [DocumentToken { kind: DocumentTokenKind::Literal, start, end }, ..] => {
            socket_io(content.get(*start..*end)?)
        }
        [DocumentToken { kind: DocumentTokenKind::Open, .. }, rest @ ..]
            if content.trim_ascii_start().first() == Some(&b'{') =>
        {
            member(content, rest)
        }
        [DocumentToken { kind: DocumentTokenKind::Open, .. }, rest @ ..] => element(content, rest),
        _ => None,
    }
}

/// `42` and `43` are an event and its acknowledgment; digits after that are the id.
fn socket_io(digits: &[u8]) -> Option<&[u8]> {
    match digits {
        [b'4', b'2' | b'3', id @ ..] if !id.is_empty() => Some(id),
        _ => None,
    }
}

/// The value of `id` in the outermost object.
fn member<'a>(content: &'a [u8], tokens: &[DocumentToken]) -> Option<&'a [u8]> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            DocumentTokenKind::Open => depth = depth.saturating_add(1),
            DocumentTokenKind::Close => depth = depth.checked_sub(1)?,
            DocumentTokenKind::Name if depth == 0 => {
                if content.get(token.start..token.end) == Some(b"\"id\"".as_slice()) {
                    return scalar(content, tokens.get(at.saturating_add(2))?);
                }
            }
            DocumentTokenKind::Name
            | DocumentTokenKind::Comma
            | DocumentTokenKind::Colon
            | DocumentTokenKind::String
            | DocumentTokenKind::Number
            | DocumentTokenKind::Literal
            | DocumentTokenKind::Bad
            | DocumentTokenKind::Text => {}
        }
    }
    None
}

/// The second element of the outermost array, after a number; or of five, after a text or null, where
/// two more texts follow.
fn element<'a>(content: &'a [u8], tokens: &[DocumentToken]) -> Option<&'a [u8]> {
    let kind = |at: usize| tokens.get(at).map(|token| token.kind);
    // Elements are separated by commas.
    let is_phoenix =
        matches!(kind(0), Some(DocumentTokenKind::String | DocumentTokenKind::Literal))
            && (kind(4), kind(6))
                == (Some(DocumentTokenKind::String), Some(DocumentTokenKind::String));
    let is_numbered = kind(0) == Some(DocumentTokenKind::Number);
    (is_numbered || is_phoenix).then(|| scalar(content, tokens.get(2)?))?
}

fn scalar<'a>(content: &'a [u8], token: &DocumentToken) -> Option<&'a [u8]> {
    let is_id = matches!(token.kind, DocumentTokenKind::String | DocumentTokenKind::Number);
    content.get(token.start..token.end).filter(|_| is_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_where_protocols_write_them() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("JSON-RPC request",     r#"{"jsonrpc":"2.0","method":"a","params":{"id":9},"id":1}"#, Some("1")),
            ("JSON-RPC answer",      r#"{"jsonrpc":"2.0","id":1,"result":19}"#,                    Some("1")),
            ("GraphQL",              r#"{"id":"ee30","type":"next","payload":{}}"#,                Some("\"ee30\"")),
            ("beginning of one",     r#"{"id":"ee30","type":"next","payl"#,                        Some("\"ee30\"")),
            ("no id",                r#"{"type":"ping","data":{"id":1}}"#,                         None),
            ("null",                 r#"{"id":null,"a":1}"#,                                       None),
            ("OCPP call",            r#"[2,"19223201","BootNotification",{}]"#,                    Some("\"19223201\"")),
            ("OCPP result",          r#"[3,"19223201",{"status":"Accepted"}]"#,                    Some("\"19223201\"")),
            ("WAMP",                 r#"[48,7814135,{},"com.myapp.add"]"#,                         Some("7814135")),
            ("Phoenix",              r#"["1","2","room:lobby","phx_join",{}]"#,                    Some("\"2\"")),
            ("Phoenix heartbeat",    r#"[null,"3","phoenix","heartbeat",{}]"#,                     Some("\"3\"")),
            ("socket.io event",      r#"4212["chat","hello"]"#,                                    Some("12")),
            ("socket.io ack",        r#"4312["ok"]"#,                                              Some("12")),
            ("socket.io, no ack",    r#"42["chat","hello"]"#,                                      None),
            ("any array",            r#"["chat","hello"]"#,                                        None),
            ("no JSON",              "hello",                                                      None),
        ];
        for (name, content, expected) in cases {
            let expected = expected.map(str::as_bytes);
            assert_eq!(identity(content.as_bytes()), expected, "{name}");
        }
    }
}
