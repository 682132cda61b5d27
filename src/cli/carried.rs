//! Proves that a layer may carry others: the same conversation, in the clear and in records of the test
//! cipher (`analysis/layers/cipher.rs`), is printed, checked, shown, opened again and filtered alike.

mod shown;

use serde_json::Value;

use crate::analysis::AnalyzerOptions;
use crate::analysis::cipher::{self, CipherState};
use crate::capture::{self, LinkType, PacketPlace, PacketStore};
use crate::findings::{Reading, Settings};
use crate::pipeline::Pipeline;
use crate::report::filtered::{Filtered, Intake};
use crate::report::ndjson::{Ndjson, NdjsonOptions};
use crate::report::{Detail, Listing, Report, Selection};
use crate::stream::Direction::{self, ClientToServer as C, ServerToClient as S};
use crate::stream::{PacketId, PerDirection, Side, Timestamp, length_u64};
use crate::testkit::frame::{masked, plain};
use crate::testkit::head;
use crate::testkit::traffic::{TestLink, TestPacket, TestTraffic};
use crate::timeline::filter::{Filter, Matcher};
use crate::timeline::{OpenLimits, Opener, RowId, RowKind, Timeline};
use crate::websocket::Digest;

/// Everything that both sides send, in its order.
fn conversation() -> Vec<(Direction, Vec<u8>)> {
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let long: Vec<u8> = (0..20_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    vec![
        (C, head::request(key, "")),
        (S, head::response(key, "")),
        (C, masked(0x81, b"Hello")),
        (S, [plain(0x81, b"Hello to you"), plain(0x89, b"there?")].concat()),
        (
            C,
            [masked(0x8a, b"there?"), masked(0x01, b"in three "), masked(0x00, b"frames")].concat(),
        ),
        (C, masked(0x80, b", the last")),
        (S, plain(0x82, &long)),
        // Two violations: a reserved bit, and a server that masks.
        (S, [plain(0xa1, b"a bit too many"), masked(0x81, b"masked")].concat()),
        (C, masked(0x88, b"\x03\xe8")),
        (S, plain(0x88, b"\x03\xe8")),
    ]
}

/// The records of one side, each with so many bytes in it.
fn encrypt(state: &mut CipherState, plain: &[u8], size: usize) -> Vec<u8> {
    let mut records = Vec::new();
    for part in plain.chunks(size) {
        records.push(cipher::MARK);
        records.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
        records.extend(part.iter().map(|byte| byte ^ state.key()));
        state.records = state.records.wrapping_add(1);
    }
    records
}

/// Which packet carries each byte of the conversation.
type Carriers = PerDirection<Vec<u64>>;

/// How the conversation is sent: `record` bytes in each record, if there are any, and `segment` bytes in
/// each packet.
fn send(record: Option<usize>, segment: usize) -> (Vec<TestPacket>, Carriers) {
    send_as(Wire::Sent, record, segment)
}

/// What the packets of a conversation contain.
#[derive(Clone, Copy)]
enum Wire {
    /// What is sent: records, if there are any.
    Sent,
    /// In each packet the bytes of the conversation that its part of the records contains, if any.
    Clear,
}

fn send_as(wire: Wire, record: Option<usize>, segment: usize) -> (Vec<TestPacket>, Carriers) {
    let mut traffic = TestTraffic::new(TestLink::Ethernet);
    let (mut states, mut carriers) = (PerDirection::default(), Carriers::default());
    traffic.open();
    for (direction, said) in conversation() {
        let (sent, size) = match record {
            Some(size) => (encrypt(states.get_mut(direction), &said, size), size),
            None => (said.clone(), usize::MAX),
        };
        // In a record, three bytes come before the others.
        let place = |at: usize| if record.is_some() { at + 3 * (at / size + 1) } else { at };
        let places: Vec<usize> = (0..said.len()).map(place).collect();
        let first = traffic.packets.len();
        let packet = |place: &usize| length_u64(first + place / segment + 1);
        carriers.get_mut(direction).extend(places.iter().map(packet));
        for (part, start) in sent.chunks(segment).zip((0..).step_by(segment)) {
            let index = |place| places.partition_point(|it| *it < place);
            let part = match wire {
                Wire::Sent => part,
                Wire::Clear => &said[index(start)..index(start + segment)],
            };
            traffic.segment(direction, part);
        }
        traffic.acknowledge(direction.reverse());
    }
    traffic.end(Side::Server);
    (traffic.packets, carriers)
}

fn borrowed(packet: &TestPacket, number: u64) -> capture::Packet<'_> {
    capture::Packet {
        id: PacketId(number + 1),
        time: Timestamp(packet.time),
        link_type: LinkType(TestLink::Ethernet.number()),
        original_length: u32::try_from(packet.original_length).unwrap(),
        bytes: &packet.bytes,
        interface: 0,
        file_offset: number,
    }
}

fn options() -> AnalyzerOptions {
    AnalyzerOptions { keep: 1 << 20, ..AnalyzerOptions::default() }
}

/// What `print --format ndjson --frames --findings` writes, perhaps with a filter.
fn print(packets: &[TestPacket], filter: Option<&str>) -> Vec<Value> {
    let mut out = Vec::new();
    let selection = Selection::default();
    let (detail, findings, max_payload) = (Detail::Frames, Listing::Yes, 1 << 20);
    let options = NdjsonOptions { selection: selection.clone(), detail, findings, max_payload };
    let mut report = Ndjson::new(&mut out, options);
    match filter {
        None => run(packets, &mut report),
        Some(filter) => {
            let intake = Intake { selection, detail, keep: max_payload, digest: Digest::Unwanted };
            run(
                packets,
                &mut Filtered::new(
                    &mut report,
                    Matcher::new(Filter::parse(filter).unwrap()),
                    intake,
                ),
            );
        }
    }
    drop(report);
    let lines = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn run(packets: &[TestPacket], report: &mut impl Report) {
    let mut pipeline = Pipeline::new(options(), Settings::default());
    for (packet, number) in packets.iter().zip(0..) {
        pipeline.push(&borrowed(packet, number), report);
    }
    let summary = pipeline.finish(&Reading::default(), report);
    report.finish(&summary).unwrap();
}

fn of_type<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == name).collect()
}

/// A line without the numbers of its packets and its time.
fn content(line: &Value) -> Value {
    let mut line = line.clone();
    for field in ["packets", "time", "duration_ms", "evidence", "bytes", "byte_counts", "closed"] {
        line.as_object_mut().unwrap().remove(field);
    }
    line
}

/// The conversation through so many proxies, each of which is asked for a tunnel.
fn tunneled(proxies: usize) -> Vec<TestPacket> {
    let mut traffic = TestTraffic::new(TestLink::Ethernet);
    traffic.open();
    for _ in 0..proxies {
        traffic.client(b"CONNECT example.org:80 HTTP/1.1\r\nHost: example.org:80\r\n\r\n");
        traffic.server(b"HTTP/1.1 200 OK\r\n\r\n");
    }
    for (direction, said) in conversation() {
        match direction {
            C => traffic.client(&said),
            S => traffic.server(&said),
        };
    }
    traffic.end(Side::Server);
    traffic.packets
}

#[test]
fn tunnels_may_be_in_tunnels() {
    let direct = tunneled(0);
    let lines = print(&direct, None);
    for proxies in [1, 2, 16] {
        let packets = tunneled(proxies);
        let inner = print(&packets, None);
        let before = packets.len() - direct.len();
        for name in ["message", "frame"] {
            let (inner, outer) = (of_type(&inner, name), of_type(&lines, name));
            assert_eq!(inner.len(), outer.len(), "{proxies}: {name}");
            for (inner, outer) in inner.into_iter().zip(outer) {
                let shift = |it: &Value| it.as_u64().unwrap() + length_u64(before);
                let shifted = outer["packets"].as_array().unwrap().iter().map(shift);
                assert_eq!(inner["packets"], shifted.collect::<Value>(), "{proxies}: {inner}");
            }
        }
        let timeline = record(&packets);
        let store = Store(&packets);
        let mut opener = Opener::new(&store, OpenLimits::default());
        let opened = (0..timeline.rows()).map(|row| opener.open(&timeline, RowId(row)).unwrap());
        assert!(opened.into_iter().any(|it| it.content == b"Hello"), "{proxies}");
    }
    assert_eq!(of_type(&print(&tunneled(17), None), "message").len(), 0, "no more than 16");
}

struct Store<'p>(&'p [TestPacket]);

impl PacketStore for Store<'_> {
    fn read(&self, place: &PacketPlace, into: &mut Vec<u8>) -> Result<(), capture::Error> {
        into.clear();
        into.extend_from_slice(&self.0[usize::try_from(place.offset).unwrap()].bytes);
        Ok(())
    }
}

fn record(packets: &[TestPacket]) -> Timeline {
    let mut timeline = Timeline::default();
    let mut pipeline = Pipeline::new(options(), Settings::default());
    for (packet, number) in packets.iter().zip(0..) {
        let packet = borrowed(packet, number);
        timeline.packet(&packet);
        pipeline.push(&packet, &mut timeline);
    }
    pipeline.finish(&Reading::default(), &mut timeline);
    timeline
}

/// Records and segments of many sizes: several records in a packet, records over several packets, frames
/// over several records.
const LAYOUTS: &[(usize, usize)] =
    &[(60_000, 60_000), (16, 1_448), (100, 1_448), (1_000, 90), (7, 50), (3_000, 1_448), (1, 4)];

#[test]
fn one_record_in_each_packet_changes_nothing_that_is_printed() {
    let (clear, _) = send(None, 60_000);
    let (hidden, _) = send(Some(60_000), 60_000);
    let (clear, hidden) = (print(&clear, None), print(&hidden, None));
    for name in ["handshake", "frame", "message", "finding"] {
        assert_eq!(of_type(&hidden, name), of_type(&clear, name), "{name}");
    }
    assert!(of_type(&clear, "finding").len() >= 2, "the violations are found");
    assert_eq!(of_type(&clear, "connection").len(), of_type(&hidden, "connection").len());
}

#[test]
fn frames_name_the_packets_that_carried_them_however_they_are_cut() {
    let (clear, _) = send(None, 60_000);
    let clear = print(&clear, None);
    for (record, segment) in LAYOUTS {
        let what = format!("records of {record} in segments of {segment}");
        let (packets, carriers) = send(Some(*record), *segment);
        let lines = print(&packets, None);
        for name in ["handshake", "message", "frame", "finding"] {
            let bare = |lines: &[Value]| of_type(lines, name).into_iter().map(content).collect();
            let (hidden, clear): (Vec<_>, Vec<_>) = (bare(&lines), bare(&clear));
            assert_eq!(hidden, clear, "{what}: {name}");
        }
        for frame in of_type(&lines, "frame") {
            let number = |field: &str| usize::try_from(frame[field].as_u64().unwrap()).unwrap();
            let direction = if frame["direction"] == "client_to_server" { C } else { S };
            let start = number("offset");
            let end = start + number("header_length") + number("length");
            let carriers = carriers.get(direction);
            let expected = [carriers[start], carriers[end - 1]];
            assert_eq!(frame["packets"], serde_json::json!(expected), "{what}: {frame}");
        }
    }
}

#[test]
fn filters_choose_the_same_lines() {
    let (clear, _) = send(None, 60_000);
    for filter in [
        "text contains \"Hello\"",
        "opcode == ping",
        "rule",
        "length > 1000 and from == server",
        "close_code == 1000",
    ] {
        let expected = print(&clear, Some(filter));
        let expected: Vec<_> = of_type(&expected, "message").into_iter().map(content).collect();
        assert!(!expected.is_empty(), "{filter}");
        for (record, segment) in LAYOUTS {
            let lines = print(&send(Some(*record), *segment).0, Some(filter));
            let lines: Vec<_> = of_type(&lines, "message").into_iter().map(content).collect();
            assert_eq!(lines, expected, "{filter}, {record}, {segment}");
        }
    }
}

#[test]
fn rows_are_opened_again_through_the_same_layers() {
    let (clear, _) = send(None, 60_000);
    let shown = record(&clear);
    for (record_size, segment) in LAYOUTS {
        let what = format!("records of {record_size} in segments of {segment}");
        let (packets, carriers) = send(Some(*record_size), *segment);
        let timeline = record(&packets);
        assert_eq!(timeline.rows(), shown.rows(), "{what}");
        let (clear, hidden) = (Store(&clear), Store(&packets));
        let limits = OpenLimits::default();
        let (mut clear, mut hidden) = (Opener::new(&clear, limits), Opener::new(&hidden, limits));
        for number in 0..shown.rows() {
            let row = timeline.row(RowId(number)).unwrap();
            let (opened, expected) = (
                hidden.open(&timeline, row.id).unwrap(),
                clear.open(&shown, RowId(number)).unwrap(),
            );
            assert_eq!(opened.wire, expected.wire, "{what}: bytes of {row:?}");
            assert_eq!(opened.content, expected.content, "{what}: content of {row:?}");
            assert_eq!(opened.frames.len(), expected.frames.len(), "{what}: {row:?}");
            let Some(direction) = row.direction else { continue };
            for piece in &opened.pieces {
                let at = usize::try_from(piece.offset).unwrap();
                let carried = carriers.get(direction)[at];
                assert_eq!(piece.packet.0, carried, "{what}: {piece:?} of {row:?}");
            }
            let carries = matches!(row.kind, RowKind::Message(_) | RowKind::Request);
            assert!(!carries || !opened.wire.is_empty(), "{what}: {row:?}");
        }
    }
}
