//! Unmasking.

/// XORs `bytes` with the masking key, in place.
///
/// `phase` is the position of the first byte within its frame's payload: a piece in the middle of
/// a frame continues with the key where the previous piece stopped. RFC 6455 §5.3.
pub fn unmask(bytes: &mut [u8], key: [u8; 4], phase: u64) {
    let [a, b, c, d] = key;
    let key = match phase & 3 {
        0 => [a, b, c, d],
        1 => [b, c, d, a],
        2 => [c, d, a, b],
        _ => [d, a, b, c],
    };
    // Eight bytes at a time: the compiler turns this loop into vector instructions.
    let wide = u64::from_ne_bytes({
        let [a, b, c, d] = key;
        [a, b, c, d, a, b, c, d]
    });
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hello_of_rfc_6455_is_unmasked() {
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        unmask(&mut bytes, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&bytes, b"Hello");
    }

    #[test]
    fn cutting_a_payload_anywhere_changes_nothing() {
        let key = [1, 22, 133, 244];
        let masked: Vec<u8> = (0..=66).map(|n: u8| n.wrapping_mul(37)).collect();
        let expected: Vec<u8> =
            masked.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
        for cut in 0..masked.len() {
            let mut bytes = masked.clone();
            let (front, back) = bytes.split_at_mut(cut);
            unmask(front, key, 0);
            unmask(back, key, u64::try_from(cut).unwrap());
            assert_eq!(bytes, expected, "cut at {cut}");
        }
    }
}
