//! Rules about connections that break no rule of the standards, and still mean trouble (OPS).

mod idle;
mod pace;
mod restart;
mod size;

use crate::findings::engine::rule::Rule;

/// OPS-01 to OPS-06.
pub(super) const TABLES: &[&[Rule]] = &[idle::RULES, pace::RULES, restart::RULES, size::RULES];
