//! Stories as one JSON document.

use std::io::{self, Write};

use serde::Serialize;

use super::fold::Groups;
use super::ndjson::{StoryLine, SummaryOf};
use super::{DiagnoseOptions, DiagnoseWriter, Diagnosis, Story, StoryUpdate};
use crate::report::ndjson::{FindingLine, Times};
use crate::text::clock::Rfc3339;

/// Writes a document, file by file.
pub(super) struct DiagnoseJson<'w> {
    out: &'w mut dyn Write,
    options: DiagnoseOptions,
    clock: Rfc3339,
    has_begun: bool,
}

impl<'w> DiagnoseJson<'w> {
    pub(super) fn new(out: &'w mut dyn Write, options: DiagnoseOptions) -> Self {
        Self { out, options, clock: Rfc3339::default(), has_begun: false }
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.has_begun {
            return self.out.write_all(b",\n");
        }
        self.has_begun = true;
        let version = env!("CARGO_PKG_VERSION");
        writeln!(self.out, r#"{{"version":{FORMAT_VERSION},"wslens":"{version}","files":["#)
    }
}

impl DiagnoseWriter for DiagnoseJson<'_> {
    fn story(&mut self, _: &Story, _: &[u64]) -> io::Result<()> {
        Ok(())
    }

    fn update(&mut self, _: &StoryUpdate<'_>) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn file(&mut self, diagnosis: &Diagnosis) -> io::Result<()> {
        self.begin()?;
        let Self { clock, options, .. } = self;
        let groups = Groups::of(diagnosis, options);
        let stories: Vec<_> = diagnosis
            .shown(options)
            .map(|story| (story, Times::of(&story.connection, clock)))
            .collect();
        let document = DiagnoseFileFields {
            file: &diagnosis.file,
            findings: diagnosis.capture.iter().map(|it| FindingLine::new(it, clock)).collect(),
            connections: stories
                .iter()
                .map(|(story, times)| StoryLine::new(story, groups.of_story(story), times, clock))
                .collect(),
            summary: SummaryOf::new(diagnosis),
        };
        serde_json::to_writer(&mut *self.out, &document)?;
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if !self.has_begun {
            self.begin()?;
        }
        self.out.write_all(b"\n]}\n")?;
        self.out.flush()
    }
}

#[derive(Serialize)]
struct DiagnoseFileFields<'a> {
    file: &'a str,
    /// Those about no connection.
    findings: Vec<FindingLine<'a>>,
    connections: Vec<StoryLine<'a>>,
    summary: SummaryOf<'a>,
}

/// Raised when a field changes its meaning; new fields do not count.
const FORMAT_VERSION: u32 = 1;
