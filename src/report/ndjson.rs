//! One JSON object a line: the contract with programs. Fields may be added, never renamed.

mod decoded_again;
mod explained;
mod finding;
mod lines;
mod proxies;
mod sockets;

use std::borrow::Cow;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

pub(super) use self::decoded_again::DecodedAgainFields;
pub(super) use self::explained::{ExplainedFields, ExplainedSummaryLine};
pub(super) use self::finding::FindingLine;
use self::lines::{CloseCodeField, FrameLine, HandshakeLine, MessageLine};
pub(super) use self::lines::{
    ConnectionLine, FoldedLine, OfFile, SeverityFields, SummaryLine, Times,
};
use super::handshake::HandshakeFacts;
use super::output::Output;
use super::{Breadth, Detail, Listing, Report, Selection};
use crate::analysis::event::{Connection, ConnectionId, Ending};
use crate::http::Handshake;
use crate::journal::{Entry, EntryKind, FoldedFindings, Found, Journal, Summary};
use crate::stream::{Direction, Origin, Span, Timestamp, length_u64};
use crate::text::clock::Rfc3339;
use crate::websocket::{Digest, Frame, Message, Opcode, Utf8};

/// Writes JSON lines.
#[derive(Debug)]
pub struct Ndjson<W> {
    out: Output<W>,
    options: NdjsonOptions,
    origins: Origins,
    clock: Rfc3339,
    /// The line under way.
    line: Vec<u8>,
    /// Content as base64, or another text that is made for the line under way.
    scratch: String,
}

/// What the user chose.
#[derive(Clone, Debug)]
pub struct NdjsonOptions {
    /// Which connections.
    pub selection: Selection,
    /// Messages only, or frames as well.
    pub detail: Detail,
    /// Whether findings are written.
    pub findings: Listing,
    /// How many bytes of each message's content are written; as many as the analyzer keeps.
    pub max_payload: usize,
}

impl<W: Write> Ndjson<W> {
    /// Makes a report that has seen nothing.
    pub fn new(writer: W, options: NdjsonOptions) -> Self {
        Self {
            out: Output::new(writer),
            options,
            origins: Origins::Captured,
            clock: Rfc3339::default(),
            line: Vec::new(),
            scratch: String::new(),
        }
    }

    /// The same for bytes that were not captured: of no connection, time and packet.
    pub(super) fn without_origins(self) -> Self {
        Self { origins: Origins::Pasted, ..self }
    }

    /// Writes the line of a handshake that was not captured.
    pub(super) fn pasted(&mut self, handshake: &Handshake) {
        self.handshake(Origin::default(), None, handshake);
    }

    /// Ends lines that no summary follows.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Whether findings on a connection, or on none, are written.
    fn lists(&self, connection: Option<ConnectionId>) -> bool {
        let selection = &self.options.selection;
        self.options.findings == Listing::Yes && connection.is_none_or(|it| selection.has(it))
    }

    /// Writes the line of a message.
    pub fn message(
        &mut self,
        connection: ConnectionId,
        time: Timestamp,
        direction: Option<Direction>,
        message: &Message<'_>,
    ) {
        let truncated = length_u64(message.content.len()) < message.length
            && message.content.len() >= self.options.max_payload;
        let body = body(message, if truncated { ContentExtent::Cut } else { ContentExtent::Whole });
        if let MessageBody::Base64 = body {
            self.scratch.clear();
            STANDARD.encode_string(message.content, &mut self.scratch);
        }
        let mut digest = [0; DIGEST_TEXT_LENGTH];
        let close = (message.opcode == Opcode::Close).then_some(message.close).flatten();
        let line = MessageLine {
            kind: "message",
            connection: self.origins.of(connection.0),
            time: self.origins.of(self.clock.text(time)),
            packets: self.origins.of(packets(message.span)),
            direction: direction.map(Direction::name),
            opcode: message.opcode.name(),
            frames: message.frames,
            compressed: message.compressed,
            wire_length: message.wire_length,
            length: message.length,
            complete: message.complete,
            text: match body {
                MessageBody::Text(text) => Some(text),
                MessageBody::Base64 | MessageBody::Close => None,
            },
            base64: match body {
                MessageBody::Base64 => Some(&self.scratch),
                MessageBody::Text(_) | MessageBody::Close => None,
            },
            truncated: truncated.then_some(true),
            sha256: message.sha256.filter(|_| truncated).and_then(|hash| hex(&hash, &mut digest)),
            close_code: (message.opcode == Opcode::Close)
                .then_some(CloseCodeField(close.and_then(|close| close.code))),
            close_reason: close
                .filter(|close| close.code.is_some())
                .and_then(|close| std::str::from_utf8(close.reason).ok()),
        };
        write(&mut self.out, &mut self.line, &line);
    }

    fn frame(&mut self, entry: &Entry<'_>, connection: &Connection, frame: &Frame) {
        let mut mask = [0; MASK_TEXT_LENGTH];
        let line = FrameLine {
            kind: "frame",
            connection: self.origins.of(connection.id.0),
            time: self.origins.of(self.clock.text(entry.origin.time)),
            packets: self.origins.of(packets(frame.span)),
            direction: entry.direction.map(Direction::name),
            fin: frame.header.fin,
            rsv: frame.header.rsv,
            opcode: frame.header.opcode,
            masked: frame.header.mask.is_some(),
            mask: frame.header.mask.and_then(|key| hex(&key, &mut mask)),
            length: frame.header.payload_length,
            header_length: frame.header.header_length,
            offset: frame.span.start,
            complete: frame.is_complete(),
        };
        write(&mut self.out, &mut self.line, &line);
    }

    fn handshake(
        &mut self,
        origin: Origin,
        connection: Option<&Connection>,
        handshake: &Handshake,
    ) {
        let facts = HandshakeFacts::of(handshake);
        let heads = [&handshake.request, &handshake.response];
        let spans = heads.into_iter().flatten().map(|head| head.span);
        let first = spans.clone().map(|span| span.first.packet.0).min();
        let last = spans.map(|span| span.last.packet.0).max();
        let line = HandshakeLine {
            kind: "handshake",
            connection: connection.map(|connection| connection.id.0),
            time: self.origins.of(self.clock.text(origin.time)),
            packets: self
                .origins
                .of([first.unwrap_or(origin.packet.0), last.unwrap_or(origin.packet.0)]),
            method: facts.method.map(String::from_utf8_lossy),
            target: facts.target.map(String::from_utf8_lossy),
            host: facts.host.map(String::from_utf8_lossy),
            status: facts.status,
            subprotocol: facts.subprotocol.map(String::from_utf8_lossy),
            extensions: facts.extensions.as_deref().map(String::from_utf8_lossy),
            subprotocols_offered: lossy(&facts.subprotocols_offered),
            extensions_offered: facts.extensions_offered.as_deref().map(String::from_utf8_lossy),
            duration_ms: facts.duration.and_then(milliseconds),
        };
        write(&mut self.out, &mut self.line, &line);
    }

    fn ended(&mut self, connection: &Connection, ending: Ending, folded: &[FoldedFindings]) {
        if self.lists(Some(connection.id)) {
            for FoldedFindings { rule, count } in folded {
                let line = FoldedLine::new(rule, connection.id, *count);
                write(&mut self.out, &mut self.line, &line);
            }
        }
        if ending.relevant || self.options.selection.breadth == Breadth::All {
            let times = Times::of(connection, &mut self.clock);
            let line = ConnectionLine::new(connection, ending, &times);
            write(&mut self.out, &mut self.line, &line);
        }
    }
}

impl<W: Write> Journal for Ndjson<W> {
    fn entry(&mut self, entry: &Entry<'_>) {
        let Some(connection) = entry.connection else { return };
        if !self.options.selection.has(connection.id) {
            return;
        }
        match entry.kind {
            EntryKind::Message(message) => {
                // Rules may need more of it than is written.
                let message = message.shortened(self.options.max_payload, Digest::Wanted);
                self.message(connection.id, entry.origin.time, entry.direction, &message);
            }
            EntryKind::Frame(frame) => self.frame(entry, connection, frame),
            EntryKind::Response(handshake) | EntryKind::NoResponse(handshake) => {
                self.handshake(entry.origin, Some(connection), handshake);
            }
            EntryKind::Ended { ending, folded } => self.ended(connection, ending, folded),
            // Everything else is a finding, or a field of the lines above.
            _ => {}
        }
    }

    fn takes_frame(&self, _: &Frame) -> bool {
        self.options.detail == Detail::Frames
    }

    fn finding(&mut self, found: &Found) {
        if self.lists(found.finding.connection) {
            let line = FindingLine::new(&found.finding, &mut self.clock)
                .with_consequences(found.consequences.clone());
            write(&mut self.out, &mut self.line, &line);
        }
    }
}

impl<W: Write> Report for Ndjson<W> {
    fn check(&mut self) -> io::Result<()> {
        self.out.check()
    }

    fn is_pending(&self) -> bool {
        self.out.is_pending()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        write(&mut self.out, &mut self.line, &ExplainedSummaryLine::new(summary));
        self.out.flush()
    }
}

/// Serializes one line into a reused buffer, and writes it.
pub(super) fn write<W: Write>(out: &mut Output<W>, buffer: &mut Vec<u8>, line: &impl Serialize) {
    buffer.clear();
    // Our own structures with string keys, into memory: neither can fail.
    if serde_json::to_writer(&mut *buffer, line).is_ok() {
        buffer.push(b'\n');
        out.line(buffer);
    }
}

/// Whether lines name a connection, a time and packets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Origins {
    Captured,
    Pasted,
}

impl Origins {
    /// What is written of something that only captured bytes have.
    fn of<T>(self, value: T) -> Option<T> {
        (self == Self::Captured).then_some(value)
    }
}

/// How a message's content is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum MessageBody<'a> {
    Text(&'a str),
    Base64,
    /// A Close says everything by its code and reason.
    Close,
}

/// Whether the content of a message is all of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ContentExtent {
    Whole,
    /// Cut at the limit, perhaps within a character.
    Cut,
}

/// Chooses how a message's content is written.
fn body<'a>(message: &Message<'a>, content: ContentExtent) -> MessageBody<'a> {
    match message.opcode {
        Opcode::Text if matches!(message.utf8, Utf8::Invalid { .. }) => MessageBody::Base64,
        Opcode::Text => match simdutf8::compat::from_utf8(message.content) {
            Ok(text) => MessageBody::Text(text),
            Err(error)
                if error.error_len().is_none()
                    && (content == ContentExtent::Cut || !message.complete) =>
            {
                let whole = message.content.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(whole).map_or(MessageBody::Base64, MessageBody::Text)
            }
            Err(_) => MessageBody::Base64,
        },
        Opcode::Close => match message.close {
            Some(close) if close.code.is_some() && std::str::from_utf8(close.reason).is_ok() => {
                MessageBody::Close
            }
            _ if message.content.is_empty() => MessageBody::Close,
            _ => MessageBody::Base64,
        },
        Opcode::Binary | Opcode::Ping | Opcode::Pong | Opcode::Continuation => MessageBody::Base64,
    }
}

/// First and last packet of a span.
fn packets(span: Span) -> [u64; 2] {
    [span.first.packet.0, span.last.packet.0]
}

/// Writes bytes as hexadecimal digits into a buffer of twice their length.
fn hex<'a>(bytes: &[u8], text: &'a mut [u8]) -> Option<&'a str> {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble };
    for (byte, place) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        place.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
    }
    std::str::from_utf8(text).ok()
}

/// Text that is perhaps no UTF-8; `None` when there is none.
fn lossy(bytes: &[u8]) -> Option<Cow<'_, str>> {
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes))
}

/// Nanoseconds as milliseconds with six decimals.
///
/// By way of text, because that gives the nearest number, and no sum of roundings.
pub(super) fn milliseconds(nanoseconds: u64) -> Option<f64> {
    format!("{}.{:06}", nanoseconds / 1_000_000, nanoseconds % 1_000_000).parse().ok()
}

/// Hexadecimal digits of a masking key.
const MASK_TEXT_LENGTH: usize = 8;

/// Hexadecimal digits of a SHA-256.
const DIGEST_TEXT_LENGTH: usize = 64;

#[cfg(test)]
mod tests;
