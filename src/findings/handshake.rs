//! Rules about the opening handshake: what both sides owe (HS-01 to HS-31), and why it failed (HS-40 to
//! HS-54).

mod fields;
mod habits;
mod mixed_up;
mod proxies;
mod refusals;
mod request;
mod response;
mod sequel;
mod waiting;

use crate::findings::rule::Rule;

/// HS-01 to HS-31.
pub(super) const TABLES: &[&[Rule]] =
    &[request::RULES, fields::RULES, response::RULES, sequel::RULES, habits::RULES];

/// HS-40 to HS-54.
pub(super) const FAILURES: &[&[Rule]] =
    &[refusals::RULES, proxies::RULES, waiting::RULES, mixed_up::RULES];
