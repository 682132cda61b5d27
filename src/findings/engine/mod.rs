//! How rules are evaluated: what a rule is, when it is asked, what it is shown, and what it reports.

pub(crate) mod broken_rule;
pub(crate) mod cause;
mod causes;
pub(crate) mod checker;
pub(crate) mod connection;
pub(crate) mod context;
pub(crate) mod dispatch;
mod found;
mod groups;
pub(crate) mod header_class;
pub(crate) mod partial_header;
pub(crate) mod revisions;
pub(crate) mod rule;
pub(crate) mod rule_name;
pub(crate) mod severity;
pub(crate) mod snippet;
pub(crate) mod trigger;
pub(crate) mod violation;
