//! What a timeline costs, and what it answers about many messages.

#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "tests make their own input and may panic"
)]

mod support;

use std::cell::Cell;

use allocation_counter::measure;
use wslens::analysis::AnalyzerOptions;
use wslens::analysis::event::ConnectionId;
use wslens::capture;
use wslens::capture::PacketPlace;
use wslens::capture::PacketStore;
use wslens::findings::Reading;
use wslens::findings::Settings;
use wslens::findings::Severity;
use wslens::pipeline::Pipeline;
use wslens::stream::Direction::ClientToServer;
use wslens::stream::Direction::ServerToClient;
use wslens::stream::Side;
use wslens::stream::Timestamp;
use wslens::timeline::Bucket;
use wslens::timeline::OpenLimits;
use wslens::timeline::RowId;
use wslens::timeline::RowKind;
use wslens::timeline::Timeline;
use wslens::timeline::open;
use wslens::websocket::Opcode;

use support::conversation::Conversation;
use support::layout::Layout;
use support::seen::borrowed;
use support::testkit::frame::frame;
use support::testkit::packet::ETHERNET;
use support::testkit::traffic::TestPacket;

/// Messages of the long capture.
const MESSAGES: u64 = 1_000_000;

/// Messages in a segment of it.
const TOGETHER: u64 = 50;

#[test]
fn a_million_messages_take_tens_of_bytes_each() {
    let mut timeline = Timeline::new();
    let mut packets = 0;
    let mut first = Vec::new();
    let info = measure(|| {
        let mut pipeline = Pipeline::new(AnalyzerOptions::default(), Settings::default());
        many(|packet| {
            push(packet, packets, &mut pipeline, &mut timeline);
            if packets == 4 {
                first = packet.bytes.clone();
            }
            packets += 1;
        });
        pipeline.finish(&Reading::default(), &mut timeline);
    });
    assert!(u64::from(timeline.rows()) >= MESSAGES);
    let each = timeline.memory() as f64 / f64::from(timeline.rows());
    assert!((44.0..54.0).contains(&each), "{each} bytes a row");
    let kept = info.bytes_current as f64 / f64::from(timeline.rows());
    assert!(kept < 56.0, "{kept} bytes a row are allocated in the end");
    let peak = info.bytes_max as f64 / f64::from(timeline.rows());
    assert!(peak < 64.0, "{peak} bytes a row at the worst time");

    // All its packets but the first look the same.
    let store = Same { bytes: first, asked: Cell::new(0) };
    for number in [10, timeline.rows() / 2, timeline.rows() - 10] {
        store.asked.set(0);
        open(&timeline, RowId(number), &store, OpenLimits::default()).ok();
        assert_eq!(store.asked.get(), 1, "row {number} reads its own packet only");
    }
}

#[test]
fn an_overview_of_many_messages_leaves_none_out() {
    let mut timeline = Timeline::new();
    let mut pipeline = Pipeline::new(AnalyzerOptions::default(), Settings::default());
    let mut packets = 0;
    many(|packet| {
        push(packet, packets, &mut pipeline, &mut timeline);
        packets += 1;
    });
    pipeline.finish(&Reading::default(), &mut timeline);
    let times = timeline.times().range();
    let all = Timestamp(times.0.0)..Timestamp(times.1.0 + 1);
    let one = [ConnectionId(1)];
    for of in [None, Some(&one[..])] {
        let buckets = timeline.density(all.clone(), 100, of);
        let sum: u64 = buckets.iter().map(|bucket| u64::from(bucket.entries.client)).sum();
        assert_eq!(sum, MESSAGES, "{of:?}");
        // They come evenly.
        let even = |bucket: &Bucket| (7_000..13_000).contains(&bucket.entries.client);
        let uneven = buckets.iter().filter(|bucket| !even(bucket)).count();
        assert!(uneven <= 2, "{of:?}: {buckets:?}");
    }
    // A short part is exact: every segment brings as many messages.
    let middle = all.start.0.midpoint(all.end.0);
    let part = Timestamp(middle)..Timestamp(middle + 10_000_000);
    for bucket in timeline.density(part, 50, None) {
        assert_eq!(u64::from(bucket.entries.client) % TOGETHER, 0);
    }
    let none = timeline.density(all, 100, Some(&[ConnectionId(7)]));
    assert!(none.iter().all(|bucket| *bucket == Bucket::default()));
}

#[test]
fn findings_know_their_rows_and_rows_their_findings() {
    let mut conversation = Conversation::plain("faults");
    // Unmasked; then a reserved opcode; then a text in two frames of which the second is unmasked.
    let mask = Some([1, 2, 3, 4]);
    conversation.bytes(ClientToServer, &frame(0x81, mask, b"fine"));
    conversation.bytes(ClientToServer, &frame(0x81, None, b"unmasked"));
    conversation.bytes(ClientToServer, &frame(0x83, Some([9, 8, 7, 6]), b"reserved"));
    conversation.bytes(ClientToServer, &frame(0x01, Some([5, 5, 7, 6]), b"first"));
    conversation.bytes(ClientToServer, &frame(0x89, Some([3, 8, 1, 6]), b"ping"));
    conversation.bytes(ClientToServer, &frame(0x80, None, b"second"));
    conversation.bytes(ServerToClient, &frame(0x81, None, b"all right"));
    let carried = support::layout::packets(&conversation, &Layout::default());
    let both = support::reopened::record(&carried, AnalyzerOptions::default());
    let timeline = &both.timeline;
    let told: Vec<_> = timeline
        .findings()
        .iter()
        .filter(|it| it.finding.rule.id.starts_with("WS-F"))
        .map(|it| {
            let kind = |row: Option<RowId>| row.map(|row| timeline.row(row).unwrap().kind);
            (it.finding.rule.id, kind(it.row).unwrap(), kind(it.frame))
        })
        .collect();
    let text = RowKind::Message(Opcode::Text);
    let part = |fin, opcode| RowKind::Frame { fin, rsv: 0, opcode };
    assert_eq!(
        told,
        [
            ("WS-F01", text, None),
            ("WS-F05", part(true, 3), Some(part(true, 3))),
            ("WS-F01", text, Some(part(true, 0))),
        ]
    );
    for id in (0..timeline.rows()).map(RowId) {
        let row = timeline.row(id).unwrap();
        let worst = timeline.findings_of(id).map(|it| it.finding.rule.severity).max();
        assert_eq!(row.worst, worst, "{row:?}");
    }
    let connection = &timeline.connections()[0];
    assert_eq!(connection.worst_severity(), Some(Severity::Error));
    let worst = timeline.row(connection.worst_row.unwrap()).unwrap();
    assert_eq!((worst.kind, worst.length), (text, 8), "the unmasked one is the first error");
    let range = Timestamp(0)..Timestamp(u64::MAX);
    assert_eq!(timeline.density(range, 1, None)[0].worst, Some(Severity::Error));
}

#[test]
fn what_is_counted_of_a_connection_covers_all_of_it() {
    let (pairs, ping, pong) = (9_000_u64, b"ping", b"pong");
    let mut conversation = Conversation::deflated("long");
    let mut deflated = 0;
    for number in 0..pairs {
        let mask = Some([1, 2, 3, 4]);
        let content = [&ping[..], &number.to_be_bytes()].concat();
        conversation.bytes(ClientToServer, &frame(0x89, mask, &content));
        conversation.bytes(ServerToClient, &frame(0x8a, None, &content));
        if number % 3_000 == 2_999 {
            conversation.say_deflated(ServerToClient, &pong.repeat(100), 1);
            deflated += 1;
        }
        if number == pairs / 2 {
            conversation.bytes(ClientToServer, &frame(0x88, mask, &1_000_u16.to_be_bytes()));
        }
    }
    let carried = support::layout::packets(&conversation, &Layout::default());
    let both = support::reopened::record(&carried, AnalyzerOptions::default());
    let timeline = &both.timeline;
    let connection = &timeline.connections()[0];
    let rows = timeline.rows_of(connection.id);
    let rows: Vec<_> = rows.iter().map(|id| timeline.row(*id).unwrap()).collect();

    let times = rows.iter().filter(|row| row.kind == RowKind::Message(Opcode::Ping)).map(|row| {
        let pong = timeline.row(row.partner.unwrap()).unwrap();
        pong.time.since(row.time)
    });
    let times: Vec<u64> = times.collect();
    assert_eq!(times.len() as u64, pairs);
    assert_eq!(connection.round_trips.client.count, pairs);
    let (steps, each) = connection.courses.client.steps(100);
    let expected: Vec<u64> =
        times.chunks(each as usize).map(|part| *part.iter().max().unwrap()).collect();
    assert_eq!(steps, expected, "each column is the longest of {each}");
    assert!((50..=100).contains(&steps.len()), "{}", steps.len());

    let saved = connection.saved.server;
    assert_eq!((saved.messages, saved.content), (deflated, deflated * 400));
    let wire: u64 = rows.iter().filter(|row| row.compressed).map(|row| row.wire_length).sum();
    assert_eq!(saved.wire, wire);
    assert_eq!(connection.saved.client, Default::default());

    let history = timeline.story_of(connection.id).unwrap().history();
    let closes = [&history.closes.client, &history.closes.server].into_iter().flatten();
    assert_eq!(closes.count(), 1, "a Close far from both ends is told");
    assert!(!timeline.counts_each(connection.id));
}

#[test]
fn connections_without_a_trace_of_websocket_are_not_shown() {
    let mut conversation = Conversation::plain("plain HTTP");
    conversation.turns.clear();
    for _ in 0..2_000 {
        conversation.bytes(ClientToServer, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        conversation.bytes(ServerToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    }
    let carried = support::layout::packets(&conversation, &Layout::default());
    let both = support::reopened::record(&carried, AnalyzerOptions::default());
    assert_eq!((both.timeline.rows(), both.timeline.connections().len()), (0, 0));
    assert!(both.timeline.memory() < 100_000, "{}", both.timeline.memory());
    assert_eq!(both.timeline.counts().packets, carried.len() as u64);
}

#[test]
fn an_upgrade_after_much_http_opens() {
    let mut conversation = Conversation::plain("upgrade after all");
    let handshake = std::mem::take(&mut conversation.turns);
    for _ in 0..2_000 {
        conversation.bytes(ClientToServer, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        conversation.bytes(ServerToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    }
    conversation.turns.extend(handshake);
    conversation.say(ClientToServer, Opcode::Text, b"hello");
    let carried = support::layout::packets(&conversation, &Layout::default());
    let both = support::reopened::record(&carried, support::seen::keeping());
    let store = support::reopened::Memory::new(&carried);
    support::reopened::assert_reopens(&both, &store, "upgrade after all");
    assert_eq!(both.messages.len(), 1);
}

/// Hands over the packets of a connection whose client sends short texts, many in a segment.
fn many(mut each: impl FnMut(&TestPacket)) {
    let conversation = Conversation::plain("many");
    let mut line = Layout::default().open();
    for (direction, bytes) in &conversation.turns {
        line.segment(*direction, bytes);
    }
    let text = frame(0x81, Some([0x37, 0xfa, 0x21, 0x3d]), b"Hello");
    let segment = text.repeat(TOGETHER as usize);
    for _ in 0..MESSAGES / TOGETHER {
        line.segment(ClientToServer, &segment);
        line.packets.drain(..).for_each(|packet| each(&packet));
    }
    line.end(Side::Server);
    line.packets.iter().for_each(each);
}

fn push(packet: &TestPacket, before: u64, pipeline: &mut Pipeline, timeline: &mut Timeline) {
    let packet = borrowed(packet, before + 1, ETHERNET);
    let file_offset = 40 + before * 620;
    let packet = capture::Packet { file_offset, ..packet };
    timeline.packet(&packet);
    pipeline.push(&packet, timeline);
}

/// Gives the same packet always.
struct Same {
    bytes: Vec<u8>,
    asked: Cell<u64>,
}

impl PacketStore for Same {
    fn read(&self, _: &PacketPlace, into: &mut Vec<u8>) -> Result<(), capture::Error> {
        self.asked.set(self.asked.get() + 1);
        into.clone_from(&self.bytes);
        Ok(())
    }
}
