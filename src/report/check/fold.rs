//! Similar findings of several connections, reported once.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use foldhash::{HashMap, HashMapExt};

use super::{CheckOptions, ConnectionFindings, ExplainedFindings};
use crate::analysis::event::ConnectionId;
use crate::findings::{Finding, Rule, Severity};
use crate::report::alike::{LIKE, alike};
use crate::stream::{Side, length_u64};

/// A rule that was broken on a connection: a finding, or as many as were only counted.
#[derive(Debug)]
pub(super) struct Occurrence<'f> {
    pub(super) of: &'f ConnectionFindings,
    pub(super) rule: &'static Rule,
    /// `None` if no finding of the rule was reported individually.
    pub(super) finding: Option<&'f Finding>,
    /// Further ones of the connection, which were only counted.
    pub(super) more: u64,
    /// Of a cause: what follows from it.
    pub(super) consequences: Vec<Consequence<'f>>,
    /// The cause that it follows from, if that was written before, in a live capture.
    pub(super) follows_from: Option<&'static Rule>,
}

/// A rule that was broken on a connection because of a cause.
#[derive(Debug)]
pub(super) struct Consequence<'f> {
    pub(super) rule: &'static Rule,
    /// In the order of the packets; empty if they were only counted.
    pub(super) findings: Vec<&'f Finding>,
    /// Further ones, which were only counted.
    pub(super) more: u64,
}

impl Consequence<'_> {
    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        length_u64(self.findings.len()).saturating_add(self.more)
    }
}

impl Occurrence<'_> {
    pub(super) fn severity(&self) -> Severity {
        self.finding.map_or(self.rule.severity, |finding| finding.severity)
    }

    pub(super) fn remedy(&self) -> &'static str {
        self.finding.map_or(self.rule.remedy, |finding| finding.remedy)
    }

    pub(super) fn count(&self) -> u64 {
        self.more.saturating_add(u64::from(self.finding.is_some()))
    }

    pub(super) fn side(&self) -> Option<Side> {
        self.finding.and_then(|finding| finding.side)
    }
}

/// What is written of a connection: its cause first, with what follows from it.
pub(super) fn occurrences<'f>(
    of: &'f ConnectionFindings,
    options: &CheckOptions,
) -> Vec<Occurrence<'f>> {
    let mut all = of.explained(options.least);
    let one = |finding: &'f Finding| Occurrence {
        of,
        rule: finding.rule,
        finding: Some(finding),
        more: 0,
        consequences: Vec::new(),
        follows_from: None,
    };
    let mut out: Vec<Occurrence<'f>> = Vec::new();
    match all.cause {
        Some(cause) if !all.is_written(cause) => {
            out.push(Occurrence { consequences: consequences(&all), ..one(cause) });
        }
        Some(cause) => {
            let later = std::mem::take(&mut all.consequences).into_iter();
            let follows_from = Some(cause.rule);
            out.extend(later.map(|finding| Occurrence { follows_from, ..one(finding) }));
        }
        None => {}
    }
    out.extend(all.others.iter().map(|finding| one(finding)));
    let is_explained = |rule: &Rule| all.counted.iter().any(|(other, _)| other.id == rule.id);
    for (rule, count) in of.folded(options.least).filter(|(rule, _)| !is_explained(rule)) {
        match out.iter_mut().rfind(|it| it.rule.id == rule.id) {
            Some(last) => last.more = last.more.saturating_add(count),
            None => out.push(Occurrence {
                of,
                rule,
                finding: None,
                more: count,
                consequences: Vec::new(),
                follows_from: None,
            }),
        }
    }
    out
}

/// What follows from the cause, by rule in the order of the packets.
fn consequences<'f>(all: &ExplainedFindings<'f>) -> Vec<Consequence<'f>> {
    let mut out: Vec<Consequence<'f>> = Vec::new();
    let found = all.consequences.iter().map(|finding| (finding.rule, Some(*finding), 0));
    for (rule, finding, more) in found.chain(all.counted.iter().map(|it| (it.0, None, it.1))) {
        match out.iter_mut().find(|known| known.rule.id == rule.id) {
            Some(known) => {
                known.findings.extend(finding);
                known.more = known.more.saturating_add(more);
            }
            None => out.push(Consequence { rule, findings: finding.into_iter().collect(), more }),
        }
    }
    out
}

/// Similar findings of several connections, by number of the connection; never empty.
#[derive(Debug)]
pub(super) struct SharedFindings<'f> {
    pub(super) occurrences: Vec<Occurrence<'f>>,
}

impl<'f> SharedFindings<'f> {
    /// The first of them.
    pub(super) fn first(&self) -> Option<&Occurrence<'f>> {
        self.occurrences.first()
    }

    pub(super) fn severity(&self) -> Option<Severity> {
        self.first().map(Occurrence::severity)
    }

    /// How many there are, with those that were only counted.
    pub(super) fn count(&self) -> u64 {
        self.occurrences.iter().map(Occurrence::count).fold(0, u64::saturating_add)
    }

    /// The rules that were broken because of the cause that they are, with how often and on how many of the
    /// connections, the most frequent first.
    pub(super) fn consequences(&self) -> Vec<(&'static Rule, u64, u64)> {
        let mut out: Vec<(&'static Rule, u64, u64)> = Vec::new();
        for it in self.occurrences.iter().flat_map(|it| &it.consequences) {
            match out.iter_mut().find(|(rule, ..)| rule.id == it.rule.id) {
                Some((_, count, connections)) => {
                    *count = count.saturating_add(it.count());
                    *connections = connections.saturating_add(1);
                }
                None => out.push((it.rule, it.count(), 1)),
            }
        }
        out.sort_by_key(|(_, _, connections)| Reverse(*connections));
        out
    }

    /// Whether they are causes.
    pub(super) fn is_cause(&self) -> bool {
        self.first().and_then(|it| it.finding).is_some_and(Finding::is_explaining_cause)
    }

    /// Those of each connection.
    pub(super) fn by_connection(&self) -> impl Iterator<Item = &[Occurrence<'f>]> {
        self.occurrences.chunk_by(|one, next| one.of.id == next.of.id)
    }

    /// The hosts of the clients.
    pub(super) fn clients(&self) -> BTreeSet<IpAddr> {
        self.occurrences.iter().map(|it| it.of.client.ip()).collect()
    }

    pub(super) fn servers(&self) -> BTreeSet<SocketAddr> {
        self.occurrences.iter().map(|it| it.of.server).collect()
    }

    /// Whether the evidence of all is the same to the letter.
    pub(super) fn is_uniform(&self) -> bool {
        let mut all = self.occurrences.iter().map(|it| it.finding.map(|it| it.evidence.as_str()));
        let first = all.next();
        all.all(|evidence| Some(evidence) == first)
    }
}

/// What is written of all connections.
#[derive(Debug, Default)]
pub(super) struct FoldedConnections<'f> {
    /// The worst first, those of a rule together.
    pub(super) shared: Vec<SharedFindings<'f>>,
    /// All other findings, each connection's together.
    pub(super) rest: Vec<Vec<Occurrence<'f>>>,
}

impl FoldedConnections<'_> {
    /// The rules of the shared findings of each connection.
    pub(super) fn shared_rules(&self) -> HashMap<ConnectionId, BTreeSet<&'static str>> {
        let mut out: HashMap<ConnectionId, BTreeSet<&'static str>> = HashMap::new();
        for it in self.shared.iter().flat_map(|shared| &shared.occurrences) {
            out.entry(it.of.id).or_default().insert(it.rule.id);
        }
        out
    }
}

/// Groups similar findings if they are on enough connections.
pub(super) fn fold<'f>(
    connections: &'f [ConnectionFindings],
    options: &CheckOptions,
) -> FoldedConnections<'f> {
    let all = connections.iter().flat_map(|of| occurrences(of, options));
    let mut out = FoldedConnections::default();
    let mut rest = Vec::new();
    for occurrences in alike(all, SimilarityKey::of) {
        let shared = SharedFindings { occurrences };
        if shared.by_connection().count() >= LIKE {
            out.shared.push(shared);
        } else {
            rest.extend(shared.occurrences);
        }
    }
    // Within a connection its cause, then the others in the order of the packets, as they were; what was only
    // counted is last.
    rest.sort_by_key(|it| {
        let is_other = !it.finding.is_some_and(Finding::is_explaining_cause);
        let packet = it.finding.map(|finding| finding.first.packet);
        (it.of.id, is_other, it.finding.is_none(), packet)
    });
    out.rest = alike(rest, |it| it.of.id);
    let mut ranks: HashMap<&'static str, usize> = HashMap::new();
    for rule in out.shared.iter().filter_map(SharedFindings::first).map(|first| first.rule) {
        let next = ranks.len();
        ranks.entry(rule.id).or_insert(next);
    }
    out.shared.sort_by_key(|it| {
        let rank = it.first().and_then(|first| ranks.get(first.rule.id).copied());
        (Reverse(it.severity()), !it.is_cause(), rank)
    });
    out
}

/// What similar findings have in common.
#[derive(Debug, Eq, Hash, PartialEq)]
struct SimilarityKey {
    rule: &'static str,
    severity: Severity,
    side: Option<Side>,
    remedy: &'static str,
    wording: String,
}

impl SimilarityKey {
    fn of(occurrence: &Occurrence<'_>) -> Self {
        Self {
            rule: occurrence.rule.id,
            severity: occurrence.severity(),
            side: occurrence.side(),
            remedy: occurrence.remedy(),
            wording: occurrence.finding.map(|it| wording(&it.evidence)).unwrap_or_default(),
        }
    }
}

/// Evidence without what differs from one connection to the next: numbers with their units,
/// addresses, and the plural. A code is a name, not a number, and is kept.
fn wording(evidence: &str) -> String {
    let mut out = String::with_capacity(evidence.len());
    let (mut is_code, mut is_number) = (false, false);
    for token in evidence.split_whitespace() {
        let word = token.trim_matches(|it: char| !it.is_alphanumeric());
        let bare = token.trim_matches(|it: char| matches!(it, ',' | ';' | '.' | '(' | ')' | '"'));
        let differs = word.starts_with(|it: char| it.is_ascii_digit())
            || bare.parse::<SocketAddr>().is_ok()
            || bare.parse::<IpAddr>().is_ok();
        let is_unit = is_number && UNITS.contains(&word);
        is_number = differs && !is_code;
        is_code = word.ends_with("code") || word == "status";
        if is_unit {
            continue;
        }
        out.push_str(if is_number { "#" } else { word.trim_end_matches('s') });
        out.push(' ');
    }
    out
}

/// Units of [`duration`](crate::text::amount::duration) and [`size`](crate::text::amount::size).
const UNITS: &[&str] = &["ns", "µs", "ms", "s", "B", "kB", "MB", "GB", "TB"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wording_is_the_same_apart_from_numbers_and_addresses() {
        #[rustfmt::skip]
        let cases = [
            ("sent FIN first, 0.4 ms after",      "sent FIN first, 12 µs after",           true),
            ("idle for 9 s; then RST",            "idle for 1m29s; then RST",              true),
            ("WS-F04 in packet 897",              "WS-F04 in packets 877-879",             true),
            ("WS-F04 in packet 897",              "WS-F03 in packet 897",                  false),
            ("127.0.0.1:80 answered",             "[fe80::1]:80 answered",                 true),
            ("127.0.0.1 answered",                "fe80::1 answered",                      true),
            ("byte 0xce (at offset 17)",          "byte 0x80 (at offset 4)",               true),
            ("code 1002 (protocol error)",        "code 1007 (protocol error)",            false),
            ("opcode 0x3; defined are",           "opcode 0x4; defined are",               false),
            ("status 502 after 1 s",              "status 502 after 20 ms",                true),
            ("status 502 after 1 s",              "status 503 after 1 s",                  false),
            ("frame with RSV2 = 1",               "frame with RSV3 = 1",                   false),
            ("the client sent FIN first",         "the server sent FIN first",             false),
        ];
        for (one, other, expected) in cases {
            assert_eq!(wording(one) == wording(other), expected, "{one} / {other}");
        }
    }
}
