//! What causes explain of a capture.

use serde::Serialize;

use super::{SeverityFields, SummaryLine};
use crate::findings::Rule;
use crate::journal::{ExplainedCounts, Summary};

/// The last line, with causes and consequences.
#[derive(Serialize)]
pub(in super::super) struct ExplainedSummaryLine<'a> {
    #[serde(flatten)]
    line: SummaryLine<'a>,
    #[serde(flatten)]
    explained: ExplainedFields,
}

impl<'a> ExplainedSummaryLine<'a> {
    pub(in super::super) fn new(summary: &'a Summary) -> Self {
        let explained = ExplainedFields::of(&summary.explained);
        Self { line: SummaryLine::new(summary), explained }
    }
}

/// Causes and consequences of a summary, field by field in the order they are written.
#[derive(Serialize)]
pub(in super::super) struct ExplainedFields {
    /// The causes that explain something, and how often each was found.
    causes: Vec<CauseCountFields>,
    /// How many of the findings follow from a cause.
    consequences: SeverityFields,
}

#[derive(Serialize)]
struct CauseCountFields {
    rule: &'static str,
    count: u64,
}

impl ExplainedFields {
    pub(in super::super) fn of(counts: &ExplainedCounts) -> Self {
        let fields = |(rule, count): (&Rule, u64)| CauseCountFields { rule: rule.id, count };
        Self {
            causes: counts.causes().into_iter().map(fields).collect(),
            consequences: SeverityFields::of(counts.consequences()),
        }
    }
}
