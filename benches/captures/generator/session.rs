//! A WebSocket that stays open as long as the capture lasts.

use std::net::Ipv4Addr;
use std::net::SocketAddr;

use super::Actor;
use super::tap::Tap;
use super::websocket::Extension;
use super::websocket::Opening;
use super::websocket::WebSocket;

/// What is said over a WebSocket.
pub(super) trait Script {
    /// Says the next thing; returns after how many nanoseconds the one after it comes.
    fn act(&mut self, socket: &mut WebSocket, tap: &mut Tap, now: u64) -> u64;

    /// Sends what is still held back, before the closing handshake.
    fn finish(&mut self, _socket: &mut WebSocket, _tap: &mut Tap, _now: u64) {}
}

/// One client, one server, one script.
pub(super) struct Session<S> {
    client: SocketAddr,
    server: SocketAddr,
    opening: Opening,
    script: S,
    /// When the script continues.
    next: u64,
    socket: Option<WebSocket>,
}

impl<S: Script> Session<S> {
    /// The session of client `number`, which starts at `starts`.
    pub(super) fn new(number: u64, starts: u64, extension: Extension, script: S) -> Self {
        let host = Ipv4Addr::new(10, 1, (number / 200) as u8, (number % 200) as u8 + 1);
        let client = SocketAddr::from((host, 32_768 + (number * 7 % 28_000) as u16));
        let server = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 80), 8080));
        let opening = Opening { extension, suite: None };
        Self { client, server, opening, script, next: starts, socket: None }
    }

    /// The same over TLS 1.3 with a cipher suite.
    pub(super) fn over_tls(mut self, suite: u16) -> Self {
        self.server.set_port(443);
        self.opening.suite = Some(suite);
        self
    }

    /// The same between two programs of one machine.
    pub(super) fn on_loopback(self) -> Self {
        let client = SocketAddr::from((Ipv4Addr::LOCALHOST, self.client.port()));
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, self.server.port()));
        Self { client, server, ..self }
    }
}

impl<S: Script> Actor for Session<S> {
    fn starts(&self) -> u64 {
        self.next
    }

    fn wake(&mut self, tap: &mut Tap, now: u64) -> u64 {
        let Some(socket) = &mut self.socket else {
            self.socket = Some(WebSocket::open(tap, now, self.client, self.server, self.opening));
            self.next = now + 2_000_000;
            return self.next;
        };
        socket.tcp.wake(tap, now);
        if self.next <= now {
            self.next = now + self.script.act(socket, tap, now);
        }
        self.next.min(socket.tcp.due())
    }

    fn end(&mut self, tap: &mut Tap, now: u64) {
        if let Some(socket) = &mut self.socket {
            self.script.finish(socket, tap, now);
            socket.close(tap, now);
        }
    }
}
