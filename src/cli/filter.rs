//! The option that chooses by an expression.

use crate::report::fields;
use crate::timeline::filter::{CONTENT_LIMIT, Filter, Need};

/// What is shown.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct FilterArgs {
    /// Only what matches an expression, for example 'opcode == text and length > 1k'
    #[arg(short = 'Y', long = "where", value_name = "EXPRESSION", long_help = fields::help())]
    expression: Option<String>,
}

impl FilterArgs {
    /// Reads the expression, if there is one.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and at which column.
    pub(super) fn filter(&self) -> anyhow::Result<Option<Filter>> {
        let Some(text) = &self.expression else { return Ok(None) };
        match Filter::parse(text) {
            Ok(filter) => Ok(Some(filter)),
            Err(error) => anyhow::bail!("-Y {error} (wslens print --help lists the fields)"),
        }
    }
}

/// How many bytes of each content must be kept, where a report takes `keep`.
pub(super) fn kept(filter: &Filter, keep: usize) -> usize {
    if filter.needs().has(Need::Content) { keep.max(CONTENT_LIMIT) } else { keep }
}
