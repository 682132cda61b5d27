//! What the header fields of an opening handshake are for, and whether their values are right.

use crate::http::accept::{KEY_LENGTH, key_bytes};
use crate::http::{Handshake, Head};
use crate::websocket::extension;

/// A field of one of the two heads that matters for a WebSocket.
pub struct HeaderField {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be there.
    pub need: FieldNeed,
    /// What it is for.
    pub purpose: &'static str,
    /// Judges its value.
    pub check: fn(&Handshake, &[u8]) -> FieldVerdict,
}

/// Whether a field must be there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldNeed {
    /// It must.
    Required,
    /// It may.
    Optional,
}

impl FieldNeed {
    /// Its remark.
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
        }
    }
}

/// What is thought of a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FieldVerdict {
    /// It is as it must be.
    Right,
    /// Neither right nor wrong.
    Neutral,
    /// It is wrong, and why. Nothing in it comes from the network.
    Wrong(String),
}

/// The fields of a request that matter (RFC 6455 §4.1).
pub const REQUEST: &[HeaderField] = &[
    HeaderField {
        name: "Host",
        need: FieldNeed::Required,
        purpose: "the requested server, by the name that the client uses",
        check: |_, value| if value.is_empty() { wrong("it is empty") } else { FieldVerdict::Right },
    },
    HeaderField {
        name: "Upgrade",
        need: FieldNeed::Required,
        purpose: "asks to leave HTTP for the WebSocket protocol",
        check: |handshake, _| {
            let has = has_token(handshake.request.as_ref(), "Upgrade", "websocket");
            if has { FieldVerdict::Right } else { wrong("it must contain websocket") }
        },
    },
    HeaderField {
        name: "Connection",
        need: FieldNeed::Required,
        purpose: "declares Upgrade as hop-by-hop: proxies remove it by default",
        check: |handshake, _| {
            let has = has_token(handshake.request.as_ref(), "Connection", "Upgrade");
            if has { FieldVerdict::Right } else { wrong("it must contain Upgrade") }
        },
    },
    HeaderField {
        name: "Sec-WebSocket-Key",
        need: FieldNeed::Required,
        purpose: "16 random bytes in base64, new for every connection; the server proves with them that it \
                  speaks WebSocket",
        check: |_, value| match key_bytes(value).map(|bytes| bytes.len()) {
            Some(KEY_LENGTH) => FieldVerdict::Right,
            Some(length) => {
                FieldVerdict::Wrong(format!("it encodes {length} bytes instead of {KEY_LENGTH}"))
            }
            None => wrong("it is not base64"),
        },
    },
    HeaderField {
        name: "Sec-WebSocket-Version",
        need: FieldNeed::Required,
        purpose: "the protocol version: 13 is RFC 6455, others were drafts",
        check: |_, value| if value == b"13" { FieldVerdict::Right } else { wrong("it must be 13") },
    },
    HeaderField {
        name: "Sec-WebSocket-Protocol",
        need: FieldNeed::Optional,
        purpose: "subprotocols that the client supports, in order of preference; the server chooses one, or none",
        check: |_, value| if value.is_empty() { wrong("it is empty") } else { FieldVerdict::Right },
    },
    HeaderField {
        name: "Sec-WebSocket-Extensions",
        need: FieldNeed::Optional,
        purpose: "extensions that the client offers, with their parameters",
        check: |_, value| extensions(value),
    },
    HeaderField {
        name: "Origin",
        need: FieldNeed::Optional,
        purpose: "the page that connects: browsers always send it, and a server should check it",
        check: |_, _| FieldVerdict::Neutral,
    },
    HeaderField {
        name: "Cookie",
        need: FieldNeed::Optional,
        purpose: "who the user is: the only credentials that a browser can send here",
        check: |_, _| FieldVerdict::Neutral,
    },
    HeaderField {
        name: "Authorization",
        need: FieldNeed::Optional,
        purpose: "who the user is; no browser can send it with a WebSocket",
        check: |_, _| FieldVerdict::Neutral,
    },
];

/// The fields of a response that matter (RFC 6455 §4.2.2).
pub const RESPONSE: &[HeaderField] = &[
    HeaderField {
        name: "Upgrade",
        need: FieldNeed::Required,
        purpose: "the protocol that follows this head",
        check: |handshake, _| {
            let has = has_token(handshake.response.as_ref(), "Upgrade", "websocket");
            if has { FieldVerdict::Right } else { wrong("it must be websocket") }
        },
    },
    HeaderField {
        name: "Connection",
        need: FieldNeed::Required,
        purpose: "declares Upgrade as hop-by-hop",
        check: |handshake, _| {
            let has = has_token(handshake.response.as_ref(), "Connection", "Upgrade");
            if has { FieldVerdict::Right } else { wrong("it must contain Upgrade") }
        },
    },
    HeaderField {
        name: "Sec-WebSocket-Accept",
        need: FieldNeed::Required,
        purpose: "proves that the server read the key: SHA-1 of the key and a constant, in base64",
        check: |handshake, value| match handshake.expected_accept() {
            Some(expected) => {
                if value == expected.as_bytes() {
                    FieldVerdict::Right
                } else {
                    wrong("it does not match the key: the client must close the connection")
                }
            }
            None => FieldVerdict::Neutral,
        },
    },
    HeaderField {
        name: "Sec-WebSocket-Protocol",
        need: FieldNeed::Optional,
        purpose: "the subprotocol that the server chose among those offered",
        check: |handshake, value| {
            let is_offered = handshake.subprotocols_offered().any(|offered| offered == value);
            let is_known = handshake.request.is_some();
            if is_known {
                if is_offered { FieldVerdict::Right } else { wrong("the client did not offer it") }
            } else {
                FieldVerdict::Neutral
            }
        },
    },
    HeaderField {
        name: "Sec-WebSocket-Extensions",
        need: FieldNeed::Optional,
        purpose: "the extensions that are in use from here on, with what was agreed",
        check: accepted,
    },
    HeaderField {
        name: "Sec-WebSocket-Version",
        need: FieldNeed::Optional,
        purpose: "the versions that the server supports, if it refuses that of the client",
        check: |_, _| FieldVerdict::Neutral,
    },
    HeaderField {
        name: "Content-Length",
        need: FieldNeed::Optional,
        purpose: "bytes of a body",
        check: no_body,
    },
    HeaderField {
        name: "Transfer-Encoding",
        need: FieldNeed::Optional,
        purpose: "how a body is sent",
        check: no_body,
    },
];

/// The field with a name, in any letter case.
pub fn find(fields: &'static [HeaderField], name: &[u8]) -> Option<&'static HeaderField> {
    fields.iter().find(|field| field.name.as_bytes().eq_ignore_ascii_case(name))
}

/// The required fields that a head lacks.
pub fn missing(
    fields: &'static [HeaderField],
    head: &Head,
) -> impl Iterator<Item = &'static HeaderField> {
    let lacks = |field: &&HeaderField| {
        field.need == FieldNeed::Required && head.header(field.name).is_none()
    };
    fields.iter().filter(lacks)
}

fn has_token(head: Option<&Head>, name: &str, token: &str) -> bool {
    head.is_some_and(|head| head.has_token(name, token))
}

fn wrong(why: &str) -> FieldVerdict {
    FieldVerdict::Wrong(why.to_owned())
}

fn extensions(value: &[u8]) -> FieldVerdict {
    match extension::parse(value).malformed {
        Some(at) => FieldVerdict::Wrong(format!("it does not match the grammar at byte {at}")),
        None => FieldVerdict::Right,
    }
}

/// Every extension in use must have been offered (RFC 6455 §9.1).
fn accepted(handshake: &Handshake, value: &[u8]) -> FieldVerdict {
    let list = extension::parse(value);
    if let Some(at) = list.malformed {
        return FieldVerdict::Wrong(format!("it does not match the grammar at byte {at}"));
    }
    if handshake.request.is_none() {
        return FieldVerdict::Neutral;
    }
    let offered = extension::parse(&handshake.extensions_offered().unwrap_or_default());
    let is_offered =
        |accepted: &extension::Extension| offered.named(&accepted.name).next().is_some();
    if list.extensions.iter().all(is_offered) {
        FieldVerdict::Right
    } else {
        wrong("the client did not offer all of it")
    }
}

fn no_body(handshake: &Handshake, _: &[u8]) -> FieldVerdict {
    match handshake.status() {
        Some(101) => wrong("a 101 has no body"),
        Some(_) | None => FieldVerdict::Neutral,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Span;

    /// The example of RFC 6455 §1.2, with an extension.
    const ASKED: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

    fn judged(fields: &'static [HeaderField], handshake: &Handshake, head: &Head) -> Vec<String> {
        let judge = |(name, value): (&[u8], &[u8])| {
            let field = find(fields, name)?;
            match (field.check)(handshake, value) {
                FieldVerdict::Right | FieldVerdict::Neutral => None,
                FieldVerdict::Wrong(why) => Some(format!("{}: {why}", field.name)),
            }
        };
        head.fields().filter_map(judge).collect()
    }

    #[test]
    fn values_are_checked() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, &[&str])] = &[
            ("as in the standard", "", "", &[]),
            ("any letter case", "Upgrade: websocket", "upgrade: WebSocket", &[]),
            ("other upgrade", "Upgrade: websocket", "Upgrade: h2c", &["Upgrade: it must contain websocket"]),
            ("keep-alive", "Connection: Upgrade", "Connection: keep-alive", &["Connection: it must contain Upgrade"]),
            ("short key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhl",
             &["Sec-WebSocket-Key: it encodes 3 bytes instead of 16",
               "Sec-WebSocket-Accept: it does not match the key: the client must close the connection"]),
            ("old version", "Version: 13", "Version: 8", &["Sec-WebSocket-Version: it must be 13"]),
            ("not offered", "Protocol: chat, superchat", "Protocol: other",
             &["Sec-WebSocket-Protocol: the client did not offer it"]),
            ("no extension offered", "Sec-WebSocket-Extensions: permessage-deflate\r\n", "",
             &["Sec-WebSocket-Extensions: the client did not offer all of it"]),
            ("bad grammar", "Extensions: permessage-deflate\r\n", "Extensions: permessage-deflate; =\r\n",
             &["Sec-WebSocket-Extensions: it does not match the grammar at byte 20"]),
        ];
        for (name, from, to, expected) in cases {
            let asked = ASKED.replacen(from, to, 1);
            let handshake = Handshake {
                request: Some(Head::parse(asked.as_bytes(), Span::default())),
                response: Some(Head::parse(AGREED.as_bytes(), Span::default())),
                ..Handshake::default()
            };
            let request = handshake.request.as_ref().unwrap();
            let response = handshake.response.as_ref().unwrap();
            let mut found = judged(REQUEST, &handshake, request);
            found.extend(judged(RESPONSE, &handshake, response));
            assert_eq!(found, *expected, "{name}");
        }
    }

    #[test]
    fn required_fields_are_missed() {
        let head = Head::parse(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
            Span::default(),
        );
        let names: Vec<&str> = missing(REQUEST, &head).map(|field| field.name).collect();
        assert_eq!(names, ["Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"]);
    }
}
