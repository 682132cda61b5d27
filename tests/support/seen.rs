//! A sink that keeps what it receives, and ways to fill it.

use std::io::Cursor;

use wslens::analysis::Analyzer;
use wslens::analysis::AnalyzerOptions;
use wslens::analysis::Sink;
use wslens::analysis::event::ConnectionEvent;
use wslens::analysis::event::Event;
use wslens::analysis::event::EventKind;
use wslens::analysis::event::Limit;
use wslens::analysis::event::Outcome;
use wslens::capture;
use wslens::capture::LinkType;
use wslens::stream::Gap;
use wslens::stream::PacketId;
use wslens::stream::PerDirection;
use wslens::stream::Span;
use wslens::stream::Timestamp;
use wslens::websocket::Inflation;

use super::conversation::Said;
use super::testkit::packet::ETHERNET;
use super::testkit::traffic::TestPacket;

/// Everything about messages, and what went wrong.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// In the order of each direction.
    pub(crate) messages: PerDirection<Vec<Said>>,
    pub(crate) gaps: PerDirection<Vec<Gap>>,
    pub(crate) conflicts: PerDirection<Vec<Span>>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) inflations: Vec<Inflation>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) lost: usize,
    pub(crate) handshakes: usize,
}

impl Sink for Seen {
    fn event(&mut self, event: &Event<'_>) {
        let EventKind::Connection(_, what) = event.kind else { return };
        match what {
            ConnectionEvent::Message(direction, message) => {
                self.inflations.push(message.inflation);
                self.messages.get_mut(direction).push(Said {
                    opcode: message.opcode,
                    content: message.content.to_vec(),
                    frames: message.frames,
                    compressed: message.compressed,
                    complete: message.complete,
                });
            }
            ConnectionEvent::Gap(direction, gap) => self.gaps.get_mut(direction).push(gap),
            ConnectionEvent::Conflict(direction, span) => {
                self.conflicts.get_mut(direction).push(span);
            }
            ConnectionEvent::Limit(limit) => self.limits.push(limit),
            ConnectionEvent::SyncLost(..) => self.lost += 1,
            ConnectionEvent::HandshakeEnded(_) => self.handshakes += 1,
            ConnectionEvent::Ended(ending) => self.outcomes.push(ending.outcome),
            _ => {}
        }
    }
}

/// Keeps every byte of content.
pub(crate) fn keeping() -> AnalyzerOptions {
    AnalyzerOptions { keep: usize::MAX >> 8, ..AnalyzerOptions::default() }
}

/// Hands packets to an analyzer.
pub(crate) fn push<S: Sink>(
    analyzer: &mut Analyzer,
    packets: &[TestPacket],
    before: u64,
    sink: &mut S,
) {
    for (packet, number) in packets.iter().zip(before + 1..) {
        analyzer.push(&borrowed(packet, number, ETHERNET), sink);
    }
}

/// A packet as a reader of captures gives it.
pub(crate) fn borrowed(packet: &TestPacket, number: u64, link_type: u32) -> capture::Packet<'_> {
    capture::Packet {
        id: PacketId(number),
        time: Timestamp(packet.time),
        link_type: LinkType(link_type),
        interface: 0,
        bytes: &packet.bytes,
        original_length: packet.bytes.len() as u32,
        file_offset: 0,
    }
}

/// What is seen of packets that come without a file.
pub(crate) fn see(packets: &[TestPacket], options: AnalyzerOptions) -> Seen {
    let mut seen = Seen::default();
    let mut analyzer = Analyzer::new(options);
    push(&mut analyzer, packets, 0, &mut seen);
    analyzer.finish(&mut seen);
    seen
}

/// What is seen of a capture file, up to its end or its damage; `None` if it is not a capture.
pub(crate) fn read<S: Sink>(file: Vec<u8>, options: AnalyzerOptions, sink: &mut S) -> Option<u64> {
    let mut source = capture::open_stream(Box::new(Cursor::new(file)), "memory").ok()?;
    let mut analyzer = Analyzer::new(options);
    while let Ok(Some(packet)) = source.next_packet() {
        analyzer.push(&packet, sink);
    }
    analyzer.finish(sink);
    Some(analyzer.totals().packets)
}
