//! What the analyzer takes from the allocator: nothing per packet or frame, nor per message unless its
//! kept content comes in pieces; and no more at a time for a long capture than for a short one.
//!
//! Allocations are counted per thread, so the tests do not disturb each other. What is measured is
//! everything from opening the capture to its end; the traffic is made while it is read.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests may panic")]

use std::io;
use std::io::Read;

use allocation_counter::AllocationInfo;
use flate2::Compress;
use flate2::Compression;
use support::testkit::file;
use support::testkit::frame::deflate;
use support::testkit::frame::frame;
use support::testkit::packet::ETHERNET;
use support::testkit::traffic;
use support::testkit::traffic::TestLink;
use wslens::analysis::Analyzer;
use wslens::analysis::AnalyzerOptions;
use wslens::analysis::Sink;
use wslens::analysis::Totals;
use wslens::analysis::event::ConnectionEvent;
use wslens::analysis::event::Event;
use wslens::analysis::event::EventKind;
use wslens::capture;
use wslens::findings::Reading;
use wslens::findings::Settings;
use wslens::findings::Severity;
use wslens::journal::Builder;
use wslens::journal::Entry;
use wslens::journal::EntryKind;
use wslens::journal::Found;
use wslens::journal::Journal;
use wslens::journal::Statistics;
use wslens::pipeline::Pipeline;
use wslens::report::Detail;
use wslens::report::Listing;
use wslens::report::Report;
use wslens::report::Selection;
use wslens::report::ndjson;
use wslens::report::ndjson::Ndjson;
use wslens::stream::Direction;
use wslens::websocket::Frame;
use wslens::websocket::Inflation;
use wslens::websocket::Utf8;

mod support;

/// Messages of the shorter capture.
const MESSAGES: u64 = 5_000;

/// Allocations that twice the messages may add: a buffer that happens to grow late, nothing regular.
const SLACK: u64 = 16;

/// Bytes by which the peak of a ten times longer capture may differ.
const FLAT: u64 = 256 << 10;

/// Bytes that the analysis of one connection stays below.
const CEILING: u64 = 16 << 20;

/// Bytes of content kept of each message where any are.
const KEEP: usize = 4096;

#[test]
fn messages_whose_content_is_not_kept_allocate_nothing() {
    assert_free("keep 0", |messages| counted(Payload::Short, messages, 0));
}

#[test]
fn messages_whose_content_is_kept_allocate_nothing() {
    assert_free("keep 4096", |messages| counted(Payload::Short, messages, KEEP));
}

#[test]
fn messages_of_several_segments_that_are_not_kept_allocate_nothing() {
    assert_free("long, keep 0", |messages| counted(Payload::Long, messages, 0));
}

#[test]
fn kept_messages_of_several_segments_allocate_nothing() {
    assert_free("long, keep 4096", |messages| counted(Payload::Long, messages, KEEP));
}

#[test]
fn compressed_messages_that_are_not_kept_allocate_nothing() {
    assert_free("deflate, keep 0", |messages| counted(Payload::Deflated, messages, 0));
}

#[test]
fn kept_compressed_messages_allocate_nothing() {
    assert_free("deflate, keep 4096", |messages| counted(Payload::Deflated, messages, KEEP));
}

#[test]
fn statistics_allocate_nothing_per_message() {
    for payload in [Payload::Short, Payload::Deflated] {
        assert_free("statistics", |messages| {
            let mut statistics = Statistics::default();
            let traffic = Traffic::new(payload, Extent::Messages(messages));
            let info = measure(traffic, 0, &mut Builder::new().feeding(&mut statistics));
            assert_eq!((statistics.messages().data, statistics.frames()), (messages, messages));
            info
        });
    }
}

// The text of a date is made once per second of the capture, and all of this happens in one.
#[test]
fn rules_allocate_nothing_per_message() {
    for payload in [Payload::Short, Payload::Long, Payload::Deflated] {
        assert_free("rules", |messages| judged(payload, messages));
    }
}

#[test]
fn ndjson_allocates_nothing_per_message_or_frame() {
    for detail in [Detail::Messages, Detail::Frames] {
        assert_free("ndjson", |messages| reported(Payload::Short, messages, detail));
    }
}

#[test]
fn peak_memory_of_short_messages_is_the_same_for_ten_times_the_capture() {
    assert_flat(Payload::Short, 2_000_000);
}

#[test]
fn peak_memory_of_long_messages_is_the_same_for_ten_times_the_capture() {
    assert_flat(Payload::Long, 2_000_000);
}

#[test]
fn peak_memory_of_compressed_messages_is_the_same_for_ten_times_the_capture() {
    // Inflates to more, and takes longer where nothing is optimized.
    assert_flat(Payload::Deflated, 1_000_000);
}

/// Fails where the analysis of ten times the capture needs more memory at any time.
fn assert_flat(payload: Payload, bytes: u64) {
    let [short, long] = [bytes, 10 * bytes].map(|bytes| {
        let mut seen = Seen::default();
        let peak = measure(Traffic::new(payload, Extent::Bytes(bytes)), KEEP, &mut seen).bytes_max;
        assert!(seen.messages > bytes / 10_000, "{payload:?}: {seen:?}");
        assert_eq!(seen.flawed, 0, "{payload:?}: {seen:?}");
        peak
    });
    assert!(short.abs_diff(long) < FLAT, "{payload:?}: {short}, then {long} bytes");
    assert!(long < CEILING, "{payload:?}: {long} bytes");
}

/// Fails where twice the messages take more allocations.
fn assert_free(what: &str, cost: impl Fn(u64) -> AllocationInfo) {
    // What is made once per thread or process is not what this is about.
    cost(MESSAGES);
    let (once, twice) = (cost(MESSAGES).count_total, cost(2 * MESSAGES).count_total);
    // What is asked once, at the end, depends on the last message.
    let more = twice.saturating_sub(once);
    assert!(more < SLACK, "{what}: {once}, then {twice} allocations");
}

/// Analyzes messages with a sink that only counts them, and checks that all were decoded.
fn counted(payload: Payload, messages: u64, keep: usize) -> AllocationInfo {
    let mut seen = Seen::default();
    let info = measure(Traffic::new(payload, Extent::Messages(messages)), keep, &mut seen);
    assert_eq!((seen.messages, seen.frames, seen.flawed), (messages, messages, 0), "{payload:?}");
    assert_eq!(seen.has_content(), keep > 0, "{payload:?}, keep {keep}");
    info
}

/// Analyzes messages and asks the rules about each.
fn judged(payload: Payload, messages: u64) -> AllocationInfo {
    let traffic = Box::new(Traffic::new(payload, Extent::Messages(messages)));
    let mut entries = Entries::default();
    let info = allocation_counter::measure(|| {
        let mut source = capture::open_stream(traffic, "traffic").unwrap();
        let options = AnalyzerOptions { keep: KEEP, ..AnalyzerOptions::default() };
        let mut pipeline = Pipeline::new(options, Settings::default());
        while let Some(packet) = source.next_packet().unwrap() {
            pipeline.push(&packet, &mut entries);
        }
        pipeline.finish(&Reading::default(), &mut entries);
        allocation_counter::opt_out(|| drop(source));
    });
    assert_eq!((entries.messages, entries.found), (messages, 0), "{payload:?}");
    info
}

/// Counts messages and what was found.
#[derive(Default)]
struct Entries {
    messages: u64,
    found: u64,
}

impl Journal for Entries {
    fn entry(&mut self, entry: &Entry<'_>) {
        if let EntryKind::Message(_) = entry.kind {
            self.messages += 1;
        }
    }

    fn takes_frame(&self, _: &Frame) -> bool {
        true
    }

    fn finding(&mut self, found: &Found) {
        let rule = found.finding.rule;
        // All frames here have one masking key (WS-F13).
        let is_known = rule.id == "WS-F13" || rule.severity == Severity::Note;
        self.found += u64::from(!is_known);
    }
}

/// Analyzes messages with a report of JSON lines that no one reads.
fn reported(payload: Payload, messages: u64, detail: Detail) -> AllocationInfo {
    let options = ndjson::NdjsonOptions {
        selection: Selection::default(),
        detail,
        findings: Listing::No,
        max_payload: KEEP,
    };
    let mut lines = Lines::default();
    let mut report = Ndjson::new(&mut lines, options);
    let mut builder = Builder::new();
    let traffic = Traffic::new(payload, Extent::Messages(messages));
    let info = measure(traffic, KEEP, &mut builder.feeding(&mut report));
    report.finish(&builder.summary(Totals::default(), &Reading::default())).unwrap();
    let per_message = match detail {
        Detail::Messages => 1,
        Detail::Frames => 2,
    };
    // Handshake, connection and summary.
    assert_eq!(lines.count, messages * per_message + 3);
    info
}

/// Opens and analyzes a capture from its first byte to its end.
fn measure<S: Sink>(traffic: Traffic, keep: usize, sink: &mut S) -> AllocationInfo {
    let traffic = Box::new(traffic);
    allocation_counter::measure(|| {
        let mut source = capture::open_stream(traffic, "traffic").unwrap();
        let mut analyzer = Analyzer::new(AnalyzerOptions { keep, ..AnalyzerOptions::default() });
        while let Some(packet) = source.next_packet().unwrap() {
            analyzer.push(&packet, sink);
        }
        analyzer.finish(sink);
        // What the generator holds is none of the analyzer's.
        allocation_counter::opt_out(|| drop(source));
    })
}

/// Counts messages, and those that are not what was sent.
#[derive(Debug, Default)]
struct Seen {
    messages: u64,
    frames: u64,
    content: u64,
    flawed: u64,
}

impl Seen {
    fn has_content(&self) -> bool {
        self.content > 0
    }
}

impl Sink for Seen {
    fn event(&mut self, event: &Event<'_>) {
        match event.kind {
            EventKind::Connection(_, ConnectionEvent::FrameEnded(..)) => self.frames += 1,
            EventKind::Connection(_, ConnectionEvent::Message(_, message)) => {
                self.messages += 1;
                self.content += u64::from(!message.content.is_empty());
                let inflated = message.inflation
                    == if message.compressed { Inflation::Done } else { Inflation::None };
                let sound = message.complete && message.utf8 == Utf8::Valid && inflated;
                self.flawed += u64::from(!sound);
            }
            EventKind::Connection(_, ConnectionEvent::Gap(..))
            | EventKind::Capture(_)
            | EventKind::Dns(_)
            | EventKind::Icmp(_) => {
                self.flawed += 1;
            }
            EventKind::Connection(..) => {}
        }
    }
}

/// Counts lines, each of which is one write, and forgets them.
#[derive(Debug, Default)]
struct Lines {
    count: u64,
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.count += u64::from(bytes.ends_with(b"\n"));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the messages are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Payload {
    /// Texts that fit a segment each.
    Short,
    /// Texts of two to six segments.
    Long,
    /// Texts compressed by permessage-deflate, with context takeover in both directions.
    Deflated,
}

/// How much traffic there is.
#[derive(Clone, Copy, Debug)]
enum Extent {
    /// So many messages.
    Messages(u64),
    /// As many messages as it takes for a capture of so many bytes.
    Bytes(u64),
}

/// A capture of one connection, made while it is read: texts in turn from client and server.
///
/// Nothing is lost or out of order; the connection is not closed.
struct Traffic {
    extent: Extent,
    sent: u64,
    /// Bytes made so far.
    made: u64,
    /// What was made and not yet read: `ready[start..]`.
    ready: Vec<u8>,
    start: usize,
    connection: traffic::TestTraffic,
    /// The frames that are sent over and over, in turn from client and server.
    frames: Vec<Vec<u8>>,
}

impl Traffic {
    fn new(payload: Payload, extent: Extent) -> Self {
        let mut connection = traffic::TestTraffic::new(TestLink::Ethernet);
        // A hundred thousand a second, and the server's sequence numbers soon wrap around.
        connection.step = 10_000;
        connection.start.server = 4_000_000_000;
        match payload {
            Payload::Deflated => connection.deflated(""),
            Payload::Short | Payload::Long => connection.upgraded(),
        };
        let mut traffic = Self {
            extent,
            sent: 0,
            made: 0,
            ready: file::pcap_header(ETHERNET),
            start: 0,
            connection,
            frames: frames(payload),
        };
        traffic.write();
        traffic
    }

    fn is_over(&self) -> bool {
        match self.extent {
            Extent::Messages(messages) => self.sent >= messages,
            Extent::Bytes(bytes) => self.made >= bytes,
        }
    }

    /// Sends the next message, and acknowledges every fourth.
    fn message(&mut self) {
        let turn = usize::try_from(self.sent).unwrap() % self.frames.len();
        let direction = if turn.is_multiple_of(2) {
            Direction::ClientToServer
        } else {
            Direction::ServerToClient
        };
        for segment in self.frames[turn].chunks(SEGMENT) {
            self.connection.segment(direction, segment);
        }
        if turn.is_multiple_of(4) {
            self.connection.acknowledge(direction.reverse());
        }
        self.sent += 1;
        self.write();
    }

    /// Adds the packets of the connection to what is ready.
    fn write(&mut self) {
        let before = self.ready.len();
        for packet in self.connection.packets.drain(..) {
            file::pcap_packet(&mut self.ready, packet.time, &packet.bytes);
        }
        self.made += u64::try_from(self.ready.len() - before).unwrap();
    }
}

impl Read for Traffic {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.ready.len() {
            self.ready.clear();
            self.start = 0;
            allocation_counter::opt_out(|| {
                while self.ready.len() < BATCH && !self.is_over() {
                    self.message();
                }
            });
        }
        let count = buffer.len().min(self.ready.len() - self.start);
        buffer[..count].copy_from_slice(&self.ready[self.start..self.start + count]);
        self.start += count;
        Ok(count)
    }
}

/// Makes the frames of [`CYCLE`] messages.
///
/// Compressed ones refer to what their side sent before, but for its first, so they can be repeated.
fn frames(payload: Payload) -> Vec<Vec<u8>> {
    let mut sides = [Some([0x37, 0xfa, 0x21, 0x3d]), None]
        .map(|mask| (mask, Compress::new(Compression::fast(), false)));
    let mut frames = Vec::new();
    for turn in 0..CYCLE {
        let (mask, compressor) = &mut sides[turn % 2];
        let text = text(payload, turn);
        frames.push(match payload {
            Payload::Short | Payload::Long => frame(0x81, *mask, &text),
            Payload::Deflated => frame(0xc1, *mask, &deflate(compressor, &text)),
        });
    }
    frames
}

/// Makes the text of a message; its length varies, and it has characters of two bytes.
fn text(payload: Payload, turn: usize) -> Vec<u8> {
    let length = match payload {
        Payload::Short => 20 + 12 * turn,
        Payload::Long => 2_000 + 60 * turn,
        Payload::Deflated => 100 + 40 * turn,
    };
    let mut text = String::new();
    for word in turn.. {
        if text.len() >= length {
            break;
        }
        text.push_str(WORDS[word % WORDS.len()]);
        text.push_str(&word.wrapping_mul(0x9e37_79b9).to_string());
    }
    text.into_bytes()
}

/// Messages that differ.
const CYCLE: usize = 96;

/// Bytes made at a time.
const BATCH: usize = 64 << 10;

/// Bytes of a segment's data.
const SEGMENT: usize = 1_400;

/// What texts are made of.
const WORDS: [&str; 8] =
    [" price ", " größe ", " update ", " {\"id\": ", " señal ", " ready ", " next ", " état "];
