//! The current time, for live capture only.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::stream::Timestamp;

/// The current time, from the clock that the kernel uses for packets.
#[expect(clippy::disallowed_methods, reason = "live capture happens now")]
pub(super) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
