//! The queue between the capturing threads and the reader, bounded in bytes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::capture::Error;
use crate::stream::Timestamp;

/// Batches that were captured and not read yet.
///
/// If it is full, the capturing threads wait: packets stay in the kernel's buffer, and the kernel
/// counts those that do not fit.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    /// Signals that a batch was added, or that the last source ended.
    filled: Condvar,
    /// Signals that a batch was taken.
    emptied: Condvar,
}

#[derive(Debug)]
struct QueueState {
    batches: VecDeque<Batch>,
    /// Bytes of the packets in `batches`.
    bytes: usize,
    /// Batches for reuse.
    spare: Vec<Batch>,
    /// How many interfaces are still being captured on.
    sources: usize,
    /// The reader is gone.
    closed: bool,
    /// Error of the first interface that failed.
    failure: Option<Error>,
}

/// The result of taking from the queue.
#[derive(Debug)]
pub(super) enum Taken {
    /// The next batch.
    Batch(Batch),
    /// No batch within the given time.
    Nothing,
    /// No more batches follow.
    End,
}

impl Queue {
    /// Creates an empty queue for a number of interfaces.
    pub(super) fn new(sources: usize) -> Self {
        let state = QueueState {
            batches: VecDeque::new(),
            bytes: 0,
            spare: Vec::new(),
            sources,
            closed: false,
            failure: None,
        };
        Self { state: Mutex::new(state), filled: Condvar::new(), emptied: Condvar::new() }
    }

    /// An empty batch for packets of an interface.
    pub(super) fn batch(&self, source: usize) -> Batch {
        let spare = self.state().spare.pop();
        let mut batch = spare.unwrap_or_default();
        batch.source = source;
        batch
    }

    /// Adds a batch; waits while the queue is full. Returns false if the reader is gone.
    pub(super) fn push(&self, batch: Batch) -> bool {
        let mut state = self.state();
        while state.bytes >= QUEUE_BYTES && !state.closed {
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return false;
        }
        state.bytes = state.bytes.saturating_add(batch.bytes.len());
        state.batches.push_back(batch);
        drop(state);
        self.filled.notify_one();
        true
    }

    /// Ends an interface, with the error if it failed.
    pub(super) fn end(&self, failure: Option<Error>) {
        let mut state = self.state();
        state.sources = state.sources.saturating_sub(1);
        if state.failure.is_none() {
            state.failure = failure;
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Takes the oldest batch; waits for it, at most for `timeout`.
    pub(super) fn take(&self, timeout: Option<Duration>) -> Taken {
        let mut state = self.state();
        loop {
            if let Some(batch) = state.batches.pop_front() {
                state.bytes = state.bytes.saturating_sub(batch.bytes.len());
                drop(state);
                self.emptied.notify_all();
                return Taken::Batch(batch);
            }
            if state.sources == 0 {
                return Taken::End;
            }
            match timeout {
                None => {
                    state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Some(timeout) => {
                    let (later, result) = self
                        .filled
                        .wait_timeout(state, timeout)
                        .unwrap_or_else(PoisonError::into_inner);
                    state = later;
                    if result.timed_out() && state.batches.is_empty() && state.sources > 0 {
                        return Taken::Nothing;
                    }
                }
            }
        }
    }

    /// Returns a batch for reuse.
    pub(super) fn give_back(&self, mut batch: Batch) {
        batch.clear();
        // A batch with unusually large packets would keep its memory forever.
        if batch.bytes.capacity() <= SPARE_BYTES {
            let mut state = self.state();
            if state.spare.len() < SPARE_BATCHES {
                state.spare.push(batch);
            }
        }
    }

    /// Whether a batch is available, or none will follow.
    pub(super) fn is_ready(&self) -> bool {
        let state = self.state();
        !state.batches.is_empty() || state.sources == 0
    }

    /// Takes the error of an interface.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.state().failure.take()
    }

    /// Closes the queue, because the reader is gone.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.emptied.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        // No operation leaves an inconsistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Packets taken from the kernel at once, in memory that is reused.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Index of the interface among those captured on.
    pub(super) source: usize,
    bytes: Vec<u8>,
    headers: Vec<BatchHeader>,
}

/// A packet of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchHeader {
    pub(super) time: Timestamp,
    pub(super) original_length: u32,
    start: usize,
    end: usize,
}

impl Batch {
    /// Adds a packet.
    pub(super) fn push(&mut self, time: Timestamp, original_length: u32, bytes: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.headers.push(BatchHeader { time, original_length, start, end: self.bytes.len() });
    }

    /// The number of packets.
    pub(super) fn len(&self) -> usize {
        self.headers.len()
    }

    /// Whether it has enough bytes to be handed over.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH_BYTES
    }

    /// The time of the last packet.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.headers.last().map(|header| header.time)
    }

    /// A packet by index.
    pub(super) fn header(&self, index: usize) -> Option<BatchHeader> {
        self.headers.get(index).copied()
    }

    /// The captured bytes of a packet.
    pub(super) fn content(&self, header: BatchHeader) -> &[u8] {
        self.bytes.get(header.start..header.end).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.headers.clear();
    }
}

/// Bytes of packets in a full queue: a few hundred milliseconds of a very busy interface.
const QUEUE_BYTES: usize = 32 << 20;

/// Bytes of a full batch, if packets arrive faster than they are read.
const BATCH_BYTES: usize = 256 << 10;

/// Batches with more memory than this are not reused, in bytes.
const SPARE_BYTES: usize = 4 * BATCH_BYTES;

/// The most batches kept for reuse.
const SPARE_BATCHES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    fn batch(source: usize, length: usize) -> Batch {
        let mut batch = Batch { source, ..Batch::default() };
        batch.push(Timestamp(7), 9_000, &vec![1; length]);
        batch
    }

    #[test]
    fn batches_come_out_as_they_went_in() {
        let queue = Queue::new(2);
        assert!(!queue.is_ready());
        assert!(queue.push(batch(0, 3)) && queue.push(batch(1, 5)));
        assert!(queue.is_ready());
        for expected in [(0, 3), (1, 5)] {
            let Taken::Batch(batch) = queue.take(None) else { panic!("a batch is there") };
            let header = batch.header(0).unwrap();
            assert_eq!((batch.source, batch.content(header).len()), expected);
            assert_eq!((header.time, header.original_length), (Timestamp(7), 9_000));
            assert!(batch.header(1).is_none());
            queue.give_back(batch);
        }
        assert_eq!(queue.batch(1).len(), 0);
        assert!(matches!(queue.take(Some(Duration::from_millis(1))), Taken::Nothing));
    }

    #[test]
    fn it_ends_with_the_last_interface_and_the_first_failure() {
        let queue = Queue::new(3);
        let failure = |name: &str| Error::Missing { name: name.to_owned() };
        assert!(queue.push(batch(0, 1)));
        queue.end(None);
        queue.end(Some(failure("one")));
        assert!(matches!(queue.take(None), Taken::Batch(_)));
        assert!(matches!(queue.take(Some(Duration::from_millis(1))), Taken::Nothing));
        queue.end(Some(failure("two")));
        assert!(matches!(queue.take(None), Taken::End));
        assert!(queue.take_failure().unwrap().to_string().starts_with("one"));
        assert!(queue.take_failure().is_none());
    }

    #[test]
    fn a_full_queue_makes_wait_until_it_is_read_or_closed() {
        for closing in [false, true] {
            let queue = Arc::new(Queue::new(1));
            assert!(queue.push(batch(0, QUEUE_BYTES)));
            let writer = Arc::clone(&queue);
            #[expect(clippy::disallowed_methods, reason = "a test of threads")]
            let waiting = thread::spawn(move || writer.push(batch(0, 1)));
            if closing {
                queue.close();
            } else {
                assert!(matches!(queue.take(None), Taken::Batch(_)));
            }
            assert_eq!(waiting.join().unwrap(), !closing, "closing: {closing}");
        }
    }
}
