//! Parsing bytes in the notations of people and programs.

/// Parses bytes written in hexadecimal in one of the common notations; `None` if they are not, or if
/// there are none.
///
/// - Digits in pairs, with or without spaces, line ends, commas, colons or hyphens between them.
/// - Numbers with `0x`, optionally in an array of C or another language.
/// - Strings with `\x81`, of C, Python or a shell; characters that are not escaped mean themselves.
/// - Lines of `hexdump -C`, `xxd`, `tcpdump -X` or Wireshark, with offsets before and text after the bytes.
pub(super) fn from_text(text: &str) -> Option<Vec<u8>> {
    let bytes =
        if text.contains("\\x") { escaped(text) } else { dumped(text).or_else(|| listed(text)) };
    bytes.filter(|bytes| !bytes.is_empty())
}

/// Parses digits with separators between them.
fn listed(text: &str) -> Option<Vec<u8>> {
    let inner = text.split_once('{').map_or(text, |(_, inner)| inner);
    let inner = inner.split_once('}').map_or(inner, |(inner, _)| inner);
    let mut bytes = Vec::new();
    for word in inner.split(is_separator).filter(|word| !word.is_empty()) {
        match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
            // 0x5 is a byte; a single 5 is ambiguous.
            Some(digit) if digit.len() == 1 => bytes.push(u8::from_str_radix(digit, 16).ok()?),
            Some(digits) => pairs(digits, &mut bytes)?,
            None => pairs(word, &mut bytes)?,
        }
    }
    Some(bytes)
}

fn is_separator(letter: char) -> bool {
    letter.is_whitespace() || ",;:-[]()&\"'".contains(letter)
}

/// Appends pairs of digits.
fn pairs(digits: &str, bytes: &mut Vec<u8>) -> Option<()> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    for [high, low] in pairs {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?);
    }
    Some(())
}

/// Parses a string with escapes.
///
/// Spaces and commas are bytes inside quotes, but not outside. Without quotes they are bytes unless
/// nothing else is between the escapes.
fn escaped(text: &str) -> Option<Vec<u8>> {
    let quote = text.chars().find(|letter| matches!(letter, '"' | '\''));
    let mut bytes = Vec::new();
    let mut gaps = Vec::new();
    let mut within = false;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => bytes.push(escape(&mut letters)?),
            _ if Some(letter) == quote => within = !within,
            _ if quote.is_none() => {
                gaps.push(bytes.len());
                bytes.push(u8::try_from(letter).ok().filter(u8::is_ascii)?);
            }
            _ if within => bytes.push(u8::try_from(letter).ok().filter(u8::is_ascii)?),
            // Outside quotes: a prefix such as b"", and what separates strings.
            _ if letter.is_whitespace() || "b$,;=()[]{}".contains(letter) => {}
            _ => return None,
        }
    }
    let is_gap = |place: &usize| bytes.get(*place).is_some_and(|byte| b" ,\r\n\t".contains(byte));
    if !gaps.is_empty() && gaps.iter().all(is_gap) {
        bytes = bytes
            .iter()
            .enumerate()
            .filter(|(place, _)| !gaps.contains(place))
            .map(|(_, byte)| *byte)
            .collect();
    }
    Some(bytes)
}

/// Parses what follows a backslash.
fn escape(letters: &mut std::str::Chars<'_>) -> Option<u8> {
    Some(match letters.next()? {
        'x' => {
            let high = letters.next()?.to_digit(16)?;
            let low = letters.next()?.to_digit(16)?;
            u8::try_from(high << 4 | low).ok()?
        }
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'a' => 0x07,
        'b' => 0x08,
        'v' => 0x0b,
        'f' => 0x0c,
        '0' => 0,
        'e' => 0x1b,
        letter @ ('\\' | '"' | '\'') => u8::try_from(letter).ok()?,
        _ => return None,
    })
}

/// Parses lines with an offset before the bytes.
fn dumped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut first = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (offset, rest) = offset(line)?;
        let first = *first.get_or_insert(offset);
        if offset.checked_sub(first)? != bytes.len() {
            return None;
        }
        row(rest, &mut bytes)?;
    }
    Some(bytes)
}

/// Splits a line into its offset and the rest.
///
/// An offset has four digits or more, then a colon and a space, or two spaces, or nothing (as in the
/// last line of hexdump). Without a colon it must begin with 0, since it could be bytes.
fn offset(line: &str) -> Option<(usize, &str)> {
    let (word, rest) =
        line.split_at_checked(line.find(char::is_whitespace).unwrap_or(line.len()))?;
    let digits = word.strip_suffix(':').unwrap_or(word);
    let is_marked = digits.len() < word.len();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let is_offset = digits.len() >= OFFSET_DIGITS
        && (is_marked || (digits.starts_with('0') && (rest.is_empty() || rest.starts_with("  "))));
    let offset = usize::from_str_radix(digits, 16).ok()?;
    is_offset.then(|| (offset, rest.trim_start()))
}

/// Parses one row of bytes, up to the text after them.
fn row(row: &str, bytes: &mut Vec<u8>) -> Option<()> {
    let mut rest = row.split('|').next().unwrap_or(row).trim_end();
    let has_bars = row.contains('|');
    let mut count: usize = 0;
    while !rest.is_empty() && count < ROW_BYTES {
        let end = rest.find(' ').unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end)?;
        let before = bytes.len();
        pairs(word, bytes)?;
        count = count.saturating_add(bytes.len().saturating_sub(before));
        let gap = after.len().saturating_sub(after.trim_start().len());
        // A wide gap ends the bytes, except for the one in the middle of sixteen.
        if !has_bars && gap > 1 && !(gap == 2 && count == ROW_BYTES / 2) {
            break;
        }
        rest = after.trim_start();
    }
    Some(())
}

/// The least digits of an offset.
const OFFSET_DIGITS: usize = 4;

/// Bytes in a row of a dump.
const ROW_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    const COUNTED: &[u8] =
        &[0x82, 0x10, 0, 1, 2, 3, 4, 5, 6, 7, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37];

    #[rustfmt::skip]
    const CASES: &[(&str, &str, &[u8])] = &[
        ("pairs",             "81 85 37 fa 21 3d 7f 9f 4d 51 58", HELLO),
        ("one word",          "818537fa213d7f9f4d5158", HELLO),
        ("words",             "8185 37fa 213d 7f9f 4d51 58", HELLO),
        ("capitals",          "81 85 37 FA 21 3D 7F 9F 4D 51 58", HELLO),
        ("colons",            "81:85:37:fa:21:3d:7f:9f:4d:51:58", HELLO),
        ("hyphens",           "81-85-37-fa-21-3d-7f-9f-4d-51-58", HELLO),
        ("numbers",           "0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58", HELLO),
        ("one number",        "0x818537fa213d7f9f4d5158", HELLO),
        ("short numbers",     "0x81,0x1,0x0", &[0x81, 1, 0]),
        ("array of C",        "unsigned char f[] = { 0x81, 0x85, 0x37,\n 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58 };", HELLO),
        ("array of Rust",     "&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]", HELLO),
        ("escapes",           r"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", HELLO),
        ("escapes, blanks",   r"\x81 \x85 \x37 \xfa \x21 \x3d \x7f \x9f \x4d \x51 \x58", HELLO),
        ("string of C",       r#""\x81\x85" "7\xfa!=\x7f\x9fMQX""#, HELLO),
        ("bytes of Python",   r"b'\x81\x857\xfa!=\x7f\x9fMQX'", HELLO),
        ("string, not quoted", r"\x81\x857\xfa!=\x7f\x9fMQX", HELLO),
        ("blank in a string", r#""\x81\x03a b""#, &[0x81, 3, b'a', b' ', b'b']),
        ("other escapes",     r#""\x81\x05\n\r\t\0\\""#, &[0x81, 5, b'\n', b'\r', b'\t', 0, b'\\']),
        ("hexdump -C",        "00000000  81 85 37 fa 21 3d 7f 9f  4d 51 58                 |..7.!=..MQX|\n0000000b\n", HELLO),
        ("hexdump -C, a bar", "00000000  81 02 7c 7c                                       |..|||\n00000004", &[0x81, 2, 0x7c, 0x7c]),
        ("xxd",               "00000000: 8185 37fa 213d 7f9f 4d51 58              ..7.!=..MQX", HELLO),
        ("xxd, eight bytes",  "00000000: 8106 3132 3334 3536                      ..123456", &[0x81, 6, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36]),
        ("xxd, two lines",    "00000000: 8210 0001 0203 0405 0607 3031 3233 3435  ..........012345\n00000010: 3637                                     67", COUNTED),
        ("xxd, from an offset", "00000010: 8100                                     ..", &[0x81, 0]),
        ("tcpdump -X",        "\t0x0000:  8185 37fa 213d 7f9f 4d51 58              ..7.!=..MQX", HELLO),
        ("Wireshark",         "0000   82 10 00 01 02 03 04 05 06 07 30 31 32 33 34 35   ..........012345\n0010   36 37                                             67\n", COUNTED),
        ("lines of pairs",    "81 85 37 fa\n21 3d 7f 9f\n4d 51 58\n", HELLO),
    ];

    #[test]
    fn every_common_form_is_read() {
        for (name, text, expected) in CASES {
            assert_eq!(from_text(text).as_deref(), Some(*expected), "{name}");
        }
    }

    #[test]
    fn other_texts_are_not_bytes() {
        let cases = [
            "",
            " ",
            "0x",
            "hello",
            "81 8",
            "818",
            "81 8g",
            "0x81 0x855",
            r"\x8",
            r"\x81\q",
            r#"x = "\x81""#,
            "GET / HTTP/1.1",
            "é",
            "8\u{301}1",
            "00000000: 81 zz",
        ];
        for text in cases {
            assert_eq!(from_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn every_beginning_of_a_text_is_survived() {
        for (name, text, _) in CASES {
            for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
                let bytes = from_text(&text[..end]).unwrap_or_default();
                assert!(bytes.len() <= end, "{name} up to {end}");
            }
        }
    }
}
