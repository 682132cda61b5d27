//! What is remembered of a rule that was broken.

use crate::stream::PerDirection;

/// A broken rule, as far as others ask for it: its name, and what follows from breaking it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BrokenRule {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// Whether it counts against a peer: it obliges one, and is more than a note.
    pub(crate) blames: bool,
    /// Whether a receiver that notices the violation must fail the connection (RFC 6455 §7.1.7).
    pub(crate) is_fatal: bool,
    /// Whether it is about the heads of handshakes that are sent in a direction.
    pub(crate) is_about_heads: PerDirection<bool>,
}

/// Broken rules with their titles.
pub(crate) fn in_words(broken: &[BrokenRule]) -> String {
    let words = broken.iter().map(|BrokenRule { id, title, .. }| format!("{id} ({title})"));
    words.collect::<Vec<_>>().join(", ")
}
