//! The one way by which bytes from the network reach a text output.
//!
//! A terminal obeys what it is sent: an escape sequence in a payload could clear the screen, a
//! bidirectional override could make a line read backwards. Nothing of that kind passes here.

use unicode_width::UnicodeWidthChar;

/// Appends `bytes` to `out` in at most `limit` terminal columns; gives the columns used.
///
/// Printable characters stay as they are. Control characters, line ends, bidirectional controls,
/// invisible characters and bytes that are not UTF-8 become `\n`, `\x1b`, `\u{202e}` and the like.
/// A backslash stays a single one, so that JSON stays readable: the result is to be read by
/// people, not to be turned back. What does not fit is replaced by `…`.
pub fn escape(bytes: &[u8], limit: usize, out: &mut String) -> usize {
    // A column shows at most one character and the marks upon it, so this much is never too little.
    let reach = limit.saturating_add(1).saturating_mul(BYTES_PER_COLUMN);
    let mut writer = EscapeWriter { limit, column: 0, fitting: out.len(), marks: 0, out };
    // Most content is ASCII, and one byte more than fits is enough to know that it does not.
    let near = bytes.get(..=limit).unwrap_or(bytes);
    let run = near.iter().take_while(|byte| is_plain_ascii(**byte)).count();
    let (plain, rest) = bytes.split_at_checked(run).unwrap_or((&[], bytes));
    if writer.plain(std::str::from_utf8(plain).unwrap_or_default()).is_none() {
        return writer.cut();
    }
    for chunk in rest.get(..reach).unwrap_or(rest).utf8_chunks() {
        if !writer.text(chunk.valid()) || !writer.invalid(chunk.invalid()) {
            return writer.cut();
        }
    }
    writer.column
}

/// Whether [`escape`] would leave `text` exactly as it is, apart from its length.
pub fn is_plain(text: &str) -> bool {
    text.bytes().all(is_plain_ascii)
        || !text.chars().any(|character| is_hidden(character) || width(character) == 0)
}

/// Where the escaped text goes, and how much of it fits.
struct EscapeWriter<'a> {
    out: &'a mut String,
    limit: usize,
    column: usize,
    /// Length of `out` up to which one column is left for the ellipsis.
    fitting: usize,
    /// Characters without a width in a row.
    marks: usize,
}

impl EscapeWriter<'_> {
    /// Appends text; `false` when it does not fit.
    fn text(&mut self, text: &str) -> bool {
        let Some(rest) = self.plain(text) else { return false };
        for character in rest.chars() {
            let (escaped, columns) = match character {
                ' '..='~' => (false, 1),
                _ if is_hidden(character) => (true, 0),
                _ => (false, width(character)),
            };
            self.marks = if columns == 0 && !escaped { self.marks.saturating_add(1) } else { 0 };
            let fits = if escaped || self.marks > MARKS_PER_CHARACTER {
                self.escaped(character)
            } else {
                self.put(character, columns)
            };
            if !fits {
                return false;
            }
        }
        true
    }

    /// Appends the printable ASCII that a text begins with, at once; gives the rest of the text, or
    /// `None` when it does not fit.
    fn plain<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let run = text.bytes().take_while(|byte| is_plain_ascii(*byte)).count();
        if run == 0 {
            return Some(text);
        }
        self.marks = 0;
        let room = self.limit.saturating_sub(self.column);
        let shown = run.min(room);
        self.out.push_str(text.get(..shown)?);
        self.column = self.column.saturating_add(shown);
        if self.column < self.limit {
            self.fitting = self.out.len();
        } else if shown > 0 {
            // Each character takes one byte and one column: all but the last leave room.
            self.fitting = self.out.len().saturating_sub(1);
        }
        text.get(run..).filter(|_| run <= room)
    }

    /// Appends bytes that are not UTF-8; `false` when they do not fit.
    fn invalid(&mut self, bytes: &[u8]) -> bool {
        bytes.iter().all(|byte| self.hexadecimal(u32::from(*byte), EscapeForm::Byte))
    }

    fn escaped(&mut self, character: char) -> bool {
        match character {
            '\n' => self.put('\\', 1) && self.put('n', 1),
            '\r' => self.put('\\', 1) && self.put('r', 1),
            '\t' => self.put('\\', 1) && self.put('t', 1),
            _ if character.is_ascii() => self.hexadecimal(u32::from(character), EscapeForm::Byte),
            _ => self.hexadecimal(u32::from(character), EscapeForm::Character),
        }
    }

    fn hexadecimal(&mut self, value: u32, form: EscapeForm) -> bool {
        let (before, digits, after) = match form {
            EscapeForm::Byte => ("\\x", 2, ""),
            EscapeForm::Character => {
                let bits = u32::BITS.saturating_sub(value.leading_zeros());
                ("\\u{", bits.div_ceil(BITS_PER_DIGIT).max(1), "}")
            }
        };
        let digits = (0..digits).rev().map(|place| {
            char::from_digit(value >> (place * BITS_PER_DIGIT) & 0xf, 16).unwrap_or('0')
        });
        before.chars().chain(digits).chain(after.chars()).all(|character| self.put(character, 1))
    }

    /// Appends one character as it is; `false` when it does not fit.
    fn put(&mut self, character: char, columns: usize) -> bool {
        let column = self.column.saturating_add(columns);
        if column > self.limit {
            return false;
        }
        self.column = column;
        self.out.push(character);
        if column < self.limit {
            self.fitting = self.out.len();
        }
        true
    }

    /// Ends a text that did not fit.
    fn cut(self) -> usize {
        if self.limit == 0 {
            return 0;
        }
        self.out.truncate(self.fitting);
        self.out.push('…');
        // A wide character that was taken back may leave one column empty; this does not matter.
        self.limit
    }
}

/// How a value is written in hexadecimal.
#[derive(Clone, Copy)]
enum EscapeForm {
    /// `\x1b`
    Byte,
    /// `\u{202e}`
    Character,
}

/// Whether a byte is a printable ASCII character.
fn is_plain_ascii(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Terminal columns of a character.
fn width(character: char) -> usize {
    character.width().unwrap_or(0)
}

/// Whether a character must not be shown as it is: it acts upon the terminal, or cannot be seen.
fn is_hidden(character: char) -> bool {
    character.is_control() || HIDDEN.iter().any(|(from, to)| (*from..=*to).contains(&character))
}

/// Characters that change how others are shown, or that are invisible: Unicode's format characters
/// (Cf), line and paragraph separators (Zl, Zp), fillers, variation selectors and tags; and those that become
/// one with the character before, in a width on which terminals disagree: halves of flags, skin tones.
const HIDDEN: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1345f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{1f1e6}', '\u{1f1ff}'),
    ('\u{1f3fb}', '\u{1f3ff}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Characters without a width that may follow one another; more would pile up over other lines.
const MARKS_PER_CHARACTER: usize = 4;

/// The most bytes that one column can take: a character of 4 bytes, and the marks upon it.
const BYTES_PER_COLUMN: usize = 4 + 4 * MARKS_PER_CHARACTER;

/// Bits of one hexadecimal digit.
const BITS_PER_DIGIT: u32 = 4;

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    fn escaped(bytes: &[u8], limit: usize) -> String {
        let mut out = String::new();
        escape(bytes, limit, &mut out);
        out
    }

    #[rustfmt::skip]
    const CASES: &[(&str, &[u8], &str)] = &[
        ("plain",                  b"hello",                         "hello"),
        ("JSON keeps its quotes",  br#"{"a":"b\n"}"#,                r#"{"a":"b\n"}"#),
        ("accents, CJK, emoji",    "é 日本 🙂".as_bytes(),           "é 日本 🙂"),
        ("combining accent",       "e\u{301}".as_bytes(),            "e\u{301}"),
        ("line ends",              b"a\r\nb\tc",                     "a\\r\\nb\\tc"),
        ("NUL and DEL",            b"\0\x7f",                        "\\x00\\x7f"),
        ("clear screen",           b"\x1b[2J",                       "\\x1b[2J"),
        ("window title",           b"\x1b]0;x\x07",                  "\\x1b]0;x\\x07"),
        ("C1 CSI as a character",  "\u{9b}2J".as_bytes(),            "\\u{9b}2J"),
        ("C1 CSI as a byte",       b"\x9b2J",                        "\\x9b2J"),
        ("right-to-left override", "a\u{202e}b".as_bytes(),          "a\\u{202e}b"),
        ("bidi isolates",          "\u{2066}x\u{2069}".as_bytes(),   "\\u{2066}x\\u{2069}"),
        ("zero width space",       "a\u{200b}b".as_bytes(),          "a\\u{200b}b"),
        ("zero width joiner",      "\u{200d}".as_bytes(),            "\\u{200d}"),
        ("byte order mark",        "\u{feff}x".as_bytes(),           "\\u{feff}x"),
        ("line separator",         "\u{2028}".as_bytes(),            "\\u{2028}"),
        ("tag characters",         "\u{e0041}".as_bytes(),           "\\u{e0041}"),
        ("flag",                   "\u{1f1e9}\u{1f1ea}".as_bytes(), "\\u{1f1e9}\\u{1f1ea}"),
        ("skin tone",              "\u{1f44d}\u{1f3fd}".as_bytes(), "\u{1f44d}\\u{1f3fd}"),
        ("variation selector",     "\u{fe0f}".as_bytes(),            "\\u{fe0f}"),
        ("invalid UTF-8",          b"a\xff\xc3(",                    "a\\xff\\xc3("),
        ("overlong slash",         b"\xc0\xaf",                      "\\xc0\\xaf"),
        ("surrogate",              b"\xed\xa0\x80",                  "\\xed\\xa0\\x80"),
        ("cut in a character",     b"a\xe2\x82",                     "a\\xe2\\x82"),
        ("nothing",                b"",                              ""),
    ];

    #[test]
    fn only_what_is_harmless_and_visible_passes() {
        for (name, bytes, expected) in CASES {
            assert_eq!(escaped(bytes, 80), *expected, "{name}");
        }
    }

    #[test]
    fn text_is_cut_at_the_limit() {
        #[rustfmt::skip]
        let cases: &[(&str, &[u8], usize, &str)] = &[
            ("fits exactly",              b"hello",                 5, "hello"),
            ("one too long",              b"hello!",                5, "hell…"),
            ("wide characters",           "日本語".as_bytes(),      5, "日本…"),
            ("wide character over limit", "日本語".as_bytes(),      4, "日…"),
            ("escape over the limit",     b"abc\n",                 4, "abc…"),
            ("one column",                b"ab",                    1, "…"),
            ("no column",                 b"ab",                    0, ""),
            ("invalid at the limit",      b"ab\xff",                4, "ab\\…"),
        ];
        for (name, bytes, limit, expected) in cases {
            assert_eq!(escaped(bytes, *limit), *expected, "{name}");
        }
    }

    #[test]
    fn no_input_gets_past_the_limit_or_leaves_a_control_character() {
        let mut state = 1_u32;
        for limit in 0..60 {
            let bytes: Vec<u8> = (0..600)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state.to_be_bytes()[0]
                })
                .collect();
            for text in [&bytes, String::from_utf8_lossy(&bytes).as_bytes()] {
                let out = escaped(text, limit);
                assert!(out.width() <= limit, "{out:?} in {limit}");
                assert!(!out.chars().any(char::is_control), "{out:?}");
            }
        }
    }

    #[test]
    fn marks_do_not_pile_up() {
        let tower = format!("a{}", "\u{301}".repeat(1000));
        let out = escaped(tower.as_bytes(), 40);
        assert!(out.chars().filter(|c| *c == '\u{301}').count() <= 40, "{out}");
        assert!(out.ends_with('…'));
    }

    #[test]
    fn plain_text_is_recognized() {
        let cases =
            [("hello", true), ("日本", true), ("a\nb", false), ("\u{202e}", false), ("", true)];
        for (text, expected) in cases {
            assert_eq!(is_plain(text), expected, "{text:?}");
        }
    }
}
