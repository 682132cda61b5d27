//! What connections that ended have in common, in words: the same for each of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::findings::across::ended_websockets::EndedWebSocket;
use crate::findings::across::ending_groups::{EndingGroup, EndingPattern};
use crate::findings::across::proxy_legs::ProxyLegs;
use crate::findings::causes::endings::constancy::tolerance;
use crate::findings::known_timeouts::{FittingTimeouts, TimeoutKind, Traces};
use crate::findings::rules::handshake::fields_read::shown;
use crate::findings::words::{counted, duration};
use crate::stream::{Side, length_u64};

/// The evidence of a group.
pub(super) fn evidence(group: &EndingGroup<'_>) -> String {
    let mut out = subject(group);
    let measured = &group.measured;
    match group.pattern {
        EndingPattern::Together => {
            let ends = group.members.iter().map(|it| it.end.at.time);
            let (first, last) = (ends.clone().min(), ends.max());
            let within = last.zip(first).map_or(0, |(last, first)| last.since(first));
            write!(out, " ended within {} of each other", duration(within)).ok();
            out.push_str(&usage(group));
        }
        EndingPattern::Age => {
            let ages = range(measured, EndedWebSocket::age);
            write!(out, " ended {ages} after the handshake").ok();
            out.push_str(&usage(group));
        }
        EndingPattern::DataSilence(side) => {
            let silences = range(measured, |it| it.data_silence(side));
            let whose = side.map_or(String::new(), |side| format!(" of the {}", side.name()));
            write!(out, " ended {silences} after the last data message{whose}").ok();
            match side {
                None => {
                    let beats = range(measured, EndedWebSocket::beat_silence);
                    write!(out, ", although Pings or Pongs continued until {beats} before").ok();
                }
                Some(side) => {
                    let other = Side::sender(side.direction().reverse());
                    let heard = range(measured, |it| it.data_silence(Some(other)));
                    let name = other.name();
                    write!(out, ", although the {name} sent data until {heard} before").ok();
                }
            }
        }
        EndingPattern::Closed => {
            let silences = range(measured, EndedWebSocket::silence);
            let verb = if group.members.len() > 1 { "were" } else { "was" };
            write!(out, " {verb} closed by the server after {silences} without a frame").ok();
        }
    }
    write!(out, "; {}", enders(group)).ok();
    let reason = group.members.iter().find(|it| !it.end.reason.is_empty());
    if let Some(ended) = reason {
        write!(out, ", reason {}", shown(&ended.end.reason)).ok();
    }
    if remedy(group) == Some(BODY) {
        out.push_str("; the 101 has a field that announces a body (HS-23)");
    } else if let Some(fits) = fitting(group) {
        write!(out, "; {fits}").ok();
    }
    if let Some(legs) = legs(&group.legs) {
        write!(out, "; {legs}").ok();
    }
    out
}

/// What to do, if the remedy of the rule does not fit.
pub(super) fn remedy(group: &EndingGroup<'_>) -> Option<&'static str> {
    let is_by = |side: Side| group.measured.iter().all(|it| it.end.by == side);
    match group.pattern {
        EndingPattern::Age if is_by(Side::Client) => {
            let announces = group.measured.iter().all(|it| it.announces_body);
            announces.then_some(BODY)
        }
        EndingPattern::Together if is_by(Side::Client) && group.legs.is_empty() => Some(CLIENT),
        EndingPattern::DataSilence(Some(_)) => Some(ONE_SIDED),
        EndingPattern::Together
        | EndingPattern::Age
        | EndingPattern::DataSilence(None)
        | EndingPattern::Closed => None,
    }
}

/// `3 connections to 10.0.0.1:80`, `the connection`, `3 connections through a proxy`
fn subject(group: &EndingGroup<'_>) -> String {
    let members = &group.members;
    let both = length_u64(group.legs.len());
    if both > 0 && group.legs.len().saturating_mul(2) == members.len() {
        let noun = counted(both, "WebSocket");
        return format!("{noun} through a proxy, captured on both of its sides,");
    }
    let servers: BTreeSet<_> = members.iter().map(|it| it.server).collect();
    match (members.len(), servers.first()) {
        (0 | 1, _) | (_, None) => "the connection".to_owned(),
        (count, Some(server)) if servers.len() == 1 => {
            format!("{} to {server}", counted(length_u64(count), "connection"))
        }
        (count, Some(_)) => counted(length_u64(count), "connection"),
    }
}

/// `, while in use: the client was last heard 1.0 s before, the server 20 ms to 1.1 s`
fn usage(group: &EndingGroup<'_>) -> String {
    let members = &group.members;
    let in_use = if members.iter().all(|it| it.is_in_use()) { ", while in use" } else { "" };
    let heard = |side| {
        let range = range(members, |it| it.silence_of(side));
        if range.is_empty() { "never".to_owned() } else { format!("{range} before") }
    };
    format!(
        "{in_use} (last frame of the client: {}, of the server: {})",
        heard(Side::Client),
        heard(Side::Server)
    )
}

/// `the server sent FIN first`
fn enders(group: &EndingGroup<'_>) -> String {
    let how = |members: &mut dyn Iterator<Item = &EndedWebSocket>| {
        let kinds: BTreeSet<String> = members.map(|it| it.end.how.in_words()).collect();
        kinds.into_iter().collect::<Vec<_>>().join(" or ")
    };
    let is_proxy = |legs: &ProxyLegs<'_>| {
        legs.outer.end.by == Side::Server && legs.inner.end.by == Side::Client
    };
    if !group.legs.is_empty() && group.legs.iter().all(is_proxy) {
        let kinds = how(&mut group.members.iter().copied());
        return format!("the proxy ended both sides, with {kinds}");
    }
    let mut parts = Vec::new();
    for side in [Side::Server, Side::Client] {
        let mut of = group.members.iter().copied().filter(|it| it.end.by == side).peekable();
        if of.peek().is_some() {
            parts.push(format!("the {} sent {} first", side.name(), how(&mut of)));
        }
    }
    if parts.len() > 1 {
        for (side, part) in [Side::Server, Side::Client].into_iter().zip(&mut parts) {
            let count = group.members.iter().filter(|it| it.end.by == side).count();
            write!(part, " on {count}").ok();
        }
    }
    parts.join(", ")
}

/// Which known limits a group fits.
fn fitting(group: &EndingGroup<'_>) -> Option<String> {
    let value = |of: fn(&EndedWebSocket) -> Option<u64>| {
        group.measured.iter().filter_map(|it| of(it)).min()
    };
    let (kind, value) = match group.pattern {
        EndingPattern::Together | EndingPattern::DataSilence(Some(_)) => return None,
        EndingPattern::Age => (TimeoutKind::Age, value(EndedWebSocket::age)?),
        EndingPattern::DataSilence(None) => (TimeoutKind::Data, value(|it| it.data_silence(None))?),
        EndingPattern::Closed => (TimeoutKind::Close, value(EndedWebSocket::silence)?),
    };
    let traces = group.members.iter().fold(Traces::default(), |all, it| all.joined(it.traces));
    let fits = FittingTimeouts::find(traces, |entry| {
        let limit = entry.nanoseconds();
        entry.kind == kind
            && value.saturating_add(tolerance(limit)) >= limit
            && value <= limit.saturating_add(tolerance(limit))
    });
    (!fits.is_empty()).then(|| fits.in_words())
}

/// `both sides of the proxy: connections 1 and 4, 2 and 5; it passed messages on within 0.2 ms`
fn legs(legs: &[ProxyLegs<'_>]) -> Option<String> {
    if legs.is_empty() {
        return None;
    }
    let pairs: Vec<String> = legs
        .iter()
        .take(MOST_PAIRS)
        .map(|it| format!("{} and {}", it.outer.id.0, it.inner.id.0))
        .collect();
    let more = if legs.len() > MOST_PAIRS { " ..." } else { "" };
    let mut out = format!("before and after the proxy: connections {}{more}", pairs.join(", "));
    if let Some(delay) = legs.iter().filter_map(|it| it.delay).max() {
        write!(out, "; it passed messages on within {}", duration(delay)).ok();
    }
    let apart = legs.iter().map(|it| {
        let (outer, inner) = (it.outer.end.at.time, it.inner.end.at.time);
        outer.since(inner).max(inner.since(outer))
    });
    if let Some(apart) = apart.max() {
        write!(out, ", and ended one side within {} of the other", duration(apart)).ok();
    }
    Some(out)
}

/// `30.0 s`, `29.9 s to 30.1 s`; empty if nothing was measured.
fn range(members: &[&EndedWebSocket], of: impl Fn(&EndedWebSocket) -> Option<u64>) -> String {
    let values: Vec<u64> = members.iter().filter_map(|member| of(member)).collect();
    let (Some(least), Some(most)) = (values.iter().min(), values.iter().max()) else {
        return String::new();
    };
    let (least, most) = (duration(*least), duration(*most));
    if least == most { least } else { format!("{least} to {most}") }
}

const BODY: &str = "Remove Content-Length and Transfer-Encoding from the 101. The HTTP client of \
    .NET waits for the end of the body that they announce, and closes the connection when its \
    timeout is over (HttpClient.Timeout, 100 s). Pings do not help.";

const CLIENT: &str = "Look at the host that ended them: if it is a proxy or gateway, its reload or \
    restart ends all connections (let it drain); if it is a client, its program was stopped or \
    failed at that time. Reconnect after a delay that is random and grows with each failure.";

const ONE_SIDED: &str = "The side that ended the connections, or a proxy on the way, expects data \
    from the other side within that time, whatever it sends itself. Let that side send a small \
    message more often than that (a heartbeat of the protocol on top), or raise the limit.";

/// Pairs of connections that are worth reading.
const MOST_PAIRS: usize = 8;
