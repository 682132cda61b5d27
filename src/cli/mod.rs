//! The command line: arguments, one file per subcommand, exit codes.

mod capture;
#[cfg(test)]
mod carried;
mod check;
mod completions;
mod diagnose;
mod drive;
mod explain;
mod failures;
mod filter;
mod glob;
mod help;
mod hint;
mod input;
mod interfaces;
mod jobs;
mod join;
mod keys;
mod live;
mod man;
mod output;
mod print;
mod progress;
mod quantity;
mod record;
mod rules;
mod run;
mod signals;
mod stats;
mod usage;
mod view;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::join::JoinAdvice;
use self::output::Screen;

/// Runs the program and returns its exit code.
///
/// A failure is one line on `errors`. If the reader of the output goes away, that is not a failure.
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
        Ok(args) => dispatch(args, out),
        Err(error) => usage::answer(&error, &arguments, out).map(|()| ExitStatus::Fine),
    };
    match answer {
        Ok(verdict) => verdict.into(),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done if standard error is gone as well.
            if let Some(advice) = error.downcast_ref::<JoinAdvice>() {
                writeln!(errors, "wslens: {}", usage::whole_line(&advice.line(&arguments))).ok();
                return advice.code.unwrap_or_else(|| ExitCode::from(FAILURE));
            }
            writeln!(errors, "wslens: {}", usage::one_line(&format!("{error:#}"))).ok();
            match error.downcast_ref::<Remark>() {
                Some(remark) => remark.verdict.into(),
                None => ExitCode::from(FAILURE),
            }
        }
    }
}

/// The whole command line, from which help, completions and the manual are generated.
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
    view: view::ViewArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    View(view::ViewArgs),
    Print(print::PrintArgs),
    Check(check::CheckArgs),
    Diagnose(diagnose::DiagnoseArgs),
    Stats(stats::StatsArgs),
    Run(Box<run::RunArgs>),
    Rules(rules::RulesArgs),
    Explain(explain::ExplainArgs),
    Keys(keys::KeysArgs),
    Interfaces(interfaces::InterfacesArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

fn dispatch(args: Args, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
    match args.command {
        Some(command) => command.run(out),
        None if args.view.is_absent() => {
            out.write_all(help::USAGE.as_bytes())?;
            out.flush()?;
            Err(no_source())
        }
        None => {
            args.view.is_no_subcommand()?;
            show(&args.view, out)
        }
    }
}

/// Shows a capture on the screen, or as text if standard output is not a terminal.
fn show(args: &view::ViewArgs, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
    let screen = Screen::of_standard_output();
    if screen.columns.is_some() {
        view::run(args)?;
    } else {
        args.print(screen, out)?;
    }
    Ok(ExitStatus::Fine)
}

fn no_source() -> anyhow::Error {
    anyhow::anyhow!(
        "no capture given: name a file, - for standard input, or -i INTERFACE; see wslens --help"
    )
}

impl Command {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
        match self {
            Self::View(args) => return show(&args, out),
            Self::Print(args) => print::run(&args, out)?,
            Self::Check(args) => return check::run(&args, out),
            Self::Diagnose(args) => return diagnose::run(&args, out),
            Self::Stats(args) => stats::run(&args, out)?,
            Self::Run(args) => return run::run(*args, out),
            Self::Rules(args) => rules::run(&args, out)?,
            Self::Explain(args) => explain::run(&args, out)?,
            Self::Keys(args) => return keys::run(&args, out),
            Self::Interfaces(args) => interfaces::run(&args, out)?,
            Self::Completions(args) => completions::run(&args, out)?,
            Self::Man(args) => man::run(&args, out)?,
        }
        Ok(ExitStatus::Fine)
    }
}

/// The meaning of the exit code, unless we failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ExitStatus {
    /// No finding at or above `--fail-on`.
    Fine,
    /// Findings at or above `--fail-on`.
    Findings,
    /// The exit code of the command of `wslens run`.
    Command(u8),
}

impl From<ExitStatus> for ExitCode {
    fn from(verdict: ExitStatus) -> Self {
        match verdict {
            ExitStatus::Fine => Self::SUCCESS,
            ExitStatus::Findings => Self::from(FINDINGS),
            ExitStatus::Command(code) => Self::from(code),
        }
    }
}

/// A line for standard error that is not a failure.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Remark {
    text: String,
    verdict: ExitStatus,
}

/// Whether the reader of the output went away.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// The exit code if there are findings at or above `--fail-on`.
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
