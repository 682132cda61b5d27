//! How the keys of records are derived from the secrets of a key log (RFC 8446 §7, RFC 5246 §5 and §6.3).

use super::crypto::{Hash, SecretBytes};

/// HKDF-Expand-Label of TLS 1.3 with an empty context (RFC 8446 §7.1).
pub(super) fn expand_label(
    hash: Hash,
    secret: &[u8],
    label: &str,
    length: usize,
) -> Option<SecretBytes> {
    let [_, _, high, low] = u32::try_from(length).ok()?.to_be_bytes();
    let label_length = u8::try_from(PREFIX.len().checked_add(label.len())?).ok()?;
    let info = [&[high, low, label_length][..], PREFIX, label.as_bytes(), &[0]];
    hash.expand(secret, &info, length)
}

/// The secret that follows a traffic secret of TLS 1.3 after a `KeyUpdate` (RFC 8446 §7.2).
pub(super) fn next_traffic_secret(hash: Hash, secret: &[u8]) -> Option<SecretBytes> {
    expand_label(hash, secret, "traffic upd", hash.length())
}

/// So many bytes of the pseudorandom function of TLS 1.2 (RFC 5246 §5).
pub(super) fn prf(
    hash: Hash,
    secret: &[u8],
    label: &[u8],
    seed: &[&[u8]],
    length: usize,
) -> SecretBytes {
    let labelled = [&[label], seed].concat();
    let mut out = Vec::with_capacity(length.saturating_add(hash.length()));
    let mut chained = hash.hmac(secret, &labelled);
    while out.len() < length {
        let block = hash.hmac(secret, &[&[chained.bytes()], &labelled[..]].concat());
        out.extend_from_slice(block.bytes());
        chained = hash.hmac(secret, &[chained.bytes()]);
    }
    out.truncate(length);
    SecretBytes::new(out)
}

/// So many bytes of the pseudorandom function of TLS 1.0 and 1.1 (RFC 2246 §5).
pub(super) fn legacy_prf(
    secret: &[u8],
    label: &[u8],
    seed: &[&[u8]],
    length: usize,
) -> SecretBytes {
    let half = secret.len().div_ceil(2);
    let first = secret.get(..half).unwrap_or_default();
    let second = secret.get(secret.len().saturating_sub(half)..).unwrap_or_default();
    let mut out = prf(Hash::Md5, first, label, seed, length);
    let other = prf(Hash::Sha1, second, label, seed, length);
    for (byte, other) in out.bytes_mut().iter_mut().zip(other.bytes()) {
        *byte ^= other;
    }
    out
}

/// What the labels of TLS 1.3 begin with.
const PREFIX: &[u8] = b"tls13 ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::hex;

    #[test]
    fn keys_are_those_of_rfc_8448() {
        // RFC 8448 §3: secrets of the server's handshake, and of the server's and client's application data.
        #[rustfmt::skip]
        let rows = [
            ("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
                "3fce516009c21727d0f2e4e86ee403bc", "5d313eb2671276ee13000b30"),
            ("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
                "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984"),
            ("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
                "17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9"),
        ];
        for (secret, key, iv) in rows {
            let derive = |label, length| expand_label(Hash::Sha256, &hex(secret), label, length);
            assert_eq!(derive("key", 16).unwrap().bytes(), hex(key));
            assert_eq!(derive("iv", 12).unwrap().bytes(), hex(iv));
        }
    }

    #[test]
    fn the_pseudorandom_function_is_that_of_tls_1_2() {
        // The vectors that its authors published: mailarchive.ietf.org, TLS, 2009-08, "Re: PRF test vectors".
        #[rustfmt::skip]
        let rows = [
            (Hash::Sha256, "9bbe436ba940f017b17652849a71db35", "a0ba9f936cda311827a6f796ffd5198c", "test label",
                "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af\
                 0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701\
                 87347b66"),
            (Hash::Sha384, "b80b733d6ceefcdc71566ea48e5567df", "cd665cf6a8447dd6ff8b27555edb7465", "test label",
                "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0\
                 e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425\
                 9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703\
                 d73e56f"),
        ];
        for (hash, secret, seed, label, expected) in rows {
            let expected = hex(expected);
            let out = prf(hash, &hex(secret), label.as_bytes(), &[&hex(seed)], expected.len());
            assert_eq!(out.bytes(), expected);
        }
    }

    #[test]
    fn a_secret_that_is_too_short_gives_no_keys() {
        assert_eq!(expand_label(Hash::Sha256, &[1; 31], "key", 16), None);
        assert_eq!(next_traffic_secret(Hash::Sha384, &[1; 32]), None);
    }
}
