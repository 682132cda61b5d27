//! What several connections show together: reported at the end of the capture, or as soon as it is known.
//!
//! Early reports are compared with what all connections together show at the end: what was reported is not
//! repeated, and what does not hold is taken back. A connection is compared with the latest ones of its server
//! only, so that its end costs the same however long the capture is.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use foldhash::{HashMap, HashMapExt};

use crate::analysis::event::{Connection, ConnectionEvent, ConnectionId};
use crate::findings::across::Across;
use crate::findings::across::ended_websockets::ServerLife;
use crate::findings::across::unused_connections::{AGAIN, REPORTED};
use crate::findings::engine::context::{GroupContext, GroupScope};
use crate::findings::engine::dispatch::{RULES_BY_TRIGGER, TriggeredRule};
use crate::findings::engine::found::{finding, peers};
use crate::findings::engine::revisions::{FindingConnection, RevisableFindings};
use crate::findings::engine::rule::Rule;
use crate::findings::engine::severity::Severity;
use crate::findings::engine::violation::{Violation, ViolationPlace, Violations};
use crate::findings::finding::{Findings, Peers, WithdrawnCause};
use crate::findings::settings::GroupReports;
use crate::stream::{Origin, Timestamp};

/// What was reported before the end of the capture, and what will be compared soon.
#[derive(Debug, Default)]
pub(super) struct EarlyReports {
    by_id: BTreeMap<ConnectionId, EarlyReport>,
    /// Connections that their clients left without having used them, and when it is clear why.
    unused: VecDeque<(Timestamp, ConnectionId)>,
    /// How many such connections there were.
    unused_count: usize,
    /// Whether the capture has ended: what is left is reported together.
    is_over: bool,
}

/// A cause that was reported on a connection.
#[derive(Clone, Copy, Debug)]
struct EarlyReport {
    rule: &'static Rule,
    /// The connection that represents all that show it together.
    group: Option<ConnectionId>,
    server: SocketAddr,
    /// The number of the finding.
    number: u64,
    severity: Severity,
}

/// A cause, and how a connection shows it.
type Shown = (&'static Rule, Violation);

/// What is known of all connections, and where it is reported what several of them show.
pub(super) struct Grouping<'c> {
    pub(super) across: &'c mut Across,
    pub(super) revisable: &'c mut RevisableFindings,
    pub(super) early: &'c mut EarlyReports,
    /// What the checks report while they run.
    pub(super) violations: &'c mut Violations,
    pub(super) when: GroupReports,
}

impl Grouping<'_> {
    /// Reports what has become clear by now of connections that were not used.
    pub(super) fn report_due(&mut self, now: Timestamp, out: &mut impl Findings) {
        while self.early.is_due(now)
            && let Some((_, id)) = self.early.unused.pop_front()
        {
            self.across.judge_unused(id);
            let report = &mut |revision| out.revised(revision);
            self.revisable.revise(&self.across.related, report);
            let shown = self.groups(GroupScope::Unused);
            self.give(shown, None, out);
        }
    }

    /// Reports what all connections together show, at the end of the capture.
    pub(super) fn finish(&mut self, out: &mut impl Findings) {
        let shown = self.groups(GroupScope::All);
        let ended = |id| self.across.ended.of(id).is_some();
        let compared: Vec<ConnectionId> =
            self.early.by_id.keys().copied().filter(|id| ended(*id)).collect();
        self.withdraw(&compared, &shown, out);
        self.give(shown, None, out);
    }

    /// Learns from an event of a connection what may be compared before the end of the capture.
    pub(super) fn follow(
        &mut self,
        connection: &Connection,
        event: &ConnectionEvent<'_>,
        out: &mut impl Findings,
    ) {
        match event {
            ConnectionEvent::Ended(_) => return,
            ConnectionEvent::HandshakeEnded(handshake) if handshake.status() == Some(101) => {
                let (id, server) = (connection.id, connection.server);
                let shown = self.groups(GroupScope::Accepted { id, server });
                self.give(shown, None, out);
            }
            _ => {}
        }
        self.across.attempts.follow(connection);
    }

    /// Reports what a connection that has ended shows together with others. `open` finds out what is known of
    /// those to the same server that are open.
    pub(super) fn ended(
        &mut self,
        connection: &Connection,
        open: impl FnOnce() -> ServerLife,
        out: &mut impl Findings,
    ) {
        if self.early.is_over {
            return;
        }
        let (id, server) = (connection.id, connection.server);
        let unused = self.across.attempts.of(id).and_then(|attempt| attempt.unused);
        if let Some(unused) = unused.filter(|_| self.early.unused_count < REPORTED) {
            self.early.unused_count = self.early.unused_count.saturating_add(1);
            let due = Timestamp(unused.left.time.0.saturating_add(AGAIN));
            self.early.unused.push_back((due, id));
        }
        let is_new = self.across.ended.latest().last().is_some_and(|ended| ended.id == id);
        if !is_new && !self.early.has(server) {
            return;
        }
        let none = ServerLife::default();
        let mut shown = self.groups(GroupScope::Ended { id, server, open: none });
        if self.early.is_news(&shown) {
            // Those that are open now may have outlived what the others have in common.
            shown = self.groups(GroupScope::Ended { id, server, open: open() });
        }
        let compared: Vec<ConnectionId> =
            self.across.ended.of_servers([server; 2]).iter().map(|ended| ended.id).collect();
        self.withdraw(&compared, &shown, out);
        self.give(shown, Some(id), out);
    }

    /// Asks what connections show together.
    fn groups(&mut self, scope: GroupScope) -> Vec<Shown> {
        let context = GroupContext::new(self.across, scope);
        let mut shown = Vec::new();
        for (TriggeredRule { rule, .. }, check) in &RULES_BY_TRIGGER.group {
            self.violations.set_place(ViolationPlace::default());
            check(&context, self.violations);
            shown.extend(self.violations.take().into_iter().map(|violation| (*rule, violation)));
        }
        shown
    }

    /// Takes back what was reported on connections that were compared once more and do not show it.
    fn withdraw(&mut self, compared: &[ConnectionId], shown: &[Shown], out: &mut impl Findings) {
        if self.early.by_id.is_empty() {
            return;
        }
        let now: HashMap<ConnectionId, &'static str> =
            shown.iter().filter_map(|(rule, it)| Some((it.connection?, rule.id))).collect();
        for id in compared {
            let known = self.early.by_id.get(id).copied();
            let Some(report) = known.filter(|report| report.group.is_some()) else { continue };
            if now.get(id) != Some(&report.rule.id) {
                self.take_back(*id, report, out);
            }
        }
    }

    fn take_back(&mut self, id: ConnectionId, report: EarlyReport, out: &mut impl Findings) {
        self.early.by_id.remove(&id);
        let EarlyReport { rule, number, severity, .. } = report;
        let withdrawn = WithdrawnCause { connection: id, rule };
        out.revised(self.revisable.withdraw(number, severity, withdrawn));
    }

    /// Gives what was not reported before; `current` is the connection that is about to end.
    fn give(&mut self, shown: Vec<Shown>, current: Option<ConnectionId>, out: &mut impl Findings) {
        let names = self.early.names(&shown);
        for (rule, mut violation) in shown {
            let severity = violation.severity.unwrap_or(rule.severity);
            let about = violation.connection;
            if let Some((id, report)) = about.and_then(|id| Some((id, self.early.of(id, rule)?))) {
                if report.severity == severity {
                    continue;
                }
                self.take_back(id, report, out);
            }
            let name = violation.group.and_then(|first| names.get(&(rule.id, first)).copied());
            violation.group = name.or(violation.group);
            self.give_one((rule, violation), severity, current, out);
        }
    }

    fn give_one(
        &mut self,
        (rule, violation): Shown,
        full: Severity,
        current: Option<ConnectionId>,
        out: &mut impl Findings,
    ) {
        let about = violation.connection;
        let peers = about.and_then(|id| Some((id, peers(self.across, id)?)));
        let attempt = about.and_then(|id| self.across.attempts.of(id));
        let of_connection = attempt.map(FindingConnection::of_attempt);
        let (group, number) = (violation.group, self.revisable.next());
        let related = &self.across.related;
        let severity = self.revisable.judge(rule, full, of_connection.as_ref(), related);
        let found = finding((rule, severity), peers, Origin::default(), violation);
        if current.is_some() && about == current {
            out.finding(&found);
        } else {
            out.found_later(&found);
        }
        if self.when == GroupReports::Early
            && let Some((id, Peers { server, .. })) = peers
        {
            self.early.add(id, EarlyReport { rule, group, server, number, severity: full });
        }
    }
}

impl EarlyReports {
    /// Whether a connection was left unused so long ago that it is clear by now why.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.unused.front().is_some_and(|(due, _)| *due <= now)
    }

    /// Learns that no packet is to come: what the connections that are left show is reported together.
    pub(super) fn end(&mut self) {
        self.is_over = true;
    }

    fn add(&mut self, id: ConnectionId, report: EarlyReport) {
        self.by_id.insert(id, report);
        if self.by_id.len() > REMEMBERED {
            self.by_id.pop_first();
        }
    }

    /// Whether anything was reported on a connection to this server.
    fn has(&self, server: SocketAddr) -> bool {
        self.by_id.values().any(|report| report.server == server)
    }

    /// What was reported on a connection, if it was this cause.
    fn of(&self, id: ConnectionId, rule: &Rule) -> Option<EarlyReport> {
        self.by_id.get(&id).copied().filter(|report| report.rule.id == rule.id)
    }

    /// Whether there is a cause that was reported on none of the connections that show it.
    fn is_news(&self, shown: &[Shown]) -> bool {
        let names = self.names(shown);
        let name = |(rule, it): &Shown| Some((rule.id, it.group?));
        shown.iter().filter_map(name).any(|name| !names.contains_key(&name))
    }

    /// Which connections represent those whose first one is this now: the same as when the first of them were
    /// reported.
    fn names(&self, shown: &[Shown]) -> HashMap<(&'static str, ConnectionId), ConnectionId> {
        let mut names = HashMap::new();
        for (rule, violation) in shown {
            let report = violation.connection.and_then(|id| self.of(id, rule));
            if let Some((first, name)) = violation.group.zip(report.and_then(|it| it.group)) {
                names.entry((rule.id, first)).or_insert(name);
            }
        }
        names
    }
}

/// Reports that are remembered; those on connections with the lowest numbers are forgotten first.
const REMEMBERED: usize = 1 << 11;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{Scenario, ScenarioFindings, masked, plain};
    use crate::findings::settings::Reading;
    use crate::stream::Side;
    use crate::testkit::traffic::TestTraffic;

    /// A message each 700 ms until this age in milliseconds, shortly after the last one.
    fn used(s: &mut TestTraffic, age: u64) -> &mut TestTraffic {
        s.upgraded();
        let until = s.time + age * 1_000_000;
        while s.time + 700_000_000 < until {
            s.wait(700).server(&plain(0x81, b"tick")).client(&masked(0x81, b"ack"));
        }
        s.time = until;
        s
    }

    /// Causes as `ID connection group`, each with the packet that shows it; without those found at the end.
    fn early(judged: &ScenarioFindings) -> Vec<String> {
        let known = judged.list.iter().zip(&judged.known_at).filter(|(_, at)| **at < u64::MAX);
        let causes = known.filter(|(finding, _)| finding.rule.is_cause());
        causes
            .map(|(finding, _)| {
                let number = |id: Option<ConnectionId>| id.map_or(0, |id| id.0);
                let (id, group) = (number(finding.connection), number(finding.group));
                format!("{} {id} {group}", finding.rule.id)
            })
            .collect()
    }

    fn judged(play: fn(&mut Scenario)) -> ScenarioFindings {
        let mut scenario = Scenario::new();
        play(&mut scenario);
        scenario.judge_when(GroupReports::Early, &Reading::default())
    }

    #[test]
    fn groups_are_reported_once_as_soon_as_they_are_known() {
        #[rustfmt::skip]
        type Row = (&'static str, fn(&mut Scenario), &'static [&'static str]);
        let rows: &[Row] = &[
            (
                "equally old, each a while after the other",
                |s| {
                    for begin in [0, 5_300, 17_000, 29_000] {
                        s.beside(begin, |it| {
                            used(it, 42_000).end(Side::Server);
                        });
                    }
                },
                &["WHY-40 1 1", "WHY-40 2 1", "WHY-40 3 1", "WHY-40 4 1"],
            ),
            (
                "another one is open for longer",
                |s| {
                    for begin in [0, 5_300] {
                        s.beside(begin, |it| {
                            used(it, 42_000).end(Side::Server);
                        });
                    }
                    s.beside(100, |it| {
                        used(it, 90_000).close();
                    });
                },
                &[],
            ),
            (
                "a request like the one that was refused is accepted",
                |s| {
                    s.refused("X-Field: a\r\n", "400 Bad Request", "", "");
                    s.wait(100).open().upgrade("", "").wait(60_000);
                },
                &["WHY-25 1 0"],
            ),
            (
                "left unused, while others use the server",
                |s| {
                    s.open().upgrade("", "");
                    s.between("10.0.0.7", "10.0.0.2");
                    s.open().wait(1).end(Side::Client).wait(5_000).open().upgrade("", "");
                },
                &["WHY-32 2 0"],
            ),
        ];
        for (name, play, expected) in rows {
            let judged = judged(*play);
            assert_eq!(early(&judged), *expected, "{name}");
            assert!(judged.withdrawn.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_group_is_known_when_the_second_one_has_ended() {
        let judged = judged(|s| {
            for begin in [0, 5_300, 17_000] {
                s.beside(begin, |it| {
                    used(it, 42_000).end(Side::Server);
                });
            }
        });
        let causes = judged.list.iter().zip(&judged.known_at).filter(|(it, _)| it.rule.is_cause());
        let known: Vec<(u64, bool)> = causes
            .map(|(finding, at)| {
                let second = judged.list.iter().filter(|it| it.rule.id == "WHY-40").nth(1);
                (finding.connection.unwrap().0, *at <= second.unwrap().last.packet.0 + 2)
            })
            .collect();
        assert_eq!(known, [(1, true), (2, true), (3, false)]);
    }

    #[test]
    fn what_does_not_hold_is_taken_back() {
        let judged = judged(|s| {
            for begin in [0, 5_300] {
                s.beside(begin, |it| {
                    used(it, 42_000).end(Side::Server);
                });
            }
            // It began later, and outlives them.
            s.beside(40_000, |it| {
                used(it, 90_000).close();
            });
        });
        let of = |place: usize| judged.list[place].connection.unwrap().0;
        let withdrawn: Vec<(u64, bool)> =
            judged.withdrawn.iter().map(|(place, at)| (of(*place), *at < u64::MAX)).collect();
        assert_eq!(withdrawn, [(1, true), (2, true)]);
        assert!(judged.withdrawn.iter().all(|(place, _)| {
            judged.list[*place].rule.id == "WHY-40"
                && judged.list[*place].severity == Severity::Note
        }));
    }
}
