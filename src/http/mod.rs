//! The opening handshake: heads of HTTP/1.x requests and responses, and what a WebSocket needs of
//! them. Facts only; rules judge.

use crate::stream::Span;

/// One opening handshake as far as the capture shows it.
#[derive(Debug, Default)]
pub struct Handshake {
    /// The request; absent when the capture began after it.
    pub request: Option<Head>,
    /// The final response; absent when none came.
    pub response: Option<Head>,
    /// Interim (1xx, not 101) responses before it.
    pub interim: u32,
    /// Bytes that the client sent between its request and the response.
    pub early_bytes: u64,
}

/// One head.
#[derive(Debug, Default)]
pub struct Head {
    /// Where.
    pub span: Span,
}
