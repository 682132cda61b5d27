//! Findings as one JSON document.

use std::io::{self, Write};
use std::net::SocketAddr;

use serde::Serialize;

use super::{CheckOptions, CheckWriter, ConnectionFindings, FileFindings};
use crate::journal::{ExplainedCounts, Severities};
use crate::report::ndjson::{ExplainedFields, ExplainedSummaryLine, FindingLine, SeverityFields};
use crate::text::clock::Rfc3339;
use crate::websocket::MessageCounts;

/// Writes a document, file by file.
pub(super) struct CheckJson<'w> {
    out: &'w mut dyn Write,
    options: CheckOptions,
    clock: Rfc3339,
    total: JsonTotals,
}

/// Counters of all files.
#[derive(Default)]
struct JsonTotals {
    files: u64,
    connections: u64,
    messages: MessageCounts,
    found: Severities,
    counts: ExplainedCounts,
}

impl<'w> CheckJson<'w> {
    pub(super) fn new(out: &'w mut dyn Write, options: CheckOptions) -> Self {
        Self { out, options, clock: Rfc3339::default(), total: JsonTotals::default() }
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.total.files > 0 {
            return self.out.write_all(b",\n");
        }
        let version = env!("CARGO_PKG_VERSION");
        writeln!(self.out, r#"{{"version":{FORMAT_VERSION},"wslens":"{version}","files":["#)
    }
}

impl CheckWriter for CheckJson<'_> {
    fn suspect(&mut self, _: &str, _: &ConnectionFindings) -> io::Result<()> {
        Ok(())
    }

    fn file(&mut self, checked: &FileFindings) -> io::Result<()> {
        self.begin()?;
        let Self { clock, options, .. } = self;
        let document = CheckFileFields {
            file: &checked.file,
            failure: checked.failure(),
            connections: checked
                .connections
                .iter()
                .map(|suspect| ConnectionFields::of(suspect, options))
                .collect(),
            findings: checked.in_order(options).iter().map(|it| it.line(clock)).collect(),
            summary: ExplainedSummaryLine::new(&checked.summary),
        };
        serde_json::to_writer(&mut *self.out, &document)?;
        self.total.files = self.total.files.saturating_add(1);
        self.total.connections =
            self.total.connections.saturating_add(checked.summary.totals.connections);
        self.total.messages = self.total.messages.joined(checked.summary.messages);
        self.total.found.join(checked.found());
        self.total.counts.join(&checked.summary.explained);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.total.files == 0 {
            self.begin()?;
        }
        self.out.write_all(b"\n],\"summary\":")?;
        let summary = TotalFields {
            files: self.total.files,
            connections: self.total.connections,
            messages: self.total.messages.all(),
            control_frames: self.total.messages.control,
            findings: SeverityFields::of(self.total.found),
            explained: ExplainedFields::of(&self.total.counts),
        };
        serde_json::to_writer(&mut *self.out, &summary)?;
        self.out.write_all(b"}\n")?;
        self.out.flush()
    }
}

#[derive(Serialize)]
struct CheckFileFields<'a> {
    file: &'a str,
    /// Null where it was read.
    failure: Option<&'a str>,
    connections: Vec<ConnectionFields<'a>>,
    findings: Vec<FindingLine<'a>>,
    summary: ExplainedSummaryLine<'a>,
}

/// A connection with findings.
#[derive(Serialize)]
struct ConnectionFields<'a> {
    connection: u64,
    client: SocketAddr,
    server: SocketAddr,
    target: Option<String>,
    folded: Vec<FoldedFields<'a>>,
}

impl ConnectionFields<'_> {
    fn of(suspect: &ConnectionFindings, options: &CheckOptions) -> Self {
        let shown = suspect.folded(options.least);
        Self {
            connection: suspect.id.0,
            client: suspect.client,
            server: suspect.server,
            target: suspect.target.as_deref().map(|it| String::from_utf8_lossy(it).into_owned()),
            folded: shown.map(|(rule, count)| FoldedFields { rule: rule.id, count }).collect(),
        }
    }
}

#[derive(Serialize)]
struct FoldedFields<'a> {
    rule: &'a str,
    count: u64,
}

#[derive(Serialize)]
struct TotalFields {
    files: u64,
    connections: u64,
    /// Control frames included.
    messages: u64,
    control_frames: u64,
    findings: SeverityFields,
    #[serde(flatten)]
    explained: ExplainedFields,
}

/// Raised when a field changes its meaning; new fields do not count.
const FORMAT_VERSION: u32 = 1;
