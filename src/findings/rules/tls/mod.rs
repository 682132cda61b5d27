//! Rules about TLS as it shows itself without its secrets (TLS).

mod certificate;
mod failure;
pub(super) mod mistaken;
mod refused;
mod secrets;

use crate::findings::engine::rule::Rule;

/// TLS, in one table for each file.
pub(super) const TABLES: &[&[Rule]] =
    &[mistaken::RULES, refused::RULES, certificate::RULES, secrets::RULES];
