//! The algorithms that TLS uses: the only file that names the crates of `RustCrypto`.

use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use aes::{Aes128, Aes256};
use aes_gcm::aead::consts::{U8, U12};
use aes_gcm::aead::{AeadCore, AeadInOut, KeyInit, Nonce, Tag};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use ccm::Ccm;
use ccm::consts::U16;
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes that nobody else may see: wiped from memory when they are dropped, and not in any debug form.
#[derive(Clone, Default, Eq, PartialEq, Zeroize, ZeroizeOnDrop)]
pub(super) struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes over bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// So many zeros, to be written over.
    pub(super) fn zeros(length: usize) -> Self {
        Self(vec![0; length])
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretBytes").finish_non_exhaustive()
    }
}

/// Overwrites bytes that nobody else may see, when they are no longer needed.
pub(super) fn wipe(bytes: &mut Vec<u8>) {
    bytes.zeroize();
}

/// A hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
}

impl Hash {
    /// Bytes of its output.
    pub(super) const fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// HMAC (RFC 2104) of the parts of a message.
    pub(super) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> SecretBytes {
        match self {
            Self::Md5 => hmac::<Hmac<md5::Md5>>(key, parts),
            Self::Sha1 => hmac::<Hmac<sha1::Sha1>>(key, parts),
            Self::Sha256 => hmac::<Hmac<sha2::Sha256>>(key, parts),
            Self::Sha384 => hmac::<Hmac<sha2::Sha384>>(key, parts),
        }
    }

    /// HKDF-Expand (RFC 5869 §2.3). Gives nothing if the secret is shorter than the hash, or more is wanted than
    /// 255 times its length.
    pub(super) fn expand(
        self,
        secret: &[u8],
        info: &[&[u8]],
        length: usize,
    ) -> Option<SecretBytes> {
        let mut out = SecretBytes::zeros(length);
        let bytes = out.bytes_mut();
        match self {
            Self::Md5 | Self::Sha1 => return None,
            Self::Sha256 => {
                Hkdf::<sha2::Sha256>::from_prk(secret).ok()?.expand_multi_info(info, bytes).ok()?;
            }
            Self::Sha384 => {
                Hkdf::<sha2::Sha384>::from_prk(secret).ok()?.expand_multi_info(info, bytes).ok()?;
            }
        }
        Some(out)
    }
}

fn hmac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> SecretBytes {
    // Keys of HMAC may have any length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return SecretBytes::default();
    };
    for part in parts {
        mac.update(part);
    }
    SecretBytes::new(mac.finalize().into_bytes().to_vec())
}

/// Whether two codes are the same.
pub(super) fn is_equal(one: &[u8], other: &[u8]) -> bool {
    // How long it takes tells nobody anything: both were captured.
    one == other && !one.is_empty()
}

/// An algorithm of authenticated encryption (RFC 5116).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AeadAlgorithm {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
    Aes128Ccm,
    Aes256Ccm,
    /// With a tag of 8 bytes.
    Aes128Ccm8,
    /// With a tag of 8 bytes.
    Aes256Ccm8,
}

impl AeadAlgorithm {
    /// Bytes of a key.
    pub(super) const fn key_length(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Ccm | Self::Aes128Ccm8 => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 | Self::Aes256Ccm | Self::Aes256Ccm8 => 32,
        }
    }

    /// Bytes of a tag.
    pub(super) const fn tag_length(self) -> usize {
        match self {
            Self::Aes128Gcm
            | Self::Aes256Gcm
            | Self::ChaCha20Poly1305
            | Self::Aes128Ccm
            | Self::Aes256Ccm => 16,
            Self::Aes128Ccm8 | Self::Aes256Ccm8 => 8,
        }
    }
}

/// Bytes of a nonce of all these algorithms.
pub(super) const NONCE_LENGTH: usize = 12;

/// A key of authenticated encryption, prepared for use.
pub(super) struct AeadKey(Key);

// Boxed, because they differ much in size.
enum Key {
    Aes128Gcm(Box<Aes128Gcm>),
    Aes256Gcm(Box<Aes256Gcm>),
    ChaCha20Poly1305(Box<ChaCha20Poly1305>),
    Aes128Ccm(Box<Ccm<Aes128, U16, U12>>),
    Aes256Ccm(Box<Ccm<Aes256, U16, U12>>),
    Aes128Ccm8(Box<Ccm<Aes128, U8, U12>>),
    Aes256Ccm8(Box<Ccm<Aes256, U8, U12>>),
}

impl AeadKey {
    /// Prepares a key; `None` if it has not the right length.
    pub(super) fn new(algorithm: AeadAlgorithm, key: &[u8]) -> Option<Self> {
        Some(Self(match algorithm {
            AeadAlgorithm::Aes128Gcm => Key::Aes128Gcm(boxed(key)?),
            AeadAlgorithm::Aes256Gcm => Key::Aes256Gcm(boxed(key)?),
            AeadAlgorithm::ChaCha20Poly1305 => Key::ChaCha20Poly1305(boxed(key)?),
            AeadAlgorithm::Aes128Ccm => Key::Aes128Ccm(boxed(key)?),
            AeadAlgorithm::Aes256Ccm => Key::Aes256Ccm(boxed(key)?),
            AeadAlgorithm::Aes128Ccm8 => Key::Aes128Ccm8(boxed(key)?),
            AeadAlgorithm::Aes256Ccm8 => Key::Aes256Ccm8(boxed(key)?),
        }))
    }

    /// Decrypts bytes in place and verifies their tag; tells whether it fits. If it does not, what the bytes are
    /// afterwards is not defined, but they are never plaintext that could be taken for authentic.
    pub(super) fn open(
        &self,
        nonce: &[u8; NONCE_LENGTH],
        associated: &[u8],
        bytes: &mut [u8],
        tag: &[u8],
    ) -> bool {
        match &self.0 {
            Key::Aes128Gcm(key) => open(key.as_ref(), nonce, associated, bytes, tag),
            Key::Aes256Gcm(key) => open(key.as_ref(), nonce, associated, bytes, tag),
            Key::ChaCha20Poly1305(key) => open(key.as_ref(), nonce, associated, bytes, tag),
            Key::Aes128Ccm(key) => open(key.as_ref(), nonce, associated, bytes, tag),
            Key::Aes256Ccm(key) => open(key.as_ref(), nonce, associated, bytes, tag),
            Key::Aes128Ccm8(key) => open(key.as_ref(), nonce, associated, bytes, tag),
            Key::Aes256Ccm8(key) => open(key.as_ref(), nonce, associated, bytes, tag),
        }
    }
}

fn boxed<K: KeyInit>(key: &[u8]) -> Option<Box<K>> {
    K::new_from_slice(key).ok().map(Box::new)
}

fn open<K: AeadInOut + AeadCore<NonceSize = U12>>(
    key: &K,
    nonce: &[u8; NONCE_LENGTH],
    associated: &[u8],
    bytes: &mut [u8],
    tag: &[u8],
) -> bool {
    let (Ok(nonce), Ok(tag)) = (<&Nonce<K>>::try_from(&nonce[..]), <&Tag<K>>::try_from(tag)) else {
        return false;
    };
    key.decrypt_inout_detached(nonce, associated, bytes.into(), tag).is_ok()
}

/// A block cipher in CBC mode.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CbcAlgorithm {
    Aes128,
    Aes256,
}

impl CbcAlgorithm {
    /// Bytes of a key.
    pub(super) const fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }

    /// Decrypts whole blocks in place; tells whether key and blocks have the right lengths.
    pub(super) fn decrypt(self, key: &[u8], iv: &[u8], bytes: &mut [u8]) -> bool {
        match self {
            Self::Aes128 => decrypt::<cbc::Decryptor<Aes128>>(key, iv, bytes),
            Self::Aes256 => decrypt::<cbc::Decryptor<Aes256>>(key, iv, bytes),
        }
    }
}

/// Bytes of a block of AES.
pub(super) const BLOCK_LENGTH: usize = 16;

fn decrypt<D: BlockModeDecrypt<BlockSize = U16> + KeyIvInit>(
    key: &[u8],
    iv: &[u8],
    bytes: &mut [u8],
) -> bool {
    let (Ok(mut decryptor), true) =
        (D::new_from_slices(key, iv), bytes.len().is_multiple_of(BLOCK_LENGTH))
    else {
        return false;
    };
    let (blocks, _) = aes::Block::slice_as_chunks_mut(bytes);
    decryptor.decrypt_blocks(blocks);
    true
}
