//! Filter expressions: `opcode == text and length > 1000`.
//!
//! One parser for the command line and the screen. [`FIELDS`] is the table of what can be tested;
//! help and completion are made of it. A row that lacks a field matches no test of it, `!=` included;
//! `not (...)` asks for the opposite.

mod address;
mod completion;
mod error;
mod expression;
mod facts;
mod fields;
#[cfg(test)]
mod fixture;
mod json;
mod literal;
mod matcher;
mod names;
mod nearest;
mod number;
mod operator;
mod parser;
mod subject;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;

use crate::findings::ConnectionName;

use self::expression::{Expression, FieldTest};
use self::json::JsonPath;
use self::parser::Parser;

pub use self::completion::{Completion, complete};
pub use self::error::FilterError;
pub use self::fields::{FIELDS, FieldType, FilterField, FilterNeed, Ports, field};
pub use self::json::JsonStep;
pub use self::matcher::Matcher;
pub use self::names::{NameOrder, NamedValue, Numbers, ValueNames};
pub use self::operator::operators;
pub use self::subject::{EntryClass, FilterConnection, FilterFrame, FilterMessage, FilterSubject};

/// What rows are chosen by.
///
/// Shown in its canonical form, which gives the same filter when it is parsed.
#[derive(Clone, Debug)]
pub struct Filter {
    expression: Expression,
    needs: Needs,
}

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// A word that is not a field, an operator or value that does not fit one, or anything else that is
    /// not expected at its position.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let tokens = token::tokens(text)?;
        let expression = Parser::new(&tokens).expression()?;
        let mut needs = Needs::default();
        expression.needs(&mut |need| needs.add(need));
        Ok(Self { expression, needs })
    }

    /// Makes the filter that asks for what is at a place of a content that is JSON: for the same
    /// value, or, of an object or array, whether there is one. `None` if `value` is not JSON.
    pub fn of_json(path: Vec<JsonStep>, value: &[u8]) -> Option<Self> {
        let test = FieldTest::of_json(JsonPath::new(path), value)?;
        let mut needs = Needs::default();
        test.field.need.into_iter().for_each(|need| needs.add(need));
        Some(Self { expression: Expression::FieldTest(test), needs })
    }

    /// Whether a row matches.
    pub fn matches(&self, subject: &FilterSubject<'_>) -> bool {
        self.expression.matches(subject)
    }

    /// The connections that it asks for by number, port or address.
    pub fn named(&self) -> Vec<ConnectionName> {
        let mut named = Vec::new();
        self.expression.named(&mut |name| named.push(name));
        named
    }

    /// What must be kept so that it can be evaluated.
    pub fn needs(&self) -> Needs {
        self.needs
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}

/// What must be kept so that a filter can be evaluated.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Needs(u8);

impl Needs {
    /// Whether this is among it.
    pub fn has(self, need: FilterNeed) -> bool {
        self.0 & bit(need) != 0
    }

    /// Whether it includes something that is known only after the entry that it concerns.
    pub fn is_late(self) -> bool {
        self.has(FilterNeed::Findings) || self.has(FilterNeed::End)
    }

    fn add(&mut self, need: FilterNeed) {
        self.0 |= bit(need);
    }
}

/// Content that is kept for filters, in bytes of each message: longer ones are matched by their beginning.
pub const CONTENT_LIMIT: usize = 1 << 20;

fn bit(need: FilterNeed) -> u8 {
    match need {
        FilterNeed::Content => 0x1,
        FilterNeed::Findings => 0x2,
        FilterNeed::Frames => 0x4,
        FilterNeed::Handshake => 0x8,
        FilterNeed::End => 0x10,
    }
}
