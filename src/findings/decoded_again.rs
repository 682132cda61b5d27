//! Messages of a derailed stream, decoded again under the hypothesis that holds.

use crate::stream::{Direction, length_u64};
use crate::websocket::Opcode;

/// A message as its sender meant it: what the bytes of a derailed stream are under the hypothesis of a cause.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DecodedAgain {
    /// In which direction it was sent.
    pub direction: Direction,
    /// What kind of message it is; a continuation if its frame is one.
    pub opcode: Opcode,
    /// Its content, unmasked and inflated; only the beginning if it is long.
    pub content: Vec<u8>,
    /// Length of the whole content, in bytes.
    pub length: u64,
    /// Stream offsets of the first byte that it was decoded from, and after the last one. Those of several
    /// messages overlap if their bytes are mixed.
    pub offsets: [u64; 2],
}

impl DecodedAgain {
    /// Makes one whose content is whole.
    pub(crate) fn new(
        direction: Direction,
        opcode: Opcode,
        content: impl Into<Vec<u8>>,
        offsets: [u64; 2],
    ) -> Self {
        let content = content.into();
        let length = length_u64(content.len());
        Self { direction, opcode, content, length, offsets }
    }

    /// Whether only the beginning of its content is there.
    pub fn is_cut(&self) -> bool {
        length_u64(self.content.len()) < self.length
    }

    /// Whether it was decoded from some of these bytes of a stream, given like [`Self::offsets`].
    pub fn is_from(&self, direction: Direction, [start, end]: [u64; 2]) -> bool {
        let [own_start, own_end] = self.offsets;
        self.direction == direction && own_start < end && start < own_end
    }

    /// Memory taken by one that is kept, in bytes.
    pub fn memory(&self) -> usize {
        self.content.capacity().saturating_add(size_of::<Self>())
    }

    fn cut(&mut self, most: usize) {
        self.content.truncate(most);
        self.content.shrink_to_fit();
    }
}

/// How much all messages that are decoded again may take: causes are kept, however many there are.
#[derive(Debug)]
pub(crate) struct DecodedAgainBudget {
    /// Bytes of contents that may still be given.
    left: usize,
}

impl DecodedAgainBudget {
    /// A budget of so many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { left: limit }
    }

    /// Cuts the messages of a cause to what they may take.
    pub(crate) fn fit(&mut self, messages: &mut Vec<DecodedAgain>) {
        messages.truncate(MOST);
        let mut room = LARGEST.min(self.left);
        for message in messages {
            message.cut(room.max(LEAST));
            room = room.saturating_sub(message.content.len());
            self.left = self.left.saturating_sub(message.content.len());
        }
    }
}

/// Messages of one cause at most.
pub(crate) const MOST: usize = 16;

/// Bytes of the contents of all messages of one cause at most.
const LARGEST: usize = 64 << 10;

/// Bytes of a content that are always kept: what a line shows.
const LEAST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(lengths: &[usize]) -> Vec<DecodedAgain> {
        let message = |length: &usize| {
            let content = vec![b'a'; *length];
            DecodedAgain::new(Direction::ClientToServer, Opcode::Text, content, [0, 1])
        };
        lengths.iter().map(message).collect()
    }

    #[test]
    fn what_is_kept_of_messages_is_limited() {
        #[rustfmt::skip]
        let rows: &[(&str, usize, &[usize], &[usize])] = &[
            ("what fits",           1 << 20, &[9_011, 44],       &[9_011, 44]),
            ("a large one first",   1 << 20, &[70_000, 1_000],   &[65_536, 256]),
            ("a large one last",    1 << 20, &[1_000, 70_000],   &[1_000, 64_536]),
            ("a budget that ends",  1_000,   &[800, 800, 10],    &[800, 256, 10]),
            ("none is left",        0,       &[300, 20],         &[256, 20]),
        ];
        for (name, limit, lengths, expected) in rows {
            let mut all = messages(lengths);
            DecodedAgainBudget::new(*limit).fit(&mut all);
            let kept: Vec<usize> = all.iter().map(|it| it.content.len()).collect();
            assert_eq!(kept, *expected, "{name}");
            let is_cut: Vec<bool> = all.iter().map(DecodedAgain::is_cut).collect();
            let expected: Vec<bool> = lengths.iter().zip(&kept).map(|(all, it)| it < all).collect();
            assert_eq!(is_cut, expected, "{name}");
        }
        let mut many = messages(&[5; 40]);
        DecodedAgainBudget::new(1 << 20).fit(&mut many);
        assert_eq!(many.len(), MOST);
    }

    #[test]
    fn a_message_is_of_the_bytes_that_it_was_decoded_from() {
        let message = DecodedAgain::new(Direction::ServerToClient, Opcode::Text, "a", [10, 20]);
        #[rustfmt::skip]
        let rows = [
            ("before",    Direction::ServerToClient, [0, 10],  false),
            ("its start", Direction::ServerToClient, [0, 11],  true),
            ("inside",    Direction::ServerToClient, [14, 15], true),
            ("after",     Direction::ServerToClient, [20, 30], false),
            ("the peer",  Direction::ClientToServer, [10, 20], false),
        ];
        for (name, direction, offsets, expected) in rows {
            assert_eq!(message.is_from(direction, offsets), expected, "{name}");
        }
    }
}
