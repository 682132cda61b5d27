//! permessage-deflate (RFC 7692): inflation of one direction's messages.

use crate::stream::length_u64;
use crate::websocket::extension::SideParams;
use crate::websocket::inflate::{Fault, Stream};

pub use crate::websocket::inflate::Spares;

/// Inflates the messages of one direction.
///
/// Between two messages it keeps the last of their output, to which the next may refer; all else
/// that it needs is taken from [`Spares`], which all directions share, and given back.
#[derive(Debug)]
pub struct Inflater {
    takeover: bool,
    /// Whether nothing that a message may refer to is missing.
    complete: bool,
    stream: Stream,
    /// Compressed bytes of the message so far.
    consumed: u64,
    failure: Option<Failure>,
    limit: u64,
}

/// Why a message could not be inflated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// It refers to output that was never seen.
    HistoryMissing,
    /// It is no valid DEFLATE stream; the offset is that of the compressed byte, counted from the
    /// message's start, up to which it could be read.
    Invalid(u64),
    /// It is larger than the limit.
    TooLarge,
}

impl Inflater {
    /// Makes the inflater of a direction whose peer agreed to `params`.
    ///
    /// `limit` is the most that one message may inflate to, in bytes. With `history` missing, a
    /// reference to what was sent earlier is no mistake of the peer's.
    pub fn new(params: SideParams, history: HistoryStart, limit: u64) -> Self {
        let complete = match history {
            HistoryStart::Seen => true,
            HistoryStart::Missed => false,
        };
        Self {
            takeover: !params.no_context_takeover,
            complete,
            stream: Stream::default(),
            consumed: 0,
            failure: None,
            limit,
        }
    }

    /// Starts a message.
    pub fn begin(&mut self, spares: &mut Spares) {
        self.consumed = 0;
        self.failure = None;
        self.stream.begin(spares, self.limit);
    }

    /// Inflates the next bytes of the message; `output` takes what comes out, in pieces.
    ///
    /// All comes out that these bytes tell. After a failure, nothing does any more until the next
    /// message.
    pub fn push(&mut self, spares: &mut Spares, input: &[u8], output: &mut impl FnMut(&[u8])) {
        self.consumed = self.consumed.saturating_add(length_u64(input.len()));
        self.feed(spares, input, output);
    }

    /// Ends the message: the last bytes come out.
    pub fn end(&mut self, spares: &mut Spares, output: &mut impl FnMut(&[u8])) {
        // RFC 7692 §7.2.2: append four octets of 0x00 0x00 0xff 0xff to the tail end.
        self.feed(spares, &[0x00, 0x00, 0xff, 0xff], output);
        self.finish(spares);
    }

    /// Ends a message that cannot be inflated to its end because bytes of it are missing.
    pub fn abandon(&mut self, spares: &mut Spares) {
        self.failure.get_or_insert(Failure::HistoryMissing);
        self.finish(spares);
    }

    /// Why the message could not be inflated, so far.
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// The largest distance at which the message repeats earlier output, so far, in bytes; 0 where
    /// it repeats nothing.
    ///
    /// More than the window that was negotiated holds (RFC 7692 §7.1.2) is a mistake of the
    /// sender's, which shows only where the receiver has no larger one.
    pub fn farthest(&self) -> u32 {
        self.stream.farthest()
    }

    fn finish(&mut self, spares: &mut Spares) {
        self.stream.end(spares);
        if !self.takeover {
            self.stream.forget(spares);
        } else if self.failure.is_some() {
            // What later messages refer to was not all seen: start anew, and remember that.
            self.stream.forget(spares);
            self.complete = false;
        }
    }

    fn feed(&mut self, spares: &mut Spares, input: &[u8], output: &mut impl FnMut(&[u8])) {
        if self.failure.is_some() {
            return;
        }
        self.failure = self.stream.push(input, spares, output).err().map(|fault| match fault {
            Fault::TooLarge => Failure::TooLarge,
            Fault::TooFar if !self.complete => Failure::HistoryMissing,
            Fault::TooFar | Fault::Invalid => {
                Failure::Invalid(self.stream.position().min(self.consumed))
            }
        });
    }
}

/// Whether a direction was seen from its first message on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HistoryStart {
    /// All of it.
    Seen,
    /// The capture began later.
    Missed,
}

#[cfg(test)]
mod tests;
