//! `wslens diagnose`: why it did not connect, why it dropped.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use super::capture::{OpenedCapture, SourceArgs, SourceKind, no_capture};
use super::check::FailOn;
use super::drive::{drive, look_ahead};
use super::failures::{Failures, extent};
use super::filter::{FilterArgs, RunInputs, named};
use super::jobs::{self, Job};
use super::join::{self, JoinArgs};
use super::output::{ColorArgs, Screen, format_parser};
use super::progress::Scrolling;
use super::{ExitStatus, Remark};
use crate::analysis::event::ConnectionId;
use crate::findings::{GroupReports, Settings};
use crate::pipeline::Pipeline;
use crate::report::check::{Extent, Files};
use crate::report::diagnose::{
    DiagnoseChoice, DiagnoseCollector, DiagnoseFormat, DiagnoseOptions, DiagnoseWriter, Diagnosis,
    LiveDiagnosis, Scope,
};
use crate::report::{Breadth, Selection};

/// Explain why connections failed or dropped, and what to do
///
/// Reports how each connection was looked up, opened, upgraded, used and closed, and how long each
/// step took. For those that failed or dropped: why, with the packets that show it, and what to
/// change. Connections without problems take one line. If FILE is a directory, all captures in it
/// are read; other files are skipped.
#[derive(Debug, clap::Args)]
#[group(id = "diagnose", skip)]
#[command(arg_required_else_help = false)]
pub(super) struct DiagnoseArgs {
    /// Captures to read, directories of captures, or - for standard input
    ///
    /// pcap or pcapng, optionally compressed with gzip or zstd; recognized by content, not by name.
    /// With -i instead, or from a pipe, the story of each connection is written when it has ended, and the
    /// summary when the capture ends: by -c, --duration or Ctrl-C.
    #[arg(value_name = "FILE", conflicts_with = "interface")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    join: JoinArgs,

    #[command(flatten)]
    source: SourceArgs,

    #[command(flatten)]
    filter: FilterArgs,

    /// Output format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser::<DiagnoseFormat>(), default_value = "text")]
    format: DiagnoseFormat,

    /// Only connections that failed or were dropped
    #[arg(long)]
    failed: bool,

    /// Only this connection, in full
    ///
    /// Its number as printed. Can be repeated.
    #[arg(long, value_name = "NUMBER")]
    connection: Vec<u64>,

    /// Do not group similar connections, and include those that are not WebSocket
    #[arg(long)]
    all: bool,

    /// Exit with code 1 if an outcome is at least this bad
    ///
    /// error: a connection failed or was dropped. warning or note: or it worked with trouble.
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = FailOn::Error)]
    fail_on: FailOn,

    #[command(flatten)]
    color: ColorArgs,
}

/// Runs `diagnose`.
///
/// # Errors
///
/// If a capture cannot be read, or not to its end, after everything else was written; if the output
/// cannot be written.
pub(super) fn run(args: &DiagnoseArgs, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
    let filter = args.filter.filter()?;
    let inputs = RunInputs { filter: filter.as_ref(), keylog: args.source.keylog()? };
    if !args.source.interfaces().is_empty() {
        return args.live(&inputs, out);
    }
    if args.files.is_empty() {
        return Err(no_capture());
    }
    let listed = join::listed(&args.files, args.join)?;
    let files = if listed.len() == 1 { Files::One } else { Files::Several };
    let mut writer: Box<dyn DiagnoseWriter> = args.format.writer(out, args.options(files));
    let mut worst = None;
    let mut captures = 0_usize;
    let mut failures = Failures::of(&args.connection);
    for job in &listed {
        let (diagnosis, error) = args.diagnose(job, files, &inputs, &mut *writer);
        captures = captures.saturating_add(usize::from(diagnosis.is_some() || error.is_some()));
        if let Some(diagnosis) = &diagnosis {
            worst = worst.max(diagnosis.worst());
            writer.file(diagnosis)?;
            failures.read(job, diagnosis.totals());
        }
        failures.record(error);
    }
    if captures == 0 {
        anyhow::bail!(
            "no capture found in {}; name a file to see why it is not one",
            jobs::in_words(&args.files)
        );
    }
    if !failures.is_unread(files) {
        writer.finish()?;
    }
    failures.answer(&args.files, args.fail_on.verdict(worst))
}

impl DiagnoseArgs {
    /// How it captures live.
    ///
    /// # Errors
    ///
    /// If a file is named.
    pub(super) fn live_source(&mut self) -> anyhow::Result<&mut SourceArgs> {
        self.source.live(&self.files)
    }

    fn options(&self, files: Files) -> DiagnoseOptions {
        let screen = Screen::of_standard_output();
        DiagnoseOptions {
            style: self.color.style(screen),
            columns: screen.columns,
            selection: Selection {
                connections: self.connection.iter().copied().map(ConnectionId).collect(),
                breadth: self.breadth(),
            },
            scope: if self.failed { Scope::Failed } else { Scope::Everything },
            files,
        }
    }

    fn breadth(&self) -> Breadth {
        if self.all { Breadth::All } else { Breadth::Relevant }
    }

    fn collector(&self, inputs: &RunInputs<'_>) -> DiagnoseCollector {
        DiagnoseCollector::new(DiagnoseChoice {
            breadth: self.breadth(),
            filter: inputs.filter.cloned(),
        })
    }

    fn pipeline(&self, inputs: &RunInputs<'_>, groups: GroupReports) -> Pipeline {
        let options = inputs.analyzer_options(self.source.decode_as());
        Pipeline::new(options, Settings { groups, ..Settings::default() })
            .with_named(named(inputs.filter, &self.connection))
    }

    /// Diagnoses one file; returns the diagnosis and the failure or remark, if any.
    ///
    /// Both are `None` for a file that was found in a directory and is not a capture.
    fn diagnose(
        &self,
        job: &Job,
        files: Files,
        inputs: &RunInputs<'_>,
        writer: &mut dyn DiagnoseWriter,
    ) -> (Option<Diagnosis>, Option<anyhow::Error>) {
        let name = job.name();
        let mut opened = match self.source.open_input(&job.input) {
            Ok(opened) => opened,
            Err(error) if job.is_guess() && jobs::is_not_a_capture(&error) => return (None, None),
            Err(error) => {
                let unread = match files {
                    Files::One => None,
                    Files::Several => {
                        let extent = Extent::Unread(format!("{error:#}"));
                        Some(self.collector(inputs).into_diagnosis(name, extent))
                    }
                };
                return (unread, Some(error));
            }
        };
        if files == Files::Several {
            // Progress bars would be mixed with the output.
            opened.length = None;
        }
        if files == Files::One && opened.kind == SourceKind::Stream && self.format.streams() {
            return self.follow(opened, name, inputs, writer);
        }
        let length = opened.length;
        let again = || {
            let again = self.source.open_again(&job.input)?;
            Some(OpenedCapture { length, ..again })
        };
        let pipeline = || self.pipeline(inputs, GroupReports::AtEnd);
        let hindsight = look_ahead(inputs.filter, again, pipeline, Scrolling::No);
        let mut collector = self.collector(inputs).with_hindsight(hindsight.clone());
        let pipeline = pipeline().with_hindsight(hindsight);
        let error = drive(opened, pipeline, Scrolling::No, &mut collector).err();
        (Some(collector.into_diagnosis(name, extent(error.as_ref()))), error)
    }

    /// Captures live until stopped.
    fn live(&self, inputs: &RunInputs<'_>, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
        let opened: OpenedCapture = self.source.open_live()?;
        let name = opened.source.name().to_owned();
        if io::stderr().is_terminal() {
            // Nothing is shown until a connection ends, which should not come as a surprise.
            let what = if self.format.streams() { "summary" } else { "report" };
            writeln!(io::stderr(), "wslens: listening on {name}; press Ctrl-C for the {what}").ok();
        }
        let mut writer: Box<dyn DiagnoseWriter> = self.format.writer(out, self.options(Files::One));
        let (diagnosis, error) = if self.format.streams() {
            self.follow(opened, name, inputs, &mut *writer)
        } else {
            let mut collector = self.collector(inputs);
            let pipeline = self.pipeline(inputs, GroupReports::AtEnd);
            let error = drive(opened, pipeline, Scrolling::No, &mut collector).err();
            (Some(collector.into_diagnosis(name, extent(error.as_ref()))), error)
        };
        let worst = diagnosis.as_ref().and_then(Diagnosis::worst);
        if let Some(diagnosis) = &diagnosis {
            writer.file(diagnosis)?;
        }
        writer.finish()?;
        match error.map(anyhow::Error::downcast::<Remark>) {
            None => Ok(self.fail_on.verdict(worst)),
            Some(Ok(remark)) => Err(remark.into()),
            Some(Err(error)) => Err(error),
        }
    }

    /// Reads what is captured now, and writes each story as soon as its connection has ended. Returns
    /// what is left to be written, and the failure or remark, if any.
    fn follow(
        &self,
        opened: OpenedCapture,
        name: String,
        inputs: &RunInputs<'_>,
        writer: &mut dyn DiagnoseWriter,
    ) -> (Option<Diagnosis>, Option<anyhow::Error>) {
        let mut diagnosis =
            LiveDiagnosis::new(self.collector(inputs), writer, self.options(Files::One));
        let pipeline = self.pipeline(inputs, GroupReports::Early);
        let error = drive(opened, pipeline, Scrolling::Yes, &mut diagnosis).err();
        (Some(diagnosis.into_diagnosis(name, extent(error.as_ref()))), error)
    }
}
