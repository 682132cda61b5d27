//! A time in which nothing came.

use crate::stream::Origin;

/// A time without frames.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct SilentPeriod {
    /// How long, in nanoseconds.
    pub(crate) length: u64,
    /// The packet before it.
    pub(crate) after: Origin,
    /// The packet that ended it.
    pub(crate) until: Origin,
}
