//! Rules about permessage-deflate (PMD).

use crate::findings::rule::Rule;

/// PMD.
pub(super) const TABLES: &[&[Rule]] = &[];
