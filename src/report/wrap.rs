//! Breaking text into lines.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Breaks text at blanks into lines of at most `columns`; a word that is longer is broken where it must be.
///
/// A line that begins with a blank is there to be copied: it keeps its blanks where it fits.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    for paragraph in text.trim_ascii().lines() {
        if paragraph.starts_with(' ') && paragraph.width() <= columns {
            lines.push(paragraph);
            continue;
        }
        let mut rest = paragraph.trim_ascii();
        while !rest.is_empty() {
            let (line, tail) = first_line(rest, columns.max(WIDEST_CHARACTER));
            lines.push(line);
            rest = tail.trim_ascii_start();
        }
    }
    lines
}

/// The first line of a text, and what is left.
fn first_line(text: &str, columns: usize) -> (&str, &str) {
    let mut used = 0_usize;
    let mut blank = None;
    for (at, character) in text.char_indices() {
        if character == ' ' {
            blank = Some(at);
        }
        used = used.saturating_add(character.width().unwrap_or(0));
        if used > columns {
            let (line, rest) = text.split_at_checked(blank.unwrap_or(at)).unwrap_or((text, ""));
            return (line.trim_ascii_end(), rest);
        }
    }
    (text, "")
}

/// Columns of the widest character.
const WIDEST_CHARACTER: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_at_blanks() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, usize, &[&str])] = &[
            ("nothing",            "",                  9, &[]),
            ("fits",               "one two",           9, &["one two"]),
            ("fits exactly",       "one two t",         9, &["one two t"]),
            ("one too long",       "one two th",        9, &["one two", "th"]),
            ("several blanks",     "one   two  three",  6, &["one", "two", "three"]),
            ("a long word",        "ab abcdefgh",       4, &["ab", "abcd", "efgh"]),
            ("wide characters",    "日本語 日本",       6, &["日本語", "日本"]),
            ("wide word too long", "日本語",            5, &["日本", "語"]),
            ("lines of their own", "one two\nthree",    9, &["one two", "three"]),
            ("to be copied",       "do:\n  a b c\nend",  7, &["do:", "  a b c", "end"]),
            ("too long for that",  "  a b c",           6, &["a b c"]),
            ("far too long",       "do:\n  a b c\nend",  4, &["do:", "a b", "c", "end"]),
            ("no columns",         "日本",              0, &["日", "本"]),
        ];
        for (name, text, columns, expected) in cases {
            assert_eq!(wrap(text, *columns), *expected, "{name}");
        }
    }
}
