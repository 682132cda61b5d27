//! Packets of one TCP connection: how a conversation was cut and carried.

use wslens::stream::Direction;
use wslens::stream::Direction::ClientToServer;
use wslens::stream::Direction::ServerToClient;
use wslens::stream::PerDirection;

use super::conversation::Conversation;

/// One packet: Ethernet, IP, TCP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Packet {
    /// Nanoseconds since 1970.
    pub(crate) time: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) direction: Direction,
    /// TCP payload bytes at the end of `bytes`.
    pub(crate) payload: usize,
}

/// How a conversation is carried.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) version: Version,
    /// Payload bytes of the segments, one after the other, over and over.
    pub(crate) segments: Vec<usize>,
    /// Initial sequence numbers.
    pub(crate) start: PerDirection<u32>,
    pub(crate) ending: Ending,
    /// Client and server port.
    pub(crate) ports: (u16, u16),
    /// Nanoseconds of the first packet.
    pub(crate) time: u64,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            version: Version::V4,
            segments: vec![1448],
            start: PerDirection { client: 1_000, server: 900_000 },
            ending: Ending::Fin,
            ports: (50_000, 8_080),
            time: 1_700_000_000_000_000_000,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Version {
    V4,
    V6,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    /// FIN each way, the server's first.
    Fin,
    /// RST of the client.
    Reset,
    /// The capture ends before.
    Open,
}

/// Packets of the TCP handshake: these stay where they are when others are exchanged.
pub(crate) const OPENING: usize = 3;

/// Nanoseconds between two packets.
const STEP: u64 = 50_000;

/// Cuts a conversation into packets.
pub(crate) fn packets(conversation: &Conversation, layout: &Layout) -> Vec<Packet> {
    let mut line = Line::open(layout);
    let mut sizes = layout.segments.iter().copied().cycle();
    for (direction, bytes) in &conversation.turns {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let size = sizes.next().unwrap().min(rest.len());
            let (segment, behind) = rest.split_at(size);
            line.data(*direction, segment);
            rest = behind;
        }
        line.acknowledge(direction.reverse());
    }
    line.end(layout.ending);
    line.packets
}

/// Gives packets the times at which they stand, as a capturing machine would.
pub(crate) fn restamp(packets: &mut [Packet]) {
    let mut times: Vec<u64> = packets.iter().map(|packet| packet.time).collect();
    times.sort_unstable();
    for (packet, time) in packets.iter_mut().zip(times) {
        packet.time = time;
    }
}

/// A connection while its packets are written.
pub(crate) struct Line {
    pub(crate) packets: Vec<Packet>,
    layout: Layout,
    /// Next sequence numbers.
    pub(crate) next: PerDirection<u32>,
    time: u64,
}

impl Line {
    /// Opens the connection.
    pub(crate) fn open(layout: &Layout) -> Self {
        let mut line = Self {
            packets: Vec::new(),
            layout: layout.clone(),
            next: layout.start,
            time: layout.time,
        };
        line.flagged(ClientToServer, SYN);
        line.flagged(ServerToClient, SYN | ACK);
        line.acknowledge(ClientToServer);
        line
    }

    /// Sends the next bytes.
    pub(crate) fn data(&mut self, direction: Direction, payload: &[u8]) {
        let sequence = *self.next.get(direction);
        self.packet(direction, sequence, PSH | ACK, payload);
        *self.next.get_mut(direction) = sequence.wrapping_add(payload.len() as u32);
    }

    /// Sends bytes that begin `back` bytes before the next.
    pub(crate) fn again(&mut self, direction: Direction, back: u32, payload: &[u8]) {
        let sequence = self.next.get(direction).wrapping_sub(back);
        self.packet(direction, sequence, PSH | ACK, payload);
    }

    /// Takes bytes that the capture will not hold.
    pub(crate) fn skip(&mut self, direction: Direction, length: u32) {
        let next = self.next.get_mut(direction);
        *next = next.wrapping_add(length);
    }

    /// Acknowledges all that was sent by the other.
    pub(crate) fn acknowledge(&mut self, direction: Direction) {
        let sequence = *self.next.get(direction);
        self.packet(direction, sequence, ACK, &[]);
    }

    pub(crate) fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Fin => {
                self.flagged(ServerToClient, FIN | ACK);
                self.flagged(ClientToServer, FIN | ACK);
                self.acknowledge(ServerToClient);
            }
            Ending::Reset => self.flagged(ClientToServer, RST | ACK),
            Ending::Open => {}
        }
    }

    /// Sends a flag that takes a sequence number.
    fn flagged(&mut self, direction: Direction, flags: u8) {
        let sequence = *self.next.get(direction);
        self.packet(direction, sequence, flags, &[]);
        *self.next.get_mut(direction) = sequence.wrapping_add(1);
    }

    fn packet(&mut self, direction: Direction, sequence: u32, flags: u8, payload: &[u8]) {
        let (client, server) = self.layout.ports;
        let (from, to, host, peer) = match direction {
            ClientToServer => (client, server, 1_u8, 2_u8),
            ServerToClient => (server, client, 2, 1),
        };
        let mut bytes = vec![2, 0, 0, 0, 0, peer, 2, 0, 0, 0, 0, host];
        let length = (20 + payload.len()) as u16;
        match self.layout.version {
            Version::V4 => {
                bytes.extend([8, 0, 0x45, 0]);
                bytes.extend((length + 20).to_be_bytes());
                // Identification, don't fragment, time to live, TCP, no checksum (offload).
                bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
                bytes.extend([10, 0, 0, host, 10, 0, 0, peer]);
            }
            Version::V6 => {
                bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                bytes.extend(length.to_be_bytes());
                bytes.extend([6, 64]);
                for end in [host, peer] {
                    bytes.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, end]);
                }
            }
        }
        bytes.extend(from.to_be_bytes());
        bytes.extend(to.to_be_bytes());
        bytes.extend(sequence.to_be_bytes());
        let acknowledged = if flags & ACK == 0 { 0 } else { *self.next.get(direction.reverse()) };
        bytes.extend(acknowledged.to_be_bytes());
        bytes.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        bytes.extend(payload);
        self.packets.push(Packet { time: self.time, bytes, direction, payload: payload.len() });
        self.time += STEP;
    }
}

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
