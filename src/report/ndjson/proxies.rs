//! Proxies on the way of a connection, and stray bytes, as fields.

use std::borrow::Cow;

use serde::Serialize;

use crate::analysis::event::{Intermediary, IntermediaryKind, SocksExchange, StrayBytes};
use crate::http::OtherProtocol;
use crate::proxy::{ProxyHeader, method_name};
use crate::stream::Span;
use crate::text::words::hex;

/// A proxy on the way.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum IntermediaryFields<'a> {
    ProxyProtocol {
        packets: [u64; 2],
        version: u8,
        command: &'static str,
        /// Null if the proxy does not know it, or speaks for itself.
        source: Option<String>,
        destination: Option<String>,
        authority: Option<Cow<'a, str>>,
        alpn: Option<Cow<'a, str>>,
        /// Whether the client connected to the proxy by TLS; null if not said.
        tls: Option<bool>,
    },
    Socks {
        packets: [u64; 2],
        version: &'static str,
        command: Option<&'static str>,
        target: Option<String>,
        method: Option<&'static str>,
        user: Option<Cow<'a, str>>,
        /// The code of the answer; null if none came.
        reply: Option<u8>,
        outcome: &'static str,
        /// Why the proxy refused; null if it did not.
        reason: Option<String>,
    },
    Connect {
        packets: [u64; 2],
        target: Cow<'a, str>,
        /// Null if no answer came.
        status: Option<u16>,
    },
}

impl<'a> IntermediaryFields<'a> {
    pub(super) fn of(intermediary: &'a Intermediary) -> Self {
        let packets = packets(intermediary.span);
        match &intermediary.kind {
            IntermediaryKind::Header(header) => Self::of_header(header, packets),
            IntermediaryKind::Socks(socks) => Self::of_socks(socks, packets),
            IntermediaryKind::Connect { target, status } => {
                let target = String::from_utf8_lossy(target);
                Self::Connect { packets, target, status: *status }
            }
        }
    }

    fn of_header(header: &'a ProxyHeader, packets: [u64; 2]) -> Self {
        Self::ProxyProtocol {
            packets,
            version: header.version.number(),
            command: header.command.name(),
            source: header.source.as_ref().map(ToString::to_string),
            destination: header.destination.as_ref().map(ToString::to_string),
            authority: header.authority.as_deref().map(String::from_utf8_lossy),
            alpn: header.protocol.as_deref().map(String::from_utf8_lossy),
            tls: header.is_encrypted,
        }
    }

    fn of_socks(socks: &'a SocksExchange, packets: [u64; 2]) -> Self {
        Self::Socks {
            packets,
            version: socks.version.name(),
            command: socks.request.as_ref().map(|request| request.command.name()),
            target: socks.target().map(ToString::to_string),
            method: socks.method.map(method_name),
            user: socks.user.as_deref().map(String::from_utf8_lossy),
            reply: socks.reply.map(|reply| reply.code),
            outcome: socks.outcome.name(),
            reason: socks.reason(),
        }
    }
}

/// Bytes that belong to no protocol that is read.
#[derive(Serialize)]
pub(super) struct StrayFields<'a> {
    packets: [u64; 2],
    direction: &'static str,
    place: &'static str,
    offset: u64,
    /// All of them, in bytes.
    length: u64,
    /// The first of them, hexadecimal.
    hex: String,
    /// The same as text, what is not UTF-8 replaced.
    text: Cow<'a, str>,
    /// The protocol that they belong to; null if it is not known.
    protocol: Option<&'static str>,
}

impl<'a> StrayFields<'a> {
    pub(super) fn of(stray: &'a StrayBytes) -> Self {
        Self {
            packets: packets(stray.span),
            direction: stray.direction.name(),
            place: stray.place.name(),
            offset: stray.span.start,
            length: stray.span.length(),
            hex: hex(&stray.bytes).replace(' ', ""),
            text: String::from_utf8_lossy(&stray.bytes),
            protocol: stray.protocol.map(OtherProtocol::name),
        }
    }
}

/// First and last packet of a span.
fn packets(span: Span) -> [u64; 2] {
    [span.first.packet.0, span.last.packet.0]
}
