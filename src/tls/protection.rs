//! The keys of one direction, and opening its records with them (RFC 8446 §5.2, RFC 5246 §6.2.3).

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::cipher_suite::{Cipher, CipherSuite};
use super::crypto::{
    AeadAlgorithm, AeadKey, BLOCK_LENGTH, CbcAlgorithm, Hash, NONCE_LENGTH, SecretBytes, is_equal,
};
use super::key_schedule::{expand_label, legacy_prf, next_traffic_secret, prf};
use super::record::{ContentType, RecordHeader};
use super::version::Version;
use crate::stream::Direction;

/// What opens the records of one direction, until its keys change. Clones share the keys.
#[derive(Clone, Debug)]
pub(super) struct Protection {
    keys: Arc<Keys>,
    suite: &'static CipherSuite,
}

/// A record whose authenticity was verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct OpenedRecord {
    /// What it carries.
    pub(super) kind: ContentType,
    /// Where its content is in the bytes after its header.
    pub(super) content: Range<usize>,
    /// Whether it was made longer than it had to be, so that lengths do not show those of contents.
    pub(super) is_padded: bool,
}

/// Where keys of TLS 1.2 come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyBlockSource<'a> {
    pub(super) suite: &'static CipherSuite,
    pub(super) version: Version,
    pub(super) master_secret: &'a [u8],
    pub(super) client_random: &'a [u8; 32],
    pub(super) server_random: &'a [u8; 32],
    /// How blocks are authenticated, if the suite encrypts in blocks.
    pub(super) mac_order: MacOrder,
}

/// What comes first where blocks are encrypted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum MacOrder {
    /// The code authenticates the content, and is encrypted with it (RFC 5246 §6.2.3.2).
    #[default]
    MacThenEncrypt,
    /// The code authenticates what is encrypted (RFC 7366).
    EncryptThenMac,
}

enum Keys {
    /// TLS 1.3.
    Modern { key: AeadKey, algorithm: AeadAlgorithm, iv: SecretBytes, secret: SecretBytes },
    /// Authenticated encryption of TLS 1.2.
    Aead { key: AeadKey, algorithm: AeadAlgorithm, iv: SecretBytes },
    /// Blocks of TLS 1.2 and older.
    Cbc {
        key: SecretBytes,
        algorithm: CbcAlgorithm,
        mac_key: SecretBytes,
        mac: Hash,
        order: MacOrder,
        /// What the first block of the first record is combined with; in TLS 1.0, each record continues the one
        /// before.
        first_iv: Option<SecretBytes>,
    },
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Protection {
    /// The keys of TLS 1.3 that follow from a traffic secret (RFC 8446 §7.3); `None` if it is too short, or its
    /// suite is not decrypted.
    pub(super) fn of_traffic_secret(suite: &'static CipherSuite, secret: &[u8]) -> Option<Self> {
        let Some(Cipher::Aead(algorithm)) = suite.cipher else { return None };
        let key = expand_label(suite.hash, secret, "key", algorithm.key_length())?;
        let iv = expand_label(suite.hash, secret, "iv", NONCE_LENGTH)?;
        let key = AeadKey::new(algorithm, key.bytes())?;
        let secret = SecretBytes::new(secret.to_vec());
        Some(Self { keys: Arc::new(Keys::Modern { key, algorithm, iv, secret }), suite })
    }

    /// The keys of TLS 1.2 for a direction (RFC 5246 §6.3); `None` if the suite is not decrypted.
    pub(super) fn of_key_block(source: KeyBlockSource<'_>, direction: Direction) -> Option<Self> {
        let suite = source.suite;
        let (mac, key, iv) = match suite.cipher? {
            Cipher::Aead(algorithm) => (0, algorithm.key_length(), fixed_iv_length(algorithm)),
            Cipher::Cbc(algorithm, mac) => {
                let is_chained = source.version <= Version::TLS_1_0;
                (mac.length(), algorithm.key_length(), if is_chained { BLOCK_LENGTH } else { 0 })
            }
        };
        let seed = [&source.server_random[..], &source.client_random[..]];
        let length = 2_usize.checked_mul(mac.checked_add(key)?.checked_add(iv)?)?;
        let (secret, label) = (source.master_secret, b"key expansion");
        let block = if source.version >= Version::TLS_1_2 {
            prf(suite.hash, secret, label, &seed, length)
        } else {
            legacy_prf(secret, label, &seed, length)
        };
        let mut parts = block.bytes();
        let mut part = |length: usize| {
            let (both, rest) = parts.split_at_checked(length.checked_mul(2)?)?;
            parts = rest;
            let (client, server) = both.split_at_checked(length)?;
            Some(match direction {
                Direction::ClientToServer => client,
                Direction::ServerToClient => server,
            })
        };
        let (mac_key, key, iv) = (part(mac)?, part(key)?, part(iv)?);
        let secret = |bytes: &[u8]| SecretBytes::new(bytes.to_vec());
        let keys = match suite.cipher? {
            Cipher::Aead(algorithm) => {
                Keys::Aead { key: AeadKey::new(algorithm, key)?, algorithm, iv: secret(iv) }
            }
            Cipher::Cbc(algorithm, mac) => Keys::Cbc {
                key: secret(key),
                algorithm,
                mac_key: secret(mac_key),
                mac,
                order: source.mac_order,
                first_iv: (!iv.is_empty()).then(|| secret(iv)),
            },
        };
        Some(Self { keys: Arc::new(keys), suite })
    }

    /// The cipher suite that they are for.
    pub(super) fn suite(&self) -> &'static CipherSuite {
        self.suite
    }

    /// The keys after a `KeyUpdate`; `None` before TLS 1.3.
    pub(super) fn updated(&self) -> Option<Self> {
        match self.keys.as_ref() {
            Keys::Modern { secret, .. } => {
                let next = next_traffic_secret(self.suite.hash, secret.bytes())?;
                Self::of_traffic_secret(self.suite, next.bytes())
            }
            Keys::Aead { .. } | Keys::Cbc { .. } => None,
        }
    }

    /// Whether a record that does not open is as it was before.
    pub(super) fn spares_refused(&self) -> bool {
        match self.keys.as_ref() {
            Keys::Modern { algorithm, .. } | Keys::Aead { algorithm, .. } => match algorithm {
                AeadAlgorithm::Aes128Gcm
                | AeadAlgorithm::Aes256Gcm
                | AeadAlgorithm::ChaCha20Poly1305 => true,
                AeadAlgorithm::Aes128Ccm
                | AeadAlgorithm::Aes256Ccm
                | AeadAlgorithm::Aes128Ccm8
                | AeadAlgorithm::Aes256Ccm8 => false,
            },
            Keys::Cbc { order, .. } => *order == MacOrder::EncryptThenMac,
        }
    }

    /// Bytes that protection adds to a content without padding; `None` if that depends on the content.
    pub(super) fn overhead(&self) -> Option<usize> {
        match self.keys.as_ref() {
            Keys::Modern { algorithm, .. } => Some(algorithm.tag_length().saturating_add(1)),
            Keys::Aead { algorithm, .. } => {
                Some(algorithm.tag_length().saturating_add(explicit_length(*algorithm)))
            }
            Keys::Cbc { .. } => None,
        }
    }

    /// The last block of a record, with which the next one begins; `None` if records do not depend on another.
    pub(super) fn last_block(&self, body: &[u8]) -> Option<[u8; BLOCK_LENGTH]> {
        let Keys::Cbc { first_iv: Some(_), mac, order, .. } = self.keys.as_ref() else {
            return None;
        };
        let code = if *order == MacOrder::EncryptThenMac { mac.length() } else { 0 };
        body.get(..body.len().checked_sub(code)?)?.last_chunk().copied()
    }

    /// Whether the code of a record does not prove that its content continues the one before as it was sent: the
    /// last block of that one is not part of it.
    pub(super) fn trusts_last_block(&self) -> bool {
        match self.keys.as_ref() {
            Keys::Cbc { first_iv, order, .. } => {
                first_iv.is_some() && *order == MacOrder::EncryptThenMac
            }
            Keys::Modern { .. } | Keys::Aead { .. } => false,
        }
    }

    /// Decrypts the bytes after the header of a record in place; `None` if its authenticity is not proven.
    ///
    /// `before` is the last block of the record before, if there was one and it matters.
    pub(super) fn open(
        &self,
        sequence: u64,
        header: RecordHeader,
        before: Option<&[u8; BLOCK_LENGTH]>,
        body: &mut [u8],
    ) -> Option<OpenedRecord> {
        match self.keys.as_ref() {
            Keys::Modern { key, algorithm, iv, .. } => {
                if header.kind != ContentType::ApplicationData {
                    return None;
                }
                let nonce = combined(iv.bytes(), sequence)?;
                let (content, tag) = split_tag(body, algorithm.tag_length())?;
                if !key.open(&nonce, &header.to_wire(), content, tag) {
                    return None;
                }
                inner(content)
            }
            Keys::Aead { key, algorithm, iv } => {
                let explicit = explicit_length(*algorithm);
                let (before, rest) = body.split_at_mut_checked(explicit)?;
                let nonce = if explicit == 0 {
                    combined(iv.bytes(), sequence)?
                } else {
                    [iv.bytes(), before].concat().try_into().ok()?
                };
                let (content, tag) = split_tag(rest, algorithm.tag_length())?;
                let associated = authenticated(sequence, header, content.len())?;
                let is_open = key.open(&nonce, &associated, content, tag);
                let end = explicit.checked_add(content.len())?;
                is_open.then_some(OpenedRecord {
                    kind: header.kind,
                    content: explicit..end,
                    is_padded: false,
                })
            }
            Keys::Cbc { key, algorithm, mac_key, mac, order, first_iv } => {
                let first_iv = first_iv.as_ref().map(SecretBytes::bytes);
                let iv = first_iv.map(|first| before.map_or(first, |before| &before[..]));
                let blocks = Blocks { key: key.bytes(), algorithm: *algorithm, iv };
                let mac = MacCheck { key: mac_key.bytes(), hash: *mac, sequence, header };
                let content = match order {
                    MacOrder::MacThenEncrypt => blocks.open_mac_then_encrypt(mac, body)?,
                    MacOrder::EncryptThenMac => blocks.open_encrypt_then_mac(mac, body)?,
                };
                Some(OpenedRecord { kind: header.kind, content, is_padded: true })
            }
        }
    }
}

/// The content of a record of TLS 1.3: what comes before its type and the zeros that pad it.
fn inner(content: &[u8]) -> Option<OpenedRecord> {
    let end = content.iter().rposition(|byte| *byte != 0)?;
    let kind = ContentType::from_wire(*content.get(end)?)?;
    let is_padded = end.checked_add(1)? < content.len();
    Some(OpenedRecord { kind, content: 0..end, is_padded })
}

/// The key of blocks.
struct Blocks<'a> {
    key: &'a [u8],
    algorithm: CbcAlgorithm,
    /// What the first block is combined with, if the record does not begin with it.
    iv: Option<&'a [u8]>,
}

/// How the content of blocks is authenticated.
#[derive(Clone, Copy)]
struct MacCheck<'a> {
    key: &'a [u8],
    hash: Hash,
    sequence: u64,
    header: RecordHeader,
}

impl Blocks<'_> {
    /// Decrypts what comes after the block that the first one is combined with, in place.
    fn decrypt<'b>(&self, body: &'b mut [u8]) -> Option<&'b mut [u8]> {
        if let Some(iv) = self.iv {
            return self.algorithm.decrypt(self.key, iv, body).then_some(body);
        }
        let (iv, blocks) = body.split_at_mut_checked(BLOCK_LENGTH)?;
        self.algorithm.decrypt(self.key, iv, blocks).then_some(blocks)
    }

    /// Where the content begins.
    fn begin(&self) -> usize {
        if self.iv.is_some() { 0 } else { BLOCK_LENGTH }
    }

    fn open_mac_then_encrypt(&self, mac: MacCheck<'_>, body: &mut [u8]) -> Option<Range<usize>> {
        let plain = without_padding(self.decrypt(body)?)?;
        let at = plain.len().checked_sub(mac.hash.length())?;
        let (content, code) = plain.split_at_checked(at)?;
        let begin = self.begin();
        mac.is_right(content, code)?.then_some(begin..begin.checked_add(at)?)
    }

    fn open_encrypt_then_mac(&self, mac: MacCheck<'_>, body: &mut [u8]) -> Option<Range<usize>> {
        let (encrypted, code) = split_tag(body, mac.hash.length())?;
        if !mac.is_right(encrypted, code)? {
            return None;
        }
        let length = without_padding(self.decrypt(encrypted)?)?.len();
        let begin = self.begin();
        Some(begin..begin.checked_add(length)?)
    }
}

impl MacCheck<'_> {
    fn is_right(&self, content: &[u8], code: &[u8]) -> Option<bool> {
        let before = authenticated(self.sequence, self.header, content.len())?;
        let expected = self.hash.hmac(self.key, &[&before, content]);
        Some(is_equal(expected.bytes(), code))
    }
}

/// What precedes the padding of blocks: its last byte is its length without that byte, and so are all others.
fn without_padding(plain: &[u8]) -> Option<&[u8]> {
    let padding = *plain.last()?;
    let at = plain.len().checked_sub(usize::from(padding).checked_add(1)?)?;
    let (content, padded) = plain.split_at_checked(at)?;
    padded.iter().all(|byte| *byte == padding).then_some(content)
}

/// Separates what comes last.
fn split_tag(body: &mut [u8], length: usize) -> Option<(&mut [u8], &[u8])> {
    let at = body.len().checked_sub(length)?;
    let (content, tag) = body.split_at_mut_checked(at)?;
    Some((content, tag))
}

/// The nonce of a record: its number, combined with the IV (RFC 8446 §5.3, RFC 7905 §2).
fn combined(iv: &[u8], sequence: u64) -> Option<[u8; NONCE_LENGTH]> {
    let mut nonce = <[u8; NONCE_LENGTH]>::try_from(iv).ok()?;
    let number = sequence.to_be_bytes();
    for (place, byte) in nonce.iter_mut().rev().zip(number.iter().rev()) {
        *place ^= byte;
    }
    Some(nonce)
}

/// What TLS 1.2 authenticates beside the content (RFC 5246 §6.2.3.1, §6.2.3.3).
fn authenticated(sequence: u64, header: RecordHeader, length: usize) -> Option<[u8; 13]> {
    let mut bytes = [0; 13];
    let plain = RecordHeader { length: u16::try_from(length).ok()?, ..header };
    let (number, rest) = bytes.split_at_mut_checked(size_of_val(&sequence))?;
    number.copy_from_slice(&sequence.to_be_bytes());
    rest.copy_from_slice(&plain.to_wire());
    Some(bytes)
}

/// Bytes of the nonce of TLS 1.2 that follow from the key block (RFC 5288 §3, RFC 6655 §3, RFC 7905 §2).
fn fixed_iv_length(algorithm: AeadAlgorithm) -> usize {
    NONCE_LENGTH.saturating_sub(explicit_length(algorithm))
}

/// Bytes of the nonce of TLS 1.2 that each record carries.
fn explicit_length(algorithm: AeadAlgorithm) -> usize {
    match algorithm {
        AeadAlgorithm::ChaCha20Poly1305 => 0,
        AeadAlgorithm::Aes128Gcm
        | AeadAlgorithm::Aes256Gcm
        | AeadAlgorithm::Aes128Ccm
        | AeadAlgorithm::Aes256Ccm
        | AeadAlgorithm::Aes128Ccm8
        | AeadAlgorithm::Aes256Ccm8 => 8,
    }
}

/// How many records there may be in so many bytes, at most.
pub(super) fn most_records(bytes: u64) -> u64 {
    bytes.div_ceil(LEAST_RECORD)
}

/// The fewest bytes of a record: its header, one of content, its type, and the shortest tag.
const LEAST_RECORD: u64 = 5 + 1 + 1 + 8;
