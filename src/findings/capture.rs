//! stub
use crate::findings::rule::Rule;
pub(super) static RULES: &[Rule] = &[];
