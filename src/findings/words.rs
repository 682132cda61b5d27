//! The words that evidence is made of.

use std::cmp::Ordering;

use crate::stream::Origin;
use crate::text::words::percent;
use crate::websocket::Opcode;

pub(super) use crate::text::words::{counted, duration, packets_of as packets_in_words};

/// The name of an opcode, or its number.
pub(super) fn opcode_in_words(opcode: u8) -> String {
    Opcode::describe(opcode)
}

/// A part of a whole in percent.
pub(super) fn share(part: u64, whole: u64) -> String {
    percent(part, whole).unwrap_or_default()
}

/// When the end of a connection was, compared with the last frame of either side.
pub(super) fn around_last_frame(end: Origin, latest: Origin) -> String {
    let (passed, order) = match end.packet.cmp(&latest.packet) {
        Ordering::Equal => return "with the last frame".to_owned(),
        Ordering::Less => (latest.time.measured_since(end.time), "before"),
        Ordering::Greater => (end.time.measured_since(latest.time), "after"),
    };
    match passed {
        Some(passed) => format!("{} {order} the last frame", duration(passed)),
        None => format!("{order} the last frame"),
    }
}

/// How long after something else it was.
pub(super) fn after(nanoseconds: u64) -> String {
    format!("after {}", duration(nanoseconds))
}
