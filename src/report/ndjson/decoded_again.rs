//! A message that a cause decoded again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::findings::DecodedAgain;
use crate::websocket::Opcode;

/// A message of a derailed stream as it was meant, field by field in the order they are written.
#[derive(Serialize)]
pub(in super::super) struct DecodedAgainFields<'a> {
    direction: &'static str,
    kind: &'static str,
    /// Of the whole content, in bytes.
    length: u64,
    /// Stream offset of the first byte that it was decoded from.
    offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    /// Of what is not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    /// Only if the content is not whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
}

impl<'a> DecodedAgainFields<'a> {
    pub(in super::super) fn of(message: &'a DecodedAgain) -> Self {
        let text = (message.opcode == Opcode::Text).then(|| text(message)).flatten();
        let [offset, _] = message.offsets;
        Self {
            direction: message.direction.name(),
            kind: message.opcode.name(),
            length: message.length,
            offset,
            text,
            base64: text.is_none().then(|| STANDARD.encode(&message.content)),
            truncated: message.is_cut().then_some(true),
        }
    }
}

/// The content as text; one that is cut within a character, without that.
fn text(message: &DecodedAgain) -> Option<&str> {
    match std::str::from_utf8(&message.content) {
        Ok(text) => Some(text),
        Err(error) if message.is_cut() && error.error_len().is_none() => {
            std::str::from_utf8(message.content.get(..error.valid_up_to())?).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Direction;

    #[test]
    fn contents_are_written_as_those_of_messages() {
        #[rustfmt::skip]
        let rows: &[(&str, Opcode, &[u8], u64, &str)] = &[
            ("text", Opcode::Text, b"{\"a\":1}", 7, r#"{"direction":"server_to_client","kind":"text","length":7,"offset":12,"text":"{\"a\":1}"}"#),
            ("a text that is cut within a character", Opcode::Text, b"caf\xc3", 900, r#"{"direction":"server_to_client","kind":"text","length":900,"offset":12,"text":"caf","truncated":true}"#),
            ("a text that is none", Opcode::Text, b"caf\xe9", 4, r#"{"direction":"server_to_client","kind":"text","length":4,"offset":12,"base64":"Y2Fm6Q=="}"#),
            ("binary", Opcode::Binary, b"\0\x01", 2, r#"{"direction":"server_to_client","kind":"binary","length":2,"offset":12,"base64":"AAE="}"#),
        ];
        for (name, opcode, content, length, expected) in rows {
            let message = DecodedAgain {
                direction: Direction::ServerToClient,
                opcode: *opcode,
                content: content.to_vec(),
                length: *length,
                offsets: [12, 40],
            };
            let written = serde_json::to_string(&DecodedAgainFields::of(&message)).unwrap();
            assert_eq!(written, *expected, "{name}");
        }
    }
}
