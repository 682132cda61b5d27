//! A tunnel through an HTTP proxy (CONNECT, RFC 9110 §9.3.6): a stream in a stream.

use super::carried::{Carried, SecretsNews};
use super::next::{Change, Next, Roles, StackStart};
use crate::analysis::context::Context;
use crate::analysis::event::Connection;
#[cfg(test)]
use crate::analysis::saved::SavedLayer;
use crate::analysis::sink::Sink;
use crate::stream::{Chunk, Direction, Gap};

/// What is in a tunnel; offsets are those of the stream that it is in.
#[derive(Debug)]
pub(super) struct Tunnel<C> {
    pub(super) inner: C,
}

/// Where the stack in a tunnel begins, unless it is in too many others.
pub(super) fn enter(outer: StackStart) -> Option<StackStart> {
    let depth = outer.depth.checked_add(1).filter(|depth| *depth <= MAX_TUNNELS)?;
    // Its beginning is captured, and whoever asked for it is the client in it.
    Some(StackStart { roles: Roles::Known, depth, ..outer })
}

impl<C: Carried> Tunnel<C> {
    pub(super) fn push<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let change = self.inner.push(direction, chunk, connection, context);
        self.after(change)
    }

    pub(super) fn gap<S: Sink>(
        &mut self,
        direction: Direction,
        gap: Gap,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let change = self.inner.gap(direction, gap, connection, context);
        self.after(change)
    }

    pub(super) fn learn_secrets<S: Sink>(
        &mut self,
        news: SecretsNews,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let change = self.inner.learn_secrets(news, connection, context);
        self.after(change)
    }

    pub(super) fn finish<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        self.inner.finish(connection, context);
    }

    /// Drops what is kept of what is in it, to save memory.
    pub(super) fn evict<S>(&mut self, context: &mut Context<'_, S>) {
        self.inner.evict(context);
    }

    /// Memory taken by what is kept of what is in it, in bytes, as the budget knows it.
    pub(super) fn kept(&self) -> usize {
        self.inner.kept()
    }

    #[cfg(test)]
    pub(super) fn save(&self, direction: Direction) -> Option<Vec<SavedLayer>> {
        let above = self.inner.save(direction)?;
        Some([vec![SavedLayer::Tunnel], above].concat())
    }

    pub(super) fn reads_in_turn(&self) -> bool {
        self.inner.reads_in_turn()
    }

    fn after(&self, change: Change) -> Next {
        match change {
            Change::Layer if self.inner.is_ignored() => Next::Ignore,
            Change::Layer | Change::None => Next::Stay,
        }
    }
}

/// Tunnels that are followed within each other: one through each proxy on the way.
pub(super) const MAX_TUNNELS: u8 = 16;
