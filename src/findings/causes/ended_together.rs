//! WHY-43: all ended together.

use crate::findings::across::ending_groups::EndingPattern;
use crate::findings::causes::endings::report;
use crate::findings::causes::maximum_age::CONSEQUENCES;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;

/// WHY-43.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-43",
    severity: Severity::Error,
    applies_to: AppliesTo::Nobody,
    title: "several connections ended at the same moment",
    section: "RFC 6455 §7.1.5",
    explanation: "Connections that have nothing else in common ended within moments of each \
        other: something happened to the server or proxy, not to a connection. A proxy that \
        reloads its configuration, a deployment, a restart or a process that was killed ends all \
        of them at once.",
    remedy: "Compare the time with the log of the server or proxy: a reload, a restart or a \
        deployment. Let it drain: nginx `worker_shutdown_timeout`, HAProxy `hard-stop-after`, \
        Caddy `stream_close_delay`, Kubernetes `terminationGracePeriodSeconds`; and send Close \
        1001 before it exits. Let clients reconnect after a delay that is random and grows with \
        each failure.",
    example: Example::Text("server: FIN on twelve connections in use, within 3 ms"),
    explains: Some(Cause::dropped(1_170, "all ended together").explaining(CONSEQUENCES)),
    checks: &[Check::Group(|context, violations| {
        report(context, |pattern| pattern == EndingPattern::Together, violations);
    })],
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check_causes, masked, plain};
    use crate::stream::Side;
    use crate::testkit::packet::host;
    use crate::testkit::traffic::TestTraffic;

    /// Messages each half second until so many milliseconds after the first packet of all.
    fn used(s: &mut TestTraffic, until: u64) -> &mut TestTraffic {
        let until = TestTraffic::new(s.link).time + until * 1_000_000;
        while s.time + 500_000_000 < until {
            s.wait(500).server(&plain(0x81, b"some news")).client(&masked(0x81, b"thank you"));
        }
        s.time = until;
        s
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a server dies", near: &[], fires: &["WHY-43", "WHY-43", "WHY-43"], play: |s| {
            for (begin, end) in [(0, 12_000), (3_000, 12_001), (7_000, 12_003)] {
                s.beside(begin, |it| { used(it.upgraded(), end).end(Side::Server); });
            }
        }},
        RuleCase { name: "a server is restarted, and says so with 1012", near: &[], fires: &["WHY-43", "WHY-43", "WHY-43"], play: |s| {
            for (begin, end) in [(0, 12_000), (3_000, 12_020), (7_000, 12_030)] {
                s.beside(begin, |it| { used(it.upgraded(), end).server(&plain(0x88, b"\x03\xf4")).client(&masked(0x88, b"\x03\xf4")).end(Side::Server); });
            }
        }},
        RuleCase { name: "a gateway ends what it has opened", near: &[], fires: &["WHY-43", "WHY-43", "WHY-43"], play: |s| {
            for (begin, end) in [(0, 12_000), (3_000, 12_001), (7_000, 12_002)] {
                s.beside(begin, |it| { used(it.upgraded(), end).reset(Side::Client); });
            }
        }},
        RuleCase { name: "both sides of a proxy", near: &[], fires: &["WHY-43"; 4], play: both_sides },
        RuleCase { name: "each ends for itself", near: &["WHY-43"], fires: &[], play: |s| {
            for (begin, end) in [(0, 9_000), (3_000, 12_500), (7_000, 17_000)] {
                s.beside(begin, |it| { used(it.upgraded(), end).end(Side::Server); });
            }
        }},
        RuleCase { name: "a client closes all of its connections", near: &["WHY-43"], fires: &[], play: |s| {
            for (begin, end) in [(0, 12_000), (3_000, 12_001), (7_000, 12_002)] {
                s.beside(begin, |it| { used(it.upgraded(), end).client(&masked(0x88, b"\x03\xe9")).server(&plain(0x88, b"\x03\xe9")).end(Side::Server); });
            }
        }},
        RuleCase { name: "a server that is done with all of them", near: &["WHY-43"], fires: &[], play: |s| {
            for (begin, end) in [(0, 12_000), (3_000, 12_001), (7_000, 12_002)] {
                s.beside(begin, |it| { used(it.upgraded(), end).server(&plain(0x88, b"\x03\xe8")).client(&masked(0x88, b"\x03\xe8")).end(Side::Server); });
            }
        }},
        RuleCase { name: "idle for nearly as long, and ended at one moment", near: &[], fires: &["WHY-43", "WHY-43", "WHY-43"], play: |s| {
            for (begin, last) in [(0, 9_000), (3_000, 9_200), (7_000, 9_400)] {
                s.beside(begin, |it| { used(it.upgraded(), last).wait(31_000 - (last - 9_000)).end(Side::Server); });
            }
        }},
        RuleCase { name: "idle since the same moment", near: &["WHY-43"], fires: &[], play: |s| {
            for (begin, end) in [(0, 2_000), (300, 2_001), (700, 2_002)] {
                s.beside(begin, |it| { used(it.upgraded(), end).server(&plain(0x81, b"to all")).wait(25_000).end(Side::Server); });
            }
        }},
    ];

    /// Two connections through a proxy, which passes the key and all messages on, and ends all four.
    fn both_sides(s: &mut Scenario) {
        let (hosts, ports) = (s.hosts, s.ports);
        for (connection, end) in [(0_u64, 12_000), (1, 12_002)] {
            let client_port = ports[0] + u16::try_from(connection).unwrap();
            s.ports = [client_port, ports[1]];
            s.beside(connection * 3_000, |it| {
                used(it.upgraded(), end).end(Side::Server);
            });
            s.hosts = [hosts[1], host(3)];
            s.ports = [client_port, 9_000];
            s.beside(connection * 3_000 + 1, |it| {
                used(it.upgraded(), end).end(Side::Client);
            });
            s.hosts = hosts;
        }
    }

    #[test]
    fn ends_at_the_same_moment_are_noticed() {
        check_causes(&[RULES], CASES);
    }

    #[test]
    fn both_sides_of_a_proxy_are_one_story() {
        let mut scenario = Scenario::new();
        both_sides(&mut scenario);
        let judged = scenario.judge(&crate::findings::Reading::default());
        let causes: Vec<_> = judged.list.iter().filter(|it| it.rule.is_cause()).collect();
        let texts: std::collections::BTreeSet<_> = causes.iter().map(|it| &it.evidence).collect();
        assert_eq!(texts.len(), 1);
        let text = texts.first().unwrap();
        assert!(text.starts_with("2 WebSockets through a proxy, captured on both"), "{text}");
        assert!(text.contains("the proxy ended both sides, with FIN"), "{text}");
        assert!(text.contains("connections 1 and 2, 3 and 4"), "{text}");
    }
}
