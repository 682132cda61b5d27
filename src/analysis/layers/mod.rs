//! What a connection's bytes are read as: a stack of layers.
//!
//! A layer owns its state, and knows neither TCP nor its parent: bytes come in, with the packets that
//! carried them, and what it observes goes to the conversation and out as events. A layer that carries
//! others ([`Tunnel`]) owns a [`Stack`] of its own.

#[cfg(test)]
pub(crate) mod cipher;
mod http;
mod probe;
mod reread;
mod start;
mod tls;
mod tunnel;
mod websocket;

pub(super) use self::tls::is_failed;

use self::http::Http;
use self::probe::Probe;
use self::reread::RereadRow;
use self::tls::Tls;
use self::tunnel::Tunnel;
use self::websocket::WebSocket;
use crate::analysis::Sink;
use crate::analysis::context::Context;
use crate::analysis::event::{Connection, ConnectionEvent, Nature};
use crate::analysis::resume::{Reread, WantedPart};
use crate::stream::{Buffer, Chunk, Direction, Gap, GapCause};
use crate::websocket::Settings;

/// What bytes are read as.
#[derive(Debug)]
enum Layer {
    /// No payload yet.
    Start,
    /// The beginning is missing: looking for something known.
    Probe(Box<Probe>),
    /// Requests and responses.
    Http(Box<Http>),
    /// A tunnel of an HTTP proxy, and what is in it.
    Tunnel(Box<Tunnel>),
    /// Records of TLS.
    Tls(Box<Tls>),
    /// Frames.
    WebSocket(WebSocket),
    /// What is read again.
    RereadRow(Box<RereadRow>),
    #[cfg(test)]
    Cipher(Box<cipher::Cipher>),
    /// Nobody is interested in the content.
    Ignored,
}

/// The state of a layer that carries another one, between two of its records.
#[derive(Clone, Debug)]
pub(super) enum SavedLayer {
    /// It hands on bytes as they are.
    #[cfg_attr(not(test), expect(dead_code, reason = "nothing in a tunnel is saved yet"))]
    Tunnel,
    #[cfg(test)]
    Cipher(cipher::CipherState),
}

/// The layer that reads a stream of bytes in both directions; it may carry more of them.
#[derive(Debug)]
pub(super) struct Stack {
    layer: Layer,
    start: StackStart,
}

/// What is known where a stack begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct StackStart {
    /// Whether it is known who the client is.
    pub(super) roles: Roles,
    /// Whether it is WebSocket, because the user said so (`--decode-as`).
    pub(super) is_forced: bool,
    /// How many stacks it is in.
    pub(super) depth: u8,
}

/// Whether it is known who the client is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Roles {
    /// The beginning of the stream was captured.
    Known,
    /// It was not: the content may show that client and server are the other way round.
    Guessed,
}

/// Whether a stack is read by the same layer as before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Change {
    None,
    Layer,
}

/// What becomes of a layer after it has taken something.
#[derive(Debug)]
enum Next {
    /// It reads on.
    Stay,
    /// Another layer reads on.
    Become(Box<Successor>),
    /// Nobody is interested in the rest.
    Ignore,
}

/// The layer that reads on.
#[derive(Debug)]
struct Successor {
    layer: Layer,
    /// Whether client and server turned out to be the other way round.
    swaps_roles: bool,
    /// What the layer before has held back, in the order in which it is to be read.
    held: Vec<(Direction, Buffer)>,
    /// Bytes of the chunk that need not be read again.
    consumed: usize,
}

impl Next {
    /// Another layer reads on, from the first byte of the chunk.
    fn become_layer(layer: Layer) -> Self {
        Successor::new(layer).into()
    }
}

impl Successor {
    fn new(layer: Layer) -> Self {
        Self { layer, swaps_roles: false, held: Vec::new(), consumed: 0 }
    }
}

impl From<Successor> for Next {
    fn from(successor: Successor) -> Self {
        Self::Become(Box::new(successor))
    }
}

impl Stack {
    /// A stack that has not read anything yet.
    pub(super) fn new(start: StackStart) -> Self {
        Self { layer: Layer::Start, start }
    }

    /// A stack that goes on in the middle of a direction, to read a part of it.
    pub(super) fn resume(
        carriers: &[SavedLayer],
        how: Reread<'_>,
        part: WantedPart,
        settings: Settings,
    ) -> Self {
        let start = StackStart { roles: Roles::Known, is_forced: false, depth: 0 };
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

    /// The state of the layers of a direction that transform bytes, from the lowest upwards, where all of
    /// them are between two records now.
    #[cfg(test)]
    fn save(&self, direction: Direction) -> Option<Vec<SavedLayer>> {
        match &self.layer {
            Layer::Tunnel(tunnel) => tunnel.save(direction),
            #[cfg(test)]
            Layer::Cipher(cipher) => cipher.save(direction),
            Layer::Start
            | Layer::Probe(_)
            | Layer::Http(_)
            | Layer::Tls(_)
            | Layer::WebSocket(_)
            | Layer::RereadRow(_)
            | Layer::Ignored => Some(Vec::new()),
        }
    }

    /// Hands the next bytes of a direction to the layer that reads them.
    #[inline]
    pub(super) fn push<S: Sink>(
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
                Layer::Start => start::choose(direction, chunk, start, connection, context),
                Layer::Probe(probe) => probe.read(direction, chunk, start, connection, context),
                Layer::Http(http) => http.push(direction, chunk, start, connection, context),
                Layer::Tunnel(tunnel) => tunnel.push(direction, chunk, connection, context),
                Layer::Tls(tls) => tls.push(direction, chunk, connection, context),
                Layer::WebSocket(frames) => frames.push(direction, chunk, connection, context),
                Layer::RereadRow(row) => row.push(direction, chunk, connection, context),
                #[cfg(test)]
                Layer::Cipher(cipher) => cipher.push(direction, chunk, connection, context),
                Layer::Ignored => Next::Stay,
            };
            let successor = match next {
                Next::Stay => break,
                Next::Ignore => {
                    self.layer = Layer::Ignored;
                    return Change::Layer;
                }
                Next::Become(successor) => *successor,
            };
            change = Change::Layer;
            if successor.swaps_roles {
                connection.swap_roles();
                direction = direction.reverse();
            }
            chunk = chunk.skip(successor.consumed);
            self.follow(successor, connection, context);
        }
        change
    }

    /// Tells the layer that bytes are missing.
    pub(super) fn gap<S: Sink>(
        &mut self,
        direction: Direction,
        gap: Gap,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Change {
        let next = match &mut self.layer {
            Layer::WebSocket(frames) => frames.gap(direction, gap, connection, context),
            Layer::Http(http) => http.gap(direction, gap),
            Layer::Tunnel(tunnel) => tunnel.gap(direction, gap, connection, context),
            Layer::Tls(tls) => tls.gap(direction, gap, connection, context),
            Layer::RereadRow(row) => row.gap(direction, gap, connection, context),
            #[cfg(test)]
            Layer::Cipher(cipher) => cipher.gap(direction, gap, connection, context),
            // The first bytes are missing: a capture that begins later, in effect.
            Layer::Start => Next::become_layer(Layer::Probe(Box::default())),
            Layer::Probe(_) | Layer::Ignored => Next::Stay,
        };
        match next {
            Next::Stay => Change::None,
            Next::Ignore => {
                self.layer = Layer::Ignored;
                Change::Layer
            }
            Next::Become(successor) => {
                self.follow(*successor, connection, context);
                Change::Layer
            }
        }
    }

    /// Ends the layer: what it has held back is read.
    pub(super) fn finish<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        if let Layer::Probe(probe) = &mut self.layer
            && let Some(successor) = probe.finish(self.start, connection, context)
        {
            self.follow(successor, connection, context);
        }
        match std::mem::replace(&mut self.layer, Layer::Ignored) {
            Layer::Http(mut http) => http.finish(context.now, connection, context),
            Layer::WebSocket(mut frames) => frames.finish(connection, context),
            Layer::Tunnel(mut tunnel) => tunnel.finish(connection, context),
            Layer::RereadRow(mut row) => row.inner.finish(connection, context),
            #[cfg(test)]
            Layer::Cipher(mut cipher) => cipher.finish(connection, context),
            Layer::Probe(_) if connection.nature == Nature::Unknown => {
                connection.nature = Nature::Other;
            }
            Layer::Probe(_) | Layer::Start | Layer::Tls(_) | Layer::Ignored => {}
        }
    }

    /// Whether nobody is interested in its content.
    pub(super) fn is_ignored(&self) -> bool {
        matches!(self.layer, Layer::Ignored)
    }

    /// Whether it matters that an answer is read after what it answers.
    ///
    /// A response must be; frames do not mind.
    #[inline]
    pub(super) fn reads_in_turn(&self) -> bool {
        match &self.layer {
            Layer::WebSocket(_) | Layer::Probe(_) | Layer::RereadRow(_) | Layer::Ignored => false,
            Layer::Start | Layer::Http(_) | Layer::Tls(_) => true,
            Layer::Tunnel(tunnel) => tunnel.reads_in_turn(),
            #[cfg(test)]
            Layer::Cipher(cipher) => cipher.reads_in_turn(),
        }
    }

    /// Goes on with another layer, and with what was held back for it.
    fn follow<S: Sink>(
        &mut self,
        successor: Successor,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        self.layer = successor.layer;
        for (direction, held) in &successor.held {
            for chunk in held.chunks() {
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

impl SavedLayer {
    /// The layer as it was, with what it carries.
    #[cfg_attr(not(test), expect(unused_variables, reason = "for layers that transform bytes"))]
    fn carry(&self, direction: Direction, inner: Stack) -> Stack {
        match *self {
            Self::Tunnel => inner,
            #[cfg(test)]
            Self::Cipher(state) => {
                let start = inner.start;
                let cipher = cipher::Cipher::resume(direction, state, inner);
                Stack { layer: Layer::Cipher(Box::new(cipher)), start }
            }
        }
    }
}

/// Remembers that nobody is interested in the rest of a conversation, and why.
fn ignore(connection: &mut Connection, nature: Nature) -> Next {
    if connection.nature != Nature::UpgradeRequested {
        connection.nature = nature;
    }
    Next::Ignore
}
