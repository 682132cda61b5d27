//! Which findings explain what became of a connection, and which of them explains most.

use std::fmt::Write;

use crate::findings::{Finding, Rule, Severity, rule};

/// What a finding says about the fate of its connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// Why it never became a WebSocket.
    Failure,
    /// A rule that a peer broke: why the connection failed, where it did.
    Fault,
    /// Why, or how, a WebSocket ended in another way than it should have.
    Drop,
    /// What ails a connection that worked.
    Trouble,
    /// Why nothing can be seen of it.
    Unseen,
    /// Nothing: `check` tells of it.
    Aside,
}

/// A rule that explains, and how that is put in a few words.
struct Cause {
    id: &'static str,
    part: Part,
    words: &'static str,
}

/// What a rule's findings say about the fate of a connection.
pub(super) fn part(rule: &Rule) -> Part {
    match listed(rule.id) {
        Some(cause) => cause.part,
        None if rule.severity == Severity::Error => Part::Fault,
        None => Part::Aside,
    }
}

/// A cause in a few words, for a verdict and for the summary.
pub(super) fn words(rule: &'static Rule) -> &'static str {
    listed(rule.id).map_or(rule.title, |cause| cause.words)
}

/// Sorts findings so that the one that explains most stands first; takes out what is only a
/// consequence of another one.
pub(super) fn sort<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<&'f Finding> {
    let mut sorted: Vec<&Finding> = findings.collect();
    sorted.sort_by_key(|finding| (rank(finding.rule), finding.first.packet));
    let ids: Vec<&str> = sorted.iter().map(|finding| finding.rule.id).collect();
    let follows = |id: &str| {
        CONSEQUENCES.iter().any(|(consequence, of)| {
            *consequence == id && ids.iter().any(|other| of.iter().any(|it| other.starts_with(it)))
        })
    };
    sorted.retain(|finding| !follows(finding.rule.id));
    sorted
}

/// The causes in Markdown, most exact first, as far as they are rules that exist.
pub fn table() -> String {
    let mut out = "| rule | cause | what it explains |\n| --- | --- | --- |\n".to_owned();
    for cause in EXACT.iter().chain(GENERAL) {
        let what = match cause.part {
            Part::Failure | Part::Fault => "why it failed",
            Part::Drop => "how it dropped",
            Part::Trouble => "what ails it",
            Part::Unseen => "why nothing can be seen",
            Part::Aside => continue,
        };
        if rule(cause.id).is_some() {
            writeln!(out, "| {} | {} | {what} |", cause.id, cause.words).ok();
        }
    }
    out
}

fn listed(id: &str) -> Option<&'static Cause> {
    EXACT.iter().chain(GENERAL).find(|cause| cause.id == id)
}

/// The place of a rule among causes; lower explains more. A broken rule stands between the two tables.
fn rank(rule: &Rule) -> usize {
    let at = |table: &[Cause]| table.iter().position(|cause| cause.id == rule.id);
    at(EXACT)
        .or_else(|| Some(at(GENERAL)?.saturating_add(EXACT.len()).saturating_add(1)))
        .unwrap_or(EXACT.len())
}

const fn failure(id: &'static str, words: &'static str) -> Cause {
    Cause { id, part: Part::Failure, words }
}

const fn dropped(id: &'static str, words: &'static str) -> Cause {
    Cause { id, part: Part::Drop, words }
}

const fn trouble(id: &'static str, words: &'static str) -> Cause {
    Cause { id, part: Part::Trouble, words }
}

/// Causes that explain more than any broken rule does, most exact first.
const EXACT: &[Cause] = &[
    failure("TLS-01", "wrong scheme: wss:// to a ws:// port"),
    failure("TLS-02", "wrong scheme: ws:// to a wss:// port"),
    failure("TLS-03", "TLS handshake failed"),
    failure("TLS-08", "client left the TLS handshake"),
    failure("NET-12", "proxy in the way"),
    failure("NET-05", "name did not resolve"),
    failure("NET-04", "refused on one address family only"),
    failure("NET-03", "rejected by ICMP"),
    failure("NET-01", "connection refused"),
    failure("NET-02", "no answer to SYN"),
    failure("HS-49", "proxy dropped the upgrade"),
    failure("HS-53", "socket.io and plain WebSocket mixed up"),
    failure("HS-12", "WebSocket version not supported"),
];

/// Causes that a broken rule explains better than they do, most exact first.
const GENERAL: &[Cause] = &[
    failure("HS-41", "answered 401: not authenticated"),
    failure("HS-42", "answered 403: not allowed"),
    failure("HS-43", "answered 404: wrong path"),
    failure("HS-45", "refused by load or limit"),
    failure("HS-46", "proxy could not reach its server"),
    failure("HS-47", "redirected"),
    failure("HS-44", "answered 426: upgrade required"),
    failure("HS-40", "answered 400: bad request"),
    failure("HS-48", "plain HTTP answer"),
    failure("HS-50", "upgrade request not answered"),
    failure("HS-54", "closed without an answer"),
    failure("NET-06", "reset before the handshake was complete"),
    dropped("OPS-01", "cut for being idle"),
    dropped("NET-13", "path went dead"),
    dropped("NET-07", "connection reset"),
    dropped("WS-F15", "cut in the middle of a frame"),
    dropped("WS-C17", "failed by its peer"),
    dropped("WS-C12", "ended without Close"),
    trouble("NET-11", "reconnect loop"),
    trouble("NET-08", "receiver stopped reading"),
    trouble("NET-09", "heavy packet loss"),
    trouble("NET-10", "accepted late"),
    trouble("HS-51", "slow handshake"),
    trouble("OPS-03", "slow Pongs"),
    trouble("OPS-04", "answers slow down under load"),
    trouble("WS-C14", "Ping not answered"),
    trouble("WS-C09", "Close not answered"),
    trouble("WS-M02", "message left unfinished"),
    trouble("TLS-04", "certificate cannot be trusted"),
    trouble("TLS-07", "outdated TLS version"),
    Cause { id: "TLS-06", part: Part::Unseen, words: "encrypted; the key log does not fit" },
    Cause { id: "TLS-05", part: Part::Unseen, words: "encrypted" },
    // What the server owes in a refusal is a fault of its own, and not why it refused.
    Cause { id: "HS-24", part: Part::Aside, words: "426 without Upgrade" },
    Cause { id: "HS-31", part: Part::Aside, words: "426 without the versions" },
    // These name another finding, which stands there already.
    Cause { id: "HS-25", part: Part::Aside, words: "accepted what had to be refused" },
    Cause { id: "HS-26", part: Part::Aside, words: "went on with what had to be refused" },
];

/// `(consequence, what it follows from)`: beside one of these, or of such a group, it says nothing new.
const CONSEQUENCES: &[(&str, &[&str])] = &[
    (
        "WS-C12",
        &["NET-07", "NET-13", "OPS-01", "WS-F15", "WS-F17", "HS-16", "HS-17", "HS-18", "HS-19"],
    ),
    ("WS-C12", &["HS-20", "HS-21", "PMD-05", "PMD-07", "TLS-"]),
    ("NET-07", &["TLS-0", "NET-13"]),
    ("HS-54", &["TLS-0", "HS-50", "NET-06"]),
    ("HS-50", &["TLS-0", "NET-13"]),
    ("NET-06", &["TLS-0"]),
    ("HS-48", &["TLS-02", "HS-01"]),
    ("HS-40", &["TLS-02"]),
    ("WS-M02", &["WS-F15", "NET-07"]),
    ("WS-C09", &["NET-07", "WS-C12", "WS-C17"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::finding;

    #[test]
    fn each_rule_stands_in_the_tables_once() {
        let mut ids: Vec<&str> = EXACT.iter().chain(GENERAL).map(|cause| cause.id).collect();
        ids.sort_unstable();
        assert!(ids.is_sorted_by(|one, other| one < other), "{ids:?}");
    }

    #[test]
    fn most_exact_cause_stands_first_and_consequences_are_left_out() {
        let cases: &[(&[&str], &[&str])] = &[
            (&["WS-C12", "NET-07"], &["NET-07"]),
            (&["WS-C12", "WS-F01"], &["WS-F01", "WS-C12"]),
            (&["WS-C17", "WS-M01"], &["WS-M01", "WS-C17"]),
            (&["WS-C12"], &["WS-C12"]),
        ];
        for (found, expected) in cases {
            let list: Vec<Finding> = found.iter().map(|id| finding(id, 1)).collect();
            let ids: Vec<&str> = sort(list.iter()).iter().map(|it| it.rule.id).collect();
            assert_eq!(ids, *expected, "{found:?}");
        }
    }

    #[test]
    fn unlisted_rules_are_faults_only_where_they_are_errors() {
        let part_of = |id| part(finding(id, 1).rule);
        assert_eq!(part_of("WS-F01"), Part::Fault);
        assert_eq!(part_of("WS-F13"), Part::Aside);
        assert_eq!(part_of("WS-C12"), Part::Drop);
    }
}
