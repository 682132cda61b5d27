//! Where decoding stopped in streams, so that it can go on there.

use std::collections::VecDeque;

use crate::analysis::event::ConnectionId;
use crate::stream::Direction;
use crate::timeline::kept::Entrance;
use crate::timeline::row::{Row, RowId};

/// Where earlier rows ended, one place of each of so many streams: with the 32 KiB that the next
/// message may refer to, so that it is decoded without all those before it.
///
/// An [`Opener`](super::Opener) takes them over and gives them back.
#[derive(Debug)]
pub struct Spots {
    /// The one that was made first comes first.
    spots: VecDeque<Spot>,
    most: usize,
}

/// Where an earlier row ended.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) connection: ConnectionId,
    pub(super) direction: Direction,
    /// The last row that starts before it.
    pub(super) row: RowId,
    pub(super) entrance: Entrance,
}

impl Default for Spots {
    fn default() -> Self {
        Self::new(FEW)
    }
}

impl Spots {
    /// Makes room for those of so many streams.
    pub fn new(most: usize) -> Self {
        Self { spots: VecDeque::new(), most }
    }

    /// Remembers one, instead of that of the same stream.
    pub(super) fn remember(&mut self, spot: Spot) {
        let of = |it: &Spot| (it.connection, it.direction);
        if let Some(known) = self.spots.iter_mut().find(|known| of(known) == of(&spot)) {
            *known = spot;
            return;
        }
        if self.spots.len() >= self.most {
            self.spots.pop_front();
        }
        self.spots.push_back(spot);
    }

    /// The one in a row's stream, if it is not behind the row.
    pub(super) fn before(&self, row: &Row, direction: Direction) -> Option<&Spot> {
        self.spots
            .iter()
            .find(|spot| spot.connection == row.connection && spot.direction == direction)
            .filter(|spot| spot.entrance.offset <= row.offset)
    }
}

/// Streams whose spots are remembered where nothing is said: half a megabyte.
const FEW: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::PacketId;
    use crate::websocket::HistoryStart;

    fn spot(connection: u64, offset: u64) -> Spot {
        let entrance = Entrance {
            offset,
            first: PacketId(1),
            output: Box::default(),
            start: HistoryStart::Seen,
            earlier: 0,
        };
        let direction = Direction::ClientToServer;
        Spot { connection: ConnectionId(connection), direction, row: RowId(1), entrance }
    }

    #[test]
    fn the_last_spot_of_each_of_some_streams_is_remembered() {
        let mut spots = Spots::new(2);
        for (connection, offset) in [(1, 10), (2, 20), (1, 30), (3, 40)] {
            spots.remember(spot(connection, offset));
        }
        let offsets: Vec<_> = spots.spots.iter().map(|it| it.entrance.offset).collect();
        assert_eq!(offsets, [20, 40], "that of the stream known longest has gone");
    }
}
