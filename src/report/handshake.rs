//! What the formats show of an opening handshake.

use crate::http::Handshake;

/// The facts of a handshake, as raw bytes of the network.
#[derive(Clone, Debug, Default)]
pub(super) struct HandshakeFacts<'a> {
    /// Whether there is a response.
    pub(super) answered: ResponseSeen,
    /// Method of the request.
    pub(super) method: Option<&'a [u8]>,
    /// Target of the request.
    pub(super) target: Option<&'a [u8]>,
    /// Host of the request.
    pub(super) host: Option<&'a [u8]>,
    /// Status of the response.
    pub(super) status: Option<u16>,
    /// Subprotocols of the request, joined with `, `.
    pub(super) subprotocols_offered: Vec<u8>,
    /// Subprotocol of the response.
    pub(super) subprotocol: Option<&'a [u8]>,
    /// Extensions of the request.
    pub(super) extensions_offered: Option<Vec<u8>>,
    /// Extensions of the response.
    pub(super) extensions: Option<Vec<u8>>,
    /// Nanoseconds between them.
    pub(super) duration: Option<u64>,
}

/// Whether a request was answered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum ResponseSeen {
    #[default]
    No,
    Yes,
}

impl<'a> HandshakeFacts<'a> {
    /// Picks the facts.
    pub(super) fn of(handshake: &'a Handshake) -> Self {
        let offered: Vec<&[u8]> = handshake.subprotocols_offered().collect();
        Self {
            answered: if handshake.response.is_some() {
                ResponseSeen::Yes
            } else {
                ResponseSeen::No
            },
            method: handshake.method(),
            target: handshake.target(),
            host: handshake.host(),
            status: handshake.status(),
            subprotocols_offered: offered.join(&b", "[..]),
            subprotocol: handshake.subprotocol(),
            extensions_offered: handshake.extensions_offered(),
            extensions: handshake.extensions_accepted(),
            duration: handshake.duration(),
        }
    }
}
