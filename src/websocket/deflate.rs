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
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    const TAKEOVER: SideParams = SideParams { no_context_takeover: false, window_bits: 15 };
    const FRESH: SideParams = SideParams { no_context_takeover: true, window_bits: 15 };
    const LIMIT: u64 = 1 << 26;

    fn inflate(inflater: &mut Inflater, spares: &mut Spares, pieces: &[&[u8]]) -> Vec<u8> {
        let mut all = Vec::new();
        inflater.begin(spares);
        for piece in pieces {
            inflater.push(spares, piece, &mut |out| all.extend_from_slice(out));
        }
        inflater.end(spares, &mut |out| all.extend_from_slice(out));
        all
    }

    fn deflate(compressor: &mut Compress, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() + 1024);
        compressor.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
        assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
        out.truncate(out.len() - 4);
        out
    }

    // RFC 7692 §7.2.3, all of its examples that are whole messages.
    #[rustfmt::skip]
    const GOLDEN: &[(&str, &[&[u8]])] = &[
        ("one compressed block (7.2.3.1)", &[&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]]),
        ("split in two frames (7.2.3.1)", &[&[0xf2, 0x48, 0xcd], &[0xc9, 0xc9, 0x07, 0x00]]),
        ("no compression (7.2.3.3)", &[&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]]),
        ("BFINAL set to 1 (7.2.3.4)", &[&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]]),
        ("two blocks (7.2.3.5)", &[&[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]]),
    ];

    #[test]
    fn examples_of_rfc_7692_inflate_to_hello() {
        for (name, pieces) in GOLDEN {
            for params in [TAKEOVER, FRESH] {
                let (mut inflater, mut spares) =
                    (Inflater::new(params, HistoryStart::Seen, LIMIT), Spares::default());
                assert_eq!(inflate(&mut inflater, &mut spares, pieces), b"Hello", "{name}");
                assert_eq!(inflater.failure(), None, "{name}");
            }
        }
    }

    #[test]
    fn second_message_may_refer_to_the_first() {
        // RFC 7692 §7.2.3.2
        let second: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];
        let mut spares = Spares::default();
        let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
        assert_eq!(inflate(&mut inflater, &mut spares, GOLDEN[0].1), b"Hello");
        assert_eq!(inflate(&mut inflater, &mut spares, &[second]), b"Hello");

        let mut late = Inflater::new(TAKEOVER, HistoryStart::Missed, LIMIT);
        inflate(&mut late, &mut spares, &[second]);
        assert_eq!(late.failure(), Some(Failure::HistoryMissing));
        assert_eq!(inflate(&mut late, &mut spares, GOLDEN[0].1), b"Hello", "recovers");
        assert_eq!(inflate(&mut late, &mut spares, &[second]), b"Hello", "and has a history again");

        let mut fresh = Inflater::new(FRESH, HistoryStart::Seen, LIMIT);
        inflate(&mut fresh, &mut spares, GOLDEN[0].1);
        inflate(&mut fresh, &mut spares, &[second]);
        assert!(matches!(fresh.failure(), Some(Failure::Invalid(_))), "{:?}", fresh.failure());
    }

    #[test]
    fn history_survives_bfinal_in_any_block() {
        let mut spares = Spares::default();
        let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
        let stored = GOLDEN[2].1[0];
        let mut two_blocks = stored[..stored.len() - 1].to_vec();
        two_blocks.extend_from_slice(GOLDEN[3].1[0]);
        assert_eq!(inflate(&mut inflater, &mut spares, &[&two_blocks]), b"HelloHello");
        assert_eq!(
            inflate(&mut inflater, &mut spares, &[&[0xf2, 0x00, 0x11, 0x00, 0x00]]),
            b"Hello"
        );
    }

    #[test]
    fn empty_message_is_one_zero_byte() {
        let (mut inflater, mut spares) =
            (Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT), Spares::default());
        assert_eq!(inflate(&mut inflater, &mut spares, &[&[0x00]]), b"");
        assert_eq!(inflater.failure(), None);
    }

    #[test]
    fn nonsense_is_invalid_at_its_offset_and_the_limit_is_kept() {
        let mut spares = Spares::default();
        let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
        inflate(&mut inflater, &mut spares, &[&[0xff, 0xff, 0xff]]);
        assert!(matches!(inflater.failure(), Some(Failure::Invalid(0..=3))));

        let bomb = deflate(&mut Compress::new(Compression::best(), false), &vec![0; 1 << 20]);
        let mut small = Inflater::new(TAKEOVER, HistoryStart::Seen, 1 << 18);
        let out = inflate(&mut small, &mut spares, &[&bomb]);
        assert_eq!(small.failure(), Some(Failure::TooLarge));
        assert!(out.len() <= 1 << 18);
    }

    #[test]
    fn directions_in_turn_have_each_their_history_and_little_memory() {
        let mut spares = Spares::default();
        let mut directions: Vec<_> = (0..300)
            .map(|_| {
                (
                    Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT),
                    Compress::new(Compression::fast(), false),
                )
            })
            .collect();
        for round in 0..4_u32 {
            for (number, (inflater, compressor)) in directions.iter_mut().enumerate() {
                let message =
                    format!("connection {number} says hello, round {round}; ").repeat(300);
                let wire = deflate(compressor, message.as_bytes());
                assert_eq!(inflate(inflater, &mut spares, &[&wire]), message.as_bytes());
            }
        }
        for (inflater, _) in &directions {
            assert!(inflater.stream.memory() <= 1 << 16);
        }
    }
}
