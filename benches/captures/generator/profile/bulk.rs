//! Binary frames of 16 to 256 KiB in both directions of eight connections: four over a wire, four over loopback.

use std::rc::Rc;

use wslens::stream::Direction;

use super::super::Actor;
use super::super::session::Script;
use super::super::session::Session;
use super::super::tap::Tap;
use super::super::testkit::random::Random;
use super::super::websocket::BINARY;
use super::super::websocket::Extension;
use super::super::websocket::FIN;
use super::super::websocket::WebSocket;

pub(super) fn actors(tap: &mut Tap) -> Vec<Box<dyn Actor>> {
    let content = content(&mut tap.random);
    let transfer = |number: u64| -> Box<dyn Actor> {
        let script = Transfer {
            content: Rc::clone(&content),
            ready: Vec::new(),
            sent: 0,
            direction: Direction::ClientToServer,
        };
        let session = Session::new(number, number * 3_000_000, Extension::None, script);
        if number.is_multiple_of(2) { Box::new(session) } else { Box::new(session.on_loopback()) }
    };
    (0..CONNECTIONS).map(transfer).collect()
}

/// Bytes without a pattern, to be sent in slices.
pub(super) fn content(random: &mut Random) -> Rc<[u8]> {
    let mut content = vec![0; CONTENT];
    random.fill(&mut content);
    content.into()
}

/// Sends one frame after the other, each in bursts as a congestion window lets it.
struct Transfer {
    content: Rc<[u8]>,
    /// A frame that is being sent, and how much of it is.
    ready: Vec<u8>,
    sent: usize,
    direction: Direction,
}

impl Script for Transfer {
    fn act(&mut self, socket: &mut WebSocket, tap: &mut Tap, now: u64) -> u64 {
        if self.sent == self.ready.len() {
            let length = (tap.random.between(16, 256) << 10) as usize;
            let start = tap.random.between(0, (CONTENT - length) as u64) as usize;
            let payload = &self.content[start..start + length];
            self.direction = tap.random.pick(&Direction::BOTH);
            socket.frame(tap, self.direction, FIN | BINARY, payload);
            tap.truth.message(self.direction, length);
            (self.ready, self.sent) = (socket.take(), 0);
        }
        let burst = tap.random.between(16 << 10, 128 << 10) as usize;
        let end = self.ready.len().min(self.sent + burst);
        socket.tcp.send(tap, now, self.direction, &self.ready[self.sent..end]);
        self.sent = end;
        tap.random.between(200_000, 2_000_000)
    }

    fn finish(&mut self, socket: &mut WebSocket, tap: &mut Tap, now: u64) {
        socket.tcp.send(tap, now, self.direction, &self.ready[self.sent..]);
        self.sent = self.ready.len();
    }
}

const CONNECTIONS: u64 = 8;
const CONTENT: usize = 1 << 20;
