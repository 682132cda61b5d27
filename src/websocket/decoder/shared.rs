//! What the decoders of a capture share.

use crate::stream::Budget;
use crate::websocket::deflate::Spares;

/// What is wanted of messages.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Bytes kept of each message's content.
    pub keep: usize,
    /// Whether longer messages get a SHA-256.
    pub digest: bool,
    /// The most that one message may inflate to, in bytes.
    pub inflated_bytes: u64,
}

/// What all decoders share: settings, and buffers that are in use only while a chunk is decoded.
#[derive(Debug)]
pub struct Shared {
    /// What is wanted of messages.
    pub settings: Settings,
    /// Where all that is kept is accounted for.
    pub budget: Budget,
    pub(super) spares: Spares,
    /// Unmasked bytes of the current chunk.
    pub(super) plain: Vec<u8>,
    /// Buffers of contents that have ended, for those that begin.
    buffers: Vec<Vec<u8>>,
}

impl Shared {
    /// Creates the shared part for decoders with these `settings`.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            budget: Budget::default(),
            spares: Spares::default(),
            plain: Vec::new(),
            buffers: Vec::new(),
        }
    }

    /// A buffer for a content that begins.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    /// Keeps the buffer of a content that has ended for a later one.
    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        let is_useful = (1..=LARGEST_SPARE).contains(&buffer.capacity());
        if is_useful && self.buffers.len() < SPARE_BUFFERS {
            self.buffers.push(buffer);
        }
    }
}

/// Buffers kept for contents to come, and the largest of them in bytes.
const SPARE_BUFFERS: usize = 16;
const LARGEST_SPARE: usize = 1 << 16;
