//! Stories as they end, and what becomes known of them later.

use std::io;

use super::{DiagnoseText, MOST_SAID, color, ids, numbers};
use crate::analysis::event::ConnectionId;
use crate::findings::Finding;
use crate::report::Breadth;
use crate::report::diagnose::fold::{LikeConnections, LikenessKey};
use crate::report::diagnose::{Story, StoryUpdate, cause};
use crate::text::role::Role;

impl DiagnoseText<'_> {
    /// Writes the story of a connection that has ended; if it is like one that was written before, its
    /// first line only.
    pub(super) fn ended(&mut self, story: &Story) -> io::Result<()> {
        let block = LikeConnections { stories: vec![story] };
        match self.like(story) {
            Some(before) => {
                self.part(false)?;
                self.heading(&block, story, &format!("like connection {}, above", before.0))
            }
            None => self.block(&block),
        }
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
        let is_detailed =
            update.finding.is_some() || update.story.is_some_and(|it| self.is_detailed(it));
        self.part(is_detailed)?;
        self.line.begin(Role::Title);
        self.line.push(&numbers(update.connections.iter().map(|id| id.0)));
        self.line.end();
        self.line.push(", above");
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
