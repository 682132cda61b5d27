//! How a conversation was cut into packets and carried.

use wslens::stream::PerDirection;
use wslens::stream::Side;

use super::conversation::Conversation;
use super::testkit::traffic::TestLink;
use super::testkit::traffic::TestPacket;
use super::testkit::traffic::TestTraffic;

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
        let TestTraffic { start, time, .. } = TestTraffic::new(TestLink::Ethernet);
        Self {
            version: Version::V4,
            segments: vec![1448],
            start,
            ending: Ending::Fin,
            ports: (50_000, 8_080),
            time,
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

impl Layout {
    /// Opens a connection.
    pub(crate) fn open(&self) -> TestTraffic {
        let mut traffic = TestTraffic::new(TestLink::Ethernet);
        if self.version == Version::V6 {
            traffic.between("fd00::1", "fd00::2");
        }
        traffic.start = self.start;
        traffic.time = self.time;
        traffic.ports = [self.ports.0 - 1, self.ports.1];
        traffic.open();
        traffic
    }
}

/// Cuts a conversation into packets.
pub(crate) fn packets(conversation: &Conversation, layout: &Layout) -> Vec<TestPacket> {
    let mut traffic = layout.open();
    let mut sizes = layout.segments.iter().copied().cycle();
    for (direction, bytes) in &conversation.turns {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let size = sizes.next().unwrap().min(rest.len());
            let (segment, after) = rest.split_at(size);
            traffic.segment(*direction, segment);
            rest = after;
        }
        traffic.acknowledge(direction.reverse());
    }
    match layout.ending {
        Ending::Fin => traffic.end(Side::Server),
        Ending::Reset => traffic.reset(Side::Client),
        Ending::Open => &mut traffic,
    };
    traffic.packets
}

/// So many connections that stay open, each with what is said on it; the packets of all alternate.
pub(crate) fn interleaved(
    connections: u16,
    say: impl Fn(&mut TestTraffic, u16),
) -> Vec<TestPacket> {
    alternating(&open_connections(connections, say))
}

/// So many connections that stay open, each with what is said on it.
pub(crate) fn open_connections(
    connections: u16,
    say: impl Fn(&mut TestTraffic, u16),
) -> Vec<TestTraffic> {
    let say = |number| {
        let ports = (10_000 + number, 8_080);
        let mut line = Layout { ports, ending: Ending::Open, ..Layout::default() }.open();
        say(&mut line, number);
        line
    };
    (0..connections).map(say).collect()
}

/// The packets of all connections, one of each in turn.
fn alternating(lines: &[TestTraffic]) -> Vec<TestPacket> {
    let longest = lines.iter().map(|line| line.packets.len()).max().unwrap_or(0);
    (0..longest)
        .flat_map(|at| lines.iter().filter_map(move |it| it.packets.get(at).cloned()))
        .collect()
}

/// Gives packets the times at which they stand, as a capturing machine would.
pub(crate) fn restamp(packets: &mut [TestPacket]) {
    let mut times: Vec<u64> = packets.iter().map(|packet| packet.time).collect();
    times.sort_unstable();
    for (packet, time) in packets.iter_mut().zip(times) {
        packet.time = time;
    }
}
