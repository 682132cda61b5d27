//! One direction of a WebSocket: bytes to frames to messages.

mod messages;
mod open_message;
mod shared;

pub use self::shared::{Settings, Shared};

use self::messages::Messages;
use crate::stream::{Chunk, Gap, GapCause, Span, length_u64, length_usize};
use crate::websocket::deflate::{History, HistoryStart};
use crate::websocket::extension::SideParams;
use crate::websocket::frame::{Frame, FrameHeader, MAX_HEADER_LENGTH, Opcode, frame_header};
use crate::websocket::message::Message;
use crate::websocket::sync::{BoundarySearch, Masked, Rsv1};

/// Turns one direction of a byte stream into frames and messages.
///
/// Does no I/O and reads no clock. How the bytes were cut into chunks never changes what comes out,
/// except when frame boundaries must be found again after a gap. Payloads are streamed: a
/// declared length costs nothing, and at most [`Settings::keep`] bytes of a message are kept.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// What is known of frame boundaries.
    search: BoundarySearch,
    /// Bytes of a header that is not whole yet.
    partial_length: u8,
    /// Frames begun.
    frames: u64,
    messages: Messages,
    /// Memory taken by what it keeps of messages, as the budget knows it.
    kept: usize,
    /// What is touched only by frames that chunks cut: apart, so that a thousand connections whose
    /// frames come whole fit in a processor's cache.
    cut: Box<Cut>,
}

/// A header and a frame that are not whole yet.
#[derive(Debug, Default)]
struct Cut {
    header: [u8; MAX_HEADER_LENGTH],
    header_span: Span,
    frame: Frame,
    /// What was skipped since frame boundaries were lost.
    lost: Span,
}

/// What one decoder observed.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'a> {
    /// A header is whole.
    FrameStarted(&'a Frame),
    /// A payload is whole, or never will be.
    FrameEnded(&'a Frame),
    /// A text stopped being UTF-8 at this byte of its content, in this frame.
    InvalidUtf8 {
        /// Offset within the (inflated) message.
        byte: u64,
        /// The frame that carries it.
        span: Span,
    },
    /// A message or control frame is whole, or never will be.
    Message(&'a Message<'a>),
    /// Frame boundaries are unknown from here on.
    SyncLost(Span),
    /// Frame boundaries were found again; the span is what was skipped.
    SyncFound(Span),
    /// Text in place of a frame. It is returned as far as it was received at once, and the
    /// rest of the stream is skipped.
    NotAFrame(&'a [u8], Span),
}

impl Observation<'_> {
    /// Where in stream and capture it was made.
    pub fn span(&self) -> Span {
        match self {
            Self::FrameStarted(frame) | Self::FrameEnded(frame) => frame.span,
            Self::Message(message) => message.span,
            Self::InvalidUtf8 { span, .. }
            | Self::SyncLost(span)
            | Self::SyncFound(span)
            | Self::NotAFrame(_, span) => *span,
        }
    }
}

/// What is known of a direction's compression.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    /// None was negotiated.
    None,
    /// permessage-deflate, with the parameters of this direction's sender.
    Deflate(SideParams),
    /// The handshake was not seen: RSV1 is taken for permessage-deflate.
    Unknown,
}

/// Where a direction starts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// At a frame boundary: after the handshake.
    Boundary,
    /// Anywhere: a boundary has to be found.
    Anywhere,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// At a frame boundary, or within a header.
    Header,
    /// Within a payload.
    Payload,
    /// Boundaries are unknown.
    Lost,
    /// Nothing more will be decoded.
    Dead,
}

impl Decoder {
    /// Makes the decoder of a direction.
    pub fn new(compression: Compression, start: Start) -> Self {
        let rsv1 = match compression {
            Compression::None => Rsv1::Forbidden,
            Compression::Deflate(_) | Compression::Unknown => Rsv1::Allowed,
        };
        Self {
            state: match start {
                Start::Boundary => State::Header,
                Start::Anywhere => State::Lost,
            },
            search: match start {
                Start::Boundary => BoundarySearch::at_boundary(rsv1),
                Start::Anywhere => BoundarySearch::anywhere(rsv1),
            },
            partial_length: 0,
            frames: 0,
            messages: Messages::new(
                compression,
                match start {
                    Start::Boundary => HistoryStart::Seen,
                    Start::Anywhere => HistoryStart::Missed,
                },
            ),
            kept: 0,
            cut: Box::default(),
        }
    }

    /// Makes the decoder of a direction that starts at a frame boundary between two messages, with
    /// the history that was there.
    pub fn resume(compression: Compression, history: History<'_>, settings: Settings) -> Self {
        Self {
            messages: Messages::resume(compression, history, settings),
            ..Self::new(compression, Start::Boundary)
        }
    }

    /// Takes what is known of a direction that starts anywhere: whether its frames are masked, and the stream
    /// offset of a boundary.
    pub fn expect(&mut self, masked: Masked, boundary: Option<u64>) {
        self.search.expect(masked, boundary);
    }

    /// Whether frame boundaries are unknown: what is observed next may come from earlier chunks.
    #[inline]
    pub fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// Takes the next bytes of the stream.
    pub fn push(
        &mut self,
        chunk: Chunk<'_>,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        self.read(chunk, shared, sink);
        if self.may_keep() {
            self.account(shared);
        }
    }

    /// Drops what it keeps, to save memory. Frames and messages are observed as before; but of the message
    /// under way no content is kept, and what is compressed cannot refer to earlier output.
    pub fn evict(&mut self, shared: &mut Shared) {
        self.messages.evict(shared);
        if let State::Lost = self.state {
            self.search.lose();
        }
        self.account(shared);
    }

    /// Memory taken by what it keeps of messages, in bytes, as the budget knows it.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Whether it keeps anything, or did at the last report to the budget.
    #[inline]
    fn may_keep(&self) -> bool {
        self.kept > 0 || self.state == State::Lost || self.messages.may_keep()
    }

    /// Reports to the budget what it keeps now.
    fn account(&mut self, shared: &mut Shared) {
        let kept = self.messages.memory().saturating_add(self.search.memory());
        if kept != self.kept {
            shared.budget.change(self.kept, kept);
            self.kept = kept;
        }
    }

    fn read(
        &mut self,
        chunk: Chunk<'_>,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        let mut rest = chunk;
        loop {
            match self.state {
                State::Dead => return,
                State::Lost => {
                    self.look_for_boundary(rest, shared, sink);
                    return;
                }
                State::Header => {
                    if rest.bytes.is_empty() {
                        return;
                    }
                    let Some(used) = self.header(rest, shared, sink) else { return };
                    rest = rest.skip(used);
                    if let State::Payload = self.state
                        && (self.cut.frame.header.payload_length == 0 || !rest.bytes.is_empty())
                    {
                        rest = self.payload(rest, shared, sink);
                    }
                }
                State::Payload => {
                    if rest.bytes.is_empty() {
                        return;
                    }
                    rest = self.payload(rest, shared, sink);
                }
            }
        }
    }

    /// Bytes of the stream are missing.
    ///
    /// Within a payload of known length nothing but their values is lost. Where a header is lost,
    /// boundaries have to be found again.
    pub fn gap(&mut self, gap: Gap, shared: &mut Shared, sink: &mut impl FnMut(Observation<'_>)) {
        if gap.cause == GapCause::UnknownLength {
            self.lose_all(gap, shared, sink);
            return self.account(shared);
        }
        let mut lost = gap.length;
        if let State::Payload = self.state {
            let open = self.cut.frame.remaining().min(lost);
            lost = lost.saturating_sub(open);
            self.cut.frame.missing = self.cut.frame.missing.saturating_add(open);
            self.cut.frame.span.extend(gap.offset.saturating_add(open), gap.origin);
            let end = gap.offset.saturating_add(open);
            self.messages.gap(&self.cut.frame, end, gap.origin);
            if self.cut.frame.remaining() == 0 {
                self.messages.end_frame(&self.cut.frame, shared, sink);
                self.state = State::Header;
            }
        }
        match self.state {
            State::Lost => {
                self.cut.lost.extend(gap.end(), gap.origin);
                self.search.gap(gap);
            }
            State::Header | State::Payload if lost > 0 => {
                let mut since = Span::at(gap.end().saturating_sub(lost), gap.origin);
                if self.partial_length > 0 {
                    since = self.cut.header_span;
                    self.partial_length = 0;
                }
                since.extend(gap.end(), gap.origin);
                self.lose_sync(since, shared, sink);
            }
            State::Header | State::Payload | State::Dead => {}
        }
        self.account(shared);
    }

    /// Loses boundaries, because it is not known how much is missing.
    fn lose_all(&mut self, gap: Gap, shared: &mut Shared, sink: &mut impl FnMut(Observation<'_>)) {
        let mut since = Span::at(gap.offset, gap.origin);
        since.extend(gap.end(), gap.origin);
        match self.state {
            State::Header | State::Payload => {
                if let State::Payload = self.state {
                    self.messages.gap(&self.cut.frame, gap.offset, gap.origin);
                }
                self.partial_length = 0;
                self.lose_sync(since, shared, sink);
            }
            State::Lost => {
                self.cut.lost.extend(gap.end(), gap.origin);
                self.search.gap(gap);
            }
            State::Dead => {}
        }
    }

    /// Ends the stream: what is unfinished is handed over as it is.
    pub fn finish(&mut self, shared: &mut Shared, sink: &mut impl FnMut(Observation<'_>)) {
        if let State::Lost = self.state
            && let Some(boundary) = self.search.finish()
        {
            self.start_at(boundary, shared, sink);
        }
        if let State::Payload = self.state {
            sink(Observation::FrameEnded(&self.cut.frame));
        }
        self.messages.give_up_all(shared, sink);
        self.state = State::Dead;
        self.account(shared);
    }

    /// Bytes of a header that never became whole.
    pub fn partial_header(&self) -> Option<(&[u8], Span)> {
        let bytes = self.cut.header.get(..usize::from(self.partial_length)).unwrap_or_default();
        (!bytes.is_empty()).then_some((bytes, self.cut.header_span))
    }

    /// Reads a header, and returns how many bytes of the chunk it used; `None` when more are needed.
    fn header(
        &mut self,
        chunk: Chunk<'_>,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) -> Option<usize> {
        if self.partial_length == 0 {
            if let Ok((_, header)) = frame_header(chunk.bytes) {
                if self.search.finds_text(chunk.bytes, &header) {
                    return self.text(chunk, shared, sink);
                }
                let span = Span::at(chunk.offset, chunk.origin);
                let length = usize::from(header.header_length);
                if let Some(opcode) = self.messages.in_one_frame(&header) {
                    let payload = chunk.skip(length).take(length_usize(header.payload_length));
                    if length_u64(payload.bytes.len()) == header.payload_length {
                        self.whole_message(header, opcode, payload, shared, sink);
                        return Some(length.saturating_add(payload.bytes.len()));
                    }
                }
                self.start_frame(Frame { header, span, ..Frame::default() }, chunk, shared, sink);
                return Some(length);
            }
            self.cut.header_span = Span::at(chunk.offset, chunk.origin);
        }
        // The header is split: collect it in `partial`.
        let before = usize::from(self.partial_length);
        let place = self.cut.header.get_mut(before..).unwrap_or_default();
        let taken = place.len().min(chunk.bytes.len());
        for (place, byte) in place.iter_mut().zip(chunk.bytes) {
            *place = *byte;
        }
        let collected = before.saturating_add(taken);
        let parsed = frame_header(self.cut.header.get(..collected).unwrap_or_default());
        let Ok((_, header)) = parsed else {
            self.partial_length = u8::try_from(collected).unwrap_or(0);
            self.cut.header_span.extend(chunk.end(), chunk.origin);
            return None;
        };
        let used = usize::from(header.header_length).saturating_sub(before);
        let mut span = self.cut.header_span;
        span.extend(chunk.take(used).end(), chunk.origin);
        self.partial_length = 0;
        self.start_frame(Frame { header, span, ..Frame::default() }, chunk, shared, sink);
        Some(used)
    }

    /// Hands over a frame that is a whole message, straight from its chunk: the common case.
    fn whole_message(
        &mut self,
        header: FrameHeader,
        opcode: Opcode,
        payload: Chunk<'_>,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        let header_length = u64::from(header.header_length);
        let start = payload.offset.saturating_sub(header_length);
        let mut span = Span::at(start, payload.origin);
        span.end = payload.offset;
        let mut frame = Frame { header, span, received: 0, missing: 0, index: self.frames };
        self.frames = self.frames.saturating_add(1);
        self.search.observe(&header);
        sink(Observation::FrameStarted(&frame));
        frame.received = header.payload_length;
        frame.span.end = payload.end();
        self.messages.whole(opcode, &frame, payload.bytes, shared, sink);
    }

    fn start_frame(
        &mut self,
        frame: Frame,
        chunk: Chunk<'_>,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        let header = frame.header;
        self.search.observe(&header);
        let end = frame.span.start.saturating_add(u64::from(header.header_length));
        self.cut.frame = Frame { index: self.frames, ..frame };
        self.cut.frame.span.extend(end, chunk.origin);
        self.frames = self.frames.saturating_add(1);
        self.state = State::Payload;
        sink(Observation::FrameStarted(&self.cut.frame));
        self.messages.start_frame(&self.cut.frame, shared, sink);
    }

    /// Takes the part of `chunk` that belongs to the current frame; returns the rest.
    fn payload<'c>(
        &mut self,
        chunk: Chunk<'c>,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) -> Chunk<'c> {
        let remaining = length_usize(self.cut.frame.remaining());
        let (piece, rest) = (chunk.take(remaining), chunk.skip(remaining));
        let frame = &mut self.cut.frame;
        frame.received = frame.received.saturating_add(length_u64(piece.bytes.len()));
        frame.span.extend(piece.end(), piece.origin);
        self.messages.payload(frame, piece, shared, sink);
        if frame.remaining() == 0 {
            self.state = State::Header;
        }
        rest
    }

    /// There is text in place of a frame: nothing after it can be decoded.
    fn text(
        &mut self,
        chunk: Chunk<'_>,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) -> Option<usize> {
        let mut span = Span::at(chunk.offset, chunk.origin);
        span.extend(chunk.end(), chunk.origin);
        sink(Observation::NotAFrame(chunk.bytes, span));
        self.messages.give_up_all(shared, sink);
        self.state = State::Dead;
        None
    }

    fn lose_sync(
        &mut self,
        since: Span,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        if let State::Payload = self.state {
            sink(Observation::FrameEnded(&self.cut.frame));
        }
        self.messages.lose(shared, sink);
        self.search.lose();
        self.state = State::Lost;
        self.cut.lost = since;
        sink(Observation::SyncLost(since));
    }

    /// Looks for a frame boundary; what was searched is decoded once there is one.
    fn look_for_boundary(
        &mut self,
        chunk: Chunk<'_>,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        let lost = &mut self.cut.lost;
        if *lost == Span::default() {
            *lost = Span::at(chunk.offset, chunk.origin);
        }
        lost.extend(chunk.end(), chunk.origin);
        if let Some(boundary) = self.search.push(chunk) {
            self.start_at(boundary, shared, sink);
        }
    }

    /// Decodes what was searched, from a boundary on.
    fn start_at(
        &mut self,
        boundary: u64,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        self.state = State::Header;
        let lost = std::mem::take(&mut self.cut.lost);
        let kept = self.search.take();
        let mut next = boundary;
        for chunk in kept.chunks() {
            let chunk = chunk.skip(length_usize(boundary.saturating_sub(chunk.offset)));
            if chunk.bytes.is_empty() {
                continue;
            }
            if chunk.offset == boundary && lost.start < boundary {
                let mut skipped = Span::at(lost.start, lost.first);
                skipped.extend(boundary, chunk.origin);
                sink(Observation::SyncFound(skipped));
            }
            if next < chunk.offset {
                let (length, origin) = (chunk.offset.saturating_sub(next), chunk.origin);
                let gap = Gap { offset: next, length, cause: GapCause::Acknowledged, origin };
                self.gap(gap, shared, sink);
            }
            next = chunk.end();
            self.read(chunk, shared, sink);
        }
    }
}

#[cfg(test)]
mod tests;
