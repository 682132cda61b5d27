//! Bytes to frames to messages.

pub mod close;
pub mod close_code;
mod content;
mod count;
pub mod decoder;
pub mod deflate;
pub mod extension;
pub mod frame;
mod inflate;
pub mod mask;
pub mod message;
mod ping;
pub mod subprotocol;
pub mod sync;
pub mod utf8;

pub use close::{Close, close_payload};
pub use close_code::CloseCode;
pub use count::MessageCounts;
pub use decoder::{Compression, Decoder, Observation, Settings, Shared, Start};
pub use deflate::{DeflateFault, History, HistoryStart};
pub use frame::{Frame, FrameHeader, Opcode};
pub use message::{DeflateEnding, Digest, Inflation, Message, Tail, Utf8};
pub use ping::{AnsweredPing, MOST_UNPAIRED, UnpairedControls};
