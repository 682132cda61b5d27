//! Small text frames on 1,000 connections.

use wslens::stream::Direction;

use super::super::Actor;
use super::super::session::Script;
use super::super::session::Session;
use super::super::tap::Tap;
use super::super::websocket::Extension;
use super::super::websocket::PING;
use super::super::websocket::PONG;
use super::super::websocket::TEXT;
use super::super::websocket::WebSocket;
use super::text;

/// A thousand talkers, or as many as a small capture has room for.
pub(super) fn actors(size: u64) -> Vec<Box<dyn Actor>> {
    talkers((size / BYTES_PER_TALKER).clamp(4, 1_000), 1_000_000)
}

/// So many talkers, one entering every `apart` nanoseconds.
pub(super) fn talkers(count: u64, apart: u64) -> Vec<Box<dyn Actor>> {
    let talker = |number: u64| -> Box<dyn Actor> {
        Box::new(Session::new(number, number * apart, Extension::None, Chat::default()))
    };
    (0..count).map(talker).collect()
}

/// People who talk.
#[derive(Debug, Default)]
struct Chat {
    text: Vec<u8>,
}

impl Script for Chat {
    fn act(&mut self, socket: &mut WebSocket, tap: &mut Tap, now: u64) -> u64 {
        if tap.random.one_in(200) {
            socket.message(tap, now, Direction::ServerToClient, PING, b"keepalive");
            socket.message(tap, now + 200_000, Direction::ClientToServer, PONG, b"keepalive");
            return pause(tap);
        }
        let direction = tap.random.pick(&Direction::BOTH);
        let length = length(tap);
        self.text.clear();
        text::chat(&mut tap.random, length, &mut self.text);
        socket.message(tap, now, direction, TEXT, &self.text);
        pause(tap)
    }
}

/// Bytes of a message: 10 to 200, the longer half more often.
pub(super) fn length(tap: &mut Tap) -> usize {
    let least = if tap.random.one_in(3) { 10 } else { 70 };
    tap.random.between(least, 200) as usize
}

/// Nanoseconds to the next message: half of the time a quick answer or a second line.
pub(super) fn pause(tap: &mut Tap) -> u64 {
    if tap.random.one_in(2) {
        tap.random.between(1_000_000, 30_000_000)
    } else {
        tap.random.between(100_000_000, 2_000_000_000)
    }
}

/// So that opening a connection is little of what it sends.
const BYTES_PER_TALKER: u64 = 20_000;
