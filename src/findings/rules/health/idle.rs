//! Connections on which nothing is sent for long, and those that are cut for it.

use crate::analysis::event::{Ending, Nature, TcpState};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::RuleContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::frame::has_ended;
use crate::findings::state::silent_period::SilentPeriod;
use crate::findings::words::{counted, duration};
use crate::stream::{Origin, Side};

/// OPS-01, OPS-02.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "OPS-01",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "no heartbeat for longer than common proxy timeouts, then the connection was cut",
        section: "RFC 6455 §5.5.2",
        explanation: "Proxies, load balancers and firewalls drop connections that are idle for \
            some time, many after 60 s, and neither application learns why: both see 1006. The \
            evidence names the defaults that fit the silence before the end; the capture cannot \
            show which device it was.",
        remedy: "Send a Ping (or a message of your own) more often than the shortest timeout on \
            the path, for example every 20 to 30 s: ws `setInterval(() => socket.ping(), 25000)`, \
            Python websockets ping_interval=20 (its default), Go a ticker that writes a \
            PingMessage. Browsers cannot send Pings: let the server send them. Or raise the \
            timeout, nginx:\n  proxy_read_timeout 1h;\n  proxy_send_timeout 1h;\nHAProxy:\n  \
            timeout tunnel 1h\nAWS: idle timeout of the load balancer; Google Cloud: timeout of \
            the backend service.",
        example: Example::Text("60 s without a frame, then server: FIN, and no Close before it"),
        explains: Some(Cause::dropped(630, "cut for being idle")),
        checks: &[Check::End(|context, violations| {
            let Some(cut) = cut(context) else { return };
            let IdleCut { side, at, silence, how } = cut;
            let first = silence.after;
            let end = match how {
                IdleEnd::Idle => {
                    let end = if matches!(context.connection.state, TcpState::Reset(_)) {
                        "RST"
                    } else {
                        "FIN"
                    };
                    format!("then the {} sent {end} without a Close", side.name())
                }
                IdleEnd::Forgotten => {
                    format!("then the {} answered the next frame with RST", side.name())
                }
            };
            let beats = match context.state.health.beats {
                0 => "no Ping was ever sent".to_owned(),
                beats => format!("only {} before it", counted(beats, "heartbeat")),
            };
            let names = candidates(silence.length, how);
            let fits = if names.is_empty() {
                "it fits no known default".to_owned()
            } else {
                format!("it fits {}", names.join(" or "))
            };
            violations
                .add(format!("no frame for {}, {end}; {beats}; {fits}", duration(silence.length)))
                .direction(None)
                .side(None)
                .packets(first, at);
        })],
    },
    Rule {
        id: "OPS-02",
        severity: Severity::Note,
        applies_to: AppliesTo::Nobody,
        title: "no Ping or application heartbeat during more than 30 s of silence",
        section: "RFC 6455 §5.5.2",
        explanation: "Without a heartbeat, neither side notices when the other is gone, and \
            devices on the path assume that the connection is dead: many drop it after 60 s.",
        remedy: "Let the server send a Ping every 20 to 30 s, and close a connection if its Pong \
            does not arrive. Nothing needs to be changed if both ends are on one machine and a \
            dead peer does no harm.",
        example: Example::Text("client: a text\nserver, 45 s later: a text, and never a Ping"),
        explains: None,
        checks: &[Check::End(|context, violations| {
            let health = &context.state.health;
            if health.beats > 0 || !is_whole(context) || cut(context).is_some() {
                return;
            }
            let end = context.state.ended.map_or(context.subject.watched_until, |(_, at)| at.time);
            let silence = health.longest_until(end);
            let SilentPeriod { length, after, until } = silence;
            if length >= LONG_SILENCE {
                let what = if after == until { "the end" } else { "the next frame" };
                violations
                    .add(format!(
                        "{} from packet {} to {what}, and no Ping on this connection",
                        duration(length),
                        after.packet
                    ))
                    .direction(None)
                    .side(None)
                    .packets(after, until);
            }
        })],
    },
];

/// A connection that was cut for being idle.
#[derive(Clone, Copy, Debug)]
struct IdleCut {
    /// The side that ended it, as far as TCP shows.
    side: Side,
    at: Origin,
    silence: SilentPeriod,
    how: IdleEnd,
}

/// How an idle connection ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum IdleEnd {
    /// When the time was up.
    Idle,
    /// With the first packet after that, since nobody on the way knew it any more.
    Forgotten,
}

/// Whether a connection was cut, and a silence before that explains it.
fn cut(context: &RuleContext<'_, Ending>) -> Option<IdleCut> {
    let sides = &context.state.sides;
    let has_close = sides.client.close.is_some() || sides.server.close.is_some();
    let is_cut = has_ended(context.connection.state) && !has_close && is_whole(context);
    let (side, at) = context.state.ended.filter(|_| is_cut)?;
    let health = &context.state.health;
    let heard = health.heard?;
    let length = at.time.waited_since(heard.time);
    let idle = SilentPeriod { length, after: heard, until: at };
    if length >= COMMON_TIMEOUT || !candidates(length, IdleEnd::Idle).is_empty() {
        return Some(IdleCut { side, at, silence: idle, how: IdleEnd::Idle });
    }
    // The state of a firewall or NAT has expired: what comes next is answered with RST.
    let is_at_once = heard.time.since(health.latest.until.time) <= AT_ONCE && length <= AT_ONCE;
    let is_reset = matches!(context.connection.state, TcpState::Reset(_));
    let names = candidates(health.latest.length, IdleEnd::Forgotten);
    (is_reset && is_at_once && !names.is_empty()).then_some(IdleCut {
        side,
        at,
        silence: health.latest,
        how: IdleEnd::Forgotten,
    })
}

/// Whether all frames of a WebSocket were seen, so that a silence is one.
fn is_whole(context: &RuleContext<'_, Ending>) -> bool {
    let sides = &context.state.sides;
    context.connection.nature == Nature::WebSocket
        && context.subject.unseen.is_none()
        && !context.state.health.has_gap
        && sides.client.lost.is_none()
        && sides.server.lost.is_none()
        && sides.client.unfinished.is_none()
        && sides.server.unfinished.is_none()
}

/// Known defaults that fit a silence, in words.
fn candidates(silence: u64, how: IdleEnd) -> Vec<String> {
    let fits = |entry: &&Timeout| {
        let limit = entry.seconds.saturating_mul(1_000_000_000);
        let late = limit.div_ceil(LATE_PART).max(LATE);
        match how {
            IdleEnd::Idle => {
                silence.saturating_add(EARLY) >= limit && silence <= limit.saturating_add(late)
            }
            IdleEnd::Forgotten => entry.kind == TimeoutAction::Forgets && silence >= limit,
        }
    };
    TIMEOUTS
        .iter()
        .filter(fits)
        .map(|entry| format!("{} of {} ({})", in_words(entry.seconds), entry.whose, entry.source))
        .collect()
}

fn in_words(seconds: u64) -> String {
    if seconds >= 120 && seconds.is_multiple_of(60) {
        format!("{} min", seconds / 60)
    } else {
        format!("{seconds} s")
    }
}

/// A default after which connections without traffic are given up.
struct Timeout {
    seconds: u64,
    whose: &'static str,
    /// Who says so.
    source: &'static str,
    kind: TimeoutAction,
}

/// What is done when the time is up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum TimeoutAction {
    /// The connection is ended.
    Ends,
    /// It is forgotten: nothing is sent until the next packet comes.
    Forgets,
}

/// Defaults that are widely met, shortest first.
#[rustfmt::skip]
const TIMEOUTS: &[Timeout] = &[
    Timeout { seconds: 30, whose: "the backend timeout of Google Cloud load balancers", source: "Cloud Load Balancing documentation", kind: TimeoutAction::Ends },
    Timeout { seconds: 50, whose: "HAProxy's timeout client as Debian sets it", source: "its haproxy.cfg", kind: TimeoutAction::Ends },
    Timeout { seconds: 55, whose: "Heroku's router", source: "Heroku documentation, error H15", kind: TimeoutAction::Ends },
    Timeout { seconds: 60, whose: "nginx's proxy_read_timeout", source: "ngx_http_proxy_module", kind: TimeoutAction::Ends },
    Timeout { seconds: 60, whose: "Apache's ProxyTimeout", source: "mod_proxy, core Timeout", kind: TimeoutAction::Ends },
    Timeout { seconds: 60, whose: "an AWS Application Load Balancer", source: "Elastic Load Balancing documentation", kind: TimeoutAction::Ends },
    Timeout { seconds: 100, whose: "Cloudflare", source: "its documentation of connection limits", kind: TimeoutAction::Ends },
    Timeout { seconds: 240, whose: "an Azure Load Balancer", source: "Azure documentation", kind: TimeoutAction::Forgets },
    Timeout { seconds: 300, whose: "Envoy's stream_idle_timeout", source: "Envoy documentation", kind: TimeoutAction::Ends },
    Timeout { seconds: 350, whose: "an AWS Network Load Balancer or NAT gateway", source: "AWS documentation", kind: TimeoutAction::Forgets },
    Timeout { seconds: 600, whose: "an AWS API Gateway", source: "its quotas", kind: TimeoutAction::Ends },
    Timeout { seconds: 600, whose: "Google Cloud's connection tracking", source: "VPC documentation", kind: TimeoutAction::Forgets },
];

/// Nanoseconds after which many proxies cut a connection.
const COMMON_TIMEOUT: u64 = 60_000_000_000;

/// Nanoseconds of silence on a connection without Pings that are worth a note.
const LONG_SILENCE: u64 = 30_000_000_000;

/// Nanoseconds by which a connection may be cut too early: its clock began to run elsewhere.
const EARLY: u64 = 500_000_000;

/// Nanoseconds by which a timer may be late ...
const LATE: u64 = 2_000_000_000;

/// ... or this part of the time.
const LATE_PART: u64 = 40;

/// Nanoseconds within which RST answers what was sent.
const AT_ONCE: u64 = 2_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check, masked, plain};
    use crate::stream::Direction;

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "cut after 60 s", near: &["OPS-02"], fires: &["WS-C12", "OPS-01"], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).wait(60_030).end(Side::Server);
        }},
        RuleCase { name: "cut after 40 s, which is no default", near: &["OPS-01"], fires: &["WS-C12", "OPS-02"], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).wait(40_000).end(Side::Server);
        }},
        RuleCase { name: "cut after 75 s", near: &[], fires: &["WS-C12", "OPS-01"], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).wait(75_000).end(Side::Server);
        }},
        RuleCase { name: "reset by what came after six minutes", near: &[], fires: &["NET-07 server", "OPS-01"], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).wait(360_000).unacknowledged(Direction::ClientToServer, &masked(0x81, b"y")).reset(Side::Server);
        }},
        RuleCase { name: "closed in order after 60 s", near: &["OPS-01"], fires: &["OPS-02"], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).wait(60_000).close();
        }},
        RuleCase { name: "silence, and the capture ends", near: &["OPS-01"], fires: &["OPS-02"], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).wait(45_000).acknowledge(Direction::ClientToServer);
        }},
        RuleCase { name: "a Ping now and then", near: &["OPS-02"], fires: &[], play: |s| {
            s.upgraded().wait(45_000).server(&plain(0x89, b"")).client(&masked(0x8a, b"")).wait(45_000).close();
        }},
        RuleCase { name: "a heartbeat of the application", near: &["OPS-02"], fires: &[], play: |s| {
            s.upgraded().wait(45_000).client(&masked(0x81, b"{\"type\":\"ping\"}")).wait(45_000).close();
        }},
        RuleCase { name: "bytes are missing", near: &["OPS-02"], fires: &["CAP-01", "CAP-04"], play: |s| {
            s.upgraded().server(&plain(0x81, b"x")).missing(Direction::ServerToClient, 2).server(&plain(0x81, b"y")).wait(45_000).close();
        }},
        RuleCase { name: "half a minute less a second", near: &["OPS-02"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).wait(29_000).close();
        }},
    ];

    #[test]
    fn silences_are_reported_if_they_cause_failures() {
        check(&[RULES], CASES);
    }

    #[test]
    fn timeouts_are_named_where_they_fit() {
        #[rustfmt::skip]
        let rows: &[(u64, IdleEnd, &[&str])] = &[
            (29_000,  IdleEnd::Idle,      &[]),
            (30_100,  IdleEnd::Idle,      &["30 s"]),
            (50_010,  IdleEnd::Idle,      &["50 s"]),
            (60_004,  IdleEnd::Idle,      &["60 s", "60 s", "60 s"]),
            (75_000,  IdleEnd::Idle,      &[]),
            (241_000, IdleEnd::Idle,      &["4 min"]),
            (350_500, IdleEnd::Idle,      &["350 s"]),
            (604_000, IdleEnd::Idle,      &["10 min", "10 min"]),
            (200_000, IdleEnd::Forgotten, &[]),
            (400_000, IdleEnd::Forgotten, &["4 min", "350 s"]),
        ];
        for (milliseconds, how, expected) in rows {
            let names = candidates(milliseconds * 1_000_000, *how);
            let found: Vec<&str> = names
                .iter()
                .filter_map(|name| name.split_once(" of ").map(|(time, _)| time))
                .collect();
            assert_eq!(found, *expected, "{milliseconds} ms");
        }
        assert!(TIMEOUTS.is_sorted_by_key(|entry| entry.seconds));
    }

    #[test]
    fn evidence_names_the_timeouts() {
        let mut scenario = Scenario::new();
        scenario.upgraded().client(&masked(0x81, b"x")).wait(100_000).end(Side::Server);
        let judged = scenario.judge(&crate::findings::Reading::default());
        let found = judged.list.iter().find(|finding| finding.rule.id == "OPS-01").unwrap();
        assert_eq!(
            found.evidence,
            "no frame for 100.0 s, then the server sent FIN without a Close; no Ping was ever sent; \
             it fits 100 s of Cloudflare (its documentation of connection limits)"
        );
    }
}
