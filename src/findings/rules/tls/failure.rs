//! Why a connection never came to speak inside TLS.

use crate::analysis::event::{Ending, Transport};
use crate::findings::engine::context::RuleContext;
use crate::stream::{Direction, Origin, Side, Span};
use crate::tls::{Alert, ContentType, Facts, Foreign, Seen, Version};

/// Why a connection never came to speak inside TLS.
#[derive(Clone, Copy, Debug)]
pub(super) enum TlsFailure<'a> {
    /// TLS-01: the server answered a `ClientHello` with something else.
    Foreign(&'a Foreign),
    /// TLS-01, perhaps: the server ended the connection, or waited for more, without a word.
    Silence(ServerSilence),
    /// TLS-03: one side said why it gave up.
    Alert(Direction, &'a Seen<Alert>),
    /// TLS-03, perhaps: what the server sent last is an encrypted alert, so many nanoseconds after the handshake.
    HiddenAlert(Span, u64),
    /// TLS-08: the client left after it had seen the server's certificate.
    Left(Left),
}

/// How a server was silent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ServerSilence {
    /// It ended the connection.
    Ended(Origin),
    /// It had the `ClientHello` for so many nanoseconds.
    Waited(u64),
}

/// How a client left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    /// With its first FIN or RST.
    pub(super) at: Origin,
    /// Nanoseconds after the handshake's end, or after the server's latest record where it has none.
    pub(super) after: u64,
}

/// Why a connection never came to speak inside TLS, if that is known.
pub(super) fn failure<'a>(context: &RuleContext<'a, Ending>) -> Option<TlsFailure<'a>> {
    let tls = context.connection.tls.as_deref()?;
    if context.connection.transport != Transport::Tls {
        return None;
    }
    if let Some(foreign) = &tls.foreign
        && foreign.direction == Direction::ServerToClient
    {
        return Some(TlsFailure::Foreign(foreign));
    }
    if let Some((direction, alert)) = first_alert(tls)
        && (tls.established.is_none() || refuses(tls, direction, alert.what))
    {
        return Some(TlsFailure::Alert(direction, alert));
    }
    silence(context, tls)
        .map(TlsFailure::Silence)
        .or_else(|| hidden_alert(context, tls))
        .or_else(|| left(context, tls).map(TlsFailure::Left))
}

/// The alert that came first.
fn first_alert(tls: &Facts) -> Option<(Direction, &Seen<Alert>)> {
    let of = |direction| tls.alerts.get(direction).as_ref().map(|alert| (direction, alert));
    Direction::BOTH.into_iter().filter_map(of).min_by_key(|(_, alert)| alert.span.last)
}

/// Whether an alert after the handshake, which was decrypted, refuses what the other side showed in it: in TLS 1.3
/// the handshake is over for the client before the server has its certificate.
fn refuses(tls: &Facts, direction: Direction, alert: Alert) -> bool {
    tls.sides.get(direction).data == 0 && alert.is_about_identity()
}

fn silence(context: &RuleContext<'_, Ending>, tls: &Facts) -> Option<ServerSilence> {
    let hello = tls.client_hello.as_ref()?;
    let server = &tls.sides.server;
    let received = context.connection.has_received(Direction::ClientToServer, hello.span.end);
    if tls.has_answer() || server.is_lost || !received || context.connection.bytes.server > 0 {
        return None;
    }
    let until = match context.state.ended {
        Some((Side::Server, at)) => return Some(ServerSilence::Ended(at)),
        Some((Side::Client, at)) => at.time,
        None => context.subject.watched_until,
    };
    let waited = until.waited_since(hello.span.last.time);
    (waited >= NO_ANSWER).then_some(ServerSilence::Waited(waited))
}

/// In TLS 1.3, a server reads the client's certificate, or that it has none, when the handshake is done for
/// the client.
fn hidden_alert<'a>(context: &RuleContext<'a, Ending>, tls: &Facts) -> Option<TlsFailure<'a>> {
    if tls.key_source.is_some() {
        // What it is was seen.
        return None;
    }
    let (established, last) = tls.established.zip(tls.sides.server.last)?;
    let (_, at) = context.state.ended?;
    let after = last.span.last.time.waited_since(established.last.time);
    let is_alert = last.kind == ContentType::ApplicationData
        && tls.ends_with_hidden_alert(Direction::ServerToClient);
    // It came unasked: nobody had left, or said goodbye.
    let is_first = last.span.last <= at && !tls.ends_with_hidden_alert(Direction::ClientToServer);
    // Tickets, or an answer, would be records of the server after what the client sent.
    let has_said_more = tls.sides.server.data > 1 || tls.sides.server.is_lost;
    // It is a guess about certificates, and needs one.
    let has_certificate = had_certificate(tls, at);
    (is_alert && is_first && has_certificate && !has_said_more && after <= AT_ONCE)
        .then_some(TlsFailure::HiddenAlert(last.span, after))
}

fn left(context: &RuleContext<'_, Ending>, tls: &Facts) -> Option<Left> {
    let (client, server) = (&tls.sides.client, &tls.sides.server);
    let hello = &tls.server_hello.as_ref()?.what;
    let is_early = tls.client_hello.as_ref().is_some_and(|hello| hello.what.early_data);
    let is_lost = client.is_lost || server.is_lost;
    let (side, at) = context.state.ended?;
    if hello.retry || !had_certificate(tls, at) || is_early || is_lost || client.data > 0 {
        return None;
    }
    // A server closes as soon as it reads the alert of a client that is about to.
    let is_clients = side == Side::Client
        || (tls.established.is_none() && tls.ends_with_hidden_alert(Direction::ClientToServer));
    let latest = tls.established.or_else(|| server.last.map(|last| last.span))?;
    let after = at.time.waited_since(latest.last.time);
    (is_clients && after <= AT_ONCE).then_some(Left { at, after })
}

/// Whether the client had a certificate of the server when the connection ended. TLS 1.3 encrypts it; a
/// session that is resumed has none.
fn had_certificate(tls: &Facts, ended: Origin) -> bool {
    if let Some(certificate) = &tls.certificate {
        return certificate.span.last.packet < ended.packet;
    }
    let server = &tls.sides.server;
    let is_hidden = tls.version().is_some_and(|version| version >= Version::TLS_1_3)
        && tls.server_hello.as_ref().is_some_and(|hello| !hello.what.resumed)
        && server.protected > 0;
    let is_done = tls.established.is_some()
        || server.last.is_some_and(|last| last.span.last.packet < ended.packet);
    is_hidden && is_done
}

/// Whether the client continued after it had seen the server's certificate.
pub(super) fn is_accepted(tls: &Facts) -> bool {
    tls.sides.client.data > 0
}

/// Nanoseconds after which a server that has a `ClientHello` should have answered: it needs no one else for
/// that.
const NO_ANSWER: u64 = 3_000_000_000;

/// Nanoseconds within which a client that refuses a certificate is gone. Browsers open connections in
/// advance, and close those that they do not need; but later.
const AT_ONCE: u64 = 3_000_000_000;
