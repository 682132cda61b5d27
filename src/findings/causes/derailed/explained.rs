//! What a hypothesis that holds yields.

use std::fmt::Write as _;

use super::content::quoted;
use crate::findings::words::counted;
use crate::stream::length_u64;
use crate::websocket::Opcode;

/// What went wrong with a stream, shown by its bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Explained {
    /// Stream offset at which it begins.
    pub(crate) start: u64,
    /// Stream offset after the last byte that it explains.
    pub(crate) end: u64,
    /// What the bytes show.
    pub(crate) evidence: String,
    /// What its sender meant to send.
    pub(crate) repaired: Vec<RepairedMessage>,
    /// What to do, if it is more specific than what the table of causes says.
    pub(crate) remedy: Option<&'static str>,
}

/// A message as its sender meant it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RepairedMessage {
    pub(crate) opcode: Opcode,
    pub(crate) content: Vec<u8>,
}

impl RepairedMessage {
    pub(crate) fn new(opcode: Opcode, content: impl Into<Vec<u8>>) -> Self {
        Self { opcode, content: content.into() }
    }

    /// The message in a few words.
    fn in_words(&self) -> String {
        let length = counted(length_u64(self.content.len()), "byte");
        match self.opcode {
            Opcode::Text => format!("text of {length}, {}", quoted(&self.content)),
            Opcode::Binary | Opcode::Close | Opcode::Ping | Opcode::Pong | Opcode::Continuation => {
                format!("{} of {length}", self.opcode.name())
            }
        }
    }
}

impl Explained {
    /// The evidence, and the messages that were meant.
    pub(crate) fn in_words(&self) -> String {
        let mut words = self.evidence.clone();
        for (message, number) in self.repaired.iter().take(SHOWN).zip(0..) {
            let before = if number == 0 { "; what was meant: " } else { "; " };
            let _ = write!(words, "{before}{}", message.in_words());
        }
        let more = self.repaired.len().saturating_sub(SHOWN);
        if more > 0 {
            let _ = write!(words, "; and {more} more");
        }
        words
    }
}

/// Messages that are shown at most.
const SHOWN: usize = 4;
