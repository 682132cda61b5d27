//! `wslens run -- COMMAND`: captures while a command runs, with the secrets of its TLS connections.

mod launch;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::{Args, Subcommand};

use self::launch::CommandOutput;
pub(super) use self::launch::{CommandRights, LaunchedCommand};
use super::capture::SourceArgs;
use super::check::CheckArgs;
use super::diagnose::DiagnoseArgs;
use super::output::Screen;
use super::print::PrintArgs;
use super::stats::StatsArgs;
use super::view::ViewArgs;
use super::{Command, ExitStatus, Remark, signals};
use crate::capture::live;

/// Run a command and see inside its TLS connections
///
/// Captures on the loopback interface (or those of -i) while the command runs, decrypts its TLS connections,
/// and shows them on the screen. `run print`, `run check`, `run diagnose` and `run stats` write lines
/// instead.
///
/// The command gets a private key log, which is removed at the end, through SSLKEYLOGFILE (curl, Python,
/// Firefox, Chromium, Deno and others) and NODE_OPTIONS=--tls-keylog (node). Go, Java, .NET, Ruby and PHP do
/// not write one by themselves: their connections are decrypted only if the other side, started by the
/// same command, does, or with --keylog FILE if the program itself writes that file.
///
/// The command runs with the rights of the user, also if wslens was started by sudo. Capturing ends when the
/// command does.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_long_help = AFTER)]
#[command(arg_required_else_help = false, override_usage = USAGE)]
pub(super) struct RunArgs {
    #[command(subcommand)]
    analysis: Option<Analysis>,

    #[command(flatten)]
    view: WithCommand<ViewArgs>,
}

/// What is done with the packets.
#[derive(Debug, Subcommand)]
enum Analysis {
    /// Show what the command sends and receives on the screen; the same as wslens run -- COMMAND
    View(WithCommand<ViewArgs>),
    /// Print handshakes and messages of the command, one line each
    Print(WithCommand<PrintArgs>),
    /// Check the connections of the command against the standards
    Check(WithCommand<CheckArgs>),
    /// Find out why a connection of the command failed or dropped
    Diagnose(WithCommand<DiagnoseArgs>),
    /// Count what the command sends and receives
    Stats(WithCommand<StatsArgs>),
}

/// The options of a subcommand, and the command that runs meanwhile.
#[derive(Debug, Args)]
struct WithCommand<T: Args> {
    #[command(flatten)]
    options: T,

    /// The command to run, and its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    command: Vec<OsString>,
}

/// Runs `run`.
///
/// # Errors
///
/// As the subcommand; if the command cannot be started.
pub(super) fn run(args: RunArgs, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
    let is_view = matches!(args.analysis, None | Some(Analysis::View(_)));
    let on_screen = is_view && Screen::of_standard_output().columns.is_some();
    let output = if on_screen { CommandOutput::Later } else { CommandOutput::StandardError };
    let (analysis, command) = args.prepare(output)?;
    if let Some(given) = std::env::var_os("SSLKEYLOGFILE").filter(|given| !given.is_empty()) {
        let given = Path::new(&given).display().to_string();
        let text = "is not written now: the command gets a private key log";
        writeln!(io::stderr(), "wslens: {given} (SSLKEYLOGFILE) {text}").ok();
    }
    if !on_screen {
        let dying = command.clone();
        signals::stop_at_first(&command.interrupted(), move || dying.abandon())?;
    }
    let outcome = analysis.run(out);
    if on_screen {
        command.end();
    }
    let code = command.finish()?;
    let Some(code) = code.filter(|code| *code != 0) else { return outcome };
    let verdict = ExitStatus::Command(code);
    match outcome.map_err(anyhow::Error::downcast::<Remark>) {
        Ok(_) => Ok(verdict),
        Err(Ok(remark)) => Err(Remark { verdict, ..remark }.into()),
        Err(Err(error)) => Err(error),
    }
}

impl RunArgs {
    /// The subcommand, and the command that is to run meanwhile.
    fn prepare(self, output: CommandOutput) -> anyhow::Result<(Command, LaunchedCommand)> {
        match self.analysis {
            None => self.view.prepare(output, ViewArgs::live_source, Command::View),
            Some(Analysis::View(args)) => {
                args.prepare(output, ViewArgs::live_source, Command::View)
            }
            Some(Analysis::Print(args)) => {
                args.prepare(output, PrintArgs::live_source, Command::Print)
            }
            Some(Analysis::Check(args)) => {
                args.prepare(output, CheckArgs::live_source, Command::Check)
            }
            Some(Analysis::Diagnose(args)) => {
                args.prepare(output, DiagnoseArgs::live_source, Command::Diagnose)
            }
            Some(Analysis::Stats(args)) => {
                args.prepare(output, StatsArgs::live_source, Command::Stats)
            }
        }
    }
}

impl<T: Args> WithCommand<T> {
    /// Has the subcommand capture while the command runs.
    fn prepare(
        mut self,
        output: CommandOutput,
        live_source: impl FnOnce(&mut T) -> anyhow::Result<&mut SourceArgs>,
        subcommand: impl FnOnce(T) -> Command,
    ) -> anyhow::Result<(Command, LaunchedCommand)> {
        let command = LaunchedCommand::new(self.command, output);
        live_source(&mut self.options)?.run(command.clone(), &live::loopback());
        Ok((subcommand(self.options), command))
    }
}

/// How it is called: no file is read.
const USAGE: &str = "wslens run [OPTIONS] -- <COMMAND>...\n       wslens run <SUBCOMMAND> [OPTIONS] -- <COMMAND>...";

/// Examples, and where output and exit codes go.
const AFTER: &str = "\
Examples
  wslens run -- node client.js                              on the screen
  wslens run check -- npm test                              broken rules, for continuous integration
  wslens run print -i eth0 -f 'tcp port 443' -- ./client    what is sent to another machine

Output
  Standard output has the lines of wslens only. What the command writes to standard output and to
  standard error goes to standard error. The screen holds both back until it is closed;
  closing it ends the command.

Exit codes
  That of the command, unless that is 0: then that of print, check, diagnose or stats. 128 and the
  number of the signal if one ended it. 2 if wslens failed.";
