//! Five percent of chat in traffic that is not WebSocket: page loads, TLS, SSH, name queries.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::rc::Rc;

use wslens::stream::Direction;

use super::super::Actor;
use super::super::sender::Sender;
use super::super::tap::Tap;
use super::super::tcp::Tcp;
use super::super::testkit::network::dns_answer;
use super::super::testkit::network::dns_query;
use super::super::testkit::packet::Checksum;
use super::super::testkit::tls;
use super::bulk;
use super::chat;

pub(super) fn actors(size: u64, tap: &mut Tap) -> Vec<Box<dyn Actor>> {
    let content = bulk::content(&mut tap.random);
    let talkers = (size / BYTES_PER_TALKER).clamp(4, 100);
    let rare = |talker| -> Box<dyn Actor> {
        Box::new(Rare { talker, bytes: 0, share: talkers * CHAT_SHARE })
    };
    let visitor =
        |number: u64| -> Box<dyn Actor> { Box::new(Visitor::new(number, Rc::clone(&content))) };
    let resolver = |number: u64| -> Box<dyn Actor> { Box::new(Resolver { number }) };
    let mut actors: Vec<Box<dyn Actor>> =
        chat::talkers(talkers, 3_000_000).into_iter().map(rare).collect();
    actors.extend((0..talkers).map(visitor));
    actors.extend((0..RESOLVERS).map(resolver));
    actors
}

/// Somebody who talks only while that is less than a part of the traffic.
struct Rare {
    talker: Box<dyn Actor>,
    /// What it has sent so far.
    bytes: u64,
    /// One of so many bytes is its own.
    share: u64,
}

impl Actor for Rare {
    fn starts(&self) -> u64 {
        self.talker.starts()
    }

    fn wake(&mut self, tap: &mut Tap, now: u64) -> u64 {
        let before = tap.written();
        if self.bytes * self.share > before {
            return now + 20_000_000;
        }
        let next = self.talker.wake(tap, now);
        self.bytes += tap.written() - before;
        next
    }

    fn end(&mut self, tap: &mut Tap, now: u64) {
        self.talker.end(tap, now);
    }
}

/// Somebody who opens one connection after the other.
struct Visitor {
    number: u64,
    /// Connections so far.
    visits: u64,
    content: Rc<[u8]>,
    visit: Option<Visit>,
    next: u64,
}

struct Visit {
    kind: Kind,
    tcp: Tcp,
    /// Requests, or keystrokes, that are still to come.
    exchanges: u64,
    /// Bytes of an answer that are still to come.
    answer: usize,
    /// Bytes to be written; reused.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// HTTP with keep-alive.
    Page,
    /// The same inside TLS.
    Tls,
    /// An interactive shell over SSH.
    Shell,
}

impl Visitor {
    fn new(number: u64, content: Rc<[u8]>) -> Self {
        Self { number, visits: 0, content, visit: None, next: number * 2_000_000 }
    }

    /// One in five comes over IPv6.
    fn peers(&self, kind: Kind) -> (SocketAddr, SocketAddr) {
        let (low, high) = (self.number as u8, (self.number >> 8) as u8);
        let (client, server) = if self.number.is_multiple_of(5) {
            let host = |last: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
            (host(self.number as u16 + 0x100), host(0x50))
        } else {
            (
                IpAddr::from(Ipv4Addr::new(10, 2, high, low)),
                IpAddr::from(Ipv4Addr::new(192, 0, 2, low % 16 + 1)),
            )
        };
        let port = match kind {
            Kind::Page => 80,
            Kind::Tls => 443,
            Kind::Shell => 2_222,
        };
        (
            SocketAddr::new(client, 32_768 + (self.visits % 28_000) as u16),
            SocketAddr::new(server, port),
        )
    }

    fn open(&mut self, tap: &mut Tap, now: u64) -> Visit {
        use Kind::{Page, Shell, Tls};

        self.visits += 1;
        let kind = tap.random.pick(&[Page, Page, Page, Page, Page, Tls, Tls, Tls, Tls, Shell]);
        let (client, server) = self.peers(kind);
        let mut tcp = Tcp::open(tap, now, client, server);
        match kind {
            Page => {}
            Tls => {
                let hello = client_hello(tap);
                tcp.send(tap, now + 150_000, Direction::ClientToServer, &hello);
                let hello = server_hello(tap);
                tcp.send(tap, now + 900_000, Direction::ServerToClient, &hello);
            }
            Shell => {
                tcp.send(tap, now + 150_000, Direction::ClientToServer, b"SSH-2.0-OpenSSH_9.9\r\n");
                tcp.send(
                    tap,
                    now + 400_000,
                    Direction::ServerToClient,
                    b"SSH-2.0-OpenSSH_9.2p1\r\n",
                );
            }
        }
        let exchanges = match kind {
            Page | Tls => tap.random.pick(&[1, 1, 2, 3, 5, 12]),
            Shell => tap.random.between(20, 200),
        };
        Visit { kind, tcp, exchanges, answer: 0, bytes: Vec::new() }
    }
}

impl Actor for Visitor {
    fn starts(&self) -> u64 {
        self.next
    }

    fn wake(&mut self, tap: &mut Tap, now: u64) -> u64 {
        let mut visit = match self.visit.take() {
            Some(visit) => visit,
            None => self.open(tap, now),
        };
        visit.tcp.wake(tap, now);
        if self.next > now {
            // Only an acknowledgement was due.
        } else if visit.answer > 0 {
            visit.go_on(tap, now, &self.content);
            self.next = now + visit.pause(tap);
        } else if visit.exchanges > 0 {
            visit.ask(tap, now, &self.content);
            self.next = now + visit.pause(tap);
        } else {
            visit.tcp.close(tap, now, Direction::ClientToServer);
            self.next = now + tap.random.between(1_000_000, 500_000_000);
            return self.next;
        }
        let due = visit.tcp.due();
        self.visit = Some(visit);
        self.next.min(due)
    }

    fn end(&mut self, tap: &mut Tap, now: u64) {
        if let Some(visit) = &mut self.visit {
            visit.tcp.close(tap, now, Direction::ServerToClient);
        }
    }
}

impl Visit {
    /// Sends a request and the head of its answer.
    fn ask(&mut self, tap: &mut Tap, now: u64, content: &[u8]) {
        self.exchanges -= 1;
        let (request, head) = match self.kind {
            Kind::Page => {
                self.answer = answer_length(tap);
                let name = tap.random.between(1, 5_000);
                let (kind, length) = (
                    tap.random.pick(&["application/javascript", "font/woff2", "text/css"]),
                    self.answer,
                );
                (
                    format!("GET /assets/{name} HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\nCookie: session=1f0c9a77e2b44d\r\n\r\n").into_bytes(),
                    format!("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: keep-alive\r\n\r\n").into_bytes(),
                )
            }
            Kind::Tls => {
                self.answer = answer_length(tap);
                (record(tap, content, 400), record(tap, content, 200))
            }
            Kind::Shell => (packet(tap, content, 36), packet(tap, content, 120)),
        };
        self.tcp.send(tap, now, Direction::ClientToServer, &request);
        self.tcp.send(tap, now + 300_000, Direction::ServerToClient, &head);
    }

    /// Nanoseconds to the next step: a round trip, a keystroke, or the time that reading takes.
    fn pause(&self, tap: &mut Tap) -> u64 {
        if self.answer > 0 {
            tap.random.between(1_000_000, 20_000_000)
        } else if self.kind == Kind::Shell {
            tap.random.between(50_000_000, 400_000_000)
        } else {
            tap.random.between(1_000_000_000, 8_000_000_000)
        }
    }

    /// Sends the next part of the answer.
    fn go_on(&mut self, tap: &mut Tap, now: u64, content: &[u8]) {
        let length = self.answer.min(BURST);
        self.answer -= length;
        self.bytes.clear();
        if self.kind == Kind::Tls {
            self.bytes.extend([23, 3, 3]);
            self.bytes.extend((length as u16).to_be_bytes());
        }
        let start = tap.random.between(0, (content.len() - length) as u64) as usize;
        self.bytes.extend_from_slice(&content[start..start + length]);
        self.tcp.send(tap, now, Direction::ServerToClient, &self.bytes);
    }
}

/// Bytes of an answer: mostly small.
fn answer_length(tap: &mut Tap) -> usize {
    let most = tap.random.pick(&[3_000, 20_000, 80_000]);
    tap.random.between(200, most) as usize
}

/// A TLS record of application data.
fn record(tap: &mut Tap, content: &[u8], most: u64) -> Vec<u8> {
    let length = tap.random.between(40, most) as usize;
    tls::record(23, slice(tap, content, length))
}

/// An encrypted packet of SSH.
fn packet(tap: &mut Tap, content: &[u8], most: u64) -> Vec<u8> {
    let length = tap.random.between(36, most) as usize;
    slice(tap, content, length).to_vec()
}

fn slice<'a>(tap: &mut Tap, content: &'a [u8], length: usize) -> &'a [u8] {
    let start = tap.random.between(0, (content.len() - length) as u64) as usize;
    &content[start..start + length]
}

/// A TLS 1.3 `ClientHello` for www.example.com (RFC 8446 section 4.1.2), with two extensions.
fn client_hello(tap: &mut Tap) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend(tap.random.array::<32>());
    body.push(0);
    body.extend([0, 4, 0x13, 0x01, 0x13, 0x02, 1, 0]);
    body.extend([0, 27]);
    body.extend([0, 0, 0, 16, 0, 14, 0, 0, 11]);
    body.extend(b"example.com");
    body.extend([0, 43, 0, 3, 2, 3, 4]);
    handshake(1, &body)
}

/// The `ServerHello` that answers it.
fn server_hello(tap: &mut Tap) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend(tap.random.array::<32>());
    body.extend([0, 0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 3, 4]);
    handshake(2, &body)
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len() as u16;
    let mut record = vec![22, 3, 1];
    record.extend((length + 4).to_be_bytes());
    record.extend([kind, 0]);
    record.extend(length.to_be_bytes());
    record.extend_from_slice(body);
    record
}

/// Somebody who asks for names.
struct Resolver {
    number: u64,
}

impl Actor for Resolver {
    fn starts(&self) -> u64 {
        self.number * 7_000_000
    }

    fn wake(&mut self, tap: &mut Tap, now: u64) -> u64 {
        let port = tap.random.between(32_768, 60_000) as u16;
        let client = SocketAddr::from((Ipv4Addr::new(10, 3, 0, self.number as u8 + 1), port));
        let server = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 53), 53));
        let number = u16::from_be_bytes(tap.random.array());
        let [query, answer] =
            [dns_query(number, NAME, 1), dns_answer(number, NAME, 1, 0, &["192.0.2.1"])];
        tap.packet(now, Sender::new(client, server, Checksum::Right).udp(&query));
        tap.packet(now + 2_000_000, Sender::new(server, client, Checksum::Right).udp(&answer));
        now + tap.random.between(20_000_000, 400_000_000)
    }

    fn end(&mut self, _tap: &mut Tap, _now: u64) {}
}

/// So that opening a connection is little of what it sends.
const BYTES_PER_TALKER: u64 = 200_000;
/// One byte of 20: 5 percent.
const CHAT_SHARE: u64 = 20;
const RESOLVERS: u64 = 5;
const NAME: &str = "www.example.com";
/// Bytes of an answer sent at a time: less than a TLS record may hold.
const BURST: usize = 14_000;
