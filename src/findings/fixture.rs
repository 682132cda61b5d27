//! Connections made by hand, and what the rules find on them.

mod network;

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::analysis::event::{ConnectionId, Event};
use crate::analysis::{Analyzer, AnalyzerOptions, Sink};
use crate::capture::{LinkType, Packet};
use crate::findings::engine::checker::Checker;
use crate::findings::engine::rule::Rule;
use crate::findings::finding::Finding;
use crate::findings::finding::Findings;
use crate::findings::settings::Reading;
use crate::findings::settings::Settings;
use crate::stream::Direction::{ClientToServer, ServerToClient};
use crate::stream::{Direction, PacketId, PerDirection, Side, Timestamp, length_u64};

/// One row of a group's table: what happens, and exactly what is found.
pub(super) struct RuleCase {
    /// What happens.
    pub(super) name: &'static str,
    /// Rules that it comes close to, and that must be silent.
    pub(super) near: &'static [&'static str],
    /// All findings, as `ID side` (`ID` where nobody is at fault), in order.
    pub(super) fires: &'static [&'static str],
    /// Does it.
    pub(super) play: fn(&mut Scenario),
}

/// Plays all rows, and insists that every rule has one that breaks it and one that comes close.
pub(super) fn check(tables: &[&[Rule]], cases: &[RuleCase]) {
    let mut fired = BTreeSet::new();
    let mut near = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in cases {
        let mut scenario = Scenario::new();
        (case.play)(&mut scenario);
        let found = scenario.found();
        if found != case.fires {
            wrong.push(format!("{}: found {found:?}, not {:?}", case.name, case.fires));
        }
        for id in case.near {
            let fires = case.fires.iter().any(|it| it.split(' ').next() == Some(*id));
            assert!(!fires, "{}: {id} fires, so it is not only near", case.name);
        }
        fired.extend(case.fires.iter().filter_map(|it| it.split(' ').next()));
        near.extend(case.near.iter().copied());
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    for rule in tables.iter().copied().flatten() {
        assert!(fired.contains(rule.id), "no row breaks {}", rule.id);
        assert!(near.contains(rule.id), "no row comes close to {}", rule.id);
    }
}

/// Connections while they are written.
pub(super) struct Scenario {
    packets: Vec<(u64, Vec<u8>)>,
    /// Captured bytes of packets that the snap length cut, by place in `packets`.
    cuts: Vec<(usize, usize)>,
    pub(super) link_type: u32,
    /// Nanoseconds of the next packet.
    time: u64,
    next: PerDirection<u32>,
    client_port: u16,
    /// Addresses of client and server.
    hosts: [IpAddr; 2],
    /// The receive window that both announce.
    window: u16,
    pub(super) settings: Settings,
    pub(super) options: AnalyzerOptions,
}

impl Scenario {
    pub(super) fn new() -> Self {
        Self {
            packets: Vec::new(),
            cuts: Vec::new(),
            link_type: RAW_IP,
            time: 1_700_000_000_000_000_000,
            next: PerDirection { client: 1_000, server: 900_000 },
            client_port: 50_000,
            hosts: [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])],
            window: u16::MAX,
            settings: Settings::default(),
            options: AnalyzerOptions { keep: 1 << 16, ..AnalyzerOptions::default() },
        }
    }

    /// Opens a TCP connection, another one each time.
    pub(super) fn open(&mut self) -> &mut Self {
        self.client_port += 1;
        self.next = PerDirection { client: 1_000, server: 900_000 };
        self.flagged(ClientToServer, SYN).flagged(ServerToClient, SYN | ACK);
        self.acknowledge(ClientToServer)
    }

    /// Opens a connection, and upgrades it without extensions.
    pub(super) fn upgraded(&mut self) -> &mut Self {
        self.open().upgrade("", "")
    }

    /// Opens a connection, and agrees on permessage-deflate with these parameters (`; name=value`).
    pub(super) fn deflated(&mut self, params: &str) -> &mut Self {
        let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
        let answer = format!("Sec-WebSocket-Extensions: permessage-deflate{params}\r\n");
        self.open().upgrade(offer, &answer)
    }

    /// Says a correct opening handshake with these additional lines.
    pub(super) fn upgrade(&mut self, request: &str, response: &str) -> &mut Self {
        let (_, accept) = self.fresh_key();
        self.request(request);
        self.server(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n{response}\r\n"
            )
            .as_bytes(),
        )
    }

    /// Opens a connection, and sends a correct request with these additional lines.
    pub(super) fn ask(&mut self, request: &str) -> &mut Self {
        self.open().request(request)
    }

    fn request(&mut self, more: &str) -> &mut Self {
        let (key, _) = self.fresh_key();
        self.client(
            format!(
                "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\
                 {more}\r\n"
            )
            .as_bytes(),
        )
    }

    /// A key that no other connection has, and its answer.
    pub(super) fn fresh_key(&self) -> (String, String) {
        let key = format!("{:05}freshkeyofatestXA==", self.client_port);
        let accept = crate::http::accept::accept(key.as_bytes());
        (key, accept)
    }

    /// The client sends bytes, and the server acknowledges them.
    pub(super) fn client(&mut self, bytes: &[u8]) -> &mut Self {
        self.send(ClientToServer, bytes)
    }

    /// The server sends bytes, and the client acknowledges them.
    pub(super) fn server(&mut self, bytes: &[u8]) -> &mut Self {
        self.send(ServerToClient, bytes)
    }

    fn send(&mut self, direction: Direction, bytes: &[u8]) -> &mut Self {
        self.unacknowledged(direction, bytes);
        self.acknowledge(direction.reverse())
    }

    /// Sends bytes whose acknowledgement does not come (yet).
    pub(super) fn unacknowledged(&mut self, direction: Direction, bytes: &[u8]) -> &mut Self {
        for segment in bytes.chunks(1400) {
            self.packet(direction, PSH | ACK, segment);
            let next = self.next.get_mut(direction);
            *next = next.wrapping_add(u32::try_from(segment.len()).unwrap());
        }
        self
    }

    /// Sends bytes without having received the latest of the other side.
    pub(super) fn unacknowledged_blind(&mut self, direction: Direction, bytes: &[u8]) -> &mut Self {
        let next = self.next.get_mut(direction.reverse());
        let received = std::mem::replace(next, next.wrapping_sub(1));
        self.unacknowledged(direction, bytes);
        *self.next.get_mut(direction.reverse()) = received;
        self
    }

    /// Bytes that are sent and acknowledged, but not captured.
    pub(super) fn missing(&mut self, direction: Direction, length: u32) -> &mut Self {
        let next = self.next.get_mut(direction);
        *next = next.wrapping_add(length);
        self.acknowledge(direction.reverse()).wait(1_000);
        for _ in 0..32 {
            self.acknowledge(direction.reverse());
        }
        self
    }

    /// Sends bytes of which only some are captured.
    pub(super) fn cut(&mut self, direction: Direction, bytes: &[u8], captured: usize) -> &mut Self {
        self.cuts.push((self.packets.len(), HEADERS + captured));
        self.send(direction, bytes)
    }

    /// A connection of which the capture lacks the beginning.
    pub(super) fn midstream(&mut self) -> &mut Self {
        self.client_port += 1;
        self
    }

    /// An upgraded connection of which only the client's packets are captured.
    pub(super) fn one_sided(&mut self) -> &mut Self {
        self.upgraded().client(&masked(0x81, b"Hello")).close();
        self.packets.retain(|(_, bytes)| bytes[15] == 1);
        self
    }

    /// Acknowledges all that the other side has sent.
    pub(super) fn acknowledge(&mut self, direction: Direction) -> &mut Self {
        self.packet(direction, ACK, &[]);
        self
    }

    /// Lets milliseconds pass.
    pub(super) fn wait(&mut self, milliseconds: u64) -> &mut Self {
        self.time += milliseconds * 1_000_000;
        self
    }

    /// Lets time go back.
    pub(super) fn back(&mut self, milliseconds: u64) -> &mut Self {
        self.time -= milliseconds * 1_000_000;
        self
    }

    /// Both sides send Close 1000, and then FIN, the server first.
    pub(super) fn close(&mut self) -> &mut Self {
        self.client(&masked(0x88, b"\x03\xe8")).server(b"\x88\x02\x03\xe8").end(Side::Server)
    }

    /// Both sides send FIN, this one first.
    pub(super) fn end(&mut self, first: Side) -> &mut Self {
        let direction = first.direction();
        self.flagged(direction, FIN | ACK).flagged(direction.reverse(), FIN | ACK);
        self.acknowledge(direction)
    }

    /// A side resets the connection.
    pub(super) fn reset(&mut self, by: Side) -> &mut Self {
        self.flagged(by.direction(), RST | ACK)
    }

    fn flagged(&mut self, direction: Direction, flags: u8) -> &mut Self {
        self.packet(direction, flags, &[]);
        let next = self.next.get_mut(direction);
        *next = next.wrapping_add(1);
        self
    }

    /// Repeats the latest packet as it is.
    pub(super) fn twice(&mut self) -> &mut Self {
        let latest = self.packets.last().unwrap().clone();
        self.packets.push(latest);
        self
    }

    /// Repeats the latest payload, with its last byte changed.
    pub(super) fn forged(&mut self) -> &mut Self {
        let (time, mut bytes) =
            self.packets.iter().rev().find(|(_, bytes)| bytes.len() > HEADERS).unwrap().clone();
        *bytes.last_mut().unwrap() ^= 0x20;
        self.packets.push((time + 1, bytes));
        self
    }

    /// A packet that is no IP.
    pub(super) fn garbage(&mut self) -> &mut Self {
        self.packets.push((self.time, vec![0; 4]));
        self
    }

    fn packet(&mut self, direction: Direction, flags: u8, payload: &[u8]) {
        let [client, server] = self.hosts;
        let (from, to, ports) = match direction {
            ClientToServer => (client, server, [self.client_port, 8_080]),
            ServerToClient => (server, client, [8_080, self.client_port]),
        };
        let mut bytes = ports.map(u16::to_be_bytes).concat();
        bytes.extend(self.next.get(direction).to_be_bytes());
        let other = *self.next.get(direction.reverse());
        bytes.extend(if flags & ACK == 0 { 0 } else { other }.to_be_bytes());
        let [high, low] = self.window.to_be_bytes();
        bytes.extend([0x50, flags, high, low, 0, 0, 0, 0]);
        bytes.extend(payload);
        self.datagram([from, to], TCP, &bytes);
    }

    /// A datagram of IP between two hosts.
    fn datagram(&mut self, [from, to]: [IpAddr; 2], protocol: u8, payload: &[u8]) {
        let length = |headers: usize| u16::try_from(headers + payload.len()).unwrap().to_be_bytes();
        let mut bytes = match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let mut bytes = [&[0x45, 0][..], &length(20)].concat();
                bytes.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
                bytes.extend([from.octets(), to.octets()].concat());
                bytes
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let mut bytes = [&[0x60, 0, 0, 0][..], &length(0), &[protocol, 64]].concat();
                bytes.extend([from.octets(), to.octets()].concat());
                bytes
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
                panic!("{from} and {to} do not speak the same protocol")
            }
        };
        bytes.extend(payload);
        self.packets.push((self.time, bytes));
        self.time += 50_000;
    }

    /// All findings, as `ID side`.
    pub(super) fn found(&self) -> Vec<String> {
        let word = |finding: &Finding| match finding.side {
            Some(side) => format!("{} {}", finding.rule.id, side.name()),
            None => finding.rule.id.to_owned(),
        };
        self.judge(&Reading::default()).list.iter().map(word).collect()
    }

    /// All findings.
    pub(super) fn judge(&self, reading: &Reading<'_>) -> ScenarioFindings {
        let mut analyzer = Analyzer::new(self.options.clone());
        let mut bench =
            Bench { checker: Checker::new(self.settings), judged: ScenarioFindings::default() };
        for (at, (time, bytes)) in self.packets.iter().enumerate() {
            let cut = self.cuts.iter().find(|(place, _)| *place == at);
            let captured = cut.map_or(bytes.len(), |(_, captured)| *captured);
            let packet = Packet {
                id: PacketId(length_u64(at) + 1),
                time: Timestamp(*time),
                link_type: LinkType(self.link_type),
                interface: 0,
                original_length: u32::try_from(bytes.len()).unwrap(),
                bytes: &bytes[..captured],
                file_offset: 0,
            };
            analyzer.push(&packet, &mut bench);
        }
        analyzer.finish(&mut bench);
        bench.checker.finish(reading, &mut bench.judged);
        bench.judged
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct ScenarioFindings {
    pub(super) list: Vec<Finding>,
    /// Rule, connection, how many more.
    pub(super) folded: Vec<(&'static str, u64, u64)>,
}

struct Bench {
    checker: Checker,
    judged: ScenarioFindings,
}

impl Sink for Bench {
    fn event(&mut self, event: &Event<'_>) {
        self.checker.event(event, &mut self.judged);
    }
}

impl Findings for ScenarioFindings {
    fn finding(&mut self, finding: &Finding) {
        self.list.push(finding.clone());
    }

    fn folded(&mut self, rule: &'static Rule, connection: ConnectionId, count: u64) {
        self.folded.push((rule.id, connection.0, count));
    }
}

/// A frame of a server: `first` is its first byte.
pub(super) fn plain(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload, 0);
    bytes.extend(payload);
    bytes
}

/// A frame of a client with a key that is made of its payload.
pub(super) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut sum = 0x9e37_79b9_u32;
    for byte in [&[first], payload].concat() {
        sum = (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193).rotate_left(7);
    }
    masked_with(sum.to_be_bytes(), first, payload)
}

/// A frame of a client with this key.
pub(super) fn masked_with(key: [u8; 4], first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload, 0x80);
    bytes.extend(key);
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

fn header(first: u8, payload: &[u8], mask: u8) -> Vec<u8> {
    match length_u64(payload.len()) {
        length @ 0..=125 => vec![first, mask | u8::try_from(length).unwrap()],
        length @ 126..=0xffff => {
            [&[first, mask | 0x7e], &u16::try_from(length).unwrap().to_be_bytes()[..]].concat()
        }
        length => [&[first, mask | 0x7f], &length.to_be_bytes()[..]].concat(),
    }
}

/// Bytes of the IP and TCP headers.
const HEADERS: usize = 40;

/// `LINKTYPE_RAW`: the packet begins with its IP header.
const RAW_IP: u32 = 101;

/// Protocol number of TCP.
const TCP: u8 = 6;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
