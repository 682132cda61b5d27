//! What broke the rules, written out: collected first, then one file per format.

mod collect;
mod fold;
mod github;
mod json;
mod live;
mod ndjson;
mod places;
mod sarif;
mod text;

use std::io;
use std::net::SocketAddr;

pub use self::collect::{CheckChoice, CheckCollector};
pub use self::live::LiveCheck;
use super::OutputFormat;
use super::style::Style;
use crate::analysis::Totals;
use crate::analysis::event::ConnectionId;
use crate::findings::{Finding, Rule, Severity};
use crate::journal::{Severities, Summary};

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

/// A connection with findings.
#[derive(Debug)]
pub struct ConnectionFindings {
    id: ConnectionId,
    client: SocketAddr,
    server: SocketAddr,
    /// What its first upgrade request asked for, as sent.
    target: Option<Vec<u8>>,
    /// In the order of the packets.
    findings: Vec<Finding>,
    /// Rules that were broken more often than is reported individually, and how often.
    folded: Vec<(&'static Rule, u64)>,
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

    /// The worst severity of all findings, shown or not.
    pub fn worst(&self) -> Option<Severity> {
        let found = self.found();
        Severity::ALL.into_iter().find(|severity| found.of(*severity) > 0)
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

    /// All findings in the order of the packets, those about no packet last.
    fn in_order(&self, options: &CheckOptions) -> Vec<&Finding> {
        let mut all: Vec<&Finding> = self
            .connections
            .iter()
            .flat_map(|suspect| &suspect.findings)
            .chain(&self.capture)
            .filter(|finding| options.shows(finding.severity))
            .collect();
        all.sort_by_key(|finding| {
            let packet = finding.first.packet.0;
            (packet == 0, packet, finding.connection)
        });
        all
    }
}

impl ConnectionFindings {
    /// Whether nothing is wrong with it but what does not matter, because it has nothing to do with
    /// WebSocket.
    fn is_aside(&self) -> bool {
        let is_less = |finding: &Finding| finding.severity < finding.rule.severity;
        let is_note = |finding: &Finding| finding.severity == Severity::Note;
        self.findings.iter().any(is_less) && self.findings.iter().all(is_note)
    }

    /// The rules that were broken more often than is reported, if severe enough to be written.
    fn folded(&self, least: Severity) -> impl Iterator<Item = (&'static Rule, u64)> {
        self.folded.iter().copied().filter(move |(rule, _)| rule.severity >= least)
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
