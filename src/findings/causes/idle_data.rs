//! WHY-41: an idle timeout that counts only data.

use crate::findings::across::ending_groups::EndingPattern;
use crate::findings::causes::endings::report;
use crate::findings::causes::maximum_age::CONSEQUENCES;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;

/// WHY-41.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-41",
    severity: Severity::Error,
    applies_to: AppliesTo::Nobody,
    title: "an idle timeout that Pings do not reset: only data messages count",
    section: "RFC 6455 §5.5.2",
    explanation: "The connections ended a certain time after the last data message, although other \
        frames continued. The device or program that ended them counts data only: Pings and Pongs \
        do not reset its timer, or it answers them itself.",
    remedy: "Send a small data message (a heartbeat of the application, such as \
        `{\"type\":\"ping\"}`) more often than the time in the evidence, in the direction that is \
        silent; or raise the idle timeout at the server or gateway that ended the connections. \
        Pings alone do not help.",
    example: Example::Text(
        "server: a text; then Pings each 10 s, answered\nserver, 60 s after its text: FIN",
    ),
    explains: Some(
        Cause::dropped(1_172, "idle timeout that counts only data").explaining(CONSEQUENCES),
    ),
    checks: &[Check::Group(|context, violations| {
        let is_wanted = |pattern| matches!(pattern, EndingPattern::DataSilence(_));
        report(context, is_wanted, violations);
    })],
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes, masked, plain};
    use crate::stream::Side;
    use crate::testkit::traffic::TestTraffic;

    /// Pings of the server every four seconds, answered, for this time in milliseconds.
    fn beats(s: &mut TestTraffic, time: u64) -> &mut TestTraffic {
        let until = s.time + time * 1_000_000;
        while s.time + 4_000_000_000 < until {
            s.wait(3_999).server(&plain(0x89, b"hb")).client(&masked(0x8a, b"hb"));
        }
        s.time = until;
        s
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "each is cut 45 s after its last data", near: &[], fires: &["WHY-41", "WHY-41", "WHY-41"], play: |s| {
            for (begin, used) in [(0, 1_000), (2_300, 9_000), (4_000, 30_000)] {
                s.beside(begin, |it| {
                    beats(it.upgraded(), used).client(&masked(0x81, b"question"));
                    beats(it, 45_000).end(Side::Server);
                });
            }
        }},
        RuleCase { name: "one is reset after a limit that many products have", near: &[], fires: &["WHY-41"], play: |s| {
            s.beside(0, |it| {
                beats(it.upgraded(), 7_000).server(&plain(0x82, b"data"));
                beats(it, 60_000).reset(Side::Server);
            });
        }},
        RuleCase { name: "closed 20 s after the last data of the client, whatever the server sends", near: &[], fires: &["WHY-41", "WHY-41", "WHY-41"], play: |s| {
            for (begin, used) in [(0, 1_000), (2_300, 9_000), (4_000, 13_000)] {
                s.beside(begin, |it| {
                    beats(it.upgraded(), used).client(&masked(0x81, b"question"));
                    for _ in 0..20 { it.wait(999).server(&plain(0x81, b"news")); }
                    it.server(&plain(0x88, b"\x03\xf0")).client(&masked(0x88, b"\x03\xf0")).end(Side::Server);
                });
            }
        }},
        RuleCase { name: "no Pings: the plain idle timeout", near: &["WHY-41"], fires: &[], play: |s| {
            s.beside(0, |it| { it.upgraded().client(&masked(0x81, b"question")).wait(60_000).end(Side::Server); });
        }},
        RuleCase { name: "it had survived a longer time without data", near: &["WHY-41"], fires: &[], play: |s| {
            s.beside(0, |it| {
                beats(it.upgraded().client(&masked(0x81, b"question")), 80_000).client(&masked(0x81, b"question"));
                beats(it, 60_000).end(Side::Server);
            });
        }},
        RuleCase { name: "different times without data", near: &["WHY-41"], fires: &[], play: |s| {
            for (begin, silent) in [(0, 21_000), (2_300, 39_000), (4_000, 47_000)] {
                s.beside(begin, |it| {
                    beats(it.upgraded().client(&masked(0x81, b"question")), silent).end(Side::Server);
                });
            }
        }},
        RuleCase { name: "the client closes", near: &["WHY-41"], fires: &[], play: |s| {
            s.beside(0, |it| { beats(it.upgraded().client(&masked(0x81, b"question")), 60_000).close(); });
        }},
    ];

    #[test]
    fn equal_times_without_data_are_noticed() {
        check_causes(&[RULES], CASES);
    }
}
