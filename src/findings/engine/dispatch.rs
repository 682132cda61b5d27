//! The rules of the catalogue by what they are asked about.

use std::sync::LazyLock;

use crate::findings::engine::rule::Rule;
use crate::findings::engine::trigger::RulesByTrigger;
use crate::findings::rules::rules;

/// A rule of the catalogue, and its place in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TriggeredRule {
    pub(crate) rule: &'static Rule,
    pub(crate) position: usize,
}

/// All rules with their checks.
pub(crate) static RULES_BY_TRIGGER: LazyLock<RulesByTrigger<TriggeredRule>> = LazyLock::new(|| {
    let mut by_trigger = RulesByTrigger::default();
    for (position, rule) in rules().enumerate() {
        for check in rule.checks {
            by_trigger.add(TriggeredRule { rule, position }, *check);
        }
    }
    by_trigger
});
