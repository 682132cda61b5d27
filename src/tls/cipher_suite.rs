//! Cipher suites: their names, and how they protect records.

use super::crypto::{AeadAlgorithm, CbcAlgorithm, Hash};
use CbcAlgorithm::{Aes128, Aes256};
use Hash::{Sha1, Sha256, Sha384};

/// A cipher suite (RFC 8446 §B.4, RFC 5246 §A.5, RFC 5289, RFC 6655, RFC 7251, RFC 7905).
#[derive(Debug)]
pub(super) struct CipherSuite {
    number: u16,
    name: &'static str,
    /// How records are protected; `None` for what is not decrypted.
    pub(super) cipher: Option<Cipher>,
    /// The hash that keys are derived with.
    pub(super) hash: Hash,
}

/// How records are protected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cipher {
    /// By authenticated encryption.
    Aead(AeadAlgorithm),
    /// By encryption in blocks, and a code of authentication made with a hash.
    Cbc(CbcAlgorithm, Hash),
}

impl CipherSuite {
    /// The suite with a number of the registry of IANA; `None` for the rare ones.
    pub(super) fn find(number: u16) -> Option<&'static Self> {
        let at = SUITES.binary_search_by_key(&number, |suite| suite.number).ok()?;
        SUITES.get(at)
    }

    /// The suites of TLS 1.3 whose secrets have a length in bytes.
    pub(super) fn with_secrets_of(length: usize) -> impl Iterator<Item = &'static Self> {
        SUITES
            .iter()
            .filter(move |suite| suite.number >> 8 == 0x13 && suite.hash.length() == length)
    }
}

/// The name of a cipher suite in the registry of IANA; `None` for the rare ones.
pub fn suite_name(suite: u16) -> Option<&'static str> {
    CipherSuite::find(suite).map(|suite| suite.name)
}

const GCM_128: Option<Cipher> = Some(Cipher::Aead(AeadAlgorithm::Aes128Gcm));
const GCM_256: Option<Cipher> = Some(Cipher::Aead(AeadAlgorithm::Aes256Gcm));
const CHACHA: Option<Cipher> = Some(Cipher::Aead(AeadAlgorithm::ChaCha20Poly1305));
const CCM_128: Option<Cipher> = Some(Cipher::Aead(AeadAlgorithm::Aes128Ccm));
const CCM_256: Option<Cipher> = Some(Cipher::Aead(AeadAlgorithm::Aes256Ccm));
const CCM_8_128: Option<Cipher> = Some(Cipher::Aead(AeadAlgorithm::Aes128Ccm8));
const CCM_8_256: Option<Cipher> = Some(Cipher::Aead(AeadAlgorithm::Aes256Ccm8));
const CBC_128_SHA: Option<Cipher> = Some(Cipher::Cbc(Aes128, Sha1));
const CBC_256_SHA: Option<Cipher> = Some(Cipher::Cbc(Aes256, Sha1));
const CBC_128_SHA256: Option<Cipher> = Some(Cipher::Cbc(Aes128, Sha256));
const CBC_256_SHA256: Option<Cipher> = Some(Cipher::Cbc(Aes256, Sha256));
const CBC_256_SHA384: Option<Cipher> = Some(Cipher::Cbc(Aes256, Sha384));

const fn suite(number: u16, name: &'static str, cipher: Option<Cipher>, hash: Hash) -> CipherSuite {
    CipherSuite { number, name, cipher, hash }
}

/// The suites that clients and servers of today choose, and the old ones that are still met.
#[rustfmt::skip]
const SUITES: &[CipherSuite] = &[
    suite(0x0004, "TLS_RSA_WITH_RC4_128_MD5", None, Sha256),
    suite(0x0005, "TLS_RSA_WITH_RC4_128_SHA", None, Sha256),
    suite(0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA", None, Sha256),
    suite(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", CBC_128_SHA, Sha256),
    suite(0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", CBC_128_SHA, Sha256),
    suite(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", CBC_256_SHA, Sha256),
    suite(0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", CBC_256_SHA, Sha256),
    suite(0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256", CBC_128_SHA256, Sha256),
    suite(0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256", CBC_256_SHA256, Sha256),
    suite(0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", CBC_128_SHA256, Sha256),
    suite(0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", CBC_256_SHA256, Sha256),
    suite(0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", GCM_128, Sha256),
    suite(0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384", GCM_256, Sha384),
    suite(0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", GCM_128, Sha256),
    suite(0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", GCM_256, Sha384),
    suite(0x1301, "TLS_AES_128_GCM_SHA256", GCM_128, Sha256),
    suite(0x1302, "TLS_AES_256_GCM_SHA384", GCM_256, Sha384),
    suite(0x1303, "TLS_CHACHA20_POLY1305_SHA256", CHACHA, Sha256),
    suite(0x1304, "TLS_AES_128_CCM_SHA256", CCM_128, Sha256),
    suite(0x1305, "TLS_AES_128_CCM_8_SHA256", CCM_8_128, Sha256),
    suite(0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", CBC_128_SHA, Sha256),
    suite(0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", CBC_256_SHA, Sha256),
    suite(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", CBC_128_SHA, Sha256),
    suite(0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", CBC_256_SHA, Sha256),
    suite(0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", CBC_128_SHA256, Sha256),
    suite(0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", CBC_256_SHA384, Sha384),
    suite(0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", CBC_128_SHA256, Sha256),
    suite(0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", CBC_256_SHA384, Sha384),
    suite(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", GCM_128, Sha256),
    suite(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", GCM_256, Sha384),
    suite(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", GCM_128, Sha256),
    suite(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", GCM_256, Sha384),
    suite(0xc09c, "TLS_RSA_WITH_AES_128_CCM", CCM_128, Sha256),
    suite(0xc09d, "TLS_RSA_WITH_AES_256_CCM", CCM_256, Sha256),
    suite(0xc0a0, "TLS_RSA_WITH_AES_128_CCM_8", CCM_8_128, Sha256),
    suite(0xc0a1, "TLS_RSA_WITH_AES_256_CCM_8", CCM_8_256, Sha256),
    suite(0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", CCM_128, Sha256),
    suite(0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", CCM_256, Sha256),
    suite(0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", CCM_8_128, Sha256),
    suite(0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8", CCM_8_256, Sha256),
    suite(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", CHACHA, Sha256),
    suite(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", CHACHA, Sha256),
    suite(0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", CHACHA, Sha256),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_suites_have_names_and_others_have_none() {
        assert_eq!(suite_name(0x1301), Some("TLS_AES_128_GCM_SHA256"));
        assert_eq!(suite_name(0xc02f), Some("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
        assert_eq!(suite_name(0xfefe), None);
        assert!(SUITES.is_sorted_by(|one, other| one.number < other.number));
    }

    #[test]
    fn names_say_how_records_are_protected() {
        for suite in SUITES {
            let expected = match suite.cipher {
                None => &["RC4", "3DES"][..],
                Some(Cipher::Aead(algorithm)) => match algorithm {
                    AeadAlgorithm::Aes128Gcm => &["AES_128_GCM"],
                    AeadAlgorithm::Aes256Gcm => &["AES_256_GCM"],
                    AeadAlgorithm::ChaCha20Poly1305 => &["CHACHA20_POLY1305"],
                    AeadAlgorithm::Aes128Ccm => &["AES_128_CCM"],
                    AeadAlgorithm::Aes256Ccm => &["AES_256_CCM"],
                    AeadAlgorithm::Aes128Ccm8 => &["AES_128_CCM_8"],
                    AeadAlgorithm::Aes256Ccm8 => &["AES_256_CCM_8"],
                },
                Some(Cipher::Cbc(Aes128, _)) => &["AES_128_CBC"],
                Some(Cipher::Cbc(Aes256, _)) => &["AES_256_CBC"],
            };
            let name = suite.name;
            assert!(expected.iter().any(|part| name.contains(part)), "{name}");
            assert_eq!(suite.hash == Sha384, name.ends_with("SHA384"), "{name}");
            if let Some(Cipher::Cbc(_, mac)) = suite.cipher {
                let suffix = match mac {
                    Hash::Md5 => "MD5",
                    Sha1 => "SHA",
                    Sha256 => "SHA256",
                    Sha384 => "SHA384",
                };
                assert!(name.ends_with(&format!("CBC_{suffix}")), "{name}");
            }
        }
    }
}
