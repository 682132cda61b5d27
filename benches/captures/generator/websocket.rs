//! Both ends of a WebSocket: the opening handshake, frames, the closing handshake.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wslens::stream::Direction;

use super::tap::Tap;
use super::tcp::Tcp;
use super::testkit::frame::push_frame;
use super::testkit::head;
use super::testkit::secure::TestSession;

/// Whether permessage-deflate is offered and accepted (RFC 7692).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Extension {
    None,
    Deflate,
}

/// First byte of a frame, to be combined with `|`.
pub(super) const FIN: u8 = 0x80;
pub(super) const RSV1: u8 = 0x40;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;

/// An open WebSocket.
#[derive(Debug)]
pub(super) struct WebSocket {
    pub(super) tcp: Tcp,
    /// What encrypts, if it is wss://.
    tls: Option<TestSession>,
    /// The frames being written; reused.
    buffer: Vec<u8>,
}

/// What a connection begins with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Opening {
    pub(super) extension: Extension,
    /// The cipher suite of TLS 1.3, if it is wss://.
    pub(super) suite: Option<u16>,
}

impl WebSocket {
    /// Opens a connection and upgrades it.
    pub(super) fn open(
        tap: &mut Tap,
        now: u64,
        client: SocketAddr,
        server: SocketAddr,
        opening: Opening,
    ) -> Self {
        let mut tcp = Tcp::open(tap, now, client, server);
        let key = STANDARD.encode(tap.random.array::<16>());
        let accept = head::accept(&key);
        let (offer, answer) = match opening.extension {
            Extension::None => ("", ""),
            Extension::Deflate => (head::OFFER, head::ANSWER),
        };
        let request = format!(
            "GET /live?room={} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Origin: http://{server}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{offer}\r\n",
            client.port() % 50
        );
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{answer}\r\n"
        );
        let mut tls = opening.suite.map(|suite| TestSession::new((suite, false)));
        let mut then = now + 150_000;
        for (direction, flight) in tls.iter_mut().flat_map(TestSession::handshake) {
            tcp.send(tap, then, direction, &flight);
            then += 300_000;
        }
        let mut socket = Self { tcp, tls, buffer: Vec::new() };
        socket.send(tap, then, Direction::ClientToServer, request.as_bytes());
        socket.send(tap, then + 550_000, Direction::ServerToClient, response.as_bytes());
        tap.truth.websockets += 1;
        socket
    }

    /// Sends a message of one frame.
    pub(super) fn message(
        &mut self,
        tap: &mut Tap,
        now: u64,
        direction: Direction,
        first: u8,
        payload: &[u8],
    ) {
        self.frame(tap, direction, FIN | first, payload);
        tap.truth.message(direction, payload.len());
        self.flush(tap, now, direction);
    }

    /// Appends a frame to what [`WebSocket::flush`] or [`WebSocket::take`] will send; counts the frame only.
    pub(super) fn frame(&mut self, tap: &mut Tap, direction: Direction, first: u8, payload: &[u8]) {
        tap.truth.frame(direction, first, payload.len());
        let key = match direction {
            Direction::ClientToServer => Some(tap.random.array()),
            Direction::ServerToClient => None,
        };
        push_frame(&mut self.buffer, first, key, payload);
    }

    /// Sends the frames written since the last time.
    pub(super) fn flush(&mut self, tap: &mut Tap, now: u64, direction: Direction) {
        let mut frames = self.take();
        self.send(tap, now, direction, &frames);
        frames.clear();
        self.buffer = frames;
    }

    /// Sends bytes, in a record if it is wss://.
    fn send(&mut self, tap: &mut Tap, now: u64, direction: Direction, bytes: &[u8]) {
        match &mut self.tls {
            Some(tls) => self.tcp.send(tap, now, direction, &tls.data(direction, bytes)),
            None => self.tcp.send(tap, now, direction, bytes),
        }
    }

    /// Bytes written and not sent.
    pub(super) fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// The frames written since the last time, for a caller that sends them itself.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// Closes with code 1000, then closes the connection.
    pub(super) fn close(&mut self, tap: &mut Tap, now: u64) {
        let code = 1000_u16.to_be_bytes();
        self.message(tap, now, Direction::ClientToServer, CLOSE, &code);
        self.message(tap, now + 50_000, Direction::ServerToClient, CLOSE, &code);
        self.tcp.close(tap, now + 60_000, Direction::ServerToClient);
    }
}
