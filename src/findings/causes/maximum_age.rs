//! WHY-40: a maximum age.

use crate::findings::across::ending_groups::EndingPattern;
use crate::findings::causes::endings::report;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;

/// WHY-40.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-40",
    severity: Severity::Error,
    applies_to: AppliesTo::Nobody,
    title: "connections are ended at a certain age, whether they are in use or not",
    section: "RFC 6455 §7.1.5",
    explanation: "Something on the path limits how long a connection lasts: a proxy's or load \
        balancer's timeout for a whole request or response, or the lifetime of a service. The \
        connections were equally old when they ended, and no silence explains it. Pings do not \
        prevent it.",
    remedy: "Raise the lifetime at the device that ends them: Google Cloud `timeoutSec` of the \
        backend service, Envoy `timeout: 0s` of the route, Traefik `respondingTimeouts`, Cloud Run \
        the request timeout; a service with a fixed limit has it in its quotas. Pings do not help. \
        Let clients reconnect in any case, and resume where they were.",
    example: Example::Text(
        "three connections, a message each second\nserver: FIN, each time 30.0 s after the 101",
    ),
    explains: Some(Cause::dropped(1_171, "ended at its maximum age").explaining(CONSEQUENCES)),
    checks: &[Check::Group(|context, violations| {
        report(context, |pattern| pattern == EndingPattern::Age, violations);
    })],
}];

/// What follows if a connection is ended from outside.
pub(super) const CONSEQUENCES: &[&str] = &[
    "HS-23", "NET-06", "NET-07", "NET-13", "OPS-01", "OPS-02", "WS-C09", "WS-C10", "WS-C12",
    "WS-C17", "WS-C18", "WS-C19", "WS-F15", "WS-M02",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes, masked, plain};
    use crate::stream::Side;
    use crate::testkit::traffic::TestTraffic;

    /// A message each 700 ms until this age in milliseconds, then nothing for `silence`.
    fn used(s: &mut TestTraffic, age: u64, silence: u64) -> &mut TestTraffic {
        s.upgraded();
        let accepted = s.time;
        let at = |milliseconds: u64| accepted + milliseconds * 1_000_000;
        while s.time + 700_000_000 < at(age - silence) {
            s.wait(700).server(&plain(0x81, b"tick")).client(&masked(0x81, b"ack"));
        }
        s.time = at(age);
        s
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "three are cut at 42 s", near: &[], fires: &["WHY-40", "WHY-40", "WHY-40"], play: |s| {
            for (begin, silence) in [(0, 10), (5_300, 700), (17_000, 300)] {
                s.beside(begin, |it| { used(it, 42_000, silence).end(Side::Server); });
            }
        }},
        RuleCase { name: "two are reset by the client's side at 60 s", near: &[], fires: &["WHY-40", "WHY-40"], play: |s| {
            for begin in [0, 9_000] {
                s.beside(begin, |it| { used(it, 60_020 + begin / 1_000, 300).reset(Side::Client); });
            }
        }},
        RuleCase { name: "one is cut at a limit that many products have", near: &[], fires: &["WHY-40"], play: |s| {
            s.beside(0, |it| { used(it, 60_010, 400).end(Side::Server); });
        }},
        RuleCase { name: "a client leaves 100 s after a 101 that announces a body", near: &[], fires: &["WHY-40"], play: |s| {
            s.open().upgrade("", "Content-Length: 0\r\n");
            for _ in 0..50 { s.wait(2_000).server(&plain(0x89, b"")).client(&masked(0x8a, b"")); }
            s.end(Side::Client);
        }},
        RuleCase { name: "another one lived longer", near: &["WHY-40"], fires: &[], play: |s| {
            for begin in [0, 5_300] {
                s.beside(begin, |it| { used(it, 30_000, 200).end(Side::Server); });
            }
            s.beside(100, |it| { used(it, 50_000, 200).close(); });
        }},
        RuleCase { name: "cut at different ages", near: &["WHY-40"], fires: &[], play: |s| {
            for (begin, age) in [(0, 22_000), (5_300, 31_000), (7_700, 47_000)] {
                s.beside(begin, |it| { used(it, age, 200).end(Side::Server); });
            }
        }},
        RuleCase { name: "clients close after 30 s", near: &["WHY-40"], fires: &[], play: |s| {
            for begin in [0, 5_300, 8_000] {
                s.beside(begin, |it| { used(it, 30_000, 200).close(); });
            }
        }},
        RuleCase { name: "a server closes with 1000 after 30 s", near: &["WHY-40"], fires: &[], play: |s| {
            for begin in [0, 5_300, 8_000] {
                s.beside(begin, |it| { used(it, 30_000, 200).server(&plain(0x88, b"\x03\xe8")).client(&masked(0x88, b"\x03\xe8")).end(Side::Server); });
            }
        }},
        RuleCase { name: "one client leaves after 100 s", near: &["WHY-40"], fires: &[], play: |s| {
            s.beside(0, |it| { used(it, 100_000, 200).end(Side::Client); });
        }},
        RuleCase { name: "never used, and cut after 45 s", near: &["WHY-40"], fires: &[], play: |s| {
            for begin in [0, 5_300, 8_000] {
                s.beside(begin, |it| { it.upgraded().wait(45_000).end(Side::Server); });
            }
        }},
    ];

    #[test]
    fn equal_ages_are_noticed() {
        check_causes(&[RULES], CASES);
    }
}
