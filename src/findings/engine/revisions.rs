//! Findings whose severity depends on what the rest of the capture shows.

use std::collections::VecDeque;

use crate::analysis::event::Connection;
use crate::findings::across::attempts::Attempt;
use crate::findings::across::related::{RelatedConnections, Route};
use crate::findings::engine::rule::Rule;
use crate::findings::engine::severity::Severity;
use crate::findings::finding::{Revision, WithdrawnCause};
use crate::tls::Facts;

/// The latest findings about connections that may turn out to have nothing to do with WebSocket.
#[derive(Debug, Default)]
pub(crate) struct RevisableFindings {
    /// How many findings were given, of all rules.
    given: u64,
    list: VecDeque<RevisableFinding>,
}

/// A finding whose severity depends on its connection.
#[derive(Debug)]
struct RevisableFinding {
    number: u64,
    rule: &'static Rule,
    /// The one that it has if its connection is related to WebSocket.
    full: Severity,
    /// The one that was reported.
    reported: Severity,
    connection: FindingConnection,
}

/// What the severity of a finding depends on.
#[derive(Clone, Debug)]
pub(crate) struct FindingConnection {
    pub(crate) route: Route,
    /// The name that the client requested in TLS.
    pub(crate) server_name: Vec<u8>,
}

impl FindingConnection {
    pub(crate) fn of(connection: &Connection) -> Self {
        let name = connection.tls.as_deref().and_then(Facts::server_name);
        let server_name = name.unwrap_or_default().to_vec();
        Self { route: Route::of(connection), server_name }
    }

    pub(crate) fn of_attempt(attempt: &Attempt) -> Self {
        Self { route: Route::of_attempt(attempt), server_name: Vec::new() }
    }
}

impl RelatedConnections {
    /// How bad a finding about a connection is, as far as is known; `full` is how bad it is if it matters.
    pub fn severity(&self, connection: &Connection, rule: &Rule, full: Severity) -> Severity {
        if full == Severity::Note || !rule.is_about_any_connection() {
            return full;
        }
        let name = connection.tls.as_deref().and_then(Facts::server_name);
        self.severity_on(&Route::of(connection), name.unwrap_or_default(), (rule, full))
    }

    /// The same for a rule about any connection; `name` is the one that the client requested in TLS.
    fn severity_on(&self, route: &Route, name: &[u8], (rule, full): (&Rule, Severity)) -> Severity {
        // A client that trusts the certificate on another connection did not need this one.
        let is_spare = rule.id == LEFT_TLS && self.is_trusted(route, name);
        if is_spare || !self.has_route(route) { Severity::Note } else { full }
    }
}

impl RevisableFindings {
    /// Counts a finding, and decides how bad it is as far as is known. `full` is how bad it is if it
    /// matters.
    pub(crate) fn judge(
        &mut self,
        rule: &'static Rule,
        full: Severity,
        connection: Option<&FindingConnection>,
        related: &RelatedConnections,
    ) -> Severity {
        let number = self.given;
        self.given = self.given.saturating_add(1);
        let Some(connection) = connection.filter(|_| depends(rule, full)) else { return full };
        let reported =
            related.severity_on(&connection.route, &connection.server_name, (rule, full));
        if self.list.len() >= REMEMBERED {
            self.list.pop_front();
        }
        let connection = connection.clone();
        self.list.push_back(RevisableFinding { number, rule, full, reported, connection });
        reported
    }

    /// The number of the next finding.
    pub(crate) fn next(&self) -> u64 {
        self.given
    }

    /// Takes a cause back that was given with this number; `full` is how bad it seemed if it mattered.
    pub(crate) fn withdraw(
        &mut self,
        number: u64,
        full: Severity,
        withdrawn: WithdrawnCause,
    ) -> Revision {
        let place = self.list.binary_search_by_key(&number, |finding| finding.number);
        let known = place.ok().and_then(|place| self.list.remove(place));
        let before = known.map_or(full, |finding| finding.reported);
        let (after, is_cause) = (Severity::Note, true);
        Revision { number, before, after, is_cause, withdrawn: Some(withdrawn) }
    }

    /// Decides again, and reports what has changed.
    pub(crate) fn revise(
        &mut self,
        related: &RelatedConnections,
        report: &mut impl FnMut(Revision),
    ) {
        for finding in &mut self.list {
            let FindingConnection { route, server_name } = &finding.connection;
            let after = related.severity_on(route, server_name, (finding.rule, finding.full));
            let before = std::mem::replace(&mut finding.reported, after);
            if before != after {
                let is_cause = finding.rule.is_cause();
                let number = finding.number;
                report(Revision { number, before, after, is_cause, withdrawn: None });
            }
        }
    }
}

/// Whether findings of a rule are notes on connections that have nothing to do with WebSocket.
fn depends(rule: &Rule, full: Severity) -> bool {
    full > Severity::Note && rule.is_about_any_connection()
}

/// The rule about clients that leave TLS without using it.
const LEFT_TLS: &str = "TLS-08";

/// Findings that are remembered; older ones keep their severity.
const REMEMBERED: usize = 1 << 12;
