//! Where decoding stopped in streams, so that it can continue there.

use std::collections::VecDeque;

use crate::analysis::event::ConnectionId;
use crate::stream::Direction;
use crate::timeline::index::ResumeState;
use crate::timeline::row::{Row, RowId};

/// Where earlier rows ended, one place of each of so many streams: with the 32 KiB that the next
/// message may refer to, so that it is decoded without all those before it.
///
/// An [`Opener`](super::Opener) takes them over and gives them back.
#[derive(Debug)]
pub struct ResumePoints {
    /// The one that was made first comes first.
    points: VecDeque<ResumePoint>,
    most: usize,
}

/// Where an earlier row ended.
#[derive(Debug)]
pub(super) struct ResumePoint {
    pub(super) connection: ConnectionId,
    pub(super) direction: Direction,
    /// The last row that starts before it.
    pub(super) row: RowId,
    pub(super) state: ResumeState,
}

impl Default for ResumePoints {
    fn default() -> Self {
        Self::new(FEW)
    }
}

impl ResumePoints {
    /// Makes room for those of so many streams.
    pub fn new(most: usize) -> Self {
        Self { points: VecDeque::new(), most }
    }

    /// Remembers one, instead of that of the same stream.
    pub(super) fn remember(&mut self, point: ResumePoint) {
        let of = |it: &ResumePoint| (it.connection, it.direction);
        if let Some(known) = self.points.iter_mut().find(|known| of(known) == of(&point)) {
            *known = point;
            return;
        }
        if self.points.len() >= self.most {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }

    /// The one in a row's stream, if it is not after the row.
    pub(super) fn before(&self, row: &Row, direction: Direction) -> Option<&ResumePoint> {
        self.points
            .iter()
            .find(|point| point.connection == row.connection && point.direction == direction)
            .filter(|point| point.state.offset <= row.offset)
    }
}

/// Streams whose resume points are kept by default: half a megabyte.
const FEW: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::PacketId;
    use crate::websocket::HistoryStart;

    fn point(connection: u64, offset: u64) -> ResumePoint {
        let state = ResumeState {
            offset,
            first: PacketId(1),
            output: Box::default(),
            start: HistoryStart::Seen,
            earlier: 0,
        };
        let direction = Direction::ClientToServer;
        ResumePoint { connection: ConnectionId(connection), direction, row: RowId(1), state }
    }

    #[test]
    fn the_last_spot_of_each_of_some_streams_is_remembered() {
        let mut resume_points = ResumePoints::new(2);
        for (connection, offset) in [(1, 10), (2, 20), (1, 30), (3, 40)] {
            resume_points.remember(point(connection, offset));
        }
        let offsets: Vec<_> = resume_points.points.iter().map(|it| it.state.offset).collect();
        assert_eq!(offsets, [20, 40], "that of the stream known longest has gone");
    }
}
