//! What is observed of an HTTP/1.x conversation.

use super::{Browser, Handshake};
use crate::stream::Direction;

/// Something observed in the conversation.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'a> {
    /// The head of a request for a WebSocket, or with traces of one, is complete.
    UpgradeRequested(&'a Handshake),
    /// The head of its final response is whole, or none came. Without a request in it, a response
    /// bears traces of a WebSocket and its request was not captured.
    HandshakeEnded(&'a Handshake),
    /// A CONNECT was answered with something other than 2xx, or not at all.
    TunnelRefused(&'a Handshake),
    /// A head is larger than [`MAX_HEAD`](super::head::MAX_HEAD); it was dropped.
    HeadTooLarge(Direction),
    /// A request, with or without traces of a WebSocket, comes from a browser.
    FromBrowser(Browser),
}
