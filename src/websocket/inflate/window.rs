//! Output, and what later output may repeat: one buffer, so that a repetition is a plain copy.

use std::hint::black_box;

use crate::stream::{length_u64, length_usize};
use crate::websocket::inflate::Fault;

/// The output of a direction: the last of it is the history that what follows may refer to.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// History, output that is not handed over yet, and room.
    buffer: Vec<u8>,
    /// Where the next byte goes.
    end: usize,
    /// Where output starts that is not handed over yet.
    fresh: usize,
    /// Bytes of the message that may be handed over, and of these, bytes that still may be.
    limit: u64,
    allowed: u64,
}

impl Window {
    /// Starts a message of which `limit` bytes are handed over at most.
    pub(super) fn begin(&mut self, limit: u64) {
        (self.limit, self.allowed) = (limit, limit);
        self.fresh = self.end;
    }

    /// Output of the message so far, in bytes; no more than the limit counts.
    pub(super) fn put_out(&self) -> u64 {
        let fresh = length_u64(self.end.saturating_sub(self.fresh));
        self.limit.saturating_sub(self.allowed).saturating_add(fresh)
    }

    /// Output that is there to be referred to, in bytes.
    pub(super) fn reachable(&self) -> u64 {
        length_u64(self.end)
    }

    /// The output that may be referred to, as far as any reference reaches.
    pub(super) fn history(&self) -> &[u8] {
        let start = self.end.saturating_sub(HISTORY);
        self.buffer.get(start..self.end).unwrap_or_default()
    }

    /// Takes all of its memory for output that was handed over before.
    pub(super) fn fill(&mut self) {
        (self.end, self.fresh) = (self.buffer.len(), self.buffer.len());
    }

    /// Brings the history into the processor's cache.
    ///
    /// A repetition waits for the line that it copies, and few such waits overlap; here all do.
    /// With many connections, that halves the time of a message.
    pub(super) fn read_ahead(&self) {
        black_box(self.history().iter().step_by(CACHE_LINE).fold(0, |all, byte| all ^ byte));
    }

    /// Forgets the history; returns the memory that it was in.
    pub(super) fn forget(&mut self) -> Vec<u8> {
        std::mem::take(self).buffer
    }

    /// Takes memory for a history to come.
    pub(super) fn reuse(&mut self, buffer: Vec<u8>) {
        *self = Self { buffer, ..Self::default() };
    }

    /// Whether it has no memory yet.
    pub(super) fn is_unused(&self) -> bool {
        self.buffer.is_empty()
    }

    pub(super) fn memory(&self) -> usize {
        self.buffer.capacity()
    }

    /// Bytes that there is room for.
    #[inline]
    pub(super) fn room(&self) -> usize {
        self.buffer.len().saturating_sub(self.end)
    }

    /// The whole buffer and the end of its output, for writing there.
    #[inline]
    pub(super) fn parts(&mut self) -> (&mut [u8], &mut usize) {
        (&mut self.buffer, &mut self.end)
    }

    /// Makes room for [`ROOM`] bytes; for that, output may be handed over.
    pub(super) fn make_room(&mut self, output: &mut impl FnMut(&[u8])) -> Result<(), Fault> {
        if self.room() >= ROOM {
            return Ok(());
        }
        let length = self.buffer.len();
        if length < LARGEST {
            let larger = length.saturating_mul(2).clamp(SMALLEST, LARGEST);
            self.buffer.reserve_exact(larger.saturating_sub(length));
            self.buffer.resize(larger, 0);
            return Ok(());
        }
        self.hand_over(output)?;
        let start = self.end.saturating_sub(HISTORY);
        self.buffer.copy_within(start..self.end, 0);
        self.end = self.end.saturating_sub(start);
        self.fresh = self.end;
        Ok(())
    }

    /// Hands over the output that was not handed over yet, as far as it is allowed.
    pub(super) fn hand_over(&mut self, output: &mut impl FnMut(&[u8])) -> Result<(), Fault> {
        let piece = self.buffer.get(self.fresh..self.end).unwrap_or_default();
        self.fresh = self.end;
        let length = length_u64(piece.len());
        if let Some(allowed) = self.allowed.checked_sub(length) {
            self.allowed = allowed;
            if !piece.is_empty() {
                output(piece);
            }
            return Ok(());
        }
        let allowed = length_usize(self.allowed);
        self.allowed = 0;
        if let Some(piece @ [_, ..]) = piece.get(..allowed) {
            output(piece);
        }
        Err(Fault::TooLarge)
    }

    /// Appends what there is room for of `bytes`; returns how many.
    pub(super) fn append(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.room());
        let stop = self.end.saturating_add(count);
        if let (Some(place), Some(bytes)) =
            (self.buffer.get_mut(self.end..stop), bytes.get(..count))
        {
            place.copy_from_slice(bytes);
            self.end = stop;
        }
        count
    }
}

/// Copies `length` bytes from `distance` bytes back to `end`: including those it writes, if they
/// overlap (RFC 1951 §3.2.3).
///
/// Up to [`STEP`] bytes more may be overwritten.
#[inline]
pub(super) fn repeat(buffer: &mut [u8], end: usize, distance: usize, length: usize) {
    let start = end.wrapping_sub(distance);
    if distance < STEP {
        repeat_near(buffer, start, distance, length);
        return;
    }
    let mut done = 0;
    while done < length {
        let from = buffer.get(start.wrapping_add(done)..).and_then(<[u8]>::first_chunk::<STEP>);
        let Some(piece) = from.copied() else { return };
        let to = buffer.get_mut(end.wrapping_add(done)..).and_then(<[u8]>::first_chunk_mut::<STEP>);
        let Some(place) = to else { return };
        *place = piece;
        done = done.wrapping_add(STEP);
    }
}

/// The same, if the copy overlaps itself early.
fn repeat_near(buffer: &mut [u8], start: usize, distance: usize, length: usize) {
    let stop = start.saturating_add(distance).saturating_add(length);
    let Some(area) = buffer.get_mut(start..stop) else { return };
    if let (1, Some(byte)) = (distance, area.first().copied()) {
        area.fill(byte);
        return;
    }
    // What is there, again: twice as much each time.
    let mut known = distance;
    while known > 0 && known < area.len() {
        let count = known.min(area.len().saturating_sub(known));
        area.copy_within(..count, known);
        known = known.saturating_add(count);
    }
}

/// Bytes that are copied at once.
pub(super) const STEP: usize = 16;

/// How far output may reach back, in bytes (RFC 1951 §2).
const HISTORY: usize = 1 << 15;

/// Bytes that come into the cache together, on most processors.
const CACHE_LINE: usize = 64;

/// Room that the longest symbols need: a few literals, 258 bytes, and a step beyond.
pub(super) const ROOM: usize = 320;

/// The buffer at first, and at most, in bytes.
const SMALLEST: usize = 1 << 11;
const LARGEST: usize = 1 << 16;
