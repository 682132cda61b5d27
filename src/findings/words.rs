//! The words that evidence is made of.

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

/// How long after something else it was.
pub(super) fn after(nanoseconds: u64) -> String {
    format!("after {}", duration(nanoseconds))
}
