//! One end of a connection as the network sees it: its packets, numbered and with checksums.

use std::net::IpAddr;
use std::net::SocketAddr;

use super::testkit::packet::Checksum;
use super::testkit::packet::TCP;
use super::testkit::packet::TestSegment;
use super::testkit::packet::UDP;
use super::testkit::packet::fill_checksums;
use super::testkit::packet::push_ethernet_header;
use super::testkit::packet::push_ip_header;
use super::testkit::packet::udp_between;

/// Sends to one address.
#[derive(Debug)]
pub(super) struct Sender {
    hosts: [IpAddr; 2],
    /// Its own, and the receiver's.
    pub(super) ports: [u16; 2],
    checksum: Checksum,
    /// Of the latest datagram of IPv4.
    identification: u16,
    /// The packet; reused.
    bytes: Vec<u8>,
}

impl Sender {
    pub(super) fn new(source: SocketAddr, destination: SocketAddr, checksum: Checksum) -> Self {
        let identification = source.port() ^ destination.port().rotate_left(5);
        Self {
            hosts: [source.ip(), destination.ip()],
            ports: [source.port(), destination.port()],
            checksum,
            identification,
            bytes: Vec::new(),
        }
    }

    /// The packet of a TCP segment.
    pub(super) fn tcp(&mut self, segment: &TestSegment<'_>) -> &[u8] {
        self.begin(TCP, segment.length());
        segment.push_to(&mut self.bytes);
        self.complete()
    }

    /// The packet of a UDP datagram.
    pub(super) fn udp(&mut self, payload: &[u8]) -> &[u8] {
        let datagram = udp_between(self.ports, payload);
        self.begin(UDP, datagram.len());
        self.bytes.extend(datagram);
        self.complete()
    }

    fn begin(&mut self, protocol: u8, length: usize) {
        self.bytes.clear();
        push_ethernet_header(&mut self.bytes, self.hosts);
        push_ip_header(&mut self.bytes, self.hosts, protocol, length);
    }

    fn complete(&mut self) -> &[u8] {
        let datagram = &mut self.bytes[ETHERNET..];
        if self.hosts[0].is_ipv4() {
            self.identification = self.identification.wrapping_add(1);
            datagram[4..6].copy_from_slice(&self.identification.to_be_bytes());
        }
        fill_checksums(datagram, self.checksum);
        &self.bytes
    }
}

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
