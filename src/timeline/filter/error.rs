//! What is wrong with an expression.

use std::fmt;

/// Why an expression cannot be read, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FilterError {
    /// The character at which it is wrong, from 0.
    pub column: usize,
    /// How many characters are concerned; 0 at the end of the expression.
    pub length: usize,
    /// What is wrong and what was expected, without a full stop. It repeats parts of the expression.
    pub message: String,
}

impl FilterError {
    pub(super) fn new(column: usize, length: usize, message: String) -> Self {
        Self { column, length, message }
    }
}

impl fmt::Display for FilterError {
    /// Columns are counted from 1 here, as people do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column.saturating_add(1), self.message)
    }
}

impl std::error::Error for FilterError {}
