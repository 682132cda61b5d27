//! Takes from a decoder what belongs to one row.

use std::ops::{ControlFlow, Range};

use crate::analysis::Sink;
use crate::analysis::event::{ConnectionEvent, Event, EventKind};
use crate::stream::{Buffer, Chunk, PacketId, Span, length_u64};
use crate::timeline::carried::RecordCollector;
use crate::timeline::index::ResumeState;
use crate::timeline::open::{MessageFacts, OpenLimits, Opened, OpenedFrame, WirePiece};
use crate::websocket::mask::unmask;
use crate::websocket::{Frame, Message};

/// Waits for what starts at one stream offset.
#[derive(Debug)]
pub(super) struct RowCollector {
    offset: u64,
    wanted: Wanted,
    limits: OpenLimits,
    wire: Buffer,
    records: RecordCollector,
    frames: Vec<Frame>,
    content: Vec<u8>,
    message: Option<MessageFacts>,
    /// Where the row ends in its stream, once it is whole.
    end: Option<u64>,
    resume_state: Option<ResumeState>,
    /// Where decoding can be resumed before the row is reached.
    pause: Option<ResumeState>,
    /// Bytes that may still be decoded before that.
    work: u64,
    cut: bool,
}

/// What a row is made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wanted {
    /// A message of text or binary.
    Data,
    /// A control frame.
    Control,
    /// One frame, whatever its opcode.
    Frame,
}

impl Sink for RowCollector {
    fn event(&mut self, event: &Event<'_>) {
        let EventKind::Connection(_, event) = event.kind else { return };
        match event {
            ConnectionEvent::FrameEnded(_, frame) if !self.is_done() => self.frame(frame),
            ConnectionEvent::Message(_, message) if !self.is_done() => self.message(message),
            _ => {}
        }
    }

    fn row_bytes(&mut self, chunk: Chunk<'_>) {
        self.wire.push(chunk);
    }

    fn carrying_record(&mut self, record: Span, carried: Range<u64>) {
        self.records.record(record, carried);
    }
}

impl RowCollector {
    /// Makes one for what starts at `offset`, before which `work` bytes may be decoded at a time.
    pub(super) fn new(offset: u64, wanted: Wanted, limits: OpenLimits, work: u64) -> Self {
        Self {
            offset,
            wanted,
            limits,
            wire: Buffer::default(),
            records: RecordCollector::new(offset, limits.carried),
            frames: Vec::new(),
            content: Vec::new(),
            message: None,
            end: None,
            resume_state: None,
            pause: None,
            work,
            cut: false,
        }
    }

    /// Whether the row is whole.
    pub(super) fn is_done(&self) -> bool {
        self.end.is_some()
    }

    /// Whether more is to be read.
    pub(super) fn progress(&mut self) -> ControlFlow<()> {
        if self.is_done() {
            return ControlFlow::Break(());
        }
        if self.pause.is_some() {
            return ControlFlow::Break(());
        }
        if self.wire.bytes().len() >= self.limits.wire {
            self.cut = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Where decoding can resume after the row.
    pub(super) fn resume_state(&self) -> Option<ResumeState> {
        self.resume_state.clone()
    }

    /// Whether there was too much work before the row.
    pub(super) fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    /// Where to resume if the row was not reached within the work allowed.
    pub(super) fn take_pause(&mut self) -> Option<ResumeState> {
        self.pause.take().filter(|_| !self.is_done())
    }

    /// How much work is left.
    pub(super) fn work(&self) -> u64 {
        self.work
    }

    /// Takes bytes of the TCP stream, before they are decoded.
    pub(super) fn carrying(&mut self, chunk: Chunk<'_>) {
        self.count(length_u64(chunk.bytes.len()));
        self.records.push(chunk);
    }

    /// Counts bytes that were decoded.
    fn count(&mut self, bytes: u64) {
        self.work = self.work.saturating_sub(bytes);
    }

    /// What was collected.
    pub(super) fn finish(mut self) -> Opened {
        let last = self.frames.last().map(|frame| frame.span.end);
        if let Some(end) = self.end.or(last) {
            self.wire.truncate_at(end);
        }
        self.cut |= self.wire.truncate(self.limits.wire);
        let wire = &self.wire;
        let frames: Vec<_> = self.frames.iter().map(|frame| opened(frame, wire)).collect();
        let content = match self.wanted {
            Wanted::Data | Wanted::Control => self.content,
            Wanted::Frame => {
                let payload = frames.first().map(|frame| frame.unmasked.clone());
                let mut payload = payload.unwrap_or_default();
                self.cut |= payload.len() > self.limits.content;
                payload.truncate(self.limits.content);
                payload
            }
        };
        let carried = self.records.finish(self.wire.span().end);
        let (wire, pieces) = parts(self.wire);
        Opened {
            wire,
            pieces,
            frames,
            content,
            message: self.message,
            handshake: None,
            carried,
            cut: self.cut,
        }
    }

    fn frame(&mut self, frame: &Frame) {
        let start = frame.span.start;
        let belongs = match self.wanted {
            // Frames of a reserved data opcode are taken for parts of the message that is open.
            Wanted::Data => start >= self.offset && !frame.header.is_control(),
            Wanted::Control | Wanted::Frame => start == self.offset,
        };
        if !belongs {
            return;
        }
        if self.frames.len() < MAX_FRAMES {
            self.frames.push(*frame);
        } else {
            self.cut = true;
        }
        if self.wanted == Wanted::Frame {
            self.end = Some(frame.span.end);
        }
    }

    fn message(&mut self, message: &Message<'_>) {
        self.count(message.length);
        if message.span.start != self.offset || self.wanted == Wanted::Frame {
            let is_before = message.span.end <= self.offset;
            if self.work == 0 && is_before && self.pause.is_none() {
                self.pause = resume_state_after(message);
            }
            return;
        }
        // Frames of a message that is given up when the next one starts are followed by that one's.
        let end = message.span.end;
        self.frames.retain(|frame| frame.span.start < end);
        self.content = message.content.to_vec();
        self.cut |= message.complete && length_u64(message.content.len()) < message.length;
        self.message = Some(MessageFacts {
            length: message.length,
            complete: message.complete,
            inflation: message.inflation,
            ending: message.ending,
            utf8: message.utf8,
            close_code: message.close.and_then(|close| close.code),
            sha256: message.sha256,
        });
        self.end = Some(end);
        self.resume_state = resume_state_after(message);
    }
}

/// The state needed to resume after a message.
fn resume_state_after(message: &Message<'_>) -> Option<ResumeState> {
    message.history.filter(|_| message.complete).map(|history| ResumeState {
        offset: message.span.end,
        first: PacketId(u64::MAX),
        output: history.output.into(),
        start: history.start,
        earlier: history.earlier,
    })
}

fn opened(frame: &Frame, wire: &Buffer) -> OpenedFrame {
    let start = frame.span.start;
    let payload = start.saturating_add(u64::from(frame.header.header_length));
    let end = frame.span.end;
    OpenedFrame {
        header: frame.header,
        offset: start,
        first: frame.span.first.packet,
        last: frame.span.last.packet,
        complete: frame.is_complete(),
        header_range: wire.range(start, payload),
        payload_range: wire.range(payload, end),
        unmasked: unmasked(wire, payload, end, frame.header.mask),
    }
}

/// The bytes of a row that is not decoded any further.
#[derive(Debug, Default)]
pub(super) struct RawBytes {
    wire: Buffer,
    records: RecordCollector,
}

impl RawBytes {
    /// Makes one for what starts at `offset`.
    pub(super) fn new(offset: u64, limits: OpenLimits) -> Self {
        let records = RecordCollector::new(offset, limits.carried);
        Self { wire: Buffer::default(), records }
    }

    /// Takes bytes of the TCP stream, before they are decoded.
    pub(super) fn carrying(&mut self, chunk: Chunk<'_>) {
        self.records.push(chunk);
    }

    /// Whether there are enough of them: up to this stream offset, or so many.
    pub(super) fn progress(&self, end: u64, limit: usize) -> ControlFlow<()> {
        let is_whole = self.wire.span().end >= end && !self.wire.is_empty();
        if is_whole || self.wire.bytes().len() >= limit {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    pub(super) fn finish(mut self, end: u64, limit: usize) -> Opened {
        self.wire.truncate_at(end);
        let cut = self.wire.truncate(limit);
        let carried = self.records.finish(self.wire.span().end);
        let (wire, pieces) = parts(self.wire);
        Opened { wire, pieces, carried, cut, ..Opened::default() }
    }
}

impl Sink for RawBytes {
    fn event(&mut self, _: &Event<'_>) {}

    fn row_bytes(&mut self, chunk: Chunk<'_>) {
        self.wire.push(chunk);
    }

    fn carrying_record(&mut self, record: Span, carried: Range<u64>) {
        self.records.record(record, carried);
    }
}

/// The bytes of a frame's payload, unmasked.
fn unmasked(wire: &Buffer, start: u64, end: u64, mask: Option<[u8; 4]>) -> Vec<u8> {
    let range = wire.range(start, end);
    let mut plain = wire.bytes().get(range.clone()).unwrap_or_default().to_vec();
    let Some(key) = mask else { return plain };
    for (offset, piece, _) in wire.pieces() {
        let (from, until) = (piece.start.max(range.start), piece.end.min(range.end));
        let skipped = length_u64(from.saturating_sub(piece.start));
        // Missing bytes advance the key as well.
        let phase = offset.saturating_add(skipped).saturating_sub(start);
        let place = from.saturating_sub(range.start)..until.saturating_sub(range.start);
        if from < until
            && let Some(part) = plain.get_mut(place)
        {
            unmask(part, key, phase);
        }
    }
    plain
}

fn parts(wire: Buffer) -> (Vec<u8>, Vec<WirePiece>) {
    let pieces = wire.pieces().map(|(offset, range, origin)| WirePiece {
        packet: origin.packet,
        offset,
        range,
    });
    let pieces = pieces.collect();
    (wire.into_bytes(), pieces)
}

/// Frames of a message that are opened one by one.
const MAX_FRAMES: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Origin, Timestamp};

    #[test]
    fn unmasking_continues_after_missing_bytes() {
        // "Hello" as RFC 6455 section 5.7 masks it, in two packets, the third byte of its payload missing.
        let mut wire = Buffer::default();
        for (packet, offset, bytes) in
            [(4, 100, &b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f"[..]), (6, 109, b"\x51\x58next")]
        {
            let origin = Origin { packet: PacketId(packet), time: Timestamp(0) };
            wire.push(Chunk { offset, bytes, origin });
        }
        assert_eq!(unmasked(&wire, 106, 111, Some([0x37, 0xfa, 0x21, 0x3d])), b"Helo");
        assert_eq!(unmasked(&wire, 111, 115, None), b"next");
    }
}
