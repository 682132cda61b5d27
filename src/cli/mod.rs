//! The command line: arguments, one file per subcommand, exit codes.

mod capture;
mod check;
mod completions;
mod diagnose;
mod drive;
mod explain;
mod failures;
mod filter;
mod help;
mod interfaces;
mod jobs;
mod live;
mod man;
mod output;
mod print;
mod progress;
mod quantity;
mod record;
mod rules;

mod signals;
mod stats;
mod usage;
mod view;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::capture::CaptureArgs;
use self::filter::FilterArgs;
use self::output::{ColorArgs, Screen};

/// Runs the program and says how it went.
///
/// What goes wrong is one line on `errors`. A reader that went away is not a failure.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = command()
        .try_get_matches_from(&arguments)
        .and_then(|matches| Args::from_arg_matches(&matches));
    let answer = match parsed {
        Ok(args) => dispatch(&args, out),
        Err(error) => usage::answer(&error, &arguments, out).map(|()| ExitStatus::Fine),
    };
    match answer {
        Ok(verdict) => verdict.into(),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done when standard error is gone, too.
            writeln!(errors, "wslens: {}", usage::one_line(&format!("{error:#}"))).ok();
            match error.downcast_ref::<Remark>() {
                Some(remark) => remark.verdict.into(),
                None => ExitCode::from(FAILURE),
            }
        }
    }
}

/// The whole command line, from which help, completions and the manual are made.
pub fn command() -> clap::Command {
    Args::command()
}

/// Analyzes WebSocket traffic in network captures.
#[derive(Debug, Parser)]
#[command(
    name = "wslens",
    version,
    about = help::ABOUT,
    long_about = help::LONG_ABOUT,
    after_help = help::AFTER,
    after_long_help = help::AFTER_LONG,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    max_term_width = help::WIDTH,
)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    capture: CaptureArgs,

    #[command(flatten)]
    filter: FilterArgs,

    #[command(flatten)]
    color: ColorArgs,

    #[command(flatten)]
    look: view::LookArgs,

    #[command(flatten)]
    spool: view::SpoolArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Print(print::PrintArgs),
    Check(check::CheckArgs),
    Diagnose(diagnose::DiagnoseArgs),
    Stats(stats::StatsArgs),
    Rules(rules::RulesArgs),
    Explain(explain::ExplainArgs),
    Interfaces(interfaces::InterfacesArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

fn dispatch(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
    match &args.command {
        Some(command) => command.run(out),
        None if args.capture.is_absent() => {
            out.write_all(help::USAGE.as_bytes())?;
            out.flush()?;
            anyhow::bail!(
                "no capture given: name a file, - for standard input, or -i INTERFACE; wslens --help explains"
            )
        }
        None => {
            let screen = Screen::of_standard_output();
            if screen.columns.is_some() {
                view::run(&args.capture, &args.filter, args.spool, (args.look, args.color))?;
            } else {
                print::show(&args.capture, &args.filter, args.color, screen, out)?;
            }
            Ok(ExitStatus::Fine)
        }
    }
}

impl Command {
    fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
        match self {
            Self::Print(args) => print::run(args, out)?,
            Self::Check(args) => return check::run(args, out),
            Self::Diagnose(args) => return diagnose::run(args, out),
            Self::Stats(args) => stats::run(args, out)?,
            Self::Rules(args) => rules::run(args, out)?,
            Self::Explain(args) => explain::run(args, out)?,
            Self::Interfaces(args) => interfaces::run(args, out)?,
            Self::Completions(args) => completions::run(args, out)?,
            Self::Man(args) => man::run(args, out)?,
        }
        Ok(ExitStatus::Fine)
    }
}

/// What the exit code tells, unless we failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ExitStatus {
    /// Nothing that was asked about.
    Fine,
    /// Findings at or above the severity that was asked about.
    Findings,
}

impl From<ExitStatus> for ExitCode {
    fn from(verdict: ExitStatus) -> Self {
        match verdict {
            ExitStatus::Fine => Self::SUCCESS,
            ExitStatus::Findings => Self::from(FINDINGS),
        }
    }
}

/// Something to say on standard error that is no failure.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Remark {
    text: String,
    verdict: ExitStatus,
}

/// Whether the reader of our output went away.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// The exit code where the user asked whether there are findings, and there are.
const FINDINGS: u8 = 1;

/// The exit code of our own failures.
const FAILURE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        command().debug_assert();
    }
}
