//! What the allocator gives stays below the limit of memory, whatever the capture does.
//!
//! The budget counts what its holders report; here the allocator itself is asked. Allocations are counted
//! per thread, so the tests do not disturb each other.

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

use wslens::analysis::AnalyzerOptions;
use wslens::analysis::limits::Limits;
use wslens::findings::Reading;
use wslens::findings::Settings;
use wslens::journal::Entry;
use wslens::journal::Journal;
use wslens::pipeline::Pipeline;
use wslens::stream::Direction::ClientToServer;

use support::conversation::Conversation;
use support::layout::interleaved;
use support::seen::borrowed;
use support::testkit::frame::frame;
use support::testkit::packet;
use support::testkit::packet::ETHERNET;
use support::testkit::packet::RAW_IP;
use support::testkit::random::Random;
use support::testkit::traffic::TestPacket;
use support::testkit::traffic::TestTraffic;

/// The limit of these tests, in bytes.
const LIMIT: usize = 4 << 20;

/// Connections, each of which would keep at least [`LOAD`] bytes.
const CONNECTIONS: u16 = 500;

/// Bytes that a connection would keep.
const LOAD: usize = 40_000;

/// What an open connection costs that keeps nothing of the network, in bytes: TCP, layers, the state of the
/// rules. The budget does not count it; the number of open connections is limited instead.
const CONNECTION: usize = 6 << 10;

/// What a capture costs whatever is in it, and what one packet may add before something is dropped, in bytes.
const FIXED: usize = 1 << 20;

#[test]
fn heads_that_never_end_take_no_more_than_the_limit() {
    assert_bounded(
        "unfinished heads",
        &interleaved(CONNECTIONS, |line, _| {
            line.segment(
                ClientToServer,
                b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n",
            );
            in_segments(line, &b"X-Padding: zzzzzzzzzzzzzzzzzzzzzz\r\n".repeat(LOAD / 34));
        }),
        ETHERNET,
    );
}

#[test]
fn requests_without_responses_take_no_more_than_the_limit() {
    assert_bounded(
        "waiting requests",
        &interleaved(CONNECTIONS, |line, _| {
            line.segment(
                ClientToServer,
                b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n",
            );
            in_segments(line, &b"X-Padding: zzzzzzzzzzzzzzzzzzzzzz\r\n".repeat(LOAD / 34));
            line.segment(ClientToServer, b"\r\n");
        }),
        ETHERNET,
    );
}

#[test]
fn unfinished_messages_take_no_more_than_the_limit() {
    assert_bounded(
        "unfinished messages",
        &interleaved(CONNECTIONS, |line, _| {
            for (direction, bytes) in &Conversation::plain("unfinished").turns {
                line.segment(*direction, bytes);
            }
            in_segments(line, &frame(0x01, Some([1, 2, 3, 4]), &vec![b'a'; LOAD]));
        }),
        ETHERNET,
    );
}

#[test]
fn histories_of_compression_take_no_more_than_the_limit() {
    let mut conversation = Conversation::deflated("histories");
    let noise = Random(7).bytes(LOAD);
    conversation.say_deflated(ClientToServer, &noise, 1);
    assert_bounded(
        "histories",
        &interleaved(CONNECTIONS, |line, _| {
            for (direction, bytes) in &conversation.turns {
                for segment in bytes.chunks(1_400) {
                    line.segment(*direction, segment);
                }
            }
        }),
        ETHERNET,
    );
}

#[test]
fn handshakes_of_tls_take_no_more_than_the_limit() {
    // The header of a ClientHello of 50,000 bytes that never ends.
    let hello = [&[1, 0x00, 0xc3, 0x50][..], &vec![0; LOAD]].concat();
    assert_bounded(
        "TLS handshakes",
        &interleaved(CONNECTIONS, |line, _| {
            for part in hello.chunks(1_300) {
                let length = u16::try_from(part.len()).unwrap().to_be_bytes();
                line.segment(ClientToServer, &[&[22, 3, 1][..], &length, part].concat());
            }
        }),
        ETHERNET,
    );
}

#[test]
fn fragments_take_no_more_than_the_limit() {
    let payload = vec![0; LOAD + 8];
    let fragments = (0..CONNECTIONS).flat_map(|id| {
        let payload = &payload;
        (0..LOAD).step_by(1_480).map(move |at| {
            let range = at..(at + 1_480).min(LOAD);
            let bytes = packet::ipv4_fragment(packet::TCP, id, payload, range);
            let (original_length, direction) = (bytes.len(), ClientToServer);
            TestPacket { time: 0, bytes, original_length, direction, payload: 0 }
        })
    });
    assert_bounded("fragments", &fragments.collect::<Vec<_>>(), RAW_IP);
}

/// Checks the most memory that packets take with a limit, and that they take much more without one.
fn assert_bounded(name: &str, packets: &[TestPacket], link_type: u32) {
    let limited = peak(packets, link_type, LIMIT);
    let free = peak(packets, link_type, usize::MAX);
    let bound = LIMIT + FIXED + usize::from(CONNECTIONS) * CONNECTION;
    assert!(free > bound + LIMIT, "{name}: {free} bytes are no load");
    assert!(limited <= bound, "{name}: {limited} bytes, at most {bound}");
}

/// The most memory that reading packets takes at a time, in bytes.
fn peak(packets: &[TestPacket], link_type: u32, memory: usize) -> usize {
    let info = allocation_counter::measure(|| {
        let limits = Limits { memory, ..Limits::default() };
        // As with a filter that asks for contents.
        let options = AnalyzerOptions { keep: 1 << 20, limits, ..AnalyzerOptions::default() };
        let mut pipeline = Pipeline::new(options, Settings::default());
        for (packet, number) in packets.iter().zip(1..) {
            pipeline.push(&borrowed(packet, number, link_type), &mut NoJournal);
        }
        pipeline.finish(&Reading::default(), &mut NoJournal);
    });
    info.bytes_max as usize
}

/// Takes entries and keeps nothing.
struct NoJournal;

impl Journal for NoJournal {
    fn entry(&mut self, _: &Entry<'_>) {}
}

fn in_segments(line: &mut TestTraffic, bytes: &[u8]) {
    for segment in bytes.chunks(1_400) {
        line.segment(ClientToServer, segment);
    }
}
