//! One growable buffer over any reader.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::compressed::Undecodable;
use super::error::{Damage, Error, TruncatedPart};
use crate::stream::length_u64;

/// Unread bytes of a capture, refilled from a reader.
///
/// Packets are slices of the buffer. Only the unread tail moves when it is refilled, and it grows
/// only for a piece that does not fit, so memory stays the same however long the file is.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    name: String,
    progress: BytesRead,
    buffer: Vec<u8>,
    /// The unread bytes are `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Position of `buffer[0]` in the (uncompressed) file.
    base: u64,
}

impl Input {
    pub(super) fn new(reader: Box<dyn Read + Send>, name: String, progress: BytesRead) -> Self {
        Self { reader, name, progress, buffer: Vec::new(), start: 0, end: 0, base: 0 }
    }

    /// The name of the file in messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of the (compressed) file that were read so far.
    pub(super) fn position(&self) -> u64 {
        self.progress.get()
    }

    /// Position of the first unread byte in the (uncompressed) file.
    #[inline]
    pub(super) fn offset(&self) -> u64 {
        self.base + length_u64(self.start)
    }

    /// The unread bytes in the buffer.
    #[inline]
    pub(super) fn available(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Makes `length` unread bytes available; false if the file ends before that.
    ///
    /// Returns as soon as they are available, so that packets of a pipe are returned when they arrive.
    #[inline]
    pub(super) fn ensure(&mut self, length: usize) -> Result<bool, Error> {
        if self.end - self.start >= length { Ok(true) } else { self.fill(length) }
    }

    /// Takes `before + length + after` bytes, which must be available, and returns the middle ones.
    #[inline]
    pub(super) fn take(&mut self, before: usize, length: usize, after: usize) -> &[u8] {
        let first = self.start + before;
        let last = first + length;
        self.start = (last + after).min(self.end);
        self.buffer.get(first..last).unwrap_or_default()
    }

    /// Skips `length` bytes, which must be available.
    #[inline]
    pub(super) fn consume(&mut self, length: usize) {
        self.start = (self.start + length).min(self.end);
    }

    /// Skips bytes that need not be available; false if the file ends before that.
    pub(super) fn skip(&mut self, length: u64) -> Result<bool, Error> {
        let mut left = length;
        loop {
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(self.end - self.start);
            self.start += step;
            left -= length_u64(step);
            if left == 0 {
                return Ok(true);
            }
            if !self.fill(1)? {
                return Ok(false);
            }
        }
    }

    /// The reader, preceded by the unread bytes.
    pub(super) fn into_reader(self) -> (Box<dyn Read + Send>, String, BytesRead) {
        let unread = self.available().to_vec();
        (Box::new(io::Cursor::new(unread).chain(self.reader)), self.name, self.progress)
    }

    /// The error for a capture that ends in a piece of `length` bytes which starts here.
    pub(super) fn truncated(&self, piece: TruncatedPart, length: u64) -> Error {
        let missing = length.saturating_sub(length_u64(self.end - self.start));
        Error::Truncated { name: self.name.clone(), piece, offset: self.offset(), missing }
    }

    /// The error for a piece that starts here and from which the next cannot be found.
    pub(super) fn damaged(&self, damage: Damage) -> Error {
        Error::Damaged { name: self.name.clone(), offset: self.offset(), damage }
    }

    #[cold]
    fn fill(&mut self, length: usize) -> Result<bool, Error> {
        while self.end - self.start < length {
            self.make_room(length);
            let free = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.reader.read(free) {
                Ok(0) => return Ok(false),
                Ok(count) => self.end = (self.end + count).min(self.buffer.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(error)),
            }
        }
        Ok(true)
    }

    /// Makes room after the unread bytes, for a piece of `length` bytes that starts with them.
    fn make_room(&mut self, length: usize) {
        if self.start > 0 && self.buffer.len() - self.end < READ_LENGTH / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.base += length_u64(self.start);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            // Doubled only as bytes actually arrive, because a length may be wrong.
            let wanted = length.min(self.buffer.len().saturating_mul(2));
            self.buffer.resize(wanted.max(self.end + READ_LENGTH), 0);
        }
    }

    fn failure(&self, cause: io::Error) -> Error {
        let name = self.name.clone();
        match cause.get_ref().and_then(|inner| inner.downcast_ref::<Undecodable>()) {
            Some(Undecodable { flaw }) => {
                Error::DamagedCompression { name, flaw: *flaw, position: self.position() }
            }
            None => Error::Io { name, cause },
        }
    }
}

/// How many bytes of a file were read, counted below any decompression.
#[derive(Clone, Debug, Default)]
pub(super) struct BytesRead(Arc<AtomicU64>);

impl BytesRead {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A reader that counts what is read.
pub(super) struct Counted<R> {
    pub(super) reader: R,
    pub(super) progress: BytesRead,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(target)?;
        self.progress.0.fetch_add(length_u64(count), Ordering::Relaxed);
        Ok(count)
    }
}

/// Bytes requested from the reader at once.
///
/// Large enough that system calls do not matter, and small enough to stay in a core's cache: 29 MB
/// of 80,000 packets took 54 ns per packet, and 80 ns with 1 MiB.
const READ_LENGTH: usize = 1 << 18;
