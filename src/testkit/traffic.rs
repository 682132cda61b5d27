//! TCP connections while their packets are written.

use std::net::IpAddr;

use super::frame::masked;
use super::head;
use super::packet::{ACK, FIN, PSH, RST, SYN, TCP};
use super::packet::{ETHERNET, RAW_IP};
use super::packet::{TestSegment, host, push_ethernet_header, push_ip_header};
use super::stream::Direction::{ClientToServer, ServerToClient};
use super::stream::{Direction, PerDirection, Side};

/// One captured packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TestPacket {
    /// Nanoseconds since 1970.
    pub(crate) time: u64,
    /// What was captured of it.
    pub(crate) bytes: Vec<u8>,
    /// Bytes that it had on the wire.
    pub(crate) original_length: usize,
    pub(crate) direction: Direction,
    /// TCP payload bytes at the end of the packet.
    pub(crate) payload: usize,
}

/// What precedes the IP header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TestLink {
    /// Nothing.
    RawIp,
    Ethernet,
}

impl TestLink {
    /// Its number in captures.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::RawIp => RAW_IP,
            Self::Ethernet => ETHERNET,
        }
    }
}

/// Connections between one client and one server, one after the other, with all that went over the wire.
///
/// Methods send what the last connection sends next; all return the traffic, so that they can be chained.
#[derive(Clone, Debug)]
pub(crate) struct TestTraffic {
    pub(crate) packets: Vec<TestPacket>,
    pub(crate) link: TestLink,
    /// Addresses of client and server.
    pub(crate) hosts: [IpAddr; 2],
    /// Ports of client and server; the client's grows with each connection.
    pub(crate) ports: [u16; 2],
    /// Initial sequence numbers.
    pub(crate) start: PerDirection<u32>,
    /// Next sequence numbers.
    pub(crate) next: PerDirection<u32>,
    /// Nanoseconds of the next packet.
    pub(crate) time: u64,
    /// Nanoseconds from one packet to the next.
    pub(crate) step: u64,
    /// The receive window that both announce.
    pub(crate) window: u16,
}

impl TestTraffic {
    pub(crate) fn new(link: TestLink) -> Self {
        let start = PerDirection { client: 1_000, server: 900_000 };
        Self {
            packets: Vec::new(),
            link,
            hosts: [host(1), host(2)],
            ports: [49_999, 8_080],
            start,
            next: start,
            time: 1_700_000_000_000_000_000,
            step: 50_000,
            window: u16::MAX,
        }
    }

    /// Opens a TCP connection, from another port each time.
    pub(crate) fn open(&mut self) -> &mut Self {
        self.dial().flagged(ServerToClient, SYN | ACK).acknowledge(ClientToServer)
    }

    /// The client begins a connection: the SYN, and nothing more.
    pub(crate) fn dial(&mut self) -> &mut Self {
        self.midstream();
        self.next = self.start;
        self.flagged(ClientToServer, SYN)
    }

    /// A connection of which the capture lacks the beginning.
    pub(crate) fn midstream(&mut self) -> &mut Self {
        self.ports[0] += 1;
        self
    }

    /// Opens a connection, and upgrades it without extensions.
    pub(crate) fn upgraded(&mut self) -> &mut Self {
        self.open().upgrade("", "")
    }

    /// Opens a connection, and agrees on permessage-deflate with these parameters (`; name=value`).
    pub(crate) fn deflated(&mut self, params: &str) -> &mut Self {
        let answer = format!("Sec-WebSocket-Extensions: permessage-deflate{params}\r\n");
        self.open().upgrade(head::OFFER, &answer)
    }

    /// Sends a correct opening handshake with these additional lines.
    pub(crate) fn upgrade(&mut self, request: &str, response: &str) -> &mut Self {
        let (key, _) = self.fresh_key();
        self.client(&head::request(&key, request)).server(&head::response(&key, response))
    }

    /// Opens a connection, and sends a correct request with these additional lines.
    pub(crate) fn ask(&mut self, request: &str) -> &mut Self {
        let (key, _) = self.open().fresh_key();
        self.client(&head::request(&key, request))
    }

    /// A key that no other connection has, and its answer.
    pub(crate) fn fresh_key(&self) -> (String, String) {
        let key = format!("{:05}freshkeyofatestXA==", self.ports[0]);
        let accept = head::accept(&key);
        (key, accept)
    }

    /// The client sends bytes, and the server acknowledges them.
    pub(crate) fn client(&mut self, bytes: &[u8]) -> &mut Self {
        self.unacknowledged(ClientToServer, bytes).acknowledge(ServerToClient)
    }

    /// The server sends bytes, and the client acknowledges them.
    pub(crate) fn server(&mut self, bytes: &[u8]) -> &mut Self {
        self.unacknowledged(ServerToClient, bytes).acknowledge(ClientToServer)
    }

    /// Sends bytes whose acknowledgement does not come (yet).
    pub(crate) fn unacknowledged(&mut self, direction: Direction, bytes: &[u8]) -> &mut Self {
        for payload in bytes.chunks(1400) {
            self.segment(direction, payload);
        }
        self
    }

    /// Sends bytes without having received the latest of the other side.
    pub(crate) fn unacknowledged_blind(&mut self, direction: Direction, bytes: &[u8]) -> &mut Self {
        let next = self.next.get_mut(direction.reverse());
        let received = std::mem::replace(next, next.wrapping_sub(1));
        self.unacknowledged(direction, bytes);
        *self.next.get_mut(direction.reverse()) = received;
        self
    }

    /// Sends the next bytes in one segment.
    pub(crate) fn segment(&mut self, direction: Direction, payload: &[u8]) -> &mut Self {
        self.packet(direction, *self.next.get(direction), PSH | ACK, payload);
        self.skip(direction, payload.len() as u32)
    }

    /// Sends bytes that begin `back` bytes before the next.
    pub(crate) fn again(&mut self, direction: Direction, back: u32, payload: &[u8]) -> &mut Self {
        let sequence = self.next.get(direction).wrapping_sub(back);
        self.packet(direction, sequence, PSH | ACK, payload);
        self
    }

    /// Sends bytes that are not captured, nor is their acknowledgement.
    pub(crate) fn skip(&mut self, direction: Direction, length: u32) -> &mut Self {
        let next = self.next.get_mut(direction);
        *next = next.wrapping_add(length);
        self
    }

    /// Bytes that are sent and acknowledged, but not captured.
    pub(crate) fn missing(&mut self, direction: Direction, length: u32) -> &mut Self {
        self.skip(direction, length).acknowledge(direction.reverse()).wait(1_000);
        for _ in 0..32 {
            self.acknowledge(direction.reverse());
        }
        self
    }

    /// Sends bytes of which only the first `captured` are in the capture.
    pub(crate) fn cut(&mut self, direction: Direction, bytes: &[u8], captured: usize) -> &mut Self {
        self.segment(direction, bytes);
        let packet = self.packets.last_mut().unwrap();
        packet.bytes.truncate(packet.original_length - packet.payload + captured);
        self.acknowledge(direction.reverse())
    }

    /// Acknowledges all that the other side has sent.
    pub(crate) fn acknowledge(&mut self, direction: Direction) -> &mut Self {
        self.packet(direction, *self.next.get(direction), ACK, &[]);
        self
    }

    /// Lets milliseconds pass.
    pub(crate) fn wait(&mut self, milliseconds: u64) -> &mut Self {
        self.time += milliseconds * 1_000_000;
        self
    }

    /// Lets time go back.
    pub(crate) fn back(&mut self, milliseconds: u64) -> &mut Self {
        self.time -= milliseconds * 1_000_000;
        self
    }

    /// Both sides send Close 1000, and then FIN, the server first.
    pub(crate) fn close(&mut self) -> &mut Self {
        self.client(&masked(0x88, b"\x03\xe8")).server(b"\x88\x02\x03\xe8").end(Side::Server)
    }

    /// Both sides send FIN, this one first.
    pub(crate) fn end(&mut self, first: Side) -> &mut Self {
        let first = first.direction();
        self.flagged(first, FIN | ACK).flagged(first.reverse(), FIN | ACK).acknowledge(first)
    }

    /// A side resets the connection.
    pub(crate) fn reset(&mut self, by: Side) -> &mut Self {
        self.flagged(by.direction(), RST | ACK)
    }

    /// An upgraded connection of which only the client's packets are captured.
    pub(crate) fn one_sided(&mut self) -> &mut Self {
        self.upgraded().client(&masked(0x81, b"Hello")).close();
        self.packets.retain(|packet| packet.direction == ClientToServer);
        self
    }

    /// Repeats the latest packet as it is.
    pub(crate) fn twice(&mut self) -> &mut Self {
        self.packets.extend(self.packets.last().cloned());
        self
    }

    /// Repeats the latest payload, with its last byte changed.
    pub(crate) fn forged(&mut self) -> &mut Self {
        let mut packet = self.latest(|packet| packet.payload > 0);
        packet.time += 1;
        *packet.bytes.last_mut().unwrap() ^= 0x20;
        self.packets.push(packet);
        self
    }

    /// A packet of these bytes, whatever they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        let (time, original_length) = (self.time, bytes.len());
        let direction = ClientToServer;
        let bytes = bytes.to_vec();
        self.packets.push(TestPacket { time, bytes, original_length, direction, payload: 0 });
        self
    }

    /// A copy of the latest packet that fits.
    pub(super) fn latest(&self, fits: impl Fn(&TestPacket) -> bool) -> TestPacket {
        self.packets.iter().rev().find(|packet| fits(packet)).unwrap().clone()
    }

    /// Sends a flag that takes a sequence number.
    pub(crate) fn flagged(&mut self, direction: Direction, flags: u8) -> &mut Self {
        self.packet(direction, *self.next.get(direction), flags, &[]);
        self.skip(direction, 1)
    }

    /// Sends a segment with this sequence number, which acknowledges all that the other side has sent.
    pub(crate) fn packet(
        &mut self,
        direction: Direction,
        sequence: u32,
        flags: u8,
        payload: &[u8],
    ) {
        let received = *self.next.get(direction.reverse());
        let segment = TestSegment {
            ports: along(direction, self.ports),
            sequence,
            acknowledgment: if flags & ACK == 0 { 0 } else { received },
            flags,
            window: self.window,
            options: &[],
            payload,
        };
        let hosts = along(direction, self.hosts);
        let bytes = self.begin(hosts, TCP, segment.length());
        self.finish(direction, bytes, payload.len(), |bytes| segment.push_to(bytes));
    }

    /// Sends a datagram of IP between two hosts.
    pub(super) fn datagram(&mut self, hosts: [IpAddr; 2], protocol: u8, payload: &[u8]) {
        let bytes = self.begin(hosts, protocol, payload.len());
        self.finish(ClientToServer, bytes, 0, |bytes| bytes.extend(payload));
    }

    /// The headers of Ethernet and IP, with room for `length` bytes.
    fn begin(&self, hosts: [IpAddr; 2], protocol: u8, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(54 + length);
        if self.link == TestLink::Ethernet {
            push_ethernet_header(&mut bytes, hosts);
        }
        push_ip_header(&mut bytes, hosts, protocol, length);
        bytes
    }

    fn finish(
        &mut self,
        direction: Direction,
        mut bytes: Vec<u8>,
        payload: usize,
        rest: impl FnOnce(&mut Vec<u8>),
    ) {
        rest(&mut bytes);
        let original_length = bytes.len();
        self.packets.push(TestPacket {
            time: self.time,
            bytes,
            original_length,
            direction,
            payload,
        });
        self.time += self.step;
    }
}

/// What client and server have, as source and destination.
fn along<T>(direction: Direction, [client, server]: [T; 2]) -> [T; 2] {
    match direction {
        ClientToServer => [client, server],
        ServerToClient => [server, client],
    }
}
