//! Findings as one JSON object a line.

use std::io::{self, Write};

use serde::Serialize;

use super::{CheckOptions, CheckWriter, ConnectionFindings, Explained, FileFindings, Files};
use crate::report::ndjson::{ExplainedSummaryLine, FoldedLine, OfFile};
use crate::text::clock::Rfc3339;

/// Writes JSON lines.
pub(super) struct CheckNdjson<'w> {
    out: &'w mut dyn Write,
    options: CheckOptions,
    clock: Rfc3339,
    line: Vec<u8>,
}

impl<'w> CheckNdjson<'w> {
    pub(super) fn new(out: &'w mut dyn Write, options: CheckOptions) -> Self {
        Self { out, options, clock: Rfc3339::default(), line: Vec::new() }
    }

    /// The name of a file, if there are several.
    fn name<'f>(&self, file: &'f str) -> Option<&'f str> {
        (self.options.files == Files::Several).then_some(file)
    }

    fn finding(&mut self, file: &str, explained: &Explained<'_>) -> io::Result<()> {
        let file = self.name(file);
        let line = OfFile { line: explained.line(&mut self.clock), file };
        write(self.out, &mut self.line, &line)
    }

    fn folded(&mut self, file: &str, suspect: &ConnectionFindings) -> io::Result<()> {
        let file = self.name(file);
        for (rule, count) in suspect.folded(self.options.least) {
            let line = OfFile { line: FoldedLine::new(rule, suspect.id, count), file };
            write(self.out, &mut self.line, &line)?;
        }
        Ok(())
    }
}

impl CheckWriter for CheckNdjson<'_> {
    fn suspect(&mut self, file: &str, suspect: &ConnectionFindings) -> io::Result<()> {
        for explained in Explained::all_of(suspect.explained(self.options.least)) {
            self.finding(file, &explained)?;
        }
        self.folded(file, suspect)
    }

    fn file(&mut self, checked: &FileFindings) -> io::Result<()> {
        for explained in checked.in_order(&self.options) {
            self.finding(&checked.file, &explained)?;
        }
        for suspect in &checked.connections {
            self.folded(&checked.file, suspect)?;
        }
        let file = self.name(&checked.file);
        let failure = checked.failure();
        let summary = ExplainedSummaryLine::new(&checked.summary);
        let line = OfFile { line: CheckSummaryLine { line: summary, failure }, file };
        write(self.out, &mut self.line, &line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The last line of a file.
#[derive(Serialize)]
struct CheckSummaryLine<'a, L> {
    #[serde(flatten)]
    line: L,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a str>,
}

/// Writes one line by way of a reused buffer.
fn write(out: &mut dyn Write, buffer: &mut Vec<u8>, line: &impl Serialize) -> io::Result<()> {
    buffer.clear();
    serde_json::to_writer(&mut *buffer, line)?;
    buffer.push(b'\n');
    out.write_all(buffer)
}
