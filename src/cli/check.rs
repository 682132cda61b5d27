//! `wslens check`: what breaks the rules.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;

use super::ExitStatus;
use super::capture::{OpenedCapture, SourceArgs, SourceKind, no_capture};
use super::drive::drive;
use super::failures::{Failures, extent};
use super::filter::{FilterArgs, RunInputs};
use super::jobs::{self, Job};
use super::output::{ColorArgs, Screen, format_parser};
use super::progress::Scrolling;
use crate::analysis::event::ConnectionId;
use crate::findings::{RuleName, Settings, Severity};
use crate::pipeline::Pipeline;
use crate::report::Selection;
use crate::report::check::{
    CheckFormat, CheckOptions, Checked, Choice, Collector, Explanations, Files, LiveCheck,
};
use crate::timeline::filter::Filter;

/// Find what breaks the rules, and say what to do
///
/// Judges handshakes, frames, messages and closes against RFC 6455 and RFC 7692, connection by
/// connection: what is wrong, where, whose fault it is, and what to look at. wslens rules lists what
/// is judged. Of a folder, the captures in it are read.
#[derive(Debug, clap::Args)]
#[group(id = "check", skip)]
#[command(arg_required_else_help = false)]
pub(super) struct CheckArgs {
    /// Captures to read, folders of captures, or - for standard input
    ///
    /// pcap or pcapng, also compressed with gzip or zstd, told by their content and not by their
    /// names. What is no capture in a folder is passed over.
    #[arg(value_name = "FILE", conflicts_with = "interface")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    source: SourceArgs,

    #[command(flatten)]
    filter: FilterArgs,

    /// Output format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser::<CheckFormat>(), default_value = "text")]
    format: CheckFormat,

    /// Exit with code 1 from this severity on
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = FailOn::Error)]
    fail_on: FailOn,

    /// Judge by these rules only
    ///
    /// Ids or groups, separated by commas: WS-F01,HS,CAP.
    #[arg(long, value_name = "RULES", value_delimiter = ',', value_parser = rule_name)]
    only: Vec<RuleName>,

    /// Do not judge by these rules
    ///
    /// Ids or groups, separated by commas: WS-F01,HS,CAP.
    #[arg(long, value_name = "RULES", value_delimiter = ',', value_parser = rule_name)]
    ignore: Vec<RuleName>,

    /// Least severity that is shown
    ///
    /// What is not shown is counted all the same.
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = Least::Note)]
    severity: Least,

    /// Explain the rules at length
    #[arg(long)]
    explain: bool,

    /// Findings of one rule on one connection that are shown; further ones are counted
    #[arg(long, value_name = "NUMBER", default_value_t = Settings::default().each)]
    each: u64,

    /// Payload bytes from which on a frame or message is too large (WS-F14)
    #[arg(long, value_name = "BYTES", default_value_t = Settings::default().message_bytes)]
    max_message: u64,

    /// Only this connection
    ///
    /// Its number as printed. May be given several times.
    #[arg(long, value_name = "NUMBER")]
    connection: Vec<u64>,

    /// Captures that are read at a time; as many as there are processors unless given
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<usize>,

    #[command(flatten)]
    color: ColorArgs,
}

/// From which severity on the exit code tells.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum FailOn {
    /// a MUST is broken, or a connection failed
    Error,
    /// trouble is likely
    Warning,
    /// anything was found
    Note,
    /// not at all
    Never,
}

impl FailOn {
    /// The exit code where `worst` is the worst of what was found.
    pub(super) fn verdict(self, worst: Option<Severity>) -> ExitStatus {
        let least = match self {
            Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Note => Severity::Note,
            Self::Never => return ExitStatus::Fine,
        };
        if worst.is_some_and(|worst| worst >= least) {
            ExitStatus::Findings
        } else {
            ExitStatus::Fine
        }
    }
}

/// From which severity on findings are shown.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Least {
    /// a MUST is broken, or a connection failed
    Error,
    /// trouble is likely
    Warning,
    /// worth knowing; nobody is wrong
    Note,
}

/// Runs `check`.
///
/// # Errors
///
/// When a capture cannot be read, or not to its end, after everything else was written; when the
/// output cannot be written.
pub(super) fn run(args: &CheckArgs, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
    let filter = args.filter.filter()?;
    let inputs = RunInputs { filter: filter.as_ref(), keylog: args.source.keylog()? };
    if !args.source.interfaces().is_empty() {
        return args.live(&inputs, out);
    }
    if args.files.is_empty() {
        return Err(no_capture());
    }
    let listed = jobs::list(&args.files)?;
    if args.source.is_recorded() && listed.len() > 1 {
        anyhow::bail!("-w writes the packets of one capture; there are {}", listed.len());
    }
    let files = if listed.len() == 1 { Files::One } else { Files::Several };
    let mut writer = args.format.writer(out, args.options(files));
    let mut worst = None;
    let mut captures = 0_usize;
    let mut failures = Failures::default();
    let threads = args.jobs.unwrap_or_else(jobs::processors);
    jobs::run(
        &listed,
        threads,
        |job| args.check(job, files, &inputs),
        |outcome| {
            captures = captures.saturating_add(usize::from(!outcome.is_passed_over()));
            if let Some(checked) = &outcome.checked {
                worst = worst.max(checked.worst());
                writer.file(checked)?;
            }
            failures.record(outcome.error);
            anyhow::Ok(())
        },
    )?;
    if captures == 0 {
        anyhow::bail!(
            "there is no capture in {}; name a file to know why",
            jobs::in_words(&args.files)
        );
    }
    if failures.is_unread(files) {
        // Nothing was read: there is nothing to sum up.
        return failures.answer(args.fail_on.verdict(worst));
    }
    writer.finish()?;
    failures.answer(args.fail_on.verdict(worst))
}

impl CheckArgs {
    fn options(&self, files: Files) -> CheckOptions {
        let screen = Screen::of_standard_output();
        CheckOptions {
            style: self.color.style(screen),
            columns: screen.columns,
            explanations: if self.explain { Explanations::Full } else { Explanations::Brief },
            least: match self.severity {
                Least::Error => Severity::Error,
                Least::Warning => Severity::Warning,
                Least::Note => Severity::Note,
            },
            files,
        }
    }

    fn collector(&self, filter: Option<&Filter>) -> Collector {
        let connections = self.connection.iter().copied().map(ConnectionId).collect();
        Collector::new(Choice {
            only: self.only.clone(),
            ignore: self.ignore.clone(),
            selection: Selection { connections, ..Selection::default() },
            filter: filter.cloned(),
        })
    }

    fn pipeline(&self, inputs: &RunInputs<'_>) -> Pipeline {
        let options = inputs.analyzer_options(self.source.decode_as());
        let settings =
            Settings { each: self.each, message_bytes: self.max_message, ..Settings::default() };
        Pipeline::new(options, settings)
    }

    /// Checks one file, on whatever thread.
    fn check(&self, job: &Job, files: Files, inputs: &RunInputs<'_>) -> FileResult {
        let name = job.name();
        let mut opened = match self.source.open_file(&job.path) {
            Ok(opened) => opened,
            Err(error) if job.is_guess() && jobs::is_no_capture(&error) => {
                return FileResult { checked: None, error: None };
            }
            Err(error) => {
                let checked = match files {
                    Files::One => None,
                    Files::Several => Some(Checked::unread(name, format!("{error:#}"))),
                };
                return FileResult { checked, error: Some(error) };
            }
        };
        if files == Files::Several {
            // Several bars at a time would overwrite one another.
            opened.length = None;
        }
        let mut collector = self.collector(inputs.filter);
        let outcome = drive(opened, self.pipeline(inputs), Scrolling::No, &mut collector);
        let error = outcome.err();
        FileResult { checked: Some(collector.into_checked(name, extent(error.as_ref()))), error }
    }

    /// Captures live: what is found is told as soon as it is known, where the format allows.
    fn live(&self, inputs: &RunInputs<'_>, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
        let opened: OpenedCapture = self.source.open_live()?;
        debug_assert_eq!(opened.kind, SourceKind::Live);
        let writer = self.format.writer(out, self.options(Files::One));
        let name = opened.source.name().to_owned();
        let mut living = LiveCheck::new(&name, self.collector(inputs.filter), writer, self.format);
        let outcome = drive(opened, self.pipeline(inputs), Scrolling::Yes, &mut living);
        let worst = living.end(extent(outcome.as_ref().err()))?;
        outcome.map(|()| self.fail_on.verdict(worst))
    }
}

/// What became of one file.
struct FileResult {
    /// `None` where there is nothing to be written.
    checked: Option<Checked>,
    /// Why it was not read, or not to its end; or a [`Remark`](super::Remark) about it.
    error: Option<anyhow::Error>,
}

impl FileResult {
    /// Whether it is no capture, and nobody failures that it was one.
    fn is_passed_over(&self) -> bool {
        self.checked.is_none() && self.error.is_none()
    }
}

/// Reads the name of a rule or of a group.
pub(super) fn rule_name(text: &str) -> Result<RuleName, String> {
    RuleName::parse(text.trim()).map_err(|unknown| {
        format!("no rule and no group of rules is called so; the nearest is '{}'", unknown.nearest)
    })
}
