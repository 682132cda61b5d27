//! Refusals whose meaning is known: what servers, proxies and frameworks answer, and how it shows.
//!
//! Each cause has a table of them, the most exact first. A product is named only if it left the trace that its
//! entry requires.

use crate::findings::engine::context::CauseContext;
use crate::findings::engine::violation::{Violation, Violations};
use crate::findings::rules::handshake::after_response::MUST_REFUSE;
use crate::findings::rules::handshake::fields_read::sent;
use crate::findings::rules::handshake::refused_request::RefusedRequest;
use crate::stream::{Direction, Side};

/// A refusal whose meaning is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownRefusal {
    /// Statuses with which it comes; any if empty.
    pub(super) statuses: &'static [u16],
    /// Fields that the response must have, and a text that their values contain, in any letter case.
    pub(super) fields: &'static [(&'static str, &'static str)],
    /// Texts of which the body contains one, in any letter case; any body if empty.
    pub(super) body: &'static [&'static str],
    /// What it means.
    pub(super) means: &'static str,
    pub(super) remedy: &'static str,
}

impl KnownRefusal {
    /// Whether a refusal has what it requires.
    pub(super) fn is(&self, refusal: &RefusedRequest<'_>) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&refusal.status))
            && self.fields.iter().all(|(name, value)| refusal.has(name, value))
            && (self.body.is_empty() || self.body.iter().any(|text| refusal.says(text)))
    }

    /// Reports it as the cause.
    pub(super) fn report(
        &self,
        refusal: &RefusedRequest<'_>,
        side: Option<Side>,
        violations: &mut Violations,
    ) {
        let fields: Vec<&str> = self.fields.iter().map(|(name, _)| *name).collect();
        report(refusal, Conclusion { side, means: self.means, fields: &fields }, violations)
            .remedy(self.remedy);
    }
}

/// What a refusal is taken for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conclusion<'a> {
    /// Whose fault it is.
    pub(super) side: Option<Side>,
    /// What it means, for evidence.
    pub(super) means: &'a str,
    /// Fields of the response that show it.
    pub(super) fields: &'a [&'a str],
}

/// The first entry of a table that fits.
pub(super) fn find(
    table: &'static [KnownRefusal],
    refusal: &RefusedRequest<'_>,
) -> Option<&'static KnownRefusal> {
    first(table.iter(), refusal)
}

/// The first of these entries that fits.
pub(super) fn first(
    mut entries: impl Iterator<Item = &'static KnownRefusal>,
    refusal: &RefusedRequest<'_>,
) -> Option<&'static KnownRefusal> {
    entries.find(|known| known.is(refusal))
}

/// Reports what a refusal means: `means: 404 Not Found, Server: "uvicorn"; the body says "Not Found"`.
pub(super) fn report<'v>(
    refusal: &RefusedRequest<'_>,
    conclusion: Conclusion<'_>,
    violations: &'v mut Violations,
) -> &'v mut Violation {
    let mut evidence = format!("{}: {}", conclusion.means, refusal.answer());
    for name in conclusion.fields {
        evidence.push_str(", ");
        evidence.push_str(&sent(refusal.response, name));
    }
    if let Some(words) = refusal.words() {
        evidence.push_str("; the body says ");
        evidence.push_str(&words);
    }
    violations
        .add(evidence)
        .side(conclusion.side)
        .direction(Direction::ServerToClient)
        .span(refusal.response.span)
}

/// The upgrade request that was refused, unless a rule says exactly why: a proxy dropped the upgrade, the port
/// speaks TLS, socket.io and plain WebSocket are mixed up.
pub(super) fn refused<'a>(context: &CauseContext<'a>) -> Option<RefusedRequest<'a>> {
    let refusal = RefusedRequest::of(context.connection, &context.subject.state.handshake)?;
    let is_explained = EXACT.iter().any(|id| context.found(id).is_some());
    (!is_explained).then_some(refusal)
}

/// The same, if the request has everything that RFC 6455 requires.
pub(super) fn refused_though_whole<'a>(context: &CauseContext<'a>) -> Option<RefusedRequest<'a>> {
    refused(context).filter(|_| is_whole(context))
}

/// Whether the request that was refused has everything that RFC 6455 requires.
pub(super) fn is_whole(context: &CauseContext<'_>) -> bool {
    let broken = context.across.broken_handshakes.refused(context.connection.id);
    !broken.iter().any(|rule| MUST_REFUSE.contains(&rule.id))
}

/// Rules that say exactly why a request was refused.
const EXACT: &[&str] = &["HS-49", "HS-53", "TLS-01", "TLS-02"];
