//! Connections that ended for one reason: what they have in common.

use crate::findings::across::ended_websockets::EndedWebSocket;
use crate::findings::across::proxy_legs::ProxyLegs;
use crate::stream::Side;

/// What connections that ended have in common.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EndingPattern {
    /// They ended at the same moment.
    Together,
    /// They were equally old.
    Age,
    /// They had carried no data message for equally long, of one side or of both, but other frames.
    DataSilence(Option<Side>),
    /// They had carried nothing for equally long, and their server sent a Close.
    Closed,
}

/// Connections that ended for one reason.
#[derive(Debug)]
pub(crate) struct EndingGroup<'a> {
    pub(crate) pattern: EndingPattern,
    /// By number; never empty.
    pub(crate) members: Vec<&'a EndedWebSocket>,
    /// Those on which the pattern was found; the others are on the other side of a proxy.
    pub(crate) measured: Vec<&'a EndedWebSocket>,
    /// The sides of a proxy among the members.
    pub(crate) legs: Vec<ProxyLegs<'a>>,
}
