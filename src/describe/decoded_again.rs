//! The messages of a derailed stream as they were decoded again, in words.

use crate::describe::incident::sender;
use crate::findings::DecodedAgain;
use crate::stream::length_u64;
use crate::text::page::safe;
use crate::text::words::{counted, grouped, hex};
use crate::websocket::Opcode;

/// A line for each message, marked as decoded again; of many, the number of the others.
pub fn lines<'m>(messages: impl IntoIterator<Item = &'m DecodedAgain>) -> Vec<String> {
    let messages: Vec<&DecodedAgain> = messages.into_iter().collect();
    let mut lines: Vec<String> = messages.iter().take(MOST_LINES).map(|it| line(it)).collect();
    let more = messages.len().saturating_sub(MOST_LINES);
    if more > 0 {
        lines.push(format!("decoded again: {} more", grouped(length_u64(more))));
    }
    lines
}

/// `decoded again, server: text of 44 bytes, "{"notify":"order 17 was shipped"}"`
fn line(message: &DecodedAgain) -> String {
    let length = counted(message.length, "byte");
    let what = format!("{} of {length}", message.opcode.name());
    let content = match message.opcode {
        _ if message.length == 0 => String::new(),
        Opcode::Text => format!(", \"{}\"", safe(&message.content, COLUMNS)),
        Opcode::Binary | Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => {
            let first = message.content.get(..BYTES).unwrap_or(&message.content);
            let more = if length_u64(first.len()) < message.length { " …" } else { "" };
            format!(", {}{more}", hex(first))
        }
    };
    format!("decoded again, {}: {what}{content}", sender(Some(message.direction)))
}

/// Messages that have a line at most.
const MOST_LINES: usize = 6;

/// Columns of a text at most.
const COLUMNS: usize = 120;

/// Bytes that are shown of what is not text.
const BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Direction::{ClientToServer as C, ServerToClient as S};

    fn message(opcode: Opcode, content: &[u8]) -> DecodedAgain {
        let content = content.to_vec();
        let length = length_u64(content.len());
        DecodedAgain { direction: S, opcode, content, length, offsets: [0, 1] }
    }

    #[test]
    fn messages_are_marked_and_quoted() {
        let long = DecodedAgain { direction: C, ..message(Opcode::Text, &[b'a'; 300]) };
        let binary = message(Opcode::Binary, &[7; 20]);
        #[rustfmt::skip]
        let rows = [
            (message(Opcode::Text, b"{\"a\":1}"), "decoded again, server: text of 7 bytes, \"{\"a\":1}\"".to_owned()),
            (message(Opcode::Text, b"\x1b[2J"),  "decoded again, server: text of 4 bytes, \"\\x1b[2J\"".to_owned()),
            (message(Opcode::Text, b""),         "decoded again, server: text of 0 bytes".to_owned()),
            (message(Opcode::Ping, b"\x01\x02"), "decoded again, server: ping of 2 bytes, 01 02".to_owned()),
            (binary, format!("decoded again, server: binary of 20 bytes, {} …", ["07"; 16].join(" "))),
            (long,   format!("decoded again, client: text of 300 bytes, \"{}…\"", "a".repeat(119))),
        ];
        for (message, expected) in rows {
            assert_eq!(lines([&message]), [expected]);
        }
    }

    #[test]
    fn of_many_messages_the_rest_is_counted() {
        let messages = vec![message(Opcode::Ping, b""); 9];
        let lines = lines(&messages);
        assert_eq!(lines.len(), 7);
        assert_eq!(lines[6], "decoded again: 3 more");
    }
}
