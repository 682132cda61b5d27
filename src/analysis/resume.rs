//! Reading a part of a conversation again: the same stack, from a saved state.

use crate::analysis::context::Context;
use crate::analysis::event::Connection;
use crate::analysis::layers::{Carried, Stack};
use crate::analysis::options::AnalyzerOptions;
pub use crate::analysis::saved::{CarrierPoint, Reread, WantedPart};
use crate::analysis::sink::Sink;
use crate::stream::{Chunk, Direction, Gap, Origin};
use crate::tls::Resumptions;
use crate::websocket::{self, Settings};

/// Reads one direction of a conversation again.
#[derive(Debug)]
pub struct ResumedStack {
    stack: Stack,
    connection: Connection,
    direction: Direction,
    shared: websocket::Shared,
    resumptions: Resumptions,
    options: AnalyzerOptions,
    now: Origin,
}

impl ResumedStack {
    /// Builds the stack of a conversation: the layers that transform bytes as they were at a point, if it
    /// has any, and the one that reads what they hand on.
    pub fn new(
        connection: Connection,
        point: Option<&CarrierPoint>,
        how: Reread<'_>,
        part: WantedPart,
        options: AnalyzerOptions,
    ) -> Self {
        let settings = Settings {
            keep: 0,
            digest: options.digest,
            inflated_bytes: options.limits.inflated_bytes,
        };
        let carriers = point.map(|point| point.layers.as_slice()).unwrap_or_default();
        Self {
            stack: Stack::resume(carriers, how, part, settings),
            connection,
            direction: part.direction,
            shared: websocket::Shared::new(settings),
            resumptions: Resumptions::default(),
            options,
            now: Origin::default(),
        }
    }

    /// Takes the next bytes of the TCP stream.
    pub fn push<S: Sink>(&mut self, chunk: Chunk<'_>, sink: &mut S) {
        self.now = chunk.origin;
        let Self { stack, connection, direction, shared, resumptions, options, now } = self;
        let mut context = Context { options, shared, resumptions, now: *now, sink };
        stack.push(*direction, chunk, connection, &mut context);
    }

    /// Takes that bytes of the TCP stream are missing.
    pub fn gap<S: Sink>(&mut self, gap: Gap, sink: &mut S) {
        let Self { stack, connection, direction, shared, resumptions, options, now } = self;
        let mut context = Context { options, shared, resumptions, now: *now, sink };
        stack.gap(*direction, gap, connection, &mut context);
    }

    /// Ends the stream: what is not whole is handed over as it is.
    pub fn finish<S: Sink>(&mut self, sink: &mut S) {
        let Self { stack, connection, shared, resumptions, options, now, .. } = self;
        let mut context = Context { options, shared, resumptions, now: *now, sink };
        stack.finish(connection, &mut context);
    }
}
