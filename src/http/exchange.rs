//! Requests and their responses: which response answers which request, and the protocol that it switches
//! to.

use std::collections::VecDeque;

use super::Handshake;
use super::body::Framing;
use super::half::Whole;
use super::head::Head;
use super::head_summary::{HeadSummary, Traces, Upgrade, WebSocketFields};
use super::observation::Observation;

/// The requests of a connection that have no final response yet.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    /// Oldest first.
    pending: VecDeque<Pending>,
    /// The handshake or CONNECT that is the last of `pending`.
    handshake: Option<Box<Handshake>>,
}

/// A request without its final response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pending {
    Plain,
    /// Its response has no body (RFC 9112 §6.3 item 1).
    PlainHead,
    Handshake,
    Connect,
}

/// What a connection is after HTTP.
#[derive(Clone, Copy, Debug)]
pub(super) enum Protocol {
    WebSocket,
    Tunnel,
    Other,
}

/// What a response means for its connection.
#[derive(Debug)]
pub(super) enum Answer {
    /// Another response to the same request follows.
    Interim,
    /// HTTP continues after a body with this framing.
    Final(Framing, Refused),
    /// The connection changes its protocol, with this handshake.
    Switch(Protocol, Option<Box<Handshake>>),
}

/// Whether a response refuses a handshake or CONNECT, so that what the client sent after it is HTTP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refused {
    Yes,
    No,
}

impl Exchanges {
    /// Memory taken by the request that waits for its response, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.handshake.as_ref().map_or(0, |handshake| handshake.memory())
    }

    /// Drops the head of the request that waits for its response, to save memory.
    pub(super) fn evict(&mut self) {
        if let Some(handshake) = &mut self.handshake {
            handshake.request = None;
        }
    }

    /// Takes a request: how its body is framed; `None` if too many wait for their response.
    pub(super) fn request(
        &mut self,
        method: &[u8],
        summary: &HeadSummary,
        whole: &Whole<'_>,
        sink: &mut dyn FnMut(Observation<'_>),
    ) -> Option<Framing> {
        let pending = match (method, summary.traces()) {
            (b"CONNECT", _) => Pending::Connect,
            (_, Traces::Partial | Traces::UpgradeRequested) => Pending::Handshake,
            (b"HEAD", Traces::None) => Pending::PlainHead,
            (_, Traces::None) => Pending::Plain,
        };
        if self.pending.len() >= MAX_PIPELINED {
            self.pending.clear();
            return None;
        }
        self.pending.push_back(pending);
        if !pending.is_plain() {
            let request = Some(Head::parse(&whole.raw, whole.span));
            let handshake = Box::new(Handshake { request, ..Handshake::default() });
            if pending == Pending::Handshake {
                sink(Observation::UpgradeRequested(&handshake));
            }
            self.handshake = Some(handshake);
        }
        Some(match pending {
            // RFC 9110 §9.3.6: what follows is the tunnel's.
            Pending::Connect => Framing::Nothing,
            Pending::Plain | Pending::PlainHead | Pending::Handshake => {
                Framing::of_request(summary)
            }
        })
    }

    /// Takes a response to the oldest request.
    pub(super) fn response(
        &mut self,
        status: u16,
        summary: &HeadSummary,
        whole: &Whole<'_>,
        sink: &mut dyn FnMut(Observation<'_>),
    ) -> Answer {
        if (INTERIM..FINAL).contains(&status) && status != SWITCHING_PROTOCOLS {
            if self.pending.front() == Some(&Pending::Handshake)
                && let Some(handshake) = &mut self.handshake
            {
                handshake.interim = handshake.interim.saturating_add(1);
            }
            return Answer::Interim;
        }
        if status == SWITCHING_PROTOCOLS && self.handshake.is_some() {
            // Only the last request can have requested it.
            self.lose_response();
        }
        let answered = self.pending.pop_front();
        let mut handshake = match answered {
            Some(Pending::Handshake | Pending::Connect) => self.handshake.take(),
            Some(Pending::Plain | Pending::PlainHead) | None => None,
        };
        let protocol = protocol(status, summary, answered, handshake.as_deref());
        let unasked = match protocol {
            Some(Protocol::WebSocket) => handshake.is_none(),
            Some(Protocol::Tunnel | Protocol::Other) => false,
            None => answered.is_none() && summary.traces() != Traces::None,
        };
        if unasked {
            handshake = Some(Box::default());
        }
        if let Some(handshake) = &mut handshake {
            handshake.response = Some(Head::parse(&whole.raw, whole.span));
            match (answered, protocol) {
                (Some(Pending::Connect), None) => sink(Observation::TunnelRefused(handshake)),
                (Some(Pending::Connect), Some(Protocol::Tunnel)) => {}
                _ => sink(Observation::HandshakeEnded(handshake)),
            }
        }
        if let Some(protocol) = protocol {
            return Answer::Switch(protocol, handshake);
        }
        let framing = if has_no_body(status, answered, handshake.as_deref()) {
            Framing::Nothing
        } else {
            Framing::of_response(summary)
        };
        let refused = if handshake.is_some() && !unasked { Refused::Yes } else { Refused::No };
        Answer::Final(framing, refused)
    }

    /// Ends the connection: a handshake or CONNECT that still waits for its response never got one.
    pub(super) fn finish(
        &mut self,
        sink: &mut dyn FnMut(Observation<'_>),
    ) -> Option<Box<Handshake>> {
        let pending = self.pending.pop_back();
        let handshake = self.handshake.take()?;
        if pending == Some(Pending::Connect) {
            sink(Observation::TunnelRefused(&handshake));
        } else {
            sink(Observation::HandshakeEnded(&handshake));
        }
        Some(handshake)
    }

    /// The handshake whose response has not come yet.
    pub(super) fn awaiting_response(&self) -> Option<&Handshake> {
        let last = self.pending.back();
        self.handshake.as_deref().filter(|_| last == Some(&Pending::Handshake))
    }

    /// Whether a handshake or CONNECT waits for its response.
    pub(super) fn is_response_awaited(&self) -> bool {
        self.handshake.is_some()
    }

    /// Bytes of the client came before the response.
    pub(super) fn count_early(&mut self, length: u64) {
        if let Some(handshake) = &mut self.handshake {
            handshake.early_bytes = handshake.early_bytes.saturating_add(length);
        }
    }

    /// Responses may be missing: no plain request waits for one any longer.
    pub(super) fn lose_response(&mut self) {
        self.pending.retain(|pending| !pending.is_plain());
    }
}

impl Pending {
    fn is_plain(self) -> bool {
        match self {
            Self::Plain | Self::PlainHead => true,
            Self::Handshake | Self::Connect => false,
        }
    }
}

/// The protocol that a response switches to.
fn protocol(
    status: u16,
    summary: &HeadSummary,
    answered: Option<Pending>,
    handshake: Option<&Handshake>,
) -> Option<Protocol> {
    if answered == Some(Pending::Connect) && SUCCESSFUL.contains(&status) {
        return Some(Protocol::Tunnel);
    }
    if status != SWITCHING_PROTOCOLS {
        return None;
    }
    let request = handshake.and_then(|handshake| handshake.request.as_ref());
    let asked_other = request.is_none_or(|head| {
        !head.has_token("Upgrade", "websocket") && head.has_other_token("Upgrade", "websocket")
    });
    let says_websocket =
        summary.upgrade == Upgrade::WebSocket || summary.own == WebSocketFields::Accept;
    let says_nothing = summary.upgrade == Upgrade::Absent;
    Some(if says_websocket || (says_nothing && !asked_other) {
        Protocol::WebSocket
    } else {
        Protocol::Other
    })
}

/// RFC 9112 §6.3 item 1.
fn has_no_body(status: u16, answered: Option<Pending>, handshake: Option<&Handshake>) -> bool {
    status == NO_CONTENT
        || status == NOT_MODIFIED
        || answered == Some(Pending::PlainHead)
        || handshake.and_then(Handshake::method) == Some(b"HEAD")
}

/// Requests without a response; with more than that, the connection is skipped.
pub(super) const MAX_PIPELINED: usize = 256;

/// Interim responses are from here (RFC 9110 §15.2) ...
const INTERIM: u16 = 100;

/// ... to here, exclusively.
const FINAL: u16 = 200;

/// RFC 9110 §15.2.2.
const SWITCHING_PROTOCOLS: u16 = 101;

/// RFC 9110 §15.3.
const SUCCESSFUL: std::ops::RangeInclusive<u16> = 200..=299;

/// RFC 9110 §15.3.5.
const NO_CONTENT: u16 = 204;

/// RFC 9110 §15.4.5.
const NOT_MODIFIED: u16 = 304;
