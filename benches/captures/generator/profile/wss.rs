//! JSON of 1,400 bytes over TLS 1.3, each message in a record: one connection in four with ChaCha20-Poly1305,
//! the others with AES-128-GCM.

use super::super::Actor;
use super::super::session::Script;
use super::super::session::Session;
use super::super::tap::Tap;
use super::super::testkit::secure::TestSession;
use super::super::websocket::Extension;
use super::super::websocket::TEXT;
use super::super::websocket::WebSocket;
use super::text;
use wslens::stream::Direction;

pub(super) fn actors(size: u64) -> Vec<Box<dyn Actor>> {
    let talker = |number: u64| -> Box<dyn Actor> {
        let suite = if number.is_multiple_of(4) { CHACHA20_POLY1305 } else { AES_128_GCM };
        let session =
            Session::new(number, number * 5_000_000, Extension::None, Exchange::default());
        Box::new(session.over_tls(suite))
    };
    (0..(size / BYTES_PER_TALKER).clamp(4, 100)).map(talker).collect()
}

/// The secrets of all connections, as a key log: they have the same.
pub(super) fn key_log() -> String {
    TestSession::new((AES_128_GCM, false)).key_log()
}

/// Both sides send, in no order.
#[derive(Debug, Default)]
struct Exchange {
    text: Vec<u8>,
}

impl Script for Exchange {
    fn act(&mut self, socket: &mut WebSocket, tap: &mut Tap, now: u64) -> u64 {
        let direction = tap.random.pick(&Direction::BOTH);
        self.text.clear();
        text::chat(&mut tap.random, LENGTH, &mut self.text);
        socket.message(tap, now, direction, TEXT, &self.text);
        tap.random.between(100_000, 60_000_000)
    }
}

/// Bytes of a message: with what surrounds it, as many as a segment of Ethernet has room for.
const LENGTH: usize = 1_400;

/// So that opening a connection is little of what it sends.
const BYTES_PER_TALKER: u64 = 100_000;

/// The numbers of the cipher suites (RFC 8446 appendix B.4).
const AES_128_GCM: u16 = 0x1301;
const CHACHA20_POLY1305: u16 = 0x1303;
