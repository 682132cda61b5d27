//! The latest data messages of a side: what it said before something ended.

use crate::stream::Span;
use crate::websocket::{Message, Opcode};

/// The latest data messages of a side.
#[derive(Debug, Default)]
pub(crate) struct RecentMessages {
    /// A ring: the oldest is overwritten.
    latest: Vec<RecentMessage>,
    /// Where the newest is in it.
    newest: usize,
    /// What was true of any of them.
    traits: MessageTraits,
}

/// What may be special about a message: a set.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct MessageTraits(u8);

impl MessageTraits {
    /// It has no content.
    pub(crate) const EMPTY: Self = Self(1);
    /// It is binary.
    pub(crate) const BINARY: Self = Self(1 << 1);
    /// It was sent in several frames.
    pub(crate) const FRAGMENTED: Self = Self(1 << 2);
    /// It is compressed.
    pub(crate) const COMPRESSED: Self = Self(1 << 3);
    /// It is compressed, and was sent in several frames.
    pub(crate) const COMPRESSED_FRAGMENTS: Self = Self(1 << 4);
    /// It refers to earlier messages (context takeover, RFC 7692 §7.1.1).
    pub(crate) const NEEDS_CONTEXT: Self = Self(1 << 5);
    /// Its length needs 16 bits or more (RFC 6455 §5.2).
    pub(crate) const LONGER_THAN_125: Self = Self(1 << 6);
    /// Its length needs 64 bits.
    pub(crate) const LONGER_THAN_65535: Self = Self(1 << 7);

    fn of(message: &Message<'_>) -> Self {
        let is_fragmented = message.frames > 1;
        let one = |has: bool, one: Self| if has { one.0 } else { 0 };
        // A distance beyond its own beginning, which is less than its length from anywhere in it.
        let needs_context = message.reach > 0 && u64::from(message.reach) >= message.length;
        Self(
            one(message.length == 0, Self::EMPTY)
                | one(message.opcode == Opcode::Binary, Self::BINARY)
                | one(is_fragmented, Self::FRAGMENTED)
                | one(message.compressed, Self::COMPRESSED)
                | one(message.compressed && is_fragmented, Self::COMPRESSED_FRAGMENTS)
                | one(needs_context, Self::NEEDS_CONTEXT)
                | one(message.wire_length > 125, Self::LONGER_THAN_125)
                | one(message.wire_length > 65_535, Self::LONGER_THAN_65535),
        )
    }

    /// Whether one is in the set.
    pub(crate) fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }
}

/// A data message, and how it begins.
#[derive(Clone, Debug)]
pub(crate) struct RecentMessage {
    pub(crate) opcode: Opcode,
    pub(crate) span: Span,
    /// Its content, inflated, in bytes.
    length: u64,
    /// Whether all of it was captured and could be read.
    is_complete: bool,
    /// What is true of it, and was not of any message of its sender before it.
    pub(crate) novel: MessageTraits,
    /// The beginning of its content: all of it if that is shorter than [`MOST_CONTENT`].
    pub(crate) content: Vec<u8>,
}

impl RecentMessages {
    /// The latest ones, the last first.
    pub(crate) fn backwards(&self) -> impl Iterator<Item = &RecentMessage> {
        let count = self.latest.len();
        (0..count).filter_map(move |back| {
            self.latest.get(self.newest.wrapping_add(count).wrapping_sub(back).checked_rem(count)?)
        })
    }

    /// Remembers a data message. Takes no memory once there were a few.
    pub(crate) fn add(&mut self, message: &Message<'_>) {
        if self.latest.len() < MOST_MESSAGES {
            self.newest = self.latest.len();
            self.latest.push(RecentMessage::empty());
        } else {
            let next = self.newest.wrapping_add(1);
            self.newest = if next < MOST_MESSAGES { next } else { 0 };
        }
        let traits = MessageTraits::of(message);
        let novel = MessageTraits(traits.0 & !self.traits.0);
        self.traits = MessageTraits(self.traits.0 | traits.0);
        if let Some(kept) = self.latest.get_mut(self.newest) {
            kept.set(message, novel);
        }
    }
}

impl RecentMessage {
    /// A place for one.
    fn empty() -> Self {
        Self {
            opcode: Opcode::Text,
            span: Span::default(),
            length: 0,
            is_complete: false,
            novel: MessageTraits::default(),
            content: Vec::new(),
        }
    }

    /// Takes the place of another one, and its memory.
    fn set(&mut self, message: &Message<'_>, novel: MessageTraits) {
        let all = message.content;
        self.content.clear();
        self.content.extend_from_slice(all.get(..MOST_CONTENT).unwrap_or(all));
        self.opcode = message.opcode;
        self.span = message.span;
        self.length = message.length;
        self.is_complete = message.complete;
        self.novel = novel;
    }

    /// One that was captured whole.
    #[cfg(test)]
    pub(crate) fn of_test(opcode: Opcode, content: &[u8]) -> Self {
        let length = crate::stream::length_u64(content.len());
        let content = content.to_vec();
        Self { opcode, length, is_complete: true, content, ..Self::empty() }
    }

    /// Its content, if it is a text that is kept whole.
    pub(crate) fn text(&self) -> Option<&str> {
        let is_whole = u64::try_from(self.content.len()).is_ok_and(|kept| kept == self.length);
        let is_text = self.opcode == Opcode::Text && self.is_complete && is_whole;
        std::str::from_utf8(&self.content).ok().filter(|_| is_text)
    }
}

/// Messages of a side that are remembered.
const MOST_MESSAGES: usize = 3;

/// Bytes that are kept of each.
const MOST_CONTENT: usize = 256;
