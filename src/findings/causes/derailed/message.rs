//! Whole messages in the bytes of a stream.

use super::chain::FrameSlice;
use super::content::unmasked;
use super::stream::DerailedStream;
use crate::websocket::Opcode;

/// A data message in the bytes of a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct MessageSlice {
    /// Its frames; control frames between them are left out.
    pub(crate) frames: Vec<FrameSlice>,
}

impl MessageSlice {
    /// Stream offset of its first byte.
    pub(crate) fn start(&self) -> u64 {
        self.frames.first().map_or(0, |frame| frame.start)
    }

    /// Stream offset after its last byte.
    pub(crate) fn end(&self) -> u64 {
        self.frames.last().map_or(0, FrameSlice::end)
    }

    /// Both.
    pub(crate) fn offsets(&self) -> [u64; 2] {
        [self.start(), self.end()]
    }

    pub(crate) fn is_text(&self) -> bool {
        self.frames.first().is_some_and(|frame| frame.opcode() == Some(Opcode::Text))
    }

    /// Whether it is marked as compressed.
    pub(crate) fn is_marked(&self) -> bool {
        self.frames.first().is_some_and(|frame| frame.header.rsv1())
    }

    /// The payloads of its frames as they are after unmasking, joined.
    pub(crate) fn payload(&self, stream: &DerailedStream<'_>) -> Option<Vec<u8>> {
        self.payload_by(stream, |frame, wire| unmasked(wire, frame.header.mask, 0))
    }

    /// The same, with each frame read in another way.
    pub(crate) fn payload_by(
        &self,
        stream: &DerailedStream<'_>,
        read: impl Fn(&FrameSlice, &[u8]) -> Vec<u8>,
    ) -> Option<Vec<u8>> {
        let mut payload = Vec::new();
        for frame in &self.frames {
            let wire = stream.bytes(frame.payload(), frame.header.payload_length)?;
            payload.extend(read(frame, wire));
        }
        Some(payload)
    }
}

impl DerailedStream<'_> {
    /// The data messages from the first one in which something is wrong on, as far as their frames are whole; a
    /// few at most.
    pub(crate) fn messages(&self) -> Vec<MessageSlice> {
        let mut messages = Vec::new();
        let mut frames = Vec::new();
        let mut next = self.first_frame_of_message();
        while messages.len() < MOST_MESSAGES {
            let Some(frame) = next.and_then(|offset| self.frame(offset)) else { break };
            let is_there = frame.header.payload_length == 0
                || self.bytes(frame.payload(), frame.header.payload_length).is_some();
            let Some(opcode) = frame.opcode().filter(|_| is_there) else { break };
            next = Some(frame.end());
            match opcode {
                Opcode::Close => break,
                Opcode::Ping | Opcode::Pong => continue,
                Opcode::Text | Opcode::Binary => frames.clear(),
                Opcode::Continuation if frames.is_empty() => break,
                Opcode::Continuation => {}
            }
            frames.push(frame);
            if frame.header.fin {
                messages.push(MessageSlice { frames: std::mem::take(&mut frames) });
            }
        }
        messages
    }

    /// Where the message starts to which the first frame belongs in which something is wrong.
    fn first_frame_of_message(&self) -> Option<u64> {
        let before = self.frames.iter().copied().filter_map(|offset| self.frame(offset));
        let data = |frame: &FrameSlice| !frame.header.is_control() && frame.header.opcode != 0;
        Some(before.into_iter().find(data)?.start)
    }
}

/// Messages that are read at most.
const MOST_MESSAGES: usize = 8;
