//! Bytes to frames to messages.

pub mod close;
pub mod frame;
pub mod message;

pub use close::Close;
pub use frame::{Frame, FrameHeader, Opcode};
pub use message::{Inflation, Message, Utf8};
