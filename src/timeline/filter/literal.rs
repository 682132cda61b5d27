//! What a field is compared with: parsed by the field's type, and written back.

use std::cmp::Ordering;
use std::fmt::{self, Write};

use crate::findings::rules;
use crate::timeline::filter::address::AddressRange;
use crate::timeline::filter::error::FilterError;
use crate::timeline::filter::fields::{FieldType, FilterField, MILLION, Ports};
use crate::timeline::filter::json;
use crate::timeline::filter::names::{NamedValue, Numbers, ValueNames};
use crate::timeline::filter::nearest::nearest;
use crate::timeline::filter::number;
use crate::timeline::filter::subject::FieldValue;
use crate::timeline::filter::token::{FilterToken, FilterTokenKind};

/// A value that an expression names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    /// A number, a size, a name's number, nanoseconds, or millionths.
    Number(u64),
    /// Text or bytes.
    Text(Vec<u8>),
    /// Addresses.
    AddressRange(AddressRange),
    /// The id of a rule, or what ids begin with; in capital letters.
    Rule(String),
    /// A JSON value that holds no other.
    Json(serde_json::Value),
}

impl Literal {
    /// Reads what follows an operator, as a value of the field's type.
    ///
    /// # Errors
    ///
    /// The token is not such a value.
    pub(super) fn read(field: &FilterField, token: &FilterToken) -> Result<Self, FilterError> {
        let wrong = |message| FilterError::at(token, message);
        let mismatch = || wrong(mismatch(field, token));
        match (field.kind, &token.kind) {
            (FieldType::Number, FilterTokenKind::Word(word)) => {
                number::integer(word).map(Self::Number).ok_or_else(mismatch)
            }
            (FieldType::Size, FilterTokenKind::Word(word)) => {
                number::size(word).map(Self::Number).ok_or_else(mismatch)
            }
            (FieldType::Ratio, FilterTokenKind::Word(word)) => {
                number::ratio(word).map(Self::Number).ok_or_else(mismatch)
            }
            (FieldType::Duration, FilterTokenKind::Word(word)) => {
                number::duration(word).map(Self::Number).ok_or_else(mismatch)
            }
            (FieldType::Flag, FilterTokenKind::Word(word)) => {
                let number = super::names::FLAG.number(word);
                number
                    .or_else(|| number::integer(word).filter(|it| *it <= 1))
                    .map(Self::Number)
                    .ok_or_else(mismatch)
            }
            (FieldType::Name(names), FilterTokenKind::Word(word)) => name(names, word)
                .map(Self::Number)
                .ok_or_else(|| wrong(unknown_name(field, names, word))),
            (FieldType::Text, FilterTokenKind::Text(bytes)) => Ok(Self::Text(bytes.clone())),
            (FieldType::Bytes, FilterTokenKind::Word(word)) => {
                number::hexadecimal(word.as_bytes()).map(Self::Text).ok_or_else(mismatch)
            }
            (FieldType::Bytes, FilterTokenKind::Text(text)) => {
                number::hexadecimal(text).map(Self::Text).ok_or_else(mismatch)
            }
            (FieldType::Address(ports), FilterTokenKind::Word(word)) => {
                network(field, ports, word).map_err(wrong)
            }
            (FieldType::Address(ports), FilterTokenKind::Text(text)) => {
                network(field, ports, &String::from_utf8_lossy(text)).map_err(wrong)
            }
            (FieldType::Rule, FilterTokenKind::Word(word)) => rule(word).map_err(wrong),
            (FieldType::Rule, FilterTokenKind::Text(text)) => {
                rule(&String::from_utf8_lossy(text)).map_err(wrong)
            }
            (FieldType::Json, FilterTokenKind::Word(word)) => {
                json::scalar(word).map(Self::Json).ok_or_else(mismatch)
            }
            (FieldType::Json, FilterTokenKind::Text(text)) => match String::from_utf8(text.clone())
            {
                Ok(text) => Ok(Self::Json(text.into())),
                Err(_) => Err(wrong("JSON text is UTF-8, but this is not".to_owned())),
            },
            (
                FieldType::Number
                | FieldType::Size
                | FieldType::Ratio
                | FieldType::Duration
                | FieldType::Flag
                | FieldType::Name(_),
                FilterTokenKind::Text(_),
            )
            | (FieldType::Text, FilterTokenKind::Word(_))
            | (_, FilterTokenKind::Sign(_) | FilterTokenKind::End) => Err(mismatch()),
        }
    }

    /// Whether a row's value is this one.
    pub(super) fn is(&self, value: &FieldValue<'_>) -> bool {
        match (self, value) {
            (Self::Number(number), FieldValue::Number { low, high }) => {
                (low..=high).contains(&number)
            }
            (Self::Text(text), FieldValue::Text(bytes)) => text[..] == bytes[..],
            (Self::AddressRange(network), FieldValue::Address { ip, port }) => {
                network.contains(*ip, *port)
            }
            (Self::Rule(pattern), FieldValue::Rule(id)) => id.starts_with(pattern.as_str()),
            (
                Self::Number(_)
                | Self::Text(_)
                | Self::AddressRange(_)
                | Self::Rule(_)
                | Self::Json(_),
                FieldValue::Number { .. }
                | FieldValue::Text(_)
                | FieldValue::Beginning(_)
                | FieldValue::Address { .. }
                | FieldValue::Rule(_),
            ) => false,
        }
    }

    /// How the nearest of a row's numbers compares with this one, examined from below and from above.
    pub(super) fn order(&self, value: &FieldValue<'_>) -> Option<[Ordering; 2]> {
        match (self, value) {
            (Self::Number(number), FieldValue::Number { low, high }) => {
                Some([low.cmp(number), high.cmp(number)])
            }
            (
                Self::Number(_)
                | Self::Text(_)
                | Self::AddressRange(_)
                | Self::Rule(_)
                | Self::Json(_),
                FieldValue::Number { .. }
                | FieldValue::Text(_)
                | FieldValue::Beginning(_)
                | FieldValue::Address { .. }
                | FieldValue::Rule(_),
            ) => None,
        }
    }

    /// Writes it as a value of a type, so that reading gives the same.
    pub(super) fn write(&self, kind: FieldType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => match kind {
                FieldType::Flag => named(&super::names::FLAG, *number, f),
                FieldType::Name(names) => named(names, *number, f),
                FieldType::Duration => number::write_duration(*number, f),
                FieldType::Ratio => number::write_decimal(*number, MILLION, f),
                FieldType::Number
                | FieldType::Size
                | FieldType::Text
                | FieldType::Bytes
                | FieldType::Address(_)
                | FieldType::Rule
                | FieldType::Json => write!(f, "{number}"),
            },
            Self::Text(bytes) if kind == FieldType::Bytes => {
                f.write_char('"')?;
                for (place, byte) in bytes.iter().enumerate() {
                    write!(f, "{}{byte:02x}", if place > 0 { " " } else { "" })?;
                }
                f.write_char('"')
            }
            Self::Text(bytes) => quoted(bytes, f),
            Self::AddressRange(network) => write!(f, "{network}"),
            Self::Rule(pattern) => f.write_str(pattern),
            Self::Json(serde_json::Value::String(text)) => quoted(text.as_bytes(), f),
            Self::Json(value) => write!(f, "{value}"),
        }
    }
}

fn name(names: &ValueNames, word: &str) -> Option<u64> {
    let as_number = || number::integer(word).filter(|_| names.numbers == Numbers::Accepted);
    names.number(&word.to_ascii_lowercase()).or_else(as_number)
}

fn named(names: &ValueNames, number: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match names.name(number) {
        Some(name) => f.write_str(name),
        None => write!(f, "{number}"),
    }
}

fn network(field: &FilterField, ports: Ports, word: &str) -> Result<Literal, String> {
    let network = AddressRange::read(word).ok_or_else(|| {
        format!(
            "`{word}` is not an address: write `10.0.0.1`, `10.0.0.0/8`, `::1`{}",
            match ports {
                Ports::Yes => ", or with a port `10.0.0.1:80`, `[::1]:80`",
                Ports::No => "",
            }
        )
    })?;
    if ports == Ports::No && network.has_port() {
        return Err(format!(
            "`{}` is an address without a port; use `port` for the port",
            field.name
        ));
    }
    Ok(Literal::AddressRange(network))
}

fn rule(word: &str) -> Result<Literal, String> {
    let pattern = word.strip_suffix('*').unwrap_or(word).to_ascii_uppercase();
    if rules().any(|rule| rule.id.starts_with(&pattern)) {
        return Ok(Literal::Rule(pattern));
    }
    let mut message = format!("there is no rule `{word}`");
    if let Some(near) = nearest(&pattern, rules().map(|rule| rule.id)) {
        write!(message, "; did you mean `{near}`?").ok();
    }
    Err(message)
}

fn unknown_name(field: &FilterField, names: &ValueNames, word: &str) -> String {
    let all = || names.list.iter().map(|named: &NamedValue| named.name);
    let list = || all().collect::<Vec<_>>().join(", ");
    let hint = nearest(word, all())
        .map_or_else(|| format!("use one of {}", list()), |near| format!("did you mean `{near}`?"));
    format!("`{word}` is not a value of `{}`; {hint}", field.name)
}

/// What is wrong if a token is not a value of a field's type.
fn mismatch(field: &FilterField, token: &FilterToken) -> String {
    let seen = match &token.kind {
        FilterTokenKind::Word(word) if number::integer(word).is_some() => {
            format!("`{word}` is a number")
        }
        FilterTokenKind::Word(word) => format!("`{word}` is not"),
        FilterTokenKind::Text(bytes) => format!("`{}` is text", Quoted(bytes)),
        FilterTokenKind::Sign(sign) => format!("`{}` is not", sign.text()),
        FilterTokenKind::End => "nothing follows".to_owned(),
    };
    let hint = match field.kind {
        FieldType::Text => match &token.kind {
            FilterTokenKind::Word(word) => format!(": write \"{word}\""),
            FilterTokenKind::Text(_) | FilterTokenKind::Sign(_) | FilterTokenKind::End => {
                String::new()
            }
        },
        FieldType::Duration => ": write `2.5s`, `300ms` or `1m`".to_owned(),
        FieldType::Bytes => ": write \"81 85\"".to_owned(),
        FieldType::Ratio => ": write `0.5` or `50%`".to_owned(),
        FieldType::Json => ": write a text in quotes, a number, true, false or null".to_owned(),
        FieldType::Flag
        | FieldType::Number
        | FieldType::Size
        | FieldType::Name(_)
        | FieldType::Address(_)
        | FieldType::Rule => String::new(),
    };
    format!("`{}` is {}; {seen}{hint}", field.name, field.kind.words())
}

/// A text in quotes with escapes, as an expression writes it.
struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quoted(self.0, f)
    }
}

/// Writes a text in quotes; what could do harm to a terminal is escaped, and what is not UTF-8.
pub(super) fn quoted(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' | '\\' => write!(f, "\\{letter}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                _ if letter.is_control() => {
                    for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                        write!(f, "\\x{byte:02x}")?;
                    }
                }
                _ => f.write_char(letter)?,
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    f.write_char('"')
}
