//! `wslens completions`: scripts that complete arguments.

use std::io::Write;

use clap_complete::Shell;

/// Write a completion script for a shell
///
/// For example: wslens completions bash > ~/.local/share/bash-completion/completions/wslens
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// Shell to write it for
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Runs `completions`.
///
/// # Errors
///
/// If the script cannot be written.
pub(super) fn run(args: &CompletionsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    // Generated in memory first: the generator panics if it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "wslens", &mut script);
    out.write_all(&script)?;
    out.flush()?;
    Ok(())
}
