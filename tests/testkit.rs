//! What the test kit makes is what it says: its example, and its packets as another parser reads them.

use etherparse::NetHeaders;
use etherparse::PacketHeaders;
use etherparse::TransportHeader;
use support::testkit::file;
use support::testkit::frame;
use support::testkit::frame::masked;
use support::testkit::head;
use support::testkit::packet::Checksum;
use support::testkit::packet::fill_checksums;
use support::testkit::traffic::TestLink;
use support::testkit::traffic::TestTraffic;
use wslens::stream::Direction::ClientToServer;
use wslens::stream::Direction::ServerToClient;
use wslens::stream::Side;

mod support;

#[test]
fn the_example_of_the_documentation_is_a_capture() {
    let mut traffic = TestTraffic::new(TestLink::Ethernet);
    traffic.upgraded().client(&masked(0x81, b"Hello")).wait(20).reset(Side::Server);
    let capture: Vec<u8> = file::pcap(&traffic.packets);

    let mut seen = support::seen::Seen::default();
    let packets = support::seen::read(capture, support::seen::keeping(), &mut seen);
    assert_eq!(packets, Some(10), "SYN twice, ACK, request, response, Hello with ACKs, RST");
    assert_eq!(seen.messages.client[0].content, b"Hello");
    assert_eq!(seen.outcomes, [wslens::analysis::event::Outcome::Aborted]);
}

#[test]
fn another_parser_reads_the_same_from_the_packets() {
    for (client, server) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        let mut traffic = TestTraffic::new(TestLink::Ethernet);
        traffic.between(client, server).upgraded().client(b"odd").server(b"even").close();
        let mut next = None;
        for packet in &mut traffic.packets {
            fill_checksums(&mut packet.bytes[14..], Checksum::Right);
            let parsed = PacketHeaders::from_ethernet_slice(&packet.bytes).unwrap();
            let Some(TransportHeader::Tcp(tcp)) = parsed.transport else { panic!("{parsed:?}") };
            let payload = parsed.payload.slice();
            assert_eq!(payload.len(), packet.payload);
            let (client_port, server_port) = (50_000, 8_080);
            let (ports, expected) = match packet.direction {
                ClientToServer => ((client_port, server_port), next),
                ServerToClient => ((server_port, client_port), None),
            };
            assert_eq!((tcp.source_port, tcp.destination_port), ports);
            let checksum = match parsed.net {
                Some(NetHeaders::Ipv4(ip, _)) => {
                    assert_eq!(ip.header_checksum, ip.calc_header_checksum());
                    tcp.calc_checksum_ipv4(&ip, payload)
                }
                Some(NetHeaders::Ipv6(ip, _)) => tcp.calc_checksum_ipv6(&ip, payload),
                other => panic!("{other:?}"),
            };
            assert_eq!(Ok(tcp.checksum), checksum);
            // Sequence numbers of the client continue where they stopped.
            assert!(expected.is_none_or(|next| tcp.sequence_number == next), "{tcp:?}");
            if packet.direction == ClientToServer {
                let taken =
                    u32::try_from(payload.len()).unwrap() + u32::from(tcp.syn) + u32::from(tcp.fin);
                next = Some(tcp.sequence_number + taken);
            }
        }
    }
}

// RFC 6455 sections 1.3 and 5.7.
#[test]
fn examples_of_the_standard_are_made() {
    assert_eq!(head::accept(head::KEY), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(frame::plain(0x81, b"Hello"), b"\x81\x05Hello");
    let masked = frame::masked_with([0x37, 0xfa, 0x21, 0x3d], 0x81, b"Hello");
    assert_eq!(masked, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    assert_eq!(frame::plain(0x82, &[0; 256])[..4], [0x82, 0x7e, 0x01, 0x00]);
    assert_eq!(frame::plain(0x82, &vec![0; 65_536])[..10], [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
}
