//! What the tests of this module hand to the decoder, made of [`packet`](crate::testkit::packet)'s parts.

use super::{Decoded, Decoder, Reason};
use crate::capture::{LinkType, Packet};
use crate::stream::{PacketId, Timestamp};

/// What segments carry in most tests.
pub(super) const PAYLOAD: &[u8] = b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n";

/// A packet that was captured whole.
pub(super) fn packet(link_type: u32, bytes: &[u8]) -> Packet<'_> {
    Packet {
        id: PacketId(1),
        time: Timestamp(1),
        link_type: LinkType(link_type),
        interface: 0,
        bytes,
        original_length: u32::try_from(bytes.len()).unwrap(),
        file_offset: 0,
    }
}

/// The payload of the segment in a packet that was captured whole.
pub(super) fn decode(link_type: u32, bytes: &[u8]) -> Result<Vec<u8>, Reason> {
    match Decoder::default().decode(&packet(link_type, bytes)) {
        Decoded::Tcp(segment) => Ok(segment.payload.to_vec()),
        Decoded::Dns(_) | Decoded::Icmp(_) => Err(Reason::NotTcp),
        Decoded::Other(reason) => Err(reason),
    }
}
