//! Derailed streams made at random in many forms, each with the cause that it has to be given, and streams that
//! are healthy or come close.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::many_single_char_names,
    reason = "tests make their bytes themselves, and name those of a key as they are counted"
)]

use std::collections::BTreeMap;

use crate::findings::fixture::Scenario;
use crate::stream::Direction::{self, ClientToServer, ServerToClient};
use crate::testkit::frame::{compressor, deflate, frame, gzip, masked, plain, zlib};
use crate::testkit::random::Random;

/// A stream that a sender wrote after the handshake.
struct Made {
    /// What is varied.
    form: &'static str,
    bytes: Vec<u8>,
    /// Parameters of permessage-deflate, if it was agreed on.
    deflate: Option<&'static str>,
}

impl Made {
    fn new(form: &'static str, bytes: Vec<u8>) -> Self {
        Self { form, bytes, deflate: None }
    }
}

/// Makes streams of a sender.
struct Sender<'a> {
    random: &'a mut Random,
    direction: Direction,
}

impl Sender<'_> {
    fn key(&mut self) -> Option<[u8; 4]> {
        (self.direction == ClientToServer).then(|| self.random.array())
    }

    fn frame(&mut self, first: u8, payload: &[u8]) -> Vec<u8> {
        frame(first, self.key(), payload)
    }

    /// A frame whose header declares another length than the payload has.
    fn declaring(&mut self, first: u8, declared: usize, payload: &[u8]) -> Vec<u8> {
        let key = self.key();
        let header = frame(first, key, &vec![0; declared]);
        let sent = frame(first, key, payload);
        [&header[..header.len() - declared], &sent[sent.len() - payload.len()..]].concat()
    }

    /// So many healthy frames with short texts.
    fn healthy(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..count {
            let text = self.text(30);
            bytes.extend(self.frame(0x81, text.as_bytes()));
        }
        bytes
    }

    /// The same, from `least` to 3.
    fn some(&mut self, least: u64) -> Vec<u8> {
        let count = self.random.between(least, 3) as usize;
        self.healthy(count)
    }

    /// What is wrong between what is not.
    fn between(&mut self, wrong: &[u8]) -> Vec<u8> {
        [&self.some(0)[..], wrong, &self.some(1)].concat()
    }

    /// Words of one language or JSON, of about so many bytes.
    fn text(&mut self, length: usize) -> String {
        let words = self.random.pick(LANGUAGES);
        if words.is_empty() { self.json(length) } else { self.words(words, length) }
    }

    fn words(&mut self, words: &[&str], length: usize) -> String {
        let mut text = self.random.pick(words).to_owned();
        while text.len() < length {
            text.push(' ');
            text.push_str(self.random.pick(words));
        }
        text
    }

    fn json(&mut self, length: usize) -> String {
        let mut items = Vec::new();
        let mut total = 2;
        while total < length || items.is_empty() {
            let value = self.random.below(1 << 20);
            let item = format!("\"{}\":{value}", self.random.pick(ENGLISH));
            total += item.len() + 1;
            items.push(item);
        }
        format!("{{{}}}", items.join(","))
    }

    /// A length of 7, 16 or sometimes 64 bits.
    fn length(&mut self) -> usize {
        let most = self.random.pick(&[40, 100, 120, 400, 3_000, 20_000]);
        self.random.between(12, most) as usize
    }
}

const ENGLISH: &[&str] = &["the", "price", "of", "user", "message", "hello", "status", "item"];
const GERMAN: &[&str] = &["Grüße", "schöne", "aus", "Köln", "über", "Straße", "für", "Bäume"];
const CHINESE: &[&str] = &["你好", "世界", "今天", "天气", "很好", "我们", "消息"];
const JAPANESE: &[&str] = &["こんにちは", "世界", "ありがとう", "東京", "メッセージ"];
const RUSSIAN: &[&str] =
    &["привет", "мир", "сегодня", "хорошая", "погода", "сообщение", "как", "дела"];
const EMOJI: &[&str] = &["😀", "🎉👍", "ok", "🚀", "❤", "👩‍👩‍👧"];
const LANGUAGES: &[&[&str]] =
    &[ENGLISH, ENGLISH, GERMAN, CHINESE, JAPANESE, RUSSIAN, EMOJI, &[], &[]];

fn two_writers(s: &mut Sender<'_>) -> Made {
    let length = s.length();
    let outer = if s.random.one_in(4) {
        let content = s.random.bytes(length);
        s.frame(0x82, &content)
    } else {
        let content = s.json(length);
        s.frame(0x81, content.as_bytes())
    };
    let header = outer.len() - outer.len().min(length);
    let header = header.clamp(if s.direction == ClientToServer { 6 } else { 2 }, 14);
    let other = s.json(30);
    let inner = s.frame(0x81, other.as_bytes());
    let place = s.random.between(header as u64 + 1, outer.len() as u64 - 1) as usize;
    let (form, inner) = match s.random.below(3) {
        0 => ("a text within", inner),
        1 => ("a Ping within", s.frame(0x89, b"")),
        _ => ("two texts within", [inner, s.healthy(1)].concat()),
    };
    let form = if outer[0] == 0x82 { "within binary" } else { form };
    let mixed = [&outer[..place], &inner, &outer[place..]].concat();
    Made::new(form, s.between(&mixed))
}

fn headers_first(s: &mut Sender<'_>) -> Made {
    let lengths = [s.random.between(20, 100) as usize, s.random.between(20, 100) as usize];
    let [one, two] = lengths.map(|length| s.json(length));
    let (first, second) = (s.frame(0x81, one.as_bytes()), s.frame(0x81, two.as_bytes()));
    let cuts = [first.len() - one.len(), second.len() - two.len()];
    let mixed = [&first[..cuts[0]], &second[..cuts[1]], &first[cuts[0]..], &second[cuts[1]..]];
    Made::new("header, header, payload, payload", s.between(&mixed.concat()))
}

fn within_fragments(s: &mut Sender<'_>) -> Made {
    let text = s.json(200);
    let cut = text.len() / 2;
    let first = s.frame(0x01, &text.as_bytes()[..cut]);
    let last = s.frame(0x80, &text.as_bytes()[cut..]);
    let other = s.json(40);
    let inner = s.frame(0x81, other.as_bytes());
    let place = first.len() - s.random.between(1, cut as u64 - 1) as usize;
    let mixed = [&first[..place], &inner, &first[place..], &last].concat();
    Made::new("within a fragment", s.between(&mixed))
}

fn characters(s: &mut Sender<'_>) -> Made {
    let words = s.random.pick(&[GERMAN, CHINESE, JAPANESE, RUSSIAN, EMOJI]);
    let (length, is_utf16) = (s.length(), s.random.one_in(3));
    let mut text = s.words(words, length);
    if text.is_ascii() {
        text.push('é');
    }
    let count = if is_utf16 { text.encode_utf16().count() } else { text.chars().count() };
    let bytes = s.declaring(0x81, count, text.as_bytes());
    Made::new(if is_utf16 { "UTF-16 units" } else { "characters" }, s.between(&bytes))
}

fn overflow(s: &mut Sender<'_>) -> Made {
    let length = s.random.between(126, 2_000) as usize;
    let text = s.text(length);
    let key = s.key();
    let sent = frame(0x81, key, text.as_bytes());
    let low = (text.len() & 0xff) as u8;
    let mask = if key.is_some() { 0x80 } else { 0 };
    let (form, second) = match s.random.below(2) {
        0 => ("cut to 7 bits", low & 0x7f | mask),
        _ => ("cut to 8 bits", low | mask),
    };
    let payload = &sent[sent.len() - text.len()..];
    let wrong = [&[0x81, second][..], key.as_ref().map_or(&[], |key| &key[..]), payload].concat();
    Made::new(form, s.between(&wrong))
}

fn byte_order(s: &mut Sender<'_>) -> Made {
    let length = if s.random.one_in(6) { 66_000 } else { s.random.between(126, 5_000) as usize };
    let text = s.text(length);
    let mut wrong = s.frame(0x81, text.as_bytes());
    let form = if wrong[1] & 0x7f == 127 {
        wrong[2..10].reverse();
        "64 bits"
    } else {
        wrong[2..4].reverse();
        "16 bits"
    };
    if wrong[2] == wrong[3] && form == "16 bits" {
        return byte_order(s);
    }
    Made::new(form, s.between(&wrong))
}

fn off(s: &mut Sender<'_>) -> Made {
    let length = s.length();
    let text = s.text(length);
    let distance = s.random.between(1, 8) as usize;
    let is_more = s.random.one_in(2);
    let declared =
        if is_more { text.len() + distance } else { text.len() - distance.min(text.len() - 1) };
    let wrong = s.declaring(0x81, declared, text.as_bytes());
    let following = s.random.between(2, 4) as usize;
    let bytes = [s.some(0), wrong, s.healthy(following)].concat();
    Made::new(if is_more { "too many declared" } else { "too few declared" }, bytes)
}

fn ending(s: &mut Sender<'_>) -> Made {
    let length = s.length();
    let text = s.words(ENGLISH, length);
    let (form, ending) = s.random.pick(&[("NUL", "\0"), ("LF", "\n"), ("CRLF", "\r\n")]);
    let wrong = s.declaring(0x81, text.len(), [&text, ending].concat().as_bytes());
    Made::new(form, [s.some(0), wrong, s.healthy(2)].concat())
}

fn chunked(s: &mut Sender<'_>) -> Made {
    let extension = s.random.pick(&["", "", ";name=value", " "]);
    let mut bytes = Vec::new();
    for _ in 0..s.random.between(1, 4) {
        let frames = s.some(1);
        bytes.extend(format!("{:x}{extension}\r\n", frames.len()).into_bytes());
        bytes.extend(frames);
        bytes.extend(b"\r\n");
    }
    Made::new(if extension.is_empty() { "chunks" } else { "chunks with extensions" }, bytes)
}

fn coded(s: &mut Sender<'_>) -> Made {
    let count = s.random.between(2, 8) as usize;
    let frames = s.healthy(count);
    match s.random.below(2) {
        0 => Made::new("gzip", gzip(&frames)),
        _ => Made::new("zlib", zlib(&frames)),
    }
}

fn second_response(s: &mut Sender<'_>) -> Made {
    let status = s.random.pick(&[
        "404 Not Found",
        "502 Bad Gateway",
        "200 OK",
        "400 Bad Request",
        "101 Switching Protocols",
    ]);
    let version = s.random.pick(&["1.1", "1.1", "1.0"]);
    let body = s.random.pick(&["", "<html>no</html>", "{\"error\":\"no\"}"]);
    let length = body.len();
    let response = format!("HTTP/{version} {status}\r\nContent-Length: {length}\r\n\r\n{body}");
    Made::new("a response", [s.some(0), response.into_bytes()].concat())
}

fn not_marked(s: &mut Sender<'_>) -> Made {
    let takeover = s.random.one_in(2);
    let mut compress = compressor();
    let mut bytes = Vec::new();
    for _ in 0..s.random.between(0, 3) {
        let text = s.text(60);
        let payload = deflate(&mut compress, text.as_bytes());
        bytes.extend(s.frame(0xc1, &payload));
        if !takeover {
            compress = compressor();
        }
    }
    for _ in 0..s.random.between(1, 3) {
        let length = s.length();
        let text = s.text(length);
        let payload = deflate(&mut compress, text.as_bytes());
        bytes.extend(s.frame(0x81, &payload));
        if !takeover {
            compress = compressor();
        }
    }
    let none = "; server_no_context_takeover; client_no_context_takeover";
    let (form, params) = if takeover { ("not marked, takeover", "") } else { ("not marked", none) };
    Made { form, bytes, deflate: Some(params) }
}

fn not_compressed(s: &mut Sender<'_>) -> Made {
    let length = s.length();
    let text = s.text(length);
    let wrong = s.frame(0xc1, text.as_bytes());
    Made { form: "marked", bytes: wrong, deflate: Some("") }
}

fn masked_wrong(s: &mut Sender<'_>) -> Made {
    let length = s.length();
    let (text, key) = (s.text(length), s.random.array::<4>());
    let whole = frame(0x81, Some(key), text.as_bytes());
    let header = whole.len() - text.len();
    let [a, b, c, d] = key;
    let (form, used) = s.random.pick(&[
        ("rotated by 1", [b, c, d, a]),
        ("rotated by 2", [c, d, a, b]),
        ("rotated by 3", [d, a, b, c]),
        ("not masked", [0; 4]),
        ("reversed", [d, c, b, a]),
    ]);
    let masked = frame(0x81, Some(used), text.as_bytes());
    let wrong = [&whole[..header], &masked[header..]].concat();
    let declared: Vec<u8> =
        (masked[header..].iter().zip(key.iter().cycle())).map(|(byte, key)| byte ^ key).collect();
    if std::str::from_utf8(&declared).is_ok() {
        // Of a text that is valid either way, nothing shows it.
        return masked_wrong(s);
    }
    Made::new(form, [s.some(0), wrong].concat())
}

fn split(s: &mut Sender<'_>) -> Made {
    let words = s.random.pick(&[GERMAN, CHINESE, JAPANESE, RUSSIAN, EMOJI]);
    let text = s.words(words, 80) + "é😀é";
    let cuts: Vec<usize> = (1..text.len()).filter(|cut| !text.is_char_boundary(*cut)).collect();
    let cut = s.random.pick(&cuts);
    let (one, two) = text.as_bytes().split_at(cut);
    Made::new(
        "a character",
        [s.some(0), s.frame(0x81, one), s.frame(0x81, two), s.some(0)].concat(),
    )
}

fn encoded(s: &mut Sender<'_>) -> Made {
    let length = s.random.between(30, 200) as usize;
    let german = |s: &mut Sender<'_>| s.words(GERMAN, length);
    let russian = |s: &mut Sender<'_>| s.words(RUSSIAN, length);
    let of = |text: String, byte: fn(char) -> u8| text.chars().map(byte).collect::<Vec<u8>>();
    let (form, bytes) = match s.random.below(4) {
        0 => ("Latin-1", of(german(s) + " ü", |it| it as u32 as u8)),
        1 => (
            "Windows-1251",
            of(russian(s), |it| match it {
                'а'..='я' => (it as u32 - 0x430 + 0xe0) as u8,
                _ => it as u8,
            }),
        ),
        2 => (
            "KOI8-R",
            of(russian(s), |it| {
                let order = "юабцдефгхийклмнопярстужвьызшэщчъ";
                order.chars().position(|other| other == it).map_or(it as u8, |at| 0xc0 + at as u8)
            }),
        ),
        _ => ("UTF-16", {
            let text = s.words(ENGLISH, length) + "ö and more";
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        }),
    };
    Made::new(form, [s.some(0), s.frame(0x81, &bytes)].concat())
}

fn unframed(s: &mut Sender<'_>) -> Made {
    let length = s.random.between(10, 600) as usize;
    match s.random.below(2) {
        0 => Made::new("lines", (s.words(ENGLISH, length) + "\r\n").repeat(3).into_bytes()),
        _ => Made::new("JSON", (s.json(length) + "\n").into_bytes()),
    }
}

fn healthy(s: &mut Sender<'_>) -> Made {
    let mut bytes = s.some(0);
    for _ in 0..s.random.between(1, 6) {
        let length = s.length();
        let text = s.text(length).into_bytes();
        let noise = s.random.bytes(length);
        let cut = s.random.below(text.len());
        let within = s.frame(0x81, b"a frame within");
        bytes.extend(match s.random.below(5) {
            0 => s.frame(0x81, &text),
            1 => s.frame(0x82, &noise),
            2 => [s.frame(1, &text[..cut]), s.frame(0x89, b"x"), s.frame(0x80, &text[cut..])]
                .concat(),
            3 => s.frame(0x82, &[&noise, &within[..], &noise].concat()),
            _ => s.frame(0x8a, b""),
        });
    }
    Made::new("healthy", bytes)
}

fn died(s: &mut Sender<'_>) -> Made {
    let length = s.length();
    let text = s.text(length);
    let last = s.frame(0x81, text.as_bytes());
    let cut = s.random.between(1, last.len() as u64 - 1) as usize;
    Made::new("died within a frame", [&s.some(1)[..], &last[..cut]].concat())
}

fn garbage(s: &mut Sender<'_>) -> Made {
    let length = s.random.between(20, 2_000) as usize;
    Made::new("garbage", [s.some(1), s.random.bytes(length)].concat())
}

fn bad_text(s: &mut Sender<'_>) -> Made {
    let length = s.random.between(8, 200) as usize;
    let noise = s.random.bytes(length);
    Made::new("a text of noise", [s.some(0), s.frame(0x81, &noise), s.some(0)].concat())
}

fn tls(s: &mut Sender<'_>) -> Made {
    let noise = s.random.bytes(300);
    Made::new("TLS records", [s.some(1), b"\x17\x03\x03\x01\x2c".to_vec(), noise].concat())
}

type Maker = fn(&mut Sender<'_>) -> Made;

const KINDS: &[(&str, Maker)] = &[
    ("WHY-01", two_writers),
    ("WHY-01", headers_first),
    ("WHY-01", within_fragments),
    ("WHY-02", characters),
    ("WHY-03", overflow),
    ("WHY-04", byte_order),
    ("WHY-05", off),
    ("WHY-05", ending),
    ("WHY-06", chunked),
    ("WHY-06", coded),
    ("WHY-08", second_response),
    ("WHY-09", not_marked),
    ("WHY-09", not_compressed),
    ("WHY-10", masked_wrong),
    ("WHY-11", split),
    ("WHY-12", encoded),
    ("WHY-13", unframed),
];

const WITHOUT_CAUSE: &[Maker] = &[healthy, died, garbage, bad_text, tls];

/// Causes that are found on a connection with this stream.
fn causes(made: &Made, direction: Direction, random: &mut Random) -> Vec<String> {
    let mut scenario = Scenario::new();
    match made.deflate {
        Some(params) => scenario.deflated(params),
        None => scenario.upgraded(),
    };
    let mut rest = &made.bytes[..];
    while !rest.is_empty() {
        let most = random.pick(&[7, 100, 1_400, 1_400]);
        let (segment, later) = rest.split_at(rest.len().min(random.between(1, most) as usize));
        scenario.segment(direction, segment).acknowledge(direction.reverse());
        rest = later;
    }
    match direction {
        ClientToServer => scenario.server(&plain(0x88, b"\x03\xea")),
        ServerToClient => scenario.client(&masked(0x88, b"\x03\xea")),
    };
    scenario.reset(crate::stream::Side::sender(direction.reverse()));
    scenario.causes()
}

#[test]
fn generated_streams_are_given_their_cause() {
    let mut random = Random(1);
    // How many of each form there were, and what was found instead.
    let mut found: BTreeMap<(&str, &str), (usize, Vec<String>)> = BTreeMap::new();
    for ((expected, make), round) in
        KINDS.iter().flat_map(|kind| (0..ROUNDS).map(move |it| (kind, it)))
    {
        let is_server = *expected == "WHY-08" || round % 2 == 0;
        let direction = if is_server { ServerToClient } else { ClientToServer };
        let made = make(&mut Sender { random: &mut random, direction });
        let first = causes(&made, direction, &mut random).first().cloned().unwrap_or_default();
        let (count, wrong) = found.entry((expected, made.form)).or_default();
        *count += 1;
        let side = crate::stream::Side::sender(direction).name();
        if first != format!("{expected} {side}") {
            wrong.push(format!("{first} of {side}, {} bytes", made.bytes.len()));
        }
    }
    for (id, _) in KINDS {
        let of_kind = || found.iter().filter(|((of, _), _)| of == id);
        let count: usize = of_kind().map(|(_, (count, _))| count).sum();
        let wrong: usize = of_kind().map(|(_, (_, wrong))| wrong.len()).sum();
        let all: Vec<_> = of_kind().collect();
        assert!(wrong * 20 <= count, "{wrong} of {count}: {all:#?}");
    }
}

#[test]
fn streams_without_a_cause_are_given_none() {
    let mut random = Random(2);
    for (make, round) in WITHOUT_CAUSE.iter().flat_map(|make| (0..ROUNDS).map(move |it| (make, it)))
    {
        let direction = Direction::BOTH[round % 2];
        let made = make(&mut Sender { random: &mut random, direction });
        let found = causes(&made, direction, &mut random);
        let of_bytes = found.iter().find(|id| id.as_str() < "WHY-14");
        assert_eq!(of_bytes, None, "{} {direction:?}: {:02x?}", made.form, made.bytes);
    }
}

/// Streams of each kind.
const ROUNDS: usize = 40;
