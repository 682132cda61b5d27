//! The receiver of what the analyzer observes.

use std::ops::Range;

use crate::analysis::event::{Connection, Event};
use crate::analysis::saved::CarrierPoint;
use crate::stream::{Chunk, Direction, Span};

/// Receives what the analyzer observes.
pub trait Sink {
    /// Takes one event. Events come in packet order; what they borrow is gone when this returns.
    fn event(&mut self, event: &Event<'_>);

    /// Learns what the packet being read turned out to carry, before the events that it brings.
    ///
    /// Told only of packets that may be needed to read a stream again: who keeps no places of
    /// packets need not listen.
    fn payload_packet(&mut self, _packet: PayloadPacket<'_>) {}

    /// Takes bytes of a direction that are read as frames, before the events that they bring.
    fn stream_bytes(&mut self, _connection: &Connection, _direction: Direction, _chunk: Chunk<'_>) {
    }

    /// Takes bytes of the part of a stream that a [`ResumedStack`](crate::analysis::resume::ResumedStack) reads again, as they are handed on to
    /// the layer that reads them.
    fn row_bytes(&mut self, _chunk: Chunk<'_>) {}

    /// Takes the position of an encrypted record, and that of what it carries in the stream that is handed on:
    /// before that is handed on.
    fn carrying_record(&mut self, _record: Span, _carried: Range<u64>) {}
}

/// What a packet carries.
#[derive(Clone, Copy, Debug)]
pub enum PayloadPacket<'a> {
    /// Payload of a connection whose streams are read, sent in this direction.
    Stream(&'a Connection, Direction),
    /// A fragment of an IP datagram that is not whole yet.
    Fragment,
    /// A place in a direction of a connection at which layers that transform its bytes can be entered; or,
    /// with the offset of the place before, one about which more is known.
    Boundary(&'a Connection, Direction, &'a CarrierPoint),
}
