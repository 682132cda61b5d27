//! The option `-Y`, and what it requires of the analysis.

use crate::analysis::AnalyzerOptions;
use crate::analysis::event::ConnectionId;
use crate::findings::ConnectionName;
use crate::report::fields;
use crate::timeline::filter::{CONTENT_LIMIT, Filter, FilterNeed};
use crate::tls::KeyLog;

/// Which rows are shown.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct FilterArgs {
    /// Show only rows that match an expression, for example 'opcode == text and length > 1k'
    #[arg(short = 'Y', long = "where", value_name = "EXPRESSION", long_help = fields::help())]
    expression: Option<String>,
}

impl FilterArgs {
    /// Reads the expression, if there is one.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with the column.
    pub(super) fn filter(&self) -> anyhow::Result<Option<Filter>> {
        let Some(text) = &self.expression else { return Ok(None) };
        match Filter::parse(text) {
            Ok(filter) => Ok(Some(filter)),
            Err(error) => anyhow::bail!("-Y {error} (wslens print --help lists the fields)"),
        }
    }

    /// The same for some connections only; all if none are given.
    ///
    /// # Errors
    ///
    /// As [`FilterArgs::filter`].
    pub(super) fn filter_within(&self, connections: &[u64]) -> anyhow::Result<Option<Filter>> {
        let own = self.filter()?;
        if connections.is_empty() {
            return Ok(own);
        }
        let any: Vec<String> = connections.iter().map(|it| format!("connection == {it}")).collect();
        let any = any.join(" or ");
        let both = match &self.expression {
            Some(text) => format!("({text}) and ({any})"),
            None => any,
        };
        Filter::parse(&both).map(Some).map_err(|error| anyhow::anyhow!("-Y {error}"))
    }
}

/// How many bytes of each message must be kept if a report needs `keep`.
pub(super) fn kept(filter: &Filter, keep: usize) -> usize {
    if filter.needs().has(FilterNeed::Content) { keep.max(CONTENT_LIMIT) } else { keep }
}

/// The connections that the user named: in the filter, or by their numbers.
pub(super) fn named(filter: Option<&Filter>, numbers: &[u64]) -> Vec<ConnectionName> {
    let numbers = numbers.iter().map(|id| ConnectionName::Number(ConnectionId(*id)));
    filter.map(Filter::named).unwrap_or_default().into_iter().chain(numbers).collect()
}

/// What applies to every capture of one run of `check` or `diagnose`.
pub(super) struct RunInputs<'a> {
    pub(super) filter: Option<&'a Filter>,
    /// TLS secrets of all key logs.
    pub(super) keylog: KeyLog,
}

impl RunInputs<'_> {
    /// How to analyze a capture so that all rules and the filter can be evaluated.
    pub(super) fn analyzer_options(&self, decode_as: &[u16]) -> AnalyzerOptions {
        let options = AnalyzerOptions::for_rules();
        AnalyzerOptions {
            keep: self.filter.map_or(options.keep, |filter| kept(filter, options.keep)),
            decode_as: decode_as.to_vec(),
            keylog: self.keylog.clone(),
            ..options
        }
    }
}
