//! Messages of the timeline written out, one line each: as JSON objects or as text.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::stream::{Direction, length_u64};
use crate::text::amount::{duration, seconds, size};
use crate::text::clock::Rfc3339;
use crate::text::escape::escape;
use crate::timeline::open::Opened;
use crate::timeline::record::Timeline;
use crate::timeline::row::{Row, RowKind};
use crate::websocket::{Opcode, Utf8, close_payload};

/// How messages are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// A JSON object on each line, with the fields of a `message` of ndjson output.
    Ndjson,
    /// A line of text for each.
    Text,
}

/// Appends a message as one line, line end included; nothing for a row that is not a message.
pub fn write(format: Format, timeline: &Timeline, row: &Row, opened: &Opened, out: &mut Vec<u8>) {
    let RowKind::Message(opcode) = row.kind else { return };
    let Some(direction) = row.direction else { return };
    match format {
        Format::Ndjson => {
            // Of these types, nothing fails to be written into memory.
            serde_json::to_writer(&mut *out, &line(row, opcode, direction, opened)).ok();
        }
        Format::Text => out.extend_from_slice(text(timeline, row, opcode, opened).as_bytes()),
    }
    out.push(b'\n');
}

/// The fields of a message, named and ordered as in ndjson output.
#[derive(Serialize)]
struct Line {
    #[serde(rename = "type")]
    kind: &'static str,
    connection: u64,
    time: String,
    packets: [u64; 2],
    direction: &'static str,
    opcode: &'static str,
    frames: u64,
    compressed: bool,
    wire_length: u64,
    length: u64,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    close_code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    close_reason: Option<String>,
}

/// The code of a Close; null where it has none.
#[derive(Serialize)]
struct Code(Option<u16>);

fn line(row: &Row, opcode: Opcode, direction: Direction, opened: &Opened) -> Line {
    let content = opened.content.as_slice();
    let is_close = opcode == Opcode::Close;
    let close = close_payload(content);
    let truncated = length_u64(content.len()) < row.length && row.complete;
    // A Close is complete with its code and reason, unless they cannot be read.
    let reason = std::str::from_utf8(close.reason).ok().filter(|_| close.code.is_some());
    let readable = match opcode {
        Opcode::Text if is_broken(opened) => None,
        Opcode::Text if truncated || !row.complete => beginning(content),
        Opcode::Text => std::str::from_utf8(content).ok(),
        Opcode::Continuation | Opcode::Ping | Opcode::Pong | Opcode::Binary | Opcode::Close => None,
    };
    let is_told = is_close && (reason.is_some() || content.is_empty());
    let in_base64 = readable.is_none() && !is_told;
    Line {
        kind: "message",
        connection: row.connection.0,
        time: Rfc3339::default().text(row.time).to_owned(),
        packets: [row.first.0, row.last.0],
        direction: direction.name(),
        opcode: opcode.name(),
        frames: row.frames,
        compressed: row.compressed,
        wire_length: row.wire_length,
        length: row.length,
        complete: row.complete,
        text: readable.map(str::to_owned),
        base64: in_base64.then(|| STANDARD.encode(content)),
        truncated: truncated.then_some(true),
        close_code: is_close.then_some(Code(close.code)),
        close_reason: reason.filter(|_| is_close).map(str::to_owned),
    }
}

/// Whether a text is known not to be UTF-8, perhaps after what was kept of it.
fn is_broken(opened: &Opened) -> bool {
    opened.message.is_some_and(|it| matches!(it.utf8, Utf8::Invalid { .. }))
}

/// A text that may end within a character.
fn beginning(content: &[u8]) -> Option<&str> {
    match std::str::from_utf8(content) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(content.get(..error.valid_up_to())?).ok()
        }
        Err(_) => None,
    }
}

fn text(timeline: &Timeline, row: &Row, opcode: Opcode, opened: &Opened) -> String {
    let mut text = String::new();
    seconds(&mut text, row.time.since(timeline.start()));
    let arrow = match row.direction {
        Some(Direction::ClientToServer) => '→',
        Some(Direction::ServerToClient) | None => '←',
    };
    write!(text, "  #{}  {arrow}  {:<6}  ", row.connection.0, opcode.name()).ok();
    size(&mut text, row.length);
    text.push_str("  ");
    if let Some(partner) = row.partner.and_then(|id| timeline.row(id))
        && opcode == Opcode::Pong
    {
        text.push_str("after ");
        duration(&mut text, row.time.since(partner.time));
        text.push_str("  ");
    }
    let content = match opcode {
        Opcode::Close => {
            let close = close_payload(&opened.content);
            if let Some(code) = close.code {
                write!(text, "{code} ").ok();
            }
            close.reason
        }
        Opcode::Text | Opcode::Binary | Opcode::Ping | Opcode::Pong | Opcode::Continuation => {
            &opened.content
        }
    };
    escape(content, usize::MAX, &mut text);
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::event::ConnectionId;
    use crate::stream::{PacketId, Timestamp};
    use crate::timeline::row::{RowId, RowScope};

    fn row(opcode: Opcode, length: u64) -> Row {
        Row {
            id: RowId(0),
            kind: RowKind::Message(opcode),
            connection: ConnectionId(3),
            direction: Some(Direction::ClientToServer),
            time: Timestamp(1_000_000),
            first: PacketId(4),
            last: PacketId(5),
            offset: 0,
            length,
            wire_length: length,
            frames: 1,
            close_code: None,
            compressed: false,
            complete: true,
            worst: None,
            partner: None,
            scope: RowScope::Both,
        }
    }

    fn written(format: Format, opcode: Opcode, content: &[u8]) -> String {
        let opened = Opened { content: content.to_vec(), ..Opened::default() };
        let mut out = Vec::new();
        let row = row(opcode, length_u64(content.len()));
        write(format, &Timeline::new(), &row, &opened, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn messages_are_objects_with_the_fields_of_ndjson_output() {
        let expected = "{\"type\":\"message\",\"connection\":3,\
            \"time\":\"1970-01-01T00:00:00.001000000Z\",\"packets\":[4,5],\
            \"direction\":\"client_to_server\",\"opcode\":\"text\",\"frames\":1,\
            \"compressed\":false,\"wire_length\":2,\"length\":2,\"complete\":true,\
            \"text\":\"h\\n\"}\n";
        assert_eq!(written(Format::Ndjson, Opcode::Text, b"h\n"), expected);
    }

    #[test]
    fn what_is_no_text_is_base64() {
        #[rustfmt::skip]
        let cases: &[(&str, Opcode, &[u8], &str)] = &[
            ("binary",         Opcode::Binary, b"\0\x01",     "\"base64\":\"AAE=\"}"),
            ("bad text",       Opcode::Text,   b"\xff",       "\"base64\":\"/w==\"}"),
            ("close",          Opcode::Close,  b"\x03\xe8ok", "\"close_code\":1000,\"close_reason\":\"ok\"}"),
            ("empty close",    Opcode::Close,  b"",           "\"close_code\":null}"),
            ("close of 1 B",   Opcode::Close,  b"\x03",       "\"base64\":\"Aw==\",\"close_code\":null}"),
            ("ping",           Opcode::Ping,   b"hi",         "\"base64\":\"aGk=\"}"),
        ];
        for (name, opcode, content, end) in cases {
            let line = written(Format::Ndjson, *opcode, content);
            assert!(line.trim_end().ends_with(end), "{name}: {line}");
        }
    }

    #[test]
    fn texts_may_end_within_a_character_only_where_something_is_missing() {
        #[rustfmt::skip]
        let cases: [(&str, bool, &[u8], &str); 3] = [
            ("whole",               true,  "é".as_bytes(), "\"text\":\"é\"}"),
            ("whole, but no UTF-8", true,  b"a\xc3",       "\"base64\":\"YcM=\"}"),
            ("incomplete",          false, b"a\xc3",       "\"text\":\"a\"}"),
        ];
        for (name, complete, content, end) in cases {
            let row = Row { complete, ..row(Opcode::Text, length_u64(content.len())) };
            let opened = Opened { content: content.to_vec(), ..Opened::default() };
            let mut out = Vec::new();
            write(Format::Ndjson, &Timeline::new(), &row, &opened, &mut out);
            let line = String::from_utf8(out).unwrap();
            assert!(line.trim_end().ends_with(end), "{name}: {line}");
        }
    }

    #[test]
    fn lines_of_text_hold_no_control_characters() {
        let line = written(Format::Text, Opcode::Text, b"a\n\x1b[2J");
        assert_eq!(line, "0.001000  #3  →  text    6 B  a\\n\\x1b[2J\n");
        let line = written(Format::Text, Opcode::Close, b"\x03\xe9");
        assert_eq!(line, "0.001000  #3  →  close   2 B  1001\n");
    }
}
