//! All rows, in blocks that never move.

use crate::timeline::packed::{PackedRow, RowExtent};
use crate::timeline::row::{Row, RowId};

/// Rows by number.
///
/// Kept in blocks: a million rows never have to be copied to make room for one more, and no more
/// than a block is taken in advance.
#[derive(Debug, Default)]
pub(super) struct RowStore {
    blocks: Vec<Vec<PackedRow>>,
    count: u32,
    /// Numbers that do not fit into a packed row, by row.
    extents: Vec<RowExtent>,
}

impl RowStore {
    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Appends a row, whose number is given here; `None` when there are as many as can be numbered.
    pub(super) fn push(&mut self, row: &Row) -> Option<RowId> {
        let id = RowId(self.count);
        // The last number means "none" in a packed row.
        self.count = self.count.checked_add(1).filter(|count| *count < u32::MAX)?;
        let (packed, extent) = PackedRow::new(&Row { id, ..*row });
        self.extents.extend(extent);
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(packed),
            Some(_) | None => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(packed);
                self.blocks.push(block);
            }
        }
        Some(id)
    }

    /// One row.
    pub(super) fn get(&self, id: RowId) -> Option<Row> {
        let packed = self.packed(id)?;
        let extent = packed.is_large().then(|| self.extent(id)).flatten();
        Some(packed.unpack(id, extent))
    }

    /// One row as it is kept.
    pub(super) fn packed(&self, id: RowId) -> Option<&PackedRow> {
        let index = usize::try_from(id.0).ok()?;
        self.blocks.get(index / BLOCK)?.get(index % BLOCK)
    }

    /// One row, to be changed.
    pub(super) fn packed_mut(&mut self, id: RowId) -> Option<&mut PackedRow> {
        let index = usize::try_from(id.0).ok()?;
        self.blocks.get_mut(index / BLOCK)?.get_mut(index % BLOCK)
    }

    /// Memory taken, in bytes.
    pub(super) fn memory(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(Vec::capacity).sum();
        blocks
            .saturating_mul(size_of::<PackedRow>())
            .saturating_add(self.extents.capacity().saturating_mul(size_of::<RowExtent>()))
            .saturating_add(self.blocks.capacity().saturating_mul(size_of::<Vec<PackedRow>>()))
    }

    fn extent(&self, id: RowId) -> Option<&RowExtent> {
        let place = self.extents.binary_search_by_key(&id, |extent| extent.id).ok()?;
        self.extents.get(place)
    }
}

/// Rows of a block: 44 KiB.
const BLOCK: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::event::ConnectionId;
    use crate::stream::{PacketId, Timestamp};
    use crate::timeline::row::{RowKind, RowScope};

    #[test]
    fn rows_are_found_by_their_number_whatever_their_size() {
        let mut rows = RowStore::default();
        let made = |number: u32| Row {
            id: RowId(number),
            kind: RowKind::Gap,
            connection: ConnectionId(1),
            direction: None,
            time: Timestamp(u64::from(number)),
            first: PacketId(1),
            last: PacketId(1),
            offset: 0,
            // Every third is too large to be packed.
            length: u64::from(number) << if number.is_multiple_of(3) { 32 } else { 0 },
            wire_length: 0,
            frames: 0,
            close_code: None,
            compressed: false,
            complete: true,
            worst: None,
            partner: None,
            scope: RowScope::Both,
        };
        for number in 0..3_000 {
            assert_eq!(rows.push(&made(number)), Some(RowId(number)));
        }
        for number in 0..3_000 {
            assert_eq!(rows.get(RowId(number)), Some(made(number)));
        }
        assert_eq!((rows.count(), rows.get(RowId(3_000))), (3_000, None));
    }
}
