//! How much memory and work a capture may cost.

use crate::decode;

/// Limits, each an event when it is reached.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Memory for bytes after holes of one connection, in bytes.
    pub buffered_per_connection: usize,
    /// Memory for bytes after holes of all connections, in bytes.
    pub buffered_total: usize,
    /// Memory for all bytes of the network that are kept together, in bytes.
    pub memory: usize,
    /// Connections followed at a time.
    pub connections: usize,
    /// The most that one compressed message is inflated to, in bytes.
    pub inflated_bytes: u64,
    /// IP fragments.
    pub fragments: decode::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            buffered_per_connection: 4 << 20,
            buffered_total: 24 << 20,
            memory: 256 << 20,
            connections: 1 << 16,
            inflated_bytes: 256 << 20,
            fragments: decode::Limits::default(),
        }
    }
}
