//! The rows that the story of a connection is made of.

use crate::timeline::row::{RowId, RowKind};
use crate::websocket::Opcode;

/// The rows that the story of a connection is made of, in their order: heads of its handshake, its first
/// message, every Close, the ends of both directions.
///
/// There are a few, unless somebody sends requests or Closes over and over: of those, the first
/// [`Milestones::MOST`] are kept. The ends of TCP are kept in any case.
#[derive(Clone, Debug, Default)]
pub struct Milestones {
    rows: Vec<RowId>,
    /// Whether a text or binary message was among them.
    data: Data,
    let_go: u64,
}

/// Whether there was a text or binary message.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Data {
    #[default]
    NotYet,
    Seen,
}

impl Milestones {
    /// Rows that are kept, without the ends of TCP.
    pub const MOST: usize = 64;

    /// The rows.
    pub fn rows(&self) -> &[RowId] {
        &self.rows
    }

    /// How many more there were.
    pub fn let_go(&self) -> u64 {
        self.let_go
    }

    pub(super) fn add(&mut self, id: RowId, kind: RowKind) {
        let has_room = match kind {
            RowKind::Message(Opcode::Text | Opcode::Binary) => {
                if std::mem::replace(&mut self.data, Data::Seen) == Data::Seen {
                    return;
                }
                true
            }
            RowKind::Fin | RowKind::Reset => true,
            RowKind::Message(Opcode::Close)
            | RowKind::Request
            | RowKind::Response(_)
            | RowKind::Recognized(_) => self.rows.len() < Self::MOST,
            RowKind::Message(Opcode::Continuation | Opcode::Ping | Opcode::Pong)
            | RowKind::Frame { .. }
            | RowKind::NoResponse
            | RowKind::Tunnel(_)
            | RowKind::Tls(_)
            | RowKind::Gap
            | RowKind::SyncLost
            | RowKind::SyncFound
            | RowKind::NotAFrame
            | RowKind::HeaderUnfinished
            | RowKind::Conflict
            | RowKind::Limit(_)
            | RowKind::Ended(_) => return,
        };
        if has_room {
            self.rows.push(id);
        } else {
            self.let_go = self.let_go.saturating_add(1);
        }
    }

    /// Gives back what was taken in advance.
    pub(super) fn shrink(&mut self) {
        self.rows.shrink_to_fit();
    }

    /// Memory taken beside the value itself, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.rows.capacity().saturating_mul(size_of::<RowId>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_connection_the_turning_points_are_kept() {
        let mut milestones = Milestones::default();
        let text = RowKind::Message(Opcode::Text);
        let close = RowKind::Message(Opcode::Close);
        let ping = RowKind::Message(Opcode::Ping);
        let kinds =
            [RowKind::Request, RowKind::Response(101), ping, text, text, close, RowKind::Fin];
        for (id, kind) in (0..).zip(kinds) {
            milestones.add(RowId(id), kind);
        }
        assert_eq!(milestones.rows(), [0, 1, 3, 5, 6].map(RowId));
        assert_eq!(milestones.let_go(), 0);
    }

    #[test]
    fn closes_without_end_leave_room_for_the_end() {
        let mut milestones = Milestones::default();
        for id in 0..1_000 {
            milestones.add(RowId(id), RowKind::Message(Opcode::Close));
        }
        milestones.add(RowId(1_000), RowKind::Reset);
        assert_eq!(milestones.rows().len(), Milestones::MOST + 1);
        assert_eq!(milestones.rows().last(), Some(&RowId(1_000)));
        assert_eq!(milestones.let_go(), 936);
    }
}
