//! Takes from a decoder what belongs to one row.

use std::ops::ControlFlow;

use crate::stream::{Chunk, PacketId, length_u64, length_usize};
use crate::timeline::index::ResumeState;
use crate::timeline::open::{MessageFacts, OpenLimits, Opened, OpenedFrame};
use crate::timeline::wire::WireBytes;
use crate::websocket::{Frame, Message, Observation};

/// Waits for what starts at one stream offset.
#[derive(Debug)]
pub(super) struct RowCollector {
    offset: u64,
    wanted: Wanted,
    limits: OpenLimits,
    wire: WireBytes,
    frames: Vec<Frame>,
    content: Vec<u8>,
    message: Option<MessageFacts>,
    /// Where the row ends in its stream, once it is whole.
    end: Option<u64>,
    resume_state: Option<ResumeState>,
    /// Where decoding can go on another time, before the row is reached.
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

impl RowCollector {
    /// Makes one for what starts at `offset`, before which `work` bytes may be decoded at a time.
    pub(super) fn new(offset: u64, wanted: Wanted, limits: OpenLimits, work: u64) -> Self {
        Self {
            offset,
            wanted,
            limits,
            wire: WireBytes::default(),
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

    /// Where the row starts.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes from a stream offset to the row.
    pub(super) fn distance(&self, offset: u64) -> usize {
        length_usize(self.offset.saturating_sub(offset))
    }

    /// Takes bytes of the row, and perhaps some behind it.
    pub(super) fn push(&mut self, chunk: Chunk<'_>) {
        self.wire.push(chunk);
    }

    /// Takes what the decoder observed.
    pub(super) fn observe(&mut self, seen: Observation<'_>) {
        if self.is_done() {
            return;
        }
        match seen {
            Observation::FrameEnded(frame) => self.frame(frame),
            Observation::Message(message) => self.message(message),
            Observation::FrameStarted(_)
            | Observation::InvalidUtf8 { .. }
            | Observation::SyncLost(_)
            | Observation::SyncFound(_)
            | Observation::NotAFrame(..) => {}
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
        if self.wire.length() >= self.limits.wire {
            self.cut = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Where decoding can go on behind the row.
    pub(super) fn resume_state(&self) -> Option<ResumeState> {
        self.resume_state.clone()
    }

    /// Whether there was too much work before the row.
    pub(super) fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    /// Where to go on another time, if the row was not reached for too much work.
    pub(super) fn take_pause(&mut self) -> Option<ResumeState> {
        self.pause.take().filter(|_| !self.is_done())
    }

    /// How much work is left.
    pub(super) fn work(&self) -> u64 {
        self.work
    }

    /// Counts bytes that were decoded.
    pub(super) fn count(&mut self, bytes: u64) {
        self.work = self.work.saturating_sub(bytes);
    }

    /// What was collected.
    pub(super) fn finish(mut self) -> Opened {
        let last = self.frames.last().map(|frame| frame.span.end);
        if let Some(end) = self.end.or(last) {
            self.wire.end_at(end);
        }
        self.cut |= self.wire.cut(self.limits.wire);
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
        let (wire, pieces) = self.wire.into_parts();
        Opened {
            wire,
            pieces,
            frames,
            content,
            message: self.message,
            handshake: None,
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
        });
        self.end = Some(end);
        self.resume_state = resume_state_after(message);
    }
}

/// What is to be known to go on behind a message.
fn resume_state_after(message: &Message<'_>) -> Option<ResumeState> {
    message.history.filter(|_| message.complete).map(|history| ResumeState {
        offset: message.span.end,
        first: PacketId(u64::MAX),
        output: history.output.into(),
        start: history.start,
        earlier: history.earlier,
    })
}

fn opened(frame: &Frame, wire: &WireBytes) -> OpenedFrame {
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
        unmasked: wire.unmasked(payload, end, frame.header.mask),
    }
}

/// Frames of a message that are opened one by one.
const MAX_FRAMES: usize = 1 << 14;
