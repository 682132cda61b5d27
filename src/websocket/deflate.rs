//! permessage-deflate (RFC 7692): inflation of one direction's messages.

use crate::stream::length_u64;
use crate::websocket::extension::SideParams;
use crate::websocket::inflate::{Fault, Pause, Stream};
use crate::websocket::message::{DeflateEnding, Tail};

pub use crate::websocket::inflate::{DeflateFault, Spares};

/// Inflates the messages of one direction.
///
/// Between two messages it keeps the last of their output, to which the next may refer; all else
/// that it needs is taken from [`Spares`], which all directions share, and given back.
#[derive(Debug)]
pub struct Inflater {
    takeover: bool,
    /// Whether anything is missing of what was sent before, and why.
    start: HistoryStart,
    /// Without takeover: what the messages before inflated to, in bytes.
    earlier: u64,
    stream: Stream,
    /// Compressed bytes of the message so far.
    consumed: u64,
    failure: Option<Failure>,
    ending: DeflateEnding,
    limit: u64,
}

/// Why a message could not be inflated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// It refers to output that was never seen.
    HistoryMissing,
    /// It refers to output that was dropped to save memory.
    HistoryEvicted,
    /// It refers to an earlier message, which its sender agreed not to do (RFC 7692 §7.1.1).
    Forgotten {
        /// The compressed byte, counted from the message's start, that holds the reference.
        offset: u64,
        /// How far back it refers, in bytes.
        distance: u32,
        /// How much of the message had come out before it, in bytes: less than `distance`.
        available: u32,
    },
    /// It is not a valid DEFLATE stream.
    Invalid {
        /// The compressed byte, counted from the message's start, up to which it could be read.
        offset: u64,
        /// What is wrong.
        fault: DeflateFault,
    },
    /// It is larger than the limit.
    TooLarge,
}

impl Inflater {
    /// Makes the inflater of a direction whose peer agreed to `params`.
    ///
    /// `limit` is the most that one message may inflate to, in bytes. With `history` missing, a
    /// reference to what was sent earlier is not a mistake of the peer's.
    pub fn new(params: SideParams, history: HistoryStart, limit: u64) -> Self {
        Self {
            takeover: !params.no_context_takeover,
            start: history,
            earlier: 0,
            stream: Stream::default(),
            consumed: 0,
            failure: None,
            ending: DeflateEnding::default(),
            limit,
        }
    }

    /// Creates an inflater that resumes where another one stopped.
    pub fn resume(params: SideParams, history: History<'_>, limit: u64) -> Self {
        let mut it = Self::new(params, history.start, limit);
        it.earlier = history.earlier;
        it.stream.remember(history.output);
        it
    }

    /// What the next message may refer to. Between two messages only.
    pub fn history(&self) -> History<'_> {
        History { output: self.stream.history(), start: self.start, earlier: self.earlier }
    }

    /// Starts a message.
    pub fn begin(&mut self, spares: &mut Spares) {
        self.consumed = 0;
        self.failure = None;
        self.ending = DeflateEnding::default();
        self.stream.begin(spares, self.limit);
    }

    /// Inflates the next bytes of the message; `output` takes what comes out, in pieces.
    ///
    /// Outputs everything that these bytes determine. After a failure, outputs nothing until the next
    /// message.
    pub fn push(&mut self, spares: &mut Spares, input: &[u8], output: &mut impl FnMut(&[u8])) {
        self.consumed = self.consumed.saturating_add(length_u64(input.len()));
        self.feed(spares, input, output);
    }

    /// Ends the message: the last bytes come out.
    pub fn end(&mut self, spares: &mut Spares, output: &mut impl FnMut(&[u8])) {
        let sent = self.stream.pause();
        // The last of them may be left by a flush, which the tail reports.
        let flushed = u64::from(sent == Pause::Flushed);
        self.ending.after_final = self.stream.blocks_after_final() > flushed;
        // RFC 7692 §7.2.2: append four octets of 0x00 0x00 0xff 0xff to the tail end.
        self.feed(spares, &[0x00, 0x00, 0xff, 0xff], output);
        if self.failure.is_none() {
            self.ending.tail = match (sent, self.stream.pause()) {
                (Pause::Flushed, _) => Tail::Kept,
                (Pause::Final, _) => Tail::Final,
                (Pause::Within, Pause::Flushed | Pause::Final) => Tail::Removed,
                (Pause::Within, Pause::Within) => Tail::Torn,
            };
        }
        self.finish(spares);
    }

    /// Ends a message that cannot be inflated to its end because bytes of it are missing.
    pub fn abandon(&mut self, spares: &mut Spares) {
        self.failure.get_or_insert(Failure::HistoryMissing);
        self.finish(spares);
    }

    /// Forgets all output, to save memory: what refers to it, in this message or later ones, cannot be
    /// inflated.
    pub fn evict(&mut self, spares: &mut Spares) {
        if self.memory() > 0 {
            self.failure.get_or_insert(Failure::HistoryEvicted);
            self.start = HistoryStart::Evicted;
            self.stream.end(spares);
            self.stream.forget(spares);
        }
    }

    /// Memory taken, in bytes.
    pub fn memory(&self) -> usize {
        self.stream.memory()
    }

    /// Why the message could not be inflated, so far.
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// The largest distance at which the message repeats earlier output, so far, in bytes; 0 if
    /// it repeats nothing.
    ///
    /// More than the window that was negotiated holds (RFC 7692 §7.1.2) is a mistake of the
    /// sender's, which matters only if the receiver does not have a larger one.
    pub fn farthest(&self) -> u32 {
        self.stream.farthest()
    }

    /// How the message ends, once it has ended.
    pub fn ending(&self) -> DeflateEnding {
        self.ending
    }

    fn finish(&mut self, spares: &mut Spares) {
        let (failure, behind) = (self.failure, self.stream.after_final());
        let is_fault = matches!(self.failure, Some(Failure::Invalid { .. }));
        self.ending.after_final |= behind.is_some_and(|length| length > 0 || is_fault);
        self.earlier = self.earlier.saturating_add(self.stream.put_out());
        self.stream.end(spares);
        // What later messages refer to was not all seen: start anew, and remember that.
        self.start = match failure {
            None => self.start,
            Some(Failure::HistoryEvicted) => HistoryStart::Evicted,
            Some(_) => HistoryStart::Missed,
        };
        if failure.is_some() || !self.takeover {
            self.stream.forget(spares);
        }
    }

    fn feed(&mut self, spares: &mut Spares, input: &[u8], output: &mut impl FnMut(&[u8])) {
        if self.failure.is_some() {
            return;
        }
        let result = self.stream.push(input, spares, output);
        self.failure = result.err().map(|fault| self.judge(fault));
    }

    fn judge(&self, fault: Fault) -> Failure {
        let offset = self.stream.position().min(self.consumed);
        match fault {
            Fault::TooLarge => Failure::TooLarge,
            Fault::TooFar(_) if self.takeover && self.start == HistoryStart::Evicted => {
                Failure::HistoryEvicted
            }
            Fault::TooFar(_) if self.takeover && self.start == HistoryStart::Missed => {
                Failure::HistoryMissing
            }
            Fault::TooFar(distance) if !self.takeover && self.was_sent(distance) => {
                let available = u32::try_from(self.stream.reachable()).unwrap_or(u32::MAX);
                Failure::Forgotten { offset, distance: u32::from(distance), available }
            }
            Fault::TooFar(_) => Failure::Invalid { offset, fault: DeflateFault::BeforeStart },
            Fault::Invalid(fault) => Failure::Invalid { offset, fault },
        }
    }

    /// Whether as much may have been put out, in this message and those before it.
    fn was_sent(&self, distance: u16) -> bool {
        let sent = self.earlier.saturating_add(self.stream.reachable());
        self.start != HistoryStart::Seen || u64::from(distance) <= sent
    }
}

/// The state of an inflater between two messages, from which it can be resumed.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// The last output, up to 32 KiB of it; empty without context takeover.
    pub output: &'a [u8],
    /// Whether all that may be referred to was seen.
    pub start: HistoryStart,
    /// Bytes that all messages so far inflated to.
    pub earlier: u64,
}

/// Whether a direction was seen from its first message on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HistoryStart {
    /// All of it.
    Seen,
    /// The capture began later, or bytes are missing.
    Missed,
    /// Dropped to save memory.
    Evicted,
}

#[cfg(test)]
mod tests;
