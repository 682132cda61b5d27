//! Rules about the opening handshake: what both sides owe (HS-01 to HS-31, HS-55 to HS-57), and why it
//! failed (HS-40 to HS-54).

pub(crate) mod after_response;
mod client_fields;
mod fields;
pub(crate) mod fields_read;
mod no_response;
pub(crate) mod origin;
mod proxies;
pub(crate) mod refusal_advice;
pub(crate) mod refusals;
pub(crate) mod refused_request;
mod request;
mod response;
mod socket_io;

use crate::findings::engine::rule::Rule;

/// HS-01 to HS-31, HS-55 to HS-57.
pub(super) const TABLES: &[&[Rule]] = &[
    request::RULES,
    fields::RULES,
    response::RULES,
    after_response::RULES,
    client_fields::RULES,
    origin::RULES,
];

/// HS-40 to HS-54.
pub(super) const FAILURES: &[&[Rule]] =
    &[refusals::RULES, proxies::RULES, no_response::RULES, socket_io::RULES];
