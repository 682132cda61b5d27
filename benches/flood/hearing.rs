//! What of the messages of a load comes out of a capture, and how late.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "how late something comes is told by the clock"
)]

use std::io::{self, Read};
use std::time::{SystemTime, UNIX_EPOCH};

use memchr::memmem;
use serde_json::{Value, json};

/// Lines of ndjson that were read, and when.
pub(crate) struct Heard {
    /// How late each message was, from its sender's clock to its line at the reader, in microseconds.
    delays: Vec<u32>,
    /// Messages that did not come in the order in which they were sent, or came twice.
    out_of_order: u64,
    last_number: Option<u64>,
    last_line: Vec<u8>,
}

impl Heard {
    /// Reads to the end.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn of(mut input: impl Read) -> io::Result<Self> {
        let mut heard =
            Self { delays: Vec::new(), out_of_order: 0, last_number: None, last_line: Vec::new() };
        let mut buffer = vec![0; 1 << 16];
        let mut rest = Vec::new();
        loop {
            let length = input.read(&mut buffer)?;
            if length == 0 {
                return Ok(heard);
            }
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            rest.extend(&buffer[..length]);
            let Some(end) = memchr::memrchr(b'\n', &rest) else { continue };
            for line in rest[..end].split(|it| *it == b'\n') {
                heard.line(line, now);
            }
            rest.drain(..=end);
        }
    }

    fn line(&mut self, line: &[u8], now: u128) {
        self.last_line.clear();
        self.last_line.extend(line);
        let Some(place) = memmem::find(line, b"\"n=") else { return };
        let (number, time) = (digits(line, place + 3, 10), digits(line, place + 16, 19));
        let (Some(number), Some(time)) = (number, time) else { return };
        let delay = now.saturating_sub(u128::from(time)) / 1000;
        self.delays.push(u32::try_from(delay).unwrap_or(u32::MAX));
        if self.last_number.is_some_and(|last| number <= last) {
            self.out_of_order += 1;
        }
        self.last_number = Some(number);
    }

    /// Counts, delays in milliseconds, and the summary as wslens wrote it.
    pub(crate) fn to_json(&self) -> Value {
        let mut delays = self.delays.clone();
        delays.sort_unstable();
        let at = |percent: usize| {
            let place = (delays.len() * percent / 100).min(delays.len().saturating_sub(1));
            delays.get(place).map(|it| f64::from(*it) / 1000.0)
        };
        json!({
            "messages": delays.len(),
            "out_of_order": self.out_of_order,
            "median_ms": at(50),
            "p99_ms": at(99),
            "max_ms": at(100),
            "summary": serde_json::from_slice::<Value>(&self.last_line).ok(),
        })
    }
}

/// A number of so many digits.
fn digits(line: &[u8], place: usize, length: usize) -> Option<u64> {
    std::str::from_utf8(line.get(place..place + length)?).ok()?.parse().ok()
}
