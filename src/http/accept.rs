//! Sec-WebSocket-Key and Sec-WebSocket-Accept (RFC 6455 §4.1 and §4.2.2), and what servers make of
//! them by mistake.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The Sec-WebSocket-Accept that answers `key`, the value of Sec-WebSocket-Key without whitespace
/// around it (RFC 6455 §4.2.2 item 5.4).
pub fn accept(key: &[u8]) -> String {
    STANDARD.encode(accept_digest(key))
}

/// The SHA-1 before [`accept`] encodes it: of the key followed by the GUID.
pub fn accept_digest(key: &[u8]) -> Vec<u8> {
    digest(&[key, GUID])
}

/// The bytes that `key` encodes; `None` if it is not base64. A correct one has
/// [`KEY_LENGTH`].
pub fn key_bytes(key: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(key).ok()
}

/// What a server did instead of answering with base64(SHA-1(key + GUID)) (RFC 6455 §4.2.2).
///
/// Displayed as a clause without a full stop. Nothing in it comes from the network.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Mistake {
    /// The key itself was sent back.
    KeyEchoed,
    /// The value is that of the example in RFC 6455 §1.3, which belongs to another key.
    ExampleCopied,
    /// The key was hashed without the GUID.
    GuidMissing,
    /// The GUID was put before the key.
    GuidFirst,
    /// The GUID was written in lower case.
    GuidLowerCase,
    /// The GUID has a typing error; this is what was used.
    GuidMistyped(String),
    /// Something was hashed too, here in words, that stood next to the GUID.
    BesideGuid(&'static str),
    /// The key was decoded from base64 before hashing.
    KeyDecoded,
    /// The key was turned into lower case before hashing.
    KeyLowerCase,
    /// The key was hashed without the `==` at its end.
    KeyUnpadded,
    /// Something was hashed too, here in words, that stood next to the key.
    BesideKey(&'static str),
    /// The right digest was written in hexadecimal.
    Hexadecimal,
    /// The hexadecimal digits of the right digest were encoded in base64.
    HexadecimalInBase64,
    /// The right value was encoded in base64 once more.
    EncodedTwice,
    /// The right digest was encoded with the URL-safe alphabet of base64 (RFC 4648 §5).
    UrlSafe,
    /// The right digest was encoded with too few or too many `=` at its end.
    Padding,
    /// The letter case of the right value was changed.
    LetterCase,
    /// The right value, but in quotes.
    Quoted,
    /// SHA-256 was used.
    Sha256,
}

/// What the server did wrong that answered `key` with the Sec-WebSocket-Accept `seen`.
///
/// `None` if `seen` is right, or wrong in an unknown way. Tries less than 2,000 digests.
pub fn mistake(key: &[u8], seen: &[u8]) -> Option<Mistake> {
    let right = accept(key);
    if seen == right.as_bytes() {
        return None;
    }
    written_otherwise(key, seen, right.as_bytes()).or_else(|| {
        let seen = key_bytes(seen).filter(|bytes| bytes.len() == SHA1_LENGTH)?;
        hashed_otherwise(key, &seen).or_else(|| guid_mistyped(key, &seen))
    })
}

/// Mistakes after hashing, and those without.
fn written_otherwise(key: &[u8], seen: &[u8], right: &[u8]) -> Option<Mistake> {
    let hex = hexadecimal(&digest(&[key, GUID]));
    let sha256 = Sha256::new().chain_update(key).chain_update(GUID).finalize();
    let decoded = key_bytes(seen).unwrap_or_default();
    if seen == key {
        Some(Mistake::KeyEchoed)
    } else if seen == EXAMPLE {
        Some(Mistake::ExampleCopied)
    } else if seen.eq_ignore_ascii_case(right) {
        Some(Mistake::LetterCase)
    } else if seen.eq_ignore_ascii_case(&hex) {
        Some(Mistake::Hexadecimal)
    } else if decoded.eq_ignore_ascii_case(&hex) {
        Some(Mistake::HexadecimalInBase64)
    } else if decoded == right {
        Some(Mistake::EncodedTwice)
    } else if decoded == *sha256 || seen.eq_ignore_ascii_case(&hexadecimal(&sha256)) {
        Some(Mistake::Sha256)
    } else if [b'"', b'\''].iter().any(|quote| unquoted(seen, *quote) == Some(right)) {
        Some(Mistake::Quoted)
    } else if unpadded(seen) == unpadded(right) {
        Some(Mistake::Padding)
    } else if unpadded(&standard_alphabet(seen)) == unpadded(right) {
        Some(Mistake::UrlSafe)
    } else {
        None
    }
}

/// Mistakes in what was hashed to `seen`, but for typing errors.
fn hashed_otherwise(key: &[u8], seen: &[u8]) -> Option<Mistake> {
    let is = |parts: &[&[u8]]| digest(parts) == seen;
    if is(&[key]) {
        return Some(Mistake::GuidMissing);
    }
    if is(&[GUID, key]) {
        return Some(Mistake::GuidFirst);
    }
    if is(&[key, &GUID.to_ascii_lowercase()]) {
        return Some(Mistake::GuidLowerCase);
    }
    if key_bytes(key).is_some_and(|bytes| is(&[&bytes, GUID])) {
        return Some(Mistake::KeyDecoded);
    }
    if is(&[&key.to_ascii_lowercase(), GUID]) {
        return Some(Mistake::KeyLowerCase);
    }
    if is(&[unpadded(key), GUID]) {
        return Some(Mistake::KeyUnpadded);
    }
    let beside_key =
        BESIDE_KEY.iter().find(|(before, after, _)| is(&[before, key, after, GUID])).copied();
    if let Some((_, _, what)) = beside_key {
        return Some(Mistake::BesideKey(what));
    }
    let beside_guid =
        BESIDE_GUID.iter().find(|(before, after, _)| is(&[key, before, GUID, after])).copied();
    beside_guid.map(|(_, _, what)| Mistake::BesideGuid(what))
}

/// The GUID with one typing error that makes `key` hash to `seen`.
fn guid_mistyped(key: &[u8], seen: &[u8]) -> Option<Mistake> {
    let of_key = Sha1::new().chain_update(key);
    let used = typing_errors().find(|guid| *of_key.clone().chain_update(guid).finalize() == *seen);
    used.map(|guid| Mistake::GuidMistyped(String::from_utf8_lossy(&guid).into_owned()))
}

/// The GUID with one typing error each: a letter replaced, left out, doubled, or exchanged with the
/// next, or no dashes.
fn typing_errors() -> impl Iterator<Item = Vec<u8>> {
    let dashless: Vec<u8> = GUID.iter().copied().filter(|letter| *letter != b'-').collect();
    let edited = GUID.iter().enumerate().flat_map(|(at, right)| {
        let (before, from) = GUID.split_at_checked(at).unwrap_or_default();
        let after = from.get(1..).unwrap_or_default();
        let others = LETTERS.iter().filter(move |letter| *letter != right);
        let replaced = others.map(move |letter| [before, &[*letter], after].concat());
        let left_out = [before, after].concat();
        let doubled = [before, &[*right], from].concat();
        let exchanged =
            after.split_first().map(|(next, rest)| [before, &[*next, *right], rest].concat());
        replaced.chain([left_out, doubled]).chain(exchanged)
    });
    // The GUID ends with two equal letters: exchanging them is not an error.
    std::iter::once(dashless).chain(edited).filter(|guid| guid != GUID)
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::GuidMistyped(used) => {
                return write!(f, "the GUID was mistyped as {used}");
            }
            Self::BesideGuid(what) => {
                return write!(f, "the GUID was hashed with {what}");
            }
            Self::BesideKey(what) => {
                return write!(f, "the key was hashed with {what}");
            }
            Self::KeyEchoed => "the key was sent back unchanged",
            Self::ExampleCopied => "the example of RFC 6455 was copied instead of hashing the key",
            Self::GuidMissing => "the key was hashed without the GUID",
            Self::GuidFirst => "the GUID was put before the key",
            Self::GuidLowerCase => "the GUID was written in lower case",
            Self::KeyDecoded => "the key was decoded from base64 before hashing",
            Self::KeyLowerCase => "the key was turned into lower case before hashing",
            Self::KeyUnpadded => "the == at the end of the key was left out",
            Self::Hexadecimal => "the digest was written in hexadecimal instead of base64",
            Self::HexadecimalInBase64 => {
                "the digest's hexadecimal digits were encoded in base64 instead of its bytes"
            }
            Self::EncodedTwice => "the digest was encoded in base64 twice",
            Self::UrlSafe => "the URL-safe alphabet of base64 was used",
            Self::Padding => "the number of = at the end is wrong",
            Self::LetterCase => "the letter case was changed",
            Self::Quoted => "the value is in quotes",
            Self::Sha256 => "SHA-256 was used instead of SHA-1",
        };
        f.write_str(text)
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

fn unquoted(value: &[u8], quote: u8) -> Option<&[u8]> {
    value.strip_prefix(&[quote])?.strip_suffix(&[quote])
}

/// The value without the `=` at its end.
fn unpadded(mut value: &[u8]) -> &[u8] {
    while let Some(shorter) = value.strip_suffix(b"=") {
        value = shorter;
    }
    value
}

/// The value with the letters of base64 for those of its URL-safe form (RFC 4648 §5).
fn standard_alphabet(value: &[u8]) -> Vec<u8> {
    let standard = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    value.iter().map(standard).collect()
}

/// Bytes of a decoded Sec-WebSocket-Key (RFC 6455 §4.1).
pub const KEY_LENGTH: usize = 16;

/// What is appended to the key (RFC 6455 §1.3).
pub const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The answer of the example in RFC 6455 §1.3.
const EXAMPLE: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Bytes of a SHA-1 (RFC 3174 §1).
const SHA1_LENGTH: usize = 20;

/// What may be typed for a letter of the GUID.
const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef_ ";

/// What careless servers hash before and after the key, with a description.
const BESIDE_KEY: &[(&[u8], &[u8], &str)] = &[
    (b"", b" ", "a space after it"),
    (b"", b"\r", "a CR after it"),
    (b"", b"\n", "a LF after it"),
    (b"", b"\r\n", "the line end after it"),
    (b"", b"\0", "a NUL after it"),
    (b" ", b"", "the space before it"),
    (b" ", b"\r", "the space before it and a CR after it"),
    (b" ", b"\r\n", "the space before it and the line end after it"),
    (b" ", b" ", "spaces around it"),
    (b"\"", b"\"", "quotes around it"),
    (b"'", b"'", "quotes around it"),
    (b"Sec-WebSocket-Key: ", b"", "the header's name before it"),
];

/// What they hash before and after the GUID, with a description.
const BESIDE_GUID: &[(&[u8], &[u8], &str)] = &[
    (b"", b" ", "a space after it"),
    (b"", b"\n", "a LF after it"),
    (b"", b"\r\n", "a line end after it"),
    (b"", b"\0", "a NUL after it"),
    (b"-", b"", "a dash before it"),
    (b"+", b"", "a plus sign before it"),
    (b"{", b"}", "braces around it"),
    (b"\"", b"\"", "quotes around it"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";
    const KEY: &[u8] = b"x3JJHMbDL1EzLkh9GBhXDw==";
    /// A key whose answer has a plus sign and a slash.
    const SIGNS: &[u8] = b"5No7f7vOI0XXdysGdKMY1Q==";

    #[test]
    fn rfc_6455_section_1_3_example() {
        assert_eq!(accept(SAMPLE).as_bytes(), EXAMPLE);
        assert_eq!(key_bytes(SAMPLE), Some(b"the sample nonce".to_vec()));
        assert_eq!(key_bytes(SAMPLE).map(|bytes| bytes.len()), Some(KEY_LENGTH));
        assert_eq!(key_bytes(b"not base64"), None);
    }

    #[test]
    fn mistakes_are_recognized() {
        // Values were computed with Python's hashlib and base64.
        #[rustfmt::skip]
        let rows: &[(&[u8], &str, &str)] = &[
            (KEY,    "x3JJHMbDL1EzLkh9GBhXDw==",     "the key was sent back unchanged"),
            (KEY,    "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the example of RFC 6455 was copied instead of hashing the key"),
            (KEY,    "8E1hw/nkpBzN7OuKAmglK0FjsrE=", "the key was hashed without the GUID"),
            (KEY,    "OBlzS4/HKYqP9qJo6JWTY8ZvbAI=", "the GUID was put before the key"),
            (KEY,    "ijzWs6E6H6kxXbiCt/6hO7mr97g=", "the GUID was written in lower case"),
            (KEY,    "C+s8yZIB99z7U9vZnrrVNGbbJDo=", "the key was decoded from base64 before hashing"),
            (KEY,    "buQqAqC71o/D/Kv2XxexECLAv1s=", "the key was turned into lower case before hashing"),
            (KEY,    "dtREbN5hQ7/W6sIBAyNN5/abGT4=", "the == at the end of the key was left out"),
            (KEY,    "mBZWFLsjqrndB03ya0dItzCAXEQ=", "the key was hashed with a space after it"),
            (KEY,    "q4KGgR2gKo9ikbHR5flCCeAa5Uk=", "the key was hashed with the line end after it"),
            (KEY,    "AhzgizHUmLjM60UwDuehOf2oNNk=", "the key was hashed with a CR after it"),
            (KEY,    "pE+efUGyz8Ep0ptA+f7/+eFNYqE=", "the key was hashed with the space before it"),
            (KEY,    "0g1hYgetaXe6Ke4x86LqJbcjBS4=", "the key was hashed with quotes around it"),
            (KEY,    "L5JJlGyRfj9P724AUNjXxzZSsM8=", "the key was hashed with the header's name before it"),
            (KEY,    "MAy/1cB3OTAM7jC+3hhZepAmKkc=", "the GUID was hashed with a LF after it"),
            (KEY,    "lTKxuAlr+7CbbVp+WUD/cm05Tk4=", "the GUID was hashed with a NUL after it"),
            (KEY,    "rB+q8t+h9ndW5OCNqp6oQkD46iU=", "the GUID was hashed with braces around it"),
            (KEY,    "6dyrGP3VKbKJAjJ5xKqCGhGnHKM=", "the GUID was hashed with a dash before it"),
            (KEY,    "igo7Q+4qHsNs290QBc28M/DzSy8=", "the GUID was mistyped as 258EAFA5E91447DA95CAC5AB0DC85B11"),
            (KEY,    "Gd9LbPZAjmei96vIA2iDJrSFyUI=", "the GUID was mistyped as 258EAFA5-E914-47DA-95CA-C5AB0DC85B12"),
            (KEY,    "E/guGsbY4z3npAYburyExGx4tpc=", "the GUID was mistyped as 258EAFA5-E914-47DA-95CA-C5ABODC85B11"),
            (KEY,    "Ws2Bew992vYbqFZ2HEPjly5OBtg=", "the GUID was mistyped as 258EAFA5-E914-47DA-95CA-c5AB0DC85B11"),
            (KEY,    "8S6hXgsAcP4wrd97x4QSiiQGfok=", "the GUID was mistyped as 258EAFA5-E914-47DA-95CA-5AB0DC85B11"),
            (KEY,    "ChZAN5E4ZQvSDiBYLgBmCoBBYhU=", "the GUID was mistyped as 258EAFA5-E914-47DA-95CA-C5AB0DC85B111"),
            (KEY,    "THXfK7h23UEz/atLWGBOTHGDrzc=", "the GUID was mistyped as 258EAFA5-E914-47DA-95CA-C5AB0CD85B11"),
            (KEY,    "1d29ab734b0c9585240069a6e4e3e91b61da1969", "the digest was written in hexadecimal instead of base64"),
            (KEY,    "1D29AB734B0C9585240069A6E4E3E91B61DA1969", "the digest was written in hexadecimal instead of base64"),
            (KEY,    "MWQyOWFiNzM0YjBjOTU4NTI0MDA2OWE2ZTRlM2U5MWI2MWRhMTk2OQ==", "the digest's hexadecimal digits were encoded in base64 instead of its bytes"),
            (KEY,    "MUQyOUFCNzM0QjBDOTU4NTI0MDA2OUE2RTRFM0U5MUI2MURBMTk2OQ==", "the digest's hexadecimal digits were encoded in base64 instead of its bytes"),
            (KEY,    "SFNtcmMwc01sWVVrQUdtbTVPUHBHMkhhR1drPQ==", "the digest was encoded in base64 twice"),
            (SIGNS,  "jDAMha8IGOehndLRMp-H5kZ_xwA=", "the URL-safe alphabet of base64 was used"),
            (SIGNS,  "jDAMha8IGOehndLRMp-H5kZ_xwA",  "the URL-safe alphabet of base64 was used"),
            (KEY,    "HSmrc0sMlYUkAGmm5OPpG2HaGWk",  "the number of = at the end is wrong"),
            (KEY,    "HSmrc0sMlYUkAGmm5OPpG2HaGWk==", "the number of = at the end is wrong"),
            (KEY,    "hsmrc0smlyukagmm5oppg2hagwk=", "the letter case was changed"),
            (KEY,    "\"HSmrc0sMlYUkAGmm5OPpG2HaGWk=\"", "the value is in quotes"),
            (KEY,    "7fUFHnzv333FhMQpffrsE0bP7AVkYw6/kP87iq07nU0=", "SHA-256 was used instead of SHA-1"),
            (KEY,    "edf5051e7cefdf7dc584c4297dfaec1346cfec0564630ebf90ff3b8aad3b9d4d", "SHA-256 was used instead of SHA-1"),
        ];
        for (key, seen, text) in rows {
            let found = mistake(key, seen.as_bytes()).map(|mistake| mistake.to_string());
            assert_eq!(found.as_deref(), Some(*text), "{seen}");
        }
    }

    #[test]
    fn right_and_unknown_values_are_not_known_mistakes() {
        #[rustfmt::skip]
        let rows: &[(&str, &[u8], &[u8])] = &[
            ("right",                        KEY,    b"HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
            ("the example, for its key",     SAMPLE, EXAMPLE),
            ("right, with both signs",       SIGNS,  b"jDAMha8IGOehndLRMp+H5kZ/xwA="),
            ("empty",                        KEY,    b""),
            ("no base64",                    KEY,    b"something else"),
            ("another SHA-1",                KEY,    b"D+ynIOLCna+yyQBxO6Vg4Dt1hxE="),
            ("two typing errors",            KEY,    b"n722Zvq+/DFl0ozbfkC94EH84z4="),
            ("SHA-256 of something else",    KEY,    b"JLbYQLHf++0BLYUx2WDRxpoBIbDXD9LtXK+AEwn/F1E="),
            ("MD5",                          KEY,    b"89Epzw1SCIKH3uPmBX+hjQ=="),
            ("no key",                       b"",    b"HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
            ("a key that is not base64",      b"\xff", b"HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
        ];
        for (name, key, seen) in rows {
            assert_eq!(mistake(key, seen), None, "{name}");
        }
    }

    #[test]
    fn typing_errors_are_different_and_few() {
        let mut all: Vec<Vec<u8>> = typing_errors().collect();
        assert!(all.len() < 2_000, "{}", all.len());
        assert!(all.iter().all(|guid| guid != GUID));
        let count = all.len();
        all.sort();
        all.dedup();
        // The two 1 at the end: leaving out or doubling either is the same.
        assert!(all.len() + 4 >= count, "{} of {count}", all.len());
    }
}
