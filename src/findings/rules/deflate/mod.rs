//! Rules about permessage-deflate (PMD-01 to PMD-16).

mod drafts;
mod fit;
mod frames;
mod messages;
mod negotiation;
mod params;

use crate::findings::engine::rule::Rule;

/// PMD-01 to PMD-16.
pub(super) const TABLES: &[&[Rule]] =
    &[params::RULES, negotiation::RULES, frames::RULES, messages::RULES, drafts::RULES];
