//! The opening handshake: heads of HTTP/1.x requests and responses, and what a WebSocket needs of
//! them. Facts only; rules judge.

pub mod accept;
mod body;
mod glance;
pub mod head;
mod held;
mod line;
mod probe;
mod side;
mod tracker;

pub use glance::Traces;
pub use head::Head;
pub use held::Held;
pub use probe::{Match, looks_like_request, looks_like_response};
pub use tracker::{EARLY_LIMIT, Observation, Progress, Tracker};

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

    /// The status of the response; 0 where it is not three digits.
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

    /// Nanoseconds from the request's last byte to the response's last byte.
    pub fn duration(&self) -> Option<u64> {
        let (request, response) = self.request.as_ref().zip(self.response.as_ref())?;
        Some(response.span.last.time.since(request.span.last.time))
    }

    /// Whether the response began in the capture before the request was whole, which a server that
    /// reads requests cannot do; a capture that mixes up packets can.
    pub fn response_came_first(&self) -> bool {
        let heads = self.request.as_ref().zip(self.response.as_ref());
        heads.is_some_and(|(request, response)| {
            response.span.first.packet < request.span.last.packet
        })
    }

    /// How much of a WebSocket the request is; the response where the request is absent.
    pub fn traces(&self) -> Traces {
        self.request.as_ref().or(self.response.as_ref()).map_or(Traces::None, Head::traces)
    }
}
