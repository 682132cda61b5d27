//! Why connections failed or were dropped, written out: collected first, then one file per format.

mod apart;
mod cause;
mod collect;
mod counts;
mod fold;
mod groups;
mod json;
mod live;
mod ndjson;
mod story;
mod summary;
mod text;
mod unused;
mod words;

use std::io;

pub use self::cause::table;
pub use self::collect::{DiagnoseChoice, DiagnoseCollector};
use self::counts::VerdictCounts;
use self::groups::KnownGroups;
pub use self::live::LiveDiagnosis;
pub use self::story::{Story, Verdict};
use self::unused::Unused;
use super::check::{Extent, Files};
use super::style::Style;
use super::{Breadth, OutputFormat, Selection};
use crate::analysis::Totals;
use crate::analysis::event::ConnectionId;
use crate::findings::{Explains, Finding, Rule, Severity};
use crate::journal::Summary;

/// The stories of one capture.
#[derive(Debug)]
pub struct Diagnosis {
    /// The file as the user named it. A name may hold any character.
    file: String,
    extent: Extent,
    /// Those that are still to be written, by number of their connection.
    stories: Vec<Story>,
    /// All stories, those already written included.
    counts: VerdictCounts,
    /// Findings about no connection.
    capture: Vec<Finding>,
    summary: Summary,
    /// Names that were looked up for nothing; none where some connection was a WebSocket.
    unused: Vec<Unused>,
    /// What several connections show together, if the stories of some were written before.
    groups: KnownGroups,
}

impl Diagnosis {
    /// What was counted of its packets.
    pub fn totals(&self) -> &Totals {
        &self.summary.totals
    }

    /// How bad the worst outcome is, shown or not; `None` if nothing is wrong.
    pub fn worst(&self) -> Option<Severity> {
        let others = self.failures().map(|finding| finding.severity);
        self.counts.worst().into_iter().chain(others).max()
    }

    /// What failed before there was a connection.
    fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.capture.iter().filter(|finding| finding.explains() == Explains::Failure)
    }

    /// Names that did not resolve, but that may have nothing to do with a WebSocket.
    fn asides(&self) -> impl Iterator<Item = &Finding> {
        self.capture.iter().filter(|finding| {
            finding.rule.explains() == Explains::Failure && finding.explains() == Explains::Nothing
        })
    }

    /// The stories that are written.
    fn shown<'d>(&'d self, options: &'d DiagnoseOptions) -> impl Iterator<Item = &'d Story> {
        self.stories.iter().filter(|story| options.shows(story))
    }

    /// Why it was not read to its end.
    fn failure(&self) -> Option<&str> {
        match &self.extent {
            Extent::Whole => None,
            Extent::Partly(failure) | Extent::Unread(failure) => Some(failure),
        }
    }
}

/// How it is written.
#[derive(Clone, Debug)]
pub struct DiagnoseOptions {
    /// Colors.
    pub style: Style,
    /// Columns of the terminal; `None` if the output is not a terminal.
    pub columns: Option<usize>,
    /// Which connections.
    pub selection: Selection,
    /// Whether connections without trouble are written.
    pub scope: Scope,
    /// Whether there are several files, so that each is named.
    pub files: Files,
}

impl DiagnoseOptions {
    /// Whether the story of a connection is written.
    fn shows(&self, story: &Story) -> bool {
        let is_wanted = match self.scope {
            Scope::Everything => true,
            Scope::Failed => story.verdict.is_failure(),
        };
        is_wanted && self.selection.has(story.connection.id)
    }

    /// Whether similar connections are reported as one.
    fn folding(&self) -> Breadth {
        if self.selection.connections.is_empty() { self.selection.breadth } else { Breadth::All }
    }
}

/// Whether connections without trouble are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Scope {
    /// They are, in a line each.
    #[default]
    Everything,
    /// Only connections that failed or were dropped.
    Failed,
}

/// An output format of stories.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DiagnoseFormat {
    /// Paragraphs for people.
    #[default]
    Text,
    /// One JSON object a line.
    Ndjson,
    /// One JSON document.
    Json,
}

impl OutputFormat for DiagnoseFormat {
    const TABLE: &'static [(Self, &'static str, &'static str)] = &[
        (Self::Text, "text", "paragraphs for people"),
        (Self::Ndjson, "ndjson", "one JSON object per line, for programs"),
        (Self::Json, "json", "one JSON document, for programs"),
    ];
}

impl DiagnoseFormat {
    /// Whether stories can be written as soon as they are known.
    pub fn streams(self) -> bool {
        match self {
            Self::Text | Self::Ndjson => true,
            Self::Json => false,
        }
    }

    /// Makes a writer.
    pub fn writer<'w>(
        self,
        out: &'w mut dyn io::Write,
        options: DiagnoseOptions,
    ) -> Box<dyn DiagnoseWriter + 'w> {
        match self {
            Self::Text => Box::new(text::DiagnoseText::new(out, options)),
            Self::Ndjson => Box::new(ndjson::DiagnoseNdjson::new(out, options)),
            Self::Json => Box::new(json::DiagnoseJson::new(out, options)),
        }
    }
}

/// Something that became known of connections after their stories were written.
#[derive(Debug)]
pub struct StoryUpdate<'a> {
    /// The connections.
    connections: Vec<ConnectionId>,
    /// The story of the first of them as it is now; `None` if it is no longer remembered.
    story: Option<&'a Story>,
    /// What was found; `None` if only the verdict has changed.
    finding: Option<&'a Finding>,
    /// The cause that does not hold, if that is what became known.
    withdrawn: Option<&'static Rule>,
    /// The numbers of the connections that are one story with them, as far as is known; empty if none are.
    group: Vec<u64>,
}

/// Writes stories, file by file.
pub trait DiagnoseWriter {
    /// Writes the story of a connection that has ended, before the rest of its file. `group` are the numbers of
    /// the connections that are one story with it, as far as is known; it is empty if it is alone.
    ///
    /// Only formats that [stream](DiagnoseFormat::streams) are asked for it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn story(&mut self, story: &Story, group: &[u64]) -> io::Result<()>;

    /// Writes what became known after a story was written; as [`story`](Self::story).
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn update(&mut self, update: &StoryUpdate<'_>) -> io::Result<()>;

    /// Hands over what is buffered.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn flush(&mut self) -> io::Result<()>;

    /// Writes all that is left of one file.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn file(&mut self, diagnosis: &Diagnosis) -> io::Result<()>;

    /// Writes what follows the last file, and flushes.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn finish(&mut self) -> io::Result<()>;
}

#[cfg(test)]
mod tests;
