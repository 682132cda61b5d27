//! Sec-WebSocket-Key and Sec-WebSocket-Accept (RFC 6455 §4.1 and §4.2.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The Sec-WebSocket-Accept that answers `key`, the value of Sec-WebSocket-Key without whitespace
/// around it (RFC 6455 §4.2.2 item 5.4).
pub fn accept(key: &[u8]) -> String {
    STANDARD.encode(digest(&[key, GUID]))
}

/// The bytes that `key` stands for; `None` where it is not base64. A correct one has
/// [`KEY_LENGTH`].
pub fn key_bytes(key: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(key).ok()
}

/// A way to compute Sec-WebSocket-Accept that is wrong and common.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Mistake {
    /// The key itself was sent back.
    KeyEchoed,
    /// The key was decoded from base64 before hashing.
    DecodedKeyHashed,
    /// The key was hashed without the GUID.
    GuidMissing,
    /// The GUID was written in lower case.
    GuidLowerCase,
    /// A line end or space behind the key was hashed too.
    WhitespaceHashed,
    /// The digest was written in hexadecimal.
    Hexadecimal,
    /// The hexadecimal digits of the digest were encoded in base64.
    HexadecimalInBase64,
    /// The value has the length of a SHA-256 in base64.
    Sha256,
}

/// The known mistake that turns `key` into the Sec-WebSocket-Accept `seen`, if it is one.
pub fn known_mistake(key: &[u8], seen: &[u8]) -> Option<Mistake> {
    let correct = digest(&[key, GUID]);
    let is = |digest: Vec<u8>| STANDARD.encode(digest).as_bytes() == seen;
    if seen == key {
        Some(Mistake::KeyEchoed)
    } else if key_bytes(key).is_some_and(|bytes| is(digest(&[&bytes, GUID]))) {
        Some(Mistake::DecodedKeyHashed)
    } else if is(digest(&[key])) {
        Some(Mistake::GuidMissing)
    } else if is(digest(&[key, &GUID.to_ascii_lowercase()])) {
        Some(Mistake::GuidLowerCase)
    } else if WHITESPACE.iter().any(|space| is(digest(&[key, space, GUID]))) {
        Some(Mistake::WhitespaceHashed)
    } else if seen.eq_ignore_ascii_case(&hexadecimal(&correct)) {
        Some(Mistake::Hexadecimal)
    } else if is(hexadecimal(&correct)) {
        Some(Mistake::HexadecimalInBase64)
    } else if key_bytes(seen).is_some_and(|bytes| bytes.len() == SHA256_LENGTH) {
        Some(Mistake::Sha256)
    } else {
        None
    }
}

fn digest(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().to_vec()
}

fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

/// Bytes of a decoded Sec-WebSocket-Key (RFC 6455 §4.1).
pub const KEY_LENGTH: usize = 16;

/// What is appended to the key (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What careless servers leave behind the key.
const WHITESPACE: [&[u8]; 3] = [b"\r", b"\r\n", b" "];

/// Bytes of a SHA-256 (FIPS 180-4).
const SHA256_LENGTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";

    #[test]
    fn rfc_6455_section_1_3_example() {
        assert_eq!(accept(KEY), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(key_bytes(KEY), Some(b"the sample nonce".to_vec()));
        assert_eq!(key_bytes(KEY).map(|bytes| bytes.len()), Some(KEY_LENGTH));
        assert_eq!(key_bytes(b"not base64"), None);
    }

    #[test]
    fn known_mistakes_are_recognised() {
        // Expected values were computed with Python's hashlib and base64.
        #[rustfmt::skip]
        let rows: &[(&[u8], Option<Mistake>)] = &[
            (b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",                 None),
            (b"something else",                               None),
            (KEY,                                             Some(Mistake::KeyEchoed)),
            (b"BXhwxM0SZasKmCD9S4BfpPmCnEw=",                                    Some(Mistake::DecodedKeyHashed)),
            (b"hHLtf2V1k8aDQZfNjw3Ia1hCwt0=",                                     Some(Mistake::GuidMissing)),
            (b"WJfwerbIozKsJXHxxI0JTO1SQgU=",                                      Some(Mistake::GuidLowerCase)),
            (b"kex8Ji4w0ek1Mc3Dwcf4mOpf5b4=",                                       Some(Mistake::WhitespaceHashed)),
            (b"b37a4f2cc0624f1690f64606cf385945b2bec4ea",     Some(Mistake::Hexadecimal)),
            (b"YjM3YTRmMmNjMDYyNGYxNjkwZjY0NjA2Y2YzODU5NDViMmJlYzRlYQ==",                                      Some(Mistake::HexadecimalInBase64)),
            (b"c8qeCxwB8sJPxkSckeL76bKL7f642+KYzDiR7EbKyTY=",                                     Some(Mistake::Sha256)),
        ];
        for (seen, expected) in rows {
            assert_eq!(known_mistake(KEY, seen), *expected, "{}", String::from_utf8_lossy(seen));
        }
    }
}
