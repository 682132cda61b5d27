//! Chat over a bad network, seen by a tap that misses some of it.

use wslens::stream::Direction;

use super::super::Actor;
use super::super::session::Script;
use super::super::session::Session;
use super::super::tap::Tap;
use super::super::tcp::Fate;
use super::super::testkit::random::Random;
use super::super::websocket::Extension;
use super::super::websocket::FIN;
use super::super::websocket::TEXT;
use super::super::websocket::WebSocket;
use super::chat;
use super::text;

pub(super) fn actors(size: u64) -> Vec<Box<dyn Actor>> {
    let talker = |number: u64| -> Box<dyn Actor> {
        Box::new(Session::new(number, number * 1_000_000, Extension::None, Chat::default()))
    };
    (0..(size / BYTES_PER_TALKER).clamp(4, 1_000)).map(talker).collect()
}

/// People who talk in bursts; each burst is cut where it pleases TCP.
#[derive(Debug, Default)]
struct Chat {
    text: Vec<u8>,
    frames: Vec<FrameInBurst>,
}

#[derive(Debug)]
struct FrameInBurst {
    /// Where it ends in the burst.
    end: usize,
    /// Whether the tap misses some of it.
    in_hole: bool,
}

impl Script for Chat {
    fn act(&mut self, socket: &mut WebSocket, tap: &mut Tap, now: u64) -> u64 {
        let direction = tap.random.pick(&Direction::BOTH);
        self.frames.clear();
        for _ in 0..tap.random.pick(&[1, 1, 1, 2, 3, 8]) {
            self.text.clear();
            let length = chat::length(tap);
            text::chat(&mut tap.random, length, &mut self.text);
            socket.frame(tap, direction, FIN | TEXT, &self.text);
            tap.truth.message(direction, length);
            self.frames.push(FrameInBurst { end: socket.pending(), in_hole: false });
        }
        let burst = socket.take();
        let mut sent = 0;
        while sent < burst.len() {
            let end = burst.len().min(sent + segment_length(&mut tap.random));
            let fate = fate(&mut tap.random);
            if socket.tcp.send_with(tap, now, direction, &burst[sent..end], fate) == Fate::Unseen {
                self.mark_hole(sent, end);
            }
            sent = end;
        }
        tap.truth.frames_in_holes +=
            self.frames.iter().filter(|frame| frame.in_hole).count() as u64;
        chat::pause(tap)
    }
}

impl Chat {
    fn mark_hole(&mut self, from: usize, to: usize) {
        let mut start = 0;
        for frame in &mut self.frames {
            frame.in_hole |= start < to && frame.end > from;
            start = frame.end;
        }
    }
}

/// Mostly the whole burst; else a cut anywhere, header or payload.
fn segment_length(random: &mut Random) -> usize {
    if random.one_in(4) { random.between(1, 150) as usize } else { 1_448 }
}

/// 1 segment of 25 is reordered, repeated, doubled or late by a retransmission timeout; 1 of 1,000 is missing.
fn fate(random: &mut Random) -> Fate {
    match random.between(0, 999) {
        0 => Fate::Unseen,
        1..=15 => Fate::Late(random.between(100_000, 3_000_000)),
        16..=20 => Fate::Late(random.between(200_000_000, 260_000_000)),
        21..=30 => Fate::Repeated(random.between(1_000_000, 220_000_000)),
        31..=40 => Fate::Doubled,
        _ => Fate::Delivered,
    }
}

/// So that opening a connection is little of what it sends.
const BYTES_PER_TALKER: u64 = 20_000;
