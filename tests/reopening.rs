//! What is opened from the timeline is what the analyzer saw, whatever became of the packets.

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

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use wslens::capture;
use wslens::capture::FileStore;
use wslens::capture::Spool;
use wslens::findings::Reading;
use wslens::findings::Settings;
use wslens::pipeline::Pipeline;
use wslens::stream::Direction;
use wslens::stream::PerDirection;
use wslens::stream::Side;
use wslens::timeline::OpenError;
use wslens::timeline::OpenLimits;
use wslens::timeline::Opener;
use wslens::timeline::ResumePoints;
use wslens::timeline::RowId;
use wslens::timeline::RowKind;
use wslens::timeline::RowScope;
use wslens::timeline::open;
use wslens::websocket::Opcode;

use support::conversation::Conversation;
use support::conversation::chat;
use support::conversation::deflated;
use support::conversation::fragmented;
use support::conversation::large;
use support::layout::Ending;
use support::layout::Layout;
use support::layout::OPENING;
use support::layout::packets;
use support::reopened::Both;
use support::reopened::Memory;
use support::reopened::assert_reopens;
use support::reopened::record;
use support::seen::keeping;
use support::testkit::random::Random;
use support::testkit::traffic::TestPacket;

#[test]
fn every_row_of_every_sample_opens_to_what_was_seen() {
    let samples = samples();
    assert!(samples.len() > 30, "{samples:?}");
    for path in samples {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let spool = Spool::new(Spool::LIMIT).unwrap();
        let spooled = read(&path, Some(&spool));
        assert_reopens(&spooled, &spool, &format!("{name}, spooled"));
        match FileStore::open(&path).unwrap() {
            Some(store) => assert_reopens(&read(&path, None), &store, &name),
            None => assert!(name.ends_with(".gz") || name.ends_with(".zst"), "{name}"),
        }
    }
}

#[test]
fn segments_of_any_size_open() {
    for size in [1, 2, 7, 100, 1448, 65_000] {
        for conversation in short() {
            let layout = Layout { segments: vec![size], ..Layout::default() };
            assert_opens(&packets(&conversation, &layout), &format!("segments of {size}"));
        }
    }
}

#[test]
fn large_messages_open() {
    assert_opens(&packets(&large(), &Layout::default()), "large");
}

#[test]
fn shuffled_packets_open() {
    for conversation in short() {
        for seed in 0..40 {
            let mut random = Random(seed);
            let layout = Layout { segments: vec![20 + random.below(200)], ..Layout::default() };
            let mut carried = packets(&conversation, &layout);
            for window in carried[OPENING..].chunks_mut(8) {
                random.shuffle(window);
            }
            assert_opens(&carried, &format!("shuffled with seed {seed}"));
        }
    }
}

#[test]
fn packets_that_come_twice_open() {
    for conversation in short() {
        for distance in [0, 1, 3, 7] {
            let layout = Layout { segments: vec![70], ..Layout::default() };
            let once = packets(&conversation, &layout);
            let mut twice: Vec<TestPacket> = Vec::new();
            for (index, packet) in once.iter().enumerate() {
                twice.push(packet.clone());
                if let Some(earlier) = index.checked_sub(distance) {
                    twice.push(once[earlier].clone());
                }
            }
            assert_opens(&twice, &format!("every packet again, {distance} packets later"));
        }
    }
}

#[test]
fn lost_and_late_packets_open_as_they_were_reported() {
    for conversation in short().into_iter().chain([large(), long_deflated()]) {
        for seed in 0..if cfg!(debug_assertions) { 15 } else { 100 } {
            let mut random = Random(seed);
            let layout = Layout { segments: vec![20 + random.below(400)], ..Layout::default() };
            let mut carried = packets(&conversation, &layout);
            for _ in 0..1 + random.below(4) {
                let lost = OPENING + random.below(carried.len() - OPENING);
                let packet = carried.remove(lost);
                // Some come so late that they were given up before.
                if random.below(2) == 0 {
                    let late = (lost + 5 + random.below(60)).min(carried.len());
                    carried.insert(late, packet);
                }
            }
            // Time enough that holes are given up.
            for (packet, index) in carried.iter_mut().zip(0..) {
                packet.time = layout.time + index * 20_000_000;
            }
            assert_opens(&carried, &format!("{}, seed {seed}", conversation.name));
        }
    }
}

#[test]
fn bytes_that_come_after_they_were_given_up_stay_missing() {
    let mut conversation = Conversation::plain("late");
    let content = Random(9).bytes(30_000);
    conversation.say(Direction::ClientToServer, Opcode::Binary, &content);
    let mut line = Layout::default().open();
    line.segment(Direction::ClientToServer, &conversation.turns[0].1);
    line.segment(Direction::ServerToClient, &conversation.turns[1].1);
    let sent = &conversation.turns[2].1;
    for (index, segment) in sent.chunks(500).enumerate() {
        match index {
            4 => line.skip(Direction::ClientToServer, 500),
            _ => line.segment(Direction::ClientToServer, segment),
        };
        if index == 50 {
            let back = 46 * 500 + 500;
            line.again(Direction::ClientToServer, back, &sent[4 * 500..5 * 500]);
        }
        line.acknowledge(Direction::ServerToClient);
    }
    line.end(Side::Server);
    for (packet, index) in line.packets.iter_mut().zip(0..) {
        packet.time += index * 20_000_000;
    }
    let both = record(&line.packets, keeping());
    let [message] = both.messages.as_slice() else { panic!("{:?}", both.messages) };
    assert!(content.starts_with(&message.content) && message.content.len() < 2_000);
    let memory = Memory::new(&line.packets);
    assert_reopens(&both, &memory, "a late packet");
    let rows = (0..both.timeline.rows()).filter_map(|id| both.timeline.row(RowId(id)));
    let row = rows.into_iter().find(|row| row.is_message()).unwrap();
    let opened = open(&both.timeline, row.id, &memory, OpenLimits::default()).unwrap();
    assert_eq!(opened.wire.len(), sent.len() - 500);
}

#[test]
fn captures_that_begin_later_open() {
    for conversation in short().into_iter().chain([long_deflated()]) {
        for ports in [(50_000, 8_080), (80, 50_000)] {
            for first in [OPENING, OPENING + 2, OPENING + 5, OPENING + 9] {
                let layout = Layout { segments: vec![90], ports, ..Layout::default() };
                let carried = packets(&conversation, &layout);
                assert_opens(&carried[first..], &format!("{} from {first}", conversation.name));
            }
        }
    }
}

#[test]
fn streams_beyond_the_numbers_of_tcp_open() {
    let start = PerDirection { client: u32::MAX - 500, server: u32::MAX - 70 };
    for conversation in short() {
        let layout = Layout { start, segments: vec![61], ..Layout::default() };
        assert_opens(&packets(&conversation, &layout), "numbers that wrap around");
    }
}

#[test]
fn connections_that_are_cut_off_open() {
    for conversation in short().into_iter().chain([large()]) {
        for ending in [Ending::Reset, Ending::Open] {
            let layout = Layout { ending, segments: vec![300], ..Layout::default() };
            let carried = packets(&conversation, &layout);
            for length in (OPENING..carried.len()).step_by(1 + carried.len() / 40) {
                assert_opens(&carried[..length], &format!("the first {length} packets"));
            }
        }
    }
}

#[test]
fn compressed_messages_far_into_a_stream_open_without_all_that_is_before() {
    let conversation = very_long_deflated();
    let carried = packets(&conversation, &Layout::default());
    let both = record(&carried, keeping());
    let store = Memory::new(&carried);
    let timeline = &both.timeline;
    let mut most = 0;
    for number in 0..timeline.rows() {
        let row = timeline.row(RowId(number)).unwrap();
        if !row.is_message() || number % 29 != 0 {
            continue;
        }
        store.asked.set(0);
        let opened = open(timeline, row.id, &store, OpenLimits::default()).unwrap();
        let told = both
            .messages
            .iter()
            .find(|told| told.offset == row.offset && Some(told.direction) == row.direction);
        assert!(opened.content == told.unwrap().content, "{row:?}");
        most = most.max(store.asked.get());
    }
    let payload: usize = carried.iter().map(|packet| packet.payload).sum();
    assert!(payload > 20 << 20, "{payload} bytes are too few to show anything");
    // Eight MiB between two places where decoding can start, and the message.
    assert!(most < 6_500, "{most} of {} packets", carried.len());
    assert!(most > 1_000, "{most} packets: nothing is decoded from before");
}

#[test]
fn limits_cut_what_is_opened_and_what_is_read() {
    let carried = packets(&large(), &Layout::default());
    let both = record(&carried, keeping());
    let store = Memory::new(&carried);
    let timeline = &both.timeline;
    let longest = (0..timeline.rows()).filter_map(|id| timeline.row(RowId(id)));
    let row = longest.max_by_key(|row| row.length).unwrap();
    assert_eq!(row.length, 200_000);
    let limits = OpenLimits { content: 1_000, wire: 5_000, ..OpenLimits::default() };
    let opened = open(timeline, row.id, &store, limits).unwrap();
    assert!(opened.cut);
    assert_eq!((opened.content.len(), opened.wire.len()), (1_000, 5_000));
    assert!(store.asked.get() <= 5, "{} packets", store.asked.get());
    let enough = OpenLimits { content: 200_000, wire: 1 << 20, ..OpenLimits::default() };
    assert!(!open(timeline, row.id, &store, enough).unwrap().cut);
}

#[test]
fn messages_in_several_frames_have_rows_for_both_views() {
    let carried = packets(&fragmented(), &Layout::default());
    let both = record(&carried, keeping());
    let rows: Vec<_> =
        (0..both.timeline.rows()).filter_map(|id| both.timeline.row(RowId(id))).collect();
    let count = |scope| rows.iter().filter(|row| row.scope == scope).count();
    // 700 bytes in frames of 150 and of 90, and 3 of 1.
    assert_eq!((count(RowScope::Messages), count(RowScope::Frames)), (3, 5 + 8 + 3));
    for row in rows.iter().filter(|row| row.scope == RowScope::Frames) {
        let RowKind::Frame { fin, rsv, opcode } = row.kind else { panic!("{row:?}") };
        assert!(rsv == 0 && (opcode == 0 || (opcode == 2 && !fin)), "{row:?}");
    }
}

#[test]
fn pings_know_their_pongs_and_requests_their_responses() {
    let carried = packets(&chat(), &Layout::default());
    let both = record(&carried, keeping());
    let timeline = &both.timeline;
    let rows: Vec<_> = (0..timeline.rows()).filter_map(|id| timeline.row(RowId(id))).collect();
    let one = |kind| rows.iter().find(|row| row.kind == kind).unwrap();
    for (question, answer) in [
        (RowKind::Message(Opcode::Ping), RowKind::Message(Opcode::Pong)),
        (RowKind::Request, RowKind::Response(101)),
    ] {
        let (question, answer) = (one(question), one(answer));
        assert_eq!((question.partner, answer.partner), (Some(answer.id), Some(question.id)));
    }
    let connection = &timeline.connections()[0];
    assert_eq!(connection.path.as_deref(), Some("/chat"));
    assert_eq!(connection.round_trips.server.count, 1);
    assert!(connection.round_trips.server.least > 0);
    assert_eq!(
        connection.messages.client.all(),
        both.messages.iter().filter(is_client).count() as u64
    );
    assert_eq!(timeline.rows_of(connection.id).len(), rows.len());
}

#[test]
fn packets_in_fragments_open() {
    for conversation in short() {
        let whole = packets(&conversation, &Layout { segments: vec![400], ..Layout::default() });
        let mut carried = Vec::new();
        for (packet, number) in whole.iter().zip(1_u16..) {
            carried.extend(fragments(packet, number));
        }
        // Those of two datagrams between one another.
        for window in carried[4 * OPENING..].chunks_mut(4) {
            window.reverse();
        }
        let both = record(&carried, keeping());
        assert_eq!(
            both.messages.len(),
            conversation.said.client.len() + conversation.said.server.len()
        );
        assert_reopens(&both, &Memory::new(&carried), "fragments");
    }
}

#[test]
fn damaged_packets_open_as_they_were_reported() {
    for conversation in short().into_iter().chain([long_deflated()]) {
        for seed in 0..if cfg!(debug_assertions) { 20 } else { 300 } {
            let mut random = Random(seed);
            let layout = Layout { segments: vec![20 + random.below(400)], ..Layout::default() };
            let mut carried = packets(&conversation, &layout);
            for _ in 0..1 + random.below(8) {
                let at = random.below(carried.len());
                let bytes = &mut carried[at].bytes;
                let place = random.below(bytes.len());
                bytes[place] ^= 1 << random.below(8);
                if random.below(4) == 0 {
                    bytes.truncate(place);
                }
            }
            assert_opens(&carried, &format!("{}, damaged with seed {seed}", conversation.name));
        }
    }
}

#[test]
fn rows_opened_in_their_order_are_decoded_once() {
    let carried = packets(&long_deflated(), &Layout { segments: vec![40], ..Layout::default() });
    let both = record(&carried, keeping());
    let store = Memory::new(&carried);
    let rows = (0..both.timeline.rows()).map(RowId);
    let mut opener = Opener::new(&store, OpenLimits::default());
    for row in rows.clone() {
        opener.open(&both.timeline, row).unwrap();
    }
    let in_order = store.asked.replace(0);
    for row in rows {
        open(&both.timeline, row, &store, OpenLimits::default()).unwrap();
    }
    let one_by_one = store.asked.get();
    let with_payload = carried.iter().filter(|packet| packet.payload > 0).count() as u64;
    assert!(in_order < 4 * with_payload, "{in_order} of {with_payload} packets");
    assert!(one_by_one > 20 * with_payload, "{one_by_one} of {with_payload} packets");
}

#[test]
fn a_row_far_from_where_decoding_starts_is_opened_in_parts() {
    let carried = packets(&long_deflated(), &Layout { segments: vec![40], ..Layout::default() });
    let both = record(&carried, keeping());
    let store = Memory::new(&carried);
    let mut rows = (0..both.timeline.rows()).rev().map(RowId);
    let is_compressed = |row: &RowId| both.timeline.row(*row).is_some_and(|row| row.compressed);
    let last = rows.find(is_compressed).unwrap();
    let whole = open(&both.timeline, last, &store, OpenLimits::default()).unwrap();
    let all = store.asked.replace(0);
    let (mut resume_points, mut parts, mut most) = (ResumePoints::default(), 0, 0);
    let opened = loop {
        let mut opener = Opener::resume(&store, OpenLimits::default(), resume_points, 500);
        let before = store.asked.get();
        let opened = opener.try_open(&both.timeline, last).unwrap();
        most = most.max(store.asked.get() - before);
        parts += 1;
        match opened {
            Some(opened) => break opened,
            None => assert!(opener.is_out_of_budget(), "part {parts}"),
        }
        resume_points = opener.into_resume_points();
    };
    assert_eq!(opened.content, whole.content);
    assert!(parts > 10, "{parts}");
    assert!(most < all / 5, "{most} packets of {all} for one part");
    assert!(store.asked.get() < 2 * all, "{} packets where {all} are enough", store.asked.get());
}

#[test]
fn a_capture_that_has_changed_is_reported() {
    let carried = packets(&chat(), &Layout::default());
    let both = record(&carried, keeping());
    let mut changed = carried;
    for packet in &mut changed {
        packet.bytes[12..14].fill(0);
    }
    let store = Memory::new(&changed);
    let rows = (0..both.timeline.rows()).filter_map(|id| both.timeline.row(RowId(id)));
    for row in rows.filter(|row| row.is_message()) {
        let outcome = open(&both.timeline, row.id, &store, OpenLimits::default());
        assert!(matches!(outcome, Err(OpenError::Changed(_))), "{outcome:?}");
    }
    let none = open(&both.timeline, RowId(9_999), &store, OpenLimits::default());
    assert!(matches!(none, Err(OpenError::NoRow(_))));
}

/// Cuts a packet of IPv4 in two, where it is large enough.
fn fragments(packet: &TestPacket, identification: u16) -> Vec<TestPacket> {
    let (headers, datagram) = packet.bytes.split_at(ETHERNET + IP);
    if datagram.len() < 40 {
        return vec![packet.clone()];
    }
    let half = datagram.len() / 16 * 8;
    let parts = [(0, &datagram[..half], 0x20), (half, &datagram[half..], 0)];
    let made = parts.map(|(offset, part, more)| {
        let mut bytes = headers.to_vec();
        bytes[ETHERNET + 2..][..2].copy_from_slice(&((IP + part.len()) as u16).to_be_bytes());
        bytes[ETHERNET + 4..][..2].copy_from_slice(&identification.to_be_bytes());
        bytes[ETHERNET + 6..][..2].copy_from_slice(&((offset / 8) as u16).to_be_bytes());
        bytes[ETHERNET + 6] |= more;
        bytes.extend(part);
        TestPacket { bytes, ..packet.clone() }
    });
    made.to_vec()
}

/// Lengths of headers in bytes.
const ETHERNET: usize = 14;
const IP: usize = 20;

#[test]
fn a_ping_that_had_to_wait_for_a_hole_finds_its_pong() {
    let both = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/gap.pcap"), None);
    let rows = (0..both.timeline.rows()).filter_map(|id| both.timeline.row(RowId(id)));
    let rows: Vec<_> = rows.collect();
    let one = |opcode| rows.iter().find(|row| row.kind == RowKind::Message(opcode)).unwrap();
    let (ping, pong) = (one(Opcode::Ping), one(Opcode::Pong));
    assert!(pong.id < ping.id, "the Pong becomes known first");
    assert_eq!((ping.partner, pong.partner), (Some(pong.id), Some(ping.id)));
}

fn is_client(told: &&support::reopened::Told) -> bool {
    told.direction == Direction::ClientToServer
}

fn assert_opens(carried: &[TestPacket], what: &str) {
    let both = record(carried, keeping());
    assert_reopens(&both, &Memory::new(carried), what);
}

/// Conversations of some dozens of packets.
fn short() -> Vec<Conversation> {
    vec![chat(), fragmented(), deflated()]
}

/// Some hundred compressed messages, with plain ones and pings between them.
fn long_deflated() -> Conversation {
    let mut it = Conversation::deflated("long deflated");
    for number in 0..120 {
        let text =
            format!("{{\"number\":{number},\"sum\":{},\"topic\":\"news\"}}", number * number);
        for direction in Direction::BOTH {
            it.say_deflated(direction, text.repeat(1 + number % 5).as_bytes(), 1 + number % 3);
            if number % 7 == 0 {
                it.say(direction, Opcode::Ping, b"?");
                it.say(direction, Opcode::Text, b"plain");
            }
        }
    }
    it
}

/// Compressed messages that do not become much smaller.
fn very_long_deflated() -> Conversation {
    let mut it = Conversation::deflated("very long deflated");
    let mut random = Random(11);
    for number in 0..240 {
        // A letter for every four bits: compresses to half of its length.
        let letters = random.bytes(120_000).into_iter().map(|byte| b'a' + (byte & 15));
        it.say_deflated(Direction::ServerToClient, &letters.collect::<Vec<u8>>(), 1);
        it.say_deflated(Direction::ClientToServer, format!("got {number}").as_bytes(), 1);
        it.say(Direction::ServerToClient, Opcode::Binary, &random.bytes(40_000));
    }
    it
}

fn read(path: &Path, spool: Option<&Spool>) -> Both {
    let mut source = capture::open(path).unwrap();
    let mut both = Both::default();
    let mut pipeline = Pipeline::new(keeping(), Settings::default());
    while let Ok(Some(packet)) = source.next_packet() {
        let file_offset = spool.map_or(packet.file_offset, |spool| spool.push(&packet).unwrap());
        let packet = capture::Packet { file_offset, ..packet };
        both.timeline.packet(&packet);
        pipeline.push(&packet, &mut both);
    }
    pipeline.finish(&Reading::default(), &mut both);
    both
}

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut captures: Vec<_> =
        entries.filter(|path| path.to_string_lossy().contains(".pcap")).collect();
    captures.sort();
    captures
}
