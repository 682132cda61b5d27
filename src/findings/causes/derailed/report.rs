//! From a hypothesis to a violation.

use std::fmt::Write as _;

use super::chain::Certainty;
use super::explained::Explained;
use super::stream::DerailedStream;
use crate::analysis::event::Outcome;
use crate::findings::decoded_again;
use crate::findings::engine::context::CauseContext;
use crate::findings::engine::severity::Severity;
use crate::findings::engine::violation::Violations;
use crate::findings::words::counted;
use crate::stream::{Direction, Origin, Side, Span};
use crate::websocket::CloseCode;

/// What a hypothesis about a derailed stream yields where it holds.
type Hypothesis = fn(&DerailedStream<'_>) -> Option<Explained>;

/// Tests a hypothesis on both directions of a connection, and reports what it explains.
///
/// The first derailment of the first direction in which it holds is the violation; what is explained by the same
/// hypothesis after it, and in the other direction, is decoded again as well.
pub(in crate::findings::causes) fn test(
    context: &CauseContext<'_>,
    violations: &mut Violations,
    hypothesis: Hypothesis,
) {
    let mut first: Option<(Direction, Explained)> = None;
    for direction in Direction::BOTH {
        let window = context.subject.windows.get(direction);
        let compression = *context.connection.compression.get(direction);
        let Some(stream) = DerailedStream::of(window, direction, compression) else { continue };
        let Some(mut explained) = hypothesis(&stream) else { continue };
        let more = add_further(&stream, hypothesis, &mut explained);
        if more > 0 {
            let more = counted(more, "frame");
            // Nothing fails to be written into memory.
            let _ = write!(explained.evidence, "; the same is true of {more} after it");
        }
        match &mut first {
            None => first = Some((direction, explained)),
            Some((_, first)) => {
                first.evidence.push_str("; the same is true of the other direction");
                first.decoded_again.append(&mut explained.decoded_again);
            }
        }
    }
    let Some((direction, explained)) = first else { return };
    let span = span(context, direction, &explained);
    let violation = violations.add(explained.evidence);
    violation.direction(direction).side(Side::sender(direction)).span(span);
    violation.severity(severity(context, direction)).decoded_again(explained.decoded_again);
    if let Some(remedy) = explained.remedy {
        violation.remedy(remedy);
    }
}

/// Finds what a hypothesis explains after its first success, and adds the messages; returns how many frames it
/// explains.
fn add_further(
    stream: &DerailedStream<'_>,
    hypothesis: Hypothesis,
    explained: &mut Explained,
) -> u64 {
    let mut more = 0_u64;
    let mut next = explained.end;
    for _ in 0..MOST_FURTHER {
        let is_full = explained.decoded_again.len() >= decoded_again::MOST;
        if explained.decoded_again.is_empty() || is_full {
            break;
        }
        let Some(frame) = stream.frame(next) else { break };
        let is_right = stream.legal_frame(next).is_some()
            && stream.frame_certainty(&frame) > Certainty::default();
        let is_certain = stream.continues_after(&frame) || stream.is_end(frame.end());
        let later = || hypothesis(&stream.later(next)).filter(|it| it.start == next);
        if is_right && is_certain {
            next = frame.end();
        } else if let Some(mut later) = later().filter(|it| it.end > next) {
            more = more.saturating_add(1);
            next = later.end;
            explained.decoded_again.append(&mut later.decoded_again);
        } else if is_right && stream.legal_frame(frame.end()).is_some() {
            // The one after it may be wrong.
            next = frame.end();
        } else {
            break;
        }
    }
    more
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

/// Frames that are looked at after what is explained at most.
const MOST_FURTHER: usize = 64;

#[cfg(test)]
mod tests {
    use crate::findings::finding::Finding;
    use crate::findings::fixture::{Scenario, masked, plain};
    use crate::findings::settings::Reading;
    use crate::stream::Direction::{ClientToServer as C, ServerToClient as S};

    /// A text whose frame declares as many bytes as the text has characters.
    fn in_characters(text: &str) -> Vec<u8> {
        let mut frame = plain(0x81, text.as_bytes());
        frame[1] = u8::try_from(text.chars().count()).unwrap();
        frame
    }

    fn masked_in_characters(text: &str) -> Vec<u8> {
        let mut frame = masked(0x81, text.as_bytes());
        frame[1] = 0x80 | u8::try_from(text.chars().count()).unwrap();
        frame
    }

    fn cause(play: impl FnOnce(&mut Scenario)) -> Finding {
        let mut scenario = Scenario::new();
        play(&mut scenario);
        let found = scenario.judge(&Reading::default()).list;
        found.into_iter().find(|finding| finding.rule.is_cause()).unwrap()
    }

    fn texts(cause: &Finding) -> Vec<(crate::stream::Direction, &str)> {
        let text = |content| std::str::from_utf8(content).unwrap();
        cause.decoded_again.iter().map(|it| (it.direction, text(&it.content))).collect()
    }

    #[test]
    fn what_derails_later_in_the_same_way_is_decoded_again_as_well() {
        let frames = [
            plain(0x81, b"hello"),
            in_characters("Gr\u{fc}\u{df}e"),
            plain(0x81, b"plain words"),
            in_characters("K\u{f6}ln"),
            in_characters("sch\u{f6}n"),
            plain(0x89, b""),
            plain(0x81, b"the end"),
        ];
        let cause = cause(|scenario| {
            scenario.upgraded().server(&frames.concat()).client(&masked(0x88, b"\x03\xea"));
        });
        assert_eq!(cause.rule.id, "WHY-02");
        assert_eq!(texts(&cause), [(S, "Gr\u{fc}\u{df}e"), (S, "K\u{f6}ln"), (S, "sch\u{f6}n")]);
        assert!(cause.evidence.ends_with("; the same is true of 2 frames after it"));
        let offsets: Vec<u64> = cause.decoded_again.iter().map(|it| it.offsets[0]).collect();
        assert_eq!(cause.offset, Some(offsets[0]));
        // 9 and 13 bytes of frames are between them.
        assert_eq!([offsets[1] - offsets[0], offsets[2] - offsets[1]], [9 + 13, 7]);
    }

    #[test]
    fn both_directions_are_decoded_again() {
        let (words, end) = ("Gr\u{fc}\u{df}e aus K\u{f6}ln", "and then some more");
        let sent = [masked_in_characters(words), masked(0x81, end.as_bytes())].concat();
        let answer = [in_characters(words), plain(0x81, end.as_bytes())].concat();
        let cause = cause(|scenario| {
            scenario.upgraded().client(&sent).server(&answer).client(&masked(0x88, b"\x03\xea"));
        });
        assert_eq!((cause.rule.id, cause.direction), ("WHY-02", Some(C)));
        assert_eq!(texts(&cause), [(C, words), (S, words)]);
        assert!(cause.evidence.ends_with("; the same is true of the other direction"));
    }

    #[test]
    fn nothing_is_decoded_again_after_frames_that_make_no_sense() {
        let frames = [
            in_characters("Gr\u{fc}\u{df}e"),
            plain(0x81, b"plain words"),
            b"\xf3\x7f\x05".to_vec(),
            in_characters("K\u{f6}ln"),
        ];
        let cause = cause(|scenario| {
            scenario.upgraded().server(&frames.concat()).client(&masked(0x88, b"\x03\xea"));
        });
        assert_eq!(texts(&cause), [(S, "Gr\u{fc}\u{df}e")]);
        assert!(!cause.evidence.contains("the same is true"), "{}", cause.evidence);
    }
}
