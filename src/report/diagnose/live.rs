//! Stories of a capture that continues, written as soon as their connections have ended.

use std::collections::VecDeque;
use std::io;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use super::collect::STORY_WITH_HISTORY;
use super::counts::{StoryResult, VerdictCounts};
use super::groups::{GroupName, KnownGroups};
use super::story::Story;
use super::{DiagnoseCollector, DiagnoseOptions, DiagnoseWriter, Diagnosis, Extent, StoryUpdate};
use crate::analysis::event::{Connection, ConnectionId};
use crate::findings::{
    ExcludedCause, Explains, Finding, RelatedConnections, Revision, Severity, WithdrawnCause,
};
use crate::journal::{Entry, EntryKind, Found, Journal, Summary};
use crate::report::Report;
use crate::report::alike::alike;
use crate::stream::{Direction, Timestamp};
use crate::websocket::Frame;

/// Writes each story when its connection has ended; what becomes known later refers to the stories that
/// were written.
pub struct LiveDiagnosis<'a> {
    collector: DiagnoseCollector,
    writer: &'a mut dyn DiagnoseWriter,
    options: DiagnoseOptions,
    /// Connections that have not ended.
    open: HashSet<ConnectionId>,
    written: WrittenStories,
    counts: VerdictCounts,
    /// Stories that are to be written.
    ready: Vec<Story>,
    /// What was found on connections whose stories were written.
    late: Vec<Finding>,
    /// Causes of such connections that do not hold.
    withdrawn: Vec<WithdrawnCause>,
    groups: KnownGroups,
    /// Whether findings on such connections may be more or less bad than they seemed.
    is_revised: bool,
    /// Connections whose stories come to something else by that.
    changed: Vec<ConnectionId>,
    is_pending: bool,
}

/// The latest stories that were written: what becomes known later may change them.
#[derive(Debug)]
struct WrittenStories {
    by_id: HashMap<ConnectionId, WrittenStory>,
    /// In the order in which they were written.
    order: VecDeque<ConnectionId>,
    /// The highest number of those that were let go.
    forgotten: Option<ConnectionId>,
    /// Memory taken by their findings, in bytes.
    findings: usize,
}

/// A story that was written, unless the options exclude it.
#[derive(Debug)]
struct WrittenStory {
    story: Story,
    /// As what it was counted.
    counted: StoryResult,
    is_shown: bool,
}

impl<'a> LiveDiagnosis<'a> {
    /// Makes a report that has seen nothing.
    pub fn new(
        collector: DiagnoseCollector,
        writer: &'a mut dyn DiagnoseWriter,
        options: DiagnoseOptions,
    ) -> Self {
        Self {
            collector,
            writer,
            options,
            open: HashSet::new(),
            written: WrittenStories::new(),
            counts: VerdictCounts::default(),
            ready: Vec::new(),
            late: Vec::new(),
            withdrawn: Vec::new(),
            groups: KnownGroups::default(),
            is_revised: false,
            changed: Vec::new(),
            is_pending: false,
        }
    }

    /// Ends the capture: gives what is still to be written, and counts all stories.
    pub fn into_diagnosis(self, file: String, extent: Extent) -> Diagnosis {
        let groups = self.groups;
        Diagnosis { groups, ..self.collector.into_rest(file, extent, self.counts) }
    }

    /// Writes a story, unless the options exclude it.
    fn story(&mut self, story: Story) -> io::Result<()> {
        let counted = StoryResult::of(&story);
        self.counts.add(counted);
        let is_shown = self.options.shows(&story);
        if is_shown {
            self.is_pending = true;
            self.writer.story(&story, self.groups.members(story.group()))?;
        }
        self.written.add(WrittenStory { story, counted, is_shown });
        Ok(())
    }

    /// Writes what was found on connections whose stories were written, the same finding once.
    fn late(&mut self) -> io::Result<()> {
        let mut late = std::mem::take(&mut self.late);
        while let Some(finding) = late.first().cloned() {
            let is_same =
                |it: &Finding| it.rule.id == finding.rule.id && it.evidence == finding.evidence;
            let ids: Vec<ConnectionId> =
                late.iter().filter(|it| is_same(it)).filter_map(|it| it.connection).collect();
            late.retain(|it| !is_same(it));
            self.found(&finding, ids)?;
        }
        Ok(())
    }

    /// Writes a finding about connections whose stories were written.
    fn found(&mut self, finding: &Finding, ids: Vec<ConnectionId>) -> io::Result<()> {
        let mut connections = Vec::new();
        for id in ids {
            if self.recount(id)? == Mention::Due {
                connections.push(id);
            }
        }
        let Some(first) = connections.first() else { return Ok(()) };
        let story = self.written.by_id.get(first).map(|written| &written.story);
        let speaks = match story {
            Some(story) => story.causes().iter().any(|cause| cause.rule.id == finding.rule.id),
            None => finding.explains() != Explains::Nothing,
        };
        if speaks || finding.severity >= Severity::Warning {
            self.is_pending = true;
            self.writer.update(&StoryUpdate {
                connections,
                story,
                finding: Some(finding),
                withdrawn: None,
                group: self.groups.members(GroupName::of(finding)).to_vec(),
            })?;
        }
        Ok(())
    }

    /// Writes which stories come to something else, because it became known whether their connections
    /// have to do with WebSocket.
    fn changed(&mut self) -> io::Result<()> {
        let mut changed = Vec::new();
        for id in std::mem::take(&mut self.changed) {
            if self.recount(id)? == Mention::Due {
                changed.push(id);
            }
        }
        let stories = changed.iter().filter_map(|id| Some(&self.written.by_id.get(id)?.story));
        for stories in alike(stories, |story| (story.verdict, &story.words)) {
            self.is_pending = true;
            self.writer.update(&StoryUpdate {
                connections: stories.iter().map(|story| story.connection.id).collect(),
                story: stories.first().copied(),
                finding: None,
                withdrawn: None,
                group: Vec::new(),
            })?;
        }
        Ok(())
    }

    /// Writes which causes do not hold that were written, unless something else was found instead just now.
    fn withdrawn(&mut self, replaced: &[ConnectionId]) -> io::Result<()> {
        let mut mentioned = Vec::new();
        for withdrawn in std::mem::take(&mut self.withdrawn) {
            let id = withdrawn.connection;
            if !replaced.contains(&id) && self.recount(id)? == Mention::Due {
                mentioned.push((withdrawn.rule, id));
            }
        }
        let now = |(rule, id)| (rule, id, self.written.by_id.get(&id));
        for alike in alike(mentioned.into_iter().map(now), |(rule, _, written)| {
            (rule.id, written.map(|it| (it.story.verdict, it.story.words.clone())))
        }) {
            let Some((rule, _, first)) = alike.first().copied() else { continue };
            self.is_pending = true;
            self.writer.update(&StoryUpdate {
                connections: alike.iter().map(|(_, id, _)| *id).collect(),
                story: first.map(|written| &written.story),
                finding: None,
                withdrawn: Some(rule),
                group: Vec::new(),
            })?;
        }
        Ok(())
    }

    /// Takes a cause back that does not hold.
    fn withdraw(&mut self, withdrawn: WithdrawnCause) {
        let WithdrawnCause { connection, rule } = withdrawn;
        self.groups.remove(connection, rule);
        let Some(written) = self.written.by_id.get_mut(&connection) else {
            return self.collector.withdraw(connection, rule);
        };
        let freed = written.story.withdraw(rule);
        self.written.findings = self.written.findings.saturating_sub(freed);
        self.withdrawn.push(withdrawn);
    }

    /// Counts a story as what it comes to now. Writes it if only now the options include it.
    fn recount(&mut self, id: ConnectionId) -> io::Result<Mention> {
        let Some(written) = self.written.by_id.get_mut(&id) else {
            let is_wanted = self.options.selection.has(id);
            return Ok(if is_wanted { Mention::Due } else { Mention::None });
        };
        let result = StoryResult::of(&written.story);
        self.counts.remove(std::mem::replace(&mut written.counted, result));
        self.counts.add(result);
        if written.is_shown {
            return Ok(Mention::Due);
        }
        if self.options.shows(&written.story) {
            written.is_shown = true;
            self.is_pending = true;
            let group = self.groups.members(written.story.group());
            self.writer.story(&written.story, group)?;
        }
        Ok(Mention::None)
    }

    /// Judges the written stories again, and remembers which of them come to something else.
    fn relate(&mut self, related: &RelatedConnections) {
        for id in &self.written.order {
            let Some(written) = self.written.by_id.get_mut(id) else { continue };
            written.story.relate(related);
            if written.story.verdict != written.counted.verdict {
                self.changed.push(*id);
            }
        }
    }
}

/// Whether something is to be written about a story.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mention {
    /// It was written before.
    Due,
    /// The options exclude it, or it was written just now.
    None,
}

impl WrittenStories {
    fn new() -> Self {
        Self { by_id: HashMap::new(), order: VecDeque::new(), forgotten: None, findings: 0 }
    }

    fn add(&mut self, written: WrittenStory) {
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            let memory = self.by_id.remove(&oldest).map(|it| it.story.memory_of_findings());
            self.findings = self.findings.saturating_sub(memory.unwrap_or_default());
            self.forgotten = self.forgotten.max(Some(oldest));
        }
        let id = written.story.connection.id;
        self.findings = self.findings.saturating_add(written.story.memory_of_findings());
        self.order.push_back(id);
        self.by_id.insert(id, written);
    }

    fn kept(&self) -> usize {
        self.order.len().saturating_mul(STORY_WITH_HISTORY).saturating_add(self.findings)
    }
}

impl Journal for LiveDiagnosis<'_> {
    fn entry(&mut self, entry: &Entry<'_>) {
        if let Some(connection) = entry.connection {
            match entry.kind {
                EntryKind::Opened => drop(self.open.insert(connection.id)),
                EntryKind::Ended { .. } => drop(self.open.remove(&connection.id)),
                _ => {}
            }
        }
        self.collector.entry(entry);
    }

    fn takes_frame(&self, frame: &Frame) -> bool {
        self.collector.takes_frame(frame)
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        self.collector.frame_started(connection, direction, frame);
    }

    fn finding(&mut self, found: &Found) {
        let finding = &found.finding;
        self.groups.add(finding);
        let Some(id) = finding.connection.filter(|id| !self.open.contains(id)) else {
            return self.collector.finding(found);
        };
        if let Some(written) = self.written.by_id.get_mut(&id) {
            self.written.findings = self.written.findings.saturating_add(finding.memory());
            written.story.add(finding);
            self.late.push(finding.clone());
        } else if self.written.forgotten.is_some_and(|last| id <= last) {
            self.late.push(finding.clone());
        } else if self.collector.knows(id) {
            self.collector.finding(found);
        }
    }

    fn excluded(&mut self, connection: ConnectionId, excluded: &[ExcludedCause]) {
        self.collector.excluded(connection, excluded);
    }

    fn revised(&mut self, revision: Revision) {
        match revision.withdrawn {
            Some(withdrawn) => self.withdraw(withdrawn),
            None => self.is_revised = true,
        }
    }

    fn related(&mut self, related: &RelatedConnections) {
        for mut story in self.collector.take() {
            story.relate(related);
            self.ready.push(story);
        }
        if std::mem::take(&mut self.is_revised) {
            self.relate(related);
        }
    }

    fn kept(&self) -> usize {
        let open = self.open.len().saturating_mul(size_of::<ConnectionId>());
        [self.collector.kept(), self.written.kept(), self.groups.memory()]
            .into_iter()
            .fold(open, usize::saturating_add)
    }
}

impl Report for LiveDiagnosis<'_> {
    fn start(&mut self, first: Timestamp) {
        self.collector.start(first);
    }

    fn check(&mut self) -> io::Result<()> {
        for story in std::mem::take(&mut self.ready) {
            self.story(story)?;
        }
        let replaced: Vec<ConnectionId> = self.late.iter().filter_map(|it| it.connection).collect();
        if !self.late.is_empty() {
            self.late()?;
        }
        if !self.withdrawn.is_empty() {
            self.withdrawn(&replaced)?;
        }
        self.changed.retain(|id| !replaced.contains(id));
        if !self.changed.is_empty() {
            self.changed()?;
        }
        Ok(())
    }

    fn is_pending(&self) -> bool {
        self.is_pending
    }

    fn flush(&mut self) -> io::Result<()> {
        self.is_pending = false;
        self.writer.flush()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.collector.finish(summary)?;
        self.relate(&summary.related);
        self.check()
    }
}

/// How many written stories are remembered. What belongs together is usually found within moments; of
/// older ones, only the numbers are known.
const REMEMBERED: usize = 1 << 10;

#[cfg(test)]
mod tests;
