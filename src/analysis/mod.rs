//! Drives the layers of each connection, and is the only place that knows their order.

use crate::analysis::event::Event;
use crate::capture::Packet;

pub mod event;

/// Receives what the analyzer observes.
pub trait Sink {
    /// Takes one event. Events come in packet order; what they borrow is gone when this returns.
    fn event(&mut self, event: &Event<'_>);
}

/// What the user chose.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How many bytes of each message's content are kept for [`Message::content`](crate::websocket::Message).
    pub keep: usize,
    /// Whether longer messages get a SHA-256.
    pub digest: bool,
    /// Ports whose connections are WebSocket even where no handshake was captured.
    pub decode_as: Vec<u16>,
}

/// Packets in, events out.
#[derive(Debug, Default)]
pub struct Analyzer {
    options: Options,
}

impl Analyzer {
    /// Makes an analyzer that has seen nothing.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    /// Reads one packet, and hands over all that became known by it.
    pub fn push(&mut self, packet: &Packet<'_>, sink: &mut impl Sink) {
        let _ = (packet, sink, &self.options);
    }

    /// Ends the capture: hands over what was still held back, and ends all connections.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        let _ = sink;
    }
}
