//! What layers share: where a stack begins, and which layer reads on.

use super::websocket::WebSocket;
use crate::analysis::event::{Connection, Nature};
use crate::proxy::SocksVersion;
use crate::stream::{Buffer, Direction};

/// What is known where a stack begins.
#[derive(Clone, Copy, Debug)]
pub(in crate::analysis) struct StackStart {
    /// Whether it is known who the client is.
    pub(in crate::analysis) roles: Roles,
    /// Whether it is WebSocket, because the user said so (`--decode-as`).
    pub(in crate::analysis) is_forced: bool,
    /// How many stacks it is in.
    pub(in crate::analysis) depth: u8,
    /// Whether its bytes were decrypted.
    pub(in crate::analysis) is_decrypted: bool,
}

/// Whether it is known who the client is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::analysis) enum Roles {
    /// The beginning of the stream was captured.
    Known,
    /// It was not: the content may show that client and server are the other way round.
    Guessed,
}

/// Whether a stack is read by the same layer as before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::analysis) enum Change {
    None,
    Layer,
}

/// What becomes of a layer after it has taken something.
#[derive(Debug)]
pub(super) enum Next {
    /// It reads on.
    Stay,
    /// Another layer reads on.
    Become(Box<Successor>),
    /// Nobody is interested in the rest.
    Ignore,
}

/// The layer that reads on.
#[derive(Debug)]
pub(super) struct Successor {
    pub(super) layer: NextLayer,
    /// Whether client and server turned out to be the other way round.
    pub(super) swaps_roles: bool,
    /// What the layer before has held back, in the order in which it is to be read.
    pub(super) held: Vec<(Direction, Buffer)>,
    /// Bytes of the chunk that need not be read again.
    pub(super) consumed: usize,
}

/// Which layer reads on.
#[derive(Debug)]
pub(super) enum NextLayer {
    /// The beginning of a stream, which does not show at once what it carries.
    Opening,
    /// What follows is not known: something known is looked for.
    Probe,
    /// The dialog of SOCKS.
    Socks(SocksVersion),
    /// Requests and responses.
    Http,
    /// A tunnel, and what is known where the stack in it begins.
    Tunnel(StackStart),
    /// Records of TLS, and what is known where the stack in them begins.
    Tls(StackStart),
    /// Frames that have not begun.
    FirstFrames(WebSocket),
    /// Frames.
    WebSocket(WebSocket),
    /// Records of the cipher for tests: the number of its offset map, and where the stack in it begins.
    #[cfg(test)]
    Cipher(usize, StackStart),
}

impl Next {
    /// Another layer reads on, from the first byte of the chunk.
    pub(super) fn become_layer(layer: NextLayer) -> Self {
        Successor::new(layer).into()
    }
}

impl Successor {
    pub(super) fn new(layer: NextLayer) -> Self {
        Self { layer, swaps_roles: false, held: Vec::new(), consumed: 0 }
    }
}

impl From<Successor> for Next {
    fn from(successor: Successor) -> Self {
        Self::Become(Box::new(successor))
    }
}

/// Remembers that nobody is interested in the rest of a conversation, and why.
pub(super) fn ignore(connection: &mut Connection, nature: Nature) -> Next {
    if connection.nature != Nature::UpgradeRequested && !connection.is_undecided {
        connection.nature = nature;
    }
    Next::Ignore
}
