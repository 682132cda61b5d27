//! Measures that are the same on several connections, and differ less than chance would have it.

use crate::findings::across::ended_websockets::{EndKind, EndedWebSocket, ServerLife};
use crate::findings::across::ending_groups::EndingPattern;
use crate::findings::causes::endings::{is_dismissal, is_unwanted};
use crate::findings::known_timeouts::common_limit;
use crate::stream::Side;

/// A pattern with the connections that show it.
type Found<'a> = (EndingPattern, Vec<&'a EndedWebSocket>);

/// The groups among connections of one server that were ended by one side; takes their members out.
pub(super) fn groups<'a>(rest: &mut Vec<&'a EndedWebSocket>, life: ServerLife) -> Vec<Found<'a>> {
    let mut found = together(rest);
    for measure in MEASURES {
        while let Some(members) = constant(rest, measure, life) {
            rest.retain(|it| !members.iter().any(|member| member.id == it.id));
            found.push((measure.pattern, members));
        }
    }
    found
}

/// Something that is measured at the end of a connection.
struct Measure {
    pattern: EndingPattern,
    /// In nanoseconds; `None` if it says nothing about this connection.
    of: fn(&EndedWebSocket) -> Option<u64>,
    /// What a connection of the same server has survived of it.
    survived: fn(ServerLife) -> u64,
    /// Whether the connections need not differ in anything else, and chance alone decides.
    differs: fn(&[&EndedWebSocket]) -> bool,
}

/// That which is more conclusive first.
const MEASURES: &[Measure] = &[
    Measure {
        pattern: EndingPattern::Age,
        of: |ended| ended.age().filter(|_| is_unwanted(ended)),
        survived: |life| life.oldest.map_or(0, |(age, _)| age),
        differs: |members| is_not_idle(members) && begins_apart(members),
    },
    Measure {
        pattern: EndingPattern::DataSilence(None),
        of: |ended| {
            let silence = ended.data_silence(None)?;
            let is_beating = ended.beat_silence().is_some_and(|beat| beat <= silence / 2);
            (is_beating && ended.is_whole).then_some(silence)
        },
        survived: |life| life.survived_data.map_or(0, |(silence, _)| silence),
        differs: |_| true,
    },
    Measure {
        pattern: EndingPattern::DataSilence(Some(Side::Client)),
        of: |ended| one_sided(ended, Side::Client),
        survived: |_| 0,
        differs: |members| members.len() >= SEVERAL,
    },
    Measure {
        pattern: EndingPattern::DataSilence(Some(Side::Server)),
        of: |ended| one_sided(ended, Side::Server),
        survived: |_| 0,
        differs: |members| members.len() >= SEVERAL,
    },
    Measure {
        pattern: EndingPattern::Closed,
        of: |ended| ended.silence().filter(|_| is_dismissal(ended)),
        survived: |life| life.survived.map_or(0, |(silence, _)| silence),
        differs: |_| true,
    },
];

/// How long one side has sent no data while the other one did.
fn one_sided(ended: &EndedWebSocket, side: Side) -> Option<u64> {
    let silence = ended.data_silence(Some(side))?;
    let other = ended.data_silence(None)?;
    let has_spoken = ended.heard.get(side.direction()).data.is_some();
    (has_spoken && other <= silence / 2 && ended.is_whole).then_some(silence)
}

/// The largest group whose measure is the same.
fn constant<'a>(
    all: &[&'a EndedWebSocket],
    measure: &Measure,
    life: ServerLife,
) -> Option<Vec<&'a EndedWebSocket>> {
    let mut sorted: Vec<(u64, &EndedWebSocket)> = all
        .iter()
        .filter_map(|ended| Some(((measure.of)(ended).filter(|it| *it >= SHORTEST)?, *ended)))
        .collect();
    sorted.sort_by_key(|(value, ended)| (*value, ended.id));
    let mut best: Option<Vec<&EndedWebSocket>> = None;
    for (place, (least, _)) in sorted.iter().enumerate() {
        let window = sorted.get(place..)?;
        let count =
            window.iter().take_while(|(value, _)| value - least <= tolerance(*least)).count();
        let window = window.get(..count)?;
        let members: Vec<&EndedWebSocket> = window.iter().map(|(_, ended)| *ended).collect();
        let most = window.last().map_or(*least, |(value, _)| *value);
        let is_outlived = (measure.survived)(life) > most.saturating_add(tolerance(most));
        let is_constant = is_no_chance(*least, most, (count, sorted.len()));
        if count >= 2
            && best.as_ref().is_none_or(|best| count > best.len())
            && is_constant
            && !is_outlived
            && (measure.differs)(&members)
        {
            best = Some(members);
        }
    }
    best
}

/// Whether a measure between `least` and `most` on `count` of `all` connections is not there by chance: it is
/// a limit that many products have, or nearly the same.
fn is_no_chance(least: u64, most: u64, (count, all): (usize, usize)) -> bool {
    let is_common = common_limit(|limit| {
        least.saturating_add(EARLY) >= limit && most <= limit.saturating_add(tolerance(limit))
    });
    let spread = most.saturating_sub(least).max(PRECISION);
    let bits = (least / spread).checked_ilog2().unwrap_or_default();
    let bits = usize::try_from(bits).unwrap_or_default().saturating_mul(count.saturating_sub(1));
    let needed = if is_common.is_some() { 0 } else { EVIDENCE };
    bits >= needed.saturating_add(log2(all.saturating_sub(count)))
}

/// Groups that ended within moments; takes them out.
fn together<'a>(rest: &mut Vec<&'a EndedWebSocket>) -> Vec<Found<'a>> {
    let mut sorted: Vec<&EndedWebSocket> =
        rest.iter().copied().filter(|ended| is_abrupt(ended)).collect();
    sorted.sort_by_key(|ended| (ended.end.at, ended.id));
    let all = sorted.len();
    let (first, last) = (sorted.iter().map(|it| it.first.time).min(), sorted.last());
    let Some((first, last)) = first.zip(last.map(|it| it.end.at.time)) else { return Vec::new() };
    let is_next = |one: &&EndedWebSocket, next: &&EndedWebSocket| gap(one, next) <= MOMENT;
    let clusters = sorted.chunk_by(is_next).filter(|cluster| cluster.len() >= 2);
    let mut found = Vec::new();
    for cluster in clusters {
        let others = u64::try_from(all.saturating_sub(cluster.len())).unwrap_or(u64::MAX);
        // How far apart they would be if each had ended for itself.
        let apart = last.since(first).checked_div(others.saturating_add(1)).unwrap_or_default();
        let mut bits = 0_usize;
        for pair in cluster.windows(2) {
            let [one, next] = pair else { continue };
            let age = next.end.at.time.since(next.first.time);
            let likely = age.min(apart) / gap(one, next).max(PRECISION_TOGETHER);
            let gained = likely.checked_ilog2().unwrap_or_default();
            bits = bits.saturating_add(usize::try_from(gained).unwrap_or_default());
        }
        let is_by_clients = cluster.iter().any(|it| it.end.by == Side::Client);
        let is_enough = cluster.len() >= if is_by_clients { SEVERAL } else { 2 };
        if is_enough && bits >= EVIDENCE_TOGETHER.saturating_add(log2(all)) && is_moment(cluster) {
            rest.retain(|it| !cluster.iter().any(|member| member.id == it.id));
            found.push((EndingPattern::Together, cluster.to_vec()));
        }
    }
    found
}

/// Whether it is the moment that connections have in common, not a silence or an age that they have, too.
fn is_moment(cluster: &[&EndedWebSocket]) -> bool {
    let silences = values(cluster, EndedWebSocket::silence);
    let data: Vec<u64> =
        values(cluster, |it| it.beat_silence().and_then(|_| it.data_silence(None)));
    let ends: Vec<u64> = cluster.iter().map(|it| it.end.at.time.0).collect();
    // If they ended closer together than they fell silent, it is the moment.
    let is_looser = |values: &[u64]| spread(values) > spread(&ends).saturating_mul(4).max(LOOSE);
    let is_idle = |values: &[u64]| {
        let least = values.iter().min().copied().unwrap_or_default();
        values.len() == cluster.len()
            && least >= LONG
            && spread(values) <= tolerance(least)
            && !is_looser(values)
    };
    let ages = values(cluster, EndedWebSocket::age);
    let (least, most) = (ages.iter().min(), ages.iter().max());
    let is_of_an_age = least.zip(most).is_some_and(|(least, most)| {
        ages.len() == cluster.len()
            && common_limit(|limit| {
                least.saturating_add(EARLY) >= limit
                    && *most <= limit.saturating_add(tolerance(limit))
            })
            .is_some()
    });
    !is_idle(&silences) && !is_idle(&data) && !is_of_an_age
}

/// Whether a connection was ended without a word, or because its server failed.
fn is_abrupt(ended: &EndedWebSocket) -> bool {
    match ended.end.how {
        EndKind::Fin | EndKind::Rst => true,
        EndKind::Close(code) => code.is_some_and(|code| FAILURES.contains(&code)),
    }
}

/// Whether no silence explains the ends: the connections were in use, or had been silent for different times.
fn is_not_idle(members: &[&EndedWebSocket]) -> bool {
    let silences = values(members, EndedWebSocket::silence);
    let most = silences.iter().max().copied().unwrap_or_default();
    let differ = spread(&silences) > tolerance(most).saturating_mul(2).max(most / 5);
    differ || members.iter().all(|member| member.is_in_use())
}

/// Whether connections did not all begin at the same moment, or their age is a common limit.
fn begins_apart(members: &[&EndedWebSocket]) -> bool {
    let began: Vec<u64> = members.iter().map(|it| it.first.time.0).collect();
    let ages = values(members, EndedWebSocket::age);
    let least = ages.iter().min().copied().unwrap_or_default();
    let is_common = common_limit(|limit| {
        least.saturating_add(EARLY) >= limit && least <= limit.saturating_add(tolerance(limit))
    });
    spread(&began) > tolerance(least) || is_common.is_some()
}

fn values(members: &[&EndedWebSocket], of: impl Fn(&EndedWebSocket) -> Option<u64>) -> Vec<u64> {
    members.iter().filter_map(|member| of(member)).collect()
}

fn spread(values: &[u64]) -> u64 {
    let (least, most) = (values.iter().min(), values.iter().max());
    least.zip(most).map_or(0, |(least, most)| most.saturating_sub(*least))
}

/// Nanoseconds between two ends.
fn gap(one: &EndedWebSocket, next: &EndedWebSocket) -> u64 {
    next.end.at.time.since(one.end.at.time)
}

/// By how many nanoseconds a timer may be late.
pub(super) fn tolerance(nanoseconds: u64) -> u64 {
    (nanoseconds / 100).clamp(LEAST_TOLERANCE, MOST_TOLERANCE)
}

/// The binary logarithm, rounded up.
fn log2(count: usize) -> usize {
    let bits = count.max(1).next_power_of_two().trailing_zeros();
    usize::try_from(bits).unwrap_or(usize::MAX)
}

/// Codes of a server that fails, or is overloaded (RFC 6455 §7.4.1, IANA): 1001 is OPS-05.
const FAILURES: &[u16] = &[1006, 1011, 1012, 1013, 1014];

/// Nanoseconds by which a connection may be ended too early: its clock began to run elsewhere.
const EARLY: u64 = 300_000_000;

/// Nanoseconds by which timers differ at least ...
const LEAST_TOLERANCE: u64 = 250_000_000;

/// ... and at most.
const MOST_TOLERANCE: u64 = 5_000_000_000;

/// Nanoseconds that two times differ if nobody can say which is longer.
const PRECISION: u64 = 1_000_000;

/// The same of the moments of two ends.
const PRECISION_TOGETHER: u64 = 100_000;

/// Nanoseconds by which silences must differ to be called different, whatever the precision of the ends.
const LOOSE: u64 = 100_000_000;

/// Shorter ages and silences, in nanoseconds, are not those of timeouts.
const SHORTEST: u64 = 4_000_000_000;

/// A silence, in nanoseconds, that may be why a connection was ended.
const LONG: u64 = 5_000_000_000;

/// Nanoseconds between two ends that may be one event.
const MOMENT: u64 = 1_000_000_000;

/// Bits of evidence that a constant measure needs: one in 256 is there by chance.
const EVIDENCE: usize = 8;

/// Bits of evidence that ends at the same moment need.
const EVIDENCE_TOGETHER: usize = 9;

/// Connections that a conclusion needs that two do not allow.
const SEVERAL: usize = 3;
