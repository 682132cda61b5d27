//! WHY-12: text in another encoding than UTF-8.

use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::words::packets_in_words;
use crate::stream::{Direction, Side};
use crate::websocket::Opcode;

/// WHY-12.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-12",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "text sent in another encoding than UTF-8",
    section: "RFC 6455 §5.6, §8.1",
    explanation: "A text message must be UTF-8. The bytes of this one are not, but they are plausible text \
        in another encoding: words of letters, with the bytes above 7f where that encoding has letters \
        of one script.",
    remedy: "Encode the text as UTF-8 before it is sent (Java: getBytes(StandardCharsets.UTF_8); C#: \
        Encoding.UTF8; Python: str.encode(); PHP: mb_convert_encoding), or send the bytes as a binary \
        message if the receiver expects that encoding.",
    example: Example::Text("server: a text with the bytes 47 72 fc df 65"),
    explains: Some(
        Cause::of_stream(1_122, "text in another encoding")
            .explaining(&["WS-M01", "WS-C17", "WS-C16", "WS-C12", "NET-07", "WS-C09"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        for direction in Direction::BOTH {
            let sender = Side::sender(direction);
            let is_wrong = |past: &&_| is_invalid_text(past, direction);
            let Some(past) = context.subject.past.iter().find(is_wrong) else { continue };
            let recent = &context.subject.state.sides.get(direction).recent;
            let message = recent.backwards().find(|message| {
                let is_inside = past.span.is_some_and(|span| {
                    message.span.start <= span.start && span.start < message.span.end
                });
                let is_invalid = std::str::from_utf8(&message.content).is_err();
                message.opcode == Opcode::Text && (is_inside || is_invalid)
            });
            let Some(message) = message else { continue };
            let Some((encoding, text)) = read_otherwise(&message.content) else { continue };
            violations
                .add(format!(
                    "read as {encoding}, the text of {} is {text:?}",
                    packets_in_words(message.span)
                ))
                .direction(direction)
                .side(sender)
                .span(past.span.unwrap_or(message.span));
            return;
        }
    })],
}];

/// Whether a finding is about a text in a direction that is not UTF-8.
fn is_invalid_text(
    past: &crate::findings::state::past_findings::PastFinding,
    direction: Direction,
) -> bool {
    past.rule.id == "WS-M01" && past.direction == Some(direction)
}

/// The text that the bytes are in another encoding, if that is plausible.
fn read_otherwise(bytes: &[u8]) -> Option<(&'static str, String)> {
    let high = bytes.iter().filter(|byte| **byte >= 0x80).count();
    let is_printable = |byte: &u8| *byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r');
    if high == 0 || !bytes.iter().all(is_printable) {
        return utf16(bytes);
    }
    let western = decode(bytes, &LATIN_1);
    if high.saturating_mul(4) <= bytes.len() && is_western(bytes, &western) {
        return Some(("ISO-8859-1 (Latin-1) or Windows-1252", western));
    }
    CYRILLIC.iter().find_map(|(name, table)| {
        let cyrillic = decode(bytes, table);
        is_cyrillic(bytes, &cyrillic).then_some((*name, cyrillic))
    })
}

/// Reads each byte above 7f by a table.
fn decode(bytes: &[u8], table: &dyn Fn(u8) -> char) -> String {
    bytes
        .iter()
        .map(|byte| if byte.is_ascii() { char::from(*byte) } else { table(*byte) })
        .collect()
}

const LATIN_1: fn(u8) -> char = |byte| match byte {
    0x80 => '€',
    0x85 => '…',
    0x91 | 0x92 => '’',
    0x93 | 0x94 => '”',
    0x96 | 0x97 => '–',
    0x81..=0x84 | 0x86..=0x90 | 0x95 | 0x98..=0x9f => char::REPLACEMENT_CHARACTER,
    _ => char::from(byte),
};

/// An encoding, and what the bytes above 7f mean in it.
type Encoding = (&'static str, fn(u8) -> char);

/// Encodings of Cyrillic text.
const CYRILLIC: &[Encoding] =
    &[("Windows-1251", WINDOWS_1251), ("KOI8-R", KOI8_R), ("ISO-8859-5", ISO_8859_5)];

/// RFC 1489: letters in the order of the Latin ones that they sound like, small ones first.
const KOI8_R: fn(u8) -> char = |byte| {
    let small = |at: u8| "юабцдефгхийклмнопярстужвьызшэщчъ".chars().nth(usize::from(at));
    let letter = match byte {
        0xc0..=0xdf => small(byte - 0xc0),
        0xe0..=0xff => small(byte - 0xe0).and_then(|letter| letter.to_uppercase().next()),
        0xa3 => Some('ё'),
        0xb3 => Some('Ё'),
        _ => None,
    };
    letter.unwrap_or(char::REPLACEMENT_CHARACTER)
};

const ISO_8859_5: fn(u8) -> char = |byte| match byte {
    0xb0..=0xef => {
        char::from_u32(0x410 + u32::from(byte) - 0xb0).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
    0xa1 => 'Ё',
    0xf1 => 'ё',
    0xf0 => '№',
    _ => char::REPLACEMENT_CHARACTER,
};

const WINDOWS_1251: fn(u8) -> char = |byte| match byte {
    0xc0..=0xff => {
        char::from_u32(0x410 + u32::from(byte) - 0xc0).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
    0xa8 => 'Ё',
    0xb8 => 'ё',
    0xb9 => '№',
    0xab => '«',
    0xbb => '»',
    0x96 | 0x97 => '–',
    _ => char::REPLACEMENT_CHARACTER,
};

/// Whether most bytes above 7f are letters of Latin-1 within words of ASCII letters.
fn is_western(bytes: &[u8], text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let accented = |letter: char| {
        ('À'..='ÿ').contains(&letter) && !matches!(letter, '×' | '÷')
            || matches!(
                letter,
                '€' | '’' | '”' | '–' | '…' | '°' | '§' | '«' | '»' | '£' | '©' | '®' | '²'
            )
    };
    let high = bytes.iter().filter(|byte| **byte >= 0x80).count();
    let all_known = letters.iter().filter(|it| !it.is_ascii()).all(|it| accented(*it));
    let within = (0..letters.len()).filter(|at| {
        let near = |step: isize| {
            at.checked_add_signed(step)
                .and_then(|it| letters.get(it))
                .is_some_and(char::is_ascii_alphabetic)
        };
        letters.get(*at).is_some_and(|it| !it.is_ascii()) && (near(-1) || near(1))
    });
    let words = letters.iter().filter(|it| it.is_ascii_alphabetic() || **it == ' ').count();
    all_known
        && within.count().saturating_mul(3) >= high.saturating_mul(2)
        && words.saturating_mul(2) >= letters.len()
}

/// Whether nearly all letters are Cyrillic, as words are: small letters after an initial one.
fn is_cyrillic(bytes: &[u8], text: &str) -> bool {
    let high = bytes.iter().filter(|byte| **byte >= 0x80).count();
    let is_letter = |it: &char| ('А'..='я').contains(it) || matches!(it, 'Ё' | 'ё');
    let letters = text.chars().filter(is_letter).count();
    let small = text.chars().filter(|it| ('а'..='я').contains(it) || *it == 'ё').count();
    let vowels = text.chars().filter(|it| "аеиоуыэюяАЕИОУЫЭЮЯ".contains(*it)).count();
    let is_known = !text.contains(char::REPLACEMENT_CHARACTER);
    is_known
        && high >= 6
        && letters.saturating_mul(10) >= high.saturating_mul(9)
        && small.saturating_mul(4) >= letters.saturating_mul(3)
        && (letters / 4..=letters * 3 / 5).contains(&vowels)
}

/// Text of ASCII and Latin-1 letters in UTF-16, in either byte order.
fn utf16(bytes: &[u8]) -> Option<(&'static str, String)> {
    if bytes.len() < 8 || !bytes.len().is_multiple_of(2) {
        return None;
    }
    let pairs = || bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
    let little: Vec<u16> = pairs().map(u16::from_le_bytes).collect();
    let big: Vec<u16> = pairs().map(u16::from_be_bytes).collect();
    for (name, units) in [("UTF-16 (little endian)", little), ("UTF-16 (big endian)", big)] {
        let plain = units.iter().filter(|unit| (0x20..0x7f).contains(*unit)).count();
        if plain.saturating_mul(4) >= units.len().saturating_mul(3) {
            return String::from_utf16(&units).ok().map(|text| (name, text));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes, masked, plain};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "German words in Latin-1", near: &[], fires: &["WHY-12 server"], play: |s| {
            s.upgraded().server(&plain(0x81, b"Sch\xf6ne Gr\xfc\xdfe aus K\xf6ln")).client(&masked(0x88, b"\x03\xef"));
        }},
        RuleCase { name: "Russian words in Windows-1251", near: &[], fires: &["WHY-12 client"], play: |s| {
            s.upgraded().client(&masked(0x81, b"\xcf\xf0\xe8\xe2\xe5\xf2, \xea\xe0\xea \xe4\xe5\xeb\xe0 \xf1\xe5\xe3\xee\xe4\xed\xff")).server(&plain(0x88, b"\x03\xef"));
        }},
        RuleCase { name: "Russian words in KOI8-R", near: &[], fires: &["WHY-12 server"], play: |s| {
            s.upgraded().server(&plain(0x81, b"\xf0\xd2\xc9\xd7\xc5\xd4, \xcb\xc1\xcb \xc4\xc5\xcc\xc1 \xd3\xc5\xc7\xcf\xc4\xce\xd1")).client(&masked(0x88, b"\x03\xef"));
        }},
        RuleCase { name: "bytes that are not text at all", near: &["WHY-12"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"\x91\xf3\x80\xc7\x1f\x00\xd9\xee\xfa\x82\x93\x07")).client(&masked(0x88, b"\x03\xef"));
        }},
        RuleCase { name: "UTF-8", near: &["WHY-12"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, "Schöne Grüße".as_bytes())).close();
        }},
    ];

    #[test]
    fn text_in_other_encodings_is_named() {
        check_causes(&[RULES], CASES);
    }
}
