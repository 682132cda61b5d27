//! What belongs together: Ping and Pong, request and response.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use crate::http::Handshake;
use crate::stream::Direction;
use crate::timeline::index::Unpaired;
use crate::timeline::record::Timeline;
use crate::timeline::row::{Row, RowId, RowKind};
use crate::websocket::{Message, Opcode};

impl Timeline {
    /// Brings Ping and Pong together, in whatever order they become known.
    pub(super) fn pair(
        &mut self,
        at: usize,
        row: &Row,
        direction: Direction,
        message: &Message<'_>,
    ) {
        let is_ping = message.opcode == Opcode::Ping;
        if !is_ping && message.opcode != Opcode::Pong {
            return;
        }
        let Some(index) = self.indexes.get_mut(at) else { return };
        let live = index.live();
        let hash = hash(message.content);
        let it = Unpaired { row: row.id, packet: row.first, time: row.time, hash };
        let other = direction.reverse();
        let partner = if is_ping {
            let pongs = live.pongs.get_mut(other);
            let place = pongs.iter().position(|it| it.hash == hash && it.packet > row.last);
            place.and_then(|place| pongs.remove(place))
        } else {
            // The Pings before it need no answer any more (RFC 6455 §5.5.3).
            let pings = live.pings.get_mut(other);
            let place = pings.iter().position(|it| it.hash == hash);
            place.and_then(|place| pings.drain(..=place).next_back())
        };
        let Some(partner) = partner else {
            let waiting = if is_ping { &mut live.pings } else { &mut live.pongs };
            let waiting = waiting.get_mut(direction);
            if waiting.len() >= MAX_UNPAIRED {
                waiting.pop_front();
            }
            waiting.push_back(it);
            return;
        };
        self.set_partners(row.id, partner.row);
        let (ping, pong, pinged_by) =
            if is_ping { (it, partner, direction) } else { (partner, it, other) };
        if let Some(connection) = self.connections.get_mut(at) {
            let time = pong.time.since(ping.time);
            connection.round_trips.get_mut(pinged_by).add(time);
            connection.courses.get_mut(pinged_by).add(time);
        }
    }

    fn set_partners(&mut self, one: RowId, other: RowId) {
        for (row, partner) in [(one, other), (other, one)] {
            if let Some(packed) = self.rows.packed_mut(row) {
                packed.set_partner(partner);
            }
        }
    }

    pub(super) fn request(&mut self, at: usize, draft: Row, handshake: &Handshake) {
        let Some(head) = &handshake.request else { return };
        self.learn(at, handshake);
        let row = Row { kind: RowKind::Request, ..draft };
        let id = self.add_span(at, row, Direction::ClientToServer, head.span);
        if let Some(index) = self.indexes.get_mut(at) {
            index.live().request = id;
        }
    }

    pub(super) fn response(&mut self, at: usize, draft: Row, handshake: &Handshake) {
        self.learn(at, handshake);
        let request = self.indexes.get_mut(at).and_then(|index| index.live().request.take());
        let direction = Direction::ServerToClient;
        let draft = Row { direction: Some(direction), ..draft };
        let id = if let Some(head) = &handshake.response {
            let kind = RowKind::Response(head.status().unwrap_or(0));
            self.add_span(at, Row { kind, ..draft }, direction, head.span)
        } else {
            self.add(at, Row { kind: RowKind::NoResponse, ..draft }, None)
        };
        if let Some((request, id)) = request.zip(id) {
            self.set_partners(request, id);
        }
    }

    /// The row of a tunnel is that of its request.
    pub(super) fn tunnel(&mut self, at: usize, draft: Row, handshake: &Handshake) {
        self.learn(at, handshake);
        let row = Row { kind: RowKind::Tunnel(handshake.status()), ..draft };
        match &handshake.request {
            Some(head) => self.add_span(at, row, Direction::ClientToServer, head.span),
            None => self.add(at, row, None),
        };
    }

    fn learn(&mut self, at: usize, handshake: &Handshake) {
        if let Some(connection) = self.connections.get_mut(at) {
            connection.learn(handshake);
        }
    }
}

/// A fingerprint, the same in every run.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// Pings of one side that may wait for a Pong, and Pongs for a Ping.
const MAX_UNPAIRED: usize = 64;
