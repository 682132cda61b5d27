//! A direction of a stream around the first frame in which something is wrong.

use crate::findings::state::stream_window::{StreamWindow, WindowPart};
use crate::stream::{Direction, length_u64, length_usize};
use crate::websocket::Compression;

/// A direction of a stream, from a few frames before the first one in which something is wrong.
#[derive(Clone, Debug)]
pub(crate) struct DerailedStream<'a> {
    pub(crate) direction: Direction,
    /// What was agreed for compressed messages of its sender.
    pub(crate) compression: Compression,
    /// What compressed messages may refer to.
    pub(crate) history: &'a [u8],
    /// Where the first frame in which something is wrong starts, then the frames before it, the latest first.
    pub(crate) frames: Vec<u64>,
    /// The first byte that was sent as a frame, if it is known.
    pub(crate) first: Option<u64>,
    /// Whether its last byte is the last of the stream.
    pub(crate) reaches_end: bool,
    pub(in crate::findings::causes) parts: [WindowPart<'a>; 2],
}

impl<'a> DerailedStream<'a> {
    /// What a window shows; `None` if nothing is wrong in it.
    pub(crate) fn of(
        window: &'a StreamWindow,
        direction: Direction,
        compression: Compression,
    ) -> Option<Self> {
        let wrong = window.derailed()?;
        let before = window.frames().map(|frame| frame.offset).filter(|offset| *offset < wrong);
        let frames = std::iter::once(wrong).chain(before).collect();
        Some(Self {
            direction,
            compression,
            history: window.history().unwrap_or_default(),
            frames,
            first: window.first(),
            reaches_end: window.reaches_end(),
            parts: window.parts(),
        })
    }

    /// Bytes whose first frame begins at their start, and that are all of a stream.
    #[cfg(test)]
    pub(crate) fn whole(bytes: &'a [u8], direction: Direction, frames: Vec<u64>) -> Self {
        let part = WindowPart { offset: 0, bytes };
        let end = WindowPart { offset: length_u64(bytes.len()), bytes: &[] };
        Self {
            direction,
            compression: Compression::None,
            history: &[],
            frames,
            first: Some(0),
            reaches_end: true,
            parts: [part, end],
        }
    }

    /// Bytes that were found within others, and may be frames of the same sender.
    pub(crate) fn within(bytes: &'a [u8], direction: Direction) -> Self {
        Self {
            direction,
            compression: Compression::Unknown,
            history: &[],
            frames: Vec::new(),
            first: None,
            reaches_end: false,
            parts: [WindowPart { offset: 0, bytes }, WindowPart::default()],
        }
    }

    /// The same stream, for a frame after what is explained: compressed messages before it are not known as they
    /// were meant.
    pub(super) fn later(&self, frame: u64) -> Self {
        Self { history: &[], frames: vec![frame], first: None, ..self.clone() }
    }

    /// Whether its sender must mask its frames.
    pub(crate) fn must_mask(&self) -> bool {
        self.direction == Direction::ClientToServer
    }

    /// The bytes from an offset up to the next hole.
    pub(crate) fn from(&self, offset: u64) -> &'a [u8] {
        for part in self.parts.iter().rev() {
            if offset >= part.offset {
                let skipped = length_usize(offset.saturating_sub(part.offset));
                if let Some(bytes) = part.bytes.get(skipped..)
                    && !bytes.is_empty()
                {
                    return bytes;
                }
            }
        }
        &[]
    }

    /// As many bytes from an offset, if they are there.
    pub(crate) fn bytes(&self, offset: u64, length: u64) -> Option<&'a [u8]> {
        self.from(offset).get(..length_usize(length))
    }

    /// The offset after the last byte.
    pub(crate) fn end(&self) -> u64 {
        let end = |part: &WindowPart<'_>| part.offset.saturating_add(length_u64(part.bytes.len()));
        self.parts.iter().map(end).max().unwrap_or_default()
    }

    /// Whether an offset is the end of the stream.
    pub(crate) fn is_end(&self, offset: u64) -> bool {
        self.reaches_end && offset == self.end()
    }
}
