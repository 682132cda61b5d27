//! Answers that come late: Pongs, and messages under load.

use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::state::health::SLOW_PONG;
use crate::findings::words::{counted, duration};
use crate::stream::Direction;

/// OPS-03, OPS-04.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "OPS-03",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "Pong took longer than a second",
        section: "RFC 6455 §5.5.2",
        explanation: "A Pong should follow its Ping as soon as is practical, and costs almost \
            nothing. If it takes long, the event loop of the answering side is blocked, its queue \
            is long, or the network is slow. Eventually the other side assumes that it is dead \
            and closes, often with 1011.",
        remedy: "Look at the side that answers: long computations or blocking calls on the thread \
            that reads the socket, large messages before the Pong in its queue, a background tab. \
            If retransmissions are reported as well, look at the network first.",
        example: Example::Text("server: Ping\nclient, 3 s later: Pong"),
        explains: Some(Cause::trouble(740, "slow Pongs")),
        checks: &[Check::End(|context, violations| {
            // Clocks that differ make times that are none.
            if context.connection.clock_steps.count > 0 {
                return;
            }
            for direction in Direction::BOTH {
                let trips = context.state.health.round_trips.get(direction);
                if trips.slow == 0 {
                    continue;
                }
                violations
                    .add(format!(
                        "{} of {} took {} or more; of the latest, half came within {}, 95 % within \
                         {}; the slowest took {}",
                        trips.slow,
                        counted(trips.count, "Pong"),
                        duration(SLOW_PONG),
                        duration(trips.percentile(50)),
                        duration(trips.percentile(95)),
                        duration(trips.slowest.length)
                    ))
                    .direction(direction)
                    .side(None)
                    .packets(trips.slowest.after, trips.slowest.until);
            }
        })],
    },
    Rule {
        id: "OPS-04",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "responses get slower as load grows",
        section: "RFC 6455 §10.4",
        explanation: "The server answers each message of the client, and the more the client \
            sends, the longer that takes: messages wait in a queue, since the server handles one \
            at a time or cannot keep up. If the load continues, the queue and its memory grow \
            until something breaks.",
        remedy: "Measure what the server does for one message, and take slow work (database, \
            other services, large JSON) off the reading thread. Let clients wait for responses \
            before they send more, or bound the queue and refuse (Close 1013, or an error of your \
            protocol) instead of falling behind.",
        example: Example::Text(
            "at 2 messages/s an answer takes 3 ms, at 50 messages/s it takes 900 ms",
        ),
        explains: Some(Cause::trouble(750, "answers slow down under load")),
        checks: &[Check::End(|context, violations| {
            if context.connection.clock_steps.count > 0 || context.state.health.has_gap {
                return;
            }
            let Some(slowdown) = context.state.health.response_times.slowdown() else { return };
            let (quiet, busy, slowest) = (slowdown.quiet, slowdown.busy, slowdown.slowest);
            violations
                .add(format!(
                    "at {} messages/s the response took {} on average, at {} messages/s {}; the \
                     slowest took {}",
                    rate(quiet.per_thousand_seconds),
                    duration(quiet.wait),
                    rate(busy.per_thousand_seconds),
                    duration(busy.wait),
                    duration(slowest.length)
                ))
                .direction(Direction::ServerToClient)
                .side(None)
                .packets(slowest.after, slowest.until);
        })],
    },
];

/// Messages in a second, with one decimal.
fn rate(per_thousand_seconds: u64) -> String {
    let tenths = per_thousand_seconds.saturating_add(50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check, masked, plain};
    use crate::testkit::traffic::TestTraffic;

    /// Messages and answers, so many in each of some seconds, each answered after so many milliseconds.
    fn asks(s: &mut TestTraffic, seconds: u64, each: u64, wait: u64) {
        for _ in 0..seconds {
            for number in 0..each {
                s.client(&masked(0x81, &number.to_be_bytes().map(|byte| b'a' + byte % 26)));
            }
            s.wait(wait);
            for number in 0..each {
                s.server(&plain(0x81, &number.to_be_bytes().map(|byte| b'a' + byte % 26)));
            }
            s.wait(1_000);
        }
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a Pong after three seconds", near: &[], fires: &["OPS-03"], play: |s| {
            s.upgraded().server(&plain(0x89, b"a")).wait(3_000).client(&masked(0x8a, b"a")).close();
        }},
        RuleCase { name: "a Pong after less than a second", near: &["OPS-03"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x89, b"a")).wait(900).client(&masked(0x8a, b"a")).close();
        }},
        RuleCase { name: "slow under load", near: &[], fires: &["OPS-04"], play: |s| {
            asks(s.upgraded(), 10, 2, 1); asks(s, 3, 40, 900); s.close();
        }},
        RuleCase { name: "as fast under load", near: &["OPS-04"], fires: &[], play: |s| {
            asks(s.upgraded(), 10, 2, 1); asks(s, 3, 40, 2); s.close();
        }},
    ];

    #[test]
    fn late_answers_are_reported() {
        check(&[RULES], CASES);
    }

    #[test]
    fn rates_have_one_decimal() {
        assert_eq!(
            (rate(2_000).as_str(), rate(149).as_str(), rate(150).as_str()),
            ("2.0", "0.1", "0.2")
        );
    }
}
