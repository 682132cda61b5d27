//! A server that goes away and says so on all its connections.

use std::collections::BTreeSet;

use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::words::duration;

/// OPS-05.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "OPS-05",
    severity: Severity::Note,
    applies_to: AppliesTo::Nobody,
    title: "clean restart: many connections closed together with 1001 or 1012",
    section: "RFC 6455 §7.4.1",
    explanation: "The server closed several connections at once with the code for going away \
        (1001) or restarting (1012): a deployment, a restart, or a machine that is being drained. \
        Nobody is at fault, but all clients will reconnect at the same time.",
    remedy: "Let clients reconnect after a delay that is random, up to some seconds, and grows \
        with each failure. Let the server drain slowly: close a few connections at a time, and \
        accept no new ones meanwhile.",
    example: Example::Text("server: Close 1001 on twelve connections within a second"),
    explains: None,
    checks: &[Check::Capture(|context, violations| {
        for group in context.across.restarts.groups() {
            let Some((first, last)) = group.first().zip(group.last()) else { continue };
            let codes: BTreeSet<u16> = group.iter().map(|going_away| going_away.code).collect();
            let codes: Vec<String> = codes.iter().map(u16::to_string).collect();
            violations
                .add(format!(
                    "{} closed {} connections within {} with {}",
                    first.server,
                    group.len(),
                    duration(last.at.time.waited_since(first.at.time)),
                    codes.join(" or ")
                ))
                .connection(first.connection)
                .packets(first.at, last.at);
        }
    })],
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check, masked, plain};
    use crate::stream::Side;

    fn closed(s: &mut Scenario, times: u64, code: &[u8], wait: u64) {
        for _ in 0..times {
            s.upgraded().server(&plain(0x88, code)).client(&masked(0x88, code)).end(Side::Server);
            s.wait(wait);
        }
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "three connections at once", near: &[], fires: &["OPS-05"], play: |s| closed(s, 3, b"\x03\xe9", 100) },
        RuleCase { name: "service restart", near: &[], fires: &["WS-C17", "WS-C17", "WS-C17", "OPS-05"], play: |s| closed(s, 3, b"\x03\xf4", 100) },
        RuleCase { name: "two connections at once", near: &["OPS-05"], fires: &[], play: |s| closed(s, 2, b"\x03\xe9", 100) },
        RuleCase { name: "one after the other", near: &["OPS-05"], fires: &[], play: |s| closed(s, 4, b"\x03\xe9", 5_000) },
        RuleCase { name: "an ordinary end", near: &["OPS-05"], fires: &[], play: |s| closed(s, 4, b"\x03\xe8", 100) },
        RuleCase { name: "clients that leave", near: &["OPS-05"], fires: &[], play: |s| {
            for _ in 0..4 {
                s.upgraded().client(&masked(0x88, b"\x03\xe9")).server(&plain(0x88, b"\x03\xe9")).end(Side::Server);
            }
        }},
    ];

    #[test]
    fn a_server_that_goes_away_is_reported_once() {
        check(&[RULES], CASES);
    }
}
