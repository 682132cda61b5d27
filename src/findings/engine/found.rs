//! A violation becomes a finding.

use crate::analysis::event::ConnectionId;
use crate::findings::across::Across;
use crate::findings::engine::rule::Rule;
use crate::findings::engine::severity::Severity;
use crate::findings::engine::violation::Violation;
use crate::findings::finding::{Finding, Peers};
use crate::stream::Origin;

/// Makes a finding of a violation; `severity` is how bad it is as far as is known.
pub(super) fn finding(
    (rule, severity): (&'static Rule, Severity),
    connection: Option<(ConnectionId, Peers)>,
    origin: Origin,
    violation: Violation,
) -> Finding {
    let full = violation.severity.unwrap_or(rule.severity);
    let place = violation.span.map_or([origin; 2], |span| [span.first, span.last]);
    let [first, last] = violation.packets.unwrap_or(place);
    Finding {
        rule,
        severity,
        full,
        connection: violation.connection.or_else(|| connection.map(|(id, _)| id)),
        peers: connection.map(|(_, peers)| peers),
        group: violation.group,
        direction: violation.direction,
        side: violation.side,
        first,
        last,
        offset: violation.span.map(|span| span.start),
        bits: violation.bits,
        evidence: violation.evidence,
        remedy: violation.remedy.unwrap_or(rule.remedy),
        decoded_again: violation.decoded_again,
    }
}

/// The peers of a connection that has ended, if they are still known.
pub(super) fn peers(across: &Across, id: ConnectionId) -> Option<Peers> {
    let attempt = across.attempts.of(id).map(|it| (it.client, it.server));
    let ended = || across.ended.of(id).map(|it| (it.client, it.server));
    let (client, server) = attempt.or_else(ended)?;
    Some(Peers { client, server })
}
