//! Sessions of TLS 1.2 and older that may be resumed: a resumed one has the master secret of the first one.

use std::collections::VecDeque;

use foldhash::HashMap;

/// By which names sessions may be resumed, and by which random a key log has their master secret.
///
/// Remembers the last few thousand.
#[derive(Debug, Default)]
pub struct Resumptions {
    sessions: HashMap<Vec<u8>, [u8; 32]>,
    /// The names, in the order in which they came.
    names: VecDeque<Vec<u8>>,
}

impl Resumptions {
    /// Remembers a name that a server gave to a session: an id, or the name of a ticket.
    pub fn insert(&mut self, name: &[u8], client_random: [u8; 32]) {
        if name.is_empty() {
            return;
        }
        if self.sessions.insert(name.to_vec(), client_random).is_none() {
            self.names.push_back(name.to_vec());
        }
        if self.names.len() > MOST_NAMES
            && let Some(oldest) = self.names.pop_front()
        {
            self.sessions.remove(&oldest);
        }
    }

    /// The random of the `ClientHello` of the session that one of these names was given to.
    pub fn find<'a>(&self, names: impl IntoIterator<Item = &'a [u8]>) -> Option<[u8; 32]> {
        names.into_iter().find_map(|name| self.sessions.get(name)).copied()
    }
}

/// The name of a ticket: its end, which authenticates it (RFC 5077 §4).
pub(super) fn ticket_name(ticket: &[u8]) -> &[u8] {
    ticket.get(ticket.len().saturating_sub(NAME_LENGTH)..).unwrap_or_default()
}

/// The longest name, in bytes: that of a session id (RFC 5246 §7.4.1.2).
const NAME_LENGTH: usize = 32;

/// Names that are remembered: some hundred kilobytes.
const MOST_NAMES: usize = 1 << 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_found_by_all_their_names() {
        let mut known = Resumptions::default();
        known.insert(b"", [9; 32]);
        known.insert(b"id", [1; 32]);
        known.insert(ticket_name(&[7; 200]), [2; 32]);
        let rows: [(&[&[u8]], Option<u8>); 4] =
            [(&[b""], None), (&[b"?", b"id"], Some(1)), (&[&[7; 32]], Some(2)), (&[], None)];
        for (names, expected) in rows {
            let found = known.find(names.iter().copied()).map(|random| random[0]);
            assert_eq!(found, expected, "{names:?}");
        }
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut known = Resumptions::default();
        for number in 0..10_000_u32 {
            known.insert(&number.to_be_bytes(), [1; 32]);
        }
        assert_eq!((known.sessions.len(), known.names.len()), (MOST_NAMES, MOST_NAMES));
        assert_eq!(known.find([&[0; 4][..]]), None);
        assert_eq!(known.find([&9_999_u32.to_be_bytes()[..]]), Some([1; 32]));
    }
}
