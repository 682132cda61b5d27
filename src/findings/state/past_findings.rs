//! What the rules found on a connection so far.

use crate::findings::engine::broken_rule::BrokenRule;
use crate::findings::engine::severity::Severity;
use crate::stream::{Direction, Side, Span};

/// A finding, as far as causes ask for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PastFinding {
    pub(crate) rule: BrokenRule,
    pub(crate) severity: Severity,
    pub(crate) direction: Option<Direction>,
    pub(crate) side: Option<Side>,
    pub(crate) span: Option<Span>,
}

/// Findings of a connection that are remembered; those after them are not.
pub(crate) const MOST_PAST_FINDINGS: usize = 64;
