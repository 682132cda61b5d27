//! How much a frame says for WebSocket: bits of evidence against the other explanations of its bytes.

use std::ops::{Add, AddAssign};

use crate::stream::length_u64;
use crate::websocket::close_code::{CloseCode, Wire};
use crate::websocket::deflate::{Failure, History, HistoryStart, Inflater, Spares};
use crate::websocket::extension::SideParams;
use crate::websocket::frame::{FrameHeader, Opcode};
use crate::websocket::mask::unmask;
use crate::websocket::message::Tail;

/// Evidence for frames, in bits: how many times less likely, as a power of two, other bytes are to look alike.
///
/// Each explanation is weighed on its own, and the one that does best is what has to be refuted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Evidence {
    /// Against bytes in which every header is there by chance: compressed, encrypted, random, text.
    pub noise: i32,
    /// Against another protocol's records, whose fields may be where those of frames are. What such a
    /// protocol would repeat in each record counts once.
    pub records: i32,
}

impl Evidence {
    /// The same against both explanations.
    pub const fn both(bits: i32) -> Self {
        Self { noise: bits, records: bits }
    }

    /// Against the explanation that does best.
    pub fn least(self) -> i32 {
        self.noise.min(self.records)
    }
}

impl Add for Evidence {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            noise: self.noise.saturating_add(other.noise),
            records: self.records.saturating_add(other.records),
        }
    }
}

impl AddAssign for Evidence {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// What the frames of a chain have in common with another protocol's records, as far as it counts once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Repetition {
    /// Which first bytes of headers occurred, by [`kind`].
    kinds: u16,
    kind_count: usize,
    /// Which lengths of the 7-bit form occurred.
    lengths: u128,
    /// How many different ones, and how many longer ones.
    short_lengths: usize,
    long_lengths: usize,
    /// Keys, readable texts and compressed messages that counted.
    keys: usize,
    texts: usize,
    inflated: usize,
    /// The longer length and the key of the frame before.
    last_long: u64,
    last_key: [u8; 4],
}

impl Repetition {
    /// What a legal header says.
    pub(super) fn header(&mut self, header: &FrameHeader) -> Evidence {
        let kind = 1_u16 << kind(header);
        let is_new_kind = self.kinds & kind == 0;
        self.kinds |= kind;
        // Types of records are small numbers, as are high bytes of lengths.
        let mut evidence = count(&mut self.kind_count, is_new_kind && header.fin, KINDS);
        let form = match header.length_bits() {
            7 => Evidence::default(),
            16 => LONG_FORM,
            _ => LONGEST_FORM,
        };
        evidence += if self.long_lengths > 0 { Evidence { records: 0, ..form } } else { form };
        if let Some(key) = header.mask {
            evidence += self.key(key);
        }
        evidence
    }

    /// What a frame says whose length leads to the end of a segment, or to a legal header.
    pub(super) fn length(&mut self, header: &FrameHeader) -> Evidence {
        if header.length_bits() > 7 {
            let is_new = self.last_long != header.payload_length;
            self.last_long = header.payload_length;
            return count(&mut self.long_lengths, is_new, LONG_LENGTHS);
        }
        let length = 1_u128 << header.payload_length.min(125);
        // Zeros are continuations without an end.
        let is_new = header.fin && self.lengths & length == 0;
        self.lengths |= length;
        let bits = if header.mask.is_some() { MASKED_LENGTHS } else { LENGTHS };
        count(&mut self.short_lengths, is_new, bits)
    }

    /// Masking keys are random; the same four bytes of a record are a counter, zeros or text.
    fn key(&mut self, key: [u8; 4]) -> Evidence {
        let is_new = key != self.last_key;
        self.last_key = key;
        if is_new && !is_random(key) {
            return Evidence { noise: 0, records: -KEY_OF_RECORD };
        }
        count(&mut self.keys, is_new, KEYS)
    }

    /// What the beginning of a payload says; `None` if no correct peer sends it.
    ///
    /// Compressed ones are inflated if they are whole and `may_inflate`.
    pub(super) fn payload(
        &mut self,
        header: &FrameHeader,
        wire: &[u8],
        may_inflate: bool,
    ) -> Option<Evidence> {
        if may_inflate && is_inflatable(header) && header.payload_length == length_u64(wire.len()) {
            return self.inflated(header, wire);
        }
        let mut sample = [0; PAYLOAD_SAMPLE];
        let length = wire.len().min(PAYLOAD_SAMPLE);
        let (sample, wire) = (sample.get_mut(..length)?, wire.get(..length)?);
        sample.copy_from_slice(wire);
        if let Some(key) = header.mask {
            unmask(sample, key, 0);
        }
        let is_whole = u64::try_from(length) == Ok(header.payload_length);
        match (Opcode::from_wire(header.opcode)?, header.rsv) {
            (Opcode::Text, 0) => self.text(header, sample, wire, is_whole),
            (Opcode::Text | Opcode::Binary, _) if header.rsv1() => compressed(sample),
            (Opcode::Close, _) => close(sample, is_whole),
            (
                Opcode::Text | Opcode::Binary | Opcode::Continuation | Opcode::Ping | Opcode::Pong,
                _,
            ) => Some(Evidence::default()),
        }
    }

    /// What a compressed message says by its form. What it repeats of earlier ones need not be known for that.
    fn inflated(&mut self, header: &FrameHeader, wire: &[u8]) -> Option<Evidence> {
        let mut plain = wire.to_vec();
        if let Some(key) = header.mask {
            unmask(&mut plain, key, 0);
        }
        let params = SideParams { no_context_takeover: false, window_bits: 15 };
        let history = History { output: UNKNOWN_HISTORY, start: HistoryStart::Missed, earlier: 0 };
        let mut inflater = Inflater::resume(params, history, MOST_INFLATED);
        let mut spares = Spares::default();
        inflater.begin(&mut spares);
        inflater.push(&mut spares, &plain, &mut |_| ());
        inflater.end(&mut spares, &mut |_| ());
        let is_usual = match (inflater.failure(), inflater.ending().tail) {
            (None, Tail::Removed) => true,
            (None, Tail::Kept | Tail::Final) | (Some(Failure::TooLarge), _) => false,
            (None, Tail::Torn | Tail::Unknown) | (Some(_), _) => return None,
        };
        if !is_usual || plain.len() < INFLATABLE {
            return Some(Evidence::default());
        }
        let noise = Evidence { noise: INFLATED, records: 0 };
        Some(noise + count(&mut self.inflated, true, INFLATED_MESSAGES))
    }

    fn text(
        &mut self,
        header: &FrameHeader,
        text: &[u8],
        wire: &[u8],
        is_whole: bool,
    ) -> Option<Evidence> {
        let may_end_early = !is_whole || !header.fin;
        if let Err(error) = std::str::from_utf8(text)
            && (error.error_len().is_some() || !may_end_early)
        {
            return None;
        }
        // A byte that equals the fourth one before it is as readable as that one.
        let fresh = (0..wire.len())
            .filter(|at| at.checked_sub(4).is_none_or(|before| wire.get(before) != wire.get(*at)));
        let fresh = i32::try_from(fresh.count()).unwrap_or(i32::MAX);
        let odd = text.iter().filter(|byte| is_odd_in_text(**byte)).count();
        let against = i32::try_from(odd).unwrap_or(i32::MAX).saturating_mul(ODD_BYTE);
        if header.mask.is_some_and(|key| key != [0; 4]) {
            return Some(Evidence::both(fresh.min(READABLE) - against.min(ODD_BYTES)));
        }
        let is_readable = odd == 0 && text.len() >= READABLE_TEXT;
        let noise = fresh.min(READABLE_PLAIN) - against.min(ODD_BYTES_PLAIN);
        let noise = Evidence { noise, records: 0 };
        Some(noise + count(&mut self.texts, is_readable, PLAIN_TEXTS))
    }
}

/// Whether a key may be random: not text, few zeros, few equal bytes. One in forty random keys is not.
fn is_random(key: [u8; 4]) -> bool {
    let is_text = key.iter().all(|byte| matches!(byte, 0x20..=0x7e));
    let zeros = key.map(|byte| u8::from(byte == 0)).iter().sum::<u8>();
    let [a, b, c, d] = key;
    let equal = [a == b, a == c, a == d, b == c, b == d, c == d];
    let equal = equal.iter().filter(|equal| **equal).count();
    !is_text && zeros < 2 && equal < 2
}

/// What the next of similar facts says against records, if it is `new`: the first ones say most.
fn count(counted: &mut usize, new: bool, bits: &[i32]) -> Evidence {
    let records = bits.get(*counted).copied().filter(|_| new).unwrap_or(0);
    *counted = counted.saturating_add(usize::from(new));
    Evidence { noise: 0, records }
}

/// Whether a frame is a compressed message that is small enough to be inflated for its evidence.
pub(super) fn is_inflatable(header: &FrameHeader) -> bool {
    header.rsv1() && header.fin && header.payload_length <= MOST_INFLATABLE
}

/// A number below 16 for the first byte of a header: its opcode, whether it is final, and RSV1.
pub(super) fn kind(header: &FrameHeader) -> u8 {
    let opcode = match header.opcode {
        opcode @ 0..=2 => opcode,
        opcode => opcode.saturating_sub(5).min(6),
    };
    match (header.fin, header.rsv1()) {
        (true, false) => opcode,
        (true, true) => opcode.saturating_add(6),
        (false, false) => opcode.saturating_add(9),
        (false, true) => opcode.saturating_add(11),
    }
}

/// The first bits of a compressed message (RFC 1951 §3.2.3): block type 3 is reserved, and few compressors set
/// the final bit.
fn compressed(plain: &[u8]) -> Option<Evidence> {
    let Some(first) = plain.first() else { return Some(Evidence::default()) };
    match first & 0b111 {
        0b110 | 0b111 => None,
        bits if bits & 1 == 1 => Some(Evidence::both(-FINAL_BLOCK)),
        _ => Some(Evidence { noise: 1, records: 1 }),
    }
}

/// The code and the reason of a Close.
fn close(plain: &[u8], is_whole: bool) -> Option<Evidence> {
    let (code, reason) = match plain {
        [] => return Some(Evidence::default()),
        [_] => return None,
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    let is_text = std::str::from_utf8(reason).is_ok() || !is_whole;
    if !is_text
        || reason.iter().any(|byte| is_odd_in_text(*byte))
        || CloseCode::of(code).wire != Wire::Allowed
    {
        return None;
    }
    Some(Evidence::both(if code < 3000 { CLOSE_CODE } else { CLOSE_CODE_OF_APPLICATION }))
}

/// Whether a byte is rare in text: control characters other than those of lines.
pub(super) fn is_odd_in_text(byte: u8) -> bool {
    matches!(byte, 0..=8 | 0xb | 0xc | 0xe..=0x1f | 0x7f)
}

/// Of a second byte that announces 16 bits of length, and of 64 bits of which the high ones are zero.
const LONG_FORM: Evidence = Evidence { noise: 4, records: 2 };
const LONGEST_FORM: Evidence = Evidence { noise: 20, records: 12 };
/// Of first bytes that have not occurred in the chain, against records: their types are any byte.
const KINDS: &[i32] = &[4, 2, 2, 1];
/// Of lengths that are right and new, against records: MASK and six bytes too many are no usual length, nor are
/// 126 and 16 bits; but a type and a length of a byte each are usual.
const MASKED_LENGTHS: &[i32] = &[8, 6, 2, 2, 2, 2, 2];
const LONG_LENGTHS: &[i32] = &[6, 6, 6, 4, 4];
const LENGTHS: &[i32] = &[5, 1, 1, 1];
/// Of keys that look random and are new.
const KEYS: &[i32] = &[3, 2, 2, 1, 1];
/// Against a key that looks like a field of a record.
const KEY_OF_RECORD: i32 = 8;
/// Most of the text of a masked frame; each byte that is readable is worth a bit.
const READABLE: i32 = 24;
/// Most of the text of a frame that is not masked, against noise.
const READABLE_PLAIN: i32 = 8;
/// Of such texts against records, and their least length in bytes.
const PLAIN_TEXTS: &[i32] = &[4, 4, 4, 4];
const READABLE_TEXT: usize = 4;
/// Against each control character in a text; and at most, masked and not: some protocols end their texts with one.
const ODD_BYTE: i32 = 6;
const ODD_BYTES: i32 = 24;
const ODD_BYTES_PLAIN: i32 = 8;
/// Against a compressed message that begins with the final block.
const FINAL_BLOCK: i32 = 4;
/// Of a Close with a code of the protocol (16 of 65,536), or of an application (2,000).
const CLOSE_CODE: i32 = 12;
const CLOSE_CODE_OF_APPLICATION: i32 = 5;

/// Of a compressed message that ends where its frame does.
const INFLATED: i32 = 8;
const INFLATED_MESSAGES: &[i32] = &[8, 6, 4, 2, 2];
/// Bytes from which a compressed message says something.
const INFLATABLE: usize = 4;
/// Bytes of a compressed message, and of what comes out of it, up to which it is inflated.
const MOST_INFLATABLE: u64 = 4096;
const MOST_INFLATED: u64 = 1 << 16;
/// What compressed messages may repeat of what was not captured.
const UNKNOWN_HISTORY: &[u8] = &[b' '; 1 << 15];

/// Bytes of a payload examined.
const PAYLOAD_SAMPLE: usize = 256;
