//! A timeline and the events that a sink receives, and the comparison of both.

use std::cell::Cell;
use std::collections::HashMap;

use wslens::analysis::AnalyzerOptions;
use wslens::analysis::PayloadPacket;
use wslens::analysis::event::Connection;
use wslens::capture;
use wslens::capture::PacketPlace;
use wslens::capture::PacketStore;
use wslens::findings::Reading;
use wslens::findings::Settings;
use wslens::journal::Entry;
use wslens::journal::EntryKind;
use wslens::journal::Found;
use wslens::journal::Journal;
use wslens::pipeline::Pipeline;
use wslens::stream::Direction;
use wslens::timeline::OpenLimits;
use wslens::timeline::Opened;
use wslens::timeline::Opener;
use wslens::timeline::ResumePoints;
use wslens::timeline::Row;
use wslens::timeline::RowId;
use wslens::timeline::RowKind;
use wslens::timeline::RowScope;
use wslens::timeline::Timeline;
use wslens::timeline::open;
use wslens::websocket::DeflateEnding;
use wslens::websocket::Frame;
use wslens::websocket::FrameHeader;
use wslens::websocket::Inflation;
use wslens::websocket::Opcode;
use wslens::websocket::Utf8;

use super::seen::borrowed;
use super::testkit::packet::ETHERNET;
use super::testkit::traffic::TestPacket;

/// A message as the sink saw it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) opcode: Opcode,
    pub(crate) direction: Direction,
    pub(crate) offset: u64,
    frames: u64,
    compressed: bool,
    complete: bool,
    length: u64,
    wire_length: u64,
    pub(crate) content: Vec<u8>,
    inflation: Inflation,
    ending: DeflateEnding,
    utf8: Utf8,
    close_code: Option<u16>,
    packets: [u64; 2],
}

/// Where a frame starts: connection, direction, offset.
type FramePlace = (u64, Direction, u64);

/// Records a timeline, and keeps what it is recorded from.
#[derive(Debug, Default)]
pub(crate) struct Both {
    pub(crate) timeline: Timeline,
    pub(crate) messages: Vec<Told>,
    /// Header and payload bytes seen.
    frames: HashMap<FramePlace, (FrameHeader, u64)>,
    /// Raw heads, in the order in which they became known.
    requests: Vec<Vec<u8>>,
    responses: Vec<Vec<u8>>,
    findings: u64,
}

impl Journal for Both {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.timeline.entry(entry);
        let direction = entry.direction;
        match entry.kind {
            EntryKind::Frame(frame) => {
                let id = entry.connection.unwrap().id.0;
                let place = (id, direction.unwrap(), frame.span.start);
                self.frames.insert(place, (frame.header, frame.received));
            }
            EntryKind::Message(message) => self.messages.push(Told {
                opcode: message.opcode,
                direction: direction.unwrap(),
                offset: message.span.start,
                frames: message.frames,
                compressed: message.compressed,
                complete: message.complete,
                length: message.length,
                wire_length: message.wire_length,
                content: message.content.to_vec(),
                inflation: message.inflation,
                ending: message.ending,
                utf8: message.utf8,
                close_code: message.close.and_then(|close| close.code),
                packets: [message.span.first.packet.0, message.span.last.packet.0],
            }),
            EntryKind::Request(handshake) => {
                self.requests.extend(handshake.request.as_ref().map(|head| head.raw.clone()));
            }
            EntryKind::Response(handshake) => {
                self.responses.extend(handshake.response.as_ref().map(|head| head.raw.clone()));
            }
            EntryKind::Ended { folded, .. } => {
                self.findings += folded.iter().map(|folded| folded.count).sum::<u64>();
            }
            _ => {}
        }
    }

    fn takes_frame(&self, _: &Frame) -> bool {
        true
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        self.timeline.frame_started(connection, direction, frame);
    }

    fn finding(&mut self, found: &Found) {
        self.findings += 1;
        self.timeline.finding(found);
    }

    fn payload_packet(&mut self, packet: PayloadPacket<'_>) {
        self.timeline.payload_packet(packet);
    }
}

/// Packets in memory, which counts how often it is asked.
pub(crate) struct Memory<'p> {
    packets: &'p [TestPacket],
    pub(crate) asked: Cell<u64>,
}

impl<'p> Memory<'p> {
    pub(crate) fn new(packets: &'p [TestPacket]) -> Self {
        Self { packets, asked: Cell::new(0) }
    }
}

impl PacketStore for Memory<'_> {
    fn read(&self, place: &PacketPlace, into: &mut Vec<u8>) -> Result<(), capture::Error> {
        self.asked.set(self.asked.get() + 1);
        into.clear();
        into.extend_from_slice(&self.packets[place.offset as usize].bytes);
        assert_eq!(into.len(), place.length as usize, "{place:?}");
        Ok(())
    }
}

/// Records packets that come without a file.
pub(crate) fn record(packets: &[TestPacket], options: AnalyzerOptions) -> Both {
    record_with_key_log(packets, options, usize::MAX, "")
}

/// The same, where a key log gets lines after so many packets.
pub(crate) fn record_with_key_log(
    packets: &[TestPacket],
    options: AnalyzerOptions,
    late: usize,
    lines: &str,
) -> Both {
    let mut both = Both::default();
    let mut pipeline = Pipeline::new(options, Settings::default());
    for (packet, number) in packets.iter().zip(0..) {
        if late == usize::try_from(number).unwrap() {
            pipeline.learn_key_log(lines.as_bytes(), &mut both);
        }
        let packet = borrowed(packet, number + 1, ETHERNET);
        let packet = capture::Packet { file_offset: number, ..packet };
        both.timeline.packet(&packet);
        pipeline.push(&packet, &mut both);
    }
    pipeline.finish(&Reading::default(), &mut both);
    both
}

/// Opens every row, and compares it with what the sink received.
#[track_caller]
pub(crate) fn assert_reopens(both: &Both, store: &dyn PacketStore, what: &str) {
    let timeline = &both.timeline;
    let limits = OpenLimits { content: 1 << 30, wire: 1 << 30, ..OpenLimits::default() };
    // One that starts anew each time, and one that continues where it stopped.
    let mut opener = Opener::new(store, limits);
    let (mut messages, mut frames) = (both.messages.iter(), 0);
    let (mut requests, mut responses) = (both.requests.iter(), both.responses.iter());
    for number in 0..timeline.rows() {
        let row = timeline.row(RowId(number)).unwrap();
        let what = format!("{what}: row {row:?}");
        let opened =
            open(timeline, row.id, store, limits).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert!(!opened.cut, "{what}");
        assert_pieces(&opened, &what);
        assert_frames(both, &row, &opened, &what);
        match row.kind {
            RowKind::Message(_) => {
                let told = messages.next().unwrap_or_else(|| panic!("{what}: nobody told of it"));
                assert_row(&row, told, &what);
                assert_message(&opened, told, &what);
                assert_message(&opener.open(timeline, row.id).unwrap(), told, &what);
                if number % 40 == 0 {
                    // A message at a time.
                    let mut tired = Opener::resume(store, limits, ResumePoints::default(), 0);
                    assert_message(&tired.open(timeline, row.id).unwrap(), told, &what);
                }
            }
            RowKind::Frame { .. } => frames += 1,
            RowKind::Request => {
                let head = opened.handshake.unwrap().request.expect(&what);
                assert_eq!(Some(&head.raw), requests.next(), "{what}");
            }
            RowKind::Response(status) => {
                let head = opened.handshake.unwrap().response.expect(&what);
                assert_eq!(head.status(), Some(status), "{what}");
                assert_eq!(Some(&head.raw), responses.next(), "{what}");
            }
            _ => {}
        }
    }
    assert_eq!(messages.count() + requests.count() + responses.count(), 0, "{what}: without rows");
    let in_one = both.messages.iter().filter(|told| told.frames == 1).count();
    assert!(frames + in_one >= both.frames.len(), "{what}: frames without rows");
    let counts = timeline.counts();
    assert_eq!(counts.findings(), both.findings, "{what}: findings");
    for found in timeline.findings() {
        let shown = found.finding.connection.and_then(|id| timeline.connection(id));
        assert!(shown.is_none() || found.row.is_some(), "{what}: {found:?} has no row");
    }
}

fn assert_row(row: &Row, told: &Told, what: &str) {
    assert_eq!(row.kind, RowKind::Message(told.opcode), "{what}");
    assert_eq!(row.direction, Some(told.direction), "{what}");
    assert_eq!((row.offset, row.length), (told.offset, told.length), "{what}");
    assert_eq!((row.wire_length, row.frames), (told.wire_length, told.frames), "{what}");
    assert_eq!((row.compressed, row.complete), (told.compressed, told.complete), "{what}");
    assert_eq!(row.close_code, told.close_code, "{what}");
    assert_eq!([row.first.0, row.last.0], told.packets, "{what}");
}

fn assert_message(opened: &Opened, told: &Told, what: &str) {
    let facts = opened.message.unwrap_or_else(|| panic!("{what}: opened to no message"));
    // Contents may be long: they are not printed.
    assert!(opened.content == told.content, "{what}: contents differ");
    assert_eq!((facts.length, facts.complete), (told.length, told.complete), "{what}");
    assert_eq!((facts.inflation, facts.ending), (told.inflation, told.ending), "{what}");
    assert_eq!((facts.utf8, facts.close_code), (told.utf8, told.close_code), "{what}");
    if told.complete {
        let is_known = |opcode| Opcode::from_wire(opcode).is_some();
        let known = opened.frames.iter().filter(|frame| is_known(frame.header.opcode)).count();
        assert_eq!(known as u64, told.frames, "{what}: frames");
        let sum: usize = opened.frames.iter().map(|frame| frame.unmasked.len()).sum();
        assert_eq!(sum as u64, told.wire_length, "{what}: payload");
        if !told.compressed {
            let joined: Vec<u8> =
                opened.frames.iter().flat_map(|frame| frame.unmasked.iter().copied()).collect();
            assert!(joined == told.content, "{what}: payloads of frames are the content");
        }
    }
}

/// Packets carry what they are said to carry.
fn assert_pieces(opened: &Opened, what: &str) {
    let mut end = 0;
    for piece in &opened.pieces {
        assert_eq!(piece.range.start, end, "{what}");
        end = piece.range.end;
    }
    assert_eq!(end, opened.wire.len(), "{what}");
}

fn assert_frames(both: &Both, row: &Row, opened: &Opened, what: &str) {
    if row.scope != RowScope::Frames && row.is_message() && row.complete {
        assert!(!opened.frames.is_empty(), "{what}");
    }
    for frame in &opened.frames {
        let place = (row.connection.0, row.direction.unwrap(), frame.offset);
        let (header, received) = both.frames[&place];
        assert_eq!(frame.header, header, "{what}");
        assert_eq!(frame.unmasked.len() as u64, received, "{what}");
        assert_eq!(frame.payload_range.len() as u64, received, "{what}");
        let (_, again) =
            wslens::websocket::frame::frame_header(&opened.wire[frame.header_range.clone()])
                .unwrap();
        assert_eq!(again, header, "{what}");
    }
}
