//! What can be written at a place of an expression.

use std::ops::Range;

use crate::findings::rules;
use crate::timeline::filter::fields::{FIELDS, FieldType, FilterField};
use crate::timeline::filter::operator::{Operator, operators};
use crate::timeline::filter::parser::{Expected, Parser};
use crate::timeline::filter::token::{self, FilterToken, FilterTokenKind};

/// Something that can be written at a place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Completion {
    /// The characters that it replaces, from 0: the word under the cursor.
    pub replaces: Range<usize>,
    /// What to write.
    pub text: String,
    /// What it means.
    pub help: &'static str,
}

/// What can be written at the cursor, which is before the character with this number (from 0).
///
/// What begins as the word before the cursor does comes first, then what contains that word. There is
/// nothing within a text, and after what is wrong.
pub fn complete(text: &str, cursor: usize) -> Vec<Completion> {
    let letters: Vec<char> = text.chars().collect();
    let cursor = cursor.min(letters.len());
    let before: String = letters.iter().take(cursor).collect();
    let Ok(mut tokens) = token::tokens(&before) else { return Vec::new() };
    let mut word = String::new();
    let mut start = cursor;
    // The end, and before it the word that is being written.
    if let [.., last, _] = tokens.as_slice()
        && let FilterTokenKind::Word(begun) = &last.kind
        && last.end == cursor
    {
        word.clone_from(begun);
        start = last.start;
        tokens.truncate(tokens.len().saturating_sub(2));
        tokens.push(FilterToken { kind: FilterTokenKind::End, start, end: start });
    }
    let mut parser = Parser::new(&tokens);
    // An expression that is being written is seldom right so far.
    parser.expression().ok();
    let rest = letters.iter().skip(cursor).take_while(|letter| token::is_word(**letter)).count();
    let end = if word.is_empty() { cursor } else { cursor.saturating_add(rest) };
    let mut found =
        CompletionMatch { word: word.to_lowercase(), replaces: start..end, list: Vec::new() };
    for expected in parser.expected() {
        found.add_all(*expected);
    }
    found.sorted()
}

/// Candidates that continue a word.
struct CompletionMatch {
    word: String,
    replaces: Range<usize>,
    list: Vec<Completion>,
}

impl CompletionMatch {
    fn add_all(&mut self, expected: Expected) {
        match expected {
            Expected::FilterField => {
                for field in FIELDS {
                    self.add_field(field);
                }
                self.add("not", "what does not match");
            }
            Expected::Operator(field) => {
                for (operator, help) in operators(field.kind) {
                    self.add(operator, help);
                }
            }
            Expected::FieldValue(field, operator) => self.add_values(field, operator),
            Expected::Conjunction => {
                self.add("and", "both match");
                self.add("or", "at least one of them matches");
            }
        }
    }

    fn add_field(&mut self, field: &'static FilterField) {
        if field.kind == FieldType::Json {
            self.add("json(\".", field.help);
        } else {
            self.add(field.name, field.help);
        }
        // Other names are offered to those who are writing one.
        for alias in field.aliases {
            if !self.word.is_empty() && alias.starts_with(&self.word) {
                self.add(alias, field.help);
            }
        }
    }

    fn add_values(&mut self, field: &'static FilterField, operator: Operator) {
        if matches!(operator, Operator::Contains | Operator::Matches) {
            return;
        }
        match field.kind {
            FieldType::Name(names) => {
                for named in names.list {
                    self.add(named.name, named.help);
                }
            }
            FieldType::Flag => {
                for named in super::names::FLAG.list {
                    self.add(named.name, named.help);
                }
            }
            FieldType::Rule => {
                for rule in rules() {
                    self.add(rule.id, rule.title);
                }
            }
            FieldType::Json => {
                for (text, help) in [("true", "yes"), ("false", "no"), ("null", "the null value")] {
                    self.add(text, help);
                }
            }
            FieldType::Number
            | FieldType::Size
            | FieldType::Ratio
            | FieldType::Duration
            | FieldType::Text
            | FieldType::Bytes
            | FieldType::Address(_) => {}
        }
    }

    fn add(&mut self, text: &str, help: &'static str) {
        if text.to_lowercase().contains(&self.word) {
            self.list.push(Completion {
                replaces: self.replaces.clone(),
                text: text.to_owned(),
                help,
            });
        }
    }

    /// Those that begin with the word come first, in the order of the tables.
    fn sorted(mut self) -> Vec<Completion> {
        let word = &self.word;
        self.list.sort_by_key(|candidate| !candidate.text.to_lowercase().starts_with(word));
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, cursor: usize) -> Vec<String> {
        complete(text, cursor).into_iter().map(|candidate| candidate.text).collect()
    }

    #[test]
    fn candidates_are_what_can_follow() {
        #[rustfmt::skip]
        let cases: &[(&str, &[&str])] = &[
            ("len",                       &["length", "wire_length"]),
            ("LEN",                       &["length", "wire_length"]),
            ("websocket.op",              &["websocket.opcode"]),
            ("opcode == ",                &["continuation", "text", "binary", "close", "ping", "pong"]),
            ("opcode == p",               &["ping", "pong"]),
            ("opcode in {",               &["continuation", "text", "binary", "close", "ping", "pong"]),
            ("opcode in {text, b",        &["binary"]),
            ("severity >= ",              &["note", "warning", "error"]),
            ("from == client a",          &["and"]),
            ("from == client ",           &["and", "or"]),
            ("masked ",                   &["==", "!=", "and", "or"]),
            ("side ",                     &["==", "!=", "in", "and", "or"]),
            ("text ",                     &["==", "!=", "contains", "matches", "in", "and", "or"]),
            ("length ",                   &["==", "!=", "<", "<=", ">", ">=", "in", "and", "or"]),
            ("masked == ",                &["true", "false"]),
            ("json(\".a\") == t",         &["true"]),
            ("(rule",                     &["rule"]),
            ("not (fin",                  &["fin"]),
            ("js",                        &["json(\"."]),
            // Nothing to offer.
            ("length > ",                 &[]),
            ("text contains ",            &[]),
            ("text contains \"er",        &[]),
            ("text == \"x\"",             &["and", "or"]),
            ("nofield == ",               &[]),
            ("nofield and len",           &[]),
            ("opcode == text)",           &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(texts(text, text.chars().count()), *expected, "{text}");
        }
    }

    #[test]
    fn everything_can_begin_an_expression_and_follow_and() {
        let fields = FIELDS.len() + 1;
        for text in ["", "not ", "(", "masked and ", "masked or not ("] {
            assert_eq!(texts(text, text.len()).len(), fields, "{text}");
        }
        assert_eq!(texts("rule == ", 8).len(), rules().count());
    }

    #[test]
    fn the_whole_word_under_the_cursor_is_replaced() {
        #[rustfmt::skip]
        let cases = [
            ("len", 3, 0..3),
            ("lenx == 5", 3, 0..4),
            ("é == 1 or len", 13, 10..13),
            ("masked and len and fin", 14, 11..14),
            ("opcode == ", 10, 10..10),
            ("opcode == text", 12, 10..14),
            ("len", 99, 0..3),
        ];
        for (text, cursor, expected) in cases {
            let text = text.replace("é == 1", "rsv==1");
            let candidates = complete(&text, cursor);
            assert!(!candidates.is_empty(), "{text}");
            assert!(candidates.iter().all(|it| it.replaces == expected), "{text}: {candidates:?}");
        }
    }
}
