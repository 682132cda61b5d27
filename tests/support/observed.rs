//! What the analyzer says of a capture, in a form that can be compared.

use wslens::analysis::Analyzer;
use wslens::analysis::Options;
use wslens::analysis::Sink;
use wslens::analysis::event::ConnectionEvent;
use wslens::analysis::event::Event;
use wslens::analysis::event::EventKind;
use wslens::analysis::event::Limit;
use wslens::capture;
use wslens::capture::Packet;
use wslens::stream::Direction;

/// Everything that was observed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Observed {
    /// Of each connection and direction, its messages.
    pub(crate) messages: Vec<(u64, Direction, Message)>,
    pub(crate) handshakes: u64,
    pub(crate) gaps: u64,
    pub(crate) conflicts: u64,
    pub(crate) duplicates: u64,
    pub(crate) limits: Vec<Limit>,
    pub(crate) ended: Vec<&'static str>,
}

/// A message as it must be, however it travelled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    pub(crate) opcode: &'static str,
    pub(crate) content: Vec<u8>,
    pub(crate) frames: u64,
    pub(crate) complete: bool,
}

impl Observed {
    /// The messages of one direction.
    pub(crate) fn of(&self, wanted: Direction) -> Vec<&Message> {
        let of_it = |(_, direction, _): &&(u64, Direction, Message)| *direction == wanted;
        self.messages.iter().filter(of_it).map(|(_, _, message)| message).collect()
    }

    /// The messages of both directions, each in its order.
    pub(crate) fn conversation(&self) -> [Vec<&Message>; 2] {
        Direction::BOTH.map(|direction| self.of(direction))
    }
}

impl Sink for Observed {
    fn event(&mut self, event: &Event<'_>) {
        let EventKind::Connection(connection, what) = event.kind else { return };
        match what {
            ConnectionEvent::Message(direction, message) => {
                let message = Message {
                    opcode: message.opcode.name(),
                    content: message.content.to_vec(),
                    frames: message.frames,
                    complete: message.complete,
                };
                self.messages.push((connection.id.0, direction, message));
            }
            ConnectionEvent::HandshakeEnded(_) => self.handshakes += 1,
            ConnectionEvent::Gap(..) => self.gaps += 1,
            ConnectionEvent::Conflict(..) => self.conflicts += 1,
            ConnectionEvent::Limit(limit) => self.limits.push(limit),
            ConnectionEvent::Ended(ending) => {
                self.duplicates += connection.duplicates;
                self.ended.push(ending.outcome.name());
            }
            _ => {}
        }
    }
}

/// Reads packets to their end.
pub(crate) fn observe<'p>(packets: impl Iterator<Item = Packet<'p>>, options: Options) -> Observed {
    let (mut analyzer, mut observed) = (Analyzer::new(options), Observed::default());
    for packet in packets {
        analyzer.push(&packet, &mut observed);
    }
    analyzer.finish(&mut observed);
    observed
}

/// Reads a file's bytes as far as they can be read.
pub(crate) fn observe_file(bytes: Vec<u8>, options: Options) -> Result<Observed, capture::Error> {
    let mut source = capture::open_stream(Box::new(std::io::Cursor::new(bytes)), "made.pcap")?;
    let (mut analyzer, mut observed) = (Analyzer::new(options), Observed::default());
    while let Ok(Some(packet)) = source.next_packet() {
        analyzer.push(&packet, &mut observed);
    }
    analyzer.finish(&mut observed);
    Ok(observed)
}

/// Options that keep all of every message.
pub(crate) fn keep_all() -> Options {
    Options { keep: 1 << 20, ..Options::default() }
}
