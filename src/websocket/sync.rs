//! Finding unknown frame boundaries: after a gap that hid a header, and
//! in captures that start in the middle of a connection.

mod chain;
mod evidence;
mod search;

pub use self::evidence::Evidence;
pub use self::search::{ChainSearch, FoundChain};

use crate::stream::{Buffer, Chunk, Gap};
use crate::websocket::frame::{FrameHeader, Opcode};

/// What is known of a direction's frames.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Expectation {
    /// Whether its frames are masked, if known.
    pub masked: Option<Masked>,
    /// Whether RSV1 may be set.
    pub rsv1: Rsv1,
}

/// Where the frames of a direction begin, as far as it is known.
#[derive(Debug)]
pub struct BoundarySearch {
    expectation: Expectation,
    /// What is searched while boundaries are unknown.
    unknown: Option<Box<ChainSearch>>,
    /// Stream offset of a boundary that is known already.
    known: Option<u64>,
}

impl BoundarySearch {
    /// A direction whose first byte starts a frame.
    pub fn at_boundary(rsv1: Rsv1) -> Self {
        Self { expectation: Expectation { masked: None, rsv1 }, unknown: None, known: None }
    }

    /// A direction whose first byte may be anywhere in a frame.
    pub fn anywhere(rsv1: Rsv1) -> Self {
        let mut search = Self::at_boundary(rsv1);
        search.lose();
        search
    }

    /// What is known of the frames that will be found: whether they are masked, and where one begins.
    pub fn expect(&mut self, masked: Masked, boundary: Option<u64>) {
        self.expectation.masked = Some(masked);
        self.known = boundary;
        if self.unknown.is_some() {
            self.lose();
        }
    }

    /// Takes bytes while boundaries are unknown, and returns the stream offset of one if it is found.
    pub fn push(&mut self, chunk: Chunk<'_>) -> Option<u64> {
        let search =
            self.unknown.get_or_insert_with(|| Box::new(ChainSearch::new(self.expectation)));
        let has_grown = search.push(chunk);
        if let Some(known) = self.known {
            return (chunk.end() > known).then_some(known);
        }
        if has_grown { self.convincing(CONVINCING) } else { None }
    }

    /// Bytes are missing while boundaries are unknown.
    pub fn gap(&mut self, gap: Gap) {
        if let Some(search) = &mut self.unknown {
            search.gap(gap);
        }
    }

    /// The stream has ended: finds a boundary for which there is less evidence.
    pub fn finish(&mut self) -> Option<u64> {
        self.convincing(CONVINCING_AT_END)
    }

    /// Boundaries are known: takes the bytes that were kept while they were not.
    pub fn take(&mut self) -> Buffer {
        self.known = None;
        self.unknown.take().map(|mut search| search.take()).unwrap_or_default()
    }

    /// Takes a header at a boundary.
    #[inline]
    pub fn observe(&mut self, header: &FrameHeader) {
        self.expectation.masked = Some(masked(header));
    }

    /// Whether bytes at a boundary are text rather than a frame with the header that they begin with.
    #[inline]
    pub fn finds_text(&self, bytes: &[u8], header: &FrameHeader) -> bool {
        is_text(bytes) && !is_plausible(header, self.expectation)
    }

    /// Boundaries are unknown from now on.
    pub fn lose(&mut self) {
        self.unknown = Some(Box::new(ChainSearch::new(self.expectation)));
    }

    /// Memory taken by what is searched, in bytes.
    pub fn memory(&self) -> usize {
        self.unknown.as_ref().map_or(0, |search| search.memory())
    }

    fn convincing(&self, least: i32) -> Option<u64> {
        let search = self.unknown.as_ref()?;
        let kinds = self.expectation.masked.map_or([Masked::Yes, Masked::No], |known| [known; 2]);
        let chains = kinds.into_iter().filter_map(|masked| search.best_boundary(masked));
        let best = chains.max_by_key(FoundChain::evidence_of_boundary)?;
        (best.evidence_of_boundary() >= least).then(|| search.believed_start(&best))
    }
}

/// Whether bytes, which are those of a segment, begin with a frame boundary or contain one.
pub fn holds_frames(chunk: Chunk<'_>, expectation: Expectation) -> bool {
    let mut search = BoundarySearch { expectation, unknown: None, known: None };
    search.push(chunk).is_some()
}

/// Whether frames are masked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Masked {
    /// As a client's must be.
    Yes,
    /// As a server's must be.
    No,
}

/// Whether RSV1 may be set on the first frame of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rsv1 {
    /// An extension that defines it was negotiated, or may have been.
    Allowed,
    /// No such extension was negotiated.
    Forbidden,
}

/// Whether a header is one that a correct peer could send.
pub fn is_plausible(header: &FrameHeader, expectation: Expectation) -> bool {
    let Some(opcode) = Opcode::from_wire(header.opcode) else { return false };
    let starts_message = matches!(opcode, Opcode::Text | Opcode::Binary);
    let rsv_is_fine = match header.rsv {
        0 => true,
        0b100 => expectation.rsv1 == Rsv1::Allowed && starts_message,
        _ => false,
    };
    rsv_is_fine
        && header.is_control_legal()
        && header.is_length_minimal()
        && header.payload_length <= PLAUSIBLE_LENGTH
        && expectation.masked.is_none_or(|masking| masking == masked(header))
}

/// Whether bytes at a frame boundary are text rather than a frame: HTTP, HTML or a log line.
pub fn is_text(bytes: &[u8]) -> bool {
    // Most frames have their first bit set, and no ASCII character has.
    if !bytes.first().is_some_and(u8::is_ascii_graphic) {
        return false;
    }
    let beginning = bytes.get(..TEXT_SAMPLE).unwrap_or_default();
    let printable = |byte: &u8| matches!(byte, 0x20..=0x7e | b'\r' | b'\n' | b'\t');
    !beginning.is_empty() && beginning.iter().all(printable)
}

fn masked(header: &FrameHeader) -> Masked {
    if header.mask.is_some() { Masked::Yes } else { Masked::No }
}

/// A length above this is not evidence for a frame, in bytes.
const PLAUSIBLE_LENGTH: u64 = 1 << 30;

/// Bytes examined to distinguish text from frames.
const TEXT_SAMPLE: usize = 16;

/// Evidence at which a boundary is believed, in bits: one frame that begins and ends with a segment, or two
/// of which one does.
const CONVINCING: i32 = 12;

/// The same once nothing more will come.
const CONVINCING_AT_END: i32 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_needs_a_few_printable_bytes() {
        assert!(is_text(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        assert!(is_text(b"<!DOCTYPE html>\n<html>"));
        assert!(!is_text(b"\x81\x05Hello, how are you?"));
        assert!(!is_text(b"Hi"));
    }
}
