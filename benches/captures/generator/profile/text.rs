//! Words and JSON.

use std::io::Write;

use super::super::testkit::random::Random;

/// Appends words until at least `length` bytes have come, then cuts at a character.
pub(super) fn sentence(random: &mut Random, length: usize, text: &mut Vec<u8>) {
    let end = text.len() + length;
    loop {
        let word = random.pick(WORDS).as_bytes();
        if text.len() + word.len() > end {
            break;
        }
        text.extend_from_slice(word);
    }
    text.resize(end, b'.');
}

/// Appends a chat message of `length` bytes: JSON where there is room for it.
pub(super) fn chat(random: &mut Random, length: usize, text: &mut Vec<u8>) {
    const HEAD: &[u8] = br#"{"type":"say","text":""#;
    if length < HEAD.len() + 2 {
        return sentence(random, length, text);
    }
    text.extend_from_slice(HEAD);
    sentence(random, length - HEAD.len() - 2, text);
    text.extend_from_slice(b"\"}");
}

/// Appends a JSON array of quotes of at least `length` bytes.
pub(super) fn quotes(random: &mut Random, length: usize, text: &mut Vec<u8>) {
    text.extend_from_slice(br#"{"channel":"quotes","data":["#);
    while text.len() < length {
        let bits = random.next();
        let symbol = SYMBOLS[(bits % 16) as usize];
        let price = 1_000 + (bits >> 8) % 90_000;
        let size = (bits >> 32) % 500;
        let side = if bits >> 63 == 0 { "bid" } else { "ask" };
        let sequence = bits >> 44 & 0xffff;
        // Writing to a vector cannot fail.
        write!(
            text,
            r#"{{"symbol":"{symbol}","side":"{side}","price":{}.{:02},"size":{size},"sequence":{sequence}}},"#,
            price / 100,
            price % 100
        )
        .ok();
    }
    text.pop();
    text.extend_from_slice(b"]}");
}

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "hello ", "the ", "order ", "is ", "ready ", "at ", "table ", "seven ", "please ", "send ", "new ", "price ",
    "for ", "this ", "room ", "who ", "has ", "seen ", "my ", "update ", "again ", "later ", "thanks ", "yes ",
    "no ", "maybe ", "tomorrow ", "and ", "with ", "from ", "straße ", "café ", "日本語 ", "✓ ", "🚀 ", "привет ",
];

#[rustfmt::skip]
const SYMBOLS: [&str; 16] = [
    "BTC-EUR", "ETH-EUR", "SOL-EUR", "ADA-EUR", "XRP-EUR", "DOT-EUR", "LTC-EUR", "BCH-EUR",
    "BTC-USD", "ETH-USD", "SOL-USD", "ADA-USD", "XRP-USD", "DOT-USD", "LTC-USD", "BCH-USD",
];
