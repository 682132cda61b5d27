//! Tokens to a tree: `or` binds least, then `and`, then `not`.

use regex::bytes::RegexBuilder;

use crate::timeline::filter::error::FilterError;
use crate::timeline::filter::expression::{Expression, FieldCheck, FieldTest, Member};
use crate::timeline::filter::fields::{self, FIELDS, FieldType, FilterField};
use crate::timeline::filter::json::JsonPath;
use crate::timeline::filter::literal::Literal;
use crate::timeline::filter::nearest::nearest;
use crate::timeline::filter::operator::{Operator, is_ordered};
use crate::timeline::filter::token::{FilterToken, FilterTokenKind, Sign};

/// Reads tokens.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    tokens: &'a [FilterToken],
    at: usize,
    end: FilterToken,
    /// Parentheses and `not`s around the place.
    depth: usize,
    /// What could follow at the end of the expression.
    expected: Vec<Expected>,
}

/// What can be at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Expected {
    /// A field, `not` or `(`.
    FilterField,
    /// An operator that fits a field.
    Operator(&'static FilterField),
    /// A value of a field after an operator.
    FieldValue(&'static FilterField, Operator),
    /// `and` or `or`.
    Conjunction,
}

impl<'a> Parser<'a> {
    /// Starts before the first token.
    pub(super) fn new(tokens: &'a [FilterToken]) -> Self {
        let end = FilterToken { kind: FilterTokenKind::End, start: 0, end: 0 };
        let end = tokens.last().cloned().unwrap_or(end);
        Self { tokens, at: 0, end, depth: 0, expected: Vec::new() }
    }

    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// What is not expected at its position.
    pub(super) fn expression(&mut self) -> Result<Expression, FilterError> {
        let expression = self.either()?;
        let token = self.peek(Expected::Conjunction).clone();
        match token.kind {
            FilterTokenKind::End => Ok(expression),
            FilterTokenKind::Sign(Sign::Close) => {
                Err(FilterError::at(&token, "unmatched `)`".to_owned()))
            }
            FilterTokenKind::Word(_) | FilterTokenKind::Text(_) | FilterTokenKind::Sign(_) => {
                let message = format!("expected `and` or `or` before {}", named(&token));
                Err(FilterError::at(&token, message))
            }
        }
    }

    /// What could have followed where the tokens ended.
    pub(super) fn expected(&self) -> &[Expected] {
        &self.expected
    }

    /// The next token; at the end, what was expected is noted.
    fn peek(&mut self, expected: Expected) -> &FilterToken {
        if self.is_at_end() && !self.expected.contains(&expected) {
            self.expected.push(expected);
        }
        self.tokens.get(self.at).unwrap_or(&self.end)
    }

    fn is_at_end(&self) -> bool {
        self.tokens.get(self.at).is_none_or(|token| token.kind == FilterTokenKind::End)
    }

    fn advance(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// Skips a sign that is expected, or the word for it.
    fn takes(&mut self, sign: Sign, word: &str, expected: Expected) -> bool {
        let found = match &self.peek(expected).kind {
            FilterTokenKind::Sign(found) => *found == sign,
            FilterTokenKind::Word(found) => found == word,
            FilterTokenKind::Text(_) | FilterTokenKind::End => false,
        };
        if found {
            self.advance();
        }
        found
    }

    fn either(&mut self) -> Result<Expression, FilterError> {
        let first = self.both()?;
        let mut parts = vec![first];
        while self.takes(Sign::Or, "or", Expected::Conjunction) {
            parts.push(self.both()?);
        }
        Ok(single(parts, Expression::Any))
    }

    fn both(&mut self) -> Result<Expression, FilterError> {
        let first = self.negation()?;
        let mut parts = vec![first];
        while self.takes(Sign::And, "and", Expected::Conjunction) {
            parts.push(self.negation()?);
        }
        Ok(single(parts, Expression::All))
    }

    fn negation(&mut self) -> Result<Expression, FilterError> {
        let token = self.peek(Expected::FilterField).clone();
        if self.takes(Sign::Not, "not", Expected::FilterField) {
            let part = self.deeper(&token, Self::negation)?;
            return Ok(Expression::Not(Box::new(part)));
        }
        if !self.takes(Sign::Open, "(", Expected::FilterField) {
            return self.test().map(Expression::FieldTest);
        }
        let part = self.deeper(&token, Self::either)?;
        if self.takes(Sign::Close, ")", Expected::Conjunction) {
            return Ok(part);
        }
        let next = self.peek(Expected::Conjunction).clone();
        if next.kind == FilterTokenKind::End {
            let column = token.start.saturating_add(1);
            let message = format!("`(` at column {column} is never closed");
            return Err(FilterError::at(&token, message));
        }
        let message = format!("expected `and`, `or` or `)` before {}", named(&next));
        Err(FilterError::at(&next, message))
    }

    fn deeper(
        &mut self,
        token: &FilterToken,
        read: fn(&mut Self) -> Result<Expression, FilterError>,
    ) -> Result<Expression, FilterError> {
        if self.depth >= DEEPEST {
            let message = format!("more than {DEEPEST} nested `(` and `not`");
            return Err(FilterError::at(token, message));
        }
        self.depth = self.depth.saturating_add(1);
        let part = read(self);
        self.depth = self.depth.saturating_sub(1);
        part
    }

    fn test(&mut self) -> Result<FieldTest, FilterError> {
        let token = self.peek(Expected::FilterField).clone();
        let FilterTokenKind::Word(word) = &token.kind else {
            let message = match token.kind {
                FilterTokenKind::End => "expected a field, as in `opcode == text`".to_owned(),
                FilterTokenKind::Word(_) | FilterTokenKind::Text(_) | FilterTokenKind::Sign(_) => {
                    format!("expected a field before {}", named(&token))
                }
            };
            return Err(FilterError::at(&token, message));
        };
        let field =
            fields::field(word).ok_or_else(|| FilterError::at(&token, unknown_field(word)))?;
        self.advance();
        let path = if field.kind == FieldType::Json { Some(self.path(field)?) } else { None };
        let check = self.check(field)?;
        Ok(FieldTest { field, path, check })
    }

    /// The path of `json`, in parentheses.
    fn path(&mut self, field: &'static FilterField) -> Result<JsonPath, FilterError> {
        let missing = |token: &FilterToken| {
            let message = format!("`{}` needs a path: `json(\".type\")`", field.name);
            FilterError::at(token, message)
        };
        let open = self.tokens.get(self.at).unwrap_or(&self.end);
        if open.kind != FilterTokenKind::Sign(Sign::Open) {
            return Err(missing(open));
        }
        self.advance();
        let token = self.tokens.get(self.at).unwrap_or(&self.end);
        let FilterTokenKind::Text(bytes) = &token.kind else { return Err(missing(token)) };
        let text = String::from_utf8_lossy(bytes);
        let path = JsonPath::read(&text).map_err(|(place, message)| {
            // Behind the quote; escapes before it would shift that.
            let column = token.start.saturating_add(1).saturating_add(place);
            FilterError::new(column.min(token.end), 1, message.to_owned())
        })?;
        self.advance();
        let close = self.tokens.get(self.at).unwrap_or(&self.end);
        if close.kind != FilterTokenKind::Sign(Sign::Close) {
            let message = "expected `)` after the path".to_owned();
            return Err(FilterError::at(close, message));
        }
        self.advance();
        Ok(path)
    }

    fn check(&mut self, field: &'static FilterField) -> Result<FieldCheck, FilterError> {
        let token = self.peek(Expected::Operator(field)).clone();
        let Some(operator) = Operator::of(&token.kind) else {
            return match &token.kind {
                FilterTokenKind::Word(word) if !matches!(word.as_str(), "and" | "or") => {
                    Err(FilterError::at(&token, no_operator(field, &token)))
                }
                FilterTokenKind::Text(_) => {
                    Err(FilterError::at(&token, no_operator(field, &token)))
                }
                FilterTokenKind::Word(_) | FilterTokenKind::Sign(_) | FilterTokenKind::End => {
                    Ok(FieldCheck::Present)
                }
            };
        };
        if !operator.fits(field.kind) {
            let message = format!(
                "`{}` is {}, which takes {}",
                field.name,
                field.kind.words(),
                Operator::list(field.kind)
            );
            return Err(FilterError::at(&token, message));
        }
        self.advance();
        match operator {
            Operator::Compare(comparison) => {
                let literal = self.literal(field, operator)?;
                Ok(FieldCheck::Compare(comparison, literal))
            }
            Operator::Contains => self.needle(field).map(FieldCheck::Contains),
            Operator::Matches => self.regex(field),
            Operator::In => self.set(field).map(FieldCheck::In),
        }
    }

    fn literal(
        &mut self,
        field: &'static FilterField,
        operator: Operator,
    ) -> Result<Literal, FilterError> {
        let literal = Literal::read(field, self.peek(Expected::FieldValue(field, operator)))?;
        self.advance();
        Ok(literal)
    }

    /// What a text is to contain; of JSON, only texts contain anything.
    fn needle(&mut self, field: &'static FilterField) -> Result<Literal, FilterError> {
        let token = self.peek(Expected::FieldValue(field, Operator::Contains)).clone();
        let literal = self.literal(field, Operator::Contains)?;
        match &literal {
            Literal::Json(value) if !value.is_string() => {
                let message = "`contains` needs a text: write it in quotes".to_owned();
                Err(FilterError::at(&token, message))
            }
            Literal::Json(_)
            | Literal::Text(_)
            | Literal::Number(_)
            | Literal::AddressRange(_)
            | Literal::Rule(_) => Ok(literal),
        }
    }

    fn regex(&mut self, field: &'static FilterField) -> Result<FieldCheck, FilterError> {
        let token = self.peek(Expected::FieldValue(field, Operator::Matches)).clone();
        let wrong = |message: String| Err(FilterError::at(&token, message));
        let FilterTokenKind::Text(bytes) = &token.kind else {
            return wrong("`matches` needs a regular expression in quotes".to_owned());
        };
        let Ok(pattern) = std::str::from_utf8(bytes) else {
            return wrong(
                "a regular expression is UTF-8; it can name any byte as `(?-u:\\\\xff)`".to_owned(),
            );
        };
        self.advance();
        let built = RegexBuilder::new(pattern)
            .size_limit(REGEX_BYTES)
            .dfa_size_limit(REGEX_BYTES)
            .nest_limit(REGEX_DEPTH)
            .build();
        match built {
            Ok(regex) => Ok(FieldCheck::Matches(regex)),
            Err(error) => wrong(format!("invalid regular expression: {}", reason(&error))),
        }
    }

    /// `{1, 2, 5..9}`, or a single value or range without braces.
    fn set(&mut self, field: &'static FilterField) -> Result<Vec<Member>, FilterError> {
        let expected = Expected::FieldValue(field, Operator::In);
        let open = self.peek(expected).clone();
        if !self.takes(Sign::OpenBrace, "{", expected) {
            return Ok(vec![self.member(field)?]);
        }
        let mut members = Vec::new();
        loop {
            members.push(self.member(field)?);
            let token = self.tokens.get(self.at).unwrap_or(&self.end);
            let end = match token.kind {
                FilterTokenKind::Sign(Sign::Comma) => false,
                FilterTokenKind::Sign(Sign::CloseBrace) => true,
                FilterTokenKind::End => {
                    let column = open.start.saturating_add(1);
                    let message = format!("`{{` at column {column} is never closed");
                    return Err(FilterError::at(&open, message));
                }
                FilterTokenKind::Word(_) | FilterTokenKind::Text(_) | FilterTokenKind::Sign(_) => {
                    let message = format!("expected `,` or `}}` before {}", named(token));
                    return Err(FilterError::at(token, message));
                }
            };
            self.advance();
            if end {
                return Ok(members);
            }
        }
    }

    fn member(&mut self, field: &'static FilterField) -> Result<Member, FilterError> {
        let low = self.literal(field, Operator::In)?;
        let range = self.tokens.get(self.at).unwrap_or(&self.end).clone();
        if range.kind != FilterTokenKind::Sign(Sign::Range) {
            return Ok(Member::One(low));
        }
        if !is_ordered(field.kind) {
            let message =
                format!("values of `{}` have no order, so `..` cannot be used", field.name);
            return Err(FilterError::at(&range, message));
        }
        self.advance();
        let high = self.literal(field, Operator::In)?;
        if let (Literal::Number(low), Literal::Number(high)) = (&low, &high)
            && low > high
        {
            let message = "this range is empty: its end is less than its beginning".to_owned();
            return Err(FilterError::at(&range, message));
        }
        Ok(Member::Range(low, high))
    }
}

/// One part as it is; several as what joins them.
fn single(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(part) if parts.is_empty() => part,
        Some(part) => {
            parts.push(part);
            join(parts)
        }
        None => join(parts),
    }
}

/// A token as messages name it.
fn named(token: &FilterToken) -> String {
    match &token.kind {
        FilterTokenKind::Word(word) => format!("`{word}`"),
        FilterTokenKind::Text(_) => "this text".to_owned(),
        FilterTokenKind::Sign(sign) => format!("`{}`", sign.text()),
        FilterTokenKind::End => "the end".to_owned(),
    }
}

fn no_operator(field: &FilterField, token: &FilterToken) -> String {
    let shown = Operator::list(field.kind);
    format!("expected an operator after `{}`, before {}: {shown}", field.name, named(token))
}

fn unknown_field(word: &str) -> String {
    let names = FIELDS
        .iter()
        .flat_map(|field| std::iter::once(field.name).chain(field.aliases.iter().copied()));
    match nearest(word, names) {
        Some(near) => format!("there is no field `{word}`; did you mean `{near}`?"),
        None => format!("there is no field `{word}`"),
    }
}

/// The last line of the regex crate's message: the others draw the position in the pattern.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// The most nested `(` and `not`.
const DEEPEST: usize = 64;

/// Bytes that a compiled regular expression, and what it remembers while it searches, may take.
const REGEX_BYTES: usize = 1 << 20;

/// The most nested groups in a regular expression.
const REGEX_DEPTH: u32 = 64;
