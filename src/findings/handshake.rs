//! Rules about the opening handshake (HS-01 to HS-31).

mod fields;
mod habits;
mod request;
mod response;
mod sequel;

use crate::findings::rule::Rule;

/// HS-01 to HS-31.
pub(super) const TABLES: &[&[Rule]] =
    &[request::RULES, fields::RULES, response::RULES, sequel::RULES, habits::RULES];
