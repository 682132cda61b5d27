//! A client that sends numbered messages at a given rate, and a server that receives them.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a load is sent by the clock, its server has a thread of its own, and it reads nobody's input"
)]

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// What to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// How long.
    pub(crate) time: Duration,
    /// Messages a second, as far as the machine gives them.
    pub(crate) rate: u32,
    pub(crate) writes: Writes,
}

/// How messages are given to the system.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Writes {
    /// Each by itself, without Nagle's algorithm, so that most are a packet.
    Each,
    /// All that are due at once.
    Packed,
}

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) messages: u64,
    /// Bytes of all text frames.
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

impl Load {
    /// A load in words: seconds, messages a second, and `each` or `packed`.
    pub(crate) fn parse(seconds: &str, rate: &str, writes: &str) -> Option<Self> {
        let writes = match writes {
            "each" => Writes::Each,
            "packed" => Writes::Packed,
            _ => return None,
        };
        let time = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
        Some(Self { time, rate: rate.parse().ok()?, writes })
    }

    /// Sends it, on a port of the loopback interface that the system chooses.
    ///
    /// # Errors
    ///
    /// When a socket fails.
    pub(crate) fn send(self) -> io::Result<Sent> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let server = thread::spawn(move || serve(&listener));
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.write_all(REQUEST)?;
        until_blank_line(&mut stream)?;
        let sent = self.messages(&mut stream)?;
        stream.write_all(CLIENT_CLOSE)?;
        stream.shutdown(Shutdown::Write)?;
        stream.read_to_end(&mut Vec::new())?;
        server.join().map_err(|_| io::Error::other("the server fell over"))??;
        Ok(sent)
    }

    fn messages(self, stream: &mut TcpStream) -> io::Result<Sent> {
        let start = Instant::now();
        let mut frames = Vec::with_capacity(PACK);
        let (mut messages, mut bytes) = (0_u64, 0);
        while start.elapsed() < self.time {
            let due = start.elapsed().as_micros() * u128::from(self.rate) / 1_000_000;
            let due = u64::try_from(due).unwrap_or(u64::MAX);
            if messages >= due {
                thread::sleep(TICK);
            }
            while messages < due && start.elapsed() < self.time {
                frames.clear();
                while messages < due && frames.len() + FRAME_LENGTH <= PACK {
                    push_frame(&mut frames, messages);
                    messages += 1;
                    if self.writes == Writes::Each {
                        break;
                    }
                }
                stream.write_all(&frames)?;
                bytes += frames.len() as u64;
            }
        }
        Ok(Sent { messages, bytes, time: start.elapsed() })
    }
}

impl Sent {
    pub(crate) fn to_json(self) -> Value {
        json!({ "messages": self.messages, "bytes": self.bytes, "seconds": self.time.as_secs_f64() })
    }
}

/// Appends a masked text frame that tells its number and the time.
fn push_frame(frames: &mut Vec<u8>, number: u64) {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    // An odd factor: no two keys in a row are the same.
    let key = (number as u32).wrapping_mul(0x9e37_79b1).to_be_bytes();
    frames.extend([0x81, 0x80 | CONTENT_LENGTH as u8]);
    frames.extend(key);
    let content = frames.len();
    write!(frames, "n={number:010} t={time:019}").ok();
    for (byte, key) in frames[content..].iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

/// Agrees to the handshake and takes everything until the client has no more to say.
fn serve(listener: &TcpListener) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    until_blank_line(&mut stream)?;
    stream.write_all(RESPONSE)?;
    let mut buffer = vec![0; 1 << 18];
    while stream.read(&mut buffer)? > 0 {}
    stream.write_all(SERVER_CLOSE)
}

fn until_blank_line(stream: &mut TcpStream) -> io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(())
}

/// Length of each message: its number with ten digits, and nanoseconds since 1970 with nineteen.
const CONTENT_LENGTH: usize = 34;

/// Length of each frame.
const FRAME_LENGTH: usize = 2 + 4 + CONTENT_LENGTH;

/// Bytes that are written at once at most.
const PACK: usize = 32 << 10;

/// How long to rest when nothing is due.
const TICK: Duration = Duration::from_micros(500);

// Key and answer are those of RFC 6455 section 1.3.
const REQUEST: &[u8] = b"GET /flood HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Close frames with code 1000.
const CLIENT_CLOSE: &[u8] = &[0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe8 ^ 2];
const SERVER_CLOSE: &[u8] = &[0x88, 0x02, 0x03, 0xe8];
