//! What is done to the secrets of a capture while it is copied.

/// What is done to the secrets of a capture while it is copied.
pub enum SecretsChange<'c> {
    /// This TLS key log is added, before the packets.
    Inject(&'c [u8]),
    /// All secrets are left out. Comments are replaced by what this function gives.
    Strip(&'c mut EditComment<'c>),
}

/// Changes a comment: gives what is left of it, or `None` if it stays as it is.
pub type EditComment<'e> = dyn FnMut(&[u8]) -> Option<Vec<u8>> + 'e;

/// What was changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RewriteCounts {
    /// Blocks of secrets that were left out.
    pub removed: u64,
    /// Those of them that are not a TLS key log.
    pub removed_others: u64,
    /// Comments that were changed.
    pub comments: u64,
}

/// The parts of a key log, in whole lines, that fit into one block each.
pub(super) fn key_log_blocks(mut text: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let most = text.get(..LARGEST_KEY_LOG).unwrap_or(text);
        let last_line = most.iter().rposition(|byte| *byte == b'\n').map(|at| at.saturating_add(1));
        let end = last_line.filter(|_| most.len() < text.len()).unwrap_or(most.len());
        let (lines, rest) = text.split_at_checked(end)?;
        text = rest;
        (!lines.is_empty()).then_some(lines)
    })
}

/// The most bytes of a key log in one block: readers refuse larger ones.
const LARGEST_KEY_LOG: usize = 1 << 20;
