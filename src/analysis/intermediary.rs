//! What the bytes of a connection show besides the conversation: proxies on its way, and stray bytes.

use std::net::SocketAddr;

use crate::http::{Handshake, OtherProtocol};
use crate::proxy::{
    ProxyHeader, ProxyTarget, SOCKS5_NO_METHOD, SocksReply, SocksRequest, SocksVersion,
};
use crate::stream::{Direction, Span};

/// A proxy or balancer that the bytes show (RFC 9110 §3.7).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Intermediary {
    /// What shows it.
    pub kind: IntermediaryKind,
    /// What the client sent to it, or what it sent for the client.
    pub span: Span,
}

/// How a proxy shows itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum IntermediaryKind {
    /// One that named the real client by a PROXY header.
    Header(ProxyHeader),
    /// One that was asked by SOCKS for a connection.
    Socks(SocksExchange),
    /// One that was asked by CONNECT for a tunnel.
    Connect {
        /// What it was to be connected to, as sent.
        target: Vec<u8>,
        /// Its answer.
        status: Option<u16>,
    },
}

impl Intermediary {
    /// One that was asked for a tunnel.
    pub(super) fn of_connect(handshake: &Handshake) -> Self {
        let target = handshake.target().unwrap_or_default();
        let target = target.get(..MOST_TARGET).unwrap_or(target).to_vec();
        let span = handshake.request.as_ref().map(|head| head.span).unwrap_or_default();
        let kind = IntermediaryKind::Connect { target, status: handshake.status() };
        Self { kind, span }
    }

    /// The real client, where it names one.
    pub fn real_client(&self) -> Option<SocketAddr> {
        match &self.kind {
            IntermediaryKind::Header(header) => header.source.as_ref()?.ip(),
            IntermediaryKind::Socks(_) | IntermediaryKind::Connect { .. } => None,
        }
    }

    /// What it was to be connected to: `example.org:443`. May contain anything.
    pub fn target(&self) -> Option<String> {
        match &self.kind {
            IntermediaryKind::Header(_) => None,
            IntermediaryKind::Socks(socks) => Some(socks.target()?.to_string()),
            IntermediaryKind::Connect { target, .. } => {
                Some(String::from_utf8_lossy(target).into_owned())
            }
        }
    }
}

/// The dialog of SOCKS, as far as it went.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SocksExchange {
    /// 4, 4a or 5.
    pub version: SocksVersion,
    /// The method of authentication that the proxy chose (5 only).
    pub method: Option<u8>,
    /// The user that the client named (5 only).
    pub user: Option<Vec<u8>>,
    /// What the client asked for.
    pub request: Option<SocksRequest>,
    /// The answer to it.
    pub reply: Option<SocksReply>,
    /// How it ended.
    pub outcome: SocksOutcome,
}

/// How the dialog of SOCKS ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SocksOutcome {
    /// The proxy is connected to the target; what follows is the target's.
    Opened,
    /// The request was refused; the reply names the reason.
    Refused,
    /// None of the client's methods of authentication suits the proxy.
    NoMethod,
    /// User or password are wrong.
    LoginFailed,
    /// It ended, or the capture did, before the last answer.
    Unfinished,
    /// What follows is encapsulated by GSSAPI (RFC 1961), or by a method that is not known.
    Unreadable,
}

impl SocksOutcome {
    /// The name used in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Refused => "refused",
            Self::NoMethod => "no_acceptable_method",
            Self::LoginFailed => "login_failed",
            Self::Unfinished => "unfinished",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether the proxy refused.
    pub fn is_refusal(self) -> bool {
        match self {
            Self::Refused | Self::NoMethod | Self::LoginFailed => true,
            Self::Opened | Self::Unfinished | Self::Unreadable => false,
        }
    }
}

impl SocksExchange {
    /// A dialog that has just begun.
    pub(super) fn new(version: SocksVersion) -> Self {
        Self {
            version,
            method: None,
            user: None,
            request: None,
            reply: None,
            outcome: SocksOutcome::Unfinished,
        }
    }

    /// Whether the proxy has said anything in it.
    pub fn is_answered(&self) -> bool {
        self.method.is_some() || self.reply.is_some()
    }

    /// What the client asked for, as sent.
    pub fn target(&self) -> Option<&ProxyTarget> {
        self.request.as_ref().map(|request| &request.target)
    }

    /// Why the proxy refused: `connection refused (5)`.
    pub fn reason(&self) -> Option<String> {
        match self.outcome {
            SocksOutcome::Refused => {
                self.reply.map(|reply| format!("{} ({})", reply.meaning(), reply.code))
            }
            SocksOutcome::NoMethod => {
                Some(format!("no acceptable methods ({SOCKS5_NO_METHOD:#04x})"))
            }
            SocksOutcome::LoginFailed => Some("user or password are wrong".to_owned()),
            SocksOutcome::Opened | SocksOutcome::Unfinished | SocksOutcome::Unreadable => None,
        }
    }
}

/// Bytes beside the protocol of a connection: before, after or instead of what is expected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StrayBytes {
    /// Who sent them.
    pub direction: Direction,
    /// Where they are in respect of what is expected.
    pub place: StrayPlace,
    /// The first of them, at most [`StrayPlace::most`].
    pub bytes: Vec<u8>,
    /// All of them.
    pub span: Span,
    /// The protocol that they belong to, if it is known.
    pub protocol: Option<OtherProtocol>,
}

impl StrayBytes {
    /// Stray bytes of a connection that are kept; more are reported, and forgotten.
    pub const MOST_KEPT: usize = 8;
}

/// Where stray bytes are.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum StrayPlace {
    /// The server spoke before the client, and not in HTTP.
    Greeting,
    /// Before the client's request.
    BeforeRequest,
    /// Instead of a request, and HTTP was the answer.
    InsteadOfRequest,
    /// Before the status line of a response.
    BeforeResponse,
    /// Instead of a response.
    InsteadOfResponse,
    /// Between a head and the first frame.
    BeforeFrames,
    /// The beginning of a PROXY header that never became whole.
    UnfinishedProxyHeader,
    /// The beginning of a response to an upgrade request whose head never ended.
    UnfinishedResponse,
}

impl StrayPlace {
    /// The name used in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::BeforeRequest => "before_request",
            Self::InsteadOfRequest => "instead_of_request",
            Self::BeforeResponse => "before_response",
            Self::InsteadOfResponse => "instead_of_response",
            Self::BeforeFrames => "before_frames",
            Self::UnfinishedProxyHeader => "unfinished_proxy_header",
            Self::UnfinishedResponse => "unfinished_response",
        }
    }

    /// How many bytes are kept: of a head that did not end, its last line says where it stopped.
    pub fn most(self) -> usize {
        match self {
            Self::Greeting
            | Self::BeforeRequest
            | Self::InsteadOfRequest
            | Self::BeforeResponse
            | Self::InsteadOfResponse
            | Self::BeforeFrames
            | Self::UnfinishedProxyHeader => 256,
            Self::UnfinishedResponse => 2_048,
        }
    }
}

/// Bytes of a CONNECT's target that are kept: the longest host name, and a port (RFC 1035 §2.3.4).
const MOST_TARGET: usize = 262;
