//! The lines of messages and frames.

use std::io::Write;

use super::found::{TextFinding, is_in_rows};
use super::rows::{NUMBER_WIDTH, OPCODE_COLUMN, WARNING};
use super::{Text, TextConnection, words};
use crate::analysis::event::{Connection, ConnectionId};
use crate::describe::incident;
use crate::findings::Finding;
use crate::report::Detail;
use crate::stream::{Direction, Origin, length_u64};
use crate::text::amount::counted;
use crate::text::escape;
use crate::text::role::Role;
use crate::websocket::{CloseCode, Frame, Message, Opcode, Utf8};

impl<W: Write> Text<W> {
    /// A message: what it is, how large, and how it begins.
    pub(super) fn message(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        message: &Message<'_>,
    ) {
        self.introduce(origin, connection);
        self.message_line(origin, connection.id, direction, message);
    }

    /// The same on a connection that was introduced.
    fn message_line(
        &mut self,
        origin: Origin,
        id: ConnectionId,
        direction: Option<Direction>,
        message: &Message<'_>,
    ) {
        let amiss = !message.complete || matches!(message.utf8, Utf8::Invalid { .. });
        self.number_line(origin, id, direction, if amiss { WARNING } else { " " });
        self.line.paint(words::opcode(message.opcode), message.opcode.name());
        self.line.pad_to(SIZE_COLUMN);
        if message.opcode == Opcode::Close {
            self.close(message);
            return self.write();
        }
        self.line.number_right(message.length, SIZE_WIDTH);
        self.line.push(" B");
        self.remarks(message);
        self.flaws(id, direction, message);
        self.line.spaces(2);
        let room = self.room();
        self.preview(message, room);
        self.write();
    }

    /// Writes a message that was read again, with the number that its line has among all lines of the
    /// capture, and before the first one of a connection who its peers are.
    pub fn saved_message(
        &mut self,
        number: u64,
        connection: &TextConnection,
        direction: Option<Direction>,
        message: &Message<'_>,
        found: impl Iterator<Item = Finding>,
    ) {
        let TextConnection { id, peers, opened } = *connection;
        // The packet that completed it.
        let origin = message.span.last;
        self.rows = number;
        self.found.extend(found.filter(|it| !is_in_rows(it.rule)).map(TextFinding::from));
        if self.latest != Some(id) {
            self.introduce_peers(origin, opened, id, peers);
        }
        self.message_line(origin, id, direction, message);
    }

    /// Code, name and reason of a Close.
    fn close(&mut self, message: &Message<'_>) {
        // The size column begins with two blanks for numbers of five digits.
        self.line.spaces(2);
        match message.close.and_then(|close| close.code.map(|code| (code, close.reason))) {
            None if message.length == 0 => self.line.push("without a code"),
            None => self.line.push("without a code, but with a byte"),
            Some((code, reason)) => {
                self.line.value(code);
                self.line.push(" ");
                self.line.push(CloseCode::of(code).name);
                if !reason.is_empty() {
                    self.line.push("  \"");
                    let room = self.room().saturating_sub(1);
                    self.line.foreign(reason, room);
                    self.line.push("\"");
                }
            }
        }
        if !message.complete {
            self.line.push("  ");
            self.line.paint(Role::Error, "incomplete");
        }
    }

    /// What is unusual about a message's size, in parentheses; pads to where others have theirs.
    fn remarks(&mut self, message: &Message<'_>) {
        let from = self.line.column();
        let mut separator = " (";
        if message.compressed || message.wire_length != message.length {
            self.line.push(separator);
            self.line.number(message.wire_length);
            self.line.push(" on the wire");
            separator = ", ";
        }
        if message.frames > 1 {
            self.line.push(separator);
            self.line.with(|out| counted(out, message.frames, "frame"));
            separator = ", ";
        }
        if separator != " (" {
            self.line.push(")");
            let columns = self.line.column().saturating_sub(from);
            self.remark_columns = self.remark_columns.max(columns.min(REMARK_WIDTH));
        }
        self.line.pad_to(from.saturating_add(self.remark_columns));
    }

    /// What is wrong with a message as far as its decoder knows.
    fn flaws(&mut self, id: ConnectionId, direction: Option<Direction>, message: &Message<'_>) {
        if !message.complete {
            self.line.push("  ");
            self.line.begin(Role::Error);
            self.line.push("incomplete");
            if let Some((of, toward, bytes)) = self.lack.take()
                && (of, toward) == (id, direction)
            {
                self.line.push(": ");
                self.line.with(|out| counted(out, bytes, "byte"));
                self.line.push(" missing");
            }
            self.line.end();
        }
        if message.compressed
            && let Some(text) = incident::inflation(message.inflation)
        {
            self.line.push("  ");
            self.line.paint(Role::Warning, text);
        }
        if let Utf8::Invalid { byte } = message.utf8 {
            self.line.push("  ");
            self.line.begin(Role::Error);
            self.line.push("not UTF-8 from byte ");
            self.line.number(byte);
            self.line.end();
        }
    }

    /// How a message begins: text as it is, other content in quotes if it is text, else in hexadecimal.
    fn preview(&mut self, message: &Message<'_>, room: usize) {
        let content = message.content;
        if message.opcode == Opcode::Text {
            self.line.foreign(content, room);
            self.more(message, room);
            return;
        }
        let sample = content.get(..room.saturating_mul(4)).unwrap_or(content);
        match std::str::from_utf8(sample) {
            Ok(text) if !text.is_empty() && escape::is_plain(text) => {
                self.line.push("\"");
                self.line.foreign(content, room.saturating_sub(2));
                self.line.push("\"");
            }
            Ok(_) | Err(_) => {
                let fitting = room.saturating_add(1) / 3;
                let all = content.len() <= fitting && length_u64(content.len()) == message.length;
                let bytes = if all { fitting } else { fitting.saturating_sub(1) };
                for (place, byte) in content.iter().take(bytes).enumerate() {
                    if place > 0 {
                        self.line.push(" ");
                    }
                    self.line.value(format_args!("{byte:02x}"));
                }
                if !all && fitting > 0 {
                    self.line.push(" …");
                }
            }
        }
    }

    /// Notes that the text continues after what was kept of it, unless the line shows it already.
    fn more(&mut self, message: &Message<'_>, room: usize) {
        let kept = length_u64(message.content.len());
        if kept < message.length && self.line.column() < self.columns() && kept < length_u64(room) {
            self.line.push("…");
        }
    }

    /// Keeps for a message how many bytes a frame of it lacks, and gives their number.
    pub(super) fn note_lack(
        &mut self,
        connection: ConnectionId,
        direction: Option<Direction>,
        frame: &Frame,
    ) -> u64 {
        let lack = frame.header.payload_length.saturating_sub(frame.received);
        if lack > 0 {
            let before = match self.lack {
                Some((id, of, bytes)) if (id, of) == (connection, direction) => bytes,
                Some(_) | None => 0,
            };
            self.lack = Some((connection, direction, before.saturating_add(lack)));
        }
        lack
    }

    /// A frame, when they are wanted; what it lacks is kept for its message.
    pub(super) fn frame(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        frame: &Frame,
    ) {
        let header = &frame.header;
        let lack = self.note_lack(connection.id, direction, frame);
        if self.options.detail == Detail::Messages {
            if Opcode::from_wire(header.opcode).is_some() {
                // The row of its message shows them.
                self.found.clear();
            }
            return;
        }
        self.introduce(origin, connection);
        let mark = self.marked(" ");
        self.mark(mark);
        self.line.spaces(NUMBER_WIDTH.saturating_sub(1));
        self.stamp(origin, Some(connection.id));
        self.line.push("  ");
        self.line.arrow(direction);
        self.line.push("    frame ");
        self.line.begin(Role::Dim);
        self.line.push(if header.fin { "FIN " } else { "    " });
        for (bit, name) in [(4, "RSV1 "), (2, "RSV2 "), (1, "RSV3 ")] {
            if header.rsv & bit != 0 {
                self.line.push(name);
            }
        }
        match Opcode::from_wire(header.opcode) {
            Some(opcode) => self.line.push(opcode.name()),
            None => self.line.value(format_args!("reserved opcode {:X}", header.opcode)),
        }
        match header.mask {
            Some([a, b, c, d]) => {
                self.line.value(format_args!("  mask {a:02x}{b:02x}{c:02x}{d:02x}"));
            }
            None => self.line.push("  unmasked"),
        }
        self.line.push("  length ");
        self.line.number(header.payload_length);
        self.line.value(format_args!(
            "  header {}  offset {}  packet {}",
            header.header_length, frame.span.start, frame.span.first.packet
        ));
        self.line.end();
        if lack > 0 {
            self.line.push("  ");
            self.line.begin(Role::Error);
            self.line.with(|out| counted(out, lack, "byte"));
            self.line.push(" missing");
            self.line.end();
        }
        self.write();
    }
}

/// The column where sizes begin: after the longest opcode.
const SIZE_COLUMN: usize = OPCODE_COLUMN + 6;

/// Columns of a size without its unit.
const SIZE_WIDTH: usize = 7;

/// The widest remark that others are aligned with.
const REMARK_WIDTH: usize = 22;
