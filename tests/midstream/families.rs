//! Families of protocols that are not WebSocket: how they lay out what they send.

use wslens::stream::Direction;
use wslens::stream::Direction::ClientToServer;

use crate::testkit::random::Random;

/// A protocol, or many that are laid out alike.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    /// Writes what a direction sends in its turn.
    pub(crate) write: fn(&mut Random, Direction, &mut Vec<u8>),
}

/// What is in records.
#[derive(Clone, Copy, Debug)]
enum Content {
    Random,
    Text,
    Zeros,
    /// Small numbers, little-endian.
    Small,
    /// Types and lengths in a byte each.
    Nested,
    Json,
}

macro_rules! families {
    ($($name:literal => $write:expr,)*) => {
        &[$(Family { name: $name, write: $write }),*]
    };
}

#[rustfmt::skip]
pub(crate) const FAMILIES: &[Family] = families! {
    "length of 1 byte" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 250); to.push(c.len() as u8); to.extend(c); }),
    "length of 1 byte, itself included" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 250); to.push(c.len() as u8 + 1); to.extend(c); }),
    "length of 2 bytes, big-endian" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 2000); to.extend((c.len() as u16).to_be_bytes()); to.extend(c); }),
    "length of 2 bytes, little-endian" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 2000); to.extend((c.len() as u16).to_le_bytes()); to.extend(c); }),
    "short records with a length of 2 bytes" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 120); to.extend((c.len() as u16).to_be_bytes()); to.extend(c); }),
    "length of 4 bytes, big-endian" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 2000); to.extend((c.len() as u32).to_be_bytes()); to.extend(c); }),
    "length of 4 bytes, little-endian" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 2000); to.extend((c.len() as u32).to_le_bytes()); to.extend(c); }),
    "short records with a length of 4 bytes" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 40); to.extend((c.len() as u32).to_be_bytes()); to.extend(c); }),
    "length of 8 bytes" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 2000); to.extend((c.len() as u64).to_be_bytes()); to.extend(c); }),
    "type and length of 1 byte, small types" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 250); to.push(r.below(16) as u8); to.push(c.len() as u8); to.extend(c); }),
    "type and length of 1 byte, high types" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 250); to.push(0x80 | r.below(16) as u8); to.push(c.len() as u8); to.extend(c); }),
    "type and short length, a few types" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 100); to.push(r.pick(&[0x81, 0x82, 0x83, 0x90])); to.push(c.len() as u8); to.extend(c); }),
    "type and length of 2 bytes" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 500); to.push(r.pick(&[0x81, 0x82])); to.extend((c.len() as u16).to_le_bytes()); to.extend(c); }),
    "type and length of 2 bytes, big-endian" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 500); to.push(r.pick(&[0x81, 0x82, 0x01, 0x02])); to.extend((c.len() as u16).to_be_bytes()); to.extend(c); }),
    "length, then type" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 200); to.push(c.len() as u8); to.push(r.pick(&[0x81, 0x82, 0x88, 0])); to.extend(c); }),
    "type, length and checksum" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 250); to.push(r.below(16) as u8); to.push(c.len() as u8); to.extend(&c); to.push(c.iter().fold(0, |sum, byte| sum ^ byte)); }),
    "fixed records" => |r, _, to| { let length = r.between(3, 40) as usize; let first = r.array::<2>(); repeat(r, to, |r, to| { to.extend(first); to.extend(r.bytes(length - 2)); }) },
    "fixed records of a Close" => |r, _, to| { repeat(r, to, |r, to| { to.extend([0x88, 0x0b]); let c = content(r, 11); to.extend(c); }) },
    "fixed records with a high second byte" => |r, _, to| { let length = r.between(6, 40) as usize; repeat(r, to, |r, to| { to.extend([0x82, 0x80 | r.below(40) as u8]); to.extend(r.bytes(length - 2)); }) },
    "words, little-endian" => |r, _, to| repeat(r, to, |r, to| to.extend(content_of(Content::Small, r, 64))),
    "lines of text" => |r, _, to| repeat(r, to, |r, to| { to.extend(content_of(Content::Text, r, 90)); to.extend(b"\r\n"); }),
    "text in Cyrillic" => |r, _, to| repeat(r, to, |r, to| { for _ in 0..r.between(5, 200) { push_char(to, 0x410 + r.below(64) as u32); if r.one_in(6) { to.push(b' '); } } }),
    "text in Japanese" => |r, _, to| repeat(r, to, |r, to| { for _ in 0..r.between(5, 200) { push_char(to, 0x3041 + r.below(86) as u32); } }),
    "text in Latin-1" => |r, _, to| repeat(r, to, |r, to| { for _ in 0..r.between(5, 400) { let byte = r.pick(&[b'a', b'e', b'n', b' ', 0xe4, 0xfc, 0xe9, 0xdf]); to.push(byte); } to.push(b'\n'); }),
    "JSON in lines" => |r, _, to| repeat(r, to, |r, to| { to.extend(content_of(Content::Json, r, 200)); to.push(b'\n'); }),
    "protobuf after a varint" => |r, _, to| repeat(r, to, |r, to| { let message = protobuf(r); varint(to, message.len()); to.extend(message); }),
    "memcached, binary" => |r, d, to| repeat(r, to, |r, to| memcached(r, d, to)),
    "MQTT" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 300); to.push(r.pick(&[0x30, 0x32, 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xa2, 0xb0, 0xc0, 0xd0])); varint(to, c.len()); to.extend(c); }),
    "MQTT, subscriptions only" => |r, d, to| repeat(r, to, |r, to| { let topic = content_of(Content::Text, r, 60); if d == ClientToServer { to.push(0x82); to.push(topic.len() as u8 + 5); to.extend(r.array::<2>()); to.extend((topic.len() as u16).to_be_bytes()); to.extend(topic); to.push(1); } else { to.extend([0x90, 3]); to.extend(r.array::<2>()); to.push(0); } }),
    "BSON" => |r, _, to| repeat(r, to, bson),
    "ASN.1 BER" => |r, _, to| repeat(r, to, |r, to| ber(r, to, 3)),
    "LDAP" => |r, _, to| repeat(r, to, |r, to| { let mut inner = vec![2, 1, r.next() as u8, 0x60 | r.below(16) as u8]; let mut operation = Vec::new(); for tag in [0x80, 0x81, 0x82, 0x04, 0x0a] { let c = content_of(Content::Text, r, 30); operation.push(tag); operation.push(c.len() as u8); operation.extend(c); } inner.push(operation.len() as u8); inner.extend(operation); to.push(0x30); ber_length(to, inner.len()); to.extend(inner); }),
    "context tags alone" => |r, _, to| { for tag in [0x80, 0x81, 0x82, 0x83] { let c = content_of(Content::Text, r, 40); to.push(tag); to.push(c.len() as u8); to.extend(c); } },
    "ONC RPC" => |r, d, to| repeat(r, to, |r, to| { let c = words(r, 60); to.extend((0x8000_0000 | (8 + c.len() as u32)).to_be_bytes()); to.extend(r.array::<4>()); to.extend(u32::from(d != ClientToServer).to_be_bytes()); to.extend(c); }),
    "HTTP/2 frames" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 1000); to.extend(&(c.len() as u32).to_be_bytes()[1..]); to.push(r.below(10) as u8); to.push(r.pick(&[0, 1, 4, 5])); to.extend((r.below(9) as u32).to_be_bytes()); to.extend(c); }),
    "TLS within a record" => |r, _, to| repeat(r, to, |r, to| { let before = r.below(300); to.extend(r.bytes(before)); let length = r.between(24, 1400) as usize; to.extend([0x17, 3, 3]); to.extend((length as u16).to_be_bytes()); to.extend(r.bytes(length)); }),
    "DNS over TCP" => |r, d, to| repeat(r, to, |r, to| dns(r, d, to)),
    "RFB" => |r, d, to| repeat(r, to, |r, to| rfb(r, d, to)),
    "Kafka" => |r, d, to| repeat(r, to, |r, to| { let c = any(r, 400); let head = if d == ClientToServer { 12 } else { 4 }; to.extend((head + c.len() as u32).to_be_bytes()); if d == ClientToServer { to.extend([0, r.below(40) as u8, 0, r.below(12) as u8]); to.extend((r.below(1000) as u32).to_be_bytes()); to.extend([0, 2, b'a', b'b']); } else { to.extend((r.below(1000) as u32).to_be_bytes()); } to.extend(c); }),
    "SMB" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 600); to.extend((64 + c.len() as u32).to_be_bytes()); to.extend(b"\xfeSMB\x40\0"); to.extend(words(r, 58)); to.extend(c); }),
    "X11" => |r, d, to| repeat(r, to, |r, to| { if d == ClientToServer { let quads = r.between(1, 30) as usize; to.push(r.below(128) as u8); to.push(r.pick(&[0, 0, 1, 0x82])); to.extend((quads as u16).to_le_bytes()); to.extend(words(r, quads * 4 - 4)); } else { to.push(r.below(36) as u8); to.extend(words(r, 31)); } }),
    "AMQP" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 300); to.push(r.pick(&[1, 2, 3, 8])); to.extend([0, 1]); to.extend((c.len() as u32).to_be_bytes()); to.extend(c); to.push(0xce); }),
    "Modbus" => |r, d, to| repeat(r, to, |r, to| { let c = words(r, if d == ClientToServer { 4 } else { 40 }); to.extend((r.below(400) as u16).to_be_bytes()); to.extend([0, 0]); to.extend((2 + c.len() as u16).to_be_bytes()); to.extend([1, r.pick(&[1, 2, 3, 4, 0x81, 0x82])]); to.extend(c); }),
    "IEC 104" => |r, _, to| repeat(r, to, |r, to| { let c = words(r, 30); to.extend([0x68, c.len() as u8 + 4, 0x82, 0, 0x82, 0]); to.extend(c); }),
    "ZeroMQ" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 600); if c.len() < 256 { to.push(r.pick(&[0, 1, 4])); to.push(c.len() as u8); } else { to.push(r.pick(&[2, 3])); to.extend((c.len() as u64).to_be_bytes()); } to.extend(c); }),
    "MySQL" => |r, _, to| { let count = r.between(1, 5); for sequence in 0..count { let c = any(r, 300); to.extend(&(c.len() as u32).to_le_bytes()[..3]); to.push(sequence as u8); to.extend(c); } },
    "PostgreSQL" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 300); to.push(r.pick(b"QDTCZPBE12")); to.extend((4 + c.len() as u32).to_be_bytes()); to.extend(c); }),
    "Cassandra" => |r, d, to| repeat(r, to, |r, to| { let c = any(r, 300); to.extend([if d == ClientToServer { 4 } else { 0x84 }, 0]); to.extend((r.below(300) as u16).to_be_bytes()); to.push(r.below(16) as u8); to.extend((c.len() as u32).to_be_bytes()); to.extend(c); }),
    "TDS" => |r, _, to| repeat(r, to, |r, to| { let c = any(r, 300); to.extend([r.pick(&[1, 3, 4]), 1]); to.extend((8 + c.len() as u16).to_be_bytes()); to.extend([0, 0, 1, 0]); to.extend(c); }),
    "SMPP" => |r, _, to| repeat(r, to, |r, to| { let c = content_of(Content::Text, r, 100); to.extend((16 + c.len() as u32).to_be_bytes()); to.extend([r.pick(&[0, 0x80]), 0, 0, r.below(22) as u8, 0, 0, 0, 0]); to.extend((r.below(500) as u32).to_be_bytes()); to.extend(c); }),
    "BitTorrent" => |r, _, to| repeat(r, to, |r, to| if r.one_in(3) { to.extend([0; 4]); } else { let c = any(r, 300); to.extend((1 + c.len() as u32).to_be_bytes()); to.push(r.below(10) as u8); to.extend(c); }),
    "keep-alives of zeros" => |_, _, to| to.extend([0; 4]),
    "random" => |r, _, to| { let length = r.between(1, 4000) as usize; to.extend(r.bytes(length)); },
    "random, in short writes" => |r, _, to| { let length = r.between(1, 40) as usize; to.extend(r.bytes(length)); },
    "one byte" => |r, _, to| { let byte = r.pick(&[0, b'A', b' ', 0xff, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a, 1, 2]); let length = r.between(1, 3000) as usize; to.extend(std::iter::repeat_n(byte, length)); },
    "two bytes in turn" => |r, _, to| { let pair = [r.pick(&[0x81, 0x82, 0x80, 0x89, 0]), r.next() as u8]; let length = r.between(1, 1000) as usize; to.extend(pair.repeat(length)); },
    "a period" => |r, _, to| { let length = r.between(3, 60) as usize; let period = content(r, length); let times = r.between(2, 50) as usize; to.extend(period.repeat(times)); },
    "audio samples" => |r, _, to| { let mut value = 0x80_u8; for _ in 0..r.between(100, 4000) { value = value.wrapping_add(r.pick(&[0, 1, 2, 0xff, 0xfe])); to.push(value); } },
    "headers of 81 and 82, then anything" => |r, _, to| { to.extend([r.pick(&[0x81, 0x82]), r.next() as u8]); let length = r.between(0, 200) as usize; to.extend(r.bytes(length)); },
    "a request and an answer of a few bytes" => |r, _, to| { let length = r.between(1, 8) as usize; to.extend(r.bytes(length)); },
};

fn repeat(random: &mut Random, to: &mut Vec<u8>, mut write: impl FnMut(&mut Random, &mut Vec<u8>)) {
    for _ in 0..random.pick(&[1, 1, 1, 2, 5]) {
        write(random, to);
    }
}

/// Up to `most` bytes of any content, short ones more often.
fn any(random: &mut Random, most: usize) -> Vec<u8> {
    let most = random.pick(&[most, most.min(20), most.min(100)]);
    let length = random.below(most + 1);
    content(random, length)
}

fn content(random: &mut Random, length: usize) -> Vec<u8> {
    use Content::{Json, Nested, Small, Text, Zeros};
    let what = random.pick(&[Content::Random, Text, Zeros, Small, Nested, Json]);
    let mut bytes = content_of(what, random, length);
    bytes.resize(length, 0);
    bytes
}

/// About `length` bytes.
fn content_of(content: Content, random: &mut Random, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    match content {
        Content::Random => return random.bytes(length),
        Content::Zeros => return vec![0; length],
        Content::Small => {
            let least = random.pick(&[0, 0x40, 0x81]);
            while bytes.len() + 4 <= length {
                bytes.extend((least + random.below(600) as u32).to_le_bytes());
            }
        }
        Content::Text => {
            let letters = b"etaoin shrdlu,ETAOIN.0123456789-/";
            bytes.extend((0..length).map(|_| letters[random.below(letters.len())]));
        }
        Content::Nested => {
            while bytes.len() + 2 < length {
                let most = (length - bytes.len() - 2).min(60);
                let inner = random.below(most + 1);
                bytes.push(random.pick(&[1, 2, 4, 0x30, 0x80, 0x81, 0x82, 0x89]));
                bytes.push(inner as u8);
                bytes.extend(random.bytes(inner));
            }
        }
        Content::Json => {
            bytes.push(b'{');
            while bytes.len() + 12 < length {
                bytes.extend(format!("\"k{}\":{},", random.below(9), random.below(9999)).bytes());
            }
            bytes.push(b'}');
        }
    }
    bytes.truncate(length);
    bytes
}

/// Fields of 32 bits as protocols have them: small, zero, random, high.
fn words(random: &mut Random, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let word = match random.below(5) {
            0 => 0,
            1 | 2 => random.below(300) as u32,
            3 => random.next() as u32,
            _ => 0x8000_0000 | random.below(0x300) as u32,
        };
        bytes.extend(word.to_be_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn push_char(to: &mut Vec<u8>, code: u32) {
    let character = char::from_u32(code).unwrap();
    to.extend(character.to_string().bytes());
}

fn varint(to: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn protobuf(random: &mut Random) -> Vec<u8> {
    let mut message = Vec::new();
    for field in 1..=random.between(1, 6) as usize {
        if random.one_in(2) {
            message.push((field << 3) as u8);
            varint(&mut message, random.below(100_000));
        } else {
            let inner = any(random, 60);
            message.push((field << 3 | 2) as u8);
            varint(&mut message, inner.len());
            message.extend(inner);
        }
    }
    message
}

fn memcached(random: &mut Random, direction: Direction, to: &mut Vec<u8>) {
    let key = content_of(Content::Text, random, 12);
    let value = any(random, 300);
    let (magic, extras) = if direction == ClientToServer { (0x80, 8_u8) } else { (0x81, 4) };
    let is_hit = random.one_in(2);
    let (key, value) = if is_hit { (key, value) } else { (Vec::new(), Vec::new()) };
    let extras = if is_hit { extras } else { 0 };
    let body = key.len() + value.len() + usize::from(extras);
    to.extend([magic, random.below(12) as u8]);
    to.extend((key.len() as u16).to_be_bytes());
    to.extend([extras, 0, 0, 0]);
    to.extend((body as u32).to_be_bytes());
    to.extend(random.array::<4>());
    to.extend([0; 8]);
    to.extend(vec![0; usize::from(extras)]);
    to.extend(key);
    to.extend(value);
}

fn bson(random: &mut Random, to: &mut Vec<u8>) {
    let mut document = Vec::new();
    for _ in 0..random.between(1, 6) {
        let kind = random.pick(&[1, 2, 8, 0x10, 0x12]);
        document.push(kind);
        document.extend(content_of(Content::Text, random, 5));
        document.push(0);
        match kind {
            2 => {
                let text = content_of(Content::Text, random, 30);
                document.extend((text.len() as u32 + 1).to_le_bytes());
                document.extend(text);
                document.push(0);
            }
            8 => document.push(random.below(2) as u8),
            0x10 => document.extend((random.below(500) as u32).to_le_bytes()),
            _ => document.extend(random.array::<8>()),
        }
    }
    to.extend((document.len() as u32 + 5).to_le_bytes());
    to.extend(document);
    to.push(0);
}

fn ber(random: &mut Random, to: &mut Vec<u8>, depth: u8) {
    let is_constructed = depth > 0 && random.one_in(2);
    let mut inner = Vec::new();
    if is_constructed {
        for _ in 0..random.between(1, 4) {
            ber(random, &mut inner, depth - 1);
        }
        to.push(random.pick(&[0x30, 0x31, 0xa0, 0xa1, 0x60, 0x64]));
    } else {
        inner = any(random, 200);
        to.push(random.pick(&[1, 2, 4, 5, 0x0a, 0x80, 0x81, 0x82, 0x87, 0x8a]));
    }
    ber_length(to, inner.len());
    to.extend(inner);
}

fn ber_length(to: &mut Vec<u8>, length: usize) {
    match length {
        ..=0x7f => to.push(length as u8),
        0x80..=0xff => to.extend([0x81, length as u8]),
        _ => {
            to.push(0x82);
            to.extend((length as u16).to_be_bytes());
        }
    }
}

fn dns(random: &mut Random, direction: Direction, to: &mut Vec<u8>) {
    let mut message = random.array::<2>().to_vec();
    let answers = if direction == ClientToServer { 0 } else { random.below(4) as u8 };
    message.extend(if direction == ClientToServer { [1, 0] } else { [0x81, 0x80] });
    message.extend([0, 1, 0, answers, 0, 0, 0, 0]);
    for label in ["www", "example", "org"] {
        message.push(label.len() as u8);
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    for _ in 0..answers {
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4]);
        message.extend(random.array::<4>());
    }
    to.extend((message.len() as u16).to_be_bytes());
    to.extend(message);
}

fn rfb(random: &mut Random, direction: Direction, to: &mut Vec<u8>) {
    if direction == ClientToServer {
        match random.below(3) {
            0 => to.extend([5, 0, 1, random.next() as u8, 0, random.next() as u8]),
            1 => to.extend([4, random.below(2) as u8, 0, 0, 0, 0, 0, random.next() as u8]),
            _ => to.extend([3, 1, 0, 0, 0, 0, 4, 0, 3, 0]),
        }
        return;
    }
    let (width, height) = (random.between(1, 20) as usize, random.between(1, 20) as usize);
    to.extend([0, 0, 0, 1, 0, 10, 0, 10, 0, width as u8, 0, height as u8, 0, 0, 0, 0]);
    let pixel = [random.pick(&[0, 0x82, 0xff]), random.pick(&[0, 0x81]), random.next() as u8, 0];
    for _ in 0..width * height {
        to.extend(if random.one_in(4) { random.array::<4>() } else { pixel });
    }
}
