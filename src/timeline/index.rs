//! What is kept of a connection beside its row: the positions of its packets, and how to resume its
//! streams.

use std::collections::VecDeque;

use crate::analysis::event::Connection;
use crate::analysis::resume::CarrierPoint;
use crate::findings::{Rule, Severity};
use crate::journal::EntryId;
use crate::stream::{Direction, Gap, PacketId, PerDirection};
use crate::timeline::density::Density;
use crate::timeline::found::UnplacedFinding;
use crate::timeline::packets::PacketList;
use crate::timeline::row::RowId;
use crate::timeline::story::ConnectionStory;
use crate::websocket::{History, HistoryStart};

/// What is kept of a connection for reading it again.
#[derive(Debug, Default)]
pub(super) struct ConnectionIndex {
    /// Its rows, in their order.
    pub(super) rows: Vec<RowId>,
    /// The source of its phases; `None` before anything happened, and if it has been dropped.
    pub(super) story: Option<Box<ConnectionStory>>,
    /// Its packets with payload.
    pub(super) packets: PacketList,
    first_sequences: PerDirection<Option<u32>>,
    /// Sequence numbers of offset 0 that were valid before, and up to which offset.
    former_sequences: PerDirection<Vec<(u64, u32)>>,
    /// Bytes that were given up as missing, by offset: late ones that the analyzer passed over are
    /// passed over again.
    pub(super) holes: PerDirection<Vec<StreamHole>>,
    /// Where decoding compressed messages can start, by offset.
    pub(super) resume_states: PerDirection<Vec<ResumeState>>,
    /// Places at which the layers that transform bytes can be entered, by offset.
    pub(super) carrier_points: PerDirection<Vec<CarrierPoint>>,
    pub(super) directions: PerDirection<DirectionProgress>,
    /// Counts of its own, where it has many rows.
    pub(super) density: Option<Box<Density>>,
    /// What is needed while it is open.
    live: Option<Box<Live>>,
}

/// A range of stream bytes that are missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct StreamHole {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// A frame boundary between messages at which decoding can start, and what is to be known there.
#[derive(Clone, Debug)]
pub(super) struct ResumeState {
    /// Stream offset of a frame header.
    pub(super) offset: u64,
    /// The lowest number of a packet with bytes after it, up to the next resume point.
    pub(super) first: PacketId,
    /// The output that the next message may refer to.
    pub(super) output: Box<[u8]>,
    /// Whether all before it was seen.
    pub(super) start: HistoryStart,
    /// [`History::earlier`].
    pub(super) earlier: u64,
}

impl ResumeState {
    pub(super) fn history(&self) -> History<'_> {
        History { output: &self.output, start: self.start, earlier: self.earlier }
    }
}

/// What is remembered of a connection while it is open.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Findings without a row, to mark the end of the connection.
    pub(super) unplaced: Vec<UnplacedFinding>,
    /// Rules that were broken before the connection was shown.
    pub(super) uncounted: Vec<(&'static Rule, Severity)>,
    /// Rows that later ones may name as their partners.
    waiting: VecDeque<(EntryId, RowId)>,
}

/// The progress of a direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DirectionProgress {
    /// Stream offset after everything that has a row.
    pub(super) reached: u64,
    /// Whether the frames after the last resume point follow it without a break.
    pub(super) is_resumable: bool,
    /// Whether boundaries were lost at any time.
    pub(super) was_lost: bool,
    /// Inflated bytes since the last resume point.
    pub(super) output: u64,
}

impl Live {
    /// Remembers a row that a later one may name as its partner.
    pub(super) fn await_partner(&mut self, entry: EntryId, row: RowId) {
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((entry, row));
    }

    /// The row of an entry that is named as a partner.
    pub(super) fn take_partner(&mut self, entry: EntryId) -> Option<RowId> {
        let place = self.waiting.iter().position(|(id, _)| *id == entry)?;
        self.waiting.remove(place).map(|(_, row)| row)
    }
}

impl ConnectionIndex {
    /// What is remembered while it is open.
    pub(super) fn live(&mut self) -> &mut Live {
        self.live.get_or_insert_default()
    }

    /// Takes over what becomes known of the streams.
    pub(super) fn update(&mut self, connection: &Connection) {
        if self.first_sequences != connection.first_sequences {
            self.renumber(connection);
        }
    }

    /// Takes over that the sequence numbers of a stream begin elsewhere: at the beginning, or after a jump.
    #[cold]
    fn renumber(&mut self, connection: &Connection) {
        for direction in Direction::BOTH {
            let now = *connection.first_sequences.get(direction);
            let before = std::mem::replace(self.first_sequences.get_mut(direction), now);
            let reached = self.directions.get(direction).reached;
            if let Some(before) = before
                && now != Some(before)
                && reached > 0
            {
                self.former_sequences.get_mut(direction).push((reached, before));
            }
        }
    }

    /// The sequence number of offset 0, as it was when an offset of the stream was read.
    pub(super) fn first_sequence(&self, direction: Direction, offset: u64) -> Option<u32> {
        let former = self.former_sequences.get(direction);
        let after = former.partition_point(|(until, _)| *until <= offset);
        match former.get(after) {
            Some((_, first)) => Some(*first),
            None => *self.first_sequences.get(direction),
        }
    }

    pub(super) fn hole(&mut self, direction: Direction, gap: Gap) {
        let hole = StreamHole { start: gap.offset, end: gap.end() };
        self.holes.get_mut(direction).push(hole);
    }

    /// Takes a place at which layers that transform bytes can be entered.
    pub(super) fn carrier_point(&mut self, direction: Direction, point: &CarrierPoint) {
        let points = self.carrier_points.get_mut(direction);
        match points.last_mut() {
            Some(last) if last.offset == point.offset => last.clone_from(point),
            Some(_) | None => points.push(point.clone()),
        }
    }

    /// Exchanges client and server in all that was kept so far.
    pub(super) fn swap_directions(&mut self) {
        self.former_sequences.swap();
        self.first_sequences.swap();
        std::mem::swap(&mut self.holes.client, &mut self.holes.server);
        std::mem::swap(&mut self.resume_states.client, &mut self.resume_states.server);
        std::mem::swap(&mut self.directions.client, &mut self.directions.server);
        self.carrier_points.swap();
    }

    /// Ends the connection: forgets what only a live one needs.
    pub(super) fn end(&mut self) {
        self.live = None;
        self.packets.shrink();
        self.rows.shrink_to_fit();
    }

    /// Memory taken, in bytes.
    pub(super) fn memory(&self) -> usize {
        let rows = self.rows.capacity().saturating_mul(size_of::<RowId>());
        let outputs: usize = Direction::BOTH
            .iter()
            .flat_map(|direction| self.resume_states.get(*direction))
            .map(|state| state.output.len().saturating_add(size_of::<ResumeState>()))
            .sum();
        let density = self.density.as_ref().map_or(0, |density| density.memory());
        size_of::<Self>()
            .saturating_add(rows)
            .saturating_add(self.story.as_ref().map_or(0, |story| story.memory()))
            .saturating_add(self.packets.memory())
            .saturating_add(outputs)
            .saturating_add(density)
    }
}

/// Rows of a connection that may wait for their partners: Pings and Pongs of both sides, as many as
/// entries are paired of, and a request.
const MAX_WAITING: usize = 257;
