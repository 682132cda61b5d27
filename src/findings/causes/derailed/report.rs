//! From a hypothesis to a violation.

use super::explained::Explained;
use super::stream::DerailedStream;
use crate::analysis::event::Outcome;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::severity::Severity;
use crate::findings::engine::violation::Violations;
use crate::stream::{Direction, Origin, Side, Span};
use crate::websocket::CloseCode;

/// Tests a hypothesis on both directions of a connection, and reports what it explains.
pub(in crate::findings::causes) fn test(
    context: &CauseContext<'_>,
    violations: &mut Violations,
    hypothesis: fn(&DerailedStream<'_>) -> Option<Explained>,
) {
    for direction in Direction::BOTH {
        let window = context.subject.windows.get(direction);
        let compression = *context.connection.compression.get(direction);
        let Some(stream) = DerailedStream::of(window, direction, compression) else { continue };
        if let Some(explained) = hypothesis(&stream) {
            let span = span(context, direction, &explained);
            let violation = violations.add(explained.in_words());
            violation.direction(direction).side(Side::sender(direction)).span(span);
            violation.severity(severity(context, direction));
            if let Some(remedy) = explained.remedy {
                violation.remedy(remedy);
            }
            return;
        }
    }
}

/// Where it is, with the packets that the rules saw there.
fn span(context: &CauseContext<'_>, direction: Direction, explained: &Explained) -> Span {
    let frames = context.subject.windows.get(direction).frames();
    let first = frames.filter(|frame| frame.offset >= explained.start).last();
    let violations = context.subject.past.iter().filter(|it| it.direction == Some(direction));
    let spans = violations.filter_map(|it| it.span).filter(|it| it.start >= explained.start);
    let seen = spans.min_by_key(|span| span.start);
    let first = first.map(|frame| frame.origin).or_else(|| seen.map(|span| span.first));
    let first: Origin = first.unwrap_or_default();
    let last = seen.map(|span| span.first).filter(|last| last.packet > first.packet);
    Span { start: explained.start, end: explained.end, first, last: last.unwrap_or(first) }
}

/// As bad as the outcome: an error if the connection failed; a warning if it closed properly, or if the receiver
/// took what was sent and continued for some time, so that it ended for another reason.
pub(in crate::findings::causes) fn severity(
    context: &CauseContext<'_>,
    direction: Direction,
) -> Severity {
    let sides = &context.subject.state.sides;
    let is_failure = |side: Direction| {
        let code = sides.get(side).close.as_ref().and_then(|close| close.code);
        code.is_some_and(CloseCode::is_failure)
    };
    if Direction::BOTH.into_iter().any(is_failure) {
        return Severity::Error;
    }
    let receiver = sides.get(direction.reverse());
    let has_continued = || {
        let violation = sides.get(direction).fatal_violation.as_ref();
        let times = violation.zip(receiver.latest).filter(|_| receiver.went_on.is_some());
        times.is_some_and(|(violation, latest)| {
            latest.time.waited_since(violation.span.last.time) >= SOME_TIME
        })
    };
    match context.subject.ending.outcome {
        Outcome::Open | Outcome::Closed => Severity::Warning,
        _ if has_continued() => Severity::Warning,
        _ => Severity::Error,
    }
}

/// Nanoseconds after which a receiver that continues has taken what it received.
const SOME_TIME: u64 = 1_000_000_000;
