//! What costs too much is dropped and reported.

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

use flate2::Compress;
use flate2::Compression;
use wslens::analysis::AnalyzerOptions;
use wslens::analysis::event::Limit;
use wslens::analysis::event::Outcome;
use wslens::analysis::limits::Limits;
use wslens::stream::Direction::ClientToServer;
use wslens::stream::Direction::ServerToClient;
use wslens::stream::GapCause;
use wslens::stream::Side;
use wslens::websocket::Inflation;
use wslens::websocket::Opcode;

use support::conversation::Conversation;
use support::conversation::chat;
use support::layout::Ending;
use support::layout::Layout;
use support::layout::packets;
use support::seen::see;
use support::testkit::frame::deflate;
use support::testkit::frame::frame;
use support::testkit::traffic::TestPacket;
use support::testkit::traffic::TestTraffic;

#[test]
fn the_connection_that_was_not_used_for_long_makes_room() {
    let opened = 20;
    let limits = Limits { connections: 4, ..Limits::default() };
    let mut all = Vec::new();
    for port in 0..opened {
        let ports = (40_000 + port, 8_080);
        let layout = Layout { ports, ending: Ending::Open, ..Layout::default() };
        all.extend(packets(&chat(), &layout));
    }
    let seen = see(&all, options(limits));
    let room_made = usize::from(opened) - 4;
    assert_eq!(seen.limits, vec![Limit::Connections; room_made]);
    assert_eq!(seen.outcomes, vec![Outcome::Open; usize::from(opened)]);
    // Each was whole before it made room.
    let expected = chat().said.client.len() * usize::from(opened);
    assert_eq!(seen.messages.client.len(), expected);
}

#[test]
fn connections_below_the_limit_make_no_room() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let mut all = Vec::new();
    for port in 0..20 {
        let layout = Layout { ports: (40_000 + port, 8_080), ..Layout::default() };
        all.extend(packets(&chat(), &layout));
    }
    let seen = see(&all, options(limits));
    assert_eq!(seen.limits, []);
    assert_eq!(seen.outcomes, [Outcome::Closed; 20]);
}

#[test]
fn bytes_after_a_hole_are_kept_up_to_the_limit_of_the_connection() {
    let limits = Limits { buffered_per_connection: 64 << 10, ..Limits::default() };
    let (carried, messages) = hole(1, 300);
    let seen = see(&carried, options(limits));
    assert_eq!(seen.limits, [Limit::BufferedPerConnection]);
    assert_eq!(seen.gaps.client.len(), 1);
    let gap = seen.gaps.client.first().unwrap();
    assert_eq!((gap.length, gap.cause), (1_000, GapCause::Limit));
    assert_eq!(seen.messages.client.iter().filter(|said| said.complete).count(), messages);
}

#[test]
fn bytes_after_holes_are_kept_up_to_the_limit_of_all() {
    let limits = Limits { buffered_total: 256 << 10, ..Limits::default() };
    let (carried, messages) = hole(8, 100);
    let seen = see(&carried, options(limits));
    assert!(seen.limits.contains(&Limit::BufferedTotal), "{:?}", seen.limits);
    assert!(!seen.limits.contains(&Limit::BufferedPerConnection), "{:?}", seen.limits);
    assert_eq!(seen.gaps.client.len(), 8, "one for each connection, at the limit or at the end");
    assert_eq!(seen.messages.client.iter().filter(|said| said.complete).count(), messages);
}

#[test]
fn below_the_limits_holes_are_filled_however_late() {
    let mut conversation = Conversation::plain("late");
    conversation.say(ClientToServer, Opcode::Binary, &[7; 200_000]);
    let mut carried = packets(&conversation, &Layout::default());
    let first = carried.iter().position(|packet| packet.payload == 1448).unwrap();
    // Before the acknowledgement, which would report that the capture missed it.
    let last = carried.iter().rposition(|packet| packet.payload > 0).unwrap();
    let late = carried.remove(first);
    carried.insert(last, late);
    let seen = see(&carried, options(Limits::default()));
    assert_eq!((seen.limits.len(), seen.gaps.client.len()), (0, 0));
    assert!(seen.messages.client.iter().all(|said| said.complete && said.content.len() == 200_000));
}

#[test]
fn bombs_are_inflated_up_to_the_limit() {
    let limits = Limits { inflated_bytes: 1 << 20, ..Limits::default() };
    for frames in [1, 5] {
        let mut conversation = Conversation::deflated("bomb");
        conversation.say_deflated(ClientToServer, b"harmless", 1);
        conversation.say_deflated(ServerToClient, &vec![b'0'; 30 << 20], frames);
        conversation.say(ServerToClient, Opcode::Text, b"behind it");
        let mut seen = see(&packets(&conversation, &Layout::default()), options(limits));
        let plain = seen.messages.server.pop().unwrap();
        assert_eq!((plain.content.as_slice(), plain.complete), (&b"behind it"[..], true));
        let bomb = seen.messages.server.pop().unwrap();
        assert!(!bomb.complete, "not all of it was inflated");
        assert!(bomb.content.len() <= 1 << 20, "{} bytes", bomb.content.len());
        assert!(seen.inflations.contains(&Inflation::TooLarge), "{:?}", seen.inflations);
        assert_eq!(seen.messages.client, conversation.said.client);
    }
}

#[test]
fn bombs_in_many_messages_cost_no_more_than_each() {
    let limits = Limits { inflated_bytes: 1 << 20, ..Limits::default() };
    let mut conversation = Conversation::deflated("bombs");
    let mut compress = Compress::new(Compression::best(), false);
    let payload = deflate(&mut compress, &vec![b'0'; 2 << 20]);
    for _ in 0..50 {
        conversation.bytes(ServerToClient, &frame(0xc1, None, &payload));
    }
    let seen = see(&packets(&conversation, &Layout::default()), options(limits));
    assert_eq!(seen.messages.server.len(), 50);
    assert!(seen.messages.server.iter().all(|said| !said.complete));
    assert_eq!(seen.inflations.first(), Some(&Inflation::TooLarge));
}

#[test]
fn http_heads_are_kept_up_to_the_limit() {
    for endless in [false, true] {
        let mut line = Layout::default().open();
        let mut head = b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n".to_vec();
        head.extend("X-Padding: zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\r\n".repeat(20_000).bytes());
        if !endless {
            head.extend(b"\r\n");
        }
        for segment in head.chunks(1448) {
            line.segment(ClientToServer, segment);
        }
        line.acknowledge(ServerToClient);
        line.end(Side::Server);
        let seen = see(&line.packets, options(Limits::default()));
        assert_eq!(seen.limits, [Limit::HeadBytes], "endless: {endless}");
        assert_eq!(seen.outcomes.len(), 1);
    }
}

/// Connections whose first message lacks a packet, which nobody acknowledges, and `messages`
/// messages of 1,000 bytes after it, all connections in turn; and how many of them are complete.
fn hole(connections: u16, messages: usize) -> (Vec<TestPacket>, usize) {
    let conversation = Conversation::plain("hole");
    let mut lines: Vec<TestTraffic> = (0..connections)
        .map(|port| Layout { ports: (40_000 + port, 8_080), ..Layout::default() })
        .map(|layout| layout.open())
        .collect();
    for line in &mut lines {
        for (direction, bytes) in &conversation.turns {
            line.segment(*direction, bytes);
        }
        let message = frame(0x82, Some([1, 2, 3, 4]), &[0; 3_000]);
        line.segment(ClientToServer, &message[..1_000]);
        line.skip(ClientToServer, 1_000);
        line.segment(ClientToServer, &message[2_000..]);
    }
    let before: Vec<usize> = lines.iter().map(|line| line.packets.len()).collect();
    for number in 0..messages {
        for line in &mut lines {
            let message = frame(0x82, Some([1, 2, 3, 4]), &[number as u8; 1_000]);
            line.segment(ClientToServer, &message);
        }
    }
    let mut carried: Vec<TestPacket> = Vec::new();
    for (line, before) in lines.iter().zip(&before) {
        carried.extend(line.packets.iter().take(*before).cloned());
    }
    for number in 0..messages {
        for (line, before) in lines.iter().zip(&before) {
            carried.extend(line.packets.get(before + number).cloned());
        }
    }
    (carried, messages * usize::from(connections))
}

fn options(limits: Limits) -> AnalyzerOptions {
    AnalyzerOptions { keep: usize::MAX >> 8, limits, ..AnalyzerOptions::default() }
}
