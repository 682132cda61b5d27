//! `wslens keys`: the secrets that captures bring along.

mod inject;
mod list;
mod sessions;
mod strip;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::ExitStatus;
use crate::capture::{Replacing, is_same_file};

/// List, add or remove the secrets of a capture
///
/// A pcapng file can bring along the secrets that decrypt it (Decryption Secrets Blocks), so that
/// one file is all that is needed to read it. Secrets themselves are never shown.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = false, after_help = EXAMPLES)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    List(list::ListArgs),
    Inject(inject::InjectArgs),
    Strip(strip::StripArgs),
}

/// Runs `keys`.
///
/// # Errors
///
/// As its subcommands.
pub(super) fn run(args: &KeysArgs, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
    match &args.command {
        KeysCommand::List(args) => return list::run(args, out),
        KeysCommand::Inject(args) => inject::run(args, out)?,
        KeysCommand::Strip(args) => strip::run(args, out)?,
    }
    Ok(ExitStatus::Fine)
}

/// Where to write the capture.
#[derive(Debug, clap::Args)]
struct OutputArgs {
    /// File to write, as pcapng
    ///
    /// Only its owner can read it.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Replace the file of -o if it exists
    #[arg(long)]
    force: bool,
}

impl OutputArgs {
    /// Checks that the file is none of those that are read.
    fn check<'p>(&self, mut read: impl Iterator<Item = &'p Path>) -> anyhow::Result<()> {
        if self.output == Path::new("-") {
            anyhow::bail!("-o - is not possible: a capture is written to a file");
        }
        if read.any(|input| is_same_file(input, &self.output)) {
            anyhow::bail!("{} is a file being read; write to another file", self.output.display());
        }
        Ok(())
    }

    fn replacing(&self) -> Replacing {
        if self.force { Replacing::Yes } else { Replacing::No }
    }
}

/// Checks that a capture can be read more than once.
fn check_capture(path: &Path) -> anyhow::Result<()> {
    if path == Path::new("-") {
        anyhow::bail!("standard input can be read only once; save it to a file first");
    }
    Ok(())
}

/// Examples after the help.
const EXAMPLES: &str = "\
Examples:
  wslens keys list feed.pcapng                             which sessions can be decrypted
  wslens keys list feed.pcap --keylog keys.log             the same with a key log
  wslens keys inject feed.pcap keys.log -o feed.pcapng     one file with all that is needed
  wslens keys strip feed.pcapng -o shared.pcapng           without secrets, to be given away";
