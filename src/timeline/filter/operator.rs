//! The operators, and which types take which.

use crate::timeline::filter::expression::Comparison;
use crate::timeline::filter::fields::FieldType;
use crate::timeline::filter::names::NameOrder;
use crate::timeline::filter::token::{FilterTokenKind, Sign};

/// The operator between a field and a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    Compare(Comparison),
    Contains,
    Matches,
    In,
}

/// Every operator with its meaning, in the order in which help lists them.
pub(super) const OPERATORS: &[(Operator, &str)] = &[
    (Operator::Compare(Comparison::Equal), "is"),
    (Operator::Compare(Comparison::Unequal), "is there, and is not"),
    (Operator::Compare(Comparison::Less), "is less than"),
    (Operator::Compare(Comparison::AtMost), "is at most"),
    (Operator::Compare(Comparison::Greater), "is greater than"),
    (Operator::Compare(Comparison::AtLeast), "is at least"),
    (Operator::Contains, "contains, letter case included"),
    (Operator::Matches, "a regular expression is found in it"),
    (Operator::In, "is one of {1, 2, 5..9}"),
];

impl Operator {
    /// The operator that a token is; Wireshark's words are understood as well.
    pub(super) fn of(token: &FilterTokenKind) -> Option<Self> {
        let comparison = match token {
            FilterTokenKind::Sign(Sign::Equal) => Comparison::Equal,
            FilterTokenKind::Sign(Sign::Unequal) => Comparison::Unequal,
            FilterTokenKind::Sign(Sign::Less) => Comparison::Less,
            FilterTokenKind::Sign(Sign::AtMost) => Comparison::AtMost,
            FilterTokenKind::Sign(Sign::Greater) => Comparison::Greater,
            FilterTokenKind::Sign(Sign::AtLeast) => Comparison::AtLeast,
            FilterTokenKind::Word(word) => match word.as_str() {
                "contains" => return Some(Self::Contains),
                "matches" => return Some(Self::Matches),
                "in" => return Some(Self::In),
                "eq" => Comparison::Equal,
                "ne" => Comparison::Unequal,
                "lt" => Comparison::Less,
                "le" => Comparison::AtMost,
                "gt" => Comparison::Greater,
                "ge" => Comparison::AtLeast,
                _ => return None,
            },
            FilterTokenKind::Sign(
                Sign::And
                | Sign::Or
                | Sign::Not
                | Sign::Open
                | Sign::Close
                | Sign::OpenBrace
                | Sign::CloseBrace
                | Sign::Comma
                | Sign::Range,
            )
            | FilterTokenKind::Text(_)
            | FilterTokenKind::End => return None,
        };
        Some(Self::Compare(comparison))
    }

    /// How it is written.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Compare(comparison) => comparison.text(),
            Self::Contains => "contains",
            Self::Matches => "matches",
            Self::In => "in",
        }
    }

    /// Whether values of a type can be tested so.
    pub(super) fn fits(self, kind: FieldType) -> bool {
        match self {
            Self::Compare(Comparison::Equal | Comparison::Unequal) => true,
            Self::Compare(
                Comparison::Less | Comparison::AtMost | Comparison::Greater | Comparison::AtLeast,
            ) => is_ordered(kind),
            Self::Contains => matches!(kind, FieldType::Text | FieldType::Bytes | FieldType::Json),
            Self::Matches => matches!(kind, FieldType::Text | FieldType::Json),
            Self::In => kind != FieldType::Flag,
        }
    }

    /// The operators that a type takes, in words.
    pub(super) fn list(kind: FieldType) -> String {
        operators(kind).map(|(text, _)| format!("`{text}`")).collect::<Vec<_>>().join(", ")
    }
}

/// The operators that a type takes, with their meanings.
pub fn operators(kind: FieldType) -> impl Iterator<Item = (&'static str, &'static str)> {
    let fitting = OPERATORS.iter().filter(move |row| row.0.fits(kind));
    fitting.map(|row| (row.0.text(), row.1))
}

/// Whether one value of a type can be less than another.
pub(super) fn is_ordered(kind: FieldType) -> bool {
    match kind {
        FieldType::Number
        | FieldType::Size
        | FieldType::Ratio
        | FieldType::Duration
        | FieldType::Json => true,
        FieldType::Name(names) => names.order == NameOrder::Ordered,
        FieldType::Flag
        | FieldType::Text
        | FieldType::Bytes
        | FieldType::Address(_)
        | FieldType::Rule => false,
    }
}
