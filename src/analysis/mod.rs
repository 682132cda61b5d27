//! Drives the layers of each connection, and is the only place that knows their order.

mod carrier;
mod connection;
mod context;
mod dns;
pub mod event;
mod intermediary;
mod layers;
pub mod limits;
mod offsets;
mod options;
mod outcome;
pub mod resume;
mod saved;
mod sink;
mod table;
mod tcp_health;
mod times;

#[cfg(test)]
pub(crate) use self::layers::cipher;
pub use self::options::AnalyzerOptions;
pub use self::sink::{PayloadPacket, Sink};
pub use self::times::CaptureTimes;

use std::net::SocketAddr;

use crate::analysis::event::{CaptureEvent, Connection, ConnectionId, Event, EventKind};
use crate::analysis::table::ConnectionTable;
use crate::capture::{LocalSockets, Packet};
use crate::decode::{Decoded, Decoder, Reason, plain_segment};
use crate::stream::{Origin, Timestamp, length_u64};
use crate::tls::{KeyLog, KeyLogError, KeySource};

/// What was counted over the whole capture.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Packets.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// Packets that held a TCP segment.
    pub segments: u64,
    /// TCP connections.
    pub connections: u64,
    /// The first packet's time. Packets that are years away from most of the others are left out here.
    pub first: Timestamp,
    /// The last packet's time, of the same packets.
    pub last: Timestamp,
}

impl Totals {
    /// Nanoseconds from the first packet to the latest.
    pub fn duration(&self) -> u64 {
        self.last.since(self.first)
    }
}

/// Packets in, events out.
///
/// Does no I/O and reads no clock; the same packets give the same events.
#[derive(Debug)]
pub struct Analyzer {
    decoder: Decoder,
    connections: ConnectionTable,
    totals: Totals,
    times: CaptureTimes,
    /// Memory taken by IP fragments, as the budget knows it.
    fragments: usize,
}

impl Analyzer {
    /// Makes an analyzer that has seen nothing.
    pub fn new(options: AnalyzerOptions) -> Self {
        Self {
            decoder: Decoder::new(options.limits.fragments),
            connections: ConnectionTable::new(options),
            totals: Totals::default(),
            times: CaptureTimes::default(),
            fragments: 0,
        }
    }

    /// What was counted so far.
    pub fn totals(&self) -> Totals {
        let (first, last) = self.times.range();
        Totals { connections: self.connections.count, first, last, ..self.totals }
    }

    /// Memory taken by all bytes of the network that are kept now, in bytes.
    pub fn kept(&self) -> usize {
        self.connections.kept()
    }

    /// Adds secrets of TLS connections, in the format of key logs.
    ///
    /// # Errors
    ///
    /// As [`KeyLog::add`](crate::tls::KeyLog::add).
    pub fn add_secrets(&mut self, text: &[u8]) -> Result<(), KeyLogError> {
        self.connections.options.keylog.add(text)
    }

    /// Notes which sessions have secrets in a text that is not used as a key log.
    pub fn note_secrets(&mut self, text: &[u8]) {
        self.connections.options.keylog.note_unused(text);
    }

    /// The secrets that are known.
    pub fn keylog(&self) -> &KeyLog {
        &self.connections.options.keylog
    }

    /// Adds secrets that came while the capture is read, and reads what has waited for them.
    pub fn learn_secrets<S: Sink>(&mut self, text: &[u8], sink: &mut S) {
        // What cannot be read in it is of no use, and no failure of ours.
        self.connections.options.keylog.add_from(&KeySource::Growing, text).ok();
        self.connections.learn_secrets(sink);
    }

    /// Whether there are all secrets of the connection whose `ClientHello` has this random.
    pub fn has_secrets(&self, client_random: &[u8; 32]) -> bool {
        self.connections.options.keylog.is_complete(client_random)
    }

    /// How many connections were opened so far.
    pub fn opened(&self) -> u64 {
        self.connections.count
    }

    /// The connection that was opened last, if it has not ended.
    pub fn newest(&self) -> Option<&Connection> {
        self.connections.newest()
    }

    /// Takes who owns the sockets of a connection; `client` was its client when that was asked.
    pub fn learn_sockets(
        &mut self,
        connection: ConnectionId,
        client: SocketAddr,
        sockets: LocalSockets,
    ) {
        self.connections.learn_sockets(connection, client, sockets);
    }

    /// Reads one packet, and hands over all that became known by it.
    pub fn push<S: Sink>(&mut self, packet: &Packet<'_>, sink: &mut S) {
        self.observe(packet, sink);
        // By reference, and nearly always by the short way: a segment is never copied.
        if let Some(segment) = &plain_segment(packet) {
            self.totals.segments = self.totals.segments.saturating_add(1);
            self.connections.segment(segment, sink);
            return self.connections.end_leaving(sink);
        }
        match &self.decoder.decode(packet) {
            Decoded::Tcp(segment) => {
                self.totals.segments = self.totals.segments.saturating_add(1);
                self.connections.segment(segment, sink);
            }
            Decoded::Dns(message) => {
                self.connections.lookup(message);
                sink.event(&Event { origin: self.connections.now, kind: EventKind::Dns(message) });
            }
            Decoded::Icmp(error) => {
                self.connections.error(error);
                sink.event(&Event { origin: self.connections.now, kind: EventKind::Icmp(error) });
            }
            Decoded::Other(Reason::NotTcp) => {}
            Decoded::Other(Reason::FragmentKept) => sink.payload_packet(PayloadPacket::Fragment),
            Decoded::Other(reason) => {
                if let Reason::FragmentLimit = reason {
                    sink.payload_packet(PayloadPacket::Fragment);
                }
                tell(self.connections.now, CaptureEvent::Undecoded(*reason), sink);
            }
        }
        if self.decoder.kept() != self.fragments {
            self.account_fragments(sink);
        }
        self.connections.end_leaving(sink);
    }

    /// Reports to the budget how much memory IP fragments take now; drops the oldest ones if connections
    /// cannot free enough.
    #[cold]
    fn account_fragments<S: Sink>(&mut self, sink: &mut S) {
        self.change_kept(self.fragments, self.decoder.kept());
        self.fragments = self.decoder.kept();
        if let Some(excess) = self.connections.keep_within_budget(sink) {
            self.decoder.evict(self.fragments.saturating_sub(excess));
            self.change_kept(self.fragments, self.decoder.kept());
            self.fragments = self.decoder.kept();
            self.connections.budget().settle();
        }
    }

    /// A holder above the layers keeps `after` bytes and no longer `before`.
    pub fn change_kept(&mut self, before: usize, after: usize) {
        self.connections.budget().change(before, after);
    }

    /// Ends the capture: hands over what was still held back, and ends all connections.
    pub fn finish<S: Sink>(&mut self, sink: &mut S) {
        self.connections.finish(sink);
    }

    /// Notes the packet itself: number, time, length.
    fn observe<S: Sink>(&mut self, packet: &Packet<'_>, sink: &mut S) {
        let before = self.connections.now.time;
        let now = Origin { packet: packet.id, time: packet.time };
        self.connections.now = now;
        if self.totals.packets > 0 && packet.time < before {
            tell(now, CaptureEvent::ClockBackwards(before.since(packet.time)), sink);
        }
        self.times.observe(packet.time);
        self.totals.packets = self.totals.packets.saturating_add(1);
        self.totals.bytes = self.totals.bytes.saturating_add(length_u64(packet.bytes.len()));
        let captured = u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX);
        if captured < packet.original_length {
            let original = packet.original_length;
            tell(now, CaptureEvent::CutPacket { captured, original }, sink);
        }
    }
}

fn tell<S: Sink>(now: Origin, event: CaptureEvent, sink: &mut S) {
    sink.event(&Event { origin: now, kind: EventKind::Capture(event) });
}
