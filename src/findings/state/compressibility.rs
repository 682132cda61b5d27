//! How many bytes permessage-deflate would leave of a text, estimated from below its means.

use crate::stream::length_u64;

/// How many bytes would be left of a text at least as it is judged here: every byte that repeats nothing
/// costs eight bits, every repetition of four bytes or more in the same text costs 24. A real deflate
/// codes both in fewer bits, and with context takeover it finds repetitions of earlier messages, too.
pub(crate) fn squeezed(text: &[u8]) -> u64 {
    // Small, for it is cleared for every text.
    let mut places = [NOWHERE; PLACES];
    let mut bits = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let at = text.len().saturating_sub(rest.len());
        let repeated = repetition(text, at, &mut places);
        let taken = if repeated >= SHORTEST {
            bits = bits.saturating_add(REPETITION_BITS);
            repeated
        } else {
            bits = bits.saturating_add(LITERAL_BITS);
            1
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    bits.div_ceil(8).min(length_u64(text.len()))
}

/// How many bytes from `at` on were said before, at the place that its first ones lead to.
fn repetition(text: &[u8], at: usize, places: &mut [u16; PLACES]) -> usize {
    let here = text.get(at..).unwrap_or_default();
    let Some(first) = here.first_chunk::<SHORTEST>() else { return 0 };
    let hash = u32::from_le_bytes(*first).wrapping_mul(0x9e37_79b1) >> 23;
    let Some(place) = usize::try_from(hash).ok().and_then(|hash| places.get_mut(hash)) else {
        return 0;
    };
    let before = std::mem::replace(place, u16::try_from(at).unwrap_or(NOWHERE));
    if before == NOWHERE {
        return 0;
    }
    let there = text.get(usize::from(before)..).unwrap_or_default();
    let same = here.iter().zip(there).take_while(|(one, other)| one == other).count();
    same.min(LONGEST)
}

/// Places that are remembered, by their first bytes: as many as nine bits can name.
const PLACES: usize = 1 << 9;

/// No place; what is there or after it is not found again.
const NOWHERE: u16 = u16::MAX;

/// Bytes of a repetition, at least.
const SHORTEST: usize = 4;

/// Bytes of a repetition, at most (RFC 1951 §3.2.5).
const LONGEST: usize = 258;

/// Bits of a repetition: length and distance with fixed codes take up to 31, and 20 in the middle.
const REPETITION_BITS: u64 = 24;

/// Bits of a byte that repeats nothing.
const LITERAL_BITS: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_itself_shrinks() {
        #[rustfmt::skip]
        let rows: &[(&str, &[u8], u64)] = &[
            ("nothing",                   b"",                       0),
            ("no repetition",             b"abcdefgh",               8),
            ("four bytes again",          b"abcdabcd",               7),
            ("three bytes again",         b"abcabc",                 6),
            ("one byte again and again",  &[b'a'; 259],              4),
            ("longer than one may be",    &[b'a'; 600],              10),
        ];
        for (name, text, expected) in rows {
            assert_eq!(squeezed(text), *expected, "{name}");
        }
    }

    #[test]
    fn lines_of_json_shrink_to_less_than_half() {
        let lines: Vec<String> = (0..100)
            .map(|n| format!("{{\"symbol\":\"ABC\",\"price\":{n},\"side\":\"buy\"}}\n"))
            .collect();
        let lines = lines.concat();
        assert!(squeezed(lines.as_bytes()) * 2 < length_u64(lines.len()));
    }
}
