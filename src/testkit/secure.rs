//! Sessions of TLS 1.3 and 1.2 that are encrypted, for tests; written apart from what decrypts them.

use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use aes::{Aes128, Aes256};
use aes_gcm::aead::consts::{U8, U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit, Nonce};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use ccm::Ccm;
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::stream::{Direction, PerDirection};
use super::tls::{client_hello, record, resuming_client_hello, session_ticket};
use Direction::{ClientToServer as C, ServerToClient as S};

/// The cipher suites that are decrypted: number, and whether blocks are encrypted before they are authenticated.
pub(crate) const SUITES: &[(u16, bool)] = &[
    (0x1301, false),
    (0x1302, false),
    (0x1303, false),
    (0x1304, false),
    (0x1305, false),
    (0xc02f, false),
    (0xc030, false),
    (0xcca8, false),
    (0xc0ac, false),
    (0xc0ad, false),
    (0xc0ae, false),
    (0xc0af, false),
    (0xc013, false),
    (0xc013, true),
    (0xc014, false),
    (0xc027, true),
    (0xc028, false),
    (0xc028, true),
];

/// A session whose records can be made. Secrets are made of numbers.
#[derive(Clone, Debug)]
pub(crate) struct TestSession {
    suite: u16,
    encrypts_then_macs: bool,
    /// Traffic secrets of TLS 1.3.
    secrets: PerDirection<Vec<u8>>,
    sequences: PerDirection<u64>,
    /// The second byte of the version: 3 for TLS 1.2 and above, 1 for TLS 1.0.
    minor: u8,
    /// The last block of each direction, which the next record of TLS 1.0 continues.
    blocks: PerDirection<Vec<u8>>,
    client_random: [u8; 32],
    /// What the server names the session (TLS 1.2).
    id: Vec<u8>,
    /// What it gives to resume it with, if it is new (TLS 1.2).
    ticket: Vec<u8>,
    /// What the client wants to resume, and whether the server agrees (TLS 1.2).
    resumes: Option<(Vec<u8>, Resumption)>,
}

/// What becomes of a session that a client wants to resume.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Resumption {
    Accepted,
    /// A new one begins instead.
    Refused,
}

/// The random of the `ClientHello` of all sessions, in hexadecimal.
pub(crate) const CLIENT_RANDOM: &str =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// The random of the `ServerHello` of all sessions.
const SERVER_RANDOM: [u8; 32] = [7; 32];

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;
const FINISHED: u8 = 20;

impl TestSession {
    /// A session with a cipher suite, before its handshake.
    pub(crate) fn new((suite, encrypts_then_macs): (u16, bool)) -> Self {
        let (secrets, sequences) = (PerDirection::default(), PerDirection::default());
        Self {
            suite,
            encrypts_then_macs,
            secrets,
            sequences,
            minor: 3,
            blocks: PerDirection::default(),
            client_random: std::array::from_fn(|at| at as u8),
            id: Vec::new(),
            ticket: Vec::new(),
            resumes: None,
        }
    }

    /// A session of TLS 1.2 that may be resumed, by its id or with a ticket.
    pub(crate) fn resumable(id: &[u8], ticket: &[u8]) -> Self {
        let (id, ticket) = (id.to_vec(), ticket.to_vec());
        Self { id, ticket, ..Self::new((0xc02f, false)) }
    }

    /// One of TLS 1.2 that resumes such a session, with a `ClientHello` whose random has this byte.
    pub(crate) fn resuming(random: u8, id: &[u8], ticket: &[u8], how: Resumption) -> Self {
        Self {
            client_random: [random; 32],
            id: if how == Resumption::Accepted { id.to_vec() } else { vec![random; 8] },
            resumes: Some((ticket.to_vec(), how)),
            ticket: id.to_vec(),
            ..Self::new((0xc02f, false))
        }
    }

    /// The same of TLS 1.0 (minor version 1) or 1.1 (2).
    pub(crate) fn old(suite: (u16, bool), minor: u8) -> Self {
        Self { minor, ..Self::new(suite) }
    }

    /// Its secrets, as a key log.
    pub(crate) fn key_log(&self) -> String {
        let rows: Vec<(&str, Vec<u8>)> = if self.is_modern() {
            vec![
                ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", self.secret(1)),
                ("SERVER_HANDSHAKE_TRAFFIC_SECRET", self.secret(2)),
                ("CLIENT_TRAFFIC_SECRET_0", self.secret(3)),
                ("SERVER_TRAFFIC_SECRET_0", self.secret(4)),
            ]
        } else {
            vec![("CLIENT_RANDOM", vec![9; 48])]
        };
        let hex = |bytes: &[u8]| {
            bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
        };
        rows.iter().fold(String::new(), |log, (label, secret)| {
            format!("{log}{label} {CLIENT_RANDOM} {}\n", hex(secret))
        })
    }

    /// The handshake, in turns.
    pub(crate) fn handshake(&mut self) -> Vec<(Direction, Vec<u8>)> {
        self.handshake_with(&[])
    }

    /// The same with a message of the server, such as its certificate; hidden in TLS 1.3 only.
    pub(crate) fn handshake_with(&mut self, message: &[u8]) -> Vec<(Direction, Vec<u8>)> {
        let hello = (C, client_hello(&[0x0304, 0x0303], Some("example.org")));
        let finished = [&[FINISHED, 0, 0, 32][..], &[0xab; 32]].concat();
        if !self.is_modern() {
            return self.old_handshake(hello, &finished);
        }
        let server = self.modern_flight(message);
        let client = [record(20, &[1]), self.seal(C, HANDSHAKE, &finished)];
        self.secrets = PerDirection { client: self.secret(3), server: self.secret(4) };
        self.sequences = PerDirection::default();
        vec![hello, (S, server), (C, client.concat())]
    }

    /// The handshake of TLS 1.2 and older.
    fn old_handshake(
        &mut self,
        hello: (Direction, Vec<u8>),
        finished: &[u8],
    ) -> Vec<(Direction, Vec<u8>)> {
        let changed = |sealed| [record(20, &[1]), sealed].concat();
        let (hello, order) = match self.resumes.clone() {
            None => (hello, [C, S]),
            Some((ticket, how)) => {
                let wanted = std::mem::take(&mut self.ticket);
                let hello = resuming_client_hello(self.client_random, &wanted, &ticket);
                let order = if how == Resumption::Accepted { [S, C] } else { [C, S] };
                ((C, hello), order)
            }
        };
        let mut turns = vec![hello, (S, self.server_hello())];
        if order == [C, S] {
            turns.push((S, record(HANDSHAKE, &[14, 0, 0, 0])));
        }
        for direction in order {
            if direction == S && !self.ticket.is_empty() {
                turns.push((S, session_ticket(&self.ticket)));
            }
            turns.push((direction, changed(self.seal(direction, HANDSHAKE, finished))));
        }
        turns
    }

    /// A handshake of TLS 1.3 that the client gives up with an alert, in turns.
    pub(crate) fn refused(&mut self, message: &[u8], alert: u8) -> Vec<(Direction, Vec<u8>)> {
        let hello = (C, client_hello(&[0x0304, 0x0303], Some("example.org")));
        let server = self.modern_flight(message);
        let client = [record(20, &[1]), self.alert(C, alert)].concat();
        vec![hello, (S, server), (C, client)]
    }

    /// An encrypted alert.
    pub(crate) fn alert(&mut self, direction: Direction, description: u8) -> Vec<u8> {
        self.seal(direction, ALERT, &[2, description])
    }

    /// What a server of TLS 1.3 answers to the `ClientHello`.
    fn modern_flight(&mut self, message: &[u8]) -> Vec<u8> {
        self.secrets = PerDirection { client: self.secret(1), server: self.secret(2) };
        let finished = [&[FINISHED, 0, 0, 32][..], &[0xab; 32]].concat();
        let flight = [&[8, 0, 0, 2, 0, 0][..], message, &finished].concat();
        [self.server_hello(), record(20, &[1]), self.seal(S, HANDSHAKE, &flight)].concat()
    }

    /// A record of application data.
    pub(crate) fn data(&mut self, direction: Direction, content: &[u8]) -> Vec<u8> {
        self.seal(direction, DATA, content)
    }

    /// Records of application data, each of at most `size` bytes.
    pub(crate) fn data_in(&mut self, direction: Direction, content: &[u8], size: usize) -> Vec<u8> {
        content.chunks(size).flat_map(|part| self.data(direction, part)).collect()
    }

    /// A `KeyUpdate`; what follows in this direction has the next keys (TLS 1.3).
    pub(crate) fn key_update(&mut self, direction: Direction) -> Vec<u8> {
        let sealed = self.seal(direction, HANDSHAKE, &[24, 0, 0, 1, 0]);
        let secret = self.secrets.get_mut(direction);
        *secret = label(secret, "traffic upd", secret.len());
        *self.sequences.get_mut(direction) = 0;
        sealed
    }

    /// An encrypted record.
    pub(crate) fn seal(&mut self, direction: Direction, kind: u8, content: &[u8]) -> Vec<u8> {
        let sequence = self.sequences.get_mut(direction);
        let number = *sequence;
        *sequence += 1;
        let body = if self.is_modern() {
            self.seal_modern(direction, number, kind, content)
        } else {
            self.seal_old(direction, number, kind, content)
        };
        let mut record = record(if self.is_modern() { DATA } else { kind }, &body);
        record[2] = self.minor;
        record
    }

    fn is_modern(&self) -> bool {
        self.suite >> 8 == 0x13
    }

    fn secret(&self, number: u8) -> Vec<u8> {
        vec![number; if self.suite == 0x1302 { 48 } else { 32 }]
    }

    fn server_hello(&self) -> Vec<u8> {
        let extensions: &[u8] = match (self.is_modern(), self.encrypts_then_macs) {
            (true, _) => &[0, 6, 0, 43, 0, 2, 3, 4],
            (false, true) => &[0, 4, 0, 22, 0, 0],
            (false, false) => &[0, 0],
        };
        let suite = self.suite.to_be_bytes();
        let id = [&[u8::try_from(self.id.len()).unwrap()][..], &self.id].concat();
        let body = [&[3, self.minor][..], &SERVER_RANDOM, &id, &suite, &[0], extensions].concat();
        let length = u8::try_from(body.len()).unwrap();
        record(HANDSHAKE, &[&[2, 0, 0, length][..], &body].concat())
    }

    fn seal_modern(&self, direction: Direction, number: u64, kind: u8, content: &[u8]) -> Vec<u8> {
        let secret = self.secrets.get(direction);
        let inner = [content, &[kind]].concat();
        let (key, iv) = (label(secret, "key", self.key_length()), label(secret, "iv", 12));
        let length = u16::try_from(inner.len() + self.tag_length()).unwrap().to_be_bytes();
        let header = [&[DATA, 3, 3][..], &length].concat();
        self.aead(&key, &nonce(&iv, number), &header, inner)
    }

    fn seal_old(&mut self, direction: Direction, number: u64, kind: u8, content: &[u8]) -> Vec<u8> {
        let mac_length = match self.suite {
            0xc013 | 0xc014 => 20,
            0xc027 => 32,
            0xc028 => 48,
            _ => 0,
        };
        let is_explicit = mac_length == 0 && self.suite != 0xcca8;
        let fixed = match (mac_length, is_explicit) {
            (0, true) => 4,
            (0, false) => 12,
            _ if self.minor == 1 => 16,
            _ => 0,
        };
        let seed = [b"key expansion", &SERVER_RANDOM[..], &self.client_random].concat();
        let length = 2 * (mac_length + self.key_length() + fixed);
        let block = if self.minor < 3 {
            let one = prf::<Hmac<Md5>>(&[9; 24], &seed, length);
            let other = prf::<Hmac<Sha1>>(&[9; 24], &seed, length);
            one.iter().zip(&other).map(|(one, other)| one ^ other).collect()
        } else if matches!(self.suite, 0xc030 | 0xc028) {
            prf::<Hmac<Sha384>>(&[9; 48], &seed, length)
        } else {
            prf::<Hmac<Sha256>>(&[9; 48], &seed, length)
        };
        let mut at = 0;
        let mut part = |length: usize| {
            let start = at + if direction == C { 0 } else { length };
            at += 2 * length;
            block[start..start + length].to_vec()
        };
        let (mac_key, key, iv) = (part(mac_length), part(self.key_length()), part(fixed));
        let minor = self.minor;
        let associated = |length: usize| {
            let length = u16::try_from(length).unwrap().to_be_bytes();
            [&number.to_be_bytes()[..], &[kind, 3, minor], &length].concat()
        };
        if mac_length > 0 {
            let chain = self.blocks.get_mut(direction);
            let chained = (minor == 1).then(|| if chain.is_empty() { iv } else { chain.clone() });
            let key =
                BlockKey { key: &key, mac_key: &mac_key, number, chained: chained.as_deref() };
            let sealed = self.seal_blocks(key, content, associated);
            let code = if self.encrypts_then_macs { mac_length } else { 0 };
            let end = sealed.len() - code;
            *self.blocks.get_mut(direction) = sealed[end - 16..end].to_vec();
            return sealed;
        }
        let before = if is_explicit { (number + 77).to_be_bytes().to_vec() } else { Vec::new() };
        let nonce = if is_explicit { [&iv[..], &before].concat() } else { nonce(&iv, number) };
        let sealed = self.aead(&key, &nonce, &associated(content.len()), content.to_vec());
        [before, sealed].concat()
    }

    fn seal_blocks(
        &self,
        BlockKey { key, mac_key, number, chained }: BlockKey<'_>,
        content: &[u8],
        associated: impl Fn(usize) -> Vec<u8>,
    ) -> Vec<u8> {
        let mac = |bytes: &[u8]| {
            let bytes = [associated(bytes.len()), bytes.to_vec()].concat();
            match self.suite {
                0xc027 => hmac::<Hmac<Sha256>>(mac_key, &bytes),
                0xc028 => hmac::<Hmac<Sha384>>(mac_key, &bytes),
                _ => hmac::<Hmac<Sha1>>(mac_key, &bytes),
            }
        };
        let random = [u8::try_from(number % 251).unwrap(); 16];
        let iv = chained.unwrap_or(&random);
        let code = if self.encrypts_then_macs { Vec::new() } else { mac(content) };
        let mut plain = [content, &code].concat();
        let padding = 15 - plain.len() % 16;
        plain.extend(vec![u8::try_from(padding).unwrap(); padding + 1]);
        let (blocks, _) = aes::Block::slice_as_chunks_mut(&mut plain);
        if self.key_length() == 16 {
            cbc::Encryptor::<Aes128>::new_from_slices(key, iv).unwrap().encrypt_blocks(blocks);
        } else {
            cbc::Encryptor::<Aes256>::new_from_slices(key, iv).unwrap().encrypt_blocks(blocks);
        }
        let explicit = if chained.is_some() { &[][..] } else { iv };
        let mut sealed = [explicit, &plain].concat();
        if self.encrypts_then_macs {
            sealed.extend(mac(&sealed));
        }
        sealed
    }

    fn key_length(&self) -> usize {
        match self.suite {
            0x1301 | 0x1304 | 0x1305 | 0xc02f | 0xc0ac | 0xc0ae | 0xc013 | 0xc027 => 16,
            _ => 32,
        }
    }

    fn tag_length(&self) -> usize {
        if matches!(self.suite, 0x1305 | 0xc0ae | 0xc0af) { 8 } else { 16 }
    }

    fn aead(&self, key: &[u8], nonce: &[u8], associated: &[u8], plain: Vec<u8>) -> Vec<u8> {
        let seal = match self.suite {
            0x1301 | 0xc02f => aead::<Aes128Gcm>,
            0x1302 | 0xc030 => aead::<Aes256Gcm>,
            0x1304 | 0xc0ac => aead::<Ccm<Aes128, U16, U12>>,
            0xc0ad => aead::<Ccm<Aes256, U16, U12>>,
            0x1305 | 0xc0ae => aead::<Ccm<Aes128, U8, U12>>,
            0xc0af => aead::<Ccm<Aes256, U8, U12>>,
            _ => aead::<ChaCha20Poly1305>,
        };
        seal(key, nonce, associated, plain)
    }
}

struct BlockKey<'a> {
    key: &'a [u8],
    mac_key: &'a [u8],
    number: u64,
    /// What the first block is combined with, where the record does not begin with it.
    chained: Option<&'a [u8]>,
}

fn aead<K: AeadInOut + KeyInit>(
    key: &[u8],
    nonce: &[u8],
    associated: &[u8],
    mut plain: Vec<u8>,
) -> Vec<u8> {
    let key = K::new_from_slice(key).unwrap();
    let nonce = <&Nonce<K>>::try_from(nonce).unwrap();
    let tag = key.encrypt_inout_detached(nonce, associated, plain.as_mut_slice().into()).unwrap();
    plain.extend_from_slice(&tag);
    plain
}

fn nonce(iv: &[u8], number: u64) -> Vec<u8> {
    let padded = u128::from(number).to_be_bytes();
    iv.iter().zip(&padded[4..]).map(|(one, other)| one ^ other).collect()
}

/// HKDF-Expand-Label without a context.
fn label(secret: &[u8], label: &str, length: usize) -> Vec<u8> {
    let text = format!("tls13 {label}");
    let lengths = [0, u8::try_from(length).unwrap(), u8::try_from(text.len()).unwrap()];
    let info = [&lengths[..], text.as_bytes(), &[0]].concat();
    let mut out = vec![0; length];
    if secret.len() == 48 {
        Hkdf::<Sha384>::from_prk(secret).unwrap().expand(&info, &mut out).unwrap();
    } else {
        Hkdf::<Sha256>::from_prk(secret).unwrap().expand(&info, &mut out).unwrap();
    }
    out
}

/// The pseudorandom function of TLS 1.2; its label is part of the seed.
fn prf<M: Mac + KeyInit>(secret: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let (mut out, mut chained) = (Vec::new(), seed.to_vec());
    while out.len() < length {
        chained = hmac::<M>(secret, &chained);
        out.extend(hmac::<M>(secret, &[&chained, seed].concat()));
    }
    out.truncate(length);
    out
}

fn hmac<M: Mac + KeyInit>(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}
