//! The messages of one direction: which are open, and how they are inflated.

use super::open_message::{About, Facts, OpenMessage, content, emit};
use super::{Compression, Observation, Settings, Shared};
use crate::stream::{Chunk, Origin, length_u64};
use crate::websocket::deflate::{History, HistoryStart, Inflater};
use crate::websocket::extension::SideParams;
use crate::websocket::frame::{Frame, FrameHeader, Opcode};
use crate::websocket::mask::unmask;

/// Assembles the messages of one direction from its frames.
#[derive(Debug)]
pub(super) struct Messages {
    compression: Compression,
    /// Whether a data message is open.
    data_is_open: bool,
    /// Whether a control frame is open.
    control_is_open: bool,
    /// Whether all messages so far were seen.
    history: HistoryStart,
    inflater: Option<Box<Inflater>>,
    /// Touched only by messages that chunks cut: apart, so that a thousand connections whose messages
    /// come whole fit in a processor's cache.
    open: Box<OpenMessages>,
}

/// The messages that are not whole yet.
#[derive(Debug, Default)]
struct OpenMessages {
    data: Option<OpenMessage>,
    control: Option<OpenMessage>,
}

impl Messages {
    /// No message is open.
    pub(super) fn new(compression: Compression, history: HistoryStart) -> Self {
        Self {
            compression,
            data_is_open: false,
            control_is_open: false,
            history,
            inflater: None,
            open: Box::default(),
        }
    }

    /// No message is open, and compressed ones may refer to this `history`.
    pub(super) fn resume(
        compression: Compression,
        history: History<'_>,
        settings: Settings,
    ) -> Self {
        let params = match compression {
            Compression::None => None,
            Compression::Deflate(params) => Some(params),
            Compression::Unknown => Some(UNKNOWN_PARAMS),
        };
        let limit = settings.inflated_bytes;
        Self {
            inflater: params.map(|params| Box::new(Inflater::resume(params, history, limit))),
            ..Self::new(compression, history.start)
        }
    }

    /// The opcode of a frame that is a message by itself and needs no care: neither compressed nor
    /// within another message.
    pub(super) fn in_one_frame(&self, header: &FrameHeader) -> Option<Opcode> {
        let opcode = Opcode::from_wire(header.opcode)?;
        let care = !header.fin
            || opcode == Opcode::Continuation
            || (header.rsv1() && self.compression != Compression::None)
            || (self.data_is_open && !header.is_control());
        (!care).then_some(opcode)
    }

    /// Ends a frame that is a whole message, straight from its chunk: the common case.
    pub(super) fn whole(
        &self,
        opcode: Opcode,
        frame: &Frame,
        payload: &[u8],
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        let mut about = About::new(opcode, frame.span);
        about.wire_length = frame.header.payload_length;
        let mut content = content(opcode, shared.settings, Vec::new());
        let bytes = if content.wants_bytes() {
            plain(payload, frame.header.mask, 0, &mut shared.plain)
        } else {
            content.skip(frame.header.payload_length);
            &[]
        };
        let finished = content.finish(bytes);
        if let Some(byte) = finished.newly_invalid {
            sink(Observation::InvalidUtf8 { byte, span: frame.span });
        }
        sink(Observation::FrameEnded(frame));
        emit(about, &finished, Facts::WHOLE, self.history_between(), sink);
    }

    /// Opens the message that a frame begins, or continues the one that is open.
    pub(super) fn start_frame(
        &mut self,
        frame: &Frame,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        match Opcode::from_wire(frame.header.opcode) {
            Some(Opcode::Continuation) => {
                if let Some(message) = &mut self.open.data {
                    message.about.frames = message.about.frames.saturating_add(1);
                }
            }
            Some(opcode @ (Opcode::Text | Opcode::Binary)) => {
                if let Some(message) = self.take_data() {
                    self.give_up(message, shared, sink);
                }
                self.open.data = Some(self.open_data(opcode, frame, shared));
                self.data_is_open = true;
            }
            Some(opcode @ (Opcode::Close | Opcode::Ping | Opcode::Pong)) => {
                let content = content(opcode, shared.settings, shared.take_buffer());
                let about = About::new(opcode, frame.span);
                self.open.control = Some(OpenMessage { about, content });
                self.control_is_open = true;
            }
            None => {}
        }
    }

    fn open_data(&mut self, opcode: Opcode, frame: &Frame, shared: &mut Shared) -> OpenMessage {
        let settings = shared.settings;
        let mut content = content(opcode, settings, shared.take_buffer());
        if settings.keep > 0 {
            content.reserve(frame.header.payload_length);
        }
        let mut message = OpenMessage { about: About::new(opcode, frame.span), content };
        let inflater = match self.compression {
            _ if !frame.header.rsv1() => None,
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

    /// Takes a piece of the payload of `frame`, which counts it already, and ends what ends with it.
    pub(super) fn payload(
        &mut self,
        frame: &Frame,
        piece: Chunk<'_>,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        let length = length_u64(piece.bytes.len());
        let phase = frame.received.saturating_add(frame.missing).saturating_sub(length);
        let is_control = frame.header.is_control();
        let ends_frame = frame.remaining() == 0;
        let ends_message = ends_frame && (is_control || frame.header.fin);
        let message = if is_control { &mut self.open.control } else { &mut self.open.data };
        let Some(message) = message else {
            if ends_frame {
                self.end_frame(frame, shared, sink);
            }
            return;
        };
        message.about.wire_length = message.about.wire_length.saturating_add(length);
        message.about.span.extend(piece.end(), piece.origin);
        if message.about.compressed {
            if let Some(inflater) = &mut self.inflater
                && !message.about.missing
            {
                let plain = plain(piece.bytes, frame.header.mask, phase, &mut shared.plain);
                let mut invalid = None;
                inflater.push(&mut shared.spares, plain, &mut |out| {
                    let found = message.content.push(out);
                    invalid = invalid.or(found);
                });
                if let Some(byte) = invalid {
                    sink(Observation::InvalidUtf8 { byte, span: frame.span });
                }
            }
        } else if message.about.missing || !message.content.wants_bytes() {
            message.content.skip(length);
        } else {
            let plain = plain(piece.bytes, frame.header.mask, phase, &mut shared.plain);
            if ends_message {
                // The common case: nothing was kept before, and nothing is copied now.
                let message = if is_control { self.take_control() } else { self.take_data() };
                if let Some(mut message) = message {
                    let finished = message.content.finish(plain);
                    if let Some(byte) = finished.newly_invalid {
                        sink(Observation::InvalidUtf8 { byte, span: frame.span });
                    }
                    sink(Observation::FrameEnded(frame));
                    emit(message.about, &finished, Facts::WHOLE, self.history_between(), sink);
                    shared.give_back(message.content.into_buffer());
                }
                return;
            }
            if let Some(byte) = message.content.push(plain) {
                sink(Observation::InvalidUtf8 { byte, span: frame.span });
            }
        }
        if ends_frame {
            self.end_frame(frame, shared, sink);
        }
    }

    /// Bytes of the payload of `frame` are missing, up to `end`.
    pub(super) fn gap(&mut self, frame: &Frame, end: u64, origin: Origin) {
        let open = &mut *self.open;
        let message = if frame.header.is_control() { &mut open.control } else { &mut open.data };
        if let Some(message) = message {
            message.about.missing = true;
            message.content.tear();
            message.about.span.extend(end, origin);
        }
    }

    /// Ends a frame, and its message if it is the last of one.
    pub(super) fn end_frame(
        &mut self,
        frame: &Frame,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        let message = match (frame.header.is_control(), frame.header.fin) {
            (true, _) => self.take_control(),
            (false, true) => self.take_data(),
            (false, false) => None,
        };
        let Some(mut message) = message else {
            sink(Observation::FrameEnded(frame));
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
            sink(Observation::InvalidUtf8 { byte, span: frame.span });
        }
        sink(Observation::FrameEnded(frame));
        emit(message.about, &finished, facts, self.history_between(), sink);
        shared.give_back(message.content.into_buffer());
    }

    /// Hands over what is open: it will never be whole.
    pub(super) fn give_up_all(
        &mut self,
        shared: &mut Shared,
        sink: &mut impl FnMut(Observation<'_>),
    ) {
        for message in [self.take_control(), self.take_data()].into_iter().flatten() {
            self.give_up(message, shared, sink);
        }
    }

    /// Messages may have been lost, and history with them: what is open is handed over.
    pub(super) fn lose(&mut self, shared: &mut Shared, sink: &mut impl FnMut(Observation<'_>)) {
        self.give_up_all(shared, sink);
        self.history = HistoryStart::Missed;
        if let Some(inflater) = &mut self.inflater {
            inflater.abandon(&mut shared.spares);
        }
    }

    /// Drops contents and history, to save memory.
    pub(super) fn evict(&mut self, shared: &mut Shared) {
        if let Some(message) = &mut self.open.data {
            message.content.evict();
        }
        if let Some(message) = &mut self.open.control {
            message.content.shrink();
        }
        if let Some(inflater) = &mut self.inflater {
            inflater.evict(&mut shared.spares);
        }
    }

    /// Whether memory may be in use.
    #[inline]
    pub(super) fn may_keep(&self) -> bool {
        self.inflater.is_some() || self.is_open()
    }

    /// Memory in use, in bytes.
    pub(super) fn memory(&self) -> usize {
        let inflater = self.inflater.as_deref().map_or(0, Inflater::memory);
        if !self.is_open() {
            return inflater;
        }
        let open = [&self.open.data, &self.open.control].into_iter().flatten();
        open.fold(inflater, |sum, message| sum.saturating_add(message.content.memory()))
    }

    #[inline]
    fn is_open(&self) -> bool {
        self.data_is_open || self.control_is_open
    }

    /// What compressed messages to come may refer to; `None` within a message, and if none was
    /// compressed so far.
    fn history_between(&self) -> Option<History<'_>> {
        let inflater = self.inflater.as_deref().filter(|_| !self.data_is_open)?;
        Some(inflater.history())
    }

    fn take_data(&mut self) -> Option<OpenMessage> {
        self.data_is_open = false;
        self.open.data.take()
    }

    fn take_control(&mut self) -> Option<OpenMessage> {
        self.control_is_open = false;
        self.open.control.take()
    }

    /// Hands over a message that will never be whole.
    fn give_up(
        &mut self,
        message: OpenMessage,
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

/// What is assumed of permessage-deflate when its negotiation was not seen: the defaults.
const UNKNOWN_PARAMS: SideParams = SideParams { no_context_takeover: false, window_bits: 15 };
