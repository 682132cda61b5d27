//! What the rules remember of a connection's opening handshake.

use crate::analysis::event::Connection;
use crate::findings::engine::broken_rule::BrokenRule;
use crate::findings::rules::handshake::fields_read::attempt;
use crate::http::{Handshake, OtherProtocol, names_engine_io};
use crate::stream::{Direction, Span};
use crate::websocket::extension::{self, DeflateParams, PERMESSAGE_DEFLATE};

/// What the rules remember of the opening handshake.
#[derive(Debug, Default)]
pub(crate) struct HandshakeState {
    /// The 101 response, once it came.
    pub(crate) accepted: Option<Span>,
    /// RSV bits that the accepted extensions may use; `None` if that is not known.
    pub(crate) reserved_bits: Option<u8>,
    /// What was agreed for permessage-deflate, where it was accepted.
    pub(crate) deflate: Option<DeflateParams>,
    /// Rules that the request of the handshake under way broke.
    pub(crate) request_violations: Vec<BrokenRule>,
    /// Rules that its response broke.
    pub(crate) response_violations: Vec<BrokenRule>,
    /// The request for a WebSocket that has no response so far.
    pub(crate) asked: Option<PendingRequest>,
    /// The latest handshake that was refused.
    pub(crate) refused: Option<Box<Handshake>>,
    /// The latest request of Engine.IO's long polling that was refused.
    pub(crate) refused_polling: Option<Box<Handshake>>,
    /// The heads of the handshake that was accepted.
    pub(crate) accepted_heads: Option<Box<Handshake>>,
}

/// A request for a WebSocket that waits for its response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PendingRequest {
    pub(crate) request: Span,
    /// Bytes that the server had sent before.
    pub(crate) said: u64,
    /// The protocol on top that it offers, if that has a port of its own without WebSocket.
    pub(crate) over: Option<OtherProtocol>,
}

impl HandshakeState {
    /// Memory taken by the heads that are kept, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let heads =
            [&self.refused, &self.refused_polling, &self.accepted_heads].into_iter().flatten();
        heads.map(|handshake| handshake.memory()).fold(0, usize::saturating_add)
    }

    /// Remembers a broken rule, if it is one about the request or the response.
    pub(crate) fn note(&mut self, rule: BrokenRule, direction: Option<Direction>) {
        let Some(direction) = direction.filter(|it| *rule.is_about_heads.get(*it)) else { return };
        let broken = match direction {
            Direction::ClientToServer => &mut self.request_violations,
            Direction::ServerToClient => &mut self.response_violations,
        };
        if !broken.contains(&rule) {
            broken.push(rule);
        }
    }

    /// RSV bits with which payloads can be read; all if the handshake was not seen.
    pub(crate) fn readable_bits(&self) -> u8 {
        match (self.reserved_bits, self.deflate) {
            (None, _) => 0b111,
            (Some(_), Some(_)) => 0b100,
            (Some(_), None) => 0,
        }
    }

    /// Remembers a request.
    pub(crate) fn asked(&mut self, connection: &Connection, handshake: &Handshake) {
        let said = connection.bytes.server;
        let is_mqtt = |name: &[u8]| name.to_ascii_lowercase().starts_with(b"mqtt");
        let over = handshake.subprotocols_offered().any(is_mqtt).then_some(OtherProtocol::Mqtt);
        self.asked =
            attempt(handshake).map(|request| PendingRequest { request: request.span, said, over });
    }

    /// Remembers how a handshake ended.
    pub(crate) fn ended(&mut self, handshake: &Handshake) {
        let Some(response) = &handshake.response else { return };
        if response.status() != Some(101) {
            // Another may follow on the same connection.
            let kept = Some(Box::new(handshake.clone()));
            let is_attempt = attempt(handshake).is_some();
            let is_polling = !is_attempt
                && response.status().is_some_and(|status| status >= CLIENT_ERROR)
                && handshake.target().is_some_and(names_engine_io);
            *self = match (is_attempt, is_polling) {
                (true, _) => Self { refused: kept, ..Self::default() },
                (false, true) => Self { refused_polling: kept, ..Self::default() },
                (false, false) => Self::default(),
            };
            return;
        }
        self.asked = None;
        self.accepted = Some(response.span);
        self.accepted_heads = Some(Box::new(handshake.clone()));
        let accepted = handshake.extensions_accepted().unwrap_or_default();
        let list = extension::parse(&accepted);
        self.deflate = DeflateParams::from_accepted(&list);
        let is_deflate = |name: &str| name.eq_ignore_ascii_case(PERMESSAGE_DEFLATE);
        let has_other = list.extensions.iter().any(|it| !is_deflate(&it.name));
        self.reserved_bits = Some(match (has_other, self.deflate) {
            // What an extension that we do not know does with the bits, nobody can tell.
            (true, _) => 0b111,
            (false, Some(_)) => 0b100,
            (false, None) => 0,
        });
    }
}

/// Statuses that refuse a request are from here (RFC 9110 §15.5).
const CLIENT_ERROR: u16 = 400;
