//! Statistics of a capture: plain counters, some additions per event.

use super::entry::{Entry, EntryKind, Journal};
use crate::analysis::event::{Connection, ConnectionId, Nature, Outcome};
use crate::stream::{Direction, PerDirection, Timestamp};
use crate::websocket::{Frame, Inflation, Message, MessageCounts, Opcode};

/// Counts what it receives.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// TCP connections by outcome, in the order of [`OUTCOMES`].
    outcomes: [u64; OUTCOMES.len()],
    /// TCP connections by nature, in the order of [`NATURES`].
    natures: [u64; NATURES.len()],
    /// TCP connections.
    pub connections: u64,
    /// TCP packets of the connections that have ended.
    pub segments: u64,
    /// What each direction of all WebSocket connections carried.
    pub directions: PerDirection<Traffic>,
    /// The message with the longest content.
    pub largest: Option<Largest>,
}

/// What one direction carried.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// Frames by opcode nibble.
    frames: [u64; OPCODES],
    /// Messages by opcode nibble.
    messages: [u64; OPCODES],
    /// Payload bytes on the wire.
    pub wire_bytes: u64,
    /// Content bytes, after inflation where it succeeded.
    pub content_bytes: u64,
    /// Messages that were inflated.
    pub compressed: u64,
    /// Their payload bytes on the wire.
    pub compressed_wire_bytes: u64,
    /// Their content bytes.
    pub compressed_content_bytes: u64,
    /// Those of the messages that are incomplete, by opcode nibble.
    incomplete: [u64; OPCODES],
    /// Gaps.
    pub gaps: u64,
    /// Bytes missing in them.
    pub missing_bytes: u64,
}

/// The message with the longest content; the first of equal ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Largest {
    /// Its connection.
    pub connection: ConnectionId,
    /// Who sent it.
    pub direction: Direction,
    /// What it is.
    pub opcode: Opcode,
    /// Content bytes.
    pub length: u64,
    /// When it was whole.
    pub time: Timestamp,
}

impl Statistics {
    /// TCP connections by outcome.
    pub fn outcomes(&self) -> impl Iterator<Item = (Outcome, u64)> {
        OUTCOMES.into_iter().zip(self.outcomes)
    }

    /// Counts the frames of a message, where they are not counted one by one.
    pub fn frames_of(&mut self, direction: Direction, message: &Message<'_>) {
        let frames = &mut self.directions.get_mut(direction).frames;
        count(frames, Some(nibble(message.opcode)));
        if let Some(continuations) = frames.first_mut() {
            add(continuations, message.frames.saturating_sub(1));
        }
    }

    /// TCP connections by nature.
    pub fn natures(&self) -> impl Iterator<Item = (Nature, u64)> {
        NATURES.into_iter().zip(self.natures)
    }

    /// Messages and control frames of both directions.
    pub fn messages(&self) -> MessageCounts {
        self.directions.client.messages().joined(self.directions.server.messages())
    }

    /// Frames of both directions.
    pub fn frames(&self) -> u64 {
        self.sum(Traffic::frames)
    }

    /// The sum of both directions.
    pub fn sum(&self, of: impl Fn(&Traffic) -> u64) -> u64 {
        of(&self.directions.client).saturating_add(of(&self.directions.server))
    }

    fn message(
        &mut self,
        id: ConnectionId,
        time: Timestamp,
        direction: Direction,
        message: &Message<'_>,
    ) {
        self.directions.get_mut(direction).message(message);
        if self.largest.is_none_or(|largest| message.length > largest.length) {
            self.largest = Some(Largest {
                connection: id,
                direction,
                opcode: message.opcode,
                length: message.length,
                time,
            });
        }
    }

    fn ended(&mut self, connection: &Connection, outcome: Outcome) {
        count(&mut self.outcomes, OUTCOMES.iter().position(|known| *known == outcome));
        count(&mut self.natures, NATURES.iter().position(|known| *known == connection.nature));
        let packets = connection.packets;
        self.segments = self.segments.saturating_add(packets.client).saturating_add(packets.server);
    }
}

impl Journal for Statistics {
    fn entry(&mut self, entry: &Entry<'_>) {
        let Some(connection) = entry.connection else { return };
        match entry.kind {
            EntryKind::Message(message) => {
                if let Some(direction) = entry.direction {
                    self.message(connection.id, entry.origin.time, direction, message);
                }
            }
            EntryKind::Gap(gap) if connection.nature == Nature::WebSocket => {
                if let Some(direction) = entry.direction {
                    let traffic = self.directions.get_mut(direction);
                    add(&mut traffic.gaps, 1);
                    add(&mut traffic.missing_bytes, gap.length);
                }
            }
            EntryKind::Opened => add(&mut self.connections, 1),
            EntryKind::Ended { ending, .. } => self.ended(connection, ending.outcome),
            _ => {}
        }
    }

    /// Every frame that starts ends, whole or not: its entry is not needed.
    fn frame_started(&mut self, _: &Connection, direction: Direction, frame: &Frame) {
        self.directions.get_mut(direction).frame(frame);
    }
}

impl Traffic {
    /// Frames.
    pub fn frames(&self) -> u64 {
        self.frames.iter().sum()
    }

    /// Frames with an opcode, defined or not.
    pub fn frames_with(&self, nibble: u8) -> u64 {
        self.frames.get(usize::from(nibble)).copied().unwrap_or(0)
    }

    /// Messages and control frames.
    pub fn messages(&self) -> MessageCounts {
        by_kind(&self.messages)
    }

    /// Those of them that are incomplete.
    pub fn incomplete(&self) -> MessageCounts {
        by_kind(&self.incomplete)
    }

    /// Messages of a kind.
    pub fn messages_of(&self, opcode: Opcode) -> u64 {
        self.messages.get(nibble(opcode)).copied().unwrap_or(0)
    }

    /// Frames whose opcode is reserved.
    pub fn reserved_frames(&self) -> u64 {
        let reserved =
            (0..).zip(self.frames).filter(|(nibble, _)| Opcode::from_wire(*nibble).is_none());
        reserved.map(|(_, frames)| frames).sum()
    }

    fn message(&mut self, message: &Message<'_>) {
        count(&mut self.messages, Some(nibble(message.opcode)));
        add(&mut self.wire_bytes, message.wire_length);
        add(&mut self.content_bytes, message.length);
        if message.inflation == Inflation::Done {
            add(&mut self.compressed, 1);
            add(&mut self.compressed_wire_bytes, message.wire_length);
            add(&mut self.compressed_content_bytes, message.length);
        }
        if !message.complete {
            count(&mut self.incomplete, Some(nibble(message.opcode)));
        }
    }

    fn frame(&mut self, frame: &Frame) {
        count(&mut self.frames, Some(usize::from(frame.header.opcode)));
    }
}

/// Messages by opcode nibble, as messages and control frames.
fn by_kind(messages: &[u64; OPCODES]) -> MessageCounts {
    let (data, control) = messages.split_at(FIRST_CONTROL);
    MessageCounts { data: data.iter().sum(), control: control.iter().sum() }
}

fn add(counter: &mut u64, amount: u64) {
    *counter = counter.saturating_add(amount);
}

fn count(counters: &mut [u64], place: Option<usize>) {
    if let Some(counter) = place.and_then(|place| counters.get_mut(place)) {
        add(counter, 1);
    }
}

/// The number of an opcode (RFC 6455 §5.2).
fn nibble(opcode: Opcode) -> usize {
    match opcode {
        Opcode::Continuation => 0x0,
        Opcode::Text => 0x1,
        Opcode::Binary => 0x2,
        Opcode::Close => 0x8,
        Opcode::Ping => 0x9,
        Opcode::Pong => 0xa,
    }
}

/// Numbers that an opcode can have.
const OPCODES: usize = 16;

/// The first opcode of control frames.
const FIRST_CONTROL: usize = 8;

/// Every outcome, in the order they are shown.
pub const OUTCOMES: [Outcome; 8] = [
    Outcome::Open,
    Outcome::Closed,
    Outcome::Aborted,
    Outcome::Refused,
    Outcome::Timeout,
    Outcome::Rejected,
    Outcome::NotWebSocket,
    Outcome::Undecodable,
];

/// Every nature, in the order they are shown.
pub const NATURES: [Nature; 7] = [
    Nature::WebSocket,
    Nature::UpgradeRequested,
    Nature::Http,
    Nature::Unreadable,
    Nature::Http2,
    Nature::Other,
    Nature::Unknown,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_opcode_has_its_number() {
        for number in 0..16 {
            if let Some(opcode) = Opcode::from_wire(number) {
                assert_eq!(nibble(opcode), usize::from(number));
            }
        }
    }

    #[test]
    fn frames_of_reserved_opcodes_are_counted_apart() {
        let mut traffic = Traffic::default();
        for opcode in [0x1, 0x3, 0xf] {
            let mut frame = Frame::default();
            frame.header.opcode = opcode;
            traffic.frame(&frame);
        }
        assert_eq!(
            (traffic.frames(), traffic.reserved_frames(), traffic.frames_with(3)),
            (3, 2, 1)
        );
    }
}
