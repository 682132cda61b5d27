//! How bytes are cut and carried never changes the messages.

#![allow(
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::large_stack_arrays,
    clippy::or_fun_call,
    reason = "tests make or read their own input and may panic"
)]

mod support;

use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest::test_runner::RngAlgorithm;
use proptest::test_runner::TestRng;
use proptest::test_runner::TestRunner;
use wslens::stream::Direction;
use wslens::stream::Direction::ClientToServer;
use wslens::stream::Direction::ServerToClient;
use wslens::stream::GapCause;
use wslens::stream::PerDirection;
use wslens::stream::Side;
use wslens::websocket::Opcode;

use support::conversation::Conversation;
use support::conversation::chat;
use support::conversation::deflated;
use support::conversation::fragmented;
use support::conversation::large;
use support::layout::Ending;
use support::layout::Layout;
use support::layout::OPENING;
use support::layout::Version;
use support::layout::packets;
use support::layout::restamp;
use support::seen::Seen;
use support::seen::keeping;
use support::seen::read;
use support::seen::see;
use support::testkit::file;
use support::testkit::random::Random;
use support::testkit::traffic::TestPacket;

#[test]
fn segment_size_changes_nothing() {
    for size in [1, 2, 3, 7, 100, 1448, 65_000] {
        let layout = Layout { segments: vec![size], ..Layout::default() };
        let mut conversations = short();
        // Half a million packets of a byte each are worth it in a release build only.
        if size >= 100 || !cfg!(debug_assertions) {
            conversations.push(large());
        }
        for conversation in conversations {
            let carried = packets(&conversation, &layout);
            assert_whole(&conversation, &carried, &format!("segments of {size}"));
        }
    }
}

#[test]
fn neighbors_may_change_places() {
    for conversation in short() {
        for size in [60, 1448] {
            let layout = Layout { segments: vec![size], ..Layout::default() };
            let carried = packets(&conversation, &layout);
            for first in OPENING..carried.len() - 1 {
                let mut swapped = carried.clone();
                swapped.swap(first, first + 1);
                restamp(&mut swapped);
                let what = format!("packets {} and next of {size} swapped", first + 1);
                assert_whole(&conversation, &swapped, &what);
            }
        }
    }
}

#[test]
fn packets_may_be_shuffled_within_a_window() {
    for conversation in short() {
        for seed in 0..60 {
            let mut random = Random(seed);
            let size = 20 + random.below(200);
            let layout = Layout { segments: vec![size], ..Layout::default() };
            let mut carried = packets(&conversation, &layout);
            shuffle(&mut carried, &mut random);
            assert_whole(&conversation, &carried, &format!("shuffled with seed {seed}"));
        }
    }
}

#[test]
fn large_messages_may_be_shuffled() {
    let conversation = large();
    for seed in 0..4 {
        let mut random = Random(seed);
        let mut carried = packets(&conversation, &Layout::default());
        shuffle(&mut carried, &mut random);
        assert_whole(&conversation, &carried, &format!("shuffled with seed {seed}"));
    }
}

#[test]
fn packets_may_come_twice() {
    for conversation in short() {
        for distance in [0, 1, 3, 7] {
            let layout = Layout { segments: vec![70], ..Layout::default() };
            let once = packets(&conversation, &layout);
            let mut twice: Vec<TestPacket> = Vec::new();
            for (index, packet) in once.iter().enumerate() {
                twice.push(packet.clone());
                if let Some(earlier) = index.checked_sub(distance) {
                    twice.push(TestPacket { time: packet.time + 1, ..once[earlier].clone() });
                }
            }
            let what = format!("every packet again, {distance} packets later");
            assert_whole(&conversation, &twice, &what);
        }
    }
}

#[test]
fn retransmissions_may_be_cut_otherwise() {
    for conversation in short() {
        for seed in 0..40 {
            let carried = retransmitted(&conversation, &mut Random(seed));
            assert_whole(&conversation, &carried, &format!("retransmitted with seed {seed}"));
        }
    }
}

#[test]
fn sequence_numbers_may_wrap_around() {
    let mut starts: Vec<u32> = (0..40).map(|back| u32::MAX - back).collect();
    starts.extend([0, 1, u32::MAX - 300, u32::MAX - 900, 1 << 31, (1 << 31) - 200]);
    for conversation in short() {
        for &start in &starts {
            let layout = Layout {
                segments: vec![37],
                start: PerDirection { client: start, server: start.wrapping_sub(11) },
                ..Layout::default()
            };
            let mut carried = packets(&conversation, &layout);
            assert_whole(&conversation, &carried, &format!("sequence numbers from {start}"));
            for window in carried[OPENING..].chunks_mut(4) {
                window.reverse();
            }
            assert_whole(&conversation, &carried, &format!("and reordered, from {start}"));
        }
    }
}

#[test]
fn ip_version_ports_and_endings_change_nothing() {
    for conversation in short().into_iter().chain([large()]) {
        for version in [Version::V4, Version::V6] {
            for ending in [Ending::Fin, Ending::Reset, Ending::Open] {
                for ports in [(50_000, 8_080), (80, 50_000), (9_000, 9_000)] {
                    let layout = Layout { version, ending, ports, ..Layout::default() };
                    let carried = packets(&conversation, &layout);
                    assert_whole(&conversation, &carried, &format!("{layout:?}"));
                }
            }
        }
    }
}

#[test]
fn container_changes_nothing() {
    for conversation in short().into_iter().chain([large()]) {
        let carried = packets(&conversation, &Layout::default());
        let (pcap, pcapng) = (file::pcap(&carried), file::pcapng(&carried));
        let (pcap_gzip, pcapng_gzip) = (file::gzip(&pcap), file::gzip(&pcapng));
        let files = [
            ("pcap", pcap),
            ("pcapng", pcapng),
            ("pcap in gzip", pcap_gzip),
            ("pcapng in gzip", pcapng_gzip),
        ];
        for (what, file) in files {
            let mut seen = Seen::default();
            let count = read(file, keeping(), &mut seen).unwrap();
            assert_eq!(count, carried.len() as u64, "{what}: packets");
            assert_sent(&conversation, &seen, what);
        }
    }
}

#[test]
fn clock_changes_nothing() {
    type Clock = fn(u64, u64) -> u64;
    let clocks: [(&str, Clock); 5] = [
        ("running backwards", |index, time| time - index * 70_000),
        ("standing still", |_, _| 1),
        ("at its beginning", |_, _| 0),
        ("at its end", |_, _| u64::MAX),
        ("jumping", |index, time| if index % 3 == 0 { 0 } else { time + index * 1_000_000_000 }),
    ];
    for conversation in short() {
        for (what, clock) in clocks {
            let layout = Layout { segments: vec![50], ..Layout::default() };
            let mut carried = packets(&conversation, &layout);
            for (packet, index) in carried.iter_mut().zip(0..) {
                packet.time = clock(index, packet.time);
            }
            assert_whole(&conversation, &carried, &format!("clock {what}"));
            for window in carried[OPENING..].chunks_mut(3) {
                window.reverse();
            }
            assert_whole(&conversation, &carried, &format!("clock {what}, packets reordered"));
        }
    }
}

/// Cut points, order and repetitions at once, with the smallest failing case as the answer.
#[test]
fn any_cut_order_and_repetition_changes_nothing() {
    let cases = if cfg!(debug_assertions) { 150 } else { 1_000 };
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let generator = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, generator);
    let conversations = short();
    let cases = (
        0..conversations.len(),
        prop::collection::vec(1_usize..300, 1..12),
        prop::collection::vec((0_usize..400, 0_usize..8), 0..40),
        prop::collection::vec(0_usize..400, 0..10),
        any::<u32>(),
    );
    let outcome = runner.run(&cases, |(index, segments, moves, again, start)| {
        let conversation = &conversations[index];
        let start = PerDirection { client: start, server: !start };
        let layout = Layout { segments, start, ..Layout::default() };
        let mut carried = packets(conversation, &layout);
        for place in again {
            let from = OPENING + place % (carried.len() - OPENING);
            carried.insert(from, carried[from].clone());
        }
        // No packet is moved twice, so that none goes further than a capture would move it.
        let mut moved = OPENING;
        for (from, distance) in moves {
            let from = moved + from % 12;
            if from + distance < carried.len() {
                let packet = carried.remove(from);
                carried.insert(from + distance, packet);
                moved = from + distance + 1;
            }
        }
        restamp(&mut carried);
        let seen = see(&carried, keeping());
        prop_assert_eq!(&seen.messages, &conversation.said, "{}", conversation.name);
        prop_assert!(seen.gaps.client.is_empty() && seen.gaps.server.is_empty());
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[test]
fn a_direction_may_come_late_as_a_whole() {
    for conversation in short() {
        // The server's segments wait, unless there are more of them than may wait.
        for (size, waits) in [(1448, true), (1, false)] {
            let layout = Layout { segments: vec![size], ..Layout::default() };
            let (client, server): (Vec<_>, Vec<_>) = packets(&conversation, &layout)
                .into_iter()
                .partition(|packet| packet.direction == ClientToServer);
            let mut late = [server, client].concat();
            restamp(&mut late);
            let what = format!("the client's packets of {size} come after the server's");
            if waits {
                assert_whole(&conversation, &late, &what);
            } else {
                let seen = see(&late, keeping());
                let name = conversation.name;
                assert_eq!(seen.messages.server, conversation.said.server, "{name}: {what}");
            }
        }
    }
}

#[test]
fn a_response_may_come_first_if_its_sender_was_taken_for_the_client() {
    for conversation in short() {
        // By the ports, the server is the client, until its request shows otherwise.
        let layout = Layout { ports: (80, 9_000), ..Layout::default() };
        let mut carried = packets(&conversation, &layout).split_off(OPENING - 1);
        let response = carried
            .iter()
            .position(|packet| packet.direction == ServerToClient && packet.payload > 0);
        // An acknowledgment of the client's comes first, so it is known that it is captured.
        carried[1..=response.unwrap()].reverse();
        restamp(&mut carried);
        let seen = see(&carried, keeping());
        assert_eq!(seen.handshakes, 1, "{}", conversation.name);
        assert_sent(&conversation, &seen, "the response comes first");
    }
}

#[test]
fn a_request_is_read_in_order_whatever_its_segments_acknowledge() {
    for conversation in short() {
        let mut line = Layout { ending: Ending::Open, ..Layout::default() }.open();
        let (_, request) = &conversation.turns[0];
        let (first, second) = request.split_at(20);
        // It waits for bytes that never come; what follows it waits for nothing.
        line.next.server = line.next.server.wrapping_add(50);
        line.segment(ClientToServer, first);
        line.next.server = line.next.server.wrapping_sub(50);
        line.segment(ClientToServer, second);
        for (direction, bytes) in &conversation.turns[1..] {
            line.segment(*direction, bytes);
        }
        let seen = see(&line.packets, keeping());
        assert_eq!(seen.handshakes, 1, "{}", conversation.name);
        assert_eq!(seen.messages.server, conversation.said.server, "{}", conversation.name);
    }
}

#[test]
fn first_bytes_win_over_conflicting_ones() {
    for after_hole in [false, true] {
        let mut conversation = Conversation::plain("conflict");
        conversation.say(ClientToServer, Opcode::Text, &[b'a'; 90]);
        conversation.say(ServerToClient, Opcode::Text, b"got it");
        let mut line = Layout::default().open();
        let (_, request) = &conversation.turns[0];
        let (_, response) = &conversation.turns[1];
        let (_, message) = &conversation.turns[2];
        line.segment(ClientToServer, request);
        line.segment(ServerToClient, response);
        // Only whole segments are compared with what came before, when that is gone.
        let mut wrong = message.clone();
        wrong[20..].fill(b'!');
        if after_hole {
            line.skip(ClientToServer, 20);
            line.segment(ClientToServer, &message[20..]);
            line.again(ClientToServer, message.len() as u32 - 20, &wrong[20..]);
            line.again(ClientToServer, message.len() as u32, &message[..20]);
        } else {
            line.segment(ClientToServer, message);
            line.again(ClientToServer, message.len() as u32, &wrong);
        }
        line.acknowledge(ServerToClient);
        line.segment(ServerToClient, &conversation.turns[3].1);
        line.end(Side::Server);
        let seen = see(&line.packets, keeping());
        assert_eq!(seen.messages, conversation.said, "after a hole: {after_hole}");
        let [conflict] = seen.conflicts.client.as_slice() else {
            panic!("after a hole: {after_hole}: conflicts are {:?}", seen.conflicts);
        };
        let from = request.len() as u64;
        let within = from..=(request.len() + message.len()) as u64;
        assert!(within.contains(&conflict.start) && within.contains(&conflict.end), "{conflict:?}");
        assert!(seen.conflicts.server.is_empty());
    }
}

#[test]
fn a_missing_packet_costs_only_its_message() {
    for direction in Direction::BOTH {
        let mut conversation = Conversation::plain("gap");
        let content = Random(9).bytes(5_000);
        conversation.say(direction, Opcode::Binary, b"before");
        conversation.say(direction.reverse(), Opcode::Binary, b"answer");
        conversation.say(direction, Opcode::Binary, &content);
        conversation.say(direction.reverse(), Opcode::Binary, b"answer");
        for number in 0_u8..30 {
            conversation.say(direction, Opcode::Binary, &[number; 200]);
            conversation.say(direction.reverse(), Opcode::Binary, &[number; 10]);
        }
        let layout = Layout { segments: vec![1_000], ..Layout::default() };
        let mut carried = packets(&conversation, &layout);
        let large: Vec<usize> = (0..carried.len())
            .filter(|at| carried[*at].direction == direction && carried[*at].payload == 1_000)
            .collect();
        carried.remove(large[2]);
        let seen = see(&carried, keeping());
        let [gap] = seen.gaps.get(direction).as_slice() else {
            panic!("{direction:?}: gaps are {:?}", seen.gaps);
        };
        assert_eq!((gap.length, gap.cause), (1_000, GapCause::Acknowledged));
        assert_eq!(seen.gaps.get(direction.reverse()).len(), 0);
        assert_eq!(seen.lost, 0, "{direction:?}: the frame's end is known");
        let (sent, got) = (conversation.said.get(direction), seen.messages.get(direction));
        assert_eq!(sent.len(), got.len(), "{direction:?}: messages");
        for (index, (sent, got)) in sent.iter().zip(got).enumerate() {
            if index == 1 {
                assert!(!got.complete, "{direction:?}: the message with the gap");
                assert!(!got.content.is_empty() && content.starts_with(&got.content));
            } else {
                assert_eq!(sent, got, "{direction:?}: message {index}");
            }
        }
        let reverse = direction.reverse();
        assert_eq!(seen.messages.get(reverse), conversation.said.get(reverse));
    }
}

/// Conversations of some dozens of packets.
fn short() -> Vec<Conversation> {
    vec![chat(), fragmented(), deflated()]
}

/// Bytes are sent again while new ones are: ranges that begin and end anywhere.
fn retransmitted(conversation: &Conversation, random: &mut Random) -> Vec<TestPacket> {
    let mut line = Layout::default().open();
    let mut sent: PerDirection<Vec<u8>> = PerDirection::default();
    for (direction, bytes) in &conversation.turns {
        let sent = sent.get_mut(*direction);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (segment, after) = rest.split_at((1 + random.below(120)).min(rest.len()));
            // The new bytes, with some old ones before them.
            let old = random.below(40).min(sent.len());
            sent.extend(segment);
            let from = sent.len() - segment.len() - old;
            line.again(*direction, old as u32, &sent[from..]);
            line.skip(*direction, segment.len() as u32);
            if random.below(2) == 0 {
                let back = 1 + random.below(300.min(sent.len()));
                let from = sent.len() - back;
                let length = 1 + random.below(back);
                line.again(*direction, back as u32, &sent[from..from + length]);
            }
            rest = after;
        }
        line.acknowledge(direction.reverse());
    }
    line.end(Side::Server);
    line.packets
}

/// Shuffles packets within windows, but for the TCP handshake.
fn shuffle(packets: &mut [TestPacket], random: &mut Random) {
    for window in packets[OPENING..].chunks_mut(8) {
        random.shuffle(window);
    }
    restamp(packets);
}

#[track_caller]
fn assert_whole(conversation: &Conversation, packets: &[TestPacket], what: &str) {
    assert_sent(conversation, &see(packets, keeping()), what);
}

#[track_caller]
fn assert_sent(conversation: &Conversation, seen: &Seen, what: &str) {
    let name = conversation.name;
    for direction in Direction::BOTH {
        let (said, got) = (conversation.said.get(direction), seen.messages.get(direction));
        let direction = direction.name();
        assert_eq!(said.len(), got.len(), "{name}, {what}: messages {direction}");
        for (number, (said, got)) in said.iter().zip(got).enumerate() {
            // Contents may be long: they are not printed.
            assert!(said == got, "{name}, {what}: message {number} {direction} differs");
        }
    }
    let clean = seen.gaps.client.len() + seen.gaps.server.len() + seen.lost + seen.limits.len();
    assert_eq!(clean, 0, "{name}, {what}: gaps, lost sync or limits");
    assert_eq!(seen.conflicts, PerDirection::default(), "{name}, {what}: conflicts");
    assert_eq!(seen.handshakes, 1, "{name}, {what}: handshakes");
}
