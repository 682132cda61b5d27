//! Streams of other protocols: none is taken for a WebSocket, wherever the capture begins.

use wslens::stream::Direction;
use wslens::stream::Direction::{ClientToServer, ServerToClient};

use crate::families::{FAMILIES, Family};
use crate::observed::{Captured, Observed};
use crate::testkit::packet::ETHERNET;
use crate::testkit::random::Random;
use crate::testkit::traffic::{TestLink, TestTraffic};

#[test]
fn no_other_protocol_is_taken_for_a_websocket() {
    // More of each family, to try a change: FOREIGN=300 cargo test --test midstream foreign
    let each = std::env::var("FOREIGN").map_or(16, |each| each.parse().unwrap());
    let mut wrong = Vec::new();
    for (family, number) in FAMILIES.iter().zip(1..) {
        for seed in 0..each {
            let mut random = Random(number * 1_000_003 + seed);
            let seen = Observed::of(&midstream(family, &mut random));
            // Some of these bytes are records of TLS.
            let findings =
                seen.findings.iter().filter(|(rule, ..)| !["TLS-05", "CAP-05"].contains(rule));
            if seen.websockets > 0 || !seen.messages.is_empty() || findings.count() > 0 {
                wrong.push(format!(
                    "{}, seed {seed}: {:?} {:?}",
                    family.name,
                    seen.findings,
                    seen.messages.first()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A connection whose capture begins at any byte of each direction, one or both of them captured.
fn midstream(family: &Family, random: &mut Random) -> Vec<Captured> {
    let exchanges = random.pick(&[1, 2, 3, 5, 10, 40]);
    let mut turns: Vec<(Direction, Vec<u8>)> = Vec::new();
    for _ in 0..exchanges {
        for direction in [ClientToServer, ServerToClient] {
            let mut bytes = Vec::new();
            (family.write)(random, direction, &mut bytes);
            turns.push((direction, bytes));
        }
    }
    let captured = random.pick(&[None, None, None, Some(ClientToServer), Some(ServerToClient)]);
    for direction in [ClientToServer, ServerToClient] {
        // At a record in half of the cases, and anywhere otherwise.
        let first = turns.iter_mut().find(|(other, _)| *other == direction).unwrap();
        let length = first.1.len();
        if !first.1.is_empty() && random.one_in(2) {
            first.1.drain(..random.below(length));
        }
    }
    let size = random.pick(&[usize::MAX, usize::MAX, 1448, 536, 100, 13]);
    let mut traffic = TestTraffic::new(TestLink::Ethernet);
    traffic.midstream();
    if random.one_in(2) {
        // The server has the higher port.
        traffic.ports.reverse();
    }
    for (direction, bytes) in turns {
        for segment in bytes.chunks(size.min(1460)) {
            traffic.segment(direction, segment).acknowledge(direction.reverse());
        }
    }
    let packets = traffic.packets.into_iter().zip(1..);
    packets
        .filter(|(packet, _)| captured.is_none_or(|direction| packet.direction == direction))
        .map(|(packet, number)| Captured {
            number,
            time: packet.time,
            link_type: ETHERNET,
            original_length: packet.original_length as u32,
            bytes: packet.bytes,
        })
        .collect()
}
