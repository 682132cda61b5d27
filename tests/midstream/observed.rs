//! What the pipeline shows of packets.

use std::net::SocketAddr;

use wslens::analysis::AnalyzerOptions;
use wslens::capture::{LinkType, Packet};
use wslens::findings::{Finding, Reading, Settings, Severity};
use wslens::journal::{Entry, EntryKind, Journal};
use wslens::pipeline::Pipeline;
use wslens::stream::{Direction, PacketId, Timestamp};
use wslens::websocket::{Inflation, Opcode};

/// A captured packet.
#[derive(Clone, Debug)]
pub(crate) struct Captured {
    pub(crate) number: u64,
    pub(crate) time: u64,
    pub(crate) link_type: u32,
    pub(crate) original_length: u32,
    pub(crate) bytes: Vec<u8>,
}

/// What tells a message from all others of a capture, but for those in the same packets.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct MessageKey {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) is_client: bool,
    pub(crate) packets: [u64; 2],
    pub(crate) opcode: &'static str,
    pub(crate) wire_length: u64,
}

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct ObservedMessage {
    pub(crate) key: MessageKey,
    pub(crate) length: u64,
    pub(crate) content: Vec<u8>,
    pub(crate) is_complete: bool,
    pub(crate) inflation: Inflation,
    pub(crate) reach: u32,
}

/// What the pipeline shows.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    pub(crate) messages: Vec<ObservedMessage>,
    /// Rule, severity and evidence.
    pub(crate) findings: Vec<(&'static str, Severity, String)>,
    pub(crate) recognized: usize,
    pub(crate) websockets: u64,
}

impl Observed {
    /// What is shown of some packets.
    pub(crate) fn of<'a>(packets: impl IntoIterator<Item = &'a Captured>) -> Self {
        let mut observed = Self::default();
        let options = AnalyzerOptions { keep: 1 << 24, ..AnalyzerOptions::default() };
        let mut pipeline = Pipeline::new(options, Settings::default());
        for packet in packets {
            let packet = Packet {
                id: PacketId(packet.number),
                time: Timestamp(packet.time),
                link_type: LinkType(packet.link_type),
                interface: 0,
                bytes: &packet.bytes,
                original_length: packet.original_length,
                file_offset: 0,
            };
            pipeline.push(&packet, &mut observed);
        }
        let summary = pipeline.finish(&Reading::default(), &mut observed);
        observed.websockets = summary.websockets;
        observed
    }

    fn add(&mut self, finding: &Finding) {
        self.findings.push((finding.rule.id, finding.rule.severity, finding.evidence.clone()));
    }
}

impl Journal for Observed {
    fn entry(&mut self, entry: &Entry<'_>) {
        for found in entry.findings {
            self.add(&found.finding);
        }
        match entry.kind {
            EntryKind::Recognized(_) => self.recognized += 1,
            EntryKind::Message(message) => {
                let connection = entry.connection.unwrap();
                self.messages.push(ObservedMessage {
                    key: MessageKey {
                        client: connection.client,
                        server: connection.server,
                        is_client: entry.direction == Some(Direction::ClientToServer),
                        packets: [message.span.first.packet.0, message.span.last.packet.0],
                        opcode: Opcode::name(message.opcode),
                        wire_length: message.wire_length,
                    },
                    length: message.length,
                    content: message.content.to_vec(),
                    is_complete: message.complete,
                    inflation: message.inflation,
                    reach: message.reach,
                });
            }
            _ => {}
        }
    }
}
