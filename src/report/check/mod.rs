//! What broke the rules, written out: collected first, then one file per format.

mod collect;
mod explained;
mod fold;
mod github;
mod json;
mod live;
mod ndjson;
mod places;
mod sarif;
mod text;

use std::io;

pub use self::collect::{CheckChoice, CheckCollector};
pub use self::explained::ConnectionFindings;
use self::explained::ExplainedFindings;
pub use self::live::LiveCheck;
use super::OutputFormat;
use super::ndjson::FindingLine;
use super::style::Style;
use crate::analysis::Totals;
use crate::findings::{Finding, Rule, Severity};
use crate::journal::{Severities, Summary};
use crate::text::clock::Rfc3339;

/// What was found in one capture.
#[derive(Debug)]
pub struct FileFindings {
    /// The file as the user named it. A name may hold any character.
    file: String,
    extent: Extent,
    /// Connections with findings, by number.
    connections: Vec<ConnectionFindings>,
    /// Findings about no connection.
    capture: Vec<Finding>,
    /// With what follows from causes, written before or not.
    summary: Summary,
}

/// How much of a capture was read, and why no more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Up to some damage.
    Partly(String),
    /// Nothing.
    Unread(String),
}

impl FileFindings {
    /// A file that could not be read at all.
    pub fn unread(file: String, failure: String) -> Self {
        Self {
            file,
            extent: Extent::Unread(failure),
            connections: Vec::new(),
            capture: Vec::new(),
            summary: Summary::default(),
        }
    }

    /// How many findings are reported one by one.
    pub fn count(&self) -> usize {
        let on = self.connections.iter().map(|connection| connection.findings.len());
        on.sum::<usize>().saturating_add(self.capture.len())
    }

    /// What was counted of its packets.
    pub fn totals(&self) -> &Totals {
        &self.summary.totals
    }

    /// The worst severity of all findings and causes, shown or not.
    pub fn worst(&self) -> Option<Severity> {
        self.summary.explained.worst(self.found())
    }

    /// Why it was not read, or not to its end.
    fn failure(&self) -> Option<&str> {
        match &self.extent {
            Extent::Whole => None,
            Extent::Partly(failure) | Extent::Unread(failure) => Some(failure),
        }
    }

    fn found(&self) -> Severities {
        self.summary.found.unwrap_or_default()
    }

    /// All findings in the order of the packets, those about no packet last; a cause precedes the first of its
    /// consequences.
    fn in_order(&self, options: &CheckOptions) -> Vec<Explained<'_>> {
        let mut all: Vec<_> = self
            .connections
            .iter()
            .flat_map(|of| Explained::all_of(of.explained(options.least)))
            .chain(
                self.capture.iter().filter(|it| options.shows(it.severity)).map(Explained::alone),
            )
            .map(|it| {
                let packet = it.first_packet();
                ((packet == 0, packet, it.finding.connection, it.consequences.is_none()), it)
            })
            .collect();
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, it)| it).collect()
    }
}

/// A finding, and what it follows from or explains.
#[derive(Debug)]
struct Explained<'f> {
    finding: &'f Finding,
    /// The cause that it is a consequence of.
    of: Option<&'static Rule>,
    /// Of a cause: what follows from it.
    consequences: Option<ExplainedFindings<'f>>,
}

impl<'f> Explained<'f> {
    /// One that has nothing to do with a cause.
    fn alone(finding: &'f Finding) -> Self {
        Self { finding, of: None, consequences: None }
    }

    /// What was found on a connection, the cause first, without what was written before.
    fn all_of(all: ExplainedFindings<'f>) -> Vec<Self> {
        let of = all.cause.map(|cause| cause.rule);
        let mut out: Vec<Self> = all.others.iter().copied().map(Self::alone).collect();
        let new = all.consequences.iter().filter(|it| !all.is_written(it));
        out.extend(new.map(|finding| Self { finding, of, consequences: None }));
        out.sort_by_key(|it| it.finding.first.packet);
        if let Some(finding) = all.cause.filter(|it| !all.is_written(it)) {
            out.insert(0, Self { finding, of: None, consequences: Some(all) });
        }
        out
    }

    /// Its line.
    fn line(&self, clock: &mut Rfc3339) -> FindingLine<'f> {
        let rules = self.consequences.as_ref().map(ExplainedFindings::rules);
        FindingLine::new(self.finding, clock).with_consequences(rules).following_from(self.of)
    }

    /// The first packet of the finding, or of what follows from it if that is earlier; 0 if it is about none.
    fn first_packet(&self) -> u64 {
        let consequences = self.consequences.iter().flat_map(|it| &it.consequences).copied();
        let packets = consequences.chain([self.finding]).map(|it| it.first.packet.0);
        packets.filter(|packet| *packet > 0).min().unwrap_or_default()
    }
}

/// How it is written.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// Colors.
    pub style: Style,
    /// Columns of the terminal; `None` if the output is not a terminal.
    pub columns: Option<usize>,
    /// Whether rules are explained at length.
    pub explanations: Explanations,
    /// The least severity that is written.
    pub least: Severity,
    /// Whether there are several files, so that each is named.
    pub files: Files,
}

impl CheckOptions {
    /// Whether findings of a severity are written.
    fn shows(&self, severity: Severity) -> bool {
        severity >= self.least
    }
}

/// Whether rules are explained at length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Explanations {
    /// Evidence and remedy only.
    Brief,
    /// What the standard requires and why, too.
    Full,
}

/// How many captures there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Files {
    /// One.
    One,
    /// Several: each line names its file.
    Several,
}

/// An output format of findings.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CheckFormat {
    /// Paragraphs for people.
    #[default]
    Text,
    /// One JSON object a line.
    Ndjson,
    /// One JSON document.
    Json,
    /// One SARIF document.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
}

impl OutputFormat for CheckFormat {
    const TABLE: &'static [(Self, &'static str, &'static str)] = &[
        (Self::Text, "text", "paragraphs for people"),
        (Self::Ndjson, "ndjson", "one JSON object per line, for programs"),
        (Self::Json, "json", "one JSON document, for programs"),
        (Self::Sarif, "sarif", "SARIF 2.1.0, for code scanning and editors"),
        (Self::Github, "github", "annotations of GitHub Actions"),
    ];
}

impl CheckFormat {
    /// Whether findings can be written as soon as they are known.
    pub fn streams(self) -> bool {
        match self {
            Self::Text | Self::Ndjson | Self::Github => true,
            Self::Json | Self::Sarif => false,
        }
    }

    /// Makes a writer.
    pub fn writer<'w>(
        self,
        out: &'w mut dyn io::Write,
        options: CheckOptions,
    ) -> Box<dyn CheckWriter + 'w> {
        match self {
            Self::Text => Box::new(text::CheckText::new(out, options)),
            Self::Ndjson => Box::new(ndjson::CheckNdjson::new(out, options)),
            Self::Json => Box::new(json::CheckJson::new(out, options)),
            Self::Sarif => Box::new(sarif::Sarif::new(out, options)),
            Self::Github => Box::new(github::Github::new(out, options)),
        }
    }
}

/// Writes what was found, file by file.
pub trait CheckWriter {
    /// Writes some findings on one connection of `file`, before the rest of that file.
    ///
    /// Only formats that [stream](CheckFormat::streams) are asked for it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn suspect(&mut self, file: &str, suspect: &ConnectionFindings) -> io::Result<()>;

    /// Writes all that is left of one file.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn file(&mut self, checked: &FileFindings) -> io::Result<()>;

    /// Hands over what is buffered.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn flush(&mut self) -> io::Result<()>;

    /// Writes what follows the last file, and flushes.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn finish(&mut self) -> io::Result<()>;
}

#[cfg(test)]
mod tests;
