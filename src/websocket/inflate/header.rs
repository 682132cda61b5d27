//! The codes that a dynamic block begins with (RFC 1951 §3.2.7), and those of fixed blocks.

use crate::stream::length_usize;
use crate::websocket::inflate::DeflateFault;
use crate::websocket::inflate::Fault;
use crate::websocket::inflate::bits::Bits;
use crate::websocket::inflate::huffman::{
    DISTANCES, Incomplete, LENGTHS, LITERALS, Lengths, NoCode,
};
use crate::websocket::inflate::symbols::Codes;

/// Whether all was there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Whole {
    Yes,
    No,
}

/// Reads the codes of a dynamic block, after its first three bits.
///
/// Where they are not whole, they are read again from their start once there is more.
pub(super) fn read(codes: &mut Codes, bits: &mut Bits, input: &mut &[u8]) -> Result<Whole, Fault> {
    bits.refill(input);
    if bits.count() < 14 {
        return Ok(Whole::No);
    }
    let literals = length_usize(bits.field(0, 5) + 257);
    let distances = length_usize(bits.field(5, 5) + 1);
    let code_lengths = length_usize(bits.field(10, 4) + 4);
    if literals > 286 || distances > 30 {
        return Err(Fault::Invalid(DeflateFault::CodeCounts));
    }
    bits.drop(14);
    let mut order = [0; 19];
    for symbol in ORDER.iter().take(code_lengths) {
        bits.refill(input);
        let Some(length) = bits.take(3) else { return Ok(Whole::No) };
        if let Some(place) = order.get_mut(usize::from(*symbol)) {
            *place = length.to_le_bytes()[0];
        }
    }
    let mut code = Lengths::new();
    let built = code.build(&order, &LENGTHS, Incomplete::Forbidden);
    built.map_err(|NoCode| Fault::Invalid(DeflateFault::LengthCode))?;
    let mut all = [0_u8; 286 + 30];
    let total = literals + distances;
    let (mut done, mut previous) = (0, None);
    while done < total {
        bits.refill(input);
        // What no code has is taken for a 0, as in zlib.
        let entry = code.entry(*bits);
        let mut rest = *bits;
        if entry.code_bits() > rest.count() {
            return Ok(Whole::No);
        }
        rest.drop(entry.code_bits());
        let (length, fewest, extra) = match entry.literal() {
            16 => (previous, 3, 2),
            17 => (Some(0), 3, 3),
            18 => (Some(0), 11, 7),
            length => (Some(length), 1, 0),
        };
        let Some(more) = rest.take(extra) else { return Ok(Whole::No) };
        let stop = done + fewest + length_usize(more);
        let Some(length) = length else {
            return Err(Fault::Invalid(DeflateFault::RepeatOfNothing));
        };
        if stop > total {
            return Err(Fault::Invalid(DeflateFault::RepeatTooLong));
        }
        all.get_mut(done..stop).unwrap_or_default().fill(length);
        (done, previous, *bits) = (stop, Some(length), rest);
    }
    let (for_literals, rest) = all.split_at_checked(literals).unwrap_or_default();
    // Without an end-of-block code, the block would never end.
    if for_literals.get(256).is_none_or(|length| *length == 0) {
        return Err(Fault::Invalid(DeflateFault::NoEndCode));
    }
    let built = codes.literals.build(for_literals, &LITERALS, Incomplete::Single);
    built.map_err(|NoCode| Fault::Invalid(DeflateFault::LiteralCode))?;
    let for_distances = rest.get(..distances).unwrap_or_default();
    let built = codes.distances.build(for_distances, &DISTANCES, Incomplete::Single);
    built.map_err(|NoCode| Fault::Invalid(DeflateFault::DistanceCode))?;
    Ok(Whole::Yes)
}

/// The codes of fixed blocks (RFC 1951 §3.2.6).
pub(super) fn fixed() -> Codes {
    let mut lengths = [8_u8; 288];
    for (symbol, length) in lengths.iter_mut().enumerate() {
        *length = match symbol {
            0..144 | 280.. => 8,
            144..256 => 9,
            256..280 => 7,
        };
    }
    let mut codes = Codes::new();
    // These are codes: a test reads with them.
    codes.literals.build(&lengths, &LITERALS, Incomplete::Forbidden).ok();
    codes.distances.build(&[5; 32], &DISTANCES, Incomplete::Forbidden).ok();
    codes
}

/// Symbols of the code of code lengths in the order in which their own lengths come.
const ORDER: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
