//! WHY-42: an idle timeout with a Close.

use crate::findings::across::ending_groups::EndingPattern;
use crate::findings::causes::endings::report;
use crate::findings::causes::maximum_age::CONSEQUENCES;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;

/// WHY-42.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-42",
    severity: Severity::Error,
    applies_to: AppliesTo::Server,
    title: "the server closed the connection because it was idle",
    section: "RFC 6455 §7.4.1",
    explanation: "The server sent a Close after a time in which nothing was sent, and that time is \
        the same on several connections, or the default of a product, or the reason of the Close \
        says so. It looks like an ordinary end, so clients may not reconnect.",
    remedy: "Send a heartbeat more often than the time in the evidence: a Ping of the client's \
        library, or a small message (browsers cannot send Pings). Or raise the idle timeout of the \
        server: Cowboy `idle_timeout`, Phoenix `timeout` of the socket, Jetty `setIdleTimeout`, \
        Tomcat `maxIdleTimeout`, SignalR `ClientTimeoutInterval`. Let clients reconnect.",
    example: Example::Text("nothing for 60 s\nserver: Close 1000\nclient: Close 1000"),
    explains: Some(
        Cause::dropped(1_173, "closed by the server for being idle").explaining(CONSEQUENCES),
    ),
    checks: &[Check::Group(|context, violations| {
        report(context, |pattern| pattern == EndingPattern::Closed, violations);
    })],
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes, masked, plain};
    use crate::stream::Side;
    use crate::testkit::traffic::TestTraffic;

    /// Silence for this time in milliseconds, and a Close of the server, which is answered.
    fn dismissed<'t>(s: &'t mut TestTraffic, silence: u64, close: &[u8]) -> &'t mut TestTraffic {
        s.wait(silence)
            .server(&plain(0x88, close))
            .client(&masked(0x88, &close[..2]))
            .end(Side::Server)
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "Close 1000 after 60 s", near: &[], fires: &["WHY-42"], play: |s| {
            s.beside(0, |it| { dismissed(it.upgraded().client(&masked(0x81, b"x")), 60_200, b"\x03\xe8"); });
        }},
        RuleCase { name: "Close 4001 after 17 s, three times", near: &[], fires: &["WHY-42", "WHY-42", "WHY-42"], play: |s| {
            for (begin, used) in [(0, 300), (4_000, 8_000), (9_000, 2_000)] {
                s.beside(begin, |it| { dismissed(it.upgraded().wait(used).client(&masked(0x81, b"x")), 17_000, b"\x0f\xa1"); });
            }
        }},
        RuleCase { name: "the reason says so", near: &[], fires: &["WHY-42"], play: |s| {
            s.beside(0, |it| { dismissed(it.upgraded().client(&masked(0x81, b"x")), 23_456, b"\x03\xe9Idle Timeout"); });
        }},
        RuleCase { name: "Close 1000 when there is no more to say", near: &["WHY-42"], fires: &[], play: |s| {
            s.beside(0, |it| { dismissed(it.upgraded().client(&masked(0x81, b"x")), 23_456, b"\x03\xe8"); });
        }},
        RuleCase { name: "it had been silent for longer", near: &["WHY-42"], fires: &[], play: |s| {
            s.beside(0, |it| { dismissed(it.upgraded().wait(70_000).client(&masked(0x81, b"x")), 60_000, b"\x03\xe8"); });
        }},
        RuleCase { name: "the client closes", near: &["WHY-42"], fires: &[], play: |s| {
            s.beside(0, |it| { it.upgraded().wait(60_000).client(&masked(0x88, b"\x03\xe8")).server(&plain(0x88, b"\x03\xe8")).end(Side::Server); });
        }},
        RuleCase { name: "each after another time", near: &["WHY-42"], fires: &[], play: |s| {
            for (begin, silent) in [(0, 11_000), (4_000, 17_000), (9_000, 25_000)] {
                s.beside(begin, |it| { dismissed(it.upgraded().client(&masked(0x81, b"x")), silent, b"\x03\xe8"); });
            }
        }},
    ];

    #[test]
    fn idle_timeouts_that_close_are_noticed() {
        check_causes(&[RULES], CASES);
    }
}
