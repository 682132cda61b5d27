//! Symbols of a compressed block to output (RFC 1951 §3.2.3).

use crate::websocket::inflate::DeflateFault;
use crate::websocket::inflate::Fault;
use crate::websocket::inflate::bits::Bits;
use crate::websocket::inflate::huffman::{Distances, Literals};
use crate::websocket::inflate::window::{ROOM, Window, repeat};

/// Why no more symbols were read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stop {
    /// The next one is not whole.
    Input,
    /// There is no room for its output.
    Room,
    /// The block ended.
    End,
}

/// The codes of a compressed block.
#[derive(Debug)]
pub(super) struct Codes {
    pub(super) literals: Literals,
    pub(super) distances: Distances,
}

impl Codes {
    pub(super) const fn new() -> Self {
        Self { literals: Literals::new(), distances: Distances::new() }
    }

    /// Reads symbols while they are complete and there is room for their output.
    ///
    /// Raises `farthest` to the largest distance. At a fault, its symbol is not taken.
    pub(super) fn read(
        &self,
        bits: &mut Bits,
        input: &mut &[u8],
        window: &mut Window,
        farthest: &mut usize,
    ) -> Result<Stop, Fault> {
        loop {
            if window.room() < ROOM {
                return Ok(Stop::Room);
            }
            if input.len() >= AHEAD {
                self.read_fast(bits, input, window, farthest);
                if window.room() < ROOM {
                    return Ok(Stop::Room);
                }
            }
            bits.refill(input);
            if let Some(stop) = self.read_one(bits, window, farthest)? {
                return Ok(stop);
            }
        }
    }

    /// Reads one symbol with care.
    fn read_one(
        &self,
        bits: &mut Bits,
        window: &mut Window,
        farthest: &mut usize,
    ) -> Result<Option<Stop>, Fault> {
        let (buffer, end) = window.parts();
        let entry = self.literals.entry(*bits);
        if entry.code_bits() > bits.count() {
            return Ok(Some(Stop::Input));
        }
        if entry.is_literal() {
            if let Some(place) = buffer.get_mut(*end) {
                *place = entry.literal();
                *end += 1;
            }
            bits.drop(entry.bits());
            return Ok(None);
        }
        if entry.is_end() {
            bits.drop(entry.bits());
            return Ok(Some(Stop::End));
        }
        if entry.is_invalid() {
            return Err(Fault::Invalid(DeflateFault::Symbol));
        }
        let mut rest = *bits;
        if entry.bits() > rest.count() {
            return Ok(Some(Stop::Input));
        }
        let length = entry.amount(rest);
        rest.drop(entry.bits());
        let entry = self.distances.entry(rest);
        if entry.code_bits() > rest.count() {
            return Ok(Some(Stop::Input));
        }
        if entry.is_invalid() {
            return Err(Fault::Invalid(DeflateFault::Distance));
        }
        if entry.bits() > rest.count() {
            return Ok(Some(Stop::Input));
        }
        let distance = entry.amount(rest);
        rest.drop(entry.bits());
        if distance > *end {
            return Err(Fault::TooFar(u16::try_from(distance).unwrap_or(u16::MAX)));
        }
        *farthest = distance.max(*farthest);
        repeat(buffer, *end, distance, length);
        *end += length;
        *bits = rest;
        Ok(None)
    }

    /// Reads symbols while there is plenty of input and room, up to one that needs care.
    fn read_fast(
        &self,
        outer_bits: &mut Bits,
        outer_input: &mut &[u8],
        window: &mut Window,
        farthest: &mut usize,
    ) {
        let (buffer, outer_end) = window.parts();
        let (mut bits, mut input, mut end) = (*outer_bits, *outer_input, *outer_end);
        let mut far = *farthest;
        let last = buffer.len().saturating_sub(ROOM);
        'symbols: while input.len() >= AHEAD && end <= last {
            bits.refill(&mut input);
            let mut entry = self.literals.root(bits);
            // Of 56 bits, 10 for each of these.
            for _ in 0..4 {
                if !entry.is_literal() {
                    break;
                }
                let Some(place) = buffer.get_mut(end) else { break 'symbols };
                *place = entry.literal();
                end = end.wrapping_add(1);
                bits.drop(entry.bits());
                entry = self.literals.root(bits);
            }
            if entry.is_literal() {
                continue;
            }
            // 48 bits for the longest length and distance.
            if bits.count() < 48 {
                bits.refill(&mut input);
            }
            if entry.is_special() {
                entry = self.literals.entry(bits);
                if entry.is_literal() {
                    let Some(place) = buffer.get_mut(end) else { break };
                    *place = entry.literal();
                    end = end.wrapping_add(1);
                    bits.drop(entry.bits());
                    continue;
                }
                if entry.is_special() {
                    break;
                }
            }
            let length = entry.amount(bits);
            let mut rest = bits;
            rest.drop(entry.bits());
            let entry = self.distances.entry(rest);
            let distance = entry.amount(rest);
            if entry.is_special() || distance > end {
                break;
            }
            rest.drop(entry.bits());
            bits = rest;
            far = far.max(distance);
            repeat(buffer, end, distance, length);
            end = end.wrapping_add(length);
        }
        (*outer_bits, *outer_input, *outer_end, *farthest) = (bits, input, end, far);
    }
}

/// Input is read without checks only if this many bytes are available: two words.
const AHEAD: usize = 16;
