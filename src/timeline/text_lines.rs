//! Messages of the timeline as lines of text.

use std::fmt::Write;

use crate::stream::Direction;
use crate::text::amount::{duration, seconds, size};
use crate::text::escape::escape;
use crate::timeline::open::Opened;
use crate::timeline::record::Timeline;
use crate::timeline::row::{Row, RowKind};
use crate::websocket::{Opcode, close_payload};

/// Appends a message as one line, line end included; nothing for a row that is not a message.
pub fn write(timeline: &Timeline, row: &Row, opened: &Opened, out: &mut Vec<u8>) {
    let RowKind::Message(opcode) = row.kind else { return };
    out.extend_from_slice(text(timeline, row, opcode, opened).as_bytes());
    out.push(b'\n');
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
    use crate::stream::{PacketId, Timestamp, length_u64};
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

    fn written(opcode: Opcode, content: &[u8]) -> String {
        let opened = Opened { content: content.to_vec(), ..Opened::default() };
        let mut out = Vec::new();
        let row = row(opcode, length_u64(content.len()));
        write(&Timeline::new(), &row, &opened, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_of_text_hold_no_control_characters() {
        let line = written(Opcode::Text, b"a\n\x1b[2J");
        assert_eq!(line, "0.001000  #3  →  text    6 B  a\\n\\x1b[2J\n");
        let line = written(Opcode::Close, b"\x03\xe9");
        assert_eq!(line, "0.001000  #3  →  close   2 B  1001\n");
    }
}
