//! How fast records of TLS are decrypted, by cipher suite: `records [BYTES]`, 1,400 of content by default.
//!
//! Measures the session alone, from the bytes of the stream to application data that is authentic: neither TCP
//! nor what the records carry.

#![expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "measures time, and computes with numbers of its own making"
)]

use std::env;
use std::io::{self, Write, stdout};
use std::time::{Duration, Instant};

use testkit::secure::{SUITES, TestSession};
use wslens::stream::{self, Chunk, Direction, Origin, length_u64};
use wslens::tls::{KeyLog, Session, SessionEvent, suite_name};

#[path = "../../src/testkit/mod.rs"]
mod testkit;

fn main() -> io::Result<()> {
    // `cargo bench` adds a flag to what the user gave.
    let length = env::args().find_map(|word| word.parse().ok()).unwrap_or(LENGTH);
    writeln!(stdout(), "records of {length} bytes, of which the content is counted")?;
    for (suite, encrypts_then_macs) in SUITES {
        let stream = Stream::new((*suite, *encrypts_then_macs), length);
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            best = best.min(stream.read());
        }
        let rate = (RECORDS * length) as f64 / best.as_secs_f64() / 1e6;
        let order = if *encrypts_then_macs { ", encrypt-then-MAC" } else { "" };
        let name = suite_name(*suite).unwrap_or("?");
        writeln!(stdout(), "{rate:9.0} MB/s  {name}{order}")?;
    }
    Ok(())
}

/// A session, ready to be read.
struct Stream {
    handshake: Vec<(Direction, Vec<u8>)>,
    /// What the server sends after it.
    records: Vec<u8>,
    log: KeyLog,
    length: usize,
}

impl Stream {
    fn new(suite: (u16, bool), length: usize) -> Self {
        let mut session = TestSession::new(suite);
        let mut log = KeyLog::default();
        assert_eq!(log.add(session.key_log().as_bytes()), Ok(()));
        let handshake = session.handshake();
        let content = vec![b'x'; length];
        let records =
            (0..RECORDS).flat_map(|_| session.data(Direction::ServerToClient, &content)).collect();
        Self { handshake, records, log, length }
    }

    /// Decrypts the records; gives how long it took.
    fn read(&self) -> Duration {
        let mut session = Session::default();
        for (direction, flight) in &self.handshake {
            session.push(*direction, chunk(flight, 0), &self.log, &mut |_| {});
        }
        let mut decrypted = 0;
        let start = Instant::now();
        // As they come in segments.
        for (at, segment) in (0_u64..).zip(self.records.chunks(SEGMENT)) {
            let chunk = chunk(segment, at * length_u64(SEGMENT));
            session.push(Direction::ServerToClient, chunk, &self.log, &mut |event| {
                if let SessionEvent::Data(_, record) = event {
                    decrypted += record.length();
                }
            });
        }
        let time = start.elapsed();
        assert_eq!(decrypted, RECORDS * self.length, "all of it was decrypted");
        time
    }
}

fn chunk(bytes: &[u8], offset: u64) -> Chunk<'_> {
    Chunk { offset, bytes, origin: Origin::default() }
}

/// Bytes of content of a record, with which it fits into a segment of Ethernet.
const LENGTH: usize = 1_400;

/// Payload of a segment, in bytes.
const SEGMENT: usize = 1_448;

const RECORDS: usize = 20_000;

/// The best of so many is reported.
const ROUNDS: usize = 5;
