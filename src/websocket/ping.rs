//! Which Ping a Pong answers.

use std::collections::VecDeque;

/// Pings or Pongs of one side that wait for their counterpart, oldest first.
///
/// A Pong repeats the payload of the Ping that it answers; Pings before that one need no answer any more
/// (RFC 6455 §5.5.3).
#[derive(Clone, Debug)]
pub struct UnpairedControls<T> {
    waiting: VecDeque<T>,
}

/// Which of several Pings with the same payload a Pong answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AnsweredPing {
    /// The oldest: nearly all peers answer each Ping.
    Oldest,
    /// The latest: a peer is allowed to answer only that one, so none before it is known to be unanswered.
    Latest,
}

impl<T> Default for UnpairedControls<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new() }
    }
}

impl<T> UnpairedControls<T> {
    /// Adds one; the oldest is forgotten if there are [`MOST_UNPAIRED`].
    pub fn push(&mut self, control: T) {
        if self.waiting.len() >= MOST_UNPAIRED {
            self.waiting.pop_front();
        }
        self.waiting.push_back(control);
    }

    /// Takes the Ping with the payload of a Pong; forgets those before it.
    pub fn answer(&mut self, which: AnsweredPing, is_same: impl Fn(&T) -> bool) -> Option<T> {
        let place = match which {
            AnsweredPing::Oldest => self.waiting.iter().position(is_same),
            AnsweredPing::Latest => self.waiting.iter().rposition(is_same),
        };
        self.waiting.drain(..=place?).next_back()
    }

    /// Takes the first that fits; keeps the others.
    pub fn take(&mut self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let place = self.waiting.iter().position(fits)?;
        self.waiting.remove(place)
    }

    /// The latest.
    pub fn latest_mut(&mut self) -> Option<&mut T> {
        self.waiting.back_mut()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// All, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter()
    }

    /// All, oldest first, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.waiting.iter_mut()
    }
}

/// Pings of one side that may wait for a Pong at a time, and Pongs for a Ping.
pub const MOST_UNPAIRED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn pings(payloads: &[(u8, u8)]) -> UnpairedControls<(u8, u8)> {
        let mut pings = UnpairedControls::default();
        for ping in payloads {
            pings.push(*ping);
        }
        pings
    }

    #[test]
    fn a_pong_answers_a_ping_and_those_before_it() {
        let sent = [(b'a', 1), (b'b', 2), (b'a', 3), (b'c', 4)];
        for (which, payload, answered, left) in [
            (AnsweredPing::Oldest, b'a', Some(1), 3),
            (AnsweredPing::Latest, b'a', Some(3), 1),
            (AnsweredPing::Oldest, b'c', Some(4), 0),
            (AnsweredPing::Latest, b'x', None, 4),
        ] {
            let mut pings = pings(&sent);
            let ping = pings.answer(which, |ping| ping.0 == payload);
            assert_eq!((ping.map(|ping| ping.1), pings.len()), (answered, left), "{which:?}");
        }
    }

    #[test]
    fn only_so_many_wait() {
        let mut pings = UnpairedControls::default();
        for number in 0..=MOST_UNPAIRED {
            pings.push(number);
        }
        assert_eq!((pings.len(), pings.iter().next()), (MOST_UNPAIRED, Some(&1)));
    }
}
