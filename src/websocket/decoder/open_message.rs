//! A message while it arrives, and the results at its end.

use crate::stream::Span;
use crate::websocket::close::close_payload;
use crate::websocket::content::{Content, Finished, Wants};
use crate::websocket::decoder::{Compression, Observation, Settings};
use crate::websocket::deflate::{Failure, History, Inflater};
use crate::websocket::frame::Opcode;
use crate::websocket::message::{DeflateEnding, Inflation, Message, Tail};

/// A message that is not whole yet.
#[derive(Debug)]
pub(super) struct OpenMessage {
    pub(super) about: About,
    pub(super) content: Content,
}

/// What is known of a message beside its content.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) opcode: Opcode,
    pub(super) compressed: bool,
    pub(super) frames: u64,
    pub(super) wire_length: u64,
    pub(super) missing: bool,
    pub(super) span: Span,
}

impl About {
    pub(super) fn new(opcode: Opcode, span: Span) -> Self {
        Self { opcode, compressed: false, frames: 1, wire_length: 0, missing: false, span }
    }
}

/// The results at a message's end besides its content.
#[derive(Clone, Copy)]
pub(super) struct Facts {
    complete: bool,
    inflation: Inflation,
    reach: u32,
    window_bits: Option<u8>,
    ending: DeflateEnding,
}

impl Facts {
    /// Those of a message that is not compressed and was seen to its end.
    pub(super) const WHOLE: Self = Self {
        complete: true,
        inflation: Inflation::None,
        reach: 0,
        window_bits: None,
        ending: DeflateEnding { tail: Tail::Unknown, after_final: false },
    };

    /// Those of a message that is not compressed and lacks bytes.
    pub(super) const TORN: Self = Self { complete: false, ..Self::WHOLE };

    /// Those of a compressed message that `inflater` was given to its end.
    pub(super) fn inflated(inflater: &Inflater, compression: Compression) -> Self {
        let inflation = match inflater.failure() {
            None => Inflation::Done,
            Some(Failure::HistoryMissing) => Inflation::HistoryMissing,
            Some(Failure::HistoryEvicted) => Inflation::HistoryEvicted,
            Some(Failure::Forgotten { offset, distance, available }) => {
                Inflation::Forgotten { offset, distance, available }
            }
            Some(Failure::Invalid { offset, fault }) => Inflation::Invalid { offset, fault },
            Some(Failure::TooLarge) => Inflation::TooLarge,
        };
        Self {
            complete: inflation == Inflation::Done,
            inflation,
            reach: inflater.farthest(),
            window_bits: match compression {
                Compression::Deflate(params) => Some(params.window_bits),
                Compression::None | Compression::Unknown => None,
            },
            ending: inflater.ending(),
        }
    }

    /// Those of a compressed message of which `inflater` was given what there is.
    ///
    /// A fault in what was there stays one.
    pub(super) fn unfinished(inflater: &Inflater, compression: Compression) -> Self {
        let facts = Self::inflated(inflater, compression);
        let inflation = match facts.inflation {
            Inflation::None
            | Inflation::Done
            | Inflation::Unfinished
            | Inflation::HistoryMissing
            | Inflation::HistoryEvicted => Inflation::Unfinished,
            fault @ (Inflation::Forgotten { .. }
            | Inflation::Invalid { .. }
            | Inflation::TooLarge) => fault,
        };
        Self { complete: false, inflation, ..facts }
    }

    /// Whether the message is complete.
    pub(super) fn complete(&self) -> bool {
        self.complete
    }
}

/// A content of which is kept what the settings, or its opcode, ask for.
pub(super) fn content(opcode: Opcode, settings: Settings, buffer: Vec<u8>) -> Content {
    match opcode {
        Opcode::Close | Opcode::Ping | Opcode::Pong => {
            Content::new(settings.keep.max(CONTROL_KEEP), Wants::default(), buffer)
        }
        Opcode::Text | Opcode::Binary | Opcode::Continuation => {
            let wants = Wants { utf8: opcode == Opcode::Text, digest: settings.digest };
            Content::new(settings.keep, wants, buffer)
        }
    }
}

/// Hands over a message that has ended.
pub(super) fn emit(
    about: About,
    content: &Finished<'_>,
    facts: Facts,
    history: Option<History<'_>>,
    sink: &mut impl FnMut(Observation<'_>),
) {
    let message = Message {
        opcode: about.opcode,
        frames: about.frames,
        compressed: about.compressed,
        wire_length: about.wire_length,
        length: content.length,
        complete: facts.complete,
        content: content.bytes,
        sha256: content.sha256,
        inflation: facts.inflation,
        reach: facts.reach,
        window_bits: facts.window_bits,
        ending: facts.ending,
        utf8: content.utf8,
        close: (about.opcode == Opcode::Close).then(|| close_payload(content.bytes)),
        history,
        span: about.span,
    };
    sink(Observation::Message(&message));
}

/// Bytes kept of a control frame in any case, because a Close is always parsed.
const CONTROL_KEEP: usize = 125;
