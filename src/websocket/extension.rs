//! Placeholder until the grammar is merged.

/// One side's parameters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SideParams {
    /// `*_no_context_takeover`.
    pub no_context_takeover: bool,
    /// LZ77 window, 8 to 15.
    pub window_bits: u8,
}
