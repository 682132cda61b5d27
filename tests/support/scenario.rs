//! Conversations as packets: a little TCP, just enough to cut, mix and lose its segments on purpose.

use wslens::capture::LinkType;
use wslens::capture::Packet;
use wslens::stream::PacketId;
use wslens::stream::Timestamp;

/// One packet of a conversation: Ethernet, IP, TCP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Made {
    pub(crate) bytes: Vec<u8>,
    pub(crate) time: u64,
    /// Whether it carries payload.
    pub(crate) data: bool,
}

/// Who sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum From {
    Client,
    Server,
}

/// How the packets are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire {
    /// Largest payload of a segment, in bytes.
    pub(crate) segment: usize,
    /// Initial sequence numbers.
    pub(crate) client_start: u32,
    pub(crate) server_start: u32,
    pub(crate) ip: Ip,
    pub(crate) client_port: u16,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ip {
    V4,
    V6,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            segment: 1448,
            client_start: 1_000_000,
            server_start: 2_000_000,
            ip: Ip::V4,
            client_port: 50_000,
        }
    }
}

/// A WebSocket conversation: a handshake, what is said, and a FIN from each side.
///
/// Each side acknowledges everything the moment it has it.
pub(crate) fn conversation(said: &[(From, Vec<u8>)], wire: Wire) -> Vec<Made> {
    let mut tcp = Tcp::new(wire);
    tcp.send(From::Client, SYN, &[]);
    tcp.send(From::Server, SYN | ACK, &[]);
    tcp.send(From::Client, ACK, &[]);
    for (from, bytes) in said {
        tcp.say(*from, bytes);
    }
    tcp.send(From::Server, FIN | ACK, &[]);
    tcp.send(From::Client, FIN | ACK, &[]);
    tcp.send(From::Server, ACK, &[]);
    tcp.packets
}

/// Hands packets over as a capture would, numbered in their order.
pub(crate) fn as_packets(made: &[Made]) -> impl Iterator<Item = Packet<'_>> {
    (1..).zip(made).map(|(number, made)| Packet {
        id: PacketId(number),
        time: Timestamp(made.time),
        link_type: LinkType(1),
        interface: 0,
        bytes: &made.bytes,
        original_length: u32::try_from(made.bytes.len()).unwrap(),
        file_offset: 0,
    })
}

/// The packets as a classic pcap file with nanoseconds.
pub(crate) fn as_pcap(made: &[Made]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_3c4d_u32.to_le_bytes());
    for half in [2_u16, 4, 0, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    file.extend(262_144_u32.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    for packet in made {
        let length = u32::try_from(packet.bytes.len()).unwrap();
        file.extend(u32::try_from(packet.time / 1_000_000_000).unwrap().to_le_bytes());
        file.extend(u32::try_from(packet.time % 1_000_000_000).unwrap().to_le_bytes());
        file.extend(length.to_le_bytes());
        file.extend(length.to_le_bytes());
        file.extend(&packet.bytes);
    }
    file
}

/// The request and response of an opening handshake, with these extra lines in both.
pub(crate) fn handshake(extensions: &str) -> [(From, Vec<u8>); 2] {
    // The key and answer of RFC 6455 §1.3.
    let request = format!(
        "GET /chat HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extensions}\r\n"
    );
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{extensions}\r\n"
    );
    [(From::Client, request.into_bytes()), (From::Server, response.into_bytes())]
}

/// One frame, masked as its sender must.
pub(crate) fn frame(from: From, first: u8, payload: &[u8]) -> (From, Vec<u8>) {
    let mask_bit = if from == From::Client { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        length @ ..=125 => bytes.push(mask_bit | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            bytes.push(mask_bit | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(mask_bit | 127);
            bytes.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    if from == From::Client {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        bytes.extend(key);
        bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        bytes.extend(payload);
    }
    (from, bytes)
}

struct Tcp {
    wire: Wire,
    /// Next sequence number of the client and the server.
    next: [u32; 2],
    packets: Vec<Made>,
    time: u64,
}

impl Tcp {
    fn new(wire: Wire) -> Self {
        let next = [wire.client_start, wire.server_start];
        Self { wire, next, packets: Vec::new(), time: 1_700_000_000_000_000_000 }
    }

    fn say(&mut self, from: From, bytes: &[u8]) {
        let other = if from == From::Client { From::Server } else { From::Client };
        for segment in bytes.chunks(self.wire.segment) {
            self.send(from, ACK, segment);
        }
        self.send(other, ACK, &[]);
    }

    fn send(&mut self, from: From, flags: u8, payload: &[u8]) {
        let (me, peer) = if from == From::Client { (0, 1) } else { (1, 0) };
        let (ports, addresses) = match from {
            From::Client => ([self.wire.client_port, 80], [1, 2]),
            From::Server => ([80, self.wire.client_port], [2, 1]),
        };
        let acknowledgement = if flags & ACK == 0 { 0 } else { self.next[peer] };
        let mut tcp = Vec::new();
        tcp.extend(ports[0].to_be_bytes());
        tcp.extend(ports[1].to_be_bytes());
        tcp.extend(self.next[me].to_be_bytes());
        tcp.extend(acknowledgement.to_be_bytes());
        tcp.extend([0x50, flags]);
        tcp.extend(0xffff_u16.to_be_bytes());
        tcp.extend([0; 4]);
        tcp.extend(payload);
        let length = u16::try_from(tcp.len()).unwrap();
        let mut bytes = vec![0; 12];
        match self.wire.ip {
            Ip::V4 => {
                bytes.extend([0x08, 0x00, 0x45, 0]);
                bytes.extend((length + 20).to_be_bytes());
                bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, addresses[0]]);
                bytes.extend([10, 0, 0, addresses[1]]);
            }
            Ip::V6 => {
                bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                bytes.extend(length.to_be_bytes());
                bytes.extend([6, 64]);
                for address in addresses {
                    bytes.extend([0xfd; 15]);
                    bytes.push(address);
                }
            }
        }
        bytes.extend(tcp);
        self.time += 1_000_000;
        self.packets.push(Made { bytes, time: self.time, data: !payload.is_empty() });
        let taken = u32::try_from(payload.len()).unwrap() + u32::from(flags & (SYN | FIN) != 0);
        self.next[me] = self.next[me].wrapping_add(taken);
    }
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const ACK: u8 = 16;
