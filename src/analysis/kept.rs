//! Chunks that wait until it is clear how to read them.

use crate::stream::{Chunk, Direction, Origin};

/// A chunk with bytes of its own.
#[derive(Debug)]
pub(super) struct KeptChunk {
    pub(super) direction: Direction,
    bytes: Vec<u8>,
    offset: u64,
    origin: Origin,
}

impl KeptChunk {
    /// Copies a chunk.
    pub(super) fn new(direction: Direction, chunk: Chunk<'_>) -> Self {
        Self { direction, bytes: chunk.bytes.to_vec(), offset: chunk.offset, origin: chunk.origin }
    }

    /// The chunk as it came.
    pub(super) fn chunk(&self) -> Chunk<'_> {
        Chunk { offset: self.offset, bytes: &self.bytes, origin: self.origin }
    }
}
