//! JSON under permessage-deflate, each side keeping its window from message to message.

use flate2::Compress;
use flate2::Compression;
use wslens::stream::Direction;
use wslens::stream::PerDirection;

use super::super::Actor;
use super::super::session::Script;
use super::super::session::Session;
use super::super::tap::Tap;
use super::super::testkit::frame::deflate;
use super::super::websocket::Extension;
use super::super::websocket::FIN;
use super::super::websocket::RSV1;
use super::super::websocket::TEXT;
use super::super::websocket::WebSocket;
use super::text;

pub(super) fn actors(size: u64) -> Vec<Box<dyn Actor>> {
    let feed = |number: u64| -> Box<dyn Actor> {
        let script = Feed {
            deflaters: PerDirection { client: deflater(), server: deflater() },
            json: Vec::new(),
        };
        Box::new(Session::new(number, number * 5_000_000, Extension::Deflate, script))
    };
    (0..(size / BYTES_PER_FEED).clamp(4, 100)).map(feed).collect()
}

/// A market data feed: mostly from the server.
struct Feed {
    deflaters: PerDirection<Compress>,
    json: Vec<u8>,
}

impl Script for Feed {
    fn act(&mut self, socket: &mut WebSocket, tap: &mut Tap, now: u64) -> u64 {
        let direction = if tap.random.one_in(4) {
            Direction::ClientToServer
        } else {
            Direction::ServerToClient
        };
        self.json.clear();
        if tap.random.one_in(10) {
            // Short ones are not worth compressing.
            let length = tap.random.between(20, 120) as usize;
            text::chat(&mut tap.random, length, &mut self.json);
            socket.message(tap, now, direction, TEXT, &self.json);
            return tap.random.between(100_000, 60_000_000);
        }
        let length = tap.random.between(200, 4_000) as usize;
        text::quotes(&mut tap.random, length, &mut self.json);
        let deflated = deflate(self.deflaters.get_mut(direction), &self.json);
        if tap.random.one_in(50) {
            let (first, second) = deflated.split_at(deflated.len() / 2);
            socket.frame(tap, direction, RSV1 | TEXT, first);
            socket.frame(tap, direction, FIN, second);
        } else {
            socket.frame(tap, direction, FIN | RSV1 | TEXT, &deflated);
        }
        tap.truth.message(direction, self.json.len());
        socket.flush(tap, now, direction);
        tap.random.between(100_000, 60_000_000)
    }
}

fn deflater() -> Compress {
    Compress::new_with_window_bits(Compression::new(1), false, 15)
}

/// So that opening a connection is little of what it sends.
const BYTES_PER_FEED: u64 = 100_000;
