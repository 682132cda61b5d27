//! The words, texts and signs that an expression is made of.

use super::error::FilterError;

/// A word, text or sign, and its position: columns count characters from 0.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct FilterToken {
    pub(super) kind: FilterTokenKind,
    /// Column of its first character.
    pub(super) start: usize,
    /// Column after its last character.
    pub(super) end: usize,
}

impl FilterError {
    pub(super) fn at(token: &FilterToken, message: String) -> Self {
        Self::new(token.start, token.end.saturating_sub(token.start), message)
    }
}

/// What a token is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum FilterTokenKind {
    /// A name, number, address or rule: whatever needs no quotes.
    Word(String),
    /// The content of quotes, escapes resolved: any bytes.
    Text(Vec<u8>),
    /// A sign.
    Sign(Sign),
    /// The end of the expression.
    End,
}

/// A sign of one or two characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sign {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    And,
    Or,
    Not,
    Open,
    Close,
    OpenBrace,
    CloseBrace,
    Comma,
    Range,
}

impl Sign {
    /// How it is written.
    pub(super) fn text(self) -> &'static str {
        SIGNS.iter().find(|row| row.1 == self).map_or("", |row| row.0)
    }
}

/// Longer signs before those they begin with.
const SIGNS: &[(&str, Sign)] = &[
    ("==", Sign::Equal),
    ("!=", Sign::Unequal),
    ("<=", Sign::AtMost),
    (">=", Sign::AtLeast),
    ("&&", Sign::And),
    ("||", Sign::Or),
    ("..", Sign::Range),
    ("<", Sign::Less),
    (">", Sign::Greater),
    ("!", Sign::Not),
    ("(", Sign::Open),
    (")", Sign::Close),
    ("{", Sign::OpenBrace),
    ("}", Sign::CloseBrace),
    (",", Sign::Comma),
];

/// Cuts an expression into tokens; the last one is always [`FilterTokenKind::End`].
///
/// # Errors
///
/// A text without its closing quote, an escape that does not exist, a character that means nothing.
pub(super) fn tokens(text: &str) -> Result<Vec<FilterToken>, FilterError> {
    let letters: Vec<char> = text.chars().collect();
    let mut reader = TokenReader { letters: &letters, at: 0 };
    let mut tokens = Vec::new();
    loop {
        reader.skip_blanks();
        let start = reader.at;
        let Some(kind) = reader.token()? else { break };
        tokens.push(FilterToken { kind, start, end: reader.at });
    }
    tokens.push(FilterToken { kind: FilterTokenKind::End, start: reader.at, end: reader.at });
    Ok(tokens)
}

struct TokenReader<'a> {
    letters: &'a [char],
    at: usize,
}

impl TokenReader<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.letters.get(self.at.saturating_add(ahead)).copied()
    }

    fn advance(&mut self, letters: usize) {
        self.at = self.at.saturating_add(letters).min(self.letters.len());
    }

    fn skip_blanks(&mut self) {
        while self.peek(0).is_some_and(char::is_whitespace) {
            self.advance(1);
        }
    }

    fn token(&mut self) -> Result<Option<FilterTokenKind>, FilterError> {
        let Some(first) = self.peek(0) else { return Ok(None) };
        if first == '"' {
            return self.text().map(Some);
        }
        if first == 'r' && self.peek(1) == Some('"') {
            return self.raw_text().map(Some);
        }
        if let Some((text, sign)) = SIGNS.iter().find(|row| self.begins_with(row.0)) {
            self.advance(text.len());
            return Ok(Some(FilterTokenKind::Sign(*sign)));
        }
        if is_word(first) {
            return Ok(Some(FilterTokenKind::Word(self.word())));
        }
        Err(FilterError::new(self.at, 1, stray(first)))
    }

    fn begins_with(&self, sign: &str) -> bool {
        sign.chars().enumerate().all(|(ahead, letter)| self.peek(ahead) == Some(letter))
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(letter) = self.peek(0).filter(|letter| is_word(*letter)) {
            if self.begins_with(Sign::Range.text()) {
                break;
            }
            word.push(letter);
            self.advance(1);
        }
        word
    }

    fn text(&mut self) -> Result<FilterTokenKind, FilterError> {
        let start = self.at;
        self.advance(1);
        let mut bytes = Vec::new();
        while let Some(letter) = self.peek(0) {
            match letter {
                '"' => {
                    self.advance(1);
                    return Ok(FilterTokenKind::Text(bytes));
                }
                '\\' => self.escape(&mut bytes)?,
                _ => {
                    push(&mut bytes, letter);
                    self.advance(1);
                }
            }
        }
        Err(self.unclosed(start))
    }

    fn raw_text(&mut self) -> Result<FilterTokenKind, FilterError> {
        let start = self.at;
        self.advance(2);
        let mut bytes = Vec::new();
        while let Some(letter) = self.peek(0) {
            self.advance(1);
            if letter == '"' {
                return Ok(FilterTokenKind::Text(bytes));
            }
            push(&mut bytes, letter);
        }
        Err(self.unclosed(start))
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), FilterError> {
        let Some(letter) = self.peek(1) else {
            // A backslash is the last character: the text is not closed, which is reported.
            self.advance(1);
            return Ok(());
        };
        let byte = match letter {
            '"' | '\\' => u8::try_from(letter).ok(),
            'n' => Some(b'\n'),
            'r' => Some(b'\r'),
            't' => Some(b'\t'),
            '0' => Some(0),
            'x' => {
                let byte = self.hexadecimal();
                if byte.is_none() {
                    let message = "`\\x` needs two hexadecimal digits, as in `\\x1b`".to_owned();
                    return Err(FilterError::new(self.at, 2, message));
                }
                self.advance(2);
                byte
            }
            _ => None,
        };
        let Some(byte) = byte else {
            let message = format!(
                "there is no escape `\\{letter}`; a backslash is written `\\\\`, \
                 and r\"...\" has no escapes at all"
            );
            return Err(FilterError::new(self.at, 2, message));
        };
        bytes.push(byte);
        self.advance(2);
        Ok(())
    }

    /// The byte after `\x`, two hexadecimal digits.
    fn hexadecimal(&self) -> Option<u8> {
        let digit = |ahead| self.peek(ahead).and_then(|letter| letter.to_digit(16));
        let (high, low) = digit(2).zip(digit(3))?;
        u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()
    }

    fn unclosed(&self, start: usize) -> FilterError {
        let length = self.at.saturating_sub(start);
        FilterError::new(start, length, "this text is never closed: a `\"` is missing".to_owned())
    }
}

fn push(bytes: &mut Vec<u8>, letter: char) {
    bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Whether a character can be in a word: names, numbers with units, addresses, rules with a star.
pub(super) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric()
        || matches!(letter, '_' | '.' | '-' | '+' | ':' | '*' | '/' | '[' | ']' | '%')
}

/// What to do about a character that means nothing.
fn stray(letter: char) -> String {
    match letter {
        '=' => "`=` is not an operator; use `==`".to_owned(),
        '&' => "`&` is not an operator; use `and` or `&&`".to_owned(),
        '|' => "`|` is not an operator; use `or` or `||`".to_owned(),
        '~' => "`~` is not an operator; use `matches`".to_owned(),
        '\'' => "write text in double quotes: `\"...\"`".to_owned(),
        _ => format!("unexpected `{letter}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> FilterTokenKind {
        FilterTokenKind::Word(text.to_owned())
    }

    fn quoted(bytes: &[u8]) -> FilterTokenKind {
        FilterTokenKind::Text(bytes.to_vec())
    }

    #[test]
    fn expression_is_cut_into_words_texts_and_signs() {
        use Sign::{And, AtLeast, Close, Equal, Not, Open, Range};
        let sign = FilterTokenKind::Sign;
        #[rustfmt::skip]
        let cases: &[(&str, &[FilterTokenKind])] = &[
            ("", &[]),
            ("opcode == text", &[word("opcode"), sign(Equal), word("text")]),
            ("a>=1&&!(b)", &[word("a"), sign(AtLeast), word("1"), sign(And), sign(Not), sign(Open), word("b"), sign(Close)]),
            ("1000..1015", &[word("1000"), sign(Range), word("1015")]),
            ("2.5s", &[word("2.5s")]),
            ("[::1]:80 10.0.0.0/8", &[word("[::1]:80"), word("10.0.0.0/8")]),
            ("WS-F*", &[word("WS-F*")]),
            (r#""a\"b\\c\x00\n""#, &[quoted(b"a\"b\\c\0\n")]),
            (r#"r"\d+""#, &[quoted(br"\d+")]),
            ("\"é→\"", &[quoted("é→".as_bytes())]),
            ("\"\"", &[quoted(b"")]),
        ];
        for (text, expected) in cases {
            let tokens = tokens(text).unwrap();
            let (end, tokens) = tokens.split_last().unwrap();
            assert_eq!(end.kind, FilterTokenKind::End, "{text}");
            let kinds: Vec<FilterTokenKind> =
                tokens.iter().map(|token| token.kind.clone()).collect();
            assert_eq!(kinds, *expected, "{text}");
        }
    }

    #[test]
    fn columns_count_characters() {
        let tokens = tokens("\"é→\" == x").unwrap();
        let places: Vec<_> = tokens.iter().map(|token| (token.start, token.end)).collect();
        assert_eq!(places, [(0, 4), (5, 7), (8, 9), (9, 9)]);
    }

    #[test]
    fn unreadable_tokens_are_reported_with_their_column() {
        #[rustfmt::skip]
        let cases: &[(&str, usize, usize, &str)] = &[
            ("text == \"abc",     8, 4, "never closed"),
            ("text == r\"abc",    8, 5, "never closed"),
            ("text == \"abc\\",   8, 5, "never closed"),
            ("text == \"a\\d\"", 10, 2, "there is no escape `\\d`"),
            ("text == \"\\x1\"",  9, 2, "two hexadecimal digits"),
            ("length = 5",        7, 1, "use `==`"),
            ("a & b",             2, 1, "use `and`"),
            ("a | b",             2, 1, "use `or`"),
            ("text == 'x'",       8, 1, "double quotes"),
            ("é ; b",             2, 1, "unexpected `;`"),
        ];
        for (text, column, length, message) in cases {
            let error = tokens(text).unwrap_err();
            assert_eq!((error.column, error.length), (*column, *length), "{text}");
            assert!(error.message.contains(message), "{text}: {}", error.message);
        }
    }
}
