//! A layer for tests: records of a trivial cipher, which carry a stack. It takes the place of decrypted TLS.
//!
//! A record is [`MARK`], two bytes of length, and as many bytes, each combined with a key that changes
//! with every record.

use super::carried::Carried;
use super::next::{Change, Next, NextLayer, Roles, StackStart};
use crate::analysis::context::Context;
use crate::analysis::event::Connection;
use crate::analysis::offsets::OffsetMap;
pub(crate) use crate::analysis::saved::CipherState;
use crate::analysis::saved::{CarrierPoint, SavedLayer};
use crate::analysis::sink::{PayloadPacket, Sink};
use crate::stream::{
    Buffer, Chunk, Direction, Gap, PacketId, PerDirection, length_u64, length_usize,
};

/// The first byte of a record.
pub(crate) const MARK: u8 = 0xc5;

/// Records of both directions, and what is in them.
#[derive(Debug)]
pub(super) struct Cipher<C> {
    halves: PerDirection<CipherHalf>,
    /// Its place in the offsets of the carrier.
    map: usize,
    inner: C,
}

/// One direction.
#[derive(Debug, Default)]
struct CipherHalf {
    state: CipherState,
    /// Bytes of records that are not whole.
    buffer: Buffer,
    /// The place that was saved last.
    point: Option<CarrierPoint>,
}

/// Enters the records; the positions of their content go into a map of its own.
pub(super) fn start(outer: StackStart, connection: &mut Connection) -> Next {
    let map = connection.carrier.offsets.len();
    connection.carrier.offsets.push(OffsetMap::default());
    let depth = outer.depth.saturating_add(1);
    let inner = StackStart { roles: Roles::Known, depth, ..outer };
    Next::become_layer(NextLayer::Cipher(map, inner))
}

impl<C: Carried> Cipher<C> {
    /// Begins with the first record of each direction.
    pub(super) fn new(map: usize, inner: C) -> Self {
        Self { halves: PerDirection::default(), map, inner }
    }

    /// Resumes between two records of a direction.
    pub(super) fn resume(direction: Direction, state: CipherState, inner: C) -> Self {
        let mut halves = PerDirection::<CipherHalf>::default();
        halves.get_mut(direction).state = state;
        Self { halves, map: usize::MAX, inner }
    }

    pub(super) fn push<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let half = self.halves.get_mut(direction);
        half.buffer.push(chunk);
        while let Some(length) = half.record_length() {
            half.save(direction, &self.inner, connection, context);
            let end = half.state.offset + 3 + length_u64(length);
            let handed_on = half.state.handed_on + length_u64(length);
            connection.carrier.note_record(self.map, direction, (handed_on, end));
            let key = half.state.key();
            let mut buffer = std::mem::take(&mut half.buffer);
            let rest = buffer.split_off(3 + length);
            for piece in buffer.chunks() {
                let header = (half.state.offset + 3).saturating_sub(piece.offset);
                let piece = piece.skip(length_usize(header));
                let bytes: Vec<u8> = piece.bytes.iter().map(|byte| byte ^ key).collect();
                let offset = half.state.handed_on + (piece.offset - half.state.offset - 3);
                let plain = Chunk { offset, bytes: &bytes, ..piece };
                self.inner.push(direction, plain, connection, context);
            }
            half.state.records = half.state.records.wrapping_add(1);
            half.state.offset = end;
            half.state.handed_on = handed_on;
            half.buffer = rest;
        }
        if self.inner.is_ignored() { Next::Ignore } else { Next::Stay }
    }

    /// An incomplete record cannot be read; its length must be present.
    pub(super) fn gap<S: Sink>(
        &mut self,
        direction: Direction,
        gap: Gap,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let half = self.halves.get_mut(direction);
        let header = half.buffer.bytes().get(1..3).and_then(|it| it.try_into().ok());
        let Some(length) = header.map(|it| u64::from(u16::from_be_bytes(it))) else {
            return Next::Ignore;
        };
        let end = half.state.offset + 3 + length;
        if gap.end() != end {
            return Next::Ignore;
        }
        let missing = Gap { offset: half.state.handed_on, length, ..gap };
        half.buffer = Buffer::default();
        half.state.records = half.state.records.wrapping_add(1);
        half.state.offset = end;
        half.state.handed_on += length;
        let _: Change = self.inner.gap(direction, missing, connection, context);
        Next::Stay
    }

    /// Drops what is kept of what it carries, to save memory.
    pub(super) fn evict<S>(&mut self, context: &mut Context<'_, S>) {
        self.inner.evict(context);
    }

    /// Memory taken by what is kept of what it carries, in bytes, as the budget knows it.
    pub(super) fn kept(&self) -> usize {
        self.inner.kept()
    }

    pub(super) fn finish<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        self.inner.finish(connection, context);
    }

    /// Nested ciphers: both are between two records only if the inner one has nothing of the next.
    pub(super) fn save(&self, direction: Direction) -> Option<Vec<SavedLayer>> {
        let half = self.halves.get(direction);
        let above = self.inner.save(direction)?;
        half.buffer.is_empty().then(|| [vec![SavedLayer::Cipher(half.state)], above].concat())
    }

    pub(super) fn reads_in_turn(&self) -> bool {
        self.inner.reads_in_turn()
    }
}

impl CipherHalf {
    /// Bytes of the next record, if it is whole.
    fn record_length(&self) -> Option<usize> {
        let bytes = self.buffer.bytes();
        let length = usize::from(u16::from_be_bytes(bytes.get(1..3)?.try_into().ok()?));
        (bytes.len() >= 3 + length).then_some(length)
    }

    /// Saves the place before the record, now and then.
    fn save<S: Sink>(
        &mut self,
        direction: Direction,
        inner: &impl Carried,
        connection: &Connection,
        context: &mut Context<'_, S>,
    ) {
        let first = self.buffer.chunks().map(|chunk| chunk.origin.packet).min();
        let first = first.unwrap_or(PacketId(0));
        let is_due = |point: &CarrierPoint| self.state.offset >= point.offset + POINT_DISTANCE;
        match &mut self.point {
            Some(point) if !is_due(point) => {
                if first >= point.first {
                    return;
                }
                point.first = first;
            }
            _ => {
                let mut layers = vec![SavedLayer::Cipher(self.state)];
                let Some(above) = inner.save(direction) else { return };
                layers.extend(above);
                let CipherState { offset, handed_on, .. } = self.state;
                self.point = Some(CarrierPoint { offset, handed_on, first, layers });
            }
        }
        if let Some(point) = &self.point {
            let boundary = PayloadPacket::Boundary(connection, direction, point);
            context.sink.payload_packet(boundary);
        }
    }
}

/// Bytes between two places that are saved.
const POINT_DISTANCE: u64 = 256;
