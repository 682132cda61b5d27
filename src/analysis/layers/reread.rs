//! The part of a conversation that is read again: one row, and what comes before it.

use super::carried::Carried;
use super::next::{Change, Next};
use crate::analysis::context::Context;
use crate::analysis::event::Connection;
use crate::analysis::saved::WantedPart;
use crate::analysis::sink::Sink;
use crate::stream::{Chunk, Direction, Gap, length_usize};

/// Shows the bytes of a row as they are passed to the layer that reads them, and keeps their content;
/// nothing before the row is kept.
#[derive(Debug)]
pub(super) struct RereadRow<C> {
    pub(super) inner: C,
    pub(super) part: WantedPart,
}

impl<C: Carried> RereadRow<C> {
    pub(super) fn push<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let WantedPart { begin, start, keep, .. } = self.part;
        let chunk = chunk.skip(length_usize(begin.saturating_sub(chunk.offset)));
        // Its first byte begins a chunk of its own: what is decoded with it is kept.
        let before = chunk.take(length_usize(start.saturating_sub(chunk.offset)));
        self.inner.push(direction, before, connection, context);
        let row = chunk.skip(before.bytes.len());
        if !row.bytes.is_empty() {
            context.shared.settings.keep = keep;
            context.sink.row_bytes(row);
            self.inner.push(direction, row, connection, context);
        }
        Next::Stay
    }

    pub(super) fn gap<S: Sink>(
        &mut self,
        direction: Direction,
        gap: Gap,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let offset = gap.offset.max(self.part.begin);
        let length = gap.end().saturating_sub(offset);
        if length == 0 {
            return Next::Stay;
        }
        let gap = Gap { offset, length, ..gap };
        if gap.end() > self.part.start {
            context.shared.settings.keep = self.part.keep;
        }
        let _: Change = self.inner.gap(direction, gap, connection, context);
        Next::Stay
    }
}
