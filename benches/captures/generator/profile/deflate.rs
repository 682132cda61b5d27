//! JSON under permessage-deflate, each side keeping its window from message to message.

use flate2::Compress;
use flate2::Compression;
use flate2::FlushCompress;
use wslens::stream::Direction;
use wslens::stream::PerDirection;

use super::super::Actor;
use super::super::session::Script;
use super::super::session::Session;
use super::super::tap::Tap;
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
            deflated: Vec::new(),
        };
        Box::new(Session::new(number, number * 5_000_000, Extension::Deflate, script))
    };
    (0..(size / BYTES_PER_FEED).clamp(4, 100)).map(feed).collect()
}

/// A market data feed: mostly from the server.
struct Feed {
    deflaters: PerDirection<Compress>,
    json: Vec<u8>,
    deflated: Vec<u8>,
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
        deflate(self.deflaters.get_mut(direction), &self.json, &mut self.deflated);
        if tap.random.one_in(50) {
            let (first, second) = self.deflated.split_at(self.deflated.len() / 2);
            socket.frame(tap, direction, RSV1 | TEXT, first);
            socket.frame(tap, direction, FIN, second);
        } else {
            socket.frame(tap, direction, FIN | RSV1 | TEXT, &self.deflated);
        }
        tap.truth.message(direction, self.json.len());
        socket.flush(tap, now, direction);
        tap.random.between(100_000, 60_000_000)
    }
}

fn deflater() -> Compress {
    Compress::new_with_window_bits(Compression::new(1), false, 15)
}

/// Compresses one message into `out`, as RFC 7692 section 7.2.1 says.
fn deflate(deflater: &mut Compress, message: &[u8], out: &mut Vec<u8>) {
    out.clear();
    // More than deflate ever needs, so one call takes it all.
    out.reserve(message.len() + 1_024);
    let before = deflater.total_in();
    let status = deflater.compress_vec(message, out, FlushCompress::Sync);
    debug_assert!(status.is_ok());
    debug_assert_eq!(deflater.total_in() - before, message.len() as u64);
    // "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
    out.truncate(out.len() - 4);
}

/// So that opening a connection is little of what it sends.
const BYTES_PER_FEED: u64 = 100_000;
