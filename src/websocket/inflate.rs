//! Inflation (RFC 1951) that can stop and continue at any byte, and knows what it repeats.
//!
//! Inflaters for files forget their output after each call, or copy it to a window of their own;
//! messages are so short that this would take most of the time. Here output stays in place.

mod bits;
mod fault;
mod header;
mod huffman;
mod symbols;
mod window;

use std::sync::LazyLock;

use crate::stream::{length_u64, length_usize};
use crate::websocket::inflate::bits::Bits;
use crate::websocket::inflate::header::Whole;
use crate::websocket::inflate::symbols::{Codes, Stop};
use crate::websocket::inflate::window::Window;

pub use crate::websocket::inflate::fault::DeflateFault;

pub(super) use crate::websocket::inflate::fault::Fault;

/// A sequence of DEFLATE streams with one history.
#[derive(Debug, Default)]
pub(super) struct Stream {
    bits: Bits,
    block: Block,
    /// Whether the block is the last of its stream (BFINAL).
    last: bool,
    /// Whether the block is a stored one without bytes, as a flush leaves it.
    empty: bool,
    /// Output of the message up to the end of its first last block, in bytes.
    final_at: Option<u64>,
    /// Blocks of the message that ended after that one.
    after_final: u64,
    /// The first two bytes of the message, as far as seen, the first one higher.
    lead: u16,
    /// The codes of a dynamic block, as far as they are there, while they are not whole.
    partial: Vec<u8>,
    window: Window,
    /// Bytes of the message that were seen.
    seen: u64,
    /// Of these, bytes that were not read.
    unread: u64,
    farthest: usize,
}

/// The state of a stream between two bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pause {
    /// After a stored block without bytes: what a flush ends with.
    Flushed,
    /// After a last block (BFINAL) and its padding, with another stream to come.
    Final,
    /// Anywhere else: at the start, within a block or its header.
    Within,
}

/// What comes next.
#[derive(Debug, Default)]
enum Block {
    /// The header of a block.
    #[default]
    Header,
    /// Lengths of a stored block.
    StoredHeader,
    /// As many bytes of a stored block.
    Stored(usize),
    /// The codes of a dynamic block.
    Codes,
    /// Symbols with the codes of the standard.
    Fixed,
    /// Symbols with codes of their own.
    Dynamic(Box<Codes>),
}

/// Memory that is in use only while a message is inflated.
#[derive(Debug, Default)]
pub struct Spares {
    codes: Vec<Box<Codes>>,
    buffers: Vec<Vec<u8>>,
}

impl Stream {
    /// Starts a message of which `limit` bytes are put out at most.
    pub(super) fn begin(&mut self, spares: &mut Spares, limit: u64) {
        if self.window.is_unused()
            && let Some(buffer) = spares.buffers.pop()
        {
            self.window.reuse(buffer);
        }
        self.window.begin(limit);
        (self.seen, self.unread, self.farthest) = (0, 0, 0);
        (self.last, self.empty, self.final_at, self.lead) = (false, false, None, 0);
        self.after_final = 0;
    }

    /// Inflates what comes next; `output` takes what comes out of it, in pieces.
    ///
    /// Also at a fault, all that comes before it comes out.
    pub(super) fn push(
        &mut self,
        input: &[u8],
        spares: &mut Spares,
        output: &mut impl FnMut(&[u8]),
    ) -> Result<(), Fault> {
        if self.seen == 0 && input.len() >= WORTH_READING_AHEAD {
            self.window.read_ahead();
        }
        if self.seen < 2 {
            let missing = if self.seen == 0 { 2 } else { 1 };
            for byte in input.iter().take(missing) {
                self.lead = self.lead << 8 | u16::from(*byte);
            }
        }
        self.seen = self.seen.saturating_add(length_u64(input.len()));
        let mut rest = input;
        let result = self.blocks(&mut rest, spares, output);
        self.unread = length_u64(rest.len()).saturating_add(self.bits.bytes());
        let result = result.map_err(|fault| self.named(fault));
        self.window.hand_over(output).and(result)
    }

    /// Ends the message: the next one starts with the header of a block.
    pub(super) fn end(&mut self, spares: &mut Spares) {
        self.bits = Bits::default();
        self.partial = Vec::new();
        if let Block::Dynamic(codes) = std::mem::take(&mut self.block) {
            spares.keep(codes);
        }
    }

    /// Forgets all output.
    pub(super) fn forget(&mut self, spares: &mut Spares) {
        let buffer = self.window.forget();
        if !buffer.is_empty() && spares.buffers.len() < SPARES {
            spares.buffers.push(buffer);
        }
    }

    /// The output that what comes next may refer to.
    pub(super) fn history(&self) -> &[u8] {
        self.window.history()
    }

    /// Starts with an output that was put out before.
    pub(super) fn remember(&mut self, output: &[u8]) {
        self.window.reuse(output.to_vec());
        self.window.fill();
    }

    /// Bytes of the message before the one that holds the first bit that was not understood.
    pub(super) fn position(&self) -> u64 {
        self.seen.saturating_sub(self.unread)
    }

    /// The largest distance at which the message repeats output, in bytes; 0 without repetitions.
    pub(super) fn farthest(&self) -> u32 {
        u32::try_from(self.farthest).unwrap_or(u32::MAX)
    }

    /// Output that a reference may reach, in bytes: all since the history began, or more than any
    /// reference reaches.
    pub(super) fn reachable(&self) -> u64 {
        self.window.reachable()
    }

    /// Output of the message so far, in bytes.
    pub(super) fn put_out(&self) -> u64 {
        self.window.put_out()
    }

    /// Output of the message after its first last block (BFINAL), in bytes; `None` without one.
    pub(super) fn after_final(&self) -> Option<u64> {
        self.final_at.map(|at| self.put_out().saturating_sub(at))
    }

    /// Whole blocks of the message, so far, after its first last block.
    pub(super) fn blocks_after_final(&self) -> u64 {
        self.after_final
    }

    /// Its state, after all pushed bytes were read.
    pub(super) fn pause(&self) -> Pause {
        match self.block {
            Block::Header if self.bits.count() > 0 => Pause::Within,
            Block::Header if self.last => Pause::Final,
            Block::Header if self.empty => Pause::Flushed,
            Block::Header
            | Block::StoredHeader
            | Block::Stored(_)
            | Block::Codes
            | Block::Fixed
            | Block::Dynamic(_) => Pause::Within,
        }
    }

    /// Memory taken, in bytes.
    pub(super) fn memory(&self) -> usize {
        let codes = match &self.block {
            Block::Dynamic(_) => size_of::<Codes>(),
            Block::Header
            | Block::StoredHeader
            | Block::Stored(_)
            | Block::Codes
            | Block::Fixed => 0,
        };
        self.window.memory().saturating_add(self.partial.capacity()).saturating_add(codes)
    }

    /// The fault, more specific if the first bytes show what the message is instead.
    fn named(&self, fault: Fault) -> Fault {
        let [method, flags] = self.lead.to_be_bytes();
        // RFC 1950 §2.2: method 8, a window of up to 32 KiB, and a multiple of 31.
        let is_zlib = method & 0x8f == 8 && u16::from_be_bytes([method, flags]) % 31 == 0;
        match fault {
            Fault::Invalid(DeflateFault::StoredLength) if self.position() == 1 && is_zlib => {
                Fault::Invalid(DeflateFault::ZlibHeader)
            }
            Fault::Invalid(DeflateFault::BlockType)
                if self.position() == 0 && self.lead == GZIP_MAGIC =>
            {
                Fault::Invalid(DeflateFault::GzipHeader)
            }
            Fault::Invalid(_) | Fault::TooFar(_) | Fault::TooLarge => fault,
        }
    }

    fn blocks(
        &mut self,
        input: &mut &[u8],
        spares: &mut Spares,
        output: &mut impl FnMut(&[u8]),
    ) -> Result<(), Fault> {
        loop {
            let stop = match &mut self.block {
                Block::Header => self.header(input)?,
                Block::StoredHeader => self.stored_header(input)?,
                Block::Stored(left) => Some(stored(left, &mut self.bits, input, &mut self.window)),
                Block::Codes => self.codes(input, spares)?,
                Block::Fixed => {
                    let (bits, window) = (&mut self.bits, &mut self.window);
                    Some(FIXED.read(bits, input, window, &mut self.farthest)?)
                }
                Block::Dynamic(codes) => {
                    let (bits, window) = (&mut self.bits, &mut self.window);
                    Some(codes.read(bits, input, window, &mut self.farthest)?)
                }
            };
            match stop {
                None => {}
                Some(Stop::Input) => return Ok(()),
                Some(Stop::Room) => self.window.make_room(output)?,
                Some(Stop::End) => {
                    if let Block::Dynamic(codes) = std::mem::take(&mut self.block) {
                        spares.keep(codes);
                    }
                    if self.final_at.is_some() {
                        self.after_final = self.after_final.saturating_add(1);
                    }
                    if self.last {
                        // Another stream starts at the next byte.
                        self.bits.align();
                        self.final_at = self.final_at.or_else(|| Some(self.window.put_out()));
                    }
                }
            }
        }
    }

    /// The header of a block (RFC 1951 §3.2.3).
    fn header(&mut self, input: &mut &[u8]) -> Result<Option<Stop>, Fault> {
        self.bits.refill(input);
        if self.bits.count() < 3 {
            return Ok(Some(Stop::Input));
        }
        let block = match self.bits.field(1, 2) {
            0b00 => Block::StoredHeader,
            0b01 => Block::Fixed,
            0b10 => Block::Codes,
            // Two bytes are enough to recognize gzip, however they are cut.
            _ if self.seen == 1 => return Ok(Some(Stop::Input)),
            _ => return Err(Fault::Invalid(DeflateFault::BlockType)),
        };
        self.empty = false;
        self.last = self.bits.field(0, 1) == 1;
        self.bits.drop(3);
        if let Block::StoredHeader = block {
            self.bits.align();
        }
        self.block = block;
        Ok(None)
    }

    /// LEN and NLEN of a stored block (RFC 1951 §3.2.4).
    fn stored_header(&mut self, input: &mut &[u8]) -> Result<Option<Stop>, Fault> {
        self.bits.refill(input);
        if self.bits.count() < 32 {
            return Ok(Some(Stop::Input));
        }
        let length = self.bits.field(0, 16);
        if length ^ self.bits.field(16, 16) != 0xffff {
            return Err(Fault::Invalid(DeflateFault::StoredLength));
        }
        self.bits.drop(32);
        self.empty = length == 0;
        self.block = Block::Stored(length_usize(length));
        Ok(None)
    }

    /// The codes of a dynamic block (RFC 1951 §3.2.7).
    fn codes(&mut self, input: &mut &[u8], spares: &mut Spares) -> Result<Option<Stop>, Fault> {
        let mut codes = spares.codes.pop().unwrap_or_else(|| Box::new(Codes::new()));
        let mut bits = self.bits;
        let added = if self.partial.is_empty() { 0 } else { input.len().min(LONGEST_CODES) };
        let result = if added == 0 {
            let mut rest = *input;
            let result = header::read(&mut codes, &mut bits, &mut rest);
            if let Ok(Whole::No) = result {
                self.partial.extend_from_slice(input);
                *input = &[];
            } else {
                *input = rest;
            }
            result
        } else {
            self.partial.extend_from_slice(input.get(..added).unwrap_or_default());
            let mut rest = self.partial.as_slice();
            let result = header::read(&mut codes, &mut bits, &mut rest);
            let unread = if let Ok(Whole::No) = result { 0 } else { rest.len() };
            *input = input.get(added.saturating_sub(unread)..).unwrap_or_default();
            result
        };
        if let Ok(Whole::No) = result {
            spares.keep(codes);
            return Ok(Some(Stop::Input));
        }
        self.bits = bits;
        self.partial = Vec::new();
        result?;
        self.block = Block::Dynamic(codes);
        Ok(None)
    }
}

impl Spares {
    fn keep(&mut self, codes: Box<Codes>) {
        if self.codes.len() < SPARES {
            self.codes.push(codes);
        }
    }
}

/// The bytes of a stored block (RFC 1951 §3.2.4).
fn stored(left: &mut usize, bits: &mut Bits, input: &mut &[u8], window: &mut Window) -> Stop {
    while *left > 0 {
        if window.room() == 0 {
            return Stop::Room;
        }
        if let Some(byte) = bits.byte() {
            *left = left.saturating_sub(window.append(&[byte]));
            continue;
        }
        if input.is_empty() {
            return Stop::Input;
        }
        let count = window.append(input.get(..*left).unwrap_or(input));
        *input = input.get(count..).unwrap_or_default();
        *left = left.saturating_sub(count);
    }
    Stop::End
}

/// The codes of fixed blocks (RFC 1951 §3.2.6).
static FIXED: LazyLock<Codes> = LazyLock::new(header::fixed);

/// More bytes than the codes of a dynamic block can take: 316 lengths of up to 7 bits each, and
/// 71 bits before them.
const LONGEST_CODES: usize = 320;

/// ID1 and ID2 of a gzip file (RFC 1952 §2.3.1).
const GZIP_MAGIC: u16 = 0x1f8b;

/// Compressed bytes from which on reading the history ahead costs less than waiting for parts of it.
const WORTH_READING_AHEAD: usize = 100;

/// Codes, and buffers, that are kept for the next message.
const SPARES: usize = 16;
