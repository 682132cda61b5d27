//! A filter as a tree of tests, asking a row, and writing it back.

use std::cmp::Ordering;
use std::fmt;

use regex::bytes::Regex;

use crate::analysis::event::ConnectionId;
use crate::findings::ConnectionName;
use crate::timeline::filter::fields::{FieldReader, FieldType, FilterField, FilterNeed, field};
use crate::timeline::filter::json::{self, JsonPath};
use crate::timeline::filter::literal::{Literal, quoted};
use crate::timeline::filter::subject::{FieldValue, FilterSubject};

/// A filter, or a part of one.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    /// All of them match.
    All(Vec<Self>),
    /// At least one matches.
    Any(Vec<Self>),
    /// It does not match.
    Not(Box<Self>),
    /// What a field is.
    FieldTest(FieldTest),
}

/// A question about one field.
#[derive(Clone, Debug)]
pub(super) struct FieldTest {
    pub(super) field: &'static FilterField,
    /// The path of `json`.
    pub(super) path: Option<JsonPath>,
    pub(super) check: FieldCheck,
}

/// The test of a field.
#[derive(Clone, Debug)]
pub(super) enum FieldCheck {
    /// It is there; a flag is true.
    Present,
    /// It compares so with a value.
    Compare(Comparison, Literal),
    /// It contains these bytes.
    Contains(Literal),
    /// A regular expression is found in it.
    Matches(Regex),
    /// It is one of these.
    In(Vec<Member>),
}

/// A member of a set: a value, or all from one to another, both included.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Member {
    /// One value.
    One(Literal),
    /// From the first to the second.
    Range(Literal, Literal),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    /// How it is written.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }

    fn allows(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::Unequal => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::AtMost => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::AtLeast => order != Ordering::Less,
        }
    }
}

impl FieldTest {
    /// The connection, or the connections, that a value of its field names.
    fn name(&self, literal: &Literal) -> Option<ConnectionName> {
        match (self.field.name, literal) {
            ("connection", Literal::Number(id)) => Some(ConnectionName::Number(ConnectionId(*id))),
            ("port", Literal::Number(port)) => u16::try_from(*port).ok().map(ConnectionName::Port),
            ("client" | "server" | "host", Literal::AddressRange(range)) => {
                range.single().map(|(ip, port)| ConnectionName::Peer(ip, port))
            }
            _ => None,
        }
    }
}

impl Expression {
    /// Whether a row matches.
    pub(super) fn matches(&self, subject: &FilterSubject<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(subject)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(subject)),
            Self::Not(part) => !part.matches(subject),
            Self::FieldTest(test) => test.matches(subject),
        }
    }

    /// Reports what must be kept for it.
    pub(super) fn needs(&self, tell: &mut impl FnMut(FilterNeed)) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.needs(tell);
                }
            }
            Self::Not(part) => part.needs(tell),
            Self::FieldTest(test) => {
                if let Some(need) = test.field.need {
                    tell(need);
                }
            }
        }
    }

    /// Reports the connections that it asks for by number, port or address.
    pub(super) fn named(&self, report: &mut impl FnMut(ConnectionName)) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.named(report);
                }
            }
            // What is excluded is not asked for.
            Self::Not(_) => {}
            Self::FieldTest(test) => match &test.check {
                FieldCheck::Compare(Comparison::Equal, literal) => {
                    test.name(literal).into_iter().for_each(report);
                }
                FieldCheck::In(members) => {
                    for member in members {
                        if let Member::One(literal) = member {
                            test.name(literal).into_iter().for_each(&mut *report);
                        }
                    }
                }
                FieldCheck::Present
                | FieldCheck::Compare(..)
                | FieldCheck::Contains(_)
                | FieldCheck::Matches(_) => {}
            },
        }
    }

    /// Writes it; a part that binds less than its context is put in parentheses.
    fn write(&self, around: Precedence, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binding = self.binding();
        if binding < around {
            f.write_str("(")?;
        }
        match self {
            Self::All(parts) => joined(parts, " and ", Precedence::And, f)?,
            Self::Any(parts) => joined(parts, " or ", Precedence::Or, f)?,
            Self::Not(part) => {
                f.write_str("not ")?;
                part.write(Precedence::Not, f)?;
            }
            Self::FieldTest(test) => write!(f, "{test}")?,
        }
        if binding < around {
            f.write_str(")")?;
        }
        Ok(())
    }

    fn binding(&self) -> Precedence {
        match self {
            Self::Any(_) => Precedence::Or,
            Self::All(_) => Precedence::And,
            Self::Not(_) => Precedence::Not,
            Self::FieldTest(_) => Precedence::FieldTest,
        }
    }
}

/// How strongly a part holds together, the weakest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Precedence {
    Or,
    And,
    Not,
    FieldTest,
}

fn joined(
    parts: &[Expression],
    separator: &str,
    binding: Precedence,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(separator)?;
        }
        part.write(binding, f)?;
    }
    Ok(())
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(Precedence::Or, f)
    }
}

impl FieldTest {
    /// Asks for a value at a place; of one that holds others, whether it is there.
    pub(super) fn of_json(path: JsonPath, value: &[u8]) -> Option<Self> {
        let check = match serde_json::from_slice(value).ok()? {
            serde_json::Value::Object(_) | serde_json::Value::Array(_) => FieldCheck::Present,
            scalar => FieldCheck::Compare(Comparison::Equal, Literal::Json(scalar)),
        };
        Some(Self { field: field("json")?, path: Some(path), check })
    }

    fn matches(&self, subject: &FilterSubject<'_>) -> bool {
        match self.field.read {
            FieldReader::One(read) => {
                read(subject).is_some_and(|value| self.check.matches(self.field, &[value]))
            }
            FieldReader::Two(read) => {
                read(subject).is_some_and(|values| self.check.matches(self.field, &values))
            }
            FieldReader::Each(read) => {
                let values: Vec<FieldValue<'_>> =
                    subject.findings.iter().filter_map(|finding| read(finding)).collect();
                !values.is_empty() && self.check.matches(self.field, &values)
            }
            FieldReader::Json => {
                let content = subject.message.map(|message| message.content);
                let path = self.path.as_ref();
                content
                    .zip(path)
                    .and_then(|(content, path)| path.find(content))
                    .is_some_and(|value| self.check.matches_json(&value))
            }
        }
    }
}

impl FieldCheck {
    /// Whether the values of a field pass: one of them, except for `!=`, for which all must differ.
    fn matches(&self, field: &FilterField, values: &[FieldValue<'_>]) -> bool {
        match self {
            Self::Present if field.kind == FieldType::Flag => {
                values.iter().any(|value| Literal::Number(1).is(value))
            }
            Self::Present => true,
            Self::Compare(Comparison::Unequal, literal) => {
                values.iter().all(|value| !literal.is(value))
            }
            Self::Compare(comparison, literal) => {
                values.iter().any(|value| compares(value, *comparison, literal))
            }
            Self::Contains(Literal::Text(needle)) => {
                values.iter().filter_map(bytes).any(|bytes| is_in(needle, bytes))
            }
            Self::Contains(_) => false,
            Self::Matches(regex) => {
                values.iter().filter_map(bytes).any(|bytes| regex.is_match(bytes))
            }
            Self::In(members) => {
                values.iter().any(|value| members.iter().any(|member| member.has(value)))
            }
        }
    }

    fn matches_json(&self, value: &serde_json::Value) -> bool {
        match self {
            Self::Present => true,
            Self::Compare(comparison, Literal::Json(literal)) => {
                compares_json(value, *comparison, literal)
            }
            Self::Contains(Literal::Json(serde_json::Value::String(needle))) => {
                value.as_str().is_some_and(|text| text.contains(needle.as_str()))
            }
            Self::Compare(..) | Self::Contains(_) => false,
            Self::Matches(regex) => {
                value.as_str().is_some_and(|text| regex.is_match(text.as_bytes()))
            }
            Self::In(members) => members.iter().any(|member| match member {
                Member::One(Literal::Json(literal)) => json::is_equal(value, literal),
                Member::Range(Literal::Json(low), Literal::Json(high)) => {
                    compares_json(value, Comparison::AtLeast, low)
                        && compares_json(value, Comparison::AtMost, high)
                }
                Member::One(_) | Member::Range(..) => false,
            }),
        }
    }
}

impl Member {
    fn has(&self, value: &FieldValue<'_>) -> bool {
        match self {
            Self::One(literal) => literal.is(value),
            // What covers several numbers is in a range when one of them is.
            Self::Range(low, high) => {
                compares(value, Comparison::AtLeast, low)
                    && compares(value, Comparison::AtMost, high)
            }
        }
    }
}

fn compares(value: &FieldValue<'_>, comparison: Comparison, literal: &Literal) -> bool {
    match comparison {
        Comparison::Equal => literal.is(value),
        Comparison::Unequal => !literal.is(value),
        Comparison::Less | Comparison::AtMost | Comparison::Greater | Comparison::AtLeast => {
            literal
                .order(value)
                .is_some_and(|orders| orders.into_iter().any(|order| comparison.allows(order)))
        }
    }
}

fn compares_json(
    value: &serde_json::Value,
    comparison: Comparison,
    literal: &serde_json::Value,
) -> bool {
    match comparison {
        Comparison::Equal => json::is_equal(value, literal),
        Comparison::Unequal => !json::is_equal(value, literal),
        Comparison::Less | Comparison::AtMost | Comparison::Greater | Comparison::AtLeast => {
            json::order(value, literal).is_some_and(|order| comparison.allows(order))
        }
    }
}

/// The bytes of a text, as far as they were kept.
fn bytes<'v>(value: &'v FieldValue<'_>) -> Option<&'v [u8]> {
    match value {
        FieldValue::Text(bytes) => Some(bytes),
        FieldValue::Beginning(bytes) => Some(bytes),
        FieldValue::Number { .. } | FieldValue::Address { .. } | FieldValue::Rule(_) => None,
    }
}

/// Whether bytes contain others.
fn is_in(needle: &[u8], bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}

impl fmt::Display for FieldTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.field.kind;
        f.write_str(self.field.name)?;
        if let Some(path) = &self.path {
            f.write_str("(")?;
            quoted(path.to_string().as_bytes(), f)?;
            f.write_str(")")?;
        }
        match &self.check {
            FieldCheck::Present => Ok(()),
            FieldCheck::Compare(comparison, literal) => {
                write!(f, " {} ", comparison.text())?;
                literal.write(kind, f)
            }
            FieldCheck::Contains(literal) => {
                f.write_str(" contains ")?;
                literal.write(kind, f)
            }
            FieldCheck::Matches(regex) => {
                f.write_str(" matches ")?;
                quoted(regex.as_str().as_bytes(), f)
            }
            FieldCheck::In(members) => {
                f.write_str(" in {")?;
                for (place, member) in members.iter().enumerate() {
                    f.write_str(if place > 0 { ", " } else { "" })?;
                    match member {
                        Member::One(literal) => literal.write(kind, f)?,
                        Member::Range(low, high) => {
                            low.write(kind, f)?;
                            f.write_str("..")?;
                            high.write(kind, f)?;
                        }
                    }
                }
                f.write_str("}")
            }
        }
    }
}
