//! Traffic made by hand, and what the rules find in it.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};

use crate::analysis::event::{Connection, ConnectionId, Event};
use crate::analysis::{Analyzer, AnalyzerOptions, Sink};
use crate::capture::{LinkType, Packet};
use crate::findings::engine::checker::Checker;
use crate::findings::engine::rule::Rule;
use crate::findings::finding::Finding;
use crate::findings::finding::{Findings, Revision};
use crate::findings::settings::{GroupReports, Reading, Settings};
use crate::stream::{Chunk, Direction, PacketId, Side, Timestamp};
pub(super) use crate::testkit::frame::{masked, masked_with, plain};
use crate::testkit::traffic::{TestLink, TestTraffic};

/// One row of a group's table: what happens, and exactly what is found.
pub(super) struct RuleCase {
    /// What happens.
    pub(super) name: &'static str,
    /// Rules that it comes close to, and that must be silent.
    pub(super) near: &'static [&'static str],
    /// All findings, as `ID side` (`ID` where nobody is at fault), in order.
    pub(super) fires: &'static [&'static str],
    /// Does it.
    pub(super) play: fn(&mut Scenario),
}

/// Plays all rows, and insists that every rule has one that breaks it and one that comes close. Causes that
/// explain what was found are not part of it.
pub(super) fn check(tables: &[&[Rule]], cases: &[RuleCase]) {
    check_by(tables, cases, Scenario::found);
}

/// The same for causes: of the findings of a row, only they count. If they are reported as soon as they are known,
/// they are the same in the end.
pub(super) fn check_causes(tables: &[&[Rule]], cases: &[RuleCase]) {
    check_by(tables, cases, |scenario| {
        scenario.compare_early();
        scenario.causes()
    });
}

fn check_by(tables: &[&[Rule]], cases: &[RuleCase], of: fn(&Scenario) -> Vec<String>) {
    let mut fired = BTreeSet::new();
    let mut near = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in cases {
        let mut scenario = Scenario::new();
        (case.play)(&mut scenario);
        let found = of(&scenario);
        if found != case.fires {
            wrong.push(format!("{}: found {found:?}, not {:?}", case.name, case.fires));
        }
        for id in case.near {
            let fires = case.fires.iter().any(|it| it.split(' ').next() == Some(*id));
            assert!(!fires, "{}: {id} fires, so it is not only near", case.name);
        }
        fired.extend(case.fires.iter().filter_map(|it| it.split(' ').next()));
        near.extend(case.near.iter().copied());
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    for rule in tables.iter().copied().flatten() {
        assert!(fired.contains(rule.id), "no row breaks {}", rule.id);
        assert!(near.contains(rule.id), "no row comes close to {}", rule.id);
    }
}

/// Traffic while it is written, and what the rules are asked with.
pub(super) struct Scenario {
    traffic: TestTraffic,
    /// Of all packets.
    pub(super) link_type: u32,
    pub(super) settings: Settings,
    pub(super) options: AnalyzerOptions,
}

impl Deref for Scenario {
    type Target = TestTraffic;

    fn deref(&self) -> &TestTraffic {
        &self.traffic
    }
}

impl DerefMut for Scenario {
    fn deref_mut(&mut self) -> &mut TestTraffic {
        &mut self.traffic
    }
}

impl Scenario {
    pub(super) fn new() -> Self {
        Self {
            traffic: TestTraffic::new(TestLink::RawIp),
            link_type: TestLink::RawIp.number(),
            settings: Settings::default(),
            options: AnalyzerOptions { keep: 1 << 16, ..AnalyzerOptions::default() },
        }
    }

    /// Adds a connection that overlaps others: it begins so many milliseconds after the first packet of all,
    /// and goes to the port of the last one.
    pub(super) fn beside(&mut self, after: u64, play: impl FnOnce(&mut TestTraffic)) -> &mut Self {
        let mut other = TestTraffic::new(TestLink::RawIp);
        (other.hosts, other.ports) = (self.hosts, self.ports);
        other.wait(after);
        play(&mut other);
        self.ports[0] = self.ports[0].max(other.ports[0]);
        self.packets.extend(other.packets);
        self.packets.sort_by_key(|packet| packet.time);
        self
    }

    /// Asks with some more fields, is refused with a body, and the server leaves.
    pub(super) fn refused(&mut self, request: &str, status: &str, fields: &str, body: &str) {
        let length = body.len();
        let response =
            format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n{body}");
        self.ask(request).server(response.as_bytes()).end(Side::Server);
    }

    /// All findings, as `ID side`, but for causes.
    pub(super) fn found(&self) -> Vec<String> {
        self.named(|finding| !finding.rule.is_cause())
    }

    /// Insists that causes which are reported as soon as they are known are the same in the end.
    pub(super) fn compare_early(&self) {
        let causes = |groups| {
            let judged = self.judge_when(groups, &Reading::default());
            let causes = judged.list.iter().filter(|it| it.rule.is_cause());
            let standing = causes.filter(|it| !judged.is_withdrawn(it));
            let mut causes: Vec<_> =
                standing.map(|it| (it.connection, it.rule.id, it.severity, it.side)).collect();
            causes.sort();
            causes
        };
        assert_eq!(causes(GroupReports::Early), causes(GroupReports::AtEnd));
    }

    /// All causes, as `ID side`.
    pub(super) fn causes(&self) -> Vec<String> {
        self.named(|finding| finding.rule.is_cause())
    }

    fn named(&self, counts: fn(&Finding) -> bool) -> Vec<String> {
        let word = |finding: &Finding| match finding.side {
            Some(side) => format!("{} {}", finding.rule.id, side.name()),
            None => finding.rule.id.to_owned(),
        };
        let found = self.judge(&Reading::default()).list;
        found.iter().filter(|finding| counts(finding)).map(word).collect()
    }

    /// All findings.
    pub(super) fn judge(&self, reading: &Reading<'_>) -> ScenarioFindings {
        self.judge_when(GroupReports::AtEnd, reading)
    }

    /// All findings; what several connections show together is reported at the end, or as soon as it is known.
    pub(super) fn judge_when(
        &self,
        groups: GroupReports,
        reading: &Reading<'_>,
    ) -> ScenarioFindings {
        let mut analyzer = Analyzer::new(self.options.clone());
        let checker = Checker::new(Settings { groups, ..self.settings });
        let mut bench = Bench { checker, judged: ScenarioFindings::default() };
        for (packet, number) in self.packets.iter().zip(1..) {
            let packet = Packet {
                id: PacketId(number),
                time: Timestamp(packet.time),
                link_type: LinkType(self.link_type),
                interface: 0,
                original_length: u32::try_from(packet.original_length).unwrap(),
                bytes: &packet.bytes,
                file_offset: 0,
            };
            bench.judged.packet = number;
            analyzer.push(&packet, &mut bench);
            bench.checker.report_due(packet.time, &mut bench.judged);
        }
        bench.judged.packet = u64::MAX;
        bench.checker.end_packets();
        analyzer.finish(&mut bench);
        bench.checker.finish(reading, &mut bench.judged);
        bench.judged
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct ScenarioFindings {
    pub(super) list: Vec<Finding>,
    /// Rule, connection, how many more.
    pub(super) folded: Vec<(&'static str, u64, u64)>,
    /// In which packet each of the list became known; `u64::MAX` at the end.
    pub(super) known_at: Vec<u64>,
    /// Places in the list of causes that were taken back, and in which packet.
    pub(super) withdrawn: Vec<(usize, u64)>,
    packet: u64,
}

impl ScenarioFindings {
    /// Whether a cause of the list was taken back.
    pub(super) fn is_withdrawn(&self, cause: &Finding) -> bool {
        let mut all = self.withdrawn.iter().filter_map(|(place, _)| self.list.get(*place));
        all.any(|withdrawn| std::ptr::eq(withdrawn, cause))
    }
}

struct Bench {
    checker: Checker,
    judged: ScenarioFindings,
}

impl Sink for Bench {
    fn event(&mut self, event: &Event<'_>) {
        self.checker.event(event, &mut self.judged);
    }

    fn stream_bytes(&mut self, connection: &Connection, direction: Direction, chunk: Chunk<'_>) {
        self.checker.stream_bytes(connection, direction, chunk);
    }
}

impl Findings for ScenarioFindings {
    fn finding(&mut self, finding: &Finding) {
        self.list.push(finding.clone());
        self.known_at.push(self.packet);
    }

    fn revised(&mut self, revision: Revision) {
        let place = usize::try_from(revision.number).unwrap();
        if let Some(withdrawn) = revision.withdrawn {
            assert_eq!(self.list[place].connection, Some(withdrawn.connection));
            assert_eq!(self.list[place].rule.id, withdrawn.rule.id);
            self.withdrawn.push((place, self.packet));
        }
        let finding = &mut self.list[place];
        assert_eq!(finding.severity, revision.before);
        finding.severity = revision.after;
    }

    fn folded(&mut self, rule: &'static Rule, connection: ConnectionId, count: u64) {
        self.folded.push((rule.id, connection.0, count));
    }
}
