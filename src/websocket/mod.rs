//! Bytes to frames to messages.

pub mod extension;
