//! The time of day, for what happens now and not in a capture.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::stream::Timestamp;

/// The time as the kernel stamps packets with it.
#[expect(clippy::disallowed_methods, reason = "live capture happens now")]
pub(super) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
