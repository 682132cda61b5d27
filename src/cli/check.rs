//! `wslens check`: what breaks the rules.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;

use super::ExitStatus;
use super::capture::{OpenedCapture, SourceArgs, SourceKind, no_capture};
use super::drive::{drive, look_ahead};
use super::failures::{Failures, extent};
use super::filter::{FilterArgs, RunInputs, named};
use super::jobs::{self, Job};
use super::join::{self, JoinArgs};
use super::output::{ColorArgs, Screen, format_parser};
use super::progress::Scrolling;
use crate::analysis::event::ConnectionId;
use crate::findings::{GroupReports, RuleName, Settings, Severity};
use crate::pipeline::Pipeline;
use crate::report::Selection;
use crate::report::check::{
    CheckChoice, CheckCollector, CheckFormat, CheckOptions, Explanations, FileFindings, Files,
    LiveCheck,
};
use crate::timeline::filter::Filter;

/// Find broken rules, and what to do about them
///
/// Checks handshakes, frames, messages and closes against RFC 6455 and RFC 7692. For each
/// connection it reports what is wrong, where, which side is at fault, and what to do. If a cause
/// (WHY-nn) explains several findings, it comes first and they are listed as its consequences, which
/// are not counted again. wslens rules lists rules and causes. If FILE is a directory, all captures
/// in it are read; other files are skipped. In text, similar findings of three or more connections
/// are shown once, unless captured live.
#[derive(Debug, clap::Args)]
#[group(id = "check", skip)]
#[command(arg_required_else_help = false)]
pub(super) struct CheckArgs {
    /// Captures to read, directories of captures, or - for standard input
    ///
    /// pcap or pcapng, optionally compressed with gzip or zstd; recognized by content, not by name.
    #[arg(value_name = "FILE", conflicts_with = "interface")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    join: JoinArgs,

    #[command(flatten)]
    source: SourceArgs,

    #[command(flatten)]
    filter: FilterArgs,

    /// Output format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser::<CheckFormat>(), default_value = "text")]
    format: CheckFormat,

    /// Exit with code 1 if there is a finding or cause of at least this severity
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = FailOn::Error)]
    fail_on: FailOn,

    /// Check only these rules
    ///
    /// Ids or groups, separated by commas: WS-F01,HS,CAP.
    #[arg(long, value_name = "RULES", value_delimiter = ',', value_parser = rule_name)]
    only: Vec<RuleName>,

    /// Do not check these rules
    ///
    /// Ids or groups, separated by commas: WS-F01,HS,CAP.
    #[arg(long, value_name = "RULES", value_delimiter = ',', value_parser = rule_name)]
    ignore: Vec<RuleName>,

    /// Show only findings of at least this severity
    ///
    /// Findings that are not shown are still counted.
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = Least::Note)]
    severity: Least,

    /// Explain the rules in full
    #[arg(long)]
    explain: bool,

    /// Show at most this many findings of a rule per connection; further ones are only counted
    #[arg(long, value_name = "NUMBER", default_value_t = Settings::default().each)]
    each: u64,

    /// Report frames and messages with more payload bytes than this (WS-F14)
    #[arg(long, value_name = "BYTES", default_value_t = Settings::default().message_bytes)]
    max_message: u64,

    /// Only this connection
    ///
    /// Its number as printed. Can be repeated.
    #[arg(long, value_name = "NUMBER")]
    connection: Vec<u64>,

    /// Number of captures read in parallel; by default the number of processors
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<usize>,

    #[command(flatten)]
    color: ColorArgs,
}

/// The least severity that sets the exit code.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum FailOn {
    /// a MUST is violated, or a connection failed
    Error,
    /// trouble is likely
    Warning,
    /// any finding
    Note,
    /// never
    Never,
}

impl FailOn {
    /// The exit status if `worst` is the worst severity found.
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

/// The least severity that is shown.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Least {
    /// a MUST is violated, or a connection failed
    Error,
    /// trouble is likely
    Warning,
    /// worth knowing; nothing is wrong
    Note,
}

/// Runs `check`.
///
/// # Errors
///
/// If a capture cannot be read, or not to its end, after everything else was written; if the output
/// cannot be written.
pub(super) fn run(args: &CheckArgs, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
    let filter = args.filter.filter()?;
    let inputs = RunInputs { filter: filter.as_ref(), keylog: args.source.keylog()? };
    if !args.source.interfaces().is_empty() {
        return args.live(&inputs, out);
    }
    if args.files.is_empty() {
        return Err(no_capture());
    }
    let listed = join::listed(&args.files, args.join)?;
    if args.source.is_recorded() && listed.len() > 1 {
        anyhow::bail!("-w writes the packets of one capture, but {} are given", listed.len());
    }
    let files = if listed.len() == 1 { Files::One } else { Files::Several };
    let mut writer = args.format.writer(out, args.options(files));
    let mut worst = None;
    let (mut captures, mut number) = (0_usize, 0_usize);
    let mut failures = Failures::of(&args.connection);
    let threads = args.jobs.unwrap_or_else(jobs::processors);
    jobs::run(
        &listed,
        threads,
        |job| args.check(job, files, &inputs),
        |outcome| {
            let read = number;
            number = number.saturating_add(1);
            captures = captures.saturating_add(usize::from(!outcome.is_passed_over()));
            if let Some(checked) = &outcome.checked {
                worst = worst.max(checked.worst());
                writer.file(checked)?;
                if let Some(job) = listed.get(read) {
                    failures.read(job, checked.totals());
                }
            }
            failures.record(outcome.error);
            anyhow::Ok(())
        },
    )?;
    if captures == 0 {
        anyhow::bail!(
            "no capture found in {}; name a file to see why it is not one",
            jobs::in_words(&args.files)
        );
    }
    if failures.is_unread(files) {
        // Nothing was read, so there is no summary.
        return failures.answer(&args.files, args.fail_on.verdict(worst));
    }
    writer.finish()?;
    failures.answer(&args.files, args.fail_on.verdict(worst))
}

impl CheckArgs {
    /// How it captures live.
    ///
    /// # Errors
    ///
    /// If a file is named.
    pub(super) fn live_source(&mut self) -> anyhow::Result<&mut SourceArgs> {
        self.source.live(&self.files)
    }

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

    fn collector(&self, filter: Option<&Filter>) -> CheckCollector {
        let connections = self.connection.iter().copied().map(ConnectionId).collect();
        CheckCollector::new(CheckChoice {
            only: self.only.clone(),
            ignore: self.ignore.clone(),
            selection: Selection { connections, ..Selection::default() },
            filter: filter.cloned(),
        })
    }

    fn pipeline(&self, inputs: &RunInputs<'_>, groups: GroupReports) -> Pipeline {
        let options = inputs.analyzer_options(self.source.decode_as());
        let settings = Settings {
            each: self.each,
            message_bytes: self.max_message,
            groups,
            ..Settings::default()
        };
        Pipeline::new(options, settings).with_named(named(inputs.filter, &self.connection))
    }

    /// Checks one file; called on any thread.
    fn check(&self, job: &Job, files: Files, inputs: &RunInputs<'_>) -> FileResult {
        let name = job.name();
        let mut opened = match self.source.open_input(&job.input) {
            Ok(opened) => opened,
            Err(error) if job.is_guess() && jobs::is_not_a_capture(&error) => {
                return FileResult { checked: None, error: None };
            }
            Err(error) => {
                let checked = match files {
                    Files::One => None,
                    Files::Several => Some(FileFindings::unread(name, format!("{error:#}"))),
                };
                return FileResult { checked, error: Some(error) };
            }
        };
        if files == Files::Several {
            // Several progress bars would overwrite one another.
            opened.length = None;
        }
        let length = opened.length;
        let again = || {
            let again = self.source.open_again(&job.input)?;
            Some(OpenedCapture { length, ..again })
        };
        let pipeline = || self.pipeline(inputs, GroupReports::AtEnd);
        let hindsight = look_ahead(inputs.filter, again, pipeline, Scrolling::No);
        let mut collector = self.collector(inputs.filter).with_hindsight(hindsight.clone());
        let pipeline = pipeline().with_hindsight(hindsight);
        let outcome = drive(opened, pipeline, Scrolling::No, &mut collector);
        let error = outcome.err();
        FileResult { checked: Some(collector.into_checked(name, extent(error.as_ref()))), error }
    }

    /// Captures live: findings are reported as soon as they are known, if the format allows.
    fn live(&self, inputs: &RunInputs<'_>, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
        let opened: OpenedCapture = self.source.open_live()?;
        debug_assert_eq!(opened.kind, SourceKind::Live);
        let writer = self.format.writer(out, self.options(Files::One));
        let name = opened.source.name().to_owned();
        let mut living = LiveCheck::new(&name, self.collector(inputs.filter), writer, self.format);
        let groups = if self.format.streams() { GroupReports::Early } else { GroupReports::AtEnd };
        let outcome = drive(opened, self.pipeline(inputs, groups), Scrolling::Yes, &mut living);
        let worst = living.end(extent(outcome.as_ref().err()))?;
        outcome.map(|()| self.fail_on.verdict(worst))
    }
}

/// The result of checking one file.
struct FileResult {
    /// `None` if there is nothing to write.
    checked: Option<FileFindings>,
    /// Why it was not read, or not to its end, or a [`Remark`](super::Remark) about it.
    error: Option<anyhow::Error>,
}

impl FileResult {
    /// Whether it is not a capture, and was not named as one.
    fn is_passed_over(&self) -> bool {
        self.checked.is_none() && self.error.is_none()
    }
}

/// Reads the name of a rule or of a group.
pub(super) fn rule_name(text: &str) -> Result<RuleName, String> {
    RuleName::parse(text.trim()).map_err(|unknown| {
        format!("unknown rule or group '{}'; did you mean '{}'?", text.trim(), unknown.nearest)
    })
}
