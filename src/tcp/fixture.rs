//! Segments for tests.

use crate::decode::{Endpoint, Flags, Segment};

/// A segment whose endpoints do not matter.
pub(crate) fn segment(
    flags: u8,
    sequence: u32,
    acknowledgement: u32,
    payload: &[u8],
) -> Segment<'_> {
    let endpoint = Endpoint::v4([10, 0, 0, 1], 80);
    Segment {
        source: endpoint,
        destination: endpoint,
        sequence,
        acknowledgement,
        flags: Flags(flags),
        window: 1_000,
        payload,
        missing: 0,
    }
}
