//! Stories as they end, and what becomes known of them later.

use std::io;

use super::{DiagnoseText, LABEL, MOST_SAID, color, ids, numbers, why};
use crate::analysis::event::ConnectionId;
use crate::findings::{Finding, Rule};
use crate::report::Breadth;
use crate::report::diagnose::fold::{LikeConnections, LikenessKey};
use crate::report::diagnose::groups::GroupName;
use crate::report::diagnose::{Story, StoryUpdate, cause};
use crate::text::role::Role;

impl DiagnoseText<'_> {
    /// Writes the story of a connection that has ended; if it is like one that was written before, its
    /// first line only.
    pub(super) fn ended(&mut self, story: &Story) -> io::Result<()> {
        let block = LikeConnections { stories: vec![story] };
        let before = match story.group() {
            Some(_) => self.told_of(story),
            None => self.like(story),
        };
        if let Some(before) = before {
            return self.reference(&block, story, before);
        }
        if let Some(name) = story.group() {
            self.explained(name, story.connection.id);
        }
        self.block(&block)
    }

    /// The first line of stories; the rest is like that of a connection whose story was written before.
    pub(super) fn reference(
        &mut self,
        block: &LikeConnections<'_>,
        story: &Story,
        before: ConnectionId,
    ) -> io::Result<()> {
        self.part(false)?;
        self.heading(block, story, &format!("like connection {}, above", before.0))
    }

    /// The first line of stories, and what they show together with those that were written before.
    pub(super) fn grown(
        &mut self,
        block: &LikeConnections<'_>,
        before: ConnectionId,
    ) -> io::Result<()> {
        let Some(story) = block.first() else { return Ok(()) };
        self.reference(block, story, before)?;
        self.is_in_list = false;
        let shared = story.causes().into_iter().next();
        let words = shared.map(|cause| why(cause, ""));
        words.map_or(Ok(()), |words| self.paragraph("Why", LABEL, &words, None))
    }

    /// The connection for which it was explained before what this one shows together with others.
    pub(super) fn told_of(&self, story: &Story) -> Option<ConnectionId> {
        if self.options.folding() == Breadth::All {
            return None;
        }
        let name = story.group()?;
        self.groups.iter().find(|(known, _)| *known == name).map(|(_, of)| *of)
    }

    /// The connection for which it was explained before what several show; if there is none, it is this one.
    fn explained(&mut self, name: GroupName, id: ConnectionId) -> Option<ConnectionId> {
        if let Some((_, of)) = self.groups.iter().find(|(known, _)| *known == name) {
            return Some(*of);
        }
        if self.groups.len() >= MOST_SAID {
            self.groups.pop_front();
        }
        self.groups.push_back((name, id));
        None
    }

    /// The connection whose story was written before and is the same in all that matters.
    fn like(&mut self, story: &Story) -> Option<ConnectionId> {
        if self.options.folding() == Breadth::All || !self.is_detailed(story) {
            return None;
        }
        let key = LikenessKey::of(story);
        if let Some((_, of)) = self.told.iter().find(|(told, _)| *told == key) {
            return Some(*of);
        }
        if self.told.len() >= MOST_SAID {
            self.told.pop_front();
        }
        self.told.push_back((key, story.connection.id));
        None
    }

    /// Writes what became known of connections after their stories were written.
    pub(super) fn updated(&mut self, update: &StoryUpdate<'_>) -> io::Result<()> {
        let before = self.explained_before(update);
        let is_short = before.is_some() || update.withdrawn.is_some();
        let is_detailed = !is_short
            && (update.finding.is_some() || update.story.is_some_and(|it| self.is_detailed(it)));
        self.part(is_detailed)?;
        self.line.begin(Role::Title);
        self.line.push(&numbers(update.connections.iter().map(|id| id.0)));
        self.line.end();
        self.line.push(", above");
        if let Some(rule) = update.withdrawn {
            return self.withdrawn(update.story, rule);
        }
        if let (Some(before), Some(story)) = (before, update.story) {
            let words = format!("{}, like connection {}", story.words, before.0);
            return self.verdict(story.verdict, &words, &ids(&story.causes()));
        }
        match (update.story, update.finding) {
            (story, Some(finding)) => self.found(story, finding),
            (Some(story), None) => {
                let causes = story.causes();
                self.verdict(story.verdict, &story.words, &ids(&causes))?;
                if is_detailed { self.details(story, &causes) } else { Ok(()) }
            }
            (None, None) => self.write(),
        }
    }

    /// The connection for which it was explained before why those of an update ended, if several show it.
    fn explained_before(&mut self, update: &StoryUpdate<'_>) -> Option<ConnectionId> {
        let (story, finding) = (update.story?, update.finding?);
        let name = GroupName::of(finding).filter(|name| story.group() == Some(*name))?;
        self.explained(name, *update.connections.first()?)
    }

    /// What is left of a story without a cause that does not hold.
    fn withdrawn(&mut self, story: Option<&Story>, rule: &'static Rule) -> io::Result<()> {
        let not = format!("not {}, as what came later shows", cause::words(rule));
        let Some(story) = story else { return self.conclusion(Role::Warning, &not, rule.id) };
        let words = format!("{}; {not}", story.words);
        self.verdict(story.verdict, &words, &ids(&story.causes()))
    }

    /// What was found after the story was written, and what follows from it.
    fn found(&mut self, story: Option<&Story>, finding: &Finding) -> io::Result<()> {
        let causes = story.map(Story::causes).unwrap_or_default();
        let is = |cause: &&&Finding| cause.rule.id == finding.rule.id;
        let Some(story) = story.filter(|_| causes.first().iter().any(is)) else {
            let (role, words) = (Role::Warning, cause::words(finding.rule));
            self.conclusion(role, &format!("also: {words}"), finding.rule.id)?;
            return self.explain(&[finding], story);
        };
        self.conclusion(
            color(story.verdict),
            &format!("{}{}", story.verdict.heading(), story.words),
            &ids(&causes),
        )?;
        self.explain(&[finding], Some(story))
    }
}
