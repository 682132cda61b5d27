//! However a conversation was cut, mixed, repeated and packed: it says the same.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests may panic")]

use std::io::Write;

use flate2::Compress;
use flate2::Compression;
use flate2::FlushCompress;
use proptest::prelude::*;
use support::observed::Observed;
use support::observed::keep_all;
use support::observed::observe;
use support::observed::observe_file;
use support::scenario::From;
use support::scenario::Ip;
use support::scenario::Made;
use support::scenario::Wire;
use support::scenario::as_packets;
use support::scenario::as_pcap;
use support::scenario::conversation;
use support::scenario::frame;
use support::scenario::handshake;
use wslens::stream::Direction;

mod support;

/// A conversation with everything in it: masks, fragments with control frames between them,
/// compressed messages with context, a large message, an empty one, a Close.
fn said() -> Vec<(From, Vec<u8>)> {
    let mut said =
        handshake("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15\r\n")
            .to_vec();
    let mut compressors = [(); 2].map(|()| Compress::new(Compression::best(), false));
    let mut compressed = |from: From, text: &str| {
        let mut out = Vec::with_capacity(text.len() + 64);
        let compressor = &mut compressors[usize::from(from == From::Server)];
        compressor.compress_vec(text.as_bytes(), &mut out, FlushCompress::Sync).unwrap();
        out.truncate(out.len() - 4);
        frame(from, 0xc1, &out)
    };
    said.push(frame(From::Client, 0x81, b"hello"));
    said.push(frame(From::Server, 0x81, "gr\u{fc}\u{df}e \u{1f44b}".as_bytes()));
    said.push(compressed(From::Client, "{\"type\":\"subscribe\",\"channel\":\"ticker\"}"));
    said.push(compressed(From::Client, "{\"type\":\"subscribe\",\"channel\":\"trades\"}"));
    said.push(frame(From::Client, 0x01, b"in three "));
    said.push(frame(From::Client, 0x89, b"ping between"));
    said.push(frame(From::Server, 0x8a, b"ping between"));
    said.push(frame(From::Client, 0x00, b"fragments, "));
    said.push(frame(From::Client, 0x80, b"the last"));
    said.push(compressed(From::Server, "{\"type\":\"trade\",\"price\":100.25,\"amount\":7}"));
    let large: Vec<u8> = (0..70_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    said.push(frame(From::Server, 0x82, &large));
    said.push(frame(From::Client, 0x82, &large[..3000]));
    said.push(compressed(From::Server, "{\"type\":\"trade\",\"price\":100.50,\"amount\":9}"));
    said.push(frame(From::Client, 0x81, b""));
    said.push(frame(From::Server, 0x88, b"\x03\xe8done"));
    said.push(frame(From::Client, 0x88, b"\x03\xe8"));
    said
}

fn of_packets(made: &[Made]) -> Observed {
    observe(as_packets(made), keep_all())
}

/// What the conversation says when nothing is done to it.
fn expected() -> Observed {
    let expected = of_packets(&conversation(&said(), Wire::default()));
    assert_eq!(expected.messages.len(), 14, "{:?}", expected.messages);
    assert!(expected.messages.iter().all(|(_, _, message)| message.complete));
    assert_eq!(expected.of(Direction::ClientToServer)[2].content[9..18], *b"subscribe");
    assert_eq!(
        (expected.handshakes, expected.gaps, expected.ended.as_slice()),
        (1, 0, &["closed"][..])
    );
    expected
}

#[track_caller]
fn assert_same(seen: &Observed, expected: &Observed, how: &str) {
    assert_eq!(seen.conversation(), expected.conversation(), "{how}");
    assert_eq!((seen.gaps, seen.conflicts, seen.handshakes), (0, 0, 1), "{how}");
    assert_eq!(seen.ended, expected.ended, "{how}");
}

#[test]
fn segment_size_does_not_matter() {
    let expected = expected();
    for segment in [1, 2, 3, 7, 13, 100, 1448, 9000, 65_000] {
        let made = conversation(&said(), Wire { segment, ..Wire::default() });
        assert_same(&of_packets(&made), &expected, &format!("segments of {segment} bytes"));
    }
}

#[test]
fn sequence_numbers_may_start_anywhere_and_wrap() {
    let expected = expected();
    for start in [0, 1, u32::MAX, u32::MAX - 200, u32::MAX - 3000, 1 << 31, u32::MAX - 60_000] {
        let wire =
            Wire { client_start: start, server_start: start.wrapping_sub(70), ..Wire::default() };
        assert_same(
            &of_packets(&conversation(&said(), wire)),
            &expected,
            &format!("start {start}"),
        );
    }
}

#[test]
fn ip_version_does_not_matter() {
    let made = conversation(&said(), Wire { ip: Ip::V6, ..Wire::default() });
    assert_same(&of_packets(&made), &expected(), "IPv6");
}

#[test]
fn every_packet_twice_is_every_packet_once() {
    let made = conversation(&said(), Wire::default());
    let twice: Vec<Made> = made
        .iter()
        .flat_map(|packet| [packet.clone(), Made { time: packet.time + 5_000, ..packet.clone() }])
        .collect();
    let seen = of_packets(&twice);
    assert_same(&seen, &expected(), "twice");
    let told = made.iter().filter(|packet| packet.data).count();
    assert!(seen.duplicates >= u64::try_from(told).unwrap(), "{} of {told}", seen.duplicates);
}

#[test]
fn retransmissions_may_be_cut_otherwise() {
    let expected = expected();
    let small = conversation(&said(), Wire { segment: 500, ..Wire::default() });
    let large = conversation(&said(), Wire { segment: 1300, ..Wire::default() });
    // Both contain the whole conversation; the second comes on top of the first, packet by packet.
    let mut mixed = Vec::new();
    let mut later = large.into_iter().filter(|packet| packet.data);
    for packet in small {
        mixed.push(packet);
        mixed.extend(later.next());
    }
    mixed.sort_by_key(|packet| packet.time);
    assert_same(&of_packets(&mixed), &expected, "two segmentations mixed");
}

#[test]
fn clocks_may_run_backwards_or_stand_still() {
    let expected = expected();
    let made = conversation(&said(), Wire::default());
    let with = |time: &dyn Fn(u64) -> u64| -> Vec<Made> {
        made.iter().map(|packet| Made { time: time(packet.time), ..packet.clone() }).collect()
    };
    assert_same(&of_packets(&with(&|_| 0)), &expected, "no time at all");
    assert_same(&of_packets(&with(&|time| u64::MAX - time)), &expected, "backwards");
    assert_same(&of_packets(&with(&|_| u64::MAX)), &expected, "the end of time");
}

#[test]
fn file_formats_do_not_matter() {
    let expected = expected();
    let classic = as_pcap(&conversation(&said(), Wire::default()));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&classic).unwrap();
    let gzip = gzip.finish().unwrap();
    for (name, file) in [("pcap", classic), ("gzip", gzip)] {
        assert_same(&observe_file(file, keep_all()).unwrap(), &expected, name);
    }
}

#[test]
fn of_bytes_that_come_twice_the_first_win() {
    let mut made = conversation(&said(), Wire::default());
    let expected = expected();
    let at = made.iter().rposition(|packet| packet.bytes.len() > 1400).unwrap();
    let mut forged = made[at].clone();
    let middle = forged.bytes.len() - 100;
    forged.bytes[middle] ^= 0xff;
    forged.time += 1_000;
    made.insert(at + 1, forged);
    let seen = of_packets(&made);
    assert_eq!(seen.conversation(), expected.conversation());
    assert_eq!((seen.conflicts, seen.gaps), (1, 0));
}

#[test]
fn a_packet_that_was_not_captured_costs_its_message_and_no_other() {
    let made = conversation(&said(), Wire::default());
    let expected = expected();
    // From the middle of the 70,000 bytes.
    let lost = made.iter().position(|packet| packet.bytes.len() > 1400).unwrap() + 20;
    let mut without = made.clone();
    assert!(without.remove(lost).data);
    let seen = of_packets(&without);
    assert_eq!(seen.gaps, 1);
    assert_eq!(
        seen.of(Direction::ClientToServer),
        expected.of(Direction::ClientToServer),
        "the other direction is untouched"
    );
    let (server, whole) =
        (seen.of(Direction::ServerToClient), expected.of(Direction::ServerToClient));
    assert_eq!(server.len(), whole.len());
    for (seen, whole) in server.iter().zip(&whole) {
        assert_eq!(seen.complete, whole.content.len() < 70_000);
        assert!(whole.content.starts_with(&seen.content));
        assert!(!seen.complete || seen == whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Packets of one direction may overtake one another, as long as each stays near its place.
    #[test]
    fn order_of_arrival_does_not_matter(seed in any::<u64>(), reach in 2_usize..9, segment in 200_usize..2000) {
        let made = conversation(&said(), Wire { segment, ..Wire::default() });
        let mut random = seed | 1;
        let mut next = |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random % u64::try_from(below).unwrap()).unwrap()
        };
        let mut mixed = made.clone();
        // The handshake of TCP stays first: a capture that begins otherwise begins in the middle.
        let last = mixed.len() - 4;
        for block in mixed[3..last].chunks_mut(reach) {
            for at in 1..block.len() {
                block.swap(at, next(at + 1));
            }
        }
        let seen = of_packets(&mixed);
        let expected = of_packets(&made);
        prop_assert_eq!(seen.conversation(), expected.conversation());
        prop_assert_eq!((seen.gaps, seen.conflicts), (0, 0));
    }
}
