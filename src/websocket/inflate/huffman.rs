//! Huffman codes of DEFLATE (RFC 1951 §3.2.2), as tables that are looked up by the next bits.

use crate::stream::length_usize;
use crate::websocket::inflate::bits::Bits;

/// The meaning of the next bits: a symbol, or a subtable.
///
/// Byte 0: bits of the code and of its extra bits. Byte 1: bits of the code, and flags. Bytes 2
/// and 3: the literal, or what the extra bits are added to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct HuffmanEntry(u32);

impl HuffmanEntry {
    const LITERAL: u32 = 0x8000;
    const SUBTABLE: u32 = 0x4000;
    const END: u32 = 0x2000;
    const INVALID: u32 = 0x1000;

    const fn new(flags: u32, extra: u32, value: u32) -> Self {
        Self(value << 16 | flags | extra)
    }

    const fn with_code(self, bits: u32) -> Self {
        Self(self.0 + bits * 0x0101)
    }

    /// Whether it is a literal byte.
    #[inline]
    pub(super) fn is_literal(self) -> bool {
        self.0 & Self::LITERAL != 0
    }

    /// Whether it is the end of the block.
    #[inline]
    pub(super) fn is_end(self) -> bool {
        self.0 & Self::END != 0
    }

    /// Whether no symbol has this code, or the symbol must not be used.
    #[inline]
    pub(super) fn is_invalid(self) -> bool {
        self.0 & Self::INVALID != 0
    }

    /// Whether it is neither literal, length nor distance.
    #[inline]
    pub(super) fn is_special(self) -> bool {
        self.0 & (Self::END | Self::INVALID | Self::SUBTABLE) != 0
    }

    #[inline]
    fn is_subtable(self) -> bool {
        self.0 & Self::SUBTABLE != 0
    }

    /// The literal, or the symbol of a code length.
    #[inline]
    pub(super) fn literal(self) -> u8 {
        self.0.to_le_bytes()[2]
    }

    /// Bits of its code.
    #[inline]
    pub(super) fn code_bits(self) -> u32 {
        self.0 >> 8 & 15
    }

    /// Bits of its code and its extra bits.
    #[inline]
    pub(super) fn bits(self) -> u32 {
        self.0 & 31
    }

    /// The length or distance encoded by it and the extra bits that follow.
    #[inline]
    pub(super) fn amount(self, bits: Bits) -> usize {
        let with_extra = bits.field(0, self.bits());
        length_usize(u64::from(self.0 >> 16) + (with_extra >> self.code_bits()))
    }
}

/// A code as a table of which the first `1 << ROOT` entries are looked up by the next bits.
///
/// Longer codes have subtables after them. `SIZE` is a power of two, enough for any code.
#[derive(Debug)]
pub(super) struct HuffmanCode<const ROOT: u32, const SIZE: usize> {
    entries: [HuffmanEntry; SIZE],
}

/// Lengths that are not codes: too many codes are that short, or too few.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NoCode;

/// Which codes may leave bit patterns without a meaning.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Incomplete {
    /// None but that without any symbol.
    Forbidden,
    /// Also that of a single symbol, one bit long (RFC 1951 §3.2.7).
    Single,
}

impl<const ROOT: u32, const SIZE: usize> HuffmanCode<ROOT, SIZE> {
    /// A code without symbols.
    pub(super) const fn new() -> Self {
        Self { entries: [INVALID; SIZE] }
    }

    /// The entry for the next bits, possibly of a subtable.
    #[inline]
    pub(super) fn entry(&self, bits: Bits) -> HuffmanEntry {
        let entry = self.root(bits);
        if entry.is_subtable() { self.deeper(entry, bits) } else { entry }
    }

    /// The entry for the next bits of the first table.
    #[inline]
    pub(super) fn root(&self, bits: Bits) -> HuffmanEntry {
        self.at(length_usize(bits.peek() & !(u64::MAX << ROOT)))
    }

    /// The entry of the subtable that `entry` leads to.
    #[inline]
    pub(super) fn deeper(&self, entry: HuffmanEntry, bits: Bits) -> HuffmanEntry {
        let index = bits.field(ROOT, entry.bits());
        self.at(length_usize(u64::from(entry.0 >> 16) + index))
    }

    #[inline]
    fn at(&self, index: usize) -> HuffmanEntry {
        // The mask changes nothing, and spares a check.
        self.entries.get(index & (SIZE - 1)).copied().unwrap_or(INVALID)
    }

    /// Makes the table of the code whose symbols have these lengths (RFC 1951 §3.2.2).
    ///
    /// `meanings` are the values of the symbols. Accepts what zlib accepts.
    pub(super) fn build(
        &mut self,
        lengths: &[u8],
        meanings: &[HuffmanEntry],
        incomplete: Incomplete,
    ) -> Result<(), NoCode> {
        let mut counts = [0_u16; MAX_BITS + 1];
        for length in lengths {
            if let Some(count) = counts.get_mut(usize::from(*length)) {
                *count += 1;
            }
        }
        counts[0] = 0;
        let longest = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        let mut left = 1_u32;
        for count in counts.iter().skip(1) {
            left = (left << 1).checked_sub(u32::from(*count)).ok_or(NoCode)?;
        }
        if left > 0 {
            if longest > 1 || (longest == 1 && incomplete == Incomplete::Forbidden) {
                return Err(NoCode);
            }
            self.entries.fill(INVALID);
        }
        let mut sorted = [HuffmanEntry::default(); MAX_SYMBOLS];
        sort(lengths, meanings, &counts, &mut sorted);
        let mut symbols = sorted.iter();
        // The code, its first bit lowest: as it is in the stream.
        let mut code = 0;
        for bits in 1..=ROOT {
            // The table of one bit less, twice, holds all shorter codes.
            let half = 1_usize << (bits - 1);
            if left == 0 {
                self.entries.copy_within(..half, half);
            }
            let count = counts.get(length_usize(u64::from(bits))).copied().unwrap_or(0);
            for entry in symbols.by_ref().take(usize::from(count)) {
                self.put(code, 0, entry.with_code(bits));
                code = successor(code, bits);
            }
        }
        if left > 0 {
            // One code of one bit, or none: its entry is for all bits that begin like it.
            if longest == 1 {
                let entry = self.at(0);
                self.entries.iter_mut().step_by(2).for_each(|place| *place = entry);
            }
            return Ok(());
        }
        self.build_subtables(code, counts, symbols);
        Ok(())
    }

    /// Inserts the codes longer than `ROOT`, of which the first is `code`.
    fn build_subtables<'a>(
        &mut self,
        mut code: usize,
        mut counts: [u16; MAX_BITS + 1],
        mut symbols: impl Iterator<Item = &'a HuffmanEntry>,
    ) {
        let mut next = 1_usize << ROOT;
        let (mut prefix, mut start, mut size) = (usize::MAX, 0, 0);
        for bits in ROOT + 1..=15 {
            let index = length_usize(u64::from(bits));
            while let Some(count) = counts.get_mut(index)
                && *count > 0
                && let Some(entry) = symbols.next()
            {
                if code & ((1 << ROOT) - 1) != prefix {
                    prefix = code & ((1 << ROOT) - 1);
                    let index_bits = subtable_bits(&counts, index, ROOT);
                    (start, size) = (next, 1_usize << index_bits);
                    next += size;
                    let value = u32::try_from(start).unwrap_or(0);
                    self.put(
                        prefix,
                        0,
                        HuffmanEntry::new(HuffmanEntry::SUBTABLE, index_bits, value),
                    );
                }
                let stride = 1_usize << (bits - ROOT);
                for place in (code >> ROOT..size).step_by(stride) {
                    self.put(start, place, entry.with_code(bits));
                }
                code = successor(code, bits);
                if let Some(count) = counts.get_mut(index) {
                    *count -= 1;
                }
            }
        }
    }

    #[inline]
    fn put(&mut self, start: usize, index: usize, entry: HuffmanEntry) {
        if let Some(place) = self.entries.get_mut((start + index) & (SIZE - 1)) {
            *place = entry;
        }
    }
}

/// Values of symbols, those with the shortest codes first.
fn sort(
    lengths: &[u8],
    meanings: &[HuffmanEntry],
    counts: &[u16; MAX_BITS + 1],
    sorted: &mut [HuffmanEntry; MAX_SYMBOLS],
) {
    let mut offsets = [0_u16; MAX_BITS + 1];
    let mut sum = 0;
    for (offset, count) in offsets.iter_mut().zip(counts) {
        *offset = sum;
        sum += count;
    }
    for (length, meaning) in lengths.iter().zip(meanings) {
        if *length > 0
            && let Some(offset) = offsets.get_mut(usize::from(*length))
            && let Some(place) = sorted.get_mut(usize::from(*offset))
        {
            *place = *meaning;
            *offset += 1;
        }
    }
}

/// The code after `code` among those of `bits` bits, first bit lowest; or itself, if it is the last.
#[inline]
fn successor(code: usize, bits: u32) -> usize {
    let zeros = code ^ ((1 << bits) - 1);
    let Some(highest) = zeros.checked_ilog2() else { return code };
    (code & ((1 << highest) - 1)) | 1 << highest
}

/// Bits that a subtable is looked up by, whose first code is `length` long.
fn subtable_bits(counts: &[u16; MAX_BITS + 1], length: usize, root: u32) -> u32 {
    let mut bits = length - length_usize(u64::from(root));
    let mut left = 1_i32 << bits;
    for count in counts.iter().skip(length) {
        left -= i32::from(*count);
        if left <= 0 {
            break;
        }
        bits += 1;
        left <<= 1;
    }
    u32::try_from(bits).unwrap_or(0)
}

/// The code of literals and lengths; 286 symbols need 1334 entries at most.
pub(super) type Literals = HuffmanCode<10, 2048>;

/// The code of distances; 30 symbols need 402 entries at most.
pub(super) type Distances = HuffmanCode<8, 512>;

/// The code of code lengths, of up to 7 bits.
pub(super) type Lengths = HuffmanCode<7, 128>;

/// Values of literals and lengths (RFC 1951 §3.2.5).
#[expect(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
pub(super) const LITERALS: [HuffmanEntry; 288] = {
    let mut all = [HuffmanEntry::new(HuffmanEntry::INVALID, 0, 0); 288];
    let (mut symbol, mut literal) = (0_usize, 0);
    while symbol < 256 {
        all[symbol] = HuffmanEntry::new(HuffmanEntry::LITERAL, 0, literal);
        (symbol, literal) = (symbol + 1, literal + 1);
    }
    all[256] = HuffmanEntry::new(HuffmanEntry::END, 0, 0);
    let (mut symbol, mut base, mut index) = (257_usize, 3, 0);
    while symbol < 285 {
        let extra = if index < 8 { 0 } else { index / 4 - 1 };
        all[symbol] = HuffmanEntry::new(0, extra, base);
        (symbol, base, index) = (symbol + 1, base + (1 << extra), index + 1);
    }
    all[285] = HuffmanEntry::new(0, 0, 258);
    all
};

/// Values of distance codes (RFC 1951 §3.2.5).
#[expect(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
pub(super) const DISTANCES: [HuffmanEntry; 32] = {
    let mut all = [HuffmanEntry::new(HuffmanEntry::INVALID, 0, 0); 32];
    let (mut symbol, mut base, mut index) = (0_usize, 1, 0);
    while symbol < 30 {
        let extra = if index < 4 { 0 } else { index / 2 - 1 };
        all[symbol] = HuffmanEntry::new(0, extra, base);
        (symbol, base, index) = (symbol + 1, base + (1 << extra), index + 1);
    }
    all
};

/// Values of the symbols of the code-length code: themselves.
#[expect(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
pub(super) const LENGTHS: [HuffmanEntry; 19] = {
    let mut all = [HuffmanEntry::new(0, 0, 0); 19];
    let (mut symbol, mut value) = (0_usize, 0);
    while symbol < 19 {
        all[symbol] = HuffmanEntry::new(0, 0, value);
        (symbol, value) = (symbol + 1, value + 1);
    }
    all
};

/// What bits mean that no code has; as in zlib, it takes one bit.
const INVALID: HuffmanEntry = HuffmanEntry::new(HuffmanEntry::INVALID, 0, 0).with_code(1);

/// The longest code, in bits.
const MAX_BITS: usize = 15;

/// Symbols of the largest code.
const MAX_SYMBOLS: usize = 288;
