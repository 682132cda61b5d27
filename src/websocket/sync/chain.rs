//! Frames that follow one another: each begins where the length of the one before leads.

use super::evidence::{Evidence, Repetition};
use super::{Expectation, Masked, is_plausible, masked};
use crate::websocket::frame::{FrameHeader, Opcode};

/// A chain of frames that fit, as far as bytes were given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    /// Stream offset of its first header.
    pub(super) start: u64,
    /// Stream offset of the header of its latest frame.
    pub(super) latest: u64,
    /// That header.
    pub(super) header: FrameHeader,
    /// Whether the payload of the latest frame was weighed.
    pub(super) is_ended: bool,
    /// What speaks for it, but for its headers being where they are expected.
    pub(super) evidence: Evidence,
    /// What that says against noise, in bits, as it seemed at each header.
    pub(super) headers: i32,
    /// How many frames it has, and how many of them are not final.
    pub(super) frames: u32,
    pub(super) fragments: u32,
    message: Fragments,
    is_closed: bool,
    repetition: Repetition,
}

/// Whether the latest data message lacks fragments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fragments {
    /// It may have begun before the chain.
    Perhaps,
    Yes,
    No,
}

impl Chain {
    /// A chain that begins with a header.
    ///
    /// `position` is the evidence against it from the number of places where it could have begun.
    pub(super) fn begin(
        header: FrameHeader,
        at: u64,
        expectation: Expectation,
        position: Evidence,
    ) -> Option<Self> {
        if !is_plausible(&header, expectation) {
            return None;
        }
        let chain = Self {
            start: at,
            latest: at,
            header,
            is_ended: false,
            evidence: position,
            headers: 0,
            frames: 0,
            fragments: 0,
            message: Fragments::Perhaps,
            is_closed: false,
            repetition: Repetition::default(),
        };
        chain.add(header, at)
    }

    /// The chain with a header that comes next; `None` if no correct peer sends it there.
    pub(super) fn with(
        self,
        header: FrameHeader,
        at: u64,
        expectation: Expectation,
    ) -> Option<Self> {
        let expectation = Expectation { masked: Some(self.masked()), ..expectation };
        if self.is_closed || !is_plausible(&header, expectation) {
            return None;
        }
        self.add(header, at)
    }

    fn add(mut self, header: FrameHeader, at: u64) -> Option<Self> {
        let after = if header.fin { Fragments::No } else { Fragments::Yes };
        match (Opcode::from_wire(header.opcode)?, self.message) {
            (Opcode::Text | Opcode::Binary, Fragments::Yes)
            | (Opcode::Continuation, Fragments::No) => return None,
            (Opcode::Text | Opcode::Binary, Fragments::Perhaps | Fragments::No)
            | (Opcode::Continuation, Fragments::Perhaps | Fragments::Yes) => {
                self.message = after;
            }
            (Opcode::Close, _) => self.is_closed = true,
            (Opcode::Ping | Opcode::Pong, _) => {}
        }
        self.evidence += self.repetition.header(&header);
        self.frames = self.frames.saturating_add(1);
        self.fragments = self.fragments.saturating_add(u32::from(!header.fin));
        Some(Self { latest: at, header, is_ended: false, ..self })
    }

    /// Weighs the payload of the latest frame, of which the beginning is given if it was captured; whether a
    /// correct peer could send it.
    ///
    /// `ends` is the number of segments over which the frame extends, if it ends with the last of them.
    pub(super) fn end(
        &mut self,
        payload: Option<&[u8]>,
        ends: Option<usize>,
        may_inflate: bool,
    ) -> bool {
        self.is_ended = true;
        if let Some(payload) = payload {
            let Some(evidence) = self.repetition.payload(&self.header, payload, may_inflate) else {
                return false;
            };
            self.evidence += evidence;
        }
        self.evidence += self.repetition.length(&self.header);
        if let Some(segments) = ends {
            let exact = match self.header.length_bits() {
                7 => EXACT_END,
                16 => EXACT_LONG_END,
                _ => EXACT_LONGEST_END,
            };
            let segments = i32::try_from(segments.max(1).ilog2()).unwrap_or(i32::MAX);
            self.evidence.noise += exact.saturating_sub(segments).max(0);
        }
        true
    }

    /// Stream offset where the latest frame ends.
    pub(super) fn next(&self) -> u64 {
        self.payload_start().saturating_add(self.header.payload_length)
    }

    /// Stream offset where its payload starts.
    pub(super) fn payload_start(&self) -> u64 {
        self.latest.saturating_add(u64::from(self.header.header_length))
    }

    /// Whether its frames are masked.
    pub(super) fn masked(&self) -> Masked {
        masked(&self.header)
    }

    /// Whether a Close has ended it.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }
}

/// Evidence of a length that leads exactly to the end of a segment, in bits, by the form of the length.
const EXACT_END: i32 = 7;
const EXACT_LONG_END: i32 = 10;
const EXACT_LONGEST_END: i32 = 16;
