//! What a connection's bytes are read as: a stack of layers.
//!
//! A layer owns its state, and knows neither TCP nor its parent: bytes come in, with the packets that
//! carried them, and what it observes goes to the conversation and out as events. A layer that carries
//! others ([`Tunnel`]) knows of them only the methods of [`Carried`]; here it carries a [`Stack`] of its own.

mod carried;
#[cfg(test)]
pub(crate) mod cipher;
mod cut_heads;
mod first_frames;
mod http;
mod next;
mod opening;
mod probe;
mod reread;
mod session_names;
mod socks;
mod start;
mod stray;
mod tls;
mod tunnel;
mod websocket;

pub(super) use self::carried::{Carried, SecretsNews};
pub(super) use self::next::{Change, Roles, StackStart};
pub(super) use self::tls::is_failed;

use self::first_frames::FirstFrames;
use self::http::Http;
use self::next::{Next, NextLayer, Successor};
use self::opening::Opening;
use self::probe::Probe;
use self::reread::RereadRow;
use self::socks::Socks;
use self::tls::Tls;
use self::tunnel::Tunnel;
use self::websocket::WebSocket;
use crate::analysis::context::Context;
use crate::analysis::event::{Connection, ConnectionEvent, Nature};
use crate::analysis::saved::{Reread, SavedLayer, WantedPart};
use crate::analysis::sink::Sink;
use crate::stream::{Chunk, Direction, Gap, GapCause, PerDirection};
use crate::websocket::Settings;

/// What bytes are read as.
#[derive(Debug)]
enum Layer {
    /// No payload yet.
    Start,
    /// The beginning, which does not show at once what follows.
    Opening(Box<Opening>),
    /// The beginning is missing: looking for something known.
    Probe(Box<Probe>),
    /// The dialog with a SOCKS proxy.
    Socks(Box<Socks>),
    /// Requests and responses.
    Http(Box<Http>),
    /// A tunnel of an HTTP proxy, and what is in it.
    Tunnel(Box<Tunnel<Stack>>),
    /// Records of TLS.
    Tls(Box<Tls<Stack>>),
    /// Frames of which one direction or both have not begun.
    FirstFrames(Box<FirstFrames>),
    /// Frames.
    WebSocket(WebSocket),
    /// What is read again.
    RereadRow(Box<RereadRow<Stack>>),
    #[cfg(test)]
    Cipher(Box<cipher::Cipher<Stack>>),
    /// Nobody is interested in the content.
    Ignored,
}

/// The layer that reads a stream of bytes in both directions; it may carry more of them.
#[derive(Debug)]
pub(super) struct Stack {
    layer: Layer,
    start: StackStart,
}

impl Stack {
    /// A stack that has not read anything yet.
    pub(super) fn new(start: StackStart) -> Self {
        Self { layer: Layer::Start, start }
    }

    /// A stack that resumes in the middle of a direction, to read a part of it.
    pub(super) fn resume(
        carriers: &[SavedLayer],
        how: Reread<'_>,
        part: WantedPart,
        settings: Settings,
    ) -> Self {
        let start =
            StackStart { roles: Roles::Known, is_forced: false, depth: 0, is_decrypted: false };
        let layer = match how {
            Reread::Frames(compression, history) => {
                Layer::WebSocket(WebSocket::resume(part.direction, compression, history, settings))
            }
            Reread::Bytes => Layer::Ignored,
        };
        let row = RereadRow { inner: Self { layer, start }, part };
        let row = Self { layer: Layer::RereadRow(Box::new(row)), start };
        carriers.iter().rev().fold(row, |inner, saved| saved.carry(part.direction, inner))
    }

    /// Hands bytes to one layer after the other, until all are read.
    fn push_on<S: Sink>(
        &mut self,
        mut direction: Direction,
        mut chunk: Chunk<'_>,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Change {
        let mut change = Change::None;
        while !chunk.bytes.is_empty() {
            let start = self.start;
            let next = match &mut self.layer {
                Layer::Start => start::choose(direction, chunk, start, connection),
                Layer::Opening(opening) => {
                    opening.push(direction, chunk, start, connection, context)
                }
                Layer::Probe(probe) => probe.read(direction, chunk, start, connection, context),
                Layer::Socks(socks) => socks.push(direction, chunk, start, connection, context),
                Layer::FirstFrames(first) => first.push(direction, chunk, connection, context),
                Layer::Http(http) => http.push(direction, chunk, start, connection, context),
                Layer::Tunnel(tunnel) => tunnel.push(direction, chunk, connection, context),
                Layer::Tls(tls) => tls.push(direction, chunk, connection, context),
                Layer::WebSocket(frames) => {
                    frames.push(direction, chunk, connection, context);
                    Next::Stay
                }
                Layer::RereadRow(row) => row.push(direction, chunk, connection, context),
                #[cfg(test)]
                Layer::Cipher(cipher) => cipher.push(direction, chunk, connection, context),
                Layer::Ignored => Next::Stay,
            };
            let successor = match next {
                Next::Stay => break,
                Next::Ignore => {
                    self.replace(Layer::Ignored, context);
                    return Change::Layer;
                }
                Next::Become(successor) => *successor,
            };
            change = Change::Layer;
            // Keys show who sent what they decrypt.
            if successor.swaps_roles && !self.start.is_decrypted {
                connection.swap_roles();
                direction = direction.reverse();
            }
            chunk = chunk.skip(successor.consumed);
            self.follow(successor, connection, context);
        }
        change
    }

    /// Goes over to another layer: what the one before has kept is gone.
    fn replace<S>(&mut self, layer: Layer, context: &mut Context<'_, S>) {
        context.budget().change(self.kept(), 0);
        self.layer = layer;
    }

    /// Does what becomes of a layer that has taken something other than bytes.
    fn after<S: Sink>(
        &mut self,
        next: Next,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Change {
        match next {
            Next::Stay => Change::None,
            Next::Ignore => {
                self.replace(Layer::Ignored, context);
                Change::Layer
            }
            Next::Become(successor) => {
                self.follow(*successor, connection, context);
                Change::Layer
            }
        }
    }

    /// Goes on with another layer, and with what was held back for it.
    fn follow<S: Sink>(
        &mut self,
        successor: Successor,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        self.replace(Layer::new(successor.layer), context);
        let mut next = PerDirection::<Option<u64>>::default();
        for (direction, held) in &successor.held {
            for chunk in held.chunks() {
                let expected = next.get_mut(*direction).replace(chunk.end());
                if let Some(offset) = expected.filter(|expected| *expected < chunk.offset) {
                    // It was reported when it was found.
                    let length = chunk.offset.saturating_sub(offset);
                    let (cause, origin) = (GapCause::Acknowledged, chunk.origin);
                    self.gap(
                        *direction,
                        Gap { offset, length, cause, origin },
                        connection,
                        context,
                    );
                }
                self.push(*direction, chunk, connection, context);
            }
            if held.dropped() > 0 {
                let (offset, length) = (held.span().end, held.dropped());
                let gap = Gap { offset, length, cause: GapCause::Limit, origin: context.now };
                context.emit(connection, ConnectionEvent::Gap(*direction, gap));
                self.gap(*direction, gap, connection, context);
            }
        }
    }
}

impl Carried for Stack {
    #[cfg(test)]
    fn save(&self, direction: Direction) -> Option<Vec<SavedLayer>> {
        match &self.layer {
            Layer::Tunnel(tunnel) => tunnel.save(direction),
            #[cfg(test)]
            Layer::Cipher(cipher) => cipher.save(direction),
            Layer::Start
            | Layer::Opening(_)
            | Layer::Probe(_)
            | Layer::Socks(_)
            | Layer::Http(_)
            | Layer::Tls(_)
            | Layer::FirstFrames(_)
            | Layer::WebSocket(_)
            | Layer::RereadRow(_)
            | Layer::Ignored => Some(Vec::new()),
        }
    }

    #[inline]
    fn push<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Change {
        if chunk.bytes.is_empty() {
            return Change::None;
        }
        if let Layer::WebSocket(frames) = &mut self.layer {
            frames.push(direction, chunk, connection, context);
            return Change::None;
        }
        self.push_on(direction, chunk, connection, context)
    }

    fn gap<S: Sink>(
        &mut self,
        direction: Direction,
        gap: Gap,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Change {
        let next = match &mut self.layer {
            Layer::WebSocket(frames) => {
                frames.gap(direction, gap, connection, context);
                Next::Stay
            }
            Layer::FirstFrames(first) => {
                first.gap(direction, gap, connection, context);
                Next::Stay
            }
            Layer::Http(http) => http.gap(direction, gap, connection, context),
            Layer::Tunnel(tunnel) => tunnel.gap(direction, gap, connection, context),
            Layer::Tls(tls) => tls.gap(direction, gap, connection, context),
            Layer::RereadRow(row) => row.gap(direction, gap, connection, context),
            #[cfg(test)]
            Layer::Cipher(cipher) => cipher.gap(direction, gap, connection, context),
            // Only a few bytes of each packet were recorded: nothing can be read in it.
            Layer::Start | Layer::Opening(_) if gap.cause == GapCause::SnapLength => {
                connection.is_undecided = true;
                Next::Ignore
            }
            // The first bytes are missing: a capture that begins later, in effect.
            Layer::Start | Layer::Opening(_) | Layer::Socks(_) => {
                Next::become_layer(NextLayer::Probe)
            }
            Layer::Probe(probe) => {
                probe.gap(direction, gap, context);
                Next::Stay
            }
            Layer::Ignored => Next::Stay,
        };
        self.after(next, connection, context)
    }

    fn learn_secrets<S: Sink>(
        &mut self,
        news: SecretsNews,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Change {
        let next = match &mut self.layer {
            Layer::Tls(tls) => tls.learn_secrets(news, connection, context),
            Layer::Tunnel(tunnel) => tunnel.learn_secrets(news, connection, context),
            _ => Next::Stay,
        };
        self.after(next, connection, context)
    }

    fn finish<S: Sink>(&mut self, connection: &mut Connection, context: &mut Context<'_, S>) {
        if let Layer::Probe(probe) = &mut self.layer
            && let Some(successor) = probe.finish(self.start, connection, context)
        {
            self.follow(successor, connection, context);
        }
        match &mut self.layer {
            Layer::Http(http) => http.finish(context.now, connection, context),
            Layer::WebSocket(frames) => frames.finish(connection, context),
            Layer::FirstFrames(first) => first.finish(connection, context),
            Layer::Opening(opening) => opening.finish(connection, context),
            Layer::Socks(socks) => socks.finish(connection, context),
            Layer::Tunnel(tunnel) => tunnel.finish(connection, context),
            Layer::Tls(tls) => tls.finish(connection, context),
            Layer::RereadRow(row) => row.inner.finish(connection, context),
            #[cfg(test)]
            Layer::Cipher(cipher) => cipher.finish(connection, context),
            Layer::Probe(_) if connection.nature == Nature::Unknown && !connection.is_undecided => {
                connection.nature = Nature::Other;
            }
            Layer::Probe(_) | Layer::Start | Layer::Ignored => {}
        }
        self.replace(Layer::Ignored, context);
    }

    fn evict<S>(&mut self, context: &mut Context<'_, S>) {
        match &mut self.layer {
            Layer::Opening(opening) => opening.evict(context),
            Layer::Probe(probe) => probe.evict(context),
            Layer::FirstFrames(first) => first.evict(context),
            Layer::Http(http) => http.evict(context),
            Layer::Tls(tls) => tls.evict(context),
            Layer::Tunnel(tunnel) => tunnel.evict(context),
            Layer::WebSocket(frames) => frames.evict(context),
            Layer::RereadRow(row) => row.inner.evict(context),
            #[cfg(test)]
            Layer::Cipher(cipher) => cipher.evict(context),
            Layer::Start | Layer::Socks(_) | Layer::Ignored => {}
        }
    }

    fn kept(&self) -> usize {
        match &self.layer {
            Layer::Opening(opening) => opening.kept(),
            Layer::Probe(probe) => probe.kept(),
            Layer::Socks(socks) => socks.kept(),
            Layer::FirstFrames(first) => first.kept(),
            Layer::Http(http) => http.kept(),
            Layer::Tls(tls) => tls.kept(),
            Layer::Tunnel(tunnel) => tunnel.kept(),
            Layer::WebSocket(frames) => frames.kept(),
            Layer::RereadRow(row) => row.inner.kept(),
            #[cfg(test)]
            Layer::Cipher(cipher) => cipher.kept(),
            Layer::Start | Layer::Ignored => 0,
        }
    }

    fn is_ignored(&self) -> bool {
        matches!(self.layer, Layer::Ignored)
    }

    #[inline]
    fn reads_in_turn(&self) -> bool {
        match &self.layer {
            Layer::WebSocket(_)
            | Layer::FirstFrames(_)
            | Layer::Probe(_)
            | Layer::RereadRow(_)
            | Layer::Ignored => false,
            Layer::Start | Layer::Opening(_) | Layer::Socks(_) | Layer::Http(_) => true,
            Layer::Tunnel(tunnel) => tunnel.reads_in_turn(),
            Layer::Tls(tls) => tls.reads_in_turn(),
            #[cfg(test)]
            Layer::Cipher(cipher) => cipher.reads_in_turn(),
        }
    }
}

impl Layer {
    /// The layer that is to read on, which has read nothing yet.
    fn new(next: NextLayer) -> Self {
        match next {
            NextLayer::Opening => Self::Opening(Box::default()),
            NextLayer::Probe => Self::Probe(Box::default()),
            NextLayer::Socks(version) => Self::Socks(Box::new(Socks::new(version))),
            NextLayer::FirstFrames(frames) => Self::FirstFrames(Box::new(FirstFrames::new(frames))),
            NextLayer::Http => Self::Http(Box::default()),
            NextLayer::Tunnel(start) => Self::Tunnel(Box::new(Tunnel { inner: Stack::new(start) })),
            NextLayer::Tls(start) => Self::Tls(Box::new(Tls::new(start.roles, Stack::new(start)))),
            NextLayer::WebSocket(frames) => Self::WebSocket(frames),
            #[cfg(test)]
            NextLayer::Cipher(map, start) => {
                Self::Cipher(Box::new(cipher::Cipher::new(map, Stack::new(start))))
            }
        }
    }
}

impl SavedLayer {
    /// The layer as it was, with what it carries.
    fn carry(&self, direction: Direction, inner: Stack) -> Stack {
        match *self {
            #[cfg(test)]
            Self::Tunnel => inner,
            Self::Records(ref state) => {
                let start = inner.start;
                let tls = Tls::resume(direction, state, inner);
                Stack { layer: Layer::Tls(Box::new(tls)), start }
            }
            #[cfg(test)]
            Self::Cipher(state) => {
                let start = inner.start;
                let cipher = cipher::Cipher::resume(direction, state, inner);
                Stack { layer: Layer::Cipher(Box::new(cipher)), start }
            }
        }
    }
}
