//! What happens below and before TCP: SYNs, retransmissions, ICMP, DNS.

use std::net::IpAddr;

use super::packet::{ACK, ICMP, ICMPV6, PSH, RST, SYN, UDP, host, udp_between};
use super::stream::Direction::{ClientToServer, ServerToClient};
use super::stream::{Direction, Side};
use super::traffic::TestTraffic;

impl TestTraffic {
    /// Sets the addresses of client and server for all that comes.
    pub(crate) fn between(&mut self, client: &str, server: &str) -> &mut Self {
        self.hosts = [client, server].map(|host| host.parse().unwrap());
        self
    }

    /// The client sends its SYN again, as many milliseconds later.
    pub(crate) fn dial_again(&mut self, milliseconds: u64) -> &mut Self {
        self.wait(milliseconds);
        self.next.client = self.start.client;
        self.flagged(ClientToServer, SYN)
    }

    /// The server answers the SYN, perhaps once more.
    pub(crate) fn answer(&mut self) -> &mut Self {
        self.next.server = self.start.server;
        self.flagged(ServerToClient, SYN | ACK)
    }

    /// The server refuses the SYN.
    pub(crate) fn refuse(&mut self) -> &mut Self {
        self.flagged(ServerToClient, RST | ACK)
    }

    /// A side sends its latest payload again, as many milliseconds later.
    pub(crate) fn resend(&mut self, by: Side, milliseconds: u64) -> &mut Self {
        self.wait(milliseconds);
        let by = by.direction();
        let mut packet = self.latest(|packet| packet.payload > 0 && packet.direction == by);
        packet.time = self.time;
        self.packets.push(packet);
        self.time += self.step;
        self
    }

    /// Sends two payloads of which the second arrives first, and the first so much later.
    pub(crate) fn overtaken(
        &mut self,
        direction: Direction,
        [first, second]: [&[u8]; 2],
        milliseconds: u64,
    ) -> &mut Self {
        self.unacknowledged(direction, first);
        let mut late = self.packets.pop().unwrap();
        self.unacknowledged(direction, second).wait(milliseconds);
        late.time = self.time;
        self.packets.push(late);
        self.wait(1).acknowledge(direction.reverse())
    }

    /// A side announces a receive window.
    pub(crate) fn announce(&mut self, by: Side, window: u16) -> &mut Self {
        let usual = std::mem::replace(&mut self.window, window);
        self.acknowledge(by.direction()).window = usual;
        self
    }

    /// A side sends one byte that was acknowledged, to see whether the other is there.
    pub(crate) fn keep_alive(&mut self, by: Side) -> &mut Self {
        let by = by.direction();
        let sequence = self.next.get(by).wrapping_sub(1);
        self.packet(by, sequence, PSH | ACK, b"\0");
        self.acknowledge(by.reverse())
    }

    /// An ICMP error about the latest packet, which must be without a link layer.
    pub(crate) fn icmp(&mut self, reporter: &str, number: u8, code: u8) -> &mut Self {
        let quoted = self.latest(|_| true).bytes;
        let reporter: IpAddr = reporter.parse().unwrap();
        let protocol = if reporter.is_ipv4() { ICMP } else { ICMPV6 };
        let bytes = [&[number, code, 0, 0, 0, 0, 0, 0][..], &quoted].concat();
        self.datagram([reporter, self.hosts[0]], protocol, &bytes);
        self
    }

    /// The client looks up the addresses of a name: A (1) or AAAA (28).
    pub(crate) fn looks_up(&mut self, name: &str, kind: u8) -> &mut Self {
        let query = dns_query(u16::from(kind), name, kind);
        self.udp([self.hosts[0], host(RESOLVER)], [40_000, 53], &query)
    }

    /// The client asks the whole network for the IPv4 address of a name.
    pub(crate) fn looks_up_by_multicast(&mut self, name: &str, port: u16) -> &mut Self {
        let group = IpAddr::from([224, 0, 0, 251]);
        self.udp([self.hosts[0], group], [port, port], &dns_query(0, name, 1))
    }

    /// The resolver answers with this code, and with addresses.
    pub(crate) fn lookup_answer(
        &mut self,
        name: &str,
        kind: u8,
        code: u8,
        addresses: &[&str],
    ) -> &mut Self {
        let answer = dns_answer(u16::from(kind), name, kind, code, addresses);
        self.udp([host(RESOLVER), self.hosts[0]], [53, 40_000], &answer)
    }

    fn udp(&mut self, hosts: [IpAddr; 2], ports: [u16; 2], payload: &[u8]) -> &mut Self {
        self.datagram(hosts, UDP, &udp_between(ports, payload));
        self
    }
}

/// A DNS message that asks for the addresses of a name: A (1) or AAAA (28).
pub(crate) fn dns_query(id: u16, name: &str, kind: u8) -> Vec<u8> {
    dns(id, [1, 0], 0, name, kind)
}

/// A DNS message that answers with this code, and with addresses of `kind`.
pub(crate) fn dns_answer(id: u16, name: &str, kind: u8, code: u8, addresses: &[&str]) -> Vec<u8> {
    let mut message = dns(id, [0x81, 0x80 | code], addresses.len() as u8, name, kind);
    for address in addresses {
        // A pointer to the name of the question.
        message.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60]);
        match address.parse().unwrap() {
            IpAddr::V4(address) => message.extend([&[0, 4][..], &address.octets()].concat()),
            IpAddr::V6(address) => message.extend([&[0, 16][..], &address.octets()].concat()),
        }
    }
    message
}

/// The header and the question of a DNS message (RFC 1035 §4.1).
fn dns(id: u16, flags: [u8; 2], answers: u8, name: &str, kind: u8) -> Vec<u8> {
    let mut message = [id.to_be_bytes(), flags, [0, 1], [0, answers], [0, 0], [0, 0]].concat();
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, kind, 0, 1]);
    message
}

/// The host that resolves names for all clients.
const RESOLVER: u8 = 53;
