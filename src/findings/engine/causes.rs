//! Tests the causes on a connection that has ended.

use crate::findings::engine::connection::{Breach, Breaches};
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::dispatch::RULES_BY_TRIGGER;
use crate::findings::engine::violation::ViolationPlace;
use crate::findings::finding::ExcludedCause;

/// Tests all causes; adds the one with the lowest rank of those that hold, and returns those that are excluded.
pub(super) fn test(context: &CauseContext<'_>, found: &mut Breaches) -> Vec<ExcludedCause> {
    let mut excluded = Vec::new();
    let mut best: Option<(u16, Breach)> = None;
    for (by, check) in &RULES_BY_TRIGGER.cause {
        let rank = by.rule.rank();
        found.violations.set_place(ViolationPlace::default());
        check(context, &mut found.violations);
        if let Some(because) = found.violations.take_excluded() {
            excluded.push(ExcludedCause { rule: by.rule, because });
        }
        let Some(violation) = found.violations.take().into_iter().next() else { continue };
        if best.as_ref().is_none_or(|(lowest, _)| rank < *lowest) {
            best = Some((rank, Breach { by: *by, violation }));
        }
    }
    found.list.extend(best.map(|(_, breach)| breach));
    excluded
}
