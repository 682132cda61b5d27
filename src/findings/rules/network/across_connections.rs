//! What only several connections, or connections and DNS together, show.

use crate::decode::DnsCode;
use crate::findings::across::attempts::{Attempt, Attempts};
use crate::findings::across::dns_names::{NameFailure, QueriedName};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::state::attempt_outcome::AttemptOutcome;
use crate::findings::words::{counted, duration};

/// NET-04, NET-05, NET-11.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "NET-04",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "`localhost` (or another name) served on one address family only, refused on the \
            other",
        section: "RFC 8305 §1, RFC 6761 §6.3",
        explanation: "`localhost` (or another name) has an IPv6 and an IPv4 address, and the \
            server listens on only one of them. Clients that try both get through, with a delay; \
            clients that try only the first one (many libraries, Node.js since 17 for some calls) \
            fail, depending on which comes first.",
        remedy: "Let the server listen on both: `::` without IPV6_V6ONLY takes both families on \
            most systems (in Node.js omit the host or pass '::'; in Python \
            websockets.serve(handler, None, port); nginx `listen [::]:80` in addition to `listen \
            80`). Or put the address that is served into the URL: ws://127.0.0.1:8080.",
        example: Example::Text("SYN to [::1]:8080: RST\nSYN to 127.0.0.1:8080: SYN, ACK"),
        explains: Some(Cause::failure(70, "refused on one address family only")),
        checks: &[Check::Capture(|context, violations| {
            for one in one_sided(&context.across.attempts) {
                let OneSided { refused, served, times } = one;
                let again = if times > 1 { format!(", {times} times") } else { String::new() };
                let gap = refused.first.time.0.abs_diff(served.first.time.0);
                violations
                    .add(format!(
                        "{} refused{again}; {} served {} {} (connection {})",
                        refused.server,
                        served.server,
                        duration(gap),
                        if served.first.time >= refused.first.time { "later" } else { "before" },
                        served.id.0
                    ))
                    .connection(refused.id)
                    .packets(refused.first, refused.last);
            }
        })],
    },
    Rule {
        id: "NET-05",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "DNS name did not resolve",
        section: "RFC 1035 §4.1.1, RFC 2308 §2",
        explanation: "The client looked up the server's address and got none, so it could not \
            even try to connect. NXDOMAIN: no such name; an answer without addresses: the name \
            exists, but not for this family; SERVFAIL: the resolver, or the servers of the \
            domain, have failed; REFUSED: the resolver does not serve this client; no answer: the \
            resolver cannot be reached.",
        remedy: "For NXDOMAIN look for a typo in the URL, a missing search domain or VPN, or a \
            name that exists only inside a container network. For SERVFAIL ask another resolver \
            (`dig NAME @1.1.1.1`) and check DNSSEC; for no answer, see which resolver is \
            configured (`resolvectl status`, /etc/resolv.conf) and whether UDP port 53 is open.",
        example: Example::Text("client: A? ws.example.tset\nresolver: NXDOMAIN"),
        explains: Some(Cause::failure(60, "name did not resolve")),
        checks: &[Check::Capture(|context, violations| {
            let (names, attempts) = (&context.across.names, &context.across.attempts);
            let mut failed: Vec<(&QueriedName, NameFailure)> = names
                .failed()
                .filter(|(asked, _)| !attempts.has_websocket || names.is_related(&asked.name))
                .filter(|(asked, _)| !is_noise(&asked.name) && !has_follower(attempts, asked))
                // A capture of nothing but questions may lack the other direction.
                .filter(|(_, why)| *why != NameFailure::Unknown || attempts.is_empty())
                .collect();
            let more = failed.len().saturating_sub(MOST_NAMES);
            failed.truncate(MOST_NAMES);
            let last = failed.last().map(|(asked, _)| asked.name.clone());
            for (asked, why) in failed {
                let rest = if more > 0 && last.as_deref() == Some(&asked.name) {
                    format!("; and {more} more such names")
                } else {
                    String::new()
                };
                let words = failure_in_words(asked, why, names.watched(asked));
                violations
                    .add(format!("{words}{rest}"))
                    .packets(asked.first, asked.last)
                    .severity(severity_of(attempts, asked, why));
            }
        })],
    },
    Rule {
        id: "NET-11",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "reconnect loop: failed or short connections without back-off",
        section: "RFC 6455 §7.2.3",
        explanation: "A client retries again and again at the same short interval. When a server \
            comes back, all clients reconnect at once and may bring it down again; logs and \
            sockets fill up. RFC 6455 asks for a random first delay and for growing delays.",
        remedy: "Find out why the connections fail (see their own findings), and let the client \
            wait longer each time: a random first delay of 0 to 5 s, doubled up to a minute or \
            so, and reset only after a connection has lasted.",
        example: Example::Text("8 attempts, one every 120 ms, all refused"),
        explains: Some(Cause::trouble(690, "reconnect loop")),
        checks: &[Check::Capture(|context, violations| {
            for Loop { attempts, interval } in loops(&context.across.attempts) {
                let Some((first, last)) = attempts.first().zip(attempts.last()) else { continue };
                let count = |outcome: AttemptOutcome| {
                    attempts.iter().filter(|it| it.outcome == outcome).count()
                };
                let kinds = [
                    ("refused", count(AttemptOutcome::Refused)),
                    ("unanswered", count(AttemptOutcome::Unanswered)),
                    ("failed", count(AttemptOutcome::Failed)),
                    ("shorter than 1 s", count(AttemptOutcome::Short)),
                ];
                let kinds: Vec<String> = kinds
                    .iter()
                    .filter(|(_, number)| *number > 0)
                    .map(|(what, number)| format!("{number} {what}"))
                    .collect();
                violations
                    .add(format!(
                        "{} attempts of {} to {} in {}, one every {}: {}",
                        attempts.len(),
                        first.client.ip(),
                        first.server,
                        duration(last.last.time.waited_since(first.first.time)),
                        duration(interval),
                        kinds.join(", ")
                    ))
                    .connection(first.id)
                    .packets(first.first, last.last);
            }
        })],
    },
];

/// A name of which one address family was refused and the other served.
struct OneSided<'a> {
    refused: &'a Attempt,
    served: &'a Attempt,
    /// How often that happened at these two addresses.
    times: u64,
}

fn one_sided(attempts: &Attempts) -> Vec<OneSided<'_>> {
    let mut found: Vec<OneSided<'_>> = Vec::new();
    let mut refused: Vec<&Attempt> =
        attempts.all().filter(|it| it.outcome == AttemptOutcome::Refused).collect();
    refused.sort_by_key(|attempt| attempt.first);
    for attempt in refused {
        let known = found.iter_mut().find(|one| one.refused.server == attempt.server);
        if let Some(known) = known {
            known.times = known.times.saturating_add(1);
            continue;
        }
        let served = attempts
            .all()
            .filter(|other| other.outcome.is_open() && attempt.is_twin_of(other))
            .map(|other| (other.first.time.0.abs_diff(attempt.first.time.0), other))
            .filter(|(distance, _)| *distance <= SAME_MOMENT)
            .min_by_key(|(distance, other)| (*distance, other.id));
        if let Some((_, served)) = served {
            found.push(OneSided { refused: attempt, served, times: 1 });
        }
    }
    found
}

/// Attempts that follow one another without back-off.
struct Loop<'a> {
    attempts: Vec<&'a Attempt>,
    /// Nanoseconds from one to the next, in the mean.
    interval: u64,
}

fn loops(attempts: &Attempts) -> Vec<Loop<'_>> {
    let mut found = Vec::new();
    for series in attempts.series() {
        let mut run: Vec<&Attempt> = Vec::new();
        for attempt in series {
            let is_late = run.last().is_some_and(|last: &&Attempt| {
                attempt.first.time.waited_since(last.first.time) > LONG_PAUSE
            });
            if is_late || !attempt.outcome.is_failure() {
                found.extend(as_loop(std::mem::take(&mut run)));
            }
            if attempt.outcome.is_failure() {
                run.push(attempt);
            }
        }
        found.extend(as_loop(run));
    }
    found
}

/// A run of failed attempts, if its intervals are short and do not grow.
fn as_loop(attempts: Vec<&Attempt>) -> Option<Loop<'_>> {
    if attempts.len() < LOOP_ATTEMPTS {
        return None;
    }
    let gaps: Vec<u64> = attempts
        .iter()
        .zip(attempts.iter().skip(1))
        .map(|(one, next)| next.first.time.waited_since(one.first.time))
        .collect();
    let (early, late) = gaps.split_at_checked(gaps.len() / 2)?;
    let (early, late, interval) = (mean(early)?, mean(late)?, mean(&gaps)?);
    // Half as long again is what chance adds to a delay; doubled delays are four times as long.
    let grows = late.saturating_mul(2) > early.saturating_mul(3);
    (interval <= LOOP_INTERVAL && !grows).then_some(Loop { attempts, interval })
}

fn mean(values: &[u64]) -> Option<u64> {
    let sum = values.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
    sum.checked_div(u64::try_from(values.len()).ok()?)
}

/// Whether a connection that may have used a name was opened soon after it was asked for: one at an
/// address that no other name accounts for.
fn has_follower(attempts: &Attempts, asked: &QueriedName) -> bool {
    attempts.all().any(|attempt| {
        let is_later = attempt.first.packet > asked.first.packet
            && attempt.first.time.since(asked.last.time) <= FOLLOWS;
        let is_unexplained = !attempt.server.ip().is_loopback()
            && attempt.server.port() != DNS_PORT
            && attempt.lookup.as_ref().is_none_or(|lookup| lookup.name == asked.name);
        is_later && is_unexplained
    })
}

/// Whether systems ask for a name of their own accord: proxy discovery, IPv6 transition, reverse lookup.
fn is_noise(name: &str) -> bool {
    let mut labels = name.split('.');
    let first = labels.next().unwrap_or_default();
    let is_reverse = labels.next_back() == Some("arpa");
    NOISE.contains(&first) || is_reverse || name.starts_with('_')
}

/// How bad it is that a name did not resolve. Unless a WebSocket shows what the capture is about, it is
/// worth knowing only: beside connections to other servers, if the client does not insist, and if nothing
/// shows that no answer came.
fn severity_of(attempts: &Attempts, asked: &QueriedName, why: NameFailure) -> Severity {
    let insists = asked.is_repeated() && asked.questions() >= INSISTENCE;
    let is_aside = !attempts.has_websocket && !attempts.is_empty() && !insists;
    if is_aside || why == NameFailure::Unknown { Severity::Note } else { Severity::Error }
}

fn failure_in_words(asked: &QueriedName, why: NameFailure, watched: u64) -> String {
    let QueriedName { name, resolver, ipv4, ipv6, .. } = asked;
    let families = match (ipv4.questions, ipv6.questions) {
        (_, 0) => "A",
        (0, _) => "AAAA",
        (_, _) => "A and AAAA",
    };
    let questions = format!("{} for {families}", counted(asked.questions(), "question"));
    let asking = duration(asked.last.time.waited_since(asked.first.time));
    let rest = match watched {
        0 => "the capture ends there".to_owned(),
        _ => format!("the capture continued for {} after that", duration(watched)),
    };
    match why {
        NameFailure::Unanswered => {
            format!("{name}: no answer from {resolver} to {questions} in {asking}; {rest}")
        }
        NameFailure::ResolverSilent => format!(
            "{name}: no answer to {questions} in {asking}, and no response of {resolver} at all \
             was captured; {rest}"
        ),
        NameFailure::Unknown => format!(
            "{name}: {questions}, and no response of {resolver} at all was captured: it did not \
             answer, or the capture lacks its answers; {rest}"
        ),
        NameFailure::Denied(DnsCode::NO_ERROR) => {
            format!("{name}: {resolver} knows the name but has no address for it ({questions})")
        }
        NameFailure::Denied(code) => {
            let code = code.name().map_or_else(|| format!("RCODE {}", code.0), str::to_owned);
            format!("{name}: {resolver} answered {code} ({questions})")
        }
    }
}

/// Nanoseconds within which attempts at both address families belong together (RFC 8305 tries the second
/// one after 250 ms; a client that gives up and tries again takes longer).
const SAME_MOMENT: u64 = 5_000_000_000;

/// Attempts in a row that make a loop.
const LOOP_ATTEMPTS: usize = 5;

/// Nanoseconds between attempts that are too short without growing (RFC 6455 §7.2.3 lets even the first
/// delay be up to 5 s).
const LOOP_INTERVAL: u64 = 5_000_000_000;

/// Nanoseconds after which an attempt is not a reaction to the one before.
const LONG_PAUSE: u64 = 60_000_000_000;

/// Nanoseconds within which a connection follows the lookup of its name.
const FOLLOWS: u64 = 5_000_000_000;

/// Questions for one name with which a client insists.
const INSISTENCE: u64 = 3;

/// Names that are reported one by one.
const MOST_NAMES: usize = 10;

/// RFC 1035 §4.2.
const DNS_PORT: u16 = 53;

/// First labels of names that systems ask for of their own accord: Web Proxy Auto-Discovery, ISATAP
/// (RFC 5214), and the name by which IPv6-only networks are detected (RFC 7050, RFC 8880).
const NOISE: [&str; 3] = ["wpad", "isatap", "ipv4only"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check, masked};
    use crate::stream::Direction::ClientToServer;
    use crate::stream::Side;

    /// As many refused attempts, one after the other with these pauses in milliseconds.
    fn refused(s: &mut Scenario, pauses: &[u64]) {
        s.dial().refuse();
        for pause in pauses {
            s.wait(*pause).dial().refuse();
        }
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "IPv6 refused, then IPv4 served", near: &["NET-11"], fires: &["NET-01", "NET-04"], play: |s| {
            s.between("::1", "::1").dial().refuse();
            s.between("127.0.0.1", "127.0.0.1").upgraded().close();
        }},
        RuleCase { name: "IPv4 refused, and IPv6 served before", near: &[], fires: &["NET-01", "NET-04"], play: |s| {
            s.between("::1", "::1").upgraded().between("127.0.0.1", "127.0.0.1").dial().refuse();
        }},
        RuleCase { name: "a name of both families", near: &[], fires: &["NET-01", "NET-04"], play: |s| {
            s.looks_up("a.test", 1).lookup_answer("a.test", 1, 0, &["10.0.0.2"]).looks_up("a.test", 28).lookup_answer("a.test", 28, 0, &["fd00::2"]);
            s.between("fd00::1", "fd00::2").dial().refuse().between("10.0.0.1", "10.0.0.2").upgraded().close();
        }},
        RuleCase { name: "both refused", near: &["NET-04"], fires: &["NET-01", "NET-01"], play: |s| {
            s.between("::1", "::1").dial().refuse().between("127.0.0.1", "127.0.0.1").dial().refuse();
        }},
        RuleCase { name: "other machines", near: &["NET-04"], fires: &["NET-01"], play: |s| {
            s.between("fd00::1", "fd00::2").dial().refuse().between("10.0.0.1", "10.0.0.2").upgraded().close();
        }},
        RuleCase { name: "served much later", near: &["NET-04"], fires: &["NET-01"], play: |s| {
            s.between("::1", "::1").dial().refuse().wait(20_000).between("127.0.0.1", "127.0.0.1").upgraded().close();
        }},
        RuleCase { name: "no such name", near: &[], fires: &["NET-05"], play: |s| { s.looks_up("tpyo.test", 1).lookup_answer("tpyo.test", 1, 3, &[]); } },
        RuleCase { name: "no such name, in a search domain neither", near: &[], fires: &["NET-05"], play: |s| {
            s.looks_up("tpyo", 1).lookup_answer("tpyo", 1, 3, &[]).looks_up("tpyo.corp.test", 1).lookup_answer("tpyo.corp.test", 1, 3, &[]);
        }},
        RuleCase { name: "the resolver fails for both families", near: &[], fires: &["NET-05"], play: |s| {
            s.looks_up("a.test", 1).looks_up("a.test", 28).lookup_answer("a.test", 1, 2, &[]).lookup_answer("a.test", 28, 2, &[]);
        }},
        RuleCase { name: "a name without addresses", near: &[], fires: &["NET-05"], play: |s| { s.looks_up("a.test", 1).lookup_answer("a.test", 1, 0, &[]); } },
        RuleCase { name: "no answer", near: &[], fires: &["NET-05"], play: |s| { s.looks_up("a.test", 1).wait(5_000).looks_up("a.test", 1); } },
        RuleCase { name: "no answer, though the resolver answers others", near: &[], fires: &["NET-05"], play: |s| {
            s.looks_up("a.test", 1).looks_up("b.test", 1).lookup_answer("b.test", 1, 0, &["10.0.0.2"]).wait(3_000).looks_up("b.test", 1);
        }},
        RuleCase { name: "nothing but two questions", near: &[], fires: &["NET-05"], play: |s| { s.looks_up("a.test", 1).looks_up("a.test", 28); } },
        RuleCase { name: "two questions at the end, and a connection", near: &["NET-05"], fires: &[], play: |s| {
            s.open().client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
            s.wait(9_000).looks_up("a.test", 1).looks_up("a.test", 28);
        }},
        RuleCase { name: "answers that were not captured", near: &["NET-05"], fires: &[], play: |s| {
            s.looks_up("server.example.com", 1).looks_up("server.example.com", 28).upgraded().wait(9_000).close();
        }},
        RuleCase { name: "no IPv6 address, and nobody asked for one of IPv4", near: &["NET-05"], fires: &[], play: |s| {
            s.looks_up("a.test", 28).lookup_answer("a.test", 28, 0, &[]).wait(9_000).looks_up("b.test", 28).lookup_answer("b.test", 28, 0, &[]);
        }},
        RuleCase { name: "no such name, asked for IPv6 only", near: &[], fires: &["NET-05"], play: |s| { s.looks_up("a.test", 28).lookup_answer("a.test", 28, 3, &[]); } },
        RuleCase { name: "no IPv6 address, and no answer about IPv4", near: &[], fires: &["NET-05"], play: |s| {
            s.looks_up("a.test", 1).looks_up("a.test", 28).lookup_answer("a.test", 28, 0, &[]).wait(4_000).looks_up("a.test", 1);
        }},
        RuleCase { name: "LLMNR and multicast DNS", near: &["NET-05"], fires: &[], play: |s| {
            for port in [5_353, 5_355] {
                s.looks_up_by_multicast("a.test", port).wait(5_000).looks_up_by_multicast("a.test", port).wait(5_000).looks_up_by_multicast("a.test", port);
            }
        }},
        RuleCase { name: "the capture ends after the question", near: &["NET-05"], fires: &[], play: |s| { s.looks_up("a.test", 1); } },
        RuleCase { name: "no IPv6 address, but one of IPv4", near: &["NET-05"], fires: &[], play: |s| {
            s.looks_up("a.test", 1).looks_up("a.test", 28).lookup_answer("a.test", 28, 3, &[]).lookup_answer("a.test", 1, 0, &["10.0.0.2"]);
        }},
        RuleCase { name: "found in a search domain", near: &["NET-05"], fires: &[], play: |s| {
            s.looks_up("a", 1).lookup_answer("a", 1, 3, &[]).looks_up("a.corp.test", 1).lookup_answer("a.corp.test", 1, 0, &["10.0.0.2"]);
        }},
        RuleCase { name: "found in the second search domain", near: &["NET-05"], fires: &[], play: |s| {
            s.looks_up("a.first.test", 1).lookup_answer("a.first.test", 1, 3, &[]).looks_up("a.second.test", 1).lookup_answer("a.second.test", 1, 0, &["10.0.0.2"]);
        }},
        RuleCase { name: "another name with the same beginning", near: &[], fires: &["NET-05"], play: |s| {
            s.looks_up("www.one.test", 1).lookup_answer("www.one.test", 1, 3, &[]).wait(3_000).looks_up("www.two.test", 1).lookup_answer("www.two.test", 1, 0, &["10.0.0.2"]);
        }},
        RuleCase { name: "tried with a search domain before itself", near: &["NET-05"], fires: &[], play: |s| {
            s.looks_up("a.test.corp.test", 1).lookup_answer("a.test.corp.test", 1, 3, &[]).looks_up("a.test", 1).lookup_answer("a.test", 1, 0, &["10.0.0.2"]);
        }},
        RuleCase { name: "nobody wanted it for a WebSocket", near: &["NET-05"], fires: &[], play: |s| {
            s.looks_up("metrics.other.test", 1).lookup_answer("metrics.other.test", 1, 3, &[]).wait(60_000).upgraded().close();
        }},
        RuleCase { name: "a neighbor of the server", near: &[], fires: &["NET-05"], play: |s| {
            s.looks_up("ws2.example.com", 1).lookup_answer("ws2.example.com", 1, 3, &[]).wait(60_000).upgraded().close();
        }},
        RuleCase { name: "proxy discovery", near: &["NET-05"], fires: &[], play: |s| { s.looks_up("wpad.corp.test", 1).lookup_answer("wpad.corp.test", 1, 3, &[]); } },
        RuleCase { name: "five attempts at one interval", near: &["NET-05"], fires: &["NET-01", "NET-01", "NET-01", "NET-01", "NET-01", "NET-11"], play: |s| refused(s, &[1_000; 4]) },
        RuleCase { name: "four attempts", near: &["NET-11"], fires: &["NET-01", "NET-01", "NET-01", "NET-01"], play: |s| refused(s, &[1_000; 3]) },
        RuleCase { name: "with back-off", near: &["NET-11"], fires: &["NET-01", "NET-01", "NET-01", "NET-01", "NET-01", "NET-01"], play: |s| refused(s, &[500, 1_000, 2_000, 4_000, 8_000]) },
        RuleCase { name: "at long intervals", near: &["NET-11"], fires: &["NET-01", "NET-01", "NET-01", "NET-01", "NET-01"], play: |s| refused(s, &[30_000; 4]) },
        RuleCase { name: "thrown out at once, again and again", near: &["NET-01"], fires: &["WS-C18", "WS-C18", "WS-C18", "WS-C18", "WS-C18", "NET-11"], play: |s| {
            for _ in 0..5 {
                s.wait(300).upgraded().server(b"\x88\x02\x0f\xa1").client(&masked(0x88, b"\x0f\xa1")).end(Side::Server);
            }
        }},
        RuleCase { name: "long polling, a connection for each request", near: &["NET-11"], fires: &[], play: |s| {
            for _ in 0..8 {
                s.wait(100).open().client(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n")
                    .server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
            }
        }},
        RuleCase { name: "short and friendly", near: &["NET-11"], fires: &[], play: |s| {
            for _ in 0..8 { s.wait(100).upgraded().close(); }
        }},
        RuleCase { name: "served late, with names", near: &["NET-05", "NET-04"], fires: &[], play: |s| {
            s.looks_up("a.test", 1).lookup_answer("a.test", 1, 0, &["10.0.0.2"]).dial().wait(300).answer().acknowledge(ClientToServer).upgrade("", "").close();
        }},
    ];

    #[test]
    fn rules_across_connections_report_what_they_show() {
        check(&[RULES], CASES);
    }

    #[test]
    fn names_beside_other_traffic_are_notes_unless_the_client_insists() {
        type Row = (&'static str, fn(&mut Scenario), Severity, &'static str);
        fn page(s: &mut Scenario) {
            s.wait(60_000).open().client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            s.server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }
        #[rustfmt::skip]
        let rows: &[Row] = &[
            ("alone", |s| { s.looks_up("a.test", 1).lookup_answer("a.test", 1, 3, &[]); }, Severity::Error,
                "a.test: 10.0.0.53:53 answered NXDOMAIN (1 question for A)"),
            ("beside a page", |s| { s.looks_up("a.test", 28).lookup_answer("a.test", 28, 3, &[]); page(s); }, Severity::Note,
                "a.test: 10.0.0.53:53 answered NXDOMAIN (1 question for AAAA)"),
            ("again and again beside a page", |s| {
                s.looks_up("b.test", 1).lookup_answer("b.test", 1, 0, &["10.0.0.9"]);
                for _ in 0..3 { s.looks_up("a.test", 1).wait(2_000); }
                page(s);
            }, Severity::Error,
                "a.test: no answer from 10.0.0.53:53 to 3 questions for A in 4.0 s; the capture continued for 62.0 s after that"),
            ("no response at all", |s| { s.looks_up("a.test", 1).wait(2_500).looks_up("a.test", 1); }, Severity::Error,
                "a.test: no answer to 2 questions for A in 2.5 s, and no response of 10.0.0.53:53 at all was captured; the capture ends there"),
            ("two questions at once", |s| { s.looks_up("a.test", 1).looks_up("a.test", 28); }, Severity::Note,
                "a.test: 2 questions for A and AAAA, and no response of 10.0.0.53:53 at all was captured: it did not answer, or the capture lacks its answers; the capture ends there"),
        ];
        for (name, play, severity, evidence) in rows {
            let mut scenario = Scenario::new();
            play(&mut scenario);
            let judged = scenario.judge(&crate::findings::Reading::default());
            let seen: Vec<_> = judged.list.iter().map(|it| (it.severity, &*it.evidence)).collect();
            assert_eq!(seen, [(*severity, *evidence)], "{name}");
        }
    }

    #[test]
    fn many_names_are_counted() {
        let mut scenario = Scenario::new();
        for number in 0..13 {
            let name = format!("a{number}.test");
            scenario.looks_up(&name, 1).lookup_answer(&name, 1, 3, &[]);
        }
        let judged = scenario.judge(&crate::findings::Reading::default());
        assert_eq!(judged.list.len(), MOST_NAMES);
        let last = &judged.list[MOST_NAMES - 1];
        assert!(last.evidence.ends_with("; and 3 more such names"), "{}", last.evidence);
    }
}
