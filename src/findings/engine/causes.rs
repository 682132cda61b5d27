//! Tests the causes on a connection that has ended.

use crate::findings::engine::connection::{Breach, Breaches};
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::dispatch::RULES_BY_TRIGGER;
use crate::findings::engine::rule::Rule;
use crate::findings::engine::violation::ViolationPlace;
use crate::findings::finding::{ExcludedCause, rank_of};
use crate::stream::Direction;

/// What came of the test of all causes on a connection.
#[derive(Debug)]
pub(super) struct TestedCauses {
    /// The rank of the one that holds.
    pub(super) rank: Option<u16>,
    /// Those that are excluded.
    pub(super) excluded: Vec<ExcludedCause>,
}

/// Tests all causes, and adds the one with the lowest rank of those that hold.
pub(super) fn test(context: &CauseContext<'_>, found: &mut Breaches) -> TestedCauses {
    test_some(context, found, |_| true)
}

/// The same for those causes that the bytes of a stream show by themselves.
pub(super) fn test_of_streams(context: &CauseContext<'_>, found: &mut Breaches) {
    test_some(context, found, Rule::is_of_stream);
}

fn test_some(
    context: &CauseContext<'_>,
    found: &mut Breaches,
    is_tested: fn(&Rule) -> bool,
) -> TestedCauses {
    let mut excluded = Vec::new();
    let mut best: Option<(u16, Breach)> = None;
    for (by, check) in RULES_BY_TRIGGER.cause.iter().filter(|(by, _)| is_tested(by.rule)) {
        found.violations.set_place(ViolationPlace::default());
        check(context, &mut found.violations);
        if let Some(because) = found.violations.take_excluded() {
            excluded.push(ExcludedCause { rule: by.rule, because });
        }
        let Some(violation) = found.violations.take().into_iter().next() else { continue };
        let rank = rank_of(by.rule, violation.severity.unwrap_or(by.rule.severity));
        if best.as_ref().is_none_or(|(lowest, _)| rank < *lowest) {
            best = Some((rank, Breach { by: *by, violation }));
        }
    }
    let rank = best.as_ref().map(|(rank, _)| *rank);
    found.list.extend(best.map(|(_, breach)| breach));
    TestedCauses { rank, excluded }
}

/// Whether a side ended the connection because of what the other one sent.
pub(super) fn is_refused(context: &CauseContext<'_>) -> bool {
    let state = context.subject.state;
    let frames = &context.connection.frames;
    let is_unused = frames.client == 0 && frames.server == 0;
    let has_bad_response =
        !context.across.broken_handshakes.response(context.connection.id).is_empty();
    Direction::BOTH.into_iter().any(|refuser| {
        let code = state.sides.get(refuser).close.as_ref().and_then(|close| close.code);
        let has_violation = state.sides.get(refuser.reverse()).fatal_violation.is_some();
        code.is_some_and(|code| REFUSALS.contains(&code)) || has_violation
    }) || (is_unused && has_bad_response)
}

/// Codes with which a message is refused (RFC 6455 §7.4.1).
const REFUSALS: &[u16] = &[1002, 1003, 1007, 1009, 1010];
