//! One direction of a WebSocket: bytes to frames to messages.

mod open;

use crate::stream::{Budget, Chunk, Gap, Span, length_u64, length_usize};
use crate::websocket::decoder::open::{About, Facts, Open, content, emit};
use crate::websocket::deflate::{History, HistoryStart, Inflater, Spares};
use crate::websocket::extension::SideParams;
use crate::websocket::frame::{Frame, FrameHeader, MAX_HEADER_LENGTH, Opcode, frame_header};
use crate::websocket::mask::unmask;
use crate::websocket::message::Message;
use crate::websocket::sync::{BoundarySearch, Rsv1};

/// Turns one direction of a byte stream into frames and messages.
///
/// Does no I/O and reads no clock. How the bytes were cut into chunks never changes what comes out,
/// except when frame boundaries must be found again after a gap. Payloads are streamed: a
/// declared length costs nothing, and at most [`Settings::keep`] bytes of a message are kept.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    compression: Compression,
    /// What is known of frame boundaries.
    search: BoundarySearch,
    /// Bytes of a header that is not whole yet.
    partial_length: u8,
    /// Whether a data message is open.
    within_message: bool,
    /// Frames begun.
    frames: u64,
    /// Whether all messages so far were seen.
    history: HistoryStart,
    inflater: Option<Box<Inflater>>,
    /// Memory taken by what it keeps of messages, as the budget knows it.
    kept: usize,
    /// What is touched only by frames and messages that chunks cut: apart, so that a thousand
    /// connections whose messages come whole fit in a processor's cache.
    cut: Box<Cut>,
}

/// A header, frame and messages that are not whole yet.
#[derive(Debug, Default)]
struct Cut {
    header: [u8; MAX_HEADER_LENGTH],
    header_span: Span,
    frame: Frame,
    /// The data message that is open.
    data: Option<Open>,
    /// The control frame that is open.
    control: Option<Open>,
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

/// What is wanted of messages.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Bytes kept of each message's content.
    pub keep: usize,
    /// Whether longer messages get a SHA-256.
    pub digest: bool,
    /// The most that one message may inflate to, in bytes.
    pub inflated_bytes: u64,
}

/// What all decoders share: settings, and buffers that are in use only while a chunk is decoded.
#[derive(Debug)]
pub struct Shared {
    /// What is wanted of messages.
    pub settings: Settings,
    /// Where all that is kept is accounted for.
    pub budget: Budget,
    spares: Spares,
    plain: Vec<u8>,
    /// Buffers of contents that have ended, for those that begin.
    buffers: Vec<Vec<u8>>,
}

impl Shared {
    /// Creates the shared part for decoders with these `settings`.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            budget: Budget::default(),
            spares: Spares::default(),
            plain: Vec::new(),
            buffers: Vec::new(),
        }
    }

    fn take_buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    fn give_back(&mut self, buffer: Vec<u8>) {
        let is_useful = (1..=LARGEST_SPARE).contains(&buffer.capacity());
        if is_useful && self.buffers.len() < SPARE_BUFFERS {
            self.buffers.push(buffer);
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
        Self {
            state: match start {
                Start::Boundary => State::Header,
                Start::Anywhere => State::Lost,
            },
            compression,
            search: BoundarySearch::new(match compression {
                Compression::None => Rsv1::Forbidden,
                Compression::Deflate(_) | Compression::Unknown => Rsv1::Allowed,
            }),
            partial_length: 0,
            within_message: false,
            frames: 0,
            history: match start {
                Start::Boundary => HistoryStart::Seen,
                Start::Anywhere => HistoryStart::Missed,
            },
            inflater: None,
            kept: 0,
            cut: Box::default(),
        }
    }

    /// Makes the decoder of a direction that starts at a frame boundary between two messages, with
    /// the history that was there.
    pub fn resume(compression: Compression, history: History<'_>, settings: Settings) -> Self {
        let params = match compression {
            Compression::None => None,
            Compression::Deflate(params) => Some(params),
            Compression::Unknown => Some(UNKNOWN_PARAMS),
        };
        let limit = settings.inflated_bytes;
        Self {
            history: history.start,
            inflater: params.map(|params| Box::new(Inflater::resume(params, history, limit))),
            ..Self::new(compression, Start::Boundary)
        }
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

    /// Lets go what it keeps, to save memory. Frames and messages are observed as before; but of the message
    /// under way no content is kept, and what is compressed cannot refer to earlier output.
    pub fn let_go(&mut self, shared: &mut Shared) {
        if let Some(message) = &mut self.cut.data {
            message.content.let_go();
        }
        if let Some(message) = &mut self.cut.control {
            message.content.shrink();
        }
        if let Some(inflater) = &mut self.inflater {
            inflater.let_go(&mut shared.spares);
        }
        self.account(shared);
    }

    /// Memory taken by what it keeps of messages, in bytes, as the budget knows it.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Whether it keeps anything, or did when the budget was last told.
    #[inline]
    fn may_keep(&self) -> bool {
        self.kept > 0
            || self.inflater.is_some()
            || self.within_message
            || self.state == State::Payload
    }

    /// Tells the budget what it keeps now.
    fn account(&mut self, shared: &mut Shared) {
        let inflater = self.inflater.as_deref().map_or(0, Inflater::memory);
        let kept = if self.within_message || self.state == State::Payload {
            let open = [&self.cut.data, &self.cut.control];
            open.into_iter()
                .flatten()
                .fold(inflater, |sum, message| sum.saturating_add(message.content.memory()))
        } else {
            inflater
        };
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
                    if rest.offset != chunk.offset {
                        // Only the start of a segment is worth a guess.
                        self.skip_lost(rest);
                        return;
                    }
                    if !self.find_boundary(rest, sink) {
                        return;
                    }
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
        let mut lost = gap.length;
        if let State::Payload = self.state {
            let open = self.remaining().min(lost);
            lost = lost.saturating_sub(open);
            self.cut.frame.missing = self.cut.frame.missing.saturating_add(open);
            self.cut.frame.span.extend(gap.offset.saturating_add(open), gap.origin);
            let message = if self.cut.frame.header.is_control() {
                &mut self.cut.control
            } else {
                &mut self.cut.data
            };
            if let Some(message) = message {
                message.about.missing = true;
                message.content.tear();
                message.about.span.extend(gap.offset.saturating_add(open), gap.origin);
            }
            if self.remaining() == 0 {
                self.end_frame_and_message(shared, sink);
            }
        }
        match self.state {
            State::Lost => self.cut.lost.extend(gap.end(), gap.origin),
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

    /// Ends the stream: what is unfinished is handed over as it is.
    pub fn finish(&mut self, shared: &mut Shared, sink: &mut impl FnMut(Observation<'_>)) {
        if let State::Payload = self.state {
            sink(Observation::FrameEnded(&self.cut.frame));
        }
        self.give_up_messages(shared, sink);
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
                if let Some(opcode) = self.message_in_one(&header) {
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

    /// The opcode of a frame that is a message by itself and needs no care: neither compressed nor
    /// within another message, nor suspect.
    fn message_in_one(&self, header: &FrameHeader) -> Option<Opcode> {
        let opcode = Opcode::from_wire(header.opcode)?;
        let care = !header.fin
            || opcode == Opcode::Continuation
            || (header.rsv1() && self.compression != Compression::None)
            || (self.within_message && !header.is_control())
            || !self.search.is_trusted();
        (!care).then_some(opcode)
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
        let mut about = About::new(opcode, frame.span);
        about.wire_length = header.payload_length;
        let mut content = content(opcode, shared.settings, Vec::new());
        let bytes = if content.wants_bytes() {
            plain(payload.bytes, header.mask, 0, &mut shared.plain)
        } else {
            content.skip(header.payload_length);
            &[]
        };
        let finished = content.finish(bytes);
        if let Some(byte) = finished.newly_invalid {
            sink(Observation::InvalidUtf8 { byte, span: frame.span });
        }
        sink(Observation::FrameEnded(&frame));
        emit(about, &finished, Facts::WHOLE, self.history_between(), sink);
    }

    fn start_frame(
        &mut self,
        frame: Frame,
        chunk: Chunk<'_>,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        let header = frame.header;
        if !self.search.accepts(&header) {
            // What was taken for a boundary was none.
            self.lose_sync(frame.span, shared, sink);
            return;
        }
        let end = frame.span.start.saturating_add(u64::from(header.header_length));
        self.cut.frame = Frame { index: self.frames, ..frame };
        self.cut.frame.span.extend(end, chunk.origin);
        self.frames = self.frames.saturating_add(1);
        self.state = State::Payload;
        sink(Observation::FrameStarted(&self.cut.frame));
        match Opcode::from_wire(header.opcode) {
            Some(Opcode::Continuation) => {
                if let Some(message) = &mut self.cut.data {
                    message.about.frames = message.about.frames.saturating_add(1);
                }
            }
            Some(opcode @ (Opcode::Text | Opcode::Binary)) => {
                if let Some(message) = self.take_data() {
                    self.give_up(message, shared, sink);
                }
                self.cut.data = Some(self.open_data(opcode, shared));
                self.within_message = true;
            }
            Some(opcode @ (Opcode::Close | Opcode::Ping | Opcode::Pong)) => {
                let content = content(opcode, shared.settings, shared.take_buffer());
                self.cut.control =
                    Some(Open { about: About::new(opcode, self.cut.frame.span), content });
            }
            None => {}
        }
    }

    fn open_data(&mut self, opcode: Opcode, shared: &mut Shared) -> Open {
        let settings = shared.settings;
        let mut content = content(opcode, settings, shared.take_buffer());
        if settings.keep > 0 {
            content.reserve(self.cut.frame.header.payload_length);
        }
        let mut message = Open { about: About::new(opcode, self.cut.frame.span), content };
        let inflater = match self.compression {
            _ if !self.cut.frame.header.rsv1() => None,
            Compression::None => None,
            Compression::Deflate(params) => Some((params, self.history)),
            Compression::Unknown => Some((UNKNOWN_PARAMS, HistoryStart::Missed)),
        };
        if let Some((params, history)) = inflater {
            message.about.compressed = true;
            self.inflater
                .get_or_insert_with(|| {
                    Box::new(Inflater::new(params, history, settings.inflated_bytes))
                })
                .begin(&mut shared.spares);
        }
        message
    }

    /// Takes the part of `chunk` that belongs to the current frame; returns the rest.
    fn payload<'c>(
        &mut self,
        chunk: Chunk<'c>,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) -> Chunk<'c> {
        let remaining = length_usize(self.remaining());
        let (piece, rest) = (chunk.take(remaining), chunk.skip(remaining));
        let phase = self.cut.frame.received.saturating_add(self.cut.frame.missing);
        let length = length_u64(piece.bytes.len());
        self.cut.frame.received = self.cut.frame.received.saturating_add(length);
        self.cut.frame.span.extend(piece.end(), piece.origin);
        let is_control = self.cut.frame.header.is_control();
        let ends_frame = self.remaining() == 0;
        let ends_message = ends_frame && (is_control || self.cut.frame.header.fin);
        let message = if is_control { &mut self.cut.control } else { &mut self.cut.data };
        let Some(message) = message else {
            if ends_frame {
                self.end_frame_and_message(shared, sink);
            }
            return rest;
        };
        message.about.wire_length = message.about.wire_length.saturating_add(length);
        message.about.span.extend(piece.end(), piece.origin);
        if message.about.missing && !message.about.compressed {
            message.content.skip(length);
        } else if message.about.compressed {
            if let Some(inflater) = &mut self.inflater
                && !message.about.missing
            {
                let plain =
                    plain(piece.bytes, self.cut.frame.header.mask, phase, &mut shared.plain);
                let mut invalid = None;
                inflater.push(&mut shared.spares, plain, &mut |out| {
                    let found = message.content.push(out);
                    invalid = invalid.or(found);
                });
                if let Some(byte) = invalid {
                    sink(Observation::InvalidUtf8 { byte, span: self.cut.frame.span });
                }
            }
        } else if !message.content.wants_bytes() {
            message.content.skip(length);
        } else {
            let plain = plain(piece.bytes, self.cut.frame.header.mask, phase, &mut shared.plain);
            if ends_message {
                // The common case: nothing was kept before, and nothing is copied now.
                let message = if is_control { self.cut.control.take() } else { self.take_data() };
                if let Some(mut message) = message {
                    let finished = message.content.finish(plain);
                    if let Some(byte) = finished.newly_invalid {
                        sink(Observation::InvalidUtf8 { byte, span: self.cut.frame.span });
                    }
                    self.end_frame(sink);
                    emit(message.about, &finished, Facts::WHOLE, self.history_between(), sink);
                    shared.give_back(message.content.into_buffer());
                }
                return rest;
            }
            if let Some(byte) = message.content.push(plain) {
                sink(Observation::InvalidUtf8 { byte, span: self.cut.frame.span });
            }
        }
        if ends_frame {
            self.end_frame_and_message(shared, sink);
        }
        rest
    }

    fn end_frame(&mut self, sink: &mut impl FnMut(Observation<'_>)) {
        self.state = State::Header;
        sink(Observation::FrameEnded(&self.cut.frame));
    }

    /// Ends the current frame, and its message if it is the last of one.
    fn end_frame_and_message(
        &mut self,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        let is_control = self.cut.frame.header.is_control();
        if !is_control && !self.cut.frame.header.fin {
            self.end_frame(sink);
            return;
        }
        let message = if is_control { self.cut.control.take() } else { self.take_data() };
        let Some(mut message) = message else {
            self.end_frame(sink);
            return;
        };
        let mut facts = if message.about.missing { Facts::TORN } else { Facts::WHOLE };
        let mut invalid = None;
        if message.about.compressed
            && let Some(inflater) = &mut self.inflater
        {
            if message.about.missing {
                inflater.abandon(&mut shared.spares);
                facts = Facts::unfinished(inflater, self.compression);
            } else {
                inflater.end(&mut shared.spares, &mut |out| {
                    let found = message.content.push(out);
                    invalid = invalid.or(found);
                });
                facts = Facts::inflated(inflater, self.compression);
            }
        }
        if !facts.complete() {
            message.content.tear();
        }
        let finished = message.content.finish(&[]);
        if let Some(byte) = invalid.or(finished.newly_invalid) {
            sink(Observation::InvalidUtf8 { byte, span: self.cut.frame.span });
        }
        self.end_frame(sink);
        emit(message.about, &finished, facts, self.history_between(), sink);
        shared.give_back(message.content.into_buffer());
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
        self.give_up_messages(shared, sink);
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
        self.give_up_messages(shared, sink);
        // Messages may have been lost, and with them history.
        self.history = HistoryStart::Missed;
        if let Some(inflater) = &mut self.inflater {
            inflater.abandon(&mut shared.spares);
        }
        self.search.lose();
        self.state = State::Lost;
        self.cut.lost = since;
        sink(Observation::SyncLost(since));
    }

    /// Looks for a frame boundary at the start of a chunk, which is the start of a segment.
    fn find_boundary(&mut self, chunk: Chunk<'_>, sink: &mut impl FnMut(Observation<'_>)) -> bool {
        if !self.search.find(chunk.bytes) {
            self.skip_lost(chunk);
            return false;
        }
        self.state = State::Header;
        let mut skipped = std::mem::take(&mut self.cut.lost);
        if skipped.length() > 0 {
            skipped.extend(chunk.offset, chunk.origin);
            sink(Observation::SyncFound(skipped));
        }
        true
    }

    fn skip_lost(&mut self, chunk: Chunk<'_>) {
        let lost = &mut self.cut.lost;
        if *lost == Span::default() {
            *lost = Span::at(chunk.offset, chunk.origin);
        }
        lost.extend(chunk.end(), chunk.origin);
    }

    /// What compressed messages to come may refer to; `None` within a message, and if none was
    /// compressed so far.
    fn history_between(&self) -> Option<History<'_>> {
        let inflater = self.inflater.as_deref().filter(|_| !self.within_message)?;
        Some(inflater.history())
    }

    fn take_data(&mut self) -> Option<Open> {
        self.within_message = false;
        self.cut.data.take()
    }

    fn give_up_messages(&mut self, shared: &mut Shared, sink: &mut impl FnMut(Observation<'_>)) {
        for message in [self.cut.control.take(), self.take_data()].into_iter().flatten() {
            self.give_up(message, shared, sink);
        }
    }

    /// Hands over a message that will never be whole.
    fn give_up(
        &mut self,
        message: Open,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        let mut facts = Facts::TORN;
        if message.about.compressed
            && let Some(inflater) = &mut self.inflater
        {
            inflater.abandon(&mut shared.spares);
            facts = Facts::unfinished(inflater, self.compression);
        }
        let unfinished = message.content.unfinished();
        emit(message.about, &unfinished, facts, None, sink);
        shared.give_back(message.content.into_buffer());
    }

    fn remaining(&self) -> u64 {
        let seen = self.cut.frame.received.saturating_add(self.cut.frame.missing);
        self.cut.frame.header.payload_length.saturating_sub(seen)
    }
}

/// The unmasked bytes: the chunk's own if they are not masked.
fn plain<'a>(
    bytes: &'a [u8],
    mask: Option<[u8; 4]>,
    phase: u64,
    buffer: &'a mut Vec<u8>,
) -> &'a [u8] {
    let Some(key) = mask else { return bytes };
    buffer.clear();
    buffer.extend_from_slice(bytes);
    unmask(buffer, key, phase);
    buffer
}

/// Buffers kept for contents to come, and the largest of them in bytes.
const SPARE_BUFFERS: usize = 16;
const LARGEST_SPARE: usize = 1 << 16;

/// What is assumed of permessage-deflate when its negotiation was not seen: the defaults.
const UNKNOWN_PARAMS: SideParams = SideParams { no_context_takeover: false, window_bits: 15 };

#[cfg(test)]
mod tests;
