//! Finding unknown frame boundaries: after a gap that hid a header, and
//! in captures that start in the middle of a connection.

use crate::websocket::frame::{FrameHeader, Opcode, frame_header};
use crate::websocket::mask::unmask;

/// What is known of a direction's frames.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Expectation {
    /// Whether its frames are masked, if known.
    pub masked: Option<Masked>,
    /// Whether RSV1 may be set.
    pub rsv1: Rsv1,
}

/// Where the frames of a direction begin, as far as it is known: what they look like so far, and whether a
/// boundary that was guessed has proved to be one.
#[derive(Clone, Copy, Debug)]
pub struct BoundarySearch {
    expectation: Expectation,
    /// Headers that must still be plausible before a guessed boundary is trusted.
    probation: u8,
}

impl BoundarySearch {
    /// A direction of which no frame was seen.
    pub fn new(rsv1: Rsv1) -> Self {
        Self { expectation: Expectation { masked: None, rsv1 }, probation: 0 }
    }

    /// Looks for a boundary at the start of some bytes, which are those of a segment.
    pub fn find(&mut self, bytes: &[u8]) -> bool {
        let run = run_of_frames(bytes, self.expectation);
        let Some(run) = run.filter(|run| run.is_convincing(bytes)) else { return false };
        self.probation = if run.end == RunEnd::Open { PROBATION } else { 0 };
        true
    }

    /// Takes a header: whether it may be one, considering where the one before it was found.
    #[inline]
    pub fn accepts(&mut self, header: &FrameHeader) -> bool {
        if self.probation > 0 {
            if !is_plausible(header, self.expectation) {
                return false;
            }
            self.probation = self.probation.saturating_sub(1);
        }
        self.observe(header);
        true
    }

    /// Takes a header that is one for sure.
    #[inline]
    pub fn observe(&mut self, header: &FrameHeader) {
        self.expectation.masked = Some(masked(header));
    }

    /// Whether the latest boundary is certain.
    #[inline]
    pub fn is_trusted(&self) -> bool {
        self.probation == 0
    }

    /// Whether bytes at a boundary are text rather than a frame with the header that they begin with.
    #[inline]
    pub fn finds_text(&self, bytes: &[u8], header: &FrameHeader) -> bool {
        is_text(bytes) && !is_plausible(header, self.expectation)
    }

    /// Forgets a guess: boundaries are unknown again.
    pub fn lose(&mut self) {
        self.probation = 0;
    }
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

/// A run of plausible frames at the start of some bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Run {
    /// Frames whose header was seen.
    pub frames: u32,
    /// How the last one ends.
    pub end: RunEnd,
    /// Whether all frames are masked, or all are not.
    pub masked: Masked,
}

/// How a run of frames ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RunEnd {
    /// Exactly at the end of the bytes.
    Exact,
    /// The last frame continues beyond the bytes, or its header is cut.
    Open,
}

impl Run {
    /// Whether the run is good enough to take its start for a frame boundary.
    ///
    /// Of random bytes about one position in 5,000 is taken for a boundary by mistake.
    pub fn is_convincing(&self, bytes: &[u8]) -> bool {
        match self.end {
            RunEnd::Exact => true,
            // One frame that continues must have a wide length: a narrow one is not evidence.
            RunEnd::Open => {
                self.frames > 1
                    || frame_header(bytes).is_ok_and(|(_, header)| header.length_bits() > 7)
            }
        }
    }
}

/// Walks over the frames that `bytes` begin with; `None` when one of them is not plausible.
pub fn run_of_frames(bytes: &[u8], expectation: Expectation) -> Option<Run> {
    let mut run: Option<Run> = None;
    let mut rest = bytes;
    while !rest.is_empty() {
        let Ok((body, header)) = frame_header(rest) else {
            // A cut header at the end of whole frames.
            return run.map(|run| Run { end: RunEnd::Open, ..run });
        };
        let known = run.map(|run| run.masked).or(expectation.masked);
        if !is_plausible(&header, Expectation { masked: known, ..expectation }) {
            return None;
        }
        let length = usize::try_from(header.payload_length).unwrap_or(usize::MAX);
        let (payload, after) = body.split_at_checked(length).unwrap_or((body, &[]));
        if !is_plausible_payload(&header, payload) {
            return None;
        }
        let whole = payload.len() == length;
        run = Some(Run {
            frames: run.map_or(0, |run| run.frames).saturating_add(1),
            end: if whole { RunEnd::Exact } else { RunEnd::Open },
            masked: masked(&header),
        });
        rest = after;
    }
    run
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
    let control_is_fine = !header.is_control() || (header.fin && header.payload_length <= 125);
    rsv_is_fine
        && control_is_fine
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

/// Looks at what is there of a payload whose form is known: text, and Close codes.
fn is_plausible_payload(header: &FrameHeader, payload: &[u8]) -> bool {
    let mut sample = [0; PAYLOAD_SAMPLE];
    let length = payload.len().min(PAYLOAD_SAMPLE);
    let (Some(sample), Some(payload)) = (sample.get_mut(..length), payload.get(..length)) else {
        return true;
    };
    sample.copy_from_slice(payload);
    if let Some(key) = header.mask {
        unmask(sample, key, 0);
    }
    match (Opcode::from_wire(header.opcode), header.rsv) {
        (Some(Opcode::Text), 0) => {
            std::str::from_utf8(sample).map_or_else(|error| error.error_len().is_none(), |_| true)
        }
        (Some(Opcode::Close), _) => match sample {
            [] => header.payload_length == 0,
            [high, low, ..] => (1000..5000).contains(&u16::from_be_bytes([*high, *low])),
            [_] => false,
        },
        _ => true,
    }
}

/// A length above this is not evidence for a frame, in bytes.
const PLAUSIBLE_LENGTH: u64 = 1 << 30;

/// Bytes examined to distinguish text from frames.
const TEXT_SAMPLE: usize = 16;

/// Bytes of a payload examined.
const PAYLOAD_SAMPLE: usize = 64;

/// Headers that must be plausible after a guessed boundary: its own, and the one that follows.
const PROBATION: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Expectation = Expectation { masked: Some(Masked::No), rsv1: Rsv1::Forbidden };
    const ANY: Expectation = Expectation { masked: None, rsv1: Rsv1::Allowed };

    type SyncCase = (&'static str, &'static [u8], Expectation, Option<(u32, RunEnd)>);

    #[rustfmt::skip]
    const CASES: &[SyncCase] = &[
        ("one text frame", b"\x81\x05Hello", SERVER, Some((1, RunEnd::Exact))),
        ("text and ping", b"\x81\x05Hello\x89\x00", SERVER, Some((2, RunEnd::Exact))),
        ("masked text", b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", ANY, Some((1, RunEnd::Exact))),
        ("frame that continues", b"\x82\x7e\x01\x00abc", SERVER, Some((1, RunEnd::Open))),
        ("cut header after a frame", b"\x81\x01a\x81", SERVER, Some((1, RunEnd::Open))),
        ("compressed if allowed", b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", ANY, Some((1, RunEnd::Exact))),
        ("compressed but forbidden", b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", SERVER, None),
        ("masked but must not be", b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", SERVER, None),
        ("reserved opcode", b"\x83\x01a", SERVER, None),
        ("text that is not UTF-8", b"\x81\x02\xff\xff", SERVER, None),
        ("Close with an impossible code", b"\x88\x02\x00\x01", SERVER, None),
        ("length not minimal", b"\x81\x7e\x00\x05Hello", SERVER, None),
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n", SERVER, None),
        ("nothing", b"", SERVER, None),
    ];

    #[test]
    fn runs_of_frames_are_distinguished_from_other_bytes() {
        for (name, bytes, expectation, expected) in CASES {
            let run = run_of_frames(bytes, *expectation);
            assert_eq!(run.map(|run| (run.frames, run.end)), *expected, "{name}");
        }
    }

    #[test]
    fn text_needs_a_few_printable_bytes() {
        assert!(is_text(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        assert!(is_text(b"<!DOCTYPE html>\n<html>"));
        assert!(!is_text(b"\x81\x05Hello, how are you?"));
        assert!(!is_text(b"Hi"));
    }
}
