//! All that is kept of a capture stays below one limit, whatever the capture does.

#![allow(
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "tests make or read their own input and may panic"
)]

mod support;

use wslens::analysis::Analyzer;
use wslens::analysis::AnalyzerOptions;
use wslens::analysis::event::Limit;
use wslens::analysis::limits::Limits;
use wslens::stream::Direction::ClientToServer;
use wslens::websocket::Inflation;
use wslens::websocket::Opcode;

use support::conversation::Conversation;
use support::layout::Ending;
use support::layout::Layout;
use support::layout::interleaved;
use support::layout::open_connections;
use support::seen::Seen;
use support::seen::push;
use support::testkit::frame::frame;
use support::testkit::random::Random;
use support::testkit::traffic::TestPacket;

/// The limit of these tests.
const LIMIT: usize = 4 << 20;

/// Connections, each of which keeps several KiB.
const CONNECTIONS: u16 = 1_500;

#[test]
fn heads_that_never_end_stay_below_the_limit() {
    let carried = interleaved(CONNECTIONS, |line, _| {
        line.segment(ClientToServer, b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n");
        for _ in 0..6 {
            line.segment(ClientToServer, &b"X-Padding: zzzzzzzzzzzzzzzzzzzzzz\r\n".repeat(40));
        }
    });
    let (limited, peak) = watch(&carried, LIMIT);
    let (free, needed) = watch(&carried, usize::MAX);
    assert!(needed > 2 * LIMIT, "{needed} bytes are no load");
    assert!(peak <= LIMIT + SEGMENT, "{peak} bytes were kept");
    assert_eq!((&limited.limits[..], &free.limits[..]), (&[Limit::Memory][..], &[][..]));
    assert_eq!(limited.outcomes.len(), free.outcomes.len());
}

#[test]
fn contents_of_unfinished_messages_stay_below_the_limit() {
    let carried = interleaved(CONNECTIONS, |line, _| {
        for (direction, bytes) in &Conversation::plain("unfinished").turns {
            line.segment(*direction, bytes);
        }
        let message = frame(0x81, Some([1, 2, 3, 4]), &[b'a'; 9_000]);
        for segment in message.chunks(1_400) {
            line.segment(ClientToServer, segment);
        }
        let message = frame(0x01, Some([1, 2, 3, 4]), &[b'b'; 9_000]);
        for segment in message.chunks(1_400) {
            line.segment(ClientToServer, segment);
        }
    });
    let (limited, peak) = watch(&carried, LIMIT);
    let (free, needed) = watch(&carried, usize::MAX);
    assert!(needed > 2 * LIMIT, "{needed} bytes are no load");
    assert!(peak <= LIMIT + SEGMENT, "{peak} bytes were kept");
    assert_eq!((&limited.limits[..], &free.limits[..]), (&[Limit::Memory][..], &[][..]));
    let complete = |seen: &Seen| seen.messages.client.iter().filter(|it| it.complete).count();
    assert_eq!(complete(&limited), usize::from(CONNECTIONS), "those that ended are whole");
    assert_eq!(complete(&limited), complete(&free));
    assert_eq!(limited.messages.client.len(), free.messages.client.len());
    assert!(limited.messages.client.iter().any(|it| it.content.is_empty()));
}

#[test]
fn histories_of_compression_stay_below_the_limit() {
    let mut conversation = Conversation::deflated("histories");
    let noise = Random(7).bytes(6_000);
    conversation.say_deflated(ClientToServer, &noise, 1);
    conversation.say_deflated(ClientToServer, &noise, 2);
    let carried = interleaved(CONNECTIONS, |line, _| {
        for (direction, bytes) in &conversation.turns {
            for segment in bytes.chunks(1_400) {
                line.segment(*direction, segment);
            }
        }
    });
    let (limited, peak) = watch(&carried, LIMIT);
    let (free, needed) = watch(&carried, usize::MAX);
    assert!(needed > 2 * LIMIT, "{needed} bytes are no load");
    assert!(peak <= LIMIT + SEGMENT, "{peak} bytes were kept");
    assert_eq!((&limited.limits[..], &free.limits[..]), (&[Limit::Memory][..], &[][..]));
    assert_eq!(limited.messages.client.len(), free.messages.client.len());
    assert!(free.inflations.iter().all(|it| *it == Inflation::Done));
    assert!(limited.inflations.contains(&Inflation::HistoryEvicted));
}

#[test]
fn whoever_is_read_again_and_again_is_the_last_to_let_go() {
    let mut busy = Layout { ports: (9, 8_080), ending: Ending::Open, ..Layout::default() }.open();
    let mut conversation = Conversation::deflated("busy");
    for (direction, bytes) in std::mem::take(&mut conversation.turns) {
        busy.segment(direction, &bytes);
    }
    let opening = std::mem::take(&mut busy.packets);
    for number in 0..CONNECTIONS {
        conversation.say_deflated(ClientToServer, format!("{{\"n\":{number}}}").as_bytes(), 1);
        for (direction, bytes) in std::mem::take(&mut conversation.turns) {
            busy.segment(direction, &bytes);
        }
    }
    let others = open_connections(CONNECTIONS, |line, _| {
        for (direction, bytes) in &Conversation::plain("unfinished").turns {
            line.segment(*direction, bytes);
        }
        let message = frame(0x82, Some([1, 2, 3, 4]), &[0; 9_000]);
        for segment in message[..8_000].chunks(1_400) {
            line.segment(ClientToServer, segment);
        }
    });
    let mut carried = opening;
    for (line, said) in others.into_iter().zip(busy.packets) {
        carried.extend(line.packets);
        carried.push(said);
    }
    let (seen, peak) = watch(&carried, LIMIT);
    assert!(peak <= LIMIT + SEGMENT, "{peak} bytes were kept");
    assert_eq!(seen.limits, [Limit::Memory]);
    let said = seen.messages.client.iter().filter(|it| it.opcode == Opcode::Text);
    assert_eq!(said.filter(|it| it.complete).count(), usize::from(CONNECTIONS));
}

/// What is seen with a limit, and the most that was kept after a packet.
fn watch(packets: &[TestPacket], memory: usize) -> (Seen, usize) {
    let limits = Limits { memory, ..Limits::default() };
    let options = AnalyzerOptions { keep: 1 << 20, limits, ..AnalyzerOptions::default() };
    let (mut seen, mut analyzer, mut peak) = (Seen::default(), Analyzer::new(options), 0);
    for (packet, before) in packets.iter().zip(0..) {
        push(&mut analyzer, std::slice::from_ref(packet), before, &mut seen);
        peak = peak.max(analyzer.kept());
    }
    analyzer.finish(&mut seen);
    assert_eq!(analyzer.kept(), 0, "nothing is kept of connections that ended");
    (seen, peak)
}

/// What one packet may add before something is dropped.
const SEGMENT: usize = 64 << 10;
