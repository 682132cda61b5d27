//! What the hypotheses about a derailed stream read: the bytes around the first frame in which something is
//! wrong, and what is known of their sender.
//!
//! A hypothesis is a pure function of a [`DerailedStream`]. All offsets are those of the stream.

mod chain;
pub(crate) mod content;
mod explained;
mod message;
mod report;
mod stream;

pub(crate) use self::chain::{Certainty, FrameSlice};
pub(crate) use self::content::{
    Content, inflated, inflated_part, is_json, is_text, is_zlib, quoted, unmasked,
};
pub(crate) use self::explained::Explained;
pub(crate) use self::message::MessageSlice;

pub(super) use self::report::{severity, test};
pub(crate) use self::stream::DerailedStream;

/// What follows from a stream that derails: rules about frames, messages and what is in them, and how the
/// connection ended.
pub(super) const CONSEQUENCES: &[&str] = &["WS-", "PMD-", "NET-06", "NET-07", "OPS-", "CAP-04"];

/// The same if a coding of HTTP is applied to the stream, and the field that says so.
pub(super) const CODING_CONSEQUENCES: &[&str] =
    &["WS-", "PMD-", "NET-06", "NET-07", "OPS-", "CAP-04", "HS-23"];
