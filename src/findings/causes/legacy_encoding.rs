//! Text in a legacy encoding (WHATWG Encoding Standard), if its bytes are plausible text in it.
//!
//! Nearly any bytes are text in some encoding. An encoding is believed only if what it gives looks like words: letters
//! of one script where the bytes above 7f are, and none that the language hardly uses.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GBK, ISO_8859_5, KOI8_U, SHIFT_JIS, UTF_16BE, UTF_16LE,
    WINDOWS_1251, WINDOWS_1252,
};

/// The name of an encoding in which bytes are plausible text, and this text.
pub(super) fn read(bytes: &[u8]) -> Option<(&'static str, String)> {
    let is_printable = |byte: &u8| *byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r');
    if bytes.is_ascii() || !bytes.iter().all(is_printable) {
        return utf16(bytes);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    // A few words are too few for a guess among the encodings of Cyrillic: each is tried.
    let candidates = [guess, WINDOWS_1252, WINDOWS_1251, KOI8_U, ISO_8859_5];
    let western = WINDOWS_1252.decode_without_bom_handling_and_without_replacement(bytes);
    candidates.into_iter().find_map(|encoding| {
        let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
        let encoding = if western.as_ref() == Some(&text) { WINDOWS_1252 } else { encoding };
        is_plausible(encoding, bytes, &text).then(|| (name(encoding), text.into_owned()))
    })
}

/// The name of an encoding, with those that a few words do not tell from it.
fn name(encoding: &'static Encoding) -> &'static str {
    if encoding == WINDOWS_1252 {
        "ISO-8859-1 (Latin-1) or Windows-1252"
    } else if encoding == WINDOWS_1251 {
        "Windows-1251"
    } else if encoding == KOI8_U {
        "KOI8-R"
    } else {
        encoding.name()
    }
}

/// Whether text is words in the script of its encoding.
fn is_plausible(encoding: &'static Encoding, bytes: &[u8], text: &str) -> bool {
    if let Some(table) = EAST_ASIAN.iter().find(|table| table.encoding == encoding) {
        return table.is_plausible(bytes);
    }
    is_latin(text)
        || is_apart(text)
            && (is_cyrillic(text) || LETTERS.iter().any(|letters| is_of(text, *letters)))
}

/// Whether words of ASCII letters and of others are apart.
fn is_apart(text: &str) -> bool {
    let pairs = || text.chars().zip(text.chars().skip(1));
    let mixed = pairs()
        .filter(|(a, b)| a.is_alphabetic() && b.is_alphabetic() && a.is_ascii() != b.is_ascii());
    mixed.count().saturating_mul(10) <= foreign(text).count()
}

/// Characters above 7f.
fn foreign(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|it| !it.is_ascii())
}

/// Whether characters above 7f are Latin letters within words of ASCII letters, but for a few signs.
fn is_latin(text: &str) -> bool {
    let is_known = |it: char| {
        ('À'..='ž').contains(&it) && !matches!(it, '×' | '÷')
            || "ȘșȚț€’”“‘–—…°§«»£©®²„".contains(it)
    };
    let letters: Vec<char> = text.chars().collect();
    let is_word = |at: Option<usize>| {
        at.and_then(|at| letters.get(at)).is_some_and(char::is_ascii_alphabetic)
    };
    let high = foreign(text).count();
    let within = letters.iter().enumerate().filter(|(at, it)| {
        !it.is_ascii() && (is_word(at.checked_sub(1)) || is_word(at.checked_add(1)))
    });
    let words = letters.iter().filter(|it| it.is_ascii_alphabetic() || **it == ' ').count();
    high.saturating_mul(4) <= letters.len()
        && foreign(text).all(is_known)
        && within.count().saturating_mul(3) >= high.saturating_mul(2)
        && words.saturating_mul(2) >= letters.len()
}

/// Whether nearly all characters above 7f are Cyrillic, as in words: small letters after an initial one, and vowels.
fn is_cyrillic(text: &str) -> bool {
    let is_letter = |it: &char| ('А'..='я').contains(it) || "ЁёЇїІіЄєҐґЎў".contains(*it);
    let letters = foreign(text).filter(is_letter).count();
    let small = foreign(text).filter(|it| it.is_lowercase()).count();
    let vowels = foreign(text).filter(|it| "аеиоуыэюяїієАЕИОУЫЭЮЯЇІЄ".contains(*it)).count();
    letters >= LEAST
        && letters.saturating_mul(10) >= foreign(text).count().saturating_mul(9)
        && small.saturating_mul(4) >= letters.saturating_mul(3)
        && (letters / 4..=letters.saturating_mul(3) / 5).contains(&vowels)
}

/// Letters of scripts whose encodings have one byte for each: Greek, Hebrew, Arabic, Thai.
const LETTERS: &[[char; 2]] =
    &[['Ά', 'ώ'], ['א', 'ת'], ['\u{60c}', '\u{652}'], ['\u{e01}', '\u{e5b}']];

/// Whether nearly all characters above 7f are of one range.
fn is_of(text: &str, [first, last]: [char; 2]) -> bool {
    let letters = foreign(text).filter(|it| (first..=last).contains(it)).count();
    letters >= LEAST && letters.saturating_mul(10) >= foreign(text).count().saturating_mul(9)
}

/// Letters that show a script of one byte for each, at least.
const LEAST: usize = 6;

/// An encoding of two bytes for a character: where it has those that are common, in the order of its bytes.
struct EastAsian {
    encoding: &'static Encoding,
    /// Common letters or characters, and signs.
    common: &'static [[u16; 2]],
    /// Those of which every text has some, such as kana in Japanese.
    required: &'static [[u16; 2]],
}

/// Rows of the national standards: signs and full-width letters first, then kana or Hangul, then the ideographs of
/// level 1, which are nearly all that are used.
const EAST_ASIAN: &[EastAsian] = &[
    EastAsian {
        encoding: SHIFT_JIS,
        common: &[[0x8140, 0x81fc], [0x824f, 0x82f1], [0x8340, 0x8396], [0x889f, 0x9872]],
        required: &[[0x829f, 0x82f1], [0x8340, 0x8396]],
    },
    EastAsian {
        encoding: EUC_JP,
        common: &[[0xa1a1, 0xa3fe], [0xa4a1, 0xa5f6], [0xb0a1, 0xcfd3]],
        required: &[[0xa4a1, 0xa5f6]],
    },
    EastAsian {
        encoding: EUC_KR,
        common: &[[0xa1a1, 0xa3fe], [0xb0a1, 0xc8fe]],
        required: &[[0xb0a1, 0xc8fe]],
    },
    EastAsian {
        encoding: GBK,
        common: &[[0xa1a1, 0xa3fe], [0xb0a1, 0xd7f9]],
        required: &[[0xb0a1, 0xd7f9]],
    },
    EastAsian {
        encoding: BIG5,
        common: &[[0xa140, 0xa3bf], [0xa440, 0xc67e]],
        required: &[[0xa440, 0xc67e]],
    },
];

impl EastAsian {
    /// Whether nearly all characters of two bytes are common ones, and a fifth of them are those that every text has.
    fn is_plausible(&self, bytes: &[u8]) -> bool {
        let (mut all, mut common, mut required) = (0_usize, 0_usize, 0_usize);
        let mut rest = bytes;
        while let Some((lead, after)) = rest.split_first() {
            rest = after;
            if lead.is_ascii() {
                continue;
            }
            let Some((trail, after)) = after.split_first() else { break };
            rest = after;
            let pair = u16::from_be_bytes([*lead, *trail]);
            let is_in =
                |ranges: &[[u16; 2]]| ranges.iter().any(|[from, to]| (*from..=*to).contains(&pair));
            all = all.saturating_add(1);
            common = common.saturating_add(usize::from(is_in(self.common)));
            required = required.saturating_add(usize::from(is_in(self.required)));
        }
        all >= LEAST_PAIRS
            && common.saturating_mul(10) >= all.saturating_mul(9)
            && required.saturating_mul(5) >= all
    }
}

/// Characters of two bytes that show an encoding, at least.
const LEAST_PAIRS: usize = 4;

/// Text of ASCII and Latin-1 letters in UTF-16, in either byte order.
fn utf16(bytes: &[u8]) -> Option<(&'static str, String)> {
    if bytes.len() < 8 || !bytes.len().is_multiple_of(2) {
        return None;
    }
    [("UTF-16 (little endian)", UTF_16LE), ("UTF-16 (big endian)", UTF_16BE)].into_iter().find_map(
        |(name, encoding)| {
            let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
            let plain = text.chars().filter(|it| (' '..='~').contains(it)).count();
            (plain.saturating_mul(4) >= text.chars().count().saturating_mul(3))
                .then(|| (name, text.into_owned()))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text, and how it is encoded.
    const TEXTS: &[(&str, &str, &Encoding)] = &[
        ("ISO-8859-1 (Latin-1) or Windows-1252", "Schöne Grüße aus Köln", WINDOWS_1252),
        ("Windows-1251", "Привет, как дела сегодня", WINDOWS_1251),
        ("KOI8-R", "Привет, как дела сегодня", KOI8_U),
        ("ISO-8859-5", "Привет, как дела сегодня", ISO_8859_5),
        ("windows-1253", "Καλημέρα σας, τι κάνετε σήμερα", encoding_rs::WINDOWS_1253),
        ("windows-1255", "שלום לכולם מה שלומכם", encoding_rs::WINDOWS_1255),
        ("windows-1256", "مرحبا بكم في الموقع", encoding_rs::WINDOWS_1256),
        ("windows-1250", "Dzień dobry, czy mogę zamówić bilet", encoding_rs::WINDOWS_1250),
        ("GBK", "{\"msg\":\"你好，欢迎来到聊天室，请先登录\"}", GBK),
        ("Big5", "{\"msg\":\"歡迎來到聊天室，請先登入系統\"}", BIG5),
        ("Shift_JIS", "{\"msg\":\"こんにちは、ようこそ。ログインしてください\"}", SHIFT_JIS),
        ("EUC-JP", "{\"msg\":\"こんにちは、ようこそ。ログインしてください\"}", EUC_JP),
        ("EUC-KR", "{\"msg\":\"안녕하세요 반갑습니다 로그인 해주세요\"}", EUC_KR),
        ("UTF-16 (little endian)", "{\"price\":\"12 €\"}", UTF_16LE),
    ];

    #[test]
    fn plausible_text_is_read_in_its_encoding() {
        for (name, text, encoding) in TEXTS {
            let bytes = if *encoding == UTF_16LE {
                text.encode_utf16().flat_map(u16::to_le_bytes).collect()
            } else {
                encoding.encode(text).0.into_owned()
            };
            assert_eq!(read(&bytes), Some((*name, (*text).to_owned())), "{name}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_not_read() {
        let mut random = crate::testkit::random::Random(12);
        for length in 4..40 {
            for _ in 0..200 {
                // The worst: without control characters, which no text has.
                let bytes: Vec<u8> =
                    random.bytes(length * 2).into_iter().filter(|byte| *byte >= 0x20).collect();
                let read = read(&bytes);
                assert!(read.is_none() || bytes.len() < 12, "{bytes:02x?} as {read:?}");
            }
        }
    }
}
