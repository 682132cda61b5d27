//! The opening handshake: heads of HTTP/1.x requests and responses, and what a WebSocket needs of
//! them. Facts only; rules evaluate them.

pub mod accept;
mod body;
mod browser;
mod connection;
mod exchange;
mod half;
pub mod head;
mod head_summary;
mod line;
mod observation;
mod other_protocol;
mod probe;
mod query;
mod stray;

pub use body::plain_body;
pub use browser::{Browser, BrowserFamily};
pub use connection::{EARLY_LIMIT, Http1Decoder, Progress};
pub use head::Head;
pub use head_summary::{Traces, names_engine_io};
pub use line::is_token;
pub use observation::Observation;
pub use other_protocol::{OtherProtocol, begins_http2, http2_frames};
pub use probe::{Match, looks_like_request, looks_like_response};
pub use query::{parameter, session_of};
pub use stray::{HeadStart, find_head, is_text, stray_length};

/// One opening handshake as far as the capture shows it (RFC 6455 §4).
#[derive(Clone, Debug, Default)]
pub struct Handshake {
    /// The request; absent when the capture began after it.
    pub request: Option<Head>,
    /// The final response; absent when none came.
    pub response: Option<Head>,
    /// Interim (1xx, not 101) responses before it.
    pub interim: u32,
    /// Bytes that the client sent between its request (body included) and the response.
    pub early_bytes: u64,
}

impl Handshake {
    /// Memory taken by its heads, in bytes.
    pub fn memory(&self) -> usize {
        let heads = [&self.request, &self.response].into_iter().flatten();
        heads.map(Head::memory).fold(0, usize::saturating_add)
    }

    /// The method of the request.
    pub fn method(&self) -> Option<&[u8]> {
        self.request.as_ref().and_then(Head::method)
    }

    /// The target of the request.
    pub fn target(&self) -> Option<&[u8]> {
        self.request.as_ref().and_then(Head::target)
    }

    /// The first Host of the request.
    pub fn host(&self) -> Option<&[u8]> {
        self.request.as_ref()?.header("Host")
    }

    /// The status of the response; 0 if it is not three digits.
    pub fn status(&self) -> Option<u16> {
        self.response.as_ref().and_then(Head::status)
    }

    /// The Sec-WebSocket-Version of the request (RFC 6455 §11.3.5).
    pub fn version(&self) -> Option<&[u8]> {
        self.request.as_ref()?.header("Sec-WebSocket-Version")
    }

    /// The subprotocols that the client offered, in order, empty members included (RFC 6455 §11.3.4).
    pub fn subprotocols_offered(&self) -> impl Iterator<Item = &[u8]> {
        self.request.iter().flat_map(|head| head.tokens("Sec-WebSocket-Protocol"))
    }

    /// The first Sec-WebSocket-Protocol of the response.
    pub fn subprotocol(&self) -> Option<&[u8]> {
        self.response.as_ref()?.header("Sec-WebSocket-Protocol")
    }

    /// All Sec-WebSocket-Extensions of the request, joined with `, ` (RFC 6455 §11.3.2).
    pub fn extensions_offered(&self) -> Option<Vec<u8>> {
        self.request.as_ref()?.joined("Sec-WebSocket-Extensions")
    }

    /// All Sec-WebSocket-Extensions of the response, joined with `, `.
    pub fn extensions_accepted(&self) -> Option<Vec<u8>> {
        self.response.as_ref()?.joined("Sec-WebSocket-Extensions")
    }

    /// The first Sec-WebSocket-Key of the request (RFC 6455 §11.3.1).
    pub fn key(&self) -> Option<&[u8]> {
        self.request.as_ref()?.header("Sec-WebSocket-Key")
    }

    /// The Sec-WebSocket-Accept that the key calls for.
    pub fn expected_accept(&self) -> Option<String> {
        self.key().map(accept::accept)
    }

    /// The first Sec-WebSocket-Accept of the response (RFC 6455 §11.3.3).
    pub fn seen_accept(&self) -> Option<&[u8]> {
        self.response.as_ref()?.header("Sec-WebSocket-Accept")
    }

    /// Nanoseconds from the request's last byte to the response's last byte, if they were measured.
    pub fn duration(&self) -> Option<u64> {
        let (request, response) = self.request.as_ref().zip(self.response.as_ref())?;
        response.span.last.time.measured_since(request.span.last.time)
    }

    /// Whether the response began in the capture before the request was whole, which a server that
    /// reads requests cannot do; a capture that mixes up packets can.
    pub fn response_came_first(&self) -> bool {
        let heads = self.request.as_ref().zip(self.response.as_ref());
        heads.is_some_and(|(request, response)| {
            response.span.first.packet < request.span.last.packet
        })
    }

    /// How much of a WebSocket the request is; of the response if the request is missing.
    pub fn traces(&self) -> Traces {
        self.request.as_ref().or(self.response.as_ref()).map_or(Traces::None, Head::traces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Origin, PacketId, Span, Timestamp};

    fn span(packet: u64, nanoseconds: u64) -> Span {
        Span::at(0, Origin { packet: PacketId(packet), time: Timestamp(nanoseconds) })
    }

    #[test]
    fn handshake_gives_what_both_heads_say() {
        let request = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
            Sec-WebSocket-Protocol: third\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b; c=1\r\n\r\n";
        let response = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
            Sec-WebSocket-Protocol: chat\r\n\r\n";
        let handshake = Handshake {
            request: Some(Head::parse(request, span(1, 1_000))),
            response: Some(Head::parse(response, span(2, 3_500))),
            ..Handshake::default()
        };
        assert_eq!(handshake.method(), Some(&b"GET"[..]));
        assert_eq!(handshake.target(), Some(&b"/chat"[..]));
        assert_eq!(handshake.host(), Some(&b"server.example.com"[..]));
        assert_eq!((handshake.status(), handshake.version()), (Some(101), Some(&b"13"[..])));
        let offered: Vec<_> = handshake.subprotocols_offered().collect();
        assert_eq!(offered, [&b"chat"[..], b"superchat", b"third"]);
        assert_eq!(handshake.subprotocol(), Some(&b"chat"[..]));
        assert_eq!(handshake.extensions_offered(), Some(b"a, b; c=1".to_vec()));
        assert_eq!(handshake.extensions_accepted(), None);
        assert_eq!(
            handshake.expected_accept().map(String::into_bytes).as_deref(),
            handshake.seen_accept()
        );
        assert_eq!((handshake.duration(), handshake.response_came_first()), (Some(2_500), false));
        assert_eq!(handshake.traces(), Traces::UpgradeRequested);
    }

    #[test]
    fn absent_heads_give_absent_facts() {
        let empty = Handshake::default();
        assert_eq!((empty.method(), empty.status(), empty.duration()), (None, None, None));
        assert_eq!((empty.subprotocols_offered().count(), empty.traces()), (0, Traces::None));
        let early = Handshake {
            request: Some(Head { span: span(5, 0), ..Head::default() }),
            response: Some(Head { span: span(4, 0), ..Head::default() }),
            ..Handshake::default()
        };
        assert!(early.response_came_first());
    }
}
