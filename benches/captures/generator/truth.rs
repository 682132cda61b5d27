//! What was sent, counted while sending.

use serde_json::Value;
use serde_json::json;
use wslens::stream::Direction;
use wslens::stream::PerDirection;

use super::Profile;

/// Counts of everything in a capture.
///
/// Messages include control frames. In a capture with holes they count what was sent, so an
/// analyzer may see up to [`Truth::frames_in_holes`] fewer.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// Packets in the file.
    pub(crate) packets: u64,
    /// TCP connections.
    pub(crate) connections: u64,
    /// Of them, WebSocket.
    pub(crate) websockets: u64,
    /// WebSocket frames.
    pub(crate) frames: PerDirection<u64>,
    /// WebSocket messages.
    pub(crate) messages: PerDirection<u64>,
    /// Frames by opcode.
    pub(crate) opcodes: [u64; 16],
    /// Payload bytes of all frames as sent.
    pub(crate) wire_bytes: PerDirection<u64>,
    /// Payload bytes of all messages, inflated.
    pub(crate) payload_bytes: PerDirection<u64>,
    /// Frames of which at least one byte is missing from the capture.
    pub(crate) frames_in_holes: u64,
}

impl Truth {
    /// Counts one frame.
    pub(super) fn frame(&mut self, direction: Direction, opcode: u8, length: usize) {
        *self.frames.get_mut(direction) += 1;
        *self.wire_bytes.get_mut(direction) += length as u64;
        self.opcodes[usize::from(opcode & 0xf)] += 1;
    }

    /// Counts one message.
    pub(super) fn message(&mut self, direction: Direction, length: usize) {
        *self.messages.get_mut(direction) += 1;
        *self.payload_bytes.get_mut(direction) += length as u64;
    }

    /// The form in which it is saved next to a capture.
    pub(crate) fn to_json(&self, profile: Profile) -> Value {
        json!({
            "profile": profile.name(),
            "packets": self.packets,
            "connections": self.connections,
            "websockets": self.websockets,
            "frames": both(&self.frames),
            "messages": both(&self.messages),
            "wire_bytes": both(&self.wire_bytes),
            "payload_bytes": both(&self.payload_bytes),
            "frames_by_opcode": {
                "continuation": self.opcodes[0x0],
                "text": self.opcodes[0x1],
                "binary": self.opcodes[0x2],
                "close": self.opcodes[0x8],
                "ping": self.opcodes[0x9],
                "pong": self.opcodes[0xa],
            },
            "frames_in_holes": self.frames_in_holes,
        })
    }
}

fn both(counts: &PerDirection<u64>) -> Value {
    json!({ "client_to_server": counts.client, "server_to_client": counts.server })
}
