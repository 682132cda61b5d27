//! How certain it is that frames start at an offset.

use super::content::{Content, is_text, unmasked};
use super::stream::DerailedStream;
use crate::websocket::frame::{RSV1, frame_header};
use crate::websocket::{Compression, FrameHeader, Opcode};

/// A frame in the bytes of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct FrameSlice {
    pub(crate) header: FrameHeader,
    /// Offset of its header.
    pub(crate) start: u64,
}

/// How certain it is that frames start at an offset, in bits: how improbable it would be by chance.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Certainty(u32);

impl Certainty {
    /// Enough where only one offset is possible, and what precedes it confirms it.
    pub(crate) const CONFIRMED: Self = Self(9);

    /// Enough where several offsets are tried, or nothing else confirms it.
    pub(crate) const SEARCHED: Self = Self(16);

    /// A header that is legal by chance: 5 of 256 first bytes, and the right bit for the mask.
    const HEADER: u32 = 6;

    /// What a header of a data frame in one piece adds: the usual frame.
    const USUAL: u32 = 3;

    /// What the end of the stream after a whole frame adds.
    const END: u32 = 7;

    /// What a text that can be read adds if it was masked, at most.
    const READABLE: u32 = 8;

    fn and(self, more: u32) -> Self {
        Self(self.0.saturating_add(more))
    }

    fn and_header(self, frame: &FrameSlice) -> Self {
        let is_usual = frame.header.fin && frame.header.opcode != 0;
        self.and(Self::HEADER).and(if is_usual { Self::USUAL } else { 0 })
    }
}

impl FrameSlice {
    /// Offset of its payload.
    pub(crate) fn payload(&self) -> u64 {
        self.start.saturating_add(u64::from(self.header.header_length))
    }

    /// Offset after its payload.
    pub(crate) fn end(&self) -> u64 {
        self.payload().saturating_add(self.header.payload_length)
    }

    pub(crate) fn opcode(&self) -> Option<Opcode> {
        Opcode::from_wire(self.header.opcode)
    }

    /// Whether its payload is a piece of a text as it was sent, after unmasking.
    pub(crate) fn is_plain_text(&self) -> bool {
        self.header.opcode == TEXT && !self.header.rsv1()
    }
}

impl DerailedStream<'_> {
    /// The frame whose header is at an offset, legal or not; it need not be whole.
    pub(crate) fn frame(&self, start: u64) -> Option<FrameSlice> {
        let (_, header) = frame_header(self.from(start)).ok()?;
        Some(FrameSlice { header, start })
    }

    /// The same, if the header is as this sender may send it.
    pub(crate) fn legal_frame(&self, start: u64) -> Option<FrameSlice> {
        let first = *self.from(start).first()?;
        // Nearly all bytes are excluded by this.
        if first & 0x30 != 0 || Opcode::from_wire(first & 0x0f).is_none() {
            return None;
        }
        let frame = self.frame(start)?;
        let header = &frame.header;
        let may_compress = self.compression != Compression::None;
        let is_rsv_legal =
            header.rsv == 0 || (header.rsv == RSV1 && may_compress && !header.is_control());
        let is_legal = is_rsv_legal
            && header.mask.is_some() == self.must_mask()
            && header.is_length_minimal()
            && header.is_control_legal()
            && header.payload_length < LONGEST;
        is_legal.then_some(frame)
    }

    /// The payload of a frame, unmasked, if all of it is there.
    pub(crate) fn payload(&self, frame: &FrameSlice) -> Option<Vec<u8>> {
        let bytes = self.bytes(frame.payload(), frame.header.payload_length)?;
        Some(unmasked(bytes, frame.header.mask, 0))
    }

    /// How certain it is that frames of this sender start at an offset, and continue.
    pub(crate) fn frames_at(&self, offset: u64) -> Certainty {
        self.frames_apart(offset, 0)
    }

    /// The same by their headers alone: what is in them may be what is wrong.
    fn headers_at(&self, offset: u64) -> Certainty {
        let mut certainty = Certainty::default();
        let mut next = offset;
        for _ in 0..MOST_FRAMES {
            let Some(frame) = self.legal_frame(next) else { break };
            certainty = certainty.and_header(&frame);
            next = frame.end();
            if self.is_end(next) {
                return certainty.and(Certainty::END);
            }
        }
        certainty
    }

    /// The same, if so many bytes more than declared are in each of them.
    pub(crate) fn frames_apart(&self, offset: u64, more: i64) -> Certainty {
        let mut certainty = Certainty::default();
        let mut next = offset;
        for _ in 0..MOST_FRAMES {
            let Some(frame) = self.legal_frame(next) else { break };
            if frame.header.opcode == 0 && next == offset && frame.header.payload_length == 0 {
                // Two NULs are not a frame.
                break;
            }
            certainty = certainty.and_header(&frame);
            let Some(end) = frame.end().checked_add_signed(more) else { break };
            let sent = end.checked_sub(frame.payload());
            let wire = sent.and_then(|sent| self.bytes(frame.payload(), sent));
            let Some(wire) = wire else { break };
            let payload = unmasked(wire, frame.header.mask, 0);
            match payload_certainty(&frame, &payload) {
                Some(more) => certainty = certainty.and(more),
                None => break,
            }
            next = end;
            if self.is_end(next) {
                return certainty.and(Certainty::END);
            }
        }
        certainty
    }

    /// Whether the frames continue at the end of a frame as it declares it, so that its length is right.
    pub(crate) fn continues_after(&self, frame: &FrameSlice) -> bool {
        self.headers_at(frame.end()) >= Certainty::SEARCHED
    }

    /// Whether a frame ends at an offset: others follow, or the stream ends there.
    pub(crate) fn ends_frame(&self, offset: u64, enough: Certainty) -> bool {
        self.is_end(offset) || self.frames_at(offset) >= enough
    }

    /// How certain it is that a frame whose header may be one is meant as such, from its header and payload.
    pub(crate) fn frame_certainty(&self, frame: &FrameSlice) -> Certainty {
        let certainty = Certainty::default().and_header(frame);
        let more = self.payload(frame).and_then(|payload| payload_certainty(frame, &payload));
        more.map(|more| certainty.and(more)).unwrap_or_default()
    }
}

/// What the payload of a frame adds to its header; `None` if they do not fit.
fn payload_certainty(frame: &FrameSlice, payload: &[u8]) -> Option<u32> {
    let readable = if frame.header.mask.is_some() {
        u32::try_from(payload.len()).unwrap_or(u32::MAX).min(Certainty::READABLE)
    } else {
        // Any part of a text can be read.
        u32::from(!payload.is_empty())
    };
    match frame.opcode()? {
        Opcode::Text if frame.header.rsv1() => Some(0),
        Opcode::Text if frame.header.fin => is_text(payload).then_some(readable),
        Opcode::Text => Content::of_fragment(payload).map(|_| readable),
        Opcode::Close => match payload {
            [] => Some(1),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                ((1000..5000).contains(&code) && is_text(reason)).then_some(Certainty::READABLE)
            }
            _ => None,
        },
        Opcode::Continuation | Opcode::Binary | Opcode::Ping | Opcode::Pong => Some(0),
    }
}

/// The opcode of a text (RFC 6455 §5.2).
const TEXT: u8 = 0x1;

/// Frames of a chain that are read at most: more make it no more certain.
const MOST_FRAMES: usize = 4;

/// A payload length that no frame has, in bytes.
const LONGEST: u64 = 1 << 32;
