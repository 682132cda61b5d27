//! What is allocated: nothing per packet and per frame, and never more however long a capture is.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests make their bytes themselves and may panic"
)]

mod support;

use std::io;
use std::io::Read;

use allocation_counter::AllocationInfo;
use allocation_counter::measure;
use allocation_counter::opt_out;
use wslens::analysis::Analyzer;
use wslens::analysis::Options;
use wslens::analysis::Sink;
use wslens::analysis::event::ConnectionEvent;
use wslens::analysis::event::Event;
use wslens::analysis::event::EventKind;
use wslens::capture;
use wslens::report::Detail;
use wslens::report::Selection;
use wslens::report::ndjson;
use wslens::report::ndjson::Ndjson;
use wslens::report::style::Coloring;
use wslens::report::style::Style;
use wslens::report::text;
use wslens::report::text::Text;
use wslens::stream::Direction;
use wslens::stream::Direction::ClientToServer;
use wslens::stream::Direction::ServerToClient;
use wslens::timeline::stats::Statistics;
use wslens::websocket::Opcode;

use support::container;
use support::conversation::Conversation;
use support::conversation::frame;
use support::random::Random;
use support::scenario::Ending;
use support::scenario::Layout;
use support::scenario::Line;
use support::scenario::Packet;
use support::scenario::packets;
use support::seen::push;

#[test]
fn no_packet_and_no_frame_allocates() {
    let mut wrong = Vec::new();
    for (name, make) in CONVERSATIONS {
        let (short, long) = (make(MESSAGES), make(2 * MESSAGES));
        let (short, long) = (captured(&short), captured(&long));
        assert!(long.len() > short.len() + MESSAGES, "{name}: {} packets more", long.len());
        let twice = [
            ("a sink that counts", counting(&short), counting(&long)),
            ("statistics", statistics(&short), statistics(&long)),
            ("ndjson", as_ndjson(&short), as_ndjson(&long)),
            ("text", as_text(&short), as_text(&long)),
        ];
        for (sink, short, long) in twice {
            let (short, long) = (short.count_total, long.count_total);
            // Buffers grow to the largest message, which either capture may have.
            if long > short + GROWTH || !(1..=FIXED).contains(&short) {
                wrong.push(format!("{name}, {sink}: {short}, for twice as many messages {long}"));
            }
        }
    }
    assert!(wrong.is_empty(), "allocations for {MESSAGES} messages:\n{}", wrong.join("\n"));
}

#[test]
fn memory_is_the_same_for_a_capture_ten_times_as_long() {
    for (name, peak) in
        [("statistics", peak_of_statistics as fn(u64) -> u64), ("ndjson", peak_of_ndjson)]
    {
        let (short, long) = (peak(LONG / 10), peak(LONG));
        assert!(long < 4 << 20, "{name}: {long} bytes at once");
        assert!(long <= short + (64 << 10), "{name}: {long} bytes at once, {short} for a tenth");
    }
}

#[test]
fn bytes_behind_a_hole_take_no_more_than_the_limit_of_a_connection() {
    let limit = Options::default().limits.buffered_per_connection as u64;
    // One hole that nobody fills, or a new one every 30 kB.
    for every in [u64::MAX, 20] {
        let peak = peak_of_holes(1, BEHIND_HOLES / 1448, 1448, every);
        assert!(peak < limit + limit / 2, "a hole in {every}: {peak} bytes at once");
    }
}

#[test]
fn bytes_behind_holes_take_no_more_than_the_limit_of_all() {
    let limit = Options::default().limits.buffered_total as u64;
    let peak = peak_of_holes(50, 1_000_000 / 1448, 1448, u64::MAX);
    assert!((limit / 2..limit + limit / 4).contains(&peak), "{peak} bytes at once");
}

#[test]
fn tiny_pieces_behind_holes_are_counted_with_what_they_cost() {
    let limit = Options::default().limits.buffered_per_connection as u64;
    let peak = peak_of_holes(1, 200_000, 1, 1);
    assert!(peak < limit * 2, "{peak} bytes at once");
}

/// What is said often: one message in a segment, several, messages over several, compressed ones.
const CONVERSATIONS: [(&str, fn(usize) -> Conversation); 4] =
    [("chat", chat), ("bulk", bulk), ("frames", frames), ("deflate", deflate)];

fn chat(messages: usize) -> Conversation {
    let mut it = Conversation::plain("chat");
    let mut random = Random(4);
    for number in 0..messages {
        let text = format!("message {number} {}", "x".repeat(random.below(200)));
        it.say(turn(number), Opcode::Text, text.as_bytes());
    }
    it
}

fn bulk(messages: usize) -> Conversation {
    let mut it = Conversation::plain("bulk");
    let content = Random(5).bytes(5_000);
    for number in 0..messages {
        it.say(turn(number), Opcode::Binary, &content);
    }
    it
}

fn frames(messages: usize) -> Conversation {
    let mut it = Conversation::plain("frames");
    let content = Random(6).bytes(900);
    for number in 0..messages {
        it.say_in_frames(turn(number), &content, 250);
    }
    it
}

fn deflate(messages: usize) -> Conversation {
    let mut it = Conversation::deflated("deflate");
    for number in 0..messages {
        let text = format!("{{\"number\":{number},\"topic\":\"news\",\"text\":\"{number:060}\"}}");
        it.say_deflated(turn(number), text.as_bytes(), 1);
    }
    it
}

/// The two speak in turn.
fn turn(number: usize) -> Direction {
    if number.is_multiple_of(2) { ClientToServer } else { ServerToClient }
}

fn captured(conversation: &Conversation) -> Vec<Packet> {
    packets(conversation, &Layout { ending: Ending::Fin, ..Layout::default() })
}

/// Counts and keeps nothing.
#[derive(Default)]
struct Count {
    frames: u64,
    messages: u64,
}

impl Sink for Count {
    fn event(&mut self, event: &Event<'_>) {
        let EventKind::Connection(_, what) = event.kind else { return };
        match what {
            ConnectionEvent::FrameEnded(..) => self.frames += 1,
            ConnectionEvent::Message(..) => self.messages += 1,
            _ => {}
        }
    }
}

fn counting(packets: &[Packet]) -> AllocationInfo {
    let mut sink = Count::default();
    let info = analyzed(packets, options(usize::MAX >> 8), &mut sink);
    assert!(sink.messages >= MESSAGES as u64 && sink.frames >= sink.messages);
    info
}

fn statistics(packets: &[Packet]) -> AllocationInfo {
    let mut sink = Statistics::default();
    let info = analyzed(packets, options(DECODED), &mut sink);
    assert!(sink.messages() >= MESSAGES as u64);
    info
}

fn as_ndjson(packets: &[Packet]) -> AllocationInfo {
    analyzed(packets, options(KEEP), &mut ndjson())
}

fn as_text(packets: &[Packet]) -> AllocationInfo {
    let options = text::Options {
        selection: Selection::default(),
        detail: Detail::Frames,
        style: Style::new(Coloring::Off),
        columns: Some(120),
    };
    analyzed(packets, self::options(KEEP), &mut Text::new(io::sink(), options))
}

fn ndjson() -> Ndjson<io::Sink> {
    let options = ndjson::Options {
        selection: Selection::default(),
        detail: Detail::Frames,
        max_payload: KEEP,
    };
    Ndjson::new(io::sink(), options)
}

fn options(keep: usize) -> Options {
    Options { keep, digest: keep == KEEP, ..Options::default() }
}

/// What an analyzer allocates for packets that are there already.
fn analyzed<S: Sink>(packets: &[Packet], options: Options, sink: &mut S) -> AllocationInfo {
    measure(|| {
        let mut analyzer = Analyzer::new(options);
        push(&mut analyzer, packets, 0, sink);
        analyzer.finish(sink);
    })
}

fn peak_of_statistics(size: u64) -> u64 {
    let mut sink = Statistics::default();
    let peak = peak(Endless::chat(size), options(DECODED), &mut sink);
    assert!(sink.messages() > size / 1_000, "{} messages", sink.messages());
    peak
}

fn peak_of_ndjson(size: u64) -> u64 {
    peak(Endless::chat(size), options(KEEP), &mut ndjson())
}

fn peak_of_holes(connections: u16, segments: u64, size: usize, every: u64) -> u64 {
    let stream = Endless::holes(connections, segments, size, every);
    peak(stream, options(DECODED), &mut Statistics::default())
}

/// The most bytes that are held at once while a stream is read, without those of its maker.
fn peak<S: Sink>(stream: Endless, options: Options, sink: &mut S) -> u64 {
    let stream = Box::new(stream);
    let info = measure(|| {
        let mut source = capture::open_stream(stream, "memory").unwrap();
        let mut analyzer = Analyzer::new(options);
        while let Some(packet) = source.next_packet().unwrap() {
            analyzer.push(&packet, sink);
        }
        analyzer.finish(sink);
        // Freed where nothing is counted, as it was made.
        opt_out(|| drop(source));
    });
    info.bytes_max
}

/// A capture that is made while it is read.
struct Endless {
    lines: Vec<Line>,
    /// Bytes to be read, and where the first of them stands.
    ready: (Vec<u8>, usize),
    left: u64,
    made: u64,
    kind: Kind,
}

enum Kind {
    /// Until so many bytes are made.
    Chat,
    /// Until each connection has so many segments of so many bytes; one in so many is missing, the
    /// first one always.
    Holes { size: usize, every: u64 },
}

impl Endless {
    fn chat(bytes: u64) -> Self {
        Self::new(1, bytes, Kind::Chat)
    }

    fn holes(connections: u16, segments: u64, size: usize, every: u64) -> Self {
        Self::new(connections, segments, Kind::Holes { size, every })
    }

    fn new(connections: u16, left: u64, kind: Kind) -> Self {
        let handshake = Conversation::plain("endless").turns;
        let lines = (0..connections).map(|port| {
            let ports = (40_000 + port, 8_080);
            let mut line = Line::open(&Layout { ports, ..Layout::default() });
            for (direction, bytes) in &handshake {
                line.data(*direction, bytes);
            }
            line
        });
        let ready = (container::pcap_header(container::ETHERNET), 0);
        let mut it = Self { lines: lines.collect(), ready, left, made: 0, kind };
        it.carry();
        it
    }

    /// Writes what the connections have sent.
    fn carry(&mut self) -> u64 {
        let bytes = &mut self.ready.0;
        let before = bytes.len();
        for line in &mut self.lines {
            for packet in line.packets.drain(..) {
                container::pcap_packet(bytes, packet.time, &packet.bytes);
            }
        }
        (bytes.len() - before) as u64
    }

    fn make(&mut self) {
        self.made += 1;
        let mask = Some((self.made as u32).to_le_bytes());
        let spent = match self.kind {
            Kind::Chat => {
                let line = &mut self.lines[0];
                let text =
                    format!("message {} {}", self.made, "x".repeat(self.made as usize % 300));
                line.data(ClientToServer, &frame(0x81, mask, text.as_bytes()));
                line.acknowledge(ServerToClient);
                line.data(ServerToClient, &frame(0x81, None, text.as_bytes()));
                line.acknowledge(ClientToServer);
                self.carry()
            }
            Kind::Holes { size, every } => {
                for line in &mut self.lines {
                    if (self.made - 1).is_multiple_of(every) {
                        line.skip(ClientToServer, 7);
                    }
                    line.data(ClientToServer, &vec![self.made as u8; size]);
                }
                self.carry();
                1
            }
        };
        self.left = self.left.saturating_sub(spent);
    }
}

impl Read for Endless {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let mut length = 0;
        opt_out(|| {
            self.ready.0.drain(..std::mem::take(&mut self.ready.1));
            while self.ready.0.len() < target.len() && self.left > 0 {
                self.make();
            }
            length = self.ready.0.len().min(target.len());
            target[..length].copy_from_slice(&self.ready.0[..length]);
            self.ready.1 = length;
        });
        Ok(length)
    }
}

/// Bytes of the longer of two captures; a release build has the time for more.
const LONG: u64 = if cfg!(debug_assertions) { 10 << 20 } else { 50 << 20 };

/// Bytes that wait for a hole to be filled.
const BEHIND_HOLES: u64 = if cfg!(debug_assertions) { 20_000_000 } else { 100_000_000 };

/// Messages in the shorter of two captures.
const MESSAGES: usize = 1_000;

/// Allocations that a capture of one connection may make, however long it is.
const FIXED: u64 = 100;

/// Allocations that buffers make until they are as large as is needed.
const GROWTH: u64 = 8;

/// Content bytes that are kept of each message, as many as `wslens print --format ndjson` keeps.
const KEEP: usize = 64 << 10;

/// Content bytes that are kept of each message, as many as `wslens stats` keeps.
const DECODED: usize = 1;
