//! What a layer that carries others knows of them.

use super::next::Change;
use crate::analysis::context::Context;
use crate::analysis::event::Connection;
#[cfg(test)]
use crate::analysis::saved::SavedLayer;
use crate::analysis::sink::Sink;
use crate::stream::{Chunk, Direction, Gap};

/// What became of secrets that are awaited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::analysis) enum SecretsNews {
    /// The key log has grown.
    Grown,
    /// They are no longer awaited, to save memory.
    GivenUp,
}

/// Reads a stream of bytes in both directions.
pub(in crate::analysis) trait Carried {
    /// Hands the next bytes of a direction to the layer that reads them.
    fn push<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Change;

    /// Tells the layer that bytes are missing.
    fn gap<S: Sink>(
        &mut self,
        direction: Direction,
        gap: Gap,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Change;

    /// Takes what became of secrets that records wait for: these are read, unless their secrets may still come.
    fn learn_secrets<S: Sink>(
        &mut self,
        news: SecretsNews,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Change;

    /// Ends the layer: what it has held back is read.
    fn finish<S: Sink>(&mut self, connection: &mut Connection, context: &mut Context<'_, S>);

    /// Drops what is kept, to save memory: contents of messages that are not whole, histories of
    /// compression, heads that are not whole. What was observed stays, and reading continues.
    fn evict<S>(&mut self, context: &mut Context<'_, S>);

    /// Memory taken by what is kept, in bytes, as the budget knows it.
    fn kept(&self) -> usize;

    /// Whether nobody is interested in its content.
    fn is_ignored(&self) -> bool;

    /// Whether it matters that an answer is read after what it answers.
    ///
    /// A response must be; frames do not mind.
    fn reads_in_turn(&self) -> bool;

    /// The state of the layers of a direction that transform bytes, from the lowest upwards, where all of
    /// them are between two records now.
    #[cfg(test)]
    fn save(&self, direction: Direction) -> Option<Vec<SavedLayer>>;
}
