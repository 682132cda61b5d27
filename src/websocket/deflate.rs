//! permessage-deflate (RFC 7692): inflation of one direction's messages.
//!
//! Between two messages the whole state of an inflater is the last 32 KiB of its output. So each
//! direction keeps only that, and the inflaters proper (42 KiB each) live in a [`Pool`] that all
//! connections share: memory does not grow by an inflater for each of them.

use flate2::{Decompress, FlushDecompress, Status};

use crate::stream::{length_u64, length_usize};
use crate::websocket::extension::SideParams;

/// Inflates the messages of one direction.
#[derive(Debug)]
pub struct Inflater {
    takeover: bool,
    history: History,
    slot: Option<Slot>,
    /// Compressed bytes of the message so far.
    consumed: u64,
    /// Inflated bytes of the message so far.
    produced: u64,
    failure: Option<Failure>,
    limit: u64,
}

/// Why a message could not be inflated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// It refers to output that was never seen.
    HistoryMissing,
    /// It is no valid DEFLATE stream; the offset counts compressed bytes from its start.
    Invalid(u64),
    /// It is larger than the limit.
    TooLarge,
}

impl Inflater {
    /// Makes the inflater of a direction whose peer agreed to `params`.
    ///
    /// `limit` is the most that one message may inflate to, in bytes. With `history` missing, a
    /// reference to what was sent earlier is no mistake of the peer's.
    pub fn new(params: SideParams, history: HistoryStart, limit: u64) -> Self {
        let complete = match history {
            HistoryStart::Seen => true,
            HistoryStart::Missed => false,
        };
        Self {
            takeover: !params.no_context_takeover,
            history: History { complete, ..History::default() },
            slot: None,
            consumed: 0,
            produced: 0,
            failure: None,
            limit,
        }
    }

    /// Starts a message.
    pub fn begin(&mut self, pool: &mut Pool) {
        self.consumed = 0;
        self.produced = 0;
        self.failure = None;
        let fresh = !self.takeover;
        match self.slot.and_then(|slot| pool.owned(slot)) {
            Some(inflater) if fresh => inflater.reset(false),
            Some(_) => {}
            None => {
                let (slot, inflater) = pool.acquire();
                inflater.reset(false);
                if self.takeover {
                    self.history.restore(inflater);
                }
                self.slot = Some(slot);
            }
        }
        pool.set_busy(self.slot, Busy::Yes);
    }

    /// Inflates the next bytes of the message; `output` takes what comes out, in pieces.
    ///
    /// After a failure, nothing comes out any more until the next message.
    pub fn push(&mut self, pool: &mut Pool, input: &[u8], output: &mut impl FnMut(&[u8])) {
        self.feed(pool, input, output);
        self.consumed = self.consumed.saturating_add(length_u64(input.len()));
    }

    /// Ends the message: the last bytes come out.
    pub fn end(&mut self, pool: &mut Pool, output: &mut impl FnMut(&[u8])) {
        // RFC 7692 §7.2.2: append four octets of 0x00 0x00 0xff 0xff to the tail end.
        self.feed(pool, &[0x00, 0x00, 0xff, 0xff], output);
        self.finish(pool);
    }

    /// Ends a message that cannot be inflated to its end because bytes of it are missing.
    pub fn abandon(&mut self, pool: &mut Pool) {
        self.failure.get_or_insert(Failure::HistoryMissing);
        self.finish(pool);
    }

    /// Why the message could not be inflated, so far.
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// Gives the shared inflater back before the direction is forgotten.
    pub fn release(&mut self, pool: &mut Pool) {
        pool.set_busy(self.slot.take(), Busy::No);
    }

    fn finish(&mut self, pool: &mut Pool) {
        pool.set_busy(self.slot, Busy::No);
        if self.failure.is_some() {
            // What later messages refer to was not all seen: start anew, and remember that.
            self.slot = None;
            if self.takeover {
                self.history.forget();
            }
        }
    }

    fn feed(&mut self, pool: &mut Pool, mut input: &[u8], output: &mut impl FnMut(&[u8])) {
        let Some(slot) = self.slot else { return };
        while self.failure.is_none() {
            let Some((inflater, buffer)) = pool.owned_with_buffer(slot) else { return };
            let (read, written) = (inflater.total_in(), inflater.total_out());
            let status = inflater.decompress(input, buffer, FlushDecompress::Sync);
            let read = length_usize(inflater.total_in().saturating_sub(read));
            let written = length_usize(inflater.total_out().saturating_sub(written));
            input = input.get(read..).unwrap_or_default();
            let piece = buffer.get(..written).unwrap_or_default();
            self.produced = self.produced.saturating_add(length_u64(piece.len()));
            if self.produced > self.limit {
                self.failure = Some(Failure::TooLarge);
                return;
            }
            if self.takeover {
                self.history.push(piece);
            }
            output(piece);
            match status {
                Err(error) => {
                    let too_far = error.message().is_some_and(|text| text.contains("too far"));
                    self.failure = Some(if too_far && !self.history.complete {
                        Failure::HistoryMissing
                    } else {
                        Failure::Invalid(self.consumed.saturating_add(length_u64(read)))
                    });
                }
                // A block with BFINAL = 1 ended the DEFLATE stream, not the message (§7.2.3.4), and
                // the history stays.
                Ok(Status::StreamEnd) => {
                    inflater.reset(false);
                    if self.takeover {
                        self.history.restore(inflater);
                    }
                    if input.is_empty() {
                        return;
                    }
                }
                Ok(Status::Ok | Status::BufError) => {
                    if written < buffer.len() && (input.is_empty() || read == 0) {
                        return;
                    }
                }
            }
        }
    }
}

/// Whether a direction was seen from its first message on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HistoryStart {
    /// All of it.
    Seen,
    /// The capture began later.
    Missed,
}

/// The last output of a direction: what its next message may refer to.
#[derive(Debug, Default)]
struct History {
    /// Grows to [`WINDOW`] bytes and is a ring from then on.
    bytes: Vec<u8>,
    /// Where the oldest byte stands in the full ring.
    oldest: usize,
    /// Whether nothing that a message may refer to is missing.
    complete: bool,
}

impl History {
    fn push(&mut self, piece: &[u8]) {
        let piece = piece.get(piece.len().saturating_sub(WINDOW)..).unwrap_or_default();
        let room = WINDOW.saturating_sub(self.bytes.len());
        let (grown, over) = piece.split_at_checked(room).unwrap_or((piece, &[]));
        self.bytes.extend_from_slice(grown);
        let (to_end, wrapped) =
            over.split_at_checked(WINDOW.saturating_sub(self.oldest)).unwrap_or((over, &[]));
        for part in [to_end, wrapped] {
            let end = self.oldest.saturating_add(part.len());
            if let Some(place) = self.bytes.get_mut(self.oldest..end) {
                place.copy_from_slice(part);
                self.oldest = if end == WINDOW { 0 } else { end };
            }
        }
    }

    fn restore(&mut self, inflater: &mut Decompress) {
        if self.bytes.is_empty() {
            return;
        }
        self.bytes.rotate_left(self.oldest);
        self.oldest = 0;
        // A raw inflater takes any dictionary; zlib refuses only a wrong checksum, which raw has not.
        inflater.set_dictionary(&self.bytes).ok();
    }

    fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Inflaters that all directions share.
///
/// One that is in the middle of a message is never taken away; of the others, the one that was
/// unused for longest is, roughly (second chance).
#[derive(Debug, Default)]
pub struct Pool {
    inflaters: Vec<Pooled>,
    hand: usize,
    tickets: u64,
    output: Vec<u8>,
}

#[derive(Debug)]
struct Pooled {
    inflater: Decompress,
    ticket: u64,
    busy: bool,
    used: bool,
}

/// A place in the pool, valid while nobody else took it over.
#[derive(Clone, Copy, Debug)]
struct Slot {
    index: usize,
    ticket: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Busy {
    Yes,
    No,
}

impl Pool {
    fn owned(&mut self, slot: Slot) -> Option<&mut Decompress> {
        self.owned_with_buffer(slot).map(|(inflater, _)| inflater)
    }

    fn owned_with_buffer(&mut self, slot: Slot) -> Option<(&mut Decompress, &mut [u8])> {
        if self.output.is_empty() {
            self.output.resize(OUTPUT, 0);
        }
        let pooled = self.inflaters.get_mut(slot.index)?;
        (pooled.ticket == slot.ticket).then(|| {
            pooled.used = true;
            (&mut pooled.inflater, self.output.as_mut_slice())
        })
    }

    fn set_busy(&mut self, slot: Option<Slot>, busy: Busy) {
        let Some(slot) = slot else { return };
        if let Some(pooled) = self.inflaters.get_mut(slot.index)
            && pooled.ticket == slot.ticket
        {
            pooled.busy = busy == Busy::Yes;
        }
    }

    fn acquire(&mut self) -> (Slot, &mut Decompress) {
        self.tickets = self.tickets.saturating_add(1);
        let index = self.free_index();
        let ticket = self.tickets;
        if index >= self.inflaters.len() {
            self.inflaters.push(Pooled {
                inflater: Decompress::new(false),
                ticket,
                busy: false,
                used: true,
            });
        }
        let index = index.min(self.inflaters.len().saturating_sub(1));
        #[expect(clippy::indexing_slicing, reason = "the vector was just made longer than index")]
        let pooled = &mut self.inflaters[index];
        pooled.ticket = ticket;
        pooled.used = true;
        (Slot { index, ticket }, &mut pooled.inflater)
    }

    /// An inflater that nobody is in the middle of using, or the index of a new one.
    fn free_index(&mut self) -> usize {
        let count = self.inflaters.len();
        if count < POOLED {
            return count;
        }
        for _ in 0..count.saturating_mul(2) {
            let index = self.hand;
            self.hand = if index.saturating_add(1) >= count { 0 } else { index.saturating_add(1) };
            if let Some(pooled) = self.inflaters.get_mut(index)
                && !pooled.busy
            {
                if !pooled.used {
                    return index;
                }
                pooled.used = false;
            }
        }
        count
    }
}

/// The window of DEFLATE, and the most that permessage-deflate can negotiate, in bytes (RFC 7692 §7.1.2).
const WINDOW: usize = 1 << 15;

/// Inflaters that are kept when nobody is in the middle of a message; 42 KiB each.
const POOLED: usize = 256;

/// Output handed over at once, in bytes.
const OUTPUT: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    const TAKEOVER: SideParams = SideParams { no_context_takeover: false, window_bits: 15 };
    const FRESH: SideParams = SideParams { no_context_takeover: true, window_bits: 15 };
    const LIMIT: u64 = 1 << 26;

    fn inflate(inflater: &mut Inflater, pool: &mut Pool, pieces: &[&[u8]]) -> Vec<u8> {
        let mut all = Vec::new();
        inflater.begin(pool);
        for piece in pieces {
            inflater.push(pool, piece, &mut |out| all.extend_from_slice(out));
        }
        inflater.end(pool, &mut |out| all.extend_from_slice(out));
        all
    }

    fn deflate(compressor: &mut Compress, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() + 1024);
        compressor.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
        assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
        out.truncate(out.len() - 4);
        out
    }

    // RFC 7692 §7.2.3, all of its examples that are whole messages.
    #[rustfmt::skip]
    const GOLDEN: &[(&str, &[&[u8]])] = &[
        ("one compressed block (7.2.3.1)", &[&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]]),
        ("split in two frames (7.2.3.1)", &[&[0xf2, 0x48, 0xcd], &[0xc9, 0xc9, 0x07, 0x00]]),
        ("no compression (7.2.3.3)", &[&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]]),
        ("BFINAL set to 1 (7.2.3.4)", &[&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]]),
        ("two blocks (7.2.3.5)", &[&[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]]),
    ];

    #[test]
    fn examples_of_rfc_7692_inflate_to_hello() {
        for (name, pieces) in GOLDEN {
            for params in [TAKEOVER, FRESH] {
                let (mut inflater, mut pool) =
                    (Inflater::new(params, HistoryStart::Seen, LIMIT), Pool::default());
                assert_eq!(inflate(&mut inflater, &mut pool, pieces), b"Hello", "{name}");
                assert_eq!(inflater.failure(), None, "{name}");
            }
        }
    }

    #[test]
    fn second_message_may_refer_to_the_first() {
        // RFC 7692 §7.2.3.2
        let second: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];
        let mut pool = Pool::default();
        let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
        assert_eq!(inflate(&mut inflater, &mut pool, GOLDEN[0].1), b"Hello");
        assert_eq!(inflate(&mut inflater, &mut pool, &[second]), b"Hello");

        let mut late = Inflater::new(TAKEOVER, HistoryStart::Missed, LIMIT);
        inflate(&mut late, &mut pool, &[second]);
        assert_eq!(late.failure(), Some(Failure::HistoryMissing));
        assert_eq!(inflate(&mut late, &mut pool, GOLDEN[0].1), b"Hello", "recovers");
        assert_eq!(inflate(&mut late, &mut pool, &[second]), b"Hello", "and has a history again");

        let mut fresh = Inflater::new(FRESH, HistoryStart::Seen, LIMIT);
        inflate(&mut fresh, &mut pool, GOLDEN[0].1);
        inflate(&mut fresh, &mut pool, &[second]);
        assert!(matches!(fresh.failure(), Some(Failure::Invalid(_))), "{:?}", fresh.failure());
    }

    #[test]
    fn history_survives_bfinal_in_any_block() {
        let mut pool = Pool::default();
        let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
        let stored = GOLDEN[2].1[0];
        let mut two_blocks = stored[..stored.len() - 1].to_vec();
        two_blocks.extend_from_slice(GOLDEN[3].1[0]);
        assert_eq!(inflate(&mut inflater, &mut pool, &[&two_blocks]), b"HelloHello");
        assert_eq!(inflate(&mut inflater, &mut pool, &[&[0xf2, 0x00, 0x11, 0x00, 0x00]]), b"Hello");
    }

    #[test]
    fn empty_message_is_one_zero_byte() {
        let (mut inflater, mut pool) =
            (Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT), Pool::default());
        assert_eq!(inflate(&mut inflater, &mut pool, &[&[0x00]]), b"");
        assert_eq!(inflater.failure(), None);
    }

    #[test]
    fn nonsense_is_invalid_at_its_offset_and_the_limit_is_kept() {
        let mut pool = Pool::default();
        let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
        inflate(&mut inflater, &mut pool, &[&[0xff, 0xff, 0xff]]);
        assert!(matches!(inflater.failure(), Some(Failure::Invalid(0..=3))));

        let bomb = deflate(&mut Compress::new(Compression::best(), false), &vec![0; 1 << 20]);
        let mut small = Inflater::new(TAKEOVER, HistoryStart::Seen, 1 << 18);
        let out = inflate(&mut small, &mut pool, &[&bomb]);
        assert_eq!(small.failure(), Some(Failure::TooLarge));
        assert!(out.len() <= 1 << 18);
    }

    #[test]
    fn directions_that_lose_their_inflater_in_turn_still_have_their_history() {
        let mut pool = Pool::default();
        let mut directions: Vec<_> = (0..POOLED + 40)
            .map(|_| {
                (
                    Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT),
                    Compress::new(Compression::fast(), false),
                )
            })
            .collect();
        for round in 0..4_u32 {
            for (number, (inflater, compressor)) in directions.iter_mut().enumerate() {
                let message =
                    format!("connection {number} says hello, round {round}; ").repeat(300);
                let wire = deflate(compressor, message.as_bytes());
                assert_eq!(inflate(inflater, &mut pool, &[&wire]), message.as_bytes());
            }
        }
        assert_eq!(pool.inflaters.len(), POOLED);
    }
}
