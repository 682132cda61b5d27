//! What waits after holes takes no more memory than the limits say, however much there is of it.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use std::io;
use std::io::Read;

use allocation_counter::measure;
use allocation_counter::opt_out;
use wslens::analysis::Analyzer;
use wslens::analysis::AnalyzerOptions;
use wslens::capture;
use wslens::journal::Builder;
use wslens::journal::Statistics;
use wslens::stream::Direction::ClientToServer;

use support::conversation::Conversation;
use support::layout::Layout;
use support::testkit::file;
use support::testkit::packet::ETHERNET;
use support::testkit::traffic::TestTraffic;

/// Bytes that wait for a hole to be filled; a release build has the time for more.
const WAITING: u64 = if cfg!(debug_assertions) { 20_000_000 } else { 100_000_000 };

/// Bytes of a segment.
const SEGMENT: usize = 1448;

#[test]
fn bytes_after_a_hole_take_no_more_than_the_limit_of_a_connection() {
    let limit = length(AnalyzerOptions::default().limits.buffered_per_connection);
    // One hole that nobody fills, or a new one every 30 kB.
    for every in [u64::MAX, 20] {
        let peak = peak(Holes::new(1, WAITING / length(SEGMENT), SEGMENT, every));
        assert!((limit / 2..limit + limit / 4).contains(&peak), "{every}: {peak} bytes at once");
    }
}

#[test]
fn bytes_after_holes_take_no_more_than_the_limit_of_all() {
    let limit = length(AnalyzerOptions::default().limits.buffered_total);
    let peak = peak(Holes::new(50, 1_000_000 / length(SEGMENT), SEGMENT, u64::MAX));
    assert!((limit / 2..limit + limit / 4).contains(&peak), "{peak} bytes at once");
}

#[test]
fn tiny_pieces_after_holes_are_counted_with_what_they_cost() {
    let limit = length(AnalyzerOptions::default().limits.buffered_per_connection);
    let peak = peak(Holes::new(1, 200_000, 1, 1));
    assert!((limit / 2..limit * 2).contains(&peak), "{peak} bytes at once");
}

/// The most bytes that are held at once while a stream is read, without those of its maker.
fn peak(stream: Holes) -> u64 {
    let stream = Box::new(stream);
    let info = measure(|| {
        let mut source = capture::open_stream(stream, "memory").unwrap();
        let mut analyzer = Analyzer::new(AnalyzerOptions { keep: 1, ..AnalyzerOptions::default() });
        let (mut builder, mut statistics) = (Builder::new(), Statistics::default());
        let mut sink = builder.feeding(&mut statistics);
        while let Some(packet) = source.next_packet().unwrap() {
            analyzer.push(&packet, &mut sink);
        }
        analyzer.finish(&mut sink);
        // Freed where nothing is counted, as it was made.
        opt_out(|| drop(source));
    });
    info.bytes_max
}

/// A capture that is made while it is read: connections whose clients send segments in turn, some of
/// which are missing, and nobody acknowledges any.
struct Holes {
    lines: Vec<TestTraffic>,
    /// Bytes to be read.
    ready: Vec<u8>,
    /// Segments that each connection has still to send.
    left: u64,
    sent: u64,
    segment: Vec<u8>,
    /// One segment in so many is missing, the first one always.
    every: u64,
}

impl Holes {
    fn new(connections: u16, segments: u64, size: usize, every: u64) -> Self {
        let handshake = Conversation::plain("holes").turns;
        let lines = (0..connections).map(|port| {
            let ports = (40_000 + port, 8_080);
            let mut line = Layout { ports, ..Layout::default() }.open();
            for (direction, bytes) in &handshake {
                line.segment(*direction, bytes);
            }
            line
        });
        let lines = lines.collect();
        let ready = file::pcap_header(ETHERNET);
        Self { lines, ready, left: segments, sent: 0, segment: vec![7; size], every }
    }

    fn make(&mut self) {
        for line in &mut self.lines {
            if self.sent.is_multiple_of(self.every) {
                line.skip(ClientToServer, 7);
            }
            line.segment(ClientToServer, &self.segment);
            for packet in line.packets.drain(..) {
                file::pcap_packet(&mut self.ready, packet.time, &packet.bytes);
            }
        }
        self.sent += 1;
        self.left -= 1;
    }
}

impl Read for Holes {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let mut length = 0;
        opt_out(|| {
            while self.ready.len() < target.len() && self.left > 0 {
                self.make();
            }
            length = self.ready.as_slice().read(target).unwrap();
            self.ready.drain(..length);
        });
        Ok(length)
    }
}

fn length(length: usize) -> u64 {
    wslens::stream::length_u64(length)
}
