//! Stories as one JSON object a line.

use std::io::{self, Write};

use serde::Serialize;

use super::fold::Groups;
use super::story::{Story, Verdict};
use super::unused::Unused;
use super::words::remedy;
use super::{DiagnoseOptions, DiagnoseWriter, Diagnosis, StoryUpdate, apart};
use crate::describe::phases::{Phase, start};
use crate::findings::{ExcludedCause, Finding};
use crate::report::check::Files;
use crate::report::ndjson::{
    ConnectionLine, DecodedAgainFields, FindingLine, OfFile, SummaryLine, Times, milliseconds,
};
use crate::stream::{Side, Timestamp};
use crate::text::clock::Rfc3339;

/// Writes JSON lines.
pub(super) struct DiagnoseNdjson<'w> {
    out: &'w mut dyn Write,
    options: DiagnoseOptions,
    clock: Rfc3339,
    line: Vec<u8>,
}

impl<'w> DiagnoseNdjson<'w> {
    pub(super) fn new(out: &'w mut dyn Write, options: DiagnoseOptions) -> Self {
        Self { out, options, clock: Rfc3339::default(), line: Vec::new() }
    }

    fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }
}

impl DiagnoseWriter for DiagnoseNdjson<'_> {
    fn story(&mut self, story: &Story, group: &[u64]) -> io::Result<()> {
        let times = Times::of(&story.connection, &mut self.clock);
        let line = StoryLine::new(story, group.to_vec(), &times, &mut self.clock);
        self.write(&line)
    }

    fn update(&mut self, update: &StoryUpdate<'_>) -> io::Result<()> {
        self.write(&UpdateLine::new(update))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn file(&mut self, diagnosis: &Diagnosis) -> io::Result<()> {
        let file = (self.options.files == Files::Several).then_some(diagnosis.file.as_str());
        for finding in &diagnosis.capture {
            let line = FindingLine::new(finding, &mut self.clock);
            self.write(&OfFile { line, file })?;
        }
        let options = self.options.clone();
        let groups = Groups::of(diagnosis, &options);
        for story in diagnosis.shown(&options) {
            let times = Times::of(&story.connection, &mut self.clock);
            let line = StoryLine::new(story, groups.of_story(story), &times, &mut self.clock);
            self.write(&OfFile { line, file })?;
        }
        self.write(&OfFile { line: SummaryOf::new(diagnosis), file })
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// One connection and its story, field by field in the order they are written.
#[derive(Serialize)]
pub(super) struct StoryLine<'a> {
    #[serde(flatten)]
    line: ConnectionLine<'a>,
    verdict: &'static str,
    /// The verdict in words.
    reason: &'a str,
    /// The numbers of the connections that are one story with it, its own included; empty if it is alone.
    group: Vec<u64>,
    /// The cause, then rules and causes that are independent of it.
    cause: Vec<&'static str>,
    /// Ids of the rules that were broken because of it.
    consequences: Vec<&'static str>,
    /// Who has to change something for the first cause; null if nobody is known.
    side: Option<&'static str>,
    /// What to do; null where nothing is to be done.
    remedy: Option<&'a str>,
    /// The possible reasons for the first cause, if there are several, and how to distinguish them.
    candidates: Vec<CandidateFields>,
    /// Causes that would fit, and what excludes them.
    excluded: Vec<ExcludedFields<'a>>,
    /// What `cause` rests on.
    evidence: Vec<EvidenceFields<'a>>,
    /// Ids of rules that were broken beside.
    also: Vec<&'static str>,
    phases: Vec<PhaseFields>,
}

impl<'a> StoryLine<'a> {
    pub(super) fn new(
        story: &'a Story,
        group: Vec<u64>,
        times: &'a Times,
        clock: &mut Rfc3339,
    ) -> Self {
        let causes = story.causes();
        let phases = story.phases();
        let start = start(&phases);
        Self {
            line: ConnectionLine::new(&story.connection, story.ending, times),
            verdict: story.verdict.name(),
            reason: &story.words,
            group,
            cause: causes.iter().map(|finding| finding.rule.id).collect(),
            consequences: story.consequences().into_iter().map(|rule| rule.id).collect(),
            side: causes.first().and_then(|finding| finding.side).map(Side::name),
            remedy: causes.first().map(|finding| remedy(finding, Some(story))),
            candidates: causes
                .first()
                .into_iter()
                .flat_map(|finding| apart::candidates(finding.rule.id, story.silence()))
                .map(|(cause, sign)| CandidateFields { cause, sign })
                .collect(),
            excluded: story.excluded.iter().map(ExcludedFields::new).collect(),
            evidence: causes.iter().map(|finding| EvidenceFields::new(finding)).collect(),
            also: story.asides().iter().map(|rule| rule.id).collect(),
            phases: phases.into_iter().map(|phase| PhaseFields::new(phase, start, clock)).collect(),
        }
    }
}

/// What became known of connections after their lines were written.
#[derive(Serialize)]
struct UpdateLine<'a> {
    r#type: &'static str,
    connections: Vec<u64>,
    /// As they are now: those of the first connection; null if it is no longer remembered.
    verdict: Option<&'static str>,
    reason: Option<&'a str>,
    cause: Vec<&'static str>,
    /// The cause that was reported before and does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn: Option<&'static str>,
    /// The numbers of the connections that are one story, as far as is known; empty if there are none.
    group: Vec<u64>,
    remedy: Option<&'a str>,
    evidence: Vec<EvidenceFields<'a>>,
}

impl<'a> UpdateLine<'a> {
    fn new(update: &StoryUpdate<'a>) -> Self {
        let causes = update.story.map(Story::causes).unwrap_or_default();
        let shown = update.finding.or_else(|| causes.first().copied());
        Self {
            r#type: "update",
            connections: update.connections.iter().map(|id| id.0).collect(),
            verdict: update.story.map(|story| story.verdict.name()),
            reason: update.story.map(|story| story.words.as_str()),
            cause: causes.iter().map(|finding| finding.rule.id).collect(),
            withdrawn: update.withdrawn.map(|rule| rule.id),
            group: update.group.clone(),
            remedy: shown.map(|finding| remedy(finding, update.story)),
            evidence: shown.map(EvidenceFields::new).into_iter().collect(),
        }
    }
}

/// A possible reason for a cause.
#[derive(Serialize)]
struct CandidateFields {
    cause: &'static str,
    /// What would show that it is this one.
    sign: &'static str,
}

/// A cause that does not hold.
#[derive(Serialize)]
struct ExcludedFields<'a> {
    cause: &'static str,
    because: &'a str,
}

impl<'a> ExcludedFields<'a> {
    fn new(excluded: &'a ExcludedCause) -> Self {
        Self { cause: excluded.rule.id, because: &excluded.because }
    }
}

/// A finding that explains a connection.
#[derive(Serialize)]
struct EvidenceFields<'a> {
    rule: &'static str,
    severity: &'static str,
    evidence: &'a str,
    packets: [u64; 2],
    /// What a cause makes of the bytes of a derailed stream.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    decoded_again: Vec<DecodedAgainFields<'a>>,
}

impl<'a> EvidenceFields<'a> {
    fn new(finding: &'a Finding) -> Self {
        Self {
            rule: finding.rule.id,
            severity: finding.severity.name(),
            evidence: &finding.evidence,
            packets: [finding.first.packet.0, finding.last.packet.0],
            decoded_again: finding.decoded_again.iter().map(DecodedAgainFields::of).collect(),
        }
    }
}

/// A phase of a connection.
#[derive(Serialize)]
struct PhaseFields {
    phase: &'static str,
    time: String,
    /// Since the first phase began; null if the clocks do not show it.
    since_ms: Option<f64>,
    /// Null where it did not end, or is a moment.
    duration_ms: Option<f64>,
    packets: Option<[u64; 2]>,
    text: String,
}

impl PhaseFields {
    fn new(phase: Phase, start: Timestamp, clock: &mut Rfc3339) -> Self {
        Self {
            phase: phase.label.name(),
            time: clock.text(phase.time).to_owned(),
            since_ms: phase.since(start).and_then(milliseconds),
            duration_ms: phase.took.and_then(milliseconds),
            packets: phase.packets.map(|(first, last)| [first, last]),
            text: phase.text,
        }
    }
}

/// The last line.
#[derive(Serialize)]
pub(super) struct SummaryOf<'a> {
    #[serde(flatten)]
    line: SummaryLine<'a>,
    verdicts: Verdicts,
    /// The rules that explain most, and how many connections each explains.
    causes: Vec<CauseFields>,
    /// Names that were looked up for nothing.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unused_names: &'a [Unused],
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a str>,
}

impl<'a> SummaryOf<'a> {
    pub(super) fn new(diagnosis: &'a Diagnosis) -> Self {
        let number = |verdict| diagnosis.counts.of(verdict).all;
        let mut causes: Vec<CauseFields> = Vec::new();
        let counts =
            Verdict::ALL.into_iter().flat_map(|verdict| diagnosis.counts.of(verdict).causes);
        let others = diagnosis.failures().map(|finding| (finding.rule.id, "", 1));
        for (rule, _, count) in counts.chain(others) {
            match causes.iter_mut().find(|known| known.rule == rule) {
                Some(known) => known.count = known.count.saturating_add(count),
                None => causes.push(CauseFields { rule, count }),
            }
        }
        Self {
            line: SummaryLine::new(&diagnosis.summary),
            verdicts: Verdicts {
                fine: number(Verdict::Fine),
                failed: number(Verdict::Failed),
                dropped: number(Verdict::Dropped),
                trouble: number(Verdict::Trouble),
                unknown: number(Verdict::Unknown),
                other: number(Verdict::Other),
            },
            causes,
            unused_names: &diagnosis.unused,
            failure: diagnosis.failure(),
        }
    }
}

/// Connections by verdict.
#[derive(Serialize)]
struct Verdicts {
    fine: u64,
    failed: u64,
    dropped: u64,
    trouble: u64,
    unknown: u64,
    other: u64,
}

#[derive(Serialize)]
struct CauseFields {
    rule: &'static str,
    count: u64,
}
