//! Rules about the network below the WebSocket (NET).

mod among;
mod flow;
mod opening;
mod proxy;

use crate::findings::rule::Rule;

/// NET-01 to NET-13.
pub(super) const TABLES: &[&[Rule]] = &[opening::RULES, flow::RULES, among::RULES, proxy::RULES];
