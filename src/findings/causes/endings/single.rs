//! A single connection whose age or silence is a limit that many products have.

use crate::findings::across::ended_websockets::{EndedWebSocket, ServerLife};
use crate::findings::across::ending_groups::EndingPattern;
use crate::findings::causes::endings::constancy::tolerance;
use crate::findings::causes::endings::is_dismissal;
use crate::findings::known_timeouts::{FittingTimeouts, TimeoutKind, common_limit};
use crate::stream::Side;

/// The pattern that a connection fits, if it fits one by far better than chance would have it.
pub(super) fn pattern(ended: &EndedWebSocket, life: ServerLife) -> Option<EndingPattern> {
    if is_aged(ended, life) {
        return Some(EndingPattern::Age);
    }
    if is_without_data(ended, life) {
        return Some(EndingPattern::DataSilence(None));
    }
    is_dismissed(ended, life).then_some(EndingPattern::Closed)
}

/// Whether it was cut at a common age while it was in use.
fn is_aged(ended: &EndedWebSocket, life: ServerLife) -> bool {
    let Some(age) = ended.age().filter(|_| ended.end.is_cut() && ended.is_in_use()) else {
        return false;
    };
    let is_outlived = life.oldest.is_some_and(|(oldest, _)| oldest > latest(age));
    let is_common = fits(ended, age, &[TimeoutKind::Age]);
    let is_of_client = ended.announces_body && is_at(age, CLIENT_LIMIT);
    !is_outlived && if ended.end.by == Side::Client { is_of_client } else { is_common }
}

/// Whether it carried no data for a common time while Pings went on.
fn is_without_data(ended: &EndedWebSocket, life: ServerLife) -> bool {
    let Some(silence) = ended.data_silence(None).filter(|_| ended.is_whole) else { return false };
    let is_beating = ended.beat_silence().is_some_and(|beat| beat <= silence / 2);
    let is_outlived = life.survived_data.is_some_and(|(longest, _)| longest > latest(silence));
    is_beating && !is_outlived && fits(ended, silence, &[TimeoutKind::Data, TimeoutKind::Close])
}

/// Whether its server sent a Close after a common silence, or says that it was idle.
fn is_dismissed(ended: &EndedWebSocket, life: ServerLife) -> bool {
    let Some(silence) = ended.silence().filter(|_| is_dismissal(ended)) else { return false };
    let says_so = ended.end.says_idle() && silence >= SHORTEST_SAID;
    let is_outlived = life.survived.is_some_and(|(longest, _)| longest > latest(silence));
    says_so || (!is_outlived && fits(ended, silence, &[TimeoutKind::Close, TimeoutKind::Idle]))
}

/// Whether a time is a common limit, or one of a product that left a trace.
fn fits(ended: &EndedWebSocket, time: u64, kinds: &[TimeoutKind]) -> bool {
    common_limit(|limit| is_at(time, limit)).is_some()
        || FittingTimeouts::find(ended.traces, |entry| {
            kinds.contains(&entry.kind) && is_at(time, entry.nanoseconds())
        })
        .is_traced()
}

/// Whether a timer of this limit was up at that time.
fn is_at(time: u64, limit: u64) -> bool {
    time.saturating_add(EARLY) >= limit && time <= limit.saturating_add(tolerance(limit).min(LATE))
}

/// What is certainly more than a limit that fits this time.
fn latest(time: u64) -> u64 {
    time.saturating_add(tolerance(time))
}

/// Nanoseconds by which a connection may be ended too early.
const EARLY: u64 = 50_000_000;

/// Nanoseconds by which a single timer may be late.
const LATE: u64 = 500_000_000;

/// Nanoseconds of silence that an idle timeout needs if the server says that it was one.
const SHORTEST_SAID: u64 = 1_000_000_000;

/// Nanoseconds after which the HTTP client of .NET gives up a response whose body does not end
/// (`HttpClient.Timeout`).
const CLIENT_LIMIT: u64 = 100_000_000_000;
